"""The sentences and sources of the ledger's own rules; they are data, in `rules.json`. Most limits come from plans."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import attrs

from stimplan import units
from stimplan.resources import package_path
from stimplan.safety import Finding, Rule
from stimplan.safety.values import Severity, Status

_CONSEQUENCE = {
    "block": "Correct this before anything else.",
    "justify": "Going on needs the written reason of a named clinician.",
}


@attrs.frozen
class LedgerRule:
    """One rule of `rules.json`.

    Attributes
    ----------
    id, version, title, quantity, unit, basis : str
    display_unit : str
        File suffix of the unit for people; "" for a bare number.
    severity, severity_without_limit : Severity
        The second where the plan does not give the limit.
    messages : mapping of outcome to sentence
    citation : mapping
    from_rule : str or None
        Id of the safety rule whose limit and source it takes.
    limit : float or None
        SI; None where the plan or a safety rule gives it.
    """

    id: str
    version: str
    title: str
    quantity: str
    unit: str
    display_unit: str
    basis: str
    severity: Severity
    severity_without_limit: Severity
    messages: Mapping[str, str]
    citation: Mapping[str, Any]
    from_rule: str | None
    limit: float | None

    def shown(self, value: float | None) -> str:
        """A value for people."""
        if value is None or not math.isfinite(value):
            return ""
        number = float(units.from_si(value, self.display_unit)) if self.display_unit else value
        shown = float(f"{number:.4g}") if self.display_unit else number
        return f"{shown:.15g} {units.unit_text(self.display_unit)}".strip()


@attrs.frozen
class Answer:
    """What is known about one rule.

    Attributes
    ----------
    value, limit : float or None
        SI. Compared by `value <= limit`, or `>=` where `is_least`; unknown where either is missing.
    holds : bool or None
        Outcome where it is not that comparison.
    place : str
        What it is about; fills the sentence.
    limit_text, value_text : str or None
        Instead of the texts of the numbers.
    severity : Severity or None
        Instead of the rule's own.
    safety_rule : Rule or None
        Where the limit is that of a safety rule.
    """

    value: float | None = None
    limit: float | None = None
    is_least: bool = False
    holds: bool | None = None
    place: str = ""
    limit_text: str | None = None
    value_text: str | None = None
    severity: Severity | None = None
    safety_rule: Rule | None = None

    def outcome(self) -> str:
        """holds, broken or unknown; a limit is what must hold, so that NaN never does."""
        if self.holds is not None:
            return "holds" if self.holds else "broken"
        if self.value is None or self.limit is None or math.isnan(self.value):
            return "unknown"
        is_kept = self.value >= self.limit if self.is_least else self.value <= self.limit
        return "holds" if is_kept and math.isfinite(self.value) else "broken"


@cache
def ledger_rules() -> Mapping[str, LedgerRule]:
    """All rules by their id."""
    data = json.loads(package_path("ledger", "rules.json").read_text(encoding="utf-8"))
    return {one["id"]: _rule(one, data["version"]) for one in data["rules"]}


def _rule(data: Mapping[str, Any], version: str) -> LedgerRule:
    return LedgerRule(
        id=data["id"],
        version=version,
        title=data["title"],
        quantity=data["quantity"],
        unit=data["unit"],
        display_unit=data.get("display_unit", ""),
        basis=data.get("basis", "local_policy"),
        severity=data["severity"],
        severity_without_limit=data.get("severity_without_limit", data["severity"]),
        messages={outcome: data[outcome] for outcome in ("holds", "broken", "unknown")},
        citation=data.get("citation", {}),
        from_rule=data.get("from_rule"),
        limit=units.to_si(data["limit"], data["display_unit"]) if "limit" in data else None,
    )


def finding_of(name: str, answer: Answer) -> Finding:
    """Finding of one rule."""
    rule, outcome = ledger_rules()[name], answer.outcome()
    has_limit = answer.limit is not None or answer.holds is not None
    severity = answer.severity or (rule.severity if has_limit else rule.severity_without_limit)
    status = cast(
        Status, {"holds": "pass", "unknown": "unknown"}.get(outcome, "warn" if severity == "warn" else "stop")
    )
    value_text = rule.shown(answer.value) if answer.value_text is None else answer.value_text
    limit_text = rule.shown(answer.limit) if answer.limit_text is None else answer.limit_text
    source = answer.safety_rule.id if answer.safety_rule else rule.from_rule
    message = rule.messages[outcome].format(value=value_text, limit=limit_text, place=answer.place, rule=source)
    if status == "stop":
        message = f"{message} {_CONSEQUENCE[severity]}"
    return Finding(
        rule_id=rule.id,
        rule_version=rule.version,
        status=status,
        severity=severity,
        quantity=rule.quantity,
        value=answer.value,
        limit=answer.limit,
        unit=rule.unit,
        value_text=value_text,
        limit_text=limit_text,
        title=rule.title,
        message=message,
        place=answer.place,
        **_source(rule, answer.safety_rule),
    )


def _source(rule: LedgerRule, safety_rule: Rule | None) -> dict[str, Any]:
    """Source of the limit: that of the safety rule where it comes from one."""
    if safety_rule is not None:
        cited = safety_rule.citation
        return {"citation": cited.text, "doi": cited.doi, "locator": cited.locator, "access": cited.access,
                "basis": safety_rule.basis, "censored": safety_rule.censored}  # fmt: skip
    cited_own = rule.citation or {"text": f"No rule {rule.from_rule} in this rule set", "doi": None,
                                  "locator": "safety/rules", "access": "recalled"}  # fmt: skip
    return {"citation": cited_own["text"], "doi": cited_own["doi"], "locator": cited_own["locator"],
            "access": cited_own["access"], "basis": rule.basis, "censored": False}  # fmt: skip
