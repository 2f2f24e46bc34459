"""What a person has had so far, as one plain value: the numbers that a check of today's session asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from stimplan.errors import LedgerError, Problem
from stimplan.ledger.chain import is_row_intact, predecessors
from stimplan.ledger.delivered import SessionGroup, charge_of, missed_sessions, session_groups
from stimplan.ledger.impedances import last_impedances
from stimplan.ledger.store import Ledger, reading
from stimplan.ledger.times import from_utc_text, utc_text
from stimplan.protocol.schema_check import nearest

_STANDS = "NOT EXISTS (SELECT 1 FROM chain WHERE corrects = {row}.seq)"


@attrs.frozen
class Event:
    """One adverse event that was there (severity 2 to 4) and has no resolution."""

    seq: int
    at: datetime
    item: str
    severity: int
    relation: int | None
    note: str | None


@attrs.frozen
class Measured:
    """One measured threshold, as a fraction of the stimulator's output."""

    seq: int
    at: datetime
    value_fraction: float
    reference: str


@attrs.frozen
class PlanRow:
    """One standing plan of a person."""

    seq: int
    protocol_id: str
    protocol_digest: str
    protocol_text: str
    modality: str


@attrs.frozen
class History:
    """State of one person at one moment, from the rows that stand (neither replaced nor taken back).

    Days are those of the zone of `now`; a week is today and the six days before, five days are today and four before.
    Sessions, charge and pulses count over all plans of the person, those with `plan_` for `plan` only.

    Attributes
    ----------
    person : str
    now : datetime
    plan : int or None
        Row of the plan that was asked about.
    sessions_delivered, sessions_today, sessions_this_week, sessions_aborted : int
        Aborted sessions count as delivered, with the current and time they had.
    sessions_after_now : int
        Sessions that begin after `now`: a clock is wrong.
    last_session_start : datetime or None
    charge_C, charge_today_C : float or None
        None where the charge of a session cannot be derived.
    pulses, pulses_today, pulses_five_days : int
    plan_sessions : int
    plan_charge_C : float or None
    plan_pulses : int
    planned_sessions : int
        Sessions of the plan that have a date.
    missed_sessions : tuple of int
        Numbers of those whose day is over and that were not delivered.
    thresholds : tuple of Measured
        The newest of each reference.
    unresolved_events : tuple of Event
    last_questionnaire : datetime or None
    last_impedances_ohm : mapping of str to float, or None
        Of the electrodes at the last session of the plan, by site; None where none was written down.
    """

    person: str
    now: datetime
    plan: int | None
    sessions_delivered: int
    sessions_today: int
    sessions_this_week: int
    sessions_aborted: int
    sessions_after_now: int
    last_session_start: datetime | None
    charge_C: float | None
    charge_today_C: float | None
    pulses: int
    pulses_today: int
    pulses_five_days: int
    plan_sessions: int
    plan_charge_C: float | None
    plan_pulses: int
    planned_sessions: int
    missed_sessions: tuple[int, ...]
    thresholds: tuple[Measured, ...]
    unresolved_events: tuple[Event, ...]
    last_questionnaire: datetime | None
    last_impedances_ohm: Mapping[str, float] | None

    @property
    def last_threshold_at(self) -> datetime | None:
        """When a threshold was measured last."""
        return max((one.at for one in self.thresholds), default=None)

    def record(self) -> dict[str, Any]:
        """Plain data for JSON; times in UTC."""
        plain = attrs.asdict(self, value_serializer=lambda _, __, value: _plain(value))
        return {**plain, "last_threshold_at": _plain(self.last_threshold_at)}


def _plain(value: Any) -> Any:
    return utc_text(value) if isinstance(value, datetime) else value


def zoned(now: datetime) -> datetime:
    """The moment asked about; it must have a zone, because days are counted in it.

    Raises
    ------
    LedgerError
        It has none.
    """
    if now.utcoffset() is None:
        raise LedgerError(Problem("now", f"{now.isoformat()} has no zone; add it, such as +01:00"))
    return now


def plans_of(ledger: Ledger, person: str) -> tuple[PlanRow, ...]:
    """Standing plans of a person, the newest first.

    Raises
    ------
    LedgerError
        The person is not in the ledger, or a plan has the wrong hash.
    """
    with reading(ledger):
        known = ledger.connection.execute(f"SELECT 1 FROM person AS p WHERE person = ? AND {_STANDS.format(row='p')}",
                                          (person,)).fetchone()  # fmt: skip
        if known is None:
            what = f"{person!r} is not in this ledger{_nearest_person(ledger, person)}"
            raise LedgerError(Problem("person", what, file=str(ledger.path)))
        rows = ledger.connection.execute(
            "SELECT seq, protocol_id, protocol_digest, protocol_text, modality FROM plan AS p "
            f"WHERE person = ? AND {_STANDS.format(row='p')} ORDER BY seq DESC",
            (person,),
        ).fetchall()
        for row in rows:
            if not is_row_intact(ledger.connection, row[0]):
                what = f"plan row {row[0]} is not what was written; stimplan ledger verify says more"
                raise LedgerError(Problem("", what, file=str(ledger.path)))
    return tuple(PlanRow(*row) for row in rows)


