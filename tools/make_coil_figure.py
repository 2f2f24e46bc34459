"""Draw docs/coils.png: the windings of the catalogue's coils, and their field in the sphere coils are compared in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.image import AxesImage
from matplotlib.patches import Circle

from stimplan.coil import catalogue_coil, catalogue_entry, list_coils
from stimplan.coil_depth import BRAIN_RADIUS_M, HEAD_RADIUS_M, depth_and_spread, lift_m
from stimplan.fem.radial import radial_segment_potential
from stimplan.view.paper import FAINT, FIELD_CMAP, INK, new_figure, write_png
from stimplan.view.style import SMALL_PT, TEXT_PT

OUT = Path(__file__).resolve().parent.parent / "docs" / "coils.png"
SIDE_M = 0.128
# Wire this near the plane of the field is drawn in it.
SLICE_M = 0.004
WIRE, CASE = "#b3541e", "#c9c4bd"


def main() -> None:
    """Two rows of coils, each with its winding seen from above and its field across the middle below it."""
    figure = new_figure(9.0, 6.9)
    title = (
        "Winding (brown) and case (grey) from above, the arrow along the handle. Below it |E| across the middle of a"
    )
    figure.text(0.008, 0.98, f"{title}\nsphere of 85 mm with a brain of 70 mm; half value white.", **_words(TEXT_PT))
    for number, name in enumerate(list_coils()):
        row, column = divmod(number, 4)
        left, top = 0.008 + column * 0.234, 0.925 - row * 0.467
        entry, found = catalogue_entry(name), depth_and_spread(catalogue_coil(name))
        figure.text(left, top, name, weight="bold", **_words(TEXT_PT))
        told = f"{entry.family}, {entry.certainty}\ndepth {found.half_depth_m * 1e3:.1f} mm, "
        figure.text(left, top - 0.022, f"{told}spread {found.spread_m2 * 1e4:.1f} cm²", **_words(SMALL_PT))
        winding(figure.add_axes((left, top - 0.272, 0.226, 0.205)), name)
        image = field(figure.add_axes((left, top - 0.453, 0.226, 0.175)), name)
    bar = figure.colorbar(image, cax=figure.add_axes((0.948, 0.27, 0.009, 0.46)))
    bar.ax.tick_params(labelsize=SMALL_PT)
    bar.set_label("|E| / its largest value in the brain", fontsize=SMALL_PT)
    bar.ax.axhline(0.5, color="white", lw=1.2)
    write_png(figure, OUT)


def winding(axes: Axes, name: str) -> None:
    """The wire from above, over its case; a bar of 5 cm, and an arrow from the middle along the handle."""
    coil = catalogue_coil(name, elements=120)
    points, element = coil.casing.points_m, coil.elements[0]
    axes.add_collection(PolyCollection(points[coil.casing.triangles][:, :, :2], color=CASE, lw=0.3, zorder=1))
    # Each of the layers carries its share of the current, and its pieces have that share of their length.
    layers = len(coil.provenance["wings"][0].get("layers_m", (0,)))
    half = 0.55 * layers * np.array([-1, 1])
    ends = element.positions_m[:, None, :2] + half[:, None] * element.vectors_m[:, None, :2]
    axes.add_collection(LineCollection(list(ends), colors=WIRE, linewidths=0.5, zorder=2))
    axes.plot([0.12, 0.07], [-0.095, -0.095], color=INK, lw=1)
    axes.text(0.095, -0.093, "5 cm", fontsize=SMALL_PT, ha="center", va="bottom", color=INK)
    axes.annotate("", (0, -0.099), (0, 0), arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 0.9}, zorder=3)
    framed(axes, (-0.1, 0.1))
    axes.invert_xaxis()  # z points into the head, away from who looks from above: x = y × z is on the left


def field(axes: Axes, name: str) -> AxesImage:
    """Size of the field in the plane across the handle, with the half value, and the wire that crosses the plane."""
    coil = catalogue_coil(name, elements=160)
    element, lift = coil.elements[0], HEAD_RADIUS_M + lift_m(coil)
    places, vectors = element.positions_m * [1, 1, -1] + [0, 0, lift], element.vectors_m * [1, 1, -1]
    axis = np.linspace(-BRAIN_RADIUS_M, BRAIN_RADIUS_M, 281)
    x, z = np.meshgrid(axis, axis)
    inside = np.hypot(x, z) <= BRAIN_RADIUS_M
    at = np.column_stack([x[inside], np.zeros(inside.sum()), z[inside]])
    size = np.linalg.norm(radial_segment_potential(at, places, vectors, center_m=np.zeros(3)), axis=1)
    shown = np.full(x.shape, np.nan)
    shown[inside] = size / size.max()
    extent = (-BRAIN_RADIUS_M, BRAIN_RADIUS_M) * 2
    image = axes.imshow(shown, origin="lower", extent=extent, cmap=FIELD_CMAP, vmin=0, vmax=1, interpolation="bilinear")
    axes.contour(x, z, shown, levels=[0.5], colors="white", linewidths=1.1)
    axes.add_patch(Circle((0, 0), HEAD_RADIUS_M, fill=False, color=FAINT, lw=0.8))
    crossing = np.abs(places[:, 1]) < SLICE_M
    axes.scatter(places[crossing, 0], places[crossing, 2], s=2.2, color=WIRE, lw=0, zorder=3)
    framed(axes, (-0.002, 0.158))
    return image


def _words(size: float) -> dict[str, Any]:
    return {"fontsize": size, "color": INK, "va": "top"}


def framed(axes: Axes, up: tuple[float, float]) -> None:
    """Equal scales, no frame, the same width for all."""
    axes.set(xlim=(-SIDE_M, SIDE_M), ylim=up, aspect="equal")
    axes.axis("off")


if __name__ == "__main__":
    main()
