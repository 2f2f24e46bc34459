"""Meshes kept on disk: written whole or not at all, checked before they are believed, old ones taken away.

A file's name is `<head>-<content>-<mesher>-<edge>.npz`: what the mesh is of, digests of the labels it is made from, of
the mesher that made it and of the edge. Two processes may make the same mesh at once: each writes a file of its own
beside the place and renames it, so that whoever reads sees one whole file or none.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from stimplan.head.mesher import TetMesh, mesher_version
from stimplan.notice import StimplanNotice
from stimplan.resources import cache_path
from stimplan.values import digest

Made = tuple[TetMesh, dict[str, Any]]

# What a damaged, cut off or foreign file raises while it is read.
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)


@attrs.frozen
class MeshKey:
    """Everything a mesh depends on.

    Attributes
    ----------
    name : str
        Start of the file's name, for people.
    content : str
        Digest of the labels and of what they mean.
    edge_m : float
    mesher : str
        Version of the mesher.
    """

    name: str
    content: str
    edge_m: float
    mesher: str = attrs.field(factory=mesher_version)

    @property
    def path(self) -> Path:
        """Where the mesh is, or would be, kept."""
        edge = digest(self.edge_m)[:12]
        return _folder() / f"{self._of_head}-{digest(self.mesher)[:12]}-{edge}.npz"

    @property
    def seal(self) -> str:
        """Digest of the key; part of the seal of the file."""
        return digest(self.content, self.edge_m, self.mesher)

    @property
    def _of_head(self) -> str:
        return f"{_file_name(self.name)}-{digest(self.content)[:24]}"

    def older(self) -> list[Path]:
        """Meshes of the same head that another version of the mesher made."""
        with suppress(OSError):
            of_head = _folder().glob(f"{self._of_head}-*.npz")
            own = digest(self.mesher)[:12]
            return sorted(path for path in of_head if path.stem.split("-")[-2] != own)
        return []


def cached_mesh(key: MeshKey, make: Callable[[], Made]) -> Made:
    """The mesh with this key: from the disk if it is there and sound, else made and kept.

    Parameters
    ----------
    key : MeshKey
    make : callable
        Returns the mesh and a record of plain JSON data.

    Returns
    -------
    mesh, record
        The same whether they were made or read.

    Warns
    -----
    StimplanNotice
        The kept mesh was damaged and has been made again; or the mesh could not be kept (a full or read-only disk)
        and is returned all the same.
    """
    path = key.path
    # Looking comes before reading: a file that another process finishes in between is absent, not damaged.
    was_there = _is_there(path)
    kept = _read(path, key)
    if kept is not None:
        return kept
    if was_there:
        warnings.warn(f"the kept mesh {path} was damaged; it is made again", StimplanNotice, stacklevel=2)
    mesh, record = make()
    try:
        _write(path, key, mesh, record)
    except OSError as error:
        warnings.warn(f"the mesh could not be kept in {path}: {error}", StimplanNotice, stacklevel=2)
    else:
        for old in key.older():
            with suppress(OSError):  # another process reads it, or was faster
                old.unlink()
    return mesh, record


def kept_meshes(content: str) -> list[Path]:
    """Every kept mesh of the head with this content."""
    with suppress(OSError):
        return sorted(_folder().glob(f"*-{digest(content)[:24]}-*.npz"))
    return []


def write_sealed(
    path: Path, seal: str, arrays: dict[str, Any], *, compress: bool = False, is_new: bool = False
) -> None:
    """Write arrays as one file, whole or not at all; two processes may do so at once.

    Raises
    ------
    FileExistsError
        `is_new` and there is such a file by now: of two processes only the first may make it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            (np.savez_compressed if compress else np.savez)(file, **arrays, seal=seal)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _take_place(part, path)
        else:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _take_place(part: Path, path: Path) -> None:
    """Give a file its name unless another has it: one step where the file system knows links, else nearly one."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(str(path)) from None
        part.replace(path)


def _is_there(path: Path) -> bool:
    with suppress(OSError):
        return path.exists()
    return False


def _folder() -> Path:
    return cache_path("heads", make=False)


def _file_name(name: str) -> str:
    """A name with nothing in it that a file system or a pattern could take for more."""
    return re.sub(r"[^A-Za-z0-9._]", "_", name)[:40] or "head"


def _read(path: Path, key: MeshKey) -> Made | None:
    """What the file holds, or None where there is no file, or one that is not what was written."""
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            nodes_m, tets, tissue = file["nodes_m"], file["tets"], file["tissue"]
            record_text, seal = str(file["record"]), str(file["seal"])
    except UNREADABLE:
        return None
    if seal != digest(key.seal, nodes_m, tets, tissue, record_text):
        return None
    return TetMesh(nodes_m, tets, tissue), json.loads(record_text)


def _write(path: Path, key: MeshKey, mesh: TetMesh, record: dict[str, Any]) -> None:
    record_text = json.dumps(record, allow_nan=False)
    seal = digest(key.seal, mesh.nodes_m, mesh.tets, mesh.tissue, record_text)
    arrays = {"nodes_m": mesh.nodes_m, "tets": mesh.tets, "tissue": mesh.tissue, "record": record_text}
    write_sealed(path, seal, arrays)
