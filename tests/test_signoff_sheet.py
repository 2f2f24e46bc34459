"""The sheet for the person, and the command that writes both."""

from __future__ import annotations

import io
import json
import re
import stat

import pypdf
import pytest
from ledgers import NOW, start, tes_protocol
from pages import Page
from test_describe import grade_level
from test_signoff import HOSTILE, STOPPED, pages

from stimplan import cli
from stimplan.describe import patient_text
from stimplan.notice import NOTICE
from stimplan.protocol import dump_protocol, list_protocols, read_protocol
from stimplan.signoff import render_sheet, sheet_pdf, sheet_record
from stimplan.signoff.sheet import sections

LIBRARY = [entry.id for entry in list_protocols()]
PROMISES = re.compile(
    r"\b(safe\w*|unsafe|harmless|risk-free|approv\w*|guarantee\w*|promise\w*|cure[sd]?|will help|painless)\b", re.I
)
OUTLINE = ["What happens", "What you may feel", "What is hoped for", "Before you start", "During the session",
           "When to call"]  # fmt: skip


def own_words(sheet) -> str:
    """All text of the sheet but for the notice and the words of the protocol's file."""
    protocol = read_protocol(sheet["protocol"]["id"])
    texts = [*(one["text"] for one in sheet["sections"]), *sheet["stop"], *sheet["before_next"]]
    text = " ".join(one if one.endswith(".") else f"{one}." for one in texts)
    for words in (protocol.therapy.name if protocol.therapy else "", *protocol.goals):
        text = text.replace(words, "") if words else text
    return text


@pytest.mark.parametrize("name", LIBRARY)
def test_no_sentence_is_lost_or_added_under_the_headings(name):
    protocol = read_protocol(name)
    found = sections(protocol)
    assert [one["heading"] for one in found] == OUTLINE
    split = [part for one in found for part in re.split(r"(?<=[.?]) ", one["text"])]
    assert sorted(split) == sorted(re.split(r"(?<=[.?]) ", patient_text(protocol)))


@pytest.mark.parametrize("name", LIBRARY)
def test_the_sheet_promises_nothing_and_reads_easily(name):
    text = own_words(sheet_record(read_protocol(name)))
    assert not PROMISES.search(text)
    assert grade_level(text) <= 8


def test_the_measures_can_fail():
    assert (
        PROMISES.search("It is safe.")
        and grade_level("Contraindications necessitate interdisciplinary evaluation.") > 12
    )


def test_a_text_with_other_sentences_stays_whole(monkeypatch):
    monkeypatch.setattr("stimplan.signoff.sheet.patient_text", lambda protocol: "Another text. Of two sentences.")
    found = sections(read_protocol("select-tdcs"))
    assert [one["text"] for one in found] == ["Another text. Of two sentences."]


@pytest.mark.parametrize("name", ["select-tdcs", STOPPED])
def test_page_and_pdf_say_what_happens_when_it_stops_and_whom_to_call(name):
    sheet = sheet_record(read_protocol(name), person="P-0042")
    pdf = sheet_pdf(sheet)
    html, printed = Page(render_sheet(sheet)).text, re.sub(r"\s", "", " ".join(pages(pdf)))
    wanted = [*(one["text"] for one in sheet["sections"]), *sheet["stop"], *sheet["before_next"], *sheet["contacts"],
              *sheet["diary"]["items"], "When to call", "ambulance at once", "P-0042"]  # fmt: skip
    for words in wanted:
        assert words in html and re.sub(r"\s", "", words) in printed
    assert {"A fall", "Being very tired"} <= set(sheet["diary"]["items"])
    assert all("Phone" in pages(pdf)[0] and NOTICE in page for page in pages(pdf))
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) == 2


@pytest.mark.parametrize("name", LIBRARY)
def test_the_telephone_is_on_the_first_of_two_pages(name):
    found = pages(sheet_pdf(sheet_record(read_protocol(name))))
    assert len(found) == 2 and "Phone in the daytime" in found[0] and "A fall" in found[1]


def test_the_sheet_loads_nothing_and_takes_text_as_text():
    sheet = sheet_record(read_protocol("select-tdcs"), person=HOSTILE)
    sheet["sections"][0]["text"] = HOSTILE
    page = Page(render_sheet(sheet))
    assert page.loads == [] and page.links == [] and not {"script", "img", "para"} & set(page.tags)
    assert "alert(1)" in " ".join(pages(sheet_pdf(sheet)))


def test_the_same_sheet_gives_the_same_bytes():
    assert sheet_pdf(sheet_record(tes_protocol())) == sheet_pdf(sheet_record(tes_protocol()))


