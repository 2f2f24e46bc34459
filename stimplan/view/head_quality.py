"""One figure of how good a head model is: volumes, shapes of the elements, and the mesh over its labels."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.head.interfaces import Interfaces, interfaces_of
from stimplan.head.quality import HISTOGRAM_BINS, MOST_VOLUME_DIFFERENCE
from stimplan.head.tissues import in_words
from stimplan.view.paper import FAINT, INK, bare, new_figure
from stimplan.view.style import draw_scale_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.head.labelled import LabelVolume
    from stimplan.head.quality import HeadQuality

_PLANES = (("sagittal", 0, "P", "A"), ("coronal", 1, "L", "R"), ("axial", 2, "L", "R"))
# Colour-blind safe, light enough for outlines to be seen on them (after Tol 2021, personal.sron.nl/~pault).
_COLOURS = {
    "white_matter": "#f2f2f2", "gray_matter": "#bdbdbd", "csf": "#99ddff", "bone": "#eedd88", "scalp": "#ffccbb",
    "eyes": "#bbcc33", "compact_bone": "#eedd88", "spongy_bone": "#ddaa33", "blood": "#ee8866", "muscle": "#ffaabb",
    "cartilage": "#44bb99", "fat": "#ffffcc",
}  # fmt: skip
_OTHER = "#dddddd"
_SPACING_M = 0.5e-3
_MOST_LINES = 25
# The midline itself lies between the hemispheres.
_BESIDE_M = 10e-3


def plot_head_quality(quality: HeadQuality) -> Figure:
    """Draw a quality report.

    Above: volume of each tissue against its labels, histogram of the quality of the tetrahedra, and what was found.
    Below: three slices through the middle of the head, labels in colour with the outlines of the mesh over them;
    without labels the outlines alone.

    Parameters
    ----------
    quality : HeadQuality

    Returns
    -------
    Figure
    """
    figure = new_figure(9.0, 7.4)
    head = quality.head
    title = f"{head.name}: {len(head.nodes_m):,} nodes, {len(head.tets):,} tetrahedra"
    figure.text(0.02, 0.972, title, fontsize=11, weight="bold", color=INK)
    _draw_volumes(figure.add_axes((0.13, 0.60, 0.23, 0.30)), quality)
    _draw_shapes(figure.add_axes((0.42, 0.60, 0.22, 0.30)), quality)
    _write_facts(figure, quality)
    interfaces = interfaces_of(head.nodes_m, head.tets, head.tissue)
    cross_m = _cross(quality)
    for column, (name, axis, low, high) in enumerate(_PLANES):
        axes = figure.add_axes((column / 3 + 0.005, 0.06, 0.323, 0.44))
        _draw_slice(axes, quality, interfaces, axis=axis, position_m=float(cross_m[axis]))
        if column == 0:
            draw_scale_bar(axes)
        for letter, place in ((low, 0.02), (high, 0.98)):
            axes.text(place, 0.5, letter, transform=axes.transAxes, fontsize=9, weight="bold", color=FAINT, ha="center")
        axes.set_title(
            f"{name}, {'xyz'[axis]} = {1e3 * cross_m[axis]:.0f} mm".replace("-", "−"), fontsize=8, color=INK, pad=3
        )
    _draw_legend(figure, quality)
    return figure


def _cross(quality: HeadQuality) -> NDArray[np.float64]:
    """Where the slices meet: the middle of the grey matter, to the right of the midline, or of the whole head."""
    head = quality.head
    gray = head.in_tissue("gray_matter") if head.has_tissue("gray_matter") else np.ones(len(head.tets), dtype=bool)
    points_m = head.nodes_m[np.unique(head.tets[gray])]
    cross_m: NDArray[np.float64] = (points_m.min(axis=0) + points_m.max(axis=0)) / 2
    return cross_m + np.array([_BESIDE_M, 0.0, 0.0])


def _draw_volumes(axes: Axes, quality: HeadQuality) -> None:
    """Bars of the difference to the labels, or of the volumes where there are none."""
    tissues = quality.tissues[::-1]
    rows = np.arange(len(tissues))
    has_labels = quality.volume is not None
    values = [100 * (t.difference or 0.0) if has_labels else 1e6 * t.volume_m3 for t in tissues]
    axes.barh(rows, values, color=[_COLOURS.get(t.name, _OTHER) for t in tissues], edgecolor=INK, linewidth=0.6)
    if has_labels:
        limit = 100 * MOST_VOLUME_DIFFERENCE
        for at in (-limit, limit):
            axes.axvline(at, color=FAINT, lw=0.7, ls=(0, (4, 3)))
        axes.axvline(0, color=INK, lw=0.7)
        widest = 1.75 * max(limit, *(abs(value) for value in values))
        axes.set_xlim(-widest, widest)
        for row, value in zip(rows, values, strict=True):
            side = 1 if value >= 0 else -1
            text = f"{value:+.1f}".replace("-", "−")
            axes.text(
                value + 0.02 * widest * side, row, text, va="center", ha="left" if side > 0 else "right", fontsize=7,
                bbox={"fc": "white", "ec": "none", "pad": 0.5},
            )  # fmt: skip
        axes.set_title("volume of the mesh against its labels, %", fontsize=8, color=INK)
    else:
        axes.set_title("volume of the mesh, ml", fontsize=8, color=INK)
    axes.set_yticks(rows, [in_words(t.name) for t in tissues], fontsize=7)
    _plain(axes)


def _draw_shapes(axes: Axes, quality: HeadQuality) -> None:
    """Histogram of the quality of the tetrahedra, the count on a logarithmic scale so that the few bad ones show."""
    shapes = quality.shapes
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    axes.bar(
        edges[:-1], shapes.counts, width=1 / HISTOGRAM_BINS, align="edge", color="#77aadd", edgecolor="white", lw=0.5
    )
    axes.set_yscale("log")
    axes.set_ylim(0.7, 2 * max(shapes.counts))
    axes.set_xlim(0, 1)
    for value, name in (
        (shapes.worst, "worst"),
        (shapes.first_percentile, "1st\npercentile"),
        (shapes.median, "median"),
    ):
        axes.axvline(value, color=INK, lw=0.7, ls=(0, (4, 3)))
        axes.text(value, 2.3 * max(shapes.counts), f"{name}\n{value:.2f}", fontsize=6.5, ha="center", va="bottom")
    axes.set_xlabel("shape of the tetrahedra (1 is regular, 0 is flat)", fontsize=7, color=INK)
    axes.set_ylabel("number of tetrahedra", fontsize=7, color=INK)
    _plain(axes)


def _write_facts(figure: Figure, quality: HeadQuality) -> None:
    """Surfaces, layers, electric check and findings as text."""
    lines = []
    if quality.surfaces:
        lines += [
            ("distance of surfaces to the labels, mm", True),
            ("                     mean    95th percentile", False),
        ]
        lines += [
            (f"{in_words(s.surface):18} {1e3 * s.mean_m:6.2f}  {1e3 * s.p95_m:6.2f}", False) for s in quality.surfaces
        ]
    lines += [("layers around the brain", True)]
    for layer in quality.layers:
        state = "has holes" if layer.is_perforated else "closed" if not layer.mesh_m2 else "open as its labels"
        state = f"open over {1e4 * layer.mesh_m2:.3g} cm²" if layer.labels_m2 is None and layer.mesh_m2 else state
        lines.append((f"{layer.name.split(',')[0]:18} {state}", False))
    electric = quality.electric
    lines += [
        ("1 mA, " + electric.where, True),
        (f"carried by the field  {100 * (1 + electric.balance):.2f} %", False),
        (f"resistance of the head {electric.resistance_ohm:.0f} Ω", False),
        (f"residual of the solver {electric.residual:.1e}", False),
    ]
    count = len(quality.findings)
    lines.append((f"{count} finding{'s' if count != 1 else ''}" if count else "all limits held", True))
    found = [(line, False) for text in quality.findings for line in textwrap.wrap(text, 48, subsequent_indent="  ")]
    room = _MOST_LINES - len(lines)
    lines += found if len(found) <= room else [*found[: room - 1], ("…", False)]
    for row, (line, is_bold) in enumerate(lines):
        y = 0.925 - 0.0165 * row
        figure.text(0.675, y, line, fontsize=6.5, family="monospace", weight="bold" if is_bold else "normal", color=INK)


def _draw_slice(axes: Axes, quality: HeadQuality, interfaces: Interfaces, *, axis: int, position_m: float) -> None:
    """Labels in colour, outlines of the mesh as lines."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import ListedColormap

    keep = [other for other in range(3) if other != axis]
    low_m, high_m = interfaces.nodes_m.min(axis=0) - 3e-3, interfaces.nodes_m.max(axis=0) + 3e-3
    if quality.volume is not None:
        image, colours = _labels_on(quality.volume, low_m, high_m, axis=axis, position_m=position_m)
        extent = (low_m[keep[0]], high_m[keep[0]], low_m[keep[1]], high_m[keep[1]])
        axes.imshow(image, cmap=ListedColormap(colours), vmin=0, vmax=len(colours) - 1, origin="lower", extent=extent,
                    interpolation="nearest")  # fmt: skip
    lines = plane_cut(interfaces, axis=axis, position_m=position_m)[:, :, keep]
    axes.add_collection(LineCollection(list(lines), colors=INK, linewidths=0.35))
    middle, half = (low_m + high_m)[keep] / 2, float(np.max((high_m - low_m)[keep])) / 2
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect("equal")
    bare(axes)


