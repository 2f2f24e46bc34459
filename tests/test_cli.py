"""The command line: exit codes, one-line errors, and JSON that is what the functions return."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from runs import plan, small_head, small_run, stopped_plan

import stimplan
from stimplan import cli
from stimplan.commands.run import read_conductivities
from stimplan.errors import InputError, MissingExtra, SolveError
from stimplan.notice import NOTICE


def stimplan_cli(*args) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = cli.run([str(arg) for arg in args], out, err)
    return code, out.getvalue(), err.getvalue()


def written(path, tree):
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


@pytest.fixture
def on_small_head(monkeypatch):
    """`run` simulates on the coarse test head, whatever head is named."""
    from stimplan.exchange import grid_around
    from stimplan.report import outputs

    monkeypatch.setattr("stimplan.head.prepare.load_head", lambda *args, **kwargs: small_head())
    monkeypatch.setattr(outputs, "grid_around", lambda head: grid_around(head, 5e-3))


# bad input

BAD = {
    "no command": [],
    "unknown command": ["rum"],
    "unknown option": ["run", "select-tdcs", "--haed", "colin27"],
    "no protocol": ["run"],
    "unknown protocol": ["run", "selct-tdcs"],
    "missing file": ["run", "missing.json"],
    "not JSON": ["run", "{tmp}/broken.json"],
    "a folder": ["check", "{tmp}"],
    "not a number": ["run", "select-tdcs", "--edge-mm", "fein", "--out", "{tmp}/out"],
    "unknown head": ["run", "select-tdcs", "--head", "colin28", "--out", "{tmp}/out"],
    "a mesh too fine": ["run", "select-tdcs", "--edge-mm", "0.01", "--out", "{tmp}/out"],
    "a mesh of nothing": ["run", "select-tdcs", "--edge-mm", "nan", "--out", "{tmp}/out"],
    "unknown model": ["run", "select-tdcs", "--electrode-model", "perfect"],
    "bad conductivity": ["run", "select-tdcs", "--conductivity", "bone", "--out", "{tmp}/out"],
    "unknown tissue": ["run", "select-tdcs", "--conductivity", "bones=0.01", "--out", "{tmp}/out"],
    "negative conductivity": ["run", "select-tdcs", "--conductivity", "bone=-1", "--out", "{tmp}/out"],
    "out is a file": ["run", "select-tdcs", "--out", "{tmp}/broken.json"],
    "out below a file": ["run", "select-tdcs", "--out", "{tmp}/broken.json/deep"],
    "unknown head to show": ["heads", "info", "colin28"],
    "nothing to validate": ["validate", "{tmp}/empty"],
    "missing to validate": ["validate", "{tmp}/missing.json"],
    "binary": ["check", "{tmp}/binary.json"],
    "nul in the name": ["check", "a\0b"],
    "empty name": ["check", ""],
    "a pipe nobody writes to": ["check", "{tmp}/pipe"],
    "a run of a pipe": ["run", "{tmp}/pipe", "--out", "{tmp}/out"],
    "a run of a folder": ["run", "{tmp}", "--out", "{tmp}/out"],
    "a device without an end": ["check", "/dev/zero"],
    "a run of a device": ["run", "/dev/zero", "--out", "{tmp}/out"],
    "a subject from a pipe": ["check", "select-tdcs", "--subject", "{tmp}/pipe"],
    "a policy from a device": ["check", "select-tdcs", "--site-policy", "/dev/zero"],
    "a record from a pipe": ["ledger", "add", "person", "{tmp}/pipe", "--by", "me", "--ledger", "{tmp}/l", "--create"],
    "far too long": ["check", "{tmp}/long.json"],
    "a whole disk of a file": ["check", "{tmp}/sparse.json"],
}


@pytest.fixture
def bad_files(tmp_path):
    (tmp_path / "broken.json").write_text('{"id": NaN,')
    (tmp_path / "binary.json").write_bytes(bytes(range(256)))
    (tmp_path / "empty").mkdir()
    (tmp_path / "long.json").write_text(" " * 1_000_001)
    with (tmp_path / "sparse.json").open("wb") as file:
        file.truncate(2**36)
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("is_json", [False, True])
def test_bad_input_is_one_plain_error_and_exit_code_2(case, is_json, bad_files, monkeypatch):
    monkeypatch.chdir(bad_files)
    before = sorted(path.name for path in bad_files.rglob("*"))
    args = [arg.replace("{tmp}", str(bad_files)) for arg in BAD[case]]
    code, out, err = stimplan_cli(*args, *(["--json"] if is_json else []))
    assert code == 2
    assert "Traceback" not in err and "please report" not in err
    if is_json and args[:1] == ["validate"] and out.startswith('{\n  "files"'):
        assert json.loads(out)["files"][0]["problems"]
    elif is_json:
        assert json.loads(out)["exit_code"] == 2 and json.loads(out)["problems"][0]["what"]
    elif args[:1] != ["validate"] or not out:
        assert out == "" and all(line.startswith("stimplan: ") or "json: " in line for line in err.splitlines())
    assert sorted(path.name for path in bad_files.rglob("*")) == before


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["rum"], "did you mean 'run'?"),
        (["run", "selct-tdcs"], "'select-tdcs'"),
        (["run", "select-tdcs", "--haed", "x"], "did you mean '--head'?"),
        (["run", "select-tdcs", "--electrode-model", "uniforn"], "did you mean 'uniform'?"),
        (["heads", "info", "colin28"], "colin27"),
        (["run", "select-tdcs", "--edge", "3"], "did you mean '--edge-mm'? (see stimplan run --help)"),
        (["check", "select-tdcs", "--leger", "x"], "did you mean '--ledger'? (see stimplan check --help)"),
        (["check", "select-tdcs", "--edge-mm", "3"], "--edge-mm 3 (other commands have it, this one does not)"),
        (["check", "select-tdcs", "--conduct", "3"], "did you mean '--conductivity', which other commands have?"),
        (["ledger", "check", "P-1", "--nov", "x"], "did you mean '--now'? (see stimplan ledger check --help)"),
        (["ledger", "chek"], "did you mean 'check'? (see stimplan ledger --help)"),
        (["run", "select-tdcs", "--e"], "unrecognized arguments: --e (see stimplan run --help)"),
    ],
)
def test_the_nearest_word_is_offered(args, hint):
    assert hint in stimplan_cli(*args)[2]


def test_all_faults_of_a_protocol_are_listed_at_once_with_their_place(tmp_path):
    tree = plan(title="", stimulation__waveform__duration_min=-1, colour="red")
    code, _, err = stimplan_cli("check", written(tmp_path / "p.json", tree))
    assert code == 2
    assert all(place in err for place in ("$.title", "$.stimulation.waveform.duration_min", "colour"))
    assert len(err.splitlines()) >= 3


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (SolveError("residual 1e-3, wanted 1e-6"), 4, "residual 1e-3"),
        (MissingExtra("install stimplan[mri]"), 5, "stimplan[mri]"),
        (OSError(28, "No space left on device"), 2, "on another disk; nothing was left behind"),
        (MemoryError(), 1, "larger --edge-mm"),
        (KeyboardInterrupt(), 130, "stopped; nothing was left behind"),
        (ZeroDivisionError("a surprise\nof two lines"), 1, "unexpected ZeroDivisionError: a surprise of two lines"),
        (InputError("an old head"), 2, "an old head"),
    ],
)
def test_every_kind_of_error_has_its_exit_code_and_one_line(monkeypatch, error, code, words):
    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr("stimplan.pipeline.run", fails)
    got, out, err = stimplan_cli("run", "select-tdcs")
    assert got == code and words in err and len(err.splitlines()) == 1 and out == ""


def test_a_traceback_is_shown_only_when_asked_for(monkeypatch):
    def fails():
        raise ZeroDivisionError("a surprise")

    monkeypatch.setattr("stimplan.protocol.list_protocols", fails)
    assert "Traceback" not in stimplan_cli("protocols")[2]
    monkeypatch.setenv("STIMPLAN_DEBUG", "1")
    code, _, err = stimplan_cli("protocols")
    assert code == 1 and "Traceback" in err and err.splitlines()[-1].startswith("stimplan: unexpected")


# the verdict decides the exit code


def test_a_check_that_stops_exits_3_and_says_which_limit_of_which_paper(tmp_path):
    code, out, _ = stimplan_cli("check", written(tmp_path / "p.json", stopped_plan()))
    assert code == 3 and "STOP" in out
    assert re.search(r"stop .*10 mA, limit 4 mA", out) and "doi:10.1016/j.brs.2016.06.004" in out
    assert "(read in the source)" in out and "Not judged:" in out


def test_a_check_that_only_warns_exits_0():
    code, out, err = stimplan_cli("check", "select-tdcs")
    assert code == 0 and err == ""
    assert NOTICE in " ".join(out.split())


def test_a_run_that_is_stopped_exits_3_writes_nothing_and_says_how_to_go_on(tmp_path, on_small_head):
    path, out = written(tmp_path / "p.json", stopped_plan()), tmp_path / "out"
    code, text, err = stimplan_cli("run", path, "--out", out)
    assert code == 3 and not out.exists()
    assert "STOP" in text and "--even-if-stopped" in text and "verdict is stop" in err


def test_a_run_in_spite_of_a_stop_exits_0_and_says_so_everywhere(tmp_path, on_small_head):
    path, out = written(tmp_path / "p.json", stopped_plan()), tmp_path / "out"
    code, text, _ = stimplan_cli("run", path, "--out", out, "--even-if-stopped", "--no-figures")
    assert code == 0 and "SIMULATED ALTHOUGH THE SAFETY VERDICT IS STOP" in text
    assert json.loads((out / "summary.json").read_text(encoding="utf-8"))["is_simulated_despite_verdict"] is True


def test_a_stopped_run_as_json_carries_the_report(tmp_path):
    path = written(tmp_path / "p.json", stopped_plan())
    code, out, _ = stimplan_cli("run", path, "--out", tmp_path / "out", "--json")
    assert code == 3 and json.loads(out)["safety"]["verdict"] == "stop"


# JSON is what the functions return


def test_a_number_that_is_no_limit_is_not_called_one():
    out = stimplan_cli("check", "select-tdcs")[1]
    assert "Total current within the tested range: 2 mA, limit 4 mA" in out
    assert "injured rats (F3): 0.8 A/m², beside 20 A/m²" in out and "limit 20 A/m²" not in out
    assert "Charge of the whole course: 43.2 C  [" in out


def test_the_json_of_a_check_is_the_record_of_the_report():
    _, out, _ = stimplan_cli("check", "select-tdcs", "--json")
    assert json.loads(out) == stimplan.check(stimplan.read_protocol("select-tdcs")).record()


def test_the_json_of_a_run_is_the_summary_and_the_record(tmp_path, on_small_head):
    path, out = written(tmp_path / "p.json", plan()), tmp_path / "out"
    code, text, err = stimplan_cli("run", path, "--out", out, "--no-figures", "--json")
    assert code == 0 and err == ""
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert json.loads(text) == summary
    assert {**summary, "files": {}} == small_run().record()


def test_json_is_plain_ascii_so_that_no_terminal_spoils_it():
    assert stimplan_cli("protocols", "--json")[1].isascii()


def test_protocols_and_heads_are_listed():
    _, out, _ = stimplan_cli("protocols")
    assert [line.split()[0] for line in out.splitlines()] == [entry.id for entry in stimplan.list_protocols()]
    assert "colin27" in stimplan_cli("heads")[1]
    assert json.loads(stimplan_cli("heads", "--json")[1])["heads"][0]["name"] == "colin27"


def test_a_head_is_shown_with_the_source_of_every_conductivity(monkeypatch):
    monkeypatch.setattr("stimplan.head.load_head", lambda *args, **kwargs: small_head())
    _, out, _ = stimplan_cli("heads", "info", "small")
    assert out.count("made up for a test") == 2 and "0.275 S/m" in out
    assert json.loads(stimplan_cli("heads", "info", "small", "--json")[1])["nodes"] == len(small_head().nodes_m)


def test_validate_lists_good_and_bad_files_of_a_folder(tmp_path):
    written(tmp_path / "a.json", plan())
    written(tmp_path / "b.json", {"id": "b"})
    code, out, _ = stimplan_cli("validate", tmp_path)
    assert code == 2 and "a.json: valid" in out and "b.json: not valid" in out and "  $" in out
    data = json.loads(stimplan_cli("validate", tmp_path, "--json")[1])
    assert [entry["is_valid"] for entry in data["files"]] == [True, False]
    assert stimplan_cli("validate", tmp_path / "a.json")[0] == 0


def test_the_whole_library_is_valid():
    from stimplan.resources import data_path

    code, out, _ = stimplan_cli("validate", data_path("protocols"))
    assert code == 0 and out.count(": valid") == len(stimplan.list_protocols())


def test_a_library_id_and_a_path_run_the_same(tmp_path, on_small_head, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "mine.json", plan(id="mine"))
    assert stimplan_cli("run", "mine.json", "--no-figures")[0] == 0
    assert (tmp_path / "stimplan-mine" / "report.html").exists()


def test_options_reach_the_run(tmp_path, on_small_head):
    path, out = written(tmp_path / "p.json", plan()), tmp_path / "out"
    args = ["--electrode-model", "uniform", "--no-figures", "--json"]
    record = json.loads(stimplan_cli("run", path, "--out", out, *args)[1])
    assert record["montage"]["electrode_model"] == "uniform"


def test_a_run_judges_the_person_by_the_profile_that_was_named(tmp_path, on_small_head):
    subject = written(tmp_path / "s.json", {"schema_version": 1, "id": "P-7", "implants": [{"kind": "pacemaker"}]})
    path, out = written(tmp_path / "p.json", plan()), tmp_path / "out"
    args = ["--subject", subject, "--profile", "conservative", "--no-figures", "--json"]
    code, said, _ = stimplan_cli("run", path, "--out", out, *args)
    assert code == 3
    report = json.loads(said)["safety"]
    assert report["profile"] == "conservative"
    assert "IMPLANT-TES-ACTIVE" in {one["rule_id"] for one in report["findings"] if one["status"] == "stop"}
    code, said, _ = stimplan_cli("run", path, "--out", out, *args, "--even-if-stopped")
    assert (code, json.loads(said)["person"]["id"]) == (0, "P-7")
    assert "person <code>P-7</code> · profile conservative" in (out / "report.html").read_text(encoding="utf-8")


def test_conductivities_are_read_from_the_command_line():
    assert read_conductivities(["bone=0.01", " scalp = 0.3"]) == {"bone": 0.01, "scalp": 0.3}
    with pytest.raises(InputError) as caught:
        read_conductivities(["bone", "scalp=x", "csf=1"])
    assert len(caught.value.problems) == 2


# help, doctor, selftest


def test_help_lists_every_command_and_exit_code():
    code, out, _ = stimplan_cli("--help")
    assert code == 0
    for word in ("run", "check", "validate", "protocols", "heads", "doctor", "selftest", "exit codes"):
        assert word in out
    assert NOTICE in " ".join(out.split())
    for command in ("run", "check", "validate", "protocols", "heads", "doctor", "selftest"):
        code, out, _ = stimplan_cli(command, "--help")
        assert code == 0 and "--json" in out and "Not a medical device" in " ".join(out.split())


def test_the_version_is_said():
    assert stimplan_cli("--version") == (0, f"stimplan {stimplan.__version__}\n", "")


def test_the_doctor_finds_this_machine_well():
    code, out, _ = stimplan_cli("doctor")
    assert code == 0, out
    assert [line.split(":")[0].split(None, 1)[1] for line in out.splitlines()] == [
        "stimplan", "packages", "shipped data", "cache", "disk", "memory", "off-screen pictures",
    ]  # fmt: skip


def test_the_doctor_finds_what_is_wrong(monkeypatch, tmp_path):
    from stimplan import doctor

    monkeypatch.setattr(doctor, "_PACKAGES", ("numpy", "no-such-package-of-ours"))
    monkeypatch.setattr(doctor, "_DISK_NEEDED_B", 10**18)
    monkeypatch.setattr(doctor, "_MEMORY_NEEDED_B", 10**18)
    monkeypatch.setattr(doctor, "_RENDER", "raise SystemExit('no picture')")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STIMPLAN_CACHE", str(tmp_path / "file"))
    code, out, _ = stimplan_cli("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert code == 2
    assert [name for name, check in checks.items() if check["is_ok"]] == ["stimplan", "shipped data"]
    assert "no-such-package-of-ours" in checks["packages"]["detail"]
    assert "no picture" in checks["off-screen pictures"]["detail"]


def test_a_picture_that_kills_its_process_is_a_finding_of_the_doctor(monkeypatch):
    from stimplan import doctor

    monkeypatch.setattr(doctor, "_RENDER", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert not doctor._rendering().is_ok


def test_the_selftest_fails_when_the_field_is_wrong(monkeypatch):
    import attrs

    from stimplan import selftest

    real = selftest.solve

    def wrong(*args, **kwargs):
        field = real(*args, **kwargs)
        return attrs.evolve(field, E_V_per_m=1.05 * field.E_V_per_m)

    monkeypatch.setattr(selftest, "LIMITS", {6.0: selftest.LIMITS[6.0]})
    monkeypatch.setattr(selftest, "solve", wrong)
    (result,) = selftest.selftest((6.0,))
    assert not result.is_ok and result.mag == pytest.approx(1.05, abs=0.01)


def test_a_selftest_without_a_number_is_no_pass():
    from stimplan.selftest import SelfTest

    numbers = {"edge_mm": 6.0, "nodes": 1, "tetrahedra": 1, "rdm_recovered": 0.0, "residual": 0.0}
    limits = {"rdm_limit": 0.03, "mag_limit": 0.01}
    assert SelfTest(rdm=0.02, mag=1.0, **numbers, **limits).is_ok
    assert not SelfTest(rdm=float("nan"), mag=1.0, **numbers, **limits).is_ok
    assert not SelfTest(rdm=0.02, mag=float("nan"), **numbers, **limits).is_ok


@pytest.mark.slow
def test_the_selftest_holds_on_this_machine():
    code, out, _ = stimplan_cli("selftest")
    assert code == 0 and out.count("  ok") == 2


def test_the_selftest_as_json_is_its_record(monkeypatch):
    from stimplan import selftest

    monkeypatch.setattr(selftest, "LIMITS", {6.0: selftest.LIMITS[6.0]})
    monkeypatch.setattr(selftest.selftest, "__defaults__", ((6.0,), None))
    data = json.loads(stimplan_cli("selftest", "--json")[1])
    assert data["spheres"] == [result.record() for result in selftest.selftest()]


# as a process of its own


def process(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "stimplan.cli", *map(str, args)], capture_output=True, text=True, check=False, **options
    )


def test_checking_loads_no_solver_and_no_pictures():
    code = (
        "import sys, io; from stimplan import cli;"
        "assert cli.run(['check', 'select-tdcs'], io.StringIO()) == 0;"
        "from stimplan.resources import data_path;"
        "assert cli.run(['validate', str(data_path('protocols'))], io.StringIO()) == 0;"
        "heavy = {'mne', 'pyvista', 'vtk', 'vtkmodules', 'numba', 'matplotlib', 'scipy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_surprise_never_shows_a_traceback():
    done = process("check", "select-tdcs", env={**os.environ, "STIMPLAN_CACHE": "/dev/null/x"})
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_a_terminal_without_unicode_is_served():
    done = process("check", "select-tdcs", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_a_reader_that_leaves_early_ends_it_quietly():
    command = f"{sys.executable} -m stimplan.cli check select-tdcs | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == "" and done.stdout.startswith("SELECT")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_leaves_nothing(tmp_path, how):
    running = subprocess.Popen(
        [sys.executable, "-m", "stimplan.cli", "run", "select-tdcs", "--out", str(tmp_path / "deep" / "out")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (tmp_path / "deep" / "out").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    running.send_signal(how)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130 and err == "stimplan: stopped; nothing was left behind\n"
    assert list(tmp_path.iterdir()) == []
