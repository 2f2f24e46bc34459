"""File names of BIDS: entities, suffix, extension; and which sidecars a table inherits from."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

import attrs

_NAME = re.compile(r"((?:[a-z]+-[^_.]+_)*)([A-Za-z0-9]+)(\.[A-Za-z0-9.]+)")


@attrs.frozen
class FileName:
    """A file name taken apart; entities in their order, suffix without `_`, extension with `.`."""

    entities: tuple[tuple[str, str], ...]
    suffix: str
    extension: str


def read_name(path: PurePath) -> FileName:
    """The parts of a name; where it is none of BIDS, everything is the suffix."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        return FileName((), path.name, "")
    pairs = (part.partition("-") for part in found[1].split("_") if part)
    return FileName(tuple((name, label) for name, _, label in pairs), found[2], found[3])


def nibs_tables(folder: Path) -> list[Path]:
    """Every `*_nibs.tsv` of a dataset, by participant, session, and number of the run."""
    found = [*folder.glob("sub-*/nibs/*_nibs.tsv"), *folder.glob("sub-*/ses-*/nibs/*_nibs.tsv")]

    def place(path: Path) -> tuple[str, int, str]:
        run = re.search(r"_run-([0-9]+)", path.name)
        return re.sub(r"_run-[0-9]+", "", str(path)), int(run[1]) if run else 0, str(path)

    return sorted(found, key=place)


def inherited(folder: Path, table: Path) -> list[Path]:
    """JSON files that describe a table, the most general first.

    By the inheritance principle of BIDS: the same suffix, in the table's folder or one above it, and no entity that
    the table does not have.
    """
    own = read_name(table)
    levels = [level for level in (*reversed(table.parent.parents), table.parent) if level.is_relative_to(folder)]
    found = []
    for level in levels:
        for path in sorted(level.glob(f"*{own.suffix}.json"), key=lambda one: len(one.name)):
            name = read_name(path)
            if name.suffix == own.suffix and set(name.entities) <= set(own.entities):
                found.append(path)
    return found
