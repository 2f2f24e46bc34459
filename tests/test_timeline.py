"""The pictures of a session and of a course, judged by what is drawn in them."""

from __future__ import annotations

import re

import attrs
import numpy as np
import pytest
import sessions
from matplotlib.collections import LineCollection
from strategies import MODALITIES

from stimplan.protocol import Course, Phase, list_protocols, read_protocol
from stimplan.view import plot_course, plot_session
from stimplan.view.amplitudes import convention_text, groups
from stimplan.view.calendar import calendar_cells, course_lines, cumulative, dose_of
from stimplan.view.panels import duration_text, new_panel, plain
from stimplan.view.paper import ANODE, CATHODE, new_figure, png_bytes, svg_bytes
from stimplan.view.session_pulses import block_text, runs_of, zooms
from stimplan.waveform import plan_course, pulse_times_s

EVERY_KIND = {
    "tDCS": sessions.tdcs, "HD-tDCS": sessions.hd, "pauses": sessions.intermittent, "tACS": sessions.tacs,
    "phases": sessions.three_phases, "tRNS": sessions.trns, "otDCS": sessions.otdcs, "tPCS": sessions.tpcs,
    "TI": sessions.interference, "10 Hz": sessions.ten_hz, "iTBS": sessions.itbs, "cTBS": sessions.ctbs,
    "QPS": sessions.qps, "SAINT": sessions.saint, "single": sessions.single, "paired": sessions.paired,
    "PAS": sessions.pas, "bilateral": sessions.bilateral,
}  # fmt: skip


def words(figure):
    """Every text of a figure that is drawn, as one string."""
    figure.canvas.draw()
    found = [*figure.texts]
    for axes in figure.axes:
        found += [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
    return re.sub(r"\s+", " ", " | ".join(text.get_text() for text in found))


def lines_of(axes):
    """Times and heights of the pulses in a panel."""
    segments = next(c for c in axes.collections if isinstance(c, LineCollection)).get_segments()
    return np.array([s[0, 0] for s in segments]), np.array([s[1, 1] for s in segments])


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_of_session_and_course_becomes_a_picture(kind):
    protocol = EVERY_KIND[kind]()
    for figure in (plot_session(protocol), plot_course(protocol)):
        assert png_bytes(figure).startswith(b"\x89PNG")


def test_the_kinds_drawn_here_are_all_there_are():
    assert {make().modality for make in EVERY_KIND.values()} == set(MODALITIES)


def test_svg_and_png_are_the_same_bytes_every_time():
    for save in (png_bytes, svg_bytes):
        assert save(plot_session(sessions.tacs())) == save(plot_session(sessions.tacs()))
    svg = svg_bytes(plot_session(sessions.tdcs()))
    assert svg.startswith(b"<?xml") and b"<date>" not in svg.lower()


# one session of current


def test_the_whole_session_is_drawn_at_true_scale_with_its_ramps():
    figure = plot_session(sessions.tdcs())
    whole = figure.axes[0]
    line = next(line for line in whole.lines if line.get_color() == ANODE)
    corners = np.round(line.get_xydata(), 9).tolist()
    for minute, current_mA in ((0, 0), (1 / 6, 2), (1 / 6 + 20, 2), (20.5, 0)):
        assert [round(minute, 9), current_mA] in corners
    assert whole.get_xlabel() == "time, min" and whole.get_ylabel() == "current, mA"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["the whole session", "start", "end"]


def test_anode_and_cathode_have_their_colours_and_their_words():
    figure = plot_session(sessions.hd())
    text = words(figure)
    assert "C3 +2 mA" in text and "FC5, FC1, CP5, CP1 −0.5 mA each" in text
    colours = {line.get_color() for line in figure.axes[0].lines}
    assert {ANODE, CATHODE} <= colours


@pytest.mark.parametrize(("up", "down"), [(None, None), (None, 20), (10, None)])
def test_a_ramp_that_is_not_reported_is_said_and_not_drawn(up, down):
    figure = plot_session(sessions.tdcs(ramp_up_s=up, ramp_down_s=down))
    whole = figure.axes[0]
    said = [text.get_text() for text in whole.texts if "not" in text.get_text()]
    assert len(said) == (up is None) + (down is None)
    hatched = [patch for patch in whole.patches if patch.get_hatch()]
    assert len(hatched) == len(said)
    line = next(line for line in whole.lines if line.get_color() == ANODE).get_xydata()
    if up is None:
        assert line[line[:, 0] == 0.0][:, 1].tolist() == [0.0, 2.0]  # a step, no slope
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert ("start" in titles) == (up is not None) and ("end" in titles) == (down is not None)


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        (sessions.tacs("peak"), "Amplitudes are given as peak: 1 mA means a peak of 1 mA."),
        (sessions.tacs("peak-to-peak"), "Amplitudes are given as peak-to-peak: 1 mA means a peak of 0.5 mA."),
        (sessions.tacs("RMS"), "Amplitudes are given as RMS: 1 mA means a peak of 1.414 mA."),
        (sessions.otdcs(), "means a peak of 0.125 mA around an offset of 0.125 mA."),
        (sessions.trns(), "means a standard deviation of 0.1941 mA, 99 % of it within ±0.5 mA."),
        (sessions.trns(distribution="uniform"), "means a standard deviation of 0.2887 mA, all of it within ±0.5 mA."),
        (sessions.trns(distribution=None), "cannot be told, its distribution is not reported."),
    ],
    ids=lambda value: getattr(value, "modality", None),
)
def test_the_amplitude_convention_is_stated_with_its_arithmetic(protocol, said):
    assert convention_text(protocol.electric).endswith(said)
    assert said in words(plot_session(protocol))


