"""The auxiliary dipole method against solving every pose, and what a search makes of it."""

from __future__ import annotations

import math
from functools import cache, partial

import attrs
import numpy as np
import pytest
from coils import above, nine_turns
from spheres import sphere

from stimplan.coil import AGrid, Coil, read_coil
from stimplan.coil_field import solve_coils
from stimplan.coil_on_head import coil_placement
from stimplan.coil_search import (
    Goal,
    SearchOptions,
    SearchSpace,
    Uncertainty,
    auxiliary_currents,
    candidates,
    components_at,
    exact_components,
    make_target,
    observed_V_per_m,
    search_poses,
    values_at,
)
from stimplan.coil_search.around import around_pose
from stimplan.coil_search.candidates import casing_points
from stimplan.coil_search.kernels import DIPOLES, RADIAL_DIPOLES, RADIAL_WIRE, WIRE, strengths_of
from stimplan.coil_search.ranking import TIE, best_of_places, front_of, scores_of
from stimplan.coil_search.tree import Tree, fill_blocks
from stimplan.errors import CoilError, InputError, SolveError
from stimplan.fem.exact_tms import sphere_field
from stimplan.fem.radial import radial_dipole_potential, radial_segment_potential
from stimplan.fem.surface import nearest_on_surface
from stimplan.fem.tms import MU0_OVER_4_PI, dipole_potential, segment_potential
from stimplan.head import load_head
from stimplan.pose import CoilPose, Tilt, pose_on_scalp
from stimplan.pose_contact import intersection, rest_on_scalp
from stimplan.protocol.magnetic import Handle
from stimplan.roi import measure_cortex, read_roi

RATE = 1e8
DIRECTIONS = np.array([0.12, 0.25, 0.9]) + 0.3 * np.random.default_rng(1).normal(size=(12, 3))


@cache
def targets():
    head = sphere()
    return (
        make_target(head, "sphere:position_mm=10,20,65;radius_mm=8;tissue=layer_1"),
        make_target(head, "head:10,20,70", direction="1,0,0"),
        make_target(head, "patch:site=F3;radius_mm=15", direction="normal"),
        make_target(head, "FC1", direction=(0, 1, 0.5)),
    )


@cache
def auxiliary():
    return auxiliary_currents(sphere(), targets())


@cache
def solved(kind):
    """Poses of a coil, and the fields of two of them."""
    poses = np.stack([above(0.004, toward=toward, handle=toward[::-1] - 0.5) for toward in DIRECTIONS])
    placements = [coil_placement(nine_turns(kind), pose_m=one, didt_A_per_s=RATE, head=sphere()) for one in poses]
    return placements, list(solve_coils(sphere(), placements[:2], tolerance=1e-8))


# the method


@pytest.mark.parametrize("kind", ["wire", "dipoles"])
def test_the_auxiliary_current_gives_what_solving_the_pose_gives(kind):
    placements, fields = solved(kind)
    for placement, field in zip(placements, fields, strict=False):
        brute = np.concatenate([observed_V_per_m(field, target) for target in targets()])
        assert exact_components(auxiliary(), placement) == pytest.approx(brute, abs=2e-7 * np.abs(brute).max())


@pytest.mark.parametrize("kind", ["wire", "dipoles"])
def test_the_lattice_gives_the_sums_at_every_node_within_a_thousandth(kind):
    placements, _ = solved(kind)
    exact = np.array([exact_components(auxiliary(), one) for one in placements])
    poses = np.array([one.pose_m for one in placements])
    found = components_at(auxiliary(), nine_turns(kind), poses, didt_A_per_s=[RATE])
    for column in range(3):  # of the first target; the others are far smaller or larger
        assert found[:, column] == pytest.approx(exact[:, column], abs=1e-3 * np.abs(exact[:, :3]).max())


def test_a_coarse_lattice_is_told_from_a_fine_one():
    placements, _ = solved("wire")
    exact = np.array([exact_components(auxiliary(), one) for one in placements])
    poses = np.array([one.pose_m for one in placements])
    coarse = components_at(auxiliary(), nine_turns("wire"), poses, didt_A_per_s=[RATE], spacing_m=0.015)
    assert np.abs(coarse - exact).max() > 2e-3 * np.abs(exact).max()


