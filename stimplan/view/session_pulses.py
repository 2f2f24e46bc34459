"""One session of a coil: every pulse on a true time scale, from the whole session down to one burst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.protocol import Block, Intensity, MagneticStimulation, Protocol, Timing, trains
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
from stimplan.view.paper import INK, new_figure
from stimplan.waveform import block_times_s, relative_intensities

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_IN = 1.08
_BETWEEN_IN = 0.62
_MOST_ROWS = 4
# Pulses nearer than this share of a panel cannot be told apart in print.
_RESOLVED = 1 / 60
# A zoom is worth its place when it shows at least this much less than the one above it.
_LEAST_ZOOM = 2.5
# Lines nearer to each other than this, in points, run into each other in print.
_LEAST_GAP_PT = 1.6
# Height of a pulse whose intensity nobody can compare with the block's, as a share of it; the heading says so.
_NOT_TO_SCALE = 0.6


@attrs.frozen
class Zoom:
    """A part of a block up to a time after its first pulse, s, and what it shows; it may begin before that pulse."""

    stop_s: float
    text: str
    start_s: float = 0.0


def zooms(block: Block) -> tuple[Zoom, ...]:
    """Ever smaller parts of a block, each with its words, until single pulses can be told apart.

    The whole block comes first. Of each pattern, from the outside in, one element is shown: with the pause up to the
    next one where that is long, then on its own; at last one pulse with the nerve that is paired with it.
    """
    timing = block.timing
    chosen = [Zoom(trains.duration_s(timing) or 1.0, "")]
    for candidate in _candidates(timing):
        if _is_resolved(timing, chosen[-1].stop_s) or len(chosen) == _MOST_ROWS:
            break
        if candidate.stop_s * _LEAST_ZOOM <= chosen[-1].stop_s:
            chosen.append(candidate)
    if block.peripheral is not None:
        before = block.peripheral.interval_s
        chosen = [*chosen[: _MOST_ROWS - 1], Zoom(0.6 * before, "one pulse and the nerve before it", -1.4 * before)]
    return tuple(chosen)


def _candidates(timing: Timing) -> list[Zoom]:
    made = []
    for depth in range(len(timing.patterns) - 1, -1, -1):
        pattern = timing.patterns[depth]
        inner = trains.duration_s(attrs.evolve(timing, patterns=timing.patterns[:depth]))
        name = _element_name(timing, depth)
        if pattern.count > 1 and inner < pattern.interval_s / 1.5:
            shown = 1 if inner else min(5, pattern.count - 1)
            pause = f"one {name}, the next {duration_text(pattern.interval_s)} after its start"
            text = pause if inner else f"the first {shown + 1} {_plural(name, 2)}"
            made.append(Zoom(shown * pattern.interval_s + inner, text))
        if inner:
            made.append(Zoom(inner, f"one {name.partition(' of ')[0]}: {nesting_text(timing, depth)}"))
    return made


def _is_resolved(timing: Timing, length_s: float) -> bool:
    times = block_times_s(timing)
    return len(times) < 2 or float(np.diff(times).min()) >= _RESOLVED * length_s


def _element_name(timing: Timing, depth: int) -> str:
    """What is repeated by the pattern number `depth`: a pulse, a pair, a burst, a train."""
    if depth == 0:
        return {1: "pulse", 2: "pair of pulses"}.get(timing.stimulus.pulses, f"set of {timing.stimulus.pulses} pulses")
    pattern = timing.patterns[depth - 1]
    if pattern.name:
        return pattern.name
    is_burst = depth == 1 and pattern.interval_s <= 0.1 and pattern.count <= 10
    is_train = depth == 1 or timing.patterns[depth - 2].count <= 10
    return "burst" if is_burst else "train" if is_train and depth <= 2 else f"group of {pattern.count}"


def nesting_text(timing: Timing, depth: int) -> str:
    """One element in words: its pulses, or its elements and how fast they follow each other."""
    if depth == 0:
        gaps = " and ".join(dict.fromkeys(duration_text(gap) for gap in timing.stimulus.intervals_s))
        return f"{timing.stimulus.pulses} pulses, {gaps} apart"
    pattern = timing.patterns[depth - 1]
    rate = 1 / pattern.interval_s
    speed = f"at {rate:.4g} Hz" if rate >= 0.5 else f"one every {duration_text(pattern.interval_s)}"
    return f"{pattern.count} {_plural(_element_name(timing, depth - 1), pattern.count)} {speed}"


def _plural(name: str, count: int) -> str:
    if count == 1:
        return name
    head, _, tail = name.partition(" of ")
    return f"{head}s of {tail}" if tail else f"{name}s"


def block_text(block: Block) -> str:
    """A block in words: label, pulses, patterns from the outside in, intensity."""
    timing = block.timing
    levels = [nesting_text(timing, depth) for depth in range(len(timing.patterns), -1, -1)]
    levels = levels if timing.stimulus.pulses > 1 or not timing.patterns else levels[:-1]
    if not timing.patterns and timing.stimulus.pulses == 1:
        levels = ["1 pulse"]
    count = trains.pulses(timing)
    return f"{count:,} pulses in {duration_text(trains.duration_s(timing))}: " + ", each ".join(levels)


def intensity_scale(intensity: Intensity) -> tuple[float, str]:
    """Size of an intensity and the name of its scale."""
    if intensity.value_fraction is not None:
        return 100 * intensity.value_fraction, f"% of {intensity.reference}"
    if intensity.didt_A_per_s is not None:
        return intensity.didt_A_per_s / 1e6, "A/µs"
    return intensity.field_V_per_m or 0.0, "V/m at target"


def plot_pulse_session(protocol: Protocol, stimulation: MagneticStimulation, title: str) -> Figure:
    """Figure of one session of a coil: blocks side by side on top, each with its zooms below it."""
    blocks = stimulation.blocks
    texts = [_heading(block, number, len(blocks)) for number, block in enumerate(blocks)]
    # More than three blocks side by side leave no room for zooms worth looking at.
    views = [zooms(block) if len(blocks) <= 3 else zooms(block)[:1] for block in blocks]
    rows = max(map(len, views))
    texts += ["Pale fields are pulses too close to be told apart at that scale."] if rows > 1 else []
    head = heading_height_in(title, texts)
    height = head + rows * _ROW_IN + rows * _BETWEEN_IN
    figure = new_figure(WIDTH_IN, height)
    write_heading(figure, title, texts)
    tops = [(height - head - row * (_ROW_IN + _BETWEEN_IN) - 0.1) / height for row in range(rows)]
    for number, (left, width) in enumerate(_columns(blocks)):
        above: Panel | None = None
        for row, zoom in enumerate(views[number]):
            axes = figure.add_axes((left, tops[row] - _ROW_IN / height, width, _ROW_IN / height))
            panel = _draw(axes, blocks[number], zoom, SERIES[number % len(SERIES)])
            if row == 0 and len(blocks) > 1:
                caption(axes, blocks[number].label or f"block {number + 1}")
                _mark_gap(panel, blocks, number)
            elif row == 0:
                caption(axes, "the whole session")
            else:
                caption(axes, zoom.text)
            if number == 0:
                axes.set_ylabel(_axis_name(blocks[number]), fontsize=7.5)
            if above is not None:
                above.show(panel)
            above = panel
    return figure


def _heading(block: Block, number: int, count: int) -> str:
    full, scale = intensity_scale(block.intensity)
    name = f"{block.label or f'Block {number + 1}'}: " if count > 1 else ""
    relative = " (each pulse as drawn)" if block.timing.stimulus.relative_intensities else _own_scales(block)
    nerve = block.peripheral
    paired = f"; {nerve.nerve} nerve {duration_text(nerve.interval_s)} before each pulse" if nerve else ""
    return f"{name}{block_text(block)}; {full:.4g} {scale}{relative}{paired}".replace("% of", "% of").replace(
        " %", "%", 1
    )


def _own_scales(block: Block) -> str:
    """Pulses with a reference of their own, whose height beside the others nobody knows."""
    own = [
        (place, *intensity_scale(one))
        for place, one in enumerate(block.timing.stimulus.intensities, 1)
        if one is not None
    ]
    texts = [f"pulse {place} {size:.4g} {scale}".replace(" %", "%", 1) for place, size, scale in own]
    is_guess = bool(np.isnan(relative_intensities(block)).any())
    return f" ({', '.join(texts)}{', height not to scale' if is_guess else ''})" if texts else ""


def _heights(block: Block) -> NDArray[np.float64]:
    return np.nan_to_num(relative_intensities(block), nan=_NOT_TO_SCALE)


def _axis_name(block: Block) -> str:
    return f"intensity,\n{intensity_scale(block.intensity)[1]}"


def _columns(blocks: tuple[Block, ...]) -> list[tuple[float, float]]:
    """Left edge and width of each block's column: by its length, but none narrower than a fair share."""
    left, right, gap = 0.095, 0.985, 0.055
    room = right - left - gap * (len(blocks) - 1)
    lengths = np.array([max(trains.duration_s(block.timing), 1e-3) for block in blocks])
    shares = np.maximum(lengths / lengths.sum(), 0.6 / len(blocks))
    widths = room * shares / shares.sum()
    edges = left + np.concatenate([[0.0], np.cumsum(widths + gap)[:-1]])
    return list(zip(edges.tolist(), widths.tolist(), strict=True))


