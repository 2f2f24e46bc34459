"""The sign-off as a PDF file: the first page to read and to sign, then everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stimplan.signoff.paper import BOLD, COLORS, FAINT, INK, LINE, MONO, build, para, style, text
from stimplan.signoff.pdf_rest import rest
from stimplan.signoff.shapes import PAGE_WIDTH_MM, grid, tick, writing
from stimplan.signoff.words import (
    DECISIONS,
    GROUPS,
    OPEN_GROUPS,
    REASON_LINES,
    SIGN_LINES,
    SIGNING,
    first_words,
    following,
    minute,
)

Record = Mapping[str, Any]


def signoff_pdf(record: Record) -> bytes:
    """The sign-off as `signoff_record` makes it; the same bytes for the same record.

    Raises
    ------
    MissingExtra
        The library that writes PDF is not installed.
    """
    from reportlab.platypus import PageBreak

    story = [*_head(record), _verdict(record), _counts(record), _others(record)]
    for name in OPEN_GROUPS:
        story += _group(record, name)
    story += [_signs(record), PageBreak(), *_continued(record), *rest(record)]
    person = f"person {record['person']}, " if record["person"] else ""
    foot = text(f"{person}{record['protocol']['id']}, protocol {record['protocol']['digest'][:16]}")
    title = f"Sign-off: {record['protocol']['title']} – {record['verdict']}"
    return build(story, title=title, foot=foot, notice=record["notice"])


def _head(record: Record) -> list[Any]:
    protocol = record["protocol"]
    changes = record["site_changes"]
    changed = f" ({changes} changed by the site)" if changes else ""
    facts = [f"Person <b>{text(record['person'] or '–')}</b>",
             f"profile <b>{text(record['profile']['id'])}</b>{changed}",
             f"protocol {text(protocol['id'])} {protocol['digest'][:16]}",
             f"rules {record['rule_set']['digest'][:16]}"]  # fmt: skip
    is_same = protocol["summary"] == protocol["title"]
    summary = [] if is_same else [para(text(protocol["summary"]), style("summary", 9, spaceAfter=2))]
    if record["ledger"]:
        facts.append(f"ledger at {text(record['ledger']['at'])}")
    if record["simulation"]:
        facts.append(f"field on head {text(record['simulation']['head'])}")
    return [
        para(text(protocol["title"]), style("title", 13, fontName=BOLD, spaceAfter=2)),
        *summary,
        para(" · ".join(facts), style("facts", 7.2, textColor=FAINT, spaceAfter=4)),
    ]


def _verdict(record: Record) -> Any:
    color = COLORS[record["verdict"]]
    word = style("verdict", 24, fontName=BOLD, textColor=color, leading=27)
    means = style("means", 10.2, leading=13.4)
    width = {"stop": 34.0, "warn": 40.0, "pass": 36.0, "unknown": 64.0}[record["verdict"]]
    row = ["", para(record["verdict"].upper(), word), para(text(record["verdict_means"]), means)]
    commands = [("BOX", (0, 0), (-1, -1), 1.6, color), ("BACKGROUND", (0, 0), (0, 0), color),
                ("LEFTPADDING", (1, 0), (1, 0), 8), ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (1, 0), (-1, -1), 5), ("BOTTOMPADDING", (1, 0), (-1, -1), 7),
                ("RIGHTPADDING", (2, 0), (2, 0), 8)]  # fmt: skip
    return grid([row], [3.0, width, PAGE_WIDTH_MM - 3 - width], commands, spaceAfter=5)


def _counts(record: Record) -> Any:
    cells = []
    for name in OPEN_GROUPS:
        count = record["counts"][name]
        color = COLORS[name] if count else FAINT
        markup = f'<font name="{BOLD}" size="13" color="{color}">{count}</font>&nbsp; {GROUPS[name][0]}'
        cells.append(para(markup, style("count", 8, leading=15, textColor=INK if count else FAINT)))
    width = PAGE_WIDTH_MM / len(cells)
    commands = [("BOX", (i, 0), (i, 0), 0.6, LINE) for i in range(len(cells))]
    pads = [("LEFTPADDING", (0, 0), (-1, -1), 7), ("BOTTOMPADDING", (0, 0), (-1, -1), 3)]
    return grid([cells], [width] * len(cells), [*commands, *pads])


def _others(record: Record) -> Any:
    said = [f'{text(one["id"])} <font name="{BOLD}" color="{COLORS[one["verdict"]]}">{one["verdict"]}</font>'
            for one in record["other_profiles"]]  # fmt: skip
    return para(f"Under another profile: {' · '.join(said)}", style("others", 7.4, spaceBefore=4))


def _group(record: Record, name: str) -> list[Any]:
    """The points of a group on the first page, and how many follow."""
    points, shown = record["groups"][name], record["first_page"][name]
    if not points:
        return []
    story = [_heading(name), *(_point(name, one) for one in points[:shown])]
    if shown < len(points):
        story.append(para(text(following(points, shown)), style("more", 7.8, textColor=COLORS[name])))
    return story


def _heading(name: str) -> Any:
    title, asks = GROUPS[name]
    markup = f'<font name="{BOLD}" color="{COLORS[name]}">{title}</font> – {asks}'
    return para(markup, style("group", 8.8, spaceBefore=6, spaceAfter=2.5, keepWithNext=1))


def _point(name: str, one: Record) -> Any:
    inside = [para(_point_markup(one), style("point", 8, leading=10.2))]
    recorded = style("recorded", 7.6, leading=9.8, backColor="#f0f0f4", borderPadding=1.5, spaceBefore=2)
    for override in one["overrides"]:
        said = (f"On record (row {override['seq']}): “{override['reason']}” {override['name']}, {override['role']}, "
                f"{minute(override['at_utc'])}")  # fmt: skip
        inside.append(para(text(said), recorded))
    if name == "reasons" and not one["overrides"]:
        inside += [writing(lines, PAGE_WIDTH_MM - 3) for lines in (REASON_LINES[:1], ("",), REASON_LINES[1:])]
    commands = [("LINEBEFORE", (0, 0), (0, -1), 1.6, COLORS[name]), ("LEFTPADDING", (0, 0), (-1, -1), 7),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5)]  # fmt: skip
    return grid([[inside]], [PAGE_WIDTH_MM], commands, spaceAfter=3)


def _point_markup(one: Record) -> str:
    place = f" ({text(one['place'])})" if one["place"] else ""
    numbers = f": <b>{text(one['numbers'])}</b>" if one["numbers"] else ""
    memory = " · source from memory" if one["access"] == "recalled" else ""
    rule = f'<font name="{MONO}" size="6.6" color="{FAINT}">{text(one["rule_id"])}{memory}</font>'
    return f"<b>{text(one['title'])}</b>{place}{numbers}. {text(first_words(one['message']))} {rule}"


def _signs(record: Record) -> Any:
    """Decision and places to sign, in one piece."""
    from reportlab.platypus import KeepTogether

    words = style("decision", 8.8)
    cells: list[Any] = [para("<b>Decision</b>", words)]
    for decision in DECISIONS:
        cells += [tick(), para(text(decision), words)]
    decisions = grid([cells], [24, 5, 30, 5, 60, 5, PAGE_WIDTH_MM - 129], [("VALIGN", (0, 0), (-1, -1), "MIDDLE")],
                     spaceBefore=7, spaceAfter=4)  # fmt: skip
    half = PAGE_WIDTH_MM / 2 - 3
    boxes: list[Any] = []
    for role in record["roles"]:
        head = para(text(role), style("role", 9, fontName=BOLD))
        boxes += [[head, *(writing([line], half - 6, height_mm=6.2) for line in SIGN_LINES)], ""]
    commands = [command for i in (0, 2) for command in (
        ("BOX", (i, 0), (i, 0), 0.7, INK), ("LEFTPADDING", (i, 0), (i, 0), 7), ("TOPPADDING", (i, 0), (i, 0), 3),
        ("BOTTOMPADDING", (i, 0), (i, 0), 6))]  # fmt: skip
    small = style("signing", 7.2, textColor=FAINT, spaceBefore=4)
    note = f"{SIGNING} {len(record['not_judged'])} things were not judged at all: see the next page."
    return KeepTogether([decisions, grid([boxes[:-1]], [half, 6, half], commands), para(text(note), small)])


def _continued(record: Record) -> list[Any]:
    """What the first page had no room for."""
    story: list[Any] = []
    for name in OPEN_GROUPS:
        points = record["groups"][name][record["first_page"][name] :]
        if points:
            story += [_heading(name), *(_point(name, one) for one in points)]
    if not story:
        return []
    return [para("Continued from the first page", style("continued", 11, fontName=BOLD)), *story]
