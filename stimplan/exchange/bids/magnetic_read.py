"""Rows of the tables as stimulation by a coil; the other direction of `magnetic`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from stimplan.exchange.bids.magnetic import FAMILIES, MSO, MUSCLE, NERVE, SHAPES
from stimplan.exchange.bids.sheets import (
    NotUnderstood,
    Source,
    by_id,
    exact_numbers,
    one,
    read_point,
    si_exact,
    si_value,
    unit_suffix,
)
from stimplan.exchange.bids.tables import Row, cell_parts, exact_product, exact_sum, held_text
from stimplan.exchange.bids.view import is_whole, scaled_intensity, span_s
from stimplan.protocol import (
    Block,
    Coil,
    CoilPlacement,
    Handle,
    Intensity,
    MagneticStimulation,
    Pattern,
    Peripheral,
    Pulse,
    Stimulator,
    Stimulus,
    Target,
    Threshold,
    Timing,
)
from stimplan.sites import known_sites
from stimplan.units import to_si

_FAMILY_WORDS = {
    **{name: name for name in ("circular", "double-cone", "butterfly", "H-coil", "cap", "other")},
    **{word: name for name, word in FAMILIES.items()},
    "figure-8": "figure-8",
    "round": "circular",
}
_HANDLE = re.compile(r"(.*?) ?\[coil handle (?:towards (\S+)|(\S+) deg from the midline, 0 backwards, \+ left)\]", re.S)


def read_magnetic(parts: Sequence[tuple[Source, Row]]) -> tuple[MagneticStimulation, Target | None]:
    """The magnetic stimulation of rows in their order, with the target that its placements name.

    Raises
    ------
    NotUnderstood
        The rows say something that no protocol has.
    """
    blocks: list[Block] = []
    for number, (source, row) in enumerate(parts):
        after = parts[number + 1] if number + 1 < len(parts) else None
        blocks.append(_read_block(source, row, after))
    source, row = parts[0]
    coil = _read_coil(source, row)
    return MagneticStimulation(coil, _read_stimulator(source, row), tuple(blocks)), _read_target(parts, blocks)


def _read_coil(source: Source, row: Row) -> Coil:
    names = cell_parts(row, "nibs_element_id")
    entry = by_id(source.sidecar.get("ElementSet"), "ElementID").get(names[0]) if len(names) == 1 else None
    if entry is None:
        raise NotUnderstood(source, "nibs_element_id", f"{len(names)} coils, or one that is described nowhere")
    word = str(entry.get("CoilShape"))
    if word not in _FAMILY_WORDS:
        raise NotUnderstood(source, "ElementSet.CoilShape", f"{word!r} is no family of coils stimplan knows")
    return Coil(_FAMILY_WORDS[word], _text(entry, "ModelName"))  # type: ignore[arg-type]


def _read_stimulator(source: Source, row: Row) -> Stimulator | None:
    names = cell_parts(row, "stimulator_id")
    entry = by_id(source.sidecar.get("StimulatorSet"), "StimulatorID").get(names[0]) if names else None
    if entry is None:
        return None
    model = _text(entry, "ManufacturersModelName") or _text(entry, "ManufacturerModelName")
    return Stimulator(_text(entry, "Manufacturer"), model)


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return held_text(value) if isinstance(value, str) else None


def _read_block(source: Source, row: Row, after: tuple[Source, Row] | None) -> Block:
    name = row["nibs_event_id"]
    shape = row.get("stimulus_shape", "n/a")
    words = {word: key for key, word in SHAPES.items()}
    if shape not in (*words, "n/a"):
        raise NotUnderstood(source, "stimulus_shape", f"{shape!r} is no pulse of a protocol")
    intensity, sizes = _read_intensity(source, row)
    timing = Timing(*_read_patterns(source, row, sizes))
    levels = (source.sidecar.get("nibs_event_id") or {}).get("Levels") or {}
    block = Block(
        pulse=Pulse(words.get(shape), None),  # type: ignore[arg-type]
        timing=timing,
        intensity=intensity,
        threshold=_read_threshold(source, intensity),
        placement=_read_placement(source, row),
        label=_text(levels, name),
        peripheral=_read_nerve(source, name),
    )
    if after is None or after[0] is not source:
        return block
    gap = exact_sum((_onset(source, after[1]["nibs_event_id"]), -_onset(source, name), -span_s(block)))

    return attrs.evolve(block, gap_s=to_si(gap, "s"))


def _onset(source: Source, name: str) -> Decimal:
    event = source.events.get(name)
    onset = None if event is None else one(exact_numbers(source, event, "onset"), source, "onset")
    if onset is None:
        raise NotUnderstood(source, "onset", f"{name!r} has none")
    return onset


def _read_nerve(source: Source, name: str) -> Peripheral | None:
    event = source.events.get(name + NERVE)
    if event is None:
        return None
    marker = source.markers.get(event.get("nibs_position_id", ""), {})
    lead = exact_sum((_onset(source, name), -_onset(source, name + NERVE)))
    return Peripheral(marker.get("position_label", "nerve"), to_si(lead, "s"), None)


def _read_patterns(source: Source, row: Row, sizes: Sequence[float]) -> tuple[Stimulus, tuple[Pattern, ...]]:
    layers = []
    number = 1
    while any(cell_parts(row, f"pattern{number}_{part}") for part in ("count", "interval", "frequency", "duration")):
        layers.append(_read_layer(source, row, f"pattern{number}"))
        number += 1
    if not sizes:
        return Stimulus(), tuple(layers)
    if not layers or layers[0].count != len(sizes):
        raise NotUnderstood(source, "pattern1_intensity", f"{len(sizes)} sizes do not fit the count of pattern1")
    first = layers[0]
    return Stimulus(first.count, (first.interval_s,) * (first.count - 1), tuple(sizes)), tuple(layers[1:])


def _read_layer(source: Source, row: Row, name: str) -> Pattern:
    parts = ("count", "interval", "frequency", "duration")
    count, interval, frequency, lasts = (
        one(si_exact(source, row, f"{name}_{p}"), source, f"{name}_{p}") for p in parts
    )
    if interval is None and frequency:
        interval = 1 / frequency
    if interval is None and lasts is not None and count:
        interval = lasts / count
    if count is None and lasts is not None and interval:
        count = lasts / interval
    if count is None or interval is None or not is_whole(count):
        raise NotUnderstood(source, f"{name}_count", "a layer needs a whole count, and an interval or a frequency")
    return Pattern(int(count), to_si(interval, "s"))


def _read_intensity(source: Source, row: Row) -> tuple[Intensity, tuple[float, ...]]:
    """Intensity of a block, and the sizes of unequal pulses relative to 100 %, 1 A/µs or 1 V/m."""
    words = cell_parts(row, "intensity_reference")
    per_pulse = cell_parts(row, "pattern1_intensity")
    name = "pattern1_intensity" if per_pulse else "stimulus_intensity"
    if len(set(words)) > 1:
        raise NotUnderstood(source, "intensity_reference", "pulses relative to different references")
    word = words[0] if words else "absolute"
    if word != "absolute":
        name = "intensity_scaling"
        base = Intensity(field_V_per_m=1.0) if word == "e-field" else Intensity(value_fraction=1.0, reference=word)  # type: ignore[arg-type]
        factors = exact_numbers(source, row, name)
    else:
        suffix = unit_suffix(source.sidecar, name)
        is_rate = suffix == "A_per_us"
        base = (
            Intensity(didt_A_per_s=to_si(1, "A_per_us")) if is_rate else Intensity(value_fraction=1.0, reference="MSO")
        )
        percent = Decimal(1) if is_rate else Decimal("0.01")
        factors = [exact_product(number, percent) for number in exact_numbers(source, row, name)]
        if factors and not is_rate and suffix != "percent":
            raise NotUnderstood(source, name, f"Units should be {MSO} or A/us")
    if len(factors) > 1:
        return base, tuple(to_si(exact_product(factor, 100), "percent") for factor in factors)
    return (scaled_intensity(base, factors[0]) if factors else Intensity()), ()


def _read_threshold(source: Source, intensity: Intensity) -> Threshold | None:
    entry = by_id(source.sidecar.get("IntensitySet"), "IntensityID").get(intensity.reference or "")
    method, muscle = (_text(entry, key) if entry else None for key in ("Algorithm", "MeasurementMethod"))
    if method is None and muscle is None:
        return None
    return Threshold(method, muscle and muscle.removeprefix(MUSCLE), None, None)


def _read_placement(source: Source, row: Row) -> CoilPlacement:
    event = source.events.get(row["nibs_event_id"], {})
    marker = source.markers.get(event.get("nibs_position_id", ""))
    if marker is None:
        raise NotUnderstood(source, "nibs_position_id", f"{row['nibs_event_id']!r} has no position")
    told = marker.get("position_description", "n/a")
    method, handle = held_text(told), None
    found = _HANDLE.fullmatch(told)
    if found:
        method = held_text(found[1])
        handle = Handle(towards=found[2]) if found[2] else Handle(from_midline_rad=to_si(Decimal(found[3]), "deg"))
    rest: dict[str, Any] = {"method": method, "handle": handle}
    rest["distance_m"] = si_value(source, marker, "element_distance")
    axes = [[one(exact_numbers(source, marker, f"element_{a}dir_{p}"), source, a) for a in "xyz"] for p in "xyz"]
    center = read_point(source, marker, "element_centre")
    if center is not None and all(value is not None for line in axes for value in line):
        lines = [(*(float(value or 0) for value in line), x) for line, x in zip(axes, center, strict=True)]
        return CoilPlacement(pose_m=(*lines, (0.0, 0.0, 0.0, 1.0)), **rest)  # type: ignore[arg-type]
    label = marker.get("position_label", "n/a")
    if label in known_sites():
        return CoilPlacement(site=label, **rest)
    point = read_point(source, marker, "target")
    if point is None:
        raise NotUnderstood(source, "position_label", f"{label!r} is no 10-05 site, and there is no pose and no target")
    return CoilPlacement(mni_m=point, **rest)


def _read_target(parts: Sequence[tuple[Source, Row]], blocks: Sequence[Block]) -> Target | None:
    label, point = None, None
    for (source, row), block in zip(parts, blocks, strict=True):
        marker = source.markers[source.events[row["nibs_event_id"]]["nibs_position_id"]]
        label = label or held_text(marker.get("target_label"))
        if block.placement.mni_m is None:
            point = point or read_point(source, marker, "target")
    return None if label is None else Target(label, point, None)
