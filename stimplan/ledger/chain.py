"""The hash chain: what a row's hash is made of, and the walk that finds the first row that does not fit.

    hash(n) = SHA-256( hash(n - 1) + "\\n" + canonical(n) ),   hash(0) = 64 zeros

`canonical` is the row as JSON: keys sorted, no spaces, ASCII, numbers by their shortest decimal; the columns of the
row and of its entry in the chain that are not NULL, without the two hashes. A column that a later schema adds is
NULL in older rows, so their hashes stay.

The chain shows that rows were changed, removed or put in between. It cannot show that the last rows were cut off, or
that somebody wrote the whole chain anew: for that the newest hash has to be kept elsewhere and given to `verify`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from stimplan.ledger.schema import TABLES, columns_of, expected_structure, structure

NO_HASH = "0" * 64
_ENTRY = ("kind", "recorded_utc", "recorded_by", "corrects", "reason")
_FEW = 3  # triggers that are named one by one


@attrs.frozen
class Entry:
    """One row of the ledger with its place in the chain.

    Attributes
    ----------
    seq : int
        Number of the row, from 1, over all tables.
    kind : str
        Table.
    recorded_utc, recorded_by : str
        When and by whom it was written.
    corrects : int or None
        Number of the row it replaces or takes back.
    reason : str or None
        Why.
    previous, hash : str
    values : mapping of column to value
        Without those that are NULL; None where the table has no such row.
    """

    seq: int
    kind: str
    recorded_utc: str
    recorded_by: str
    corrects: int | None
    reason: str | None
    previous: str
    hash: str
    values: Mapping[str, Any] | None

    def computed_hash(self) -> str:
        """Hash the row should have after the one before it."""
        return row_hash(self.previous, {name: getattr(self, name) for name in ("seq", *_ENTRY)}, self.values or {})


def row_hash(previous: str, entry: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Hash of a row, see the module."""
    row = {
        "chain": {name: value for name, value in entry.items() if value is not None},
        "row": {name: value for name, value in values.items() if value is not None},
    }
    text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(f"{previous}\n{text}".encode("utf-8", "surrogateescape")).hexdigest()


def entries(connection: sqlite3.Connection, *, first: int = 1) -> Iterator[Entry]:
    """All rows in the order they were written, from number `first`."""
    tables = {kind: _rows(connection, kind, first) for kind in TABLES}
    waiting = {kind: next(rows, None) for kind, rows in tables.items()}
    query = f"SELECT seq, {', '.join(_ENTRY)}, previous, hash FROM chain WHERE seq >= ? ORDER BY seq"
    for found in connection.execute(query, (first,)):
        seq, kind = found[0], found[1]
        values = None
        while kind in waiting and (row := waiting[kind]) is not None and row[0] <= seq:
            values = row[1] if row[0] == seq else None
            waiting[kind] = next(tables[kind], None)
        yield Entry(*found, values)  # type: ignore[call-arg]


def _rows(connection: sqlite3.Connection, kind: str, first: int) -> Iterator[tuple[int, dict[str, Any]]]:
    names = columns_of(connection, kind)[1:]
    for seq, *values in connection.execute(f'SELECT * FROM "{kind}" WHERE seq >= ? ORDER BY seq', (first,)):
        yield seq, {name: value for name, value in zip(names, values, strict=True) if value is not None}


def entries_of(connection: sqlite3.Connection, seqs: Iterable[int]) -> Iterator[Entry]:
    """The named rows, kind by kind; one that has no entry in the chain is left out."""
    marks = ", ".join(map(str, seqs))  # whole numbers of this file, too many for placeholders
    chain = f"SELECT seq, {', '.join(_ENTRY)}, previous, hash FROM chain WHERE seq IN ({marks})"
    found = connection.execute(chain).fetchall()
    for kind in {row[1] for row in found}:
        names = columns_of(connection, kind) if kind in TABLES else ()
        rows = connection.execute(f'SELECT * FROM "{kind}" WHERE seq IN ({marks})').fetchall() if names else ()
        values = {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in rows}
        for row in found:
            if row[1] == kind:
                yield Entry(*row, values.get(row[0]))  # type: ignore[call-arg]


def is_row_intact(connection: sqlite3.Connection, seq: int) -> bool:
    """Whether one row has the hash it should have after the one before it; says nothing about the others."""
    query = f"SELECT seq, {', '.join(_ENTRY)}, previous, hash FROM chain WHERE seq = ?"
    found = connection.execute(query, (seq,)).fetchone()
    if found is None or found[1] not in TABLES:
        return False
    values = dict(next(_rows(connection, found[1], seq), (0, {}))[1])
    return Entry(*found, values).computed_hash() == found[-1]  # type: ignore[call-arg]


def predecessors(connection: sqlite3.Connection, seq: int) -> list[int]:
    """A row and the rows that it replaced, back to the first."""
    found = [seq]
    while earlier := connection.execute("SELECT corrects FROM chain WHERE seq = ?", (found[-1],)).fetchone()[0]:
        found.append(earlier)
    return found


