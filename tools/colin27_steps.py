"""The anatomical steps from the Colin27 T1 to labels. All volumes are 1 mm, RAS, padded by `PAD` voxels."""

from __future__ import annotations

import numpy as np
from colin27_morphology import (
    FACES,
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
    without_specks,
)
from numpy.typing import NDArray
from scipy import ndimage

Volume = NDArray[np.float32]


def head_mask(t1: Volume) -> Mask:
    """Everything inside the skin.

    The skin's outer edge lies at about half its brightness (90); 30 is above the ringing around the head.
    Closing and slice-wise filling shut nostrils, ear canals and sinuses, whatever they open to.
    """
    bright = largest(open_(t1 > 30, 1.0))
    head = close(bright, 4.0)
    for axis in (2, 1, 0):
        for index in range(head.shape[axis]):
            cut = [slice(None)] * 3
            cut[axis] = index
            head[tuple(cut)] = ndimage.binary_fill_holes(head[tuple(cut)])
    return largest(smooth(open_(head, 2.0), 1.0))


def intracranial_mask(t1: Volume, bet: Mask, x_mm: Volume, z_mm: Volume) -> Mask:
    """Everything inside the skull: the closed brain mask, grown through CSF-like voxels, stopped by bone-dark ones.

    Under the vault the dark inner table stops the growth after 2 to 4 mm; along the midline it may go 8 mm, because
    the sagittal sinus lies between brain and bone. At the base foramina and marrow invite leaks, so 3 mm. The opening
    cuts what leaked through vessels and foramina.
    """
    light = ndimage.gaussian_filter(t1, 0.5) > 32
    seed = close(largest(bet & (t1 > 40)), 5.0) & light
    grown = grown_within(seed, light & (z_mm > 0) & (np.abs(x_mm) < 12), 8)
    grown = grown_within(grown, light, 3)
    inside = largest(open_(largest(grown), 4.0))
    return largest(smooth(filled(close(inside, 3.0)), 0.8))


def skull_mask(t1: Volume, head: Mask, inside: Mask) -> Mask:
    """Skull with its contents: the dark shell around the intracranial space, closed over the bright diploe.

    40 is half-way from bone (15) to skin and muscle (70 and more). Dark voxels count up to 14 mm from the inner
    table (25 mm below the brain would reach the sinuses). A minimum of 3 mm bone, and of 3 mm skin over it, is a
    model assumption: thin plates (orbital roof, temporal squama) vanish in a 1 mm image.
    """
    depth = distance_to_mm(inside)
    dark = (ndimage.gaussian_filter(t1, 0.5) < 40) & head & (depth < 14)
    shell = touching(open_(dark | inside, 1.0), inside) | inside | (depth <= 3.0)
    solid = open_(filled(close(shell, 5.0)), 3.0) | (depth <= 3.0)
    solid = smooth(solid, 1.0) | (depth <= 2.5)
    return filled(solid & erode(head, 3.0)) | (depth <= 2.0)


def white_matter_mask(t1: Volume, inside: Mask) -> Mask:
    """White matter: brighter than half-way between grey (79) and white (105), in one piece, without specks."""
    depth = distance_to_mm(~inside)
    white = (ndimage.gaussian_filter(t1, 0.4) > 92) & (depth > 4)
    return largest(without_specks(filled(white), 200))


def gray_matter_mask(t1: Volume, inside: Mask, white: Mask) -> Mask:
    """Grey matter: above 58, within 6 mm of white matter through grey voxels, not in a dark valley.

    The 6 mm keep out dura, falx and sinuses, which are as bright as cortex. A narrow sulcus is a valley of partial
    volume between two banks: darker by 9 than its closing and below 72. One voxel of CSF stays under the bone.
    """
    valley = (ndimage.grey_closing(t1, footprint=np.ones((3, 3, 3))) - t1 > 9) & (t1 < 72)
    depth = distance_to_mm(~inside)
    grayish = (t1 > 58) & ~valley & (depth > 1.8)
    gray = grown_within(white, grayish, 6) & ~white
    return gray & largest(without_specks(gray | white, 200))


def assemble(head: Mask, skull: Mask, inside: Mask, white: Mask, gray: Mask) -> NDArray[np.uint8]:
    """Labels, innermost last."""
    labels = np.zeros(head.shape, np.uint8)
    for label, mask in ((5, head | skull), (4, skull), (3, inside), (2, gray), (1, white)):
        labels[mask] = label
    return labels
