"""Implants: distances worked out by hand, and what each profile makes of them."""

import math
from typing import get_args

import attrs
import pytest
from people import CONSERVATIVE, LABEL, PROFILES, RESEARCH, TES, TMS, healthy, tdcs

from stimplan.protocol import CoilPlacement, read_protocol
from stimplan.protocol.magnetic import CoilFamily
from stimplan.safety import Simulated, check, screening_findings
from stimplan.safety.distances import Span, distance_to, sources_of, span_of_region, uncertainty_m
from stimplan.safety.implants import implant_findings
from stimplan.safety.screening_rules import ImplantRule, load_screening, read_data
from stimplan.safety.subject import Implant, Subject
from stimplan.sites import known_sites


def coil(place):
    """A protocol whose figure-8 coil is at a place; its housing reaches 100 mm from the centre."""
    plan = read_protocol(TMS)
    (block,) = plan.stimulation.blocks[:1]
    stimulation = attrs.evolve(
        plan.stimulation,
        coil=attrs.evolve(plan.stimulation.coil, family="figure-8"),
        blocks=(attrs.evolve(block, placement=place, label="spot"),),
    )
    return attrs.evolve(plan, stimulation=stimulation)


def pose(x_m, y_m, z_m):
    return CoilPlacement(
        method=None, pose_m=((1.0, 0.0, 0.0, x_m), (0.0, 1.0, 0.0, y_m), (0.0, 0.0, 1.0, z_m), (0.0, 0.0, 0.0, 1.0))
    )


TOP = coil(pose(0.0, 0.0, 0.1))


NEARER_M = 0.018  # twice 9.0 mm, taken off every least distance


def span(protocol, point_m, simulated=None, space="MNI"):
    return distance_to(point_m, space, protocol=protocol, simulated=simulated)


def placed(protocol, head_m, mni_m=None):
    return Simulated(protocol.digest, "somebody", {}, head_m, mni_m)


def status(rule_id, implant, protocol=TOP, profile=RESEARCH):
    found = screening_findings(healthy(implants=(implant,)), protocol, profile)
    return next(((f.status, f.severity) for f in found if f.rule_id == rule_id), None)


# --- distances by hand ----------------------------------------------------------------------------------------


def test_a_coil_is_between_its_centre_and_the_far_end_of_its_housing():
    # 3-4-5: (0, 300, 500) mm is 500 mm from (0, 0, 100) mm
    far = span(TOP, (0.0, 0.3, 0.5))
    assert (far.low_m, far.high_m) == (0.4 - NEARER_M, 0.5)
    near = span(TOP, (0.0, 0.03, 0.14))
    assert (near.low_m, near.high_m) == (0.0, 0.05)


def test_every_family_of_coils_has_a_reach():
    assert set(read_data("implants.json")["coil_reach_mm"]) == set(get_args(CoilFamily))


def test_a_round_electrode_is_as_far_as_its_rim():
    # disc of radius 25 mm at (0, 0, 100) mm; 50 mm away by 3-4-5 in its plane: 25 mm from the rim, 18 mm not certain
    disc = span(tdcs(), (0.03, 0.04, 0.1))
    assert (disc.low_m, disc.high_m) == (0.007, 0.025)
    assert span(tdcs(), (0.0, 0.02, 0.1)).high_m == 0.0


def test_the_nearest_of_several_electrodes_counts():
    # (100, 30, 40) mm is 50 mm from the centre of the electrode at (100, 0, 0) mm, 25 mm from its rim
    assert span(tdcs(), (0.1, 0.03, 0.04)).high_m == 0.025
    assert "side" in span(tdcs(), (0.1, 0.03, 0.04)).how


def test_a_rectangle_is_between_the_disc_inside_and_the_disc_around_it():
    plan = read_protocol(TES)  # 5 cm x 5 cm at F3 and F4
    x, y, z = known_sites()["F3"]
    side = span(plan, (x - 0.1, y, z))
    assert side.low_m == pytest.approx(0.1 - math.hypot(0.05, 0.05) / 2 - NEARER_M, abs=1e-12)
    assert side.high_m == pytest.approx(0.1 - 0.025, abs=1e-12)


