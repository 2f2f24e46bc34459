"""The table of the parameters by itself: columns, words, numbers, units, sums and patterns."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from stimplan.exchange.bids.findings import BidsFinding, Loaded
from stimplan.exchange.bids.sheets import unit_suffix
from stimplan.exchange.bids.tables import Row, cell_parts, exact_sum, number_of
from stimplan.exchange.bids.vocabulary import (
    COLUMNS,
    DELIMITER,
    LEVELS,
    NOT_AVAILABLE,
    RENAMED_COLUMNS,
    SHAPES_OF,
    UNIT_WORDS,
    column,
)
from stimplan.units import to_si

# Free texts, where a bar is a bar.
_PROSE = ("position_description", "position_label", "target_label", "stimulus_description", "subject_feedback",
          "status", "status_description", "current_statistics", "distribution", "noise_type")  # fmt: skip
_ALIGNED = ("stimulus_intensity", "starting_phase", "offset", "contact_impedance", "current_direction")
# A frequency is often written with three digits: 33.3 Hz for 30 ms.
_ROUNDING = 2e-3
_SUM_TOLERANCE = Decimal("1e-9")
_NEVER_NEGATIVE = re.compile(
    r"(stimulus_duration|ramp_up|ramp_down|frequency.*|pattern\d+_(count|interval|frequency|duration))"
)


def table_findings(nibs: Loaded) -> Iterator[BidsFinding]:
    """Everything wrong with a *_nibs.tsv that the file itself shows."""
    yield from column_findings(nibs)
    yield from unique_findings(nibs, "nibs_event_id")
    for line, row in nibs.lines():
        yield from _shape(nibs, line, row)
        yield from _scaling(nibs, line, row)
        yield from _alignment(nibs, line, row)
        yield from _balance(nibs, line, row)
        yield from _layers(nibs, line, row)
        yield from _time(nibs, line, row)


def column_findings(loaded: Loaded) -> Iterator[BidsFinding]:
    """Columns of any table: required ones, unknown ones, units, delimiters, words and numbers."""
    for name, known in COLUMNS[loaded.kind].items():
        if known.need == "required" and name not in loaded.table.columns:
            yield loaded.error("required-column", "is missing", f"add the column {name}", line=1, at=name)
    for name in loaded.table.columns:
        yield from _unknown(loaded, name)
        yield from _delimiter(loaded, name)
        if column(loaded.kind, name) is not None:
            yield from _cells(loaded, name)
            yield from _unit(loaded, name)


def unique_findings(loaded: Loaded, name: str) -> Iterator[BidsFinding]:
    """Ids that come twice, or are missing."""
    first: dict[str, int] = {}
    for line, row in loaded.lines() if name in loaded.table.columns else ():
        value = row[name]
        if value == NOT_AVAILABLE:
            yield loaded.error("id-missing", "a row without its id", "give the row an id", line=line, at=name)
        elif first.setdefault(value, line) != line:
            what = f"{value!r} stands in line {first[value]} too"
            yield loaded.error("id-unique", what, "give each row an id of its own", line=line, at=name)


def _unknown(loaded: Loaded, name: str) -> Iterator[BidsFinding]:
    if name in RENAMED_COLUMNS and loaded.kind != "markers":
        yield loaded.error(
            "old-column", "is a column of an older draft", f"write {RENAMED_COLUMNS[name]}", line=1, at=name
        )
    elif (
        column(loaded.kind, name) is None and not isinstance(loaded.sidecar.get(name), dict) and loaded.kind != "events"
    ):
        what = "is no column of NIBS-BIDS and is not described"
        yield loaded.warning("unknown-column", what, "describe it in the sidecar, or correct its name", line=1, at=name)


def _is_described(loaded: Loaded, name: str, key: str) -> bool:
    described = loaded.sidecar.get(name)
    return isinstance(described, dict) and described.get(key) not in (None, "")


def _delimiter(loaded: Loaded, name: str) -> Iterator[BidsFinding]:
    used = [line for line, row in loaded.lines() if DELIMITER in row[name]]
    described = loaded.sidecar.get(name)
    declared = described.get("Delimiter") if isinstance(described, dict) else None
    if used and name not in _PROSE and declared != DELIMITER:
        remedy = f'add "Delimiter": "{DELIMITER}" to {name} in the sidecar'
        yield loaded.error("delimiter", f"has {DELIMITER} in its cells, undeclared", remedy, line=used[0], at=name)


def _cells(loaded: Loaded, name: str) -> Iterator[BidsFinding]:
    known = column(loaded.kind, name)
    assert known is not None
    for line, row in loaded.lines():
        for part in cell_parts(row, name):
            number = number_of(part)
            if known.kind == "number" and number is None:
                yield loaded.error("number", f"{part!r} is no number", "write a number, or n/a", line=line, at=name)
            elif number is not None and number < 0 and _NEVER_NEGATIVE.fullmatch(name):
                yield loaded.error("negative", f"{part} is below zero", "correct the number", line=line, at=name)
            if name in LEVELS and part not in LEVELS[name]:
                remedy = f"write one of {', '.join(LEVELS[name])}"
                yield loaded.error("vocabulary", f"{part!r} is not in the vocabulary", remedy, line=line, at=name)


def _unit(loaded: Loaded, name: str) -> Iterator[BidsFinding]:
    known = column(loaded.kind, name)
    is_empty = all(not cell_parts(row, name) for row in loaded.table.rows)
    if known is None or known.kind != "number" or is_empty or loaded.kind == "events":
        return
    is_bare = not known.unit and not name.endswith(("pressure", "intensity"))
    if is_bare and not _is_described(loaded, name, "Format"):
        remedy = f'add "Format": "number" to {name} in the sidecar'
        yield loaded.warning("format", "is a number without a unit, undeclared", remedy, line=1, at=name)
    if not is_bare and not _is_described(loaded, name, "Units"):
        yield loaded.error("units", "has no unit", f'add "Units" to {name} in the sidecar', line=1, at=name)
    unit = str((loaded.sidecar.get(name) or {}).get("Units", "")) if _is_described(loaded, name, "Units") else ""
    if unit.lower() in UNIT_WORDS:
        remedy = f"write {UNIT_WORDS[unit.lower()]}"
        yield loaded.in_sidecar("unit-word", f"{unit!r} is a word", remedy, at=name, severity="warning")


def _shape(nibs: Loaded, line: int, row: Row) -> Iterator[BidsFinding]:
    kind, shape = row.get("nibs_type", ""), row.get("stimulus_shape", NOT_AVAILABLE)
    if kind in SHAPES_OF and shape in LEVELS["stimulus_shape"] and shape not in SHAPES_OF[kind]:
        remedy = f"write one of {', '.join(SHAPES_OF[kind])}"
        what = f"{shape!r} is no waveform of {kind}"
        yield nibs.error("shape-of-type", what, remedy, line=line, at="stimulus_shape")
    if shape == "Custom" and not cell_parts(row, "stimulus_description"):
        what = "a Custom waveform without its description"
        remedy = "say the waveform in words in stimulus_description"
        yield nibs.error("custom-description", what, remedy, line=line, at="stimulus_description")
    for word in cell_parts(row, "current_direction"):
        if kind in ("tES", "TUS") and word in LEVELS["current_direction"]:
            what = f"a direction of a coil's current, but nibs_type is {kind}"
            yield nibs.error("direction-of-type", what, "write n/a", line=line, at="current_direction")


def _scaling(nibs: Loaded, line: int, row: Row) -> Iterator[BidsFinding]:
    name = "intensity_scaling"
    scales, words = cell_parts(row, name), cell_parts(row, "intensity_reference")
    for scale in scales:
        if scale != "absolute" and number_of(scale) is None:
            what = f"{scale!r} is neither a number nor absolute"
            yield nibs.error("scaling", what, "write a factor such as 1.2, or absolute", line=line, at=name)
    if scales and words and len(scales) != len(words):
        what = f"{len(scales)} values for {len(words)} references"
        yield nibs.error("alignment", what, "give one value for each reference", line=line, at=name)
    elif any(word == "absolute" and number_of(scale) is not None for word, scale in zip(words, scales, strict=False)):
        what = "a factor on an intensity that is said to be absolute"
        yield nibs.error("scaling", what, "write absolute, or name the reference", line=line, at=name)


def _alignment(nibs: Loaded, line: int, row: Row) -> Iterator[BidsFinding]:
    """Values of the elements: one for each of them, or one for all."""
    count = len(cell_parts(row, "nibs_element_id"))
    for name in _ALIGNED:
        values = cell_parts(row, name)
        is_shared = len(values) == 1 and (name in ("starting_phase", "offset") or row.get("nibs_type") != "tES")
        if count and values and len(values) != count and not is_shared:
            what = f"{len(values)} values for {count} elements"
            yield nibs.error("alignment", what, "give one value for each element, in order", line=line, at=name)


def _balance(nibs: Loaded, line: int, row: Row) -> Iterator[BidsFinding]:
    name = "stimulus_intensity"
    numbers = [number_of(part) for part in cell_parts(row, name)]
    known = [number for number in numbers if number is not None]
    if row.get("nibs_type") != "tES" or len(known) < 2 or len(known) != len(numbers):
        return
    total = exact_sum(known)
    if abs(total) > _SUM_TOLERANCE * max(abs(number) for number in known):
        what = f"the intensities sum to {total:f}, not to 0"
        yield nibs.error("tes-sum", what, "correct a current: what goes in comes out", line=line, at=name)


def _layers(nibs: Loaded, line: int, row: Row) -> Iterator[BidsFinding]:
    numbers = sorted(
        {int(found[1]) for name in row if (found := re.match(r"pattern([1-9]\d*)_", name)) and cell_parts(row, name)}
    )
    for number in numbers:
        if number - 1 not in (0, *numbers):
            what = f"there is no pattern{number - 1} that it could repeat"
            remedy = "number the layers from 1 without gaps"
            yield nibs.error("layer-order", what, remedy, line=line, at=f"pattern{number}_count")
        yield from _layer(nibs, line, row, f"pattern{number}")
        yield from _layer_sizes(nibs, line, row, f"pattern{number}")


def _layer(nibs: Loaded, line: int, row: Row, name: str) -> Iterator[BidsFinding]:
    """f = 1 / interval and duration = count × interval, in seconds."""
    count, interval, frequency, lasts = (
        _si(nibs, row, f"{name}_{p}") for p in ("count", "interval", "frequency", "duration")
    )
    if interval and frequency and not math.isclose(interval * frequency, 1, rel_tol=_ROUNDING):
        what = f"{frequency:.6g} Hz is not 1 / {interval:.6g} s = {1 / interval:.6g} Hz"
        yield nibs.error("layer-frequency", what, "correct one of them", line=line, at=f"{name}_frequency")
    step = interval or (1 / frequency if frequency else None)
    if count and step and lasts is not None and not math.isclose(lasts, count * step, rel_tol=_ROUNDING):
        what = f"{lasts:.6g} s is not {count:g} × {step:.6g} s = {count * step:.6g} s"
        yield nibs.error("layer-duration", what, "correct one of them", line=line, at=f"{name}_duration")
    if sum(value is not None for value in (count, step, lasts)) < 2:
        what = "says less than two of count, interval (or frequency) and duration"
        yield nibs.warning("layer-incomplete", what, "give two of the three", line=line, at=f"{name}_count")


def _layer_sizes(nibs: Loaded, line: int, row: Row, name: str) -> Iterator[BidsFinding]:
    sizes, count = cell_parts(row, f"{name}_intensity"), _si(nibs, row, f"{name}_count")
    if sizes and count is not None and len(sizes) != count:
        what = f"{len(sizes)} intensities for {count:g} units"
        yield nibs.error("layer-intensity", what, "give one for each unit", line=line, at=f"{name}_intensity")
    if sizes and name == "pattern1" and cell_parts(row, "stimulus_intensity"):
        what = "pattern1_intensity says the intensities already"
        yield nibs.error("layer-intensity", what, "write n/a", line=line, at="stimulus_intensity")


def _si(nibs: Loaded, row: Row, name: str) -> float | None:
    """The one number of a cell in s or Hz, or as it is; None where that is not known."""
    parts = cell_parts(row, name)
    number = number_of(parts[0]) if len(parts) == 1 else None
    if number is None or name.endswith("_count"):
        return None if number is None else float(number)
    suffix = unit_suffix(nibs.sidecar, name)
    wanted = ("Hz", "kHz") if name.endswith("_frequency") else ("s", "ms", "us", "min")
    return to_si(number, suffix) if suffix is not None and suffix in wanted else None


def _time(nibs: Loaded, line: int, row: Row) -> Iterator[BidsFinding]:
    for value in cell_parts(row, "timestamp"):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            remedy = "write it as 2026-03-01T09:30:00"
            yield nibs.error("timestamp", f"{value!r} is no ISO 8601 time", remedy, line=line, at="timestamp")
