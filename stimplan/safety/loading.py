"""Strict reading of rule files: every fault is found and named at once, and nothing is filled in."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

from stimplan import units
from stimplan.errors import InputError, Problem, ResourceError
from stimplan.resources import data_path
from stimplan.safety.profiles import load_profiles
from stimplan.safety.quantities import QUANTITIES
from stimplan.safety.reader import Reader, is_number, to_si
from stimplan.safety.rules import Note, Op, Outcome, Rule, RuleSet, Statement, Vector
from stimplan.safety.table_reading import read_table
from stimplan.safety.values import Access, Citation, Severity

BASES = (
    "consensus_table",
    "guideline_text",
    "device_label",
    "observed_envelope",
    "animal_threshold",
    "modelling",
    "local_policy",
    "engineering",
    "empirical_distribution",
)
PLACEHOLDERS = frozenset({"value", "limit", "percent", "place"})
TABLE_PLACEHOLDERS = PLACEHOLDERS | {"row", "column"}
SCHEMA_VERSION = 2
_DOI = re.compile(r"10\.\d{4,9}/[-._;()/:a-zA-Z0-9<>]+")
_LIMIT_COUNT = {"between": 2, "known": 0, "report": 0}

_FILE = {"schema_version": int, "name": str, "version": str, "not_judged": list, "rules": list}
_RULE = {
    "id": str,
    "version": str,
    "modality": list,
    "profiles": (dict, type(None)),
    "applies_if": list,
    "quantity": str,
    "op": str,
    "limit": object,
    "table": (dict, type(None)),
    "unit": str,
    "display_unit": str,
    "censored": bool,
    "severity": str,
    "basis": str,
    "population": str,
    "title": str,
    "rationale": str,
    "citation": dict,
    "message": dict,
    "test_vectors": list,
}
_CONDITION = {"quantity": str, "op": str, "limit": object, "display_unit": str}
_CITATION = {
    "text": str,
    "doi": (str, type(None)),
    "locator": str,
    "access": str,
    "verified_by": (str, type(None)),
    "verified_on": (str, type(None)),
    "quote": (str, type(None)),
}
_MESSAGE = {"holds": str, "broken": str}
_VECTOR = {"given": dict, "expect": str, "note": str}
_NOTE = {"modality": list, "profiles": (list, type(None)), "text": str}


def load_rules(source: str | Path | Sequence[str | Path] | None = None) -> RuleSet:
    """Read the shipped rules, or the rule files named instead.

    Raises
    ------
    ResourceError
        A shipped file is broken; the message lists every fault.
    InputError
        A file given by the caller is broken; `problems` lists every fault.
    """
    if source is None:
        return _shipped_rules()
    paths = [source] if isinstance(source, str | Path) else source
    rules, problems = _read_files([Path(path) for path in paths])
    if problems:
        raise InputError(problems)
    return rules


@cache
def _shipped_rules() -> RuleSet:
    rules, problems = _read_files(sorted(data_path("safety", "rules").glob("*.json")))
    if problems:
        raise ResourceError("the shipped safety rules are broken\n" + "\n".join(map(str, problems)))
    return rules


def _read_files(paths: Iterable[Path]) -> tuple[RuleSet, list[Problem]]:
    rules: list[Rule] = []
    notes: list[Note] = []
    versions: list[str] = []
    problems: list[Problem] = []
    for path in paths:
        reader = _RuleReader(path.name)
        raw = reader.parse(path)
        if raw is not None and reader.has_fields(raw, _FILE, "$"):
            if raw["schema_version"] != SCHEMA_VERSION:
                reader.complain("$.schema_version", f"expected {SCHEMA_VERSION}, got {raw['schema_version']}")
            versions.append(f"{raw['name']} {raw['version']}")
            notes += [reader.note(item, f"$.not_judged[{i}]") for i, item in enumerate(raw["not_judged"])]
            for i, item in enumerate(raw["rules"]):
                rule = reader.rule(item, f"$.rules[{i}]")
                if rule and rule.id in {other.id for other in rules}:
                    reader.complain(f"$.rules[{i}].id", f"{rule.id!r} is the id of another rule too")
                if rule:
                    rules.append(rule)
        problems += reader.problems
    return RuleSet(version=", ".join(versions), rules=tuple(rules), not_judged=tuple(notes)), problems


class _RuleReader(Reader):
    """Turns the JSON of one file into rules."""

    def note(self, raw: Any, where: str) -> Note:
        if not self.has_fields(raw, _NOTE, where):
            return Note((), "")
        profiles = raw["profiles"]
        if profiles is not None:
            profiles = self.names(profiles, f"{where}.profiles")
            self.known_profiles(profiles, f"{where}.profiles")
        return Note(self.names(raw["modality"], f"{where}.modality"), raw["text"], profiles)

    def rule(self, raw: Any, where: str) -> Rule | None:
        """One rule, or None where something is wrong with it."""
        before = len(self.problems)
        if not self.has_fields(raw, _RULE, where):
            return None
        self.one_of(raw["severity"], get_args(Severity), f"{where}.severity")
        self.one_of(raw["basis"], BASES, f"{where}.basis")
        if raw["op"] == "report" and raw["severity"] != "info":
            self.complain(f"{where}.op", "a rule that only reports has the severity info")
        if raw["op"] == "known":
            self.complain(f"{where}.op", "'known' is for conditions only")
        must = self.must(raw, where)
        conditions = [self.statement(item, f"{where}.applies_if[{i}]") for i, item in enumerate(raw["applies_if"])]
        modality = self.names(raw["modality"], f"{where}.modality")
        profiles = self.profiles(raw["profiles"], f"{where}.profiles")
        citation = self.citation(raw["citation"], where, raw["basis"])
        table = None
        if raw["table"] is not None:
            table = read_table(self, raw["table"], where=f"{where}.table", unit=raw["display_unit"])
        self.messages(raw["message"], where, PLACEHOLDERS if raw["table"] is None else TABLE_PLACEHOLDERS)
        units_of = {
            one.quantity: one.display_unit for one in (must, *conditions, *(table.axes if table else ())) if one
        }
        vectors = [
            self.vector(item, f"{where}.test_vectors[{i}]", units_of) for i, item in enumerate(raw["test_vectors"])
        ]
        if len(self.problems) > before or must is None or citation is None:
            return None
        same = ("id", "version", "unit", "censored", "severity", "basis", "population", "title", "rationale")
        return Rule(
            **{name: raw[name] for name in same},
            modality=modality,
            profiles=profiles,
            table=table,
            applies_if=tuple(condition for condition in conditions if condition),
            must=must,
            citation=citation,
            message_holds=raw["message"]["holds"],
            message_broken=raw["message"]["broken"],
            vectors=tuple(vector for vector in vectors if vector),
        )

    def must(self, raw: dict[str, Any], where: str) -> Statement | None:
        """The statement that must hold; with a table it has no limit of its own."""
        is_tabulated = raw["table"] is not None
        if is_tabulated and (raw["limit"] is not None or raw["op"] not in ("<=", ">=")):
            self.complain(f"{where}.limit", "a rule with a table has the limit null and the operator <= or >=")
        must = self.statement({name: raw[name] for name in _CONDITION}, where, 0 if is_tabulated else None)
        if must and raw["unit"] != QUANTITIES[must.quantity].unit:
            self.complain(f"{where}.unit", f"{raw['unit']!r} is not the SI unit of {must.quantity}")
        return must

    def profiles(self, raw: dict[str, Any] | None, where: str) -> tuple[tuple[str, Severity], ...] | None:
        """Profiles a rule belongs to, and its severity in each; None: all of them."""
        if raw is None:
            return None
        if not raw:
            self.complain(where, "expected null, or at least one profile")
        self.known_profiles(raw, where)
        for name, severity in raw.items():
            self.one_of(severity, get_args(Severity), f"{where}.{name}")
        return tuple(raw.items())

    def known_profiles(self, names: Iterable[str], where: str) -> None:
        for name in names:
            self.one_of(name, [profile.id for profile in load_profiles()], where)

    def statement(self, raw: Any, where: str, count: int | None = None) -> Statement | None:
        if not self.has_fields(raw, _CONDITION, where):
            return None
        quantity, op, unit = raw["quantity"], raw["op"], raw["display_unit"]
        self.one_of(op, get_args(Op), f"{where}.op")
        self.one_of(quantity, QUANTITIES, f"{where}.quantity")
        if quantity not in QUANTITIES:
            return None
        inside = units.si_key(f"x_{unit}").removeprefix("x_") if unit else ""
        if inside != QUANTITIES[quantity].unit:
            self.complain(f"{where}.display_unit", f"{unit!r} is not a unit of {quantity}")
            return None
        limits = raw["limit"] if isinstance(raw["limit"], list) else [raw["limit"]] if raw["limit"] is not None else []
        count = _LIMIT_COUNT.get(op, 1) if count is None else count
        if len(limits) != count or not all(is_number(limit) for limit in limits):
            self.complain(f"{where}.limit", f"{op!r} takes {count} number(s)")
            return None
        in_si = tuple(to_si(limit, unit) for limit in limits)
        if list(in_si) != sorted(set(in_si)):
            self.complain(f"{where}.limit", "the lower limit comes first and differs from the upper one")
        return Statement(quantity, op, in_si, unit)

    def citation(self, raw: Any, where: str, basis: str) -> Citation | None:
        where = f"{where}.citation"
        if not self.has_fields(raw, _CITATION, where):
            return None
        self.one_of(raw["access"], get_args(Access), f"{where}.access")
        if raw["doi"] is not None and not _DOI.fullmatch(raw["doi"]):
            self.complain(f"{where}.doi", f"{raw['doi']!r} is not a DOI")
        is_published = basis not in ("local_policy", "engineering", "device_label")
        if is_published and raw["doi"] is None and not re.search(r"PMC\d+", raw["locator"]):
            self.complain(f"{where}.doi", "a published limit needs a DOI, or a PMC number as its locator")
        is_verified = raw["verified_by"] is not None
        if is_verified != (raw["verified_on"] is not None):
            self.complain(f"{where}.verified_on", "verified_by and verified_on belong together")
        if is_verified and (raw["access"] != "read" or not raw["quote"]):
            self.complain(f"{where}.verified_by", "only a source that was read and is quoted can be verified")
        if is_verified and not re.fullmatch(r"\d{4}-\d\d-\d\d", raw["verified_on"] or ""):
            self.complain(f"{where}.verified_on", "expected a date such as 2026-11-22")
        return Citation(**raw)

    def messages(self, raw: Any, where: str, allowed: frozenset[str]) -> None:
        if not self.has_fields(raw, _MESSAGE, f"{where}.message"):
            return
        for name, text in raw.items():
            try:
                used = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
            except ValueError as error:
                self.complain(f"{where}.message.{name}", str(error))
                continue
            for field in sorted(used - allowed):
                self.complain(f"{where}.message.{name}", f"unknown placeholder {{{field}}}")

    def vector(self, raw: Any, where: str, units_of: dict[str, str]) -> Vector | None:
        if not self.has_fields(raw, _VECTOR, where):
            return None
        self.one_of(raw["expect"], get_args(Outcome), f"{where}.expect")
        given: list[tuple[str, float | None]] = []
        for quantity, value in raw["given"].items():
            if quantity not in units_of:
                self.complain(f"{where}.given.{quantity}", "the rule does not look at this quantity")
            elif value is None or is_number(value):
                given.append((quantity, None if value is None else to_si(value, units_of[quantity])))
            else:
                self.complain(f"{where}.given.{quantity}", "expected a number or null")
        return Vector(tuple(given), raw["expect"], raw["note"])
