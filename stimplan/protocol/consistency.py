"""What a schema cannot say: balance, overlap, known names, plausible units.

Everything here works on the checked-by-schema JSON tree, in file units, with exact decimals; where the schema has
already found a value of the wrong kind, the checks that need it pass it over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import combinations
from typing import Any

from stimplan.errors import MontageError
from stimplan.montage import Shape
from stimplan.protocol.electric import CurrentInput, imbalances
from stimplan.protocol.schema_check import Fault, is_number, nearest
from stimplan.protocol.schemas import schema
from stimplan.sites import electrode_products, known_sites, materials, resolve_site, shape_from_file
from stimplan.strict_json import JsonPath
from stimplan.units import from_si, text, to_si

# key -> (least plausible, most plausible, what may have been meant), in the file's own unit. These are no safety
# limits: outside of them the number is a slip of the unit. Zero is judged elsewhere.
_PLAUSIBLE: dict[str, tuple[str, str, str]] = {
    "current_mA": ("0.001", "20", "microamperes or amperes? Write milliamperes"),
    "diameter_mm": ("1", "300", "centimetres or metres? Write millimetres"),
    "width_mm": ("10", "300", "centimetres or metres? Write millimetres"),
    "height_mm": ("10", "300", "centimetres or metres? Write millimetres"),
    "inner_diameter_mm": ("0.5", "300", "centimetres or metres? Write millimetres"),
    "outer_diameter_mm": ("1", "300", "centimetres or metres? Write millimetres"),
    "thickness_mm": ("0.01", "50", "micrometres or metres? Write millimetres"),
    "duration_min": ("0.05", "600", "seconds or hours? Write minutes"),
    "ramp_up_s": ("0.1", "600", "milliseconds or minutes? Write seconds"),
    "ramp_down_s": ("0.1", "600", "milliseconds or minutes? Write seconds"),
    "min_gap_h": ("0.01", "1000", "seconds or days? Write hours"),
    "radius_mm": ("0.5", "100", "centimetres or metres? Write millimetres"),
}
_FARTHEST_MM = 300
_LARGEST_MEANT_IN_METRES = Decimal("0.3")
# Ours, not published: above gel rings of 1 cm² and round electrodes of 3 cm², below the smallest sponges in use.
_LARGEST_HD_AREA_M2 = to_si(5, "cm2")

# In the 10-05 system M1 and M2 are the mastoids; in papers on stimulation M1 is nearly always the motor cortex.
_AMBIGUOUS = {
    "m1": "is the left mastoid in montage 'colin27_1005' but the motor cortex in most papers; "
    "write 'C3' or 'C4' for the motor cortex, 'TP9' for the mastoid",
    "m2": "is the right mastoid in montage 'colin27_1005'; write 'TP10' for it",
}


def consistency_faults(tree: Mapping[str, Any]) -> list[Fault]:
    """Every fault of a protocol tree that goes beyond its schema."""
    faults = [*_implausible(tree, ()), *_positions(tree), *_loose_targets(tree), *_loose_certainty(tree)]
    stimulation = tree.get("stimulation")
    electrodes = stimulation.get("electrodes") if isinstance(stimulation, dict) else None
    if isinstance(stimulation, dict) and isinstance(electrodes, list):
        base: JsonPath = ("stimulation", "electrodes")
        for number, electrode in enumerate(electrodes):
            if isinstance(electrode, dict):
                faults.extend(_electrode(electrode, (*base, number)))
        faults.extend(_balance(stimulation, electrodes, base))
        faults.extend(_same_labels(electrodes, base))
        faults.extend(_not_high_definition(tree.get("modality"), electrodes, base))
        faults.extend(_overlaps(electrodes, base))
    return faults


def _implausible(value: Any, path: JsonPath) -> Iterator[Fault]:
    """Numbers that only a mistaken unit explains, anywhere in the tree."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _PLAUSIBLE and is_number(item) and item != 0:
                least, most, meant = _PLAUSIBLE[key]
                if not Decimal(least) <= abs(Decimal(item)) <= Decimal(most):
                    unit = key.rpartition("_")[2]
                    what = f"{item} {unit} is implausible (expected {least} to {most} {unit}); {meant}"
                    yield Fault((*path, key), what + _in_other_unit(key, item))
            yield from _implausible(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _implausible(item, (*path, number))


def _in_other_unit(key: str, value: Decimal | int) -> str:
    """For currents, say what the number would be as microamperes or amperes."""
    if key != "current_mA":
        return ""
    exact = Decimal(value)
    if abs(exact) > 20:
        return f": {exact} µA would be {(exact / 1000).normalize():f} mA" if abs(exact) <= 20000 else ""
    return f": {exact} A would be {(exact * 1000).normalize():f} mA" if abs(exact) > Decimal("1e-9") else ""


def _positions(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """Points that cannot be millimetres inside or on a head."""
    for path, point in _points(tree, ()):
        far = [x for x in point if abs(Decimal(x)) > _FARTHEST_MM]
        if far:
            what = f"{far[0]} mm is implausible (expected -{_FARTHEST_MM} to {_FARTHEST_MM} mm)"
            yield Fault(path, what + "; micrometres? Write millimetres")
        elif any(point) and path[-1] == "position_mm" and all(abs(x) < _LARGEST_MEANT_IN_METRES for x in point):
            yield Fault(path, f"{_list(point)} mm is the middle of the head, not its scalp; metres? Write millimetres")


def _points(value: Any, path: JsonPath) -> Iterator[tuple[JsonPath, list[Any]]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("position_mm", "mni_mm") and isinstance(item, list) and all(map(is_number, item)):
                yield (*path, key), item
            else:
                yield from _points(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _points(item, (*path, number))


def _list(point: list[Any]) -> str:
    return "[" + ", ".join(map(str, point)) + "]"


def _loose_targets(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """A ball needs a centre, and a centre a radius."""
    target = tree.get("target")
    if not isinstance(target, dict) or not {"mni_mm", "radius_mm"} <= target.keys():
        return
    if target["mni_mm"] is None and target["radius_mm"] is not None:
        yield Fault(("target", "radius_mm"), "a radius without a centre; give mni_mm or write null")
    if target["mni_mm"] is not None and target["radius_mm"] is None:
        yield Fault(("target", "radius_mm"), "a centre without a radius; give radius_mm or write null for both")


def _loose_certainty(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """Certainty of what no protocol file has; a place that only this file lacks is left in peace.

    People copy a published protocol and change its electrodes; what it says of the old ones must not stop them.
    """
    certainty = tree.get("certainty")
    known = schema()["properties"]
    for place in certainty if isinstance(certainty, dict) else ():
        first = re.fullmatch(r"\$\.([A-Za-z0-9_]+)(\.[A-Za-z0-9_-]+|\[[0-9]+\]|\[\".*\"\])*", place)
        if first is None or first[1] not in known:
            what = f"{place!r} is nothing a protocol has; expected a path such as '$.course.sessions'"
            yield Fault(("certainty", place), what + nearest(place, [f"$.{key}" for key in known]))


def _electrode(electrode: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    site = electrode.get("site")
    if isinstance(site, str) and site.strip():
        if site.strip().lower() in _AMBIGUOUS:
            yield Fault((*path, "site"), f"{site!r} {_AMBIGUOUS[site.strip().lower()]}")
        else:
            yield from _guarded((*path, "site"), lambda: resolve_site(site))
    layers = electrode.get("layers")
    for number, layer in enumerate(layers if isinstance(layers, list) else ()):
        name = layer.get("material") if isinstance(layer, dict) else None
        if isinstance(name, str) and name not in materials():
            known = nearest(name, materials()) or "; known are " + ", ".join(materials())
            yield Fault((*path, "layers", number, "material"), f"{name!r} is not in montages/materials.json{known}")
    yield from _ring(electrode.get("shape"), (*path, "shape"))
    yield from _product(electrode, path)


def _guarded(path: JsonPath, resolve: Callable[[], str]) -> Iterator[Fault]:
    try:
        resolve()
    except MontageError as error:
        yield Fault(path, str(error))


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
    numbers = [value for key, value in shape.items() if key.endswith("_mm")]
    if not all(is_number(value) and value > 0 for value in numbers):
        return None
    try:
        return shape_from_file(shape)
    except (KeyError, ValueError, TypeError):
        return None


def _balance(stimulation: Mapping[str, Any], electrodes: list[Any], path: JsonPath) -> Iterator[Fault]:
    """Currents that do not sum to zero; only judged where every electrode says what it contributes."""
    waveform = stimulation.get("waveform")
    kind = waveform.get("type") if isinstance(waveform, dict) else None
    if not isinstance(kind, str):
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
    if not is_number(current) or not is_number(needed):
        return None
    return CurrentInput(
        current_mA=Decimal(current),
        phase_rad=to_si(phase, "deg") if is_number(phase) else None,
        offset_mA=Decimal(offset) if is_number(offset) else None,
        channel=int(channel) if is_number(channel) else None,
    )


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

    A site is not compared with a free position, which may belong to another head.
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
    return str(electrode.get("label") or (site if isinstance(site, str) else f"{_list(site['position_mm'])} mm"))


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
