"""Temporal interference and phasors: closed forms against brute force and against each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stimplan.errors import InputError
from stimplan.fem.interference import (
    modulation_depth,
    modulation_depth_along,
    modulation_depth_pair,
    peak_field,
    rms_field,
    summed_modulation_depth,
)
from stimplan.fem.phasor import (
    major_axis,
    peak_amplitude,
    peak_phase_rad,
    rms_amplitude,
    smallest_amplitude,
    snapshot,
)

RNG = np.random.default_rng(20)


def fibonacci(count):
    """Directions spread evenly over the upper half of a sphere."""
    i = np.arange(count) + 0.5
    z, turn = i / count, np.pi * (1 + 5**0.5) * i
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)


def searched(fields, directions):
    """Largest depth over many directions, one place after the other."""
    found = []
    for place in np.moveaxis(fields, 1, 0):
        amplitude = np.abs(directions @ place.T)
        total = amplitude.sum(axis=1)
        found.append(np.minimum(total, 2 * (total - amplitude.max(axis=1))).max())
    return np.array(found)


def test_two_carriers_agree_with_a_search_over_a_hundred_thousand_directions():
    fields = RNG.normal(size=(2, 40, 3)) * RNG.uniform(0.1, 3, size=(2, 40, 1))
    closed = modulation_depth_pair(fields)
    angle = np.linspace(0, np.pi, 100_000)
    in_plane = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for place in range(40):  # what is across the plane of the two fields adds to neither
        basis, _ = np.linalg.qr(fields[:, place].T)
        best = searched(fields[:, [place]], in_plane @ basis.T)[0]
        assert best <= closed[place] * (1 + 1e-12)
        assert 1 - best / closed[place] <= 1e-4
    assert np.all(searched(fields, fibonacci(20_000)) <= closed * (1 + 1e-12))


def test_the_hull_is_the_closed_form_for_two_carriers():
    fields = RNG.normal(size=(2, 2000, 3)) * RNG.uniform(0.01, 3, size=(2, 2000, 1))
    np.testing.assert_allclose(modulation_depth(fields)[0], modulation_depth_pair(fields), rtol=1e-10)


@pytest.mark.parametrize("count", [3, 4, 5])
def test_more_carriers_agree_with_a_search_and_are_never_below_it(count):
    fields = RNG.normal(size=(count, 30, 3)) * RNG.uniform(0.2, 2, size=(count, 30, 1))
    depth, direction = modulation_depth(fields)
    best = searched(fields, fibonacci(100_000))
    assert np.all(best <= depth * (1 + 1e-12))
    assert np.max(1 - best / depth) <= 1e-3
    np.testing.assert_allclose(modulation_depth_along(fields, direction), depth, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1, rtol=1e-12)


def test_the_envelope_of_a_signal_written_out_in_time_has_that_depth():
    fields = np.array([[[1.0, 0.2, 0]], [[0.6, 0, 0.1]], [[0.7, -0.3, 0.2]]])
    depth, direction = modulation_depth(fields)
    amplitude = np.abs(fields[:, 0] @ direction[0])
    phases = np.stack(np.meshgrid(*[np.linspace(0, 2 * np.pi, 721)] * 2), axis=-1).reshape(-1, 2)
    envelope = np.abs(amplitude[0] + np.exp(1j * phases) @ amplitude[1:])
    assert envelope.max() - envelope.min() == pytest.approx(depth[0], rel=1e-3)


def test_pairs_of_pairs_by_the_closed_form_are_wrong_and_not_what_is_computed():
    fields = RNG.normal(size=(4, 200, 3))

    def vector(a, b):
        depth, direction = modulation_depth(np.stack([a, b]))
        return depth[:, None] * direction

    nested = modulation_depth(np.stack([vector(*fields[:2]), vector(*fields[2:])]))[0]
    error = nested / modulation_depth(fields)[0] - 1
    assert np.abs(error).max() > 0.5


@pytest.mark.parametrize("second", [[1, 0, 0], [-2, 0, 0], [0, -1000, 0], [0, 0, 3000]])
def test_parallel_and_orthogonal_fields_give_twice_the_smaller(second):
    fields = np.array([[[1.0, 0, 0]], [second]], dtype=float)
    assert modulation_depth_pair(fields)[0] == pytest.approx(2, rel=1e-5)
    assert modulation_depth(fields)[0][0] == pytest.approx(2, rel=1e-5)


def test_one_carrier_without_a_field_leaves_no_modulation():
    fields = np.array([[[1.0, 2, 3]], [[0, 0, 0]]])
    depth, direction = modulation_depth(fields)
    assert depth[0] == 0
    assert not direction.any()
    assert modulation_depth_pair(fields)[0] == 0


@settings(max_examples=60, deadline=None)
@given(arrays(float, (3, 4, 3), elements=st.floats(-10, 10)), st.floats(0.1, 10))
def test_depth_scales_turns_and_forgets_signs(fields, factor):
    depth = modulation_depth(fields)[0]
    turn, _ = np.linalg.qr(np.array([[1.0, 2, 0], [0, 1, 3], [2, 0, 1]]))
    np.testing.assert_allclose(modulation_depth(factor * fields @ turn)[0], factor * depth, rtol=1e-6, atol=1e-9)
    flipped = fields * np.array([1, -1, 1])[:, None, None]
    np.testing.assert_allclose(modulation_depth(flipped)[0], depth, rtol=1e-6, atol=1e-9)
    assert np.all(depth <= peak_field(fields) * (1 + 1e-9) + 1e-12)


def test_the_peak_is_the_largest_sum_and_rms_the_root_of_the_mean_square():
    fields = RNG.normal(size=(3, 5, 3))
    signs = np.array([[1, a, b] for a in (-1, 1) for b in (-1, 1)])
    sums = np.linalg.norm(np.einsum("sk,kmd->smd", signs, fields), axis=2)
    np.testing.assert_allclose(peak_field(fields), sums.max(axis=0))
    np.testing.assert_allclose(rms_field(fields), np.sqrt((fields**2).sum(axis=(0, 2)) / 2))


@pytest.mark.parametrize("shape", [(1, 4, 3), (9, 4, 3), (2, 4), (2, 4, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match="carriers"):
        modulation_depth(np.ones(shape))


def test_fields_that_are_not_finite_and_directions_without_length_are_refused():
    with pytest.raises(InputError, match="finite"):
        peak_field(np.full((2, 1, 3), np.nan))
    with pytest.raises(InputError, match="direction"):
        modulation_depth_along(np.ones((2, 1, 3)), [0, 0, 0])
    with pytest.raises(InputError, match="two carriers"):
        modulation_depth_pair(np.ones((3, 1, 3)))
    with pytest.raises(InputError, match="phasor"):
        peak_amplitude(np.ones((2, 2)))


@settings(max_examples=60, deadline=None)
@given(arrays(float, (2, 6, 3), elements=st.floats(-5, 5)))
def test_the_ellipse_of_a_phasor_bounds_every_moment_of_its_cycle(parts):
    phasor = parts[0] + 1j * parts[1]
    moments = np.stack([np.linalg.norm(snapshot(phasor, p), axis=1) for p in np.linspace(0, np.pi, 2001)])
    np.testing.assert_allclose(moments.max(axis=0), peak_amplitude(phasor), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(moments.min(axis=0), smallest_amplitude(phasor), rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(np.sqrt((moments[:-1] ** 2).mean(axis=0)), rms_amplitude(phasor), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(major_axis(phasor), axis=1), peak_amplitude(phasor), rtol=1e-6, atol=1e-7)
    assert np.all((peak_phase_rad(phasor) >= 0) & (peak_phase_rad(phasor) <= np.pi))


def searched_sum(fields, groups):
    """Largest sum of the groups' depths over many directions, then over many around the best, place by place."""
    found, coarse, fine = [], fibonacci(20_000), RNG.normal(size=(20_000, 3)) * 0.01

    def depths(place, directions):
        total = 0
        for group in groups:
            amplitude = np.abs(directions @ place[list(group)].T)
            total = total + np.minimum(amplitude.sum(axis=1), 2 * (amplitude.sum(axis=1) - amplitude.max(axis=1)))
        return total

    for place in np.moveaxis(fields, 1, 0):
        near = coarse[np.argmax(depths(place, coarse))] + fine
        found.append(depths(place, near / np.linalg.norm(near, axis=1, keepdims=True)).max())
    return np.array(found)


