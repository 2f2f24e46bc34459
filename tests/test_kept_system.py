"""The kept matrices of a head: the bits that were made, believed only when sound, bounded, never needed."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
from spheres import ball, disc, montage

import stimplan.kept_system as module
from stimplan.field import solve
from stimplan.kept_system import kept_system, path_of
from stimplan.notice import StimplanNotice
from stimplan.placement import place


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STIMPLAN_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "LEAST_NODES", 1)
    monkeypatch.setattr(module, "_written", itertools.count(1))
    return tmp_path


@pytest.fixture
def made(monkeypatch):
    """How often a system was made, as a list that grows."""
    calls, make = [], module._made
    monkeypatch.setattr(module, "_made", lambda head, progress: (calls.append(head), make(head, progress))[1])
    return calls


def head(sigma: float = 0.3):
    return ball().with_conductivities({"layer_1": sigma})


def test_a_kept_system_has_the_bits_of_the_one_that_was_made(made):
    first, again = kept_system(head()), kept_system(head())
    assert len(made) == 1
    for name in ("order", "rank", "node_volumes_m3"):
        ours, theirs = getattr(first, name), getattr(again, name)
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    assert np.array_equal(first.hierarchy.coarsest, again.hierarchy.coarsest)
    pairs = [(first.matrix, again.matrix)]
    for ours, theirs in zip(first.hierarchy.levels, again.hierarchy.levels, strict=True):
        assert np.array_equal(ours.diagonal, theirs.diagonal)
        pairs += [(getattr(ours, name), getattr(theirs, name)) for name in ("matrix", "prolongation", "restriction")]
    for ours, theirs in pairs:
        for name in ("data", "indices", "indptr"):
            assert getattr(ours, name).dtype == getattr(theirs, name).dtype
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))
    rhs = np.zeros((len(first.order), 8))
    rhs[0], rhs[5] = 1, -1
    assert np.array_equal(first.hierarchy(rhs), again.hierarchy(rhs))


def test_a_field_from_the_kept_system_is_the_same_field():
    pair = montage(disc("C3", 1e-3), disc("Fp2", -1e-3))
    one, two = (solve(h, place(pair, h, electrode_model="uniform")) for h in (head(), head()))
    assert path_of(head()).exists() and one.digest == two.digest


def test_other_conductivities_are_another_system(made):
    kept_system(head(0.3))
    other = kept_system(head(0.6))
    assert len(made) == 2 and path_of(head(0.3)) != path_of(head(0.6))
    assert other.matrix.diagonal()[0] == pytest.approx(2 * kept_system(head(0.3)).matrix.diagonal()[0])


def _cut_off(data):
    return data[: len(data) // 2]


def _one_bit(data):
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("damage", [_cut_off, _one_bit, lambda _: b"", lambda _: b"nothing of ours"])
def test_a_damaged_file_is_noticed_and_made_again(damage, made):
    good = kept_system(head())
    path = path_of(head())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(StimplanNotice, match="was damaged; it is made again"):
        again = kept_system(head())
    assert len(made) == 2 and np.array_equal(good.matrix.data, again.matrix.data)
    kept_system(head())
    assert len(made) == 2


def test_the_file_of_another_head_under_this_name_is_not_believed(made):
    kept_system(head(0.3))
    path_of(head(0.3)).rename(path_of(head(0.6)))
    with pytest.warns(StimplanNotice, match="damaged"):
        kept_system(head(0.6))
    assert len(made) == 2


def test_a_full_disk_costs_no_result(monkeypatch, made):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_sealed", full)
    with pytest.warns(StimplanNotice, match="could not be kept"):
        assert kept_system(head()).matrix.nnz
    assert len(made) == 1 and not path_of(head()).exists()


def test_what_an_older_solver_made_goes_and_so_does_what_was_used_longest_ago(own_cache, monkeypatch):
    kept_system(head(0.3))
    size = path_of(head(0.3)).stat().st_size
    old = own_cache / "systems" / "colin27-abc-000000000000.npz"
    old.write_bytes(b"old")
    monkeypatch.setattr(module, "MOST_BYTES", 2.5 * size)
    kept_system(head(0.4))
    assert not old.exists()
    os.utime(path_of(head(0.3)), (1, 1))
    kept_system(head(0.3))  # using it makes it young again
    os.utime(path_of(head(0.4)), (1, 1))
    kept_system(head(0.5))
    assert path_of(head(0.3)).exists() and path_of(head(0.5)).exists() and not path_of(head(0.4)).exists()


def test_a_sweep_through_conductivities_does_not_fill_the_disk(own_cache):
    for sigma in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        kept_system(head(sigma))
    assert len(list((own_cache / "systems").glob("*.npz"))) == 4


def test_small_heads_are_not_kept(own_cache, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("STIMPLAN_CACHE", str(own_cache))
    kept_system(head())
    assert not (own_cache / "systems").exists()
