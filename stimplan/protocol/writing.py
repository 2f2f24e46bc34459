"""dump_protocol: Protocol -> JSON text in file units, which reads back as exactly the same value."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from stimplan.montage import Circle, Electrode, Rectangle, Ring, Shape
from stimplan.protocol.model import Protocol
from stimplan.units import from_si

_SHORT = 100  # an object or list that fits into so many characters stays on one line


def dump_protocol(protocol: Protocol) -> str:
    """Write a protocol as JSON text in file units.

    Returns
    -------
    str
        Keys in a fixed order; `read_protocol(dump_protocol(p)) == p`, to the last bit.
    """
    return _json(protocol_tree(protocol), 0) + "\n"


def protocol_tree(protocol: Protocol) -> dict[str, Any]:
    """The protocol as a JSON tree in file units, numbers as Decimal or int."""
    waveform, course = protocol.waveform, protocol.course
    tree: dict[str, Any] = {
        "schema_version": protocol.schema_version,
        "id": protocol.id,
        "title": protocol.title,
        "modality": protocol.modality,
        "purpose": protocol.purpose,
        "indication": protocol.indication,
        "population": protocol.population,
        "stimulation": {
            "electrodes": [_electrode(electrode) for electrode in protocol.electrodes],
            "waveform": {
                "duration_min": from_si(waveform.duration_s, "min"),
                "ramp_up_s": _optional(waveform.ramp_up_s, "s"),
                "ramp_down_s": _optional(waveform.ramp_down_s, "s"),
            },
        },
        "course": {
            "sessions": course.sessions,
            "sessions_per_day": course.sessions_per_day,
            "min_gap_h": _optional(course.min_gap_s, "h"),
            "schedule": course.schedule,
        },
        "target": _target(protocol),
        "source": _source(protocol),
        "certainty": dict(protocol.certainty) or None,
    }
    is_text = ("purpose", "indication", "population", "target", "source", "certainty")
    return {key: value for key, value in tree.items() if not (key in is_text and value is None)}


def _optional(value: float | None, suffix: str) -> Decimal | None:
    return None if value is None else from_si(value, suffix)


def _electrode(electrode: Electrode) -> dict[str, Any]:
    site = electrode.site
    record: dict[str, Any] = {"site": site if isinstance(site, str) else {"position_mm": _mm(site)}}
    unlabelled = Electrode(electrode.site, electrode.shape, electrode.layers, electrode.current_A)
    if electrode.label != unlabelled.label:
        record["label"] = electrode.label
    record["current_mA"] = from_si(electrode.current_A, "mA")
    record["shape"] = _shape(electrode.shape)
    record["layers"] = [
        {"material": layer.material, "thickness_mm": from_si(layer.thickness_m, "mm")} for layer in electrode.layers
    ]
    if electrode.product is not None:
        record["product"] = electrode.product
    return record


def _shape(shape: Shape) -> dict[str, Any]:
    match shape:
        case Circle():
            return {"type": "circle", "diameter_mm": from_si(shape.diameter_m, "mm")}
        case Rectangle():
            return {
                "type": "rectangle",
                "width_mm": from_si(shape.width_m, "mm"),
                "height_mm": from_si(shape.height_m, "mm"),
                "rotation_deg": from_si(shape.rotation_rad, "deg"),
            }
        case Ring():
            return {
                "type": "ring",
                "inner_diameter_mm": from_si(shape.inner_diameter_m, "mm"),
                "outer_diameter_mm": from_si(shape.outer_diameter_m, "mm"),
            }


def _target(protocol: Protocol) -> dict[str, Any] | None:
    target = protocol.target
    if target is None:
        return None
    return {
        "label": target.label,
        "mni_mm": None if target.mni_m is None else _mm(target.mni_m),
        "radius_mm": _optional(target.radius_m, "mm"),
    }


def _source(protocol: Protocol) -> dict[str, Any] | None:
    source = protocol.source
    if source is None:
        return None
    record = {"citation": source.citation, "doi": source.doi, "status": source.status, "note": source.note}
    return {key: value for key, value in record.items() if not (key == "note" and value is None)}


def _mm(point_m: tuple[float, float, float]) -> list[Decimal]:
    return [from_si(x, "mm") for x in point_m]


def _json(value: Any, depth: int) -> str:
    """JSON text with numbers as they are; the standard writer would turn Decimal into text or float."""
    if isinstance(value, Decimal):
        return f"{value:f}" if -9 <= value.adjusted() <= 15 else str(value)
    if not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    is_object = isinstance(value, dict)
    pairs = list(value.items()) if isinstance(value, dict) else [("", item) for item in value]
    names = [json.dumps(key, ensure_ascii=False) + ": " if is_object else "" for key, _ in pairs]
    items = [item for _, item in pairs]
    opening, closing = ("{", "}") if is_object else ("[", "]")
    line = opening + ", ".join(name + _json(item, 1) for name, item in zip(names, items, strict=True)) + closing
    if len(line) <= _SHORT and "\n" not in line and depth:
        return line
    pad = "\n" + "  " * (depth + 1)
    parts = (name + _json(item, depth + 1) for name, item in zip(names, items, strict=True))
    return opening + pad + ("," + pad).join(parts) + "\n" + "  " * depth + closing
