"""From nested timing to pulses, durations and trains; every number is derived here and typed nowhere.

Write n0 for the pulses of a stimulus and t0 for the sum of its intervals; n_k and T_k for the count and the interval
of pattern k, from the inside out. Then

    pulses          N   = n0 · n1 · n2 · …
    first to last   L_k = (n_k - 1) · T_k + L_(k-1),   L_0 = t0
    with the gap    S   = n_K · T_K of the outermost pattern
"""

from __future__ import annotations

import math
from typing import Literal

import attrs

from stimplan.protocol.magnetic import Block, Timing

PatternName = Literal[
    "single-pulse", "paired-pulse", "paired-associative", "repetitive", "iTBS", "cTBS", "theta-burst", "quadripulse"
]

# Single pulses, by usage: slower than one in five seconds counts as no train (TMSMultiLab's general rules).
SLOWEST_TRAIN_HZ = 0.2
# Three pulses at 50 Hz every 200 ms (Huang 2005, doi 10.1016/j.neuron.2004.12.033), and its variants at 30 Hz and 6 Hz.
_BURST_HZ, _THETA_HZ = (30.0, 100.0), (3.0, 8.0)
# Intermittent: 2 s every 10 s; continuous: 20 s or 40 s without a break (the same paper), 44 s in stroke. Longer
# unbroken ones are called continuous too; 5 s every 15 s ("intermediate") and all else is neither.
_ITBS_TRAIN_S, _ITBS_PERIOD_S = (1.5, 3.0), (8.0, 12.0)
_CTBS_LEAST_S = 15.0
_SAME = 1e-6


@attrs.frozen
class Train:
    """The trains of a block, as the rules for safety and the texts for people need them.

    Attributes
    ----------
    name : str
        single-pulse, paired-pulse, paired-associative, repetitive, iTBS, cTBS, theta-burst or quadripulse.
    frequency_Hz : float or None
        Rate of the pulses in a train (50 Hz within a theta burst); of the stimuli where one has two or four pulses;
        None for a single stimulus.
    burst_frequency_Hz : float or None
        Rate of the bursts (5 Hz) in theta burst stimulation, else None.
    pulses : int
        In one train.
    count : int
        Trains in the block.
    train_duration_s : float
        count × interval of the train's pattern, as publications give it (40 pulses at 10 Hz: 4 s), s.
    inter_train_interval_s : float or None
        From the end of a train to the start of the next, s; None where there is only one.
    """

    name: PatternName
    frequency_Hz: float | None
    burst_frequency_Hz: float | None
    pulses: int
    count: int
    train_duration_s: float
    inter_train_interval_s: float | None

    @property
    def is_theta_burst(self) -> bool:
        """Whether the pulses come in theta bursts."""
        return self.burst_frequency_Hz is not None

    @property
    def duty_cycle(self) -> float:
        """Share of the time within a train, train / (train + interval); 1 for one train."""
        if self.inter_train_interval_s is None or self.train_duration_s == 0:
            return 1.0
        return self.train_duration_s / (self.train_duration_s + self.inter_train_interval_s)


def pulses(timing: Timing) -> int:
    """Pulses of a timing, N = n0 · n1 · n2 · …"""
    return timing.stimulus.pulses * math.prod(pattern.count for pattern in timing.patterns)


def duration_s(timing: Timing) -> float:
    """Time from the first pulse to the last, Σ (n_k - 1) · T_k + t0, s."""
    terms = [(pattern.count - 1) * pattern.interval_s for pattern in timing.patterns]
    return tidy(math.fsum([*timing.stimulus.intervals_s, *terms]))


def slot_s(timing: Timing) -> float:
    """Time up to when the outermost pattern would begin again, n_K · T_K, s: publications often count the last gap."""
    if not timing.patterns:
        return duration_s(timing)
    return tidy(timing.patterns[-1].count * timing.patterns[-1].interval_s)


def pulse_times_s(timing: Timing) -> tuple[float, ...]:
    """Time of every pulse after the first, which is at 0, s; in order where the patterns fit into each other."""
    times = [0.0]
    for interval_s in timing.stimulus.intervals_s:
        times.append(times[-1] + interval_s)
    for pattern in timing.patterns:
        times = [k * pattern.interval_s + time for k in range(pattern.count) for time in times]
    return tuple(times)


