"""`check`: published and deliberately wrong protocols, missing data, the verdict, and what a report says."""

import json
import math
import subprocess
import sys
from types import SimpleNamespace

import attrs
import pytest
from safety_vectors import Loose

from stimplan.errors import InputError
from stimplan.montage import Circle, Electrode, Layer, Rectangle, Ring
from stimplan.protocol import Course, DirectWaveform, ElectricStimulation, Protocol, list_protocols, read_protocol
from stimplan.safety import RuleSet, SafetyReport, check, load_profiles, load_rules
from stimplan.safety.quantities import QUANTITIES, Case
from stimplan.safety.values import verdict_of

SPONGE = (Layer("saline_sponge", 0.004),)
GEL = (Layer("gel", 0.004),)
PAD_35 = Rectangle(0.05, 0.07)
PAD_25 = Rectangle(0.05, 0.05)
PAD_ROUND = Circle(0.05)
DISC = Circle(0.012)


def protocol(
    current_mA=2,
    minutes=20,
    shape=PAD_35,
    *,
    sessions=10,
    per_day=1,
    gap_h=None,
    ramp_s=30.0,
    layers=SPONGE,
    currents_mA=None,
    modality="tDCS",
):
    """A tDCS protocol: two equal pads unless `currents_mA` lists the electrodes."""
    currents = currents_mA or (current_mA, -current_mA)
    sites = ("C3", "Fp2", "F3", "F4", "Cz", "Pz")
    electrodes = [Electrode(site, shape, layers, mA / 1000) for site, mA in zip(sites, currents, strict=False)]
    return Protocol(
        id="test",
        title="test",
        modality=modality,
        stimulation=ElectricStimulation(
            tuple(electrodes), DirectWaveform(duration_s=minutes * 60.0, ramp_up_s=ramp_s, ramp_down_s=ramp_s)
        ),
        course=Course(
            sessions=sessions,
            sessions_per_day=per_day,
            min_gap_s=None if gap_h is None else gap_h * 3600.0,
            schedule=None,
        ),
    )


def stand_in(base=None, **changes):
    """The same with other parts, whatever they are."""
    base = base or protocol()
    names = ("id", "modality", "electrodes", "waveform", "course", "digest", "stimulation", "title", "magnetic")
    return Loose(**{**{name: getattr(base, name) for name in names}, **changes})


def statuses(report):
    return {finding.rule_id: finding.status for finding in report.findings}


def value(report, rule_id):
    return next(finding.value for finding in report.findings if finding.rule_id == rule_id)


def measure(name, case):
    return QUANTITIES[name].measure(case)


# --- doses by hand --------------------------------------------------------------------------------------------


def test_the_doses_of_the_textbook_protocol_are_those_worked_out_by_hand():
    # 2 mA on 35 cm2 for 20 min: 2.4 C, 0.571 A/m2, 685.7 C/m2
    report = check(protocol(2, 20, PAD_35))
    assert value(report, "TES-DC-Q") == 2.4
    assert value(report, "TES-J-0.08") == pytest.approx(0.002 / 0.0035, rel=1e-11)
    assert value(report, "TES-QD") == pytest.approx(685.714285714, rel=1e-11)
    assert value(report, "TES-COURSE-Q") == 24.0


def test_the_densities_of_the_evidence_are_reproduced():
    home = protocol(2, 30, PAD_ROUND)
    assert value(check(home), "TES-J-0.08") == pytest.approx(1.019, abs=5e-4)
    assert value(check(home), "TES-QD") == pytest.approx(1833, abs=1)
    small = protocol(currents_mA=(2, -0.5, -0.5, -0.5, -0.5), shape=DISC, layers=GEL, modality="HD-tDCS")
    assert value(check(small), "TES-J-HD") == pytest.approx(17.7, abs=0.05)
    percent = next(finding.message for finding in check(small).findings if finding.rule_id == "TES-RAT-ANOD")
    assert "88 %" in percent


def test_the_percentage_of_an_animal_threshold_is_one_of_a_hundred():
    # 0.7 mA on 35 cm2 is 0.2 A/m2, one hundredth of the 20 A/m2 in rats
    report = check(protocol(0.7, 20, PAD_35))
    assert "is 1 % of" in next(finding.message for finding in report.findings if finding.rule_id == "TES-RAT-ANOD")


