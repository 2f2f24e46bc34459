"""Head meshes that are broken, each in one way: the message names the cause and the place, and nothing else happens."""

from __future__ import annotations

import gzip
import io
import re
import zipfile

import numpy as np
import pytest
from meshes import msh_bytes, raw_head

from stimplan.errors import HeadError
from stimplan.head.readers.msh import read_msh

TEXT, BINARY = msh_bytes("2.2"), msh_bytes("2.2", binary=True)
NEW, NEW_BINARY = msh_bytes("4.1"), msh_bytes("4.1", binary=True)
NODES, TETS, TRIANGLES = len(raw_head().nodes_m), len(raw_head().tets), len(raw_head().triangles)
ELEMENTS = TETS + TRIANGLES
HEADER = b"$MeshFormat\n2.2 0 8\n$EndMeshFormat\n"


def lines_of(data: bytes, section: str) -> tuple[list[bytes], int, int]:
    """Lines of a text file, and the first and last but one of a section's rows (after its count)."""
    lines = data.split(b"\n")
    return lines, lines.index(b"$" + section.encode()) + 2, lines.index(b"$End" + section.encode())


def with_row(section: str, row: int, change) -> bytes:
    """The text file with the words of one row changed."""
    lines, start, _ = lines_of(TEXT, section)
    lines[start + row] = b" ".join(change(lines[start + row].split()))
    return b"\n".join(lines)


def without(section: str) -> bytes:
    start, end = TEXT.index(f"${section}\n".encode()), TEXT.index(f"$End{section}\n".encode())
    return TEXT[:start] + TEXT[end + len(f"$End{section}\n") :]


def section(name: str, data: bytes = TEXT) -> bytes:
    end = f"$End{name}\n".encode()
    return data[data.index(f"${name}\n".encode()) : data.index(end) + len(end)]


def only(kind: int) -> bytes:
    """The text file with elements of one type only."""
    lines, start, end = lines_of(TEXT, "Elements")
    rows = [line for line in lines[start:end] if line.split()[1] == str(kind).encode()]
    return b"\n".join([*lines[: start - 1], str(len(rows)).encode(), *rows, *lines[end:]])


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("head.msh", TEXT)
    return buffer.getvalue()


def twice_numbered() -> bytes:
    return with_row("Nodes", 9, lambda words: [b"3", *words[1:]])


def in_binary(old: bytes, new: bytes, after: bytes = b"") -> bytes:
    at = BINARY.index(old, BINARY.index(after))
    return BINARY[:at] + new + BINARY[at + len(old) :]


def int4(*values: int) -> bytes:
    return np.array(values, "<i4").tobytes()


def in_new_binary(name: bytes, offset: int, value: bytes) -> bytes:
    at = NEW_BINARY.index(name) + len(name) + offset
    return NEW_BINARY[:at] + value + NEW_BINARY[at + len(value) :]


