"""Verdict and screening: what a clinician reads, and the person the answers make."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from stimplan.app.panels.changes import move_slider, set_values
from stimplan.app.panels.screening import (
    Answers,
    answers_of,
    form_questions,
    person_questions,
    progress,
    subject_of,
)
from stimplan.app.panels.verdict import ORDER, SIGNS, judge, verdict_view
from stimplan.app.plan import Plan
from stimplan.errors import InputError
from stimplan.protocol import list_protocols, read_protocol
from stimplan.safety import check, read_subject


def luminance(colour):
    """Relative luminance of WCAG 2.1 (https://www.w3.org/TR/WCAG21/#dfn-relative-luminance)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def view(pid, subject=None):
    return verdict_view(check(read_protocol(pid), subject=subject), has_person=subject is not None)


def test_the_contrast_of_this_file_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("status", ORDER)
def test_every_verdict_has_a_word_a_shape_and_a_readable_colour(status):
    sign = SIGNS[status]
    assert contrast(sign.colour, sign.paper) >= 4.5
    assert contrast(sign.colour, "#ffffff") >= 4.5
    assert len({one.shape for one in SIGNS.values()}) == len({one.word for one in SIGNS.values()}) == 4
    assert "safe" not in sign.word.lower()


@pytest.mark.parametrize("entry", list_protocols(), ids=lambda one: one.id)
def test_every_protocol_has_a_verdict_with_the_rule_the_value_the_limit_and_the_paper(entry):
    report = check(read_protocol(entry.id))
    shown = verdict_view(report, has_person=False)
    assert shown["verdict"] == report.verdict and shown["headline"]
    assert ("are kept" in shown["headline"]) == (report.verdict == "pass")
    rows = [row for group in shown["groups"] for row in group["rows"]]
    assert len(rows) == len(report.findings)
    for row in rows:
        assert row["message"] and row["citation"] and row["sure"] and row["basis"]
        assert row["link"] in ("", f"https://doi.org/{row['doi']}")


def test_a_stop_names_the_rule_the_value_and_the_limit():
    # 4 mA for 60 min is 14.4 C, twice the charge of the envelope.
    protocol = set_values(
        move_slider(read_protocol("select-tdcs"), 0, Decimal(4)), {("stimulation", "waveform", "duration_min"): 60}
    )
    shown = verdict_view(check(protocol), has_person=False)
    assert shown["word"] == "STOP"
    broken = shown["groups"][0]
    assert broken["status"] == "stop" and broken["rows"] and all(row["numbers"] for row in broken["rows"])
    assert broken["rows"][0]["value"] in shown["headline"] and broken["rows"][0]["limit"] in shown["headline"]
    assert shown["live"].startswith("Safety verdict: STOP.")


def test_missing_answers_are_counted_and_nothing_that_is_not_judged_is_hidden():
    empty = view("select-tdcs", read_subject({"schema_version": 1, "id": "p"}))
    assert empty["word"] == "UNKNOWN" and "about the person missing" in empty["headline"]
    assert "not judged" in view("select-tdcs")["headline"]
    assert view("select-tdcs")["not_judged"]


def test_the_verdict_of_a_change_takes_less_than_100_ms():
    plan = Plan(read_protocol("select-tdcs"), subject=read_subject({"schema_version": 1, "id": "p"}))
    verdict_view(judge(plan), has_person=True)
    times = []
    for step in range(5):
        moved = Plan(move_slider(plan.protocol, 0, Decimal(1) + step * Decimal("0.1")), subject=plan.subject)
        start = time.perf_counter()
        verdict_view(judge(moved), has_person=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


@pytest.mark.parametrize("pid, form", [("select-tdcs", "tes"), ("three-d-itbs", "tass")])
def test_the_form_is_that_of_the_stimulation(pid, form):
    title, questions = form_questions(read_protocol(pid).modality)
    assert title and questions and all(one.key.startswith(f"{form}/") and one.text for one in questions)


def all_no(modality):
    answers = Answers()
    for question in form_questions(modality)[1]:
        answers = answers.with_answer(question.key, "no")
    values = {"age_years": "40", "sex": "male", "capacity_to_consent": "yes", "hearing_problem": "no",
              "recreational_drugs_24h": "no", "sleep_hours": "7.5", "alcohol_units_24h": "0", "medications": "none",
              "implants": "none", "conditions": "none"}  # fmt: skip
    for key, value in values.items():
        answers = answers.with_answer(key, value)
    return answers


@pytest.mark.parametrize("pid", ["select-tdcs", "three-d-itbs"])
def test_a_person_with_nothing_leaves_nothing_unknown(pid):
    protocol = read_protocol(pid)
    answers = all_no(protocol.modality)
    assert progress(answers, protocol.modality)[0] == progress(answers, protocol.modality)[1]
    person = check(protocol, subject=subject_of(answers))
    alone = {one.rule_id for one in check(protocol).of_status("unknown")}
    assert {one.rule_id for one in person.of_status("unknown")} <= alone


def test_one_yes_changes_the_verdict_and_taking_it_back_restores_it():
    protocol = read_protocol("select-tdcs")
    before = all_no("tDCS")
    epilepsy = before.with_answer("tes/1", "yes")
    assert check(protocol, subject=subject_of(before)).verdict != "stop"
    assert check(protocol, subject=subject_of(epilepsy)).verdict == "stop"
    assert epilepsy.with_answer("tes/1", "no").given == before.given
    assert "tes/1" not in before.with_answer("tes/1", "unknown").given


def test_no_answer_is_no_person():
    assert subject_of(Answers()) is None


def test_answers_come_back_from_the_person_they_made():
    answers = all_no("TMS").with_answer("implants", "pacemaker@chest\ndental-metal").with_answer("tass/9", "yes")
    answers = answers.with_detail("tass/9", "since 2019").with_answer("medications", "sertraline\nlithium")
    again = answers_of(subject_of(answers))
    assert dict(again.given) == dict(answers.given)
    assert dict(again.details) == {"tass/9": "since 2019"}
    assert answers_of(None) == Answers()


@pytest.mark.parametrize(
    "key, value, fragment",
    [
        ("age_years", "old", "number"),
        ("age_years", "nan", "finite"),
        ("age_years", "-3", "at least 0"),
        ("implants", "pacemakr", "pacemaker"),
        ("conditions", "epilepsie", "epilepsy"),
        ("tes/99", "no", "99"),
        ("no-form/1", "no", "no-form"),
        ("tes/1", "maybe", "maybe"),
    ],
)
def test_an_answer_that_cannot_be_one_is_refused_with_its_place(key, value, fragment):
    with pytest.raises(InputError) as caught:
        subject_of(Answers().with_answer(key, value))
    assert fragment in " ".join(f"{problem.where} {problem.what}" for problem in caught.value.problems)


def test_every_question_of_the_person_is_a_key_of_the_subject_file():
    keys = [one.key for one in person_questions()]
    assert len(keys) == len(set(keys)) == 11
    for question in person_questions():
        assert question.kind in ("yes-no", "number", "choice", "list")
