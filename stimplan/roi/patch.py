"""Patches of the cortex: how far it is along the surface, and what lies within a distance.

Distances are those of the triangle surface itself: where two corners of a triangle are at distances a and b from the
middle, the third is at the length of the straight line that unfolds them into one plane, if that line crosses their
edge, and else at the shorter way along an edge (the update of Novotni & Klein 2002, "Computing geodesic distances on
triangular meshes"). It is repeated until no distance becomes shorter, so obtuse triangles need no order.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.fem.surface import area_vectors, nearest_on_surface
from stimplan.head.cortex import Cortex, cortex_of
from stimplan.head.model import HeadModel
from stimplan.units import text

Array = NDArray[np.float64]

# A middle farther from the cortex than this is no place on it: scalp to cortex is 10 to 25 mm.
FARTHEST_M = 0.040
_MOST_ROUNDS = 2000


@attrs.frozen(eq=False)
class CorticalPatch:
    """The part of the cortex within a distance of a point, along the surface.

    Attributes
    ----------
    center_m : (3,) array
        On the cortex.
    distance_m : (p,) array
        Of each point of the cortex from it, along the surface; infinite beyond the patch and its rim.
    weights_m2 : (p,) array
        Area that belongs to each point, triangles on the rim cut; 0 outside.
    """

    center_m: Array
    distance_m: Array
    weights_m2: Array

    @property
    def area_m2(self) -> float:
        """m²."""
        return float(self.weights_m2.sum())


def patch_on(head: HeadModel, point_m: Array, radius_m: float) -> CorticalPatch:
    """The patch around the point of the cortex nearest to a position.

    Raises
    ------
    InputError
        The position is farther than 40 mm from the cortex.
    """
    cortex = cortex_of(head)
    triangles = np.asarray(cortex.triangles)
    seed, center = nearest_on_surface(point_m, np.asarray(cortex.points_m), triangles)
    away = float(np.linalg.norm(point_m - center))
    if not away <= FARTHEST_M:
        what = f"the middle of the patch is {text(away, 'm')} from the cortex of head {head.name!r}, at most "
        raise InputError(f"{what}{text(FARTHEST_M, 'm')} is allowed; is it in the coordinates of this head?")
    distance = _distances(cortex, seed, center, radius_m)
    return CorticalPatch(center, distance, _weights(cortex, distance, radius_m))


def tetrahedra_below(head: HeadModel, patch: CorticalPatch, depth_m: float) -> NDArray[np.bool_]:
    """(m,) mask of the tetrahedra of cortex whose centre is at most so deep and nearest to a point of the patch."""
    from scipy.spatial import cKDTree

    cortex = cortex_of(head)
    numbers = np.flatnonzero(head.in_tissue(cortex.tissue))
    reach = cKDTree(cortex.points_m)
    found_m, index = reach.query(head.centers_m[numbers], distance_upper_bound=2 * depth_m)
    distance, nearest = np.asarray(found_m), np.asarray(index, dtype=np.int64)
    found = np.isfinite(distance)
    numbers, nearest = numbers[found], nearest[found]
    below = np.einsum("ij,ij->i", cortex.points_m[nearest] - head.centers_m[numbers], cortex.normals[nearest])
    mask = np.zeros(len(head.tets), dtype=bool)
    mask[numbers[(patch.weights_m2[nearest] > 0) & (below <= depth_m)]] = True
    return mask


def _distances(cortex: Cortex, seed: int, center_m: Array, radius_m: float) -> Array:
    """(p,) distance along the surface, exact to the unfolding of single triangles, up to a little over the radius."""
    points, triangles = np.asarray(cortex.points_m), np.asarray(cortex.triangles)
    corners = points[triangles]
    longest = float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max())
    # The way along the surface is never shorter than the straight one.
    near = triangles[np.linalg.norm(corners - center_m, axis=2).min(axis=1) <= radius_m + 2 * longest]
    distance = np.full(len(points), np.inf)
    start = triangles[seed]
    distance[start] = np.linalg.norm(points[start] - center_m, axis=1)
    sides = np.concatenate([near[:, [0, 1, 2]], near[:, [1, 2, 0]], near[:, [2, 0, 1]]])
    for _ in range(_MOST_ROUNDS):
        known = sides[np.isfinite(distance[sides[:, 0]]) | np.isfinite(distance[sides[:, 1]])]
        better = distance.copy()
        np.minimum.at(better, known[:, 2], _across(points, known, distance))
        if np.array_equal(better, distance):
            break
        distance = better
    distance[distance > radius_m + 2 * longest] = np.inf
    return distance


def _across(points: Array, sides: NDArray[np.integer], distance: Array) -> Array:
    """(k,) distance of the third corner of each triangle from those of the first two."""
    a, b, c = (points[sides[:, corner]] for corner in range(3))
    ta, tb = distance[sides[:, 0]], distance[sides[:, 1]]
    along, up = b - a, c - a
    base = np.linalg.norm(along, axis=1)
    x = np.einsum("ij,ij->i", up, along) / base
    to_a, to_b = np.linalg.norm(up, axis=1), np.linalg.norm(c - b, axis=1)
    y = np.sqrt(np.maximum(to_a**2 - x**2, 0.0))
    best = np.minimum(ta + to_a, tb + to_b)
    both = np.isfinite(ta) & np.isfinite(tb)
    ta, tb, base, x, y = (values[both] for values in (ta, tb, base, x, y))
    source_x = (ta**2 - tb**2 + base**2) / (2 * base)
    source_y = np.sqrt(np.maximum(ta**2 - source_x**2, 0.0))
    crossing = source_x + (x - source_x) * source_y / np.maximum(y + source_y, np.finfo(float).tiny)
    straight = np.hypot(x - source_x, y + source_y)
    best[both] = np.where((crossing >= 0) & (crossing <= base), np.minimum(straight, best[both]), best[both])
    return best


def _weights(cortex: Cortex, distance_m: Array, radius_m: float) -> Array:
    """(p,) integral of each point's hat function over the patch, m², the distance linear within a triangle."""
    triangles = np.asarray(cortex.triangles)
    excess = distance_m[triangles] - radius_m
    inside = excess <= 0
    count = inside.sum(axis=1)
    used = np.flatnonzero((count > 0) & np.isfinite(excess).all(axis=1))
    triangles, excess, inside, count = triangles[used], excess[used], inside[used], count[used]
    area = np.linalg.norm(area_vectors(np.asarray(cortex.points_m), triangles), axis=1)
    weights = np.zeros(len(cortex.points_m))
    shares = np.repeat(np.where(count >= 2, area / 3, 0.0)[:, None], 3, axis=1)
    # One corner differs from the other two: its small triangle is taken, or taken away.
    cut = np.flatnonzero(count < 3)
    alone = np.where(count[cut] == 1, inside[cut].argmax(axis=1), (~inside[cut]).argmax(axis=1))
    others = (alone[:, None] + [1, 2]) % 3
    rows = np.arange(len(cut))
    own = excess[cut, alone]
    parts = own[:, None] / (own[:, None] - excess[cut[:, None], others])
    small = area[cut] * parts.prod(axis=1) * np.where(count[cut] == 1, 1, -1)
    piece = np.zeros((len(cut), 3))
    piece[rows, alone] = small * (1 - parts.sum(axis=1) / 3)
    piece[rows[:, None], others] = small[:, None] * parts / 3
    shares[cut] += piece
    np.add.at(weights, triangles, shares)
    return np.maximum(weights, 0.0)
