"""Totals, each against a number computed by hand."""

from __future__ import annotations

import math

import attrs
import pytest
from strategies import LONE_BLOCK

from stimplan.errors import InputError, ProtocolError
from stimplan.montage import Electrode, Layer, Rectangle
from stimplan.protocol import (
    Block,
    Coil,
    Course,
    DirectWaveform,
    ElectricStimulation,
    InterferenceWaveform,
    Intermittence,
    MagneticStimulation,
    NoiseWaveform,
    OscillatingWaveform,
    Pattern,
    Peripheral,
    Protocol,
    PulsedWaveform,
    SinusoidalWaveform,
    Stimulus,
    Timing,
    dump_protocol,
    read_protocol,
)
from stimplan.protocol.dose import mean_rectified_A, noise_sigma_A, on_time_s, peak_A
from stimplan.protocol.totals import Totals, totals_of
from stimplan.protocol.trains import pulse_times_s, train_of

PAD = Rectangle(width_m=0.05, height_m=0.07)
LAYERS = (Layer("saline_sponge", 0.005),)
TIMES = {"duration_s": 1200.0, "ramp_up_s": 30.0, "ramp_down_s": 30.0}
ONE = Course(sessions=1, sessions_per_day=None, min_gap_s=None, schedule=None)


def block(*patterns: tuple[int, float], stimulus: Stimulus | None = None, **changes: object) -> Block:
    timing = Timing(stimulus or Stimulus(), tuple(Pattern(*pattern) for pattern in patterns))
    return attrs.evolve(LONE_BLOCK, timing=timing, **changes)


def magnetic(*blocks: Block, course: Course = ONE) -> Protocol:
    stimulation = MagneticStimulation(Coil("figure-8", None), None, blocks)
    return Protocol(id="x", title=None, modality="TMS", stimulation=stimulation, course=course)


def electric(waveform, modality, *currents_A, convention=None, course=ONE, **per_electrode) -> Protocol:
    electrodes = tuple(
        Electrode(site, PAD, LAYERS, current, **{key: values[n] for key, values in per_electrode.items()})
        for n, (site, current) in enumerate(zip(("F3", "F4", "P7", "P8"), currents_A, strict=False))
    )
    stimulation = ElectricStimulation(electrodes, waveform, convention)
    return Protocol(id="x", title=None, modality=modality, stimulation=stimulation, course=course)


ITBS = ((3, 0.02), (10, 0.2), (20, 10.0))
QUAD = Stimulus(4, (0.005, 0.005, 0.005))

# name, protocol, pulses, first to last pulse, with the last gap
TIMED = [
    ("iTBS", magnetic(block(*ITBS)), 600, 191.84, 200.0),
    ("cTBS", magnetic(block((3, 0.02), (200, 0.2))), 600, 39.84, 40.0),
    ("10 Hz, 4 s on 26 s off", magnetic(block((40, 0.1), (75, 30.0))), 3000, 2223.9, 2250.0),
    ("1 Hz", magnetic(block((900, 1.0))), 900, 899.0, 900.0),
    ("quadripulse", magnetic(block((360, 5.0), stimulus=QUAD)), 1440, 1795.015, 1800.0),
    ("one pulse", magnetic(block()), 1, 0.0, 0.0),
    ("a pair", magnetic(block(stimulus=Stimulus(2, (0.003,)))), 2, 0.003, 0.003),
    ("pairs", magnetic(block((20, 5.0), stimulus=Stimulus(2, (0.003,)))), 40, 95.003, 100.0),
    ("two blocks", magnetic(block((600, 1.0), gap_s=60.0), block((15, 0.1), (100, 20.0))), 2100, 2640.4, 2659.0),
    ("uneven stimulus", magnetic(block((2, 10.0), stimulus=Stimulus(3, (0.001, 0.004)))), 6, 10.005, 20.0),
]


