"""Dose of an electric stimulation: amplitude, rectified mean, charge; each with its formula.

Charges are those of the rectified current, ∫|i| dt: a sinusoid moves charge out and back, so its net charge is zero.
For a direct current both are the same.
"""

from __future__ import annotations

import math

from stimplan.montage import Electrode
from stimplan.protocol.electric import (
    DirectWaveform,
    ElectricStimulation,
    NoiseWaveform,
    OscillatingWaveform,
    PulsedWaveform,
)

# Gaussian noise given "peak to peak" is understood as 99 % of the values lying between, as the makers of stimulators
# for random noise do: half of it is 2.5758 standard deviations.
NOISE_99_PERCENT_SIGMAS = 2.5758293035489004


def on_time_s(waveform: DirectWaveform) -> float:
    """Time at the full level without the pauses, s: the whole periods' on-times and what is on of the last one."""
    pauses = waveform.intermittence
    if pauses is None:
        return waveform.duration_s
    period_s = pauses.on_s + pauses.off_s
    whole = math.floor(waveform.duration_s / period_s + 1e-9)
    return whole * pauses.on_s + min(max(waveform.duration_s - whole * period_s, 0.0), pauses.on_s)


def duty_cycle(waveform: DirectWaveform) -> float:
    """Share of the time in which current flows: on over on and off, times pulse width over period where pulsed."""
    share = on_time_s(waveform) / waveform.duration_s
    return share * _pulse_share(waveform) if isinstance(waveform, PulsedWaveform) else share


def _pulse_share(waveform: PulsedWaveform) -> float:
    return 1 - waveform.pulse_gap_s / waveform.period_s


def peak_A(  # noqa: PLR0911 - a table, one row per convention
    stimulation: ElectricStimulation, electrode: Electrode
) -> float | None:
    """Largest |i(t)| of one electrode, A; None where it has none (Gaussian noise) or the convention is not reported.

    From the convention: peak I; peak-to-peak I/2; RMS √2·I for a sinusoid, √3·I for uniform noise, I/√share for
    pulses that fill a share of the time. A direct current under it (otDCS, tRNS) adds its size.
    """
    size, waveform = abs(electrode.current_A), stimulation.waveform
    offset = abs(electrode.offset_A or 0.0)
    match stimulation.amplitude_convention:
        case None if waveform.type != "direct":
            return None
        case "peak-to-peak" if isinstance(waveform, PulsedWaveform) and waveform.polarity == "monophasic":
            return size  # from zero to the pulse
        case "peak-to-peak":
            return size / 2 + offset
        case "RMS" if isinstance(waveform, NoiseWaveform):
            return math.sqrt(3) * size + offset if waveform.distribution == "uniform" else None
        case "RMS" if isinstance(waveform, PulsedWaveform):
            return size / math.sqrt(_pulse_share(waveform))
        case "RMS":
            return math.sqrt(2) * size + offset
    return size + offset


def mean_rectified_A(stimulation: ElectricStimulation, electrode: Electrode) -> float | None:
    """Mean of |i(t)| of one electrode while it is on, A; None where the source does not say enough.

    * direct: I
    * sinusoid of peak I (tACS, each carrier of TI): 2I/π
    * oscillation of peak a on a direct current b: b where a <= b, else (2/π)(b·asin(b/a) + √(a² - b²))
    * noise of standard deviation σ on a direct current b: Gaussian σ·√(2/π)·exp(-b²/2σ²) + b·erf(b/σ√2), which is
      σ·√(2/π) without it; uniform, of half width a = √3·σ: b where a <= b, else (a² + b²)/2a, a/2 without it
    * pulses of peak I that fill a share d of the time: I·d
    """
    waveform = stimulation.waveform
    if isinstance(waveform, NoiseWaveform):
        return _mean_of_noise(stimulation, abs(electrode.current_A), abs(electrode.offset_A or 0.0))
    peak = peak_A(stimulation, electrode)
    if peak is None or waveform.type == "direct":
        return peak
    if isinstance(waveform, PulsedWaveform):
        return peak * _pulse_share(waveform)
    if isinstance(waveform, OscillatingWaveform):
        offset = abs(electrode.offset_A or 0.0)
        return _mean_of_oscillation(peak - offset, offset)
    return 2 * peak / math.pi


