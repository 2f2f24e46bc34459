"""What every file of rules is read with: types, keys, names and numbers checked, every fault kept."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from stimplan import strict_json, units
from stimplan.errors import Problem


class Reader:
    """Reads the JSON of one file and collects what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def complain(self, where: str, what: str) -> None:
        self.problems.append(Problem(where=where, what=what, file=self.file))

    def parse(self, path: Path) -> Any:
        """Tree of a file; NaN, infinities, numbers beyond a double and repeated keys are problems."""
        text, problems = strict_json.read_bytes(path, file=self.file)
        if not problems:
            document = strict_json.parse(text, file=self.file)
            self.problems += document.problems
            return document.tree
        self.problems += problems
        return None

    def has_fields(self, raw: Any, fields: dict[str, Any], where: str) -> bool:
        """Whether an object has exactly these keys, each of its type; complains about each that is wrong."""
        if not isinstance(raw, dict):
            self.complain(where, f"expected an object, got {type(raw).__name__}")
            return False
        before = len(self.problems)
        for name in raw.keys() - fields.keys():
            self.complain(f"{where}.{name}", f"unknown key; the keys here are {', '.join(fields)}")
        for name, kind in fields.items():
            if name not in raw:
                self.complain(f"{where}.{name}", "is missing")
            elif not isinstance(raw[name], kind) or (kind is int and isinstance(raw[name], bool)):
                self.complain(f"{where}.{name}", f"has the wrong type ({type(raw[name]).__name__})")
            elif kind is str and not raw[name].strip() and name not in ("unit", "display_unit", "note"):
                self.complain(f"{where}.{name}", "is empty")
        return len(self.problems) == before

    def one_of(self, value: str, allowed: Iterable[str], where: str) -> None:
        if value not in (allowed := tuple(allowed)):
            self.complain(where, f"{value!r} is not one of {', '.join(allowed)}")

    def names(self, raw: list[Any], where: str) -> tuple[str, ...]:
        if not raw or not all(isinstance(name, str) and name for name in raw):
            self.complain(where, "expected a list of at least one name")
            return ()
        return tuple(raw)


def is_number(value: Any) -> bool:
    """Whether a value of the tree is a number (true and false are none)."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def to_si(value: int | Decimal, unit: str) -> float:
    """A number of a file in SI; "" is the unit of a bare number."""
    return units.to_si(value, unit) if unit else float(value)
