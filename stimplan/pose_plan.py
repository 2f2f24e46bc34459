"""Protocol x HeadModel -> CoilPose: where the coil of each block of pulses is on a head."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from numpy.typing import ArrayLike

from stimplan.errors import CoilError, Problem
from stimplan.pose import CoilPose, MniTarget, handle_angle_rad, pose_on_scalp
from stimplan.pose_contact import TOUCH_M, intersection, rest_on_scalp
from stimplan.protocol.magnetic import CoilPlacement, Handle
from stimplan.protocol.reading import as_protocol
from stimplan.units import text

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel
    from stimplan.protocol import Protocol

# A handle that a matrix and an angle put this far apart is not the same handle.
MOST_HANDLE_DIFFERENCE_RAD = math.radians(20)


def poses_of(
    protocol: Protocol | str | Path | Mapping[str, Any],
    head: HeadModel,
    *,
    handle: Handle | None = None,
    casing_points_m: ArrayLike | None = None,
) -> tuple[CoilPose, ...]:
    """Pose of the coil in each block of a protocol.

    Parameters
    ----------
    protocol : Protocol, str, Path or mapping
        Anything `read_protocol` takes.
    head : HeadModel
    handle : Handle or None
        For blocks that do not say where the handle points; the pose then says that it was chosen.
    casing_points_m : (k, 3) array or None
        Casing in the coil's frame, m: the coil is moved back until it does not cut the head. Not where the protocol
        gives a matrix, which is taken as it is; how far the casing is inside the head then is a notice.

    Returns
    -------
    tuple of CoilPose
        In the order of the blocks.

    Raises
    ------
    CoilError
        A protocol without a coil, and every place, handle or matrix that cannot be, each with its block.
    """
    plan = as_protocol(protocol) if isinstance(protocol, str | Path | Mapping) else protocol
    magnetic = getattr(plan, "magnetic", None)
    if magnetic is None:
        raise CoilError(f"protocol {getattr(plan, 'id', protocol)!r} has no coil")
    problems: list[Problem] = []
    poses = []
    for number, block in enumerate(magnetic.blocks):
        where = f"$.stimulation.blocks[{number}].placement"
        try:
            poses.append(_pose(block.placement, head, handle, casing_points_m))
        except CoilError as error:
            problems.extend(Problem(f"{where}.{p.where}" if p.where else where, p.what) for p in error.problems)
    if problems:
        raise CoilError(problems)
    return tuple(poses)


def _pose(
    place: CoilPlacement, head: HeadModel, otherwise: Handle | None, casing_points_m: ArrayLike | None
) -> CoilPose:
    if place.pose_m is not None:
        return _with_cut(head, _given(place, head), casing_points_m)
    handle = place.handle or otherwise
    if handle is None:
        raise CoilError(Problem("handle", "the protocol does not say where the handle points; give a handle"))
    where = MniTarget(place.mni_m) if place.mni_m is not None else place.site
    if where is None:
        raise CoilError(Problem("site", "missing; expected a site, a target or a matrix"))
    pose = pose_on_scalp(head, where, handle=handle, distance_m=place.distance_m or 0.0)
    if place.handle is None:
        told = f"the protocol does not say where the handle points; taken: {_in_words(handle)}"
        pose = attrs.evolve(pose, notices=(*pose.notices, told))
    return pose if casing_points_m is None else rest_on_scalp(head, pose, casing_points_m)


def _given(place: CoilPlacement, head: HeadModel) -> CoilPose:
    """Pose by a matrix: y points away from the handle, and a handle that is given too must agree."""
    assert place.pose_m is not None
    try:
        pose = CoilPose(place.pose_m)
    except CoilError as error:
        raise CoilError([Problem("pose_mm", problem.what) for problem in error.problems]) from None
    if place.handle is not None and place.handle.from_midline_rad is not None:
        given, found = place.handle.from_midline_rad, handle_angle_rad(head, pose)
        apart = abs(math.remainder(given - found, 2 * math.pi))
        if not apart <= MOST_HANDLE_DIFFERENCE_RAD:
            flipped = " Does its y axis run along the handle? Here it points away from it" if apart > 2.8 else ""
            raise CoilError(
                Problem(
                    "handle",
                    f"by the matrix the handle is at {text(found, 'rad')} from the midline, by the handle at "
                    f"{text(given, 'rad')}; leave one out.{flipped}",
                )
            )
    if place.distance_m is None:
        return pose
    told = f"the distance of {text(place.distance_m, 'm')} is not applied: the matrix says where the coil is"
    return attrs.evolve(pose, notices=(*pose.notices, told))


def _with_cut(head: HeadModel, pose: CoilPose, casing_points_m: ArrayLike | None) -> CoilPose:
    """The pose, with a notice where its casing is inside the head."""
    depth_m = 0.0 if casing_points_m is None else intersection(head, pose, casing_points_m).depth_m
    if not depth_m > TOUCH_M:
        return pose
    told = f"the casing is up to {text(depth_m, 'm')} inside the head; the matrix is taken as it is"
    return attrs.evolve(pose, notices=(*pose.notices, told))


def _in_words(handle: Handle) -> str:
    if handle.towards is not None:
        return f"towards {handle.towards}"
    return f"{text(handle.from_midline_rad or 0.0, 'rad')} from the midline (0 backwards, positive to the left)"
