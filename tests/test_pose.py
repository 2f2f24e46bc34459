"""Where a coil is: the frame and its sign, matrices that cannot be, coils that lie on a scalp without cutting it."""

from __future__ import annotations

import copy
import json
import math
from decimal import Decimal
from functools import cache

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from spheres import ball, sphere
from test_site_forms import colin

from stimplan.errors import CoilError
from stimplan.pose import (
    TOLERANCE,
    CoilPose,
    MniTarget,
    Tilt,
    handle_angle_rad,
    midline_back,
    pose_from_axes,
    pose_on_scalp,
)
from stimplan.pose_contact import TOUCH_M, flat_casing, intersection, rest_on_scalp
from stimplan.pose_plan import poses_of
from stimplan.protocol import read_protocol
from stimplan.protocol.magnetic import Handle
from stimplan.resources import data_path
from stimplan.site_forms import AnteriorOf

BACK = Handle(from_midline_rad=0.0)


@cache
def bare(edge_mm=6.0):
    """A ball that has nothing but its axes."""
    return attrs.evolve(ball(edge_mm), sites_m={}, fiducials_m={})


FIGURE_8 = [(-0.045, 0.0, 0.045), (0.045, 0.0, 0.045)]


def degrees(angle):
    return Handle(from_midline_rad=math.radians(angle))


rotations = st.tuples(*[st.floats(-1, 1) for _ in range(4)]).filter(lambda q: np.linalg.norm(q) > 0.1)
shifts = st.tuples(*[st.floats(-0.2, 0.2) for _ in range(3)])


@st.composite
def matrices(draw):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(draw(rotations)).as_matrix()
    matrix[:3, 3] = draw(shifts)
    return matrix


@given(matrices())
def test_the_handle_is_at_minus_y_and_x_is_y_cross_z(matrix):
    pose = CoilPose(matrix)
    assert np.array_equal(pose.handle_direction, -pose.y)
    assert np.allclose(pose.x, np.cross(pose.y, pose.z), atol=1e-12)
    assert np.allclose(pose.to_head([0, -0.1, 0]) - pose.center_m, 0.1 * pose.handle_direction)
    assert np.allclose(pose.from_head(pose.to_head([0.01, 0.02, 0.03])), [0.01, 0.02, 0.03])


@given(matrices())
def test_a_rotation_is_kept_to_the_last_bit(matrix):
    assert np.array_equal(CoilPose(matrix).matrix_m, matrix)


@given(matrices())
def test_three_decimals_are_accepted_and_made_a_rotation(matrix):
    rounded = matrix.copy()
    rounded[:3, :3] = np.round(matrix[:3, :3], 3)
    pose = CoilPose(rounded)
    assert np.allclose(pose.matrix_m, matrix, atol=2e-3)
    assert np.abs(pose.matrix_m[:3, :3].T @ pose.matrix_m[:3, :3] - np.eye(3)).max() < 1e-14


def spoiled(spoil):
    matrix = np.eye(4)
    spoil(matrix)
    return matrix


def sheared(m):
    m[0, 1] = 2 * TOLERANCE


def scaled(m):
    m[:3, :3] *= 1 + 2 * TOLERANCE


def mirrored(m):
    m[0, 0] = -1


def transposed(m):
    m[3, 0] = 0.05


def unknown(m):
    m[1, 3] = np.nan


@pytest.mark.parametrize(
    "matrix, fragment",
    [
        (spoiled(sheared), "sheared"),
        (spoiled(scaled), "scales"),
        (spoiled(mirrored), "left-handed"),
        (spoiled(transposed), "last row"),
        (spoiled(unknown), "not finite"),
        (np.eye(3), "4 × 4"),
        ([["a"] * 4] * 4, "4 × 4"),
    ],
)
def test_what_is_no_pose_is_refused_with_the_cause(matrix, fragment):
    with pytest.raises(CoilError, match=fragment):
        CoilPose(matrix)


def test_a_shear_just_within_the_tolerance_is_accepted():
    matrix = np.eye(4)
    matrix[0, 1] = 0.9 * TOLERANCE
    assert np.abs(CoilPose(matrix).matrix_m - np.eye(4)).max() < TOLERANCE


def test_nobody_changes_a_pose():
    matrix = np.eye(4)
    pose = CoilPose(matrix)
    matrix[0, 3] = 1
    assert pose.center_m[0] == 0
    with pytest.raises(ValueError):
        pose.matrix_m[0, 3] = 1