def test_the_total_current_is_what_the_anodes_deliver_together():
    spread = Case(protocol(currents_mA=(1, 1, 1.5, -3.5)))
    assert measure("total_current_A", spread) == 0.0035
    assert check(protocol(currents_mA=(1.5, 1.5, 1.5, -1.5, -1.5, -1.5), shape=PAD_35)).verdict == "stop"


def test_the_hole_of_a_ring_carries_no_current():
    ring = Case(protocol(), electrode=Electrode("Cz", Ring(0.006, 0.012), GEL, 0.002))
    assert measure("electrode_area_m2", ring) == pytest.approx(math.pi * (0.006**2 - 0.003**2), rel=1e-11)


# --- published protocols: safety evidence, table 4.2 ----------------------------------------------------------

PUBLISHED = {
    # evidence row: protocol, charge C, mean density mA/cm2, rules that are not passed
    "23 Nitsche 2000": (protocol(1, 5, PAD_35, sessions=1), 0.30, 0.0286, {}),
    "24 SELECT-TDCS": (protocol(2, 30, PAD_25, sessions=12), 3.60, 0.0800, {}),
    "25 ELECT-TDCS": (protocol(2, 30, PAD_25, sessions=22), 3.60, 0.0800, {}),
    "26 Woodham 2025": (protocol(2, 30, PAD_ROUND, sessions=36), 3.60, 0.1019, {"TES-J-0.08": "warn"}),
    "27 Boggio 2008": (protocol(2, 20, PAD_35, sessions=10), 2.40, 0.0571, {}),
    "27 HomeDC": (protocol(2, 30, PAD_35, sessions=30), 3.60, 0.0571, {}),
    "28 Fregni 2006": (protocol(2, 20, PAD_35, sessions=5), 2.40, 0.0571, {}),
    "29 Fregni 2005": (protocol(1, 20, PAD_35, sessions=1), 1.20, 0.0286, {}),
    "30 Meinzer 2016": (
        protocol(1, 20, PAD_35, sessions=16, per_day=2, gap_h=1.5),
        1.20,
        0.0286,
        {"TES-ITV": "warn"},
    ),
    "31 Chhatbar 2017": (protocol(4, 30, PAD_35, sessions=1), 7.20, 0.1143, {"TES-J-0.08": "warn"}),
    "32 Workman 2020": (protocol(4, 20, PAD_35, sessions=1), 4.80, 0.1143, {"TES-J-0.08": "warn"}),
    "33 4 mA x 40 min": (
        protocol(4, 40, PAD_35, sessions=1),
        9.60,
        0.1143,
        {"TES-DC-Q": "stop", "TES-DC-Q-DAY": "warn", "TES-J-0.08": "warn"},
    ),
}


@pytest.mark.parametrize(("case", "charge_C", "density", "not_passed"), PUBLISHED.values(), ids=PUBLISHED)
def test_a_published_protocol_passes_and_trips_as_the_evidence_says(case, charge_C, density, not_passed):
    report = check(case)
    assert value(report, "TES-DC-Q") == charge_C
    assert value(report, "TES-J-0.08") / 10 == pytest.approx(density, abs=5e-5)
    assert {rule: status for rule, status in statuses(report).items() if status != "pass"} == not_passed
    worst = set(not_passed.values())
    assert report.verdict == ("stop" if "stop" in worst else "warn" if worst else "pass")


def test_eight_hd_sessions_a_day_warn_for_the_day_and_not_for_the_session():
    # evidence row 35, Turski 2017: 1.5 mA x 20 min, up to eight times a day
    case = protocol(
        currents_mA=(1.5, -0.5, -0.5, -0.5),
        shape=DISC,
        layers=GEL,
        sessions=160,
        per_day=8,
        gap_h=0.5,
        modality="HD-tDCS",
    )
    report = check(case)
    assert value(report, "TES-DC-Q") == 1.8
    assert value(report, "TES-DC-Q-DAY") == 14.4
    not_passed = {rule for rule, status in statuses(report).items() if status != "pass"}
    assert not_passed == {"TES-DC-Q-DAY", "TES-GUIDE-60", "TES-ITV"}
    assert report.verdict == "warn"
    assert "TES-J-0.08" not in statuses(report)  # pad densities say nothing about small electrodes


