"""Whole runs of every electric waveform: which map is judged, in which words, and what the files hold."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

import attrs
import nibabel
import numpy as np
import pytest
import pyvista
from pages import Page
from runs import plan, small_head

from stimplan.cli import _parser
from stimplan.commands.run import LOW_HZ, _options, read_direction
from stimplan.errors import InputError
from stimplan.exchange import grid_around
from stimplan.exchange.fsaverage import AverageSurface, sample_on_surface
from stimplan.exposure import expose, exposure_of
from stimplan.fem.interference import modulation_depth_along, peak_field
from stimplan.field import solve
from stimplan.head import dispersion
from stimplan.head.cortex import cortex_of
from stimplan.maps import along_cortex
from stimplan.peaks import voltages
from stimplan.pipeline import RunOptions, run
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.protocol.dose import NOISE_99_PERCENT_SIGMAS
from stimplan.report import outputs
from stimplan.report.drawings import draw_figures
from stimplan.roi import measure_map
from stimplan.terminal import show_run
from stimplan.view import plot_carriers, plot_cycle, plot_phase, plot_scalp_potential
from stimplan.view.drawable import drawable_of
from stimplan.view.paper import electrode_text, shown_currents_A
from stimplan.view.surface import scene_cortex

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "protocols"
TWO_PAIRS, FOUR_PAIRS = EXAMPLES / "example-ti-two-pairs.json", EXAMPLES / "example-ti-four-pairs.json"

# protocol, map that is judged, its title, all maps
WAVEFORMS = [
    ("antal-2008-tacs", "Peak |E| of the cycle", ["peak", "rms"]),
    ("terney-2008-trns", "RMS of E", ["rms"]),
    ("marshall-2006-sleep", "Peak |E|", ["peak", "offset", "oscillation"]),
    ("jaberzadeh-2014-tpcs", "|E| during a pulse", ["peak", "rms"]),
    (TWO_PAIRS, "Modulation depth of the envelope", ["envelope", "carrier_peak", "carrier_rms"]),
    (FOUR_PAIRS, "Modulation depth of the envelope", ["envelope", "envelope_slow", "carrier_peak", "carrier_rms"]),
]


@pytest.fixture(autouse=True)
def coarse_volumes(monkeypatch):
    monkeypatch.setattr(outputs, "grid_around", lambda head: grid_around(head, 5e-3))


def tree_of(source):
    return json.loads(dump_protocol(read_protocol(source)))


def three_phases():
    """Three electrodes a third of a cycle apart: the field turns."""
    tree = tree_of("antal-2008-tacs")
    tree.update(id="three-phases", certainty={})
    one = tree["stimulation"]["electrodes"][0]
    one["shape"] = {"type": "circle", "diameter_mm": 30}
    sites = (("F3", 0), ("P3", 120), ("C4", 240))
    tree["stimulation"]["electrodes"] = [{**one, "site": site, "phase_deg": phase} for site, phase in sites]
    return tree


@cache
def ran(source, **options):
    return run(source, small_head(), options=RunOptions(with_figures=False, **options))


@pytest.mark.parametrize(("source", "title", "ids"), WAVEFORMS, ids=lambda value: getattr(value, "stem", None))
def test_each_waveform_is_judged_by_its_own_map_and_named_in_words(source, title, ids, tmp_path):
    result = run(source, small_head(), out=tmp_path, options=RunOptions(with_figures=False))
    record = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert [one.id for one in result.maps] == ids
    assert record["field"]["map"]["title"] == title and record["field"]["maps"][0]["id"] == ids[0]
    assert record["field"]["in_tissue"] == record["field"]["maps"][0]["in_tissue"]
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    text = "\n".join(show_run(result, tmp_path))
    for one in result.maps:
        assert one.title in page and one.meaning in page and f"{one.title} in grey matter" in text
    assert f"{title} in the grey matter" in page
    assert f"of the {title}".lower() in page.lower()  # the error estimate says what it is of
    assert 0 < result.metrics.relative_error_estimate < 0.5
    image = nibabel.load(tmp_path / "field.nii.gz")
    told = image.header.extensions[0].get_content()
    told = told if isinstance(told, str) else bytes(told).decode()
    assert told.splitlines()[0] == f"volume 0: {title}"
    assert len(told.splitlines()) == image.shape[3] == len(record["field"]["volumes"])
    mesh = pyvista.read(tmp_path / "field.vtu")
    for one in result.exposure.maps:
        np.testing.assert_allclose(mesh.cell_data[one.array_name], one.values_V_per_m, rtol=1e-6)
    assert len(mesh.field_data["maps"]) == len(ids)


@pytest.mark.parametrize("source", ["terney-2008-trns", "antal-2008-tacs", TWO_PAIRS])
def test_an_rms_is_never_called_a_peak(source):
    result = ran(source)
    lines = [line for line in show_run(result, Path()) if line.startswith("RMS of E")]
    assert lines and not any("peak" in line.lower() for line in lines)
    assert all(one.array_name.count("rms") == (one.id.endswith("rms")) for one in result.exposure.maps)


def test_volumes_hold_the_map_of_the_fields_at_the_voxels(tmp_path):
    result = run(TWO_PAIRS, small_head(), out=tmp_path, options=RunOptions(with_figures=False))
    image = nibabel.load(tmp_path / "field.nii.gz")
    values = np.asarray(image.dataobj)
    place = np.array([-0.02, 0.015, 0.04])
    index = np.rint(np.linalg.solve(image.affine[:3, :3], 1e3 * place - image.affine[:3, 3])).astype(int)
    in_head = place - small_head().mni_from_head[:3, 3]
    at = {name: field.at(in_head) for name, field in result.exposure.fields.items()}
    maps = {one.id: one for one in result.exposure.maps_from(at)}
    expected = [maps["envelope"].values_V_per_m[0], *maps["envelope"].vectors_V_per_m[0],
                maps["carrier_peak"].values_V_per_m[0], maps["carrier_rms"].values_V_per_m[0]]  # fmt: skip
    np.testing.assert_allclose(values[tuple(index)], expected, rtol=1e-3, atol=1e-6)
    mesh = pyvista.read(tmp_path / "field.vtu")
    assert {"E_2000_Hz_V_per_m", "E_2010_Hz_V_per_m"} <= set(mesh.cell_data)
    assert {"potential_2000_Hz_V", "potential_2010_Hz_V"} <= set(mesh.point_data)


def test_alternating_current_has_the_field_of_its_peak():
    result = ran("antal-2008-tacs")
    direct = solve(result.head, result.placement, currents_A=[0.4e-3, -0.4e-3])
    assert result.metrics.median_V_per_m == pytest.approx(
        measure_map(result.head, direct.magnitude_V_per_m).median_V_per_m
    )
    peak, rms = (one.in_tissue.p99_V_per_m for one in result.maps)
    assert rms == pytest.approx(peak / math.sqrt(2))


def test_noise_has_the_field_of_its_standard_deviation():
    result = ran("terney-2008-trns")
    sigma_A = 0.5e-3 / NOISE_99_PERCENT_SIGMAS
    direct = solve(result.head, result.placement, currents_A=[sigma_A, -sigma_A])
    expected = measure_map(result.head, direct.magnitude_V_per_m).p99_V_per_m
    assert result.metrics.p99_V_per_m == pytest.approx(expected)


# limits


def brain(result):
    return result.head.in_tissue("gray_matter")


def test_limits_see_the_largest_current_density_of_the_cycle():
    result = ran("marshall-2006-sleep")
    inside = brain(result)
    sums = [field.J_A_per_m2[inside] for field in result.exposure.fields.values()]
    both = np.maximum(np.linalg.norm(sums[0] + sums[1], axis=1), np.linalg.norm(sums[0] - sums[1], axis=1))
    assert result.quantities["brain_current_density_max_A_per_m2"] == pytest.approx(both.max())


def test_limits_see_all_carriers_at_once():
    result = ran(TWO_PAIRS)
    inside = brain(result)
    carriers = np.stack([field.J_A_per_m2[inside] for field in result.exposure.fields.values()])
    assert result.quantities["brain_current_density_max_A_per_m2"] == pytest.approx(peak_field(carriers).max())
    assert result.quantities["brain_carrier_field_p999_V_per_m"] > result.maps[0].in_tissue.p999_V_per_m
    found = {one.rule_id: one.status for one in result.report.findings}
    assert found["TI-CARRIER"] == "pass" and found["TI-T"] == "unknown"  # heating is not computed


def test_gaussian_noise_has_no_largest_current_density_and_the_report_says_so():
    result = ran("terney-2008-trns")
    assert set(result.quantities) == {
        "brain_current_density_rms_p999_A_per_m2",
        "brain_current_density_rms_max_A_per_m2",
    }
    assert any("Gaussian noise has none" in sentence for sentence in result.report.not_judged)
    tree = tree_of("terney-2008-trns")
    tree["stimulation"]["waveform"]["distribution"] = "uniform"
    uniform = run(tree, small_head(), options=RunOptions(with_figures=False))
    peak = uniform.exposure.map_named("peak").values_V_per_m
    np.testing.assert_allclose(peak, math.sqrt(3) * uniform.exposure.main.values_V_per_m)
    assert uniform.quantities["brain_current_density_p999_A_per_m2"] > 0
    assert not any("Gaussian" in sentence for sentence in uniform.report.not_judged)


# voltages


def test_the_stimulator_must_supply_the_peak():
    result = ran("antal-2008-tacs")
    direct = solve(result.head, result.placement, currents_A=[0.4e-3, -0.4e-3]).electrode_potential_V
    assert result.voltages.meaning == "peak"
    assert result.voltages.supply_V == pytest.approx(direct[0] - direct[1], rel=1e-5)
    assert result.record()["montage"]["potential_is"] == "peak"


def test_currents_a_third_of_a_cycle_apart_need_the_largest_difference_of_the_cycle():
    result = run(three_phases(), small_head(), options=RunOptions(with_figures=False))
    phasor = [f.electrode_potential_V for f in result.exposure.fields.values()]
    phasor = phasor[0] + 1j * phasor[1]
    moments = [(phasor * np.exp(1j * turn)).real for turn in np.linspace(0, np.pi, 2001)]
    assert result.voltages.supply_V == pytest.approx(max(np.ptp(one) for one in moments), rel=1e-4)


def test_the_source_of_a_channel_supplies_its_own_pair_with_the_others_carriers_on_top():
    result = ran(TWO_PAIRS)
    one, two = (field.electrode_potential_V for field in result.exposure.fields.values())
    pairs = [abs(one[a] - one[b]) + abs(two[a] - two[b]) for a, b in ((0, 1), (2, 3))]
    assert voltages(result.exposure).supply_V == pytest.approx(max(pairs))


def test_noise_has_an_rms_voltage_only():
    result = ran("terney-2008-trns")
    assert result.voltages.meaning == "RMS"


# directions


def test_the_depth_along_a_direction_is_the_closed_form():
    result = ran(FOUR_PAIRS, along=(0.0, 1.0, 2.0))
    fields = np.stack([field.E_V_per_m for field in result.exposure.fields.values()])
    expected = modulation_depth_along(fields, [0, 1, 2])
    assert result.along.in_tissue.p99_V_per_m == pytest.approx(measure_map(result.head, expected).p99_V_per_m)
    assert result.along.in_tissue.p99_V_per_m < result.metrics.p99_V_per_m
    assert "head coordinates" in result.along.direction


def test_the_depth_along_the_cortical_normal_is_that_of_the_recovered_fields():
    result = ran(TWO_PAIRS, along="normal")
    cortex, values = cortex_of(result.head), along_cortex(result.exposure)
    fields = np.stack([f.recovered_V_per_m(cortex.tissue)[cortex.nodes] for f in result.exposure.fields.values()])
    np.testing.assert_allclose(values, modulation_depth_along(fields, cortex.normals), rtol=1e-9, atol=1e-12)
    assert result.along.on_cortex.n_points == len(cortex.nodes)
    assert result.along.on_cortex.peak_V_per_m == pytest.approx(values.max())
    assert "inward normal" in "\n".join(show_run(result, Path()))


def test_a_direct_current_keeps_the_sign_of_its_component():
    result = run(plan(), small_head(), options=RunOptions(with_figures=False, along="normal"))
    signed = along_cortex(result.exposure)
    assert signed.min() < 0 < signed.max()
    assert result.along.on_cortex.peak_V_per_m == pytest.approx(signed[np.argmax(np.abs(signed))])


@pytest.mark.parametrize("along", ["tangent", (0.0, 0.0, 0.0), (0.0, math.nan, 1.0), (1.0, 2.0)])
def test_what_is_no_direction_is_refused(along):
    with pytest.raises(InputError, match="direction"):
        run(TWO_PAIRS, small_head(), options=RunOptions(with_figures=False, along=along))


def test_the_average_surface_gets_the_depth_and_not_one_carrier():
    result, head = ran(TWO_PAIRS), small_head()
    middle = np.tile([[0.0, 0.0, 0.01]], (3, 1)) + 0.02 * np.eye(3)
    surface = AverageSurface(
        "x", {"lh": middle, "rh": middle}, {"lh": np.zeros((0, 3), int), "rh": np.zeros((0, 3), int)}
    )
    sampled = sample_on_surface(result.exposure, surface)["lh"]
    at = surface.mni_m("lh") - head.mni_from_head[:3, 3]
    maps = result.exposure.maps_from({name: field.at(at) for name, field in result.exposure.fields.items()})
    np.testing.assert_allclose(sampled.magnitude_V_per_m, maps[0].values_V_per_m, rtol=1e-6)


# frequencies


def test_each_frequency_is_judged_and_both_edges_of_a_band():
    assert [one.frequency_Hz for one in ran("terney-2008-trns").frequencies] == [100.0, 640.0]
    assert [one.frequency_Hz for one in ran(TWO_PAIRS).frequencies] == [2000.0, 2010.0]
    assert ran("select-tdcs", even_if_stopped=True).frequencies == ()


def test_the_report_says_how_large_the_displacement_current_is(tmp_path):
    run("antal-2008-tacs", small_head(), out=tmp_path, options=RunOptions(with_figures=False))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "Whether a static field holds" in page and "displacement current is at most" in page
    assert "not to be trusted" in page


def test_conductivities_grow_to_the_frequency_where_asked():
    grown = ran(TWO_PAIRS, conductivities_at_frequency=True)
    (gray, scalp) = grown.head.tissues
    growth = dispersion.dispersions()["gray_matter"].growth(2005.0)
    assert gray.conductivity_S_per_m == pytest.approx(0.275 * growth) and scalp.conductivity_S_per_m == 0.465
    assert grown.metrics.median_V_per_m < ran(TWO_PAIRS).metrics.median_V_per_m
    assert "from 1000 to 2005 Hz" in grown.record()["head"]["tissues"][0]["source"]


def test_a_direct_current_has_no_frequency_to_grow_to(monkeypatch):
    monkeypatch.setattr("stimplan.head.prepare.load_head", lambda *_, **__: pytest.fail("the head was loaded"))
    with pytest.raises(InputError, match="no frequency"):
        run(plan(), options=RunOptions(conductivities_at_frequency=True))


# refusals


def test_a_current_whose_size_is_not_reported_is_refused_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setattr("stimplan.head.prepare.load_head", lambda *_, **__: pytest.fail("the head was loaded"))
    with pytest.raises(InputError, match="size of the field is unknown") as error:
        run("zhou-2022-alzheimers", out=tmp_path / "out", options=RunOptions(even_if_stopped=True))
    assert "amplitude_convention" in str(error.value) and len(error.value.problems) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("carriers", [[2000, 2000], [1000 + 10 * k for k in range(9)]])
def test_carriers_that_make_no_envelope_or_too_many_are_refused_at_once(carriers, monkeypatch):
    monkeypatch.setattr("stimplan.head.prepare.load_head", lambda *_, **__: pytest.fail("the head was loaded"))
    tree = tree_of(TWO_PAIRS)
    pair = tree["stimulation"]["electrodes"][:2]
    sites = [("Fp1", "O1"), ("Fp2", "O2"), ("F3", "P3"), ("F4", "P4"), ("C3", "T7"), ("C4", "T8"), ("F7", "P7"),
             ("F8", "P8"), ("Fz", "Pz")]  # fmt: skip
    tree["stimulation"]["electrodes"] = [
        {**one, "site": site, "channel": k + 1}
        for k in range(len(carriers))
        for one, site in zip(pair, sites[k], strict=True)
    ]
    tree["stimulation"]["waveform"]["carriers_Hz"] = carriers
    with pytest.raises(InputError, match="carrier"):
        run(read_protocol(tree))


# pictures


@pytest.mark.slow
def test_the_pictures_of_temporal_interference_show_carriers_and_envelope(tmp_path):
    result = run(TWO_PAIRS, small_head(), out=tmp_path)
    assert {"field_carriers.png", "field_surface.png", "field_slices.png"} <= set(result.files)
    assert "field_cycle.png" not in result.files
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Modulation depth of the envelope on the surface of the grey matter." in page


@pytest.mark.slow
def test_the_pictures_of_an_alternating_current_show_its_cycle_and_phases():
    result = run(three_phases(), small_head(), options=RunOptions(with_figures=False))
    drawn = draw_figures(drawable_of(result), lambda *_: None)
    assert {"field_phase.png", "field_cycle.png"} <= set(drawn) and "field_carriers.png" not in drawn


def test_a_strip_of_moments_is_on_one_scale_and_half_a_cycle_later_all_is_turned_round():
    exposure = ran("antal-2008-tacs").exposure
    figure = plot_cycle(exposure, moments=2, views=("left",))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["0°", "180°"]
    assert "V/m" in figure.axes[-1].get_xlabel()


def test_phases_are_drawn_without_a_seam_where_they_come_round():
    head = small_head()
    phase = np.mod(head.nodes_m[:, 0] / 0.07 * np.pi, np.pi)
    plotter = scene_cortex(head, np.exp(2j * phase), limits=(0.0, 180.0), cmap="twilight", size=(60, 60))
    drawn = plotter.actors["cortex"].mapper.dataset
    plotter.close()
    corners = drawn.points[drawn.regular_faces][:, :, 0] / 0.07 * 180
    turned = np.abs(np.mod(drawn.cell_data["E_V_per_m"] - corners.mean(axis=1) + 90, 180) - 90)
    assert turned.max() < 5  # an average of 1 and 179 degrees would be 90 degrees away


def test_the_figure_of_carriers_has_one_column_each_and_one_for_the_envelope():
    figure = plot_carriers(ran(TWO_PAIRS).exposure, views=("top",))
    assert [axes.get_title() for axes in figure.axes[:3]] == ["2000 Hz, |E|", "2010 Hz, |E|", "modulation depth"]
    assert ["V/m" in axes.get_xlabel() for axes in figure.axes[3:]] == [True, True]


@pytest.mark.parametrize("plot", [plot_cycle, plot_phase, plot_carriers])
def test_a_field_that_does_not_swing_has_no_such_picture(plot):
    with pytest.raises(InputError, match="only"):
        plot(exposure_of(ran(TWO_PAIRS).field))


def test_an_electrode_has_the_colour_of_its_current_when_the_largest_peaks():
    electrodes = [patch.electrode for patch in ran("antal-2008-tacs").placement.electrodes]
    assert shown_currents_A(electrodes) == pytest.approx([0.4e-3, -0.4e-3])
    later = [attrs.evolve(one, phase_rad=one.phase_rad + 1.0) for one in electrodes]
    assert shown_currents_A(later) == pytest.approx([0.4e-3, -0.4e-3])
    quarter = [electrodes[0], attrs.evolve(electrodes[1], phase_rad=math.pi / 2)]
    assert shown_currents_A(quarter)[1] == 0.0
    assert electrode_text(electrodes[1]) == "0.4 mA\nphase 180°"
    third = ran(TWO_PAIRS).placement.electrodes[1].electrode
    assert electrode_text(third) == "−1 mA\nchannel 1"


@pytest.mark.parametrize(
    ("source", "words"),
    [("antal-2008-tacs", "largest current peaks"), ("marshall-2006-sleep", "upper turn"), (TWO_PAIRS, "all carriers")],
)
def test_the_scalp_map_says_which_moment_it_shows(source, words):
    assert words in plot_scalp_potential(ran(source).exposure).axes[0].get_title()


# the command line


def test_options_of_the_command_line_reach_the_run():
    parse = _parser(["run"]).parse_args
    args = parse(["run", "antal-2008-tacs", "--along", "0,0,1", "--conductivities-at-frequency"])
    options = _options(args, {}, {})
    assert options.along == [0.0, 0.0, 1.0] and options.conductivities_at_frequency
    assert options.conductivities_low_Hz == LOW_HZ == dispersion.LOW_HZ
    low = _options(parse(["run", "x", "--conductivities-at-frequency", "10", "--along", "normal"]), {}, {})
    assert low.conductivities_low_Hz == 10.0 and low.along == "normal"
    assert not _options(parse(["run", "x"]), {}, {}).conductivities_at_frequency


@pytest.mark.parametrize("given", ["up", "1,2", "1,2,x"])
def test_a_direction_that_cannot_be_read_is_refused(given):
    with pytest.raises(InputError, match="neither normal nor three numbers"):
        read_direction(given)


def test_the_examples_of_temporal_interference_say_that_they_are_examples():
    for source in (TWO_PAIRS, FOUR_PAIRS):
        protocol = read_protocol(source)
        assert "not published" in protocol.title and "not published" in protocol.purpose
        assert attrs.evolve(protocol, title="").source is None
    assert len(expose(read_protocol(TWO_PAIRS), ran(TWO_PAIRS).placement).fields) == 2
