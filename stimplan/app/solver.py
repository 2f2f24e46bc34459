"""The exact solve from the page: start, progress, cancel, and an end that is always said."""

from __future__ import annotations

import asyncio
import multiprocessing
import shutil
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.app.solve_worker import Job, Solved, Told, work
from stimplan.errors import InputError

if TYPE_CHECKING:
    from stimplan.app.plan import Plan
    from stimplan.app.session import Session

# The meshes offered, with what to expect of them on two cores.
MESHES = {
    "teaching": "Teaching mesh: 7 mm edges, about half a minute",
    "standard": "Standard mesh: 2.8 mm edges, a minute or two; minutes more the first time",
}
# How long a process that was asked to end may take to tidy up, s.
_PATIENCE_S = 4.0


@attrs.frozen
class _Running:
    process: BaseProcess
    pipe: Connection
    job: Job
    was_there: bool


class Solver:
    """At most one solve at a time, in a process that may crash or be cancelled without the app.

    Parameters
    ----------
    session : Session
    on_solved : callable
        Called with the plan that was solved and the result.
    """

    def __init__(self, session: Session, on_solved: Callable[[Plan, Solved, Path], None]) -> None:
        self._session = session
        self._on_solved = on_solved
        self._running: _Running | None = None
        self._is_cancelled = False
        self._state, self._text = "idle", ""
        self._show("idle")
        session.handler("solve", self.start)
        session.handler("cancel_solve", self.cancel)
        session.on_close(self._kill)

    def start(self, mesh: Any, even_if_stopped: Any = False) -> None:
        """Begin; refused while another solve runs."""
        if self._running is not None:
            raise InputError("a solve is running; cancel it first")
        if not isinstance(mesh, str) or mesh not in MESHES:
            raise InputError(f"{str(mesh)[:40]!r} is none of the meshes {', '.join(MESHES)}")
        plan = self._session.plan
        out = self._session.folder.inside(f"stimplan-{plan.protocol.id}")
        job = Job(plan, mesh, out, even_if_stopped is True)
        # A fresh interpreter: nothing of this process, its sockets and threads is in it.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(job, theirs), name="stimplan solve", daemon=True)
        was_there = out.exists()
        process.start()
        theirs.close()
        self._is_cancelled = False
        self._running = _Running(process, ours, job, was_there)
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read)
        self._show("running", stage="starting")

    def cancel(self) -> None:
        """Ask the process to end, and end it where it does not."""
        running = self._running
        if running is None:
            return
        self._is_cancelled = True
        self._show("running", stage="stopping")
        running.process.terminate()
        asyncio.get_running_loop().call_later(_PATIENCE_S, running.process.kill)

    def _read(self) -> None:
        """Take what the process has said; its end closes the pipe."""
        running = self._running
        assert running is not None
        try:
            told = running.pipe.recv()
        except (EOFError, OSError):
            self._ended(running)
        else:
            self._hear(running, told)
        self._session.state.flush()

    def _hear(self, running: _Running, told: Told) -> None:
        if told.kind == "progress" and not self._is_cancelled:
            self._show("running", stage=told.text, percent=round(100 * told.fraction))
        elif told.kind == "failed":
            self._show("failed", text=told.text)
        elif told.solved is not None:
            record = told.solved.record
            error = record["numerics"]["relative_error_estimate"]
            said = "" if error is None else f", estimated error {100 * error:.1f} %"
            self._show("done", text=f"{running.job.mesh} mesh, {record['numerics']['nodes']:,} nodes{said}")
            self._session.guarded(self._on_solved)(running.job.plan, told.solved, running.job.out)

    def _ended(self, running: _Running) -> None:
        """The process is gone: say why where it did not itself, and tidy up after it."""
        asyncio.get_running_loop().remove_reader(running.pipe.fileno())
        running.pipe.close()
        running.process.join(_PATIENCE_S)
        self._running = None
        if self._is_cancelled:
            self._show("cancelled", text="Cancelled; nothing was written.")
        elif self._state == "running":
            text = crash_reason(running.process.exitcode)
            self._show("failed", text=text)
            self._session.say(f"The exact solve ended: {text}", "error")
        elif self._state == "failed":
            self._session.say(f"Not solved: {self._text}", "error")
        tidy(running.job.out, was_there=running.was_there)

    def _kill(self) -> None:
        if self._running is not None:
            self._running.process.kill()
            self._running.process.join(_PATIENCE_S)
            tidy(self._running.job.out, was_there=self._running.was_there)

    def _show(self, state: str, *, stage: str = "", percent: int = 0, text: str = "") -> None:
        self._state, self._text = state, text
        self._session.state.update(
            {"solve_state": state, "solve_stage": stage, "solve_percent": percent, "solve_text": text}
        )


def crash_reason(exit_code: int | None) -> str:
    """Why a process ended that has said nothing."""
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name if -exit_code in {one.value for one in signal.Signals} else -exit_code
        more = "; the machine may have run out of memory, choose the teaching mesh" if exit_code == -9 else ""
        return f"its process was ended by signal {name}{more}. The app goes on."
    return f"its process ended with code {exit_code} and said nothing. The app goes on."


def tidy(out: Path, *, was_there: bool) -> None:
    """Take away what a process that was killed has left half written."""
    for staging in out.glob(".stimplan-*"):
        shutil.rmtree(staging, ignore_errors=True)
    if not was_there and out.is_dir() and not any(out.iterdir()):
        out.rmdir()
