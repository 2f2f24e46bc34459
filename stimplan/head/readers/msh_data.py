"""Fields in a .msh file: $NodeData and $ElementData, the same in both versions of the format."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.readers.msh_format import whole_values
from stimplan.head.readers.msh_source import Source

# Scalars, vectors and tensors; more only to be generous.
_MAX_COMPONENTS = 100
_MAX_LABELS = 100


@attrs.frozen(eq=False)
class Data:
    """A field as the file has it: `numbers` (k,) of nodes or elements and `values` (k, components)."""

    numbers: NDArray[np.int32]
    values: NDArray[np.float64]


def read_data(source: Source, wanted: frozenset[str]) -> tuple[str, Data | None]:
    """Read a field if its name is wanted, else go past it.

    Returns
    -------
    name : str
    data : Data or None
        None where it was not wanted.
    """
    name, components, count = _head(source)
    record = np.dtype([("number", np.int32), ("values", np.float64, components)])
    source.need(count, record.itemsize if source.is_binary else 2 * (1 + components), "values")
    if name not in wanted:
        if source.is_binary:
            source.at += count * record.itemsize
            source.close_section(f"{count} values")
        else:
            source.skip_section()
        return name, None
    if source.is_binary:
        table = source.take(record, count, "values")
        numbers, values = table["number"].astype(np.int32), table["values"].astype(np.float64)
    else:
        pieces = [np.zeros(0), *source.numbers(np.float64)]
        flat = np.concatenate(pieces)
        if len(flat) != count * (1 + components):
            source.fail(f"field {name!r} says {count} values of {components} components, but holds {len(flat)} numbers")
        rows = flat.reshape(count, 1 + components)
        numbers, values = whole_values(rows[:, 0], source, "number"), rows[:, 1:].copy()
    source.close_section(f"{count} values")
    return name, Data(numbers, values.reshape(count, components))


def _head(source: Source) -> tuple[str, int, int]:
    """Name, components and count; the labels before them are text in every file."""
    titles = [source.line("a title").strip('"') for _ in range(_labels(source, "titles"))]
    for _ in range(_labels(source, "times")):
        source.line("a time")
    whole = [source.whole("a number of the field") for _ in range(_labels(source, "whole numbers"))]
    if len(whole) < 3:
        source.fail(f"expected step, components and count, got {len(whole)} whole numbers")
    if not 1 <= whole[1] <= _MAX_COMPONENTS:
        source.fail(f"a field of {whole[1]} components: the file is damaged")
    return titles[0] if titles else "", whole[1], whole[2]


def _labels(source: Source, what: str) -> int:
    count = source.whole(f"the number of {what}")
    if count > _MAX_LABELS:
        source.fail(f"says {count} {what}: the file is damaged")
    return count


def values_for(data: Data, numbers: NDArray[np.int32]) -> NDArray[np.float64]:
    """Values in the order of `numbers`, NaN where the field has none; one component gives a flat array."""
    order = np.argsort(data.numbers, kind="stable")
    ordered = data.numbers[order]
    values = np.full((len(numbers), data.values.shape[1]), np.nan)
    if len(ordered):
        found = np.minimum(np.searchsorted(ordered, numbers), len(ordered) - 1)
        has = ordered[found] == numbers
        values[has] = data.values[order[found[has]]]
    return values[:, 0] if values.shape[1] == 1 else values
