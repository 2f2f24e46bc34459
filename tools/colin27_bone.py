"""Bone of the face, and compact against spongy bone."""

from __future__ import annotations

from colin27_morphology import Mask, close, distance_to_mm, erode, open_, smooth, without_specks
from colin27_steps import SKIN_MINIMUM_MM, Volume
from scipy import ndimage

FACE_BEHIND_MM = -60.0
TABLE_MM = 1.5  # compact bone everywhere between spongy bone and anything else, from voxel centre to centre
SPONGY_MINIMUM_VOXELS = 200


def face_bone_mask(t1: Volume, head: Mask, taken: Mask, y_mm: Volume) -> Mask:
    """Cheekbone, jaw, palate and the tips of the mastoid: dark plates at least 2 mm thick in the soft tissue.

    35 is half-way from bone (15) to skin (55). Behind y = -60 mm only muscle sheaths are as dark.
    """
    dark = (ndimage.gaussian_filter(t1, 0.4) < 35) & erode(head, SKIN_MINIMUM_MM) & ~taken & (y_mm > FACE_BEHIND_MM)
    return without_specks(open_(dark, 1.0), SPONGY_MINIMUM_VOXELS)


def spongy_mask(t1: Volume, bone: Mask) -> Mask:
    """Diploe and marrow: brighter than 24 in the T1, under a table of compact bone.

    Compact bone is 9 to 20, diploe 25 to 60. A table of one to two voxels is kept all round (model: the tables' own
    edges are blurred in a 1 mm image).
    """
    under_table = distance_to_mm(~bone) > TABLE_MM
    bright = ndimage.gaussian_filter(t1, 0.6) > 24
    spongy = smooth(close(bright & under_table, 1.5), 0.7) & under_table
    return without_specks(spongy, SPONGY_MINIMUM_VOXELS)
