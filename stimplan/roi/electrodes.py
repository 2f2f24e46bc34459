"""What an electrode does to the skin below it, and the voltage its stimulator must supply.

Under a pad the current crowds towards the rim. What enters the skin there is bounded by the layer of saline or gel and
settles as the mesh becomes finer; the current density inside the skin right at the rim has no bound in a model with a
sharp edge and grows with every finer mesh. Both are given, and `RIM_CAUTION` says what was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError
from stimplan.fem.contact import contact_density
from stimplan.fem.surface import area_vectors
from stimplan.field import Field
from stimplan.head.model import HeadModel
from stimplan.percentiles import weighted_percentiles
from stimplan.placement import Patch, Placement
from stimplan.units import to_si

Array = NDArray[np.float64]

# Half the width of the band around the rim: as wide as the coarsest mesh still has some elements in it.
RIM_M = 0.004
CONTACT_OHM = tuple(to_si(value, "kohm") for value in (1, 5, 10))
SUPPLY_FORMULA = (
    "U = max(V + R I) - min(V + R I) over the electrodes: V the potential of the metal, with tissue and the layer of "
    "saline or gel in it, I the current into the head, R the further contact resistance of each electrode. With two "
    "electrodes, U = I (R_head + 2 R)."
)
# Layered sphere 78/80/86/92 mm, edges of 6 and 3 mm; discs of 20 and 12 mm, pad of 50 x 50 mm.
RIM_CAUTION = (
    "On a layered sphere, from a mesh of 6 mm to one of 3 mm, the density entering the skin changed by −2 to +14 %; "
    "inside the skin it grew by 48 to 68 % (99.9th percentile) and by 49 to 81 % (maximum): those two are figures of "
    "the mesh as well, to be compared between electrodes on one head only."
)


@attrs.frozen
class ElectrodeLoad:
    """Current density in the skin at one electrode.

    Attributes
    ----------
    label : str
    mean_A_per_m2 : float
        Current over the area on the scalp.
    entering_p99_A_per_m2, entering_p999_A_per_m2, entering_max_A_per_m2 : float or None
        Through the surface below the pad, by area; None in the electrode model "uniform", where it is the mean
        everywhere.
    rim_p999_A_per_m2, rim_max_A_per_m2 : float
        99.9th percentile, by volume, and maximum of |J| in the skin within 4 mm of the rim.
    n_rim : int
        Tetrahedra in the band.
    """

    label: str
    mean_A_per_m2: float
    entering_p99_A_per_m2: float | None
    entering_p999_A_per_m2: float | None
    entering_max_A_per_m2: float | None
    rim_p999_A_per_m2: float
    rim_max_A_per_m2: float
    n_rim: int


@attrs.frozen
class Supply:
    """What the stimulator must supply.

    Attributes
    ----------
    head_ohm : float or None
        Resistance between the metals of two electrodes, tissue and layers; None with more of them.
    volts : mapping of float to float
        Voltage by the further contact resistance of each electrode, ohm to V; see `SUPPLY_FORMULA`.
    """

    head_ohm: float | None
    volts: Mapping[float, float]


def electrode_loads(
    shown: Field | Mapping[str, Field], size: Callable[[Mapping[str, Array]], Array] | None = None
) -> tuple[ElectrodeLoad, ...]:
    """Current density in the skin at each electrode of a field, in the order of its placement.

    Parameters
    ----------
    shown : Field or mapping of str to Field
        The parts of a waveform by name.
    size : callable, optional
        Largest size of vectors that swing as those parts do, {name: (k, 3)} -> (k,); the length, for one field.

    Raises
    ------
    InputError
        The field was not made by electrodes.
    """
    parts = {"": shown} if isinstance(shown, Field) else dict(shown)
    placement = placed(next(iter(parts.values())))
    of = size or (lambda vectors: np.linalg.norm(next(iter(vectors.values())), axis=1))
    return tuple(_load(parts, number, of) for number in range(len(placement.electrodes)))


def supply(field: Field, contact_ohm: Sequence[float] = CONTACT_OHM) -> Supply:
    """Voltage the stimulator must supply, for contact resistances of each electrode.

    Parameters
    ----------
    field : Field
    contact_ohm : sequence of float
        Further resistance of each electrode, ohm.

    Raises
    ------
    InputError
        The field was not made by electrodes; a resistance that is negative or not finite.
    """
    placed(field)
    if not all(0 <= value < float("inf") for value in contact_ohm):
        raise InputError(f"contact resistances are not negative and finite, ohm; got {list(contact_ohm)!r}")
    currents = np.array(field.provenance["currents_A"], dtype=np.float64)
    potentials = np.asarray(field.electrode_potential_V)
    used = currents != 0
    volts = {float(R): float(np.ptp((potentials + R * currents)[used])) for R in contact_ohm}
    total = float(np.abs(currents).sum()) / 2
    return Supply(float(np.ptp(potentials[used])) / total if used.sum() == 2 else None, volts)


def placed(field: Field) -> Placement:
    """The electrodes a field was made by.

    Raises
    ------
    InputError
        It was made by none.
    """
    if not isinstance(field.placement, Placement):
        raise InputError("the field was not made by electrodes, or was read from elsewhere: there are none to judge")
    return field.placement


def _load(parts: Mapping[str, Field], number: int, size: Callable[[Mapping[str, Array]], Array]) -> ElectrodeLoad:
    field = next(iter(parts.values()))
    patch, volumes = placed(field).electrodes[number], field.head.volumes_m3
    band = _band(field.head, patch)
    density = size({name: part.J_A_per_m2[band] for name, part in parts.items()})
    area = float(patch.area_m2.sum())
    current = {name: _along([part.provenance["currents_A"][number] / area]) for name, part in parts.items()}
    entering: tuple[float | None, float | None, float | None] = (None, None, None)
    if placed(field).electrode_model == "complete":
        values = size({name: _along(_entering(part, number)) for name, part in parts.items()})
        p99, p999 = weighted_percentiles(values, patch.area_m2, [99, 99.9])
        entering = (p99, p999, float(values.max()))
    return ElectrodeLoad(
        label=patch.electrode.label,
        mean_A_per_m2=float(size(current)[0]),
        entering_p99_A_per_m2=entering[0],
        entering_p999_A_per_m2=entering[1],
        entering_max_A_per_m2=entering[2],
        rim_p999_A_per_m2=weighted_percentiles(density, volumes[band], 99.9)[0],
        rim_max_A_per_m2=float(density.max()),
        n_rim=len(band),
    )


def _band(head: HeadModel, patch: Patch) -> NDArray[np.int64]:
    """Tetrahedra of the skin around the rim of an electrode; the nearest one on a mesh too coarse for the band."""
    triangles = head.scalp[patch.triangles]
    is_node = np.zeros(len(head.nodes_m), dtype=bool)
    is_node[triangles] = True
    skin = np.unique(head.tissue[is_node[head.tets].any(axis=1)])
    reach = np.linalg.norm(head.nodes_m[triangles].reshape(-1, 3) - patch.center_m, axis=1).max() + 2 * RIM_M
    around = np.flatnonzero(np.linalg.norm(head.centers_m - patch.center_m, axis=1) <= reach)
    around = around[np.isin(head.tissue[around], skin)]
    from_rim = _distance(head.centers_m[around], rim_m(head.nodes_m, triangles, patch.area_m2))
    band = around[from_rim <= RIM_M]
    return band if len(band) else around[[int(np.argmin(from_rim))]]


def _entering(field: Field, number: int) -> Array:
    """(k,) current density through the covered part of each triangle below an electrode, A/m²."""
    contact = placed(field).electrodes[number].contact(field.head)
    return contact_density(contact, field.potential_V, float(field.electrode_potential_V[number]))


def _along(values: ArrayLike) -> Array:
    """Numbers with a sign as vectors along one axis."""
    numbers = np.asarray(values, dtype=np.float64)
    return np.stack([numbers, np.zeros_like(numbers), np.zeros_like(numbers)], axis=1)


def rim_m(nodes_m: Array, triangles: NDArray[np.int32], covered_m2: Array) -> Array:
    """(k, 3) points on the rim: the centres of the triangles that are covered in part."""
    is_cut = covered_m2 < (1 - 1e-6) * triangle_areas_m2(nodes_m, triangles)
    return nodes_m[triangles[is_cut if is_cut.any() else slice(None)]].mean(axis=1)


def triangle_areas_m2(nodes_m: Array, triangles: NDArray[np.int32]) -> Array:
    """(k,) area of each triangle, m²."""
    return np.linalg.norm(area_vectors(nodes_m, triangles), axis=1)


def _distance(points_m: Array, to_m: Array) -> Array:
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(to_m).query(points_m)
    return np.asarray(distance)
