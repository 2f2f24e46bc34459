"""How strong: from what was set or measured to what drives the coil, and back, with every step in words.

Four ways to say it stand in a row, and each step between neighbours needs one fact:

    % of a threshold  --(threshold, % of the output)--  % of the output  --(dI/dt at 100 %)--  dI/dt
    dI/dt  --(field at the target for 1 A/s)--  V/m at the target

Stimulators that show the rate of each pulse give the threshold as dI/dt, and the first two steps become one.

The output scale is taken as proportional to dI/dt, as stimulators with a capacitor charged in proportion to the
setting have it; a device with another law needs its measured dI/dt instead. The field is proportional to dI/dt exactly.
A step without its fact is refused by name: a threshold is a measurement of one person, never a typical value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import attrs

from stimplan.coil.values import Coil
from stimplan.errors import CoilError, Problem
from stimplan.units import text
from stimplan.values import frozen_mapping

Form = Literal["rMT", "aMT", "1mV", "phosphene", "MSO", "didt", "field"]
THRESHOLDS = ("rMT", "aMT", "1mV", "phosphene")
FORMS = (*THRESHOLDS, "MSO", "didt", "field")
_AT_FULL = "at 100 % of the output"
_NAMES = {
    "rMT": "resting motor threshold",
    "aMT": "active motor threshold",
    "1mV": "intensity for a response of 1 mV",
    "phosphene": "phosphene threshold",
}


class Stated(Protocol):
    """An intensity as protocols state it: exactly one of the three ways; see `stimplan.protocol.magnetic.Intensity`."""

    @property
    def value_fraction(self) -> float | None: ...
    @property
    def reference(self) -> str | None: ...
    @property
    def didt_A_per_s(self) -> float | None: ...
    @property
    def field_V_per_m(self) -> float | None: ...


def _positive(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise CoilError(Problem(attribute.name, f"must be a finite number above 0, got {value!r}"))


@attrs.frozen
class Known:
    """The facts the steps need; None, or absent, where they are not known.

    Attributes
    ----------
    thresholds_fraction : mapping of str to float
        Measured thresholds as fractions of the stimulator's output, by `rMT`, `aMT`, `1mV`, `phosphene`: of this
        person, with this coil and stimulator.
    max_didt_A_per_s : float or None
        Rate of the coil current at 100 % of the output, of this coil on this stimulator.
    field_V_per_m_for_1_A_per_s : float or None
        Field at the target for 1 A/s, from a solved field at the pose in question.
    thresholds_didt_A_per_s : mapping of str to float
        Measured thresholds as rates of the coil current; a threshold is given in one of the two ways.
    rate_of : str
        Which stimulator the rate is of, for the steps as text; "" where it is the one at hand.
    """

    thresholds_fraction: Mapping[str, float] = attrs.field(factory=dict, converter=frozen_mapping)
    max_didt_A_per_s: float | None = attrs.field(default=None, validator=_positive)
    field_V_per_m_for_1_A_per_s: float | None = attrs.field(default=None, validator=_positive)
    thresholds_didt_A_per_s: Mapping[str, float] = attrs.field(factory=dict, converter=frozen_mapping)
    rate_of: str = ""

    def __attrs_post_init__(self) -> None:
        problems = []
        kinds = (
            ("thresholds_fraction", 1.0, "a fraction of the output above 0 and at most 1"),
            ("thresholds_didt_A_per_s", math.nextafter(math.inf, 0), "a finite rate above 0"),
        )
        for kind, most, expected in kinds:
            for name, value in getattr(self, kind).items():
                if name not in THRESHOLDS:
                    what = f"there is no threshold {name!r}; known are {', '.join(THRESHOLDS)}"
                    problems.append(Problem(kind, what))
                elif not 0 < value <= most:
                    problems.append(Problem(f"{kind}.{name}", f"a threshold is {expected}, got {value!r}"))
        for name in self.thresholds_fraction.keys() & self.thresholds_didt_A_per_s.keys():
            what = "is given as a share of the output and as dI/dt; leave one of the two out"
            problems.append(Problem(f"thresholds_fraction.{name}", what))
        if problems:
            raise CoilError(problems)

    @classmethod
    def of(cls, coil: Coil, **facts: Any) -> Known:
        """The facts with the rate at 100 % that the coil's file or catalogue entry states, where it does."""
        return cls(max_didt_A_per_s=coil.max_didt_A_per_s, rate_of=stimulator_of(coil), **facts)


@attrs.frozen
class Converted:
    """A converted intensity.

    Attributes
    ----------
    value : float
        Fraction for a threshold or the output, A/s for `didt`, V/m for `field`.
    form : str
    steps : tuple of str
        Each multiplication with its numbers, in order; empty where there was nothing to convert.
    """

    value: float
    form: Form
    steps: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join(self.steps) if self.steps else shown(self.value, self.form)


def stimulator_of(coil: Coil) -> str:
    """The stimulator whose rate a coil's file or entry states, as text: a percentage of another's output is another."""
    named = [f"{one.brand} {one.name}".strip() for one in coil.stimulators if one.max_didt_A_per_s is not None]
    return ", ".join(dict.fromkeys(name for name in named if name))


