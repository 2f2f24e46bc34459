"""One session of current: the whole of it, its two ends with their ramps, and a few periods at the full level."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import numpy as np

from stimplan.describe.current import kind_text
from stimplan.protocol import (
    ElectricStimulation,
    InterferenceWaveform,
    NoiseWaveform,
    Protocol,
)
from stimplan.view.amplitudes import Group, convention_text, groups
from stimplan.view.panels import (
    SERIES,
    WIDTH_IN,
    Panel,
    caption,
    duration_text,
    heading_height_in,
    new_panel,
    not_reported,
    plain,
    write_heading,
)
from stimplan.view.paper import FAINT, current_text, new_figure
from stimplan.waveform import Choices, amplitudes_A, frequencies_Hz, needed_rate_Hz, pieces, sample_session, session_s

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_IN = 1.3
_BETWEEN_IN = 0.66
# Room beside the caption of the first panel, and the height of one row of the key.
_KEY_CHARACTERS = 64
_KEY_ROW_IN = 0.15
# A frequency that is each person's own is drawn with this one, and the axis counts periods instead of seconds.
_STAND_IN_HZ = 10.0
# Up to so many periods in one panel a line is drawn; beyond, the band between its extremes.
_MOST_PERIODS = 40


@attrs.frozen
class View:
    """A panel to draw: its window, its words, and the function that draws into it.

    `is_detail` lets the axis count from the window's start, `period_s` in periods instead of seconds.
    """

    window_s: tuple[float, float]
    text: str
    draw: Callable[[Panel], None]
    is_detail: bool = False
    period_s: float | None = None


def plot_current_session(protocol: Protocol, stimulation: ElectricStimulation, title: str) -> Figure:
    """Figure of one session of current."""
    drawn = _drawing(protocol, stimulation)
    lines = [line for line in (_summary(stimulation), convention_text(stimulation)) if line]
    rows = [[drawn.whole()], drawn.ends(), drawn.details()]
    rows = [row for row in rows if row]
    head = heading_height_in(title, lines) + (len(drawn.key_rows()) - 1) * _KEY_ROW_IN
    height = head + len(rows) * (_ROW_IN + _BETWEEN_IN)
    figure = new_figure(WIDTH_IN, height)
    write_heading(figure, title, lines)
    above: Panel | None = None
    for number, row in enumerate(rows):
        top = (height - head - number * (_ROW_IN + _BETWEEN_IN) - 0.12) / height
        panels = [
            _panel(figure.add_axes((left, top - _ROW_IN / height, width, _ROW_IN / height)), view)
            for view, (left, width) in zip(row, _columns(len(row)), strict=True)
        ]
        if above is None:
            drawn.write_key(figure, panels[0])
        else:
            for panel in panels:
                above.show(panel)
        # Details lie at the beginning of the full level, which the start of the session shows.
        above = panels[0]
    return figure


def _panel(axes: Axes, view: View) -> Panel:
    panel = new_panel(axes, view.window_s, origin_s=view.window_s[0] if view.is_detail else 0.0, period_s=view.period_s)
    axes.axhline(0, color=FAINT, lw=0.5, zorder=1)
    caption(axes, view.text)
    view.draw(panel)
    if not axes.get_ylabel() and axes.get_position().x0 < 0.1:
        axes.set_ylabel("current, mA", fontsize=7.5)
    return panel


def _columns(count: int) -> list[tuple[float, float]]:
    left, right, gap = 0.085, 0.985, 0.07
    width = (right - left - gap * (count - 1)) / count
    return [(left + number * (width + gap), width) for number in range(count)]


def _summary(stimulation: ElectricStimulation) -> str:
    """Duration and ramps in words."""
    waveform = stimulation.waveform
    ramps = [
        f"ramp {way} {'not reported' if ramp is None else duration_text(ramp) if ramp else 'none'}"
        for way, ramp in (("up", waveform.ramp_up_s), ("down", waveform.ramp_down_s))
    ]
    ramped = f"on top of it: {', '.join(ramps)}"
    if waveform.ramp_up_s is None and waveform.ramp_down_s is None:
        ramped = "ramps not reported"
    pauses = waveform.intermittence
    on_off = f", {duration_text(pauses.on_s)} on and {duration_text(pauses.off_s)} off" if pauses else ""
    kind = kind_text(waveform)
    length = duration_text(waveform.duration_s)
    return f"{kind[0].upper()}{kind[1:]}, {length} at the full level{on_off}; {ramped}."


def _drawing(protocol: Protocol, stimulation: ElectricStimulation) -> _Drawing:
    waveform = stimulation.waveform
    if not stimulation.is_size_known:  # drawn as if it were the peak, which the heading says
        stimulation = attrs.evolve(stimulation, amplitude_convention="peak")
        protocol = attrs.evolve(protocol, stimulation=stimulation)
    own = waveform.type in ("sinusoidal", "oscillating") and getattr(waveform, "frequency_Hz", None) is None
    return _Drawing(
        protocol=protocol,
        stimulation=stimulation,
        choices=Choices(frequency_Hz=_STAND_IN_HZ if own else None),
        groups=groups(stimulation),
        is_own_frequency=own,
    )


@attrs.frozen(kw_only=True)
class _Drawing:
    """The views of one session and how each is drawn."""

    protocol: Protocol
    stimulation: ElectricStimulation
    choices: Choices
    groups: tuple[Group, ...]
    is_own_frequency: bool

    @property
    def period_s(self) -> float | None:
        """Length of one period of what alternates, s; None for direct current and noise."""
        waveform = self.stimulation.waveform
        if isinstance(waveform, InterferenceWaveform):
            return 1 / max(waveform.carriers_Hz)
        if waveform.type in ("direct", "noise"):
            return None
        frequency = getattr(waveform, "frequency_Hz", None) or _STAND_IN_HZ
        return 1 / float(frequency)

    def whole(self) -> View:
        length = session_s(self.stimulation.waveform)
        return View((-0.045 * length, 1.045 * length), "the whole session", self._whole)

    def ends(self) -> list[View]:
        """Start and end, where a ramp is reported or the current is switched on and off."""
        waveform = self.stimulation.waveform
        length = session_s(waveform)
        made = []
        if waveform.ramp_up_s:
            made.append(View((-0.12 * waveform.ramp_up_s, 1.5 * waveform.ramp_up_s), "start", self._level))
        if waveform.intermittence is not None:
            period = waveform.intermittence.on_s + waveform.intermittence.off_s
            first = waveform.ramp_up_s or 0.0
            stop = min(first + 3 * period, length)
            made.append(View((first, stop), "times on and pauses", self._level))
        if waveform.ramp_down_s:
            start = next(p.start_s for p in pieces(waveform) if p.kind == "ramp down")
            window = (start - 0.5 * waveform.ramp_down_s, start + 1.12 * waveform.ramp_down_s)
            made.append(View(window, "end", self._level))
        return made

    def details(self) -> list[View]:
        """A few periods at the full level."""
        waveform, start = self.stimulation.waveform, self.stimulation.waveform.ramp_up_s or 0.0
        if isinstance(waveform, NoiseWaveform):
            return self._noise_details(waveform, start)
        if self.period_s is None:
            return []
        if isinstance(waveform, InterferenceWaveform):
            beat = 1 / min((beat for beat in waveform.beats_Hz if beat), default=1.0)
            return [
                View((start, start + 2.5 * beat), "both channels, where their fields are equal", self._sum, True),
                View((start, start + 8 * self.period_s), "eight periods of the carriers", self._wave, True),
            ]
        is_pulsed = waveform.type == "pulsed"
        text = f"{'pulses' if is_pulsed else 'periods'} at the full level"
        window = (start, start + (5 if is_pulsed else 4) * self.period_s)
        return [View(window, text, self._wave, True, self.period_s if self.is_own_frequency else None)]

    def _noise_details(self, waveform: NoiseWaveform, start: float) -> list[View]:
        if None in (waveform.band_low_Hz, waveform.band_high_Hz, waveform.distribution):
            return []
        band = f"{waveform.band_low_Hz:g} to {waveform.band_high_Hz:g} Hz"
        text = f"100 ms of it, one example: {waveform.distribution}, {band}"
        return [View((start, start + 0.1), text, self._wave, True)]

    def key_rows(self) -> list[list[tuple[str, str]]]:
        """Each group's electrodes and current with its colour, in rows that fit beside the first panel's caption."""
        rows: list[list[tuple[str, str]]] = [[]]
        for group in self.groups:
            text = f"{_names(group.labels)} {self._amount(group)}"
            if rows[-1] and sum(len(other) + 2 for other, _ in rows[-1]) + len(text) > _KEY_CHARACTERS:
                rows.append([])
            rows[-1].append((text, group.colour))
        return rows

    def write_key(self, figure: Figure, panel: Panel) -> None:
        """Write the rows of the key above the first panel, the last one beside its caption."""
        height = figure.get_figheight()
        above = panel.axes.get_position().y1 + 0.055 / height
        for row in self.key_rows()[::-1]:
            right = 0.985
            for text, colour in row[::-1]:
                figure.text(right, above, plain(text), fontsize=7.5, color=colour, ha="right", va="bottom",
                            fontweight="bold")  # fmt: skip
                right -= 0.0106 * len(text) + 0.02
            above += _KEY_ROW_IN / height

    def _amount(self, group: Group) -> str:
        electrode = self.stimulation.electrodes[group.number]
        each = " each" if len(group.labels) > 1 else ""
        phase = f" at {math.degrees(electrode.phase_rad):.4g}°" if electrode.phase_rad is not None else ""
        if isinstance(self.stimulation.waveform, InterferenceWaveform):
            phase = f", {frequencies_Hz(self.stimulation)[group.number]:g} Hz"
        return f"{current_text(electrode.current_A)}{each}{phase}"

    def _whole(self, panel: Panel) -> None:
        self._level(panel)
        waveform, length = self.stimulation.waveform, session_s(self.stimulation.waveform)
        if waveform.ramp_up_s is None:
            not_reported(panel, 0.0, "ramp not\nreported", is_start=True)
        if waveform.ramp_down_s is None:
            not_reported(panel, length, "ramp not\nreported", is_start=False)

    def _level(self, panel: Panel) -> None:
        """A line for what is steady or slow enough; the band between the extremes elsewhere."""
        length = panel.window_s[1] - panel.window_s[0]
        if self.period_s is not None and length / self.period_s <= _MOST_PERIODS and not self.is_own_frequency:
            self._wave(panel)
            return
        corners = [(p.start_s, p.first) for p in pieces(self.stimulation.waveform)]
        ends = [(p.stop_s, p.last) for p in pieces(self.stimulation.waveform)]
        path = [point for pair in zip(corners, ends, strict=True) for point in pair]
        end_s = path[-1][0]
        path = [(panel.window_s[0], 0.0), (0.0, 0.0), *path, (end_s, 0.0), (panel.window_s[1], 0.0)]
        time, level = (np.array(values) for values in zip(*path, strict=True))
        for (low, high), colour in self._bands():
            x, least, most = panel.x(time), level * low * 1e3, level * high * 1e3
            if low != high:
                panel.axes.fill_between(x, least, most, color=colour, alpha=0.3, lw=0, zorder=2)
            for limit in (least, most) if low != high else (most,):
                panel.axes.plot(x, limit, color=colour, lw=1.2, zorder=3)
        self._scale(panel)

    def _bands(self) -> list[tuple[tuple[float, float], str]]:
        """Least and most current of the groups, the widest first; grey where several groups share them."""
        bands: dict[tuple[float, float], set[str]] = {}
        for group in self.groups:
            bands.setdefault((round(group.low_A, 12), round(group.high_A, 12)), set()).add(group.colour)
        widest = sorted(bands.items(), key=lambda band: band[0][0] - band[0][1])
        return [(band, colours.pop() if len(colours) == 1 else SERIES[-1]) for band, colours in widest]

    def _wave(self, panel: Panel) -> None:
        """The samples themselves."""
        time, current = self._samples(panel)
        for place, group in enumerate(self.groups):
            others = [current[:, other.number] for other in self.groups[:place]]
            # A line that lies on another one is dashed, so that both are seen.
            is_hiding = any(np.allclose(current[:, group.number], other, atol=1e-9) for other in others)
            panel.axes.plot(
                panel.x(time),
                current[:, group.number] * 1e3,
                color=group.colour,
                lw=1.0,
                zorder=3,
                ls=(0, (4, 4)) if is_hiding else "-",
            )
        self._scale(panel)

    def _sum(self, panel: Panel) -> None:
        """Sum of one electrode's current of each channel at the same size: what beats in the tissue between them."""
        time, current = self._samples(panel)
        chosen: dict[int, int] = {}
        for number, electrode in enumerate(self.stimulation.electrodes):
            if electrode.current_A > 0:
                chosen.setdefault(electrode.channel or 0, number)
        sizes = np.abs(amplitudes_A(self.stimulation))
        both = sum(current[:, number] / sizes[number] for number in chosen.values())
        panel.axes.plot(panel.x(time), both, color=SERIES[-1], lw=0.4, zorder=2)
        panel.axes.set_ylabel("relative to one", fontsize=7.5)
        panel.axes.locator_params(axis="y", nbins=5)

    def _samples(self, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
        first, last = panel.window_s
        waveform = self.stimulation.waveform
        if self.is_own_frequency:
            waveform = attrs.evolve(waveform, frequency_Hz=_STAND_IN_HZ)  # type: ignore[call-arg]
        rate = max(4 * needed_rate_Hz(waveform)[0], 3000 / (last - first))
        waves = sample_session(
            self.protocol, rate, start_s=max(first, 0.0), stop_s=last + 1 / rate, choices=self.choices
        )
        return waves.time_s, waves.current_A

    def _scale(self, panel: Panel) -> None:
        low = min(0.0, *(group.low_A for group in self.groups)) * 1e3
        high = max(0.0, *(group.high_A for group in self.groups)) * 1e3
        room = 0.12 * (high - low or 1.0)
        panel.axes.set_ylim(low - room, high + room)
        panel.axes.locator_params(axis="y", nbins=5)


def _names(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) if len(labels) <= 4 else f"{labels[0]} … {labels[-1]} ({len(labels)})"
