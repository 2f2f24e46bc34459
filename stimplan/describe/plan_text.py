"""Sentences about what surrounds the stimulation: who, why, how often, with what, and what came of it."""

from __future__ import annotations

from collections import Counter

from stimplan.describe.words import bare, counted, inner, listed, number, point_text, shown, status_text
from stimplan.montage import Status
from stimplan.protocol import Course, Evidence, Outcome, Phase, Protocol, PublishedTotals, Result, Sham, conditions

_DESIGNS = {
    "rct": "a randomised controlled trial",
    "open-label": "an open-label study",
    "crossover": "a crossover study",
    "case-series": "a case series",
    "case-report": "a case report",
    "modelling": "a modelling study",
    "healthy-volunteers": "a study in healthy volunteers",
    "label": "the label of a device",
    "review": "a review",
    "other": "another kind of source",
}
GRADES = {"A": "A (definite)", "B": "B (probable)", "C": "C (possible)", "none": "none"}
_RESULTS = {
    "positive": "positive result",
    "negative": "negative result",
    "mixed": "mixed result",
    "physiological": "physiological effect only",
    "not-read": "result not read",
}


def condition_text(protocol: Protocol) -> str:
    """Name of the condition; "" where none is treated."""
    if protocol.indication is None:
        return ""
    known = conditions().get(protocol.indication.condition)
    return known.name if known else protocol.indication.condition


def context_sentences(protocol: Protocol) -> list[str]:
    """Indication, people, purpose and target."""
    note = protocol.indication.note if protocol.indication else None
    name = condition_text(protocol)
    return [
        f"Indication: {name}{f' ({note})' if note and note.lower() != name.lower() else ''}" if name else "",
        f"Population: {protocol.population}" if protocol.population else "",
        f"Purpose: {protocol.purpose}" if protocol.purpose else "",
        target_text(protocol),
    ]


def target_text(protocol: Protocol) -> str:
    """Target by name, and its ball in the brain where there is one."""
    target = protocol.target
    if target is None:
        return ""
    ball = ""
    if target.mni_m is not None and target.radius_m is not None:
        ball = f", MNI {point_text(target.mni_m)}, radius {shown(target.radius_m, 'mm')}"
    return f"Target: {target.label}{ball}"


def course_sentences(course: Course) -> list[str]:
    """Number of sessions, spacing, phases, schedule."""
    limits = []
    if course.sessions_per_day is not None:
        limits.append(f"at most {course.sessions_per_day} a day")
    if course.sessions_per_week is not None:
        limits.append(f"at most {course.sessions_per_week} a week")
    if course.min_gap_s is not None:
        limits.append(f"starts at least {shown(course.min_gap_s, 'h')} apart")
    texts = [", ".join([f"Course: {counted(course.sessions, 'session')}", *limits])]
    texts += ["Phases: " + "; ".join(map(phase_text, course.phases))] if course.phases else []
    return [*texts, f"Schedule: {course.schedule}" if course.schedule else ""]


def phase_text(phase: Phase) -> str:
    """One part of a course."""
    parts = [
        f"{phase.name} {counted(phase.sessions, 'session')}",
        f"{phase.sessions_per_day} a day" if phase.sessions_per_day is not None else "",
        f"{phase.sessions_per_week} a week" if phase.sessions_per_week is not None else "",
        f"over {number(phase.weeks)} weeks" if phase.weeks is not None else "",
    ]
    return ", ".join(part for part in parts if part)


def care_sentences(protocol: Protocol) -> list[str]:
    """Paired therapy, programme, steps, goals and outcome measures."""
    therapy = protocol.therapy
    timing = f", {therapy.timing} the stimulation" if therapy and therapy.timing else ""
    return [
        f"Paired with {therapy.name}{timing}{f' ({therapy.note})' if therapy.note else ''}" if therapy else "",
        f"Programme: {protocol.programme}" if protocol.programme else "",
        *[f"{step.kind}: if {inner(step.condition)}, then {inner(step.action)}" for step in protocol.steps],
        f"Goals: {'; '.join(map(inner, protocol.goals))}" if protocol.goals else "",
        f"Outcome measures: {'; '.join(map(outcome_text, protocol.outcomes))}" if protocol.outcomes else "",
    ]


