"""Dose ledger: what was planned for and delivered to pseudonymous people, append-only, in one SQLite file.

    with open_ledger("ward.sqlite") as ledger:
        append(ledger, "session", {...}, by="R. Operator")
        findings = judge_today(ledger, "P-0042", protocol=protocol, now=now)

Every row is part of a hash chain (`verify`), corrections are new rows, and nothing is ever changed or deleted.
"""

from stimplan.ledger.chain import Entry, Fault, Verification
from stimplan.ledger.export import entry_record, export_csv, export_jsonl, rows_of_ledger
from stimplan.ledger.forms import Form, forms
from stimplan.ledger.history import Event, History, Measured, PlanRow, history_of, plans_of
from stimplan.ledger.records import KINDS, append, append_all
from stimplan.ledger.store import Ledger, Written, open_ledger, verify
from stimplan.ledger.today import judge_today, plan_of, protocol_of

__all__ = [
    "KINDS",
    "Entry",
    "Event",
    "Fault",
    "Form",
    "History",
    "Ledger",
    "Measured",
    "PlanRow",
    "Verification",
    "Written",
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
