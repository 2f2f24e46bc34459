"""SimNIBS's matrices: plain text, or rows `CoilPos` of its position tables. Axes as in `stimplan.pose`, lengths in mm.

Plain text holds one or more blocks of four rows of four numbers, with blanks or commas between them; a line
`# name: …` before a block names it. A table row is `CoilPos, centre (3), z (3), y (3), distance, name`; the centre is
that of the coil, and the distance from the scalp only says how it was found.
"""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import numpy as np

from stimplan.exchange.navigation.model import (
    Findings,
    NavigationFile,
    NavigationTarget,
    check_names,
    matrix_text,
    number,
)

AXES = np.eye(3)
_ROW = "CoilPos"
_OTHER_ROWS = ("Generic", "Fiducial", "Electrode", "ReferenceElectrode")


def recognises_table(text: str) -> bool:
    """Whether the text has rows of coil positions."""
    return re.search(rf"^\s*{_ROW}\s*,", text, re.MULTILINE) is not None


def recognises_matrix(text: str) -> bool:
    """Whether the first line that says something is numbers only."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return bool(lines) and re.fullmatch(r"[\s\d.,eE+-]+", lines[0]) is not None


def read_table(text: str, *, file: str) -> NavigationFile:
    """Coil positions of a table; other rows are counted and left aside.

    Raises
    ------
    InputError
        Every fault, with its line.
    """
    found = Findings(file)
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    others = 0
    try:
        for cells in rows:
            kind = cells[0].strip() if cells else ""
            if kind == _ROW:
                _read_row(cells, f"line {rows.line_num}", len(found.targets) + 1, found)
            elif kind in _OTHER_ROWS:
                others += 1
            elif kind and rows.line_num > 1:  # the first line may name the columns
                found.fault(f"line {rows.line_num}", f"a row of the kind {kind[:40]!r}; expected {_ROW}")
    except csv.Error as error:
        found.fault(f"line {rows.line_num}", f"not a table with commas: {error}")
    if others:
        found.notices.append(f"{others} rows are no positions of a coil")
    result: NavigationFile = found.result("simnibs", "subject space of the head, mm")
    return result


def _read_row(cells: list[str], where: str, count: int, found: Findings) -> None:
    name = cells[11].strip() if len(cells) > 11 and cells[11].strip() else str(count)
    if len(cells) < 11:
        return found.fault(where, f"{name!r} has {len(cells) - 1} values; expected centre, z, y and a distance: 10")
    numbers: list[Decimal] = []
    for cell in cells[1:11]:
        try:
            numbers.append(number(cell))
        except ValueError as error:
            found.fault(where, f"{name!r}: {error}")
    if len(numbers) < 10:
        return None
    center, z, y = numbers[:3], numbers[3:6], numbers[6:9]
    x = [Decimal(float(value)) for value in np.cross(np.array(y, dtype=float), np.array(z, dtype=float))]
    if numbers[9]:
        found.notices.append(f"{name}: the distance of {numbers[9]} mm is not applied; the centre is that of the coil")
    matrix = [[x[row], y[row], z[row], center[row]] for row in range(3)]
    return found.take(where, name, matrix, axes=AXES)


def write_table(targets: tuple[NavigationTarget, ...]) -> str:
    """Text of a table of coil positions, distance 0."""
    check_names(targets)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for target in targets:
        rows = matrix_text(target.pose, AXES)
        _, y, z, center = ([row[column] for row in rows] for column in range(4))
        writer.writerow([_ROW, *center, *z, *y, "0", target.name])
    return stream.getvalue()


def read_matrices(text: str, *, file: str) -> NavigationFile:
    """Matrices of a plain text.

    Raises
    ------
    InputError
        Every fault, with its line.
    """
    found, name = Findings(file), ""
    block: list[tuple[int, list[Decimal] | None]] = []
    for line_number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        named = re.fullmatch(r"#\s*name:\s*(.*)", line)
        if named and not block:
            name = named[1]
        if not line or line.startswith("#"):
            continue
        block.append((line_number, _numbers(line, line_number, found)))
        if len(block) == 4:
            where, rows = f"line {block[0][0]}", [row for _, row in block if row is not None]
            if len(rows) == 4:
                found.take(where, name or str(len(found.targets) + len(found.skipped) + 1), rows, axes=AXES)
            block, name = [], ""
    if block:
        found.fault(f"line {block[0][0]}", f"a matrix of {len(block)} rows, expected 4")
    result: NavigationFile = found.result("matrix", "not stated")
    return result


def _numbers(line: str, line_number: int, found: Findings) -> list[Decimal] | None:
    cells = [cell for cell in re.split(r"[\s,]+", line.strip(",")) if cell]
    if len(cells) != 4:
        found.fault(f"line {line_number}", f"{len(cells)} numbers in a row, expected 4")
        return None
    try:
        return [number(cell) for cell in cells]
    except ValueError as error:
        found.fault(f"line {line_number}", str(error))
        return None


def write_matrices(targets: tuple[NavigationTarget, ...]) -> str:
    """Text of named matrices, which `numpy.loadtxt` reads too."""
    check_names(targets)
    blocks = []
    for target in targets:
        rows = [*matrix_text(target.pose, AXES), ["0", "0", "0", "1"]]
        blocks.append("\n".join([f"# name: {target.name}", *(" ".join(row) for row in rows)]))
    return "\n\n".join(blocks) + "\n"
