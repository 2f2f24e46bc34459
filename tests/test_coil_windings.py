"""Windings: what dipoles and pieces of wire they become, and how fast that converges."""

from __future__ import annotations

import numpy as np
import pytest
from coils import RADII, nine_turns

from stimplan.coil.windings import Fold, Wing, circular, figure_8, folded, turn_radii, wind
from stimplan.errors import CoilError
from stimplan.fem.tms import dipole_potential, segment_potential


def plane(depth_m):
    axis = np.linspace(-0.1, 0.1, 11)
    return np.array([[x, y, depth_m] for x in axis for y in axis])


def potential(coil, points):
    element = coil.elements[0]
    if hasattr(element, "vectors_m"):
        return segment_potential(points, element.positions_m, element.vectors_m, is_double=True)
    return dipole_potential(points, element.positions_m, element.moments_A_m2_per_A, is_double=True)


def error(kind, elements, depth_m):
    truth = potential(nine_turns("wire", 400), plane(depth_m))
    return np.abs(potential(nine_turns(kind, elements), plane(depth_m)) - truth).max() / np.abs(truth).max()


@pytest.mark.parametrize(
    "kind, depth_m, limits",
    [
        ("dipoles", 0.01, {1: 4.0, 2: 0.2, 4: 0.04, 6: 4e-3, 8: 4e-4}),
        ("dipoles", 0.02, {1: 2.0, 2: 0.03, 4: 1e-3, 6: 3e-5, 8: 3e-7}),
        ("dipoles", 0.03, {1: 0.7, 2: 0.006, 4: 5e-5, 6: 3e-7, 8: 1e-9}),
        ("wire", 0.01, {8: 0.12, 16: 0.01, 32: 2e-4, 48: 4e-6}),
        ("wire", 0.02, {8: 0.03, 16: 4e-4, 32: 2e-7, 48: 1e-10}),
    ],
)
def test_more_elements_a_turn_converge_as_fast_as_stated(kind, depth_m, limits):
    found = {count: error(kind, count, depth_m) for count in limits}
    assert all(found[count] <= limit for count, limit in limits.items()), found
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_nine_turns_of_28_to_44_mm_have_the_moment_of_their_areas_on_each_side():
    area = np.pi * sum(radius**2 for radius in RADII)
    assert area == pytest.approx(0.0374, abs=5e-5)
    for kind in ("dipoles", "wire"):
        element = nine_turns(kind).elements[0]
        right = element.positions_m[:, 0] > 0
        if kind == "dipoles":
            moment = element.moments_A_m2_per_A[right].sum(axis=0)
        else:
            arm = element.positions_m[right] - [0.045, 0, 0]
            moment = 0.5 * np.cross(arm, element.vectors_m[right]).sum(axis=0)
        assert moment == pytest.approx([0, 0, area], rel=2e-3, abs=1e-12)
        assert nine_turns(kind).moment_A_m2_per_A == pytest.approx([0, 0, 0], abs=1e-12)


def test_a_growing_current_induces_a_field_away_from_the_handle_under_the_middle():
    E = -potential(nine_turns("wire"), np.array([[0, 0, 0.02]]))[0]
    assert E[1] > 0
    assert E[[0, 2]] == pytest.approx([0, 0], abs=1e-9 * E[1])
    assert np.dot(E, nine_turns().handle_direction) < 0


def test_a_circular_coil_turns_counter_clockwise_seen_from_the_head():
    coil = wind("round", circular(turn_radii(0.033, 0.0615, 14), layers_m=(-0.005,)), source="test")
    E = -potential(coil, np.array([[0.045, 0, 0.01]]))[0]
    assert E[1] < 0
    assert coil.moment_A_m2_per_A[2] > 0
    assert potential(coil, np.array([[0.0, 0, 0.02]])) == pytest.approx(np.zeros((1, 3)), abs=1e-15)


def test_bent_wings_reach_towards_the_head_and_mirror_each_other():
    flat = wind("flat", figure_8(RADII, center_m=0.045, layers_m=(-0.004,)), source="test")
    bent = wind("bent", figure_8(RADII, center_m=0.045, bend_rad=np.radians(20), layers_m=(-0.004,)), source="test")
    assert flat.positions_m[:, 2] == pytest.approx(np.full(len(flat.positions_m), -0.004))
    assert bent.positions_m[:, 2].max() > 0.02
    mirrored = bent.positions_m * [-1, 1, 1]
    order = lambda points: points[np.lexsort(np.round(points, 9).T)]  # noqa: E731
    assert order(mirrored) == pytest.approx(order(bent.positions_m), abs=1e-9)
    # The currents in the middle run the same way, and the field keeps its direction.
    assert (potential(bent, np.array([[0, 0, 0.02]])) * potential(flat, np.array([[0, 0, 0.02]])))[0, 1] > 0


def test_layers_share_the_current():
    one = wind("one", figure_8(RADII, center_m=0.045, layers_m=(-0.006,)), source="test")
    three = wind("three", figure_8(RADII, center_m=0.045, layers_m=(-0.004, -0.006, -0.008)), source="test")
    at = plane(0.04)
    assert potential(three, at) == pytest.approx(potential(one, at), abs=0.01 * np.abs(potential(one, at)).max())


