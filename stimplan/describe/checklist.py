"""Reporting checklists against a protocol file: which items it answers, which are missing.

The checklists are data, `protocols/checklists/*.json`: each item names the places of a protocol file that answer it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import attrs

from stimplan.describe.words import number
from stimplan.errors import InputError, ResourceError
from stimplan.montage import Source
from stimplan.protocol import MagneticStimulation, Protocol, protocol_tree
from stimplan.resources import data_path


@attrs.frozen
class Item:
    """One item of a checklist.

    Attributes
    ----------
    id, group, text : str
        The text is ours, not the checklist's.
    answered_by : tuple of tuples of str
        Alternatives; each is a set of paths that must all hold something, `[*]` for every entry of a list.
    only_if : str or None
        Name of a condition in `CONDITIONS`: the item is asked only where it holds.
    status : str
        How the item itself is known: read, secondary, recalled.
    """

    id: str
    group: str
    text: str
    answered_by: tuple[tuple[str, ...], ...]
    only_if: str | None
    status: str


@attrs.frozen
class Checklist:
    """One checklist, its items and where it is from."""

    id: str
    title: str
    modalities: tuple[str, ...]
    only_if: str | None
    source: Source
    items: tuple[Item, ...]


@attrs.frozen
class Answer:
    """What a protocol says to one item.

    Attributes
    ----------
    item : Item
    is_reported : bool
    is_controlled : bool or None
        Where the file only says whether it was controlled; None otherwise.
    text : str
        What the file says in words, where the answer is in `reporting`.
    """

    item: Item
    is_reported: bool
    is_controlled: bool | None = None
    text: str = ""


@attrs.frozen
class Review:
    """A checklist answered by a protocol: only the items that apply to it."""

    checklist: Checklist
    answers: tuple[Answer, ...]

    @property
    def missing(self) -> tuple[Item, ...]:
        """Items the file does not answer."""
        return tuple(answer.item for answer in self.answers if not answer.is_reported)

    @property
    def reported(self) -> int:
        """Number of items the file answers."""
        return len(self.answers) - len(self.missing)

    def record(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "checklist": self.checklist.id,
            "title": self.checklist.title,
            "source": attrs.asdict(self.checklist.source),
            "reported": self.reported,
            "asked": len(self.answers),
            "missing": [{"id": item.id, "text": item.text, "answered_by": item.answered_by} for item in self.missing],
        }


def _pulses(protocol: Protocol) -> list[int]:
    stimulation = protocol.stimulation
    blocks = stimulation.blocks if isinstance(stimulation, MagneticStimulation) else ()
    return [block.timing.stimulus.pulses for block in blocks]


_IMAGING = {"imaging_timing", "imaging_artefacts", "mr_conditional_equipment", "electrode_leads", "temperature_check"}

# name in the data -> whether it holds for a protocol
CONDITIONS: Mapping[str, Callable[[Protocol], bool]] = {
    "paired-pulse": lambda protocol: 2 in _pulses(protocol),
    "alternating": lambda protocol: protocol.modality in ("tACS", "otDCS", "tRNS", "tPCS", "TI"),
    "several-sessions": lambda protocol: protocol.course.sessions > 1,
    "imaging": lambda protocol: any(key in _IMAGING for key, _ in protocol.reporting),
}
CHECKLISTS = ("core-tms", "rates", "contes")


@cache
def checklist(name: str) -> Checklist:
    """One shipped checklist.

    Raises
    ------
    InputError
        There is none of that name.
    ResourceError
        Its file is damaged.
    """
    if name not in CHECKLISTS:
        raise InputError(f"{name!r} is no checklist of this program; there are {', '.join(CHECKLISTS)}")
    try:
        table = json.loads(data_path("protocols", "checklists", f"{name}.json").read_text(encoding="utf-8"))
        items = tuple(
            Item(
                id=row["id"],
                group=row["group"],
                text=row["text"],
                answered_by=tuple(tuple(paths) for paths in row["answered_by"]),
                only_if=row.get("only_if"),
                status=row["status"],
            )
            for row in table["items"]
        )
        source = Source(**table["source"])
        return Checklist(table["id"], table["title"], tuple(table["modalities"]), table.get("only_if"), source, items)
    except (ValueError, KeyError, TypeError) as error:
        what = f"protocols/checklists/{name}.json is damaged ({error!r}); install stimplan again"
        raise ResourceError(what) from error


def review(protocol: Protocol, name: str) -> Review:
    """Answer every item of a checklist that applies to the protocol."""
    tree = protocol_tree(protocol)
    asked = checklist(name)
    items = [item for item in asked.items if item.only_if is None or CONDITIONS[item.only_if](protocol)]
    return Review(asked, tuple(_answer(item, tree) for item in items))


def reviews(protocol: Protocol) -> tuple[Review, ...]:
    """Every checklist that is meant for the protocol: by its modality, and ContES where there was imaging."""
    fitting = [
        name
        for name in CHECKLISTS
        for asked in [checklist(name)]
        if protocol.modality in asked.modalities and (asked.only_if is None or CONDITIONS[asked.only_if](protocol))
    ]
    return tuple(review(protocol, name) for name in fitting)


def _answer(item: Item, tree: Mapping[str, Any]) -> Answer:
    for paths in item.answered_by:
        found = [values_at(tree, path) for path in paths]
        if all(values and all(map(_says_something, values)) for values in found):
            return _reported(item, paths, [value for values in found for value in values])
    return Answer(item, is_reported=False)


def _reported(item: Item, paths: tuple[str, ...], values: list[Any]) -> Answer:
    if not all(path.startswith("$.reporting.") for path in paths):
        return Answer(item, is_reported=True)
    flags = [value for value in values if isinstance(value, bool)]
    words = "; ".join(
        value if isinstance(value, str) else number(value) for value in values if not isinstance(value, bool)
    )
    return Answer(item, is_reported=True, is_controlled=all(flags) if flags else None, text=words)


def _says_something(value: Any) -> bool:
    """Null and nothing say nothing; zero and false say something."""
    return value is not None and value not in ("", [], {})


def values_at(tree: Any, path: str) -> list[Any]:
    """Values at a path such as `$.stimulation.electrodes[*].site`; a missing key gives None."""
    values = [tree]
    for step in path.removeprefix("$.").split("."):
        key, is_each = step.removesuffix("[*]"), step.endswith("[*]")
        values = [value.get(key) if isinstance(value, Mapping) else None for value in values]
        if is_each:
            values = [item for value in values for item in (value if isinstance(value, list) else [None])]
    return values