# Single, paired, triple and quadripulse, with room; whoever writes more pulses as one stimulus means a train.
_LARGEST_STIMULUS = 8


def train_of(block: Block) -> Train:
    """The trains of a block.

    Patterns that follow each other without a gap (the inner one fills the outer interval) are one train; the next
    pattern outwards repeats the train.
    """
    levels, is_burst = _levels(block.timing)
    theta_Hz = _theta_Hz(levels)
    first = 1 if (is_burst and len(levels) > 1) or theta_Hz is not None else 0
    inner = math.prod(count for count, _ in levels[:first])
    count, interval_s = levels[first] if first < len(levels) else (1, 0.0)
    train_s, rest = count * interval_s, list(levels[first + 1 :])
    while rest and abs(rest[0][1] - train_s) <= _SAME * train_s:
        outer, _ = rest.pop(0)
        count, train_s = count * outer, train_s * outer
    gap_s = tidy(rest[0][1] - train_s) if rest else None
    own_s = levels[0][1] if theta_Hz is not None else interval_s
    return Train(
        name=_name(block, levels, _theta_name(levels, train_s, gap_s) if theta_Hz is not None else None),
        frequency_Hz=tidy(1 / own_s) if own_s else None,
        burst_frequency_Hz=theta_Hz,
        pulses=inner * count,
        count=math.prod(number for number, _ in rest),
        train_duration_s=tidy(train_s),
        inter_train_interval_s=gap_s,
    )


def tidy(value: float) -> float:
    """Round to twelve digits: sums and products of decimal numbers, without the dust of binary ones."""
    return float(f"{value:.12g}")


def _levels(timing: Timing) -> tuple[list[tuple[int, float]], bool]:
    """(count, interval) from the inside out, levels of one left out; whether the innermost is a stimulus of its own."""
    stimulus = timing.stimulus
    patterns = [(pattern.count, pattern.interval_s) for pattern in timing.patterns if pattern.count > 1]
    if stimulus.pulses == 1:
        return patterns, False
    levels = [(stimulus.pulses, math.fsum(stimulus.intervals_s) / (stimulus.pulses - 1)), *patterns]
    return levels, stimulus.pulses <= _LARGEST_STIMULUS


def _theta_Hz(levels: list[tuple[int, float]]) -> float | None:
    """Rate of the bursts where the timing is three (or more) fast pulses at the theta rhythm, else None."""
    if len(levels) < 2 or not 3 <= levels[0][0] <= 5:
        return None
    burst_Hz, theta_Hz = 1 / levels[0][1], 1 / levels[1][1]
    is_theta = _within(burst_Hz, _BURST_HZ) and _within(theta_Hz, _THETA_HZ)
    return tidy(theta_Hz) if is_theta else None


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] * (1 - _SAME) <= value <= limits[1] * (1 + _SAME)


def _theta_name(levels: list[tuple[int, float]], train_s: float, gap_s: float | None) -> PatternName:
    """Intermittent or continuous by the length of the trains, however many there are; else plain theta burst.

    Two continuous trains with a quarter of an hour between them are continuous twice, and no intermittent stimulation.
    """
    if levels[0][0] != 3:
        return "theta-burst"
    if train_s >= _CTBS_LEAST_S:
        return "cTBS"
    is_intermittent = gap_s is not None and _within(train_s + gap_s, _ITBS_PERIOD_S)
    return "iTBS" if is_intermittent and _within(train_s, _ITBS_TRAIN_S) else "theta-burst"


def _name(block: Block, levels: list[tuple[int, float]], theta: PatternName | None) -> PatternName:
    if block.peripheral is not None:
        return "paired-associative"
    if theta is not None:
        return theta
    if block.timing.stimulus.pulses == 2:
        return "paired-pulse"
    if block.timing.stimulus.pulses == 4:
        return "quadripulse"
    is_slow = not levels or 1 / levels[0][1] <= SLOWEST_TRAIN_HZ * (1 + _SAME)
    return "single-pulse" if is_slow and len(levels) <= 1 else "repetitive"
