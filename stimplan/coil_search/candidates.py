"""The poses a search looks at: places on the scalp, angles of the handle, and which of them a coil cannot take.

Places are a square lattice laid onto the scalp around the point nearest to the target: a place at x, y of the lattice
is the point of the scalp whose direction from the middle is that of (x, y) in the tangent plane and whose straight
distance is the length of (x, y). At each place the coil lies flat, or at one or several tilts, as `pose_on_scalp` lays
it, and is taken back along its own axis until its casing clears the head. Where several tilts are compared, a tilted
coil goes back until no side of it is nearer to the head than the flat coil comes: else a tilt would seem good by
pressing the hair flat on one side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil import Coil
from stimplan.coil_search.clearance import AHEAD_M, depths_m, front_of, lifts_m
from stimplan.coil_search.space import SearchSpace
from stimplan.errors import InputError, Problem
from stimplan.fem.patch import local_normal
from stimplan.fem.solve import Progress
from stimplan.fem.surface import area_vectors, connected_to, cut_triangles, nearest_on_surface
from stimplan.head.model import HeadModel
from stimplan.pose import NORMAL_RADIUS_M, Tilt, midline_back
from stimplan.pose_contact import TOUCH_M
from stimplan.units import text

Array = NDArray[np.float64]

# The middle of a coil does not come nearer to the front of an ear than this. The auricle is about 63 mm long and the
# preauricular point lies about halfway up it (Farkas 1994, Anthropometry of the head and face, 2nd ed.: recalled).
EAR_M = 0.025
# A coil whose axis points up by more than this would be held from below, where neck and shoulders are.
STEEPEST_UP_RAD = math.radians(20)

EAR = "over an ear: within 25 mm of a preauricular point"
FACE = "below the plane through nasion and ears: face, ear lobe or neck"
CUT = "on the plane where the head was cut off"
BELOW = "held from below: the axis of the coil points up by more than 20°"
CASING = "the casing would have to go back by more than is allowed to clear the head"


@attrs.frozen(eq=False)
class Candidates:
    """The poses of a search.

    Attributes
    ----------
    middle_m : (3,) array
        Point of the scalp nearest to the target, head coordinates, m.
    places_m : (p, 3) array
        On the scalp.
    lattice_m : (p, 2) array
        The same on the lattice.
    poses_m : (n, 4, 4) array
        Those the coil can take, lifted where the casing asks for it.
    place : (n,) int array
    angle_rad : (n,) array
    lift_m : (n,) array
    tilt : (n,) int array
        Number in `SearchSpace.all_tilts`.
    left_out : mapping of str to int
        How many poses were left out, by the reason.
    notices : tuple of str
        What was not asked.
    """

    middle_m: Array
    places_m: Array
    lattice_m: Array
    poses_m: Array
    place: NDArray[np.int64]
    angle_rad: Array
    lift_m: Array
    tilt: NDArray[np.int64]
    left_out: Mapping[str, int]
    notices: tuple[str, ...]


def candidates(
    head: HeadModel, coil: Coil, middle_m: Array, *, space: SearchSpace, progress: Progress | None = None
) -> Candidates:
    """All poses of a search space that the coil can take.

    Parameters
    ----------
    head : HeadModel
    coil : Coil
    middle_m : (3,) array
        Of the target, head coordinates, m.
    space : SearchSpace
    progress : callable, optional

    Raises
    ------
    InputError
        The coil can take none of the poses; the message counts the reasons.
    """
    _, middle = nearest_on_surface(np.asarray(middle_m), head.nodes_m, head.scalp)
    scalp = Scalp.of(head, middle, space.radius_m + reach_m(coil))
    lattice, places, triangles = scalp.lattice(middle, space)
    casing = casing_points(coil)
    left_out: dict[str, int] = {}
    least_m = math.inf
    kept: list[tuple[Array, int, float, float, int]] = []
    turned = [(angle, tilt) for tilt in range(len(space.all_tilts)) for angle in space.angles_rad]
    for number, (spot, triangle) in enumerate(zip(places, triangles, strict=True)):
        if progress is not None:
            progress("lay the coil on the scalp", number / len(places))
        reason = _place_reason(head, scalp, spot, triangle)
        if reason:
            left_out[reason] = left_out.get(reason, 0) + len(turned)
            continue
        poses, lifts = scalp.lay(spot, triangle, space.angles_rad, space=space, casing_m=casing)
        for pose, (angle, tilt), lift in zip(poses, turned, lifts, strict=True):
            reason = _pose_reason(pose, float(lift), space)
            if reason:
                left_out[reason] = left_out.get(reason, 0) + 1
                least_m = min(least_m, lift if reason == CASING else math.inf)
            else:
                kept.append((pose, number, angle, lift, tilt))
    if not kept:
        told = "; ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        told += f", {text(least_m, 'm')} at least, {text(space.most_lift_m, 'm')} allowed" if CASING in left_out else ""
        raise InputError(Problem("target", f"the coil can take none of the poses around it: {told}"))
    matrices, place, angles, rises, tilts = (np.array(one) for one in zip(*kept, strict=True))
    notices = _not_asked(head, coil)
    return Candidates(middle, places, lattice, matrices, place, angles, rises, tilts, left_out, notices)


@attrs.frozen(eq=False, slots=False)
class Scalp:
    """The part of a scalp that a search touches.

    Attributes
    ----------
    head : HeadModel
    triangles : (t, 3) int array
        Of the part near the target.
    number : (t,) int array
        Their numbers in `head.scalp`.
    is_cut : (t,) bool array
        On the plane where the head was cut off.
    corners_m : (t, 3, 3) array
    """

    head: HeadModel
    triangles: NDArray[np.int32]
    number: NDArray[np.int64]
    is_cut: NDArray[np.bool_]
    corners_m: Array

    @classmethod
    def of(cls, head: HeadModel, middle_m: Array, reach_m: float) -> Scalp:
        """The triangles within a distance of a point."""
        corners = head.nodes_m[head.scalp]
        near = np.flatnonzero(np.linalg.norm(corners - middle_m, axis=2).min(axis=1) <= reach_m)
        cut = cut_triangles(head.nodes_m, head.scalp)[near]
        return cls(head, np.asarray(head.scalp[near]), near, cut, np.asarray(corners[near]))

    def normal_at(self, place: Array, triangle: int) -> Array:
        """(3,) outward normal of the scalp around a place, as `pose_on_scalp` takes it."""
        near = np.linalg.norm(self.corners_m[:, 0] - place, axis=1) < NORMAL_RADIUS_M + self._longest_m
        near[triangle] = True
        rows = np.flatnonzero(near)
        own = int(np.searchsorted(rows, triangle))
        return local_normal(place, own, NORMAL_RADIUS_M, nodes_m=self.head.nodes_m, triangles=self.triangles[rows])

    @cached_property
    def _longest_m(self) -> float:
        """Longest edge of its triangles, m."""
        return float(np.linalg.norm(self.corners_m - np.roll(self.corners_m, 1, axis=1), axis=2).max())

    def lattice(self, middle: Array, space: SearchSpace) -> tuple[Array, Array, NDArray[np.int64]]:
        """Lattice points, their places on the scalp and the triangle (of this part) each is on."""
        steps = int(space.radius_m / space.spacing_m + 1e-9)
        grid = np.arange(-steps, steps + 1) * space.spacing_m
        wanted = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
        return self.lattice_around(middle, wanted[np.hypot(*wanted.T) <= space.radius_m * (1 + 1e-9)])

    def lattice_around(self, place: Array, wanted: Array) -> tuple[Array, Array, NDArray[np.int64]]:
        """As `spread`, in the tangent plane of a place: x to the person's right, y to the front."""
        own, _ = nearest_on_surface(place, self.head.nodes_m, self.triangles)
        normal = self.normal_at(place, own)
        back = midline_back(self.head, normal)
        return self.spread(place, own, axes=np.array([-np.cross(back, normal), -back]), wanted=wanted)

    def spread(self, middle: Array, own: int, *, axes: Array, wanted: Array) -> tuple[Array, Array, NDArray[np.int64]]:
        """Find the points of the scalp at plane coordinates `wanted` around a place of it.

        Parameters
        ----------
        middle : (3,) array
        own : int
            Triangle the place is on.
        axes : (2, 3) array
            Unit vectors of the plane.
        wanted : (w, 2) array

        Returns
        -------
        lattice, places, triangle
            Of those points that the part of the scalp facing outwards has.
        """
        normal = np.cross(axes[0], axes[1])
        faces = area_vectors(self.head.nodes_m, self.triangles) @ normal > 0
        faces[own] = True
        facing = np.flatnonzero(faces)
        facing = facing[connected_to(int(np.searchsorted(facing, own)), self.triangles[facing])]
        away = self.corners_m[facing] - middle
        flat = away @ axes.T
        size = np.maximum(np.linalg.norm(flat, axis=2), 1e-300)
        mapped = flat * (np.linalg.norm(away, axis=2) / size)[:, :, None]
        found, triangle, places = [], [], []
        for point in wanted:
            inside, shares = _shares(point, mapped)
            if not len(inside):
                continue
            spots = np.einsum("sc,scd->sd", shares, self.corners_m[facing[inside]])
            outermost = int(np.argmax((spots - middle) @ normal))
            found.append(point)
            triangle.append(facing[inside[outermost]])
            places.append(spots[outermost])
        return np.reshape(found, (-1, 2)), np.reshape(places, (-1, 3)), np.array(triangle, dtype=np.int64)

    def lay(
        self, place: Array, triangle: int, angles_rad: tuple[float, ...], *, space: SearchSpace, casing_m: Array | None
    ) -> tuple[Array, Array]:
        """(n, 4, 4) poses at a place, lifted, and (n,) how far, m; all angles of the first tilt, then of the next."""
        normal = self.normal_at(place, int(triangle))
        back = midline_back(self.head, normal)
        z, y = -normal, -back
        flat = np.eye(4)
        flat[:3, :3] = np.stack([np.cross(y, z), y, z], axis=1)
        flat[:3, 3] = place + space.distance_m * normal
        # Seen along z, which points into the head, an angle towards the person's left turns the other way round.
        sense = float(np.sign(np.cross(back, np.cross(back, normal)) @ z))
        turns = sense * np.asarray(angles_rad)
        laid = [np.array([flat @ _about_z(turn) @ _tilt(tilt) for turn in turns]) for tilt in space.all_tilts]
        poses = np.concatenate(laid)
        if casing_m is None:
            return poses, np.zeros(len(poses))
        if space.all_tilts == (None,):
            lifts = lifts_m(self.corners_m, flat, turns_rad=turns, casing_m=casing_m)
        elif space.tilt is not None:
            lifts = self._each(poses, casing_m)
        else:
            depths = depths_m(self.corners_m, flat, turns_rad=turns, casing_m=casing_m)
            lifts = self._as_near_as_flat(poses, depths, space=space, casing_m=casing_m)
        poses[:, :3, 3] -= lifts[:, None] * poses[:, :3, 2]
        return poses, lifts

    def _as_near_as_flat(self, poses: Array, flat_depths_m: Array, *, space: SearchSpace, casing_m: Array) -> Array:
        """(n,) way back of tilted poses until no side is nearer to the head than the flat coil at that angle comes."""
        count = len(flat_depths_m)
        depths = np.tile(flat_depths_m, len(space.tilts))
        is_tilted = np.repeat([tilt != Tilt() for tilt in space.tilts], count)
        if is_tilted.any():
            ahead = casing_m + np.array([0.0, 0.0, AHEAD_M])
            depths[is_tilted] = self._each(poses[is_tilted], ahead) - AHEAD_M + TOUCH_M
        rests = np.tile(np.minimum(flat_depths_m, TOUCH_M), len(space.tilts))
        return np.maximum(depths - rests, 0.0)

    def _each(self, poses: Array, casing_m: Array) -> Array:
        """(n,) way back of each pose of one place; those along the same axis share one look at the head."""
        lifts = np.empty(len(poses))
        _, first, axis = np.unique(np.round(poses[:, :3, 2], 9), axis=0, return_index=True, return_inverse=True)
        for number, start in enumerate(first):
            of = np.flatnonzero(axis.ravel() == number)
            across = np.einsum("nij,i->nj", poses[of, :3, :2], poses[start, :3, 0])  # cosine, and minus the sine
            turns = np.arctan2(-across[:, 1], across[:, 0])
            lifts[of] = lifts_m(self.corners_m, poses[start], turns_rad=turns, casing_m=casing_m)
        return lifts


