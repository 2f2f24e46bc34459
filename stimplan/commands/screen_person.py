"""What no form asks of a person but the rules need: age, pregnancy, implants, drugs, conditions, last night's sleep.

An answer is a piece of the tree of a subject file, so that the strict reader judges it; "none" is an answer, and is
not the same as nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import attrs

from stimplan.errors import InputError


@attrs.frozen
class Asked:
    """One thing to know about a person: its key in a subject file, the question, and what an answer looks like."""

    key: str
    question: str
    form: str

    @property
    def flag(self) -> str:
        """Option of the command."""
        return "--" + self.key.removesuffix("_24h").replace("_", "-")


ASKED = (
    Asked("age_years", "Age", "years"),
    Asked("sex", "Sex, as far as it bears on pregnancy", "female|male|other"),
    Asked("pregnant", "Pregnant, or may be", "yes|no|unknown"),
    Asked("capacity_to_consent", "Able to consent, as judged and noted by a clinician", "yes|no|unknown"),
    Asked("hearing_problem", "Hearing loss, or ringing in the ears", "yes|no|unknown"),
    Asked("recreational_drugs_24h", "Recreational drugs in the last 24 h", "yes|no|unknown"),
    Asked("sleep_hours", "Sleep last night", "hours"),
    Asked("alcohol_units_24h", "Alcohol in the last 24 h", "units of 8 g"),
    Asked("implants", "Implants and metal in or on the body", "none|KIND@REGION,…"),
    Asked("medications", "Medications", "none|NAME,…"),
    Asked("conditions", "Conditions", "none|ID,…"),
)
_LISTS = {"implants", "medications", "conditions"}
_NUMBERS = {"age_years", "sleep_hours", "alcohol_units_24h"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option for each thing to know."""
    group = parser.add_argument_group("what the forms do not ask")
    for one in ASKED:
        group.add_argument(one.flag, dest=one.key, metavar=one.form.upper(), help=f"{one.question[0].lower()}"
                           f"{one.question[1:]} ({one.form})")  # fmt: skip


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The answers among the options, as a piece of a subject file's tree."""
    return {one.key: read_answer(one.key, text) for one in ASKED if (text := getattr(args, one.key)) is not None}


def read_answer(key: str, text: str) -> Any:
    """An answer in words as the value of a subject file; what cannot be one stays text, for the reader to refuse.

    Examples
    --------
    >>> read_answer("implants", "pacemaker@chest"), read_answer("conditions", "none"), read_answer("sleep_hours", "7.5")
    ([{'kind': 'pacemaker', 'region': 'chest'}], [], 7.5)
    """
    text = text.strip()
    if key in _NUMBERS:
        with suppress(ValueError):
            return float(text)
        return text
    if key not in _LISTS:
        return {"y": "yes", "n": "no", "?": "unknown"}.get(text.lower(), text.lower())
    if text.lower() in ("none", "no", "[]"):
        return []
    return [_entry(key, word.strip()) for word in text.split(",")]


def ask_person(known: dict[str, Any], ask: Callable[[str], str]) -> dict[str, Any]:
    """Ask for everything that is not known yet; an empty answer leaves it unknown, a bad one is asked again.

    Raises
    ------
    InputError
        The input ended.
    """
    answers: dict[str, Any] = {}
    try:
        for one in _unknown(known):
            text = ask(f"{one.question} [{one.form}]: ").strip()
            while text:
                fault = _fault({one.key: read_answer(one.key, text)})
                if not fault:
                    answers[one.key] = read_answer(one.key, text)
                    break
                text = ask(f"   {fault}. Once more, or leave it empty for unknown: ").strip()
    except EOFError:
        raise InputError("the input ended before every question was asked; nothing was written") from None
    return answers


def still_unknown(tree: dict[str, Any]) -> list[str]:
    """Keys of a subject file that nobody has answered."""
    return [one.key for one in _unknown(tree)]


def _unknown(tree: dict[str, Any]) -> Iterator[Asked]:
    is_male = tree.get("sex") == "male"
    for one in ASKED:
        if tree.get(one.key) in (None, "unknown") and not (is_male and one.key == "pregnant"):
            yield one


def _entry(key: str, word: str) -> dict[str, Any]:
    if key == "medications":
        return {"name": word}
    if key == "conditions":
        return {"id": word}
    kind, _, region = word.partition("@")
    return {"kind": kind.strip()} | ({"region": region.strip()} if region else {})


def _fault(tree: dict[str, Any]) -> str:
    """Why the strict reader would not take this piece, or nothing."""
    from stimplan.safety import read_subject

    try:
        read_subject({"schema_version": 1, "id": "P-0", **tree})
    except InputError as error:
        return "; ".join(problem.what for problem in error.problems)
    return ""
