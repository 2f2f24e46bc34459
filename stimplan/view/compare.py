"""Several fields side by side on one colour scale, and the difference of two of them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.exposure import Exposure, exposure_of
from stimplan.field import is_same_mesh
from stimplan.head.model import HeadModel
from stimplan.preview import Preview
from stimplan.roi import default_tissue, measure_map
from stimplan.view.montage import add_electrodes
from stimplan.view.panels import plain
from stimplan.view.paper import FIELD_CMAP, new_figure
from stimplan.view.preview import add_balls, preview_cortex
from stimplan.view.scene import (
    VIEWS,
    brain_surface,
    camera_axes,
    half_height_m,
    new_scene,
    shoot,
    show_shot,
    smooth_normals,
    surface_mesh,
)
from stimplan.view.style import ColourRange, add_colour_bar, cmap_of, draw_scale_bar, signed_cmap
from stimplan.view.surface import colour_range_V_per_m

if TYPE_CHECKING:
    import pyvista
    from matplotlib.figure import Figure

    from stimplan.field import Field

Array = NDArray[np.float64]
Shown = Any  # Field, Exposure or Preview

_VIEWS = ("top", "left")
_PAD = 0.55
_MOST_COLUMNS = 6


def common_range(shown: Mapping[str, Shown]) -> ColourRange:
    """Zero to the largest 99.9th percentile of all: one scale, so that more colour is more field in every picture.

    Raises
    ------
    InputError
        Nothing to compare, or maps that mean different things.
    """
    if not shown:
        raise InputError("a comparison needs at least one field")
    titles = {_title(one) for one in shown.values()}
    if len(titles) > 1:
        raise InputError(f"one colour scale cannot hold different quantities: {', '.join(sorted(titles))}")
    high = max(_highest(one) for one in shown.values())
    return ColourRange(0.0, high, titles.pop(), "V/m", "to the highest 99.9th percentile of all of them")


def _title(one: Shown) -> str:
    return "|E|" if isinstance(one, Preview) else exposure_of(one).main.title


def _cmap(one: Shown) -> str:
    return FIELD_CMAP if isinstance(one, Preview) else cmap_of(exposure_of(one).main.id)


def _highest(one: Shown) -> float:
    return one.percentile_V_per_m(99.9) if isinstance(one, Preview) else colour_range_V_per_m(one)[1]


def scene_compared(one: Shown, limits: tuple[float, float], *, size: tuple[int, int] = (700, 700)) -> pyvista.Plotter:
    """Actors `cortex` with `E_V_per_m` on the limits given, and `electrode: LABEL` each, to be looked through."""
    plotter = new_scene(size)
    cmap = _cmap(one)
    if isinstance(one, Preview):
        mesh = preview_cortex(one)
    else:
        exposure = exposure_of(one)
        head = exposure.field.head
        mesh, nodes = surface_mesh(head, brain_surface(head))
        mesh.point_data["E_V_per_m"] = exposure.at_nodes(default_tissue(head))[nodes]
    _add_cortex(plotter, mesh, limits, cmap)
    if isinstance(one, Preview):
        add_balls(plotter, one)
    elif exposure.field.placement is not None:
        add_electrodes(plotter, exposure.field.placement, opacity=_PAD)
    return plotter


def _add_cortex(plotter: pyvista.Plotter, mesh: pyvista.PolyData, limits: tuple[float, float], cmap: Any) -> None:
    plotter.add_mesh(smooth_normals(mesh), scalars="E_V_per_m", cmap=cmap, clim=limits, nan_color="#bbbbbb",
                     show_scalar_bar=False, smooth_shading=True, ambient=0.4, diffuse=0.75, specular=0.05,
                     name="cortex")  # fmt: skip


def plot_comparison(shown: Mapping[str, Shown], *, views: Sequence[str] = _VIEWS) -> Figure:
    """Figure of several montages, a column each, all on one colour scale.

    Parameters
    ----------
    shown : mapping of str to Field, Exposure or Preview
        By the name that stands above each; up to six.
    views : sequence of str
        Rows, names from `VIEWS`.

    Raises
    ------
    InputError
        None or more than six of them, or maps that mean different things.
    """
    if len(shown) > _MOST_COLUMNS:
        raise InputError(f"{len(shown)} montages do not fit beside each other; at most {_MOST_COLUMNS}")
    span = common_range(shown)
    columns, rows = len(shown), len(views)
    height_in = 1.9 * rows + 1.15
    figure = new_figure(max(1.9 * columns, 4.2), height_in)
    edges = np.linspace(1 - 0.45 / height_in, 0.7 / height_in, rows + 1)
    half_height = max(_half_height_m(one, views) for one in shown.values())
    for column, (title, one) in enumerate(shown.items()):
        plotter = scene_compared(one, span.limits)
        try:
            for row, view in enumerate(views):
                axes = figure.add_axes((column / columns, edges[row + 1], 1 / columns, edges[row] - edges[row + 1]))
                shot = shoot(plotter, VIEWS[view], points_m=_brain(one), half_height=half_height)
                show_shot(axes, shot, title=_heading(title) if row == 0 else "", letters_at=0.14)
                if column == row == 0:
                    draw_scale_bar(axes, shot, at=(0.03, 0.02))
        finally:
            plotter.close()
    add_colour_bar(figure, figure.add_axes((0.2, 0.52 / height_in, 0.6, 0.016)), limits=span.limits,
                   label=span.label, cmap=_cmap(next(iter(shown.values()))))  # fmt: skip
    return figure


def _heading(title: str) -> str:
    return "\n".join(textwrap.wrap(plain(title), 26)[:2])


def _brain(one: Shown) -> Array:
    """What is in the middle of the picture."""
    if isinstance(one, Preview):
        return one.table.points_m
    head = exposure_of(one).field.head
    return head.nodes_m[np.unique(brain_surface(head))]


def _around(one: Shown) -> Array:
    """What has to fit into it as well: the electrodes."""
    if isinstance(one, Preview):
        return one.table.sites_m[[one.table.names.index(name) for name in one.currents_A]]
    field = exposure_of(one).field
    if field.placement is None:
        return np.zeros((0, 3))
    triangles = [field.head.scalp[patch.triangles] for patch in field.placement.electrodes]
    return field.head.nodes_m[np.unique(np.concatenate(triangles))]


def _half_height_m(one: Shown, views: Sequence[str]) -> float:
    """Half the height of a picture that has the brain in its middle and holds the electrodes too, m."""
    half = half_height_m(_brain(one), views, 1.28)
    for view in views:
        flat = camera_axes(VIEWS[view])[:2].T
        brain, pads = _brain(one) @ flat, _around(one) @ flat
        if len(pads):
            half = max(half, 1.08 * float(np.abs(pads - (brain.min(axis=0) + brain.max(axis=0)) / 2).max()))
    return half


@attrs.frozen(eq=False)
class Difference:
    """Two maps on one mesh and what the second has more than the first.

    Attributes
    ----------
    head : HeadModel
    nodal_V_per_m : tuple of three (n,) arrays
        The first map, the second, and second minus first, at the nodes; NaN outside the tissue.
    span : ColourRange
        Of both maps: zero to the higher 99.9th percentile.
    signed : ColourRange
        Of the difference, both ways to the 99.9th percentile of its size in the tissue.
    """

    head: HeadModel
    nodal_V_per_m: tuple[Array, Array, Array]
    span: ColourRange
    signed: ColourRange


def difference(first: Field | Exposure, second: Field | Exposure, *, names: tuple[str, str] = ("A", "B")) -> Difference:
    """What one map has more than another on the same mesh.

    Raises
    ------
    InputError
        Other meshes, or maps that mean different things.
    """
    a, b = exposure_of(first), exposure_of(second)
    head = a.field.head
    if not is_same_mesh(head, b.field.head):
        raise InputError("a difference needs both fields on one mesh; simulate them on the same head with the same "
                         "--edge-mm")  # fmt: skip
    span = common_range(dict(zip(("1", "2"), (a, b), strict=True)))
    tissue = default_tissue(head)
    one, other = a.at_nodes(tissue), b.at_nodes(tissue)
    size = np.abs(b.main.values_V_per_m - a.main.values_V_per_m)
    reach = measure_map(head, size).p999_V_per_m or 1e-12
    signed = ColourRange(-reach, reach, f"{names[1]} − {names[0]}", "V/m",
                         "both ways to the 99.9th percentile of its size")  # fmt: skip
    return Difference(head, (one, other, other - one), span, signed)


def plot_difference(
    first: Field | Exposure,
    second: Field | Exposure,
    *,
    names: tuple[str, str] = ("A", "B"),
    views: Sequence[str] = _VIEWS,
) -> Figure:
    """Figure of two fields on a common scale and of their difference on a signed one.

    Parameters
    ----------
    first, second : Field or Exposure
        On the same mesh.
    names : (str, str)
    views : sequence of str
        Rows, names from `VIEWS`.

    Raises
    ------
    InputError
        See `difference`.
    """
    short = (textwrap.shorten(names[0], 24, placeholder="…"), textwrap.shorten(names[1], 24, placeholder="…"))
    found = difference(first, second, names=short)
    head, rows = found.head, len(views)
    height_in = 1.9 * rows + 1.25
    figure = new_figure(6.3, height_in)
    edges = np.linspace(1 - 0.3 / height_in, 0.87 / height_in, rows + 1)
    points = head.nodes_m[np.unique(brain_surface(head))]
    half_height = half_height_m(points, views, 1.22)
    titles = (*short, f"{short[1]} − {short[0]}")
    for column, (title, nodal) in enumerate(zip(titles, found.nodal_V_per_m, strict=True)):
        is_signed = column == 2
        plotter = new_scene((800, 800))
        mesh, nodes = surface_mesh(head, brain_surface(head))
        mesh.point_data["E_V_per_m"] = nodal[nodes]
        _add_cortex(plotter, mesh, (found.signed if is_signed else found.span).limits,
                    signed_cmap() if is_signed else _cmap(first))  # fmt: skip
        try:
            for row, view in enumerate(views):
                axes = figure.add_axes((column / 3, edges[row + 1], 1 / 3, edges[row] - edges[row + 1]))
                shot = shoot(plotter, VIEWS[view], points_m=points, half_height=half_height)
                show_shot(axes, shot, title=plain(title) if row == 0 else "")
                if column == row == 0:
                    draw_scale_bar(axes, shot, at=(0.03, 0.02))
        finally:
            plotter.close()
    _difference_bars(figure, found, 0.77 / height_in, _cmap(first))
    return figure


def _difference_bars(figure: Figure, found: Difference, bottom: float, cmap: str) -> None:
    bars = ((0.08, 0.48, found.span, cmap, "max"), (0.69, 0.28, found.signed, signed_cmap(), "both"))
    for left, width, span, colours, extend in bars:
        add_colour_bar(
            figure, figure.add_axes((left, bottom, width, 0.016)), limits=span.limits, cmap=colours, extend=extend,
            label="\n".join(textwrap.wrap(span.label, 58 if width > 0.4 else 34)),
        )  # fmt: skip


__all__ = ["Difference", "common_range", "difference", "plot_comparison", "plot_difference",
           "scene_compared"]  # fmt: skip
