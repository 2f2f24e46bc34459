"""Quantities of stimulation by a coil; most of them belong to one block of pulses.

Trains are taken from `stimplan.protocol.trains`, with one difference: a stimulus of many pulses (a train written as
one stimulus) is opened up first, so that its own rate is the one that is judged. A pulse rate is that of the pulses,
not of the stimuli: pairs at 1 Hz are 2 Hz.
"""

from __future__ import annotations

import math
import re
from typing import Any

import attrs

from stimplan.protocol import trains
from stimplan.protocol.magnetic import Pattern, Stimulus, Timing
from stimplan.safety.cases import Case, Row, flag, times, twelve_digits
from stimplan.safety.course_quantities import sessions_per_day
from stimplan.safety.pulse_quantities import strongest_told, told

_LONGEST_QUADRIPULSE_INTERVAL_S = 0.1  # 1.5 to 1250 ms were studied (Hamada 2008); slower than this is a train here
_CLASSIC_TBS = {"pulses": 3.0, "burst_Hz": 50.0, "theta_Hz": 5.0, "on_s": 2.0, "off_s": 8.0}  # Huang 2005
_MOST_PULSES = 100_000  # as many as a file may have; beyond it the busiest minute is not searched for
_MEASURED_EVERY_S = {"each-session": 0.0, "daily": 86400.0, "weekly": 7 * 86400.0}


def _is_quadripulse(block: Any) -> bool:
    stimulus = block.timing.stimulus
    return stimulus.pulses == 4 and max(stimulus.intervals_s) <= _LONGEST_QUADRIPULSE_INTERVAL_S


def _is_opened(block: Any) -> bool:
    return block.timing.stimulus.pulses > 3 and not _is_quadripulse(block)


def _train(block: Any) -> trains.Train:
    """Trains of a block, a long stimulus opened up into single pulses."""
    stimulus = block.timing.stimulus
    if not _is_opened(block):
        return trains.train_of(block)
    inner = Pattern(stimulus.pulses, min(stimulus.intervals_s))
    return trains.train_of(attrs.evolve(block, timing=Timing(Stimulus(), (inner, *block.timing.patterns))))


def _stimulus_rate(block: Any) -> float | None:
    """Stimuli per second within a train, Hz: pairs and quadruples count once. 0 for a stimulus that is alone."""
    if not _is_opened(block) and all(pattern.count == 1 for pattern in block.timing.patterns):
        return 0.0
    return _train(block).frequency_Hz


def _pulse_rate(case: Case) -> float | None:
    """Pulses per second within a train, Hz; 0 for a stimulus that is alone."""
    rate, is_opened = _stimulus_rate(case.block), _is_opened(case.block)
    is_own = is_opened or _train(case.block).is_theta_burst
    return None if rate is None else twelve_digits(rate * (1 if is_own else case.block.timing.stimulus.pulses))


def _is_patterned(block: Any) -> bool:
    return _train(block).is_theta_burst or _is_quadripulse(block)


def _is_repetitive(case: Case) -> float | None:
    """1 for stimuli faster than one in five seconds, and for every theta burst and quadripulse."""
    rate = _stimulus_rate(case.block)
    if rate is None or math.isnan(rate):
        return None
    return flag(_is_patterned(case.block) or rate > trains.SLOWEST_TRAIN_HZ)


def _is_conventional(case: Case) -> float | None:
    """1 for repetitive stimulation at one rate, which the tables of train durations are about."""
    return flag(False) if _is_patterned(case.block) else _is_repetitive(case)


def _is_theta_burst(case: Case) -> float | None:
    """1 for theta burst stimulation."""
    return flag(_train(case.block).is_theta_burst)


def _is_continuous_theta_burst(case: Case) -> float | None:
    """1 for theta bursts without pauses."""
    train = _train(case.block)
    return flag(train.is_theta_burst and train.inter_train_interval_s is None)


def _is_quadripulse_block(case: Case) -> float | None:
    """1 for quadripulse stimulation: four pulses at most 100 ms apart."""
    return flag(_is_quadripulse(case.block))


def _train_duration(case: Case) -> float | None:
    """Duration of a train, pulses x interval, s."""
    return _train(case.block).train_duration_s


def _train_count(case: Case) -> float | None:
    """Trains in the block."""
    return _train(case.block).count


