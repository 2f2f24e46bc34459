"""Stimulation by current between electrodes: the kinds of waveform, and the balance of the currents."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import ClassVar, Literal

import attrs

from stimplan.errors import Problem, ProtocolError
from stimplan.montage import Electrode
from stimplan.units import from_si

AmplitudeConvention = Literal["peak", "peak-to-peak", "RMS"]

# Phases are angles, so the sum of phasors is never exactly zero in binary numbers.
PHASOR_TOLERANCE_MA = 1e-9


@attrs.frozen
class Intermittence:
    """Pauses within a session: on, off, on, …; s."""

    on_s: float
    off_s: float


@attrs.frozen
class DirectWaveform:
    """Direct current.

    Attributes
    ----------
    duration_s : float
        Time at the full level, s, pauses included; the ramps come on top.
    ramp_up_s, ramp_down_s : float or None
        Time from zero to the full level and back, s; None where the source does not report it.
    intermittence : Intermittence or None
    """

    type: ClassVar[str] = "direct"
    duration_s: float
    ramp_up_s: float | None
    ramp_down_s: float | None
    intermittence: Intermittence | None = None


@attrs.frozen
class SinusoidalWaveform(DirectWaveform):
    """Alternating current; a frequency of None is each person's own, `frequency_note` says how it is found."""

    type: ClassVar[str] = "sinusoidal"
    frequency_Hz: float | None = attrs.field(kw_only=True)
    frequency_note: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class NoiseWaveform(DirectWaveform):
    """Random noise between two frequencies, alone or on a direct current (the electrodes' `offset_A`).

    None where the source does not report it.
    """

    type: ClassVar[str] = "noise"
    band_low_Hz: float | None = attrs.field(kw_only=True)
    band_high_Hz: float | None = attrs.field(kw_only=True)
    distribution: Literal["gaussian", "uniform"] | None = attrs.field(kw_only=True)


@attrs.frozen
class OscillatingWaveform(DirectWaveform):
    """An oscillation on top of a direct current (the electrodes' `offset_A`)."""

    type: ClassVar[str] = "oscillating"
    frequency_Hz: float | None = attrs.field(kw_only=True)
    frequency_note: str | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class PulsedWaveform(DirectWaveform):
    """A row of equal pulses: the width of one (of one phase where biphasic) and the gap to the next, s."""

    type: ClassVar[str] = "pulsed"
    pulse_width_s: float = attrs.field(kw_only=True)
    pulse_gap_s: float = attrs.field(kw_only=True)
    polarity: Literal["monophasic", "biphasic"] = attrs.field(kw_only=True)

    @property
    def period_s(self) -> float:
        """Time from the start of a pulse to the start of the next, s."""
        phases = 2 if self.polarity == "biphasic" else 1
        return phases * self.pulse_width_s + self.pulse_gap_s

    @property
    def frequency_Hz(self) -> float:
        """Pulses per second."""
        return 1 / self.period_s


@attrs.frozen
class InterferenceWaveform(DirectWaveform):
    """Temporal interference: one carrier for each channel, in the channels' order."""

    type: ClassVar[str] = "temporal-interference"
    carriers_Hz: tuple[float, ...] = attrs.field(kw_only=True)

    @property
    def beats_Hz(self) -> tuple[float, ...]:
        """Frequency of the envelope of every pair of channels, |f_i - f_j|, Hz, pairs in order."""
        carriers = self.carriers_Hz
        return tuple(abs(b - a) for i, a in enumerate(carriers) for b in carriers[i + 1 :])


Waveform = (
    DirectWaveform | SinusoidalWaveform | NoiseWaveform | OscillatingWaveform | PulsedWaveform | InterferenceWaveform
)


