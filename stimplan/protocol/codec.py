"""Small tools that turn a file's records into values and back: each is a pair of functions, one per direction.

A key of the file ends in its unit; the attribute has the same noun and ends in the SI unit, so that one table of keys
says everything about both directions and they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from stimplan.units import from_si, si_key, split_key, to_si


@attrs.frozen
class Codec:
    """A pair of inverse functions: from a checked JSON tree to a value, and back."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


@attrs.frozen
class Key:
    """One key of a record.

    Attributes
    ----------
    name : str
        Key in the file.
    codec : Codec
        For values that are not None.
    attribute : str
        Of the value; the key with its SI unit where it is left out.
    is_optional : bool
        Left out of the file where the value is None or empty; otherwise null is written.
    """

    name: str
    codec: Codec
    attribute: str
    is_optional: bool


def _same(value: Any) -> Any:
    return value


PLAIN = Codec(_same, _same)
INTEGER = Codec(int, _same)  # 5.0 is a whole number too


def _shortest(value: float) -> Decimal:
    """Shortest decimal that reads back as exactly this number: 3, not 3.0."""
    return Decimal(repr(value)).normalize()


NUMBER = Codec(lambda value: float(value) + 0.0, _shortest)  # -0.0 has no other form in a file than 0


def key(name: str, codec: Codec | None = None, *, attribute: str | None = None, is_optional: bool = False) -> Key:
    """Describe one key; with a unit in its name it is a number unless a codec is given."""
    if codec is None:
        suffix = split_key(name)[1]
        codec = quantity(suffix) if suffix else PLAIN
    return Key(name, codec, attribute or si_key(name), is_optional)


def optional(name: str, codec: Codec | None = None, *, attribute: str | None = None) -> Key:
    """Describe a key that is left out of the file where there is nothing to say."""
    return key(name, codec, attribute=attribute, is_optional=True)


def quantity(suffix: str) -> Codec:
    """Number in a unit of the file; SI inside."""
    return Codec(lambda value: to_si(value, suffix), lambda value: from_si(value, suffix))


def or_null(codec: Codec) -> Codec:
    """Null in the file, None inside, or what the codec says."""
    return Codec(
        lambda value: None if value is None else codec.read(value),
        lambda value: None if value is None else codec.write(value),
    )


def many(codec: Codec) -> Codec:
    """List in the file, tuple inside."""
    return Codec(lambda values: tuple(map(codec.read, values)), lambda values: [codec.write(value) for value in values])


def record(cls: type[Any], *keys: Key) -> Codec:
    """Object in the file, attrs value inside; a key the file leaves out takes the class's own default."""

    def read(tree: Mapping[str, Any]) -> Any:
        given = [one for one in keys if tree.get(one.name) is not None or (one.name in tree and not one.is_optional)]
        values = {one.attribute: None if tree[one.name] is None else one.codec.read(tree[one.name]) for one in given}
        return cls(**values)

    def write(value: Any) -> dict[str, Any]:
        pairs = [(one, getattr(value, one.attribute)) for one in keys]
        return {
            one.name: None if item is None else one.codec.write(item)
            for one, item in pairs
            if not (one.is_optional and (item is None or item == ()))
        }

    return Codec(read, write)


def pairs(codec: Codec = PLAIN) -> Codec:
    """Object with any keys in the file, tuple of (key, value) inside."""
    return Codec(
        lambda tree: tuple((name, codec.read(item)) for name, item in tree.items()),
        lambda items: {name: codec.write(item) for name, item in items},
    )


def by_class(tag: str, choices: Mapping[str, tuple[type[Any], Codec]]) -> Codec:
    """Object whose key `tag` names its kind, one of several classes."""
    tags = {cls: name for name, (cls, _) in choices.items()}
    return Codec(
        lambda tree: choices[tree[tag]][1].read(tree),
        lambda value: {tag: tags[type(value)], **choices[tags[type(value)]][1].write(value)},
    )
