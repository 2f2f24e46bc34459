"""What a person is or has: age, pregnancy, conditions, sleep, alcohol, capacity to consent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs

from stimplan.protocol.conditions import conditions
from stimplan.safety import distances
from stimplan.safety.distances import Span
from stimplan.safety.forms import is_condition
from stimplan.safety.personal import finding
from stimplan.safety.screening_rules import Outcome, PersonRule, read_data
from stimplan.safety.simulated import Simulated
from stimplan.safety.subject import HealthCondition, Subject
from stimplan.safety.values import Finding
from stimplan.units import text

if TYPE_CHECKING:
    from stimplan.protocol import Protocol


@attrs.frozen
class _Case:
    """What a rule may look at."""

    subject: Subject
    protocol: Protocol
    simulated: Simulated | None
    covered: tuple[str, ...]


@attrs.frozen
class _Said:
    """Answer of a rule: what came out, the number that was compared, and what to say."""

    outcome: Outcome
    what: str
    value: float | None = None


def person_findings(
    rules: tuple[PersonRule, ...],
    subject: Subject,
    protocol: Protocol,
    *,
    simulated: Simulated | None = None,
) -> list[Finding]:
    """Findings of every rule about what a person is or has; none where a rule does not apply."""
    asked = [rule for rule in rules if not rule.modalities or protocol.modality in rule.modalities]
    covered = tuple(name for rule in asked for name in rule.conditions)
    case = _Case(subject, protocol, simulated, covered)
    found = []
    for rule in asked:
        answer = _ASK[rule.looks_at](rule, case)
        if answer is not None:
            said = answer.what if answer.outcome != "broken" else f"{answer.what}: {rule.message}"
            found.append(finding(rule, answer.outcome, said=said, value=answer.value))
    return found


def name_of(condition: str) -> str:
    """A condition in words."""
    own = read_data("screening/person.json")["conditions"]
    return str(own[condition]) if condition in own else conditions()[condition].name


def _having(rule: PersonRule, case: _Case) -> list[HealthCondition]:
    listed = case.subject.conditions or ()
    return [one for one in listed if any(is_condition(one.id, wanted) for wanted in rule.conditions)]


def _names(having: list[HealthCondition]) -> str:
    words = ", ".join(name_of(one.id) + (f" ({one.detail})" if one.detail else "") for one in having)
    return words[:1].upper() + words[1:]


def _not_listed(case: _Case) -> _Said | None:
    return (
        _Said("unknown", "Not judged: the subject file has no list of conditions ([] says none).")
        if case.subject.conditions is None
        else None
    )


def _conditions(rule: PersonRule, case: _Case) -> _Said:
    having = _having(rule, case)
    if having:
        return _Said("broken", _names(having))
    return _not_listed(case) or _Said("holds", "Not among the conditions that are listed.")


def _at_electrode(rule: PersonRule, case: _Case) -> _Said:
    having = _having(rule, case)
    if not having:
        return _not_listed(case) or _Said("holds", "Not among the conditions that are listed.")
    judged = [(_place_of(rule, one, case), one) for one in having]
    worst = min(judged, key=lambda pair: ("broken", "unknown", "holds").index(pair[0][0]))
    (outcome, span), one = worst
    if outcome == "unknown":
        return _Said("unknown", f"Not judged: whether it lies under an electrode ({_names([one])}); look, and note it.")
    if outcome == "broken":
        return _Said(outcome, f"{_names([one])}, {_how('at most', span.high_m, span)}", span.high_m)
    return _Said(outcome, f"Not under an electrode: {_names([one])}, {_how('at least', span.low_m, span)}.", span.low_m)


def _how(bound: str, distance_m: float | None, span: Span) -> str:
    """How it is known where something is: seen, or computed."""
    return span.how if distance_m is None else f"{bound} {text(distance_m, 'm')} away {span.how}"


def _place_of(rule: PersonRule, one: HealthCondition, case: _Case) -> tuple[Outcome, Span]:
    if one.at_electrode != "unknown":
        return ("broken" if one.at_electrode == "yes" else "holds"), Span(None, None, "as seen")
    if one.position_m is None or rule.limit is None:
        return "unknown", distances.UNKNOWN
    span = distances.distance_to(one.position_m, one.space, protocol=case.protocol, simulated=case.simulated)
    return span.is_beyond(rule.limit), span


def _pregnant(rule: PersonRule, case: _Case) -> _Said:
    match case.subject.pregnant, case.subject.sex:
        case "yes", _:
            return _Said("broken", "Pregnant, or may be")
        case "no", _:
            return _Said("holds", "Not pregnant.")
        case _, "male":
            return _Said("holds", "Male.")
    return _Said("unknown", "Not judged: whether the person is pregnant.")


def _finite(value: float | None) -> float | None:
    """A number, or None: what is not a number is not known, and compares with nothing."""
    return value if value is not None and math.isfinite(value) else None


def _age(rule: PersonRule, case: _Case) -> _Said:
    age = _finite(case.subject.age_years)
    if age is None:
        return _Said("unknown", "Not judged: the age is not given.")
    is_under = rule.limit is not None and age < rule.limit
    return _Said("broken", f"Aged {age:g} years", age) if is_under else _Said("holds", f"Aged {age:g} years.", age)


def _age_current(rule: PersonRule, case: _Case) -> _Said | None:
    """Current for an age: the total current, by the amplitude convention of the protocol."""
    age, current_A = _finite(case.subject.age_years), _finite(case.protocol.total_current_A)
    if age is None:
        return _Said("unknown", "Not judged: the age is not given.")
    if rule.under_years is None or age >= rule.under_years:
        return None
    if current_A is None or rule.limit is None:
        return _Said("unknown", "Not judged: the current is not known.")
    is_under = current_A <= rule.limit
    return _Said("holds" if is_under else "broken", f"Aged {age:g} years" + ("." if is_under else ""), current_A)


def _sleep(rule: PersonRule, case: _Case) -> _Said:
    hours = _finite(case.subject.sleep_hours)
    if hours is None:
        return _Said("unknown", "Not judged: last night's sleep is not known.")
    is_little = rule.limit is not None and hours < rule.limit
    return (
        _Said("broken", f"{hours:g} h of sleep last night", hours)
        if is_little
        else _Said("holds", "Slept enough.", hours)
    )


def _alcohol(rule: PersonRule, case: _Case) -> _Said:
    amount = _finite(case.subject.alcohol_units_24h)
    if amount is None:
        return _Said("unknown", "Not judged: alcohol in the last 24 h is not known.")
    is_much = rule.limit is not None and amount > rule.limit
    words = f"{amount:g} units of 8 g of alcohol in the last 24 h"
    return _Said("broken" if is_much else "holds", words + ("" if is_much else "."), amount)


def _yes_no(answer: str, words: str) -> _Said:
    match answer:
        case "yes":
            return _Said("broken", words)
        case "no":
            return _Said("holds", "Asked; there is none.")
    return _Said("unknown", f"Not judged: not answered ({words.lower()}).")


def _recreational(rule: PersonRule, case: _Case) -> _Said:
    return _yes_no(case.subject.recreational_drugs_24h, "Recreational drugs in the last 24 h")


def _hearing(rule: PersonRule, case: _Case) -> _Said:
    having = _having(rule, case)
    return _Said("broken", _names(having)) if having else _yes_no(case.subject.hearing_problem, "Hearing problem")


def _implants_asked(rule: PersonRule, case: _Case) -> _Said | None:
    having = _having(rule, case)
    if not having:
        return None
    if case.subject.implants is None:
        return _Said("unknown", f"Not judged. {_names(having)}: {rule.message}")
    return _Said("holds", "Asked for implants.")


def _consent(rule: PersonRule, case: _Case) -> _Said | None:
    having = _having(rule, case)
    if not having:
        return None
    match case.subject.capacity_to_consent:
        case "yes":
            return _Said("holds", "Able to consent, as noted.")
        case "no":
            return _Said("broken", f"{_names(having)}, not able to consent")
    return _Said("unknown", f"Not judged. {_names(having)}: {rule.message}")


def _no_rule(rule: PersonRule, case: _Case) -> _Said | None:
    listed = case.subject.conditions or ()
    other = [one for one in listed if not any(is_condition(one.id, wanted) for wanted in case.covered)]
    return _Said("broken", _names(other)) if other else None


_ASK: Mapping[str, Callable[[PersonRule, _Case], _Said | None]] = {
    "conditions": _conditions,
    "at-electrode": _at_electrode,
    "pregnant": _pregnant,
    "age": _age,
    "age-current": _age_current,
    "sleep": _sleep,
    "alcohol": _alcohol,
    "recreational": _recreational,
    "hearing": _hearing,
    "implants-asked": _implants_asked,
    "consent": _consent,
    "no-rule": _no_rule,
}
