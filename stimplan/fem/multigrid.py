"""A smoothed-aggregation hierarchy as preconditioner: set up by pyamg, applied by this module.

The cycle runs in single precision and over eight columns at once, which is where the time goes; the conjugate
gradient around it stays in double precision. A fixed order of operations: the same bits every time.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from stimplan.compiled import jit
from stimplan.errors import SolveError
from stimplan.fem.rows import WIDTH, minus, put, row_of, times, zeros_like_row

Array = NDArray[np.float64]

# Vanek, Mandel & Brezina 1996 (doi:10.1007/BF02238511). With thin, badly conducting layers a strength threshold of
# 0.03 keeps the number of iterations at 12-13 whatever the mesh size, where 0 needs 30 at 92 k nodes and 49 at 434 k.
_STRENGTH = ("symmetric", {"theta": 0.03})
# "local" weights are row sums; the default estimates an eigenvalue from a random vector, so no two runs would agree.
_SMOOTHED = ("jacobi", {"omega": 4.0 / 3.0, "weighting": "local"})
_COARSEST = 300
# The zero eigenvalue of the constants is only zero to rounding: the default cut-off of 1e-15 sometimes lets it pass
# and inverts it.
_RANK = 1e-10


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

    def __call__(self, residual: NDArray[np.floating]) -> NDArray[np.float32]:
        """Apply one V-cycle to (n,) or (n, k) residuals; a symmetric, positive approximation of the inverse.

        One column or eight are the fast cases; any other number is done in blocks of eight.
        """
        columns = np.ascontiguousarray(residual, dtype=np.float32).reshape(len(residual), -1)
        count = columns.shape[1]
        if count in (1, WIDTH):
            return self._cycle(columns, 0).reshape(residual.shape)
        result = np.empty_like(columns)
        for start in range(0, count, WIDTH):
            block = np.zeros((len(columns), WIDTH), np.float32)
            part = columns[:, start : start + WIDTH]
            block[:, : part.shape[1]] = part
            result[:, start : start + WIDTH] = self._cycle(block, 0)[:, : part.shape[1]]
        return result

    def _cycle(self, rhs: NDArray[np.float32], depth: int) -> NDArray[np.float32]:
        if depth == len(self.levels):
            return np.asarray(_product(self.coarsest, rhs))
        level = self.levels[depth]
        a = level.matrix.indptr, level.matrix.indices, level.matrix.data, level.diagonal
        x = np.empty_like(rhs)
        is_single = rhs.shape[1] == 1
        residual = _first_sweep_1(*a, rhs[:, 0], x[:, 0])[:, None] if is_single else _first_sweep(*a, rhs, x)
        x += times(level.prolongation, self._cycle(times(level.restriction, residual), depth + 1))
        if is_single:
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
    levels = tuple(level_of(grid.A, grid.P) for grid in grids[:-1])
    return Hierarchy(levels, np.linalg.pinv(grids[-1].A.toarray(), rcond=_RANK, hermitian=True))


def with_added(hierarchy: Hierarchy, added: csr_matrix) -> Hierarchy:
    """The hierarchy of a matrix that differs from its own on a few rows, such as those under electrodes.

    The difference goes down to every coarser grid by the same maps, which are not made anew: they follow from the
    mesh and its conductivities, and take most of the time.

    Parameters
    ----------
    hierarchy : Hierarchy
    added : (n, n) csr_matrix
        Symmetric, with the constants in its null space.
    """
    levels = []
    for level in hierarchy.levels:
        levels.append(_with_matrix(level, csr_matrix(level.matrix + added.astype(np.float32))))
        prolongation = level.prolongation.astype(np.float64)
        added = csr_matrix(prolongation.T @ (added @ prolongation))
    coarsest = np.linalg.pinv(hierarchy.coarsest, rcond=_RANK, hermitian=True) + added.toarray()
    return Hierarchy(tuple(levels), np.linalg.pinv(coarsest, rcond=_RANK, hermitian=True))


def level_of(matrix: csr_matrix, prolongation: csr_matrix) -> Level:
    """One grid from its matrix and the map from the next coarser one, in any precision.

    Raises
    ------
    SolveError
        A diagonal entry is missing or not positive.
    """
    rows = _single(matrix)
    p = _single(prolongation)
    return Level(rows, _diagonal(rows), p, _single(p.T))


def _with_matrix(level: Level, matrix: csr_matrix) -> Level:
    rows = _single(matrix)
    return Level(rows, _diagonal(rows), level.prolongation, level.restriction)


def _diagonal(rows: csr_matrix) -> NDArray[np.int32]:
    """Where the diagonal entries are.

    Raises
    ------
    SolveError
        One is missing or not positive.
    """
    positions = _diagonal_positions(rows.indptr, rows.indices)
    if np.any(positions < 0) or np.any(rows.data[positions] <= 0):
        raise SolveError("the matrix has a diagonal entry that is missing or not positive: is a node without elements?")
    return positions


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


@jit
def _product(dense, rhs):  # type: ignore[no-untyped-def]
    """A small dense matrix times a few columns.

    Not by the library of numpy: it starts threads of its own, which then spin for longer than the product takes, on
    the cores that other columns are solved on: half as much time again for the whole cycle.
    """
    n, count = rhs.shape
    out, total = np.empty((n, count), np.float32), np.empty(count)
    for row in range(n):
        total[:] = 0.0
        for at in range(n):
            value = dense[row, at]
            for c in range(count):
                total[c] += value * rhs[at, c]
        for c in range(count):
            out[row, c] = total[c]
    return out


# A forward Gauss-Seidel sweep from zero needs the lower triangle only, and leaves the residual -U x: together they
# read the matrix once.


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
    """Forward Gauss-Seidel from zero for eight columns; returns the residual."""
    one, residual = np.float32(1), np.empty_like(rhs)
    for row in range(len(rhs)):
        total = row_of(rhs, row)
        for at in range(indptr[row], diagonal[row]):
            total = minus(total, data[at], x, np.uint32(indices[at]))
        put(x, row, total, one / data[diagonal[row]])
    for row in range(len(rhs)):
        total = zeros_like_row(rhs)
        for at in range(diagonal[row] + 1, indptr[row + 1]):
            total = minus(total, data[at], x, np.uint32(indices[at]))
        put(residual, row, total, one)
    return residual


@jit
def _last_sweep(indptr, indices, data, diagonal, rhs, x):  # type: ignore[no-untyped-def]
    """Backward Gauss-Seidel for eight columns, in place."""
    one = np.float32(1)
    for row in range(len(rhs) - 1, -1, -1):
        total = row_of(rhs, row)
        for at in range(indptr[row], diagonal[row]):
            total = minus(total, data[at], x, np.uint32(indices[at]))
        for at in range(diagonal[row] + 1, indptr[row + 1]):
            total = minus(total, data[at], x, np.uint32(indices[at]))
        put(x, row, total, one / data[diagonal[row]])
