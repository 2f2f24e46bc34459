"""The preview of what one set of currents does not tell: phases of an alternating current, carriers that beat.

Each part of the waveform has its field from the preview's table; the maps of them are those of a whole run.
"""

from __future__ import annotations

import attrs
import numpy as np

from stimplan.exposure import currents_of
from stimplan.field_map import FieldMap, map_maker
from stimplan.preview import PreviewTable, preview, preview_table
from stimplan.protocol import Protocol
from stimplan.protocol.electric import ElectricStimulation

# What is offered of them, in this order; a cap of buttons holds two.
_SHOWN = ("envelope", "peak", "carrier_peak", "rms")


@attrs.frozen(eq=False)
class Swinging:
    """Maps of a waveform on the preview's cortex.

    Attributes
    ----------
    table : PreviewTable
    maps : tuple of FieldMap
        One value a point, V/m.
    """

    table: PreviewTable
    maps: tuple[FieldMap, ...]


def is_swinging(protocol: Protocol) -> bool:
    """Whether the field of a protocol is more than one picture of its currents."""
    electric = protocol.electric
    if electric is None:
        return False
    turned = any(abs(np.sin(one.phase_rad or 0.0)) > 1e-9 for one in electric.electrodes)
    return electric.waveform.type == "temporal-interference" or turned


def swinging(protocol: Protocol) -> Swinging:
    """The two maps by which such a stimulation is judged, from the preview's table.

    Raises
    ------
    InputError
        A site that the preview does not have, an electrode at no named site, carriers that make no envelope, or
        currents whose meaning is not reported.
    """
    electric = protocol.electric
    assert electric is not None
    fields = {name: preview(_by_site(electric, currents)).E_V_per_m for name, currents in currents_of(electric).items()}
    maps = {one.id: one for one in map_maker(electric)(fields)}
    return Swinging(preview_table(), tuple(maps[name] for name in _SHOWN if name in maps))


def _by_site(electric: ElectricStimulation, currents_A: list[float]) -> dict[str, float]:
    """Currents of one part by site; those at one site are added, idle ones left out."""
    found: dict[str, float] = {}
    for electrode, current in zip(electric.electrodes, currents_A, strict=True):
        if current:
            site = electrode.site if isinstance(electrode.site, str) else electrode.label
            found[site] = found.get(site, 0.0) + current
    return found
