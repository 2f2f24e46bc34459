"""The protocols that are shipped: published ones, each with its source."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import attrs

from stimplan.resources import data_path


@attrs.frozen
class ProtocolEntry:
    """One protocol of the library, before it is read."""

    id: str
    title: str
    path: Path


def list_protocols() -> tuple[ProtocolEntry, ...]:
    """Every protocol of the library, sorted by id."""
    return tuple(
        ProtocolEntry(id=name, title=json.loads(library_path(name).read_text(encoding="utf-8"))["title"], path=path)
        for name in library_ids()
        for path in [library_path(name)]
    )


@cache
def library_ids() -> tuple[str, ...]:
    """Ids of the library's protocols, sorted; the id is the file's name."""
    return tuple(sorted(path.stem for path in data_path("protocols").glob("*.json")))


def library_path(name: str) -> Path:
    """File of one protocol of the library."""
    return data_path("protocols", f"{name}.json")
