"""Coil files: what is read, what comes back after writing, and what is refused with the reason."""

from __future__ import annotations

import base64
import json
import struct
import tempfile
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
from coils import nine_turns
from hypothesis import given, settings
from hypothesis import strategies as st

import stimplan as sp
from stimplan.coil import AGrid, Casing, Coil, Dipoles, Segments, Stimulator, list_coils, read_coil, write_coil
from stimplan.coil.tcd import read_tcd, write_tcd
from stimplan.errors import CoilError

# What breaks numbers, structure and references most often.
PIECES = [b"-1", b"9", b"1e400", b"null", b"[]", b"{}", b'"', b",", b"0", b"true", b"\n", b"NaN"]

SHARED = Path(__file__).parents[2] / "shared" / "data" / "simnibs"

CCD = """# small.ccd version 1.0;dIdtmax=114.73;stimulator=Rapid;brand=Magstim;coilname=small;x=-300,300;
2
# centers and weighted directions
1.0e-2 0 -6.5e-3 0 0 1.5e-6
-1.0e-2 0 -6.5e-3 0 0 -1.5e-6
"""


def tree(**changes):
    whole = {
        "name": "two wings",
        "stimulatorList": [{"name": "Rapid", "brand": "Magstim", "maxdIdt": 1e8}],
        "deformRangeList": [{"initial": 0, "range": [-10, 10]}],
        "deformList": [{"deformRange": 0, "type": "rot2p", "point1": [0, 0, 0], "point2": [0, 1, 0]}],
        "coilModels": [{"points": [[0, 0, 0], [10, 0, 0], [0, 10, 0]], "faces": [[0, 1, 2]]}],
        "coilElementList": [
            {"name": "left", "stimulator": 0, "type": 1, "points": [[10, 0, -5], [20, 0, -5]],
             "values": [[0, 0, 1e-6], [0, 0, 2e-6]], "deformations": [0], "elementCasing": 0},
            {"name": "right", "stimulator": 0, "type": 2, "points": [[-10, 0, -5], [-20, 0, -5]],
             "values": [[0, 1, 0], [0, -1, 0]]},
        ],
    }  # fmt: skip
    return whole | changes


def element(**changes):
    one = dict(tree()["coilElementList"][1]) | changes
    return tree(coilElementList=[{key: value for key, value in one.items() if value is not None}])


