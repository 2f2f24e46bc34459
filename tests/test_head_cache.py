"""The cache of meshes: whole or not at all, believed only when sound, safe under two processes, old ones pruned."""

from __future__ import annotations

import subprocess
import sys

import attrs
import numpy as np
import pytest

import stimplan.head.cache as cache_module
from stimplan.head.cache import MeshKey, cached_mesh, kept_meshes
from stimplan.head.mesher import TetMesh


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STIMPLAN_CACHE", str(tmp_path))
    return tmp_path


def key(content, *, edge_m=0.004, mesher="now", name="head"):
    return MeshKey(name, content, edge_m, mesher)


def small_mesh():
    nodes = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    return TetMesh(nodes, np.array([[0, 1, 2, 3]], dtype=np.int32), np.array([1], dtype=np.uint8)), {"edge_m": 0.004}


class Maker:
    """Counts how often a mesh had to be made."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return small_mesh()


def test_a_kept_mesh_is_read_back_the_same_and_not_made_again():
    make = Maker()
    made, made_record = cached_mesh(key("k1"), make)
    read, record = cached_mesh(key("k1"), make)
    assert make.count == 1
    assert np.array_equal(read.nodes_m, made.nodes_m)
    assert np.array_equal(read.tets, made.tets)
    assert read.tets.dtype == np.int32
    assert read.tissue.dtype == np.uint8
    assert record == made_record
    cached_mesh(key("k2"), make)
    assert make.count == 2


def _cut_off(data):
    return data[: len(data) // 2]


def _empty(_):
    return b""


def _one_bit(data):
    at = data.index(np.array([1, 0, 0], dtype=np.float64).tobytes()) + 3
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _not_an_archive(_):
    return b"not a mesh at all"


@pytest.mark.parametrize("damage", [_cut_off, _empty, _one_bit, _not_an_archive])
def test_a_damaged_file_is_made_again(damage):
    make = Maker()
    cached_mesh(key("k1"), make)
    path = key("k1").path
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(RuntimeWarning, match="was damaged; it is made again"):
        mesh, _ = cached_mesh(key("k1"), make)
    assert make.count == 2
    assert np.array_equal(mesh.nodes_m, small_mesh()[0].nodes_m)
    cached_mesh(key("k1"), make)
    assert make.count == 2


def test_a_sound_archive_with_other_numbers_is_not_believed():
    make = Maker()
    cached_mesh(key("k1"), make)
    path = key("k1").path
    with np.load(path) as file:
        parts = dict(file)
    np.savez(path, **(parts | {"nodes_m": parts["nodes_m"] * 2}))
    with pytest.warns(RuntimeWarning, match="was damaged"):
        mesh, _ = cached_mesh(key("k1"), make)
    assert make.count == 2
    assert mesh.nodes_m.max() == 1


def test_another_key_s_file_is_not_believed():
    make = Maker()
    cached_mesh(key("k1"), make)
    key("k2").path.write_bytes(key("k1").path.read_bytes())
    with pytest.warns(RuntimeWarning, match="was damaged"):
        cached_mesh(key("k2"), make)
    assert make.count == 2


def test_two_at_once_both_get_their_mesh_and_leave_one_sound_file(own_cache):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        meshes = list(pool.map(lambda _: cached_mesh(key("k1"), small_mesh)[0], range(24)))
    assert all(np.array_equal(mesh.nodes_m, small_mesh()[0].nodes_m) for mesh in meshes)
    assert list((own_cache / "heads").iterdir()) == [key("k1").path]
    make = Maker()
    cached_mesh(key("k1"), make)
    assert make.count == 0


def test_a_mesh_that_another_process_finishes_just_now_is_not_called_damaged(own_cache, monkeypatch):
    read = cache_module._read

    def read_too_early(path, one_key):
        monkeypatch.setattr(cache_module, "_read", read)
        cached_mesh(one_key, small_mesh)  # the other process, between our look and ours being told

    monkeypatch.setattr(cache_module, "_read", read_too_early)
    cached_mesh(key("k1"), small_mesh)  # a warning would be an error here
    assert key("k1").path.is_file()


def test_an_interrupted_write_leaves_nothing(own_cache, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache_module.np, "savez", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cached_mesh(key("k1"), small_mesh)
    assert list((own_cache / "heads").iterdir()) == []


def test_a_full_disk_leaves_nothing_and_the_mesh_is_still_there(own_cache, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module.os, "fsync", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        mesh, _ = cached_mesh(key("k1"), small_mesh)
    assert len(mesh.tets) == 1
    assert list((own_cache / "heads").iterdir()) == []


def test_content_edge_and_mesher_each_have_a_file_of_their_own():
    keys = [key("k1"), key("k2"), key("k1", edge_m=0.003), key("k1", mesher="later"), key("k1", name="other")]
    assert len({one.path for one in keys}) == len(keys)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "*", "", "x" * 300, "Kopf äöü"])
def test_a_name_never_leads_out_of_the_folder(name, own_cache):
    path = key("k1", name=name).path
    assert path.parent == own_cache / "heads"
    assert len(path.name) < 120
    cached_mesh(key("k1", name=name), small_mesh)
    assert path.is_file()


def test_meshes_of_an_older_mesher_are_pruned_and_only_of_the_same_head():
    old, old_fine = key("k1", mesher="old"), key("k1", mesher="old", edge_m=0.002)
    others = [key("k2", mesher="old"), key("k1", mesher="old", name="else")]
    for one in (old, old_fine, *others):
        cached_mesh(one, small_mesh)
    assert all(one.path.is_file() for one in (old, old_fine, *others))
    cached_mesh(key("k1"), small_mesh)
    assert not old.path.exists()
    assert not old_fine.path.exists()
    cached_mesh(key("k1", edge_m=0.002), small_mesh)
    assert key("k1").path.is_file()
    assert all(one.path.is_file() for one in others)


def test_nothing_is_pruned_where_the_new_mesh_could_not_be_kept(monkeypatch):
    old = key("k1", mesher="old")
    cached_mesh(old, small_mesh)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module.os, "fsync", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        cached_mesh(key("k1"), small_mesh)
    assert old.path.is_file()


def test_the_meshes_of_a_head_are_found_by_its_content():
    for one in (key("k1"), key("k1", edge_m=0.002), key("k2")):
        cached_mesh(one, small_mesh)
    assert kept_meshes("k1") == sorted([key("k1").path, key("k1", edge_m=0.002).path])
    assert kept_meshes("k3") == []


_WORKER = """
import sys, time
import numpy as np
from stimplan.head.cache import MeshKey, cached_mesh
from stimplan.head.mesher import TetMesh

def make():
    time.sleep(0.05)  # both processes are in here together
    nodes = np.arange(300_000, dtype=np.float64).reshape(-1, 3)
    return TetMesh(nodes, np.zeros((10, 4), dtype=np.int32), np.ones(10, dtype=np.uint8)), {"edge_m": 0.004}

made = 0
for round in range(20):
    key = MeshKey("head", f"k{round % 4}", 0.004, "now")
    if sys.argv[1] == "1" and round % 5 == 0:
        key.path.unlink(missing_ok=True)
    mesh, record = cached_mesh(key, make)
    assert mesh.nodes_m[-1, -1] == 299_999 and record == {"edge_m": 0.004}
"""


def test_two_processes_at_once_never_see_half_a_mesh(own_cache):
    workers = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", _WORKER, str(number)], stderr=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
    kept = sorted(path.name for path in (own_cache / "heads").iterdir())
    assert kept == sorted(key(f"k{number}").path.name for number in range(4))
    assert attrs.evolve(key("k0"), mesher="now") == key("k0")
