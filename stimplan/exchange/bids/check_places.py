"""Positions: the table, the axes of the elements, and the coordinate system."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from stimplan.exchange.bids.check_tables import column_findings, unique_findings
from stimplan.exchange.bids.findings import BidsFinding, Loaded, Recording
from stimplan.exchange.bids.tables import Row, cell_parts, number_of
from stimplan.exchange.bids.vocabulary import LENGTH_UNITS

_POINTS = ("element_centre", "target", "efield_max")
# Six digits are usual in the files of neuronavigation.
_AXIS_TOLERANCE = 1e-3
_LANDMARKS = ("FiducialsCoordinates", "AnatomicalLandmarkCoordinates")


def place_findings(recording: Recording) -> Iterator[BidsFinding]:
    """Everything wrong with a *_markers.tsv and a *_coordsystem.json."""
    markers, system = recording.markers, recording.coordsystem
    if system is not None:
        yield from _system(system)
    if markers is None:
        return
    yield from column_findings(markers)
    yield from unique_findings(markers, "nibs_position_id")
    for line, row in markers.lines():
        for name in _POINTS:
            yield from _whole(markers, line, row, [f"{name}_{axis}" for axis in "xyz"], name)
        yield from _pose(markers, line, row)
        yield from _nowhere(markers, line, row)
    yield from _frame(markers, system)


def _whole(markers: Loaded, line: int, row: Row, names: list[str], what: str) -> Iterator[BidsFinding]:
    given = [name for name in names if cell_parts(row, name)]
    if given and len(given) < len(names):
        lacks = ", ".join(sorted(set(names) - set(given)))
        yield markers.error("point-whole", f"{what} lacks {lacks}", "give all of them or none", line=line, at=given[0])


def _pose(markers: Loaded, line: int, row: Row) -> Iterator[BidsFinding]:
    """Axes: all nine numbers, unit length, orthogonal, right-handed (x = y × z)."""
    names = [f"element_{axis}dir_{part}" for axis in "xyz" for part in "xyz"]
    partly = list(_whole(markers, line, row, names, "the pose"))
    yield from partly
    numbers = [number_of(part) for name in names for part in cell_parts(row, name)]
    known = [float(number) for number in numbers if number is not None]
    if partly or len(known) != 9:
        return
    axes = {"x": known[:3], "y": known[3:6], "z": known[6:]}
    for name, axis in axes.items():
        size = math.hypot(*axis)
        if abs(size - 1) > _AXIS_TOLERANCE:
            what, remedy = f"the {name} axis has the length {size:.4g}, not 1", "divide it by its length"
            yield markers.error("axis-unit", what, remedy, line=line, at=f"element_{name}dir_x")
    for a, b in ("xy", "xz", "yz"):
        cosine = _dot(axes[a], axes[b])
        if abs(cosine) > _AXIS_TOLERANCE:
            what = f"the axes {a} and {b} are not at right angles: {a} · {b} = {cosine:.4g}"
            yield markers.error("axis-orthogonal", what, "correct the matrix", line=line, at=f"element_{b}dir_x")
    if _dot(axes["x"], _cross(axes["y"], axes["z"])) < 0:
        what, remedy = "the axes are left-handed", "turn one of them around so that x = y × z"
        yield markers.error("axis-handed", what, remedy, line=line, at="element_xdir_x")


def _dot(a: list[float], b: list[float]) -> float:
    return math.fsum(p * q for p, q in zip(a, b, strict=True))


def _cross(a: list[float], b: list[float]) -> list[float]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def _nowhere(markers: Loaded, line: int, row: Row) -> Iterator[BidsFinding]:
    told = ("position_label", "position_description", "element_centre_x", "target_x", "target_label")
    if not any(cell_parts(row, name) for name in told):
        remedy = "give a label, a description or coordinates"
        yield markers.warning("nowhere", "a position that says no place", remedy, line=line, at="position_label")


def _frame(markers: Loaded, system: Loaded | None) -> Iterator[BidsFinding]:
    """Coordinates need a system, in the unit of the table."""
    known = [f"{point}_{axis}" for point in _POINTS for axis in "xyz"]
    used = [name for name in markers.table.columns if name in known and markers.ids(name)]
    if used and system is None:
        what = "has coordinates and no *_coordsystem.json"
        yield markers.error(
            "coordsystem", what, "add the file with NIBSCoordinateSystem and -Units", line=1, at=used[0]
        )
    if system is None:
        return
    wanted = system.sidecar.get("NIBSCoordinateUnits")
    for name in used:
        described = markers.sidecar.get(name)
        unit = described.get("Units") if isinstance(described, dict) else None
        if isinstance(unit, str) and isinstance(wanted, str) and unit != wanted:
            what = f"is in {unit}, the coordinate system in {wanted}"
            yield markers.error("coordinate-units", what, "use one unit in both", line=1, at=name)


def _system(system: Loaded) -> Iterator[BidsFinding]:
    tree = system.sidecar
    for key in ("NIBSCoordinateSystem", "NIBSCoordinateUnits"):
        if not isinstance(tree.get(key), str):
            yield system.in_sidecar("required-key", "is missing", f"add {key}", at=key)
    for key, value in tree.items():
        if key.endswith("CoordinateUnits") and isinstance(value, str) and value not in LENGTH_UNITS:
            remedy = f"write one of {', '.join(LENGTH_UNITS)}"
            yield system.in_sidecar("length-unit", f"{value!r} is no unit of length here", remedy, at=key)
    if tree.get("NIBSCoordinateSystem") == "Other" and not tree.get("NIBSCoordinateSystemDescription"):
        what, remedy = "'Other' says nothing by itself", "describe it in NIBSCoordinateSystemDescription"
        yield system.in_sidecar("system-described", what, remedy, at="NIBSCoordinateSystem", severity="warning")
    for key in _LANDMARKS:
        yield from _landmarks(system, key, tree.get(key))
    navigation = tree.get("NavigationSystem")
    if navigation is not None and not (isinstance(navigation, dict) and isinstance(navigation.get("Navigation"), bool)):
        what, remedy = "does not say whether there was navigation", 'add "Navigation": true or false'
        yield system.in_sidecar("navigation", what, remedy, at="NavigationSystem.Navigation")


def _landmarks(system: Loaded, key: str, points: Any) -> Iterator[BidsFinding]:
    for name, point in points.items() if isinstance(points, dict) else ():
        if not (isinstance(point, list) and len(point) == 3 and all(isinstance(x, int | Decimal) for x in point)):
            yield system.in_sidecar("landmark", f"{name!r} is no point", "write [x, y, z]", at=key)