@pytest.mark.parametrize(
    ("protocol", "pulses", "seconds", "slot"), [row[1:] for row in TIMED], ids=[r[0] for r in TIMED]
)
def test_pulses_and_durations_are_as_computed_by_hand(protocol, pulses, seconds, slot) -> None:
    totals = totals_of(protocol)
    assert (totals.pulses_per_session, totals.session_duration_s, totals.session_slot_s) == (pulses, seconds, slot)
    assert totals.charge_per_session_C is None


@pytest.mark.parametrize("row", TIMED, ids=[row[0] for row in TIMED])
def test_the_times_of_the_pulses_agree_with_the_totals(row) -> None:
    for one in row[1].stimulation.blocks:
        times = pulse_times_s(one.timing)
        assert list(times) == sorted(times)
        alone = totals_of(magnetic(attrs.evolve(one, gap_s=None)))
        assert (len(times), pytest.approx(times[-1])) == (alone.pulses_per_session, alone.session_duration_s)


def test_accelerated_theta_burst_adds_up_over_the_day_and_the_course() -> None:
    saint = Course(sessions=50, sessions_per_day=10, min_gap_s=3000.0, schedule=None)
    totals = totals_of(magnetic(block((3, 0.02), (10, 0.2), (60, 10.0)), course=saint))
    assert (totals.pulses_per_session, totals.pulses_per_day, totals.pulses_per_course) == (1800, 18_000, 90_000)
    assert totals.session_duration_s == 591.84
    assert totals.course_duration_s == 50 * 591.84


def test_sessions_per_day_that_are_not_reported_leave_the_day_unknown() -> None:
    course = Course(sessions=10, sessions_per_day=None, min_gap_s=None, schedule=None)
    totals = totals_of(magnetic(block((900, 1.0)), course=course))
    assert (totals.pulses_per_day, totals.pulses_per_course) == (None, 9000)


def test_a_gap_between_blocks_that_is_not_reported_makes_the_duration_a_lower_bound() -> None:
    totals = totals_of(magnetic(block((600, 1.0)), block((600, 1.0))))
    assert (totals.session_duration_s, totals.is_duration_complete) == (1198.0, False)
    assert totals_of(magnetic(block((600, 1.0)))).is_duration_complete


NERVE = Peripheral(nerve="median", interval_s=0.025, intensity=None)

