"""The folder of a run, read again: its field on its mesh, to measure what was not asked for then.

The mesh of a head with MNI space was written in that space, so lengths and volumes read from it are those of MNI
space; where they differ from the head's own the result says by how much.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError, Problem
from stimplan.field import Field
from stimplan.head.model import HeadModel, Tissue
from stimplan.roi import MapOn

MESH = "field.vtu"
SUMMARY = "summary.json"
# Of the head's volume: what rounding of the file may change.
_SAME_VOLUME = 1e-3


@attrs.frozen(eq=False)
class ResultFolder:
    """A run as it lies on the disk.

    Attributes
    ----------
    shown : Field or MapOn
        The field of a direct current, single precision; of another waveform the map it is judged by.
    record : mapping
        What `summary.json` holds.
    notices : tuple of str
        What a reader of figures measured here must know.
    """

    shown: Field | MapOn
    record: Mapping[str, Any]
    notices: tuple[str, ...]


def read_result(folder: Path) -> ResultFolder:
    """Read the field and the record of a run.

    Raises
    ------
    InputError
        No such folder, files that are missing or damaged, or that belong to different runs.
    """
    record = read_record(folder / SUMMARY)
    if not (folder / MESH).is_file():
        raise InputError(Problem("", "is not there; name the folder of a finished run", file=str(folder / MESH)))
    try:
        mesh = read_mesh(folder / MESH)
        found = str(mesh.field_data["field_digest"][0])
        head = _head(mesh, record)
        shown = _shown(mesh, head, record)
        expected, volume = record["field"]["digest"], sum(tissue["volume_m3"] for tissue in record["head"]["tissues"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        what = f"is no field of a run, or not of this version ({type(error).__name__}: {error}); run it again"
        raise InputError(Problem("", what, file=str(folder / MESH))) from None
    if found != expected:
        what = f"belongs to field {found[:16]}, {SUMMARY} to {str(expected)[:16]}: they are of different runs"
        raise InputError(Problem("", what, file=str(folder / MESH)))
    return ResultFolder(shown, record, _notices(head, volume))


def read_record(path: Path) -> Mapping[str, Any]:
    """Read the record of a run, `summary.json`.

    Raises
    ------
    InputError
        It cannot be read, or is no record.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        what = f"{error.strerror or 'cannot be read'}; name the folder of a finished run"
        raise InputError(Problem("", what, file=str(path))) from None
    except ValueError as error:
        raise InputError(Problem("", f"is no JSON ({error})", file=str(path))) from None
    if not isinstance(tree, dict):
        raise InputError(Problem("", "is not the record of a run", file=str(path)))
    return tree


def read_mesh(path: Path) -> Any:
    """Read the mesh of a run.

    Raises
    ------
    ValueError
        The file holds no tetrahedra.
    """
    import pyvista
    from vtkmodules.vtkCommonCore import vtkObject

    warns = vtkObject.GetGlobalWarningDisplay()
    vtkObject.GlobalWarningDisplayOff()  # a damaged file is said once, below
    try:
        mesh = pyvista.read(path)
    finally:
        vtkObject.SetGlobalWarningDisplay(warns)
    if not isinstance(mesh, pyvista.UnstructuredGrid) or not mesh.n_cells:
        raise ValueError("no tetrahedra")
    return mesh


def _head(mesh: Any, record: Mapping[str, Any]) -> HeadModel:
    tets = np.asarray(mesh.cells).reshape(-1, 5)[:, 1:]
    tissues = tuple(
        Tissue(t["label"], t["name"], float(t["conductivity_S_per_m"]), t["source"]) for t in record["head"]["tissues"]
    )
    is_mni = record["head"]["has_mni"]
    return HeadModel(
        name=record["head"]["name"],
        nodes_m=np.asarray(mesh.points, dtype=np.float64) / 1e3,
        tets=tets,
        tissue=np.asarray(mesh.cell_data["tissue"]),
        tissues=tissues,
        mni_from_head=np.eye(4) if is_mni else None,
        sites_m=_sites(record, "center_mni_m" if is_mni else "center_m"),
    )


def _sites(record: Mapping[str, Any], key: str) -> dict[str, tuple[float, float, float]]:
    """The electrodes, and every site of the template head, whose mesh is in their space."""
    from stimplan.sites import known_sites

    sites = dict(known_sites()) if record["head"]["name"] == "colin27" else {}
    for electrode in _electrodes(record):
        x, y, z = electrode[key]
        sites[electrode["label"]] = (x, y, z)
    return sites


def _electrodes(record: Mapping[str, Any]) -> list[Any]:
    """Of the montage; none where a coil made the field."""
    montage = record["montage"]
    return [] if montage is None else list(montage["electrodes"])


def _shown(mesh: Any, head: HeadModel, record: Mapping[str, Any]) -> Field | MapOn:
    if record["field"]["map"]["id"] != "magnitude":
        name = str(mesh.field_data["maps"][0]).partition(":")[0]
        return MapOn(head, np.asarray(mesh.cell_data[name], dtype=np.float64))
    return Field(
        head=head,
        placement=None,
        E_V_per_m=np.asarray(mesh.cell_data["E_V_per_m"], dtype=np.float64),
        potential_V=np.asarray(mesh.point_data["potential_V"], dtype=np.float64),
        electrode_potential_V=np.array([electrode["potential_V"] for electrode in _electrodes(record)]),
        residual=float(record["numerics"]["residual"]),
        iterations=record["numerics"]["iterations"],
        provenance=record["provenance"]["field"],
    )


def _notices(head: HeadModel, own_m3: float) -> tuple[str, ...]:
    volumes: NDArray[np.float64] = head.volumes_m3
    ratio = float(volumes.sum()) / own_m3
    if math.isclose(ratio, 1.0, rel_tol=_SAME_VOLUME):
        return ()
    return (
        f"The mesh is in MNI space, where this head has {ratio:.3g} times its own volume: lengths and volumes measured "
        "here are those of MNI space.",
    )