def outcome_text(outcome: Outcome) -> str:
    """A measure with its range and the sessions after which it is taken."""
    low, high = (None if x is None else number(x) for x in (outcome.low, outcome.high))
    parts = []
    if low is not None or high is not None:
        parts.append(f"{low if low is not None else '?'} to {high if high is not None else '?'}")
    if outcome.at_sessions:
        noun = "sessions" if len(outcome.at_sessions) > 1 else "session"
        parts.append(f"after {noun} {listed([*map(str, outcome.at_sessions)])}")
    return outcome.measure + (f" ({', '.join(parts)})" if parts else "")


def sham_text(sham: Sham | None) -> str:
    """What the comparison group received."""
    if sham is None:
        return ""
    if sham.type == "none":
        return "no sham"
    times = [
        f"{name} {shown(value, 's')}"
        for name, value in (("up", sham.ramp_up_s), ("full", sham.duration_s), ("down", sham.ramp_down_s))
        if value is not None
    ]
    detail = "; ".join(part for part in (inner(sham.description or ""), ", ".join(times)) if part)
    return f"sham: {sham.type.replace('-', ' ')}{f' ({detail})' if detail else ''}"


def evidence_sentences(protocol: Protocol) -> list[str]:
    """Grade, result, published totals and source, each with how it is known."""
    source = protocol.source
    cited = ""
    if source is not None:
        doi = f", doi:{source.doi}" if source.doi else ""
        cited = f"Source: {source.citation}{doi} ({status_text(source.status)})"
    return [
        evidence_text(protocol.evidence),
        result_text(protocol.result),
        published_text(protocol.published_totals),
        cited,
    ]


def evidence_text(evidence: Evidence | None) -> str:
    """Grade of the evidence, by which scheme, from what kind of study."""
    if evidence is None:
        return "Evidence: not graded in the file"
    scheme = f" by {evidence.scheme}" if evidence.scheme else ""
    design = _DESIGNS[evidence.design]
    return f"Evidence: grade {GRADES[evidence.grade]}{scheme}, {design} ({status_text(evidence.status)})"


def result_text(result: Result | None) -> str:
    """What came out of the study."""
    if result is None:
        return ""
    people = [
        f"{count} {noun}"
        for count, noun in ((result.n_active, "active"), (result.n_total, "in all"))
        if count is not None
    ]
    head = f"Result: {_RESULTS[result.direction]}{f' ({listed(people)})' if people else ''}"
    return f"{head}: {result.summary}" if result.summary else head


def published_text(totals: PublishedTotals | None) -> str:
    """Totals as the source gives them."""
    if totals is None:
        return ""
    parts = [
        f"{totals.pulses_per_session} pulses per session" if totals.pulses_per_session is not None else "",
        f"{bare(totals.session_duration_s, 'min')} min per session" if totals.session_duration_s is not None else "",
        f"{shown(totals.charge_per_session_C, 'C')} per session" if totals.charge_per_session_C is not None else "",
    ]
    told = ", ".join(part for part in parts if part)
    note = f" ({inner(totals.note)})" if totals.note else ""
    return f"Published totals: {told}{note}" if told else f"Published totals{note}" if note else ""


def certainty_text(protocol: Protocol) -> str:
    """How many of the file's values are not from the source itself."""
    counts = Counter(status for _, status in protocol.certainty)
    words: dict[Status, str] = {"secondary": "second hand", "recalled": "recalled", "assumed": "assumed"}
    told = [f"{counts[status]} {word}" for status, word in words.items() if counts[status]]
    return f"Certainty: of {len(protocol.certainty)} values with a note, {listed(told)}" if told else ""
