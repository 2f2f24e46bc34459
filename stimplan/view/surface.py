"""The field's magnitude on the surface of the grey matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stimplan.head.model import HeadModel
from stimplan.view.paper import FIELD_CMAP, INK, new_figure
from stimplan.view.scene import VIEWS, brain_names, new_scene, shoot, show_shot, smooth_normals, surface_mesh

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.field import Field

# The range of colours ends here: the maximum belongs to one sliver of the mesh.
_TOP_PERCENTILE = 99.9


def cortex_name(head: HeadModel) -> str:
    """Grey matter where the head has it, else its innermost tissue."""
    return "gray_matter" if head.has_tissue("gray_matter") else head.tissues[0].name


def nodal_magnitude_V_per_m(field: Field, tissue: str) -> NDArray[np.float64]:
    """(n,) |E| at the nodes: volume-weighted mean over the tetrahedra of one tissue; NaN away from it, V/m."""
    head = field.head
    inside = head.in_tissue(tissue)
    tets, weights = head.tets[inside], head.volumes_m3[inside]
    n = len(head.nodes_m)
    total = np.bincount(tets.ravel(), np.repeat(weights, 4), n)
    vectors = np.column_stack(
        [np.bincount(tets.ravel(), np.repeat(weights * field.E_V_per_m[inside, axis], 4), n) for axis in range(3)]
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.linalg.norm(vectors / total[:, None], axis=1)


def colour_range_V_per_m(field: Field) -> tuple[float, float]:
    """Zero to the volume-weighted 99.9th percentile of |E| in the grey matter, V/m."""
    inside = field.head.in_tissue(cortex_name(field.head))
    magnitude = field.magnitude_V_per_m[inside]
    order = np.argsort(magnitude)
    share = np.cumsum(field.head.volumes_m3[inside][order])
    top = magnitude[order][np.searchsorted(share, _TOP_PERCENTILE / 100 * share[-1])]
    return 0.0, float(top) or 1e-12


def scene_surface_field(field: Field, *, size: tuple[int, int] = (800, 800)) -> pyvista.Plotter:
    """The cortex coloured by |E|: one actor `cortex` with point data `E_V_per_m` and colours from `colour_range`."""
    head = field.head
    plotter = new_scene(size)
    mesh, nodes = surface_mesh(head, head.surface(*brain_names(head)))
    values = nodal_magnitude_V_per_m(field, cortex_name(head))[nodes]
    # Where white matter reaches the surface there is no grey matter to show: grey, not a colour of the scale.
    mesh.point_data["E_V_per_m"] = values
    plotter.add_mesh(
        smooth_normals(mesh),
        scalars="E_V_per_m",
        cmap=FIELD_CMAP,
        clim=colour_range_V_per_m(field),
        nan_color="#bbbbbb",
        show_scalar_bar=False,
        smooth_shading=True,
        ambient=0.35,
        diffuse=0.75,
        specular=0.05,
        name="cortex",
    )
    return plotter


def plot_surface_field(field: Field, *, views: Sequence[str] = ("left", "right", "front", "top")) -> Figure:
    """Figure of |E| on the cortex from several sides, with one colour bar in V/m."""
    head = field.head
    points = head.nodes_m[np.unique(head.surface(*brain_names(head)))]
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = 0.62 * float(np.max(np.ptp(points, axis=0)))
    figure = new_figure(1.75 * len(views), 2.55)
    plotter = scene_surface_field(field)
    try:
        for column, name in enumerate(views):
            axes = figure.add_axes((column / len(views), 0.24, 1 / len(views), 0.69))
            shot = shoot(plotter, VIEWS[name], center_m=center, radius_m=radius)
            show_shot(axes, shot, center_m=center, reach_m=0.92 * radius, title=name)
    finally:
        plotter.close()
    add_colour_bar(figure, figure.add_axes((0.3, 0.17, 0.4, 0.035)), colour_range_V_per_m(field), head)
    return figure


def add_colour_bar(figure: Any, axes: Axes, limits: tuple[float, float], head: HeadModel) -> None:
    """Horizontal colour bar that says what its end means."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(
        ScalarMappable(Normalize(*limits), FIELD_CMAP), cax=axes, orientation="horizontal", extend="max"
    )
    bar.ax.tick_params(labelsize=7, length=2, colors=INK)
    bar.outline.set_linewidth(0.5)
    tissue = cortex_name(head).replace("_", " ").replace("gray", "grey")
    bar.set_label(f"|E|, V/m (to the {_TOP_PERCENTILE}th percentile of {tissue})", fontsize=7.5, color=INK)
