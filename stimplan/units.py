"""The only powers of ten in the package: unit suffixes in files -> SI inside -> text for people.

A key in a file ends in its unit (`current_mA`); the attribute inside ends in the SI unit (`current_A`).
Conversion is exact rational arithmetic rounded once, so a value that was read, written and read again
is the same float to the last bit.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from numbers import Rational

# 50 digits of pi/180: far below half an ulp of any double, so that degrees round trip exactly too.
_RADIANS_PER_DEGREE = Fraction("0.01745329251994329576923690768488612713442871888542")

# suffix in files -> (suffix inside, factor from file to inside)
_TO_SI: dict[str, tuple[str, Fraction]] = {
    "A": ("A", Fraction(1)),
    "mA": ("A", Fraction(1, 1000)),
    "uA": ("A", Fraction(1, 10**6)),
    "m": ("m", Fraction(1)),
    "cm": ("m", Fraction(1, 100)),
    "mm": ("m", Fraction(1, 1000)),
    "cm2": ("m2", Fraction(1, 10**4)),
    "mm2": ("m2", Fraction(1, 10**6)),
    "ml": ("m3", Fraction(1, 10**6)),
    "s": ("s", Fraction(1)),
    "ms": ("s", Fraction(1, 1000)),
    "us": ("s", Fraction(1, 10**6)),
    "min": ("s", Fraction(60)),
    "h": ("s", Fraction(3600)),
    "d": ("s", Fraction(86400)),
    "deg": ("rad", _RADIANS_PER_DEGREE),
    "Hz": ("Hz", Fraction(1)),
    "kHz": ("Hz", Fraction(1000)),
    "V": ("V", Fraction(1)),
    "uV": ("V", Fraction(1, 10**6)),
    "kohm": ("ohm", Fraction(1000)),
    "ohm": ("ohm", Fraction(1)),
    "C": ("C", Fraction(1)),
    "mC": ("C", Fraction(1, 1000)),
    "S_per_m": ("S_per_m", Fraction(1)),
    "mS_per_m": ("S_per_m", Fraction(1, 1000)),
    "V_per_m": ("V_per_m", Fraction(1)),
    "A_per_m2": ("A_per_m2", Fraction(1)),
    "mA_per_cm2": ("A_per_m2", Fraction(10)),
    "C_per_m2": ("C_per_m2", Fraction(1)),
    "A_per_us": ("A_per_s", Fraction(10**6)),
    "A_per_s": ("A_per_s", Fraction(1)),
    "percent": ("fraction", Fraction(1, 100)),
}

# SI suffix -> (factor from SI, unit as people write it)
_FOR_PEOPLE: dict[str, tuple[float, str]] = {
    "A": (1e3, "mA"),
    "m": (1e3, "mm"),
    "m2": (1e4, "cm²"),
    "m3": (1e6, "ml"),
    "s": (1.0, "s"),
    "rad": (180.0 / math.pi, "°"),
    "Hz": (1.0, "Hz"),
    "V": (1.0, "V"),
    "ohm": (1e-3, "kΩ"),
    "C": (1.0, "C"),
    "S_per_m": (1.0, "S/m"),
    "V_per_m": (1.0, "V/m"),
    "A_per_m2": (1.0, "A/m²"),
    "C_per_m2": (1.0, "C/m²"),
    "A_per_s": (1e-6, "A/µs"),
    "fraction": (100.0, "%"),
}


def split_key(key: str) -> tuple[str, str]:
    """Split a file key into its noun and its unit suffix, `"current_mA"` -> `("current", "mA")`.

    The longest known suffix wins; a bare name is dimensionless and has the suffix "".
    """
    parts = key.split("_")
    for first in range(1, len(parts)):
        suffix = "_".join(parts[first:])
        if suffix in _TO_SI:
            return "_".join(parts[:first]), suffix
    return key, ""


def si_key(key: str) -> str:
    """Name of the attribute that holds a file key's value in SI, `"current_mA"` -> `"current_A"`."""
    noun, suffix = split_key(key)
    return f"{noun}_{_TO_SI[suffix][0]}" if suffix else key


def to_si(value: int | float | Decimal | Rational, suffix: str) -> float:
    """Convert a number with a file suffix to SI, correctly rounded.

    Raises
    ------
    KeyError
        The suffix is not a known unit.
    OverflowError
        The value is infinite or beyond a double.
    """
    factor = _TO_SI[suffix][1]
    if not isinstance(value, int | float | Decimal):
        value = Fraction(value)
    numerator, denominator = value.as_integer_ratio()
    # Python divides whole numbers correctly rounded; without a Fraction this takes a third of the time.
    return (numerator * factor.numerator) / (denominator * factor.denominator)


def from_si(value: float, suffix: str) -> Decimal:
    """Shortest decimal number in the file unit that `to_si` turns back into exactly `value`."""
    exact = Fraction(value) / _TO_SI[suffix][1]
    with localcontext() as context:
        for digits in (*range(1, 20), 25, 40):
            context.prec = digits
            text = Decimal(exact.numerator) / Decimal(exact.denominator)
            if to_si(text, suffix) == value:
                return text
    raise AssertionError(f"{value!r} has no decimal in {suffix}")  # 40 digits always suffice


def exact_text(value: float, suffix: str) -> str:
    """An SI value in a unit of files with twelve digits: `exact_text(-0.003, "mm")` -> `"-3 mm"`.

    For messages about a limit, where a rounded number may read as one that is allowed; NaN and infinity as they are.
    """
    gap = "" if unit_text(suffix) in "°%" else " "
    shown = f"{float(from_si(value, suffix)):.12g}" if math.isfinite(value) else str(float(value))
    return f"{shown}{gap}{unit_text(suffix)}"


def unit_text(suffix: str) -> str:
    """A unit of files as people write it: `"uA"` -> `"µA"`, `"mA_per_cm2"` -> `"mA/cm²"`, `"percent"` -> `"%"`."""
    shown = {"percent": "%", "kohm": "kΩ", "ohm": "Ω", "deg": "°"}.get(suffix, suffix)
    parts = [f"µ{part[1:]}" if part in ("uA", "us", "uV") else part for part in shown.split("_per_")]
    return "/".join(parts).replace("2", "²")


def text(value: float, si_suffix: str, digits: int = 3) -> str:
    """Text for people, with the unit they use: `text(0.002, "A")` -> `"2 mA"`."""
    factor, unit = _FOR_PEOPLE[si_suffix]
    gap = "" if unit in "°%" else " "
    return f"{value * factor:.{digits}g}{gap}{unit}"


def range_text(low: float, high: float, si_suffix: str, *, digits: int = 3, with_unit: bool = True) -> str:
    """Two ends for people, the unit said once: `range_text(0.001, 0.002, "A")` -> `"1 to 2 mA"`."""
    factor, _ = _FOR_PEOPLE[si_suffix]
    end = text(high, si_suffix, digits) if with_unit else f"{high * factor:.{digits}g}"
    return f"{low * factor:.{digits}g} to {end}"
