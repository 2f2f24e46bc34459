"""The exact solve, in a process of its own: what it needs comes in, what happens goes out, and it may be killed."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.errors import InputError, SafetyStop, StimplanError

if TYPE_CHECKING:
    from stimplan.app.plan import Plan
    from stimplan.view.scene_parts import Scene

# Below everything the person does at the same time.
_NICE = 5


@attrs.frozen
class Job:
    """What is to be solved.

    Attributes
    ----------
    plan : Plan
    mesh : str
        A preset of `stimplan.head.presets`, such as "teaching".
    out : Path
        Folder of the results.
    even_if_stopped : bool
        Solve although the verdict is stop or unknown; the report says so.
    """

    plan: Plan
    mesh: str
    out: Path
    even_if_stopped: bool


@attrs.frozen(eq=False)
class Solved:
    """What the page shows of a run.

    Attributes
    ----------
    scene : Scene
        Cortex with the field, scalp, electrodes or coil.
    record : dict
        As `summary.json`.
    """

    scene: Scene
    record: dict[str, Any] = attrs.field(repr=False)


@attrs.frozen
class Told:
    """One message of the worker: how far it is, what it found, or why it found nothing.

    Attributes
    ----------
    kind : {"progress", "solved", "failed"}
    text : str
        Stage, or reason.
    fraction : float
        Of the stage, 0 to 1.
    solved : Solved or None
    """

    kind: str
    text: str = ""
    fraction: float = 0.0
    solved: Solved | None = None


def work(job: Job, pipe: Connection) -> None:
    """Run a job and tell what happens; every reason for an end is said before it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the app, which ends us as it wants
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leaves nothing half written behind
    os.nice(_NICE)
    try:
        pipe.send(Told("solved", solved=_solve(job, pipe)))
    except (KeyboardInterrupt, BrokenPipeError):
        return
    except SafetyStop as stop:
        pipe.send(Told("failed", f"{stop}. Tick 'Solve all the same' if it is to be seen nevertheless."))
    except InputError as error:
        pipe.send(Told("failed", "; ".join(str(one) for one in error.problems)))
    except (StimplanError, OSError) as error:
        pipe.send(Told("failed", " ".join(str(error).split())))
    except MemoryError:
        pipe.send(Told("failed", "not enough memory; choose the teaching mesh"))
    except Exception as error:  # the page says it, and lives on
        text = " ".join(str(error).split())[:300]
        pipe.send(Told("failed", f"unexpected {type(error).__name__}: {text}; please report it"))


def _solve(job: Job, pipe: Connection) -> Solved:
    from stimplan.pipeline import RunOptions, run
    from stimplan.safety.values import DEFAULT_PROFILE
    from stimplan.view.scene_html import SCENE, write_scene_html
    from stimplan.view.scene_parts import scene_of_run

    pipe.send(Told("progress", "loading the head"))
    plan = job.plan
    result = run(
        plan.protocol,
        plan.head_name,
        out=job.out,
        options=RunOptions(
            edge_mm=job.mesh,
            even_if_stopped=job.even_if_stopped,
            subject=plan.subject,
            profile=plan.profile or DEFAULT_PROFILE,
        ),
        progress=lambda stage, fraction: pipe.send(Told("progress", stage, fraction)),
    )
    pipe.send(Told("progress", "drawing the scene"))
    scene = scene_of_run(result)
    if not (job.out / SCENE).exists():
        write_scene_html(scene, job.out / SCENE)
    return Solved(scene, result.record())
