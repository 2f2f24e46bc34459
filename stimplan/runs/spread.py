"""How far each figure of a coil's field moves when the coil is not quite where it is meant to be.

The coil is put at 14 other places: 5 mm away over the scalp, turned by 10°, and both (see `placement_design`). What is
given of every figure is the smallest and the largest value among these and the intended one; of |E| in the tissue, at
the target and below the coil also the root mean square of the 14 differences from the intended one. This is the
uncertainty of placement only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil import Coil
from stimplan.coil_field import CoilField, solve_coils
from stimplan.coil_on_head import coil_placement
from stimplan.coil_search.candidates import casing_points
from stimplan.head import HeadModel
from stimplan.pose import CoilPose
from stimplan.pose_cloud import SHIFT_M, TURN_RAD, Move, moved_poses, placement_design
from stimplan.roi import Roi, elements_in, weighted_percentiles
from stimplan.runs.drive import UNIT_A_PER_S
from stimplan.runs.figures import Numbers, combined, times
from stimplan.values import frozen_mapping

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

# Directions of the handle looked at where the protocol says none: half a turn, for |E| of a coil turned by half a turn
# is the same where the coil is symmetric, and nearly so where it is not.
HANDLE_STEPS = 6

# Regions of a spread and the tables of `coil_figures` that have their figures.
_RANGED = {"tissue": "in_tissue", "target": "at_target", "below": "below"}
_FIGURES = ("mean", "median", "p99", "p999", "peak")


@attrs.frozen
class Range:
    """A figure with its spread.

    Attributes
    ----------
    value_V_per_m : float
        At the intended pose.
    low_V_per_m, high_V_per_m : float
        Among all poses, the intended one included.
    relative_rms : float
        Root mean square of the differences from the intended one, over it.
    """

    value_V_per_m: float
    low_V_per_m: float
    high_V_per_m: float
    relative_rms: float

    def scaled(self, factor: float) -> Range:
        """The same for another rate of the current."""
        value, low, high = (factor * one for one in (self.value_V_per_m, self.low_V_per_m, self.high_V_per_m))
        return Range(value, low, high, self.relative_rms)


@attrs.frozen
class Spread:
    """The figures of a coil's field with their spread.

    Attributes
    ----------
    poses : int
        Other poses that were solved.
    shift_m, turn_rad : float
        How far they are from the intended one.
    figures : mapping of str to mapping of str to Range
        By region (`tissue`, `target`, `below`) and figure (`mean`, `median`, `p99`, `p999`, `peak`).
    low, high : mapping
        Of every figure, by the names of `stimplan.runs.figures.coil_figures`; empty where only regions were asked for.
    """

    poses: int
    shift_m: float
    turn_rad: float
    figures: Mapping[str, Mapping[str, Range]] = attrs.field(converter=frozen_mapping)
    low: Numbers = attrs.field(factory=dict, converter=frozen_mapping)
    high: Numbers = attrs.field(factory=dict, converter=frozen_mapping)

    def scaled(self, factor: float) -> Spread:
        """The same for another rate of the current, which is not turned round."""
        scaled = {where: {name: one.scaled(factor) for name, one in of.items()} for where, of in self.figures.items()}
        return attrs.evolve(self, figures=scaled, low=times(self.low, factor), high=times(self.high, factor))


@attrs.frozen
class HandleRange:
    """Mean |E| in a region over directions of the handle, where the protocol says none.

    Attributes
    ----------
    region : str
        `target`, or `below` the coil.
    step_rad : float
        Between the directions, over half a turn.
    low_V_per_m, high_V_per_m : float
    """

    region: str
    step_rad: float
    low_V_per_m: float
    high_V_per_m: float

    def scaled(self, factor: float) -> HandleRange:
        """The same for another rate of the current."""
        return attrs.evolve(self, low_V_per_m=factor * self.low_V_per_m, high_V_per_m=factor * self.high_V_per_m)


def spread_of(field: CoilField, regions: Mapping[str, Roi | None], *, progress: Progress | None = None) -> Spread:
    """Solve the moved poses and compare |E| in regions with that of a field.

    Parameters
    ----------
    field : CoilField
        At the intended pose.
    regions : mapping of str to region
        None is the tissue of interest.
    progress : callable, optional
    """
    masks = {name: elements_in(field.head, roi) for name, roi in regions.items()}
    others = [figures_of(one, masks) for one in _moved_fields(field, progress)]
    return Spread(len(others), SHIFT_M, TURN_RAD, _ranges(figures_of(field, masks), others))


def spread_of_all(
    field: CoilField, measure: Callable[[CoilField], Numbers], *, progress: Progress | None = None
) -> Spread:
    """Solve the moved poses and compare every figure with that of a field.

    Parameters
    ----------
    field : CoilField
        At the intended pose.
    measure : callable
        From a field to its figures, see `stimplan.runs.figures.coil_figures`.
    progress : callable, optional
    """
    own = measure(field)
    others = [measure(one) for one in _moved_fields(field, progress)]
    ranges = _ranges(_ranged(own), [_ranged(one) for one in others])
    low, high = combined([own, *others], min), combined([own, *others], max)
    return Spread(len(others), SHIFT_M, TURN_RAD, ranges, low, high)


def _moved_fields(field: CoilField, progress: Progress | None) -> Iterator[CoilField]:
    placed = field.coil_placement
    moves = placement_design()
    poses = moved_poses(field.head, CoilPose(placed.pose_m), moves, casing_points_m=casing_points(placed.coil))
    return unit_fields_at(field.head, placed.coil, poses, rate_A_per_s=abs(placed.didt_A_per_s[0]), progress=progress)


def _ranged(numbers: Numbers) -> dict[str, dict[str, float]]:
    """The figures of |E| that are given with their root mean square too."""
    tables = {where: numbers[name] for where, name in _RANGED.items() if numbers[name] is not None}
    return {where: {name: of[f"{name}_V_per_m"] for name in _FIGURES} for where, of in tables.items()}


def handle_range_of(field: CoilField, region: Roi, *, name: str, progress: Progress | None = None) -> HandleRange:
    """Mean |E| in a region for directions of the handle over half a turn."""
    step = math.pi / HANDLE_STEPS
    moves = [Move(turn_rad=number * step) for number in range(1, HANDLE_STEPS)]
    placed, mask = field.coil_placement, {name: elements_in(field.head, region)}
    poses = moved_poses(field.head, CoilPose(placed.pose_m), moves, casing_points_m=casing_points(placed.coil))
    rate = abs(placed.didt_A_per_s[0])
    fields = unit_fields_at(field.head, placed.coil, poses, rate_A_per_s=rate, progress=progress)
    means = [figures_of(one, mask)[name]["mean"] for one in fields] + [figures_of(field, mask)[name]["mean"]]
    return HandleRange(name, step, min(means), max(means))


def unit_fields_at(
    head: HeadModel,
    coil: Coil,
    poses: Sequence[CoilPose],
    *,
    rate_A_per_s: float = UNIT_A_PER_S,
    progress: Progress | None = None,
) -> Iterator[CoilField]:
    """The field at each pose, a few in memory at a time."""
    placements = [coil_placement(coil, pose_m=pose, didt_A_per_s=rate_A_per_s, head=head) for pose in poses]
    return solve_coils(head, placements, progress=progress)


def figures_of(field: CoilField, masks: Mapping[str, NDArray[np.bool_]]) -> dict[str, dict[str, float]]:
    """Mean, median, upper percentiles and peak of |E| in each region, V/m."""
    found = {}
    for name, mask in masks.items():
        values, volumes = np.linalg.norm(field.E_V_per_m[mask], axis=1), field.head.volumes_m3[mask]
        median, p99, p999 = weighted_percentiles(values, volumes, [50, 99, 99.9])
        mean = float(values @ volumes / volumes.sum())
        found[name] = {"mean": mean, "median": median, "p99": p99, "p999": p999, "peak": float(values.max())}
    return found


def _ranges(
    own: Mapping[str, Mapping[str, float]], others: Sequence[Mapping[str, Mapping[str, float]]]
) -> dict[str, dict[str, Range]]:
    return {
        where: {name: _range(value, [other[where][name] for other in others]) for name, value in of.items()}
        for where, of in own.items()
    }


def _range(value: float, others: Sequence[float]) -> Range:
    rms = math.sqrt(sum((other - value) ** 2 for other in others) / len(others))
    return Range(value, min(value, *others), max(value, *others), rms / value if value else math.inf)
