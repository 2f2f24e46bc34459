"""The named sites of the 10-10 system on a head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.head.model import HeadModel
from stimplan.view.paper import INK, new_figure
from stimplan.view.scene import (
    VIEWS,
    camera_axes,
    half_height_m,
    new_scene,
    shoot,
    show_shot,
    smooth_normals,
    surface_mesh,
)
from stimplan.view.style import SKIN, draw_scale_bar
from stimplan.view.topomap import ten_ten_sites

if TYPE_CHECKING:
    import pyvista
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

_DOT_M = 1.8e-3
# A site whose scalp is seen at less than this cosine lies on the rim, where names would crowd.
_LEAST_FACING = 0.3


def scene_sites(head: HeadModel, *, size: tuple[int, int] = (1100, 1100)) -> pyvista.Plotter:
    """The scalp with a dot on every 10-10 site: actors `scalp` and `sites`.

    Raises
    ------
    InputError
        The head has no such sites.
    """
    import pyvista

    names = _names(head)
    plotter = new_scene(size)
    scalp = smooth_normals(surface_mesh(head, head.scalp)[0])
    plotter.add_mesh(scalp, color=SKIN, smooth_shading=True, ambient=0.35, diffuse=0.7, specular=0.05, name="scalp")
    dots = pyvista.PolyData(np.array([head.sites_m[name] for name in names]))
    ball = pyvista.Sphere(radius=_DOT_M)
    plotter.add_mesh(dots.glyph(geom=ball, scale=False, orient=False), color=INK, ambient=0.4, name="sites")
    return plotter


def _names(head: HeadModel) -> tuple[str, ...]:
    names = ten_ten_sites(head)
    if not names:
        raise InputError(f"head {head.name!r} has no sites of the 10-10 system")
    return names


def visible_sites(head: HeadModel, towards_camera: Sequence[float]) -> tuple[str, ...]:
    """Names of the 10-10 sites whose scalp faces a camera.

    Raises
    ------
    InputError
        The head has no such sites.
    """
    from scipy.spatial import cKDTree

    names = _names(head)
    mesh = smooth_normals(surface_mesh(head, head.scalp)[0])
    _, nearest = cKDTree(mesh.points).query(np.array([head.sites_m[name] for name in names]))
    facing = np.asarray(mesh.point_data["Normals"])[nearest] @ camera_axes(towards_camera)[2]
    return tuple(name for name, cosine in zip(names, facing, strict=True) if cosine > _LEAST_FACING)


def plot_sites(
    head: HeadModel, *, marked: Sequence[str] = (), views: Sequence[str] = ("top", "left", "front")
) -> Figure:
    """Figure of the head with the names of its 10-10 sites.

    Parameters
    ----------
    head : HeadModel
    marked : sequence of str
        Sites to point out, such as those of a montage.
    views : sequence of str
        Names from `VIEWS`.

    Raises
    ------
    InputError
        The head has no such sites.
    """
    from matplotlib.patheffects import withStroke

    points = head.nodes_m[np.unique(head.scalp)]
    half_height = half_height_m(points, views, 1.16)
    figure = new_figure(3.4 * len(views), 3.7)
    plotter = scene_sites(head)
    try:
        for column, view in enumerate(views):
            axes = figure.add_axes((column / len(views), 0.02, 1 / len(views), 0.91))
            shot = shoot(plotter, VIEWS[view], points_m=points, half_height=half_height)
            show_shot(axes, shot, title=f"from the {view}", letters_at=0.08)
            for name in visible_sites(head, VIEWS[view]):
                is_marked = name in marked
                words = axes.annotate(
                    name, tuple(shot.pixel(head.sites_m[name])), xytext=(0, 2.2), textcoords="offset points",
                    fontsize=5.6, color=INK, ha="center", va="bottom", weight="bold" if is_marked else "normal",
                    bbox={"fc": "#ffe680", "ec": INK, "lw": 0.5, "pad": 0.8} if is_marked else None,
                )  # fmt: skip
                words.set_path_effects([] if is_marked else [withStroke(linewidth=1.2, foreground=SKIN)])
            if column == 0:
                draw_scale_bar(axes, shot, at=(0.6, 0.0))
    finally:
        plotter.close()
    return figure
