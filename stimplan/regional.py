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

# Why there are no figures of the field into and out of the cortex, by the map a stimulation is judged by.
_NO_SIDE = {
    "swings": "Into and out of the cortex there are no figures: where the field goes in at one moment, it comes out "
    "at another. How far its component through the cortex swings is measured with --along normal.",
    "envelope": "Into and out of the cortex there are no figures: an envelope has a size and a line, no side. The "
    "modulation of the component through the cortex is measured with --along normal.",
    "offset": "Into and out of the cortex there are no figures for a current that swings about a direct one; of the "
    "direct part, they are those of a direct current of that size.",
    "pulse": "Into and out of the cortex there are no figures for pulses; during one of them, they are those of a "
    "direct current of that size if all pulses go the same way.",
}


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
    cortex_note : str
        Why `cortex` is None; "" where it is not.
    """

    focality: Focality
    cortex: CorticalMetrics | None
    regions: tuple[RegionMeasures, ...]
    electrodes: tuple[ElectrodeLoad, ...]
    skull: tuple[SkullLoad | None, ...]
    cortex_note: str = ""


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
        cortex_note="" if isinstance(shown, Field) else _NO_SIDE[_kind(exposure)],
    )


def _kind(exposure: Exposure) -> str:
    if exposure.main.id == "envelope":
        return "envelope"
    return next((name for name in ("pulse", "offset") if name in exposure.fields), "swings")


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
