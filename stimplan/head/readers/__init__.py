"""Readers of head meshes and label volumes made by other programs.

The seam is one table, `READERS`: a name, whether a path is one for it, and the function that reads it. The first row
that recognises a path reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from stimplan.errors import HeadError, Problem
from stimplan.head.mapping import read_mapping
from stimplan.head.readers.found import ReadHead, ReadOptions
from stimplan.head.readers.m2m import folder_of, is_m2m, read_m2m, with_folder
from stimplan.head.readers.probability import maps_beside, read_probability_maps
from stimplan.head.readers.volume import read_label_volume

__all__ = ["READERS", "ReadHead", "ReadOptions", "Reader", "read_head"]

_VOLUMES = (".nii", ".nii.gz", ".mgz", ".mgh", ".hdr", ".img")
_MESHES = (".msh",)
_TETRAHEDRA = (".vtk", ".vtu", ".mesh", ".xdmf", ".inp", ".bdf", ".med", ".med.h5", ".e", ".exo", ".ele", ".node")


@attrs.frozen
class Reader:
    """One kind of input.

    Attributes
    ----------
    name : str
    what : str
        For people.
    recognises : callable
        `recognises(path) -> bool`; the path exists.
    read : callable
        `read(path, options) -> ReadHead`.
    """

    name: str
    what: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions], ReadHead]


def read_head(path: str | Path, options: ReadOptions | None = None) -> ReadHead:
    """Read somebody's head, whatever kind of file or folder it is in.

    Parameters
    ----------
    path : str or Path
    options : ReadOptions, optional

    Returns
    -------
    ReadHead
        `record["reader"]` says which row of `READERS` read it.

    Raises
    ------
    HeadError
        There is nothing there, no reader knows it, or its reader refuses it.
    """
    path, options = Path(path), options or ReadOptions()
    for reader in READERS:
        if _is_one(reader, path):
            head = reader.read(path, options)
            return attrs.evolve(head, record={"reader": reader.name, **head.record})
    known = "; ".join(reader.what for reader in READERS)
    raise HeadError(
        Problem("", f"no reader knows this {'folder' if path.is_dir() else 'file'}. Read are: {known}", file=str(path))
    )


def _is_one(reader: Reader, path: Path) -> bool:
    try:
        is_there = path.exists()
        if is_there:
            return reader.recognises(path)
    except PermissionError:
        raise HeadError(Problem("", "may not be read (permission denied)", file=str(path))) from None
    except HeadError:
        raise
    except (OSError, ValueError):
        raise HeadError(Problem("", "no file can have this name", file=str(path))) from None
    raise HeadError(Problem("", "there is no such file or folder", file=str(path)))


def _ends(path: Path, endings: tuple[str, ...]) -> bool:
    return path.is_file() and path.name.lower().endswith(endings)


def _read_spm(path: Path, options: ReadOptions) -> ReadHead:
    mapping = read_mapping(options.labels) if options.labels else None
    return read_probability_maps(path, mapping=mapping, form=options.form)


def _masks(path: Path) -> list[Path]:
    """ROAST's volume of all masks: in a folder, or beside the image that ROAST was given."""
    if path.is_dir():
        found = [one for one in path.iterdir() if one.name.lower().endswith(("_masks.nii", "_masks.nii.gz"))]
    else:
        stem = path.name.removesuffix(".gz").removesuffix(".nii")
        found = [] if stem.endswith("_masks") else [*path.parent.glob(f"{stem}*_T1orT2_masks.nii*")]
        found += [] if stem.endswith("_masks") else [*path.parent.glob(f"{stem}*_T1andT2_masks.nii*")]
    return sorted(found)


def _read_roast(path: Path, options: ReadOptions) -> ReadHead:
    found = _masks(path)
    if len(found) != 1:
        what = f"{len(found)} volumes of masks belong to it ({', '.join(one.name for one in found)}); name one"
        raise HeadError(Problem("", what, file=str(path)))
    return read_label_volume(found[0], read_mapping(options.labels or "roast"), form=options.form)


def _preset_by_name(path: Path) -> str | None:
    """The mapping that the program which gives files this name uses."""
    name = path.name.lower()
    if name.startswith("final_tissues"):
        return "simnibs"
    if name.removesuffix(".gz").endswith(("_t1ort2_masks.nii", "_t1andt2_masks.nii")):
        return "roast"
    if name.startswith(("aseg", "aparc", "wmparc", "samseg")) or name == "seg.mgz":
        return "freesurfer"
    return None


def _read_volume(path: Path, options: ReadOptions) -> ReadHead:
    labels = options.labels or _preset_by_name(path)
    if labels is None:
        from stimplan.head.mapping import list_mappings

        known = ", ".join(mapping.name for mapping in list_mappings())
        what = f"which label is which tissue? Name one of {known}, or a mapping file (.json)"
        raise HeadError(Problem("--labels", what, file=str(path)))
    head = read_label_volume(path, read_mapping(labels), form=options.form)
    folder = folder_of(path)
    return with_folder(head, folder) if folder is not None else head


def _read_mesh(path: Path, options: ReadOptions) -> ReadHead:
    from stimplan.head.readers.mesh import read_mesh

    head = read_mesh(path, options)
    folder = folder_of(path)
    return with_folder(head, folder) if folder is not None else head


READERS: tuple[Reader, ...] = (
    Reader("simnibs-folder", "a folder m2m_<subject> of SimNIBS", is_m2m, read_m2m),
    Reader("spm", "probability maps c1 to c6 of SPM or CAT", lambda path: bool(maps_beside(path)), _read_spm),
    Reader("roast", "a folder of ROAST, or its T1 beside the masks", lambda path: bool(_masks(path)), _read_roast),
    Reader("msh", "a gmsh mesh (.msh)", lambda path: _ends(path, _MESHES), _read_mesh),
    Reader("volume", "a segmented volume (.nii, .nii.gz, .mgz)", lambda path: _ends(path, _VOLUMES), _read_volume),
    Reader("tetrahedra", "a tetrahedral mesh that meshio reads", lambda path: _ends(path, _TETRAHEDRA), _read_mesh),
)
