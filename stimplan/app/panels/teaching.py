"""Teaching mode: six lessons; their buttons change the montage, their questions answer with reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from stimplan.app.lessons import Lesson, check_answer, load_lessons, scene_protocol
from stimplan.app.panels.common import lay_out, whole_number
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from stimplan.app.plan import Plan
    from stimplan.app.session import Session

_STATUS = {"read": "read", "abstract": "its abstract was read", "recalled": "from memory, to be verified"}
# Measured once for all lessons on the mesh of 579,000 nodes against this one of 74,000.
NOTE = (
    "The picture is a preview with small discs for electrodes. The figures of the text are computed with the "
    "electrodes as they are, on the coarse teaching mesh of the bundled head: one head, and not a person's. On a mesh "
    "eight times as fine shares of current and field strengths differ by 2 to 6 %, volumes by a fifth; directions on "
    "the folded cortex differ more, since the coarse mesh has fewer folds."
)


def lesson_view(lesson: Lesson) -> dict[str, Any]:
    """A lesson for the page; which answers are right is not sent along."""
    return {
        "id": lesson.id,
        "title": lesson.title,
        "aim": lesson.aim,
        "paragraphs": list(lesson.paragraphs),
        "scenes": [attrs.asdict(one) for one in lesson.scenes],
        "questions": [
            {"text": one.text, "choices": [choice.text for choice in one.choices]} for one in lesson.questions
        ],
        "figures": [{"text": one.text, "what": one.what} for one in lesson.figures],
        "sources": [
            {
                "text": one.text,
                "doi": one.doi or "",
                "link": f"https://doi.org/{one.doi}" if one.doi else "",
                "says": one.says,
                "status": _STATUS[one.status],
            }
            for one in lesson.sources
        ],
    }


def _spoken(because: str) -> str:
    """A reason without the word that stands before it on the page already."""
    text = because.removeprefix("Right").lstrip(":. ")
    return text[:1].upper() + text[1:]


class _Teaching:
    """The panel's part of the session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lessons = load_lessons()
        self._said: dict[tuple[int, int], dict[str, Any]] = {}
        state = session.state
        state.lesson_list = [{"title": one.title, "aim": one.aim, "id": one.id} for one in self._lessons]
        state.lesson_note = NOTE
        state.lesson_number, state.lesson, state.lesson_scene, state.lesson_look = -1, None, "", ""
        state.lesson_said, state.lesson_score = [], ""
        state.lesson_marks = [""] * len(self._lessons)
        session.on_plan(self._on_plan)
        session.handler("lesson_open", self._open)
        session.handler("lesson_scene", self._scene)
        session.handler("lesson_answer", self._answer)
        session.handler("lesson_close", self._close)

    def _on_plan(self, plan: Plan, by: str) -> None:
        if by != "lesson" and not plan.protocol.id.startswith("lesson-"):
            self._session.state.lesson_scene = ""

    def _open(self, number: Any) -> None:
        lesson = self._lesson(number)
        state = self._session.state
        state.lesson_number, state.lesson = number, lesson_view(lesson)
        self._show_said()
        self._scene(lesson.scenes[0].name)

    def _close(self) -> None:
        self._session.state.lesson_number = -1
        self._session.state.lesson = None

    def _lesson(self, number: Any) -> Lesson:
        place = whole_number(number)
        if not 0 <= place < len(self._lessons):
            raise InputError(Problem("lesson", f"there is no lesson number {place}"))
        return self._lessons[place]

    def _scene(self, name: Any) -> None:
        state = self._session.state
        lesson = self._lesson(state.lesson_number)
        scene = next((one for one in lesson.scenes if one.name == name), None)
        if scene is None:
            raise InputError(Problem("lesson", f"there is no scene {str(name)[:40]!r}"))
        state.lesson_scene, state.lesson_look = scene.name, scene.look
        protocol = scene_protocol(lesson.id, scene.name)
        plan = attrs.evolve(self._session.plan, protocol=protocol, origin=f"lesson {state.lesson_number + 1}")
        self._session.change(plan, by="lesson")

    def _answer(self, question: Any, choice: Any) -> None:
        state = self._session.state
        number, lesson = state.lesson_number, self._lesson(state.lesson_number)
        try:
            said = check_answer(lesson, whole_number(question), whole_number(choice))
        except IndexError:
            raise InputError(Problem("lesson", "there is no such answer")) from None
        self._said[number, question] = {"choice": choice, "is_right": said.is_right, "because": _spoken(said.because)}
        self._show_said()

    def _show_said(self) -> None:
        state = self._session.state
        number = state.lesson_number
        count = len(self._lessons[number].questions)
        said = [self._said.get((number, place)) for place in range(count)]
        state.lesson_said = said
        right = sum(one["is_right"] for one in said if one is not None)
        given = sum(one is not None for one in said)
        state.lesson_score = f"{right} of {count} right" if given else ""
        marks = list(state.lesson_marks)
        marks[number] = state.lesson_score
        state.lesson_marks = marks


def build(session: Session) -> None:
    """Lay the lessons out."""
    _Teaching(session)
    lay_out("teaching")