@pytest.mark.parametrize(
    ("current_mA", "minutes"), [(4, 30), (3, 40), (2.4, 50), (1.2, 100), (3.6, 2000 / 60), (0.3, 400)]
)
def test_every_way_to_reach_exactly_the_highest_charge_is_at_the_limit(current_mA, minutes):
    assert statuses(check(protocol(current_mA, minutes)))["TES-DC-Q"] == "pass"


@pytest.mark.parametrize(("current_mA", "side_cm"), [(3.24, (4.5, 9)), (6.48, (9, 9)), (2, (5, 5)), (2.8, (5, 7))])
def test_a_density_that_is_exactly_the_limit_passes_although_binary_numbers_miss_it(current_mA, side_cm):
    pad = Rectangle(side_cm[0] / 100, side_cm[1] / 100)
    assert value(check(protocol(current_mA, 10, pad)), "TES-J-0.08") == 0.8
    assert statuses(check(protocol(current_mA, 10, pad)))["TES-J-0.08"] == "pass"


@pytest.mark.parametrize("excess", [1 + 1e-10, 1 + 1e-6, 1.001])
def test_a_dose_just_above_a_limit_is_above_it(excess):
    assert statuses(check(protocol(4 * excess, 20)))["TES-DC-I"] == "stop"
    assert statuses(check(protocol(2, 40 * excess)))["TES-DC-T"] == "stop"
    assert statuses(check(protocol(4, 30 * excess)))["TES-DC-Q"] == "stop"
    assert statuses(check(protocol(2 * excess, 20, PAD_25)))["TES-J-0.08"] == "warn"


def test_a_value_just_above_its_limit_is_not_printed_as_the_limit():
    (finding,) = (f for f in check(protocol(4.0001, 20)).findings if f.rule_id == "TES-DC-I")
    assert finding.value_text == "4.0001 mA"
    assert finding.limit_text == "4 mA"
    assert "4.0001 mA exceeds" in finding.message


# --- each rule as seen from a protocol ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "rule_id", "status"),
    [
        (protocol(2, 20, ramp_s=10.0), "TES-RAMP", "pass"),
        (protocol(2, 20, ramp_s=9.0), "TES-RAMP", "warn"),
        (protocol(2, 20, ramp_s=None), "TES-RAMP", "unknown"),
        (protocol(2, 20, ramp_s=0.0), "TES-RAMP-0", "stop"),
        (protocol(2, 20, ramp_s=None), "TES-RAMP-0", None),
        (protocol(2, 20, sessions=1, per_day=None), "TES-ITV", None),
        (protocol(2, 20, sessions=5, per_day=1), "TES-ITV", "pass"),
        (protocol(2, 20, sessions=5, per_day=None), "TES-ITV", "unknown"),
        (protocol(2, 20, sessions=5, per_day=2), "TES-ITV", "unknown"),
        (protocol(2, 20, sessions=5, per_day=2, gap_h=12), "TES-ITV", "warn"),
        (protocol(2, 20, sessions=5, per_day=1, gap_h=24), "TES-ITV", "pass"),
        (protocol(2, 30, sessions=5, per_day=2, gap_h=4), "TES-GUIDE-60", "pass"),
        (protocol(2, 31, sessions=5, per_day=2, gap_h=4), "TES-GUIDE-60", "warn"),
        (protocol(2, 20, sessions=5, per_day=None), "TES-GUIDE-60", "unknown"),
        (protocol(2, 20, sessions=1, per_day=None), "TES-GUIDE-60", "pass"),
        (protocol(2, 20, sessions=5, per_day=None), "TES-DC-Q-DAY", "unknown"),
        (protocol(2, 20, DISC, layers=GEL, modality="HD-tDCS"), "HD-2MA", "pass"),
        (protocol(2.1, 20, DISC, layers=GEL, modality="HD-tDCS"), "HD-2MA", "stop"),
        (protocol(3, 20, PAD_25), "HD-2MA", None),
        (protocol(2, 20, DISC, layers=GEL), "TES-J-0.08", None),
        (protocol(2, 20, DISC, layers=GEL), "TES-J-HD", "pass"),
        (protocol(2, 20, Circle(0.0009), layers=GEL), "TES-DATA-AREA", "stop"),
        (protocol(2, 20, Circle(0.5)), "TES-DATA-AREA", "stop"),
        (protocol(2, 20, layers=()), "TES-DATA-LAYERS", "unknown"),
        (protocol(2, 20, layers=(Layer("gel", 0.00005),)), "TES-DATA-LAYERS", "stop"),
        (protocol(2, 20, layers=(Layer("gel", 0.001), Layer("saline_sponge", 0.4))), "TES-DATA-THICK", "stop"),
        (protocol(2000, 20), "TES-DATA-I", "stop"),
        (protocol(0.002, 20), "TES-DATA-I", "stop"),
        (protocol(2, 0), "TES-DATA-T", "stop"),
        (protocol(2, -20), "TES-DATA-T", "stop"),
    ],
)
def test_a_rule_has_the_status_its_protocol_deserves(case, rule_id, status):
    assert statuses(check(case)).get(rule_id) == status


