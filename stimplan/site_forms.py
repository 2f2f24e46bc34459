"""Places on a scalp that are found with a tape measure, as a person writes them. Nothing here knows a head.

Such a place lies somewhere only on a head: `stimplan.head.tape_sites` finds it there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import attrs

from stimplan.units import from_si, text

HOTSPOT = "hotspot"

Along = Literal["sagittal", "coronal", "circumference"]
End = Literal["nasion", "inion", "LPA", "RPA"]
Start = Literal["nasion", "inion", "LPA", "RPA", "Cz", "Fpz", "Oz"]
Adjustment = Literal["mir-moghtadaei-2015"]

# Which ends an arc has, and from where one may measure along it; from the middle, and around the head, it must be
# said towards which side.
ENDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"sagittal": ("nasion", "inion"), "coronal": ("LPA", "RPA"), "circumference": ("LPA", "RPA")}
)
STARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"sagittal": ("nasion", "inion", "Cz"), "coronal": ("LPA", "RPA", "Cz"), "circumference": ("Fpz", "Oz")}
)

# Beam et al. 2009, doi:10.1016/j.brs.2008.09.006, as computed by its authors' program. The flat head has Fpz and Oz at
# 40 % of nasion-inion from the vertex, T7 and T8 at 40 % of ear-to-ear. F3 is where the line Fz-F7 crosses C3-Fp1.
# The printed formulas hold misprints; these are the program's, as restated by Z. Li (Maastricht 2023), and they agree
# within 0.2 % with an independent fit to the program's output (X = 0.1154 circumference, Y = 0.2637 of the mean of
# the two arcs). Fp1 is taken at 298 degrees, F7's line without a cosine, Y shortened to 91 % of the flat distance:
# so does the program, and so do those who use it.
_RADIUS = 0.4
_F7_DEG, _FP1_DEG = 324.0, 298.0
_SHORTENED = 0.91
# Mir-Moghtadaei et al. 2015, doi:10.1016/j.brs.2015.01.388: in 100 people the place over MNI (-38, 44, 26) lay on the
# same line from the vertex as Beam's, and 0.35 cm further from it.
_FURTHER_M: Mapping[str | None, float] = MappingProxyType({None: 0.0, "mir-moghtadaei-2015": 0.0035})


@attrs.frozen
class BeamF3:
    """F3 by the Beam method, from three sizes of a person's head.

    Attributes
    ----------
    nasion_inion_m : float
        Over the vertex, m.
    tragus_m : float
        From the left to the right tragus over the vertex, m.
    circumference_m : float
        Around the head at the level of Fpz and Oz, m.
    adjustment : {"mir-moghtadaei-2015"} or None
        Further from the vertex by 0.35 cm, towards the dorsolateral prefrontal target of that paper.
    """

    nasion_inion_m: float
    tragus_m: float
    circumference_m: float
    adjustment: Adjustment | None = None

    @property
    def from_midline_m(self) -> float:
        """X: along the circumference from Fpz to the left, to the mark to measure towards, m."""
        x, y = self._flat_m()
        return self.circumference_m / 4 * (1 + math.atan(y / x) / (math.pi / 2))

    @property
    def from_vertex_m(self) -> float:
        """Y: from the vertex towards that mark, m."""
        return _SHORTENED * math.hypot(*self._flat_m()) + _FURTHER_M[self.adjustment]

    @property
    def label(self) -> str:
        """Name in messages, figures and tables."""
        return "Beam F3" if self.adjustment is None else "Beam F3 (adjusted)"

    def __str__(self) -> str:
        return self.label

    def _flat_m(self) -> tuple[float, float]:
        """F3 on the flat head: x towards the left ear, y to the back, m."""
        front, left = _RADIUS * self.nasion_inion_m, _RADIUS * self.tragus_m
        f7, fp1 = math.radians(_F7_DEG), math.radians(_FP1_DEG)
        through_fz = (left * math.sin(f7) + front / 2) / left
        through_c3 = front * math.sin(fp1) / (front * math.cos(fp1) - left / 2)
        x = (front - left * through_c3) / 2 / (through_fz - through_c3)
        return x, through_fz * x - front / 2


@attrs.frozen
class Tape:
    """A place after a length of tape, or after a part of an arc.

    Attributes
    ----------
    start : {"nasion", "inion", "LPA", "RPA", "Cz", "Fpz", "Oz"}
        From where.
    along : {"sagittal", "coronal", "circumference"}
        Nasion - Cz - inion, LPA - Cz - RPA, or around the head through Fpz, T7, Oz and T8.
    towards : {"nasion", "inion", "LPA", "RPA"} or None
        To which side; None where the start is an end of the arc, which leaves no choice.
    distance_m : float or None
        Length of tape, m: this or `fraction`.
    fraction : float or None
        Part of the whole arc (of the whole circumference), 1 for all of it.
    arc_m : float or None
        The whole arc as measured on the person, m. With it a distance is laid out in proportion on a head whose arc
        has another length.
    """

    start: Start
    along: Along
    towards: End | None = None
    distance_m: float | None = None
    fraction: float | None = None
    arc_m: float | None = None

    @property
    def label(self) -> str:
        """Name in messages, figures and tables."""
        if self.fraction is not None:
            size = f"{text(self.fraction, 'fraction')} of the {self.along} arc"
        else:
            size = f"{_in_cm(self.distance_m or 0.0)} along the {self.along} arc"
        way = f" towards {self.towards}" if self.towards else ""
        return f"{size} from {self.start}{way}".replace("circumference arc", "circumference")

    def __str__(self) -> str:
        return self.label


@attrs.frozen
class AnteriorOf:
    """A place in front of another, along the arc over the head that is parallel to the midline (the "5 cm rule").

    Attributes
    ----------
    site : str
        10-05 site, or "hotspot": where the motor threshold was measured, which only the person knows.
    distance_m : float
    """

    site: str
    distance_m: float

    @property
    def label(self) -> str:
        """Name in messages, figures and tables."""
        name = "the motor hotspot" if self.site == HOTSPOT else self.site
        return f"{_in_cm(self.distance_m)} in front of {name}"

    def __str__(self) -> str:
        return self.label


SiteForm = BeamF3 | Tape | AnteriorOf


def most_fraction(along: str, start: str) -> float:
    """How much of an arc one can go from a start: all of it, or half where it begins in the middle or goes around."""
    return 0.5 if start in ("Cz", "Fpz", "Oz") or along == "circumference" else 1.0


def needs_side(along: str, start: str) -> bool:
    """Whether a tape from this start must say towards which side."""
    return most_fraction(along, start) < 1.0


def _in_cm(length_m: float) -> str:
    return f"{float(from_si(length_m, 'cm')):g} cm"
