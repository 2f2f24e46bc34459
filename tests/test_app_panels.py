"""The panels as the page drives them: every handler takes what a person sends, and refuses the rest in words."""

from __future__ import annotations

import asyncio
import re
import time
from decimal import Decimal

import pytest
from app_sessions import Page

from stimplan.app.panels import PANELS, dose, library, person, safety, teaching
from stimplan.app.panels.changes import as_own, set_values
from stimplan.app.panels.common import Latest
from stimplan.app.panels.pose import draw_pose, place_values
from stimplan.errors import InputError, ProtocolError
from stimplan.protocol import dump_protocol, list_protocols, read_protocol
from stimplan.resources import package_path

ALL = (library._Library, dose._Dose, teaching._Teaching, safety._Safety, person._Person)
TEMPLATES = sorted(package_path("app", "panels", "templates").glob("*.html"))


@pytest.fixture
def panels(tmp_path):
    return Page(tmp_path, *ALL)


def test_the_panels_stand_in_the_three_regions_with_names_of_their_own():
    assert len({panel.id for panel in PANELS}) == len(PANELS)
    assert {panel.region for panel in PANELS} == {"left", "right", "bottom"}


def test_a_slider_moves_the_current_and_the_verdict(panels):
    panels.call("dose_slide", 0, "3.2")
    assert [row["mA"] for row in panels.state.dose_electrodes] == ["3.2", "-3.2"]
    assert panels.by == ["slider"]
    before = panels.state.safety["headline"]
    panels.call("dose_slide", 0, "0.5")
    assert panels.state.safety["headline"] != before


def test_a_slider_passes_through_zero_in_silence_and_may_not_rest_there(panels):
    panels.call("dose_slide", 0, "0.2")
    panels.call("dose_slide", 0, "0")
    assert panels.messages == [] and panels.state.dose_faults == []
    panels.call("dose_current", 0, "0")
    assert "at least two electrodes" in panels.state.dose_faults[0]["what"]
    assert panels.state.dose_electrodes[0]["mA"] == "0.2"
    panels.call("dose_slide", 0, "-0.3")
    panels.call("dose_current", 0, "-0.3")
    assert [row["mA"] for row in panels.state.dose_electrodes] == ["-0.3", "0.3"] and panels.state.dose_faults == []
    shown = [field["value"] for section in panels.state.dose_sections for field in section["fields"]]
    assert panels.protocol.id in shown


def test_a_typed_current_beyond_the_sliders_is_refused_and_not_cut(panels):
    panels.call("dose_current", 0, "10")
    assert "beyond the 4 mA" in panels.state.dose_faults[0]["what"]
    assert panels.state.dose_faults[0]["where"] == "$.stimulation.electrodes[0].current_mA"
    assert panels.protocol.id == "select-tdcs"
    panels.call("dose_current", 0, "1,5")
    assert "write 1.5" in panels.state.dose_faults[0]["what"]
    panels.call("dose_current", 0, "1.5")
    assert panels.state.dose_faults == [] and panels.state.dose_electrodes[1]["mA"] == "-1.5"


def test_of_a_row_of_slider_events_the_last_one_wins_and_few_are_answered(panels):
    async def drag():
        for step in range(200):
            panels.handlers["dose_slide"](0, str(step / 100))
            if step % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*[task for task in asyncio.all_tasks() if task is not asyncio.current_task()])

    asyncio.run(drag())
    assert panels.state.dose_electrodes[0]["mA"] == "1.99"
    assert len(panels.by) <= 10


def test_a_slider_is_answered_within_100_ms(panels):
    panels.call("dose_slide", 0, "1")
    part = panels.parts[1]
    spent = []
    for step in range(5):
        start = time.perf_counter()
        part._slide(0, str(1.1 + step / 10))
        spent.append(time.perf_counter() - start)
    assert min(spent) < 0.1


@pytest.mark.parametrize("entry", list_protocols(), ids=lambda one: one.id)
def test_every_protocol_of_the_library_loads_into_every_panel(tmp_path, entry):
    panels = Page(tmp_path, *ALL, pid=entry.id)
    assert panels.state.dose_sections and panels.state.safety["word"] and panels.state.person_form
    assert panels.state.dose_is_coil == (panels.protocol.magnetic is not None)
    assert panels.messages == []


