"""The safety case: it is up to date, and every break in its trace is noticed."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "tools" / "make_safety_case.py"
if not TOOL.exists():
    pytest.skip("the tools are in the source, not in the wheel", allow_module_level=True)


def load():
    spec = importlib.util.spec_from_file_location("make_safety_case", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_safety_case"] = module  # attrs looks its classes up there
    spec.loader.exec_module(module)
    return module


tool = load()
HAZARDS = tool.read_hazards()
RULES = [rule.id for rule in tool.known_rules()]
TESTS = tool.known_tests()


def document() -> str:
    return tool.OUT.read_text(encoding="utf-8")


def broken(change):
    data = copy.deepcopy(HAZARDS)
    change(data)
    return tool.problems(data, RULES, TESTS)


# the document


def test_the_safety_case_is_up_to_date():
    text = document()
    assert tool.make(soup=tool.soup_in(text)) == text, "run: python tools/make_safety_case.py"


def test_an_edit_by_hand_is_noticed(tmp_path, monkeypatch, capsys):
    other = tmp_path / "safety-case.md"
    other.write_text(document().replace("Wrong unit of a dose", "Nothing can go wrong"), encoding="utf-8")
    monkeypatch.setattr(tool, "OUT", other)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "make", lambda *, soup: document_of_the_repository)
    document_of_the_repository = (ROOT / "docs" / "safety-case.md").read_text(encoding="utf-8")
    assert tool.main(["--check"]) == 1 and "not up to date" in capsys.readouterr().out
    other.write_text(document_of_the_repository, encoding="utf-8")
    assert tool.main(["--check"]) == 0


def test_a_broken_trace_ends_the_generator_with_its_reason(monkeypatch, capsys):
    monkeypatch.setattr(tool, "known_tests", frozenset)
    before = document()
    assert tool.main([]) == 1 and "which is not there" in capsys.readouterr().err
    assert document() == before


def test_every_hazard_rule_requirement_and_source_is_in_the_document():
    text = document()
    for hazard in HAZARDS["hazards"]:
        for key in ("id", "hazard", "sequence_of_events", "hazardous_situation", "harm", "residual_risk"):
            assert hazard[key] in text
    for one in HAZARDS["requirements"]:
        assert f"### {one['id']}\n" in text and all(f"`{test}`" in text for test in one["tests"])
    for rule in tool.known_rules():
        row = next(line for line in text.splitlines() if line.startswith(f"| REQ-RULE-{rule.id} |"))
        assert rule.citation.replace("|", "\\|") in row and re.search(r"HAZ-\d\d", row)
    assert "Not yet reviewed by a person" in text


def test_it_speaks_the_words_of_the_standards_and_claims_no_conformity():
    text = document()
    for words in ("Sequence of events", "Hazardous situation", "Harm", "Risk control", "Verification", "Residual risk",
                  "Software of unknown provenance", "ISO 14971", "IEC 62304", "claims\nno conformity",
                  "What the program does not judge", "Unit policy"):  # fmt: skip
        assert words in text
    assert not re.search(r"\b(harmless|approved|guarantee\w*)\b", text, re.IGNORECASE)


def test_what_the_rules_cannot_see_is_in_it():
    from stimplan.safety import load_rules

    text = document()
    assert all(note.text in text for note in load_rules().not_judged)
    assert "TES-BRAIN-J, simulated current density" in text


def test_every_package_the_program_needs_is_listed_with_version_and_licence():
    listed = tool.soup_in(document())
    assert set(tool.dependencies()) <= set(listed)
    for name, asked in tool.dependencies().items():
        assert f"| `{name}` | {asked} |" in document()
    for name, (version, licence) in listed.items():
        assert re.match(r"\d+(\.\d+)+", version), name
        assert licence not in ("", "not stated", "not known"), name
        assert not re.search(r"(?<!L)GPL|GNU General Public", licence), name
    assert tool.installed(["reportlab"])["reportlab"][1].startswith("BSD")


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": "MIT"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, "BSD License"),
        ({"License": "BSD 3-Clause\nlong text"}, "BSD 3-Clause"),
        ({}, "not stated"),
    ],
)
def test_a_licence_is_what_the_package_states(fields, licence):
    from email.message import Message

    data = Message()
    for key, value in fields.items():
        data[key] = value
    assert tool.licence_of(data) == licence


# the trace


def test_the_trace_is_whole():
    assert tool.problems(HAZARDS, RULES, TESTS) == []
    assert len(HAZARDS["hazards"]) >= 15
    assert len(RULES) > 150 and len(TESTS) > 300


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["requirements"][0]["tests"].append("tests/test_core.py::test_nothing"), "test_nothing"),
        (lambda d: d["rule_tests"]["dose"].append("tests/test_gone.py::test_x"), "test_gone"),
        (lambda d: d["requirements"][0]["rules"].append("TES-NO-SUCH-RULE"), "TES-NO-SUCH-RULE"),
        (lambda d: d["requirements"][0]["rules"].append("NONE-*"), "NONE-*"),
        (lambda d: d["hazards"][0]["controls"].append("REQ-NONE-1"), "is no requirement"),
        (lambda d: d["requirements"].append({**d["requirements"][0], "id": "REQ-NEW-1"}), "controls no hazard"),
        (lambda d: d["hazards"].append(d["hazards"][0]), "more than once"),
        (lambda d: [one["rules"].clear() for one in d["requirements"]], "belongs to no requirement"),
    ],
)
def test_a_break_in_the_trace_is_noticed(change, words):
    assert any(words in fault for fault in broken(change))


def test_a_rule_that_is_taken_away_and_a_test_that_is_renamed_are_noticed():
    named = next(one for one in HAZARDS["requirements"] if one["rules"] == ["DRUG-*"])
    without = [rule for rule in RULES if not rule.startswith("DRUG-")]
    assert any(named["id"] in fault for fault in tool.problems(HAZARDS, without, TESTS))
    renamed = TESTS - {named["tests"][0]}
    assert any(named["tests"][0] in fault for fault in tool.problems(HAZARDS, RULES, renamed))
    assert any("NEW-RULE" in fault for fault in tool.problems(HAZARDS, [*RULES, "NEW-RULE"], TESTS))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("note"),
        lambda d: d.update(extra=1),
        lambda d: d["hazards"].__delitem__(slice(0, 10)),
        lambda d: d["hazards"][0].update(severity="harmless"),
        lambda d: d["hazards"][0].update(controls=[]),
        lambda d: d["requirements"][0].update(tests=[]),
        lambda d: d["requirements"][0].update(kind="a good feeling"),
        lambda d: d["requirements"][0].update(tests=["test_core"]),
    ],
)
def test_a_file_that_does_not_fit_its_schema_is_refused(tmp_path, change):
    data = copy.deepcopy(HAZARDS)
    change(data)
    file = tmp_path / "hazards.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(tool.BrokenTrace):
        tool.read_hazards(file)


def test_only_functions_at_the_top_of_a_test_file_are_tests(tmp_path):
    source = "def test_a(): pass\nclass T:\n    def test_b(self): pass\ndef helper(): pass\n# def test_c(): pass\n"
    (tmp_path / "test_x.py").write_text(source, encoding="utf-8")
    assert tool.known_tests(tmp_path) == {"tests/test_x.py::test_a"}


def test_a_case_nobody_reviewed_says_so_at_its_top_and_where_a_reviewer_signs():
    text = document()
    assert tool.read_hazards()["reviewed_by"] is None
    assert "**Not yet reviewed by a person.**" in text.split("## Hazards")[0]
    assert "| Reviewed by (name) | Role | Version reviewed | Date | Signature |" in text
    reviewed = tool.render(
        {**tool.read_hazards(), "reviewed_by": "Dr A. Example"}, tool.known_rules(), tool.soup_in(text)
    )
    assert "**Reviewed by Dr A. Example**" in reviewed
    assert "Not yet reviewed" not in reviewed