# the command


def signoff(*args):
    out, err = io.StringIO(), io.StringIO()
    code = cli.run(["signoff", *map(str, args)], stdout=out, stderr=err)
    return code, out.getvalue(), err.getvalue()


def test_the_command_writes_four_files_for_the_owner_only(tmp_path):
    code, out, _ = signoff("select-tdcs", "--out", tmp_path / "new" / "folder")
    names = [f"select-tdcs-{kind}" for kind in ("person.html", "person.pdf", "signoff.html", "signoff.pdf")]
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert code == 0 and [path.name for path in files] == names
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    assert "WARN" in out and " ".join(NOTICE.split()) in " ".join(out.split())


def test_a_stop_is_written_all_the_same_and_ends_with_3(tmp_path):
    code, out, _ = signoff(STOPPED, "--out", tmp_path, "--json")
    data = json.loads(out)
    assert code == 3 and data["verdict"] == "stop" and len(data["files"]) == 4
    assert data["sheet"]["sections"] and (tmp_path / f"{STOPPED}-signoff.pdf").read_bytes().startswith(b"%PDF")


def test_a_person_is_in_the_name_of_the_file(tmp_path):
    subject = tmp_path / "subject.json"
    subject.write_text('{"schema_version": 1, "id": "P-0042"}')
    code, out, _ = signoff("select-tdcs", "--out", tmp_path, "--subject", subject, "--json")
    assert code == 3 and json.loads(out)["counts"]["unknown"] > 5
    assert (tmp_path / "select-tdcs-P-0042-signoff.html").exists()


def test_a_ledger_is_asked_at_the_moment_that_is_named(tmp_path):
    protocol = tmp_path / "plan.json"
    protocol.write_text(dump_protocol(tes_protocol()))
    ledger, _ = start(tmp_path / "ward.sqlite", tes_protocol())
    ledger.close()
    given = (protocol, "--out", tmp_path, "--ledger", tmp_path / "ward.sqlite", "--person", "P-0042",
             "--now", "2026-03-04T10:00:00+01:00", "--json")  # fmt: skip
    first, second = signoff(*given), signoff(*given)
    assert first == second and json.loads(first[1])["ledger"]["at"] == "2026-03-04T10:00+01:00"
    subject = tmp_path / "subject.json"
    subject.write_text('{"schema_version": 1, "id": "P-0099"}')
    code, _, err = signoff(*given, "--subject", subject)
    assert code == 2 and "one sheet, one person" in err


def test_profile_and_site_policy_reach_the_page(tmp_path):
    policy = {
        "schema_version": 1, "site": "Ward 3", "profile": "conservative",
        "changes": [{"rule": "TES-DC-I", "direction": "stricter", "limit": 3, "display_unit": "mA",
                     "reason": "House limit of the ward", "name": "Dr. Head", "date": "2026-01-01"}],
    }  # fmt: skip
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy))
    code, out, err = signoff("select-tdcs", "--out", tmp_path, "--site-policy", file, "--json")
    assert code == 3, err
    data = json.loads(out)
    assert data["site_changes"] == 1 and "Ward 3" in data["profile"]["id"]
    page = Page((tmp_path / "select-tdcs-signoff.html").read_text(encoding="utf-8")).text
    assert "1 changed by the site" in page and "House limit of the ward" in page
    code, out, _ = signoff("select-tdcs", "--out", tmp_path, "--profile", "device-label-us", "--json")
    assert json.loads(out)["profile"]["id"] == "device-label-us"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--person", "P-1"], "is in a ledger"),
        (["--ledger", "x.sqlite"], "whose history"),
        (["--now", "2026-03-04T10:00:00Z"], "name --ledger and --person"),
        (["--profile", "conservativ"], "conservative"),
        (["--subject", "nowhere.json"], "nowhere.json"),
    ],
)
def test_what_does_not_fit_together_is_refused_and_writes_nothing(tmp_path, args, words):
    code, _, err = signoff("select-tdcs", "--out", tmp_path / "out", *args)
    assert code == 2 and words in err and not (tmp_path / "out").exists()


def test_the_ledger_may_be_named_by_the_variable_as_in_check(tmp_path, monkeypatch):
    start(tmp_path / "ward.sqlite", tes_protocol())[0].close()
    monkeypatch.setenv("STIMPLAN_LEDGER", str(tmp_path / "ward.sqlite"))
    now = NOW.isoformat()
    code, out, err = signoff("select-tdcs", "--out", tmp_path, "--person", "P-0042", "--now", now, "--json")
    assert code in (0, 3), err
    assert json.loads(out)["ledger"]["person"] == "P-0042"
