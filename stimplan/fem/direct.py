"""A direct solver in place of the iterative one: MKL PARDISO, an extra, for several hundred montages on one matrix.

It factorises the matrix once, which takes minutes and memory that grows faster than the mesh; each right-hand side is
cheap after that. The residual is checked outside it like that of any other solver.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from stimplan.errors import InputError, MissingExtra, Problem
from stimplan.fem.solve import LinearSolver

Array = NDArray[np.float64]

# Peak memory measured on layered spheres: 4.7 GB at 434 thousand nodes, 11 GB at 862 thousand.
_BYTES_AT_434K = 4.7e9
_GROWTH = 1.24
_SHARE = 0.8

SOLVERS = ("multigrid", "pardiso")


def pardiso(matrix: Any, rhs: Array) -> Array:
    """Solve with MKL PARDISO; hand it to `solve(..., solver=pardiso)`.

    Parameters
    ----------
    matrix : (n, n) csr_matrix, or an operator with `to_csr()`
        Symmetric, semi-definite; the constants are its null space.
    rhs : (n,) or (n, k) array
        Each column sums to zero.

    Raises
    ------
    MissingExtra
        PARDISO is not installed.
    InputError
        The factorisation would not fit into the memory of this machine.
    """
    PyPardisoSolver = _pardiso()
    refuse_if_too_large(rhs.shape[0], available_bytes())
    rows = matrix if isinstance(matrix, csr_matrix) else matrix.to_csr()
    # The potential is free by a constant. Holding the first node to zero by a spring of its own size changes nothing
    # else: no current flows through the spring where the currents sum to zero.
    spring = np.zeros(rows.shape[0])
    spring[0] = rows.diagonal()[0]
    held = csr_matrix(rows + diags(spring))
    held.sort_indices()
    solver = PyPardisoSolver(mtype=11)
    try:
        return np.asarray(solver.solve(held, np.asfortranarray(rhs))).reshape(rhs.shape)
    finally:
        solver.free_memory(everything=True)


def solver_named(name: str) -> LinearSolver | None:
    """A solver by its name, for `solve(..., solver=...)`: None is the built-in one, "multigrid".

    Raises
    ------
    InputError
        There is no such solver.
    MissingExtra
        PARDISO is asked for and not installed; said before anything is meshed or solved.
    """
    if name not in SOLVERS:
        raise InputError(Problem("solver", f"{name!r} is not known; there are {', '.join(SOLVERS)}"))
    if name == "pardiso":
        _pardiso()
        return pardiso
    return None


def _pardiso() -> Any:
    try:
        from pypardiso import PyPardisoSolver
    except ImportError:
        raise MissingExtra(
            "PARDISO is not installed: pip install 'stimplan[pardiso]' (x86 Linux and Windows); the built-in solver "
            "needs nothing"
        ) from None
    return PyPardisoSolver


def needed_bytes(n_nodes: int) -> float:
    """Memory a factorisation is expected to need."""
    return float(_BYTES_AT_434K * (n_nodes / 434e3) ** _GROWTH)


def refuse_if_too_large(n_nodes: int, available: float) -> None:
    """Raise where the factorisation would need most of the memory there is.

    Raises
    ------
    InputError
        With both figures.
    """
    needed = needed_bytes(n_nodes)
    if not needed <= _SHARE * available:
        raise InputError(
            f"a direct solve of {n_nodes:,} nodes needs about {needed / 1e9:.1f} GB and {available / 1e9:.1f} GB are "
            "free; use the built-in solver, or a coarser mesh"
        )


def available_bytes() -> float:
    """Memory that can be had without swapping."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
    except OSError:
        pass
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return float("inf")  # nothing is known; the operating system will say