def _draw(axes: Axes, block: Block, zoom: Zoom, colour: str) -> Panel:
    """One panel, each pulse as high as it is strong."""
    times, strengths = _pulses_in(block, zoom.stop_s)
    length = zoom.stop_s - zoom.start_s
    panel = new_panel(axes, (zoom.start_s - 0.03 * length, zoom.stop_s + 0.03 * length))
    full = intensity_scale(block.intensity)[0]
    axes.set_ylim(0, 1.18 * full * max(1.0, _heights(block).max()))
    axes.locator_params(axis="y", nbins=3)
    points_per_s = axes.get_position().width * WIDTH_IN * 72 / (1.06 * length)
    _draw_pulses(panel, times, strengths * full, least_gap_s=_LEAST_GAP_PT / points_per_s, colour=colour)
    if zoom.start_s < 0:
        _draw_nerve(panel, block, full)
    return panel


def _draw_pulses(
    panel: Panel, times: NDArray[np.float64], heights: NDArray[np.float64], *, least_gap_s: float, colour: str
) -> None:
    """A line for each pulse; a pale field with an edge where they are too close for print to tell apart.

    Lines on a grid of dots nearly as fine as themselves would make a pattern that is not there.
    """
    from matplotlib.patches import Rectangle

    runs = runs_of(times, least_gap_s)
    single = np.array([first == last for first, last in runs for _ in range(last - first + 1)], bool)
    nearest = float(np.diff(times[single]).min(initial=np.inf)) / least_gap_s * _LEAST_GAP_PT
    panel.axes.vlines(panel.x(times[single]), 0, heights[single], colors=colour, zorder=2, snap=False,
                      linewidth=float(np.clip(0.5 * nearest, 0.5, 1.3)))  # fmt: skip
    for first, last in runs:
        if first < last:
            start, stop, height = panel.x(times[first]), panel.x(times[last]), heights[first : last + 1].max()
            field = Rectangle((start, 0), stop - start, height, zorder=2)
            field.set(facecolor=(colour, 0.45), edgecolor=colour, linewidth=0.6)
            panel.axes.add_patch(field)


