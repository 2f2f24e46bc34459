"""Waveforms and pulses as files: exact, balanced, complete or not there."""

from __future__ import annotations

import csv
from decimal import Decimal

import attrs
import numpy as np
import pytest
import sessions

from stimplan.errors import InputError
from stimplan.waveform import Choices, replaced, sample_session, write_pulses, write_waveform
from stimplan.waveform.writing import balanced_nA


def rows_of(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    return comments, list(csv.reader(lines[len(comments) :]))


@pytest.mark.parametrize(
    ("protocol", "rate_Hz"),
    [(sessions.three_phases(), 997), (sessions.trns(), 1600), (sessions.hd(), 10), (sessions.interference(), 20100)],
    ids=lambda value: getattr(value, "modality", None),
)
def test_every_row_of_a_csv_sums_to_zero_as_decimals(protocol, rate_Hz, tmp_path):
    file = tmp_path / "w.csv"
    count = write_waveform(file, protocol, rate_Hz, window_s=(9.0, 12.0))
    _, (header, *rows) = rows_of(file)
    assert len(rows) == count == 3 * rate_Hz
    assert header == ["time_s", *(f"{electrode.label}_mA" for electrode in protocol.electrodes)]
    assert all(sum(map(Decimal, row[1:])) == 0 for row in rows)
    waves = sample_session(protocol, rate_Hz, start_s=9.0, stop_s=12.0)
    written = np.array(rows, float)
    np.testing.assert_allclose(written[:, 1:], waves.current_A * 1e3, atol=3e-6)
    np.testing.assert_allclose(written[:, 0], waves.time_s, atol=1e-9)


def test_the_header_says_what_the_numbers_are(tmp_path):
    file = tmp_path / "w.csv"
    write_waveform(file, sessions.trns(ramp_up_s=None), 1600, window_s=(0, 0.1), choices=Choices(seed=7, ramp_s=5))
    comments = "\n".join(rows_of(file)[0])
    for words in ("trns-high", "rate: 1600 Hz", "mA", "peak-to-peak", "seed 7", "ramp up: not reported; here 5 s"):
        assert words in comments


def test_numpy_files_hold_the_same_numbers_as_the_csv(tmp_path):
    for ending in (".csv", ".npy", ".npz"):
        write_waveform(tmp_path / f"w{ending}", sessions.tacs(), 100, window_s=(0.0, 20.0))
    table = np.array(rows_of(tmp_path / "w.csv")[1][1:], float)
    structured = np.load(tmp_path / "w.npy")
    assert structured.dtype.names == ("time_s", "F3_mA", "P7_mA", "P8_mA")
    np.testing.assert_allclose(np.column_stack([structured[name] for name in structured.dtype.names]), table)
    with np.load(tmp_path / "w.npz") as packed:
        np.testing.assert_allclose(packed["current_mA"], table[:, 1:])
        np.testing.assert_allclose(packed["time_s"], table[:, 0])
        assert packed["labels"].tolist() == ["F3", "P7", "P8"] and packed["rate_Hz"] == 100
        assert any("tacs-10-hz" in line for line in packed["about"])


def test_a_long_session_is_written_in_chunks_without_a_seam(tmp_path):
    write_waveform(tmp_path / "w.npy", sessions.tacs(), 1000)
    data = np.load(tmp_path / "w.npy")
    waves = sample_session(sessions.tacs(), 1000)
    assert len(data) == len(waves.time_s) > 4 * 2**18
    np.testing.assert_allclose(data["F3_mA"], waves.current_A[:, 0] * 1e3, atol=2e-6)


def test_labels_that_are_not_ascii_give_way_to_numbers_in_npy(tmp_path):
    protocol = sessions.tdcs()
    first, second = protocol.electrodes
    named = attrs.evolve(protocol.electric, electrodes=(attrs.evolve(first, label="Stirn, links ü"), second))
    protocol = attrs.evolve(protocol, stimulation=named)
    write_waveform(tmp_path / "w.npy", protocol, 1)
    assert np.load(tmp_path / "w.npy").dtype.names == ("time_s", "electrode_1_mA", "F4_mA")
    write_waveform(tmp_path / "w.csv", protocol, 1)
    assert rows_of(tmp_path / "w.csv")[1][0] == ["time_s", "Stirn, links ü_mA", "F4_mA"]


def test_currents_that_do_not_balance_are_never_written():
    waves = sample_session(sessions.tdcs(), 1)
    wrong = attrs.evolve(waves, current_A=np.abs(waves.current_A))
    with pytest.raises(AssertionError, match="do not sum to zero"):
        balanced_nA(wrong)


def test_pulses_are_listed_with_time_intensity_and_block(tmp_path):
    file = tmp_path / "p.csv"
    assert write_pulses(file, sessions.bilateral(), choices=Choices(gap_s=30)) == 1360
    comments, (header, *rows) = rows_of(file)
    assert header == ["time_s", "intensity_percent", "block"]
    assert rows[0] == ["0.000000", "120", "1"] and rows[360] == ["389.000000", "120", "2"] and len(rows) == 1360
    text = "\n".join(comments)
    assert "block 1: intensity in % of rMT (right, 1 Hz)" in text and "here 30 s, chosen" in text


def test_a_paired_nerve_has_its_own_column(tmp_path):
    write_pulses(tmp_path / "p.csv", sessions.pas())
    _, (header, first, *_) = rows_of(tmp_path / "p.csv")
    assert header[-1] == "nerve_time_s" and first == ["0.000000", "120", "1", "-0.025000"]


def test_relative_intensities_are_of_the_intensity_of_the_block(tmp_path):
    write_pulses(tmp_path / "p.csv", sessions.paired())
    _, (_, first, second, *_) = rows_of(tmp_path / "p.csv")
    assert (first[1], second[1]) == ("80.4", "120")


@pytest.mark.parametrize("name", ["w.txt", "w", "missing/w.csv", "folder.csv"])
def test_a_file_that_cannot_be_is_refused_before_anything_is_computed(name, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for write in (lambda path: write_waveform(path, sessions.tdcs(), 10), lambda p: write_pulses(p, sessions.itbs())):
        with pytest.raises(InputError, match=r"must end in|does not exist|is a folder"):
            write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "w.csv"
    file.write_text("old")
    with pytest.raises(RuntimeError), replaced(file) as half:
        half.write(b"new")
        raise RuntimeError("disk full")
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_refused_rate_leaves_the_old_file(tmp_path):
    file = tmp_path / "w.csv"
    file.write_text("old")
    with pytest.raises(InputError, match="too low"):
        write_waveform(file, sessions.tacs(), 20)
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]
