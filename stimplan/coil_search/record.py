"""A search as plain JSON data, units in the names of its keys, and as lines of text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stimplan import __version__
from stimplan.coil_search.search import CoilSearch, RankedPose
from stimplan.coil_search.space import SearchSpace
from stimplan.head.space import has_mni, to_mni_m
from stimplan.head.tape_sites import nearest_site
from stimplan.pose import Tilt
from stimplan.units import text

Array = NDArray[np.float64]

# The front of a search over many poses may hold thousands; these are spread evenly over it.
MOST_OF_FRONT = 50


def search_record(found: CoilSearch) -> dict[str, Any]:
    """Everything a search found, as plain JSON data."""
    space, poses = found.space, found.candidates
    return {
        "stimplan": __version__,
        "head": found.head.name,
        "head_digest": found.head.digest,
        "coil": found.coil.name,
        "coil_source": found.coil.source,
        "coil_digest": found.coil.digest,
        "didt_A_per_s": list(found.didt_A_per_s),
        "maximised": maximised(found),
        "targets": [
            {
                "name": goal.target.name,
                "observed": goal.target.description,
                "is_avoided": goal.is_avoided,
                "weight": goal.weight,
                "center_m": _numbers(goal.target.center_m),
                "notices": list(goal.target.notices),
            }
            for goal in found.goals
        ],
        "space": _space(space, poses.middle_m),
        "poses": len(poses.poses_m),
        "left_out": dict(poses.left_out),
        "not_asked": list(poses.notices),
        "best": [pose_record(found, one) for one in found.best],
        "map": _map(found),
        "front": _front(found) if len(found.goals) > 1 else [],
        "uncertainty": {"shift_m": found.uncertainty.shift_m, "turn_rad": found.uncertainty.turn_rad},
        "interpolation_error": found.interpolation_error,
        "residual": found.auxiliary.residual,
    }


def pose_record(found: CoilSearch, one: RankedPose) -> dict[str, Any]:
    """One of the best poses as plain JSON data."""
    place = found.candidates.places_m[one.place]
    site = nearest_site(found.head, place)
    return {
        "matrix_m": [_numbers(row) for row in one.pose.matrix_m],
        "handle_direction": _numbers(one.pose.handle_direction),
        "handle_from_midline_rad": one.angle_rad,
        "tilt_rad": _tilt(one.tilt),
        "place_m": _numbers(place),
        "place_mni_m": _numbers(to_mni_m(found.head, place)) if has_mni(found.head) else None,
        "nearest_site": None if site is None else {"name": site[0], "distance_m": site[1]},
        "lift_m": one.lift_m,
        "score_V_per_m": one.score_V_per_m,
        "score_spread_V_per_m": _numbers(one.spread.score_V_per_m),
        "values_V_per_m": _numbers(one.values_V_per_m),
        "values_spread_V_per_m": [_numbers(ends) for ends in one.spread.values_V_per_m],
        "spread_poses": one.spread.poses,
        "notices": list(one.pose.notices),
    }


def maximised(found: CoilSearch) -> str:
    """The number that is maximised, in words."""
    parts: list[str] = []
    for goal in found.goals:
        sign = " - " if goal.is_avoided else " + " if parts else ""
        factor = "" if goal.weight == 1 else f"{goal.weight:g} × "
        what = goal.target.description
        size = f"size of the {what}" if goal.is_avoided and not goal.target.is_strength else what
        parts.append(f"{sign}{factor}[{size}]" if len(found.goals) > 1 else what)
    return "".join(parts)


def search_lines(found: CoilSearch) -> list[str]:
    """What a person reads: what was maximised, over how many poses, and the list with its spread."""
    rate = ", ".join(text(one, "A_per_s", 4) for one in found.didt_A_per_s)
    lines = [f"{found.coil.name} on {found.head.name}, dI/dt {rate}", f"Maximised: {maximised(found)}"]
    lines += [f"Note: {notice}" for goal in found.goals for notice in goal.target.notices]
    count, left = len(found.candidates.poses_m), sum(found.candidates.left_out.values())
    lines.append(f"{count + left:,} poses, {left:,} left out")
    lines += [f"  {number:,} {reason}" for reason, number in found.candidates.left_out.items()]
    shift, turn = text(found.uncertainty.shift_m, "m"), text(found.uncertainty.turn_rad, "rad")
    is_tilted = len(found.space.all_tilts) > 1
    which = "angle and tilt about the coil's x and y" if is_tilted else "angle"
    lines += [
        "",
        f"Best places, each with its best {which} (in brackets: lowest to highest within {shift} and {turn}):",
    ]
    lines += [_line(found, number, one) for number, one in enumerate(found.best, start=1)]
    if len(found.goals) > 1:
        lines += ["", f"{len(found.front)} poses are beaten by no other in all of the targets (Pareto front)."]
    error = text(found.interpolation_error, "fraction", 2)
    if all(goal.target.is_strength for goal in found.goals):
        lines += ["", "A strength has no sign: a symmetric coil turned by 180° gives the same. Of the two the handle",
                  "that points more to the back is listed."]  # fmt: skip
    error = text(found.interpolation_error, "fraction", 2)
    lines += [
        "",
        f"Values of the list are summed at every node of the head; those of the map are within {error} there.",
    ]
    lines += [f"Not asked: {notice}." for notice in found.candidates.notices]
    return lines


def _line(found: CoilSearch, number: int, one: RankedPose) -> str:
    place = found.candidates.places_m[one.place]
    site = nearest_site(found.head, place)
    near = "" if site is None else f"{text(site[1], 'm', 2)} from {site[0]}, "
    low, high = one.spread.score_V_per_m
    parts = [f"{number:3}. {text(one.score_V_per_m, 'V_per_m', 4)} ({low:.4g} to {high:.4g})"]
    parts.append(f"{near}handle {text(round(one.angle_rad, 6), 'rad')}")
    if found.space.all_tilts != (None,):
        about_x, about_y = (text(round(angle, 6), "rad") for angle in _tilt(one.tilt))
        parts.append(f"tilt {about_x}, {about_y}")
    if len(found.goals) > 1:
        parts.append("; ".join(
            f"{goal.target.name} {text(float(value), 'V_per_m')}"
            for goal, value in zip(found.goals, one.values_V_per_m, strict=True)
        ))  # fmt: skip
    return "  ".join([*parts, *one.pose.notices])


def _map(found: CoilSearch) -> list[dict[str, Any]]:
    """The best angle and its score at each place; null where the coil can take no pose."""
    poses = found.candidates
    rows = []
    for place, lattice, number in zip(poses.places_m, poses.lattice_m, found.best_at_place, strict=True):
        is_there = number >= 0
        rows.append({
            "place_m": _numbers(place),
            "lattice_m": _numbers(lattice),
            "handle_from_midline_rad": float(poses.angle_rad[number]) if is_there else None,
            "tilt_rad": _tilt(found.space.all_tilts[poses.tilt[number]]) if is_there else None,
            "score_V_per_m": float(found.scores_V_per_m[number]) if is_there else None,
        })  # fmt: skip
    return rows


def _front(found: CoilSearch) -> list[dict[str, Any]]:
    chosen = found.front
    if len(chosen) > MOST_OF_FRONT:
        chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, MOST_OF_FRONT).round().astype(int))]
    poses = found.candidates
    return [
        {
            "place_m": _numbers(poses.places_m[poses.place[number]]),
            "handle_from_midline_rad": float(poses.angle_rad[number]),
            "tilt_rad": _tilt(found.space.all_tilts[poses.tilt[number]]),
            "matrix_m": [_numbers(row) for row in poses.poses_m[number]],
            "values_V_per_m": _numbers(found.values_V_per_m[number]),
        }
        for number in chosen
    ]


def _space(space: SearchSpace, middle_m: Array) -> dict[str, Any]:
    return {
        "radius_m": space.radius_m,
        "spacing_m": space.spacing_m,
        "angles_rad": list(space.angles_rad),
        "distance_m": space.distance_m,
        "tilt_rad": None if space.tilt is None else _tilt(space.tilt),
        "tilts_rad": [_tilt(one) for one in space.tilts],
        "most_lift_m": space.most_lift_m,
        "middle_m": _numbers(middle_m),
    }


def _tilt(tilt: Tilt | None) -> list[float]:
    """About x and about y, rad; nothing where the coil lies flat."""
    return [0.0, 0.0] if tilt is None else [tilt.about_x_rad, tilt.about_y_rad]


def _numbers(values: Array) -> list[float]:
    return [float(one) for one in values]
