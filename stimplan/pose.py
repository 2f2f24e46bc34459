"""Where a coil is and how it is turned: one matrix, checked, with the handle's side said in words.

The frame of a coil, in every file and function here: the origin is the middle of the side of its casing that faces
the head; z points into the head; y points away from the handle, so that **the handle lies at -y**; x = y × z. A
matrix of this kind is what SimNIBS calls `matsimnibs`. Other programs put the handle at +y and write the same words:
the field of a symmetric figure-8 keeps its size when the coil is turned by half a turn, but its direction flips,
which a monophasic pulse and every normal component feel. So the handle is asked for by name, `handle_direction`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import CoilError, InputError, Problem
from stimplan.fem.patch import local_normal
from stimplan.fem.surface import cut_triangles, nearest_on_surface
from stimplan.montage import Point
from stimplan.protocol.magnetic import Handle
from stimplan.units import exact_text, text
from stimplan.values import array_eq, frozen_array

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel
    from stimplan.head.tape_sites import Located
    from stimplan.site_forms import SiteForm

Array = NDArray[np.float64]

# How far lengths and right angles of the three axes may miss theirs. Files with three decimals (Brainsight 2.3) miss
# right angles by up to 0.5e-3 * 2 * sqrt(3) = 1.8e-3; a shear that matters is larger.
TOLERANCE = 2e-3
# A matrix nearer to a rotation than this is kept to the last bit; between the two the nearest rotation is taken.
_EXACT = 1e-12
FARTHEST_FROM_SCALP_M = 0.020
# The scalp under the middle of a coil, over which its normal is averaged: no fold of the skin turns a rigid casing.
NORMAL_RADIUS_M = 0.020


def _matrix(values: ArrayLike) -> Array:
    try:
        return frozen_array(values, name="matrix_m", shape=(4, 4))
    except (ValueError, TypeError) as error:
        raise CoilError(f"a pose is a matrix of 4 × 4 finite numbers: {error}") from None


@attrs.frozen
class CoilPose:
    """A coil at a head.

    Attributes
    ----------
    matrix_m : (4, 4) array
        From coil to head coordinates; columns x, y, z (unit vectors) and the centre, m. See the module for the frame.
        A rotation within `TOLERANCE` is replaced by the nearest exact one.
    how : str
        How the place was found; "" for a matrix.
    notices : tuple of str
        What a reader must know: sizes that are not the head's, a coil lifted off the scalp it would have cut.

    Raises
    ------
    CoilError
        Not a matrix of a rotation and a shift: scaled, sheared, left-handed, or with another last row.
    """

    matrix_m: Array = attrs.field(converter=_matrix, eq=array_eq)
    how: str = attrs.field(default="", eq=False)
    notices: tuple[str, ...] = attrs.field(default=(), eq=False)

    def __attrs_post_init__(self) -> None:
        what = matrix_fault(self.matrix_m)
        if what:
            raise CoilError(what)
        turn = self.matrix_m[:3, :3]
        if np.abs(turn.T @ turn - np.eye(3)).max() > _EXACT:
            u, _, vt = np.linalg.svd(turn)
            exact = np.array(self.matrix_m)
            exact[:3, :3] = u @ vt
            object.__setattr__(self, "matrix_m", _matrix(exact))

    @property
    def center_m(self) -> Array:
        """(3,) middle of the coil's side that faces the head, head coordinates, m."""
        return self.matrix_m[:3, 3]

    @property
    def x(self) -> Array:
        """(3,) unit vector across the handle, y × z."""
        return self.matrix_m[:3, 0]

    @property
    def y(self) -> Array:
        """(3,) unit vector away from the handle."""
        return self.matrix_m[:3, 1]

    @property
    def z(self) -> Array:
        """(3,) unit vector into the head."""
        return self.matrix_m[:3, 2]

    @property
    def handle_direction(self) -> Array:
        """(3,) unit vector from the centre to the handle, towards the operator: -y."""
        return -self.matrix_m[:3, 1]

    def to_head(self, points_m: ArrayLike) -> Array:
        """Head coordinates of points (..., 3) given in the coil's frame, m."""
        points = np.asarray(points_m, dtype=np.float64)
        return points @ self.matrix_m[:3, :3].T + self.center_m

    def from_head(self, points_m: ArrayLike) -> Array:
        """Coordinates in the coil's frame of points (..., 3) of the head, m."""
        return (np.asarray(points_m, dtype=np.float64) - self.center_m) @ self.matrix_m[:3, :3]

    def lifted(self, distance_m: float) -> CoilPose:
        """The same coil farther from the head by a distance along its axis, m (nearer if negative)."""
        matrix = np.array(self.matrix_m)
        matrix[:3, 3] -= distance_m * self.z
        return attrs.evolve(self, matrix_m=matrix)

    def axis_distance_m(self, point_m: ArrayLike) -> float:
        """How far the coil's axis (the line along z through its centre) passes from a point, m."""
        return float(np.hypot(*self.from_head(point_m)[:2]))


