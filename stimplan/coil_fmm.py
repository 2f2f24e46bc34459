"""A coil placement whose dA/dt is summed by the fast multipole method; see `stimplan.fem.fmm`."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.coil.values import AGrid, Dipoles
from stimplan.coil_field import CoilPlacement
from stimplan.errors import CoilError, Problem
from stimplan.fem.fmm import fmm_potential

Array = NDArray[np.float64]


@attrs.frozen(eq=False)
class FmmPlacement(CoilPlacement):
    """A coil at a pose in the plain gauge, summed by the fast multipole method.

    Attributes
    ----------
    tolerance : float
        Relative precision it is asked for.
    """

    tolerance: float = 1e-6

    def _summed(self, points_m: ArrayLike, center_m: Array | None, is_double: bool) -> Array:
        points, turn = np.asarray(points_m, dtype=np.float64), self.pose_m[:3, :3]
        total = np.zeros(points.shape)
        for element in self.coil.elements:
            rate = self.didt_A_per_s[element.stimulator]
            if rate == 0 or isinstance(element, AGrid):
                continue
            is_dipoles = isinstance(element, Dipoles)
            vectors = element.moments_A_m2_per_A if isinstance(element, Dipoles) else element.vectors_m
            places = element.positions_m @ turn.T + self.pose_m[:3, 3]
            given = {"is_dipoles": is_dipoles, "tolerance": self.tolerance}
            total += fmm_potential(points, places, rate * vectors @ turn.T, **given)  # type: ignore[arg-type]
        return total


def with_fmm(placement: CoilPlacement, *, tolerance: float = 1e-6) -> FmmPlacement:
    """The placement in the plain gauge, dA/dt by the fast multipole method; `solve` takes it like any other.

    Raises
    ------
    CoilError
        A coil given as a grid of its potential, which has no sums.
    """
    if any(isinstance(element, AGrid) for element in placement.coil.elements):
        raise CoilError(Problem("coil", "a coil given as a grid of its potential has no sums to make faster"))
    return FmmPlacement(placement.coil, placement.pose_m, placement.didt_A_per_s, placement.head, tolerance=tolerance)
