"""All the figures of one region together, as a run writes them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from stimplan.errors import InputError, Problem
from stimplan.field import Field
from stimplan.head.model import HeadModel
from stimplan.roi.cortical import CorticalMetrics, measure_cortex
from stimplan.roi.metrics import (
    Contrast,
    MapOn,
    RoiMetrics,
    contrast,
    focality,
    measure,
    measure_map,
    volume_above_m3,
)
from stimplan.roi.regions import Roi, TissueRoi, describe, elements_in, tissue_of


@attrs.frozen
class RegionMeasures:
    """The field in one region.

    Attributes
    ----------
    name : str
        As it was asked for.
    description : str
        In words, with its numbers.
    tissue : str
    metrics : RoiMetrics
    half_maximum_V_per_m : float
        Half of the 99.9th percentile of |E| in the whole tissue.
    above_half_m3 : float
        Volume of the region above it.
    contrast : Contrast or None
        Against the rest of the tissue; None where the region is all of it.
    cortex : CorticalMetrics or None
        Normal and tangential field on its part of the cortical surface; None where it has none.
    """

    name: str
    description: str
    tissue: str
    metrics: RoiMetrics
    half_maximum_V_per_m: float
    above_half_m3: float
    contrast: Contrast | None
    cortex: CorticalMetrics | None


def measure_region(shown: Field | MapOn, roi: Roi, name: str = "", *, error: float | None = None) -> RegionMeasures:
    """Every figure of a region.

    Parameters
    ----------
    shown : Field or MapOn
        A map has no direction, so nothing is said about the cortex.
    roi : region
    name : str
        What it is called; its description if left out.
    error : float, optional
        Estimated relative error of a map in the region; that of a field is known.

    Raises
    ------
    InputError
        See `elements_in`.
    """
    tissue = tissue_of(shown.head, roi)
    threshold = focality(shown, tissue).threshold_V_per_m
    if isinstance(shown, Field):
        metrics, cortex = measure(shown, roi), _on_cortex(shown, roi)
    else:
        metrics = attrs.evolve(measure_map(shown.head, shown.values_V_per_m, roi), relative_error_estimate=error)
        cortex = None
    return RegionMeasures(
        name=name or describe(roi),
        description=describe(roi),
        tissue=tissue,
        metrics=metrics,
        half_maximum_V_per_m=threshold,
        above_half_m3=volume_above_m3(shown, threshold, roi),
        contrast=None if isinstance(roi, TissueRoi) else contrast(shown, roi),
        cortex=cortex,
    )


def _on_cortex(field: Field, roi: Roi) -> CorticalMetrics | None:
    try:
        return measure_cortex(field, roi)
    except InputError:
        elements_in(field.head, roi)  # a region that cannot be used is refused here, one without cortex is not
        return None


def check_regions(head: HeadModel, regions: Sequence[tuple[str, Roi]]) -> None:
    """Refuse regions that this head does not have, all of them at once, before any long work.

    Raises
    ------
    InputError
        Each region that cannot be used, by its name.
    """
    problems = []
    for name, roi in regions:
        try:
            elements_in(head, roi)
        except InputError as error:
            problems += [Problem(name, problem.what, file=problem.file) for problem in error.problems]
    if problems:
        raise InputError(problems)
