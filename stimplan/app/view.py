"""The middle of the page: the head with the field on its cortex, electrodes, and sites to click."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stimplan.app.picture import Picture, gradient, packed, picture_of, sites, template_layers
from stimplan.errors import InputError

if TYPE_CHECKING:
    from stimplan.app.plan import Plan
    from stimplan.app.session import Session
    from stimplan.app.solve_worker import Solved

# Direction from the head's middle to the camera, by the name on the button (x right, y front, z up).
VIEWS = {
    "Left": (-1, 0, 0.12),
    "Right": (1, 0, 0.12),
    "Front": (0, 1, 0.12),
    "Back": (0, -1, 0.12),
    "Top": (0, -0.001, 1),
    "Slanted": (-0.72, 0.72, 0.45),
}
_MIDDLE_MM = (0.0, -18.0, 8.0)
# Who loads a whole protocol, after which the colours take its range: P panels name themselves so.
_LOADERS = ("library", "file", "lesson", "new", "upload")


class View:
    """The head's part of the session: shows each plan, and holds the range of the colours between them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._high = 0.0
        # The range of one unit, such as V/m for 1 A/µs, is never that of another.
        self._unit = ""
        self._solved: Solved | None = None
        # The page could write anything into the state, so what is built on lives here.
        self._mode, self._shade, self._results = "preview", 0, ""
        state = session.state
        state.view_sites = sites()
        state.view_look = {"towards": VIEWS["Slanted"], "middle": _MIDDLE_MM}
        self._show(fits=True)
        session.on_plan(self._on_plan)
        session.handler("fit_colours", lambda: self._show(fits=True))
        session.handler("shade", self._choose_shade)
        session.handler("view_mode", self._choose_mode)

    def show_solved(self, plan: Plan, solved: Solved, out: Path) -> None:
        """Show a result, if it is of the plan that is still shown."""
        if plan != self._session.plan:
            self._session.say(f"Solved, but the plan has changed since: the results are in {out.name}.", "warning")
            return
        self._solved, self._results = solved, out.name
        self._choose_mode("computed")
        self._session.say("Solved: the picture is the computed field; a change goes back to the preview.", "success")

    def _on_plan(self, plan: Plan, by: str) -> None:
        self._solved, self._results = None, ""
        if self._mode != "preview":
            self._choose_mode("preview")
        else:
            self._show_or_blank(fits=by in _LOADERS)

    def _show_or_blank(self, *, fits: bool) -> None:
        """A picture that cannot be made takes the last one away: it would be another plan's."""
        try:
            self._show(fits=fits)
        except Exception as error:
            why = "the picture could not be made: " + " ".join(str(error).split())[:200]
            self._session.state.update(
                {
                    "view_field": None, "view_has_field": False, "view_why": why, "view_electrodes": [],
                    "view_bodies": [], "view_layers": list(template_layers()),
                }
            )  # fmt: skip
            raise

    def _choose_mode(self, mode: Any) -> None:
        from stimplan.app.computed import computed_layers, cortex_of, is_on_template

        state = self._session.state
        self._shade = 0
        if mode == "computed" and self._solved is not None:
            scene = self._solved.scene
            state.view_layers = computed_layers(scene)
            points = 1e3 * cortex_of(scene).points_m
            middle = [float(one) for one in (points.min(axis=0) + points.max(axis=0)) / 2]
            on_template = is_on_template(scene)
            state.view_sites = []
            self._look_at(list(_MIDDLE_MM) if on_template else middle)
            self._mode = "computed"
        else:
            state.view_sites, self._mode = sites(), "preview"
            self._look_at(list(_MIDDLE_MM))
        self._show(fits=True)

    def _look_at(self, middle_mm: list[float]) -> None:
        """Another middle, from where the person looks already."""
        self._session.state.view_look = {"towards": VIEWS["Slanted"], "middle": middle_mm, "keeps": True}

    @property
    def results(self) -> str:
        """Name of the folder with the results that are shown; "" where there are none."""
        return self._results

    def _choose_shade(self, shade: Any) -> None:
        if not isinstance(shade, int) or isinstance(shade, bool) or not 0 <= shade < len(self._picture().shades):
            raise InputError("there is no such quantity to show")
        self._shade = shade
        self._show(fits=True)

    def _picture(self) -> Picture:
        if self._mode == "computed" and self._solved is not None:
            from stimplan.app.computed import computed_picture

            return computed_picture(self._solved, self._shade)
        return picture_of(self._session.plan, self._shade)

    def _show(self, *, fits: bool) -> None:
        """Put the picture into the state; colours keep their range while a slider moves, so that less looks less."""
        picture, state = self._picture(), self._session.state
        has_field = picture.values is not None
        if has_field:
            is_kept = picture.unit == self._unit and not fits
            self._high, self._unit = max(self._high, picture.high) if is_kept else picture.high, picture.unit
        self._shade = min(self._shade, len(picture.shades) - 1)
        if self._mode == "preview":
            state.view_layers = list(template_layers())
        low = self._high * picture.low / picture.high
        state.update(
            {
                "view_verb": "Put an electrode at"
                if self._session.plan.protocol.magnetic is None
                else "Put the coil at",
                "view_mode": self._mode,
                "view_bodies": list(picture.bodies),
                "view_shade": self._shade,
                "view_results": self._results,
                "view_field": packed(picture.values, "float32") if has_field else None,
                "view_range": [low, self._high or 1.0],
                "view_ticks": [_short(one) for one in np.linspace(low, self._high, 5)],
                "view_table": picture.table,
                "view_gradient": gradient(picture.table),
                "view_caption": picture.caption,
                "view_shades": list(picture.shades),
                "view_has_field": has_field,
                "view_electrodes": [disc.record() for disc in picture.electrodes],
                "view_why": picture.why,
                "view_line": picture.line,
            }
        )


