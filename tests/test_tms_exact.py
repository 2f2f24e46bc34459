"""The closed form of a magnetic dipole outside a sphere, against what determines it uniquely."""

from __future__ import annotations

import numpy as np
import pytest

from stimplan.errors import InputError
from stimplan.fem.exact_tms import ellipsoid_field, sphere_field
from stimplan.fem.tms import MU0_OVER_4_PI

RADIUS = 0.092


def case(seed=1, n_points=20, n_dipoles=3):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n_points, 3))
    points *= (0.08 * rng.uniform(0.1, 1, n_points) / np.linalg.norm(points, axis=1))[:, None]
    places = rng.normal(size=(n_dipoles, 3))
    places *= (rng.uniform(0.1, 0.2, n_dipoles) / np.linalg.norm(places, axis=1))[:, None]
    return points, places, rng.normal(size=(n_dipoles, 3))


def field(points, places, rates):
    return sphere_field(points, places, rates, radius_m=RADIUS)


def derivatives(points, places, rates, h=1e-4):
    """(n, 3, 3) derivative of component j along axis i, central differences of the fourth order."""
    slopes = []
    for axis in range(3):
        step = np.eye(3)[axis] * h
        near = field(points + step, places, rates) - field(points - step, places, rates)
        far = field(points + 2 * step, places, rates) - field(points - 2 * step, places, rates)
        slopes.append((8 * near - far) / (12 * h))
    return np.stack(slopes, axis=1)


def test_the_field_has_no_radial_component():
    points, places, rates = case()
    E = field(points, places, rates)
    radial = np.einsum("ij,ij->i", E, points) / np.linalg.norm(points, axis=1)
    assert np.abs(radial).max() <= 1e-14 * np.abs(E).max()


def test_the_curl_of_the_field_is_minus_the_rate_of_the_dipoles_magnetic_field_and_its_divergence_is_zero():
    points, places, rates = case()
    slope = derivatives(points, places, rates)
    curl = np.stack(
        [slope[:, 1, 2] - slope[:, 2, 1], slope[:, 2, 0] - slope[:, 0, 2], slope[:, 0, 1] - slope[:, 1, 0]], axis=1
    )
    d = points[:, None] - places
    distance = np.linalg.norm(d, axis=-1, keepdims=True)
    along = np.einsum("nkd,kd->nk", d, rates)[..., None]
    B_rate = MU0_OVER_4_PI * (3 * along * d / distance**5 - rates / distance**3).sum(axis=1)
    assert curl == pytest.approx(-B_rate, abs=1e-6 * np.abs(B_rate).max())
    divergence = np.trace(slope, axis1=1, axis2=2)
    assert np.abs(divergence).max() <= 1e-6 * np.abs(B_rate).max()


def test_a_radial_dipole_induces_rings_about_its_axis_equal_to_its_own_potential():
    # For a radial dipole A is tangential to the sphere everywhere, so that no charge appears: E = -dA/dt.
    points, _, _ = case()
    E = field(points, [[0, 0, 0.12]], [[0, 0, 1.0]])
    d = points - [0, 0, 0.12]
    A = MU0_OVER_4_PI * np.cross([0, 0, 1.0], d) / np.linalg.norm(d, axis=1)[:, None] ** 3
    assert pytest.approx(-A, rel=1e-10, abs=1e-14 * np.abs(A).max()) == E


def test_there_is_no_field_on_the_axis_of_a_radial_dipole_nor_at_the_centre():
    axis = np.stack([np.zeros(5), np.zeros(5), np.linspace(-0.08, 0.08, 5)], axis=1)
    size = np.abs(field([[0.03, 0, 0.03]], [[0, 0, 0.12]], [[0, 0, 1.0]])).max()
    assert np.abs(field(axis, [[0, 0, 0.12]], [[0, 0, 1.0]])).max() <= 1e-14 * size
    _, places, rates = case()
    assert np.abs(field([[0.0, 0, 0]], places, rates)).max() == 0


def test_fields_of_dipoles_add_up_and_turn_with_them():
    points, places, rates = case()
    E = field(points, places, rates)
    one_by_one = sum(field(points, place[None], rate[None]) for place, rate in zip(places, rates, strict=True))
    assert one_by_one == pytest.approx(E, rel=1e-12)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    assert field(points @ turn.T, places @ turn.T, rates @ turn.T) == pytest.approx(E @ turn.T, rel=1e-10)


def test_places_on_the_wrong_side_of_the_surface_are_refused():
    with pytest.raises(InputError, match=r"a point is 0\.1 m from"):
        field([[0, 0, 0.1]], [[0, 0, 0.2]], [[0, 0, 1.0]])
    with pytest.raises(InputError, match="not outside"):
        field([[0, 0, 0.05]], [[0, 0, 0.09]], [[0, 0, 1.0]])
    with pytest.raises(InputError, match="expected"):
        field([[0, 0, 0.05]], [[0, 0, 0.2]], [[0, 0, 1.0], [0, 0, 1]])


def test_in_an_ellipsoid_a_uniform_field_induces_what_its_curl_and_its_surface_ask_for():
    axes, rate = np.array([0.07, 0.09, 0.08]), np.array([1.0, -2.0, 0.5])
    rng = np.random.default_rng(2)
    points = rng.normal(size=(50, 3))
    points *= axes / np.linalg.norm(points, axis=1)[:, None]
    E = ellipsoid_field(points, rate, semi_axes_m=axes)
    # It is linear: its derivatives are those between any two points.
    slope = ellipsoid_field(np.eye(3), rate, semi_axes_m=axes)
    curl = [slope[1, 2] - slope[2, 1], slope[2, 0] - slope[0, 2], slope[0, 1] - slope[1, 0]]
    assert curl == pytest.approx(-rate)
    assert np.trace(slope) == pytest.approx(0, abs=1e-15)
    normal = points / axes**2
    assert np.abs(np.einsum("ij,ij->i", E, normal)).max() < 1e-12 * np.abs(E).max() * np.abs(normal).max()


def test_in_a_sphere_that_is_half_of_rate_times_distance():
    points = np.random.default_rng(3).normal(size=(20, 3))
    rate = np.array([1.0, -2.0, 0.5])
    found = ellipsoid_field(points, rate, semi_axes_m=[0.1, 0.1, 0.1])
    assert found == pytest.approx(-np.cross(rate, points) / 2)
