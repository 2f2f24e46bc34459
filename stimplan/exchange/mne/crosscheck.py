"""The same montage by two methods: our finite elements, and MNE's boundary elements by reciprocity.

Boundary elements know three compartments, and their surfaces are smooth and coarse. So that a difference has one
cause, four fields are compared in a chain, each differing from the one before in one thing:

BEM -> FEM of the same three surfaces          (the method)
    -> FEM of the head, three conductivities   (surfaces drawn coarse, closed and apart; no face bones)
    -> the same, CSF with its own              (what three layers cannot show)
    -> FEM of the head as it is                (white matter, bone by bone, eyes, anisotropy)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError
from stimplan.exchange.mne.bem import boundary_elements, reciprocal_field
from stimplan.exchange.mne.points import LEAST_DEPTH_M, compared_points
from stimplan.exchange.mne.remeshed import layered_head, placed_on
from stimplan.exchange.mne.surfaces import (
    DEFAULT_VERTICES,
    ThreeLayers,
    csf_of,
    three_layers,
    with_three_conductivities,
)
from stimplan.fem.compare import mag, rdm
from stimplan.fem.solve import Progress
from stimplan.field import Field, solve
from stimplan.head.cortex import cortex_of
from stimplan.head.model import HeadModel
from stimplan.placement import Placement, place
from stimplan.protocol.reading import as_protocol
from stimplan.values import frozen_array, frozen_mapping

if TYPE_CHECKING:
    from pathlib import Path

    from stimplan.protocol import Protocol

Array = NDArray[np.float64]

BEM = "BEM, three layers"
SAME = "FEM, same surfaces"
THREE = "FEM, three conductivities"
WITH_CSF = "FEM, three and CSF"
AS_IS = "FEM, head as it is"


@attrs.frozen
class Comparison:
    """Two fields at the same points.

    Attributes
    ----------
    field, reference : str
        Names of the two.
    differs : str
        What differs between them.
    rdm, mag : float
        Relative difference (0 is the same shape) and magnification of the field against the reference, by area.
    correlation : float
        Pearson's, of |E| over the points, by area.
    correlation_normal : float
        Of the component along the cortex's normals.
    p99_ratio : float
        99th percentile of |E|, field over reference.
    """

    field: str
    reference: str
    differs: str
    rdm: float
    mag: float
    correlation: float
    correlation_normal: float
    p99_ratio: float


def _field_table(fields: Mapping[str, Array]) -> Mapping[str, Array]:
    return frozen_mapping({name: frozen_array(E, name=name, shape=(None, 3)) for name, E in fields.items()})


@attrs.frozen(eq=False)
class CrossCheck:
    """What the methods say of one montage on one head.

    Attributes
    ----------
    protocol_id : str
    head : HeadModel
    placement : Placement
    rows : (p,) int array
        Points of `cortex_of(head)` that were compared.
    points_m : (p, 3) array
        Where: on the cortex, or below it where that is nearer than `LEAST_DEPTH_M` to the inner skull.
    fields_V_per_m : mapping of str to (p, 3) array
        By name: BEM, SAME, THREE, AS_IS, and WITH_CSF where the head has CSF.
    comparisons : tuple of Comparison
    record : mapping
        Sizes, conductivities, and how many points were moved or left out, as plain JSON data.
    """

    protocol_id: str
    head: HeadModel
    placement: Placement
    rows: NDArray[np.int64]
    points_m: Array
    fields_V_per_m: Mapping[str, Array] = attrs.field(converter=_field_table)
    comparisons: tuple[Comparison, ...]
    record: Mapping[str, Any] = attrs.field(converter=frozen_mapping)

    def between(self, field: str, reference: str) -> Comparison:
        """The comparison of two fields.

        Raises
        ------
        InputError
            There is none.
        """
        for one in self.comparisons:
            if (one.field, one.reference) == (field, reference):
                return one
        raise InputError(f"{field!r} was not compared with {reference!r}")

    def as_json(self) -> dict[str, Any]:
        """Everything but the fields themselves, as plain JSON data."""
        comparisons = [attrs.asdict(one) for one in self.comparisons]
        return {"protocol": self.protocol_id, "head": self.head.name, **self.record, "comparisons": comparisons}


def cross_check(
    protocol: Protocol | str | Path,
    head: HeadModel,
    *,
    vertices: int = DEFAULT_VERTICES,
    progress: Progress | None = None,
) -> CrossCheck:
    """Compute a montage by finite and by boundary elements, and compare.

    Parameters
    ----------
    protocol : Protocol, str or Path
        One electric protocol with one current source.
    head : HeadModel
    vertices : int
        Of each of the three surfaces, about.
    progress : callable, optional

    Raises
    ------
    InputError
        A protocol without one field; a head without brain, skull and scalp, or whose surfaces cannot be drawn.
    """
    plan = as_protocol(protocol) if isinstance(protocol, str) or hasattr(protocol, "__fspath__") else protocol
    placement = place(plan, head, electrode_model="uniform")
    # The field that the user knows; it refuses what is no single field before the long work starts.
    as_is = solve(head, placement, progress=progress)
    if progress is not None:
        progress("surfaces", 0.0)
    layers = three_layers(head, vertices=vertices)
    remeshed = layered_head(layers, head, progress=progress)
    cortex = cortex_of(head)
    rows, points, moved = compared_points(cortex, layers.inner_skull, heads=(head, remeshed))
    fields = {
        **_finite(as_is, placement, points, progress=progress),
        **_layered(layers, remeshed, as_is, points_m=points, progress=progress),
    }
    csf = csf_of(head)
    record = {
        "head_digest": head.digest,
        "nodes": len(head.nodes_m),
        "nodes_same_surfaces": len(remeshed.nodes_m),
        "sigma_S_per_m": dict(layers.sigma_S_per_m),
        "csf_S_per_m": head.tissue_named(csf).conductivity_S_per_m if csf else None,
        "surfaces": dict(layers.record),
        "points": {"compared": len(rows), "moved_inwards": moved, "left_out": len(cortex.nodes) - len(rows)},
        "least_depth_m": LEAST_DEPTH_M,
        "electrode_model": "uniform",
    }
    found = _comparisons(fields, cortex.normals[rows], cortex.area_m2[rows])
    return CrossCheck(plan.id, head, placement, rows, points, fields, found, record)


def _finite(as_is: Field, placement: Placement, points_m: Array, *, progress: Progress | None) -> dict[str, Array]:
    """Fields on the head's own mesh."""
    head, csf = as_is.head, csf_of(as_is.head)
    heads = {THREE: with_three_conductivities(head)}
    if csf:
        heads[WITH_CSF] = with_three_conductivities(head, keeps=(csf,))
    fields = {name: solve(model, placement, progress=progress).at(points_m) for name, model in heads.items()}
    return {AS_IS: as_is.at(points_m), **fields}


