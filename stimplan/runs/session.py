"""A session of a navigator on a head: each recorded position with how hard the coil was driven there.

A navigator notes the stimulator's output as a share of its maximum, some also the rate of the current that the
stimulator reports. A rate that was reported is taken as it is; a share becomes a rate by dI/dt at 100 % of the output,
of this coil on this stimulator. Where neither is known the field is that of 1 A/µs, and the row says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs
import numpy as np

from stimplan.coil import Coil, Stimulator
from stimplan.coil.intensity import Known, convert, stimulator_of
from stimplan.coil_plan import as_driven, with_rate
from stimplan.coil_search.candidates import casing_points
from stimplan.errors import CoilError, Problem
from stimplan.exchange.navigation import NavigationTarget
from stimplan.exchange.navigation.registration import contacts
from stimplan.head import HeadModel
from stimplan.pose_contact import TOUCH_M, intersection, rest_on_scalp
from stimplan.protocol.magnetic import Intensity
from stimplan.runs.pose_table import NamedPose
from stimplan.units import text

# The rate a stimulator reports and the one its output stands for may differ by this share before it is told; the choice
# of this program. Both are rounded numbers of a display.
_SAME_RATE = 0.15
_MOST_STEPS = 4


@attrs.frozen
class Drives:
    """What is known about how hard the coil was driven.

    Attributes
    ----------
    max_didt_A_per_s : float or None
        At 100 % of the output, of this coil on the stimulator used; by default the coil's own.
    stimulator : str or None
        Which stimulator was used: the coil's own rate holds on the one it is stated for only.
    didt_A_per_s : float or None
        One rate for all poses, whatever the file says.
    """

    max_didt_A_per_s: float | None = None
    stimulator: str | None = None
    didt_A_per_s: float | None = None


def known_of(coil: Coil, drives: Drives) -> tuple[Known, tuple[str, ...]]:
    """The facts about the output scale, and what must be told of them.

    Where another stimulator is named than the one whose rate the coil states, that rate is not taken.
    """
    if drives.max_didt_A_per_s is not None:
        return Known(max_didt_A_per_s=drives.max_didt_A_per_s, rate_of=drives.stimulator or ""), ()
    known, own = with_rate(Known(), coil), stimulator_of(coil)
    if drives.stimulator is None or known.max_didt_A_per_s is None:
        return known, ()
    if drives.stimulator.casefold() in own.casefold() or (own and own.casefold() in drives.stimulator.casefold()):
        return known, ()
    rate = text(known.max_didt_A_per_s, "A_per_s", 4)
    stated = f"with {own}" if own else "with a stimulator that is not named"
    told = f"{coil.name} is stated to give {rate} {stated}, not with {drives.stimulator}: it is not taken"
    return Known(), (told,)


def driven_coil(coil: Coil, drives: Drives) -> Coil:
    """The coil on the stimulator used; what it states for another stimulator limits no rate."""
    if drives.max_didt_A_per_s is not None:
        return as_driven(coil, drives.max_didt_A_per_s)
    if known_of(coil, drives)[0].max_didt_A_per_s == coil.max_didt_A_per_s:
        return coil
    return attrs.evolve(coil, stimulators=[Stimulator(drives.stimulator or "") for _ in coil.stimulators])


def session_poses(
    targets: Sequence[NavigationTarget], coil: Coil, drives: Drives
) -> tuple[list[NamedPose], tuple[str, ...]]:
    """Poses with their rates, and in words how these were found.

    Parameters
    ----------
    targets : sequence of NavigationTarget
        In the coordinates of the head.
    coil : Coil
    drives : Drives

    Returns
    -------
    poses, lines
        Beside each pose what the file has: `mso_fraction`, `mep_1_V` and so on for the channels of muscles.
    """
    known, told = known_of(coil, drives)
    poses: list[NamedPose] = []
    steps: list[str] = []
    for target in targets:
        rate, basis, said = _rate(target, known, drives)
        steps += said
        beside = {f"mep_{channel}_V": value for channel, value in target.mep_V}
        if target.mso_fraction is not None:
            beside["mso_fraction"] = target.mso_fraction
        poses.append(NamedPose(target.name, target.pose, rate, basis, beside))
    return poses, (*told, *_steps(steps), *_compared(targets, known, drives), *_unknown(targets, poses, known))


def _rate(target: NavigationTarget, known: Known, drives: Drives) -> tuple[float | None, str, tuple[str, ...]]:
    """Rate of the current at a pose, where it is from (see `NamedPose`), and the conversion in words."""
    if drives.didt_A_per_s is not None:
        return drives.didt_A_per_s, "given", ()
    if target.didt_A_per_s:
        return target.didt_A_per_s, "file", ()
    if target.mso_fraction and known.max_didt_A_per_s is not None:
        found = convert(Intensity(target.mso_fraction, "MSO"), "didt", known)
        return found.value, "output", found.steps
    return None, "unit", ()


def _steps(steps: list[str]) -> tuple[str, ...]:
    """Each conversion once, with how many poses it is of; of many the most frequent."""
    counted = Counter(steps).most_common()
    shown = tuple(f"{step} ({count} {_poses(count)})" for step, count in counted[:_MOST_STEPS])
    rest = sum(count for _, count in counted[_MOST_STEPS:])
    return (*shown, f"and likewise for {rest} more {_poses(rest)}") if rest else shown


def _compared(targets: Sequence[NavigationTarget], known: Known, drives: Drives) -> tuple[str, ...]:
    """Whether the rates of the file are those that its outputs stand for."""
    most = known.max_didt_A_per_s
    if most is None or drives.didt_A_per_s is not None:
        return ()
    ratios = [abs(one.didt_A_per_s) / (one.mso_fraction * most) for one in targets
              if one.didt_A_per_s and one.mso_fraction]  # fmt: skip
    if not ratios or abs(float(np.median(ratios)) - 1) <= _SAME_RATE:
        return ()
    share = text(float(np.median(ratios)), "fraction")
    expected = f"{text(most, 'A_per_s', 4)} at 100 %{f' of {known.rate_of}' if known.rate_of else ''}"
    return (
        f"the rates in the file are {share} (median) of what its outputs stand for by {expected}; those of the file "
        "are taken. Is it this coil and this stimulator?",
    )


def _unknown(targets: Sequence[NavigationTarget], poses: Sequence[NamedPose], known: Known) -> tuple[str, ...]:
    """How many poses have no rate, and why."""
    without = [target for target, one in zip(targets, poses, strict=True) if one.didt_A_per_s is None]
    if not without:
        return ()
    with_output = sum(bool(target.mso_fraction) for target in without)
    lines = []
    if with_output:
        of = "the output of the stimulator is in the file, dI/dt at 100 % of it is not known"
        lines.append(f"{with_output} {_poses(with_output)} for 1 A/µs: {of}; give --max-didt-a-per-us")
    if len(without) > with_output:
        count = len(without) - with_output
        lines.append(f"{count} {_poses(count)} for 1 A/µs: the file has no output of the stimulator for them")
    return tuple(lines)


def _poses(count: int) -> str:
    return "pose" if count == 1 else "poses"


def rested(head: HeadModel, coil: Coil, poses: Sequence[NamedPose]) -> tuple[list[NamedPose], tuple[str, ...]]:
    """The poses, those whose casing cuts the head moved back along their axis until it rests on it.

    Raises
    ------
    CoilError
        The coil has neither a casing nor wire; a coil would have to go back by more than 50 mm, by its name.
    """
    casing = casing_points(coil)
    if casing is None:
        raise CoilError(Problem("--rest", f"coil {coil.name!r} has neither casing nor wire to rest on the scalp with"))
    found, ways, problems = [], [], []
    for one in poses:
        try:
            pose = rest_on_scalp(head, one.pose, casing)
        except CoilError as error:
            problems += [Problem(one.name, problem.what) for problem in error.problems]
            continue
        ways.append(float(np.linalg.norm(pose.center_m - one.pose.center_m)))
        found.append(attrs.evolve(one, pose=pose, beside={**one.beside, "moved_back_m": ways[-1]}))
    if problems:
        raise CoilError(problems)
    count = sum(way > 0 for way in ways)
    if not count:
        return found, ("no coil cuts the head: none was moved back",)
    return found, (f"{count} of {len(found)} coils were moved back, by up to {text(max(ways), 'm')}, until they rest",)


def with_contact(head: HeadModel, coil: Coil, poses: Sequence[NamedPose]) -> tuple[list[NamedPose], tuple[str, ...]]:
    """The poses with the distance of the middle of each coil from the scalp, and how deep its casing is in the head."""
    casing = casing_points(coil)
    found, depths = [], []
    for one, contact in zip(poses, contacts(head, [each.pose for each in poses]), strict=True):
        beside = {**one.beside, "scalp_distance_m": contact.distance_m}
        if casing is not None:
            depths.append(intersection(head, one.pose, casing).depth_m)
            beside["casing_depth_m"] = depths[-1]
        found.append(attrs.evolve(one, beside=beside))
    count = sum(depth > TOUCH_M for depth in depths)
    if not count:
        return found, ()
    most = text(max(depths), "m")
    return found, (f"{count} of {len(found)} casings are inside the head, by up to {most}; --rest moves them back",)
