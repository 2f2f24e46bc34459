"""The sections of a .msh file, written: both versions, text and binary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.readers.msh_format import TETRAHEDRON, TRIANGLE

# Rows that are turned into text or bytes at once, so that memory stays bounded.
_PIECE = 1 << 18


@attrs.frozen(eq=False)
class Content:
    """What a file is to hold; node numbers from 0, triangles and tetrahedra with a tag each."""

    points_mm: NDArray[np.float64]
    triangles: NDArray[np.int32]
    triangle_tags: NDArray[np.int32]
    tets: NDArray[np.int32]
    tet_tags: NDArray[np.int32]
    names: Mapping[int, str]
    node_data: Mapping[str, NDArray[np.float64]]
    tet_data: Mapping[str, NDArray[np.float64]]


@attrs.frozen(eq=False)
class Output:
    """Where it goes, as text or as bytes of an order."""

    file: IO[bytes]
    is_binary: bool
    order: str = "<"

    def line(self, *words: object) -> None:
        """One line of text."""
        self.file.write((" ".join(str(word) for word in words) + "\n").encode())

    def values(self, *values: tuple[str, Any]) -> None:
        """A few whole numbers, each with its type in a binary file; one line in a text."""
        if self.is_binary:
            self.file.write(b"".join(np.array(value, self.order + kind).tobytes() for kind, value in values))
        else:
            self.line(*(value for _, value in values))

    def table(self, *columns: tuple[str, NDArray[Any]]) -> None:
        """Rows of numbers: one or more columns of each array, with its type in a binary file."""
        width = [1 if values.ndim == 1 else values.shape[1] for _, values in columns]
        fields = [
            (str(i), self.order + kind, (w,)) for i, ((kind, _), w) in enumerate(zip(columns, width, strict=True))
        ]
        shape = " ".join(
            "%.17g" if kind[0] == "f" else "%d" for (kind, _), w in zip(columns, width, strict=True) for _ in range(w)
        )
        for start in range(0, len(columns[0][1]), _PIECE):
            pieces = [
                values[start : start + _PIECE].reshape(-1, w) for (_, values), w in zip(columns, width, strict=True)
            ]
            if self.is_binary:
                record = np.empty(len(pieces[0]), dtype=fields)
                for i, piece in enumerate(pieces):
                    record[str(i)] = piece
                self.file.write(record.tobytes())
            else:
                rows = zip(*(column for piece in pieces for column in piece.T.tolist()), strict=True)
                self.file.write("".join(f"{shape}\n" % row for row in rows).encode())


def write_content(output: Output, content: Content, version: str) -> None:
    """Write a whole file."""
    output.line("$MeshFormat")
    output.line(version, int(output.is_binary), 8)
    if output.is_binary:
        output.values(("i4", 1))
        output.line()
    output.line("$EndMeshFormat")
    if content.names:
        _section(output, "PhysicalNames", lambda: _names(output, content))
    if version == "4.1":
        _section(output, "Entities", lambda: _entities(output, content))
        _section(output, "Nodes", lambda: _node_block(output, content))
        _section(output, "Elements", lambda: _element_blocks(output, content))
    else:
        _section(output, "Nodes", lambda: _nodes(output, content))
        _section(output, "Elements", lambda: _elements(output, content))
    first_tet = 1 + len(content.triangles)
    for name, values in content.node_data.items():
        _section(output, "NodeData", lambda name=name, values=values: _data(output, name, values, 1))
    for name, values in content.tet_data.items():
        _section(output, "ElementData", lambda name=name, values=values: _data(output, name, values, first_tet))


def _section(output: Output, name: str, write: Any) -> None:
    output.line(f"${name}")
    write()
    if output.is_binary and name != "PhysicalNames":
        output.line()
    output.line(f"$End{name}")


def _names(output: Output, content: Content) -> None:
    output.line(len(content.names))
    for tag, name in sorted(content.names.items()):
        output.line(3, tag, f'"{name}"')


def _nodes(output: Output, content: Content) -> None:
    count = len(content.points_mm)
    output.line(count)
    output.table(("i4", np.arange(1, count + 1)), ("f8", content.points_mm))


def _elements(output: Output, content: Content) -> None:
    first = 1
    output.line(len(content.triangles) + len(content.tets))
    groups = ((TRIANGLE, content.triangles, content.triangle_tags), (TETRAHEDRON, content.tets, content.tet_tags))
    for kind, nodes, tags in groups:
        numbers = np.arange(first, first + len(nodes))
        first += len(nodes)
        own = ("i4", np.stack([tags, tags], axis=1))
        if not output.is_binary:
            head = np.broadcast_to([kind, 2], (len(nodes), 2))
            output.table(("i4", numbers), ("i4", head), own, ("i4", nodes + 1))
        elif len(nodes):
            output.values(("i4", kind), ("i4", len(nodes)), ("i4", 2))
            output.table(("i4", numbers), own, ("i4", nodes + 1))


def _groups(content: Content) -> list[tuple[int, int, NDArray[np.int64], NDArray[np.int32], int]]:
    """Dimension, tag, numbers from 0 of the elements, their nodes, and the number of the first of that dimension."""
    found = []
    of_dimension = (
        (2, content.triangles, content.triangle_tags, 1),
        (3, content.tets, content.tet_tags, 1 + len(content.triangles)),
    )
    for dimension, nodes, tags, first in of_dimension:
        for tag in np.unique(tags).tolist():
            own = np.flatnonzero(tags == tag)
            found.append((dimension, tag, own, nodes[own], first))
    return found


def _entities(output: Output, content: Content) -> None:
    groups = _groups(content)
    counts = [sum(1 for group in groups if group[0] == dimension) for dimension in range(4)]
    output.values(*(("u8", count) for count in counts))
    for _, tag, _, nodes, _ in groups:
        points = content.points_mm[np.unique(nodes)]
        box = [repr(float(value)) if not output.is_binary else value for value in (*points.min(0), *points.max(0))]
        output.values(("i4", tag), *(("f8", value) for value in box), ("u8", 1), ("i4", tag), ("u8", 0))


def _node_block(output: Output, content: Content) -> None:
    count = len(content.points_mm)
    output.values(("u8", 1), ("u8", count), ("u8", 1), ("u8", count))
    dimension, tag = (3, int(content.tet_tags.min())) if len(content.tets) else (2, int(content.triangle_tags.min()))
    output.values(("i4", dimension), ("i4", tag), ("i4", 0), ("u8", count))
    output.table(("u8", np.arange(1, count + 1)))
    output.table(("f8", content.points_mm))


def _element_blocks(output: Output, content: Content) -> None:
    groups = _groups(content)
    count = len(content.triangles) + len(content.tets)
    output.values(("u8", len(groups)), ("u8", count), ("u8", 1), ("u8", count))
    for dimension, tag, own, nodes, first in groups:
        kind = TRIANGLE if dimension == 2 else TETRAHEDRON
        output.values(("i4", dimension), ("i4", tag), ("i4", kind), ("u8", len(own)))
        output.table(("u8", first + own), ("u8", nodes.astype(np.int64) + 1))


def _data(output: Output, name: str, values: NDArray[np.float64], first: int) -> None:
    """A field: a title, a time, and step, components and count, in text; then the numbers."""
    for text in (1, f'"{name}"', 1, 0.0, 3, 0, values.shape[1], len(values)):
        output.line(text)
    output.table(("i4", np.arange(first, first + len(values))), ("f8", values))
