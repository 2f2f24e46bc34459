"""Random damage to volume files: whatever happens, it is a HeadError or a head, and nothing else.

`python tests/test_head_volume_fuzz.py SECONDS` goes on for longer.
"""

from __future__ import annotations

import gzip
import struct
import sys
import tempfile
import time
import warnings
from pathlib import Path

import nibabel
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stimplan.errors import HeadError
from stimplan.head.readers import ReadOptions, read_head

SIDE = 36
HEADER_BYTES = 352


def small_volume(kind: str) -> bytes:
    """A box in a box, as a file: quick to read, and large enough to pass for a head's field of view."""
    labels = np.zeros((SIDE, SIDE, SIDE), dtype=np.uint8)
    for margin, label in ((2, 5), (5, 4), (8, 3), (9, 2), (12, 1)):
        labels[margin:-margin, margin:-margin, margin:-margin] = label
    affine = np.diag([3.0, 3, 3, 1])
    if kind == "mgh":
        return nibabel.MGHImage(labels, affine).to_bytes()
    image = (nibabel.Nifti2Image if kind == "nifti2" else nibabel.Nifti1Image)(labels, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm")
    return image.to_bytes()


SOUND = {kind: small_volume(kind) for kind in ("nifti1", "nifti2", "mgh")}
_NAMES = {"nifti1": "a.nii", "nifti2": "a.nii", "mgh": "a.mgz"}


def read_damaged(data: bytes, name: str, folder: Path) -> str:
    """ "refused" or "read"; anything else is raised."""
    path = folder / name
    path.write_bytes(data)
    try:
        read_head(path, ReadOptions(labels="simnibs"))
    except HeadError as error:
        assert str(error)
        assert all(problem.what for problem in error.problems)
        return "refused"
    return "read"


@st.composite
def damages(draw):
    """A file with some bytes changed, mostly in its header, then cut or not, compressed or not, and changed again."""
    kind = draw(st.sampled_from(sorted(SOUND)))
    data = bytearray(SOUND[kind])
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, HEADER_BYTES - 1))
        data[at] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        at = 4 * draw(st.integers(0, HEADER_BYTES // 4 - 2))
        value = draw(st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 0.0, 1e38, 1e-38]))
        data[at : at + 4] = struct.pack("<f", value)
    if draw(st.integers(0, 3)) == 0:
        data = data[: draw(st.integers(0, len(data)))]
    packed = bytes(data)
    if draw(st.booleans()):
        packed = gzip.compress(packed, 1, mtime=0)
        if draw(st.booleans()):
            changed = bytearray(packed)
            changed[draw(st.integers(0, len(changed) - 1))] ^= 1 << draw(st.integers(0, 7))
            packed = bytes(changed[: draw(st.integers(0, len(changed)))]) if draw(st.booleans()) else bytes(changed)
    return packed, _NAMES[kind]


@settings(max_examples=150, deadline=None)
@given(damages())
def test_a_damaged_volume_is_refused_or_read_and_nothing_else(damaged):
    data, name = damaged
    with tempfile.TemporaryDirectory() as folder:
        read_damaged(data, name, Path(folder))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2000), st.sampled_from(["a.nii", "a.nii.gz", "a.mgz", "a.hdr"]))
def test_random_bytes_are_refused(data, name):
    with tempfile.TemporaryDirectory() as folder:
        assert read_damaged(data, name, Path(folder)) == "refused"


def main(seconds: float) -> None:
    """Damage files at random for so long; every exception that is no HeadError ends it."""
    rng = np.random.default_rng(int(time.time()))
    counts = {"refused": 0, "read": 0}
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            kind = str(rng.choice(sorted(SOUND)))
            data = np.frombuffer(SOUND[kind], dtype=np.uint8).copy()
            for _ in range(rng.integers(0, 6)):
                data[rng.integers(0, HEADER_BYTES if rng.random() < 0.9 else len(data))] = rng.integers(0, 256)
            if rng.random() < 0.3:
                at = 4 * int(rng.integers(0, HEADER_BYTES // 4 - 2))
                value = rng.choice([np.nan, np.inf, -1.0, 0.0, 1e38, 1e-38])
                data[at : at + 4] = np.frombuffer(struct.pack("<f", value), dtype=np.uint8)
            packed = data.tobytes()[: int(rng.integers(0, len(data))) if rng.random() < 0.1 else None]
            if rng.random() < 0.4:
                changed = bytearray(gzip.compress(packed, 1))
                for _ in range(rng.integers(0, 3)):
                    changed[rng.integers(0, len(changed))] ^= 1 << int(rng.integers(0, 8))
                packed = bytes(changed)
            try:
                counts[read_damaged(packed, _NAMES[kind], Path(folder))] += 1
            except BaseException:
                Path(tempfile.gettempdir(), "volume_fuzz_case.bin").write_bytes(packed)
                raise
    sys.stdout.write(f"{sum(counts.values())} files: {counts}\n")


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
