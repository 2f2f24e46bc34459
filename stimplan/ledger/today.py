"""Is today's session within the plan? The history of a person compared with the plan's own course.

Nothing here says that a session may be given: the findings say what fits the plan, what does not, what is not known.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from stimplan import strict_json
from stimplan.errors import ProtocolError
from stimplan.ledger.forms import SEVERE, forms, scale
from stimplan.ledger.history import History, PlanRow, history_of, plans_of, zoned
from stimplan.ledger.impedances import impedance_answers
from stimplan.ledger.rules import Answer, finding_of, ledger_rules
from stimplan.ledger.store import Ledger
from stimplan.ledger.times import local_day
from stimplan.protocol import Protocol, dump_protocol, totals_of
from stimplan.protocol.totals import sessions_per_day
from stimplan.safety import Finding, Rule, RuleSet, load_rules

_SPACING_RULE = "TES-ITV"  # asked where the plan gives no spacing
_THRESHOLD_REFERENCES = ("rMT", "aMT", "1mV", "phosphene")
_WEEK_S = 7 * 86400.0


def plan_of(ledger: Ledger, person: str, protocol: Protocol) -> PlanRow | None:
    """Newest standing plan of a person with exactly this protocol, or None."""
    text = dump_protocol(protocol)
    return next((plan for plan in plans_of(ledger, person) if _is_same(plan, protocol, text)), None)


def protocol_of(plan: PlanRow) -> Protocol:
    """The protocol of a plan. It was checked when it was written and `plans_of` compared its hash: not checked again.

    Raises
    ------
    ProtocolError
        The text is no JSON.
    """
    from stimplan.protocol.layout import PROTOCOL
    from stimplan.protocol.migration import migrate_tree

    document = strict_json.parse(plan.protocol_text)
    if document.problems:
        raise ProtocolError(document.problems)
    protocol: Protocol = PROTOCOL.read(migrate_tree(document.tree))
    return protocol


def _is_same(plan: PlanRow, protocol: Protocol, text: str) -> bool:
    if plan.protocol_text == text:
        return True
    if plan.protocol_id != protocol.id:
        return False
    try:
        return protocol_of(plan) == protocol  # written by an older version of the program
    except ProtocolError:
        return False


def judge_today(
    ledger: Ledger,
    person: str,
    *,
    protocol: Protocol,
    now: datetime,
    rules: RuleSet | None = None,
    history: History | None = None,
) -> tuple[Finding, ...]:
    """Compare a session that would begin now with the plan and with what was delivered so far.

    Parameters
    ----------
    ledger : Ledger
    person : str
    protocol : Protocol
        What would be delivered.
    now : datetime
        When it would begin, with its zone; days are counted in that zone.
    rules : RuleSet, optional
        Where limits that the plan does not give come from; the shipped rules if left out.
    history : History, optional
        That of this person, plan and moment, where the caller has it already.

    Returns
    -------
    tuple of Finding
        Rule ids `LEDGER-...`; `stimplan.safety.values.verdict_of` makes a verdict of them.

    Raises
    ------
    LedgerError
        The person is not in the ledger, or `now` has no zone.
    """
    now = zoned(now)
    plans = plans_of(ledger, person)
    plan = plan_of(ledger, person, protocol)
    if history is None or history.plan != (plan.seq if plan else history.plan):
        history = history_of(ledger, person, now, plan=plan.seq if plan else None)
    return judge_history(history, protocol, plans=plans, plan=plan, rules=load_rules() if rules is None else rules)


def judge_history(
    history: History, protocol: Protocol, *, plans: tuple[PlanRow, ...], plan: PlanRow | None, rules: RuleSet
) -> tuple[Finding, ...]:
    """Compare a session that would begin at the moment of a history with the plan, see `judge_today`.

    Parameters
    ----------
    history : History
        Of `plan`, where there is one.
    protocol : Protocol
    plans : tuple of PlanRow
        All standing plans of the person, see `plans_of`.
    plan : PlanRow or None
        The one with exactly this protocol, see `plan_of`.
    rules : RuleSet
    """
    found = [
        ("LEDGER-CLOCK", Answer(value=history.sessions_after_now, limit=0)),
        ("LEDGER-PLAN", _plan(plans, plan)),
        (
            "LEDGER-COURSE",
            Answer(value=history.plan_sessions + 1, limit=protocol.course.sessions) if plan else Answer(),
        ),
        *_times(history, protocol, rules),
        *(_pulses if protocol.magnetic else _charge)(history, protocol, rules, plan is not None),
        *impedance_answers(history, protocol),
        ("LEDGER-MISSED", _missed(history) if plan else Answer()),
        ("LEDGER-AE", _events(history)),
        *_questionnaire(history),
    ]
    return tuple(finding_of(name, answer) for name, answer in found)


def _plan(plans: tuple[PlanRow, ...], plan: PlanRow | None) -> Answer:
    if not plans:
        return Answer()
    place = str(plan.seq) if plan else ", ".join(f"row {one.seq}, {one.protocol_id}" for one in plans)
    return Answer(holds=plan is not None, place=place)


def _rule_named(rules: RuleSet, name: str | None, modality: str) -> Rule | None:
    """A rule of the rule set that covers a modality and has one number as its limit."""
    found = next((rule for rule in rules.of_modality(modality) if rule.id == name), None)
    return found if found is not None and len(found.must.limits) == 1 else None


def _times(history: History, protocol: Protocol, rules: RuleSet) -> list[tuple[str, Answer]]:
    course = protocol.course
    daily, weekly = sessions_per_day(course), 1 if course.sessions == 1 else course.sessions_per_week
    found = []
    if history.last_session_start is not None:
        found.append(("LEDGER-SPACING", _spacing(history, protocol, rules)))
    found.append(("LEDGER-DAY", Answer(value=history.sessions_today + 1, limit=daily)))
    found.append(("LEDGER-WEEK", Answer(value=history.sessions_this_week + 1, limit=weekly)))
    return found


def _spacing(history: History, protocol: Protocol, rules: RuleSet) -> Answer:
    assert history.last_session_start is not None
    gap_s = (history.now - history.last_session_start).total_seconds()
    if protocol.course.min_gap_s is not None:
        return Answer(value=gap_s, limit=protocol.course.min_gap_s, is_least=True)
    rule = _rule_named(rules, _SPACING_RULE, protocol.modality)
    if rule is None:
        return Answer(value=gap_s)
    return Answer(value=gap_s, limit=rule.must.limits[0], is_least=True, severity=rule.severity, safety_rule=rule)


def _sum(*values: float | None) -> float | None:
    """Sum to twelve digits, as the safety rules round doses; None where a part is not known."""
    known = [value for value in values if value is not None]
    return float(f"{math.fsum(known):.12g}") if len(known) == len(values) else None


def _charge(history: History, protocol: Protocol, rules: RuleSet, is_planned: bool) -> list[tuple[str, Answer]]:
    totals = totals_of(protocol)
    whole = _sum(history.plan_charge_C, totals.charge_per_session_C) if is_planned else None
    limit = float(f"{totals.charge_per_course_C:.12g}") if totals.charge_per_course_C is not None else None
    found = [("LEDGER-CHARGE-CUM", Answer(value=whole, limit=limit))]
    day = _sum(history.charge_today_C, totals.charge_per_session_C)
    return [*found, ("LEDGER-CHARGE-DAY", _by_rule("LEDGER-CHARGE-DAY", day, rules, protocol))]


def _pulses(history: History, protocol: Protocol, rules: RuleSet, is_planned: bool) -> list[tuple[str, Answer]]:
    today = totals_of(protocol).pulses_per_session
    sums = {"LEDGER-PULSES-DAY": history.pulses_today, "LEDGER-PULSES-5D": history.pulses_five_days}
    found = [(name, _by_rule(name, _sum(before, today), rules, protocol)) for name, before in sums.items()]
    return found + [("LEDGER-THRESHOLD", answer) for answer in _thresholds(history, protocol)]


def _by_rule(name: str, value: float | None, rules: RuleSet, protocol: Protocol) -> Answer:
    """Answer with the limit, the severity and the source of a safety rule."""
    rule = _rule_named(rules, ledger_rules()[name].from_rule, protocol.modality)
    if rule is None:
        return Answer(value=value)
    limit = rule.must.limits[0]
    return Answer(
        value=value, limit=limit, limit_text=rule.must.limit_text, severity=rule.severity, safety_rule=rule,
        holds=None if value is None else rule.must.holds(value),
    )  # fmt: skip


def _thresholds(history: History, protocol: Protocol) -> list[Answer]:
    """One answer for each kind of threshold that intensities refer to, after the strictest plan for it."""
    assert protocol.magnetic is not None
    wanted: dict[str, list[Any]] = {}
    for block in protocol.magnetic.blocks:
        if block.intensity.reference in _THRESHOLD_REFERENCES:
            often = block.threshold.measured if block.threshold else None
            wanted.setdefault(str(block.intensity.reference), []).append(often)
    return [_threshold(history, reference, often) for reference, often in wanted.items()]


def _threshold(history: History, reference: str, often: list[Any]) -> Answer:
    measured = next((one for one in history.thresholds if one.reference == reference), None)
    how_often = next((one for one in ("each-session", "daily", "weekly", "once") if one in often), None)
    if measured is None or how_often is None or None in often:
        return Answer(place=reference)
    age = history.now - measured.at
    last = history.last_session_start
    is_today = local_day(measured.at, history.now) == history.now.date()
    holds = {
        "each-session": is_today and (last is None or measured.at >= last),
        "daily": is_today,
        "weekly": age <= timedelta(seconds=_WEEK_S),
        "once": True,
    }[how_often]
    texts = {"each-session": "for each session", "daily": "each day", "weekly": "each week", "once": "once"}
    limit = _WEEK_S if how_often == "weekly" else None
    return Answer(value=age.total_seconds(), limit=limit, holds=holds, place=reference, limit_text=texts[how_often])


def _missed(history: History) -> Answer:
    if not history.planned_sessions:
        return Answer()
    place = ", ".join(map(str, history.missed_sessions))
    return Answer(value=len(history.missed_sessions), limit=0, place=place)


def _events(history: History) -> Answer:
    """A severe unresolved event is a gate, a milder one warns."""
    events = sorted(history.unresolved_events, key=lambda event: (-event.severity, event.at))
    if not events:
        return Answer(value=1, limit=SEVERE, holds=True, value_text="none")
    words, labels = dict(scale("severity")), {name: label for form in forms() for name, label in form.items}
    shown = [f"{labels[one.item].lower()} ({words[one.severity]}, row {one.seq})" for one in events[:5]]
    more = [f"{len(events) - 5} more"] if len(events) > 5 else []
    worst = events[0].severity
    severity = None if worst >= SEVERE else "warn"
    return Answer(value=worst, limit=SEVERE, holds=False, place=", ".join(shown + more), severity=severity)  # type: ignore[arg-type]


def _questionnaire(history: History) -> list[tuple[str, Answer]]:
    last = history.last_session_start
    if last is None:
        return []
    asked = history.last_questionnaire is not None and history.last_questionnaire >= last
    return [("LEDGER-AEQ", Answer(value=int(asked), limit=1, is_least=True))]
