"""`stimplan new`: what it writes is valid, what is missing is named, and nothing is filled in."""

from __future__ import annotations

import argparse
import io
import itertools
import json
import math

import pytest

from stimplan import cli
from stimplan.commands import new
from stimplan.commands.drafts import ring_sites
from stimplan.commands.questions import FLAGS, still_needed
from stimplan.errors import InputError
from stimplan.protocol import dump_protocol, read_protocol
from stimplan.protocol.totals import totals_of
from stimplan.sites import known_sites

BASE = {
    "tDCS": "--anode F3 --cathode F4 --current-mA 2 --product sponge-5x7 --duration-min 20 --ramp-s 30 --sessions 10",
    "HD-tDCS": "--center C3 --returns Cz,F3,T7,P3 --current-mA 2 --product hd-ring-12 --duration-min 20 --ramp-s 30 "
    "--sessions 1",
    "tACS": "--anode F3 --cathode P3 --current-mA 1 --amplitude-convention peak --frequency-Hz 6 --product sponge-5x5 "
    "--duration-min 20 --ramp-s 10 --sessions 1",
    "tRNS": "--anode F3 --cathode F4 --current-mA 1 --amplitude-convention peak-to-peak --band-low-Hz 100 "
    "--band-high-Hz 640 --product sponge-5x5 --duration-min 20 --ramp-s 15 --sessions 5",
    "TMS": "--pattern iTBS --coil-family figure-8 --site F3 --intensity-percent 120 --reference rMT --pulses 600 "
    "--sessions 30",
}
RTMS = (
    "--pattern rTMS --frequency-Hz 10 --pulses-per-train 40 --trains 75 --inter-train-interval-s 26 "
    "--coil-family figure-8 --mni-mm=-38,44,26 --intensity-percent 120 --reference rMT --sessions 30"
)


def stimplan_new(tmp_path, *words) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = cli.run(["new", *words, "--out", str(tmp_path / "my.json")], out, err)
    return code, out.getvalue(), err.getvalue()


def made(tmp_path, modality, text, *more):
    code, _, err = stimplan_new(tmp_path, "--modality", modality, "--id", "my-study", *text.split(), *more)
    assert code == 0, err
    return read_protocol(tmp_path / "my.json")


@pytest.mark.parametrize("modality", BASE)
def test_every_kind_is_written_as_a_valid_file(tmp_path, modality):
    protocol = made(tmp_path, modality, BASE[modality])
    assert protocol.id == "my-study" and protocol.modality == modality
    assert (tmp_path / "my.json").read_text(encoding="utf-8") == dump_protocol(protocol)


def test_the_numbers_are_the_ones_given(tmp_path):
    protocol = made(tmp_path, "tDCS", BASE["tDCS"], "--sessions-per-day", "1", "--indication", "major depression")
    assert [(e.site, e.current_A, e.product) for e in protocol.electrodes] == [
        ("F3", 0.002, "sponge-5x7"),
        ("F4", -0.002, "sponge-5x7"),
    ]
    waveform = protocol.waveform
    assert (waveform.duration_s, waveform.ramp_up_s, waveform.ramp_down_s) == (1200.0, 30.0, 30.0)
    assert (protocol.course.sessions, protocol.course.sessions_per_day) == (10, 1)
    assert protocol.indication.condition == "depression"


def test_returns_share_the_current_exactly(tmp_path):
    protocol = made(tmp_path, "HD-tDCS", BASE["HD-tDCS"])
    assert [e.current_A for e in protocol.electrodes] == [0.002, -0.0005, -0.0005, -0.0005, -0.0005]
    code, _, err = stimplan_new(
        tmp_path, *f"--modality HD-tDCS --id x {BASE['HD-tDCS']}".replace("Cz,F3,T7,P3", "Cz,F3,P3").split(), "--force"
    )
    assert code == 2 and "shared exactly" in err


