"""The current of every electrode, sample by sample: charge, size, spectrum, balance, and what is refused."""

from __future__ import annotations

import math
from itertools import pairwise

import attrs
import numpy as np
import pytest
import sessions
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import KIND_OF, protocols

from stimplan.errors import InputError
from stimplan.protocol import NoiseWaveform, read_protocol
from stimplan.protocol.dose import NOISE_99_PERCENT_SIGMAS
from stimplan.waveform import Choices, needed_rate_Hz, pieces, sample_session, session_chunks, session_s
from stimplan.waveform.level import level_at


def charge_C(waves):
    """Rectified charge through the head: half of what enters and leaves, held from sample to sample."""
    return float(np.abs(waves.current_A).sum()) / 2 / waves.rate_Hz


def power(waves, electrode=0):
    """One-sided power of one electrode by frequency."""
    signal = waves.current_A[:, electrode]
    return np.fft.rfftfreq(len(signal), 1 / waves.rate_Hz), np.abs(np.fft.rfft(signal)) ** 2


@pytest.mark.parametrize(
    ("protocol", "rate_Hz", "within"),
    [
        (sessions.tdcs(), 1000, 1e-6),
        (sessions.hd(), 1000, 1e-6),
        (sessions.intermittent(), 100, 1e-6),
        (sessions.tacs("peak"), 1000, 1e-3),
        (sessions.tacs("peak-to-peak"), 1000, 1e-3),
        (sessions.tacs("RMS"), 997, 1e-3),
        (sessions.trns("peak-to-peak"), 1600, 1e-2),
        (sessions.trns("RMS", distribution="uniform"), 1600, 1e-2),
        (sessions.otdcs(size=0.125), 100, 1e-3),
        (sessions.otdcs(size=0.25), 100, 1e-3),
        (sessions.tpcs("monophasic"), 1000, 1e-6),
        (sessions.tpcs("biphasic", "peak-to-peak"), 1000, 1e-6),
    ],
    ids=lambda value: getattr(value, "modality", None),
)
def test_the_charge_of_the_samples_is_the_derived_one(protocol, rate_Hz, within):
    waves = sample_session(protocol, rate_Hz)
    # Under the ramps the oscillation's and the offset's shares change, and a pulse falls on them as it may.
    slack = 5e-3 if protocol.modality in ("tPCS", "otDCS") else 0.0
    assert charge_C(waves) == pytest.approx(protocol.total_charge_C, rel=within + slack)


def test_the_charge_of_interference_is_that_of_both_carriers():
    protocol = sessions.interference()
    waves = sample_session(protocol, 20100 * math.sqrt(1.01), start_s=20, stop_s=22)
    assert charge_C(waves) == pytest.approx(2 * (2e-3 + 1e-3) * 2 / math.pi, rel=1e-3)


@pytest.mark.parametrize(
    ("convention", "peak_A", "rms_A"),
    [
        ("peak", 1e-3, 1e-3 / math.sqrt(2)),
        ("peak-to-peak", 0.5e-3, 0.5e-3 / math.sqrt(2)),
        ("RMS", math.sqrt(2) * 1e-3, 1e-3),
    ],
)
def test_a_sinusoid_is_as_large_as_its_convention_says(convention, peak_A, rms_A):
    waves = sample_session(sessions.tacs(convention), 1000, start_s=20, stop_s=30)
    assert np.abs(waves.current_A[:, 0]).max() == pytest.approx(peak_A)
    assert np.sqrt(np.mean(waves.current_A[:, 0] ** 2)) == pytest.approx(rms_A)


def test_a_sinusoid_has_one_line_in_its_spectrum():
    frequency, strength = power(sample_session(sessions.tacs(), 1000, start_s=20, stop_s=30))
    assert frequency[np.argmax(strength)] == pytest.approx(10)
    assert strength.max() / strength.sum() > 1 - 1e-12


def test_phases_shift_the_electrodes_against_each_other():
    waves = sample_session(sessions.three_phases(), 1200, start_s=20, stop_s=21)
    tone = np.exp(-2j * math.pi * 5 * waves.time_s)
    turns = np.degrees(np.angle(tone @ waves.current_A))
    np.testing.assert_allclose((turns - turns[0]) % 360, [0, 120, 240], atol=1e-6)