@attrs.frozen
class MniTarget:
    """A point in the brain that a coil is aimed at, MNI coordinates, m."""

    mni_m: Point


@attrs.frozen
class Tilt:
    """A coil that does not lie flat: turned about its own axes through its centre, right-handed.

    Attributes
    ----------
    about_x_rad : float
        Positive lifts the handle off the head (z turns towards the handle).
    about_y_rad : float
        Positive presses the -x side into the head (z turns towards +x).
    """

    about_x_rad: float = 0.0
    about_y_rad: float = 0.0


def matrix_fault(matrix: Array) -> str:
    """Why a 4 × 4 matrix is not a rotation and a shift, or "".

    The three axes must have unit length and be at right angles, each within 2e-3, and be right-handed.
    """
    turn = matrix[:3, :3]
    if not np.abs(matrix[3] - [0, 0, 0, 1]).max() <= _EXACT:
        return f"the last row of the matrix is {_shown(matrix[3])}, expected 0 0 0 1; are rows and columns exchanged?"
    with np.errstate(over="ignore"):  # an axis of 1e300 is as wrong as one of 2
        lengths = np.linalg.norm(turn, axis=0)
    if not np.abs(lengths - 1).max() <= TOLERANCE:
        return f"the axes of the matrix have lengths {_shown(lengths)}, expected 1 each: it scales"
    dots = turn.T @ turn - np.diag(lengths**2)
    if not np.abs(dots).max() <= TOLERANCE:
        worst = math.degrees(math.asin(min(1.0, float(np.abs(dots).max()))))
        return f"the axes of the matrix miss right angles by up to {worst:.2g}°: it is sheared, no coil can be"
    if np.linalg.det(turn) < 0:
        return "the axes of the matrix are left-handed (x is not y × z): one axis points the wrong way"
    return ""


def _shown(values: Array) -> str:
    return " ".join(f"{value:.4g}" for value in values)


def pose_from_axes(center_m: ArrayLike, *, inward: ArrayLike, handle: ArrayLike) -> CoilPose:
    """Pose of a coil at a point, by two directions.

    Parameters
    ----------
    center_m : (3,) array
        m.
    inward : (3,) array
        Direction into the head; becomes z.
    handle : (3,) array
        Direction from the centre to the handle; its part across z becomes -y.

    Raises
    ------
    CoilError
        A direction of no length, or both along one line.
    """
    z, back = np.asarray(inward, dtype=np.float64), np.asarray(handle, dtype=np.float64)
    if not np.linalg.norm(z) > 0 or not np.linalg.norm(back) > 0:
        raise CoilError("a direction of a coil has no length")
    z = z / np.linalg.norm(z)
    across = back / np.linalg.norm(back)
    across = across - (across @ z) * z
    if not np.linalg.norm(across) > 1e-6:
        raise CoilError("the handle cannot point along the axis of the coil")
    y = -across / np.linalg.norm(across)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = np.cross(y, z), y, z, center_m
    return CoilPose(matrix)


