"""The picture to begin with: the head as glass over the cortex and its field, electrodes, the region asked about."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stimplan.exposure import Exposure, exposure_of
from stimplan.head.model import HeadModel
from stimplan.roi import Roi, default_tissue, elements_in
from stimplan.view.montage import add_electrodes, best_views, label_electrodes, label_margin
from stimplan.view.outline import outline_on_brain
from stimplan.view.panels import plain
from stimplan.view.paper import INK, new_figure
from stimplan.view.scene import VIEWS, half_height_m, shoot, show_shot, smooth_normals, surface_mesh
from stimplan.view.style import ROI, SKIN, TEXT_PT, add_colour_bar, cmap_of, draw_scale_bar
from stimplan.view.surface import colour_range_V_per_m, map_label, scene_cortex

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.field import Field
    from stimplan.view.scene import Shot

GLASS = 0.16
# The cortex below a pad is where people look first.
_PAD = 0.5
_LINE_M = 0.9e-3
_RAYS = 60


def scene_overview(
    shown: Field | Exposure, *, roi: Roi | None = None, name: str | None = None, size: tuple[int, int] = (1100, 1100)
) -> pyvista.Plotter:
    """Actors `cortex` (data `E_V_per_m`), `scalp` as glass, `electrode: LABEL` each, and `roi` where one is on show.

    Parameters
    ----------
    shown : Field or Exposure
    roi : region, optional
        Its outline on the surface of the brain; one that lies deeper has no actor.
    name : str, optional
        Of the map; by default the one by which the stimulation is judged.
    size : (width, height)
    """
    exposure = exposure_of(shown)
    head = exposure.field.head
    one = exposure.main if name is None else exposure.map_named(name)
    nodal, limits = exposure.at_nodes(default_tissue(head), name), colour_range_V_per_m(exposure, name)
    plotter = scene_cortex(head, nodal, limits=limits, cmap=cmap_of(one.id), size=size)
    add_glass(plotter, head)
    if exposure.field.placement is not None:
        add_electrodes(plotter, exposure.field.placement, opacity=_PAD)
    if roi is not None:
        add_outline(plotter, head, roi)
    return plotter


def add_glass(plotter: pyvista.Plotter, head: HeadModel, *, opacity: float = GLASS) -> None:
    """The scalp, to be looked through: actor `scalp`."""
    scalp = smooth_normals(surface_mesh(head, head.scalp)[0])
    plotter.add_mesh(scalp, color=SKIN, opacity=opacity, smooth_shading=True, ambient=0.35, diffuse=0.7, specular=0.1,
                     name="scalp")  # fmt: skip
    # Glass in front of glass (ear, nose) and the cortex behind it, each in its order.
    plotter.enable_depth_peeling(6)


def add_outline(plotter: pyvista.Plotter, head: HeadModel, roi: Roi) -> bool:
    """The rim of a region on the brain: actor `roi`; return whether there is any to see."""
    lines = outline_on_brain(head, roi)
    if not lines.n_cells:
        return False
    plotter.add_mesh(lines.tube(radius=_LINE_M), color=ROI, ambient=0.7, diffuse=0.4, name="roi")
    return True


def plot_overview(
    shown: Field | Exposure,
    *,
    roi: Roi | None = None,
    roi_name: str = "",
    name: str | None = None,
    views: Sequence[str] | None = None,
) -> Figure:
    """Figure of the glass head over the field on the cortex, electrodes named, with colour bar and scale bar.

    Parameters
    ----------
    shown : Field or Exposure
    roi : region, optional
        Outlined; one that lies below the surface is dashed where it lies.
    roi_name : str
        What the legend calls it.
    name : str, optional
        Of the map; by default the one by which the stimulation is judged.
    views : sequence of str, optional
        Names from `VIEWS`; by default the two that show the electrodes best.
    """
    exposure = exposure_of(shown)
    head, placement = exposure.field.head, exposure.field.placement
    chosen = tuple(views) if views else best_views(placement) if placement else ("left", "top")
    points = head.nodes_m[np.unique(head.scalp)]
    half_height = half_height_m(points, chosen, 1.3 if placement is None else label_margin(placement))
    figure = new_figure(3.5 * len(chosen), 4.3)
    plotter = scene_overview(exposure, roi=roi, name=name)
    try:
        for column, view in enumerate(chosen):
            axes = figure.add_axes((column / len(chosen), 0.165, 1 / len(chosen), 0.79))
            shot = shoot(plotter, VIEWS[view], points_m=points, half_height=half_height)
            show_shot(axes, shot, title=f"from the {view}", letters_at=0.08)
            if placement is not None:
                label_electrodes(axes, shot, placement)
            if roi is not None:
                _draw_region(axes, shot, head, roi=roi, is_seen=_is_seen(plotter, shot))
            if column == 0:
                draw_scale_bar(axes, shot, at=(0.4, 0.03))
    finally:
        plotter.close()
    one = exposure.main if name is None else exposure.map_named(name)
    has_roi = roi is not None
    add_colour_bar(
        figure, figure.add_axes((0.06 if has_roi else 0.3, 0.115, 0.4, 0.022)),
        limits=colour_range_V_per_m(exposure, name), label=map_label(head, one.title),
        cmap=cmap_of(one.id),
    )  # fmt: skip
    if has_roi:
        _name_region(figure, roi_name)
    return figure


def _name_region(figure: Figure, roi_name: str) -> None:
    """The outline's colour and whose outline it is, beside the colour bar."""
    from matplotlib.lines import Line2D

    for colour, width in ((INK, 2.6), (ROI, 1.4)):
        figure.add_artist(Line2D((0.545, 0.575), (0.126, 0.126), color=colour, lw=width))
    words = textwrap.wrap(f"{plain(roi_name) or 'region'} (dashed: its extent where it is hidden)", 48)
    figure.text(0.585, 0.137, "\n".join(words), color=INK, fontsize=TEXT_PT, va="top", gid="roi name")


