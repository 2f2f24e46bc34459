"""What all pictures share: colours, colour bars and scale bars."""

from __future__ import annotations

import numpy as np
import pytest
from runs import small_head, small_run

from stimplan.view import plot_slices, plot_surface_field
from stimplan.view.paper import new_figure
from stimplan.view.scene import VIEWS, new_scene, shoot, show_shot
from stimplan.view.style import ColourRange, add_colour_bar, draw_scale_bar, round_length_m, signed_cmap


def bar_of(axes):
    (line,) = (line for line in axes.lines if line.get_gid() == "scale bar")
    (words,) = (text.get_text() for text in axes.texts if text.get_gid() == "scale bar length")
    return float(np.ptp(line.get_xdata())), words


@pytest.mark.parametrize(
    ("width_m", "length_m"), [(0.2, 0.05), (0.17, 0.05), (0.1, 0.02), (0.034, 0.01), (0.5, 0.1), (1 / 3, 0.1)]
)
def test_a_scale_bar_has_a_round_length_below_a_third_of_the_width(width_m, length_m):
    assert round_length_m(width_m) == pytest.approx(length_m)


def test_a_scale_bar_in_a_rendered_view_is_as_long_as_it_says():
    head = small_head()
    plotter = new_scene((200, 200))
    try:
        shot = shoot(plotter, VIEWS["front left"], points_m=head.nodes_m, half_height=0.1)
    finally:
        plotter.close()
    axes = new_figure(2, 2).add_axes((0, 0, 1, 1))
    show_shot(axes, shot, title="")
    length = draw_scale_bar(axes, shot)
    drawn_px, words = bar_of(axes)
    assert words == "50 mm" and length == pytest.approx(0.05)
    # 0.2 m are 200 pixels high: a millimetre is a pixel.
    assert drawn_px == pytest.approx(50.0)
    across = shot.pixel([0.0, 0.0, 0.0]) - shot.pixel([0.0, 0.0, 0.03])
    assert np.linalg.norm(across) < 30  # this view looks down a little: height is foreshortened, the bar is not


@pytest.mark.parametrize("figure", [lambda: plot_surface_field(small_run().field)], ids=["surface"])
def test_the_figure_carries_a_scale_bar(figure):
    assert bar_of(figure().axes[0])[1] == "50 mm"


def test_a_scale_bar_in_slices_is_in_metres():
    figure = plot_slices(small_run().field, cross_m=(0.0, 0.0, 0.0))
    drawn_m, words = bar_of(figure.axes[0])
    assert words == f"{1e3 * drawn_m:g} mm"


def test_the_signed_colours_are_even_and_symmetric_in_lightness():
    colours = signed_cmap()(np.linspace(0, 1, 257))[:, :3]
    assert np.ptp(colours[128]) < 0.01 and colours[128].min() > 0.94
    assert colours[0, 2] > 2 * colours[0, 0] + 0.3 and colours[-1, 0] > 3 * colours[-1, 2]
    green = colours[:, 1]
    assert (np.diff(green[:129]) > 0).all() and (np.diff(green[128:]) < 0).all()


def test_a_colour_bar_lies_as_its_axes_and_says_unit_and_ends():
    figure = new_figure(4, 2)
    span = ColourRange(0.0, 0.4, "|E|", "V/m", "to the 99.9th percentile of grey matter")
    flat = add_colour_bar(figure, figure.add_axes((0.1, 0.1, 0.5, 0.05)), limits=span.limits, label=span.label)
    upright = add_colour_bar(figure, figure.add_axes((0.8, 0.1, 0.03, 0.8)), limits=span.limits, label=span.label)
    assert (flat.orientation, upright.orientation) == ("horizontal", "vertical")
    assert flat.ax.get_xlabel() == "|E|, V/m (to the 99.9th percentile of grey matter)" == upright.ax.get_ylabel()
    assert flat.mappable.get_clim() == (0.0, 0.4)
