"""What somebody who does not know the program does to it."""

from __future__ import annotations

import copy
import errno
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from spheres import ball

from stimplan.cli import run as run_command
from stimplan.errors import InputError
from stimplan.field import Field
from stimplan.head.cache import MeshKey, cached_mesh
from stimplan.head.mesher import TetMesh
from stimplan.roi import measure, sphere_roi


def field_on_ball():
    head = ball()
    return Field(head, None, np.ones((len(head.tets), 3)), np.zeros(len(head.nodes_m)), np.zeros(0), 0.0, None, {})


@pytest.mark.parametrize("points", [np.zeros((3, 2)), np.zeros((2, 4)), np.zeros((2, 2, 3)), 0.0, "a", [[1, 2], [3]]])
def test_points_that_are_not_triples_are_refused_before_compiled_code_reads_them(points):
    with pytest.raises(InputError, match=r"points are \(k, 3\) numbers"):
        field_on_ball().at(points)


@pytest.mark.parametrize("radius", ["5", None, True, [1, 2], 1j])
def test_a_radius_that_is_no_number_is_refused_in_words(radius):
    with pytest.raises(InputError, match="radius of a sphere"):
        sphere_roi(position_mm=(0, 0, 0), radius_mm=radius)


@pytest.mark.parametrize("center", ["abc", ("a", "b", "c"), [[1], [2, 3]]])
def test_a_centre_that_is_no_point_is_refused_in_words(center):
    with pytest.raises(InputError, match="three finite numbers"):
        sphere_roi(position_mm=center, radius_mm=5)


def test_the_name_of_a_tissue_is_no_region_and_the_message_says_what_makes_one():
    with pytest.raises(InputError, match="tissue_roi"):
        measure(field_on_ball(), "layer_1")


@pytest.mark.parametrize("value", ["0.01", None, True, float("nan"), 0])
def test_a_conductivity_that_is_no_positive_number_is_refused(value):
    with pytest.raises(InputError, match="must be positive and finite"):
        ball().with_conductivities({"layer_1": value})


def test_the_mappings_of_a_head_and_a_field_are_its_own_and_read_only():
    head = ball()
    given = {"a": {"b": [1, 2]}}
    field = Field(head, None, np.ones((len(head.tets), 3)), np.zeros(len(head.nodes_m)), np.zeros(0), 0.0, None, given)
    given["a"]["b"].append(3)
    assert field.provenance == {"a": {"b": (1, 2)}}
    for mapping in (head.sites_m, head.provenance, field.provenance, field.provenance["a"]):
        with pytest.raises(TypeError, match="frozen value"):
            mapping["C3"] = 1
        with pytest.raises(TypeError, match="frozen value"):
            mapping.clear()
        with pytest.raises(TypeError, match="frozen value"):
            mapping |= {"C3": 1}
    again = pickle.loads(pickle.dumps(field.provenance))
    assert again == copy.deepcopy(field.provenance) == field.provenance
    assert json.loads(json.dumps(again)) == {"a": {"b": [1, 2]}}


def test_an_empty_output_folder_is_refused_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["run", "select-tdcs", "--out", ""]) == 2
    assert "--out: is empty; name a folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_a_cache_folder_a_mesh_is_made_and_only_not_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STIMPLAN_CACHE", str(tmp_path / "file" / "cache"))
    mesh = TetMesh(np.eye(4, 3), np.arange(4)[None], np.ones(1, dtype=np.uint8))
    with pytest.warns(RuntimeWarning, match="could not be kept"):
        made, record = cached_mesh(MeshKey("name", "0" * 64, 0.004), lambda: (mesh, {"kind": "test"}))
    assert made is mesh
    assert record == {"kind": "test"}


def test_where_numba_may_write_nowhere_functions_are_compiled_all_the_same(monkeypatch):
    from numba.core import caching

    from stimplan.compiled import jit

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert jit(lambda x: x + 1)(2) == 3


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_while_the_program_loads_is_one_line_and_exit_code_130():
    code = (
        "import sys, os, signal, importlib.abc\n"
        "class Stop(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'stimplan.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from stimplan.__main__ import main\n"
        "main()\n"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)
    assert (done.returncode, done.stderr) == (130, "stimplan: stopped; nothing was left behind\n")


def test_a_full_disk_is_said_with_its_remedy(monkeypatch, capsys):
    def full(_source):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("stimplan.protocol.read_protocol", full)
    assert run_command(["check", "select-tdcs"]) == 2
    assert "make room, or name a folder on another disk; nothing was left behind" in capsys.readouterr().err
