"""What the PDF files share: fonts, styles, text that cannot be markup, and a foot on every page.

The fonts are the DejaVu fonts that matplotlib brings along (free licence), embedded, because the fonts every PDF
reader has lack µ, ≥ and Ω in part. Nothing is read from the system, and the same record gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stimplan.errors import MissingExtra

SANS, BOLD, MONO = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono"
INK, FAINT, LINE = "#1d1d1f", "#5d5d63", "#c9c9cf"
COLORS = {"stop": "#b3261e", "warn": "#8a5a00", "unknown": "#5b4b8a", "pass": "#1b6e3c", "blocks": "#b3261e",
          "reasons": "#b3261e", "review": "#8a5a00", "held": "#1b6e3c", "shown": FAINT}  # fmt: skip
MARGIN_MM, FOOT_MM, TOP_MM = 13.0, 16.0, 10.0


@cache
def _fonts() -> dict[str, Any]:
    """The embedded fonts by name, registered once.

    Raises
    ------
    MissingExtra
        The library that writes PDF, or the fonts, are not there.
    """
    try:
        from reportlab.lib.fonts import addMapping
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFError, TTFont
    except ImportError:
        raise MissingExtra("PDF files need the package reportlab: pip install reportlab") from None
    home = find_spec("matplotlib")
    root = Path((home.submodule_search_locations or ["."])[0] if home else ".") / "mpl-data" / "fonts" / "ttf"
    try:
        found = {name: TTFont(name, str(root / f"{name}.ttf")) for name in (SANS, BOLD, MONO)}
    except (OSError, TTFError) as error:
        raise MissingExtra(f"PDF files need the fonts of matplotlib: {error}") from None
    for font in found.values():
        pdfmetrics.registerFont(font)
    for bold in (0, 1):
        for italic in (0, 1):
            addMapping(SANS, bold, italic, BOLD if bold else SANS)
    return found


def text(value: object) -> str:
    """Text for a paragraph: nothing in it is markup; a character without a glyph is written out as `[U+4E2D]`."""
    known = _fonts()[SANS].face.charToGlyph
    shown = str(value).replace("\n", " ").replace("\t", " ")
    return escape("".join(c if ord(c) in known and ord(c) >= 32 else f"[U+{ord(c):04X}]" for c in shown))


def style(name: str, size: float, **more: Any) -> Any:
    """A paragraph style."""
    from reportlab.lib.styles import ParagraphStyle

    _fonts()
    given: dict[str, Any] = {"fontName": SANS, "fontSize": size, "leading": size * 1.3, "textColor": INK, **more}
    return ParagraphStyle(name, **given)


def para(markup: str, wanted: Any) -> Any:
    """A paragraph; everything in `markup` that is not ours went through `text`."""
    from reportlab.platypus import Paragraph

    return Paragraph(markup, wanted)


def build(story: Sequence[Any], *, title: str, foot: str, notice: str) -> bytes:
    """The PDF file: A4, with the notice, a line that names the plan and the page's number at the foot of every page."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    stream = io.BytesIO()
    document = BaseDocTemplate(stream, pagesize=A4, title=title, author="stimplan", lang="en", invariant=1)
    frame = Frame(MARGIN_MM * mm, FOOT_MM * mm, A4[0] - 2 * MARGIN_MM * mm, A4[1] - (FOOT_MM + TOP_MM) * mm,
                  leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)  # fmt: skip
    document.addPageTemplates([PageTemplate(frames=[frame])])
    document.build(list(story), canvasmaker=_numbered(foot, notice))
    return stream.getvalue()


def _numbered(foot: str, notice: str) -> Any:
    """A canvas that knows at the end how many pages there are."""
    from reportlab.pdfgen.canvas import Canvas

    class Numbered(Canvas):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, start=1):
                self.__dict__.update(page)
                _draw_foot(self, foot, notice, f"page {number} of {len(self._pages)}")
                super().showPage()
            super().save()

    return Numbered


def _draw_foot(canvas: Any, foot: str, notice: str, number: str) -> None:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm

    width = A4[0] - 2 * MARGIN_MM * mm
    words = para(text(notice), style("foot", 6.6, textColor=FAINT))
    _, height = words.wrap(width, FOOT_MM * mm)
    canvas.saveState()
    canvas.setStrokeColor(HexColor(LINE))
    canvas.line(MARGIN_MM * mm, 5.6 * mm + height + 4, A4[0] - MARGIN_MM * mm, 5.6 * mm + height + 4)
    words.drawOn(canvas, MARGIN_MM * mm, 5.6 * mm)
    canvas.setFont(SANS, 6.6)
    canvas.setFillColor(HexColor(FAINT))
    canvas.drawString(MARGIN_MM * mm, 3 * mm, foot)
    canvas.drawRightString(A4[0] - MARGIN_MM * mm, 3 * mm, number)
    canvas.restoreState()
