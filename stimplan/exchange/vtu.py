"""The field on its own mesh, for ParaView and pyvista."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stimplan.exchange.voxels import space_nodes_m
from stimplan.head.space import has_mni, rotations_to_mni

if TYPE_CHECKING:
    import pyvista

    from stimplan.field import Field


def field_mesh(field: Field) -> pyvista.UnstructuredGrid:
    """The head as a pyvista mesh with `E_V_per_m`, `E_magnitude_V_per_m`, `tissue` and `potential_V`.

    Points are in mm: in MNI space where the head has one, in head coordinates elsewhere; field data `space` says
    which. `field_digest`, `head_digest` and the tissue names are field data as well.
    """
    import pyvista

    head = field.head
    mesh = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: head.tets}, 1e3 * space_nodes_m(head))
    turned = field.E_V_per_m
    if has_mni(head):  # the arrows turn with the points
        turned = np.einsum("...ij,...j->...i", rotations_to_mni(head, head.centers_m), turned)
    mesh.cell_data["E_V_per_m"] = turned.astype(np.float32)
    mesh.cell_data["E_magnitude_V_per_m"] = field.magnitude_V_per_m.astype(np.float32)
    mesh.cell_data["tissue"] = np.array(head.tissue)
    mesh.point_data["potential_V"] = np.array(field.potential_V)
    mesh.field_data["tissue_names"] = [f"{tissue.label} {tissue.name}" for tissue in head.tissues]
    mesh.field_data["space"] = ["mm, MNI" if has_mni(head) else "mm, head coordinates"]
    mesh.field_data["field_digest"] = [field.digest]
    mesh.field_data["head_digest"] = [head.digest]
    return mesh


def write_vtu(path: Path, field: Field) -> None:
    """Write `field_mesh(field)` as one VTU file (appended binary, LZ4).

    Raises
    ------
    OSError
        The file could not be written completely.
    """
    from vtkmodules.vtkCommonCore import vtkObject
    from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

    writer = vtkXMLUnstructuredGridWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(field_mesh(field))
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
