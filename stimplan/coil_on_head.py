"""Coil x pose -> a placement that `solve` takes: checked, in the gauge that suits the head it is put on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import attrs
import numpy as np
from numpy.typing import ArrayLike

from stimplan.coil.values import AGrid, Coil
from stimplan.coil_field import Array, CoilField, CoilPlacement, solve_coil
from stimplan.coil_gauge import gauge_of
from stimplan.errors import CoilError, Problem
from stimplan.fem.solve import LinearSolver, Progress
from stimplan.field import locator_of
from stimplan.head.model import HeadModel
from stimplan.pose import CoilPose

Gauge = Literal["plain", "radial", "best"]


@attrs.frozen(eq=False)
class FreeCoil:
    """A coil at a pose, driven at a rate, on no head yet: `solve` puts it on the one it is given.

    Attributes
    ----------
    coil : Coil
    pose_m : (4, 4) array
        Head from coil coordinates, m, of whatever head comes.
    didt_A_per_s : tuple of float
        As of `stimplan.coil_field.CoilPlacement`.
    gauge : {"best", "radial", "plain"}
    """

    coil: Coil
    pose_m: Array
    didt_A_per_s: tuple[float, ...]
    gauge: Gauge = "best"

    def on(self, head: HeadModel) -> CoilPlacement:
        """The coil on a head.

        Raises
        ------
        CoilError
            An element of it is inside the head; no radial gauge there, where it was asked for.
        """
        rate = self.didt_A_per_s
        return coil_placement(self.coil, pose_m=self.pose_m, didt_A_per_s=rate, head=head, gauge=self.gauge)

    def field_in(
        self, head: HeadModel, *, tolerance: float, solver: LinearSolver | None, progress: Progress | None
    ) -> CoilField:
        """The field it makes in a head."""
        return solve_coil(head, self.on(head), tolerance=tolerance, solver=solver, progress=progress)


@overload
def coil_placement(
    coil: Coil,
    *,
    pose_m: CoilPose | ArrayLike,
    didt_A_per_s: float | Sequence[float],
    head: HeadModel,
    gauge: Gauge = "best",
) -> CoilPlacement: ...


@overload
def coil_placement(
    coil: Coil,
    *,
    pose_m: CoilPose | ArrayLike,
    didt_A_per_s: float | Sequence[float],
    head: None = None,
    gauge: Gauge = "best",
) -> FreeCoil: ...


def coil_placement(
    coil: Coil,
    *,
    pose_m: CoilPose | ArrayLike,
    didt_A_per_s: float | Sequence[float],
    head: HeadModel | None = None,
    gauge: Gauge = "best",
) -> CoilPlacement | FreeCoil:
    """Put a coil at a pose on a head.

    Parameters
    ----------
    coil : Coil
    pose_m : (4, 4) array or CoilPose
        Head from coil coordinates, m: columns x, y, z, centre; z into the head, +y away from the handle.
    didt_A_per_s : float or sequence of float
        Rate of change of the coil current, A/s; one number for all stimulators, or one for each.
    head : HeadModel, optional
        Left out, the coil is put on the head that `solve` is given.
    gauge : {"best", "radial", "plain"}
        The best is radial where the coil and the head allow it, else plain. See `stimplan.coil_field`.

    Returns
    -------
    CoilPlacement or, without a head, FreeCoil

    Raises
    ------
    CoilError
        Everything that is wrong, at once: a pose that is no rigid motion, a rate that is zero, not finite or above
        what the stimulator gives, an element of the coil inside the head; no radial gauge for this coil there.
    """
    if not isinstance(coil, Coil):
        raise CoilError(f"the coil is a {type(coil).__name__}, expected a Coil; stimplan.read_coil makes one")
    if head is not None and not hasattr(head, "nodes_m"):
        raise CoilError(f"the head is a {type(head).__name__}, expected a HeadModel; stimplan.load_head makes one")
    problems: list[Problem] = []
    rates = _rates(coil, didt_A_per_s, problems)
    try:
        pose = pose_m if isinstance(pose_m, CoilPose) else CoilPose(pose_m)
    except CoilError as error:
        raise CoilError([*problems, *(Problem("pose_m", problem.what) for problem in error.problems)]) from None
    if gauge not in ("best", "radial", "plain"):
        problems.append(Problem("gauge", f"expected 'best', 'radial' or 'plain', got {gauge!r}"))
    placed = None if head is None else CoilPlacement(coil, pose, rates, head)
    inside_head = 0 if placed is None else _elements_inside(placed)
    if inside_head:
        what = f"{inside_head} of {len(coil.positions_m)} elements of coil {coil.name!r} are inside the head; lift it"
        problems.append(Problem("pose_m", what))
    if problems:
        raise CoilError(problems)
    if placed is None:
        return FreeCoil(coil, pose.matrix_m, rates, gauge)
    return placed if gauge == "plain" else in_best_gauge(placed, is_needed=gauge == "radial")


def in_best_gauge(placed: CoilPlacement, *, is_needed: bool = False) -> CoilPlacement:
    """The placement in the radial gauge of its head, or the placement itself where there is none.

    Raises
    ------
    CoilError
        There is none, and it is needed.
    """
    gauge = gauge_of(placed.head)
    what = ""
    if any(isinstance(element, AGrid) for element in placed.coil.elements):
        what = "a coil given as a grid of its potential has no radial gauge"
    elif not gauge.allows(placed.pose_m[None], placed.coil.positions_m)[0]:
        what = "the head reaches behind the coil, as seen from its middle, where the radial gauge ends"
    if what and is_needed:
        raise CoilError(Problem("gauge", f"{what}; take the plain one"))
    return placed if what else attrs.evolve(placed, gauge_center_m=gauge.center_m)


def _rates(coil: Coil, didt_A_per_s: float | Sequence[float], problems: list[Problem]) -> tuple[float, ...]:
    """One rate for each stimulator; what is wrong with them goes to the problems."""
    count = max(len(coil.stimulators), 1)
    try:
        given = np.asarray(didt_A_per_s, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.array(np.nan)
    rates = np.full(count, given) if given.ndim == 0 else given
    if rates.shape != (count,) or not np.isfinite(rates).all() or not rates.any():
        what = f"expected a finite rate other than 0 for the coil, or {count} of them, A/s; got {didt_A_per_s!r}"
        problems.append(Problem("didt_A_per_s", what))
        return (1.0,) * count
    for rate, stimulator in zip(rates, coil.stimulators, strict=False):
        most = stimulator.max_didt_A_per_s
        if most is not None and abs(rate) > most * (1 + 1e-9):
            what = (
                f"{abs(rate):.4g} A/s is more than the {most:.4g} A/s that {stimulator.name or 'the stimulator'} gives"
            )
            problems.append(Problem("didt_A_per_s", what))
    return tuple(float(rate) for rate in rates)


def _elements_inside(placed: CoilPlacement) -> int:
    """How many dipoles and segments are inside the head; those outside its box need no search."""
    points, nodes = placed.positions_m, placed.head.nodes_m
    near = np.all((points >= nodes.min(axis=0)) & (points <= nodes.max(axis=0)), axis=1)
    if not near.any():
        return 0
    return int((locator_of(placed.head)(points[near])[0] >= 0).sum())
