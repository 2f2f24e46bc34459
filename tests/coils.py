"""Coils and poses that several tests share."""

from __future__ import annotations

from functools import cache

import numpy as np

from stimplan.coil import Coil, Dipoles
from stimplan.coil.windings import figure_8, wind

RADII = tuple(0.028 + 0.002 * turn for turn in range(9))


@cache
def nine_turns(kind="dipoles", elements=None) -> Coil:
    return wind("9-turn figure-8", figure_8(RADII, center_m=0.045), source="test", kind=kind, elements=elements)


def one_dipole(moment=(0.0, 0.03, 0.01)) -> Coil:
    return Coil("dipole", (Dipoles([[0.0, 0, 0]], [moment]),), source="test")


def above(distance_m, *, radius_m=0.092, toward=(0.3, -0.2, 0.93), handle=(0.5, -1.0, 0.2)):
    """Pose of a coil that far above a sphere: z towards the centre, the handle as nearly as it goes along `handle`."""
    up = np.asarray(toward) / np.linalg.norm(toward)
    z = -up
    y = -(np.asarray(handle) - np.dot(handle, up) * up)
    y /= np.linalg.norm(y)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(y, z), y, z], axis=1)
    pose[:3, 3] = up * (radius_m + distance_m)
    return pose
