"""The body of an electrode on the scalp, drawn with its true outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.head.model import HeadModel
from stimplan.montage import Circle, Rectangle, Ring, Shape
from stimplan.view.scene import smooth_normals, surface_mesh

if TYPE_CHECKING:
    import pyvista

    from stimplan.placement import Patch


def pad_mesh(head: HeadModel, patch: Patch, *, refinements: int = 2) -> pyvista.PolyData:
    """Closed body of an electrode: its outline on the scalp, raised by its thickness.

    The scalp's triangles are refined and cut at the outline, so that the drawing does not show the mesh.

    Raises
    ------
    ValueError
        No scalp lies under the electrode.
    """
    import pyvista

    under = surface_mesh(head, head.scalp[patch.triangles])[0]
    around = smooth_normals(under.subdivide(refinements, "linear"))
    right_m, up_m = _in_plane(around.points, patch)
    around["outside_m"] = outline_distance_m(patch.electrode.shape, right_m, up_m)
    foot = around.clip_scalar(scalars="outside_m", value=0.0).extract_surface(algorithm="dataset_surface")
    foot = foot.triangulate()
    if foot.n_cells == 0:
        raise ValueError(f"no scalp under electrode {patch.electrode.label}")
    thickness = sum(layer.thickness_m for layer in patch.electrode.layers) or 1e-3
    normals = _even_normals(foot, patch)
    sole, top = foot.points + 2e-4 * normals, foot.points + thickness * normals
    triangles = foot.regular_faces
    rim = _rim(triangles)
    n = len(sole)
    walls = np.concatenate([np.c_[rim, rim[:, 1] + n], np.c_[rim[:, 0], rim[:, 1] + n, rim[:, 0] + n]])
    faces = np.concatenate([triangles[:, ::-1], triangles + n, walls])
    return pyvista.PolyData.from_regular_faces(np.concatenate([sole, top]), faces)


def outline_distance_m(shape: Shape, right_m: NDArray[np.float64], up_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far points of the electrode's plane lie outside its outline (negative inside), m."""
    radius = np.hypot(right_m, up_m)
    match shape:
        case Circle():
            return radius - shape.diameter_m / 2
        case Ring():
            return np.maximum(radius - shape.outer_diameter_m / 2, shape.inner_diameter_m / 2 - radius)
        case Rectangle():
            return np.maximum(np.abs(right_m) - shape.width_m / 2, np.abs(up_m) - shape.height_m / 2)
    raise TypeError(f"no outline for {type(shape).__name__}")


def _in_plane(points_m: NDArray[np.float64], patch: Patch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates along right and up in the electrode's plane, m: direction of the projection, straight distance.

    The same equal-area map by which the electrode was placed.
    """
    away = points_m - patch.center_m
    right, up = away @ np.cross(patch.up, patch.normal), away @ patch.up
    stretch = np.linalg.norm(away, axis=1) / np.maximum(np.hypot(right, up), 1e-12)
    return right * stretch, up * stretch


def _even_normals(foot: pyvista.PolyData, patch: Patch) -> NDArray[np.float64]:
    """The scalp's normals under an electrode, evened out to a plane through them: a sponge does not show each fold."""
    plane = np.column_stack([np.ones(foot.n_points), *_in_plane(foot.points, patch)])
    normals = plane @ np.linalg.lstsq(plane, foot.point_data["Normals"], rcond=None)[0]
    return normals / np.linalg.norm(normals, axis=1)[:, None]


def _rim(triangles: NDArray[np.integer]) -> NDArray[np.integer]:
    """(k, 2) directed edges that belong to one triangle only."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    _, first, counts = np.unique(np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True)
    return edges[first[counts == 1]]
