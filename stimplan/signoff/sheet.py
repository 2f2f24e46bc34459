"""The sheet for the person as plain data: everyday words under the questions a person asks.

The sentences about the plan are those of `stimplan.describe.patient_text`, none added and none lost; here they only
get headings. What is added (when it is stopped, what to say before the next session) is in `stop.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stimplan.describe import patient_text
from stimplan.describe.patient_words import FEELINGS, TELL
from stimplan.describe.words import paragraph
from stimplan.notice import NOTICE
from stimplan.signoff.record import adverse_events, stop_criteria
from stimplan.signoff.words import CALL

if TYPE_CHECKING:
    from stimplan.protocol import Protocol

_TITLES = {
    "current": "About your sessions with a weak electric current",
    "TMS": "About your sessions with magnetic pulses",
}
# Questionnaire items in everyday words; the others are everyday words already.
_ITEMS = {
    "acute mood change": "Change of mood",
    "seizure or suspected seizure": "A seizure (a fit)",
    "fainting or near fainting": "Fainting, or nearly so",
    "hearing change or ringing": "Hearing changed, ringing in the ears",
    "burning sensation": "Burning",
    "scalp pain": "Pain of the skin on your head",
    "skin redness": "Red skin",
    "fatigue": "Being very tired",
    "fall": "A fall",
    "something else; the note says what": "Something else: write what",
}
_SEVERITY = {"absent": "no", "mild": "a little", "moderate": "some", "severe": "a lot"}


def sheet_record(protocol: Protocol, *, person: str | None = None) -> dict[str, Any]:
    """Everything the person's sheet says.

    Parameters
    ----------
    protocol : Protocol
    person : str, optional
        Code of the person, so that the sheet is not given to somebody else.
    """
    kind = "TMS" if protocol.magnetic else "current"
    stop = stop_criteria(protocol)
    questions = adverse_events(protocol)
    return {
        "notice": NOTICE,
        "title": _TITLES[kind],
        "person": person,
        "protocol": {"id": protocol.id, "digest": protocol.digest},
        "sections": sections(protocol),
        "stop": list(stop["person"]),
        "before_next": list(stop["before_next"]["person"]),
        "diary": {
            "items": [_ITEMS.get(item["label"].lower(), item["label"]) for item in questions["items"]],
            "marks": [_SEVERITY.get(word, word) for word in questions["severity"]],
        },
        "contacts": ["Name of the staff", "Phone in the daytime", "Phone at night and on weekends"],
    }


def sections(protocol: Protocol) -> list[dict[str, Any]]:
    """The text for the person under headings; each sentence once, in the order it has there.

    A text that does not have the expected sentences stays in one piece rather than lose any of them.
    """
    whole = patient_text(protocol)
    kind = "TMS" if protocol.magnetic else "current"
    feelings, tell = paragraph(FEELINGS[protocol.modality]), [paragraph([one]) for one in TELL[kind]]
    happens, found, rest = whole.partition(feelings)
    hope, tells, after = rest.partition(" ".join(tell))
    if not found or not tells or after.strip():
        return [_section("About the plan", whole)]
    hope, asked = _cautions_of(hope)
    before, at_once, stopping, later = tell
    return [
        _section("What happens", happens),
        _section("What you may feel", feelings),
        _section("What is hoped for", hope),
        _section("Before you start", f"{asked} {before}"),
        _section("During the session", f"{at_once} {stopping}"),
        _section(CALL, later),
    ]


def _cautions_of(text: str) -> tuple[str, str]:
    """What is hoped for, and the sentences for this condition that ask the person to tell something."""
    from stimplan.describe.patient_words import CAUTIONS

    asked = []
    for caution in CAUTIONS.values():
        sentence = paragraph([caution])
        if sentence in text:
            asked.append((text.index(sentence), sentence))
    for _, sentence in asked:
        text = text.replace(sentence, "", 1)
    return " ".join(text.split()), " ".join(sentence for _, sentence in sorted(asked))


def _section(heading: str, text: str) -> dict[str, Any]:
    return {"heading": heading, "text": " ".join(text.split())}
