"""Places found with a tape measure: in the file, in words, and on the scalp of a head."""

from __future__ import annotations

import copy
import json
import math
import re
from decimal import Decimal
from functools import cache
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spheres import SPONGE, ball, disc, montage, sphere
from test_arcs import ON_AXES, colin

from stimplan.describe.current import place_of
from stimplan.describe.pulses import placement_text
from stimplan.errors import HeadError, InputError, MontageError, ProtocolError
from stimplan.exchange.bids.view import bids_view
from stimplan.head.fiducials import with_fiducials
from stimplan.head.tape_sites import locate, nearest_site
from stimplan.head.ten_five import arcs_of
from stimplan.placement import place
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.resources import data_path
from stimplan.safety.distances import sources_of
from stimplan.site_forms import AnteriorOf, BeamF3, Tape
from stimplan.units import to_si

BEAM = {"beam_f3": {"nasion_inion_cm": 36, "tragus_cm": 36, "circumference_cm": 56}}


@cache
def library(name: str):
    return json.loads(data_path("protocols", f"{name}.json").read_text(encoding="utf-8"), parse_float=Decimal)


def electric(site):
    tree = copy.deepcopy(library("m1-so"))
    tree["stimulation"]["electrodes"][0] |= {"site": site}
    return tree


def magnetic(site):
    tree = copy.deepcopy(library("oreardon-2007-10hz"))
    for block in tree["stimulation"]["blocks"]:
        block["placement"] = {"site": site, "method": None}
    return tree


def parsed(tree):
    return read_protocol(json.dumps(tree, default=float))


def faults(tree):
    with pytest.raises(ProtocolError) as caught:
        parsed(tree)
    return [(problem.where, problem.what) for problem in caught.value.problems]


def test_the_beam_distances_are_those_of_the_authors_program():
    # An independent fit to the program: X = 0.1154 circumference, Y = 0.2637 of the mean of the two arcs.
    for nasion_inion, tragus, around in ((0.36, 0.36, 0.56), (0.38, 0.36, 0.60), (0.34, 0.35, 0.54)):
        beam = BeamF3(nasion_inion, tragus, around)
        assert beam.from_midline_m == pytest.approx(0.1154 * around, rel=0.01)
        assert beam.from_vertex_m == pytest.approx(0.2637 * (nasion_inion + tragus) / 2, rel=0.005)
    assert BeamF3(0.36, 0.36, 0.56).from_midline_m == pytest.approx(0.06469, abs=1e-5)
    assert BeamF3(0.36, 0.36, 0.56).from_vertex_m == pytest.approx(0.09500, abs=1e-5)


def test_the_adjustment_is_further_from_the_vertex_on_the_same_line():
    plain, further = BeamF3(0.36, 0.37, 0.57), BeamF3(0.36, 0.37, 0.57, "mir-moghtadaei-2015")
    assert further.from_vertex_m - plain.from_vertex_m == pytest.approx(0.0035)
    assert further.from_midline_m == plain.from_midline_m


FORMS = [
    (BEAM, BeamF3(0.36, 0.36, 0.56)),
    ({"beam_f3": BEAM["beam_f3"] | {"adjustment": "mir-moghtadaei-2015"}},
     BeamF3(0.36, 0.36, 0.56, "mir-moghtadaei-2015")),
    ({"tape": {"from": "nasion", "along": "sagittal", "percent": 30}}, Tape("nasion", "sagittal", fraction=0.3)),
    ({"tape": {"from": "Cz", "along": "coronal", "towards": "LPA", "distance_cm": 7.5, "arc_cm": 36}},
     Tape("Cz", "coronal", "LPA", distance_m=0.075, arc_m=0.36)),
    ({"anterior_of": {"site": "C3", "distance_cm": 5}}, AnteriorOf("C3", 0.05)),
    ({"anterior_of": {"site": "hotspot", "distance_cm": 5.5}}, AnteriorOf("hotspot", 0.055)),
]  # fmt: skip


@pytest.mark.parametrize(("form", "value"), FORMS)
def test_a_form_is_read_and_written_for_electrodes_and_coils(form, value):
    protocol = parsed(electric(form))
    assert protocol.electrodes[0].site == value
    assert json.loads(dump_protocol(protocol))["stimulation"]["electrodes"][0]["site"] == form
    assert read_protocol(dump_protocol(protocol)) == protocol
    coil = parsed(magnetic(form))
    assert coil.magnetic.blocks[0].placement.site == value
    assert read_protocol(dump_protocol(coil)) == coil


