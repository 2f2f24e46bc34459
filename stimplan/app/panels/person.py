"""The person: screening questions, answered yes, no or unknown; the verdict follows each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from stimplan.app.panels.common import lay_out, shown_problems, words
from stimplan.app.panels.screening import (
    ANSWERS,
    Answers,
    Question,
    answers_of,
    form_questions,
    person_questions,
    progress,
    regions,
    subject_of,
)
from stimplan.errors import InputError, Problem
from stimplan.safety import dump_subject

if TYPE_CHECKING:
    from stimplan.app.plan import Plan
    from stimplan.app.session import Session


def question_row(question: Question) -> dict[str, Any]:
    """A question for the page."""
    return {
        "key": question.key,
        "id": "ask-" + question.key.replace("/", "-"),
        "text": question.text,
        "hint": question.hint,
        "kind": question.kind,
        "unit": question.unit,
        "choices": [list(one) for one in question.choices],
    }


class _Person:
    """The panel's part of the session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._answers = answers_of(session.plan.subject)
        state = session.state
        state.person_answer_words = list(ANSWERS)
        state.person_questions = [question_row(one) for one in person_questions()]
        state.person_regions = list(regions())
        state.person_words = {name: text for one in person_questions() for name, text in one.choices}
        state.person_faults, state.person_refused = [], 0
        self._modality = ""
        self._show(session.plan)
        session.on_plan(self._show)
        session.handler("person_answer", self._answer)
        session.handler("person_detail", self._detail)
        session.handler("person_list", self._list)
        session.handler("person_region", self._region)
        session.handler("person_forget", self._forget)
        session.handler("person_text", self._text)

    def _show(self, plan: Plan, by: str = "") -> None:
        modality, state = plan.protocol.modality, self._session.state
        if by not in ("person", ""):
            self._answers = self._answers if plan.subject is not None else Answers()
        if modality != self._modality:
            self._modality = modality
            title, questions = form_questions(modality)
            state.person_form_title, state.person_form = title, [question_row(one) for one in questions]
        self._show_answers()

    def _show_answers(self) -> None:
        state = self._session.state
        state.person_answers, state.person_details = dict(self._answers.given), dict(self._answers.details)
        state.person_lists = {
            name: [one for one in self._answers.given.get(name, "").splitlines() if one != "none"]
            for name in ("medications", "implants", "conditions")
        }
        done, of = progress(self._answers, self._modality)
        state.person_done, state.person_of = done, of

    def _answer(self, key: Any, value: Any) -> None:
        self._take(self._answers.with_answer(self._known(key), words(str(value), 4000).strip()))

    def _detail(self, key: Any, text: Any) -> None:
        self._take(self._answers.with_detail(self._known(key), words(text)))

    def _list(self, key: Any, action: Any, entry: Any) -> None:
        """Add an entry to a list, or take one out; "none" says that there is none."""
        name = self._known(key)
        entries = list(self._session.state.person_lists.get(name, []))
        line = words(entry, 200).strip()
        if action == "none":
            value = "none"
        elif action == "add" and line and line not in entries:
            value = "\n".join([*entries, line])
        elif action == "remove" and line in entries:
            value = "\n".join(one for one in entries if one != line)
        else:
            return
        self._take(self._answers.with_answer(name, value))

    def _region(self, entry: Any, region: Any) -> None:
        """Say, or no longer say, in which region of the body an implant is."""
        entries, old = list(self._session.state.person_lists["implants"]), words(entry, 200)
        if old not in entries:
            return
        kind = old.partition("@")[0]
        new = f"{kind}@{words(region, 60)}" if region else kind
        self._take(self._answers.with_answer("implants", "\n".join(new if one == old else one for one in entries)))

    def _known(self, key: Any) -> str:
        keys = {one["key"] for one in (*self._session.state.person_form, *self._session.state.person_questions)}
        if key not in keys:
            raise InputError(Problem(str(key)[:60], "is no question of this form"))
        return str(key)

    def _take(self, answers: Answers) -> None:
        """Answers that make a person are kept; others are listed, and the person stays as before."""
        state = self._session.state
        try:
            subject = subject_of(answers)
        except InputError as error:
            state.person_faults = shown_problems(error)
            state.person_refused += 1  # counted, so that the page lays its fields out again, with what was there
            return
        state.person_faults = []
        self._answers = answers
        self._session.change(attrs.evolve(self._session.plan, subject=subject), by="person")
        self._show_answers()

    def _forget(self) -> None:
        self._take(Answers())

    def _text(self) -> str:
        """The subject file; empty where nothing was answered."""
        subject = self._session.plan.subject
        return dump_subject(subject) if subject is not None else ""


def build(session: Session) -> None:
    """Lay the questions out."""
    _Person(session)
    lay_out("person")
