"""Make the template head's label volume from the Colin27 T1 (Debian package mricron-data).

    python tools/make_colin27.py --out stimplan/head/colin27/labels.nii.gz --figures docs/colin27 --measure

Only whoever rebuilds the template needs that package; the program ships the label volume.
The same inputs and library versions give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from pathlib import Path

import nibabel
import numpy as np
from colin27_bone import face_bone_mask, spongy_mask
from colin27_brain import brain_masks
from colin27_face import air_mask, cavity_walls, eye_mask
from colin27_figures import Canvas, draw_labels, draw_outlines, on_label_grid
from colin27_measure import THICKNESS_SITES, site_distances_mm, thickness_mm
from colin27_morphology import Mask, dilate, largest
from colin27_neck import NECK_MM, Section, neck, rounded_caps
from colin27_settle import AIR, COMPACT, CSF, EYES, GRAY, SCALP, SPONGY, TISSUES, WHITE, settle
from colin27_steps import Volume, brain_core, canal_mask, head_mask, intracranial_mask, skull_mask
from numpy.typing import NDArray

INPUTS = ("ch2.nii.gz", "ch2bet.nii.gz")
# The head runs on beyond the volume's edges: repeat the last slices so that no step sees an end there. The lowest 12 go
# again (the neck takes their place), the rest stays: room for the caps of cheeks, ears and nose.
PAD = ((6, 6), (4, 8), (12, 4))

# Picture of a step: the masks outlined in it and the cuts (axis, mm).
STEP_PICTURES = {
    "1-head": (("head",), ((2, -60), (1, -20), (0, 0))),
    "2-core": (("core",), ((2, -50), (1, -60), (0, 20))),
    "3-inside": (("inside", "core"), ((2, -34), (1, 10), (0, 0))),
    "4-skull": (("skull", "inside"), ((2, 10), (1, 30), (0, -30))),
    "5-brain": (("white", "gray"), ((2, 8), (1, 2), (0, 26))),
    "6-eyes-air": (("eyes", "air"), ((2, -38), (1, -30), (0, 8))),
    "7-bone": (("bone", "spongy"), ((2, -58), (1, 50), (0, 0))),
}
RESULT_CUTS = ((2, -38), (2, 40), (1, -30), (0, 4))
SHEETS = {
    "axial": (2, range(-130, 101, 10)),
    "coronal": (1, range(90, -121, -10)),
    "sagittal": (0, range(-90, 91, 10)),
}


def read_templates(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """The T1, its brain mask and their affine."""
    whole, brain = (nibabel.load(folder / name) for name in INPUTS)
    if whole.shape != brain.shape or not np.array_equal(whole.affine, brain.affine):
        raise SystemExit(f"{folder}: ch2 and ch2bet are not on the same grid")
    return np.asarray(whole.dataobj, np.float32), np.asarray(brain.dataobj) > 0, whole.affine


def masks_of(t1: Volume, bet: Mask, grid_mm: tuple[Volume, Volume, Volume]) -> dict[str, Mask]:
    """All steps on the padded volume, by name, in the order in which they are made."""
    z_mm = grid_mm[2]
    head = rounded_caps(head_mask(t1), PAD)
    core = brain_core(t1, bet, grid_mm[1], z_mm)
    inside = intracranial_mask(t1, core, canal_mask(t1, core, z_mm), grid_mm)
    skull = skull_mask(t1, head, inside, z_mm)
    white, gray = brain_masks(t1, inside, core, grid_mm)
    eyes = eye_mask(t1, head, skull)
    air = air_mask(t1, head, inside, grid_mm)
    bone = skull | cavity_walls(t1, air, head)
    bone |= face_bone_mask(t1, head, dilate(eyes, 3.0) | inside | air | bone, grid_mm[1])
    # Soft tissue shut in by bone is marrow.
    soft = head & ~(bone | air | eyes | inside)
    bone |= soft & ~largest(soft)
    spongy = spongy_mask(t1, bone & ~(inside | air | eyes))
    return {
        **{"head": head, "core": core, "inside": inside, "skull": skull, "white": white, "gray": gray},
        **{"eyes": eyes, "air": air, "bone": bone, "spongy": spongy},
    }


def labels_of(masks: dict[str, Mask]) -> NDArray[np.uint8]:
    """Paint the tissues over one another, the strongest claim last."""
    labels = np.where(masks["head"] | masks["bone"] | masks["inside"], np.uint8(SCALP), np.uint8(0))
    for label, name in (
        *((COMPACT, "bone"), (SPONGY, "spongy"), (AIR, "air"), (EYES, "eyes")),
        *((CSF, "inside"), (GRAY, "gray"), (WHITE, "white")),
    ):
        labels[masks[name]] = label
    return labels


def with_neck(labels: NDArray[np.uint8], xy_mm: tuple[Volume, Volume]) -> NDArray[np.uint8]:
    """The neck below the lowest slice, then the specks settled in one go."""
    cut = labels[:, :, 0]
    section = Section(
        head=cut > 0,
        canal=np.isin(cut, (CSF, WHITE, GRAY)),
        cord=np.isin(cut, (WHITE, GRAY)),
        air=cut == AIR,
        bone=np.isin(cut, (COMPACT, SPONGY)),
    )
    below = neck(section, xy_mm, {name: label for label, name in TISSUES.items()})
    return settle(np.concatenate([below, labels], axis=2))


def shifted(affine: NDArray[np.float64], voxels: tuple[int, int, int]) -> NDArray[np.float64]:
    """The affine of a grid that starts that many voxels away."""
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ voxels + affine[:3, 3]
    return moved


def write_labels(path: Path, labels: NDArray[np.uint8], affine: NDArray[np.float64]) -> None:
    """Write NIfTI-1, gzip without a time stamp so that the bytes are reproducible."""
    image = nibabel.Nifti1Image(labels, affine)
    image.set_data_dtype(np.uint8)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="mni")
    image.set_qform(affine, code="mni")
    image.header["descrip"] = b"Colin27: 1WM 2GM 3CSF 5scalp 6eyes 7compact 8spongy 20air"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=9, mtime=0))
    names = json.dumps({str(label): name for label, name in TISSUES.items()}, indent=2)
    path.with_name("labels.json").write_text(names + "\n", encoding="utf-8")


def report(arguments: argparse.Namespace, labels: NDArray[np.uint8], affine: NDArray[np.float64]) -> None:
    """Print what the README beside the labels quotes."""
    for path in (*(arguments.templates / name for name in INPUTS), arguments.out):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name} ({path.stat().st_size} bytes)")
    for label, name in TISSUES.items():
        print(f"{label} {name}: {(labels == label).sum() / 1000:.1f} ml")
    if arguments.measure:
        for name, value in site_distances_mm(labels, affine).items():
            print(f"{name}: {value:+.1f} mm from the scalp")
        for name in THICKNESS_SITES:
            layers = ", ".join(f"{tissue} {value:.1f}" for tissue, value in thickness_mm(labels, affine, name).items())
            print(f"{name}: {layers} mm")


def draw(folder: Path, canvas: Canvas, masks: dict[str, Mask], labels: NDArray[np.uint8]) -> None:
    """The pictures of docs/colin27: one per step, then the result."""
    below = ((0, 0), (0, 0), (NECK_MM - PAD[2][0], 0))
    wide = {name: np.pad(mask, below) for name, mask in masks.items()}
    for name, (shown, cuts) in STEP_PICTURES.items():
        draw_outlines(canvas, {mask: wide[mask] for mask in shown}, cuts, folder / f"{name}.png")
    draw_labels(canvas, labels, RESULT_CUTS, folder / "result.png", columns=2)
    for name, (axis, positions_mm) in SHEETS.items():
        draw_labels(canvas, labels, [(axis, mm) for mm in positions_mm], folder / f"{name}.png", columns=6)


def main(argv: list[str] | None = None) -> int:
    """Read, segment, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--templates", type=Path, default=Path("/usr/share/mricron/templates"))
    parser.add_argument("--out", type=Path, required=True, help="labels.nii.gz; labels.json is written beside it")
    parser.add_argument("--figures", type=Path, help="folder for pictures of every step")
    parser.add_argument("--measure", action="store_true", help="print site distances and thicknesses (needs mne)")
    arguments = parser.parse_args(argv)
    t1, bet, affine = read_templates(arguments.templates)
    padded, padded_bet = np.pad(t1, PAD, mode="edge"), np.pad(bet, PAD)
    first_mm = affine[:3, 3] - [before for before, _ in PAD]
    grid_mm = np.ogrid[tuple(slice(c, c + n) for c, n in zip(first_mm, padded.shape, strict=True))]
    masks = masks_of(padded, padded_bet, grid_mm)
    labels = with_neck(labels_of(masks)[:, :, PAD[2][0] :], grid_mm[:2])
    grown = shifted(affine, (-PAD[0][0], -PAD[1][0], -NECK_MM))
    write_labels(arguments.out, labels, grown)
    if arguments.figures:
        draw(arguments.figures, on_label_grid(t1, affine, labels.shape, grown), masks, labels)
    report(arguments, labels, grown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
