"""Sessions that were delivered, added up, and planned ones that were not; from the rows that stand."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import attrs

from stimplan.ledger.chain import predecessors
from stimplan.ledger.times import day_start, from_utc_text, local_day, utc_text

WEEK_DAYS = 7
PULSE_DAYS = 5
Window = Literal["future", "today", "five days", "week", "earlier"]
_STANDS = "NOT EXISTS (SELECT 1 FROM chain WHERE corrects = {row}.seq)"


@attrs.frozen
class SessionGroup:
    """Sessions of one plan in one window of time that had the same current and duration.

    Attributes
    ----------
    plan : int
    window : {"future", "today", "five days", "week", "earlier"}
        The narrowest that holds them: after now, on this day, on the four days before, on the two before those.
    sessions, aborted, pulses : int
    charge_C : float or None
        Of all of them; None where it cannot be derived.
    last_utc : str
        Start of the last one.
    """

    plan: int
    window: Window
    sessions: int
    aborted: int
    pulses: int
    charge_C: float | None
    last_utc: str


def session_groups(connection: sqlite3.Connection, person: str, now: datetime) -> tuple[SessionGroup, ...]:
    """Delivered sessions of a person in groups.

    The charge of a session is that of its plan, times delivered over planned current, times delivered over planned
    time at the full level: exact for a current without pauses, in proportion for one with pauses; zero for a coil.
    """
    query = """SELECT s.plan, CASE WHEN s.start_utc > :now THEN 'future' WHEN s.start_utc >= :today THEN 'today'
        WHEN s.start_utc >= :five THEN 'five days' WHEN s.start_utc >= :week THEN 'week' ELSE 'earlier' END AS span,
        count(*), count(s.aborted), ifnull(sum(s.pulses), 0),
        count(*) * CASE WHEN p.modality = 'TMS' THEN 0.0 ELSE
        p.nominal_charge_C * (s.current_A / p.nominal_current_A) * (s.duration_s / p.nominal_duration_s) END,
        max(s.start_utc)
        FROM session AS s JOIN plan AS p ON p.seq = s.plan
        WHERE s.person = :person AND s.seq NOT IN (SELECT corrects FROM chain WHERE corrects IS NOT NULL)
        GROUP BY s.plan, span, s.current_A, s.duration_s"""
    values = {
        "person": person,
        "now": utc_text(now),
        "today": utc_text(day_start(now)),
        "five": utc_text(day_start(now, days_before=PULSE_DAYS - 1)),
        "week": utc_text(day_start(now, days_before=WEEK_DAYS - 1)),
    }
    return tuple(SessionGroup(*row) for row in connection.execute(query, values))


def charge_of(groups: Iterable[SessionGroup]) -> float | None:
    """Sum of charges to twelve digits, as the safety rules round doses; unknown where one is, C."""
    charges = [group.charge_C for group in groups]
    known = [charge for charge in charges if charge is not None]
    return float(f"{math.fsum(known):.12g}") if len(known) == len(charges) else None


def missed_sessions(
    connection: sqlite3.Connection, plans: frozenset[int], now: datetime
) -> tuple[int, tuple[int, ...]]:
    """How many sessions of a plan have a date, and the numbers of those not delivered by the end of their day.

    `plans` is the plan and the rows it replaced. A session counts for the planned one it names; one that names none
    counts for one planned on its day.
    """
    marks = ", ".join("?" * len(plans))
    rows = connection.execute(
        f"SELECT seq, number, start_utc FROM planned_session AS p WHERE plan IN ({marks}) "
        f"AND {_STANDS.format(row='p')} ORDER BY start_utc",
        tuple(plans),
    ).fetchall()
    if not rows:
        return 0, ()
    delivered = connection.execute(
        f"SELECT planned, start_utc FROM session AS s WHERE plan IN ({marks}) AND start_utc <= ? "
        f"AND {_STANDS.format(row='s')}",
        (*plans, utc_text(now)),
    ).fetchall()
    named = {planned for planned, _ in delivered if planned is not None}
    free = Counter(local_day(from_utc_text(start), now) for planned, start in delivered if planned is None)
    missed = []
    for seq, number, start in rows:
        day = local_day(from_utc_text(start), now)
        if not named.isdisjoint(predecessors(connection, seq)):
            continue
        if free[day]:
            free[day] -= 1
        elif day < now.date():
            missed.append(number)
    return len(rows), tuple(sorted(missed))
