"""What the panels share: their markup, and events that come faster than they can be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stimplan.errors import InputError, Problem
from stimplan.resources import package_path

if TYPE_CHECKING:
    from stimplan.app.session import Session

# A slider tells of every pixel; the page needs no more than some thirty answers a second.
_REST_S = 0.03


def lay_out(name: str) -> None:
    """Put the markup of a panel into the container of the moment."""
    from trame.widgets import html

    html.Div(package_path("app", "panels", "templates", f"{name}.html").read_text(encoding="utf-8"), classes="sp-form")


class Latest:
    """Calls a function with the newest arguments only: what was overtaken while it was busy is dropped."""

    def __init__(self, session: Session, function: Callable[..., None]) -> None:
        self._session = session
        self._function = session.guarded(function)
        self._waiting: tuple[Any, ...] | None = None
        self._task: asyncio.Task[None] | None = None

    def __call__(self, *arguments: Any) -> None:
        """Take arguments from the page; the answer follows."""
        self._waiting = arguments
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        while self._waiting is not None:
            arguments, self._waiting = self._waiting, None
            with self._session.state:
                self._function(*arguments)
            await asyncio.sleep(_REST_S)


def whole_number(value: Any) -> int:
    """A number of an entry, as the page sends it.

    Raises
    ------
    InputError
        It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(Problem("", f"expected the number of an entry, got {str(value)[:40]!r}"))
    return value


def words(value: Any, most: int = 2000) -> str:
    """Text, as the page sends it.

    Raises
    ------
    InputError
        It is none, or longer than anything a person would type.
    """
    if not isinstance(value, str) or len(value) > most:
        raise InputError(Problem("", f"expected text of at most {most} characters"))
    return value


def shown_problems(error: InputError) -> list[dict[str, str]]:
    """The problems of an error, for the page."""
    return [{"where": one.where, "what": one.what} for one in error.problems]
