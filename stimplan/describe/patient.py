"""A protocol as one paragraph for the person who receives it: short sentences, everyday words, no promises.

What it may feel like and when to tell the staff is the same for every plan of one kind of stimulation; it names what
is commonly felt and what is rare and serious. It says nothing about whether the plan suits anyone.
"""

from __future__ import annotations

from stimplan.describe.patient_words import (
    CAUTIONS,
    FEELINGS,
    GRADES,
    HOPES,
    KINDS,
    OFF_THE_SHEET,
    RESULTS,
    TELL,
    place_words,
)
from stimplan.describe.plan_text import condition_text
from stimplan.describe.words import bare, counted, inner, listed, number, paragraph
from stimplan.montage import Electrode
from stimplan.protocol import Block, ElectricStimulation, MagneticStimulation, Protocol, is_kind_of
from stimplan.protocol.totals import totals_of

_HEALTHY = "healthy"


def patient_text(protocol: Protocol) -> str:
    """One paragraph in everyday words: what happens, how long, how often, how it feels, what is hoped, when to call."""
    stimulation = protocol.stimulation
    if isinstance(stimulation, MagneticStimulation):
        happens = _coil(protocol, stimulation)
    else:
        happens = _current(protocol, stimulation)
    return paragraph(
        [
            KINDS["TMS" if protocol.magnetic else protocol.modality],
            *happens,
            *_time(protocol),
            *_course(protocol),
            *_therapy(protocol),
            *FEELINGS[protocol.modality],
            *_hope(protocol),
            *_cautions(protocol),
            *TELL["TMS" if protocol.magnetic else "current"],
        ]
    )


def _current(protocol: Protocol, stimulation: ElectricStimulation) -> list[str]:
    pads = stimulation.electrodes
    is_small = all(pad.shape.area_m2 < 5e-4 for pad in pads)
    noun = "small disc" if is_small else "pad"
    wet = any(layer.material.startswith("saline") for pad in pads for layer in pad.layers)
    medium = "The pads are damp with salt water" if wet else "A gel or paste lies between the metal and your skin"
    places = listed(list(dict.fromkeys(_where(pad) for pad in pads)))
    peak = totals_of(protocol).peak_current_A
    return [
        f"The staff put {counted(len(pads), noun)} on your skin: {places}",
        medium,
        f"The current at one of them goes up to {bare(peak, 'mA')} milliamps" if peak is not None else "",
        _ramps(stimulation),
    ]


def _where(pad: Electrode) -> str:
    return place_words(pad.site) if isinstance(pad.site, str) else "at a spot measured for you"


def _ramps(stimulation: ElectricStimulation) -> str:
    up = stimulation.waveform.ramp_up_s
    if up:
        return f"It rises slowly at the start, over about {_minutes(up)}"
    return ""


def _coil(protocol: Protocol, stimulation: MagneticStimulation) -> list[str]:
    totals = totals_of(protocol)
    places = listed(list(dict.fromkeys(_spot(block) for block in stimulation.blocks)))
    texts = [
        f"You sit in a chair while the staff hold a coil against your head, {places}",
        f"The coil gives {counted(totals.pulses_per_session or 0, 'short pulse')} in one session",
    ]
    if any(train.inter_train_interval_s for train in totals.trains):
        texts.append("They come in groups, with pauses between them")
    if any(one.reference in ("rMT", "aMT") for block in stimulation.blocks for one in block.pulse_intensities):
        texts.append(
            "First the staff find how strong a pulse must be to make a muscle twitch. That sets the strength for you"
        )
    if any(block.peripheral for block in stimulation.blocks):
        texts.append("A weak electric pulse to a nerve goes with each pulse of the coil")
    return texts


def _spot(block: Block) -> str:
    site = block.placement.site
    return place_words(site) if isinstance(site, str) else "at a spot measured for you"


def _minutes(seconds: float) -> str:
    """A time as people say it; rounded, which the sentence says with "about"."""
    if seconds < 90:
        return counted(max(1, round(seconds)), "second")
    return counted(round(seconds / 60), "minute")


def _time(protocol: Protocol) -> list[str]:
    seconds = totals_of(protocol).session_duration_s
    if protocol.magnetic and seconds < 1:
        return ["The pulses are over in a moment", "Getting ready takes longer than that"]
    return [f"This part of a session lasts about {_minutes(seconds)}", "Getting ready takes some time on top"]


def _course(protocol: Protocol) -> list[str]:
    course = protocol.course
    if course.sessions == 1:
        return ["There is one session"]
    texts = [f"There are {course.sessions} sessions in all"]
    if course.sessions_per_day is not None:
        texts.append(
            "There is no more than one a day"
            if course.sessions_per_day == 1
            else (f"There can be up to {course.sessions_per_day} on one day")
        )
    else:
        texts.append("Ask the staff on which days they are")
    weeks = [phase.weeks for phase in course.phases]
    if weeks and all(week is not None for week in weeks):
        texts.append(f"The whole plan takes about {number(round(sum(week or 0 for week in weeks), 1))} weeks")
    return texts


def _therapy(protocol: Protocol) -> list[str]:
    therapy = protocol.therapy
    texts = []
    if therapy is not None and not OFF_THE_SHEET.search(therapy.name):
        when = {"before": "before this", "during": "at the same time", "after": "after this"}.get(therapy.timing or "")
        texts.append(f"You also have {therapy.name}{f' {when}' if when else ''}")
    goals = [inner(goal) for goal in protocol.goals if not OFF_THE_SHEET.search(goal)]
    if goals:
        texts.append(f"The goals of the plan are: {'; '.join(goals)}")
    return texts


def _hope(protocol: Protocol) -> list[str]:
    condition = protocol.indication.condition if protocol.indication else None
    texts = []
    if condition is None or is_kind_of(condition, _HEALTHY):
        texts.append("This is for research. It is not meant to treat you")
    else:
        texts.append(f"The hope is that it {_hoped(protocol, condition)}")
        texts.append(GRADES[protocol.evidence.grade if protocol.evidence else None])
        texts.append("Nobody can know in advance what it does for you")
    if protocol.result is not None:
        texts.append(RESULTS[protocol.result.direction])
    if protocol.sham is not None and protocol.sham.type != "none":
        texts.append("In the study some people got a fake version, to compare. Ask the staff if that can happen to you")
    return texts


def _hoped(protocol: Protocol, condition: str) -> str:
    known = [text for wanted, text in HOPES.items() if is_kind_of(condition, wanted)]
    name = condition_text(protocol) if condition != "other" else "your condition"
    return known[0] if known else f"eases problems from {name}"


def _cautions(protocol: Protocol) -> list[str]:
    condition = protocol.indication.condition if protocol.indication else ""
    return [text for wanted, text in CAUTIONS.items() if is_kind_of(condition, wanted)]
