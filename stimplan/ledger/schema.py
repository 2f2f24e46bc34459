"""Tables of the ledger file, the triggers that make it append-only, and the steps from one schema to the next.

Every row of every table has a row in `chain`, with one number (`seq`) for the whole ledger. Tables are STRICT, so
that a value has the type it was hashed with.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x7374_696D  # "stim": marks the file as a ledger of this program
OLDEST_SQLITE = (3, 37, 0)  # the first with STRICT tables

# kind of row -> its columns; `person` and the numbers of other rows refer to rows that must exist
TABLES: dict[str, tuple[str, ...]] = {
    "ledger": ("ledger_id TEXT NOT NULL", "program TEXT NOT NULL"),
    "person": ("person TEXT NOT NULL", "note TEXT"),
    "plan": (
        "person TEXT NOT NULL",
        "protocol_id TEXT NOT NULL",
        "protocol_digest TEXT NOT NULL",
        "protocol_text TEXT NOT NULL",
        "modality TEXT NOT NULL",
        "prescriber TEXT NOT NULL",
        "note TEXT",
        "nominal_current_A REAL",
        "nominal_duration_s REAL NOT NULL",
        "nominal_charge_C REAL",
        "nominal_pulses INTEGER",
    ),
    "planned_session": (
        "plan INTEGER NOT NULL REFERENCES plan(seq)",
        "number INTEGER NOT NULL",
        "start_utc TEXT NOT NULL",
    ),
    "session": (
        "person TEXT NOT NULL",
        "plan INTEGER NOT NULL REFERENCES plan(seq)",
        "planned INTEGER REFERENCES planned_session(seq)",
        "start_utc TEXT NOT NULL",
        "duration_s REAL NOT NULL",
        "current_A REAL",
        "intensity_fraction REAL",
        "intensity_reference TEXT",
        "pulses INTEGER",
        "impedances_ohm TEXT",
        "threshold INTEGER REFERENCES threshold(seq)",
        "hearing_protection INTEGER",
        "operator TEXT NOT NULL",
        "aborted TEXT",
        "note TEXT",
    ),
    "threshold": (
        "person TEXT NOT NULL",
        "at_utc TEXT NOT NULL",
        "value_fraction REAL NOT NULL",
        "reference TEXT NOT NULL",
        "method TEXT",
        "muscle TEXT",
        "coil TEXT",
        "operator TEXT NOT NULL",
    ),
    "adverse_event": (
        "person TEXT NOT NULL",
        "session INTEGER REFERENCES session(seq)",
        "at_utc TEXT NOT NULL",
        "form TEXT NOT NULL",
        "item TEXT NOT NULL",
        "severity INTEGER NOT NULL",
        "relation INTEGER",
        "note TEXT",
    ),
    "resolution": (
        "event INTEGER NOT NULL REFERENCES adverse_event(seq)",
        "at_utc TEXT NOT NULL",
        "note TEXT NOT NULL",
        "name TEXT NOT NULL",
    ),
    "override": (
        "person TEXT NOT NULL",
        "plan INTEGER REFERENCES plan(seq)",
        "rule_id TEXT NOT NULL",
        "reason TEXT NOT NULL",
        "name TEXT NOT NULL",
        "role TEXT NOT NULL",
        "at_utc TEXT NOT NULL",
    ),
    "retraction": ("row_kind TEXT NOT NULL",),
}

_CHAIN = """CREATE TABLE chain(
seq INTEGER PRIMARY KEY,
kind TEXT NOT NULL,
recorded_utc TEXT NOT NULL,
recorded_by TEXT NOT NULL,
corrects INTEGER REFERENCES chain(seq),
reason TEXT,
previous TEXT NOT NULL,
hash TEXT NOT NULL
) STRICT"""

# what the history asks for
_INDEXES = (
    "CREATE UNIQUE INDEX chain_corrects ON chain(corrects) WHERE corrects IS NOT NULL",
    "CREATE INDEX person_person ON person(person)",
    "CREATE INDEX plan_person ON plan(person)",
    "CREATE INDEX planned_session_plan ON planned_session(plan, number)",
    "CREATE INDEX session_person ON session(person, start_utc)",
    "CREATE INDEX session_plan ON session(plan)",
    "CREATE INDEX session_planned ON session(planned) WHERE planned IS NOT NULL",
    "CREATE INDEX threshold_person ON threshold(person, at_utc)",
    "CREATE INDEX adverse_event_person ON adverse_event(person, at_utc)",
    "CREATE INDEX adverse_event_present ON adverse_event(person, at_utc) WHERE severity > 1",
    "CREATE INDEX resolution_event ON resolution(event)",
    "CREATE INDEX override_person ON override(person, at_utc)",
)


def _table(kind: str) -> str:
    columns = ",\n".join(("seq INTEGER PRIMARY KEY REFERENCES chain(seq)", *TABLES[kind]))
    return f'CREATE TABLE "{kind}"(\n{columns}\n) STRICT'


def _triggers(table: str) -> tuple[str, ...]:
    """Refuse to change or delete a row, also by INSERT OR REPLACE, which fires no delete trigger."""
    taken = f'SELECT 1 FROM "{table}" WHERE seq = NEW.seq'
    if table == "chain":
        taken = "SELECT 1 FROM chain WHERE seq >= NEW.seq OR corrects = NEW.corrects"
    return (
        f'CREATE TRIGGER {table}_no_update BEFORE UPDATE ON "{table}" BEGIN '
        "SELECT RAISE(ABORT, 'the ledger is append-only: rows are corrected by new rows'); END",
        f'CREATE TRIGGER {table}_no_delete BEFORE DELETE ON "{table}" BEGIN '
        "SELECT RAISE(ABORT, 'the ledger is append-only: rows are never deleted'); END",
        f'CREATE TRIGGER {table}_no_replace BEFORE INSERT ON "{table}" WHEN EXISTS({taken}) BEGIN '
        "SELECT RAISE(ABORT, 'the ledger is append-only: this row is there already'); END",
    )


def _step_1(connection: sqlite3.Connection) -> None:
    """Version 1: everything."""
    triggers = [trigger for table in ("chain", *TABLES) for trigger in _triggers(table)]
    for statement in (_CHAIN, *map(_table, TABLES), *_INDEXES, *triggers):
        connection.execute(statement)


# STEPS[n] brings schema n to n + 1. A step may add tables and columns that may be empty; it never changes a value,
# because the hash of a row is made of its values that are not NULL.
STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_step_1,)


def schema_version(connection: sqlite3.Connection) -> int:
    """Version of the tables in a file; 0 where there are none yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to the newest version; the caller holds the write transaction."""
    for version in range(schema_version(connection), len(STEPS)):
        STEPS[version](connection)
        connection.execute(f"PRAGMA user_version = {version + 1}")


def structure(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Tables, indexes and triggers of a file, `(type, name) -> statement`."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")
    return {(kind, name): sql for kind, name, sql in rows}


def expected_structure() -> dict[tuple[str, str], str]:
    """The same for a ledger of the newest version, made in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection)
        return structure(connection)
    finally:
        connection.close()


def columns_of(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    """Names of a table's columns, `seq` first."""
    return tuple(row[1] for row in connection.execute(f'PRAGMA table_info("{table}")'))
