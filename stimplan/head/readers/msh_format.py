"""What gmsh's file format says about a .msh file: its header, element types and physical names.

After the description of the MSH format, versions 2.2 and 4.1, in the reference manual of gmsh (chapter "Gmsh file
formats", https://gmsh.info/doc/texinfo/gmsh.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.readers.msh_source import Source

TRIANGLE, TETRAHEDRON = 2, 4

# Element type -> number of nodes.
NODES_OF_TYPE: Mapping[int, int] = {
    **{1: 2, 2: 3, 3: 4, 4: 4, 5: 8, 6: 6, 7: 5, 8: 3, 9: 6, 10: 9, 11: 10, 12: 27, 13: 18, 14: 14, 15: 1, 16: 8},
    **{17: 20, 18: 15, 19: 13, 20: 9, 21: 10, 22: 12, 23: 15, 24: 15, 25: 21, 26: 4, 27: 5, 28: 6, 29: 20, 30: 35},
    **{31: 56, 92: 64, 93: 125},
}
# Volume elements that are not four-node tetrahedra: leaving them out would leave a hole in the head.
OTHER_VOLUMES: Mapping[int, str] = {
    **{5: "hexahedra", 6: "prisms", 7: "pyramids", 11: "second-order tetrahedra", 12: "second-order hexahedra"},
    **{13: "second-order prisms", 14: "second-order pyramids", 17: "second-order hexahedra"},
    **{18: "second-order prisms", 19: "second-order pyramids", 29: "third-order tetrahedra"},
    **{30: "fourth-order tetrahedra", 31: "fifth-order tetrahedra", 92: "third-order hexahedra"},
    **{93: "fourth-order hexahedra"},
}
# Of the others that can be left out, those with a name.
_SKIPPED: Mapping[int, str] = {1: "lines", 3: "quadrangles", 8: "lines", 9: "second-order triangles", 15: "points"}


def skipped_name(kind: int) -> str:
    """What elements of a type that is left out are called."""
    return _SKIPPED.get(kind, f"elements of type {kind}")


@attrs.frozen
class Header:
    """The first section of the file: `version` is 2 or 4, `text` its version as written."""

    version: int
    text: str


def read_header(source: Source) -> Header:
    """Read $MeshFormat; sets whether the source is binary and its byte order.

    Raises
    ------
    HeadError
        The file does not start as a .msh file does, or is of a version or kind that is not read.
    """
    _first_section(source)
    at = source.at
    words = source.line("the version, file type and data size (such as `2.2 1 8`)").split()
    if len(words) != 3:
        source.fail(
            f"expected version, file type and data size (such as `2.2 1 8`), got {' '.join(words)[:40]!r}", at=at
        )
    version, kind, size = words
    header = _version(source, version, at)
    if kind not in ("0", "1"):
        source.fail(f"file type {kind[:20]!r}: expected 0 (text) or 1 (binary)", at=at)
    if size != "8":
        source.fail(f"data size {size[:20]!r}: only 8 bytes are read; save the mesh with a 64-bit gmsh", at=at)
    if kind == "1":
        source.is_binary = True
        _byte_order(source)
    source.close_section("the header")
    return header


def _first_section(source: Source) -> None:
    start = source.data[:24]
    if b"$MeshFormat".startswith(start):
        source.fail("the file ends in its header: it is cut off; copy or export it again")
    if start.startswith((b"$Nodes", b"$Elements", b"$PhysicalNames", b"$Entities")):
        source.fail(f"starts with {start.split()[0].decode()}, but $MeshFormat has to come first")
    if not start.startswith(b"$MeshFormat"):
        source.fail(f"does not start with $MeshFormat but with {start!r}: it is not a gmsh mesh")
    source.open_section()


def _version(source: Source, version: str, at: int) -> Header:
    if re.fullmatch(r"2(\.[0-2])?", version):
        return Header(2, version)
    if version == "4.1":
        return Header(4, version)
    source.fail(
        f"gmsh file format version {version[:20]!r} is not read, only 2.2 and 4.1; open the mesh in gmsh and save it "
        "as one of these",
        at=at,
    )


def _byte_order(source: Source) -> None:
    """The whole number one follows the header of a binary file: its bytes tell their order."""
    mark = source.data[source.at : source.at + 4]
    if len(mark) < 4:
        source.fail("the file ends in its header: it is cut off; copy or export it again")
    orders: dict[bytes, Literal["<", ">"]] = {b"\x01\x00\x00\x00": "<", b"\x00\x00\x00\x01": ">"}
    if mark not in orders:
        source.fail(
            f"the byte order mark is {mark.hex(' ')}, expected the number one as 01 00 00 00 or 00 00 00 01: the file "
            "is damaged, for instance by a transfer in text mode"
        )
    source.order = orders[mark]
    source.at += 4


def read_names(source: Source) -> dict[tuple[int, int], str]:
    """Read $PhysicalNames, text in every file: (dimension, tag) -> name."""
    count = source.whole("the number of names")
    source.need(count, 6, "names")
    names = {}
    for _ in range(count):
        at = source.at
        text = source.line("a name")
        match = re.fullmatch(r'([0-3])\s+(-?\d{1,10})\s+"(.{0,127})"', text)
        if match is None:
            source.fail(f'expected dimension, tag and "name", got {text[:40]!r}', at=at)
        names[int(match[1]), int(match[2])] = match[3]
    source.close_section(f"{count} names")
    return names


def whole_values(values: NDArray[Any], source: Source, what: str) -> NDArray[np.int32]:
    """Numbers that must be whole and fit 32 bits, as int32."""
    limit = np.iinfo(np.int32).max
    fits = (values <= limit) if values.dtype.kind == "u" else (values >= -limit) & (values <= limit)
    if values.dtype.kind == "f":
        fits &= values == np.round(values)
    if not fits.all():
        source.fail(f"{what} {values[~fits][0]!s}: expected a whole number of at most {limit}")
    return values.astype(np.int32)