def test_direct_current_needs_no_convention():
    assert convention_text(sessions.tdcs().electric) == ""


def test_a_wave_is_drawn_with_its_frequency_and_its_size():
    figure = plot_session(sessions.tacs())
    detail = figure.axes[-1]
    wave = detail.lines[1].get_xydata()
    assert wave[:, 1].max() == pytest.approx(0.5, rel=1e-3)
    rising = np.flatnonzero((wave[:-1, 1] < 0) & (wave[1:, 1] >= 0))
    assert np.diff(wave[rising, 0]) == pytest.approx(100, rel=0.01)
    assert detail.get_xlabel() == "time from 10 s on, ms"


def test_electrodes_that_move_together_are_both_seen():
    styles = [line.get_linestyle() for line in plot_session(sessions.tacs()).axes[-1].lines[1:]]
    assert styles == ["-", "-", "--"]


def test_an_own_frequency_is_drawn_in_periods_not_in_seconds():
    figure = plot_session(sessions.tacs(frequency_Hz=None, frequency_note="alpha peak"))
    assert figure.axes[-1].get_xlabel() == "time, periods of the person's own frequency"
    assert figure.axes[-1].get_xlim() == pytest.approx((0, 4))
    assert "each person's own frequency (alpha peak)" in words(figure)


def test_a_noise_without_a_band_has_no_example():
    titles = [axes.get_title(loc="left") for axes in plot_session(sessions.trns(band_low_Hz=None)).axes]
    assert titles == ["the whole session", "start", "end"]


def test_interference_shows_the_beat_and_the_carriers():
    beat, carriers = plot_session(sessions.interference()).axes[-2:]
    total = beat.lines[1].get_xydata()
    assert np.abs(total[:, 1]).max() == pytest.approx(2, rel=1e-2)
    middle = np.abs(total[np.abs(total[:, 0] - 50) < 0.5, 1])
    assert middle.max() < 0.1  # half a beat after the start both cancel
    assert len(carriers.lines) == 5


def test_groups_hold_every_electrode_once():
    protocol = sessions.hd()
    labels = [label for group in groups(protocol.electric) for label in group.labels]
    assert sorted(labels) == sorted(electrode.label for electrode in protocol.electrodes)


# one session of a coil


@pytest.mark.parametrize("kind", ["10 Hz", "iTBS", "cTBS", "QPS", "SAINT", "single", "paired"])
def test_every_pulse_is_in_the_picture_where_it_belongs(kind):
    protocol = EVERY_KIND[kind]()
    times = pulse_times_s(protocol)
    whole = plot_session(protocol).axes[0]
    per_unit = 1 / 60 if whole.get_xlabel() == "time, min" else 1.0
    lines, _ = lines_of(whole)
    fields = [patch for patch in whole.patches if patch.get_height() == pytest.approx(120)]
    for time in times * per_unit:
        is_line = bool(np.isclose(lines, time, atol=1e-9).any())
        is_inside = [f.get_x() - 1e-9 <= time <= f.get_x() + f.get_width() + 1e-9 for f in fields]
        assert is_line + sum(is_inside) == 1
    edges = sorted([*lines, *(f.get_x() for f in fields), *(f.get_x() + f.get_width() for f in fields)])
    assert edges[0] == pytest.approx(0, abs=1e-9) and edges[-1] == pytest.approx(times[-1] * per_unit)


def test_pulses_too_close_to_tell_apart_are_one_field_and_the_pauses_stay():
    times = np.array([0.0, 0.1, 0.2, 5.0, 9.0, 9.05])
    assert runs_of(times, 0.5) == [(0, 2), (3, 3), (4, 5)]
    assert runs_of(times, 0.01) == [(n, n) for n in range(6)]
    assert runs_of(times[:1], 1.0) == [(0, 0)]


def test_pulses_are_as_high_as_they_are_strong():
    _, height = lines_of(plot_session(sessions.paired()).axes[-1])
    np.testing.assert_allclose(height, [80.4, 120])


@pytest.mark.parametrize(
    ("make", "lengths_s"),
    [
        (sessions.ten_hz, [2223.9, 33.9, 3.9]),
        (sessions.itbs, [191.84, 11.84, 1.84, 0.24]),
        (sessions.ctbs, [39.84, 0.24]),
        (sessions.qps, [1795.015, 5.015, 0.015]),
        (sessions.single, [95]),
    ],
)
def test_zooms_go_down_until_single_pulses_can_be_told_apart(make, lengths_s):
    found = [zoom.stop_s for zoom in zooms(make().magnetic.blocks[0])]
    assert found == pytest.approx(lengths_s)


