"""A protocol with a coil, run from its file to its report."""

from __future__ import annotations

import json
from functools import cache

import attrs
import numpy as np
import pytest
from people import healthy
from runs import small_head

from stimplan.cli import run as cli
from stimplan.errors import CoilError, InputError, SafetyStop
from stimplan.pipeline import CoilOptions, RunOptions, run
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.protocol.magnetic import Handle
from stimplan.runs.coil_places import place_coils
from stimplan.runs.magnetic import scaled_field
from stimplan.safety import check
from stimplan.safety.simulated import read_simulated

COIL = "figure8-70mm-9-turns"


def plan(**changes):
    """THREE-D's theta burst, aimed at a point under the scalp of the small head, with changes at `a__b` paths."""
    tree = json.loads(dump_protocol(read_protocol("three-d-itbs")))
    tree["certainty"] = {}
    tree["target"] = {"label": "a place", "mni_mm": [-30, 30, 45], "radius_mm": 10}
    block = tree["stimulation"]["blocks"][0]
    block["placement"] = {"method": None, "mni_mm": [-30, 30, 45]}
    block["threshold"] = {"method": "EMG", "muscle": "FDI", "coil": "the same", "measured": "each-session"}
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = block if path.startswith(("intensity", "placement", "threshold")) else tree
        for parent in parents:
            node = node[parent]
        node[last] = value
    return tree


def options(*, is_forced=True, **coil):
    chosen = CoilOptions(**{"coil": COIL, "with_spread": False, **coil})
    return RunOptions(with_figures=False, even_if_stopped=is_forced, coil=chosen)


REGION = "sphere:mni_mm=-30,30,45;radius_mm=20"


@cache
def unit_run():
    """Without a threshold: for 1 A/µs, with everything that says how sure it is."""
    chosen = options(with_spread=True, with_calibration=True)
    return run(plan(), small_head(), options=attrs.evolve(chosen, regions=(REGION,), along="normal"))


def test_without_a_threshold_the_field_is_that_of_1_ampere_per_microsecond_and_the_report_says_what_is_missing():
    result = unit_run()
    (block,) = result.coil.blocks
    assert block.drive.basis == "unit"
    assert block.placement.didt_A_per_s == (1e6,)
    assert "resting motor threshold" in block.drive.sentence and "dI/dt at 100 %" in block.drive.sentence
    assert any("not for 120% of rMT" in sentence for sentence in result.report.not_judged)
    assert any("ASSUMED HANDLE" in sentence for sentence in result.report.not_judged)


def test_a_threshold_in_per_cent_of_the_output_makes_the_rate_and_every_figure_in_proportion():
    known = {"thresholds_fraction": {"rMT": 0.5}, "max_didt_A_per_s": 1.5e8}
    result = run(plan(), small_head(), options=options(is_forced=False, **known))
    (block,), (unit,) = result.coil.blocks, unit_run().coil.blocks
    assert block.drive.didt_A_per_s == pytest.approx(1.2 * 0.5 * 1.5e8)
    assert block.drive.output_fraction == pytest.approx(0.6)
    assert result.metrics.p999_V_per_m == pytest.approx(90 * unit.maps[0].in_tissue.p999_V_per_m, rel=1e-9)
    assert result.target_metrics.mean_V_per_m == pytest.approx(90 * unit.maps[0].at_target.mean_V_per_m, rel=1e-9)
    assert result.coil.blocks[0].field.residual == unit.field.residual


def test_a_threshold_as_a_rate_needs_no_output_scale():
    result = run(plan(), small_head(), options=options(thresholds_didt_A_per_s={"rMT": 60e6}))
    assert result.coil.blocks[0].drive.didt_A_per_s == pytest.approx(72e6)
    assert result.coil.blocks[0].drive.output_fraction is None


def test_a_field_at_the_target_becomes_the_rate_that_makes_it():
    tree = plan(intensity={"field_V_per_m": 80})
    result = run(tree, small_head(), options=options())
    assert result.target_metrics.mean_V_per_m == pytest.approx(80, rel=1e-6)
    assert result.coil.blocks[0].drive.basis == "protocol"


