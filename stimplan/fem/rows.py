"""Products of compressed-row matrices with blocks of eight columns, outside Python's lock."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from stimplan.compiled import jit

WIDTH = 8


def times(matrix: csr_matrix, x: NDArray[Any]) -> NDArray[Any]:
    """`matrix @ x`, with a loop of its own for eight columns of the matrix's type.

    Eight columns at a time the matrix is read once for all of them, and other threads go on meanwhile.
    """
    if x.ndim == 2 and x.shape[1] == WIDTH and x.dtype == matrix.dtype and x.flags.c_contiguous:
        return _times_block(matrix.indptr, matrix.indices, matrix.data, x, np.empty((matrix.shape[0], WIDTH), x.dtype))
    return matrix @ x


# The eight sums of a row are a tuple, written out: so they stay in one vector register. In an array the compiler keeps
# them in memory, which takes a fifth more time. The unsigned column number spares a test for negative ones.


@jit
def zeros_like_row(x):  # type: ignore[no-untyped-def]
    """Eight zeros of the type of x."""
    o = x.dtype.type(0)
    return o, o, o, o, o, o, o, o


@jit
def row_of(x, k):  # type: ignore[no-untyped-def]
    """The eight numbers of a row."""
    return x[k, 0], x[k, 1], x[k, 2], x[k, 3], x[k, 4], x[k, 5], x[k, 6], x[k, 7]


@jit
def plus(t, v, x, k):  # type: ignore[no-untyped-def]
    """t + v x[k]."""
    return (
        t[0] + v * x[k, 0], t[1] + v * x[k, 1], t[2] + v * x[k, 2], t[3] + v * x[k, 3],
        t[4] + v * x[k, 4], t[5] + v * x[k, 5], t[6] + v * x[k, 6], t[7] + v * x[k, 7],
    )  # fmt: skip


@jit
def minus(t, v, x, k):  # type: ignore[no-untyped-def]
    """t - v x[k]."""
    return (
        t[0] - v * x[k, 0], t[1] - v * x[k, 1], t[2] - v * x[k, 2], t[3] - v * x[k, 3],
        t[4] - v * x[k, 4], t[5] - v * x[k, 5], t[6] - v * x[k, 6], t[7] - v * x[k, 7],
    )  # fmt: skip


@jit
def put(x, k, t, v):  # type: ignore[no-untyped-def]
    """x[k] = v t."""
    x[k, 0], x[k, 1], x[k, 2], x[k, 3] = v * t[0], v * t[1], v * t[2], v * t[3]
    x[k, 4], x[k, 5], x[k, 6], x[k, 7] = v * t[4], v * t[5], v * t[6], v * t[7]


@jit
def _times_block(indptr, indices, data, x, out):  # type: ignore[no-untyped-def]
    one = data.dtype.type(1)
    for row in range(len(indptr) - 1):
        total = zeros_like_row(data)
        for at in range(indptr[row], indptr[row + 1]):
            total = plus(total, data[at], x, np.uint32(indices[at]))
        put(out, row, total, one)
    return out
