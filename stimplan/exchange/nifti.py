"""The field as NIfTI volumes that every neuroimaging viewer opens."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stimplan.exchange.voxels import VoxelGrid

# Level 1 is five times faster than the default and 5 % larger on a field volume.
_GZIP_LEVEL = 1


def write_nifti(
    path: Path, values: NDArray[Any], grid: VoxelGrid, *, name: str, description: str, volumes: Sequence[str] = ()
) -> None:
    """Write one volume or a row of them, gzip-compressed, the same bytes every time.

    Parameters
    ----------
    path : Path
        Ends in `.nii.gz`.
    values : (x, y, z) or (x, y, z, k) array
    grid : VoxelGrid
        MNI grids are marked as MNI space (code 4), others as aligned coordinates (code 2).
    name : str
        Quantity with its unit, up to 15 characters: `E_V_per_m`.
    description : str
        Up to 79 characters, such as the digest of the field.
    volumes : sequence of str
        What each volume is; kept as a comment in the header, where NIfTI has no field for it.
    """
    import nibabel

    image = nibabel.Nifti1Image(np.asarray(values), grid.affine_mm)
    code = 4 if grid.is_mni else 2
    image.set_sform(grid.affine_mm, code)
    image.set_qform(grid.affine_mm, code)
    image.header.set_xyzt_units("mm")
    image.header.set_intent("none", name=name[:15])
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    if volumes:
        text = "\n".join(f"volume {number}: {what}" for number, what in enumerate(volumes))
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", text.encode("utf-8")))
    # mtime and file name are left out of the gzip header: they would change the bytes from run to run.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as packed:
        packed.write(image.to_bytes())
