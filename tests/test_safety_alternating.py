"""Currents that are not direct: conversion to the peak, charge, phosphenes, temporal interference; home use, mood."""

import math

import attrs
import pytest
from safety_vectors import (
    PAD_16,
    PAD_35,
    SPONGE,
    block,
    document,
    electrode,
    interference,
    tacs,
    tdcs,
    tms,
    trns,
    waveform,
)

from stimplan.protocol import read_protocol
from stimplan.safety import check
from stimplan.safety.quantities import QUANTITIES, Case


def judged(tree, **options):
    return check(read_protocol(tree), **options)


def statuses(tree, **options):
    return {finding.rule_id: finding.status for finding in judged(tree, **options).findings}


def value(tree, rule_id):
    return next(finding.value for finding in judged(tree).findings if finding.rule_id == rule_id)


def measure(name, tree, number=None):
    protocol = read_protocol(tree)
    return QUANTITIES[name].measure(Case(protocol, electrode=None if number is None else protocol.electrodes[number]))


def noise(current_mA, convention, distribution="gaussian"):
    tree = trns(current_mA, 10, PAD_16)
    tree["stimulation"]["amplitude_convention"] = convention
    tree["stimulation"]["waveform"]["distribution"] = distribution
    return tree


def oscillating(current_mA, offset_mA, minutes=20, convention="peak"):
    pads = [
        electrode(site, sign * current_mA, PAD_35, SPONGE, offset_mA=sign * offset_mA)
        for site, sign in (("F3", 1), ("P4", -1))
    ]
    wave = waveform("oscillating", minutes, frequency_Hz=0.75)
    return document("otDCS", {"electrodes": pads, "amplitude_convention": convention, "waveform": wave})


def pulsed(current_mA, minutes=20):
    pads = [electrode(site, sign * current_mA, PAD_35, SPONGE) for site, sign in (("C3", 1), ("Fp2", -1))]
    wave = waveform("pulsed", minutes, pulse_width_ms=500, pulse_gap_ms=50, polarity="monophasic")
    return document("tPCS", {"electrodes": pads, "amplitude_convention": "peak", "waveform": wave})


@pytest.mark.parametrize(
    ("tree", "peak_mA"),
    [
        (tacs((2, -2), 20, PAD_35, convention="peak"), 2),
        (tacs((2, -2), 20, PAD_35, convention="peak-to-peak"), 1),
        (tacs((2, -2), 20, PAD_35, convention="RMS"), 2 * math.sqrt(2)),
        (noise(1, "peak"), 1),
        (noise(1, "peak-to-peak"), 0.5),
        (noise(1, "RMS"), 2.5758293035489),
        (noise(1, "RMS", "uniform"), math.sqrt(3)),
        (oscillating(0.5, 0.25), 0.75),
        (oscillating(1, 0.5, convention="peak-to-peak"), 1),
        (pulsed(1.5), 1.5),
        (interference((2, 2), (2000, 2010)), 4),
    ],
)
def test_every_current_is_converted_to_its_peak_before_it_is_compared(tree, peak_mA):
    assert measure("total_current_A", tree) == pytest.approx(peak_mA / 1000, rel=1e-11)
    assert measure("total_current_peak_to_peak_A", tree) == pytest.approx(2 * peak_mA / 1000, rel=1e-11)
    assert value(tree, "TES-DATA-I") == pytest.approx(peak_mA / 1000, rel=1e-11)


@pytest.mark.parametrize(("convention", "limit_mA"), [("peak", 2), ("peak-to-peak", 4), ("RMS", math.sqrt(2))])
def test_the_limit_on_the_swing_is_the_same_by_every_convention(convention, limit_mA):
    low, high = limit_mA * 0.999, limit_mA * 1.001
    assert statuses(tacs((low, -low), 20, PAD_35, convention=convention))["TACS-I"] == "pass"
    assert statuses(tacs((high, -high), 20, PAD_35, convention=convention))["TACS-I"] == "warn"


def without_convention(tree):
    base = read_protocol(tree)
    stimulation = attrs.evolve(base.stimulation, amplitude_convention=None)
    return attrs.evolve(base, stimulation=stimulation)


