"""Screening: the questions for the kind of stimulation, and the person that the answers make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from stimplan.errors import InputError, Problem
from stimplan.protocol import conditions
from stimplan.safety import Subject, read_subject
from stimplan.safety.screening_rules import family_of, load_forms, read_data
from stimplan.safety.subject_file import known_conditions

Kind = Literal["yes-no", "number", "choice", "list"]

ANSWERS = ("yes", "no", "unknown")
# The app knows no names; a pseudonym is asked for only where the answers are saved.
PSEUDONYM = "person"
_LISTS = ("implants", "medications", "conditions")
_LONGEST_DETAIL = 1000


@attrs.frozen
class Question:
    """One thing to ask.

    Attributes
    ----------
    key : str
        `form/item` of a form's question, or the key of a subject file.
    text, hint : str
    kind : {"yes-no", "number", "choice", "list"}
    unit : str
    choices : tuple of (value, words)
        Of a choice or a list.
    """

    key: str
    text: str
    hint: str = ""
    kind: Kind = "yes-no"
    unit: str = ""
    choices: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class Answers:
    """What was answered so far; what is not here is unknown.

    Attributes
    ----------
    given : mapping of str to str
        By key: "yes", "no", a number, a choice; for a list "none" or entries, one a line.
    details : mapping of str to str
        What was said about a form's question.
    """

    given: Mapping[str, str] = attrs.field(factory=dict)
    details: Mapping[str, str] = attrs.field(factory=dict)

    def with_answer(self, key: str, value: str) -> Answers:
        """The same with one answer more; an empty one, or "unknown", takes it back."""
        rest = {name: one for name, one in self.given.items() if name != key}
        return attrs.evolve(self, given=rest if value in ("", "unknown") else {**rest, key: value})

    def with_detail(self, key: str, text: str) -> Answers:
        """The same with a remark on a form's question."""
        rest = {name: one for name, one in self.details.items() if name != key}
        text = text.strip()[:_LONGEST_DETAIL]
        return attrs.evolve(self, details={**rest, key: text} if text else rest)


def form_questions(modality: str) -> tuple[str, tuple[Question, ...]]:
    """Title and questions of the form for a kind of stimulation."""
    form = next(one for one in load_forms().values() if one.family == family_of(modality))
    return form.title, tuple(Question(f"{form.id}/{one.item}", one.text, one.hint) for one in form.items)


def person_questions() -> tuple[Question, ...]:
    """What no form asks but the rules need."""
    return (
        Question("age_years", "Age", kind="number", unit="years"),
        Question("sex", "Sex, as far as it bears on pregnancy", kind="choice",
                 choices=tuple((one, one) for one in ("female", "male", "other"))),
        Question("pregnant", "Pregnant, or may be?"),
        Question("capacity_to_consent", "Able to consent, as a clinician judged and noted?"),
        Question("hearing_problem", "Hearing loss, or ringing in the ears?"),
        Question("recreational_drugs_24h", "Recreational drugs in the last 24 h?"),
        Question("sleep_hours", "Sleep last night", kind="number", unit="h"),
        Question("alcohol_units_24h", "Alcohol in the last 24 h", kind="number", unit="units of 8 g"),
        Question("medications", "Medicines, one a line", "every substance, also those stopped in the last weeks",
                 kind="list"),
        Question("implants", "Implants and metal in or on the body", kind="list", choices=_implants()),
        Question("conditions", "Conditions", kind="list", choices=_conditions()),
    )  # fmt: skip


def _implants() -> tuple[tuple[str, str], ...]:
    return tuple((name, kind["name"]) for name, kind in read_data("implants.json")["kinds"].items())


def _conditions() -> tuple[tuple[str, str], ...]:
    named = {name: one.name for name, one in conditions().items()}
    own = read_data("screening/person.json")["conditions"]
    both = [(name, named.get(name) or own[name]) for name in known_conditions()]
    return tuple(sorted(both, key=lambda pair: pair[1].lower()))


def subject_of(answers: Answers, identifier: str = PSEUDONYM) -> Subject | None:
    """The person of these answers, read strictly; None where nothing was answered.

    Parameters
    ----------
    answers : Answers
    identifier : str
        Pseudonym; never a name.

    Raises
    ------
    InputError
        Every answer that cannot be one, each with its place.
    """
    if not answers.given and not answers.details:
        return None
    tree: dict[str, Any] = {"schema_version": 1, "id": identifier}
    forms: dict[str, dict[str, Any]] = {}
    for key in {**answers.given, **answers.details}:
        form, slash, item = key.partition("/")
        value, detail = answers.given.get(key, "unknown"), answers.details.get(key)
        if slash:
            forms.setdefault(form, {})[item] = {"answer": value, "detail": detail} if detail else value
        elif key in answers.given:
            tree[key] = _plain(key, value)
    if forms:
        tree["answers"] = forms
    return read_subject(tree)


def _plain(key: str, value: str) -> Any:
    if key in ("age_years", "sleep_hours", "alcohol_units_24h"):
        try:
            return float(value.replace(",", "."))
        except ValueError:
            raise InputError(Problem(f"$.{key}", f"expected a number, got {value[:40]!r}")) from None
    if key not in _LISTS:
        return value
    entries = [line.strip() for line in value.splitlines() if line.strip()]
    if [one.lower() for one in entries] == ["none"]:
        return []
    return [_ENTRY[key](one) for one in entries]


def _implant(line: str) -> dict[str, Any]:
    """`pacemaker`, or `pacemaker@chest` with the region of the body."""
    kind, _, region = line.partition("@")
    return {"kind": kind.strip(), **({"region": region.strip()} if region else {})}


_ENTRY = {
    "medications": lambda line: {"name": line},
    "implants": _implant,
    "conditions": lambda line: {"id": line},
}


def progress(answers: Answers, modality: str) -> tuple[int, int]:
    """How many questions are answered, of how many; pregnancy is not asked of men."""
    keys = [one.key for one in (*form_questions(modality)[1], *person_questions())]
    if answers.given.get("sex") == "male":
        keys.remove("pregnant")
    return sum(key in answers.given for key in keys), len(keys)


def regions() -> tuple[str, ...]:
    """Regions of the body that the place of an implant may be given as."""
    return tuple(read_data("implants.json")["regions"])


def answers_of(subject: Subject | None) -> Answers:
    """The answers a subject file holds, as far as the form can show them."""
    if subject is None:
        return Answers()
    given: dict[str, str] = {}
    details: dict[str, str] = {}
    for form, item, one in subject.answers:
        if one.answer != "unknown":
            given[f"{form}/{item}"] = one.answer
        if one.detail:
            details[f"{form}/{item}"] = one.detail
    for name in ("pregnant", "capacity_to_consent", "hearing_problem", "recreational_drugs_24h"):
        if getattr(subject, name) != "unknown":
            given[name] = getattr(subject, name)
    for name in ("age_years", "sleep_hours", "alcohol_units_24h", "sex"):
        value = getattr(subject, name)
        if value is not None:
            given[name] = f"{value:g}" if isinstance(value, float) else value
    for name in _LISTS:
        values = getattr(subject, name)
        if values is not None:
            given[name] = "\n".join(_line(one) for one in values) or "none"
    return Answers(given, details)


def _line(entry: Any) -> str:
    if hasattr(entry, "kind"):
        return f"{entry.kind}@{entry.region}" if entry.region else str(entry.kind)
    return str(entry.id if hasattr(entry, "id") else entry.label)
