"""What a schema cannot say about electrodes and their currents.

Everything here works on the JSON tree, in file units, with exact decimals; where the schema has already found a value
of the wrong kind, the checks that need it pass it over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import combinations
from typing import Any

from stimplan.errors import MontageError
from stimplan.montage import Shape
from stimplan.protocol.electric import CurrentInput, imbalances
from stimplan.protocol.model import WAVEFORM_OF
from stimplan.protocol.plausible import is_plausible, plain, show_list
from stimplan.protocol.schema_check import Fault, is_number, nearest
from stimplan.protocol.site_checks import ELECTRODE_FORMS, place_faults
from stimplan.sites import electrode_products, known_sites, materials, resolve_site, shape_from_file
from stimplan.strict_json import JsonPath
from stimplan.units import from_si, text, to_si

# Ours, not published: above gel rings of 1 cm² and round electrodes of 3 cm², below the smallest sponges in use.
_LARGEST_HD_AREA_M2 = to_si(5, "cm2")


def electric_faults(tree: Mapping[str, Any], stimulation: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault of electrodes and currents that goes beyond the schema."""
    waveform, electrodes = stimulation.get("waveform"), stimulation.get("electrodes")
    if isinstance(electrodes, list):
        base: JsonPath = ("stimulation", "electrodes")
        for number, electrode in enumerate(electrodes):
            if isinstance(electrode, dict):
                yield from _electrode(electrode, (*base, number))
        yield from _balance(WAVEFORM_OF.get(str(tree.get("modality"))), electrodes, base)
        yield from _same_labels(electrodes, base)
        yield from _not_high_definition(tree.get("modality"), electrodes, base)
        yield from _overlaps(electrodes, base)
    if isinstance(waveform, dict):
        yield from _waveform(waveform, electrodes, ("stimulation", "waveform"))


