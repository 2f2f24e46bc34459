"""Files for other programs, and the folder that gets all of them or none."""

from __future__ import annotations

import errno
import signal
from contextlib import contextmanager

import attrs
import nibabel
import numpy as np
import pytest
import pyvista
from runs import small_head, small_run

from stimplan.errors import InputError
from stimplan.exchange import field_on, grid_around, staged_folder, tetrahedron_at, write_nifti, write_vtu
from stimplan.exchange.voxels import VoxelGrid

GRID = VoxelGrid((5, 6, 7), (-0.01, -0.02, 0.03), (1e-3, 1e-3, 1e-3), True)


def coarse_grid():
    return grid_around(small_head(), 5e-3)


# volumes


def test_the_mni_grid_is_the_template_box_where_the_head_fits_into_it():
    up = np.eye(4)
    up[2, 3] = 0.02
    grid = grid_around(attrs.evolve(small_head(), mni_from_head=up))
    assert grid.shape == (181, 217, 181) and grid.is_mni
    np.testing.assert_allclose(grid.affine_mm[:3, 3], (-90, -126, -72))


def test_the_grid_of_mni_space_is_the_same_for_every_head():
    wide = np.eye(4)
    wide[0, 3] = 0.05
    grid = grid_around(attrs.evolve(small_head(), mni_from_head=wide))
    assert grid.shape == (181, 217, 181)
    np.testing.assert_allclose(grid.affine_mm[:3, 3], (-90, -126, -72))


def test_a_head_without_mni_space_has_a_grid_of_its_own():
    grid = grid_around(attrs.evolve(small_head(), mni_from_head=None))
    assert not grid.is_mni and grid.shape == (171, 171, 171)


def test_a_volume_holds_what_the_field_gives_at_its_voxels():
    field, grid = small_run().field, coarse_grid()
    found = tetrahedron_at(small_head(), grid)
    values = field_on(grid, field, found)
    numbers = np.argwhere(found >= 0)[::97]
    mni = numbers * grid.spacing_m + grid.origin_m
    expected = field.at(mni - small_head().mni_from_head[:3, 3])
    # A voxel centre on a face between two tissues may be taken for either.
    apart = np.linalg.norm(values[tuple(numbers.T)] - expected, axis=1)
    assert np.mean(apart < 1e-5 * np.abs(expected).max()) > 0.97


def test_a_volume_is_zero_outside_the_head_and_nowhere_else():
    field, grid = small_run().field, coarse_grid()
    found = tetrahedron_at(small_head(), grid)
    values = field_on(grid, field, found)
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(np.any(values != 0, axis=-1), found >= 0)


def test_vectors_turn_with_the_space():
    quarter = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], float)
    field = small_run().field
    turned = attrs.evolve(field, head=attrs.evolve(small_head(), mni_from_head=quarter))
    grid = grid_around(turned.head, 5e-3)
    found = tetrahedron_at(turned.head, grid)
    i, j, k = np.argwhere(found >= 0)[2000]
    mni = np.array([i, j, k]) * grid.spacing_m + grid.origin_m
    expected = quarter[:3, :3] @ field.at(quarter[:3, :3].T @ mni)[0]
    np.testing.assert_allclose(field_on(grid, turned, found)[i, j, k], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 6, 7), (5, 6, 7, 4)])