def test_a_coil_over_a_site_is_at_the_site_and_one_aimed_at_a_point_at_the_nearest_site():
    x, y, z = known_sites()["C3"]
    over = span(coil(CoilPlacement(method=None, site="C3")), (x, y, z - 0.05))
    assert over.high_m == pytest.approx(0.05, abs=1e-12)
    aimed = span(coil(CoilPlacement(method=None, mni_m=(x * 0.9, y * 0.9, z * 0.9))), (x, y, z - 0.05))
    assert aimed.high_m == pytest.approx(0.05, abs=1e-12)
    assert "nearest the target" in aimed.how


def test_places_of_a_placement_replace_the_nominal_ones():
    coil_m = {"spot": (0.0, 0.0, 0.25)}
    assert span(TOP, (0.0, 0.0, 0.0), placed(TOP, coil_m, coil_m)).high_m == 0.25
    plan, pad_m = tdcs(), {"top": (0.0, 0.0, 0.055)}
    near = span(plan, (0.0, 0.0, 0.0), placed(plan, pad_m, pad_m))
    assert near.high_m == 0.03
    assert "the electrode at top as placed on the head 'somebody'" in near.how


def test_a_place_in_the_coordinates_of_a_head_is_compared_on_that_head_only():
    # on the head the electrode is at (0, 0, 200) mm, in MNI coordinates at (0, 0, 100) mm; the disc has 25 mm
    plan = tdcs()
    own = {"top": (0.0, 0.0, 0.2), "side": (0.3, 0.0, 0.0)}
    mni = {"top": (0.0, 0.0, 0.1), "side": (0.3, 0.0, 0.0)}
    simulated = placed(plan, own, mni)
    assert span(plan, (0.0, 0.0, 0.0), simulated, "head").high_m == 0.175
    assert span(plan, (0.0, 0.0, 0.0), simulated, "MNI").high_m == 0.075
    assert span(plan, (0.0, 0.0, 0.0), placed(plan, own), "MNI").high_m == 0.075  # nominal: the head has no MNI
    nowhere = span(plan, (0.0, 0.0, 0.0), None, "head")
    assert (nowhere.low_m, nowhere.high_m) == (None, None)
    assert "was not simulated" in nowhere.how
    half = span(plan, (0.0, 0.0, 0.0), placed(plan, {"top": (0.0, 0.0, 0.2)}), "head")
    assert (half.low_m, half.high_m) == (None, 0.175)  # the other electrode is nowhere on this head


def test_what_is_taken_off_a_least_distance_is_twice_the_scatter_that_was_read():
    record = read_data("implants.json")["position_uncertainty"]
    assert uncertainty_m() == NEARER_M == 2 * 0.009
    assert "9.0 mm" in record["quote"]
    assert record["access"] == "read"


def test_coil_positions_without_a_label_are_counted_from_one():
    plan = read_protocol(TMS)
    (block,) = plan.stimulation.blocks[:1]
    blocks = tuple(attrs.evolve(block, label="") for _ in range(2))
    plan = attrs.evolve(plan, stimulation=attrs.evolve(plan.stimulation, blocks=blocks))
    assert [source.label for source in sources_of(plan)] == ["block 1", "block 2"]


def test_a_check_measures_from_where_the_electrodes_lie_and_says_so():
    plan = tdcs()
    plate = Implant("skull-plate", (0.0, 0.0, 0.15))
    person = healthy("tes", implants=(plate,))

    def said(field=None):
        report = check(plan, subject=person, field=field)
        return next(one for one in report.findings if one.rule_id == "IMPLANT-TES-SITE")

    assert said().status == "unknown"  # between 7 and 25 mm from the rim on the template head; the limit is 10 mm
    far = placed(plan, {}, {"top": (0.0, 0.0, 0.05), "side": (0.1, 0.0, 0.0)})
    assert said(far).status == "pass"  # 75 mm from the rim
    assert "as placed on the head 'somebody' (on a person it may be 18 mm nearer)" in said(far).message
    near = placed(plan, {}, {"top": (0.0, 0.0, 0.14), "side": (0.1, 0.0, 0.0)})
    assert said(near).status == "stop"  # the plate is within the disc's 25 mm


