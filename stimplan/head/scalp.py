"""The nearest point of a triangulated surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Triangles looked at per point, nearest centres first; with triangles of like size the nearest is among them.
_CANDIDATES = 24


def nearest_on_surface(
    points_m: NDArray[np.float64], nodes_m: NDArray[np.float64], triangles: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Move points to the nearest point of a surface.

    Parameters
    ----------
    points_m : (p, 3) array
    nodes_m : (n, 3) array
    triangles : (k, 3) int array

    Returns
    -------
    nearest_m : (p, 3) array
    triangle : (p,) int array
        Index into `triangles` of the one each point is on.
    """
    from scipy.spatial import cKDTree

    corners_m = nodes_m[triangles]
    count = min(_CANDIDATES, len(triangles))
    _, candidates = cKDTree(corners_m.mean(axis=1)).query(points_m, k=count)
    candidates = np.reshape(candidates, (len(points_m), count))
    found = _nearest_on_triangles(points_m[:, None, :], corners_m[candidates])
    best = np.linalg.norm(found - points_m[:, None, :], axis=2).argmin(axis=1)
    rows = np.arange(len(points_m))
    return found[rows, best], candidates[rows, best]


def _nearest_on_triangles(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nearest point of each triangle (..., 3 corners, 3): its plane's if that is inside, else its best edge's."""
    a, b, c = np.moveaxis(corners, -2, 0)
    edges = [_nearest_on_segments(points, *ends) for ends in ((a, b), (b, c), (c, a))]
    normal = np.cross(b - a, c - a)
    square = np.einsum("...i,...i->...", normal, normal)
    on_plane = points - (np.einsum("...i,...i->...", points - a, normal) / square)[..., None] * normal
    is_inside = np.all(
        [
            np.einsum("...i,...i->...", np.cross(end - start, on_plane - start), normal) >= 0
            for start, end in ((a, b), (b, c), (c, a))
        ],
        axis=0,
    )
    choices = np.stack([np.where(is_inside[..., None], on_plane, edges[0]), *edges])
    best = np.linalg.norm(choices - points, axis=-1).argmin(axis=0)
    return np.take_along_axis(choices, best[None, ..., None], axis=0)[0]


def _nearest_on_segments(
    points: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    along = end - start
    share = np.einsum("...i,...i->...", points - start, along) / np.einsum("...i,...i->...", along, along)
    return start + np.clip(share, 0, 1)[..., None] * along
