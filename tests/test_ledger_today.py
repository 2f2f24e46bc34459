"""History of a person, and whether today's session is within the plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import attrs
import pytest
from ledgers import BY, NOW, SEVERE, answers, coil_session, session, start, tes_protocol, tms_protocol

from stimplan.errors import LedgerError
from stimplan.ledger import append, history_of, judge_today, open_ledger, plan_of, plans_of
from stimplan.ledger.rules import Answer, finding_of, ledger_rules
from stimplan.safety import Citation, Rule, RuleSet
from stimplan.safety.rules import Statement
from stimplan.safety.values import verdict_of

CITED = Citation("A paper", "10.1000/1", "Table 1", "read", "somebody", "2026-01-01", None)


def rule(name, quantity, op, limit, *, unit="", modality="tDCS", severity="warn"):
    """A safety rule with one limit; fields this version of the rules adds get None."""
    values = {
        "id": name, "version": "1", "modality": (modality,), "applies_if": (), "unit": unit, "censored": True,
        "must": Statement(quantity, op, (limit,), unit), "severity": severity, "basis": "observed_envelope",
        "population": "", "title": name, "rationale": "", "citation": CITED, "message_holds": "", "message_broken": "",
        "vectors": (),
    }  # fmt: skip
    return Rule(**{field.name: values.get(field.name) for field in attrs.fields(Rule) if field.init})


RULES = RuleSet("test", (
    rule("TES-ITV", "session_spacing_s", ">=", 86400.0, unit="s"),
    rule("TES-DC-Q-DAY", "daily_charge_C", "<=", 7.2, unit="C"),
    rule("TMS-PULSES-DAY", "daily_pulses", "<=", 18000.0, modality="TMS", severity="justify"),
    rule("TMS-PULSES-COURSE", "five_day_pulses", "<=", 90000.0, modality="TMS", severity="justify"),
))  # fmt: skip
NO_RULES = RuleSet("none", ())


@pytest.fixture
def ward(tmp_path):
    opened = []

    def make(protocol):
        ledger, plan = start(tmp_path / f"{len(opened)}.sqlite", protocol)
        opened.append(ledger)
        return ledger, plan

    yield make
    for ledger in opened:
        ledger.close()


def judged(ledger, protocol, now=NOW, rules=RULES):
    found = judge_today(ledger, "P-0042", protocol=protocol, now=now, rules=rules)
    return {finding.rule_id: finding for finding in found}, verdict_of(found)


def give(ledger, plan, *begins, **more):
    for begin in begins:
        append(ledger, "session", session(plan, begin, **more), by=BY)


def test_a_plan_that_is_kept_passes_once_the_questionnaire_and_the_dates_are_there(ward):
    protocol = tes_protocol()
    ledger, plan = ward(protocol)
    append(ledger, "planned-session", {"plan": plan, "number": 1, "start": "2026-03-03T09:00:00Z"}, by=BY)
    give(ledger, plan, "2026-03-03T09:00:00Z", impedances_kohm={"F3": 5, "F4": 6})
    record = {"person": "P-0042", "session": 5, "at": "2026-03-03T09:40:00Z", "form": "tes-aeq", "answers": answers()}
    append(ledger, "adverse-events", record, by=BY)
    found, verdict = judged(ledger, protocol)
    assert {name: finding.status for name, finding in found.items()} == dict.fromkeys(found, "pass")
    assert verdict == "pass"
    assert set(found) == {"LEDGER-CLOCK", "LEDGER-PLAN", "LEDGER-COURSE", "LEDGER-SPACING", "LEDGER-DAY",
                          "LEDGER-WEEK", "LEDGER-CHARGE-CUM", "LEDGER-CHARGE-DAY", "LEDGER-MISSED", "LEDGER-AE",
                          "LEDGER-AEQ", "LEDGER-Z-MAX", "LEDGER-Z-STOP", "LEDGER-Z-MIN"}  # fmt: skip


@pytest.mark.parametrize(
    "minutes, status", [(20 * 60, "pass"), (20 * 60 - 1, "stop"), (20 * 60 + 1, "pass"), (-1, None)]
)
def test_spacing_is_that_of_the_plan_to_the_minute(ward, minutes, status):
    protocol = tes_protocol()
    ledger, plan = ward(protocol)
    begin = datetime(2026, 3, 3, 12, tzinfo=UTC)
    give(ledger, plan, begin.isoformat())
    found, verdict = judged(ledger, protocol, begin + timedelta(minutes=minutes))
    if status is None:  # the session lies in the future of the question
        assert found["LEDGER-CLOCK"].status == "stop" and verdict == "stop"
    else:
        assert found["LEDGER-SPACING"].status == status
        assert found["LEDGER-SPACING"].limit == 72000.0


def test_spacing_that_the_plan_does_not_give_comes_from_the_rule_and_else_is_unknown(ward):
    protocol = tes_protocol(min_gap_h=None)
    ledger, plan = ward(protocol)
    give(ledger, plan, "2026-03-04T07:00:00Z")
    spacing = judged(ledger, protocol)[0]["LEDGER-SPACING"]
    assert (spacing.status, spacing.severity, spacing.limit, spacing.doi) == ("warn", "warn", 86400.0, "10.1000/1")
    found, verdict = judged(ledger, protocol, rules=NO_RULES)
    assert found["LEDGER-SPACING"].status == "unknown"
    assert found["LEDGER-CHARGE-DAY"].status == "unknown"
    assert verdict == "stop"  # the day is full


def test_a_day_that_is_full_stops(ward):
    protocol = tes_protocol(min_gap_h=1)
    ledger, plan = ward(protocol)
    give(ledger, plan, "2026-03-04T00:00:00Z")
    found, verdict = judged(ledger, protocol)
    assert (found["LEDGER-DAY"].status, found["LEDGER-DAY"].value, verdict) == ("stop", 2, "stop")


def test_a_day_is_that_of_the_zone_in_which_one_asks(ward):
    protocol = tes_protocol(min_gap_h=1)
    ledger, plan = ward(protocol)
    give(ledger, plan, "2026-03-03T23:30:00Z")
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))  # there it was half past midnight, today
    assert judged(ledger, protocol, berlin)[0]["LEDGER-DAY"].status == "stop"
    assert judged(ledger, protocol, NOW)[0]["LEDGER-DAY"].status == "pass"


def test_a_week_is_seven_days_and_a_limit_that_is_not_given_is_unknown_but_no_gate(ward):
    protocol = tes_protocol()
    ledger, plan = ward(protocol)
    give(
        ledger,
        plan,
        *(f"2026-03-0{day}T08:00:00Z" for day in (1, 2, 3)),
        "2026-02-27T08:00:00Z",
        "2026-02-25T08:00:00Z",
    )
    week = judged(ledger, protocol)[0]["LEDGER-WEEK"]
    assert (week.value, week.status) == (5, "pass")  # the one of 25 February was a week ago
    give(ledger, plan, "2026-02-26T00:00:00Z")
    assert judged(ledger, protocol)[0]["LEDGER-WEEK"].status == "stop"
    other = tes_protocol(sessions_per_week=None)
    ledger, plan = ward(other)
    week = judged(ledger, other)[0]["LEDGER-WEEK"]
    assert (week.status, week.severity) == ("unknown", "warn")


def test_sessions_per_day_that_are_not_given_make_the_verdict_unknown(ward):
    protocol = tes_protocol(sessions_per_day=None)
    ledger, _ = ward(protocol)
    found, verdict = judged(ledger, protocol)
    assert found["LEDGER-DAY"].status == "unknown" and verdict == "unknown"


def test_the_course_ends_with_its_last_session(ward):
    protocol = tes_protocol(sessions=2, sessions_per_week=None)
    ledger, plan = ward(protocol)
    give(ledger, plan, "2026-03-02T08:00:00Z")
    found, _ = judged(ledger, protocol)
    assert (found["LEDGER-COURSE"].status, found["LEDGER-CHARGE-CUM"].status) == ("pass", "pass")
    assert found["LEDGER-CHARGE-CUM"].value == found["LEDGER-CHARGE-CUM"].limit == 7.2  # exactly
    give(ledger, plan, "2026-03-03T08:00:00Z")
    found, verdict = judged(ledger, protocol)
    assert (found["LEDGER-COURSE"].status, found["LEDGER-CHARGE-CUM"].status, verdict) == ("stop", "stop", "stop")
    assert found["LEDGER-CHARGE-CUM"].value == 10.8


def test_charge_follows_the_delivered_current_and_time(ward):
    ledger, plan = ward(tes_protocol())
    append(ledger, "session", session(plan, "2026-03-02T08:00:00Z"), by=BY)  # 2 mA, 30 min: 3.6 C
    append(ledger, "session", {**session(plan, "2026-03-03T08:00:00Z"), "current_mA": 1.5, "duration_min": 20,
                               "aborted": "itching at F3"}, by=BY)  # 1.8 C  # fmt: skip
    append(ledger, "session", {**session(plan, "2026-03-04T08:00:00Z"), "current_mA": 0}, by=BY)
    history = history_of(ledger, "P-0042", NOW)
    assert (history.charge_C, history.charge_today_C, history.plan_charge_C) == (5.4, 0.0, 5.4)
    assert (history.sessions_delivered, history.sessions_aborted, history.sessions_today) == (3, 1, 1)
    assert history.last_session_start == datetime(2026, 3, 4, 8, tzinfo=UTC)


def test_charge_of_a_sinusoid_is_two_over_pi(ward):
    import math

    from stimplan.protocol import protocol_tree, read_protocol

    tree = protocol_tree(tes_protocol())
    pads = tree["stimulation"]["electrodes"]
    for pad, phase in zip(pads, (0, 180), strict=True):
        pad.update(current_mA=2, phase_deg=phase)
    tree["stimulation"]["amplitude_convention"] = "peak"
    tree["stimulation"]["waveform"] = {"type": "sinusoidal", "frequency_Hz": 10, "duration_min": 30, "ramp_up_s": 10,
                                       "ramp_down_s": 10}  # fmt: skip
    ledger, plan = ward(read_protocol({**tree, "modality": "tACS"}))
    give(ledger, plan, "2026-03-02T08:00:00Z")
    assert history_of(ledger, "P-0042", NOW).charge_C == pytest.approx(2 * 0.002 / math.pi * 1800, rel=1e-11)


def test_a_day_of_two_sessions_may_not_pass_the_charge_of_the_rule(ward):
    protocol = tes_protocol(sessions_per_day=3, min_gap_h=1, sessions_per_week=None)
    ledger, plan = ward(protocol)
    give(ledger, plan, "2026-03-04T06:00:00Z")
    day = judged(ledger, protocol)[0]["LEDGER-CHARGE-DAY"]
    assert (day.value, day.limit, day.status, day.censored) == (7.2, 7.2, "pass", True)
    give(ledger, plan, "2026-03-04T08:00:00Z")
    assert judged(ledger, protocol)[0]["LEDGER-CHARGE-DAY"].status == "warn"


def test_another_protocol_than_the_planned_one_stops(ward):
    ledger, _ = ward(tes_protocol())
    found, verdict = judged(ledger, tes_protocol(sessions=11))
    assert (found["LEDGER-PLAN"].status, verdict) == ("stop", "stop")
    assert found["LEDGER-COURSE"].status == found["LEDGER-CHARGE-CUM"].status == "unknown"


def test_without_a_plan_nothing_is_known(ward):
    ledger, plan = ward(tes_protocol())
    append(ledger, "retraction", {"row": plan, "reason": "It was the wrong plan"}, by=BY)
    found, verdict = judged(ledger, tes_protocol())
    assert found["LEDGER-PLAN"].status == "unknown" and verdict == "unknown"
    assert plans_of(ledger, "P-0042") == ()


def test_a_corrected_plan_keeps_its_sessions(ward):
    ledger, plan = ward(tes_protocol())
    give(ledger, plan, "2026-03-02T08:00:00Z")
    from stimplan.protocol import protocol_tree

    longer = tes_protocol(sessions=12)
    record = {"person": "P-0042", "protocol": protocol_tree(longer), "prescriber": "Dr. P", "corrects": plan,
              "correction_reason": "Two sessions were added"}  # fmt: skip
    append(ledger, "plan", record, by=BY)
    found, _ = judged(ledger, longer)
    assert (found["LEDGER-PLAN"].status, found["LEDGER-COURSE"].value, found["LEDGER-COURSE"].limit) == ("pass", 2, 12)
    assert plan_of(ledger, "P-0042", tes_protocol()) is None


def test_replaced_and_retracted_sessions_do_not_count(ward):
    ledger, plan = ward(tes_protocol())
    give(ledger, plan, "2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z")
    fix = {"corrects": 4, "correction_reason": "The clock was wrong"}
    append(ledger, "session", {**session(plan, "2026-03-02T09:00:00Z"), **fix, "current_mA": 1}, by=BY)
    append(ledger, "retraction", {"row": 5, "reason": "It was written for the wrong person"}, by=BY)
    history = history_of(ledger, "P-0042", NOW)
    assert (history.sessions_delivered, history.charge_C) == (1, 1.8)


def test_missed_sessions_are_those_whose_day_is_over(ward):
    protocol = tes_protocol()
    ledger, plan = ward(protocol)
    assert judged(ledger, protocol)[0]["LEDGER-MISSED"].status == "unknown"
    days = ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05")
    rows = [append(ledger, "planned-session", {"plan": plan, "number": n, "start": f"{day}T09:00:00Z"}, by=BY)[0].seq
            for n, day in enumerate(days, 1)]  # fmt: skip
    give(ledger, plan, "2026-03-01T14:00:00Z")  # names no planned one: that of its day
    append(ledger, "session", session(plan, "2026-03-03T09:00:00Z", planned=rows[1]), by=BY)  # a day late
    history = history_of(ledger, "P-0042", NOW)
    assert (history.planned_sessions, history.missed_sessions) == (5, (3,))
    missed = judged(ledger, protocol)[0]["LEDGER-MISSED"]
    assert (missed.status, missed.value, missed.place) == ("warn", 1, "3")


@pytest.mark.parametrize("severity, status, gate", [(2, "warn", "warn"), (3, "warn", "warn"), (4, "stop", "justify")])
def test_an_unresolved_adverse_event_warns_and_a_severe_one_stops(ward, severity, status, gate):
    protocol = tes_protocol()
    ledger, _ = ward(protocol)
    record = {"person": "P-0042", "at": "2026-03-03T09:40:00Z", "form": "spontaneous",
              "answers": [{**SEVERE[0], "severity": severity}]}  # fmt: skip
    (event,) = append(ledger, "adverse-events", record, by=BY)
    finding = judged(ledger, protocol)[0]["LEDGER-AE"]
    assert (finding.status, finding.severity) == (status, gate)
    assert f"row {event.seq}" in finding.message
    end = {"event": event.seq, "at": "2026-03-03T12:00:00Z", "note": "gone after two hours", "name": "Dr. P"}
    append(ledger, "resolution", end, by=BY)
    assert judged(ledger, protocol)[0]["LEDGER-AE"].status == "pass"
    before = datetime(2026, 3, 3, 11, tzinfo=UTC)
    assert judged(ledger, protocol, before)[0]["LEDGER-AE"].status == status


def test_a_questionnaire_before_the_last_session_does_not_speak_for_it(ward):
    protocol = tes_protocol()
    ledger, plan = ward(protocol)
    assert "LEDGER-AEQ" not in judged(ledger, protocol)[0]
    give(ledger, plan, "2026-03-02T08:00:00Z")
    record = {"person": "P-0042", "at": "2026-03-02T09:00:00Z", "form": "tes-aeq", "answers": answers()}
    append(ledger, "adverse-events", record, by=BY)
    assert judged(ledger, protocol)[0]["LEDGER-AEQ"].status == "pass"
    give(ledger, plan, "2026-03-03T08:00:00Z")
    assert judged(ledger, protocol)[0]["LEDGER-AEQ"].status == "warn"


def measure(ledger, at, reference="rMT"):
    append(ledger, "threshold", {"person": "P-0042", "at": at, "value_percent": 55, "reference": reference,
                                 "operator": BY}, by=BY)  # fmt: skip


@pytest.mark.parametrize("often, at, status", [
    ("each-session", "2026-03-04T09:00:00Z", "pass"),
    ("each-session", "2026-03-04T07:00:00Z", "stop"),  # before this morning's session
    ("each-session", "2026-03-03T09:00:00Z", "stop"),
    ("daily", "2026-03-04T07:00:00Z", "pass"),
    ("daily", "2026-03-03T23:59:59Z", "stop"),
    ("weekly", "2026-02-25T10:00:00Z", "pass"),
    ("weekly", "2026-02-25T09:59:59Z", "stop"),
    ("once", "2025-01-01T00:00:00Z", "pass"),
    (None, "2026-03-04T09:00:00Z", "unknown"),
])  # fmt: skip
def test_a_threshold_is_as_old_as_the_plan_allows(ward, often, at, status):
    protocol = tms_protocol(often)
    ledger, plan = ward(protocol)
    append(ledger, "session", coil_session(plan, "2026-03-04T08:00:00Z"), by=BY)
    assert judged(ledger, protocol)[0]["LEDGER-THRESHOLD"].status == "unknown"
    measure(ledger, "2026-03-04T09:30:00Z", "aMT")  # another one says nothing
    assert judged(ledger, protocol)[0]["LEDGER-THRESHOLD"].status == "unknown"
    measure(ledger, at)
    assert judged(ledger, protocol)[0]["LEDGER-THRESHOLD"].status == status
    assert history_of(ledger, "P-0042", NOW).last_threshold_at == datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("pulses, day, status", [
    (89_900, 28, "pass"), (89_901, 28, "stop"), (89_901, 27, "pass"),
])  # fmt: skip
def test_pulses_of_five_days_are_those_of_the_rule(ward, pulses, day, status):
    protocol = tms_protocol()
    ledger, plan = ward(protocol)
    append(ledger, "session", coil_session(plan, f"2026-02-{day}T08:00:00Z", pulses=pulses), by=BY)
    found, _ = judged(ledger, protocol)
    assert found["LEDGER-PULSES-5D"].status == status
    assert found["LEDGER-PULSES-5D"].limit == 90_000
    assert found["LEDGER-PULSES-DAY"].value == 100
    assert judged(ledger, protocol, rules=NO_RULES)[0]["LEDGER-PULSES-5D"].status == "unknown"
    assert history_of(ledger, "P-0042", NOW).charge_C == 0


def test_a_time_without_a_zone_and_an_unknown_person_are_refused(ward):
    protocol = tes_protocol()
    ledger, _ = ward(protocol)
    with pytest.raises(LedgerError, match="no zone"):
        judge_today(ledger, "P-0042", protocol=protocol, now=NOW.replace(tzinfo=None), rules=RULES)
    with pytest.raises(LedgerError, match="not in this ledger"):
        history_of(ledger, "P-7", NOW)
    with pytest.raises(LedgerError, match="no standing plan"):
        history_of(ledger, "P-0042", NOW, plan=2)


def test_history_does_not_see_what_came_later_than_the_question(ward):
    ledger, plan = ward(tes_protocol())
    give(ledger, plan, "2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z")
    history = history_of(ledger, "P-0042", datetime(2026, 3, 2, 20, tzinfo=timezone(timedelta(hours=1))))
    assert (history.sessions_delivered, history.sessions_after_now, history.charge_C) == (1, 1, 3.6)


def test_a_history_is_read_while_another_writes(ward):
    ledger, _ = ward(tes_protocol())
    with open_ledger(ledger.path) as other:
        other.connection.execute("BEGIN IMMEDIATE")
        assert history_of(ledger, "P-0042", NOW).sessions_delivered == 0
        other.connection.execute("ROLLBACK")


@pytest.mark.parametrize("answer, outcome", [
    (Answer(value=1.0, limit=1.0), "holds"),
    (Answer(value=1.0000000000000002, limit=1.0), "broken"),
    (Answer(value=1.0, limit=1.0, is_least=True), "holds"),
    (Answer(value=0.9999999999999999, limit=1.0, is_least=True), "broken"),
    (Answer(value=float("nan"), limit=1.0), "unknown"),
    (Answer(value=float("inf"), limit=1.0, is_least=True), "broken"),
    (Answer(value=None, limit=1.0), "unknown"),
    (Answer(value=1.0), "unknown"),
])  # fmt: skip
def test_a_limit_is_what_must_hold(answer, outcome):
    assert answer.outcome() == outcome


@pytest.mark.parametrize("name", list(ledger_rules()))
def test_every_rule_has_its_words_and_its_source_and_promises_nothing(name):
    one = ledger_rules()[name]
    assert one.citation.get("text") or one.from_rule
    words = " ".join([one.title, *one.messages.values()]).lower()
    assert not any(word in words for word in (" safe", "approved", "allowed"))
    for answer in (Answer(holds=True), Answer(holds=False), Answer()):
        finding = finding_of(name, answer)
        assert finding.message and finding.citation
        assert "{" not in finding.message
