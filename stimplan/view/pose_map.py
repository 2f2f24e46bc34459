"""Many coil positions on a head, coloured by a number of each: a motor-mapping session, a grid, a cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.values import frozen_array
from stimplan.view.paper import FAINT, FIELD_CMAP, INK, new_figure
from stimplan.view.scene import VIEWS, Shot, brain_surface, new_scene, shoot, show_shot, smooth_normals, surface_mesh
from stimplan.view.style import BRAIN, SKIN, SMALL_PT, TEXT_PT, TITLE_PT, add_colour_bar, draw_scale_bar

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.head.model import HeadModel

Array = NDArray[np.float64]

# The line from a coil's middle towards its handle, m.
_HANDLE_M = 0.007
# Of poses all round the head no direction is the one they are seen from.
_LEAST_COMMON = 0.5
_NO_VALUE = "#8a8a8a"
_TARGET = "#d55e00"


def _values(values: ArrayLike) -> Array:
    return frozen_array(values, name="values", shape=(None,), is_finite=False)


@attrs.frozen(eq=False)
class PoseValues:
    """A number of each pose.

    Attributes
    ----------
    title : str
        Of the map.
    label : str
        Quantity and unit, for the colour bar.
    values : (n,) array
        In the unit of the label; NaN where a pose has none.
    """

    title: str
    label: str
    values: Array = attrs.field(converter=_values)


def view_of(poses_m: Array) -> tuple[float, float, float]:
    """The direction a set of coils is seen from, from the head to the eye: that of their axes; from above if in all."""
    mean = -poses_m[:, :3, 2].mean(axis=0)
    if np.linalg.norm(mean) < _LEAST_COMMON:
        return VIEWS["top"]
    x, y, z = mean / np.linalg.norm(mean) + np.array([0.0, -1e-3, 0.0])  # straight up a camera has no upwards
    return float(x), float(y), float(z)


def scene_poses(head: HeadModel, *, size: tuple[int, int] = (900, 900)) -> pyvista.Plotter:
    """The brain under a scalp one can look through: actors `brain` and `scalp`."""
    plotter = new_scene(size)
    brain = smooth_normals(surface_mesh(head, brain_surface(head))[0])
    plotter.add_mesh(brain, color=BRAIN, smooth_shading=True, ambient=0.25, diffuse=0.8, specular=0.05, name="brain")
    scalp = smooth_normals(surface_mesh(head, head.scalp)[0])
    plotter.add_mesh(scalp, color=SKIN, smooth_shading=True, ambient=0.4, diffuse=0.5, opacity=0.22, name="scalp")
    return plotter


def plot_pose_map(
    head: HeadModel,
    poses_m: ArrayLike,
    columns: Sequence[PoseValues],
    *,
    title: str,
    subtitle: str = "",
    target_m: ArrayLike | None = None,
) -> Figure:
    """Draw poses on a head, one map for each column, and the first column against the second where there are two.

    Parameters
    ----------
    head : HeadModel
    poses_m : (n, 4, 4) array
        Head from coil coordinates, m; the handle at -y.
    columns : one or two PoseValues
    title, subtitle : str
    target_m : (3,) array, optional
        A point to mark, head coordinates, m.

    Returns
    -------
    Figure
        Discs lie at the middle of each coil, in the order of their values, and lines run from there to the handle; a
        ring is around the largest value.
    """
    poses = np.asarray(poses_m, dtype=np.float64)
    count = len(columns)
    width = 4.3 if count == 1 else 8.4
    figure = new_figure(width, 4.1)
    view = view_of(poses)
    plotter = scene_poses(head)
    try:
        shot = _shot(plotter, view, poses, target_m)
    finally:
        plotter.close()
    across = 3.0 / width
    for number, column in enumerate(columns):
        left = (0.65 if count == 1 else 0.06 + 3.05 * number) / width
        axes = figure.add_axes((left, 0.185, across, 0.67))
        _draw_map(axes, shot, poses, column)
        if target_m is not None:
            axes.plot(*shot.pixel(target_m), "x", ms=7, color=_TARGET, mew=1.8, zorder=6, gid="target")
        bar = figure.add_axes((left + 0.12 * across, 0.15, 0.76 * across, 0.02))
        add_colour_bar(figure, bar, limits=_limits(column.values), label=column.label, extend="neither")
    if count > 1:
        _draw_against(figure.add_axes((6.62 / width, 0.24, 1.6 / width, 0.55)), columns[1], columns[0])
    figure.text(0.02, 0.945, title, fontsize=TITLE_PT, weight="bold", color=INK)
    figure.text(0.02, 0.905, subtitle, fontsize=SMALL_PT, color=FAINT)
    legend = "disc: middle of the coil; line: to its handle; ring: largest"
    legend += "; ×: target" if target_m is not None else ""
    legend += "; grey: not known" if any(np.isnan(column.values).any() for column in columns) else ""
    figure.text(0.02, 0.012, legend, fontsize=SMALL_PT, color=FAINT)
    return figure


def _shot(plotter: pyvista.Plotter, view: tuple[float, float, float], poses: Array, target_m: ArrayLike | None) -> Shot:
    """A square view of all poses, no closer than 90 mm across, so that the gyri around them are seen."""
    points = np.concatenate([poses[:, :3, 3], poses[:, :3, 3] - _HANDLE_M * poses[:, :3, 1]])
    if target_m is not None:
        points = np.vstack([points, np.asarray(target_m, dtype=np.float64)])
    around = points - points.mean(axis=0)
    half = max(0.045, 1.35 * float(np.abs(around).max()))
    shot = shoot(plotter, view, points_m=points, half_height=half)
    height, width = shot.image.shape[:2]
    return attrs.evolve(shot, half_size_px=0.41 * np.array([width, height]))  # letters at the sides of the picture


def _limits(values: Array) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5 * abs(low or 1.0), high + 0.5 * abs(high or 1.0))


def _draw_map(axes: Axes, shot: Shot, poses: Array, column: PoseValues) -> None:
    from matplotlib import colormaps

    show_shot(axes, shot, title=column.title)
    low, high = _limits(column.values)
    shades = colormaps[FIELD_CMAP]((column.values - low) / (high - low))
    size = 5.5 if len(poses) <= 60 else 3.5
    order = np.argsort(np.where(np.isfinite(column.values), column.values, -np.inf), kind="stable")
    for number in order:
        known = bool(np.isfinite(column.values[number]))
        colour = tuple(shades[number]) if known else _NO_VALUE
        start = shot.pixel(poses[number, :3, 3])
        end = shot.pixel(poses[number, :3, 3] - _HANDLE_M * poses[number, :3, 1])
        axes.plot(*np.stack([start, end]).T, color="white", lw=2.0, solid_capstyle="round", zorder=3)
        axes.plot(*np.stack([start, end]).T, color=INK, lw=0.9, solid_capstyle="round", zorder=3)
        axes.plot(*start, "o", ms=size, color=colour, mec="white", mew=0.5, zorder=4)
    if np.isfinite(column.values).any():
        best = shot.pixel(poses[int(np.nanargmax(column.values)), :3, 3])
        axes.plot(*best, "o", ms=size + 4.5, mfc="none", mec=INK, mew=1.3, zorder=5, gid="largest")
    height, width = shot.image.shape[:2]
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    draw_scale_bar(axes, shot)


def _draw_against(axes: Axes, across: PoseValues, up: PoseValues) -> None:
    """One column against the other, pose by pose."""
    axes.plot(across.values, up.values, "o", ms=3, color="#0072b2", mec="white", mew=0.3)
    axes.set_xlabel(across.label, fontsize=TEXT_PT, color=INK)
    axes.set_ylabel(up.label, fontsize=TEXT_PT, color=INK)
    axes.set_ylim(bottom=min(0.0, float(np.nanmin(up.values))))
    axes.set_title("pose by pose", fontsize=8, color=INK, pad=3)
    axes.tick_params(labelsize=SMALL_PT, length=2, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