def test_more_than_the_stimulator_gives_is_refused_with_its_block():
    known = {"thresholds_fraction": {"rMT": 0.9}, "max_didt_A_per_s": 1.5e8}
    with pytest.raises(CoilError, match=r"blocks\[0\].intensity.*108% of the output, more than the stimulator gives"):
        run(plan(), small_head(), options=options(**known))


def test_an_assumed_rate_is_said_to_be_one():
    result = run(plan(), small_head(), options=options(didt_A_per_s=70e6))
    assert result.coil.blocks[0].drive.basis == "assumed"
    assert "assumed for this simulation; the protocol says 120% of rMT" in result.coil.blocks[0].drive.sentence


def test_the_verdict_waits_for_the_threshold_that_the_run_is_given():
    tree = plan(threshold=None)
    nobody = run(tree, small_head(), options=options(is_forced=False))
    assert nobody.report.verdict == "unknown" and nobody.record()["is_simulated_despite_verdict"]
    somebody = attrs.evolve(options(is_forced=False), subject=healthy("tass"))
    with pytest.raises(SafetyStop, match="Motor threshold is measured"):
        run(tree, small_head(), options=somebody)
    known = {"thresholds_fraction": {"rMT": 0.5}, "max_didt_A_per_s": 1.5e8}
    assert run(tree, small_head(), options=options(is_forced=False, **known)).report.verdict == "warn"
    other = {"thresholds_fraction": {"aMT": 0.5}, "max_didt_A_per_s": 1.5e8}  # not the one the intensity refers to
    assert run(tree, small_head(), options=options(is_forced=False, **other)).report.verdict == "unknown"


def test_rules_about_a_stimulator_are_judged_with_the_output_the_run_found():
    known = {"thresholds_fraction": {"rMT": 0.5}, "max_didt_A_per_s": 1.5e8, "stimulator": "Magstim Rapid²"}
    findings = {f.rule_id: f for f in run(plan(), small_head(), options=options(**known)).report.findings}
    assert findings["DEV-RAPID2-FMAX-0"].status == "warn"
    assert findings["TMS-DATA-MSO"].value_text == "60 %"
    other = {f.rule_id for f in unit_run().report.findings}
    assert "DEV-RAPID2-FMAX-0" not in other and "TMS-DATA-MSO" not in other


def test_an_h_coil_in_place_of_a_figure_8_is_judged_as_one():
    findings = {f.rule_id: f for f in run(plan(), small_head(), options=options(coil="h-coil-principle",
                handle=Handle(from_midline_rad=0.0))).report.findings}  # fmt: skip
    assert findings["TMS-HCOIL"].status == "warn"
    assert "TMS-FIG8" not in findings


def test_the_spread_is_that_of_fourteen_placements_and_holds_the_figure():
    (block,) = unit_run().coil.blocks
    assert block.spread.poses == 14
    for figures in block.spread.figures.values():
        for one in figures.values():
            assert one.low_V_per_m <= one.value_V_per_m <= one.high_V_per_m
            assert 0 < one.relative_rms < 0.5
    target = block.spread.figures["target"]["mean"]
    assert target.value_V_per_m == pytest.approx(block.maps[0].at_target.mean_V_per_m)
    assert target.high_V_per_m > target.low_V_per_m
    found = block.handle_range
    assert found.low_V_per_m <= block.maps[0].at_target.mean_V_per_m <= found.high_V_per_m


def tables(block, along):
    """Every table of figures that a block has, with its smallest and its largest."""
    low, high, measures = block.spread.low, block.spread.high, block.measures
    (region,), (least,), (most,) = measures.regions, low["regions"], high["regions"]
    return [
        (block.maps[0].in_tissue, low["in_tissue"], high["in_tissue"]),
        (block.maps[0].at_target, low["at_target"], high["at_target"]),
        (block.below.at_target, low["below"], high["below"]),
        (measures.focality, low["focality"], high["focality"]),
        (measures.cortex, low["cortex"], high["cortex"]),
        (along.on_cortex, low["along"]["on_cortex"], high["along"]["on_cortex"]),
        (region, least, most),
        (region.metrics, least["metrics"], most["metrics"]),
        (region.contrast, least["contrast"], most["contrast"]),
        (region.cortex, least["cortex"], most["cortex"]),
    ]