def test_a_place_that_is_not_known_leaves_the_distance_open():
    nowhere = coil(CoilPlacement(method="found by hand"))
    assert span(nowhere, (0.0, 0.0, 0.0)) == Span(None, None, "the place of the stimulation is not known")
    plan = read_protocol(TMS)
    both = attrs.evolve(
        plan, stimulation=attrs.evolve(TOP.stimulation, blocks=(*TOP.stimulation.blocks, *nowhere.stimulation.blocks))
    )
    half = span(both, (0.0, 0.0, 1.1))
    assert (half.low_m, half.high_m) == (None, 1.0)  # the other coil may be nearer


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.3, 0.3, "broken"),
        (math.nextafter(0.3, 1), math.nextafter(0.3, 1), "holds"),
        (0.2, 0.3, "broken"),
        (0.29, 0.31, "unknown"),
        (0.3, 0.31, "unknown"),
        (0.31, None, "holds"),
        (None, 0.3, "broken"),
        (None, 0.31, "unknown"),
        (None, None, "unknown"),
        (math.nan, math.nan, "unknown"),
        (math.inf, math.inf, "unknown"),
    ],
)
def test_a_distance_decides_only_where_all_that_is_possible_is_on_one_side(low, high, outcome):
    assert Span(low, high, "").is_beyond(0.3) == outcome


def test_no_region_of_the_head_is_farther_than_the_label_and_the_trunk_is_open():
    sites = list(known_sites().values())
    assert max(math.dist(one, other) for one in sites[::7] for other in sites) < 0.3
    for region, record in read_data("implants.json")["regions"].items():
        decided = span_of_region(region).is_beyond(0.3)
        is_head = region in ("brain", "skull", "scalp", "face", "ear", "mouth")
        assert decided == ("broken" if is_head else "holds" if region == "leg" else "unknown")
        assert record["why"]


# --- policy profiles ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distance_m", "expected"),
    [(0.3, "stop"), (0.3001, "pass"), (0.0, "stop"), (2.0, "pass")],
)
def test_the_label_forbids_metal_within_thirty_centimetres_of_the_coil(distance_m, expected):
    clip = Implant("aneurysm-clip", distance_m=distance_m, mri="unrestricted")
    assert status("IMPLANT-TMS-LABEL-30CM", clip, profile=LABEL) == (expected, "block")
    assert status("IMPLANT-TMS-LABEL-30CM", clip, profile=CONSERVATIVE) == (expected, "justify")
    assert status("IMPLANT-TMS-LABEL-30CM", clip, profile=RESEARCH) is None


def test_a_place_that_is_not_given_is_unknown():
    clip = Implant("aneurysm-clip")
    assert status("IMPLANT-TMS-LABEL-30CM", clip, profile=LABEL) == ("unknown", "block")
    assert status("IMPLANT-TMS-METAL-10CM", clip) == ("unknown", "justify")
    assert status("IMPLANT-TMS-LABEL-30CM", attrs.evolve(clip, region="chest"), profile=LABEL) == ("unknown", "block")
    assert status("IMPLANT-TMS-LABEL-30CM", attrs.evolve(clip, region="skull"), profile=LABEL) == ("stop", "block")
    assert status("IMPLANT-TMS-LABEL-30CM", attrs.evolve(clip, region="leg"), profile=LABEL) == ("pass", "block")


def test_coordinates_are_compared_with_thirty_centimetres():
    # 500 mm from the centre of the coil, its housing reaches 100 mm, 18 mm are not known: at least 382 mm
    assert status("IMPLANT-TMS-LABEL-30CM", Implant("aneurysm-clip", (0.0, 0.3, 0.5)), profile=LABEL) == (
        "pass",
        "block",
    )
    # 350 mm: between 232 and 350 mm
    undecided = Implant("aneurysm-clip", (0.0, 0.0, -0.25))
    assert status("IMPLANT-TMS-LABEL-30CM", undecided, profile=LABEL) == ("unknown", "block")
    assert status("IMPLANT-TMS-LABEL-30CM", Implant("aneurysm-clip", (0.0, 0.0, -0.2)), profile=LABEL) == (
        "stop",
        "block",
    )
    measured = attrs.evolve(undecided, distance_m=0.31)
    assert status("IMPLANT-TMS-LABEL-30CM", measured, profile=LABEL) == ("pass", "block")


@pytest.mark.parametrize("kind", ["cochlear-implant"])
def test_a_cochlear_implant_blocks_tms_everywhere(kind):
    for profile in PROFILES:
        assert status("IMPLANT-TMS-COCHLEAR", Implant(kind, distance_m=2.0), profile=profile) == ("stop", "block")


