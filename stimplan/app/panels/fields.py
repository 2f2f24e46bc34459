"""The form of a protocol, made from the schema of its file: what may be entered where, in which unit, within what."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import attrs

from stimplan.app.panels.changes import read_number
from stimplan.errors import Problem, ProtocolError
from stimplan.protocol import Protocol, protocol_tree, schema
from stimplan.protocol.schema_fit import fits
from stimplan.protocol.schemas import NEWEST_VERSION
from stimplan.strict_json import JsonPath, show_path
from stimplan.units import split_key, unit_text

Kind = Literal["number", "integer", "text", "choice", "yes-no"]

NOT_REPORTED = "not reported"
# Names that read better than the key of the file.
_LABELS: Mapping[str, str] = {
    "value_percent": "Intensity",
    "reference": "Intensity is relative to",
    "count": "Repeats",
    "interval_s": "From start to start",
    "from_midline_deg": "Handle, angle to the midline",
    "towards": "Handle points to",
    "min_gap_h": "Least time between starts",
    "sessions_per_day": "Sessions a day",
    "sessions_per_week": "Sessions a week",
    "didt_A_per_us": "Change of the coil current",
    "amplitude_convention": "Currents are given as",
    "method": "How it was found",
    "type": "Kind",
    "model": "Model",
    "family": "Kind of coil",
    "shape": "Shape",
    "current_direction": "Current in the brain",
    "mni_mm": "Target, MNI",
}


@attrs.frozen
class FormField:
    """One value that can be entered.

    Attributes
    ----------
    path : tuple of str and int
        Place in the file.
    label : str
        For people, without the unit.
    unit : str
        As people write it; "" where there is none.
    kind : {"number", "integer", "text", "choice", "yes-no"}
    value : Decimal, int, str, bool or None
        What the protocol has.
    choices : tuple of str
        Of a choice.
    may_be_null : bool
        Whether "not reported" is an answer.
    is_required : bool
        Whether the key must be in the file.
    least, most : Decimal or None
        Bounds of the schema; `is_above_least` where the bound itself is not allowed.
    help : str
        What it means.
    """

    path: JsonPath
    label: str
    unit: str
    kind: Kind
    value: Any
    choices: tuple[str, ...] = ()
    may_be_null: bool = False
    is_required: bool = True
    least: Decimal | None = None
    most: Decimal | None = None
    is_above_least: bool = False
    help: str = ""

    @property
    def key(self) -> str:
        """Its place as messages write it; also its name in the page."""
        return show_path(self.path)

    @property
    def title(self) -> str:
        """Label with the unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def shown(self) -> str:
        """The value as text for the form."""
        return _text(self.value)

    def read(self, text: Any) -> Any:
        """What was entered, as a value of the file.

        Raises
        ------
        ProtocolError
            It is no such value; the message says what was expected.
        """
        words = "" if text is None or text == NOT_REPORTED else _text(text).strip()
        if not words:
            if self.may_be_null:
                return None
            if not self.is_required:
                return ...
            raise self._fault(f"{self.title} is missing; it has no default")
        return self._value(words)

    def _value(self, words: str) -> Any:
        if self.kind == "choice":
            if words not in self.choices:
                raise self._fault(f"{words[:40]!r} is not one of {', '.join(self.choices)}")
            return words
        if self.kind == "yes-no":
            if words not in ("yes", "no"):
                raise self._fault(f"expected yes or no, got {words[:40]!r}")
            return words == "yes"
        if self.kind == "text":
            return words
        try:
            number = read_number(words)
        except ProtocolError as error:
            raise self._fault(f"{self.title}: {error.problems[0].what}") from None
        if self.kind == "integer":
            if number != number.to_integral_value() or abs(number) > 10**9:
                raise self._fault(f"{self.title}: expected a whole number, got {words[:40]}")
            return int(number)
        return number

    def _fault(self, what: str) -> ProtocolError:
        return ProtocolError(Problem(self.key, what))


def form_fields(protocol: Protocol, at: JsonPath, names: tuple[str, ...] | None = None) -> tuple[FormField, ...]:
    """Fields for one object of a protocol's file, in the schema's order.

    Parameters
    ----------
    protocol : Protocol
    at : tuple of str and int
        Place of the object, such as `("stimulation", "waveform")`.
    names : tuple of str, optional
        Only these keys, in this order.

    Raises
    ------
    KeyError
        The schema has no such place, or no such key there.
    """
    root = schema(NEWEST_VERSION)
    value: Any = protocol_tree(protocol)
    found = _resolved(root, value, root)
    for step in at:
        inner = found["items"] if isinstance(step, int) else found["properties"][step]
        value = value[step] if isinstance(step, int) else (value or {}).get(step)
        found = _resolved(inner, value, root)
    properties = found["properties"]
    made = [
        _field((*at, name), _resolved(properties[name], None, root), found, value)
        for name in (names if names is not None else properties)
        if not _is_forbidden(properties[name])
    ]
    return tuple(one for one in made if one is not None)


def _resolved(part: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with its references and conditions worked in, as far as they hold for a value."""
    merged: dict[str, Any] = {}
    pieces = list(part.get("allOf", ()))
    if "$ref" in part:
        pieces.insert(0, root["$defs"][part["$ref"].rpartition("/")[2]])
    for piece in pieces:
        _merge(merged, _resolved(piece, value, root))
    if "if" in part:
        holds = fits(value, {**part["if"], "$defs": root["$defs"]})
        _merge(merged, _resolved(part.get("then" if holds else "else", {}), value, root))
    _merge(merged, {key: item for key, item in part.items() if key not in ("allOf", "$ref", "if", "then", "else")})
    return merged


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, item in other.items():
        if key == "properties":
            mine = into.setdefault("properties", {})
            for name, part in item.items():
                mine[name] = {**part, **mine[name]} if name in mine and not _is_forbidden(part) else part
        elif key == "required":
            into["required"] = [*into.get("required", ()), *item]
        else:
            into[key] = item


def _is_forbidden(part: Mapping[str, Any]) -> bool:
    return part.get("not") == {}


def _field(path: JsonPath, part: Mapping[str, Any], parent: Mapping[str, Any], values: Any) -> FormField | None:
    """A field for a plain value; None for an object, a list, and what has one value only."""
    kind = _kind(part)
    if kind is None:
        return None
    name = str(path[-1])
    noun, suffix = split_key(name)
    types = part.get("type", ())
    above = part.get("exclusiveMinimum")
    least = part.get("minimum", above)
    return FormField(
        path=path,
        label=_LABELS.get(name) or noun.replace("_", " ").capitalize(),
        unit=unit_text(suffix),
        kind=kind,
        value=values.get(name) if isinstance(values, dict) else None,
        choices=tuple(str(one) for one in part.get("enum", ()) if one is not None),
        may_be_null="null" in types and not isinstance(types, str),
        is_required=name in parent.get("required", ()),
        least=None if least is None else Decimal(str(least)),
        most=None if "maximum" not in part else Decimal(str(part["maximum"])),
        is_above_least=above is not None,
        help=str(part.get("description", "")).replace(", no unit", ""),
    )


def _kind(part: Mapping[str, Any]) -> Kind | None:
    if "const" in part:
        return None
    if "enum" in part:
        return "choice"
    types = part.get("type", ())
    names = {types} if isinstance(types, str) else set(types)
    if names & {"object", "array"}:
        return None
    for name, kind in (("integer", "integer"), ("number", "number"), ("boolean", "yes-no"), ("string", "text")):
        if name in names:
            return kind  # type: ignore[return-value]
    return None


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value.normalize():f}"
        case _:
            return str(value)
