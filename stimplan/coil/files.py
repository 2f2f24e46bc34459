"""What the coil file formats share: text of a file with the reasons it cannot be read, and files written whole."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import CoilError, Problem, naming
from stimplan.values import digest

Array = NDArray[np.float64]

# The largest coil file seen has 15 MB (a grid).
MAX_BYTES = 256_000_000
# Nothing of a coil that a person can hold is farther from its middle.
FARTHEST_M = 1.0


def read_text(path: Path) -> str:
    """Text of a coil file.

    Raises
    ------
    CoilError
        No such file, a folder, too large, not UTF-8.
    """
    return decoded(read_raw(path), path.name)


def read_raw(path: Path) -> bytes:
    """Bytes of a coil file; raises as `read_text` does."""
    what = ""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "this is a folder, a pipe or a device; expected a coil file"
        elif status.st_size > MAX_BYTES:
            what = f"the file has {status.st_size} bytes; coil files have at most {MAX_BYTES}"
        else:
            return path.read_bytes()
    except FileNotFoundError:
        what = "there is no such file"
    except (OSError, ValueError) as error:
        what = f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
    raise CoilError(Problem("", what, path.name))


def decoded(data: bytes, name: str) -> str:
    """Bytes as UTF-8 text."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CoilError(Problem("", f"byte {error.start} is not UTF-8 text", name)) from None


def provenance_of(path: Path, data: bytes) -> dict[str, str]:
    """Name and SHA-256 of the file a coil was read from."""
    return {"file": path.name, "sha256": digest(data)}


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one go: whatever happens, there is the whole file or the one that was there before."""
    with naming(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            part.chmod(0o644)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def place_problem(positions_m: Array, expected: str) -> str:
    """Why positions cannot be those of a coil in the unit of the format, or ""."""
    far = float(np.abs(positions_m).max(initial=0.0))
    if far > FARTHEST_M:
        return f"an element is {far:.4g} m from the coil's middle; are the positions in {expected}, as the format says?"
    if len(positions_m) > 1 and float(np.ptp(positions_m, axis=0).max()) < 1e-3:
        return f"all {len(positions_m)} elements lie within 1 mm; are the positions in {expected}, as the format says?"
    return ""
