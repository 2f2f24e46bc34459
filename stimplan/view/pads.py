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

    around = smooth_normals(_scalp_around(head, patch).subdivide(refinements, "linear"))
    right = np.cross(patch.up, patch.normal)
    offset = around.points - np.asarray(patch.center_m)
    around["outside_m"] = outline_distance_m(patch.electrode.shape, offset @ right, offset @ np.asarray(patch.up))
    foot = around.clip_scalar(scalars="outside_m", value=0.0).extract_surface(algorithm="dataset_surface")
    foot = foot.triangulate()
    if foot.n_cells == 0:
        raise ValueError(f"no scalp under electrode {patch.electrode.label}")
    thickness = sum(layer.thickness_m for layer in patch.electrode.layers) or 1e-3
    normals = foot.point_data["Normals"]
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


def _scalp_around(head: HeadModel, patch: Patch) -> pyvista.PolyData:
    """The scalp's triangles near an electrode that face the same way as it does."""
    corners = head.nodes_m[head.scalp]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    faces_out = normals @ np.asarray(patch.normal) > 0
    distance = np.linalg.norm(corners - np.asarray(patch.center_m), axis=2).min(axis=1)
    near = distance < 1.3 * patch.electrode.shape.outradius_m + 0.01
    return surface_mesh(head, head.scalp[faces_out & near])[0]


def _rim(triangles: NDArray[np.integer]) -> NDArray[np.integer]:
    """(k, 2) directed edges that belong to one triangle only."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    _, first, counts = np.unique(np.sort(edges, axis=1), axis=0, return_index=True, return_counts=True)
    return edges[first[counts == 1]]
