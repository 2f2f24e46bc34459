"""Nodes and elements of version 2 of the format, and the elements that are kept."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.readers.msh_format import NODES_OF_TYPE, TETRAHEDRON, TRIANGLE, skipped_name, whole_values
from stimplan.head.readers.msh_source import Source

# Elements of one type follow one another; this only bounds the time a damaged file can take.
MAX_CHANGES = 100_000
# Physical tag, elementary tag, and partitions.
_MAX_TAGS = 1000

_INT = np.dtype(np.int32)


@attrs.frozen(eq=False)
class Cells:
    """Elements of one type: `numbers`, `tags` and `elementary` tags (k,), and their `nodes` (k, c) by node number."""

    numbers: NDArray[np.int32]
    tags: NDArray[np.int32]
    elementary: NDArray[np.int32]
    nodes: NDArray[np.int32]


@attrs.define(eq=False)
class Elements:
    """Tetrahedra and triangles as they come, and how many of other types there are."""

    parts: dict[int, list[Cells]] = attrs.field(factory=lambda: {TRIANGLE: [], TETRAHEDRON: []})
    others: Counter[int] = attrs.field(factory=Counter)

    def wants(self, kind: int) -> bool:
        """Whether elements of this type are kept."""
        return kind in self.parts

    def add(self, kind: int, rows: NDArray[Any], *, tags: NDArray[Any], elementary: NDArray[Any]) -> None:
        """Keep elements, or count them: `rows` has the number first and the nodes last."""
        if not self.wants(kind):
            self.others[kind] += len(rows)
            return
        number, tag, entity = (np.array(values, dtype=_INT) for values in (rows[:, 0], tags, elementary))
        nodes = np.array(rows[:, -NODES_OF_TYPE[kind] :], dtype=_INT, order="C")
        self.parts[kind].append(Cells(number, tag, entity, nodes))

    def cells(self, kind: int) -> Cells:
        """All elements of a type, in the order of their numbers."""
        empty = np.zeros(0, _INT)
        parts = [Cells(empty, empty, empty, np.zeros((0, NODES_OF_TYPE[kind]), _INT)), *self.parts[kind]]
        self.parts[kind] = []
        cells = Cells(
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.tags for part in parts]),
            np.concatenate([part.elementary for part in parts]),
            np.concatenate([part.nodes for part in parts]),
        )
        if (cells.numbers[1:] >= cells.numbers[:-1]).all():
            return cells
        order = np.argsort(cells.numbers, kind="stable")
        return Cells(cells.numbers[order], cells.tags[order], cells.elementary[order], cells.nodes[order])

    def skipped(self) -> dict[str, int]:
        """Elements that were left out, by what they are called."""
        counts: Counter[str] = Counter()
        for kind, count in self.others.items():
            counts[skipped_name(kind)] += count
        return dict(counts)


def read_nodes(source: Source) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Read $Nodes of version 2: numbers (n,) and coordinates (n, 3)."""
    count = source.whole("the number of nodes")
    if source.is_binary:
        record = np.dtype([("number", np.int32), ("at", np.float64, 3)])
        values = source.take(record, count, "nodes")
        numbers, points = values["number"].astype(np.int32), values["at"].astype(np.float64)
    else:
        source.need(count, len("1 0 0 0 "), "nodes")
        flat = np.zeros(4 * count)
        found = 0
        for piece in source.numbers(np.float64):
            kept = flat[found : found + len(piece)]
            kept[:] = piece[: len(kept)]
            found += len(piece)
        if found != 4 * count:
            source.fail(f"says {count} nodes, which are {4 * count} numbers, but holds {found}: the count is wrong")
        table = flat.reshape(count, 4)
        numbers, points = whole_values(table[:, 0], source, "node number"), table[:, 1:].copy()
    source.close_section(f"{count} nodes")
    return numbers, points


