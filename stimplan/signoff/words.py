"""Words that both forms of the sign-off share. None of them says that a plan suits a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ACCESS: Mapping[str, str] = {
    "read": "read in the source",
    "secondary": "read in a text that quotes the source",
    "recalled": "from memory, not yet compared with the source",
}
BASIS: Mapping[str, str] = {
    "consensus_table": "consensus table",
    "guideline_text": "text of a guideline",
    "device_label": "label of a device",
    "observed_envelope": "highest dose that was reported",
    "animal_threshold": "threshold in animals, no limit for people",
    "modelling": "modelling",
    "local_policy": "local policy",
    "engineering": "completeness of data",
    "empirical_distribution": "what studies usually used",
}
# group -> heading, and what it asks of the reader
GROUPS: Mapping[str, tuple[str, str]] = {
    "blocks": ("Blocks", "correct the plan, or do not go on"),
    "reasons": ("Needs a written reason", "of a named clinician, or a change of the plan"),
    "unknown": ("Unknown", "could not be compared; what is not known is not a pass"),
    "review": ("To review", "look at each before the session"),
    "held": ("Compared and held", ""),
    "shown": ("For information", ""),
}
OPEN_GROUPS = ("blocks", "reasons", "unknown", "review")
SIGNING = "Signing says that the points above were read and answered. It does not change the verdict."
DECISIONS = ("as planned", "with the changes written here", "do not go on")
ROLES = ("Prescriber", "Operator")
SIGN_LINES = ("Name", "Role, licence", "Date, time", "Signature")
REASON_LINES = ("Reason", "Name, role", "Date, signature")
CALL = "When to call"
AMBULANCE = "If you have a seizure (a fit) or cannot be woken, others should call an ambulance at once."
NAMES_CHARACTERS = 330
_GOING_ON = "Going on needs the written reason of a named clinician."


def verdict_sentence(verdict: str, counts: Mapping[str, int], *, on_record: int = 0) -> str:
    """What the verdict means for this plan in short sentences; `on_record` reasons are in the ledger already."""
    if verdict == "stop" and counts["blocks"]:
        return f"{_points(counts['blocks'], 'blocks', 'block')} this plan. Correct it, or do not go on."
    if verdict == "stop":
        what = _points(counts["reasons"], "lies", "lie")
        each = "It" if counts["reasons"] == 1 else "Each"
        needed = f"{each} needs a named clinician's written reason, or a change of the plan."
        return f"{what} outside the rules. {needed}{f' On record: {on_record}.' if on_record else ''}"
    if verdict == "unknown" and not counts["unknown"]:
        return "No rule that could stop this plan was asked. Nothing can be said about it."
    if verdict == "unknown":
        what = _points(counts["unknown"])
        return f"{what} not known and could stop this plan. Find out before anything else."
    if verdict == "warn":
        return f"No limit that stops was exceeded. {_points(counts['review'])} to review."
    return "No limit that was asked was exceeded. What was not judged is listed below."


def first_words(message: str) -> str:
    """A message without the sentence that the heading of its group says already."""
    return message.removesuffix(_GOING_ON).rstrip()


def following(points: Sequence[Mapping[str, Any]], shown: int) -> str:
    """What is said on the first page of the points it has no room for: how many, and their names."""
    left = points[shown:]
    names = "; ".join(dict.fromkeys(point["title"] for point in left))
    if len(names) > NAMES_CHARACTERS:
        names = names[: names.rindex(";", 0, NAMES_CHARACTERS) if ";" in names[:NAMES_CHARACTERS] else 0] + " …"
    return f"{len(left)} {'more ' if shown else ''}on the next page: {names}"


def numbers_text(value_text: str, limit_text: str) -> str:
    """Value and limit side by side, where both are quantities; a bare number (1 for yes) tells nobody anything."""
    is_shown = value_text and limit_text and any(c.isalpha() or c in "%°" for c in value_text)
    return f"{value_text} against {limit_text}" if is_shown else ""


def minute(utc: str) -> str:
    """A time of the ledger to the minute, `2026-03-04 08:00 UTC`."""
    return f"{utc[:16].replace('T', ' ')} UTC"


def _points(count: int, one: str = "is", many: str = "are") -> str:
    return f"1 point {one}" if count == 1 else f"{count} points {many}"
