"""Where a region meets the surface of the brain, as a line to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stimplan.head.cortex import cortex_of
from stimplan.head.model import HeadModel
from stimplan.head.space import from_mni_m
from stimplan.roi import PatchRoi, Roi, SphereRoi, cortical_patch, elements_in
from stimplan.view.scene import brain_surface, surface_mesh

if TYPE_CHECKING:
    import pyvista

Array = NDArray[np.float64]


def outline_on_brain(head: HeadModel, roi: Roi) -> pyvista.PolyData:
    """Lines in which the rim of a region crosses the surface of the brain; no line where it lies below the surface.

    Spheres and patches are cut where their radius ends; other regions half way between tetrahedra that belong to them
    and those that do not.

    Raises
    ------
    InputError
        The region holds nothing of this head.
    """
    elements_in(head, roi)
    mesh, nodes = surface_mesh(head, brain_surface(head))
    mesh.point_data["inside"] = _insideness(head, roi)[nodes]
    return mesh.contour([0.0], scalars="inside")


def _insideness(head: HeadModel, roi: Roi) -> Array:
    """(n,) a number at the nodes of the head that is positive inside a region, zero on its rim and negative outside."""
    if isinstance(roi, SphereRoi):
        center = np.asarray(roi.center_m, float)
        center = from_mni_m(head, center) if roi.is_mni else center
        return roi.radius_m - np.linalg.norm(head.nodes_m - center, axis=1)
    if isinstance(roi, PatchRoi):
        inside = np.full(len(head.nodes_m), -roi.radius_m)
        beyond = roi.radius_m - cortical_patch(head, roi).distance_m
        inside[cortex_of(head).nodes] = np.maximum(beyond, -roi.radius_m)
        return inside
    mask = elements_in(head, roi)
    belongs, count = np.zeros(len(head.nodes_m)), np.zeros(len(head.nodes_m))
    in_tissue = np.isin(head.tissue, np.unique(head.tissue[mask]))
    for corner in range(4):
        np.add.at(belongs, head.tets[mask, corner], 1.0)
        np.add.at(count, head.tets[in_tissue, corner], 1.0)
    return np.divide(belongs, count, out=np.zeros_like(belongs), where=count > 0) - 0.5
