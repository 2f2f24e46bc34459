"""Bytes of a NIfTI or MGH volume -> its header and its numbers; whatever is wrong with the file is said in words.

The file is taken apart here, field by field, because a library that guesses (an axis, a unit, a scale) would hide
exactly the faults that put the left of a head on its right.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.resources import require_ordinary

MAX_VOXELS = 200_000_000
_MAX_BYTES = 4_000_000_000
_EXTRA_BYTES = 64_000_000  # header extensions and whatever a program wrote behind the numbers
_HEADER_BYTES = 544
_NIFTI1, _NIFTI2 = 348, 540


@attrs.frozen(eq=False)
class RawVolume:
    """A volume file as it is, nothing interpreted.

    Attributes
    ----------
    path : Path
    kind : {"nifti", "mgh"}
    header : nibabel header
    shape : tuple of int
    data : bytes
        The whole file, uncompressed.
    """

    path: Path
    kind: str
    header: Any
    shape: tuple[int, ...]
    data: bytes


def read_raw(path: Path) -> RawVolume:
    """Header and bytes of a volume file.

    Raises
    ------
    HeadError
        No such file, a damaged or cut off one, or something that is no volume.
    """
    file = str(path)
    start = _read(path, _HEADER_BYTES)
    if not start:
        raise HeadError(Problem("", "the file is empty (0 bytes)", file=file))
    is_mgh = start[:4] == b"\x00\x00\x00\x01" and path.name.lower().endswith((".mgz", ".mgh", ".mgh.gz"))
    header = _mgh_header(start, file) if is_mgh else _nifti_header(start, file)
    shape = _shape(header, file, is_mgh=is_mgh)
    voxels = math.prod(shape)
    if voxels > MAX_VOXELS:
        what = f"{'×'.join(map(str, shape))} = {voxels:,} voxels; at most {MAX_VOXELS:,} are read: resample to 1 mm"
        raise HeadError(Problem("header dim", what, file=file))
    offset, item = _layout(header, file, is_mgh=is_mgh)
    expected = offset + voxels * item
    data = _read(path, expected + _EXTRA_BYTES)
    if len(data) < expected:
        what = f"cut off: the header promises {expected:,} bytes, the file holds {len(data):,}; copy it again"
        raise HeadError(Problem("", what, file=file))
    return RawVolume(path, "mgh" if is_mgh else "nifti", header, shape, data)


def values_of(raw: RawVolume) -> tuple[NDArray[Any], tuple[float, float] | None]:
    """The numbers of the first three axes, scaled as the header says, and that scale (slope, intercept) or None."""
    file = str(raw.path)
    offset, item = _layout(raw.header, file, is_mgh=raw.kind == "mgh")
    dtype = _dtype(raw.header, file)
    assert item == dtype.itemsize
    shape = raw.shape[:3]
    flat = np.frombuffer(raw.data, dtype=dtype, count=math.prod(shape), offset=offset)
    values = flat.reshape(shape, order="F")
    if raw.kind == "mgh":
        return values, None
    slope, intercept = float(raw.header["scl_slope"]), float(raw.header["scl_inter"])
    # NIfTI: a slope of 0 means that nothing is scaled; some programs write NaN for the same.
    if not math.isfinite(slope) or slope == 0:
        return values, None
    intercept = intercept if math.isfinite(intercept) else 0.0
    if (slope, intercept) == (1.0, 0.0):
        return values, None
    # 32-bit factors: 1/255 is not exact, so the products are rounded to what 24 bits can tell.
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values.astype(np.float64) * slope + intercept
        return scaled.astype(np.float32), (slope, intercept)


def _read(path: Path, most: int) -> bytes:
    """The first bytes of a file, uncompressed; all of it is checked where all of it fits."""
    file = str(path)
    try:
        with require_ordinary(path).open("rb") as plain:
            is_gzip = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            source: Any = gzip.GzipFile(fileobj=plain) if is_gzip else plain
            data: bytes = source.read(min(most, _MAX_BYTES))
            if is_gzip and len(data) < most:
                source.read(1)  # at the end gzip compares its checksum
            return data
    except EOFError:
        what = "the compressed file is cut off before its end; copy or download it again"
    except gzip.BadGzipFile as error:
        is_crc = "crc" in str(error).lower() or "length" in str(error).lower()
        what = (
            "the compressed file is damaged: its checksum (CRC) does not fit; copy or download it again"
            if is_crc
            else f"the compressed file is damaged ({error}); copy or download it again"
        )
    except zlib.error as error:
        what = f"the compressed file is damaged ({error}); copy or download it again"
    except FileNotFoundError:
        what = "there is no such file"
    except IsADirectoryError:
        what = "this is a folder; expected a volume file"
    except PermissionError:
        what = "the file may not be read (permission denied)"
    except ValueError:
        what = "no file can have this name"
    except OSError as error:
        what = f"the file cannot be read: {error.strerror or error}"
    raise HeadError(Problem("", what, file=file))


def _nifti_header(start: bytes, file: str) -> Any:
    """The header, in whichever byte order it was written."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    size = struct.unpack("<i", start[:4])[0] if len(start) >= 4 else 0
    order = "<"
    if size not in (_NIFTI1, _NIFTI2) and len(start) >= 4:
        size, order = struct.unpack(">i", start[:4])[0], ">"
    if size not in (_NIFTI1, _NIFTI2):
        raise HeadError(Problem("", f"not a NIfTI file{_looks_like(start)}", file=file))
    if len(start) < size:
        what = f"cut off: {len(start)} bytes, less than the header's {size}; copy it again"
        raise HeadError(Problem("", what, file=file))
    magic = start[344:348] if size == _NIFTI1 else start[4:8]
    if magic[:3] in (b"ni1", b"ni2"):
        raise HeadError(Problem("", "a pair of .hdr and .img; save it as one .nii or .nii.gz file", file=file))
    if magic[:3] not in (b"n+1", b"n+2"):
        what = "an Analyze 7.5 file, which does not say where left is; save it as NIfTI (.nii.gz)"
        if any(magic):
            what = f"not a NIfTI file: its magic word is {magic!r}, expected b'n+1'"
        raise HeadError(Problem("", what, file=file))
    kind = Nifti1Header if size == _NIFTI1 else Nifti2Header
    return kind(start[:size], endianness=order, check=False)


