"""The 10-20, 10-10 and 10-05 systems, measured on a head's own scalp from nasion, inion and the ears.

The procedure is that of Jasper (1958, Electroencephalogr. Clin. Neurophysiol. 10:371-375) and its refinements,
Oostenveld & Praamstra 2001 (doi:10.1016/S1388-2457(00)00527-7) and Jurcak et al. 2007
(doi:10.1016/j.neuroimage.2006.09.024):

* the vertex Cz is half-way from nasion to inion and half-way from ear to ear, both over itself;
* sites of the midline are twentieths of the arc nasion - Cz - inion (Fpz after two, Fz after six, …);
* the upper contour on each side runs from Fpz to Oz over the point a tenth (nine tenths) along the arc ear - Cz - ear
  and is cut into twentieths (Fp1 after two, F7 after six, T7 half-way, …);
* the rows between (F7 - F5 - F3 - F1 - Fz) run from the contour over the midline to the other contour, each half in
  eighths;
* the lower contours run from nasion to inion over the ear (N1, F9, T9, …) and, between the two, from NFpz to OIz
  over T9h.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError
from stimplan.head.arcs import Arc, Surface, measuring_surface, tape
from stimplan.head.fiducials import need_fiducials
from stimplan.montage import Point

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel

Array = NDArray[np.float64]

_MIDLINE = [
    "Nz", "NFpz", "Fpz", "AFpz", "AFz", "AFFz", "Fz", "FFCz", "FCz", "FCCz", "Cz", "CCPz", "CPz", "CPPz", "Pz",
    "PPOz", "POz", "POOz", "Oz", "OIz", "Iz",
]  # fmt: skip
# After 1, 2, … 19 twentieths of each contour, on the left.
_UPPER = [
    "Fp1h", "Fp1", "AFp7", "AF7", "AFF7", "F7", "FFT7", "FT7", "FTT7", "T7", "TTP7", "TP7", "TPP7", "P7", "PPO7",
    "PO7", "POO7", "O1", "O1h",
]  # fmt: skip
_MIDDLE = [
    "NFp1h", "NFp1", "AFp9h", "AF9h", "AFF9h", "F9h", "FFT9h", "FT9h", "FTT9h", "T9h", "TTP9h", "TP9h", "TPP9h",
    "P9h", "PPO9h", "PO9h", "POO9h", "OI1", "OI1h",
]  # fmt: skip
_LOWER = [
    "N1h", "N1", "AFp9", "AF9", "AFF9", "F9", "FFT9", "FT9", "FTT9", "T9", "TTP9", "TP9", "TPP9", "P9", "PPO9",
    "PO9", "POO9", "I1", "I1h",
]  # fmt: skip
_ROWS = range(3, 18)  # AFp … POO: the twentieths of the midline whose rows have sites of their own
_VERTEX_TOLERANCE_M = 1e-7
_VERTEX_ROUNDS = 50
# Cz is looked for from here: this far above the middle of the four fiducials.
_VERTEX_START_M = 0.12


@attrs.frozen(eq=False)
class HeadArcs:
    """What a tape measures on a head, and the sites that follow from it.

    Attributes
    ----------
    surface : Surface
        What the tapes lie on.
    sagittal, coronal : Arc
        Nasion - Cz - inion, and LPA - Cz - RPA.
    left, right : Arc
        The two halves of the circumference: Fpz - T7 - Oz and Fpz - T8 - Oz.
    sites_m : mapping of str to 3-tuples
        10-05 sites on the scalp, m, in head coordinates.
    """

    surface: Surface
    sagittal: Arc
    coronal: Arc
    left: Arc
    right: Arc
    sites_m: Mapping[str, Point]

    @property
    def circumference_m(self) -> float:
        """Around the head through Fpz, T7, Oz and T8, m."""
        return self.left.length_m + self.right.length_m


@lru_cache(maxsize=4)
def arcs_of(head: HeadModel) -> HeadArcs:
    """Measure a head.

    Raises
    ------
    HeadError
        The head's fiducials are not known, or its scalp is no head's.
    """
    return measure_arcs(measuring_surface(head), need_fiducials(head))


def measure_arcs(surface: Surface, fiducials_m: Mapping[str, Point]) -> HeadArcs:
    """Measure a scalp from its fiducials.

    Parameters
    ----------
    surface : Surface
    fiducials_m : mapping of str to (3,) arrays
        Nz, Iz, LPA and RPA, m; they are moved to the nearest point of the surface.
    """
    at = {name: surface.project(point) for name, point in fiducials_m.items()}
    vertex = _vertex(surface, at)
    sagittal = tape(surface, start_m=at["Nz"], via_m=vertex, end_m=at["Iz"])
    coronal = tape(surface, start_m=at["LPA"], via_m=vertex, end_m=at["RPA"])
    found = {name: sagittal.at(step / 20) for step, name in enumerate(_MIDLINE)}
    found["T7"], found["T8"] = coronal.at(0.1), coronal.at(0.9)
    halves = []
    for side in (0, 1):
        ear, upper, middle = at[("LPA", "RPA")[side]], found[("T7", "T8")[side]], coronal.at((0.05, 0.95)[side])
        contours = [
            tape(surface, start_m=found[start], via_m=via, end_m=found[end])
            for start, via, end in (("Fpz", upper, "Oz"), ("NFpz", middle, "OIz"), ("Nz", ear, "Iz"))
        ]
        halves.append(contours[0])
        for contour, names in zip(contours, (_UPPER, _MIDDLE, _LOWER), strict=True):
            found |= _along(contour, names, side)
    for row in _ROWS:
        found |= _row(surface, row, found)
    on_scalp = surface.project(np.array(list(found.values())))
    sites = {name: (float(x), float(y), float(z)) for name, (x, y, z) in zip(found, on_scalp, strict=True)}
    left, right = halves
    return HeadArcs(surface, sagittal, coronal, left, right, MappingProxyType(sites))


def _vertex(surface: Surface, at: Mapping[str, Array]) -> Array:
    """Point half-way along both the sagittal and the coronal arc through itself."""
    up = np.cross(at["RPA"] - at["LPA"], at["Nz"] - at["Iz"])
    if not np.linalg.norm(up) > 0:
        raise HeadError("nasion, inion and the ears lie on one line: sites cannot be measured")
    vertex = sum(at.values()) / 4 + _VERTEX_START_M * up / np.linalg.norm(up)
    for _ in range(_VERTEX_ROUNDS):
        before = vertex
        vertex = tape(surface, start_m=at["LPA"], via_m=vertex, end_m=at["RPA"]).at(0.5)
        vertex = tape(surface, start_m=at["Nz"], via_m=vertex, end_m=at["Iz"]).at(0.5)
        if np.linalg.norm(vertex - before) <= _VERTEX_TOLERANCE_M:
            return vertex
    raise HeadError("no vertex is half-way along both arcs: are the fiducials those of this head?")


def _along(contour: Arc, names: list[str], side: int) -> dict[str, Array]:
    """Sites after each twentieth of a contour."""
    return {_on_side(name, side): contour.at(step / 20) for step, name in enumerate(names, start=1)}


def _row(surface: Surface, step: int, found: Mapping[str, Array]) -> dict[str, Array]:
    """Sites between the contours and the midline, each half of the row in eighths."""
    outer, middle = _UPPER[step - 1], found[_MIDLINE[step]]
    row = tape(surface, start_m=found[outer], via_m=middle, end_m=found[_on_side(outer, 1)])
    half = row.fraction_at(middle)
    sites = {}
    for eighth, name in enumerate(_row_names(outer, _MIDLINE[step]), start=1):
        sites[name] = row.at(half * eighth / 8)
        sites[_on_side(name, 1)] = row.at(1 - (1 - half) * eighth / 8)
    return sites


def _row_names(outer: str, middle: str) -> Iterator[str]:
    """Names on the left, from the contour inwards: FT7h, FC5, FC5h, FC3, FC3h, FC1, FC1h."""
    yield f"{outer}h"
    for number in (5, 3, 1):
        yield f"{middle[:-1]}{number}"
        yield f"{middle[:-1]}{number}h"


def _on_side(name: str, side: int) -> str:
    """The site's name on the left (0) or the right (1): odd numbers are left, the next even ones right."""
    if side == 0:
        return name
    stem, number, half = re.fullmatch(r"(\D+)(\d+)(h?)", name).groups()  # type: ignore[union-attr]
    return f"{stem}{int(number) + 1}{half}"
