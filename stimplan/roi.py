"""Regions of a head, and the numbers that describe a field in them."""

from __future__ import annotations

from numbers import Real

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError
from stimplan.field import Field
from stimplan.head.model import HeadModel
from stimplan.head.space import from_mni_m, has_mni, to_mni_m
from stimplan.montage import Point
from stimplan.units import to_si

Array = NDArray[np.float64]


@attrs.frozen
class SphereRoi:
    """The part of a tissue within a radius of a point.

    Attributes
    ----------
    center_m : tuple of 3 floats
    is_mni : bool
        Whether the centre is in MNI coordinates; else in the head's own.
    radius_m : float
    tissue : str
    """

    center_m: Point
    is_mni: bool
    radius_m: float
    tissue: str


@attrs.frozen
class TissueRoi:
    """A whole tissue."""

    tissue: str


Roi = SphereRoi | TissueRoi


@attrs.frozen
class RoiMetrics:
    """Distribution of |E|, or of another map of the field, over a region; each tetrahedron weighs by its volume.

    Attributes
    ----------
    mean_V_per_m, median_V_per_m, p95_V_per_m, p99_V_per_m, p999_V_per_m : float
        The 99.9th percentile is the robust maximum.
    peak_V_per_m : float
        The largest value: that of a single tetrahedron, and it grows with the number of them.
    peak_position_m : tuple of 3 floats
        Centre of that tetrahedron, head coordinates, m.
    peak_mni_m : tuple of 3 floats or None
        The same in MNI coordinates, where the head has them.
    volume_m3 : float
    n_elements : int
    """

    mean_V_per_m: float
    median_V_per_m: float
    p95_V_per_m: float
    p99_V_per_m: float
    p999_V_per_m: float
    peak_V_per_m: float
    peak_position_m: Point
    peak_mni_m: Point | None
    volume_m3: float
    n_elements: int


def sphere_roi(
    *,
    mni_mm: ArrayLike | None = None,
    position_mm: ArrayLike | None = None,
    radius_mm: float,
    tissue: str = "gray_matter",
) -> SphereRoi:
    """A sphere around a point, restricted to one tissue.

    Parameters
    ----------
    mni_mm, position_mm : (3,) array
        Centre in MNI or in head coordinates, mm: give one of them.
    radius_mm : float
    tissue : str

    Raises
    ------
    InputError
        Both centres or none, not three finite numbers, or a radius that is not positive and finite.
    """
    if (mni_mm is None) == (position_mm is None):
        raise InputError("give the centre of a sphere either as mni_mm or as position_mm")
    given = mni_mm if position_mm is None else position_mm
    try:
        center = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        center = np.empty(0)
    if center.shape != (3,) or not np.isfinite(center).all():
        raise InputError(f"the centre of a sphere is three finite numbers, got {given!r}")
    if not isinstance(radius_mm, Real) or isinstance(radius_mm, bool) or not 0 < radius_mm < float("inf"):
        raise InputError(f"the radius of a sphere is positive and finite, got {radius_mm!r} mm")
    x, y, z = (to_si(float(value), "mm") for value in center)
    return SphereRoi((x, y, z), position_mm is None, to_si(float(radius_mm), "mm"), tissue)


def tissue_roi(name: str) -> TissueRoi:
    """A whole tissue, by name."""
    return TissueRoi(name)


def default_tissue(head: HeadModel) -> str:
    """Grey matter where the head has it, else the innermost tissue (the smallest label)."""
    return "gray_matter" if head.has_tissue("gray_matter") else min(head.tissues, key=lambda t: t.label).name


