"""The look all pictures share: what each colour means, colour bars, scale bars, and how fine a picture is printed.

A picture takes its colours from here and from `paper`, never from a number of its own, so that red is current into
the head everywhere and two figures of one paper can lie side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from stimplan.view.paper import ANODE, CATHODE, FAINT, FIELD_CMAP, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

    from stimplan.view.scene import Shot

__all__ = [
    "ANODE", "BRAIN", "CATHODE", "DEPTH_CMAP", "FAINT", "FIELD_CMAP", "INK", "PHASE_CMAP", "PUBLICATION", "ROI",
    "SCREEN", "SHADES", "SKIN", "SMALL_PT", "TEXT_PT", "TITLE_PT", "ColourRange", "Preset", "add_colour_bar",
    "add_footer", "cmap_of", "draw_scale_bar", "round_length_m", "signed_cmap",
]  # fmt: skip

# The modulation depth of temporal interference has another scale than |E|: it is not the size of a field.
DEPTH_CMAP = "magma"
# Starts and ends in one colour, as a phase does.
PHASE_CMAP = "twilight"
SKIN = "#e3c9b6"
BRAIN = "#d9d4d0"
# Outline of a region, drawn with a dark edge: no electrode's colour, and in none of the colour maps.
ROI = "#19e3ff"

# Grey of each tissue behind a field; unnamed ones take the last.
SHADES = {"scalp": 0.90, "bone": 0.99, "compact_bone": 0.99, "spongy_bone": 0.95, "csf": 0.80, "eyes": 0.85, "": 0.88}

TITLE_PT, TEXT_PT, SMALL_PT = 8.5, 7.5, 6.5

# Ends of the signed colours in CIELAB (L*, a*, b*): the cathode's blue, white, the anode's red; as dark as each other.
_SIGNED_ENDS = ((30.0, 6.0, -48.0), (96.0, 0.0, 0.0), (30.0, 48.0, 30.0))
_WHITE_D65 = np.array([0.95047, 1.0, 1.08883])


@attrs.frozen
class Preset:
    """How a figure is printed.

    Attributes
    ----------
    name : str
    dpi : int
        Dots per inch of a PNG. Rendered views have the pixels for 300 at the size they are shown.
    """

    name: str
    dpi: int


SCREEN = Preset("screen", 200)
# What journals ask of pictures with tones, such as renderings.
PUBLICATION = Preset("publication", 300)


@attrs.frozen
class ColourRange:
    """The two ends of a colour scale, and in words what they are.

    Attributes
    ----------
    low, high : float
        In the unit.
    what : str
        Quantity that is coloured.
    unit : str
        As people write it: "V/m".
    ends : str
        What the ends mean: "to the 99.9th percentile of grey matter".
    """

    low: float
    high: float
    what: str
    unit: str
    ends: str

    @property
    def limits(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def label(self) -> str:
        """What the colour bar says: quantity, unit and ends."""
        return f"{self.what}, {self.unit} ({self.ends})"


def cmap_of(map_id: str) -> str:
    """Colours of a map by its id: a modulation depth has its own, for it is not the size of a field."""
    return DEPTH_CMAP if map_id == "envelope" else FIELD_CMAP


@cache
def signed_cmap() -> Colormap:
    """Blue over white to red in even steps of colour: out of the head or less, nothing, into the head or more.

    Straight lines in CIELAB from the middle to both ends, so that equal steps of the value are equal steps of lightness
    and colour on both sides.
    """
    from matplotlib.colors import ListedColormap

    low, middle, high = (np.array(one) for one in _SIGNED_ENDS)
    along = np.linspace(-1, 1, 257)[:, None]
    lab = middle + np.where(along < 0, -along * (low - middle), along * (high - middle))
    return ListedColormap(_srgb_of_lab(lab), name="stimplan_signed")


def _srgb_of_lab(lab: Any) -> Any:
    """(k, 3) sRGB colours, 0 to 1, of CIELAB colours under D65 (CIE 15:2004; IEC 61966-2-1)."""
    f = (lab[:, 0] + 16) / 116
    ratios = np.column_stack([f + lab[:, 1] / 500, f, f - lab[:, 2] / 200])
    xyz = _WHITE_D65 * np.where(ratios > 6 / 29, ratios**3, 3 * (6 / 29) ** 2 * (ratios - 4 / 29))
    linear = np.clip(
        xyz @ np.array([[3.2404542, -0.969266, 0.0556434], [-1.5371385, 1.8760108, -0.2040259],
                        [-0.4985314, 0.041556, 1.0572252]]), 0, 1,
    )  # fmt: skip
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def add_colour_bar(
    figure: Figure,
    axes: Axes,
    *,
    limits: tuple[float, float] | Normalize,
    label: str,
    cmap: str | Colormap = FIELD_CMAP,
    extend: str = "max",
) -> Any:
    """Colour bar that says what is coloured, its unit and what its ends mean; as the axes lie, flat or upright.

    `limits` may be a matplotlib norm instead of two numbers, such as a logarithmic one.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    box = axes.get_position()
    width_in, height_in = figure.get_size_inches()
    is_flat = box.width * width_in > box.height * height_in
    bar = figure.colorbar(
        ScalarMappable(Normalize(*limits) if isinstance(limits, tuple) else limits, cmap),
        cax=axes,
        orientation="horizontal" if is_flat else "vertical",
        extend=extend,
    )
    if isinstance(limits, LogNorm):  # 0.02, 0.05, 0.1 … as a person reads them, not powers of ten
        ticks = [step * 10.0**power for power in range(-12, 13) for step in (1, 2, 5)]
        low, high = float(limits.vmin or 0.0), float(limits.vmax or 0.0)
        ticks = [tick for tick in ticks if low <= tick <= high]
        bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        bar.minorticks_off()
    bar.ax.tick_params(labelsize=7, length=2, colors=INK)
    bar.outline.set_linewidth(0.5)
    bar.ax.set_gid("colour bar")
    # What would run over the figure's edge goes on in a second line.
    room_in = 2 * min(box.x0 + box.width / 2, 1 - box.x0 - box.width / 2) * width_in
    if is_flat and "\n" not in label and len(label) * 0.52 * TEXT_PT / 72 > room_in:
        label = "\n(".join(label.rsplit(" (", 1))
    bar.set_label(label, fontsize=TEXT_PT, color=INK)
    return bar


