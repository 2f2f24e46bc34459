"""Reporting checklists: what a file answers, and what is missing when a field is taken away."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from runs import plan
from strategies import protocols

from stimplan.describe import methods_text, missing_lines, review, reviews
from stimplan.describe.checklist import CHECKLISTS, CONDITIONS, checklist, values_at
from stimplan.errors import InputError, ResourceError
from stimplan.protocol import list_protocols, protocol_tree, read_protocol, schema
from stimplan.resources import data_path

MAGNETIC = next(entry.id for entry in list_protocols() if read_protocol(entry.id).modality == "TMS")


def missing(tree, name="rates"):
    return {item.text for item in review(read_protocol(tree), name).missing}


@pytest.mark.parametrize("name", CHECKLISTS)
def test_a_checklist_says_where_it_is_from_and_how_each_item_is_known(name):
    asked = checklist(name)
    assert asked.source.doi and asked.source.note and asked.source.status in ("read", "secondary", "recalled")
    assert len({item.id for item in asked.items}) == len(asked.items)
    for item in asked.items:
        assert item.text and item.answered_by and item.status in ("read", "secondary", "recalled")
        assert item.only_if is None or item.only_if in CONDITIONS


@pytest.mark.parametrize(("name", "count"), [("core-tms", 30), ("contes", 17)])
def test_the_published_number_of_items_is_there(name, count):
    assert len(checklist(name).items) == count


def test_an_incomplete_checklist_says_so():
    assert "was not read" in checklist("rates").source.note


@pytest.mark.parametrize("name", CHECKLISTS)
def test_every_path_of_an_item_leads_to_a_key_the_schema_knows(name):
    text = json.dumps(schema())
    reporting = schema()["properties"]["reporting"]["properties"]
    for item in checklist(name).items:
        for path in (path for paths in item.answered_by for path in paths):
            last = path.rpartition(".")[2].removesuffix("[*]")
            assert last in reporting if path.startswith("$.reporting.") else f'"{last}"' in text, path


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"stimulation__waveform__ramp_up_s": None}, "Ramp up"),
        ({"stimulation__waveform__ramp_down_s": None}, "Ramp down"),
        ({"population": None}, "Diagnosis, and who was included"),
        ({"sham": None}, "Sham stimulation"),
        ({"blinding": None}, "Who was blinded"),
        ({"purpose": None}, "Target and why it was chosen"),
        ({"outcomes": []}, "Outcome measures and when they were taken"),
        ({"reporting": {}}, "Age"),
    ],
)
def test_what_is_taken_away_is_missing_and_what_is_there_is_not(changes, text):
    full = {
        "stimulation__waveform__ramp_up_s": 30,
        "stimulation__waveform__ramp_down_s": 30,
        "population": "40 adults",
        "sham": {"type": "fade-in-fade-out"},
        "blinding": "double",
        "purpose": "why",
        "outcomes": [{"measure": "a scale"}],
        "reporting": {"age": "18 to 65 years"},
    }
    assert text not in missing(plan(**full))
    assert text in missing(plan(**{**full, **changes}))


def test_a_file_that_answers_everything_misses_nothing():
    for name in ("rates", "contes"):
        keys = {
            path.rpartition(".")[2]: "as it was"
            for item in checklist(name).items
            for paths in item.answered_by
            for path in paths
            if path.startswith("$.reporting.")
        }
        tree = plan(
            reporting=keys,
            steps=[{"kind": "stop", "condition": "pain", "action": "stop"}],
            outcomes=[{"measure": "a scale"}],
            stimulation__waveform__ramp_up_s=30,
            stimulation__waveform__ramp_down_s=30,
        )
        assert missing(tree, name) == set()


def test_false_is_an_answer_and_null_is_none():
    found = review(read_protocol(plan(reporting={"age": False, "sex": True})), "rates")
    by_text = {answer.item.text: answer for answer in found.answers}
    assert by_text["Age"].is_reported and by_text["Age"].is_controlled is False
    assert by_text["Sex"].is_controlled is True
    assert not by_text["Handedness"].is_reported
    assert (
        "age of the participants: not controlled" in methods_text(read_protocol(plan(reporting={"age": False}))).lower()
    )


def test_paired_pulse_items_are_asked_of_paired_pulses_only():
    single = review(read_protocol(MAGNETIC), "core-tms")
    assert len(single.answers) == 27

    @settings(max_examples=3)
    @given(protocols("TMS", "paired"))
    def paired(protocol):
        assert len(review(protocol, "core-tms").answers) == 30

    paired()


def test_contes_is_asked_only_where_there_was_imaging():
    assert [found.checklist.id for found in reviews(read_protocol(plan(reporting={})))] == ["rates"]
    scanned = read_protocol(plan(reporting={"imaging_timing": "during"}))
    assert [found.checklist.id for found in reviews(scanned)] == ["rates", "contes"]
    assert [found.checklist.id for found in reviews(read_protocol(MAGNETIC))] == ["core-tms"]


def test_missing_items_are_listed_one_by_one_with_the_key_to_fill():
    lines = missing_lines(read_protocol(plan(reporting={})))
    assert "recalled" in lines[0] and " of " in lines[0]
    assert "  - Age [$.reporting.age]" in lines


def test_the_methods_paragraph_holds_what_the_file_reports():
    text = methods_text(read_protocol(plan(reporting={"device": "a DC-Stimulator", "time_of_day": "mornings"})))
    assert "a DC-Stimulator" in text and "mornings" in text


def test_paths_reach_into_lists():
    tree = protocol_tree(read_protocol("select-tdcs"))
    assert values_at(tree, "$.stimulation.electrodes[*].site") == ["F3", "F4"]
    assert values_at(tree, "$.nothing.here") == [None] and values_at(tree, "$.nothing[*].here") == [None]


def test_an_unknown_or_damaged_checklist_is_refused(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="no checklist"):
        checklist("prisma")
    (tmp_path / "rates.json").write_text("{}")
    monkeypatch.setattr("stimplan.describe.checklist.data_path", lambda *parts: tmp_path / "rates.json")
    checklist.cache_clear()
    with pytest.raises(ResourceError, match="damaged"):
        checklist("rates")
    checklist.cache_clear()


def test_the_checklists_are_where_the_package_finds_them():
    assert {path.stem for path in data_path("protocols", "checklists").glob("*.json")} == set(CHECKLISTS)
