"""dump_protocol: Protocol -> JSON text in file units, which reads back as exactly the same value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from stimplan.protocol.layout import PROTOCOL
from stimplan.protocol.model import Protocol

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_SHORT = 100  # an object or list that fits into so many characters stays on one line


def dump_protocol(protocol: Protocol) -> str:
    """Write a protocol as JSON text in file units.

    Returns
    -------
    str
        Keys in a fixed order; `read_protocol(dump_protocol(p)) == p`, to the last bit.
    """
    return json_text(protocol_tree(protocol))


def protocol_tree(protocol: Protocol) -> dict[str, Any]:
    """The protocol as a JSON tree in file units, numbers as Decimal or int."""
    tree: dict[str, Any] = PROTOCOL.write(protocol)
    return tree


def json_text(tree: Mapping[str, Any]) -> str:
    """JSON text of a tree, laid out as `dump_protocol` does."""
    return _json(dict(tree), 0) + "\n"


def _json(value: Any, depth: int) -> str:
    """JSON text with numbers as they are; the standard writer would turn Decimal into text or float."""
    line = _line(value, _SHORT) if depth or not isinstance(value, dict | list) else None
    if line is not None:
        return line
    pad = "\n" + "  " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{_ENCODE(key)}: {_json(item, depth + 1)}" for key, item in value.items()]
    else:
        parts = [_json(item, depth + 1) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + pad + ("," + pad).join(parts) + "\n" + "  " * depth + closing


def _line(value: Any, room: int) -> str | None:
    """A value on one line; None for an object or list that does not fit into so many characters."""
    if isinstance(value, Decimal):
        return f"{value:f}" if -9 <= value.adjusted() <= 15 else str(value)
    if not isinstance(value, dict | list):
        return _ENCODE(value)
    parts: list[str] = []
    left = room
    for key in value:
        part = _line(value[key] if isinstance(value, dict) else key, left)
        if part is None:
            return None
        parts.append(f"{_ENCODE(key)}: {part}" if isinstance(value, dict) else part)
        left -= len(parts[-1]) + 2  # the comma and the blank, or the brackets
        if left < 0:
            return None
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + ", ".join(parts) + closing
