"""When the pulses of a coil come, and how strong each is relative to its block's intensity."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError, Problem
from stimplan.protocol import Block, Intensity, MagneticStimulation, Protocol, Timing, trains
from stimplan.values import array_eq, frozen_array
from stimplan.waveform.choices import Choices

MOST_PULSES = 10**7


_SAME_WITH_NAN = attrs.cmp_using(eq=lambda a, b: np.array_equal(a, b, equal_nan=True))


def _numbers(values: ArrayLike) -> NDArray[np.float64]:
    return frozen_array(values, name="pulses", shape=(None,))


def _ratios(values: ArrayLike) -> NDArray[np.float64]:
    return frozen_array(values, name="relative_intensity", shape=(None,), is_finite=False)


def _maybe(values: ArrayLike) -> NDArray[np.float64]:
    return frozen_array(values, name="nerve_time_s", shape=(None,), is_finite=False)


def _whole(values: ArrayLike) -> NDArray[np.int64]:
    return frozen_array(values, name="block", shape=(None,), dtype=np.int64)


@attrs.frozen(kw_only=True)
class Pulses:
    """Every pulse of a session.

    Attributes
    ----------
    time_s : (n,) array
        From the first pulse, s; rising.
    relative_intensity : (n,) array
        Of the intensity of its block, 1 for the same; NaN where the pulse has a reference of its own.
    block : (n,) array of int
        Number of its block, from 0.
    nerve_time_s : (n,) array
        When the paired nerve is stimulated, s (negative before the first pulse); NaN where none is paired.
    """

    time_s: NDArray[np.float64] = attrs.field(converter=_numbers, eq=array_eq)
    relative_intensity: NDArray[np.float64] = attrs.field(converter=_ratios, eq=_SAME_WITH_NAN)
    block: NDArray[np.int64] = attrs.field(converter=_whole, eq=array_eq)
    nerve_time_s: NDArray[np.float64] = attrs.field(converter=_maybe, eq=_SAME_WITH_NAN)


def pulse_times_s(protocol: Protocol, *, choices: Choices | None = None) -> NDArray[np.float64]:
    """Times of all pulses of a session from the first on, s; see `list_pulses`."""
    return list_pulses(protocol, choices=choices).time_s


def list_pulses(protocol: Protocol, *, choices: Choices | None = None) -> Pulses:
    """Every pulse of a session, from the nested timing of its blocks.

    Parameters
    ----------
    protocol : Protocol
        Of magnetic stimulation.
    choices : Choices, optional
        `gap_s` stands for the gaps between blocks that are not reported.

    Raises
    ------
    InputError
        The protocol has no coil, a gap between its blocks is not known, or it has more than 1e7 pulses.
    """
    stimulation = _magnetic(protocol)
    starts = _block_starts_s(protocol, (choices or Choices()).gap_s)
    times = [start + block_times_s(block.timing) for start, block in zip(starts, stimulation.blocks, strict=True)]
    before = [math.nan if block.peripheral is None else block.peripheral.interval_s for block in stimulation.blocks]
    counts = [len(block) for block in times]
    time_s = np.concatenate(times)
    return Pulses(
        time_s=time_s,
        relative_intensity=np.concatenate([relative_intensities(block) for block in stimulation.blocks]),
        block=np.repeat(np.arange(len(counts)), counts),
        nerve_time_s=time_s - np.repeat(before, counts),
    )


def block_times_s(timing: Timing) -> NDArray[np.float64]:
    """Times of the pulses of one block from its first, s.

    Raises
    ------
    InputError
        There are more than 1e7.
    """
    if trains.pulses(timing) > MOST_PULSES:
        raise InputError(f"{trains.pulses(timing):,} pulses in one block are more than {MOST_PULSES:,}")
    times = np.concatenate([[0.0], np.cumsum(timing.stimulus.intervals_s)])
    for pattern in timing.patterns:  # from the inside out
        times = (np.arange(pattern.count)[:, None] * pattern.interval_s + times).ravel()
    return times


def relative_intensities(block: Block) -> NDArray[np.float64]:
    """Intensity of the pulses of one block relative to the block's; NaN for a pulse with a reference of its own.

    Nobody knows before the session what 80 % of the active threshold is of the intensity that gives 1 mV.
    """
    stimulus = block.timing.stimulus
    own = tuple(_ratio(one, block.intensity) for one in stimulus.intensities)
    one = np.array(own or stimulus.relative_intensities or (1.0,) * stimulus.pulses)
    return np.tile(one, trains.pulses(block.timing) // stimulus.pulses)


def _ratio(own: Intensity | None, whole: Intensity) -> float:
    """Of a pulse's own intensity to the block's; NaN where they are of different kinds."""
    if own is None:
        return 1.0
    for size, of in (
        (own.didt_A_per_s, whole.didt_A_per_s),
        (own.field_V_per_m, whole.field_V_per_m),
        (own.value_fraction, whole.value_fraction if own.reference == whole.reference else None),
    ):
        if size is not None and of is not None:
            return trains.tidy(size / of)
    return math.nan


def _block_starts_s(protocol: Protocol, gap_s: float | None) -> list[float]:
    blocks = _magnetic(protocol).blocks
    starts, problems = [0.0], []
    for number, block in enumerate(blocks[:-1]):
        gap = gap_s if block.gap_s is None else block.gap_s
        if gap is None:
            where = f"{protocol.id}: $.stimulation.blocks[{number}].gap_s"
            problems.append(Problem(where, "is not reported; choose the time to the next block with --gap-s"))
        starts.append(starts[-1] + trains.duration_s(block.timing) + (gap or 0.0))
    if problems:
        raise InputError(problems)
    return starts


def _magnetic(protocol: Protocol) -> MagneticStimulation:
    if protocol.magnetic is None:
        raise InputError(f"{protocol.id}: {protocol.modality} has no coil and no pulses to list; sample its current")
    return protocol.magnetic
