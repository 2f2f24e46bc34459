"""Where two methods can be compared: on the cortex, but not nearer to the skull than boundary elements allow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.exchange.mne.surfaces import ClosedSurface
from stimplan.exchange.mne.triangles import inside_distance_m
from stimplan.fem.locate import Locator
from stimplan.head.cortex import Cortex
from stimplan.head.model import HeadModel

Array = NDArray[np.float64]

# Nearer to the inner skull than half an edge of its triangles, boundary elements are wrong: on a sphere with 2,562
# vertices RDM is 10 % at 3 mm, 3 % at 5 mm, 2 % at 7 mm. MNE's users leave sources nearer than 5 mm out.
LEAST_DEPTH_M = 0.005
_STEPS = 6


def compared_points(
    cortex: Cortex, inner: ClosedSurface, *, heads: tuple[HeadModel, ...]
) -> tuple[NDArray[np.int64], Array, int]:
    """Points of the cortex deep enough for boundary elements, moved inwards where they are not, and how many were.

    Parameters
    ----------
    cortex : Cortex
    inner : ClosedSurface
        The inner skull.
    heads : tuple of HeadModel
        Points are inside all of them; one is left out where moving does not help (a thin process of the base).

    Returns
    -------
    rows : (p,) int array
        Points of the cortex.
    points_m : (p, 3) array
    n_moved : int

    Raises
    ------
    HeadError
        More than half of the cortex is left out.
    """
    points = np.array(cortex.points_m)
    asked = 1.02 * LEAST_DEPTH_M
    depth = inside_distance_m(points, inner.points_m, inner.triangles)
    is_moved = depth < LEAST_DEPTH_M
    for _ in range(_STEPS):
        shallow = np.flatnonzero(depth < LEAST_DEPTH_M)
        if not len(shallow):
            break
        inwards = _deeper(points[shallow], inner)
        points[shallow] += inwards * (asked - depth[shallow])[:, None]
        depth[shallow] = inside_distance_m(points[shallow], inner.points_m, inner.triangles)
    is_fine = (depth >= LEAST_DEPTH_M) & np.any(cortex.normals != 0, axis=1)
    for model in heads:
        is_fine &= Locator.of(model.nodes_m, model.tets)(points)[0] >= 0
    rows = np.flatnonzero(is_fine)
    if len(rows) < len(points) / 2:
        what = f"only {len(rows)} of {len(points)} points of the cortex lie deep enough inside the skull's surface"
        raise HeadError(Problem("head", what))
    return rows, points[rows], int(is_moved[rows].sum())


def _deeper(points: Array, surface: ClosedSurface) -> Array:
    """Unit vectors along which the distance from a surface grows fastest."""
    step = 1e-4
    shifted = [
        inside_distance_m(points + sign * step * np.eye(3)[axis], surface.points_m, surface.triangles)
        for axis in range(3)
        for sign in (1, -1)
    ]
    slope = np.column_stack([shifted[0] - shifted[1], shifted[2] - shifted[3], shifted[4] - shifted[5]])
    length = np.linalg.norm(slope, axis=1, keepdims=True)
    return np.divide(slope, length, out=np.zeros_like(slope), where=length > 0)


def spread(points_m: Array, most: int) -> NDArray[np.int64]:
    """Numbers of about `most` of the points, never more, spread evenly: the middle one of each cube of a grid.

    Parameters
    ----------
    points_m : (p, 3) array
    most : int
    """
    if len(points_m) <= most:
        return np.arange(len(points_m))
    low = points_m.min(axis=0)
    side = float(np.ptp(points_m, axis=0).max()) / most ** (1 / 2)
    while True:
        cubes = np.floor((points_m - low) / side).astype(np.int64)
        cell: NDArray[np.intp] = np.unique(cubes, axis=0, return_inverse=True)[1].ravel()
        count = int(cell.max()) + 1
        if count <= most:
            break
        side *= 1.03
    size = np.bincount(cell, minlength=count)
    middle = np.column_stack([np.bincount(cell, weights=points_m[:, axis]) / size for axis in range(3)])
    from_middle = np.linalg.norm(points_m - middle[cell], axis=1)
    order = np.lexsort((from_middle, cell))
    return np.sort(order[np.concatenate([[0], np.cumsum(size)[:-1]])])
