"""The shipped Colin27 label volume: what its README claims about layers and topology, and that each check can fail."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from stimplan.resources import package_path
from stimplan.sites import known_sites

PATH = package_path("head", "colin27", "labels.nii.gz")
TEMPLATES = Path("/usr/share/mricron/templates")
SCRIPT = Path(__file__).parents[1] / "tools" / "make_colin27.py"
WHITE, GRAY, CSF, SCALP, EYES, COMPACT, SPONGY, AIR = 1, 2, 3, 5, 6, 7, 8, 20
NAMES = {
    **{WHITE: "white_matter", GRAY: "gray_matter", CSF: "csf", SCALP: "scalp", EYES: "eyes"},
    **{COMPACT: "compact_bone", SPONGY: "spongy_bone", AIR: "air"},
}
BONE, BRAIN, INSIDE = (COMPACT, SPONGY), (WHITE, GRAY), (WHITE, GRAY, CSF)
FIRST_MM = (-96, -129, -131)
IMAGE_ENDS_MM = -71
CORNERS = np.ones((3, 3, 3), bool)

# Brain and CSF of this very head, segmented by its makers: GM 903, WM 671, CSF 372 ml (BrainWeb's discrete model on the
# same grid, Collins et al. 1998, doi:10.1109/42.712135), 12 % either way. Colin27 was enlarged when it was moved to MNI
# space: it has 1.95 l inside the skull, where men have 1.54 +- 0.14 l (PMC10511609, table 1).
VOLUMES_ML = {WHITE: (591, 752), GRAY: (795, 1011), CSF: (327, 417), EYES: (12, 20)}
# Fractions of the intracranial volume, which no scaling changes; men, mean +- 2 SD: CSF 0.23 +- 0.09 (PMC10511609).
CSF_FRACTION = (0.14, 0.32)
# The vault, mm. Men: frontal 6.6, parietal 5.4, occipital 7.6 (Li et al. 2007, Int. J. Vehicle Safety 2(4)),
# and this head is about 8 % larger than life.
VAULT_MEDIAN_MM, VAULT_LEAST_MM = (4.5, 8.5), 2.0

# Which labels may share a voxel face; 0 is outside. White matter meets CSF at the ventricles and the brainstem.
MAY_TOUCH = {
    *((WHITE, GRAY), (WHITE, CSF), (GRAY, CSF), (CSF, COMPACT), (COMPACT, SPONGY), (SCALP, COMPACT)),
    *((EYES, COMPACT), (SCALP, EYES), (0, SCALP), (COMPACT, AIR), (SCALP, AIR)),
}
# Where air has to be: centre, reach in mm, least ml. Both sides of each pair.
SINUSES = {
    "frontal": ((0, 74, -15), (35, 10, 15), 2),
    "sphenoid": ((0, 12, -38), (15, 18, 12), 3),
    "left maxillary": ((-28, 45, -62), (14, 20, 15), 5),
    "right maxillary": ((28, 45, -62), (14, 20, 15), 5),
    "nose": ((0, 40, -50), (20, 45, 20), 8),
    "left mastoid": ((-60, -30, -45), (20, 25, 20), 3),
    "right mastoid": ((60, -30, -45), (20, 25, 20), 3),
}

Check = Callable[[np.ndarray], str | None]


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """The shipped volume, read-only."""
    volume = np.asarray(nibabel.load(PATH).dataobj).copy()
    volume.setflags(write=False)
    return volume


def grid_mm(labels):
    return np.ogrid[tuple(slice(first, first + n) for first, n in zip(FIRST_MM, labels.shape, strict=True))]


def above(labels, z_mm):
    """The part from a height on."""
    return labels[:, :, z_mm - FIRST_MM[2] :]


def only_known_labels(labels):
    found = set(np.unique(labels).tolist())
    return None if found == {0, *NAMES} else f"labels {sorted(found)}"


def volumes_in_range(labels):
    counts = np.bincount(above(labels, IMAGE_ENDS_MM).ravel(), minlength=32) / 1000
    wrong = {NAMES[one]: counts[one] for one, (low, high) in VOLUMES_ML.items() if not low <= counts[one] <= high}
    fraction = counts[CSF] / counts[list(INSIDE)].sum()
    if not CSF_FRACTION[0] <= fraction <= CSF_FRACTION[1]:
        wrong["csf fraction"] = fraction
    return f"out of range: {wrong}" if wrong else None


def head_is_solid(labels):
    head = np.pad(labels > 0, 1)
    holes = ndimage.binary_fill_holes(head) & ~head
    return f"{holes.sum()} unlabelled voxels inside" if holes.any() else None


def pieces(mask):
    """Sizes of the face-connected pieces, largest first."""
    components, _ = ndimage.label(mask)
    return np.sort(np.bincount(components.ravel())[1:])[::-1]


def tissues_that_must_hang_together_do(labels):
    counts = {
        "head": len(pieces(labels > 0)),
        "scalp": len(pieces(labels == SCALP)),
        "white matter": len(pieces(labels == WHITE)),
        "brain": len(pieces(np.isin(labels, BRAIN))),
        "inside": len(pieces(np.isin(labels, INSIDE))),
        "outside": len(pieces(np.pad(labels, 1) == 0)),
    }
    wrong = {name: count for name, count in counts.items() if count != 1}
    return f"pieces: {wrong}" if wrong else None


def skull_is_one_piece(labels):
    """All bone of the braincase hangs together; of the face there may be plates of their own."""
    bone = np.isin(labels, BONE)
    near = ndimage.binary_dilation(np.isin(labels, INSIDE), iterations=2) & bone
    components, _ = ndimage.label(bone)
    count = len(np.unique(components[near]))
    return None if count == 1 else f"the bone around the brain is in {count} pieces"


def no_specks(labels):
    smallest = {name: int(pieces(labels == label)[-1]) for label, name in NAMES.items()}
    small = {name: voxels for name, voxels in smallest.items() if voxels < 50}
    return f"specks: {small}" if small else None


def tissues_touch_only_their_neighbours(labels):
    found = set()
    for axis in range(3):
        a, b = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        differ = a != b
        codes = np.unique(np.minimum(a, b)[differ].astype(int) * 32 + np.maximum(a, b)[differ])
        found |= {(int(code) // 32, int(code) % 32) for code in codes}
    return f"contacts {sorted(found - MAY_TOUCH)}" if found - MAY_TOUCH else None


def csf_parts_brain_from_bone(labels):
    labels = above(labels, IMAGE_ENDS_MM)
    brain = np.isin(labels, BRAIN)
    touching = brain & ndimage.binary_dilation(np.isin(labels, BONE), CORNERS)
    return f"{touching.sum()} brain voxels at the bone" if touching.any() else None


def labels_within(labels, mask, radius):
    """(offsets, n) labels of all voxels within a radius of the surface voxels of a mask."""
    axis = np.arange(-radius, radius + 1)
    offsets = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    offsets = offsets[(offsets**2).sum(axis=1) <= radius**2]
    surface = np.argwhere(mask & ~ndimage.binary_erosion(mask, border_value=1))
    wide = np.pad(labels, radius, mode="edge")
    return np.stack([wide[tuple((surface + radius + offset).T)] for offset in offsets])


def bone_is_two_millimetres_everywhere(labels):
    # Between centres 3 mm are 2 mm of bone: the outer half of either end voxel is not bone.
    met = labels_within(labels, np.isin(labels, INSIDE), 3)
    thin = ~np.isin(met, (*INSIDE, *BONE))
    return f"{thin.sum()} times other tissue within 2 mm of the intracranial space" if thin.any() else None


def bone_is_closed(labels):
    """From outside, through scalp, air and eyes, by faces, edges and corners: nothing inside is reached."""
    bone = np.isin(labels, BONE)
    outside = ~bone & ~np.isin(labels, INSIDE)
    # The canal is cut at the lower edge of the volume: close it there, then nothing may reach the inside.
    walkable = np.pad(~bone, ((1, 1), (1, 1), (0, 1)), constant_values=True)
    reached = ndimage.binary_propagation(np.pad(outside, ((1, 1), (1, 1), (0, 1))), CORNERS, walkable)
    leaked = reached[1:-1, 1:-1, :-1] & np.isin(labels, INSIDE)
    return f"{leaked.sum()} intracranial voxels reached without crossing bone" if leaked.any() else None


def skin_covers_bone_and_air(labels):
    bare = (
        np.isin(labels, (*BONE, AIR))
        & ndimage.binary_dilation(np.pad(labels, ((1, 1), (1, 1), (0, 0)), mode="edge") == 0, CORNERS)[1:-1, 1:-1]
    )
    return f"{bare.sum()} voxels of bone or air at the outside" if bare.any() else None


def skin_is_three_millimetres_over_the_vault(labels):
    vault = above(labels, 0)
    thin = labels_within(vault, np.isin(vault, BONE), 3) == 0
    return f"{thin.sum()} times outside within 3 mm of bone" if thin.any() else None


def spongy_bone_lies_in_compact_bone(labels):
    bare = (labels == SPONGY) & ndimage.binary_dilation(~np.isin(labels, BONE), CORNERS)
    vault = above(labels, 0)
    share = (vault == SPONGY).sum() / np.isin(vault, BONE).sum()
    if bare[:, :, 1:].any():
        return f"{bare.sum()} voxels of spongy bone without a table"
    return None if 0.1 < share < 0.5 else f"{share:.0%} of the vault is spongy"


def vault_is_as_thick_as_a_skull(labels):
    vault = above(labels, 20)
    inside, bone = np.isin(vault, INSIDE), np.isin(vault, BONE)
    outer = ndimage.binary_dilation(vault == SCALP) & bone
    thickness = ndimage.distance_transform_edt(~inside)[outer]
    median, least = np.median(thickness), np.percentile(thickness, 5)
    right = VAULT_MEDIAN_MM[0] <= median <= VAULT_MEDIAN_MM[1] and least >= VAULT_LEAST_MM
    return None if right else f"median {median:.1f}, 5th percentile {least:.1f} mm"


def cortex_covers_white_matter(labels):
    top = above(labels, 40)  # above the ventricles
    bare = (top == WHITE) & ndimage.binary_dilation(top == CSF)
    return f"{bare.sum()} white voxels at CSF" if bare.any() else None


def hemispheres_are_parted(labels):
    i = -FIRST_MM[0]
    middle = above(labels, 30)[i - 3 : i + 4]
    brain_columns = np.isin(middle, INSIDE).all(axis=0)
    parted = (middle == CSF).any(axis=0)[brain_columns].mean()
    return f"only {parted:.0%} of the midline above z = 30 mm holds CSF" if parted < 0.9 else None


def ventricles_are_csf(labels):
    half = labels[::2, ::2, ::2]
    depth_mm = 2 * ndimage.distance_transform_edt(np.isin(half, INSIDE))
    ml = ((half == CSF) & (depth_mm > 40)).sum() * 8 / 1000
    return None if 8 < ml < 40 else f"{ml:.1f} ml CSF deep in the brain"


def eyes_are_two_balls(labels):
    """22 to 26 mm across, as deep as wide (adult eye 24 mm: Bekerman et al. 2014, doi:10.1155/2014/503645)."""
    front = labels[:, 30 - FIRST_MM[1] :]
    components, count = ndimage.label(front == EYES)
    if count != 2:
        return f"{count} eyes"
    corner_mm = np.array((FIRST_MM[0], 30, FIRST_MM[2]))
    centers = np.array(ndimage.center_of_mass(components > 0, components, (1, 2))) + corner_mm
    across = 2 * (3 * np.bincount(components.ravel())[1:] / (4 * np.pi)) ** (1 / 3)
    boxes = [[s.stop - s.start for s in box] for box in ndimage.find_objects(components)]
    mirrored = np.abs(centers[0] * (-1, 1, 1) - centers[1]).max()
    right = mirrored < 4 and (across > 22).all() and (across < 26).all() and np.max(boxes) <= 27
    return None if right else f"eyes at {centers}, {across} mm across, boxes {boxes}"


def sinuses_are_where_they_should_be(labels):
    grid = grid_mm(labels)
    wrong = {}
    for name, (center, reach, least_ml) in SINUSES.items():
        x, y, z = (np.abs(axis - c) <= r for axis, c, r in zip(grid, center, reach, strict=True))
        ml = ((labels == AIR) & (x & y & z)).sum() / 1000
        if ml < least_ml:
            wrong[name] = ml
    high = (above(labels, 20) == AIR).any()
    return f"air missing: {wrong}, air in the vault: {high}" if wrong or high else None


def head_is_symmetric_within_reason(labels):
    """Left and right differ by less than a tenth; spongy bone by a fifth, eyes and air by a third."""
    middle = -FIRST_MM[0]
    left, right = labels[:middle], labels[middle + 1 :]
    wrong = {}
    for label, name in NAMES.items():
        a, b = int((left == label).sum()), int((right == label).sum())
        if abs(a - b) > (0.33 if label in (EYES, AIR) else 0.2 if label == SPONGY else 0.1) * max(a, b):
            wrong[name] = (a, b)
    return f"left and right: {wrong}" if wrong else None


def depth_mm(labels, point_mm, reach=10):
    """Distance of a point from the skin, positive inside, from the voxels around it."""
    voxel = np.array(point_mm) - FIRST_MM
    low = np.maximum(np.rint(voxel).astype(int) - reach, 0)
    head = labels[tuple(slice(a, a + 2 * reach + 1) for a in low)] > 0
    distance = ndimage.distance_transform_edt(head) - ndimage.distance_transform_edt(~head)
    return float(ndimage.map_coordinates(distance, (voxel - low)[:, None], order=1)[0])


def sites_lie_at_the_scalp(labels):
    """10-05 sites within 4 mm of the skin; those below z = -30 mm, where the image cuts ears and cheeks, 9."""
    sites = {name: 1000 * np.array(position) for name, position in known_sites().items()}
    depths = {name: depth_mm(labels, point) for name, point in sites.items()}
    far = {name: round(d, 1) for name, d in depths.items() if not -4 <= d <= (4 if sites[name][2] > -30 else 9)}
    return f"sites off the scalp: {far}" if far else None


def neck_ends_far_below_every_site(labels):
    lowest = 1000 * min(z for _, _, z in known_sites().values())
    cut = FIRST_MM[2] + int(np.flatnonzero((labels > 0).any(axis=(0, 1)))[0])
    return None if lowest - cut >= 30 else f"the lowest site is {lowest - cut:.0f} mm above the cut"


def ball(labels, center_mm, radius_mm):
    """Voxels of a ball in MNI space."""
    return sum((axis - c) ** 2 for axis, c in zip(grid_mm(labels), center_mm, strict=True)) <= radius_mm**2


def with_ball(center_mm, radius_mm, label, of=tuple(NAMES)):
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
        column[np.isin(column, BONE) & (np.arange(len(column)) > 160)] = label

    return mutate


def grown(label, over, steps=1):
    """Chessboard steps for one or two, a ball for more: quicker on ten million voxels."""

    def mutate(labels):
        mask = labels == label
        near = ndimage.distance_transform_edt(~mask) <= steps if steps > 2 else None
        near = ndimage.binary_dilation(mask, CORNERS, iterations=steps) if near is None else near
        labels[near & (labels == over)] = label

    return mutate


def speck(inside, label):
    """One voxel with two voxels of its surroundings on every side."""

    def mutate(labels):
        deep = np.argwhere(ndimage.binary_erosion(labels == inside, iterations=2))
        labels[tuple(deep[len(deep) // 2])] = label

    return mutate


def cut_below(z_mm):
    def mutate(labels):
        labels[:, :, : z_mm - FIRST_MM[2]] = 0

    return mutate


def shifted_up(by_mm):
    def mutate(labels):
        labels[...] = np.roll(labels, by_mm, axis=2)

    return mutate


def one_side_cut(labels):
    labels[-60:] = 0


CASES: list[tuple[Check, Callable]] = [
    (only_known_labels, with_ball((0, -20, 20), 3, 9)),
    (only_known_labels, relabelled(EYES, SCALP)),
    (volumes_in_range, grown(GRAY, CSF)),
    (volumes_in_range, relabelled(WHITE, GRAY)),
    (head_is_solid, with_ball((0, 40, -90), 3, 0)),
    (tissues_that_must_hang_together_do, speck(CSF, WHITE)),
    (tissues_that_must_hang_together_do, speck(COMPACT, SCALP)),
    (skull_is_one_piece, with_ball((0, -40, 60), 200, SCALP, of=BONE)),
    (no_specks, speck(WHITE, GRAY)),
    (no_specks, speck(WHITE, CSF)),
    (no_specks, speck(SCALP, COMPACT)),
    (no_specks, speck(SCALP, AIR)),
    (tissues_touch_only_their_neighbours, drilled(SCALP)),
    (tissues_touch_only_their_neighbours, grown(WHITE, CSF, 3)),
    (tissues_touch_only_their_neighbours, grown(AIR, COMPACT, 4)),
    (csf_parts_brain_from_bone, grown(GRAY, CSF, 2)),
    (bone_is_two_millimetres_everywhere, grown(SCALP, COMPACT, 2)),
    (bone_is_closed, drilled(SCALP)),
    (bone_is_closed, drilled(CSF)),
    (bone_is_closed, grown(AIR, COMPACT, 4)),
    (skin_covers_bone_and_air, grown(COMPACT, SCALP, 12)),
    (skin_covers_bone_and_air, grown(AIR, SCALP, 5)),
    (skin_is_three_millimetres_over_the_vault, grown(COMPACT, SCALP, 5)),
    (spongy_bone_lies_in_compact_bone, grown(SPONGY, COMPACT)),
    (spongy_bone_lies_in_compact_bone, relabelled(SPONGY, COMPACT)),
    (vault_is_as_thick_as_a_skull, grown(SCALP, COMPACT, 3)),
    (vault_is_as_thick_as_a_skull, grown(COMPACT, SCALP, 4)),
    (cortex_covers_white_matter, grown(WHITE, GRAY, 3)),
    (hemispheres_are_parted, with_ball((0, -20, 45), 30, GRAY, of=(CSF,))),
    (ventricles_are_csf, with_ball((0, 0, 10), 60, WHITE, of=(CSF,))),
    (eyes_are_two_balls, with_ball((-35, 60, -37), 20, SCALP, of=(EYES,))),
    (eyes_are_two_balls, with_ball((-35, 66, -37), 10, SCALP, of=(EYES,))),
    (sinuses_are_where_they_should_be, with_ball((0, 74, -15), 35, COMPACT, of=(AIR,))),
    (sinuses_are_where_they_should_be, with_ball((60, -30, -45), 35, COMPACT, of=(AIR,))),
    (sinuses_are_where_they_should_be, shifted_up(35)),
    (head_is_symmetric_within_reason, one_side_cut),
    (head_is_symmetric_within_reason, with_ball((62, 0, -50), 60, COMPACT, of=(AIR,))),
    (sites_lie_at_the_scalp, shifted_up(10)),
    (neck_ends_far_below_every_site, cut_below(-95)),
]


@pytest.mark.parametrize("check", sorted({check for check, _ in CASES}, key=lambda check: check.__name__))
def test_the_shipped_labels_hold_the_claim(check, labels):
    assert check(labels) is None


@pytest.mark.slow
@pytest.mark.parametrize(("check", "mutate"), CASES)
def test_a_damaged_copy_fails_the_check(check, mutate, labels):
    damaged = labels.copy()
    mutate(damaged)
    assert check(damaged) is not None


def test_the_file_is_small_in_mni_space_and_carries_no_time_stamp():
    data = PATH.read_bytes()
    image = nibabel.load(PATH)
    assert len(data) < 1_000_000
    assert data[4:8] == b"\0\0\0\0"
    assert len(gzip.decompress(data)) == 352 + np.prod(image.shape)
    assert image.get_data_dtype() == np.uint8
    assert np.array_equal(image.affine[:3, :3], np.eye(3))
    assert tuple(image.affine[:3, 3]) == FIRST_MM


def test_every_label_has_its_name_in_the_table_beside_the_volume():
    assert json.loads(PATH.with_name("labels.json").read_text(encoding="utf-8")) == {
        str(label): name for label, name in NAMES.items()
    }


def test_the_readme_quotes_the_digest_of_the_shipped_file():
    digest = hashlib.sha256(PATH.read_bytes()).hexdigest()
    assert digest in PATH.with_name("README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(not (TEMPLATES / "ch2.nii.gz").exists(), reason="the Debian package mricron-data is not installed")
@pytest.mark.skipif(not SCRIPT.exists(), reason="the script is in the checkout only")
def test_the_script_makes_the_shipped_labels_again(labels, tmp_path):
    """Voxel for voxel; the bytes of the file also depend on the zlib that packed it."""
    made = tmp_path / "labels.nii.gz"
    subprocess.run([sys.executable, str(SCRIPT), "--out", str(made)], check=True, capture_output=True, timeout=1800)
    assert np.array_equal(np.asarray(nibabel.load(made).dataobj), labels)
    assert made.with_name("labels.json").read_bytes() == PATH.with_name("labels.json").read_bytes()
