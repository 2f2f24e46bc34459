"""Brainsight's text export: tables with tabs, headed by comment lines.

The rows m0*, m1*, m2* of a position are the coil's axes. Brainsight's x points to the coil's other side and its z out
of the head, so the frame is that of `stimplan.pose` turned by half a turn about y. Columns are found by their names,
so that the versions 7, 8, 12, 13 and 14, which have different ones, are read alike. Samples carry the stimulator's
output (`Stim. Power`, of a pair of pulses `Stim. Power A` and `B`), % of its maximum, and where muscles were recorded
the amplitude of each channel's response, `EMG Peak-to-peak 1` and so on, µV.
"""

from __future__ import annotations

import re
from decimal import Decimal

import attrs
import numpy as np

from stimplan.exchange.navigation.model import (
    Findings,
    NavigationFile,
    NavigationTarget,
    check_names,
    matrix_text,
    number,
)
from stimplan.units import to_si

AXES = np.diag([-1.0, 1.0, -1.0])
VERSIONS = (7, 12, 13, 14)
_KNOWN = (5, 7, 8, 12, 13, 14)
_NULL = "(null)"
_PLACE = ("Loc. X", "Loc. Y", "Loc. Z")
_TURN = tuple(f"m{row}n{column}" for row in range(3) for column in range(3))
_TABLES = ("Target Name", "Sample Name")
_RESPONSE = re.compile(r"EMG Peak-to-peak (\d+)", re.IGNORECASE)
# Coordinates of the image (RAS, mm), by its scanner or alignment transform; the others are not those of the image.
_SYSTEM = re.compile(r"nifti:(s:|q:)?(aligned|scanner)", re.IGNORECASE)


@attrs.frozen
class _Table:
    """A block: the name of its first column, all columns, and its rows with their line numbers."""

    columns: tuple[str, ...]
    line: int
    rows: list[tuple[int, list[str]]] = attrs.Factory(list)


def is_known_system(name: str) -> bool:
    """Whether positions in this coordinate system are those of the image."""
    return _SYSTEM.fullmatch(name) is not None


def recognises(text: str) -> bool:
    """Whether the text is an export of Brainsight."""
    return re.match(r"#\s*version:", text, re.IGNORECASE) is not None


def read_brainsight(text: str, *, file: str) -> NavigationFile:
    """Targets and samples of an export.

    Raises
    ------
    InputError
        Every fault, with its line.
    """
    found = Findings(file)
    header, tables = _split(text, found)
    system = _check_header(header, found)
    for table in tables:
        if table.columns[0] in _TABLES:
            _read_table(table, found, has_microvolts="microvolts" in header.get("units", "").lower())
        elif table.rows:
            found.notices.append(f"{len(table.rows)} rows under {table.columns[0]!r} are no positions of a coil")
    result: NavigationFile = found.result("brainsight", system)
    return result


def _split(text: str, found: Findings) -> tuple[dict[str, str], list[_Table]]:
    header: dict[str, str] = {}
    tables: list[_Table] = []
    for number_of_line, raw in enumerate(text.split("\n"), start=1):
        line = raw.rstrip("\r")
        if line.startswith("#") and "\t" in line:
            columns = tuple(cell.strip() for cell in line[1:].split("\t"))
            twice = sorted({name for name in columns if name and columns.count(name) > 1})
            if twice:
                found.fault(f"line {number_of_line}", f"columns more than once: {', '.join(twice)}")
            tables.append(_Table(columns, number_of_line))
        elif line.startswith("#"):
            key, colon, value = line[1:].partition(":")
            if colon and not tables:
                header[key.strip().lower()] = value.strip()
        elif line.strip():
            if not tables:
                found.fault(f"line {number_of_line}", "a row before any line of column names ('# Target Name …')")
                break
            tables[-1].rows.append((number_of_line, line.split("\t")))
    return header, tables


def _check_header(header: dict[str, str], found: Findings) -> str:
    version = header.get("version", "")
    if not version.isdecimal():
        found.fault("line 1", f"expected '# Version: 14' or so, got the version {version!r}")
    elif int(version) not in _KNOWN:
        found.notices.append(f"version {version} was not met before; its columns are found by their names")
    system = header.get("coordinate system", "")
    if not is_known_system(system):
        found.fault(
            "header",
            f"the coordinate system is {system!r}; export again with NIfTI:Aligned or NIfTI:Scanner, the coordinates "
            "of the image. Those of Brainsight itself, World and a template cannot be told from here",
        )
    units = header.get("units", "")
    if not units.lower().startswith(("millimetres", "millimeters")):
        found.fault("header", f"lengths must be in millimetres, the units are {units!r}")
    encoding = header.get("encoding", "UTF-8")
    if encoding.upper() != "UTF-8":
        found.fault("header", f"the encoding is {encoding!r}; export as UTF-8")
    return system


