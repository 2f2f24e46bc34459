"""`check`: every rule that covers a protocol is asked, and each answer is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.errors import InputError
from stimplan.safety.loading import load_rules
from stimplan.safety.quantities import QUANTITIES, Case
from stimplan.safety.rules import Outcome, Rule, RuleSet
from stimplan.safety.values import Finding, SafetyReport, Status

if TYPE_CHECKING:
    from stimplan.protocol import Protocol

_CONSEQUENCE = {
    "block": "Correct the protocol before anything else.",
    "justify": "Going on needs the written reason of a named clinician.",
}
_NO_FIELD = "{label} ({id}): needs a simulated field."


@attrs.frozen
class _Answer:
    """What one rule said about one electrode, or about the whole protocol (label "")."""

    outcome: Outcome
    value: float | None
    label: str


def check(
    protocol: Protocol,
    *,
    subject: object = None,
    field: Mapping[str, float] | None = None,
    rules: RuleSet | None = None,
) -> SafetyReport:
    """Compare a protocol with the rules that cover its modality.

    Parameters
    ----------
    protocol : Protocol
    subject : None
        No rule looks at a person yet; anything else is refused rather than ignored.
    field : mapping of str to float, optional
        Quantities of the simulated field in SI, such as `brain_current_density_p999_A_per_m2`. Without it the
        rules that need a field are listed under `not_judged`.
    rules : RuleSet, optional
        The shipped rules if left out.

    Returns
    -------
    SafetyReport
        Its verdict is "unknown" where no rule covers the modality.

    Raises
    ------
    InputError
        A subject was given.
    ResourceError
        The shipped rules are broken.
    """
    if subject is not None:
        raise InputError("a subject was given, but no rule of this version looks at a person; leave it out")
    rules = load_rules() if rules is None else rules
    covering = rules.of_modality(protocol.modality)
    judged = [rule for rule in covering if field is not None or not _needs_field(rule)]
    answered = [finding for rule in judged if (finding := _finding(rule, protocol, field))]
    return SafetyReport(
        findings=tuple(answered),
        not_judged=_not_judged(rules, protocol.modality, [rule for rule in covering if rule not in judged]),
        rule_set_version=rules.version,
        rule_set_digest=rules.digest,
        protocol_digest=protocol.digest,
    )


def _statements_of(rule: Rule) -> list[str]:
    return [rule.must.quantity, *(condition.quantity for condition in rule.applies_if)]


def _needs_field(rule: Rule) -> bool:
    return any(QUANTITIES[name].scope == "field" for name in _statements_of(rule))


def _not_judged(rules: RuleSet, modality: str, waiting: list[Rule]) -> tuple[str, ...]:
    if not rules.of_modality(modality):
        return (f"Everything: no rule covers {modality}.",)
    notes = [note.text for note in rules.not_judged if modality in note.modality]
    return (*(_NO_FIELD.format(label=rule.title, id=rule.id) for rule in waiting), *notes)


def _finding(rule: Rule, protocol: Any, field: Mapping[str, float] | None) -> Finding | None:
    """Finding of one rule; None where it does not apply."""
    is_per_electrode = any(QUANTITIES[name].scope == "electrode" for name in _statements_of(rule))
    cases = [Case(protocol, field, electrode) for electrode in protocol.electrodes] if is_per_electrode else []
    answers = [_ask(rule, case) for case in (cases if is_per_electrode else [Case(protocol, field)])]
    if is_per_electrode and not cases:
        answers = [_Answer("unknown", None, "")]
    for outcome in ("broken", "unknown", "holds"):
        group = [answer for answer in answers if answer.outcome == outcome]
        if group:
            return _report(rule, group)
    return None


def _ask(rule: Rule, case: Case) -> _Answer:
    def reading(name: str) -> float | None:
        return QUANTITIES[name].measure(case)

    label = case.electrode.label if case.electrode is not None else ""
    return _Answer(rule.judge(reading), reading(rule.must.quantity), label)


def _report(rule: Rule, group: list[_Answer]) -> Finding:
    """One finding for all electrodes that had the same outcome: it shows the worst value and names them."""
    outcome = group[0].outcome
    value = _worst(rule, group) if outcome != "unknown" else None
    if outcome == "holds":
        group = [answer for answer in group if answer.value == value]
    place = ", ".join(answer.label for answer in group)
    limit = rule.must.limit_for(value)
    return Finding(
        rule_id=rule.id,
        rule_version=rule.version,
        status=_status(rule, outcome),
        severity=rule.severity,
        quantity=rule.must.quantity,
        value=value,
        limit=limit,
        unit=rule.unit,
        value_text=rule.must.value_text(value),
        limit_text=rule.must.limit_text,
        title=rule.title,
        message=_message(rule, outcome, value, place),
        citation=rule.citation.text,
        doi=rule.citation.doi,
        locator=rule.citation.locator,
        access=rule.citation.access,
        basis=rule.basis,
        censored=rule.censored,
        place=place,
    )


def _worst(rule: Rule, group: list[_Answer]) -> float | None:
    values = [answer.value for answer in group if answer.value is not None]
    return max(values, key=rule.must.badness)


def _status(rule: Rule, outcome: Outcome) -> Status:
    if outcome == "unknown":
        return "unknown"
    if outcome == "holds" or rule.severity == "info":
        return "pass"
    return "warn" if rule.severity == "warn" else "stop"


def _message(rule: Rule, outcome: Outcome, value: float | None, place: str) -> str:
    if outcome == "unknown":
        where = f" ({place})" if place else ""
        return f"Not judged{where}: {QUANTITIES[rule.must.quantity].label} is not given, or not a number."
    template = rule.message_holds if outcome == "holds" else rule.message_broken
    limit = rule.must.limit_for(value)
    percent = f"{100 * value / limit:.2g} %" if value is not None and limit else ""
    text = template.format(value=rule.must.value_text(value), limit=rule.must.limit_text, percent=percent, place=place)
    return f"{text} {_CONSEQUENCE[rule.severity]}" if _status(rule, outcome) == "stop" else text
