"""Which tissue each tag of a mesh is: by a mapping, or by SimNIBS' numbers where the file does not contradict them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stimplan.errors import HeadError, Problem
from stimplan.head.readers.tags import SURFACE_OFFSET, TISSUE_NAMES, electrode_part, nearest_tissue, tissue_called
from stimplan.head.readers.values import RawMesh
from stimplan.head.tissues import TISSUE_LABELS


def tissue_of_tags(
    raw: RawMesh, mapping: Mapping[int, str] | Mapping[str, str] | None, own: frozenset[str]
) -> tuple[dict[int, str], list[str]]:
    """Tissue of each tag that occurs.

    Parameters
    ----------
    raw : RawMesh
    mapping : mapping of tag to tissue, or None
        Tags may be text, as in JSON; `air` is cut out of the mesh.
    own : frozenset of str
        Names that are no standard tissue and yet allowed.

    Returns
    -------
    names : dict of int to str
        By tag, sorted.
    notices : list of str
        What is worth knowing and no fault.

    Raises
    ------
    HeadError
        Every tag that is not known, every name that is no tissue, every contradiction.
    """
    file = str(raw.record.get("file", ""))
    counts = {int(tag): int(count) for tag, count in zip(*np.unique(raw.tissue, return_counts=True), strict=True)}
    if mapping is None:
        problems = [_conventional_problem(raw, tag, count) for tag, count in counts.items()] + _empty(raw, set(counts))
        names, notices = {tag: TISSUE_NAMES.get(tag, "") for tag in counts}, []
    else:
        given, problems = _given(mapping, own)
        problems += [_unmapped(raw, tag, count, given) for tag, count in counts.items() if tag not in given]
        names = {tag: given.get(tag, "") for tag in counts}
        absent = [f"{tag} ({name})" for tag, name in sorted(given.items()) if tag not in counts]
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        notices = [f"no tetrahedron carries {', '.join(absent[:5])}{more}, which the mapping names"] if absent else []
    found = [text for text in problems if text]
    if found:
        raise HeadError([Problem("tissue tags", text, file) for text in found])
    return names, notices


def _called(raw: RawMesh, tag: int) -> str:
    """What the file itself calls a tag, or nothing."""
    return raw.names.get(tag, "") if tag in raw.record.get("named_by_file", ()) else ""


def _conventional_problem(raw: RawMesh, tag: int, count: int) -> str:
    """What keeps a tag from being taken for SimNIBS' number."""
    part, called = electrode_part(tag), _called(raw, tag)
    expected = TISSUE_NAMES.get(tag)
    if part is not None:
        return (
            f"{count} tetrahedra with tag {tag} are {part}: this is the mesh of a simulation; read the head's own mesh "
            "(m2m_*/*.msh), electrodes are placed on it by the protocol"
        )
    if expected is None:
        hint = nearest_tissue(called) if called else f"the nearest is {_nearest_number(tag)}"
        name = f" ({called!r})" if called else ""
        return f"{count} tetrahedra with tag {tag}{name}, which is no tissue of SimNIBS; {hint}. State a mapping"
    meant = tissue_called(called)
    if called and meant != expected:
        what = f"which is {meant}" if meant else f"which is no tissue ({nearest_tissue(called)})"
        return f"tag {tag} is called {called!r} in the file, {what}, but it is {expected} in SimNIBS; state a mapping"
    return ""


def _nearest_number(tag: int) -> str:
    number = min(TISSUE_NAMES, key=lambda known: (abs(known - tag), known))
    return f"{number} ({TISSUE_NAMES[number]})"


def _empty(raw: RawMesh, present: set[int]) -> list[str]:
    """Tissues that the file speaks of and that have no tetrahedra."""
    named = {tag for tag in raw.record.get("named_by_file", ()) if tag in TISSUE_NAMES}
    tags = () if raw.surface_tag is None else np.unique(raw.surface_tag).tolist()
    surfaces = {tag - SURFACE_OFFSET for tag in tags if tag - SURFACE_OFFSET in TISSUE_NAMES}
    return [
        f"the file has {'a surface' if tag in surfaces else 'a name'} for {TISSUE_NAMES[tag]}, but no tetrahedron with "
        f"tag {tag}: the tissue is empty"
        for tag in sorted((named | surfaces) - present)
    ]


def _given(mapping: Mapping[int, str] | Mapping[str, str], own: frozenset[str]) -> tuple[dict[int, str], list[str]]:
    """The mapping with whole numbers as tags, and what is wrong with it."""
    names, problems = {}, []
    for tag, name in mapping.items():
        if isinstance(tag, bool) or not (isinstance(tag, int | np.integer) or str(tag).lstrip("-").isdecimal()):
            problems.append(f"mapping: {tag!r} is not a whole number")
        elif name not in TISSUE_LABELS and name not in own:
            problems.append(f"mapping[{int(tag)}]: {name!r} is no tissue; {nearest_tissue(str(name))}")
            names[int(tag)] = str(name)  # known to the mapping: not to be reported twice
        else:
            names[int(tag)] = name
    return names, problems


def _unmapped(raw: RawMesh, tag: int, count: int, given: Mapping[int, str]) -> str:
    called = raw.names.get(tag, "")
    name = f" ({called!r})" if called and called != f"tag {tag}" else ""
    near = min(given, key=lambda known: (abs(known - tag), known), default=None)
    hint = f"; the nearest it has is {near} ({given[near]})" if near is not None else ""
    return f"{count} tetrahedra with tag {tag}{name}, which the mapping does not have{hint}"
