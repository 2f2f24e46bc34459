"""The table of conditions: every wider one exists, kinds of several are found under each."""

from __future__ import annotations

import pytest

from stimplan.protocol import condition_named, conditions, is_kind_of, list_protocols, read_protocol


def test_every_wider_condition_is_known_and_no_condition_is_wider_than_itself() -> None:
    for condition in conditions().values():
        for parent in condition.parents:
            assert parent in conditions()
            assert not is_kind_of(parent, condition.id)


@pytest.mark.parametrize(
    ("condition", "wider"),
    [
        ("perinatal-stroke", {"perinatal-stroke", "cerebral-palsy", "stroke"}),
        ("multiple-sclerosis-fatigue", {"multiple-sclerosis-fatigue", "multiple-sclerosis"}),
        ("multiple-sclerosis-spasticity", {"multiple-sclerosis-spasticity", "multiple-sclerosis", "spasticity"}),
        ("post-traumatic-headache", {"post-traumatic-headache", "traumatic-brain-injury", "pain"}),
        ("central-pain", {"central-pain", "neuropathic-pain", "pain"}),
        ("stroke", {"stroke"}),
    ],
)
def test_a_condition_is_a_kind_of_all_that_is_wider_and_of_nothing_else(condition: str, wider: set[str]) -> None:
    assert {name for name in conditions() if is_kind_of(condition, name)} == wider


def test_what_is_no_condition_is_a_kind_of_nothing() -> None:
    assert not is_kind_of("no such thing", "no such thing")


@pytest.mark.parametrize(
    ("words", "condition"),
    [
        ("fatigue in multiple sclerosis", "multiple-sclerosis-fatigue"),
        ("children after perinatal stroke", "perinatal-stroke"),
        ("headache after mild traumatic brain injury", "post-traumatic-headache"),
        ("spasticity", "spasticity"),
        ("aphasia after stroke", "stroke-aphasia"),
    ],
)
def test_the_narrowest_condition_is_found_in_words(words: str, condition: str) -> None:
    assert condition_named(words) == condition


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("kirton-2017-perinatal-stroke", "perinatal-stroke"),
        ("charvet-2018-ms", "multiple-sclerosis-fatigue"),
        ("charvet-2025-ms", "multiple-sclerosis-fatigue"),
        ("leung-2016-mtbi-headache", "post-traumatic-headache"),
        ("leung-2018-mtbi-headache-dlpfc", "post-traumatic-headache"),
        ("mori-2010-ms-itbs", "multiple-sclerosis-spasticity"),
    ],
)
def test_the_library_names_the_narrowest_condition(name: str, condition: str) -> None:
    assert read_protocol(name).indication.condition == condition


def test_every_condition_of_the_library_is_known() -> None:
    named = [read_protocol(entry.id).indication for entry in list_protocols()]
    assert {one.condition for one in named if one is not None} <= set(conditions())