def test_every_figure_of_the_field_has_a_spread_that_holds_it():
    result = unit_run()
    no_figures = {"volume_m3", "area_m2", "relative_error_estimate"}
    seen = 0
    for value, low, high in tables(result.coil.blocks[0], result.along):
        figures = {name for name in attrs.asdict(value, recurse=False) if isinstance(getattr(value, name), float)}
        assert figures - set(low) <= no_figures and set(low) == set(high)
        for name in figures & set(low):
            one = getattr(value, name)
            one = abs(one) if value is result.along.on_cortex and name == "peak_V_per_m" else one
            assert low[name] <= one * (1 + 1e-9) + 1e-12 and one * (1 - 1e-9) - 1e-12 <= high[name], (value, name)
            assert low[name] < high[name], name
            seen += 1
    assert seen >= 45
    focal = result.coil.blocks[0].spread
    assert {"volume_m3", "area_m2", "share", "threshold_V_per_m"} <= set(focal.low["focality"])


def test_the_figures_at_the_intended_pose_are_those_of_the_run_although_less_is_recovered():
    from stimplan.regional import named_regions
    from stimplan.runs.figures import coil_figures, numbers_of
    from stimplan.runs.magnetic import below_of

    result = unit_run()
    (block,) = result.coil.blocks
    regions, below = named_regions([REGION]), below_of(small_head(), block.pose)
    found = coil_figures(block.field, target=block.target, below=below, regions=regions, along="normal")
    assert found["cortex"] == pytest.approx(numbers_of(block.measures.cortex), rel=1e-9)
    assert found["focality"] == pytest.approx(numbers_of(block.measures.focality), rel=1e-9)
    assert found["regions"][0]["cortex"] == pytest.approx(numbers_of(block.measures.regions[0].cortex), rel=1e-9)
    assert found["along"]["on_cortex"] == pytest.approx(numbers_of(result.along.on_cortex), rel=1e-9)
    assert found["at_target"] == pytest.approx(numbers_of(block.maps[0].at_target), rel=1e-9)


def test_a_figure_that_one_placement_does_not_have_has_no_range_and_at_another_rate_only_fields_grow():
    from stimplan.runs.figures import combined, times

    tables = [{"a_V_per_m": 2.0, "b": 1.0, "c": [{"d_V_per_m": 1.0}], "e": {"f": 1.0}},
              {"a_V_per_m": 1.0, "b": 3.0, "c": [{"d_V_per_m": 5.0}], "e": None}]  # fmt: skip
    assert combined(tables, min) == {"a_V_per_m": 1.0, "b": 1.0, "c": [{"d_V_per_m": 1.0}], "e": None}
    assert times(combined(tables, max), 10) == {"a_V_per_m": 20.0, "b": 3.0, "c": [{"d_V_per_m": 50.0}], "e": None}


def test_the_ranges_stand_beside_their_figures_in_the_record_the_page_and_the_terminal():
    from stimplan.report import render
    from stimplan.terminal import show_run
    from stimplan.units import range_text

    result = unit_run()
    record = json.loads(json.dumps(result.record()))
    (block,) = record["coil"]["blocks"]
    assert (
        block["spread"]["low"]["regions"][0]["metrics"]["p95_V_per_m"] < block["regions"][0]["metrics"]["p95_V_per_m"]
    )
    page, lines = render(record, {}), " ".join(" ".join(show_run(result, None)).split())
    low, high = block["spread"]["low"], block["spread"]["high"]
    told = [("focality", "volume_m3", "m3"), ("focality", "area_m2", "m2"), ("cortex", "mean_in_V_per_m", "V_per_m"),
            ("cortex", "mean_tangential_V_per_m", "V_per_m")]  # fmt: skip
    for table, name, unit in told:
        over = range_text(low[table][name], high[table][name], unit)
        assert f"({over})" in page and f"({over})" in lines
    for where in ("in_tissue", "at_target", "below"):
        for name in ("median_V_per_m", "p95_V_per_m", "p999_V_per_m"):
            assert range_text(low[where][name], high[where][name], "V_per_m", with_unit=False) in page
            assert f"({range_text(low[where][name], high[where][name], 'V_per_m')})" in lines
    least, most = low["regions"][0], high["regions"][0]
    for table, name in (("metrics", "mean_V_per_m"), ("cortex", "mean_out_V_per_m")):
        assert range_text(least[table][name], most[table][name], "V_per_m", with_unit=False) in page
        assert f"({range_text(least[table][name], most[table][name], 'V_per_m')})" in lines


