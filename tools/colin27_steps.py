"""The anatomical steps from the Colin27 T1 to head, intracranial space and skull.

All volumes are 1 mm, RAS and padded. T1 values of Colin27: air and compact bone 9-20, CSF 35-50, skin 55-60,
grey matter 80-85, white matter 112, fat and marrow above 120.
"""

from __future__ import annotations

import numpy as np
from colin27_morphology import (
    Mask,
    close,
    dilate,
    distance_to_mm,
    erode,
    filled,
    grown_within,
    largest,
    open_,
    smooth,
    touching,
)
from numpy.typing import NDArray
from scipy import ndimage

Volume = NDArray[np.float32]

CSF_OVER_BRAIN_MM = 1.8  # one voxel of CSF between bone and brain, corners included
BONE_MINIMUM_MM = 3.0
SKIN_MINIMUM_MM = 3.0


def head_mask(t1: Volume) -> Mask:
    """Everything inside the skin.

    The skin's outer edge lies at half its brightness (about 58), 30; the ringing around the head stays below, and the
    opening cuts what does not. Closing and slice-wise filling shut nostrils, ear canals and sinuses.
    """
    bright = largest(open_(t1 > 30, 1.0))
    head = close(bright, 4.0)
    for axis in (2, 1, 0):
        for index in range(head.shape[axis]):
            cut = [slice(None)] * 3
            cut[axis] = index
            head[tuple(cut)] = ndimage.binary_fill_holes(head[tuple(cut)])
    return largest(smooth(open_(head, 2.0), 1.0))


def brain_core(t1: Volume, bet: Mask, y_mm: Volume, z_mm: Volume) -> Mask:
    """The brain without what the brain mask took along of skull base, dura and sinuses.

    White matter is one piece; cortex and nuclei lie within 5 mm of it through grey voxels. The cerebellum's white
    branches are too fine for that rule: behind the brainstem the brain mask is taken as it is.
    """
    white = largest(open_((ndimage.gaussian_filter(t1, 0.5) > 94) & bet, 1.0))
    core = grown_within(white, (t1 > 62) & dilate(bet, 2.0), 5)
    cerebellum = open_(close(bet, 2.0) & (t1 > 58) & (y_mm < -35) & (z_mm < -15), 1.0)
    core = largest(open_(filled(core | cerebellum), 1.0))
    # Below the temporal lobes the brain mask follows nerves through the floor; the lobes themselves are thick.
    floor = (z_mm < -32) & (y_mm > -20)
    core = largest(np.where(floor, open_(core, 4.5), core))
    # The brain mask cuts the tips of the cerebellum: they go on through tissue of their brightness, down to the bone.
    low = (z_mm < -45) & (z_mm > -66) & (y_mm < -38)
    blurred = ndimage.gaussian_filter(t1, 0.5)
    return largest(core | open_(grown_within(core, (blurred > 60) & (blurred < 105) & low, 8), 2.0))


def canal_mask(t1: Volume, core: Mask, z_mm: Volume) -> Mask:
    """Cord and the CSF around it from the foramen magnum to the lower edge.

    The cord is followed slice by slice; the canal is taken as 5 mm around it, about what the T1 shows (model).
    """
    canal = np.zeros_like(core)
    start = int(np.flatnonzero(z_mm.ravel() <= -58)[-1])
    seed = np.zeros(core.shape[:2], bool)
    middle = core.shape[0] // 2
    # At z = -58 mm the medulla is the piece of brain nearest to the midline in front of the cerebellum.
    labels, count = ndimage.label(ndimage.binary_opening((t1[:, :, start] > 70) & core[:, :, start], iterations=2))
    centers = ndimage.center_of_mass(labels > 0, labels, range(1, count + 1))
    seed = labels == 1 + int(np.argmin([abs(c[0] - middle) for c in centers]))
    for k in range(start, -1, -1):
        near = ndimage.binary_dilation(seed, iterations=2)
        found = largest(ndimage.binary_opening((t1[:, :, k] > 68) & near)[:, :, None])[:, :, 0]
        seed = found
        canal[:, :, k] = ndimage.distance_transform_edt(~found) <= 5.0
    return canal


