"""What stands in a dataset and has no place in a protocol: listed, so that nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stimplan.errors import Problem
from stimplan.exchange.bids.electric import BIPHASIC
from stimplan.exchange.bids.sheets import Source
from stimplan.exchange.bids.tables import Row, cell_parts
from stimplan.exchange.bids.vocabulary import COLUMNS, column
from stimplan.montage import Layer
from stimplan.protocol import ElectricStimulation, MagneticStimulation
from stimplan.sites import known_sites

_RECORD = ("status", "status_description", "subject_feedback", "stimulus_validation", "timestamp", "contact_impedance")
_BOTH = ("nibs_event_id", "nibs_type", "nibs_element_id", "stimulus_shape", "stimulus_intensity", "intensity_reference")
_READ = {
    "tES": (*_BOTH, "intensity_scaling", "stimulus_duration", "ramp_up", "ramp_down", "frequency", "starting_phase",
            "offset", "frequency_low", "frequency_high", "distribution", "stimulator_id", *_RECORD),
    "TMS": (*_BOTH, "intensity_scaling", "stimulator_id", *_RECORD),
}  # fmt: skip
_PLACE = ("nibs_position_id", "nibs_element_id", "position_label", "position_description", "target_label",
          "target_x", "target_y", "target_z", "element_centre_x", "element_centre_y", "element_centre_z")  # fmt: skip
_POSE = tuple(f"element_{axis}dir_{part}" for axis in "xyz" for part in "xyz")
# Keys of the sets that are read, or that only repeat what the tables say.
_KEYS = {
    "StimulatorSet": ("StimulatorID", "Manufacturer", "ManufacturersModelName", "ManufacturerModelName"),
    "ElementSet": ("ElementID", "ElementType", "ElectrodeRole", "CoilShape", "ModelName", "Shape", "ElectrodeSize",
                   "Thickness", "ElectrodeContactMedium", "Material"),
    "IntensitySet": ("IntensityID", "Value", "Units", "IntensityType", "Algorithm", "MeasurementMethod"),
}  # fmt: skip
_OWN_CRITERIA = ("1 mV MEP", "electric field at the target")
_OTHER_KEYS = ("NIBSDescription", "ConcurrentModalities", "IntendedFor", "TaskName")


def leftovers(
    parts: Sequence[tuple[Source, Row]], stimulation: ElectricStimulation | MagneticStimulation
) -> tuple[Problem, ...]:
    """Every cell and key that the reader saw and could not put into the view."""
    found: list[Problem] = []
    for source, row in parts:
        event = source.events.get(row["nibs_event_id"], {})
        markers = [source.markers.get(place, {}) for place in cell_parts(event, "nibs_position_id")]
        found += _row(source, row)
        for marker in markers:
            found += _marker(source, row, marker)
        deliveries = source.deliveries.get(row["nibs_event_id"], 0)
        if deliveries > 1:
            what = f"{deliveries} deliveries; the time and place of the first are read"
            found.append(Problem(row["nibs_event_id"], what, file=source.file))
    for source in {id(source): source for source, _ in parts}.values():
        found += _sidecar(source)
    if isinstance(stimulation, ElectricStimulation):
        found += _electrodes(parts[0][0], stimulation)
    return tuple(found)


def _problem(source: Source, where: str, value: Any) -> Problem:
    return Problem(where, f"{value!r} has no place in a protocol", file=source.file)


def _row(source: Source, row: Row) -> Iterator[Problem]:
    read = _READ.get(row.get("nibs_type", ""), ())
    for name in row:
        is_layer = name not in COLUMNS["nibs"] and column("nibs", name) is not None
        is_ours = name == "stimulus_description" and row[name] == BIPHASIC
        if cell_parts(row, name) and name not in read and not is_layer and not is_ours:
            yield _problem(source, f"{row['nibs_event_id']}, {name}", row[name])


def _marker(source: Source, row: Row, marker: Row) -> Iterator[Problem]:
    is_coil = row.get("nibs_type") == "TMS"
    is_pose = is_coil and all(cell_parts(marker, name) for name in _POSE)
    is_named = marker.get("position_label") in known_sites() and not is_pose
    label = cell_parts(marker, "position_label")
    for name in marker:
        is_read = name in _PLACE or (is_coil and name == "element_distance") or (is_pose and name in _POSE)
        if name.startswith("element_centre") and (is_named or (is_coil and not is_pose)):
            is_read = False
        if cell_parts(marker, name) and not is_read:
            yield _problem(source, f"{marker['nibs_position_id']}, {name}", marker[name])
    if label and not is_named:
        yield _problem(source, f"{marker['nibs_position_id']}, position_label", marker["position_label"])


def _sidecar(source: Source) -> Iterator[Problem]:
    for name, keys in _KEYS.items():
        entries = source.sidecar.get(name)
        for entry in [entries] if isinstance(entries, Mapping) else entries if isinstance(entries, list) else []:
            for key, value in entry.items() if isinstance(entry, Mapping) else ():
                if key not in keys and not (key == "Criterion" and value in _OWN_CRITERIA):
                    yield _problem(source, f"{name}.{key}", value)
    for key, value in source.sidecar.items():
        if key not in (*_KEYS, *_OTHER_KEYS) and column("nibs", key) is None:
            yield _problem(source, key, value)


def _electrodes(source: Source, stimulation: ElectricStimulation) -> Iterator[Problem]:
    """Materials without their thickness, models that are no products we know, descriptions that name nobody."""
    layers: list[Layer] = [layer for electrode in stimulation.electrodes for layer in electrode.layers]
    entries = source.sidecar.get("ElementSet")
    models = {electrode.product for electrode in stimulation.electrodes}
    for entry in entries if isinstance(entries, list) else ():
        for key in ("ElectrodeContactMedium", "Material", "Thickness") if isinstance(entry, Mapping) else ():
            if entry.get(key) is not None and not layers:
                yield _problem(source, f"ElementSet.{key}", entry[key])
        if isinstance(entry, Mapping) and entry.get("ModelName") not in (None, *models):
            yield _problem(source, "ElementSet.ModelName", entry["ModelName"])
    labels = {electrode.label for electrode in stimulation.electrodes}
    for marker in source.markers.values():
        told = cell_parts(marker, "position_description")
        if told and marker["position_description"] not in labels:
            yield _problem(
                source, f"{marker['nibs_position_id']}, position_description", marker["position_description"]
            )