cm = st.integers(200, 550).map(lambda tenths: to_si(Decimal(tenths) / 10, "cm"))
steps = st.integers(0, 200).map(lambda tenths: to_si(Decimal(tenths) / 10, "cm"))
forms = (
    st.builds(BeamF3, cm, cm, cm.filter(lambda size: size >= 0.3), st.sampled_from([None, "mir-moghtadaei-2015"]))
    | st.builds(AnteriorOf, st.sampled_from(["C3", "FFC5h", "hotspot"]), steps)
    | st.builds(Tape, st.sampled_from(["nasion", "inion"]), st.just("sagittal"), distance_m=steps)
    | st.builds(Tape, st.just("Cz"), st.just("coronal"), st.sampled_from(["LPA", "RPA"]), distance_m=steps)
    | st.builds(
        Tape,
        st.sampled_from(["Fpz", "Oz"]),
        st.just("circumference"),
        st.sampled_from(["LPA", "RPA"]),
        fraction=st.integers(0, 500).map(lambda tenths: to_si(Decimal(tenths) / 10, "percent")),
    )
)


@given(forms)
def test_any_form_comes_back_from_a_file(form):
    protocol = parsed(electric("C3"))
    first, *rest = protocol.electrodes
    changed = attrs.evolve(first, site=form, label=form.label)
    stimulation = attrs.evolve(protocol.stimulation, electrodes=(changed, *rest))
    whole = attrs.evolve(protocol, stimulation=stimulation)
    assert read_protocol(dump_protocol(whole)) == whole


def test_old_names_and_any_case_are_taken_within_a_form():
    assert parsed(electric({"anterior_of": {"site": "t3", "distance_cm": 1}})).electrodes[0].site.site == "T7"


SITE = "$.stimulation.electrodes[0].site"
TAPE = {"from": "nasion", "along": "sagittal", "percent": 30}
BROKEN = [
    ({}, f"{SITE}.position_mm", "missing; expected centre of the electrode (position_mm) or one of"),
    (BEAM | {"position_mm": [-50, 50, 40]}, f"{SITE}.beam_f3", "not both"),
    ({"beam": {}}, f"{SITE}.beam", "unknown key 'beam'"),
    ({"beam_f3": {"nasion_inion_cm": 36, "tragus_cm": 36}}, f"{SITE}.beam_f3.circumference_cm", "missing"),
    ({"beam_f3": BEAM["beam_f3"] | {"tragus_cm": 360}}, f"{SITE}.beam_f3.tragus_cm", "at most 55"),
    ({"beam_f3": BEAM["beam_f3"] | {"tragus_cm": "36"}}, f"{SITE}.beam_f3.tragus_cm", "expected a number"),
    ({"beam_f3": BEAM["beam_f3"] | {"adjustment": "yes"}}, f"{SITE}.beam_f3.adjustment", "is not one of"),
    ({"tape": {"from": "nasion", "along": "sagittal"}}, f"{SITE}.tape.distance_cm", "distance_cm or percent"),
    ({"tape": TAPE | {"distance_cm": 3}}, f"{SITE}.tape.percent", "not both"),
    ({"tape": TAPE | {"from": "LPA"}}, f"{SITE}.tape.from", "is measured from nasion, inion, Cz"),
    ({"tape": TAPE | {"from": "Cz"}}, f"{SITE}.tape.towards", "missing; from Cz say towards nasion or inion"),
    ({"tape": TAPE | {"towards": "nasion"}}, f"{SITE}.tape.towards", "leads towards inion"),
    ({"tape": TAPE | {"towards": "LPA"}}, f"{SITE}.tape.towards", "leads towards inion"),
    ({"tape": TAPE | {"from": "Cz", "towards": "inion", "percent": 51}}, f"{SITE}.tape.percent", "at most 50 %"),
    ({"tape": {"from": "nasion", "along": "sagittal", "distance_cm": 37, "arc_cm": 36}}, f"{SITE}.tape.distance_cm",
     "beyond the end"),
    ({"tape": TAPE | {"percent": 101}}, f"{SITE}.tape.percent", "at most 100"),
    ({"tape": TAPE | {"along": "around"}}, f"{SITE}.tape.along", "is not one of"),
    ({"tape": 3}, f"{SITE}.tape", "expected an object"),
    ({"anterior_of": {"site": "C33", "distance_cm": 5}}, f"{SITE}.anterior_of.site", "did you mean 'C3'"),
    ({"anterior_of": {"site": "M1", "distance_cm": 5}}, f"{SITE}.anterior_of.site", "write 'C3'"),
    ({"anterior_of": {"site": "C3", "distance_cm": 50}}, f"{SITE}.anterior_of.distance_cm", "at most 20"),
    ({"anterior_of": {"site": "C3"}}, f"{SITE}.anterior_of.distance_cm", "missing"),
]  # fmt: skip


@pytest.mark.parametrize(("site", "where", "what"), BROKEN)
def test_a_wrong_form_is_refused_at_its_place(site, where, what):
    found = faults(electric(site))
    assert any(place == where and what in text for place, text in found), found


