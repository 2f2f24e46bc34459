"""Does a label volume look like a head? Its parts, their sizes, its skin, and which way is up.

What is impossible is refused, what is unusual is told. Left and right cannot be told apart from the shape of a head:
there the header alone is believed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.labelled import LabelVolume
from stimplan.head.tissues import AIR, TISSUE_LABELS
from stimplan.units import text, to_si

Mask = NDArray[np.bool_]

BRAIN = ("white_matter", "gray_matter")
BONE = ("bone", "compact_bone", "spongy_bone")
# What may lie bare on the outside of a head.
_SKIN = ("scalp", "eyes", "muscle", "fat", "cartilage")

# Largest and smallest healthy heads with a wide margin: a newborn's brain has some 350 ml, an adult's up to 1800 ml
# (Dekaban and Sadowsky 1978, Ann Neurol 4:345-356, doi:10.1002/ana.410040410).
BRAIN_ML = (150.0, 2500.0)
HEAD_MM = (80.0, 450.0)
# A second piece of skin this large is no speck: the head is torn, or there are two.
LARGEST_SECOND_PIECE = 0.02
LARGEST_BARE_SHARE = 0.10
TOLD_BARE_SHARE = 0.005
# How much further the head may reach up than down from the middle of the brain, and back than front, before up and
# front are taken for wrong: in a head the neck lies below and the face in front.
LARGEST_REVERSED_MM = 20.0
# The lowest fifth of the brain, cerebellum and brain stem, lies 12 to 16 % of the brain's length behind its middle
# (measured on Colin27 and on an average of adults of 40 to 44 years).
LARGEST_FORWARD = 0.05
_SIDES = {1: ("backwards", "forwards"), 2: ("down", "up")}
# How much more symmetrical about another axis than left to right the brain may be.
LARGEST_SYMMETRY_EXCESS = 0.03


def anatomy_findings(volume: LabelVolume, *, file: str = "", lacking: str = "") -> list[str]:
    """What is unusual about a head.

    Parameters
    ----------
    volume : LabelVolume
        In the usual tissue numbers, axes running right, front, up.
    file : str
        For the problems.
    lacking : str
        What to do where a part of the head is missing; may be empty.

    Raises
    ------
    HeadError
        A part of the head is missing; it is too large or too small; its skin is in pieces or does not cover it; it
        lies on its side or stands on its head.
    """
    problems = _missing(volume, file, lacking)
    if not problems:
        problems += _sizes(volume, file)
    if problems:
        raise HeadError(problems)
    findings: list[str] = []
    for check in (_pieces, _bare, _cut, _directions):
        faults, found = check(volume)
        problems += [Problem(problem.where, problem.what, file=file) for problem in faults]
        findings += found
    if problems:
        raise HeadError(problems)
    return findings


def mask_of(volume: LabelVolume, *names: str) -> Mask:
    """Voxels of the named tissues."""
    return np.isin(volume.labels, [TISSUE_LABELS[name] for name in names])


def voxel_mm_of(volume: LabelVolume) -> NDArray[np.float64]:
    """Sides of a voxel, mm."""
    return np.asarray(np.linalg.norm(volume.head_from_voxel[:3, :3], axis=0) / to_si(1, "mm"))


def volumes_m3(volume: LabelVolume) -> dict[str, float]:
    """Volume of each tissue by name, m³."""
    voxel_m3 = abs(float(np.linalg.det(volume.head_from_voxel[:3, :3])))
    counts = np.bincount(volume.labels.ravel(), minlength=256)
    return {name: float(counts[label]) * voxel_m3 for label, name in sorted(volume.tissues.items())}


def _missing(volume: LabelVolume, file: str, lacking: str) -> list[Problem]:
    """The parts without which no current can be followed from the skin to the brain."""
    present = set(volume.tissues.values())
    parts = {"scalp": ("scalp",), "bone": BONE, "csf": ("csf",), "brain": BRAIN}
    missing = [part for part, names in parts.items() if not present & set(names)]
    if not missing:
        return []
    has = ", ".join(sorted(present - {AIR})) or "nothing"
    remedy = f": {lacking}" if lacking else "; is the mapping the right one (--labels)?"
    what = f"no voxel is {' or '.join(missing)} (there is {has}){remedy}"
    return [Problem("tissues", what, file=file)]


def _sizes(volume: LabelVolume, file: str) -> list[Problem]:
    found = []
    solid = (volume.labels > 0) & (volume.labels != TISSUE_LABELS[AIR])
    extent_mm = _extent(solid) * voxel_mm_of(volume)
    least, most = HEAD_MM
    if not ((extent_mm >= least) & (extent_mm <= most)).all():
        size = "×".join(f"{side:.0f}" for side in extent_mm)
        what = f"the head is {size} mm large (right, front, up); expected {least:g} to {most:g} mm along each"
        found.append(Problem("size", what, file=file))
    sizes = volumes_m3(volume)
    brain_m3 = sum(sizes.get(name, 0.0) for name in BRAIN)
    low, high = (to_si(limit, "ml") for limit in BRAIN_ML)
    if not low <= brain_m3 <= high:
        what = (
            f"the brain has {text(brain_m3, 'm3')}; expected {BRAIN_ML[0]:g} to {BRAIN_ML[1]:g} ml. Is the voxel size "
            "right, and the mapping of the labels?"
        )
        found.append(Problem("size", what, file=file))
    return found


def _pieces(volume: LabelVolume) -> tuple[list[Problem], list[str]]:
    """Skin and brain each hang together."""
    from scipy.ndimage import generate_binary_structure, label

    problems, found = [], []
    voxel_m3 = abs(float(np.linalg.det(volume.head_from_voxel[:3, :3])))
    groups = {"scalp": mask_of(volume, *_SKIN), "brain": mask_of(volume, *BRAIN)}
    for name, mask in groups.items():
        pieces, count = label(mask, generate_binary_structure(3, 3))
        sizes = np.sort(np.bincount(pieces.ravel())[1:])[::-1]
        share = float(sizes[1] / sizes.sum()) if count > 1 else 0.0
        if share > LARGEST_SECOND_PIECE:
            what = (
                f"the {name} is in {count:,} pieces, the second with {100 * share:.1f} % of it "
                f"({text(float(sizes[1]) * voxel_m3, 'm3')}); at most {100 * LARGEST_SECOND_PIECE:g} % is allowed. "
                "Is a slice missing, or a second head in the volume?"
            )
            problems.append(Problem(name, what))
        elif count > 1:
            rest = text(float(sizes[1:].sum()) * voxel_m3, "m3")
            specks = "1 speck" if count == 2 else f"{count - 1:,} specks"
            found.append(f"{specks} of {name} ({rest}) apart from the rest")
    return problems, found


def _bare(volume: LabelVolume) -> tuple[list[Problem], list[str]]:
    """Share of the head's outer surface that is not skin; where the volume cuts the head open does not count."""
    solid = (volume.labels > 0) & (volume.labels != TISSUE_LABELS[AIR])
    skin = mask_of(volume, *_SKIN)
    outside = volume.labels == 0
    edge_lowest = _lowest(solid)
    total = bare = 0
    for axis in range(3):
        for step in (1, -1):
            if axis == 2 and step == -1:
                continue  # the neck is cut off there
            beside = _shifted(outside, axis, step)
            face = solid & beside
            face[:, :, : edge_lowest + 1] = False
            total += int(face.sum())
            bare += int((face & ~skin).sum())
    share = bare / total if total else 0.0
    if share > LARGEST_BARE_SHARE:
        what = (
            f"{100 * share:.0f} % of the head's surface is not skin; at most {100 * LARGEST_BARE_SHARE:g} % is "
            "allowed. Does the volume end inside the head, or is the scalp missing there?"
        )
        return [Problem("scalp", what)], []
    if share > TOLD_BARE_SHARE:
        return [], [f"{100 * share:.1f} % of the head's surface is not skin"]
    return [], []


