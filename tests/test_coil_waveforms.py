"""Pulses: ideal shapes, tables of measured ones, and what is no pulse."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from coils import nine_turns

from stimplan.coil import Stimulator, read_coil, write_coil
from stimplan.coil.waveforms import SHAPES, ideal_waveform, read_waveform
from stimplan.errors import CoilError


def table(tmp_path, time, rate, *, header="time_us\tdidt", name="pulse.tsv"):
    path = tmp_path / name
    comma = "," if name.endswith("csv") else "\t"
    lines = [header, *(f"{t!r}{comma}{r!r}" for t, r in zip(np.asarray(time).tolist(), rate.tolist(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def biphasic(samples=100):
    time = np.linspace(0, 300, samples)
    return time, np.cos(2 * np.pi * time / 300) * np.exp(-time / 2000)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_ideal_pulse_has_its_shape_and_brings_the_current_back_to_zero(shape):
    pulse = ideal_waveform(shape, period_s=280e-6)
    assert pulse.shape == shape
    assert pulse.didt_share[0] == 1
    assert pulse.current_share[-1] == pytest.approx(0, abs=0.02)
    assert np.abs(pulse.current_share).max() == 1
    assert ideal_waveform(shape, period_s=560e-6).duration_s == pytest.approx(2 * pulse.duration_s)


def test_a_quarter_of_the_period_after_its_start_the_current_of_every_pulse_is_largest():
    for shape in SHAPES:
        pulse = ideal_waveform(shape, period_s=280e-6, samples=2000)
        assert pulse.time_s[np.argmax(pulse.current_share)] == pytest.approx(70e-6, rel=0.01)


@pytest.mark.parametrize("name, header", [("a.tsv", "time_us\tstim\tfit"), ("a.csv", "time_us,signal")])
def test_a_measured_pulse_is_read_from_a_table(name, header, tmp_path):
    time, rate = biphasic()
    pulse = read_waveform(table(tmp_path, time, 7 * rate, header=header, name=name))
    assert pulse.shape == "biphasic"
    assert pulse.time_s == pytest.approx(time * 1e-6)
    assert pulse.didt_share == pytest.approx(rate / np.abs(rate).max())
    assert pulse.source == f"file {name}"


def test_a_pulse_goes_with_the_stimulator_into_a_coil_file_and_back(tmp_path):
    pulse = read_waveform(table(tmp_path, *biphasic()))
    stimulator = Stimulator("mine", max_didt_A_per_s=1e8, waveforms=(pulse.as_record(),))
    write_coil(attrs.evolve(nine_turns(), stimulators=(stimulator,)), tmp_path / "a.tcd")
    (again,) = read_coil(tmp_path / "a.tcd").stimulators
    assert again.waveforms[0]["time_s"] == pytest.approx(pulse.time_s)
    assert again.waveforms[0]["signal"] == pytest.approx(pulse.didt_share)


@pytest.mark.parametrize(
    "change, options, reason",
    [
        (lambda t, r: (t, r), {"header": "time\tdidt"}, "'time' does not say its unit"),
        (lambda t, r: (t, r), {"header": "time_us\tvolts"}, "expected one column of didt"),
        (lambda t, r: (t, r), {"header": "time_us\ttime_ms"}, "expected one column of time_s, time_ms, time_us"),
        (lambda t, r: (t, r), {"header": "time_s\tdidt"}, "is the unit right"),
        (lambda t, r: (t / 1000, r), {}, "is the unit right"),
        (lambda t, r: (t[::-1], r), {}, "time does not increase at sample 2"),
        (lambda t, r: (t[:5], r[:5]), {}, "8 samples or more"),
        (lambda t, r: (t, 0 * r), {}, "zero throughout"),
        (lambda t, r: (t, np.sin(np.pi * t / 300)), {}, "does not return to zero"),
        (lambda t, r: (t[:40], r[:40]), {}, "does not return to zero"),
        (lambda t, r: (t, r + 0.3), {}, "does not return to zero"),
        (lambda t, r: (t, np.where(t > 100, np.nan, r)), {}, "line 36: expected finite numbers"),
    ],
)
def test_what_is_no_pulse_is_refused_with_the_reason(change, options, reason, tmp_path):
    with pytest.raises(CoilError, match=reason):
        read_waveform(table(tmp_path, *change(*biphasic()), **options))


def test_an_empty_table_and_a_missing_one_are_refused(tmp_path):
    (tmp_path / "empty.tsv").write_text("", encoding="utf-8")
    with pytest.raises(CoilError, match="expected one column"):
        read_waveform(tmp_path / "empty.tsv")
    with pytest.raises(CoilError, match="no such file"):
        read_waveform(tmp_path / "none.tsv")
    (tmp_path / "words.tsv").write_text("time_us\tdidt\n0\tone\n1\n", encoding="utf-8")
    with pytest.raises(CoilError) as caught:
        read_waveform(tmp_path / "words.tsv")
    assert [problem.where for problem in caught.value.problems] == ["line 2", "line 3"]


@pytest.mark.parametrize("shape, period_s", [("square", 3e-4), ("biphasic", 0.0), ("biphasic", 1.0)])
def test_pulses_no_stimulator_has_are_refused(shape, period_s):
    with pytest.raises(CoilError):
        ideal_waveform(shape, period_s=period_s)
