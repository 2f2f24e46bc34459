"""A panel of the app, as a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from stimplan.app.session import Session

Region = Literal["left", "right", "bottom"]


@attrs.frozen
class Panel:
    """One tab of the page.

    Attributes
    ----------
    id : str
        Unique; the panel's names of state start with it.
    title : str
        On the tab, one or two words.
    region : {"left", "right", "bottom"}
    build : callable
        `build(session)`, called once inside the container of the tab.
    """

    id: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z][a-z0-9_]*"))
    title: str
    region: Region = attrs.field(validator=attrs.validators.in_(("left", "right", "bottom")))
    build: Callable[[Session], None]


def of_region(panels: tuple[Panel, ...], region: Region) -> tuple[Panel, ...]:
    """The panels of one region, in their order."""
    return tuple(panel for panel in panels if panel.region == region)
