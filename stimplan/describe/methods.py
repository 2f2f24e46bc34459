"""A protocol as a methods paragraph, and what the reporting checklists still ask for."""

from __future__ import annotations

from collections.abc import Sequence

from stimplan.describe.checklist import Review, reviews
from stimplan.describe.clinician import session_sentences
from stimplan.describe.plan_text import (
    care_sentences,
    condition_text,
    course_sentences,
    evidence_sentences,
    sham_text,
    target_text,
)
from stimplan.describe.words import paragraph
from stimplan.protocol import Protocol, schema

_STATUS = {
    "read": "",
    "secondary": " (items by a text that quotes the checklist)",
    "recalled": " (items recalled, not compared with the published list)",
}


def methods_text(protocol: Protocol) -> str:
    """The paragraph for a paper: everything of the file that the checklists ask for."""
    who = protocol.population or ""
    condition = condition_text(protocol)
    cited = [text for text in evidence_sentences(protocol) if text.startswith("Source: ")]
    return paragraph(
        [
            f"Participants: {who}{f' ({condition})' if condition and condition.lower() not in who.lower() else ''}"
            if who
            else f"Condition: {condition}"
            if condition
            else "",
            f"Stimulation: {protocol.modality}",
            f"Rationale: {protocol.purpose}" if protocol.purpose else "",
            target_text(protocol),
            *session_sentences(protocol),
            *course_sentences(protocol.course),
            *care_sentences(protocol),
            sham_text(protocol.sham),
            f"Blinding: {protocol.blinding}" if protocol.blinding else "",
            *reporting_sentences(protocol),
            *[text.replace("Source: ", "Protocol after: ", 1) for text in cited],
        ]
    )


def reporting_sentences(protocol: Protocol) -> list[str]:
    """What the file says under `reporting`, item by item."""
    known = schema()["properties"]["reporting"]["properties"]
    texts = []
    for key, value in protocol.reporting:
        name = known[key]["description"].partition(":")[0] if key in known else key.replace("_", " ")
        words = {True: "controlled", False: "not controlled"}[value] if isinstance(value, bool) else value
        texts.append(f"{name}: {words}")
    return texts


def missing_lines(protocol: Protocol, asked: Sequence[Review] | None = None) -> list[str]:
    """One line for each checklist, then one for each item the file does not answer."""
    lines = []
    for found in reviews(protocol) if asked is None else asked:
        source = found.checklist.source
        lines.append(
            f"{found.checklist.title}{_STATUS[source.status]}: {found.reported} of {len(found.answers)} items answered"
            + ("; missing:" if found.missing else "")
        )
        lines += [
            f"  - {item.text} [{' or '.join(' + '.join(paths) for paths in item.answered_by)}]"
            for item in found.missing
        ]
    return lines
