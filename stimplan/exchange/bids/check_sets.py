"""The sidecar of the parameters: devices, elements and references of intensity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from stimplan.exchange.bids.findings import BidsFinding, Loaded, Recording, Severity
from stimplan.exchange.bids.vocabulary import (
    ELECTRODE_ROLES,
    ELEMENT_TYPES,
    LEVELS,
    RENAMED_KEYS,
    TRANSDUCER_TYPES,
)

_SETS = {"StimulatorSet": "StimulatorID", "ElementSet": "ElementID", "IntensitySet": "IntensityID"}
_SIZES = ("CoilDiameter", "ElectrodeSize", "Thickness", "ApertureDiameter", "FocalDepth", "CarrierFrequency")
_TEXTS = ("NIBSDescription", "TaskName", "TaskDescription", "Instructions", "InstitutionName")


def set_findings(recording: Recording) -> Iterator[BidsFinding]:
    """Everything wrong with a *_nibs.json."""
    nibs = recording.nibs
    yield from _old_names(nibs)
    for key in _TEXTS:
        if key in nibs.sidecar and not isinstance(nibs.sidecar[key], str):
            yield nibs.in_sidecar("key-type", "is no text", "write it as text", at=key)
    modalities = nibs.sidecar.get("ConcurrentModalities", [])
    if not isinstance(modalities, list) or not all(isinstance(one, str) for one in modalities):
        remedy = 'write a list of texts, such as ["eeg"] or ["none"]'
        yield nibs.in_sidecar("key-type", "is no list of texts", remedy, at="ConcurrentModalities")
    for name, key in _SETS.items():
        for entry in _entries(nibs, name):
            yield from _entry(nibs, name, key, entry)
        yield from _form(nibs, name, key)
    for entry in _entries(nibs, "ElementSet"):
        yield from _element(nibs, entry)
    for entry in _entries(nibs, "IntensitySet"):
        yield from _reference(nibs, entry)


def _entries(nibs: Loaded, name: str) -> list[Mapping[str, Any]]:
    value = nibs.sidecar.get(name)
    listed = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [entry for entry in listed if isinstance(entry, dict)]


def _form(nibs: Loaded, name: str, key: str) -> Iterator[BidsFinding]:
    """A list of objects, each id once."""
    value = nibs.sidecar.get(name)
    if isinstance(value, dict):
        what = "is one object; since 2026-08-24 it is a list of them"
        severity: Severity = "warning" if name == "StimulatorSet" else "error"
        yield nibs.in_sidecar("set-form", what, "put the object into [ ]", at=name, severity=severity)
    elif value is not None and (not isinstance(value, list) or len(_entries(nibs, name)) != len(value)):
        yield nibs.in_sidecar("set-form", "is no list of objects", f"write a list of objects with {key}", at=name)
    ids = [entry[key] for entry in _entries(nibs, name) if isinstance(entry.get(key), str)]
    for one in sorted({one for one in ids if ids.count(one) > 1}):
        yield nibs.in_sidecar(
            "id-unique", f"{one!r} comes twice", "give each entry an id of its own", at=f"{name}.{key}"
        )


def _entry(nibs: Loaded, name: str, key: str, entry: Mapping[str, Any]) -> Iterator[BidsFinding]:
    if not isinstance(entry.get(key), str) or not entry[key].strip():
        yield nibs.in_sidecar("id-missing", "an entry without its id", f"add {key}", at=f"{name}.{key}")
    elif "|" in entry[key]:
        remedy = "list the elements one by one; | joins their ids in a table"
        yield nibs.in_sidecar("id-form", f"{entry[key]!r} has a | in it", remedy, at=f"{name}.{key}")


def _old_names(nibs: Loaded) -> Iterator[BidsFinding]:
    places = [("", nibs.sidecar), *((name + ".", entry) for name in _SETS for entry in _entries(nibs, name))]
    for prefix, entry in places:
        for key in entry:
            if key in RENAMED_KEYS:
                what, remedy = "is an older name", f"write {RENAMED_KEYS[key]}"
                yield nibs.in_sidecar("old-key", what, remedy, at=prefix + key, severity="warning")
    if any("Type" in entry for entry in _entries(nibs, "IntensitySet")):
        yield nibs.in_sidecar(
            "old-key", "is an older name", "write IntensityType", at="IntensitySet.Type", severity="warning"
        )
    if "NavigationSystem" in nibs.sidecar:
        what, remedy = "stands with the coordinates since 2026-08-24", "move it to *_coordsystem.json"
        yield nibs.in_sidecar("old-key", what, remedy, at="NavigationSystem", severity="warning")


def _element(nibs: Loaded, entry: Mapping[str, Any]) -> Iterator[BidsFinding]:
    name, kind = str(entry.get("ElementID")), entry.get("ElementType")
    if kind not in ELEMENT_TYPES:
        remedy = f"write one of {', '.join(ELEMENT_TYPES)}"
        yield nibs.in_sidecar("element-type", f"{name!r} is {_told(kind)}", remedy, at="ElementSet.ElementType")
    if kind == "electrode" and entry.get("ElectrodeRole") not in ELECTRODE_ROLES:
        remedy = f"write one of {', '.join(ELECTRODE_ROLES)}"
        what = f"the role of {name!r} is {_told(entry.get('ElectrodeRole'))}"
        yield nibs.in_sidecar("electrode-role", what, remedy, at="ElementSet.ElectrodeRole")
    if "TransducerType" in entry and entry["TransducerType"] not in TRANSDUCER_TYPES:
        remedy = f"write one of {', '.join(TRANSDUCER_TYPES)}"
        what = f"{name!r} is {_told(entry['TransducerType'])}"
        yield nibs.in_sidecar("transducer-type", what, remedy, at="ElementSet.TransducerType")
    for key in _SIZES:
        size = entry.get(key)
        if size is not None and not (isinstance(size, dict) and {"Value", "Units"} <= set(size)):
            what, remedy = f"of {name!r} has no Value and Units", 'write {"Value": 35, "Units": "mm"}'
            yield nibs.in_sidecar("size", what, remedy, at=f"ElementSet.{key}")


def _told(value: Any) -> str:
    return "missing" if value is None else repr(value)


def _reference(nibs: Loaded, entry: Mapping[str, Any]) -> Iterator[BidsFinding]:
    name, value = str(entry.get("IntensityID")), entry.get("Value")
    at = "IntensitySet.Value"
    if value == "n/a":
        what, remedy = f"what {name!r} is in this person is not known", "write what was measured"
        yield nibs.in_sidecar("reference-value", what, remedy, at=at, severity="warning")
    elif not isinstance(value, int | Decimal) or isinstance(value, bool):
        yield nibs.in_sidecar("reference-value", f"of {name!r} is {_told(value)}", "write the number measured", at=at)
    if not isinstance(entry.get("Units"), str):
        what, remedy = f"{name!r} has no unit", "write % Maximum Stimulator Output, or another"
        yield nibs.in_sidecar("reference-units", what, remedy, at="IntensitySet.Units")
    if name not in LEVELS["intensity_reference"]:
        what, remedy = (
            f"{name!r} is no word of intensity_reference",
            f"write one of {', '.join(LEVELS['intensity_reference'])}",
        )
        yield nibs.in_sidecar("reference-word", what, remedy, at="IntensitySet.IntensityID", severity="warning")
