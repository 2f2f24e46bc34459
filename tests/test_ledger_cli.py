"""`stimplan ledger`: what it prints, and its exit codes."""

from __future__ import annotations

import io
import json

import pytest
from ledgers import NOW, filled

from stimplan.cli import run


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.delenv("STIMPLAN_LEDGER", raising=False)

    def call(*args, is_named=True):
        out, err = io.StringIO(), io.StringIO()
        place = ["--ledger", str(tmp_path / "ward.sqlite")] if is_named else []
        code = run(["ledger", *args, *place], stdout=out, stderr=err)
        return code, out.getvalue(), err.getvalue()

    return call


PERSON = ("add", "person", "person=P-0042", "--by", "R. Operator")


def test_a_ledger_has_to_be_named_and_started_on_purpose(call, tmp_path, monkeypatch):
    assert call("show", is_named=False)[0] == 2
    code, _, err = call(*PERSON)
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert "--create" in err
    monkeypatch.setenv("STIMPLAN_LEDGER", str(tmp_path / "ward.sqlite"))
    assert call(*PERSON, "--create", is_named=False)[0] == 0
    assert call("show", is_named=False)[1].splitlines()[1].startswith("P-0042")


def test_records_come_as_pairs_as_a_file_as_text_or_as_a_list(call, tmp_path, monkeypatch):
    assert call(*PERSON, "--create")[0] == 0
    file = tmp_path / "plan.json"
    file.write_text('{"person": "P-0042", "protocol": "select-tdcs", "prescriber": "Dr. P"}')
    assert call("add", "plan", str(file), "--by", "me")[0] == 0
    times = [f'{{"plan": 3, "number": {n}, "start": "2026-03-0{n}T09:00:00Z"}}' for n in (1, 2)]
    assert call("add", "planned-session", f"[{', '.join(times)}]", "--by", "me")[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO('{"person": "P-0043"}'))
    code, out, _ = call("add", "person", "-", "--by", "me", "--json")
    assert (code, json.loads(out)["written"][0]["row"]) == (0, 6)


@pytest.mark.parametrize("args, fragment", [
    (("add", "person", "Smith", "--by", "me"), "no such file"),
    (("add", "person", "person=Smith", "--by", "me"), "looks like a name"),
    (("add", "person", "person=P-1", "person=P-2", "--by", "me"), "given twice"),
    (("add", "person", "person=P-1", "note", "--by", "me"), "KEY=VALUE"),
    (("add", "person", "[]", "--by", "me"), "list without records"),
    (("add", "person", "person=P-1"), "--by"),
    (("add", "session", "--by", "me"), "needs plan, start, duration_min, operator; it may have person, planned"),
    (("add", "sesion", "person=P-1", "--by", "me"), "did you mean 'session'"),
    (("check", "P-1"), "not in this ledger"),
    (("check", "P-0042"), "has no plan"),
    (("check", "P-0042", "--protocol", "select-tdcs", "--now", "2026-03-01T09:00:00"), "no zone"),
    (("show", "P-1"), "not in this ledger"),
    (("export", "--format", "csv"), "name a folder"),
])  # fmt: skip
def test_bad_input_is_named_and_ends_with_2(call, args, fragment):
    call(*PERSON, "--create")
    code, _, err = call(*args)
    assert (code, fragment in err) == (2, True), err
    code, out, _ = call(*args, "--json")
    assert code == 2
    assert fragment in json.loads(out)["problems"][0]["what"] + json.loads(out)["problems"][0]["where"]


def test_a_current_or_an_intensity_in_another_unit_is_not_taken(call, tmp_path):
    filled(tmp_path / "ward.sqlite").close()
    row = ("person=P-0042", "plan=3", "start=2026-03-03T09:00:00Z", "duration_min=20", "operator=me", "--by", "me")
    code, _, err = call("add", "session", "current_mA=0.002", *row)
    assert code == 2 and "$.current_mA: 0.002 mA is not plausible; expected 0, or at least 0.01 mA" in err
    code, _, err = call("add", "session", "intensity_percent=0.8", *row)
    assert code == 2 and "0.8 % is not plausible; expected 0, or at least 1 %" in err
    for sham in ("0", "0.034"):  # no current, and one that only measures the impedance
        assert "current_mA:" not in call("add", "session", f"current_mA={sham}", *row)[2]


