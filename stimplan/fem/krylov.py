"""Conjugate gradients in double precision around a single-precision preconditioner, eight columns at a time.

Eight columns are one vector register of single-precision numbers, and they read the matrix together. Batches of eight
run on as many threads as the process may use; each batch is one thread's own work in a fixed order, so the bits of
the result do not depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from stimplan.compiled import jit
from stimplan.fem.rows import WIDTH, times

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

MAX_ITERATIONS = 500


def conjugate_gradient(
    matrix: Any,
    rhs: Array,
    preconditioner: Callable[[Array], Array],
    *,
    tolerance: float = 1e-6,
    progress: Progress | None = None,
    on_end: Callable[[int], None] | None = None,
) -> Array:
    """Preconditioned conjugate gradient in double precision, every column with its own step lengths.

    The flexible (Polak-Ribière) form, because a single-precision preconditioner is symmetric to rounding only.
    It stops at half the tolerance: the residual it carries drifts from the true one.

    Parameters
    ----------
    matrix : object with `@`
        Symmetric, positive semi-definite, with the constants as its null space.
    rhs : (n,) or (n, k) array
    preconditioner : callable
        Applied to (n, 1) or (n, 8) arrays; may return single precision.
    tolerance : float
    progress : callable, optional
        Called from the calling thread with the stage and the fraction that is done.
    on_end : callable, optional
        Called with the largest number of iterations of any batch.

    Returns
    -------
    array of the shape of `rhs`
        The last iterate, converged or not: the caller checks.
    """
    columns = rhs.reshape(len(rhs), -1)
    solution = np.empty_like(columns)
    starts = range(0, columns.shape[1], WIDTH)
    if len(starts) == 1:
        x, iterations = _batch(matrix, columns, preconditioner, tolerance=tolerance, progress=progress)
        solution[:], counts = x, [iterations]
    else:
        counts = []
        with ThreadPoolExecutor(max_workers=min(threads(), len(starts))) as pool:
            batches = [
                pool.submit(_batch, matrix, columns[:, s : s + WIDTH], preconditioner, tolerance=tolerance)
                for s in starts
            ]
            for number, (start, batch) in enumerate(zip(starts, batches, strict=True), start=1):
                x, iterations = batch.result()
                solution[:, start : start + WIDTH] = x
                counts.append(iterations)
                if progress is not None:
                    progress("solve", number / len(batches))
    if on_end is not None:
        on_end(max(counts))
    return solution.reshape(rhs.shape)


def threads() -> int:
    """Number of threads worth starting: the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _batch(
    matrix: Any,
    columns: Array,
    preconditioner: Callable[[Array], Array],
    *,
    tolerance: float,
    progress: Progress | None = None,
) -> tuple[Array, int]:
    """Solve one column, or up to eight of them filled up with zeros."""
    count = columns.shape[1]
    r = np.zeros((len(columns), 1 if count == 1 else WIDTH))
    r[:, :count] = columns
    x, p, q = np.zeros_like(r), np.zeros_like(r), np.zeros_like(r)
    start = _norms(r)
    goal = 0.5 * tolerance * start
    rho, alpha = np.ones(r.shape[1]), np.zeros(r.shape[1])
    iteration = 0
    while iteration < MAX_ITERATIONS:
        iteration += 1
        z = preconditioner(r)
        mean, rz, qz = _products(r, q, z)
        # r - r_old = -alpha q, so that the old residual need not be kept; on the first turn alpha is zero.
        beta = -alpha * qz / rho
        rho = _nonzero(rz)
        _turn(p, z, mean, beta)
        q = times(matrix, p) if isinstance(matrix, csr_matrix) else np.asarray(matrix @ p).reshape(p.shape)
        alpha = rho / _nonzero(_dots(p, q))
        norm = _step(x, r, p, q, alpha)
        if progress is not None:
            progress("solve", _log_fraction(norm, start, goal))
        if not np.any(norm > goal):
            break
    return x[:, :count], iteration


def _nonzero(values: Array) -> Array:
    """The values, with tiny ones in place of zeros: a column that is solved exactly must not divide by zero."""
    return np.where(values == 0, np.finfo(float).tiny, values)


def _log_fraction(norm: Array, start: Array, goal: Array) -> float:
    """How far along the way from the first residual to the goal the slowest column is, in orders of magnitude."""
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.log(start / norm) / np.log(start / goal)
    return float(np.clip(np.nan_to_num(fraction[start > 0].min(initial=1.0), nan=0.0), 0, 1))


# Each of these reads its arrays once; the same sums in numpy would write half a dozen temporaries an iteration.


@jit
def _norms(r):  # type: ignore[no-untyped-def]
    total = np.zeros(r.shape[1])
    for i in range(r.shape[0]):
        for c in range(r.shape[1]):
            total[c] += r[i, c] * r[i, c]
    return np.sqrt(total)


@jit
def _dots(a, b):  # type: ignore[no-untyped-def]
    total = np.zeros(a.shape[1])
    for i in range(a.shape[0]):
        for c in range(a.shape[1]):
            total[c] += a[i, c] * b[i, c]
    return total


@jit
def _products(r, q, z):  # type: ignore[no-untyped-def]
    """Mean of z, and the products of r and q with z less that mean, by column."""
    n, k = r.shape
    mean, rz, qz, r_sum, q_sum = np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(k)
    for i in range(n):
        for c in range(k):
            mean[c] += z[i, c]
            rz[c] += r[i, c] * z[i, c]
            qz[c] += q[i, c] * z[i, c]
            r_sum[c] += r[i, c]
            q_sum[c] += q[i, c]
    mean /= n
    return mean, rz - mean * r_sum, qz - mean * q_sum


@jit
def _turn(p, z, mean, beta):  # type: ignore[no-untyped-def]
    """p = z - mean + beta p, in place."""
    for i in range(p.shape[0]):
        for c in range(p.shape[1]):
            p[i, c] = z[i, c] - mean[c] + beta[c] * p[i, c]


@jit
def _step(x, r, p, q, alpha):  # type: ignore[no-untyped-def]
    """x += alpha p and r -= alpha q, in place; the norms of r."""
    total = np.zeros(x.shape[1])
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            x[i, c] += alpha[c] * p[i, c]
            r[i, c] -= alpha[c] * q[i, c]
            total[c] += r[i, c] * r[i, c]
    return np.sqrt(total)