def test_currents_that_do_not_add_up_are_a_stop():
    pads = (Electrode("C3", PAD_35, SPONGE, 0.002), Electrode("Fp2", PAD_35, SPONGE, -0.0015))
    assert statuses(check(stand_in(electrodes=pads)))["TES-DATA-BALANCE"] == "stop"
    thirds = (0.002, -0.000667, -0.000667, -0.000667)
    pads = tuple(Electrode(site, PAD_35, SPONGE, current) for site, current in zip("ABCD", thirds, strict=True))
    assert statuses(check(stand_in(electrodes=pads)))["TES-DATA-BALANCE"] == "pass"


def test_currents_of_opposite_infinity_do_not_balance():
    pads = (Electrode("C3", PAD_35, SPONGE, math.inf), Electrode("Fp2", PAD_35, SPONGE, -math.inf))
    report = check(stand_in(electrodes=pads))
    assert statuses(report)["TES-DATA-BALANCE"] == "unknown"
    assert report.verdict == "stop"


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_no_count(count):
    course = attrs.evolve(protocol().course, sessions_per_day=count)
    assert statuses(check(stand_in(course=course)))["TES-GUIDE-60"] == "unknown"


def test_only_the_electrodes_that_break_a_rule_are_named():
    pads = (
        Electrode("F3", DISC, GEL, 0.003),
        Electrode("F4", PAD_35, SPONGE, -0.002),
        Electrode("P4", DISC, GEL, -0.001),
    )
    report = check(stand_in(electrodes=pads))
    (finding,) = (f for f in report.findings if f.rule_id == "HD-2MA")
    assert (finding.status, finding.place, finding.value) == ("stop", "F3", 0.003)
    assert "F3" in finding.message and "P4" not in finding.message


@pytest.mark.parametrize("is_turned", [False, True])
def test_an_unknown_electrode_does_not_hide_a_broken_one(is_turned):
    nothing = SimpleNamespace(shape=None, layers=GEL, current_A=-0.003, label="F4")
    pads = (Electrode("F3", DISC, GEL, 0.003), nothing)
    report = check(stand_in(electrodes=pads[::-1] if is_turned else pads))
    assert (statuses(report)["HD-2MA"], report.verdict) == ("stop", "stop")


def test_a_protocol_without_electrodes_has_no_rule_that_quietly_stays_out():
    report = check(stand_in(electrodes=()))
    by_status = statuses(report)
    assert by_status["TES-DATA-AREA"] == by_status["HD-2MA"] == by_status["TES-DATA-I"] == "unknown"


# --- what is missing or is not a number -----------------------------------------------------------------------


def with_electrode(**changes):
    base = protocol()
    return stand_in(
        base,
        electrodes=(
            SimpleNamespace(**{**attrs.asdict(base.electrodes[0], recurse=False), **changes}),
            base.electrodes[1],
        ),
    )


def with_waveform(**changes):
    return stand_in(waveform=attrs.evolve(protocol().waveform, **changes))


