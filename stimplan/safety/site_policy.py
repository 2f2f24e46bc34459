"""A site's own policy: limits and severities of single rules changed, each with a reason, a name and a date.

Applied as a pure function to rules that are in a profile already; nothing is changed in place.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import attrs

from stimplan import strict_json
from stimplan.errors import InputError, Problem
from stimplan.protocol.schema_check import Fault, nearest, schema_faults
from stimplan.resources import data_path
from stimplan.safety.profiles import load_profiles
from stimplan.safety.rules import Rule, RuleSet
from stimplan.safety.screening_rules import Screening, ScreeningRule
from stimplan.safety.values import Finding, Severity
from stimplan.units import from_si, si_key, to_si, unit_text

Direction = Literal["stricter", "laxer"]
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the most severe first


@attrs.frozen
class PolicyChange:
    """One rule changed.

    Attributes
    ----------
    rule_id : str
    direction : {"stricter", "laxer"}
        What the site says it does; refused where it does the opposite.
    severity : Severity or None
        None: as it is.
    limits : tuple of Decimal
        In `unit`; empty: as they are.
    unit : str
        File suffix, "" for a bare number.
    reason, name, date : str
        Why, who decided, and when (ISO date).
    """

    rule_id: str
    direction: Direction
    severity: Severity | None
    limits: tuple[Decimal, ...]
    unit: str
    reason: str
    name: str
    date: str


@attrs.frozen
class SitePolicy:
    """A site's changes to one policy profile."""

    site: str
    profile: str
    changes: tuple[PolicyChange, ...]


def read_site_policy(source: str | Path | Mapping[str, Any]) -> SitePolicy:
    """Read a site's policy strictly: a path, JSON text (a string that starts with `{`) or a mapping.

    Raises
    ------
    InputError
        `.problems` lists every fault; a change without reason, name or date is one.
    """
    file = ""
    if isinstance(source, Mapping):
        document = strict_json.from_mapping(source)
    elif isinstance(source, str) and source.lstrip().startswith("{"):
        document = strict_json.parse(source)
    else:
        file = str(source)
        text, unread = strict_json.read_bytes(Path(source), file=file)
        if unread:
            raise InputError(unread)
        document = strict_json.parse(text, file=file)
    problems = list(document.problems)
    if document.is_json:
        seen = {problem.where for problem in problems}
        found = [(strict_json.show_path(fault.path), fault.what) for fault in _faults(document.tree)]
        problems += [Problem(where, what, file) for where, what in found if where not in seen]
    if problems:
        raise InputError(problems)
    return _policy(document.tree)


@cache
def _schema() -> Mapping[str, Any]:
    return dict(json.loads(data_path("safety", "schema", "site-policy-1.schema.json").read_text(encoding="utf-8")))


def _faults(tree: Any) -> list[Fault]:
    if not isinstance(tree, dict):
        return [Fault((), "expected a site policy as a JSON object {…}")]
    faults = schema_faults(tree, _schema())
    judged = {fault.path for fault in faults}
    profiles = [profile.id for profile in load_profiles()]
    own = []
    if isinstance(tree.get("profile"), str) and tree["profile"] not in profiles:
        hint = nearest(tree["profile"], profiles) or f"; known are {', '.join(profiles)}"
        own.append(Fault(("profile",), f"{tree['profile']!r} is not a policy profile{hint}"))
    seen: set[str] = set()
    raw = tree.get("changes")
    for i, change in enumerate(raw if isinstance(raw, list) else ()):
        own += _change_faults(change, i, seen) if isinstance(change, dict) else []
    return faults + [fault for fault in own if fault.path not in judged]


def _change_faults(change: dict[str, Any], i: int, seen: set[str]) -> list[Fault]:
    found = []
    rule = str(change.get("rule", ""))
    if rule in seen:
        found.append(Fault(("changes", i, "rule"), f"{rule!r} is changed more than once; keep one"))
    seen.add(rule)
    if change.get("severity") is None and change.get("limit") is None:
        found.append(Fault(("changes", i), "changes nothing; give a severity or a limit"))
    if (change.get("limit") is None) != (change.get("display_unit") is None):
        found.append(Fault(("changes", i, "display_unit"), "limit and display_unit belong together"))
    if not _is_date(change.get("date")):
        found.append(
            Fault(("changes", i, "date"), f"{change.get('date')!r} is no day; expected a date such as 2026-11-22")
        )
    return found


def _is_date(text: Any) -> bool:
    """Whether there is such a day; the schema has judged how it is written."""
    try:
        datetime.date.fromisoformat(str(text))
    except ValueError:
        return False
    return True


