"""Judge a JSON tree by a JSON Schema and say what is wrong in plain sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import attrs

from stimplan.protocol.schema_fit import fits, is_integer, is_number
from stimplan.strict_json import JsonPath, Refused, shorten

# JSON Schema's words -> what people say
_TYPE_NAMES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "an object {…}",
    "string": "text",
}


@attrs.frozen
class Fault:
    """One fault of a tree, before it gets its file name."""

    path: JsonPath
    what: str
    is_type: bool = False


def schema_faults(tree: Any, schema: Mapping[str, Any]) -> list[Fault]:
    """Every way in which a tree breaks a schema.

    Parameters
    ----------
    tree : JSON tree as `strict_json.parse` makes it
    schema : mapping
        JSON Schema, draft 2020-12.
    """
    if fits(tree, schema):
        return []
    faults: list[Fault] = []
    for error in _validator_class()(schema).iter_errors(tree):
        faults.extend(_translate(error, schema))
    return _without_echoes(faults)


@cache
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator, validators

    types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": lambda _, value: is_number(value), "integer": lambda _, value: is_integer(value)}
    )
    return validators.extend(Draft202012Validator, type_checker=types)


def _translate(error: Any, schema: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of one schema error; a keyword without a sentence here keeps the library's own."""
    path: JsonPath = tuple(error.absolute_path)
    if isinstance(error.instance, Refused):
        return  # the strict reader has said why already
    match error.validator:
        case "required":
            yield from _missing(error, path, schema)
        case "additionalProperties":
            yield from _unknown(error, path)
        case "minItems" | "maxItems":
            yield Fault(path, _wrong_length(error))
        case _:
            yield Fault(path, _wrong_value(error), is_type=error.validator == "type")


def _missing(error: Any, path: JsonPath, schema: Mapping[str, Any]) -> Iterator[Fault]:
    # jsonschema makes one error for each missing key; its message starts with the key's repr.
    properties = error.schema.get("properties", {})
    for key in error.schema["required"]:
        if key not in error.instance and error.message.startswith(f"{key!r} "):
            wanted = properties.get(key, {})
            if "$ref" in wanted:
                wanted = {**schema["$defs"][wanted["$ref"].rpartition("/")[2]], **wanted}
            options = " (" + ", ".join(map(show, wanted["enum"])) + ")" if "enum" in wanted else ""
            yield Fault((*path, key), f"missing; expected {_meaning(wanted)}{options}")


def _unknown(error: Any, path: JsonPath) -> Iterator[Fault]:
    from difflib import get_close_matches

    known = error.schema.get("properties", {})
    for key in error.instance:
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]!r}?" if near else "known are " + ", ".join(known)
            yield Fault((*path, key), f"unknown key {shorten(key)!r}; {hint}")


def _without_echoes(faults: Iterable[Fault]) -> list[Fault]:
    """One mistake, one line.

    A value of the wrong type is said once, whatever else it then breaks; "missing" is dropped where the same object
    holds a misspelt form of that key.
    """
    faults = list(faults)
    first_type = {fault.path: fault for fault in reversed(faults) if fault.is_type}
    faults = [fault for fault in faults if first_type.get(fault.path, fault) is fault]
    meant = set()
    for fault in faults:
        if found := re.search(r"did you mean '([^']+)'\?$", fault.what):
            meant.add((*fault.path[:-1], found[1]))
    return [fault for fault in faults if not (fault.what.startswith("missing;") and fault.path in meant)]


def _wrong_length(error: Any) -> str:
    length = len(error.instance)
    least, most = error.schema.get("minItems", 0), error.schema.get("maxItems")
    wanted = str(least) if least == most else f"{'at least' if length < least else 'at most'} {error.validator_value}"
    return f"expected {wanted} entries ({_meaning(error.schema)}), got {length}"


def _wrong_value(error: Any) -> str:  # noqa: PLR0911 - a table, one row per keyword
    value, limit, got = error.instance, error.validator_value, show(error.instance)
    match error.validator:
        case "type":
            wanted = [limit] if isinstance(limit, str) else limit
            names = " or ".join(_TYPE_NAMES[name] for name in wanted)
            return f"expected {names} ({_meaning(error.schema)}), got {got}"
        case "const":
            return f"expected {show(limit)}, got {got}"
        case "enum":
            return f"{got} is not one of {', '.join(map(show, limit))}{nearest(value, limit)}"
        case "minimum":
            return f"must be at least {limit} ({_meaning(error.schema)}), got {got}"
        case "maximum":
            return f"must be at most {limit} ({_meaning(error.schema)}), got {got}"
        case "exclusiveMinimum":
            return f"must be greater than {limit} ({_meaning(error.schema)}), got {got}"
        case "maxLength":
            return f"the text has {len(value)} characters; at most {limit} are allowed"
        case "not":
            return f"leave it out: {_meaning(error.schema)}"
        case "pattern" if limit == "\\S":
            return f"must not be empty ({_meaning(error.schema)})"
        case "pattern":
            return f"{got} does not fit; expected {_meaning(error.schema)}"
        case _:
            return str(error.message)


def _meaning(schema: Mapping[str, Any]) -> str:
    """What a value is, from its description; that it has no unit is for readers of the schema."""
    return str(schema.get("description", schema.get("pattern", "a value"))).replace(", no unit", "")


def nearest(value: Any, known: Iterable[Any]) -> str:
    """`"; did you mean 'x'?"` for the nearest known name, or ""."""
    if not isinstance(value, str):
        return ""
    from difflib import get_close_matches

    by_lower = {name.lower(): name for name in known if isinstance(name, str)}
    near = get_close_matches(value.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def show(value: Any) -> str:
    """A JSON value as it looks in a message."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {shorten(value)!r}" if _looks_like_number(value) else repr(shorten(value))
        case dict():
            return "an object {…}"
        case list():
            return "a list […]"
        case _:
            return shorten(str(value))


def _looks_like_number(value: str) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?[0-9.,]+\s*\w*\s*", value))