@attrs.frozen
class Fault:
    """One place where the ledger is not what was written.

    Attributes
    ----------
    seq : int or None
        Number of the row; None where it is about the whole file.
    kind : str
        Table of the row, or "".
    what : str
    """

    seq: int | None
    kind: str
    what: str

    def __str__(self) -> str:
        return f"row {self.seq} ({self.kind or 'no kind'}): {self.what}" if self.seq is not None else self.what


@attrs.frozen
class Verification:
    """Outcome of a walk along the chain.

    Attributes
    ----------
    rows : int
    head : str
        Hash of the newest row; keep it elsewhere to notice later that rows were cut off.
    faults : tuple of Fault
        In the order of the rows; what is wrong with the file as a whole comes last.
    """

    rows: int
    head: str
    faults: tuple[Fault, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.faults

    @property
    def first_row(self) -> int | None:
        """Number of the first row that does not fit."""
        return next((fault.seq for fault in self.faults if fault.seq is not None), None)


def verify_chain(connection: sqlite3.Connection, *, expected_head: str | None = None) -> Verification:
    """Walk the whole chain in one reading transaction.

    Parameters
    ----------
    connection : sqlite3.Connection
    expected_head : str, optional
        A hash that was noted earlier; it must be that of a row.
    """
    connection.execute("BEGIN")
    try:
        rows, head, heads, faults = 0, NO_HASH, {NO_HASH}, []
        for entry in entries(connection):
            faults += _entry_faults(entry, rows, head)
            rows, head = entry.seq, entry.hash
            heads.add(head)
        if rows == 0:
            faults.append(Fault(None, "", "the ledger has no rows, not even its first"))
        if expected_head is not None and expected_head.strip().lower() not in heads:
            what = (
                f"no row has the hash {expected_head.strip()[:12]}… that was noted; rows were cut off or written anew"
            )
            faults.append(Fault(None, "", what))
        faults += [fault for kind in TABLES for fault in orphans(connection, kind)]
        faults += _file_faults(connection)
    finally:
        connection.execute("ROLLBACK")
    return Verification(rows, head, tuple(faults))


def _entry_faults(entry: Entry, last: int, head: str) -> list[Fault]:
    """Faults of one row after row number `last` with the hash `head`."""
    found: list[str] = []
    if entry.seq != last + 1:
        missing = f"row {last + 1} is" if entry.seq == last + 2 else f"rows {last + 1} to {entry.seq - 1} are"
        found.append(f"{missing} missing before it")
    if entry.previous != head:
        found.append("the link to the row before is broken")
    return [*(Fault(entry.seq, entry.kind, what) for what in found), *content_faults(entry)]


def content_faults(entry: Entry) -> list[Fault]:
    """Faults of one row, whatever comes before it."""
    found = []
    if entry.kind not in TABLES:
        found.append("there is no such kind of row")
    elif entry.values is None:
        found.append("its entry is in the chain, but the row itself is missing")
    elif entry.computed_hash() != entry.hash:
        found.append("its content is not what was written: the hash differs")
    if entry.corrects is not None and entry.corrects >= entry.seq:
        found.append("it corrects a row that did not exist yet")
    return [Fault(entry.seq, entry.kind, what) for what in found]


def orphans(connection: sqlite3.Connection, kind: str) -> list[Fault]:
    """Rows of a table without an entry of their kind in the chain."""
    query = f'SELECT seq FROM "{kind}" WHERE seq NOT IN (SELECT seq FROM chain WHERE kind = ?) ORDER BY seq'
    what = "the row is there without an entry in the chain"
    return [Fault(seq, kind, what) for (seq,) in connection.execute(query, (kind,))]


def _file_faults(connection: sqlite3.Connection) -> list[Fault]:
    """Faults of the file: pages, references, and tables or triggers that were taken away or added."""
    found = []
    for (line,) in connection.execute("PRAGMA integrity_check(20)"):
        if line != "ok":
            found.append(f"the file is damaged: {line}")
    for table, rowid, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        found.append(f"row {rowid} of {table} refers to a row of {parent} that is not there")
    return [*(Fault(None, "", what) for what in found), *structure_faults(connection)]


def structure_faults(connection: sqlite3.Connection) -> list[Fault]:
    """Tables, indexes and triggers that were taken away, added or changed."""
    found = []
    have, want = structure(connection), expected_structure()
    gone = [name for kind, name in sorted(want.keys() - have.keys()) if kind == "trigger"]
    if len(gone) > _FEW:  # they went together: one fault, so that the others are seen
        have = {**have, **{("trigger", name): want["trigger", name] for name in gone}}
        shown = f"{len(gone)} triggers are missing ({', '.join(gone[:_FEW])}, …)"
        found.append(f"{shown}; rows may have been changed while they were away")
    for kind, name in sorted(have.keys() | want.keys()):
        place = f"{kind} {name}"
        if (kind, name) not in have:
            found.append(f"{place} is missing; rows may have been changed while it was away")
        elif (kind, name) not in want:
            found.append(f"{place} does not belong to a ledger")
        elif have[kind, name] != want[kind, name]:
            found.append(f"{place} is not the one of this version")
    return [Fault(None, "", what) for what in found]
