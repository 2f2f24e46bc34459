"""Subject files: strict, every fault at once, nothing assumed; and back."""

import inspect
import json

import attrs
import jsonschema
import pytest

from stimplan.errors import InputError
from stimplan.resources import data_path
from stimplan.safety import Subject, dump_subject, read_subject
from stimplan.safety.screening_rules import (
    DrugRule,
    FormItem,
    ImplantRule,
    PersonRule,
    ScreeningRule,
    load_forms,
    read_data,
)
from stimplan.safety.subject import FormAnswer, HealthCondition, Implant, Medication

FULL = {
    "schema_version": 1,
    "id": "P-0007",
    "age_years": 61.5,
    "sex": "female",
    "pregnant": "no",
    "capacity_to_consent": "yes",
    "hearing_problem": "no",
    "recreational_drugs_24h": "no",
    "answers": {"tass": {"1": "no", "10": "unknown", "2": {"answer": "yes", "detail": "once, at school"}}},
    "implants": [{"kind": "pacemaker", "position_mm": [60, 20.5, -250], "region": "chest", "distance_mm": 301}],
    "medications": [{"name": "Sertralin", "atc": "N06AB06", "rxnorm": "36437", "dose_changed": "no"}],
    "conditions": [{"id": "stroke-motor", "position_mm": [-40, -20, 50], "at_electrode": "no", "detail": "left"}],
    "sleep_hours": 7,
    "alcohol_units_24h": 0,
    "notes": "seen on Monday",
}


def faults(tree):
    with pytest.raises(InputError) as caught:
        read_subject(tree)
    return {problem.where: problem.what for problem in caught.value.problems}


def test_a_full_file_is_read_in_si():
    subject = read_subject(FULL)
    assert subject.implants == (
        Implant("pacemaker", position_m=(0.06, 0.0205, -0.25), region="chest", distance_m=0.301),
    )
    assert subject.conditions[0] == HealthCondition("stroke-motor", (-0.04, -0.02, 0.05), "no", "left")
    assert subject.medications[0].label == "Sertralin"
    assert subject.answer_to("tass", "2") == FormAnswer("yes", "once, at school")
    assert [item for _, item, _ in subject.answers] == ["1", "2", "10"]


def test_what_is_written_is_read_again_to_the_last_bit():
    subject = read_subject(FULL)
    assert read_subject(dump_subject(subject)) == subject
    bare = read_subject({"schema_version": 1, "id": "x"})
    assert read_subject(dump_subject(bare)) == bare
    odd = attrs.evolve(subject, implants=(Implant("pacemaker", distance_m=0.1234567),))
    assert read_subject(dump_subject(odd)) == odd


def test_the_space_of_a_position_is_mni_unless_it_is_said():
    given = [{"kind": "skull-plate", "position_mm": [1, 2, 3], "space": "head"}, {"kind": "skull-plate"}]
    subject = read_subject({"schema_version": 1, "id": "x", "implants": given})
    assert [one.space for one in subject.implants] == ["head", "MNI"]
    assert read_subject(dump_subject(subject)) == subject
    assert subject.has_positions
    assert not read_subject({"schema_version": 1, "id": "x", "implants": given[1:]}).has_positions
    assert faults({"schema_version": 1, "id": "x", "implants": [{"kind": "skull-plate", "space": "scanner"}]})


def test_a_file_is_written_for_people_too():
    text = dump_subject(read_subject({**FULL, "notes": "Grüße"}))
    assert text.startswith('{\n  "schema_version": 1,\n  "id": "P-0007",\n')
    assert "Grüße" in text


def test_answers_are_sorted_by_form_and_number_and_the_one_asked_for_is_found():
    answers = {"tes": {"1": "no"}, "tass": {"2": "yes", "11": "no", "1": "unknown"}}
    subject = read_subject({"schema_version": 1, "id": "x", "answers": answers})
    assert [row[:2] for row in subject.answers] == [("tass", "1"), ("tass", "2"), ("tass", "11"), ("tes", "1")]
    assert [subject.answer_to("tass", item).answer for item in ("1", "2", "11")] == ["unknown", "yes", "no"]
    assert subject.answer_to("tes", "1").answer == "no"