def _electrode(electrode: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    yield from place_faults(electrode.get("site"), (*path, "site"), ELECTRODE_FORMS)
    phase = electrode.get("phase_deg")
    if _is_radians(phase):
        yield Fault((*path, "phase_deg"), f"{phase}° is implausible; radians? π is 180°")
    layers = electrode.get("layers")
    for number, layer in enumerate(layers if isinstance(layers, list) else ()):
        name = layer.get("material") if isinstance(layer, dict) else None
        if isinstance(name, str) and name not in materials():
            known = nearest(name, materials()) or "; known are " + ", ".join(materials())
            yield Fault((*path, "layers", number, "material"), f"{name!r} is not in montages/materials.json{known}")
    yield from _ring(electrode.get("shape"), (*path, "shape"))
    yield from _product(electrode, path)


def _ring(shape: Any, path: JsonPath) -> Iterator[Fault]:
    if not isinstance(shape, dict) or shape.get("type") != "ring":
        return
    inner, outer = shape.get("inner_diameter_mm"), shape.get("outer_diameter_mm")
    if is_number(inner) and is_number(outer) and not inner < outer:
        what = f"must be smaller than the outer diameter, got {inner} mm inside {outer} mm"
        yield Fault((*path, "inner_diameter_mm"), what)


def _product(electrode: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    """A product that is named must be the one described."""
    name = electrode.get("product")
    if not isinstance(name, str):
        return
    products = electrode_products()
    if name not in products:
        known = nearest(name, products) or "; known are " + ", ".join(products)
        yield Fault((*path, "product"), f"{name!r} is not in montages/electrodes.json{known}")
        return
    shape = _shape(electrode)
    if shape is not None and _sizes(shape) != _sizes(products[name].shape):
        what = (
            f"{name!r} is a {_sizes(products[name].shape)} mm, but shape says {_sizes(shape)} mm; correct one of them"
        )
        yield Fault((*path, "product"), what)
    layers = electrode.get("layers")
    if isinstance(layers, list) and all(isinstance(layer, dict) for layer in layers):
        have = [layer.get("material") for layer in layers]
        want = [layer.material for layer in products[name].layers]
        if have != want:
            what = f"{name!r} has the layers {want}, but layers says {have}; correct one of them or leave product out"
            yield Fault((*path, "product"), what)


def _sizes(shape: Shape) -> str:
    """Kind and sizes in mm as text, without the rotation, which belongs to the placement."""
    kind = type(shape).__name__.lower()
    lengths = [
        getattr(shape, name)
        for name in ("diameter_m", "width_m", "height_m", "inner_diameter_m", "outer_diameter_m")
        if hasattr(shape, name)
    ]
    return " ".join([kind, " × ".join(f"{from_si(length, 'mm'):f}" for length in lengths)])


def _shape(electrode: Any) -> Shape | None:
    """The electrode's shape where it is complete and sound enough to have sizes."""
    shape = electrode.get("shape") if isinstance(electrode, dict) else None
    if not isinstance(shape, dict):
        return None
    sizes = [(key, value) for key, value in shape.items() if key.endswith("_mm")]
    if not all(is_number(value) and value > 0 and is_plausible(key, value) for key, value in sizes):
        return None  # a slip of the unit is said where it is
    try:
        return shape_from_file(shape)
    except (KeyError, ValueError, TypeError):
        return None


def _balance(kind: str | None, electrodes: list[Any], path: JsonPath) -> Iterator[Fault]:
    """Currents that do not sum to zero; only judged where every electrode says plausibly what it contributes."""
    if kind is None:
        return
    inputs = [_input(electrode, kind) for electrode in electrodes]
    known = [one for one in inputs if one is not None]
    if len(known) == len(electrodes) > 1:
        for what in imbalances(known, kind):
            yield Fault(path, what)


def _input(electrode: Any, kind: str) -> CurrentInput | None:
    """What an electrode contributes to the balance; None where something that matters for it is missing."""
    record = electrode if isinstance(electrode, dict) else {}
    current, phase, offset, channel = (record.get(k) for k in ("current_mA", "phase_deg", "offset_mA", "channel"))
    needed = {"sinusoidal": phase, "oscillating": offset, "temporal-interference": channel}.get(kind, 0)
    sizes = [value for value in (current, offset) if is_number(value)]
    is_slip = _is_radians(phase) or not all(is_plausible("current_mA", size) for size in sizes)
    if not is_number(current) or not is_number(needed) or is_slip:
        return None  # a slip of the unit is said where it is
    return CurrentInput(
        current_mA=Decimal(current),
        phase_rad=to_si(phase, "deg") if is_number(phase) else None,
        offset_mA=Decimal(offset) if is_number(offset) else None,
        channel=int(channel) if is_number(channel) else None,
    )


def _is_radians(phase_deg: Any) -> bool:
    """Whether a phase is π as people round it; 3.1416° is nothing anybody would ask for."""
    return is_number(phase_deg) and abs(abs(float(phase_deg)) - math.pi) < 0.01


def _same_labels(electrodes: list[Any], path: JsonPath) -> Iterator[Fault]:
    """Two electrodes that tables and messages could not tell apart."""
    first: dict[str, int] = {}
    for number, electrode in enumerate(electrodes):
        label = electrode.get("label") if isinstance(electrode, dict) else None
        if isinstance(label, str) and first.setdefault(label, number) != number:
            what = f"electrode {first[label]} is labelled {label!r} too; give each its own label"
            yield Fault((*path, number, "label"), what)


def _not_high_definition(modality: Any, electrodes: list[Any], path: JsonPath) -> Iterator[Fault]:
    """Pads called HD-tDCS: rules for pads are chosen by the modality, so the name must be true."""
    for number, electrode in enumerate(electrodes):
        shape = _shape(electrode) if modality == "HD-tDCS" else None
        if shape is not None and shape.area_m2 > _LARGEST_HD_AREA_M2:
            area, most = text(shape.area_m2, "m2"), text(_LARGEST_HD_AREA_M2, "m2")
            what = f"{area} is no high-definition electrode (at most {most}); write modality 'tDCS'"
            yield Fault((*path, number, "shape"), what)


def _overlaps(electrodes: list[Any], path: JsonPath) -> Iterator[Fault]:
    """Pairs that cannot both fit: nearer than the sum of their inscribed radii, on the Colin27 head.

    A site is not compared with a free position, which may belong to another head; a place found with a tape measure
    is compared with nothing here: it lies somewhere only on a head.
    """
    placed = []
    for number, electrode in enumerate(electrodes):
        center, shape = _center(electrode), _shape(electrode)
        if center is not None and shape is not None:
            placed.append((number, center, shape))
    for (i, a, shape_a), (k, b, shape_b) in combinations(placed, 2):
        if isinstance(electrodes[i]["site"], str) != isinstance(electrodes[k]["site"], str):
            continue
        distance, needed = math.dist(a, b), shape_a.inradius_m + shape_b.inradius_m
        if distance < needed:
            names = f"{_name(electrodes[i])} (electrode {i}) and {_name(electrodes[k])} (electrode {k})"
            what = f"{names} overlap: their centres are {text(distance, 'm')} apart and need {text(needed, 'm')}"
            yield Fault((*path, k), what)


def _name(electrode: Mapping[str, Any]) -> str:
    site = electrode["site"]
    return str(electrode.get("label") or (site if isinstance(site, str) else f"{show_list(site['position_mm'])} mm"))


def _center(electrode: Any) -> tuple[float, ...] | None:
    """Centre on the Colin27 head, m; None where the file does not say or the site is unknown."""
    site = electrode.get("site") if isinstance(electrode, dict) else None
    if isinstance(site, str):
        try:
            return known_sites()[resolve_site(site)]
        except MontageError:
            return None
    position = site.get("position_mm") if isinstance(site, dict) else None
    if isinstance(position, list) and len(position) == 3 and all(map(is_number, position)):
        return tuple(to_si(x, "mm") for x in position)
    return None


def _waveform(waveform: Mapping[str, Any], electrodes: Any, path: JsonPath) -> Iterator[Fault]:
    yield from _own_frequency(waveform, path)
    low, high = waveform.get("band_low_Hz"), waveform.get("band_high_Hz")
    if is_number(low) and is_number(high) and not low < high and is_plausible("band_high_Hz", high):
        yield Fault((*path, "band_low_Hz"), f"must be below the upper edge, got {low} Hz to {high} Hz")
    yield from _pauses(waveform, path)
    if waveform.get("type") == "temporal-interference" and isinstance(electrodes, list):
        yield from _channels(waveform.get("carriers_Hz"), electrodes, path)
    listed = electrodes if isinstance(electrodes, list) else []
    offsets = [one.get("offset_mA") for one in listed if isinstance(one, dict)]
    if waveform.get("type") == "oscillating" and offsets and all(is_number(x) and x == 0 for x in offsets):
        yield Fault(("stimulation", "electrodes"), "every offset is 0 mA: that is no otDCS; write modality 'tACS'")


def _own_frequency(waveform: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    """A frequency of each person's own must say how it is found."""
    if "frequency_Hz" in waveform and waveform["frequency_Hz"] is None and waveform.get("frequency_note") is None:
        what = "without a frequency, say here how each person's own is found"
        yield Fault((*path, "frequency_note"), what)


def _pauses(waveform: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    """Pauses that never come."""
    pauses, minutes = waveform.get("intermittence"), waveform.get("duration_min")
    on = pauses.get("on_s") if isinstance(pauses, dict) else None
    if is_number(on) and is_number(minutes) and on >= minutes * 60 > 0:
        what = f"{on} s on is the whole session ({minutes} min = {plain(minutes * 60)} s); leave intermittence out"
        yield Fault((*path, "intermittence", "on_s"), what)


def _channels(carriers: Any, electrodes: list[Any], path: JsonPath) -> Iterator[Fault]:
    """Channels without a carrier, carriers without a channel, carriers without a beat."""
    channels = [one.get("channel") for one in electrodes if isinstance(one, dict)]
    known = [int(channel) for channel in channels if is_number(channel)]
    if not isinstance(carriers, list) or not all(map(is_number, carriers)) or len(known) != len(electrodes):
        return
    have = sorted(set(known))
    wanted = list(range(1, len(carriers) + 1))
    if have != wanted:
        what = f"{len(carriers)} carriers need the channels {show_list(wanted)}, the electrodes have {show_list(have)}"
        yield Fault((*path, "carriers_Hz"), what)
    for (i, first), (k, second) in combinations(enumerate(carriers), 2):
        if first == second:
            what = f"{second} Hz - {first} Hz = 0 Hz: channels {i + 1} and {k + 1} make no beat"
            yield Fault((*path, "carriers_Hz", k), what)
