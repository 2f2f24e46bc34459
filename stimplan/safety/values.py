"""What a safety check returns: findings, each with its source, and the report that holds them."""

from __future__ import annotations

import math
from typing import Any, Literal

import attrs

Status = Literal["pass", "warn", "stop", "unknown"]
Severity = Literal["block", "justify", "warn", "info"]
Access = Literal["read", "secondary", "recalled"]

DEFAULT_PROFILE = "research-ifcn2021"

NOTICE = (
    "Research and educational software, not a medical device. It compares the entered parameters with published "
    "numbers and does not establish that a protocol suits a person. Responsibility stays with the qualified user, "
    "the ethics approval and the device's instructions for use."
)


@attrs.frozen
class Citation:
    """Where a number comes from, and how far the authors of the rule got to that source.

    Attributes
    ----------
    text : str
        Reference as in a list of literature.
    doi : str or None
        None only where no paper exists (a device label, a house rule).
    locator : str
        Table, page or section.
    access : {"read", "secondary", "recalled"}
        Read in the source itself, read in a text that quotes it, or written from memory.
    verified_by, verified_on : str or None
        Who compared the rule with the source, and when (ISO date). None: nobody yet.
    quote : str or None
        The words of the source that carry the number.
    """

    text: str
    doi: str | None
    locator: str
    access: Access
    verified_by: str | None
    verified_on: str | None
    quote: str | None


@attrs.frozen
class Finding:
    """Outcome of one rule.

    Attributes
    ----------
    rule_id, rule_version : str
    status : {"pass", "warn", "stop", "unknown"}
    severity : {"block", "justify", "warn", "info"}
        "block": wrong or missing data. "justify": a named clinician's reason is needed. "info": never in the verdict.
    quantity : str
        Name in `stimplan.safety.quantities`, which ends in its SI unit.
    value, limit : float or None
        In SI. For a rule with two limits, the one that was broken, else the upper one.
    unit : str
        SI suffix as in `stimplan.units`.
    value_text, limit_text : str
        The same for people, in the unit of the source; "" where there is no number.
    title, message : str
        Plain sentences.
    citation, doi, access, locator, basis
        Source of the limit, see `Citation`; `basis` says what kind of limit it is.
    censored : bool
        The limit is only the highest value that was tried, not one at which harm was seen.
    place : str
        Labels of the electrodes or of the block it is about, or "".
    """

    rule_id: str
    rule_version: str
    status: Status
    severity: Severity
    quantity: str
    value: float | None
    limit: float | None
    unit: str
    value_text: str
    limit_text: str
    title: str
    message: str
    citation: str
    doi: str | None
    locator: str
    access: Access
    basis: str
    censored: bool
    place: str = ""

    def record(self) -> dict[str, Any]:
        """Plain data for JSON; the keys of the two numbers carry the SI unit (`value_A`)."""
        plain = attrs.asdict(self)
        for name in ("value", "limit"):
            number = plain.pop(name)
            plain[f"{name}_{self.unit}"] = number if number is not None and math.isfinite(number) else None
        return plain


def verdict_of(findings: tuple[Finding, ...]) -> Status:
    """Verdict of a set of findings: stop > unknown > warn > pass.

    Findings of severity "info" never count. A broken "block" or "justify" rule is a stop; one that could not be
    judged makes the verdict unknown. A "warn" rule that is broken, or could not be judged, makes it warn. Where
    nothing but information was found the verdict is unknown: absence is not a pass.
    """
    counted = [finding for finding in findings if finding.severity != "info"]
    gates = {finding.status for finding in counted if finding.severity in ("block", "justify")}
    if any(finding.status == "stop" for finding in counted):
        return "stop"
    if not gates or "unknown" in gates:
        return "unknown"
    return "pass" if all(finding.status == "pass" for finding in counted) else "warn"


@attrs.frozen
class OtherProfile:
    """What the same check would have said under another policy profile.

    Attributes
    ----------
    profile : str
    verdict : {"pass", "warn", "stop", "unknown"}
    differing : tuple of str
        Ids of the rules whose finding is another one there, or that only one of the two profiles has.
    """

    profile: str
    verdict: Status
    differing: tuple[str, ...]


@attrs.frozen
class SafetyReport:
    """Everything one check found, and everything it did not look at.

    Attributes
    ----------
    findings : tuple of Finding
    not_judged : tuple of str
        What these rules cannot see, one plain sentence each.
    rule_set_version, rule_set_digest : str
        Which rules were asked.
    protocol_digest : str
        Which protocol was judged.
    profile : str
        Policy profile of the rules that were asked.
    others : tuple of OtherProfile
        What the other profiles would have said.
    """

    findings: tuple[Finding, ...]
    not_judged: tuple[str, ...]
    rule_set_version: str
    rule_set_digest: str
    protocol_digest: str
    profile: str = DEFAULT_PROFILE
    others: tuple[OtherProfile, ...] = ()

    @property
    def other_profiles(self) -> dict[str, OtherProfile]:
        """What the other policy profiles would have said, by their name."""
        return {other.profile: other for other in self.others}

    @property
    def verdict(self) -> Status:
        """Worst of the findings, see `verdict_of`; a report without a judged rule is unknown."""
        return verdict_of(self.findings)

    def of_status(self, status: Status) -> tuple[Finding, ...]:
        """Findings with one status."""
        return tuple(finding for finding in self.findings if finding.status == status)

    def _repr_html_(self) -> str:
        from stimplan.notebook import report_html

        return report_html(self)

    def record(self) -> dict[str, Any]:
        """Plain data for JSON, the same bytes for the same protocol and rules."""
        return {
            "verdict": self.verdict,
            "findings": [finding.record() for finding in self.findings],
            "not_judged": list(self.not_judged),
            "rule_set_version": self.rule_set_version,
            "rule_set_digest": self.rule_set_digest,
            "protocol_digest": self.protocol_digest,
            "profile": self.profile,
            "other_profiles": {
                other.profile: {"verdict": other.verdict, "differing": list(other.differing)} for other in self.others
            },
            "notice": NOTICE,
        }