def _looks_like(start: bytes) -> str:
    """What a file that is no NIfTI seems to be."""
    known = ((b"NRRD", "an NRRD file"), (b"$MeshFormat", "a gmsh mesh"), (b"PK\x03\x04", "a zip archive"),
             (b"\x89HDF", "an HDF5 file"), (b"{", "a JSON file"), (b"<", "an XML or HTML page"),
             (b"\x00\x00\x00\x01", "an MGH file; name it .mgz or .mgh"))  # fmt: skip
    what = next((name for magic, name in known if start.startswith(magic)), "")
    if start[128:132] == b"DICM":
        what = "a DICOM image"
    return f": it looks like {what}" if what else f": it begins with {start[:8]!r}"


def _mgh_header(start: bytes, file: str) -> Any:
    from nibabel.freesurfer.mghformat import MGHHeader

    if len(start) < 284:
        raise HeadError(Problem("", f"cut off: {len(start)} bytes, less than the header's 284", file=file))
    try:
        return MGHHeader(start[:284] + bytes(20), check=False)
    except Exception as error:  # nibabel has a dozen kinds
        raise HeadError(Problem("", f"not a readable MGH file ({error})", file=file)) from None


def _shape(header: Any, file: str, *, is_mgh: bool) -> tuple[int, ...]:
    """The axes as the header has them, ones at the end left out."""
    raw = [int(side) for side in np.atleast_1d(header["dims" if is_mgh else "dim"])]
    sides, axes = (raw, len(raw)) if is_mgh else (raw[1:], raw[0])
    if not 1 <= axes <= 7:
        raise HeadError(Problem("header dim", f"{axes} axes; expected 3", file=file))
    shape = sides[:axes]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    text = "×".join(map(str, shape))
    if any(side < 1 for side in shape):
        raise HeadError(Problem("header dim", f"{text} voxels; every axis needs at least one", file=file))
    if len(shape) > 3:
        what = f"{text} voxels in {len(shape)} axes; expected one volume of labels (probability maps: one file each)"
        raise HeadError(Problem("header dim", what, file=file))
    if len(shape) < 3 or min(shape) < 2:
        raise HeadError(Problem("header dim", f"{text} voxels; this is a slice, expected a volume", file=file))
    return tuple(shape)


def _layout(header: Any, file: str, *, is_mgh: bool) -> tuple[int, int]:
    """Byte where the numbers begin, and bytes a number."""
    item = _dtype(header, file).itemsize
    if is_mgh:
        return 284, item
    offset = float(header["vox_offset"])
    least = int(header["sizeof_hdr"])
    if not math.isfinite(offset) or offset != int(offset) or not least <= offset <= _EXTRA_BYTES:
        raise HeadError(Problem("header vox_offset", f"{offset:g}; expected {least + 4} or more", file=file))
    return int(offset), item


def _dtype(header: Any, file: str) -> np.dtype[Any]:
    """Type of the numbers: integers or real numbers, nothing else."""
    try:
        dtype = header.get_data_dtype()
    except Exception:  # nibabel: KeyError, HeaderDataError and others
        code = header["type" if "type" in header else "datatype"]
        raise HeadError(Problem("header datatype", f"{code} is no type of NIfTI", file=file)) from None
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        what = f"the numbers are {dtype}; expected integers (colours and complex numbers are no labels)"
        raise HeadError(Problem("header datatype", what, file=file))
    return np.dtype(dtype)
