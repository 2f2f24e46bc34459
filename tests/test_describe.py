"""Descriptions for people: every number of the dose is there, and no word that is not allowed."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from runs import plan
from strategies import MODALITIES, TMS_KINDS, protocols

from stimplan.describe import (
    clinician_text,
    generated_title,
    methods_text,
    missing_lines,
    not_reported,
    patient_text,
    suggest_id,
    title_of,
)
from stimplan.describe.patient_words import CAUTIONS, FEELINGS, GRADES, HOPES, KINDS, RESULTS, TELL, place_words
from stimplan.describe.words import inner, listed, number, rounded, sentence, shown
from stimplan.protocol import conditions, dump_protocol, list_protocols, protocol_tree, read_protocol
from stimplan.sites import known_sites

LIBRARY = [entry.id for entry in list_protocols()]
KINDS_OF = [(modality, None) for modality in MODALITIES if modality != "TMS"] + [("TMS", kind) for kind in TMS_KINDS]

# What no sheet for a person may say.
FORBIDDEN = re.compile(
    r"\b(safe|safely|safety|harmless|guarantee\w*|promise\w*|cure[sd]?|will help|will improve|will work"
    r"|will feel better|no risk|risk-free|no side effects|proven|always works|painless)\b",
    re.IGNORECASE,
)
JARGON = re.compile(
    r"\b(tDCS|tACS|tRNS|TMS|iTBS|cTBS|cortex|dorsolateral|MNI|motor threshold|rMT|DLPFC|anode|cathode)\b"
)


def dose_numbers(tree, path=()):
    """Every number below stimulation and course, without the entries of a pose's rotation."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key != "pose_mm":
                yield from dose_numbers(value, (*path, key))
    elif isinstance(tree, list):
        for value in tree:
            yield from dose_numbers(value, path)
    elif isinstance(tree, int | Decimal) and not isinstance(tree, bool):
        yield path, Decimal(tree)


def numbers_in(text: str) -> set[Decimal]:
    return {Decimal(word) for word in re.findall(r"\d+(?:\.\d+)?(?:E[+-]?\d+)?", text)}


def unsaid(protocol, text: str) -> list:
    tree = protocol_tree(protocol)
    there = numbers_in(text)
    wanted = [*dose_numbers(tree["stimulation"]), *dose_numbers(tree["course"])]
    return [
        (path, value) for path, value in wanted if abs(value) not in there and path[-1] not in ("channel", "pulses")
    ]


@pytest.mark.parametrize("name", LIBRARY)
def test_every_dose_number_of_a_library_file_is_in_the_clinicians_text(name):
    protocol = read_protocol(name)
    assert unsaid(protocol, clinician_text(protocol)) == []
    assert unsaid(protocol, methods_text(protocol)) == []


@settings(max_examples=100)
@given(protocol=protocols())
def test_every_valid_protocol_is_described(protocol):
    for text in (clinician_text(protocol), methods_text(protocol), patient_text(protocol), generated_title(protocol)):
        assert text.strip()
    missing_lines(protocol)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", suggest_id(protocol)) and len(suggest_id(protocol)) <= 64
    assert len(generated_title(protocol)) <= 200


@pytest.mark.parametrize(("modality", "kind"), KINDS_OF)
def test_every_number_of_every_kind_is_said(modality, kind):
    @settings(max_examples=20)
    @given(protocol=protocols(modality, kind))
    def holds(protocol):
        assert unsaid(protocol, clinician_text(protocol)) == []

    holds()


def test_a_number_that_is_left_out_is_noticed():
    protocol = read_protocol("select-tdcs")
    assert unsaid(protocol, clinician_text(protocol).replace("30 min", "half an hour"))


@pytest.mark.parametrize("name", LIBRARY)
def test_the_sheet_for_the_person_promises_nothing(name):
    text = patient_text(read_protocol(name))
    assert not FORBIDDEN.findall(text)
    own_words = _without_the_files_words(read_protocol(name), text)
    assert not JARGON.findall(own_words)
    for needed in ("session", "tell the staff", "You can stop at any time", "Call the staff"):
        assert needed.lower() in text.lower()


def test_no_fixed_sentence_for_the_person_promises_anything():
    tables = [KINDS, GRADES, RESULTS, CAUTIONS, HOPES]
    texts = [text for table in tables for text in table.values()]
    texts += [text for table in (FEELINGS, TELL) for group in table.values() for text in group]
    assert not [text for text in texts if FORBIDDEN.search(text) or JARGON.search(text)]
    assert FORBIDDEN.search("This is safe and will help.")


def _without_the_files_words(protocol, text: str) -> str:
    """Names of therapies and goals are the file's, not ours."""
    for words in (protocol.therapy.name if protocol.therapy else "", *map(inner, protocol.goals)):
        text = text.replace(words, "") if words else text
    return text


def syllables(word: str) -> int:
    word = re.sub(r"e$", "", word.lower())
    return max(1, len(re.findall(r"[aeiouy]+", word)))


def grade_level(text: str) -> float:
    """Flesch-Kincaid grade (Kincaid 1975), with a plain count of syllables."""
    sentences = [part for part in re.split(r"[.!?:;]+\s", text) if part.strip()]
    words = re.findall(r"[A-Za-z']+", text)
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