# name, block, frequency, bursts, pulses in a train, trains, length, interval
TRAINS = [
    ("iTBS", block(*ITBS), 50.0, 5.0, 30, 20, 2.0, 8.0),
    ("iTBS", block((10, 0.2), (20, 10.0), stimulus=Stimulus(3, (0.02, 0.02))), 50.0, 5.0, 30, 20, 2.0, 8.0),
    ("cTBS", block((3, 0.02), (200, 0.2)), 50.0, 5.0, 600, 1, 40.0, None),
    ("cTBS", block((200, 0.2), stimulus=Stimulus(3, (0.02, 0.02))), 50.0, 5.0, 600, 1, 40.0, None),
    ("cTBS", block((3, 0.02), (10, 0.2), (20, 2.0)), 50.0, 5.0, 600, 1, 40.0, None),
    # two trains with a quarter of an hour between their starts (neglect after stroke) stay continuous
    ("cTBS", block((3, 0.02), (200, 0.2), (2, 940.0)), 50.0, 5.0, 600, 2, 40.0, 900.0),
    ("cTBS", block((3, 0.02), (100, 0.2)), 50.0, 5.0, 300, 1, 20.0, None),
    ("cTBS", block((3, 1 / 30), (267, 1 / 6), (8, 944.5)), 30.0, 6.0, 801, 8, 44.5, 900.0),
    ("iTBS", block((3, 0.02), (10, 0.2), (20, 8.0)), 50.0, 5.0, 30, 20, 2.0, 6.0),
    ("iTBS", block((3, 0.02), (10, 0.2), (20, 12.0)), 50.0, 5.0, 30, 20, 2.0, 10.0),
    ("theta-burst", block((3, 0.02), (10, 0.2), (20, 12.1)), 50.0, 5.0, 30, 20, 2.0, 10.1),
    ("theta-burst", block((3, 0.02), (10, 0.2), (20, 7.9)), 50.0, 5.0, 30, 20, 2.0, 5.9),
    ("theta-burst", block((3, 0.02), (25, 0.2), (8, 15.0)), 50.0, 5.0, 75, 8, 5.0, 10.0),  # intermediate
    ("theta-burst", block((3, 0.02), (10, 0.2)), 50.0, 5.0, 30, 1, 2.0, None),
    ("theta-burst", block((4, 0.02), (200, 0.2)), 50.0, 5.0, 800, 1, 40.0, None),
    ("repetitive", block((40, 0.1), (75, 30.0)), 10.0, None, 40, 75, 4.0, 26.0),
    ("repetitive", block((10, 0.1), (4, 1.0), (75, 30.0)), 10.0, None, 40, 75, 4.0, 26.0),
    ("repetitive", block((36, 1 / 18), (55, 22.0)), 18.0, None, 36, 55, 2.0, 20.0),
    ("repetitive", block((900, 1.0)), 1.0, None, 900, 1, 900.0, None),
    ("single-pulse", block((60, 5.0)), 0.2, None, 60, 1, 300.0, None),
    ("single-pulse", block(), None, None, 1, 1, 0.0, None),
    ("paired-pulse", block((20, 5.0), stimulus=Stimulus(2, (0.003,))), 0.2, None, 40, 1, 100.0, None),
    ("quadripulse", block((360, 5.0), stimulus=QUAD), 0.2, None, 1440, 1, 1800.0, None),
    ("paired-associative", block((90, 20.0), peripheral=NERVE), 0.05, None, 90, 1, 1800.0, None),
]


@pytest.mark.parametrize("row", TRAINS, ids=[f"{n} {row[0]}" for n, row in enumerate(TRAINS)])
def test_trains_are_found_in_the_nested_timing(row) -> None:
    train = train_of(row[1])
    assert train.name == row[0]
    assert (train.frequency_Hz, train.burst_frequency_Hz, train.pulses, train.count) == row[2:6]
    assert (train.train_duration_s, train.inter_train_interval_s) == row[6:]
    assert train.is_theta_burst == (row[3] is not None)
    assert train.pulses * train.count == totals_of(magnetic(row[1])).pulses_per_session


def test_the_share_of_the_time_within_trains() -> None:
    assert train_of(block((40, 0.1), (75, 30.0))).duty_cycle == pytest.approx(4 / 30)
    assert totals_of(magnetic(block((40, 0.1), (75, 30.0)))).duty_cycle == pytest.approx(4 / 30)
    assert totals_of(magnetic(block((900, 1.0)))).duty_cycle == 1


def direct_totals(**changes: object) -> Totals:
    return totals_of(electric(DirectWaveform(**{**TIMES, **changes}), "tDCS", 0.002, -0.002))


def test_two_milliamperes_for_twenty_minutes_are_two_point_four_coulombs_and_each_ramp_adds_half() -> None:
    totals = direct_totals()
    assert totals.charge_per_session_C == 2.4
    assert totals.ramp_charge_C == 0.002 * 60 / 2
    assert (totals.session_duration_s, totals.is_duration_complete) == (1260.0, True)
    assert totals.peak_current_A == 0.002
    assert (totals.pulses_per_session, totals.trains, totals.duty_cycle) == (None, (), 1.0)
    assert not direct_totals(ramp_up_s=None).is_duration_complete


def test_a_course_adds_up_the_charge() -> None:
    course = Course(sessions=10, sessions_per_day=2, min_gap_s=None, schedule=None)
    totals = totals_of(electric(DirectWaveform(**TIMES), "tDCS", 0.002, -0.002, course=course))
    assert (totals.charge_per_day_C, totals.charge_per_course_C) == (4.8, 24.0)