@pytest.mark.parametrize("kind, limit", [(WIRE, 2e-5), (DIPOLES, 1e-4), (RADIAL_WIRE, 1e-4), (RADIAL_DIPOLES, 1e-4)])
def test_the_treecode_gives_the_plain_sums(kind, limit):
    random = np.random.default_rng(3)
    places, currents = random.uniform(-0.08, 0.08, (9000, 3)), random.normal(size=(9000, 3, 2))
    inside = np.linalg.norm(places, axis=1) < 0.08
    places, currents = places[inside], currents[inside]
    tree = Tree.of(places, strengths_of(kind, currents, places))
    table, low = np.zeros((8, 8, 8, 6), dtype=np.float32), np.array([0.06, 0.07, 0.05])
    blocks = np.argwhere(np.ones((2, 2, 2)))
    fill_blocks(blocks, low, 0.002, tree.arrays(), kind, table)
    points = low + 0.002 * np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    # Reciprocity: what a current at a node does to a piece of wire (a dipole) at a point is what that does there.
    potential = {
        WIRE: segment_potential,
        DIPOLES: dipole_potential,
        RADIAL_WIRE: partial(radial_segment_potential, center_m=np.zeros(3)),
        RADIAL_DIPOLES: partial(radial_dipole_potential, center_m=np.zeros(3)),
    }[kind]
    of = np.arange(0, len(points), 37)
    sums = np.zeros((len(of), 6))
    for row, point in enumerate(points[of]):
        for axis in range(3):
            a = potential(places, point[None], np.eye(3)[axis][None], is_double=True) / MU0_OVER_4_PI
            sums[row, axis], sums[row, 3 + axis] = np.einsum("nd,ndc->c", a, currents)
    assert np.abs(table.reshape(-1, 6)[of] - sums).max() < limit * np.abs(sums).max()


def test_against_the_closed_form_the_point_value_is_within_a_per_cent():
    placement = solved("dipoles")[0][0]
    moments = placement.coil.elements[0].moments_A_m2_per_A @ placement.pose_m[:3, :3].T * RATE
    truth = sphere_field(np.array([[0.01, 0.02, 0.07]]), placement.positions_m, moments, radius_m=0.092)[0]
    found = exact_components(auxiliary(), placement)[3]
    assert found == pytest.approx(truth[0], abs=0.01 * np.linalg.norm(truth))


def test_a_coil_given_as_a_grid_is_searched_pose_by_pose():
    wire = nine_turns("wire")
    axis = np.linspace(-0.2, 0.2, 41)
    points = np.stack(np.meshgrid(axis, axis, np.linspace(-0.02, 0.24, 27), indexing="ij"), axis=-1)
    far = np.eye(4)
    placement = attrs.evolve(solved("wire")[0][0], pose_m=far, didt_A_per_s=(1.0,))
    values = placement.dadt_V_per_m(points.reshape(-1, 3)).reshape(points.shape)
    matrix = np.diag([0.01, 0.01, 0.01, 1.0])
    matrix[:3, 3] = points[0, 0, 0]
    grid = Coil("grid", (AGrid(values, matrix),), source="test")
    options = SearchOptions(SearchSpace(radius_m=0.004, angles_rad=(0.0, 1.0)), top_k=1)
    goal = Goal(targets()[0])
    found, other = (search_poses(sphere(), coil, [goal], options=options) for coil in (grid, wire))
    assert "whether it cuts the head was not asked" in " ".join(found.candidates.notices)
    assert found.values_V_per_m == pytest.approx(other.values_V_per_m, rel=0.03)


def test_what_did_not_converge_gives_no_search():
    with pytest.raises(SolveError):
        auxiliary_currents(sphere(), targets()[:1], solver=lambda matrix, rhs: 0 * rhs)


# targets


def test_a_normal_over_a_patch_is_the_mean_that_measure_gives():
    field = solved("wire")[1][0]
    roi = read_roi("patch:site=F3;radius_mm=15")
    expected = measure_cortex(field, roi).mean_inward_normal_V_per_m
    assert observed_V_per_m(field, targets()[2])[0] == pytest.approx(expected, rel=1e-9)


