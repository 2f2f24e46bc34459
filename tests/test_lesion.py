"""Lesions: regions read from files and descriptions, laid over labels and meshes, and the field they make."""

from __future__ import annotations

import math
from functools import cache

import attrs
import nibabel
import numpy as np
import pytest
from runs import plan, small_head
from scipy.sparse.linalg import spsolve

from stimplan.errors import HeadError
from stimplan.fem.assemble import electric_field, stiffness
from stimplan.head import prepare
from stimplan.head.conductivity import materials, own_conductivity, tissues_of
from stimplan.head.labelled import LabelVolume, mesh_labels
from stimplan.head.lesion import Lesion, lesion_notices, lesioned, overlay, read_lesion, with_lesions
from stimplan.head.masks import Ball, VoxelMask, read_ball, read_mask
from stimplan.head.model import _boundary
from stimplan.pipeline import RunOptions, run
from stimplan.report import render

NAMES = {2: "gray_matter", 3: "csf", 4: "bone", 5: "scalp"}


def layered(radii_mm=(40, 44, 50, 56), labels=(2, 3, 4, 5), voxel_mm=2.0):
    """Spheres of labels, innermost first, centred on the origin."""
    count = int(2 * radii_mm[-1] / voxel_mm) + 9
    axis = (np.arange(count) - (count - 1) / 2) * voxel_mm
    distance = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2)
    values = np.zeros(distance.shape, dtype=np.uint8)
    for radius, label in zip(radii_mm[::-1], labels[::-1], strict=True):
        values[distance < radius] = label
    affine = np.diag([voxel_mm * 1e-3] * 3 + [1.0])
    affine[:3, 3] = axis[0] * 1e-3
    return LabelVolume(values, affine, {n: name for n, name in NAMES.items() if n in labels})


def counted(volume, name):
    return int(np.isin(volume.labels, [n for n, one in volume.tissues.items() if one == name]).sum())


def written(path, values, affine_m):
    affine = np.array(affine_m)
    affine[:3] *= 1e3
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nibabel.save(image, path)
    return path


# --- the field against the exact answer ------------------------------------------------------------------------------


def uniform_field_error(edge_mm, sigma_in, sigma_out=0.126):
    """Field in a ball laid over a uniform ball that lies in a uniform field, against 3 so / (si + 2 so) E0."""
    outer = layered((40,), (2,))
    volume, record = overlay(outer, Ball((0.0, 0.0, 0.0), 0.015), "csf")
    mesh, _ = mesh_labels(volume, edge_mm=edge_mm)
    radius = np.cbrt(3 * record["volume_m3"] / (4 * math.pi))
    nodes, distance = mesh.nodes_m, np.linalg.norm(mesh.nodes_m, axis=1)
    contrast = (sigma_in - sigma_out) / (sigma_in + 2 * sigma_out)
    exact = -nodes[:, 2] * (1 - contrast * (radius / np.maximum(distance, radius)) ** 3)
    fixed = np.zeros(len(nodes), dtype=bool)
    fixed[np.unique(_boundary(mesh.tets))] = True
    matrix = stiffness(nodes, mesh.tets, np.where(mesh.tissue == 3, sigma_in, sigma_out)).tocsc()
    potential = np.where(fixed, exact, 0.0)
    potential[~fixed] = spsolve(matrix[~fixed][:, ~fixed], -(matrix @ potential)[~fixed])
    field = electric_field(potential, nodes, mesh.tets)
    centers = nodes[mesh.tets].mean(axis=1)
    deep = (mesh.tissue == 3) & (np.linalg.norm(centers, axis=1) < 0.7 * radius)
    return field[deep].mean(axis=0) / (3 * sigma_out / (sigma_in + 2 * sigma_out)) - [0, 0, 1]


