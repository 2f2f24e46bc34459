"""Parts of a PDF page: tables, lines to write on, boxes to tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stimplan.signoff.paper import FAINT, INK, LINE, MARGIN_MM, para, style, text

PAGE_WIDTH_MM = 209.99 - 2 * MARGIN_MM  # a hair less than the frame, so that rounding never makes it too wide


def grid(rows: Sequence[Sequence[Any]], widths_mm: Sequence[float], commands: Sequence[Any] = (), **more: Any) -> Any:
    """A table without air around its cells, but for what `commands` say."""
    from reportlab.lib.units import mm
    from reportlab.platypus import Table

    plain = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0),
             ("TOPPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
             ("VALIGN", (0, 0), (-1, -1), "TOP")]  # fmt: skip
    return Table(list(rows), [width * mm for width in widths_mm], style=[*plain, *commands], hAlign="LEFT", **more)


def ruled(rows: Sequence[Sequence[Any]], widths_mm: Sequence[float]) -> Any:
    """A table with a heading that is repeated, and a line under each row."""
    commands = [("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE), ("TOPPADDING", (0, 0), (-1, -1), 2.2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.2), ("RIGHTPADDING", (0, 0), (-1, -1), 5)]  # fmt: skip
    return grid(rows, widths_mm, commands, repeatRows=1)


def writing(labels: Sequence[str], width_mm: float, *, height_mm: float = 6.4, size: float = 7.2) -> Any:
    """Labels, each followed by a line to write on."""
    from reportlab.lib.units import mm
    from reportlab.pdfbase.pdfmetrics import stringWidth

    label = style("label", size, textColor=FAINT)
    cells: list[Any] = []
    widths: list[float] = []
    commands: list[Any] = []
    needed = [stringWidth(one, label.fontName, size) / mm + 2.0 for one in labels]
    room = (width_mm - sum(needed)) / len(labels) - 2.0
    for one, need in zip(labels, needed, strict=True):
        cells += [para(text(one), label), "", ""]
        commands.append(("LINEBELOW", (len(widths) + 1, 0), (len(widths) + 1, 0), 0.6, INK))
        widths += [need, room, 2.0]
    return grid([cells], widths, [*commands, ("VALIGN", (0, 0), (-1, -1), "BOTTOM")], rowHeights=[height_mm * mm])


def tick(size_mm: float = 3.2) -> Any:
    """An empty box."""
    from reportlab.graphics.shapes import Drawing, Rect
    from reportlab.lib.colors import HexColor
    from reportlab.lib.units import mm

    drawing = Drawing(size_mm * mm + 1, size_mm * mm)
    drawing.add(Rect(0.5, 0, size_mm * mm - 0.5, size_mm * mm - 0.5, strokeColor=HexColor(INK), strokeWidth=0.7,
                     fillColor=None))  # fmt: skip
    return drawing


def bullets(lines: Sequence[str], size: float) -> list[Any]:
    """A list."""
    look = style("bullet", size, leftIndent=size * 1.2, bulletIndent=size * 0.3, spaceAfter=size * 0.15)
    return [_bullet(line, look) for line in lines]


def _bullet(line: str, look: Any) -> Any:
    from reportlab.platypus import Paragraph

    return Paragraph(text(line), look, bulletText="•")
