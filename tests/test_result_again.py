"""A run's folder that is not whole: pictures are drawn again from its field, or what is missing is named."""

from __future__ import annotations

import hashlib
import io
import json
import shutil

import attrs
import numpy as np
import pytest
from runs import plan, small_head
from sessions import interference
from test_runs_magnetic import options as coil_options
from test_runs_magnetic import plan as coil_plan

from stimplan import cli
from stimplan.errors import InputError
from stimplan.exchange import grid_around
from stimplan.exchange.result_coil import coil_again
from stimplan.exchange.result_exposure import read_coil_exposures, read_exposure
from stimplan.exchange.result_record import RecordPart, command_again, read_record
from stimplan.pipeline import RunOptions, run
from stimplan.report import outputs
from stimplan.report.again import Again
from stimplan.report.drawings import drawings_of
from stimplan.view.drawable import drawable_again
from stimplan.view.scene_html import read_scene


@pytest.fixture(scope="module")
def runs_kept(tmp_path_factory):
    """Runs without pictures on the small head: a direct current, temporal interference, a coil."""
    where = tmp_path_factory.mktemp("runs")
    bare = RunOptions(with_figures=False, even_if_stopped=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "grid_around", lambda head: grid_around(head, 8e-3))
        run(plan(), small_head(), out=where / "tdcs", options=bare)
        run(interference(), small_head(), out=where / "ti", options=bare)
        same = attrs.evolve(small_head(), mni_from_head=np.eye(4))
        run(coil_plan(), small_head(), out=where / "tms", options=attrs.evolve(coil_options(), with_figures=False))
        run(coil_plan(), same, out=where / "same", options=attrs.evolve(coil_options(), with_figures=False))
    return where


@pytest.fixture
def folder(runs_kept, tmp_path):
    """A copy of one of them, to be damaged."""

    def copied(name):
        shutil.copytree(runs_kept / name, tmp_path / name)
        return tmp_path / name

    return copied


@pytest.fixture(autouse=True)
def _no_display(monkeypatch):
    monkeypatch.setattr("stimplan.view.scene_window.has_display", lambda: False)


def command(*words):
    out, err = io.StringIO(), io.StringIO()
    code = cli.run([str(word) for word in words], out, err)
    return code, " ".join(out.getvalue().split()), " ".join(err.getvalue().split())


