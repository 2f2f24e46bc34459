"""Heads that were imported: one file each in the user's data folder, whole and sealed.

The file holds what cannot be made again without the source: the labels (or the mesh, where that is the source), the
way to MNI space and the fiducials. Meshes of labels are in the cache, where they may be lost.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from stimplan.errors import HeadError, Problem, ResourceError
from stimplan.head.cache import UNREADABLE, write_sealed
from stimplan.head.labelled import LabelVolume
from stimplan.head.mesher import TetMesh
from stimplan.head.warp import GridMap, Warp
from stimplan.resources import user_data_path
from stimplan.values import digest

VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Names that Windows keeps for devices.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}


@attrs.frozen(eq=False)
class KeptHead:
    """A head as it is kept: labels or a mesh, and what belongs to them.

    Attributes
    ----------
    name : str
    volume : LabelVolume or None
    mesh : TetMesh or None
        `tissue` in the numbers of `tissues`.
    tissues : mapping of str to int
        Numbers of the mesh's tissues by name; empty for a volume.
    mni_from_head : (4, 4) array or None
    warp : Warp or None
    fiducials_m : dict
        Nz, Iz, LPA, RPA, m; empty where they are not known.
    record : dict
        Plain JSON data: where it is from and what was found when it was imported.
    """

    name: str
    volume: LabelVolume | None = None
    mesh: TetMesh | None = None
    tissues: dict[str, int] = attrs.field(factory=dict)
    mni_from_head: Any = None
    warp: Warp | None = None
    fiducials_m: dict[str, tuple[float, float, float]] = attrs.field(factory=dict)
    record: dict[str, Any] = attrs.field(factory=dict)

    @property
    def content(self) -> str:
        """Digest of labels or mesh and of what their numbers mean; nothing else changes the mesh."""
        if self.volume is not None:
            tissues = {str(label): name for label, name in self.volume.tissues.items()}
            return digest(self.volume.labels, self.volume.head_from_voxel, tissues)
        assert self.mesh is not None
        return digest(self.mesh.nodes_m, self.mesh.tets, self.mesh.tissue, self.tissues)


def check_name(name: str, *, taken: tuple[str, ...] = ()) -> str:
    """The name, if a head may have it.

    Raises
    ------
    HeadError
        It is empty or too long, has characters that are no part of a plain file name, or is a shipped head's.
    """
    plain = name.lower().split(".")[0]
    if not _NAME.fullmatch(name) or ".." in name or name.endswith((".", "-")) or plain in _DEVICES:
        what = (
            f"{name!r} cannot name a head; expected up to 64 letters, digits, dots, dashes and underscores, such as "
            "sub-01"
        )
        raise HeadError(Problem("--name", what))
    if name.lower() in taken:
        raise HeadError(Problem("--name", f"{name!r} is a head that comes with stimplan; take another name"))
    return name


def kept_path(name: str) -> Path:
    """Where the head of this name is, or would be, kept."""
    return user_data_path("heads", f"{name}.npz")


def kept_names() -> tuple[str, ...]:
    """Names of the imported heads, in order."""
    found: list[str] = []
    with suppress(OSError):
        found = [path.stem for path in user_data_path("heads").glob("*.npz") if _NAME.fullmatch(path.stem)]
    return tuple(sorted(found))


def same_name(name: str) -> str | None:
    """The imported head of this name, capital letters aside (some file systems do not know them)."""
    return next((kept for kept in kept_names() if kept.lower() == name.lower()), None)


def keep(head: KeptHead, *, replace: bool = False) -> Path:
    """Write an imported head: whole, or nothing.

    Raises
    ------
    HeadError
        There is one of this name, and it is not to be replaced.
    """
    there = same_name(head.name)
    if there is not None and not (replace and there == head.name):
        raise HeadError(name_is_taken(there))
    arrays = _arrays(head)
    path = kept_path(head.name)
    try:
        write_sealed(path, _seal(arrays), arrays, compress=True, is_new=not replace)
    except FileExistsError:
        raise HeadError(name_is_taken(head.name)) from None
    return path


def name_is_taken(name: str) -> Problem:
    """What is said where a head of this name is kept already."""
    return Problem("--name", f"there is an imported head {name!r} already; --replace replaces it, or take another name")


def read_kept(name: str) -> KeptHead:
    """Read an imported head.

    Raises
    ------
    ResourceError
        The file is damaged, or of a later version of this program.
    """
    path = kept_path(name)
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except UNREADABLE as error:
        raise ResourceError(_damaged(name, str(error))) from None
    seal = str(arrays.pop("seal", ""))
    if seal != _seal(arrays):
        raise ResourceError(_damaged(name, "its seal does not fit its content"))
    record = json.loads(str(arrays["record"]))
    if record["version"] != VERSION:
        raise ResourceError(f"imported head {name!r} was written by another version of stimplan; import it again")
    return _from_arrays(name, arrays, record)


def read_record(name: str) -> dict[str, Any]:
    """What was noted when a head was imported, without reading the rest; `is_damaged` where that cannot be read."""
    try:
        with kept_path(name).open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            record: dict[str, Any] = json.loads(str(file["record"]))
            return record
    except UNREADABLE:
        return {"is_damaged": True}


def _damaged(name: str, why: str) -> str:
    source = read_record(name).get("source")
    again = f"stimplan heads import {source or 'PATH'} --name {name} --replace"
    return f"imported head {name!r} is damaged ({kept_path(name)}: {why}); import it again: {again}"


def _seal(arrays: dict[str, Any]) -> str:
    return digest(*(part for key in sorted(arrays) for part in (key, np.asarray(arrays[key]))))


def _arrays(head: KeptHead) -> dict[str, Any]:
    """A head as named arrays; everything that is no array is in `record`."""
    arrays: dict[str, Any] = {}
    record: dict[str, Any] = {
        **head.record,
        "version": VERSION,
        "kind": "labels" if head.volume is not None else "mesh",
        "content": head.content,
        "fiducials_m": head.fiducials_m,
    }
    if head.volume is not None:
        arrays |= {"labels": head.volume.labels, "head_from_voxel": head.volume.head_from_voxel}
        record["tissues"] = {name: label for label, name in head.volume.tissues.items()}
    if head.mesh is not None:
        arrays |= {"nodes_m": head.mesh.nodes_m, "tets": head.mesh.tets, "tissue": head.mesh.tissue}
        record["tissues"] = dict(head.tissues)
    if head.mni_from_head is not None:
        arrays["mni_from_head"] = np.asarray(head.mni_from_head, dtype=np.float64)
    if head.warp is not None:
        arrays |= _grid_arrays("there", head.warp.mni_from_head)
        if head.warp.head_from_mni is not None:
            arrays |= _grid_arrays("back", head.warp.head_from_mni)
        record["warp_source"] = head.warp.source
    arrays["record"] = np.array(json.dumps(record, allow_nan=False))
    return arrays


def _from_arrays(name: str, arrays: dict[str, Any], record: dict[str, Any]) -> KeptHead:
    tissues = {tissue: int(label) for tissue, label in record["tissues"].items()}
    volume = mesh = warp = None
    if "labels" in arrays:
        by_label = {label: tissue for tissue, label in tissues.items()}
        volume = LabelVolume(arrays["labels"], arrays["head_from_voxel"], by_label)
    else:
        mesh = TetMesh(arrays["nodes_m"], arrays["tets"], arrays["tissue"])
    if "there_affine" in arrays:
        back = _grid("back", arrays) if "back_affine" in arrays else None
        warp = Warp(_grid("there", arrays), back, record.get("warp_source", ""))
    fiducials = {key: (float(x), float(y), float(z)) for key, (x, y, z) in record["fiducials_m"].items()}
    return KeptHead(
        name=name,
        volume=volume,
        mesh=mesh,
        tissues={} if volume is not None else tissues,
        mni_from_head=arrays.get("mni_from_head"),
        warp=warp,
        fiducials_m=fiducials,
        record=record,
    )


def _grid_arrays(prefix: str, grid: GridMap) -> dict[str, Any]:
    return {
        f"{prefix}_displacement_m": grid.displacement_m,
        f"{prefix}_is_known": grid.is_known,
        f"{prefix}_grid_from_voxel": grid.grid_from_voxel,
        f"{prefix}_affine": grid.affine,
    }


def _grid(prefix: str, arrays: dict[str, Any]) -> GridMap:
    names = ("displacement_m", "is_known", "grid_from_voxel", "affine")
    return GridMap(*(arrays[f"{prefix}_{name}"] for name in names))