def test_interference_has_one_carrier_for_each_channel_and_a_beat_in_their_sum():
    waves = sample_session(sessions.interference(), 25000, start_s=20, stop_s=21)
    for electrode, carrier_Hz in enumerate((2000, 2000, 2010, 2010)):
        frequency, strength = power(waves, electrode)
        assert frequency[np.argmax(strength)] == pytest.approx(carrier_Hz)
    both = (waves.current_A[:, 0] / 2 + waves.current_A[:, 2]) ** 2
    envelope = np.abs(np.fft.rfft(both))[:100]
    assert np.argmax(envelope[1:]) + 1 == 10


def test_an_oscillation_rides_on_its_offset():
    waves = sample_session(sessions.otdcs(size=0.125), 75, start_s=10, stop_s=10 + 40)
    assert waves.current_A[:, 0].mean() == pytest.approx(0.125e-3)
    assert waves.current_A[:, 0].min() >= 0 and waves.current_A[:, 0].max() == pytest.approx(0.25e-3, rel=1e-3)


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
@pytest.mark.parametrize("convention", ["peak", "peak-to-peak", "RMS"])
def test_noise_has_its_size_its_band_and_its_distribution(convention, distribution):
    protocol = sessions.trns(convention, distribution=distribution)
    waves = sample_session(protocol, 2000, start_s=20, stop_s=320)
    signal = waves.current_A[:, 0]
    half = {"peak": 1e-3, "peak-to-peak": 0.5e-3}.get(convention)
    divisor = math.sqrt(3) if distribution == "uniform" else NOISE_99_PERCENT_SIGMAS
    assert signal.std() == pytest.approx(1e-3 if half is None else half / divisor, rel=0.01)
    frequency, strength = power(waves)
    inside = strength[(frequency >= 100) & (frequency <= 640)].sum() / strength.sum()
    assert inside > (0.97 if distribution == "gaussian" else 0.94)
    share = np.mean(np.abs(signal) <= signal.std())
    assert share == pytest.approx(0.6827 if distribution == "gaussian" else 1 / math.sqrt(3), abs=0.005)
    if distribution == "uniform":
        assert np.abs(signal).max() <= math.sqrt(3) * 1.001 * (1e-3 if half is None else half / math.sqrt(3))


def test_the_spectrum_of_noise_is_flat_within_its_band():
    frequency, strength = power(sample_session(sessions.trns(), 2000, start_s=20, stop_s=320))
    parts = [strength[(frequency >= low) & (frequency < low + 100)].mean() for low in (150, 250, 350, 450)]
    assert max(parts) / min(parts) < 1.05


def test_noise_is_the_same_for_the_same_seed_and_another_for_another():
    def noise(seed):
        return sample_session(sessions.trns(), 1600, stop_s=30, choices=Choices(seed=seed))

    assert noise(1) == noise(1) and noise(1).seed == 1
    assert abs(np.corrcoef(noise(1).current_A[:, 0], noise(2).current_A[:, 0])[0, 1]) < 0.02
    assert sample_session(sessions.tdcs(), 10).seed is None


@pytest.mark.parametrize("protocol", [sessions.trns(), sessions.tacs(), sessions.tpcs()], ids=lambda p: p.modality)
def test_a_window_and_chunks_are_cut_from_the_same_session_to_the_last_bit(protocol):
    whole = sample_session(protocol, 2000)
    window = sample_session(protocol, 2000, start_s=70.2, stop_s=90)
    first = round(70.2 * 2000)
    assert np.array_equal(window.current_A, whole.current_A[first : first + len(window.time_s)])
    assert window.time_s[0] == pytest.approx(70.2) and window.time_s[-1] < 90
    chunks = list(session_chunks(protocol, 2000))
    assert np.array_equal(np.concatenate([chunk.current_A for chunk in chunks]), whole.current_A)
    assert np.array_equal(np.concatenate([chunk.time_s for chunk in chunks]), whole.time_s)


@pytest.mark.parametrize("polarity", ["monophasic", "biphasic"])
def test_pulses_have_their_width_their_gap_and_their_polarity(polarity):
    protocol = sessions.tpcs(polarity)
    waves = sample_session(protocol, 10000, start_s=20, stop_s=20 + 100 * protocol.waveform.period_s)
    current = waves.current_A[:, 0]
    share = protocol.waveform.pulse_width_s / protocol.waveform.period_s
    assert np.mean(current > 1e-3) == pytest.approx(share, abs=1e-3)
    assert np.mean(current < -1e-3) == pytest.approx(share if polarity == "biphasic" else 0, abs=1e-3)
    assert np.mean(current) == pytest.approx(0 if polarity == "biphasic" else 2e-3 * share, abs=1e-7)