def test_theta_burst_and_trains_add_up(tmp_path):
    totals = totals_of(made(tmp_path, "TMS", BASE["TMS"]))
    assert totals.pulses_per_session == 600 and totals.trains[0].name == "iTBS"
    totals = totals_of(made(tmp_path, "TMS", BASE["TMS"].replace("iTBS", "cTBS"), "--force"))
    assert totals.pulses_per_session == 600 and totals.trains[0].name == "cTBS"
    totals = totals_of(made(tmp_path, "TMS", RTMS, "--force"))
    assert totals.pulses_per_session == 3000
    assert totals.trains[0].train_duration_s == 4 and totals.trains[0].inter_train_interval_s == 26


def test_one_train_needs_no_time_between_trains(tmp_path):
    words = RTMS.replace("--trains 75 --inter-train-interval-s 26", "--trains 1").replace(
        "--frequency-Hz 10", "--frequency-Hz 3"
    )
    assert totals_of(made(tmp_path, "TMS", words)).pulses_per_session == 40


@pytest.mark.parametrize("modality", BASE)
def test_every_flag_that_is_left_out_is_named_and_nothing_is_written(tmp_path, modality):
    words = BASE[modality].split()
    pairs = [words[k : k + 2] for k in range(0, len(words), 2)]
    for left_out in pairs:
        rest = itertools.chain.from_iterable(pair for pair in pairs if pair != left_out)
        code, _, err = stimplan_new(tmp_path, "--modality", modality, "--id", "x", *rest)
        assert code == 2 and left_out[0] in err, left_out
    assert list(tmp_path.iterdir()) == []


def test_all_that_is_missing_is_said_at_once(tmp_path):
    code, out, _ = stimplan_new(tmp_path, "--modality", "tDCS", "--json")
    problems = json.loads(out)["problems"]
    wanted = {word for word in BASE["tDCS"].split() if word.startswith("--")} | {"--id"}
    assert code == 2 and {problem["where"] for problem in problems} == wanted
    assert "--modality" in stimplan_new(tmp_path)[2]


def test_no_flag_has_a_default():
    parser = argparse.ArgumentParser()
    new.add_parser(parser.add_subparsers())
    options = vars(parser.parse_args(["new"]))
    assert not {flag.key for flag in FLAGS} & set(options)


@pytest.mark.parametrize(
    ("old", "wrong", "words"),
    [
        ("F4", "F44", "F44"),
        ("sponge-5x7", "sponge-5x9", "did you mean 'sponge-5x7'"),
        ("--current-mA 2", "--current-mA 2000", "microamperes"),
        ("--current-mA 2", "--current-mA two", "not a number"),
        ("--current-mA 2", "--current-mA nan", "not a finite number"),
        ("--sessions 10", "--sessions 1.5", "whole number"),
        ("--cathode F4", "--cathode F3", "overlap"),
        ("--duration-min 20", "--duration-min -20", "duration_min"),
    ],
)
def test_a_wrong_answer_is_refused_and_nothing_is_written(tmp_path, old, wrong, words):
    text = BASE["tDCS"].replace(old, wrong)
    code, _, err = stimplan_new(tmp_path, "--modality", "tDCS", "--id", "x", *text.split())
    assert code == 2 and words in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("pattern", "pulses"), [("iTBS", 610), ("cTBS", 100)])
def test_pulses_that_fill_no_whole_pattern_are_refused(tmp_path, pattern, pulses):
    text = BASE["TMS"].replace("iTBS", pattern).replace("600", str(pulses))
    code, _, err = stimplan_new(tmp_path, "--modality", "TMS", "--id", "x", *text.split())
    assert code == 2 and "no multiple" in err