@pytest.mark.parametrize("sigma_in", [1.654, 1e-13, 7.4e5])
def test_a_ball_in_a_uniform_field_has_the_exact_field_inside(sigma_in):
    error = uniform_field_error(4.0, sigma_in)
    assert np.abs(error).max() < 0.045
    assert np.abs(error[:2]).max() < 1e-3


def test_the_error_of_the_ball_falls_with_the_edge():
    assert abs(uniform_field_error(4.0, 1.654)[2]) < 0.8 * abs(uniform_field_error(6.0, 1.654)[2])


def test_a_cavity_of_fluid_has_less_field_inside_and_more_current_than_the_tissue_it_replaced():
    # From the closed form: E falls to 3 so / (si + 2 so), J grows by si / so times that.
    inside = 3 * 0.126 / (1.654 + 2 * 0.126)
    assert inside < 1 < 1.654 / 0.126 * inside
    error = uniform_field_error(6.0, 1.654)[2]
    assert inside * (1 + error) < 1 < 1.654 / 0.126 * inside * (1 + error)


# --- over labels -----------------------------------------------------------------------------------------------------


def test_a_ball_replaces_what_it_covers_and_the_record_says_how_much():
    before = layered()
    volume, record = overlay(before, Ball((0.0, 0.0, 0.03), 0.016), "csf")
    # 16 mm about a point 10 mm below the fluid: grey matter, and a little of the fluid that stays what it is.
    voxel_m3 = 8e-9
    assert counted(before, "gray_matter") - counted(volume, "gray_matter") == pytest.approx(
        record["replaced_m3"]["gray_matter"] / voxel_m3
    )
    assert record["mask_m3"] == pytest.approx(4 / 3 * math.pi * 0.016**3)
    assert record["volume_m3"] == pytest.approx(sum(record["replaced_m3"].values()))
    assert record["inside_head_m3"] == pytest.approx(record["mask_m3"], rel=0.05)
    assert set(volume.tissues) == set(before.tissues), "csf keeps its label"
    assert before.labels[tuple(np.array(before.labels.shape) // 2)] == 2, "the volume given is not touched"


def test_only_bone_is_replaced_where_only_bone_is_asked_for():
    before = layered()
    volume, record = overlay(before, Ball((0.0, 0.0, 0.047), 0.012), "titanium", within=("bone",))
    assert list(record["replaced_m3"]) == ["bone"]
    assert counted(volume, "titanium") == counted(before, "bone") - counted(volume, "bone") > 0
    for name in ("gray_matter", "csf", "scalp"):
        assert counted(volume, name) == counted(before, name)


def test_bone_stands_for_every_kind_of_bone():
    before = attrs.evolve(layered(), tissues={2: "gray_matter", 3: "csf", 4: "compact_bone", 5: "scalp"})
    assert "compact_bone" in overlay(before, Ball((0, 0, 0.047), 0.012), "scalp", within=("bone",))[1]["replaced_m3"]


def test_a_new_tissue_gets_a_free_label_and_a_mesh_of_its_own():
    volume, _ = overlay(layered(), Ball((0.0, 0.0, 0.0), 0.015), "lesion")
    (label,) = (n for n, name in volume.tissues.items() if name == "lesion")
    assert label >= 30
    mesh, record = mesh_labels(volume, edge_mm=6)
    assert (mesh.tissue == record["tissues"]["lesion"]).sum() > 100


def test_an_array_on_the_own_grid_is_a_mask_too():
    before = layered()
    mask = before.labels == 3
    volume, record = overlay(before, mask, "bone")
    assert counted(volume, "csf") == 0
    assert record["volume_m3"] == pytest.approx(mask.sum() * 8e-9)
    with pytest.raises(HeadError, match="expected the volume's shape"):
        overlay(before, mask[1:], "bone")
    with pytest.raises(HeadError, match="is empty"):
        overlay(before, mask & False, "bone")


def test_air_and_the_outside_stay_as_they_are():
    before = attrs.evolve(layered(), tissues={**NAMES, 3: "air"})
    volume, record = overlay(before, Ball((0.03, 0.0, 0.0), 0.05), "scalp")
    assert counted(volume, "air") == counted(before, "air")
    assert np.array_equal(volume.labels == 0, before.labels == 0)
    assert "air" not in record["replaced_m3"]


def test_lesions_are_laid_over_one_another_in_order():
    volume, records = with_lesions(
        layered(), [Lesion("sphere:center_mm=0,0,0,radius_mm=20", "csf"), Lesion(Ball((0, 0, 0), 0.01), "lesion", 0.8)]
    )
    middle = volume.labels[tuple(np.array(volume.labels.shape) // 2)]
    assert volume.tissues[int(middle)] == "lesion"
    assert records[1]["replaced_m3"].keys() == {"csf"}
    assert "radius 20 mm at head (0, 0, 0) mm" in records[0]["region"]


# --- regions from files ----------------------------------------------------------------------------------------------


def test_a_mask_of_another_grid_is_looked_up_at_the_nearest_voxel(tmp_path):
    affine = np.diag([0.004, 0.003, 0.005, 1.0])
    affine[:3, 3] = [-0.06, -0.06, -0.06]
    grid = np.stack(np.meshgrid(np.arange(31), np.arange(41), np.arange(25), indexing="ij"), axis=-1)
    centers = grid @ affine[:3, :3].T + affine[:3, 3]
    values = (np.linalg.norm(centers - [0, 0, 0.01], axis=-1) < 0.02).astype(np.uint8)
    mask = read_mask(written(tmp_path / "mask.nii.gz", values, affine))
    _, record = overlay(layered(), mask, "csf")
    assert record["volume_m3"] == pytest.approx(4 / 3 * math.pi * 0.02**3, rel=0.05)
    assert mask.contains(np.array([[0, 0, 0.01], [0, 0, 0.04], [9.0, 0, 0]])).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v * 0, "the mask is empty"),
        (lambda v: v * 0 + 1, "every voxel is 1"),
        (lambda v: v + np.arange(v.size, dtype=np.uint8).reshape(v.shape) % 5, "0 and one other value"),
        (lambda v: np.stack([v, v], axis=-1), "expected one volume"),
        (lambda v: np.where(v > 0, np.nan, 0).astype(np.float32), "not finite"),
    ],
)
def test_a_file_that_is_no_mask_is_refused_by_name(tmp_path, edit, message):
    values = np.zeros((60, 60, 60), np.uint8)
    values[20:40, 20:40, 20:40] = 1
    affine = np.diag([0.003, 0.003, 0.003, 1.0])
    path = written(tmp_path / "mask.nii.gz", edit(values), affine)
    with pytest.raises(HeadError, match=message) as caught:
        read_mask(path)
    assert "mask.nii.gz" in str(caught.value)


def test_a_mask_in_another_unit_is_refused(tmp_path):
    values = np.zeros((9, 9, 9), np.uint8)
    values[4, 4, 4] = 1
    path = written(tmp_path / "mask.nii", values, np.diag([2.0, 2.0, 2.0, 1.0]))
    with pytest.raises(HeadError, match=r"voxels of 2e\+03 x .* is the unit \(mm\) wrong"):
        read_mask(path)


def test_a_mask_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(HeadError, match="no such file"):
        read_mask(tmp_path / "nowhere.nii.gz")


def test_a_mask_of_another_space_is_refused():
    block = np.zeros((20, 20, 20), bool)
    block[5:15, 5:15, 5:15] = True
    affine = np.diag([0.002, 0.002, 0.002, 1.0])
    affine[:3, 3] = 1.0
    with pytest.raises(HeadError, match="does not meet the head"):
        overlay(layered(), VoxelMask(block, affine), "csf")
    affine[:3, 3] = [0.04, -0.02, -0.02]
    with pytest.raises(HeadError, match=r"only \d+% of the mask's 8 ml lies in the head"):
        overlay(layered(), VoxelMask(block, affine), "csf")


def test_a_region_that_holds_none_of_what_it_may_replace_is_refused():
    with pytest.raises(HeadError, match="holds none of bone"):
        overlay(layered(), Ball((0, 0, 0), 0.01), "titanium", within=("bone",))
    with pytest.raises(HeadError, match="has no eyes to replace"):
        overlay(layered(), Ball((0, 0, 0), 0.01), "titanium", within=("eyes",))


def test_a_region_in_mni_space_needs_a_way_there():
    ball = read_ball("sphere:mni_mm=0,0,10,radius_mm=12")
    assert ball == read_ball("sphere:mni_mm=0,0,10;radius_mm=12") == read_ball("sphere:mni_mm=0,0,10; radius_mm=12")
    assert read_ball("sphere:center_mm=0,0,10,radius_mm=12") == read_ball("sphere:position_mm=0,0,10;radius_mm=12")
    with pytest.raises(HeadError, match="no transform"):
        overlay(layered(), ball, "csf")
    there, _ = overlay(layered(), ball, "csf", to_mni=lambda points: np.add(points, [0, 0, 0.01]))
    centre, _ = overlay(layered(), Ball((0, 0, 0), 0.012), "csf")
    assert np.array_equal(there.labels, centre.labels)


# --- what is asked for, in words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "lesion"),
    [
        ("mask.nii.gz=csf", Lesion("mask.nii.gz", "csf")),
        ("a=b/mask.nii=lesion:0.8", Lesion("a=b/mask.nii", "lesion", 0.8)),
        ("mni:mask.nii=titanium@bone", Lesion("mni:mask.nii", "titanium", None, ("bone",))),
        (
            "sphere:mni_mm=-38,-20,50,radius_mm=12=scalp@bone,csf",
            Lesion("sphere:mni_mm=-38,-20,50,radius_mm=12", "scalp", None, ("bone", "csf")),
        ),
    ],
)
def test_a_lesion_on_the_command_line(given, lesion):
    assert read_lesion(given) == lesion


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mask.nii.gz", "is not REGION=TISSUE"),
        ("=csf", "is not REGION=TISSUE"),
        ("mask.nii=", "is not REGION=TISSUE"),
        ("mask.nii=lesion:x", "'x' is no conductivity"),
        ("mask.nii=lesion:-1", "positive and finite"),
        ("mask.nii=lesion:nan", "positive and finite"),
        ("mask.nii=csf:1.8", "is a tissue of the head"),
        ("mask.nii=My Lesion", "is no name of a tissue"),
    ],
)
def test_a_lesion_that_cannot_be_meant_is_refused(given, message):
    with pytest.raises(HeadError, match=message):
        read_lesion(given)


