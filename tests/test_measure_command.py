"""The folder of a run, read again and measured."""

from __future__ import annotations

import json
import shutil

import attrs
import numpy as np
import pytest
from runs import plan, small_head

from stimplan.cli import run as cli
from stimplan.errors import InputError
from stimplan.exchange import voxels
from stimplan.exchange.result_folder import read_result
from stimplan.pipeline import RunOptions, run
from stimplan.protocol import read_protocol
from stimplan.roi import MapOn, measure_region, read_roi

BALL = "sphere:mni_mm=-38,39,26;radius_mm=12"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        grid = voxels.grid_around
        patch.setattr("stimplan.report.outputs.grid_around", lambda head: grid(head, 5e-3))
        result = run(plan(), small_head(), out=out, options=RunOptions(with_figures=False, regions=(BALL,)))
    return out, result


def test_what_is_measured_again_is_what_the_run_measured(folder):
    out, result = folder
    read = read_result(out)
    again, first = measure_region(read.shown, read_roi(BALL), BALL), result.measures.regions[0]
    for one, other in ((again.metrics, first.metrics), (again.contrast, first.contrast), (again.cortex, first.cortex)):
        for name, value in attrs.asdict(one).items():
            if isinstance(value, float):
                assert value == pytest.approx(getattr(other, name), rel=1e-5), name
    # Its coordinates are those of the file: MNI.
    assert again.metrics.peak_position_m == pytest.approx(first.metrics.peak_mni_m, abs=1e-9)
    assert read.notices == ()


def test_a_mesh_that_mni_space_stretches_says_so(tmp_path, monkeypatch):
    grid = voxels.grid_around
    monkeypatch.setattr("stimplan.report.outputs.grid_around", lambda head: grid(head, 5e-3))
    stretched = attrs.evolve(small_head(), mni_from_head=np.diag([1.1, 1.1, 1.1, 1.0]))
    run(plan(), stretched, out=tmp_path / "out", options=RunOptions(with_figures=False))
    (notice,) = read_result(tmp_path / "out").notices
    assert "1.33 times" in notice


def test_an_alternating_current_is_read_as_its_map(tmp_path, monkeypatch):
    grid = voxels.grid_around
    monkeypatch.setattr("stimplan.report.outputs.grid_around", lambda head: grid(head, 5e-3))
    tree = plan(modality="tACS", stimulation__waveform__type="sinusoidal", stimulation__waveform__frequency_Hz=10)
    tree["stimulation"]["amplitude_convention"] = "peak"
    for electrode, phase in zip(tree["stimulation"]["electrodes"], (0, 180), strict=True):
        electrode["current_mA"], electrode["phase_deg"] = abs(electrode["current_mA"]), phase
    options = RunOptions(with_figures=False, even_if_stopped=True, regions=(BALL,))
    result = run(tree, small_head(), out=tmp_path / "out", options=options)
    shown = read_result(tmp_path / "out").shown
    assert isinstance(shown, MapOn)
    mean = measure_region(shown, read_roi(BALL)).metrics.mean_V_per_m
    assert mean == pytest.approx(result.measures.regions[0].metrics.mean_V_per_m, rel=1e-5)


def test_a_folder_that_is_none_says_what_is_missing(folder, tmp_path):
    out, _ = folder
    with pytest.raises(InputError, match=r"summary.json.*finished run"):
        read_result(tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    summary = (out / "summary.json").read_text(encoding="utf-8")
    (copy / "summary.json").write_text(summary, encoding="utf-8")
    with pytest.raises(InputError, match=r"field.vtu.*is not there"):
        read_result(copy)
    whole = (out / "field.vtu").read_bytes()
    for damaged in (b"", b"not a mesh", whole[: len(whole) // 2], whole.replace(b"E_V_per_m", b"F_V_per_m")):
        (copy / "field.vtu").write_bytes(damaged)
        with pytest.raises(InputError, match="not as the run wrote it"):
            read_result(copy)
        # A record without sums of its files does not save a mesh that holds no field.
        (copy / "summary.json").write_text(json.dumps({**json.loads(summary), "files": {}}), encoding="utf-8")
        with pytest.raises(InputError, match="is no field of a run"):
            read_result(copy)
        (copy / "summary.json").write_text(summary, encoding="utf-8")
    (copy / "field.vtu").write_bytes(whole)
    other = json.loads(summary)
    other["field"]["digest"] = "0" * 64
    for text, said in ((json.dumps(other), "different runs"), ("[1]", "not the record"), ("{", "no JSON"),
                       ("{}", r"\$.field: is not in this record")):  # fmt: skip
        (copy / "summary.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            read_result(copy)


def test_the_command_prints_figures_and_the_scaled_current_with_its_verdict(folder, tmp_path, capsys):
    out, result = folder
    file = tmp_path / "scaled.json"
    arguments = ["measure", str(out), "--roi", BALL, "--roi", "tissue:gray_matter", "--above", "0.1"]
    wanted = 1.1 * result.measures.regions[0].metrics.mean_V_per_m
    assert cli([*arguments, "--equalise-to", f"{wanted}", "--write", str(file), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in data["regions"]] == [BALL, "tissue:gray_matter"]
    assert data["regions"][1]["above_m3"] >= data["regions"][0]["above_m3"] >= 0
    assert data["scaling"]["factor"] == pytest.approx(1.1, rel=1e-5) and data["scaling"]["verdict"] in ("warn", "pass")
    assert read_protocol(file).electrodes[0].current_A == pytest.approx(2.2e-3, rel=1e-5)
    assert cli([*arguments, "--equalise-to", f"{5 * wanted}"]) == 0
    said = capsys.readouterr().out
    assert "STOP" in said and "Check the scaled protocol" in said and "above 0.1 V/m" in said
    assert cli([*arguments, "--equalise-to", f"{wanted}", "--write", str(file)]) == 2
    assert "--force" in capsys.readouterr().err
    assert cli([*arguments, "--equalise-to", f"{wanted}", "--write", str(file), "--force"]) == 0


@pytest.mark.parametrize(
    "more, said",
    [
        (["--roi", "ba:99"], "ba:99"),
        (["--roi", "sphere:position_mm=0,0,300;radius_mm=2"], "holds no tetrahedron"),
        (["--roi", BALL, "--above", "nan"], "threshold"),
        (["--roi", BALL, "--equalise-to", "0"], "wanted field"),
        (["--roi", BALL, "--write", "x.json"], "--equalise-to"),
    ],
)
def test_what_cannot_be_measured_is_refused(folder, more, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli(["measure", str(folder[0]), *more]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_elsewhere_is_measured_as_well(folder, tmp_path, capsys):
    shutil.copytree(folder[0], tmp_path / "moved")
    assert cli(["measure", str(tmp_path / "moved"), "--roi", "patch:site=F3;radius_mm=15"]) == 0
    assert "into the cortex" in capsys.readouterr().out
