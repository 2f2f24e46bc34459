"""What a coil search found: the score over the scalp, the best coil with its handle, and what an angle is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.coil import Segments
from stimplan.coil_search import CoilSearch, RankedPose
from stimplan.units import from_si, text
from stimplan.view.paper import FAINT, FIELD_CMAP, INK, bare, new_figure
from stimplan.view.pose import COIL, HANDLE
from stimplan.view.scene import Shot, camera_axes, new_scene, shoot, show_shot, smooth_normals, surface_mesh
from stimplan.view.style import ROI, SKIN, add_colour_bar, draw_scale_bar

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.pose import CoilPose

Array = NDArray[np.float64]

_LEFT_OUT = "#8a8a8a"
_HANDLE_M = (0.02, 0.13)
# The map lies this far off the scalp, so that the skin does not show through it.
_ABOVE_M = 8e-4


def scene_search(found: CoilSearch, *, with_coil: bool, size: tuple[int, int] = (900, 900)) -> pyvista.Plotter:
    """The head with the map of the score, and with the best coil if asked for.

    Actors: `scalp`, `map` (point data `score_V_per_m`, NaN where the coil can take no pose), `target`, and of the coil
    `coil` and `handle`.
    """
    import pyvista

    plotter = new_scene(size)
    skin = smooth_normals(surface_mesh(found.head, found.head.scalp)[0])
    plotter.add_mesh(skin, color=SKIN, smooth_shading=True, ambient=0.3, diffuse=0.75, specular=0.05, name="scalp",
                     opacity=0.35 if with_coil else 1.0)  # fmt: skip
    points, triangles = _patch(found)
    patch = pyvista.PolyData.from_regular_faces(points, triangles)
    patch.point_data["score_V_per_m"] = _scores(found)
    low, high = limits_V_per_m(found)
    plotter.add_mesh(patch, scalars="score_V_per_m", cmap=FIELD_CMAP, clim=(low, high), nan_color=_LEFT_OUT,
                     show_scalar_bar=False, ambient=0.75, diffuse=0.3, name="map")  # fmt: skip
    for number, goal in enumerate(found.goals):
        ball = pyvista.Sphere(radius=4e-3, center=goal.target.center_m)
        plotter.add_mesh(ball, color="#444444" if goal.is_avoided else ROI, ambient=0.5, name=f"target {number}")
    if with_coil:
        _add_coil(plotter, found)
    return plotter


def plot_search(found: CoilSearch) -> Figure:
    """Figure of a search: the map along the coil's axis, the best coil from its side, the score against the angle.

    Parameters
    ----------
    found : CoilSearch

    Returns
    -------
    Figure
        Lines on the map run from each place towards the handle at its best angle.
    """
    figure = new_figure(7.6, 3.5)
    best = found.best[0]
    figure.text(0.02, 0.945, _title(found), fontsize=9, weight="bold", color=INK)
    figure.text(0.02, 0.895, _subtitle(found), fontsize=7, color=FAINT)
    _draw_map(figure, figure.add_axes((0.005, 0.17, 0.36, 0.65)), found)
    _draw_coil(figure.add_axes((0.365, 0.17, 0.34, 0.65)), found)
    _draw_angles(figure.add_axes((0.775, 0.30, 0.205, 0.48)), found)
    spared = ", + spared" if any(goal.is_avoided for goal in found.goals) else ""
    legend = f"lines: to the handle at the best angle; ★ best, × target{spared}"
    figure.text(0.185, 0.008, legend, fontsize=6, color=FAINT, ha="center")
    low, high = best.spread.score_V_per_m
    shift, turn = text(found.uncertainty.shift_m, "m"), text(found.uncertainty.turn_rad, "rad")
    said = f"best {best.score_V_per_m:.4g} V/m; {low:.4g} to {high:.4g} V/m within {shift} and {turn} of it"
    figure.text(0.985, 0.085, said, fontsize=7.5, color=INK, ha="right")
    figure.text(0.985, 0.035, _left_out_text(found), fontsize=6.5, color=FAINT, ha="right")
    return figure


def plot_front(found: CoilSearch) -> Figure:
    """Figure of what two targets cost each other: every pose, and the Pareto front of the first two goals."""
    figure = new_figure(4.2, 3.4)
    axes = figure.add_axes((0.15, 0.16, 0.8, 0.72))
    values = found.values_V_per_m
    first, second = found.goals[:2]
    axes.scatter(values[:, 0], values[:, 1], s=2, color="#b8b8b8", linewidths=0, rasterized=True, label="a pose")
    front = found.front
    axes.plot(values[front, 0], values[front, 1], "o", ms=2.6, color="#0072b2", label="Pareto front")
    best = found.best[0]
    axes.plot(*best.values_V_per_m[:2], "*", ms=9, color=HANDLE, label="best by the score")
    axes.set_xlabel(f"{first.target.name}, V/m", fontsize=7.5, color=INK)
    spared = ", to be spared" if second.is_avoided else ""
    axes.set_ylabel(f"{second.target.name}{spared}, V/m", fontsize=7.5, color=INK)
    axes.tick_params(labelsize=7, length=2, colors=INK)
    axes.legend(fontsize=6.5, frameon=False, loc="best")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.text(0.15, 0.93, "What can be had together", fontsize=8.5, weight="bold", color=INK)
    return figure


def limits_V_per_m(found: CoilSearch) -> tuple[float, float]:
    """Lowest and highest score on the map: the ends of its colours, V/m."""
    scores = _scores(found)
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    return (low, high) if high > low else (low - 1e-12, high + 1e-12)


def _scores(found: CoilSearch) -> Array:
    numbers = found.best_at_place
    return np.where(numbers >= 0, found.scores_V_per_m[numbers], np.nan)


def _patch(found: CoilSearch) -> tuple[Array, NDArray[np.int64]]:
    """Points of the map a little above the scalp, and the triangles of the lattice, two to a square."""
    poses = found.candidates
    steps = np.round(poses.lattice_m / found.space.spacing_m).astype(int)
    number = {(int(i), int(j)): row for row, (i, j) in enumerate(steps)}
    triangles = []
    for (i, j), a in number.items():
        b, c, d = (number.get(key) for key in ((i + 1, j), (i + 1, j + 1), (i, j + 1)))
        square = [one for one in (a, b, c, d) if one is not None]
        if len(square) == 4:
            triangles += [[a, b, c], [a, c, d]]
        elif len(square) == 3:
            triangles.append(square)
    outwards = poses.places_m - np.asarray(found.head.nodes_m).mean(axis=0)
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    return poses.places_m + _ABOVE_M * outwards, np.array(triangles or [[0, 0, 0]], dtype=np.int64)


def _draw_map(figure: Figure, axes: Axes, found: CoilSearch) -> None:
    """The map seen along the axis of the best coil, close up, with the best angle at each place."""
    poses = found.candidates
    view = _outside(found.best[0])
    extent = 1.25 * (found.space.radius_m + 0.006)
    plotter = scene_search(found, with_coil=False)
    try:
        shot = shoot(plotter, view, points_m=poses.places_m, half_height=extent)
    finally:
        plotter.close()
    show_shot(axes, shot, title="best score at each place", letters_at=0.93)
    length = 0.42 * found.space.spacing_m
    for place, number in zip(poses.places_m, found.best_at_place, strict=True):
        if number >= 0:
            start, end = shot.pixel(place), shot.pixel(place - length * 2 * poses.poses_m[number][:3, 1])
            axes.plot(*np.stack([start, end]).T, color="white", lw=0.6)
            axes.plot(*start, "o", ms=0.9, color="white", mew=0)
    best = found.best[0]
    axes.plot(*shot.pixel(poses.places_m[best.place]), "*", ms=8, color=HANDLE, mec="white", mew=0.5)
    _mark_targets(axes, shot, found)
    height, width = shot.image.shape[:2]
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    draw_scale_bar(axes, shot)
    bar = figure.add_axes((0.06, 0.125, 0.25, 0.025))
    add_colour_bar(figure, bar, limits=limits_V_per_m(found), label="score, V/m", extend="neither")


def _draw_coil(axes: Axes, found: CoilSearch) -> None:
    """The head from the side of the best coil, with the winding, the handle and the target."""
    best = found.best[0]
    view = _oblique(best)
    ends = np.array(_handle_ends(best))
    points = np.concatenate(
        [found.head.nodes_m[np.unique(found.head.scalp)], ends, best.pose.to_head(_wire(found).reshape(-1, 3))]
    )
    half = 0.56 * float(np.ptp(points @ camera_axes(view)[:2].T, axis=0).max())
    plotter = scene_search(found, with_coil=True)
    try:
        shot = shoot(plotter, view, points_m=points, half_height=half)
    finally:
        plotter.close()
    show_shot(axes, shot, title="best coil", letters_at=0.06)
    bare(axes)
    _name(axes, shot, ends[1] + 0.025 * best.pose.handle_direction, "handle", HANDLE)
    _mark_targets(axes, shot, found)


def _draw_angles(axes: Axes, found: CoilSearch) -> None:
    """Score against the handle's angle at the best place."""
    poses, best = found.candidates, found.best[0]
    number = found.best_at_place[best.place]
    of = np.flatnonzero((poses.place == best.place) & (poses.tilt == poses.tilt[number]))
    of = of[np.argsort(poses.angle_rad[of])]
    angles, scores = np.degrees(poses.angle_rad[of]), found.scores_V_per_m[of]
    # No line over angles that were left out.
    breaks = np.flatnonzero(np.diff(angles) > 1.5 * _step_deg(found)) + 1
    axes.plot(np.insert(angles, breaks, np.nan), np.insert(scores, breaks, np.nan), ".-", ms=3, lw=0.9, color="#0072b2")
    axes.plot(np.degrees(best.angle_rad), best.score_V_per_m, "*", ms=8, color=HANDLE)
    low, high = best.spread.score_V_per_m
    axes.axhspan(low, high, color="#0072b2", alpha=0.15, lw=0)
    tilted = ", best tilt" if len(found.space.all_tilts) > 1 else ""
    axes.set_title(f"at the best place{tilted}", fontsize=8, color=INK, pad=3)
    axes.set_xlabel("handle from the midline, °\n(0 backwards, + to the left)", fontsize=7, color=INK)
    axes.set_ylabel("score, V/m", fontsize=7, color=INK, labelpad=2)
    axes.tick_params(labelsize=6.5, length=2, colors=INK)
    if np.ptp(angles) > 200:
        axes.set_xticks([-180, -90, 0, 90, 180])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _step_deg(found: CoilSearch) -> float:
    """Largest step from one of the angles asked for to the next, degrees."""
    return float(np.degrees(np.diff(sorted(found.space.angles_rad)).max(initial=0.0)))


