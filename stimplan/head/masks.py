"""Regions of a head for lesions: a mask of voxels from a file, or a ball."""

from __future__ import annotations

import math
import re
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.tensor_volume import world_from_voxel
from stimplan.units import text, to_si
from stimplan.values import frozen_array

Array = NDArray[np.float64]

_BALL_KEYS = ("mni_mm", "center_mm", "radius_mm")
_BALL_EXAMPLE = "such as sphere:mni_mm=-38,-20,50,radius_mm=12 (center_mm for head coordinates)"


def _voxels(values: ArrayLike) -> NDArray[np.bool_]:
    return frozen_array(values, name="is_inside", shape=(None, None, None), dtype=np.bool_)


def _affine(matrix: ArrayLike) -> Array:
    return frozen_array(matrix, name="world_from_voxel", shape=(4, 4))


def _point(values: ArrayLike) -> tuple[float, float, float]:
    x, y, z = frozen_array(values, name="center_m", shape=(3,)).tolist()
    return (x, y, z)


@attrs.frozen(eq=False)
class VoxelMask:
    """A mask of voxels.

    Attributes
    ----------
    is_inside : (i, j, k) bool array
    world_from_voxel : (4, 4) array
        To head coordinates, or to MNI where `in_mni`, m.
    in_mni : bool
    name : str
        For people; plays no part in the digest.
    """

    is_inside: NDArray[np.bool_] = attrs.field(converter=_voxels, eq=attrs.cmp_using(eq=np.array_equal))
    world_from_voxel: Array = attrs.field(converter=_affine, eq=attrs.cmp_using(eq=np.array_equal))
    in_mni: bool = attrs.field(default=False, eq=True)
    name: str = attrs.field(default="mask", eq=False)

    def __attrs_post_init__(self) -> None:
        if not self.is_inside.any():
            raise HeadError(Problem("lesion", "the mask is empty: no voxel is set", file=self.name))

    @property
    def volume_m3(self) -> float:
        """Of all voxels that are set, m³."""
        return int(self.is_inside.sum()) * float(abs(np.linalg.det(self.world_from_voxel[:3, :3])))

    @property
    def description(self) -> str:
        """A few words for a report."""
        return f"mask {self.name}{' in MNI space' if self.in_mni else ''}"

    def contains(self, points_m: Array) -> NDArray[np.bool_]:
        """(p,) whether the voxel nearest to each point (p, 3) is set; outside of the grid nothing is."""
        voxel_from_world = np.linalg.inv(self.world_from_voxel)
        nearest = np.rint(points_m @ voxel_from_world[:3, :3].T + voxel_from_world[:3, 3]).astype(np.int64)
        on_grid = np.all((nearest >= 0) & (nearest < self.is_inside.shape), axis=1)
        inside = np.zeros(len(points_m), dtype=bool)
        inside[on_grid] = self.is_inside[tuple(nearest[on_grid].T)]
        return inside


@attrs.frozen
class Ball:
    """A ball, for teaching and for what-if questions."""

    center_m: tuple[float, float, float] = attrs.field(converter=_point)
    radius_m: float = attrs.field(converter=float)
    in_mni: bool = False

    @property
    def volume_m3(self) -> float:
        """m³."""
        return 4 / 3 * math.pi * self.radius_m**3

    @property
    def description(self) -> str:
        """A few words for a report."""
        place = ", ".join(f"{x / to_si(1, 'mm'):g}" for x in self.center_m)
        return f"ball of radius {text(self.radius_m, 'm')} at {'MNI' if self.in_mni else 'head'} ({place}) mm"

    def contains(self, points_m: Array) -> NDArray[np.bool_]:
        """(p,) whether each point (p, 3) is inside."""
        away = points_m - np.array(self.center_m)
        inside: NDArray[np.bool_] = np.einsum("ij,ij->i", away, away) < self.radius_m**2
        return inside


def read_mask(path: Path, *, in_mni: bool = False) -> VoxelMask:
    """Read a mask from a volume file.

    Parameters
    ----------
    path : Path
        `.nii`, `.nii.gz` or `.mgz`: 0 outside and one other value inside.
    in_mni : bool
        Its world is MNI space, not that of the head.

    Raises
    ------
    HeadError
        A file or header that cannot be used, more than one volume, more than two values, nothing but zeros.
    """
    from stimplan.head.readers.nifti import read_raw, values_of

    file = str(path)
    raw = read_raw(path)
    values = values_of(raw)[0]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise HeadError(Problem("lesion", "the mask holds values that are not finite", file=file))
    found = np.unique(values)
    if len(found) > 2 or (len(found) == 2 and found[0] != 0):
        some = ", ".join(f"{value:g}" for value in found[:5]) + (" …" if len(found) > 5 else "")
        what = f"a mask holds 0 and one other value, this file holds {len(found)}: {some}; make it binary"
        raise HeadError(Problem("lesion", what, file=file))
    if len(found) == 1 and found[0] != 0:
        what = f"every voxel is {found[0]:g}: that is no mask"
        raise HeadError(Problem("lesion", what, file=file))
    return VoxelMask(values != 0, world_from_voxel(raw.header, file), in_mni, path.name)


def read_ball(given: str) -> Ball:
    """Read `sphere:mni_mm=X,Y,Z,radius_mm=R`, or with `center_mm` for head coordinates; semicolons do as well.

    Raises
    ------
    HeadError
        It is not of that form.
    """
    body = given.removeprefix("sphere:")
    pieces = re.findall(r"([a-z_]+)=([^=]*?)(?:[,;]\s*(?=[a-z])|$)", body)
    # `position_mm` is what a region to be measured calls it.
    parts = {"center_mm" if key == "position_mm" else key: value for key, value in pieces}
    problem = Problem("lesion", f"{given!r} is no sphere, {_BALL_EXAMPLE}")
    centers = [key for key in ("mni_mm", "center_mm") if key in parts]
    if set(parts) - set(_BALL_KEYS) or len(parts) < len(pieces) or len(centers) != 1 or "radius_mm" not in parts:
        raise HeadError(problem)
    try:
        numbers = [float(one) for one in parts[centers[0]].split(",")]
        radius_m = to_si(float(parts["radius_mm"]), "mm")
    except ValueError:
        raise HeadError(problem) from None
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)) or not 0 < radius_m < math.inf:
        raise HeadError(problem)
    x, y, z = (to_si(one, "mm") for one in numbers)
    return Ball((x, y, z), radius_m, centers[0] == "mni_mm")
