"""Nodal recovery of the electric field, tissue by tissue.

The gradient of linear elements is exact to first order only; its average over the elements around a node, weighted
with their volumes, is better by an order (superconvergence; Zienkiewicz & Zhu 1987, doi:10.1002/nme.1620240206).
The normal field jumps where the conductivity does, so the average never crosses an interface: a node on one has a
value for each tissue it belongs to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stimplan.compiled import jit

Array = NDArray[np.float64]


def nodal_field(E_V_per_m: Array, tets: NDArray[np.int32], *, volumes_m3: Array, n_nodes: int) -> Array:
    """Volume-weighted mean of the element fields around each node.

    Parameters
    ----------
    E_V_per_m : (m, 3) array
        Of the tetrahedra of one tissue.
    tets : (m, 4) int array
    volumes_m3 : (m,) array
    n_nodes : int
        Of the whole mesh.

    Returns
    -------
    (n_nodes, 3) array
        V/m; NaN at nodes without a tetrahedron of this tissue.
    """
    total, weight = _averages(
        np.ascontiguousarray(E_V_per_m), np.ascontiguousarray(volumes_m3), np.ascontiguousarray(tets), n_nodes
    )
    with np.errstate(invalid="ignore"):
        return total / weight[:, None]


def relative_difference(a: Array, b: Array, volumes_m3: Array) -> float:
    """||a - b|| / ||a|| of two element fields, in the L2 norm over the volume."""
    return float(np.sqrt((volumes_m3 @ ((a - b) ** 2).sum(axis=1)) / (volumes_m3 @ (a**2).sum(axis=1))))


@jit
def _averages(field, volumes, tets, n_nodes):  # type: ignore[no-untyped-def]
    total = np.zeros((n_nodes, 3))
    weight = np.zeros(n_nodes)
    for t in range(tets.shape[0]):
        for corner in range(4):
            node = tets[t, corner]
            weight[node] += volumes[t]
            for k in range(3):
                total[node, k] += volumes[t] * field[t, k]
    return total, weight