def test_a_threshold_is_carried_by_the_ratio_of_two_fields():
    (block,) = unit_run().coil.blocks
    one = block.calibration
    assert one.ratio == pytest.approx(one.target.value_V_per_m / one.hand.value_V_per_m)
    assert one.ratio_low < one.ratio < one.ratio_high
    assert one.target.value_V_per_m == pytest.approx(block.maps[0].at_target.mean_V_per_m)
    assert one.hand_at_threshold_V_per_m is None
    parts = (one.hand.relative_rms, one.target.relative_rms, one.hand_error, one.target_error)
    assert one.relative_uncertainty == pytest.approx(np.linalg.norm(parts))


def test_at_threshold_the_field_of_the_hand_area_is_its_field_for_1_ampere_per_microsecond_times_the_rate():
    known = {"thresholds_didt_A_per_s": {"rMT": 60e6}, "with_calibration": True}
    (block,) = run(plan(), small_head(), options=options(**known)).coil.blocks
    (unit,) = unit_run().coil.blocks
    assert block.calibration.ratio == pytest.approx(unit.calibration.ratio, rel=1e-9)
    assert block.calibration.hand_at_threshold_V_per_m == pytest.approx(60 * unit.calibration.hand.value_V_per_m)
    at_target = block.calibration.target_at_threshold_V_per_m
    assert 1.2 * at_target == pytest.approx(block.maps[0].at_target.mean_V_per_m)


def test_a_head_without_mni_space_has_no_hand_area():
    head = attrs.evolve(small_head(), mni_from_head=None)
    tree = plan(placement={"method": None, "site": "C3", "handle": {"from_midline_deg": 45}})
    with pytest.raises(InputError, match="has no MNI space, by which the hand area is found"):
        run(tree, head, options=options(with_calibration=True))


def test_the_handle_that_is_assumed_points_backwards_and_outwards_on_its_own_side():
    for x_mm, degrees in ((-30, 45), (30, -45), (0, 0)):
        tree = plan(placement={"method": None, "mni_mm": [x_mm, 0, 55]})
        (one,) = place_coils(read_protocol(tree), small_head(), CoilOptions(coil=COIL)).blocks
        assert one.is_handle_assumed
        from stimplan.pose import handle_angle_rad

        assert np.degrees(handle_angle_rad(small_head(), one.pose)) == pytest.approx(degrees, abs=1e-6)


@pytest.mark.slow
def test_blocks_at_one_pose_share_a_field_and_others_have_their_own(tmp_path):
    tree = plan()
    first = tree["stimulation"]["blocks"][0]
    other = json.loads(json.dumps(first)) | {"placement": {"method": None, "mni_mm": [30, 30, 45]}, "label": "right"}
    tree["stimulation"]["blocks"] = [first | {"label": "left", "gap_s": 60}, first | {"label": "left again"}, other]
    tree["stimulation"]["blocks"][1]["gap_s"] = 60
    tree.pop("published_totals", None)
    result = run(tree, small_head(), out=tmp_path, options=options(didt_A_per_s=70e6))
    left, again, right = result.coil.blocks
    assert again.field.digest == left.field.digest != right.field.digest
    assert right.maps[0].at_target is None or right.label == "right"
    assert {"field.nii.gz", "block3_field.nii.gz", "block3_field.vtu"} <= set(result.files)
    assert "block2_field.vtu" not in result.files
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "left again" in page and "right" in page


def test_the_record_holds_the_coil_and_the_checker_reads_it_again():
    result = unit_run()
    record = json.loads(json.dumps(result.record()))
    assert record["montage"] is None and record["coil"]["chosen"] == "run"
    (block,) = record["coil"]["blocks"]
    assert block["drive"]["basis"] == "unit" and block["pose"]["is_handle_assumed"]
    assert block["spread"]["figures"]["target"]["mean"]["value_V_per_m"] > 0
    simulated = read_simulated(record)
    assert simulated.head_positions_m["block 1"] == pytest.approx(result.coil.blocks[0].pose.center_m)
    assert check(result.protocol, field=simulated).verdict == result.report.verdict


