"""The days of a course: exact where only one layout is possible, schematic or none elsewhere."""

from __future__ import annotations

from hypothesis import given
from strategies import courses

from stimplan.protocol import Course, Phase
from stimplan.waveform import plan_course


def course(sessions, per_day=1, per_week=None, phases=()):
    return Course(sessions, per_day, None, None, per_week, phases)


def days(plan):
    return [(day.day, day.sessions) for day in plan.days]


def test_one_session_is_one_day():
    plan = plan_course(course(1, None))
    assert days(plan) == [(0, 1)] and not plan.is_schematic and plan.weeks == 1


def test_all_on_one_day_is_exact():
    plan = plan_course(course(4, 5))
    assert days(plan) == [(0, 4)] and not plan.is_schematic


def test_every_day_of_the_week_is_exact():
    plan = plan_course(course(10, 1, 7))
    assert days(plan) == [(day, 1) for day in range(10)] and not plan.is_schematic


def test_five_a_week_are_placed_on_five_days_and_called_schematic():
    plan = plan_course(course(12, 1, 5))
    assert days(plan) == [(d, 1) for d in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15)]
    assert plan.is_schematic and plan.assumed == ("the days of the week are not reported",)


def test_ten_a_day_five_days_are_fifty_a_week():
    assert days(plan_course(course(50, 10, 50))) == [(d, 10) for d in range(5)]


def test_a_course_without_weeks_is_not_placed():
    plan = plan_course(course(30))
    assert plan.days == () and plan.is_schematic and plan.assumed == ("the days are not reported",) and plan.weeks == 0


def test_phases_follow_each_other_in_new_weeks():
    taper = (Phase("acute", 10, 1, 5), Phase("taper", 3, 1, 1))
    plan = plan_course(course(13, 1, 5, taper))
    assert days(plan)[-3:] == [(14, 1), (21, 1), (28, 1)]
    assert [day.phase for day in plan.days] == [0] * 10 + [1] * 3
    assert plan.phases == ("acute", "taper") and "each phase is placed right after the one before" in plan.assumed


def test_sessions_over_weeks_are_spread():
    plan = plan_course(course(4, 1, None, (Phase("maintenance", 4, 1, None, 16.0),)))
    assert days(plan) == [(0, 1), (28, 1), (56, 1), (84, 1)] and plan.is_schematic


def test_sessions_and_weeks_that_divide_are_so_many_a_week():
    plan = plan_course(course(50, 10, None, (Phase("accelerated", 50, 10, None, 1.0),)))
    assert days(plan) == [(d, 10) for d in range(5)] and plan.is_schematic
    plan = plan_course(course(20, 1, None, (Phase("acute", 20, 1, None, 4.0),)))
    assert days(plan) == [(7 * week + day, 1) for week in range(4) for day in range(5)]


def test_a_day_count_that_is_assumed_is_said():
    assert "one session a day" in plan_course(course(10, None, 5)).assumed


@given(courses())
def test_every_session_is_placed_once_and_in_order(given_course):
    plan = plan_course(given_course)
    if not plan.days:
        return
    assert sum(day.sessions for day in plan.days) == given_course.sessions
    numbers = [day.day for day in plan.days]
    assert numbers == sorted(set(numbers)) and all(day.sessions >= 1 for day in plan.days)
    for number, phase in enumerate(given_course.phases):
        assert sum(day.sessions for day in plan.days if day.phase == number) == phase.sessions
