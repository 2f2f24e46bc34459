"""What refers to what: elements, devices, references, positions, timelines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from stimplan.exchange.bids.check_tables import column_findings
from stimplan.exchange.bids.findings import BidsFinding, Loaded, Recording
from stimplan.exchange.bids.sheets import by_id
from stimplan.exchange.bids.tables import Row, cell_parts, number_of

_SETS = {
    "stimulator_id": ("StimulatorSet", "StimulatorID"),
    "nibs_element_id": ("ElementSet", "ElementID"),
    "intensity_reference": ("IntensitySet", "IntensityID"),
}
# Intensities are often rounded to a whole percent of the output.
_DELIVERED_TOLERANCE = 0.05


def link_findings(recording: Recording) -> Iterator[BidsFinding]:
    """Every id that leads nowhere, and everything that nothing leads to."""
    nibs = recording.nibs
    for name, (entries, key) in _SETS.items():
        known = set(by_id(nibs.sidecar.get(entries), key)) | ({"absolute"} if name == "intensity_reference" else set())
        for one, line in nibs.ids(name).items():
            if one not in known:
                what, remedy = f"{one!r} is not in {entries}", f"add an entry with this {key} to the sidecar"
                yield nibs.error("unresolved", what, remedy, line=line, at=name)
    yield from _delivered(nibs)
    yield from _marker_elements(recording)
    for events in recording.events:
        yield from _timeline(recording, events)
    if not recording.events:
        what, remedy = "no *_events.tsv says when it was delivered", "add the timeline, here or with the recording"
        yield nibs.error("no-events", what, remedy)
        return
    used = {one for events in recording.events for one in events.ids("nibs_event_id")}
    for one, line in nibs.ids("nibs_event_id").items():
        if one not in used:
            what, remedy = f"{one!r} is delivered nowhere", "add the delivery to *_events.tsv, or remove the row"
            yield nibs.warning("unused", what, remedy, line=line, at="nibs_event_id")


def _delivered(nibs: Loaded) -> Iterator[BidsFinding]:
    """The intensity is that of the reference times the factor."""
    references = by_id(nibs.sidecar.get("IntensitySet"), "IntensityID")
    for line, row in nibs.lines():
        name = "pattern1_intensity" if cell_parts(row, "pattern1_intensity") else "stimulus_intensity"
        triples = zip(
            cell_parts(row, name),
            cell_parts(row, "intensity_reference"),
            cell_parts(row, "intensity_scaling"),
            strict=False,
        )
        for told, word, scale in triples:
            have, factor = number_of(told), number_of(scale)
            wanted = _product(references.get(word, {}), factor, nibs.sidecar.get(name))
            if have is not None and wanted is not None and not math.isclose(have, wanted, rel_tol=_DELIVERED_TOLERANCE):
                what = f"{told} is not {scale} × {word} = {wanted:.4g}"
                yield nibs.warning("delivered", what, "correct the factor or the intensity", line=line, at=name)


def _product(entry: Mapping[str, Any], factor: Decimal | None, described: Any) -> float | None:
    value = entry.get("Value")
    unit = described.get("Units") if isinstance(described, dict) else None
    is_known = isinstance(value, int | Decimal) and factor is not None and unit == entry.get("Units")
    return float(value) * float(factor) if is_known and value is not None and factor is not None else None


def _marker_elements(recording: Recording) -> Iterator[BidsFinding]:
    known = set(by_id(recording.nibs.sidecar.get("ElementSet"), "ElementID"))
    markers = recording.markers
    for one, line in markers.ids("nibs_element_id").items() if markers is not None else ():
        if markers is not None and one not in known:
            what, remedy = f"{one!r} is not in ElementSet", "add the element to *_nibs.json"
            yield markers.error("unresolved", what, remedy, line=line, at="nibs_element_id")


def _timeline(recording: Recording, events: Loaded) -> Iterator[BidsFinding]:
    yield from column_findings(events)
    rows = {row.get("nibs_event_id", ""): row for row in recording.nibs.table.rows}
    is_own = events.file.rpartition("/")[0] == recording.nibs.file.rpartition("/")[0]
    last = None
    for line, row in events.lines():
        name = row.get("nibs_event_id", "n/a")
        if is_own and name not in rows:
            what, remedy = f"{name!r} is no row of {recording.nibs.file}", "correct the id, or add the row"
            yield events.error("unresolved", what, remedy, line=line, at="nibs_event_id")
        if name in rows:
            yield from _positions(recording, events, line, (row, rows[name]))
        onset, lasts = (number_of(row.get(key, "n/a")) for key in ("onset", "duration"))
        if is_own and row.get("onset") == "n/a":
            yield events.warning("onset", "is not known", "write the time in seconds", line=line, at="onset")
        if lasts is not None and lasts < 0:
            yield events.error("negative", f"{lasts} is below zero", "correct the number", line=line, at="duration")
        if onset is not None and last is not None and onset < last:
            yield events.warning(
                "order", "the rows are not in the order of time", "sort by onset", line=line, at="onset"
            )
        last = onset if onset is not None else last


def _positions(recording: Recording, events: Loaded, line: int, rows: tuple[Row, Row]) -> Iterator[BidsFinding]:
    """One position for each element, in the same order, each with that element."""
    event, row = rows
    at = "nibs_position_id"
    places, elements = cell_parts(event, at), cell_parts(row, "nibs_element_id")
    markers = recording.markers
    known = {one["nibs_position_id"]: one for one in markers.table.rows if at in one} if markers is not None else {}
    for place in places:
        if place not in known:
            where = markers.file if markers is not None else "any *_markers.tsv"
            what, remedy = f"{place!r} is no row of {where}", "correct the id, or add the position"
            yield events.error("unresolved", what, remedy, line=line, at=at)
    if places and elements and len(places) != len(elements):
        what, remedy = f"{len(places)} positions for {len(elements)} elements", "give one for each element, in order"
        yield events.error("alignment", what, remedy, line=line, at=at)
        return
    for place, element in zip(places, elements, strict=False):
        there = cell_parts(known.get(place, {}), "nibs_element_id")
        if there and element not in there:
            what = f"{place!r} holds {there[0]!r}, the row of {row['nibs_event_id']!r} means {element!r}"
            yield events.error("element-order", what, "list positions in the order of the elements", line=line, at=at)
