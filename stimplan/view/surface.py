"""A map of the field on the surface of the grey matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.exposure import Exposure, exposure_of
from stimplan.head.model import HeadModel
from stimplan.roi import default_tissue, measure_map
from stimplan.view.paper import FIELD_CMAP, new_figure
from stimplan.view.scene import (
    VIEWS,
    brain_surface,
    half_height_m,
    new_scene,
    shoot,
    show_shot,
    smooth_normals,
    surface_mesh,
)
from stimplan.view.style import add_colour_bar, cmap_of, draw_scale_bar

if TYPE_CHECKING:
    import pyvista
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from stimplan.field import Field


def colour_range_V_per_m(shown: Field | Exposure, name: str | None = None) -> tuple[float, float]:
    """Zero to the 99.9th percentile of a map in the grey matter (or the innermost tissue), V/m."""
    exposure = exposure_of(shown)
    one = exposure.main if name is None else exposure.map_named(name)
    return 0.0, measure_map(exposure.field.head, one.values_V_per_m).p999_V_per_m or 1e-12


def scene_surface_field(
    shown: Field | Exposure, *, name: str | None = None, size: tuple[int, int] = (800, 800)
) -> pyvista.Plotter:
    """The cortex coloured by a map: one actor `cortex` with point data `E_V_per_m` and colours from `colour_range`.

    Parameters
    ----------
    shown : Field or Exposure
    name : str, optional
        Of the map; by default the one by which the stimulation is judged.
    size : (width, height)
    """
    exposure = exposure_of(shown)
    values = exposure.at_nodes(default_tissue(exposure.field.head), name)
    one = exposure.main if name is None else exposure.map_named(name)
    limits = colour_range_V_per_m(exposure, name)
    return scene_cortex(exposure.field.head, values, limits=limits, cmap=cmap_of(one.id), size=size)


def scene_cortex(
    head: HeadModel,
    nodal: NDArray[np.inexact],
    *,
    limits: tuple[float, float],
    cmap: str | Colormap = FIELD_CMAP,
    size: tuple[int, int] = (800, 800),
) -> pyvista.Plotter:
    """The cortex coloured by values: one actor `cortex` with data `E_V_per_m`.

    Parameters
    ----------
    head : HeadModel
    nodal : (n,) array
        At the head's nodes, drawn linearly between them. Complex ones are angles on the circle of the colour map: each
        triangle then has the colour of the mean of its corners, as there is no straight line from 179 to 1 degree.
    limits : (low, high)
    cmap : str or Colormap
    size : (width, height)
    """
    plotter = new_scene(size)
    triangles = brain_surface(head)
    mesh, nodes = surface_mesh(head, triangles)
    # Where white matter reaches the surface there is no grey matter to show: NaN, drawn grey.
    if np.iscomplexobj(nodal):
        low, high = limits
        turn = np.mod(np.angle(nodal[triangles].mean(axis=1)) / (2 * np.pi), 1.0)
        mesh.cell_data["E_V_per_m"] = low + (high - low) * turn
    else:
        mesh.point_data["E_V_per_m"] = nodal[nodes]
    plotter.add_mesh(
        smooth_normals(mesh),
        scalars="E_V_per_m",
        cmap=cmap,
        clim=limits,
        nan_color="#bbbbbb",
        show_scalar_bar=False,
        smooth_shading=True,
        ambient=0.4,
        diffuse=0.75,
        specular=0.05,
        name="cortex",
    )
    return plotter


def plot_surface_field(
    shown: Field | Exposure, *, name: str | None = None, views: Sequence[str] = ("left", "right", "front", "top")
) -> Figure:
    """Figure of a map on the cortex from several sides, with one colour bar in V/m.

    Parameters
    ----------
    shown : Field or Exposure
    name : str, optional
        Of the map; by default the one by which the stimulation is judged.
    views : sequence of str
        Names from `VIEWS`.
    """
    exposure = exposure_of(shown)
    head = exposure.field.head
    points = head.nodes_m[np.unique(brain_surface(head))]
    half_height = half_height_m(points, views, 1.3)
    figure = new_figure(1.75 * len(views), 2.55)
    plotter = scene_surface_field(exposure, name=name)
    try:
        for column, view in enumerate(views):
            axes = figure.add_axes((column / len(views), 0.24, 1 / len(views), 0.69))
            shot = shoot(plotter, VIEWS[view], points_m=points, half_height=half_height)
            show_shot(axes, shot, title=view)
            if column == 0:
                draw_scale_bar(axes, shot)
    finally:
        plotter.close()
    one = exposure.main if name is None else exposure.map_named(name)
    add_colour_bar(
        figure,
        figure.add_axes((0.3, 0.17, 0.4, 0.035)),
        limits=colour_range_V_per_m(exposure, name),
        label=map_label(head, one.title),
        cmap=cmap_of(one.id),
    )
    return figure


def map_label(head: HeadModel, title: str) -> str:
    """What a colour bar says about a map: its name, unit, and where the colours end."""
    tissue = default_tissue(head).replace("_", " ").replace("gray", "grey")
    return f"{title}, V/m (to the 99.9th percentile of {tissue})"