def _labels_on(
    volume: LabelVolume, low_m: NDArray[np.float64], high_m: NDArray[np.float64], *, axis: int, position_m: float
) -> tuple[NDArray[np.int64], list[str]]:
    """Number of the colour at every point of a plane, rows upwards, and the colours; the first is white."""
    names = sorted(set(volume.tissues.values()) - {"air"})
    table = np.zeros(max([0, *volume.tissues]) + 1, dtype=np.int64)
    for label, name in volume.tissues.items():
        table[label] = names.index(name) + 1 if name in names else 0
    keep = [other for other in range(3) if other != axis]
    x, y = (np.arange(low_m[k], high_m[k], _SPACING_M) + _SPACING_M / 2 for k in keep)
    points_m = np.empty((len(y), len(x), 3))
    points_m[..., keep[0]], points_m[..., keep[1]], points_m[..., axis] = x[None, :], y[:, None], position_m
    voxel_from_head = np.linalg.inv(volume.head_from_voxel)
    index = np.rint(points_m @ voxel_from_head[:3, :3].T + voxel_from_head[:3, 3]).astype(np.int64)
    is_in = ((index >= 0) & (index < volume.labels.shape)).all(axis=-1)
    image = np.zeros(is_in.shape, dtype=np.int64)
    image[is_in] = table[np.asarray(volume.labels)[tuple(index[is_in].T)]]
    return image, ["white", *(_COLOURS.get(name, _OTHER) for name in names)]


