"""The middle of the page: the head with the field on its cortex, electrodes, and sites to click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stimplan.app.picture import Picture, colour_table, gradient, packed, picture_of, sites, template_layers

if TYPE_CHECKING:
    from stimplan.app.session import Session

# Direction from the head's middle to the camera, by the name on the button (x right, y front, z up).
_VIEWS = {
    "Left": (-1, 0, 0.12),
    "Right": (1, 0, 0.12),
    "Front": (0, 1, 0.12),
    "Back": (0, -1, 0.12),
    "Top": (0, -0.001, 1),
    "Slanted": (-0.72, 0.72, 0.45),
}
_CAPTIONS = {
    "magnitude": "|E| on the cortex, V/m",
    "inward": "E into the cortex (+) and out of it (−), V/m",
}


class View:
    """The head's part of the session: shows each plan, and holds the range of the colours between them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._most = 0.0
        state = session.state
        state.view_sites = sites()
        state.view_quantity = "magnitude"
        state.view_layers = list(template_layers())
        state.view_look = {"towards": _VIEWS["Slanted"]}
        self._picture = picture_of(session.plan)
        self._show(fits=True)
        session.on_plan(self._on_plan)
        session.handler("fit_colours", lambda: self._show(fits=True))
        session.on_state("view_quantity")(self._on_quantity)

    def _on_plan(self, plan: object, by: str) -> None:
        self._picture = picture_of(self._session.plan, self._session.state.view_quantity)
        self._show(fits=by in ("library", "file", "lesson"))

    def _on_quantity(self, view_quantity: Any) -> None:
        if view_quantity in _CAPTIONS:
            self._picture = picture_of(self._session.plan, view_quantity)
            self._show(fits=True)

    def _show(self, *, fits: bool) -> None:
        """Put the picture into the state; colours keep their range while a slider moves, so that less looks less."""
        picture, state = self._picture, self._session.state
        quantity = state.view_quantity
        if picture.values is not None:
            self._most = picture.most_V_per_m if fits else max(self._most, picture.most_V_per_m)
            state.view_field = packed(picture.values, "float32")
        else:
            state.view_field = None
        low = 0.0 if quantity == "magnitude" else -self._most
        state.view_range = [low, self._most or 1.0]
        state.view_ticks = _ticks(low, self._most)
        state.view_table, state.view_gradient = colour_table(quantity), gradient(quantity)
        state.view_caption = _CAPTIONS[quantity]
        state.view_has_field = picture.values is not None
        state.view_electrodes = [disc.record() for disc in picture.electrodes]
        state.view_why = picture.why
        state.view_numbers = _numbers(picture)


def _ticks(low: float, high: float) -> list[str]:
    return [f"{low + (high - low) * step / 4:.2g}" for step in range(5)]


def _numbers(picture: Picture) -> str:
    """One line with the figures of the picture."""
    found = picture.numbers
    if not found:
        return ""
    return (
        f"95th percentile {found['p95_V_per_m']:.3g} V/m, 99th {found['p99_V_per_m']:.3g} V/m, "
        f"peak near {found['peak_nearest_site']}"
    )


def build_view(session: Session) -> None:
    """Lay the view out in the container of the moment."""
    from trame_client.widgets.core import AbstractElement

    View(session)
    attributes = {
        "layers": "view_layers", "field": "view_field", "range": "view_range", "table": "view_table",
        "electrodes": "view_electrodes", "sites": "view_sites", "look": "view_look", "caption": "view_caption",
    }  # fmt: skip
    raw = [f':{name}="{value}"' for name, value in attributes.items()]
    AbstractElement("sp-head", raw_attrs=[*raw, f'@pick="{session.trigger("pick", "$event")}"'])
    _bar(session)


def _bar(session: Session) -> None:
    """Below the picture: what it shows, its colours, and what is left to choose."""
    from trame.widgets import html
    from trame.widgets import vuetify3 as v

    with html.Div(classes="sp-under"):
        with html.Div(v_show="view_has_field", classes="sp-colours", role="img", aria_label=("view_caption",)):
            html.Span("{{ view_caption }}", classes="sp-caption")
            html.Div(classes="sp-gradient", style=("{background: view_gradient}",))
            with html.Div(classes="sp-ticks"):
                html.Span("{{ one }}", v_for="one, i in view_ticks", key=("i",))
        html.P("No field is shown: {{ view_why }}", v_show="!view_has_field", classes="sp-none")
        html.P("Preview. {{ view_numbers }}", v_show="view_has_field", classes="sp-numbers")
        with html.Div(classes="sp-tools"):
            for name, towards in _VIEWS.items():
                v.VBtn(
                    name,
                    size="small",
                    variant="tonal",
                    click=f"view_look = {{towards: {list(towards)}}}",
                )
            v.VBtn("Fit colours", size="small", variant="tonal", click=session.trigger("fit_colours"))
