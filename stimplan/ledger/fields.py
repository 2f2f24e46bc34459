"""What may stand in a field of a record: each reader takes the JSON value and returns the stored one, or says why not.

The ranges catch slips of units and of the keyboard; none of them is a dose limit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from stimplan import units
from stimplan.ledger.times import read_time, utc_text

Reader = Callable[[Any], Any]

_PERSON = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,30}[A-Za-z0-9])?")
_DATE = re.compile(r"(?<!\d)(?:(?:19|20)\d\d([-./]?)[01]?\d\1[0-3]?\d|[0-3]?\d([-./])[0-3]?\d\2(?:19|20)?\d\d)(?!\d)")
_DATE_RUN = re.compile(r"(?<!\d)(?:(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|"
                       r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d\d)(?!\d)")  # fmt: skip
_BIRTH = re.compile(r"\b(?:born|birth|birthday|birthdate|dob|d\.o\.b)\b|(?:^|\W)geb\.", re.IGNORECASE)
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[A-Za-z]{2,}")
_TITLED = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Herr|Frau|Mme|Sr|Sra)\b\.?\s+[A-ZÀ-Þ]")
_LONG_NUMBER = re.compile(r"\d(?:[ -]?\d){8,}")
_MAX_TEXT = 2000


def person(value: Any) -> str:
    """A pseudonym: a code with at least one digit, and neither a date nor a long number in it."""
    if not isinstance(value, str):
        raise ValueError(f"expected a code for the person as text, got {show(value)}")
    if not _PERSON.fullmatch(value):
        raise ValueError(f"{show(value)} is no code; use letters, digits, '-', '_' or '.', at most 32, no spaces")
    if not re.search(r"\d", value):
        raise ValueError(f"{show(value)} looks like a name; use a code with a digit, such as P-0042")
    if _DATE.search(value) or _DATE_RUN.search(value):
        raise ValueError(f"{show(value)} looks like a date, perhaps of birth; use a code such as P-0042")
    if _LONG_NUMBER.search(value):
        raise ValueError(f"{show(value)} looks like a number of a register or a telephone; use a code such as P-0042")
    return value


def text(value: Any) -> str:
    """Words; nothing that names a person where it can be seen."""
    found = words(value)
    undated = re.sub(r"\d{4}-\d\d-\d\d", "", found)  # a date of a session is no telephone number
    for pattern, what in ((_BIRTH, "a birth date"), (_MAIL, "a mail address"), (_TITLED, "a name"),
                          (_LONG_NUMBER, "a telephone number or a number of a register")):  # fmt: skip
        if pattern.search(undated):
            raise ValueError(f"this looks like {what}; the ledger is pseudonymous, leave it out")
    return found


def words(value: Any) -> str:
    """Text that is not empty, such as the name of an operator."""
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {show(value)}")
    if not value.strip():
        raise ValueError("this is empty; write it out")
    if len(value) > _MAX_TEXT:
        raise ValueError(f"{len(value)} characters; at most {_MAX_TEXT}")
    return value.strip()


def reason(value: Any) -> str:
    """A reason: more than a dash or a single word of three letters."""
    found = text(value)
    if len(re.findall(r"\w", found)) < 8 or len(found.split()) < 2:
        raise ValueError(f"{show(found)} is no reason; write a sentence that another clinician can follow")
    return found


def time(value: Any) -> str:
    """A time with its zone, as UTC text; between 2000 and 2199."""
    if not isinstance(value, str):
        raise ValueError(f"expected a time as text, like 2026-03-01T09:30:00+01:00, got {show(value)}")
    found = read_time(value)
    if not 2000 <= found.year < 2200:
        raise ValueError(f"the year {found.year} is not plausible")
    return utc_text(found)


def whole(least: int, most: int) -> Reader:
    """A whole number in a range."""

    def read(value: Any) -> int:
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"expected a whole number, got {show(value)}")
        if not least <= value <= most:
            raise ValueError(f"{value} is not between {least} and {most}")
        return value

    return read


row_number = whole(1, 2**53)


def number(suffix: str, least: float, most: float, *, but_zero_at_least: float = 0.0) -> Reader:
    """A number in a file unit and its plausible range, both ends included; stored in SI.

    What is not zero may have a smallest size of its own: below it the number is in another unit.
    """
    unit = suffix.replace("percent", "%").replace("_per_", "/")
    lowest, highest = Decimal(str(least)), Decimal(str(most))  # the decimal 0.01 is below the float 0.01

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise ValueError(f"expected a number in {unit}, got {show(value)}")
        if not lowest <= value <= highest:
            raise ValueError(f"{value} {unit} is not plausible; expected {least:g} to {most:g}, check the unit")
        if value and value < but_zero_at_least:
            raise ValueError(f"{value} {unit} is not plausible; expected 0, or at least {but_zero_at_least:g} {unit}, "
                             "check the unit")  # fmt: skip
        return units.to_si(value, suffix) + 0.0  # no minus zero: SQLite would not keep it

    return read


def flag(value: Any) -> int:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {show(value)}")
    return int(value)


def choice(*known: str) -> Reader:
    """One of some words."""

    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"{show(value)} is not one of {', '.join(known)}")
        return str(value)

    return read


def rule_id(value: Any) -> str:
    """Id of a rule, such as LEDGER-SPACING."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z][A-Z0-9]*(?:[-.][A-Z0-9.]+)+", value):
        raise ValueError(f"{show(value)} is no rule; it is written like LEDGER-SPACING")
    return value


def impedances(value: Any) -> str:
    """Electrode -> impedance in kΩ, as JSON text in Ω."""
    if not isinstance(value, dict) or not value:
        raise ValueError(f'expected electrodes with their impedance, such as {{"F3": 5.2}}, got {show(value)}')
    read, found = number("kohm", 0.01, 10_000), {}
    for name, one in value.items():
        if not name.strip() or len(name) > 40:
            raise ValueError(f"{show(name)} is no name of an electrode")
        try:
            found[name] = read(one)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return json.dumps(found, sort_keys=True)


def show(value: Any) -> str:
    """A value in a message, shortened."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 60 else shown[:59] + "…"
