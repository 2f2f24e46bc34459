"""Last step: no specks and one skin; a voxel changes owner only where a rule says so."""

from __future__ import annotations

import numpy as np
from colin27_morphology import CORNERS, FACES, Mask, largest, without_specks
from numpy.typing import NDArray
from scipy import ndimage

WHITE, GRAY, CSF, SCALP, EYES, COMPACT, SPONGY, AIR = 1, 2, 3, 5, 6, 7, 8, 20
TISSUES = {
    WHITE: "white_matter",
    GRAY: "gray_matter",
    CSF: "csf",
    SCALP: "scalp",
    EYES: "eyes",
    COMPACT: "compact_bone",
    SPONGY: "spongy_bone",
    AIR: "air",
}
SPECK_VOXELS = 50
ROUNDS = 20


def settle(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give every speck to its commonest neighbour and loose soft tissue to bone or air, until nothing changes.

    Raises
    ------
    ValueError
        It does not come to rest.
    """
    labels = labels.copy()
    for _ in range(ROUNDS):
        before = labels.copy()
        bone_around_spongy(labels)
        for label in (WHITE, GRAY, CSF, EYES, SPONGY, AIR, COMPACT):
            mask = labels == label
            give_away(labels, mask & ~without_specks(mask, SPECK_VOXELS))
        scalp = labels == SCALP
        # Soft tissue that the skin does not reach: marrow, a nerve canal, a shred of mucosa in the nose.
        give_away(labels, scalp & ~largest(scalp))
        if np.array_equal(before, labels):
            return labels
    raise ValueError("the labels do not come to rest")


def bone_around_spongy(labels: NDArray[np.uint8]) -> None:
    """Spongy bone that touches anything but bone, if only by a corner, is compact."""
    open_air = ndimage.binary_dilation((labels != SPONGY) & (labels != COMPACT), CORNERS)
    labels[(labels == SPONGY) & open_air] = COMPACT


def give_away(labels: NDArray[np.uint8], specks: Mask) -> None:
    """Each face-connected piece of `specks` takes the label most of its faces touch; outside counts as none."""
    pieces, _ = ndimage.label(specks, FACES)
    for piece, box in enumerate(ndimage.find_objects(pieces), start=1):
        wide = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
        own = pieces[wide] == piece
        touched = labels[wide][ndimage.binary_dilation(own, FACES) & ~own]
        counts = np.bincount(touched[touched > 0], minlength=AIR + 1)
        labels[wide][own] = counts.argmax()
