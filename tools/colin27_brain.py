"""White and grey matter of Colin27 inside the intracranial space."""

from __future__ import annotations

import numpy as np
from colin27_morphology import (
    FACES,
    Mask,
    close,
    dilate,
    distance_to_mm,
    filled,
    grown_within,
    largest,
    open_,
    touching,
    without_specks,
)
from colin27_steps import CSF_OVER_BRAIN_MM, Volume
from scipy import ndimage

SPECK_VOXELS = 12  # the last step drops those below 50; dropping them here starts growing holes
POCKET_VOXELS = 300
ROUNDS = 5
# Centre, half axes, brightness limit: lentiform nucleus, caudate head and body, thalamus.
NUCLEI = (
    ((25, 2, 2), (12, 21, 13), 105.5),
    ((13, 12, 8), (9, 18, 17), 104.0),
    ((11, -17, 8), (12, 16, 12), 107.5),
)


def brainstem_region(x_mm: Volume, y_mm: Volume, z_mm: Volume) -> Mask:
    """Where midbrain, pons, medulla and cord can be: a slanted column in front of the fourth ventricle.

    Its axis runs from (0, -20, -10) to (0, -45, -65) mm; the half axes of its ellipse are 17 mm to the side and 16
    along, 11 and 13 below z = -45 mm.
    """
    high = z_mm > -45
    ahead_mm = y_mm - (-20 + (25 / 55) * (z_mm + 10)) - np.where(high, 2.5, 0.0)
    side_mm, along_mm = np.where(high, 17, 11), np.where(high, 16, 13)
    return ((x_mm / side_mm) ** 2 + (ahead_mm / along_mm) ** 2 < 1) & (z_mm < -8)


def white_matter_mask(t1: Volume, inside: Mask, stem_region: Mask) -> Mask:
    """White matter, in one piece, without specks.

    Cortex is 83 and white matter 112: half-way is 97. Deep in the brain (beyond 34 mm from the skull), where grey
    matter is brighter, the limit is 103 on a smoother image. The brainstem, mixed as it is, counts as white matter.
    """
    depth = distance_to_mm(~inside)
    fine, coarse = ndimage.gaussian_filter(t1, 0.4), ndimage.gaussian_filter(t1, 1.0)
    white = np.where(depth > 34, coarse > 103, fine > 97) & (depth > 3)
    white = largest(filled(without_specks(white, 100)))
    stem = grown_within(open_(white & stem_region, 2.0), (coarse > 74) & stem_region & (depth > 3), 25)
    return largest(without_specks(filled(white | stem), 100))


def nuclei_mask(t1: Volume, grid_mm: tuple[Volume, Volume, Volume]) -> Mask:
    """Caudate, putamen with pallidum, and thalamus: darker than white matter where they lie.

    They are too bright for the cortex's limit (caudate 92, putamen 97, thalamus 100, pallidum 104 against 110 to 115
    around them). Ellipsoids say where to look: centre and half axes in mm, of the right side.
    """
    x_mm, y_mm, z_mm = grid_mm
    side_mm, value = np.abs(x_mm), ndimage.gaussian_filter(t1, 0.9)
    found = np.zeros(t1.shape, bool)
    for (x, y, z), (a, b, c), limit in NUCLEI:
        place = ((side_mm - x) / a) ** 2 + ((y_mm - y) / b) ** 2 + ((z_mm - z) / c) ** 2 < 1
        found |= close(open_(place & (value < limit) & (t1 > 70), 1.5), 2.0) & place
    return without_specks(found, 200)


def gray_matter_mask(t1: Volume, inside: Mask, core: Mask, white: Mask, z_mm: Volume) -> Mask:
    """Grey matter: above 60, within 6 mm of white matter through grey voxels, not in a dark valley.

    The 6 mm keep out dura, falx and sinuses, which are as bright as cortex; deep nuclei and the cerebellum, whose
    white branches are too fine to see, may grow on. A narrow sulcus is a valley of partial volume between two banks:
    darker by 9 than its closing and below 72.
    """
    valley = (ndimage.grey_closing(t1, footprint=ndimage.iterate_structure(FACES, 2)) - t1 > 9) & (t1 < 72)
    depth = distance_to_mm(~inside)
    grayish = (t1 > 60) & ~valley & (depth > CSF_OVER_BRAIN_MM)
    gray = grown_within(white, grayish, 6) & ~white
    further = ((depth > 25) & (t1 > 66)) | (core & (z_mm < -28) & (t1 > 64))
    gray = grown_within(gray, further & (depth > CSF_OVER_BRAIN_MM), 12) & ~white
    return largest(gray | white) & ~white


