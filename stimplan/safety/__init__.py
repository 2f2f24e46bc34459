"""Safety rules: what a protocol is compared with, and what came out. The rules themselves are data, in `safety/`."""

from stimplan.safety.engine import check
from stimplan.safety.loading import load_rules
from stimplan.safety.profiles import Profile, load_profiles
from stimplan.safety.rules import Rule, RuleSet
from stimplan.safety.values import Citation, Finding, OtherProfile, SafetyReport

__all__ = [
    "Citation",
    "Finding",
    "OtherProfile",
    "Profile",
    "Rule",
    "RuleSet",
    "SafetyReport",
    "check",
    "load_profiles",
    "load_rules",
]