def test_axes_that_say_nothing_are_refused():
    with pytest.raises(CoilError, match="along the axis"):
        pose_from_axes([0, 0, 0.1], inward=[0, 0, -1], handle=[0, 0, 1])
    with pytest.raises(CoilError, match="no length"):
        pose_from_axes([0, 0, 0.1], inward=[0, 0, 0], handle=[0, 1, 0])


def test_on_the_vertex_of_a_sphere_everything_is_where_it_should_be():
    head = bare()
    pose = pose_on_scalp(head, [0, 0, 0.081], handle=BACK, distance_m=0.005)
    assert np.allclose(pose.z, [0, 0, -1], atol=0.03)
    assert np.allclose(pose.handle_direction, [0, -1, 0], atol=0.03)
    assert np.allclose(pose.x, [-1, 0, 0], atol=0.03)  # y to the front, z down: x to the left
    assert np.allclose(pose.center_m, [0, 0, 0.085], atol=1e-3)


@pytest.mark.parametrize("angle, expected", [(0, [0, -1]), (90, [-1, 0]), (-90, [1, 0]), (45, [-0.7071, -0.7071])])
def test_handle_angles_count_from_the_back_to_the_left(angle, expected):
    pose = pose_on_scalp(bare(), [0, 0, 0.08], handle=degrees(angle))
    assert np.allclose(pose.handle_direction[:2], expected, atol=0.03)
    assert handle_angle_rad(bare(), pose) == pytest.approx(math.radians(angle), abs=1e-9)


@pytest.mark.parametrize(
    "normal, back",
    [
        ([0, 0, 1], [0, -1, 0]),
        ([0, -1, 0], [0, 0, -1]),  # at Oz backwards is down
        ([0, 1, 0], [0, 0, 1]),  # at Fpz it is up, over the vertex
        ([-1, 0, 0], [0, -1, 0]),  # at T7 it is to the back
        ([-0.5, 0.5, math.sqrt(0.5)], [-0.146447, -0.853553, 0.5]),  # at F3 back and up
        ([0, 0, -1], [0, -1, 0]),
    ],
)
def test_backwards_is_carried_along_from_the_vertex(normal, back):
    found = midline_back(bare(), normal)
    assert np.allclose(found, back, atol=1e-5) and abs(found @ np.array(normal)) < 1e-12


@given(st.floats(0, 2 * math.pi), st.floats(0, math.radians(120)))
def test_backwards_is_straight_back_on_the_flattened_head_and_changes_smoothly(around, down):
    out = np.array([math.cos(around), math.sin(around), 0])
    normal = math.sin(down) * out + [0, 0, math.cos(down)]
    back = midline_back(bare(), normal)
    assert np.linalg.norm(back) == pytest.approx(1) and abs(back @ normal) < 1e-12
    # Its angle with the way down from the vertex is that between the back and that way at the vertex.
    along = math.cos(down) * out - [0, 0, math.sin(down)]
    assert back @ along == pytest.approx(-out[1], abs=1e-12)
    beside = normal + 1e-3 * along
    nearby = midline_back(bare(), beside / np.linalg.norm(beside))
    assert np.linalg.norm(nearby - back) < 2e-3


def test_the_midline_is_that_of_the_ears_and_the_nose():
    turn = Rotation.from_euler("z", 30, degrees=True)
    points = {"Nz": [0, 0.09, 0], "Iz": [0, -0.09, 0], "LPA": [-0.08, 0, 0], "RPA": [0.08, 0, 0]}
    turned = attrs.evolve(ball(), fiducials_m={name: tuple(turn.apply(p)) for name, p in points.items()})
    assert np.allclose(midline_back(turned, [0, 0, 1]), turn.apply([0, -1, 0]), atol=1e-12)


def test_a_handle_may_point_to_a_site():
    head = sphere()
    pose = pose_on_scalp(head, "C3", handle=Handle(towards="Oz"))
    away = np.array(head.sites_m["Oz"]) - pose.center_m
    away -= (away @ pose.z) * pose.z
    assert np.allclose(pose.handle_direction, away / np.linalg.norm(away), atol=1e-9)
    with pytest.raises(CoilError, match="itself"):
        pose_on_scalp(head, "C3", handle=Handle(towards="C3"))


def test_over_a_target_the_coil_lies_where_the_scalp_is_nearest():
    head = attrs.evolve(bare(), mni_from_head=np.eye(4))
    direction = np.array([-0.5, 0.5, math.sqrt(0.5)])
    pose = pose_on_scalp(head, MniTarget(tuple(0.05 * direction)), handle=BACK)
    assert np.allclose(pose.center_m, 0.08 * direction, atol=2e-3)
    assert pose.axis_distance_m(0.05 * direction) < 2e-3


