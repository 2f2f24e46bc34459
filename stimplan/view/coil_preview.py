"""The preview of a coil drawn: the cortex coloured by |E| as in a round head, with the coil where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from stimplan.coil_preview import NOTE
from stimplan.units import text
from stimplan.view.paper import INK, new_figure
from stimplan.view.scene import VIEWS, half_height_m, shoot, show_shot
from stimplan.view.scene_coil import coil_layers
from stimplan.view.style import add_colour_bar, draw_scale_bar

if TYPE_CHECKING:
    import pyvista
    from matplotlib.figure import Figure

    from stimplan.coil import Coil
    from stimplan.preview import Preview
    from stimplan.runs.preview import CoilMap

# What is drawn of a coil here: its case would hide the colours below it.
_HIDDEN = "case"
# The strongest field often lies below a wing.
_OPACITY = 0.2
# A coil farther back than this is seen from behind instead of from the front, m.
_BACK_M = -0.05


def scene_coil_preview(found: CoilMap, coil: Coil, *, size: tuple[int, int] = (800, 800)) -> pyvista.Plotter:
    """The cortex with point data `E_V_per_m`, the scalp as glass, winding and handle; no handle where none is known."""
    import pyvista

    from stimplan.view.preview import scene_preview

    plotter = scene_preview(cast("Preview", found), size=size)
    for one in coil_layers(coil, found.block.pose)[0]:
        part = one.id.rpartition(" ")[2]
        if part == _HIDDEN or (part == "handle" and found.block.is_handle_assumed):
            continue
        body = pyvista.PolyData.from_regular_faces(one.points_m, one.triangles)
        plotter.add_mesh(body, color=one.colour, opacity=_OPACITY, ambient=0.3, name=one.id)
    return plotter


def plot_coil_preview(found: CoilMap, coil: Coil, *, views: Sequence[str] = ()) -> Figure:
    """Figure of |E| on the cortex from several sides under a coil, one colour bar in V/m.

    Parameters
    ----------
    found : CoilMap
    coil : Coil
    views : sequence of str, optional
        Names of `stimplan.view.scene.VIEWS`; without them left, right, the side the coil is on, and top.
    """
    table, block = found.table, found.block
    views = views or ("left", "right", "back" if block.pose.center_m[1] < _BACK_M else "front", "top")
    half_height = half_height_m(table.scalp_m, views, 1.5)
    figure = new_figure(1.95 * len(views), 3.0)
    plotter = scene_coil_preview(found, coil)
    try:
        for column, name in enumerate(views):
            axes = figure.add_axes((column / len(views), 0.19, 1 / len(views), 0.66))
            shot = shoot(plotter, VIEWS[name], points_m=table.scalp_m, half_height=half_height)
            show_shot(axes, shot, title=name)
            if column == 0:
                draw_scale_bar(axes, shot)
    finally:
        plotter.close()
    rate = f"for {text(block.drive.didt_A_per_s, 'A_per_s')}"
    add_colour_bar(
        figure, figure.add_axes((0.3, 0.185, 0.4, 0.03)), limits=(0.0, found.percentile_V_per_m(99.9) or 1e-12),
        label=f"|E| on the cortex, V/m {rate} (to the 99.9th percentile of its area)",
    )  # fmt: skip
    figure.text(0.5, 0.985, f"PREVIEW, template head: {coil.name}", fontsize=8.5, color=INK, ha="center", va="top",
                weight="bold")  # fmt: skip
    figure.text(0.5, 0.93, NOTE[0].upper() + NOTE[1:] + ".", fontsize=6.5, color=INK, ha="center", va="top")
    return figure
