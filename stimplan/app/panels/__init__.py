"""The panels of the app, in the order of their tabs; each is described in its own module."""

from __future__ import annotations

from stimplan.app.registry import Panel

PANELS: tuple[Panel, ...] = ()
