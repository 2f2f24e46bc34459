"""The field through the surface of the cortex: into it and out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stimplan.roi import CorticalField, field_on_cortex, weighted_percentiles
from stimplan.view.paper import new_figure
from stimplan.view.scene import VIEWS, half_height_m, new_scene, shoot, show_shot, smooth_normals
from stimplan.view.style import add_colour_bar, draw_scale_bar, signed_cmap

if TYPE_CHECKING:
    import pyvista
    from matplotlib.figure import Figure

    from stimplan.field import Field


def normal_limit_V_per_m(surface: CorticalField) -> float:
    """99.9th percentile of the normal component's size over the cortical area: the end of the colours, V/m."""
    (limit,) = weighted_percentiles(np.abs(surface.inward_V_per_m), surface.cortex.area_m2, 99.9)
    return limit or 1e-12


def scene_cortical_normal(field: Field, *, size: tuple[int, int] = (800, 800)) -> pyvista.Plotter:
    """The cortex coloured by the inward normal component: one actor `cortex` with point data `E_inward_V_per_m`."""
    import pyvista

    surface = field_on_cortex(field)
    cortex = surface.cortex
    plotter = new_scene(size)
    mesh = pyvista.PolyData.from_regular_faces(np.array(cortex.points_m), np.array(cortex.triangles))
    mesh.point_data["E_inward_V_per_m"] = surface.inward_V_per_m
    limit = normal_limit_V_per_m(surface)
    plotter.add_mesh(
        smooth_normals(mesh), scalars="E_inward_V_per_m", cmap=signed_cmap(), clim=(-limit, limit),
        show_scalar_bar=False, smooth_shading=True, ambient=0.4, diffuse=0.75, specular=0.05, name="cortex",
    )  # fmt: skip
    return plotter


def plot_cortical_normal(field: Field, *, views: Sequence[str] = ("left", "right", "front", "top")) -> Figure:
    """Figure of the normal component on the cortex from several sides, inward positive, one colour bar in V/m."""
    surface = field_on_cortex(field)
    points, limit = np.asarray(surface.cortex.points_m), normal_limit_V_per_m(surface)
    half_height = half_height_m(points, views, 1.3)
    figure = new_figure(1.75 * len(views), 2.55)
    plotter = scene_cortical_normal(field)
    try:
        for column, name in enumerate(views):
            axes = figure.add_axes((column / len(views), 0.24, 1 / len(views), 0.69))
            shot = shoot(plotter, VIEWS[name], points_m=points, half_height=half_height)
            show_shot(axes, shot, title=name)
            if column == 0:
                draw_scale_bar(axes, shot)
    finally:
        plotter.close()
    # Red into the cortex, as an anode's colour; blue out of it. Zero is the light middle.
    add_colour_bar(
        figure, figure.add_axes((0.3, 0.17, 0.4, 0.035)), limits=(-limit, limit), cmap=signed_cmap(), extend="both",
        label="normal component, V/m: out of the cortex (−), into it (+); to the 99.9th percentile of its size",
    )  # fmt: skip
    return figure
