"""Which cerebrospinal fluid is in the ventricles, found from the shape of a head: their walls are no cortex.

The ventricles hang together with the fluid around the brain, so being connected does not tell them apart. They are
wide, though, and what joins them to the outside is narrow: on a grid of voxels the fluid farther than some distance
from the brain falls into pieces. A piece that lies in brain on all sides, with white matter for a good part of its
wall, is the core of a ventricle; a pocket of a wide sulcus has grey matter around it. The fluid within 8 mm of a core,
by a way through fluid, belongs to it.

On Colin27 this finds 23 to 26 ml with edges from 3.15 to 7 mm, and takes 36 to 40 cm² of wall, 2 % of the area, off its
cortex, all of it within the box around the ventricles. The walls of the third ventricle, a slit, stay, and so does what
of a ventricle is narrow and farther than 8 mm from wider parts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stimplan.fem.locate import rasterize
from stimplan.head.model import HeadModel

Array = NDArray[np.float64]

_VOXEL_M = 1.5e-3
# Half the width of what counts as wide, m: the first at which the cores fall apart depends on the mesh.
_HALF_WIDTHS_M = (2.5e-3, 3e-3, 3.5e-3, 4e-3, 5e-3, 6e-3)
_LEAST_CORE_M3 = 0.5e-6
_LEAST_WHITE = 0.25
# Fluid this far from a core, by a way through the fluid, may be a cistern that lies as near to another one.
_REACH_M = 8e-3
# How far outside the wall its fluid is asked for.
_STEP_M = 1e-3


def faces_ventricle(head: HeadModel, points_m: Array, normals: Array) -> NDArray[np.bool_]:
    """Whether the fluid just outside points of the brain's surface is that of a ventricle.

    Parameters
    ----------
    head : HeadModel
        Without white matter, grey matter and CSF there is none.
    points_m, normals : (k, 3) arrays
        Unit normals, out of the brain.
    """
    nothing = np.zeros(len(points_m), dtype=bool)
    if not all(head.has_tissue(name) for name in ("white_matter", "gray_matter", "csf")) or not len(points_m):
        return nothing
    white, gray, fluid, low_m = _voxels(head)
    core = _cores(white, gray, fluid)
    if not core.any():
        return nothing
    from scipy.ndimage import binary_dilation

    filled = binary_dilation(_flooded(fluid, core))
    at = np.rint((points_m + _STEP_M * normals - low_m) / _VOXEL_M).astype(np.int64)
    return np.asarray(filled[tuple(np.clip(at, 0, np.array(filled.shape) - 1).T)])


def _voxels(head: HeadModel) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_], Array]:
    """White matter, grey matter and fluid on a grid around the brain, and the centre of its first voxel."""
    labels = [head.tissue_named(name).label for name in ("white_matter", "gray_matter", "csf")]
    brain = head.centers_m[np.isin(head.tissue, labels[:2])]
    low, high = brain.min(axis=0) - 6e-3, brain.max(axis=0) + 6e-3
    x, y, z = np.ceil((high - low) / _VOXEL_M).astype(int).tolist()
    affine = np.diag([_VOXEL_M, _VOXEL_M, _VOXEL_M, 1.0])
    affine[:3, 3] = low
    tet = rasterize(head.nodes_m, head.tets, shape=(x, y, z), affine_m=affine)
    tissue = np.where(tet >= 0, head.tissue[tet], 0)
    white, gray, fluid = (tissue == label for label in labels)
    return white, gray, fluid, low


def _cores(white: NDArray[np.bool_], gray: NDArray[np.bool_], fluid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Wide fluid with brain on all sides, a good part of it white matter."""
    from scipy.ndimage import distance_transform_edt, find_objects, label

    found = np.zeros_like(fluid)
    away = distance_transform_edt(~(white | gray), sampling=_VOXEL_M)
    for half_width in _HALF_WIDTHS_M:
        pieces, _ = label(fluid & (away > half_width))
        margin = int(np.ceil(half_width / _VOXEL_M)) + 3
        for number, box in enumerate(find_objects(pieces), start=1):
            part = pieces[box] == number
            if part.sum() * _VOXEL_M**3 < _LEAST_CORE_M3:
                continue
            around = tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in box)
            near = distance_transform_edt(pieces[around] != number, sampling=_VOXEL_M) <= half_width + 1.2 * _VOXEL_M
            n_white, n_gray = (near & white[around]).sum(), (near & gray[around]).sum()
            is_enclosed = not (near & ~(white | gray | fluid)[around]).any()
            if is_enclosed and n_white > _LEAST_WHITE * (n_white + n_gray):
                found[box] |= part
    return found


def _flooded(fluid: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The fluid that can be reached from a core within the reach, without leaving the fluid."""
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(core, mask=fluid, iterations=round(_REACH_M / _VOXEL_M)))
