"""Presets of conductivities: their values, sources and spread, and what a person may set on top."""

from __future__ import annotations

import io
import json
import math

import attrs
import pytest
from runs import plan, small_head

from stimplan import cli
from stimplan.errors import HeadError, InputError, ProtocolError
from stimplan.head import conductivity
from stimplan.head.conductivity import (
    PRESETS,
    implausible,
    read_preset,
    tissues_of,
    with_preset,
    with_settings,
)
from stimplan.pipeline import RunOptions, run
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.protocol.plan import Simulation
from stimplan.protocol.schemas import schema

LABELS = {"white_matter": 1, "gray_matter": 2, "csf": 3, "bone": 4, "scalp": 5, "compact_bone": 7, "spongy_bone": 8}

# What the papers and programs say, typed a second time from them.
PUBLISHED = {
    "simnibs": {"white_matter": 0.126, "gray_matter": 0.275, "csf": 1.654, "bone": 0.01, "scalp": 0.465, "eyes": 0.5,
                "compact_bone": 0.008, "spongy_bone": 0.025, "blood": 0.6, "muscle": 0.16, "cartilage": 0.88,
                "fat": 0.078},
    "roast": {"white_matter": 0.126, "gray_matter": 0.276, "csf": 1.65, "bone": 0.01, "scalp": 0.465},
    "mccann2019": {"white_matter": 0.22, "gray_matter": 0.47, "csf": 1.71, "bone": 0.02, "scalp": 0.41,
                   "spongy_bone": 0.048},
}  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_the_published_values(name):
    preset = read_preset(name)
    for tissue, value in PUBLISHED[name].items():
        assert preset.tissues[tissue].value_S_per_m == value


@pytest.mark.parametrize("name", PRESETS)
def test_every_value_of_a_preset_has_a_source_and_is_plausible(name):
    for tissue, one in read_preset(name).tissues.items():
        for source in (one.source, *([one.range_source] if one.range_S_per_m else [])):
            assert source.doi.startswith("10.") and source.access in ("read", "secondary", "recalled")
        assert implausible(tissue, one.value_S_per_m) == ""
        if one.range_S_per_m:
            low, high = one.range_S_per_m
            assert 0 < low < high
            assert low <= one.value_S_per_m <= high or one.note, f"{tissue} lies outside its range and nothing says why"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_knows_one_bone_and_both_kinds_of_it(name):
    assert {"bone", "compact_bone", "spongy_bone", "white_matter", "gray_matter", "csf", "scalp"} <= set(
        read_preset(name).tissues
    )
    assert len(tissues_of(LABELS, name)) == len(LABELS)


def test_a_tissue_a_preset_does_not_know_says_where_its_value_is_from():
    (eyes,) = tissues_of({"eyes": 6}, "roast")
    assert eyes.conductivity_S_per_m == 0.5
    assert "preset 'simnibs'; 'roast' has no eyes" in eyes.source


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(HeadError, match=r"'Roast' is no preset.*did you mean 'roast'"):
        read_preset("Roast")


@pytest.mark.parametrize(
    ("tissue", "value", "hint"),
    [
        ("gray_matter", 275, "275 mS/m would be 0.275"),
        ("bone", 10, "10 mS/m would be 0.01"),
        ("scalp", 465.0, "465 mS/m would be 0.465"),
        ("csf", 0.01, "S/m cannot be csf"),
        ("bone", 0.6, "0.0001 to 0.5 S/m"),
    ],
)
def test_a_conductivity_in_the_wrong_unit_is_refused(tissue, value, hint):
    with pytest.raises(HeadError) as caught:
        tissues_of(LABELS, {tissue: value})
    assert hint in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "0.3"])
def test_a_conductivity_that_is_no_positive_number_is_refused(value):
    with pytest.raises(HeadError, match="positive and finite"):
        with_settings(small_head(), {"scalp": value})


def test_a_preset_on_a_head_that_is_there_already():
    head = with_preset(small_head(), "mccann2019")
    assert [tissue.conductivity_S_per_m for tissue in head.tissues] == [0.47, 0.41]
    assert all("10.1007/s10548-019-00710-2" in tissue.source for tissue in head.tissues)


def test_a_preset_that_knows_no_tissue_of_a_head_is_refused():
    nameless = attrs.evolve(
        small_head(), tissues=tuple(attrs.evolve(t, name=f"layer_{t.label}") for t in small_head().tissues)
    )
    with pytest.raises(HeadError, match="knows none of this head's tissues: layer_1, layer_2"):
        with_preset(nameless, "roast")


