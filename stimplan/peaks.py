"""The largest a waveform gets: current density in the brain, voltages at the electrodes.

Limits are about the largest instantaneous size. A sum of swinging fields is largest where they meet in phase: the
peak of the cycle, the direct current with the oscillation at its turn, all carriers at once. Gaussian noise has no
largest value; its standard deviation is given under its own name and no limit is compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.exposure import Exposure
from stimplan.field_map import FieldMap, Vectors
from stimplan.head.cortex import brain_names
from stimplan.roi import CONTACT_OHM, supply, weighted_percentiles

Array = NDArray[np.float64]

# The map with the largest instantaneous size, where a waveform has one.
_LARGEST = ("carrier_peak", "peak", "magnitude")


@attrs.frozen(eq=False)
class Voltages:
    """Voltages at the electrodes at the full level.

    Attributes
    ----------
    meaning : {"potential", "peak", "RMS"}
        What the numbers are: with their sign for a direct current, the largest size for others, the root of the mean
        square for Gaussian noise, which has no largest value.
    potential_V : (l,) array
        Of each electrode's metal against the mean of the head.
    supply_V : float
        Largest difference between two electrodes of one current source: what the stimulator must supply through the
        tissue and the layers under the electrodes; impedance of the skin's surface comes on top.
    head_ohm : float or None
        Resistance of tissue and layers; of two electrodes with a direct current only.
    with_contact_V : mapping of float to float
        What it must supply with that further contact resistance, ohm, of each electrode; see `SUPPLY_FORMULA`.
    """

    meaning: str
    potential_V: Array
    supply_V: float
    head_ohm: float | None
    with_contact_V: Mapping[float, float]


def field_quantities(exposure: Exposure) -> dict[str, float]:
    """What the safety rules may ask about a field: the largest current density in the brain, A/m², and of carriers.

    The brain is white and grey matter, or the innermost tissue of a head without them. The 99.9th percentile, by
    volume, resists the one bad tetrahedron that the maximum belongs to. Gaussian noise has no largest current
    density: its RMS is given instead, under another name.
    """
    head = exposure.field.head
    inside = np.isin(head.tissue, [head.tissue_named(name).label for name in brain_names(head)])
    volumes = head.volumes_m3[inside]
    density = largest(exposure, {name: field.J_A_per_m2[inside] for name, field in exposure.fields.items()})
    kind = "" if density.id in _LARGEST else "_rms"
    values = density.values_V_per_m  # A/m² here: the maps are the same functions of any vectors
    found = {
        f"brain_current_density{kind}_p999_A_per_m2": weighted_percentiles(values, volumes, 99.9)[0],
        f"brain_current_density{kind}_max_A_per_m2": float(values.max()),
    }
    if density.id == "carrier_peak":
        carriers = exposure.map_named("carrier_peak").values_V_per_m[inside]
        found["brain_carrier_field_p999_V_per_m"] = weighted_percentiles(carriers, volumes, 99.9)[0]
    return found


def not_judged(exposure: Exposure, quantities: Mapping[str, float]) -> tuple[str, ...]:
    """What no limit on the largest size can be compared with, as sentences."""
    rms = quantities.get("brain_current_density_rms_p999_A_per_m2")
    if rms is None:
        return ()
    return (
        f"The largest current density in the brain: Gaussian noise has none. Its RMS is {rms:.3g} A/m² (99.9th "
        "percentile), and limits are about peaks.",
    )


def voltages(exposure: Exposure) -> Voltages:
    """Voltages at the electrodes, by the waveform's peak."""
    placement = exposure.field.placement
    parts = {name: field.electrode_potential_V for name, field in exposure.fields.items()}
    sources = [] if placement is None else [
        (getattr(patch.electrode, "channel", None), _is_driven(exposure, k))
        for k, patch in enumerate(placement.electrodes)
    ]  # fmt: skip
    one = largest(exposure, {name: _as_vectors(values) for name, values in parts.items()})
    pairs = _pairs(sources)
    needed = {ohm: _supply_V(exposure, pairs, ohm) for ohm in (0.0, *CONTACT_OHM)}
    supply_V = needed.pop(0.0)
    if one.id == "magnitude":
        head_ohm = supply(exposure.field, ()).head_ohm if pairs else None
        return Voltages("potential", np.asarray(exposure.field.electrode_potential_V), supply_V, head_ohm, needed)
    return Voltages("peak" if one.id in _LARGEST else "RMS", one.values_V_per_m, supply_V, None, needed)


def _supply_V(exposure: Exposure, pairs: Sequence[tuple[int, int]], contact_ohm: float) -> float:
    """Largest voltage between two electrodes of one source, each with a contact resistance."""
    if not pairs:
        return 0.0
    first, second = (list(side) for side in zip(*pairs, strict=True))
    apart = {}
    for name, field in exposure.fields.items():
        drops = contact_ohm * np.array(field.provenance["currents_A"], dtype=np.float64)
        levels = field.electrode_potential_V + drops
        apart[name] = _as_vectors(levels[first] - levels[second])
    return float(largest(exposure, apart).values_V_per_m.max())


def largest(exposure: Exposure, vectors: Vectors) -> FieldMap:
    """The map of the largest size of any vectors that swing as the field does, or the RMS where there is none."""
    maps = exposure.maps_from(vectors)
    return next((one for name in _LARGEST for one in maps if one.id == name), maps[0])


def _is_driven(exposure: Exposure, number: int) -> bool:
    return any(field.provenance["currents_A"][number] != 0 for field in exposure.fields.values())


def _pairs(sources: Sequence[tuple[int | None, bool]]) -> list[tuple[int, int]]:
    """Electrodes of one source that carry current, two by two."""
    return [
        (a, b)
        for b, (source, is_driven) in enumerate(sources)
        for a, (other, also) in enumerate(sources[:b])
        if source == other and is_driven and also
    ]


def _as_vectors(values: Array) -> Array:
    return np.stack([values, np.zeros_like(values), np.zeros_like(values)], axis=1)
