"""The one place of the app that changes: the plan of the moment, and who is told of it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Callable
from typing import Any, Literal

import attrs

from stimplan.app.downloads import Offer, Offers
from stimplan.app.folder import Folder
from stimplan.app.plan import Plan
from stimplan.errors import InputError, StimplanError

Kind = Literal["info", "success", "warning", "error"]
Listener = Callable[[Plan, str], None]

_LOG = logging.getLogger("stimplan.app")
_MESSAGES_KEPT = 4
_LONGEST_SITE = 20


class Session:
    """What the parts of the page share.

    Attributes
    ----------
    server, state, controller
        Those of trame.
    folder : Folder
        The only place that may be read or written.
    offers : Offers
        Files the page may download, see `offer`.
    """

    def __init__(self, server: Any, plan: Plan, folder: Folder) -> None:
        self.server = server
        self.state = server.state
        self.controller = server.controller
        self.folder = folder
        self.offers = Offers()
        self._plan = plan
        self._listeners: list[Listener] = []
        self._closers: list[Callable[[], None]] = []
        # The page could write anything into the state, so what is built on lives here.
        self._messages: list[dict[str, Any]] = []
        self._count = 0
        self.state.messages = []
        self.state.download = ""
        self.handler("dismiss", self._dismiss)
        self.handler("pick", self.pick)

    @property
    def plan(self) -> Plan:
        """The plan of the moment."""
        return self._plan

    def change(self, plan: Plan, *, by: str) -> None:
        """Take a new plan and tell every listener; one that fails does not keep the others from hearing of it.

        Parameters
        ----------
        plan : Plan
        by : str
            Who changed it, in a word: a listener may leave alone what it has just shown itself.
        """
        if plan == self._plan:
            return
        self._plan = plan
        for listener in self._listeners:
            try:
                listener(plan, by)
            except Exception as error:  # one part of the page must not take the others with it
                self.explain(error)

    def on_plan(self, listener: Listener) -> None:
        """Call `listener(plan, by)` on every change from now on."""
        self._listeners.append(listener)

    def offer(self, offer: Offer) -> None:
        """Let the browser download a file at once."""
        self.state.download = self.offers.add(offer)

    def on_close(self, closer: Callable[[], None]) -> None:
        """Call `closer()` when the app is stopped."""
        self._closers.append(closer)

    def close(self) -> None:
        """End what still runs."""
        for closer in self._closers:
            closer()

    def pick(self, site: str) -> None:
        """A site of the head was picked: an electrode comes there or goes; a coil moves there."""
        from stimplan.app.edits import pick_site

        if not isinstance(site, str) or len(site) > _LONGEST_SITE:
            raise InputError("a site is a short name, such as 'F3'")
        self.change(attrs.evolve(self._plan, protocol=pick_site(self._plan.protocol, site)), by="head")

    def say(self, text: str, kind: Kind = "info") -> None:
        """Show a line to the person; errors stay until they are read, as do the last few of the others."""
        self._count += 1
        kept = [one for one in self._messages if one["text"] != text][1 - _MESSAGES_KEPT :]
        self._show([*kept, {"id": self._count, "text": text, "kind": kind}])

    def explain(self, error: BaseException) -> None:
        """Say an error in words; STIMPLAN_DEBUG shows where at the terminal what is not on purpose."""
        if isinstance(error, InputError):
            self.say("; ".join(str(problem) for problem in error.problems), "error")
        elif isinstance(error, StimplanError | OSError):
            self.say(" ".join(str(error).split()), "error")
        else:
            if os.environ.get("STIMPLAN_DEBUG"):
                _LOG.error("in a handler of the app", exc_info=error)
            text = " ".join(str(error).split())[:200]
            self.say(f"unexpected {type(error).__name__}: {text}; the plan is as it was", "error")

    def guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose errors are said to the person instead of raised; a coroutine stays one."""

        def call(*args: Any, **named: Any) -> Any:
            try:
                result = function(*args, **named)
            except Exception as error:  # everything becomes a sentence
                self.explain(error)
                return None
            return wait(result) if inspect.isawaitable(result) else result

        async def wait(result: Any) -> Any:
            try:
                return await result
            except asyncio.CancelledError:
                raise
            except Exception as error:  # everything becomes a sentence
                self.explain(error)
            finally:
                self.state.flush()

        return call

    def handler(self, name: str, function: Callable[..., Any]) -> None:
        """Register what the page may call by a name; arguments come from outside and are to be distrusted."""
        self.controller.trigger(name)(self.guarded(function))

    def trigger(self, name: str, *arguments: str) -> str:
        """The expression of the page that calls a handler; arguments are expressions of the page, such as `$event`."""
        return f"trigger('{name}', [{', '.join(arguments)}])"

    def on_state(self, *names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Call a function when the page changes one of these names of state, as trame's `state.change`, guarded."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.state.change(*names)(self.guarded(lambda **state: function(**{one: state.get(one) for one in names})))
            return function

        return register

    def _dismiss(self, identifier: Any) -> None:
        self._show([one for one in self._messages if one["id"] != identifier])

    def _show(self, messages: list[dict[str, Any]]) -> None:
        self._messages = messages
        self.state.messages = messages