def test_the_ramps_are_straight_and_on_top_of_the_duration():
    waves = sample_session(sessions.tdcs(), 100)
    current = waves.current_A[:, 0]
    assert waves.time_s[-1] == pytest.approx(10 + 1200 + 20)
    assert current[0] == 0 and current[-1] == 0
    assert current[500] == pytest.approx(1e-3) and current[1000] == 2e-3 == current[121000]
    assert current[122000] == pytest.approx(1e-3)


def test_ramps_that_are_not_reported_are_steps_that_say_so_or_what_was_chosen():
    protocol = sessions.tdcs(ramp_up_s=None, ramp_down_s=None)
    step = sample_session(protocol, 10)
    assert step.current_A[0, 0] == 2e-3 and step.current_A[-1, 0] == 0 and step.time_s[-1] == 1200
    assert "ramp up: not reported; here a step" in step.notes
    chosen = sample_session(protocol, 10, choices=Choices(ramp_s=30))
    assert chosen.time_s[-1] == 1260 and "ramp down: not reported; here 30 s, chosen" in chosen.notes
    assert sample_session(sessions.tdcs(), 10, choices=Choices(ramp_s=30)).time_s[-1] == 1230


def test_the_ramp_down_follows_the_last_time_on_and_never_a_pause():
    parts = pieces(sessions.intermittent().waveform)
    kinds = [piece.kind for piece in parts]
    assert kinds[0] == "ramp up" and kinds[-3:] == ["on", "ramp down", "off"]
    assert kinds.count("on") == 60 and parts[-1].stop_s == session_s(sessions.intermittent().waveform) == 1830
    for before, after in pairwise(parts):
        assert before.stop_s == pytest.approx(after.start_s)


def test_the_level_is_zero_outside_of_the_session():
    parts = pieces(sessions.tdcs().waveform)
    assert level_at(parts, np.array([-1.0, -1e-6, 1230.0, 1e9])).tolist() == [0, 0, 0, 0]


# what is refused


@pytest.mark.parametrize(
    ("protocol", "rate_Hz", "needed"),
    [
        (sessions.tacs(), 99, "a frequency of 10 Hz; at least 100 Hz"),
        (sessions.interference(), 1000, "a carrier of 2010 Hz; at least 20100 Hz"),
        (sessions.trns(), 1280, "noise up to 640 Hz; at least 1600 Hz"),
        (sessions.tpcs(), 100, "pulses and gaps of 28.3 ms; at least 353.357 Hz"),
        (sessions.tdcs(), 0.5, "a ramp up of 10 s; at least 1 Hz"),
        (sessions.intermittent(), 0.9, "a ramp up of 10 s; at least 1 Hz"),
    ],
    ids=lambda value: getattr(value, "modality", None),
)
def test_a_rate_that_is_too_low_is_refused_with_the_one_needed(protocol, rate_Hz, needed):
    with pytest.raises(InputError, match=needed):
        sample_session(protocol, rate_Hz)
    least, _ = needed_rate_Hz(protocol.waveform)
    assert len(sample_session(protocol, least, stop_s=25).time_s) > 1
    with pytest.raises(InputError, match="too low"):
        sample_session(protocol, least * 0.999)


@pytest.mark.parametrize("rate_Hz", [0, -1, math.nan, math.inf])
def test_a_rate_must_be_a_number(rate_Hz):
    with pytest.raises(InputError, match="more than 0 Hz"):
        sample_session(sessions.tdcs(), rate_Hz)


@pytest.mark.parametrize("window", [(-1, None), (5, 5), (9, 2), (2000, None), (math.nan, None), (0, math.nan)])
def test_a_window_must_lie_in_the_session(window):
    with pytest.raises(InputError, match="no part of a session of 1230 s"):
        sample_session(sessions.tdcs(), 10, start_s=window[0], stop_s=window[1])


def test_a_window_between_two_samples_is_refused():
    with pytest.raises(InputError, match="no sample in the window"):
        sample_session(sessions.tdcs(), 10, start_s=0.01, stop_s=0.02)