@pytest.mark.parametrize(
    "tree",
    [tacs((1, -1), 20, PAD_35), noise(1, "peak"), oscillating(1, 0.5), pulsed(1), interference((1, 1), (2e3, 2.1e3))],
)
def test_a_current_without_its_convention_is_not_judged(tree):
    report = check(without_convention(tree))
    found = {finding.rule_id: finding.status for finding in report.findings}
    assert found["TACS-CONV"] == found["TES-DATA-I"] == "unknown" and report.verdict == "unknown"


def test_noise_of_an_unknown_distribution_has_no_peak():
    assert measure("total_current_A", noise(1, "RMS", None)) is None
    assert judged(noise(1, "RMS", None)).verdict == "unknown"


@pytest.mark.parametrize(
    ("tree", "charge_C"),
    [
        (tacs((2, -2), 20, PAD_35), 2 * 0.002 / math.pi * 1200),
        (noise(1, "RMS"), 0.001 * math.sqrt(2 / math.pi) * 600),
        (interference((2, 2), (2000, 2010)), 2 * 0.004 / math.pi * 1800),
    ],
)
def test_the_rectified_charge_is_that_worked_out_by_hand(tree, charge_C):
    assert value(tree, "TACS-Q") == pytest.approx(charge_C, rel=1e-10)
    assert value(tree, "TES-COURSE-Q") == pytest.approx(charge_C, rel=1e-10)
    assert "TES-DC-Q" not in statuses(tree)


def test_currents_with_a_direct_part_are_held_to_the_range_of_direct_current():
    assert value(oscillating(1, 1), "TES-DC-I") == 0.002
    assert value(oscillating(1, 1), "TES-DC-Q") == pytest.approx(0.001 * 1200, rel=1e-11)
    assert statuses(oscillating(3, 1.1))["TES-DC-I"] == "stop"
    assert value(pulsed(2), "TES-DC-Q") == pytest.approx(0.002 * 500 / 550 * 1200, rel=1e-11)
    assert statuses(pulsed(4.1))["TES-DC-I"] == "stop"
    assert statuses(pulsed(2, 41))["TES-DC-T"] == "stop"


def test_pauses_carry_no_charge():
    tree = tdcs(2, 20, PAD_35)
    tree["stimulation"]["waveform"]["intermittence"] = {"on_s": 30, "off_s": 30}
    assert value(tree, "TES-DC-Q") == 1.2
    assert value(tree, "TES-QD") == pytest.approx(0.002 * 600 / 0.0035, rel=1e-11)
    assert value(tree, "TES-DC-T") == 1200


@pytest.mark.parametrize("duration", [math.nan, math.inf, None])
def test_pauses_within_no_time_are_no_time(duration):
    tree = tdcs(2, 20, PAD_35)
    tree["stimulation"]["waveform"]["intermittence"] = {"on_s": 30, "off_s": 30}
    base = read_protocol(tree)
    wave = attrs.evolve(base.waveform, duration_s=duration)
    broken = attrs.evolve(base, stimulation=attrs.evolve(base.stimulation, waveform=wave))
    assert check(broken).verdict == ("stop" if duration == math.inf else "unknown")


@pytest.mark.parametrize(
    ("minutes", "long", "day"), [(40, "pass", "pass"), (40.01, "warn", "pass"), (60.01, "warn", "warn")]
)
@pytest.mark.parametrize("kind", ["tACS", "tRNS"])
def test_forty_minutes_a_session_and_sixty_a_day(kind, minutes, long, day):
    tree = tacs((1, -1), minutes, PAD_35) if kind == "tACS" else trns(1, minutes, PAD_16)
    assert (statuses(tree)["TACS-T"], statuses(tree)["TES-GUIDE-60"]) == (long, day)