@pytest.mark.parametrize(
    "given",
    ["sphere:", "sphere:mni_mm=1,2,radius_mm=3", "sphere:mni_mm=1,2,3",
     "sphere:mni_mm=1,2,3,center_mm=1,2,3,radius_mm=2",
     "sphere:mni_mm=1,2,x,radius_mm=3", "sphere:mni_mm=1,2,3,radius_mm=-3", "sphere:mni_mm=1,2,3,radius=3",
     "sphere:mni_mm=1,2,nan,radius_mm=3", "sphere:center_mm=1,2,3;position_mm=1,2,3;radius_mm=2"],
)  # fmt: skip
def test_a_sphere_that_is_none_is_refused_with_an_example(given):
    with pytest.raises(HeadError, match="such as sphere:mni_mm="):
        read_ball(given)


def test_a_sphere_is_read_in_either_space():
    assert read_ball("sphere:mni_mm=-38,-20.5,50,radius_mm=12") == Ball((-0.038, -0.0205, 0.05), 0.012, True)
    assert read_ball("sphere:center_mm=1,2,3,radius_mm=4") == Ball((0.001, 0.002, 0.003), 0.004, False)


def test_what_plates_are_made_of_has_a_source():
    for name in ("titanium", "acrylic", "peek"):
        assert materials()[name].source.doi.startswith("10.")
        assert own_conductivity(name, None) == (materials()[name].value_S_per_m, str(materials()[name].source))
    assert own_conductivity("csf", None) is None
    assert own_conductivity("lesion", 0.8) == (0.8, "set by the user")
    with pytest.raises(HeadError, match="did you mean 'titanium'"):
        own_conductivity("titan", None)