def pose_on_scalp(
    head: HeadModel,
    where: str | SiteForm | MniTarget | ArrayLike,
    *,
    handle: Handle,
    distance_m: float = 0.0,
    tilt: Tilt | None = None,
) -> CoilPose:
    """Lay a coil flat on a scalp.

    Parameters
    ----------
    head : HeadModel
    where : str, BeamF3, Tape, AnteriorOf, MniTarget or (3,) array
        10-05 site, a place found with a tape measure, a point in the brain (the coil then lies over the point of
        the scalp that is nearest to it), or a position on the scalp in head coordinates, m.
    handle : Handle
        `from_midline_rad`: the angle in the plane of the coil from `midline_back` to the handle, positive to the
        person's left; or `towards` a 10-05 site. Over the left motor cortex 45 degrees points to the back and
        outwards, over the right one -45 degrees does.
    distance_m : float
        From the scalp to the coil (hair, a cap, foam), m.
    tilt : Tilt or None

    Returns
    -------
    CoilPose
        z is the mean inward normal of the scalp within 20 mm, turned by the tilt.

    Raises
    ------
    CoilError
        An unknown place, one more than 20 mm from the scalp or on the plane where the head was cut off, a handle
        that is not exactly one of the two, a distance that is negative or above 50 mm.
    """
    _check_numbers(distance_m, handle)
    located = _located(where, head)
    asked = np.asarray(located.position_m)
    seed, on_scalp = nearest_on_surface(asked, head.nodes_m, head.scalp)
    offset_m = float(np.linalg.norm(asked - on_scalp))
    if not isinstance(where, MniTarget) and not offset_m <= FARTHEST_FROM_SCALP_M:
        raise CoilError(
            f"the place of the coil is {text(offset_m, 'm')} from the scalp of head {head.name!r}, at most "
            f"{text(FARTHEST_FROM_SCALP_M, 'm')} is allowed; is the position in the coordinates of this head?"
        )
    if cut_triangles(head.nodes_m, head.scalp)[seed]:
        raise CoilError("the nearest point of the scalp is on the plane where the head is cut off; move the coil up")
    normal = local_normal(on_scalp, seed, NORMAL_RADIUS_M, nodes_m=head.nodes_m, triangles=head.scalp)
    flat = pose_from_axes(on_scalp, inward=-normal, handle=_handle_direction(handle, head, on_scalp, normal))
    turned = flat if tilt is None else _tilted(flat, tilt)
    # The distance is that from the scalp under the centre, whatever the tilt.
    matrix = np.array(turned.matrix_m)
    matrix[:3, 3] += distance_m * normal
    return CoilPose(matrix, how=located.how, notices=located.notices)


def midline_back(head: HeadModel, normal: ArrayLike) -> Array:
    """The direction along a scalp from which the angles of handles count: backwards.

    At the vertex it is the direction to the back. Elsewhere it is that direction carried along: turned by the
    smallest turn that takes the upward axis of the head to the normal of the scalp. On the scalp flattened from the
    vertex, as maps of the EEG are, it is straight backwards everywhere: at C3 and T7 to the back, at Oz down, at Fpz
    up, at F3 back and up. It changes smoothly all over the head. Left-right is from LPA to RPA and front-back from Nz
    to Iz where the head has these points, else the axes of its coordinates.

    Parameters
    ----------
    head : HeadModel
    normal : (3,) array
        Outward unit normal of the scalp.

    Returns
    -------
    (3,) array
        Unit vector across the normal.

    Notes
    -----
    With up u, back b and normal n: b - (b . n) / (1 + u . n) (u + n).
    """
    n = np.asarray(normal, dtype=np.float64)
    right, front = _head_axes(head)
    up = np.cross(right, front)
    if 1 + up @ n < 1e-9:  # straight below the head every direction is as good
        return -front
    return -front + (front @ n) / (1 + up @ n) * (up + n)


