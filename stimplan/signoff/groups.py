"""What a reader has to do about each finding, and which of them the first page has room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

from stimplan.safety import Finding
from stimplan.signoff.words import GROUPS, NAMES_CHARACTERS, OPEN_GROUPS, first_words

# The first page in lines of 9 pt text: what the lists may take between the verdict and the signatures.
PAGE_LINES = 40
_LINE_CHARACTERS = 95
_HEADING_LINES = 2
_TITLE_CHARACTERS, _TITLE_LINES = 60, 1.8
_WRITING_LINES = 5.5


def group_of(finding: Finding) -> str:
    """Key of `GROUPS` that a finding belongs to: by what it asks of the reader, not by how bad it is."""
    if finding.severity == "info":
        return "shown"
    if finding.status == "stop":
        return "reasons" if finding.severity == "justify" else "blocks"
    if finding.status == "pass":
        return "held"
    is_gate = finding.severity in ("block", "justify")
    return "unknown" if finding.status == "unknown" and is_gate else "review"


def grouped(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings by group, every group there, each in the order of the check."""
    groups: dict[str, list[Finding]] = {name: [] for name in GROUPS}
    for finding in findings:
        groups[group_of(finding)].append(finding)
    return groups


def first_page(groups: Mapping[str, Sequence[Mapping[str, Any]]], *, title: str = "") -> dict[str, int]:
    """How many points of each open group the first page shows in full, the most urgent groups first.

    A group that does not fit keeps lines on the first page that say how many follow and name them; nothing is
    dropped.
    """
    room = PAGE_LINES - _TITLE_LINES * max(0, ceil(len(title) / _TITLE_CHARACTERS) - 2)
    room -= _HEADING_LINES * sum(1 for name in OPEN_GROUPS if groups[name])
    if sum(point_lines(name, point) for name in OPEN_GROUPS for point in groups[name]) > room:
        room -= sum(_following_lines(groups[name]) for name in OPEN_GROUPS if groups[name])
    shown = {}
    for name in OPEN_GROUPS:
        shown[name] = 0
        for point in groups[name]:
            room -= point_lines(name, point)
            if room < 0:
                break
            shown[name] += 1
    return shown


def _following_lines(points: Sequence[Mapping[str, Any]]) -> int:
    """Lines of the names of points that follow on the next page, at most."""
    return ceil(min(NAMES_CHARACTERS, sum(len(point["title"]) + 2 for point in points)) / _LINE_CHARACTERS) + 1


def point_lines(group: str, point: Mapping[str, Any]) -> float:
    """Lines that one point takes on the first page."""
    words = (point["title"], point["place"], point["numbers"], first_words(point["message"]), point["rule_id"])
    text = ceil((len(" ".join(words)) + 25) / _LINE_CHARACTERS)
    if group == "reasons":
        recorded = sum(1 + ceil(len(one["reason"]) / _LINE_CHARACTERS) for one in point["overrides"])
        return text + recorded + _WRITING_LINES
    return text + 0.3
