"""Session and course as low, wide pictures: every protocol has both, in well-formed SVG with words beside it."""

from __future__ import annotations

from decimal import Decimal
from xml.etree import ElementTree

import pytest

from stimplan.app.panels.changes import set_values
from stimplan.app.panels.timeline import HEIGHT, WIDTH, draw_course, draw_session
from stimplan.protocol import list_protocols, read_protocol

NAME = "{http://www.w3.org/2000/svg}"


def shapes(picture, kind):
    return ElementTree.fromstring(picture.svg).findall(f"{NAME}{kind}")


def texts(picture):
    return [one.text for one in shapes(picture, "text")]


@pytest.mark.parametrize("entry", list_protocols(), ids=lambda one: one.id)
def test_every_protocol_has_a_session_and_a_course_that_stay_within_the_picture(entry):
    protocol = read_protocol(entry.id)
    for picture in (draw_session(protocol), draw_course(protocol)):
        root = ElementTree.fromstring(picture.svg)
        assert root.get("role") == "img" and root.get("aria-label") == picture.words
        for text in shapes(picture, "text"):
            assert -1 <= float(text.get("x")) <= WIDTH and 0 <= float(text.get("y")) <= HEIGHT
        for bar in shapes(picture, "rect"):
            assert float(bar.get("x")) + float(bar.get("width")) <= WIDTH + 1
    assert len(draw_session(protocol).svg) < 200_000


def test_a_direct_current_is_drawn_to_its_height_and_its_ramps_to_their_length():
    protocol = set_values(
        read_protocol("select-tdcs"),
        {
            ("stimulation", "waveform", "ramp_up_s"): Decimal(360),
            ("stimulation", "waveform", "ramp_down_s"): Decimal(0),
        },
    )
    line = shapes(draw_session(protocol), "polyline")[0].get("points").split()
    corners = [tuple(map(float, one.split(","))) for one in line]
    start, full, end = corners[0], corners[2], corners[-1]
    # 6 of 36 minutes.
    assert (full[0] - start[0]) / (end[0] - start[0]) == pytest.approx(1 / 6, abs=1e-3)
    assert "ramps 360 s up, 0 s down" in draw_session(protocol).words
    assert not any("not reported" in text for text in texts(draw_session(protocol)))


def test_what_is_not_reported_is_said():
    assert "ramp up not reported" in texts(draw_session(read_protocol("select-tdcs")))


def test_twenty_trains_are_twenty_blocks_and_a_zoom_shows_the_bursts():
    picture = draw_session(read_protocol("three-d-itbs"))
    bars = [float(one.get("x")) for one in shapes(picture, "rect")]
    split = next(float(one.get("x")) for one in shapes(picture, "text") if one.text.startswith("the first"))
    assert sum(x < split - 1 for x in bars) == 20
    assert sum(x >= split - 1 for x in bars) == 15  # five bursts of three in the first second
    assert "600 pulses" in picture.words


def test_an_alternating_current_shows_its_periods():
    picture = draw_session(read_protocol("antal-2008-tacs"))
    assert any("of it" in text for text in texts(picture))


def test_a_course_has_a_bar_for_each_day():
    assert (
        len([one for one in shapes(draw_course(read_protocol("three-d-itbs")), "rect") if one.get("fill") != "#e9edf3"])
        == 20
    )
    assert "5 weeks" in draw_course(read_protocol("select-tdcs")).words
    assert "no course to draw" in " ".join(texts(draw_course(read_protocol("hd-4x1-m1"))))


def test_words_of_a_file_are_text_and_never_markup():
    protocol = set_values(read_protocol("three-d-itbs"), {("course", "schedule"): '<script>alert("x")</script>&'})
    picture = draw_course(protocol)
    assert "<script>" not in picture.svg
    ElementTree.fromstring(picture.svg)