def casing_points(coil: Coil) -> Array | None:
    """The points of a coil's case that face the head; of a coil without one its wire, taken down to its face."""
    if coil.casing is not None:
        return front_of(coil.casing.sampled_m())
    places = coil.positions_m
    if not len(places):
        return None
    face = places * [1, 1, 0]
    return front_of(np.concatenate([places, face[places[:, 2] < 0]]))


def _not_asked(head: HeadModel, coil: Coil) -> tuple[str, ...]:
    notices = ["whether the handle or the cable meets shoulders, chair or headrest is not known here"]
    if coil.casing is None and len(coil.positions_m):
        notices.append("the coil states no casing: its wire, down to the face of the coil, stands for it")
    elif coil.casing is None:
        notices.append("the coil states no casing and has no wire: whether it cuts the head was not asked")
    if not head.fiducials_m:
        notices.append("the head has no nasion and ears: face and ears were not left out")
    return tuple(notices)


def _place_reason(head: HeadModel, scalp: Scalp, place: Array, triangle: int) -> str:
    """Why no coil can be at a place, or ""."""
    if scalp.is_cut[triangle]:
        return CUT
    if not head.fiducials_m:
        return ""
    nasion, left, right = (np.asarray(head.fiducials_m[name]) for name in ("Nz", "LPA", "RPA"))
    up = np.cross(right - left, nasion - left)
    if (place - left) @ up < 0:
        return FACE
    return EAR if min(np.linalg.norm(place - left), np.linalg.norm(place - right)) < EAR_M else ""