@pytest.mark.parametrize(
    ("duration_s", "on_s", "off_s", "expected"),
    [(1200.0, 300.0, 60.0, 1020.0), (600.0, 5.0, 5.0, 300.0), (7.0, 5.0, 5.0, 5.0), (13.0, 5.0, 5.0, 8.0)],
)
def test_pauses_do_not_count(duration_s: float, on_s: float, off_s: float, expected: float) -> None:
    waveform = DirectWaveform(duration_s, None, None, Intermittence(on_s, off_s))
    assert on_time_s(waveform) == pytest.approx(expected)
    totals = totals_of(electric(waveform, "tDCS", 0.001, -0.001))
    assert totals.charge_per_session_C == pytest.approx(0.001 * expected)
    assert totals.duty_cycle == pytest.approx(expected / duration_s)


@pytest.mark.parametrize(
    ("convention", "peak"), [("peak", 0.001), ("peak-to-peak", 0.0005), ("RMS", 0.001 * math.sqrt(2))]
)
def test_a_sinusoid_moves_two_over_pi_of_its_peak(convention: str, peak: float) -> None:
    waveform = SinusoidalWaveform(**TIMES, frequency_Hz=10.0)
    phases = [0.0, 0.0, math.pi]
    protocol = electric(waveform, "tACS", 0.001, 0.001, 0.002, convention=convention, phase_rad=phases)
    totals = totals_of(protocol)
    assert totals.charge_per_session_C == pytest.approx(2 / math.pi * 2 * peak * 1200)
    assert totals.peak_current_A == pytest.approx(2 * peak)
    assert protocol.total_current_A == pytest.approx(0.002)


def test_the_mean_of_noise_is_sigma_times_root_two_over_pi() -> None:
    def noise(convention: str, distribution: str | None) -> ElectricStimulation:
        waveform = NoiseWaveform(**TIMES, band_low_Hz=100.0, band_high_Hz=640.0, distribution=distribution)
        return electric(waveform, "tRNS", 0.001, -0.001, convention=convention).stimulation

    rms = noise("RMS", "gaussian")
    assert mean_rectified_A(rms, rms.electrodes[0]) == pytest.approx(0.001 * math.sqrt(2 / math.pi))
    assert peak_A(rms, rms.electrodes[0]) is None
    width = noise("peak-to-peak", "gaussian")
    assert noise_sigma_A(width, 0.001) == pytest.approx(0.0005 / 2.5758, rel=1e-4)
    flat = noise("peak-to-peak", "uniform")
    assert mean_rectified_A(flat, flat.electrodes[0]) == pytest.approx(0.00025)
    even = noise("RMS", "uniform")
    assert peak_A(even, even.electrodes[0]) == pytest.approx(0.001 * math.sqrt(3))
    assert mean_rectified_A(noise("peak", None), rms.electrodes[0]) is None


@pytest.mark.parametrize("offset", [0.0, 0.0003, 0.001, 0.004])
@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
def test_the_mean_of_noise_on_a_direct_current_agrees_with_a_sum_over_its_distribution(distribution, offset) -> None:
    waveform = NoiseWaveform(**TIMES, band_low_Hz=100.0, band_high_Hz=640.0, distribution=distribution)
    given = electric(waveform, "tRNS", 0.001, -0.001, convention="RMS", offset_A=[offset, -offset]).stimulation
    sigma, steps = 0.001, 200_000
    if distribution == "uniform":
        values = [sigma * math.sqrt(3) * (2 * (k + 0.5) / steps - 1) for k in range(steps)]
        weights = [1 / steps] * steps
    else:
        points = [10 * (2 * (k + 0.5) / steps - 1) for k in range(steps)]
        values = [sigma * x for x in points]
        weights = [math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * 20 / steps for x in points]
    expected = math.fsum(w * abs(v + offset) for v, w in zip(values, weights, strict=True))
    assert mean_rectified_A(given, given.electrodes[1]) == pytest.approx(expected, rel=1e-7)


