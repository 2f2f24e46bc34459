"""The protocols that are shipped: published ones, each with its source."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import attrs

from stimplan.protocol.conditions import CONDITIONS_FILE
from stimplan.resources import data_path


@attrs.frozen
class ProtocolEntry:
    """One protocol of the library, before it is read; a file without a title goes by its id."""

    id: str
    title: str
    path: Path


def list_protocols() -> tuple[ProtocolEntry, ...]:
    """Every protocol of the library, sorted by id."""
    return tuple(
        ProtocolEntry(id=name, title=_title(path) or name, path=path)
        for name in library_ids()
        for path in [library_path(name)]
    )


@cache
def library_ids() -> tuple[str, ...]:
    """Ids of the library's protocols, sorted; the id is the file's name."""
    return tuple(sorted(path.stem for path in data_path("protocols").glob("*.json") if path.name != CONDITIONS_FILE))


def library_path(name: str) -> Path:
    """File of one protocol of the library."""
    return data_path("protocols", f"{name}.json")


def _title(path: Path) -> str | None:
    title: str | None = json.loads(path.read_text(encoding="utf-8"))["title"]
    return title
