"""The mesher: conforming, positively oriented, well shaped, the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from stimplan.errors import HeadError
from stimplan.head import lattice as lattice_module
from stimplan.head.labelled import LabelVolume, contact_m2, mesh_labels
from stimplan.head.lattice import balanced, cells_over, graded_lattice, uniform_lattice
from stimplan.head.levels import Region, distance_m, level_of_region
from stimplan.head.mesher import Extra, TetMesh, largest_piece, mesh_level_sets, shared_faces, tissue_table
from stimplan.head.stuffing import quality
from stimplan.values import digest

MM = 1e-3


def volumes(nodes, tets):
    a, b, c, d = (nodes[tets[:, corner]] for corner in range(4))
    return np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6


def face_counts(tets):
    """Every face once, sorted, and how many tetrahedra have it."""
    faces = np.sort(np.concatenate([tets[:, list(f)] for f in ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))]), axis=1)
    return np.unique(faces, axis=0, return_counts=True)


def assert_conforming(mesh):
    """No face belongs to more than two tetrahedra, and the faces that belong to one close up.

    A hanging node would leave a large face on one side and small ones on the other, all of them counted once:
    inside the mesh, where no boundary should be, or as an edge with other than an even number of faces.
    """
    faces, counts = face_counts(mesh.tets)
    assert counts.max() == 2
    outer = faces[counts == 1]
    edges = np.concatenate([outer[:, [0, 1]], outer[:, [1, 2]], outer[:, [0, 2]]])
    _, sharing = np.unique(edges, axis=0, return_counts=True)
    assert (sharing % 2 == 0).all()
    assert (volumes(mesh.nodes_m, mesh.tets) > 0).all()
    assert np.array_equal(np.unique(mesh.tets), np.arange(len(mesh.nodes_m)))
    return outer


def ball(center, radius):
    return lambda points: np.linalg.norm(points - np.asarray(center), axis=1) - radius


def cube_lattice(half_m, spacing_m):
    return uniform_lattice([[-half_m] * 3, [half_m] * 3], spacing_m)


def nested_balls(edge_m=5 * MM):
    levels = [ball((1 * MM, 2 * MM, 0), r * MM) for r in (40, 35, 32)]
    return mesh_level_sets(levels, tissue_table([3, 2, 1]), lattice=cube_lattice(45 * MM, edge_m))


def test_a_uniform_lattice_fills_its_box_with_equal_well_shaped_tetrahedra():
    lattice = uniform_lattice([[0, 0, 0], [3, 2, 2]], 1.0)
    nodes, tets = lattice.nodes_m, lattice.tets
    assert np.allclose(volumes(nodes, tets), 1 / 12)
    assert np.allclose(quality(nodes, tets), quality(nodes, tets)[0])
    assert nodes.min() < 0
    assert (nodes.max(axis=0) > [3, 2, 2]).all()
    assert face_counts(tets)[1].max() == 2
    assert (lattice.spacing_m == 1).all()


def graded():
    """Fine on a sphere, coarser with the distance from it."""
    cells = cells_over([[0, 0, 0], [25, 25, 25]], 1.0)
    away = np.abs(np.linalg.norm(cells.centers_m - 12.3, axis=1) - 8).reshape(tuple(cells.counts))
    return cells, np.clip(np.log2(np.maximum(away, 1)), 0, 3).astype(np.uint8)


def test_a_graded_lattice_conforms_and_has_four_shapes():
    cells, coarsest = graded()
    lattice = graded_lattice(cells, coarsest)
    nodes, tets = lattice.nodes_m, lattice.tets
    assert volumes(nodes, tets).min() > 0
    shapes = np.unique(quality(nodes, tets).round(3))
    assert shapes.tolist() == [0.756, 0.762, 0.8, 0.952]
    faces, counts = face_counts(tets)
    assert counts.max() == 2
    # A hanging node would leave faces that belong to one tetrahedron inside the box.
    low, high = cells.first, cells.first + cells.counts
    outer = nodes[faces[counts == 1]]
    assert np.minimum(outer - low, high - outer).min(axis=(1, 2)).max() <= 4
    assert np.unique(lattice.spacing_m).tolist() == [1, 2, 4, 8]
    assert len(tets) < len(uniform_lattice([[0, 0, 0], [25, 25, 25]], 1.0).tets) / 3


def test_a_graded_lattice_is_nowhere_coarser_than_allowed_and_changes_by_one_step():
    _, coarsest = graded()
    level = balanced(coarsest)
    assert (level <= coarsest).all()
    assert level.max() == 3
    shifted = [
        (level[1:], level[:-1]), (level[:, 1:, 1:], level[:, :-1, :-1]), (level[1:, 1:, 1:], level[:-1, :-1, :-1])
    ]  # fmt: skip
    assert max(int(np.abs(a.astype(int) - b).max()) for a, b in shifted) == 1


def test_quality_is_one_for_a_regular_tetrahedron_negative_if_inverted_and_nothing_if_flat():
    regular = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    assert quality(regular, np.array([[0, 2, 1, 3]])) == pytest.approx(1)
    assert quality(regular, np.array([[0, 1, 2, 3]])) == pytest.approx(-1)
    flat = regular * [1, 1, 0]
    assert quality(flat, np.array([[0, 2, 1, 3]])) == pytest.approx(0)


def test_tissue_counts_from_the_outside_and_extras_replace_only_what_they_may():
    table = tissue_table([5, 4], [Extra(6, frozenset({5}))])
    assert table[0b000] == 0
    assert table[0b001] == 5
    assert table[0b011] == 4
    assert table[0b010] == 0  # inside the inner surface but outside the outer one: outside
    assert table[0b101] == 6
    assert table[0b111] == 4  # the eye does not replace bone
    assert table[0b100] == 0


def test_nested_balls_conform_and_no_hanging_node_is_inside():
    mesh = nested_balls()
    outer = assert_conforming(mesh)
    radii = np.linalg.norm(mesh.nodes_m[outer] - [1 * MM, 2 * MM, 0], axis=2)
    assert radii == pytest.approx(40 * MM, abs=0.05 * MM)


def test_a_hanging_node_would_be_noticed():
    mesh = nested_balls(10 * MM)
    middle = len(mesh.nodes_m)
    tet = mesh.tets[0]
    a, b = mesh.nodes_m[tet[0]], mesh.nodes_m[tet[1]]
    halves = np.array([[middle, *tet[1:]], [tet[0], middle, *tet[2:]]])
    broken = TetMesh(
        np.vstack([mesh.nodes_m, (a + b) / 2]), np.vstack([mesh.tets[1:], halves]), np.append(mesh.tissue, 1)
    )
    faces_before = (face_counts(mesh.tets)[1] == 1).sum()
    assert (face_counts(broken.tets)[1] == 1).sum() > faces_before


def test_every_interface_is_where_its_surface_is():
    mesh = nested_balls()
    pairs = shared_faces(mesh.tets)
    for outside, inside, radius in ((3, 2, 35 * MM), (2, 1, 32 * MM)):
        first, second = mesh.tissue[pairs].T
        touching = pairs[(np.minimum(first, second) == inside) & (np.maximum(first, second) == outside)]
        both = np.sort(np.concatenate([mesh.tets[touching[:, 0]], mesh.tets[touching[:, 1]]], axis=1), axis=1)
        nodes = np.unique(both[:, :-1][both[:, :-1] == both[:, 1:]])
        radii = np.linalg.norm(mesh.nodes_m[nodes] - [1 * MM, 2 * MM, 0], axis=1)
        assert radii == pytest.approx(radius, abs=0.05 * MM)


def test_the_same_input_gives_the_same_bytes():
    one, two = nested_balls(), nested_balls()
    assert digest(one.nodes_m, one.tets, one.tissue) == digest(two.nodes_m, two.tets, two.tissue)


def test_surfaces_that_cross_still_give_a_conforming_mesh():
    levels = [ball((0, 0, 0), 30 * MM), ball((0, 0, 0), 24 * MM), ball((18 * MM, 0, 0), 9 * MM)]
    table = tissue_table([2, 1], [Extra(3, frozenset({2}))])
    mesh = mesh_level_sets(levels, table, lattice=cube_lattice(30 * MM, 4 * MM))
    assert_conforming(mesh)
    centers = mesh.nodes_m[mesh.tets].mean(axis=1)
    extra = centers[mesh.tissue == 3]
    assert len(extra) > 20
    assert (np.linalg.norm(extra, axis=1) > 23 * MM).all()
    assert (levels[2](extra) < 1 * MM).all()


def test_layers_that_vanish_in_places_leave_no_splinters():
    # The inner ball touches the outer one from inside and sticks out a little: the layer between them thins to nothing.
    levels = [ball((0, 0, 0), 30 * MM), ball((0, 0, 0), 25 * MM), ball((3 * MM, 0, 0), 22.01 * MM)]
    mesh = mesh_level_sets(levels, tissue_table([3, 2, 1]), lattice=cube_lattice(30 * MM, 4 * MM))
    assert_conforming(mesh)
    assert quality(mesh.nodes_m, mesh.tets).min() > 0.05


def test_a_table_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError, match="1 level sets need 2 table entries, got 4"):
        mesh_level_sets([ball((0, 0, 0), 1)], tissue_table([2, 1]), lattice=cube_lattice(1, 0.5))


@pytest.mark.parametrize(("coarsest", "most"), [(0, 4000), (1, 700)])
def test_more_nodes_than_can_be_numbered_are_refused_before_they_are_made(coarsest, most, monkeypatch):
    monkeypatch.setattr(lattice_module, "MOST_NODES", most)
    cells = cells_over([[0, 0, 0], [1, 1, 1]], 0.5)
    with pytest.raises(HeadError, match=f"nodes, more than {most:,}; use a larger edge"):
        graded_lattice(cells, np.full(tuple(cells.counts), coarsest, dtype=np.uint8))


def test_an_edge_too_fine_for_the_box_is_refused_before_memory_is_taken():
    with pytest.raises(HeadError, match="1 mm is too fine for a box this large"):
        cells_over([[0, 0, 0], [0.5, 0.5, 0.5]], 1 * MM)


def test_progress_runs_from_nothing_to_one():
    seen = []
    mesh_level_sets(
        [ball((0, 0, 0), 1.0)],
        tissue_table([1]),
        lattice=cube_lattice(1, 0.5),
        progress=lambda stage, fraction: seen.append(fraction),
    )
    assert seen[0] == 0
    assert seen[-1] == 1
    assert seen == sorted(seen)


def test_only_the_largest_piece_stays_and_the_rest_is_counted():
    def two_balls(points):
        return np.minimum(ball((0, 0, 0), 20 * MM)(points), ball((40 * MM, 0, 0), 8 * MM)(points))

    mesh = mesh_level_sets(
        [two_balls], tissue_table([1]), lattice=uniform_lattice([[-20 * MM] * 3, [50 * MM, 20 * MM, 20 * MM]], 4 * MM)
    )
    kept, dropped_m3 = largest_piece(mesh)
    assert kept.nodes_m[:, 0].max() < 21 * MM
    assert dropped_m3 == pytest.approx(4 / 3 * np.pi * (8 * MM) ** 3, rel=0.08)
    assert kept.tets.dtype == np.int32
    assert kept.tissue.dtype == np.uint8
    assert_conforming(kept)


@pytest.mark.parametrize("sizes_mm", [(1, 1, 1), (1, 0.7, 2.5)])
def test_short_distances_to_the_faces_of_voxels_are_exact(sizes_mm):
    sizes_m = np.array(sizes_mm) * MM
    region = np.random.default_rng(3).random((13, 9, 11)) > 0.98
    centers, boxes = np.indices(region.shape).reshape(3, -1).T, np.argwhere(region)
    apart_m = np.maximum(np.abs(centers[:, None] - boxes[None]) - 0.5, 0) * sizes_m
    expected = np.minimum(np.linalg.norm(apart_m, axis=2).min(axis=1), 4 * MM)
    assert np.allclose(distance_m(region, sizes_m, 4 * MM).ravel(), expected, rtol=1e-5)


def test_regions_that_nest_have_level_sets_that_nest():
    rng = np.random.default_rng(5)
    inner = np.zeros((20, 20, 20), dtype=bool)
    inner[6:13, 6:13, 6:13] = rng.random((7, 7, 7)) > 0.3
    outer = inner.copy()
    outer[5:15, 4:14, 5:15] |= rng.random((10, 10, 10)) > 0.5
    affine = np.diag([MM, MM, MM, 1.0])
    points = rng.random((4000, 3)) * 14 * MM + 3 * MM
    one, other = (level_of_region(Region(voxels, affine, goes_on=False)) for voxels in (inner, outer))
    difference = one(points) - other(points)
    assert difference.min() > -1e-9


def test_a_level_set_knows_where_its_voxels_are():
    region = np.zeros((40, 30, 30), dtype=bool)
    region[10:20, 8:, 5:25] = True
    affine = np.array([[0, -1 * MM, 0, 0.1], [1 * MM, 0, 0, -0.2], [0, 0, 1 * MM, 0.3], [0, 0, 0, 1]])

    def at(index, level):
        return float(level((affine[:3, :3] @ np.array(index) + affine[:3, 3])[None])[0])

    closed = level_of_region(Region(region, affine, goes_on=False))
    assert at((9.5, 18, 15), closed) == pytest.approx(0, abs=1e-6)
    assert at((12.0, 18, 15), closed) == pytest.approx(-2.5 * MM, rel=0.02)
    assert at((15, 29.5, 15), closed) == pytest.approx(0, abs=1e-6)
    goes_on = level_of_region(Region(region, affine, goes_on=True))
    assert at((15, 29.5, 15), goes_on) < -4 * MM


@pytest.mark.parametrize(
    ("affine", "region", "message"),
    [
        (np.array([[MM, MM / 9, 0, 0], [0, MM, 0, 0], [0, 0, MM, 0], [0, 0, 0, 1]]), np.ones((4, 4, 4)) > 0, "sheared"),
        (np.diag([MM, MM, MM, 1]), np.zeros((4, 4, 4), dtype=bool), "empty"),
    ],
)
def test_volumes_that_cannot_be_meshed_are_refused(affine, region, message):
    with pytest.raises(ValueError, match=message):
        level_of_region(Region(region, affine, goes_on=False))


def labelled_ball():
    """Scalp, bone and brain in 1 mm voxels, with an eye at the rim and an air cavity in the bone, cut flat below."""
    index = np.indices((70, 70, 60)).astype(float)

    def within(center, radius):
        return sum((index[axis] - center[axis]) ** 2 for axis in range(3)) < radius**2

    labels = np.zeros(index.shape[1:], dtype=np.uint8)
    for label, radius in ((5, 32), (4, 26), (3, 20)):
        labels[within((35, 35, 25), radius)] = label
    labels[within((35, 63, 25), 7) & (labels == 5)] = 6
    labels[within((35, 12, 25), 3)] = 0
    affine = np.diag([MM, MM, MM, 1.0])
    return LabelVolume(labels, affine, {3: "csf", 4: "bone", 5: "scalp", 6: "eyes"})


def test_a_label_volume_is_meshed_with_its_volumes_and_without_holes():
    volume = labelled_ball()
    mesh, record = mesh_labels(volume, edge_mm=3)
    assert_conforming(mesh)
    by_label = np.bincount(mesh.tissue, weights=volumes(mesh.nodes_m, mesh.tets)) / MM**3
    voxels = np.bincount(volume.labels.ravel())
    for label, tolerance in ((3, 0.02), (4, 0.02), (5, 0.02), (6, 0.2)):  # the eye here is a sharp-rimmed lens
        assert by_label[label] == pytest.approx(voxels[label], rel=tolerance)
    assert contact_m2(mesh, {5, 6}, {3}) == 0
    assert contact_m2(mesh, {4}, {3}) == pytest.approx(4 * np.pi * (20 * MM) ** 2, rel=0.03)
    assert record["dropped_islands_m3"] == 0
    assert record["quality_worst"] > 0.05


def test_a_hole_in_the_bone_is_seen():
    volume = labelled_ball()
    labels = volume.labels.copy()
    window = labels[29:42, 29:42, 40:58]  # 13 mm wide
    window[window == 4] = 3
    mesh, _ = mesh_labels(LabelVolume(labels, volume.head_from_voxel, volume.tissues), edge_mm=3)
    hole_m2 = contact_m2(mesh, {5, 6}, {3})
    assert 60 * MM**2 < hole_m2 < 180 * MM**2
    assert contact_m2(mesh, {5, 6}, {3}, above_m=60 * MM) == 0


def test_labels_that_are_no_tissue_are_refused():
    volume = labelled_ball()
    labels = volume.labels.copy()
    labels[35, 35, 25] = 77
    with pytest.raises(HeadError, match=r"\[77\] are no tissues; known are"):
        mesh_labels(LabelVolume(labels, volume.head_from_voxel, volume.tissues), edge_mm=6.0)
