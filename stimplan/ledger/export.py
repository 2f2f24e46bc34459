"""The ledger as text: JSON Lines, from which the chain can be computed again, and CSV tables for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from stimplan.ledger.chain import Entry, entries
from stimplan.ledger.schema import TABLES
from stimplan.ledger.store import Ledger, reading

_ENTRY = ("seq", "kind", "recorded_utc", "recorded_by", "corrects", "reason", "previous", "hash")


def rows_of_ledger(ledger: Ledger) -> Iterator[Entry]:
    """Every row in the order it was written, from one moment's state of the file."""
    with reading(ledger):
        yield from entries(ledger.connection)


def entry_record(entry: Entry) -> dict[str, Any]:
    """A row as plain data: its place in the chain, and under `row` its values that are not NULL."""
    plain = {name: getattr(entry, name) for name in _ENTRY}
    return {**plain, "row": dict(entry.values or {})}


def export_jsonl(ledger: Ledger) -> Iterator[str]:
    """Lines of JSON, one for each row, exact: `stimplan.ledger.chain` says how their hashes are made."""
    for entry in rows_of_ledger(ledger):
        yield json.dumps(entry_record(entry), sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def export_csv(ledger: Ledger) -> dict[str, str]:
    """One CSV text for each kind of row, `kind -> text`.

    A text that a spreadsheet would run as a formula (it begins with =, +, - or @) gets an apostrophe in front; JSON
    Lines is the exact form.
    """
    found = list(rows_of_ledger(ledger))
    return {kind: _csv(kind, [entry for entry in found if entry.kind == kind]) for kind in TABLES}


def _csv(kind: str, rows: list[Entry]) -> str:
    columns = [definition.split()[0] for definition in TABLES[kind]]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*(name for name in _ENTRY if name != "kind"), *columns])
    for entry in rows:
        own = [getattr(entry, name) for name in _ENTRY if name != "kind"]
        writer.writerow([_cell(value) for value in (*own, *((entry.values or {}).get(name) for name in columns))])
    return stream.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return "" if value is None else value