def _mean_of_oscillation(peak: float, offset: float) -> float:
    if peak <= offset:
        return offset
    return 2 / math.pi * (offset * math.asin(offset / peak) + math.sqrt(peak**2 - offset**2))


def _mean_of_noise(stimulation: ElectricStimulation, size: float, offset: float) -> float | None:
    sigma = noise_sigma_A(stimulation, size)
    if sigma is None or not isinstance(stimulation.waveform, NoiseWaveform):
        return None
    if stimulation.waveform.distribution == "uniform":
        half = sigma * math.sqrt(3)
        return offset if half <= offset else (half**2 + offset**2) / (2 * half)
    if sigma == 0:
        return offset
    ratio = offset / (sigma * math.sqrt(2))
    return sigma * math.sqrt(2 / math.pi) * math.exp(-(ratio**2)) + offset * math.erf(ratio)


def noise_sigma_A(stimulation: ElectricStimulation, size: float) -> float | None:
    """Standard deviation of a noise by the convention, A; None where that or its shape is not reported."""
    distribution = stimulation.waveform.distribution if isinstance(stimulation.waveform, NoiseWaveform) else None
    if stimulation.amplitude_convention is None:
        return None
    if stimulation.amplitude_convention == "RMS":
        return size if distribution else None
    half = size / 2 if stimulation.amplitude_convention == "peak-to-peak" else size
    match distribution:
        case "uniform":
            return half / math.sqrt(3)
        case "gaussian":
            return half / NOISE_99_PERCENT_SIGMAS
    return None


def total_current_A(stimulation: ElectricStimulation) -> float | None:
    """Current through the head by the amplitude convention, A; None where that is not reported.

    The sum of the positive currents; for alternating current half the sum of all sizes, which is the largest the
    phases allow.
    """
    if not stimulation.is_size_known:
        return None
    currents = [electrode.current_A for electrode in stimulation.electrodes]
    if stimulation.waveform.type == "sinusoidal":
        return math.fsum(map(abs, currents)) / 2
    return math.fsum(current for current in currents if current > 0)


def total_mean_rectified_A(stimulation: ElectricStimulation) -> float | None:
    """Mean current through the head, half the sum of the electrodes' rectified means, A."""
    if stimulation.waveform.type == "direct":
        return total_current_A(stimulation)
    means = [mean_rectified_A(stimulation, electrode) for electrode in stimulation.electrodes]
    known = [mean for mean in means if mean is not None]
    return math.fsum(known) / 2 if len(known) == len(means) else None


def nominal_charge_C(stimulation: ElectricStimulation) -> float | None:
    """Charge of one session, mean current × time on at the full level, C; ramps not counted."""
    mean = total_mean_rectified_A(stimulation)
    return None if mean is None else mean * on_time_s(stimulation.waveform)


def ramp_charge_C(stimulation: ElectricStimulation) -> float | None:
    """Charge of the linear ramps that are reported, mean current × t/2 each, C; the ramp's amplitude is half."""
    mean, waveform = total_mean_rectified_A(stimulation), stimulation.waveform
    ramps_s = (waveform.ramp_up_s or 0.0) + (waveform.ramp_down_s or 0.0)
    return None if mean is None else mean * ramps_s / 2


def total_charge_C(stimulation: ElectricStimulation) -> float | None:
    """Charge of one session with the ramps that are reported, I·(t + t_up/2 + t_down/2), C."""
    mean, waveform = total_mean_rectified_A(stimulation), stimulation.waveform
    ramps_s = (waveform.ramp_up_s or 0.0) + (waveform.ramp_down_s or 0.0)
    return None if mean is None else mean * (on_time_s(waveform) + ramps_s / 2)


def charge_density_C_per_m2(stimulation: ElectricStimulation, electrode: Electrode) -> float | None:
    """Charge of one session at the full level over an electrode's contact area, mean |i|·t / A, C/m²."""
    if stimulation.waveform.type == "direct":
        return electrode.current_density_A_per_m2 * on_time_s(stimulation.waveform)
    mean = mean_rectified_A(stimulation, electrode)
    return None if mean is None else mean * on_time_s(stimulation.waveform) / electrode.shape.area_m2
