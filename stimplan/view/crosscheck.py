"""The cross-check drawn: the fields side by side on the cortex, and point against point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stimplan.exchange.mne.crosscheck import AS_IS, BEM, SAME, THREE, WITH_CSF
from stimplan.head.cortex import cortex_of
from stimplan.roi import weighted_percentiles
from stimplan.view.panels import plain
from stimplan.view.paper import FAINT, FIELD_CMAP, INK, new_figure, sign_colour
from stimplan.view.scene import VIEWS, half_height_m, new_scene, shoot, show_shot, smooth_normals

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.exchange.mne import CrossCheck
    from stimplan.view.scene import Shot

_SIDES = ("left", "right", "front", "back", "top", "front left", "front right", "back left", "back right")
_PAIRS = ((BEM, SAME), (BEM, THREE), (THREE, WITH_CSF), (BEM, AS_IS))
_MAPS = (BEM, SAME, THREE, WITH_CSF, AS_IS)


def colour_range_V_per_m(found: CrossCheck) -> tuple[float, float]:
    """Zero to the largest 99.9th percentile of |E| of any of the fields, V/m: one range for all."""
    area = cortex_of(found.head).area_m2[found.rows]
    sizes = [np.linalg.norm(E, axis=1) for E in found.fields_V_per_m.values()]
    return 0.0, max(weighted_percentiles(size, area, 99.9)[0] for size in sizes) or 1e-12


def best_view(found: CrossCheck) -> str:
    """The view in which the most current of the electrodes is in front."""
    middle = found.head.nodes_m.mean(axis=0)
    arms = np.array([patch.center_m - middle for patch in found.placement.electrodes])
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    weights = np.abs([patch.electrode.current_A for patch in found.placement.electrodes])

    def seen(name: str) -> float:
        direction = np.array(VIEWS[name]) / np.linalg.norm(VIEWS[name])
        return float(weights @ np.minimum(arms @ direction, 0.5))

    return max(_SIDES, key=seen)


def scene_cross_check(found: CrossCheck, name: str, *, size: tuple[int, int] = (640, 640)) -> pyvista.Plotter:
    """The cortex with |E| of one of the fields as point data `E_V_per_m`; grey where nothing was compared."""
    import pyvista

    cortex = cortex_of(found.head)
    values = np.full(len(cortex.nodes), np.nan)
    values[found.rows] = np.linalg.norm(found.fields_V_per_m[name], axis=1)
    mesh = pyvista.PolyData.from_regular_faces(cortex.points_m, cortex.triangles)
    mesh.point_data["E_V_per_m"] = values
    plotter = new_scene(size)
    plotter.add_mesh(
        smooth_normals(mesh), scalars="E_V_per_m", cmap=FIELD_CMAP, clim=colour_range_V_per_m(found),
        nan_color="#bbbbbb", show_scalar_bar=False, smooth_shading=True, ambient=0.4, diffuse=0.75, specular=0.05,
        name="cortex",
    )  # fmt: skip
    return plotter


def plot_cross_check(found: CrossCheck) -> Figure:
    """Figure of the fields on the cortex at one scale, and below it each pair point against point."""
    maps = [name for name in _MAPS if name in found.fields_V_per_m]
    pairs = [pair for pair in _PAIRS if all(name in found.fields_V_per_m for name in pair)]
    figure = new_figure(1.75 * len(maps), 4.6)
    view = best_view(found)
    cortex = cortex_of(found.head)
    half_height = half_height_m(cortex.points_m, [view], 1.3)
    for column, name in enumerate(maps):
        axes = figure.add_axes((column / len(maps), 0.575, 1 / len(maps), 0.335))
        plotter = scene_cross_check(found, name)
        try:
            shot = shoot(plotter, VIEWS[view], points_m=cortex.points_m, half_height=half_height)
        finally:
            plotter.close()
        show_shot(axes, shot, title=name)
        _mark_electrodes(axes, found, shot)
    _add_bar(figure, found)
    width = 1 / len(pairs)
    for column, (one, other) in enumerate(pairs):
        axes = figure.add_axes((column * width + 0.3 * width, 0.095, 0.64 * width, 0.31))
        _plot_pair(axes, found, one, other)
    figure.text(0.5, 0.985, plain(f"{found.protocol_id} on {found.head.name}: two methods, and what CSF changes"),
                fontsize=9, color=INK, ha="center", va="top", weight="bold")  # fmt: skip
    return figure


def _mark_electrodes(axes: Axes, found: CrossCheck, shot: Shot) -> None:
    middle = found.head.nodes_m.mean(axis=0)
    for patch in found.placement.electrodes:
        if (patch.center_m - middle) @ shot.towards_camera < -0.01:
            continue
        x, y = shot.pixel(patch.center_m)
        height, width = shot.image.shape[:2]
        x, y = np.clip([x, y], 0.02 * height, 0.98 * np.array([width, height]))
        axes.plot(x, y, "o", ms=4, mfc=sign_colour(patch.electrode.current_A), mec="white", mew=0.6)


def _add_bar(figure: Figure, found: CrossCheck) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(
        ScalarMappable(Normalize(*colour_range_V_per_m(found)), FIELD_CMAP),
        cax=figure.add_axes((0.3, 0.545, 0.4, 0.018)), orientation="horizontal", extend="max",
    )  # fmt: skip
    bar.ax.tick_params(labelsize=7, length=2, colors=INK)
    depth = 1e3 * found.record["least_depth_m"]
    bar.set_label(f"|E| on the cortex, or {depth:g} mm below the skull where that is deeper, V/m", fontsize=7.5,
                  color=INK)  # fmt: skip


def _plot_pair(axes: Axes, found: CrossCheck, one: str, other: str) -> None:
    """|E| of one field over that of another, with the line of no difference."""
    a, b = (np.linalg.norm(found.fields_V_per_m[name], axis=1) for name in (one, other))
    top = 1.05 * float(max(a.max(), b.max()))
    axes.hexbin(b, a, gridsize=45, extent=(0, top, 0, top), mincnt=1, bins="log", cmap="Blues", lw=0.1)
    axes.plot([0, top], [0, top], color=FAINT, lw=0.7)
    axes.set(xlim=(0, top), ylim=(0, top))
    axes.set_xlabel(f"{other}, V/m", fontsize=6.5, color=INK, labelpad=2)
    axes.set_ylabel(f"{one}, V/m", fontsize=6.5, color=INK, labelpad=2)
    axes.tick_params(labelsize=6.5, length=2, color=FAINT, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
    row = found.between(one, other)
    axes.text(0.98, 0.04, f"RDM {row.rdm:.2f}\nMAG {row.mag:.2f}\nr {row.correlation:.2f}", fontsize=7, color=INK,
              ha="right", va="bottom", transform=axes.transAxes)  # fmt: skip
