"""The numbers that describe a field in a region."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError
from stimplan.field import Field
from stimplan.head.cortex import cortex_of
from stimplan.head.model import HeadModel
from stimplan.head.space import has_mni, to_mni_m
from stimplan.montage import Point
from stimplan.percentiles import weighted_percentiles
from stimplan.roi.regions import Roi, TissueRoi, default_tissue, elements_in, tissue_of

Array = NDArray[np.float64]


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
    relative_error_estimate : float or None
        Of the element field in the region, from its difference to the recovered one (`Field.error_estimate`):
        discretisation only, not anatomy or conductivity. None for a map, which has no recovered field of its own.
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
    relative_error_estimate: float | None


def measure(field: Field, roi: Roi | None = None) -> RoiMetrics:
    """Describe |E| in a region.

    Parameters
    ----------
    field : Field
    roi : region or None
        None is grey matter if the head has it, else the innermost tissue.

    Raises
    ------
    InputError
        See `elements_in`.
    """
    estimate = field.error_estimate(elements_in(field.head, roi))
    metrics = measure_map(field.head, field.magnitude_V_per_m, roi)
    return attrs.evolve(metrics, relative_error_estimate=estimate)


def measure_map(head: HeadModel, values_V_per_m: ArrayLike, roi: Roi | None = None) -> RoiMetrics:
    """Describe a map of the field in a region: a peak, an RMS, a modulation depth.

    Parameters
    ----------
    head : HeadModel
    values_V_per_m : (m,) array
        One value for each tetrahedron, such as `FieldMap.values_V_per_m`, V/m.
    roi : region or None
        None is grey matter if the head has it, else the innermost tissue.

    Raises
    ------
    InputError
        See `elements_in`; also values that are not one for each tetrahedron.
    """
    everywhere = np.asarray(values_V_per_m, dtype=np.float64)
    if everywhere.shape != (len(head.tets),):
        raise InputError(f"a map has one value for each of {len(head.tets)} tetrahedra, got {everywhere.shape}")
    mask = elements_in(head, roi)
    numbers = np.flatnonzero(mask)
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
        relative_error_estimate=None,
    )


@attrs.frozen(eq=False)
class MapOn:
    """A map of the field on a head, one value for each tetrahedron, V/m: what is measured in place of |E|."""

    head: HeadModel
    values_V_per_m: Array


@attrs.frozen
class Focality:
    """How much of a tissue feels a strong field.

    Attributes
    ----------
    tissue : str
    p999_V_per_m : float
        99.9th percentile of |E| in the tissue, by volume.
    threshold_V_per_m : float
        Half of it.
    volume_m3, area_m2 : float
        Volume of the tissue, and area of the cortical surface, above the threshold; the area is None on a tissue that
        is not the cortex of the head, and for a map.
    share : float
        The volume over that of the tissue.
    """

    tissue: str
    p999_V_per_m: float
    threshold_V_per_m: float
    volume_m3: float
    area_m2: float | None
    share: float


@attrs.frozen
class Contrast:
    """A target against the rest of its tissue.

    Attributes
    ----------
    target_V_per_m, rest_V_per_m : float
        Mean |E| in the region, and in the same tissue outside of it.
    ratio : float or None
        Target over rest; None where the rest has no field.
    share_of_strongest : float
        Of the volume above half the 99.9th percentile, the part that lies in the target.
    """

    target_V_per_m: float
    rest_V_per_m: float
    ratio: float | None
    share_of_strongest: float


def volume_above_m3(shown: Field | MapOn, threshold_V_per_m: float, roi: Roi | None = None) -> float:
    """Volume of a region in which |E|, or another map, is above a threshold, m³.

    Raises
    ------
    InputError
        A threshold that is negative or not finite; see `elements_in`.
    """
    if not 0 <= threshold_V_per_m < float("inf"):
        raise InputError(f"the threshold is a field strength, V/m, not negative and finite; got {threshold_V_per_m!r}")
    head, values = _seen(shown)
    return float(head.volumes_m3[elements_in(head, roi) & (values > threshold_V_per_m)].sum())


def focality(shown: Field | MapOn, tissue: str | None = None) -> Focality:
    """Volume of a tissue, and area of cortex, with |E| above half of the 99.9th percentile.

    Parameters
    ----------
    shown : Field or MapOn
    tissue : str, optional
        Grey matter if left out (the innermost tissue of a head without any).

    Raises
    ------
    HeadError
        This head has no such tissue.
    """
    head, values = _seen(shown)
    roi = TissueRoi(tissue or default_tissue(head))
    mask = elements_in(head, roi)
    volumes = head.volumes_m3[mask]
    (p999,) = weighted_percentiles(values[mask], volumes, 99.9)
    volume = volume_above_m3(shown, p999 / 2, roi)
    area = None
    if isinstance(shown, Field) and (cortex := cortex_of(head)).tissue == roi.tissue:
        strength = np.linalg.norm(shown.recovered_V_per_m(roi.tissue)[cortex.nodes], axis=1)
        area = float(cortex.area_m2[strength > p999 / 2].sum())
    return Focality(roi.tissue, p999, p999 / 2, volume, area, volume / float(volumes.sum()))


def contrast(shown: Field | MapOn, roi: Roi) -> Contrast:
    """Mean |E|, or of another map, in a region against the mean elsewhere in the same tissue.

    Raises
    ------
    InputError
        The region is the whole tissue: nothing is left to compare with; see `elements_in`.
    """
    head, strength = _seen(shown)
    volumes = head.volumes_m3
    inside = elements_in(head, roi)
    tissue = head.in_tissue(tissue_of(head, roi))
    rest = tissue & ~inside
    if not rest.any():
        raise InputError("the target is the whole tissue: there is no rest to compare it with")
    target_mean = float(strength[inside] @ volumes[inside] / volumes[inside].sum())
    rest_mean = float(strength[rest] @ volumes[rest] / volumes[rest].sum())
    (p999,) = weighted_percentiles(strength[tissue], volumes[tissue], 99.9)
    strong = tissue & (strength > p999 / 2)
    share = float(volumes[strong & inside].sum() / volumes[strong].sum()) if strong.any() else 0.0
    return Contrast(target_mean, rest_mean, target_mean / rest_mean if rest_mean > 0 else None, share)


def _seen(shown: Field | MapOn) -> tuple[HeadModel, Array]:
    return shown.head, shown.magnitude_V_per_m if isinstance(shown, Field) else shown.values_V_per_m


def _point(values: Array) -> Point:
    x, y, z = (float(value) for value in values)
    return x, y, z
