"""Sentences about a stimulation by a coil: pulses and their nesting, intensity, place, and what they add up to."""

from __future__ import annotations

from stimplan.describe.words import bare, counted, listed, number, point_text, rounded, shown, site_text, time_text
from stimplan.protocol import Block, Intensity, MagneticStimulation, Protocol, Stimulus, Threshold, Timing
from stimplan.protocol.totals import totals_of
from stimplan.protocol.trains import Train, pulses, train_of

REFERENCES = {
    "rMT": "the resting motor threshold",
    "aMT": "the active motor threshold",
    "MSO": "the maximum stimulator output",
    "1mV": "the intensity for a motor response of 1 mV",
    "phosphene": "the phosphene threshold",
}
_DIRECTIONS = {
    "PA": "posterior to anterior",
    "AP": "anterior to posterior",
    "LM": "lateral to medial",
    "ML": "medial to lateral",
}
_MEASURED = {"each-session": "before each session", "daily": "daily", "weekly": "weekly", "once": "once"}
_NAMES = {"iTBS": "intermittent theta burst", "cTBS": "continuous theta burst", "theta-burst": "theta burst"}


def magnetic_sentences(protocol: Protocol, stimulation: MagneticStimulation) -> list[str]:
    """Coil, every block, and the derived totals of a session."""
    blocks = stimulation.blocks
    texts = [coil_text(stimulation)]
    for count, block in enumerate(blocks, 1):
        opening = f"Block {count}{f' ({block.label})' if block.label else ''}: " if len(blocks) > 1 else ""
        if len(blocks) == 1 and block.label:
            opening = f"Block {block.label}: "
        texts += [opening + timing_text(block), *_rest(block)]
        if count < len(blocks):
            gap = f"{shown(block.gap_s, 's')} after" if block.gap_s is not None else "a time that is not reported after"
            texts.append(f"the next block begins {gap} the last pulse")
    return [*texts, totals_text(protocol, stimulation)]


def _rest(block: Block) -> list[str]:
    return [
        intensity_text(block),
        threshold_text(block.threshold),
        placement_text(block),
        pulse_text(block),
        peripheral_text(block),
    ]


def coil_text(stimulation: MagneticStimulation) -> str:
    """Coil and stimulator as far as they are reported."""
    coil, device = stimulation.coil, stimulation.stimulator
    make = " ".join(part for part in (coil.manufacturer, coil.model) if part)
    text = f"{coil.family}{'' if coil.family.endswith('coil') else ' coil'}" + (f" ({make})" if make else "")
    maker = " ".join(part for part in (device.manufacturer, device.model) if part) if device else ""
    return text + (f", stimulator {maker}" if maker else "")


def pattern_name(train: Train) -> str:
    """Kind of pattern in words."""
    return _NAMES.get(train.name, train.name.replace("-", " "))


def timing_text(block: Block) -> str:
    """The nesting from the inside out, with every count and interval, and the trains it makes."""
    timing, train = block.timing, train_of(block)
    nested = nesting_text(timing)
    is_plain = len(timing.patterns) < 2 and timing.stimulus.pulses == 1
    total = "" if is_plain else f"{counted(pulses(timing), 'pulse')} in all"
    trains = ""
    if train.inter_train_interval_s is not None:
        pause = f"{time_text(train.inter_train_interval_s)} between them"
        trains = f"{train.count} trains of {time_text(train.train_duration_s)} with {pause}"
    return f"{pattern_name(train)} stimulation: {'; '.join(part for part in (nested, trains, total) if part)}"


def nesting_text(timing: Timing) -> str:
    """`3 pulses every 0.02 s (50 Hz), this 10 times every 0.2 s (5 Hz), this 20 times every 10 s`."""
    stimulus = timing.stimulus
    if stimulus.pulses == 1:
        unit = "pulse"
        texts = [] if timing.patterns else ["a single pulse"]
    else:
        gaps = listed([bare(interval, "ms") for interval in stimulus.intervals_s]) + " ms"
        strengths = listed([shown(size, "percent") for size in stimulus.relative_intensities])
        relative = f", at {strengths} of the intensity" if strengths else _own_strengths(stimulus)
        texts = [f"stimuli of {stimulus.pulses} pulses {gaps} apart{relative}"]
        unit = "stimulus"
    for level, pattern in enumerate(timing.patterns):
        rate = f" ({rounded(1 / pattern.interval_s, 'Hz')})" if pattern.interval_s < 1 else ""
        noun = (
            (counted(pattern.count, unit) if unit == "pulse" else f"given {pattern.count} times")
            if level == 0
            else (f"this {pattern.count} times")
        )
        name = f" [{pattern.name}]" if pattern.name else ""
        texts.append(f"{noun} every {shown(pattern.interval_s, 's')}{rate}{name}")
    return ", ".join(texts)


