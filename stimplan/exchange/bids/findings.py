"""What a check found, and the loaded files it looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from stimplan.exchange.bids.names import inherited, read_name
from stimplan.exchange.bids.tables import Row, Table, TableFault, cell_parts, read_sidecar, read_table

Severity = Literal["error", "warning"]


@attrs.frozen
class BidsFinding:
    """One fault of a dataset.

    Attributes
    ----------
    rule : str
        Name of the rule that is broken, such as `tes-sum`.
    severity : {"error", "warning"}
        A MUST of the specification, or a SHOULD and what older files are forgiven.
    file : str
        From the dataset's root.
    line : int or None
        Line of a table, the header being 1.
    column : str or None
        Column of a table, or key of a JSON file.
    what, remedy : str
        What is wrong, and what to do.
    """

    rule: str
    severity: Severity
    file: str
    line: int | None
    column: str | None
    what: str
    remedy: str

    def record(self) -> dict[str, Any]:
        """The finding as data."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}"
        where = ", ".join(part for part in (line, self.column or "") if part)
        place = f"{self.file}: {where}: " if where else f"{self.file}: "
        return f"{place}{self.what}; {self.remedy} [{self.rule}]"


@attrs.frozen
class Loaded:
    """One file: a table with its sidecar, or a JSON file alone (its `table` has no columns).

    Attributes
    ----------
    kind : str
        nibs, markers, events or coordsystem.
    file, sidecar_file : str
        From the dataset's root; the sidecar is the nearest one, "" where there is none.
    sidecar : mapping
        Everything the table inherits, merged.
    """

    kind: str
    file: str
    table: Table
    sidecar: Mapping[str, Any]
    sidecar_file: str

    def error(
        self, rule: str, what: str, remedy: str, *, line: int | None = None, at: str | None = None
    ) -> BidsFinding:
        """A broken MUST in the table."""
        return BidsFinding(rule, "error", self.file, line, at, what, remedy)

    def warning(
        self, rule: str, what: str, remedy: str, *, line: int | None = None, at: str | None = None
    ) -> BidsFinding:
        """A broken SHOULD in the table."""
        return BidsFinding(rule, "warning", self.file, line, at, what, remedy)

    def in_sidecar(self, rule: str, what: str, remedy: str, *, at: str, severity: Severity = "error") -> BidsFinding:
        """A fault of the sidecar."""
        return BidsFinding(rule, severity, self.sidecar_file or self.file, None, at, what, remedy)

    def lines(self) -> Iterator[tuple[int, Row]]:
        """Rows with their lines in the file."""
        yield from enumerate(self.table.rows, start=2)

    def ids(self, name: str) -> dict[str, int]:
        """Every id of a column and the line it first stands in."""
        found: dict[str, int] = {}
        for line, row in self.lines():
            for part in cell_parts(row, name):
                found.setdefault(part, line)
        return found


@attrs.frozen
class Recording:
    """One `*_nibs.tsv` and what belongs to it."""

    nibs: Loaded
    markers: Loaded | None
    events: tuple[Loaded, ...]
    coordsystem: Loaded | None


def load(folder: Path, path: Path, *, kind: str, found: list[BidsFinding]) -> Loaded:
    """A table and its sidecars; every fault of form is added to `found`."""
    file = path.relative_to(folder).as_posix()
    table, faults = read_table(path)
    found += [_form_fault(file, fault) for fault in faults]
    merged: dict[str, Any] = {}
    nearest = ""
    for one in inherited(folder, path):
        merged |= load_json(folder, one, found)
        nearest = one.relative_to(folder).as_posix()
    return Loaded(kind, file, table, merged, nearest)


def load_json(folder: Path, path: Path, found: list[BidsFinding]) -> dict[str, Any]:
    """The object of a JSON file; every fault of form is added to `found`, once."""
    file = path.relative_to(folder).as_posix()
    tree, problems = read_sidecar(path)
    for problem in problems:
        one = BidsFinding(
            "json-form", "error", file, None, problem.where or None, problem.what, "correct the JSON file"
        )
        if one not in found:
            found.append(one)
    return tree


def _form_fault(file: str, fault: TableFault) -> BidsFinding:
    remedy = "correct the form of the table: UTF-8, tabs between cells, n/a for what is missing"
    return BidsFinding("tsv-form", "error", file, fault.line, fault.column or None, fault.what, remedy)


def recordings(folder: Path, paths: list[Path], found: list[BidsFinding]) -> list[Recording]:
    """Every `*_nibs.tsv` with its tables; a table of positions or a coordinate system may serve several."""
    made = []
    for path in paths:
        nibs = load(folder, path, kind="nibs", found=found)
        markers = _partner(path, "markers.tsv")
        system = _partner(path, "coordsystem.json")
        made.append(
            Recording(
                nibs=nibs,
                markers=None if markers is None else load(folder, markers, kind="markers", found=found),
                events=tuple(_timelines(folder, path, nibs, found)),
                coordsystem=None if system is None else _coordsystem(folder, system, found),
            )
        )
    return made


def _coordsystem(folder: Path, path: Path, found: list[BidsFinding]) -> Loaded:
    file = path.relative_to(folder).as_posix()
    return Loaded("coordsystem", file, Table((), ()), load_json(folder, path, found), file)


def _partner(path: Path, ending: str) -> Path | None:
    """The file of the same name with another ending, else the one in the folder with the most entities in common."""
    own = set(read_name(path).entities)
    fits = [one for one in path.parent.glob(f"*_{ending}") if set(read_name(one).entities) <= own]
    return max(fits, key=lambda one: (len(read_name(one).entities), one.name), default=None)


def _timelines(folder: Path, path: Path, nibs: Loaded, found: list[BidsFinding]) -> Iterator[Loaded]:
    """The timeline beside the table, and those of recordings of the same session that refer to it."""
    ids = set(nibs.ids("nibs_event_id"))
    own = path.with_name(path.name.replace("_nibs.tsv", "_events.tsv"))
    if own.exists():
        yield load(folder, own, kind="events", found=found)
    for other in sorted(path.parent.parent.glob("*/*_events.tsv")):
        if other.parent != path.parent:
            loaded = load(folder, other, kind="events", found=[])  # the form of other recordings is not our business
            if ids & set(loaded.ids("nibs_event_id")):
                yield loaded