def test_a_coil_takes_no_position_for_a_site():
    where = "$.stimulation.blocks[0].placement.site"
    assert (f"{where}.position_mm", "unknown key") in [
        (w, t[:11]) for w, t in faults(magnetic({"position_mm": [1, 2, 3]}))
    ]
    assert any(w == f"{where}.beam_f3" and "missing" in t for w, t in faults(magnetic({})))


def test_every_fault_of_a_form_is_listed_at_once():
    found = faults(
        electric({"tape": {"from": "LPA", "along": "sagittal"}, "anterior_of": {"site": "Q1", "distance_cm": 5}})
    )
    assert len(found) >= 4


def test_forms_are_told_in_words():
    beam = parsed(electric(BEAM)).electrodes[0]
    assert "6.47 cm from the midline to the left" in place_of(beam) and "9.5 cm from the vertex" in place_of(beam)
    tape = parsed(electric({"tape": TAPE})).electrodes[0]
    assert place_of(tape) == "at the place 30% of the sagittal arc from nasion"
    coil = parsed(magnetic({"anterior_of": {"site": "hotspot", "distance_cm": 5}})).magnetic.blocks[0]
    assert "over the place 5 cm in front of the motor hotspot" in placement_text(coil)


def test_a_form_has_no_place_until_it_is_placed_on_a_head():
    protocol = parsed(electric(BEAM))
    assert [source.label for source in sources_of(protocol)] == ["Fp2"]
    assert sources_of(parsed(magnetic(BEAM))) == ()
    with pytest.raises(InputError, match="NIBS-BIDS"):
        bids_view(protocol)
    with pytest.raises(InputError, match="NIBS-BIDS"):
        bids_view(parsed(magnetic(BEAM)))


# On heads.


@cache
def round_head():
    """A ball of 80 mm with fiducials on its equator: every arc is known."""
    return with_fiducials(
        ball(), {name: tuple(0.08 * np.sign(place)) for name, place in ON_AXES.items()}, source="made"
    )


def quarter_m():
    arcs = arcs_of(round_head())
    return arcs.sagittal.length_m / 2


def at_angle(form):
    """Direction of a place as (angle from the vertex, angle from the front to the left), degrees."""
    x, y, z = locate(form, round_head()).position_m
    return math.degrees(math.acos(z / math.dist((x, y, z), (0, 0, 0)))), math.degrees(math.atan2(-x, y))


def test_tapes_on_a_ball_have_known_ends():
    assert at_angle(Tape("nasion", "sagittal", fraction=0.3)) == pytest.approx((36, 0), abs=1)
    down, turn = at_angle(Tape("inion", "sagittal", fraction=0.3))
    assert (down, abs(turn)) == pytest.approx((36, 180), abs=1)
    assert at_angle(Tape("Cz", "coronal", "LPA", fraction=0.2)) == pytest.approx((36, 90), abs=1)
    assert at_angle(Tape("Cz", "coronal", "RPA", fraction=0.2)) == pytest.approx((36, -90), abs=1)
    assert at_angle(Tape("LPA", "coronal", distance_m=quarter_m() / 2)) == pytest.approx((45, 90), abs=1)
    assert at_angle(Tape("Cz", "sagittal", "nasion", distance_m=quarter_m() / 2)) == pytest.approx((45, 0), abs=1)
    assert at_angle(Tape("Fpz", "circumference", "LPA", fraction=0.25)) == pytest.approx((72, 90), abs=1)
    assert at_angle(Tape("Oz", "circumference", "RPA", fraction=0.25)) == pytest.approx((72, -90), abs=1)


def test_tapes_agree_with_the_sites_of_the_same_measure():
    head = round_head()
    for form, name in (
        (Tape("nasion", "sagittal", fraction=0.3), "Fz"),
        (Tape("inion", "sagittal", fraction=0.1), "Oz"),
        (Tape("Cz", "coronal", "RPA", fraction=0.4), "T8"),
        (Tape("Fpz", "circumference", "LPA", fraction=0.15), "F7"),
        (AnteriorOf("Cz", 0.2 * arcs_of(head).sagittal.length_m), "Fz"),
    ):
        found = nearest_site(head, locate(form, head).position_m)
        assert found[0] == name and found[1] < 1.5e-3, (form, found)


def test_an_own_arc_of_another_length_scales_a_distance():
    own = arcs_of(round_head()).sagittal.length_m
    plain = locate(Tape("nasion", "sagittal", distance_m=0.3 * own), round_head())
    scaled = locate(Tape("nasion", "sagittal", distance_m=0.3 * 0.95 * own, arc_m=0.95 * own), round_head())
    assert np.allclose(plain.position_m, scaled.position_m, atol=1e-6)
    assert not scaled.notices
    far = locate(Tape("nasion", "sagittal", distance_m=0.1, arc_m=0.36), round_head())
    assert len(far.notices) == 1 and "36.0 cm" in far.notices[0] and "% shorter" in far.notices[0]


