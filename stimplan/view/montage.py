"""The electrodes on the head, from the two sides that show them best."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from stimplan.view.pads import pad_mesh
from stimplan.view.paper import ANODE, CATHODE, INK, electrode_text, new_figure, shown_currents_A, sign_colour
from stimplan.view.scene import (
    VIEWS,
    Shot,
    half_height_m,
    new_scene,
    shoot,
    show_shot,
    smooth_normals,
    surface_mesh,
)
from stimplan.view.style import SKIN, draw_scale_bar

if TYPE_CHECKING:
    import pyvista
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.placement import Placement

# A pad is a few millimetres thick and wide: it can still be seen at this cosine of its normal to the camera.
_EDGE_ON = -0.35
# Characters of a label that is no sentence.
_SHORT = 12
# The 21 sites of the 10-20 system, drawn as small dots for orientation.
_LANDMARKS = (
    *("Fp1", "Fpz", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz"),
    *("C4", "T8", "P7", "P3", "Pz", "P4", "P8", "O1", "Oz", "O2"),
)


def scene_montage(placement: Placement, *, size: tuple[int, int] = (1000, 1000)) -> pyvista.Plotter:
    """The head with its electrodes: actors `scalp`, `landmarks` and one `electrode: LABEL` each."""
    import pyvista

    head = placement.head
    plotter = new_scene(size)
    scalp = smooth_normals(surface_mesh(head, head.scalp)[0])
    plotter.add_mesh(scalp, color=SKIN, smooth_shading=True, ambient=0.25, diffuse=0.8, specular=0.08, name="scalp")
    sites = [head.sites_m[name] for name in _LANDMARKS if name in head.sites_m]
    if sites:
        dots = pyvista.PolyData(np.array(sites)).glyph(geom=pyvista.Sphere(radius=1.2e-3), scale=False, orient=False)
        plotter.add_mesh(dots, color="#6d5a4c", ambient=0.4, name="landmarks")
    add_electrodes(plotter, placement)
    return plotter


def add_electrodes(plotter: pyvista.Plotter, placement: Placement, *, opacity: float = 1.0) -> None:
    """The bodies of the electrodes, coloured by the sign of their current: actors `electrode: LABEL`."""
    for patch, colour in zip(placement.electrodes, _colours(placement), strict=True):
        plotter.add_mesh(
            pad_mesh(placement.head, patch),
            color=colour,
            ambient=0.3,
            diffuse=0.75,
            specular=0.1,
            opacity=opacity,
            name=f"electrode: {patch.electrode.label}",
        )


def best_views(placement: Placement) -> tuple[str, str]:
    """Names of the two views in which, together, the electrodes face the camera most."""
    normals = np.array([patch.normal for patch in placement.electrodes])
    facing = {name: normals @ (np.array(way) / np.linalg.norm(way)) for name, way in VIEWS.items()}

    def seen(pair: tuple[str, str]) -> float:
        first, second = (np.clip(facing[name], 0, 0.8) for name in pair)
        return float(np.maximum(first, second).sum() + 0.25 * (first + second).sum())

    # Two views from nearly the same side would say the same thing twice.
    apart = [pair for pair in combinations(VIEWS, 2) if np.dot(VIEWS[pair[0]], VIEWS[pair[1]]) < 0.45]
    return max(apart, key=seen)


def plot_montage(placement: Placement, *, views: Sequence[str] | None = None) -> Figure:
    """Figure of the montage: electrodes coloured by the sign of their current, each with its site and current.

    Parameters
    ----------
    placement : Placement
    views : sequence of str, optional
        Names from `VIEWS`; by default the two that show the electrodes best.
    """
    chosen = tuple(views) if views else best_views(placement)
    figure = new_figure(3.5 * len(chosen), 3.75)
    plotter = scene_montage(placement)
    try:
        draw_views(figure, plotter, placement, views=chosen, between=(0.07, 0.94))
    finally:
        plotter.close()
    electrodes = [patch.electrode for patch in placement.electrodes]
    has_phases = any(getattr(one, "phase_rad", None) is not None for one in electrodes)
    when = ", when the largest current peaks" if has_phases else ""
    if any(getattr(one, "channel", None) is not None for one in electrodes):
        when = ", at the peak of its carrier"
    key = ((f"current into the head{when}", ANODE), (f"current out of the head{when}", CATHODE))
    for place, (words, colour) in zip((0.27, 0.73) if when else (0.32, 0.68), key, strict=True):
        figure.text(place, 0.025, f"■ {words}", color=colour, fontsize=7.5, ha="center")
    return figure


def draw_views(
    figure: Figure,
    plotter: pyvista.Plotter,
    placement: Placement,
    *,
    views: Sequence[str],
    between: tuple[float, float],
) -> None:
    """A scene of the head from several sides beside each other, with the electrodes named and one scale bar.

    Parameters
    ----------
    figure : Figure
    plotter : pyvista.Plotter
    placement : Placement
    views : sequence of str
        Names from `VIEWS`, from left to right.
    between : (low, high)
        Part of the figure's height.
    """
    points = placement.head.nodes_m[np.unique(placement.head.scalp)]
    half_height = half_height_m(points, views, label_margin(placement))
    low, high = between
    for column, name in enumerate(views):
        axes = figure.add_axes((column / len(views), low, 1 / len(views), high - low))
        shot = shoot(plotter, VIEWS[name], points_m=points, half_height=half_height)
        show_shot(axes, shot, title=f"from the {name}", letters_at=0.08)
        label_electrodes(axes, shot, placement)
        if column == 0:
            draw_scale_bar(axes, shot, at=(0.4, 0.03))


def _colours(placement: Placement) -> list[str]:
    """Colour of each electrode."""
    return [sign_colour(current) for current in shown_currents_A([patch.electrode for patch in placement.electrodes])]


def label_margin(placement: Placement) -> float:
    """How much larger than the head the picture is, so that the labels lie beside it: more where they are sentences."""
    longest = max((len(patch.electrode.label) for patch in placement.electrodes), default=0)
    return 1.3 if longest <= _SHORT else 1.6


def label_electrodes(axes: Axes, shot: Shot, placement: Placement) -> None:
    """Write site and current of each electrode that can be seen, in two columns beside the head.

    The column is the electrode's side of the montage, not of the head: lines do not cross other electrodes then.
    """
    height, width = shot.image.shape[:2]
    seen = [patch for patch in placement.electrodes if np.dot(patch.normal, shot.towards_camera) > _EDGE_ON]
    colours = dict(zip(map(id, placement.electrodes), _colours(placement), strict=True))
    tips = {id(patch): shot.pixel(patch.center_m) for patch in seen}
    across = [tip[0] for tip in tips.values()]
    middle = (min(across) + max(across)) / 2 if len(across) > 1 else width / 2
    words = {id(patch): f"{_folded(patch.electrode.label)}\n{electrode_text(patch.electrode)}" for patch in seen}
    lines = max((text.count("\n") - 1 for text in words.values()), default=0)
    gap = (0.115 + 0.04 * lines) * height
    for is_left in (True, False):
        column = sorted(
            (patch for patch in seen if (tips[id(patch)][0] < middle) == is_left), key=lambda p: tips[id(p)][1]
        )
        rows = spread([tips[id(patch)][1] for patch in column], gap=gap, low=0.06 * height, high=0.94 * height)
        for patch, row in zip(column, rows, strict=True):
            axes.annotate(
                words[id(patch)],
                xy=tuple(tips[id(patch)]),
                # The outer edge of the box stays in the picture, however long the words are.
                xytext=((0.02 if is_left else 0.98) * width, row),
                fontsize=8 if max(map(len, words[id(patch)].split("\n"))) <= _SHORT else 6.5,
                color=INK,
                ha="left" if is_left else "right",
                va="center",
                multialignment="center",
                bbox={"boxstyle": "round,pad=0.25", "fc": "white", "ec": colours[id(patch)], "lw": 0.8},
                arrowprops={"arrowstyle": "-", "lw": 0.8, "color": INK, "shrinkB": 0},
            )


def _folded(label: str) -> str:
    """A long name on several short lines: places found with a tape measure are sentences."""
    return "\n".join(textwrap.wrap(label, _SHORT + 4)) if len(label) > _SHORT else label


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Sorted places as near to the wanted ones as a least gap allows, within the limits where they fit."""
    places: list[float] = []
    for place in wanted:
        places.append(max(place, low, places[-1] + gap if places else low))
    for number in range(len(places) - 1, -1, -1):
        ceiling = high if number == len(places) - 1 else places[number + 1] - gap
        places[number] = min(places[number], ceiling)
    return places
