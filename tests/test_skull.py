"""Current density in the skull below electrodes, against the exact field of a layered sphere."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest
from runs import plan
from spheres import RADII_MM, SIGMA, ball, disc, exact_electrodes, montage, sphere

from stimplan.errors import InputError
from stimplan.fem.exact import disc_half_angle, layered_sphere
from stimplan.field import Field, solve
from stimplan.pipeline import RunOptions, run
from stimplan.placement import place
from stimplan.report.page import render
from stimplan.roi import SKULL_CAUTION, electrode_loads, skull_loads
from stimplan.roi.skull import bone_names
from stimplan.terminal import show_run

BAND_M = 0.004


def solved(diameter_m: float, edge_mm: float = 6.0, model: str = "uniform") -> Field:
    head = sphere(edge_mm)
    pair = montage(disc("C3", 1e-3, diameter_m), disc("Fp2", -1e-3, diameter_m))
    return solve(head, place(pair, head, electrode_model=model))


def exact_figures(field: Field, diameter_m: float) -> dict[str, float]:
    """Of |J| in the bone below the first electrode and below its rim, at random points of the exact field."""
    (patch, _), radius_m = field.placement.electrodes, RADII_MM[-1] * 1e-3
    axis = patch.center_m / np.linalg.norm(patch.center_m)
    half = disc_half_angle(diameter_m / 2, radius_m)
    rng, count = np.random.default_rng(0), 40_000
    inner, outer = RADII_MM[1] * 1e-3, RADII_MM[2] * 1e-3
    r = np.cbrt(inner**3 + rng.random(count) * (outer**3 - inner**3))
    cos = 1 - rng.random(count) * (1 - np.cos(half + BAND_M / radius_m))
    turn, (right, up) = 2 * np.pi * rng.random(count), np.linalg.svd(axis[None])[2][1:]
    around = np.cos(turn)[:, None] * right + np.sin(turn)[:, None] * up
    points = r[:, None] * (cos[:, None] * axis + np.sqrt(1 - cos**2)[:, None] * around)
    radii = np.array(RADII_MM) * 1e-3
    vectors = layered_sphere(points, exact_electrodes(field), radii_m=radii, conductivities_S_per_m=SIGMA)[1]
    density, angle = SIGMA[2] * np.linalg.norm(vectors, axis=1), np.arccos(cos)
    below, rim = density[angle <= half], density[np.abs(angle - half) <= BAND_M / radius_m]
    return {
        "mean_A_per_m2": float(below.mean()),
        "p999_A_per_m2": float(np.percentile(below, 99.9)),
        "rim_p999_A_per_m2": float(np.percentile(rim, 99.9)),
    }


@pytest.mark.parametrize(
    "edge_mm, allowed", [(6.0, 0.05), pytest.param(4.0, 0.03, marks=pytest.mark.slow)], ids=["6 mm", "4 mm"]
)
@pytest.mark.parametrize("diameter_m", [0.02, 0.05])
def test_the_bone_below_an_electrode_carries_what_the_series_says(diameter_m, edge_mm, allowed):
    field = solved(diameter_m, edge_mm)
    (load, _) = skull_loads(field)
    for name, value in exact_figures(field, diameter_m).items():
        assert getattr(load, name) == pytest.approx(value, rel=allowed), name
    assert load.label == "C3" and load.max_tissue == "layer_3" and load.n_rim > 50
    assert 0.005 < load.max_depth_m < 0.013  # the bone begins 6 mm below the scalp and ends at 12 mm
    assert load.mean_A_per_m2 < load.p999_A_per_m2 <= load.max_A_per_m2
    assert load.rim_p999_A_per_m2 <= load.rim_max_A_per_m2


def test_skull_loads_grow_with_the_current_and_both_poles_of_a_pair_are_alike():
    field = solved(0.02)
    one, other = skull_loads(field)
    double = attrs.evolve(field, E_V_per_m=-2 * field.E_V_per_m)
    assert skull_loads(double)[0].p999_A_per_m2 == pytest.approx(2 * one.p999_A_per_m2, rel=1e-9)
    assert other.p999_A_per_m2 == pytest.approx(one.p999_A_per_m2, rel=0.1)


def test_the_bone_feels_less_than_the_skin_and_knows_less_of_how_the_contact_spreads_the_current():
    contact, evenly = solved(0.05, model="complete"), solved(0.05)
    (skin, _), (even_skin, _) = electrode_loads(contact), electrode_loads(evenly)
    (bone, _), (even_bone, _) = skull_loads(contact), skull_loads(evenly)
    assert bone.p999_A_per_m2 < 0.5 * skin.entering_p999_A_per_m2
    assert abs(bone.p999_A_per_m2 / even_bone.p999_A_per_m2 - 1) < 0.2
    assert skin.entering_p999_A_per_m2 > 1.3 * even_skin.mean_A_per_m2


def test_a_head_without_bone_has_no_figure_for_it():
    head = ball()
    field = solve(head, place(montage(disc("C3", 1e-3), disc("Fp2", -1e-3)), head, electrode_model="uniform"))
    assert bone_names(head) == () and skull_loads(field) == (None, None)
    with pytest.raises(InputError, match="not made by electrodes"):
        skull_loads(attrs.evolve(field, placement=None))


def test_no_bone_is_made_up_below_an_electrode_without_any():
    field = solved(0.02)
    head = field.head
    # All bone within 4 cm of the first electrode turned into scalp.
    tissue = head.tissue.copy()
    near = np.linalg.norm(head.centers_m - field.placement.electrodes[0].center_m, axis=1) < 0.04
    tissue[near & head.in_tissue("layer_3")] = 4
    open_head = attrs.evolve(head, tissue=tissue)
    moved = attrs.evolve(field, head=open_head)
    first, second = skull_loads(moved)
    assert first is None and second is not None


def test_a_run_gives_the_skull_in_its_record_its_report_and_on_the_terminal(tmp_path):
    result = run(plan(), sphere(), options=RunOptions())
    assert bone_names(result.head)
    record = json.loads(json.dumps(result.record(), allow_nan=False))
    for electrode, load in zip(record["montage"]["electrodes"], skull_loads(result.field), strict=True):
        assert electrode["skull"]["p999_A_per_m2"] == load.p999_A_per_m2 > 0
        assert electrode["skull"]["max_tissue"] in bone_names(result.head)
    assert record["montage"]["skull_caution"] == SKULL_CAUTION
    assert SKULL_CAUTION in render(result.record(), {})
    assert "skull below it" in "\n".join(show_run(result, tmp_path))
    record["montage"]["electrodes"][0]["skull"] = None
    assert "no bone straight below" in render(record, {})