def _nearest_person(ledger: Ledger, person: str) -> str:
    """`"; did you mean 'P-0042'?"`, or ""."""
    codes = [row[0] for row in ledger.connection.execute("SELECT DISTINCT person FROM person ORDER BY person")]
    return nearest(person, codes)


def history_of(ledger: Ledger, person: str, now: datetime, *, plan: int | None = None) -> History:
    """What a person has had until a moment.

    Parameters
    ----------
    ledger : Ledger
    person : str
    now : datetime
        With a zone.
    plan : int, optional
        Row of the plan to be looked at; the newest standing one if left out.

    Raises
    ------
    LedgerError
        The person is not in the ledger, the plan is not one of theirs, or `now` has no zone.
    """
    now = zoned(now)
    with reading(ledger):
        plans = [one.seq for one in plans_of(ledger, person)]
        if plan is not None and plan not in plans:
            raise LedgerError(Problem("plan", f"row {plan} is no standing plan of {person!r}", file=str(ledger.path)))
        plan = plan if plan is not None else next(iter(plans), None)
        family = frozenset(predecessors(ledger.connection, plan)) if plan is not None else frozenset()
        groups = session_groups(ledger.connection, person, now)
        planned, missed = missed_sessions(ledger.connection, family, now)
        thresholds = _thresholds(ledger, person, now)
        events, asked = _events(ledger, person, now)
        impedances = last_impedances(ledger.connection, family, now)
    return History(
        person=person,
        now=now,
        plan=plan,
        planned_sessions=planned,
        missed_sessions=missed,
        thresholds=thresholds,
        unresolved_events=events,
        last_questionnaire=asked,
        last_impedances_ohm=impedances,
        **_sums(groups, family),
    )


def _sums(groups: tuple[SessionGroup, ...], plans: frozenset[int]) -> dict[str, Any]:
    """The fields of a history that are sums over sessions."""
    past = [group for group in groups if group.window != "future"]
    today = [group for group in past if group.window == "today"]
    five_days = [group for group in past if group.window in ("today", "five days")]
    week = [group for group in past if group.window != "earlier"]
    of_plan = [group for group in past if group.plan in plans]
    last = max((group.last_utc for group in past), default=None)
    return {
        "sessions_delivered": sum(group.sessions for group in past),
        "sessions_today": sum(group.sessions for group in today),
        "sessions_this_week": sum(group.sessions for group in week),
        "sessions_aborted": sum(group.aborted for group in past),
        "sessions_after_now": sum(group.sessions for group in groups) - sum(group.sessions for group in past),
        "last_session_start": from_utc_text(last) if last else None,
        "charge_C": charge_of(past),
        "charge_today_C": charge_of(today),
        "pulses": sum(group.pulses for group in past),
        "pulses_today": sum(group.pulses for group in today),
        "pulses_five_days": sum(group.pulses for group in five_days),
        "plan_sessions": sum(group.sessions for group in of_plan),
        "plan_charge_C": charge_of(of_plan),
        "plan_pulses": sum(group.pulses for group in of_plan),
    }


def _thresholds(ledger: Ledger, person: str, now: datetime) -> tuple[Measured, ...]:
    rows = ledger.connection.execute(
        f"""SELECT seq, at_utc, value_fraction, reference FROM threshold AS t
        WHERE person = ? AND at_utc <= ? AND {_STANDS.format(row="t")} ORDER BY at_utc""",
        (person, utc_text(now)),
    )
    newest = {row[3]: Measured(row[0], from_utc_text(row[1]), row[2], row[3]) for row in rows}
    return tuple(sorted(newest.values(), key=lambda one: one.reference))


def _events(ledger: Ledger, person: str, now: datetime) -> tuple[tuple[Event, ...], datetime | None]:
    """Unresolved events, and when a questionnaire was filled in last."""
    asked = ledger.connection.execute(
        f"""SELECT at_utc FROM adverse_event AS a WHERE person = ? AND at_utc <= ? AND form <> 'spontaneous'
        AND {_STANDS.format(row="a")} ORDER BY at_utc DESC LIMIT 1""",
        (person, utc_text(now)),
    ).fetchone()
    rows = ledger.connection.execute(
        f"""SELECT seq, at_utc, item, severity, relation, note, (SELECT corrects FROM chain WHERE chain.seq = a.seq)
        FROM adverse_event AS a
        WHERE person = ? AND at_utc <= ? AND severity > 1 AND {_STANDS.format(row="a")}
        ORDER BY at_utc, seq""",  # the literal 1 (absent) is that of the index
        (person, utc_text(now)),
    ).fetchall()
    resolved = _resolved(ledger, now) if rows else frozenset()
    events = tuple(
        Event(row[0], from_utc_text(row[1]), *row[2:6])
        for row in rows
        if resolved.isdisjoint([row[0]] if row[6] is None else predecessors(ledger.connection, row[0]))
    )
    return events, from_utc_text(asked[0]) if asked else None


def _resolved(ledger: Ledger, now: datetime) -> frozenset[int]:
    """Events that a standing resolution names; one of a row that was replaced holds for the newer row too."""
    found = ledger.connection.execute(
        f"SELECT event FROM resolution AS r WHERE at_utc <= ? AND {_STANDS.format(row='r')}", (utc_text(now),)
    )
    return frozenset(event for (event,) in found)


def moment_now() -> datetime:
    """This moment in the zone of this computer."""
    return datetime.now(UTC).astimezone()