def intracranial_mask(t1: Volume, core: Mask, canal: Mask, grid_mm: tuple[Volume, Volume, Volume]) -> Mask:
    """Everything inside the skull: the closed brain, grown through CSF-like voxels, stopped by bone-dark ones.

    Up to z = 20 mm the dark inner table stops the growth. Higher up it is so thin that it is only a line a little
    darker than diploe and CSF: there that valley stops the growth, and 2 mm over the gyri, closed over the sulci by
    15 mm, is taken for CSF and dura (model). Along the midline growth may go 9 mm, because the sagittal sinus lies
    between brain and bone. The opening cuts what leaked through vessels and foramina.
    """
    x_mm, y_mm, z_mm = grid_mm
    light = ndimage.gaussian_filter(t1, 0.5) > 32
    high = z_mm > 20
    seed = close(core, 8.0) & light
    thin_table = (ndimage.grey_closing(t1, size=(3, 3, 3)) - t1 > 4) & (t1 < 55) & high
    open_space = light & ~thin_table
    grown = grown_within(seed, light & (z_mm > 0) & (np.abs(x_mm) < 10), 9)
    grown = grown_within(grown, open_space & (z_mm > -50) & ~high, 4)
    grown = grown | (close(dilate(seed, 2.0), 15.0) & light & high)
    inside = largest(open_(largest(grown), 4.0)) | dilate(core, 1.0)
    inside = largest(open_(filled(close(inside | canal, 3.0)), 3.0))
    # Fat of the orbit and of the temporal fossa is brighter than any brain.
    fat = (ndimage.gaussian_filter(t1, 0.7) > 118) & ~dilate(core, 1.0) & (z_mm < -10)
    # Growth reaches the muscle through the thin temporal squama; there is no wide CSF beside the temporal lobe.
    muscle = (np.abs(x_mm) > 35) & (y_mm > -20) & (z_mm < 10) & ~dilate(close(core, 6.0), 3.0)
    inside = largest(open_(inside & ~dilate(fat, 1.0) & ~muscle, 3.0) | dilate(core, 1.0) | canal)
    return largest(smooth(inside | sella_mask(t1, inside, grid_mm), 1.2))


def sella_mask(t1: Volume, inside: Mask, grid_mm: tuple[Volume, Volume, Volume]) -> Mask:
    """The cistern above the sella and the pituitary in it, which no brain surrounds.

    Bounded by the dark roof of the sphenoid sinus; the box keeps the growth off the cavernous sinuses and the orbits.
    """
    x_mm, y_mm, z_mm = grid_mm
    box = (np.abs(x_mm) < 15) & (y_mm > -14) & (y_mm < 14) & (z_mm > -31) & (z_mm < -8)
    return open_(inside | grown_within(inside, (ndimage.gaussian_filter(t1, 0.5) > 30) & box, 14), 2.0) & box


def skull_mask(t1: Volume, head: Mask, inside: Mask, z_mm: Volume) -> Mask:
    """Skull with its contents: the dark shell around the intracranial space, closed over the bright diploe.

    48 is half-way from bone (15) to what lies over it (muscle 75, fat 120 and more). Dark voxels count up to 14 mm
    from the inner table. Vault: closed by 5 mm, over the diploe. Base: closed by 3 mm only, and very bright voxels
    (orbital and cheek fat) stay out. The minimum of 3 mm bone, and of 3 mm skin over it, is a model assumption:
    thin plates such as the orbital roof vanish in a 1 mm image.
    """
    depth = distance_to_mm(inside)
    blurred = ndimage.gaussian_filter(t1, 0.5)
    least = depth <= BONE_MINIMUM_MM
    shell = touching(open_((blurred < 48) & head & (depth < 14) | inside, 1.0), inside) | least
    vault = z_mm > -5
    solid = np.where(vault, close(shell, 5.0), close(shell, 3.0) & ((blurred < 120) | (depth < 4)))
    solid = largest(open_(filled(solid), 3.0)) | least
    solid = (smooth(solid, 1.0) & erode(head, SKIN_MINIMUM_MM)) | least
    return filled(solid)