def _policy(tree: dict[str, Any]) -> SitePolicy:
    def limits(raw: Any) -> tuple[Decimal, ...]:
        many = raw if isinstance(raw, list) else [] if raw is None else [raw]
        return tuple(Decimal(one) for one in many)

    same = ("direction", "reason", "name", "date")
    changes = [
        PolicyChange(
            rule_id=raw["rule"],
            severity=raw.get("severity"),
            limits=limits(raw.get("limit")),
            unit=raw.get("display_unit") or "",
            **{key: raw[key] for key in same},
        )
        for raw in tree["changes"]
    ]
    return SitePolicy(tree["site"], tree["profile"], tuple(changes))


def apply_site_policy(rules: RuleSet, policy: SitePolicy) -> RuleSet:
    """Rules with the changes of a site; changes of rules that are not here are left to others, see `refuse_strangers`.

    Parameters
    ----------
    rules : RuleSet
        In the profile of the policy already (`RuleSet.in_profile`).
    policy : SitePolicy

    Raises
    ------
    InputError
        A change does not fit its rule, or goes the other way than it says; `problems` lists all.
    """
    changed = _all_changed(rules.rules, policy, _changed_rule)
    return attrs.evolve(rules, rules=changed, version=f"{rules.version}, {_name(policy)}")


def apply_to_screening(screening: Screening, policy: SitePolicy) -> Screening:
    """The same for the rules about a person, in the profile of the policy already."""
    changed = _all_changed(screening.rules, policy, _changed_screening)
    return attrs.evolve(screening, rules=changed, version=f"{screening.version}, {_name(policy)}")


def refuse_strangers(policy: SitePolicy, known: Iterable[str]) -> None:
    """Refuse changes of rules that no rule set of the profile has.

    Raises
    ------
    InputError
        Each with the nearest known id.
    """
    ids = tuple(known)
    unknown = [(i, change.rule_id) for i, change in enumerate(policy.changes) if change.rule_id not in ids]
    if unknown:
        what = "is no rule of the profile {}{}"
        raise InputError(
            [
                Problem(f"$.changes[{i}].rule", f"{name!r} {what.format(policy.profile, nearest(name, ids))}")
                for i, name in unknown
            ]
        )


def policy_findings(policy: SitePolicy, before: Iterable[Rule | ScreeningRule]) -> tuple[Finding, ...]:
    """One line of information for each change: what it was, what it is, why, by whom and when.

    Parameters
    ----------
    policy : SitePolicy
    before : iterable of Rule or ScreeningRule
        The rules of the profile as they are without the policy.
    """
    by_id = {rule.id: rule for rule in before}
    return tuple(_report(policy, change, by_id[change.rule_id]) for change in policy.changes if change.rule_id in by_id)


def _name(policy: SitePolicy) -> str:
    return f"site policy of {policy.site}"


def _all_changed(rules: tuple[Any, ...], policy: SitePolicy, change_one: Any) -> tuple[Any, ...]:
    by_id = {change.rule_id: (i, change) for i, change in enumerate(policy.changes)}
    problems: list[Problem] = []
    changed = []
    for rule in rules:
        if rule.id not in by_id:
            changed.append(rule)
            continue
        i, change = by_id[rule.id]
        what = _misfit(rule, change)
        if what:
            problems.append(Problem(f"$.changes[{i}]", f"{rule.id}: {what}"))
        else:
            changed.append(change_one(rule, change, policy.site))
    if problems:
        raise InputError(problems)
    return tuple(changed)


def _misfit(rule: Rule | ScreeningRule, change: PolicyChange) -> str:
    """Why a change cannot be made to a rule, or ""."""
    what = _limit_misfit(rule, change) if change.limits else ""
    if what:
        return what
    ways = _ways(rule, change)
    if not ways:
        return "the change leaves the rule as it is"
    if ways != {change.direction}:
        return f"it says {change.direction}, but is {' and '.join(sorted(ways))}; split or correct it"
    return ""


def _limit_misfit(rule: Rule | ScreeningRule, change: PolicyChange) -> str:
    unit, count = _limit_unit(rule), len(_limits(rule))
    if not count:
        return "the rule has no limit of its own that can be changed"
    if (si_key(f"x_{change.unit}").removeprefix("x_") if change.unit else "") != unit:
        return f"{change.unit!r} is not a unit of its limit"
    if len(change.limits) != count:
        return f"its limit takes {count} number(s), got {len(change.limits)}"
    if list(change.limits) != sorted(set(change.limits)):
        return "the lower limit comes first and differs from the upper one"
    return ""


def _limit_unit(rule: Rule | ScreeningRule) -> str:
    """SI suffix of a rule's limit."""
    if isinstance(rule, Rule):
        return rule.unit
    return si_key(f"x_{rule.display_unit}").removeprefix("x_") if rule.display_unit else ""


