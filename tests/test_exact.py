"""The closed-form sphere, against formulas and equations it was not made from."""

from __future__ import annotations

import numpy as np
import pytest
from spheres import RADII_MM, SIGMA

from stimplan.errors import InputError, SolveError
from stimplan.fem.exact import SphereElectrode, disc_half_angle, layered_sphere

RADII = np.array(RADII_MM) * 1e-3
R = RADII[-1]
DISC = disc_half_angle(0.01, R)
PAIR = (SphereElectrode((0, 0, 1), 1e-3, DISC), SphereElectrode((1, 0.2, -0.3), -1e-3, DISC))


def solution(points, electrodes=PAIR, **options):
    return layered_sphere(points, electrodes, radii_m=RADII, conductivities_S_per_m=SIGMA, **options)


def random_points(count, radius, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 3))
    return points * (radius * rng.random(count) ** (1 / 3) / np.linalg.norm(points, axis=1))[:, None]


def homogeneous(points, electrodes, sigma):
    """Sum of I / (4 pi sigma R) (2 / s - 2 - log((1 - t cos + s) / 2)), t = r / R, s² = 1 - 2 t cos + t²."""
    total = 0.0
    for electrode in electrodes:
        axis = np.array(electrode.direction) / np.linalg.norm(electrode.direction)
        t_cos = points @ axis / R
        s = np.sqrt(1 - 2 * t_cos + (points**2).sum(axis=1) / R**2)
        total = total + electrode.current_A / (4 * np.pi * sigma * R) * (2 / s - 2 - np.log((1 - t_cos + s) / 2))
    return total


@pytest.mark.parametrize("radii", [[R], list(RADII)], ids=["one layer", "four equal layers"])
def test_a_homogeneous_sphere_with_point_electrodes_has_the_known_closed_form(radii):
    points = random_points(500, 0.9 * R)
    points_only = [SphereElectrode(e.direction, e.current_A) for e in PAIR]
    potential, field = layered_sphere(points, points_only, radii_m=radii, conductivities_S_per_m=[0.33] * len(radii))
    np.testing.assert_allclose(potential, homogeneous(points, points_only, 0.33), atol=1e-8 * np.ptp(potential))
    step = 1e-6
    for k in range(3):
        shift = step * np.eye(3)[k]
        slope = homogeneous(points + shift, points_only, 0.33) - homogeneous(points - shift, points_only, 0.33)
        np.testing.assert_allclose(field[:, k], -slope / (2 * step), atol=1e-6 * np.abs(field).max())


@pytest.mark.parametrize("interface", range(3))
def test_potential_and_normal_current_are_continuous_across_an_interface(interface):
    directions = random_points(50, 1.0)
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    inner, outer = ((solution(directions * RADII[interface] * (1 + side * 1e-9))) for side in (-1, 1))
    np.testing.assert_allclose(inner[0], outer[0], atol=1e-6 * np.ptp(inner[0]))
    normal = [
        SIGMA[interface + side] * np.einsum("ij,ij->i", field, directions)
        for side, (_, field) in enumerate((inner, outer))
    ]
    np.testing.assert_allclose(normal[0], normal[1], atol=1e-5 * np.abs(normal[0]).max())
    tangential = [np.cross(field, directions) for _, field in (inner, outer)]
    np.testing.assert_allclose(*tangential, atol=1e-5 * np.abs(tangential[0]).max())


SPECIAL = [[0, 0, 0], [0, 0, 0.05], [0, 0, -0.079], [1e-9, 0, 0.083], [0.03, 0.03, 0.0799], [0.01, 0, 0.0885]]


@pytest.mark.parametrize("point", SPECIAL, ids=["centre", "axis", "below", "near the axis", "csf", "scalp"])
def test_the_field_is_minus_the_gradient_and_the_potential_satisfies_laplace(point):
    step = 5e-5
    steps = step * np.concatenate([np.eye(3), -np.eye(3)])
    around = solution(np.array(point) + steps, tolerance=1e-12)[0]
    (center,), (field,) = solution(np.array([point], dtype=float), tolerance=1e-12)
    scale = max(np.abs(field).max(), 0.05)
    np.testing.assert_allclose(field, -(around[:3] - around[3:]) / (2 * step), atol=5e-5 * scale)
    curvatures = (around[:3] + around[3:] - 2 * center) / step**2
    assert abs(curvatures.sum()) < 1e-3 * max(np.abs(curvatures).max(), 1e-2)


