"""Coils of strips with raised returns, and wings at an angle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stimplan.coil import Stimulator
from stimplan.coil.strips import Strip, h_like
from stimplan.coil.windings import butterfly, circular, figure_8, turn_radii, wind
from stimplan.errors import CoilError
from stimplan.fem.tms import dipole_potential, segment_potential

STRIPS = h_like(strips=6, spacing_m=0.01, length_m=0.12, return_height_m=0.06)


def coil(parts=STRIPS, kind="wire", elements=None):
    return wind("test", parts, source="test", kind=kind, elements=elements)


def potential(one, points):
    element = one.elements[0]
    if hasattr(element, "vectors_m"):
        return segment_potential(points, element.positions_m, element.vectors_m, is_double=True)
    return dipole_potential(points, element.positions_m, element.moments_A_m2_per_A, is_double=True)


def below(depth_m):
    """Points on a sphere that much smaller than the head, near the coil."""
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(200, 3)) * [1, 1, 0.3] - [0, 0, 1.5]
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    return np.array([0, 0, 0.085]) + (0.085 - depth_m) * unit


@pytest.mark.parametrize(
    "kind, limits",
    [("wire", {8: 0.2, 16: 0.02, 32: 1e-3, 64: 1e-5}), ("dipoles", {1: 0.3, 2: 0.03, 4: 1e-3, 8: 1e-5})],
)
def test_strips_converge_fast_with_more_elements(kind, limits):
    truth = potential(coil(elements=400), below(0.015))
    found = {}
    for count in limits:
        miss = potential(coil(kind=kind, elements=count), below(0.015)) - truth
        # Wire and dipoles differ by a gradient where the turn is not closed: it is, so they do not.
        found[count] = np.abs(miss).max() / np.abs(truth).max()
    assert all(found[count] <= limit for count, limit in limits.items()), found
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_a_strip_is_a_closed_turn_that_runs_to_the_handle_near_the_head():
    element = coil(STRIPS[:1], elements=48).elements[0]
    assert element.vectors_m.sum(axis=0) == pytest.approx([0, 0, 0], abs=1e-9)
    depth = np.linalg.norm(element.positions_m - [0, 0, 0.085], axis=1)
    assert depth.min() == pytest.approx(0.09)
    assert depth.max() == pytest.approx(0.15)
    near = element.vectors_m[depth < 0.0901].sum(axis=0)
    assert near[1] == pytest.approx(-2 * 0.09 * np.sin(STRIPS[0].half_angle_rad))


def test_the_field_below_the_strips_points_away_from_the_handle_and_falls_slowly():
    E = -potential(coil(), np.array([[0, 0, 0.015], [0, 0, 0.03]]))
    assert E[0, 1] > 0
    assert E[:, [0, 2]] == pytest.approx(np.zeros((2, 2)), abs=1e-12)
    flat = -potential(
        coil(figure_8(turn_radii(0.026, 0.045, 9), center_m=0.045)), np.array([[0, 0, 0.015], [0, 0, 0.03]])
    )
    assert E[1, 1] / E[0, 1] > flat[1, 1] / flat[0, 1]


def test_raised_returns_take_less_from_the_field():
    low, high = (h_like(strips=4, spacing_m=0.01, length_m=0.1, return_height_m=height) for height in (0.02, 0.08))
    at = np.array([[0, 0, 0.03]])
    assert potential(coil(high), at)[0, 1] / potential(coil(low), at)[0, 1] > 1.5


def test_turns_count_and_strips_mirror_each_other():
    double = h_like(strips=6, spacing_m=0.01, length_m=0.12, return_height_m=0.06, turns=2.0)
    assert potential(coil(double), below(0.02)) == pytest.approx(2 * potential(coil(), below(0.02)))
    assert [strip.tilt_rad for strip in STRIPS] == pytest.approx([-strip.tilt_rad for strip in STRIPS[::-1]])


def test_a_butterfly_of_180_degrees_is_a_figure_8_and_a_smaller_angle_bends_it_to_the_head():
    radii = turn_radii(0.02, 0.04, 5)
    flat = coil(butterfly(radii, center_m=0.04, wing_angle_rad=math.pi))
    assert flat.positions_m == pytest.approx(coil(figure_8(radii, center_m=0.04)).positions_m)
    bent = coil(butterfly(radii, center_m=0.04, wing_angle_rad=np.radians(100)))
    far = bent.positions_m[np.argmax(bent.positions_m[:, 0])]
    assert np.degrees(np.arctan2(far[2], far[0])) == pytest.approx(40, abs=0.5)


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda: butterfly((0.03,), center_m=0.03, wing_angle_rad=0.0), "angle between wings"),
        (lambda: butterfly((0.03,), center_m=0.03, wing_angle_rad=4.0), "angle between wings"),
        (lambda: h_like(strips=0, spacing_m=0.01, length_m=0.1, return_height_m=0.05), "one strip or more"),
        (lambda: h_like(strips=2, spacing_m=0.0, length_m=0.1, return_height_m=0.05), "one strip or more"),
        (lambda: h_like(strips=2, spacing_m=0.01, length_m=0.5, return_height_m=0.05), "half angle"),
        (lambda: h_like(strips=2, spacing_m=0.01, length_m=0.1, return_height_m=-0.05), "near_m < far_m"),
        (lambda: h_like(strips=40, spacing_m=0.01, length_m=0.1, return_height_m=0.05), "at most 90 degrees"),
        (lambda: h_like(strips=2, spacing_m=0.01, length_m=0.1, return_height_m=0.05, turns=0.0), "turns"),
        (lambda: h_like(strips=2, spacing_m=0.01, length_m=0.1, return_height_m=0.05, colour=1), "unknown: colour"),
        (lambda: Strip(float("nan"), 0.1, 0.5, 0.0, 0.085), "near_m < far_m"),
        (lambda: wind("x", circular((0.03,)), source="t", pilot=Stimulator("s")), "not pilot"),
    ],
)
def test_what_cannot_be_is_refused(make, reason):
    with pytest.raises(CoilError, match=reason):
        make()