def convert(intensity: Stated, want: Form, known: Known) -> Converted:
    """Express an intensity in another way.

    Parameters
    ----------
    intensity : Intensity
        Of a protocol: a fraction of a reference, a dI/dt, or a field at the target.
    want : {"rMT", "aMT", "1mV", "phosphene", "MSO", "didt", "field"}
    known : Known

    Raises
    ------
    CoilError
        Every fact that is missing for it, by name; an intensity stated in no way or in several; more than 100 % of
        the stimulator's output.
    """
    if want not in FORMS:
        raise CoilError(f"an intensity is expressed in one of {', '.join(map(repr, FORMS))}, got {want!r}")
    have, value = _stated(intensity)
    if have == want:
        return Converted(value, want, ())
    problems = missing_facts(intensity, want, known)
    if problems:
        raise CoilError(list(problems))
    steps: list[str] = []
    at = have
    while at != want:
        at, value = _step(at, value, want, known, steps)
    if known.rate_of:
        steps = [step.replace(_AT_FULL, f"{_AT_FULL} of {known.rate_of}") for step in steps]
    return Converted(value, want, tuple(steps))


def shown(value: float, form: Form) -> str:
    """An intensity as text for people."""
    if form == "didt":
        return text(value, "A_per_s", 4)
    if form == "field":
        return text(value, "V_per_m", 4)
    return f"{text(value, 'fraction', 4)} of {'the output' if form == 'MSO' else form}"


def _stated(intensity: Stated) -> tuple[Form, float]:
    ways: list[tuple[Any, float]] = []
    if intensity.value_fraction is not None:
        ways.append((intensity.reference, intensity.value_fraction))
    if intensity.didt_A_per_s is not None:
        ways.append(("didt", intensity.didt_A_per_s))
    if intensity.field_V_per_m is not None:
        ways.append(("field", intensity.field_V_per_m))
    if len(ways) != 1 or ways[0][0] not in FORMS:
        raise CoilError(f"an intensity is stated in exactly one way, with its reference; got {intensity!r}")
    form, value = ways[0]
    if not 0 < value < math.inf:
        raise CoilError(f"an intensity is a finite number above 0, got {value!r}")
    return form, value


def missing_facts(intensity: Stated, want: Form, known: Known) -> tuple[Problem, ...]:
    """A problem for every fact that `convert` would need and that is not known; empty where it can convert."""
    have, _ = _stated(intensity)
    problems = []
    for form in dict.fromkeys((have, want)) if have != want else ():
        if form in THRESHOLDS and form not in {**known.thresholds_fraction, **known.thresholds_didt_A_per_s}:
            what = f"the {_NAMES[form]} ({form}) of this person, in % of the output of this stimulator with this coil"
            problems.append(Problem(f"thresholds_fraction.{form}", f"missing: {what}, or as dI/dt"))
    if have != want and _is_rate(have, known) != _is_rate(want, known) and known.max_didt_A_per_s is None:
        what = "missing: dI/dt at 100 % of the output, of this coil on this stimulator"
        problems.append(Problem("max_didt_A_per_s", what))
    if have != want and "field" in (have, want) and known.field_V_per_m_for_1_A_per_s is None:
        what = "missing: the field at the target for 1 A/s, from a solved field at this pose"
        problems.append(Problem("field_V_per_m_for_1_A_per_s", what))
    return tuple(problems)


def _is_rate(form: Form, known: Known) -> bool:
    """Whether an intensity is one step from dI/dt without the output scale between them."""
    return form in ("didt", "field") or form in known.thresholds_didt_A_per_s


def _step(  # noqa: PLR0911 - a table, one row per step between two forms
    at: Form, value: float, want: Form, known: Known, steps: list[str]
) -> tuple[Form, float]:
    """One multiplication towards what is wanted; its text goes to the steps."""
    rates = known.thresholds_didt_A_per_s
    if at in THRESHOLDS and at in rates:
        return "didt", _times(value, at, rates[at], "didt", steps)
    if at in THRESHOLDS:
        return "MSO", _times(value, at, known.thresholds_fraction[at], "MSO", steps)
    if at == "MSO" and want in known.thresholds_fraction:
        return want, _times(value, at, 1 / known.thresholds_fraction[want], want, steps)
    if at == "MSO":
        return "didt", _times(value, at, known.max_didt_A_per_s or math.nan, "didt", steps)
    if at == "didt" and want == "field":
        return "field", _times(value, at, known.field_V_per_m_for_1_A_per_s or math.nan, "field", steps)
    if at == "didt" and want in rates:
        return want, _times(value, at, 1 / rates[want], want, steps)
    if at == "didt":
        return "MSO", _times(value, at, 1 / (known.max_didt_A_per_s or math.nan), "MSO", steps)
    return "didt", _times(value, at, 1 / (known.field_V_per_m_for_1_A_per_s or math.nan), "didt", steps)


def _times(value: float, at: Form, factor: float, to: Form, steps: list[str]) -> float:
    result = value * factor
    steps.append(f"{shown(value, at)} {_words(at, to, factor)} = {shown(result, to)}")
    if to == "MSO" and not result <= 1 + 1e-9:
        what = f"this needs {text(result, 'fraction', 4)} of the output, more than the stimulator gives"
        raise CoilError(Problem("", f"{what} ({'; '.join(steps)})"))
    return result


def _words(at: Form, to: Form, factor: float) -> str:  # noqa: PLR0911 - a table, one row per step
    match at, to:
        case ("didt", "field"):
            return f"× {factor * 1e6:.4g} V/m for 1 A/µs"
        case ("field", "didt"):
            return f"/ {1e6 / factor:.4g} V/m for 1 A/µs"
        case ("MSO", "didt"):
            return f"× {shown(factor, 'didt')} {_AT_FULL}"
        case ("didt", "MSO"):
            return f"/ {shown(1 / factor, 'didt')} {_AT_FULL}"
        case (_, "didt"):
            return f"× {shown(factor, 'didt')} at {at}"
        case ("didt", _):
            return f"/ {shown(1 / factor, 'didt')} at {to}"
        case (_, "MSO"):
            return f"× {shown(factor, 'MSO')} at {at}"
    return f"/ {shown(1 / factor, 'MSO')} at {to}"
