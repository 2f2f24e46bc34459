"""The coil of a protocol on a head, driven as the protocol says."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import numpy as np
import pytest
from coils import nine_turns
from spheres import sphere

import stimplan as sp
from stimplan.coil import Stimulator, write_coil
from stimplan.coil.intensity import Known
from stimplan.coil_plan import plan_coils
from stimplan.errors import CoilError
from stimplan.protocol.magnetic import Handle

HANDLE = Handle(from_midline_rad=np.radians(45))


def protocol(**changes):
    """The iTBS of Huang 2005 over C3, which every head with 10-05 sites has."""
    plan = sp.read_protocol("huang-2005-itbs")
    magnetic = plan.magnetic
    place = attrs.evolve(
        magnetic.blocks[0].placement, site="C3", mni_m=None, pose_m=None, distance_m=0.004, handle=HANDLE
    )
    blocks = tuple(attrs.evolve(block, placement=place) for block in magnetic.blocks)
    return attrs.evolve(plan, stimulation=attrs.evolve(magnetic, blocks=blocks, **changes))


def driven(**changes):
    return attrs.evolve(nine_turns(), stimulators=(Stimulator("Rapid", max_didt_A_per_s=1.2e8),), **changes)


def test_the_active_threshold_of_a_person_becomes_the_rate_of_the_current():
    (one, *_) = plan_coils(protocol(), sphere(), coil=driven(), known=Known({"aMT": 0.5}))
    assert one.placement.didt_A_per_s == pytest.approx((0.8 * 0.5 * 1.2e8,))
    assert one.steps[0] == "80% of aMT × 50% of the output at aMT = 40% of the output"
    field = sp.solve(sphere(), one.placement)
    assert 10 < np.percentile(field.magnitude_V_per_m[sphere().in_tissue("layer_1")], 99.9) < 200


def test_every_missing_fact_is_named_with_its_block():
    with pytest.raises(CoilError) as caught:
        plan_coils(protocol(), sphere(), coil=nine_turns())
    assert {problem.where for problem in caught.value.problems} >= {
        "$.stimulation.blocks[0].thresholds_fraction.aMT",
        "$.stimulation.blocks[0].max_didt_A_per_s",
    }


def test_the_coil_is_that_of_the_catalogue_or_the_file_the_protocol_names(tmp_path):
    stated = protocol().magnetic.coil
    known = Known({"aMT": 0.5}, max_didt_A_per_s=1e8)
    listed = protocol(coil=attrs.evolve(stated, model="magstim-70mm-figure8"))
    assert "Magstim" in plan_coils(listed, sphere(), known=known)[0].placement.coil.name
    write_coil(driven(), tmp_path / "mine.ccd")
    filed = protocol(coil=attrs.evolve(stated, file="mine.ccd"))
    found = plan_coils(filed, sphere(), known=Known({"aMT": 0.5}), folder=tmp_path)[0].placement
    assert found.didt_A_per_s == pytest.approx((4.8e7,))
    with pytest.raises(CoilError, match="no coil of the catalogue"):
        plan_coils(protocol(coil=attrs.evolve(stated, model="D70")), sphere(), known=known)


def test_the_coil_of_a_protocol_is_found_by_its_maker_and_model_and_a_stand_in_is_only_named():
    stated = protocol().magnetic.coil
    assert (stated.manufacturer, stated.model) == ("Magstim", "70 mm")
    (one, *_) = plan_coils(protocol(), sphere(), known=Known({"aMT": 0.5}))
    assert one.placement.coil.provenance["catalogue"] == "magstim-70mm-figure8"
    assert one.steps[1].endswith("at 100 % of the output of Magstim Rapid = 45.89 A/µs")
    other = protocol(coil=attrs.evolve(stated, manufacturer="BrainsWay", model="H1", family="H-coil"))
    with pytest.raises(CoilError, match=r'nearest, if you decide so: h-coil-principle .*taken by coil="stand-in"'):
        plan_coils(other, sphere(), known=Known({"aMT": 0.5}))


def test_a_stand_in_is_taken_where_it_is_asked_for_with_the_sentence_that_says_so_and_without_its_rate():
    stated = protocol().magnetic.coil
    cone = protocol(coil=attrs.evolve(stated, manufacturer=None, model=None, family="double-cone"))
    with pytest.raises(CoilError, match="max_didt_A_per_s"):  # the stand-in's own 84 A/µs are another coil's
        plan_coils(cone, sphere(), coil="stand-in", known=Known({"aMT": 0.5}))
    (one, *_) = plan_coils(cone, sphere(), coil="stand-in", known=Known({"aMT": 0.5}, max_didt_A_per_s=1e8))
    assert one.placement.coil.provenance["catalogue"] == "magstim-110mm-double-cone"
    assert one.notices[0].startswith("STAND-IN COIL: the protocol does not say which double-cone coil was used")
    assert "tens of per cent" in one.notices[0]
    known = Known({"aMT": 0.5})
    (own, *_) = plan_coils(protocol(), sphere(), coil="stand-in", known=known)
    assert own.placement.coil.provenance["catalogue"] == "magstim-70mm-figure8" and "STAND-IN" not in str(own.notices)


def test_a_family_of_which_the_catalogue_has_none_has_no_stand_in():
    cap = protocol(coil=attrs.evolve(protocol().magnetic.coil, manufacturer=None, model=None, family="cap"))
    with pytest.raises(
        CoilError, match=r"missing: the model of the cap coil.*give a coil \(figure8-70mm-9-turns"
    ) as caught:
        plan_coils(cap, sphere(), coil="stand-in", known=Known({"aMT": 0.5}))
    assert "nearest" not in str(caught.value)
    with pytest.raises(CoilError, match="expected a Coil"):
        plan_coils(protocol(), sphere(), coil="magstim-70mm-figure8")


def test_the_stimulator_at_hand_replaces_the_one_the_catalogue_knows():
    known = Known({"aMT": 1.0}, max_didt_A_per_s=1.6e8)
    (one, *_) = plan_coils(protocol(), sphere(), known=known)
    assert one.placement.didt_A_per_s == pytest.approx((1.28e8,))  # more than a Rapid gives
    assert "Rapid" not in one.steps[1]


def test_a_protocol_without_a_coil_is_refused():
    with pytest.raises(CoilError, match="has no coil"):
        plan_coils("select-tdcs", sphere())


@pytest.mark.slow
def test_the_code_of_the_page_about_coils_runs():
    page = (Path(__file__).parents[1] / "docs" / "coils.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict = {}
    exec(compile(block, "coils.md", "exec"), names)
    assert names["planned"].steps[0] == "80% of aMT × 45% of the output at aMT = 36% of the output"
    assert 30 < np.percentile(names["field"].magnitude_V_per_m[names["head"].in_tissue("gray_matter")], 99.9) < 150
