"""Coils as a grid of the vector potential, `.nii` or `.nii.gz`: three components, T m for one ampere, mm."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stimplan.coil.files import place_problem, provenance_of, read_raw
from stimplan.coil.values import AGrid, Coil
from stimplan.errors import CoilError, Problem

MM_PER_M = 1000.0


def read_a_field(path: Path) -> Coil:
    """Read a NIfTI file of (i, j, k, 3), the potential of one ampere along the coil's axes.

    Raises
    ------
    CoilError
        Everything that is wrong with it.
    """
    import nibabel

    data = read_raw(path)
    try:
        image = nibabel.load(path)
        values = np.asarray(image.dataobj, dtype=np.float64)
        affine = np.array(image.affine, dtype=np.float64)
    except Exception as error:  # nibabel, gzip and zlib raise whatever they like
        raise CoilError(Problem("", f"not a NIfTI image: {str(error)[:200]}", path.name)) from None
    if values.ndim == 5 and values.shape[3] == 1:
        values = values[:, :, :, 0]
    problems = []
    if values.ndim != 4 or values.shape[3] != 3 or min(values.shape[:3]) < 2:
        what = f"expected a grid of vectors, (i, j, k, 3) with i, j, k >= 2, got {values.shape}"
        problems.append(what)
    if not np.isfinite(values).all():
        problems.append(f"{int((~np.isfinite(values)).sum())} values are not finite")
    elif not values.any():
        problems.append("all values are zero: this coil has no field")
    if not abs(np.linalg.det(affine[:3, :3])) > 0:
        problems.append("the matrix of the grid cannot be inverted")
    affine[:3] /= MM_PER_M
    if not problems:
        corners = np.array(np.meshgrid(*[(0, side - 1) for side in values.shape[:3]])).reshape(3, -1).T
        problems += [what] if (what := place_problem(corners @ affine[:3, :3].T + affine[:3, 3], "millimetres")) else []
    if problems:
        raise CoilError([Problem("", what, path.name) for what in problems])
    return Coil(
        name=path.name.split(".nii")[0],
        elements=(AGrid(values, affine),),
        source=f"file {path.name}",
        provenance={**provenance_of(path, data), "format": "nifti"},
    )
