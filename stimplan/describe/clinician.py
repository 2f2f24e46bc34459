"""A protocol as one paragraph for a clinician: dose, timing, placement, course, evidence, what is not reported."""

from __future__ import annotations

from stimplan.describe.current import electric_sentences
from stimplan.describe.gaps import not_reported
from stimplan.describe.plan_text import (
    care_sentences,
    certainty_text,
    context_sentences,
    course_sentences,
    evidence_sentences,
    sham_text,
)
from stimplan.describe.pulses import magnetic_sentences
from stimplan.describe.titles import title_of
from stimplan.describe.words import listed, paragraph
from stimplan.protocol import MagneticStimulation, Protocol


def clinician_text(protocol: Protocol) -> str:
    """One paragraph that holds every number of the dose exactly as the file does.

    Derived totals are marked as derived; what the file leaves open is listed at the end.
    """
    missing = not_reported(protocol)
    title = title_of(protocol)
    return paragraph(
        [
            title if protocol.modality in title else f"{title} [{protocol.modality}]",
            *context_sentences(protocol),
            *session_sentences(protocol),
            *course_sentences(protocol.course),
            *care_sentences(protocol),
            sham_text(protocol.sham),
            f"Blinding: {protocol.blinding}" if protocol.blinding else "",
            *evidence_sentences(protocol),
            certainty_text(protocol),
            f"Not reported: {listed(missing)}" if missing else "",
        ]
    )


def session_sentences(protocol: Protocol) -> list[str]:
    """What is delivered in one session."""
    stimulation = protocol.stimulation
    if isinstance(stimulation, MagneticStimulation):
        return magnetic_sentences(protocol, stimulation)
    return electric_sentences(protocol, stimulation)
