"""The figures of a field, judged by their data: what is drawn, with which limits, on which side."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import attrs
import numpy as np
import pytest
from runs import plan, small_head, small_run
from sessions import interference

from stimplan import view
from stimplan.errors import InputError
from stimplan.exposure import expose
from stimplan.fem.interference import modulation_depth
from stimplan.head.cortex import cortex_of
from stimplan.placement import Placement, place
from stimplan.preview import preview
from stimplan.protocol import read_protocol
from stimplan.roi import elements_in, measure_map, patch_roi, sphere_roi, tissue_roi
from stimplan.site_forms import Tape
from stimplan.view import (
    plot_arrows,
    plot_comparison,
    plot_cut,
    plot_difference,
    plot_envelope,
    plot_montage,
    plot_overview,
    plot_streamlines,
    scene_arrows,
    scene_compared,
    scene_cut_plane,
    scene_overview,
    scene_streamlines,
)
from stimplan.view.compare import common_range, difference
from stimplan.view.cut import cut_faces
from stimplan.view.envelope import beating_at
from stimplan.view.flow import arrows_on_cortex, current_lines
from stimplan.view.outline import outline_on_brain
from stimplan.view.paper import ANODE, CATHODE
from stimplan.view.scene import VIEWS, camera_axes
from stimplan.view.sites import plot_sites, visible_sites
from stimplan.view.style import FIELD_CMAP, ROI, signed_cmap

SMALL = (220, 220)
ON_TOP = sphere_roi(mni_mm=(0.0, -5.0, 70.0), radius_mm=20.0)  # MNI lies 5 mm further back than the head
DEEP = sphere_roi(mni_mm=(0.0, -5.0, 0.0), radius_mm=15.0)


@cache
def weaker():
    """The same montage with half the current."""
    tree = plan(id="half")
    for electrode in tree["stimulation"]["electrodes"]:
        electrode["current_mA"] /= 2
    protocol = read_protocol(tree)
    return expose(protocol, place(protocol, small_head()))


@cache
def beating():
    protocol = interference()
    return expose(protocol, place(protocol, small_head()))


def texts(axes):
    return {text.get_text(): text.get_position() for text in axes.texts}


def drawn(plotter, name):
    """The mesh of an actor; pyvista connects it when it is asked for."""
    mapper = plotter.actors[name].mapper
    mapper.Update()
    return mapper.dataset


def bars(figure):
    """Labels of the colour bars."""
    return [axes.get_xlabel() for axes in figure.axes if axes.get_gid() == "colour bar"]


def limits_of(figure):
    return [axes.get_xlim() for axes in figure.axes if axes.get_gid() == "colour bar"]


# --- the glass head


@pytest.fixture
def overview():
    plotter = scene_overview(small_run().exposure, roi=ON_TOP, size=SMALL)
    yield plotter
    plotter.close()


def test_the_overview_shows_glass_cortex_region_and_each_electrode_in_its_colour(overview):
    actors = overview.actors
    assert {"scalp", "cortex", "roi", "electrode: F3", "electrode: F4"} == set(actors)
    assert actors["scalp"].prop.opacity < 0.3 and actors["cortex"].prop.opacity == 1.0
    assert actors["electrode: F3"].prop.color.hex_rgb == ANODE and actors["electrode: F4"].prop.color.hex_rgb == CATHODE
    assert actors["roi"].prop.color.hex_rgb == ROI
    assert actors["cortex"].mapper.scalar_range == pytest.approx((0.0, small_run().metrics.p999_V_per_m))


def test_the_outline_of_a_sphere_lies_on_the_brain_at_its_radius():
    points = outline_on_brain(small_head(), ON_TOP).points
    assert np.linalg.norm(points - [0.0, 0.0, 0.070], axis=1) == pytest.approx(0.020, abs=1.5e-3)
    assert np.linalg.norm(points, axis=1) == pytest.approx(0.070, abs=1e-3)


def test_the_outline_of_a_patch_lies_at_its_radius_along_the_surface():
    points = outline_on_brain(small_head(), patch_roi(position_mm=(0, 0, 70), radius_mm=20)).points
    along = 0.070 * np.arccos(np.clip(points[:, 2] / np.linalg.norm(points, axis=1), -1, 1))
    assert np.median(along) == pytest.approx(0.020, abs=2e-3)


def test_the_outline_of_any_other_region_parts_its_elements_from_the_others():
    whole = outline_on_brain(small_head(), tissue_roi("gray_matter"))
    assert whole.n_cells == 0  # the whole tissue has no rim on its own surface


def test_a_region_that_holds_nothing_is_refused():
    with pytest.raises(InputError, match="holds no tetrahedron"):
        outline_on_brain(small_head(), sphere_roi(mni_mm=(200, 0, 0), radius_mm=5))


@pytest.mark.parametrize(("roi", "drawn", "absent"), [(ON_TOP, "roi", "roi hidden"), (DEEP, "roi hidden", "roi")])
def test_a_region_in_sight_is_outlined_and_one_inside_is_dashed(roi, drawn, absent):
    figure = plot_overview(small_run().exposure, roi=roi, roi_name="a place", views=["top"])
    axes = figure.axes[0]
    gids = {artist.get_gid() for artist in (*axes.collections, *axes.patches)}
    assert drawn in gids and absent not in gids
    assert any("a place" in text.get_text() for text in figure.texts)


def test_the_dashed_region_is_where_it_is_in_the_head():
    axes = plot_overview(small_run().exposure, roi=DEEP, views=["left"]).axes[0]
    (hull,) = (patch for patch in axes.patches if patch.get_gid() == "roi hidden")
    middle = np.mean(axes.get_xlim()), np.mean(axes.get_ylim())
    across = np.ptp(hull.get_xy(), axis=0)
    assert hull.get_xy().mean(axis=0) == pytest.approx(middle, abs=0.05 * axes.get_xlim()[1])
    (bar,) = (line for line in axes.lines if line.get_gid() == "scale bar")
    mm = {t.get_gid(): float(t.get_text().split()[0]) for t in axes.texts if t.get_gid()}["scale bar length"]
    assert across / np.ptp(bar.get_xdata()) * mm == pytest.approx((30, 30), abs=7)  # whole tetrahedra, 8 mm each


def test_the_overview_names_every_electrode_and_says_unit_and_ends():
    figure = plot_overview(small_run().exposure, views=["front", "back"])
    words = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"F3\n+2 mA", "F4\n−2 mA"} <= words
    assert bars(figure) == ["|E|, V/m (to the 99.9th percentile of grey matter)"]
    front, back = figure.axes[:2]
    assert texts(front)["R"][0] < texts(front)["L"][0] and texts(back)["L"][0] < texts(back)["R"][0]


def test_right_in_the_picture_is_the_anatomical_right():
    """The electrode on the person's right ear side must be on the side of the R, from every view that shows it."""
    for side in ("front", "back", "top", "back left"):
        across = camera_axes(VIEWS[side])[0]
        if abs(across[0]) < 0.6:
            continue
        axes = plot_overview(small_run().exposure, views=[side]).axes[0]
        right = texts(axes)["R"][0] - texts(axes)["L"][0]
        assert np.sign(right) == np.sign(across[0]), side  # +x is the person's right
        if side in ("front", "back", "top"):
            tips = {note.get_text()[:2]: note.xy[0] for note in axes.texts if hasattr(note, "xy") and "mA" in
                    note.get_text()}  # fmt: skip
            if {"F3", "F4"} <= set(tips):
                assert np.sign(tips["F4"] - tips["F3"]) == np.sign(right), side


