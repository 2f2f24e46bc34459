"""Stimulation by a coil, as rows of the tables and back: one row of *_nibs.tsv for each block of pulses.

Blocks whose distance in time is not known, or whose intensities need other units, stand in files of their own
(`run-1`, `run-2`, …), because a table has one zero of time and one unit for each column. A nerve that is stimulated
with the pulses (paired associative stimulation) has a row of type PNS, its lead is in the onsets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from stimplan.exchange.bids.sheets import (
    Sheets,
    cell,
    joined,
    point_cells,
    present,
)
from stimplan.exchange.bids.tables import cell_parts, exact_product, exact_sum, number_text
from stimplan.exchange.bids.view import BidsView, intensity_base, is_one_unit, span_s
from stimplan.protocol import (
    Block,
    CoilPlacement,
    Intensity,
    MagneticStimulation,
    Pattern,
    Target,
    Threshold,
)
from stimplan.units import from_si

MSO = "% Maximum Stimulator Output"
NERVE = "_nerve"
_COIL = "coil_1"
_STIMULATOR = "stimulator_1"
SHAPES = {"monophasic": "Monophasic", "biphasic": "Biphasic", "half-sine": "Halfsine"}
FAMILIES = {"figure-8": "figure-of-eight"}
_REFERENCE_TYPES = {"rMT": "resting_motor", "aMT": "active_motor", "1mV": "target_MEP", "e-field": "electric_field"}
MUSCLE = "response of "


def write_magnetic(view: BidsView) -> list[Sheets]:
    """The rows of a magnetic stimulation, one value for each run."""
    stimulation = view.stimulation
    assert isinstance(stimulation, MagneticStimulation)
    runs: list[list[tuple[int, Block]]] = []
    before: Block | None = None
    for number, block in enumerate(stimulation.blocks, start=1):
        if before is None or before.gap_s is None or not is_one_unit(before, block):
            runs.append([])
        runs[-1].append((number, block))
        before = block
    return [_write_run(view, stimulation, run) for run in runs]


def _write_run(view: BidsView, stimulation: MagneticStimulation, run: Sequence[tuple[int, Block]]) -> Sheets:
    sheets = Sheets(sets=_sets(stimulation, [block for _, block in run]))
    names = {number: view.id if len(stimulation.blocks) == 1 else f"{view.id}_{number}" for number, _ in run}
    start = Decimal(0)
    first = run[0][1].peripheral
    if first is not None:
        start = from_si(first.interval_s, "s")
    for number, block in run:
        name, place = names[number], f"P{number}"
        row: dict[str, str | None] = {"nibs_event_id": name, "nibs_type": "TMS", "nibs_element_id": _COIL}
        row["stimulator_id"] = _STIMULATOR if stimulation.stimulator is not None else None
        row["stimulus_shape"] = SHAPES.get(block.pulse.shape or "")
        layers = _pattern_cells(block)
        sheets.nibs.append(present({**row, **layers, **_intensity_cells(block, sheets)}))
        sheets.markers.append(_marker(block, place, view.target))
        _add_event(sheets, (name, place), start, layers)
        if block.peripheral is not None:
            _add_nerve(sheets, block, (name, place), start)
        start = exact_sum((start, span_s(block), from_si(block.gap_s or 0.0, "s")))
    labels = {names[number]: block.label for number, block in run if block.label is not None}
    if labels:
        sheets.notes["nibs_event_id"] = {"Levels": labels}
    sheets.events.sort(key=lambda event: Decimal(event["onset"]))
    return sheets


def _add_event(sheets: Sheets, names: tuple[str, str], onset: Decimal, layers: Mapping[str, str | None]) -> None:
    """A delivery; its duration is that of the outermost layer, the interval after its last unit included."""
    outermost = max((int(key[7 : key.index("_")]) for key in layers if key.endswith("_count")), default=0)
    last = f"pattern{outermost}"
    known = outermost > 0
    lasts = (
        exact_product(Decimal(layers[f"{last}_count"] or 0), Decimal(layers[f"{last}_interval"] or 0)) if known else 0
    )
    event = {"onset": number_text(onset), "nibs_event_id": names[0], "nibs_position_id": names[1]}
    sheets.events.append({**event, "duration": number_text(lasts) if known else "n/a"})


def _add_nerve(sheets: Sheets, block: Block, names: tuple[str, str], start: Decimal) -> None:
    """The stimulation of a nerve, ahead of each pulse: the same pattern, earlier."""
    peripheral = block.peripheral
    assert peripheral is not None
    name, place, element = names[0] + NERVE, names[1] + NERVE, f"electrode{NERVE}"
    layers = {key: value for key, value in _pattern_cells(block).items() if not key.endswith("_intensity")}
    sheets.nibs.append(present({"nibs_event_id": name, "nibs_type": "PNS", "nibs_element_id": element, **layers}))
    sheets.markers.append({"nibs_position_id": place, "nibs_element_id": element, "position_label": peripheral.nerve})
    onset = exact_sum((start, -from_si(peripheral.interval_s, "s")))
    _add_event(sheets, (name, place), onset, layers)
    if all(entry["ElementID"] != element for entry in sheets.sets["ElementSet"]):
        entry = {"ElementID": element, "ElementType": "electrode", "ElectrodeRole": "other"}
        sheets.sets["ElementSet"].append(entry)


def _sets(stimulation: MagneticStimulation, blocks: Sequence[Block]) -> dict[str, Any]:
    """StimulatorSet, ElementSet and IntensitySet of a run."""
    coil, device = stimulation.coil, stimulation.stimulator
    sets: dict[str, Any] = {}
    if device is not None:
        named = {"Manufacturer": device.manufacturer, "ManufacturersModelName": device.model}
        known = {key: value for key, value in named.items() if value is not None}
        sets["StimulatorSet"] = [{"StimulatorID": _STIMULATOR, **known}]
    entry = {"ElementID": _COIL, "ElementType": "coil", "CoilShape": FAMILIES.get(coil.family, coil.family)}
    sets["ElementSet"] = [entry | ({} if coil.model is None else {"ModelName": coil.model})]
    references: dict[str, dict[str, Any]] = {}
    for block in blocks:
        name = _reference(block.intensity)
        if name not in ("absolute", None):
            references[name] = _reference_entry(name, block.threshold)
    if references:
        sets["IntensitySet"] = list(references.values())
    return sets


def _reference_entry(name: str, threshold: Threshold | None) -> dict[str, Any]:
    """An entry of IntensitySet; what a threshold is in a person, only a measurement says."""
    entry: dict[str, Any] = {"IntensityID": name, "Value": "n/a", "Units": MSO, "IntensityType": _REFERENCE_TYPES[name]}
    if name == "e-field":
        return {**entry, "Value": 1, "Units": "V/m", "Criterion": "electric field at the target"}
    if name == "1mV":
        entry["Criterion"] = "1 mV MEP"
    if threshold is not None and threshold.method is not None:
        entry["Algorithm"] = threshold.method
    if threshold is not None and threshold.muscle is not None:
        entry["MeasurementMethod"] = MUSCLE + threshold.muscle
    return entry


def _reference(intensity: Intensity) -> str | None:
    """Word of the vocabulary for what an intensity is relative to; None where there is nothing to say."""
    if intensity.field_V_per_m is not None:
        return "e-field"
    if intensity.didt_A_per_s is not None or intensity.reference == "MSO":
        return "absolute"
    return intensity.reference


def _pattern_cells(block: Block) -> dict[str, str | None]:
    stimulus, layers = block.timing.stimulus, list(block.timing.patterns)
    if stimulus.pulses > 1:
        layers.insert(0, Pattern(stimulus.pulses, stimulus.intervals_s[0]))
    row: dict[str, str | None] = {}
    for number, layer in enumerate(layers, start=1):
        row[f"pattern{number}_count"] = str(layer.count)
        row[f"pattern{number}_interval"] = cell(layer.interval_s, "s")
    return row


def _intensity_cells(block: Block, sheets: Sheets) -> dict[str, str | None]:
    """Size of the pulses: absolute in the unit of the column, or a factor on a reference."""
    reference = _reference(block.intensity)
    sizes = [from_si(size, "percent") for size in block.timing.stimulus.relative_intensities]
    unit = "A/us" if block.intensity.didt_A_per_s is not None else MSO
    # Percent of the output is the unit of a table without any absolute intensity too.
    for name in ("stimulus_intensity", *(["pattern1_intensity"] if sizes else [])):
        sheets.notes[name] = {"Units": unit}
    if reference is None:
        return {}
    factor = intensity_base(block.intensity)[1]
    is_percent = unit == MSO and reference == "absolute"
    factors = [exact_product(size, Decimal("0.01")) for size in sizes] or [factor]
    numbers = [number_text(exact_product(number, 100) if is_percent else number) for number in factors]
    if reference == "absolute":
        where = "pattern1_intensity" if sizes else "stimulus_intensity"
        return {where: joined(numbers), "intensity_reference": reference, "intensity_scaling": reference}
    return {"intensity_reference": joined([reference] * len(numbers)), "intensity_scaling": joined(numbers)}


def _marker(block: Block, place: str, target: Target | None) -> dict[str, str]:
    coil = block.placement
    label = None if coil.site is None else str(coil.site)
    row: dict[str, str | None] = {"nibs_position_id": place, "nibs_element_id": _COIL, "position_label": label}
    row["position_description"] = _described(coil)
    row["element_distance"] = cell(coil.distance_m, "mm")
    if coil.pose_m is not None:
        row |= point_cells("element_centre", [line[3] for line in coil.pose_m[:3]])
        for number, axis in enumerate("xyz"):
            values = [number_text(Decimal(repr(float(line[number])))) for line in coil.pose_m[:3]]
            row |= {f"element_{axis}dir_{part}": value for part, value in zip("xyz", values, strict=True)}
    if target is not None:
        row["target_label"] = target.label
    row |= point_cells("target", coil.mni_m or (target.mni_m if target is not None else None))
    return present(row)


def _described(coil: CoilPlacement) -> str | None:
    """How the place was found, and where the handle points, which the axes alone do not say for every program."""
    handle, words = coil.handle, [coil.method] if coil.method is not None else []
    if handle is not None and handle.towards is not None:
        words.append(f"[coil handle towards {handle.towards}]")
    elif handle is not None:
        words.append(f"[coil handle {cell(handle.from_midline_rad, 'deg')} deg from the midline, 0 backwards, + left]")
    return " ".join(words) or None


def with_thresholds(sheets: Sheets, thresholds: Sequence[tuple[str, float]]) -> None:
    """Fill in what was measured: the values of IntensitySet, and the intensities they make."""
    measured = {name: from_si(value, "percent") for name, value in thresholds}
    for entry in sheets.sets.get("IntensitySet", ()):
        if entry["IntensityID"] in measured:
            entry["Value"] = measured[entry["IntensityID"]]
    for row in sheets.nibs:
        words, scales = cell_parts(row, "intensity_reference"), cell_parts(row, "intensity_scaling")
        if words and words[0] in measured and sheets.notes["stimulus_intensity"]["Units"] == MSO:
            name = "pattern1_intensity" if len(scales) > 1 else "stimulus_intensity"
            row[name] = joined(number_text(exact_product(measured[words[0]], Decimal(scale))) for scale in scales)
            sheets.notes[name] = {"Units": MSO}
