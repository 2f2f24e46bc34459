"""Regions and electrodes of a whole waveform: the map it is judged by, and the largest current density."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil_field import CoilField
from stimplan.exposure import Exposure
from stimplan.field import Field
from stimplan.field_map import Vectors
from stimplan.maps import error_estimates
from stimplan.peaks import largest
from stimplan.roi import (
    ElectrodeLoad,
    Focality,
    MapOn,
    RegionMeasures,
    Roi,
    SkullLoad,
    describe,
    electrode_loads,
    elements_in,
    focality,
    measure_region,
    read_roi,
    skull_loads,
)
from stimplan.roi.cortical import CorticalMetrics, measure_cortex


@attrs.frozen
class Measures:
    """What is measured beside the numbers of the tissue and the target.

    Attributes
    ----------
    focality : Focality
        Of the map by which the stimulation is judged, in grey matter or the innermost tissue.
    cortex : CorticalMetrics or None
        Normal and tangential field on all of the cortex; of a direct current, whose field keeps its direction.
    regions : tuple of RegionMeasures
    electrodes : tuple of ElectrodeLoad
        By the largest size over the cycle, or the RMS where there is none.
    skull : tuple of SkullLoad or None
        Likewise, in the bone below each electrode; None where there is no bone below it.
    """

    focality: Focality
    cortex: CorticalMetrics | None
    regions: tuple[RegionMeasures, ...]
    electrodes: tuple[ElectrodeLoad, ...]
    skull: tuple[SkullLoad | None, ...]


def measures_of(exposure: Exposure, regions: Sequence[tuple[str, Roi]] = ()) -> Measures:
    """Measure the main map of an exposure in regions, and the skin and the skull under its electrodes.

    Raises
    ------
    InputError
        A region that this head does not have.
    """
    shown, is_coil = _shown(exposure), isinstance(exposure.field, CoilField)

    def size(parts: Vectors) -> NDArray[np.float64]:
        return largest(exposure, parts).values_V_per_m

    return Measures(
        focality=focality(shown),
        cortex=measure_cortex(shown) if isinstance(shown, Field) else None,
        regions=tuple(_measured(exposure, shown, name, roi) for name, roi in regions),
        electrodes=() if is_coil else electrode_loads(exposure.fields, size),
        skull=() if is_coil else skull_loads(exposure.fields, size),
    )


def named_regions(given: Sequence[Roi | str]) -> list[tuple[str, Roi]]:
    """Regions with their names: the text they were asked for with, or their description.

    Raises
    ------
    InputError
        Text that is no region; everything wrong with all of them at once.
    """
    from stimplan.errors import InputError, Problem

    named: list[tuple[str, Roi]] = []
    problems: list[Problem] = []
    for one in given:
        try:
            named.append((one, read_roi(one)) if isinstance(one, str) else (describe(one), one))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return named


def _shown(exposure: Exposure) -> Field | MapOn:
    if exposure.main.id == "magnitude":
        return exposure.field
    return MapOn(exposure.field.head, exposure.main.values_V_per_m)


def _measured(exposure: Exposure, shown: Field | MapOn, name: str, roi: Roi) -> RegionMeasures:
    error: Any = None
    if not isinstance(shown, Field):
        error = error_estimates(exposure, elements_in(shown.head, roi))[exposure.main.id]
    return measure_region(shown, roi, name, error=error)
