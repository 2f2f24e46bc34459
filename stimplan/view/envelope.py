"""Temporal interference at its deepest place: the depth in slices, and the fields there beating in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.exposure import Exposure
from stimplan.fem.interference import modulation_depth
from stimplan.field import inside
from stimplan.head.space import from_mni_m, has_mni
from stimplan.roi import Roi
from stimplan.view.paper import FAINT, INK, new_figure
from stimplan.view.slices import cross_text, draw_slices
from stimplan.view.style import SMALL_PT, TEXT_PT, add_colour_bar, cmap_of
from stimplan.view.surface import colour_range_V_per_m, map_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

_SAMPLES = 4000


@attrs.frozen(eq=False)
class Beating:
    """The fields of the carriers at one place, along the direction in which their sum is modulated most.

    Attributes
    ----------
    direction : (3,) array
        Unit vector, head coordinates.
    depth_V_per_m : float
        Peak to trough of the envelope along it.
    time_s : (t,) array
        Over one period of the slowest beat.
    sum_V_per_m, envelope_V_per_m : (t,) arrays
        Sum of the carriers, all at their crest at time 0, and its envelope.
    """

    direction: Array
    depth_V_per_m: float
    time_s: Array
    sum_V_per_m: Array
    envelope_V_per_m: Array


def beating_at(exposure: Exposure, position_m: Sequence[float]) -> Beating:
    """What the carriers add up to at a place in the head.

    Parameters
    ----------
    exposure : Exposure
        Of temporal interference.
    position_m : 3 floats
        Head coordinates, m.

    Raises
    ------
    InputError
        The field has no envelope, or the place is outside the head.
    """
    if exposure.main.id != "envelope":
        raise InputError("only temporal interference has carriers and an envelope")
    point = np.asarray(position_m, float)
    inside(exposure.field.head, point[None])
    fields = np.array([field.at(point[None])[0] for field in exposure.fields.values()])
    depth, direction = modulation_depth(fields[:, None])
    sizes = np.abs(fields @ direction[0])
    carriers_Hz = np.array([float(name.removesuffix(" Hz")) for name in exposure.fields])
    beats = np.abs(carriers_Hz[:, None] - carriers_Hz)
    time = np.linspace(0.0, 1.0 / beats[beats > 0].min(), _SAMPLES)
    analytic = sizes @ np.exp(2j * np.pi * np.outer(carriers_Hz - carriers_Hz[0], time))
    wave = (analytic * np.exp(2j * np.pi * carriers_Hz[0] * time)).real
    return Beating(direction[0], float(depth[0]), time, wave, np.abs(analytic))


def plot_envelope(exposure: Exposure, *, cross_m: Sequence[float], roi: Roi | None = None) -> Figure:
    """Figure of the modulation depth in three slices, and of the beating field where they meet.

    Parameters
    ----------
    exposure : Exposure
        Of temporal interference.
    cross_m : 3 floats
        Where the planes meet, m: in MNI space where the head has one, in head coordinates elsewhere.
    roi : region, optional
        Outlined.

    Raises
    ------
    InputError
        The field has no envelope, or the planes meet outside the head.
    """
    head = exposure.field.head
    point = from_mni_m(head, np.asarray(cross_m, float)) if has_mni(head) else np.asarray(cross_m, float)
    found = beating_at(exposure, tuple(point))
    figure = new_figure(7.0, 4.9)
    draw_slices(figure, exposure, cross_m=cross_m, name="envelope", roi=roi, rows=(0.515, 0.43))
    add_colour_bar(
        figure, figure.add_axes((0.3, 0.465, 0.4, 0.018)), limits=colour_range_V_per_m(exposure, "envelope"),
        label=map_label(head, exposure.main.title), cmap=cmap_of("envelope"),
    )  # fmt: skip
    figure.text(0.99, 0.012, cross_text(head, cross_m), fontsize=7, color=FAINT, ha="right")
    _draw_beat(figure.add_axes((0.085, 0.105, 0.745, 0.225)), found)
    return figure


def _draw_beat(axes: Axes, found: Beating) -> None:
    """The sum of the carriers as a band, its envelope, and the depth between its crest and its trough."""
    time_ms = 1e3 * found.time_s
    axes.plot(time_ms, found.sum_V_per_m, color="#b9a7d6", lw=0.25, gid="sum")
    axes.plot(time_ms, found.envelope_V_per_m, color="#51127c", lw=1.4, gid="envelope")
    axes.plot(time_ms, -found.envelope_V_per_m, color="#51127c", lw=0.6)
    top, trough = found.envelope_V_per_m.max(), found.envelope_V_per_m.min()
    axes.set_xlim(0, time_ms[-1])
    axes.set_ylim(-1.15 * top, 1.15 * top)
    for level in (top, trough):
        axes.plot((1.0, 1.035), (level, level), color=INK, lw=0.7, clip_on=False, transform=axes.get_yaxis_transform())
    axes.annotate("", (1.025, trough), (1.025, top), xycoords=axes.get_yaxis_transform(), annotation_clip=False,
                  arrowprops={"arrowstyle": "<->", "lw": 0.8, "color": INK, "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    axes.text(1.05, (top + trough) / 2, f"depth\n{found.depth_V_per_m:.3g} V/m", transform=axes.get_yaxis_transform(),
              fontsize=TEXT_PT, color=INK, va="center")  # fmt: skip
    axes.set_title("field where the planes meet, along the direction of deepest modulation: carriers and envelope",
                   fontsize=TEXT_PT, color=INK, pad=4)  # fmt: skip
    axes.set_xlabel("time, ms", fontsize=TEXT_PT, color=INK, labelpad=1)
    axes.set_ylabel("E, V/m", fontsize=TEXT_PT, color=INK)
    axes.tick_params(labelsize=SMALL_PT, colors=INK, length=2)
    axes.spines[["top", "right"]].set_visible(False)
