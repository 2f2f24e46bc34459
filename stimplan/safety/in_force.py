"""What is asked in one check: the rules of a profile, those about a person, and a site's changes to both."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.errors import InputError
from stimplan.safety.profiles import profile_named
from stimplan.safety.rules import Rule, RuleSet
from stimplan.safety.values import Finding

if TYPE_CHECKING:
    from stimplan.protocol import Protocol
    from stimplan.safety.screening_rules import Screening, ScreeningRule
    from stimplan.safety.simulated import Simulated
    from stimplan.safety.site_policy import SitePolicy

# Notes of the rule files about what only a subject file can tell; a test keeps them from going stale.
TOLD_BY_SUBJECT = ("The person:", "Age:", "Implants and metal")


@attrs.frozen
class InForce:
    """Rules in a profile, with a site's changes.

    Attributes
    ----------
    profile : str
        Its id.
    rules : RuleSet
    rules_digest : str
        Of the rules in all profiles.
    screening : Screening or None
        None where no person is judged.
    site_policy : SitePolicy or None
    told : tuple of Finding
        What the site changed.
    """

    profile: str
    rules: RuleSet
    rules_digest: str
    screening: Screening | None = None
    site_policy: SitePolicy | None = None
    told: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """Profile and site, as the report names them."""
        return self.profile if self.site_policy is None else f"{self.profile}, changed by {self.site_policy.site}"

    @property
    def version(self) -> str:
        """Versions of all rules."""
        return ", ".join(part.version for part in (self.rules, self.screening) if part is not None)

    @property
    def digest(self) -> str:
        """SHA-256 of every word and number that is asked; that of the rules alone where there is nothing else."""
        if self.screening is None and self.site_policy is None:
            return self.rules_digest
        return hashlib.sha256(repr((self.rules_digest, self.screening, self.site_policy)).encode()).hexdigest()

    def about(self, subject: Any, protocol: Protocol, simulated: Simulated | None = None) -> tuple[Finding, ...]:
        """Findings about a person, and the changes of the site."""
        if self.screening is None:
            return self.told
        from stimplan.safety.screening import screening_findings

        found = screening_findings(subject, protocol, self.profile, simulated=simulated, screening=self.screening)
        return (*found, *self.told)

    def notes(self, notes: tuple[str, ...]) -> tuple[str, ...]:
        """What is not judged: without what the subject tells, with what no subject file tells."""
        if self.screening is None:
            return notes
        from stimplan.safety.screening import NOT_JUDGED

        return (*(note for note in notes if not note.startswith(TOLD_BY_SUBJECT)), *NOT_JUDGED)


def in_force(rules: RuleSet, profile: str, *, subject: Any = None, site_policy: SitePolicy | None = None) -> InForce:
    """What is to be asked.

    Raises
    ------
    InputError
        There is no such profile, `subject` is no `Subject`, or the site's policy does not fit.
    """
    name = profile_named(profile).id
    own = rules.in_profile(name)
    screening = _screening_for(subject, name)
    if site_policy is None:
        return InForce(name, own, rules.digest, screening)
    from stimplan.safety import site_policy as policies
    from stimplan.safety.screening_rules import load_screening

    if site_policy.profile != name:
        raise InputError(f"the site policy changes the profile {site_policy.profile!r}, but {name!r} was asked for")
    people = load_screening().in_profile(name)
    before: tuple[Rule | ScreeningRule, ...] = (*own.rules, *people.rules)
    policies.refuse_strangers(site_policy, [rule.id for rule in before])
    changed = policies.apply_to_screening(people, site_policy)
    return InForce(
        name,
        policies.apply_site_policy(own, site_policy),
        rules.digest,
        None if screening is None else changed,
        site_policy,
        policies.policy_findings(site_policy, before),
    )


def _screening_for(subject: Any, profile: str) -> Screening | None:
    if subject is None:
        return None
    from stimplan.safety.screening_rules import load_screening
    from stimplan.safety.subject import Subject

    if not isinstance(subject, Subject):
        raise InputError(f"the subject is a {type(subject).__name__}; read it with stimplan.safety.read_subject")
    return load_screening().in_profile(profile)
