"""Meshing label volumes: any tissues, nested or not, any voxels; the volume of the labels is kept."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from test_mesher import assert_conforming, volumes

from stimplan.errors import HeadError
from stimplan.head.conserve import conserving, counting_cells
from stimplan.head.grading import coarsest_levels
from stimplan.head.interfaces import interfaces_of
from stimplan.head.labelled import LabelVolume, mesh_labels, tissue_of
from stimplan.head.lattice import cells_over, uniform_lattice
from stimplan.head.levels import Region, level_of_region, sample
from stimplan.head.mesher import TetMesh
from stimplan.head.nesting import nesting_of
from stimplan.head.presets import PRESETS_MM, edge_m_of
from stimplan.head.relax import POOR, relaxed
from stimplan.head.shares import inside_share
from stimplan.head.stuffing import quality
from stimplan.head.tissues import TISSUE_LABELS, numbers_of
from stimplan.values import digest

MM = 1e-3


def ball_of(shape, center, radius):
    index = np.indices(shape).astype(float)
    return sum((index[axis] - center[axis]) ** 2 for axis in range(3)) < radius**2


def shells(radii_by_tissue, size=64):
    """Balls in one another, outermost first, in the usual numbers."""
    labels = np.zeros((size, size, size), dtype=np.uint8)
    for name, radius in radii_by_tissue.items():
        labels[ball_of(labels.shape, [(size - 1) / 2] * 3, radius)] = TISSUE_LABELS[name]
    return labels


def volume_of(labels, names=None, affine=None):
    names = {label: name for name, label in TISSUE_LABELS.items()} if names is None else names
    return LabelVolume(labels, np.diag([MM, MM, MM, 1.0]) if affine is None else affine, names)


def tissue_volumes_ml(mesh):
    return np.bincount(mesh.tissue, weights=volumes(mesh.nodes_m, mesh.tets), minlength=256) / MM**3


HEAD = {"scalp": 30, "compact_bone": 25, "csf": 20, "gray_matter": 18, "white_matter": 12}


def head_with_inclusions():
    """Marrow in the bone, two touching inclusions in the scalp, an air cavity, and a plate of a material of its own."""
    labels = shells(HEAD)
    marrow = ball_of(labels.shape, [31.5] * 3, 24) & ~ball_of(labels.shape, [31.5] * 3, 21.5)
    labels[marrow & (np.indices(labels.shape)[2] > 36)] = TISSUE_LABELS["spongy_bone"]
    scalp = labels == TISSUE_LABELS["scalp"]
    near = ball_of(labels.shape, [31.5, 59.5, 25.5], 9) & scalp
    labels[near & (np.indices(labels.shape)[0] < 32)] = TISSUE_LABELS["muscle"]
    labels[near & (np.indices(labels.shape)[0] >= 32)] = TISSUE_LABELS["fat"]
    labels[ball_of(labels.shape, [31.5, 8.5, 20], 4)] = TISSUE_LABELS["air"]
    labels[ball_of(labels.shape, [8.5, 31.5, 31.5], 4) & (labels == TISSUE_LABELS["compact_bone"])] = 200
    return volume_of(labels, {**{n: name for name, n in TISSUE_LABELS.items()}, 200: "plate"})


@pytest.fixture(scope="module")
def meshed():
    return mesh_labels(head_with_inclusions(), edge_mm=3)


# --- nesting ---------------------------------------------------------------------------------------------------------


def test_shells_and_the_parents_of_inclusions_are_found_from_the_volume():
    tissue, numbers = tissue_of(head_with_inclusions())
    nesting = nesting_of(tissue)
    assert nesting.shells == (5, 7, 3, 2, 1)
    parents = {extra.label: set(extra.replaces) for extra in nesting.extras}
    assert parents[TISSUE_LABELS["spongy_bone"]] == {7}
    assert numbers["plate"] == 30
    assert parents[30] == {8}  # in the union of marrow and plate, which replaces bone
    # Muscle and fat touch: one is made inside the union of the two, so that nothing opens between them.
    assert sorted(map(sorted, (parents[10], parents[12]))) in ([[5], [10]], [[5], [12]])
    assert frozenset({10, 12}) in nesting.regions


def test_an_inclusion_in_an_inclusion_finds_its_shell_and_one_in_nothing_is_put_outermost():
    labels = shells({"scalp": 25, "muscle": 18, "fat": 8})
    nesting = nesting_of(labels)
    assert nesting.shells == (5,)
    assert [extra.label for extra in nesting.extras] == [10, 12]
    labels[:3, :3, :3] = TISSUE_LABELS["blood"]
    assert {extra.label for extra in nesting_of(labels).extras} == {9, 10, 12}


def test_without_any_shell_the_largest_tissue_is_one():
    labels = shells({"fat": 20, "muscle": 12})
    nesting = nesting_of(labels)
    assert nesting.shells == (TISSUE_LABELS["fat"],)
    mesh, record = mesh_labels(volume_of(labels), edge_mm=5)
    assert set(np.unique(mesh.tissue)) == {10, 12}
    assert record["tissues"] == {"muscle": 10, "fat": 12}


def test_names_that_are_not_standard_are_numbered_from_thirty_in_order():
    assert numbers_of({"plate", "scalp", "cavity"}) == {"scalp": 5, "cavity": 30, "plate": 31}


# --- meshing ---------------------------------------------------------------------------------------------------------


def test_every_tissue_keeps_its_volume_and_no_layer_is_torn(meshed):
    mesh, record = meshed
    assert_conforming(mesh)
    labels = tissue_of(head_with_inclusions())[0]
    counts = np.bincount(labels.ravel(), minlength=256)
    found = tissue_volumes_ml(mesh)
    for name, number in record["tissues"].items():
        tolerance = 0.03 if counts[number] > 5000 else 0.12
        assert found[number] == pytest.approx(counts[number], rel=tolerance), name
        assert record["label_volumes_m3"][name] == pytest.approx(counts[number] * MM**3)
    interfaces = interfaces_of(mesh.nodes_m, mesh.tets, mesh.tissue)
    assert not interfaces.between([5, 10, 12], [1, 2, 3]).any()
    assert not interfaces.between([1, 2], [7, 8, 30]).any()
    assert record["quality_worst"] > 0.05
    assert record["quality_first_percentile"] > 0.25


def test_air_is_not_meshed(meshed):
    mesh, _ = meshed
    assert TISSUE_LABELS["air"] not in mesh.tissue
    centers_mm = mesh.nodes_m[mesh.tets].mean(axis=1) / MM
    assert np.linalg.norm(centers_mm - [31.5, 8.5, 20], axis=1).min() > 2


def test_the_mesh_is_fine_at_the_cortex_and_coarse_in_the_scalp():
    labels = shells({"scalp": 60, "bone": 30, "csf": 27, "gray_matter": 25}, size=124)
    mesh, _ = mesh_labels(volume_of(labels), edge_mm=3)
    volumes_mm3 = volumes(mesh.nodes_m, mesh.tets) / MM**3
    away_mm = np.linalg.norm(mesh.nodes_m[mesh.tets].mean(axis=1) / MM - 61.5, axis=1)
    fine, coarse = (np.median(volumes_mm3[(away_mm > a) & (away_mm < b)]) for a, b in ((23, 28), (42, 50)))
    assert coarse > 10 * fine
    assert mesh.nodes_m.max() / MM == pytest.approx(121.5, abs=0.5)


def test_the_same_volume_gives_the_same_bytes(meshed):
    mesh, record = meshed
    again, record_again = mesh_labels(head_with_inclusions(), edge_mm=3)
    assert digest(mesh.nodes_m, mesh.tets, mesh.tissue) == digest(again.nodes_m, again.tets, again.tissue)
    assert record == record_again


@pytest.mark.parametrize("sizes_mm", [(1, 1, 1), (1, 1, 2), (0.8, 1.25, 1)])
def test_voxels_need_not_be_cubes_and_axes_may_be_turned(sizes_mm):
    sizes = np.array(sizes_mm)
    shape = np.ceil(52 / sizes).astype(int)
    at = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, sizes, strict=True)]
    away = np.sqrt(sum(x**2 for x in np.meshgrid(*at, indexing="ij")))
    labels = np.zeros(away.shape, dtype=np.uint8)
    for label, radius in ((5, 24), (4, 20), (3, 16)):
        labels[away < radius] = label
    turn = np.array([[0.6, 0, 0.8], [0, -1, 0], [0.8, 0, -0.6]])
    affine = np.eye(4)
    affine[:3, :3] = turn * sizes * MM
    affine[:3, 3] = [0.01, 0.02, 0.03] - affine[:3, :3] @ (shape - 1) / 2
    mesh, _ = mesh_labels(volume_of(labels, affine=affine), edge_mm=4)
    found = tissue_volumes_ml(mesh)
    counts = np.bincount(labels.ravel(), minlength=256) * np.prod(sizes)
    for label in (3, 4, 5):
        assert found[label] == pytest.approx(counts[label], rel=0.02)
    centers_m = mesh.nodes_m[mesh.tets[mesh.tissue == 3]].mean(axis=1)
    assert np.linalg.norm(centers_m - [0.01, 0.02, 0.03], axis=1).max() < 16.5 * MM


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": np.ones((3, 3))}, "expected three axes of whole numbers, got 2 axes of float64"),
        ({"labels": np.full((3, 3, 3), -1)}, "must not be negative, got -1"),
        ({"labels": np.zeros((3, 3, 3), dtype=int)}, "no voxel has a tissue"),
        ({"labels": np.full((3, 3, 3), 20)}, "no voxel has a tissue"),
        ({"labels": np.full((3, 3, 3), 99)}, r"\[99\] are no tissues"),
        ({"head_from_voxel": np.zeros((4, 4))}, "expected a .4, 4. affine that can be inverted"),
        ({"head_from_voxel": np.array([[MM, MM / 5, 0, 0], [0, MM, 0, 0], [0, 0, MM, 0], [0, 0, 0, 1]])}, "sheared"),
    ],
)
def test_a_volume_that_cannot_be_meshed_is_refused(change, words):
    volume = attrs.evolve(volume_of(np.ones((3, 3, 3), dtype=np.uint8)), **change)
    with pytest.raises(HeadError, match=words):
        mesh_labels(volume, edge_mm=3)


def test_progress_has_three_stages():
    seen = []
    labels = shells({"scalp": 14, "bone": 10}, size=32)
    mesh_labels(volume_of(labels), edge_mm=5, progress=lambda stage, fraction: seen.append(stage))
    assert list(dict.fromkeys(seen)) == ["finding surfaces", "fitting volumes", "meshing"]


# --- presets ---------------------------------------------------------------------------------------------------------


def test_presets_are_numbers_of_mm_in_order():
    edges_m = [edge_m_of(name) for name in ("teaching", "standard", "fine")]
    assert edges_m == sorted(edges_m, reverse=True)
    assert np.allclose(edges_m, np.array(list(PRESETS_MM.values())) * MM)
    assert edge_m_of(4) == 4 * MM


@pytest.mark.parametrize("edge_mm", ["coarse", "4", 0.5, 9, float("nan"), True, None])
def test_an_edge_that_is_neither_is_refused_with_the_names(edge_mm):
    with pytest.raises(HeadError, match="expected 'teaching', 'standard', 'fine' or a number from 1 to 8 mm"):
        edge_m_of(edge_mm)


# --- grading, conservation, relaxation -------------------------------------------------------------------------------


def test_a_boundary_is_never_in_the_coarsest_cubes_and_one_that_matters_in_the_finest():
    labels = shells({"scalp": 55, "bone": 30}, size=116)
    affine = np.diag([MM, MM, MM, 1.0])
    cells = cells_over([[0, 0, 0], [0.115] * 3], 2 * MM)
    level = coarsest_levels(labels, affine, cells)
    away_mm = np.linalg.norm(cells.centers_m / MM - 57.5, axis=1).reshape(level.shape)
    assert (level[np.abs(away_mm - 30) < 0.5] == 0).all()
    assert (level[np.abs(away_mm - 55) < 0.5] <= 1).all()
    assert level[np.abs(away_mm - 43) < 1].min() >= 1
    assert level.max() == 2  # 2 mm doubled twice is 8 mm, three times would be more than 12 mm


def test_folds_thinner_than_the_lattice_keep_their_volume():
    labels = np.zeros((60, 60, 60), dtype=bool)
    labels[10:50, 10:50, 10:50] = True
    labels[12:48, 14:47:4, 20:] = False  # sheets one voxel thick
    region = Region(labels, np.diag([MM, MM, MM, 1.0]), goes_on=False)
    lattice = uniform_lattice([[0, 0, 0], [0.06] * 3], 3 * MM)
    plain = level_of_region(region)
    moved = conserving(plain, region, lattice=lattice, cells=counting_cells(lattice))

    def enclosed_ml(offset_m):
        value = plain(lattice.nodes_m) + sample(offset_m, moved.cell_from_head, lattice.nodes_m)
        grids = plain.values_m, plain.voxel_from_head, offset_m, moved.cell_from_head
        share, _ = inside_share(lattice.nodes_m, lattice.tets, value, 0.1 * MM, grids)
        return (share * volumes(lattice.nodes_m, lattice.tets)).sum() / MM**3

    wanted = labels.sum()
    assert enclosed_ml(np.zeros_like(moved.offset_m)) > 1.1 * wanted
    assert enclosed_ml(moved.offset_m) == pytest.approx(wanted, rel=0.04)
    assert np.abs(moved.offset_m).max() <= moved.most_m


def test_poor_tetrahedra_become_better_and_none_is_turned_over():
    lattice = uniform_lattice([[0, 0, 0], [6, 6, 6]], 1.0)
    nodes_m = lattice.nodes_m.copy()
    tet = lattice.tets[np.linalg.norm(nodes_m[lattice.tets].mean(axis=1) - 3, axis=1).argmin()]
    nodes_m[tet[0]] += 0.99 * (nodes_m[tet[1:]].mean(axis=0) - nodes_m[tet[0]])  # nearly onto the face opposite
    mesh = TetMesh(nodes_m, lattice.tets.astype(np.int32), np.ones(len(lattice.tets), dtype=np.uint8))
    before = quality(mesh.nodes_m, mesh.tets)
    assert before.min() < POOR
    after_mesh = relaxed(mesh)
    after = quality(after_mesh.nodes_m, after_mesh.tets)
    assert after.min() > 2 * before.min()
    assert after.min() > 0
    moved = np.linalg.norm(after_mesh.nodes_m - mesh.nodes_m, axis=1)
    assert 0 < moved.max() < 0.25
    assert (moved > 0).sum() < 40


def test_a_mesh_without_poor_tetrahedra_stays_as_it_is(meshed):
    lattice = uniform_lattice([[0, 0, 0], [3, 3, 3]], 1.0)
    mesh = TetMesh(lattice.nodes_m, lattice.tets.astype(np.int32), np.ones(len(lattice.tets), dtype=np.uint8))
    assert np.array_equal(relaxed(mesh).nodes_m, mesh.nodes_m)