def _limits(rule: Rule | ScreeningRule) -> tuple[float, ...]:
    """The numbers of a rule's own limit, SI; none where it is a table, or compares no number."""
    if isinstance(rule, Rule):
        return () if rule.table else rule.must.limits
    return () if rule.limit is None else (rule.limit,)


def _ways(rule: Rule | ScreeningRule, change: PolicyChange) -> set[str]:
    """Whether a change makes a rule stricter, laxer, or both in its parts."""
    pairs: list[tuple[float, float, bool]] = []
    if change.severity is not None and rule.severity is not None:
        pairs.append((_SEVERITIES.index(rule.severity), _SEVERITIES.index(change.severity), True))
    if change.limits:
        pairs += _limit_pairs(rule, change)
    return {"stricter" if (min(old, new) == new) == is_upper else "laxer" for old, new, is_upper in pairs if old != new}


def _limit_pairs(rule: Rule | ScreeningRule, change: PolicyChange) -> list[tuple[float, float, bool]]:
    """Old and new limit in SI, and whether it is one that must not be exceeded."""
    return list(zip(_limits(rule), _in_si(change), _are_upper(rule), strict=True))


def _are_upper(rule: Rule | ScreeningRule) -> tuple[bool, ...]:
    """For each number of a limit whether it must not be exceeded."""
    if isinstance(rule, Rule):
        return {"between": (False, True), "<=": (True,), "<": (True,)}.get(rule.must.op, (False,))
    return (rule.is_upper_limit,)


def _in_si(change: PolicyChange) -> tuple[float, ...]:
    return tuple(to_si(one, change.unit) if change.unit else float(one) for one in change.limits)


def _changed_rule(rule: Rule, change: PolicyChange, site: str) -> Rule:
    severity = change.severity or rule.severity
    profiles = None if rule.profiles is None else tuple((name, severity) for name, _ in rule.profiles)
    changed = attrs.evolve(rule, severity=severity, profiles=profiles)
    if not change.limits:
        return changed
    # The rule's own sentences say where its own number comes from, which is not true of the site's.
    whose = f"that {site} set; the rule's own is {rule.must.limit_text}".replace("{", "{{").replace("}", "}}")
    return attrs.evolve(
        changed,
        must=attrs.evolve(rule.must, limits=_in_si(change), display_unit=change.unit),
        message_holds=f"{{value}} is within the limit of {{limit}} {whose}.",
        message_broken=f"{{value}} is outside the limit of {{limit}} {whose}. Review it.",
        citation=attrs.evolve(rule.citation, text=f"Limit of {site}. The rule: {rule.citation.text}"),
    )


def _changed_screening(rule: ScreeningRule, change: PolicyChange, site: str) -> ScreeningRule:
    (limit,) = _in_si(change) if change.limits else (rule.limit,)
    unit = change.unit if change.limits else rule.display_unit
    changed = attrs.evolve(rule, severity=change.severity or rule.severity, limit=limit, display_unit=unit)
    if not change.limits:
        return changed
    words = f"Limit of {site}, {changed.limit_text()}; the rule's own is {rule.limit_text()}. The rule: "
    return attrs.evolve(changed, citation=attrs.evolve(rule.citation, text=words + rule.citation.text))


def _report(policy: SitePolicy, change: PolicyChange, rule: Rule | ScreeningRule) -> Finding:
    parts = []
    if change.limits:
        parts.append(f"limit {_numbers(_limits(rule), change.unit)} becomes {_numbers(_in_si(change), change.unit)}")
    if change.severity:
        parts.append(f"severity {rule.severity} becomes {change.severity}")
    said = f"{change.direction}: {', '.join(parts)}. Reason: {change.reason.strip().rstrip('.')}."
    return Finding(
        rule_id="SITE-POLICY",
        rule_version="0.1.0",
        status="pass",
        severity="info",
        quantity="site_policy",
        value=None,
        limit=None,
        unit="",
        value_text="",
        limit_text="",
        title=f"Site policy of {policy.site}: {rule.id} {said} {change.name}, {change.date}",
        message=f"{rule.id}, {said} Decided by {change.name} on {change.date}.",
        citation=f"Policy of {policy.site}, on top of the profile {policy.profile}",
        doi=None,
        locator=rule.id,
        access="read",
        basis="local_policy",
        censored=False,
        place=rule.id,
    )


def _numbers(values: tuple[float, ...], unit: str) -> str:
    shown = " to ".join(f"{float(from_si(value, unit) if unit else value):g}" for value in values)
    return f"{shown} {unit_text(unit)}".strip()
