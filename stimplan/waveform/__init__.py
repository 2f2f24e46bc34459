"""What a protocol is in time: the current of every electrode, every pulse of a coil, the days of a course."""

from stimplan.waveform.choices import Choices
from stimplan.waveform.days import CoursePlan, Day, plan_course
from stimplan.waveform.level import Piece, pieces, session_s
from stimplan.waveform.pulses import Pulses, block_times_s, list_pulses, pulse_times_s, relative_intensities
from stimplan.waveform.sampling import (
    Waveforms,
    amplitudes_A,
    count_rows,
    frequencies_Hz,
    needed_rate_Hz,
    sample_session,
    session_chunks,
)
from stimplan.waveform.writing import replaced, write_pulses, write_waveform

__all__ = [
    "Choices",
    "CoursePlan",
    "Day",
    "Piece",
    "Pulses",
    "Waveforms",
    "amplitudes_A",
    "block_times_s",
    "count_rows",
    "frequencies_Hz",
    "list_pulses",
    "needed_rate_Hz",
    "pieces",
    "plan_course",
    "pulse_times_s",
    "relative_intensities",
    "replaced",
    "sample_session",
    "session_chunks",
    "session_s",
    "write_pulses",
    "write_waveform",
]
