"""Files for other programs: NIfTI volumes, VTU meshes, and the folder they are written to all at once."""

from stimplan.exchange.nifti import write_nifti
from stimplan.exchange.staging import staged_folder
from stimplan.exchange.voxels import (
    VoxelGrid,
    field_on,
    grid_around,
    maps_on,
    plane_grid,
    stacked_volumes,
    tetrahedron_at,
    volume_names,
)
from stimplan.exchange.vtu import write_vtu

__all__ = [
    "VoxelGrid",
    "field_on",
    "grid_around",
    "maps_on",
    "plane_grid",
    "stacked_volumes",
    "staged_folder",
    "tetrahedron_at",
    "volume_names",
    "write_nifti",
    "write_vtu",
]
