"""Checks of closed triangle surfaces: watertight, in one piece, without handles, free of contact with themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Triangles = NDArray[np.integer]

_CHUNK = 200_000
# Fractions of an edge or a triangle: closer to the rim than this counts as on it.
_RIM = 1e-9
# Edges of at least this part of the longest are halved together.
_LONG = 0.8


def closed_problems(points_m: Array, triangles: Triangles) -> list[str]:
    """Why a surface is not a single closed sheet without handles, oriented outwards; empty where it is.

    Parameters
    ----------
    points_m : (p, 3) array
    triangles : (k, 3) int array
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    size = len(points_m)
    keys = directed[:, 0] * size + directed[:, 1]
    if len(np.unique(keys)) < len(keys):
        return ["an edge has more than two triangles, or neighbours of opposite orientation"]
    if not np.array_equal(np.sort(keys), np.sort(directed[:, 1] * size + directed[:, 0])):
        return ["it has open edges"]
    links = coo_array((np.ones(len(directed), dtype=np.int8), directed.T), shape=(size, size))
    pieces, _ = connected_components(links, directed=False)
    problems = [] if pieces == 1 else [f"it is {pieces} pieces"]
    euler = size - len(directed) // 2 + len(triangles)
    if pieces == 1 and euler != 2:
        problems.append(f"it has {(2 - euler) // 2} handles")
    a, b, c = (points_m[triangles[:, corner]] for corner in range(3))
    if not np.einsum("ij,ij->i", a, np.cross(b, c)).sum() > 0:
        problems.append("it is turned inside out")
    return problems


def self_contacts(points_m: Array, triangles: Triangles) -> int:
    """Number of pairs of triangles without a common corner of which an edge of one passes through the other."""
    from scipy.spatial import cKDTree

    corners = points_m[triangles]
    centers = corners.mean(axis=1)
    radii = np.linalg.norm(corners - centers[:, None], axis=2).max(axis=1)
    pairs = cKDTree(centers).query_pairs(2 * float(radii.max()), output_type="ndarray")
    if not len(pairs):
        return 0
    i, j = pairs.T
    near = np.linalg.norm(centers[i] - centers[j], axis=1) <= radii[i] + radii[j]
    low, high = corners.min(axis=1), corners.max(axis=1)
    near &= np.all((low[i] <= high[j]) & (low[j] <= high[i]), axis=1)
    i, j = i[near], j[near]
    apart = ~(triangles[i][:, :, None] == triangles[j][:, None, :]).any(axis=(1, 2))
    i, j = i[apart], j[apart]
    contacts = np.zeros(len(i), dtype=bool)
    for start in range(0, len(i), _CHUNK):
        part = slice(start, start + _CHUNK)
        first, second = corners[i[part]], corners[j[part]]
        for corner in range(3):
            following = (corner + 1) % 3
            contacts[part] |= _passes(first[:, corner], first[:, following], second)
            contacts[part] |= _passes(second[:, corner], second[:, following], first)
    return int(contacts.sum())


def _passes(start: Array, end: Array, triangle: Array) -> NDArray[np.bool_]:
    """Whether each segment passes through its triangle (Möller & Trumbore 1997, doi:10.1080/10867651.1997.10487468)."""
    direction = end - start
    u_edge, v_edge = triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    across = np.cross(direction, v_edge)
    determinant = np.einsum("ij,ij->i", u_edge, across)
    # A segment in the triangle's plane: the edges of the other triangle find the contact.
    flat = np.abs(determinant) < 1e-30
    scale = 1.0 / np.where(flat, 1.0, determinant)
    offset = start - triangle[:, 0]
    u = np.einsum("ij,ij->i", offset, across) * scale
    turned = np.cross(offset, u_edge)
    v = np.einsum("ij,ij->i", direction, turned) * scale
    t = np.einsum("ij,ij->i", v_edge, turned) * scale
    inside = (u >= -_RIM) & (v >= -_RIM) & (u + v <= 1 + _RIM)
    return ~flat & inside & (t >= -_RIM) & (t <= 1 + _RIM)


def halved_edges(points_m: Array, triangles: Triangles, vertices: int) -> tuple[Array, Triangles]:
    """Halve the longest edges of a closed surface until it has a number of vertices.

    Only an edge that is the longest one of both its triangles is halved, so that no triangle becomes a sliver
    (Rivara 1984, doi:10.1002/nme.1620200412).

    Returns
    -------
    points_m : (vertices, 3) array
        The old points, then the middles.
    triangles : (k, 3) int array
    """
    points, faces = np.array(points_m), np.array(triangles, dtype=np.int64)
    while len(points) < vertices:
        lengths = np.linalg.norm(points[faces] - points[np.roll(faces, -1, axis=1)], axis=2)
        # The longest edge of each triangle, by its length and then its nodes, so that neighbours agree.
        ends = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=2), axis=2)
        key = ends[:, :, 0] * len(points) + ends[:, :, 1]
        tied = np.where(np.isclose(lengths, lengths.max(axis=1, keepdims=True), rtol=1e-9, atol=0), key, -1)
        side = tied.argmax(axis=1)
        every = np.arange(len(faces))
        _, first, count = np.unique(key[every, side], return_index=True, return_counts=True)
        first = first[count == 2]
        long = lengths[first, side[first]]
        order = np.argsort(-long, kind="stable")
        # The longest of them only: their neighbours may then be longer than those that come next.
        n_taken = min(int(np.sum(long >= _LONG * long.max())), vertices - len(points))
        taken = first[order][:n_taken]
        wanted = key[taken, side[taken]]
        middle = dict(zip(wanted.tolist(), range(len(points), len(points) + len(wanted)), strict=True))
        is_cut = np.isin(key[every, side], wanted)
        cut, at = faces[is_cut], side[is_cut]
        rows = np.arange(len(cut))
        a, b, c = (cut[rows, (at + step) % 3] for step in range(3))
        new = np.array([middle[one] for one in key[every, side][is_cut].tolist()])
        points = np.concatenate([points, points[ends[taken, side[taken]]].mean(axis=1)])
        faces = np.concatenate([faces[~is_cut], np.column_stack([a, new, c]), np.column_stack([new, b, c])])
    return points, faces


def inside_distance_m(points_m: Array, surface_m: Array, triangles: Triangles) -> Array:
    """Distance of points from a closed surface, positive inside, m.

    Parameters
    ----------
    points_m : (n, 3) array
    surface_m : (p, 3) array
        Points of the surface.
    triangles : (k, 3) int array
        Oriented outwards.
    """
    import pyvista
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkDoubleArray
    from vtkmodules.vtkFiltersCore import vtkImplicitPolyDataDistance

    distance = vtkImplicitPolyDataDistance()
    distance.SetInput(pyvista.PolyData.from_regular_faces(np.asarray(surface_m), np.asarray(triangles)))
    found = vtkDoubleArray()
    distance.FunctionValue(numpy_to_vtk(np.ascontiguousarray(points_m, dtype=np.float64)), found)
    return -np.array(vtk_to_numpy(found), dtype=np.float64)
