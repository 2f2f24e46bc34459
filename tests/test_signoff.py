"""The sign-off: its record, the page, the PDF file, and what the ledger adds."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import attrs
import pypdf
import pytest
from ledgers import BY, NOW, filled, session, start, tes_protocol
from pages import Page

from stimplan.errors import InputError, LedgerError, MissingExtra
from stimplan.ledger import append, open_ledger
from stimplan.notice import NOTICE
from stimplan.protocol import read_protocol
from stimplan.safety import Finding, Subject, check
from stimplan.safety.values import SafetyReport
from stimplan.signoff import ledger_part, paper, render_signoff, signoff_pdf, signoff_record
from stimplan.signoff.groups import first_page, group_of
from stimplan.signoff.words import DECISIONS, GROUPS, OPEN_GROUPS, ROLES, first_words, numbers_text, verdict_sentence

STOPPED = "levkovitz-2015-h1"
HOSTILE = '<script src="https://evil.example/x.js">alert(1)</script><img src=x onerror=alert(1)>"\'&<b><para>'
FORBIDDEN = re.compile(r"\b(safe\w*|unsafe|harmless|approved|guarantee\w*)\b", re.IGNORECASE)


def finding(status="stop", severity="justify", **changes):
    values = {
        "rule_id": "X-1", "rule_version": "1", "status": status, "severity": severity, "quantity": "current_A",
        "value": 0.01, "limit": 0.004, "unit": "A", "value_text": "10 mA", "limit_text": "4 mA", "title": "Too much",
        "message": "It is too much. Going on needs the written reason of a named clinician.", "citation": "Somebody",
        "doi": "10.1000/xyz", "locator": "Table 1", "access": "recalled", "basis": "observed_envelope",
        "censored": True, "place": "F3",
    }  # fmt: skip
    return Finding(**{**values, **changes})


def record(*findings, name="select-tdcs", **more):
    protocol = read_protocol(name)
    report = check(protocol)
    if findings:
        report = attrs.evolve(report, findings=findings)
    return signoff_record(protocol, report, **more)


def pages(pdf: bytes) -> list[str]:
    return [re.sub(r"\s+", " ", page.extract_text()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def many(count, **changes):
    return [finding(title=f"Point {i} of many", rule_id=f"X-{i}", **changes) for i in range(count)]


# what goes where


@pytest.mark.parametrize(
    ("status", "severity", "group"),
    [
        ("stop", "block", "blocks"), ("stop", "justify", "reasons"), ("unknown", "block", "unknown"),
        ("unknown", "justify", "unknown"), ("unknown", "warn", "review"), ("warn", "warn", "review"),
        ("pass", "block", "held"), ("pass", "info", "shown"), ("unknown", "info", "shown"), ("stop", "warn", "blocks"),
    ],
)  # fmt: skip
def test_a_finding_stands_where_it_asks_to_be_acted_upon(status, severity, group):
    assert group_of(finding(status, severity)) == group


def test_every_finding_is_in_exactly_one_group_and_the_counts_are_those_of_the_page():
    data = record(name=STOPPED)
    report = check(read_protocol(STOPPED))
    placed = [one["rule_id"] for points in data["groups"].values() for one in points]
    assert sorted(placed) == sorted(one.rule_id for one in report.findings)
    assert data["counts"] == {name: len(data["groups"][name]) for name in OPEN_GROUPS}
    assert data["verdict"] == report.verdict == "stop"


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ([finding(severity="block")], "1 point blocks this plan"),
        ([finding(), finding()], "2 points lie outside the rules"),
        ([finding("unknown")], "1 point is not known"),
        ([finding("pass"), finding("warn", "warn")], "1 point is to review"),
        ([finding("pass")], "No limit that was asked was exceeded"),
        ([finding("pass", "info")], "No rule that could stop this plan was asked"),
    ],
)
def test_the_verdict_is_said_in_words_that_ask_for_something(findings, words):
    data = record(*findings)
    assert words in data["verdict_means"] and words in Page(render_signoff(data)).text
    assert words in pages(signoff_pdf(data))[0]


def test_a_bare_number_is_not_set_against_its_limit():
    assert numbers_text("4 s", "3.2 s") == "4 s against 3.2 s"
    assert numbers_text("1", "0") == "" and numbers_text("", "10 s") == ""
    assert first_words("Too long. Going on needs the written reason of a named clinician.") == "Too long."


def test_the_report_of_another_protocol_is_refused():
    report = check(read_protocol("select-tdcs"))
    with pytest.raises(InputError, match="check it again"):
        signoff_record(read_protocol(STOPPED), report)


# the page and the PDF say the same


@pytest.mark.parametrize("name", ["select-tdcs", STOPPED])
def test_page_and_pdf_hold_every_finding_with_value_limit_paper_and_access(name):
    data = record(name=name)
    html, pdf = Page(render_signoff(data)).text, " ".join(pages(signoff_pdf(data)))
    squeezed = re.sub(r"\s", "", pdf)
    for one in check(read_protocol(name)).findings:
        for words in (one.title, one.rule_id, one.value_text, one.limit_text, one.citation):
            assert re.sub(r"\s+", " ", words) in html
            assert re.sub(r"\s", "", words) in squeezed
    for words in ("Policy profile", "device-label-us", "Versions", data["rule_set"]["digest"],
                  data["protocol"]["digest"], data["rule_set"]["version"].split(",")[0]):  # fmt: skip
        assert words in html and re.sub(r"\s", "", words) in squeezed
    assert "from memory, not yet compared with the source" in html


def test_what_was_not_judged_and_when_to_stop_are_on_both():
    data = record(name=STOPPED)
    html, pdf = Page(render_signoff(data)).text, re.sub(r"\s", "", " ".join(pages(signoff_pdf(data))))
    assert len(data["not_judged"]) > 3
    for line in (*data["not_judged"], *data["stop_criteria"]["staff"], *data["stop_criteria"]["before_next"]["staff"]):
        assert line in html and re.sub(r"\s", "", line) in pdf
    for item in data["adverse_events"]["items"]:
        assert item["label"] in html and re.sub(r"\s", "", item["label"]) in pdf
    assert {"Fatigue", "Fall"} <= {item["label"] for item in data["adverse_events"]["items"]}


def test_another_profile_is_quoted_with_what_it_would_have_said():
    data = record()
    by_name = {one["id"]: one["verdict"] for one in data["other_profiles"]}
    others = check(read_protocol("select-tdcs")).other_profiles
    assert by_name == {name: one.verdict for name, one in others.items()} and len(by_name) >= 2
    for name, verdict in by_name.items():
        assert f"{name} {verdict}" in Page(render_signoff(data)).text
        assert f"{name} {verdict}" in pages(signoff_pdf(data))[0]


def test_the_notice_and_the_plan_stand_on_every_page():
    data = record(name=STOPPED)
    found = pages(signoff_pdf(data))
    assert len(found) > 2
    for number, page in enumerate(found, start=1):
        assert NOTICE in page and data["protocol"]["digest"][:16] in page
        assert f"page {number} of {len(found)}" in page
    html = render_signoff(data)
    assert NOTICE in Page(html).text and "table-footer-group" in html  # which a browser repeats on each page


def test_the_first_page_has_the_verdict_before_anything_else_and_places_to_sign():
    first = pages(signoff_pdf(record(name=STOPPED)))[0]
    assert first.index("STOP") < first.index("Needs a written reason") < first.index("Duration of a train")
    for words in (*ROLES, *DECISIONS, "Reason", "Name, role", "Date, signature", "Signature", "Name"):
        assert words in first


# one page, however much there is


@pytest.mark.parametrize("count", [0, 1, 3, 8, 40])
@pytest.mark.parametrize("length", [20, 600])
def test_the_places_to_sign_are_always_on_the_first_page_and_nothing_is_lost(count, length):
    message = "x" * 9 + " " + "word " * (length // 5)
    findings = [
        *many(count, severity="block", message=message), *many(count, message=message),
        *many(count, status="unknown", message=message), *many(count, status="warn", severity="warn", message=message),
        finding("pass"),
    ]  # fmt: skip
    data = record(*findings)
    found = pages(signoff_pdf(data))
    for role in ROLES:
        assert role in found[0] and "Signature" in found[0]
    html = Page(render_signoff(data)).text
    everything = " ".join(found)
    for i in range(count):
        # once among the points and once in the table, for each of the four groups
        assert html.count(f"Point {i} of many") >= 8 and everything.count(f"Point {i} of many") >= 8
    if count == 40:
        assert "on the next page" in found[0] and "on the next page" in html
        assert "Continued from the first page" in html and "Continued from the first page" in found[1]


def test_a_long_title_leaves_less_room():
    groups = {name: [] for name in GROUPS} | {"unknown": record(*many(40, status="unknown"))["groups"]["unknown"]}
    assert first_page(groups, title="x" * 400)["unknown"] < first_page(groups, title="x")["unknown"]


def test_the_urgent_come_first_when_there_is_not_room_for_all():
    data = record(*many(4, severity="block"), *many(30), *many(30, status="unknown"))
    assert data["first_page"]["blocks"] == 4 and 0 < data["first_page"]["reasons"] < 30
    assert data["first_page"]["unknown"] == 0


# nothing from outside, the same bytes


def test_the_page_loads_nothing_from_anywhere_and_runs_nothing():
    html = render_signoff(record(name=STOPPED))
    page = Page(html)
    assert page.loads == [] and all(link.startswith("https://doi.org/") for link in page.links)
    assert not {"script", "link", "iframe", "object", "embed", "img", "base", "form"} & set(page.tags)
    assert "url(" not in html and "@import" not in html and not re.search(r"\son\w+=", html)


def test_the_same_plan_gives_the_same_bytes():
    assert signoff_pdf(record(name=STOPPED)) == signoff_pdf(record(name=STOPPED))
    assert render_signoff(record(name=STOPPED)) == render_signoff(record(name=STOPPED))
    assert signoff_pdf(record()) != signoff_pdf(record(name=STOPPED))


@pytest.mark.parametrize("key", ["title", "message", "place", "citation", "locator", "doi", "rule_id", "basis"])
def test_text_of_a_finding_is_only_text(key):
    data = record(finding(**{key: HOSTILE}), finding("unknown", **{key: HOSTILE}))
    page = Page(render_signoff(data))
    assert not {"script", "img", "para"} & set(page.tags) and page.loads == []
    assert "alert(1)" in page.text and "alert(1)" in " ".join(pages(signoff_pdf(data)))


@pytest.mark.parametrize("key", ["title", "summary", "text", "id"])
def test_text_of_a_protocol_is_only_text(key):
    data = record()
    data["protocol"][key] = HOSTILE
    page = Page(render_signoff(data))
    assert not {"script", "img", "para"} & set(page.tags)
    assert "alert(1)" in " ".join(pages(signoff_pdf(data)))


def test_a_character_without_a_glyph_is_written_out_not_dropped():
    assert paper.text("µ ≥ Ω − 4×1 é") == "µ ≥ Ω − 4×1 é"
    assert paper.text("中\x07") == "[U+4E2D][U+0007]"


def test_no_sentence_of_ours_promises_anything():
    counts = [dict.fromkeys(OPEN_GROUPS, n) for n in (0, 1, 2)]
    texts = [verdict_sentence(v, c) for v in ("stop", "unknown", "warn", "pass") for c in counts]
    for name in ("select-tdcs", STOPPED):
        criteria = record(name=name)["stop_criteria"]
        texts += [*criteria["staff"], *criteria["before_next"]["staff"], criteria["note"]]
    texts += [word for pair in GROUPS.values() for word in pair]
    assert not [text for text in texts if FORBIDDEN.search(text)]
    assert FORBIDDEN.search("This is safe.")
    own_page = Page(render_signoff(record(finding("pass")))).text.replace(NOTICE, "")
    assert not FORBIDDEN.search(re.sub(r"Not judged.*?When to stop", "", own_page).split("All findings")[0])


def test_without_the_pdf_library_it_says_what_is_missing(monkeypatch):
    import sys

    paper._fonts.cache_clear()
    monkeypatch.setitem(sys.modules, "reportlab.pdfbase.ttfonts", None)
    with pytest.raises(MissingExtra, match="pip install reportlab"):
        paper.text("x")
    monkeypatch.undo()
    paper._fonts.cache_clear()


# the ledger


def test_a_session_that_is_not_due_stops_a_plan_that_fits(tmp_path):
    ledger, plan = start(tmp_path / "ward.sqlite", tes_protocol())
    append(ledger, "session", session(plan, (NOW - timedelta(hours=2)).isoformat()), by=BY)
    protocol = tes_protocol()
    part = ledger_part(ledger, "P-0042", protocol=protocol, now=NOW)
    alone, with_history = (signoff_record(protocol, check(protocol), ledger=one) for one in (None, part))
    assert alone["verdict"] != "stop" and with_history["verdict"] == "stop"
    assert "LEDGER-SPACING" in [one["rule_id"] for one in with_history["groups"]["reasons"]]
    text = Page(render_signoff(with_history)).text
    assert "Time since the last session" in text and "P-0042" in text and part.head in text


def override(plan, rule="LEDGER-SPACING", at="2026-03-04T08:00:00Z", **more):
    return {"person": "P-0042", "plan": plan, "rule_id": rule, "reason": "The person travels tomorrow",
            "name": "Dr. Prescriber", "role": "prescriber", "at": at, **more}  # fmt: skip


def stopped_by_spacing(tmp_path, *overrides):
    ledger, plan = start(tmp_path / "ward.sqlite", tes_protocol())
    append(ledger, "session", session(plan, (NOW - timedelta(hours=2)).isoformat()), by=BY)
    for make in overrides:
        append(ledger, "override", make(plan), by=BY)
    part = ledger_part(ledger, "P-0042", protocol=tes_protocol(), now=NOW)
    return signoff_record(tes_protocol(), check(tes_protocol()), ledger=part)


def stopped_by_spacing_alone(tmp_path):
    (tmp_path / "other").mkdir()
    return stopped_by_spacing(tmp_path / "other")


def point(data, rule="LEDGER-SPACING"):
    return next(one for one in data["groups"]["reasons"] if one["rule_id"] == rule)


def test_a_reason_on_record_is_shown_and_leaves_the_verdict(tmp_path):
    data = stopped_by_spacing(tmp_path, override)
    assert [one["name"] for one in point(data)["overrides"]] == ["Dr. Prescriber"]
    assert data["verdict"] == "stop" and "On record: 1." in data["verdict_means"]
    assert "On record" not in stopped_by_spacing_alone(tmp_path)["verdict_means"]
    for text in (Page(render_signoff(data)).text, pages(signoff_pdf(data))[0]):
        assert "“The person travels tomorrow” Dr. Prescriber, prescriber, 2026-03-04 08:00 UTC" in text


@pytest.mark.parametrize(
    "other",
    [
        lambda plan: override(plan, at="2026-03-02T08:00:00Z"),
        lambda plan: {k: v for k, v in override(plan).items() if k != "plan"},
        lambda plan: override(plan, rule="LEDGER-DAY"),
    ],
    ids=["of another day", "of no plan", "of another rule"],
)
def test_a_reason_for_something_else_does_not_fill_the_place(tmp_path, other):
    data = stopped_by_spacing(tmp_path, other)
    assert point(data)["overrides"] == []
    assert len(data["ledger"]["overrides"]) == 1  # but it is listed
    assert "The person travels tomorrow" in Page(render_signoff(data)).text.split("Overrides in the ledger")[1]


def test_a_reason_that_was_taken_back_is_not_listed(tmp_path):
    ledger, plan = start(tmp_path / "ward.sqlite", tes_protocol())
    (row,) = append(ledger, "override", override(plan), by=BY)
    append(ledger, "retraction", {"row": row.seq, "reason": "Written for the wrong person"}, by=BY)
    assert ledger_part(ledger, "P-0042", protocol=tes_protocol(), now=NOW).overrides == ()


def test_the_overrides_of_another_person_are_not_listed(tmp_path):
    ledger = filled(tmp_path / "ward.sqlite")
    assert ledger_part(ledger, "P-0042", protocol=tes_protocol(), now=NOW).overrides
    assert ledger_part(ledger, "P-0043", protocol=tes_protocol(), now=NOW).overrides == ()


def test_a_ledger_that_was_changed_signs_nothing(tmp_path):
    import sqlite3

    path = tmp_path / "ward.sqlite"
    filled(path).close()
    connection = sqlite3.connect(path)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f'DROP TRIGGER "{name}"')
    connection.execute("UPDATE override SET name = 'Somebody else'")
    connection.commit()
    connection.close()
    with open_ledger(path) as ledger, pytest.raises(LedgerError, match="row"):
        ledger_part(ledger, "P-0042", protocol=tes_protocol(), now=NOW)


def test_two_people_on_one_sheet_are_refused(tmp_path):
    ledger, _ = start(tmp_path / "ward.sqlite", tes_protocol())
    part = ledger_part(ledger, "P-0042", protocol=tes_protocol(), now=NOW)
    with pytest.raises(InputError, match="one sheet, one person"):
        signoff_record(tes_protocol(), check(tes_protocol()), subject=Subject(id="P-0099"), ledger=part)


def test_a_person_nobody_asked_has_a_page_of_unknowns_that_names_them():
    protocol, person = read_protocol("select-tdcs"), Subject(id="P-7")
    data = signoff_record(protocol, check(protocol, subject=person), subject=person)
    assert data["verdict"] == "unknown" and data["counts"]["unknown"] > 5
    assert data["person"] == "P-7" and data["subject_digest"] == person.digest
    assert "P-7" in pages(signoff_pdf(data))[1]  # on the later pages too


def test_the_record_is_strict_json():
    data = record(name=STOPPED)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert isinstance(check(read_protocol(STOPPED)), SafetyReport)