# --- arrows and lines of current


def test_arrows_are_the_recovered_field_at_even_points():
    points, vectors = arrows_on_cortex(small_run().exposure)
    field, cortex = small_run().field, cortex_of(small_head())
    rows = [int(np.argmin(np.linalg.norm(cortex.points_m - point, axis=1))) for point in points[::20]]
    np.testing.assert_allclose(vectors[::20], field.recovered_V_per_m(cortex.tissue)[cortex.nodes[rows]])
    area_m2 = cortex.area_m2.sum()
    assert 0.4 < len(points) * 0.010**2 / area_m2 < 2.0


def test_arrows_point_along_the_field_and_stand_on_the_surface():
    plotter = scene_arrows(small_run().exposure, size=SMALL)
    try:
        arrows = drawn(plotter, "arrows")
        assert np.linalg.norm(arrows.points, axis=1).min() > 0.0685  # the brain's radius is 70 mm, its facets cut in
        limits = plotter.actors["arrows"].mapper.scalar_range
        shown = arrows.point_data["E_V_per_m"]
    finally:
        plotter.close()
    points, vectors = arrows_on_cortex(small_run().exposure)
    assert limits == pytest.approx((0.0, small_run().metrics.p999_V_per_m))
    assert shown.max() == pytest.approx(np.linalg.norm(vectors, axis=1).max())
    assert len(points) == len(vectors)