def changed(path, change):
    record = json.loads(path.read_text("utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")


def without(where):
    *parents, last = where

    def change(record):
        for one in parents:
            record = record[one]
        del record[last]

    return change


# --- drawn again


@pytest.mark.parametrize("name", ["tdcs", "ti", "tms"])
def test_a_scene_that_was_never_drawn_is_drawn_from_the_stored_field(folder, name):
    here = folder(name)
    code, out, _ = command("view", here)
    scene = read_scene(here / "scene.html")
    assert code == 0 and "drawn again from the stored field" in out
    assert {one.group for one in scene.layers} >= {"cortex", "scalp"}
    assert scene.digest == read_record(here / "summary.json")["field"]["digest"]
    assert command("view", here)[1].count("drawn again") == 0  # it is there now


def test_a_damaged_scene_is_drawn_again_and_the_command_says_why(folder, tmp_path):
    here = folder("tdcs")
    (here / "scene.html").write_text("<html>cut off", encoding="utf-8")
    code, out, _ = command("view", here, "--html", tmp_path / "new.html", "--glb", tmp_path / "new.glb")
    assert code == 0 and "scene.html is of no use" in out and read_scene(tmp_path / "new.html").layers
    assert (here / "scene.html").read_text("utf-8") == "<html>cut off"  # asked for elsewhere, nothing is replaced


def test_a_scene_that_cannot_be_kept_says_how_to_have_it_elsewhere(folder, monkeypatch):
    from stimplan.commands import view

    def full(path, content, *, is_new):
        raise OSError(30, "Read-only file system")

    here = folder("tdcs")
    monkeypatch.setattr(view, "write_whole", full)
    code, _, err = command("view", here)
    assert code == 2 and "Read-only file system" in err and "--html FILE" in err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tdcs", "ti", "tms"])
def test_a_report_of_a_run_without_pictures_has_them_drawn_again(folder, tmp_path, name):
    code, out, _ = command("report", folder(name), "--html", tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text("utf-8")
    assert code == 0 and "Drawn again from the stored field" in out and "and the scene" in out
    assert page.count("<figure") >= 5 and 'class="scene-data"' in page


def test_only_the_picture_that_is_damaged_is_drawn_again(folder, monkeypatch):
    here = folder("tdcs")
    drawn = []

    def draw(shown, progress, *, only):
        drawn.extend(only)
        return dict.fromkeys(only, b"drawn")

    monkeypatch.setattr("stimplan.report.drawings.draw_figures", draw)
    (here / "session.png").write_bytes(b"as written")
    (here / "overview.png").write_bytes(b"cut of")
    sums = {name: hashlib.sha256(b"as written").hexdigest() for name in ("session.png", "overview.png")}
    changed(here / "summary.json", lambda record: record["files"].update(sums))
    again = Again(here, read_record(here / "summary.json"))
    assert again.missing == ("overview.png",) and again.pictures["session.png"] == b"as written"
    assert "overview.png" in drawn and "session.png" not in drawn and again.pictures["overview.png"] == b"drawn"


def test_a_report_can_be_asked_for_without_pictures_when_there_is_no_field(folder, tmp_path):
    here = folder("tms")
    (here / "field.vtu").unlink()
    code, _, err = command("report", here, "--html", tmp_path / "a.html")
    assert code == 2 and not (tmp_path / "a.html").exists()
    assert "cannot be drawn again" in err and "--no-figures" in err and "stimplan run" in err
    assert command("report", here, "--html", tmp_path / "a.html", "--no-figures")[0] == 0
    assert "<figure" not in (tmp_path / "a.html").read_text("utf-8")


def test_the_coil_of_a_run_is_drawn_at_its_pose_with_its_handle_as_it_was_measured(folder):
    here = folder("same")
    record = read_record(here / "summary.json")
    coil, notice = coil_again(record["coil"])
    assert coil.digest == record["coil"]["digest"] and notice == ""
    (block,) = drawable_again(read_exposure(here)).blocks
    placed, pose = block.exposure.field.placement, record["coil"]["blocks"][0]["pose"]
    np.testing.assert_array_equal(placed.pose_m, pose["head_from_coil_m"])
    assert placed.coil.digest == coil.digest and block.handle_rad == pose["handle_from_midline_rad"]
    drawn = drawings_of(drawable_again(read_exposure(here)))
    assert "coil.png" in drawn and "montage.png" not in drawn


@pytest.mark.slow
def test_the_picture_of_a_coil_says_the_angle_that_the_run_measured(folder, tmp_path):
    code, out, _ = command("figure", folder("same"), "--kind", "coil", "--out", tmp_path / "x.svg")
    assert code == 0 and "not drawn" not in out and (tmp_path / "x.svg").stat().st_size > 10_000
    code, out, _ = command("figure", folder("tms"), "--kind", "overview", "--out", tmp_path / "x.png")
    assert code == 0 and "not drawn" in out  # MNI space lies elsewhere than the pose


def test_a_coil_that_is_described_otherwise_now_is_said_to_be(runs_kept):
    record = json.loads((runs_kept / "tms" / "summary.json").read_text("utf-8"))["coil"]
    assert "as the catalogue describes it now" in coil_again({**record, "digest": "0" * 64})[1]
    coil, why = coil_again({**record, "catalogue": None, "name": "a coil of somebody's own"})
    assert coil is None and "neither in the folder nor in the catalogue" in why


def test_a_coil_whose_head_lies_elsewhere_in_mni_is_not_drawn_and_that_is_told(folder, tmp_path):
    code, _, err = command("figure", folder("tms"), "--kind", "coil", "--out", tmp_path / "x.png")
    assert code == 2 and "MNI space" in err and not (tmp_path / "x.png").exists()


# --- refused with what makes it again


@pytest.mark.parametrize("words", [("view",), ("report", "--light", "x.html"), ("figure", "--out", "x.png")])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("no record", "is the last file that a run writes"),
        ("half a record", "cut off or damaged"),
        ("a newer record", "use a newer stimplan"),
        ("an older record", "reads records of version 1"),
        ("a key less", "$.field.digest: is not in this record"),
        ("no field", "is not there"),
        ("half a field", "is not as the run wrote it"),
        ("a byte of the field", "is not as the run wrote it"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_command_that_makes_it(
    folder, monkeypatch, tmp_path, words, fault, said
):
    here = folder("tms")
    summary, field = here / "summary.json", here / "field.vtu"
    match fault:
        case "no record":
            summary.unlink()
        case "half a record":
            summary.write_bytes(summary.read_bytes()[:3000])
        case "a newer record":
            changed(summary, lambda record: record.update(record_version=2))
        case "an older record":
            changed(summary, lambda record: record.update(record_version=0))
        case "a key less":
            changed(summary, without(("field", "digest")))
        case "no field":
            field.unlink()
        case "half a field":
            field.write_bytes(field.read_bytes()[: field.stat().st_size // 2])
        case "a byte of the field":  # one that VTK reads without complaint
            data = bytearray(field.read_bytes())
            data[len(data) // 2] ^= 1
            field.write_bytes(bytes(data))
    monkeypatch.chdir(tmp_path)
    code, _, err = command(words[0], here, *words[1:])
    assert code == 2 and said in err and "Traceback" not in err and "Undefined" not in err
    assert "stimplan run" in err or "newer stimplan" in err
    assert {path.name for path in tmp_path.iterdir()} == {"tms"} and not (here / "scene.html").exists()


def test_a_record_without_a_part_of_the_report_names_its_place(folder, tmp_path):
    here = folder("tms")
    changed(here / "summary.json", without(("coil", "blocks", 0, "pose", "is_handle_assumed")))
    code, _, err = command("report", here, "--html", tmp_path / "a.html", "--no-figures")
    assert code == 2 and "$.coil.blocks[0].pose.is_handle_assumed: is not in this record" in err
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize("value", [None, 3, "text", []])
def test_a_part_of_the_wrong_kind_is_refused_without_a_traceback(folder, tmp_path, value):
    here = folder("tdcs")
    changed(here / "summary.json", lambda record: record.update(montage=value))
    code, _, err = command("report", here, "--html", tmp_path / "a.html", "--no-figures")
    assert code == 2 and "cannot show" in err and "stimplan run" in err


def test_the_command_names_the_protocol_and_the_head_as_far_as_they_are_known(runs_kept, tmp_path):
    record = read_record(runs_kept / "tms" / "summary.json")
    said = command_again(tmp_path / "an odd name", record)
    assert said.startswith("stimplan run ") and "--head small" in said and said.endswith("an odd name'")
    assert command_again(tmp_path) == f"stimplan run PROTOCOL --out {tmp_path}"
    assert "select-tdcs" in command_again(tmp_path, {"protocol": {"id": "select-tdcs"}})
    assert command_again(tmp_path, {"protocol": 3, "head": [], "verdict": None}).split()[2] == "PROTOCOL"


def test_a_record_is_read_as_it_was_written(runs_kept):
    text = (runs_kept / "ti" / "summary.json").read_text("utf-8")
    record = read_record(runs_kept / "ti" / "summary.json")
    assert record == json.loads(text) and isinstance(record["field"], RecordPart)
    with pytest.raises(InputError, match=r"\$\.field\.maps\[0\]\.nothing"):
        record["field"]["maps"][0]["nothing"]
    assert record.get("nothing") is None and "nothing" not in record


def test_the_field_read_again_is_that_of_the_run(runs_kept):
    again = read_exposure(runs_kept / "tms")
    assert again.exposure.field.placement is None and list(read_coil_exposures(again)) == [1]
    mean = again.record["field"]["in_tissue"]["mean_V_per_m"]
    brain = again.exposure.field.head.in_tissue("gray_matter")
    field = again.exposure.field
    found = np.average(field.magnitude_V_per_m[brain], weights=field.head.volumes_m3[brain])
    assert found == pytest.approx(mean, rel=1e-4)
