"""dump_protocol: Protocol -> JSON text in file units, which reads back as exactly the same value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from stimplan.protocol.layout import PROTOCOL
from stimplan.protocol.model import Protocol

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
