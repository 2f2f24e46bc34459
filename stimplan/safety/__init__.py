"""Safety rules: what a protocol is compared with, and what came out. The rules themselves are data, in `safety/`."""

from stimplan.safety.engine import check
from stimplan.safety.loading import load_rules
from stimplan.safety.profiles import Profile, load_profiles
from stimplan.safety.rules import Rule, RuleSet
from stimplan.safety.screening import screening_findings
from stimplan.safety.simulated import Simulated, read_simulated
from stimplan.safety.site_policy import SitePolicy, apply_site_policy, read_site_policy
from stimplan.safety.subject import Subject
from stimplan.safety.subject_file import dump_subject, read_subject
from stimplan.safety.values import Citation, Finding, OtherProfile, SafetyReport

__all__ = [
    "Citation",
    "Finding",
    "OtherProfile",
    "Profile",
    "Rule",
    "RuleSet",
    "SafetyReport",
    "Simulated",
    "SitePolicy",
    "Subject",
    "apply_site_policy",
    "check",
    "dump_subject",
    "load_profiles",
    "load_rules",
    "read_simulated",
    "read_site_policy",
    "read_subject",
    "screening_findings",
]
