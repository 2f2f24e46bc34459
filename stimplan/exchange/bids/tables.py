"""The two kinds of file: TSV tables of text cells, and JSON sidecars; read with every fault, written exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation, localcontext
from pathlib import Path
from typing import Any

import attrs

from stimplan import strict_json
from stimplan.errors import Problem
from stimplan.exchange.bids.vocabulary import DELIMITER, NOT_AVAILABLE
from stimplan.protocol.writing import json_text
from stimplan.resources import require_ordinary

Row = Mapping[str, str]

_NOT_IN_CELLS = str.maketrans({**dict.fromkeys("\t\r\n", " "), DELIMITER: "/"})


@attrs.frozen
class Table:
    """A TSV file: its columns, and its rows as texts by column; row i stands in line i + 2 of the file."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@attrs.frozen
class TableFault:
    """What is wrong with the form of a table; line 1 is the header, column "" where it is the whole line."""

    line: int
    column: str
    what: str


def read_table(path: Path) -> tuple[Table, list[TableFault]]:
    """Read a table; cells that a ragged row lacks are missing values.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    data = require_ordinary(path).read_bytes()
    faults = []
    if data.startswith(b"\xef\xbb\xbf"):
        faults.append(TableFault(1, "", "starts with a byte order mark; save it as plain UTF-8"))
        data = data[3:]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return Table((), ()), [TableFault(line, "", "is not UTF-8; save it as UTF-8")]
    if "\r" in text:
        faults.append(TableFault(1, "", "has carriage returns; end lines with a newline alone"))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.removesuffix("\n").split("\n") if text else []
    if not lines or not lines[0].strip():
        return Table((), ()), [*faults, TableFault(1, "", "has no header line")]
    columns = tuple(lines[0].split("\t"))
    faults += _header_faults(columns)
    rows = []
    for number, content in enumerate(lines[1:], start=2):
        cells = content.split("\t")
        faults += _row_faults(columns, cells, number)
        rows.append(dict(zip(columns, [*cells, *[NOT_AVAILABLE] * len(columns)], strict=False)))
    return Table(columns, tuple(rows)), faults


def _header_faults(columns: Sequence[str]) -> Iterable[TableFault]:
    for number, name in enumerate(columns):
        if not name.strip():
            yield TableFault(1, "", f"column {number + 1} has no name")
        elif name != name.strip():
            yield TableFault(1, name, "has white space around its name")
        if name in columns[:number]:
            yield TableFault(1, name, "comes twice")


def _row_faults(columns: Sequence[str], cells: Sequence[str], line: int) -> Iterable[TableFault]:
    if len(cells) != len(columns):
        yield TableFault(line, "", f"has {len(cells)} cells under {len(columns)} columns")
    for name, cell in zip(columns, cells, strict=False):
        if not cell.strip():
            yield TableFault(line, name, f"is empty; write {NOT_AVAILABLE}")


def read_sidecar(path: Path) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The object in a JSON file, numbers as Decimal or int; {} and the problems where it is none."""
    text, problems = strict_json.read_bytes(path, file=str(path))
    if problems:
        return {}, problems
    document = strict_json.parse(text, file=str(path))
    if not isinstance(document.tree, dict):
        return {}, document.problems or (Problem("$", "expected a JSON object {…}", file=str(path)),)
    return document.tree, document.problems


def table_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """TSV text; a cell that a row does not have is a missing value."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(row.get(name, NOT_AVAILABLE) for name in columns) for row in rows]
    return "\n".join(lines) + "\n"


def sidecar_text(tree: Mapping[str, Any]) -> str:
    """JSON text of a sidecar; Decimals are written as the numbers they are, to the last digit."""
    return json_text(tree)


def held_text(text: str | None, *, in_cell: bool = True) -> str | None:
    """What the files can hold of a text: "n/a" and nothing are None; a cell has no tab, no line end and no `|`."""
    if text is None or text.strip() in ("", NOT_AVAILABLE):
        return None
    return text.translate(_NOT_IN_CELLS) if in_cell else text


def number_text(value: Decimal | int) -> str:
    """A number as it stands in a cell, without an exponent and without zeros at its end."""
    if value == 0:
        return "0"
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_of(cell: str) -> Decimal | None:
    """The finite number in a cell; None where there is none."""
    try:
        value = Decimal(cell) if cell.isascii() and cell == cell.strip() and "_" not in cell else None
    except InvalidOperation:
        return None
    is_sound = value is not None and value.is_finite() and (value == 0 or abs(value.adjusted()) < 300)
    return value if is_sound else None


def cell_parts(row: Row, name: str) -> list[str]:
    """The values of a cell, several where it is delimited; none where it is missing."""
    cell = row.get(name, NOT_AVAILABLE)
    return [] if cell == NOT_AVAILABLE else [part.strip() for part in cell.split(DELIMITER)]


def exact_sum(numbers: Iterable[Decimal]) -> Decimal:
    """Sum without rounding."""
    with localcontext() as context:
        context.prec = 700
        return sum(numbers, Decimal(0))


def exact_product(*numbers: Decimal | int) -> Decimal:
    """Product without rounding."""
    with localcontext() as context:
        context.prec = 700
        product = Decimal(1)
        for number in numbers:
            product *= number
        return product
