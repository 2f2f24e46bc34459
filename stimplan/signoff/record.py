"""A sign-off as plain data: what the page, the PDF and `--json` are made from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

import stimplan
from stimplan.describe import clinician_text, generated_title, not_reported, title_of
from stimplan.errors import InputError, Problem
from stimplan.notice import NOTICE
from stimplan.resources import package_path
from stimplan.safety import Finding, SafetyReport, load_profiles
from stimplan.safety.simulated import refuse_other_protocol
from stimplan.safety.values import verdict_of
from stimplan.signoff.groups import first_page, grouped
from stimplan.signoff.words import OPEN_GROUPS, ROLES, numbers_text, verdict_sentence
from stimplan.units import split_key
from stimplan.units import text as units_text

if TYPE_CHECKING:
    from stimplan.protocol import Protocol
    from stimplan.safety import Simulated, Subject
    from stimplan.signoff.ledger_part import LedgerPart, OverrideOnRecord

RECORD_VERSION = 1
SITE_CHANGE = "SITE-POLICY"  # rule id of the findings that list what a site changed


def signoff_record(
    protocol: Protocol,
    report: SafetyReport,
    *,
    subject: Subject | None = None,
    ledger: LedgerPart | None = None,
    simulated: Simulated | None = None,
) -> dict[str, Any]:
    """Everything a sign-off says, the same for the same inputs: no clock is read.

    Parameters
    ----------
    protocol : Protocol
    report : SafetyReport
        Of this protocol, and of this subject if there is one.
    subject : Subject, optional
    ledger : LedgerPart, optional
        Its findings count in the verdict: a plan that fits may still not be due today.
    simulated : Simulated, optional
        What the report was told about a field.

    Returns
    -------
    dict
        JSON data. `groups` holds every finding once, by what it asks of the reader; `first_page` says how many of
        each open group stand on the first page.

    Raises
    ------
    InputError
        The report or the simulation is of another protocol, or subject and ledger are about different people.
    """
    _refuse_mixed(protocol, report, subject, ledger)
    if simulated is not None:
        refuse_other_protocol(protocol, simulated)
    findings = (*report.findings, *(ledger.findings if ledger else ()))
    overrides = ledger.overrides if ledger else ()
    groups = {name: [_point(one, overrides) for one in found] for name, found in grouped(findings).items()}
    counts = {name: len(points) for name, points in groups.items()}
    verdict = verdict_of(findings)
    on_record = sum(bool(point["overrides"]) for point in groups["reasons"])
    return {
        "record_version": RECORD_VERSION,
        "notice": NOTICE,
        "program": f"stimplan {stimplan.__version__}",
        "verdict": verdict,
        "verdict_means": verdict_sentence(verdict, counts, on_record=on_record),
        "counts": {name: counts[name] for name in OPEN_GROUPS},
        "protocol": _protocol(protocol),
        "person": (subject.id if subject else None) or (ledger.person if ledger else None),
        "subject_digest": subject.digest if subject else None,
        "first_page": first_page(groups, title=title_of(protocol)),
        "groups": groups,
        "not_judged": list(report.not_judged),
        "profile": _profile(report.profile),
        "site_changes": sum(one.rule_id == SITE_CHANGE for one in findings),
        "other_profiles": [
            {**_profile(one.profile), "verdict": one.verdict, "differing": list(one.differing)} for one in report.others
        ],
        "rule_set": {"version": report.rule_set_version, "digest": report.rule_set_digest},
        "ledger": _ledger(ledger) if ledger else None,
        "simulation": _simulation(simulated) if simulated else None,
        "stop_criteria": stop_criteria(protocol),
        "adverse_events": adverse_events(protocol),
        "roles": list(ROLES),
    }


def _refuse_mixed(protocol: Protocol, report: SafetyReport, subject: Subject | None, ledger: LedgerPart | None) -> None:
    if report.protocol_digest != protocol.digest:
        raise InputError(Problem("report", f"this check is not of {protocol.id!r} as it stands now; check it again"))
    if subject is not None and ledger is not None and subject.id != ledger.person:
        what = f"the subject is {subject.id!r}, but the ledger was asked about {ledger.person!r}; one sheet, one person"
        raise InputError(Problem("person", what))


def _point(finding: Finding, overrides: Sequence[OverrideOnRecord]) -> dict[str, Any]:
    """One finding, with the reasons on record that were written for it."""
    fitting = [attrs.asdict(one) for one in overrides if one.rule_id == finding.rule_id and one.is_for_this]
    return {**finding.record(), "numbers": numbers_text(finding.value_text, finding.limit_text), "overrides": fitting}


def _protocol(protocol: Protocol) -> dict[str, Any]:
    return {
        "id": protocol.id,
        "title": title_of(protocol),
        "summary": generated_title(protocol),
        "text": clinician_text(protocol),
        "not_reported": list(not_reported(protocol)),
        "modality": protocol.modality,
        "digest": protocol.digest,
    }


def _profile(name: str) -> dict[str, str]:
    """A profile in words; that of a site's policy has only its name."""
    known = {profile.id: profile for profile in load_profiles()}
    found = known.get(name)
    return {"id": name, "title": found.title if found else name, "description": found.description if found else ""}


def _ledger(part: LedgerPart) -> dict[str, Any]:
    return {
        "person": part.person,
        "at": part.at,
        "plan": part.plan,
        "verdict": verdict_of(part.findings),
        "overrides": [attrs.asdict(one) for one in part.overrides],
        "rows": part.rows,
        "head": part.head,
    }


def _simulation(simulated: Simulated) -> dict[str, Any]:
    """A simulated field as the rules were told about it; a number that is none stands as null."""
    numbers = simulated.quantities or {}
    known = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return {"head": simulated.head, "protocol_digest": simulated.protocol_digest, "quantities": known,
            "lines": [*simulated.told, *(_number_line(name, value) for name, value in known.items())]}  # fmt: skip


def _number_line(name: str, value: float | None) -> str:
    """A number of the field for people: `brain current density p999: 0.12 A/m²`."""
    noun, unit = split_key(name)
    shown = "not known" if value is None else units_text(value, unit) if unit else f"{value:g}"
    return f"{noun.replace('_', ' ')}: {shown}"


def stop_criteria(protocol: Protocol) -> dict[str, Any]:
    """When to stop a session, and what to ask before the next one; for staff and for the person."""
    data: Mapping[str, Any] = json.loads(package_path("signoff", "stop.json").read_text(encoding="utf-8"))
    return {**data["kinds"]["TMS" if protocol.magnetic else "current"], "before_next": data["before_next"],
            "note": data["note"]}  # fmt: skip


def adverse_events(protocol: Protocol) -> dict[str, Any]:
    """The questionnaire of the ledger for this kind of stimulation: its items and the words of its scale."""
    from stimplan.ledger import forms
    from stimplan.ledger.forms import scale

    (form,) = [form for form in forms() if protocol.modality in form.modalities]
    return {
        "form": form.id,
        "title": form.title,
        "items": [{"id": name, "label": label} for name, label in form.items],
        "severity": [word for _, word in scale("severity")],
        "source": form.source,
        "access": form.status,
    }
