"""Implants and metal: each against the rules for its group, with its distance from the coil or the electrodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stimplan.safety import distances
from stimplan.safety.distances import Span
from stimplan.safety.personal import finding, sentence
from stimplan.safety.screening_rules import ImplantRule, read_data
from stimplan.safety.simulated import Simulated
from stimplan.safety.subject import Implant, Subject
from stimplan.safety.values import Finding
from stimplan.units import text

if TYPE_CHECKING:
    from stimplan.protocol import Protocol

LIST_RULE = "IMPLANT-LIST"


def implant_findings(
    rules: tuple[ImplantRule, ...],
    subject: Subject,
    protocol: Protocol,
    *,
    simulated: Simulated | None = None,
) -> list[Finding]:
    """Findings for every implant, and for the list as a whole where it is missing or empty."""
    about_list = [rule for rule in rules if rule.id == LIST_RULE]
    if not subject.implants:
        is_asked = subject.implants is not None
        unasked = "Not judged: the subject file has no list of implants and metal ([] says none)."
        said = "No implant, metal or device is listed." if is_asked else unasked
        return [finding(rule, "holds" if is_asked else "unknown", said=said) for rule in about_list]
    found = []
    for implant in subject.implants:
        span = distance_of(implant, protocol, simulated)
        found += [_judged(rule, implant, span) for rule in rules if _covers(rule, implant)]
    return found


def group_of(kind: str) -> str:
    """Group of a kind of implant, as the rules name it."""
    return str(read_data("implants.json")["kinds"][kind]["group"])


def name_of(implant: Implant) -> str:
    """An implant for people: its kind, and its region."""
    name = str(read_data("implants.json")["kinds"][implant.kind]["name"])
    return f"{name} ({implant.region})" if implant.region else name


def distance_of(implant: Implant, protocol: Protocol, simulated: Simulated | None = None) -> Span:
    """What is known about the distance: measured, else from coordinates, else from the region of the body."""
    if implant.distance_m is not None:
        return Span(implant.distance_m, implant.distance_m, "as measured")
    if implant.position_m is not None:
        return distances.distance_to(implant.position_m, implant.space, protocol=protocol, simulated=simulated)
    if implant.region is not None:
        return distances.span_of_region(implant.region)
    return distances.UNKNOWN


def _covers(rule: ImplantRule, implant: Implant) -> bool:
    """Whether a rule is about this implant; a passive kind that is said to be active is an active one too."""
    group = group_of(implant.kind)
    is_hidden_device = implant.active == "yes" and group in read_data("implants.json")["passive_groups"]
    groups = {group, "other-device"} if is_hidden_device else {group}
    return bool(groups & set(rule.groups)) and implant.mri in rule.mri


def _judged(rule: ImplantRule, implant: Implant, span: Span) -> Finding:
    name = name_of(implant)
    if rule.limit is None:
        return finding(rule, "broken", said=_with_detail(f"{_upper(name)}: {rule.message}", implant), place=name)
    outcome = span.is_beyond(rule.limit)
    value = span.high_m if outcome == "broken" else span.low_m if outcome == "holds" else None
    if outcome == "unknown":
        said = f"Not judged: whether the {name} is within {rule.limit_text()} of {_whom(rule)}. {_what_is_known(span)}"
    else:
        relation = "at most" if outcome == "broken" and span.low_m != span.high_m else ""
        relation = "at least" if outcome == "holds" and span.low_m != span.high_m else relation
        assert value is not None  # an outcome that is decided has the bound that decided it
        number = f"{relation} {text(value, 'm')}".strip()
        said = f"{_upper(name)} {number} away {span.how}, compared with {rule.limit_text()}."
        said += f" {_upper(rule.message)}" if outcome == "broken" else ""
    return finding(rule, outcome, said=_with_detail(said, implant), place=name, value=value)


def _whom(rule: ImplantRule) -> str:
    return "an electrode" if rule.is_at_electrode else "the coil"


def _what_is_known(span: Span) -> str:
    bounds = [
        f"at {side} {text(value, 'm')}"
        for side, value in (("least", span.low_m), ("most", span.high_m))
        if value is not None
    ]
    known = f"It is {' and '.join(bounds)} away, {span.how}." if bounds else f"{_upper(span.how)}."
    return f"{known} Measure the distance on the person."


def _with_detail(said: str, implant: Implant) -> str:
    return f"{said} Noted: {sentence(implant.detail)}" if implant.detail else said


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