def test_more_samples_than_memory_are_refused_unless_a_window_is_asked_for():
    with pytest.raises(InputError, match=r"4\.92e\+08 samples are more than 1e\+08"):
        sample_session(sessions.interference(), 100_000)
    with pytest.raises(InputError, match="ask for a part"):
        session_chunks(sessions.interference(), 100_000)
    assert len(next(session_chunks(sessions.interference(), 100_000, stop_s=1200.0)).time_s) == 2**18


def test_what_is_open_must_be_chosen_and_what_is_reported_must_not():
    own = sessions.tacs(frequency_Hz=None, frequency_note="individual alpha from EEG")
    with pytest.raises(InputError, match="individual alpha from EEG; choose it with --frequency-hz"):
        sample_session(own, 1000)
    waves = sample_session(own, 1000, start_s=20, stop_s=30, choices=Choices(frequency_Hz=9.5))
    frequency, strength = power(waves)
    assert (
        frequency[np.argmax(strength)] == pytest.approx(9.5)
        and "frequency_Hz: not reported; here 9.5, chosen" in waves.notes
    )
    with pytest.raises(InputError, match="reports frequency_Hz 10"):
        sample_session(sessions.tacs(), 1000, choices=Choices(frequency_Hz=9.5))


def test_every_open_value_of_a_noise_is_listed():
    vague = sessions.trns(band_low_Hz=None, band_high_Hz=None, distribution=None)
    with pytest.raises(InputError) as caught:
        sample_session(vague, 1600)
    assert [problem.where.split(": ")[1] for problem in caught.value.problems] == [
        "band_low_Hz", "band_high_Hz", "distribution",
    ]  # fmt: skip
    chosen = Choices(band_Hz=(0.1, 640), distribution="gaussian")
    assert len(sample_session(vague, 1600, stop_s=1, choices=chosen).time_s) == 1600


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"ramp_s": -1}, {"ramp_s": math.nan}, {"frequency_Hz": 0}, {"band_Hz": (5, 5)}, {"gap_s": math.inf}],
)
def test_choices_must_make_sense(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Choices(**wrong)


def test_pulses_of_a_coil_are_not_sampled():
    with pytest.raises(InputError, match="TMS has pulses, not a current"):
        sample_session(sessions.itbs(), 1000)


# for any protocol


@settings(max_examples=60)
@given(st.data(), st.sampled_from(sorted(KIND_OF)))
def test_the_currents_of_any_protocol_balance_at_every_sample(data, modality):
    protocol = data.draw(protocols(modality))
    waveform = attrs.evolve(protocol.waveform, duration_s=min(protocol.waveform.duration_s, 60.0))
    electric = attrs.evolve(protocol.electric, waveform=waveform)
    protocol = attrs.evolve(protocol, stimulation=electric, published_totals=None)
    choices = Choices(
        frequency_Hz=7.0 if getattr(waveform, "frequency_Hz", 1) is None else None,
        band_Hz=_open_band(waveform),
        distribution="uniform" if getattr(waveform, "distribution", 1) is None else None,
    )
    filled = waveform if choices.frequency_Hz is None else attrs.evolve(waveform, frequency_Hz=7.0)
    if choices.band_Hz:
        filled = attrs.evolve(filled, band_low_Hz=choices.band_Hz[0], band_high_Hz=choices.band_Hz[1])
    rate_Hz = needed_rate_Hz(filled)[0]
    start = min(waveform.ramp_up_s or 0.0, 60.0)
    waves = sample_session(protocol, rate_Hz, start_s=start, stop_s=start + 2000 / rate_Hz, choices=choices)
    assert np.isfinite(waves.current_A).all()
    size = np.abs(waves.current_A).sum(axis=1) + 1e-30
    assert np.abs(waves.current_A.sum(axis=1)).max() <= 1e-12 + 1e-12 * size.max()


def _open_band(waveform):
    if not isinstance(waveform, NoiseWaveform) or None not in (waveform.band_low_Hz, waveform.band_high_Hz):
        return None
    return (waveform.band_low_Hz or 0.1, waveform.band_high_Hz or 1000.0)


def test_every_electric_protocol_of_the_library_can_be_sampled():
    from stimplan.protocol import list_protocols

    for entry in list_protocols():
        protocol = read_protocol(entry.path)
        if protocol.waveform is None or protocol.waveform.type != "direct":
            continue
        waves = sample_session(protocol, 10)
        assert charge_C(waves) == pytest.approx(protocol.total_charge_C, rel=1e-9), entry.id
