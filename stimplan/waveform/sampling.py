"""The current of every electrode over a session, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError, Problem
from stimplan.protocol import (
    DirectWaveform,
    ElectricStimulation,
    InterferenceWaveform,
    NoiseWaveform,
    Protocol,
    PulsedWaveform,
    SinusoidalWaveform,
)
from stimplan.protocol.dose import noise_sigma_A, peak_A
from stimplan.values import array_eq, frozen_array
from stimplan.waveform.choices import Choices, settled
from stimplan.waveform.level import Piece, level_at, pieces
from stimplan.waveform.noise import Noise

Array = NDArray[np.float64]

# A stimulator that holds each sample until the next loses 1 - sinc(f/rate) of a sinusoid: with ten to a period less
# than 2 %. The same number keeps pulses and ramps from becoming something else.
SAMPLES_PER_FEATURE = 10
# For noise, which has no single period: Nyquist's 2, and room for the filter's edge.
SAMPLES_PER_PERIOD_OF_NOISE = 2.5
MOST_SAMPLES = 10**8
_CHUNK_ROWS = 2**18


def _times(time_s: ArrayLike) -> Array:
    return frozen_array(time_s, name="time_s", shape=(None,))


def _currents(current_A: ArrayLike) -> Array:
    return frozen_array(current_A, name="current_A", shape=(None, None))


@attrs.frozen(kw_only=True)
class Waveforms:
    """Currents at even times.

    Attributes
    ----------
    time_s : (n,) array
        From the start of the session, whole multiples of 1/rate_Hz, s.
    current_A : (n, electrodes) array
        Into the head; every row sums to zero.
    labels : tuple of str
        The electrodes, in the protocol's order.
    rate_Hz : float
    protocol_id, protocol_digest : str
    seed : int or None
        Of the noise; None where nothing is random.
    notes : tuple of str
        What was chosen, and what one should know before using the numbers.
    """

    time_s: Array = attrs.field(converter=_times, eq=array_eq)
    current_A: Array = attrs.field(converter=_currents, eq=array_eq)
    labels: tuple[str, ...]
    rate_Hz: float
    protocol_id: str
    protocol_digest: str
    seed: int | None
    notes: tuple[str, ...]


def sample_session(
    protocol: Protocol,
    rate_Hz: float,
    *,
    start_s: float = 0.0,
    stop_s: float | None = None,
    choices: Choices | None = None,
) -> Waveforms:
    """Current of each electrode over a session, or over a part of it.

    The amplitude convention is that of `protocol.dose`: peak is the current of the file, peak-to-peak half of it
    (for noise 99 % of the values lie between; for one-sided pulses all of it), RMS √2 times for a sinusoid, the
    standard deviation for noise, 1/√share for pulses that fill a share of the time.

    Parameters
    ----------
    protocol : Protocol
        Of an electric modality.
    rate_Hz : float
        Samples per second.
    start_s, stop_s : float
        Window, start included and stop not. Without a stop the session runs to its end and one sample beyond, which
        is zero.
    choices : Choices, optional
        What the protocol leaves open.

    Returns
    -------
    Waveforms

    Raises
    ------
    InputError
        The modality has no current, the rate is too low (the message names the one needed), the window is empty, the
        protocol leaves something open, or there would be more than 1e8 samples.

    Notes
    -----
    Sinusoids begin at the start of the session: i(t) = level(t)·I·sin(2πft + phase). Pulses are averaged over each
    sample, so that no charge is lost where an edge falls between two.
    """
    plan = _plan(protocol, rate_Hz, choices or Choices())
    first, stop = _window(plan, start_s, stop_s)
    samples = (stop - first) * len(protocol.electrodes)
    if samples > MOST_SAMPLES:
        raise _too_many(samples, plan)
    return plan.waveforms(first, stop)


def session_chunks(
    protocol: Protocol,
    rate_Hz: float,
    *,
    start_s: float = 0.0,
    stop_s: float | None = None,
    choices: Choices | None = None,
) -> Iterator[Waveforms]:
    """The samples of `sample_session` in parts of at most 262,144 rows, for what does not fit into memory.

    Raises
    ------
    InputError
        As `sample_session`; more than 1e8 samples are allowed only with a stop that is given.
    """
    plan = _plan(protocol, rate_Hz, choices or Choices())
    first, stop = _window(plan, start_s, stop_s)
    samples = (stop - first) * len(protocol.electrodes)
    if samples > MOST_SAMPLES and stop_s is None:
        raise _too_many(samples, plan)
    return (plan.waveforms(begin, min(begin + _CHUNK_ROWS, stop)) for begin in range(first, stop, _CHUNK_ROWS))


def count_rows(
    protocol: Protocol,
    rate_Hz: float,
    *,
    start_s: float = 0.0,
    stop_s: float | None = None,
    choices: Choices | None = None,
) -> int:
    """How many rows `sample_session` would give."""
    first, stop = _window(_plan(protocol, rate_Hz, choices or Choices()), start_s, stop_s)
    return stop - first


def needed_rate_Hz(waveform: DirectWaveform, *, ramp_s: float | None = None) -> tuple[float, str]:
    """Least rate at which a waveform can be sampled, Hz, and what asks for it.

    Ten samples in the shortest of: a period, a pulse, a gap, a ramp, a time on, a pause; for noise 2.5 times its
    highest frequency.
    """
    features = [
        (SAMPLES_PER_FEATURE / (piece.stop_s - piece.start_s), f"a {piece.kind} of {piece.stop_s - piece.start_s:g} s")
        for piece in pieces(waveform, ramp_s=ramp_s)
        if piece.kind.startswith("ramp")
    ]
    if waveform.intermittence is not None:
        shortest = min(waveform.intermittence.on_s, waveform.intermittence.off_s)
        features.append((SAMPLES_PER_FEATURE / shortest, f"times on and off of {shortest:g} s"))
    match waveform:
        case NoiseWaveform(band_high_Hz=float(high)):
            features.append((SAMPLES_PER_PERIOD_OF_NOISE * high, f"noise up to {high:g} Hz"))
        case PulsedWaveform():
            shortest = min(length for length in (waveform.pulse_width_s, waveform.pulse_gap_s) if length > 0)
            features.append((SAMPLES_PER_FEATURE / shortest, f"pulses and gaps of {1e3 * shortest:g} ms"))
        case InterferenceWaveform():
            highest = max(waveform.carriers_Hz)
            features.append((SAMPLES_PER_FEATURE * highest, f"a carrier of {highest:g} Hz"))
        case _ if getattr(waveform, "frequency_Hz", None) is not None:
            frequency = waveform.frequency_Hz  # type: ignore[attr-defined]
            features.append((SAMPLES_PER_FEATURE * frequency, f"a frequency of {frequency:g} Hz"))
    return max(features, default=(SAMPLES_PER_FEATURE / waveform.duration_s, "the duration"))


@attrs.frozen(kw_only=True)
class _Plan:
    """All that is needed to make any sample."""

    protocol: Protocol
    stimulation: ElectricStimulation
    rate_Hz: float
    parts: tuple[Piece, ...]
    seed: int
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Rows of the whole session: up to its end, and one that is zero."""
        return math.ceil(self.parts[-1].stop_s * self.rate_Hz - 1e-6) + 1

    def waveforms(self, first: int, stop: int) -> Waveforms:
        """Rows number `first` to `stop` - 1."""
        time_s = np.arange(first, stop) / self.rate_Hz
        current = _carriers(self, time_s, first) * level_at(self.parts, time_s)[:, None]
        return Waveforms(
            time_s=time_s,
            current_A=current + 0.0,  # no negative zeros
            labels=tuple(electrode.label for electrode in self.stimulation.electrodes),
            rate_Hz=self.rate_Hz,
            protocol_id=self.protocol.id,
            protocol_digest=self.protocol.digest,
            seed=self.seed if isinstance(self.stimulation.waveform, NoiseWaveform) else None,
            notes=self.notes,
        )