def test_an_offset_adds_to_the_peak_of_noise() -> None:
    waveform = NoiseWaveform(**TIMES, band_low_Hz=100.0, band_high_Hz=640.0, distribution="uniform")
    for convention, peak in (("peak", 0.001), ("peak-to-peak", 0.0005), ("RMS", 0.001 * math.sqrt(3))):
        one = electric(waveform, "tRNS", 0.001, -0.001, convention=convention, offset_A=[0.0005, -0.0005]).stimulation
        assert peak_A(one, one.electrodes[1]) == pytest.approx(peak + 0.0005)


def without_convention() -> list[Protocol]:
    noise = NoiseWaveform(**TIMES, band_low_Hz=100.0, band_high_Hz=640.0, distribution="uniform")
    pulsed = PulsedWaveform(**TIMES, pulse_width_s=0.001, pulse_gap_s=0.003, polarity="monophasic")
    carriers = InterferenceWaveform(**TIMES, carriers_Hz=(2000.0, 2010.0))
    currents, offsets = (0.001, -0.001), {"offset_A": [0.001, -0.001]}
    return [
        electric(SinusoidalWaveform(**TIMES, frequency_Hz=10.0), "tACS", *currents, phase_rad=[0.0, 0.0]),
        electric(noise, "tRNS", *currents),
        electric(OscillatingWaveform(**TIMES, frequency_Hz=0.75), "otDCS", *currents, **offsets),
        electric(pulsed, "tPCS", *currents),
        electric(carriers, "TI", *currents, *currents, channel=[1, 1, 2, 2]),
    ]


@pytest.mark.parametrize("protocol", without_convention(), ids=lambda protocol: protocol.modality)
def test_sizes_whose_meaning_is_not_reported_leave_every_total_of_the_current_unknown(protocol) -> None:
    assert not protocol.stimulation.is_size_known
    totals = totals_of(protocol)
    assert (totals.session_duration_s, totals.is_duration_complete) == (1260.0, True)
    assert (totals.peak_current_A, totals.charge_per_session_C, totals.charge_per_course_C) == (None, None, None)
    assert totals.ramp_charge_C is None
    assert (protocol.total_current_A, protocol.max_electrode_current_A) == (None, None)
    assert (protocol.max_current_density_A_per_m2, protocol.max_charge_density_C_per_m2) == (None, None)
    assert (protocol.nominal_charge_C, protocol.total_charge_C) == (None, None)
    text = dump_protocol(protocol)
    assert '"amplitude_convention": null' in text
    assert read_protocol(text) == protocol


@pytest.mark.parametrize("protocol", without_convention(), ids=lambda protocol: protocol.modality)
def test_sizes_whose_meaning_is_not_reported_are_described_and_drawn_but_never_sampled(protocol) -> None:
    from matplotlib import pyplot as plt

    from stimplan.describe import clinician_text, methods_text, not_reported, patient_text
    from stimplan.view.timeline import plot_session
    from stimplan.waveform import sample_session

    for text in (clinician_text(protocol), methods_text(protocol)):
        assert "whether sizes are peak, peak-to-peak or RMS is not reported" in text
    assert "milliamps" not in patient_text(protocol)
    assert "whether the current is given as peak, peak-to-peak or RMS" in not_reported(protocol)
    with pytest.raises(InputError, match="amplitude_convention: is not reported"):
        sample_session(protocol, 1e5)
    figure = plot_session(protocol)
    said = " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))
    assert "not reported; drawn as if it were the peak" in said.replace("\n", " ")
    plt.close(figure)


def test_a_direct_current_never_has_a_convention_and_its_file_no_such_key() -> None:
    protocol = electric(DirectWaveform(**TIMES), "tDCS", 0.002, -0.002)
    assert protocol.stimulation.is_size_known
    assert "amplitude_convention" not in dump_protocol(protocol)


