"""Morphology on label volumes with balls of any radius, by Euclidean distance (1 mm voxels, so voxels are mm)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

FACES = ndimage.generate_binary_structure(3, 1)
CORNERS = ndimage.generate_binary_structure(3, 3)


def distance_to_mm(mask: Mask) -> NDArray[np.float32]:
    """Distance of every voxel to the nearest voxel of `mask`, mm; 0 inside."""
    if not mask.any():
        raise ValueError("cannot measure the distance to an empty mask")
    return ndimage.distance_transform_edt(~mask).astype(np.float32)


def dilate(mask: Mask, radius_mm: float) -> Mask:
    """Grow by a ball."""
    return distance_to_mm(mask) <= radius_mm


def erode(mask: Mask, radius_mm: float) -> Mask:
    """Shrink by a ball; the volume's border does not count as outside."""
    return ~dilate(~mask, radius_mm)


def close(mask: Mask, radius_mm: float) -> Mask:
    """Fill every gap that a ball of that radius cannot enter."""
    return erode(dilate(mask, radius_mm), radius_mm)


def open_(mask: Mask, radius_mm: float) -> Mask:
    """Remove every part that a ball of that radius does not fit into."""
    return dilate(erode(mask, radius_mm), radius_mm)


def largest(mask: Mask, structure: Mask = FACES) -> Mask:
    """The largest connected component."""
    labels, count = ndimage.label(mask, structure)
    if count == 0:
        raise ValueError("no component: the mask is empty")
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def without_specks(mask: Mask, smallest_voxels: int) -> Mask:
    """Drop the face-connected components smaller than `smallest_voxels`."""
    labels, _ = ndimage.label(mask, FACES)
    keep = np.bincount(labels.ravel()) >= smallest_voxels
    keep[0] = False
    return keep[labels]


def touching(mask: Mask, seed: Mask) -> Mask:
    """The components of `mask` that hold a voxel of `seed`."""
    return ndimage.binary_propagation(seed & mask, FACES, mask)


def filled(mask: Mask) -> Mask:
    """The mask with its enclosed holes."""
    return ndimage.binary_fill_holes(mask)


def smooth(mask: Mask, sigma_mm: float) -> Mask:
    """Round the staircase: half level of the Gaussian-blurred mask."""
    return ndimage.gaussian_filter(mask.astype(np.float32), sigma_mm) > 0.5


def grown_within(seed: Mask, allowed: Mask, steps: int) -> Mask:
    """Grow step by step, alternating faces and corners so that the front stays round, only into `allowed`."""
    front = seed
    for step in range(steps):
        grown = ndimage.binary_dilation(front, CORNERS if step % 2 else FACES)
        front = front | (grown & allowed)
    return front
