"""Thin rims of bone or CSF on the outside of a head: no anatomy, but what probability maps often hold there.

At the border between skin and air a voxel holds a little of both, which looks like bone or CSF to a program that
judges by brightness (SPM's classes 3 and 4). Such a rim would insulate the electrodes, so it becomes scalp, and the
reader says so. A skull that really lies bare is thicker and stays what it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stimplan.head.tissues import TISSUE_LABELS
from stimplan.units import text, to_si

# A sheet on the surface thinner than this (or than two voxels) is a rim: a skull is 4 to 10 mm thick nearly
# everywhere.
THICKNESS_MM = 4.0
_RIM_OF = ("bone", "compact_bone", "spongy_bone", "csf")


def rim_as_scalp(tissue: NDArray[np.uint8], voxel_mm: NDArray[np.float64]) -> tuple[NDArray[np.uint8], str]:
    """Turn thin rims of bone and CSF on the outside into scalp.

    Parameters
    ----------
    tissue : (i, j, k) uint8 array
        The usual tissue numbers; 0 is outside, air inside has its own number.
    voxel_mm : (3,) array

    Returns
    -------
    tissue : (i, j, k) uint8 array
    finding : str
        What was changed; empty where nothing was.
    """
    from scipy.ndimage import distance_transform_edt, label

    outside = tissue == 0
    rim_kinds = np.isin(tissue, [TISSUE_LABELS[name] for name in _RIM_OF])
    if not outside.any() or not (tissue == TISSUE_LABELS["scalp"]).any():
        return tissue, ""
    beside = _beside(outside)
    if not (rim_kinds & beside).any():
        return tissue, ""
    near = distance_transform_edt(~outside, sampling=voxel_mm) <= THICKNESS_MM
    # Opening: what a ball of half the thickness fits into is no thin sheet. Distances are between the centres of
    # voxels, half a voxel more than to the face between them.
    radius_mm = THICKNESS_MM / 2 + float(np.max(voxel_mm)) / 2
    core = distance_transform_edt(rim_kinds, sampling=voxel_mm) > radius_mm
    thick = distance_transform_edt(~core, sampling=voxel_mm) <= radius_mm
    thin = rim_kinds & near & ~thick
    pieces, _ = label(thin)
    touching = np.unique(pieces[thin & beside])
    rim = np.isin(pieces, touching[touching > 0])
    if not rim.any():
        return tissue, ""
    mended = np.where(rim, np.uint8(TISSUE_LABELS["scalp"]), tissue)
    size_m3 = float(rim.sum()) * float(np.prod(voxel_mm)) * to_si(1, "mm") ** 3
    return mended, (
        f"{text(size_m3, 'm3')} of bone or CSF in a rim on the outside, thinner than {THICKNESS_MM:g} mm, were made "
        "scalp: no skull lies there, it is what probability maps hold between skin and air"
    )


def _beside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels that share a face with the mask."""
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(mask)) & ~mask