def _inter_train_interval(case: Case) -> float | None:
    """From the end of a train to the start of the next, s; None where there is only one."""
    return _train(case.block).inter_train_interval_s


def _theta_deviation(case: Case) -> float | None:
    """Largest relative difference from 3 pulses at 50 Hz, 5 bursts a second and, with pauses, 2 s on, 8 s off."""
    block, train = case.block, _train(case.block)
    if not train.is_theta_burst:
        return None
    counts = (block.timing.stimulus.pulses, *(pattern.count for pattern in block.timing.patterns))
    have = {
        "pulses": next(count for count in counts if count != 1),
        "burst_Hz": train.frequency_Hz,
        "theta_Hz": train.burst_frequency_Hz,
    }
    if train.inter_train_interval_s is not None:
        have |= {"on_s": train.train_duration_s, "off_s": train.inter_train_interval_s}
    return twelve_digits(max(abs(value / _CLASSIC_TBS[name] - 1) for name, value in have.items()))


def _quadripulse_interval(case: Case) -> float | None:
    """Longest time between the four pulses, s; None for any other stimulus."""
    return max(case.block.timing.stimulus.intervals_s) if _is_quadripulse(case.block) else None


def _quadripulse_period(case: Case) -> float | None:
    """Time from one quadruple to the next, s."""
    frequency = _train(case.block).frequency_Hz if _is_quadripulse(case.block) else None
    return twelve_digits(1 / frequency) if frequency else None


def _block_pulses(case: Case) -> float | None:
    """Pulses of the block."""
    return trains.pulses(case.block.timing)


def _timing_fill(case: Case) -> float | None:
    """Largest share of an interval that what is repeated takes, first pulse to last; 1 and more overlaps."""
    timing = case.block.timing
    shares = [0.0]
    for number, pattern in enumerate(timing.patterns):
        inner = trains.duration_s(Timing(timing.stimulus, timing.patterns[:number]))
        shares.append(inner / pattern.interval_s if pattern.interval_s else math.inf)
    return math.nan if any(map(math.isnan, shares)) else twelve_digits(max(shares))


def _relative_to(case: Case, *references: str) -> float | None:
    """The strongest pulse, at least the block's own intensity where pulses are relative to it.

    None where any pulse is given in another way, for it may be the strongest.
    """
    own = () if case.block.timing.stimulus.intensities else (case.block.intensity,)
    intensities = (*own, *case.block.pulse_intensities)
    sizes = [one.value_fraction for one in intensities if one.reference in references]
    known = [size for size in sizes if size is not None]
    return twelve_digits(max(known)) if known and len(known) == len(intensities) else None


def _threshold_intensity(case: Case) -> float | None:
    """Intensity relative to a motor threshold; the active one is lower, so that reading it as resting is strict.

    A run that was given the threshold knows it for an output, a rate or a field, too.
    """
    stated = _relative_to(case, "rMT", "aMT")
    return strongest_told(case, "threshold_intensity") if stated is None else stated


def _resting_intensity(case: Case) -> float | None:
    """Intensity relative to the resting motor threshold; None where it is given otherwise."""
    return _relative_to(case, "rMT")


def _active_intensity(case: Case) -> float | None:
    """Intensity relative to the active motor threshold; None where it is given otherwise."""
    return _relative_to(case, "aMT")


def _output(case: Case) -> float | None:
    """Share of the stimulator's output, of the strongest pulse; None where the intensity is given otherwise.

    A run that has turned the block's intensity into dI/dt knows it for every form of intensity.
    """
    stated = _relative_to(case, "MSO")
    return strongest_told(case, "output_fraction") if stated is None else stated


def _has_next_block(case: Case) -> float | None:
    """1 where another block follows."""
    return flag(case.block is not case.protocol.stimulation.blocks[-1])


def _block_gap(case: Case) -> float | None:
    """Time from the last pulse of this block to the first of the next, s; None where it is not reported."""
    return case.block.gap_s


def _threshold_reported(case: Case) -> float | None:
    """1 where the protocol says that a threshold is measured, or a run was given one; None where nothing says it."""
    return told(case, "threshold_measured") if case.block.threshold is None else 1.0


def _threshold_gaps(case: Case) -> float | None:
    """How many of method, muscle and coil of the threshold are not reported."""
    threshold = case.block.threshold
    if threshold is None:
        return None
    return float(sum(value is None for value in (threshold.method, threshold.muscle, threshold.coil)))


