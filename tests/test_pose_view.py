"""The picture of a coil: the handle is where the pose says, and named in every view."""

from __future__ import annotations

import numpy as np
import pytest
from test_pose import BACK, bare, degrees

from stimplan.pose import pose_on_scalp
from stimplan.view.paper import png_bytes
from stimplan.view.pose import figure_8_outline, plot_pose, scene_pose


def middle(plotter, name):
    low_high = np.array(plotter.actors[name].bounds).reshape(3, 2)
    return low_high.mean(axis=1)


@pytest.mark.parametrize("angle", [0, 135])
def test_the_scene_has_the_handle_on_its_side_of_the_coil(angle):
    pose = pose_on_scalp(bare(), [-0.04, 0.02, 0.066], handle=degrees(angle))
    plotter = scene_pose(bare(), pose, size=(120, 120))
    try:
        assert set(plotter.actors) == {"scalp", "coil", "handle", "x", "y", "z"}
        away = middle(plotter, "handle") - pose.center_m
        assert away @ pose.handle_direction == pytest.approx(0.085, abs=1e-3)
        assert np.allclose(away - (away @ pose.y) * pose.y, -0.008 * pose.z, atol=2e-3)
        assert (middle(plotter, "y") - pose.center_m) @ pose.handle_direction < -0.02
        assert (middle(plotter, "z") - pose.center_m) @ pose.z < -0.02  # outside, where it can be seen
    finally:
        plotter.close()


def test_other_outlines_are_drawn_where_the_coil_is():
    pose = pose_on_scalp(bare(), [0, 0, 0.08], handle=BACK)
    plotter = scene_pose(bare(), pose, outlines_m=[[[0, 0, 0], [0, 0.06, 0]]], size=(120, 120))
    try:
        assert np.allclose(middle(plotter, "coil"), pose.to_head([0, 0.03, 0]), atol=1e-3)
    finally:
        plotter.close()


def test_the_figure_names_the_handle_in_every_view():
    pose = pose_on_scalp(bare(), [0, 0, 0.08], handle=BACK)
    figure = plot_pose(bare(), pose, title="vertex")
    assert len(figure.axes) == 3
    for axes in figure.axes:
        assert "handle" in {text.get_text() for text in axes.texts}
    top = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert top["handle"][1] > top["y"][1]  # backwards is down, as seen from above
    assert len(png_bytes(figure)) > 10_000


def test_the_drawn_figure_8_lies_in_its_casing():
    lines = figure_8_outline(center_distance_m=0.09, radii_m=(0.044,))
    assert len(lines) == 2 and all((line[:, 2] < 0).all() for line in lines)
    assert np.allclose([line[:, 0].mean() for line in lines], [-0.045, 0.045], atol=1e-3)
