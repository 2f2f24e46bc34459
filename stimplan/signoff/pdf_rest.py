"""Everything after the first page of the sign-off's PDF file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stimplan.signoff.paper import BOLD, COLORS, FAINT, MONO, para, style, text
from stimplan.signoff.shapes import PAGE_WIDTH_MM, bullets, grid, ruled, tick
from stimplan.signoff.words import ACCESS, BASIS, GROUPS, minute

Record = Mapping[str, Any]
_SMALL = 7.4


def rest(record: Record) -> list[Any]:
    """The flowables of the folded part, in the order of the HTML page."""
    return [
        *_not_judged(record),
        *_stop(record),
        *_events(record),
        *_findings(record),
        *_profiles(record),
        *_overrides(record),
        _heading("The plan in words"),
        para(text(record["protocol"]["text"]), style("words", 7.8, leading=10.2)),
        *_versions(record),
    ]


def _heading(words: str) -> Any:
    return para(text(words), style("h2", 10.5, fontName=BOLD, spaceBefore=9, spaceAfter=3, keepWithNext=1))


def _sub(words: str) -> Any:
    return para(text(words), style("h3", 8.6, fontName=BOLD, spaceBefore=3, spaceAfter=2, keepWithNext=1))


def _cells(values: list[str], **look: Any) -> list[Any]:
    return [para(value, style("cell", _SMALL, leading=9.4, **look)) for value in values]


def _table(columns: list[str], rows: list[list[str]], widths_mm: list[float]) -> Any:
    """A table; the cells are markup already."""
    return ruled([_cells(columns, fontName=BOLD, textColor=FAINT), *(_cells(row) for row in rows)], widths_mm)


def _not_judged(record: Record) -> list[Any]:
    lines = list(record["not_judged"])
    if record["protocol"]["not_reported"]:
        lines.append(f"Not given in the protocol: {', '.join(record['protocol']['not_reported'])}.")
    return [_heading("Not judged"), *bullets(lines or ["Nothing was left out."], 8)]


def _stop(record: Record) -> list[Any]:
    criteria = record["stop_criteria"]
    source = f"{criteria['note']} {criteria['source']}, doi:{criteria['doi']} ({ACCESS[criteria['access']]})."
    return [
        _heading("When to stop"),
        _sub("Stop the session"),
        *bullets(criteria["staff"], 8),
        _sub("Review before the next session"),
        *bullets(criteria["before_next"]["staff"], 8),
        para(text(source), style("source", 7, textColor=FAINT)),
    ]


def _events(record: Record) -> list[Any]:
    events = record["adverse_events"]
    columns = ["After session no. ______ on ____________", *events["severity"], "Note, relation"]
    rows: list[list[Any]] = [_cells([text(one) for one in columns], fontName=BOLD, textColor=FAINT)]
    for item in events["items"]:
        rows.append([*_cells([text(item["label"])]), *(tick(2.8) for _ in events["severity"]), ""])
    widths = [64.0, *(17.0 for _ in events["severity"]), PAGE_WIDTH_MM - 64 - 17 * len(events["severity"])]
    source = f"{events['source']} ({ACCESS[events['access']]})."
    return [
        _heading(events["title"]),
        ruled(rows, widths),
        para(text(source), style("source", 7, textColor=FAINT, spaceBefore=2)),
    ]


def _findings(record: Record) -> list[Any]:
    rows = [_finding(one) for name in GROUPS for one in record["groups"][name]]
    columns = ["Finding", "What", "Value", "Limit", "Source"]
    return [_heading("All findings"), _table(columns, rows, [17, 71, 20, 20, PAGE_WIDTH_MM - 128])]


def _finding(one: Record) -> list[str]:
    place = f" ({text(one['place'])})" if one["place"] else ""
    tried = f'<br/><font color="{FAINT}">highest tried</font>' if one["censored"] else ""
    locator = f", {one['locator']}" if one["locator"] else ""
    doi = f", doi:{one['doi']}" if one["doi"] else ""
    known = f"({ACCESS[one['access']]}; {BASIS.get(one['basis'], one['basis'])})"
    return [
        f'<font name="{BOLD}" color="{COLORS[one["status"]]}">{one["status"]}</font><br/>{text(one["severity"])}',
        f"<b>{text(one['title'])}</b>{place}<br/>{text(one['message'])}<br/>"
        f'<font name="{MONO}" size="6.6">{text(one["rule_id"])} {text(one["rule_version"])}</font>',
        text(one["value_text"] or "–"),
        text(one["limit_text"] or "–") + tried,
        f"{text(one['citation'] + locator + doi)} {text(known)}",
    ]


def _profiles(record: Record) -> list[Any]:
    own = record["profile"]
    title = f": {own['title']}" if own["title"] != own["id"] else ""
    words = f"<b>{text(own['id'])}</b>{text(title)}. {text(own['description'])}"
    rows = [
        [text(one["id"]), f'<font name="{BOLD}" color="{COLORS[one["verdict"]]}">{one["verdict"]}</font>',
         text(", ".join(one["differing"]) or "none")]
        for one in record["other_profiles"]
    ]  # fmt: skip
    return [
        _heading("Policy profile"),
        para(words, style("profile", 8)),
        _table(["Another profile", "Would have said", "Rules that differ"], rows, [44, 30, PAGE_WIDTH_MM - 74]),
    ]


def _overrides(record: Record) -> list[Any]:
    ledger = record["ledger"]
    head = _heading("Overrides in the ledger")
    if not ledger or not ledger["overrides"]:
        words = f"None for {ledger['person']}." if ledger else "No ledger was read."
        return [head, para(text(words), style("none", 8))]
    rows = []
    for one in ledger["overrides"]:
        is_of_plan = one["plan"] is not None and one["plan"] == ledger["plan"]
        other = f"plan row {one['plan']}{', not now' if is_of_plan else ''}" if one["plan"] else "no plan"
        rows.append([text(value) for value in (
            one["seq"], one["rule_id"], one["reason"], f"{one['name']}, {one['role']}", minute(one["at_utc"]),
            "this plan" if one["is_for_this"] else other)])  # fmt: skip
    return [head, _table(["Row", "Rule", "Reason", "By", "When", "For"], rows, [10, 34, 60, 30, 30, 20])]


def _versions(record: Record) -> list[Any]:
    mono = f'<font name="{MONO}" size="6.8">{{}}</font>'
    digest = record["subject_digest"]
    rows = [
        ["Program", text(record["program"])],
        ["Rules", text(record["rule_set"]["version"])],
        ["Digest of the rules", mono.format(record["rule_set"]["digest"])],
        ["Digest of the protocol", mono.format(record["protocol"]["digest"])],
        ["Digest of the person’s answers", mono.format(digest) if digest else "no answers were given"],
    ]
    if record["simulation"]:
        field = record["simulation"]
        rows.append(["Simulated field", text(f"on head {field['head']}; {'; '.join(field['lines'])}")])
    if record["ledger"]:
        ledger = record["ledger"]
        rows.append(["Ledger", f"{ledger['rows']} rows, plan row {ledger['plan'] or 'none'}; newest hash "
                     + mono.format(text(ledger["head"]))])  # fmt: skip
    return [_heading("Versions"), grid([_cells(row) for row in rows], [52, PAGE_WIDTH_MM - 52])]
