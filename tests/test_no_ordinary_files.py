"""Pipes and devices in the place of files are refused at once: a pipe may have no writer, and a device no end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stimplan.exchange.bids.tables import read_table
from stimplan.head.fiducials import read_fiducials
from stimplan.head.masks import read_mask
from stimplan.head.tensor_volume import read_tensor_volume
from stimplan.head.warp_files import read_affine_text, read_warp
from stimplan.resources import require_ordinary

WHAT = "no ordinary file"


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe.nii"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    "read",
    [read_table, read_fiducials, read_affine_text, lambda path: read_warp([path]), read_tensor_volume, read_mask],
    ids=["table", "fiducials", "affine", "warp", "tensors", "mask"],
)
@pytest.mark.parametrize("which", ["pipe", "device"])
def test_a_reader_refuses_a_pipe_and_a_device_without_waiting(read, which, pipe):
    with pytest.raises(Exception, match=WHAT) as caught:
        read(pipe if which == "pipe" else Path("/dev/zero"))
    assert isinstance(caught.value, OSError | ValueError)  # an InputError is a ValueError


def test_a_file_and_a_folder_are_left_to_whoever_opens_them(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    assert require_ordinary(file) == file and require_ordinary(tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError):
        require_ordinary(tmp_path / "none")


def test_a_dataset_with_a_pipe_for_a_table_is_told_by_the_command_line(tmp_path):
    folder = tmp_path / "sub-01" / "nibs"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "sub-01_task-rest_nibs.tsv")
    done = subprocess.run(
        [sys.executable, "-m", "stimplan", "bids", "check", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and WHAT in done.stderr and "Traceback" not in done.stderr
