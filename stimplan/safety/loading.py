"""Strict reading of rule files: every fault is found and named at once, and nothing is filled in."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from stimplan import strict_json, units
from stimplan.errors import InputError, Problem, ResourceError
from stimplan.resources import data_path
from stimplan.safety.quantities import QUANTITIES
from stimplan.safety.rules import Note, Op, Outcome, Rule, RuleSet, Statement, Vector
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
_DOI = re.compile(r"10\.\d{4,9}/[-._;()/:a-zA-Z0-9<>]+")
_LIMIT_COUNT = {"between": 2, "known": 0, "report": 0}

_FILE = {"schema_version": int, "name": str, "version": str, "not_judged": list, "rules": list}
_RULE = {
    "id": str,
    "version": str,
    "modality": list,
    "applies_if": list,
    "quantity": str,
    "op": str,
    "limit": object,
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
_NOTE = {"modality": list, "text": str}


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


@lru_cache(maxsize=1)
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
        reader = _Reader(path.name)
        raw = reader.parse(path)
        if raw is not None and reader.has_fields(raw, _FILE, "$"):
            if raw["schema_version"] != 1:
                reader.complain("$.schema_version", f"expected 1, got {raw['schema_version']}")
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


class _Reader:
    """Turns the JSON of one file into values and collects what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def complain(self, where: str, what: str) -> None:
        self.problems.append(Problem(where=where, what=what, file=self.file))

    def parse(self, path: Path) -> Any:
        """Tree of a file; NaN, infinities, numbers beyond a double and repeated keys are problems."""
        text, problems = strict_json.read_bytes(path, file=self.file)
        if not problems:
            document = strict_json.parse(text, file=self.file)
            self.problems += document.problems
            return document.tree
        self.problems += problems
        return None

    def has_fields(self, raw: Any, fields: dict[str, Any], where: str) -> bool:
        """Whether an object has exactly these keys, each of its type; complains about each that is wrong."""
        if not isinstance(raw, dict):
            self.complain(where, f"expected an object, got {type(raw).__name__}")
            return False
        before = len(self.problems)
        for name in raw.keys() - fields.keys():
            self.complain(f"{where}.{name}", f"unknown key; the keys here are {', '.join(fields)}")
        for name, kind in fields.items():
            if name not in raw:
                self.complain(f"{where}.{name}", "is missing")
            elif not isinstance(raw[name], kind) or (kind is int and isinstance(raw[name], bool)):
                self.complain(f"{where}.{name}", f"has the wrong type ({type(raw[name]).__name__})")
            elif kind is str and not raw[name].strip() and name not in ("unit", "display_unit", "note"):
                self.complain(f"{where}.{name}", "is empty")
        return len(self.problems) == before

    def one_of(self, value: str, allowed: Iterable[str], where: str) -> None:
        if value not in (allowed := tuple(allowed)):
            self.complain(where, f"{value!r} is not one of {', '.join(allowed)}")

    def names(self, raw: list[Any], where: str) -> tuple[str, ...]:
        if not raw or not all(isinstance(name, str) and name for name in raw):
            self.complain(where, "expected a list of at least one name")
            return ()
        return tuple(raw)

    def note(self, raw: Any, where: str) -> Note:
        if not self.has_fields(raw, _NOTE, where):
            return Note((), "")
        return Note(self.names(raw["modality"], f"{where}.modality"), raw["text"])

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
        must = self.statement({name: raw[name] for name in _CONDITION}, where)
        conditions = [self.statement(item, f"{where}.applies_if[{i}]") for i, item in enumerate(raw["applies_if"])]
        modality = self.names(raw["modality"], f"{where}.modality")
        citation = self.citation(raw["citation"], where, raw["basis"])
        self.messages(raw["message"], where)
        if must and raw["unit"] != QUANTITIES[must.quantity].unit:
            self.complain(f"{where}.unit", f"{raw['unit']!r} is not the SI unit of {must.quantity}")
        known = {statement.quantity: statement for statement in (must, *conditions) if statement}
        vectors = [self.vector(item, f"{where}.test_vectors[{i}]", known) for i, item in enumerate(raw["test_vectors"])]
        if len(self.problems) > before or must is None or citation is None:
            return None
        same = ("id", "version", "unit", "censored", "severity", "basis", "population", "title", "rationale")
        return Rule(
            **{name: raw[name] for name in same},
            modality=modality,
            applies_if=tuple(condition for condition in conditions if condition),
            must=must,
            citation=citation,
            message_holds=raw["message"]["holds"],
            message_broken=raw["message"]["broken"],
            vectors=tuple(vector for vector in vectors if vector),
        )

    def statement(self, raw: Any, where: str) -> Statement | None:
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
        if len(limits) != _LIMIT_COUNT.get(op, 1) or not all(_is_number(limit) for limit in limits):
            self.complain(f"{where}.limit", f"{op!r} takes {_LIMIT_COUNT.get(op, 1)} number(s)")
            return None
        in_si = tuple(_to_si(limit, unit) for limit in limits)
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

    def messages(self, raw: Any, where: str) -> None:
        if not self.has_fields(raw, _MESSAGE, f"{where}.message"):
            return
        for name, text in raw.items():
            try:
                used = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
            except ValueError as error:
                self.complain(f"{where}.message.{name}", str(error))
                continue
            for field in sorted(used - PLACEHOLDERS):
                self.complain(f"{where}.message.{name}", f"unknown placeholder {{{field}}}")

    def vector(self, raw: Any, where: str, known: dict[str, Statement]) -> Vector | None:
        if not self.has_fields(raw, _VECTOR, where):
            return None
        self.one_of(raw["expect"], get_args(Outcome), f"{where}.expect")
        given: list[tuple[str, float | None]] = []
        for quantity, value in raw["given"].items():
            if quantity not in known:
                self.complain(f"{where}.given.{quantity}", "the rule does not look at this quantity")
            elif value is None or _is_number(value):
                unit = known[quantity].display_unit
                given.append((quantity, None if value is None else _to_si(value, unit)))
            else:
                self.complain(f"{where}.given.{quantity}", "expected a number or null")
        return Vector(tuple(given), raw["expect"], raw["note"])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _to_si(value: int | Decimal, unit: str) -> float:
    return units.to_si(value, unit) if unit else float(value)