def plane_cut(interfaces: Interfaces, *, axis: int, position_m: float) -> NDArray[np.float64]:
    """(k, 2, 3) straight lines in which a plane across an axis cuts the triangles between tissues, m."""
    height_m = interfaces.nodes_m[:, axis][interfaces.triangles] - position_m
    # A node in the plane counts as above it: then every triangle is cut along one line or not at all.
    is_above = height_m >= 0
    count = is_above.sum(axis=1)
    cut = np.flatnonzero((count == 1) | (count == 2))
    alone = np.where(count[cut] == 1, is_above[cut].argmax(axis=1), (~is_above[cut]).argmax(axis=1))
    rows = np.arange(len(cut))
    ends = []
    for step in (1, 2):
        other = (alone + step) % 3
        near, far = height_m[cut][rows, alone], height_m[cut][rows, other]
        share = (near / (near - far))[:, None]
        here, there = (interfaces.nodes_m[interfaces.triangles[cut][rows, corner]] for corner in (alone, other))
        ends.append(here + share * (there - here))
    return np.stack(ends, axis=1)


def _draw_legend(figure: Figure, quality: HeadQuality) -> None:
    """Which colour is which tissue; nothing without labels."""
    if quality.volume is None:
        return
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=_COLOURS.get(t.name, _OTHER), edgecolor=INK, linewidth=0.5, label=in_words(t.name))
        for t in quality.tissues
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), fontsize=7, frameon=False)


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=7, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
