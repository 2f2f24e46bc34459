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
from stimplan.fem.interference import MOST_CARRIERS
from stimplan.fem.solve import LinearSolver, Progress
from stimplan.field import Field, solve
from stimplan.field_map import FieldMap, MapMaker, Vectors, map_maker
from stimplan.placement import Placement
from stimplan.protocol import Protocol
from stimplan.protocol.dose import noise_sigma_A, peak_A
from stimplan.protocol.electric import (
    ElectricStimulation,
    InterferenceWaveform,
    NoiseWaveform,
    OscillatingWaveform,
    PulsedWaveform,
    SinusoidalWaveform,
)
from stimplan.values import digest

Array = NDArray[np.float64]

# Phases are angles in binary numbers: a part below this share of the currents is rounding.
_NO_PART = 1e-12


@attrs.frozen(eq=False)
class Exposure:
    """The fields of one session's waveform at its full level.

    Attributes
    ----------
    fields : mapping of str to Field
        By the part of the waveform they belong to: `direct`; `in phase` and `quadrature`; `offset` and
        `oscillation`; `noise` (its standard deviation); `pulse`; `1000 Hz` … for carriers.
    maps_from : callable
        Makes the maps from the vectors of the fields at any places: `maps_from({"direct": (k, 3) array, ...})`.
    maps : tuple of FieldMap
        One value for each tetrahedron. The first is the one by which this kind of stimulation is judged.
    """

    fields: Mapping[str, Field]
    maps_from: MapMaker
    maps: tuple[FieldMap, ...] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        vectors = {name: field.E_V_per_m for name, field in self.fields.items()}
        object.__setattr__(self, "maps", self.maps_from(vectors))

    @property
    def digest(self) -> str:
        """SHA-256 of the fields: that of the field where there is one only."""
        if len(self.fields) == 1:
            return self.field.digest
        return digest(*((name, field.digest) for name, field in self.fields.items()))

    @property
    def main(self) -> FieldMap:
        """The map by which this kind of stimulation is judged."""
        return self.maps[0]

    @property
    def field(self) -> Field:
        """The first field: the only one of a direct current."""
        return next(iter(self.fields.values()))

    def at_nodes(self, tissue: str, name: str | None = None) -> Array:
        """(n,) a map (by default the main one) of the fields recovered at the nodes of a tissue, V/m; NaN elsewhere.

        Raises
        ------
        InputError
            There is no such map.
        """
        wanted = self.main.id if name is None else self.map_named(name).id
        nodal = {part: field.recovered_V_per_m(tissue) for part, field in self.fields.items()}
        inside: NDArray[np.bool_] = np.asarray(np.isfinite(nodal[next(iter(nodal))]).all(axis=1))
        maps = self.maps_from({part: vectors[inside] for part, vectors in nodal.items()})
        values = np.full(len(inside), np.nan)
        values[inside] = next(one.values_V_per_m for one in maps if one.id == wanted)
        return values

    def along(self, directions: ArrayLike, vectors: Vectors | None = None) -> Array:
        """(k,) main map of the fields' components along given directions, V/m.

        The modulation depth along them for temporal interference, the peak of the component for alternating current.
        For a direct current the component has its sign.

        Parameters
        ----------
        directions : (3,) or (k, 3) array
            Need not have unit length.
        vectors : mapping of str to (k, 3) array, optional
            Fields of the parts at k places; by default those of the tetrahedra.

        Raises
        ------
        InputError
            A direction without length, or not as many as places.
        """
        given = {name: field.E_V_per_m for name, field in self.fields.items()} if vectors is None else vectors
        shape = next(iter(given.values())).shape
        towards = np.asarray(directions, dtype=np.float64)
        if towards.shape not in ((3,), shape):
            raise InputError(f"directions are 3 numbers or {shape}, got {towards.shape}")
        length = np.linalg.norm(towards, axis=-1, keepdims=True)
        if not np.all((length > 0) & np.isfinite(length)):
            raise InputError("a direction is three finite numbers, not all zero")
        towards = np.broadcast_to(towards / length, shape)
        components = {name: np.einsum("kd,kd->k", field, towards) for name, field in given.items()}
        if self.main.id == "magnitude":
            return next(iter(components.values()))
        return self.maps_from({name: one[:, None] * towards for name, one in components.items()})[0].values_V_per_m

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
    protocol: Protocol,
    placement: Placement,
    *,
    tolerance: float = 1e-6,
    solver: LinearSolver | None = None,
    progress: Progress | None = None,
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
    solver : callable, optional
        See `solve`.
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
        name: solve(
            placement.head, placement, currents_A=currents, tolerance=tolerance, solver=solver, progress=progress
        )
        for name, currents in parts.items()
    }
    return Exposure(fields, map_maker(stimulation))


def exposure_of(field: Field | Exposure) -> Exposure:
    """A single field as what a direct current gives; an exposure as it is."""
    return field if isinstance(field, Exposure) else Exposure({"direct": field}, map_maker(None))


def frequencies_Hz(stimulation: ElectricStimulation) -> tuple[float, ...]:
    """Frequencies of a waveform, Hz, sorted: both edges of a band, each carrier once, the rate of pulses.

    Empty for a direct current, and where the source does not report it or each person has their own.
    """
    waveform = stimulation.waveform
    found: tuple[float | None, ...]
    match waveform:
        case SinusoidalWaveform() | OscillatingWaveform() | PulsedWaveform():
            found = (waveform.frequency_Hz,)
        case NoiseWaveform():
            found = (waveform.band_low_Hz, waveform.band_high_Hz)
        case InterferenceWaveform():
            found = waveform.carriers_Hz
        case _:
            found = ()
    return tuple(sorted({one for one in found if one is not None}))


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
    different = sorted(set(carrier.values()))
    if not 2 <= len(different) <= MOST_CARRIERS:
        what = "all channels share one carrier: no envelope" if len(different) < 2 else f"more than {MOST_CARRIERS}"
        raise InputError(Problem("$.stimulation.waveform.carriers_Hz", what))
    parts: dict[str, list[float]] = {_carrier_name(one): [0.0] * len(peaks) for one in different}
    for number, (electrode, peak) in enumerate(zip(stimulation.electrodes, peaks, strict=True)):
        parts[_carrier_name(carrier[electrode.channel or 0])][number] = peak
    return parts


def _carrier_name(frequency_Hz: float) -> str:
    return f"{frequency_Hz:.12g} Hz"


_PARTS: Mapping[str, Callable[[ElectricStimulation], dict[str, list[float]]]] = {
    "direct": _direct_parts,
    "sinusoidal": _sinusoidal_parts,
    "noise": _noise_parts,
    "oscillating": _oscillating_parts,
    "pulsed": _pulsed_parts,
    "temporal-interference": _interference_parts,
}