def test_interference_has_no_one_direction():
    with pytest.raises(InputError, match="each carrier"):
        arrows_on_cortex(beating())


def test_the_arrow_figure_says_what_its_colours_are():
    figure = plot_arrows(small_run().exposure, views=["top"])
    assert bars(figure) == ["|E| of the arrows, V/m (to the 99.9th percentile of grey matter)"]


def test_lines_of_current_run_from_the_anode_to_the_cathode():
    lines = current_lines(small_run().field, count=60)
    anode, cathode = (patch.center_m for patch in small_run().placement.electrodes)
    cells = [lines.get_cell(number).points for number in range(lines.n_cells)]
    starts, ends = np.array([cell[0] for cell in cells]), np.array([cell[-1] for cell in cells])
    assert 50 <= len(cells) <= 62
    assert (np.linalg.norm(starts - anode, axis=1) < 0.042).all()  # half the diagonal of the pad, and its depth
    assert (np.linalg.norm(ends - cathode, axis=1) < 0.045).mean() > 0.9
    assert lines.point_data["J_A_per_m2"].min() >= 0


def test_lines_follow_the_current_density():
    field = small_run().field
    lines = current_lines(field, count=20)
    cell = lines.get_cell(10).points
    middle = (cell[1:] + cell[:-1]) / 2
    step = np.diff(cell, axis=0)
    keep = np.linalg.norm(middle, axis=1) < 0.066  # in the brain, where density and field are parallel
    along = field.at(middle[keep])
    cosine = np.einsum("kd,kd->k", along, step[keep]) / np.linalg.norm(along, axis=1) / np.linalg.norm(
        step[keep], axis=1)  # fmt: skip
    assert np.median(cosine) > 0.97 if keep.any() else len(cell) > 3


def test_a_field_without_electrodes_has_no_lines():
    with pytest.raises(InputError, match="without electrodes"):
        current_lines(attrs.evolve(small_run().field, placement=None))


def test_the_scene_of_lines_is_coloured_by_current_density_between_its_percentiles():
    plotter = scene_streamlines(small_run().field, size=SMALL)
    try:
        assert {"current", "brain", "scalp", "electrode: F3", "electrode: F4"} == set(plotter.actors)
        low, high = plotter.actors["current"].mapper.scalar_range
    finally:
        plotter.close()
    size = current_lines(small_run().field).point_data["J_A_per_m2"]
    assert (low, high) == pytest.approx(tuple(np.percentile(size, (5, 95))), rel=1e-6)
    figure = plot_streamlines(small_run().field, views=["front"])
    assert "A/m²" in bars(figure)[0] and limits_of(figure)[0] == pytest.approx((low, high), rel=1e-6)


# --- the cut


def test_a_cut_lies_in_its_plane_and_holds_the_field_of_the_brain_only():
    faces = cut_faces(small_run().exposure, plane="coronal", at_m=0.01)
    assert faces.points[:, 1] == pytest.approx(0.01, abs=1e-9)
    assert set(np.unique(faces.cell_data["tissue"])) == {1, 2}
    assert faces.area == pytest.approx(np.pi * (0.085**2 - 0.01**2), rel=0.02)
    values = faces.point_data["E_V_per_m"]
    radius = np.linalg.norm(faces.points, axis=1)
    assert np.isfinite(values[radius < 0.06]).all() and np.isnan(values[radius > 0.08]).all()
    inner = np.flatnonzero(radius < 0.06)[::40]
    there = np.linalg.norm(small_run().field.at(faces.points[inner]), axis=1)
    assert values[inner] == pytest.approx(there, rel=0.1)


def test_what_lies_before_the_cut_is_taken_away_or_looked_through():
    plotter = scene_cut_plane(small_run().exposure, plane="sagittal", at_m=0.0, size=SMALL)
    try:
        actors = plotter.actors
        assert {"scalp", "tissues", "field", "electrode: F3", "electrode: F4"} == set(actors)
        assert actors["scalp"].mapper.dataset.bounds[0] >= -1e-9  # the person's left is gone
        assert actors["electrode: F3"].prop.opacity < 0.5 and actors["electrode: F4"].prop.opacity == 1.0
        assert actors["field"].mapper.scalar_range == pytest.approx((0.0, small_run().metrics.p999_V_per_m))
    finally:
        plotter.close()


