"""Whoever changes the ledger's file behind its back is found, and the row is named."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from contextlib import closing

import pytest
from ledgers import NOW, filled

from stimplan.errors import LedgerError
from stimplan.ledger import history_of, open_ledger, plans_of, rows_of_ledger, verify
from stimplan.ledger.chain import row_hash, structure_faults
from stimplan.ledger.schema import TABLES

CHAIN = ("seq", "kind", "recorded_utc", "recorded_by", "corrects", "reason", "previous", "hash")
COLUMNS = [("chain", name) for name in CHAIN] + [
    (kind, column) for kind in TABLES for column in ("seq", *(text.split()[0] for text in TABLES[kind]))
]
MAY_BE_EMPTY = [("chain", "corrects"), ("chain", "reason")] + [
    (kind, text.split()[0]) for kind in TABLES for text in TABLES[kind] if "NOT NULL" not in text
]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "ward.sqlite"
    with filled(path) as ledger:
        assert verify(ledger).is_intact
    return path


@pytest.fixture
def copy(original, tmp_path):
    path = tmp_path / "ward.sqlite"
    shutil.copy(original, path)
    return path


def tamper(path, *statements, with_triggers=False):
    """Change the file as somebody with sqlite3 would: triggers dropped, changed, triggers put back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in () if with_triggers else triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in () if with_triggers else triggers:
            connection.execute(sql)


def examined(path, **more):
    with open_ledger(path) as ledger:
        return verify(ledger, **more)


def last(path, table) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f'SELECT max(seq) FROM "{table}"').fetchone()[0]


@pytest.mark.parametrize("table, column", COLUMNS)
def test_a_change_of_any_column_is_found_and_the_row_named(copy, table, column):
    with closing(sqlite3.connect(copy)) as connection:
        filled_rows = f'SELECT min(seq) FROM "{table}" WHERE "{column}" IS NOT NULL'
        seq = connection.execute(filled_rows).fetchone()[0] or last(copy, table)
        kind = connection.execute(f'SELECT typeof("{column}") FROM "{table}" WHERE seq = {seq}').fetchone()[0]
    value = {"text": f"\"{column}\" || 'x'", "integer": f'"{column}" + 1000', "real": f'"{column}" * 1.001',
             "null": "1"}[kind]  # fmt: skip
    tamper(copy, f'UPDATE "{table}" SET "{column}" = {value} WHERE seq = {seq}')
    found = examined(copy)
    assert not found.is_intact
    assert found.first_row is not None
    assert found.first_row in (seq, seq + 1) if (table, column) == ("chain", "seq") else found.first_row == seq
    assert any(fault.seq == seq for fault in found.faults) or column == "seq"


@pytest.mark.parametrize("table, column", MAY_BE_EMPTY)
def test_a_value_taken_away_is_found(copy, table, column):
    with closing(sqlite3.connect(copy)) as connection:
        (seq,) = connection.execute(f'SELECT min(seq) FROM "{table}" WHERE "{column}" IS NOT NULL').fetchone()
    assert seq is not None, "the test ledger has no such value"
    tamper(copy, f'UPDATE "{table}" SET "{column}" = NULL WHERE seq = {seq}')
    assert examined(copy).first_row == seq


@pytest.mark.parametrize("kind", list(TABLES))
def test_a_deleted_row_is_missed(copy, kind):
    seq = last(copy, kind)
    tamper(copy, f'DELETE FROM "{kind}" WHERE seq = {seq}')
    found = examined(copy)
    assert found.first_row == seq
    assert "the row itself is missing" in str(found.faults[0])


def test_a_row_taken_out_of_the_chain_as_well_breaks_the_link_after_it(copy):
    seq = last(copy, "threshold")
    tamper(copy, f"DELETE FROM threshold WHERE seq = {seq}", f"DELETE FROM chain WHERE seq = {seq}")
    found = examined(copy)
    assert found.first_row == seq + 1
    assert f"row {seq} is missing before it" in str(found.faults[0])
    assert "the link to the row before is broken" in str(found.faults[1])


def test_two_rows_that_changed_places_are_both_named(copy):
    first, second = last(copy, "session") - 1, last(copy, "session")
    tamper(copy, *(f"UPDATE session SET seq = {new} WHERE seq = {old}"
                   for old, new in ((first, 9999), (second, first), (9999, second))))  # fmt: skip
    assert {first, second} <= {fault.seq for fault in examined(copy).faults}