def test_the_nesting_is_said_in_words():
    text = block_text(sessions.itbs().magnetic.blocks[0])
    assert text == (
        "600 pulses in 3 min 12 s: 20 trains one every 10 s, each 10 bursts at 5 Hz, each 3 pulses at 50 Hz"
    )
    assert block_text(sessions.qps().magnetic.blocks[0]).endswith("each 4 pulses, 5 ms apart")


def test_two_blocks_stand_side_by_side_and_an_unknown_pause_is_said():
    text = words(plot_session(sessions.bilateral()))
    assert "right, 1 Hz" in text and "left, 10 Hz" in text and "pause before: not reported" in text
    assert "1 min pause before" in words(plot_session(sessions.bilateral(gap_s=60))).replace("60 s", "1 min")


def test_the_paired_nerve_is_drawn_before_its_pulse():
    text = words(plot_session(sessions.pas()))
    assert "median nerve" in text and "25 ms" in text and "one pulse and the nerve before it" in text


# the course


def test_the_calendar_has_a_square_for_every_session_of_every_week():
    protocol = sessions.tdcs()
    cells = calendar_cells(protocol, plan_course(protocol.course))
    assert len(cells) == 42 and [cell.text for cell in cells if cell.text] == [str(n) for n in range(1, 31)]
    assert {(cell.row, cell.column) for cell in cells if cell.phase is not None} == {
        (row, column) for row in range(6) for column in range(5)
    }


def test_ten_sessions_a_day_share_a_square_and_one_day_is_shown():
    figure = plot_course(sessions.saint())
    text = words(figure)
    assert "1–10" in text and "41–50" in text
    assert "one day with 10 sessions of 9 min 52 s, at least 50 min from start to start" in text
    assert "90,000 pulses" in text


@pytest.mark.parametrize(("make", "total"), [(sessions.tdcs, 72.0), (sessions.ten_hz, 90000), (sessions.saint, 90000)])
def test_the_cumulative_dose_ends_at_the_dose_of_the_course(make, total):
    from stimplan.protocol.totals import totals_of

    protocol = make()
    _, dose = cumulative(
        plan_course(protocol.course), protocol.course.sessions, dose_of(totals_of(protocol)).per_session
    )
    assert dose[-1] == pytest.approx(total) and (np.diff(dose) > 0).all()


def test_what_is_schematic_says_so_and_what_is_unknown_is_not_placed():
    assert "Schematic: the days of the week are not reported." in words(plot_course(sessions.tdcs()))
    vague = attrs.evolve(sessions.tdcs(), course=Course(30, 1, None, "as tolerated"))
    text = words(plot_course(vague))
    assert "The days are not reported: sessions are drawn in their order" in text
    assert "sessions in order" in text and "week 1" not in text and "as tolerated" in text
    exact = attrs.evolve(sessions.tdcs(), course=Course(14, 1, None, None, 7))
    assert "chematic" not in words(plot_course(exact))


def test_a_charge_that_cannot_be_derived_is_not_invented():
    vague = attrs.evolve(sessions.trns(distribution=None), course=Course(5, 1, None, None, 5))
    text = words(plot_course(vague))
    assert "The charge cannot be derived" in text and "cumulative time" in text


def test_phases_have_their_own_colours_and_names():
    course = Course(17, 1, None, None, None, (Phase("acute", 15, 1, 5), Phase("taper", 2, 1, 1)))
    protocol = attrs.evolve(sessions.tdcs(), course=course)
    legend = plot_course(protocol).axes[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["acute: 15 sessions", "taper: 2 sessions"]
    assert len({handle.get_color() for handle in legend.legend_handles}) == 2
    assert any("each phase is placed" in line for line in course_lines(protocol, plan_course(course)))


# words


def test_text_of_a_file_is_only_text():
    protocol = attrs.evolve(sessions.tdcs(), title=r"2 $mA$ and $\frac{1}{0}$ \alpha")
    for plot in (plot_session, plot_course):
        assert png_bytes(plot(protocol)).startswith(b"\x89PNG")
    assert plain("a $x$\nb") == r"a \$x\$ b"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.005, "5 ms"), (1.84, "1.84 s"), (30, "30 s"), (1200, "20 min"), (2224, "37 min 4 s"), (119.9999, "120 s")],
)
def test_durations_are_said_as_people_say_them(seconds, text):
    assert duration_text(seconds) == text


def test_a_panel_counts_in_the_unit_of_its_length():
    for length, unit in ((0.2, "ms"), (20, "s"), (1200, "min")):
        axes = new_figure(1, 1).add_axes((0, 0, 1, 1))
        assert new_panel(axes, (0.0, length)).axes.get_xlabel() == f"time, {unit}"


@pytest.mark.slow
@pytest.mark.parametrize("entry", list_protocols(), ids=lambda entry: entry.id)
def test_every_protocol_of_the_library_is_drawn(entry):
    protocol = read_protocol(entry.path)
    for plot in (plot_session, plot_course):
        plot(protocol).canvas.draw()