def test_turns_lie_evenly_between_the_edges():
    assert turn_radii(0.027, 0.045, 9) == pytest.approx(RADII)


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda: turn_radii(0.05, 0.04, 9), "turns between two radii"),
        (lambda: turn_radii(0.02, 0.04, 0), "turns between two radii"),
        (lambda: figure_8(RADII, center_m=0.0), "centre above 0 m"),
        (lambda: figure_8(RADII, center_m=0.04, bend_rad=2.0), "bend below 90"),
        (lambda: circular(()), "at least one finite radius"),
        (lambda: circular((float("nan"),)), "at least one finite radius"),
        (lambda: circular((0.03,), layers_m=()), "at least one finite height"),
        (lambda: Wing((0.03,), (0.0, 0, 0), (0.0, 0, 2)), "a unit vector"),
        (lambda: wind("x", circular((0.03,)), source="t", kind="cloud"), "kind must be"),
        (lambda: wind("x", circular((0.03,)), source="t", elements=2), "at least 3"),
        (lambda: wind("x", circular((0.03,)), source="t", kind="dipoles", elements=0), "at least 1"),
        (lambda: wind("x", (), source="t"), "has no dipole and no segment"),
    ],
)
def test_windings_that_cannot_be_are_refused(make, reason):
    with pytest.raises(CoilError, match=reason):
        make()


BENT = Fold(0.025, np.radians(16))


def bent(side=1, *, fold=BENT, radii=(0.02, 0.04), **more):
    return wind("bent", folded(radii, center_m=0.03, side=side, fold=fold, layers_m=(-0.004,)), source="test", **more)


@pytest.mark.parametrize("kind, elements", [("wire", 16), ("dipoles", 4)])
def test_a_fold_by_nothing_changes_no_field(kind, elements):
    flat = wind("flat", figure_8((0.02, 0.04), center_m=0.03, layers_m=(-0.004,)), source="test", elements=200)
    pair = [
        part
        for side in (1, -1)
        for part in folded((0.02, 0.04), center_m=0.03, side=side, fold=Fold(0.025, 0.0), layers_m=(-0.004,))
    ]
    found = wind("pair", pair, source="test", kind=kind, elements=2 * elements)
    truth = potential(flat, plane(0.02))
    assert np.abs(potential(found, plane(0.02)) - truth).max() < 0.005 * np.abs(truth).max()


def test_a_bent_wing_is_flat_within_the_line_and_turned_towards_the_head_beyond_it_on_both_sides():
    for side in (1, -1):
        element = bent(side).elements[0]
        along, height = side * element.positions_m[:, 0], element.positions_m[:, 2] + 0.004
        inner = along < BENT.at_m
        assert 0 < inner.sum() < len(inner)
        assert np.abs(height[inner]).max() < 1e-15
        # Beyond it on the turned plane, as far from the line as before.
        beyond = (along[~inner] - BENT.at_m, height[~inner])
        assert beyond[1] == pytest.approx(beyond[0] * np.tan(BENT.angle_rad), rel=1e-9)
        assert (BENT.at_m + np.hypot(*beyond)).max() == pytest.approx(0.03 + 0.04, abs=4e-4)
        # A current that runs in a circle leads back to where it began.
        assert np.abs(element.vectors_m.sum(axis=0)).max() < 1e-12


def test_wire_and_dipoles_of_a_bent_wing_make_the_same_field_and_converge():
    truth = potential(bent(elements=400), plane(0.02))

    def error(**more):
        return np.abs(potential(bent(**more), plane(0.02)) - truth).max() / np.abs(truth).max()

    assert error(elements=48) < 1e-5
    assert error(kind="dipoles", elements=6) < 0.005
    assert error(kind="dipoles", elements=8) < 5e-4


def test_turns_that_miss_the_line_are_bent_as_a_whole_or_not_at_all():
    near = bent(fold=Fold(0.08, 0.3), radii=(0.02,)).elements[0]
    assert np.ptp(near.positions_m[:, 2]) == 0
    far = bent(fold=Fold(0.0, 0.3), radii=(0.02,)).elements[0]
    assert far.positions_m[:, 2] + 0.004 == pytest.approx(far.positions_m[:, 0] * np.tan(0.3), rel=1e-9)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Fold(-0.01, 0.3), "less than 90 degrees"),
        (lambda: Fold(0.01, float("nan")), "less than 90 degrees"),
        (lambda: Fold(float("inf"), 0.1), "less than 90 degrees"),
        (lambda: folded((0.03,), center_m=0.03, side=0, fold=BENT), "a side of 1 or -1"),
        (lambda: folded((0.03,), center_m=0.0, side=1, fold=BENT), "a side of 1 or -1"),
        (lambda: Wing((0.03,), (0.03, 0, 0), axis=(1.0, 0.0, 0.0), fold=BENT), "an axis along z"),
        (lambda: Wing((0.03,), (-0.03, 0, 0), fold=BENT), "an axis along z"),
    ],
)
def test_a_fold_that_is_none_is_refused(make, message):
    with pytest.raises(CoilError, match=message):
        make()
