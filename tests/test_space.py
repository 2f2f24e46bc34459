"""Where a point of a head lies in MNI space: affine, deformation, and the files they come from."""

from __future__ import annotations

import attrs
import nibabel
import numpy as np
import pytest
from spheres import ball

from stimplan.errors import HeadError, InputError
from stimplan.head.space import (
    Warp,
    from_mni_m,
    grid_map,
    has_mni,
    mapping_notice,
    read_affine_text,
    read_warp,
    rotations_to_mni,
    to_mni_m,
)

AFFINE = np.array([[0.9, 0.1, 0.0, 0.002], [-0.1, 1.05, 0.05, -0.012], [0.0, -0.05, 1.1, 0.02], [0, 0, 0, 1]])


def bent(points):
    """A smooth map that moves points by up to 6 mm on top of the affine."""
    moved = points @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    return moved + 0.006 * np.sin(points[..., [1, 2, 0]] / 0.03)


def grid(spacing=0.004, half=0.1):
    count = round(2 * half / spacing) + 1
    matrix = np.diag([spacing, spacing, spacing, 1.0])
    matrix[:3, 3] = -half
    centers = np.stack(np.meshgrid(*[np.arange(count)] * 3, indexing="ij"), axis=-1) * spacing - half
    return centers, matrix


def forward(spacing=0.004):
    centers, matrix = grid(spacing)
    return grid_map(bent(centers), matrix)


def head_with(**changes):
    return attrs.evolve(ball(), **changes)


INSIDE = np.random.default_rng(5).uniform(-0.07, 0.07, (500, 3))


def test_an_affine_goes_there_and_back():
    head = head_with(mni_from_head=AFFINE)
    assert np.allclose(from_mni_m(head, to_mni_m(head, INSIDE)), INSIDE, atol=1e-14)
    assert np.allclose(to_mni_m(head, INSIDE[0]), AFFINE[:3, :3] @ INSIDE[0] + AFFINE[:3, 3])
    assert mapping_notice(head, INSIDE) is None


def test_a_head_without_mni_says_so():
    assert not has_mni(ball())
    with pytest.raises(InputError, match="no MNI coordinates"):
        to_mni_m(ball(), INSIDE)
    with pytest.raises(InputError, match="no MNI coordinates"):
        from_mni_m(ball(), INSIDE)


def test_a_deformation_is_followed_between_its_voxels():
    head = head_with(warp=Warp(forward()))
    # trilinear between voxels 4 mm apart: error below h²/8 times the second derivative, summed over the axes
    assert np.abs(to_mni_m(head, INSIDE) - bent(INSIDE)).max() < 3 * 0.004**2 / 8 * 0.006 / 0.03**2
    assert np.allclose(from_mni_m(head, to_mni_m(head, INSIDE)), INSIDE, atol=2e-5)


def test_a_linear_deformation_is_exact_and_its_affine_is_found():
    centers, matrix = grid(0.01)
    warp = Warp(grid_map(centers @ AFFINE[:3, :3].T + AFFINE[:3, 3], matrix))
    head = head_with(warp=warp)
    assert np.allclose(head.mni_from_head, AFFINE, atol=1e-6)
    assert np.allclose(to_mni_m(head, INSIDE), INSIDE @ AFFINE[:3, :3].T + AFFINE[:3, 3], atol=1e-8)


def test_the_warp_goes_before_the_affine():
    head = head_with(warp=Warp(forward()), mni_from_head=np.eye(4))
    assert np.abs(to_mni_m(head, INSIDE) - bent(INSIDE)).max() < 1e-4


def test_outside_of_the_field_it_is_continued_with_a_notice_or_refused():
    head = head_with(warp=Warp(forward()))
    far = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -0.16]])
    edge, beyond = to_mni_m(head, [[0.0, 0.0, -0.1], [0.0, 0.0, -0.1001]])
    assert np.linalg.norm(edge - beyond) < 2e-4  # no jump at the border
    assert "1 of 2 points" in mapping_notice(head, far)
    assert mapping_notice(head, far[:1]) is None
    with pytest.raises(InputError, match="1 of 2 points"):
        to_mni_m(head, far, outside="refuse")
    with pytest.raises(InputError, match="outside"):
        from_mni_m(head, [[0.0, 0.0, -0.5]], outside="refuse")


