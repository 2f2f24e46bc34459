"""dA/dt of dipoles, wire and grids in compiled loops."""

from __future__ import annotations

import numpy as np
import pytest

from stimplan.errors import InputError
from stimplan.fem.tms import (
    MU0_OVER_4_PI,
    SINGLE_PRECISION_ERROR,
    dipole_potential,
    element_means,
    grid_potential,
    primary_load,
    segment_potential,
)


def points(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.09, 0.09, size=(n, 3))


def sources(k=500, seed=1):
    rng = np.random.default_rng(seed)
    places = np.column_stack([rng.uniform(-0.09, 0.09, (k, 2)), rng.uniform(0.095, 0.105, k)])
    return places, rng.normal(size=(k, 3)) * 1e2


def test_single_precision_is_as_exact_as_stated():
    at, (places, moments) = points(), sources()
    for potential in (dipole_potential, segment_potential):
        double = potential(at, places, moments, is_double=True)
        error = np.abs(potential(at, places, moments) - double).max() / np.abs(double).max()
        assert 0 < error <= SINGLE_PRECISION_ERROR


def test_dipoles_follow_the_formula():
    at, (places, moments) = points(50), sources(7)
    d = at[:, None] - places
    truth = MU0_OVER_4_PI * (np.cross(moments, d) / np.linalg.norm(d, axis=-1, keepdims=True) ** 3).sum(axis=1)
    assert dipole_potential(at, places, moments, is_double=True) == pytest.approx(truth, rel=1e-10)


def test_a_small_loop_of_wire_is_a_dipole_of_current_times_area():
    angle = 2 * np.pi * (np.arange(64) + 0.5) / 64
    ring = 1e-3 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1) + [0.01, 0, 0.12]
    wire = 1e-3 * 2 * np.pi / 64 * np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    dipole = dipole_potential(points(100), [[0.01, 0, 0.12]], [[0, 0, np.pi * 1e-6]], is_double=True)
    loop = segment_potential(points(100), ring, wire, is_double=True)
    assert loop == pytest.approx(dipole, rel=2e-3, abs=2e-3 * np.abs(dipole).max())


def test_the_bits_do_not_depend_on_how_the_points_are_cut():
    at, (places, moments) = points(9000), sources(100)
    whole = dipole_potential(at, places, moments)
    assert np.array_equal(whole[:100], dipole_potential(at[:100], places, moments))


def test_a_coil_without_current_has_no_field():
    assert not dipole_potential(points(10), [[0, 0, 0.1]], [[0, 0, 0]]).any()


@pytest.mark.parametrize(
    "at, places, vectors, reason",
    [
        ([[0, 0, 0.1]], [[0, 0, 0.1]], [[0, 0, 1]], "lies on an element"),
        ([[0, 0, np.nan]], [[0, 0, 0.1]], [[0, 0, 1]], "points are"),
        ([[0, 0, 0]], [[0, 0, 0.1]], [[0, np.inf, 1]], "vectors are"),
        ([[0, 0, 0]], [[0, 0.1]], [[0, 0, 1]], "positions are"),
        ([[0, 0, 0]], [[0, 0, 0.1]], [[0, 0, 1], [0, 0, 1]], "1 positions but 2 vectors"),
    ],
)
def test_what_has_no_field_is_refused(at, places, vectors, reason):
    with pytest.raises(InputError, match=reason):
        dipole_potential(at, places, vectors)


def test_a_linear_potential_on_a_grid_is_returned_exactly_and_nothing_outside_it():
    axes = np.meshgrid(*map(np.arange, (4, 5, 6)), indexing="ij")
    values = np.stack([axes[0] + 2 * axes[1], axes[2] - axes[0], 0.5 * axes[1]], axis=-1).astype(float)
    point_from_voxel = np.diag([0.01, 0.01, 0.02, 1.0])
    point_from_voxel[:3, 3] = (-0.01, 0.0, 0.03)
    at = np.array([[0.0, 0.02, 0.05], [0.013, 0.031, 0.077]])
    voxel = (at - point_from_voxel[:3, 3]) / [0.01, 0.01, 0.02]
    truth = np.stack([voxel[:, 0] + 2 * voxel[:, 1], voxel[:, 2] - voxel[:, 0], 0.5 * voxel[:, 1]], axis=1)
    assert grid_potential(at, values, np.linalg.inv(point_from_voxel)) == pytest.approx(truth)
    with pytest.raises(InputError, match="1 of 1 points are outside the grid"):
        grid_potential([[0.0, 0.0, 0.02]], values, np.linalg.inv(point_from_voxel))


def test_a_uniform_field_along_a_single_tetrahedron_loads_its_corners_as_the_formula_says():
    nodes = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    tets = np.array([[0, 1, 2, 3]], dtype=np.int32)
    means = element_means(np.tile([2.0, 0, 0], (4, 1)), tets)
    assert means == pytest.approx(np.array([[2.0, 0, 0]]))
    load = primary_load(means, nodes, tets, sigma_S_per_m=np.array([3.0]))
    assert load == pytest.approx([1.0, -1.0, 0, 0])
    tensor = np.array([[3.0, 1, 1, 0.6, 0, 0]])
    assert primary_load(means, nodes, tets, sigma_S_per_m=tensor) == pytest.approx([1.2, -1.0, -0.2, 0])
