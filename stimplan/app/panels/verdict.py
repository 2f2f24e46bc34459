"""The verdict for a clinician's ten seconds: a word, a shape, a colour, the rules that decided, how sure they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.safety import check
from stimplan.safety.screening_rules import load_screening
from stimplan.safety.values import DEFAULT_PROFILE, Finding, SafetyReport, Status

if TYPE_CHECKING:
    from stimplan.app.plan import Plan


@attrs.frozen
class Sign:
    """How a status looks and is called; the shape says it without the colour.

    Attributes
    ----------
    word, sentence : str
    colour, paper : str
        Of the word and the shape, and of what lies below them; their contrast is at least 4.5 to 1 (tested).
    shape : str
        Path of the shape in a square of 24 by 24.
    """

    word: str
    sentence: str
    colour: str
    paper: str
    shape: str


_OCTAGON = "M7.9 2h8.2L22 7.9v8.2L16.1 22H7.9L2 16.1V7.9zM7 10.5v3h10v-3z"
_SQUARE = (
    "M5 1h14a4 4 0 0 1 4 4v14a4 4 0 0 1-4 4H5a4 4 0 0 1-4-4V5a4 4 0 0 1 4-4zM10.6 16.6h2.8v2.8h-2.8z"
    "M12 4.4a4.9 4.9 0 0 0-4.9 4.9h2.7a2.2 2.2 0 1 1 3.7 1.6c-1.6 1.4-2.9 2-2.9 4.2h2.8"
    "c0-1.5.9-1.9 2.1-3A4.9 4.9 0 0 0 12 4.4z"
)
_TRIANGLE = "M12 2 23 21H1zM11 9v6h2V9zm0 8v2h2v-2z"
_TICK = "M12 1a11 11 0 1 0 0 22 11 11 0 0 0 0-22zM10 17.2l-5-5 1.6-1.6L10 14l7.4-7.4L19 8.2z"

# "No rule broken" and never "safe": the rules see the numbers of a protocol, not a person.
SIGNS: Mapping[Status, Sign] = {
    "stop": Sign("STOP", "A rule that must hold is broken.", "#9b1c1c", "#fdecea", _OCTAGON),
    "unknown": Sign("UNKNOWN", "Something that decides is not known.", "#5b2a86", "#f3ecf9", _SQUARE),
    "warn": Sign("REVIEW", "Nothing stops it; something wants a look.", "#7a4a00", "#fff4dc", _TRIANGLE),
    "pass": Sign("NO RULE BROKEN", "Not a statement that it is safe.", "#14532d", "#e7f5ec", _TICK),
}
ORDER: tuple[Status, ...] = ("stop", "unknown", "warn", "pass")

_BASIS: Mapping[str, str] = {
    "observed_envelope": "the most that was tried in people, not a value at which harm was seen",
    "guideline_text": "text of a guideline",
    "consensus_table": "table of an expert consensus",
    "animal_threshold": "a dose that injured animals",
    "device_label": "label of a device",
    "local_policy": "a house rule, not a scientific limit",
    "engineering": "a check of the numbers themselves",
    "modelling": "a computation",
    "empirical_distribution": "what published studies used",
}
_ACCESS: Mapping[str, str] = {
    "read": "read in the source itself",
    "secondary": "read in a text that quotes the source",
    "recalled": "written from memory, to be verified",
}


def judge(plan: Plan) -> SafetyReport:
    """The safety rules' answer to a plan, without a field.

    Raises
    ------
    InputError
        There is no such policy profile.
    """
    return check(plan.protocol, subject=plan.subject, profile=plan.profile or DEFAULT_PROFILE)


def verdict_view(report: SafetyReport, *, has_person: bool) -> dict[str, Any]:
    """What the panel shows of a report, as plain data for the page.

    Parameters
    ----------
    report : SafetyReport
    has_person : bool
        Whether answers about a person were judged too.
    """
    groups = {status: [_row(one) for one in _worst_first(report.of_status(status))] for status in ORDER}
    sign = SIGNS[report.verdict]
    headline = _headline(groups, report.verdict, has_person)
    return {
        "verdict": report.verdict,
        "word": sign.word,
        "sentence": sign.sentence,
        "colour": sign.colour,
        "paper": sign.paper,
        "shape": sign.shape,
        "counts": [
            {"status": status, "count": len(groups[status]), **_look(status), "noun": _NOUN[status]} for status in ORDER
        ],
        "headline": headline,
        "groups": [
            {"status": status, "title": _TITLE[status], "rows": groups[status], **_look(status)}
            for status in ORDER
            if groups[status]
        ],
        "not_judged": list(report.not_judged),
        "profile": report.profile,
        "others": [
            {"profile": one.profile, "word": SIGNS[one.verdict].word, "differing": _count(len(one.differing))}
            for one in report.others
        ],
        "rules": report.rule_set_version,
        "live": f"Safety verdict: {sign.word}. {headline}",
    }


_TITLE: Mapping[str, str] = {
    "stop": "Broken: must be corrected or justified",
    "unknown": "Not known",
    "warn": "To review",
    "pass": "Kept, or for information",
}
_NOUN: Mapping[str, str] = {"stop": "stop", "unknown": "unknown", "warn": "review", "pass": "kept"}


def _look(status: Status) -> dict[str, str]:
    sign = SIGNS[status]
    return {"colour": sign.colour, "paper": sign.paper, "shape": sign.shape}


def _worst_first(findings: tuple[Finding, ...]) -> list[Finding]:
    order = {"block": 0, "justify": 1, "warn": 2, "info": 3}
    return sorted(findings, key=lambda one: order[one.severity])


def _headline(groups: Mapping[Status, list[Any]], verdict: Status, has_person: bool) -> str:
    """One sentence that says why."""
    person = "" if has_person else " The person is not judged: no answers yet."
    if verdict == "stop":
        return _first_and_more([one for one in groups["stop"] if one["decides"]]) + person
    if verdict == "unknown":
        open_ones = [one for one in groups["unknown"] if one["decides"]]
        about = [one for one in open_ones if one["is_about_person"]]
        rest = [one for one in open_ones if not one["is_about_person"]]
        parts = [f"Cannot be judged: {_first_and_more(rest).rstrip('.')}"] if rest else []
        parts += [f"{len(about)} answer{'s' if len(about) > 1 else ''} about the person missing"] if about else []
        return ("; ".join(parts) or "No rule was judged") + "." + person
    if verdict == "warn":
        open_ones = [one for one in groups["unknown"] if not one["is_information"]]
        text = _first_and_more(groups["warn"]) if groups["warn"] else f"Not known: {_first_and_more(open_ones)}"
        return text + person
    return f"The {len(groups['pass'])} rules that could be asked are kept.{person}"


def _first_and_more(rows: list[Any]) -> str:
    """What the first finding says, and how many more there are; a rule that was broken speaks in its own words."""
    first, more = rows[0], len(rows) - 1
    is_told = first["status"] in ("stop", "warn")
    text = first["message"].partition(". ")[0].rstrip(".") if is_told else first["title"]
    return f"{text}{f'; and {more} more' if more else ''}."


def _count(number: int) -> str:
    return f"{number} rule differs" if number == 1 else f"{number} rules differ"


@cache
def _rules_about_people() -> frozenset[str]:
    return frozenset(rule.id for rule in load_screening().rules)


def _row(finding: Finding) -> dict[str, Any]:
    """One finding in words. What only informs stands beside a number that is no limit."""
    word = "beside" if finding.severity == "info" else "limit"
    numbers = finding.value_text
    # A yes or a no, counted as 1 or 0, says nothing to a reader.
    is_yes_or_no = not finding.unit and finding.limit_text in ("0", "1") and finding.value_text in ("", "0", "1")
    if is_yes_or_no:
        numbers = ""
    elif finding.value_text and finding.limit_text:
        numbers += f" · {word} {finding.limit_text}"
    return {
        "id": finding.rule_id,
        "key": f"{finding.rule_id}@{finding.place}",
        "status": finding.status,
        "title": finding.title,
        "place": finding.place,
        "value": finding.value_text,
        "limit": finding.limit_text,
        "numbers": numbers,
        "message": finding.message,
        "citation": finding.citation,
        "doi": finding.doi or "",
        "link": f"https://doi.org/{finding.doi}" if finding.doi else "",
        "locator": finding.locator,
        "basis": _BASIS.get(finding.basis, finding.basis.replace("_", " ")),
        "sure": _ACCESS[finding.access],
        "is_recalled": finding.access == "recalled",
        "decides": finding.severity in ("block", "justify"),
        "is_about_person": finding.rule_id in _rules_about_people(),
        "is_information": finding.severity == "info",
    }
