"""Every number a rule may ask for, by name. The name ends in its SI unit.

A quantity is a function of a `Case`: the protocol, the simulated field where there is one, and for quantities of
scope "electrode" one electrode. It returns None where the protocol does not say. Nothing is guessed.

Doses are products and quotients of decimal numbers (2 mA on 5 cm x 5 cm is exactly 0.8 A/m²), but binary
floating point misses them by an ulp (0.7999999999999998). Derived quantities are therefore rounded to twelve
significant digits, so that a dose exactly at a limit is at the limit; an excess of one part in 10^11 still counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

Scope = Literal["protocol", "electrode", "field"]
_DAY_S = 86400.0


@attrs.frozen
class Case:
    """What a quantity may look at."""

    protocol: Any
    field: Mapping[str, float] | None = None
    electrode: Any = None


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
    scope : {"protocol", "electrode", "field"}
        "electrode": judged for every electrode. "field": needs a simulated field.
    measure : callable
        `Case -> float or None`, SI.
    """

    name: str
    unit: str
    label: str
    scope: Scope
    measure: Callable[[Case], float | None]


def _twelve_digits(value: float) -> float:
    return float(f"{value:.12g}")


def _smallest(values: list[float]) -> float | None:
    """Smallest value, None for no value; one that is not finite is not hidden by the others."""
    if not values:
        return None
    odd = [value for value in values if not math.isfinite(value)]
    return math.nan if any(map(math.isnan, odd)) else odd[0] if odd else min(values)


def _electrode_current(case: Case) -> float | None:
    """Current into the head at this electrode, A: positive for an anode."""
    return case.electrode.current_A


def _electrode_current_size(case: Case) -> float | None:
    """Current at this electrode without its sign, A."""
    current = case.electrode.current_A
    return None if current is None else abs(current)


def _electrode_area(case: Case) -> float | None:
    """Contact area, m²; a ring's hole does not count."""
    shape = case.electrode.shape
    return None if shape is None else _twelve_digits(shape.area_m2)


def _layers(case: Case) -> list[float] | None:
    thickness = [layer.thickness_m for layer in case.electrode.layers or ()]
    return None if not thickness or None in thickness else thickness


def _thinnest_layer(case: Case) -> float | None:
    """Thickness of the thinnest layer between metal and skin, m; None where no layer is given."""
    thickness = _layers(case)
    return None if thickness is None else _smallest(thickness)


def _all_layers(case: Case) -> float | None:
    """Thickness of all layers together, m; None where no layer is given."""
    thickness = _layers(case)
    return None if thickness is None else _twelve_digits(sum(thickness))


def _current_density(case: Case) -> float | None:
    """Mean current density |I| / A under this electrode, A/m². The density at the rim is higher."""
    current, area = _electrode_current_size(case), _electrode_area(case)
    if current is None or area is None:
        return None
    return _twelve_digits(current / area) if area else math.inf


def _charge_density(case: Case) -> float | None:
    """Mean charge density of one session, |I| t / A, C/m²."""
    density, duration = _current_density(case), _duration(case)
    return None if density is None or duration is None else _twelve_digits(density * duration)


def _duration(case: Case) -> float | None:
    """Time at full current in one session, s; ramps come on top."""
    return case.protocol.waveform.duration_s


def _total_current(case: Case) -> float | None:
    """Current through the head, A: half the sum of |I| over the electrodes.

    For a balanced montage this is what the anodes deliver together, the number on the stimulator's display. It is
    never below the current of a single electrode, so a limit on it holds for each electrode too.
    """
    currents = [electrode.current_A for electrode in case.protocol.electrodes]
    if not currents or None in currents:
        return None
    return _twelve_digits(math.fsum(map(abs, currents)) / 2)


def _imbalance(case: Case) -> float | None:
    """|Sum of all electrode currents|, A. What goes in must come out."""
    currents = [electrode.current_A for electrode in case.protocol.electrodes]
    if not currents or None in currents:
        return None
    return round(abs(sum(currents)), 15)  # to the femtoampere


def _session_charge(case: Case) -> float | None:
    """Nominal charge of a session, C: total current x time at full current, as dose tables give it (no ramps)."""
    current, duration = _total_current(case), _duration(case)
    return None if current is None or duration is None else _twelve_digits(current * duration)


