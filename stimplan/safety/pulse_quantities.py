"""What a run tells about pulses, and quantities about their shape: the protocol's, the stimulator's, the threshold's.

The shape is the protocol's; where it does not report one, that of the waveforms in the coil file of the run, if all of
them are of one kind. A run also tells with which pulses the person's threshold was measured, and which ones the
stimulator gives.
"""

from __future__ import annotations

from stimplan.safety.cases import Case, Row, flag, twelve_digits

USUAL = "biphasic"


def told(case: Case, name: str) -> float | None:
    """What a run knows about the coil, the stimulator and the person that the protocol leaves open."""
    return None if case.field is None else case.field.get(name)


def strongest_told(case: Case, name: str) -> float | None:
    """A size that a run found for the block's intensity, of its strongest pulse.

    None where pulses have references of their own: another may be the strongest.
    """
    found, stimulus = told(case, f"{name}_of_block_{_number(case)}"), case.block.timing.stimulus
    if found is None or stimulus.intensities:
        return None
    return twelve_digits(found * max((1.0, *stimulus.relative_intensities)))


def _is_other_pulse(case: Case) -> float | None:
    """1 for pulses that are not biphasic; of the stimulator's waveforms where the protocol reports no shape."""
    shape = case.block.pulse.shape
    return told(case, "is_other_pulse") if shape is None else flag(shape != USUAL)


def _number(case: Case) -> int:
    return next(i for i, block in enumerate(case.protocol.stimulation.blocks, start=1) if block is case.block)


def _is_threshold_of_other_pulse(case: Case) -> float | None:
    """1 where the threshold was measured with pulses of another shape than the block's, as a run is told."""
    return told(case, f"is_threshold_of_other_pulse_in_block_{_number(case)}")


def _is_pulse_not_given(case: Case) -> float | None:
    """1 where the waveforms of the run's coil file have no pulse of the block's shape."""
    return told(case, f"is_pulse_not_given_in_block_{_number(case)}")


PULSES: tuple[Row, ...] = (
    ("is_other_pulse", "", "the shape of the pulses", "block", _is_other_pulse),
    (
        "is_threshold_of_other_pulse",
        "",
        "the pulses the threshold was measured with",
        "block",
        _is_threshold_of_other_pulse,
    ),
    ("is_pulse_not_given", "", "the pulses the stimulator gives", "block", _is_pulse_not_given),
)
