"""Two protocols side by side, the library searched, and the commands that show it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from runs import plan
from strategies import protocols

from stimplan import cli
from stimplan.describe.compare import SECTIONS, compare, facts
from stimplan.describe.search import Wanted, find_condition, search_library
from stimplan.errors import InputError
from stimplan.protocol import conditions, is_kind_of, list_protocols, read_protocol


def stimplan_cli(*args) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = cli.run([str(arg) for arg in args], out, err)
    return code, out.getvalue(), err.getvalue()


def rows(first, second):
    return {(row.section, row.name): row for row in compare(first, second)}


def test_a_protocol_does_not_differ_from_itself():
    one = read_protocol("select-tdcs")
    assert not [row for row in compare(one, one) if row.is_different]


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"stimulation__waveform__duration_min": 20}, ("dose", "time at the full level")),
        ({"stimulation__waveform__duration_min": 20}, ("derived", "charge per session")),
        ({"stimulation__waveform__ramp_up_s": 30}, ("dose", "ramp up")),
        ({"evidence": None}, ("evidence", "evidence")),
        ({"population": "others"}, ("what for", "population")),
        ({"blinding": "single"}, ("course", "blinding")),
    ],
)
def test_what_was_changed_is_marked(change, row):
    found = rows(read_protocol(plan()), read_protocol(plan(**change)))
    assert found[row].is_different
    assert not found["what for", "modality"].is_different


def test_a_stronger_current_changes_dose_density_electrodes_and_a_verdict():
    strong = plan()
    for electrode in strong["stimulation"]["electrodes"]:
        electrode["current_mA"] *= 3
    found = rows(read_protocol(plan()), read_protocol(strong))
    assert found["dose", "current through the head"].second == "6 mA"
    assert found["derived", "largest current density"].second == "2.4 A/m²"
    assert found["electrodes", "electrode 1"].is_different
    assert found["safety", "verdict"].first != found["safety", "verdict"].second


def test_what_only_one_has_stands_beside_nothing():
    magnetic = next(entry.id for entry in list_protocols() if read_protocol(entry.id).modality == "TMS")
    found = rows(read_protocol("select-tdcs"), read_protocol(magnetic))
    assert found["coil", "coil"].first == "" and found["coil", "coil"].second
    assert found["electrodes", "electrode 2"].second == ""
    assert found["derived", "pulses per session"].second.isdigit()


def test_rows_come_in_the_order_of_the_sections():
    names = [row.section for row in compare(read_protocol("select-tdcs"), read_protocol("m1-so"))]
    assert names == sorted(names, key=SECTIONS.index)


@settings(max_examples=30)
@given(protocols())
def test_every_valid_protocol_can_be_compared(protocol):
    keys = [(section, name) for section, name, _ in facts(protocol)]
    assert len(keys) == len(set(keys))


def test_the_table_marks_differences_and_json_holds_the_same_rows():
    code, out, _ = stimplan_cli("compare", "select-tdcs", "m1-so")
    assert code == 0 and "* time at the full level" in out and "  modality" in out and "* differs:" in out
    data = json.loads(stimplan_cli("compare", "select-tdcs", "m1-so", "--json")[1])
    want = [row.record() for row in compare(read_protocol("select-tdcs"), read_protocol("m1-so"))]
    assert data["rows"] == want
    only = json.loads(stimplan_cli("compare", "select-tdcs", "m1-so", "--differences", "--json")[1])
    assert all(row["is_different"] for row in only["rows"]) and len(only["rows"]) < len(data["rows"])
    assert stimplan_cli("compare", "select-tdcs", "nothing")[0] == 2


# searching the library


def test_a_condition_finds_its_kinds_too():
    found = {protocol.id for protocol in search_library(Wanted(indication="stroke"))}
    assert {"meinzer-2016-aphasia", "fregni-2005-stroke"} <= found
    narrow = {protocol.id for protocol in search_library(Wanted(indication="aphasia"))}
    assert "meinzer-2016-aphasia" in narrow and "fregni-2005-stroke" not in narrow


def test_filters_are_joined_and_leave_out_what_does_not_fit():
    wanted = Wanted(indication="depression", modality="tdcs", evidence=("A", "B"))
    found = search_library(wanted)
    assert found
    for protocol in found:
        assert protocol.modality == "tDCS" and protocol.evidence.grade in "AB"
        assert is_kind_of(protocol.indication.condition, "depression")
    assert search_library(Wanted(text="no such words anywhere")) == ()


def test_words_are_found_in_the_source_and_all_of_them_are_wanted():
    assert [p.id for p in search_library(Wanted(text="BRUNONI sertraline factorial"))] == ["select-tdcs"]


@pytest.mark.parametrize("words", ["mdd", "Major depressive disorder", "depression", "DEPRESSION"])
def test_other_names_mean_the_same_condition(words):
    assert find_condition(words) == "depression"


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        (Wanted(indication="strok"), "'stroke'"),
        (Wanted(indication="qqqq"), "there are healthy"),
        (Wanted(modality="tDCSS"), "did you mean 'tDCS'"),
        (Wanted(evidence=("D",)), "A, B, C, none"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(wanted, hint):
    with pytest.raises(InputError) as caught:
        search_library(wanted)
    assert hint in str(caught.value)


def test_every_condition_can_be_found_by_every_name_it_has():
    for condition in conditions().values():
        for name in (condition.id, condition.name):
            assert find_condition(name) == condition.id


def test_the_protocols_command_filters():
    code, out, _ = stimplan_cli("protocols", "--indication", "stroke", "--modality", "tdcs")
    assert code == 0 and "fregni-2005-stroke" in out and "select-tdcs" not in out
    data = json.loads(stimplan_cli("protocols", "--evidence", "A,B", "--text", "brunoni", "--json")[1])
    assert "select-tdcs" in {row["id"] for row in data["protocols"]}
    assert {row["evidence"] for row in data["protocols"]} <= {"A", "B"}
    assert stimplan_cli("protocols", "--text", "qqqqqq")[1].strip() == "no protocol of the library fits"
    code, _, err = stimplan_cli("protocols", "--indication", "strok")
    assert code == 2 and "did you mean" in err


def test_on_a_terminal_the_library_is_a_table():
    from argparse import Namespace

    from rich.console import Console

    from stimplan.commands import protocols as command

    file = io.StringIO()
    options = Namespace(indication=None, modality="HD-tDCS", evidence=[], text=None, json=False)
    command.run(options, Console(file=file, force_terminal=True, width=100, color_system=None))
    assert "evidence" in file.getvalue() and "hd-4x1-m1" in file.getvalue()


# describe, schema, migrate, validate


@pytest.mark.parametrize("reader", ["clinician", "patient", "methods"])
def test_the_describe_command_prints_a_paragraph_or_json(reader):
    code, out, _ = stimplan_cli("describe", "select-tdcs", "--for", reader)
    assert code == 0 and "Not a medical device" in out
    data = json.loads(stimplan_cli("describe", "select-tdcs", "--for", reader, "--json")[1])
    assert " ".join(data["text"].split()) in " ".join(out.split())
    assert data["suggested_id"] and (reader != "methods") == (data["checklists"] == [])


def test_a_checklist_can_be_asked_for_by_name():
    code, out, _ = stimplan_cli("describe", "select-tdcs", "--for", "methods", "--checklist", "contes")
    assert code == 0 and "ContES" in out and "RATES" not in out
    assert stimplan_cli("describe", "select-tdcs", "--for", "methods", "--checklist", "prisma")[0] == 2


def test_the_schema_is_printed_and_its_path_leads_to_it():
    printed = json.loads(stimplan_cli("schema")[1])
    assert printed["$id"] == "urn:stimplan:schema:protocol:2"
    path = Path(stimplan_cli("schema", "--path")[1].strip())
    assert json.loads(path.read_text(encoding="utf-8")) == printed
    assert json.loads(stimplan_cli("schema", "--format-version", "1")[1])["$id"].endswith(":1")
    assert stimplan_cli("schema", "--format-version", "9")[0] == 2


def old_file(folder):
    """A protocol of version 1: no type of the waveform, the indication in words."""
    tree = plan()
    old = {key: tree[key] for key in ("id", "title", "modality", "stimulation", "source")}
    old["course"] = {"sessions": 10, "sessions_per_day": 1, "min_gap_h": None, "schedule": None}
    old |= {"schema_version": 1, "indication": "major depression", "purpose": None, "population": None, "target": None}
    del old["stimulation"]["waveform"]["type"]
    path = folder / "old.json"
    path.write_text(json.dumps(old), encoding="utf-8")
    return path


def test_an_old_file_is_migrated_to_the_screen_to_a_file_or_in_place(tmp_path):
    path = old_file(tmp_path)
    before = path.read_text(encoding="utf-8")
    assert read_protocol(stimplan_cli("migrate", path)[1]) == read_protocol(path)
    new = tmp_path / "new.json"
    assert stimplan_cli("migrate", path, "--out", new)[0] == 0
    assert json.loads(new.read_text(encoding="utf-8"))["schema_version"] == 2
    assert path.read_text(encoding="utf-8") == before
    assert stimplan_cli("migrate", path, "--out", new)[0] == 2  # it is there already
    assert stimplan_cli("migrate", path, "--out", new, "--force")[0] == 0
    assert stimplan_cli("migrate", path, "--in-place")[0] == 0
    assert path.read_bytes() == new.read_bytes()
    assert (tmp_path / "old.json.v1").read_text(encoding="utf-8") == before
    assert "already" in stimplan_cli("migrate", path, "--in-place")[1]


def test_a_broken_old_file_is_left_alone(tmp_path):
    path = old_file(tmp_path)
    tree = json.loads(path.read_text(encoding="utf-8"))
    tree["stimulation"]["electrodes"][0]["current_mA"] = 7
    path.write_text(json.dumps(tree), encoding="utf-8")
    before = path.read_bytes()
    code, _, err = stimplan_cli("migrate", path, "--in-place")
    assert code == 2 and "sum to zero" in err and path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["old.json"]


def test_validating_a_folder_ends_with_a_sum_and_code_2_if_one_fails(tmp_path):
    for name, tree in (("a", plan()), ("b", plan()), ("c", {"id": "c"})):
        (tmp_path / f"{name}.json").write_text(json.dumps(tree), encoding="utf-8")
    code, out, _ = stimplan_cli("validate", tmp_path)
    assert code == 2 and out.splitlines()[-1] == "3 files, 2 valid, 1 not valid"
    (tmp_path / "c.json").unlink()
    code, out, _ = stimplan_cli("validate", tmp_path)
    assert code == 0 and out.splitlines()[-1] == "2 files, 2 valid, 0 not valid"


def test_the_pre_commit_hook_runs_a_command_there_is():
    text = (Path(__file__).parent.parent / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    assert "id: stimplan-validate" in text and "entry: stimplan validate" in text
    assert stimplan_cli("validate", "--help")[0] == 0
