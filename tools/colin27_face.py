"""Eyes and air-filled cavities: what the face part of the Colin27 T1 shows clearly."""

from __future__ import annotations

import numpy as np
from colin27_morphology import FACES, Mask, close, distance_to_mm, erode, grown_within, open_, smooth, without_specks
from colin27_steps import SKIN_MINIMUM_MM, Volume
from numpy.typing import NDArray
from scipy import ndimage

MIRROR = np.array([-1, 1, 1])
AIR_MINIMUM_VOXELS = 200
AIR_TO_BRAIN_MM = 3.0
WALL_MM = 2


def eye_candidates(t1: Volume, outside_skull: Mask) -> list[tuple[NDArray[np.float64], float, Mask]]:
    """Dark round bodies (vitreous, 18 to 62) in the soft tissue: centre in voxels, radius of equal volume, mask."""
    blurred = ndimage.gaussian_filter(t1, 1.0)
    dark = open_((blurred > 18) & (blurred < 62) & outside_skull, 7.0)
    labels, count = ndimage.label(dark, FACES)
    found = []
    for label in range(1, count + 1):
        body = labels == label
        center = np.array(ndimage.center_of_mass(body))
        radius = (3 * body.sum() / (4 * np.pi)) ** (1 / 3)
        reach = np.sqrt(((np.argwhere(body) - center) ** 2).sum(axis=1)).max()
        if reach < 1.5 * radius:
            found.append((center, radius, body))
    return found


def eye_mask(t1: Volume, head: Mask, skull: Mask) -> Mask:
    """The two globes, around the mirror pair of dark round bodies.

    Raises
    ------
    ValueError
        There are not exactly two such bodies, one on each side and of a globe's size.
    """
    candidates = eye_candidates(t1, head & ~skull)
    middle = (t1.shape[0] - 1) / 2
    pairs = [
        (a, b)
        for a in candidates
        for b in candidates
        if a[0][0] < middle < b[0][0]
        and abs(a[0][0] + b[0][0] - 2 * middle) < 6
        and np.abs((a[0] - b[0])[1:]).max() < 5
    ]
    if len(pairs) != 1:
        raise ValueError(f"expected one pair of eyes, found {len(pairs)} among {len(candidates)} round bodies")
    globes = globe(t1, pairs[0][0][2]) | globe(t1, pairs[0][1][2])
    return globes & erode(head, 1.5) & ~skull


def globe(t1: Volume, vitreous: Mask) -> Mask:
    """A ball around the vitreous that takes in lens and sclera.

    Half-way from vitreous (38) to fat and muscle (100 and more) is 70. The largest coronal cut of the body that ends
    there gives the radius; in front the lens is as bright as muscle, so the ball is set against the back wall.
    """
    body = open_(grown_within(vitreous, t1 < 70, 3), 5.0)
    areas = body.sum(axis=(0, 2))
    radius = np.sqrt(areas.max() / np.pi)
    center = np.array(ndimage.center_of_mass(body))
    center[1] = np.flatnonzero(areas > areas.max() / 10)[0] - 0.5 + radius
    grid = np.ogrid[tuple(slice(0, n) for n in t1.shape)]
    return sum((axis - c) ** 2 for axis, c in zip(grid, center, strict=True)) <= radius**2


def air_mask(t1: Volume, head: Mask, inside: Mask, grid_mm: tuple[Volume, Volume, Volume]) -> Mask:
    """Air in the head: sinuses, nose, ear canals, mastoid; 3 mm of skin and 2 mm of bone to the brain stay over it.

    Air (3 to 10) and compact bone (9 to 20) are hardly apart, so that the place decides with the darkness:
    * sinuses, in front of y = -5 mm and below z = 25: a ball of 2.5 mm fits into darkness below 20 (no bone is that
      thick there); frontal sinus, in front of y = 50: a ball of 1.5 mm below 16;
    * nose, up to 22 mm from the midline and below z = -28: everything below 22, whose septa and conchae are thin;
    * mastoid and the cells around the ear, more than 40 mm from the midline: a ball of 3 mm below 16;
    * ear canals, 55 mm and more from the midline: below 20, a ball of 1 mm.
    """
    x_mm, y_mm, z_mm = grid_mm
    side_mm = np.abs(x_mm)
    value = ndimage.gaussian_filter(t1, 0.7)
    free = erode(head, SKIN_MINIMUM_MM) & (distance_to_mm(inside) > AIR_TO_BRAIN_MM)
    sinuses = open_((value < 20) & free & (y_mm > -5) & (z_mm < 25), 2.5)
    frontal = open_((value < 16) & free & (y_mm > 50) & (z_mm > -30) & (z_mm < 25) & (side_mm < 35), 1.5)
    nose = (value < 22) & free & (side_mm < 22) & (y_mm > 8) & (z_mm < -28)
    mastoid = open_((value < 16) & free & (side_mm > 40) & (y_mm > -60) & (y_mm < -5) & (z_mm < -15), 3.0)
    canals = (value < 20) & free & (side_mm > 55) & (y_mm > -38) & (y_mm < -10) & (z_mm > -58) & (z_mm < -36)
    air = sinuses | frontal | open_(nose | sinuses, 1.0) | mastoid | open_(canals, 1.0)
    air = (smooth(close(air, 1.5), 0.7) | open_(nose, 1.0)) & free
    return without_specks(air, AIR_MINIMUM_VOXELS)


def cavity_walls(t1: Volume, air: Mask, head: Mask) -> Mask:
    """The dark bony walls of the cavities, 2 mm at most."""
    dark = (ndimage.gaussian_filter(t1, 0.5) < 45) & erode(head, SKIN_MINIMUM_MM)
    return grown_within(air, dark, WALL_MM) & ~air
