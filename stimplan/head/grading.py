"""Where the lattice of a label volume is fine and where coarse."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stimplan.head.lattice import MAX_LEVEL, Cells
from stimplan.head.levels import distance_m
from stimplan.head.tissues import TISSUE_LABELS

# Tissues whose boundaries, except those of brain and skull, are no thin layers that the field in the brain hangs on.
_COARSE = ("white_matter", "scalp", "eyes", "muscle", "cartilage", "fat")
# A cube may be doubled so many times this far from the boundaries that matter, in sides of the finest cube, ...
FINE_REACH = (0.0, 3.0, 10.0)
# ... and this far from any boundary at all.
ANY_REACH = (-1.0, 0.0, 4.0)
# Longest side of a cube, m: at a boundary, which it would round off, and elsewhere.
LARGEST_AT_BOUNDARY_M = 6e-3
LARGEST_M = 12e-3


def coarsest_levels(tissue: NDArray[np.uint8], head_from_voxel: NDArray[np.float64], cells: Cells) -> NDArray[np.uint8]:
    """How many doublings each of the finest cubes allows.

    Fine along every boundary of grey matter, CSF, bone and whatever is not known to be coarse (a plate, a lesion),
    doubled with the distance from them; the other boundaries (skin, muscle, eyes) may be one step coarser.

    Parameters
    ----------
    tissue : (i, j, k) uint8 array
        Tissue numbers; 0 is void.
    head_from_voxel : (4, 4) array
    cells : Cells

    Returns
    -------
    (i, j, k) uint8 array
        One entry a cube.
    """
    is_coarse = np.isin(np.arange(256), [0, *(TISSUE_LABELS[name] for name in _COARSE)])
    fine, anything = _boundary_voxels(tissue, is_coarse)
    level = np.zeros(tuple(cells.counts), dtype=np.uint8)
    largest = int(np.clip(np.floor(np.log2(LARGEST_M / cells.spacing_m)), 0, MAX_LEVEL))
    # In cubes, from the centre of each to the nearest face of one that is at a boundary.
    from_fine, from_any = (
        distance_m(_cells_with(voxels, head_from_voxel, cells), np.ones(3), max(FINE_REACH) + 1)
        for voxels in (fine, anything)
    )
    for step in range(largest):
        is_small = cells.spacing_m * 2 ** (step + 1) <= LARGEST_AT_BOUNDARY_M
        from_boundary = from_any > (ANY_REACH[step] if is_small else max(ANY_REACH[step], 0.0))
        level[(from_fine > FINE_REACH[step]) & from_boundary] = step + 1
    return level


def _boundary_voxels(
    tissue: NDArray[np.uint8], is_coarse: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Voxels at a boundary with a tissue that is not coarse on either side, and voxels at any boundary."""
    fine, anything = np.zeros(tissue.shape, dtype=bool), np.zeros(tissue.shape, dtype=bool)
    may_be_coarse = is_coarse[tissue]
    for axis in range(3):
        here, there = (np.moveaxis(tissue, axis, 0)[part] for part in (slice(1, None), slice(None, -1)))
        differs = here != there
        coarse = np.moveaxis(may_be_coarse, axis, 0)
        matters = differs & ~(coarse[1:] & coarse[:-1])
        for part in (slice(1, None), slice(None, -1)):
            np.moveaxis(anything, axis, 0)[part] |= differs
            np.moveaxis(fine, axis, 0)[part] |= matters
    return fine, anything


def _cells_with(voxels: NDArray[np.bool_], head_from_voxel: NDArray[np.float64], cells: Cells) -> NDArray[np.bool_]:
    """Cubes that hold a marked voxel's centre, or whose own centre lies in one."""
    found = np.zeros(tuple(cells.counts), dtype=bool)
    centers_m = np.argwhere(voxels) @ head_from_voxel[:3, :3].T + head_from_voxel[:3, 3]
    index = np.floor(centers_m / cells.spacing_m).astype(np.int64) - cells.first
    index = index[((index >= 0) & (index < cells.counts)).all(axis=1)]
    found[tuple(index.T)] = True
    voxel_from_head = np.linalg.inv(head_from_voxel)
    at = np.rint(cells.centers_m @ voxel_from_head[:3, :3].T + voxel_from_head[:3, 3]).astype(np.int64)
    is_inside = ((at >= 0) & (at < voxels.shape)).all(axis=1)
    found.reshape(-1)[is_inside] |= voxels[tuple(at[is_inside].T)]
    return found
