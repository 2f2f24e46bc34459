"""How large a current is at the full level, in words and in colours: what the session's picture is drawn from."""

from __future__ import annotations

import math

import attrs
import numpy as np

from stimplan.montage import Electrode
from stimplan.protocol import ElectricStimulation, NoiseWaveform, PulsedWaveform
from stimplan.protocol.dose import NOISE_99_PERCENT_SIGMAS
from stimplan.view.panels import SERIES
from stimplan.view.paper import ANODE, CATHODE
from stimplan.waveform import amplitudes_A


@attrs.frozen
class Group:
    """Electrodes that carry the same current at every moment.

    Attributes
    ----------
    labels : tuple of str
    number : int
        Of the first of them in the protocol.
    low_A, high_A : float
        Least and most current at the full level, A; for Gaussian noise 99 % of it lies between.
    colour : str
    """

    labels: tuple[str, ...]
    number: int
    low_A: float
    high_A: float
    colour: str


def groups(stimulation: ElectricStimulation) -> tuple[Group, ...]:
    """The electrodes by what they carry, in the protocol's order."""
    sizes = amplitudes_A(stimulation)
    found: dict[tuple[object, ...], list[int]] = {}
    for number, electrode in enumerate(stimulation.electrodes):
        key = (electrode.current_A, electrode.phase_rad, electrode.offset_A, electrode.channel)
        found.setdefault(key, []).append(number)
    made = []
    for place, numbers in enumerate(found.values()):
        electrode = stimulation.electrodes[numbers[0]]
        low, high = _extremes(stimulation, electrode, float(sizes[numbers[0]]))
        labels = tuple(stimulation.electrodes[number].label for number in numbers)
        made.append(Group(labels, numbers[0], low, high, _colour(stimulation, electrode, place)))
    return tuple(made)


def _extremes(stimulation: ElectricStimulation, electrode: Electrode, size: float) -> tuple[float, float]:
    """Least and most current of an electrode at the full level, A."""
    waveform = stimulation.waveform
    offset = electrode.offset_A or 0.0
    if isinstance(waveform, NoiseWaveform):
        reach = math.sqrt(3) if waveform.distribution == "uniform" else NOISE_99_PERCENT_SIGMAS
        half = abs(size) * reach if math.isfinite(size) else abs(electrode.current_A)
        return offset - half, offset + half
    if waveform.type == "direct":
        return size, size
    if isinstance(waveform, PulsedWaveform) and waveform.polarity == "monophasic":
        return min(size, 0.0), max(size, 0.0)
    return offset - abs(size), offset + abs(size)


def _colour(stimulation: ElectricStimulation, electrode: Electrode, place: int) -> str:
    if stimulation.waveform.type in ("direct", "oscillating", "pulsed", "noise") and electrode.current_A:
        return ANODE if electrode.current_A > 0 else CATHODE
    return SERIES[place % len(SERIES)]


def convention_text(stimulation: ElectricStimulation) -> str:
    """What the amplitudes of a protocol mean, with the arithmetic; "" where they mean themselves (direct current)."""
    convention, waveform = stimulation.amplitude_convention, stimulation.waveform
    if stimulation.waveform.type == "direct":
        return ""
    given = max(stimulation.electrodes, key=lambda electrode: abs(electrode.current_A))
    size = abs(given.current_A)
    if convention is None:
        return (
            f"Amplitude {_mA(size)}: whether peak, peak to peak or RMS is not reported; drawn as if it were the peak."
        )
    said = f"Amplitudes are given as {convention}: {_mA(size)}"
    if isinstance(waveform, NoiseWaveform):
        sigma = abs(float(amplitudes_A(stimulation)[stimulation.electrodes.index(given)]))
        if not math.isfinite(sigma):
            return f"{said}; what it means for this noise cannot be told, its distribution is not reported."
        between = "all" if waveform.distribution == "uniform" else "99 %"
        reach = math.sqrt(3) if waveform.distribution == "uniform" else NOISE_99_PERCENT_SIGMAS
        return f"{said} means a standard deviation of {_mA(sigma)}, {between} of it within ±{_mA(sigma * reach)}."
    peak = float(np.abs(amplitudes_A(stimulation))[stimulation.electrodes.index(given)])
    return f"{said} means a peak of {_mA(peak)}" + (
        f" around an offset of {_mA(abs(given.offset_A))}." if given.offset_A is not None else "."
    )


def _mA(current_A: float) -> str:
    return f"{1e3 * current_A:.4g} mA"