def test_stimulators_need_a_reason_in_research_and_are_forbidden_near_the_coil_by_the_label():
    stimulator = Implant("deep-brain-stimulator", region="brain")
    assert status("IMPLANT-TMS-NEURO", stimulator) == ("stop", "justify")
    assert status("IMPLANT-TMS-LABEL-30CM", stimulator, profile=LABEL) == ("stop", "block")
    assert status("IMPLANT-TMS-NEURO", stimulator, profile=CONSERVATIVE) == ("stop", "block")


def test_devices_of_the_heart_and_pumps_are_forbidden_by_the_label_at_any_distance():
    for kind in (
        "pacemaker",
        "implanted-defibrillator",
        "intracardiac-line",
        "wearable-defibrillator",
        "implanted-pump",
    ):
        device = Implant(kind, distance_m=0.6)
        assert status("IMPLANT-TMS-DEVICE-LABEL", device, profile=LABEL) == ("stop", "block")
        assert status("IMPLANT-TMS-CARDIAC", device) == ("stop", "justify")
        assert status("IMPLANT-TMS-GENERATOR-10CM", device) == ("pass", "justify")


@pytest.mark.parametrize(("distance_m", "expected"), [(0.1, "stop"), (0.1001, "pass"), (None, "unknown")])
def test_generators_keep_ten_centimetres_from_the_coil(distance_m, expected):
    device = Implant("vagus-nerve-stimulator", distance_m=distance_m)
    assert status("IMPLANT-TMS-GENERATOR-10CM", device) == (expected, "justify")
    assert status("IMPLANT-TMS-GENERATOR-10CM", device, profile=CONSERVATIVE) == (expected, "block")


def test_metal_is_judged_by_its_mri_label():
    for mri, near in (("unknown", "stop"), ("not-for-mri", "stop"), ("conditional", None), ("unrestricted", None)):
        screw = Implant("skull-screw", distance_m=0.05, mri=mri)
        found = status("IMPLANT-TMS-METAL-10CM", screw)
        assert found == (None if near is None else (near, "justify"))
        assert (status("IMPLANT-TMS-METAL-MRI", screw) is None) == (near is not None)
    allowed = Implant("skull-screw", distance_m=0.05, mri="conditional")
    assert status("IMPLANT-TMS-METAL-MRI", allowed) == ("pass", "info")
    assert status("IMPLANT-TMS-METAL-MRI", allowed, profile=LABEL) == ("warn", "warn")


def test_something_passive_that_is_said_to_be_active_is_judged_as_a_device():
    assert status("IMPLANT-TMS-CARDIAC", Implant("other-body-metal", distance_m=1.0)) is None
    assert status("IMPLANT-TMS-CARDIAC", Implant("other-body-metal", distance_m=1.0, active="yes")) == (
        "stop",
        "justify",
    )
    assert status("IMPLANT-TMS-CARDIAC", Implant("deep-brain-stimulator", distance_m=1.0, active="yes")) is None


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((0.0, 0.0, 0.1), "stop"),
        ((0.035, 0.0, 0.1), "stop"),  # 10 mm from the rim
        ((0.0352, 0.0, 0.1), "unknown"),  # 10.2 mm on the template head, it may be 18 mm less
        ((0.0, 0.0, 0.1532), "pass"),  # 28.2 mm
        (None, "unknown"),
    ],
)
def test_metal_of_the_skull_at_an_electrode_blocks_in_every_profile(place, expected):
    for profile in PROFILES:
        assert status("IMPLANT-TES-SITE", Implant("skull-plate", place), tdcs(), profile) == (expected, "block")


def test_metal_in_the_head_and_active_implants_need_a_reason_for_currents():
    assert status("IMPLANT-TES-HEAD-METAL", Implant("aneurysm-clip"), tdcs()) == ("stop", "justify")
    assert status("IMPLANT-TES-SITE", Implant("aneurysm-clip", (0.0, 0.0, 0.1)), tdcs()) is None  # inside the brain
    for kind in ("pacemaker", "deep-brain-stimulator", "cochlear-implant", "other-device"):
        assert status("IMPLANT-TES-ACTIVE", Implant(kind), tdcs()) == ("stop", "justify")
        assert status("IMPLANT-TES-ACTIVE", Implant(kind), tdcs(), CONSERVATIVE) == ("stop", "block")


