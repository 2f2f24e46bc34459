"""A small montage on a head, to see that the mesh carries a current."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.fem.assemble import electric_field
from stimplan.fem.flux import face_flux
from stimplan.fem.solve import build_system, solve_system
from stimplan.fem.surface import area_vectors
from stimplan.fem.tensor import current_density
from stimplan.head.model import HeadModel

CURRENT_A = 1e-3
# Of each of the two patches.
RADIUS_M = 15e-3
_SITES = ("C3", "Fp2")


@attrs.frozen
class ElectricCheck:
    """What 1 mA between two patches does.

    Attributes
    ----------
    where : str
        Of the two patches.
    residual : float
        ||b - A x|| / ||b||, computed outside of the solver.
    iterations : int or None
    balance : float
        The current that the field carries through the middle between the patches, relative to the current that goes
        in, less one. It is summed over faces from the field of the elements, so it sees their error.
    resistance_ohm : float
        Between the mean potentials of the patches; of the head alone, without electrodes.
    """

    where: str
    residual: float
    iterations: int | None
    balance: float
    resistance_ohm: float


def electric_check(head: HeadModel) -> ElectricCheck:
    """Send 1 mA from C3 to Fp2, or from the left to the right side where a head has no sites.

    Parameters
    ----------
    head : HeadModel

    Raises
    ------
    SolveError
        The residual is above the tolerance, or not a number.
    """
    where, (source, sink) = _places(head)
    ends = [_patch(head, point) for point in (source, sink)]
    rhs = CURRENT_A * (ends[0] - ends[1])
    system = build_system(head.nodes_m, head.tets, head.conductivity_S_per_m)
    solution = solve_system(system, rhs)
    potential_V = solution.potential_V
    E_V_per_m = electric_field(potential_V, head.nodes_m, head.tets)
    is_near_source = (head.centers_m - (source + sink) / 2) @ (source - sink) > 0
    through_A = face_flux(
        current_density(head.conductivity_S_per_m, E_V_per_m), is_near_source, nodes_m=head.nodes_m, tets=head.tets
    )
    return ElectricCheck(
        where=where,
        residual=float(solution.residual),
        iterations=solution.iterations,
        balance=through_A / CURRENT_A - 1,
        resistance_ohm=float((ends[0] - ends[1]) @ potential_V / CURRENT_A),
    )


def _places(head: HeadModel) -> tuple[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Where current goes in and out."""
    if all(site in head.sites_m for site in _SITES):
        one, other = (np.array(head.sites_m[site]) for site in _SITES)
        return " to ".join(_SITES), (one, other)
    points_m = head.nodes_m[np.unique(head.scalp)]
    return "left to right side", (points_m[points_m[:, 0].argmin()], points_m[points_m[:, 0].argmax()])


def _patch(head: HeadModel, point_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) share of each node in a patch of the scalp; they sum to one."""
    centers_m = head.nodes_m[head.scalp].mean(axis=1)
    distance_m = np.linalg.norm(centers_m - point_m, axis=1)
    triangles = head.scalp[distance_m <= max(RADIUS_M, float(distance_m.min()))]
    areas_m2 = np.linalg.norm(area_vectors(head.nodes_m, triangles), axis=1)
    share = np.bincount(triangles.ravel(), weights=np.repeat(areas_m2, 3), minlength=len(head.nodes_m))
    return share / share.sum()
