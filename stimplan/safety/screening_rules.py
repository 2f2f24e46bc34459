"""Rules about a person, as values: items of forms, implants, drugs, and what the person has; read from `safety/`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any, Literal

import attrs

from stimplan.errors import ResourceError
from stimplan.resources import data_path
from stimplan.safety.values import Citation, Severity
from stimplan.units import from_si, to_si, unit_text

Family = Literal["TMS", "tES"]
Outcome = Literal["holds", "broken", "unknown"]

FILES = ("screening/tass.json", "screening/tes.json", "screening/person.json", "implants.json", "drugs.json")


def family_of(modality: str) -> Family:
    """Whether a modality works through a coil or through electrodes."""
    return "TMS" if modality == "TMS" else "tES"


@attrs.frozen(kw_only=True)
class ScreeningRule:
    """One rule about a person.

    Attributes
    ----------
    id, version : str
    families : tuple of {"TMS", "tES"}
    profiles : tuple of (profile, severity)
        The policy profiles it belongs to, each with the severity it has there.
    severity : {"block", "justify", "warn", "info"} or None
        In the profile that was chosen; None until one was.
    limit : float or None
        SI; None where the rule compares no number.
    display_unit : str
        File suffix of the unit the source uses.
    title, message, rationale, basis : str
        `message` says what the answer means, after a colon.
    citation : Citation
    """

    id: str
    version: str
    families: tuple[Family, ...]
    profiles: tuple[tuple[str, Severity], ...]
    severity: Severity | None = None
    limit: float | None = None
    display_unit: str = ""
    title: str
    message: str
    rationale: str
    basis: str
    citation: Citation

    @property
    def is_upper_limit(self) -> bool:
        """Whether the limit must not be exceeded; the others are distances and ages that must not be fallen below."""
        return False

    def limit_text(self) -> str:
        """The limit for people: `"300 mm"`."""
        if self.limit is None:
            return ""
        number = from_si(self.limit, self.display_unit) if self.display_unit else self.limit
        return f"{float(number):g} {unit_text(self.display_unit)}".strip()


@attrs.frozen(kw_only=True)
class FormItem(ScreeningRule):
    """One question of a form, and the part of the subject file that says the same thing, if there is one."""

    form: str
    item: str
    text: str
    hint: str
    conditions: tuple[str, ...]
    implants: tuple[str, ...]
    fact: str | None


@attrs.frozen(kw_only=True)
class ImplantRule(ScreeningRule):
    """A rule for groups of implants with some MRI labels; with a limit it is about the distance."""

    groups: tuple[str, ...]
    mri: tuple[str, ...]
    is_at_electrode: bool


@attrs.frozen(kw_only=True)
class PersonRule(ScreeningRule):
    """A rule about what a person is or has; `looks_at` names the function of `person.py` that asks.

    `modalities` narrows the families further (photosensitivity matters where the current alternates).
    """

    looks_at: str
    conditions: tuple[str, ...]
    modalities: tuple[str, ...]
    under_years: float | None

    @property
    def is_upper_limit(self) -> bool:
        """As for every screening rule; amounts and currents must not be exceeded."""
        return self.looks_at in ("alcohol", "age-current")


@attrs.frozen(kw_only=True)
class DrugRule(ScreeningRule):
    """A rule for one class of drugs, or for the list as a whole."""

    drug_class: str
    only_when: Literal["taken", "withdrawn", "dose-changed", "listed", "recognised", "agreeing"]


@attrs.frozen
class Form:
    """A questionnaire."""

    id: str
    title: str
    family: Family
    items: tuple[FormItem, ...]


@attrs.frozen
class Screening:
    """Every rule about a person, with the versions of their files."""

    version: str
    rules: tuple[ScreeningRule, ...]

    @cached_property
    def digest(self) -> str:
        """Digest of every word and number of the rules."""
        return hashlib.sha256(repr((self.version, self.rules)).encode()).hexdigest()

    def in_profile(self, profile: str) -> Screening:
        """The rules that belong to a profile, each with its severity there."""
        chosen = [
            attrs.evolve(one, severity=dict(one.profiles)[profile])
            for one in self.rules
            if profile in dict(one.profiles)
        ]
        return attrs.evolve(self, rules=tuple(chosen))

    def of_family(self, family: Family) -> tuple[ScreeningRule, ...]:
        """Rules for coils or for electrodes, in the order of the files."""
        return tuple(rule for rule in self.rules if family in rule.families)


@cache
def read_data(name: str) -> Mapping[str, Any]:
    """Tree of a shipped file of the folder `safety/`; its format is fixed by `schema/screening-1.schema.json`.

    Raises
    ------
    ResourceError
        It is not JSON.
    """
    try:
        return dict(json.loads(data_path("safety", *name.split("/")).read_text(encoding="utf-8")))
    except ValueError as error:
        raise ResourceError(f"safety/{name} is damaged ({error}); install stimplan again") from error


@cache
def load_screening() -> Screening:
    """Every shipped rule about a person.

    Raises
    ------
    ResourceError
        A file is damaged.
    """
    rules: list[ScreeningRule] = []
    versions = []
    for name in FILES:
        tree = read_data(name)
        try:
            versions.append(f"{'form ' if tree['kind'] == 'form' else ''}{tree['name']} {tree['version']}")
            rules += [_RULES[tree["kind"]](tree, raw) for raw in tree["rules"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ResourceError(f"safety/{name} is damaged ({error!r}); install stimplan again") from error
    return Screening(", ".join(versions), tuple(rules))


@cache
def load_forms() -> Mapping[str, Form]:
    """The questionnaires by id."""
    forms = {}
    for name in FILES:
        tree = read_data(name)
        if tree["kind"] == "form":
            items = tuple(_item(tree, raw) for raw in tree["rules"])
            forms[tree["name"]] = Form(tree["name"], tree["title"], tree["family"], items)
    return forms


def _common(raw: Mapping[str, Any]) -> dict[str, Any]:
    unit = raw["display_unit"]
    limit = raw["limit"]
    same = ("id", "version", "title", "message", "rationale", "basis", "display_unit")
    return {
        **{name: raw[name] for name in same},
        "families": tuple(raw["families"]),
        "profiles": tuple(raw["severity"].items()),
        "limit": None if limit is None else to_si(limit, unit) if unit else float(limit),
        "citation": Citation(**raw["citation"]),
    }


def _item(tree: Mapping[str, Any], raw: Mapping[str, Any]) -> FormItem:
    same: dict[str, Any] = {name: raw[name] for name in ("item", "text", "hint", "fact")}
    lists: dict[str, Any] = {name: tuple(raw[name]) for name in ("conditions", "implants")}
    return FormItem(**_common(raw), **same, **lists, form=tree["name"])


def _implant(tree: Mapping[str, Any], raw: Mapping[str, Any]) -> ImplantRule:
    lists: dict[str, Any] = {name: tuple(raw[name]) for name in ("groups", "mri")}
    return ImplantRule(**_common(raw), **lists, is_at_electrode=raw["is_at_electrode"])


def _person(tree: Mapping[str, Any], raw: Mapping[str, Any]) -> PersonRule:
    lists: dict[str, Any] = {name: tuple(raw[name]) for name in ("conditions", "modalities")}
    return PersonRule(**_common(raw), **lists, looks_at=raw["looks_at"], under_years=raw["under_years"])


def _drug(tree: Mapping[str, Any], raw: Mapping[str, Any]) -> DrugRule:
    return DrugRule(**_common(raw), drug_class=raw["drug_class"], only_when=raw["only_when"])


_RULES = {"form": _item, "person": _person, "implants": _implant, "drugs": _drug}
