"""The field on the average brain: where a vertex lies in a head, what is read there, and the GIFTI files."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import attrs
import nibabel
import numpy as np
import pytest
from spheres import ball

from stimplan.errors import HeadError, InputError, MissingExtra
from stimplan.exchange import fsaverage
from stimplan.exchange.fsaverage import (
    MNI152_FROM_MNI305_MM,
    load_average_surface,
    sample_on_surface,
    surface_names,
    write_surfaces,
)
from stimplan.field import Field
from stimplan.head.model import HeadModel, Tissue
from stimplan.head.space import Warp, apply_affine, grid_map

UNIFORM = np.array([0.1, -0.2, 0.3])
MNI = np.array([[1.02, 0.0, 0.0, 0.001], [0.0, 0.98, 0.0, -0.002], [0.0, 0.0, 1.01, 0.003], [0, 0, 0, 1]])


@cache
def brain() -> HeadModel:
    """A ball of grey matter, 80 mm, with a way to MNI space."""
    return attrs.evolve(ball(), tissues=(Tissue(1, "gray_matter", 0.3, "made up"),), mni_from_head=MNI)


def field_in(head: HeadModel) -> Field:
    """A uniform field, as far as a mesh goes."""
    return Field(
        head=head,
        placement=None,
        E_V_per_m=np.tile(UNIFORM, (len(head.tets), 1)),
        potential_V=-head.nodes_m @ UNIFORM,
        electrode_potential_V=np.zeros(0),
        residual=0.0,
        iterations=None,
        provenance={},
    )


def sphere_mm(radius, count=400):
    """Points on a sphere and triangles that only need to be there."""
    k = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    unit = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    return radius * unit, np.stack([np.arange(count - 2), np.arange(1, count - 1), np.arange(2, count)], axis=1)


@pytest.fixture
def folder(tmp_path):
    for side in ("lh", "rh"):
        for which, radius in (("white", 69.0), ("pial", 71.0)):
            points, faces = sphere_mm(radius)
            nibabel.freesurfer.write_geometry(tmp_path / f"{side}.{which}", points, faces, volume_info=None)
    return tmp_path


def test_the_matrix_is_that_of_freesurfers_example():
    # The page's own example: (10, -20, 35) becomes (10.695, -18.409, 36.137).
    assert apply_affine(MNI152_FROM_MNI305_MM, [10, -20, 35]) == pytest.approx([10.695, -18.409, 36.137], abs=3e-3)


def test_the_surface_lies_half_way_and_is_brought_to_mni152(folder):
    surface = load_average_surface(folder)
    assert np.linalg.norm(surface.mni305_m["lh"], axis=1) == pytest.approx(0.07, abs=1e-6)
    expected = 1e-3 * apply_affine(MNI152_FROM_MNI305_MM, 1e3 * surface.mni305_m["rh"])
    assert np.allclose(surface.mni_m("rh"), expected)


def test_a_uniform_field_is_read_everywhere_with_its_normal_component(folder):
    surface = load_average_surface(folder)
    sampled = sample_on_surface(field_in(brain()), surface)
    for side in ("lh", "rh"):
        assert sampled[side].magnitude_V_per_m == pytest.approx(np.linalg.norm(UNIFORM), rel=1e-6)
        own = apply_affine(np.linalg.inv(MNI), surface.mni_m(side))
        outward = own / np.linalg.norm(own, axis=1, keepdims=True)
        assert np.abs(sampled[side].normal_V_per_m + outward @ UNIFORM).max() < 0.06
        assert sampled[side].distance_m.max() == 0.0


def test_vertices_far_from_grey_matter_have_no_value(folder):
    away = np.diag([1.4, 1.0, 1.0, 1.0])  # the head is small beside the average brain, left and right
    sampled = sample_on_surface(
        field_in(attrs.evolve(brain(), mni_from_head=np.linalg.inv(away))), load_average_surface(folder)
    )
    values = sampled["lh"]
    is_far = values.distance_m > 0.010
    assert 0 < is_far.sum() < len(is_far)
    assert np.isnan(values.magnitude_V_per_m[is_far]).all() and np.isnan(values.normal_V_per_m[is_far]).all()
    assert np.isfinite(values.magnitude_V_per_m[~is_far]).all()


def test_a_deformation_is_used(folder):
    axes = np.meshgrid(*[np.linspace(-0.12, 0.12, 7)] * 3, indexing="ij")
    matrix = np.diag([0.04, 0.04, 0.04, 1.0])
    matrix[:3, 3] = -0.12
    warp = Warp(grid_map(np.stack(axes, axis=-1) + np.array([0.03, 0, 0]), matrix))
    head = attrs.evolve(brain(), warp=warp, mni_from_head=np.eye(4))
    assert sample_on_surface(field_in(head), load_average_surface(folder))["lh"].distance_m.max() > 0.010


def test_gifti_files_hold_the_three_maps(folder, tmp_path):
    surface, field = load_average_surface(folder), field_in(brain())
    record = write_surfaces(tmp_path, field, surface)
    assert (
        tuple(record) == surface_names(surface.name) == ("field_fsaverage_lh.func.gii", "field_fsaverage_rh.func.gii")
    )
    image = nibabel.load(tmp_path / "field_fsaverage_rh.func.gii")
    assert [array.meta["Name"] for array in image.darrays] == ["E_magnitude_V_per_m", "E_normal_V_per_m", "distance_m"]
    assert image.meta["AnatomicalStructurePrimary"] == "CortexRight"
    sampled = sample_on_surface(field, surface)["rh"]
    assert np.allclose(image.darrays[1].data, sampled.normal_V_per_m, atol=1e-7)
    assert record["field_fsaverage_lh.func.gii"] == {
        "vertices": 400, "without_value": 0, "median_distance_m": 0.0, "largest_distance_m": 0.0
    }  # fmt: skip
    again = tmp_path / "again"
    again.mkdir()
    write_surfaces(again, field, surface)
    name = "field_fsaverage_lh.func.gii"
    assert (again / name).read_bytes() == (tmp_path / name).read_bytes()


def test_heads_that_cannot_be_mapped_say_so(folder):
    surface = load_average_surface(folder)
    with pytest.raises(InputError, match="no MNI coordinates"):
        sample_on_surface(field_in(ball()), surface)
    with pytest.raises(HeadError, match="no gray_matter"):
        sample_on_surface(field_in(attrs.evolve(ball(), mni_from_head=np.eye(4))), surface)


def test_surfaces_that_are_missing_damaged_or_do_not_match_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_average_surface(tmp_path / "absent")
    (folder / "lh.white").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="cannot be read"):
        load_average_surface(folder)
    points, faces = sphere_mm(69.0, count=300)
    nibabel.freesurfer.write_geometry(folder / "lh.white", points, faces, volume_info=None)
    with pytest.raises(InputError, match="different vertices"):
        load_average_surface(folder)


def test_without_nilearn_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(fsaverage, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"stimplan\[surface\]"):
        load_average_surface()


@pytest.mark.skipif(find_spec("nilearn") is None, reason="nilearn is not installed (extra `surface`)")
def test_the_surface_of_nilearn_is_fsaverage5():
    surface = load_average_surface()
    assert surface.name == "fsaverage5"
    assert surface.mni305_m["lh"].shape == (10242, 3) and surface.triangles["rh"].shape == (20480, 3)
    assert surface.mni_m("lh")[:, 0].mean() < -0.02 < 0.02 < surface.mni_m("rh")[:, 0].mean()


def test_a_run_writes_the_surfaces_when_asked(folder, tmp_path):
    from stimplan.pipeline import RunOptions, run

    chosen = RunOptions(even_if_stopped=True, with_figures=False, surface=folder)
    result = run("m1-so", brain(), out=tmp_path / "out", options=chosen)
    assert {"field_fsaverage_lh.func.gii", "field_fsaverage_rh.func.gii"} <= set(result.files)


def test_a_surface_that_is_missing_is_said_before_the_field_is_solved(tmp_path):
    from stimplan.pipeline import RunOptions, run

    chosen = RunOptions(even_if_stopped=True, surface=tmp_path / "absent")
    with pytest.raises(InputError, match="cannot be read"):
        run("m1-so", brain(), out=tmp_path / "out", options=chosen)
    with pytest.raises(InputError, match="no MNI coordinates"):
        run("m1-so", ball(), out=tmp_path / "out", options=chosen)
    assert not (tmp_path / "out").exists()
