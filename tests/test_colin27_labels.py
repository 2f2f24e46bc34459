"""The shipped Colin27 label volume: what its README claims about layers and topology, and that each check can fail."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from stimplan.resources import package_path

PATH = package_path("head", "colin27", "labels.nii.gz")
WHITE, GRAY, CSF, BONE, SCALP, EYES = range(1, 7)
FIRST_MM = (-90, -125, -71)
CORNERS = np.ones((3, 3, 3), bool)
VOLUMES_ML = {
    WHITE: (600, 860),
    GRAY: (700, 800),
    CSF: (250, 430),
    BONE: (400, 750),
    SCALP: (1200, 1800),
    EYES: (11, 20),
}
# Which labels may share a voxel face; 0 is outside. White matter meets CSF at the ventricles and the brainstem.
MAY_TOUCH = {
    *((WHITE, GRAY), (WHITE, CSF), (GRAY, CSF), (CSF, BONE), (BONE, SCALP)),
    *((BONE, EYES), (SCALP, EYES), (0, SCALP)),
}

Check = Callable[[np.ndarray], str | None]


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """The shipped volume, read-only."""
    volume = np.asarray(nibabel.load(PATH).dataobj).copy()
    volume.setflags(write=False)
    return volume


def only_known_labels(labels):
    found = set(np.unique(labels).tolist())
    return None if found == {0, WHITE, GRAY, CSF, BONE, SCALP, EYES} else f"labels {sorted(found)}"


def volumes_in_range(labels):
    ml = np.bincount(labels.ravel(), minlength=7) / 1000
    wrong = {label: ml[label] for label, (low, high) in VOLUMES_ML.items() if not low <= ml[label] <= high}
    return f"out of range: {wrong}" if wrong else None


def head_is_solid(labels):
    head = np.pad(labels > 0, 1)
    holes = ndimage.binary_fill_holes(head) & ~head
    return f"{holes.sum()} unlabelled voxels inside" if holes.any() else None


def pieces(mask):
    """Sizes of the face-connected pieces, largest first."""
    components, _ = ndimage.label(mask)
    return np.sort(np.bincount(components.ravel())[1:])[::-1]


def head_white_and_scalp_are_one_piece(labels):
    counts = {
        "head": len(pieces(labels > 0)),
        "scalp": len(pieces(labels == SCALP)),
        "white matter": len(pieces(labels == WHITE)),
        "brain": len(pieces(np.isin(labels, (WHITE, GRAY)))),
    }
    return None if set(counts.values()) == {1} else f"pieces: {counts}"


def no_specks(labels):
    smallest = {label: int(pieces(labels == label)[-1]) for label, _ in ((GRAY, 12), (CSF, 12), (BONE, 50))}
    return None if smallest[GRAY] >= 12 and smallest[CSF] >= 12 and smallest[BONE] >= 50 else f"specks: {smallest}"


def tissues_touch_only_their_neighbours(labels):
    found = set()
    for axis in range(3):
        a, b = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        differ = a != b
        codes = np.unique(np.minimum(a, b)[differ].astype(int) * 8 + np.maximum(a, b)[differ])
        found |= {(int(code) // 8, int(code) % 8) for code in codes}
    return f"contacts {sorted(found - MAY_TOUCH)}" if found - MAY_TOUCH else None


def csf_parts_brain_from_bone(labels):
    brain = np.isin(labels, (WHITE, GRAY))
    touching = brain & ndimage.binary_dilation(labels == BONE, CORNERS)
    return f"{touching.sum()} brain voxels at the bone" if touching.any() else None


def bone_is_two_millimetres_everywhere(labels):
    inside = np.isin(labels, (WHITE, GRAY, CSF))
    # Between centres 3 mm are 2 mm of bone: the outer half of either end voxel is not bone.
    thin = (ndimage.distance_transform_edt(~inside) <= 3.0) & ~inside & (labels != BONE)
    return f"{thin.sum()} voxels of other tissue within 2 mm of the intracranial space" if thin.any() else None


def bone_is_closed(labels):
    outside = ~np.isin(labels, (WHITE, GRAY, CSF, BONE))
    # The canal is cut at the lower edge of the volume: close it there, then nothing may reach the inside.
    walkable = np.pad(labels != BONE, ((1, 1), (1, 1), (0, 1)), constant_values=True)
    reached = ndimage.binary_propagation(np.pad(outside, ((1, 1), (1, 1), (0, 1))), CORNERS, walkable)
    leaked = reached[1:-1, 1:-1, :-1] & np.isin(labels, (WHITE, GRAY, CSF))
    return f"{leaked.sum()} intracranial voxels reached without crossing bone" if leaked.any() else None


def skin_covers_bone(labels):
    bare = (labels == BONE) & ndimage.binary_dilation(labels == 0, CORNERS)
    return f"{bare.sum()} bone voxels at the air" if bare.any() else None


def cortex_covers_white_matter(labels):
    top = labels[:, :, 40 - FIRST_MM[2] :]  # above the ventricles
    bare = (top == WHITE) & ndimage.binary_dilation(top == CSF)
    return f"{bare.sum()} white voxels at CSF" if bare.any() else None


def hemispheres_are_parted(labels):
    i, k = -FIRST_MM[0], 30 - FIRST_MM[2]
    middle = labels[i - 3 : i + 4, :, k:]
    brain_columns = np.isin(middle, (WHITE, GRAY, CSF)).all(axis=0)
    parted = (middle == CSF).any(axis=0)[brain_columns].mean()
    return f"only {parted:.0%} of the midline above z = 30 mm holds CSF" if parted < 0.9 else None


def ventricles_are_csf(labels):
    depth = ndimage.distance_transform_edt(np.isin(labels, (WHITE, GRAY, CSF)))
    ml = ((labels == CSF) & (depth > 34)).sum() / 1000
    return None if 8 < ml < 40 else f"{ml:.1f} ml CSF deep in the brain"


def eyes_are_two_balls(labels):
    components, count = ndimage.label(labels == EYES)
    if count != 2:
        return f"{count} eyes"
    centers = np.array(ndimage.center_of_mass(components > 0, components, (1, 2))) + FIRST_MM
    ml = np.bincount(components.ravel())[1:] / 1000
    mirrored = np.abs(centers[0] * (-1, 1, 1) - centers[1]).max()
    return None if mirrored < 4 and (ml > 5.5).all() and (ml < 10).all() else f"eyes at {centers}, {ml} ml"


def ball(labels, center_mm, radius_mm):
    """Voxels of a ball in MNI space."""
    grid = np.ogrid[tuple(slice(first, first + n) for first, n in zip(FIRST_MM, labels.shape, strict=True))]
    return sum((axis - c) ** 2 for axis, c in zip(grid, center_mm, strict=True)) <= radius_mm**2


def with_ball(center_mm, radius_mm, label, of=range(1, 7)):
    def mutate(labels):
        labels[ball(labels, center_mm, radius_mm) & np.isin(labels, list(of))] = label

    return mutate


def relabelled(old, new):
    def mutate(labels):
        labels[labels == old] = new

    return mutate


def drilled(label):
    """A hole one voxel wide from the top of the head down to the brain."""

    def mutate(labels):
        column = labels[100, 125, :]
        column[(column == BONE) & (np.arange(len(column)) > 100)] = label

    return mutate


def grown(label, over, steps=1):
    def mutate(labels):
        labels[ndimage.binary_dilation(labels == label, CORNERS, iterations=steps) & (labels == over)] = label

    return mutate


def speck(inside, label):
    def mutate(labels):
        deep = ndimage.distance_transform_edt(labels == inside)
        labels[np.unravel_index(deep.argmax(), labels.shape)] = label

    return mutate


CASES: list[tuple[Check, Callable]] = [
    (only_known_labels, with_ball((0, -20, 20), 3, 9)),
    (only_known_labels, relabelled(EYES, SCALP)),
    (volumes_in_range, grown(GRAY, CSF)),
    (volumes_in_range, relabelled(WHITE, GRAY)),
    (head_is_solid, with_ball((0, 40, -60), 3, 0)),
    (head_white_and_scalp_are_one_piece, speck(CSF, WHITE)),
    (head_white_and_scalp_are_one_piece, speck(BONE, SCALP)),
    (no_specks, speck(WHITE, GRAY)),
    (no_specks, speck(WHITE, CSF)),
    (no_specks, speck(SCALP, BONE)),
    (tissues_touch_only_their_neighbours, drilled(SCALP)),
    (tissues_touch_only_their_neighbours, grown(WHITE, CSF, 3)),
    (csf_parts_brain_from_bone, grown(GRAY, CSF, 2)),
    (bone_is_two_millimetres_everywhere, grown(SCALP, BONE, 2)),
    (bone_is_closed, drilled(SCALP)),
    (bone_is_closed, drilled(CSF)),
    (skin_covers_bone, grown(BONE, SCALP, 12)),
    (cortex_covers_white_matter, grown(WHITE, GRAY, 3)),
    (hemispheres_are_parted, with_ball((0, -20, 45), 30, GRAY, of=(CSF,))),
    (ventricles_are_csf, with_ball((0, 0, 10), 60, WHITE, of=(CSF,))),
    (eyes_are_two_balls, with_ball((-35, 60, -37), 20, SCALP, of=(EYES,))),
    (eyes_are_two_balls, with_ball((-35, 66, -37), 10, SCALP, of=(EYES,))),
]


@pytest.mark.parametrize("check", sorted({check for check, _ in CASES}, key=lambda check: check.__name__))
def test_the_shipped_labels_hold_the_claim(check, labels):
    assert check(labels) is None


@pytest.mark.parametrize(("check", "mutate"), CASES)
def test_a_damaged_copy_fails_the_check(check, mutate, labels):
    damaged = labels.copy()
    mutate(damaged)
    assert check(damaged) is not None


def test_the_file_is_small_in_mni_space_and_carries_no_time_stamp():
    data = PATH.read_bytes()
    image = nibabel.load(PATH)
    assert len(data) < 2_000_000
    assert data[4:8] == b"\0\0\0\0"
    assert len(gzip.decompress(data)) > 7_000_000
    assert image.get_data_dtype() == np.uint8
    assert np.array_equal(image.affine, [[1, 0, 0, -90], [0, 1, 0, -125], [0, 0, 1, -71], [0, 0, 0, 1]])
