"""A disk that is full while a result is written: the path is named, nothing stays, nobody sees a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stimplan.errors import naming
from stimplan.resources import data_path

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux: /dev/full and file size limits")

_FEW = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); from stimplan.__main__ import main"


def few_bytes(folder, *args):
    """The program where no file may be longer than 2000 bytes."""
    code = f"import sys; sys.argv = ['stimplan', *{list(map(str, args))!r}]; {_FEW}; main()"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder)


WRITERS = {
    "waveform": (
        ["waveform", "select-tdcs", "--rate-hz", "50", "--ramp-s", "10", "--out", "current.csv"],
        "current.csv",
    ),
    "timeline": (["timeline", "select-tdcs", "--out", "pictures"], "pictures"),
    "signoff": (["signoff", "select-tdcs", "--out", "papers"], "papers/select-tdcs-signoff.html"),
    "bids": (["bids", "write", "m1-so", "set"], "set/"),
    "migrate": (["migrate", "long.json", "--out", "new.json"], "new.json"),
}


@pytest.mark.parametrize("case", WRITERS)
def test_the_file_that_did_not_fit_is_named_and_nothing_of_it_stays(case, tmp_path):
    source = data_path("protocols", "select-tdcs.json")
    (tmp_path / "long.json").write_bytes(source.read_bytes())
    args, name = WRITERS[case]
    done = few_bytes(tmp_path, *args)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"stimplan: {name}") and "make room" in done.stderr, done.stderr
    assert ".part" not in done.stderr and ".stimplan-" not in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "long.json"] == []


@pytest.mark.parametrize("args", [["check", "select-tdcs"], ["check", "select-tdcs", "--json"], ["protocols"],
                                  ["check", "selct-tdcs", "--json"], ["doctor", "--json"]])  # fmt: skip
@pytest.mark.parametrize("is_buffered", [True, False])
def test_a_full_standard_output_is_one_line_and_exit_code_2(args, is_buffered):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    if not is_buffered:
        environment["PYTHONUNBUFFERED"] = "1"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "stimplan", *args], stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False, env=environment)  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith("stimplan: ") for line in lines) and len(lines) <= 2


def test_a_full_standard_output_is_called_so():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "stimplan", "check", "select-tdcs", "--json"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    assert done.stderr.startswith("stimplan: standard output: No space left on device; make room")


@pytest.mark.parametrize("given, said", [
    (None, "out/report.html"), ("/x/.report.html.abc.part", "out/report.html"),
    ("/x/.stimplan-ab/r.png", "out/report.html"), ("/other/input.nii", "/other/input.nii"),
])  # fmt: skip
def test_only_an_error_that_names_nothing_or_a_hidden_part_gets_the_name(given, said):
    with pytest.raises(OSError) as caught, naming("out/report.html"):
        raise OSError(errno.ENOSPC, "full", *([given] if given else []))
    assert caught.value.filename == said
    with pytest.raises(ValueError), naming("out"):
        raise ValueError("not about files")