def test_what_lies_beyond_an_arc_is_refused():
    with pytest.raises(MontageError, match="beyond the end"):
        locate(Tape("Cz", "sagittal", "nasion", distance_m=0.2), round_head())
    with pytest.raises(MontageError, match="beyond the end"):
        locate(Tape("Fpz", "circumference", "LPA", fraction=0.6), round_head())
    with pytest.raises(MontageError, match="too far in front"):
        locate(AnteriorOf("Fz", 0.15), round_head())
    with pytest.raises(MontageError, match="has no site"):
        locate(AnteriorOf("A1", 0.05), round_head())
    with pytest.raises(MontageError, match="motor hotspot"):
        locate(AnteriorOf("hotspot", 0.05), round_head())
    with pytest.raises(MontageError, match="too far down"):
        locate(AnteriorOf("T9", 0.01), round_head())
    with pytest.raises(HeadError, match="give its fiducials"):
        locate(BeamF3(0.36, 0.36, 0.56), attrs.evolve(ball(), fiducials_m={}))


def test_five_centimetres_on_a_ball_are_five_centimetres_in_a_parallel_plane():
    head = round_head()
    start, end = np.array(head.sites_m["C3"]), np.array(locate(AnteriorOf("C3", 0.05), head).position_m)
    assert end[0] == pytest.approx(start[0], abs=1.5e-3) and end[1] > start[1]
    radius = math.hypot(*start[1:])
    turned = math.atan2(end[1], end[2]) - math.atan2(start[1], start[2])
    assert radius * turned == pytest.approx(0.05, rel=0.03)


def own_sizes(head):
    arcs = arcs_of(head)
    return arcs.sagittal.length_m, arcs.coronal.length_m, arcs.circumference_m


def test_beam_f3_lies_near_f3_on_colin27():
    found = locate(BeamF3(*own_sizes(colin())), colin())
    name, away = nearest_site(colin(), found.position_m)
    assert math.dist(found.position_m, colin().sites_m["F3"]) < 0.015
    assert name in ("F3", "F3h", "F5h", "FFC3", "AFF3", "AFF5h", "AFF5", "FFC5h", "AFF3h") and away < 0.01
    assert found.notices == ()


def test_beam_f3_keeps_its_place_on_a_head_of_another_size_and_says_so():
    sizes = own_sizes(colin())
    small = locate(BeamF3(*(0.85 * size for size in sizes)), colin())
    assert math.dist(small.position_m, locate(BeamF3(*sizes), colin()).position_m) < 1e-4
    assert len(small.notices) == 3
    assert re.search(
        r"nasion to inion was measured as 33\.0 cm and is 38\.[789] cm on head .colin27., 1[78] % longer",
        small.notices[0],
    )


def test_the_five_centimetre_rule_is_behind_beam_f3_on_colin27():
    # Trapp et al. 2020 (doi:10.1016/j.brs.2020.01.010): Beam F3 was 2.6 cm (SD 1.0) anterolateral of the 5.5 cm rule.
    beam = np.array(locate(BeamF3(*own_sizes(colin())), colin()).position_m)
    rule = np.array(locate(AnteriorOf("C3", 0.055), colin()).position_m)
    assert beam[1] > rule[1] and 0.003 < np.linalg.norm(beam - rule) < 0.046


def test_electrodes_are_placed_where_the_tape_says():
    head = colin()
    form = Tape("Cz", "coronal", "LPA", fraction=0.2)
    placement = place(montage(disc(form, 1e-3), disc("Fp2", -1e-3)), head)
    patch = placement.electrodes[0]
    assert math.dist(patch.center_m, head.sites_m["C3"]) < 0.004
    assert patch.how.startswith("7.9 cm along the coronal arc") and placement.notices == ()
    told = place(montage(disc(BeamF3(0.3, 0.3, 0.45), 1e-3), disc("Fp2", -1e-3)), head)
    assert len(told.notices) == 3 and told.digest != placement.digest


def test_placement_lists_what_no_head_can_find():
    protocol = SimpleNamespace(
        electrodes=(disc(AnteriorOf("hotspot", 0.05), 1e-3), disc("Q9", -1e-3, layers=SPONGE)), digest="test"
    )
    with pytest.raises(MontageError) as caught:
        place(protocol, sphere())
    assert len(caught.value.problems) == 2
    with pytest.raises(MontageError, match="give its fiducials"):
        place(montage(disc(BeamF3(0.36, 0.36, 0.56), 1e-3), disc("Fp2", -1e-3)), attrs.evolve(ball(), fiducials_m={}))


def test_a_head_without_sites_has_no_nearest_one():
    assert nearest_site(attrs.evolve(ball(), sites_m={}), (0, 0, 0.08)) is None
