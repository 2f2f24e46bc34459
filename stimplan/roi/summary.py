"""All the figures of one region together, as a run writes them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from stimplan.errors import InputError, Problem
from stimplan.field import Field
from stimplan.head.model import HeadModel
from stimplan.roi.cortical import CorticalMetrics, measure_cortex
from stimplan.roi.metrics import Contrast, RoiMetrics, contrast, focality, measure, volume_above_m3
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


def measure_region(field: Field, roi: Roi, name: str = "") -> RegionMeasures:
    """Every figure of a region.

    Parameters
    ----------
    field : Field
    roi : region
    name : str
        What it is called; its description if left out.

    Raises
    ------
    InputError
        See `elements_in`.
    """
    tissue = tissue_of(field.head, roi)
    threshold = focality(field, tissue).threshold_V_per_m
    try:
        cortex = measure_cortex(field, roi)
    except InputError:
        elements_in(field.head, roi)  # a region that cannot be used is refused here, one without cortex is not
        cortex = None
    return RegionMeasures(
        name=name or describe(roi),
        description=describe(roi),
        tissue=tissue,
        metrics=measure(field, roi),
        half_maximum_V_per_m=threshold,
        above_half_m3=volume_above_m3(field, threshold, roi),
        contrast=None if isinstance(roi, TissueRoi) else contrast(field, roi),
        cortex=cortex,
    )


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
