"""The unit of a head mesh, recognised by the head's size or refused, never guessed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import Problem
from stimplan.units import from_si

# The longest side of a head mesh's box, mm. Below: a newborn's head is 34.5 cm around (median of boys at birth, WHO
# Child Growth Standards, head circumference-for-age, 2007), which as a circle, the least long it can be, is 110 mm
# across. Above: wide enough for an adult's head and neck (the box of MNI space is 181 x 217 x 181 mm). What these
# lengths are in m, cm, inches or µm lies outside of the range, so that the unit can be told.
LONGEST_SIDE_MM = (100.0, 400.0)

MM_PER_M = float(from_si(1.0, "mm"))

METRES_NOTICE = "coordinates are in m, recognised by the head's size; the convention is mm"

# mm in other units that meshes are met in, to say what was probably meant.
_MM_PER_UNIT = {"cm": 10.0, "inches": 25.4, "µm": 1e-3}


def unit_of_head(coordinates: NDArray[np.float64], *, where: str) -> tuple[str, list[Problem]]:
    """Find the unit of a head's coordinates from its longest side.

    Parameters
    ----------
    coordinates : (n, 3) array
        Node positions in the file's unit; finite.
    where : str
        Place for the problem.

    Returns
    -------
    unit : "mm" or "m"
    problems : list of Problem
        One where the head is neither 100 to 400 mm long nor 0.1 to 0.4 m.
    """
    with np.errstate(over="ignore"):
        longest = float(np.ptp(coordinates, axis=0).max())
    least, most = LONGEST_SIDE_MM
    if least <= longest <= most:
        return "mm", []
    if least <= longest * MM_PER_M <= most:
        return "m", []
    meant = [unit for unit, size_mm in _MM_PER_UNIT.items() if least <= longest * size_mm <= most]
    hint = f" (in {' or '.join(meant)} it would be)" if meant else ""
    what = (
        f"the longest side of the mesh is {longest:.4g}; a head is {least:g} to {most:g} in mm, or "
        f"{least / MM_PER_M:g} to {most / MM_PER_M:g} in m{hint}. Scale the mesh to mm and save it again"
    )
    return "mm", [Problem(where, what)]


def to_metres(coordinates: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    """Positions in m, each correctly rounded."""
    return coordinates / MM_PER_M if unit == "mm" else coordinates


def to_millimetres(nodes_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions in mm that `to_metres` turns back into the same numbers wherever such numbers exist."""
    points = nodes_m * MM_PER_M
    for towards in (-np.inf, np.inf):
        near = np.nextafter(points, towards)
        is_better = (points / MM_PER_M != nodes_m) & (near / MM_PER_M == nodes_m)
        points[is_better] = near[is_better]
    return points