def test_a_field_is_scaled_only_at_its_own_pose():
    (block,) = unit_run().coil.blocks
    moved = attrs.evolve(block.placement, pose_m=block.pose.lifted(0.01).matrix_m)
    with pytest.raises(InputError, match="the same coil at the same pose only"):
        scaled_field(block.field, moved)


def test_a_stand_in_coil_is_told_and_brings_no_rate_of_its_own():
    result = run(plan(), small_head(), options=options(coil=None, thresholds_fraction={"rMT": 0.5}))
    assert result.coil.chosen == "stand-in"
    assert result.coil.blocks[0].drive.basis == "unit"  # its rate at 100 % is another coil's
    assert result.coil.stand_in.is_near
    assert any("STAND-IN COIL" in sentence and "same maker's" in sentence for sentence in result.report.not_judged)


def named(**coil):
    """The plan with another coil in its protocol."""
    tree = plan()
    tree["stimulation"]["coil"] = {"family": "figure-8", "model": None, **coil}
    return tree


@pytest.mark.parametrize(
    ("coil", "taken", "distance", "told"),
    [
        ({}, "figure8-70mm-9-turns", "no model", "the protocol does not say which figure-8 coil was used"),
        ({"manufacturer": "Magstim"}, "magstim-70mm-figure8", "no model", "which figure-8 coil of Magstim was used"),
        ({"manufacturer": "Neuronetics", "model": "NeuroStar"}, "figure8-70mm-9-turns", "no windings", "iron core"),
        ({"model": "my own"}, "figure8-70mm-9-turns", "no windings", "windings of “my own” are not in the catalogue"),
        (
            {"family": "H-coil", "manufacturer": "BrainsWay", "model": "H7"},
            "h-coil-principle",
            "no windings",
            "none of",
        ),
    ],
)
def test_how_far_a_stand_in_is_from_the_coil_of_the_protocol_is_said_everywhere(coil, taken, distance, told):
    from stimplan.report import render
    from stimplan.report.methods import simulation_text
    from stimplan.terminal import show_run

    person = healthy("tass")
    chosen = attrs.evolve(options(coil=None, thresholds_fraction={"rMT": 0.5}), subject=person)
    result = run(named(**coil), small_head(), options=chosen)
    assert (result.coil.stand_in.entry.id, result.coil.stand_in.distance) == (taken, distance)
    assert result.coil.blocks[0].drive.basis == "unit"  # a threshold in % of the output says nothing without its rate
    record = json.loads(json.dumps(result.record()))
    assert record["coil"]["stand_in"]["distance"] == distance and told in record["coil"]["stand_in"]["sentence"]
    page = render(record, {})
    caution = page[page.index("Stand-in coil, not the coil of the protocol.") :][:1500]
    assert "is not used" in caution and f"No figure of the field here is that of {person.id}" in caution
    lines = " ".join(" ".join(show_run(result, None)).split())
    assert "A principle, no product." not in page  # the stand-in's sentence says more
    assert lines.count(told) == 2  # beside the coil, and among what no rule judges
    assert f"No figure of the field here is that of {person.id}" in lines
    assert told.removeprefix("the ") in simulation_text(record)
    assert record["coil"]["stand_in"]["short"] in read_simulated(record).told[0]


def test_a_coil_given_for_the_run_goes_before_a_stand_in_and_a_family_without_any_is_refused():
    assert run(named(), small_head(), options=options()).coil.stand_in is None
    with pytest.raises(CoilError, match="missing: the model of the cap coil"):
        run(named(family="cap"), small_head(), options=options(coil=None))


