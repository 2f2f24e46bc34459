"""The compiled loop behind `tetrahedron_at`; alone in its module because importing numba takes half a second."""

import math

import numpy as np
from numba import njit

# Barycentric coordinates this far below zero still count as inside, so that no voxel falls between two neighbours.
_SLACK = 1e-9


@njit(cache=True)
def rasterise(nodes, tets, found):
    """Write the number of the tetrahedron around each voxel centre into `found`.

    Parameters
    ----------
    nodes : (n, 3) float array
        Nodes in voxel coordinates.
    tets : (m, 4) int array
    found : (x, y, z) int32 array
        Filled with -1 by the caller.
    """
    inverse = np.empty((3, 3))
    box = np.empty((2, 3), np.int64)
    for t in range(tets.shape[0]):
        is_near = True
        for k in range(3):
            low = min(nodes[tets[t, 0], k], nodes[tets[t, 1], k], nodes[tets[t, 2], k], nodes[tets[t, 3], k])
            high = max(nodes[tets[t, 0], k], nodes[tets[t, 1], k], nodes[tets[t, 2], k], nodes[tets[t, 3], k])
            box[0, k] = max(0, math.ceil(low - 1e-6))
            box[1, k] = min(found.shape[k] - 1, math.floor(high + 1e-6))
            is_near = is_near and box[0, k] <= box[1, k]
        if is_near and _invert(nodes, tets[t], inverse):
            _fill(nodes[tets[t, 0]], inverse, box, t, found)


@njit(cache=True)
def _invert(nodes, tet, inverse):
    """Inverse of the edge matrix of one tetrahedron; False where it is flat."""
    o = nodes[tet[0]]
    a, b, c = nodes[tet[1]] - o, nodes[tet[2]] - o, nodes[tet[3]] - o
    bc = np.array([b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]])
    ca = np.array([c[1] * a[2] - c[2] * a[1], c[2] * a[0] - c[0] * a[2], c[0] * a[1] - c[1] * a[0]])
    ab = np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
    volume = a[0] * bc[0] + a[1] * bc[1] + a[2] * bc[2]
    if volume == 0.0:
        return False
    inverse[0] = bc / volume
    inverse[1] = ca / volume
    inverse[2] = ab / volume
    return True


@njit(cache=True)
def _fill(corner, inverse, box, number, found):
    """Number the free voxels of one bounding box whose centres lie in the tetrahedron."""
    for i in range(box[0, 0], box[1, 0] + 1):
        for j in range(box[0, 1], box[1, 1] + 1):
            for k in range(box[0, 2], box[1, 2] + 1):
                if found[i, j, k] >= 0:
                    continue
                x, y, z = i - corner[0], j - corner[1], k - corner[2]
                u = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2] * z
                v = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2] * z
                w = inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2] * z
                if u >= -_SLACK and v >= -_SLACK and w >= -_SLACK and u + v + w <= 1.0 + _SLACK:
                    found[i, j, k] = number


@njit(cache=True)
def interpolate(nodes, tets, row, nodal, found, values):  # noqa: PLR0913, PLR0917 - a kernel takes arrays
    """Write the field at each voxel centre into `values`: linear between the corners of its tetrahedron.

    Parameters
    ----------
    nodes : (n, 3) float array
        Nodes in voxel coordinates.
    tets : (m, 4) int array
    row : (m,) int array
        Row of `nodal` that holds the tissue of each tetrahedron.
    nodal : (tissues, n, 3) float array
    found : (x, y, z) int32 array
        As `rasterise` fills it.
    values : (x, y, z, 3) float32 array
        Filled with zeros by the caller; left so outside the head.
    """
    inverse = np.empty((3, 3))
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            for k in range(found.shape[2]):
                t = found[i, j, k]
                if t < 0 or not _invert(nodes, tets[t], inverse):
                    continue
                tet, of = tets[t], nodal[row[t]]
                x, y, z = i - nodes[tet[0], 0], j - nodes[tet[0], 1], k - nodes[tet[0], 2]
                u = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2] * z
                v = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2] * z
                w = inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2] * z
                for c in range(3):
                    values[i, j, k, c] = (
                        (1 - u - v - w) * of[tet[0], c] + u * of[tet[1], c] + v * of[tet[2], c] + w * of[tet[3], c]
                    )
