"""When the pulses come: counted, timed, and as strong as the nested timing says."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest
import sessions
from hypothesis import given, settings
from strategies import protocols

from stimplan.errors import InputError
from stimplan.protocol import trains
from stimplan.waveform import Choices, block_times_s, list_pulses, pulse_times_s


@pytest.mark.parametrize(
    ("protocol", "pulses", "last_s"),
    [
        (sessions.ten_hz(), 3000, 74 * 30 + 3.9),
        (sessions.itbs(), 600, 190 + 1.8 + 0.04),
        (sessions.ctbs(), 600, 199 * 0.2 + 0.04),
        (sessions.qps(), 1440, 359 * 5 + 0.015),
        (sessions.saint(), 1800, 59 * 10 + 1.84),
        (sessions.single(), 20, 95),
        (sessions.paired(), 20, 45.003),
        (sessions.pas(), 90, 89 * 20),
    ],
    ids=lambda value: getattr(value, "id", None),
)
def test_published_protocols_have_their_pulses(protocol, pulses, last_s):
    times = pulse_times_s(protocol)
    assert len(times) == pulses and times[0] == 0
    assert times[-1] == pytest.approx(last_s)
    assert (np.diff(times) > 0).all()


def test_theta_burst_is_three_pulses_at_50_hz_five_times_a_second():
    steps = np.round(np.diff(pulse_times_s(sessions.itbs())), 6)
    lengths, counts = np.unique(steps, return_counts=True)
    assert dict(zip(lengths.tolist(), counts.tolist(), strict=True)) == {0.02: 400, 0.16: 180, 8.16: 19}


def test_pairs_keep_their_relative_intensities():
    pulses = list_pulses(sessions.paired())
    assert pulses.relative_intensity.tolist() == [0.67, 1.0] * 10


def test_the_nerve_comes_before_the_pulse_and_only_where_it_is_paired():
    pulses = list_pulses(sessions.pas())
    np.testing.assert_allclose(pulses.time_s - pulses.nerve_time_s, 0.025)
    assert pulses.nerve_time_s[0] == -0.025
    assert np.isnan(list_pulses(sessions.itbs()).nerve_time_s).all()


def test_blocks_follow_each_other_after_their_gap():
    pulses = list_pulses(sessions.bilateral(gap_s=60))
    first = pulses.time_s[pulses.block == 1][0]
    assert first == pytest.approx(359 + 60) and np.bincount(pulses.block).tolist() == [360, 1000]


def test_a_gap_that_is_not_reported_must_be_chosen():
    with pytest.raises(InputError, match=r"blocks\[0\].gap_s: is not reported; choose .* --gap-s"):
        pulse_times_s(sessions.bilateral())
    chosen = list_pulses(sessions.bilateral(), choices=Choices(gap_s=30))
    assert chosen.time_s[360] == pytest.approx(389)
    reported = list_pulses(sessions.bilateral(gap_s=60), choices=Choices(gap_s=30))
    assert reported.time_s[360] == pytest.approx(419)


def test_a_current_has_no_pulses_to_list():
    with pytest.raises(InputError, match="tDCS has no coil"):
        list_pulses(sessions.tdcs())


def test_more_pulses_than_anybody_gives_are_refused():
    protocol = sessions.ten_hz()
    block = protocol.magnetic.blocks[0]
    many = attrs.evolve(block.timing, patterns=tuple(attrs.evolve(p, count=10**4) for p in block.timing.patterns))
    stimulation = attrs.evolve(protocol.magnetic, blocks=(attrs.evolve(block, timing=many),))
    with pytest.raises(InputError, match="100,000,000 pulses"):
        list_pulses(attrs.evolve(protocol, stimulation=stimulation))


@settings(max_examples=80)
@given(protocols("TMS"))
def test_any_timing_gives_its_product_of_counts_from_first_to_last(protocol):
    pulses = list_pulses(protocol, choices=Choices(gap_s=1.0))
    blocks = protocol.magnetic.blocks
    assert np.bincount(pulses.block, minlength=len(blocks)).tolist() == [trains.pulses(b.timing) for b in blocks]
    gaps = [1.0 if block.gap_s is None else block.gap_s for block in blocks[:-1]]
    assert pulses.time_s[-1] == pytest.approx(math.fsum([*(trains.duration_s(b.timing) for b in blocks), *gaps]))
    for block in blocks:
        np.testing.assert_allclose(block_times_s(block.timing), trains.pulse_times_s(block.timing), atol=1e-9)