@pytest.mark.parametrize("groups", [[(0, 1), (2, 3)], [(0, 2), (1, 3)], [(0, 1, 2), (3, 4)]])
def test_groups_of_carriers_agree_with_a_search_and_are_never_below_it(groups):
    fields = RNG.normal(size=(5, 20, 3)) * RNG.uniform(0.2, 2, size=(5, 20, 1))
    depth, direction = summed_modulation_depth(fields, groups)
    best = searched_sum(fields, groups)
    assert np.all(best <= depth * (1 + 1e-12))
    assert np.max(1 - best / depth) <= 1e-3
    along = sum(modulation_depth_along(fields[list(group)], direction) for group in groups)
    np.testing.assert_allclose(along, depth, rtol=1e-12)


def test_one_group_is_the_depth_itself_and_a_group_without_field_adds_nothing():
    fields = RNG.normal(size=(4, 30, 3))
    np.testing.assert_allclose(summed_modulation_depth(fields, [range(4)])[0], modulation_depth(fields)[0], rtol=1e-12)
    fields[2:] = 0
    pair = modulation_depth_pair(fields[:2])
    np.testing.assert_allclose(summed_modulation_depth(fields, [(0, 1), (2, 3)])[0], pair, rtol=1e-9)
    for bad in ([(0,), (1, 2)], [(0, 1), (1, 2)], [(0, 9)], []):
        with pytest.raises(InputError, match="two carriers or more"):
            summed_modulation_depth(fields, bad)