def _plan(protocol: Protocol, rate_Hz: float, choices: Choices) -> _Plan:
    if protocol.electric is None:
        raise InputError(f"{protocol.id}: {protocol.modality} has pulses, not a current to sample; list its pulses")
    if not 0 < rate_Hz < math.inf:
        raise InputError(Problem("rate_Hz", f"must be more than 0 Hz, got {rate_Hz}"))
    if not protocol.electric.is_size_known:
        what = "is not reported, so nobody knows how large the current is; put it into a file of your own"
        raise InputError(Problem(f"{protocol.id}: $.stimulation.amplitude_convention", what))
    waveform = settled(protocol, choices)
    needed, why = needed_rate_Hz(waveform, ramp_s=choices.ramp_s)
    if rate_Hz < needed * (1 - 1e-9):
        raise InputError(Problem("rate_Hz", f"{rate_Hz:g} Hz is too low for {why}; at least {needed:g} Hz is needed"))
    return _Plan(
        protocol=protocol,
        stimulation=attrs.evolve(protocol.electric, waveform=waveform),
        rate_Hz=float(rate_Hz),
        parts=pieces(waveform, ramp_s=choices.ramp_s),
        seed=choices.seed,
        notes=_notes(protocol, waveform, choices),
    )


def _notes(protocol: Protocol, waveform: DirectWaveform, choices: Choices) -> tuple[str, ...]:
    """What was chosen here, not reported; and what the format does not hold."""
    reported = protocol.waveform
    notes = []
    for name, ramp in (("ramp up", waveform.ramp_up_s), ("ramp down", waveform.ramp_down_s)):
        if ramp is None:
            made = f"{choices.ramp_s:g} s, chosen" if choices.ramp_s is not None else "a step"
            notes.append(f"{name}: not reported; here {made}")
    for field in ("frequency_Hz", "band_low_Hz", "band_high_Hz", "distribution"):
        if getattr(waveform, field, None) != getattr(reported, field, None):
            notes.append(f"{field}: not reported; here {getattr(waveform, field)}, chosen")
    if waveform.intermittence is not None:
        notes.append("pauses begin and end in steps: the protocol has no ramps for them")
    if isinstance(waveform, NoiseWaveform):
        notes.append(f"noise: Philox, seed {choices.seed}, numpy {np.__version__}")
    return tuple(notes)


