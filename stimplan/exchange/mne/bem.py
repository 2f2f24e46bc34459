"""MNE's three-layer boundary elements, and by reciprocity the field that electrodes make in the brain.

A dipole p at r gives electrodes the potentials V_i. Sent through the same electrodes, the currents I_i (which sum to
zero) make a field with E(r) . p = - sum_i I_i V_i (Rush & Driscoll 1969, doi:10.1109/TBME.1969.4502598): one forward
solution of EEG holds the field of stimulation. An electrode with uniform current density is the mean of V over its
disc, exactly, so that quadrature over it suffices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError
from stimplan.exchange.mne.surfaces import BRAIN, SCALP, SKULL, ThreeLayers
from stimplan.exchange.mne.triangles import inside_distance_m

if TYPE_CHECKING:
    from stimplan.placement import Patch, Placement

Array = NDArray[np.float64]

# Quadrature points of one electrode: more than this many triangles of the scalp are thinned to it.
_MOST_POINTS = 96


@attrs.frozen(eq=False)
class BoundaryElements:
    """A solved boundary element model.

    Attributes
    ----------
    layers : ThreeLayers
    solution : mne.bem.ConductorModel
        What `mne.make_forward_solution` takes as `bem`; its "MRI" coordinates are the head's.
    """

    layers: ThreeLayers
    solution: Any


def boundary_elements(layers: ThreeLayers) -> BoundaryElements:
    """Solve a three-layer model with MNE: linear collocation, isolated skull approach."""
    import mne

    ids = {"scalp": _fiff().FIFFV_BEM_SURF_ID_HEAD, "outer skull": _fiff().FIFFV_BEM_SURF_ID_SKULL,
           "inner skull": _fiff().FIFFV_BEM_SURF_ID_BRAIN}  # fmt: skip
    inside = {"scalp": SCALP, "outer skull": SKULL, "inner skull": BRAIN}
    surfaces = [
        {
            "id": int(ids[surface.name]),
            "sigma": float(layers.sigma_S_per_m[inside[surface.name]]),
            "coord_frame": _fiff().FIFFV_COORD_MRI,
            "rr": np.array(surface.points_m),
            "tris": np.array(surface.triangles, dtype=np.int32),
            "np": len(surface.points_m),
            "ntri": len(surface.triangles),
        }
        for surface in layers.surfaces
    ]
    return BoundaryElements(layers, mne.make_bem_solution(surfaces, solver="mne", verbose="ERROR"))


def reciprocal_field(
    elements: BoundaryElements, placement: Placement, points_m: ArrayLike, *, currents_A: ArrayLike
) -> Array:
    """Field of currents through the electrodes of a placement, (p, 3), V/m.

    Parameters
    ----------
    elements : BoundaryElements
    placement : Placement
        Electrodes as they lie on the head; each has a uniform current density.
    points_m : (p, 3) array
        In the brain's compartment.
    currents_A : (l,) array
        Into each electrode; they sum to zero.

    Raises
    ------
    InputError
        Currents that do not fit the electrodes or do not sum to zero, or points that are not in the compartment.
    """
    points = np.atleast_2d(np.asarray(points_m, dtype=np.float64))
    currents = np.asarray(currents_A, dtype=np.float64)
    if currents.shape != (len(placement.electrodes),) or not np.isfinite(currents).all():
        raise InputError(f"expected {len(placement.electrodes)} finite currents, got {currents_A!r}")
    if not abs(currents.sum()) <= 1e-9 * np.abs(currents).sum():
        raise InputError(f"the currents must sum to zero, got {currents} A")
    inner = elements.layers.inner_skull
    outside = int(np.sum(~(inside_distance_m(points, inner.points_m, inner.triangles) > 0)))
    if outside:
        raise InputError(f"{outside} of {len(points)} points are not inside the inner skull")
    samples = [_samples(patch, placement) for patch in placement.electrodes]
    gain = _potentials(elements, np.concatenate([where for where, _ in samples]), points)
    weights = np.concatenate([current * share for current, (_, share) in zip(currents, samples, strict=True)])
    return np.asarray(-np.einsum("e,epd->pd", weights, gain))


def _samples(patch: Patch, placement: Placement) -> tuple[Array, Array]:
    """Quadrature points over an electrode, (q, 3), m, and their shares of its area, which sum to 1."""
    head = placement.head
    corners = head.nodes_m[head.scalp[patch.triangles]]
    # The centre of gravity of the covered part of each triangle: linear functions are integrated exactly.
    points = np.einsum("kc,kcd->kd", patch.weights_m2, corners) / patch.area_m2[:, None]
    share = patch.area_m2 / patch.area_m2.sum()
    if len(points) > _MOST_POINTS:
        points, share = _thinned(points, share)
    return points, share


def _thinned(points: Array, share: Array) -> tuple[Array, Array]:
    """Neighbouring points gathered into their common centre until few enough are left."""
    side = float(np.ptp(points, axis=0).max()) / np.sqrt(_MOST_POINTS)
    while True:
        cubes = np.floor(points / side).astype(np.int64)
        cell: NDArray[np.intp] = np.unique(cubes, axis=0, return_inverse=True)[1].ravel()
        count = int(cell.max()) + 1
        if count <= _MOST_POINTS:
            break
        side *= 1.2
    total = np.bincount(cell, weights=share, minlength=count)
    sums = [np.bincount(cell, weights=share * points[:, axis], minlength=count) for axis in range(3)]
    return np.column_stack(sums) / total[:, None], np.asarray(total, dtype=np.float64)


def _potentials(elements: BoundaryElements, electrodes_m: Array, points_m: Array) -> Array:
    """(e, p, 3) potential at points of the scalp of unit dipoles along the axes, V per A m."""
    import mne

    names = [f"E{number}" for number in range(len(electrodes_m))]
    info = mne.create_info(names, 1000.0, "eeg", verbose="ERROR")
    montage = mne.channels.make_dig_montage(dict(zip(names, electrodes_m, strict=True)), coord_frame="head")
    info.set_montage(montage, verbose="ERROR")
    # The three axes of the head are asked for, whatever the normals: any unit vectors do.
    normals = np.tile([0.0, 0.0, 1.0], (len(points_m), 1))
    sources = mne.setup_volume_source_space(pos={"rr": points_m, "nn": normals}, verbose="ERROR")
    same = mne.transforms.Transform("head", "mri", np.eye(4))
    forward = mne.make_forward_solution(
        info, same, sources, elements.solution, meg=False, eeg=True, mindist=0.0, verbose="ERROR"
    )
    if forward["nsource"] != len(points_m):
        raise InputError(f"{len(points_m) - forward['nsource']} of {len(points_m)} points are too near the inner skull")
    return np.asarray(forward["sol"]["data"]).reshape(len(names), len(points_m), 3)


def _fiff() -> Any:
    from mne.io.constants import FIFF

    return FIFF
