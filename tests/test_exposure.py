"""Fields of every electric waveform on a small sphere: against each other and against time written out."""

from __future__ import annotations

import math
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from spheres import SPONGE, ball, montage

from stimplan.errors import InputError
from stimplan.exposure import currents_of, expose
from stimplan.fem.interference import modulation_depth_pair
from stimplan.field import solve
from stimplan.field_map import slow_groups
from stimplan.montage import Circle, Electrode
from stimplan.placement import place
from stimplan.protocol import read_protocol
from stimplan.protocol.dose import NOISE_99_PERCENT_SIGMAS
from stimplan.protocol.electric import (
    DirectWaveform,
    ElectricStimulation,
    InterferenceWaveform,
    NoiseWaveform,
    OscillatingWaveform,
    PulsedWaveform,
    SinusoidalWaveform,
)

TIMES = {"duration_s": 600.0, "ramp_up_s": 10.0, "ramp_down_s": 10.0}


def electrode(site, current_A, **more):
    return Electrode(site=site, shape=Circle(0.02), layers=SPONGE, current_A=current_A, **more)


def exposed(electrodes, waveform, convention="peak"):
    stimulation = ElectricStimulation(tuple(electrodes), waveform, convention)
    return expose(SimpleNamespace(electric=stimulation), placed(electrodes))


def placed(electrodes):
    return place(montage(*electrodes), ball(), electrode_model="uniform")