@pytest.mark.parametrize(
    "case",
    [
        with_electrode(current_A=None),
        with_electrode(current_A=math.nan),
        with_electrode(shape=None),
        with_electrode(shape=SimpleNamespace(area_m2=math.nan)),
        with_electrode(layers=None),
        with_electrode(layers=(Layer("gel", math.nan),)),
        with_electrode(layers=(Layer("gel", 0.001), Layer("gel", math.nan))),
        with_electrode(layers=()),
        with_waveform(duration_s=None),
        with_waveform(duration_s=math.nan),
        stand_in(electrodes=()),
    ],
)
@pytest.mark.parametrize("is_turned", [False, True])
def test_missing_or_nan_doses_never_pass(case, is_turned):
    # the order of the electrodes must not matter: max() and min() forget a NaN that comes second
    report = check(stand_in(case, electrodes=case.electrodes[::-1]) if is_turned else case)
    assert report.verdict == "unknown"


@pytest.mark.parametrize(
    "case",
    [
        with_electrode(current_A=math.inf),
        with_electrode(shape=SimpleNamespace(area_m2=math.inf)),
        with_electrode(shape=SimpleNamespace(area_m2=0.0)),
        with_electrode(layers=(Layer("gel", 0.001), Layer("gel", math.inf))),
        with_waveform(duration_s=math.inf),
        with_waveform(ramp_down_s=math.inf),
        with_waveform(ramp_up_s=math.inf),
    ],
)
def test_an_infinite_dose_is_a_stop(case):
    assert check(case).verdict == "stop"


@pytest.mark.parametrize("name", ["ramp_up_s", "ramp_down_s"])
def test_a_ramp_that_is_not_a_number_is_not_a_ramp(name):
    assert check(with_waveform(**{name: math.nan})).verdict == "unknown"
    assert statuses(check(with_waveform(**{name: None})))["TES-RAMP"] == "unknown"
    assert statuses(check(with_waveform(**{name: 0.0})))["TES-RAMP-0"] == "stop"


# --- the field ------------------------------------------------------------------------------------------------

BRAIN = "brain_current_density_p999_A_per_m2"


def test_without_a_field_its_rules_are_listed_as_not_judged():
    report = check(protocol())
    assert "TES-BRAIN-J" not in statuses(report)
    assert any("TES-BRAIN-J" in text and "field" in text for text in report.not_judged)
    assert report.verdict == "pass"


@pytest.mark.parametrize(
    ("field", "status", "verdict"),
    [
        ({BRAIN: 0.1}, "pass", "pass"),
        ({BRAIN: math.nextafter(6.3, 0)}, "pass", "pass"),
        ({BRAIN: 6.3}, "warn", "warn"),
        ({BRAIN: math.inf}, "warn", "warn"),
        ({BRAIN: math.nan}, "unknown", "warn"),
        ({}, "unknown", "warn"),
    ],
)
def test_with_a_field_the_current_density_in_the_brain_is_judged(field, status, verdict):
    report = check(protocol(), field=field)
    assert statuses(report)["TES-BRAIN-J"] == status
    assert report.verdict == verdict
    assert not any("TES-BRAIN-J" in text for text in report.not_judged)


# --- verdict and report ---------------------------------------------------------------------------------------


def finding(status, severity):
    (one, *_) = check(protocol()).findings
    return attrs.evolve(one, status=status, severity=severity)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], "unknown"),
        ([("pass", "info")], "unknown"),
        ([("pass", "warn")], "unknown"),  # nothing that could stop was judged
        ([("pass", "block")], "pass"),
        ([("pass", "justify"), ("pass", "warn")], "pass"),
        ([("pass", "justify"), ("unknown", "info")], "pass"),
        ([("pass", "justify"), ("warn", "warn")], "warn"),
        ([("pass", "justify"), ("unknown", "warn")], "warn"),
        ([("pass", "block"), ("unknown", "justify")], "unknown"),
        ([("pass", "justify"), ("unknown", "block"), ("warn", "warn")], "unknown"),
        ([("stop", "justify"), ("unknown", "block"), ("pass", "warn")], "stop"),
        ([("stop", "block")], "stop"),
    ],
)
def test_the_verdict_is_the_worst_finding(findings, verdict):
    assert verdict_of(tuple(finding(*pair) for pair in findings)) == verdict


def test_an_empty_report_is_unknown():
    assert SafetyReport((), (), "v", "d", "p").verdict == "unknown"


def test_an_empty_rule_set_is_unknown_and_says_so():
    report = check(protocol(), rules=RuleSet("none", ()))
    assert report.verdict == "unknown"
    assert report.not_judged == ("Everything: no rule covers tDCS.",)