def handle_angle_rad(head: HeadModel, pose: CoilPose) -> float:
    """Angle of a handle from the midline: 0 backwards, positive to the person's left, -pi to pi."""
    back = midline_back(head, -pose.z)
    left = np.cross(back, -pose.z)
    return math.atan2(float(pose.handle_direction @ left), float(pose.handle_direction @ back))


def _head_axes(head: HeadModel) -> tuple[Array, Array]:
    """Unit vectors to the right and to the front."""
    if not head.fiducials_m:
        return np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    right = np.subtract(head.fiducials_m["RPA"], head.fiducials_m["LPA"])
    front = np.subtract(head.fiducials_m["Nz"], head.fiducials_m["Iz"])
    right = right / np.linalg.norm(right)
    front = front - (front @ right) * right
    return right, front / np.linalg.norm(front)


def _handle_direction(handle: Handle, head: HeadModel, center: Array, normal: Array) -> Array:
    if handle.from_midline_rad is not None:
        back = midline_back(head, normal)
        angle = handle.from_midline_rad
        return math.cos(angle) * back + math.sin(angle) * np.cross(back, normal)
    towards = np.asarray(_located(str(handle.towards), head).position_m) - center
    across = towards - (towards @ normal) * normal
    if not np.linalg.norm(across) > NORMAL_RADIUS_M / 4:
        raise CoilError(f"the coil is at {handle.towards!r} itself; its handle cannot point there")
    return across


def _tilted(pose: CoilPose, tilt: Tilt) -> CoilPose:
    cx, sx = math.cos(tilt.about_x_rad), math.sin(tilt.about_x_rad)
    cy, sy = math.cos(tilt.about_y_rad), math.sin(tilt.about_y_rad)
    turn = np.eye(4)
    turn[:3, :3] = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return attrs.evolve(pose, matrix_m=pose.matrix_m @ turn)


def _check_numbers(distance_m: float, handle: Handle) -> None:
    problems = []
    if not 0 <= distance_m <= 0.05:
        problems.append(Problem("distance", f"must be 0 to 50 mm, got {exact_text(distance_m, 'mm')}"))
    if (handle.from_midline_rad is None) == (handle.towards is None):
        problems.append(Problem("handle", "give one of an angle from the midline and a site to point to"))
    elif handle.from_midline_rad is not None and not abs(handle.from_midline_rad) <= 2 * math.pi:
        problems.append(Problem("handle", f"must be within ±360°, got {exact_text(handle.from_midline_rad, 'deg')}"))
    if problems:
        raise CoilError(problems)


def _located(where: str | SiteForm | MniTarget | ArrayLike, head: HeadModel) -> Located:
    """The place a coil is asked for, in head coordinates."""
    from stimplan.head.space import from_mni_m
    from stimplan.head.tape_sites import Located, locate
    from stimplan.site_forms import AnteriorOf, BeamF3, Tape
    from stimplan.sites import resolve_site

    try:
        if isinstance(where, str):
            name = where if where in head.sites_m else resolve_site(where)
            if name not in head.sites_m:
                raise CoilError(f"head {head.name!r} has no site {name!r}; give a position instead")
            return Located(head.sites_m[name], "")
        if isinstance(where, AnteriorOf | BeamF3 | Tape):
            return locate(where, head)
        if isinstance(where, MniTarget):
            x, y, z = map(float, from_mni_m(head, where.mni_m))
            return Located((x, y, z), "over the point of the scalp nearest to the target")
    except InputError as error:
        raise CoilError(error.problems) from None
    point = np.asarray(where, dtype=np.float64)
    if point.shape != (3,) or not np.isfinite(point).all():
        raise CoilError(f"a position is three finite numbers, got {where!r}")
    return Located(tuple(map(float, point)), "")  # type: ignore[arg-type]
