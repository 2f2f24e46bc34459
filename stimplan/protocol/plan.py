"""What surrounds the stimulation: who, why, how often, with what, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import attrs

from stimplan.montage import Point

SourceStatus = Literal["read", "secondary", "recalled"]


@attrs.frozen
class Indication:
    """Condition that is treated: an id of `protocols/conditions.json`, and the source's own words."""

    condition: str
    note: str | None = None


@attrs.frozen
class Target:
    """The place in the brain that is meant: a name, and where it is known the ball around an MNI point."""

    label: str
    mni_m: Point | None
    radius_m: float | None


@attrs.frozen
class Phase:
    """One part of a course; None where the source does not report it.

    Attributes
    ----------
    name : str
        acute, continuation, taper, maintenance, priming, booster, accelerated, baseline or other.
    sessions : int
    sessions_per_day, sessions_per_week : int or None
    weeks : float or None
    """

    name: str
    sessions: int
    sessions_per_day: int | None = None
    sessions_per_week: int | None = None
    weeks: float | None = None


@attrs.frozen
class Course:
    """How often the session is given.

    Attributes
    ----------
    sessions : int
        Sessions in all.
    sessions_per_day : int or None
        Most sessions on one day; None where it is not reported.
    min_gap_s : float or None
        Least time from the start of one session to the start of the next, s; None where it is not reported.
    schedule : str or None
        The schedule in words.
    sessions_per_week : int or None
        Most sessions in one week; None where it is not reported.
    phases : tuple of Phase
        The parts of the course in their order, their sessions summing to `sessions`; empty where it has none.
    """

    sessions: int
    sessions_per_day: int | None
    min_gap_s: float | None
    schedule: str | None
    sessions_per_week: int | None = None
    phases: tuple[Phase, ...] = ()


@attrs.frozen
class Sham:
    """What the comparison group received; times in s."""

    type: str
    description: str | None = None
    ramp_up_s: float | None = None
    duration_s: float | None = None
    ramp_down_s: float | None = None


@attrs.frozen
class Step:
    """What is done when something happens: a titration, an adjustment, a stop."""

    kind: Literal["titration", "adjust", "stop"]
    condition: str
    action: str


@attrs.frozen
class Therapy:
    """The therapy the stimulation is paired with, and when in relation to it."""

    name: str
    timing: Literal["before", "during", "after"] | None
    note: str | None = None


@attrs.frozen
class Outcome:
    """An outcome measure, the range of its scores, and the sessions after which it is taken (0: before the first)."""

    measure: str
    low: float | None = None
    high: float | None = None
    at_sessions: tuple[int, ...] = ()


@attrs.frozen
class Evidence:
    """How good the evidence is, by which scheme, and how we know."""

    grade: Literal["A", "B", "C", "none"]
    scheme: str | None
    design: str
    status: SourceStatus


@attrs.frozen
class Result:
    """What came out of the study."""

    direction: Literal["positive", "negative", "mixed", "physiological", "not-read"]
    summary: str | None
    n_active: int | None = None
    n_total: int | None = None


@attrs.frozen
class PublishedTotals:
    """Totals as the source gives them; `note` explains where they differ from the derived ones."""

    pulses_per_session: int | None = None
    session_duration_s: float | None = None
    charge_per_session_C: float | None = None
    note: str | None = None


def _sorted_conductivities(values: Iterable[tuple[str, float]] | None) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(values or ()))


@attrs.frozen
class Simulation:
    """How the field is simulated where nobody says otherwise: a set of conductivities, and some before it, S/m."""

    conductivity_preset: str | None = None
    conductivities_S_per_m: tuple[tuple[str, float], ...] = attrs.field(default=(), converter=_sorted_conductivities)
