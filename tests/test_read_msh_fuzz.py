"""Whatever bytes a head mesh is made of, it is read or refused in words; `tools/fuzz_msh.py` tries that for minutes."""

from __future__ import annotations

import random
import tempfile
import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msh_mutations import mutated, outcome, seeds

from stimplan.head.readers.msh import read_msh


@cache
def sound() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return seeds(Path(folder))


def outcome_of(data: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed.msh"
        path.write_bytes(data)
        return outcome(path)


def test_the_files_that_are_damaged_are_heads_before():
    assert {outcome_of(data) for data in sound()} == {"head"}


def test_damaged_files_are_meshes_or_refused_in_words():
    pick, found, start = random.Random(2026), set(), time.monotonic()
    for _ in range(800):
        found.add(outcome_of(mutated(pick.choice(sound()), pick, sound())))
    assert found == {"head", "mesh", "refused"}
    assert time.monotonic() - start < 60  # 3 s where nothing else runs


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 11), st.data())
def test_bytes_put_anywhere_are_read_or_refused_in_words(which, data):
    seed = sound()[which]
    at = data.draw(st.integers(0, len(seed)))
    gone = data.draw(st.integers(0, 16))
    new = data.draw(st.binary(max_size=16) | st.text("$0123456789 .-\n", max_size=16).map(str.encode))
    assert outcome_of(seed[:at] + new + seed[at + gone :]) in ("head", "mesh", "refused")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_what_follows_a_header_is_read_or_refused_in_words(rest):
    for header in (
        b"$MeshFormat\n2.2 0 8\n$EndMeshFormat\n",
        b"$MeshFormat\n4.1 1 8\n\x01\x00\x00\x00\n$EndMeshFormat\n",
    ):
        assert outcome_of(header + rest) == "refused"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.4, 0.6, 0.8, 0.99])
def test_a_file_cut_off_anywhere_is_refused(share):
    for seed in sound():
        assert outcome_of(seed[: int(share * seed.index(b"$EndElements"))]) == "refused"


def test_the_check_itself_notices_any_other_error(tmp_path, monkeypatch):
    path = tmp_path / "head.msh"
    path.write_bytes(sound()[0])

    def broken(*_, **__):
        raise KeyError("number")

    monkeypatch.setattr("msh_mutations.read_msh", broken)
    with pytest.raises(KeyError):
        outcome(path)
    assert read_msh(path).tets.shape == (48, 4)
