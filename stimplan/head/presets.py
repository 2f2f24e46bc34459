"""How fine a head is meshed: three names, or a number of mm."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType

from stimplan.errors import HeadError, Problem
from stimplan.units import to_si

# Edge in cortex, CSF and skull, mm. Colin27 has 74 k, 0.58 M and 1.0 M nodes with them.
PRESETS_MM: Mapping[str, float] = MappingProxyType({"teaching": 7.0, "standard": 2.8, "fine": 2.25})
DEFAULT_PRESET = "standard"
EDGE_RANGE_MM = (1.0, 8.0)


def edge_m_of(edge_mm: float | str) -> float:
    """Edge in m of a preset or of a number of mm.

    Parameters
    ----------
    edge_mm : float or str
        "teaching", "standard", "fine", or the edge in the finest parts of the mesh, mm.

    Raises
    ------
    HeadError
        No such preset, or a number out of range.
    """
    if isinstance(edge_mm, str) and edge_mm in PRESETS_MM:
        return to_si(PRESETS_MM[edge_mm], "mm")
    finest, coarsest = EDGE_RANGE_MM
    is_number = isinstance(edge_mm, Real) and not isinstance(edge_mm, bool)
    if not is_number or not finest <= edge_mm <= coarsest:
        names = ", ".join(map(repr, PRESETS_MM))
        what = f"expected {names} or a number from {finest:g} to {coarsest:g} mm, got {edge_mm!r}"
        raise HeadError(Problem("edge_mm", what))
    return to_si(float(edge_mm), "mm")
