"""Regions and the numbers that describe a field in them."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spheres import ball, c3_fp2

from stimplan.errors import HeadError, InputError
from stimplan.field import Field
from stimplan.roi import SphereRoi, TissueRoi, elements_in, measure, sphere_roi, tissue_roi, weighted_percentiles


def field_on_ball(values):
    head = ball()
    field = np.zeros((len(head.tets), 3))
    field[:, 1] = values
    return Field(head, None, field, np.zeros(len(head.nodes_m)), np.zeros(0), 0.0, None, {})


# percentiles

weights_and_values = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0.01, 10)), min_size=1, max_size=50)


@given(weights_and_values, st.floats(0, 100))
def test_a_percentile_is_the_smallest_value_that_holds_its_share_of_the_weight(pairs, percent):
    values, weights = map(np.array, zip(*pairs, strict=True))
    (found,) = weighted_percentiles(values, weights, percent)
    assert found in values
    slack = 1e-9 * weights.sum()
    assert weights[values <= found].sum() >= percent / 100 * weights.sum() - slack
    assert weights[values < found].sum() <= percent / 100 * weights.sum() + slack


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=50), st.integers(0, 100))
def test_with_equal_weights_it_is_that_of_numpy(values, percent):
    (found,) = weighted_percentiles(values, np.ones(len(values)), percent)
    assert found == np.percentile(values, percent, method="inverted_cdf")


@given(weights_and_values, st.floats(0, 100))
def test_splitting_a_value_into_two_halves_changes_nothing(pairs, percent):
    values, weights = map(np.array, zip(*pairs, strict=True))
    halves = weighted_percentiles(np.tile(values, 2), np.tile(weights / 2, 2), percent)
    assert halves == weighted_percentiles(values, weights, percent)


def test_one_sliver_does_not_move_a_percentile():
    values, weights = np.concatenate([np.linspace(0, 1, 1001), [1000.0]]), np.concatenate([np.ones(1001), [1e-3]])
    assert weighted_percentiles(values, weights, [50, 99.9]) == pytest.approx((0.5, 1.0), abs=2e-3)


def test_a_value_without_weight_does_not_exist():
    assert weighted_percentiles([1.0, 2.0, 9.0], [1, 1, 0], [0, 100]) == (1.0, 2.0)


@pytest.mark.parametrize(
    "values, weights, percent",
    [
        ([], [], 50), ([1.0], [0.0], 50), ([1.0], [-1.0], 50), ([np.nan], [1.0], 50), ([1.0], [np.nan], 50),
        ([1.0], [1.0], 101), ([1.0], [1.0], np.nan), ([1.0, 2.0], [1.0], 50), ([1.0], [np.inf], 50),
    ],
)  # fmt: skip
def test_what_has_no_percentile_is_refused(values, weights, percent):
    with pytest.raises(InputError):
        weighted_percentiles(values, weights, percent)


# metrics


def test_the_metrics_of_a_known_field_are_the_known_ones():
    head = ball()
    values = np.linspace(0, 1, len(head.tets))
    metrics = measure(field_on_ball(values))
    volumes = head.volumes_m3
    assert metrics.mean_V_per_m == pytest.approx(values @ volumes / volumes.sum())
    assert metrics.peak_V_per_m == 1.0 and metrics.peak_position_m == tuple(head.centers_m[-1])
    assert metrics.volume_m3 == pytest.approx(4 / 3 * np.pi * 0.08**3, rel=0.02)
    assert metrics.n_elements == len(head.tets) and metrics.peak_mni_m is None
    for name, percent in (("median", 50), ("p95", 95), ("p99", 99), ("p999", 99.9)):
        found = getattr(metrics, f"{name}_V_per_m")
        assert volumes[values <= found].sum() / volumes.sum() == pytest.approx(percent / 100, abs=1e-3)


def test_a_single_wild_element_moves_the_peak_and_not_the_percentile():
    values = np.full(len(ball().tets), 0.2)
    values[123] = 50.0
    metrics = measure(field_on_ball(values))
    assert metrics.peak_V_per_m == 50.0
    assert metrics.p999_V_per_m == pytest.approx(0.2) and metrics.mean_V_per_m > metrics.p999_V_per_m


def test_without_a_region_it_is_the_innermost_tissue_where_there_is_no_grey_matter():
    field = c3_fp2()
    assert measure(field) == measure(field, tissue_roi("layer_1")) != measure(field, tissue_roi("layer_4"))


def test_without_a_region_it_is_grey_matter_where_there_is_some():
    field = c3_fp2()
    tissues = tuple(attrs.evolve(t, name="gray_matter") if t.name == "layer_2" else t for t in field.head.tissues)
    renamed = attrs.evolve(field, head=attrs.evolve(field.head, tissues=tissues))
    assert measure(renamed) == measure(field, tissue_roi("layer_2"))


def test_a_sphere_holds_the_centres_within_its_radius_and_its_tissue():
    head = c3_fp2().head
    roi = sphere_roi(position_mm=(-45, 0, 62), radius_mm=12, tissue="layer_1")
    mask = elements_in(head, roi)
    distance = np.linalg.norm(head.centers_m - [-0.045, 0, 0.062], axis=1)
    np.testing.assert_array_equal(mask, head.in_tissue("layer_1") & (distance <= 0.012))
    assert 0 < mask.sum() < (distance <= 0.012).sum()


def test_mni_coordinates_go_through_the_affine_of_the_head():
    field = c3_fp2()
    mni_from_head = np.diag([1.1, 1.1, 1.1, 1.0])
    mni_from_head[:3, 3] = [0.01, -0.02, 0.005]
    head = attrs.evolve(field.head, mni_from_head=mni_from_head)
    moved = attrs.evolve(field, head=head)
    position = np.array([-30.0, 10, 40])
    mni = 1e3 * (mni_from_head @ [*(1e-3 * position), 1])[:3]
    by_mni = measure(moved, sphere_roi(mni_mm=mni, radius_mm=15, tissue="layer_1"))
    by_position = measure(moved, sphere_roi(position_mm=position, radius_mm=15, tissue="layer_1"))
    assert by_mni.n_elements == by_position.n_elements > 10
    assert by_mni.peak_mni_m == pytest.approx((mni_from_head @ [*by_mni.peak_position_m, 1])[:3])


def test_millimetres_are_converted_once():
    assert sphere_roi(mni_mm=(-37, -21, 58), radius_mm=10) == SphereRoi(
        (-0.037, -0.021, 0.058), True, 0.01, "gray_matter"
    )
    assert tissue_roi("csf") == TissueRoi("csf")


@pytest.mark.parametrize(
    "arguments",
    [
        {"radius_mm": 5},
        {"mni_mm": (0, 0, 0), "position_mm": (0, 0, 0), "radius_mm": 5},
        {"mni_mm": (0, 0), "radius_mm": 5},
        {"mni_mm": (0, 0, float("nan")), "radius_mm": 5},
        {"mni_mm": (0, 0, 0), "radius_mm": 0},
        {"mni_mm": (0, 0, 0), "radius_mm": float("nan")},
        {"mni_mm": (0, 0, 0), "radius_mm": float("inf")},
    ],
    ids=str,
)
def test_an_impossible_sphere_is_refused(arguments):
    with pytest.raises(InputError):
        sphere_roi(**arguments)


def test_an_empty_region_and_mni_on_a_head_without_them_are_refused():
    field = c3_fp2()
    with pytest.raises(InputError, match="holds no tetrahedron"):
        measure(field, sphere_roi(position_mm=(0, 0, 200), radius_mm=5, tissue="layer_1"))
    with pytest.raises(InputError, match="no MNI coordinates"):
        measure(field, sphere_roi(mni_mm=(0, 0, 0), radius_mm=5, tissue="layer_1"))
    with pytest.raises(HeadError, match="layer_1"):
        measure(field, tissue_roi("layer_l"))
