"""The second method against the closed-form answer, the finite elements, and the command that compares them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from spheres import disc, montage

from stimplan.cli import run
from stimplan.errors import InputError
from stimplan.exchange.mne import boundary_elements, cross_check, reciprocal_field, three_layers
from stimplan.exchange.mne.crosscheck import AS_IS, BEM, SAME, THREE, WITH_CSF
from stimplan.exchange.mne.points import compared_points
from stimplan.exchange.mne.remeshed import layered_head, placed_on
from stimplan.fem.compare import mag, rdm
from stimplan.fem.exact import SphereElectrode, disc_half_angle, layered_sphere
from stimplan.field import solve
from stimplan.head import sphere_head
from stimplan.head.cortex import cortex_of
from stimplan.placement import place
from stimplan.protocol import read_protocol

RADII_M = np.array([0.080, 0.086, 0.092])
SIGMA = (0.33, 0.01, 0.465)
CURRENTS_A = (1e-3, -1e-3)


@cache
def three_spheres():
    head = sphere_head(radii_mm=tuple(1e3 * RADII_M), conductivities_S_per_m=SIGMA, edge_mm=6.0)
    return head, place(montage(disc("C3", 1e-3), disc("Fp2", -1e-3)), head, electrode_model="uniform")


@cache
def elements(vertices=642):
    return boundary_elements(three_layers(three_spheres()[0], vertices=vertices))


def shell(depth_m, count=600):
    directions = np.random.default_rng(3).standard_normal((count, 3))
    return (RADII_M[0] - depth_m) * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def exact(points_m):
    electrodes = [
        SphereElectrode(tuple(p.center_m), i, disc_half_angle(0.01, RADII_M[-1]))
        for p, i in zip(three_spheres()[1].electrodes, CURRENTS_A, strict=True)
    ]
    return layered_sphere(points_m, electrodes, radii_m=RADII_M, conductivities_S_per_m=SIGMA)[1]


# With 642 vertices: RDM 0.15 to 0.17, 0.06 and 0.03, MAG 0.91 to 0.93; with 2,562: 0.032, 0.016, 0.008 and 0.97.
@pytest.mark.slow
@pytest.mark.parametrize(("depth_m", "most_rdm"), [(0.005, 0.20), (0.010, 0.08), (0.030, 0.05)])
def test_boundary_elements_come_near_the_exact_field_on_three_spheres(depth_m, most_rdm):
    points = shell(depth_m)
    found = reciprocal_field(elements(), three_spheres()[1], points, currents_A=CURRENTS_A)
    truth = exact(points)
    assert rdm(found, truth) < most_rdm
    assert 0.88 < mag(found, truth) < 1.02


@pytest.mark.slow
def test_more_vertices_bring_them_nearer():
    points = shell(0.010)
    few, more = (
        rdm(reciprocal_field(elements(n), three_spheres()[1], points, currents_A=CURRENTS_A), exact(points))
        for n in (320, 642)
    )
    assert more < 0.75 * few


@pytest.mark.slow
def test_finite_elements_are_nearer_to_it_and_the_two_agree():
    head, placement = three_spheres()
    points = shell(0.010)
    finite = solve(head, placement).at(points)
    boundary = reciprocal_field(elements(), placement, points, currents_A=CURRENTS_A)
    truth = exact(points)
    assert rdm(finite, truth) < 0.005 and abs(mag(finite, truth) - 1) < 0.002
    assert rdm(finite, truth) < rdm(boundary, truth) / 5
    assert rdm(boundary, finite) < 0.07


@pytest.mark.slow
def test_the_reciprocal_field_is_linear_and_has_the_right_sign():
    _, placement = three_spheres()
    points = shell(0.02, 40)
    one = reciprocal_field(elements(), placement, points, currents_A=CURRENTS_A)
    assert np.allclose(reciprocal_field(elements(), placement, points, currents_A=(-2e-3, 2e-3)), -2 * one)
    below = 0.8 * RADII_M[0] * np.asarray(placement.electrodes[0].center_m) / RADII_M[-1]
    at_anode = reciprocal_field(elements(), placement, below, currents_A=CURRENTS_A)[0]
    assert at_anode @ below < 0  # into the head


@pytest.mark.slow
@pytest.mark.parametrize(
    ("points", "currents", "says"),
    [
        (shell(0.02, 5), (1e-3, -2e-3), "sum to zero"),
        (shell(0.02, 5), (1e-3,), "expected 2 finite currents"),
        (shell(0.02, 5), (np.nan, np.nan), "expected 2 finite currents"),
        (shell(-0.004, 5), CURRENTS_A, "5 of 5 points are not inside"),
        (np.array([[np.nan, 0, 0]]), CURRENTS_A, "1 of 1 points are not inside"),
    ],
)
def test_what_cannot_be_computed_is_refused(points, currents, says):
    with pytest.raises(InputError, match=says):
        reciprocal_field(elements(), three_spheres()[1], points, currents_A=currents)


@pytest.mark.slow
def test_the_surfaces_remeshed_are_the_head_again():
    head, placement = three_spheres()
    layers = three_layers(head, vertices=642)
    again = layered_head(layers, head, edge_mm=8.0)
    for label in (1, 2, 3):
        one, other = (model.volumes_m3[model.tissue == label].sum() for model in (head, again))
        assert np.isclose(one, other, rtol=0.03)
    assert [t.conductivity_S_per_m for t in again.tissues] == pytest.approx(list(SIGMA))
    moved = placed_on(again, placement)
    for old, new in zip(placement.electrodes, moved.electrodes, strict=True):
        assert np.linalg.norm(old.center_m - new.center_m) < 1e-3
        assert old.electrode.label == new.electrode.label
    # Every point of this cortex is on the skull, and is moved inwards.
    rows, points, moved_points = compared_points(cortex_of(head), layers.inner_skull, heads=(head, again))
    assert len(rows) == moved_points == len(points)
    assert np.linalg.norm(points, axis=1).max() < RADII_M[0] - 0.0045


@cache
def four_spheres_checked():
    head = sphere_head(radii_mm=(78, 80, 86, 92), conductivities_S_per_m=(0.33, 1.654, 0.01, 0.465), edge_mm=6.0)
    return cross_check(read_protocol("m1-so"), head, vertices=642)


@pytest.mark.slow
def test_a_cross_check_compares_in_a_chain():
    found = four_spheres_checked()
    assert set(found.fields_V_per_m) == {BEM, SAME, THREE, WITH_CSF, AS_IS}
    assert found.between(BEM, SAME).rdm < 0.16
    # The surfaces of a sphere are good ones, and its two finite element meshes agree.
    assert found.between(SAME, THREE).rdm < 0.02 and abs(found.between(SAME, THREE).mag - 1) < 0.015
    # CSF shunts current: three layers have a larger field. No other tissue differs in this head.
    csf, everything = found.between(THREE, WITH_CSF), found.between(THREE, AS_IS)
    assert csf.mag > 1.1 and csf.correlation < 1
    assert everything.mag == pytest.approx(csf.mag, rel=1e-4)
    with pytest.raises(InputError, match="was not compared"):
        found.between(AS_IS, BEM)
    json.dumps(found.as_json(), allow_nan=False)


@pytest.mark.slow
def test_its_figure_shows_every_field_at_one_scale():
    from stimplan.view.crosscheck import best_view, colour_range_V_per_m, plot_cross_check, scene_cross_check
    from stimplan.view.paper import png_bytes

    found = four_spheres_checked()
    low, high = colour_range_V_per_m(found)
    assert low == 0 and high > 0.05
    assert best_view(found) == "front left"  # over C3 and Fp2
    plotter = scene_cross_check(found, BEM)
    mesh = plotter.actors["cortex"].mapper.dataset
    values = np.linalg.norm(found.fields_V_per_m[BEM], axis=1)
    assert np.allclose(np.asarray(mesh["E_V_per_m"])[found.rows], values)
    plotter.close()
    figure = plot_cross_check(found)
    titles = [axes.get_title() for axes in figure.axes]
    assert [title for title in titles if title] == [BEM, SAME, THREE, WITH_CSF, AS_IS]
    assert len(png_bytes(figure)) > 20_000


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["m1-so", "--out", "a.pdf"], "must end in .png"),
        (["m1-so", "--out", "/no/such/folder/a.png"], "there is no folder"),
        (["no-such-protocol"], "no-such-protocol"),
        (["m1-so", "--vertices", "12", "--head", "nobody"], "there is no head 'nobody'"),
    ],
)
def test_the_command_refuses_before_the_long_work(args, says, capsys):
    assert run(["crosscheck", *args]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_prints_a_table_on_the_teaching_head(tmp_path, capsys):
    picture = tmp_path / "crosscheck.png"
    args = ["crosscheck", "m1-so", "--edge-mm", "teaching", "--vertices", "642", "--out", str(picture), "--json"]
    assert run(args) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {(row["field"], row["reference"]): row for row in found["comparisons"]}
    assert rows[BEM, SAME]["rdm"] < 0.2
    assert rows[THREE, WITH_CSF]["mag"] > 1.3 and rows[THREE, WITH_CSF]["rdm"] > 0.15
    assert picture.stat().st_size > 50_000
    assert found["points"]["left_out"] < 0.02 * found["points"]["compared"]
