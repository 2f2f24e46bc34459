"""Fields that swing, on the surface of the grey matter: phases, moments of a cycle, carriers and their envelope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.exposure import Exposure
from stimplan.fem.phasor import peak_phase_rad
from stimplan.head.cortex import cortex_of
from stimplan.head.model import HeadModel
from stimplan.roi import default_tissue, measure_map
from stimplan.view.montage import best_views
from stimplan.view.paper import FIELD_CMAP, INK, new_figure
from stimplan.view.scene import VIEWS, brain_surface, half_height_m, shoot, show_shot
from stimplan.view.style import DEPTH_CMAP, PHASE_CMAP, add_colour_bar, signed_cmap
from stimplan.view.surface import colour_range_V_per_m, map_label, scene_cortex

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

_SIZE_PX = (600, 600)


NORMAL_LABEL = "E into the cortex (+) and out of it (−), V/m (to the 99.9th percentile of its peak)"


@attrs.frozen(eq=False)
class _Picture:
    """One column of a figure: values at the nodes, their colours, and what stands above."""

    title: str
    nodal: NDArray[np.inexact[Any]]
    limits: tuple[float, float]
    cmap: Any = FIELD_CMAP


def plot_phase(exposure: Exposure, *, views: Sequence[str] = ("left", "right", "front", "top")) -> Figure:
    """Figure of the phase at which |E| is largest, 0 to 180 degrees: it comes back every half cycle.

    Raises
    ------
    InputError
        The field is no alternating one.
    """
    circle = np.exp(2j * _nodal_phase_rad(exposure))  # half a cycle is once round
    head = exposure.field.head
    limits = (0.0, 180.0)
    figure = new_figure(1.75 * len(views), 2.55)
    _draw_row(figure, head, _Picture("", circle, limits, PHASE_CMAP), views, top=0.93, bottom=0.24)
    bar = add_colour_bar(
        figure, figure.add_axes((0.3, 0.17, 0.4, 0.035)), limits=limits, cmap=PHASE_CMAP, extend="neither",
        label="phase of the cycle at which |E| is largest, degrees (the largest current peaks at 0)",
    )  # fmt: skip
    bar.set_ticks([0, 45, 90, 135, 180])
    return figure


def normal_cycle(exposure: Exposure) -> tuple[NDArray[np.complex128], float]:
    """The field through the cortex over a cycle, into it positive, as an anode's current goes.

    Returns
    -------
    inward_V_per_m : (n,) complex array
        Phasor at the nodes of the cortex, V/m, NaN elsewhere: its real part is the field when the largest current
        peaks, and turned by an angle the field at that phase.
    reach_V_per_m : float
        99.9th percentile of its size.

    Raises
    ------
    InputError
        The field is no alternating one.
    """
    head, cortex = exposure.field.head, cortex_of(exposure.field.head)
    normals = np.full((len(head.nodes_m), 3), np.nan)
    normals[cortex.nodes] = cortex.normals
    inward = -np.einsum("nd,nd->n", _nodal_phasor(exposure), normals)
    return inward, float(np.nanpercentile(np.abs(inward), 99.9)) or 1e-12


def plot_cycle(exposure: Exposure, *, moments: int = 6, views: Sequence[str] | None = None) -> Figure:
    """Strip of the field through the cortex at moments of a cycle, into it red, out of it blue, on one scale.

    Parameters
    ----------
    exposure : Exposure
        Of an alternating current.
    moments : int
        Evenly over the cycle, from the peak of the largest current.
    views : sequence of str, optional
        Rows; by default the two that show the electrodes best.

    Raises
    ------
    InputError
        The field is no alternating one.
    """
    head, placement = exposure.field.head, exposure.field.placement
    along, reach = normal_cycle(exposure)
    rows = tuple(views) if views else best_views(placement) if placement else ("left", "top")
    figure = new_figure(1.2 * moments, 1.3 * len(rows) + 0.55)
    heights = np.linspace(0.93, 0.2, len(rows) + 1)
    for column in range(moments):
        phase = 2 * np.pi * column / moments
        values = (along * np.exp(1j * phase)).real
        one = _Picture(f"{np.degrees(phase):.0f}°", values, (-reach, reach), signed_cmap())
        _draw_column(figure, head, one, rows, heights=heights, sides=(column / moments, 1 / moments))
    add_colour_bar(
        figure, figure.add_axes((0.3, 0.14, 0.4, 0.03)), limits=(-reach, reach), cmap=signed_cmap(), extend="both",
        label=NORMAL_LABEL,
    )  # fmt: skip
    return figure


def plot_carriers(exposure: Exposure, *, views: Sequence[str] | None = None) -> Figure:
    """Figure of |E| of each carrier and of the modulation depth of their sum, side by side.

    Parameters
    ----------
    exposure : Exposure
        Of temporal interference.
    views : sequence of str, optional
        Rows; by default the two that show the electrodes best.

    Raises
    ------
    InputError
        The field has no envelope.
    """
    if exposure.main.id != "envelope":
        raise InputError("only temporal interference has carriers and an envelope")
    head, placement = exposure.field.head, exposure.field.placement
    tissue = default_tissue(head)
    rows = tuple(views) if views else best_views(placement) if placement else ("left", "top")
    highest = max(measure_map(head, field.magnitude_V_per_m).p999_V_per_m for field in exposure.fields.values())
    carriers = (0.0, highest or 1e-12)
    pictures = [
        _Picture(f"{name}, |E|", np.linalg.norm(field.recovered_V_per_m(tissue), axis=1), carriers)
        for name, field in exposure.fields.items()
    ]
    depth = colour_range_V_per_m(exposure)
    pictures.append(_Picture("modulation depth", exposure.at_nodes(tissue), depth, DEPTH_CMAP))
    columns = len(pictures)
    figure = new_figure(max(1.75 * columns, 5.2), 1.75 * len(rows) + 0.6)
    heights = np.linspace(0.93, 0.2, len(rows) + 1)
    for column, one in enumerate(pictures):
        _draw_column(figure, head, one, rows, heights=heights, sides=(column / columns, 1 / columns))
    end = 1 - 1 / columns
    add_colour_bar(
        figure, figure.add_axes((0.15 * end, 0.13, 0.7 * end, 0.025)), limits=carriers,
        label=map_label(head, "|E| at the peak of each carrier").replace(" (to", "\n(to"),
    )  # fmt: skip
    add_colour_bar(
        figure, figure.add_axes((end + 0.1 / columns, 0.13, 0.8 / columns, 0.025)), limits=depth, cmap=DEPTH_CMAP,
        label="modulation depth, V/m\n(to its 99.9th percentile)",
    )  # fmt: skip
    return figure


def _nodal_phasor(exposure: Exposure) -> NDArray[np.complex128]:
    """(n, 3) phasor recovered at the nodes of the tissue the cortex belongs to, V/m; NaN elsewhere."""
    if "in phase" not in exposure.fields:
        raise InputError("only an alternating current has phases and a cycle")
    tissue = default_tissue(exposure.field.head)
    parts = {name: field.recovered_V_per_m(tissue) for name, field in exposure.fields.items()}
    return parts["in phase"] + 1j * parts.get("quadrature", np.zeros_like(parts["in phase"]))


def _nodal_phase_rad(exposure: Exposure) -> Array:
    phasor = _nodal_phasor(exposure)
    inside = np.isfinite(phasor).all(axis=1)
    phase = np.full(len(phasor), np.nan)
    phase[inside] = peak_phase_rad(phasor[inside])
    return phase


def _draw_row(
    figure: Any, head: HeadModel, picture: _Picture, views: Sequence[str], *, top: float, bottom: float
) -> None:
    """One set of values from several sides, side by side."""
    points = head.nodes_m[np.unique(brain_surface(head))]
    half_height = half_height_m(points, views, 1.3)
    plotter = scene_cortex(head, picture.nodal, limits=picture.limits, cmap=picture.cmap, size=_SIZE_PX)
    try:
        for column, view in enumerate(views):
            axes = figure.add_axes((column / len(views), bottom, 1 / len(views), top - bottom))
            show_shot(axes, shoot(plotter, VIEWS[view], points_m=points, half_height=half_height), title=view)
    finally:
        plotter.close()


def _draw_column(
    figure: Any, head: HeadModel, picture: _Picture, views: Sequence[str], *, heights: Array, sides: tuple[float, float]
) -> None:
    """One set of values from several sides, one below the other; `sides` are left edge and width."""
    left, width = sides
    points = head.nodes_m[np.unique(brain_surface(head))]
    half_height = half_height_m(points, views, 1.22)
    plotter = scene_cortex(head, picture.nodal, limits=picture.limits, cmap=picture.cmap, size=_SIZE_PX)
    try:
        for row, view in enumerate(views):
            axes = figure.add_axes((left, heights[row + 1], width, heights[row] - heights[row + 1]))
            shot = shoot(plotter, VIEWS[view], points_m=points, half_height=half_height)
            show_shot(axes, shot, title=picture.title if row == 0 else "")
            if left == 0:
                axes.text(0.02, 0.02, view, transform=axes.transAxes, fontsize=6.5, color=INK)
    finally:
        plotter.close()