def test_without_a_position_the_cut_goes_through_the_peak():
    figure = plot_cut(small_run().exposure, plane="axial")
    z_mm = 1e3 * small_run().metrics.peak_position_m[2]
    assert f"z = {z_mm:.0f} mm".replace("-", "−") in figure.axes[0].get_title()


@pytest.mark.parametrize(("plane", "at_m", "words"), [("oblique", 0.0, "one of sagittal"), ("axial", 0.2, "misses")])
def test_a_plane_that_is_none_or_misses_is_refused(plane, at_m, words):
    with pytest.raises(InputError, match=words):
        cut_faces(small_run().exposure, plane=plane, at_m=at_m)


# --- several fields


def test_one_scale_for_all_ends_at_the_highest_percentile():
    span = common_range({"full": small_run().exposure, "half": weaker()})
    assert span.limits == pytest.approx((0.0, small_run().metrics.p999_V_per_m))
    figure = plot_comparison({"full": small_run().exposure, "half": weaker()}, views=["top"])
    assert [axes.get_title() for axes in figure.axes[:2]] == ["full", "half"]
    assert bars(figure) == ["|E|, V/m (to the highest 99.9th percentile of all of them)"]
    assert limits_of(figure)[0] == pytest.approx(span.limits)
    plotter = scene_compared(weaker(), span.limits, size=SMALL)
    try:
        assert plotter.actors["cortex"].mapper.scalar_range == pytest.approx(span.limits)
        shown = drawn(plotter, "cortex").point_data["E_V_per_m"]
    finally:
        plotter.close()
    assert np.nanmax(shown) < 0.6 * span.high * 1.5


def test_previews_are_compared_too():
    one = preview({"F3": 2e-3, "F4": -2e-3})
    plotter = scene_compared(one, (0.0, 0.3), size=SMALL)
    try:
        names = [name for name in plotter.actors if name.startswith("electrode")]
        assert names == ["electrode F3", "electrode F4"]
        assert plotter.actors["electrode F3"].prop.color.hex_rgb == ANODE
        np.testing.assert_allclose(drawn(plotter, "cortex").point_data["E_V_per_m"],
                                   one.magnitude_V_per_m)  # fmt: skip
    finally:
        plotter.close()


def test_what_means_different_things_shares_no_scale():
    with pytest.raises(InputError, match="different quantities"):
        common_range({"tDCS": small_run().exposure, "TI": beating()})
    with pytest.raises(InputError, match="at least one"):
        common_range({})
    with pytest.raises(InputError, match="at most 6"):
        plot_comparison({str(number): small_run().exposure for number in range(7)})


def test_the_difference_is_second_minus_first_on_a_symmetric_scale():
    found = difference(small_run().exposure, weaker(), names=("full", "half"))
    one, other, rest = found.nodal_V_per_m
    inside = np.isfinite(rest)
    np.testing.assert_allclose(rest[inside], other[inside] - one[inside])
    assert rest[inside].max() < 0 and rest[inside] == pytest.approx(-other[inside], rel=1e-3, abs=1e-6)
    size = np.abs(weaker().main.values_V_per_m - small_run().exposure.main.values_V_per_m)
    reach = measure_map(small_head(), size).p999_V_per_m
    assert found.signed.limits == pytest.approx((-reach, reach))
    assert found.span.limits == pytest.approx((0.0, small_run().metrics.p999_V_per_m))


def test_the_difference_is_drawn_in_signed_colours_and_says_which_is_which():
    figure = plot_difference(small_run().exposure, weaker(), names=("full", "half"), views=["top"])
    assert [axes.get_title() for axes in figure.axes[:3]] == ["full", "half", "half − full"]
    common, signed = bars(figure)
    assert signed.startswith("half − full") and "|E|" in common
    assert limits_of(figure)[1][0] == pytest.approx(-limits_of(figure)[1][1])
    assert signed_cmap().name != FIELD_CMAP


def test_a_difference_of_two_heads_is_refused():
    other = attrs.evolve(small_head(), nodes_m=small_head().nodes_m * 1.01)
    protocol = read_protocol(plan())
    with pytest.raises(InputError, match="one mesh"):
        difference(small_run().exposure, expose(protocol, place(protocol, other)))


# --- temporal interference


