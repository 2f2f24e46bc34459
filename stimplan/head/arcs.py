"""Tape measures on a scalp: the shortest way over the head within a plane, from one point over another to a third.

A tape that is drawn tight from A over V to B lies in the plane of the three and touches the head where the head is
convex; it bridges hollows. In that plane it is the convex hull of the cut through the scalp, on V's side of the line
A-B. Ears and nose would hold the tape off the head, so what stands out of the head there is left out of the cut.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError
from stimplan.head.scalp import nearest_on_surface
from stimplan.values import frozen_array

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel

Array = NDArray[np.float64]

# An ear is a sheet of some 5 to 10 mm, the bridge of a nose 20 mm wide: neither holds a ball of this radius.
OPENING_RADIUS_M = 0.012
# What stands out of the opened head by less than this is the head itself (two voxels: the opening is a staircase).
STANDS_OUT_M = 0.006
_VOXEL_M = 0.003
# Nearer to the line between the ends than this, a point of the scalp is one of the ends itself.
_SAME_POINT_M = 1e-6


def _points(values: ArrayLike) -> Array:
    return frozen_array(values, name="points_m", shape=(None, 3))


@attrs.frozen(eq=False)
class Arc:
    """A polyline that is measured along.

    Attributes
    ----------
    points_m : (n, 3) array
        Its corners, from the start to the end, m.
    """

    points_m: Array = attrs.field(converter=_points)

    @property
    def distances_m(self) -> Array:
        """(n,) way from the start to each corner, m."""
        steps = np.linalg.norm(np.diff(self.points_m, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length_m(self) -> float:
        """Way from the start to the end, m."""
        return float(self.distances_m[-1])

    def at(self, fraction: float) -> Array:
        """(3,) point after a fraction of the whole way, 0 to 1."""
        return self.at_distance_m(fraction * self.length_m)

    def at_distance_m(self, distance_m: float) -> Array:
        """(3,) point after a way from the start, m."""
        return np.array([np.interp(distance_m, self.distances_m, self.points_m[:, axis]) for axis in range(3)])

    def fraction_at(self, point_m: ArrayLike) -> float:
        """Fraction of the way after which the arc is nearest to a point."""
        point = np.asarray(point_m, dtype=np.float64)
        start, along = self.points_m[:-1], np.diff(self.points_m, axis=0)
        share = np.einsum("ij,ij->i", point - start, along) / np.einsum("ij,ij->i", along, along)
        feet = start + np.clip(share, 0, 1)[:, None] * along
        best = int(np.argmin(np.linalg.norm(feet - point, axis=1)))
        passed = self.distances_m[best] + np.linalg.norm(feet[best] - start[best])
        return float(passed / self.length_m)


@attrs.frozen(eq=False)
class Surface:
    """The part of a scalp that a tape lies on.

    Attributes
    ----------
    nodes_m : (n, 3) array
    triangles : (k, 3) int array
    """

    nodes_m: Array
    triangles: NDArray[np.integer]

    def project(self, points_m: ArrayLike) -> Array:
        """Nearest points of the surface, (..., 3) to (..., 3), m."""
        points = np.asarray(points_m, dtype=np.float64)
        return nearest_on_surface(points.reshape(-1, 3), self.nodes_m, self.triangles)[0].reshape(points.shape)


@lru_cache(maxsize=4)
def measuring_surface(head: HeadModel) -> Surface:
    """Scalp of a head without what stands out of it: ears and the nose.

    The head is filled with voxels of 3 mm and opened with a ball of 12 mm; triangles of the scalp that are more than
    6 mm outside of the result are left out. The others are those of the scalp itself, unchanged.
    """
    from scipy.ndimage import distance_transform_edt, map_coordinates

    from stimplan.fem.locate import rasterize

    pad = OPENING_RADIUS_M + 2 * _VOXEL_M
    low = head.nodes_m.min(axis=0) - pad
    sides = np.ceil((head.nodes_m.max(axis=0) + pad - low) / _VOXEL_M) + 1
    shape = (int(sides[0]), int(sides[1]), int(sides[2]))
    matrix = np.diag([_VOXEL_M, _VOXEL_M, _VOXEL_M, 1.0])
    matrix[:3, 3] = low
    inside = rasterize(head.nodes_m, head.tets, shape=shape, affine_m=matrix) >= 0
    core = distance_transform_edt(inside, sampling=_VOXEL_M) > OPENING_RADIUS_M
    away = distance_transform_edt(~core, sampling=_VOXEL_M) - OPENING_RADIUS_M
    centers = head.nodes_m[head.scalp].mean(axis=1)
    stands_out = map_coordinates(away, ((centers - low) / _VOXEL_M).T, order=1)
    kept = head.scalp[stands_out <= STANDS_OUT_M]
    if not len(kept):
        raise HeadError(f"head {head.name!r} is too thin to be measured: a ball of 12 mm fits nowhere into it")
    return Surface(head.nodes_m, kept)


def tape(surface: Surface, *, start_m: ArrayLike, via_m: ArrayLike, end_m: ArrayLike) -> Arc:
    """Tape drawn tight over a surface from one point over another to a third, in the plane of the three.

    Parameters
    ----------
    surface : Surface
    start_m, via_m, end_m : (3,) array
        `via_m` only says in which plane and on which side the tape runs.

    Raises
    ------
    HeadError
        The three points lie on a line.
    """
    start, via, end = (np.asarray(point, dtype=np.float64) for point in (start_m, via_m, end_m))
    span = np.linalg.norm(end - start)
    along = (end - start) / span if span > 0 else np.full(3, np.nan)
    out = via - start - ((via - start) @ along) * along
    if not np.linalg.norm(out) > 1e-6:
        raise HeadError("a tape needs three points that are not on one line")
    out = out / np.linalg.norm(out)
    cut = _cut(surface, start, np.cross(along, out)) - start
    across, up = cut @ along, cut @ out
    above = up > _SAME_POINT_M
    plane = np.column_stack([np.r_[across[above], 0.0, span], np.r_[up[above], 0.0, 0.0]])
    chain = _over(plane)
    return Arc(start + np.outer(chain[:, 0], along) + np.outer(chain[:, 1], out))


def _cut(surface: Surface, origin: Array, normal: Array) -> Array:
    """Points where the edges of a surface cross a plane."""
    height = (surface.nodes_m - origin) @ normal
    crossings = []
    for one, other in ((0, 1), (1, 2), (2, 0)):
        a, b = surface.triangles[:, one], surface.triangles[:, other]
        crosses = (height[a] > 0) != (height[b] > 0)
        a, b = a[crosses], b[crosses]
        share = height[a] / (height[a] - height[b])
        crossings.append(surface.nodes_m[a] + share[:, None] * (surface.nodes_m[b] - surface.nodes_m[a]))
    return np.concatenate(crossings)


def _over(points: Array) -> Array:
    """Convex hull from the point before last, clockwise over the others to the last one (both at height 0)."""
    from scipy.spatial import ConvexHull, QhullError

    first, last = len(points) - 2, len(points) - 1
    if len(points) == 2:  # nothing in the way: the tape is the straight line
        return points
    try:
        ring = [int(node) for node in ConvexHull(points).vertices]  # counter-clockwise
    except QhullError as error:
        raise HeadError("a tape over a part of the scalp that is no surface") from error
    if first not in ring or last not in ring:
        raise HeadError("a tape whose ends coincide with the scalp beside them: the points are too near")
    turned = ring[ring.index(last) :] + ring[: ring.index(last)]
    return points[turned[: turned.index(first) + 1][::-1]]