def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path):
    made(tmp_path, "tDCS", BASE["tDCS"])
    before = (tmp_path / "my.json").read_bytes()
    changed = BASE["tDCS"].replace("--current-mA 2", "--current-mA 1").split()
    code, _, err = stimplan_new(tmp_path, "--modality", "tDCS", "--id", "my-study", *changed)
    assert code == 2 and "--force" in err and (tmp_path / "my.json").read_bytes() == before
    assert stimplan_new(tmp_path, "--modality", "tDCS", "--id", "my-study", *changed, "--force")[0] == 0
    assert read_protocol(tmp_path / "my.json").total_current_A == 0.001
    assert [path.name for path in tmp_path.iterdir()] == ["my.json"]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    from pathlib import Path

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    code, _, err = stimplan_new(tmp_path, "--modality", "tDCS", "--id", "x", *BASE["tDCS"].split())
    assert code == 2 and "No space left" in err and list(tmp_path.iterdir()) == []


def test_ramps_may_differ_or_be_not_reported(tmp_path):
    text = BASE["tDCS"].replace("--ramp-s 30", "--ramp-up-s 30 --ramp-down-s 15")
    waveform = made(tmp_path, "tDCS", text).waveform
    assert (waveform.ramp_up_s, waveform.ramp_down_s) == (30.0, 15.0)
    text = BASE["tDCS"].replace("--ramp-s 30", "--ramp-s not-reported")
    assert made(tmp_path, "tDCS", text, "--force").waveform.ramp_up_s is None


def test_what_nobody_gave_is_marked_as_assumed(tmp_path):
    protocol = made(tmp_path, "tDCS", BASE["tDCS"])
    assert protocol.certainty_of("$.stimulation.electrodes[1].shape.rotation_deg") == "assumed"


def test_questions_are_asked_until_all_is_answered():
    told = {"tDCS": iter(["tDSC", "tdcs", "my-study", "F3", "F4", "two", "2", "", "sponge-5x7", "20", "30", "10"])}
    asked = []

    def ask(question):
        asked.append(question)
        return next(told["tDCS"])

    answers = {}
    new.answer_questions(answers, ask)
    assert still_needed(answers) == [] and answers["modality"] == "tDCS" and answers["sessions"] == 10
    assert any("'two' is not a number" in question for question in asked)


def test_the_end_of_the_input_ends_the_questions():
    def ask(question):
        raise EOFError

    with pytest.raises(InputError, match="the input ended"):
        new.answer_questions({}, ask)


def test_on_a_terminal_the_answers_make_the_file(tmp_path, monkeypatch):
    from rich.console import Console

    words = iter(["tDCS", "my-study", "F3", "F4", "2", "sponge-5x7", "20", "30", "10"])
    monkeypatch.setattr(new, "can_ask", lambda console: True)
    monkeypatch.setattr(Console, "input", lambda self, *args, **kwargs: next(words))
    assert stimplan_new(tmp_path)[0] == 0
    assert read_protocol(tmp_path / "my.json").total_current_A == 0.002


@pytest.mark.parametrize("radius_mm", [35, 60])
def test_a_ring_has_four_sites_near_its_radius_around_the_centre(radius_mm):
    found = ring_sites("C3", radius_mm / 1000)
    center = known_sites()["C3"]
    assert len(set(found)) == 4
    for site in found:
        assert abs(math.dist(known_sites()[site], center) - radius_mm / 1000) < 0.015
    xs = [known_sites()[site][0] - center[0] for site in found]
    ys = [known_sites()[site][1] - center[1] for site in found]
    assert min(xs) < 0 < max(xs) and min(ys) < 0 < max(ys)


@pytest.mark.parametrize("radius_mm", [3, 150])
def test_a_ring_that_has_no_sites_is_refused(radius_mm):
    with pytest.raises(InputError, match="name the --returns yourself"):
        ring_sites("C3", radius_mm / 1000)


def test_a_ring_radius_stands_in_for_the_returns(tmp_path):
    text = BASE["HD-tDCS"].replace("--returns Cz,F3,T7,P3", "--ring-radius-mm 60")
    assert len(made(tmp_path, "HD-tDCS", text).electrodes) == 5
