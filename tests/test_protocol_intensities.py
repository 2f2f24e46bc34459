"""Pulses of one stimulus whose intensities have different references: a conditioning and a test pulse."""

from __future__ import annotations

import csv

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import CONDITIONED, LONE_BLOCK, protocols

from stimplan.describe import clinician_text, methods_text, not_reported, patient_text, title_of
from stimplan.protocol import Intensity, Pattern, Protocol, Stimulus, Timing, dump_protocol, read_protocol, totals_of
from stimplan.waveform import list_pulses, relative_intensities, write_pulses

SICI = "kujirai-1993-sici"


def block(own: tuple[Intensity | None, ...], **intensity: object) -> object:
    stimulus = Stimulus(len(own), (0.003,) * (len(own) - 1), intensities=own)
    timing = Timing(stimulus, (Pattern(2, 5.0),))
    return attrs.evolve(LONE_BLOCK, timing=timing, intensity=Intensity(**intensity))


def test_a_pulse_has_its_own_intensity_or_that_of_the_block() -> None:
    (one,) = read_protocol(SICI).stimulation.blocks
    assert one.pulse_intensities == (Intensity(0.8, "aMT"), Intensity(1.0, "1mV"))
    assert LONE_BLOCK.pulse_intensities == (Intensity(1.2, "rMT"),)
    pair = attrs.evolve(LONE_BLOCK, timing=Timing(Stimulus(2, (0.003,), (0.67, 1.0)), ()))
    assert pair.pulse_intensities == (Intensity(0.804, "rMT"), Intensity(1.2, "rMT"))
    assert Intensity(didt_A_per_s=1e8).scaled(0.7) == Intensity(didt_A_per_s=7e7)
    assert Intensity(field_V_per_m=100.0).scaled(1.1) == Intensity(field_V_per_m=110.0)


def test_the_file_writes_the_block_s_own_intensity_once() -> None:
    text = dump_protocol(read_protocol(SICI))
    assert '"intensities": [{"value_percent": 80, "reference": "aMT"}, null]' in text
    assert text.count('"1mV"') == 1


@pytest.mark.parametrize(
    ("own", "of_block", "ratio"),
    [
        (Intensity(0.8, "aMT"), {"value_fraction": 1.0, "reference": "1mV"}, float("nan")),
        (Intensity(0.8, "rMT"), {"value_fraction": 1.2, "reference": "rMT"}, 0.8 / 1.2),
        (Intensity(0.8, "rMT"), {"didt_A_per_s": 1e8}, float("nan")),
        (Intensity(didt_A_per_s=7e7), {"didt_A_per_s": 1e8}, 0.7),
        (Intensity(field_V_per_m=50.0), {"field_V_per_m": 100.0}, 0.5),
    ],
)
def test_only_intensities_of_one_kind_have_a_ratio(own: Intensity, of_block: dict[str, object], ratio: float) -> None:
    ratios = relative_intensities(block((own, None), **of_block))
    np.testing.assert_allclose(ratios, [ratio, 1.0] * 2, rtol=1e-11)


def test_the_list_of_pulses_says_what_each_percent_is_of(tmp_path) -> None:
    assert np.isnan(list_pulses(read_protocol(SICI)).relative_intensity[::2]).all()
    write_pulses(tmp_path / "p.csv", read_protocol(SICI))
    lines = (tmp_path / "p.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert [(row["intensity_percent"], row["intensity_of"]) for row in rows] == [("80", "aMT"), ("100", "1mV")] * 10
    write_pulses(tmp_path / "q.csv", read_protocol("qps"))
    assert "intensity_of" not in (tmp_path / "q.csv").read_text(encoding="utf-8")


def test_the_texts_name_both_intensities() -> None:
    protocol = read_protocol(SICI)
    for text in (clinician_text(protocol), methods_text(protocol)):
        assert "pulse 1 at 80 % of the active motor threshold" in text
        assert "100 % of the intensity for a motor response of 1 mV for pulse 2 of each stimulus" in text
    assert "how the threshold was measured" in not_reported(protocol)
    assert "First the staff find how strong" in patient_text(protocol)
    assert totals_of(protocol).trains[0].name == "paired-pulse"


def test_the_picture_says_that_the_height_of_the_first_pulse_is_not_to_scale() -> None:
    from matplotlib import pyplot as plt

    from stimplan.view.timeline import plot_session

    figure = plot_session(read_protocol(SICI))
    said = " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))
    assert "pulse 1 80% of aMT, height not to scale" in said.replace("\n", " ")
    plt.close(figure)


@settings(max_examples=30, deadline=None)
@given(protocols("TMS", CONDITIONED))
def test_any_such_protocol_is_described_and_listed(protocol: Protocol) -> None:
    assert title_of(protocol) and clinician_text(protocol) and patient_text(protocol)
    for one in protocol.stimulation.blocks:
        assert len(one.pulse_intensities) == one.timing.stimulus.pulses
        assert len(relative_intensities(one)) == totals_of_block(one)


def totals_of_block(one: object) -> int:
    from stimplan.protocol.trains import pulses

    return pulses(one.timing)
