"""The matrix and the multigrid hierarchy of a head, kept on disk for the next process.

Measured on Colin27 with 429,123 nodes: 5 to 6 s of a processor to make them, 0.3 s to read and check them, 130 MB.

A file's name is `<head>-<digest of mesh and conductivities>-<solver>.npz`. It is written whole or not at all, and
believed only when its seal, the digest of all it holds, is right. Systems an older solver made are taken away, and
when all of them together pass a limit, those that were used longest ago. Nothing of it is ever needed: a folder that
is full, damaged or read-only costs seconds, not results, and what is read has the bits of what was made.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from stimplan.fem.multigrid import Hierarchy, level_of
from stimplan.fem.solve import Progress, System, build_system
from stimplan.head.cache import UNREADABLE, write_sealed
from stimplan.head.model import HeadModel
from stimplan.notice import StimplanNotice
from stimplan.resources import cache_path, package_path
from stimplan.values import digest

# Below this a system is made in less than a second.
LEAST_NODES = 100_000
# All kept systems together: ten heads of the standard mesh.
MOST_BYTES = 1.6e9
# A process that makes more than these runs through conductivities, and will not ask for any of them again.
_MOST_WRITTEN = 4
_SOURCES = ("assemble.py", "multigrid.py", "rows.py", "solve.py")

_written = count(1)


def kept_system(head: HeadModel, progress: Progress | None = None) -> System:
    """Matrix and preconditioner of a head: from the disk if they are there and sound, else made and kept.

    Warns
    -----
    StimplanNotice
        What was kept was damaged and has been made again; or it could not be kept (a full or read-only disk).
    """
    if len(head.nodes_m) < LEAST_NODES:
        return _made(head, progress)
    path = path_of(head)
    was_there = _is_there(path)
    kept = _read(path, head)
    if kept is not None:
        with suppress(OSError):
            os.utime(path)  # the one used longest ago goes first
        return kept
    if was_there:
        warnings.warn(f"what was kept in {path} was damaged; it is made again", StimplanNotice, stacklevel=2)
    system = _made(head, progress)
    if next(_written) <= _MOST_WRITTEN:
        _keep(path, head, system)
    return system


def path_of(head: HeadModel) -> Path:
    """Where the system of a head is, or would be, kept."""
    name = re.sub(r"[^A-Za-z0-9._]", "_", head.name)[:40] or "head"
    return _folder() / f"{name}-{head.digest[:24]}-{solver_version()}.npz"


@cache
def solver_version() -> str:
    """Digest of the source that makes a system, and of the versions of what it calls."""
    sources = (package_path("fem", name).read_bytes() for name in _SOURCES)
    return digest(*sources, *(version(name) for name in ("numpy", "numba", "pyamg", "scipy")))[:12]


def _made(head: HeadModel, progress: Progress | None) -> System:
    return build_system(head.nodes_m, head.tets, head.conductivity_S_per_m, progress=progress)


def _keep(path: Path, head: HeadModel, system: System) -> None:
    arrays = _arrays(system)
    try:
        write_sealed(path, _seal(head, arrays), arrays)
    except OSError as error:
        warnings.warn(f"the solver's matrices could not be kept in {path}: {error}", StimplanNotice, stacklevel=3)
        return
    _clear(path)


def _clear(newest: Path) -> None:
    """Take away what an older solver made, and what was used longest ago as long as all together are too much."""
    with suppress(OSError):
        files = sorted(_folder().glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0.0
        for path in files:
            total += path.stat().st_size
            is_old = path.stem.split("-")[-1] != solver_version()
            if path != newest and (is_old or total > MOST_BYTES):
                with suppress(OSError):  # another process reads it, or was faster
                    path.unlink()


def _folder() -> Path:
    return cache_path("systems", make=False)


def _is_there(path: Path) -> bool:
    with suppress(OSError):
        return path.exists()
    return False


def _seal(head: HeadModel, arrays: dict[str, Any]) -> str:
    return digest(head.digest, solver_version(), [(name, arrays[name]) for name in sorted(arrays)])


def _arrays(system: System) -> dict[str, Any]:
    """What cannot be had from the rest in a moment."""
    levels = system.hierarchy.levels
    found = {"order": system.order.astype(np.int32), "volumes": system.node_volumes_m3,
             "coarsest": system.hierarchy.coarsest, "depth": np.array(len(levels))}  # fmt: skip
    found |= _split("matrix", system.matrix)
    for number, level in enumerate(levels):
        found |= _split(f"prolongation{number}", level.prolongation)
        if number:  # the finest is the matrix itself in single precision
            found |= _split(f"matrix{number}", level.matrix)
    return found


def _split(name: str, matrix: csr_matrix) -> dict[str, Any]:
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": np.array(matrix.shape)}
    return {f"{name}.{part}": values for part, values in parts.items()}


def _joined(name: str, arrays: dict[str, Any]) -> csr_matrix:
    data, indices, indptr = (arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
    return csr_matrix((data, indices, indptr), shape=tuple(arrays[f"{name}.shape"].tolist()))


def _read(path: Path, head: HeadModel) -> System | None:
    """What the file holds, or None where there is no file, or one that is not what was written."""
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name != "seal"}
            seal = str(file["seal"])
    except UNREADABLE:
        return None
    if seal != _seal(head, arrays):
        return None
    matrix = _joined("matrix", arrays)
    levels = tuple(
        level_of(_joined(f"matrix{number}", arrays) if number else matrix, _joined(f"prolongation{number}", arrays))
        for number in range(int(arrays["depth"]))
    )
    order = arrays["order"].astype(np.int64)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return System(matrix, Hierarchy(levels, arrays["coarsest"]), order, rank, arrays["volumes"])