def add_footer(figure: Figure, lines: Sequence[str]) -> None:
    """Write lines below everything else: the figure grows by their height, and nothing in it changes its size."""
    width_in, height_in = figure.get_size_inches()
    more_in = 0.04 + len(lines) * 1.5 * SMALL_PT / 72
    share, lift = height_in / (height_in + more_in), more_in / (height_in + more_in)
    figure.set_size_inches(width_in, height_in + more_in)
    for axes in figure.axes:
        box = axes.get_position(original=True)  # not as a picture's aspect has made it
        axes.set_position((box.x0, lift + share * box.y0, box.width, share * box.height))
    for words in figure.texts:
        words.set_y(lift + share * words.get_position()[1])
    for line in figure.lines:
        line.set_ydata(lift + share * np.asarray(line.get_ydata(), float))
    figure.text(0.008, 0.012, "\n".join(lines), fontsize=SMALL_PT, color=FAINT, va="bottom", gid="footer")


def round_length_m(width_m: float, share: float = 0.3) -> float:
    """Longest of 1, 2, 5, 10, 20 … mm that is no more than a share of a width, m."""
    most_mm = 1e3 * share * width_m
    power = 10.0 ** np.floor(np.log10(most_mm))
    return float(1e-3 * power * max(step for step in (1, 2, 5) if step * power <= most_mm * (1 + 1e-9)))


def draw_scale_bar(
    axes: Axes, shot: Shot | None = None, *, length_m: float | None = None, at: tuple[float, float] = (0.04, 0.05)
) -> float:
    """Draw a bar of a round length with its length in mm; the line's `gid` is "scale bar". Return the length, m.

    Parameters
    ----------
    axes : Axes
        With a rendered view in it, or with coordinates in m.
    shot : Shot, optional
        The view; views are parallel projections, so one scale holds everywhere in them.
    length_m : float, optional
        By default a round length of at most 30 % of the width.
    at : (across, up)
        Where its left end lies, as fractions of the axes.
    """
    low, high = sorted(axes.get_xlim())
    # Across a picture, pixels for a metre; the rows of the affine are perpendicular and equally long.
    per_m = 1.0 if shot is None else float(np.linalg.norm(shot.pixel_from_m[0, :3]))
    length = length_m or round_length_m((high - low) / per_m)
    start = low + at[0] * (high - low)
    ends = (start, start + length * per_m)
    transform = axes.get_xaxis_transform()
    axes.plot(ends, (at[1], at[1]), color=INK, lw=1.5, solid_capstyle="butt", transform=transform, clip_on=False,
              scalex=False, scaley=False, gid="scale bar")  # fmt: skip
    axes.text(sum(ends) / 2, at[1] + 0.015, f"{1e3 * length:g} mm", fontsize=SMALL_PT, color=INK, ha="center",
              va="bottom", transform=transform, gid="scale bar length")  # fmt: skip
    return length