def _window(plan: _Plan, start_s: float, stop_s: float | None) -> tuple[int, int]:
    """Numbers of the first row of a window and of the first one after it."""
    end_s = plan.parts[-1].stop_s
    if not 0 <= start_s <= end_s or (stop_s is not None and not start_s < stop_s < math.inf):
        asked = f"{start_s:g} s to {'the end' if stop_s is None else f'{stop_s:g} s'}"
        raise InputError(Problem("start_s, stop_s", f"{asked} is no part of a session of {end_s:g} s"))
    first = math.ceil(start_s * plan.rate_Hz - 1e-6)
    stop = plan.rows if stop_s is None else min(math.ceil(stop_s * plan.rate_Hz - 1e-6), plan.rows)
    if stop <= first:
        raise InputError(Problem("start_s, stop_s", f"there is no sample in the window at {plan.rate_Hz:g} Hz"))
    return first, stop


def _too_many(samples: int, plan: _Plan) -> InputError:
    what = (
        f"{samples:.3g} samples are more than {MOST_SAMPLES:.0e} ({plan.parts[-1].stop_s:g} s at {plan.rate_Hz:g} Hz "
        f"for {len(plan.stimulation.electrodes)} electrodes); ask for a part of the session, or for a lower rate"
    )
    return InputError(Problem("start_s, stop_s", what))


def _carriers(plan: _Plan, time_s: Array, first: int) -> Array:
    """Current of each electrode as it is at the full level, A, (n, electrodes)."""
    stimulation, waveform = plan.stimulation, plan.stimulation.waveform
    electrodes = stimulation.electrodes
    offset = np.array([electrode.offset_A or 0.0 for electrode in electrodes])
    size = amplitudes_A(stimulation)
    if isinstance(waveform, NoiseWaveform):
        assert waveform.band_low_Hz is not None and waveform.band_high_Hz is not None
        is_uniform = waveform.distribution == "uniform"
        noise = Noise(plan.rate_Hz, waveform.band_low_Hz, waveform.band_high_Hz, is_uniform, plan.seed)
        return offset + noise.samples(first, first + len(time_s))[:, None] * size
    if isinstance(waveform, PulsedWaveform):
        return _pulses(waveform, time_s, plan.rate_Hz)[:, None] * size
    if waveform.type == "direct":
        return np.broadcast_to(size, (len(time_s), len(size)))
    phase = np.array([electrode.phase_rad or 0.0 for electrode in electrodes])
    return offset + size * np.sin(2 * math.pi * time_s[:, None] * frequencies_Hz(stimulation) + phase)


def frequencies_Hz(stimulation: ElectricStimulation) -> Array:
    """Frequency of each electrode's sinusoid, Hz."""
    waveform = stimulation.waveform
    if isinstance(waveform, InterferenceWaveform):
        channels = sorted({electrode.channel or 0 for electrode in stimulation.electrodes})
        carrier = dict(zip(channels, waveform.carriers_Hz, strict=True))
        return np.array([carrier[electrode.channel or 0] for electrode in stimulation.electrodes])
    assert isinstance(waveform, SinusoidalWaveform) or hasattr(waveform, "frequency_Hz")
    return np.full(len(stimulation.electrodes), waveform.frequency_Hz, float)


def amplitudes_A(stimulation: ElectricStimulation) -> Array:
    """Signed amplitude of each electrode at the full level, A.

    The peak of a sinusoid or pulse, the standard deviation of a noise, the current itself where it is direct; an offset
    is not in it. NaN where the amplitude convention or the distribution of a noise is not reported.
    """
    made = []
    for electrode in stimulation.electrodes:
        if isinstance(stimulation.waveform, NoiseWaveform):
            size = noise_sigma_A(stimulation, abs(electrode.current_A))
        else:
            size = peak_A(stimulation, attrs.evolve(electrode, offset_A=None))
        made.append(math.nan if size is None else math.copysign(size, electrode.current_A))
    return np.array(made)


def _pulses(waveform: PulsedWaveform, time_s: Array, rate_Hz: float) -> Array:
    """Mean over each sample of a row of pulses of height 1."""
    width, period = waveform.pulse_width_s, waveform.period_s
    start = time_s - period * np.floor(time_s / period + 1e-9)
    stop = start + 1 / rate_Hz

    def covered(low: float, high: float) -> Array:
        """Seconds of each sample between two times of the pulse's period."""
        return np.clip(stop, low, high) - np.clip(start, low, high)

    made = covered(0.0, width) + covered(period, period + width)  # a sample may reach into the next period
    if waveform.polarity == "biphasic":
        made = made - covered(width, 2 * width)
    # Times are known to about 1e-13 s of 1e-5 s: what is left of a rounding is not a current.
    return np.round(made * rate_Hz, 6)