@pytest.mark.parametrize("kind", [Subject, ScreeningRule, FormItem, ImplantRule, PersonRule, DrugRule])
def test_what_has_many_parts_is_made_by_their_names(kind):
    kinds = {one.kind for one in inspect.signature(kind).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_nothing_is_assumed_about_a_person_nobody_asked():
    subject = read_subject('{"schema_version": 1, "id": "x"}')
    assert subject == Subject(id="x")
    assert (subject.implants, subject.medications, subject.conditions) == (None, None, None)
    assert {subject.pregnant, subject.capacity_to_consent, subject.hearing_problem} == {"unknown"}
    assert subject.answer_to("tass", "1").answer == "unknown"


def test_a_subject_cannot_be_changed_and_its_digest_follows_its_values():
    subject = read_subject(FULL)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        subject.age_years = 8.0
    assert subject.digest == read_subject(FULL).digest != attrs.evolve(subject, age_years=62.0).digest


def test_every_fault_is_named_at_once_with_the_nearest_known_name():
    found = faults(
        {
            "schema_version": 2,
            "id": "Anna Müller",
            "age_year": 3,
            "sex": "femal",
            "pregnant": True,
            "answers": {"tas": {}, "tass": {"14": "yes", "1": "maybe", "2": {"answer": "yes", "detial": "x"}}},
            "implants": [{"kind": "pacmaker", "region": "chets", "mri": "ok"}, 3],
            "medications": [{"nam": "x"}, {"atc": "N06"}, {"rxnorm": "12a"}],
            "conditions": [{"id": "strok"}],
            "sleep_hours": 25,
        }
    )
    assert set(found) == {
        "$.schema_version",
        "$.id",
        "$.age_year",
        "$.sex",
        "$.pregnant",
        "$.answers.tas",
        '$.answers.tass["14"]',
        '$.answers.tass["1"]',
        '$.answers.tass["2"].detial',
        "$.implants[0].kind",
        "$.implants[0].region",
        "$.implants[0].mri",
        "$.implants[1]",
        "$.medications[0]",
        "$.medications[0].nam",
        "$.medications[1].atc",
        "$.medications[2].rxnorm",
        "$.conditions[0].id",
        "$.sleep_hours",
    }
    for where, near in {
        "$.age_year": "age_years",
        "$.answers.tas": "tass",
        "$.implants[0].kind": "pacemaker",
        "$.implants[0].region": "chest",
        "$.conditions[0].id": "stroke",
        "$.medications[0].nam": "name",
    }.items():
        assert f"did you mean '{near}'?" in found[where]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 1, "id": "x", "age_years": NaN}', '{"id": "x"}'])
def test_text_that_is_no_subject_is_refused(text, tmp_path):
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"s\.json"):
        read_subject(path)


def test_a_key_that_comes_twice_is_refused():
    assert "$.age_years" in faults('{"schema_version": 1, "id": "x", "age_years": 8, "age_years": 80}')


def test_a_file_that_is_not_there_and_a_thing_that_is_no_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file") as caught:
        read_subject(tmp_path / "none.json")
    assert len(caught.value.problems) == 1
    with pytest.raises(InputError, match="int"):
        read_subject(3)


@pytest.mark.parametrize(
    ("sex", "pregnant"), [("male", "no"), ("male", "unknown"), ("female", "yes"), ("other", "yes")]
)
def test_other_pairs_of_sex_and_pregnancy_are_no_slip(sex, pregnant):
    assert read_subject({"schema_version": 1, "id": "x", "sex": sex, "pregnant": pregnant}).pregnant == pregnant


def test_a_pregnant_man_is_a_slip():
    assert "correct one" in faults({"schema_version": 1, "id": "x", "sex": "male", "pregnant": "yes"})["$.pregnant"]


def test_names_are_refused_as_pseudonyms_by_their_form():
    assert "$.id" in faults({"schema_version": 1, "id": "Anna Smith"})


def test_the_schemas_are_schemas_and_the_shipped_files_fit_them():
    folder = data_path("safety", "schema")
    for name in ("subject-1", "screening-1", "site-policy-1"):
        jsonschema.Draft202012Validator.check_schema(json.loads((folder / f"{name}.schema.json").read_text()))
    schema = json.loads((folder / "screening-1.schema.json").read_text())
    for name in ("screening/tass.json", "screening/tes.json", "screening/person.json", "implants.json", "drugs.json"):
        jsonschema.Draft202012Validator(schema).validate(dict(read_data(name)))


def test_the_forms_have_their_items():
    forms = load_forms()
    assert [item.item for item in forms["tass"].items] == [str(n) for n in range(1, 14)]
    assert [item.id for item in forms["tass"].items] == [f"SCREEN-TASS-{n:02d}" for n in range(1, 14)]
    assert [item.item for item in forms["tes"].items] == [str(n) for n in range(1, 19)]


def test_a_medication_without_a_name_is_called_by_its_code():
    assert Medication(atc="N06AB06").label == "ATC N06AB06"
    assert Medication(rxnorm="36437").label == "RxNorm 36437"