def without_false_rims(t1: Volume, white: Mask, gray: Mask, uncovered: Mask) -> tuple[Mask, Mask]:
    """White and grey matter without the film of grey that partial volume puts between white matter and CSF.

    A voxel half white (112), half CSF (40) is as bright as cortex. Around the ventricles and the brainstem there is
    no cortex: there a sheet too thin for a ball of 1.5 mm is split between the two at 76.
    """
    film = gray & ~open_(gray, 1.5) & uncovered
    white = white | (film & (t1 > 76))
    return largest(white), gray & ~film


def cortex_over_white(inside: Mask, white: Mask, gray: Mask, uncovered: Mask) -> tuple[Mask, Mask]:
    """Give white matter that meets cortical CSF one voxel of grey matter; ventricles and brainstem stay bare."""
    csf = inside & ~white & ~gray
    bare = white & ndimage.binary_dilation(csf, FACES) & ~uncovered
    core = largest(without_specks(white & ~bare, SPECK_VOXELS))
    return core, gray | (white & ~core)


def without_pockets(inside: Mask, white: Mask, gray: Mask) -> tuple[Mask, Mask]:
    """Fill CSF pockets below 300 voxels: one that meets grey matter is the end of a sulcus, one in white a vessel."""
    csf = inside & ~white & ~gray
    pockets = csf & ~without_specks(csf, POCKET_VOXELS)
    in_gray = touching(pockets, ndimage.binary_dilation(gray, FACES))
    return white | (pockets & ~in_gray), gray | in_gray


def clean(inside: Mask, white: Mask, gray: Mask) -> tuple[Mask, Mask]:
    """Drop specks: white and brain in one piece, no grey or CSF islands below 12 voxels."""
    gray = largest(gray | white) & ~white
    csf = inside & ~white & ~gray
    gray = gray | (csf & ~without_specks(csf, SPECK_VOXELS))
    specks = gray & ~without_specks(gray, SPECK_VOXELS)
    # A grey island wholly in white matter is noise; one that meets CSF is a stray piece of partial volume.
    in_white = specks & ~touching(specks, ndimage.binary_dilation(inside & ~gray & ~white, FACES))
    return white | in_white, gray & ~specks


def ventricle_mask(csf: Mask, inside: Mask, z_mm: Volume) -> Mask:
    """CSF wider than 3 mm, beyond 25 mm from the skull and below z = 35 mm, where the ventricles end."""
    return open_(csf & (distance_to_mm(~inside) > 25) & (z_mm < 35), 1.5)


def brain_masks(t1: Volume, inside: Mask, core: Mask, grid_mm: tuple[Volume, Volume, Volume]) -> tuple[Mask, Mask]:
    """White and grey matter, all steps."""
    stem_region = brainstem_region(*grid_mm)
    nuclei = nuclei_mask(t1, grid_mm)
    white = white_matter_mask(t1, inside, stem_region) & ~nuclei
    gray = gray_matter_mask(t1, inside, core, white, grid_mm[2]) | nuclei
    ventricles = ventricle_mask(inside & ~white & ~gray, inside, grid_mm[2])
    uncovered = dilate(ventricles, 3.0) | dilate(stem_region, 1.0)
    white, gray = without_false_rims(t1, white, gray, uncovered)
    # Dropping a stray grey voxel may bare the white matter below it: a few rounds settle that.
    white, gray = without_pockets(inside, white, gray)
    for _ in range(ROUNDS):
        white, gray = cortex_over_white(inside, white, gray, uncovered)
        white, gray = clean(inside, white, gray)
    # The cord's rim is partial volume as well; it has no cortex.
    cord = gray & dilate(stem_region, 3.0) & (np.abs(grid_mm[0]) < 12) & (grid_mm[1] > -52) & (grid_mm[2] < -58)
    return white | (cord & (t1 > 74)), gray & ~cord
