"""Regions as text, as on the command line.

    sphere:mni_mm=-38,44,26;radius_mm=10      position_mm (or center_mm, as for a lesion) for head coordinates
    tissue:white_matter
    ba:46;side=left                           a Brodmann area
    atlas:schaefer100:LH_Cont_PFCl_1          a shipped atlas, or atlas:FILE:LABEL
    mask:FILE, mask:mni:FILE                  in head coordinates, or in MNI space
    patch:site=F3;radius_mm=15                along the cortex; also mni_mm or position_mm, depth_mm

Every kind but `tissue` and `patch` takes `;tissue=NAME`. A comma does in place of a semicolon, as in `--lesion`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stimplan.errors import InputError, Problem
from stimplan.roi.atlas import SIDES, atlas_roi
from stimplan.roi.regions import Roi, mask_roi, patch_roi, sphere_roi, tissue_roi

EXAMPLES = (
    "sphere:mni_mm=-38,44,26;radius_mm=10, ba:46, ba:46;side=left, atlas:schaefer100:LH_Cont_PFCl_1, "
    "mask:FILE, mask:mni:FILE, patch:site=F3;radius_mm=15, tissue:white_matter"
)


def read_roi(text: str) -> Roi:
    """Read one region.

    Raises
    ------
    InputError
        Everything that is wrong with it, in one go.
    """
    kind, colon, body = text.strip().partition(":")
    if not colon or kind not in _READERS or not body:
        what = f"{text!r} is no region; expected one of {EXAMPLES}"
        raise InputError(Problem("--roi", what))
    try:
        return _READERS[kind](body)
    except InputError as error:
        raise InputError([_placed(problem, text) for problem in error.problems]) from None


def read_rois(texts: Sequence[str]) -> tuple[Roi, ...]:
    """Read several regions; what is wrong with all of them is raised together.

    Raises
    ------
    InputError
        See `read_roi`.
    """
    regions: list[Roi] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            regions.append(read_roi(text))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return tuple(regions)


def _placed(problem: Problem, text: str) -> Problem:
    parts = (text, problem.where if problem.where not in ("", "--roi") else "", problem.what)
    return Problem("--roi", ": ".join(part for part in parts if part), file=problem.file)


def _sphere(body: str) -> Roi:
    body = re.sub(r"\bcenter_mm(?=\s*=)", "position_mm", body)
    options = _options(body, {"mni_mm": _point, "position_mm": _point, "radius_mm": _number, "tissue": str})
    _need(options, "radius_mm")
    return sphere_roi(**options)


def _patch(body: str) -> Roi:
    keys: dict[str, Callable[[str], Any]] = {"site": str, "radius_mm": _number, "depth_mm": _number}
    keys |= {"mni_mm": _point, "position_mm": _point}
    options = _options(body, keys)
    _need(options, "radius_mm")
    return patch_roi(**options)


def _tissue(body: str) -> Roi:
    return tissue_roi(body.strip())


def _mask(body: str) -> Roi:
    path, options = _first(body, {"tissue": str})
    in_mni = path.startswith("mni:")
    return mask_roi(path.removeprefix("mni:"), in_mni=in_mni, **options)


def _area(body: str) -> Roi:
    label, options = _first(body, {"side": _side, "tissue": str})
    return atlas_roi("ba", label, **options)


def _atlas(body: str) -> Roi:
    named, options = _first(body, {"side": _side, "tissue": str})
    name, colon, label = named.rpartition(":")  # a path may hold a colon, a label does not
    if not colon or not name or not label:
        raise InputError(Problem("", "is atlas:NAME:LABEL or atlas:FILE:LABEL; `stimplan atlases` lists the labels"))
    return atlas_roi(name, label, **options)


_READERS: Mapping[str, Callable[[str], Roi]] = {
    "sphere": _sphere,
    "tissue": _tissue,
    "ba": _area,
    "atlas": _atlas,
    "mask": _mask,
    "patch": _patch,
}


def _first(body: str, keys: Mapping[str, Callable[[str], Any]]) -> tuple[str, dict[str, Any]]:
    """What stands before the first option, and the options behind it."""
    name, *rest = _parts(body)
    return name, _options(";".join(rest), keys) if rest else {}


def _parts(body: str) -> list[str]:
    """The pieces between semicolons, or between commas where a name and an equals sign follow, as for a lesion."""
    return [part.strip() for part in re.split(r";|,(?=\s*[a-z_]+\s*=)", body)]


def _options(body: str, keys: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """`KEY=VALUE;KEY=VALUE` or with commas between, as a table; every fault is listed."""
    found: dict[str, Any] = {}
    problems = []
    for part in filter(None, _parts(body)):
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in keys:
            problems.append(Problem(key, f"is not known here; expected {', '.join(keys)}"))
        elif key in found:
            problems.append(Problem(key, "comes twice"))
        else:
            try:
                found[key] = keys[key](value)
            except ValueError as error:
                problems.append(Problem(key, str(error)))
    if problems:
        raise InputError(problems)
    return found


def _need(options: Mapping[str, Any], key: str) -> None:
    if key not in options:
        raise InputError(Problem(key, "is missing"))


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{value!r} is no number") from None


def _point(value: str) -> list[float]:
    try:
        numbers = [float(part) for part in value.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 3:
        raise ValueError(f"{value!r} is not three numbers with commas")
    return numbers


def _side(value: str) -> str:
    if value not in SIDES:
        raise ValueError(f"is left or right, got {value!r}")
    return value
