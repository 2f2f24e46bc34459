"""The lessons as files: a text, figures, scenes to look at, questions with their answers; read strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import attrs

from stimplan.errors import ResourceError
from stimplan.protocol import Protocol, read_protocol
from stimplan.resources import package_path

ORDER = ("skin", "csf", "ring", "polarity", "distance", "interference")
_PLACE = re.compile(r"\{(\w+)\}")


@attrs.frozen
class Figure:
    """A number of a lesson's text.

    Attributes
    ----------
    name : str
        In the text it stands as `{name}`; in `model.FIGURES` is how it is computed.
    value : float
    digits : int
        Digits behind the point that are shown.
    unit : str
        As people write it.
    what : str
    """

    name: str
    value: float
    digits: int
    unit: str
    what: str

    @property
    def text(self) -> str:
        """The figure with its unit: `49 %`, `0.33 V/m`."""
        number = f"{self.value:.{self.digits}f}".replace("-", "\u2212")
        return f"{number} {self.unit}"


@attrs.frozen
class Scene:
    """A protocol to look at: the name of its file, the words of its button, and what to see."""

    name: str
    label: str
    look: str


@attrs.frozen
class Choice:
    """One answer that can be chosen, and why it is right or wrong."""

    text: str
    is_right: bool
    because: str


@attrs.frozen
class Question:
    """A question with its choices; exactly one is right."""

    text: str
    choices: tuple[Choice, ...]


@attrs.frozen
class LessonSource:
    """Where a statement of the text is from, and how far it was read."""

    text: str
    doi: str | None
    status: Literal["read", "abstract", "recalled"]
    says: str


@attrs.frozen
class Lesson:
    """One guided lesson.

    Attributes
    ----------
    id, title, aim : str
    paragraphs : tuple of str
        With the figures filled in.
    figures : tuple of Figure
    scenes : tuple of Scene
        The first is shown as the lesson begins.
    questions : tuple of Question
    sources : tuple of LessonSource
    """

    id: str
    title: str
    aim: str
    paragraphs: tuple[str, ...]
    figures: tuple[Figure, ...]
    scenes: tuple[Scene, ...]
    questions: tuple[Question, ...]
    sources: tuple[LessonSource, ...]


@cache
def load_lessons() -> tuple[Lesson, ...]:
    """The lessons in their order.

    Raises
    ------
    ResourceError
        A file is damaged.
    """
    return tuple(read_lesson(name, _tree(name)) for name in ORDER)


def _tree(name: str) -> dict[str, Any]:
    path = package_path("app", "lessons", name, "lesson.json")
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ResourceError(f"the lesson {name!r} is damaged ({error}); install stimplan again") from error


def read_lesson(name: str, tree: Mapping[str, Any]) -> Lesson:
    """A lesson from its tree.

    Raises
    ------
    ResourceError
        A key is missing, a figure of the text is not given or never used, a question has not one right answer.
    """
    try:
        figures = tuple(Figure(name=key, **record) for key, record in tree["figures"].items())
        lesson = Lesson(
            id=name,
            title=tree["title"],
            aim=tree["aim"],
            paragraphs=tuple(tree["paragraphs"]),
            figures=figures,
            scenes=tuple(Scene(**record) for record in tree["scenes"]),
            questions=tuple(_question(record) for record in tree["questions"]),
            sources=tuple(LessonSource(**record) for record in tree["sources"]),
        )
    except (KeyError, TypeError) as error:
        raise ResourceError(f"the lesson {name!r} is damaged ({error!r}); install stimplan again") from error
    _refuse_faults(lesson)
    shown = {one.name: one.text for one in figures}

    def fill(text: str) -> str:
        return _PLACE.sub(lambda found: shown[found[1]], text)

    filled = [
        Question(fill(one.text), tuple(Choice(fill(c.text), c.is_right, fill(c.because)) for c in one.choices))
        for one in lesson.questions
    ]
    looks = [attrs.evolve(one, look=fill(one.look)) for one in lesson.scenes]
    return attrs.evolve(
        lesson, paragraphs=tuple(map(fill, lesson.paragraphs)), questions=tuple(filled), scenes=tuple(looks)
    )


def _question(record: Mapping[str, Any]) -> Question:
    return Question(record["text"], tuple(Choice(**choice) for choice in record["choices"]))


def _refuse_faults(lesson: Lesson) -> None:
    texts = [*lesson.paragraphs, *(one.look for one in lesson.scenes)]
    for question in lesson.questions:
        texts += [question.text, *(choice.text for choice in question.choices)]
        texts += [choice.because for choice in question.choices]
        if sum(choice.is_right for choice in question.choices) != 1:
            raise ResourceError(f"the lesson {lesson.id!r}: {question.text!r} has not exactly one right answer")
    used = {found for text in texts for found in _PLACE.findall(text)}
    given = {one.name for one in lesson.figures}
    if used != given:
        raise ResourceError(f"the lesson {lesson.id!r}: figures used and given differ: {sorted(used ^ given)}")


@cache
def scene_protocol(lesson: str, scene: str) -> Protocol:
    """Protocol of one scene, read from its file as any other.

    Raises
    ------
    ResourceError
        There is no such scene.
    """
    return read_protocol(package_path("app", "lessons", lesson, f"{scene}.json"))


def check_answer(lesson: Lesson, question: int, choice: int) -> Choice:
    """The choice that was made, with its reason.

    Raises
    ------
    IndexError
        There is no such question or choice.
    """
    if question < 0 or choice < 0:
        raise IndexError("questions and choices are counted from 0")
    return lesson.questions[question].choices[choice]