def _cut(volume: LabelVolume) -> tuple[list[Problem], list[str]]:
    """Sides of the volume at which the head is cut off; at its lower end every head is."""
    solid = (volume.labels > 0) & (volume.labels != TISSUE_LABELS[AIR])
    brain = mask_of(volume, *BRAIN)
    sides = (("left", 0, 0), ("right", 0, -1), ("back", 1, 0), ("front", 1, -1), ("bottom", 2, 0), ("top", 2, -1))
    problems, cut = [], []
    for name, axis, index in sides:
        if np.take(brain, index, axis).any() and name != "bottom":
            what = f"the brain reaches the {name} of the volume: the field of view ends inside the head"
            problems.append(Problem("field of view", what))
        elif np.take(solid, index, axis).any() and name != "bottom":
            cut.append(name)
    return problems, [f"the volume ends at the head's {', '.join(cut)}: the head is cut flat there"] if cut else []


def _directions(volume: LabelVolume) -> tuple[list[Problem], list[str]]:
    """Up is up and front is front: the neck is below, the face in front, the halves left and right."""
    brain, voxel_mm = mask_of(volume, *BRAIN), voxel_mm_of(volume)
    solid = (volume.labels > 0) & (volume.labels != TISSUE_LABELS[AIR])
    symmetry = [_symmetry(brain[::2, ::2, ::2], axis) for axis in range(3)]  # half the resolution is plenty
    names = ("left-right", "back-front", "down-up")
    best = int(np.argmax(symmetry))
    if symmetry[best] - symmetry[0] > LARGEST_SYMMETRY_EXCESS:
        what = (
            f"the brain is most symmetrical along the axis that the header calls {names[best]} (overlap "
            f"{symmetry[best]:.2f}, left-right {symmetry[0]:.2f}): the axes are swapped; correct the header"
        )
        return [Problem("orientation", what)], []
    problems = []
    for axis, far, near, says in ((2, 1, 0, "upside down"), (1, 0, 1, "front to back")):
        reach_mm = _reach(brain, solid, axis) * voxel_mm[axis]
        if reach_mm[far] - reach_mm[near] > LARGEST_REVERSED_MM:
            what = (
                f"from the middle of the brain the head reaches {reach_mm[far]:.0f} mm {_SIDES[axis][far]} and "
                f"{reach_mm[near]:.0f} mm {_SIDES[axis][near]}: by its header the head is {says}, or its axes are "
                "swapped; correct the header"
            )
            problems.append(Problem("orientation", what))
    forward = _lower_brain_forward(brain)
    if not problems and forward > LARGEST_FORWARD:
        what = (
            f"the lowest fifth of the brain lies {100 * forward:.0f} % of its length in front of its middle, where in "
            "every head cerebellum and brain stem lie behind: by its header the head is front to back; correct it"
        )
        problems.append(Problem("orientation", what))
    return problems, []