def saved(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def tcd(tmp_path, content):
    return saved(tmp_path, json.dumps(content), "coil.tcd")


# reading


def test_a_ccd_file_is_read_with_its_units(tmp_path):
    coil = read_coil(saved(tmp_path, CCD, "small.ccd"))
    (dipoles,) = coil.elements
    assert coil.name == "small"
    assert coil.max_didt_A_per_s == 114.73e6
    assert (coil.stimulators[0].name, coil.stimulators[0].brand) == ("Rapid", "Magstim")
    assert dipoles.positions_m.tolist() == [[0.01, 0, -0.0065], [-0.01, 0, -0.0065]]
    assert dipoles.moments_A_m2_per_A.tolist() == [[0, 0, 1.5e-6], [0, 0, -1.5e-6]]
    assert coil.handle_direction == (0, -1, 0)


def test_a_ccd_file_without_a_rate_has_none(tmp_path):
    assert read_coil(saved(tmp_path, CCD.replace("dIdtmax=114.73;", ""), "small.ccd")).max_didt_A_per_s is None


def test_a_tcd_file_is_read_with_its_elements_case_and_stimulator(tmp_path):
    coil = read_coil(tcd(tmp_path, tree()))
    dipoles, wire = coil.elements
    assert isinstance(dipoles, Dipoles) and isinstance(wire, Segments)
    assert dipoles.positions_m == pytest.approx(np.array([[0.01, 0, -0.005], [0.02, 0, -0.005]]))
    assert dipoles.moments_A_m2_per_A[:, 2] == pytest.approx([1e-6, 2e-6])
    assert wire.vectors_m == pytest.approx(np.array([[0, 0.001, 0], [0, -0.001, 0]]))
    assert coil.casing.points_m == pytest.approx(np.array([[0, 0, 0], [0.01, 0, 0], [0, 0.01, 0]]))
    assert coil.max_didt_A_per_s == 1e8


def test_deformations_turn_and_move_an_element_and_its_case(tmp_path):
    path = tcd(tmp_path, tree())
    coil = read_tcd(path, deformations=[10.0])
    cosine, sine = np.cos(np.radians(10)), np.sin(np.radians(10))
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    still = read_tcd(path)
    assert coil.elements[0].positions_m == pytest.approx(still.elements[0].positions_m @ turn.T)
    assert coil.elements[0].moments_A_m2_per_A == pytest.approx(still.elements[0].moments_A_m2_per_A @ turn.T)
    assert coil.casing.points_m == pytest.approx(still.casing.points_m @ turn.T)
    assert np.array_equal(coil.elements[1].positions_m, still.elements[1].positions_m)
    slide = tree(deformList=[{"deformRange": 0, "type": "z"}])
    moved = read_coil(tcd(tmp_path, slide), deformations=[-7.0])
    assert moved.elements[0].positions_m[:, 2] == pytest.approx([-0.012, -0.012])


def test_packed_numbers_are_those_of_the_list(tmp_path):
    points, values = np.array([[-10.0, 0, -5], [-20, 0, -5]]), np.array([[0.0, 1, 0], [0, -1, 0]])
    pack = lambda array: base64.b64encode(zlib.compress(array.astype("<f8").tobytes())).decode()  # noqa: E731
    packed = read_coil(tcd(tmp_path, element(points=pack(points), values=pack(values))))
    listed = read_coil(tcd(tmp_path, element()))
    assert packed.digest == listed.digest


def test_a_grid_is_read_from_tcd_and_from_nifti(tmp_path):
    data = np.random.default_rng(0).normal(size=(3, 4, 5, 3)) * 1e-7
    affine = np.diag([2.0, 2, 3, 1])
    affine[:3, 3] = (-3, -4, 5)
    grid = {"type": 3, "stimulator": 0, "data": data.tolist(), "affine": affine.tolist()}
    nibabel.save(nibabel.Nifti1Image(data, affine), tmp_path / "a.nii.gz")
    for coil in (read_coil(tcd(tmp_path, tree(coilElementList=[grid]))), read_coil(tmp_path / "a.nii.gz")):
        (one,) = coil.elements
        assert isinstance(one, AGrid)
        assert one.potential_T_m_per_A == pytest.approx(data)
        assert one.coil_from_voxel[:3] == pytest.approx(affine[:3] / 1000)


@pytest.mark.parametrize("name", ["MagStim_D70.ccd", "Brainsway_H7.tcd"])
def test_files_of_others_can_be_read(name, tmp_path):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the file is not part of the project: ../shared/data/simnibs/{name}")
    coil = sp.read_coil(path)
    if name.endswith("ccd"):
        assert coil.max_didt_A_per_s == pytest.approx(114.73e6)
        assert len(coil.positions_m) == 964
        side = coil.elements[0].moments_A_m2_per_A[coil.positions_m[:, 0] > 0, 2].sum()
        assert abs(side) == pytest.approx(0.0371, abs=2e-4)
    else:
        assert coil.max_didt_A_per_s == 1.147e8
        assert len(coil.elements) == 3 and all(isinstance(one, Segments) for one in coil.elements)
        assert len(coil.casing.triangles) > 10_000
    again = tmp_path / f"again{path.suffix}"
    write_coil(coil, again)
    assert read_coil(again).positions_m == pytest.approx(coil.positions_m, rel=1e-15, abs=1e-18)


def test_a_pulse_beside_a_ccd_is_said_to_be_left_alone(tmp_path):
    path = saved(tmp_path, CCD, "small.ccd")
    assert "not_read" not in read_coil(path).provenance
    saved(tmp_path, "time\tstim\tfit\n0\t1\t1\n", "small.tsv")
    assert read_coil(path).provenance["not_read"] == "small.tsv: its unit of time is not stated"


def test_only_a_tcd_coil_has_parts_that_move():
    with pytest.raises(CoilError, match=r"only a \.tcd coil has parts that move"):
        read_coil("figure8-70mm-9-turns", deformations=[1.0])


def test_a_coil_of_the_catalogue_says_where_it_is_from():
    for name in list_coils():
        coil = read_coil(name)
        assert "doi:10." in coil.source or "the maker's dimensions as commonly cited" in coil.source
        assert coil.handle_direction == (0, -1, 0)
    with pytest.raises(CoilError, match="did you mean 'figure8-70mm-9-turns'"):
        read_coil("figure8-70mm-9-turn")


def stl(corners, *, is_binary=True):
    corners = np.asarray(corners, dtype="<f4")
    if is_binary:
        rows = b"".join(bytes(12) + one.tobytes() + bytes(2) for one in corners)
        return bytes(80) + struct.pack("<I", len(corners)) + rows
    facets = "".join(
        "facet normal 0 0 0\nouter loop\n" + "".join(f"vertex {x} {y} {z}\n" for x, y, z in one) + "endloop\nendfacet\n"
        for one in corners
    )
    return f"solid case\n{facets}endsolid case\n".encode()


PLATE = [[[0, 0, 0], [90, 0, 0], [0, 60, 0]], [[90, 0, 0], [90, 60, 0], [0, 60, 0]]]


@pytest.mark.parametrize("is_binary", [True, False])
def test_the_case_beside_a_ccd_file_is_read_in_millimetres(tmp_path, is_binary):
    saved(tmp_path, stl(PLATE, is_binary=is_binary), "small.stl")
    casing = read_coil(saved(tmp_path, CCD, "small.ccd")).casing
    assert len(casing.points_m) == 4 and len(casing.triangles) == 2
    assert casing.points_m.max(axis=0) == pytest.approx([0.09, 0.06, 0.0])
    points = casing.sampled_m(0.003)
    asked = np.random.default_rng(0).uniform([0, 0], [0.09, 0.06], size=(500, 2))
    gaps = np.linalg.norm(points[None, :, :2] - asked[:, None], axis=2).min(axis=1)
    assert gaps.max() < 0.003
    with pytest.raises(CoilError, match="spacing"):
        casing.sampled_m(0.0)


@pytest.mark.parametrize(
    "content, reason",
    [
        (stl(PLATE)[:-1], "no STL"),
        (stl([]), "no STL"),
        (b"", "no STL"),
        (stl(PLATE, is_binary=False).replace(b"endsolid", b""), "no STL"),
        (stl(PLATE, is_binary=False).replace(b"vertex 90.0 60.0", b"vertex x 60.0"), "no STL"),
        (stl(np.array(PLATE) * np.nan), "2 triangles have corners that are not finite"),
        (stl(np.array(PLATE) / 1e5), "positions in millimetres"),
    ],
)
def test_a_broken_case_is_refused_with_the_reason(content, reason, tmp_path):
    saved(tmp_path, content, "small.stl")
    with pytest.raises(CoilError, match=reason):
        read_coil(saved(tmp_path, CCD, "small.ccd"))


# round trips


def test_a_ccd_file_written_and_read_is_the_same_to_the_last_bit(tmp_path):
    coil = Coil("x", nine_turns().elements, source="t", stimulators=(Stimulator("S", "B", 1.5173e8),))
    write_coil(coil, tmp_path / "x.ccd")
    again = read_coil(tmp_path / "x.ccd")
    assert again.digest == coil.digest
    assert again.name == "x"
    write_coil(again, tmp_path / "y.ccd")
    assert (tmp_path / "x.ccd").read_bytes() == (tmp_path / "y.ccd").read_bytes()


@pytest.mark.parametrize("is_binary", [True, False])
def test_a_tcd_file_written_and_read_is_the_same(tmp_path, is_binary):
    grid = AGrid(np.random.default_rng(1).normal(size=(2, 3, 2, 3)), np.diag([0.01, 0.01, 0.01, 1]), "g", 1)
    wave = {"name": "w", "time_s": [0.0, 1e-4], "signal": [1.0, 0.0]}
    coil = Coil(
        "all kinds",
        (*nine_turns().elements, *nine_turns("wire").elements, grid),
        source="t",
        casing=Casing(np.eye(3) * 0.01, [[0, 1, 2]]),
        stimulators=(Stimulator("S", "B", 1e8, (wave,)), Stimulator()),
    )
    write_tcd(coil, tmp_path / "x.tcd", is_binary=is_binary)
    again = read_coil(tmp_path / "x.tcd")
    assert again.positions_m == pytest.approx(coil.positions_m, rel=1e-15, abs=1e-18)
    assert again.moment_A_m2_per_A == pytest.approx(coil.moment_A_m2_per_A, abs=1e-15)
    assert again.elements[2].potential_T_m_per_A == pytest.approx(grid.potential_T_m_per_A)
    assert again.elements[2].stimulator == 1
    assert again.casing.points_m == pytest.approx(coil.casing.points_m)
    assert again.stimulators == coil.stimulators


def test_what_a_ccd_file_cannot_hold_is_refused_and_nothing_is_written(tmp_path):
    coil = Coil("a;b", nine_turns("wire").elements, source="t", stimulators=(Stimulator(), Stimulator()))
    with pytest.raises(CoilError) as caught:
        write_coil(coil, tmp_path / "x.ccd")
    assert [problem.where for problem in caught.value.problems] == ["elements[0]", "stimulators", "name"]
    with pytest.raises(CoilError, match=r"written as \.ccd or \.tcd"):
        write_coil(nine_turns(), tmp_path / "x.stl")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    saved(tmp_path, CCD, "x.ccd")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_coil(nine_turns(), tmp_path / "x.ccd")
    assert [path.name for path in tmp_path.iterdir()] == ["x.ccd"]
    assert (tmp_path / "x.ccd").read_text() == CCD


# malformed files


BROKEN_CCD = {
    "empty": ("", "expected a comment"),
    "no header": (CCD.partition("\n")[2], "expected a comment"),
    "no count": (CCD.replace("\n2\n", "\n"), "expected the number of dipoles"),
    "a count that is no whole number": (CCD.replace("\n2\n", "\n2.0\n"), "expected the number of dipoles"),
    "cut off": (CCD[: CCD.rindex("-1.0e-2")], "says 2 dipoles and has 1"),
    "one row too many": (CCD + "0 0 0 0 0 1\n", "says 2 dipoles and has 3"),
    "five numbers": (CCD.replace(" -1.5e-6", ""), "line 5: expected six finite numbers"),
    "a word": (CCD.replace("1.5e-6", "big"), "line 4: expected six finite numbers"),
    "not a number": (CCD.replace("1.5e-6", "nan"), "line 4: expected six finite numbers"),
    "beyond a double": (CCD.replace("1.5e-6", "1e999"), "line 4: expected six finite numbers"),
    "decimal commas": (CCD.replace("1.5e-6", "1,5e-6"), "line 4: expected six finite numbers"),
    "millimetres": (CCD.replace("1.0e-2", "10.0"), "positions in metres"),
    "a rate that is no number": (CCD.replace("114.73", "fast"), "dIdtmax='fast'"),
    "a rate of zero": (CCD.replace("114.73", "0"), "dIdtmax='0'"),
    "two rates": (CCD.replace("brand", "dIdtmax=3;brand"), "'didtmax' is there twice"),
    "no moment": (CCD.replace("1.5e-6", "0"), "all moments are zero"),
    "not text": (b"\xff\xfe" + CCD.encode("utf-16-le"), "is not UTF-8"),
}
BROKEN_TCD = {
    "no JSON": ('{"name": ', "not JSON"),
    "a list": ("[]", "is not of type 'object'"),
    "no elements": (json.dumps({"name": "x"}), "'coilElementList' is a required property"),
    "no element": (tree(coilElementList=[]), "coilElementList"),
    "an unknown key": (tree(colour="red"), "'colour' was unexpected"),
    "an unknown type": (element(type=4), "4 is not one of"),
    "no values": (element(values=None), "'values' is a required property"),
    "a grid with points": (element(type=3), "'data' is a required property"),
    "NaN": (json.dumps(element()).replace("-10", "NaN"), "NaN is not a number"),
    "a key twice": (json.dumps(element())[:-1] + ', "name": "again"}', "more than once"),
    "ragged points": (element(points=[[0, 0], [1, 2, 3]]), "are no numbers"),
    "points of two numbers": (element(points=[[0, 0], [1, 2]]), "rows of 3 numbers"),
    "lengths that differ": (element(values=[[0, 1, 0]]), "2 points but 1 values"),
    "text that is not base64": (element(points="*"), "are no numbers"),
    "base64 that is not packed": (element(points=base64.b64encode(b"x" * 24).decode()), "are no numbers"),
    "packed bytes cut off": (
        element(points=base64.b64encode(zlib.compress(struct.pack("<6d", *range(6)))[:-8]).decode()), "cut off"
    ),
    "metres": (element(points=[[0.01, 0, 0], [-0.01, 0, 0]]), "positions in millimetres"),
    "no stimulator": (element(stimulator=3), "there is no stimulator 3"),
    "no deformation": (element(deformations=[2]), "there is no deformation 2"),
    "no case": (element(elementCasing=5), "there is no coil model 5"),
    "a face beyond the points": (
        tree(coilModels=[{"points": [[0, 0, 0], [9, 0, 0], [0, 9, 0]], "faces": [[0, 1, 3]]}]), "not among the 3"
    ),
    "an axis of no length": (
        tree(deformList=[{"deformRange": 0, "type": "rot2p", "point1": [0, 0, 0], "point2": [0, 0, 0]}]), "are the same"
    ),
    "an initial value out of range": (tree(deformRangeList=[{"initial": 20, "range": [-10, 10]}]), "not in the range"),
    "a negative rate": (tree(stimulatorList=[{"maxdIdt": -1}]), "exclusive minimum|less than or equal"),
    "a packed grid": (
        tree(coilElementList=[{"type": 3, "stimulator": 0, "data": "eJw=", "affine": np.eye(4).tolist()}]), "pickle"
    ),
    "a flat grid": (
        tree(coilElementList=[{"type": 3, "stimulator": 0, "data": [[[[1, 2, 3]]]], "affine": np.eye(4).tolist()}]),
        "i, j, k >= 2",
    ),
    "all zero": (element(values=[[0, 0, 0], [0, 0, 0]]), "all values are zero"),
}  # fmt: skip


@pytest.mark.parametrize("content, reason", BROKEN_CCD.values(), ids=BROKEN_CCD)
def test_a_broken_ccd_file_is_refused_with_the_reason(content, reason, tmp_path):
    with pytest.raises(CoilError, match=reason) as caught:
        read_coil(saved(tmp_path, content, "broken.ccd"))
    assert all(problem.file == "broken.ccd" for problem in caught.value.problems)


@pytest.mark.parametrize("content, reason", BROKEN_TCD.values(), ids=BROKEN_TCD)
def test_a_broken_tcd_file_is_refused_with_the_reason(content, reason, tmp_path):
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(CoilError, match=reason) as caught:
        read_coil(saved(tmp_path, text, "broken.tcd"))
    assert all(problem.file == "broken.tcd" for problem in caught.value.problems)


def test_every_fault_of_a_file_is_told_at_once(tmp_path):
    lines = CCD.replace("114.73", "-1").replace("\n2\n", "\n3\n").replace("1.5e-6", "x")
    with pytest.raises(CoilError) as caught:
        read_coil(saved(tmp_path, lines, "broken.ccd"))
    assert [problem.where for problem in caught.value.problems] == ["line 1", "line 2", "line 4", "line 5"]


@pytest.mark.parametrize(
    "values, affine, reason",
    [
        (np.ones((3, 3, 3)), np.eye(4), "a grid of vectors"),
        (np.ones((3, 3, 3, 2)), np.eye(4), "a grid of vectors"),
        (np.full((3, 3, 3, 3), np.nan), np.eye(4), "not finite"),
        (np.zeros((3, 3, 3, 3)), np.eye(4), "all values are zero"),
        (np.ones((3, 3, 3, 3)), np.diag([900.0, 1, 1, 1]), "in millimetres"),
    ],
)
def test_a_broken_grid_is_refused_with_the_reason(values, affine, reason, tmp_path):
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "a.nii")
    with pytest.raises(CoilError, match=reason):
        read_coil(tmp_path / "a.nii")


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(CoilError, match="no such file"):
        read_coil(tmp_path / "none.ccd")
    (tmp_path / "folder.ccd").mkdir()
    with pytest.raises(CoilError, match="a folder"):
        read_coil(tmp_path / "folder.ccd")
    with pytest.raises(CoilError, match="not a NIfTI image"):
        read_coil(saved(tmp_path, "text", "a.nii"))
    with pytest.raises(CoilError, match="expected a file ending in"):
        read_coil("coil.xyz")


@settings(max_examples=150)
@given(st.data())
@pytest.mark.parametrize("name", ["coil.ccd", "coil.tcd"])
def test_whatever_happens_to_a_file_it_is_read_or_refused_with_a_reason(name, data):
    whole = CCD.encode() if name.endswith("ccd") else json.dumps(tree()).encode()
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3) | st.sampled_from(PIECES))
    with tempfile.TemporaryDirectory() as folder:
        path = saved(Path(folder), bytes(broken), name)
        try:
            coil = read_coil(path)
        except CoilError as error:
            assert all(problem.what for problem in error.problems)
        else:
            assert np.isfinite(coil.positions_m).all()
