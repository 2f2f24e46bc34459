"""What a simulation tells a check: read strictly from the record of a run, and refused for another protocol."""

import copy
import json
import math

import pytest
from people import TES, tdcs

from stimplan import strict_json
from stimplan.errors import InputError
from stimplan.protocol import read_protocol
from stimplan.safety import Simulated, check, read_simulated

RECORD = {
    "protocol": {"id": "t", "digest": "ab" * 32},
    "head": {"name": "somebody", "has_mni": True},
    "field": {"brain_current_density": {"brain_current_density_p999_A_per_m2": 0.25, "brain_x_A_per_m2": None}},
    "montage": {
        "electrodes": [
            {"label": "F3", "center_m": [-0.05, 0.04, 0.09], "center_mni_m": [-0.05, 0.03, 0.09]},
            {"label": "F4", "center_m": [0.05, 0, 0.09], "center_mni_m": [0.05, 0.03, 0.09]},
        ]
    },
}


def changed(**parts):
    record = copy.deepcopy(RECORD)
    for path, value in parts.items():
        *parents, last = path.split("__")
        node = record
        for parent in parents:
            node = node[parent]
        node[last] = value
    return record


@pytest.mark.parametrize("read", [lambda record: record, lambda record: strict_json.parse(json.dumps(record)).tree])
def test_a_record_is_read_to_the_last_bit(read):
    simulated = read_simulated(read(RECORD))
    assert (simulated.protocol_digest, simulated.head) == ("ab" * 32, "somebody")
    assert simulated.quantities["brain_current_density_p999_A_per_m2"] == 0.25
    assert math.isnan(simulated.quantities["brain_x_A_per_m2"])  # null is no number, and no number never passes
    assert simulated.positions_m("head") == {"F3": (-0.05, 0.04, 0.09), "F4": (0.05, 0.0, 0.09)}
    assert simulated.positions_m("MNI") == {"F3": (-0.05, 0.03, 0.09), "F4": (0.05, 0.03, 0.09)}
    assert all(type(x) is float for point in simulated.head_positions_m.values() for x in point)


@pytest.mark.parametrize("has_mni", [False, None, "yes", 1])
def test_a_head_without_mni_gives_its_own_coordinates_only(has_mni):
    simulated = read_simulated(changed(head__has_mni=has_mni))
    assert simulated.positions_m("MNI") is None
    assert set(simulated.positions_m("head")) == {"F3", "F4"}


@pytest.mark.parametrize(
    "damage",
    [
        {"protocol__digest": 7},
        {"protocol": {}},
        {"head__name": None},
        {"head": []},
        {"field__brain_current_density": [1]},
        {"field__brain_current_density": {"x": "big"}},
        {"field__brain_current_density": {"x": True}},
        {"montage": None},
        {"montage__electrodes": [{"label": "F3", "center_m": [0.0, 0.1], "center_mni_m": [0.0, 0.1, 0.2]}]},
        {"montage__electrodes": [{"label": "F3", "center_m": [0.0, 0.1, "0.2"], "center_mni_m": [0.0, 0.1, 0.2]}]},
        {"montage__electrodes": [{"label": "F3", "center_m": [0.0, 0.1, 0.2]}]},
        {"montage__electrodes": [{"label": 3, "center_m": [0.0, 0.1, 0.2], "center_mni_m": [0.0, 0.1, 0.2]}]},
    ],
)
def test_what_is_no_record_of_a_run_is_refused_with_its_file(damage):
    with pytest.raises(InputError, match="is not the record of a run") as caught:
        read_simulated(changed(**damage), file="run/summary.json")
    assert caught.value.problems[0].file == "run/summary.json"


@pytest.mark.parametrize("tree", [[], None, 3, "text", {}])
def test_what_is_no_record_at_all_is_refused(tree):
    with pytest.raises(InputError, match="is not the record of a run"):
        read_simulated(tree)


def test_a_simulation_of_another_protocol_is_refused_by_both_digests():
    protocol = read_protocol(TES)
    with pytest.raises(InputError) as caught:
        check(protocol, field=Simulated("cd" * 32, "somebody"))
    assert "cd" * 32 in str(caught.value)
    assert protocol.digest in str(caught.value)


def test_a_simulation_cannot_be_changed():
    given = {"top": (0.0, 0.0, 0.1)}
    simulated = Simulated("ab" * 32, "somebody", None, given)
    given["top"] = (0.0, 0.0, 0.2)
    assert simulated.head_positions_m["top"] == (0.0, 0.0, 0.1)
    with pytest.raises(TypeError):
        simulated.head_positions_m["top"] = (0.0, 0.0, 0.3)


def test_places_without_a_field_leave_the_rules_about_the_field_unasked():
    plan = tdcs()
    report = check(plan, field=Simulated(plan.digest, "somebody"))
    assert report == check(plan)
    with_field = check(plan, field=Simulated(plan.digest, "somebody", {"brain_current_density_p999_A_per_m2": 7.0}))
    assert {one.rule_id for one in with_field.findings} - {one.rule_id for one in report.findings} == {"TES-BRAIN-J"}
    assert with_field == check(plan, field={"brain_current_density_p999_A_per_m2": 7.0})
