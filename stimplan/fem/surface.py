"""Questions to a closed triangle surface: the nearest point, the local normal, what is connected, where it was cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.float64]
Triangles = NDArray[np.int32]


def area_vectors(nodes_m: Array, triangles: Triangles) -> Array:
    """(k, 3) outward normals with the area as their length, m²."""
    a, b, c = (nodes_m[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a) / 2


def point_normals(points_m: Array, triangles: Triangles) -> Array:
    """(p, 3) unit normals at the points, those of the triangles around weighed by area; zero where they cancel."""
    vectors, normals = area_vectors(points_m, triangles), np.zeros_like(points_m)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], vectors)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)


def nearest_on_surface(point_m: Array, nodes_m: Array, triangles: Triangles) -> tuple[int, Array]:
    """Triangle nearest to a point, and the point of it that is nearest.

    The nearest point of a triangle is the foot of the perpendicular where that lies inside it, and otherwise the
    nearest point of its three edges.
    """
    a, b, c = (nodes_m[triangles[:, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    length2 = np.maximum(np.einsum("ij,ij->i", normal, normal), np.finfo(float).tiny)
    height = np.einsum("ij,ij->i", point_m - a, normal) / length2
    foot = point_m - height[:, None] * normal
    candidates = [_on_edge(point_m, p, q) for p, q in ((a, b), (b, c), (c, a))]
    is_inside = np.ones(len(triangles), dtype=bool)
    for p, q in ((a, b), (b, c), (c, a)):
        is_inside &= np.einsum("ij,ij->i", np.cross(q - p, foot - p), normal) >= 0
    candidates.append(np.where(is_inside[:, None], foot, np.inf))
    stacked = np.stack(candidates)
    distance2 = ((stacked - point_m) ** 2).sum(axis=2)
    which, triangle = np.unravel_index(np.argmin(distance2), distance2.shape)
    return int(triangle), stacked[which, triangle]


def _on_edge(point: Array, p: Array, q: Array) -> Array:
    along = q - p
    t = np.einsum("ij,ij->i", point - p, along) / np.maximum(np.einsum("ij,ij->i", along, along), 1e-300)
    return p + np.clip(t, 0, 1)[:, None] * along


def connected_to(seed: int, triangles: Triangles) -> NDArray[np.bool_]:
    """(k,) mask of the triangles that can be reached from one of them across shared edges."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    owner = np.tile(np.arange(len(triangles)), 3)
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    edges, owner = edges[order], owner[order]
    same = np.all(edges[1:] == edges[:-1], axis=1)
    pairs = owner[:-1][same], owner[1:][same]
    graph = coo_matrix((np.ones(len(pairs[0]), dtype=bool), pairs), shape=(len(triangles), len(triangles)))
    _, part = connected_components(graph, directed=False)
    return part == part[seed]


def cut_triangles(nodes_m: Array, triangles: Triangles) -> NDArray[np.bool_]:
    """(k,) mask of the triangles on a plane at which the head was cut off, below.

    A cut is a flat region at the lowest level: facing down within 10 degrees, in the lowest 3 mm, and of more than a
    quarter of the square of half the width of the head, where a round bottom has a tenth of it at most.
    """
    vectors = area_vectors(nodes_m, triangles)
    area = np.linalg.norm(vectors, axis=1)
    used = nodes_m[triangles]
    lowest = used[:, :, 2].min()
    is_flat = (-vectors[:, 2] > np.cos(np.radians(10)) * area) & (used[:, :, 2].max(axis=1) < lowest + 3e-3)
    half_width = float(np.ptp(used[:, :, :2].reshape(-1, 2), axis=0).min()) / 2
    return is_flat if area[is_flat].sum() > 0.25 * half_width**2 else np.zeros(len(triangles), dtype=bool)
