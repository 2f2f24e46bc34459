"""Looking into the ledger: who is in it, the rows of one person, the overrides of a day."""

from __future__ import annotations

from datetime import datetime

import attrs

from stimplan.ledger.chain import Entry
from stimplan.ledger.export import rows_of_ledger
from stimplan.ledger.store import Ledger, speaking
from stimplan.ledger.times import day_start, utc_text


@attrs.frozen
class PersonLine:
    """One person of the ledger, in numbers; `last_session` is UTC text or None."""

    person: str
    plans: int
    sessions: int
    last_session: str | None


@attrs.frozen
class Override:
    """Why somebody went on although a rule said otherwise."""

    seq: int
    rule_id: str
    reason: str
    name: str
    role: str
    at_utc: str

    def sentence(self) -> str:
        """Which rule, who, why."""
        return f"override of {self.rule_id} by {self.name}, {self.role} (row {self.seq}): {self.reason}"


def people_of(ledger: Ledger) -> tuple[PersonLine, ...]:
    """Everybody in the ledger, by code."""
    stands = "seq NOT IN (SELECT corrects FROM chain WHERE corrects IS NOT NULL)"
    query = f"""SELECT person, (SELECT count(*) FROM plan WHERE plan.person = p.person AND plan.{stands}),
        (SELECT count(*) FROM session AS s WHERE s.person = p.person AND s.{stands}),
        (SELECT max(start_utc) FROM session AS s WHERE s.person = p.person AND s.{stands})
        FROM person AS p WHERE p.{stands} ORDER BY person"""
    with speaking(ledger.path):
        return tuple(PersonLine(*row) for row in ledger.connection.execute(query))


def rows_of_person(ledger: Ledger, person: str) -> tuple[Entry, ...]:
    """Every row about a person in the order it was written, also those that were replaced or taken back."""
    own: set[int] = set()
    found = []
    for entry in rows_of_ledger(ledger):
        values = entry.values or {}
        linked = {values.get("plan"), values.get("event"), entry.corrects} - {None}
        if values.get("person") == person or linked & own:
            own.add(entry.seq)
            found.append(entry)
    return tuple(found)


def overrides_today(ledger: Ledger, person: str, now: datetime) -> tuple[Override, ...]:
    """Standing overrides that were given for a person on this day, until now."""
    query = """SELECT seq, rule_id, reason, name, role, at_utc FROM override AS o
        WHERE person = ? AND at_utc BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM chain WHERE corrects = o.seq)
        ORDER BY at_utc, seq"""
    with speaking(ledger.path):
        rows = ledger.connection.execute(query, (person, utc_text(day_start(now)), utc_text(now)))
        return tuple(Override(*row) for row in rows)
