"""Linear tetrahedra for -div(sigma grad phi) = 0: the stiffness matrix and the gradient of a potential.

The matrix is written straight into compressed rows: a list of (row, column, value) triples of the same mesh would
take ten times the memory of the result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from stimplan.compiled import jit
from stimplan.errors import InputError
from stimplan.fem.tensor import checked_conductivity

Array = NDArray[np.float64]


def stiffness(nodes_m: Array, tets: NDArray[np.int32], sigma_S_per_m: Array) -> csr_matrix:
    """Assemble the stiffness matrix of linear tetrahedra, A_ij = integral of grad(phi_i) . sigma grad(phi_j).

    Parameters
    ----------
    nodes_m : (n, 3) array
        Node positions, m.
    tets : (m, 4) int array
        Node numbers; the sign of the volume does not matter.
    sigma_S_per_m : (m,) or (m, 6) array
        Conductivity of each tetrahedron, S/m: a number, or a tensor (xx, yy, zz, xy, xz, yz).

    Returns
    -------
    (n, n) csr_matrix
        Symmetric, semi-definite (its null space are the constants), S; columns sorted within each row.

    Raises
    ------
    InputError
        A flat tetrahedron, or a conductivity that is not positive (definite) and finite.
    """
    sigma = checked_conductivity(sigma_S_per_m, len(tets))
    tets = np.ascontiguousarray(tets, dtype=np.int32)
    nodes = np.ascontiguousarray(nodes_m, dtype=np.float64)
    indptr, indices = _pattern(tets, len(nodes))
    data = np.zeros(len(indices))
    fill = _fill if sigma.ndim == 1 else _fill_tensors
    n_flat = fill(nodes, tets, sigma, indptr, indices, data)
    if n_flat:
        raise InputError(f"{n_flat} of {len(tets)} tetrahedra have no volume")
    matrix = csr_matrix((data, indices, indptr), shape=(len(nodes), len(nodes)))
    matrix.has_sorted_indices = True
    return matrix


def electric_field(potential_V: Array, nodes_m: Array, tets: NDArray[np.int32]) -> Array:
    """Electric field of a piecewise-linear potential, E = -grad V.

    Parameters
    ----------
    potential_V : (n,) array
        Nodal potential, V.
    nodes_m : (n, 3) array
    tets : (m, 4) int array

    Returns
    -------
    (m, 3) array
        One constant vector per tetrahedron, V/m.
    """
    return _minus_gradient(
        np.ascontiguousarray(potential_V, dtype=np.float64),
        np.ascontiguousarray(nodes_m, dtype=np.float64),
        np.ascontiguousarray(tets, dtype=np.int32),
    )


def load_vector(J_A_per_m2: Array, nodes_m: Array, tets: NDArray[np.int32]) -> Array:
    """(n,) integral of J . grad(phi_i) for a current density (m, 3) that is constant in each tetrahedron, A."""
    return _loads(
        np.ascontiguousarray(J_A_per_m2, dtype=np.float64),
        np.ascontiguousarray(nodes_m, dtype=np.float64),
        np.ascontiguousarray(tets, dtype=np.int32),
    )


def node_volumes(nodes_m: Array, tets: NDArray[np.int32]) -> Array:
    """(n,) integral of each node's hat function, m³; they sum to the volume of the mesh."""
    return _volumes(np.ascontiguousarray(nodes_m, dtype=np.float64), np.ascontiguousarray(tets, dtype=np.int32))


@jit
def tets_of_nodes(tets, n_nodes):  # type: ignore[no-untyped-def]
    """Tetrahedra around each node, as compressed rows."""
    start = np.zeros(n_nodes + 1, np.int64)
    for t in range(tets.shape[0]):
        for i in range(4):
            start[tets[t, i] + 1] += 1
    start = np.cumsum(start)
    free = start.copy()
    member = np.empty(start[-1], np.int32)
    for t in range(tets.shape[0]):
        for i in range(4):
            member[free[tets[t, i]]] = t
            free[tets[t, i]] += 1
    return start, member


@jit
def _neighbours(row, tets_around, tets, seen, out):  # type: ignore[no-untyped-def]
    """Write the nodes that share a tetrahedron with `row`, itself included, into out; return how many."""
    count = 0
    for t in tets_around:
        for i in range(4):
            column = tets[t, i]
            if seen[column] != row:
                seen[column] = row
                out[count] = column
                count += 1
    return count


