"""A coil on a head as a run reports it: its winding, its handle, and the sense of its current."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stimplan.coil_field import CoilPlacement
from stimplan.pose import CoilPose
from stimplan.view.pose import plot_pose

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_coil(placement: CoilPlacement, *, title: str = "") -> Figure:
    """Draw a placed coil from three sides."""
    return plot_pose(placement.head, CoilPose(placement.pose_m), title=title)