@attrs.frozen
class ElectricStimulation:
    """What electrodes on the scalp deliver in one session.

    Attributes
    ----------
    electrodes : tuple of Electrode
        Their currents sum to zero: exactly, as decimal numbers of mA; as phasors to 1e-9 mA for alternating
        current; for each channel on its own for temporal interference.
    waveform : one of the waveforms of this module
    amplitude_convention : {"peak", "peak-to-peak", "RMS"} or None
        What `current_A` means; None for direct current, which has one size only, and where the source does not
        report it: then neither peak nor charge is known.

    Raises
    ------
    ProtocolError
        A current is not finite, fewer than two electrodes carry one, or they do not sum to zero.
    """

    electrodes: tuple[Electrode, ...]
    waveform: Waveform
    amplitude_convention: AmplitudeConvention | None = None

    @property
    def is_size_known(self) -> bool:
        """Whether the currents mean something: direct ones do, others only by their convention."""
        return self.amplitude_convention is not None or self.waveform.type == "direct"

    def __attrs_post_init__(self) -> None:
        currents = [electrode.current_A for electrode in self.electrodes]
        currents += [electrode.offset_A for electrode in self.electrodes if electrode.offset_A is not None]
        if not all(math.isfinite(current) for current in currents):
            raise ProtocolError(Problem(where="$.stimulation.electrodes", what=f"currents are not finite: {currents}"))
        inputs = [
            CurrentInput(
                current_mA=from_si(electrode.current_A, "mA"),
                phase_rad=electrode.phase_rad,
                offset_mA=None if electrode.offset_A is None else from_si(electrode.offset_A, "mA"),
                channel=electrode.channel,
            )
            for electrode in self.electrodes
        ]
        for what in imbalances(inputs, self.waveform.type):
            raise ProtocolError(Problem(where="$.stimulation.electrodes", what=what))


@attrs.frozen
class CurrentInput:
    """What one electrode contributes to the balance, in the file's mA."""

    current_mA: Decimal
    phase_rad: float | None = None
    offset_mA: Decimal | None = None
    channel: int | None = None


def imbalances(inputs: Sequence[CurrentInput], kind: str) -> list[str]:
    """What is wrong with the balance of the currents, as sentences with the sums written out; [] where nothing is.

    Parameters
    ----------
    inputs : sequence of CurrentInput
    kind : str
        Type of the waveform: how the currents add up.
    """
    if kind == "sinusoidal":
        whats = [_too_few([one.current_mA for one in inputs]) or _phasor_sum(inputs)]
    elif kind == "temporal-interference":
        channels = sorted({one.channel or 0 for one in inputs})
        whats = [
            f"channel {channel}: {what}"
            for channel in channels
            if (what := imbalance([one.current_mA for one in inputs if (one.channel or 0) == channel]))
        ]
    else:
        whats = [imbalance([one.current_mA for one in inputs])]
        offsets = [one.offset_mA for one in inputs if one.offset_mA is not None]
        if offsets:
            whats.append(_nonzero_sum(offsets, "offsets"))
    return [what for what in whats if what]


def imbalance(currents_mA: list[Decimal]) -> str:
    """What is wrong with the balance of plain currents, as a sentence; "" where nothing is.

    The sum is exact: `Decimal` addition is done here with as many digits as the numbers have.
    """
    return _too_few(currents_mA) or _nonzero_sum(currents_mA, "currents")


def _too_few(currents_mA: list[Decimal]) -> str:
    count = sum(current != 0 for current in currents_mA)
    if count >= 2:
        return ""
    return f"at least two electrodes need a current other than 0 mA, {count or 'none'} of {len(currents_mA)} has one"


def _nonzero_sum(currents_mA: list[Decimal], noun: str) -> str:
    total = _exact_sum(currents_mA)
    if total == 0:
        return ""
    terms = " + ".join(_signed(current) for current in currents_mA)
    return f"the {noun} must sum to zero: {terms} = {_signed(total)} mA"


def _phasor_sum(inputs: Sequence[CurrentInput]) -> str:
    """Sum of I·exp(jφ), which must vanish for a sinusoid's currents to cancel at every moment."""
    phasors = [cmath.rect(float(one.current_mA), one.phase_rad or 0.0) for one in inputs]
    total = complex(math.fsum(p.real for p in phasors), math.fsum(p.imag for p in phasors))
    if abs(total) <= PHASOR_TOLERANCE_MA:
        return ""
    terms = " + ".join(f"{one.current_mA:g}∠{math.degrees(one.phase_rad or 0.0):.4g}°" for one in inputs)
    size, angle = abs(total), round(math.degrees(cmath.phase(total)), 6)
    return f"the currents must sum to zero at every moment: {terms} = {size:.4g}∠{angle:.4g}° mA"


def _exact_sum(numbers: list[Decimal]) -> Decimal:
    with localcontext() as context:
        context.prec = 2000  # more than the digits between 1e-300 and 1e300, so nothing is rounded
        return sum(numbers, Decimal(0)).normalize()


def _signed(value: Decimal) -> str:
    value = value.normalize()
    return f"{value:+f}" if -9 <= value.adjusted() <= 9 else f"{value:+E}"
