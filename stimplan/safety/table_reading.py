"""Reading of a table of limits: cells as the source prints them, `">1800"` for the longest that was tested."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, get_args

from stimplan import units
from stimplan.safety.quantities import QUANTITIES
from stimplan.safety.reader import Reader, is_number, to_si
from stimplan.safety.tables import Axis, Cell, Lookup, Table
from stimplan.safety.values import Severity

_TABLE = {
    "lookup": str,
    "rows": dict,
    "columns": (dict, type(None)),
    "cells": list,
    "censored_rows": dict,
    "message": dict,
}
_AXIS = {"quantity": str, "display_unit": str, "values": list}
_MESSAGE = {"censored": str, "no_cell": str}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_CELL = re.compile(r"(>?)(\d+(?:\.\d+)?)")


def read_table(reader: Reader, raw: Any, *, where: str, unit: str) -> Table | None:
    """Table of a rule, its cells in the unit of the rule; None where it cannot be built.

    A table with a fault that was complained about may be returned: its rule is refused all the same.
    """
    if not reader.has_fields(raw, _TABLE, where):
        return None
    reader.one_of(raw["lookup"], get_args(Lookup), f"{where}.lookup")
    rows = _axis(reader, raw["rows"], f"{where}.rows")
    columns = None if raw["columns"] is None else _axis(reader, raw["columns"], f"{where}.columns")
    if raw["lookup"] == "linear" and columns is not None:
        reader.complain(f"{where}.columns", "a linear table has one column")
    cells = _cells(reader, raw["cells"], f"{where}.cells", unit)
    if rows and (
        len(cells) != len(rows.values) or {len(row) for row in cells} != {len(columns.values) if columns else 1}
    ):
        reader.complain(f"{where}.cells", "expected one row of cells a row, and one cell a column")
    severity = _severities(reader, raw["censored_rows"], f"{where}.censored_rows", rows) if rows else ()
    message = raw["message"]
    if not reader.has_fields(message, _MESSAGE, f"{where}.message") or rows is None:
        return None
    return Table(raw["lookup"], rows, columns, cells, severity, message["censored"], message["no_cell"])


def _axis(reader: Reader, raw: Any, where: str) -> Axis | None:
    if not reader.has_fields(raw, _AXIS, where):
        return None
    quantity, unit = raw["quantity"], raw["display_unit"]
    reader.one_of(quantity, QUANTITIES, f"{where}.quantity")
    inside = units.si_key(f"x_{unit}").removeprefix("x_") if unit else ""
    if quantity in QUANTITIES and inside != QUANTITIES[quantity].unit:
        reader.complain(f"{where}.display_unit", f"{unit!r} is not a unit of {quantity}")
        return None
    if not raw["values"] or not all(is_number(value) for value in raw["values"]):
        reader.complain(f"{where}.values", "expected a list of numbers")
        return None
    values = tuple(to_si(value, unit) for value in raw["values"])
    if list(values) != sorted(set(values)):
        reader.complain(f"{where}.values", "expected rising numbers")
    return Axis(quantity, unit, values)


def _cells(reader: Reader, raw: list[Any], where: str, unit: str) -> tuple[tuple[Cell, ...], ...]:
    rows = []
    for i, row in enumerate(raw):
        texts = row if isinstance(row, list) else []
        found = [_CELL.fullmatch(text) if isinstance(text, str) else None for text in texts]
        if not texts or None in found:
            reader.complain(f"{where}[{i}]", 'expected cells such as "4.2" or ">1800"')
        rows.append(tuple(Cell(to_si(Decimal(cell[2]), unit), bool(cell[1])) for cell in found if cell))
    return tuple(rows)


def _severities(reader: Reader, raw: dict[str, Any], where: str, rows: Axis) -> tuple[tuple[int, Severity], ...]:
    """Severity of the censored cells of the rows that have one of their own, by the number of the row."""
    found: list[tuple[int, Severity]] = []
    for name, severity in raw.items():
        reader.one_of(severity, get_args(Severity), f"{where}.{name}")
        value = to_si(Decimal(name), rows.display_unit) if _NUMBER.fullmatch(name) else None
        if value in rows.values:
            found.append((rows.values.index(value), severity))
        else:
            reader.complain(f"{where}.{name}", "is not a row of the table")
    return tuple(found)