def test_loading_and_searching_the_library(panels):
    panels.call("library_search", "theta depression", "TMS")
    assert {row["id"] for row in panels.state.library_rows} >= {"three-d-itbs", "saint"}
    panels.call("library_load", "three-d-itbs")
    assert panels.protocol.id == panels.state.library_shown == "three-d-itbs"
    assert panels.by == ["library"]
    panels.call("library_load", "../../etc/passwd")
    assert panels.protocol.id == "three-d-itbs" and "no protocol" in panels.messages[-1]


def upload(panels, text, name="mine.json", size=None):
    panels.call("library_upload", name, text, len(text.encode()) if size is None else size)


def test_an_uploaded_protocol_is_read_strictly_and_every_fault_is_listed(panels):
    good = dump_protocol(read_protocol("hd-4x1-m1"))
    upload(panels, good)
    assert panels.protocol == read_protocol("hd-4x1-m1") and panels.state.library_faults == []
    bad = good.replace('"current_mA": 2,', '"current_mA": 3,').replace('"site": "F3"', '"site": "F33"')
    upload(panels, bad)
    places = [one["where"] for one in panels.state.library_faults]
    assert "$.stimulation.electrodes" in places and "$.stimulation.electrodes[2].site" in places
    assert panels.protocol.id == "hd-4x1-m1"


@pytest.mark.parametrize(
    "text, size, fragment",
    [
        ("select-tdcs", None, "JSON object"),
        ("/etc/passwd", None, "JSON object"),
        ("{}", 5, "UTF-8"),
        ('{"a": "\ufffd"}', None, "UTF-8"),
        ("", 900_000_000, "bytes"),
        ("{", None, "not JSON"),
        ('{"schema_version": 2}', None, "missing"),
    ],
)
def test_a_file_that_is_no_protocol_is_refused_in_words(panels, text, size, fragment):
    upload(panels, text, size=size)
    assert any(fragment in one["what"] for one in panels.state.library_faults)
    assert panels.protocol.id == "select-tdcs"


def test_a_field_that_is_refused_leaves_the_plan_and_says_where(panels):
    key = "$.stimulation.waveform.duration_min"
    panels.call("dose_set", key, "-3")
    assert panels.state.dose_faults[0]["where"] == key and panels.protocol.id == "select-tdcs"
    panels.call("dose_set", key, "20")
    assert panels.state.dose_faults == [] and panels.protocol.waveform.duration_s == 1200
    assert dict(panels.protocol.certainty).get(key) is None


def test_sites_sizes_and_electrodes_change_by_the_form(panels):
    panels.call("dose_site", 1, "Fp2")
    panels.call("dose_product", 0, "hd-ring-12")
    panels.call("dose_add", "Oz")
    assert [row["site"] for row in panels.state.dose_electrodes] == ["F3", "Fp2", "Oz"]
    assert panels.state.dose_electrodes[0]["size"].startswith("ring")
    panels.call("dose_remove", 2)
    assert len(panels.protocol.electrodes) == 2
    assert panels.call("dose_text") == dump_protocol(panels.protocol)
    panels.call("dose_site", 1, "F3")
    assert panels.state.dose_faults


def test_the_direct_part_of_an_oscillation_is_balanced_too(panels):
    panels.call("library_load", "marshall-2006-sleep")
    panels.call("dose_offset", 0, "0.4")
    assert panels.state.dose_electrodes[0]["offset"] == "0.4"
    assert sum(Decimal(row["offset"]) for row in panels.state.dose_electrodes) == 0
    panels.call("library_load", "select-tdcs")
    panels.call("dose_offset", 0, "0.4")
    assert "no offset" in panels.state.dose_faults[0]["what"]


PANELS_CSS = package_path("app", "static", "panels.css").read_text(encoding="utf-8")


def test_every_colour_of_text_is_readable_on_its_own_ground_and_on_white():
    from test_app_panels_person import contrast

    found = 0
    for rule in re.findall(r"{([^}]*)}", PANELS_CSS):
        colour = re.search(r"(?<![-\w])color: (#[0-9a-f]{3,6})", rule)
        if colour is None:
            continue
        ground = re.search(r"background: (#[0-9a-f]{3,6})", rule)
        pair = [("#" + 2 * one[1] + 2 * one[2] + 2 * one[3]) if len(one) == 4 else one
                for one in (colour[1], ground[1] if ground else "#ffffff")]  # fmt: skip
        assert contrast(*pair) >= 4.5, rule
        found += 1
    assert found > 20


