"""Totals of a protocol: pulses, durations, charge, per session, day and course; derived from its fields.

The formulae are where they are computed: of pulses in `trains`, of currents in `dose`.
"""

from __future__ import annotations

import attrs

from stimplan.protocol import dose, trains
from stimplan.protocol.electric import ElectricStimulation
from stimplan.protocol.magnetic import MagneticStimulation
from stimplan.protocol.model import Protocol
from stimplan.protocol.plan import Course
from stimplan.protocol.trains import Train, tidy


@attrs.frozen
class Totals:
    """What a protocol adds up to; None where it does not apply or the source does not say enough.

    Attributes
    ----------
    session_duration_s : float
        Current: both ramps that are reported and the time at the full level. Coil: first to last pulse of all
        blocks, with the gaps between them that are reported. s.
    session_slot_s : float
        The same with the gap after the last train, as publications often count it, s.
    is_duration_complete : bool
        False where a ramp or a gap between blocks is not reported: the durations are lower bounds.
    course_duration_s : float
        Stimulation time of all sessions, session_duration_s × sessions, s.
    pulses_per_session, pulses_per_day, pulses_per_course : int or None
        Of a coil.
    trains : tuple of Train
        One for each block.
    peak_current_A : float or None
        Largest |i(t)| of an electrode.
    charge_per_session_C, charge_per_day_C, charge_per_course_C : float or None
        Rectified charge at the full level, ramps not counted, as publications give it.
    ramp_charge_C : float or None
        Charge of the ramps that are reported, per session.
    duty_cycle : float
        Share of the session with current or within trains.
    """

    session_duration_s: float
    session_slot_s: float
    is_duration_complete: bool
    course_duration_s: float
    pulses_per_session: int | None = None
    pulses_per_day: int | None = None
    pulses_per_course: int | None = None
    trains: tuple[Train, ...] = ()
    peak_current_A: float | None = None
    charge_per_session_C: float | None = None
    charge_per_day_C: float | None = None
    charge_per_course_C: float | None = None
    ramp_charge_C: float | None = None
    duty_cycle: float = 1.0


def totals_of(protocol: Protocol) -> Totals:
    """Every total of a protocol."""
    stimulation = protocol.stimulation
    if isinstance(stimulation, MagneticStimulation):
        return _magnetic(stimulation, protocol.course)
    return _electric(stimulation, protocol.course)


def sessions_per_day(course: Course) -> int | None:
    """Most sessions on one day; one where the course has one only, None where it is not reported."""
    return 1 if course.sessions == 1 else course.sessions_per_day


def pulses_per_session(stimulation: MagneticStimulation) -> int:
    """Pulses of all blocks."""
    return sum(trains.pulses(block.timing) for block in stimulation.blocks)


def session_duration_s(stimulation: MagneticStimulation) -> float:
    """First pulse to last, Σ over the blocks of their duration and of the gap after each but the last, s."""
    return tidy(sum(trains.duration_s(block.timing) for block in stimulation.blocks) + _gaps_s(stimulation))


def session_slot_s(stimulation: MagneticStimulation) -> float:
    """The same with the gap after the last train of every block that has no gap of its own, s."""
    blocks = stimulation.blocks
    ends = [trains.duration_s if block.gap_s is not None else trains.slot_s for block in blocks[:-1]]
    slots = [end(block.timing) for end, block in zip([*ends, trains.slot_s], blocks, strict=True)]
    return tidy(sum(slots) + _gaps_s(stimulation))


def _gaps_s(stimulation: MagneticStimulation) -> float:
    return sum(block.gap_s or 0.0 for block in stimulation.blocks[:-1])


def _magnetic(stimulation: MagneticStimulation, course: Course) -> Totals:
    pulses, duration_s = pulses_per_session(stimulation), session_duration_s(stimulation)
    daily = sessions_per_day(course)
    found = tuple(trains.train_of(block) for block in stimulation.blocks)
    on_s = sum(train.train_duration_s * train.count for train in found)
    slot_s = session_slot_s(stimulation)
    return Totals(
        session_duration_s=duration_s,
        session_slot_s=slot_s,
        is_duration_complete=all(block.gap_s is not None for block in stimulation.blocks[:-1]),
        course_duration_s=tidy(duration_s * course.sessions),
        pulses_per_session=pulses,
        pulses_per_day=None if daily is None else pulses * daily,
        pulses_per_course=pulses * course.sessions,
        trains=found,
        duty_cycle=min(1.0, tidy(on_s / slot_s)) if slot_s else 1.0,
    )


def _electric(stimulation: ElectricStimulation, course: Course) -> Totals:
    waveform = stimulation.waveform
    duration_s = tidy(waveform.duration_s + (waveform.ramp_up_s or 0.0) + (waveform.ramp_down_s or 0.0))
    charge = _tidy(dose.nominal_charge_C(stimulation))
    daily = sessions_per_day(course)
    peaks = [dose.peak_A(stimulation, electrode) for electrode in stimulation.electrodes]
    known = [peak for peak in peaks if peak is not None]
    return Totals(
        session_duration_s=duration_s,
        session_slot_s=duration_s,
        is_duration_complete=waveform.ramp_up_s is not None and waveform.ramp_down_s is not None,
        course_duration_s=tidy(duration_s * course.sessions),
        peak_current_A=_tidy(max(known)) if len(known) == len(peaks) else None,
        charge_per_session_C=charge,
        charge_per_day_C=None if charge is None or daily is None else tidy(charge * daily),
        charge_per_course_C=None if charge is None else tidy(charge * course.sessions),
        ramp_charge_C=_tidy(dose.ramp_charge_C(stimulation)),
        duty_cycle=tidy(dose.duty_cycle(waveform)),
    )


def _tidy(value: float | None) -> float | None:
    return None if value is None else tidy(value)
