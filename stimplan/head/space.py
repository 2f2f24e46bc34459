"""A head and MNI space: where a point of one lies in the other.

Everybody who needs MNI coordinates asks here, so that a deformation field, where a head has one, is used everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError
from stimplan.head.warp import GridMap, Warp, apply_affine, checked_warp, grid_map
from stimplan.head.warp_files import read_affine_text, read_warp

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel

__all__ = [
    "GridMap",
    "Warp",
    "apply_affine",
    "checked_warp",
    "from_mni_m",
    "grid_map",
    "has_mni",
    "mapping_notice",
    "read_affine_text",
    "read_warp",
    "rotations_to_mni",
    "to_mni_m",
]

Array = NDArray[np.float64]
Outside = Literal["continue", "refuse"]

# Half of the distance over which the turning of a deformation is measured.
_HALF_STEP_M = 1e-3


def has_mni(head: HeadModel) -> bool:
    """Whether points of this head have MNI coordinates."""
    return head.mni_from_head is not None or head.warp is not None


def to_mni_m(head: HeadModel, points_m: ArrayLike, *, outside: Outside = "continue") -> Array:
    """MNI coordinates of points of a head: by its deformation where it has one, else by its affine.

    Parameters
    ----------
    head : HeadModel
    points_m : (..., 3) array
        Head coordinates, m.
    outside : {"continue", "refuse"}
        What to do where the deformation is not known: go on with the affine and the nearest known displacement
        (`mapping_notice` says where that happened), or refuse.

    Returns
    -------
    (..., 3) array
        MNI coordinates, m.

    Raises
    ------
    InputError
        The head has no MNI space, or points are outside of its deformation and that is to be refused.
    """
    _need_mni(head)
    if head.warp is None:
        return apply_affine(np.asarray(head.mni_from_head), points_m)
    if outside == "refuse":
        _refuse_outside(head, head.warp.covers(points_m), "the head")
    return head.warp.to_mni_m(points_m)


def from_mni_m(head: HeadModel, points_m: ArrayLike, *, outside: Outside = "continue") -> Array:
    """Head coordinates of points of MNI space; the other way of `to_mni_m`.

    Raises
    ------
    InputError
        As `to_mni_m`.
    HeadError
        A deformation known in one direction only that cannot be inverted.
    """
    _need_mni(head)
    if head.warp is None:
        return apply_affine(np.linalg.inv(np.asarray(head.mni_from_head)), points_m)
    if outside == "refuse":
        _refuse_outside(head, head.warp.covers_mni(points_m), "MNI space")
    return head.warp.from_mni_m(points_m)


def mapping_notice(head: HeadModel, points_m: ArrayLike) -> str | None:
    """What a reader must know about the mapping of these points to MNI; None where there is nothing to say."""
    if head.warp is None:
        return None
    covered = head.warp.covers(points_m)
    count = int(np.size(covered) - np.count_nonzero(covered))
    if not count:
        return None
    return (
        f"{count} of {np.size(covered)} points lie outside of the deformation field of head {head.name!r}; there the "
        "affine and the nearest known displacement are used"
    )


def rotations_to_mni(head: HeadModel, points_m: ArrayLike) -> Array:
    """How directions turn on the way to MNI: the rotation part of the mapping's derivative (polar decomposition).

    Returns
    -------
    (3, 3) array, or (n, 3, 3) where the head has a deformation
        Vectors turn with the space but are not stretched, so that a field keeps its size in V/m.
    """
    _need_mni(head)
    if head.warp is None:
        slopes = np.asarray(head.mni_from_head)[:3, :3]
    else:
        points = np.asarray(points_m, dtype=np.float64)
        steps = _HALF_STEP_M * np.eye(3)
        columns = [
            (head.warp.to_mni_m(points + step) - head.warp.to_mni_m(points - step)) / (2 * _HALF_STEP_M)
            for step in steps
        ]
        slopes = np.stack(columns, axis=-1)
    u, _, vt = np.linalg.svd(slopes)
    return u @ vt


def _need_mni(head: HeadModel) -> None:
    if not has_mni(head):
        raise InputError(f"head {head.name!r} has no MNI coordinates; give positions in the head's own instead")


def _refuse_outside(head: HeadModel, covered: NDArray[np.bool_], where: str) -> None:
    count = int(np.size(covered) - np.count_nonzero(covered))
    if count:
        raise InputError(f"{count} of {np.size(covered)} points of {where} are outside of head {head.name!r}'s field")