def test_a_modality_no_rule_covers_is_unknown():
    report = check(stand_in(modality="tFUS"))
    assert (report.verdict, report.findings) == ("unknown", ())
    assert "tFUS" in report.not_judged[0]


def test_a_subject_is_refused_rather_than_ignored():
    with pytest.raises(InputError, match="subject"):
        check(protocol(), subject={"age": 8})


def test_the_person_is_listed_as_not_judged():
    text = " ".join(check(protocol()).not_judged)
    for word in ("person", "children", "Implants", "skin", "Impedance", "stimulator", "pregnancy", "medication"):
        assert word in text


def test_a_justify_stop_asks_for_a_named_clinician_and_a_warning_does_not():
    by_id = {f.rule_id: f for f in check(protocol(4, 40)).findings}
    assert "named clinician" in by_id["TES-DC-Q"].message
    assert "named clinician" not in by_id["TES-J-0.08"].message
    assert "Correct the protocol" in {f.rule_id: f for f in check(protocol(2, 0)).findings}["TES-DATA-T"].message


@pytest.mark.parametrize(
    "case", [protocol(), protocol(4, 40), protocol(ramp_s=None, per_day=None), with_electrode(shape=None)]
)
def test_no_message_of_a_report_has_a_hole_or_promises_safety(case):
    for one in check(case, field={BRAIN: 0.1}).findings:
        assert "{" not in one.message and "nan" not in one.message and "None" not in one.message
        assert "  " not in one.message and " ." not in one.message
        assert " safe" not in one.message.lower() and "approved" not in one.message.lower()
        assert one.citation and one.access in ("read", "secondary", "recalled")


def test_a_report_names_the_rules_and_the_protocol_it_is_about():
    case = protocol()
    report = check(case)
    assert report.protocol_digest == case.digest
    assert report.rule_set_digest == load_rules().digest
    assert report.rule_set_version == "alternating 0.1.1, tes 0.2.0, tms 0.2.0"


def test_a_record_is_plain_strict_json_with_units_in_its_keys():
    record = check(with_electrode(shape=SimpleNamespace(area_m2=0.0)), field={BRAIN: math.nan}).record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    by_id = {one["rule_id"]: one for one in record["findings"]}
    assert by_id["TES-DC-I"]["value_A"] == 0.002
    assert by_id["TES-DC-I"]["limit_A"] == 0.004
    assert by_id["TES-DC-T"]["value_s"] == 1200.0
    assert by_id["TES-DATA-AREA"]["value_m2"] == 0.0
    assert by_id["TES-QD"]["limit_C_per_m2"] is None
    assert record["verdict"] == "stop"
    assert "not a medical device" in record["notice"]


@pytest.mark.parametrize("entry", list_protocols(), ids=lambda entry: entry.id)
def test_every_shipped_protocol_is_judged_in_every_profile(entry):
    published = read_protocol(entry.id)
    report = check(published)
    assert {report.profile, *report.other_profiles} == {profile.id for profile in load_profiles()}
    assert {finding.rule_id for finding in report.findings} & {"TES-DATA-I", "TMS-DATA-TIMING"}
    if published.magnetic is None:
        is_sized = published.waveform.type == "direct" or published.electric.amplitude_convention is not None
        assert report.verdict in (("pass", "warn") if is_sized else ("unknown",)), [
            f.message for f in report.findings if f.status != "pass"
        ]
    for one in report.findings:
        assert "{" not in one.message and "nan" not in one.message and "None" not in one.message, one.message


# --- cost -----------------------------------------------------------------------------------------------------


def test_a_check_loads_nothing_heavy_and_is_quick():
    code = (
        "import sys, time, stimplan; p = stimplan.read_protocol('select-tdcs'); before = set(sys.modules);"
        "t = time.process_time(); stimplan.check(p); t = time.process_time() - t;"
        "heavy = {'jsonschema', 'numpy', 'scipy', 'mne', 'numba', 'matplotlib', 'pyvista'};"
        "print(t, *(heavy & set(sys.modules) - before))"
    )
    best = math.inf
    for _ in range(3):  # other processes may be busy
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        seconds, *heavy = done.stdout.split()
        best = min(best, float(seconds))
    assert heavy == []
    assert best < 0.1, best