def test_means_of_oscillations_agree_with_a_sum_over_one_period() -> None:
    waveform = OscillatingWaveform(**TIMES, frequency_Hz=0.75)
    for peak, offset in ((0.001, 0.002), (0.001, 0.001), (0.002, 0.0005), (0.002, 0.0)):
        stimulation = electric(
            waveform, "otDCS", peak, -peak, convention="peak", offset_A=[offset, -offset]
        ).stimulation
        steps = [abs(offset + peak * math.sin(2 * math.pi * (k + 0.5) / 20_000)) for k in range(20_000)]
        expected = math.fsum(steps) / len(steps)
        assert mean_rectified_A(stimulation, stimulation.electrodes[0]) == pytest.approx(expected, rel=1e-6)
        assert peak_A(stimulation, stimulation.electrodes[0]) == pytest.approx(peak + offset)


def test_pulses_fill_their_share_of_the_time() -> None:
    half = PulsedWaveform(**TIMES, pulse_width_s=0.001, pulse_gap_s=0.003, polarity="monophasic")
    totals = totals_of(electric(half, "tPCS", 0.002, -0.002, convention="peak"))
    assert (half.frequency_Hz, totals.duty_cycle) == (pytest.approx(250.0), 0.25)
    assert totals.charge_per_session_C == pytest.approx(0.002 * 1200 / 4)
    both = attrs.evolve(half, polarity="biphasic")
    assert totals_of(electric(both, "tPCS", 0.002, -0.002, convention="peak-to-peak")).charge_per_session_C == (
        pytest.approx(0.001 * 1200 * 0.4)
    )
    rms = electric(half, "tPCS", 0.002, -0.002, convention="RMS").stimulation
    assert peak_A(rms, rms.electrodes[0]) == pytest.approx(0.004)
    one_way = electric(half, "tPCS", 0.002, -0.002, convention="peak-to-peak").stimulation
    assert peak_A(one_way, one_way.electrodes[0]) == 0.002


def test_the_beat_is_the_difference_of_the_carriers_and_each_channel_moves_its_own_charge() -> None:
    waveform = InterferenceWaveform(**TIMES, carriers_Hz=(2000.0, 2010.0))
    assert waveform.beats_Hz == (10.0,)
    protocol = electric(waveform, "TI", 0.001, -0.001, 0.002, -0.002, convention="peak", channel=[1, 1, 2, 2])
    assert totals_of(protocol).charge_per_session_C == pytest.approx(2 / math.pi * 0.003 * 1200)
    assert protocol.total_current_A == pytest.approx(0.003)


def test_a_lone_stimulus_of_several_pulses_counts_each_once():
    train = train_of(block(stimulus=Stimulus(4, (0.005, 0.005, 0.005))))
    assert (train.pulses, train.count, train.frequency_Hz) == (4, 1, 200.0)


def test_a_train_written_as_one_long_stimulus_is_a_train():
    train = train_of(block((75, 30.0), stimulus=Stimulus(40, (0.1,) * 39)))
    assert (train.pulses, train.count, train.frequency_Hz) == (40, 75, 10.0)
    assert (train.train_duration_s, train.inter_train_interval_s) == (4.0, 26.0)


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: Pattern(10, 0.0), "interval_s"),
        (lambda: Pattern(10, -1.0), "interval_s"),
        (lambda: Pattern(10, math.nan), "interval_s"),
        (lambda: Pattern(0, 1.0), "count"),
        (lambda: Pattern(2.5, 1.0), "count"),
        (lambda: Stimulus(2, (0.0,)), "intervals_s"),
        (lambda: Stimulus(4, (0.005, 0.005)), "intervals_s"),
        (lambda: Stimulus(0), "pulses"),
    ],
)
def test_a_timing_that_no_stimulator_can_give_is_refused_when_it_is_made(make, where):
    with pytest.raises(ProtocolError) as caught:
        make()
    assert caught.value.problems[0].where == where