def test_the_beat_has_the_depth_of_the_map_at_the_same_place():
    exposure, place_m = beating(), (0.0, 0.01, 0.03)
    found = beating_at(exposure, place_m)
    fields = np.array([field.at([place_m]) for field in exposure.fields.values()])
    depth, _ = modulation_depth(fields)
    assert found.depth_V_per_m == pytest.approx(depth[0])
    assert np.ptp(found.envelope_V_per_m) == pytest.approx(depth[0], rel=1e-3)
    assert found.time_s[-1] == pytest.approx(0.1)  # 2000 and 2010 Hz
    assert (np.abs(found.sum_V_per_m) <= found.envelope_V_per_m + 1e-12).all()


def test_the_envelope_is_drawn_as_computed_and_its_depth_is_said():
    exposure = beating()
    figure = plot_envelope(exposure, cross_m=(0.0, 0.005, 0.03), roi=DEEP)
    found = beating_at(exposure, (0.0, 0.01, 0.03))  # 5 mm from MNI to this head
    trace = figure.axes[-1]
    (line,) = (line for line in trace.lines if line.get_gid() == "envelope")
    np.testing.assert_allclose(line.get_ydata(), found.envelope_V_per_m, rtol=1e-6)
    assert any(f"{found.depth_V_per_m:.3g} V/m" in text.get_text() for text in trace.texts)
    assert bars(figure)[0].replace("\n", " ").startswith("Modulation depth of the envelope, V/m")
    assert elements_in(small_head(), DEEP).any()


def test_a_direct_current_has_no_envelope():
    with pytest.raises(InputError, match="temporal interference"):
        plot_envelope(small_run().exposure, cross_m=(0, 0, 0))


# --- labels


def test_no_label_is_cut_or_lies_over_another_however_long_it_is():
    tape = Tape("Fpz", "circumference", "LPA", distance_m=0.07, arc_m=0.53)
    patches = small_run().placement.electrodes
    named = [attrs.evolve(one.electrode, site=tape, label=tape.label) for one in patches]
    laid = tuple(attrs.evolve(patch, electrode=one) for patch, one in zip(patches, named, strict=True))
    placement = Placement(small_head(), laid,
                          "complete", "test")  # fmt: skip
    assert len(named[0].label) > 40
    figure = plot_montage(placement, views=["front", "top"])
    figure.canvas.draw()
    sheet = figure.bbox
    for axes in figure.axes:
        notes = [note for note in axes.texts if "mA" in note.get_text()]
        assert len(notes) == 2
        boxes = [note.get_bbox_patch().get_window_extent() for note in notes]
        assert not boxes[0].overlaps(boxes[1])
        for box in boxes:
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= sheet.x1 and box.y1 <= sheet.y1
            assert axes.bbox.x0 - 1 <= box.x0 and box.x1 <= axes.bbox.x1 + 1


# --- the named sites


def test_a_site_is_named_where_it_is_and_only_where_it_is_seen():
    head = attrs.evolve(small_head(), sites_m={"Cz": (0, 0, 0.085), "Fz": (0, 0.06, 0.06), "Oz": (0, -0.084, 0.01),
                                               "T7": (-0.085, 0, 0), "T8": (0.085, 0, 0)})  # fmt: skip
    assert set(visible_sites(head, VIEWS["top"])) == {"Cz", "Fz"}
    assert "T7" in visible_sites(head, VIEWS["left"]) and "T8" not in visible_sites(head, VIEWS["left"])
    figure = plot_sites(head, marked=["Fz"], views=["top", "front"])
    names = {note.get_text(): note for note in figure.axes[0].texts if note.get_text() in head.sites_m}
    assert set(names) == {"Cz", "Fz"}
    assert names["Fz"].get_bbox_patch() is not None and names["Cz"].get_bbox_patch() is None
    middle = np.mean(figure.axes[0].get_xlim())
    assert names["Cz"].xy[0] == pytest.approx(middle, abs=3) and names["Fz"].xy[1] < names["Cz"].xy[1]  # front is up


def test_a_head_without_sites_names_none():
    with pytest.raises(InputError, match="no sites of the 10-10 system"):
        plot_sites(attrs.evolve(small_head(), sites_m={}))


def test_no_picture_function_is_hidden_by_a_module_of_its_name():
    for module in pkgutil.iter_modules(view.__path__):
        importlib.import_module(f"stimplan.view.{module.name}")
    assert all(callable(getattr(view, name)) for name in view.__all__)
