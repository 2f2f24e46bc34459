"""Whether the rows that a check rests on are what was written: quick enough to be asked before every session.

A short ledger is walked whole. Of a long one the newest rows of the person are hashed and their links compared, and
rows that are missing are looked for; what that cannot show is said, and `stimplan ledger verify` shows it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from stimplan.errors import LedgerError, Problem
from stimplan.ledger.chain import Fault, content_faults, entries_of, orphans, structure_faults
from stimplan.ledger.schema import TABLES
from stimplan.ledger.store import Ledger, reading, verify

MOST_ROWS = 1000  # about 20 ms
_NOT_WALKED = (
    "Whether every row of the ledger is what was written: of its {rows} rows the newest {looked} about this person "
    "were examined; stimplan ledger verify walks the whole chain."
)
# The newest of each kind by the indexes of the history, then the newest of all.
_OF_PERSON = """SELECT seq FROM (
    SELECT seq FROM person WHERE person = :person
    UNION ALL SELECT seq FROM plan WHERE person = :person
    UNION ALL SELECT seq FROM planned_session WHERE plan IN (SELECT seq FROM plan WHERE person = :person)
    UNION ALL SELECT * FROM (SELECT seq FROM session WHERE person = :person ORDER BY start_utc DESC LIMIT :most)
    UNION ALL SELECT * FROM (SELECT seq FROM threshold WHERE person = :person ORDER BY at_utc DESC LIMIT :most)
    UNION ALL SELECT * FROM (SELECT seq FROM adverse_event WHERE person = :person ORDER BY at_utc DESC LIMIT :most)
    UNION ALL SELECT seq FROM resolution WHERE event IN
        (SELECT seq FROM adverse_event WHERE person = :person AND severity > 1)
    UNION ALL SELECT * FROM (SELECT seq FROM override WHERE person = :person ORDER BY at_utc DESC LIMIT :most)
    ) ORDER BY seq DESC LIMIT :most"""


def examine(ledger: Ledger, person: str, *, most: int = MOST_ROWS) -> tuple[str, ...]:
    """Refuse a ledger whose rows were changed.

    Parameters
    ----------
    ledger : Ledger
    person : str
        Whose rows matter.
    most : int
        Rows of the longest ledger that is walked whole, and the most rows of a person that are hashed in a longer one.

    Returns
    -------
    tuple of str
        What was not examined, as sentences for the list of what was not judged; empty after a whole walk.

    Raises
    ------
    LedgerError
        Rows were changed, removed or put in; every fault found is named.
    """
    with reading(ledger):
        rows = ledger.connection.execute("SELECT max(seq) FROM chain").fetchone()[0] or 0
    if rows <= most:
        looked, found = rows, list(verify(ledger).faults)
    else:
        with reading(ledger):
            looked, found = _newest(ledger.connection, person, most)
    if found:
        raise LedgerError([Problem("", str(fault), file=str(ledger.path)) for fault in found])
    return (_NOT_WALKED.format(rows=rows, looked=looked),) if looked < rows else ()


def _newest(connection: sqlite3.Connection, person: str, most: int) -> tuple[int, list[Fault]]:
    """How many rows of a person were hashed, and the faults of them, of the chain and of the file."""
    seqs = [seq for (seq,) in connection.execute(_OF_PERSON, {"person": person, "most": most})]
    marks = ", ".join(map(str, seqs))
    corrections = connection.execute(f"SELECT seq FROM chain WHERE corrects IN ({marks})").fetchall()
    looked = {*seqs, *(seq for (seq,) in corrections)}
    entries = list(entries_of(connection, sorted(looked)))
    strangers = looked - {entry.seq for entry in entries}
    found = [fault for entry in entries for fault in content_faults(entry)]
    found += [Fault(seq, "", "the row is there without an entry in the chain") for seq in sorted(strangers)]
    found += [*_broken_links(connection, looked), *_missing(connection), *structure_faults(connection)]
    return len(looked), found


def _broken_links(connection: sqlite3.Connection, looked: Iterable[int]) -> Iterator[Fault]:
    """Links to and from the rows that were hashed."""
    marks = ", ".join(map(str, sorted({*looked, *(seq + 1 for seq in looked)})))
    links = f"""SELECT later.seq, later.kind FROM chain AS later JOIN chain AS earlier ON earlier.seq = later.seq - 1
        WHERE later.seq IN ({marks}) AND later.previous <> earlier.hash ORDER BY later.seq"""
    for seq, kind in connection.execute(links):
        yield Fault(seq, kind, "the link to the row before is broken")


def _missing(connection: sqlite3.Connection) -> Iterator[Fault]:
    """Numbers and rows that are missing, and rows that were put in, of all people."""
    counts = dict(connection.execute("SELECT kind, count(*) FROM chain GROUP BY kind").fetchall())
    if sum(counts.values()) != connection.execute("SELECT max(seq) FROM chain").fetchone()[0]:
        gaps = "SELECT seq, kind FROM chain WHERE seq > 1 AND seq - 1 NOT IN (SELECT seq FROM chain) ORDER BY seq"
        for seq, kind in connection.execute(gaps):
            yield Fault(seq, kind, "rows are missing before it")
    for kind in TABLES:
        (rows,) = connection.execute(f'SELECT count(*) FROM "{kind}"').fetchone()
        if rows != counts.get(kind, 0):
            gone = f'SELECT seq FROM chain WHERE kind = ? AND seq NOT IN (SELECT seq FROM "{kind}") ORDER BY seq'
            for (seq,) in connection.execute(gone, (kind,)):
                yield Fault(seq, kind, "its entry is in the chain, but the row itself is missing")
            yield from orphans(connection, kind)