def _sessions_per_day(case: Case) -> int | None:
    """Sessions on a day of stimulation; one where the course has one session only."""
    course = case.protocol.course
    return 1 if course.sessions == 1 else course.sessions_per_day


def _times(value: float | None, count: int | None) -> float | None:
    return None if value is None or count is None or count < 1 else _twelve_digits(value * count)


def _daily_duration(case: Case) -> float | None:
    """Time at full current on a day of stimulation, s."""
    return _times(_duration(case), _sessions_per_day(case))


def _daily_charge(case: Case) -> float | None:
    """Nominal charge on a day of stimulation, C."""
    return _times(_session_charge(case), _sessions_per_day(case))


def _course_charge(case: Case) -> float | None:
    """Nominal charge of the whole course, C."""
    return _times(_session_charge(case), case.protocol.course.sessions)


def _session_spacing(case: Case) -> float | None:
    """Shortest time between session starts, s.

    The reported one; where none is reported and there is at most one session a day, nominally a day. A single
    session has none, so rules about it leave single sessions out.
    """
    course = case.protocol.course
    if course.min_gap_s is not None:
        return course.min_gap_s
    return _DAY_S if course.sessions_per_day == 1 else None


def _session_count(case: Case) -> float | None:
    """Number of sessions of the course."""
    return case.protocol.course.sessions


def _ramps(case: Case) -> list[float | None]:
    return [case.protocol.waveform.ramp_up_s, case.protocol.waveform.ramp_down_s]


def _shortest_ramp(case: Case) -> float | None:
    """Shorter of ramp-up and ramp-down, s; None where one of them is not reported."""
    ramps = [ramp for ramp in _ramps(case) if ramp is not None]
    return _smallest(ramps) if len(ramps) == 2 else None


def _shortest_reported_ramp(case: Case) -> float | None:
    """Shortest of the ramps that are reported, s."""
    return _smallest([ramp for ramp in _ramps(case) if ramp is not None])


def _from_field(key: str) -> Callable[[Case], float | None]:
    return lambda case: None if case.field is None else case.field.get(key)


_TABLE: tuple[tuple[str, str, str, Scope, Callable[[Case], float | None]], ...] = (
    ("total_current_A", "A", "the total current", "protocol", _total_current),
    ("current_imbalance_A", "A", "the sum of the electrode currents", "protocol", _imbalance),
    ("session_duration_s", "s", "the duration of a session", "protocol", _duration),
    ("session_charge_C", "C", "the charge of a session", "protocol", _session_charge),
    ("daily_duration_s", "s", "the stimulation time per day", "protocol", _daily_duration),
    ("daily_charge_C", "C", "the charge per day", "protocol", _daily_charge),
    ("course_charge_C", "C", "the charge of the course", "protocol", _course_charge),
    ("session_spacing_s", "s", "the time between sessions", "protocol", _session_spacing),
    ("session_count", "", "the number of sessions", "protocol", _session_count),
    ("shortest_ramp_s", "s", "the ramp-up or ramp-down time", "protocol", _shortest_ramp),
    ("shortest_reported_ramp_s", "s", "the shortest reported ramp", "protocol", _shortest_reported_ramp),
    ("electrode_current_A", "A", "the signed current of the electrode", "electrode", _electrode_current),
    ("electrode_current_size_A", "A", "the current of the electrode", "electrode", _electrode_current_size),
    ("electrode_area_m2", "m2", "the contact area of the electrode", "electrode", _electrode_area),
    ("electrode_thinnest_layer_m", "m", "the layers between metal and skin", "electrode", _thinnest_layer),
    ("electrode_layers_m", "m", "the layers between metal and skin", "electrode", _all_layers),
    (
        "electrode_current_density_A_per_m2",
        "A_per_m2",
        "the current density at the electrode",
        "electrode",
        _current_density,
    ),
    (
        "electrode_charge_density_C_per_m2",
        "C_per_m2",
        "the charge density at the electrode",
        "electrode",
        _charge_density,
    ),
    (
        "brain_current_density_p999_A_per_m2",
        "A_per_m2",
        "the simulated current density in the brain",
        "field",
        _from_field("brain_current_density_p999_A_per_m2"),
    ),
)

QUANTITIES: Mapping[str, Quantity] = {row[0]: Quantity(*row) for row in _TABLE}
