"""JSON with every fault placed, and matrices in it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from stimplan.errors import InputError
from stimplan.exchange.navigation.model import MAX_BYTES, Findings
from stimplan.strict_json import parse


def parse_json(text: str, *, file: str) -> Any:
    """The tree of a JSON text: numbers as int or Decimal.

    Raises
    ------
    InputError
        Not JSON, NaN, keys that come twice, each with its path.
    """
    document = parse(text, file=file, max_characters=MAX_BYTES)
    if document.problems:
        raise InputError(document.problems)
    return document.tree


def matrix_of(value: Any, found: Findings, *, where: str, name: str) -> list[list[Decimal]] | None:
    """Four rows of four numbers, or None and a fault."""
    if not isinstance(value, list) or len(value) != 4 or any(not isinstance(r, list) or len(r) != 4 for r in value):
        found.fault(where, f"{name!r}: expected a matrix of 4 rows of 4 numbers")
        return None
    if any(isinstance(item, bool) or not isinstance(item, int | Decimal) for row in value for item in row):
        found.fault(where, f"{name!r}: the matrix holds something that is not a number")
        return None
    return [[Decimal(item) for item in row] for row in value]
