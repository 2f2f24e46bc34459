"""Tetrahedral meshes in other formats: VTU and VTK by pyvista, the rest by meshio, which is an extra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, MissingExtra, Problem
from stimplan.head.readers.extent import METRES_NOTICE, to_metres, unit_of_head
from stimplan.head.readers.labels import tissue_of_tags
from stimplan.head.readers.msh import is_msh, read_msh
from stimplan.head.readers.values import RawMesh

BY_PYVISTA = (".vtu", ".vtk")
# What label arrays are called by gmsh, by Medit (iso2mesh, brain2mesh), by TetGen, by Abaqus writers, and here.
_LABEL_NAMES = (
    "tissue",
    "tissues",
    "label",
    "labels",
    "gmsh:physical",
    "medit:ref",
    "tetgen:ref",
    "cell_tags",
    "region",
)
# Cells of three dimensions that are not four-node tetrahedra, as meshio calls them.
_OTHER_VOLUMES = ("hexahedron", "wedge", "pyramid", "tetra10", "tetra_", "polyhedron", "voxel")


@attrs.frozen(eq=False)
class _Cells:
    """What a library read: points, tetrahedra, the arrays on the tetrahedra, and other volume cells by name."""

    points: NDArray[np.float64]
    tets: NDArray[np.integer]
    arrays: Mapping[str, NDArray[Any]]
    others: Mapping[str, int]


def read_tetrahedra(
    path: Path | str, mapping: Mapping[int, str] | Mapping[str, str] | None, *, label: str | None = None
) -> RawMesh:
    """Read a tetrahedral mesh in any format that meshio or pyvista reads.

    Parameters
    ----------
    path : Path or str
        Known by its ending; `.msh` is read by `read_msh`.
    mapping : mapping of label to tissue
        Standard tissues, and `air`. These formats have no convention, so it has to be stated.
    label : str, optional
        Name of the array that holds the labels; if not given, the one that is called as labels usually are, or the
        only one of whole numbers.

    Returns
    -------
    RawMesh
        With the file's labels; `record["mapping"]` says what they are, and `head_from_raw` goes by it.

    Raises
    ------
    HeadError
        The file cannot be read, has no tetrahedra or no labels, or has labels that the mapping does not know.
    MissingExtra
        The format needs meshio, which is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise HeadError(Problem("", "there is no such file", file=str(path)))
    if mapping is None:
        raise HeadError(Problem("labels", "which label is which tissue? State a mapping", path.name))
    raw = read_msh(path) if is_msh(path) else _raw(path, label)
    names, notices = tissue_of_tags(raw, mapping, frozenset())
    record = dict(raw.record) | {
        "notices": [*raw.record.get("notices", ()), *notices],
        "mapping": {str(tag): name for tag, name in names.items()},
    }
    return attrs.evolve(raw, names=names, record=record)


def _raw(path: Path, label: str | None) -> RawMesh:
    """The mesh with the file's labels, or every reason why it is none."""
    cells = _by_pyvista(path) if path.suffix.lower() in BY_PYVISTA else _by_meshio(path)
    problems = [
        f"holds {count} cells of type {kind}; only four-node tetrahedra are read: save it as first-order tetrahedra"
        for kind, count in cells.others.items()
    ]
    if not len(cells.tets):
        problems.append("holds no tetrahedra: it is a surface, another kind of data, or damaged")
    elif cells.points.shape[1:] != (3,) or not np.isfinite(cells.points).all():
        problems.append("its points are not finite triples")
    elif not 0 <= cells.tets.min() <= cells.tets.max() < len(cells.points):
        problems.append("its tetrahedra name nodes that do not exist: the file is damaged")
    name, values = _labels(cells, label, problems) if len(cells.tets) else ("", np.zeros(0, np.int64))
    if problems:
        raise HeadError([Problem("", text, path.name) for text in problems])
    unit, wrong_size = unit_of_head(cells.points, where="points")
    if wrong_size:
        raise HeadError([attrs.evolve(problem, file=path.name) for problem in wrong_size])
    record = {
        "kind": "tetrahedral mesh",
        "file": path.name,
        "format": path.suffix.lower().lstrip("."),
        "unit": unit,
        "label_array": name,
        "notices": [METRES_NOTICE] if unit == "m" else [],
    }
    return RawMesh(to_metres(cells.points, unit), cells.tets, values, record=record)


