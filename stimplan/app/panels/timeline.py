"""One session and the course as wide, low pictures (SVG) that are redrawn at once and read at arm's length.

The larger figures on a true scale, with their zooms, are `stimplan.view.plot_session` and `plot_course`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from textwrap import wrap

import attrs
import numpy as np

from stimplan.protocol import (
    ElectricStimulation,
    InterferenceWaveform,
    MagneticStimulation,
    NoiseWaveform,
    Protocol,
    Waveform,
    totals_of,
)
from stimplan.view.amplitudes import Group, groups
from stimplan.waveform import (
    CoursePlan,
    list_pulses,
    needed_rate_Hz,
    pieces,
    plan_course,
    sample_session,
    session_s,
)
from stimplan.waveform.choices import Choices

INK, FAINT, LINE, BAND = "#1b1f24", "#4a5461", "#8a94a3", "#e9edf3"
WIDTH, HEIGHT = 1180, 106
# The plot's frame; the words stand to its left.
_LEFT, _RIGHT, _TOP, _BOTTOM = 250, 1168, 14, 83
_ROWS = 5
_COIL = "#6b2fa0"
# What stands in for a gap between blocks that is not reported, drawn hatched and said.
_STAND_IN_GAP_S = 10.0


@attrs.frozen
class Picture:
    """A drawing for the page, and what it says in words for those who do not see it."""

    svg: str
    words: str


def draw_session(protocol: Protocol) -> Picture:
    """One session on a true time scale: the current of the electrodes, or the pulses of the coil.

    Parameters
    ----------
    protocol : Protocol
        Of any modality.
    """
    stimulation = protocol.stimulation
    if isinstance(stimulation, MagneticStimulation):
        return _pulses(protocol, stimulation)
    return _current(protocol, stimulation)


def draw_course(protocol: Protocol) -> Picture:
    """The days of the course, a bar for each with its sessions; what is not reported is said, not drawn."""
    course = protocol.course
    plan = plan_course(course)
    sessions = f"{course.sessions} session{'s' if course.sessions > 1 else ''}"
    lines = [sessions, *([f"{plan.weeks} weeks"] if plan.weeks > 1 else []), *_course_notes(plan)]
    if course.schedule:
        lines.append(course.schedule)
    words = f"Course: {'; '.join(lines)}."
    if course.sessions == 1:
        return Picture(
            _frame(_words("Course", lines) + _middle("one session: there is no course to draw"), words), words
        )
    if not plan.days:
        return Picture(_frame(_words("Course", lines) + _middle("the days are not reported"), words), words)
    days = plan.weeks * 7
    wide = (_RIGHT - _LEFT) / days
    most = max(day.sessions for day in plan.days)
    parts = [_rect(_LEFT + 7 * wide * week, _TOP, 7 * wide, _BOTTOM - _TOP, BAND) for week in range(0, plan.weeks, 2)]
    for day in plan.days:
        height = (_BOTTOM - _TOP - 8) * day.sessions / most
        colour = ("#17558c", "#2e7d6b", "#8a5a00", "#7b3b76")[day.phase % 4]
        parts.append(_rect(_LEFT + day.day * wide + 0.1 * wide, _BOTTOM - height, 0.8 * wide, height, colour))
    parts += [_line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, LINE)]
    step = max(1, math.ceil(plan.weeks / 12))
    for week in range(0, plan.weeks, step):
        parts.append(_text(_LEFT + 7 * wide * week + 2, _BOTTOM + 15, f"week {week + 1}", FAINT))
    if most > 1:
        parts.append(_text(_LEFT - 6, _TOP + 12, f"{most} a day", FAINT, "end"))
    return Picture(_frame(_words("Course", lines) + "".join(parts), words), words)


def _course_notes(plan: CoursePlan) -> list[str]:
    if not plan.is_schematic or not plan.days:
        return []
    return [f"drawn assuming: {', '.join(plan.assumed)}"]


def _current(protocol: Protocol, stimulation: ElectricStimulation) -> Picture:
    waveform = stimulation.waveform
    length_s = session_s(waveform)
    found = [one for one in groups(stimulation) if math.isfinite(one.low_A) and math.isfinite(one.high_A)]
    lines = [f"{_minutes(waveform.duration_s)} at the full level", *_ramps(stimulation), *_kind(stimulation)]
    words = f"One session: {'; '.join(lines)}; {_group_words(found)}."
    top = max([abs(value) for one in found for value in (one.low_A, one.high_A)], default=0.0) or 1e-3
    zoom, right = _wave(protocol, stimulation, found, top)
    scale = _Scale(length_s, top, right)
    bands = "".join(_band(stimulation, one, scale) for one in sorted(found, key=lambda one: one.low_A - one.high_A))
    axes = _line(_LEFT, scale.y(0), right, scale.y(0), LINE) + _time_axis(length_s, scale)
    levels = sorted({one.high_A for one in found} | {one.low_A for one in found} | {0.0})
    ticks = "".join(
        _text(_LEFT - 6, scale.y(level) + 4, _signed_mA(level), FAINT, "end") for level in _apart(levels, top)
    )
    missing = _missing_ramps(stimulation, scale, top)
    return Picture(_frame(_words("One session", lines) + axes + bands + ticks + missing + zoom, words), words)


@attrs.frozen
class _Scale:
    """Where a time and a current lie in the picture."""

    length_s: float
    top_A: float
    right: float = _RIGHT

    def x(self, time_s: float) -> float:
        return _LEFT + (self.right - _LEFT) * (0.02 + 0.96 * time_s / (self.length_s or 1.0))

    def y(self, current_A: float) -> float:
        middle, half = (_TOP + _BOTTOM) / 2, (_BOTTOM - _TOP) / 2
        return middle - half * current_A / (1.1 * self.top_A)


def _wave(
    protocol: Protocol, stimulation: ElectricStimulation, found: Sequence[Group], top_A: float
) -> tuple[str, float]:
    """A few periods beside the session, and where the session's own plot ends; nothing for what is steady."""
    window_s = _window_s(stimulation.waveform)
    if window_s is None or not stimulation.is_size_known or not found:
        return "", _RIGHT
    start_s = stimulation.waveform.ramp_up_s or 0.0
    rate = max(4 * needed_rate_Hz(stimulation.waveform)[0], 400 / window_s)
    waves = sample_session(protocol, rate, start_s=start_s, stop_s=start_s + window_s)
    left = _RIGHT - 300
    every = max(1, len(waves.time_s) // 1500)
    place = _Scale(window_s, top_A)
    parts = [
        _line(left, place.y(0), _RIGHT, place.y(0), LINE),
        _text(left, _TOP - 3, f"{_seconds(window_s)} of it", FAINT),
    ]
    for group in found[:4]:
        points = [
            (
                left + (_RIGHT - left) * (time_s - start_s) / window_s,
                place.y(max(-1.1 * top_A, min(1.1 * top_A, current))),
            )
            for time_s, current in zip(
                waves.time_s[::every].tolist(), waves.current_A[::every, group.number].tolist(), strict=True
            )
        ]
        parts.append(_polyline(points, group.colour, 1.2))
    return "".join(parts) + _axis(window_s, left, _RIGHT), left - 40


def _window_s(waveform: Waveform) -> float | None:
    """How long a piece shows what the current does: four periods, 100 ms of noise, two beats; None for direct."""
    if isinstance(waveform, NoiseWaveform):
        is_known = None not in (waveform.band_low_Hz, waveform.band_high_Hz, waveform.distribution)
        return 0.1 if is_known else None
    if isinstance(waveform, InterferenceWaveform):
        return 6 / min(waveform.carriers_Hz)
    hertz = getattr(waveform, "frequency_Hz", None)
    return 4 / hertz if hertz else None


def _band(stimulation: ElectricStimulation, group: Group, scale: _Scale) -> str:
    """Outline of a group's currents over the session: a line for direct current, a band for what swings."""
    level = [(one.start_s, one.first, one.stop_s, one.last) for one in pieces(stimulation.waveform)]
    points = [point for start, first, stop, last in level for point in ((start, first), (stop, last))]
    points = [(0.0, 0.0), *points, (points[-1][0], 0.0)]
    upper = [(scale.x(t), scale.y(group.high_A * part)) for t, part in points]
    lower = [(scale.x(t), scale.y(group.low_A * part)) for t, part in reversed(points)]
    colour = group.colour
    if group.low_A == group.high_A:
        base = scale.y(0)
        shape = [(upper[0][0], base), *upper, (upper[-1][0], base)]
        return _polygon(shape, colour, 0.15) + _polyline(upper, colour)
    return _polygon([*upper, *lower], colour, 0.2) + _polyline(upper, colour) + _polyline(lower[::-1], colour)


def _missing_ramps(stimulation: ElectricStimulation, scale: _Scale, top_A: float) -> str:
    waveform = stimulation.waveform
    parts = []
    if waveform.ramp_up_s is None:
        parts.append(_text(scale.x(0) + 6, scale.y(-0.6 * top_A), "ramp up not reported", FAINT))
    if waveform.ramp_down_s is None:
        parts.append(_text(scale.x(scale.length_s) - 6, scale.y(-0.6 * top_A), "ramp down not reported", FAINT, "end"))
    return "".join(parts)


def _ramps(stimulation: ElectricStimulation) -> list[str]:
    up, down = stimulation.waveform.ramp_up_s, stimulation.waveform.ramp_down_s
    if up is None and down is None:
        return ["ramps not reported"]
    names = ["not reported" if one is None else f"{one:g} s" for one in (up, down)]
    return [f"ramps {names[0]} up, {names[1]} down"]


def _kind(stimulation: ElectricStimulation) -> list[str]:
    from stimplan.describe.current import kind_text

    return [] if stimulation.waveform.type == "direct" else [kind_text(stimulation.waveform)]


def _group_words(found: Sequence[Group]) -> str:
    return "; ".join(
        f"{', '.join(one.labels)} "
        + (
            _signed_mA(one.high_A)
            if one.low_A == one.high_A
            else f"{_signed_mA(one.low_A)} to {_signed_mA(one.high_A)}"
        )
        for one in found
    )


def _pulses(protocol: Protocol, stimulation: MagneticStimulation) -> Picture:
    totals = totals_of(protocol)
    is_open = any(block.gap_s is None for block in stimulation.blocks[:-1])
    found = list_pulses(protocol, choices=Choices(gap_s=_STAND_IN_GAP_S) if is_open else None)
    times = found.time_s
    length_s = max(float(times[-1]), 1e-3)
    lines = [f"{totals.pulses_per_session:,} pulses in {_minutes(length_s)}", *_train_lines(protocol)]
    if is_open:
        lines.append("gaps between blocks not reported, drawn as 10 s")
    words = f"One session: {'; '.join(lines)}."
    train = totals.trains[0]
    window_s = _zoom_s(times, train.pulses)
    has_zoom = window_s < 0.6 * length_s
    split = _RIGHT - 330 if has_zoom else _RIGHT
    whole = _bars(times, 0.0, length_s, _LEFT, split - (30 if has_zoom else 0))
    whole += _axis(length_s, _LEFT, split - (30 if has_zoom else 0))
    zoom = ""
    if has_zoom:
        zoom = _bars(times[times < window_s], 0.0, window_s, split, _RIGHT) + _axis(window_s, split, _RIGHT)
        zoom += _text(split, _TOP - 3, f"the first {_seconds(window_s)}", FAINT)
    return Picture(_frame(_words("One session", lines) + whole + zoom, words), words)


def _zoom_s(times: np.ndarray, pulses: int) -> float:
    """The first train, or its first second where it is a long one."""
    end = float(times[min(pulses, len(times)) - 1])
    return min(end * 1.04, max(1.0, 12 * float(times[1] - times[0]))) if len(times) > 1 and end > 0 else math.inf


def _train_lines(protocol: Protocol) -> list[str]:
    lines = []
    for train in totals_of(protocol).trains[:2]:
        pause = f", pause {_seconds(train.inter_train_interval_s)}" if train.inter_train_interval_s is not None else ""
        count = f"{train.count} trains of {_seconds(train.train_duration_s)}{pause}" if train.count > 1 else ""
        rate = f"{train.frequency_Hz:g} Hz" if train.frequency_Hz is not None else "single pulses"
        if train.burst_frequency_Hz is not None:
            rate = f"{train.name}: bursts at {train.burst_frequency_Hz:.3g} Hz"
        lines += [rate, *([count] if count else [])]
    return lines


def _bars(times: np.ndarray, start_s: float, stop_s: float, left: float, right: float) -> str:
    """A bar for every column with a pulse, neighbours joined: trains appear as blocks, single pulses as lines."""
    columns = np.unique(np.round((times - start_s) / (stop_s - start_s) * (right - left - 4)).astype(int))
    breaks = np.flatnonzero(np.diff(columns) > 1)
    firsts = columns[np.concatenate([[0], breaks + 1])]
    lasts = columns[np.concatenate([breaks, [len(columns) - 1]])]
    return "".join(
        _rect(left + first + 1, _TOP + 6, max(last - first + 1, 1.4), _BOTTOM - _TOP - 8, _COIL)
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
    )


def _axis(length_s: float, left: float, right: float) -> str:
    parts = [_line(left, _BOTTOM, right, _BOTTOM, LINE)]
    for time_s, label in _ticks(length_s, int((right - left) / 90)):
        x = left + 1 + (right - left - 4) * time_s / length_s
        anchor = "start" if time_s == 0 else "end" if time_s > 0.97 * length_s else "middle"
        parts.append(_line(x, _BOTTOM, x, _BOTTOM + 4, LINE) + _text(x, _BOTTOM + 16, label, FAINT, anchor))
    return "".join(parts)


def _time_axis(length_s: float, scale: _Scale) -> str:
    return "".join(
        _line(scale.x(time_s), _BOTTOM + 2, scale.x(time_s), _BOTTOM + 6, LINE)
        + _text(scale.x(time_s), _BOTTOM + 18, label, FAINT, "middle")
        for time_s, label in _ticks(length_s, 9 if scale.right == _RIGHT else 6)
    )


def _ticks(length_s: float, most: int) -> list[tuple[float, str]]:
    """Round times from 0 to the end with their labels."""
    unit_s, name = (60.0, "min") if length_s >= 120 else (1.0, "s") if length_s >= 0.5 else (1e-3, "ms")
    size = length_s / unit_s
    steps = [base * 10.0**power for power in range(-3, 4) for base in (1, 2, 5)]
    step = next((one for one in steps if size / one <= max(most - 1, 2)), steps[-1])
    count = int(size / step + 1e-9) + 1
    return [(number * step * unit_s, f"{number * step:g} {name}") for number in range(count)]


def _apart(levels: Sequence[float], top_A: float) -> list[float]:
    """Levels that are far enough from each other to be labelled, the largest and smallest first."""
    kept: list[float] = []
    for level in sorted(levels, key=abs, reverse=True):
        if all(abs(level - other) > 0.3 * top_A for other in kept):
            kept.append(level)
    return kept


def _minutes(time_s: float) -> str:
    return f"{time_s / 60:.3g} min" if time_s >= 90 else _seconds(time_s)


def _seconds(time_s: float) -> str:
    return f"{1e3 * time_s:.3g} ms" if time_s < 0.1 else f"{time_s:.3g} s"


def _signed_mA(current_A: float) -> str:
    sign = "+" if current_A > 0 else "\u2212" if current_A < 0 else ""
    return f"{sign}{abs(current_A) * 1e3:.3g} mA"


def _frame(content: str, words: str) -> str:
    return (
        f'<svg class="sp-timeline" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}" '
        f'xmlns="http://www.w3.org/2000/svg" preserveAspectRatio="xMinYMid meet">{content}</svg>'
    )


def _words(title: str, lines: Sequence[str]) -> str:
    shown = [row for line in lines for row in wrap(line, 29)]
    if len(shown) > _ROWS:
        shown = [*shown[: _ROWS - 1], f"{shown[_ROWS - 1][:27]} …"]
    text = f'<text x="4" y="{_TOP + 6}" fill="{INK}" font-size="15" font-weight="600">{escape(title)}</text>'
    return text + "".join(_text(4, _TOP + 24 + 16 * row, line, INK) for row, line in enumerate(shown))


def _middle(text: str) -> str:
    return _text((_LEFT + _RIGHT) / 2, (_TOP + _BOTTOM) / 2, text, FAINT, "middle")


def _text(x: float, y: float, text: str, colour: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="13" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.1f}" fill="{colour}"/>'


def _polyline(points: Sequence[tuple[float, float]], colour: str, width: float = 2) -> str:
    return f'<polyline points="{_points(points)}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _polygon(points: Sequence[tuple[float, float]], colour: str, opacity: float) -> str:
    return f'<polygon points="{_points(points)}" fill="{colour}" fill-opacity="{opacity}"/>'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