def _threshold_interval(case: Case) -> float | None:
    """Time between measurements of the threshold, s: 0 for each session; infinite for once in a longer course."""
    threshold = case.block.threshold
    if threshold is None or threshold.measured is None:
        return None
    if threshold.measured == "once":
        return 0.0 if case.protocol.course.sessions == 1 else math.inf
    return _MEASURED_EVERY_S[threshold.measured]


def _rapid2_type(case: Case) -> int | None:
    """0, 1 or 2 for the Magstim Rapid², Super Rapid² and Super Rapid² Plus; None for any other stimulator."""
    stimulator = case.protocol.stimulation.stimulator
    if stimulator is None or stimulator.model is None:
        kind = told(case, "rapid2_type")
        return None if kind is None else int(kind)
    return rapid2_type(stimulator.model)


def rapid2_type(stimulator: str) -> int | None:
    """0, 1 or 2 for the Magstim Rapid², Super Rapid² and Super Rapid² Plus by a name; None for any other."""
    name = re.sub(r"[^a-z0-9+]", "", stimulator.lower().replace("²", "2"))
    if "rapid2" not in name:
        return None
    return (2 if "plus" in name or "+" in name else 1) if "super" in name else 0


def _is_rapid2(case: Case) -> float | None:
    """1 for a Magstim Rapid² of any type."""
    return flag(_rapid2_type(case) is not None)


def _is_rapid2_type_0(case: Case) -> float | None:
    """1 for a Magstim Rapid²."""
    return flag(_rapid2_type(case) == 0)


def _is_rapid2_type_1(case: Case) -> float | None:
    """1 for a Magstim Super Rapid²."""
    return flag(_rapid2_type(case) == 1)


def _is_rapid2_type_2(case: Case) -> float | None:
    """1 for a Magstim Super Rapid² Plus."""
    return flag(_rapid2_type(case) == 2)


def _busiest_minute(case: Case) -> float | None:
    """Most pulses of the block within any minute; None for more pulses than can be looked through."""
    timing = case.block.timing
    if trains.pulses(timing) > _MOST_PULSES:
        return None
    pulse_times, counts, first = trains.pulse_times_s(timing), [], 0
    for number, time in enumerate(pulse_times):
        while twelve_digits(time - pulse_times[first]) >= 60:
            first += 1
        counts.append(number - first + 1)
    return float(max(counts))


def _fastest_rate(case: Case) -> float | None:
    """Highest rate of pulses in the block, Hz, bursts included; 0 for a single pulse."""
    timing = case.block.timing
    intervals = [*timing.stimulus.intervals_s, *(p.interval_s for p in timing.patterns if p.count > 1)]
    return twelve_digits(1 / min(intervals)) if intervals and min(intervals) else 0.0 if not intervals else math.inf


def _pulses_of(case: Case, *, is_theta: bool) -> float | None:
    blocks = [Case(case.protocol, block=block) for block in case.protocol.stimulation.blocks]
    wanted = [one for one in blocks if (_is_theta_burst(one) if is_theta else _is_conventional(one)) != 0]
    return float(sum(trains.pulses(one.block.timing) for one in wanted)) if blocks else None


def _conventional_pulses(case: Case) -> float | None:
    """Pulses per session in blocks of conventional repetitive stimulation."""
    return _pulses_of(case, is_theta=False)


def _theta_pulses(case: Case) -> float | None:
    """Pulses per session in blocks of theta bursts."""
    return _pulses_of(case, is_theta=True)


def _session_pulses(case: Case) -> float | None:
    """Pulses of a session, all blocks."""
    blocks = case.protocol.stimulation.blocks
    return float(sum(trains.pulses(block.timing) for block in blocks)) if blocks else None


def _daily_pulses(case: Case) -> float | None:
    """Pulses on a day of stimulation."""
    return times(_session_pulses(case), sessions_per_day(case))


def _course_pulses(case: Case) -> float | None:
    """Pulses of the whole course."""
    return times(_session_pulses(case), case.protocol.course.sessions)


def _five_day_pulses(case: Case) -> float | None:
    """Pulses on five days in a row: five times those of a day, at most those of the course."""
    daily, course = _daily_pulses(case), _course_pulses(case)
    return None if daily is None or course is None else min(5 * daily, course)


