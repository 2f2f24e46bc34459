"""What the dose ledger adds to a sign-off: today's session against the history, and the overrides on record."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.errors import LedgerError, Problem

if TYPE_CHECKING:
    from stimplan.ledger import Ledger
    from stimplan.protocol import Protocol
    from stimplan.safety import Finding


@attrs.frozen
class OverrideOnRecord:
    """Why somebody went on although a rule said otherwise, and what it was written for.

    Attributes
    ----------
    seq : int
        Row of the ledger.
    rule_id, reason, name, role, at_utc : str
    plan : int or None
        Row of the plan it was written for.
    is_for_this : bool
        It was written for the plan that is signed here; one about the history, also on this day.
    """

    seq: int
    rule_id: str
    reason: str
    name: str
    role: str
    at_utc: str
    plan: int | None
    is_for_this: bool


@attrs.frozen
class LedgerPart:
    """State of one person's ledger at one moment.

    Attributes
    ----------
    person : str
    at : str
        The moment that was asked about, ISO with its zone.
    plan : int or None
        Row of the plan with exactly this protocol.
    findings : tuple of Finding
        Today's session against plan and history.
    overrides : tuple of OverrideOnRecord
    rows : int
    head : str
        Newest hash of the chain: on paper it shows later whether rows were cut off.
    """

    person: str
    at: str
    plan: int | None
    findings: tuple[Finding, ...]
    overrides: tuple[OverrideOnRecord, ...]
    rows: int
    head: str


def ledger_part(ledger: Ledger, person: str, *, protocol: Protocol, now: datetime) -> LedgerPart:
    """Read everything the sign-off says about a person's history.

    Raises
    ------
    LedgerError
        The hash chain does not hold, every faulty row named: nothing is signed on a ledger that was changed.
    """
    from stimplan.ledger import judge_today, plan_of, verify
    from stimplan.ledger.look import overrides_today

    found = verify(ledger)
    if not found.is_intact:
        raise LedgerError([Problem("", str(fault), file=str(ledger.path)) for fault in found.faults])
    plan = plan_of(ledger, person, protocol)
    row = plan.seq if plan else None
    today = {one.seq for one in overrides_today(ledger, person, now)}
    return LedgerPart(
        person=person,
        at=now.isoformat(timespec="minutes"),
        plan=row,
        findings=tuple(judge_today(ledger, person, protocol=protocol, now=now)),
        overrides=_overrides(ledger, person, plan=row, today=today),
        rows=found.rows,
        head=found.head,
    )


def _overrides(ledger: Ledger, person: str, *, plan: int | None, today: set[int]) -> tuple[OverrideOnRecord, ...]:
    """Every standing override of a person, in the order it was written."""
    from stimplan.ledger import rows_of_ledger

    entries = list(rows_of_ledger(ledger))
    replaced = {entry.corrects for entry in entries}
    found = []
    for entry in entries:
        values = entry.values or {}
        if entry.kind == "override" and values.get("person") == person and entry.seq not in replaced:
            found.append(_on_record(entry.seq, values, plan=plan, today=today))
    return tuple(found)


def _on_record(seq: int, values: Any, *, plan: int | None, today: set[int]) -> OverrideOnRecord:
    is_of_plan = plan is not None and values.get("plan") == plan
    is_history = values["rule_id"].startswith("LEDGER-")
    fields = {name: values[name] for name in ("rule_id", "reason", "name", "role", "at_utc")}
    is_for_this = is_of_plan and (seq in today or not is_history)
    return OverrideOnRecord(seq=seq, plan=values.get("plan"), is_for_this=is_for_this, **fields)
