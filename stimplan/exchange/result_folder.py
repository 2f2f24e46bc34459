"""The folder of a run, read again: its field on its mesh, to measure what was not asked for then.

The mesh of a head with MNI space was written in that space, so lengths and volumes read from it are those of MNI
space; where they differ from the head's own the result says by how much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError, Problem
from stimplan.exchange.result_record import SUMMARY, check_as_written, how_again, read_record
from stimplan.field import Field
from stimplan.head.model import HeadModel, Tissue
from stimplan.roi import MapOn

MESH = "field.vtu"
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
    mesh = read_run_mesh(folder, record)
    try:
        head = _head(mesh, record)
        shown = _shown(mesh, head, record)
        volume = sum(tissue["volume_m3"] for tissue in record["head"]["tissues"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise no_field(folder, record, error) from None
    return ResultFolder(shown, record, _notices(head, volume))


def read_run_mesh(folder: Path, record: Mapping[str, Any], *, start: str = "", digest: str | None = None) -> Any:
    """Read the mesh with the field of a run, as the run wrote it.

    Parameters
    ----------
    folder : Path
    record : mapping
    start : str
        Of the file's name: "" for the first field of a run, `block2_` and so on for those of later blocks of a coil.
    digest : str, optional
        Of the field it must hold; by default the one of the record.

    Raises
    ------
    InputError
        It is missing or damaged, or holds another field.
    """
    name = f"{start}{MESH}"
    if not (folder / name).is_file():
        raise InputError(Problem("", f"is not there; {how_again(folder, record)}", file=str(folder / name)))
    expected = record["field"]["digest"] if digest is None else digest
    check_as_written(folder, record, name)
    try:
        mesh = read_mesh(folder / name)
        found = str(mesh.field_data["field_digest"][0])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise no_field(folder, record, error, name=name) from None
    if found != expected:
        what = f"belongs to field {found[:16]}, {SUMMARY} to {str(expected)[:16]}: they are of different runs"
        raise InputError(Problem("", f"{what}; {how_again(folder, record)}", file=str(folder / name)))
    return mesh


def no_field(folder: Path, record: Mapping[str, Any], error: Exception, *, name: str = MESH) -> InputError:
    """What to raise where a mesh and its record do not make a field: what the error already says, or what to do."""
    if isinstance(error, InputError):
        return error
    what = f"is no field of a run, or not of this version ({type(error).__name__}: {error})"
    return InputError(Problem("", f"{what}; {how_again(folder, record)}", file=str(folder / name)))


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
