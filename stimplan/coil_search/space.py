"""Where a search looks: places, angles, tilts, and how far a coil may go back."""

from __future__ import annotations

import math

import attrs
import numpy as np

from stimplan.errors import InputError, Problem
from stimplan.pose import Tilt
from stimplan.units import exact_text, text

MOST_POSES = 200_000


@attrs.frozen
class SearchSpace:
    """Where a search looks.

    Attributes
    ----------
    radius_m, spacing_m : float
        Of the lattice of places, around the point of the scalp nearest to the target.
    angles_rad : tuple of float
        Of the handle from the midline, as `Handle.from_midline_rad` has them.
    distance_m : float
        From the scalp to the coil, m: hair, cap, and the wall of the case where the coil's face is that of its wire.
    tilt : Tilt or None
        The one tilt of all poses.
    most_lift_m : float
        How far a coil may go back so that its casing does not cut the head; farther, and the pose is left out.
    tilts : tuple of Tilt
        Instead of `tilt`: each is tried at every place and angle, and the coil goes back until no side of it is nearer
        to the head than the flat coil at that angle comes. Of poses that are equally good the earlier tilt is taken,
        so put the flat one first.
    """

    radius_m: float = 0.025
    spacing_m: float = 0.004
    angles_rad: tuple[float, ...] = tuple(math.radians(10 * step) for step in range(-18, 18))
    distance_m: float = 0.004
    tilt: Tilt | None = None
    most_lift_m: float = 0.005
    tilts: tuple[Tilt, ...] = ()

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(name, f"must be {text(low, 'm')} to {text(high, 'm')}, got {exact_text(value, 'mm')}")
            for name, value, low, high in (
                ("radius", self.radius_m, 0.001, 0.12),
                ("spacing", self.spacing_m, 0.0005, 0.05),
                ("distance", self.distance_m, 0.0, 0.05),
                ("lift", self.most_lift_m, 0.0, 0.05),
            )
            if not low <= value <= high
        ]
        if not self.angles_rad or not np.isfinite(self.angles_rad).all():
            problems.append(Problem("angles", "give at least one angle, all of them finite"))
        problems += self._tilt_problems()
        if not problems and self.count > MOST_POSES:
            what = (
                f"{self.count:,} poses; at most {MOST_POSES:,} at once. Take a wider spacing or fewer angles or tilts"
            )
            problems.append(Problem("spacing", what))
        if problems:
            raise InputError(problems)

    @property
    def count(self) -> int:
        """About how many poses there are."""
        places = int(math.pi * (self.radius_m / self.spacing_m) ** 2 + 1)
        return places * len(self.angles_rad) * len(self.all_tilts)

    @property
    def all_tilts(self) -> tuple[Tilt | None, ...]:
        """The tilts that are tried; None lies flat."""
        return self.tilts or (self.tilt,)

    def with_tilt(self, number: int) -> SearchSpace:
        """The same with the one tilt of that number alone, laid as among all of them."""
        return attrs.evolve(self, tilts=self.tilts[number : number + 1])

    def _tilt_problems(self) -> list[Problem]:
        angles = [angle for one in self.all_tilts if one is not None for angle in (one.about_x_rad, one.about_y_rad)]
        if self.tilts and self.tilt is not None:
            return [Problem("tilts", "give one tilt or several, not both")]
        if not all(abs(angle) < math.pi / 2 for angle in angles):
            return [Problem("tilts", "a tilt is above -90° and below 90°")]
        if len(set(self.tilts)) < len(self.tilts):
            return [Problem("tilts", "a tilt is given twice")]
        return []
