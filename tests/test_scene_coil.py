"""A coil in the scene: its own winding at its own place, its handle on its own side, several blocks in one scene."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from coils import above, nine_turns, one_dipole
from runs import small_head

import stimplan as sp
from stimplan.coil import Coil
from stimplan.coil.values import AGrid
from stimplan.coil_on_head import coil_placement
from stimplan.pose import CoilPose
from stimplan.view.drawable import different_blocks
from stimplan.view.scene_coil import coil_layers
from stimplan.view.scene_html import payload
from stimplan.view.scene_parts import scene_of, together


@pytest.fixture(scope="module")
def wires():
    return nine_turns("wire")


def body(layers, part):
    return next(one for one in layers if one.id.endswith(part))


def test_the_winding_lies_where_the_coil_is_put_and_its_wires_are_whole(wires):
    pose = CoilPose(above(0.01, radius_m=0.085))
    layers, _ = coil_layers(wires, pose)
    winding = body(layers, "winding")
    back = (winding.points_m - pose.center_m) @ pose.matrix_m[:3, :3]  # into the coil's frame
    places = wires.positions_m
    np.testing.assert_allclose(back.min(axis=0), places.min(axis=0), atol=3e-3)
    np.testing.assert_allclose(back.max(axis=0), places.max(axis=0), atol=3e-3)
    # Whole wires: on the outermost turn no angle is without wire.
    angles = np.sort(np.arctan2(back[:, 1], back[:, 0] - 0.045)[back[:, 0] > 0.045])
    assert np.diff(angles).max() < np.radians(12)


def test_the_handle_lies_on_the_side_the_coil_says(wires):
    pose = CoilPose(above(0.01))
    for direction in ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0)):
        layers, (label,) = coil_layers(attrs.evolve(wires, handle_direction=direction), pose)
        away = label.point_m - pose.center_m
        assert away @ (pose.matrix_m[:3, :3] @ np.array(direction)) > 0.14 and label.text == "handle"
        handle = body(layers, "handle")
        assert np.abs(handle.points_m - label.point_m).max(axis=1).min() < 0.01


def test_dipoles_are_drawn_as_points_and_a_grid_says_that_its_winding_is_not_known():
    layers, labels = coil_layers(one_dipole(), CoilPose(above(0.02)))
    assert len(body(layers, "winding").triangles) == 80 and "not known" not in labels[0].text
    grid = Coil("grid", (AGrid(np.zeros((2, 2, 2, 3)), np.eye(4)),), source="test")
    layers, labels = coil_layers(grid, CoilPose(above(0.02)))
    assert len(body(layers, "winding").triangles) > 100 and "not known" in labels[0].text


@pytest.fixture(scope="module")
def scenes(wires):
    head = small_head()
    made = []
    for name, toward in (("right", (0.6, 0.3, 0.7)), ("left", (-0.6, 0.3, 0.7))):
        pose = above(0.012, radius_m=0.085, toward=toward)
        field = sp.solve(head, coil_placement(wires, pose_m=pose, didt_A_per_s=1e6, head=head))
        made.append(scene_of(field, title="two coils", name=name))
    return made


def test_the_scene_of_a_coil_is_seen_from_the_coil(scenes):
    right, left = scenes
    assert {one.group for one in right.layers} == {"cortex", "scalp", "coil"}
    assert right.view[0] > 0.3 and left.view[0] < -0.3
    assert [one.text for one in right.labels] == ["right\nhandle"]


def test_blocks_share_a_scene_in_which_every_field_and_coil_has_its_name(scenes):
    both = together(scenes, ["right", "left"])
    whats = [shade.range.what for shade in both.layers[0].shades]
    assert whats == ["right: |E|", "right: Through the cortex", "left: |E|", "left: Through the cortex"]
    values = [shade.values for shade in both.layers[0].shades]
    np.testing.assert_array_equal(values[0], scenes[0].layers[0].shades[0].values)
    np.testing.assert_array_equal(values[2], scenes[1].layers[0].shades[0].values)
    assert [one.group for one in both.layers].count("coil") == 4 and len(both.labels) == 2
    assert len({one.id for one in both.layers}) == len(both.layers)
    assert len(payload(both)["layers"][0]["shades"]) == 4
    np.testing.assert_array_equal(both.cut.values[2], scenes[1].cut.values[0])  # by the number of its colours
    assert set(both.cut.values) == {0, 2}


def test_blocks_of_one_field_are_shown_once():
    @attrs.frozen
    class Shown:
        digest: str

    @attrs.frozen
    class Block:
        number: int
        exposure: Shown

    blocks = [Block(1, Shown("a")), Block(2, Shown("b")), Block(3, Shown("a"))]
    assert [one.number for one in different_blocks(blocks)] == [1, 2]
