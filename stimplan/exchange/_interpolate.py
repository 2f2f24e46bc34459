"""The compiled loop behind `field_on`; alone in its module because importing numba takes half a second."""

import numpy as np

from stimplan.compiled import jit


@jit
def interpolate(nodes, tets, row, nodal, found, values):
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


@jit
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
