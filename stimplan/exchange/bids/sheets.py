"""The contents of one set of files: what the writers fill and the readers take apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from stimplan.errors import Problem
from stimplan.exchange.bids.tables import Row, cell_parts, number_of, number_text
from stimplan.exchange.bids.vocabulary import DELIMITER, NOT_AVAILABLE, UNIT_WORDS, UNITS, column
from stimplan.montage import Point
from stimplan.units import from_si, to_si


@attrs.define
class Sheets:
    """Rows of the three tables, the sets of the sidecar, and what is to be said of single columns.

    Attributes
    ----------
    nibs, markers, events : list of rows
    sets : dict
        StimulatorSet, ElementSet, IntensitySet and the other keys of *_nibs.json that describe no column.
    notes : dict
        Column of *_nibs.tsv -> keys of its description (Units, LongName, Levels, …) besides the usual ones.
    """

    nibs: list[dict[str, str]] = attrs.field(factory=list)
    markers: list[dict[str, str]] = attrs.field(factory=list)
    events: list[dict[str, str]] = attrs.field(factory=list)
    sets: dict[str, Any] = attrs.field(factory=dict)
    notes: dict[str, dict[str, Any]] = attrs.field(factory=dict)


@attrs.frozen
class Source:
    """What was read of one set of files: rows (of each id the first), how often each was delivered, sidecars."""

    file: str
    nibs: tuple[Row, ...]
    markers: Mapping[str, Row]
    events: Mapping[str, Row]
    deliveries: Mapping[str, int]
    sidecar: Mapping[str, Any]
    marker_sidecar: Mapping[str, Any]


class NotUnderstood(Exception):
    """Something in the tables that no protocol has; `problem` says what."""

    def __init__(self, source: Source, where: str, what: str) -> None:
        super().__init__(what)
        self.problem = Problem(where, what, file=source.file)


def joined(values: Iterable[str]) -> str:
    """Several values in one cell."""
    return DELIMITER.join(values)


def cell(value: float | None, suffix: str) -> str:
    """A value in SI as a cell in a unit of the file; exact."""
    return NOT_AVAILABLE if value is None else number_text(from_si(value, suffix))


def cells(values: Iterable[float], suffix: str) -> str:
    """Several values in SI in one cell."""
    return joined(number_text(from_si(value, suffix)) for value in values)


def present(row: Mapping[str, str | None]) -> dict[str, str]:
    """A row without the cells that have nothing to say."""
    return {name: value for name, value in row.items() if value is not None and value != NOT_AVAILABLE}


def unit_suffix(sidecar: Mapping[str, Any], name: str) -> str | None:
    """Suffix of `stimplan.units` for a column, from its sidecar; None where it is not declared or not known."""
    described = sidecar.get(name)
    unit = described.get("Units") if isinstance(described, Mapping) else None
    if not isinstance(unit, str):
        return None
    return UNITS.get(unit) or UNITS.get(UNIT_WORDS.get(unit.lower(), ""))


def exact_numbers(source: Source, row: Row, name: str) -> list[Decimal]:
    """The numbers of a cell as they stand.

    Raises
    ------
    NotUnderstood
        One of them is no number.
    """
    numbers = [number_of(part) for part in cell_parts(row, name)]
    known = [number for number in numbers if number is not None]
    if len(known) != len(numbers):
        raise NotUnderstood(source, name, f"{row[name]!r} is no number")
    return known


def si_exact(source: Source, row: Row, name: str) -> list[Decimal]:
    """The numbers of a cell in the unit stimplan writes (`vocabulary.Column.unit`), exactly.

    Raises
    ------
    NotUnderstood
        No number, or a unit of another kind.
    """
    numbers = exact_numbers(source, row, name)
    known = column("nibs", name) or column("markers", name)
    wanted = UNITS.get(known.unit if known else "", "")
    sidecar = source.marker_sidecar if column("markers", name) and not column("nibs", name) else source.sidecar
    have = unit_suffix(sidecar, name)
    if not numbers or have == wanted or not wanted:
        return numbers
    if have is None:
        raise NotUnderstood(source, name, "no Units that stimplan knows in the sidecar")
    try:
        return [from_si(to_si(number, have), wanted) for number in numbers]
    except (KeyError, OverflowError) as error:
        raise NotUnderstood(source, name, f"{have} is no unit of this column") from error


def one(values: list[Decimal], source: Source, name: str) -> Decimal | None:
    """The one value of a cell; None where it is missing.

    Raises
    ------
    NotUnderstood
        There are several, and they differ.
    """
    if len(set(values)) > 1:
        raise NotUnderstood(source, name, "several values where a protocol has one")
    return values[0] if values else None


def si_value(source: Source, row: Row, name: str) -> float | None:
    """The one value of a cell in SI; None where it is missing."""
    value = one(si_exact(source, row, name), source, name)
    known = column("nibs", name) or column("markers", name)
    return None if value is None or known is None else to_si(value, UNITS[known.unit])


def point_cells(names: str, point_m: Iterable[float] | None) -> dict[str, str]:
    """Three cells, mm, `element_centre_x` and so on."""
    if point_m is None:
        return {}
    return {f"{names}_{axis}": cell(float(x), "mm") for axis, x in zip("xyz", point_m, strict=True)}


def read_point(source: Source, row: Row, names: str) -> Point | None:
    """The point of three cells, m; None where one of them is missing."""
    values = [si_value(source, row, f"{names}_{axis}") for axis in "xyz"]
    x, y, z = values
    return None if x is None or y is None or z is None else (x, y, z)


def by_id(entries: Any, key: str) -> dict[str, Mapping[str, Any]]:
    """Entries of a set by their id; one object alone, as older files have it, is a set of one."""
    listed = [entries] if isinstance(entries, Mapping) else entries if isinstance(entries, list) else []
    return {entry[key]: entry for entry in listed if isinstance(entry, Mapping) and isinstance(entry.get(key), str)}


def size_of(source: Source, entry: Mapping[str, Any], key: str) -> list[float]:
    """Lengths in m of a `{Value, Units}` object whose value is a number or a list of them; [] where there is none.

    Raises
    ------
    NotUnderstood
        It is there and says no lengths.
    """
    told = entry.get(key)
    if told is None:
        return []
    values = told.get("Value") if isinstance(told, Mapping) else None
    listed = values if isinstance(values, list) else [values]
    suffix = UNITS.get(str(told.get("Units"))) if isinstance(told, Mapping) else None
    if suffix not in ("mm", "cm", "m") or not all(isinstance(x, int | Decimal) for x in listed):
        raise NotUnderstood(source, f"ElementSet.{key}", "expected lengths in mm, cm or m")
    return [to_si(x, suffix) for x in listed if x is not None]