def test_tilts_turn_about_the_coils_own_axes():
    head = bare()
    flat = pose_on_scalp(head, [0, 0, 0.08], handle=BACK)
    nod = pose_on_scalp(head, [0, 0, 0.08], handle=BACK, tilt=Tilt(about_x_rad=0.2))
    assert nod.handle_direction @ flat.z == pytest.approx(-math.sin(0.2))  # the handle leaves the head
    assert np.allclose(nod.x, flat.x)
    roll = pose_on_scalp(head, [0, 0, 0.08], handle=BACK, tilt=Tilt(about_y_rad=0.2))
    assert roll.z @ flat.x == pytest.approx(math.sin(0.2)) and np.allclose(roll.y, flat.y)
    assert (-roll.x) @ flat.z == pytest.approx(math.sin(0.2))  # the -x side goes in


@pytest.mark.parametrize(
    "where, options, fragment",
    [
        ([0, 0, 0.12], {}, "from the scalp"),
        ([0, 0, math.nan], {}, "three finite"),
        ([0, 0], {}, "three finite"),
        ("C3", {}, "no site"),
        ("C33", {}, "did you mean"),
        (MniTarget((0, 0, 0.05)), {}, "no MNI"),
        (AnteriorOf("C3", 0.05), {}, "Nz|fiducials"),
        ([0, 0, 0.08], {"distance_m": -0.001}, "0 to 50 mm"),
        ([0, 0, 0.08], {"distance_m": math.nan}, "0 to 50 mm"),
        ([0, 0, 0.08], {"handle": Handle()}, "one of"),
        ([0, 0, 0.08], {"handle": Handle(0.1, "Cz")}, "one of"),
        ([0, 0, 0.08], {"handle": Handle(math.nan)}, "360"),
    ],
)
def test_places_and_numbers_that_cannot_be_are_refused(where, options, fragment):
    with pytest.raises((CoilError,), match=fragment):
        pose_on_scalp(bare(), where, **({"handle": BACK} | options))


def test_a_flat_coil_on_a_sphere_cuts_nothing():
    head = bare()
    pose = pose_on_scalp(head, [0, 0, 0.0801], handle=BACK, distance_m=0.001)
    casing = flat_casing(FIGURE_8)
    found = intersection(head, pose, casing)
    assert found.depth_m == 0 and found.deepest_m is None and not found.is_inside.any()
    assert rest_on_scalp(head, pose, casing) is pose


def test_the_depth_of_a_coil_in_a_sphere_is_what_it_was_pushed_by():
    head = bare()
    pose = pose_from_axes([0, 0, 0.07], inward=[0, 0, -1], handle=[0, -1, 0])
    found = intersection(head, pose, flat_casing([(0, 0, 0.02)]))
    assert found.depth_m == pytest.approx(0.010, abs=1e-3)  # the middle is deepest
    assert np.allclose(found.deepest_m, [0, 0, 0.07], atol=3e-3) and found.is_inside.all()


def test_a_coil_pushed_into_a_sphere_goes_back_until_it_rests_on_it():
    head = bare()
    casing = flat_casing(FIGURE_8)
    rested = rest_on_scalp(head, pose_from_axes([0, 0, 0.07], inward=[0, 0, -1], handle=[0, -1, 0]), casing)
    assert rested.center_m[2] == pytest.approx(0.080, abs=1e-3) and np.allclose(rested.center_m[:2], 0)
    assert 0.5 * TOUCH_M <= intersection(head, rested, casing).depth_m <= TOUCH_M * 1.001
    assert "moved back by" in rested.notices[-1]


def test_a_tilted_coil_rests_on_its_wing():
    head, angle = bare(), math.radians(20)
    casing = flat_casing(FIGURE_8)
    tilted = pose_on_scalp(head, [0, 0, 0.08], handle=BACK, tilt=Tilt(about_y_rad=angle))
    rested = rest_on_scalp(head, tilted, casing)
    # The plane at this angle touches the sphere where its normal does: its distance from the centre is the radius.
    assert -rested.z @ rested.center_m == pytest.approx(0.08 - TOUCH_M, abs=6e-4)
    assert intersection(head, rested, casing).depth_m <= TOUCH_M * 1.001


def test_a_bent_casing_may_reach_past_the_head():
    head = bare()
    angle = np.linspace(-1.9, 1.9, 200)  # a ring of 100 mm around a head of 80 mm, open below
    ring = np.column_stack([0.1 * np.sin(angle), np.zeros(200), 0.1 - 0.1 * np.cos(angle)])
    pose = pose_from_axes([0, 0, 0.1], inward=[0, 0, -1], handle=[0, -1, 0])
    assert intersection(head, pose, ring).depth_m == 0
    assert rest_on_scalp(head, pose, ring) is pose