def test_voxels_that_know_nothing_take_the_nearest_displacement():
    centers, matrix = grid(0.01)
    targets = bent(centers)
    targets[:, :, :3] = np.nan
    warp = Warp(grid_map(targets, matrix))
    assert not warp.covers([[0.0, 0.0, -0.095]]).any()
    assert warp.covers([[0.0, 0.0, 0.0]]).all()
    assert np.linalg.norm(warp.to_mni_m([0.0, 0.0, -0.09]) - bent(np.array([0.0, 0.0, -0.09]))) < 0.01


def test_a_field_that_folds_space_is_not_inverted():
    centers, matrix = grid(0.004)
    targets = centers + 0.05 * np.sin(centers[..., [0, 1, 2]] / 0.01)
    with pytest.raises(HeadError, match="cannot be inverted"):
        Warp(grid_map(targets, matrix)).from_mni_m(INSIDE)


def test_directions_turn_but_are_not_stretched():
    turn = rotations_to_mni(head_with(mni_from_head=AFFINE), INSIDE)
    assert turn.shape == (3, 3) and np.allclose(turn @ turn.T, np.eye(3))
    each = rotations_to_mni(head_with(warp=Warp(forward())), INSIDE)
    assert each.shape == (500, 3, 3) and np.allclose(each @ each.transpose(0, 2, 1), np.eye(3))
    centers, matrix = grid(0.01)
    linear = head_with(warp=Warp(grid_map(centers @ AFFINE[:3, :3].T, matrix)))
    assert np.allclose(rotations_to_mni(linear, INSIDE), turn, atol=1e-4)


def write_field(path, mapping, spacing=0.003, shift=0.0):
    centers, matrix = grid(spacing)
    mm = np.diag([1e3, 1e3, 1e3, 1.0]) @ matrix
    values = 1e3 * mapping(centers) + shift
    values[:2] = 0.0  # SimNIBS writes zeros where its atlas ends
    nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), mm), path)
    return path


def back(points):
    """Inverse of `bent`, by iteration."""
    inverse = np.linalg.inv(AFFINE)
    found = points @ inverse[:3, :3].T + inverse[:3, 3]
    for _ in range(60):
        found = found + (points - bent(found)) @ inverse[:3, :3].T
    return found


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toMNI")
    return (
        write_field(folder / "Conform2MNI_nonl.nii.gz", bent),
        write_field(folder / "MNI2Conform_nonl.nii.gz", back),
    )


def test_a_pair_of_fields_is_read_and_its_round_trip_is_stated(pair):
    warp = read_warp(pair)
    assert np.abs(warp.to_mni_m(INSIDE) - bent(INSIDE)).max() < 2e-4
    assert np.abs(warp.from_mni_m(INSIDE * 0.8) - back(INSIDE * 0.8)).max() < 2e-4
    assert "there and back within" in warp.source
    assert warp.round_trip_m()["median_m"] < 2e-4
    assert not warp.covers([[-0.0995, 0, 0]]).any()


def test_one_field_alone_is_inverted(pair):
    warp = read_warp(pair[:1])
    assert np.abs(warp.from_mni_m(warp.to_mni_m(INSIDE)) - INSIDE).max() < 2e-5


def test_voxels_are_left_out_up_to_a_spacing_and_the_change_is_told(pair):
    warp = read_warp(pair, spacing_m=0.009)
    assert warp.mni_from_head.displacement_m.shape[0] == 23
    assert "kept every 9 mm" in warp.source
    assert np.abs(warp.to_mni_m(INSIDE) - bent(INSIDE)).max() < 1e-3


