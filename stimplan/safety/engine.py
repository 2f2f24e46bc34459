"""`check`: every rule that covers a protocol is asked, and each answer is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.protocol.reading import as_protocol
from stimplan.safety.cases import Case
from stimplan.safety.in_force import InForce, in_force
from stimplan.safety.loading import load_rules
from stimplan.safety.profiles import load_profiles
from stimplan.safety.quantities import QUANTITIES
from stimplan.safety.rules import Judgement, Rule, RuleSet, Statement
from stimplan.safety.simulated import Simulated, refuse_other_protocol
from stimplan.safety.values import DEFAULT_PROFILE, Finding, OtherProfile, SafetyReport, Status, verdict_of

if TYPE_CHECKING:
    from stimplan.protocol import Protocol
    from stimplan.safety.site_policy import SitePolicy
    from stimplan.safety.subject import Subject

_CONSEQUENCE = {
    "block": "Correct the protocol before anything else.",
    "justify": "Going on needs the written reason of a named clinician.",
}
_NO_FIELD = "{label} ({id}): needs a simulated field."

Answer = tuple[Judgement, float | None, Case]


def check(
    protocol: Protocol | str | Path | Mapping[str, Any],
    *,
    subject: Subject | None = None,
    field: Simulated | Mapping[str, float] | None = None,
    rules: RuleSet | None = None,
    profile: str = DEFAULT_PROFILE,
    site_policy: SitePolicy | None = None,
) -> SafetyReport:
    """Compare a protocol with the rules that cover its modality.

    Parameters
    ----------
    protocol : Protocol, str, Path or mapping
        Anything `read_protocol` takes.
    subject : Subject, optional
        Adds findings about the person; without one the report lists what is not judged about them.
    field : Simulated or mapping of str to float, optional
        Quantities of the simulated field in SI, such as `brain_current_density_p999_A_per_m2`; a `Simulated` also
        says where the electrodes lie, which distances from implants are then measured from. Without it the rules
        that need a field are listed under `not_judged`.
    rules : RuleSet, optional
        The shipped rules if left out.
    profile : str
        Policy profile, one of `safety/profiles.json`: which rules are asked, and how severe they are. The report
        says what the other profiles would have said.
    site_policy : SitePolicy, optional
        A site's changes to the profile; each is listed, and the unchanged profile is among the others.

    Returns
    -------
    SafetyReport
        Its verdict is "unknown" where no rule covers the modality.

    Raises
    ------
    InputError
        There is no such protocol, or it has faults; the subject is no `Subject`, there is no such profile, the
        site's policy does not fit it, or the simulation is of another protocol.
    ResourceError
        The shipped rules are broken.
    """
    protocol = as_protocol(protocol)
    rules = load_rules() if rules is None else rules
    here = in_force(rules, profile, subject=subject, site_policy=site_policy)

    simulated = field if isinstance(field, Simulated) else None
    if simulated is not None:
        refuse_other_protocol(protocol, simulated)
    quantities = field.quantities if isinstance(field, Simulated) else field

    def said(asked: InForce) -> tuple[Finding, ...]:
        return (*_findings(asked.rules, protocol, quantities), *asked.about(subject, protocol, simulated))

    findings = said(here)
    names = [one.id for one in load_profiles() if one.id != here.profile or site_policy is not None]
    return SafetyReport(
        findings=findings,
        not_judged=here.notes(_not_judged(here.rules, protocol.modality, quantities)),
        rule_set_version=here.version,
        rule_set_digest=here.digest,
        protocol_digest=protocol.digest,
        profile=here.name,
        others=tuple(_other(name, findings, said(in_force(rules, name, subject=subject))) for name in names),
    )


def _findings(rules: RuleSet, protocol: Any, field: Mapping[str, float] | None) -> tuple[Finding, ...]:
    covering = rules.of_modality(protocol.modality)
    judged = [rule for rule in covering if field is not None or not _needs_field(rule)]
    return tuple(finding for rule in judged for finding in _of_rule(rule, protocol, field))


def _other(profile: str, here: tuple[Finding, ...], there: tuple[Finding, ...]) -> OtherProfile:
    def said(findings: tuple[Finding, ...]) -> dict[str, list[tuple[str, ...]]]:
        table: dict[str, list[tuple[str, ...]]] = {}
        for finding in findings:
            if finding.quantity == "site_policy":  # what the site changed is no rule
                continue
            weight = finding.severity if finding.status != "pass" else ""
            table.setdefault(finding.rule_id, []).append((finding.place, finding.status, weight))
        return table

    one, other = said(here), said(there)
    differing = [rule_id for rule_id in {**one, **other} if one.get(rule_id) != other.get(rule_id)]
    return OtherProfile(profile, verdict_of(there), tuple(differing))


def _needs_field(rule: Rule) -> bool:
    return any(QUANTITIES[name].scope == "field" for name in rule.quantities)


def _not_judged(rules: RuleSet, modality: str, field: Mapping[str, float] | None) -> tuple[str, ...]:
    covering = rules.of_modality(modality)
    if not covering:
        return (f"Everything: no rule covers {modality}.",)
    waiting = [rule for rule in covering if field is None and _needs_field(rule)]
    notes = [note.text for note in rules.not_judged if modality in note.modality]
    return (*(_NO_FIELD.format(label=rule.title, id=rule.id) for rule in waiting), *notes)


def _scopes(rule: Rule) -> set[str]:
    return {QUANTITIES[name].scope for name in rule.quantities}


def _cases(rule: Rule, protocol: Any, field: Mapping[str, float] | None) -> list[Case]:
    """What a rule has to be asked about: each electrode, each block, or the protocol as a whole."""
    scopes = _scopes(rule)
    if "electrode" in scopes:
        return [Case(protocol, field, electrode, place=electrode.label) for electrode in protocol.electrodes]
    if "block" in scopes:
        blocks = protocol.stimulation.blocks
        return [Case(protocol, field, block=one, place=_name(one, i, blocks)) for i, one in enumerate(blocks, start=1)]
    return [Case(protocol, field)]


def _name(block: Any, number: int, blocks: Sequence[Any]) -> str:
    """Name of a block in a message; the only one needs none."""
    return block.label or (f"block {number}" if len(blocks) > 1 else "")


def _of_rule(rule: Rule, protocol: Any, field: Mapping[str, float] | None) -> list[Finding]:
    """Findings of one rule; none where it does not apply.

    Electrodes with the same outcome share a finding, and one that broke the rule hides those that kept it. Every
    block that broke the rule, or could not be judged, has a finding of its own.
    """
    cases = _cases(rule, protocol, field)
    answers = [_ask(rule, case) for case in cases]
    if not cases:
        nothing = Judgement("unknown", rule.must, rule.severity, rule.censored)
        return [_report(rule, [(nothing, None, Case(protocol, field))])]
    groups = {name: [one for one in answers if one[0].outcome == name] for name in ("broken", "unknown", "holds")}
    if "block" in _scopes(rule) and (groups["broken"] or groups["unknown"]):
        return [_report(rule, [answer]) for answer in (*groups["broken"], *groups["unknown"])]
    group = next((group for group in groups.values() if group), None)
    return [_report(rule, group)] if group else []


def _ask(rule: Rule, case: Case) -> Answer:
    def reading(name: str) -> float | None:
        return QUANTITIES[name].measure(case)

    judgement = rule.judgement(reading)
    is_asked = judgement.outcome in ("holds", "broken")
    return judgement, reading(rule.must.quantity) if is_asked else None, case


def _report(rule: Rule, group: list[Answer]) -> Finding:
    """One finding for all cases that had the same outcome: it shows the worst value and names them."""
    worst = max(group, key=_badness)
    judgement, value, _ = worst
    if judgement.outcome == "holds":
        group = [answer for answer in group if answer[1] == value]
    place = ", ".join(case.place for _, _, case in group)
    must = judgement.must
    return Finding(
        rule_id=rule.id,
        rule_version=rule.version,
        status=_status(judgement),
        severity=judgement.severity,
        quantity=must.quantity,
        value=value,
        limit=must.limit_for(value),
        unit=rule.unit,
        value_text=must.value_text(value),
        limit_text=must.limit_text,
        title=rule.title,
        message=_message(rule, worst, place),
        citation=rule.citation.text,
        doi=rule.citation.doi,
        locator=rule.citation.locator,
        access=rule.citation.access,
        basis=rule.basis,
        censored=judgement.is_censored,
        place=place,
    )


def _badness(answer: Answer) -> float:
    judgement, value, _ = answer
    return 0.0 if value is None else judgement.excess(value)


def _status(judgement: Judgement) -> Status:
    if judgement.outcome == "unknown":
        return "unknown"
    if judgement.outcome == "holds" or judgement.severity == "info":
        return "pass"
    return "warn" if judgement.severity == "warn" else "stop"


def _message(rule: Rule, answer: Answer, place: str) -> str:
    judgement, value, case = answer
    if judgement.outcome == "unknown":
        what = QUANTITIES[_missing(rule, case)].label
        return f"Not judged{f' ({place})' if place else ''}: {what} is not given, or not a number."
    limit = judgement.must.limit_for(value)
    text = _template(rule, judgement).format(
        value=judgement.must.value_text(value),
        limit=judgement.must.limit_text,
        percent=f"{100 * value / limit:.2g} %" if value is not None and limit else "",
        place=place,
        **_axes_text(rule, case),
    )
    return f"{text} {_CONSEQUENCE[judgement.severity]}" if _status(judgement) == "stop" else text


def _missing(rule: Rule, case: Case) -> str:
    """Name of the first quantity a rule asks for that is not known; its own where there is nothing to ask about."""
    is_there = case.electrode is not None or case.block is not None or not {"electrode", "block"} & _scopes(rule)
    for name in rule.quantities if is_there else ():
        value = QUANTITIES[name].measure(case)
        if value is None or math.isnan(value):
            return name
    return rule.must.quantity


def _template(rule: Rule, judgement: Judgement) -> str:
    if judgement.outcome == "holds":
        return rule.message_holds
    if rule.table and (judgement.is_beyond or judgement.is_censored):
        return rule.table.message_no_cell if judgement.is_beyond else rule.table.message_censored
    return rule.message_broken


def _axes_text(rule: Rule, case: Case) -> dict[str, str]:
    """What the case has on the rows and columns of a table, for people."""
    axes = rule.table.axes if rule.table else ()
    texts = []
    for axis in axes:
        value = QUANTITIES[axis.quantity].measure(case)
        texts.append(Statement(axis.quantity, "report", (), axis.display_unit).value_text(value))
    return dict(zip(("row", "column"), texts, strict=False))
