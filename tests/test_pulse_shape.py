"""The shape of the pulse, from protocol, coil file and run to the rules: what it makes of a threshold and a table."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from safety_vectors import TEN_HZ, block, itbs, tms, trains

from stimplan import cli
from stimplan.coil import Stimulator, read_coil
from stimplan.coil.waveforms import SHAPES, ideal_waveform, shapes_of
from stimplan.commands.coil_options import PULSE_SHAPES
from stimplan.protocol import read_protocol
from stimplan.protocol.library import library_ids
from stimplan.runs.coil_places import PlacedBlock, PlacedCoils
from stimplan.runs.drive import drive_of, known_facts
from stimplan.runs.magnetic_result import pulse_facts, safety_facts
from stimplan.runs.options import CoilOptions
from stimplan.safety import Simulated, check, load_rules
from stimplan.safety.quantities import QUANTITIES, Case

COIL = "figure8-70mm-9-turns"
RAPID = {"manufacturer": "Magstim", "model": "Rapid2"}
# At 100 % of the output; 45 % of it is the threshold.
THRESHOLD = {"thresholds_fraction": {"rMT": 0.45}, "max_didt_A_per_s": 100e6}


def with_shape(one, shape):
    return {**one, "pulse": {"shape": shape, "current_direction": None}}


def found(tree, *, facts=None):
    protocol = read_protocol(tree)
    told = None if facts is None else Simulated(protocol.digest, "a head", facts)
    return {one.rule_id: one for one in check(protocol, field=told).findings}


def coil_with(*shapes):
    waves = tuple(ideal_waveform(shape, period_s=280e-6).as_record() for shape in shapes)
    return attrs.evolve(read_coil(COIL), stimulators=(Stimulator(name="one", waveforms=waves),))


def placed(tree, coil, chosen="run"):
    protocol = read_protocol(tree)
    blocks = tuple(PlacedBlock(n, one, None, False) for n, one in enumerate(protocol.stimulation.blocks, 1))
    return PlacedCoils(protocol, None, coil, chosen, blocks)


# --- the protocol's pulse


@pytest.mark.parametrize(
    ("one", "rule"), [(trains(*TEN_HZ), "TMS-PULSE-RTMS"), (itbs(80, "aMT"), "TMS-PULSE-TBS")], ids=["10 Hz", "iTBS"]
)
@pytest.mark.parametrize(("shape", "status"), [("biphasic", "pass"), ("monophasic", "warn"), ("half-sine", "warn")])
def test_repetitive_pulses_of_another_shape_are_outside_what_is_published(one, rule, shape, status):
    findings = found(tms(with_shape(one, shape)))
    assert findings[rule].status == status and findings[rule].access == "read" and findings[rule].citation
    other = {"TMS-PULSE-RTMS", "TMS-PULSE-TBS"} - {rule}
    assert not other & set(findings)


@pytest.mark.parametrize("one", [block([], 120), block([(20, 6)], 120)], ids=["one pulse", "single pulses"])
def test_single_pulses_of_any_shape_have_no_table_to_leave(one):
    assert not {name for name in found(tms(with_shape(one, "monophasic"))) if name.startswith("TMS-PULSE-")
                and name in ("TMS-PULSE-RTMS", "TMS-PULSE-TBS")}  # fmt: skip


def test_a_shape_that_nobody_reports_is_listed_as_not_judged():
    tree = tms(with_shape(trains(*TEN_HZ), None))
    report = check(read_protocol(tree))
    assert "TMS-PULSE-RTMS" not in {one.rule_id for one in report.findings}
    assert any("shape of the pulse" in text for text in report.not_judged)


def test_the_warning_says_that_the_tables_are_not_judged_and_what_is_inferred():
    one = found(tms(with_shape(trains(*TEN_HZ), "monophasic")))["TMS-PULSE-RTMS"]
    assert "not judged" in one.message and "10.1371/journal.pone.0115247" in str(one.doi)


@pytest.mark.parametrize(("shape", "status"), [("monophasic", "stop"), ("biphasic", "pass"), (None, None)])
def test_a_rapid_2_gives_biphasic_pulses_only(shape, status):
    one = found(tms(with_shape(trains(*TEN_HZ), shape), stimulator=RAPID)).get("DEV-RAPID2-PULSE")
    assert (one and one.status) == status
    other = found(tms(with_shape(trains(*TEN_HZ), shape), stimulator={"manufacturer": "x", "model": "y"}))
    assert "DEV-RAPID2-PULSE" not in other


# --- the stimulator's waveforms


def test_the_shapes_of_a_coil_file_are_those_of_its_waveforms():
    assert shapes_of(coil_with("biphasic", "monophasic")) == {"biphasic", "monophasic"}
    assert shapes_of(read_coil(COIL)) == frozenset()
    loud = ideal_waveform("half-sine", period_s=280e-6).as_record()
    loud["signal"] = [1e8 * one for one in loud["signal"]]
    silent = {"name": "silent", "time_s": [0, 1e-4], "signal": [0, 0]}
    coil = attrs.evolve(read_coil(COIL), stimulators=(Stimulator(name="one", waveforms=(loud, silent)),))
    assert shapes_of(coil) == {"half-sine"}  # in any unit; what is no pulse is left out


@pytest.mark.parametrize(
    ("shapes", "fact", "status"),
    [(["monophasic"], 1.0, "warn"), (["biphasic"], 0.0, "pass"), (["biphasic", "monophasic"], None, None)],
)
def test_a_shape_the_protocol_does_not_report_is_that_of_the_waveforms(shapes, fact, status):
    tree = tms(with_shape(trains(*TEN_HZ), None))
    facts = pulse_facts(placed(tree, coil_with(*shapes)), CoilOptions())
    assert facts.get("is_other_pulse") == fact
    one = found(tree, facts=facts).get("TMS-PULSE-RTMS")
    assert (one and one.status) == status


def test_a_protocol_whose_pulse_the_stimulator_does_not_give_is_stopped():
    tree = tms(trains(*TEN_HZ), with_shape(trains(*TEN_HZ), "monophasic"))
    facts = pulse_facts(placed(tree, coil_with("biphasic")), CoilOptions())
    one = found(tree, facts=facts)["TMS-PULSE-DEVICE"]
    assert one.status == "stop" and one.place == "block 2"
    facts = pulse_facts(placed(tree, coil_with("biphasic", "monophasic")), CoilOptions())
    assert found(tree, facts=facts)["TMS-PULSE-DEVICE"].status == "pass"
    assert pulse_facts(placed(tree, coil_with("biphasic"), "stand-in"), CoilOptions()) == {}  # is not the one used


# --- the threshold's pulse


@pytest.mark.parametrize(("measured", "basis"), [("biphasic", "protocol"), (None, "protocol"), ("monophasic", "unit")])
def test_a_threshold_of_other_pulses_is_not_used_and_that_is_said(measured, basis):
    options = CoilOptions(**THRESHOLD, threshold_pulse=measured)
    one = read_protocol(tms(trains(*TEN_HZ))).stimulation.blocks[0]
    drive = drive_of(one, known_facts(read_coil(COIL), options), options)
    assert drive.basis == basis
    if basis == "unit":
        assert drive.didt_A_per_s == 1e6 and drive.output_fraction is None
        assert "biphasic pulses" in drive.sentence and "measured with monophasic pulses" in drive.sentence
    else:
        assert drive.didt_A_per_s == pytest.approx(0.45 * 1.2 * 100e6)
        assert ("taken to be of pulses of the same shape" in drive.sentence) == (measured is None)


def test_an_output_or_a_rate_that_is_stated_needs_no_threshold_and_no_shape():
    options = CoilOptions(**THRESHOLD, threshold_pulse="monophasic")
    one = read_protocol(tms(block([(40, 0.1)], 60, "MSO"))).stimulation.blocks[0]
    drive = drive_of(one, known_facts(read_coil(COIL), options), options)
    assert drive.basis == "protocol" and drive.didt_A_per_s == pytest.approx(60e6) and len(drive.steps) == 1


@pytest.mark.parametrize(("measured", "status"), [("monophasic", "stop"), ("biphasic", "pass"), (None, None)])
def test_the_rules_learn_from_a_run_with_which_pulses_the_threshold_was_measured(measured, status):
    tree = tms({**trains(*TEN_HZ), "threshold": None})
    options = CoilOptions(**THRESHOLD, threshold_pulse=measured)
    here = placed(tree, read_coil(COIL))
    drives = [drive_of(here.blocks[0].block, known_facts(here.coil, options), options)]
    findings = found(tree, facts=safety_facts(here, drives, options))
    one = findings.get("TMS-MT-PULSE")
    assert (one and one.status) == status
    # A threshold that cannot be used is no measured threshold.
    assert findings["TMS-MT-REQUIRED"].status == ("unknown" if measured == "monophasic" else "pass")


def test_the_option_takes_the_three_shapes_and_nothing_else(capsys):
    assert PULSE_SHAPES == SHAPES
    assert cli.run(["run", "three-d-itbs", "--threshold-pulse", "square"]) == 2
    assert "monophasic, biphasic, half-sine" in capsys.readouterr().err
    with pytest.raises(ValueError, match="threshold_pulse"):
        CoilOptions(threshold_pulse="square")


def test_the_library_has_no_repetitive_pulses_of_another_shape_but_quadripulse():
    others = set()
    for name in library_ids():
        protocol = read_protocol(name)
        for one in getattr(protocol.magnetic, "blocks", ()):
            case = Case(protocol, block=one)
            if QUANTITIES["is_other_pulse"].measure(case) and QUANTITIES["is_repetitive"].measure(case):
                others.add(name)
    assert others == {"qps"}


# --- every need of a rule about coils is fed


def intensity(value, reference):
    return {"value_percent": value, "reference": reference}


@pytest.mark.parametrize(
    ("stated", "options", "share"),
    [
        (intensity(60, "MSO"), {"thresholds_fraction": {"rMT": 0.45}}, 60 / 45),
        (intensity(60, "MSO"), {"thresholds_didt_A_per_s": {"rMT": 50e6}, "max_didt_A_per_s": 100e6}, 1.2),
        ({"didt_A_per_us": 60}, {"thresholds_didt_A_per_s": {"rMT": 50e6}}, 1.2),
        ({"didt_A_per_us": 60}, {"thresholds_fraction": {"rMT": 0.5}}, None),
        (intensity(60, "MSO"), {"thresholds_fraction": {"aMT": 0.45}}, None),
        (intensity(60, "MSO"), {}, None),
        (intensity(60, "MSO"), {"thresholds_fraction": {"rMT": 0.45}, "threshold_pulse": "monophasic"}, None),
    ],
)
def test_an_output_is_judged_by_the_tables_where_the_run_knows_the_threshold(stated, options, share):
    tree = tms({**trains(*TEN_HZ), "intensity": stated})
    here, given = placed(tree, attrs.evolve(read_coil(COIL), stimulators=())), CoilOptions(**options)
    drives = [drive_of(here.blocks[0].block, known_facts(here.coil, given), given)]
    facts = safety_facts(here, drives, given)
    assert facts.get("threshold_intensity_of_block_1") == (None if share is None else pytest.approx(share))
    status = found(tree, facts=facts)["TMS-TRAIN-W98"].status
    assert status == ("unknown" if share is None else "stop" if share > 1.3 else "pass")


def test_pulses_relative_to_the_block_are_judged_by_the_strongest():
    pair = {"pulses": 2, "intervals_ms": [3], "relative_intensities_percent": [80, 150]}
    tree = tms(block([(900, 1)], 40, "MSO", stimulus=pair))
    one = found(tree, facts={"threshold_intensity_of_block_1": 1.0})["TMS-INT-130"]
    assert one.status == "stop" and "150 %" in one.message


def needed():
    return {name for rule in load_rules().rules if "TMS" in rule.modality for name in rule.quantities}


def unfed(names):
    """Those that neither a protocol of the library or of the examples here nor a run gives for any block."""
    first, second = block([(40, 0.1), (10, 30)], 60, "MSO", gap_s=60), with_shape(itbs(80, "aMT"), "monophasic")
    own = [tms(first, second, stimulator={**RAPID, "model": model}) for model in ("Rapid2", "Super Rapid2")]
    options = CoilOptions(**THRESHOLD, threshold_pulse="biphasic", stimulator="Super Rapid2 Plus")
    left = set(names)
    for source in (*own, *library_ids()):
        protocol = read_protocol(source)
        if protocol.magnetic is None or not left:
            continue
        blocks = tuple(PlacedBlock(n, one, None, False) for n, one in enumerate(protocol.magnetic.blocks, 1))
        here = PlacedCoils(protocol, None, coil_with("biphasic"), "run", blocks)
        drives = [drive_of(one.block, known_facts(here.coil, options), options) for one in blocks
                  if one.block.intensity.reference != "MSO"]  # fmt: skip
        facts = pulse_facts(here, options) if len(drives) < len(blocks) else safety_facts(here, drives, options)
        for one in blocks:
            case = Case(protocol, facts, block=one.block)
            left = {name for name in left if QUANTITIES[name].measure(case) is None}
    return left


def test_every_need_of_a_rule_about_coils_is_fed_by_a_protocol_or_a_run():
    assert unfed(needed()) == set()


def test_a_need_that_nobody_feeds_is_noticed(monkeypatch):
    from stimplan.safety.cases import Quantity

    silent = Quantity("coil_temperature_K", "", "the temperature", "block", lambda case: None)
    monkeypatch.setitem(QUANTITIES, "coil_temperature_K", silent)
    assert unfed(needed() | {"coil_temperature_K"}) == {"coil_temperature_K"}


def test_the_table_of_what_feeds_the_rules_has_every_quantity_and_no_other():
    page = Path(__file__).parents[1] / "safety" / "INPUTS.md"
    if not page.is_file():
        pytest.skip("the tests run without the sources")
    rows = [line.split("`")[1] for line in page.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(needed())