def test_fields_of_different_people_are_refused(tmp_path, pair):
    other = write_field(tmp_path / "MNI2Conform_nonl.nii.gz", back, shift=12.0)
    with pytest.raises(HeadError, match="same person"):
        read_warp((pair[0], other))


def broken_field(tmp_path, values, affine=None):
    path = tmp_path / "Conform2MNI_nonl.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    return path


def test_what_is_no_field_of_coordinates_is_refused(tmp_path):
    with pytest.raises(HeadError, match="field of coordinates"):
        read_warp([broken_field(tmp_path, np.ones((5, 5, 5), np.float32))])
    with pytest.raises(HeadError, match="only 0 voxels"):
        read_warp([broken_field(tmp_path, np.zeros((5, 5, 5, 3), np.float32))])
    displacements = np.random.default_rng(1).normal(size=(9, 9, 9, 3)).astype(np.float32)
    with pytest.raises(HeadError, match="no coordinates in mm"):
        read_warp([broken_field(tmp_path, displacements)])
    damaged = tmp_path / "damaged.nii.gz"
    damaged.write_bytes(b"\x1f\x8b rubbish")
    with pytest.raises(HeadError, match="cannot be read as NIfTI"):
        read_warp([damaged])
    with pytest.raises(HeadError, match="cannot be read as NIfTI"):
        read_warp([tmp_path / "absent.nii.gz"])
    with pytest.raises(HeadError, match="one or two files"):
        read_warp([])


def test_a_matrix_as_text_is_turned_round(tmp_path):
    path = tmp_path / "MNI2conform_12DOF.txt"
    inverse = np.linalg.inv(AFFINE)
    inverse[:3, 3] *= 1e3
    np.savetxt(path, inverse)
    assert np.allclose(read_affine_text(path), AFFINE, atol=1e-12)


@pytest.mark.parametrize(
    "rows, message",
    [
        ("1 0 0\n0 1 0\n0 0 1\n", "4 rows of 4"),
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 2\n", "last row"),
        ("-1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "mirrors"),
        ("0.001 0 0 0\n0 0.001 0 0\n0 0 0.001 0\n0 0 0 1\n", "stretches"),
        ("1 0 0 x\n", "rows of numbers"),
        ("1 0 0 nan\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "finite"),
        ("", "4 rows of 4"),
        ("1 0 0 0\n0 1 0\n", "rows of numbers"),
    ],
)
def test_a_matrix_that_is_none_is_refused(tmp_path, rows, message):
    path = tmp_path / "m.txt"
    path.write_text(rows)
    with pytest.raises(HeadError, match=message):
        read_affine_text(path)


def test_volumes_of_a_deformed_head_are_those_of_its_affine_where_both_say_the_same():
    from stimplan.exchange import field_on, tetrahedron_at
    from stimplan.exchange.voxels import VoxelGrid
    from stimplan.field import Field

    centers, matrix = grid(0.02)
    linear = Warp(grid_map(centers @ AFFINE[:3, :3].T + AFFINE[:3, 3], matrix))
    images = []
    for changes in ({"mni_from_head": AFFINE}, {"warp": linear}):
        head = head_with(**changes)
        field = Field(
            head=head, placement=None, E_V_per_m=np.tile([1.0, 0.0, 0.0], (len(head.tets), 1)),
            potential_V=-head.nodes_m[:, 0], electrode_potential_V=np.zeros(0), residual=0.0, iterations=None,
            provenance={},
        )  # fmt: skip
        voxels = VoxelGrid((21, 21, 21), (-0.05, -0.06, -0.03), (0.005, 0.005, 0.005), True)
        images.append(field_on(voxels, field, tetrahedron_at(head, voxels)))
    turned = rotations_to_mni(head_with(mni_from_head=AFFINE), INSIDE)[:, 0]
    assert np.allclose(images[0], images[1], atol=1e-4)
    assert np.allclose(images[0][10, 10, 10], turned, atol=1e-5)
    assert np.linalg.norm(images[1][10, 10, 10]) == pytest.approx(1.0, abs=1e-5)