def test_a_nifti_says_what_it_holds_and_where(tmp_path, shape):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    write_nifti(tmp_path / "x.nii.gz", values, GRID, name="E_V_per_m", description="digest abc")
    image = nibabel.load(tmp_path / "x.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), values)
    np.testing.assert_allclose(image.affine[:3, 3], (-10, -20, 30))
    assert image.header.get_intent()[2] == "E_V_per_m"
    assert image.header.get_xyzt_units()[0] == "mm" and int(image.header["sform_code"]) == 4
    assert bytes(image.header["descrip"]).rstrip(b"\0") == b"digest abc"


def test_the_same_volume_gives_the_same_bytes(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / name, np.ones((5, 6, 7), np.float32), GRID, name="E", description="")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


# mesh


def test_a_vtu_holds_field_potential_and_tissues_with_their_units(tmp_path):
    field = small_run().field
    write_vtu(tmp_path / "field.vtu", field)
    mesh = pyvista.read(tmp_path / "field.vtu")
    np.testing.assert_array_equal(mesh.cell_data["E_V_per_m"], field.E_V_per_m.astype(np.float32))
    np.testing.assert_array_equal(mesh.point_data["potential_V"], field.potential_V)
    np.testing.assert_array_equal(mesh.cell_data["tissue"], small_head().tissue)
    np.testing.assert_allclose(mesh.points, 1e3 * (small_head().nodes_m + small_head().mni_from_head[:3, 3]))
    assert list(mesh.field_data["space"]) == ["mm, MNI"]
    assert list(mesh.field_data["field_digest"]) == [field.digest]
    assert list(mesh.field_data["tissue_names"]) == ["1 gray_matter", "2 scalp"]


def test_a_vtu_that_cannot_be_written_raises_and_says_it_once(tmp_path, capfd):
    with pytest.raises(OSError, match="could not be written"):
        write_vtu(tmp_path / "no such folder" / "field.vtu", small_run().field)
    assert capfd.readouterr().err == ""


def test_a_disk_that_fills_while_the_mesh_is_written_raises(tmp_path, capfd, file_size_limit):
    with file_size_limit(100_000), pytest.raises(OSError, match="could not be written"):
        write_vtu(tmp_path / "field.vtu", small_run().field)
    assert capfd.readouterr().err == ""


def test_a_disk_that_fills_while_a_volume_is_written_raises(tmp_path, file_size_limit):
    noise = np.random.default_rng(0).random((60, 60, 60)).astype(np.float32)
    with file_size_limit(100_000), pytest.raises(OSError):
        write_nifti(tmp_path / "x.nii.gz", noise, GRID, name="E", description="")


@pytest.fixture
def file_size_limit():
    """Files larger than a limit fail while they are written, as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs the limits of a Unix process")

    @contextmanager
    def limit(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, previous)

    return limit


# all or nothing


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_all(staging):
    (staging / "report.html").write_text("new")
    (staging / "summary.json").write_text("new")


def test_a_finished_folder_holds_the_files_and_nothing_else(tmp_path):
    out = tmp_path / "deep" / "results"
    with staged_folder(out) as staging:
        write_all(staging)
        assert not (out / "summary.json").exists()
    assert tree(tmp_path) == {"deep/results/report.html": b"new", "deep/results/summary.json": b"new"}
    assert [path.name for path in sorted(out.iterdir())] == ["report.html", "summary.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device"), ValueError()])
def test_nothing_is_left_of_a_new_folder_after_an_error(tmp_path, error):
    with pytest.raises(type(error)), staged_folder(tmp_path / "deep" / "results") as staging:
        write_all(staging)
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_older_folder_is_as_it_was_after_an_error(tmp_path, error):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "summary.json").write_text("old")
    with pytest.raises(type(error)), staged_folder(tmp_path, replaces=["summary.json"]) as staging:
        write_all(staging)
        raise error
    assert tree(tmp_path) == {"notes.txt": b"mine", "summary.json": b"old"}


def test_an_older_result_is_replaced_and_other_files_stay(tmp_path):
    for name in ("notes.txt", "summary.json", "montage.png"):
        (tmp_path / name).write_text("old")
    with staged_folder(tmp_path, replaces=["summary.json", "montage.png"]) as staging:
        write_all(staging)
    assert tree(tmp_path) == {"notes.txt": b"old", "report.html": b"new", "summary.json": b"new"}


@pytest.mark.parametrize("moves_before", range(4))
def test_an_error_while_moving_puts_everything_back(tmp_path, monkeypatch, moves_before):
    from stimplan.exchange import staging as module

    (tmp_path / "summary.json").write_text("old")
    (tmp_path / "report.html").write_text("old")
    real, done = module._move, []

    def breaks(source, target, undo):
        if len(done) == moves_before:
            raise KeyboardInterrupt
        done.append(source)
        real(source, target, undo)

    monkeypatch.setattr(module, "_move", breaks)
    with pytest.raises(KeyboardInterrupt), staged_folder(tmp_path) as staging:
        write_all(staging)
    assert tree(tmp_path) == {"summary.json": b"old", "report.html": b"old"}


def test_the_summary_comes_last(tmp_path, monkeypatch):
    from stimplan.exchange import staging as module

    real, moved = module._move, []
    monkeypatch.setattr(module, "_move", lambda s, t, undo: (moved.append(t.name), real(s, t, undo)))
    with staged_folder(tmp_path / "out") as staging:
        write_all(staging)
        (staging / "zzz.png").write_text("new")
    assert moved[-1] == "summary.json"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="name another folder"), staged_folder(out):
            pytest.fail("the block was entered")
    assert tree(tmp_path) == {"file": b"mine"}


def test_a_folder_that_bears_the_name_of_a_result_is_refused_and_kept(tmp_path):
    (tmp_path / "summary.json").mkdir()
    (tmp_path / "summary.json" / "mine").write_text("mine")
    with pytest.raises(InputError, match="is a folder"), staged_folder(tmp_path, replaces=["summary.json"]):
        pytest.fail("the block was entered")
    assert tree(tmp_path) == {"summary.json/mine": b"mine"}


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_done(tmp_path, monkeypatch):
    def denied(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", denied)
    with pytest.raises(InputError, match="Permission denied"), staged_folder(tmp_path / "new"):
        pytest.fail("the block was entered")
    assert list(tmp_path.iterdir()) == []
