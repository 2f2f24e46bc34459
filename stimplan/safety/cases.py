"""What a quantity may look at, and what a quantity is.

Doses are products and quotients of decimal numbers (2 mA on 5 cm x 5 cm is exactly 0.8 A/m²), but binary
floating point misses them by an ulp (0.7999999999999998). Derived quantities are therefore rounded to twelve
significant digits, so that a dose exactly at a limit is at the limit; an excess of one part in 10^11 still counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

Scope = Literal["protocol", "electrode", "block", "field"]


@attrs.frozen
class Case:
    """What a quantity may look at; `place` names the electrode or the block in messages."""

    protocol: Any
    field: Mapping[str, float] | None = None
    electrode: Any = None
    block: Any = None
    place: str = ""


@attrs.frozen
class Quantity:
    """A named number.

    Attributes
    ----------
    name : str
        Ends in its unit.
    unit : str
        SI suffix as in `stimplan.units`; "" for a bare number.
    label : str
        Name in sentences ("the total current").
    scope : {"protocol", "electrode", "block", "field"}
        "electrode", "block": judged for each of them. "field": needs a simulated field.
    measure : callable
        `Case -> float or None`, SI.
    """

    name: str
    unit: str
    label: str
    scope: Scope
    measure: Callable[[Case], float | None]


Row = tuple[str, str, str, Scope, Callable[[Case], float | None]]


def twelve_digits(value: float) -> float:
    """Round to twelve significant digits."""
    return float(f"{value:.12g}")


def times(value: float | None, count: int | None) -> float | None:
    """Product with a count of one or more; None where one of them is not known."""
    return None if value is None or count is None or count < 1 else twelve_digits(value * count)


def flag(is_so: bool) -> float:
    """1 for yes, 0 for no."""
    return 1.0 if is_so else 0.0


def smallest(values: list[float]) -> float | None:
    """Smallest value, None for no value; one that is not finite is not hidden by the others."""
    if not values:
        return None
    if any(map(math.isnan, values)):
        return math.nan
    return min([value for value in values if math.isinf(value)] or values)
