"""Simple cases for wound coils: slabs around the wings, a shell around strips. Ours, and no maker's drawing.

Where a maker's case is not published, the poses of a coil need some shape that is not smaller than the winding: the
flat face at the coil's z = 0 (or along its bent wings), as far around the outermost turn as asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.coil.strips import Strip
from stimplan.coil.values import Casing
from stimplan.errors import CoilError

if TYPE_CHECKING:
    from stimplan.coil.windings import Wing

Array = NDArray[np.float64]

_CORNERS = 48


def hull(parts: Sequence[Wing | Strip], *, margin_m: float, thickness_m: float) -> Casing:
    """A closed case around wings or strips.

    Parameters
    ----------
    parts : sequence of Wing or Strip
    margin_m : float
        Beyond the outermost turn, in the plane of the wing, m; for strips, around them on all sides but the head's.
    thickness_m : float
        Of a wing's slab, from the face to the back, m; not used for strips.
    """
    if not parts or not margin_m >= 0 or not thickness_m > 0:
        raise CoilError(f"a case needs windings, a margin and a thickness, got {len(parts)}, {margin_m}, {thickness_m}")
    strips = [part for part in parts if isinstance(part, Strip)]
    wings = [part for part in parts if not isinstance(part, Strip)]
    pieces = []
    for wing in _outermost(wings):
        is_flat = wing.fold is None
        pieces += [_slab(wing, margin_m, thickness_m)] if is_flat else _bent_slabs(wing, margin_m, thickness_m)
    if strips:
        pieces.append(_shell(strips, margin_m))
    points, faces, count = [], [], 0
    for corners, triangles in pieces:
        faces.append(triangles + count)
        points.append(corners)
        count += len(corners)
    return Casing(np.concatenate(points), np.concatenate(faces))


def _outermost(wings: Sequence[Wing]) -> list[Wing]:
    """Of the wings with the same axis, the one that reaches farthest: windings on one another share a slab."""
    found: dict[tuple[float, ...], Wing] = {}
    for wing in wings:
        key = tuple(round(value, 9) for value in (*wing.axis, float(np.sign(round(wing.center_m[0], 9)))))
        if key not in found or _reach(wing) > _reach(found[key]):
            found[key] = wing
    return list(found.values())


def _reach(wing: Wing) -> float:
    return math.hypot(*wing.center_m) + max(wing.turn_radii_m)


def _slab(wing: Wing, margin_m: float, thickness_m: float) -> tuple[Array, NDArray[np.int64]]:
    """Prism over the wing's disc, cut where the wings of a pair meet; its front is the wing's face."""
    center, axis = np.asarray(wing.center_m), np.asarray(wing.axis)
    # The axis of a left wing points out of the head: its current runs the other way round. The case does not care.
    into = axis if axis[2] > 0 else -axis
    out = center / np.linalg.norm(center) if np.linalg.norm(center) > 0 else np.array([1.0, 0.0, 0.0])
    across = np.cross(into, out)
    angles = 2 * np.pi * (np.arange(_CORNERS) + 0.5) / _CORNERS
    radius = max(wing.turn_radii_m) + margin_m
    u, v = radius * np.cos(angles), radius * np.sin(angles)
    middle = float(np.linalg.norm(center))
    front = center + np.maximum(u, -middle if middle else -np.inf)[:, None] * out + v[:, None] * across
    back = front - thickness_m * into
    if middle:
        # Bent wings are farther apart at the back: there each reaches to the plane between them, too.
        back[u <= -middle] += (thickness_m * into[0] / out[0]) * out
    return _prism(front, back)


def _bent_slabs(wing: Wing, margin_m: float, thickness_m: float) -> list[tuple[Array, NDArray[np.int64]]]:
    """The part of a wing's slab on each side of its fold; they share the wall at the fold."""
    fold, side = wing.fold, wing.axis[2]
    if fold is None:
        raise CoilError("a slab without a fold is one piece")
    middle, radius = side * wing.center_m[0], max(wing.turn_radii_m) + margin_m
    # The flat part reaches over the middle as far as the winding does: wings that are folded overlap.
    cut = math.acos(max(-1.0, min(1.0, (fold.at_m - middle) / radius)))
    pieces = []
    for start, stop, bend in ((-cut, cut, fold.angle_rad), (cut, 2 * math.pi - cut, 0.0)):
        angles = np.linspace(start, stop, _CORNERS)
        over = middle + radius * np.cos(angles) - fold.at_m
        along = fold.at_m + over * math.cos(bend)
        front = np.stack([side * along, radius * np.sin(angles), over * math.sin(bend)], axis=1)
        # Outlines run counter-clockwise as seen from the head.
        front = front if side > 0 else front[::-1]
        pieces.append(_prism(front, front - [0.0, 0.0, thickness_m]))
    return pieces


def _prism(front: Array, back: Array) -> tuple[Array, NDArray[np.int64]]:
    """Closed triangles between two outlines of a convex shape, with the normals outwards."""
    count = len(front)
    points = np.concatenate([front, back, front.mean(axis=0)[None], back.mean(axis=0)[None]])
    here, then = np.arange(count), (np.arange(count) + 1) % count
    cap = [np.stack([here, then, np.full(count, 2 * count)], axis=1)]
    floor = [np.stack([then + count, here + count, np.full(count, 2 * count + 1)], axis=1)]
    wall = [np.stack([here, here + count, then], axis=1), np.stack([then, here + count, then + count], axis=1)]
    return points, np.concatenate(cap + floor + wall)


def _shell(strips: Sequence[Strip], margin_m: float) -> tuple[Array, NDArray[np.int64]]:
    """Closed box in the angles and the distance from the head's centre around all strips; it rests on the head."""
    head = min(strip.head_radius_m for strip in strips)
    near = min(strip.near_m for strip in strips)
    tilts = [strip.tilt_rad for strip in strips]
    widen, reach = margin_m / near, max(strip.half_angle_rad for strip in strips)
    a = np.linspace(min(tilts) - widen, max(tilts) + widen, 13)
    b = np.linspace(-reach - widen, reach + widen, 13)
    grid_a, grid_b = (part.ravel() for part in np.meshgrid(a, b, indexing="ij"))
    up = np.stack([np.sin(grid_a) * np.cos(grid_b), np.sin(grid_b), -np.cos(grid_a) * np.cos(grid_b)], axis=1)
    center = np.array([0.0, 0.0, head])
    inner, outer = center + head * up, center + (max(strip.far_m for strip in strips) + margin_m) * up
    return _closed(inner, outer, len(a), len(b))


def _closed(inner: Array, outer: Array, rows: int, columns: int) -> tuple[Array, NDArray[np.int64]]:
    """Two grids of points and the walls around them as one closed surface."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (index[i, j].ravel() for i, j in _QUAD)
    sheet = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    rim = np.concatenate([index[0, :-1], index[:-1, -1], index[-1, :0:-1], index[:0:-1, 0]])
    then, shift = np.roll(rim, -1), rows * columns
    walls = [np.stack([rim, then, rim + shift], axis=1), np.stack([then, then + shift, rim + shift], axis=1)]
    return np.concatenate([inner, outer]), np.concatenate([sheet, sheet[:, ::-1] + shift, *walls])


_ALL_BUT_LAST, _ALL_BUT_FIRST = slice(None, -1), slice(1, None)
_QUAD = (
    (_ALL_BUT_LAST, _ALL_BUT_LAST),
    (_ALL_BUT_FIRST, _ALL_BUT_LAST),
    (_ALL_BUT_FIRST, _ALL_BUT_FIRST),
    (_ALL_BUT_LAST, _ALL_BUT_FIRST),
)