def test_dental_metal_is_information_and_a_hearing_aid_comes_off():
    for protocol in (TOP, tdcs()):
        assert status("IMPLANT-DENTAL", Implant("dental-metal"), protocol) == ("pass", "info")
        assert status("IMPLANT-REMOVE", Implant("hearing-aid"), protocol) == ("warn", "warn")


@pytest.mark.parametrize(("implants", "expected"), [(None, "unknown"), ((), "pass")])
def test_a_list_of_implants_nobody_asked_for_is_unknown(implants, expected):
    for protocol in (TOP, tdcs()):
        found = screening_findings(Subject(id="x", implants=implants), protocol)
        assert [f.status for f in found if f.rule_id == "IMPLANT-LIST"] == [expected]


def test_the_message_says_how_the_distance_was_found_and_on_which_head():
    found = screening_findings(healthy(implants=(Implant("aneurysm-clip", (0.0, 0.0, -0.2)),)), TOP, LABEL)
    (label,) = [f for f in found if f.rule_id == "IMPLANT-TMS-LABEL-30CM"]
    assert "at most 300 mm away in a straight line from the centre of the coil on the template head" in label.message
    assert (label.value, label.limit, label.limit_text) == (0.3, 0.3, "300 mm")


def test_each_kind_of_implant_meets_a_rule_for_coils_and_one_for_currents():
    data = read_data("implants.json")
    groups = {record["group"] for record in data["kinds"].values()}
    for family in ("TMS", "tES"):
        for profile in PROFILES:
            rules = load_screening().in_profile(profile).of_family(family)
            met = {group for rule in rules if isinstance(rule, ImplantRule) for group in rule.groups}
            assert groups <= met, (family, profile, groups - met)
    named = {group for rule in load_screening().rules if isinstance(rule, ImplantRule) for group in rule.groups}
    assert named <= groups


@pytest.mark.parametrize(
    ("implant", "words", "value"),
    [
        (Implant("aneurysm-clip", distance_m=0.2), "Aneurysm clip 200 mm away as measured", 0.2),
        (Implant("aneurysm-clip", distance_m=0.5), "Aneurysm clip 500 mm away as measured", 0.5),
        (Implant("aneurysm-clip", (0.0, 0.0, 0.05)), "Aneurysm clip at most 50 mm away in a straight line", 0.05),
        (Implant("aneurysm-clip", (0.0, 0.3, 0.5)), "Aneurysm clip at least 382 mm away in a straight line", 0.382),
    ],
)
def test_a_measured_distance_is_exact_and_a_computed_one_is_a_bound(implant, words, value):
    found = screening_findings(healthy(implants=(implant,)), TOP, LABEL)
    (label,) = [f for f in found if f.rule_id == "IMPLANT-TMS-LABEL-30CM"]
    assert label.message.startswith(words)
    assert label.value == pytest.approx(value, abs=1e-12)
    assert ("contraindication" in label.message) == (value <= 0.3)


def test_what_is_known_about_an_undecided_distance_is_said():
    found = screening_findings(healthy(implants=(Implant("aneurysm-clip", (0.0, 0.0, -0.25)),)), TOP, LABEL)
    (label,) = [f for f in found if f.rule_id == "IMPLANT-TMS-LABEL-30CM"]
    assert "at least 232 mm and at most 350 mm away" in label.message
    assert label.value is None


# Each rule with a distance: at its limit, one ulp past it, and without a number.

DISTANCES = [rule for rule in load_screening().rules if isinstance(rule, ImplantRule) and rule.limit is not None]


@pytest.mark.parametrize("rule", DISTANCES, ids=lambda rule: rule.id)
def test_a_distance_is_too_near_at_its_limit_and_far_enough_one_ulp_past_it(rule):
    kinds = read_data("implants.json")["kinds"]
    kind = next(name for name, record in kinds.items() if record["group"] in rule.groups)
    strict = attrs.evolve(rule, severity="block")

    def judged(distance_m):
        implant = Implant(kind, distance_m=distance_m, mri=rule.mri[0])
        (finding,) = implant_findings((strict,), healthy(implants=(implant,)), TOP)
        return finding.status

    assert judged(rule.limit) == "stop"
    assert judged(math.nextafter(rule.limit, 0.0)) == "stop"
    assert judged(math.nextafter(rule.limit, math.inf)) == "pass"
    assert [judged(nothing) for nothing in (None, math.nan, math.inf)] == ["unknown"] * 3