def test_a_single_value_goes_before_the_preset_and_the_run_says_so():
    options = RunOptions(conductivity_preset="mccann2019", conductivities_S_per_m={"scalp": 0.3})
    result = run(plan(), small_head(), options=options)
    tissues = {tissue["name"]: tissue for tissue in result.record()["head"]["tissues"]}
    assert tissues["gray_matter"]["conductivity_S_per_m"] == 0.47
    assert "McCann" in tissues["gray_matter"]["source"]
    assert tissues["scalp"]["conductivity_S_per_m"] == 0.3
    assert tissues["scalp"]["source"] == "set by the user"


def test_a_misspelt_tissue_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'scalp'"):
        with_settings(small_head(), {"skalp": 0.3})


def command(*args):
    out, err = io.StringIO(), io.StringIO()
    return cli.run(args, stdout=out, stderr=err), out.getvalue(), err.getvalue()


def test_the_presets_are_listed_with_their_spread():
    code, out, _ = command("conductivities")
    assert code == 0
    for words in ("simnibs (the default)", "roast", "mccann2019", "0.0646 to 0.81", "10.1007/s10548-019-00710-2"):
        assert words in out


def test_the_presets_are_data_too():
    data = json.loads(command("conductivities", "mccann2019", "--json")[1])
    (preset,) = data["presets"]
    assert preset["tissues"]["csf"] == {
        "conductivity_S_per_m": 1.71,
        "sd_S_per_m": 0.2981,
        "range_S_per_m": [1.0, 2.51],
        "source": preset["tissues"]["scalp"]["source"],
        "range_source": preset["tissues"]["scalp"]["range_source"],
        "note": "",
    }


def test_an_unknown_preset_on_the_command_line_is_bad_input():
    code, _, err = command("conductivities", "itis")
    assert code == 2 and "there is simnibs, roast, mccann2019" in err


# --- in the protocol -------------------------------------------------------------------------------------------------

BLOCK = {"conductivity_preset": "mccann2019", "conductivities_S_per_m": {"scalp": 0.3}}


def test_a_protocol_may_say_how_it_is_simulated():
    protocol = read_protocol(plan(simulation=BLOCK))
    assert protocol.simulation == Simulation("mccann2019", (("scalp", 0.3),))
    assert json.loads(dump_protocol(protocol))["simulation"] == BLOCK
    assert protocol.digest != read_protocol(plan()).digest


def test_the_digest_of_a_protocol_that_says_nothing_of_it_is_the_one_it_always_had():
    before = "7ae8629c3bf0163225befc69825821fe8778de37a60f73781c77cbc5f4e5ffb3"  # taken before the block existed
    assert read_protocol("select-tdcs").digest == before


def test_preset_then_protocol_then_option_and_the_report_names_each():
    def tissues(**options):
        record = run(plan(simulation=BLOCK), small_head(), options=RunOptions(**options)).record()
        return {t["name"]: (t["conductivity_S_per_m"], t["source"]) for t in record["head"]["tissues"]}

    said = tissues()
    assert said["gray_matter"][0] == 0.47 and "McCann" in said["gray_matter"][1]
    assert said["scalp"] == (0.3, "set in protocol select-tdcs")
    other = tissues(conductivity_preset="roast", conductivities_S_per_m={"scalp": 0.2})
    assert other["gray_matter"][0] == 0.276
    assert other["scalp"] == (0.2, "set by the user")


@pytest.mark.parametrize(
    ("block", "where"),
    [
        ({"conductivity_preset": "itis"}, "$.simulation.conductivity_preset"),
        ({"conductivities_S_per_m": {"bone": 10}}, "$.simulation.conductivities_S_per_m.bone"),
        ({"conductivities_S_per_m": {"bon": 0.01}}, "$.simulation.conductivities_S_per_m.bon"),
        ({"conductivities_S_per_m": {"csf": "1.8"}}, "$.simulation.conductivities_S_per_m.csf"),
        ({"preset": "roast"}, "$.simulation.preset"),
    ],
)
def test_a_fault_of_the_block_has_its_place(block, where):
    with pytest.raises(ProtocolError) as caught:
        read_protocol(plan(simulation=block))
    assert [problem.where for problem in caught.value.problems] == [where]


def test_the_schema_and_the_program_agree_on_presets_and_on_what_is_plausible():
    block = schema(2)["properties"]["simulation"]["properties"]
    assert tuple(block["conductivity_preset"]["enum"]) == (*PRESETS, None)
    largest = {name: one["maximum"] for name, one in block["conductivities_S_per_m"]["properties"].items()}
    assert largest == {name: high for name, (_, high) in conductivity._PLAUSIBLE_S_PER_M.items()}


def test_who_names_the_bone_of_a_head_with_two_kinds_is_told_their_names():
    from stimplan.head.conductivity import conductivity_problems

    (problem,) = conductivity_problems({"bone": 0.01}, ("scalp", "compact_bone", "spongy_bone"))
    assert problem.what.endswith("its bone is compact_bone and spongy_bone: name each")
