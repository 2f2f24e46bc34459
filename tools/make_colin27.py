"""Make the template head's label volume from the Colin27 T1 (Debian package mricron-data).

    python tools/make_colin27.py --templates /usr/share/mricron/templates --out stimplan/head/colin27/labels.nii.gz

Only whoever rebuilds the template needs that package; the program ships the label volume.
The same inputs and library versions give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

import nibabel
import numpy as np
from colin27_steps import (
    assemble,
    gray_matter_mask,
    head_mask,
    intracranial_mask,
    skull_mask,
    white_matter_mask,
)
from numpy.typing import NDArray

# The head runs on beyond the volume's lower edge: repeat the last slice so that no step sees an end there.
PAD = ((4, 4), (4, 4), (12, 4))


def read_templates(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """The T1, its brain mask and their affine."""
    whole, brain = (nibabel.load(folder / name) for name in ("ch2.nii.gz", "ch2bet.nii.gz"))
    if whole.shape != brain.shape or not np.array_equal(whole.affine, brain.affine):
        raise SystemExit(f"{folder}: ch2 and ch2bet are not on the same grid")
    return np.asarray(whole.dataobj, np.float32), np.asarray(brain.dataobj) > 0, whole.affine


def segment(t1: NDArray[np.float32], bet: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.uint8]:
    """All steps, outermost first, on the padded volume."""
    t1, bet = np.pad(t1, PAD, mode="edge"), np.pad(bet, PAD)
    first = affine[:3, 3] - [before for before, _ in PAD]
    x_mm = (first[0] + np.arange(t1.shape[0], dtype=np.float32))[:, None, None]
    z_mm = (first[2] + np.arange(t1.shape[2], dtype=np.float32))[None, None, :]
    head = head_mask(t1)
    inside = intracranial_mask(t1, bet, x_mm, z_mm)
    skull = skull_mask(t1, head, inside)
    white = white_matter_mask(t1, inside)
    gray = gray_matter_mask(t1, inside, white)
    labels = assemble(head, skull, inside, white, gray)
    return labels[tuple(slice(before, -after) for before, after in PAD)]


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


def main(argv: list[str] | None = None) -> int:
    """Read, segment, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--templates", type=Path, default=Path("/usr/share/mricron/templates"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    t1, bet, affine = read_templates(arguments.templates)
    labels = segment(t1, bet, affine)
    write_labels(arguments.out, labels, affine)
    print(
        f"{arguments.out}: {arguments.out.stat().st_size} bytes, ml per label {np.bincount(labels.ravel())[1:] / 1000}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