def test_a_coil_that_cannot_clear_the_head_is_refused():
    pose = pose_from_axes([0, 0, 0.0], inward=[0, 0, -1], handle=[0, -1, 0])
    with pytest.raises(CoilError, match="at most"):
        rest_on_scalp(bare(), pose, flat_casing([(0, 0, 0.02)]))


@pytest.mark.parametrize("points", [np.empty((0, 3)), [[0, 0]], [[0, 0, math.inf]]])
def test_a_casing_of_nothing_is_refused(points):
    with pytest.raises(CoilError):
        intersection(ball(), CoilPose(np.eye(4)), points)


def changed(name, **placement):
    tree = json.loads(data_path("protocols", f"{name}.json").read_text(encoding="utf-8"), parse_float=Decimal)
    tree = copy.deepcopy(tree)
    for block in tree["stimulation"]["blocks"]:
        block["placement"] = {"method": None} | placement
    return read_protocol(json.dumps(tree, default=float))


def test_a_library_protocol_is_posed_by_its_target_and_the_handle_is_asked_for():
    head = colin()
    with pytest.raises(CoilError, match=r"blocks\[0\].placement.handle: the protocol does not say"):
        poses_of("three-d-itbs", head)
    (pose,) = poses_of("three-d-itbs", head, handle=degrees(45))
    assert any("taken: 45" in notice for notice in pose.notices)
    target = np.linalg.inv(head.mni_from_head) @ [-0.038, 0.044, 0.026, 1]
    assert pose.axis_distance_m(target[:3]) < 0.01
    assert pose.z @ (target[:3] - pose.center_m) > 0.01


def test_a_protocols_site_handle_and_distance_are_used():
    head = colin()
    near = poses_of(changed("huang-2005-ctbs", site="C3", handle={"from_midline_deg": 45}), head)[0]
    far = poses_of(changed("huang-2005-ctbs", site="C3", handle={"from_midline_deg": 45}, distance_mm=6), head)[0]
    assert np.linalg.norm(far.center_m - near.center_m) == pytest.approx(0.006)
    assert near.handle_direction[0] < -0.3 and near.handle_direction[1] < -0.5  # to the back and outwards
    assert handle_angle_rad(head, near) == pytest.approx(math.radians(45))


def _raised(rows_mm, away_mm):
    """A matrix in mm farther from the head along its axis."""
    moved = rows_mm.copy()
    moved[:3, 3] -= away_mm * moved[:3, 2]
    return moved


def test_a_protocols_matrix_is_taken_as_it_is_and_its_handle_must_agree():
    head = colin()
    lying = poses_of(changed("huang-2005-ctbs", site="C3", handle={"from_midline_deg": 45}), head)[0]
    rows = np.array(lying.matrix_m)
    rows[:3, 3] *= 1000
    plan = changed("huang-2005-ctbs", pose_mm=rows.tolist(), handle={"from_midline_deg": 45}, distance_mm=2)
    (pose,) = poses_of(plan, head)
    assert np.allclose(pose.matrix_m, lying.matrix_m, atol=1e-12) and "not applied" in pose.notices[0]
    casing = flat_casing(FIGURE_8, spacing_m=5e-3)
    (off,) = poses_of(changed("huang-2005-ctbs", pose_mm=_raised(rows, 40).tolist()), head, casing_points_m=casing)
    assert off.notices == ()
    (cut,) = poses_of(changed("huang-2005-ctbs", pose_mm=_raised(rows, -5).tolist()), head, casing_points_m=casing)
    depth_mm = 1e3 * intersection(head, cut, casing).depth_m
    assert depth_mm > 3 and f"up to {depth_mm:.3g} mm inside the head" in cut.notices[0]
    rows[:3, :2] *= -1  # y along the handle, as other programs have it
    with pytest.raises(CoilError, match="y axis run along the handle"):
        poses_of(changed("huang-2005-ctbs", pose_mm=rows.tolist(), handle={"from_midline_deg": 45}), head)


def test_a_protocol_without_a_coil_has_no_pose():
    with pytest.raises(CoilError, match="no coil"):
        poses_of("m1-so", ball())


def test_on_a_real_head_a_figure_8_over_f3_rests_without_cutting():
    head = colin()
    casing = flat_casing(FIGURE_8, spacing_m=5e-3)
    (pose,) = poses_of("three-d-itbs", head, handle=degrees(45), casing_points_m=casing)
    assert intersection(head, pose, casing).depth_m <= TOUCH_M * 1.001
