"""The sign-off and the person's sheet as HTML files that load nothing from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stimplan.resources import package_path
from stimplan.signoff import words


def render_signoff(record: Mapping[str, Any]) -> str:
    """The sign-off: on paper one page to sign, then the rest; on a screen the rest is folded.

    Parameters
    ----------
    record : mapping
        As `signoff_record` makes it.
    """
    return _template("signoff.html").render(
        record=record,
        groups=words.GROUPS,
        open_groups=words.OPEN_GROUPS,
        access=words.ACCESS,
        basis=words.BASIS,
        decisions=words.DECISIONS,
        sign_lines=words.SIGN_LINES,
        reason_lines=words.REASON_LINES,
        signing=words.SIGNING,
        first_words=words.first_words,
        following=words.following,
        minute=words.minute,
    )


def render_sheet(sheet: Mapping[str, Any]) -> str:
    """The sheet for the person, as `sheet_record` makes it."""
    return _template("sheet.html").render(sheet=sheet, call=words.CALL, ambulance=words.AMBULANCE)


def _template(name: str) -> Any:
    import jinja2

    loader = jinja2.FunctionLoader(lambda one: package_path("signoff", one).read_text(encoding="utf-8"))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["short"] = lambda digest: digest[:16]
    return environment.get_template(name)