def _is_h_coil(case: Case) -> float | None:
    """1 for an H-coil; of the coil a run used, where that is another than the protocol's."""
    family = told(case, "is_h_coil")
    return flag(case.protocol.stimulation.coil.family == "H-coil") if family is None else family


def _is_figure_8(case: Case) -> float | None:
    """1 for a figure-8 coil; of the coil a run used, where that is another than the protocol's."""
    family = told(case, "is_figure_8")
    return flag(case.protocol.stimulation.coil.family == "figure-8") if family is None else family


MAGNETIC: tuple[Row, ...] = (
    ("train_duration_s", "s", "the duration of a train", "block", _train_duration),
    ("train_count", "", "the number of trains", "block", _train_count),
    ("inter_train_interval_s", "s", "the interval between trains", "block", _inter_train_interval),
    ("pulse_rate_Hz", "Hz", "the rate of the pulses", "block", _pulse_rate),
    ("fastest_rate_Hz", "Hz", "the highest rate of the pulses", "block", _fastest_rate),
    ("pulses_in_busiest_minute", "", "the pulses in one minute", "block", _busiest_minute),
    ("block_pulses", "", "the pulses of the block", "block", _block_pulses),
    ("timing_fill_fraction", "fraction", "the share of an interval that is filled", "block", _timing_fill),
    ("is_repetitive", "", "whether the stimulation is repetitive", "block", _is_repetitive),
    ("is_conventional", "", "whether the stimulation has one rate", "block", _is_conventional),
    ("is_theta_burst", "", "whether the pulses come in theta bursts", "block", _is_theta_burst),
    ("is_continuous_theta_burst", "", "whether theta bursts come without pauses", "block", _is_continuous_theta_burst),
    ("is_quadripulse", "", "whether the pulses come in fours", "block", _is_quadripulse_block),
    (
        "theta_deviation_fraction",
        "fraction",
        "the difference from the published theta burst",
        "block",
        _theta_deviation,
    ),
    ("quadripulse_interval_s", "s", "the interval within four pulses", "block", _quadripulse_interval),
    ("quadripulse_period_s", "s", "the time between quadruples of pulses", "block", _quadripulse_period),
    (
        "threshold_intensity_fraction",
        "fraction",
        "the intensity relative to a motor threshold",
        "block",
        _threshold_intensity,
    ),
    (
        "resting_intensity_fraction",
        "fraction",
        "the intensity relative to the resting motor threshold",
        "block",
        _resting_intensity,
    ),
    (
        "active_intensity_fraction",
        "fraction",
        "the intensity relative to the active motor threshold",
        "block",
        _active_intensity,
    ),
    ("output_fraction", "fraction", "the share of the stimulator's output", "block", _output),
    ("has_next_block", "", "whether another block follows", "block", _has_next_block),
    ("block_gap_s", "s", "the time to the next block", "block", _block_gap),
    ("threshold_reported", "", "the measurement of a threshold", "block", _threshold_reported),
    ("threshold_gaps", "", "method, muscle and coil of the threshold", "block", _threshold_gaps),
    ("threshold_interval_s", "s", "how often the threshold is measured", "block", _threshold_interval),
    ("is_rapid2", "", "whether the stimulator is a Rapid²", "protocol", _is_rapid2),
    ("is_rapid2_type_0", "", "whether the stimulator is a Rapid²", "protocol", _is_rapid2_type_0),
    ("is_rapid2_type_1", "", "whether the stimulator is a Super Rapid²", "protocol", _is_rapid2_type_1),
    ("is_rapid2_type_2", "", "whether the stimulator is a Super Rapid² Plus", "protocol", _is_rapid2_type_2),
    ("conventional_pulses", "", "the pulses of a session at one rate", "protocol", _conventional_pulses),
    ("theta_pulses", "", "the pulses of a session in theta bursts", "protocol", _theta_pulses),
    ("session_pulses", "", "the pulses of a session", "protocol", _session_pulses),
    ("daily_pulses", "", "the pulses per day", "protocol", _daily_pulses),
    ("five_day_pulses", "", "the pulses on five days", "protocol", _five_day_pulses),
    ("course_pulses", "", "the pulses of the course", "protocol", _course_pulses),
    ("is_h_coil", "", "whether the coil is an H-coil", "protocol", _is_h_coil),
    ("is_figure_8", "", "whether the coil is a figure-8", "protocol", _is_figure_8),
)
