"""A plane through the head, seen in space: the field on the cut, the tissues in grey, the head behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.exposure import Exposure, exposure_of
from stimplan.head.cortex import brain_names
from stimplan.head.model import HeadModel
from stimplan.view.montage import add_electrodes, label_electrodes
from stimplan.view.paper import new_figure
from stimplan.view.scene import half_height_m, new_scene, shoot, show_shot, smooth_normals, surface_mesh
from stimplan.view.style import SHADES, SKIN, add_colour_bar, cmap_of, draw_scale_bar
from stimplan.view.surface import colour_range_V_per_m, map_label

if TYPE_CHECKING:
    import pyvista
    from matplotlib.figure import Figure

    from stimplan.field import Field

Array = NDArray[np.float64]

# By name of the plane: the side that is taken away, and from where the cut is looked at.
PLANES = {
    "sagittal": ((-1.0, 0.0, 0.0), (-0.82, 0.5, 0.3)),
    "coronal": ((0.0, 1.0, 0.0), (0.45, 0.82, 0.3)),
    "axial": ((0.0, 0.0, 1.0), (0.3, -0.62, 0.72)),
}


_BEFORE = 0.35


def cut_faces(shown: Field | Exposure, *, plane: str, at_m: float, name: str | None = None) -> pyvista.PolyData:
    """What a plane cuts through: polygons with cell data `tissue`, point data `E_V_per_m`, NaN outside the brain.

    Parameters
    ----------
    shown : Field or Exposure
    plane : {"sagittal", "coronal", "axial"}
    at_m : float
        Position along x, y or z in head coordinates, m.
    name : str, optional
        Of the map; by default the one by which the stimulation is judged.

    Raises
    ------
    InputError
        No such plane, or one that misses the head.
    """
    import pyvista

    exposure = exposure_of(shown)
    head = exposure.field.head
    normal, origin = _plane(plane, at_m)
    height = (head.nodes_m @ normal - origin @ normal)[head.tets]
    met = np.flatnonzero((height.min(axis=1) <= 0) & (height.max(axis=1) >= 0))
    if not len(met):
        low, high = (1e3 * edge(head.nodes_m @ np.abs(normal)) for edge in (np.min, np.max))
        raise InputError(f"a {plane} plane at {1e3 * at_m:g} mm misses the head, which is from {low:.0f} to {high:.0f}")
    brain = brain_names(head)
    parts = []
    for tissue in head.tissues:
        own = met[head.tissue[met] == tissue.label]
        if not len(own):
            continue
        grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: head.tets[own]}, np.array(head.nodes_m))
        grid.cell_data["tissue"] = head.tissue[own]
        is_brain = tissue.name in brain
        grid.point_data["E_V_per_m"] = exposure.at_nodes(tissue.name, name) if is_brain else np.nan * head.nodes_m[:, 0]
        parts.append(grid.slice(normal=normal, origin=origin))
    return pyvista.merge([part for part in parts if part.n_cells], merge_points=False)


def _plane(plane: str, at_m: float) -> tuple[Array, Array]:
    if plane not in PLANES:
        raise InputError(f"a plane is one of {', '.join(PLANES)}, got {plane!r}")
    normal = np.array(PLANES[plane][0])
    return normal, np.abs(normal) * at_m


def scene_cut_plane(
    shown: Field | Exposure,
    *,
    plane: str = "coronal",
    at_m: float,
    name: str | None = None,
    size: tuple[int, int] = (1300, 1300),
) -> pyvista.Plotter:
    """Actors `scalp` (the half behind the plane), `tissues` (grey), `field` (the brain's) and `electrode: LABEL` each.

    Raises
    ------
    InputError
        See `cut_faces`.
    """
    exposure = exposure_of(shown)
    head = exposure.field.head
    faces = cut_faces(exposure, plane=plane, at_m=at_m, name=name)
    normal, origin = _plane(plane, at_m)
    plotter = new_scene(size)
    scalp = smooth_normals(surface_mesh(head, head.scalp)[0])
    plotter.add_mesh(scalp.clip(normal=normal, origin=origin), color=SKIN, smooth_shading=True, ambient=0.3,
                     diffuse=0.75, specular=0.05, name="scalp")  # fmt: skip
    inside = np.isin(faces.cell_data["tissue"], [head.tissue_named(one).label for one in brain_names(head)])
    grey = _tissue_greys(head, faces.cell_data["tissue"])
    rest = faces.extract_cells(~inside)
    rest.cell_data["grey"] = grey[~inside]
    # Flat light on the cut: its colours are to be read off the bar.
    one = exposure.main if name is None else exposure.map_named(name)
    flat = {"lighting": False, "show_scalar_bar": False}
    plotter.add_mesh(rest, scalars="grey", rgb=True, name="tissues", **flat)
    if inside.any():
        plotter.add_mesh(faces.extract_cells(inside), scalars="E_V_per_m", cmap=cmap_of(one.id),
                         clim=colour_range_V_per_m(exposure, name), name="field", **flat)  # fmt: skip
    if exposure.field.placement is not None:
        # Those before the plane are looked through.
        ahead = [patch for patch in exposure.field.placement.electrodes if (patch.center_m - origin) @ normal > 0]
        add_electrodes(plotter, exposure.field.placement)
        for patch in ahead:
            plotter.actors[f"electrode: {patch.electrode.label}"].prop.opacity = _BEFORE
        if ahead:
            plotter.enable_depth_peeling(6)
    return plotter


def _tissue_greys(head: HeadModel, labels: Array) -> NDArray[np.uint8]:
    table = np.zeros((256, 3), dtype=np.uint8)
    for tissue in head.tissues:
        table[tissue.label] = round(255 * SHADES.get(tissue.name, SHADES[""]))
    greys: NDArray[np.uint8] = table[np.asarray(labels, dtype=np.int64)]
    return greys


def plot_cut(
    shown: Field | Exposure, *, plane: str = "coronal", at_m: float | None = None, name: str | None = None
) -> Figure:
    """Figure of the head cut open, the field of the brain on the cut.

    Parameters
    ----------
    shown : Field or Exposure
    plane : {"sagittal", "coronal", "axial"}
    at_m : float, optional
        Position along x, y or z in head coordinates, m; by default through the peak of the map.
    name : str, optional
        Of the map; by default the one by which the stimulation is judged.

    Raises
    ------
    InputError
        See `cut_faces`.
    """
    exposure = exposure_of(shown)
    head = exposure.field.head
    normal, _ = _plane(plane, 0.0)
    one = exposure.main if name is None else exposure.map_named(name)
    position = peak_m(exposure, name) @ np.abs(normal) if at_m is None else at_m
    points = head.nodes_m[np.unique(head.scalp)]
    view: Sequence[float] = PLANES[plane][1]
    figure = new_figure(4.4, 4.6)
    plotter = scene_cut_plane(exposure, plane=plane, at_m=float(position), name=name)
    try:
        axes = figure.add_axes((0.0, 0.15, 1.0, 0.79))
        shot = shoot(plotter, view, points_m=points, half_height=half_height_m(points, [view], 1.22))
        axis = "xyz"[int(np.argmax(np.abs(normal)))]
        where = f"{1e3 * position + 0.0:.0f}".replace("-", "−")
        show_shot(axes, shot, title=f"{plane} cut, {axis} = {where} mm (head coordinates)", letters_at=0.08)
        if exposure.field.placement is not None:
            label_electrodes(axes, shot, exposure.field.placement)
        draw_scale_bar(axes, shot, at=(0.4, 0.03))
    finally:
        plotter.close()
    add_colour_bar(figure, figure.add_axes((0.2, 0.115, 0.6, 0.02)), limits=colour_range_V_per_m(exposure, name),
                   label=map_label(head, one.title), cmap=cmap_of(one.id))  # fmt: skip
    return figure


def peak_m(exposure: Exposure, name: str | None = None) -> Array:
    """(3,) where a map is largest in the tissue it is judged in, m, head coordinates."""
    from stimplan.roi import measure_map

    one = exposure.main if name is None else exposure.map_named(name)
    return np.asarray(measure_map(exposure.field.head, one.values_V_per_m).peak_position_m, float)
