"""Meshes kept on disk: written whole or not at all, and checked before they are believed."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stimplan.head.mesher import TetMesh
from stimplan.resources import cache_path
from stimplan.values import digest

Made = tuple[TetMesh, dict[str, Any]]

# What a damaged, cut off or foreign file raises while it is read.
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)


def mesh_path(name: str, key: str) -> Path:
    """Where the mesh with this key is, or would be, kept."""
    return cache_path("heads", f"{name}-{key[:24]}.npz", make=False)


def cached_mesh(name: str, key: str, make: Callable[[], Made]) -> Made:
    """The mesh with this key: from the disk if it is there and sound, else made and kept.

    Parameters
    ----------
    name : str
        Start of the file's name, for people.
    key : str
        Digest of everything the mesh depends on.
    make : callable
        Returns the mesh and a record of plain JSON data.

    Returns
    -------
    mesh, record
        The same whether they were made or read.

    Warns
    -----
    RuntimeWarning
        The mesh could not be kept (a full or read-only disk); it is returned all the same.
    """
    path = mesh_path(name, key)
    kept = _read(path, key)
    if kept is not None:
        return kept
    mesh, record = make()
    try:
        _write(path, key, mesh, record)
    except OSError as error:
        warnings.warn(f"the mesh could not be kept in {path}: {error}", RuntimeWarning, stacklevel=2)
    return mesh, record


def _read(path: Path, key: str) -> Made | None:
    """What the file holds, or None where there is no file, or one that is not what was written."""
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            nodes_m, tets, tissue = file["nodes_m"], file["tets"], file["tissue"]
            record_text, seal = str(file["record"]), str(file["seal"])
    except _UNREADABLE:
        return None
    if seal != digest(key, nodes_m, tets, tissue, record_text):
        return None
    return TetMesh(nodes_m, tets, tissue), json.loads(record_text)


def _write(path: Path, key: str, mesh: TetMesh, record: dict[str, Any]) -> None:
    """Write beside the place and rename: two processes may do so at once, and Ctrl-C leaves nothing behind."""
    record_text = json.dumps(record, allow_nan=False)
    seal = digest(key, mesh.nodes_m, mesh.tets, mesh.tissue, record_text)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, nodes_m=mesh.nodes_m, tets=mesh.tets, tissue=mesh.tissue, record=record_text, seal=seal)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
