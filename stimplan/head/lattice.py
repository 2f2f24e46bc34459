"""Body-centred cubic lattice of tetrahedra: the raw material the mesher cuts to shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The four sides of the square between two neighbouring cube centres, as offsets along the two other axes.
_SQUARE_SIDES = (((0, 0), (1, 0)), ((1, 0), (1, 1)), ((1, 1), (0, 1)), ((0, 1), (0, 0)))


def bcc_lattice(bounds_m: ArrayLike, edge_m: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Fill a box with the tetrahedra of a body-centred cubic lattice.

    Every tetrahedron has two edges of length `edge_m` and four of sqrt(3)/2 of it: two neighbouring cube
    centres and one side of the square between them.

    Parameters
    ----------
    bounds_m : (2, 3) array
        Lowest and highest corner of the box, m; the lattice covers it with a cell to spare on every side.
    edge_m : float
        Side of the cubes, m.

    Returns
    -------
    nodes_m : (n, 3) array
    tets : (m, 4) int array
        Positively oriented.
    """
    low, high = np.asarray(bounds_m, dtype=np.float64)
    first = np.floor(low / edge_m).astype(np.int64) - 2
    counts = np.ceil(high / edge_m).astype(np.int64) + 2 - first
    corners = np.indices(tuple(counts + 1)).reshape(3, -1).T + first
    centers = np.indices(tuple(counts)).reshape(3, -1).T + first + 0.5
    nodes_m = np.concatenate([corners, centers]) * edge_m
    tets = np.concatenate([_tets_across(axis, counts) for axis in range(3)])
    return nodes_m, tets


def _tets_across(axis: int, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The tetrahedra around every square that is perpendicular to one axis, (m, 4)."""
    others = [(axis + 1) % 3, (axis + 2) % 3]
    inner = counts.copy()
    inner[axis] -= 1  # the last centre along the axis has no neighbour
    here = np.indices(tuple(inner)).reshape(3, -1)
    center = np.prod(counts + 1) + np.ravel_multi_index(tuple(here), tuple(counts))
    there = here.copy()
    there[axis] += 1
    beyond = np.prod(counts + 1) + np.ravel_multi_index(tuple(there), tuple(counts))
    parts = []
    for side in _SQUARE_SIDES:
        ends = []
        for offset in side:
            corner = there.copy()
            corner[others] += np.array(offset)[:, None]
            ends.append(np.ravel_multi_index(tuple(corner), tuple(counts + 1)))
        parts.append(np.stack([center, beyond, *ends], axis=1))
    return np.stack(parts, axis=1).reshape(-1, 4)
