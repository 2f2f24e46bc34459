"""Poses around a pose: what an error of placement of some millimetres and degrees makes of it."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError, Problem
from stimplan.head.model import HeadModel
from stimplan.pose import CoilPose
from stimplan.pose_cloud import SHIFT_M, TURN_RAD, Move, moved_poses, placement_design
from stimplan.units import exact_text

Array = NDArray[np.float64]


@attrs.frozen
class Uncertainty:
    """How far a coil may be from where it was meant to be.

    Attributes
    ----------
    shift_m : float
        Along the scalp, m.
    turn_rad : float
        Of the handle, to both sides, rad.
    """

    shift_m: float = SHIFT_M
    turn_rad: float = TURN_RAD

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

    @property
    def moves(self) -> tuple[Move, ...]:
        """The design that a run judges its figures by too."""
        return placement_design(self.shift_m, self.turn_rad)


def around_pose(head: HeadModel, pose: CoilPose, *, uncertainty: Uncertainty, casing_m: Array | None) -> Array:
    """(k, 4, 4) a pose as it is, and those around it, carried over the scalp as `stimplan.pose_cloud` does."""
    moved = moved_poses(head, pose, uncertainty.moves, casing_points_m=casing_m)
    return np.array([one.matrix_m for one in (pose, *moved)])