def _mark_targets(axes: Axes, shot: Shot, found: CoilSearch) -> None:
    for goal in found.goals:
        marker, colour = ("+", INK) if goal.is_avoided else ("x", "#d55e00")
        axes.plot(*shot.pixel(goal.target.center_m), marker, ms=6, color=colour, mew=1.4)


def _add_coil(plotter: pyvista.Plotter, found: CoilSearch) -> None:
    import pyvista

    best = found.best[0]
    ends = _wire(found)
    lines = np.column_stack([np.full(len(ends), 2), *np.arange(2 * len(ends)).reshape(-1, 2).T])
    wire = pyvista.PolyData(best.pose.to_head(ends.reshape(-1, 3)), lines=lines.ravel())
    plotter.add_mesh(wire, color=COIL, line_width=2.5, ambient=0.6, name="coil")
    start, end = _handle_ends(best)
    handle = pyvista.Tube(pointa=start, pointb=end, radius=6e-3, n_sides=24, capping=True)
    plotter.add_mesh(handle, color=HANDLE, ambient=0.4, name="handle")


def _wire(found: CoilSearch) -> Array:
    """(k, 2, 3) ends of lines that stand for a coil, in its frame: its wire, dashes at its dipoles, or a cross."""
    pieces = [one.positions_m for one in found.coil.elements if isinstance(one, Segments)]
    if pieces:
        # From each piece to the next; several layers share the current, so a piece's own vector may be shorter.
        ends = np.concatenate([np.stack([one[:-1], one[1:]], axis=1) for one in pieces])
        gap = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        return ends[gap <= 3 * np.median(gap)]
    places = found.coil.positions_m
    if not len(places):
        return 0.04 * np.array([[[-1.0, 0, 0], [1, 0, 0]], [[0, -1, 0], [0, 1, 0]]])
    return places[:, None] + 1e-3 * np.array([[-1.0, 0, 0], [1, 0, 0]])