def test_a_region_is_the_volume_mean_of_the_recovered_field_and_a_point_is_the_field_there():
    field = solved("wire")[1][0]
    of = np.linalg.norm(sphere().centers_m - [0.01, 0.02, 0.065], axis=1) <= 0.008
    volumes = sphere().volumes_m3[of]
    mean = volumes @ field.recovered_at_centers_V_per_m[of] / volumes.sum()
    assert observed_V_per_m(field, targets()[0]) == pytest.approx(mean, rel=1e-9)
    at = field.at([[0.01, 0.02, 0.07]])[0, 0]
    # At a point -grad phi and dA/dt are both taken between the nodes here; `at` has dA/dt at the point itself.
    assert observed_V_per_m(field, targets()[1])[0] == pytest.approx(at, abs=0.01 * np.abs(mean).max())


@pytest.mark.parametrize(
    "where, direction, fragment",
    [
        ("mni:1,2", "strength", "three finite numbers"),
        ("head:0,0,500", "strength", "from the cortex"),
        ("Q9", "strength", "Q9"),
        ("head:10,20,70", "up", "no direction"),
        ("head:10,20,70", "0,0,0", "no direction"),
        ("head:10,20,70", "wall", "no wall"),
        ("sphere:position_mm=0,0,0;radius_mm=8;tissue=layer_1", "normal", "no normal there"),
        ("sphere:radius=8", "strength", "not known here"),
    ],
)
def test_a_target_that_cannot_be_is_refused_in_words(where, direction, fragment):
    with pytest.raises(InputError, match=fragment):
        make_target(sphere(), where, direction=direction)


def test_all_that_is_wrong_with_a_target_is_told_at_once():
    with pytest.raises(InputError) as caught:
        make_target(sphere(), "mni:1,2", direction="up")
    assert len(caught.value.problems) == 2


# poses


@pytest.mark.parametrize("tilt", [None, Tilt(0.15, -0.1)])
def test_poses_are_those_that_pose_on_scalp_gives(tilt):
    space = SearchSpace(radius_m=0.012, spacing_m=0.004, angles_rad=(-1.0, 0.0, 2.5), distance_m=0.012, tilt=tilt)
    found = candidates(sphere(), nine_turns("wire"), np.array([0.03, 0.02, 0.07]), space=space)
    assert len(found.places_m) == 29
    for number in range(0, len(found.poses_m), 7):
        handle = Handle(from_midline_rad=float(found.angle_rad[number]))
        place = found.places_m[found.place[number]]
        asked = pose_on_scalp(sphere(), place, handle=handle, distance_m=0.012, tilt=tilt)
        own = CoilPose(found.poses_m[number]).lifted(-float(found.lift_m[number]))
        assert np.abs(own.matrix_m - asked.matrix_m).max() < 1e-12


def test_places_are_spaced_as_asked_and_within_the_radius():
    space = SearchSpace(radius_m=0.02, spacing_m=0.005, angles_rad=(0.0,))
    found = candidates(sphere(), nine_turns("wire"), np.array([0.03, 0.02, 0.07]), space=space)
    away = np.linalg.norm(found.places_m - found.middle_m, axis=1)
    assert away == pytest.approx(np.linalg.norm(found.lattice_m, axis=1), abs=2e-4)
    assert away.max() <= 0.0202
    assert np.linalg.norm(found.places_m, axis=1) == pytest.approx(0.092, abs=5e-4)


def test_a_casing_that_would_cut_is_lifted_as_rest_on_scalp_lifts_it():
    tilt = Tilt(0.3, 0.0)
    space = SearchSpace(radius_m=0.004, angles_rad=(0.0, 1.5), distance_m=0.0, tilt=tilt, most_lift_m=0.05)
    coil = nine_turns("wire")
    found = candidates(sphere(), coil, np.array([0.03, 0.02, 0.07]), space=space)
    casing = casing_points(coil)
    assert found.lift_m.min() > 1e-3
    for number in range(0, len(found.poses_m), 4):
        pose = CoilPose(found.poses_m[number])
        rested = rest_on_scalp(sphere(), pose.lifted(-float(found.lift_m[number])), casing)
        assert np.linalg.norm(rested.center_m - pose.center_m) < 3e-4
        assert intersection(sphere(), pose, casing).depth_m < 4e-4


