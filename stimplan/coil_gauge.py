"""Where the radial gauge of `stimplan.fem.radial` can be taken: its centre in a head, and the sources it allows.

The centre belongs to the head alone, so that every pose of every coil on it is computed alike and poses can be
compared to the last digit; where exactly it lies matters little (docs/coils.md). The gauge ends on the ray that goes
on from a source away from the centre: no part of the head may be near that ray, such as a nose below a coil on the
forehead.
"""

from __future__ import annotations

import math
from functools import lru_cache

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.compiled import jit
from stimplan.fem.radial import sphere_center
from stimplan.head.model import HeadModel

Array = NDArray[np.float64]

# A head is a ball of these radii, m; a sphere is fitted to at least so many nodes of the scalp.
_LEAST_M, _MOST_M, _FEWEST = 0.04, 0.2, 10
# No part of the head may be within this angle of the ray behind a source, seen from the source: what A' is divided by
# is 1 - cos of that angle times what it is beside the source, and 0 on the ray.
_CONE_RAD = math.radians(60)
# Directions from the centre for which the least distance of a source is kept, and how many are computed at once.
_STEP_RAD, _CHUNK = math.radians(5), 256


@attrs.frozen(eq=False)
class HeadGauge:
    """The radial gauge of a head.

    Attributes
    ----------
    center_m : (3,) array
        Of the sphere that fits the scalp over the brain.
    least_m : (t, p) array
        Least distance of a source from the centre, by the angle from the z axis (0 to pi) and by the one around it
        (-pi to pi), both ends included.
    """

    center_m: Array
    least_m: Array

    def allows(self, poses_m: ArrayLike, positions_m: ArrayLike) -> NDArray[np.bool_]:
        """Whether the head keeps clear of the rays behind all sources of a coil, pose by pose.

        Parameters
        ----------
        poses_m : (n, 4, 4) array
            Head from coil coordinates, m.
        positions_m : (k, 3) array
            Of the coil's sources, coil coordinates, m.

        Returns
        -------
        (n,) bool array
        """
        poses = np.ascontiguousarray(poses_m, dtype=np.float64)
        places = np.ascontiguousarray(positions_m, dtype=np.float64)
        return np.asarray(_clear(poses, places, np.asarray(self.center_m), self.least_m))


# As many as `stimplan.field` keeps; a head hashes by identity.
@lru_cache(maxsize=2)
def gauge_of(head: HeadModel) -> HeadGauge:
    """The radial gauge of a head, made once."""
    inner = "gray_matter" if head.has_tissue("gray_matter") else min(head.tissues, key=lambda t: t.label).name
    of = np.flatnonzero(head.in_tissue(inner))
    middle = np.average(head.centers_m[of], axis=0, weights=head.volumes_m3[of])
    return gauge_of_scalp(head.nodes_m[np.unique(head.scalp)], middle_m=middle)


def gauge_of_scalp(points_m: ArrayLike, *, middle_m: ArrayLike) -> HeadGauge:
    """The radial gauge of a head of which only the scalp is known.

    Parameters
    ----------
    points_m : (n, 3) array
        All over the scalp, face and neck included, m.
    middle_m : (3,) array
        Middle of the brain, m.
    """
    nodes, middle = np.asarray(points_m, dtype=np.float64), np.asarray(middle_m, dtype=np.float64)
    # The scalp over the brain is round; face and neck are not.
    above = nodes[nodes[:, 2] > middle[2]]
    center, radius = sphere_center(above if len(above) >= _FEWEST else nodes)
    if not _LEAST_M < radius < _MOST_M:
        center = middle
    return HeadGauge(center, _least(nodes - center))


def _least(nodes: Array) -> Array:
    """Least distance of a source by direction, for nodes of the scalp about the centre.

    From a source at distance p in direction u, a node x lies within the cone about the ray behind it where
    x . u - p > |x across u| / tan(cone).
    """
    turns = np.linspace(-np.pi, np.pi, round(2 * np.pi / _STEP_RAD) + 1)
    polar = np.linspace(0, np.pi, round(np.pi / _STEP_RAD) + 1)
    down, around = (one.ravel() for one in np.meshgrid(polar, turns, indexing="ij"))
    directions = np.stack([np.sin(down) * np.cos(around), np.sin(down) * np.sin(around), np.cos(down)], axis=1)
    square, found = (nodes**2).sum(axis=1), np.empty(len(directions))
    for start in range(0, len(directions), _CHUNK):
        along = directions[start : start + _CHUNK] @ nodes.T
        across = np.sqrt(np.maximum(square - along**2, 0.0))
        found[start : start + _CHUNK] = (along - across / math.tan(_CONE_RAD)).max(axis=1)
    return np.ascontiguousarray(found.reshape(len(polar), len(turns)))


@jit
def _clear(poses, places, center, least):  # type: ignore[no-untyped-def]
    """Whether every place of every pose is farther from the centre than its direction asks for."""
    rows, columns = least.shape[0] - 1, least.shape[1] - 1
    clear = np.ones(len(poses), np.bool_)
    at = np.empty(3)
    for p in range(len(poses)):
        for e in range(len(places)):
            for d in range(3):
                at[d] = poses[p, d, 3] - center[d]
                for k in range(3):
                    at[d] += poses[p, d, k] * places[e, k]
            far = np.sqrt(at[0] ** 2 + at[1] ** 2 + at[2] ** 2)
            row = np.arctan2(np.sqrt(at[0] ** 2 + at[1] ** 2), at[2]) / np.pi * rows
            column = (np.arctan2(at[1], at[0]) + np.pi) / (2 * np.pi) * columns
            i, j = min(int(row), rows - 1), min(int(column), columns - 1)
            u, v = row - i, column - j
            near = (1 - u) * ((1 - v) * least[i, j] + v * least[i, j + 1])
            near += u * ((1 - v) * least[i + 1, j] + v * least[i + 1, j + 1])
            if far <= near:
                clear[p] = False
                break
    return clear
