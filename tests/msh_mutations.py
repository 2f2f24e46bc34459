"""Ways to damage a head mesh, and what must hold whatever was done to it; `tools/fuzz_msh.py` does it for minutes."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
from spheres import bar

from stimplan.errors import HeadError
from stimplan.head.model import HeadModel
from stimplan.head.readers.assembly import head_from_raw
from stimplan.head.readers.faces import tissue_surfaces
from stimplan.head.readers.msh import read_msh
from stimplan.head.readers.msh_output import Output, write_content
from stimplan.head.readers.msh_write import _content
from stimplan.head.readers.values import RawMesh

NUMBERS = (0, 1, 2, 3, 4, 5, 7, 255, 999, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1, 10**12)
WORDS = (
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"0.5",
    b"-0",
    b"99999999999999999999",
    b"x",
    b"$",
    b"\x00",
    b"4294967297",
    b"",
)
PIECES = (b"$", b"$End", b"$Nodes\n", b"$EndNodes\n", b"$Elements\n1\n", b"\n", b"\r\n", b" ", b"\x00" * 8, b"\xff" * 8)


def small_head() -> RawMesh:
    """A cube of 19 cm with eight cells of six tetrahedra: CSF, bone and scalp, and a field on each kind of place."""
    nodes_m, tets = bar(counts=(2, 2, 2), size_m=(0.19, 0.19, 0.19))
    tissue = np.full(len(tets), 5)
    tissue[:2], tissue[2:4] = 3, 4
    triangles, tags = tissue_surfaces(tets, tissue)
    data = {"node_data": {"v": np.arange(27.0)}, "tet_data": {"E": np.ones((len(tets), 3))}}
    return RawMesh(nodes_m, tets, tissue, triangles, tags, names={3: "csf", 4: "bone", 5: "scalp"}, **data)


def seeds(folder: Path) -> list[bytes]:
    """Sound files: both versions, text and binary, both byte orders, with and without names."""
    found = []
    for names in ({3: "csf", 4: "bone", 5: "scalp"}, {3: "CSF", 4: "skull", 5: "skin"}):
        mesh = small_head()
        mesh = RawMesh(
            mesh.nodes_m, mesh.tets, mesh.tissue, mesh.triangles, mesh.surface_tag,
            names=names, node_data=mesh.node_data, tet_data=mesh.tet_data,
        )  # fmt: skip
        for version in ("2.2", "4.1"):
            for is_binary, order in ((False, "<"), (True, "<"), (True, ">")):
                path = folder / "seed.msh"
                with path.open("wb") as file:
                    write_content(Output(file, is_binary, order), _content(mesh, None), version)
                found.append(path.read_bytes())
    return found


def mutated(data: bytes, pick: random.Random, others: list[bytes]) -> bytes:
    """The file damaged in one to four ways."""
    for _ in range(pick.choice((1, 1, 1, 2, 2, 4))):
        data = pick.choice(WAYS)(data, pick, others)
    return data


def _at(data: bytes, pick: random.Random) -> int:
    """Anywhere, but often in what decides: the first bytes of a section."""
    if pick.random() < 0.5:
        starts = [match.end() for match in re.finditer(rb"\$[A-Za-z]+\n", data)]
        if starts:
            return min(len(data), max(0, pick.choice(starts) + pick.randrange(-4, 80)))
    return pick.randrange(len(data) + 1)


def _flip(data: bytes, pick: random.Random, _: list[bytes]) -> bytes:
    at = min(_at(data, pick), len(data) - 1)
    return data[:at] + bytes([data[at] ^ (1 << pick.randrange(8))]) + data[at + 1 :] if data else data


def _cut(data: bytes, pick: random.Random, _: list[bytes]) -> bytes:
    return data[: _at(data, pick)]


def _insert(data: bytes, pick: random.Random, _: list[bytes]) -> bytes:
    at = _at(data, pick)
    return data[:at] + pick.choice((*PIECES, *WORDS, pick.randbytes(pick.randrange(1, 9)))) + data[at:]


def _remove(data: bytes, pick: random.Random, _: list[bytes]) -> bytes:
    at = _at(data, pick)
    return data[:at] + data[at + pick.choice((1, 1, 4, 8, 100)) :]


def _overwrite(data: bytes, pick: random.Random, _: list[bytes]) -> bytes:
    at, value = _at(data, pick), pick.choice(NUMBERS)
    size = pick.choice((4, 8))
    new = (value % 2 ** (8 * size)).to_bytes(size, pick.choice(("little", "big")))
    return data[:at] + new + data[at + size :]


def _number(data: bytes, pick: random.Random, _: list[bytes]) -> bytes:
    """Another number in place of one in the text."""
    at = _at(data, pick)
    match = re.compile(rb"[-+.\deE]+").search(data, at)
    if match is None:
        return data
    new = pick.choice((*WORDS, *(str(value).encode() for value in NUMBERS)))
    return data[: match.start()] + new + data[match.end() :]


def _again(data: bytes, pick: random.Random, _: list[bytes]) -> bytes:
    """A piece there twice, or at another place."""
    start, to = _at(data, pick), _at(data, pick)
    piece = data[start : start + pick.choice((8, 32, 200, 2000))]
    return data[:to] + piece * pick.choice((1, 1, 3)) + data[to:]


def _splice(data: bytes, pick: random.Random, others: list[bytes]) -> bytes:
    other = pick.choice(others)
    return data[: _at(data, pick)] + other[_at(other, pick) :]


WAYS = (_flip, _flip, _cut, _insert, _remove, _overwrite, _overwrite, _number, _number, _again, _splice)


def outcome(path: Path) -> str:
    """What becomes of a file: `head`, `mesh` (read, but no head) or `refused`; anything else is a fault and raises."""
    stage = "refused"
    try:
        raw = read_msh(path, fields=("v", "E") if path.stat().st_size % 2 else ())
        assert isinstance(raw, RawMesh) and np.isfinite(raw.nodes_m).all() and len(raw.tets)
        stage = "mesh"
        head = head_from_raw(raw, name="fuzzed")
        assert isinstance(head, HeadModel) and (head.volumes_m3 > 0).all() and np.isfinite(head.volumes_m3).all()
        return "head"
    except HeadError as error:
        text = str(error)
        if stage == "refused" and "has no field" in text:
            stage = "mesh"
        assert text and len(text) < 5000 and all(problem.what for problem in error.problems)
        return stage
