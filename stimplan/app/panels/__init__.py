"""The panels of the app, in the order of their tabs; each is described in its own module.

A panel's logic is pure functions (`balance`, `changes`, `fields`, `verdict`, `screening`, `timeline`, `pose`); its
part of the session takes what the page sends, and its markup is a file of `templates/`.
"""

from __future__ import annotations

from stimplan.app.panels import bottom, dose, library, person, safety, teaching
from stimplan.app.registry import Panel

PANELS: tuple[Panel, ...] = (
    Panel("library", "Library", "left", library.build),
    Panel("dose", "Dose", "left", dose.build),
    Panel("lessons", "Lessons", "left", teaching.build),
    Panel("safety", "Verdict", "right", safety.build),
    Panel("person", "Person", "right", person.build),
    Panel("session", "Session", "bottom", bottom.build_session),
    Panel("course", "Course", "bottom", bottom.build_course),
)
