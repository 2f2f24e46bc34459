"""The field on the cortex, split into the part along its normal and the part along the surface.

The normal component is counted inwards: positive where the field points into the cortex, as under an anode, where it
depolarises the somata of pyramidal cells that lie along the normal (Radman et al. 2009,
doi:10.1016/j.brs.2009.03.007).
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.field import Field
from stimplan.head.cortex import Cortex, cortex_of
from stimplan.percentiles import weighted_percentiles
from stimplan.roi.regions import PatchRoi, Roi, cortical_patch, elements_in, tissue_of

Array = NDArray[np.float64]


@attrs.frozen(eq=False)
class CorticalField:
    """The recovered field at the points of the cortex.

    Attributes
    ----------
    cortex : Cortex
    E_V_per_m : (p, 3) array
        On the side of the grey matter.
    inward_V_per_m : (p,) array
        Component along the inward normal, positive into the cortex.
    tangential_V_per_m : (p,) array
        Size of the part along the surface.
    """

    cortex: Cortex
    E_V_per_m: Array
    inward_V_per_m: Array
    tangential_V_per_m: Array

    @property
    def magnitude_V_per_m(self) -> Array:
        """(p,) |E|, V/m."""
        size: Array = np.linalg.norm(self.E_V_per_m, axis=1)
        return size


@attrs.frozen
class CorticalMetrics:
    """The field on a part of the cortex, by area.

    Attributes
    ----------
    area_m2 : float
    mean_V_per_m : float
        Of |E|.
    mean_inward_normal_V_per_m : float
        Of the component along the inward normal, with its sign: what goes in minus what comes out.
    mean_in_V_per_m, mean_out_V_per_m : float
        Of the normal component's size where it points into the cortex, and where it points out; 0 where none does.
    share_in : float
        Part of the area where it points into the cortex.
    mean_tangential_V_per_m : float
    p99_tangential_V_per_m, p99_in_V_per_m, p99_out_V_per_m : float
        99th percentiles, each over the whole area; in and out count as 0 where the field points the other way.
    n_points : int
    """

    area_m2: float
    mean_V_per_m: float
    mean_inward_normal_V_per_m: float
    mean_in_V_per_m: float
    mean_out_V_per_m: float
    share_in: float
    mean_tangential_V_per_m: float
    p99_tangential_V_per_m: float
    p99_in_V_per_m: float
    p99_out_V_per_m: float
    n_points: int


def field_on_cortex(field: Field) -> CorticalField:
    """E at the points of `cortex_of(head)`, with its normal and tangential parts, recovered in grey matter.

    Raises
    ------
    HeadError
        The head has no grey matter on the surface of its brain.
    """
    cortex = cortex_of(field.head)
    vectors = field.recovered_V_per_m(cortex.tissue)[cortex.nodes]
    outward = np.einsum("pd,pd->p", vectors, cortex.normals)
    along = vectors - outward[:, None] * cortex.normals
    return CorticalField(cortex, vectors, -outward, np.linalg.norm(along, axis=1))


def measure_cortex(field: Field, roi: Roi | None = None) -> CorticalMetrics:
    """Normal and tangential field on the cortex of a region.

    Parameters
    ----------
    field : Field
    roi : region or None
        None is all of the cortex. Of a patch it is exactly the patch; of another region the cortical points that
        belong to its tetrahedra.

    Raises
    ------
    InputError
        Nothing of the region is on the cortex; see `elements_in`.
    """
    surface = field_on_cortex(field)
    weights = _area_in(field, surface.cortex, roi)
    used = weights > 0
    if not used.any():
        raise InputError("nothing of the region is on the surface of the cortex")
    area, inward = weights[used], surface.inward_V_per_m[used]
    tangential, strength = surface.tangential_V_per_m[used], surface.magnitude_V_per_m[used]
    into, out = np.maximum(inward, 0.0), np.maximum(-inward, 0.0)
    return CorticalMetrics(
        area_m2=float(area.sum()),
        mean_V_per_m=_mean(strength, area),
        mean_inward_normal_V_per_m=_mean(inward, area),
        mean_in_V_per_m=_mean(into[inward > 0], area[inward > 0]),
        mean_out_V_per_m=_mean(out[inward < 0], area[inward < 0]),
        share_in=float(area[inward > 0].sum() / area.sum()),
        mean_tangential_V_per_m=_mean(tangential, area),
        p99_tangential_V_per_m=weighted_percentiles(tangential, area, 99)[0],
        p99_in_V_per_m=weighted_percentiles(into, area, 99)[0],
        p99_out_V_per_m=weighted_percentiles(out, area, 99)[0],
        n_points=int(used.sum()),
    )


def _area_in(field: Field, cortex: Cortex, roi: Roi | None) -> Array:
    """(p,) area of each cortical point that belongs to a region, m²."""
    if roi is None:
        return np.asarray(cortex.area_m2)
    if isinstance(roi, PatchRoi):
        return cortical_patch(field.head, roi).weights_m2
    if tissue_of(field.head, roi) != cortex.tissue:
        return np.zeros(len(cortex.nodes))
    is_inside = np.zeros(len(field.head.nodes_m), dtype=bool)
    is_inside[field.head.tets[elements_in(field.head, roi)]] = True
    return np.where(is_inside[cortex.nodes], cortex.area_m2, 0.0)


def _mean(values: Array, weights: Array) -> float:
    total = float(weights.sum())
    return float(values @ weights) / total if total > 0 else 0.0
