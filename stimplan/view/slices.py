"""Three orthogonal slices through one point: a map of the field in the brain, outlines of the tissues, electrodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.exchange import maps_on, plane_grid, tetrahedron_at
from stimplan.exposure import Exposure, exposure_of
from stimplan.head.cortex import brain_names
from stimplan.head.space import has_mni, to_mni_m
from stimplan.roi import Roi, elements_in
from stimplan.view.pads import pad_mesh
from stimplan.view.paper import FAINT, INK, bare, new_figure, shown_currents_A, sign_colour
from stimplan.view.style import ROI, SHADES, add_colour_bar, cmap_of, draw_scale_bar
from stimplan.view.surface import colour_range_V_per_m, map_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from stimplan.field import Field
    from stimplan.head.model import HeadModel

_PLANES = (("sagittal", 0, "P", "A"), ("coronal", 1, "L", "R"), ("axial", 2, "L", "R"))


def plot_slices(
    shown: Field | Exposure, *, cross_m: Sequence[float], name: str | None = None, roi: Roi | None = None
) -> Figure:
    """Sagittal, coronal and axial slice through a point.

    Neurological convention: the left of the head is on the left of the picture, as L and R say.

    Parameters
    ----------
    shown : Field or Exposure
    cross_m : 3 floats
        Where the three planes meet, m: in MNI space where the head has one, in head coordinates elsewhere.
    name : str, optional
        Of the map; by default the one by which the stimulation is judged.
    roi : region, optional
        Outlined.
    """
    exposure = exposure_of(shown)
    field, one = exposure.field, exposure.main if name is None else exposure.map_named(name)
    figure = new_figure(7.0, 3.1)
    draw_slices(figure, exposure, cross_m=cross_m, name=one.id, roi=roi, rows=(0.235, 0.68))
    add_colour_bar(
        figure, figure.add_axes((0.3, 0.15, 0.4, 0.03)), limits=colour_range_V_per_m(exposure, one.id),
        label=map_label(field.head, one.title), cmap=cmap_of(one.id),
    )  # fmt: skip
    figure.text(0.99, 0.02, cross_text(field.head, cross_m), fontsize=7, color=FAINT, ha="right")
    return figure


def cross_text(head: HeadModel, cross_m: Sequence[float]) -> str:
    """Where the planes meet, in words."""
    space = "MNI" if has_mni(head) else "head coordinates"
    return f"cross at ({', '.join(_mm(value) for value in cross_m)}) mm, {space}"


def draw_slices(
    figure: Figure, exposure: Exposure, *, cross_m: Sequence[float], name: str, roi: Roi | None, rows: Sequence[float]
) -> None:
    """Draw the three slices side by side; `rows` are bottom and height as fractions of the figure."""
    field, limits, bodies = exposure.field, colour_range_V_per_m(exposure, name), _pads(exposure.field)
    planes = [_sample(exposure, axis, float(cross_m[axis]), name) for _, axis, _, _ in _PLANES]
    half_m = max(plane.half_m for plane in planes)
    inside = None if roi is None else elements_in(field.head, roi)
    for column, ((plane_name, axis, low, high), plane) in enumerate(zip(_PLANES, planes, strict=True)):
        axes = figure.add_axes((column / 3 + 0.01, rows[0], 0.313, rows[1]))
        _draw_slice(axes, field, plane, limits=limits, cmap=cmap_of(name))
        if inside is not None:
            _draw_region(axes, plane, inside)
        middle = plane.middle_m
        axes.set_xlim(middle[0] - half_m, middle[0] + half_m)
        axes.set_ylim(middle[1] - half_m, middle[1] + half_m)
        _draw_electrodes(axes, bodies, axis=axis, position_m=float(cross_m[axis]))
        across, along = (other for other in range(3) if other != axis)
        axes.axvline(cross_m[across], color=INK, lw=0.5, ls=(0, (4, 3)), alpha=0.7)
        axes.axhline(cross_m[along], color=INK, lw=0.5, ls=(0, (4, 3)), alpha=0.7)
        for letter, place in ((low, 0.02), (high, 0.98)):
            axes.text(place, 0.5, letter, transform=axes.transAxes, fontsize=9, weight="bold", color=FAINT, ha="center")
        if column == 0:
            draw_scale_bar(axes)
        axes.set_title(f"{plane_name}, {'xyz'[axis]} = {_mm(cross_m[axis])} mm", fontsize=8, color=INK, pad=3)


def _draw_region(axes: Axes, plane: _Plane, inside: NDArray[np.bool_]) -> None:
    """Outline of a region where the plane meets it."""
    mask = np.where(plane.found >= 0, inside[plane.found], False).astype(float)
    if mask.any():
        for colour, width, gid in ((INK, 2.2, "roi edge"), (ROI, 1.2, "roi")):
            axes.contour(plane.x_m, plane.y_m, mask, [0.5], colors=[colour], linewidths=width).set_gid(gid)


def _mm(value_m: float) -> str:
    return f"{1e3 * value_m + 0.0:.0f}".replace("-", "−")


@attrs.frozen(eq=False)
class _Plane:
    """A sampled slice: tissue labels, tetrahedra (-1 outside), the map, where rows and columns and the head lie."""

    label: NDArray[np.int_]
    found: NDArray[np.int_]
    magnitude_V_per_m: NDArray[np.float32]
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    middle_m: tuple[float, float]
    half_m: float


def _sample(shown: Field | Exposure, axis: int, position_m: float, name: str = "magnitude") -> _Plane:
    """Sample a map on a plane at half a millimetre."""
    exposure = exposure_of(shown)
    field = exposure.field
    grid = plane_grid(field.head, axis=axis, position_m=position_m)
    found = tetrahedron_at(field.head, grid)
    magnitude = maps_on(grid, exposure, found)[name].squeeze(axis).T
    label = np.where(found >= 0, field.head.tissue[found].astype(int), 0).squeeze(axis).T
    found = found.squeeze(axis).T
    x, y = (grid.origin_m[k] + grid.spacing_m[k] * np.arange(grid.shape[k]) for k in range(3) if k != axis)
    columns, rows = x[label.any(axis=0)], y[label.any(axis=1)]
    if not len(columns):
        return _Plane(label, found, magnitude, x, y, (float(x.mean()), float(y.mean())), 0.0)
    middle = (float(columns[0] + columns[-1]) / 2, float(rows[0] + rows[-1]) / 2)
    # 12 mm for the electrodes and letters around the head.
    return _Plane(label, found, magnitude, x, y, middle, float(max(np.ptp(columns), np.ptp(rows))) / 2 + 0.012)


def _draw_slice(axes: Axes, field: Field, plane: _Plane, *, limits: tuple[float, float], cmap: str) -> None:
    """Tissues in grey, the map of the brain in colour, outlines between tissues."""
    head, label = field.head, plane.label
    shades = np.ones(256)
    for tissue in head.tissues:
        shades[tissue.label] = SHADES.get(tissue.name, SHADES[""])
    brain = np.isin(label, [head.tissue_named(name).label for name in brain_names(head)])
    magnitude = np.ma.masked_where(~brain, plane.magnitude_V_per_m)
    half = (plane.x_m[1] - plane.x_m[0]) / 2
    edges = (plane.x_m[0] - half, plane.x_m[-1] + half, plane.y_m[0] - half, plane.y_m[-1] + half)
    place = {"origin": "lower", "extent": edges, "interpolation": "nearest"}
    axes.imshow(shades[label], cmap="gray", vmin=0, vmax=1, **place)
    axes.imshow(magnitude, cmap=cmap, vmin=limits[0], vmax=limits[1], **place)
    for tissue in head.tissues:
        mask = (label == tissue.label).astype(float)
        if 0 < mask.sum() < mask.size:
            axes.contour(plane.x_m, plane.y_m, mask, [0.5], colors=[INK], linewidths=0.3, alpha=0.8)
    bare(axes)
    axes.set_aspect("equal")


def _pads(field: Field) -> list[tuple[str, Any]]:
    """Colour and body of each electrode, in the space of the slices."""
    if field.placement is None:
        return []
    head = field.head
    bodies = []
    patches = field.placement.electrodes
    for patch, current in zip(patches, shown_currents_A([patch.electrode for patch in patches]), strict=True):
        body = pad_mesh(head, patch, refinements=1)
        if has_mni(head):
            body.points = to_mni_m(head, body.points)
        bodies.append((sign_colour(current), body))
    return bodies


def _draw_electrodes(axes: Axes, bodies: list[tuple[str, Any]], *, axis: int, position_m: float) -> None:
    """The cut through each electrode that the plane meets."""
    from matplotlib.collections import PolyCollection

    normal, origin = np.zeros(3), np.zeros(3)
    normal[axis], origin[axis] = 1.0, position_m
    keep = [other for other in range(3) if other != axis]
    for colour, body in bodies:
        cut = body.slice(normal=normal, origin=origin)
        if cut.n_points:
            loops = [points[:, keep] for points in _loops(cut)]
            axes.add_collection(PolyCollection(loops, facecolors=colour, edgecolors=colour, linewidths=0.8, alpha=0.85))


def _loops(cut: Any) -> list[NDArray[np.float64]]:
    """Points of each closed line of a cut, in order."""
    strips = cut.strip(join=True)
    cells, loops, start = strips.lines, [], 0
    while start < len(cells):
        loops.append(strips.points[cells[start + 1 : start + 1 + cells[start]]])
        start += 1 + cells[start]
    return loops
