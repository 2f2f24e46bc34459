"""A scene in pyvista: for a window on the desktop, for a figure, or to go on with in a script."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import ListedColormap

from stimplan.view.panels import plain
from stimplan.view.paper import FAINT, INK, new_figure
from stimplan.view.scene import camera_axes, new_scene, shoot, show_shot
from stimplan.view.scene_parts import Layer, Scene
from stimplan.view.style import add_colour_bar

if TYPE_CHECKING:
    import pyvista
    from matplotlib.figure import Figure

_NO_VALUE = "#bbbbbb"
_AXES = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1)}
_HINT = "s: scalp   e: electrodes or coil   r: whole head   q: close"


def has_display() -> bool:
    """Whether a window can be opened here."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def scene_plotter(
    scene: Scene, *, off_screen: bool = False, size: tuple[int, int] = (1200, 850), shade: int = 0
) -> pyvista.Plotter:
    """The scene as a pyvista plotter: one actor for each layer by its id, labels, letters, one colour bar.

    Parameters
    ----------
    scene : Scene
    off_screen : bool
        No window.
    size : (width, height)
    shade : int
        Which values colour the surfaces that have any.
    """
    import pyvista

    plotter = new_scene(size) if off_screen else pyvista.Plotter(window_size=list(size), title=scene.title)
    if not off_screen:
        plotter.background_color = "white"
        plotter.enable_parallel_projection()
    for layer in scene.layers:
        _add(plotter, layer, shade)
    for one in scene.labels:
        plotter.add_point_labels(
            [one.point_m], [one.text], text_color=INK, shape_color="white", shape_opacity=0.85, font_size=14,
            show_points=False, always_visible=True, name=f"label: {one.text}",
        )  # fmt: skip
    _add_letters(plotter, scene)
    _look(plotter, scene)
    heading = f"{scene.title}\n{scene.caution}" if scene.caution else scene.title
    plotter.add_text(heading, position="upper_left", font_size=10, color=INK, name="heading")
    if not off_screen:
        plotter.add_text(_HINT, position="lower_left", font_size=8, color=FAINT, name="hint")
        _add_keys(plotter, scene)
    return plotter


def _add(plotter: pyvista.Plotter, layer: Layer, shade: int, *, with_bar: bool = True) -> None:
    import pyvista

    mesh = pyvista.PolyData.from_regular_faces(np.array(layer.points_m), np.array(layer.triangles))
    mesh = mesh.compute_normals(
        cell_normals=False, split_vertices=False, consistent_normals=False, auto_orient_normals=False
    )
    light = {"smooth_shading": True, "ambient": 0.35, "diffuse": 0.75, "specular": 0.05}
    if not layer.shades:
        plotter.add_mesh(mesh, color=layer.colour, opacity=layer.opacity, name=layer.id, **light)
        return
    one = layer.shades[min(shade, len(layer.shades) - 1)]
    mesh.point_data["values"] = one.values
    plotter.add_mesh(
        mesh, scalars="values", cmap=ListedColormap(one.colours / 255), clim=one.range.limits, nan_color=_NO_VALUE,
        opacity=layer.opacity, name=layer.id, show_scalar_bar=False, **light,
    )  # fmt: skip
    if not with_bar:
        return
    plotter.add_scalar_bar(
        one.range.label.replace("|", r"\|"), n_labels=5, fmt="%.3g", color=INK, title_font_size=14, label_font_size=13,
        width=0.36, height=0.07, position_x=0.32, position_y=0.03,
    )  # fmt: skip


def _add_letters(plotter: pyvista.Plotter, scene: Scene) -> None:
    points = np.concatenate([one.points_m for one in scene.layers])
    middle, half = (points.min(axis=0) + points.max(axis=0)) / 2, np.ptp(points, axis=0) / 2
    places = [middle + (half + 0.012) * np.array(way) for way in _AXES.values()]
    plotter.add_point_labels(
        places, list(_AXES), text_color=FAINT, shape=None, font_size=18, bold=True, show_points=False,
        always_visible=True, name="letters",
    )  # fmt: skip


def _look(plotter: pyvista.Plotter, scene: Scene) -> None:
    points = np.concatenate([one.points_m for one in scene.layers])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    axes = camera_axes(scene.view.tolist())
    half = float(np.ptp(points @ axes[:2].T, axis=0).max()) / 2
    camera = plotter.camera
    camera.position, camera.focal_point, camera.up = middle + 10 * half * axes[2], middle, axes[1]
    camera.parallel_scale = 1.15 * half
    camera.clipping_range = (5 * half, 15 * half)


def _add_keys(plotter: pyvista.Plotter, scene: Scene) -> None:
    """Keys that show and hide the scalp and what stimulates."""

    def toggle(groups: tuple[str, ...]) -> None:
        for layer in scene.layers:
            if layer.group in groups:
                actor = plotter.actors[layer.id]
                actor.visibility = not actor.visibility
        plotter.render()

    plotter.add_key_event("s", lambda: toggle(("scalp",)))
    plotter.add_key_event("e", lambda: toggle(("electrodes", "coil")))


def plot_scene(scene: Scene, *, shade: int = 0) -> Figure:
    """Figure of a scene from where it starts and from a quarter turn further, with its colour bar.

    Parameters
    ----------
    scene : Scene
    shade : int
        Which values colour it.
    """
    x, y, z = scene.view.tolist()
    views = {"as the scene opens": (x, y, z), "a quarter turn to its right": (-y, x, z)}
    points = np.concatenate([one.points_m for one in scene.layers])
    half = 1.12 * max(float(np.ptp(points @ camera_axes(way)[:2].T, axis=0).max()) for way in views.values()) / 2
    figure = new_figure(7.0, 3.95)
    plotter = new_scene((900, 900))
    for layer in scene.layers:
        _add(plotter, layer, shade, with_bar=False)
    plotter.enable_depth_peeling(6)
    try:
        for column, (title, way) in enumerate(views.items()):
            axes = figure.add_axes((column / 2, 0.14, 0.5, 0.81))
            shot = shoot(plotter, way, points_m=points, half_height=half)
            show_shot(axes, shot, title=title, letters_at=0.06)
            for one in scene.labels:
                across, down = shot.pixel(one.point_m).tolist()
                across = min(max(across, 0.17 * shot.image.shape[1]), 0.83 * shot.image.shape[1])
                axes.text(across, down, plain(one.text), fontsize=7.5, color=INK, ha="center", va="bottom",
                          bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": one.colour, "lw": 0.8})  # fmt: skip
    finally:
        plotter.close()
    coloured = next((one.shades[min(shade, len(one.shades) - 1)] for one in scene.layers if one.shades), None)
    if coloured is not None:
        add_colour_bar(
            figure, figure.add_axes((0.3, 0.1, 0.4, 0.024)), limits=coloured.range.limits, label=coloured.range.label,
            cmap=ListedColormap(coloured.colours / 255),
        )  # fmt: skip
    return figure