@pytest.mark.parametrize(
    ("frequency_Hz", "sites", "mA", "words"),
    [
        (10, ("Fp1", "P4"), 1, "flicker (phosphenes) is likely"),
        (8, ("AF3", "P4"), 1, "likely"),
        (40, ("F3", "P4"), 1, "likely"),
        (20, ("Fz", "P4"), 0.2, "likely"),
        (20, ("Fz", "P4"), 0.199, "below the"),
        (7.9, ("Fp1", "P4"), 1, None),
        (40.1, ("Fp1", "P4"), 1, None),
        (10, ("FC3", "P4"), 1, None),
        (10, ("C3", "P4"), 1, None),
    ],
)
def test_phosphenes_are_told_where_an_electrode_in_front_flickers(frequency_Hz, sites, mA, words):
    report = judged(tacs((mA, -mA), 20, PAD_16, frequency_Hz=frequency_Hz, sites=sites))
    found = [finding for finding in report.findings if finding.rule_id == "TACS-PHOS"]
    assert bool(found) == (words is not None)
    if words:
        assert words in found[0].message and found[0].status == "pass" and found[0].place == sites[0]


def test_the_front_of_a_free_position_and_a_frequency_of_ones_own_are_not_known():
    tree = tacs((1, -1), 20, PAD_16, sites=("C3", "P4"), frequency_Hz=None)
    tree["stimulation"]["waveform"]["frequency_note"] = "individual alpha peak"
    assert measure("alternating_frequency_Hz", tree) is None
    assert "TACS-PHOS" not in statuses(tree)  # no electrode in front: the frequency does not matter
    tree["stimulation"]["electrodes"][0]["site"] = {"position_mm": [30, 80, 20]}
    assert measure("is_frontal", tree, 0) is None
    assert statuses(tree)["TACS-PHOS"] == "unknown" and judged(tree).verdict == "pass"


def test_currents_out_of_step_that_do_not_cancel_are_a_stop():
    base = read_protocol(tacs((1, -1), 20, PAD_35))
    one, two = base.electrodes
    assert measure("current_imbalance_A", tacs((1, -1), 20, PAD_35)) == 0

    class Loose:
        electrodes = (one, attrs.evolve(two, phase_rad=3.0))
        stimulation, waveform = base.stimulation, base.waveform

    assert QUANTITIES["current_imbalance_A"].measure(Case(Loose)) == pytest.approx(0.002 * math.cos(1.5))
    Loose.electrodes = (one, attrs.evolve(two, current_A=math.nan))
    assert math.isnan(QUANTITIES["current_imbalance_A"].measure(Case(Loose)))


def test_every_channel_and_every_offset_has_to_balance_on_its_own():
    base = read_protocol(interference((1, 2), (2000, 2010)))

    class Crossed:
        electrodes = tuple(attrs.evolve(e, channel=n) for e, n in zip(base.electrodes, (1, 2, 1, 2), strict=True))
        waveform, stimulation = base.waveform, base.stimulation

    assert measure("current_imbalance_A", interference((1, 2), (2000, 2010))) == 0
    assert QUANTITIES["current_imbalance_A"].measure(Case(Crossed)) == 0.003
    slow = read_protocol(oscillating(1, 0.5))

    class Shifted:
        electrodes = (slow.electrodes[0], attrs.evolve(slow.electrodes[1], offset_A=-0.0002))
        waveform, stimulation = slow.waveform, slow.stimulation

    assert QUANTITIES["current_imbalance_A"].measure(Case(Shifted)) == pytest.approx(0.0003)


@pytest.mark.parametrize(
    ("currents_mA", "carriers_Hz", "status"),
    [
        ((7, 7), (2000, 2010), "pass"),
        ((7.01, 7), (2000, 2010), "stop"),
        ((7, 8.4), (2000, 3000), "pass"),
        ((8.4, 7), (2000, 3000), "stop"),
        ((9.9, 9.9), (5000, 5010), "pass"),
    ],
)
def test_each_channel_is_judged_by_its_own_carrier(currents_mA, carriers_Hz, status):
    assert statuses(interference(currents_mA, carriers_Hz))["TI-I"] == status


def test_the_electrode_furthest_beyond_its_own_limit_is_shown():
    report = judged(interference((7.5, 8.5), (2000, 3000)))
    (one,) = [finding for finding in report.findings if finding.rule_id == "TI-I"]
    assert (one.value, one.limit) == (0.0075, 0.007)
    assert "2 kHz" in one.message and one.place == "F7, P7, F8, P8"