def elements_in(head: HeadModel, roi: Roi | None = None) -> NDArray[np.bool_]:
    """(m,) mask of the tetrahedra of a region: their centres decide.

    Raises
    ------
    InputError
        An unknown tissue, MNI coordinates on a head without them, or a region without a tetrahedron.
    """
    if roi is None:
        roi = TissueRoi(default_tissue(head))
    if not isinstance(roi, SphereRoi | TissueRoi):
        raise InputError(f"a region is made with sphere_roi or tissue_roi, got {roi!r}")
    mask = head.in_tissue(roi.tissue)
    if isinstance(roi, SphereRoi):
        center = np.asarray(roi.center_m)
        if roi.is_mni:
            if not has_mni(head):
                raise InputError(f"head {head.name!r} has no MNI coordinates; give position_mm instead of mni_mm")
            center = from_mni_m(head, center)
        mask = mask & (np.linalg.norm(head.centers_m - center, axis=1) <= roi.radius_m)
    if not mask.any():
        raise InputError(f"{roi} holds no tetrahedron of head {head.name!r}: is its centre in the {roi.tissue}?")
    return mask


def measure(field: Field, roi: Roi | None = None) -> RoiMetrics:
    """Describe |E| in a region.

    Parameters
    ----------
    field : Field
    roi : SphereRoi, TissueRoi or None
        None is grey matter if the head has it, else the innermost tissue.

    Raises
    ------
    InputError
        See `elements_in`.
    """
    return measure_map(field.head, field.magnitude_V_per_m, roi)


def measure_map(head: HeadModel, values_V_per_m: ArrayLike, roi: Roi | None = None) -> RoiMetrics:
    """Describe a map of the field in a region: a peak, an RMS, a modulation depth.

    Parameters
    ----------
    head : HeadModel
    values_V_per_m : (m,) array
        One value for each tetrahedron, such as `FieldMap.values_V_per_m`, V/m.
    roi : SphereRoi, TissueRoi or None
        None is grey matter if the head has it, else the innermost tissue.

    Raises
    ------
    InputError
        See `elements_in`; also values that are not one for each tetrahedron.
    """
    everywhere = np.asarray(values_V_per_m, dtype=np.float64)
    if everywhere.shape != (len(head.tets),):
        raise InputError(f"a map has one value for each of {len(head.tets)} tetrahedra, got {everywhere.shape}")
    numbers = np.flatnonzero(elements_in(head, roi))
    values, volumes = everywhere[numbers], head.volumes_m3[numbers]
    median, p95, p99, p999 = weighted_percentiles(values, volumes, [50, 95, 99, 99.9])
    peak = numbers[int(np.argmax(values))]
    position = head.centers_m[peak]
    mni = _point(to_mni_m(head, position)) if has_mni(head) else None
    return RoiMetrics(
        mean_V_per_m=float(values @ volumes / volumes.sum()),
        median_V_per_m=median,
        p95_V_per_m=p95,
        p99_V_per_m=p99,
        p999_V_per_m=p999,
        peak_V_per_m=float(everywhere[peak]),
        peak_position_m=_point(position),
        peak_mni_m=mni,
        volume_m3=float(volumes.sum()),
        n_elements=len(numbers),
    )


def weighted_percentiles(values: ArrayLike, weights: ArrayLike, percent: ArrayLike) -> tuple[float, ...]:
    """Smallest value for which the values up to it hold at least that percentage of the weight.

    It is always one of the values, does not change when a value is split into two with the same total weight, and
    with equal weights is numpy's percentile with method "inverted_cdf".

    Raises
    ------
    InputError
        No values, a weight that is negative or not finite, weights that sum to zero, NaN, or not between 0 and 100.
    """
    v, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    p = np.atleast_1d(np.asarray(percent, dtype=np.float64))
    is_fine = v.shape == w.shape and v.size > 0 and bool(np.all(w >= 0)) and 0 < w.sum() < float("inf")
    if not is_fine or np.isnan(v).any() or not np.all((p >= 0) & (p <= 100)):
        raise InputError("a percentile needs values without NaN, weights that are not negative, and 0 to 100 per cent")
    order = np.argsort(v[w > 0], kind="stable")
    v, cumulative = v[w > 0][order], np.cumsum(w[w > 0][order])
    # The sum of the weights is rounded; a percentage that falls on a step to within that rounding is on it.
    wanted = p / 100 * cumulative[-1] * (1 - 1e-12)
    return tuple(float(x) for x in v[np.minimum(np.searchsorted(cumulative, wanted), len(v) - 1)])


def _point(values: Array) -> Point:
    x, y, z = (float(value) for value in values)
    return x, y, z
