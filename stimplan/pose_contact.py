"""A rigid coil against a scalp: does its casing cut the head, and how far must it go back to rest on it.

The casing is a cloud of points, dense enough that no part of the head fits between them. Along the coil's axis the
line through each point crosses the scalp at known depths; between an odd and an even crossing it is inside the head.
So the smallest way back at which no point is inside is found exactly, without steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.compiled import jit
from stimplan.errors import CoilError
from stimplan.head.scalp import nearest_on_surface
from stimplan.units import text
from stimplan.values import array_eq, frozen_array

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel
    from stimplan.pose import CoilPose

Array = NDArray[np.float64]

# A casing may be pressed this far into the skin: less than hair, more than rounding.
TOUCH_M = 1e-4
# A coil that must go back farther than this is not at the place it was asked for.
MOST_LIFT_M = 0.05
_SPACING_M = 3e-3
# Lines that meet an edge of two triangles would count it twice; a shift by nanometres takes them off it.
_ASIDE_M = np.array([3.1e-9, 1.7e-9])


def _mask(values: ArrayLike) -> NDArray[np.bool_]:
    return frozen_array(values, name="is_inside", shape=(None,), dtype=np.bool_)


@attrs.frozen
class Intersection:
    """How far a casing is inside a head.

    Attributes
    ----------
    depth_m : float
        Distance of the deepest point of the casing from the scalp, m; 0 where none is inside.
    deepest_m : 3-tuple or None
        That point, head coordinates, m.
    is_inside : (k,) bool array
        Which points of the casing are inside.
    """

    depth_m: float
    deepest_m: tuple[float, float, float] | None
    is_inside: NDArray[np.bool_] = attrs.field(converter=_mask, eq=array_eq)


def flat_casing(discs_m: Sequence[tuple[float, float, float]], *, spacing_m: float = _SPACING_M) -> Array:
    """Points of a flat casing that lies on z = 0 of the coil, made of discs.

    Parameters
    ----------
    discs_m : sequence of (x, y, radius)
        m, in the coil's frame.
    spacing_m : float

    Returns
    -------
    (k, 3) array
        A grid over the discs, with points on their rims, m.
    """
    points = []
    for x, y, radius in discs_m:
        if not (radius > 0 and spacing_m > 0):
            raise CoilError(f"a disc of a casing has the radius {radius!r} m; expected more than 0")
        rings = np.linspace(0, radius, int(np.ceil(radius / spacing_m)) + 1)
        for ring in rings:
            count = max(int(np.ceil(2 * np.pi * ring / spacing_m)), 1)
            angle = 2 * np.pi * np.arange(count) / count
            points.append(np.column_stack([x + ring * np.cos(angle), y + ring * np.sin(angle), np.zeros(count)]))
    return np.concatenate(points)


def intersection(head: HeadModel, pose: CoilPose, casing_points_m: ArrayLike) -> Intersection:
    """Report how far a coil's casing is inside a head.

    Parameters
    ----------
    head : HeadModel
    pose : CoilPose
    casing_points_m : (k, 3) array
        In the coil's frame, m.

    Raises
    ------
    CoilError
        No points, or not finite.
    """
    casing = _casing(casing_points_m)
    starts, ends, owner = _inside_ranges(head, pose, casing)
    depth = casing[owner, 2]
    is_inside = np.zeros(len(casing), dtype=bool)
    is_inside[owner[(starts < depth) & (depth < ends)]] = True
    if not is_inside.any():
        return Intersection(0.0, None, is_inside)
    points = pose.to_head(casing[is_inside])
    nearest, _ = nearest_on_surface(points, head.nodes_m, head.scalp)
    away = np.linalg.norm(points - nearest, axis=1)
    deepest = int(np.argmax(away))
    x, y, z = map(float, points[deepest])
    return Intersection(float(away[deepest]), (x, y, z), is_inside)


def rest_on_scalp(
    head: HeadModel, pose: CoilPose, casing_points_m: ArrayLike, *, tolerance_m: float = TOUCH_M
) -> CoilPose:
    """Move a coil back along its axis by the least way at which its casing does not cut the head.

    Parameters
    ----------
    head : HeadModel
    pose : CoilPose
    casing_points_m : (k, 3) array
        In the coil's frame, m.
    tolerance_m : float
        No point may be inside the head by more than this, m.

    Returns
    -------
    CoilPose
        The same where it cuts nothing; else with a notice that says how far it was moved.

    Raises
    ------
    CoilError
        It would have to move by more than 50 mm.
    """
    casing = _casing(casing_points_m)
    starts, ends, owner = _inside_ranges(head, pose, casing)
    depth = casing[owner, 2]
    # Moving back by a way between these two puts the point inside.
    low, high = depth - ends, depth - starts - tolerance_m
    is_ahead = high > 0
    order = np.argsort(low[is_ahead], kind="stable")
    lift_m = float(_least_way(low[is_ahead][order], high[is_ahead][order]))
    if lift_m > MOST_LIFT_M:
        raise CoilError(
            f"the casing would have to move back by {text(lift_m, 'm')} to clear head {head.name!r}; at most "
            f"{text(MOST_LIFT_M, 'm')} is allowed. Turn or tilt the coil, or move it"
        )
    if lift_m == 0.0:
        return pose
    told = f"moved back by {text(lift_m, 'm')}, so that the casing rests on the scalp without cutting it"
    return attrs.evolve(pose.lifted(lift_m), notices=(*pose.notices, told))


def _casing(points_m: ArrayLike) -> Array:
    try:
        casing = frozen_array(points_m, name="casing_points_m", shape=(None, 3))
    except ValueError as error:
        raise CoilError(str(error)) from None
    if not len(casing):
        raise CoilError("a casing of no points")
    return casing


def _inside_ranges(head: HeadModel, pose: CoilPose, casing: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """Where the line through each point along z is inside the head: starts and ends, z of the coil, and its point."""
    corners = pose.from_head(head.nodes_m)[head.scalp]
    flat = corners[:, :, :2]
    points = casing[:, :2] + _ASIDE_M
    low, high = points.min(axis=0), points.max(axis=0)
    is_near = (flat.max(axis=1) >= low).all(axis=1) & (flat.min(axis=1) <= high).all(axis=1)
    by_x = np.argsort(points[:, 0], kind="stable")
    near = np.ascontiguousarray(corners[is_near])
    sorted_points = np.ascontiguousarray(points[by_x])
    count = _crossings(sorted_points, near, np.empty(0, dtype=np.int64), np.empty(0))
    number, z = np.empty(count, dtype=np.int64), np.empty(count)
    _crossings(sorted_points, near, number, z)
    point = by_x[number]
    order = np.lexsort((z, point))
    point, z = point[order], z[order]
    # The surface is closed, so crossings come in pairs: in, out, in, out.
    rank = np.arange(len(point)) - np.searchsorted(point, point)
    is_start = rank % 2 == 0
    is_start[:-1] &= point[:-1] == point[1:]
    is_start[-1:] = False
    start = np.flatnonzero(is_start)
    return z[start], z[start + 1], point[start]


@jit
def _least_way(low, high):  # type: ignore[no-untyped-def]
    """The least number from 0 on that lies in none of the open intervals, which are sorted by their lower ends."""
    way = 0.0
    for k in range(len(low)):
        if low[k] < way < high[k]:
            way = high[k]
    return way


@jit
def _crossings(points, corners, number, z):  # type: ignore[no-untyped-def]
    """Where lines along z through points (sorted by x) cross triangles; counts them where there is no room."""
    count = 0
    for t in range(len(corners)):
        a, b, c = corners[t, 0], corners[t, 1], corners[t, 2]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0.0:  # seen edge-on: no point lies inside
            continue
        low_y, high_y = min(a[1], b[1], c[1]), max(a[1], b[1], c[1])
        first = np.searchsorted(points[:, 0], min(a[0], b[0], c[0]))
        last = np.searchsorted(points[:, 0], max(a[0], b[0], c[0]), side="right")
        for k in range(first, last):
            x, y = points[k, 0], points[k, 1]
            if y < low_y or y > high_y:
                continue
            second = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
            third = ((y - a[1]) * (b[0] - a[0]) - (x - a[0]) * (b[1] - a[1])) / area
            if second >= 0 and third >= 0 and 1 - second - third >= 0:
                if count < len(number):
                    number[count] = k
                    z[count] = (1 - second - third) * a[2] + second * b[2] + third * c[2]
                count += 1
    return count
