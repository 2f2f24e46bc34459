"""Measures of a field: regions of every kind, focality, the cortex, electrodes, and the dose that equalises."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import attrs
import nibabel
import numpy as np
import pytest
from runs import plan, small_head
from spheres import RADII_MM, c3_fp2, disc, montage, sphere

from stimplan.cli import run as cli
from stimplan.errors import InputError
from stimplan.field import Field, solve
from stimplan.head.cortex import cortex_of
from stimplan.head.masks import VoxelMask
from stimplan.pipeline import RunOptions, run
from stimplan.placement import place
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.report.page import render
from stimplan.roi import (
    RIM_CAUTION,
    SHIPPED,
    SUPPLY_FORMULA,
    atlas_record,
    atlas_roi,
    check_regions,
    contrast,
    cortical_patch,
    describe,
    electrode_loads,
    elements_in,
    equalising_factor,
    field_on_cortex,
    focality,
    load_atlas,
    mask_roi,
    measure,
    measure_cortex,
    measure_region,
    patch_roi,
    read_roi,
    read_rois,
    scaled,
    sphere_roi,
    supply,
    tissue_roi,
    volume_above_m3,
)
from stimplan.safety import check

BRAIN_M = RADII_MM[0] / 1e3


def field_of(head, vectors):
    """A field that is given, not solved."""
    return Field(head, None, vectors, np.zeros(len(head.nodes_m)), np.zeros(0), 0.0, None, {})


@cache
def uniform():
    """0.3 V/m along z everywhere in the layered sphere."""
    head = sphere()
    return field_of(head, np.tile([0.0, 0.0, 0.3], (len(head.tets), 1)))


@cache
def rising():
    """|E| grows from a plane through the middle to 1 V/m at two poles: every figure of it is known."""
    head = sphere()
    vectors = np.zeros((len(head.tets), 3))
    pole = np.array([0.83, 0.41, 0.38])  # along no axis of the mesh, whose layers would be counted or not as a whole
    vectors[:, 2] = np.abs(head.centers_m @ pole) / np.linalg.norm(pole) / BRAIN_M
    return field_of(head, vectors)


# identities


def test_a_uniform_field_has_its_value_as_every_figure():
    roi = sphere_roi(position_mm=(-30, 10, 40), radius_mm=15, tissue="layer_1")
    metrics = measure(uniform(), roi)
    figures = (metrics.mean_V_per_m, metrics.median_V_per_m, metrics.p999_V_per_m, metrics.peak_V_per_m)
    assert figures == pytest.approx([0.3] * 4, rel=1e-12)
    assert metrics.relative_error_estimate == pytest.approx(0, abs=1e-9)
    assert volume_above_m3(uniform(), 0.3 - 1e-9, roi) == pytest.approx(metrics.volume_m3, rel=1e-12)
    assert volume_above_m3(uniform(), 0.3 + 1e-9, roi) == 0
    compared = contrast(uniform(), roi)
    assert compared.ratio == pytest.approx(1.0, rel=1e-12)
    whole = measure(uniform()).volume_m3
    assert compared.share_of_strongest == pytest.approx(metrics.volume_m3 / whole, rel=1e-9)


def test_a_uniform_field_enters_one_half_of_a_sphere_and_leaves_the_other():
    surface = measure_cortex(uniform())
    assert surface.area_m2 == pytest.approx(4 * np.pi * BRAIN_M**2, rel=2e-3)
    assert surface.mean_inward_normal_V_per_m == pytest.approx(0, abs=1e-4)
    # Means of |cos| over half a sphere, and of sin over all of it.
    assert surface.mean_in_V_per_m == pytest.approx(0.15, rel=0.01)
    assert surface.mean_out_V_per_m == pytest.approx(0.15, rel=0.01)
    assert surface.mean_tangential_V_per_m == pytest.approx(0.3 * np.pi / 4, rel=0.01)
    assert surface.share_in == pytest.approx(0.5, abs=0.01)
    assert surface.mean_V_per_m == pytest.approx(0.3, rel=1e-9)


def test_inward_is_positive_where_the_field_points_into_the_brain():
    top = measure_cortex(uniform(), patch_roi(position_mm=(0, 0, 78), radius_mm=12))
    bottom = measure_cortex(uniform(), patch_roi(position_mm=(0, 0, -78), radius_mm=12))
    assert top.share_in == 0 and bottom.share_in == 1  # along +z it leaves at the top
    assert bottom.mean_inward_normal_V_per_m == pytest.approx(-top.mean_inward_normal_V_per_m, rel=0.01)
    assert bottom.mean_in_V_per_m == pytest.approx(0.3, rel=0.02) and bottom.mean_out_V_per_m == 0
    parts = field_on_cortex(uniform())
    size = np.hypot(parts.inward_V_per_m, parts.tangential_V_per_m)
    np.testing.assert_allclose(size, parts.magnitude_V_per_m, rtol=1e-9)


def test_the_focality_of_a_known_field_is_the_known_one():
    found = focality(rising())
    t = found.threshold_V_per_m
    assert found.p999_V_per_m == pytest.approx(0.98, abs=0.02)
    # Two caps of a ball beyond t R from the plane: of its volume 1 - (3 t - t³) / 2, of its surface 1 - t.
    assert found.share == pytest.approx(1 - (3 * t - t**3) / 2, rel=0.02)
    assert found.area_m2 == pytest.approx((1 - t) * 4 * np.pi * BRAIN_M**2, rel=0.03)


def test_a_target_is_compared_with_the_rest_of_its_own_tissue():
    head, roi = sphere(), sphere_roi(position_mm=(60, 0, 0), radius_mm=12, tissue="layer_1")
    compared = contrast(rising(), roi)
    inside, brain = elements_in(head, roi), head.in_tissue("layer_1")
    by_hand = [
        float(np.average(rising().magnitude_V_per_m[of], weights=head.volumes_m3[of]))
        for of in (inside, brain & ~inside)
    ]
    assert (compared.target_V_per_m, compared.rest_V_per_m) == pytest.approx(by_hand)
    assert compared.ratio > 1.5 and compared.share_of_strongest > 0
    with pytest.raises(InputError, match="no rest"):
        contrast(rising(), tissue_roi("layer_1"))


@pytest.mark.parametrize("radius_mm", [12, 25, 40])
def test_a_patch_of_a_sphere_is_a_cap_measured_along_the_surface(radius_mm):
    head = sphere()
    patch = cortical_patch(head, patch_roi(site="C3", radius_mm=radius_mm))
    angle = radius_mm / RADII_MM[0]
    assert patch.area_m2 == pytest.approx(2 * np.pi * BRAIN_M**2 * (1 - np.cos(angle)), rel=0.02)
    points = cortex_of(head).points_m
    towards = points @ patch.center_m / np.linalg.norm(points, axis=1) / np.linalg.norm(patch.center_m)
    inside = patch.distance_m <= radius_mm / 1e3
    arcs = np.arccos(np.clip(towards[inside], -1, 1)) * BRAIN_M
    np.testing.assert_allclose(patch.distance_m[inside], arcs, atol=5e-5)


def test_the_tissue_of_a_patch_lies_below_it_and_no_deeper_than_asked():
    head = sphere()
    roi = patch_roi(site="C3", radius_mm=20, depth_mm=6)
    numbers = elements_in(head, roi)
    depth = BRAIN_M - np.linalg.norm(head.centers_m[numbers], axis=1)
    assert set(head.tissue[numbers]) == {head.tissue_named("layer_1").label}
    assert depth.max() < 6.3e-3 and depth.min() > 0
    assert elements_in(head, patch_roi(site="C3", radius_mm=20, depth_mm=12)).sum() > 1.5 * numbers.sum()


def test_everything_scales_with_the_field():
    field = c3_fp2()
    double = attrs.evolve(field, E_V_per_m=2 * field.E_V_per_m)
    roi = sphere_roi(position_mm=(-45, 0, 50), radius_mm=15, tissue="layer_1")
    one, two = measure_region(field, roi), measure_region(double, roi)
    assert two.metrics.mean_V_per_m == pytest.approx(2 * one.metrics.mean_V_per_m, rel=1e-12)
    assert two.above_half_m3 == pytest.approx(one.above_half_m3, rel=1e-12)
    assert two.contrast.ratio == pytest.approx(one.contrast.ratio, rel=1e-12)
    assert two.cortex.mean_in_V_per_m == pytest.approx(2 * one.cortex.mean_in_V_per_m, rel=1e-12)
    assert two.metrics.relative_error_estimate == pytest.approx(one.metrics.relative_error_estimate, rel=1e-9)


def test_the_error_estimate_of_a_region_is_that_of_its_elements():
    field = c3_fp2()
    brain = field.head.in_tissue("layer_1")
    assert field.error_estimate(brain) == field.error_estimate("layer_1")
    near = elements_in(field.head, sphere_roi(position_mm=(-45, 0, 60), radius_mm=15, tissue="layer_1"))
    assert field.error_estimate(near) != field.error_estimate(brain)
    for bad in (np.zeros(3, dtype=bool), np.zeros(len(brain), dtype=bool)):
        with pytest.raises(InputError, match="mask of"):
            field.error_estimate(bad)


def test_no_field_has_no_error_and_no_focal_point():
    head = sphere()
    nothing = field_of(head, np.zeros((len(head.tets), 3)))
    roi = sphere_roi(position_mm=(0, 0, 40), radius_mm=15, tissue="layer_1")
    assert measure(nothing, roi).relative_error_estimate == 0
    assert contrast(nothing, roi).ratio is None and focality(nothing).volume_m3 == 0
    assert measure_cortex(nothing).mean_in_V_per_m == 0


# masks


def mask_file(path, *, value=1, shape=(40, 40, 40), at=slice(10, 30), affine=None):
    data = np.zeros(shape, np.uint8)
    data[at, at, at] = value
    if affine is None:
        affine = np.diag([1.0, 1.0, 1.0, 1.0])
        affine[:3, 3] = (-50.0, -20.0, 20.0)
    image = nibabel.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def test_a_mask_is_read_with_its_own_affine(tmp_path):
    head = small_head()
    file = mask_file(tmp_path / "m.nii.gz")
    chosen = elements_in(head, mask_roi(file))
    x, y, z = 1e3 * head.centers_m.T
    box = (x >= -40.5) & (x < -20.5) & (y >= -10.5) & (y < 9.5) & (z >= 29.5) & (z < 49.5)
    np.testing.assert_array_equal(chosen, box & head.in_tissue("gray_matter"))
    in_mni = elements_in(head, mask_roi(file, in_mni=True))  # 5 mm further forward in this head
    moved = (x >= -40.5) & (x < -20.5) & (y >= -5.5) & (y < 14.5) & (z >= 29.5) & (z < 49.5)
    np.testing.assert_array_equal(in_mni, moved & head.in_tissue("gray_matter"))


def test_a_mask_that_does_not_fit_is_refused_with_its_counts(tmp_path):
    head = small_head()
    away = np.eye(4)
    away[:3, 3] = (300.0, 300.0, 300.0)
    outside = mask_file(tmp_path / "outside.nii.gz", affine=away)
    with pytest.raises(InputError, match=r"outside.nii.gz.*8,000 voxels, 8 ml, of which 0 ml lie in head 'small'"):
        elements_in(head, mask_roi(outside))
    empty = mask_file(tmp_path / "empty.nii.gz", value=0)
    with pytest.raises(InputError, match=r"empty.nii.gz.*empty"):
        mask_roi(empty)
    with pytest.raises(InputError, match=r"none.nii.gz"):
        mask_roi(tmp_path / "none.nii.gz")
    inside = np.zeros((5, 5, 5), dtype=bool)
    inside[2, 2, 2] = True
    with pytest.raises(InputError, match="none of them is scalp"):
        elements_in(head, mask_roi(VoxelMask(inside, np.diag([1e-3, 1e-3, 1e-3, 1.0])), tissue="scalp"))


# atlases


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_atlas_says_where_it_is_from_and_under_which_licence(name):
    record, atlas = atlas_record(name), load_atlas(name)
    assert all(record[key] for key in ("title", "source", "licence", "citation", "caution", "alias"))
    assert "doi:10." in record["citation"]
    assert sorted(map(int, record["labels"])) == sorted(int(n) for n in np.unique(atlas.volume) if n)
    from stimplan.resources import package_path

    assert package_path("atlases", f"{name}.nii.gz").stat().st_size < 300_000


@pytest.mark.parametrize(
    "roi, place_mm",
    [
        (("ba", 4), (-37, -21, 58)),  # hand area of the left motor cortex
        (("ba", "46"), (-40, 44, 24)),
        (("ba", "BA 17"), (5, -95, 0)),
        (("schaefer100", "LH_Cont_PFCl_1"), (-43, 33, 21)),  # the published centroids of the 100 parcels
        (("schaefer100", "RH_SomMot_6"), (41, -22, 60)),
        (("schaefer100", "LH_Vis_5"), (-5, -92, -2)),
    ],
)
def test_an_area_is_where_it_is_known_to_be(roi, place_mm):
    atlas = load_atlas(roi[0])
    label = atlas_roi(*roi).label
    voxels = np.argwhere(atlas.volume == label)
    points = voxels @ atlas.mni_from_voxel[:3, :3].T + atlas.mni_from_voxel[:3, 3]
    assert np.linalg.norm(1e3 * points - place_mm, axis=1).min() <= 3


def test_left_and_right_make_the_whole_area():
    head = small_head()
    both, left, right = (elements_in(head, atlas_roi("ba", 10, side=side)) for side in (None, "left", "right"))
    np.testing.assert_array_equal(left | right, both)
    assert left.any() and right.any() and not (left & right).any()
    from stimplan.head.space import to_mni_m

    assert to_mni_m(head, head.centers_m[left])[:, 0].max() < 0


def test_an_atlas_of_ones_own_is_taken_from_its_path_with_the_names_beside_it(tmp_path):
    file = mask_file(tmp_path / "own.nii.gz", value=7)
    assert atlas_roi(file, 7).label_name == "7"
    named = mask_file(tmp_path / "named.nii.gz", value=7)
    (tmp_path / "named.txt").write_text("7 middle_thing 255\n", encoding="utf-8")
    roi = read_roi(f"atlas:{named}:middle_thing")
    assert roi.label == 7 and "middle_thing" in describe(roi)
    assert elements_in(small_head(), roi).any()


def test_an_atlas_that_cannot_be_used_says_why(tmp_path):
    with pytest.raises(InputError, match="did you mean 'brodmann'"):
        atlas_roi("brodman", 4)
    with pytest.raises(InputError, match=r"none of the 100 labels.*did you mean 'LH_Cont_PFCl_1'"):
        atlas_roi("schaefer100", "LH_Cont_PFC_1")
    with pytest.raises(InputError, match="none of the 41 labels"):
        atlas_roi("ba", 99)
    with pytest.raises(InputError, match="left or right"):
        atlas_roi("ba", 4, side="L")
    with pytest.raises(InputError, match=r"all 64,000 voxels are 0"):
        atlas_roi(mask_file(tmp_path / "zeros.nii.gz", value=0), 1)
    image = nibabel.Nifti1Image(np.full((4, 4, 4), 0.5, np.float32), np.eye(4))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "p.nii.gz")
    with pytest.raises(InputError, match="64 of 64 voxels are none"):
        atlas_roi(tmp_path / "p.nii.gz", 1)
    with pytest.raises(InputError, match="no MNI coordinates"):
        elements_in(sphere(), atlas_roi("ba", 4))


# text


@pytest.mark.parametrize(
    "text, same",
    [
        ("sphere:mni_mm=-38,44,26;radius_mm=10", sphere_roi(mni_mm=(-38, 44, 26), radius_mm=10)),
        ("tissue:csf", tissue_roi("csf")),
        ("ba:46;side=left", atlas_roi("ba", 46, side="left")),
        ("atlas:brodmann:46", atlas_roi("ba", 46)),
        ("patch:site=F3;radius_mm=15", patch_roi(site="F3", radius_mm=15)),
        ("patch:mni_mm=-40,0,60;radius_mm=8;depth_mm=3", patch_roi(mni_mm=(-40, 0, 60), radius_mm=8, depth_mm=3)),
    ],
)
def test_a_region_can_be_written_as_text(text, same):
    assert read_roi(text) == same


def test_a_comma_separates_options_as_in_a_lesion():
    for semicolons in ("sphere:mni_mm=-38,44,26;radius_mm=10", "ba:46;side=left", "patch:site=F3;radius_mm=15",
                       "sphere:position_mm=1,2,3;radius_mm=10;tissue=white_matter"):  # fmt: skip
        assert read_roi(semicolons.replace(";", ",")) == read_roi(semicolons.replace(";", ", ")) == read_roi(semicolons)
    assert read_roi("sphere:center_mm=1,2,3,radius_mm=4") == read_roi("sphere:position_mm=1,2,3;radius_mm=4")
    with pytest.raises(InputError, match="comes twice"):
        read_roi("sphere:center_mm=1,2,3,position_mm=1,2,3,radius_mm=4")


def test_everything_wrong_with_several_regions_is_said_at_once():
    texts = ["sphere:mni_mm=1,2;radius_mm=x;colour=red", "ba:99", "ball:3", "patch:radius_mm=3", "mask:none.nii.gz"]
    with pytest.raises(InputError) as caught:
        read_rois(texts)
    said = str(caught.value)
    for fragment in ("'1,2' is not three numbers", "'x' is no number", "colour: is not known", "labels of brodmann",
                     "'ball:3' is no region", "one of site, mni_mm and position_mm", "none.nii.gz"):  # fmt: skip
        assert fragment in said
    assert len(caught.value.problems) == 7


@pytest.mark.parametrize(
    "text",
    ["", "sphere", "sphere:", "sphere:mni_mm=0,0,0", "sphere:mni_mm=0,0,nan;radius_mm=3", "ba:", "atlas:ba", "atlas::4",
     "patch:site=F3", "patch:site=F3;mni_mm=0,0,0;radius_mm=3", "ba:4;side=up", "sphere:radius_mm=3;radius_mm=4",
     "patch:site=F3;radius_mm=-1", "patch:site=F3;radius_mm=1;depth_mm=0"],
)  # fmt: skip
def test_what_is_no_region_is_refused(text):
    with pytest.raises(InputError, match="--roi"):
        read_roi(text)


def test_regions_a_head_does_not_have_are_refused_together_before_any_work():
    far = patch_roi(position_mm=(0, 0, 200), radius_mm=5)
    regions = [("a", far), ("b", patch_roi(site="XX9", radius_mm=5)), ("c", tissue_roi("gray_matter"))]
    regions.append(("d", sphere_roi(position_mm=(0, 0, 200), radius_mm=5)))
    with pytest.raises(InputError) as caught:
        check_regions(small_head(), regions)
    assert [problem.where for problem in caught.value.problems] == ["a", "b", "d"]
    assert "from the cortex" in str(caught.value) and "XX9" in str(caught.value)


# electrodes


@cache
def contacts():
    head = sphere()
    return solve(head, place(montage(disc("C3", 2e-3), disc("Fp2", -2e-3)), head, electrode_model="complete"))


def test_the_current_crowds_at_the_rim_and_its_mean_is_current_over_area():
    field = contacts()
    for load, patch in zip(electrode_loads(field), field.placement.electrodes, strict=True):
        assert load.mean_A_per_m2 == pytest.approx(2e-3 / patch.area_m2.sum())
        assert load.mean_A_per_m2 < load.entering_p99_A_per_m2 <= load.entering_p999_A_per_m2
        assert load.entering_p999_A_per_m2 <= load.entering_max_A_per_m2 < 3 * load.mean_A_per_m2
        assert 0 < load.rim_p999_A_per_m2 <= load.rim_max_A_per_m2 and load.n_rim > 50
    doubled = attrs.evolve(
        field, E_V_per_m=2 * field.E_V_per_m, potential_V=2 * field.potential_V,
        electrode_potential_V=2 * field.electrode_potential_V,
    )  # fmt: skip
    one, two = electrode_loads(field)[0], electrode_loads(doubled)[0]
    assert two.entering_p999_A_per_m2 == pytest.approx(2 * one.entering_p999_A_per_m2, rel=1e-9)
    assert two.rim_max_A_per_m2 == pytest.approx(2 * one.rim_max_A_per_m2, rel=1e-9)


def test_in_the_uniform_model_nothing_crowds_and_no_figure_is_made_up():
    (load, _) = electrode_loads(c3_fp2())
    assert load.entering_p99_A_per_m2 is None and load.entering_max_A_per_m2 is None


def test_the_supply_is_ohms_law_for_two_electrodes():
    field = contacts()
    found = supply(field)
    assert found.head_ohm == pytest.approx(float(np.ptp(field.electrode_potential_V)) / 2e-3)
    for resistance, volts in found.volts.items():
        assert volts == pytest.approx(2e-3 * (found.head_ohm + 2 * resistance))
    assert list(found.volts) == [1000.0, 5000.0, 10000.0]


def test_with_more_electrodes_the_supply_spans_the_extremes_and_those_without_current_do_not_count():
    head = sphere()
    ring = montage(disc("Cz", 2e-3), *(disc(site, -0.5e-3) for site in ("C3", "C4", "Fz", "Pz")))
    field = solve(head, place(ring, head))
    found = supply(field, [1000.0])
    potentials, currents = field.electrode_potential_V, np.array([2e-3, *[-0.5e-3] * 4])
    assert found.head_ohm is None
    assert found.volts[1000.0] == pytest.approx(np.ptp(potentials + 1000 * currents))
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="contact resistances"):
            supply(field, [bad])
    for function in (electrode_loads, supply):
        with pytest.raises(InputError, match="not made by electrodes"):
            function(uniform())


# dose


def test_the_factor_brings_the_target_to_the_wanted_field():
    head = sphere()
    roi = sphere_roi(position_mm=(-45, 0, 50), radius_mm=12, tissue="layer_1")
    factor = equalising_factor(measure(c3_fp2(), roi), 0.2)
    field = solve(
        head, place(montage(disc("C3", factor * 1e-3), disc("Fp2", -factor * 1e-3)), head, electrode_model="uniform")
    )
    assert measure(field, roi).mean_V_per_m == pytest.approx(0.2, rel=1e-5)
    by_median = equalising_factor(measure(c3_fp2(), roi), 0.2, statistic="median")
    assert by_median == pytest.approx(0.2 / measure(c3_fp2(), roi).median_V_per_m)


@pytest.mark.parametrize(
    "wanted, statistic", [(0, "mean"), (-1, "mean"), (np.nan, "mean"), (np.inf, "mean"), (1, "peak")]
)
def test_no_factor_is_made_up(wanted, statistic):
    with pytest.raises(InputError):
        equalising_factor(measure(uniform()), wanted, statistic=statistic)


def test_there_is_no_factor_for_a_region_without_a_field():
    with pytest.raises(InputError, match="no factor"):
        equalising_factor(attrs.evolve(measure(uniform()), mean_V_per_m=0.0), 0.2)


@pytest.mark.parametrize("factor", [0.731, 1 / 3, 1.9999999, 7.0])
def test_scaled_currents_still_sum_to_zero_exactly_and_can_be_written(factor):
    protocol = read_protocol("select-tdcs")
    other = scaled(protocol, factor)
    for old, new in zip(protocol.electrodes, other.electrodes, strict=True):
        assert new.current_A == pytest.approx(factor * old.current_A, abs=1e-9)
    assert read_protocol(json.loads(dump_protocol(other))).electrodes == other.electrodes
    assert other.id != protocol.id and other.source is None and other.certainty == ()


def test_a_ring_whose_currents_do_not_divide_still_sums_to_zero():
    tree = plan(modality="HD-tDCS")
    one = tree["stimulation"]["electrodes"][0]
    shape = {"type": "circle", "diameter_mm": 12}
    sites = (("F3", 1.0), ("F5", -0.333), ("F1", -0.333), ("FC3", -0.334))
    tree["stimulation"]["electrodes"] = [
        {"site": site, "shape": shape, "layers": one["layers"], "current_mA": current} for site, current in sites
    ]
    other = scaled(read_protocol(tree), 1.234567)
    assert other.electrodes[0].current_A == pytest.approx(1.234567e-3, abs=3e-12)


def test_the_scaled_protocol_is_judged_like_any_other():
    protocol = read_protocol("select-tdcs")
    assert check(protocol).verdict == "pass" or check(protocol).verdict == "warn"
    assert check(scaled(protocol, 10)).verdict == "stop"


@pytest.mark.parametrize("factor", [0, -1, np.nan, np.inf, 1e-12])
def test_a_factor_that_is_none_is_refused(factor):
    with pytest.raises(InputError, match="factor"):
        scaled(read_protocol("select-tdcs"), factor)


def test_every_kind_of_electric_protocol_can_be_scaled_and_a_coil_cannot():
    from stimplan.protocol import list_protocols

    seen = set()
    for entry in list_protocols():
        protocol = read_protocol(entry.id)
        if protocol.modality in seen:
            continue
        seen.add(protocol.modality)
        if protocol.electric is None:
            with pytest.raises(InputError, match="coil"):
                scaled(protocol, 2)
        else:
            assert scaled(protocol, 1.5).electrodes[0].current_A == pytest.approx(
                1.5 * protocol.electrodes[0].current_A
            )
    assert {"tDCS", "HD-tDCS", "tACS", "TMS"} <= seen


# pictures and the command line


def test_the_picture_of_the_normal_component_has_zero_in_its_middle():
    from stimplan.view.cortical import normal_limit_V_per_m, scene_cortical_normal

    field = c3_fp2()
    plotter = scene_cortical_normal(field)
    try:
        mesh = plotter.actors["cortex"].mapper.dataset
        low, high = plotter.actors["cortex"].mapper.scalar_range
    finally:
        plotter.close()
    limit = normal_limit_V_per_m(field_on_cortex(field))
    assert (low, high) == pytest.approx((-limit, limit))
    np.testing.assert_allclose(mesh.point_data["E_inward_V_per_m"], field_on_cortex(field).inward_V_per_m)
    c3 = np.argmin(np.linalg.norm(mesh.points - np.array(field.head.sites_m["C3"]) * 78 / 92, axis=1))
    assert mesh.point_data["E_inward_V_per_m"][c3] > 0.5 * limit  # into the brain under the anode


def test_the_atlases_are_listed_with_their_licences(capsys):
    assert cli(["atlases"]) == 0
    said = capsys.readouterr().out
    assert "MIT" in said and "BSD-3-Clause" in said and "--roi ba:" in said
    assert cli(["atlases", "schaefer100", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["labels"]["35"] == "LH_Cont_PFCl_1" and len(data["labels"]) == 100
    assert cli(["atlases", "nothing"]) == 2


# a whole run


@cache
def measured_run():
    regions = ("ba:46;side=left", "patch:site=F3;radius_mm=20", sphere_roi(mni_mm=(-38, 39, 26), radius_mm=10))
    return run(plan(), small_head(), options=RunOptions(regions=regions))


def test_a_run_measures_the_regions_it_was_asked_for():
    result = measured_run()
    names = [region.name for region in result.measures.regions]
    assert names[:2] == ["ba:46;side=left", "patch:site=F3;radius_mm=20"] and names[2].startswith("sphere of 10 mm")
    # The protocol's target is the same ball.
    assert result.measures.regions[2].metrics == result.target_metrics
    record = json.loads(json.dumps(result.record(), allow_nan=False))["field"]
    assert [one["name"] for one in record["regions"]] == names
    assert record["regions"][1]["cortex"]["share_in"] > 0.9  # below the anode
    assert record["focality"]["tissue"] == "gray_matter" and record["cortex"]["area_m2"] > 0


def test_the_montage_tells_the_skin_and_the_supply():
    result = measured_run()
    montage = result.record()["montage"]
    volts = {one["contact_ohm"]: one["supply_V"] for one in montage["supply_by_contact"]}
    assert volts == dict(supply(result.field).volts) and montage["head_ohm"] == supply(result.field).head_ohm
    assert result.measures.electrodes == electrode_loads(result.field)
    for electrode in montage["electrodes"]:
        assert electrode["skin"]["entering_p999_A_per_m2"] > abs(electrode["mean_current_density_A_per_m2"])


def test_the_report_and_the_terminal_show_the_regions():
    from stimplan.terminal import show_run

    result = measured_run()
    page = render(result.record(), {})
    for fragment in ("BA 46, left (brodmann)", "cortex within 20 mm along the surface of F3", "Above half", RIM_CAUTION,
                     SUPPLY_FORMULA.split(":")[0], "of further contact resistance"):  # fmt: skip
        assert fragment in page
    lines = "\n".join(show_run(result, Path("out")))
    assert "BA 46, left (brodmann): mean" in lines and "into the cortex" in lines


def test_an_alternating_current_is_measured_by_its_peak():
    tree = plan(modality="tACS", stimulation__waveform__type="sinusoidal", stimulation__waveform__frequency_Hz=10)
    tree["stimulation"]["amplitude_convention"] = "peak"
    for electrode, phase in zip(tree["stimulation"]["electrodes"], (0, 180), strict=True):
        electrode["current_mA"], electrode["phase_deg"] = abs(electrode["current_mA"]), phase
    options = RunOptions(regions=("ba:46;side=left", "tissue:gray_matter"), even_if_stopped=True)
    result = run(tree, small_head(), options=options)
    direct = measured_run()
    assert result.exposure.main.id == "peak" and result.measures.cortex is None
    assert "--along normal" in result.measures.cortex_note and direct.measures.cortex_note == ""
    assert result.measures.cortex_note in render(result.record(), {})
    region, whole = result.measures.regions
    assert region.cortex is None and region.metrics.mean_V_per_m == pytest.approx(
        direct.measures.regions[0].metrics.mean_V_per_m, rel=1e-4
    )
    assert whole.metrics == result.metrics
    assert region.metrics.relative_error_estimate > 0
    for load, same in zip(result.measures.electrodes, direct.measures.electrodes, strict=True):
        assert load.entering_p999_A_per_m2 == pytest.approx(same.entering_p999_A_per_m2, rel=1e-3)
        assert load.mean_A_per_m2 == pytest.approx(same.mean_A_per_m2)
    for ohm, volts in direct.voltages.with_contact_V.items():
        assert result.voltages.with_contact_V[ohm] == pytest.approx(volts, rel=1e-4)
    render(result.record(), {})


def test_regions_that_cannot_be_used_stop_a_run_before_it_starts(tmp_path, capsys):
    with pytest.raises(InputError) as caught:
        run(plan(), small_head(), out=tmp_path / "out", options=RunOptions(regions=("ba:99", "ball:3")))
    assert len(caught.value.problems) == 2
    far = "sphere:position_mm=0,0,300;radius_mm=3"
    with pytest.raises(InputError, match="300"):
        run(plan(), small_head(), out=tmp_path / "out", options=RunOptions(regions=(far,)))
    assert not (tmp_path / "out").exists()
    assert cli(["run", "select-tdcs", "--roi", "ba:99", "--out", str(tmp_path / "out")]) == 2
    assert "ba:99" in capsys.readouterr().err


def test_the_shipped_atlases_are_what_the_tool_makes(tmp_path):
    templates = Path("/usr/share/mricron/templates")
    if not (templates / "brodmann.nii.gz").is_file():
        pytest.skip("the Debian package mricron-data is not installed; only who rebuilds the atlases needs it")
    import subprocess
    import sys

    import stimplan

    root = Path(stimplan.__file__).parent
    tool = root.parent / "tools" / "make_atlases.py"
    if not tool.is_file():
        pytest.skip("installed without the source tree")
    subprocess.run([sys.executable, str(tool), "--out", str(tmp_path)], check=True, capture_output=True)
    for name in SHIPPED:
        for suffix in (".nii.gz", ".json"):
            assert (tmp_path / f"{name}{suffix}").read_bytes() == (root / "atlases" / f"{name}{suffix}").read_bytes()