def _layered(
    layers: ThreeLayers, remeshed: HeadModel, as_is: Field, *, points_m: Array, progress: Progress | None
) -> dict[str, Array]:
    """Fields of the three surfaces, by both methods, the electrodes on the same scalp."""
    assert as_is.placement is not None
    placement, currents = placed_on(remeshed, as_is.placement), as_is.provenance["currents_A"]
    same = solve(remeshed, placement, currents_A=currents, progress=progress).at(points_m)
    if progress is not None:
        progress("boundary elements", 0.0)
    return {
        SAME: same,
        BEM: reciprocal_field(boundary_elements(layers), placement, points_m, currents_A=currents),
    }


def _comparisons(fields: Mapping[str, Array], normals: Array, area_m2: Array) -> tuple[Comparison, ...]:
    chain = [
        (BEM, SAME, "the method"),
        (SAME, THREE, "surfaces drawn coarse, closed and apart; no bones of the face"),
        (BEM, THREE, "both of these"),
        (THREE, WITH_CSF, "CSF, which three layers do not have"),
        (THREE, AS_IS, "CSF, white matter, kinds of bone, eyes"),
        (BEM, AS_IS, "all of it"),
    ]
    return tuple(
        _compared(one, other, differs, fields=fields, normals=normals, area_m2=area_m2)
        for one, other, differs in chain
        if one in fields and other in fields
    )


def _compared(
    one: str, other: str, differs: str, *, fields: Mapping[str, Array], normals: Array, area_m2: Array
) -> Comparison:
    from stimplan.roi import weighted_percentiles

    a, b = fields[one], fields[other]
    sizes = [np.linalg.norm(E, axis=1) for E in (a, b)]
    along = [np.einsum("pd,pd->p", E, normals) for E in (a, b)]
    p99 = [weighted_percentiles(size, area_m2, 99)[0] for size in sizes]
    return Comparison(
        field=one,
        reference=other,
        differs=differs,
        rdm=rdm(a, b, weights=area_m2),
        mag=mag(a, b, weights=area_m2),
        correlation=_correlation(sizes[0], sizes[1], area_m2),
        correlation_normal=_correlation(along[0], along[1], area_m2),
        p99_ratio=p99[0] / p99[1],
    )


def _correlation(a: Array, b: Array, weights: Array) -> float:
    share = weights / weights.sum()
    a, b = a - share @ a, b - share @ b
    return float((share @ (a * b)) / np.sqrt((share @ a**2) * (share @ b**2)))
