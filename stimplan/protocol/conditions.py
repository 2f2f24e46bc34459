"""The conditions a protocol may be meant for: ids, names and other names from `protocols/conditions.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import attrs

from stimplan.errors import ResourceError
from stimplan.resources import data_path

CONDITIONS_FILE = "conditions.json"


@attrs.frozen
class Condition:
    """One condition.

    Attributes
    ----------
    id : str
        As in a protocol's `indication.condition`.
    name : str
        For people.
    synonyms : tuple of str
        Other names, small letters.
    parents : tuple of str
        Ids of the wider conditions it belongs to ("stroke" for "stroke-aphasia"); none or several.
    """

    id: str
    name: str
    synonyms: tuple[str, ...]
    parents: tuple[str, ...]


@cache
def conditions() -> Mapping[str, Condition]:
    """Every known condition by id, in the order of the file."""
    path = data_path("protocols", CONDITIONS_FILE)
    try:
        table = json.loads(path.read_text(encoding="utf-8"))["conditions"]
        return MappingProxyType(
            {
                name: Condition(name, row["name"], tuple(row["synonyms"]), tuple(row.get("parents", ())))
                for name, row in table.items()
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        what = f"protocols/{CONDITIONS_FILE} is damaged ({error!r}); install stimplan again"
        raise ResourceError(what) from error


def condition_named(words: str) -> str | None:
    """Id of the condition that free words name, or None.

    An id, a name or a synonym that is found in the words as whole words counts; of several the one met in the longest
    match, so that "aphasia after stroke" is the aphasia and not the stroke.
    """
    text = words.strip().lower()
    best = ("", "")
    for condition in conditions().values():
        for name in (condition.id, condition.name.lower(), *condition.synonyms):
            if len(name) > len(best[0]) and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text):
                best = (name, condition.id)
    return best[1] or None


def is_kind_of(condition: str, wanted: str) -> bool:
    """Whether a condition is the wanted one or belongs to it, by ids: "stroke-aphasia" is a kind of "stroke"."""
    known = conditions().get(condition)
    return known is not None and (condition == wanted or any(is_kind_of(parent, wanted) for parent in known.parents))