def _is_seen(plotter: pyvista.Plotter, shot: Shot) -> bool:
    """Whether most of the outline of a region faces the camera, nothing of the brain before it."""
    if "roi" not in plotter.actors:
        return False
    cortex = plotter.actors["cortex"].mapper.dataset
    # Of the tube's points, those towards the camera: the line itself touches the surface.
    points = np.asarray(plotter.actors["roi"].mapper.dataset.points)
    some = points[:: max(len(points) // _RAYS, 1)] + 2 * _LINE_M * shot.towards_camera
    is_free = [not len(cortex.ray_trace(point, point + 0.5 * shot.towards_camera)[0]) for point in some]
    return float(np.mean(is_free)) > 0.5


def _draw_region(axes: Axes, shot: Shot, head: HeadModel, *, roi: Roi, is_seen: bool) -> None:
    """The rim of a region over everything before it; where it is hidden the hull of its tetrahedra, dashed."""
    from matplotlib.collections import LineCollection
    from scipy.spatial import ConvexHull

    if is_seen:
        lines = outline_on_brain(head, roi)
        ends = np.asarray(lines.lines).reshape(-1, 3)[:, 1:]
        pieces = shot.pixels(lines.points)[ends]
        for colour, width, gid in ((INK, 2.6, "roi edge"), (ROI, 1.4, "roi")):
            axes.add_collection(LineCollection(list(pieces), colors=colour, lw=width, capstyle="round", gid=gid))
        return
    flat = shot.pixels(head.nodes_m[np.unique(head.tets[elements_in(head, roi)])])
    around = flat[ConvexHull(flat).vertices]
    axes.fill(*around.T, fill=False, ec=INK, lw=2.4, ls=(0, (3, 1.5)), gid="roi edge")
    axes.fill(*around.T, fill=False, ec=ROI, lw=1.3, ls=(0, (5.5, 2.8)), gid="roi hidden")


__all__ = ["GLASS", "add_glass", "add_outline", "plot_overview", "scene_overview"]
