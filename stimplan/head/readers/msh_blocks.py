"""Version 4.1 of the format: entities, and blocks of nodes and of elements that belong to one of them each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
from numpy.typing import DTypeLike, NDArray

from stimplan.head.readers.msh_elements import Elements
from stimplan.head.readers.msh_format import NODES_OF_TYPE, whole_values
from stimplan.head.readers.msh_source import Source

# A head has a dozen volumes and as many surfaces; this only bounds the time a damaged file can take.
MAX_ENTITIES = 100_000


@attrs.define(eq=False)
class _Numbers:
    """Numbers of one section one after the other, the same way from text and from bytes."""

    source: Source
    flat: NDArray[Any] | None
    at: int = 0

    def take(self, dtype: DTypeLike, count: int, what: str) -> NDArray[Any]:
        if self.flat is None:
            return self.source.take(dtype, count, what)
        if count > len(self.flat) - self.at:
            self.source.fail(
                f"says {count} {what}, but only {len(self.flat) - self.at} numbers follow: the file is cut off or the "
                "count is wrong"
            )
        values = self.flat[self.at : self.at + count]
        self.at += count
        return values

    def ints(self, count: int, what: str) -> list[int]:
        return [int(value) for value in whole_values(self.take(np.int32, count, what), self.source, what)]

    def size(self, what: str) -> int:
        """One count, not negative."""
        value = self.take(np.uint64, 1, what)[0]
        if not 0 <= value <= 2**62 or value != int(value):
            self.source.fail(f"{what} {value!s}: expected a count")
        return int(value)

    def end(self, content: str) -> None:
        """Refuse what is left over, then close the section."""
        if self.flat is not None and self.at != len(self.flat):
            self.source.fail(f"holds {len(self.flat) - self.at} numbers more than {content}: a count is wrong")
        self.source.close_section(content)


def _numbers(source: Source, dtype: DTypeLike) -> _Numbers:
    if source.is_binary:
        return _Numbers(source, None)
    wanted = np.dtype(dtype)
    if wanted.kind == "f":
        pieces = list(source.numbers(wanted))
    else:  # read as 64 bits, so that what does not fit 32 is noticed
        pieces = [whole_values(piece, source, "the number") for piece in source.numbers(np.int64)]
    return _Numbers(source, np.concatenate(pieces) if pieces else np.zeros(0, wanted))


def read_entities(source: Source) -> dict[tuple[int, int], tuple[int, ...]]:
    """Read $Entities: (dimension, tag) -> physical tags."""
    numbers = _numbers(source, np.float64)
    counts = [numbers.size(f"number of {what}") for what in ("points", "curves", "surfaces", "volumes")]
    if sum(counts) > MAX_ENTITIES:
        source.fail(f"says {sum(counts)} entities; at most {MAX_ENTITIES} are read, a head has some tens")
    physical = {}
    for dimension, count in enumerate(counts):
        for _ in range(count):
            (tag,) = numbers.ints(1, "entity tags")
            numbers.take(np.float64, 6 if dimension else 3, "coordinates of an entity")
            physical[dimension, tag] = tuple(numbers.ints(numbers.size("number of physical tags"), "physical tags"))
            if dimension:
                numbers.take(np.int32, numbers.size("number of bounding entities"), "bounding entities")
    numbers.end(f"{sum(counts)} entities")
    return physical


def _blocks(numbers: _Numbers, what: str) -> Iterator[tuple[list[int], int]]:
    """The head of each block: its three numbers, and how many nodes or elements it has."""
    source = numbers.source
    blocks, total = numbers.size("number of blocks"), numbers.size(f"number of {what}")
    numbers.take(np.uint64, 2, f"bounds of the {what}' numbers")
    if blocks > MAX_ENTITIES:
        source.fail(f"says {blocks} blocks of {what}; at most {MAX_ENTITIES} are read, a head has some tens")
    found = 0
    for _ in range(blocks):
        head = numbers.ints(3, "numbers at the start of a block")
        count = numbers.size(f"number of {what} in a block")
        found += count
        yield head, count
    if found != total:
        source.fail(f"says {total} {what}, but its blocks hold {found}")
    numbers.end(f"{found} {what}")


def read_node_blocks(source: Source) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Read $Nodes of version 4.1: numbers (n,) and coordinates (n, 3)."""
    tags, points = [np.zeros(0, np.int32)], [np.zeros((0, 3))]
    numbers = _numbers(source, np.float64)
    for (dimension, _, is_parametric), count in _blocks(numbers, "nodes"):
        if is_parametric not in (0, 1) or not 0 <= dimension <= 3:
            source.fail(f"a block of nodes of dimension {dimension}, parametric {is_parametric}: the file is damaged")
        width = 3 + (dimension if is_parametric else 0)
        tags.append(whole_values(numbers.take(np.uint64, count, "node numbers"), source, "node number"))
        values = numbers.take(np.float64, width * count, "coordinates")
        points.append(values.reshape(count, width)[:, :3].astype(np.float64))
    return np.concatenate(tags), np.concatenate(points)


def read_element_blocks(source: Source, entities: dict[tuple[int, int], tuple[int, ...]]) -> Elements:
    """Read $Elements of version 4.1; an element's tag is its entity's physical tag."""
    elements = Elements()
    numbers = _numbers(source, np.int32)
    for (dimension, entity, kind), count in _blocks(numbers, "elements"):
        if kind not in NODES_OF_TYPE:
            source.fail(f"elements of type {kind}, which the format does not have: the file is damaged")
        width = 1 + NODES_OF_TYPE[kind]
        rows = numbers.take(np.uint64, width * count, "numbers of elements").reshape(count, width)
        if elements.wants(kind):
            rows = whole_values(rows, source, "number")
        physical = entities.get((dimension, entity), ())
        if dimension == 3 and len(physical) > 1 and count:
            source.fail(f"volume {entity} belongs to {len(physical)} physical groups {physical[:5]}; it can have one")
        tags = np.broadcast_to(np.int32(physical[0] if physical else 0), count)
        elements.add(kind, rows, tags=tags, elementary=np.broadcast_to(np.int32(entity), count))
    return elements
