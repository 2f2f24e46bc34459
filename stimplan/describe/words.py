"""Numbers and lists as people write them; every number exactly as it stands in the file."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from stimplan.site_forms import BeamF3, SiteForm
from stimplan.units import from_si

# How a file writes a unit -> how a sentence does.
_UNIT = {
    "mA": " mA",
    "mm": " mm",
    "cm": " cm",
    "cm2": " cm²",
    "s": " s",
    "ms": " ms",
    "min": " min",
    "h": " h",
    "deg": "°",
    "Hz": " Hz",
    "C": " C",
    "percent": " %",
    "A_per_us": " A/µs",
    "V_per_m": " V/m",
    "A_per_m2": " A/m²",
    "C_per_m2": " C/m²",
}

_STATUS = {
    "read": "read in the source",
    "secondary": "read in a text that quotes the source",
    "recalled": "recalled, to be verified",
    "assumed": "assumed, no source gives it",
}


def number(value: float | Decimal | int) -> str:
    """A number without needless digits, `2.0` -> `"2"`, exact."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    exact = exact.normalize()
    return f"{exact:f}" if -9 <= exact.adjusted() <= 15 else str(exact)


def shown(value: float, suffix: str) -> str:
    """A value in SI as the file writes it, with its unit: `shown(0.002, "mA")` -> `"2 mA"`."""
    return number(from_si(value, suffix)) + _UNIT[suffix]


def bare(value: float, suffix: str) -> str:
    """The same without the unit."""
    return number(from_si(value, suffix))


def signed(value: float, suffix: str) -> str:
    """The same with its sign: `"+2 mA"`."""
    return ("+" if value > 0 else "") + shown(value, suffix)


def rounded(value: float, suffix: str, digits: int = 3) -> str:
    """A derived value in a unit of the file, rounded, with its unit."""
    exact = from_si(value, suffix)
    size = exact.adjusted() if exact else 0
    return number(round(exact, max(digits - 1 - size, 0))) + _UNIT[suffix]


def time_text(seconds: float) -> str:
    """A duration in the unit people would choose, rounded to tenths: `"37.4 min"`, `"40 s"`."""
    if seconds < 120:
        return rounded(seconds, "s", 4)
    return rounded(seconds, "min", 3) if seconds < 3 * 3600 else rounded(seconds, "h", 3)


def listed(items: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def counted(count: int, noun: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop; a word such as tACS keeps its small letter."""
    text = " ".join(text.split())
    if not text:
        return ""
    start = text[0].upper() if text.split()[0].islower() else text[0]
    return start + text[1:] + ("" if text[-1] in ".!?" else ".")


def inner(text: str) -> str:
    """A text as it stands within a sentence: no capital unless it is an abbreviation or a name, no full stop."""
    text = text.strip().rstrip(".;")
    if not text:
        return ""
    return text[0].lower() + text[1:] if text[1:2].islower() and text.split()[0] in _ORDINARY else text


# Capitals at the start of a text that are no names; anything else is left as it was written.
_WORDS = (
    "A An The No Not Any All Each Every One Two If When After Before During Next Set Sham Stop Lower Reduce Raise "
    "Increase Decrease Fewer Less More Better Worse To Of In On With Without Use Give Skin Pain Headache Cellulose "
    "Saline Conductive Solid Sintered Single Carbon Metal Same As Active Session Sessions Current Intensity"
)
_ORDINARY = frozenset(_WORDS.split())


def paragraph(sentences: Sequence[str]) -> str:
    """Sentences one after the other, empty ones left out."""
    return " ".join(sentence(text) for text in sentences if text.strip())


def status_text(status: str) -> str:
    """How a value is known, in words."""
    return _STATUS[status]


def site_text(site: str | SiteForm) -> str:
    """A site by its name, or a place found with a tape measure in words."""
    if isinstance(site, BeamF3):
        return (
            f"{site.label}: {rounded(site.from_midline_m, 'cm')} from the midline to the left around the head, then "
            f"{rounded(site.from_vertex_m, 'cm')} from the vertex towards that mark"
        )
    return site if isinstance(site, str) else f"the place {site.label}"


def point_text(point_m: Sequence[float]) -> str:
    """A point in mm."""
    return "(" + ", ".join(bare(x, "mm") for x in point_m) + ") mm"
