"""Which way the field points and the current runs: arrows on the cortex, lines of current through the head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.exposure import Exposure, exposure_of
from stimplan.head.cortex import cortex_of
from stimplan.head.model import HeadModel
from stimplan.view.montage import add_electrodes, best_views, draw_views
from stimplan.view.overview import add_glass
from stimplan.view.paper import FIELD_CMAP, new_figure
from stimplan.view.scene import (
    VIEWS,
    brain_surface,
    half_height_m,
    new_scene,
    shoot,
    show_shot,
    smooth_normals,
    surface_mesh,
)
from stimplan.view.style import BRAIN, add_colour_bar, draw_scale_bar
from stimplan.view.surface import colour_range_V_per_m, map_label

if TYPE_CHECKING:
    import pyvista
    from matplotlib.figure import Figure

    from stimplan.field import Field
    from stimplan.placement import Placement

Array = NDArray[np.float64]

# Dense enough for a gyrus; only the few longest reach their neighbour.
_APART_M = 0.010
_LONGEST_M = 0.017
_PADS = 0.5
_LINES = 160
_LINE_M = 0.5e-3
# Below this share of its largest value the current of a line is of no interest; it also ends a line in dead water.
_LEAST_SHARE = 1e-5


def arrows_on_cortex(shown: Field | Exposure) -> tuple[Array, Array]:
    """Points of the cortex about 10 mm apart, and the field at them.

    Returns
    -------
    points_m, E_V_per_m : (k, 3) arrays
        The field recovered at the nodes; of an alternating current its in-phase part.

    Raises
    ------
    InputError
        Temporal interference: its two fields have two directions, and their sum none that lasts.
    """
    exposure = exposure_of(shown)
    if exposure.main.id == "envelope":
        raise InputError("temporal interference has a field for each carrier; draw arrows of one of `fields`")
    cortex = cortex_of(exposure.field.head)
    # One point of each cube of a grid, the nearest to its middle: even enough, and the same every time.
    cube = np.floor(cortex.points_m / _APART_M).astype(np.int64)
    away = np.linalg.norm(cortex.points_m / _APART_M - cube - 0.5, axis=1)
    order = np.lexsort((away, cube[:, 2], cube[:, 1], cube[:, 0]))
    _, first = np.unique(cube[order], axis=0, return_index=True)
    chosen = order[first]
    return cortex.points_m[chosen], exposure.field.recovered_V_per_m(cortex.tissue)[cortex.nodes[chosen]]


def scene_arrows(shown: Field | Exposure, *, size: tuple[int, int] = (1100, 1100)) -> pyvista.Plotter:
    """The brain in grey and an arrow for each point of `arrows_on_cortex`: actors `brain` and `arrows`.

    An arrow is as long as its field, the longest 17 mm at the end of the colours, and stands on the surface with its
    lower end, so that no arrow is buried. Cell data `E_V_per_m` of `arrows` is |E|.
    """
    import pyvista

    exposure = exposure_of(shown)
    head = exposure.field.head
    points, vectors = arrows_on_cortex(exposure)
    low, high = _arrow_limits(exposure)
    plotter = new_scene(size)
    brain = smooth_normals(surface_mesh(head, brain_surface(head))[0])
    plotter.add_mesh(brain, color=BRAIN, smooth_shading=True, ambient=0.35, diffuse=0.7, specular=0.05, name="brain")
    size_V_per_m = np.linalg.norm(vectors, axis=1)
    along = vectors * (np.minimum(size_V_per_m / high, 1.0) / np.maximum(size_V_per_m, 1e-30))[:, None] * _LONGEST_M
    cortex = cortex_of(head)
    normals = cortex.normals[_rows(cortex.points_m, points)]
    rise = np.einsum("kd,kd->k", along, normals)
    tails = points + normals * (1e-3 + np.maximum(-rise, 0.0))[:, None]
    cloud = pyvista.PolyData(tails)
    cloud.point_data["E_V_per_m"] = size_V_per_m
    cloud.point_data["along_m"] = along
    shape = pyvista.Arrow(tip_length=0.42, tip_radius=0.17, shaft_radius=0.065, tip_resolution=16, shaft_resolution=12)
    arrows = cloud.glyph(orient="along_m", scale="along_m", factor=1.0, geom=shape, progress_bar=False)
    plotter.add_mesh(arrows, scalars="E_V_per_m", cmap=FIELD_CMAP, clim=(low, high), show_scalar_bar=False,
                     ambient=0.45, diffuse=0.65, name="arrows")  # fmt: skip
    return plotter


def _rows(points_m: Array, some_m: Array) -> NDArray[np.int64]:
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(points_m).query(some_m)[1])


def _arrow_limits(exposure: Exposure) -> tuple[float, float]:
    return colour_range_V_per_m(exposure.field)


def plot_arrows(shown: Field | Exposure, *, views: Sequence[str] | None = None) -> Figure:
    """Figure of the field's direction on the cortex, an arrow every 10 mm, from two sides.

    Raises
    ------
    InputError
        See `arrows_on_cortex`.
    """
    exposure = exposure_of(shown)
    head, placement = exposure.field.head, exposure.field.placement
    chosen = tuple(views) if views else best_views(placement) if placement else ("left", "top")
    points = head.nodes_m[np.unique(brain_surface(head))]
    half_height = half_height_m(points, chosen, 1.2)
    figure = new_figure(3.5 * len(chosen), 4.0)
    plotter = scene_arrows(exposure)
    try:
        for column, view in enumerate(chosen):
            axes = figure.add_axes((column / len(chosen), 0.15, 1 / len(chosen), 0.79))
            shot = shoot(plotter, VIEWS[view], points_m=points, half_height=half_height)
            show_shot(axes, shot, title=f"from the {view}", letters_at=0.08)
            if column == 0:
                draw_scale_bar(axes, shot, at=(0.4, 0.02))
    finally:
        plotter.close()
    what = "|E| of the arrows" if exposure.main.id == "magnitude" else "|E| of the in-phase part"
    add_colour_bar(figure, figure.add_axes((0.3, 0.115, 0.4, 0.022)), limits=_arrow_limits(exposure),
                   label=map_label(head, what))  # fmt: skip
    return figure


def current_lines(field: Field, *, count: int = _LINES) -> pyvista.PolyData:
    """Lines along the current density that start evenly spread below the electrodes that feed current into the head.

    Each line stands for about the same current. Point data `J_A_per_m2` is the size of the current density along it.

    Parameters
    ----------
    field : Field
        With its placement.
    count : int
        Of lines, about.

    Raises
    ------
    InputError
        A field without electrodes.
    """
    import pyvista

    if field.placement is None:
        raise InputError("a field without electrodes has no place its current comes from")
    head = field.head
    grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: head.tets}, np.array(head.nodes_m))
    density = np.array(field.J_A_per_m2)
    grid.cell_data["J"] = density
    grid = grid.cell_data_to_point_data()
    largest = float(np.percentile(np.linalg.norm(density, axis=1), 99.9))
    lines = grid.streamlines_from_source(
        pyvista.PolyData(_starts(head, field.placement, field.provenance["currents_A"], count)),
        vectors="J", integration_direction="forward", initial_step_length=0.4, step_unit="cl", max_step_length=0.6,
        terminal_speed=_LEAST_SHARE * largest, max_length=1.0, max_steps=4000, compute_vorticity=False,
    )  # fmt: skip
    lines.point_data["J_A_per_m2"] = np.linalg.norm(lines.point_data["J"], axis=1)
    return lines


def _starts(head: HeadModel, placement: Placement, currents_A: Sequence[float], count: int) -> Array:
    """Points a little below the anodes, each standing for an equal share of the current that enters."""
    total = sum(current for current in currents_A if current > 0)
    starts = []
    for patch, current in zip(placement.electrodes, currents_A, strict=True):
        if current <= 0:
            continue
        wanted = max(round(count * current / total), 1)
        covered = np.cumsum(patch.area_m2)
        picked = np.searchsorted(covered, (np.arange(wanted) + 0.5) / wanted * covered[-1])
        corners = head.nodes_m[head.scalp[patch.triangles[np.minimum(picked, len(covered) - 1)]]]
        # Different weights for lines that start in one triangle; the golden ratio spreads them.
        turn = np.modf(np.outer(np.arange(wanted) + 1, (0.6180339887, 0.7548776662)))[0]
        fold = turn.sum(axis=1) > 1
        turn[fold] = 1 - turn[fold]
        weights = np.column_stack([turn, 1 - turn.sum(axis=1)])
        starts.append(np.einsum("kc,kcd->kd", weights, corners) - 1.2e-3 * patch.normal)
    return np.concatenate(starts)


def scene_streamlines(field: Field, *, size: tuple[int, int] = (1100, 1100)) -> pyvista.Plotter:
    """Actors `current` (tubes with `J_A_per_m2`), `brain`, `scalp` as glass and `electrode: LABEL` each."""
    head, lines = field.head, current_lines(field)
    plotter = new_scene(size)
    brain = smooth_normals(surface_mesh(head, brain_surface(head))[0])
    plotter.add_mesh(brain, color=BRAIN, opacity=0.35, culling="back", smooth_shading=True, ambient=0.35, diffuse=0.7,
                     specular=0.05, name="brain")  # fmt: skip
    plotter.add_mesh(lines.tube(radius=_LINE_M, n_sides=8), scalars="J_A_per_m2", cmap=FIELD_CMAP, log_scale=True,
                     clim=density_range_A_per_m2(lines), show_scalar_bar=False, ambient=0.5, diffuse=0.6,
                     name="current")  # fmt: skip
    add_glass(plotter, head, opacity=0.1)
    assert field.placement is not None
    add_electrodes(plotter, field.placement, opacity=_PADS)
    return plotter


def density_range_A_per_m2(lines: Any) -> tuple[float, float]:
    """5th and 95th percentile of the current density along the lines, A/m²: the ends of the logarithmic colours."""
    low, high = np.percentile(lines.point_data["J_A_per_m2"], (5, 95))
    return float(low), float(max(high, low * 1.001))


def plot_streamlines(field: Field, *, views: Sequence[str] | None = None) -> Figure:
    """Figure of the lines of current through the head, coloured by current density on a logarithmic scale.

    Raises
    ------
    InputError
        A field without electrodes.
    """
    from matplotlib.colors import LogNorm

    lines = current_lines(field)
    placement = field.placement
    assert placement is not None
    chosen = tuple(views) if views else best_views(placement)
    figure = new_figure(3.5 * len(chosen), 4.2)
    plotter = scene_streamlines(field)
    try:
        draw_views(figure, plotter, placement, views=chosen, between=(0.155, 0.945))
    finally:
        plotter.close()
    limits = LogNorm(*density_range_A_per_m2(lines))
    add_colour_bar(
        figure, figure.add_axes((0.25, 0.115, 0.5, 0.022)), limits=limits, extend="both",
        label="current density, A/m² (5th to 95th percentile along the lines, logarithmic)",
    )  # fmt: skip
    return figure
