"""Protocol, person and history in one answer: a safety report, and what the ledger says about a session now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.errors import InputError, Problem
from stimplan.ledger.examination import examine
from stimplan.ledger.history import History, history_of, plans_of, zoned
from stimplan.ledger.look import Override, overrides_today
from stimplan.ledger.rules import ledger_rules
from stimplan.ledger.store import Ledger
from stimplan.ledger.today import judge_history, plan_of
from stimplan.safety import Finding, RuleSet, SafetyReport, load_rules
from stimplan.safety.in_force import in_force
from stimplan.safety.values import OtherProfile, Status, verdict_of

if TYPE_CHECKING:
    from stimplan.protocol import Protocol
    from stimplan.safety import SitePolicy, Subject

# The note of the rule files about what the ledger tells; a test keeps it from going stale.
TOLD_BY_LEDGER = "Sessions per week, sessions actually given"
NOT_JUDGED = ("Stimulation that is not in this ledger, and other stimulation at the same time.",)
_WORST_FIRST: tuple[Status, ...] = ("stop", "unknown", "warn", "pass")


@attrs.frozen
class JointReport:
    """One answer about a session that would begin now.

    Attributes
    ----------
    report : SafetyReport
        Of the protocol, and of the subject where one was given.
    history : History
    today : tuple of Finding
        The session compared with plan and history; rule ids `LEDGER-...`.
    others : tuple of OtherProfile
        What the other profiles would have said, the history judged by their rules.
    overrides : tuple of Override
        Given for this person on this day. They are shown; they change no verdict.
    not_judged : tuple of str
    """

    report: SafetyReport
    history: History
    today: tuple[Finding, ...]
    others: tuple[OtherProfile, ...]
    overrides: tuple[Override, ...]
    not_judged: tuple[str, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, those about the history last."""
        return (*self.report.findings, *self.today)

    @property
    def profile(self) -> str:
        """Policy profile of the rules that were asked."""
        return self.report.profile

    @property
    def rule_set_version(self) -> str:
        """Versions of all rules, those of the ledger last."""
        version = ledger_rules()["LEDGER-PLAN"].version
        return f"{self.report.rule_set_version}, ledger {version}"

    @property
    def verdict(self) -> Status:
        """The worse of the two: a history that fits cannot make up for rules that were not asked."""
        return worse(self.report.verdict, verdict_of(self.today))

    def record(self) -> dict[str, Any]:
        """Plain data for JSON: that of a safety report, with the ledger's part."""
        return {
            **self.report.record(),
            "verdict": self.verdict,
            "rule_set_version": self.rule_set_version,
            "findings": [finding.record() for finding in self.findings],
            "not_judged": list(self.not_judged),
            "other_profiles": {
                one.profile: {"verdict": one.verdict, "differing": list(one.differing)} for one in self.others
            },
            "history": self.history.record(),
            "overrides": [attrs.asdict(one) for one in self.overrides],
        }


def worse(one: Status, other: Status) -> Status:
    """The worse of two verdicts: stop > unknown > warn > pass."""
    return min(one, other, key=_WORST_FIRST.index)


def add_history(
    report: SafetyReport,
    ledger: Ledger,
    person: str,
    *,
    protocol: Protocol,
    now: datetime,
    site_policy: SitePolicy | None = None,
) -> JointReport:
    """Judge a session that would begin now by the history too.

    Parameters
    ----------
    report : SafetyReport
        Of `protocol`, and in the profile that `site_policy` changes, where there is one.
    ledger : Ledger
    person : str
    protocol : Protocol
    now : datetime
        With its zone; days are counted in it.
    site_policy : SitePolicy, optional

    Raises
    ------
    LedgerError
        The person is not in the ledger, `now` has no zone, or rows were changed (see `examine`); every one is named.
    InputError
        The report is of another protocol.
    """
    if report.protocol_digest != protocol.digest:
        raise InputError(Problem("report", f"this check is not of {protocol.id!r} as it stands now; check it again"))
    unseen = examine(ledger, person)
    plans, plan = plans_of(ledger, person), plan_of(ledger, person, protocol)
    history = history_of(ledger, person, zoned(now), plan=plan.seq if plan else None)

    def said(rules: RuleSet) -> tuple[Finding, ...]:
        return judge_history(history, protocol, plans=plans, plan=plan, rules=rules)

    rules = load_rules()
    today = said(in_force(rules, _profile_id(report, site_policy), site_policy=site_policy).rules)
    return JointReport(
        report=report,
        history=history,
        today=today,
        others=tuple(_other(one, today, said(rules.in_profile(one.profile))) for one in report.others),
        overrides=overrides_today(ledger, person, now),
        not_judged=(*(note for note in report.not_judged if not note.startswith(TOLD_BY_LEDGER)), *NOT_JUDGED, *unseen),
    )


def _profile_id(report: SafetyReport, site_policy: SitePolicy | None) -> str:
    return report.profile if site_policy is None else site_policy.profile


def _other(other: OtherProfile, here: tuple[Finding, ...], there: tuple[Finding, ...]) -> OtherProfile:
    differing = [one.rule_id for one, two in zip(here, there, strict=True)
                 if (one.status, one.severity) != (two.status, two.severity)]  # fmt: skip
    verdict = worse(other.verdict, verdict_of(there))
    return attrs.evolve(other, verdict=verdict, differing=tuple(dict.fromkeys((*other.differing, *differing))))


def refuse_two_people(subject: Subject | None, person: str) -> None:
    """One check, one person.

    Raises
    ------
    InputError
        The subject file is about somebody else.
    """
    if subject is not None and subject.id != person:
        what = f"the subject is {subject.id!r}, but the ledger is asked about {person!r}; one check, one person"
        raise InputError(Problem("--person", what))
