"""Numbers of every map of a waveform: in a tissue, at a target, along a direction."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError, Problem
from stimplan.exposure import Exposure
from stimplan.fem.recover import relative_difference
from stimplan.head.cortex import cortex_of
from stimplan.head.space import has_mni, to_mni_m
from stimplan.montage import Point
from stimplan.roi import Roi, RoiMetrics, elements_in, measure_map, weighted_percentiles

NORMAL = "normal"


@attrs.frozen
class MapMetrics:
    """One map in numbers.

    Attributes
    ----------
    id, title, symbol, meaning : str
        See `FieldMap`.
    in_tissue : RoiMetrics
        Of grey matter, or of the innermost tissue of a head without any.
    at_target : RoiMetrics or None
    """

    id: str
    title: str
    symbol: str
    meaning: str
    in_tissue: RoiMetrics
    at_target: RoiMetrics | None


@attrs.frozen
class SurfaceMetrics:
    """Distribution over the cortical surface, each point weighted with its share of the area; V/m.

    The percentiles of a direct current are those of the size; `mean_V_per_m` keeps the sign, positive outwards.
    """

    mean_V_per_m: float
    median_V_per_m: float
    p95_V_per_m: float
    p99_V_per_m: float
    p999_V_per_m: float
    peak_V_per_m: float
    peak_position_m: Point
    peak_mni_m: Point | None
    area_m2: float
    n_points: int


@attrs.frozen
class Along:
    """The main map of the field's component along a direction.

    Attributes
    ----------
    direction : str
        In words.
    title : str
        What was measured along it.
    on_cortex : SurfaceMetrics or None
        Along the inward normal of the cortex, at its surface; positive into the cortex.
    in_tissue, at_target : RoiMetrics or None
        Along one direction, in the tissue and at the target.
    """

    direction: str
    title: str
    on_cortex: SurfaceMetrics | None = None
    in_tissue: RoiMetrics | None = None
    at_target: RoiMetrics | None = None


def metrics_of(exposure: Exposure, target: Roi | None = None) -> tuple[MapMetrics, ...]:
    """Numbers of each map of an exposure, with an estimate of their error.

    Raises
    ------
    InputError
        The target holds no tetrahedron.
    """
    in_tissue = _measured(exposure, None)
    at_target = None if target is None else _measured(exposure, target)
    return tuple(
        MapMetrics(
            id=one.id,
            title=one.title,
            symbol=one.symbol,
            meaning=one.meaning,
            in_tissue=in_tissue[one.id],
            at_target=None if at_target is None else at_target[one.id],
        )
        for one in exposure.maps
    )


def _measured(exposure: Exposure, roi: Roi | None) -> dict[str, RoiMetrics]:
    """Each map in a region, by its id."""
    head = exposure.field.head
    estimates = error_estimates(exposure, elements_in(head, roi))
    return {
        one.id: attrs.evolve(measure_map(head, one.values_V_per_m, roi), relative_error_estimate=estimates[one.id])
        for one in exposure.maps
    }


def error_estimates(exposure: Exposure, mask: NDArray[np.bool_]) -> dict[str, float]:
    """Estimated relative error of each map over some tetrahedra, by its id: discretisation only.

    For a direct current that of the field, see `Field.error_estimate`; else the difference between the map of the
    fields of the tetrahedra and that of the fields recovered at their centres, by volume.
    """
    if exposure.main.id == "magnitude":
        return {"magnitude": exposure.field.error_estimate(mask)}
    recovered = {name: field.recovered_at_centers_V_per_m[mask] for name, field in exposure.fields.items()}
    volumes = exposure.field.head.volumes_m3[mask]
    return {
        one.id: relative_difference(better.values_V_per_m[:, None], one.values_V_per_m[mask, None], volumes)
        for one, better in zip(exposure.maps, exposure.maps_from(recovered), strict=True)
    }


def metrics_along(exposure: Exposure, direction: str | Sequence[float], target: Roi | None = None) -> Along:
    """Numbers of the component along the inward normal of the cortex, or along a direction in head coordinates.

    Parameters
    ----------
    exposure : Exposure
    direction : "normal" or (3,) sequence
    target : region, optional

    Raises
    ------
    InputError
        Another word, or not three finite numbers that are not all zero.
    HeadError
        The head has no cortical surface.
    """
    title = "E" if exposure.main.id == "magnitude" else exposure.main.title
    if isinstance(direction, str):
        if direction != NORMAL:
            what = f"{direction!r} is no direction; it is {NORMAL!r} or three numbers in head coordinates"
            raise InputError(Problem("along", what))
        return Along("the inward normal of the cortex", title, on_cortex=_on_cortex(exposure))
    head = exposure.field.head
    size = np.abs(exposure.along([float(one) for one in direction]))
    return Along(
        direction=f"({', '.join(f'{float(one):g}' for one in direction)}) in head coordinates",
        title=title,
        in_tissue=measure_map(head, size),
        at_target=None if target is None else measure_map(head, size, target),
    )


def along_cortex(exposure: Exposure) -> NDArray[np.float64]:
    """(p,) main map of the component along the inward normal at each point of `cortex_of(head)`, V/m.

    Signed for a direct current: positive into the cortex, as under an anode, like every normal component here. NaN
    where the surface folds so sharply that it has no normal.

    Raises
    ------
    HeadError
        The head has no cortical surface.
    """
    cortex = cortex_of(exposure.field.head)
    has_normal = cortex.normals.any(axis=1)
    vectors = {
        name: field.recovered_V_per_m(cortex.tissue)[cortex.nodes[has_normal]]
        for name, field in exposure.fields.items()
    }
    values = np.full(len(cortex.nodes), np.nan)
    values[has_normal] = exposure.along(-cortex.normals[has_normal], vectors)
    return values


def _on_cortex(exposure: Exposure) -> SurfaceMetrics:
    head, cortex, values = exposure.field.head, cortex_of(exposure.field.head), along_cortex(exposure)
    known = np.flatnonzero(np.isfinite(values))
    size, area = np.abs(values[known]), cortex.area_m2[known]
    median, p95, p99, p999 = weighted_percentiles(size, area, [50, 95, 99, 99.9])
    peak = known[int(np.argmax(size))]
    position = cortex.points_m[peak]
    return SurfaceMetrics(
        mean_V_per_m=float(values[known] @ area / area.sum()),
        median_V_per_m=median,
        p95_V_per_m=p95,
        p99_V_per_m=p99,
        p999_V_per_m=p999,
        peak_V_per_m=float(values[peak]),
        peak_position_m=_point(position),
        peak_mni_m=_point(to_mni_m(head, position)) if has_mni(head) else None,
        area_m2=float(area.sum()),
        n_points=len(known),
    )


def _point(values: NDArray[np.float64]) -> Point:
    x, y, z = (float(value) for value in values)
    return x, y, z