def read_elements(source: Source) -> Elements:
    """Read $Elements of version 2."""
    count = source.whole("the number of elements")
    source.need(count, 8, "elements")
    walk = _Walk(source, count)
    if source.is_binary:
        ints = np.frombuffer(source.data, np.dtype("i4").newbyteorder(source.order), source.left // 4, source.at)
        source.at += 4 * walk.binary(ints)
    else:
        rest = np.zeros(0, np.int64)
        for piece in source.numbers(np.int64):
            flat = np.concatenate([rest, piece])
            rest = flat[walk.text(flat) :]
        if len(rest):
            source.fail(f"the last of its elements is not complete: {rest[:9].tolist()}")
    if walk.found != count:
        source.fail(f"says {count} elements, but holds {walk.found}")
    source.close_section(f"{count} elements")
    return walk.elements


@attrs.define(eq=False)
class _Walk:
    """Goes through elements of mixed types, in runs of the same type."""

    source: Source
    count: int
    elements: Elements = attrs.field(factory=Elements)
    found: int = 0
    changes: int = 0

    def text(self, ints: NDArray[np.int64]) -> int:
        """Take the complete elements (number, type, number of tags, tags, nodes); return how many numbers they are."""
        at, look = 0, 1 << 20
        while len(ints) - at >= 3:
            kind, n_tags = int(ints[at + 1]), int(ints[at + 2])
            width = 3 + n_tags + self._n_nodes(kind, n_tags)
            run = min((len(ints) - at) // width, look)
            if not run:
                break
            table = ints[at : at + run * width].reshape(run, width)
            same = _leading((table[:, 1] == kind) & (table[:, 2] == n_tags))
            self._add(kind, n_tags, whole_values(table[:same], self.source, "number"), first_tag=3)
            at += same * width
            look = self._next_look(run, same)
        return at

    def binary(self, ints: NDArray[np.int32]) -> int:
        """Take all elements: heads (type, elements that follow, number of tags), and (number, tags, nodes) of each."""
        at, look = 0, 1
        while self.found < self.count:
            if len(ints) - at < 3:
                self.source.fail(f"says {self.count} elements, but ends after {self.found}: the file is cut off")
            head = ints[at : at + 3]
            kind, follow, n_tags = (int(value) for value in head)
            width = 1 + n_tags + self._n_nodes(kind, n_tags)
            if not 0 < follow <= self.count - self.found or 3 + follow * width > len(ints) - at:
                self.source.fail(
                    f"a block of {follow} elements after {self.found} of {self.count}: more than there are, so the "
                    "file is cut off or damaged"
                )
            size = 3 + follow * width
            run = max(1, min((len(ints) - at) // size, look, (self.count - self.found) // follow))
            table = ints[at : at + run * size].reshape(run, size)
            same = _leading((table[:, :3] == head).all(axis=1))
            self._add(kind, n_tags, table[:same, 3:].reshape(same * follow, width), first_tag=1)
            at += same * size
            look = self._next_look(run, same)
        return at

    def _n_nodes(self, kind: int, n_tags: int) -> int:
        if kind not in NODES_OF_TYPE:
            self.source.fail(f"an element of type {kind}, which the format does not have: the file is damaged")
        if not 0 <= n_tags <= _MAX_TAGS:
            self.source.fail(f"an element with {n_tags} tags: the file is damaged")
        return NODES_OF_TYPE[kind]

    def _add(self, kind: int, n_tags: int, rows: NDArray[Any], *, first_tag: int) -> None:
        self.found += len(rows)
        if n_tags == 0 and kind == TETRAHEDRON:
            self.source.fail("tetrahedra without a tag: their tissue is not known")
        tags = rows[:, first_tag] if n_tags else np.broadcast_to(np.int32(0), len(rows))
        elementary = rows[:, first_tag + 1] if n_tags > 1 else tags
        self.elements.add(kind, rows, tags=tags, elementary=elementary)

    def _next_look(self, run: int, same: int) -> int:
        """How many elements to look at next: twice what was the same, so that changing often costs little."""
        if same < run:
            self.changes += 1
            if self.changes > MAX_CHANGES:
                self.source.fail(f"the type of the elements changes more than {MAX_CHANGES} times: sort them by type")
        return 2 * same + 16


def _leading(is_same: NDArray[np.bool_]) -> int:
    """How many are true before the first that is not."""
    return len(is_same) if is_same.all() else int(np.argmin(is_same))