@pytest.mark.parametrize("name", LIBRARY)
def test_the_sheet_for_the_person_reads_at_grade_eight_or_below(name):
    assert grade_level(_without_the_files_words(read_protocol(name), patient_text(read_protocol(name)))) <= 8


def test_the_measure_of_reading_ease_can_fail():
    hard = "Transcranial electrical neuromodulation preferentially depolarises pyramidal populations underneath anodes."
    assert grade_level(hard) > 12


def test_the_person_hears_of_a_seizure_before_magnetic_stimulation_and_of_skin_before_current():
    magnetic = next(name for name in LIBRARY if read_protocol(name).modality == "TMS")
    assert "seizure (a fit)" in patient_text(read_protocol(magnetic))
    assert "small burn" in patient_text(read_protocol("select-tdcs"))


@pytest.mark.parametrize(
    ("direction", "words"),
    [("negative", "did not bring what was hoped"), ("mixed", "mixed"), ("positive", "Not every one of them did")],
)
def test_the_person_hears_how_the_study_ended(direction, words):
    tree = plan(result={"direction": direction, "summary": "x"})
    assert words in patient_text(read_protocol(tree))


def test_without_a_grade_the_person_is_told_so_and_without_a_condition_that_it_is_research():
    assert "does not say how good the evidence is" in patient_text(read_protocol(plan(evidence=None)))
    assert "It is not meant to treat you" in patient_text(read_protocol(plan(indication=None)))


def test_cautions_follow_the_condition_and_its_kinds():
    aphasia = plan(indication={"condition": "stroke-aphasia"})
    assert CAUTIONS["stroke"] in patient_text(read_protocol(aphasia))
    assert CAUTIONS["stroke"] not in patient_text(read_protocol(plan(indication={"condition": "pain"})))
    assert set(CAUTIONS) <= set(conditions())


def test_the_hope_is_that_of_the_nearest_condition_in_everyday_words():
    def hope(condition):
        return re.search(r"The hope is that it ([^.]*)", patient_text(read_protocol(plan(indication=condition))))[1]

    assert hope({"condition": "stroke-dysphagia"}) == HOPES["stroke-dysphagia"]
    assert hope({"condition": "central-pain"}) == HOPES["neuropathic-pain"]
    assert hope({"condition": "essential-tremor"}) == "eases problems from essential tremor"
    assert hope({"condition": "other"}) == "eases problems from your condition"
    assert set(HOPES) <= set(conditions())


def test_a_goal_that_could_be_read_as_a_promise_stays_off_the_sheet():
    text = patient_text(read_protocol(plan(goals=["swallow safely", "Fewer falls"])))
    assert "safely" not in text and "fewer falls" in text


def test_every_site_has_words():
    assert place_words("F3") == "on the left side of the front of your head"
    assert place_words("Fp2") == "on the right side of your forehead"
    assert place_words("Oz") == "low on the middle of the back of your head"
    assert place_words("T7") == "just above your left ear"
    for site in known_sites():
        assert re.search(r"\b(your|of your)\b", place_words(site)) and "{" not in place_words(site)


def test_nulls_are_listed_as_not_reported_and_what_is_there_is_not():
    bare = read_protocol(plan(stimulation__waveform__ramp_up_s=None, stimulation__waveform__ramp_down_s=30))
    assert "ramp up" in not_reported(bare) and "ramp down" not in not_reported(bare)
    assert "Not reported: ramp up" in clinician_text(bare)
    assert "sham" in not_reported(read_protocol(plan(sham=None)))
    one = plan(outcomes=[], course={"sessions": 1, "sessions_per_day": None, "min_gap_h": None, "schedule": None})
    assert "sessions a day" not in not_reported(read_protocol(one))


def test_a_title_comes_from_the_fields_where_there_is_none():
    tree = plan(title=None)
    protocol = read_protocol(tree)
    assert title_of(protocol) == "tDCS, F3 (+) and F4 (-), 2 mA, 30 min, 12 sessions, for depression"
    assert suggest_id(protocol) == "tdcs-f3-f4-2ma-30min-12x-depression"
    assert title_of(read_protocol("select-tdcs")) == read_protocol("select-tdcs").title


def test_a_suggested_id_is_a_valid_id():
    tree = json.loads(dump_protocol(read_protocol("hd-4x1-m1")))
    tree["id"] = suggest_id(read_protocol("hd-4x1-m1"))
    assert read_protocol(tree).id == tree["id"]


def test_numbers_are_written_as_in_the_file():
    assert [number(2.0), number(0.5), number(1e-12), number(600)] == ["2", "0.5", "1E-12", "600"]
    assert shown(0.002, "mA") == "2 mA" and shown(192.4, "s") == "192.4 s"
    assert rounded(0.0005714285, "mA") == "0.571 mA"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c" and listed([]) == ""
    assert sentence("tACS at 6 Hz") == "tACS at 6 Hz." and sentence("both: x") == "Both: x."
    assert inner("Fewer falls.") == "fewer falls" and inner("Hamilton scale") == "Hamilton scale" and inner("") == ""
