"""Many poses around one: the design that placement uncertainty is judged by, a random cloud, a grid.

A coil that is moved follows the scalp: the turn that takes the scalp's normal below the old place to that below the new
one takes the coil along, so that its distance and its tilt stay; then it is turned about its own axis. Where its case
is known, it then goes along its axis, nearer or farther, until the case is as far from touching the head as before: a
coil that rests on the head goes on resting on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import CoilError, Problem
from stimplan.fem.patch import local_normal
from stimplan.fem.surface import nearest_on_surface
from stimplan.pose import NORMAL_RADIUS_M, CoilPose
from stimplan.pose_contact import rest_on_scalp
from stimplan.units import exact_text

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel

Array = NDArray[np.float64]

# How far a coil is taken to be off: the design of every figure's spread, in a run and in a search.
SHIFT_M = 0.005
TURN_RAD = math.radians(10)
MOST_SHIFT_M = 0.10
MOST_POSES = 10_000
# A case farther from the head than this has no contact to keep, and a moved coil goes nearer by no more.
NEAR_M = 0.010


@attrs.frozen
class Move:
    """A way to another pose: along the coil's x and y over the scalp, m, and about its axis, rad."""

    x_m: float = 0.0
    y_m: float = 0.0
    turn_rad: float = 0.0


def placement_design(shift_m: float = SHIFT_M, turn_rad: float = TURN_RAD) -> tuple[Move, ...]:
    """The 14 moves of a central composite design: the axes and the corners of shift in two directions and turn.

    Every shift has the full length and every turn the full angle: 4 shifts alone, 2 turns alone, and 4 oblique shifts
    with each turn. One design serves a run, where each pose is a solve, and a search, where it costs little: of one
    pose there is one spread. Beside all 26 combinations of eight shifts and two turns it leaves out the oblique shifts
    without a turn and the others with one; see docs/coils.md for what that changes.
    """
    _check(shift_m, turn_rad)
    oblique = shift_m / math.sqrt(2)
    axes = [Move(x_m=s * shift_m) for s in (-1, 1)] + [Move(y_m=s * shift_m) for s in (-1, 1)]
    turns = [Move(turn_rad=s * turn_rad) for s in (-1, 1)]
    corners = [Move(x * oblique, y * oblique, t * turn_rad) for x in (-1, 1) for y in (-1, 1) for t in (-1, 1)]
    return tuple(axes + turns + corners)


def random_moves(count: int, *, seed: int, shift_m: float = SHIFT_M, turn_rad: float = TURN_RAD) -> tuple[Move, ...]:
    """Moves evenly over a disc and a range of turns; the same for the same seed, on every computer.

    Raises
    ------
    CoilError
        A count that is not 1 to 10,000, a shift or turn out of range.
    """
    _check(shift_m, turn_rad)
    if not 1 <= count <= MOST_POSES:
        raise CoilError(Problem("count", f"must be 1 to {MOST_POSES:,} poses, got {count}"))
    random = np.random.default_rng(seed)
    radius, angle, turn = shift_m * np.sqrt(random.random(count)), random.random(count), random.random(count)
    return tuple(
        Move(r * math.cos(2 * math.pi * a), r * math.sin(2 * math.pi * a), (2 * t - 1) * turn_rad)
        for r, a, t in zip(radius.tolist(), angle.tolist(), turn.tolist(), strict=True)
    )


def grid_moves(half_width_m: float, spacing_m: float, turns_rad: Sequence[float] = (0.0,)) -> tuple[Move, ...]:
    """A square grid of shifts around the pose, each with every turn, row by row.

    Raises
    ------
    CoilError
        A width or spacing out of range, or more than 10,000 poses.
    """
    _check(half_width_m, 0.0)
    if not 5e-4 <= spacing_m <= MOST_SHIFT_M:
        raise CoilError(Problem("spacing", f"must be 0.5 to 100 mm, got {exact_text(spacing_m, 'mm')}"))
    steps = int(half_width_m / spacing_m + 1e-9)
    count = (2 * steps + 1) ** 2 * len(turns_rad)
    if not 1 <= count <= MOST_POSES:
        raise CoilError(Problem("spacing", f"this grid has {count:,} poses; at least 1 and at most {MOST_POSES:,}"))
    along = [spacing_m * step for step in range(-steps, steps + 1)]
    return tuple(Move(x, y, turn) for y in along for x in along for turn in turns_rad)