@jit
def _pattern(tets, n_nodes):  # type: ignore[no-untyped-def]
    """Row pointers and sorted column numbers of the matrix."""
    start, member = tets_of_nodes(tets, n_nodes)
    most = 1
    for row in range(n_nodes):
        most = max(most, 4 * (start[row + 1] - start[row]))
    found = np.empty(most, np.int32)
    seen = np.full(n_nodes, -1, np.int32)
    indptr = np.zeros(n_nodes + 1, np.int32)
    for row in range(n_nodes):
        around = member[start[row] : start[row + 1]]
        indptr[row + 1] = indptr[row] + _neighbours(row, around, tets, seen, found)
    indices = np.empty(indptr[-1], np.int32)
    seen[:] = -1
    for row in range(n_nodes):
        around = member[start[row] : start[row + 1]]
        count = _neighbours(row, around, tets, seen, found)
        indices[indptr[row] : indptr[row + 1]] = np.sort(found[:count])
    return indptr, indices


@jit
def _gradients(nodes, tet, grad):  # type: ignore[no-untyped-def]
    """Write the gradients of the four hat functions into grad (4, 3); return the volume, 0 for a flat element."""
    a, b, c, d = nodes[tet[0]], nodes[tet[1]], nodes[tet[2]], nodes[tet[3]]
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    grad[1, 0], grad[1, 1], grad[1, 2] = vy * wz - vz * wy, vz * wx - vx * wz, vx * wy - vy * wx
    grad[2, 0], grad[2, 1], grad[2, 2] = wy * uz - wz * uy, wz * ux - wx * uz, wx * uy - wy * ux
    grad[3, 0], grad[3, 1], grad[3, 2] = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    six = ux * grad[1, 0] + uy * grad[1, 1] + uz * grad[1, 2]
    if six == 0.0:
        return 0.0
    for k in range(3):
        for i in range(1, 4):
            grad[i, k] /= six
        grad[0, k] = -(grad[1, k] + grad[2, k] + grad[3, k])
    return abs(six) / 6.0


@jit
def _fill(nodes, tets, sigma, indptr, indices, data):  # type: ignore[no-untyped-def]
    """Add every element matrix; return the number of flat elements."""
    grad = np.empty((4, 3))
    n_flat = 0
    for t in range(tets.shape[0]):
        volume = _gradients(nodes, tets[t], grad)
        if volume == 0.0:
            n_flat += 1
            continue
        weight = sigma[t] * volume
        for i in range(4):
            row = tets[t, i]
            for j in range(4):
                column = tets[t, j]
                at = indptr[row]
                while indices[at] != column:
                    at += 1
                data[at] += weight * (grad[i, 0] * grad[j, 0] + grad[i, 1] * grad[j, 1] + grad[i, 2] * grad[j, 2])
    return n_flat


@jit
def _fill_tensors(nodes, tets, sigma, indptr, indices, data):  # type: ignore[no-untyped-def]
    """Add every element matrix of tensors xx, yy, zz, xy, xz, yz; return the number of flat elements."""
    grad = np.empty((4, 3))
    flow = np.empty(3)
    n_flat = 0
    for t in range(tets.shape[0]):
        volume = _gradients(nodes, tets[t], grad)
        if volume == 0.0:
            n_flat += 1
            continue
        xx, yy, zz, xy, xz, yz = sigma[t]
        for i in range(4):
            x, y, z = grad[i, 0], grad[i, 1], grad[i, 2]
            flow[0] = volume * (xx * x + xy * y + xz * z)
            flow[1] = volume * (xy * x + yy * y + yz * z)
            flow[2] = volume * (xz * x + yz * y + zz * z)
            row = tets[t, i]
            for j in range(4):
                column = tets[t, j]
                at = indptr[row]
                while indices[at] != column:
                    at += 1
                data[at] += flow[0] * grad[j, 0] + flow[1] * grad[j, 1] + flow[2] * grad[j, 2]
    return n_flat


@jit
def _minus_gradient(potential, nodes, tets):  # type: ignore[no-untyped-def]
    grad = np.empty((4, 3))
    field = np.zeros((tets.shape[0], 3))
    for t in range(tets.shape[0]):
        _gradients(nodes, tets[t], grad)
        for i in range(4):
            for k in range(3):
                field[t, k] -= potential[tets[t, i]] * grad[i, k]
    return field


@jit
def _loads(density, nodes, tets):  # type: ignore[no-untyped-def]
    grad = np.empty((4, 3))
    loads = np.zeros(nodes.shape[0])
    for t in range(tets.shape[0]):
        volume = _gradients(nodes, tets[t], grad)
        for i in range(4):
            for k in range(3):
                loads[tets[t, i]] += volume * density[t, k] * grad[i, k]
    return loads


@jit
def _volumes(nodes, tets):  # type: ignore[no-untyped-def]
    grad = np.empty((4, 3))
    volumes = np.zeros(nodes.shape[0])
    for t in range(tets.shape[0]):
        quarter = _gradients(nodes, tets[t], grad) / 4
        for i in range(4):
            volumes[tets[t, i]] += quarter
    return volumes
