"""Heads by name or by path: those that come with the program, those that were imported, and files as they are."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import attrs

from stimplan.errors import HeadError, Problem
from stimplan.head.building import model_of, usual_edge
from stimplan.head.cache import MeshKey, kept_meshes
from stimplan.head.importing import ImportOptions, read_as_kept
from stimplan.head.kept import kept_names, kept_path, read_kept, read_record, same_name
from stimplan.head.mesher import Progress
from stimplan.head.model import HeadModel
from stimplan.head.presets import DEFAULT_PRESET, edge_m_of
from stimplan.head.shipped import SHIPPED_HEADS, shipped_head, shipped_key
from stimplan.resources import package_path

_FILES = (".nii", ".nii.gz", ".mgz", ".mgh", ".msh", ".vtk", ".vtu", ".mesh", ".xdmf", ".inp", ".med", ".exo")


@attrs.frozen
class HeadEntry:
    """One head that `load_head` knows.

    Attributes
    ----------
    name : str
    description : str
    cached : bool
        Whether its mesh at the default edge is on the disk, so that loading takes a second.
    path : Path
        The label volume it is made from, or the file an imported head is kept in.
    kind : {"shipped", "imported"}
    """

    name: str
    description: str
    cached: bool
    path: Path
    kind: Literal["shipped", "imported"] = "shipped"


def load_head(
    name: str | Path = "colin27",
    *,
    edge_mm: float | str | None = None,
    conductivities: str | Mapping[str, float] | None = None,
    labels: str | Path | None = None,
    fiducials: str | Path | None = None,
    progress: Progress | None = None,
) -> HeadModel:
    """Load a head by name or from a file; what is not meshed yet is meshed, and the mesh is kept.

    Parameters
    ----------
    name : str or Path
        A shipped head, an imported one (see `list_heads`), or the path of a segmented volume, a mesh or a folder that
        `import_head` would take.
    edge_mm : float or str, optional
        "teaching", "standard" (if not given) or "fine", or the edge in cortex, CSF and skull, mm; see
        `stimplan.head.presets`.
    conductivities : str or mapping of str to float, optional
        Name of a preset (see `stimplan.head.conductivity`), or conductivities to use instead of the default preset's,
        by tissue, S/m.
    labels : str or Path, optional
        Of a path: which label is which tissue; see `import_head`.
    fiducials : str or Path, optional
        Of a path: file with nasion, inion, LPA and RPA.
    progress : callable, optional
        Called as `progress(stage, fraction)`.

    Returns
    -------
    HeadModel

    Raises
    ------
    HeadError
        There is no such head (the nearest names are given), or it cannot be used.
    ResourceError
        An imported head is damaged.
    """
    text = str(name)
    if text in SHIPPED_HEADS or text in kept_names():
        if labels is not None or fiducials is not None:
            what = f"{text!r} is a head that is known already; labels and fiducials are for files"
            raise HeadError(Problem("head", what))
    elif not _is_path(name):
        raise HeadError(unknown_head(text))
    if edge_mm is not None:
        edge_m_of(edge_mm)  # refused before anything is read
    if text in SHIPPED_HEADS:
        edge = DEFAULT_PRESET if edge_mm is None else edge_mm
        return shipped_head(text, edge, conductivities=conductivities, progress=progress)
    if text in kept_names():
        head = read_kept(text)
    else:
        options = ImportOptions(fiducials=fiducials)
        head = read_as_kept(name, _name_of(Path(name)), labels=labels, options=options, progress=progress)
    return model_of(head, edge_mm=edge_mm, conductivities=conductivities, progress=progress)


def list_heads() -> tuple[HeadEntry, ...]:
    """The heads that `load_head` knows by name: shipped ones, then imported ones."""
    shipped = [
        HeadEntry(
            name=name,
            description=head.description,
            cached=_exists(shipped_key(name).path),
            path=package_path(*head.folder, "labels.nii.gz"),
        )
        for name, head in SHIPPED_HEADS.items()
    ]
    return (*shipped, *(_imported(name) for name in kept_names()))


def remove_head(name: str) -> list[Path]:
    """Remove an imported head and its kept meshes; of a shipped head only the meshes, which are made again.

    Returns
    -------
    list of Path
        The files that were removed.

    Raises
    ------
    HeadError
        There is no such head.
    """
    if name in SHIPPED_HEADS:
        files = kept_meshes(shipped_key(name).content)
    elif name in kept_names():
        content = read_record(name).get("content")
        files = [kept_path(name), *(kept_meshes(content) if content and not _is_shared(name, content) else [])]
    else:
        raise HeadError(unknown_head(name))
    removed = []
    for file in files:
        with suppress(FileNotFoundError):
            file.unlink()
            removed.append(file)
    return removed


def head_files(name: str) -> tuple[Path, list[Path]]:
    """Where a head is kept, and its kept meshes.

    Raises
    ------
    HeadError
        There is no such head.
    """
    if name in SHIPPED_HEADS:
        return package_path(*SHIPPED_HEADS[name].folder, "labels.nii.gz"), kept_meshes(shipped_key(name).content)
    if name in kept_names():
        return kept_path(name), kept_meshes(str(read_record(name).get("content", "")))
    raise HeadError(unknown_head(name))


def unknown_head(name: str) -> Problem:
    """What is said about a name that no head has."""
    known = [*SHIPPED_HEADS, *kept_names()]
    near = get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    same = same_name(name)
    near = [same] if same is not None else near
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known are {', '.join(known)}"
    return Problem("head", f"there is no head {name!r}; {hint} (your own: stimplan heads import PATH --name NAME)")


def _is_path(name: str | Path) -> bool:
    """Whether a file or folder is meant, not a name."""
    text = str(name)
    if isinstance(name, Path) or os.sep in text or "/" in text or text.lower().endswith(_FILES):
        return True
    return text.startswith("m2m_") and Path(text).is_dir()


def _name_of(path: Path) -> str:
    """A head's name from its file: what is left of the file's name without endings and odd characters."""
    stem = path.name.removesuffix(".gz")
    stem = stem.rpartition(".")[0] or stem
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem)[:64] or "head"


def _imported(name: str) -> HeadEntry:
    record = read_record(name)
    path = kept_path(name)
    if record.get("is_damaged"):
        return HeadEntry(name, "imported; its file is damaged, import it again", False, path, "imported")
    description = f"imported from {record.get('source', 'an unknown place')}"
    is_cached = record.get("kind") == "mesh"
    with suppress(KeyError):  # a file of another version
        is_cached = is_cached or _exists(MeshKey(name, record["content"], edge_m_of(usual_edge(record))).path)
    return HeadEntry(name, description, is_cached, path, "imported")


def _is_shared(name: str, content: str) -> bool:
    """Whether another imported head is made of the very same labels, so that the meshes are its too."""
    return any(read_record(other).get("content") == content for other in kept_names() if other != name)


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - False where the folder is locked
