"""One finding about a person from a screening rule and what was found."""

from __future__ import annotations

from stimplan.safety.screening_rules import Outcome, ScreeningRule
from stimplan.safety.values import Finding, Status
from stimplan.units import from_si, si_key, unit_text

CONSEQUENCE = {
    "block": "It is a contraindication in this policy profile.",
    "justify": "Going on needs the written reason of a named clinician.",
}


def finding(
    rule: ScreeningRule, outcome: Outcome, *, said: str, place: str = "", value: float | None = None
) -> Finding:
    """Finding of one rule.

    Parameters
    ----------
    rule : ScreeningRule
        With the severity of the profile that was chosen.
    outcome : {"holds", "broken", "unknown"}
    said : str
        Plain sentence; where the outcome is a stop, what follows from it is added.
    place : str
        What it is about: an implant, drugs, a condition.
    value : float, optional
        SI number that was compared with the rule's limit.
    """
    severity = rule.severity or "block"  # a rule without a profile is never mild
    status = status_of(outcome, severity)
    unit = si_key(f"x_{rule.display_unit}").removeprefix("x_") if rule.display_unit else ""
    return Finding(
        rule_id=rule.id,
        rule_version=rule.version,
        status=status,
        severity=severity,
        quantity="screening",
        value=value,
        limit=rule.limit,
        unit=unit,
        value_text=_text(value, rule.display_unit),
        limit_text=rule.limit_text(),
        title=rule.title,
        message=f"{said} {CONSEQUENCE[severity]}" if status == "stop" else said,
        citation=rule.citation.text,
        doi=rule.citation.doi,
        locator=rule.citation.locator,
        access=rule.citation.access,
        basis=rule.basis,
        censored=False,
        place=place,
    )


def status_of(outcome: Outcome, severity: str) -> Status:
    """Status of an outcome: what is broken stops, warns, or is only shown, by its severity."""
    if outcome == "unknown":
        return "unknown"
    if outcome == "holds" or severity == "info":
        return "pass"
    return "warn" if severity == "warn" else "stop"


def _text(value: float | None, display_unit: str) -> str:
    if value is None:
        return ""
    number = from_si(value, display_unit) if display_unit else value
    return f"{float(number):.4g} {unit_text(display_unit)}".strip()


def sentence(words: str) -> str:
    """Words with a full stop at their end."""
    text = words.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