def test_an_electrode_without_a_channel_has_no_carrier():
    base = read_protocol(interference((1, 1), (2000, 2010)))

    class Loose:
        electrodes = (attrs.evolve(base.electrodes[0], channel=None), *base.electrodes[1:])
        waveform = base.waveform

    assert QUANTITIES["electrode_carrier_Hz"].measure(Case(Loose, electrode=Loose.electrodes[0])) is None
    assert QUANTITIES["electrode_carrier_Hz"].measure(Case(Loose, electrode=Loose.electrodes[3])) == 2010
    Loose.electrodes = base.electrodes[:2]
    assert QUANTITIES["electrode_carrier_Hz"].measure(Case(Loose, electrode=Loose.electrodes[0])) is None


@pytest.mark.parametrize(
    ("carriers_Hz", "status"), [((1000, 1010), "pass"), ((999, 1010), "stop"), ((2000, 500), "stop")]
)
def test_a_slow_carrier_is_no_temporal_interference(carriers_Hz, status):
    assert statuses(interference((1, 1), carriers_Hz))["TI-KHZ"] == status


def test_the_carriers_and_the_warming_wait_for_a_field():
    tree = interference((2, 2), (2000, 2010))
    text = " ".join(judged(tree).not_judged)
    assert "TI-CARRIER" in text and "TI-T" in text
    field = {"brain_carrier_field_p999_V_per_m": 1.5, "brain_heating_K": 0.2}
    found = statuses(tree, field=field)
    assert (found["TI-CARRIER"], found["TI-T"]) == ("pass", "pass")
    assert statuses(tree, field={**field, "brain_heating_K": 0.21})["TI-T"] == "warn"
    assert statuses(tree, field={})["TI-T"] == "unknown"


# --- what the words of a protocol say ----------------------------------------------------------------------------


def told(**more):
    return {**tdcs(2, 20, PAD_35), **more}


@pytest.mark.parametrize(
    ("condition", "outcomes", "status"),
    [
        (None, None, None),
        ("stroke", None, None),
        ("depression", None, "unknown"),
        ("bipolar-depression", [{"measure": "MADRS"}], "warn"),
        ("depression", [{"measure": "MADRS"}, {"measure": "YMRS"}], "pass"),
        ("depression", [{"measure": "Altman self-rating mania scale"}], "pass"),
        ("depression", [{"measure": "hypomanic episodes"}], "pass"),
        ("depression", [{"measure": "Roman numerals"}], "warn"),
    ],
)
def test_in_a_mood_disorder_mania_has_to_be_asked_for(condition, outcomes, status):
    tree = told(indication=condition and {"condition": condition}, outcomes=outcomes or [])
    assert statuses(tree).get("TES-MANIA") == status


@pytest.mark.parametrize(
    ("words", "supervision", "status"),
    [
        ({"title": "In a clinic"}, None, None),
        ({"title": "Home use for depression"}, None, "unknown"),
        ({"purpose": "treatment at home"}, None, "unknown"),
        ({"title": "Motor homeostasis"}, None, None),
        ({}, "video calls to the home", "pass"),
        ({"title": "At home"}, False, "warn"),
        ({"title": "At home"}, True, "pass"),
    ],
)
def test_home_use_has_to_say_who_supervises(words, supervision, status):
    reporting = {} if supervision is None else {"supervision": supervision}
    tree = told(**words, reporting=reporting)
    assert statuses(tree).get("TES-HOME") == status
    if status == "unknown":
        assert judged(tree).verdict == "warn"
        assert judged(tree, profile="conservative").verdict == "unknown"


def test_the_schedule_may_speak_of_the_home_too():
    tree = tdcs(2, 20, PAD_35)
    tree["course"]["schedule"] = "five days a week, home-based"
    assert statuses(tree)["TES-HOME"] == "unknown"


def test_rules_about_currents_are_not_asked_about_coils_nor_the_other_way_round():
    assert not [rule for rule in statuses(tms(block([], 50, "MSO"))) if rule.startswith(("TES", "TACS", "TI-", "HD"))]
    assert not [rule for rule in statuses(tdcs(2, 20, PAD_35)) if rule.startswith(("TMS", "DEV", "ACOU"))]
