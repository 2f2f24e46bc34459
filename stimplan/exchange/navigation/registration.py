"""From the coordinates of a navigator's file to those of a head model, and whether the coils touch that head then.

A navigator's positions are in the image the person was registered to. They are those of a head model where it was made
from that image; else they are in MNI space, or another matrix takes them there. A wrong choice moves a coil by
centimetres and nothing in the numbers shows it but where the coils end up: so every pose is held against the scalp.
A shift along the scalp leaves the coils on it, and no such test can find that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, InputError, Problem
from stimplan.exchange.navigation.model import NavigationTarget
from stimplan.fem.surface import area_vectors
from stimplan.head.model import HeadModel
from stimplan.head.scalp import nearest_on_surface
from stimplan.head.space import from_mni_m, has_mni, mapping_notice, read_affine_text, rotations_to_mni
from stimplan.pose import NORMAL_RADIUS_M, CoilPose
from stimplan.units import text

Array = NDArray[np.float64]
Coordinates = Literal["head", "mni"]

# What still counts as a coil on this head; the choice of this program. Hair, an EEG cap and foam keep a coil off the
# scalp; the surface of a template, or of a head that was registered by a few points, may lie outside the middle of it.
FARTHEST_OUTSIDE_M = 0.030
DEEPEST_INSIDE_M = 0.015
MOST_OBLIQUE_RAD = math.radians(60)
# Half of a session's coils farther off or deeper than this: not refused, but a person is to look at it.
_USUAL_M = (-0.005, 0.015)
# A registration that stretches by more than this is told: a coil keeps its size and is only moved and turned.
_RIGID = 0.01
_MOST_TOLD = 10


@attrs.frozen
class Contact:
    """How a coil lies to a scalp.

    Attributes
    ----------
    distance_m : float
        From the scalp to the middle of the coil's face; negative inside the head.
    angle_rad : float
        Between the coil's axis and the inward normal of the scalp there.
    """

    distance_m: float
    angle_rad: float

    @property
    def fault(self) -> str:
        """Why this is no coil on the head, or ""."""
        if self.distance_m > FARTHEST_OUTSIDE_M:
            return f"{text(self.distance_m, 'm')} off the scalp, at most {text(FARTHEST_OUTSIDE_M, 'm')} is allowed"
        if self.distance_m < -DEEPEST_INSIDE_M:
            return f"{text(-self.distance_m, 'm')} inside the head, at most {text(DEEPEST_INSIDE_M, 'm')} is allowed"
        if self.angle_rad > MOST_OBLIQUE_RAD:
            return f"its axis is {text(self.angle_rad, 'rad')} off the scalp's normal: it does not face the head"
        return ""


def read_registration(path: str | Path) -> Array:
    """Read a matrix from a navigator's coordinates to those of a head.

    Parameters
    ----------
    path : path
        Four rows of four numbers, mm; RAS on both sides.

    Returns
    -------
    (4, 4) array
        `head_from_file`, m.

    Raises
    ------
    HeadError
        Not 4 x 4 numbers, another last row, mirrored, or it halves or doubles lengths.
    """
    return np.asarray(np.linalg.inv(read_affine_text(path)), dtype=np.float64)


def registered(
    targets: Sequence[NavigationTarget], head: HeadModel, how: Coordinates | Array
) -> tuple[tuple[NavigationTarget, ...], tuple[str, ...]]:
    """Positions in the coordinates of a head.

    Parameters
    ----------
    targets : sequence of NavigationTarget
    head : HeadModel
    how : "head", "mni" or (4, 4) array
        What their coordinates are: those of the head, MNI, or others that this matrix (m) takes to those of the head.

    Returns
    -------
    targets, notices
        A coil is moved and turned and keeps its size, also where the mapping stretches.

    Raises
    ------
    InputError
        MNI coordinates on a head that has none.
    """
    if isinstance(how, str) and how == "head":
        return tuple(targets), ()
    centers = np.array([target.pose.center_m for target in targets])
    notices: list[str] = []
    if isinstance(how, str):
        moved = from_mni_m(head, centers)
        turns = np.broadcast_to(np.swapaxes(rotations_to_mni(head, moved), -1, -2), (len(centers), 3, 3))
        notices += [told] if (told := mapping_notice(head, moved)) else []
    else:
        moved = centers @ how[:3, :3].T + how[:3, 3]
        u, sizes, vt = np.linalg.svd(how[:3, :3])
        turns = np.broadcast_to(u @ vt, (len(centers), 3, 3))
        if np.abs(sizes - 1).max() > _RIGID:
            notices.append(
                f"the registration stretches by {sizes.min():.3f} to {sizes.max():.3f}; coils are moved and turned only"
            )
    return tuple(
        attrs.evolve(target, pose=_moved(target.pose, turn, center))
        for target, turn, center in zip(targets, turns, moved, strict=True)
    ), tuple(notices)


def _moved(pose: CoilPose, turn: Array, center_m: Array) -> CoilPose:
    matrix = np.array(pose.matrix_m)
    matrix[:3, :3], matrix[:3, 3] = turn @ matrix[:3, :3], center_m
    return CoilPose(matrix, how=pose.how, notices=pose.notices)


def contacts(head: HeadModel, poses: Sequence[CoilPose]) -> tuple[Contact, ...]:
    """How each coil lies to the scalp of a head."""
    centers = np.array([pose.center_m for pose in poses])
    feet, triangles = nearest_on_surface(centers, head.nodes_m, head.scalp)
    found = []
    for pose, foot, normal in zip(poses, feet, _normals(head, feet, triangles), strict=True):
        away = pose.center_m - foot
        distance = math.copysign(float(np.linalg.norm(away)), float(away @ normal))
        found.append(Contact(distance, math.acos(float(np.clip(-pose.z @ normal, -1.0, 1.0)))))
    return tuple(found)


def _normals(head: HeadModel, feet_m: Array, triangles: NDArray[np.int64]) -> Array:
    """(n, 3) outward normals of the scalp around places of it, as `local_normal` has them, for thousands of places."""
    from scipy.spatial import cKDTree

    vectors = area_vectors(head.nodes_m, head.scalp)
    near = cKDTree(head.nodes_m[head.scalp].mean(axis=1)).query_ball_point(feet_m, NORMAL_RADIUS_M)
    normals = np.empty((len(feet_m), 3))
    for row, seed in enumerate(triangles):
        around = vectors[np.union1d(np.array(near[row], dtype=np.int64), seed)]
        mean = around[around @ vectors[seed] > 0].sum(axis=0)
        normals[row] = mean / np.linalg.norm(mean)
    return normals


def touching(
    targets: Sequence[NavigationTarget], head: HeadModel, how: Coordinates | Array, *, may_skip: bool = False
) -> tuple[tuple[NavigationTarget, ...], tuple[str, ...]]:
    """Positions in the coordinates of a head, of coils that are on it.

    Parameters
    ----------
    targets, head, how
        As in `registered`.
    may_skip : bool
        Leave out, by name, single coils that do not touch the head, such as pulses into the air.

    Returns
    -------
    targets, notices

    Raises
    ------
    InputError
        A coil does not touch the head, each with its distance; or none of them does, with the coordinates in which
        they would.
    """
    placed, notices = registered(targets, head, how)
    found = contacts(head, [one.pose for one in placed])
    faults = [contact.fault for contact in found]
    off = [f"{one.name}: {what}" for one, what in zip(placed, faults, strict=True) if what]
    if not off or (may_skip and len(off) < len(placed)):
        kept = [(one, contact) for one, contact in zip(placed, found, strict=True) if not contact.fault]
        told = _distances([contact.distance_m for _, contact in kept])
        return tuple(one for one, _ in kept), (*notices, *told, *(f"left out: {what}" for what in off))
    more = [f"and {len(off) - _MOST_TOLD} more"] if len(off) > _MOST_TOLD else []
    where = f"{len(off)} of {len(placed)} coils do not touch head {head.name!r}"
    raise InputError([Problem("", f"{where}; {_hint(targets, head, how, len(off))}"),
                      *(Problem("", what) for what in (*off[:_MOST_TOLD], *more))])  # fmt: skip


def _distances(distances_m: list[float]) -> list[str]:
    """How far the coils are from the scalp, and a warning where most of them are where coils seldom are."""
    low, middle, high = (float(value) for value in np.quantile(distances_m, [0, 0.5, 1]))
    span = f"{text(low, 'm')} to {text(high, 'm')}, median {text(middle, 'm')}"
    told = [f"from the scalp to the middle of the coil: {span} (negative: inside)"]
    if not _USUAL_M[0] <= middle <= _USUAL_M[1]:
        told.append("that is an unusual distance for a coil: are the coordinates those of this head?")
    return told


def _hint(targets: Sequence[NavigationTarget], head: HeadModel, how: Coordinates | Array, count: int) -> str:
    """What may be wrong: other coordinates in which more of the coils touch the head, where there are such."""
    others: list[tuple[str, Coordinates | Array]] = []
    if not isinstance(how, str):
        others.append(("with the inverse of this matrix", np.asarray(np.linalg.inv(how), dtype=np.float64)))
    others.append(("taken as coordinates of the head", "head"))
    if has_mni(head):
        others.append(("taken as MNI coordinates", "mni"))
    for words, other in others:
        if isinstance(how, str) and isinstance(other, str) and other == how:
            continue
        try:
            placed, _ = registered(targets, head, other)
        except (InputError, HeadError):
            continue
        left = sum(bool(one.fault) for one in contacts(head, [target.pose for target in placed]))
        if left < count:
            return f"{words} {len(targets) - left} of {len(targets)} do"
    return "are they in the coordinates of this head?"
