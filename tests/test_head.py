"""Heads by name, layered spheres and conductivities."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stimplan.errors import HeadError
from stimplan.head import list_heads, load_head, sphere_head
from stimplan.head.conductivity import CONDUCTIVITIES_S_PER_M, tissues_of
from stimplan.head.mesher import shared_faces
from stimplan.head.model import _boundary
from stimplan.head.scalp import nearest_on_surface
from stimplan.head.stuffing import quality
from stimplan.sites import known_sites

RADII_MM = (78, 80, 86, 92)
SIGMA = (0.33, 1.79, 0.01, 0.43)


@pytest.fixture(scope="module")
def sphere():
    return sphere_head(radii_mm=RADII_MM, conductivities_S_per_m=SIGMA, edge_mm=4)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STIMPLAN_CACHE", str(tmp_path))
    monkeypatch.setenv("STIMPLAN_DATA", str(tmp_path / "data"))
    return tmp_path


# --- spheres ---------------------------------------------------------------------------------------------------------


def test_sphere_layers_have_the_right_volumes(sphere):
    exact_mm3 = 4 / 3 * math.pi * np.diff(np.array([0, *RADII_MM]) ** 3)
    for tissue, exact in zip(sphere.tissues, exact_mm3, strict=True):
        meshed = sphere.volumes_m3[sphere.in_tissue(tissue.name)].sum() * 1e9
        assert meshed == pytest.approx(exact, rel=2e-3)


def test_sphere_tetrahedra_are_well_shaped(sphere):
    shape = quality(sphere.nodes_m, sphere.tets)
    assert shape.min() >= 0.2
    assert np.quantile(shape, 0.01) >= 0.4
    assert 100_000 < len(sphere.nodes_m) < 200_000


@pytest.mark.parametrize("edge_mm", [4, 6])
def test_the_thin_layer_of_a_sphere_has_no_hole(sphere, edge_mm):
    if edge_mm != 4:
        sphere = sphere_head(radii_mm=RADII_MM, conductivities_S_per_m=SIGMA, edge_mm=edge_mm)
    pairs = sphere.tissue[shared_faces(sphere.tets)].astype(int)
    assert np.abs(pairs[:, 0] - pairs[:, 1]).max() == 1


def test_sphere_names_its_tissues_from_the_inside(sphere):
    assert [tissue.name for tissue in sphere.tissues] == ["layer_1", "layer_2", "layer_3", "layer_4"]
    assert [tissue.conductivity_S_per_m for tissue in sphere.tissues] == list(SIGMA)
    radii = np.linalg.norm(sphere.centers_m, axis=1)
    assert radii[sphere.in_tissue("layer_1")].max() < 0.0785
    assert radii[sphere.in_tissue("layer_4")].min() > 0.0855


def test_sphere_scalp_is_closed_and_points_outwards(sphere):
    a, b, c = (sphere.nodes_m[sphere.scalp[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a) / 2
    assert np.abs(normals.sum(axis=0)).max() < 1e-12
    assert (np.einsum("ij,ij->i", normals, a + b + c) > 0).all()
    assert np.linalg.norm(normals, axis=1).sum() == pytest.approx(4 * math.pi * 0.092**2, rel=2e-3)


def test_sphere_sites_are_on_the_outer_surface_in_the_right_directions(sphere):
    assert set(sphere.sites_m) == set(known_sites())
    radii = np.linalg.norm(list(sphere.sites_m.values()), axis=1)
    assert radii == pytest.approx(0.092, abs=1e-9)
    assert sphere.sites_m["Cz"][2] > 0.09
    assert sphere.sites_m["C3"][0] < -0.05 < 0.05 < sphere.sites_m["C4"][0]
    assert sphere.sites_m["Fpz"][1] > 0.05 > -0.05 > sphere.sites_m["Oz"][1]


def test_the_same_sphere_has_the_same_digest_and_another_one_has_not():
    one, two = (sphere_head(radii_mm=[20, 30], conductivities_S_per_m=[1, 2], edge_mm=5) for _ in range(2))
    other = sphere_head(radii_mm=[20, 30], conductivities_S_per_m=[1, 2.5], edge_mm=5)
    assert one.digest == two.digest != other.digest


def test_every_fault_of_a_sphere_is_listed_at_once():
    with pytest.raises(HeadError) as caught:
        sphere_head(radii_mm=[30, math.nan, -3], conductivities_S_per_m=[1, 0], edge_mm=math.inf)
    places = [problem.where for problem in caught.value.problems]
    assert places == [
        "conductivities_S_per_m",
        "radii_mm[1]",
        "radii_mm[2]",
        "conductivities_S_per_m[1]",
        "edge_mm",
    ]


@pytest.mark.parametrize(
    ("radii", "edge", "where", "message"),
    [
        ([30, 30], 4, "radii_mm[1]", "not larger"),
        ([30, 20], 4, "radii_mm[1]", "innermost first"),
        ([30, 31], 3.1, "edge_mm", "3 mm or less"),
        ([30, 31], 0.1, "edge_mm", "too many"),
        ([30, True], 4, "radii_mm[1]", "positive, finite"),
        ([30, "x"], 4, "radii_mm[1]", "positive, finite"),
    ],
)
def test_one_fault_of_a_sphere_is_named(radii, edge, where, message):
    with pytest.raises(HeadError) as caught:
        sphere_head(radii_mm=radii, conductivities_S_per_m=[1, 1], edge_mm=edge)
    assert [problem.where for problem in caught.value.problems] == [where]
    assert message in str(caught.value)


def test_a_sphere_without_layers_is_refused():
    with pytest.raises(HeadError, match="at least one"):
        sphere_head(radii_mm=[], conductivities_S_per_m=[], edge_mm=4)


# --- conductivities --------------------------------------------------------------------------------------------------


def test_every_conductivity_names_its_source_with_a_doi():
    for value, source in CONDUCTIVITIES_S_PER_M.values():
        assert 0 < value < 10
        assert "doi:10." in source


def test_a_conductivity_can_be_overridden_and_says_so():
    tissues = tissues_of({"csf": 3, "bone": 4}, {"bone": 0.02})
    assert [(t.name, t.conductivity_S_per_m) for t in tissues] == [("csf", 1.654), ("bone", 0.02)]
    assert tissues[1].source == "set by the user"


def test_every_fault_of_the_conductivities_is_listed():
    with pytest.raises(HeadError) as caught:
        tissues_of({"csf": 3, "horn": 9, "bone": 4}, {"bon": 1, "csf": math.nan, "bone": 0})
    assert [problem.where for problem in caught.value.problems] == [
        "conductivities_S_per_m['bon']",
        "conductivities_S_per_m['csf']",
        "conductivities_S_per_m['bone']",
        "conductivities_S_per_m['horn']",
    ]


# --- nearest point ---------------------------------------------------------------------------------------------------


def test_nearest_point_is_in_a_face_on_an_edge_or_at_a_corner():
    nodes = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    triangles = np.array([[0, 1, 2], [1, 3, 2]])
    points = np.array([[0.2, 0.2, 3], [0.5, -2, 0], [4, 4, 1], [0.9, 0.8, -1]])
    nearest, triangle = nearest_on_surface(points, nodes, triangles)
    assert np.allclose(nearest, [[0.2, 0.2, 0], [0.5, 0, 0], [1, 1, 0], [0.9, 0.8, 0]])
    assert triangle.tolist() == [0, 0, 1, 1]


# --- heads by name ---------------------------------------------------------------------------------------------------


def test_an_unknown_head_is_refused_with_the_nearest_name():
    with pytest.raises(HeadError, match="did you mean 'colin27'"):
        load_head("Colin-27")
    with pytest.raises(HeadError, match="known are colin27"):
        load_head("bert")
    with pytest.raises(HeadError, match="there is no such file or folder"):
        load_head("/somewhere/else.msh")


@pytest.mark.parametrize("edge_mm", [0.9, 8.1, math.nan, "4", -4, "coarse", True])
def test_an_edge_out_of_range_is_refused(edge_mm):
    with pytest.raises(HeadError, match="'standard', 'fine' or a number from 1 to 8 mm"):
        load_head("colin27", edge_mm=edge_mm)


def test_the_list_of_heads_says_what_is_cached_and_from_which_file():
    (entry,) = list_heads()
    assert entry.name == "colin27"
    assert entry.path.is_file()
    assert not entry.cached


@pytest.mark.slow
def test_colin27_loads_with_its_tissues_sites_and_no_hole_in_the_vault():
    stages = []
    head = load_head("colin27", progress=lambda stage, fraction: stages.append(stage))
    assert {"finding surfaces", "meshing"} <= set(stages)
    assert [entry.cached for entry in list_heads()] == [True]
    for name, low_ml, high_ml in (
        ("white_matter", 400, 900),
        ("gray_matter", 600, 1000),
        ("csf", 150, 500),
        ("compact_bone", 350, 700),
        ("spongy_bone", 60, 250),
        ("scalp", 2000, 3500),
        ("eyes", 10, 25),
    ):
        assert low_ml < head.volumes_m3[head.in_tissue(name)].sum() * 1e6 < high_ml
    assert head.provenance["scalp_touches_inside_vault_m2"] == 0
    assert head.provenance["quality_worst"] > 0.02
    assert head.provenance["quality_first_percentile"] > 0.25
    assert np.array_equal(head.mni_from_head, np.eye(4))

    boundary = _boundary(head.tets)
    assert 2 * len(shared_faces(head.tets)) + len(boundary) == 4 * len(head.tets)
    edges = np.sort(np.concatenate([boundary[:, [0, 1]], boundary[:, [1, 2]], boundary[:, [0, 2]]]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] % 2 == 0).all()
    assert head.volumes_m3.min() > 0

    moved_m = [np.linalg.norm(np.subtract(head.sites_m[name], at)) for name, at in known_sites().items()]
    assert np.median(moved_m) < 3e-3
    assert max(moved_m) < 12e-3
    on_scalp, _ = nearest_on_surface(np.array(list(head.sites_m.values())), head.nodes_m, head.scalp)
    assert np.allclose(on_scalp, list(head.sites_m.values()), atol=1e-9)

    again = load_head("colin27", conductivities={"compact_bone": 0.02}, progress=lambda *_: stages.append("again"))
    assert "again" not in stages
    assert np.array_equal(again.nodes_m, head.nodes_m)
    assert again.tissue_named("compact_bone").conductivity_S_per_m == 0.02
    assert again.provenance == head.provenance