def test_the_key_of_a_lesion_is_its_content():
    one = Lesion("sphere:center_mm=0,0,0,radius_mm=10", "csf")
    assert one.key == Lesion(Ball((0, 0, 0), 0.01), "csf").key
    others = [
        Lesion(Ball((0, 0, 0), 0.011), "csf"),
        Lesion(Ball((0, 0, 0), 0.01), "scalp"),
        Lesion(Ball((0, 0, 0), 0.01), "csf", within=("bone",)),
        Lesion(Ball((0, 0, 0), 0.01, in_mni=True), "csf"),
    ]
    assert len({one.key, *(other.key for other in others)}) == 5
    mask = np.zeros((3, 3, 3), bool)
    mask[1] = True
    masks = [VoxelMask(mask, np.eye(4)), VoxelMask(mask, np.eye(4), name="other"), VoxelMask(mask, 2 * np.eye(4))]
    keys = [Lesion(mask, "csf").key for mask in masks]
    assert keys[0] == keys[1] != keys[2]


def test_own_conductivities_stand_beside_those_of_the_preset():
    tissues = tissues_of({"csf": 3, "plate": 30}, "roast", own={"plate": (7.0, "a paper")})
    assert [(one.name, one.conductivity_S_per_m, one.source[:7]) for one in tissues] == [
        ("csf", 1.65, "Huang e"),
        ("plate", 7.0, "a paper"),
    ]


