"""The preview drawn: the cortex coloured by |E|, with the electrodes where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stimplan.view.paper import ANODE, CATHODE, FIELD_CMAP, INK, current_text, new_figure
from stimplan.view.scene import VIEWS, half_height_m, new_scene, shoot, show_shot, smooth_normals
from stimplan.view.style import SKIN, add_colour_bar, draw_scale_bar

if TYPE_CHECKING:
    import pyvista
    from matplotlib.figure import Figure

    from stimplan.preview import Preview

_DISC_M = 0.006


def scene_preview(preview: Preview, *, size: tuple[int, int] = (800, 800)) -> pyvista.Plotter:
    """The cortex with point data `E_V_per_m`, the scalp as glass, and a ball for each electrode."""
    import pyvista

    table = preview.table
    plotter = new_scene(size)
    plotter.add_mesh(
        smooth_normals(preview_cortex(preview)), scalars="E_V_per_m", cmap=FIELD_CMAP,
        clim=colour_range_V_per_m(preview), show_scalar_bar=False, smooth_shading=True, ambient=0.4, diffuse=0.75,
        specular=0.05, name="cortex",
    )  # fmt: skip
    scalp = pyvista.PolyData.from_regular_faces(table.scalp_m, table.scalp_triangles)
    plotter.add_mesh(smooth_normals(scalp), color=SKIN, opacity=0.13, smooth_shading=True, name="scalp")
    add_balls(plotter, preview)
    return plotter


def preview_cortex(preview: Preview) -> pyvista.PolyData:
    """The template's cortex with |E| as point data `E_V_per_m`."""
    import pyvista

    cortex = pyvista.PolyData.from_regular_faces(preview.table.points_m, preview.table.triangles)
    cortex.point_data["E_V_per_m"] = preview.magnitude_V_per_m
    return cortex


def add_balls(plotter: pyvista.Plotter, preview: Preview) -> None:
    """A ball of 12 mm for each electrode, coloured by its sign: actors `electrode SITE`."""
    import pyvista

    table = preview.table
    for name, current in preview.currents_A.items():
        ball = pyvista.Sphere(radius=_DISC_M, center=table.sites_m[table.names.index(name)])
        plotter.add_mesh(ball, color=ANODE if current > 0 else CATHODE, smooth_shading=True, name=f"electrode {name}")


def colour_range_V_per_m(preview: Preview) -> tuple[float, float]:
    """Zero to the 99.9th percentile of |E| over the cortical area, V/m."""
    return 0.0, preview.percentile_V_per_m(99.9) or 1e-12


def plot_preview(preview: Preview, *, views: Sequence[str] = ("left", "right", "front", "top")) -> Figure:
    """Figure of |E| on the cortex from several sides, the electrodes labelled, one colour bar in V/m."""
    table = preview.table
    half_height = half_height_m(table.scalp_m, views, 1.3)
    figure = new_figure(1.95 * len(views), 3.0)
    plotter = scene_preview(preview)
    try:
        for column, name in enumerate(views):
            axes = figure.add_axes((column / len(views), 0.21, 1 / len(views), 0.65))
            shot = shoot(plotter, VIEWS[name], points_m=table.scalp_m, half_height=half_height)
            show_shot(axes, shot, title=name)
            _label_electrodes(axes, preview, shot)
            if column == 0:
                draw_scale_bar(axes, shot)
    finally:
        plotter.close()
    add_colour_bar(
        figure, figure.add_axes((0.3, 0.18, 0.4, 0.03)), limits=colour_range_V_per_m(preview),
        label="|E| on the cortex, V/m (to the 99.9th percentile of its area)",
    )  # fmt: skip
    figure.text(0.5, 0.985, "PREVIEW, template head: " + _montage_text(preview), fontsize=8.5, color=INK, ha="center",
                va="top", weight="bold")  # fmt: skip
    return figure


def _label_electrodes(axes, preview, shot) -> None:  # type: ignore[no-untyped-def]
    """Names beside the electrodes on this side of the head."""
    table = preview.table
    middle = table.scalp_m.mean(axis=0)
    for name, current in preview.currents_A.items():
        place = table.sites_m[table.names.index(name)]
        if (place - middle) @ shot.towards_camera < -0.01:
            continue
        axes.annotate(name, shot.pixel(place), xytext=(0, 5), textcoords="offset points", fontsize=6.5, weight="bold",
                      color=ANODE if current > 0 else CATHODE, ha="center", va="bottom",
                      bbox={"fc": "white", "ec": "none", "pad": 0.4, "alpha": 0.7})  # fmt: skip


def _montage_text(preview: Preview) -> str:
    order = np.argsort([-current for current in preview.currents_A.values()], kind="stable")
    items = list(preview.currents_A.items())
    return ", ".join(f"{items[i][0]} {current_text(items[i][1])}" for i in order)