def test_export_replaces_files_only_when_told(call, tmp_path):
    filled(tmp_path / "ward.sqlite").close()
    out = str(tmp_path / "rows.jsonl")
    assert call("export", out)[0] == 0
    code, _, err = call("export", out)
    assert code == 2 and "--force" in err
    assert call("export", out, "--force")[0] == 0


def test_check_ends_with_3_where_the_session_is_not_within_the_plan(call, tmp_path):
    filled(tmp_path / "ward.sqlite").close()
    code, out, _ = call("check", "P-0042", "--now", NOW.isoformat())
    assert (code, "2026-03-04T10:00+00:00: WARN" in out) == (0, True), out
    code, out, _ = call("check", "P-0042", "--now", "2026-03-03T10:00:00+00:00")
    assert code == 3
    assert "STOP" in out and "LEDGER-SPACING" in out
    assert "override of LEDGER-SPACING by Dr. P, prescriber" in out
    assert "Not a medical device" in out
    code, out, _ = call("check", "P-0042", "--now", "2026-03-03T10:00:00+00:00", "--json")
    data = json.loads(out)
    assert (code, data["verdict"]) == (3, "stop")
    assert data["overrides"][0]["rule_id"] == "LEDGER-SPACING"
    assert data["history"]["sessions_delivered"] == 2
    assert {"rule_id", "status", "citation"} <= set(data["findings"][0])


def test_check_with_another_protocol_than_the_plan_is_a_stop(call, tmp_path):
    filled(tmp_path / "ward.sqlite").close()
    code, out, _ = call("check", "P-0042", "--protocol", "select-tdcs", "--now", NOW.isoformat(), "--json")
    plan = next(f for f in json.loads(out)["findings"] if f["rule_id"] == "LEDGER-PLAN")
    assert (code, plan["status"]) == (3, "stop")


def test_show_lists_people_and_every_row_of_one(call, tmp_path):
    filled(tmp_path / "ward.sqlite").close()
    code, out, _ = call("show")
    assert (code, [line.split()[0] for line in out.splitlines()]) == (0, ["person", "P-0042", "P-0043"])
    code, out, _ = call("show", "P-0042")
    assert code == 0
    assert "corrects row" in out and "[see row" in out
    data = json.loads(call("show", "P-0042", "--json")[1])
    assert {row["kind"] for row in data["rows"]} == {"person", "plan", "planned_session", "session", "adverse_event",
                                                     "resolution", "override", "retraction"}  # fmt: skip
    assert json.loads(call("show", "--json")[1])["people"][0]["sessions"] == 2


def test_verify_says_the_head_and_names_the_row_that_was_changed(call, tmp_path):
    import sqlite3

    filled(tmp_path / "ward.sqlite").close()
    code, out, _ = call("verify", "--json")
    head = json.loads(out)["head"]
    assert code == 0 and head in call("verify")[1]
    assert call("verify", "--head", head)[0] == 0
    assert call("verify", "--head", "0" * 63 + "1")[0] == 2
    connection = sqlite3.connect(tmp_path / "ward.sqlite")
    connection.execute("DROP TRIGGER threshold_no_update")
    (seq,) = connection.execute("SELECT seq FROM threshold").fetchone()
    connection.execute("UPDATE threshold SET value_fraction = 0.4")
    connection.commit()
    connection.close()
    code, out, _ = call("verify")
    assert code == 2
    assert f"the first row that does not fit: {seq}" in out
    assert f"row {seq} (threshold): its content is not what was written" in out
    assert "trigger threshold_no_update is missing" in out
    assert json.loads(call("verify", "--json")[1])["first_faulty_row"] == seq


def test_export_writes_whole_files_for_the_owner_only(call, tmp_path):
    filled(tmp_path / "ward.sqlite").close()
    lines = call("export")[1].splitlines()
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, len(lines) + 1))
    file, folder = tmp_path / "all.jsonl", tmp_path / "tables"
    assert call("export", str(file))[0] == 0
    assert file.read_text().splitlines() == lines
    assert file.stat().st_mode & 0o777 == 0o600
    assert call("export", str(file))[0] == 2  # it is there already
    assert call("export", "--format", "csv", str(folder))[0] == 0
    assert sum(len(one.read_text().splitlines()) - 1 for one in folder.iterdir()) >= len(lines)
