"""Dose ledger: what was planned for and delivered to pseudonymous people, append-only, in one SQLite file.

    with open_ledger("ward.sqlite") as ledger:
        append(ledger, "session", {...}, by="R. Operator")
        findings = judge_today(ledger, "P-0042", protocol=protocol, now=now)

Every row is part of a hash chain (`verify`), corrections are new rows, and nothing is ever changed or deleted.
The public names are loaded on first use: a question before a session needs little of what writing a record needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stimplan.ledger.forms import Form, forms  # now: later its module would stand under the name

if TYPE_CHECKING:
    from stimplan.ledger.chain import Entry, Fault, Verification
    from stimplan.ledger.export import entry_record, export_csv, export_jsonl, rows_of_ledger
    from stimplan.ledger.history import Event, History, Measured, PlanRow, history_of, plans_of
    from stimplan.ledger.joint import JointReport, add_history
    from stimplan.ledger.records import KINDS, append, append_all
    from stimplan.ledger.store import Ledger, Written, open_ledger, verify
    from stimplan.ledger.today import judge_today, plan_of, protocol_of

# public name -> module that defines it
_HOME = {
    "Entry": "stimplan.ledger.chain",
    "Fault": "stimplan.ledger.chain",
    "Verification": "stimplan.ledger.chain",
    "entry_record": "stimplan.ledger.export",
    "export_csv": "stimplan.ledger.export",
    "export_jsonl": "stimplan.ledger.export",
    "rows_of_ledger": "stimplan.ledger.export",
    "Event": "stimplan.ledger.history",
    "History": "stimplan.ledger.history",
    "Measured": "stimplan.ledger.history",
    "PlanRow": "stimplan.ledger.history",
    "history_of": "stimplan.ledger.history",
    "plans_of": "stimplan.ledger.history",
    "JointReport": "stimplan.ledger.joint",
    "add_history": "stimplan.ledger.joint",
    "KINDS": "stimplan.ledger.records",
    "append": "stimplan.ledger.records",
    "append_all": "stimplan.ledger.records",
    "Ledger": "stimplan.ledger.store",
    "Written": "stimplan.ledger.store",
    "open_ledger": "stimplan.ledger.store",
    "verify": "stimplan.ledger.store",
    "judge_today": "stimplan.ledger.today",
    "plan_of": "stimplan.ledger.today",
    "protocol_of": "stimplan.ledger.today",
}

__all__ = [
    "KINDS",
    "Entry",
    "Event",
    "Fault",
    "Form",
    "History",
    "JointReport",
    "Ledger",
    "Measured",
    "PlanRow",
    "Verification",
    "Written",
    "add_history",
    "append",
    "append_all",
    "entry_record",
    "export_csv",
    "export_jsonl",
    "forms",
    "history_of",
    "judge_today",
    "open_ledger",
    "plan_of",
    "plans_of",
    "protocol_of",
    "rows_of_ledger",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'stimplan.ledger' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