def _labels(cells: _Cells, label: str | None, problems: list[str]) -> tuple[str, NDArray[np.int64]]:
    """Name and values of the array of labels; adds what is wrong to the problems."""
    none = np.zeros(len(cells.tets), dtype=np.int64)
    whole = {name: values for name, values in cells.arrays.items() if _is_whole(values)}
    known = ", ".join(cells.arrays) or "none"
    usual = [name for name in whole if name.lower() in _LABEL_NAMES]
    chosen = [label] if label is not None else usual if len(usual) == 1 else list(whole)
    if label is not None and label not in cells.arrays:
        problems.append(f"has no array {label!r} on its cells; it has {known}")
    elif label is not None and label not in whole:
        problems.append(f"array {label!r} does not hold one whole number for each cell")
    elif not chosen:
        problems.append(f"has no array of whole numbers on its cells (it has {known}): the tissues are not known")
    elif len(chosen) > 1:
        problems.append(f"has several arrays of whole numbers ({', '.join(chosen)}); say which holds the labels")
    else:
        return chosen[0], np.asarray(whole[chosen[0]]).reshape(-1).astype(np.int64)
    return "", none


def _is_whole(values: NDArray[Any]) -> bool:
    """Whether an array is one whole number of at most 32 bits a cell, whatever its type."""
    if values.dtype.kind not in "iuf" or values.size != len(values):
        return False
    wide = values.astype(np.float64)
    return bool(np.isfinite(wide).all() and (wide == np.round(wide)).all() and (np.abs(wide) < 2**31).all())


@contextmanager
def _quiet_vtk() -> Iterator[None]:
    """Keep VTK from printing what is wrong with a file: ours is the message."""
    from vtkmodules.vtkCommonCore import vtkLogger, vtkObject

    warns, verbosity = vtkObject.GetGlobalWarningDisplay(), vtkLogger.GetCurrentVerbosityCutoff()
    vtkObject.GlobalWarningDisplayOff()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtkLogger.SetStderrVerbosity(verbosity)
        vtkObject.SetGlobalWarningDisplay(warns)


def _by_pyvista(path: Path) -> _Cells:
    import pyvista

    try:
        with _quiet_vtk():
            grid = pyvista.read(path)
    except Exception as error:  # whatever the library makes of a damaged file
        raise HeadError(Problem("", f"cannot be read: {_first_line(error)}", path.name)) from None
    if not isinstance(grid, pyvista.UnstructuredGrid):
        what = f"holds a {type(grid).__name__}, expected an unstructured grid of tetrahedra"
        raise HeadError(Problem("", what, path.name))
    tetra = int(pyvista.CellType.TETRA)
    kinds = np.asarray(grid.celltypes)
    tets = grid.cells_dict.get(tetra, np.zeros((0, 4), np.int64)) if len(kinds) else np.zeros((0, 4), np.int64)
    others = {
        pyvista.CellType(kind).name.lower(): int((kinds == kind).sum())
        for kind, first in zip(*(part.tolist() for part in np.unique(kinds, return_index=True)), strict=True)
        if kind != tetra and grid.get_cell(first).dimension == 3
    }
    arrays = {name: np.asarray(grid.cell_data[name])[kinds == tetra] for name in grid.cell_data}
    return _Cells(np.array(grid.points, dtype=np.float64), np.array(tets), arrays, others)


def _by_meshio(path: Path) -> _Cells:
    try:
        import meshio
    except ImportError:
        raise MissingExtra(
            f"{path.name}: this format is read by meshio, which is not installed; run `pip install stimplan[meshio]`, "
            "or save the mesh as .msh, .vtu or .vtk"
        ) from None
    try:
        mesh = meshio.read(path)
    except (Exception, SystemExit) as error:  # meshio ends the program on some files
        raise HeadError(Problem("", f"cannot be read by meshio: {_first_line(error)}", path.name)) from None
    blocks = [number for number, block in enumerate(mesh.cells) if block.type == "tetra"]
    none = [np.zeros((0, 4), np.int64)]
    tets = np.concatenate([np.asarray(mesh.cells[number].data) for number in blocks] or none)
    arrays = {
        name: np.concatenate([np.asarray(values[number]) for number in blocks])
        for name, values in mesh.cell_data.items()
        if blocks
    }
    others: dict[str, int] = {}
    for block in mesh.cells:
        if block.type.lower().startswith(_OTHER_VOLUMES):
            others[block.type] = others.get(block.type, 0) + len(block.data)
    return _Cells(np.array(mesh.points, dtype=np.float64), tets, arrays, others)


def _first_line(error: BaseException) -> str:
    """What a library says, as one line."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else f"it is damaged ({type(error).__name__})"
