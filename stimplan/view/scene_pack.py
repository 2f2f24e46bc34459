"""Arrays of a scene as one short text that a page can carry, and back.

Neighbours in a mesh are alike, so what is kept is the difference to the one before: a table of whole numbers below
65536 as differences modulo 65536, corners of triangles as distances from the highest number used so far. Low and high
bytes lie apart, the whole is deflated (RFC 1950, which browsers undo by themselves) and written in base 64.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Positions are kept in steps of 10 micrometres; a scene longer than 65 cm gets coarser steps.
STEP_M = 1e-5
_LARGEST = 65535
# The last code stands for "no value here".
NO_VALUE = 65535


def order_for_packing(
    points_m: NDArray[np.floating[Any]], triangles: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An order in which neighbours stand together.

    Returns
    -------
    points : (p,) int array
        Which point comes at each place; points that no triangle uses are left out.
    triangles : (k, 3) int array
        Into the points in their new order.
    """
    centres = np.asarray(points_m)[triangles].mean(axis=1)
    low = centres.min(axis=0)
    cells = ((centres - low) / max(float(np.ptp(centres, axis=0).max()), 1e-12) * 1023).astype(np.uint64)
    key = np.zeros(len(cells), np.uint64)  # Morton's order: the bits of x, y and z in turn
    for bit in range(10):
        for axis in range(3):
            key |= ((cells[:, axis] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(3 * bit + axis)
    flat = np.asarray(triangles, np.int64)[np.argsort(key, kind="stable")].ravel()
    used, first, local = np.unique(flat, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return used[order], rank[local].reshape(-1, 3)


def positions_as_codes(points_m: NDArray[np.floating[Any]]) -> tuple[NDArray[np.uint16], list[float], float]:
    """(3, p) codes of positions, the corner they count from and the length of a step, m."""
    points = np.asarray(points_m, dtype=np.float64)
    low = points.min(axis=0)
    step = max(STEP_M, float(np.ptp(points, axis=0).max()) / _LARGEST)
    return np.rint((points - low).T / step).astype(np.uint16), [float(x) for x in low], step


def values_as_codes(values: NDArray[np.floating[Any]]) -> tuple[NDArray[np.uint16], float, float]:
    """(p,) codes of values, and the values of codes 0 and 65534; what is not finite becomes `NO_VALUE`."""
    values = np.asarray(values, dtype=np.float64)
    there = np.isfinite(values)
    low, high = (float(values[there].min()), float(values[there].max())) if there.any() else (0.0, 0.0)
    codes = np.full(len(values), NO_VALUE, np.uint16)
    codes[there] = np.rint((values[there] - low) / max(high - low, 1e-300) * (NO_VALUE - 1))
    return codes, low, high


def pack(arrays: Mapping[str, NDArray[np.integer[Any]]]) -> tuple[dict[str, dict[str, Any]], str]:
    """Pack arrays.

    Parameters
    ----------
    arrays : mapping of str to array
        Whole numbers from 0 to 65535 of any shape, differences taken along the last axis; (k, 3) int64 arrays are
        triangles as `order_for_packing` gives them, uint8 arrays stay as they are.

    Returns
    -------
    index : dict
        Of each array: `at` (its first byte), `n` (its length), `planes` (bytes of each number), `kind`.
    text : str
        All of them, base 64 of a deflated block.
    """
    index: dict[str, dict[str, Any]] = {}
    parts: list[bytes] = []
    at = 0
    for name, array in arrays.items():
        kind = {np.dtype(np.int64): "corners", np.dtype(np.uint8): "bytes"}.get(array.dtype, "numbers")
        codes, planes = _coded(array, kind)
        for plane in range(planes):
            parts.append(((codes >> (8 * plane)) & 255).astype(np.uint8).tobytes())
        index[name] = {"at": at, "n": int(codes.size), "planes": planes, "kind": kind}
        if kind == "numbers":
            index[name]["rows"] = 1 if array.ndim == 1 else len(array)
        at += planes * codes.size
    return index, base64.b64encode(zlib.compress(b"".join(parts), 9)).decode("ascii")


def _coded(array: NDArray[np.integer[Any]], kind: str) -> tuple[NDArray[np.integer[Any]], int]:
    """Codes of an array and how many bytes each has."""
    if kind == "bytes":
        return array.ravel(), 1
    return (_from_highest(array), 3) if kind == "corners" else (_differences(array), 2)


def unpack(index: Mapping[str, Mapping[str, Any]], text: str) -> dict[str, NDArray[np.int64]]:
    """What was packed: (k, 3) triangles, (rows, n) or (n,) numbers.

    Raises
    ------
    ValueError
        The text is damaged, or shorter than its index says.
    """
    try:
        raw = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), np.uint8)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    found = {}
    for name, one in index.items():
        count, planes = int(one["n"]), int(one["planes"])
        block = raw[one["at"] : one["at"] + planes * count]
        if len(block) != planes * count:
            raise ValueError(f"{name} is cut off")
        codes = np.zeros(count, np.int64)
        for plane in range(planes):
            codes |= block[plane * count : (plane + 1) * count].astype(np.int64) << (8 * plane)
        if one["kind"] == "bytes":
            found[name] = codes
        else:
            found[name] = _corners(codes) if one["kind"] == "corners" else _numbers(codes, int(one["rows"]))
    return found


def _differences(array: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Differences along the last axis modulo 65536, small ones of both signs as small numbers (zigzag)."""
    rows = np.atleast_2d(np.asarray(array, np.int64))
    signed = (np.diff(rows, axis=1, prepend=0) + 32768) % 65536 - 32768
    return np.where(signed < 0, -2 * signed - 1, 2 * signed).ravel()


def _numbers(codes: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    signed = np.where(codes % 2 == 1, -(codes + 1) // 2, codes // 2)
    table: NDArray[np.int64] = np.cumsum(signed.reshape(rows, -1), axis=1) % 65536
    return table[0] if rows == 1 else table


def _from_highest(triangles: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """How far each corner lies below the next new number; 0 for a new one."""
    flat = np.asarray(triangles, np.int64).ravel()
    next_new = np.maximum.accumulate(np.concatenate([[-1], flat[:-1]])) + 1
    codes: NDArray[np.int64] = next_new - flat
    if len(codes) and codes.min() < 0:
        raise ValueError("corners are not numbered in the order of their first use")
    return codes


def _corners(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    # A zero is a new number; every other corner counts back from how many there are by then.
    is_new = codes == 0
    next_new = np.cumsum(is_new) - is_new
    corners: NDArray[np.int64] = next_new - codes
    return corners.reshape(-1, 3)


def as_lists(values: Sequence[Any] | NDArray[Any]) -> list[Any]:
    """Plain lists of plain numbers."""
    return np.asarray(values).tolist()