def test_poses_the_coil_cannot_take_are_left_out_and_counted_with_the_reason():
    coil, angles = nine_turns("wire"), (0.0, 1.0)
    head = sphere()
    ear = np.asarray(head.fiducials_m["LPA"])
    found = candidates(head, coil, 0.9 * ear, space=SearchSpace(radius_m=0.06, spacing_m=0.012, angles_rad=angles))
    counts = dict(found.left_out)
    told = {reason.split(":")[0] for reason in counts}
    assert told == {"over an ear", "below the plane through nasion and ears", "held from below"}
    assert sum(counts.values()) + len(found.poses_m) == len(found.places_m) * len(angles)
    with pytest.raises(InputError, match="can take none of the poses"):
        candidates(head, coil, 0.9 * ear, space=SearchSpace(radius_m=0.01, angles_rad=angles))
    tilted = SearchSpace(radius_m=0.004, angles_rad=angles, tilt=Tilt(0.5, 0.0), distance_m=0.0, most_lift_m=0.001)
    with pytest.raises(InputError, match=r"casing would have to go back .* at least, 1 mm allowed"):
        candidates(head, coil, np.array([0, 0, 0.09]), space=tilted)


def test_a_space_that_cannot_be_lists_all_its_faults():
    with pytest.raises(InputError) as caught:
        SearchSpace(radius_m=-1, spacing_m=math.nan, angles_rad=(), distance_m=0.2, most_lift_m=-0.1)
    assert len(caught.value.problems) == 5
    with pytest.raises(InputError, match="at most 200,000"):
        SearchSpace(radius_m=0.1, spacing_m=0.001)
    with pytest.raises(InputError, match="top-k"):
        SearchOptions(top_k=0)


# ranking


def goals(*kinds):
    """Goals without a target of their own, for figures given by hand."""
    return tuple(Goal(targets()[1], weight=weight, is_avoided=is_avoided) for weight, is_avoided in kinds)


def test_the_score_adds_targets_by_weight_and_takes_off_the_size_of_what_is_spared():
    values = np.array([[2.0, 3.0, -4.0], [1.0, 1.0, 0.5]])
    found = scores_of(goals((1.0, False), (2.0, False), (0.5, True)), values)
    assert found == pytest.approx([2 + 6 - 2, 1 + 2 - 0.25])


def test_the_front_holds_the_poses_that_no_other_beats():
    values = np.array([[3.0, 5.0], [3.0, 4.0], [2.0, 1.0], [1.0, -1.0], [2.5, 4.5], [0.5, 0.0]])
    found = front_of(goals((1.0, False), (1.0, True)), values)
    assert list(found) == [1, 2, 5]


def test_the_best_pose_of_each_place_is_found_and_an_empty_place_has_none():
    scores, place = np.array([1.0, 4.0, 4.0, 2.0]), np.array([0, 0, 2, 2])
    assert list(best_of_places(scores, place, np.zeros(4), count=4)) == [1, -1, 2, -1]


def test_of_poses_that_are_equal_the_handle_nearest_to_the_back_is_listed():
    scores, place = np.array([4.0, 4.0 - 1e-5, 3.9]), np.zeros(3, dtype=int)
    assert list(best_of_places(scores, place, np.radians([-120, 60, 0]), count=1)) == [1]
    assert list(best_of_places(scores - [0, 0.01, 0], place, np.radians([-120, 60, 0]), count=1)) == [0]


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan, math.inf])
def test_a_weight_is_positive_and_finite(weight):
    with pytest.raises(InputError, match="weight"):
        Goal(targets()[0], weight=weight)


# the search


@cache
def searched():
    space = SearchSpace(radius_m=0.012, spacing_m=0.006, angles_rad=tuple(np.radians([-60, -20, 20, 60])))
    options = SearchOptions(space=space, top_k=4, didt_A_per_s=RATE)
    return search_poses(sphere(), nine_turns("wire"), [Goal(targets()[0])], options=options)


