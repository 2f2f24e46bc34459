"""Maps of a waveform's field: one number for each place, and what it means."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.fem.interference import modulation_depth, peak_field, rms_field, summed_modulation_depth
from stimplan.fem.phasor import major_axis, peak_amplitude, rms_amplitude
from stimplan.protocol.electric import ElectricStimulation, InterferenceWaveform, NoiseWaveform, PulsedWaveform
from stimplan.values import frozen_array

Array = NDArray[np.float64]

# Of each map: its short name, and its name in files.
_NAMES: Mapping[str, tuple[str, str]] = {
    "magnitude": ("|E|", "E_magnitude_V_per_m"),
    "peak": ("peak |E|", "E_peak_V_per_m"),
    "rms": ("RMS of E", "E_rms_V_per_m"),
    "offset": ("direct |E|", "E_offset_V_per_m"),
    "oscillation": ("oscillating |E|", "E_oscillation_amplitude_V_per_m"),
    "envelope": ("modulation depth", "E_envelope_modulation_depth_V_per_m"),
    "envelope_slow": ("modulation depth, slow beats", "E_envelope_slow_beats_V_per_m"),
    "carrier_peak": ("carriers' peak |E|", "E_carriers_peak_V_per_m"),
    "carrier_rms": ("carriers' RMS of E", "E_carriers_rms_V_per_m"),
}


def _values(values: ArrayLike) -> Array:
    return frozen_array(values, name="values", shape=(None,))


def _vectors(values: ArrayLike) -> Array:
    return frozen_array(values, name="vectors", shape=(None, 3))


@attrs.frozen(eq=False)
class FieldMap:
    """One number for each tetrahedron, V/m, and what it means.

    Attributes
    ----------
    id : str
        `magnitude`, `peak`, `rms`, `offset`, `oscillation`, `envelope`, `envelope_slow`, `carrier_peak` or
        `carrier_rms`.
    title : str
        As a heading: what and of what.
    meaning : str
        One sentence with the formula in words.
    values_V_per_m : (m,) array
    vectors_V_per_m : (m, 3) array or None
        Direction that goes with the value, and as long as it; None where it has none.
    symbol : str
        Short for tables and colour bars; never |E| alone where another quantity is meant.
    array_name : str
        In files.
    """

    id: str
    title: str
    meaning: str
    values_V_per_m: Array = attrs.field(converter=_values)
    vectors_V_per_m: Array | None = attrs.field(default=None, converter=attrs.converters.optional(_vectors))

    @property
    def symbol(self) -> str:
        return _NAMES[self.id][0]

    @property
    def array_name(self) -> str:
        return _NAMES[self.id][1]


Vectors = Mapping[str, Array]
MapMaker = Callable[[Vectors], tuple[FieldMap, ...]]


def map_maker(stimulation: ElectricStimulation | None) -> MapMaker:
    """What makes the maps of a waveform from the vectors of its parts; None is a direct current."""
    return partial(_MAPS["direct" if stimulation is None else stimulation.waveform.type], stimulation)


def _length(vectors: Array) -> Array:
    return np.linalg.norm(vectors, axis=1)


def _direct_maps(_: ElectricStimulation | None, of: Vectors) -> tuple[FieldMap, ...]:
    field = of["direct"]
    return (FieldMap("magnitude", "|E|", "Size of the constant field.", _length(field), field),)


def _sinusoidal_maps(_: ElectricStimulation | None, of: Vectors) -> tuple[FieldMap, ...]:
    phasor = of["in phase"] + 1j * of.get("quadrature", np.zeros_like(of["in phase"]))
    peak = FieldMap("peak", "Peak |E| of the cycle", "Largest size of the field during one cycle.",
                    peak_amplitude(phasor), major_axis(phasor))  # fmt: skip
    rms = FieldMap("rms", "RMS of E", "Root of the mean square of the field over a cycle.", rms_amplitude(phasor))
    return peak, rms


def _noise_maps(stimulation: ElectricStimulation | None, of: Vectors) -> tuple[FieldMap, ...]:
    noise, offset = of["noise"], of.get("offset")
    square = _length(noise) ** 2 + (0 if offset is None else _length(offset) ** 2)
    meaning = "Root of the mean square of the field over the band of the noise"
    rms = FieldMap("rms", "RMS of E", meaning + ("." if offset is None else ", its constant part included."),
                   np.sqrt(square), noise if offset is None else None)  # fmt: skip
    direct = () if offset is None else (_offset_map(offset),)
    assert stimulation is not None and isinstance(stimulation.waveform, NoiseWaveform)
    if stimulation.waveform.distribution != "uniform":  # Gaussian noise has no largest value
        return rms, *direct
    top = _top(math.sqrt(3) * noise, np.zeros_like(noise) if offset is None else offset)
    peak = FieldMap("peak", "Peak |E|", "Largest size of the field: uniform noise at its edge.", _length(top), top)
    return rms, *direct, peak


def _top(swing: Array, offset: Array) -> Array:
    """The field at its largest: the constant part and the swing that lies on its side."""
    sign = np.where(np.einsum("md,md->m", swing, offset) < 0, -1.0, 1.0)[:, None]
    return offset + sign * swing


def _oscillating_maps(_: ElectricStimulation | None, of: Vectors) -> tuple[FieldMap, ...]:
    swing = of["oscillation"]
    offset = of.get("offset", np.zeros_like(swing))
    top = _top(swing, offset)
    return (
        FieldMap("peak", "Peak |E|", "Largest size of the field: constant part and oscillation at its turn.",
                 _length(top), top),
        _offset_map(offset),
        FieldMap("oscillation", "|E| of the oscillation", "Amplitude of the oscillating part.", _length(swing), swing),
    )  # fmt: skip


def _offset_map(offset: Array) -> FieldMap:
    return FieldMap("offset", "|E| of the direct current", "Size of the constant part.", _length(offset), offset)


def _pulsed_maps(stimulation: ElectricStimulation | None, of: Vectors) -> tuple[FieldMap, ...]:
    field = of["pulse"]
    assert stimulation is not None and isinstance(stimulation.waveform, PulsedWaveform)
    waveform = stimulation.waveform
    share = 1 - waveform.pulse_gap_s / waveform.period_s
    peak = FieldMap("peak", "|E| during a pulse", "Size of the field while a pulse lasts.", _length(field), field)
    meaning = f"Root of the mean square over a period, of which pulses fill {100 * share:g} %."
    return peak, FieldMap("rms", "RMS of E", meaning, math.sqrt(share) * _length(field))


# The fastest envelope of a published use, in mice against epileptic markers: 130 Hz (Acerbo et al. 2022,
# doi:10.3389/fnins.2022.945221). Faster beats are taken for what a cell filters out, as it does the carriers.
SLOW_BEAT_HZ = 150.0


def slow_groups(carriers_Hz: Sequence[float]) -> list[list[int]]:
    """Which carriers beat slowly with each other: numbers of those linked by steps of at most `SLOW_BEAT_HZ`.

    Parameters
    ----------
    carriers_Hz : sequence of float
        Sorted.
    """
    groups: list[list[int]] = []
    for number, one in enumerate(carriers_Hz):
        if groups and one - carriers_Hz[groups[-1][-1]] <= SLOW_BEAT_HZ:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _slow_map(carriers_Hz: Sequence[float], fields: Array) -> tuple[FieldMap, ...]:
    """The modulation by slow beats only, where there are both slow and fast ones."""
    groups = slow_groups(carriers_Hz)
    slow = [group for group in groups if len(group) > 1]
    if len(groups) == 1 or not slow:
        return ()
    names = " and ".join(" with ".join(f"{carriers_Hz[number]:.12g}" for number in group) for group in slow)
    depth, direction = summed_modulation_depth(fields, slow)
    meaning = (
        f"Sum of the peak-to-trough of the envelopes of carriers at most {SLOW_BEAT_HZ:g} Hz apart ({names} Hz), along "
        "the direction in which it is largest; faster beats are counted as carriers are, not at all."
    )
    return (FieldMap("envelope_slow", "Modulation depth by slow beats", meaning, depth, depth[:, None] * direction),)


def _interference_maps(stimulation: ElectricStimulation | None, of: Vectors) -> tuple[FieldMap, ...]:
    fields = np.stack(list(of.values()))
    assert stimulation is not None and isinstance(stimulation.waveform, InterferenceWaveform)
    beats = ", ".join(f"{beat:.12g}" for beat in sorted({beat for beat in stimulation.waveform.beats_Hz if beat}))
    depth, direction = modulation_depth(fields)
    # A carrier whose currents are nothing has no part, so the names say which there are.
    slow = _slow_map([float(name.removesuffix(" Hz")) for name in of], fields)
    return (
        FieldMap("envelope", "Modulation depth of the envelope",
                 "Peak to trough of the envelope along the direction in which it is largest, over all relative timings "
                 f"of the carriers: it counts the beats of every two of them ({beats} Hz).", depth,
                 depth[:, None] * direction),
        *slow,
        FieldMap("carrier_peak", "Peak |E| of the carriers", "Largest size of the summed field, all carriers together.",
                 peak_field(fields)),
        FieldMap("carrier_rms", "RMS of E of the carriers", "Root of the mean square of all carriers together.",
                 rms_field(fields)),
    )  # fmt: skip


_MAPS: Mapping[str, Callable[[ElectricStimulation | None, Vectors], tuple[FieldMap, ...]]] = {
    "direct": _direct_maps,
    "sinusoidal": _sinusoidal_maps,
    "noise": _noise_maps,
    "oscillating": _oscillating_maps,
    "pulsed": _pulsed_maps,
    "temporal-interference": _interference_maps,
}