# --- over a mesh that is there already -------------------------------------------------------------------------------


@cache
def with_cavity():
    return lesioned(small_head(), [Lesion("sphere:mni_mm=0,-5,0,radius_mm=30", "csf")])


def test_a_head_that_is_meshed_gets_its_lesion_tetrahedron_by_tetrahedron():
    head = with_cavity()
    assert [tissue.name for tissue in head.tissues] == ["gray_matter", "scalp", "csf"]
    csf = head.volumes_m3[head.in_tissue("csf")].sum()
    assert csf == pytest.approx(4 / 3 * math.pi * 0.03**3, rel=0.1)
    # MNI space lies 5 mm further back than this head's coordinates, so the ball's centre is its origin.
    assert np.linalg.norm(head.centers_m[head.in_tissue("csf")].mean(axis=0)) < 0.002
    assert head.digest != small_head().digest
    (record,) = head.provenance["lesions"]
    assert record["is_meshed"] is False and record["volume_m3"] == pytest.approx(csf)


def test_a_tissue_that_is_wholly_replaced_is_gone():
    head = lesioned(small_head(), [Lesion(Ball((0.0, 0.0, 0.0), 0.2), "csf", within=("gray_matter",))])
    assert [tissue.name for tissue in head.tissues] == ["scalp", "csf"]


def test_a_material_and_a_conductivity_of_ones_own_over_a_mesh():
    plate = lesioned(small_head(), [Lesion(Ball((0.0, 0.0, 0.08), 0.02), "titanium")])
    assert plate.tissue_named("titanium").conductivity_S_per_m == materials()["titanium"].value_S_per_m
    own = lesioned(plate, [Lesion(Ball((0.0, 0.0, -0.05), 0.02), "lesion", 0.8)])
    assert own.tissue_named("lesion").conductivity_S_per_m == 0.8
    assert own.tissue_named("lesion").label != own.tissue_named("titanium").label
    assert len(own.provenance["lesions"]) == 2