def test_what_swings_both_ways_is_no_anode():
    roles = {pid: [row["role"] for row in dose.electrode_rows(read_protocol(pid))]
             for pid in ("select-tdcs", "antal-2008-tacs", "terney-2008-trns", "m1-so")}  # fmt: skip
    assert roles["select-tdcs"] == ["anode", "cathode"]
    assert set(roles["antal-2008-tacs"]) == set(roles["terney-2008-trns"]) == {"alternating"}
    assert set(roles["m1-so"]) == {"anode", "cathode"}


def test_a_coil_is_put_at_a_site_and_its_handle_turned(panels):
    panels.call("library_load", "three-d-itbs")
    panels.call("dose_place", 0, "F3")
    panels.call("dose_handle", 0, "45")
    placement = panels.protocol.magnetic.blocks[0].placement
    assert placement.site == "F3" and placement.mni_m is None
    assert placement.handle.from_midline_rad == pytest.approx(0.7853981633974483)
    assert "45 degrees" in panels.state.dose_poses[0]["svg"]
    panels.call("dose_set", "$.stimulation.blocks[0].intensity.value_percent", "110")
    assert panels.protocol.magnetic.blocks[0].intensity.value_fraction == pytest.approx(1.1)


def test_the_drawn_handle_points_where_the_format_says():
    changed = read_protocol("three-d-itbs")

    def handle(angle):
        protocol = set_values(changed, place_values(changed, 0, site="Cz", angle_deg=angle))
        found = re.search(r'<line x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"',
                          draw_pose(protocol.magnetic.blocks[0], 0)["svg"])  # fmt: skip
        x1, y1, x2, y2 = map(float, found.groups())
        return x2 - x1, y2 - y1

    # 0 points backwards: down on a head that looks up; positive is to the left.
    assert handle(0)[1] > 40 and abs(handle(0)[0]) < 1e-6
    assert handle(90)[0] < -40 and abs(handle(90)[1]) < 0.2
    with pytest.raises(ProtocolError):
        place_values(changed, 7, site="Cz")


def test_an_answer_changes_the_verdict_and_can_be_taken_back(panels):
    panels.call("person_answer", "tes/1", "yes")
    assert panels.state.verdict == "stop" and panels.session.plan.subject is not None
    panels.call("person_answer", "tes/1", "no")
    assert panels.state.verdict == "unknown"
    panels.call("person_list", "medications", "add", "bupropion")
    panels.call("person_list", "implants", "none", "")
    assert panels.session.plan.subject.implants == () and panels.state.person_lists["medications"] == ["bupropion"]
    panels.call("person_list", "medications", "remove", "bupropion")
    assert panels.session.plan.subject.medications is None
    assert '"implants": []' in panels.call("person_text")
    panels.call("person_forget")
    assert panels.session.plan.subject is None and panels.call("person_text") == ""


def test_an_implant_has_a_place(panels):
    panels.call("person_list", "implants", "add", "pacemaker")
    panels.call("person_region", "pacemaker", "chest")
    assert panels.session.plan.subject.implants[0].region == "chest"
    panels.call("person_region", "pacemaker@chest", "")
    assert panels.session.plan.subject.implants[0].region is None
    panels.call("person_region", "pacemaker", "moon")
    assert panels.state.person_faults and panels.session.plan.subject.implants[0].region is None


def test_a_published_dose_becomes_ones_own(panels):
    panels.call("dose_slide", 0, "1.5")
    panels.call("dose_own")
    assert (
        panels.protocol.source is None and panels.protocol.certainty == () and panels.protocol.id == "own-select-tdcs"
    )
    assert panels.protocol.electrodes[0].current_A == 0.0015 and panels.state.dose_is_published is False
    panels.call("dose_set", "$.id", "ward-7")
    panels.call("dose_slide", 0, "1")
    assert panels.protocol.id == "ward-7" and panels.state.dose_file == "ward-7.json"
    panels.call("dose_set", "$.id", "Ward 7!")
    assert panels.state.dose_faults[0]["where"] == "$.id"


def test_an_answer_that_is_none_is_listed_and_the_person_stays(panels):
    panels.call("person_answer", "age_years", "forty")
    assert panels.state.person_faults and panels.session.plan.subject is None
    panels.call("person_answer", "no/such", "yes")
    assert "no question" in panels.messages[-1]


