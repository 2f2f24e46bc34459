"""Whether a JSON tree fits a JSON Schema: yes or no, quickly, for the few keywords that the shipped schemas use.

Most files are sound, and to find that out needs no library that takes longer to load than everything else. Only a
plain "yes" counts: whatever does not fit, or is not understood here, is left to `jsonschema`, which alone says what
is wrong. That the two agree is tested with files and schemas made at random.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeGuard

Schema = Mapping[str, Any] | bool
_Root = Mapping[str, Any]


class NotUnderstood(Exception):
    """A schema says something that is not read here."""


def fits(tree: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a tree is known to fit a schema; False where it does not, or where that cannot be said here.

    Parameters
    ----------
    tree : JSON tree as `strict_json.parse` makes it
    schema : mapping
        JSON Schema, draft 2020-12.
    """
    try:
        return _fits(tree, schema, schema)
    except (NotUnderstood, RecursionError):
        return False


def _fits(value: Any, schema: Schema, root: _Root) -> bool:
    if isinstance(schema, bool):
        return schema
    for keyword, wanted in schema.items():
        if keyword in _SAYS_NOTHING:
            continue
        holds = _KEYWORDS.get(keyword)
        if holds is None:
            raise NotUnderstood(keyword)
        if not holds(value, wanted, schema, root):
            return False
    return True


def is_number(value: Any) -> TypeGuard[int | Decimal]:
    """Whether a tree's value is a number."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def is_integer(value: Any) -> TypeGuard[int | Decimal]:
    """Whether a tree's value is a whole number; 5.0 is one."""
    return is_number(value) and (isinstance(value, int) or value == value.to_integral_value())


_IS_OF_TYPE: dict[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": is_integer,
    "null": lambda value: value is None,
    "number": is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}


def _type(value: Any, wanted: Any) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(_IS_OF_TYPE[name](value) for name in names)


def _equal(value: Any, wanted: Any) -> bool:
    """Equal as JSON: 1.0 is 1, but true is not."""
    if isinstance(wanted, dict | list):
        raise NotUnderstood("const or enum of an object or a list")
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _properties(value: Any, wanted: Any, root: _Root) -> bool:
    return not isinstance(value, dict) or all(
        _fits(value[name], schema, root) for name, schema in wanted.items() if name in value
    )


def _additional(value: Any, wanted: Any, schema: Mapping[str, Any], root: _Root) -> bool:
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    return all(_fits(item, wanted, root) for name, item in value.items() if name not in known)


def _conditional(value: Any, wanted: Any, schema: Mapping[str, Any], root: _Root) -> bool:
    return _fits(value, schema.get("then" if _fits(value, wanted, root) else "else", True), root)


def _reference(value: Any, wanted: str, root: _Root) -> bool:
    start, _, name = wanted.rpartition("/")
    if start != "#/$defs" or name not in root.get("$defs", {}):
        raise NotUnderstood(wanted)
    return _fits(value, root["$defs"][name], root)


_SAYS_NOTHING = frozenset({"$schema", "$id", "$defs", "title", "description", "then", "else"})
# keyword -> whether (value, what the keyword is given, the schema it stands in, the whole schema) holds
_KEYWORDS: dict[str, Callable[[Any, Any, Mapping[str, Any], _Root], bool]] = {
    "type": lambda value, wanted, _, __: _type(value, wanted),
    "const": lambda value, wanted, _, __: _equal(value, wanted),
    "enum": lambda value, wanted, _, __: any(_equal(value, one) for one in wanted),
    "pattern": lambda value, wanted, _, __: not isinstance(value, str) or bool(re.search(wanted, value)),
    "maxLength": lambda value, wanted, _, __: not isinstance(value, str) or len(value) <= wanted,
    "minimum": lambda value, wanted, _, __: not is_number(value) or not value < wanted,
    "maximum": lambda value, wanted, _, __: not is_number(value) or not value > wanted,
    "exclusiveMinimum": lambda value, wanted, _, __: not is_number(value) or not value <= wanted,
    "minItems": lambda value, wanted, _, __: not isinstance(value, list) or len(value) >= wanted,
    "maxItems": lambda value, wanted, _, __: not isinstance(value, list) or len(value) <= wanted,
    "items": lambda value, wanted, _, root: (
        not isinstance(value, list) or all(_fits(item, wanted, root) for item in value)
    ),
    "required": lambda value, wanted, _, __: not isinstance(value, dict) or all(name in value for name in wanted),
    "properties": lambda value, wanted, _, root: _properties(value, wanted, root),
    "additionalProperties": _additional,
    "allOf": lambda value, wanted, _, root: all(_fits(value, one, root) for one in wanted),
    "not": lambda value, wanted, _, root: not _fits(value, wanted, root),
    "if": _conditional,
    "$ref": lambda value, wanted, _, root: _reference(value, wanted, root),
}
