"""Readers of transforms to MNI: pairs of coordinate fields (NIfTI) and 4 x 4 matrices as text.

Facts about the files, from SimNIBS' documentation and the comments of its writer: in the folder `toMNI` of a head,
`Conform2MNI_nonl.nii.gz` holds, for every voxel of the person's image, the world coordinates of that place in MNI
space, mm; `MNI2Conform_nonl.nii.gz` the person's world coordinates for every voxel of the template, mm. Where the
atlas says nothing the three numbers are zero. `MNI2conform_12DOF.txt` (heads of SimNIBS 3) is the 4 x 4 matrix from
MNI to the person's world coordinates, mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.warp import GridMap, Warp, checked_warp, grid_map, thinned
from stimplan.resources import require_ordinary
from stimplan.units import text, to_si

Array = NDArray[np.float64]

# Finer than this a deformation is not known (atlas meshes have nodes some 3 to 5 mm apart), and it would only fill
# the memory; what leaving out voxels changes is measured and told.
KEPT_SPACING_M = 0.002
# A person's head is neither half nor twice as long as the template's in any direction.
_SCALES = (0.5, 2.0)


def read_warp(path_pair: Sequence[str | Path], *, spacing_m: float = KEPT_SPACING_M) -> Warp:
    """Read a deformation from its two fields, or from the one on the head's grid alone.

    Parameters
    ----------
    path_pair : sequence of 1 or 2 paths
        `Conform2MNI_nonl.nii.gz` and `MNI2Conform_nonl.nii.gz`, in this order: the first on the head's grid with MNI
        coordinates as values, mm, the second the other way round.
    spacing_m : float
        Voxels are left out up to this spacing.

    Returns
    -------
    Warp
        Its `source` says how far points land from where they started after going there and back.

    Raises
    ------
    HeadError
        A file is missing or damaged, is no field of coordinates, or the two are not each other's inverse.
    """
    paths = [Path(path) for path in path_pair]
    if not 1 <= len(paths) <= 2:
        raise HeadError(Problem("warp", f"expected one or two files, got {len(paths)}"))
    maps, notes = [], []
    for path in paths:
        coarse, change_m = thinned(_read_field(path), spacing_m)
        maps.append(coarse)
        notes.append(f"{path.name} (kept every {text(spacing_m, 'm')}, which moves points by {text(change_m, 'm')})")
    warp = Warp(maps[0], maps[1] if len(maps) == 2 else None)
    try:
        checked_warp(warp)
    except HeadError as error:
        raise HeadError([Problem(p.where, p.what, file=str(paths[0])) for p in error.problems]) from error
    errors = warp.round_trip_m()
    notes.append(f"there and back within {text(errors['median_m'], 'm')} (median), {text(errors['max_m'], 'm')} (most)")
    return Warp(warp.mni_from_head, warp.head_from_mni, "; ".join(notes))


def read_affine_text(path: str | Path) -> Array:
    """Read a matrix from MNI to a head's world coordinates, mm, and turn it round.

    Parameters
    ----------
    path : path
        `MNI2conform_12DOF.txt`: four rows of four numbers.

    Returns
    -------
    (4, 4) array
        `mni_from_head`, m.

    Raises
    ------
    HeadError
        Not such a matrix: not 4 x 4 numbers, another last row, mirrored, or a size no head has.
    """
    path = Path(path)
    try:
        text_file = require_ordinary(path).read_text(encoding="utf-8")
        rows = [line.replace(",", " ").split() for line in text_file.splitlines()]
        matrix = np.array([[float(word) for word in row] for row in rows if row])
    except (OSError, ValueError) as error:
        raise HeadError(Problem("matrix", f"cannot be read as rows of numbers ({error})", file=str(path))) from error
    what = _matrix_fault(matrix)
    if what:
        raise HeadError(Problem("matrix", what, file=str(path)))
    matrix[:3, 3] *= to_si(1, "mm")
    return np.linalg.inv(matrix)


def _matrix_fault(matrix: Array) -> str:
    """What is wrong with a matrix from MNI to a head, mm; "" where nothing is."""
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        return f"expected 4 rows of 4 finite numbers, got shape {matrix.shape}"
    if not np.allclose(matrix[3], [0, 0, 0, 1], atol=1e-6):
        return f"the last row must be 0 0 0 1, got {matrix[3].tolist()}"
    if np.linalg.det(matrix[:3, :3]) <= 0:
        return "the matrix mirrors left and right (its determinant is not positive)"
    scales = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if not (_SCALES[0] <= scales.min() and scales.max() <= _SCALES[1]):
        return f"it stretches by {scales.min():.3g} to {scales.max():.3g}; a head needs 0.5 to 2. Is it in mm to mm?"
    return ""


def _read_field(path: Path) -> GridMap:
    """One field of coordinates in mm on a grid in mm, as a mapping in m."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    try:
        image = nibabel.load(require_ordinary(path))
        values = np.squeeze(np.asarray(image.dataobj, dtype=np.float32))
        matrix = np.array(image.affine, dtype=np.float64)
    except (OSError, EOFError, ValueError, ImageFileError) as error:
        raise HeadError(Problem("warp", f"cannot be read as NIfTI ({error})", file=str(path))) from error
    if values.ndim != 4 or values.shape[-1] != 3:
        what = f"expected a field of coordinates (x, y, z, 3), got shape {image.shape}"
        raise HeadError(Problem("warp", what, file=str(path)))
    mm = to_si(1, "mm")
    matrix[:3] *= mm
    known = (values != 0).any(axis=-1)
    try:
        mapping = grid_map(values * np.float32(mm), matrix, is_known=known)
    except HeadError as error:
        raise HeadError([Problem(p.where, p.what, file=str(path)) for p in error.problems]) from error
    scales = np.linalg.svd(mapping.affine[:3, :3], compute_uv=False)
    if not (_SCALES[0] <= scales.min() and scales.max() <= _SCALES[1]):
        what = (
            f"its values are no coordinates in mm of the other space: they stretch by {scales.min():.3g} to "
            f"{scales.max():.3g}. A field of displacements, or of metres, is not read"
        )
        raise HeadError(Problem("warp", what, file=str(path)))
    return mapping
