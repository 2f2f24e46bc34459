"""What a waveform does in the head: the fields it is made of, and the maps by which it is judged.

A direct current has one field. Any other waveform is a sum of fields that each keep their shape while they swing: the
in-phase and the quadrature part of an alternating current, the oscillation and the direct current below it, one field
for each carrier of temporal interference. Every one of them is a direct solve with other currents; quasi-static, which
`stimplan.head.dispersion` judges by frequency.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError, Problem
from stimplan.fem.interference import modulation_depth, peak_field, rms_field
from stimplan.fem.phasor import major_axis, peak_amplitude, rms_amplitude
from stimplan.fem.solve import Progress
from stimplan.field import Field, solve
from stimplan.placement import Placement
from stimplan.protocol import Protocol
from stimplan.protocol.dose import noise_sigma_A, peak_A
from stimplan.protocol.electric import ElectricStimulation, InterferenceWaveform, PulsedWaveform
from stimplan.values import frozen_array

Array = NDArray[np.float64]

# Phases are angles in binary numbers: a part below this share of the currents is rounding.
_NO_PART = 1e-12


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
        `magnitude`, `peak`, `rms`, `offset`, `oscillation`, `envelope`, `carrier_peak` or `carrier_rms`.
    title : str
        As a heading: what and of what.
    meaning : str
        One sentence with the formula in words.
    values_V_per_m : (m,) array
    vectors_V_per_m : (m, 3) array or None
        Direction that goes with the value, and as long as it; None where it has none.
    """

    id: str
    title: str
    meaning: str
    values_V_per_m: Array = attrs.field(converter=_values)
    vectors_V_per_m: Array | None = attrs.field(default=None, converter=attrs.converters.optional(_vectors))


@attrs.frozen(eq=False)
class Exposure:
    """The fields of one session's waveform at its full level.

    Attributes
    ----------
    fields : mapping of str to Field
        By the part of the waveform they belong to: `direct`; `in phase` and `quadrature`; `offset` and
        `oscillation`; `noise` (its standard deviation); `pulse`; `1000 Hz` … for carriers.
    maps : tuple of FieldMap
        The first is the one by which this kind of stimulation is judged.
    """

    fields: Mapping[str, Field]
    maps: tuple[FieldMap, ...]

    @property
    def main(self) -> FieldMap:
        """The map by which this kind of stimulation is judged."""
        return self.maps[0]

    @property
    def field(self) -> Field:
        """The first field: the only one of a direct current."""
        return next(iter(self.fields.values()))

    def map_named(self, name: str) -> FieldMap:
        """One of the maps.

        Raises
        ------
        InputError
            There is no such map.
        """
        for one in self.maps:
            if one.id == name:
                return one
        raise InputError(f"there is no map {name!r} of this stimulation; it has {', '.join(m.id for m in self.maps)}")


def expose(
    protocol: Protocol, placement: Placement, *, tolerance: float = 1e-6, progress: Progress | None = None
) -> Exposure:
    """Solve the fields of a protocol's waveform and make its maps.

    Parameters
    ----------
    protocol : Protocol
        Electric stimulation of any waveform.
    placement : Placement
        Of its electrodes, see `place`.
    tolerance : float
        Relative residual above which there is no result.
    progress : callable, optional

    Raises
    ------
    InputError
        Magnetic stimulation; what the size of the currents means, or the shape of a noise, is not reported.
    SolveError
        A field did not converge.
    """
    stimulation = protocol.electric
    if stimulation is None:
        raise InputError(Problem("$.modality", f"{protocol.modality} has no electrodes; its field is a coil's"))
    parts = currents_of(stimulation)
    fields = {
        name: solve(placement.head, placement, currents_A=currents, tolerance=tolerance, progress=progress)
        for name, currents in parts.items()
    }
    return Exposure(fields, maps_of(stimulation, fields))


def currents_of(stimulation: ElectricStimulation) -> dict[str, list[float]]:
    """Currents into the electrodes for each part of the waveform, A, at the peak of that part.

    Raises
    ------
    InputError
        What the size of the currents means, or the shape of a noise, is not reported.
    """
    parts = _PARTS[stimulation.waveform.type](stimulation)
    size = max(abs(current) for currents in parts.values() for current in currents)
    # A part that is nothing but rounding has no field; the first is kept, for it says so if all of them are nothing.
    return {
        name: currents
        for number, (name, currents) in enumerate(parts.items())
        if number == 0 or max(map(abs, currents)) > _NO_PART * size
    }


