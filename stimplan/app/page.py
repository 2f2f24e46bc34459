"""The page itself: trame's own, told what it is, without what keeps a reader from zooming."""

from __future__ import annotations

import re
from pathlib import Path

TITLE = "stimplan"

# The token leaves the address bar as soon as the cookie has it: no history, screenshot or shared link carries it on.
_HEAD = """
    <script>history.replaceState(null, "", location.pathname)</script>
    <link rel="stylesheet" href="stimplan/app.css" />
    <link rel="stylesheet" href="stimplan/panels.css" />
    <script src="stimplan/keys.js" defer></script>"""
_WAITING = '<div id="app"><main class="sp-waiting"><h1>stimplan</h1><p>Loading the page …</p></main></div>'


def page_text(index: Path) -> str:
    """Text of the page, made from trame's `index.html`, whose scripts have other names in each version.

    Raises
    ------
    ValueError
        It is not as it was: a version of trame whose page this does not know.
    """
    text = index.read_text(encoding="utf-8")
    replacements = (
        (r'<meta\s+name="viewport"[^>]*>', '<meta name="viewport" content="width=device-width, initial-scale=1" />'),
        (r'<meta\s+name="description"[^>]*>', '<meta name="description" content="Plan brain stimulation" />'),
        (r'<meta\s+name="keywords"[^>]*>', ""),
        (r"<title>.*?</title>", f"<title>{TITLE}</title>"),
        (r"<head>", "<head>" + _HEAD),
        (r'<div id="app"></div>\s*<script>.*?</script>', _WAITING),
    )
    for pattern, new in replacements:
        text, count = re.subn(pattern, lambda _, new=new: new, text, count=1, flags=re.DOTALL)  # type: ignore[misc]
        if not count:
            raise ValueError(f"{index} has no {pattern}: this version of trame is not known")
    return text