def _pose_reason(pose: Array, lift_m: float, space: SearchSpace) -> str:
    """Why the coil cannot take a pose, or ""."""
    if math.asin(min(max(float(pose[2, 2]), -1.0), 1.0)) > STEEPEST_UP_RAD:
        return BELOW
    return CASING if lift_m > space.most_lift_m else ""


def reach_m(coil: Coil) -> float:
    """How far from the middle of a coil its casing can meet a head, with what its normal is averaged over."""
    points = casing_points(coil)
    size = 0.0 if points is None else float(np.linalg.norm(points, axis=1).max())
    return max(size, NORMAL_RADIUS_M) + 0.02


def _shares(point: Array, triangles: Array) -> tuple[NDArray[np.int64], Array]:
    """The triangles (t, 3, 2) around a point and its barycentric coordinates in them."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    area = np.where(area > 0, area, np.inf)  # folded back: not seen from outside
    x, y = point
    second = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (y - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
    third = ((y - a[:, 1]) * (b[:, 0] - a[:, 0]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])) / area
    shares = np.stack([1 - second - third, second, third], axis=1)
    inside = np.flatnonzero((shares >= -1e-12).all(axis=1) & np.isfinite(area))
    return inside, shares[inside]


def _about_z(angle_rad: float) -> Array:
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    turn = np.eye(4)
    turn[:2, :2] = [[cosine, -sine], [sine, cosine]]
    return turn


def _tilt(tilt: Tilt | None) -> Array:
    """As `pose_on_scalp` tilts: about y, then about x, of the coil's own axes."""
    if tilt is None:
        return np.eye(4)
    cx, sx = math.cos(tilt.about_x_rad), math.sin(tilt.about_x_rad)
    cy, sy = math.cos(tilt.about_y_rad), math.sin(tilt.about_y_rad)
    turn = np.eye(4)
    turn[:3, :3] = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return turn