def test_a_row_slipped_in_without_the_chain_is_found(copy):
    tamper(copy, "PRAGMA foreign_keys = OFF", "INSERT INTO person VALUES (500, 'P-0666', NULL)")
    found = examined(copy)
    assert any(fault.seq == 500 and "without an entry" in fault.what for fault in found.faults)


def test_a_row_rewritten_with_a_hash_of_its_own_breaks_the_next_link(copy):
    with open_ledger(copy) as ledger:
        entry = next(one for one in rows_of_ledger(ledger) if one.kind == "session")
    values = {**entry.values, "current_A": 0.001}
    head = {name: getattr(entry, name) for name in ("seq", "kind", "recorded_utc", "recorded_by", "corrects", "reason")}
    made = row_hash(entry.previous, head, values)
    tamper(copy, f"UPDATE session SET current_A = 0.001 WHERE seq = {entry.seq}",
           f"UPDATE chain SET hash = '{made}' WHERE seq = {entry.seq}")  # fmt: skip
    found = examined(copy)
    assert found.first_row == entry.seq + 1
    assert "link" in found.faults[0].what


def test_every_broken_link_is_named_not_only_the_first(copy):
    tamper(copy, "UPDATE session SET operator = 'X'")
    with open_ledger(copy) as ledger:
        seqs = [entry.seq for entry in rows_of_ledger(ledger) if entry.kind == "session"]
    assert [fault.seq for fault in examined(copy).faults] == seqs


def test_rows_cut_off_the_end_need_the_noted_head_to_be_seen(copy):
    head = examined(copy).head
    seq = last(copy, "chain")
    tamper(copy, f"DELETE FROM retraction WHERE seq = {seq}", f"DELETE FROM chain WHERE seq = {seq}")
    assert examined(copy).is_intact  # nothing in the file can show it
    found = examined(copy, expected_head=head)
    assert "cut off" in found.faults[0].what


def test_a_head_noted_earlier_is_still_in_the_chain(copy):
    with open_ledger(copy) as ledger:
        noted = [entry.hash for entry in rows_of_ledger(ledger)]
    assert examined(copy, expected_head=noted[4].upper() + "\n").is_intact


@pytest.mark.parametrize("statement, fragment", [
    ("DROP TRIGGER session_no_update", "trigger session_no_update is missing"),
    ("DROP INDEX session_person", "index session_person is missing"),
    ("CREATE TABLE more(x)", "table more does not belong"),
    ("CREATE TRIGGER t AFTER INSERT ON session BEGIN SELECT 1; END", "trigger t does not belong"),
])  # fmt: skip
def test_a_changed_structure_is_found(copy, statement, fragment):
    tamper(copy, statement, with_triggers=True)
    found = examined(copy)
    assert fragment in "\n".join(map(str, found.faults))
    assert found.first_row is None


@pytest.mark.parametrize(
    "old, new",
    [
        (b"itching at F3", b"itching at F4"),
        (b"P-0042", b"P-0047"),
        (b"R. Operator", b"R. Operat\xff\xfe"),
        (b"LEDGER-SPACING", b"LEDGER-SPACINH"),
    ],
)
def test_bytes_changed_in_the_file_are_found(copy, old, new):
    data = copy.read_bytes()
    places = [i for i in range(len(data)) if data.startswith(old, i)]
    assert places
    for place in places:
        copy.write_bytes(data[:place] + new + data[place + len(old) :])
        with contextlib.suppress(LedgerError):  # so damaged that it cannot be read at all
            assert not examined(copy).is_intact, place


def test_a_file_cut_short_is_said_to_be_damaged(copy):
    copy.write_bytes(copy.read_bytes()[:-8192])
    with pytest.raises(LedgerError, match="damaged"):
        raise LedgerError("\n".join(map(str, examined(copy).faults)))


def test_a_tampered_plan_is_not_used(copy):
    tamper(copy, "UPDATE plan SET protocol_text = replace(protocol_text, '\"sessions\": 10', '\"sessions\": 99')")
    with open_ledger(copy) as ledger:
        for ask in (lambda: plans_of(ledger, "P-0042"), lambda: history_of(ledger, "P-0042", NOW)):
            with pytest.raises(LedgerError, match="plan row 3 is not what was written"):
                ask()


def test_triggers_that_went_together_are_one_fault(tmp_path):
    path = tmp_path / "ward.sqlite"
    filled(path).close()
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.commit()
        (fault,) = structure_faults(connection)
    assert fault.what.startswith("33 triggers are missing (adverse_event_no_delete, ")