def maps_of(stimulation: ElectricStimulation, fields: Mapping[str, Field]) -> tuple[FieldMap, ...]:
    """The maps of a waveform from the fields of its parts."""
    vectors = {name: field.E_V_per_m for name, field in fields.items()}
    return _MAPS[stimulation.waveform.type](stimulation, vectors)


def _signed(stimulation: ElectricStimulation, size: Callable[..., float | None], what: str) -> list[float]:
    """Size of each electrode's current with its sign; refused where the protocol does not say it."""
    found, problems = [], []
    for number, electrode in enumerate(stimulation.electrodes):
        value = size(stimulation, electrode)
        if value is None:
            problems.append(Problem(f"$.stimulation.electrodes[{number}].current_mA", what))
        else:
            found.append(math.copysign(value, electrode.current_A))
    if problems:
        raise InputError(problems)
    return found


_UNSAID = (
    "the size of the field is unknown: the protocol does not report what its current means (peak, peak-to-peak or "
    "RMS), or not for this waveform; state $.stimulation.amplitude_convention in a copy of the file"
)


def _peaks(stimulation: ElectricStimulation) -> list[float]:
    """Peak of the alternating part of each current, A."""

    def alternating(of: ElectricStimulation, electrode: Any) -> float | None:
        peak = peak_A(of, electrode)
        return None if peak is None else peak - abs(electrode.offset_A or 0.0)

    return _signed(stimulation, alternating, _UNSAID)


def _offsets(stimulation: ElectricStimulation) -> list[float]:
    return [electrode.offset_A or 0.0 for electrode in stimulation.electrodes]


def _direct_parts(stimulation: ElectricStimulation) -> dict[str, list[float]]:
    return {"direct": [electrode.current_A for electrode in stimulation.electrodes]}


def _sinusoidal_parts(stimulation: ElectricStimulation) -> dict[str, list[float]]:
    peaks = _peaks(stimulation)
    phases = [electrode.phase_rad or 0.0 for electrode in stimulation.electrodes]
    # The largest electrode's phase is taken as the start of the cycle: where all swing in phase, one field is enough.
    start = phases[int(np.argmax(np.abs(peaks)))]
    turned = [(peak, phase - start) for peak, phase in zip(peaks, phases, strict=True)]
    return {
        "in phase": [peak * math.cos(phase) for peak, phase in turned],
        "quadrature": [peak * math.sin(phase) for peak, phase in turned],
    }


def _noise_parts(stimulation: ElectricStimulation) -> dict[str, list[float]]:
    sigma = _signed(stimulation, lambda of, electrode: noise_sigma_A(of, abs(electrode.current_A)), _UNSAID)
    return {"noise": sigma, "offset": _offsets(stimulation)}


def _oscillating_parts(stimulation: ElectricStimulation) -> dict[str, list[float]]:
    return {"oscillation": _peaks(stimulation), "offset": _offsets(stimulation)}


def _pulsed_parts(stimulation: ElectricStimulation) -> dict[str, list[float]]:
    return {"pulse": _peaks(stimulation)}


def _interference_parts(stimulation: ElectricStimulation) -> dict[str, list[float]]:
    """Channels that share a carrier are one field."""
    waveform = stimulation.waveform
    assert isinstance(waveform, InterferenceWaveform)
    channels = sorted({electrode.channel or 0 for electrode in stimulation.electrodes})
    carrier = dict(zip(channels, waveform.carriers_Hz, strict=True))
    peaks = _peaks(stimulation)
    parts: dict[str, list[float]] = {f"{one:g} Hz": [0.0] * len(peaks) for one in sorted(set(carrier.values()))}
    for number, (electrode, peak) in enumerate(zip(stimulation.electrodes, peaks, strict=True)):
        parts[f"{carrier[electrode.channel or 0]:g} Hz"][number] = peak
    return parts


Vectors = Mapping[str, Array]


def _length(vectors: Array) -> Array:
    return np.linalg.norm(vectors, axis=1)


