"""Files for other programs: NIfTI volumes, VTU meshes, and the folder they are written to all at once."""

from stimplan.exchange.nifti import write_nifti
from stimplan.exchange.staging import staged_folder
from stimplan.exchange.voxels import VoxelGrid, grid_around, sample_plane, tetrahedron_at
from stimplan.exchange.vtu import write_vtu

__all__ = [
    "VoxelGrid",
    "grid_around",
    "sample_plane",
    "staged_folder",
    "tetrahedron_at",
    "write_nifti",
    "write_vtu",
]