def _handle_ends(best: RankedPose) -> tuple[Array, Array]:
    near, far = _HANDLE_M
    return best.pose.to_head([0, -near, -0.012]), best.pose.to_head([0, -far, -0.012])


def _outside(best: RankedPose) -> tuple[float, float, float]:
    """From the head to an eye behind the coil; never straight up, where a camera has no upwards."""
    x, y, z = map(float, -best.pose.z + np.array([0.0, -1e-3, 0.0]))
    return x, y, z


def _oblique(best: RankedPose) -> tuple[float, float, float]:
    """From the side of the coil, a little from the front and from above, so that its tilt and handle are seen."""
    side = -1.0 if best.pose.center_m[0] <= 0.01 else 1.0
    front = 0.75 if best.pose.center_m[1] > -0.02 else -0.55
    return side, front, 0.45


def _name(axes: Axes, shot: Shot, place_m: Array, words: str, colour: str) -> None:
    height, width = shot.image.shape[:2]
    x, y = shot.pixel(place_m)
    axes.text(float(np.clip(x, 60, width - 60)), float(np.clip(y, 25, height - 25)), words, fontsize=7.5, color=colour,
              weight="bold", ha="center", va="center")  # fmt: skip


def _title(found: CoilSearch) -> str:
    aims = " + ".join(goal.target.name for goal in found.goals if not goal.is_avoided)
    spared = ", ".join(goal.target.name for goal in found.goals if goal.is_avoided)
    return f"Where to put the coil for {aims}" + (f", sparing {spared}" if spared else "")