def test_the_injected_current_enters_under_the_disc_and_nowhere_else():
    angles = np.linspace(0, 4 * DISC, 1001)
    middle = (angles[1:] + angles[:-1]) / 2
    radius = R * 0.995
    points = radius * np.stack([np.sin(middle), 0 * middle, np.cos(middle)], axis=1)
    _, field = solution(points, (PAIR[0], SphereElectrode((0, 0, -1), -1e-3, DISC)), tolerance=1e-6)
    inward = -SIGMA[-1] * np.einsum("ij,ij->i", field, points) / radius
    rings = 2 * np.pi * R**2 * -np.diff(np.cos(angles))
    under = middle < DISC
    # Half a millimetre below the surface some of it already flows sideways.
    nominal = 1e-3 / (np.pi * 0.01**2)
    assert inward[middle < 0.5 * DISC] == pytest.approx(nominal, rel=0.08)
    assert 0.85e-3 < (inward * rings)[under].sum() < 1e-3
    assert 0 < (inward * rings)[~under].sum() < 0.1e-3


def test_a_small_disc_is_a_point_electrode():
    points = random_points(100, RADII[0])
    small = [SphereElectrode(e.direction, e.current_A, 1e-4) for e in PAIR]
    point = [SphereElectrode(e.direction, e.current_A) for e in PAIR]
    np.testing.assert_allclose(solution(points, small)[1], solution(points, point)[1], rtol=1e-5, atol=1e-9)


def test_the_area_of_the_cap_is_that_of_the_flat_disc():
    assert 2 * np.pi * R**2 * (1 - np.cos(DISC)) == pytest.approx(np.pi * 0.01**2, rel=1e-12)


def test_the_field_scales_with_current_and_inversely_with_all_conductivities():
    points = random_points(50, RADII[0])
    potential, field = solution(points)
    twice = [SphereElectrode(e.direction, 2 * e.current_A, e.half_angle_rad) for e in PAIR]
    np.testing.assert_allclose(solution(points, twice)[1], 2 * field, rtol=1e-9, atol=1e-15)
    doubled = layered_sphere(points, PAIR, radii_m=RADII, conductivities_S_per_m=2 * np.array(SIGMA))
    np.testing.assert_allclose(doubled[0], potential / 2, rtol=1e-9, atol=1e-15)


def test_the_series_survives_thousands_of_terms_and_extreme_layers():
    radii, sigma = [0.02, 0.0795, 0.08, 0.0919, 0.092], [1.0, 1e-4, 3.0, 1e-5, 1.0]
    near = [[0, 0.0055, 0.0916]]
    potential, field = layered_sphere(near, PAIR, radii_m=radii, conductivities_S_per_m=sigma, tolerance=1e-6)
    assert np.isfinite(potential).all() and np.isfinite(field).all() and np.abs(field).max() > 1


def test_a_series_that_does_not_converge_raises():
    with pytest.raises(SolveError, match="1 points"):
        solution([[0, 0, R]], [SphereElectrode(e.direction, e.current_A) for e in PAIR])


@pytest.mark.parametrize(
    "points, electrodes, radii, sigma, fragment",
    [
        ([[0, 0, 0.093]], PAIR, RADII, SIGMA, "1 points are outside"),
        ([[np.nan, 0, 0]], PAIR, RADII, SIGMA, "1 points are outside"),
        ([[0, 0, 0]], PAIR[:1], RADII, SIGMA, "sum to zero"),
        ([[0, 0, 0]], PAIR, RADII[::-1], SIGMA, "radii must grow"),
        ([[0, 0, 0]], PAIR, RADII[:2], SIGMA, "radii must grow"),
        ([[0, 0, 0]], PAIR, RADII, (1, 1, 0, 1), "positive"),
    ],
)
def test_wrong_arguments_are_refused(points, electrodes, radii, sigma, fragment):
    with pytest.raises(InputError, match=fragment):
        layered_sphere(points, electrodes, radii_m=radii, conductivities_S_per_m=sigma)
