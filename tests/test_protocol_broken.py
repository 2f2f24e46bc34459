"""Broken protocols: each is refused, at the right place, in words that help."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stimplan.errors import ProtocolError
from stimplan.protocol import read_protocol

Tree = dict[str, Any]
E0 = "$.stimulation.electrodes[0]"
E1 = "$.stimulation.electrodes[1]"


def good() -> Tree:
    """A small valid protocol as a mapping."""
    layers = [{"material": "saline_sponge", "thickness_mm": 5}]
    shape = {"type": "rectangle", "width_mm": 50, "height_mm": 70, "rotation_deg": 0}
    return {
        "schema_version": 2,
        "id": "good",
        "title": "Good",
        "modality": "tDCS",
        "stimulation": {
            "electrodes": [
                {"site": "C3", "current_mA": 2, "shape": dict(shape), "layers": copy.deepcopy(layers)},
                {"site": "Fp2", "current_mA": -2, "shape": dict(shape), "layers": copy.deepcopy(layers)},
            ],
            "waveform": {"type": "direct", "duration_min": 20, "ramp_up_s": 30, "ramp_down_s": None},
        },
        "course": {"sessions": 5, "sessions_per_day": 1, "min_gap_h": 24, "schedule": None},
        "target": {"label": "left M1", "mni_mm": [-37, -25, 62], "radius_mm": 10},
        "source": {"citation": "Somebody 2000", "doi": "10.1000/x", "status": "read"},
        "certainty": {"$.id": "assumed"},
    }


def put(*path: Any, to: Any) -> Callable[[Tree], None]:
    """A change that sets one value."""

    def change(tree: Tree) -> None:
        node: Any = tree
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = to

    return change


def cut(*path: Any) -> Callable[[Tree], None]:
    """A change that takes one value away."""

    def change(tree: Tree) -> None:
        node: Any = tree
        for step in path[:-1]:
            node = node[step]
        del node[path[-1]]

    return change


def both(*changes: Callable[[Tree], None]) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        for one in changes:
            one(tree)

    return change


EL = ("stimulation", "electrodes")
A, B = (*EL, 0), (*EL, 1)
WAVE = ("stimulation", "waveform")
TIME = "$.stimulation.waveform.duration_min"
WIDE = "rectangle 50 × 70 mm"
SALT = ("layers", 0, "material")
RING = {"type": "ring", "inner_diameter_mm": 12, "outer_diameter_mm": 6}

# name, change, path of the first problem, fragment of its sentence
BROKEN: list[tuple[str, Callable[[Tree], None], str, str]] = [
    ("version of the future", put("schema_version", to=3), "$.schema_version", "a newer stimplan may"),
    ("version zero", put("schema_version", to=0), "$.schema_version", "is not known"),
    ("version as text", put("schema_version", to="1"), "$.schema_version", "expected a whole number"),
    ("no version", cut("schema_version"), "$.schema_version", "missing; expected version"),
    ("unknown key", put("modalty", to="tDCS"), "$.modalty", "did you mean 'modality'?"),
    ("key far from all", put("zzz", to=1), "$.zzz", "known are schema_version"),
    ("no title", cut("title"), "$.title", "missing"),
    ("empty title", put("title", to="  "), "$.title", "must not be empty"),
    ("id with spaces", put("id", to="My Protocol"), "$.id", "small letters, digits and hyphens"),
    ("id as a number", put("id", to=7), "$.id", "expected text"),
    ("modality misspelt", put("modality", to="tdcs"), "$.modality", "did you mean 'tDCS'?"),
    ("modality not yet known", put("modality", to="rTMS"), "$.modality", "'rTMS' is not one of 'tDCS', 'HD-tDCS', 't"),
    ("no stimulation", cut("stimulation"), "$.stimulation", "missing"),
    ("stimulation as a list", put("stimulation", to=[]), "$.stimulation", "expected an object"),
    ("no electrodes", put(*EL, to=[]), "$.stimulation.electrodes", "at least 2"),
    ("one electrode", cut(*B), "$.stimulation.electrodes", "at least 2"),
    ("electrode as text", put(*A, to="C3"), E0, "expected an object"),
    ("misspelt current", both(cut(*A, "current_mA"), put(*A, "curent_mA", to=2)), f"{E0}.curent_mA", "'current_mA'?"),
    ("current in other unit", both(cut(*A, "current_mA"), put(*A, "current_A", to=1)), f"{E0}.current_A", "current_mA"),
    ("no current", cut(*A, "current_mA"), f"{E0}.current_mA", "missing; expected current into the head"),
    ("current as text", put(*A, "current_mA", to="2"), f"{E0}.current_mA", "expected a number"),
    ("current true", put(*A, "current_mA", to=True), f"{E0}.current_mA", "got true"),
    ("current null", put(*A, "current_mA", to=None), f"{E0}.current_mA", "got null"),
    ("current NaN", put(*A, "current_mA", to=float("nan")), f"{E0}.current_mA", "nan is not a finite number"),
    ("current infinite", put(*A, "current_mA", to=float("inf")), f"{E0}.current_mA", "inf is not a finite number"),
    ("current in microamperes", put(*A, "current_mA", to=2000), f"{E0}.current_mA", "2000 µA would be 2 mA"),
    (
        "both currents in microamperes",
        both(put(*A, "current_mA", to=2000), put(*B, "current_mA", to=-2000)),
        f"{E0}.current_mA",
        "2000 µA would be 2 mA",
    ),
    (
        "both currents in amperes",
        both(put(*A, "current_mA", to=0.0005), put(*B, "current_mA", to=-0.0005)),
        f"{E0}.current_mA",
        "0.0005 A would be 0.5 mA",
    ),
    ("currents out of balance", put(*B, "current_mA", to=-1.5), "$.stimulation.electrodes", "+2 + -1.5 = +0.5 mA"),
    (
        "out of balance by a hair",
        put(*B, "current_mA", to=Decimal("-2.0000000000000000001")),
        "$.stimulation.electrodes",
        "must sum to zero",
    ),
    ("one current zero", put(*B, "current_mA", to=0), "$.stimulation.electrodes", "at least two electrodes"),
    ("unknown site", put(*A, "site", to="CP9x"), f"{E0}.site", "'CP9x' is not in montage 'colin27_1005'; did you mean"),
    ("site with a typing error", put(*A, "site", to="FFC33"), f"{E0}.site", "did you mean 'FFC3'?"),
    ("site in words", put(*A, "site", to="supraorbital"), f"{E0}.site", "expected a 10-05 name"),
    ("mastoid or motor cortex", put(*A, "site", to="M1"), f"{E0}.site", "write 'C3' or 'C4' for the motor cortex"),
    ("site as a number", put(*A, "site", to=3), f"{E0}.site", "expected text or an object"),
    ("no site", cut(*A, "site"), f"{E0}.site", "missing; expected 10-05 site under"),
    ("position beside the site", put(*A, "position_mm", to=[-65, -11, 64]), f"{E0}.position_mm", "unknown key"),
    ("site without its position", put(*A, "site", to={}), f"{E0}.site.position_mm", "missing; expected centre of"),
    ("site with another key", put(*A, "site", to={"position_mm": [-65, -11, 64], "x": 1}), f"{E0}.site.x", "unknown"),
    ("same site twice", put(*B, "site", to="C3"), E1, "C3 (electrode 0) and C3 (electrode 1) overlap"),
    ("same site by its old name", both(put(*A, "site", to="T7"), put(*B, "site", to="T3")), E1, "overlap"),
    ("same label", both(put(*A, "label", to="pad"), put(*B, "label", to="pad")), f"{E1}.label", "its own label"),
    ("too near", put(*B, "site", to="C1"), E1, "centres are 38.7 mm apart and need 50 mm"),
    ("position in metres", put(*A, "site", to={"position_mm": [-0.06, 0.01, 0.06]}), f"{E0}.site.position_mm",
     "metres? Write millimetres"),
    ("position in micrometres", put(*A, "site", to={"position_mm": [-65000, 0, 0]}), f"{E0}.site.position_mm",
     "micrometres?"),
    ("position of two numbers", put(*A, "site", to={"position_mm": [1, 2]}), f"{E0}.site.position_mm",
     "expected 3 entries"),
    ("unknown shape", put(*A, "shape", "type", to="square"), f"{E0}.shape.type", "is not one of 'circle', 'rectangle'"),
    ("no shape type", cut(*A, "shape", "type"), f"{E0}.shape.type", "('circle', 'rectangle', 'ring')"),
    ("size of another shape", put(*A, "shape", "diameter_mm", to=50), f"{E0}.shape.diameter_mm", "unknown key"),
    ("no height", cut(*A, "shape", "height_mm"), f"{E0}.shape.height_mm", "missing; expected height, mm"),
    ("no rotation", cut(*A, "shape", "rotation_deg"), f"{E0}.shape.rotation_deg", "missing"),
    ("width zero", put(*A, "shape", "width_mm", to=0), f"{E0}.shape.width_mm", "greater than 0"),
    ("width in centimetres", put(*A, "shape", "width_mm", to=5), f"{E0}.shape.width_mm", "centimetres or metres?"),
    ("ring inside out", put(*A, "shape", to=RING), f"{E0}.shape.inner_diameter_mm", "smaller than the outer diameter"),
    ("pads called HD", put("modality", to="HD-tDCS"), f"{E0}.shape", "35 cm² is no high-definition electrode"),
    ("unknown material", put(*A, "layers", 0, "material", to="salin_sponge"), f"{E0}.layers[0].material",
     "did you mean 'saline_sponge'?"),
    ("no layers", put(*A, "layers", to=[]), f"{E0}.layers", "at least 1"),
    ("layer without thickness", cut(*A, "layers", 0, "thickness_mm"), f"{E0}.layers[0].thickness_mm", "missing"),
    ("thickness in metres", put(*A, "layers", 0, "thickness_mm", to=0.005), f"{E0}.layers[0].thickness_mm",
     "micrometres or metres?"),
    ("unknown product", put(*A, "product", to="sponge-5x8"), f"{E0}.product", "did you mean 'sponge-5x"),
    ("product of another size", put(*A, "product", to="sponge-5x5"), f"{E0}.product", f"but shape says {WIDE}"),
    ("product of other layers", both(put(*A, "product", to="sponge-5x7"), put(*A, *SALT, to="saline")),
     f"{E0}.product", "has the layers"),
    ("no duration", cut(*WAVE, "duration_min"), TIME, "missing; expected time at the full"),
    ("duration zero", put(*WAVE, "duration_min", to=0), TIME, "greater than 0"),
    ("duration null", put(*WAVE, "duration_min", to=None), TIME, "expected a number"),
    ("duration in seconds", put(*WAVE, "duration_min", to=1200), TIME, "seconds or hours?"),
    ("ramp left out", cut(*WAVE, "ramp_up_s"), "$.stimulation.waveform.ramp_up_s", "null where it is not reported"),
    ("ramp negative", put(*WAVE, "ramp_up_s", to=-1), "$.stimulation.waveform.ramp_up_s", "at least 0"),
    ("ramp in milliseconds", put(*WAVE, "ramp_up_s", to=30000), "$.stimulation.waveform.ramp_up_s", "milliseconds"),
    ("no course", cut("course"), "$.course", "missing; expected how often the session is given"),
    ("half a session", put("course", "sessions", to=2.5), "$.course.sessions", "expected a whole number"),
    ("far too many sessions", put("course", "sessions", to=10**6), "$.course.sessions", "at most 1000"),
    ("no sessions", put("course", "sessions", to=0), "$.course.sessions", "at least 1"),
    ("gap left out", cut("course", "min_gap_h"), "$.course.min_gap_h", "missing"),
    ("target as text", put("target", to="M1"), "$.target", "expected an object {…} or null"),
    ("target far away", put("target", "mni_mm", to=[-3700, 0, 0]), "$.target.mni_mm", "implausible"),
    ("target centre without radius", put("target", "radius_mm", to=None), "$.target.radius_mm", "without a radius"),
    ("target radius without centre", put("target", "mni_mm", to=None), "$.target.radius_mm", "without a centre"),
    ("doi as address", put("source", "doi", to="https://doi.org/10.1/x"), "$.source.doi", "starting with '10.'"),
    ("source assumed", put("source", "status", to="assumed"), "$.source.status", "is not one of"),
    ("unknown status", put("source", "status", to="guessed"), "$.source.status", "is not one of 'read', 'secondary'"),
    ("certainty of nothing", put("certainty", "$.titl", to="read"), '$.certainty["$.titl"]', "mean '$.title'?"),
    ("certainty without a path", put("certainty", "title", to="read"), "$.certainty.title", "a path such as"),
    ("certainty cut short", put("certainty", "$.course.", to="read"), '$.certainty["$.course."]', "a path such as"),
    ("certainty unknown", put("certainty", "$.title", to="sure"), '$.certainty["$.title"]', "is not one of"),
]  # fmt: skip


def problems_of(source: Any) -> list[tuple[str, str]]:
    with pytest.raises(ProtocolError) as caught:
        read_protocol(source)
    return [(problem.where, problem.what) for problem in caught.value.problems]


def test_the_good_protocol_is_good() -> None:
    assert read_protocol(good()).nominal_charge_C == pytest.approx(2.4)


@pytest.mark.parametrize(("change", "where", "fragment"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_protocol_is_refused_at_its_place(change, where: str, fragment: str) -> None:
    tree = good()
    change(tree)
    found = problems_of(tree)
    assert found[0][0] == where, found
    assert fragment in found[0][1], found


TEXTS: list[tuple[str, str, str, str]] = [
    ("NaN", '{"schema_version": NaN}', "$.schema_version", "NaN is not a number of JSON"),
    ("minus infinity", '{"id": -Infinity}', "$.id", "-Infinity is not a number of JSON"),
    ("overflow", '{"schema_version": 1e999}', "$.schema_version", "1e999 is out of range"),
    ("underflow", '{"schema_version": 1e-99999999}', "$.schema_version", "1e-99999999 is out of range"),
    ("huge exponent", '{"schema_version": 1E+999999999999999999999}', "$.schema_version", "is out of range"),
    ("many digits", '{"schema_version": ' + "9" * 5000 + "}", "$.schema_version", "a number of 5000 characters"),
    ("same key twice", '{"id": "a", "id": "b"}', "$.id", "this key is here more than once"),
    ("same key deep", '{"course": {"sessions": 1, "sessions": 2}}', "$.course.sessions", "more than once"),
    ("cut off", '{"id": "a"', "", "not JSON at line 1"),
    ("trailing comma", '{"id": "a",\n}', "", "not JSON at line"),
    ("trailing text", '{"id": "a"} x', "", "not JSON at line 1, column 13"),
    ("single quotes", "{'id': 'a'}", "", "not JSON at line 1, column 2"),
    ("deep", '{"a": ' * 100_000, "", "nested more than"),
    ("half a character", '{"title": "\\ud83d"}', "$.title", "half of a surrogate pair"),
    ("control character", '{"title": "a\\u0007b"}', "$.title", "control character"),
    ("fairly deep", '{"id": ' + "[" * 60 + "]" * 60 + "}", "$.id[0][0][0]", "nested more than 32 deep"),
]


@pytest.mark.parametrize(("text", "where", "fragment"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_broken_json_is_refused_without_hanging(text: str, where: str, fragment: str) -> None:
    start = time.perf_counter()
    found = problems_of(text)
    assert time.perf_counter() - start < 2
    assert any(w == where and fragment in what for w, what in found), found[:5]


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "UTF-16"),
        (b'{"id": "\xe4"}', "byte 8 is not UTF-8"),
        (b"[]", "expected a protocol as a JSON object {…}, got a list"),
        (b"3", "got a number"),
        (b"null", "got null"),
        (b'"x"', "got text"),
        (b"NaN", "NaN is not a number"),
        (b" " * 1_000_001, "more than 1000000 bytes"),
    ],
)
def test_a_broken_file_is_refused_by_its_name(tmp_path: Path, content: bytes, fragment: str) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(content)
    with pytest.raises(ProtocolError) as caught:
        read_protocol(str(path))
    assert fragment in caught.value.problems[0].what
    assert caught.value.problems[0].file == str(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_folder_a_missing_file_and_a_locked_file_are_said_to_be_so(tmp_path: Path) -> None:
    assert "this is a folder" in problems_of(tmp_path)[0][1]
    assert "there is no such file" in problems_of(tmp_path / "none.json")[0][1]
    assert "there is no such file" in problems_of(str(tmp_path / "none.json"))[0][1]
    if Path("/dev/zero").exists():
        assert "no ordinary file" in problems_of(Path("/dev/zero"))[0][1]
    if os.geteuid() != 0:
        locked = tmp_path / "locked.json"
        locked.write_text("{}")
        locked.chmod(0)
        assert "permission denied" in problems_of(locked)[0][1]


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        ("slect-tdcs", "did you mean 'select-tdcs'"),
        ("", "the library has"),
        ("\0", "neither a file nor a protocol"),
        ("\0.json", "no file can have this name"),
        ("x" * 5000 + ".json", "neither a file nor a protocol"),
        ("x" * 5000, "neither a file nor a protocol"),
        (7, "cannot read a protocol from a int"),
        (None, "cannot read a protocol from a NoneType"),
    ],
)
def test_what_is_no_protocol_at_all_is_said_to_be_so(source: Any, fragment: str) -> None:
    assert fragment in problems_of(source)[0][1]


def test_every_problem_is_listed_at_once_in_the_order_of_the_file() -> None:
    tree = good()
    tree["titel"] = tree.pop("title")
    tree["stimulation"]["electrodes"][0]["site"] = "C33"
    tree["stimulation"]["electrodes"][1]["shape"]["width_mm"] = "wide"
    tree["stimulation"]["electrodes"][1]["current_mA"] = -1
    del tree["course"]["sessions"]
    tree["certainty"] = {}
    assert [where for where, _ in problems_of(tree)] == [
        "$.stimulation.electrodes",
        f"{E0}.site",
        f"{E1}.shape.width_mm",
        "$.course.sessions",
        "$.titel",
    ]


@pytest.mark.parametrize("change", [put("schema_version", to="1"), put("stimulation", to=[]), put(*A, to="C3")])
def test_a_value_of_the_wrong_type_is_said_once(change: Callable[[Tree], None]) -> None:
    tree = good()
    change(tree)
    assert len(problems_of(tree)) == 1


def test_faults_of_the_text_and_faults_of_the_content_come_together() -> None:
    text = json.dumps(good()).replace('"sessions": 5', '"sessions": NaN, "sessions": 5').replace('"C3"', '"Q9"')
    assert [where for where, _ in problems_of(text)] == [f"{E0}.site", "$.course.sessions", "$.course.sessions"]


def test_a_message_reads_as_agreed(tmp_path: Path) -> None:
    tree = good()
    tree["stimulation"]["electrodes"][1]["site"] = "FFC33"
    path = tmp_path / "protocol.json"
    path.write_text(json.dumps(tree))
    with pytest.raises(ProtocolError) as caught:
        read_protocol(path)
    assert str(caught.value) == (
        f"{path}: $.stimulation.electrodes[1].site: 'FFC33' is not in montage 'colin27_1005'; did you mean 'FFC3'?"
    )
    assert caught.value.exit_code == 2


def test_old_names_and_any_case_are_taken_and_stored_canonically() -> None:
    tree = good()
    tree["stimulation"]["electrodes"][0]["site"] = "t3"
    tree["stimulation"]["electrodes"][1]["site"] = "FP2"
    protocol = read_protocol(tree)
    assert [electrode.site for electrode in protocol.electrodes] == ["T7", "Fp2"]
    assert [electrode.label for electrode in protocol.electrodes] == ["T7", "Fp2"]


def test_a_mapping_may_hold_floats_numpy_numbers_and_tuples() -> None:
    tree = good()
    tree["stimulation"]["electrodes"][0]["current_mA"] = np.float64(0.3)
    tree["stimulation"]["electrodes"][1]["current_mA"] = -0.3
    tree["course"]["sessions"] = np.int64(5)
    tree["target"]["mni_mm"] = (-37.5, -25.0, 62)
    protocol = read_protocol(tree)
    assert protocol.electrodes[0].current_A == 0.0003
    assert protocol.target is not None
    assert protocol.target.mni_m == (-0.0375, -0.025, 0.062)


def test_a_mapping_with_something_that_is_no_json_is_refused() -> None:
    tree = good()
    tree["title"] = object()
    assert problems_of(tree) == [("$.title", "a value of type 'object' is not JSON data")]


def test_reading_a_mapping_does_not_change_it() -> None:
    tree = good()
    before = copy.deepcopy(tree)
    read_protocol(tree)
    assert tree == before


def test_free_positions_are_taken_in_the_heads_own_coordinates() -> None:
    tree = good()
    tree["stimulation"]["electrodes"][0]["site"] = {"position_mm": [-65.5, -11.6, 64.4]}
    protocol = read_protocol(tree)
    assert protocol.electrodes[0].site == (-0.0655, -0.0116, 0.0644)
    assert protocol.electrodes[0].label == "(-65.5, -11.6, 64.4) mm"


def test_certainty_of_a_place_this_file_does_not_have_is_no_fault() -> None:
    tree = good()
    tree["certainty"] = {"$.stimulation.electrodes[7].shape.diameter_mm": "read", "$.target.radius_mm": "assumed"}
    assert read_protocol(tree).certainty_of("$.target.radius_mm") == "assumed"