def _short(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")


def build_view(session: Session) -> View:
    """Lay the view out in the container of the moment."""
    from trame_client.widgets.core import AbstractElement

    view = View(session)
    attributes = {
        "layers": "view_layers", "bodies": "view_bodies", "field": "view_field", "range": "view_range",
        "table": "view_table", "electrodes": "view_electrodes", "sites": "view_sites", "look": "view_look",
        "caption": "view_caption", "verb": "view_verb",
    }  # fmt: skip
    raw = [f':{name}="{value}"' for name, value in attributes.items()]
    AbstractElement("sp-head", raw_attrs=[*raw, f'@pick="{session.trigger("pick", "$event")}"'])
    _legend(session)
    _tools(session)
    return view


def _legend(session: Session) -> None:
    """Below the picture: what it shows, in which colours, and whether it is a preview."""
    from trame.widgets import html

    with html.Div(classes="sp-legend"):
        with html.Div(v_show="view_has_field", classes="sp-colours"):
            html.Span("{{ view_caption }}", classes="sp-caption")
            html.Div(classes="sp-gradient", style=("{background: view_gradient}",))
            with html.Div(classes="sp-ticks"):
                html.Span("{{ one }}", v_for="one, i in view_ticks", key=("i",))
        html.P("No field is shown: {{ view_why }}", v_show="!view_has_field", classes="sp-line")
        with html.P(v_show="view_has_field", classes="sp-line"):
            html.Strong("{{ view_mode === 'computed' ? 'Computed' : 'Preview' }}", classes="sp-mark")
            html.Span(" {{ view_line }}. {{ view_why }}")


def _tools(session: Session) -> None:
    """Where to look from, and what the colours are of."""
    from trame.widgets import html
    from trame.widgets import vuetify3 as v

    small = {"size": "small", "variant": "tonal"}
    with html.Div(classes="sp-tools", role="toolbar", aria_label="Picture"):
        for name, towards in VIEWS.items():
            look = f"view_look = {{towards: {list(towards)}, middle: view_look.middle}}"
            v.VBtn(name, click=look, **small)
        html.Span(classes="sp-gap")
        v.VBtn(
            "{{ one }}",
            v_for="one, i in view_shades",
            key=("i",),
            raw_attrs=[':aria-pressed="view_shade === i"'],
            color=("view_shade === i ? 'primary' : undefined",),
            click=session.trigger("shade", "i"),
            **small,
        )
        v.VBtn("Fit colours", v_show="view_mode === 'preview'", click=session.trigger("fit_colours"), **small)
        v.VBtn(
            "{{ view_mode === 'preview' ? 'Show computed' : 'Show preview' }}",
            v_show="view_results",
            click=session.trigger("view_mode", "view_mode === 'preview' ? 'computed' : 'preview'"),
            **small,
        )