def _lower_brain_forward(brain: Mask) -> float:
    """How far the lowest fifth of the brain lies in front of the middle of all of it, as a share of its length."""
    ups = np.flatnonzero(brain.any(axis=(0, 1)))
    alongs = np.flatnonzero(brain.any(axis=(0, 2)))
    lowest = brain[:, :, : ups[0] + max(1, (ups[-1] - ups[0]) // 5)]
    middles = []
    for part in (brain, lowest):
        counts = part.sum(axis=(0, 2), dtype=np.int64)
        middles.append(float(counts @ np.arange(len(counts))) / float(counts.sum()))
    return (middles[1] - middles[0]) / float(alongs[-1] - alongs[0] + 1)


def _symmetry(mask: Mask, axis: int) -> float:
    """Overlap (Dice) of a mask with its mirror image along one axis, at the best place of the mirror."""
    counts = mask.sum(axis=tuple({0, 1, 2} - {axis}), dtype=np.int64)
    middle = 2 * float((counts * np.arange(len(counts))).sum()) / counts.sum()
    best = 0.0
    for double in range(round(middle) - 3, round(middle) + 4):
        # Voxel i has its image at `double` - i.
        first, last = max(0, double - mask.shape[axis] + 1), min(mask.shape[axis] - 1, double)
        part = np.take(mask, np.arange(first, last + 1), axis)
        overlap = 2 * float((part & np.flip(part, axis)).sum()) / (2 * counts.sum())
        best = max(best, overlap)
    return best


def _reach(inner: Mask, outer: Mask, axis: int) -> NDArray[np.float64]:
    """Voxels from the middle of the inner mask to the low and to the high end of the outer one."""
    others = tuple({0, 1, 2} - {axis})
    counts = inner.sum(axis=others, dtype=np.int64)
    middle = float(counts @ np.arange(len(counts))) / float(counts.sum())
    used = np.flatnonzero(outer.any(axis=others))
    return np.array([middle - used[0], used[-1] - middle])


def _extent(mask: Mask) -> NDArray[np.int64]:
    sides = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        sides.append(int(used[-1] - used[0] + 1) if len(used) else 0)
    return np.array(sides)


def _lowest(mask: Mask) -> int:
    return int(np.flatnonzero(mask.any(axis=(0, 1)))[0])


def _shifted(mask: Mask, axis: int, step: int) -> Mask:
    """For each voxel, whether its neighbour is in the mask; beyond the volume nothing is."""
    moved = np.zeros_like(mask)
    to, source = [slice(None)] * 3, [slice(None)] * 3
    to[axis], source[axis] = (slice(None, -1), slice(1, None)) if step == 1 else (slice(1, None), slice(None, -1))
    moved[tuple(to)] = mask[tuple(source)]
    return moved