def test_a_policy_profile_is_chosen_by_its_name(panels):
    other = panels.state.safety_profiles[1]["id"]
    panels.call("safety_profile", other)
    assert panels.state.safety["profile"] == panels.state.safety_profile == other
    panels.call("safety_profile", "my own")
    assert "not a policy profile" in panels.messages[-1]


def test_a_lesson_changes_the_montage_and_answers_with_reasons(panels):
    panels.call("lesson_open", 2)
    assert panels.protocol.id == "lesson-ring-pads"
    panels.call("lesson_scene", "ring")
    assert panels.protocol.id == "lesson-ring-ring" and panels.by[-1] == "lesson"
    panels.call("lesson_answer", 0, 1)
    panels.call("lesson_answer", 1, 0)
    assert panels.state.lesson_score == "1 of 3 right"
    assert panels.state.lesson_said[1]["because"] and not panels.state.lesson_said[1]["is_right"]
    panels.call("lesson_open", 3)
    assert panels.state.lesson_score == "" and panels.state.lesson_marks[2] == "1 of 3 right"
    panels.call("lesson_close")
    assert panels.state.lesson is None


def test_the_page_is_not_told_which_answer_is_right():
    from stimplan.app.lessons import load_lessons

    for lesson in load_lessons():
        assert "is_right" not in str(teaching.lesson_view(lesson)) and "because" not in str(
            teaching.lesson_view(lesson)
        )


HOSTILE = [None, True, -1, 10**9, 1e400, "x" * 10_000, [], {}, "../x", "<b>", float("nan"), ["a"], "$.id", "\x00"]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda one: repr(one)[:20])
def test_hostile_arguments_leave_the_plan_whole_and_never_raise(panels, value):
    wanted = {"dose_text": 0, "person_text": 0, "person_forget": 0, "lesson_close": 0, "library_search": 2,
              "library_load": 1, "library_upload": 3, "dose_slide": 2, "dose_site": 2, "dose_product": 2, "dose_add": 1,
              "dose_remove": 1, "dose_set": 2, "dose_place": 2, "dose_handle": 2, "lesson_open": 1, "lesson_scene": 1,
              "lesson_answer": 2, "safety_profile": 1, "person_answer": 2, "person_detail": 2,
              "person_list": 3, "person_region": 2,
              "dose_offset": 2, "dose_current": 2, "dose_own": 0}  # fmt: skip
    assert set(wanted) <= set(panels.handlers)
    before = panels.protocol
    own = as_own(before)
    for name, count in wanted.items():
        panels.call(name, *[value] * count)
        panels.call(name)  # too few
    assert panels.protocol in (before, own)
    assert read_protocol(panels.call("dose_text")) == panels.protocol
    assert not any("Traceback" in one for one in panels.messages)


def test_latest_keeps_its_place_when_the_function_fails(panels):
    said = []

    def fail(value):
        said.append(value)
        raise InputError("no")

    latest = Latest(panels.session, fail)

    async def run():
        latest(1)
        latest(2)
        await asyncio.gather(*[task for task in asyncio.all_tasks() if task is not asyncio.current_task()])
        latest(3)
        await asyncio.gather(*[task for task in asyncio.all_tasks() if task is not asyncio.current_task()])

    asyncio.run(run())
    assert said == [2, 3]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_every_control_of_the_markup_has_a_name(template):
    text = template.read_text(encoding="utf-8")
    labelled = set(re.findall(r'<label[^>]*?\s:?for="([^"]+)"', text))
    for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*(?:=>[^>]*)*>", text):
        if 'type="radio"' in tag:  # stands inside its label
            continue
        named = re.search(r'\s:?id="([^"]+)"', tag)
        assert "aria-label" in tag or (named and named[1] in labelled), tag
    assert "http" not in re.sub(r'xmlns="[^"]+"', "", text)
    for link in re.findall(r"<a\b[^>]*>", text):
        assert 'rel="noopener noreferrer"' in link


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_the_markup_calls_handlers_that_are_there_and_shows_state_that_is_set(panels, template):
    text = template.read_text(encoding="utf-8")
    called = set(re.findall(r"trigger\('(\w+)'", text))
    assert called <= set(panels.handlers)
    names = set(re.findall(r"\b(?:library|dose|lesson|safety|person)_\w+", text)) - called
    assert names <= set(panels.state), names - set(panels.state)
