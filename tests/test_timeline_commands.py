"""The commands `timeline` and `waveform`, as a person or a program runs them."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import sessions

from stimplan.cli import run
from stimplan.protocol import dump_protocol


def stimplan(*args):
    out, err = io.StringIO(), io.StringIO()
    code = run([str(arg) for arg in args], out, err)
    return code, out.getvalue(), err.getvalue()


def file_of(protocol, folder):
    path = folder / "protocol.json"
    path.write_text(dump_protocol(protocol), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_timeline_writes_the_session_and_the_course(kind, tmp_path):
    code, out, _ = stimplan("timeline", file_of(sessions.ten_hz(), tmp_path), "--out", tmp_path / "t", "--format", kind)
    assert code == 0 and "schematic: the days of the week are not reported" in out
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == [f"course.{kind}", f"session.{kind}"]
    start = (tmp_path / "t" / f"session.{kind}").read_bytes()[:5]
    assert start == (b"\x89PNG\r" if kind == "png" else b"<?xml")


def test_timeline_as_json_says_where_the_days_come_from(tmp_path):
    path = file_of(sessions.tdcs(), tmp_path)
    code, out, _ = stimplan("timeline", path, "--out", tmp_path / "t", "--json")
    data = json.loads(out)
    assert code == 0 and len(data["files"]) == 2 and data["course"]["is_schematic"] is True
    assert data["course"]["days"][5] == {"day": 8, "sessions": 1}


def test_a_course_of_one_session_is_not_drawn(tmp_path):
    stimplan("timeline", file_of(sessions.tdcs(), tmp_path), "--out", tmp_path / "t")
    assert (tmp_path / "t" / "course.png").exists()
    code, out, _ = stimplan("timeline", file_of(sessions.itbs(), tmp_path), "--out", tmp_path / "t")
    assert code == 0 and "no course to draw" in out
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["session.png"]


def test_waveform_writes_what_a_stimulator_needs(tmp_path):
    path, file = file_of(sessions.tacs(), tmp_path), tmp_path / "w.npy"
    code, out, _ = stimplan("waveform", path, "--rate-hz", 1000, "--start-s", 10, "--stop-s", 11, "--out", file)
    assert code == 0 and "1,000 samples of each electrode" in out
    assert np.load(file)["F3_mA"].max() == pytest.approx(0.5)


def test_waveform_lists_pulses_as_json_says(tmp_path):
    path, file = file_of(sessions.itbs(), tmp_path), tmp_path / "p.csv"
    code, out, _ = stimplan("waveform", path, "--out", file, "--json")
    assert code == 0 and json.loads(out)["count"] == 600
    assert len([line for line in file.read_text().splitlines() if line[0].isdigit()]) == 600


def test_an_unreported_ramp_must_be_said_before_anybody_gets_a_current(tmp_path):
    path = file_of(sessions.tdcs(ramp_up_s=None, ramp_down_s=None), tmp_path)
    code, _, err = stimplan("waveform", path, "--rate-hz", 10, "--out", tmp_path / "w.csv")
    assert code == 2 and "does not report its ramp up and down; say its length, or 0 for a step" in err
    assert not (tmp_path / "w.csv").exists()
    assert stimplan("waveform", path, "--rate-hz", 10, "--ramp-s", 30, "--out", tmp_path / "w.csv")[0] == 0
    assert "ramp up: not reported; here 30 s, chosen" in (tmp_path / "w.csv").read_text()


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (sessions.tdcs, [], "--rate-hz: is needed"),
        (sessions.tacs, ["--rate-hz", "50"], "at least 100 Hz is needed"),
        (sessions.itbs, ["--rate-hz", "1000"], "--rate-hz: is for a current"),
        (sessions.itbs, ["--stop-s", "10"], "--stop-s: is for a current"),
        (sessions.bilateral, [], "choose the time to the next block with --gap-s"),
        (sessions.trns, ["--rate-hz", "1600", "--band-hz", "1", "2"], "leave --band-hz out"),
        (sessions.interference, ["--rate-hz", "100000"], "ask for a part of the session"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_no_file(make, options, said, tmp_path):
    code, _, err = stimplan("waveform", file_of(make(), tmp_path), *options, "--out", tmp_path / "w.csv")
    assert code == 2 and said in err
    assert [path.name for path in tmp_path.iterdir()] == ["protocol.json"]
