"""Everything the check finds out about a person: forms, conditions, implants, drugs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stimplan.safety.drugs import drug_findings
from stimplan.safety.forms import form_findings
from stimplan.safety.implants import implant_findings
from stimplan.safety.person import person_findings
from stimplan.safety.screening_rules import (
    DrugRule,
    FormItem,
    ImplantRule,
    PersonRule,
    Screening,
    family_of,
    load_screening,
)
from stimplan.safety.simulated import Simulated
from stimplan.safety.subject import Subject
from stimplan.safety.values import DEFAULT_PROFILE, Finding

if TYPE_CHECKING:
    from stimplan.protocol import Protocol

NOT_JUDGED = (
    "The person beyond the subject file: examination, full history, interactions of drugs, the truth of the answers.",
    "Doses and blood levels of drugs; drugs that the lists of the guideline leave out.",
)


def screening_findings(
    subject: Subject,
    protocol: Protocol,
    profile: str = DEFAULT_PROFILE,
    *,
    simulated: Simulated | None = None,
    screening: Screening | None = None,
) -> tuple[Finding, ...]:
    """Compare a person with the rules for the kind of stimulation.

    Parameters
    ----------
    subject : Subject
    protocol : Protocol
    profile : str
        Policy profile.
    simulated : Simulated, optional
        Places of the electrodes on a head, where a placement is there; the nominal places on the template head
        otherwise.
    screening : Screening, optional
        Rules with the severities of the profile already (a site policy applied); the shipped ones if left out.

    Returns
    -------
    tuple of Finding
    """
    rules = (load_screening().in_profile(profile) if screening is None else screening).of_family(
        family_of(protocol.modality)
    )
    items = tuple(rule for rule in rules if isinstance(rule, FormItem))
    people = tuple(rule for rule in rules if isinstance(rule, PersonRule))
    implants = tuple(rule for rule in rules if isinstance(rule, ImplantRule))
    drugs = tuple(rule for rule in rules if isinstance(rule, DrugRule))
    return (
        *form_findings(items, subject),
        *person_findings(people, subject, protocol, simulated=simulated),
        *implant_findings(implants, subject, protocol, simulated=simulated),
        *drug_findings(drugs, subject),
    )
