"""What a protocol file does not report: the nulls that matter, by name."""

from __future__ import annotations

from stimplan.protocol import (
    Block,
    ElectricStimulation,
    MagneticStimulation,
    NoiseWaveform,
    OscillatingWaveform,
    Protocol,
    SinusoidalWaveform,
)


def not_reported(protocol: Protocol) -> tuple[str, ...]:
    """Names of what the file leaves open, of what would be needed to give the same stimulation again."""
    stimulation = protocol.stimulation
    found = _magnetic(stimulation) if isinstance(stimulation, MagneticStimulation) else _electric(stimulation)
    return tuple(dict.fromkeys([*found, *_course(protocol), *_context(protocol)]))


def _missing(*pairs: tuple[str, object]) -> list[str]:
    return [name for name, value in pairs if value is None]


def _electric(stimulation: ElectricStimulation) -> list[str]:
    waveform = stimulation.waveform
    found = _missing(("ramp up", waveform.ramp_up_s), ("ramp down", waveform.ramp_down_s))
    if not stimulation.is_size_known:
        found.append("whether the current is given as peak, peak-to-peak or RMS")
    if isinstance(waveform, SinusoidalWaveform | OscillatingWaveform) and not waveform.frequency_note:
        found += _missing(("frequency", waveform.frequency_Hz))
    if isinstance(waveform, NoiseWaveform):
        found += _missing(
            ("lower edge of the band", waveform.band_low_Hz),
            ("upper edge of the band", waveform.band_high_Hz),
            ("distribution of the noise", waveform.distribution),
        )
    return found


def _magnetic(stimulation: MagneticStimulation) -> list[str]:
    coil, device = stimulation.coil, stimulation.stimulator
    found = _missing(("coil model", coil.model), ("stimulator", device and (device.model or device.manufacturer)))
    for count, block in enumerate(stimulation.blocks, 1):
        suffix = f" (block {count})" if len(stimulation.blocks) > 1 else ""
        found += [name + suffix for name in _block(block, is_last=count == len(stimulation.blocks))]
    return found


def _block(block: Block, *, is_last: bool) -> list[str]:
    place, threshold = block.placement, block.threshold
    found = _missing(
        ("pulse shape", block.pulse.shape),
        ("current direction", block.pulse.current_direction),
        ("how the coil's place was found", place.method),
        ("orientation of the coil", place.handle or place.pose_m),
    )
    references = {one.reference for one in block.pulse_intensities}
    if references & {"rMT", "aMT", "phosphene"}:
        found += _missing(
            ("how the threshold was measured", threshold and threshold.method),
            (
                "muscle of the threshold",
                threshold and threshold.muscle if references & {"rMT", "aMT"} else "none",
            ),
            ("how often the threshold was measured", threshold and threshold.measured),
        )
    return found if is_last else found + _missing(("time between the blocks", block.gap_s))


def _course(protocol: Protocol) -> list[str]:
    course = protocol.course
    if course.sessions == 1:
        return []
    return _missing(
        ("sessions a day", course.sessions_per_day),
        ("least time between sessions", course.min_gap_s),
        ("schedule", course.schedule or (course.phases or None) or course.sessions_per_week),
    )


def _context(protocol: Protocol) -> list[str]:
    return _missing(
        ("population", protocol.population),
        ("purpose", protocol.purpose),
        ("target", protocol.target),
        ("sham", protocol.sham),
        ("blinding", protocol.blinding),
        ("grade of the evidence", protocol.evidence),
        ("result", protocol.result),
        ("source", protocol.source),
    )
