"""Head, coil and goals -> the best poses, a map of the score over the scalp, and what an error of placement costs."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil import Coil
from stimplan.coil_field import CoilPlacement
from stimplan.coil_on_head import coil_placement, in_best_gauge
from stimplan.coil_search.around import Uncertainty, around_pose
from stimplan.coil_search.auxiliary import Auxiliary, auxiliary_currents, exact_components
from stimplan.coil_search.candidates import Candidates, candidates, casing_points
from stimplan.coil_search.ranking import Goal, best_of_places, front_of, scores_of
from stimplan.coil_search.space import SearchSpace
from stimplan.coil_search.summing import components_at, has_elements
from stimplan.errors import CoilError, InputError, Problem
from stimplan.fem.solve import Progress
from stimplan.head.model import HeadModel
from stimplan.pose import CoilPose, Tilt
from stimplan.units import text

Array = NDArray[np.float64]


@attrs.frozen(eq=False)
class Spread:
    """The lowest and the highest of a pose and of those around it: shifted, turned, and both at once.

    Attributes
    ----------
    poses : int
        Other poses than itself.
    score_V_per_m : (2,) array
    values_V_per_m : (g, 2) array
    """

    poses: int
    score_V_per_m: Array
    values_V_per_m: Array


@attrs.frozen(eq=False)
class RankedPose:
    """One of the best poses.

    Attributes
    ----------
    pose : CoilPose
        With notices.
    place : int
        Number of its place on the scalp.
    angle_rad : float
        Of the handle from the midline.
    lift_m : float
        How far the coil was taken back so that its casing does not cut the head.
    tilt : Tilt
        Of the coil about its own axes; no angles where it lies flat.
    score_V_per_m : float
    values_V_per_m : (g,) array
        Of each goal, with dA/dt summed at every node.
    spread : Spread
    """

    pose: CoilPose
    place: int
    angle_rad: float
    lift_m: float
    score_V_per_m: float
    values_V_per_m: Array
    spread: Spread
    tilt: Tilt


@attrs.frozen(eq=False)
class CoilSearch:
    """What a search found.

    Attributes
    ----------
    head : HeadModel
    coil : Coil
    goals : tuple of Goal
    didt_A_per_s : tuple of float
    space : SearchSpace
    uncertainty : Uncertainty
    candidates : Candidates
    values_V_per_m : (n, g) array
        Of each goal for each pose.
    scores_V_per_m : (n,) array
    best_at_place : (p,) int array
        Number of the best pose at each place of the scalp, -1 where the coil can take none.
    best : tuple of RankedPose
        The best places, each once, with its best angle.
    front : (f,) int array
        Poses of the Pareto front; of a single goal the best pose.
    interpolation_error : float
        Largest difference between the values of the best poses and those summed at every node, as a share of the
        largest of them.
    auxiliary : Auxiliary
        What the values come from; any other pose can be asked with `values_at`.
    """

    head: HeadModel
    coil: Coil
    goals: tuple[Goal, ...]
    didt_A_per_s: tuple[float, ...]
    space: SearchSpace
    uncertainty: Uncertainty
    candidates: Candidates
    values_V_per_m: Array
    scores_V_per_m: Array
    best_at_place: NDArray[np.int64]
    best: tuple[RankedPose, ...]
    front: NDArray[np.int64]
    interpolation_error: float
    auxiliary: Auxiliary


@attrs.frozen
class SearchOptions:
    """How to search.

    Attributes
    ----------
    space : SearchSpace
    uncertainty : Uncertainty
    top_k : int
        How many places to list.
    didt_A_per_s : float
        Rate of change of the coil's current; the values are proportional to it.
    tolerance : float
        Relative residual of the solves above which there is no result.
    """

    space: SearchSpace = attrs.field(factory=SearchSpace)
    uncertainty: Uncertainty = attrs.field(factory=Uncertainty)
    top_k: int = 10
    didt_A_per_s: float = 1e6
    tolerance: float = 1e-6

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.top_k <= 1000:
            raise InputError(Problem("top-k", f"must be 1 to 1000, got {self.top_k!r}"))


def search_poses(
    head: HeadModel,
    coil: Coil,
    goals: Sequence[Goal],
    *,
    options: SearchOptions | None = None,
    progress: Progress | None = None,
) -> CoilSearch:
    """Find the best poses of a coil.

    What is maximised is the score of `stimplan.coil_search.ranking.scores_of`: with one target its value, which is a
    component of the field (linear, with its sign), or the strength, the length of the mean field vector. That length
    is not the mean of |E| over a region, which is not linear in the field; it is never larger.

    Parameters
    ----------
    head : HeadModel
    coil : Coil
    goals : sequence of Goal
        The places are laid around the first that is not to be spared.
    options : SearchOptions, optional
    progress : callable, optional
        Called with a stage and a fraction.

    Raises
    ------
    InputError
        No goal to reach, or no pose that the coil can take.
    CoilError
        A rate the stimulator cannot give.
    SolveError
        The residual of a solve is above the tolerance.
    """
    chosen = options or SearchOptions()
    aims = [goal for goal in goals if not goal.is_avoided]
    if not aims:
        raise InputError(Problem("target", "there is nothing to reach: every target is to be spared"))
    rates = _rates(head, coil, chosen.didt_A_per_s)
    found = candidates(head, coil, aims[0].target.center_m, space=chosen.space, progress=progress)
    targets = [goal.target for goal in goals]
    auxiliary = auxiliary_currents(head, targets, tolerance=chosen.tolerance, progress=progress)
    probe = _Probe(auxiliary, coil, rates, tuple(goals))
    values = probe.values(found.poses_m, progress)
    scores = scores_of(probe.goals, values)
    at_place = best_of_places(scores, found.place, found.angle_rad, count=len(found.places_m))
    listed = at_place[at_place >= 0]
    listed = listed[np.argsort(-scores[listed], kind="stable")][: chosen.top_k]
    exact = probe.exact(found.poses_m[listed])
    error = float(np.abs(exact - values[listed]).max() / np.abs(exact).max())
    values[listed], scores[listed] = exact, scores_of(probe.goals, exact)
    listed = listed[np.argsort(-scores[listed], kind="stable")]
    spreads = probe.spreads(found, listed, values[listed], uncertainty=chosen.uncertainty)
    best = tuple(
        _ranked(found, number, values[number], space=chosen.space, score=float(scores[number]), spread=spread)
        for number, spread in zip(listed, spreads, strict=True)
    )
    front = front_of(probe.goals, values)
    return CoilSearch(head, coil, probe.goals, rates, chosen.space, chosen.uncertainty, found, values, scores, at_place,
                      best, front, error, auxiliary)  # fmt: skip


def values_at(found: CoilSearch, poses: Sequence[CoilPose]) -> Array:
    """The score of other poses of the same coil, with their spread.

    Parameters
    ----------
    found : CoilSearch
    poses : sequence of CoilPose
        Anywhere on the head; each keeps its tilt, and how near its case is to touching the head, when it is shifted.

    Returns
    -------
    (k, 3) array
        Score, and the lowest and the highest around the pose, V/m.
    """
    probe = _Probe(found.auxiliary, found.coil, found.didt_A_per_s, found.goals)
    casing = casing_points(found.coil)
    rows = []
    for pose in poses:
        cloud = around_pose(found.head, pose, uncertainty=found.uncertainty, casing_m=casing)
        scores = scores_of(found.goals, np.vstack([probe.exact(cloud[:1]), probe.values(cloud[1:])]))
        rows.append([scores[0], scores.min(), scores.max()])
    return np.array(rows)


@attrs.frozen(eq=False)
class _Probe:
    """A coil, driven, against auxiliary currents."""

    auxiliary: Auxiliary
    coil: Coil
    rates: tuple[float, ...]
    goals: tuple[Goal, ...]

    def values(self, poses_m: Array, progress: Progress | None = None) -> Array:
        """(n, g) values: through the lattice, or, of a coil that is a grid itself, one pose after the other."""
        if not has_elements(self.coil):
            return self.exact(poses_m, progress)
        found = components_at(self.auxiliary, self.coil, poses_m, didt_A_per_s=self.rates, progress=progress)
        return self.auxiliary.values(found)

    def exact(self, poses_m: Array, progress: Progress | None = None) -> Array:
        """(n, g) values with dA/dt summed at every node."""
        found = []
        for number, pose in enumerate(poses_m, start=1):
            placement = in_best_gauge(CoilPlacement(self.coil, pose, self.rates, self.auxiliary.head))
            found.append(exact_components(self.auxiliary, placement))
            if progress is not None:
                progress("poses, one by one", number / len(poses_m))
        return self.auxiliary.values(np.array(found))

    def spreads(
        self, found: Candidates, listed: NDArray[np.int64], own: Array, *, uncertainty: Uncertainty
    ) -> list[Spread]:
        """Spread of each of the listed poses, whose own values are known."""
        casing = casing_points(self.coil)
        poses = [CoilPose(found.poses_m[number]) for number in listed]
        head = self.auxiliary.head
        clouds = [around_pose(head, pose, uncertainty=uncertainty, casing_m=casing) for pose in poses]
        others = self.values(np.concatenate([cloud[1:] for cloud in clouds])).reshape(len(listed), -1, own.shape[1])
        spreads = []
        for values in np.concatenate([own[:, None], others], axis=1):
            scores = scores_of(self.goals, values)
            ends = np.stack([values.min(axis=0), values.max(axis=0)], axis=1)
            spreads.append(Spread(len(values) - 1, np.array([scores.min(), scores.max()]), ends))
        return spreads


def _rates(head: HeadModel, coil: Coil, didt_A_per_s: float) -> tuple[float, ...]:
    """The rate of each stimulator, checked as those of any coil are: a metre above the head, where nothing is cut."""
    above = np.diag([-1.0, 1.0, -1.0, 1.0])
    above[:3, 3] = [0.0, 0.0, float(head.nodes_m[:, 2].max()) + 1.0]
    try:
        return coil_placement(coil, pose_m=above, didt_A_per_s=didt_A_per_s, head=head).didt_A_per_s
    except CoilError as error:
        problems = [attrs.evolve(one, where="dI/dt") if one.where == "didt_A_per_s" else one for one in error.problems]
        raise CoilError(problems) from None


def _ranked(
    found: Candidates, number: int, values: Array, *, space: SearchSpace, score: float, spread: Spread
) -> RankedPose:
    tilt = space.all_tilts[found.tilt[number]] or Tilt()
    lift = float(found.lift_m[number])
    rests = "the casing rests on the scalp without cutting it"
    if space.tilts and tilt != Tilt():
        rests = "no side of it is nearer to the scalp than the flat coil comes"
    told = f"taken back by {text(lift, 'm')}, so that {rests}"
    pose = CoilPose(found.poses_m[number], notices=(told,) if lift else ())
    place, angle = int(found.place[number]), float(found.angle_rad[number])
    return RankedPose(pose, place, angle, lift, score, values, spread, tilt)
