"""Solve A x = b for the singular but consistent matrix of a head, and never return what did not converge.

A linear solver is any function `(A, b) -> x` with `A @ x` defined. Whatever it is, the residual is computed again
here, outside it, and above the tolerance there is no result but a SolveError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import reverse_cuthill_mckee

from stimplan.compiled import jit
from stimplan.errors import InputError, SolveError
from stimplan.fem.assemble import node_volumes, stiffness
from stimplan.fem.krylov import conjugate_gradient
from stimplan.fem.multigrid import Hierarchy, build_hierarchy

Array = NDArray[np.float64]
LinearSolver = Callable[[Any, Array], Array]
Progress = Callable[[str, float], None]


@attrs.frozen(eq=False)
class System:
    """The matrix of one mesh with its conductivities, ready for any number of montages.

    Attributes
    ----------
    matrix : (n, n) csr_matrix
        Stiffness, S, with the nodes in `order`.
    hierarchy : Hierarchy
        Preconditioner of `matrix`.
    order : (n,) int array
        Node of the mesh at each row: neighbours in space are neighbours in memory.
    rank : (n,) int array
        Row of each node of the mesh, the inverse of `order`.
    node_volumes_m3 : (n,) array
        Integral of each hat function, by row.
    """

    matrix: csr_matrix
    hierarchy: Hierarchy
    order: NDArray[np.int64]
    rank: NDArray[np.int64]
    node_volumes_m3: Array


@attrs.frozen(eq=False)
class Solution:
    """Nodal potentials, with the proof that they solve the system.

    Attributes
    ----------
    potential_V : (n,) or (n, k) array
        By node of the mesh; its mean over the volume is zero.
    residual : float
        ||b - A x|| / ||b||, computed outside the solver; the largest of all columns.
    iterations : int or None
        Of the built-in solver; None for any other.
    """

    potential_V: Array
    residual: float
    iterations: int | None


def build_system(
    nodes_m: Array, tets: NDArray[np.int32], sigma_S_per_m: Array, *, progress: Progress | None = None
) -> System:
    """Assemble the matrix of a mesh and set up its preconditioner.

    Parameters
    ----------
    nodes_m : (n, 3) array
    tets : (m, 4) int array
    sigma_S_per_m : (m,) or (m, 6) array
    progress : callable, optional
        Called with a stage and a fraction.
    """
    _tell(progress, "assemble", 0.0)
    order = _morton_order(nodes_m)
    assembled = stiffness(nodes_m[order], _ranks(order).astype(np.int32)[tets], sigma_S_per_m)
    matrix, along = _narrowed(assembled)
    order = order[along]
    rank = _ranks(order)
    _tell(progress, "prepare the solver", 0.0)
    hierarchy = build_hierarchy(matrix)
    _tell(progress, "prepare the solver", 1.0)
    volumes = node_volumes(nodes_m[order], rank.astype(np.int32)[tets])
    return System(matrix, hierarchy, order, rank, volumes)


def solve_system(
    system: System,
    rhs: Array,
    *,
    operator: Any = None,
    solver: LinearSolver | None = None,
    tolerance: float = 1e-6,
    progress: Progress | None = None,
) -> Solution:
    """Solve for one or several right-hand sides.

    Parameters
    ----------
    system : System
    rhs : (n,) or (n, k) array
        Current into each node of the mesh, A; each column sums to zero.
    operator : object with `@`, optional
        Solve this instead of `system.matrix`, in the system's row order and with its null space.
    solver : callable, optional
        `(A, b) -> x`; by default the conjugate gradient with the system's hierarchy.
    tolerance : float
        Largest accepted ||b - A x|| / ||b||.
    progress : callable, optional

    Raises
    ------
    InputError
        The currents of a column do not sum to zero, or are all zero.
    SolveError
        The residual is above the tolerance, or not a number.
    """
    matrix = system.matrix if operator is None else operator
    b = np.ascontiguousarray(rhs, dtype=np.float64)[system.order]
    _check_rhs(b)
    count: list[int] = []
    if solver is None:
        x = conjugate_gradient(matrix, b, system.hierarchy, tolerance=tolerance, progress=progress, on_end=count.append)
    else:
        x = solver(matrix, b)
    residual = checked_residual(matrix, x, b, tolerance=tolerance)
    x = x - system.node_volumes_m3 @ x / system.node_volumes_m3.sum()
    return Solution(x[system.rank], residual, count[0] if count else None)


def checked_residual(matrix: Any, x: Array, b: Array, *, tolerance: float) -> float:
    """Largest ||b - A x|| / ||b|| of all columns.

    Raises
    ------
    SolveError
        Above the tolerance, not finite, or of the wrong shape.
    """
    if np.shape(x) != b.shape:
        raise SolveError(f"the solver returned shape {np.shape(x)} for a right-hand side of shape {b.shape}")
    residual = float(np.max(np.linalg.norm(b - matrix @ x, axis=0) / np.linalg.norm(b, axis=0)))
    if not residual <= tolerance:  # written so that NaN fails
        raise SolveError(
            f"the linear system of {len(b)} unknowns was not solved: relative residual {residual:.3g}, "
            f"tolerance {tolerance:.3g}"
        )
    return residual


def _check_rhs(b: Array) -> None:
    size = np.abs(b).sum(axis=0)
    if not np.all(size > 0):
        raise InputError("a right-hand side is zero or not a number: no current, no field")
    worst = float(np.max(np.abs(b.sum(axis=0)) / size))
    if not worst <= 1e-9:
        raise InputError(f"the currents of a montage must sum to zero; they are off by {worst:.3g} of their size")


def _tell(progress: Progress | None, stage: str, fraction: float) -> None:
    if progress is not None:
        progress(stage, fraction)


def _ranks(order: NDArray[np.int64]) -> NDArray[np.int64]:
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank


def _narrowed(matrix: csr_matrix) -> tuple[csr_matrix, NDArray[np.int64]]:
    """The matrix with its entries near the diagonal, and its rows in their new order (reverse Cuthill-McKee).

    Whatever runs through the rows then finds what it needs of a vector in the processor's own cache: sweeps and
    products with eight columns take two thirds of the time they take along the space-filling curve.
    """
    order = reverse_cuthill_mckee(matrix, symmetric_mode=True).astype(np.int64)
    rows = matrix[order]
    rows.indices = _ranks(order).astype(rows.indices.dtype)[rows.indices]
    rows.sort_indices()
    return rows, order


def _morton_order(points: Array) -> NDArray[np.int64]:
    """Order of points along a Z-shaped space-filling curve, 21 bits an axis."""
    low = points.min(axis=0)
    span = max(float((points.max(axis=0) - low).max()), np.finfo(float).tiny)
    cells = np.ascontiguousarray((points - low) / span * (2**21 - 1)).astype(np.uint64)
    return np.argsort(_interleave(cells), kind="stable")


@jit
def _interleave(cells):  # type: ignore[no-untyped-def]
    codes = np.zeros(len(cells), np.uint64)
    for i in range(len(cells)):
        for bit in range(21):
            for axis in range(3):
                value = (cells[i, axis] >> np.uint64(bit)) & np.uint64(1)
                codes[i] |= value << np.uint64(3 * bit + axis)
    return codes