def runs_of(times: NDArray[np.float64], least_gap_s: float) -> list[tuple[int, int]]:
    """First and last number of each run of pulses less than a gap apart; both are the same where one is alone."""
    breaks = np.flatnonzero(np.diff(times) >= least_gap_s)
    firsts = [0, *(breaks + 1).tolist()]
    lasts = [*breaks.tolist(), len(times) - 1]
    return list(zip(firsts, lasts, strict=True))


def _draw_nerve(panel: Panel, block: Block, full: float) -> None:
    """The stimulus to the paired nerve as an arrow, and its time before the pulse."""
    assert block.peripheral is not None
    at = panel.x(-block.peripheral.interval_s)
    panel.axes.annotate("", (at, 0), (at, 0.75 * full), arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.0})
    panel.axes.text(at, 0.8 * full, plain(f"{block.peripheral.nerve} nerve"), fontsize=7, color=INK, ha="center")
    panel.axes.annotate(
        "", (at, 0.3 * full), (0, 0.3 * full), arrowprops={"arrowstyle": "<->", "color": INK, "lw": 0.7}
    )
    panel.axes.text(at / 2, 0.34 * full, duration_text(block.peripheral.interval_s), fontsize=7, color=INK, ha="center")


def _pulses_in(block: Block, stop_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    times, strengths = block_times_s(block.timing), _heights(block)
    inside = times <= 1.04 * stop_s + 1e-9
    return times[inside], strengths[inside]


def _mark_gap(panel: Panel, blocks: tuple[Block, ...], number: int) -> None:
    """Say between two blocks how long the pause is, or that it is not reported."""
    if number == 0:
        return
    gap = blocks[number - 1].gap_s
    said = f"{duration_text(gap)} pause before" if gap is not None else "pause before: not reported"
    panel.axes.text(0.04, 1.0, said, transform=panel.axes.transAxes, fontsize=6.8, color=INK, va="top", ha="left",
                    bbox={"fc": "white", "ec": "none", "pad": 0.8, "alpha": 0.85}, zorder=4)  # fmt: skip
    if gap is None:
        not_reported(panel, 0.0, "", is_start=True)
