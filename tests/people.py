"""People and protocols for the tests of screening."""

import attrs

from stimplan.montage import Circle, Electrode, Layer
from stimplan.protocol import Course, DirectWaveform, ElectricStimulation, Protocol
from stimplan.safety.screening_rules import load_forms
from stimplan.safety.subject import FormAnswer, Subject

RESEARCH, LABEL, CONSERVATIVE = "research-ifcn2021", "device-label-us", "conservative"
PROFILES = (RESEARCH, LABEL, CONSERVATIVE)
TMS, TES = "niche-2018-1hz-contralesional", "select-tdcs"


def tdcs(current_mA=2.0, modality="tDCS"):
    """Two round electrodes of 50 mm at given points, 100 mm above and beside the middle of the head."""
    pads = [
        Electrode((0.0, 0.0, 0.1), Circle(0.05), (Layer("saline_sponge", 0.004),), current_mA / 1000, label="top"),
        Electrode((0.1, 0.0, 0.0), Circle(0.05), (Layer("saline_sponge", 0.004),), -current_mA / 1000, label="side"),
    ]
    waveform = DirectWaveform(duration_s=1200.0, ramp_up_s=30.0, ramp_down_s=30.0)
    course = Course(sessions=1, sessions_per_day=1, min_gap_s=None, schedule=None)
    return Protocol(
        id="t", title="t", modality=modality, stimulation=ElectricStimulation(tuple(pads), waveform), course=course
    )


def healthy(form="tass", **changes):
    """A person with every question answered and nothing found."""
    answers = [(form, item.item, FormAnswer("no")) for item in load_forms()[form].items]
    blank = Subject(
        id="x",
        age_years=40.0,
        sex="female",
        pregnant="no",
        capacity_to_consent="yes",
        hearing_problem="no",
        recreational_drugs_24h="no",
        answers=tuple(answers),
        implants=(),
        medications=(),
        conditions=(),
        sleep_hours=7.5,
        alcohol_units_24h=0.0,
    )
    return attrs.evolve(blank, **changes)


def answered(form, item, answer, detail=None, **changes):
    person = healthy(form, **changes)
    others = [row for row in person.answers if row[1] != item]
    return attrs.evolve(person, answers=(*others, (form, item, FormAnswer(answer, detail))))
