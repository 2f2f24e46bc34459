"""The page: a bar on top, and four regions under it: left, middle, right, bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stimplan.app.page import TITLE
from stimplan.app.registry import Panel, Region, of_region

if TYPE_CHECKING:
    from stimplan.app.session import Session

_REGION_TITLES: dict[Region, str] = {"left": "Protocol", "right": "Safety", "bottom": "Session"}

# Everything on the page is measured in the size of the root's text.
_SIZE_STEP = (
    "[$event.target.ownerDocument.documentElement].forEach((root) => root.style.fontSize = "
    "Math.min(26, Math.max(12, (parseFloat(root.style.fontSize) || 16) {step})) + 'px')"
)
_TEXT_SIZE = "".join(
    f'<button type="button" aria-label="{name} text" title="{name} text" data-testid="text-{name.lower()}" '
    f'@click="{_SIZE_STEP.format(step=step)}">{sign}</button>'
    for name, step, sign in (("Smaller", "- 2", "A\u2212"), ("Larger", "+ 2", "A+"))
)


# What assistive technology reads. Trame passes on the attributes it knows and drops all others in silence.
_SPOKEN = ("role", "aria_label", "aria_labelledby", "aria_live")


def _let_spoken_attributes_through() -> None:
    from trame_client.widgets import vue

    known = {one if isinstance(one, str) else one[0] for one in vue.SHARED_ATTRIBUTES}
    vue.SHARED_ATTRIBUTES.extend((name, name.replace("_", "-")) for name in _SPOKEN if name not in known)


def lay_out(session: Session) -> None:
    """Build the whole page: the shell, the head in the middle, and every panel in its region."""
    _let_spoken_attributes_through()
    from trame.ui.html import DivLayout
    from trame.widgets import html
    from trame.widgets import vuetify3 as v

    from stimplan.app.actions import add_actions, build_solve
    from stimplan.app.panels import PANELS
    from stimplan.app.view import build_view

    state = session.state
    state.trame__title = TITLE
    # Two windows of one app show one plan, but each looks where it wants.
    state.client_only("view_look", "solve_dialog", "tab_left", "tab_right", "tab_bottom")
    session.server.enable_module({"scripts": ["stimplan/view.js"], "vue_use": ["stimplan_view"]})
    state.setdefault("verdict", "unknown")
    state.setdefault("verdict_word", "UNKNOWN")
    with DivLayout(session.server) as page, page.root, v.VApp(), html.Div(classes="sp-page"):
        _top(session)
        _region(session, PANELS, "left")
        with html.Main(classes="sp-middle", aria_label="Head and electric field"):
            build_solve(session)
            add_actions(session, build_view(session))
        _region(session, PANELS, "right")
        _region(session, PANELS, "bottom")
        _messages(session)


def _top(session: Session) -> None:
    from trame.widgets import html
    from trame.widgets import vuetify3 as v

    from stimplan.app.actions import build_actions

    session.state.setdefault("plan_title", "")
    session.state.setdefault("plan_origin", "")

    def show(plan: object, by: str = "") -> None:
        protocol = session.plan.protocol
        session.state.plan_title = protocol.title or protocol.id
        session.state.plan_origin = session.plan.origin

    show(session.plan)
    session.on_plan(show)
    with html.Header(classes="sp-top"):
        html.H1("stimplan", classes="sp-brand")
        html.Span("{{ plan_title }}", classes="sp-title", title=("plan_title",))
        html.Span("({{ plan_origin }})", classes="sp-origin")
        with html.Span(classes=("['sp-verdict', 'sp-verdict-' + verdict]",), role="status"):
            html.Span("Safety: {{ verdict_word }}")
        v.VSpacer()
        html.Div(_TEXT_SIZE, classes="sp-text-size", role="group", aria_label="Size of text")
        build_actions(session)


def _region(session: Session, panels: tuple[Panel, ...], region: Region) -> None:
    """The panels of a region as tabs; a single one needs none."""
    from trame.widgets import html
    from trame.widgets import vuetify3 as v

    chosen = of_region(panels, region)
    tab = f"tab_{region}"
    session.state.setdefault(tab, chosen[0].id if chosen else "")
    container = html.Section if region == "bottom" else html.Aside
    with container(classes=f"sp-region sp-{region}", aria_label=_REGION_TITLES[region]):
        if len(chosen) > 1:
            with v.VTabs(v_model=(tab,), density="compact", classes="sp-tabs", show_arrows=True):
                for panel in chosen:
                    v.VTab(
                        panel.title,
                        value=panel.id,
                        id=f"tab-{panel.id}",
                        raw_attrs=[f'aria-controls="panel-{panel.id}"'],
                    )
        for panel in chosen:
            attributes = {"role": "tabpanel", "aria_labelledby": f"tab-{panel.id}"} if len(chosen) > 1 else {}
            with html.Div(v_show=f"{tab} === '{panel.id}'", id=f"panel-{panel.id}", classes="sp-panel", **attributes):
                panel.build(session)


def _messages(session: Session) -> None:
    """What the app has to say, read out by a screen reader as it comes."""
    from trame.widgets import html
    from trame.widgets import vuetify3 as v

    with (
        html.Div(classes="sp-messages", role="status", aria_live="polite"),
        v.VAlert(
            "{{ one.text }}",
            v_for="one in messages",
            key=("one.id",),
            type=("one.kind",),
            variant="outlined",
            classes="sp-message",
            density="compact",
            closable=True,
            close_label="Dismiss",
            click_close=session.trigger("dismiss", "one.id"),
        ),
    ):
        pass
