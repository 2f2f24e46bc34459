"""A smoothed-aggregation hierarchy as preconditioner: set up by pyamg, applied by this module.

The cycle runs in single precision and over several columns at once, which is where the time goes; the conjugate
gradient around it stays in double precision. One thread and a fixed order of operations: the same bits every time.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from stimplan.compiled import jit
from stimplan.errors import SolveError

Array = NDArray[np.float64]

# Vanek, Mandel & Brezina 1996 (doi:10.1007/BF02238511). With thin, badly conducting layers a strength threshold of
# 0.03 keeps the number of iterations at 12-13 whatever the mesh size, where 0 needs 30 at 92 k nodes and 49 at 434 k.
_STRENGTH = ("symmetric", {"theta": 0.03})
# "local" weights are row sums; the default estimates an eigenvalue from a random vector, so no two runs would agree.
_SMOOTHED = ("jacobi", {"omega": 4.0 / 3.0, "weighting": "local"})
_COARSEST = 300


@attrs.frozen(eq=False)
class Level:
    """One grid: its matrix, and the maps to and from the next coarser one, in single precision.

    Attributes
    ----------
    matrix : csr_matrix
        Columns sorted within each row.
    diagonal : (n,) int array
        Where in `matrix.data` the diagonal entry of each row is.
    prolongation, restriction : csr_matrix
        One the transpose of the other.
    """

    matrix: csr_matrix
    diagonal: NDArray[np.int32]
    prolongation: csr_matrix
    restriction: csr_matrix


@attrs.frozen(eq=False)
class Hierarchy:
    """Grids from fine to coarse, and the pseudo-inverse of the coarsest."""

    levels: tuple[Level, ...]
    coarsest: Array

    def __call__(self, residual: Array) -> Array:
        """Apply one V-cycle to (n,) or (n, k) residuals; a symmetric, positive approximation of the inverse."""
        columns = np.ascontiguousarray(residual, dtype=np.float32).reshape(len(residual), -1)
        return self._cycle(columns, 0).astype(np.float64).reshape(residual.shape)

    def _cycle(self, rhs: NDArray[np.float32], depth: int) -> NDArray[np.float32]:
        if depth == len(self.levels):
            return np.ascontiguousarray(self.coarsest @ rhs, dtype=np.float32)
        level = self.levels[depth]
        a = level.matrix.indptr, level.matrix.indices, level.matrix.data, level.diagonal
        p, r = level.prolongation, level.restriction
        if rhs.shape[1] == 1:
            x = np.empty(len(rhs), np.float32)
            residual = _first_sweep_1(*a, rhs[:, 0], x)[:, None]
            x = x[:, None]
        else:
            x = np.empty_like(rhs)
            residual = _first_sweep(*a, rhs, x)
        x += p @ self._cycle(r @ residual, depth + 1)
        if rhs.shape[1] == 1:
            _last_sweep_1(*a, rhs[:, 0], x[:, 0])
        else:
            _last_sweep(*a, rhs, x)
        return x


def build_hierarchy(matrix: csr_matrix) -> Hierarchy:
    """Set up the hierarchy of a symmetric, positive semi-definite matrix whose null space are the constants."""
    from pyamg import smoothed_aggregation_solver

    grids = smoothed_aggregation_solver(
        matrix, strength=_STRENGTH, smooth=_SMOOTHED, improve_candidates=None, max_coarse=_COARSEST
    ).levels
    levels = tuple(_level(grid.A, grid.P) for grid in grids[:-1])
    # The zero eigenvalue of the constants is only zero to rounding: the default cut-off of 1e-15 sometimes lets it pass
    # and inverts it.
    return Hierarchy(levels=levels, coarsest=np.linalg.pinv(grids[-1].A.toarray(), rcond=1e-10, hermitian=True))


def _level(matrix: csr_matrix, prolongation: csr_matrix) -> Level:
    rows = _single(matrix)
    diagonal = _diagonal_positions(rows.indptr, rows.indices)
    if np.any(diagonal < 0) or np.any(rows.data[diagonal] <= 0):
        raise SolveError("the matrix has a diagonal entry that is missing or not positive: is a node without elements?")
    p = _single(prolongation)
    return Level(rows, diagonal, p, _single(p.T))


def _single(matrix: csr_matrix) -> csr_matrix:
    rows = csr_matrix(matrix, dtype=np.float32)
    rows.sort_indices()
    return rows


@jit
def _diagonal_positions(indptr, indices):  # type: ignore[no-untyped-def]
    """Position of each row's diagonal entry, -1 where it has none."""
    found = np.full(len(indptr) - 1, -1, np.int32)
    for row in range(len(found)):
        for at in range(indptr[row], indptr[row + 1]):
            if indices[at] == row:
                found[row] = at
    return found


# A forward Gauss-Seidel sweep from zero needs the lower triangle only, and leaves the residual -U x: together they
# read the matrix once. The variants for one column keep their sum in a register, twice as fast.


@jit
def _first_sweep_1(indptr, indices, data, diagonal, rhs, x):  # type: ignore[no-untyped-def]
    """Forward Gauss-Seidel from zero for one column; returns the residual."""
    n = len(rhs)
    residual = np.empty(n, np.float32)
    for row in range(n):
        total = rhs[row]
        for at in range(indptr[row], diagonal[row]):
            total -= data[at] * x[indices[at]]
        x[row] = total / data[diagonal[row]]
    for row in range(n):
        total = np.float32(0)
        for at in range(diagonal[row] + 1, indptr[row + 1]):
            total -= data[at] * x[indices[at]]
        residual[row] = total
    return residual


@jit
def _last_sweep_1(indptr, indices, data, diagonal, rhs, x):  # type: ignore[no-untyped-def]
    """Backward Gauss-Seidel for one column, in place."""
    for row in range(len(rhs) - 1, -1, -1):
        total = rhs[row]
        for at in range(indptr[row], diagonal[row]):
            total -= data[at] * x[indices[at]]
        for at in range(diagonal[row] + 1, indptr[row + 1]):
            total -= data[at] * x[indices[at]]
        x[row] = total / data[diagonal[row]]


@jit
def _first_sweep(indptr, indices, data, diagonal, rhs, x):  # type: ignore[no-untyped-def]
    """Forward Gauss-Seidel from zero; returns the residual."""
    n, k = rhs.shape
    residual = np.zeros((n, k), np.float32)
    for row in range(n):
        for c in range(k):
            x[row, c] = rhs[row, c]
        for at in range(indptr[row], diagonal[row]):
            for c in range(k):
                x[row, c] -= data[at] * x[indices[at], c]
        for c in range(k):
            x[row, c] /= data[diagonal[row]]
    for row in range(n):
        for at in range(diagonal[row] + 1, indptr[row + 1]):
            for c in range(k):
                residual[row, c] -= data[at] * x[indices[at], c]
    return residual


@jit
def _last_sweep(indptr, indices, data, diagonal, rhs, x):  # type: ignore[no-untyped-def]
    """Backward Gauss-Seidel, in place."""
    n, k = rhs.shape
    total = np.empty(k, np.float32)
    for row in range(n - 1, -1, -1):
        for c in range(k):
            total[c] = rhs[row, c]
        for at in range(indptr[row], indptr[row + 1]):
            if at == diagonal[row]:
                continue
            for c in range(k):
                total[c] -= data[at] * x[indices[at], c]
        for c in range(k):
            x[row, c] = total[c] / data[diagonal[row]]
