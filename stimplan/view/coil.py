"""A coil on a head as a run reports it: its own winding and case, its handle, and the sense of its current."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil import AGrid, Coil, Dipoles
from stimplan.coil_field import CoilPlacement
from stimplan.pose import CoilPose, handle_angle_rad
from stimplan.units import text
from stimplan.view.montage import SKIN
from stimplan.view.paper import FAINT, INK, new_figure
from stimplan.view.pose import HANDLE
from stimplan.view.scene import VIEWS, Shot, camera_axes, new_scene, shoot, show_shot, smooth_normals, surface_mesh
from stimplan.view.scene_coil import coil_layers

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.field import Field

Array = NDArray[np.float64]

# After Okabe and Ito 2008 (jfly.uni-koeln.de/color), told apart from the handle's violet by everybody.
CURRENT = "#d55e00"
# A wing whose current does not go around, seen from outside the head, has no sense to draw (strips of an H-coil).
_ROUND = 0.3
_ARROWS = 3
# Arrows lie this far behind the middle of the winding.
_LIFT_M = 0.009


@attrs.frozen(eq=False)
class Turn:
    """A wing: the middle of its current, how far it reaches, and the axis about which it turns, coil coordinates."""

    center_m: Array
    radius_m: float
    axis: Array


def wings_of(coil: Coil) -> tuple[Turn, ...]:
    """The wings of a coil and the sense in which its current turns in each, for a rising current.

    The sense is that of the net moment of the wing: half the sum of r × dl of a wire, the sum of dipoles.
    Empty where it has none (a grid), or where the current does not go around.
    """
    found = []
    for places, moments, size in _groups(coil):
        center = places.mean(axis=0)
        net = moments.sum(axis=0)
        radius = float(np.linalg.norm((places - center)[:, :2], axis=1).max())
        if np.linalg.norm(net) > _ROUND * size and abs(net[2]) > _ROUND * np.linalg.norm(net):
            found.append(Turn(center, radius, net / np.linalg.norm(net)))
    return tuple(found)


def _groups(coil: Coil) -> list[tuple[Array, Array, float]]:
    """Places, moments and the moment if all went around, for each wing: the halves at -x and +x, or all of it."""
    parts = [element for element in coil.elements if not isinstance(element, AGrid)]
    if not parts:
        return []
    places = np.concatenate([one.positions_m for one in parts])
    vectors = np.concatenate([one.moments_A_m2_per_A if isinstance(one, Dipoles) else one.vectors_m for one in parts])
    is_wire = np.concatenate([np.full(len(one.positions_m), not isinstance(one, Dipoles)) for one in parts])
    left = places[:, 0] < 0
    sides = [left, ~left] if left.any() and (~left).any() else [np.ones(len(places), bool)]
    groups = [_moments(places[side], vectors[side], is_wire[side]) for side in sides]
    # The wings of a figure-8 turn against each other; halves that turn alike are those of one round coil.
    if len(groups) == 2 and float(groups[0][1].sum(axis=0) @ groups[1][1].sum(axis=0)) > 0:
        groups = [_moments(places, vectors, is_wire)]
    return groups


def _moments(places: Array, vectors: Array, is_wire: NDArray[np.bool_]) -> tuple[Array, Array, float]:
    away = places - places.mean(axis=0)
    moments = np.where(is_wire[:, None], 0.5 * np.cross(away, vectors), vectors)
    size = 0.5 * np.linalg.norm(away, axis=1) * np.linalg.norm(vectors, axis=1)
    return places, moments, float(np.where(is_wire, size, np.linalg.norm(vectors, axis=1)).sum())


def scene_coil(placement: CoilPlacement, *, size: tuple[int, int] = (800, 800)) -> pyvista.Plotter:
    """The head with a placed coil: actors `scalp`, `coil, winding`, `coil, handle`, `coil, case`, and `current`.

    The arrows of `current` show its sense while dI/dt has the placement's sign.
    """
    import pyvista

    plotter, head, pose = new_scene(size), placement.head, CoilPose(placement.pose_m)
    scalp = smooth_normals(surface_mesh(head, head.scalp)[0])
    plotter.add_mesh(scalp, color=SKIN, smooth_shading=True, ambient=0.25, diffuse=0.8, specular=0.08, name="scalp")
    for layer in coil_layers(placement.coil, pose)[0]:
        mesh = pyvista.PolyData.from_regular_faces(np.asarray(layer.points_m), np.asarray(layer.triangles))
        plotter.add_mesh(mesh, color=layer.colour, opacity=layer.opacity, ambient=0.35, name=layer.id)
    arrows = [
        pyvista.Arrow(start=tail, direction=tip - tail, scale=float(np.linalg.norm(tip - tail)), shaft_radius=0.06,
                      tip_radius=0.2, tip_length=0.45)
        for tail, tip in current_arrows(placement)
    ]  # fmt: skip
    if arrows:
        plotter.add_mesh(pyvista.merge(arrows), color=CURRENT, ambient=0.6, name="current")
    return plotter


def current_arrows(placement: CoilPlacement) -> list[tuple[Array, Array]]:
    """Tail and tip of the arrows of the current, head coordinates, m, on the outer side of the winding."""
    pose, sign = CoilPose(placement.pose_m), math.copysign(1.0, placement.didt_A_per_s[0])
    found = []
    for wing in wings_of(placement.coil):
        across = np.array([1.0, 0.0, 0.0]) - wing.axis[0] * wing.axis
        across /= np.linalg.norm(across)
        other = np.cross(wing.axis, across)
        lift = -math.copysign(_LIFT_M, float(wing.axis[2])) * wing.axis  # on the side of the operator
        for step in range(_ARROWS):
            angle = 2 * math.pi * (step + 0.25) / _ARROWS
            out = math.cos(angle) * across + math.sin(angle) * other
            along = sign * np.cross(wing.axis, out)
            middle = wing.center_m + 0.82 * wing.radius_m * out + lift
            half = 0.42 * wing.radius_m * along
            found.append((pose.to_head(middle - half), pose.to_head(middle + half)))
    return found


def plot_coil(
    placement: CoilPlacement, *, field: Field | None = None, title: str = "", handle_rad: float | None = None
) -> Figure:
    """Draw a placed coil from three sides: from above, from its own side, and as its operator looks at it.

    Parameters
    ----------
    placement : CoilPlacement
    field : Field, optional
        The figure then says where the field below the coil points.
    title : str
    handle_rad : float, optional
        Angle of the handle from the midline as it was measured on the run's own head, rad: a mesh read from a file has
        no fiducials to find the midline by.

    Returns
    -------
    Figure
        With the handle named in every view, and arrows for the sense of the current.
    """
    head, pose = placement.head, CoilPose(placement.pose_m)
    figure = new_figure(7.6, 3.1)
    side = "right" if pose.center_m[0] > 0.02 else "left"
    x, y, z = map(float, -pose.z + np.array([0.0, -1e-3, 0.0]))
    views = {"top": VIEWS["top"], side: VIEWS[side], "as its operator sees it": (x, y, z)}
    plotter = scene_coil(placement)
    bodies = [np.asarray(layer.points_m) for layer in coil_layers(placement.coil, pose)[0]]
    points = np.concatenate([head.nodes_m[np.unique(head.scalp)], *bodies])
    half = 1.2 * max(float(np.ptp(points @ camera_axes(view)[:2].T, axis=0).max()) for view in views.values()) / 2
    try:
        for column, (name, view) in enumerate(views.items()):
            axes = figure.add_axes((column / 3, 0.12, 1 / 3, 0.74))
            shot = shoot(plotter, view, points_m=points, half_height=half)
            end = coil_layers(placement.coil, pose)[1][0].point_m
            is_low = shot.pixel(end)[1] > shot.image.shape[0] / 2
            show_shot(axes, shot, title=name, letters_at=0.9 if is_low else 0.1)
            _name_handle(axes, shot, pose, np.asarray(end))
    finally:
        plotter.close()
    figure.text(0.02, 0.93, title or placement.coil.name, fontsize=9, weight="bold", color=INK)
    figure.text(0.02, 0.065, _where(placement, pose, handle_rad), fontsize=7.5, color=INK)
    figure.text(0.02, 0.02, _sense(placement, field), fontsize=7.5, color=FAINT)
    return figure


def _where(placement: CoilPlacement, pose: CoilPose, handle_rad: float | None) -> str:
    x, y, z = (text(round(float(value), 4), "m").removesuffix(" mm") for value in pose.center_m)
    found = handle_angle_rad(placement.head, pose) if handle_rad is None else handle_rad
    angle = text(round(found, 6), "rad", 3)
    rate = text(placement.didt_A_per_s[0], "A_per_s", 4)
    return f"centre ({x}, {y}, {z}) mm; handle {angle} from the midline (0° backwards, + left); dI/dt {rate}"


def _sense(placement: CoilPlacement, field: Field | None) -> str:
    sense = "Orange arrows: the current while dI/dt has this sign." if wings_of(placement.coil) else ""
    if field is None:
        return sense
    head, pose = field.head, CoilPose(placement.pose_m)
    brain = head.centers_m - pose.center_m
    near = int(np.argmin(np.where(_is_inner(field), np.linalg.norm(brain, axis=1), np.inf)))
    vector = field.E_V_per_m[near]
    angle = math.degrees(math.atan2(float(vector @ pose.x), float(vector @ pose.y)))
    side = "away from the handle" if abs(angle) <= 90 else "towards the handle"
    off = abs(angle) if abs(angle) <= 90 else 180 - abs(angle)
    return f"{sense} Then the field in the tissue below the coil points {side}, {off:.0f}° off its line."


def _is_inner(field: Field) -> NDArray[np.bool_]:
    from stimplan.roi import elements_in

    return elements_in(field.head, None)


def _name_handle(axes: Axes, shot: Shot, pose: CoilPose, end_m: Array) -> None:
    """Write the name of the handle beyond its end, or on it where it points at the viewer."""
    place, away = shot.pixel(end_m), shot.pixel(end_m) - shot.pixel(pose.center_m)
    length = float(np.linalg.norm(away))
    if length > 30:
        place = place + 0.045 * shot.image.shape[0] * away / length
    if abs(away[1]) > 2 * abs(away[0]):  # beside it, where the letter of the picture's edge is not
        place = place + np.array([0.11 * shot.image.shape[1], -0.05 * shot.image.shape[0] * np.sign(away[1])])
    height, width = shot.image.shape[:2]
    column = float(np.clip(place[0], 0.08 * width, 0.92 * width))
    row = float(np.clip(place[1], 0.03 * height, 0.97 * height))
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
    axes.text(column, row, "handle", fontsize=7.5, color=HANDLE, weight="bold", ha="center", va="center", bbox=box)