def _own_strengths(stimulus: Stimulus) -> str:
    """Pulses with a reference of their own: `, pulse 1 at 80 % of the active motor threshold`."""
    own = enumerate(stimulus.intensities, 1)
    texts = [f"pulse {place} at {strength_text(one)}" for place, one in own if one is not None]
    return f", {listed(texts)}" if texts else ""


def intensity_text(block: Block) -> str:
    """Intensity in the way the file gives it, and whether it was corrected for depth."""
    corrected = {True: ", corrected for the depth of the target", False: ", not corrected for depth", None: ""}
    others = ""
    if block.timing.stimulus.intensities:
        own = [str(place) for place, one in enumerate(block.timing.stimulus.intensities, 1) if one is None]
        others = f" for pulse{'s' if len(own) > 1 else ''} {listed(own)} of each stimulus"
    return f"intensity {strength_text(block.intensity)}{others}{corrected[block.depth_adjusted]}"


def strength_text(intensity: Intensity) -> str:
    """`120 % of the resting motor threshold`."""
    if intensity.value_fraction is not None:
        return f"{shown(intensity.value_fraction, 'percent')} of {REFERENCES[intensity.reference or 'MSO']}"
    if intensity.didt_A_per_s is not None:
        return f"{shown(intensity.didt_A_per_s, 'A_per_us')} coil current rate"
    return f"{shown(intensity.field_V_per_m or 0.0, 'V_per_m')} at the target"


def threshold_text(threshold: Threshold | None) -> str:
    """How the threshold was measured, as far as it is reported."""
    if threshold is None:
        return ""
    parts = [
        f"by {threshold.method}" if threshold.method else "",
        f"in {threshold.muscle}" if threshold.muscle else "",
        f"with {threshold.coil}" if threshold.coil else "",
        _MEASURED.get(threshold.measured or "", ""),
    ]
    told = [part for part in parts if part]
    return f"threshold measured {', '.join(told)}" if told else ""


def placement_text(block: Block) -> str:
    """Where the coil is, how the place was found, where the handle points."""
    place = block.placement
    where = "at a pose"
    if place.site is not None:
        where = f"over {site_text(place.site)}"
    elif place.mni_m is not None:
        where = f"aimed at MNI {point_text(place.mni_m)}"
    elif place.pose_m is not None:
        center = point_text([row[3] for row in place.pose_m[:3]])
        where = f"with its centre at {center} and the orientation matrix of the file"
    found = f", found by {place.method}" if place.method else ""
    handle = ""
    if place.handle is not None and place.handle.towards is not None:
        handle = f", handle towards {place.handle.towards}"
    elif place.handle is not None and place.handle.from_midline_rad is not None:
        angle = shown(place.handle.from_midline_rad, "deg")
        handle = f", handle {angle} from the midline (0 backwards, positive to the left)"
    gap = f", {shown(place.distance_m, 'mm')} from the scalp" if place.distance_m is not None else ""
    return f"coil {where}{found}{handle}{gap}"


def pulse_text(block: Block) -> str:
    """Shape of the pulse and direction of the current in the brain."""
    shape, way = block.pulse.shape, block.pulse.current_direction
    parts = [f"{shape} pulses" if shape else "", f"current in the brain {_DIRECTIONS[way]} ({way})" if way else ""]
    return ", ".join(part for part in parts if part)


def peripheral_text(block: Block) -> str:
    """The paired stimulation of a nerve."""
    nerve = block.peripheral
    if nerve is None:
        return ""
    strength = f" at {nerve.intensity}" if nerve.intensity else ""
    return f"each pulse follows a stimulus to {nerve.nerve} by {shown(nerve.interval_s, 'ms')}{strength}"


def totals_text(protocol: Protocol, stimulation: MagneticStimulation) -> str:
    """What is derived from the fields, never typed: pulses and times."""
    totals = totals_of(protocol)
    bound = "" if totals.is_duration_complete else " without the gaps between blocks that are not reported"
    slot = ""
    if totals.session_slot_s > totals.session_duration_s * 1.001:
        slot = f" ({time_text(totals.session_slot_s)} with the last gap)"
    parts = [f"{number(totals.pulses_per_session or 0)} pulses in {time_text(totals.session_duration_s)}{slot}{bound}"]
    if totals.pulses_per_day is not None and totals.pulses_per_day != totals.pulses_per_session:
        parts.append(f"{totals.pulses_per_day} a day")
    if protocol.course.sessions > 1:
        parts.append(f"{totals.pulses_per_course} in the course")
    return "derived: " + ", ".join(parts)
