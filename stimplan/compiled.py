"""Compilation by numba, kept on disk where the machine has a place for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def jit(function: Callable[..., Any]) -> Any:
    """Compile a function; with neither the package's folder nor a home to write to, anew in every process.

    Compiled code runs outside Python's lock, so that threads of one process share the cores.
    """
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # "cannot cache function": numba finds no folder it may write to
        return njit(nogil=True)(function)
