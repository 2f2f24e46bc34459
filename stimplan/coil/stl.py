"""Cases of coils as triangles, `.stl`, binary or text, in mm."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stimplan.coil.files import decoded, place_problem, read_raw
from stimplan.coil.values import Casing
from stimplan.errors import CoilError, Problem

Array = NDArray[np.float64]

MM_PER_M = 1000.0
# A binary file: 80 bytes of anything, the number of triangles, 50 bytes each.
_HEAD, _EACH = 84, 50
_VERTEX = re.compile(r"^\s*vertex\s+(\S+)\s+(\S+)\s+(\S+)\s*$", re.MULTILINE)


def read_stl(path: Path) -> Casing:
    """Read the case of a coil, in the coil's own frame.

    Raises
    ------
    CoilError
        The file is cut off, holds no triangle or numbers that are none, or is not in millimetres.
    """
    data = read_raw(path)
    corners = _binary(data) if _is_binary(data) else _text(data, path.name)
    what = ""
    if corners is None or not len(corners):
        what = "no STL: neither the length of a binary file nor 'facet' and 'vertex' lines, three for each triangle"
    elif not np.isfinite(corners).all():
        what = f"{int((~np.isfinite(corners)).any(axis=(1, 2)).sum())} triangles have corners that are not finite"
    else:
        what = place_problem(corners.reshape(-1, 3) / MM_PER_M, "millimetres")
    if what or corners is None:
        raise CoilError(Problem("", what, path.name))
    points, triangles = np.unique(corners.reshape(-1, 3) / MM_PER_M, axis=0, return_inverse=True)
    return Casing(points, triangles.reshape(-1, 3))


def _is_binary(data: bytes) -> bool:
    return len(data) >= _HEAD and len(data) == _HEAD + _EACH * int.from_bytes(data[80:84], "little")


def _binary(data: bytes) -> Array:
    rows = np.frombuffer(data, dtype=np.uint8, offset=_HEAD).reshape(-1, _EACH)
    return np.ascontiguousarray(rows[:, 12:48]).view("<f4").reshape(-1, 3, 3).astype(np.float64)


def _text(data: bytes, name: str) -> Array | None:
    if not data.lstrip().startswith(b"solid"):
        return None
    text = decoded(data, name)
    found = _VERTEX.findall(text)
    facets = len(re.findall(r"^\s*endfacet", text, re.MULTILINE))
    if not found or len(found) != 3 * facets or "endsolid" not in text:
        return None
    try:
        return np.array(found, dtype=np.float64).reshape(-1, 3, 3)
    except ValueError:
        return None
