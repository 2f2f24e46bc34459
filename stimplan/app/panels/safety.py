"""The safety panel: the verdict of every change, at once, with the rules that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from stimplan.app.panels.common import lay_out
from stimplan.app.panels.verdict import judge, verdict_view
from stimplan.safety.profiles import load_profiles, profile_named
from stimplan.safety.values import DEFAULT_PROFILE, NOTICE

if TYPE_CHECKING:
    from stimplan.app.plan import Plan
    from stimplan.app.session import Session


class _Safety:
    """The panel's part of the session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        state = session.state
        state.safety_profiles = [attrs.asdict(one) for one in load_profiles()]
        state.safety_notice = NOTICE
        self._show(session.plan)
        session.on_plan(self._show)
        session.handler("safety_profile", self._profile)

    def _show(self, plan: Plan, by: str = "") -> None:
        state = self._session.state
        view = verdict_view(judge(plan), has_person=plan.subject is not None)
        state.safety, state.verdict, state.verdict_word = view, view["verdict"], view["word"]
        state.safety_profile = plan.profile or DEFAULT_PROFILE

    def _profile(self, name: Any) -> None:
        profile = profile_named(str(name)[:60])
        self._session.change(attrs.evolve(self._session.plan, profile=profile.id), by="profile")


def build(session: Session) -> None:
    """Lay the verdict out."""
    _Safety(session)
    lay_out("safety")