def moved_poses(
    head: HeadModel, pose: CoilPose, moves: Sequence[Move], *, casing_points_m: ArrayLike | None = None
) -> tuple[CoilPose, ...]:
    """Carry a coil over the scalp to each of the moves.

    Parameters
    ----------
    head : HeadModel
    pose : CoilPose
    moves : sequence of Move
    casing_points_m : (k, 3) array, optional
        In the coil's frame, m: each pose is as far from touching the head with it as the first one, and cuts nothing.

    Raises
    ------
    CoilError
        The casing cannot clear the head at one of them.
    """
    scalp = _scalp_of(head)
    base = _Foot.below(scalp, pose.center_m)
    carried = [_carried(scalp, pose, base, move) for move in moves]
    if casing_points_m is None:
        return tuple(carried)
    gap_m = max(_gap_m(scalp, pose, casing_points_m), 0.0)
    return tuple(one.lifted(gap_m - _gap_m(scalp, one, casing_points_m)) for one in carried)


@attrs.frozen(eq=False)
class _Scalp:
    """A head's scalp with no other nodes than its own: what poses are laid on."""

    name: str
    nodes_m: Array
    scalp: NDArray[np.int32]


@lru_cache(maxsize=2)
def _scalp_of(head: HeadModel) -> _Scalp:
    nodes, corner = np.unique(head.scalp, return_inverse=True)
    return _Scalp(head.name, head.nodes_m[nodes], corner.reshape(-1, 3).astype(np.int32))


def _gap_m(scalp: _Scalp, pose: CoilPose, casing_points_m: ArrayLike) -> float:
    """How far a coil can go on along its axis before its case cuts the head, at most 10 mm; below 0 where it does."""
    ahead = pose.lifted(-NEAR_M)
    back = rest_on_scalp(cast("HeadModel", scalp), ahead, casing_points_m)
    return NEAR_M - float((ahead.center_m - back.center_m) @ pose.z)


@attrs.frozen(eq=False)
class _Foot:
    """The point of the scalp below a coil and the outward normal around it."""

    point_m: Array
    normal: Array

    @classmethod
    def below(cls, scalp: _Scalp, point_m: Array) -> _Foot:
        seed, foot = nearest_on_surface(np.asarray(point_m), scalp.nodes_m, scalp.scalp)
        return cls(foot, local_normal(foot, seed, NORMAL_RADIUS_M, nodes_m=scalp.nodes_m, triangles=scalp.scalp))


def _carried(scalp: _Scalp, pose: CoilPose, base: _Foot, move: Move) -> CoilPose:
    matrix = np.array(pose.matrix_m)
    if move.x_m or move.y_m:
        new = _Foot.below(scalp, base.point_m + move.x_m * pose.x + move.y_m * pose.y)
        turn = _smallest_turn(base.normal, new.normal)
        matrix[:3, :3] = turn @ matrix[:3, :3]
        matrix[:3, 3] = new.point_m + turn @ (pose.center_m - base.point_m)
    if move.turn_rad:
        c, s = math.cos(move.turn_rad), math.sin(move.turn_rad)
        matrix[:3, :3] = matrix[:3, :3] @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return CoilPose(matrix)


def _smallest_turn(a: Array, b: Array) -> Array:
    """The rotation about a × b that takes one unit vector to another; not for opposite ones."""
    cross, cosine = np.cross(a, b), float(a @ b)
    if cosine < -0.99:
        raise CoilError("the scalp turns away below the coil; the pose cannot be moved there")
    skew = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1 + cosine)


def _check(shift_m: float, turn_rad: float) -> None:
    problems = []
    if not 0 <= shift_m <= MOST_SHIFT_M:
        problems.append(Problem("shift", f"must be 0 to 100 mm, got {exact_text(shift_m, 'mm')}"))
    if not 0 <= turn_rad <= math.pi:
        problems.append(Problem("turn", f"must be 0 to 180°, got {exact_text(turn_rad, 'deg')}"))
    if problems:
        raise CoilError(problems)