def test_over_a_mesh_there_is_no_air_and_nothing_without_a_conductivity():
    with pytest.raises(HeadError, match="cannot get a hole"):
        lesioned(small_head(), [Lesion(Ball((0.0, 0.0, 0.0), 0.02), "air")])
    with pytest.raises(HeadError, match="neither a tissue nor a material"):
        lesioned(small_head(), [Lesion(Ball((0.0, 0.0, 0.0), 0.02), "gliosis")])
    with pytest.raises(HeadError, match="does not meet the head"):
        lesioned(small_head(), [Lesion(Ball((0.0, 0.0, 0.9), 0.02), "csf")])


def test_a_reader_of_a_report_is_told_of_the_lesion():
    (sentence,) = lesion_notices(with_cavity())
    assert sentence.startswith("The head has a lesion or defect: 1")
    assert "of grey matter are CSF (ball of radius 30 mm at MNI (0, -5, 0) mm)" in sentence
    assert lesion_notices(small_head()) == ()


# --- in a run --------------------------------------------------------------------------------------------------------


def test_a_run_on_a_head_with_a_lesion_says_so():
    options = RunOptions(lesions=["sphere:mni_mm=0,-5,0,radius_mm=30=csf"], conductivity_preset="mccann2019")
    result = run(plan(), small_head(), options=options)
    assert any("No rule judges what it does to the current" in sentence for sentence in result.report.not_judged)
    record = result.record()
    (lesion,) = record["head"]["provenance"]["lesions"]
    assert lesion["tissue"] == "csf" and lesion["replaced_m3"].keys() == {"gray_matter"}
    tissues = {tissue["name"]: tissue for tissue in record["head"]["tissues"]}
    assert tissues["csf"]["conductivity_S_per_m"] == 1.71
    assert "McCann" in tissues["csf"]["source"]
    assert "Lesion or defect: ball of radius 30 mm at MNI (0, -5, 0) mm" in render(record, {})
    assert result.report.verdict == run(plan(), small_head()).report.verdict


def test_a_cavity_under_the_electrode_draws_current_and_lowers_the_field_in_it():
    plain = run(plan(), small_head())
    holed = run(plan(), small_head(), options=RunOptions(lesions=["sphere:mni_mm=38,39,26,radius_mm=14=csf"]))
    cavity = holed.head.in_tissue("csf")
    assert np.array_equal(holed.head.tets, plain.head.tets)
    before, after = (np.linalg.norm(r.field.J_A_per_m2[cavity], axis=1).mean() for r in (plain, holed))
    assert after > 1.5 * before
    before, after = (r.field.magnitude_V_per_m[cavity].mean() for r in (plain, holed))
    assert after < 0.5 * before


def test_a_target_that_the_lesion_has_taken_is_told_and_not_measured():
    result = run(plan(), small_head(), options=RunOptions(lesions=["sphere:mni_mm=-38,39,26,radius_mm=13=csf"]))
    assert result.target_metrics is None
    assert "The target, a place, has no grey matter left in this head" in result.report.not_judged[-1]


