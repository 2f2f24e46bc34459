"""Dose ledger: what was planned for and delivered to pseudonymous people, append-only, in one SQLite file."""

from stimplan.ledger.chain import Entry, Fault, Verification
from stimplan.ledger.records import KINDS, append, append_all
from stimplan.ledger.store import Ledger, Written, open_ledger, verify

__all__ = [
    "KINDS",
    "Entry",
    "Fault",
    "Ledger",
    "Verification",
    "Written",
    "append",
    "append_all",
    "open_ledger",
    "verify",
]
