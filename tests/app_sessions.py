"""A session of the app without a server: its state is a dictionary, its handlers are called by name."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace

from stimplan.app.folder import Folder
from stimplan.app.plan import Plan
from stimplan.app.session import Session
from stimplan.protocol import read_protocol


class State(dict):
    """What of trame's state the panels use."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name, value):
        self[name] = value

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def change(self, *_):
        return lambda function: function

    def dirty(self, *_):
        return None

    def flush(self, *_):
        return None


class Page:
    """A session with the parts of some panels, driven as the page would."""

    def __init__(self, folder, *parts, pid="select-tdcs"):
        self.handlers = {}

        def trigger(name):
            return lambda function: self.handlers.setdefault(name, function)

        server = SimpleNamespace(state=State(), controller=SimpleNamespace(trigger=trigger))
        self.session = Session(server, Plan(read_protocol(pid)), Folder(folder))
        self.state = self.session.state
        self.by = []
        self.session.on_plan(lambda plan, by: self.by.append(by))
        self.parts = [part(self.session) for part in parts]

    def call(self, name, *arguments):
        """Call a handler and wait until everything it started is done."""

        async def run():
            result = self.handlers[name](*arguments)
            if inspect.isawaitable(result):
                result = await result
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            if others:
                await asyncio.gather(*others)
            return result

        return asyncio.run(run())

    @property
    def protocol(self):
        return self.session.plan.protocol

    @property
    def messages(self):
        return [one["text"] for one in self.state.messages]
