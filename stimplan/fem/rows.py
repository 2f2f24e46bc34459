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


# The width is a constant: with a variable one the compiler keeps the sums in memory instead of in a register, and
# takes twice the time. The unsigned column number spares a test for negative ones.


@jit
def _times_block(indptr, indices, data, x, out):  # type: ignore[no-untyped-def]
    total = np.empty(WIDTH, data.dtype)
    for row in range(len(indptr) - 1):
        for c in range(WIDTH):
            total[c] = 0
        for at in range(indptr[row], indptr[row + 1]):
            value, column = data[at], np.uint32(indices[at])
            for c in range(WIDTH):
                total[c] += value * x[column, c]
        for c in range(WIDTH):
            out[row, c] = total[c]
    return out
