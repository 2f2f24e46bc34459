"""Impedances of the last session: what a contact had is looked at before the next one."""

import pytest
from ledgers import BY, NOW, coil_session, session, start, tes_protocol, tms_protocol

from stimplan.ledger import append, judge_today
from stimplan.ledger.history import history_of
from stimplan.ledger.rules import ledger_rules
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.safety.values import verdict_of

RULES = ("LEDGER-Z-MAX", "LEDGER-Z-STOP", "LEDGER-Z-MIN")


@pytest.fixture
def ward(tmp_path):
    ledger, plan = start(tmp_path / "ward.sqlite", tes_protocol())
    yield ledger, plan
    ledger.close()


def give(ledger, plan, begin, **impedances_kohm):
    more = {"impedances_kohm": impedances_kohm} if impedances_kohm else {}
    return append(ledger, "session", session(plan, begin, **more), by=BY)[0].seq


def said(ledger, protocol=None):
    found = judge_today(ledger, "P-0042", protocol=protocol or tes_protocol(), now=NOW)
    return {one.rule_id: one for one in found if one.rule_id in RULES}


def statuses(ledger):
    return tuple(said(ledger)[name].status for name in RULES)


@pytest.mark.parametrize(
    ("f3", "f4", "expected"),
    [
        (5.2, 6, ("pass", "pass", "pass")),
        (10, 1, ("pass", "pass", "pass")),
        (10.001, 5, ("warn", "pass", "pass")),
        (5, 20, ("warn", "pass", "pass")),
        (5, 20.001, ("warn", "stop", "pass")),
        (0.999, 5, ("pass", "pass", "warn")),
        (0.5, 30, ("warn", "stop", "warn")),
    ],
)
def test_each_limit_holds_at_it_and_breaks_past_it(ward, f3, f4, expected):
    ledger, plan = ward
    give(ledger, plan, "2026-03-03T09:00:00Z", F3=f3, F4=f4)
    assert statuses(ledger) == expected


def test_the_finding_names_the_electrodes_in_kilohms(ward):
    ledger, plan = ward
    give(ledger, plan, "2026-03-03T09:00:00Z", F3=12, F4=25)
    found = said(ledger)
    assert found["LEDGER-Z-MAX"].place == "F3, F4"
    assert "up to 25 kΩ, more than 10 kΩ" in found["LEDGER-Z-MAX"].message
    assert found["LEDGER-Z-STOP"].place == "F4"
    assert found["LEDGER-Z-STOP"].severity == "justify"
    assert "written reason of a named clinician" in found["LEDGER-Z-STOP"].message
    assert found["LEDGER-Z-MAX"].value == 25000.0


def test_the_last_session_counts_and_a_corrected_row_does_not(ward):
    ledger, plan = ward
    give(ledger, plan, "2026-03-02T09:00:00Z", F3=30, F4=30)
    last = give(ledger, plan, "2026-03-03T09:00:00Z", F3=5, F4=5)
    assert statuses(ledger) == ("pass", "pass", "pass")
    corrected = session(
        plan,
        "2026-03-03T09:00:00Z",
        impedances_kohm={"F3": 15, "F4": 5},
        corrects=last,
        correction_reason="The value was mistyped",
    )
    append(ledger, "session", corrected, by=BY)
    assert statuses(ledger) == ("warn", "pass", "pass")


def test_what_was_not_written_down_is_shown_as_not_judged_and_changes_no_verdict(ward):
    ledger, plan = ward
    assert said(ledger) == {}  # no session yet
    give(ledger, plan, "2026-03-02T09:00:00Z", F3=5, F4=5)
    give(ledger, plan, "2026-03-03T09:00:00Z")
    (found,) = said(ledger).values()
    assert (found.status, found.severity) == ("unknown", "info")
    assert "no impedance of the last session is in the ledger" in found.message
    every = judge_today(ledger, "P-0042", protocol=tes_protocol(), now=NOW)
    assert verdict_of(every) == verdict_of(tuple(one for one in every if one.rule_id not in RULES))


def test_a_session_after_the_moment_is_not_the_last_one(ward):
    ledger, plan = ward
    give(ledger, plan, "2026-03-03T09:00:00Z", F3=15, F4=5)
    give(ledger, plan, "2026-03-04T09:59:00Z", F3=5, F4=5)
    history = history_of(ledger, "P-0042", NOW.replace(hour=9, minute=30))
    assert history.last_impedances_ohm == {"F3": 15000.0, "F4": 5000.0}
    assert history.record()["last_impedances_ohm"] == {"F3": 15000.0, "F4": 5000.0}


def test_the_limits_of_pads_are_not_asked_of_small_electrodes(tmp_path):
    import json

    tree = json.loads(dump_protocol(tes_protocol()))
    for electrode in tree["stimulation"]["electrodes"]:
        electrode["shape"] = {"type": "circle", "diameter_mm": 12}
    small = read_protocol(tree)
    ledger, plan = start(tmp_path / "small.sqlite", small)
    give(ledger, plan, "2026-03-03T09:00:00Z", F3=50, F4=50)
    (found,) = said(ledger, small).values()
    assert (found.status, found.severity) == ("unknown", "info")
    assert "pads of 5 cm²" in found.message
    ledger.close()


def test_a_coil_has_no_impedance(tmp_path):
    protocol = tms_protocol()
    ledger, plan = start(tmp_path / "coil.sqlite", protocol)
    append(ledger, "session", coil_session(plan, "2026-03-03T09:00:00Z"), by=BY)
    assert said(ledger, protocol) == {}
    ledger.close()


def test_the_limits_are_data_with_a_source():
    limits = {name: ledger_rules()[name].limit for name in RULES}
    assert limits == {"LEDGER-Z-MAX": 10000.0, "LEDGER-Z-STOP": 20000.0, "LEDGER-Z-MIN": 1000.0}
    assert [ledger_rules()[name].citation["access"] for name in RULES] == ["recalled", "read", "read"]