def far(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


PAIR = (electrode("C3", 2e-3), electrode("Fp2", -2e-3))


def test_direct_current_has_one_field_and_its_size_is_the_map():
    found = exposed(PAIR, DirectWaveform(**TIMES), None)
    assert list(found.fields) == ["direct"]
    np.testing.assert_array_equal(found.main.values_V_per_m, found.field.magnitude_V_per_m)
    assert found.field.digest == solve(ball(), placed(PAIR)).digest


def test_alternating_current_in_phase_is_the_direct_field_swinging():
    electrodes = [attrs.evolve(PAIR[0], phase_rad=0.3), attrs.evolve(PAIR[1], phase_rad=0.3)]
    found = exposed(electrodes, SinusoidalWaveform(**TIMES, frequency_Hz=10.0), "peak-to-peak")
    direct = solve(ball(), placed(PAIR))
    assert list(found.fields) == ["in phase"]
    assert far(found.main.values_V_per_m, direct.magnitude_V_per_m / 2) < 1e-6
    assert far(found.map_named("rms").values_V_per_m, found.main.values_V_per_m / math.sqrt(2)) < 1e-12


def test_currents_a_third_of_a_period_apart_turn_the_field():
    electrodes = [electrode(s, 1e-3, phase_rad=2 * math.pi * k / 3) for k, s in enumerate(("C3", "C4", "Oz"))]
    found = exposed(electrodes, SinusoidalWaveform(**TIMES, frequency_Hz=10.0))
    assert set(found.fields) == {"in phase", "quadrature"}
    moments = []
    for turn in np.linspace(0, 2 * math.pi, 24, endpoint=False):
        currents = [1e-3 * math.cos(turn + e.phase_rad) for e in electrodes]
        moments.append(solve(ball(), placed(electrodes), currents_A=currents).magnitude_V_per_m)
    highest = np.max(moments, axis=0)
    assert np.all(highest <= found.main.values_V_per_m * (1 + 1e-5))
    assert np.all(highest >= found.main.values_V_per_m * 0.985)
    rms = np.sqrt(np.mean(np.square(moments), axis=0))
    np.testing.assert_allclose(found.map_named("rms").values_V_per_m, rms, rtol=1e-4)


@pytest.mark.parametrize(
    ("convention", "distribution", "sigma_A"),
    [
        ("peak-to-peak", "gaussian", 1e-3 / NOISE_99_PERCENT_SIGMAS),
        ("RMS", "gaussian", 2e-3),
        ("peak", "uniform", 2e-3 / math.sqrt(3)),
    ],
)
def test_noise_has_the_field_of_its_standard_deviation(convention, distribution, sigma_A):
    waveform = NoiseWaveform(**TIMES, band_low_Hz=100.0, band_high_Hz=640.0, distribution=distribution)
    found = exposed(PAIR, waveform, convention)
    direct = solve(ball(), placed(PAIR))
    assert found.main.id == "rms"
    assert far(found.main.values_V_per_m, direct.magnitude_V_per_m * sigma_A / 2e-3) < 1e-6


def test_noise_on_a_direct_current_adds_as_squares():
    electrodes = [attrs.evolve(PAIR[0], offset_A=1e-3), attrs.evolve(PAIR[1], offset_A=-1e-3)]
    waveform = NoiseWaveform(**TIMES, band_low_Hz=100.0, band_high_Hz=640.0, distribution="gaussian")
    found = exposed(electrodes, waveform, "RMS")
    direct = solve(ball(), placed(PAIR)).magnitude_V_per_m
    assert far(found.main.values_V_per_m, direct * math.sqrt(1 + 0.25)) < 1e-6
    assert far(found.map_named("offset").values_V_per_m, direct / 2) < 1e-6


def test_an_oscillation_on_a_direct_current_peaks_at_their_sum():
    electrodes = [electrode("C3", 1e-3, offset_A=2e-3), electrode("Fp2", -1e-3, offset_A=-2e-3)]
    found = exposed(electrodes, OscillatingWaveform(**TIMES, frequency_Hz=0.75))
    direct = solve(ball(), placed(PAIR)).magnitude_V_per_m
    assert far(found.main.values_V_per_m, 1.5 * direct) < 1e-6
    assert far(found.map_named("oscillation").values_V_per_m, direct / 2) < 1e-6


def test_pulses_have_their_peak_and_the_rms_of_their_share():
    waveform = PulsedWaveform(**TIMES, pulse_width_s=0.05, pulse_gap_s=0.15, polarity="monophasic")
    found = exposed(PAIR, waveform)
    direct = solve(ball(), placed(PAIR)).magnitude_V_per_m
    assert far(found.main.values_V_per_m, direct) < 1e-6
    assert far(found.map_named("rms").values_V_per_m, direct / 2) < 1e-6


def test_interference_of_one_montage_with_itself_is_modulated_fully():
    electrodes = [attrs.evolve(e, channel=k) for k in (1, 2) for e in PAIR]
    # Two channels through the same skin cannot be placed; the second pair is moved aside on purpose.
    electrodes[2:] = [electrode("C4", 2e-3, channel=2), electrode("Fp1", -2e-3, channel=2)]
    found = exposed(electrodes, InterferenceWaveform(**TIMES, carriers_Hz=(2000.0, 2010.0)))
    assert list(found.fields) == ["2000 Hz", "2010 Hz"]
    one, two = (field.E_V_per_m for field in found.fields.values())
    smaller = np.minimum(np.linalg.norm(one, axis=1), np.linalg.norm(two, axis=1))
    assert np.all(found.main.values_V_per_m <= 2 * smaller * (1 + 1e-9))
    lengths = np.linalg.norm(found.main.vectors_V_per_m, axis=1)
    np.testing.assert_allclose(lengths, found.main.values_V_per_m, rtol=1e-9, atol=1e-12)
    total = np.linalg.norm(one + two, axis=1)
    assert np.all(found.map_named("carrier_peak").values_V_per_m >= total * (1 - 1e-12))


def test_with_fast_and_slow_beats_the_slow_ones_have_a_map_of_their_own():
    sites = ("C3", "Fp2", "C4", "Fp1", "P3", "P4", "F7", "F8")
    electrodes = [electrode(s, 1e-3 * (-1) ** k, channel=k // 2 + 1) for k, s in enumerate(sites)]
    found = exposed(electrodes, InterferenceWaveform(**TIMES, carriers_Hz=(2000.0, 2010.0, 2500.0, 2510.0)))
    slow, every = found.map_named("envelope_slow"), found.map_named("envelope")
    assert "2000 with 2010 and 2500 with 2510 Hz" in slow.meaning and "490" in every.meaning
    first, second = (modulation_depth_pair([found.fields[f"{f:g} Hz"].E_V_per_m for f in pair])
                     for pair in ((2000, 2010), (2500, 2510)))  # fmt: skip
    assert np.all(slow.values_V_per_m >= np.maximum(first, second) * (1 - 1e-9))
    assert np.all(slow.values_V_per_m <= (first + second) * (1 + 1e-9))
    two = exposed(electrodes[:4], InterferenceWaveform(**TIMES, carriers_Hz=(2000.0, 2010.0)))
    fast = exposed(electrodes[:4], InterferenceWaveform(**TIMES, carriers_Hz=(2000.0, 2500.0)))
    assert not [one for made in (two, fast) for one in made.maps if one.id == "envelope_slow"]
    assert slow_groups((1000.0, 1100.0, 1249.0, 2000.0)) == [[0, 1, 2], [3]]


def test_channels_that_share_a_carrier_are_one_field_and_one_carrier_has_no_envelope():
    sites = ("C3", "Fp2", "C4", "Fp1", "P3", "P4")
    electrodes = [electrode(s, 1e-3 * (-1) ** k, channel=k // 2 + 1) for k, s in enumerate(sites)]
    waveform = InterferenceWaveform(**TIMES, carriers_Hz=(2000.0, 2010.0, 2000.0))
    currents = currents_of(ElectricStimulation(tuple(electrodes), waveform, "peak"))
    assert currents == {"2000 Hz": [1e-3, -1e-3, 0, 0, 1e-3, -1e-3], "2010 Hz": [0, 0, 1e-3, -1e-3, 0, 0]}
    with pytest.raises(InputError, match="share one carrier"):
        exposed(electrodes, InterferenceWaveform(**TIMES, carriers_Hz=(2000.0,) * 3))


def test_a_size_that_is_not_reported_has_no_field():
    with pytest.raises(InputError) as error:
        currents_of(read_protocol("zhou-2022-alzheimers").electric)
    assert len(error.value.problems) == 2
    assert "amplitude_convention" in str(error.value)
    waveform = NoiseWaveform(**TIMES, band_low_Hz=100.0, band_high_Hz=640.0, distribution=None)
    with pytest.raises(InputError, match="size of the field is unknown"):
        currents_of(ElectricStimulation(PAIR, waveform, "peak"))
    with pytest.raises(InputError, match="coil"):
        expose(read_protocol("saint"), placed(PAIR))
    with pytest.raises(InputError, match="no map 'phase'"):
        exposed(PAIR, DirectWaveform(**TIMES), None).map_named("phase")
