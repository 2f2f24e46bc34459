"""The field's magnitude on the surface of the grey matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stimplan.head.cortex import brain_names
from stimplan.head.model import HeadModel
from stimplan.roi import default_tissue, measure
from stimplan.view.paper import FIELD_CMAP, INK, new_figure
from stimplan.view.scene import (
    VIEWS,
    half_height_m,
    new_scene,
    shoot,
    show_shot,
    smooth_normals,
    surface_mesh,
)

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.field import Field


def colour_range_V_per_m(field: Field) -> tuple[float, float]:
    """Zero to the 99.9th percentile of |E| in the grey matter (or the innermost tissue), V/m."""
    return 0.0, measure(field).p999_V_per_m or 1e-12


def scene_surface_field(field: Field, *, size: tuple[int, int] = (800, 800)) -> pyvista.Plotter:
    """The cortex coloured by |E|: one actor `cortex` with point data `E_V_per_m` and colours from `colour_range`."""
    head = field.head
    plotter = new_scene(size)
    mesh, nodes = surface_mesh(head, head.surface(*brain_names(head)))
    # Where white matter reaches the surface there is no grey matter to show: NaN, drawn grey.
    recovered = field.recovered_V_per_m(default_tissue(head))[nodes]
    mesh.point_data["E_V_per_m"] = np.linalg.norm(recovered, axis=1)
    plotter.add_mesh(
        smooth_normals(mesh),
        scalars="E_V_per_m",
        cmap=FIELD_CMAP,
        clim=colour_range_V_per_m(field),
        nan_color="#bbbbbb",
        show_scalar_bar=False,
        smooth_shading=True,
        ambient=0.4,
        diffuse=0.75,
        specular=0.05,
        name="cortex",
    )
    return plotter


def plot_surface_field(field: Field, *, views: Sequence[str] = ("left", "right", "front", "top")) -> Figure:
    """Figure of |E| on the cortex from several sides, with one colour bar in V/m."""
    head = field.head
    points = head.nodes_m[np.unique(head.surface(*brain_names(head)))]
    half_height = half_height_m(points, views, 1.22)
    figure = new_figure(1.75 * len(views), 2.55)
    plotter = scene_surface_field(field)
    try:
        for column, name in enumerate(views):
            axes = figure.add_axes((column / len(views), 0.24, 1 / len(views), 0.69))
            shot = shoot(plotter, VIEWS[name], points_m=points, half_height=half_height)
            show_shot(axes, shot, title=name)
    finally:
        plotter.close()
    add_colour_bar(figure, figure.add_axes((0.3, 0.17, 0.4, 0.035)), limits=colour_range_V_per_m(field), head=head)
    return figure


def add_colour_bar(figure: Any, axes: Axes, *, limits: tuple[float, float], head: HeadModel) -> None:
    """Horizontal colour bar that says what its end means."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(
        ScalarMappable(Normalize(*limits), FIELD_CMAP), cax=axes, orientation="horizontal", extend="max"
    )
    bar.ax.tick_params(labelsize=7, length=2, colors=INK)
    bar.outline.set_linewidth(0.5)
    tissue = default_tissue(head).replace("_", " ").replace("gray", "grey")
    bar.set_label(f"|E|, V/m (to the 99.9th percentile of {tissue})", fontsize=7.5, color=INK)
