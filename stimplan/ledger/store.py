"""The ledger file: opened or created on purpose, written one transaction at a time, never changed.

A row that `write` has returned is on disk: write-ahead log, synchronous=FULL. Writers take turns (BEGIN IMMEDIATE);
a process that dies leaves what it had not committed out, and nothing else.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs

from stimplan import __version__
from stimplan.errors import LedgerError, Problem
from stimplan.ledger.chain import NO_HASH, Verification, row_hash, verify_chain
from stimplan.ledger.schema import APPLICATION_ID, OLDEST_SQLITE, STEPS, migrate, schema_version
from stimplan.ledger.times import utc_text

BUSY_S = 30.0  # how long a writer waits for the others


@attrs.frozen
class Row:
    """A row to be written: its table, its values by column, the number of the row it corrects, and why."""

    kind: str
    values: Mapping[str, Any]
    corrects: int | None = None
    reason: str | None = None


@attrs.frozen
class Written:
    """Acknowledgement of a row: it is on disk."""

    seq: int
    kind: str
    hash: str


@attrs.frozen(eq=False)
class Ledger:
    """An open ledger file; use it with `with`, or close it."""

    path: Path
    connection: sqlite3.Connection = attrs.field(repr=False)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self.connection.close()


@contextmanager
def speaking(path: Path) -> Iterator[None]:
    """Turn what SQLite says about a file into a sentence about the ledger."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        what = f"the ledger cannot be used: {text}"
        if "locked" in text or "busy" in text:
            what = f"another program held the ledger for more than {BUSY_S:g} s; nothing was written, try again"
        elif "not a database" in text:
            what = "this file is no ledger; name another one"
        elif "disk is full" in text or "readonly" in text:
            what = f"nothing was written: {text}"
        elif "malformed" in text:
            what = "the file is damaged; keep it as it is, and go back to a copy"
        raise LedgerError(Problem("", what, file=str(path))) from error


def open_ledger(path: str | Path, *, create: bool = False) -> Ledger:
    """Open a ledger; an older one is brought to the schema of this version.

    Parameters
    ----------
    path : str or Path
    create : bool
        Make the file where there is none, readable for its owner only. Otherwise a missing file is an error, so
        that a slip in its name does not start an empty ledger.

    Raises
    ------
    LedgerError
        No such file, no ledger, or one of a newer version.
    """
    path = Path(path)
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        need = ".".join(map(str, OLDEST_SQLITE))
        raise LedgerError(f"the ledger needs SQLite {need} or newer; this Python has {sqlite3.sqlite_version}")
    _make_or_miss(path, create=create)
    with speaking(path):
        uri = f"{path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S)
        try:
            _set_up(connection, path, create=create)
        except BaseException:
            connection.close()
            raise
    return Ledger(path, connection)


def _make_or_miss(path: Path, *, create: bool) -> None:
    problem = ""
    if path.is_dir():
        problem = "this is a folder; name a file"
    elif not path.exists():
        if not create:
            problem = "there is no such ledger; --create (in Python: create=True) starts one"
        elif not path.parent.is_dir():
            problem = f"there is no folder {path.parent}"
        else:
            # Health data: for the owner only. SQLite gives its log the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    elif not path.is_file():  # a pipe would wait for ever, a device has no end
        problem = "this is no ordinary file; name another one"
    if problem:
        raise LedgerError(Problem("", problem, file=str(path)))


def _set_up(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    """Settings of a connection; tables where they are missing and asked for."""
    version = schema_version(connection)
    is_new = version == 0 and not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    what = ""
    if is_new and not create:
        what = "the ledger is empty, its creation was not finished; --create (in Python: create=True) finishes it"
    elif not is_new and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        what = "this is a database of another program; name another file"
    elif version > len(STEPS):
        what = f"the ledger has schema {version}, this program knows up to {len(STEPS)}; use a newer stimplan"
    if what:
        raise LedgerError(Problem("", what, file=str(path)))
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        what = f"this place cannot hold a write-ahead log (got {mode!r}); use a local disk, no network folder"
        raise LedgerError(Problem("", what, file=str(path)))
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    if version < len(STEPS):
        _bring_up(connection)


def _bring_up(connection: sqlite3.Connection) -> None:
    """Migrate, and write the first row, in one transaction; whoever comes second finds it done."""
    with _transaction(connection):
        import secrets

        is_new = schema_version(connection) == 0
        migrate(connection)
        if is_new:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            first = Row("ledger", {"ledger_id": secrets.token_hex(16), "program": f"stimplan {__version__}"})
            _insert(connection, first, by="stimplan", recorded_utc=utc_text(datetime.now(UTC)))


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One write: all of it or nothing; other writers wait from its first statement on."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def reading(ledger: Ledger) -> Iterator[None]:
    """See one state of the ledger through several questions, whatever others write meanwhile."""
    connection = ledger.connection
    if connection.in_transaction:
        yield
        return
    with speaking(ledger.path):
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


@contextmanager
def writing(ledger: Ledger) -> Iterator[None]:
    """Hold the write lock: what is read inside is still true when the rows are written."""
    with speaking(ledger.path), _transaction(ledger.connection):
        yield


def write(ledger: Ledger, rows: Sequence[Row], *, by: str) -> tuple[Written, ...]:
    """Put rows at the end of the chain; call it inside `writing`, whose end makes them last."""
    recorded = utc_text(datetime.now(UTC))
    return tuple(_insert(ledger.connection, row, by=by, recorded_utc=recorded) for row in rows)


def _insert(connection: sqlite3.Connection, row: Row, *, by: str, recorded_utc: str) -> Written:
    last = connection.execute("SELECT seq, hash FROM chain ORDER BY seq DESC LIMIT 1").fetchone()
    seq, previous = (last[0] + 1, last[1]) if last else (1, NO_HASH)
    entry = {"seq": seq, "kind": row.kind, "recorded_utc": recorded_utc, "recorded_by": by,
             "corrects": row.corrects, "reason": row.reason}  # fmt: skip
    values = {name: value for name, value in row.values.items() if value is not None}
    made = row_hash(previous, entry, values)
    connection.execute(
        f"INSERT INTO chain({', '.join(entry)}, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*entry.values(), previous, made),
    )
    names = ", ".join(f'"{name}"' for name in ("seq", *values))
    marks = ", ".join("?" * (len(values) + 1))
    connection.execute(f'INSERT INTO "{row.kind}"({names}) VALUES ({marks})', (seq, *values.values()))
    stored = connection.execute(f'SELECT {names} FROM "{row.kind}" WHERE seq = ?', (seq,)).fetchone()
    if row_hash(previous, entry, dict(zip(values, stored[1:], strict=True))) != made:
        raise LedgerError(f"row {seq} ({row.kind}) would not be stored as it was given; nothing was written")
    return Written(seq, row.kind, made)


def verify(ledger: Ledger, *, expected_head: str | None = None) -> Verification:
    """Walk the chain and examine the file, see `stimplan.ledger.chain`.

    Raises
    ------
    LedgerError
        The file is too damaged to be read to its end.
    """
    connection = ledger.connection
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")  # a tampered text is still shown
    try:
        with speaking(ledger.path):
            return verify_chain(connection, expected_head=expected_head)
    finally:
        connection.text_factory = str
