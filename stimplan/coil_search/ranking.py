"""From what every pose gives to which is best: one score, the list, and what cannot be had together."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil_search.target import Target
from stimplan.errors import InputError, Problem

Array = NDArray[np.float64]

# Scores closer than this share of the largest are equal: less than the lattice of the sums is exact to.
TIE = 3e-4


def _positive(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 < value < float("inf"):
        raise InputError(Problem("weight", f"must be a finite number above 0, got {value!r}"))


@attrs.frozen(eq=False)
class Goal:
    """A target to reach, or one to spare.

    Attributes
    ----------
    target : Target
    weight : float
        What a V/m of it counts in the score.
    is_avoided : bool
        Its size is taken off the score instead of added to it.
    """

    target: Target
    weight: float = attrs.field(default=1.0, validator=_positive)
    is_avoided: bool = False

    def worth(self, values_V_per_m: Array) -> Array:
        """What is better the larger it is: the value, or minus the size of what is to be spared."""
        return -np.abs(values_V_per_m) if self.is_avoided else np.asarray(values_V_per_m)


def scores_of(goals: tuple[Goal, ...], values_V_per_m: Array) -> Array:
    """(n,) score of (n, g) values: weighted sum over the targets less that of the sizes of what is to be spared, V/m.

    With one target it is the value itself.
    """
    columns = [goal.weight * goal.worth(values_V_per_m[:, number]) for number, goal in enumerate(goals)]
    return np.asarray(np.sum(columns, axis=0))


def best_of_places(scores: Array, place: NDArray[np.int64], angle_rad: Array, *, count: int) -> NDArray[np.int64]:
    """(count,) number of the best pose at each place; -1 where there is none.

    Of poses that are equal within `TIE` the one whose handle is nearest to pointing backwards: a strength does not
    change when a symmetric coil is turned round, and rounding must not decide where its handle goes.
    """
    best = np.full(count, -1, dtype=np.int64)
    top = np.full(count, -np.inf)
    np.maximum.at(top, place, scores)
    level = top[place] - TIE * np.abs(scores).max(initial=0.0)
    able = np.flatnonzero(scores >= level)
    away = np.abs(np.remainder(angle_rad[able] + np.pi, 2 * np.pi) - np.pi)
    order = able[np.lexsort((-able, -np.round(away, 6)))]
    best[place[order]] = order
    return best


def front_of(goals: tuple[Goal, ...], values_V_per_m: Array) -> NDArray[np.int64]:
    """Poses of the Pareto front: no other pose is better for one goal and not worse for any other.

    Returns
    -------
    (f,) int array
        Numbers of the poses, the best for the first goal first.
    """
    worth = np.stack([goal.worth(values_V_per_m[:, number]) for number, goal in enumerate(goals)], axis=1)
    order = np.lexsort(-worth.T[::-1])
    front: list[int] = []
    kept = np.empty((0, worth.shape[1]))
    for number in order:
        # Who comes later in the order is not better for the first goal, so only those kept can beat it.
        beaten = (kept >= worth[number]).all(axis=1)
        if not beaten.any():
            front.append(int(number))
            kept = np.vstack([kept, worth[number]])
    return np.array(front, dtype=np.int64)
