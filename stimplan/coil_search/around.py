"""Poses around a pose: what an error of placement of some millimetres and degrees makes of it."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil_search.candidates import Scalp, SearchSpace
from stimplan.coil_search.clearance import lifts_m
from stimplan.errors import InputError, Problem
from stimplan.fem.surface import nearest_on_surface
from stimplan.head.model import HeadModel
from stimplan.pose import CoilPose, handle_angle_rad
from stimplan.units import exact_text

Array = NDArray[np.float64]


@attrs.frozen
class Uncertainty:
    """How far a coil may be from where it was meant to be.

    Attributes
    ----------
    shift_m : float
        Along the scalp, in eight directions, m.
    turn_rad : float
        Of the handle, to both sides, rad.
    """

    shift_m: float = 0.005
    turn_rad: float = math.radians(10)

    def __attrs_post_init__(self) -> None:
        problems = []
        if not 0 < self.shift_m <= 0.05:
            problems.append(
                Problem("shift", f"must be above 0 and at most 50 mm, got {exact_text(self.shift_m, 'mm')}")
            )
        if not 0 < self.turn_rad <= math.pi:
            problems.append(
                Problem("turn", f"must be above 0 and at most 180°, got {exact_text(self.turn_rad, 'deg')}")
            )
        if problems:
            raise InputError(problems)

    def shifts_m(self) -> Array:
        """(9, 2) none, and the full shift in eight directions of the tangent plane, m."""
        bearings = np.pi / 4 * np.arange(8)
        return self.shift_m * np.vstack([[0.0, 0.0], np.column_stack([np.cos(bearings), np.sin(bearings)])])

    def turns_rad(self) -> tuple[float, float, float]:
        """The full turn to one side, none, and to the other, rad."""
        return -self.turn_rad, 0.0, self.turn_rad


def around_place(
    scalp: Scalp,
    place_m: Array,
    *,
    angle_rad: float,
    space: SearchSpace,
    uncertainty: Uncertainty,
    casing_m: Array | None,
) -> Array:
    """(k, 4, 4) poses at and around a place: nine places, three angles, laid on the scalp as those of a search."""
    _, places, triangles = scalp.lattice_around(place_m, uncertainty.shifts_m())
    angles = tuple(angle_rad + turn for turn in uncertainty.turns_rad())
    laid = [
        scalp.lay(one, triangle, angles, space=space, casing_m=casing_m)[0]
        for one, triangle in zip(places, triangles, strict=True)
    ]
    return np.concatenate(laid)


def around_pose(
    head: HeadModel, pose: CoilPose, *, uncertainty: Uncertainty, casing_m: Array | None, reach_m: float
) -> Array:
    """(k, 4, 4) poses at and around any pose, which keeps its distance and its tilt.

    The pose is taken as it is, first of all; the others go back where the casing would cut the head.
    """
    _, place = nearest_on_surface(pose.center_m, head.nodes_m, head.scalp)
    scalp = Scalp.of(head, place, reach_m + uncertainty.shift_m)
    flat = SearchSpace(distance_m=0.0)
    angle = handle_angle_rad(head, pose)
    own, _ = nearest_on_surface(place, head.nodes_m, scalp.triangles)
    from_flat = np.linalg.inv(scalp.lay(place, own, (angle,), space=flat, casing_m=None)[0][0]) @ pose.matrix_m
    _, places, triangles = scalp.lattice_around(place, uncertainty.shifts_m())
    found = [pose.matrix_m]
    for spot, triangle in zip(places, triangles, strict=True):
        angles = tuple(angle + turn for turn in uncertainty.turns_rad())
        for one in scalp.lay(spot, triangle, angles, space=flat, casing_m=None)[0] @ from_flat:
            moved = np.array(one)
            if casing_m is not None:
                lift = lifts_m(scalp.corners_m, moved, turns_rad=np.zeros(1), casing_m=casing_m)[0]
                moved[:3, 3] -= lift * moved[:3, 2]
            found.append(moved)
    return np.array(found)