def _read_table(table: _Table, found: Findings, *, has_microvolts: bool) -> None:
    missing = [name for name in (*_PLACE, *_TURN) if name not in table.columns]
    if missing:
        return found.fault(f"line {table.line}", f"the table lacks the columns {', '.join(missing)}")
    channels = {column: match[1] for column in table.columns if (match := _RESPONSE.fullmatch(column))}
    if channels and not has_microvolts:
        found.notices.append(f"{', '.join(channels)}: left aside, for the header does not say that they are microvolts")
        channels = {}
    pairs = 0
    for line, cells in table.rows:
        where = f"line {line}"
        while len(cells) > len(table.columns) and not cells[-1].strip():
            cells.pop()
        if len(cells) != len(table.columns):
            found.fault(where, f"{len(cells)} values under {len(table.columns)} columns; are tabs missing?")
            continue
        row = dict(zip(table.columns, (cell.strip() for cell in cells), strict=True))
        _read_row(row, where, found, channels=channels)
        pairs += row.get("Stim. Power B", _NULL) not in (_NULL, "", "0")
    if pairs:
        found.notices.append(f"{pairs} samples are of pairs of pulses; the output of pulse A is taken")
    return None


def _read_row(row: dict[str, str], where: str, found: Findings, *, channels: dict[str, str]) -> None:
    name = next(iter(row.values())) or where
    values = [row[column] for column in (*_PLACE, *_TURN)]
    if all(value in (_NULL, "") for value in values):
        return found.skip(where, name, "it has no position")
    numbers: list[Decimal] = []
    for column, value in zip((*_PLACE, *_TURN), values, strict=True):
        try:
            numbers.append(number(value))
        except ValueError as error:
            found.fault(where, f"{name!r}, {column}: {error}")
    if len(numbers) < 12:
        return None
    center, turn = numbers[:3], numbers[3:]
    # m0n0 m0n1 m0n2 is the first axis: a column of the matrix.
    matrix = [[turn[row], turn[3 + row], turn[6 + row], center[row]] for row in range(3)]
    rest = {
        "mso_fraction": _power(row, where, name, found),
        "recorded_at": _moment(row),
        "mep_V": _responses(row, where, name, found, channels=channels),
        "is_recorded": next(iter(row)) == _TABLES[1],
    }
    return found.take(where, name, matrix, axes=AXES, **rest)


def _power(row: dict[str, str], where: str, name: str, found: Findings) -> float | None:
    """Stimulator output in percent of its maximum, where Brainsight was told by the stimulator."""
    given = row.get("Stim. Power A", row.get("Stim. Power", _NULL))
    if given in (_NULL, ""):
        return None
    try:
        value = number(given)
    except ValueError as error:
        found.fault(where, f"{name!r}, Stim. Power: {error}")
        return None
    if not 0 <= value <= 100:
        found.fault(where, f"{name!r}, Stim. Power: expected 0 to 100 %, got {given}")
        return None
    return to_si(value, "percent")


def _responses(
    row: dict[str, str], where: str, name: str, found: Findings, *, channels: dict[str, str]
) -> tuple[tuple[str, float], ...]:
    """Amplitude of the response in each channel that has one, V."""
    read = []
    for column, channel in channels.items():
        if row[column] in (_NULL, ""):
            continue
        try:
            value = number(row[column])
        except ValueError as error:
            found.fault(where, f"{name!r}, {column}: {error}")
            continue
        if value < 0:
            found.fault(where, f"{name!r}, {column}: an amplitude from peak to peak is not negative, got {row[column]}")
        read.append((channel, to_si(value, "uV")))
    return tuple(read)


def _moment(row: dict[str, str]) -> str | None:
    date, time = row.get("Date", _NULL), row.get("Time", _NULL)
    return None if _NULL in (date, time) or not date or not time else f"{date}T{time}"


def write_brainsight(
    targets: tuple[NavigationTarget, ...], *, version: int = 14, coordinate_system: str | None = None
) -> str:
    """Text of a file of targets that Brainsight imports."""
    check_names(targets)
    system = coordinate_system or ("NIfTI:Q:Aligned" if version >= 14 else "NIfTI:Aligned")
    units = "units" if version <= 7 else "Units"
    lines = [
        f"# Version: {version}",
        f"# Coordinate system: {system}",
        "# Created by: stimplan",
        f"# {units}: millimetres, degrees, milliseconds, and microvolts",
        "# Encoding: UTF-8",
        "# Notes: Each column is delimited by a tab. Each value within a column is delimited by a semicolon.",
        "\t".join(["# Target Name", *_PLACE, *_TURN]),
    ]
    for target in targets:
        rows = matrix_text(target.pose, AXES)
        center = [row[3] for row in rows]
        turn = [rows[row][column] for column in range(3) for row in range(3)]
        lines.append("\t".join([target.name, *center, *turn]))
    return "\n".join(lines) + "\n"
