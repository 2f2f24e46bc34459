"""`stimplan screen`: what the forms do not ask of a person, from options and from questions."""

import json

import pytest

from stimplan.cli import run as run_command
from stimplan.commands import screen_person
from stimplan.errors import InputError

NOTHING = ["--age-years", "34", "--sex", "female", "--pregnant", "no", "--capacity-to-consent", "yes",
           "--hearing-problem", "no", "--recreational-drugs", "no", "--sleep-hours", "7.5", "--alcohol-units", "0",
           "--implants", "none", "--medications", "none", "--conditions", "none"]  # fmt: skip


@pytest.fixture
def clean_form(tmp_path):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({str(item): "no" for item in range(1, 14)}), encoding="utf-8")
    return ["screen", "--form", "tass", "--answers", str(path)]


def test_a_clean_form_with_every_question_answered_leaves_nothing_unknown_about_the_person(
    clean_form, tmp_path, capsys
):
    file = tmp_path / "s.json"
    assert run_command([*clean_form, "--id", "P-0042", "--out", str(file), *NOTHING]) == 0
    said = capsys.readouterr().out
    assert "13 of 13" in said and "unknown" not in said
    run_command(["check", "three-d-itbs", "--subject", str(file), "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    about_person = [one for one in findings if one["rule_id"].startswith(("PERSON", "IMPLANT", "DRUG", "TASS"))]
    assert len(about_person) >= 16
    assert [one["rule_id"] for one in about_person if one["status"] == "unknown"] == []


def test_what_the_person_has_is_written_and_judged(clean_form, tmp_path, capsys):
    file = tmp_path / "s.json"
    has = ["--implants", "pacemaker@chest, hearing-aid@ear", "--medications", "bupropion", "--conditions", "stroke"]
    assert run_command([*clean_form, "--id", "P-1", "--out", str(file), *has]) == 0
    tree = json.loads(file.read_text())
    assert [(one["kind"], one["region"]) for one in tree["implants"]] == [
        ("pacemaker", "chest"),
        ("hearing-aid", "ear"),
    ]
    assert [one["name"] for one in tree["medications"]] == ["bupropion"]
    assert [one["id"] for one in tree["conditions"]] == ["stroke"]
    assert tree["age_years"] is None and tree["pregnant"] == "unknown"
    assert "Still unknown: age_years, sex, pregnant" in capsys.readouterr().out


def test_later_answers_are_added_to_a_subject_file_and_leave_the_form_alone(clean_form, tmp_path, capsys):
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    run_command([*clean_form, "--id", "P-1", "--out", str(first)])
    later = ["screen", "--form", "tass", "--subject", str(first), "--sex", "male", "--out", str(second)]
    assert run_command(later) == 0
    before, after = (json.loads(path.read_text()) for path in (first, second))
    assert after == {**before, "sex": "male"}
    assert "pregnant" not in capsys.readouterr().out.split("Still unknown")[-1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--age-years", "old"], "age_years"),
        (["--age-years", "200"], "age_years"),
        (["--pregnant", "maybe"], "pregnant"),
        (["--implants", "pacemakr@chest"], "pacemaker"),
        (["--implants", "pacemaker@knee"], "knee"),
        (["--implants", ""], "implants"),
        (["--conditions", "stroke,epilepsi"], "epilepsi"),
        (["--sex", "male", "--pregnant", "yes"], "pregnant"),
        (["--sleep-hours", "nan"], "sleep_hours"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_and_nothing_is_written(clean_form, tmp_path, capsys, wrong, said):
    file = tmp_path / "s.json"
    assert run_command([*clean_form, "--id", "P-1", "--out", str(file), *wrong]) == 2
    assert said in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize("name", ["Anna", "1970-01-31", "P 42", "0151 2345 6789"])
def test_an_id_that_the_ledger_would_refuse_is_refused_here(clean_form, tmp_path, capsys, name):
    file = tmp_path / "s.json"
    assert run_command([*clean_form, "--id", name, "--out", str(file)]) == 2
    assert "--id" in capsys.readouterr().err
    assert not file.exists()


def test_only_what_is_unknown_is_asked_and_a_bad_answer_is_asked_again():
    asked = []
    words = iter(["forty", "40", "", "no", "", "", "7", "0", "none", "sertraline, N06AX12", "stroke"])

    def ask(question):
        asked.append(question)
        return next(words)

    found = screen_person.ask_person({"sex": "male"}, ask)
    assert next(words, "all used") == "all used"
    assert not any("Pregnant" in question or "Sex" in question for question in asked)
    assert found["age_years"] == 40 and found["implants"] == [] and len(found["medications"]) == 2
    assert "capacity_to_consent" not in found and found["hearing_problem"] == "no"


def test_questions_that_end_early_write_nothing():
    def end(question):
        raise EOFError

    with pytest.raises(InputError, match="nothing was written"):
        screen_person.ask_person({}, end)
