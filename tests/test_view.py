"""The scenes, judged by their data: what is in them, in which colour, on which scale."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest
from runs import small_head, small_run

from stimplan.errors import InputError
from stimplan.montage import Circle, Rectangle, Ring
from stimplan.roi import measure
from stimplan.view import (
    plot_montage,
    plot_scalp_potential,
    plot_slices,
    plot_surface_field,
    scene_montage,
    scene_surface_field,
    write_png,
)
from stimplan.view.montage import best_views, spread
from stimplan.view.pads import outline_distance_m, pad_mesh
from stimplan.view.paper import ANODE, CATHODE, current_text, png_bytes
from stimplan.view.scene import VIEWS, half_height_m, shoot
from stimplan.view.slices import _sample
from stimplan.view.topomap import flat_positions, site_potentials_V, ten_ten_sites


@pytest.fixture
def montage_scene():
    plotter = scene_montage(small_run().placement, size=(200, 200))
    yield plotter
    plotter.close()


@pytest.fixture
def field_scene():
    plotter = scene_surface_field(small_run().field, size=(200, 200))
    yield plotter
    plotter.close()


def test_the_montage_has_one_body_for_each_electrode_coloured_by_its_sign(montage_scene):
    bodies = {name: actor for name, actor in montage_scene.actors.items() if name.startswith("electrode: ")}
    assert set(bodies) == {"electrode: F3", "electrode: F4"}
    assert bodies["electrode: F3"].prop.color.hex_rgb == ANODE
    assert bodies["electrode: F4"].prop.color.hex_rgb == CATHODE


def test_the_montage_shows_the_whole_scalp_and_the_ten_twenty_sites(montage_scene):
    head = small_head()
    scalp = montage_scene.actors["scalp"].mapper.dataset
    assert scalp.n_cells == len(head.scalp)
    np.testing.assert_allclose(scalp.bounds[1], head.nodes_m[:, 0].max())
    assert "landmarks" in montage_scene.actors


def test_turning_the_camera_turns_the_picture(montage_scene):
    points = small_head().nodes_m
    size = half_height_m(points, ["left", "front left"], 1.2)
    shots = [
        shoot(montage_scene, VIEWS[name], points_m=points, half_height=size).image for name in ("left", "front left")
    ]
    assert np.abs(shots[0].astype(int) - shots[1]).max() > 50


def test_a_position_is_found_in_the_picture_where_it_was_drawn(montage_scene):
    placement, points = small_run().placement, small_head().nodes_m
    shot = shoot(montage_scene, VIEWS["front left"], points_m=points, half_height=half_height_m(points, ["left"], 1.2))
    column, row = np.rint(shot.pixel(placement.electrodes[0].center_m)).astype(int)
    red, green, blue = shot.image[row, column].astype(int)
    assert red > 1.5 * green and red > 1.5 * blue


@pytest.mark.parametrize(
    ("shape", "area_m2"),
    [
        (Circle(0.03), math.pi * 0.015**2),
        (Rectangle(0.05, 0.03, rotation_rad=0.4), 0.05 * 0.03),
        (Ring(0.01, 0.03), math.pi * (0.015**2 - 0.005**2)),
    ],
)
def test_the_drawn_outline_has_the_electrodes_area(shape, area_m2):
    from spheres import montage

    from stimplan.montage import Electrode, Layer
    from stimplan.placement import place

    electrode = Electrode("F3", shape, (Layer("saline_sponge", 0.005),), 1e-3)
    (patch,) = place(montage(electrode), small_head()).electrodes
    body = pad_mesh(small_head(), patch)
    faces = body.compute_normals(point_normals=False, auto_orient_normals=False, consistent_normals=False)
    is_top = (faces.cell_data["Normals"] @ patch.normal > 0.7) & (
        (body.cell_centers().points - patch.center_m) @ patch.normal > -0.006
    )
    drawn = body.compute_cell_sizes(length=False, volume=False).cell_data["Area"][is_top].sum()
    assert drawn == pytest.approx(area_m2, rel=0.2)  # the top of a raised body on a curved head is larger
    assert body.is_manifold


def test_the_outline_of_a_ring_has_a_hole():
    distance = outline_distance_m(Ring(0.01, 0.03), np.array([0.0, 0.01, 0.02]), np.zeros(3))
    assert (distance > 0).tolist() == [True, False, True]


def test_an_unknown_shape_has_no_outline():
    with pytest.raises(TypeError, match="no outline for str"):
        outline_distance_m("square", np.zeros(1), np.zeros(1))


def test_the_views_chosen_show_every_electrode():
    patches = small_run().placement.electrodes
    for patch in patches:
        assert max(np.dot(patch.normal, VIEWS[name]) for name in best_views(small_run().placement)) > 0.3


def test_labels_keep_their_distance_and_stay_in_the_picture():
    assert spread([10, 11, 12], gap=5, low=0, high=100) == [10, 15, 20]
    assert spread([98, 99], gap=5, low=0, high=100) == [95, 100]
    assert spread([], gap=5, low=0, high=100) == []


def test_every_electrode_is_labelled_with_its_site_and_current():
    figure = plot_montage(small_run().placement)
    words = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"F3\n+2 mA", "F4\n−2 mA"} <= words


def test_left_and_right_are_on_the_side_they_are_on():
    figure = plot_montage(small_run().placement, views=["front", "back"])
    for axes, first, second in ((figure.axes[0], "R", "L"), (figure.axes[1], "L", "R")):
        place = {text.get_text(): text.get_position()[0] for text in axes.texts}
        assert place[first] < place[second]


def test_the_cortex_is_coloured_from_zero_to_the_robust_maximum(field_scene):
    actor = field_scene.actors["cortex"]
    metrics = measure(small_run().field)
    assert actor.mapper.scalar_range == pytest.approx((0.0, metrics.p999_V_per_m))
    values = actor.mapper.dataset.point_data["E_V_per_m"]
    assert np.isfinite(values).all() and values.max() <= 1.5 * metrics.peak_V_per_m


def test_the_field_is_largest_under_the_electrodes(field_scene):
    mesh = field_scene.actors["cortex"].mapper.dataset
    hottest = mesh.points[np.argmax(mesh.point_data["E_V_per_m"])]
    nearest = min(np.linalg.norm(hottest - patch.center_m) for patch in small_run().placement.electrodes)
    assert nearest < 0.05


def test_the_surface_figure_says_its_unit():
    figure = plot_surface_field(small_run().field, views=("left", "top"))
    assert any("V/m" in axes.get_xlabel() for axes in figure.axes)


def test_a_slice_holds_the_field_that_at_gives():
    field = small_run().field
    plane = _sample(field, axis=2, position_m=0.02)
    row, column = int(np.argmin(np.abs(plane.y_m - 0.01))), int(np.argmin(np.abs(plane.x_m + 0.03)))
    mni = np.array([plane.x_m[column], plane.y_m[row], 0.02])
    in_head = mni - small_head().mni_from_head[:3, 3]
    assert plane.magnitude_V_per_m[row, column] == pytest.approx(np.linalg.norm(field.at(in_head)), rel=1e-4)


def test_the_slices_say_where_they_are_and_which_side_is_left():
    figure = plot_slices(small_run().field, cross_m=(-0.038, 0.039, 0.026))
    assert [axes.get_title() for axes in figure.axes[:3]] == [
        "sagittal, x = −38 mm",
        "coronal, y = 39 mm",
        "axial, z = 26 mm",
    ]
    coronal = {text.get_text(): text.get_position()[0] for text in figure.axes[1].texts}
    assert coronal["L"] < coronal["R"]
    assert "MNI" in figure.texts[-1].get_text()


def test_an_electrode_is_drawn_in_the_slice_that_cuts_it_and_in_no_other():
    center = small_run().placement.electrodes[0].center_m + small_head().mni_from_head[:3, 3]
    through = plot_slices(small_run().field, cross_m=center)
    beside = plot_slices(small_run().field, cross_m=(0.0, -0.06, -0.05))

    def bodies(figure):
        return sum(type(c).__name__ == "PolyCollection" for axes in figure.axes[:3] for c in axes.collections)

    assert bodies(through) >= 3 and bodies(beside) == 0


def test_a_plane_beside_the_head_is_drawn_empty():
    plot_slices(small_run().field, cross_m=(0.5, 0.0, 0.0))


def test_the_scalp_map_uses_each_place_of_the_ten_ten_system_once():
    sites = ten_ten_sites(small_head())
    assert {"Fp1", "C3", "P10", "Iz"} <= set(sites) and not {"T3", "T5", "AFF1h", "CCP3h"} & set(sites)
    flat = flat_positions(small_head(), sites)
    assert len(np.unique(flat.round(6), axis=0)) == len(sites)


def test_on_the_scalp_map_left_is_left_and_front_is_up():
    sites = ten_ten_sites(small_head())
    flat = dict(zip(sites, flat_positions(small_head(), sites), strict=True))
    assert flat["T7"][0] < -0.09 < 0.09 < flat["T8"][0]
    assert flat["Fpz"][1] > 0.09 and flat["Oz"][1] < -0.09
    np.testing.assert_allclose(flat["Cz"], 0, atol=1e-3)


def test_the_scalp_map_is_positive_at_the_anode():
    sites = ("F3", "F4", "Oz")
    anode, cathode, far = site_potentials_V(small_run().field, sites)
    assert anode > far > cathode


def test_a_head_without_sites_has_no_scalp_map():
    field = attrs.evolve(small_run().field, head=attrs.evolve(small_head(), sites_m={}))
    with pytest.raises(InputError, match="Cz, Fpz, Oz, T7, T8"):
        plot_scalp_potential(field)


def test_the_scalp_map_is_drawn():
    figure = plot_scalp_potential(small_run().field)
    assert {"L", "R"} <= {text.get_text() for text in figure.axes[0].texts}


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    first, second = (png_bytes(plot_scalp_potential(small_run().field)) for _ in range(2))
    assert first == second and first.startswith(b"\x89PNG")
    write_png(plot_scalp_potential(small_run().field), tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes() == first


def test_no_figure_is_left_with_pyplot():
    from matplotlib import pyplot

    plot_slices(small_run().field, cross_m=(0.0, 0.0, 0.0))
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(("current", "words"), [(0.002, "+2 mA"), (-0.0005, "−0.5 mA"), (0.0, "0 mA")])
def test_a_current_is_said_with_its_sign(current, words):
    assert current_text(current) == words


def test_the_scalp_map_shows_the_whole_head_and_every_site():
    field = small_run().field
    sites = ten_ten_sites(field.head)
    figure = plot_scalp_potential(field)
    axes = figure.axes[0]
    farthest = np.hypot(*flat_positions(field.head, sites).T).max()
    for low, high in (axes.get_xlim(), axes.get_ylim()):
        assert low < -farthest and high > farthest
    left, right, bottom, top = axes.images[0].get_extent()
    outlines = [line for line in axes.lines if len(line.get_xdata()) > 2]  # head, nose, ears
    for line in outlines:
        assert left <= min(line.get_xdata()) and max(line.get_xdata()) <= right
        assert bottom <= min(line.get_ydata()) and max(line.get_ydata()) <= top
