"""A small head made of ellipsoids, as label volumes and the folders that programs write; and ways to break them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np

VOXEL_MM = 2.5
SHAPE = (76, 92, 96)
# Where voxel (0, 0, 0) is, mm: the middle of the brain is near the origin.
ORIGIN_MM = (-94.0, -112.0, -142.0)
AFFINE = np.array(
    [[VOXEL_MM, 0, 0, ORIGIN_MM[0]], [0, VOXEL_MM, 0, ORIGIN_MM[1]], [0, 0, VOXEL_MM, ORIGIN_MM[2]], [0, 0, 0, 1]]
)
# Half axes of the layers, mm: white matter, grey matter, CSF, bone, scalp.
_AXES = {5: (80, 98, 88), 4: (72, 90, 80), 3: (65, 82, 72), 2: (61, 78, 68), 1: (50, 66, 56)}


def toy_labels() -> np.ndarray:
    """(i, j, k) uint8: 1 white, 2 grey, 3 CSF, 4 bone, 5 scalp, with a neck below and a face in front."""
    x, y, z = np.moveaxis(np.stack(np.meshgrid(*[np.arange(side) for side in SHAPE], indexing="ij"), -1), -1, 0)
    x, y, z = (VOXEL_MM * grid + start for grid, start in zip((x, y, z), ORIGIN_MM, strict=True))
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[((x / 55) ** 2 + ((y + 5) / 60) ** 2 < 1) & (z < -30)] = 5  # the neck
    labels[((x / 50) ** 2 + ((y - 62) / 46) ** 2 + ((z + 50) / 45) ** 2) < 1] = 5  # the face
    for label, (a, b, c) in _AXES.items():
        labels[(x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 < 1] = label
    # The base of the skull rises to the front: below it there is no brain, and the cerebellum is behind.
    labels[(labels > 0) & (labels < 4) & (z < -35 + 0.4 * y)] = 4
    return labels


def toy_image(labels: np.ndarray | None = None, affine: np.ndarray = AFFINE) -> nibabel.Nifti1Image:
    """The toy head as a NIfTI image with a header that says everything and agrees with itself."""
    image = nibabel.Nifti1Image(toy_labels() if labels is None else labels, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm")
    return image


def saved(image: nibabel.Nifti1Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)
    return path


def patched(path: Path, offset: int, data: bytes) -> Path:
    """Bytes of an (uncompressed) header overwritten."""
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(bytes(content))
    return path


def gzipped(path: Path) -> Path:
    out = path.with_name(path.name + ".gz")
    out.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    return out


def mapping_file(path: Path, **changes: object) -> Path:
    tree = {
        "schema_version": 1, "title": "toy", "source": "a test",
        "tissues": {"1": "white_matter", "2": "gray_matter", "3": "csf", "4": "bone", "5": "scalp"},
    }  # fmt: skip
    path.write_text(json.dumps({**tree, **changes}))
    return path


def toy_fiducials(path: Path) -> Path:
    """Nasion, inion and the ears of the toy head, as a table of SimNIBS."""
    rows = ["Fiducial,0,98,-18,Nz", "Fiducial,0,-96,-18,Iz", "Fiducial,-78,0,-18,LPA", "Fiducial,78,0,-18,RPA"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path