def test_a_head_by_name_gets_its_lesion_before_it_is_meshed(monkeypatch, tmp_path):
    volume = layered()
    monkeypatch.setenv("STIMPLAN_CACHE", str(tmp_path))
    monkeypatch.setattr(prepare, "shipped_volume", lambda name: volume)
    monkeypatch.setattr(prepare, "with_template_sites", lambda head: head)  # these spheres are not the template
    options = {"edge_mm": 4, "conductivities": "roast"}
    head = prepare.load_lesioned("colin27", ["sphere:mni_mm=0,0,47,radius_mm=16=titanium@bone"], **options)
    (record,) = head.provenance["lesions"]
    assert record["is_meshed"] and record["replaced_m3"].keys() == {"bone"}
    meshed = head.volumes_m3[head.in_tissue("titanium")].sum()
    assert record["tissue_meshed_m3"] == pytest.approx(meshed)
    assert meshed == pytest.approx(record["volume_m3"], rel=0.15)
    assert head.tissue_named("bone").source.startswith("Huang")
    assert np.array_equal(head.mni_from_head, np.eye(4))
    # Kept under the content of its labels: found again, and another lesion is another mesh.
    monkeypatch.setattr("stimplan.head.building._made", lambda *_: pytest.fail("it was meshed again"))
    again = prepare.load_lesioned("colin27", ["sphere:mni_mm=0,0,47,radius_mm=16=titanium@bone"], **options)
    assert again.digest == head.digest
    with pytest.raises(pytest.fail.Exception, match="meshed again"):
        prepare.load_lesioned("colin27", ["sphere:mni_mm=0,0,47,radius_mm=17=titanium@bone"], **options)


def test_what_has_no_conductivity_is_refused_before_anything_is_meshed():
    with pytest.raises(HeadError, match="'gliosis' is neither a tissue nor a material"):
        prepare.load_lesioned("colin27", ["sphere:mni_mm=0,0,78,radius_mm=20=gliosis"])


def test_settings_go_before_the_set_and_name_who_set_them():
    choice = prepare.HeadChoice(
        conductivity_preset="roast",
        settings=(({"scalp": 0.3, "gray_matter": 0.4}, "the protocol"), ({"scalp": 0.2}, "me")),
    )
    head = prepare.prepared_head(small_head(), choice)
    assert {t.name: (t.conductivity_S_per_m, t.source) for t in head.tissues} == {
        "gray_matter": (0.4, "the protocol"),
        "scalp": (0.2, "me"),
    }
    with pytest.raises(HeadError, match="already has its mesh"):
        prepare.prepared_head(small_head(), prepare.HeadChoice(edge_mm=4))


@pytest.mark.parametrize("over", ["labels", "mesh"])
def test_a_region_that_takes_all_grey_matter_is_a_slip_of_its_size_unless_it_was_named(over):
    all_of_it = Ball((0, 0, 0), 0.5)

    def lay(*within):
        if over == "labels":
            return overlay(layered(), all_of_it, "csf", within=within)
        return lesioned(small_head(), [Lesion(all_of_it, "csf", within=within)])

    with pytest.raises(HeadError, match="takes all of the grey matter; is its size in mm"):
        lay()
    assert lay("gray_matter")
    assert lay("scalp")


def test_words_about_tensors_without_a_file_of_them_are_refused():
    with pytest.raises(HeadError) as caught:
        prepare.HeadChoice(dti_order="fsl", anisotropy="dir")
    assert [one.where for one in caught.value.problems] == ["dti_order", "anisotropy"]
    assert all("no file of them is named" in one.what for one in caught.value.problems)
    assert prepare.HeadChoice(dti="t.nii", dti_order="fsl", anisotropy="dir").dti == "t.nii"


def test_tensors_that_cannot_be_read_are_refused_before_anything_is_meshed(monkeypatch, tmp_path):
    monkeypatch.setattr(prepare, "load_head", lambda *args, **options: pytest.fail("a head was loaded"))
    choice = prepare.HeadChoice(dti=tmp_path / "none.nii", dti_order="fsl")
    with pytest.raises(HeadError, match="cannot be read as a NIfTI file: No such file"):
        prepare.prepared_head("colin27", choice)
    with pytest.raises(HeadError, match="'volume' is not known; there is vn, vc, dir, tuch, mc"):
        prepare.HeadChoice(dti="t.nii", anisotropy="volume")


def test_a_material_that_is_not_known_is_said_before_any_head_is_loaded():
    from stimplan.head.prepare import HeadChoice

    with pytest.raises(HeadError, match="kryptonite"):
        HeadChoice(lesions=["sphere:mni_mm=-38,44,26,radius_mm=8=kryptonite"])
