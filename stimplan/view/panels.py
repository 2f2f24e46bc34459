"""What the timeline pictures share: axes on a true time scale, zooms that show where they come from, words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.view.paper import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by people of every colour vision; yellow is left out, it is too faint for lines.
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
ZOOM = "#c9a227"
_SMALL = 7.5
WIDTH_IN = 7.2
_BEHIND = {"fc": "white", "ec": "none", "pad": 0.6}


@attrs.frozen
class Panel:
    """Axes whose horizontal axis is time in a unit that suits its length.

    Attributes
    ----------
    axes : Axes
    window_s : (first, last)
        What it shows, s.
    per_second : float
        The axis' units in one second.
    origin_s : float
        Time at the axis' zero, s.
    """

    axes: Axes
    window_s: tuple[float, float]
    per_second: float
    origin_s: float = 0.0

    def x(self, time_s: Any) -> Any:
        """Where a time, or an array of them, lies on the axis."""
        return (time_s - self.origin_s) * self.per_second

    def show(self, other: Panel) -> None:
        """Mark the window of another panel here, and join the two."""
        from matplotlib.patches import ConnectionPatch

        first, last = (self.x(max(min(edge, self.window_s[1]), self.window_s[0])) for edge in other.window_s)
        self.axes.axvspan(first, last, color=ZOOM, alpha=0.22, lw=0, zorder=0)
        for edge, corner in ((first, 0.0), (last, 1.0)):
            self.axes.axvline(edge, color=ZOOM, lw=0.7, zorder=0.5)
            line = ConnectionPatch(
                (edge, 0.0), (corner, 1.0), self.axes.get_xaxis_transform(), other.axes.transAxes,
                color=ZOOM, lw=0.7, zorder=-1,
            )  # fmt: skip
            line.set_in_layout(False)
            self.axes.figure.add_artist(line)


def new_panel(
    axes: Axes, window_s: tuple[float, float], *, origin_s: float = 0.0, period_s: float | None = None
) -> Panel:
    """Set up axes for a window of time.

    Parameters
    ----------
    axes : Axes
    window_s : (first, last)
    origin_s : float
        Time the axis counts from, s.
    period_s : float, optional
        Count periods of this length instead of a unit of time.
    """
    per_second, unit = unit_for(window_s[1] - window_s[0])
    label = f"time, {unit}" if origin_s == 0 else f"time from {duration_text(origin_s)} on, {unit}"
    if period_s is not None:
        per_second, label = 1 / period_s, "time, periods of the person's own frequency"
    panel = Panel(axes, window_s, per_second, origin_s)
    axes.set_xlim(panel.x(window_s[0]), panel.x(window_s[1]))
    # White behind the words: the lines of a zoom pass below them.
    axes.set_xlabel(label, fontsize=_SMALL, color=INK, labelpad=1.5, bbox=_BEHIND)
    axes.tick_params(labelsize=7, color=FAINT, labelcolor=INK, length=2.5, width=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=FAINT, linewidth=0.6)
    for tick in axes.get_xticklabels():
        tick.set_bbox(_BEHIND)
    axes.patch.set_visible(False)
    return panel


def unit_for(length_s: float) -> tuple[float, str]:
    """Units per second and name of the unit in which people would speak of a length of time."""
    if length_s >= 200:
        return 1 / 60, "min"
    return (1.0, "s") if length_s >= 0.9 else (1e3, "ms")


def duration_text(length_s: float) -> str:
    """Length of time in the units people use: `20 min`, `37 min 4 s`, `1.84 s`, `5 ms`."""
    if length_s >= 120:
        minutes, seconds = divmod(round(length_s), 60)
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    return f"{length_s:.4g} s" if length_s >= 1 else f"{1e3 * length_s:.4g} ms"


def plain(text: str) -> str:
    """Text as matplotlib draws it unchanged: a dollar sign starts no formula, and control characters are gone."""
    return " ".join(text.split()).replace("$", r"\$")


def write_heading(figure: Figure, title: str, lines: list[str]) -> float:
    """Write title and remarks at the top; return how many inches they take."""
    width, height = figure.get_size_inches()
    top = 0.1
    for text, size, colour, weight in [
        (title, 9.5, INK, "bold"),
        *((line, _SMALL, INK, "normal") for line in lines),
    ]:
        for part in textwrap.wrap(text, round(width * (12.4 if size > 9 else 18.0))):
            figure.text(0.09 / width * 1.2, 1 - top / height, plain(part), fontsize=size, color=colour,
                        fontweight=weight, va="top", ha="left")  # fmt: skip
            top += size * 1.42 / 72
    return top + 0.12


def heading_height_in(title: str, lines: list[str]) -> float:
    """Inches that `write_heading` will take in a figure of the usual width."""
    rows = [(9.5, part) for part in textwrap.wrap(title, round(WIDTH_IN * 12.4))]
    rows += [(_SMALL, part) for line in lines for part in textwrap.wrap(line, round(WIDTH_IN * 18.0))]
    return 0.22 + sum(size * 1.42 / 72 for size, _ in rows)


def caption(axes: Axes, text: str) -> None:
    """What a panel shows, above it."""
    axes.set_title(plain(text), fontsize=8, color=INK, loc="left", pad=4, fontweight="bold", bbox=_BEHIND)


def not_reported(panel: Panel, edge_s: float, text: str, *, is_start: bool) -> None:
    """Hatch what lies beyond an edge of the session and say that it is not reported."""
    first, last = (panel.window_s[0], edge_s) if is_start else (edge_s, panel.window_s[1])
    panel.axes.axvspan(panel.x(first), panel.x(last), facecolor="#f1f1f1", edgecolor="#b5b5b5", hatch="////", lw=0,
                       zorder=0)  # fmt: skip
    panel.axes.text(panel.x((first + last) / 2), 0.5, text, transform=panel.axes.get_xaxis_transform(), fontsize=6.8,
                    color=INK, rotation=90, ha="center", va="center", linespacing=1.05,
                    bbox={"fc": "white", "ec": "none", "pad": 0.8, "alpha": 0.85})  # fmt: skip