def _subtitle(found: CoilSearch) -> str:
    rate = text(found.didt_A_per_s[0], "A_per_s", 4)
    what = found.goals[0].target.description if len(found.goals) == 1 else "weighted sum of the targets"
    line = f"{found.coil.name}; dI/dt {rate}; maximised: {what}"
    return line if len(line) <= 150 else line[:147] + "…"


def _left_out_text(found: CoilSearch) -> str:
    left = sum(found.candidates.left_out.values())
    gap = from_si(round(found.space.distance_m, 6), "mm")
    head = f"{len(found.candidates.poses_m):,} poses, {left:,} left out (grey); {gap} mm from the scalp"
    return head


def plot_poses(found: CoilSearch, poses: Mapping[str, CoilPose], scores_V_per_m: Array) -> Figure:
    """Figure of several poses side by side: where each coil's middle and handle are, and its score with its spread.

    Parameters
    ----------
    found : CoilSearch
    poses : mapping of str to CoilPose
    scores_V_per_m : (k, 3) array
        As `stimplan.coil_search.values_at` gives them.
    """
    figure = new_figure(7.6, 3.2)
    colours = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", HANDLE, "#56b4e9", "#d55e00", "#444444"]
    chosen = [colours[number % len(colours)] for number in range(len(poses))]
    axes = figure.add_axes((0.02, 0.04, 0.36, 0.76))
    centers = np.array([pose.center_m for pose in poses.values()])
    view = centers.mean(axis=0) - np.asarray(found.head.nodes_m).mean(axis=0)
    plotter = scene_search(found, with_coil=False)
    try:
        shot = shoot(plotter, (float(view[0]), float(view[1]), float(view[2])), points_m=centers, half_height=0.055)
    finally:
        plotter.close()
    show_shot(axes, shot, title="middle of each coil, line towards its handle", letters_at=0.94)
    for pose, colour in zip(poses.values(), chosen, strict=True):
        start, end = shot.pixel(pose.center_m), shot.pixel(pose.to_head([0, -0.03, 0]))
        axes.plot(*np.stack([start, end]).T, color="white", lw=3.2)
        axes.plot(*np.stack([start, end]).T, color=colour, lw=2)
        axes.plot(*start, "o", ms=6, color=colour, mec="white", mew=0.8)
    _mark_targets(axes, shot, found)
    height, width = shot.image.shape[:2]
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    _draw_bars(figure.add_axes((0.62, 0.2, 0.35, 0.62)), list(poses), scores_V_per_m, chosen)
    figure.text(0.02, 0.935, _title(found), fontsize=9, weight="bold", color=INK)
    figure.text(0.02, 0.885, _subtitle(found), fontsize=7, color=FAINT)
    return figure


def _draw_bars(axes: Axes, names: list[str], scores: Array, colours: list[str]) -> None:
    rows = np.arange(len(names))[::-1]
    value, low, high = scores.T
    axes.barh(rows, value, height=0.55, color=colours)
    axes.errorbar(value, rows, xerr=[value - low, high - value], fmt="none", ecolor=INK, elinewidth=0.9, capsize=2.5)
    axes.set_yticks(rows, names, fontsize=7.5)
    for row, one, top in zip(rows, value, high, strict=True):
        axes.text(top + 0.015 * high.max(), row, f"{one:.3g}", fontsize=7, color=INK, va="center")
    axes.set_xlim(0, 1.13 * float(high.max()))
    axes.set_xlabel("score, V/m; whiskers: lowest to highest around the pose", fontsize=7, color=INK)
    axes.tick_params(axis="x", labelsize=6.5, length=2, colors=INK)
    axes.tick_params(axis="y", length=0, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