def test_a_search_finds_the_pose_that_solving_every_pose_finds():
    found = searched()
    placements = [
        coil_placement(nine_turns("wire"), pose_m=one, didt_A_per_s=RATE, head=sphere())
        for one in found.candidates.poses_m[::9]
    ]
    target = found.goals[0].target
    brute = np.array([target.value(observed_V_per_m(field, target)) for field in solve_coils(sphere(), placements)])
    assert found.scores_V_per_m[::9] == pytest.approx(brute, rel=2e-3)
    assert np.argmax(found.scores_V_per_m[::9]) == np.argmax(brute)
    assert found.interpolation_error < 1e-3
    assert found.auxiliary.residual <= 1e-6


def test_the_list_has_each_place_once_the_best_first_with_its_spread():
    best = searched().best
    scores = [one.score_V_per_m for one in best]
    assert scores == sorted(scores, reverse=True)
    # Another angle there may be a tie, and larger by what the lattice is off.
    assert scores[0] >= searched().scores_V_per_m.max() * (1 - TIE)
    assert len({one.place for one in best}) == 4
    for one in best:
        low, high = one.spread.score_V_per_m
        assert one.spread.poses == 14
        assert low < one.score_V_per_m <= high
        assert one.values_V_per_m[0] == one.score_V_per_m


def test_a_component_has_a_sign_that_turning_the_coil_round_turns():
    target = targets()[1]
    space = SearchSpace(radius_m=0.004, angles_rad=(0.3, 0.3 + math.pi))
    options = SearchOptions(space=space, top_k=1)
    found = search_poses(sphere(), nine_turns("wire"), [Goal(target)], options=options)
    values = found.values_V_per_m[:, 0].reshape(-1, 2)
    assert values[:, 0] == pytest.approx(-values[:, 1], rel=1e-2)


def test_two_targets_and_one_to_spare_give_a_front():
    spared = make_target(sphere(), "head:-20,20,70")
    options = SearchOptions(space=SearchSpace(radius_m=0.012, spacing_m=0.006), top_k=2, didt_A_per_s=RATE)
    wanted = [Goal(targets()[0]), Goal(spared, is_avoided=True)]
    found = search_poses(sphere(), nine_turns("wire"), wanted, options=options)
    assert found.values_V_per_m.shape == (len(found.candidates.poses_m), 2)
    assert len(found.front) >= 2
    reached, spare = found.values_V_per_m[found.front].T
    assert (np.diff(reached) < 0).all()
    assert (np.diff(spare) < 0).all()
    best = found.best[0]
    assert best.score_V_per_m == pytest.approx(best.values_V_per_m[0] - best.values_V_per_m[1])


def test_a_search_without_a_goal_to_reach_or_with_a_rate_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="nothing to reach"):
        search_poses(sphere(), nine_turns("wire"), [Goal(targets()[0], is_avoided=True)])
    with pytest.raises(CoilError, match="dI/dt"):
        search_poses(sphere(), nine_turns("wire"), [Goal(targets()[0])], options=SearchOptions(didt_A_per_s=math.nan))


# around a pose


def test_other_poses_have_the_score_a_search_gives_them_and_a_spread_that_keeps_their_tilt():
    found = searched()
    best = found.best[0]
    tilted = CoilPose(best.pose.matrix_m @ np.array([[1, 0, 0, 0], [0, 0.98, -0.19899749, 0], [0, 0.19899749, 0.98, 0],
                                                     [0, 0, 0, 1]])).lifted(0.02)  # fmt: skip
    (same, other) = values_at(found, [best.pose, tilted])
    assert same[0] == pytest.approx(best.score_V_per_m, rel=1e-9)
    assert same[1:] == pytest.approx(best.spread.score_V_per_m, rel=2e-3)
    assert other[1] < other[0] <= other[2] and other[0] < same[0]


