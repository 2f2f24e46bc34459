"""A coil on a head: its windings, its axes, and the side of its handle, which no picture may leave open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.units import text
from stimplan.view.montage import SKIN
from stimplan.view.paper import FAINT, INK, new_figure
from stimplan.view.scene import VIEWS, Shot, camera_axes, new_scene, shoot, show_shot, smooth_normals, surface_mesh

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.head.model import HeadModel
    from stimplan.pose import CoilPose

Array = NDArray[np.float64]

COIL = "#3b4a54"
HANDLE = "#8a2be2"
# x, y, z, told apart by people who see no red and green too (after Okabe and Ito 2008, jfly.uni-koeln.de/color).
AXES = {"x": "#d55e00", "y": "#009e73", "z": "#0072b2"}
_AXIS_M = 0.045
_HANDLE_M = (0.020, 0.150)
_WIRE_M = 1.6e-3


def figure_8_outline(
    *, center_distance_m: float = 0.090, radii_m: Sequence[float] = (0.028, 0.036, 0.044), height_m: float = 0.006
) -> tuple[Array, ...]:
    """Circles that stand for the windings of a figure-8 coil, in its own frame.

    The size is that of the common coils of 70 mm mean diameter. It is only drawn, and no field is made from it.

    Returns
    -------
    tuple of (k, 3) array
        Closed lines, m; z is negative, for the windings lie in the casing.
    """
    angle = np.linspace(0, 2 * np.pi, 73)
    return tuple(
        np.column_stack(
            [side * center_distance_m / 2 + radius * np.cos(angle), radius * np.sin(angle), np.full(73, -height_m)]
        )
        for side in (-1, 1)
        for radius in radii_m
    )


def scene_pose(
    head: HeadModel,
    pose: CoilPose,
    *,
    outlines_m: Sequence[ArrayLike] | None = None,
    size: tuple[int, int] = (800, 800),
) -> pyvista.Plotter:
    """The head with a coil: actors `scalp`, `coil`, `handle`, `x`, `y`, `z`.

    Parameters
    ----------
    head : HeadModel
    pose : CoilPose
    outlines_m : sequence of (k, 3) array or None
        Lines of the windings or of the casing in the coil's frame, m; None draws `figure_8_outline`.
    size : 2 ints
        Pixels.
    """
    import pyvista

    plotter = new_scene(size)
    scalp = smooth_normals(surface_mesh(head, head.scalp)[0])
    plotter.add_mesh(scalp, color=SKIN, smooth_shading=True, ambient=0.25, diffuse=0.8, specular=0.08, name="scalp")
    lines = [pose.to_head(line) for line in (figure_8_outline() if outlines_m is None else outlines_m)]
    wires = pyvista.merge([pyvista.MultipleLines(line).tube(radius=_WIRE_M) for line in lines])
    plotter.add_mesh(wires, color=COIL, ambient=0.3, name="coil")
    start, end = _handle_ends(pose)
    handle = pyvista.Tube(pointa=start, pointb=end, radius=7e-3, n_sides=24, capping=True)
    plotter.add_mesh(handle, color=HANDLE, ambient=0.4, name="handle")
    for name, (tail, head_m) in _arrows(pose).items():
        away = head_m - tail
        arrow = pyvista.Arrow(
            start=tail, direction=away, scale=float(np.linalg.norm(away)), shaft_radius=0.035, tip_radius=0.1
        )
        plotter.add_mesh(arrow, color=AXES[name], ambient=0.5, name=name)
    return plotter


def plot_pose(
    head: HeadModel, pose: CoilPose, *, outlines_m: Sequence[ArrayLike] | None = None, title: str = ""
) -> Figure:
    """Draw a coil on a head from three sides: from above, from its own side, and as its operator looks at it.

    Parameters
    ----------
    head : HeadModel
    pose : CoilPose
    outlines_m : sequence of (k, 3) array or None
        As in `scene_pose`.
    title : str

    Returns
    -------
    Figure
        With the handle named in every view.
    """
    figure = new_figure(7.6, 3.1)
    side = "right" if pose.center_m[0] > 0.02 else "left"
    views = {"top": VIEWS["top"], side: VIEWS[side], "along the coil's axis": _outside(pose)}
    lines = [pose.to_head(line) for line in (figure_8_outline() if outlines_m is None else outlines_m)]
    points = np.concatenate([head.nodes_m[np.unique(head.scalp)], np.array(_handle_ends(pose)), *lines])
    half = 1.25 * max(float(np.ptp(points @ camera_axes(view)[:2].T, axis=0).max()) for view in views.values()) / 2
    plotter = scene_pose(head, pose, outlines_m=outlines_m)
    try:
        for column, (name, view) in enumerate(views.items()):
            axes = figure.add_axes((column / 3, 0.09, 1 / 3, 0.76))
            shot = shoot(plotter, view, points_m=points, half_height=half)
            is_low = shot.pixel(_handle_ends(pose)[1])[1] > shot.image.shape[0] / 2
            show_shot(axes, shot, title=name, letters_at=0.88 if is_low else 0.12)
            _name_parts(axes, shot, pose)
    finally:
        plotter.close()
    x, y, z = (text(round(float(value), 4), "m").removesuffix(" mm") for value in pose.center_m)
    figure.text(0.02, 0.93, title or "coil", fontsize=9, weight="bold", color=INK)
    where = f"centre ({x}, {y}, {z}) mm; y points away from the handle, z into the head"
    figure.text(0.02, 0.02, where, fontsize=7.5, color=FAINT)
    return figure


def _outside(pose: CoilPose) -> tuple[float, float, float]:
    """Direction from the head to an eye behind the coil; never straight up, where a camera has no upwards."""
    x, y, z = map(float, -pose.z + np.array([0.0, -1e-3, 0.0]))
    return x, y, z


def _handle_ends(pose: CoilPose) -> tuple[Array, Array]:
    """Where the drawn handle starts and ends: a line at the height of the windings, on -y."""
    near, far = _HANDLE_M
    return pose.to_head([0, -near, -0.008]), pose.to_head([0, -far, -0.008])


def _arrows(pose: CoilPose) -> dict[str, tuple[Array, Array]]:
    """Tail and head of the arrow of each axis; that of z ends at the centre, for it would be lost in the head."""
    origin, middle = pose.to_head([0, 0, -0.008]), pose.center_m
    return {
        "x": (origin, origin + _AXIS_M * pose.x),
        "y": (origin, origin + _AXIS_M * pose.y),
        "z": (middle - 0.05 * pose.z, middle),
    }


def _name_parts(axes: Axes, shot: Shot, pose: CoilPose) -> None:
    """Write the names of the handle and of the axes beside them."""
    start, end = _handle_ends(pose)
    middle = shot.pixel((start + end) / 2)
    along = shot.pixel(end) - shot.pixel(start)
    if float(np.linalg.norm(along)) > 30:  # else it points at the viewer, and its name stands on it
        beyond = 0.05 * shot.image.shape[0]
        middle = shot.pixel(end) + np.array([0.0, beyond if along[1] >= 0 else -beyond])
    axes.text(*middle, "handle", fontsize=7.5, color=HANDLE, weight="bold", ha="center", va="center")
    for name, (tail, tip) in _arrows(pose).items():
        place = tail if name == "z" else tip
        towards = shot.pixel(place) - shot.pixel(tip if name == "z" else tail)
        size = float(np.linalg.norm(towards))
        if size < 12:  # seen along the axis
            continue
        place_px = shot.pixel(place) + 0.025 * shot.image.shape[0] * towards / size
        axes.text(*place_px, name, fontsize=7.5, color=AXES[name], weight="bold", ha="center", va="center")
