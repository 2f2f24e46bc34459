"""The folder `m2m_<subject>` of SimNIBS: mesh or labels, transforms to MNI and fiducials, read together.

Facts about the folder are SimNIBS' documentation; charm (SimNIBS 4) writes the two deformation fields and no matrix,
headreco (SimNIBS 3) the matrix `MNI2conform_12DOF.txt` too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from stimplan.errors import HeadError, Problem
from stimplan.head.fiducials import read_fiducials
from stimplan.head.mapping import read_mapping
from stimplan.head.readers.found import ReadHead, ReadOptions
from stimplan.head.readers.volume import read_label_volume
from stimplan.resources import require_ordinary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stimplan.head.warp import Warp
    from stimplan.montage import Point

_LABELS = ("final_tissues.nii.gz", "final_tissues.nii")
_FIELDS = (("Conform2MNI_nonl.nii.gz", "MNI2Conform_nonl.nii.gz"), ("Conform2MNI_nonl.nii", "MNI2Conform_nonl.nii"))
_MATRIX = "MNI2conform_12DOF.txt"


def is_m2m(path: Path) -> bool:
    """Whether this is a folder of SimNIBS: by its name, or by what is in it."""
    if not path.is_dir():
        return False
    return path.name.startswith("m2m_") or (path / "toMNI").is_dir() or any((path / name).is_file() for name in _LABELS)


def folder_of(path: Path) -> Path | None:
    """The `m2m_` folder that a mesh or a label volume lies in, or None."""
    parent = path.resolve().parent
    return parent if parent.name.startswith("m2m_") else None


def read_m2m(path: Path, options: ReadOptions) -> ReadHead:
    """Read a folder of SimNIBS.

    Parameters
    ----------
    path : Path
    options : ReadOptions

    Returns
    -------
    ReadHead
        Of the mesh `<subject>.msh`; of `final_tissues.nii.gz` where there is none.

    Raises
    ------
    HeadError
        There is neither, or one of the folder's files is damaged.
    """
    mesh, labels = _mesh(path), _labels(path)
    if mesh is not None:
        from stimplan.head.readers.mesh import read_mesh

        head = read_mesh(mesh, options)
    elif labels is not None:
        mapping = read_mapping(options.labels or "simnibs")
        head = read_label_volume(labels, mapping, form=options.form)
    else:
        subject = path.name.removeprefix("m2m_")
        what = (
            f"neither {subject}.msh nor {_LABELS[0]} is in this folder; charm did not finish, or it is another folder"
        )
        raise HeadError(Problem("", what, file=str(path)))
    return with_folder(head, path)


def with_folder(head: ReadHead, folder: Path) -> ReadHead:
    """The same head with the transforms and fiducials of its folder."""
    matrix, warp, notes = _to_mni(folder)
    fiducials = _fiducials(folder)
    notes += [f"fiducials of {folder.name}/eeg_positions"] if fiducials else []
    record = {**head.record, "folder": folder.name}
    if warp is not None:
        record["warp"] = warp.source
    return attrs.evolve(
        head,
        mni_from_head=matrix if matrix is not None else (warp.affine if warp is not None else head.mni_from_head),
        warp=warp,
        fiducials_m=fiducials,
        findings=(*head.findings, *notes),
        record=record,
    )


def _mesh(folder: Path) -> Path | None:
    """The head's mesh: named as the folder says, or the only one there is."""
    named = folder / f"{folder.name.removeprefix('m2m_')}.msh"
    if named.is_file():
        return named
    meshes = sorted(folder.glob("*.msh"))
    if len(meshes) > 1:
        what = f"holds {len(meshes)} meshes, none named after it ({', '.join(m.name for m in meshes)}); name one"
        raise HeadError(Problem("", what, file=str(folder)))
    return meshes[0] if meshes else None


def _labels(folder: Path) -> Path | None:
    return next((folder / name for name in _LABELS if (folder / name).is_file()), None)


def _to_mni(folder: Path) -> tuple[NDArray[np.float64] | None, Warp | None, list[str]]:
    """Matrix, deformation and what to say about them."""
    from stimplan.head.space import read_affine_text, read_warp

    where = folder / "toMNI"
    matrix = read_affine_text(where / _MATRIX) if (where / _MATRIX).is_file() else None
    warp = None
    for there, back in _FIELDS:
        if (where / there).is_file():
            warp = read_warp([path for path in (where / there, where / back) if path.is_file()])
            break
    if warp is not None:
        return matrix, warp, [f"to MNI by the deformation of toMNI: {warp.source}"]
    if matrix is not None:
        return matrix, None, [f"to MNI by the affine of toMNI/{_MATRIX}; there is no deformation"]
    return None, None, ["the folder has no transform to MNI (toMNI): positions in MNI cannot be used on this head"]


def _fiducials(folder: Path) -> Mapping[str, Point]:
    """Fiducials of the folder's tables: `Fiducials.csv` first, then any cap that has four of them."""
    tables = sorted((folder / "eeg_positions").glob("*.csv"), key=lambda path: (path.stem != "Fiducials", path.name))
    for table in tables:
        rows = require_ordinary(table).read_text(encoding="utf-8", errors="replace").splitlines()
        count = sum(row.strip().startswith("Fiducial") for row in rows)
        if count >= 4 or (count and table.stem == "Fiducials"):
            return read_fiducials(table)
    return {}