BROKEN = {
    "an empty file": (b"", "head.msh: is empty"),
    "a header cut off in its first word": (TEXT[:7], "the file ends in its header: it is cut off"),
    "a header without numbers": (b"$MeshFormat\n", "expected the version, file type and data size"),
    "a header of two numbers": (TEXT.replace(b"2.2 0 8", b"2.2 0"), "got '2.2 0'"),
    "a header without its end": (
        TEXT.replace(b"$EndMeshFormat\n", b""),
        "expected $EndMeshFormat after the header, but",
    ),
    "something else": (b"solid cube\nfacet normal 0 0 1\n", "does not start with $MeshFormat but with b'solid cube"),
    "version 1": (b"$NOD\n1\n1 0 0 0\n$ENDNOD\n", "is a gmsh mesh of version 1; open it in gmsh and save it"),
    "version 3": (TEXT.replace(b"2.2 0 8", b"3.0 0 8"), "line 2: gmsh file format version '3.0' is not read"),
    "version 4.0": (TEXT.replace(b"2.2 0 8", b"4.0 0 8"), "version '4.0' is not read, only 2.2 and 4.1; open the mesh"),
    "a version of the future": (TEXT.replace(b"2.2 0 8", b"4.2 0 8"), "version '4.2' is not read"),
    "file type 2": (TEXT.replace(b"2.2 0 8", b"2.2 2 8"), "file type '2': expected 0 (text) or 1 (binary)"),
    "data size 4": (TEXT.replace(b"2.2 0 8", b"2.2 0 4"), "data size '4': only 8 bytes are read"),
    "a byte order mark that is none": (
        in_binary(int4(1), b"\x00\x01\x00\x00"),
        "the byte order mark is 00 01 00 00, expected the number one",
    ),
    "a binary file cut off in its mark": (BINARY[:22], "the file ends in its header"),
    "a binary file called text": (BINARY.replace(b"2.2 1 8", b"2.2 0 8"), "expected $EndMeshFormat after the header"),
    "a gzip file": (gzip.compress(TEXT), "head.msh: is compressed with gzip; unpack it first (gunzip)"),
    "a zip archive": (zipped(), "is a zip archive; unpack it first"),
    "a lead field": (b"\x89HDF\r\n\x1a\n" + bytes(100), "is an HDF5 file, such as a lead field"),
    "a pointer of git-lfs": (b"version https://git-lfs.github.com/spec/v1\n", "fetch it with `git lfs pull`"),
    "a byte order mark of text": (b"\xef\xbb\xbf" + TEXT, "starts with a byte order mark, which gmsh does not write"),
    "nodes before the header": (section("Nodes") + TEXT, "starts with $Nodes, but $MeshFormat has to come first"),
    "elements before nodes": (
        HEADER + section("Elements") + section("Nodes"),
        "comes before $Nodes; the nodes have to come first",
    ),
    "no nodes": (without("Nodes"), "comes before $Nodes"),
    "no elements": (without("Elements"), "has no $Elements: the file is cut off or is not a mesh"),
    "a header alone": (HEADER, "has no $Nodes: the file is cut off or is not a mesh"),
    "nodes without their end": (
        TEXT.replace(b"$EndNodes\n", b""),
        f"expected $EndNodes after {NODES} nodes, but found b'$Elements",
    ),
    "elements without their end": (TEXT.replace(b"$EndElements\n", b""), "has no $EndElements: the file is cut off"),
    "an end without its section": (HEADER + b"$EndNodes\n", "found $EndNodes without its $Nodes"),
    "numbers between sections": (
        TEXT.replace(b"$Elements", b"7 7 7\n$Elements"),
        "expected a section ($Nodes, $Elements",
    ),
    "nodes twice": (
        HEADER + section("Nodes") * 2 + section("Elements"),
        "comes twice: the file is damaged, or two files",
    ),
    "elements twice": (TEXT + section("Elements"), "$Elements, line"),
    "a section without its end": (TEXT + b"$Periodic\n0\n", "$Periodic, line"),
    "a count that is a word": (
        TEXT.replace(b"$Nodes\n", b"$Nodes\nmany\n"),
        "the number of nodes as one whole number, got",
    ),
    "a count that is negative": (
        HEADER + b"$Nodes\n-3\n",
        "expected the number of nodes as one whole number, got '-3'",
    ),
    "more nodes than the file can hold": (
        TEXT.replace(f"$Nodes\n{NODES}".encode(), b"$Nodes\n99999999999"),
        "says 99999999999 nodes, which take at least 799999999992 bytes, but only",
    ),
    "more binary nodes than the file can hold": (
        BINARY.replace(f"$Nodes\n{NODES}".encode(), b"$Nodes\n99999999999"),
        "says 99999999999 nodes, which take at least 2799999999972 bytes, but only",
    ),
    "one node too many": (
        TEXT.replace(f"$Nodes\n{NODES}".encode(), f"$Nodes\n{NODES + 1}".encode()),
        f"says {NODES + 1} nodes, which are {4 * NODES + 4} numbers, but holds {4 * NODES}",
    ),
    "one binary node too few": (
        BINARY.replace(f"$Nodes\n{NODES}".encode(), f"$Nodes\n{NODES - 1}".encode()),
        f"expected $EndNodes after {NODES - 1} nodes, but found",
    ),
    "more elements than the file can hold": (
        TEXT.replace(f"$Elements\n{ELEMENTS}".encode(), b"$Elements\n88888888888"),
        "says 88888888888 elements, which take at least",
    ),
    "one element too many": (
        TEXT.replace(f"$Elements\n{ELEMENTS}".encode(), f"$Elements\n{ELEMENTS + 1}".encode()),
        f"says {ELEMENTS + 1} elements, but holds {ELEMENTS}",
    ),
    "a block of more elements than there are": (
        in_binary(int4(4, TETS, 2), int4(4, 2**31 - 1, 2), b"$Elements"),
        f"a block of {2**31 - 1} elements after {TRIANGLES} of {ELEMENTS}: more than there are",
    ),
    "a binary file cut off in its nodes": (BINARY[: BINARY.index(b"$EndNodes") // 2], "the file is cut off"),
    "a binary file cut off in its elements": (BINARY[:-3000], "more than there are, so the file is cut off or damaged"),
    "a text cut off in an element": (TEXT[:-3000], "has no $EndElements: the file is cut off or damaged"),
    "a word among the nodes": (
        with_row("Nodes", 3, lambda words: [*words[:3], b"1.0.0"]),
        "line 9: expected a number, got '1.0.0'",
    ),
    "a tag with a point": (
        with_row("Elements", 4, lambda words: [*words[:3], b"3.0", *words[4:]]),
        "expected a whole number, got '3.0'",
    ),
    "an element with a node too few": (
        with_row("Elements", ELEMENTS - 1, lambda words: words[:-1]),
        "the last of its elements is not complete",
    ),
    "a node number with a point": (
        with_row("Nodes", 3, lambda words: [b"4.5", *words[1:]]),
        "node number 4.5: expected a whole number",
    ),
    "a node number used twice": (twice_numbered(), "1 node numbers are used twice, the first is 3"),
    "node number 0": (with_row("Nodes", 0, lambda words: [b"0", *words[1:]]), "node number 0: numbers start at 1"),
    "a node number beyond 32 bits": (
        with_row("Elements", ELEMENTS - 1, lambda words: [*words[:-1], b"99999999999999999999"]),
        "expected a whole number of at most 2147483647",
    ),
    "a node that does not exist": (
        with_row("Elements", ELEMENTS - 1, lambda words: [*words[:-1], b"70000"]),
        "1 tetrahedra name a node that does not exist, the first of these is node 70000; node numbers are",
    ),
    "coordinates that are not numbers": (
        with_row("Nodes", 6, lambda words: [words[0], b"nan", b"inf", words[3]]),
        "1 nodes have coordinates that are not finite, the first is node 7",
    ),
    "no tetrahedra": (HEADER + section("Nodes") + b"$Elements\n0\n$EndElements\n", "$Elements holds no tetrahedra"),
    "no nodes at all": (HEADER + b"$Nodes\n0\n$EndNodes\n$Elements\n0\n$EndElements\n", "$Nodes holds no nodes"),
    "only triangles": (only(2), f"holds {TRIANGLES} triangles but no tetrahedra: it is a surface"),
    "hexahedra": (
        with_row("Elements", 0, lambda words: [words[0], b"5", *words[2:5], *[words[5]] * 8]),
        "holds 1 hexahedra; only four-node tetrahedra are read",
    ),
    "second-order tetrahedra": (
        with_row("Elements", 0, lambda words: [words[0], b"11", *words[2:5], *[words[5]] * 10]),
        "holds 1 second-order tetrahedra; only four-node",
    ),
    "a type of element that does not exist": (
        with_row("Elements", 0, lambda words: [words[0], b"777", *words[2:]]),
        "an element of type 777, which the format does not have",
    ),
    "an element with a million tags": (
        with_row("Elements", 0, lambda words: [*words[:2], b"1000000", *words[3:]]),
        "an element with 1000000 tags: the file is damaged",
    ),
    "tetrahedra without tags": (
        with_row("Elements", ELEMENTS - 1, lambda words: [*words[:2], b"0", *words[5:]]),
        "tetrahedra without a tag: their tissue is not known",
    ),
    "a name without quotes": (
        TEXT.replace(b"$Nodes", b"$PhysicalNames\n1\n3 5 scalp\n$EndPhysicalNames\n$Nodes"),
        "expected dimension, tag and \"name\", got '3 5 scalp'",
    ),
    "a line without an end": (HEADER + b"$PhysicalNames\n1\n" + b"x" * 10_000, "found a line of more than 4096 bytes"),
    "a mesh in parts": (
        NEW.replace(b"$Nodes", b"$PartitionedEntities\n0\n$EndPartitionedEntities\n$Nodes"),
        "the mesh is partitioned; open it in gmsh",
    ),
    "a volume in two groups": (NEW.replace(b" 1 3 0\n", b" 2 3 4 0\n"), "volume 3 belongs to 2 physical groups (3, 4)"),
    "blocks that hold fewer than they say": (
        NEW.replace(f"1 {NODES} 1".encode(), f"1 {NODES + 5} 1".encode()),
        f"says {NODES + 5} nodes, but its blocks hold {NODES}",
    ),
    "a million blocks": (
        in_new_binary(b"$Nodes\n", 0, np.array([10**6], "<u8").tobytes()),
        "says 1000000 blocks of nodes; at most 100000 are read",
    ),
    "a block of a thousand million million elements": (
        in_new_binary(b"$Elements\n", 32 + 12, np.array([10**15], "<u8").tobytes()),
        "numbers of elements, which take at least",
    ),
    "more entities than any head": (
        in_new_binary(b"$Entities\n", 24, np.array([2**60], "<u8").tobytes()),
        "entities; at most 100000 are read, a head has some tens",
    ),
    "a parametric flag that is none": (NEW.replace(b"\n3 3 0 ", b"\n3 3 7 "), "parametric 7: the file is damaged"),
    "blocks with numbers left over": (NEW.replace(b"$EndNodes", b"1 2 3\n$EndNodes"), "holds 3 numbers more than"),
    "a field of no components": (
        TEXT + b'$NodeData\n1\n"v"\n1\n0.0\n3\n0\n0\n5\n$EndNodeData\n',
        "a field of 0 components: the file is damaged",
    ),
    "a field longer than the file": (
        BINARY + b'$NodeData\n1\n"v"\n1\n0.0\n3\n0\n1\n500\n$EndNodeData\n',
        "says 500 values, which take at least 6000 bytes, but only",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_mesh_is_refused_with_its_cause(tmp_path, name):
    data, cause = BROKEN[name]
    path = tmp_path / "head.msh"
    path.write_bytes(data)
    with pytest.raises(HeadError) as caught:
        read_msh(path)
    assert cause in str(caught.value)
    assert all(problem.file == "head.msh" for problem in caught.value.problems)
    assert not re.search(r"Traceback|Error\(|object at", str(caught.value))


def test_faults_that_can_be_found_together_are_told_together(tmp_path):
    lines, start, _ = lines_of(twice_numbered(), "Nodes")
    lines[start + 20] = lines[start + 20].split()[0] + b" nan 0 0"
    data = b"\n".join(lines).replace(b" 4 2 3 3 ", b" 4 2 3 3 70000 ", 1)
    row = next(line for line in data.split(b"\n") if b" 70000 " in line)
    (tmp_path / "head.msh").write_bytes(data.replace(row, b" ".join(row.split()[:-1])))
    with pytest.raises(HeadError) as caught:
        read_msh(tmp_path / "head.msh")
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "used twice" in text and "not finite" in text and "node 70000" in text


def test_a_folder_and_a_file_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(HeadError, match=r"is a folder, not a \.msh file"):
        read_msh(tmp_path)
    with pytest.raises(HeadError, match="there is no such file"):
        read_msh(tmp_path / "none.msh")


def test_a_file_that_may_not_be_opened_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "head.msh"
    path.write_bytes(TEXT)

    def locked(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", locked)
    with pytest.raises(HeadError, match=r"cannot be read \(Permission denied\)"):
        read_msh(path)
