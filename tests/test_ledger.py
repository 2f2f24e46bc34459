"""The dose ledger: strict records, corrections, what the file refuses, export."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import BY, answers, coil_session, filled, session, start, tes_protocol, tms_protocol

from stimplan.errors import InputError, LedgerError
from stimplan.ledger import (
    append,
    append_all,
    entry_record,
    export_csv,
    export_jsonl,
    fields,
    forms,
    open_ledger,
    rows_of_ledger,
    verify,
)
from stimplan.ledger.schema import STEPS, TABLES
from stimplan.safety.values import Citation


@pytest.fixture
def tes(tmp_path):
    ledger, plan = start(tmp_path / "ward.sqlite", tes_protocol())
    with ledger:
        yield ledger, plan


def problems(ledger, kind, record, **more) -> str:
    before = verify(ledger).rows
    with pytest.raises(LedgerError) as caught:
        append(ledger, kind, record, by=more.get("by", BY))
    assert verify(ledger).rows == before, "a refused record left rows behind"
    return str(caught.value)


def test_no_ledger_is_made_by_a_slip_of_its_name(tmp_path):
    with pytest.raises(LedgerError, match="no such ledger"):
        open_ledger(tmp_path / "wrd.sqlite")
    assert not list(tmp_path.iterdir())


def test_a_new_ledger_is_for_its_owner_only_and_durable(tes):
    ledger, _ = tes
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(f"{ledger.path}-wal").stat().st_mode) == 0o600
    asked = {
        name: ledger.connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "user_version")
    }
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "user_version": len(STEPS)}


def test_create_opens_a_ledger_that_is_there(tes):
    ledger, _ = tes
    with open_ledger(ledger.path, create=True) as again:
        assert verify(again).rows == 3


@pytest.mark.parametrize("make, fragment", [
    (lambda p: p.write_text("no database, but long enough to have a header " * 40), "no ledger"),
    (lambda p: p.mkdir(), "folder"),
    (lambda p: p.write_bytes(b""), "not finished"),
])  # fmt: skip
def test_what_is_no_ledger_is_refused(tmp_path, make, fragment):
    path = tmp_path / "other.sqlite"
    make(path)
    with pytest.raises(LedgerError, match=fragment):
        open_ledger(path)


def test_the_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine(x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another program"):
        open_ledger(path, create=True)
    assert path.read_bytes() == before


def test_a_newer_ledger_is_refused_and_an_older_one_migrated(tes, monkeypatch):
    ledger, _ = tes
    head = verify(ledger).head

    def step(connection):
        connection.execute("ALTER TABLE person ADD COLUMN arm TEXT")
        connection.execute("CREATE INDEX person_arm ON person(arm)")

    monkeypatch.setattr("stimplan.ledger.schema.STEPS", (*STEPS, step))
    monkeypatch.setattr("stimplan.ledger.store.STEPS", (*STEPS, step))
    with open_ledger(ledger.path) as newer:
        found = verify(newer, expected_head=head)
        assert found.is_intact, found.faults  # old rows keep their hashes
        assert found.rows == 3
    monkeypatch.undo()
    with pytest.raises(LedgerError, match="newer stimplan"):
        open_ledger(ledger.path)


def test_a_ledger_of_every_kind_of_row_is_intact(tmp_path):
    with filled(tmp_path / "ward.sqlite") as ledger:
        kinds = {entry.kind for entry in rows_of_ledger(ledger)}
        assert kinds == set(TABLES)
        found = verify(ledger)
        assert found.is_intact, found.faults
        assert found.first_row is None


@pytest.mark.parametrize("table", ["chain", *TABLES])
@pytest.mark.parametrize("statement", [
    'UPDATE "{t}" SET seq = seq', 'DELETE FROM "{t}"', 'DELETE FROM "{t}" WHERE seq = (SELECT max(seq) FROM "{t}")',
    'INSERT OR REPLACE INTO "{t}" SELECT * FROM "{t}"', 'REPLACE INTO "{t}" SELECT * FROM "{t}" LIMIT 1',
])  # fmt: skip
def test_no_row_can_be_changed_or_deleted(every_kind, table, statement):
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        every_kind.connection.execute(statement.format(t=table))
    assert verify(every_kind).is_intact


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory):
    with filled(tmp_path_factory.mktemp("ledger") / "ward.sqlite") as ledger:
        yield ledger


def test_every_problem_of_a_record_is_said_at_once(tes):
    ledger, _ = tes
    text = ('{"plan": 99, "plan": 98, "start": "2026-03-02T09:00:00", "duration_min": 1e999, "curent_mA": 2, '
            '"operator": " ", "pulses": 3.5, "hearing_protection": "yes", "person": "Smith"}')  # fmt: skip
    said = problems(ledger, "session", text)
    for where in ("$.plan: this key is here more than once", "$.start: '2026-03-02T09:00:00' has no zone",
                  "$.duration_min: 1e999 is out of range", "$.curent_mA: this key is not known here; did you mean",
                  "$.operator: this is empty", "$.pulses: expected a whole", "$.hearing_protection: expected true",
                  "$.person: \"Smith\" looks like a name"):  # fmt: skip
        assert where in said


@pytest.mark.parametrize("change, fragment", [
    ({"current_mA": None}, "$.current_mA: is missing"),
    ({"current_mA": 2000}, "not plausible"),
    ({"current_mA": True}, "expected a number"),
    ({"current_mA": "2"}, "expected a number"),
    ({"current_mA": float("nan")}, "finite"),
    ({"duration_min": -1}, "not plausible"),
    ({"pulses": 100}, "$.pulses: does not belong to electric"),
    ({"hearing_protection": True}, "does not belong to electric"),
    ({"start": "2999-01-01T00:00:00Z"}, "not plausible"),
    ({"start": "2150-01-01T00:00:00Z"}, "in the future"),
    ({"start": "0001-01-01T00:00:00+14:00"}, "$.start"),
    ({"start": "2026-03-02"}, "no zone"),
    ({"start": "yesterday"}, "is no time"),
    ({"plan": 2}, "row 2 is of kind 'person'; expected 'plan'"),
    ({"plan": 77}, "there is no row 77"),
    ({"person": "P-9"}, "is of 'P-0042'"),
    ({"impedances_kohm": {"Cz": 5}}, "no such electrode; it has F3, F4"),
    ({"impedances_kohm": {}}, "expected electrodes"),
    ({"impedances_kohm": {"F3": -1}}, "not plausible"),
    ({"aborted": ""}, "empty"),
    ({"note": "call her at 0171 2345 678 90"}, "telephone"),
    ({"note": "born 12.04.1985"}, "birth date"),
    ({"note": "write to anna@example.org"}, "mail address"),
    ({"note": "Mrs Smith was late"}, "a name"),
    ({"planned": 3}, "expected 'planned_session'"),
    ({"corrects": 3}, "$.correction_reason: is missing"),
    ({"correction_reason": "The clock was wrong"}, "$.corrects: is missing"),
])  # fmt: skip
def test_a_wrong_session_is_refused_by_name(tes, change, fragment):
    ledger, plan = tes
    record = {**session(plan, "2026-03-02T09:00:00Z"), **change}
    assert fragment in problems(ledger, "session", {k: v for k, v in record.items() if v is not None})


@pytest.mark.parametrize("change, fragment", [
    ({"hearing_protection": None}, "$.hearing_protection: is missing"),
    ({"pulses": None}, "$.pulses: is missing"),
    ({"current_mA": 2}, "does not belong to magnetic"),
    ({"threshold": 3}, "expected 'threshold'"),
    ({"intensity_reference": "MT"}, "not one of rMT"),
])  # fmt: skip
def test_a_coil_session_needs_what_a_coil_has(tmp_path, change, fragment):
    ledger, plan = start(tmp_path / "ward.sqlite", tms_protocol())
    with ledger:
        record = {**coil_session(plan, "2026-03-02T09:00:00Z"), **change}
        assert fragment in problems(ledger, "session", {k: v for k, v in record.items() if v is not None})


@pytest.mark.parametrize("code", ["Smith", "anna-maria", "1985-04-12", "19850412", "12041985", "x12.04.1985", "4/12/85",
                                  "1234567890", "P 1", "", "-1", "a@b.cd1", "P" * 40 + "1", 42, None])  # fmt: skip
def test_names_dates_and_register_numbers_are_no_codes(tes, code):
    assert "$.person" in problems(tes[0], "person", {"person": code})


@pytest.mark.parametrize("code", ["P-0043", "1", "arm2.17", "S001_b"])
def test_codes_are_codes(tes, code):
    append(tes[0], "person", {"person": code}, by=BY)


@pytest.mark.parametrize("reason", ["", "  ", "-", "ok", "because", "n/a", None, 3])
def test_an_override_needs_a_reason(tes, reason):
    record = {"person": "P-0042", "rule_id": "LEDGER-SPACING", "reason": reason, "name": "Dr. P", "role": "prescriber",
              "at": "2026-03-02T09:00:00Z"}  # fmt: skip
    assert "$.reason" in problems(tes[0], "override", record)


@pytest.mark.parametrize("key", ["name", "role", "rule_id", "at", "person"])
def test_an_override_needs_a_name_a_role_a_rule_and_a_time(tes, key):
    record = {"person": "P-0042", "rule_id": "LEDGER-SPACING", "reason": "The person travels tomorrow", "name": "Dr. P",
              "role": "prescriber", "at": "2026-03-02T09:00:00Z"}  # fmt: skip
    del record[key]
    assert f"$.{key}: is missing" in problems(tes[0], "override", record)


@pytest.mark.parametrize("by", ["", " ", None])
def test_somebody_writes_it_down(tes, by):
    assert "who writes this down" in problems(tes[0], "person", {"person": "P-1"}, by=by)


@pytest.mark.parametrize("kind, record, fragment", [
    ("sesion", {}, "did you mean 'session'"),
    ("person", "[1]", "JSON object"),
    ("person", "no json", "not JSON"),
    ("person", "", "empty"),
    ("person", {"person": "P-0042"}, "already, row 2"),
    ("plan", {"person": "P-0042", "protocol": "selct-tdcs", "prescriber": "Dr. P"}, "did you mean 'select-tdcs'"),
    ("plan", {"person": "P-1", "protocol": "select-tdcs", "prescriber": "Dr. P"}, "add the person first"),
    ("planned-session", {"plan": 3, "number": 11, "start": "2026-03-02T09:00:00Z"}, "the plan has 10 sessions"),
    ("adverse-events", {"person": "P-0042", "at": "2026-03-02T09:00:00Z", "form": "tes-aeq",
                        "answers": [{"item": "headache", "severity": 1}]}, "not answered: neck-pain"),
    ("adverse-events", {"person": "P-0042", "at": "2026-03-02T09:00:00Z", "form": "spontaneous",
                        "answers": [{"item": "headach", "severity": 5}]}, "is no item here"),
    ("adverse-events", {"person": "P-0042", "at": "2026-03-02T09:00:00Z", "form": "spontaneous",
                        "answers": [{"item": "fall", "severity": 2}]}, "how far is it related"),
    ("adverse-events", {"person": "P-0042", "at": "2026-03-02T09:00:00Z", "form": "spontaneous",
                        "answers": [{"item": "fall", "severity": 1, "relation": 1}]}, "has no relation"),
    ("adverse-events", {"person": "P-0042", "at": "2026-03-02T09:00:00Z", "form": "spontaneous",
                        "answers": [{"item": "other", "severity": 2, "relation": 1}]}, "say what it was"),
    ("adverse-events", {"person": "P-0042", "at": "2026-03-02T09:00:00Z", "form": "spontaneous",
                        "answers": [3]}, "an answer as an object"),
    ("resolution", {"event": 3, "at": "2026-03-02T09:00:00Z", "note": "gone", "name": "Dr. P"},
     "expected 'adverse_event'"),
    ("retraction", {"row": 1, "reason": "It was a mistake"}, "stays"),
    ("retraction", {"row": 99, "reason": "It was a mistake"}, "no row 99"),
    ("retraction", {"row": 2, "reason": "It was a mistake"}, "row 3 (plan) rests on it"),
])  # fmt: skip
def test_other_records_are_refused_by_name(tes, kind, record, fragment):
    assert fragment in problems(tes[0], kind, record)


def test_a_whole_list_is_written_or_nothing(tes):
    ledger, plan = tes
    good = session(plan, "2026-03-02T09:00:00Z")
    with pytest.raises(LedgerError, match=r"record 3: \$\.start: .*already"):
        append_all(
            ledger, [("session", good), ("session", session(plan, "2026-03-03T09:00:00Z")), ("session", good)], by=BY
        )
    assert verify(ledger).rows == 3


def test_the_same_session_cannot_be_written_twice(tes):
    ledger, plan = tes
    append(ledger, "session", session(plan, "2026-03-02T09:00:00Z"), by=BY)
    assert "already, row 4" in problems(ledger, "session", session(plan, "2026-03-02T10:00:00+01:00"))


def test_a_correction_is_a_new_row_that_names_the_old_one(tes):
    ledger, plan = tes
    append(ledger, "session", session(plan, "2026-03-02T09:00:00Z"), by=BY)
    fix = {"corrects": 4, "correction_reason": "The clock was wrong"}
    append(ledger, "session", {**session(plan, "2026-03-02T09:10:00Z"), **fix}, by=BY)
    old, new = list(rows_of_ledger(ledger))[3:]
    assert (old.corrects, new.corrects, new.reason) == (None, 4, "The clock was wrong")
    assert old.values["start_utc"] < new.values["start_utc"]
    again = problems(ledger, "session", {**session(plan, "2026-03-02T09:20:00Z"), **fix})
    assert "row 4 was replaced by row 5" in again
    assert "expected 'session'" in problems(
        ledger, "session", {**session(plan, "2026-03-02T09:20:00Z"), **fix, "corrects": 3}
    )


def test_a_retracted_row_cannot_be_used(tes):
    ledger, plan = tes
    append(ledger, "retraction", {"row": plan, "reason": "It was the wrong plan"}, by=BY)
    assert "was taken back by row 4" in problems(ledger, "session", session(plan, "2026-03-02T09:00:00Z"))


def test_a_questionnaire_has_a_row_for_each_item(tes):
    ledger, _ = tes
    record = {"person": "P-0042", "at": "2026-03-02T09:40:00Z", "form": "tes-aeq", "answers": answers(burning=2)}
    written = append(ledger, "adverse-events", record, by=BY)
    assert len(written) == len(answers()) == 12
    assert "already" in problems(ledger, "adverse-events", record)


def test_the_forms_hold_the_items_and_say_how_far_they_were_read():
    form = forms()[0]
    assert len(form.item_ids) == 10 + 2 + 1  # the questionnaire, falls and fatigue, other
    assert {"fall", "fatigue"} <= set(form.item_ids)
    assert form.doi == "10.1017/S1461145710001690"
    assert {one.status for one in forms()} <= {"read", "secondary", "recalled"}
    assert Citation  # the same words as of rules


def test_a_plan_keeps_the_whole_protocol(tes):
    from stimplan.ledger import plans_of, protocol_of

    plan = plans_of(tes[0], "P-0042")[0]
    assert protocol_of(plan) == tes_protocol()
    assert plan.protocol_digest == tes_protocol().digest


def test_json_lines_hold_enough_to_compute_the_chain_again(every_kind):
    previous = "0" * 64
    for line in export_jsonl(every_kind):
        entry = json.loads(line)
        chain = {key: entry[key] for key in ("seq", "kind", "recorded_utc", "recorded_by", "corrects", "reason")}
        body = {"chain": {k: v for k, v in chain.items() if v is not None}, "row": entry["row"]}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        previous = hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()
        assert entry["hash"] == previous
    assert previous == verify(every_kind).head


def test_csv_has_every_row_and_runs_no_formula(tes):
    ledger, plan = tes
    append(ledger, "session", session(plan, "2026-03-02T09:00:00Z", note="=1+1"), by=BY)
    tables = export_csv(ledger)
    assert set(tables) == set(TABLES)
    (row,) = csv.DictReader(io.StringIO(tables["session"]))
    assert (row["note"], row["duration_s"], row["current_A"]) == ("'=1+1", "1800.0", "0.002")
    assert entry_record(list(rows_of_ledger(ledger))[-1])["row"]["note"] == "=1+1"


def test_a_locked_ledger_says_so(tes):
    ledger, _ = tes
    with open_ledger(ledger.path) as other:
        other.connection.execute("BEGIN IMMEDIATE")
        ledger.connection.execute("PRAGMA busy_timeout = 50")
        assert "held the ledger" in problems(ledger, "person", {"person": "P-1"})
        other.connection.execute("ROLLBACK")


def test_the_error_is_bad_input():
    assert issubclass(LedgerError, InputError) and LedgerError.exit_code == 2


@given(st.dictionaries(st.sampled_from(["person", "plan", "start", "current_mA", "note", "x"]),
                       st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
                                 st.lists(st.integers(), max_size=2)), max_size=6))  # fmt: skip
def test_no_record_brings_the_ledger_down(record):
    for kind in ("person", "session", "adverse-events", "retraction", "override"):
        try:
            append(_memory(), kind, record, by=BY)
        except LedgerError as error:
            assert error.problems


_open: list = []


def _memory():
    import tempfile

    if not _open:
        folder = tempfile.TemporaryDirectory()
        _open.extend([folder, open_ledger(Path(folder.name) / "fuzz.sqlite", create=True)])
    return _open[1]


@given(st.decimals(min_value="0.01", max_value="10000", places=4))
def test_impedances_come_back_as_they_went_in(value):
    assert json.loads(fields.impedances({"F3": value}))["F3"] == pytest.approx(float(value) * 1000, rel=1e-15)