def _direct_maps(_: ElectricStimulation, of: Vectors) -> tuple[FieldMap, ...]:
    field = of["direct"]
    return (FieldMap("magnitude", "|E|", "Size of the constant field.", _length(field), field),)


def _sinusoidal_maps(_: ElectricStimulation, of: Vectors) -> tuple[FieldMap, ...]:
    phasor = of["in phase"] + 1j * of.get("quadrature", np.zeros_like(of["in phase"]))
    peak = FieldMap("peak", "Peak |E| of the cycle", "Largest size of the field during one cycle.",
                    peak_amplitude(phasor), major_axis(phasor))  # fmt: skip
    rms = FieldMap("rms", "RMS of E", "Root of the mean square of the field over a cycle.", rms_amplitude(phasor))
    return peak, rms


def _noise_maps(_: ElectricStimulation, of: Vectors) -> tuple[FieldMap, ...]:
    noise, offset = of["noise"], of.get("offset")
    square = _length(noise) ** 2 + (0 if offset is None else _length(offset) ** 2)
    meaning = "Root of the mean square of the field over the band of the noise"
    rms = FieldMap("rms", "RMS of E", meaning + ("." if offset is None else ", its constant part included."),
                   np.sqrt(square), noise if offset is None else None)  # fmt: skip
    return (rms,) if offset is None else (rms, _offset_map(offset))


def _oscillating_maps(_: ElectricStimulation, of: Vectors) -> tuple[FieldMap, ...]:
    swing = of["oscillation"]
    offset = of.get("offset", np.zeros_like(swing))
    sign = np.where(np.einsum("md,md->m", swing, offset) < 0, -1.0, 1.0)[:, None]
    top = offset + sign * swing
    return (
        FieldMap("peak", "Peak |E|", "Largest size of the field: constant part and oscillation at its turn.",
                 _length(top), top),
        _offset_map(offset),
        FieldMap("oscillation", "|E| of the oscillation", "Amplitude of the oscillating part.", _length(swing), swing),
    )  # fmt: skip


def _offset_map(offset: Array) -> FieldMap:
    return FieldMap("offset", "|E| of the direct current", "Size of the constant part.", _length(offset), offset)


def _pulsed_maps(stimulation: ElectricStimulation, of: Vectors) -> tuple[FieldMap, ...]:
    waveform, field = stimulation.waveform, of["pulse"]
    assert isinstance(waveform, PulsedWaveform)
    share = 1 - waveform.pulse_gap_s / waveform.period_s
    peak = FieldMap("peak", "|E| during a pulse", "Size of the field while a pulse lasts.", _length(field), field)
    meaning = f"Root of the mean square over a period, of which pulses fill {100 * share:g} %."
    return peak, FieldMap("rms", "RMS of E", meaning, math.sqrt(share) * _length(field))


def _interference_maps(_: ElectricStimulation, of: Vectors) -> tuple[FieldMap, ...]:
    fields = np.stack(list(of.values()))
    if len(fields) < 2:
        raise InputError(Problem("$.stimulation.waveform.carriers_Hz", "all channels share one carrier: no envelope"))
    depth, direction = modulation_depth(fields)
    return (
        FieldMap("envelope", "Modulation depth of the envelope",
                 "Peak to trough of the envelope along the direction in which it is largest.", depth,
                 depth[:, None] * direction),
        FieldMap("carrier_peak", "Peak |E| of the carriers", "Largest size of the summed field, all carriers together.",
                 peak_field(fields)),
        FieldMap("carrier_rms", "RMS of E", "Root of the mean square of all carriers together.", rms_field(fields)),
    )  # fmt: skip


_PARTS: Mapping[str, Callable[[ElectricStimulation], dict[str, list[float]]]] = {
    "direct": _direct_parts,
    "sinusoidal": _sinusoidal_parts,
    "noise": _noise_parts,
    "oscillating": _oscillating_parts,
    "pulsed": _pulsed_parts,
    "temporal-interference": _interference_parts,
}
_MAPS: Mapping[str, Callable[[ElectricStimulation, Vectors], tuple[FieldMap, ...]]] = {
    "direct": _direct_maps,
    "sinusoidal": _sinusoidal_maps,
    "noise": _noise_maps,
    "oscillating": _oscillating_maps,
    "pulsed": _pulsed_maps,
    "temporal-interference": _interference_maps,
}
