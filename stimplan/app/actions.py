"""What the bar on top offers: save the protocol, solve it exactly, take the report and the scene along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stimplan.app.downloads import Offer
from stimplan.app.solver import MESHES, Solver
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from stimplan.app.session import Session
    from stimplan.app.view import View

_REPORT, _SCENE = "report.html", "scene.html"
_HTML = "text/html"


def add_actions(session: Session, view: View) -> None:
    """Register what the buttons do."""
    Solver(session, view.show_solved)
    state = session.state
    state.solve_dialog, state.solve_mesh, state.solve_despite = False, "teaching", False
    session.handler("save_protocol", lambda: _save(session))
    session.handler("report", lambda: _result(session, view, _REPORT))
    session.handler("scene", lambda: _result(session, view, _SCENE))


def _save(session: Session) -> None:
    """Write the protocol into the folder, and let the browser download it."""
    from stimplan.protocol import dump_protocol

    protocol = session.plan.protocol
    content = dump_protocol(protocol).encode("utf-8")
    path = session.folder.write(f"{protocol.id}.json", content)
    session.say(f"Saved as {path.name} in {path.parent}.", "success")
    session.offer(Offer(path.name, "application/json", content))


def _result(session: Session, view: View, name: str) -> None:
    """Offer a file of the results that are shown."""
    if not view.results:
        raise InputError("there are no results of this plan yet; solve it first")
    path: Path = session.folder.inside(view.results) / name
    if path.is_symlink() or not path.is_file():
        raise InputError(Problem(name, "is not among the results any more; solve again"))
    session.offer(Offer(f"{session.plan.protocol.id}-{name}", _HTML, path))


def build_actions(session: Session) -> None:
    """Lay the buttons out in the container of the moment."""
    from trame.widgets import html
    from trame.widgets import vuetify3 as v

    button = {"size": "small", "variant": "outlined"}
    with html.Div(classes="sp-actions", role="toolbar", aria_label="Protocol and results"):
        v.VBtn("Save", click=session.trigger("save_protocol"), **button)
        v.VBtn("Solve", click="solve_dialog = true", disabled=("solve_state === 'running'",), color="primary",
               variant="flat", size="small")  # fmt: skip
        v.VBtn("Report", click=session.trigger("report"), disabled=("!view_results",), **button)
        v.VBtn("Scene", click=session.trigger("scene"), disabled=("!view_results",), **button)


def build_solve(session: Session) -> None:
    """The dialog that starts a solve, and the strip that shows it going on."""
    from trame.widgets import html
    from trame.widgets import vuetify3 as v

    with (
        v.VDialog(v_model=("solve_dialog",), max_width=520, raw_attrs=['aria-label="Exact solve"']),
        v.VCard(title="Exact solve"),
    ):
        with v.VCardText():
            html.P("Solves the field in the head and writes report, pictures and volumes into the folder.")
            with v.VRadioGroup(v_model=("solve_mesh",), label="Mesh", hide_details=True):
                for name, words in MESHES.items():
                    v.VRadio(label=words, value=name)
            v.VCheckbox(
                v_model=("solve_despite",),
                label=("'Solve all the same: the safety verdict is ' + verdict",),
                v_show="verdict === 'stop' || verdict === 'unknown'",
                hide_details=True,
            )
        with v.VCardActions():
            v.VSpacer()
            v.VBtn("Not now", click="solve_dialog = false")
            v.VBtn(
                "Start",
                color="primary",
                variant="flat",
                click="solve_dialog = false; " + session.trigger("solve", "solve_mesh", "solve_despite"),
            )
    with html.Div(v_show="solve_state === 'running'", classes="sp-solving", role="status"):
        html.Span("Solving: {{ solve_stage }}", classes="sp-stage")
        v.VProgressLinear(
            model_value=("solve_percent",),
            indeterminate=("!solve_percent",),
            color="primary",
            raw_attrs=['aria-label="Progress"'],
        )
        v.VBtn("Cancel", size="small", variant="tonal", click=session.trigger("cancel_solve"))
