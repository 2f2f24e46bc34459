"""Make the template head's label volume from the Colin27 T1 (Debian package mricron-data).

    python tools/make_colin27.py --out stimplan/head/colin27/labels.nii.gz --figures docs/colin27 --measure

Only whoever rebuilds the template needs that package; the program ships the label volume.
The same inputs and library versions give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
from pathlib import Path

import nibabel
import numpy as np
from colin27_brain import brain_masks
from colin27_face import air_mask, cavity_walls, eye_mask
from colin27_figures import draw_overlays
from colin27_measure import THICKNESS_SITES, site_distances_mm, thickness_mm
from colin27_morphology import Mask, largest, without_specks
from colin27_steps import Volume, brain_core, canal_mask, head_mask, intracranial_mask, skull_mask
from numpy.typing import NDArray

INPUTS = ("ch2.nii.gz", "ch2bet.nii.gz")
WHITE, GRAY, CSF, BONE, SCALP, EYES = range(1, 7)
SPECK_VOXELS = 50

# The head runs on beyond the volume's lower edge: repeat the last slice so that no step sees an end there.
PAD = ((4, 4), (4, 4), (12, 4))


def read_templates(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """The T1, its brain mask and their affine."""
    whole, brain = (nibabel.load(folder / name) for name in INPUTS)
    if whole.shape != brain.shape or not np.array_equal(whole.affine, brain.affine):
        raise SystemExit(f"{folder}: ch2 and ch2bet are not on the same grid")
    return np.asarray(whole.dataobj, np.float32), np.asarray(brain.dataobj) > 0, whole.affine


def segment(t1: Volume, bet: Mask, affine: NDArray[np.float64]) -> NDArray[np.uint8]:
    """All steps on the padded volume."""
    t1, bet = np.pad(t1, PAD, mode="edge"), np.pad(bet, PAD)
    first_mm = affine[:3, 3] - [before for before, _ in PAD]
    x_mm, y_mm, z_mm = grid_mm = np.ogrid[tuple(slice(c, c + n) for c, n in zip(first_mm, t1.shape, strict=True))]
    head = head_mask(t1)
    core = brain_core(t1, bet, y_mm, z_mm)
    inside = intracranial_mask(t1, core, canal_mask(t1, core, z_mm), x_mm, z_mm)
    skull = skull_mask(t1, head, inside, z_mm)
    white, gray = brain_masks(t1, inside, core, grid_mm)
    eyes = eye_mask(t1, head, skull)
    air = air_mask(t1, head, inside, y_mm)
    bone = ((skull | air | cavity_walls(t1, air, head)) & ~inside) & ~eyes
    labels = assemble(head, {BONE: bone, EYES: eyes, CSF: inside, GRAY: gray, WHITE: white})
    return labels[tuple(slice(before, -after) for before, after in PAD)]


def assemble(head: Mask, tissues: dict[int, Mask]) -> NDArray[np.uint8]:
    """Paint the tissues over the soft tissue in the given order, then settle the specks between bone and scalp."""
    labels = np.where(head | tissues[BONE] | tissues[CSF], np.uint8(SCALP), np.uint8(0))
    for label, mask in tissues.items():
        labels[mask] = label
    bone = labels == BONE
    labels[bone & ~without_specks(bone, SPECK_VOXELS)] = SCALP
    # Soft tissue shut in by bone is marrow or a nerve canal: a thin bright core inside the skull counts as bone.
    scalp = labels == SCALP
    labels[scalp & ~largest(scalp)] = BONE
    return labels


def write_labels(path: Path, labels: NDArray[np.uint8], affine: NDArray[np.float64]) -> None:
    """Write NIfTI-1, gzip without a time stamp so that the bytes are reproducible."""
    image = nibabel.Nifti1Image(labels, affine)
    image.set_data_dtype(np.uint8)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="mni")
    image.set_qform(affine, code="mni")
    image.header["descrip"] = b"Colin27 labels: 1 WM 2 GM 3 CSF 4 bone 5 scalp 6 eyes"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=9, mtime=0))


def report(arguments: argparse.Namespace, labels: NDArray[np.uint8], affine: NDArray[np.float64]) -> None:
    """Print what the README beside the labels quotes."""
    for path in (*(arguments.templates / name for name in INPUTS), arguments.out):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name} ({path.stat().st_size} bytes)")
    for label, ml in enumerate(np.bincount(labels.ravel())[1:] / 1000, start=1):
        print(f"label {label}: {ml:.1f} ml")
    if arguments.measure:
        for name, value in site_distances_mm(labels, affine).items():
            print(f"{name}: {value:+.1f} mm from the scalp")
        for name in THICKNESS_SITES:
            layers = ", ".join(f"{tissue} {value:.1f}" for tissue, value in thickness_mm(labels, affine, name).items())
            print(f"{name}: {layers} mm")


def main(argv: list[str] | None = None) -> int:
    """Read, segment, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--templates", type=Path, default=Path("/usr/share/mricron/templates"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figures", type=Path, help="folder for overlay pictures")
    parser.add_argument("--measure", action="store_true", help="print site distances and thicknesses (needs mne)")
    arguments = parser.parse_args(argv)
    t1, bet, affine = read_templates(arguments.templates)
    labels = segment(t1, bet, affine)
    write_labels(arguments.out, labels, affine)
    if arguments.figures:
        draw_overlays(t1, labels, affine, arguments.figures)
    report(arguments, labels, affine)
    return 0


if __name__ == "__main__":
    sys.exit(main())
