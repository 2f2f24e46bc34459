"""The panels below: one session on its time scale, and the days of the course."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stimplan.app.panels.timeline import draw_course, draw_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from stimplan.app.panels.timeline import Picture
    from stimplan.app.plan import Plan
    from stimplan.app.session import Session
    from stimplan.protocol import Protocol


def _build(session: Session, name: str, draw: Callable[[Protocol], Picture]) -> None:
    from trame.widgets import html

    def show(plan: Plan, by: str = "") -> None:
        session.state[name] = draw(plan.protocol).svg

    show(session.plan)
    session.on_plan(show)
    # A fixed drawing of this program; words of a file are escaped in it (tested).
    html.Div(f'<div v-html="{name}" data-testid="{name}"></div>', classes="sp-drawing")


def build_session(session: Session) -> None:
    """Lay one session out."""
    _build(session, "session_drawing", draw_session)


def build_course(session: Session) -> None:
    """Lay the course out."""
    _build(session, "course_drawing", draw_course)
