"""The field on its own mesh, for ParaView and pyvista."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.exchange.voxels import space_nodes_m
from stimplan.exposure import Exposure, exposure_of
from stimplan.head.space import has_mni, rotations_to_mni

if TYPE_CHECKING:
    import pyvista

    from stimplan.field import Field
    from stimplan.head import HeadModel


def field_mesh(shown: Field | Exposure) -> pyvista.UnstructuredGrid:
    """The head as a pyvista mesh with `E_V_per_m`, `E_magnitude_V_per_m`, `tissue` and `potential_V`.

    Of a waveform that is no direct current: every map by its name and the vectors of the main one, and field and
    potential of each part by its name (`E_in_phase_V_per_m`, `E_2000_Hz_V_per_m`, `potential_2000_Hz_V`); field data
    `maps` says what each is. Points are in mm: in MNI space where the head has one, in head coordinates elsewhere;
    field data `space` says which. `field_digest`, `head_digest` and the tissue names are field data as well.
    """
    import pyvista

    exposure = exposure_of(shown)
    head = exposure.field.head
    mesh = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: head.tets}, 1e3 * space_nodes_m(head))
    is_direct = exposure.main.id == "magnitude"
    for name, field in exposure.fields.items():
        stem = "" if is_direct else "_" + name.replace(" ", "_")
        mesh.cell_data[f"E{stem}_V_per_m"] = _turned(head, field.E_V_per_m)
        mesh.point_data[f"potential{stem}_V"] = np.array(field.potential_V)
    for one in exposure.maps:
        mesh.cell_data[one.array_name] = one.values_V_per_m.astype(np.float32)
    if not is_direct and exposure.main.vectors_V_per_m is not None:
        vectors = exposure.main.array_name.replace("_V_per_m", "_vector_V_per_m")
        mesh.cell_data[vectors] = _turned(head, exposure.main.vectors_V_per_m)
    mesh.cell_data["tissue"] = np.array(head.tissue)
    mesh.field_data["tissue_names"] = [f"{tissue.label} {tissue.name}" for tissue in head.tissues]
    mesh.field_data["maps"] = [f"{one.array_name}: {one.title}. {one.meaning}" for one in exposure.maps]
    mesh.field_data["space"] = ["mm, MNI" if has_mni(head) else "mm, head coordinates"]
    mesh.field_data["field_digest"] = [exposure.digest]
    mesh.field_data["head_digest"] = [head.digest]
    return mesh


def _turned(head: HeadModel, vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Vectors of the tetrahedra along the axes of the points' space: arrows turn with the points."""
    if has_mni(head):
        vectors = np.einsum("...ij,...j->...i", rotations_to_mni(head, head.centers_m), vectors)
    return vectors.astype(np.float32)


def write_vtu(path: Path, shown: Field | Exposure) -> None:
    """Write `field_mesh(shown)` as one VTU file (appended binary, LZ4).

    Raises
    ------
    OSError
        The file could not be written completely.
    """
    from vtkmodules.vtkCommonCore import vtkObject
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

    writer = vtkXMLUnstructuredGridWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(field_mesh(shown))
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetCompressorTypeToLZ4()
    warns = vtkObject.GetGlobalWarningDisplay()
    vtkObject.GlobalWarningDisplayOff()  # VTK would print its error as well; ours says it once
    try:
        is_written = writer.Write() == 1 and writer.GetErrorCode() == 0
    finally:
        vtkObject.SetGlobalWarningDisplay(warns)
    if not is_written:
        raise OSError(f"{path.name} could not be written completely (VTK error {writer.GetErrorCode()})")