def test_what_the_rules_ask_about_the_coil_is_answered_by_the_protocols_own_and_not_by_its_stand_in():
    result = run(named(family="H-coil", manufacturer="BrainsWay", model="H7"), small_head(), options=options(coil=None))
    assert "is_h_coil" not in result.quantities
    assert {f.rule_id: f.status for f in result.report.findings}["TMS-HCOIL"] == "warn"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--coil", "figure8-70mm-9-turn"], "did you mean 'figure8-70mm-9-turns'"),
        (["--coil", "not-there.ccd"], "there is no such file"),
        (["--threshold-mso", "rmt=40"], "there is no threshold 'rmt'"),
        (["--threshold-mso", "120"], "at most 100 %"),
        (["--threshold-mso", "nan"], "finite number above 0"),
        (["--threshold-didt", "rMT=40", "--threshold-mso", "45"], "leave one of the two out"),
        (["--threshold-mso", "45", "--threshold-mso", "rMT=50"], "is given twice"),
        (["--didt-a-per-us", "-3"], "must be a finite number above 0"),
        (["--max-didt-a-per-us", "inf"], "must be a finite number above 0"),
        (["--max-didt-a-per-us", "1e9"], "amperes per second?"),
        (["--didt-a-per-us", "1e300"], "at most 500 A/µs"),
        (["--threshold-didt", "5e7"], "rMT=50000000 A/µs is implausible"),
        (["--threshold-pulse", "biphasic"], "give the threshold too"),
        (["--stimulator", " "], "is empty; name the stimulator"),
        (["--handle-deg", "700"], "within ±360"),
    ],
)
def test_bad_options_of_a_coil_are_named(given, told, tmp_path, capsys):
    assert cli(["run", "three-d-itbs", "--edge-mm", "teaching", "--out", str(tmp_path / "out"), *given]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_names_of_thresholds_in_the_help_are_those_of_the_program():
    from stimplan.coil.intensity import THRESHOLDS
    from stimplan.commands.coil_options import THRESHOLD_NAMES

    assert THRESHOLD_NAMES == THRESHOLDS


def test_a_sheared_pose_of_a_protocol_is_refused():
    rows = [[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, -1, 95], [0, 0, 0, 1]]
    tree = plan(placement={"method": None, "pose_mm": rows})
    with pytest.raises(InputError, match="must be perpendicular unit vectors"):
        run(tree, small_head(), options=options())


def test_the_page_says_for_which_rate_a_field_is_drawn_and_the_methods_say_where_the_coil_was():
    from stimplan.report import render
    from stimplan.report.methods import simulation_text

    record = unit_run().record()
    page = render(record, {"field_surface.png": b"x", "coil.png": b"x", "session.png": b"x"})
    assert "on the surface of the grey matter. For 1 A/µs." in page
    assert "Assumed handle." in page and "From the motor threshold to the target" in page
    assert "Mayka" in page and "over 14 other placements" in page
    methods = simulation_text(record)
    assert "its handle at 45° from the midline, positive to the left (assumed; the protocol does not say)" in methods
    assert "not for 120% of rMT" in methods and "14 placements" in methods


def test_the_sign_off_takes_the_coil_and_its_field_from_the_folder_of_a_run(tmp_path):
    from stimplan.commands.signoff import read_result
    from stimplan.signoff.record import _simulation

    known = {"thresholds_fraction": {"rMT": 0.5}, "max_didt_A_per_s": 1.5e8}
    run(plan(), small_head(), out=tmp_path, options=options(**known))
    (told, *numbers) = _simulation(read_result(tmp_path))["lines"]
    assert told.startswith("block 1: Figure-8 of 2 x 9 turns, radii 28 to 44 mm, chosen for the run")
    assert "60% of the output × 150 A/µs" in told and "Mean |E| at the target" in told
    assert "output fraction of block 1: 0.6" in " ".join(numbers)


@pytest.mark.slow
def test_every_protocol_of_the_library_with_a_coil_is_placed_and_says_what_stands_in_for_it():
    from stimplan.head import load_head
    from stimplan.protocol.library import library_ids

    head = load_head("colin27", edge_mm="teaching")
    plans = [one for one in map(read_protocol, library_ids()) if one.magnetic is not None]
    assert len(plans) >= 56
    found = {one.id: place_coils(one, head, CoilOptions()) for one in plans}
    for one in found.values():
        assert all(np.isfinite(block.pose.matrix_m).all() for block in one.blocks)
        assert (one.chosen == "stand-in") == (one.stand_in is not None)
        assert one.stand_in is None or one.coil.max_didt_A_per_s is None
    distances = {name: None if one.stand_in is None else one.stand_in.distance for name, one in found.items()}
    assert {name for name, far in distances.items() if far is None} >= {
        "huang-2005-itbs",
        "pas25",
        "koch-2022-ad-precuneus",
    }
    assert distances["three-d-itbs"] == distances["saint"] == "near model"
    assert distances["amiaz-2009-smoking"] == distances["qps"] == distances["kujirai-1993-sici"] == "no model"
    assert distances["oreardon-2007-10hz"] == distances["carmi-2019-h7-ocd"] == "no windings"


@pytest.mark.parametrize(
    "name", ["oreardon-2007-10hz", "carmi-2019-h7-ocd", "benito-2012-sci-gait", "cantello-2007-epilepsy"]
)
def test_protocols_whose_coil_is_not_in_the_catalogue_are_simulated_with_its_stand_in(name):
    chosen = RunOptions(with_figures=False, even_if_stopped=True, coil=CoilOptions(with_spread=False))
    result = run(name, small_head(), options=chosen)
    assert result.coil.chosen == "stand-in"
    assert result.metrics.p999_V_per_m > 0.1


def test_the_hand_area_is_compared_with_as_much_tissue_at_the_target():
    wide = plan(target={"label": "a place", "mni_mm": [-30, 30, 45], "radius_mm": 15})
    (block,) = run(wide, small_head(), options=options(with_calibration=True)).coil.blocks
    (unit,) = unit_run().coil.blocks
    assert block.maps[0].at_target.volume_m3 > 2 * unit.maps[0].at_target.volume_m3
    assert block.calibration.ratio == pytest.approx(unit.calibration.ratio, rel=1e-9)


def test_a_block_at_the_pose_of_another_is_as_sure_in_proportion():
    from stimplan.runs.magnetic import judged_as

    (block,) = unit_run().coil.blocks
    double = attrs.evolve(block, drive=attrs.evolve(block.drive, didt_A_per_s=2e6), spread=None)
    found = judged_as(double, block)
    assert found.spread.figures["target"]["mean"].high_V_per_m == pytest.approx(
        2 * block.spread.figures["target"]["mean"].high_V_per_m
    )
    assert found.handle_range.low_V_per_m == pytest.approx(2 * block.handle_range.low_V_per_m)
    assert found.spread.low["cortex"]["mean_in_V_per_m"] == 2 * block.spread.low["cortex"]["mean_in_V_per_m"]
    assert found.spread.high["focality"]["volume_m3"] == block.spread.high["focality"]["volume_m3"]


def test_the_coil_file_of_a_protocol_is_looked_for_beside_it(tmp_path):
    from stimplan.coil import catalogue_coil, write_coil

    write_coil(catalogue_coil(COIL, kind="dipoles", elements=2), tmp_path / "mine.ccd")
    tree = plan()
    tree["stimulation"]["coil"] = {"family": "figure-8", "model": None, "file": "mine.ccd"}
    (tmp_path / "plan.json").write_text(json.dumps(tree), encoding="utf-8")
    result = run(tmp_path / "plan.json", small_head(), options=options(coil=None))
    assert result.coil.chosen == "protocol" and result.coil.coil.provenance["file"] == "mine.ccd"
    (tmp_path / "mine.ccd").unlink()
    with pytest.raises(CoilError, match=r"mine\.ccd: there is no such file"):
        run(tmp_path / "plan.json", small_head(), options=options(coil=None))


def test_pulses_with_intensities_of_their_own_are_told():
    tree = plan()
    tree["stimulation"]["blocks"][0]["timing"]["stimulus"] = {
        "pulses": 2, "intervals_ms": [3], "relative_intensities_percent": [80, 100]
    }  # fmt: skip
    tree["stimulation"]["blocks"][0]["timing"]["patterns"] = [{"count": 10, "interval_s": 5}]
    tree.pop("published_totals", None)
    result = run(tree, small_head(), options=options())
    assert any("the pulses have 0.8, 1 times that field" in sentence for sentence in result.report.not_judged)
