"""Impedances of the last session compared with what a good contact has: the contact is reviewed before the next one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from stimplan.ledger.rules import Answer, ledger_rules
from stimplan.ledger.times import utc_text
from stimplan.units import text

if TYPE_CHECKING:
    from stimplan.ledger.history import History
    from stimplan.protocol import Protocol

# As TES-J-0.08 tells a pad from a small gel electrode, m².
_SMALLEST_PAD_M2 = 5e-4


def last_impedances(connection: sqlite3.Connection, plans: frozenset[int], now: datetime) -> Mapping[str, float] | None:
    """Impedance of each electrode at the last session of a plan, ohm; None where none was written down.

    `plans` is the plan and the rows it replaced.
    """
    marks = ", ".join("?" * len(plans))
    row = connection.execute(
        f"SELECT impedances_ohm FROM session AS s WHERE plan IN ({marks}) AND start_utc <= ? "
        "AND NOT EXISTS (SELECT 1 FROM chain WHERE corrects = s.seq) ORDER BY start_utc DESC, seq DESC LIMIT 1",
        (*plans, utc_text(now)),
    ).fetchone()
    return None if row is None or row[0] is None else dict(json.loads(row[0]))


def impedance_answers(history: History, protocol: Protocol) -> list[tuple[str, Answer]]:
    """Answers to the rules about contact, for the session before this one; none where there was none."""
    if protocol.magnetic or not history.plan_sessions:
        return []
    if history.last_impedances_ohm is None:
        return [_not_judged("no impedance of the last session is in the ledger")]
    small = {one.site for one in protocol.electrodes if one.shape.area_m2 < _SMALLEST_PAD_M2}
    pads = {site: value for site, value in history.last_impedances_ohm.items() if site not in small}
    if not pads:
        return [_not_judged("the limits are those of pads of 5 cm² and more, and these electrodes are smaller")]
    return [_highest("LEDGER-Z-MAX", pads), _highest("LEDGER-Z-STOP", pads), _lowest("LEDGER-Z-MIN", pads)]


def _not_judged(why: str) -> tuple[str, Answer]:
    return "LEDGER-Z-MAX", Answer(place=why, severity="info")


def _highest(name: str, pads: Mapping[str, float]) -> tuple[str, Answer]:
    limit = ledger_rules()[name].limit
    beyond = [site for site, value in pads.items() if limit is not None and not value <= limit]
    return name, _answer(max(pads.values()), limit, beyond or list(pads))


def _lowest(name: str, pads: Mapping[str, float]) -> tuple[str, Answer]:
    limit = ledger_rules()[name].limit
    beyond = [site for site, value in pads.items() if limit is not None and not value >= limit]
    return name, _answer(min(pads.values()), limit, beyond or list(pads), is_least=True)


def _answer(value: float, limit: float | None, sites: list[str], *, is_least: bool = False) -> Answer:
    return Answer(
        value=value,
        limit=limit,
        is_least=is_least,
        place=", ".join(sites),
        value_text=text(value, "ohm"),
        limit_text=None if limit is None else text(limit, "ohm"),
    )
