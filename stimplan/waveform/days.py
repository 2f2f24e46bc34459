"""The days of a course, as far as the protocol says them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs

from stimplan.protocol import Course, Phase

# So many days of stimulation a week fall on these days (0 is the first): spread, the last two free while they can be.
_DAYS_OF_WEEK = {
    1: (0,),
    2: (0, 3),
    3: (0, 2, 4),
    4: (0, 1, 3, 4),
    5: (0, 1, 2, 3, 4),
    6: (0, 1, 2, 3, 4, 5),
    7: (0, 1, 2, 3, 4, 5, 6),
}


@attrs.frozen
class Day:
    """A day of stimulation: its number from the first day (0), its sessions, and which phase they belong to."""

    day: int
    sessions: int
    phase: int


@attrs.frozen
class CoursePlan:
    """A course laid out on days.

    Attributes
    ----------
    days : tuple of Day
        In order; empty where the protocol says too little to place them.
    phases : tuple of str
        Names of the phases; ("",) where there are none.
    is_schematic : bool
        Whether something was assumed to place the sessions.
    assumed : tuple of str
        What was assumed, or what is missing, in words.
    """

    days: tuple[Day, ...]
    phases: tuple[str, ...]
    is_schematic: bool
    assumed: tuple[str, ...]

    @property
    def weeks(self) -> int:
        """Weeks the course spans."""
        return self.days[-1].day // 7 + 1 if self.days else 0


def plan_course(course: Course) -> CoursePlan:
    """Lay a course out on days.

    Exact where only one layout is possible: one session, all sessions on one day, or every day of the week. Else the
    days of the week are placed evenly from the first on and the plan is schematic; where the sessions per week and the
    weeks are both unknown nothing is placed.
    """
    phases = course.phases or (Phase("", course.sessions, course.sessions_per_day, course.sessions_per_week),)
    made: list[Day] = []
    assumed: list[str] = []
    first = 0
    for number, phase in enumerate(phases):
        per_day = phase.sessions_per_day or _per_day(course, phase, assumed)
        days = _days_of(phase, per_day, assumed)
        if days is None:
            return CoursePlan((), tuple(p.name for p in phases), True, ("the days are not reported",))
        made += [Day(first + day, sessions, number) for day, sessions in days]
        # The next phase begins with the next week, or on the next day after one without weeks.
        first = made[-1].day + 1 if phase.sessions <= per_day else 7 * (made[-1].day // 7 + 1)
    if len(phases) > 1:
        assumed.append("each phase is placed right after the one before")
    names = tuple(phase.name for phase in phases)
    return CoursePlan(tuple(made), names, bool(assumed), tuple(dict.fromkeys(assumed)))


def _per_day(course: Course, phase: Phase, assumed: list[str]) -> int:
    """Sessions on one day of a phase that does not say so itself."""
    if course.sessions_per_day is not None:
        return course.sessions_per_day
    if phase.sessions > 1:
        assumed.append("one session a day")
    return 1


def _days_of(phase: Phase, per_day: int, assumed: list[str]) -> list[tuple[int, int]] | None:
    """Days of one phase from its first, with the sessions on each; None where they cannot be told."""
    if phase.sessions <= per_day:
        return [(0, phase.sessions)]
    per_week = phase.sessions_per_week
    if per_week is None and phase.weeks is None:
        return None
    if per_week is None and phase.weeks is not None and phase.sessions % phase.weeks == 0:
        per_week = round(phase.sessions / phase.weeks)
    if per_week is None or (phase.weeks is not None and phase.sessions < per_week * (phase.weeks - 1)):
        assert phase.weeks is not None
        assumed.append("sessions are spread evenly over the weeks")
        return list(_spread(phase.sessions, per_day, phase.weeks))
    days_a_week = min(math.ceil(per_week / per_day), 7)
    if days_a_week < 7:
        assumed.append("the days of the week are not reported")
    return list(_weekly(phase.sessions, min(per_week, 7 * per_day), _DAYS_OF_WEEK[days_a_week]))


def _weekly(sessions: int, per_week: int, days: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """The same days every week until all sessions are given; the earlier days take the odd ones."""
    week = 0
    while sessions > 0:
        this_week = min(per_week, sessions)
        for number, day in enumerate(days):
            share = per_week // len(days) + (number < per_week % len(days))
            given = min(share, sessions)
            if given:
                yield 7 * week + day, given
            sessions -= given
        week += 1
        assert this_week > 0


def _spread(sessions: int, per_day: int, weeks: float) -> Iterator[tuple[int, int]]:
    """As many days of `per_day` sessions as it takes, evenly over the weeks."""
    count = math.ceil(sessions / per_day)
    length = max(round(7 * weeks), count)
    for number in range(count):
        yield number * length // count, min(per_day, sessions - number * per_day)
