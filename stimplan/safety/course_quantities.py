"""Quantities of a course and of what a protocol says in words; the same for every modality."""

from __future__ import annotations

import re
from typing import Any

from stimplan.protocol.conditions import is_kind_of
from stimplan.safety.cases import Case, Row, flag

_DAY_S = 86400.0
_MANIA = re.compile(r"\bmanias?\b|\bmanic\b|hypomani|\bYMRS\b", re.IGNORECASE)
_HOME = re.compile(r"\b(at[- ]home|home[- ](based|use|treatment)|home)\b", re.IGNORECASE)


def sessions_per_day(case: Case) -> int | None:
    """Sessions on a day of stimulation; one where the course has one session only."""
    course = case.protocol.course
    return 1 if course.sessions == 1 else course.sessions_per_day


def _session_spacing(case: Case) -> float | None:
    """Shortest time between session starts, s.

    As reported; nominally 24 h for one session a day. Where several sessions a day are given without their
    interval it is not known.
    """
    course = case.protocol.course
    if course.min_gap_s is not None:
        return course.min_gap_s
    return _DAY_S if course.sessions_per_day == 1 else None


def _session_count(case: Case) -> float | None:
    """Number of sessions of the course."""
    return case.protocol.course.sessions


def _is_mood_disorder(case: Case) -> float | None:
    """1 where the protocol is meant for depression of any kind, bipolar depression among them."""
    indication = getattr(case.protocol, "indication", None)
    return flag(indication is not None and is_kind_of(indication.condition, "depression"))


def _mania_measures(case: Case) -> float | None:
    """Number of outcome measures that ask for mania or hypomania; None where no outcome is given."""
    outcomes = getattr(case.protocol, "outcomes", ())
    return float(sum(bool(_MANIA.search(outcome.measure)) for outcome in outcomes)) if outcomes else None


def _reported(protocol: Any) -> dict[str, str | bool]:
    return dict(getattr(protocol, "reporting", ()))


def _is_home_use(case: Case) -> float | None:
    """1 where title, schedule, purpose or the reported supervision speak of the home.

    0 does not say that the sessions are given elsewhere, only that the protocol does not mention a home.
    """
    protocol = case.protocol
    texts = [getattr(protocol, "title", None), getattr(protocol, "purpose", None), protocol.course.schedule]
    texts.append(str(_reported(protocol).get("supervision", "")))
    return flag(any(_HOME.search(text) for text in texts if text))


def _home_supervision(case: Case) -> float | None:
    """1 where the protocol says who supervises the sessions, 0 where it says nobody does, else None."""
    told = _reported(case.protocol).get("supervision")
    return None if told is None else flag(bool(told))


COURSE: tuple[Row, ...] = (
    ("session_spacing_s", "s", "the time between sessions", "protocol", _session_spacing),
    ("session_count", "", "the number of sessions", "protocol", _session_count),
    ("sessions_per_day", "", "the number of sessions on one day", "protocol", sessions_per_day),
    ("is_mood_disorder", "", "whether the protocol is meant for depression", "protocol", _is_mood_disorder),
    ("mania_measures", "", "a measure of mania among the outcomes", "protocol", _mania_measures),
    ("is_home_use", "", "whether the sessions are given at home", "protocol", _is_home_use),
    ("home_supervision", "", "who supervises the sessions", "protocol", _home_supervision),
)
