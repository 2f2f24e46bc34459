"""Every figure of a coil's field as plain numbers, quick enough to be taken at many poses.

The figures are made by the functions that make those of the run itself. What takes long in them is the field recovered
at the nodes; at the poses a spread is taken over it is asked for on the cortex only, and how it follows from the
elements is worked out once for a head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.coil_field import CoilField
from stimplan.exposure import exposure_of
from stimplan.fem.assemble import electric_field
from stimplan.fem.recover import Recovery, recovery
from stimplan.head import HeadModel
from stimplan.head.cortex import cortex_of
from stimplan.maps import SurfaceMetrics, metrics_along
from stimplan.roi import CorticalMetrics, Roi, RoiMetrics, focality, measure_cortex, measure_map, measure_region

Array = NDArray[np.float64]
# Figures by name, and tables and lists of them.
Numbers = Mapping[str, Any]

# What describes a region and not the field in it.
_OF_REGION = {
    RoiMetrics: ("volume_m3", "relative_error_estimate"),
    SurfaceMetrics: ("area_m2",),
    CorticalMetrics: ("area_m2",),
}


def coil_figures(
    field: CoilField,
    *,
    target: Roi | None,
    below: Roi,
    regions: Sequence[tuple[str, Roi]] = (),
    along: str | Sequence[float] | None = None,
) -> Numbers:
    """Every figure that a run gives of a field, by the names they have in its record.

    Parameters
    ----------
    field : CoilField
    target : region or None
    below : region
        The tissue below the coil.
    regions : sequence of (name, region)
    along : "normal", (3,) sequence or None
        See `stimplan.maps.metrics_along`.

    Returns
    -------
    mapping
        `in_tissue`, `at_target`, `below`, `focality`, `cortex`, `regions` (in their order) and `along`, each a mapping
        of names to figures in the units of their names; None where there is none.
    """
    light = _OnCortex.of(field)
    head, sizes = light.head, light.magnitude_V_per_m
    return {
        "in_tissue": numbers_of(measure_map(head, sizes)),
        "at_target": None if target is None else numbers_of(measure_map(head, sizes, target)),
        "below": numbers_of(measure_map(head, sizes, below)),
        "focality": numbers_of(focality(light)),
        "cortex": numbers_of(measure_cortex(light)),
        "regions": [numbers_of(measure_region(light, roi, name)) for name, roi in regions],
        "along": None if along is None else numbers_of(metrics_along(exposure_of(light), along, target)),
    }


def numbers_of(value: Any) -> Any:
    """The figures among the attributes of a value, by their names; None of None.

    Of the largest component through the cortex the size is taken: a little further on the largest may point the other
    way, and no range reaches from one to the other.
    """
    if value is None:
        return None
    if isinstance(value, SurfaceMetrics):
        value = attrs.evolve(value, peak_V_per_m=abs(value.peak_V_per_m))
    found: dict[str, Any] = {}
    for field in attrs.fields(type(value)):
        one = getattr(value, field.name)
        if isinstance(one, float) and field.name not in _OF_REGION.get(type(value), ()):
            found[field.name] = one
        elif attrs.has(type(one)):
            found[field.name] = numbers_of(one)
    return found


def combined(tables: Sequence[Any], of: Callable[[Sequence[float]], float]) -> Any:
    """One table of the same names, each figure made of those of all tables; None where one of them has none."""
    first = tables[0]
    if any(one is None for one in tables):
        return None
    if isinstance(first, Mapping):
        return {name: combined([one.get(name) for one in tables], of) for name in first}
    if isinstance(first, list | tuple):
        return [combined(of_each, of) for of_each in zip(*tables, strict=True)]
    return of(tables)


def times(table: Any, factor: float, name: str = "") -> Any:
    """A table at another rate of the current: what is in V/m grows with it, sizes and shares stay."""
    if isinstance(table, Mapping):
        return {key: times(one, factor, key) for key, one in table.items()}
    if isinstance(table, list | tuple):
        return [times(one, factor, name) for one in table]
    return table if table is None or not name.endswith("_V_per_m") else factor * table


@attrs.frozen(eq=False)
class _Fit:
    """How the field at the nodes of a head's cortex follows from that of the elements."""

    tissue: str
    tets: NDArray[np.int32]
    recovery: Recovery


@lru_cache(maxsize=1)
def _fit_of(head: HeadModel) -> _Fit:
    cortex = cortex_of(head)
    of = head.in_tissue(cortex.tissue)
    tets = np.ascontiguousarray(head.tets[of])
    fit = recovery(tets, head.nodes_m, head.volumes_m3[of], nodes=cortex.nodes)
    used, elements = np.unique(fit.elements, return_inverse=True)
    fit = attrs.evolve(fit, elements=np.ascontiguousarray(elements.reshape(-1), dtype=np.int32))
    return _Fit(cortex.tissue, np.ascontiguousarray(tets[used]), fit)


@attrs.frozen(eq=False, slots=False)
class _OnCortex(CoilField):
    """A field that is recovered at the nodes of the cortex only, and not judged for its error."""

    @classmethod
    def of(cls, field: CoilField) -> _OnCortex:
        return cls(**{one.name: getattr(field, one.name) for one in attrs.fields(CoilField)})

    def recovered_V_per_m(self, tissue: str) -> Array:
        fit, label = _fit_of(self.head), self.head.tissue_named(tissue).label
        if tissue != fit.tissue:
            return super().recovered_V_per_m(tissue)
        if label not in self._nodal:
            nodes = fit.recovery.nodes
            values = np.full((len(self.head.nodes_m), 3), np.nan)
            values[nodes] = fit.recovery(electric_field(self.potential_V, self.head.nodes_m, fit.tets))
            values[nodes] -= self.coil_placement.primary_V_per_m(self.head.nodes_m[nodes])
            self._nodal[label] = values
        return self._nodal[label]

    def error_estimate(self, region: str | ArrayLike) -> float:
        return math.nan
