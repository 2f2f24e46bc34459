"""`stimplan check --ledger`: protocol, person and history in one answer."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta

import pytest
from ledgers import BY, NOW, filled, session, start, tes_protocol, tms_protocol
from people import healthy

from stimplan.cli import run
from stimplan.errors import InputError, LedgerError
from stimplan.ledger import add_history, append, append_all, open_ledger
from stimplan.ledger.examination import MOST_ROWS, examine
from stimplan.ledger.joint import TOLD_BY_LEDGER, worse
from stimplan.protocol import dump_protocol
from stimplan.safety import check, dump_subject, load_rules, read_site_policy
from stimplan.safety.values import SafetyReport

SITE = {
    "schema_version": 1, "site": "Ward 3", "profile": "research-ifcn2021",
    "changes": [{"rule": "TES-ITV", "direction": "stricter", "limit": 36, "display_unit": "h",
                 "reason": "people come from far", "name": "Dr A. Example", "date": "2026-02-01"}],
}  # fmt: skip


def stimplan_cli(*args) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return run([str(arg) for arg in args], out, err), out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ward")
    filled(folder / "ward.sqlite").close()
    (folder / "plan.json").write_text(dump_protocol(tes_protocol()))
    (folder / "subject.json").write_text(dump_subject(healthy("tes", id="P-0042")))
    return folder


@pytest.fixture
def ward(original, tmp_path, monkeypatch):
    monkeypatch.delenv("STIMPLAN_LEDGER", raising=False)
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(*more, at=NOW, person="P-0042"):
    return stimplan_cli("check", "plan.json", "--ledger", "ward.sqlite", "--person", person, "--now", at.isoformat(),
                        *more)  # fmt: skip


def test_one_check_judges_protocol_person_and_history(ward):
    code, out, err = asked("--subject", "subject.json", "--json")
    data = json.loads(out)
    rules = {finding["rule_id"] for finding in data["findings"]}
    assert {"TES-DC-I", "PERSON-TES-EPILEPSY", "LEDGER-SPACING", "LEDGER-AE"} <= rules
    assert data["history"]["sessions_delivered"] == 2
    assert (code, err) == ({"stop": 3, "unknown": 3}.get(data["verdict"], 0), "")
    assert "ledger 0." in data["rule_set_version"]


def test_without_a_ledger_the_record_is_that_of_the_report(ward):
    _, out, _ = stimplan_cli("check", "plan.json", "--json")
    assert json.loads(out) == check(tes_protocol()).record()
    assert any(note.startswith(TOLD_BY_LEDGER) for note in json.loads(out)["not_judged"])


def test_with_a_ledger_the_same_keys_hold_more(ward):
    plain = json.loads(stimplan_cli("check", "plan.json", "--json")[1])
    whole = json.loads(asked("--json")[1])
    assert set(whole) - set(plain) == {"history", "overrides"}
    assert [one for one in whole["findings"] if not one["rule_id"].startswith("LEDGER-")] == plain["findings"]


def test_the_text_shows_history_findings_and_overrides_of_the_day(ward):
    code, out, _ = asked(at=NOW - timedelta(days=1))
    assert code == 3 and "Safety verdict: STOP" in out
    assert "History of P-0042 at 2026-03-03T10:00+00:00: 2 sessions delivered, 1 on this day." in out
    assert "[LEDGER-SPACING]" in out and "override of LEDGER-SPACING by Dr. P, prescriber" in out
    assert "Not judged:" in out and "not in this ledger" in out and TOLD_BY_LEDGER not in out


def test_a_history_that_does_not_fit_turns_a_verdict_into_a_stop_in_every_profile(ward):
    fits = json.loads(asked("--json")[1])
    late = json.loads(asked("--json", at=NOW - timedelta(days=1))[1])
    assert fits["verdict"] != "stop" and late["verdict"] == "stop"
    assert {one["verdict"] for one in late["other_profiles"].values()} == {"stop"}


def test_a_history_that_fits_does_not_make_up_for_rules_that_were_not_asked():
    report = SafetyReport((), (), "", "", "")
    assert report.verdict == "unknown"
    assert [worse("unknown", one) for one in ("pass", "warn", "unknown", "stop")] == ["unknown"] * 3 + ["stop"]
    assert worse("pass", "warn") == "warn" and worse("pass", "pass") == "pass"


def test_the_profile_decides_how_severe_a_rule_is_for_the_history(tmp_path):
    """Spacing without a number in the plan is that of TES-ITV: a warning in one profile, a reason in another."""
    protocol = tes_protocol(min_gap_h=None)
    ledger, plan = start(tmp_path / "ward.sqlite", protocol)
    with ledger:
        append(ledger, "session", session(plan, (NOW - timedelta(hours=20)).isoformat()), by=BY)

        def spacing(profile):
            report = check(protocol, profile=profile)
            found = add_history(report, ledger, "P-0042", protocol=protocol, now=NOW)
            return next(one.status for one in found.today if one.rule_id == "LEDGER-SPACING"), found

        (mild, here), (strict, _) = spacing("research-ifcn2021"), spacing("conservative")
    assert (mild, strict) == ("warn", "stop")
    assert "LEDGER-SPACING" in {o.profile: o.differing for o in here.others}["conservative"]
    assert here.verdict != "stop" and {o.profile: o.verdict for o in here.others}["conservative"] == "stop"


def test_a_site_that_asks_for_more_spacing_is_heard(tmp_path):
    protocol = tes_protocol(min_gap_h=None)
    policy = read_site_policy(SITE)
    ledger, plan = start(tmp_path / "ward.sqlite", protocol)
    with ledger:
        append(ledger, "session", session(plan, (NOW - timedelta(hours=30)).isoformat()), by=BY)
        statuses = []
        for one in (None, policy):
            report = check(protocol, site_policy=one)
            found = add_history(report, ledger, "P-0042", protocol=protocol, now=NOW, site_policy=one)
            statuses += [next(f.status for f in found.today if f.rule_id == "LEDGER-SPACING")]
    assert statuses == ["pass", "warn"]


# what cannot be asked


@pytest.mark.parametrize("args, words", [
    (("--ledger", "ward.sqlite"), "--person: whose history is it?"),
    (("--person", "P-0042"), "--ledger: the history of 'P-0042' is in a ledger"),
    (("--now", NOW.isoformat()), "--now: is the moment the ledger is asked about"),
    (("--ledger", "ward.sqlite", "--person", "P-042"), "'P-042' is not in this ledger; did you mean 'P-0042'?"),
    (("--ledger", "ward.sqlite", "--person", "P-0042", "--now", "2026-03-04"), "has no zone"),
    (("--ledger", "none.sqlite", "--person", "P-0042"), "none.sqlite: there is no such ledger"),
    (("--ledger", "empty", "--person", "P-0042"), "empty: the ledger is empty"),
    (("--ledger", "plan.json", "--person", "P-0042"), "plan.json: this file is no ledger"),
    (("--ledger", ".", "--person", "P-0042"), ".: this is a folder"),
    (("--ledger", "pipe", "--person", "P-0042"), "pipe: this is no ordinary file"),
    (("--ledger", "/dev/zero", "--person", "P-0042"), "/dev/zero: this is no ordinary file"),
    (("--ledger", "ward.sqlite", "--person", "P-0043", "--subject", "subject.json"), "one check, one person"),
])  # fmt: skip
def test_what_cannot_be_asked_is_named_and_ends_with_2(ward, args, words):
    (ward / "empty").touch()
    os.mkfifo(ward / "pipe")
    code, out, err = stimplan_cli("check", "plan.json", *args)
    assert (code, out) == (2, "") and words in err, err
    code, out, _ = stimplan_cli("check", "plan.json", *args, "--json")
    assert code == 2 and json.loads(out)["exit_code"] == 2


def test_the_ledger_may_be_named_by_the_environment(ward, monkeypatch):
    monkeypatch.setenv("STIMPLAN_LEDGER", "ward.sqlite")
    _, out, _ = stimplan_cli("check", "plan.json", "--person", "P-0042", "--now", NOW.isoformat(), "--json")
    assert json.loads(out)["history"]["person"] == "P-0042"
    assert "history" not in json.loads(stimplan_cli("check", "plan.json", "--json")[1])


def test_a_report_of_another_protocol_is_refused(ward):
    with open_ledger("ward.sqlite") as ledger, pytest.raises(InputError, match="not of 'ledger-tdcs'"):
        add_history(check(tms_protocol()), ledger, "P-0042", protocol=tes_protocol(), now=NOW)


# a ledger that was changed


def tamper(path, statement):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)


TAMPERED = {
    "a dose": "UPDATE session SET current_A = 0.001 WHERE seq = {session}",
    "a time": "UPDATE session SET start_utc = '2026-01-01T09:00:00.000000Z' WHERE seq = {session}",
    "a session taken out": "DELETE FROM session WHERE seq = {session}",
    "a correction": "UPDATE chain SET corrects = {session} WHERE seq = 2",
    "a row of the chain": "DELETE FROM chain WHERE seq = {session} - 1",
    "a hash": "UPDATE chain SET hash = previous WHERE seq = {session}",
    "a session slipped in": "INSERT INTO session SELECT seq + 90000, person, plan, NULL, start_utc, duration_s, "
    "current_A, NULL, NULL, NULL, NULL, NULL, NULL, operator, NULL, NULL FROM session WHERE seq = {session}",
}


NEWEST_STANDING = """SELECT max(seq) FROM session WHERE person = 'P-0042'
    AND seq NOT IN (SELECT corrects FROM chain WHERE corrects IS NOT NULL)"""


@pytest.mark.parametrize("most", [MOST_ROWS, 6])
@pytest.mark.parametrize("how", TAMPERED)
def test_a_changed_row_is_named_in_short_ledgers_and_in_long_ones(ward, how, most):
    """With `most=6` the ledger counts as long: its newest rows about the person are looked at."""
    with open_ledger("ward.sqlite") as ledger:
        examine(ledger, "P-0042", most=most)
        (seq,) = ledger.connection.execute(NEWEST_STANDING).fetchone()
    tamper("ward.sqlite", TAMPERED[how].format(session=seq))
    with open_ledger("ward.sqlite") as ledger, pytest.raises(LedgerError, match=r"row \d+") as caught:
        examine(ledger, "P-0042", most=most)
    assert all(problem.file == "ward.sqlite" for problem in caught.value.problems)


def test_a_missing_trigger_is_named_in_a_long_ledger_too(ward):
    with closing(sqlite3.connect("ward.sqlite")) as connection:
        connection.execute("DROP TRIGGER session_no_update")
    with open_ledger("ward.sqlite") as ledger, pytest.raises(LedgerError, match="trigger session_no_update"):
        examine(ledger, "P-0042", most=6)


def test_a_tampered_ledger_is_bad_input_for_both_checks(ward):
    tamper("ward.sqlite", "UPDATE session SET current_A = 0.001")
    for code, out, err in (asked(), stimplan_cli("ledger", "check", "P-0042", "--ledger", "ward.sqlite")):
        assert (code, out) == (2, "")
        assert "its content is not what was written" in err and "ward.sqlite" in err


def test_what_was_not_examined_of_a_long_ledger_is_said(ward):
    with open_ledger("ward.sqlite") as ledger:
        assert examine(ledger, "P-0042") == ()
        records = [("threshold", {"person": "P-0043", "at": (NOW - timedelta(minutes=number)).isoformat(),
                                  "value_percent": 50, "reference": "rMT", "operator": BY})
                   for number in range(MOST_ROWS)]  # fmt: skip
        append_all(ledger, records, by=BY)
        (note,) = examine(ledger, "P-0042")
    assert "stimplan ledger verify walks the whole chain" in note
    assert note in json.loads(asked("--json")[1])["not_judged"]
    _, out, _ = stimplan_cli("ledger", "check", "P-0042", "--ledger", "ward.sqlite", "--json")
    assert json.loads(out)["not_judged"] == [note]
    assert "Not judged: Whether every row" in stimplan_cli("ledger", "check", "P-0042", "--ledger", "ward.sqlite")[1]


def test_a_damaged_file_is_named(ward):
    data = bytearray((ward / "ward.sqlite").read_bytes())
    data[4096:20480] = bytes(16384)
    (ward / "ward.sqlite").write_bytes(data)
    code, out, err = asked()
    assert (code, out) == (2, "") and "ward.sqlite" in err and "Traceback" not in err


def test_every_modality_has_the_note_that_the_ledger_answers():
    notes = [note for note in load_rules().not_judged if note.text.startswith(TOLD_BY_LEDGER)]
    assert {one for note in notes for one in note.modality} == {
        one for rule in load_rules().rules for one in rule.modality
    }


def test_every_public_name_of_the_ledger_is_there_and_an_unknown_one_is_not():
    from stimplan import ledger

    assert set(ledger.__all__) == {*ledger._HOME, "Form", "forms"} and callable(ledger.forms)
    assert all(getattr(ledger, name) is not None for name in ledger.__all__)
    with pytest.raises(AttributeError, match="no attribute 'forget'"):
        ledger.forget  # noqa: B018


@pytest.mark.slow
def test_a_check_with_ten_thousand_sessions_takes_no_more_than_forty_empty_pythons(tmp_path):
    """Processor time, which a busy machine stretches less than the clock; benchmarks/ledger.py has the seconds."""
    path = tmp_path / "ward.sqlite"
    ledger, plan = start(path, tes_protocol())
    with ledger:
        begin = NOW - timedelta(days=300)
        records = [("session", session(plan, (begin + timedelta(minutes=40 * n)).isoformat())) for n in range(10_000)]
        append_all(ledger, records, by=BY)
    (tmp_path / "plan.json").write_text(dump_protocol(tes_protocol()))
    (tmp_path / "subject.json").write_text(dump_subject(healthy("tes", id="P-0042")))
    asked = ["-m", "stimplan", "check", "plan.json", "--subject", "subject.json", "--ledger", str(path),
             "--person", "P-0042"]  # fmt: skip
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}

    def processor_s(arguments):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, *arguments], capture_output=True, check=False, cwd=tmp_path,
                              env=environment)  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode in (0, 3), done.stderr
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    processor_s(asked)  # writes the byte code
    empty, whole = (min(processor_s(args) for _ in range(5)) for args in (["-c", "pass"], asked))
    assert whole <= 40 * empty, f"{whole:.3f} s beside {empty:.3f} s"