def test_the_poses_around_one_are_shifted_and_turned_as_far_as_asked():
    found = searched()
    pose, uncertainty = found.best[0].pose, Uncertainty(shift_m=0.006, turn_rad=0.3)
    cloud = around_pose(sphere(), pose, uncertainty=uncertainty, casing_m=None)
    assert len(cloud) == 15
    assert np.array_equal(cloud[0], pose.matrix_m)
    away = np.linalg.norm(cloud[1:, :3, 3] - pose.center_m, axis=1)
    is_shifted = away > 1e-9
    assert is_shifted.sum() == 12
    assert away[is_shifted] == pytest.approx(0.006 * np.linalg.norm(pose.center_m) / 0.092, rel=0.03)
    turns = np.arccos(np.clip(np.einsum("nd,d->n", cloud[1:, :3, 1], pose.y), -1, 1))
    assert turns[~is_shifted] == pytest.approx([0.3, 0.3], abs=1e-6)


def test_a_search_and_a_run_give_the_same_pose_the_same_range():
    from stimplan.runs.spread import spread_of_all

    found = searched()
    best, target = found.best[0], found.goals[0].target

    def value(field):
        return {
            "in_tissue": None,
            "at_target": None,
            "below": None,
            "score": target.value(observed_V_per_m(field, target)),
        }

    placement = coil_placement(nine_turns("wire"), pose_m=best.pose, didt_A_per_s=RATE, head=sphere())
    spread = spread_of_all(next(solve_coils(sphere(), [placement])), value)
    assert spread.poses == best.spread.poses
    assert (spread.low["score"], spread.high["score"]) == pytest.approx(tuple(best.spread.score_V_per_m), rel=1e-3)


@pytest.mark.parametrize("shift_m, turn_rad, count", [(0.0, 0.1, 1), (0.1, 0.1, 1), (math.nan, -1.0, 2), (0.005, 4, 1)])
def test_an_uncertainty_that_cannot_be_is_refused(shift_m, turn_rad, count):
    with pytest.raises(InputError) as caught:
        Uncertainty(shift_m, turn_rad)
    assert len(caught.value.problems) == count


# the bundled head


@pytest.mark.slow
def test_on_the_bundled_head_a_dozen_poses_solved_one_by_one_agree_within_half_a_per_cent():
    head, coil = load_head("colin27", edge_mm="teaching"), read_coil("magstim-70mm-figure8")
    aims = [make_target(head, "mni:-38,44,26", direction=one) for one in ("strength", "normal", (-0.6, 0.7, 0.3))]
    space = SearchSpace(radius_m=0.02, spacing_m=0.01, angles_rad=tuple(np.radians([-60, 0, 60])))
    poses = candidates(head, coil, aims[0].center_m, space=space).poses_m[::3]
    assert len(poses) >= 12
    auxiliary = auxiliary_currents(head, aims)
    quick = auxiliary.values(components_at(auxiliary, coil, poses, didt_A_per_s=[RATE]))
    placements = [coil_placement(coil, pose_m=one, didt_A_per_s=RATE, head=head) for one in poses]
    brute = np.array([[aim.value(observed_V_per_m(field, aim)) for aim in aims]
                      for field in solve_coils(head, placements)])  # fmt: skip
    for column in range(3):
        assert quick[:, column] == pytest.approx(brute[:, column], abs=5e-4 * np.abs(brute[:, column]).max())
        assert np.argmax(quick[:, column]) == np.argmax(brute[:, column])


@pytest.mark.slow
def test_into_the_wall_of_a_sulcus_is_along_the_scalp_and_into_the_cortex():
    head = load_head("colin27", edge_mm="teaching")
    place = "mni:-40,-20,52"  # beside the hand knob
    wall, normal = (make_target(head, place, direction=one) for one in ("wall", "normal"))
    along, into = wall.weights.sum(axis=0)[:, 0], normal.weights.sum(axis=0)[:, 0]
    assert np.linalg.norm(along) == pytest.approx(1) and np.linalg.norm(into) == pytest.approx(1)
    flat = pose_on_scalp(head, on_scalp(head, wall.center_m), handle=Handle(from_midline_rad=0.0))
    assert abs(along @ flat.z) < 1e-6
    assert along @ into > 0.5
    with pytest.raises(InputError, match="lies under the scalp"):
        make_target(head, "mni:-38,44,26", direction="wall")


def on_scalp(head, point_m):
    return nearest_on_surface(point_m, head.nodes_m, head.scalp)[1]
