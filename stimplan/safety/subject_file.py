"""Subject files: strict JSON in, a `Subject` out, with every problem at once; and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from stimplan import strict_json
from stimplan.errors import InputError, Problem
from stimplan.protocol.conditions import conditions
from stimplan.protocol.schema_check import Fault, nearest, schema_faults
from stimplan.resources import data_path
from stimplan.safety.screening_rules import load_forms, read_data
from stimplan.safety.subject import FormAnswer, HealthCondition, Implant, Medication, Subject
from stimplan.units import from_si, to_si

_YES_NO = ("pregnant", "capacity_to_consent", "hearing_problem", "recreational_drugs_24h")
_NUMBERS = ("age_years", "sleep_hours", "alcohol_units_24h")


def read_subject(source: str | Path | Mapping[str, Any]) -> Subject:
    """Read what screening found out about a person, strictly.

    Parameters
    ----------
    source : str, Path or mapping
        Path of a JSON file, JSON text (a string that starts with `{`), or the same as a mapping.

    Raises
    ------
    InputError
        `.problems` lists every fault, each with its place and the nearest known name.
    """
    document, file = _open(source)
    problems = list(document.problems)
    if document.is_json:
        seen = {problem.where for problem in problems}
        found = [(strict_json.show_path(fault.path), fault.what) for fault in _faults(document.tree)]
        problems += [Problem(where=where, what=what, file=file) for where, what in found if where not in seen]
    if problems:
        raise InputError(problems)
    return _subject(document.tree)


def _open(source: str | Path | Mapping[str, Any]) -> tuple[strict_json.Document, str]:
    if isinstance(source, Mapping):
        return strict_json.from_mapping(source), ""
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return strict_json.parse(source), ""
    if not isinstance(source, str | Path):
        raise InputError(f"cannot read a subject from a {type(source).__name__}; expected a path, JSON or a mapping")
    file = str(source)
    text, problems = strict_json.read_bytes(Path(source), file=file)
    if problems:
        return strict_json.Document(tree=None, problems=problems, is_json=False), file
    return strict_json.parse(text, file=file), file


@cache
def _schema() -> Mapping[str, Any]:
    return dict(json.loads(data_path("safety", "schema", "subject-1.schema.json").read_text(encoding="utf-8")))


def known_conditions() -> tuple[str, ...]:
    """Ids that a condition of a subject may have."""
    return (*(name for name in conditions() if name != "healthy"), *read_data("screening/person.json")["conditions"])


def _faults(tree: Any) -> list[Fault]:
    if not isinstance(tree, dict):
        return [Fault((), "expected a subject as a JSON object {…}")]
    faults = schema_faults(tree, _schema())
    judged = {fault.path for fault in faults}
    return faults + [fault for fault in _name_faults(tree) if fault.path not in judged]


def _name_faults(tree: dict[str, Any]) -> list[Fault]:
    """Names that must be known: forms, items, kinds, regions, conditions; and what contradicts itself."""
    implants = read_data("implants.json")
    faults = _answer_faults(tree.get("answers"))
    for i, raw in enumerate(_objects(tree.get("implants"))):
        faults += _unknown(("implants", i, "kind"), raw.get("kind"), implants["kinds"])
        faults += _unknown(("implants", i, "region"), raw.get("region"), implants["regions"])
    for i, raw in enumerate(_objects(tree.get("medications"))):
        if not any(raw.get(key) for key in ("name", "atc", "rxnorm")):
            faults.append(Fault(("medications", i), "give its name, its ATC code or its RxNorm id"))
    for i, raw in enumerate(_objects(tree.get("conditions"))):
        faults += _unknown(("conditions", i, "id"), raw.get("id"), known_conditions())
    if tree.get("sex") == "male" and tree.get("pregnant") == "yes":
        faults.append(Fault(("pregnant",), "'yes' does not go with the sex 'male'; correct one of them"))
    return faults


def _objects(raw: Any) -> list[dict[str, Any]]:
    """The entries of a list; what is no object stands as an empty one, the schema has said so already."""
    return [one if isinstance(one, dict) else {} for one in raw] if isinstance(raw, list) else []


def _answer_faults(raw: Any) -> list[Fault]:
    forms = load_forms()
    faults: list[Fault] = []
    for form, answers in raw.items() if isinstance(raw, dict) else ():
        faults += _unknown(("answers", form), form, forms)
        if form in forms and isinstance(answers, dict):
            items = [item.item for item in forms[form].items]
            for item in answers:
                faults += _unknown(("answers", form, item), item, items)
    return faults


def _unknown(path: strict_json.JsonPath, name: Any, known: Any) -> list[Fault]:
    if not isinstance(name, str) or name in known:
        return []
    hint = nearest(name, known) or f"; known are {', '.join(known)}"
    return [Fault(path, f"{strict_json.shorten(name)!r} is not known{hint}")]


def _subject(tree: dict[str, Any]) -> Subject:
    yes_no: dict[str, Any] = {name: tree.get(name, "unknown") for name in _YES_NO}
    numbers: dict[str, Any] = {name: None if tree.get(name) is None else float(tree[name]) for name in _NUMBERS}
    return Subject(
        id=tree["id"],
        sex=tree.get("sex"),
        **yes_no,
        **numbers,
        answers=tuple(
            (form, item, FormAnswer(**(raw if isinstance(raw, dict) else {"answer": raw})))
            for form, answers in tree.get("answers", {}).items()
            for item, raw in answers.items()
        ),
        implants=_list(tree.get("implants"), Implant),
        medications=_list(tree.get("medications"), Medication),
        conditions=_list(tree.get("conditions"), HealthCondition),
        notes=tree.get("notes"),
    )


def _list(raw: list[dict[str, Any]] | None, kind: Any) -> Any:
    return None if raw is None else tuple(kind(**_in_si(record)) for record in raw)


def _in_si(record: dict[str, Any]) -> dict[str, Any]:
    """A record with its lengths in m under their names inside."""
    inside = {}
    for key, value in record.items():
        if not key.endswith("_mm"):
            inside[key] = value
        elif isinstance(value, list):
            inside[key.removesuffix("mm") + "m"] = tuple(to_si(one, "mm") for one in value)
        else:
            inside[key.removesuffix("mm") + "m"] = None if value is None else to_si(value, "mm")
    return inside


def dump_subject(subject: Subject) -> str:
    """Text of a subject file; `read_subject` of it gives an equal subject."""
    import attrs

    tree: dict[str, Any] = {"schema_version": 1, "id": subject.id}
    for name in ("age_years", "sex", *_YES_NO, "sleep_hours", "alcohol_units_24h"):
        tree[name] = getattr(subject, name)
    answers: dict[str, dict[str, Any]] = {}
    for form, item, answer in subject.answers:
        plain: Any = answer.answer
        answers.setdefault(form, {})[item] = (
            plain if answer.detail is None else {"answer": plain, "detail": answer.detail}
        )
    tree["answers"] = answers
    for name in ("implants", "medications", "conditions"):
        values = getattr(subject, name)
        tree[name] = None if values is None else [_in_mm(attrs.asdict(value)) for value in values]
    tree["notes"] = subject.notes
    return json.dumps(_plain(tree), indent=2, ensure_ascii=False) + "\n"


def _in_mm(record: dict[str, Any]) -> dict[str, Any]:
    outside = {}
    for key, value in record.items():
        if key.endswith("_m"):
            many = isinstance(value, tuple | list)
            number = [from_si(one, "mm") for one in value] if many else None if value is None else from_si(value, "mm")
            outside[key.removesuffix("m") + "mm"] = number
        else:
            outside[key] = value
    return outside


def _plain(value: Any) -> Any:
    """Decimals as JSON numbers: whole ones as integers, the others as the float that prints the same digits."""
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Decimal() | float():
            return int(value) if value == int(value) else float(value)
    return value
