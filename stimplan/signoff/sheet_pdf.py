"""The sheet for the person as a PDF file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stimplan.signoff.paper import BOLD, build, para, style, text
from stimplan.signoff.shapes import PAGE_WIDTH_MM, bullets, grid, ruled, tick, writing
from stimplan.signoff.words import AMBULANCE, CALL

_BLUE = "#1b4e7a"
_SIZE = 9.8


def sheet_pdf(sheet: Mapping[str, Any]) -> bytes:
    """The sheet as `sheet_record` makes it; the same bytes for the same sheet.

    Raises
    ------
    MissingExtra
        The library that writes PDF is not installed.
    """
    from reportlab.platypus import KeepTogether, PageBreak

    heading = style("heading", 11.6, fontName=BOLD, textColor=_BLUE, spaceBefore=6, spaceAfter=1.5)
    body = style("body", _SIZE, leading=_SIZE * 1.38)
    title = style("title", 16.5, fontName=BOLD, spaceAfter=2)
    whom = f"For ({sheet['person']})" if sheet["person"] else "For"
    story = [
        para(text(sheet["title"]), title),
        para("The staff go through this sheet with you. Ask them anything.", body),
        writing([whom, "First session on"], PAGE_WIDTH_MM, size=9),
    ]
    for one in sheet["sections"]:
        if one["heading"] != CALL:
            story.append(KeepTogether([para(text(one["heading"]), heading), para(text(one["text"]), body)]))
    lists = (("When a session is stopped", "stop"), ("Next time, tell the staff if", "before_next"))
    columns: list[Any] = [[para(name, heading), *bullets(sheet[key], _SIZE)] for name, key in lists]
    half = PAGE_WIDTH_MM / 2 - 4
    story.append(grid([[columns[0], "", columns[1]]], [half, 8, half], spaceBefore=7))
    story += [_call(sheet, body), PageBreak(), *_diary(sheet, heading, body)]
    foot = text(f"Plan {sheet['protocol']['id']}, {sheet['protocol']['digest'][:16]}")
    return build(story, title=sheet["title"], foot=foot, notice=sheet["notice"])


def _call(sheet: Mapping[str, Any], body: Any) -> Any:
    heading = style("call", 12.5, fontName=BOLD, textColor=_BLUE, spaceAfter=3)
    texts = [para(text(one["text"]), body) for one in sheet["sections"] if one["heading"] == CALL]
    lines = [writing([line], PAGE_WIDTH_MM - 8, height_mm=7.4, size=9.2) for line in sheet["contacts"]]
    strong = style("strong", _SIZE, fontName=BOLD, leading=_SIZE * 1.35, spaceBefore=3)
    inside = [para(CALL, heading), *texts, para(AMBULANCE, strong), *lines]
    commands = [("BOX", (0, 0), (-1, -1), 1.6, _BLUE), ("LEFTPADDING", (0, 0), (-1, -1), 10),
                ("RIGHTPADDING", (0, 0), (-1, -1), 10), ("TOPPADDING", (0, 0), (-1, -1), 7),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 10)]  # fmt: skip
    return grid([[inside]], [PAGE_WIDTH_MM], commands, spaceBefore=7)


def _diary(sheet: Mapping[str, Any], heading: Any, body: Any) -> list[Any]:
    from reportlab.platypus import Spacer

    cell, head = style("cell", 10), style("head", 9, fontName=BOLD)
    marks = sheet["diary"]["marks"]
    columns = ["Did you have", *marks, "Since when? How long?"]
    rows: list[list[Any]] = [[para(text(one), head) for one in columns]]
    for item in sheet["diary"]["items"]:
        rows.append([para(text(item), cell), *(tick(4) for _ in marks), ""])
    widths = [62.0, *(16.0 for _ in marks), PAGE_WIDTH_MM - 62 - 16 * len(marks)]
    return [
        para("After the session: how was it?", heading),
        writing(["Session number", "Date"], PAGE_WIDTH_MM, size=9.4, height_mm=8),
        Spacer(1, 8),
        ruled(rows, widths),
        Spacer(1, 5),
        para("Fill in one of these for each session, and bring it along. Nothing is too small to write down.", body),
    ]
