"""read_bids: the stimulations of a dataset as values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from stimplan.errors import InputError, Problem
from stimplan.exchange.bids.electric import TECHNIQUES, read_electric
from stimplan.exchange.bids.leftovers import leftovers
from stimplan.exchange.bids.magnetic import MSO, NERVE
from stimplan.exchange.bids.magnetic_read import read_magnetic
from stimplan.exchange.bids.model import BidsSession, Entities, SessionRecord
from stimplan.exchange.bids.names import FileName, inherited, nibs_tables, read_name
from stimplan.exchange.bids.sheets import NotUnderstood, Source, by_id, exact_numbers, read_point, si_exact
from stimplan.exchange.bids.tables import Row, Table, cell_parts, held_text, read_sidecar, read_table
from stimplan.exchange.bids.view import THRESHOLDS, BidsView, bids_view, differences, not_carried, protocol_from
from stimplan.exchange.bids.write import PLANS
from stimplan.protocol import Protocol, Target, protocol_tree, read_protocol
from stimplan.units import to_si


def read_bids(folder: Path) -> tuple[BidsSession, ...]:
    """Every stimulation that the `nibs` folders of a dataset describe.

    A stimulation is one row of *_nibs.tsv, or several rows whose ids end in `_1`, `_2`, …: the channels of temporal
    interference, or the blocks of a magnetic session, which may go on in the files of the next run.

    Parameters
    ----------
    folder : Path
        Root of the dataset.

    Returns
    -------
    tuple of BidsSession
        In the order of the file names; each says what it does not understand and what it does not carry.

    Raises
    ------
    InputError
        There is no such table, or a file is no table or no JSON; every such fault is listed.
    """
    paths = nibs_tables(folder)
    if not paths:
        raise InputError(Problem("", "holds no sub-*/[ses-*/]nibs/*_nibs.tsv", file=str(folder)))
    problems: list[Problem] = []
    sources = [(read_name(path), _source(folder, path, problems)) for path in paths]
    if problems:
        raise InputError(problems)
    groups: dict[tuple[Entities, str], list[tuple[Source, Row]]] = {}
    for name, source in sources:
        for row in source.nibs:
            if not _is_nerve(row):
                key = (attrs.evolve(_entities(name), run=None), _base(row, source))
                groups.setdefault(key, []).append((source, row))
    return tuple(_session(folder, key[0], key[1], parts) for key, parts in groups.items())


def _is_nerve(row: Row) -> bool:
    return row.get("nibs_type") == "PNS" and row.get("nibs_event_id", "").endswith(NERVE)


def _base(row: Row, source: Source) -> str:
    """Id of the protocol a row belongs to: its own without the number of the channel or block."""
    name = row.get("nibs_event_id", "n/a")
    return re.sub(r"_[0-9]+$", "", name)


def _entities(name: FileName) -> Entities:
    found = dict(name.entities)
    run = found.get("run", "")
    return Entities(
        found.get("sub", "01"),
        session=found.get("ses"),
        task=found.get("task", "rest"),
        acquisition=found.get("acq"),
        run=int(run) if run.isdigit() else None,
    )


def _source(folder: Path, path: Path, problems: list[Problem]) -> Source:
    """Everything that belongs to one *_nibs.tsv."""
    stem = path.name.removesuffix("_nibs.tsv")
    nibs = _table(path, problems)
    markers = _table(path.with_name(f"{stem}_markers.tsv"), problems)
    events_path = path.with_name(f"{stem}_events.tsv")
    if not events_path.exists():  # with a recording, its timeline is the stimulation's too
        events_path = next(iter(sorted(path.parent.parent.glob(f"*/{stem}_events.tsv"))), events_path)
    events = _table(events_path, problems)
    sidecars = [
        _sidecar(folder, path, problems),
        _sidecar(folder, path.with_name(f"{stem}_markers.tsv"), problems),
    ]
    return Source(
        file=path.relative_to(folder).as_posix(),
        nibs=nibs.rows,
        markers=_keyed(markers.rows, "nibs_position_id"),
        events=_keyed(events.rows, "nibs_event_id"),
        deliveries=Counter(row.get("nibs_event_id", "n/a") for row in events.rows),
        sidecar=sidecars[0],
        marker_sidecar=sidecars[1],
    )


def _keyed(rows: Iterable[Row], key: str) -> dict[str, Row]:
    """Rows by their id; of several deliveries the first."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row.get(key, "n/a"), row)
    return found


def _table(path: Path, problems: list[Problem]) -> Table:
    if not path.exists():
        return Table((), ())
    table, faults = read_table(path)
    problems += [
        Problem(f"line {fault.line}{f', {fault.column}' if fault.column else ''}", fault.what, file=str(path))
        for fault in faults
    ]
    return table


def _sidecar(folder: Path, path: Path, problems: list[Problem]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for one in inherited(folder, path):
        tree, faults = read_sidecar(one)
        problems += faults
        merged |= tree
    return merged


def _session(folder: Path, names: Entities, base: str, parts: Sequence[tuple[Source, Row]]) -> BidsSession:
    """One stimulation, with the planned protocol where the dataset keeps it."""
    if len(parts) == 1:
        own = parts[0][1]["nibs_event_id"]
        base = own if not (folder / PLANS / f"{names.stem}_protocol.json").exists() else base
    plan = _plan(folder, names, base)
    try:
        view = _view(base, parts)
        record = _record(parts)
    except NotUnderstood as fault:
        return BidsSession(names, None, not_understood=(fault.problem,), protocol=plan)
    except InputError as error:  # currents that do not balance, and the like
        problems = tuple(attrs.evolve(one, file=parts[0][0].file) for one in error.problems)
        return BidsSession(names, None, not_understood=problems, protocol=plan)
    more = leftovers(parts, view.stimulation)
    if plan is None:
        return BidsSession(names, view, not_understood=more, record=record)
    return BidsSession(
        names,
        view,
        not_understood=more,
        record=record,
        protocol=plan,
        differences=_disagreements(view, plan),
        not_carried=not_carried(plan),
    )


def _plan(folder: Path, names: Entities, base: str) -> Protocol | None:
    path = folder / PLANS / f"{names.stem}_protocol.json"
    if not path.exists():
        return None
    plan = read_protocol(path)
    return plan if plan.id == base else None


def _disagreements(view: BidsView, plan: Protocol) -> tuple[str, ...]:
    planned = protocol_tree(protocol_from(bids_view(plan), course=plan.course))
    found = protocol_tree(protocol_from(view, course=plan.course))
    return tuple(dict.fromkeys([*differences(found, planned), *differences(planned, found)]))


def _view(base: str, parts: Sequence[tuple[Source, Row]]) -> BidsView:
    source, row = parts[0]
    about = source.sidecar.get("NIBSDescription")
    description = held_text(about, in_cell=False) if isinstance(about, str) else None
    kind = row.get("nibs_type")
    if kind == "TMS":
        stimulation, target = read_magnetic(parts)
        return BidsView(base, description, "TMS", stimulation, target)
    if kind != "tES":
        raise NotUnderstood(source, "nibs_type", f"stimplan has no protocols of the type {kind!r}")
    if len({part.file for part, _ in parts}) > 1:
        raise NotUnderstood(source, "nibs_event_id", "channels in several files")
    electric = read_electric(source, [row for _, row in parts])
    return BidsView(base, description, TECHNIQUES[electric.waveform.type], electric, _target(source, row))


def _target(source: Source, row: Row) -> Target | None:
    event = source.events.get(row["nibs_event_id"], {})
    markers = [source.markers.get(place, {}) for place in cell_parts(event, "nibs_position_id")]
    labels = [held_text(marker.get("target_label")) for marker in markers]
    points = [read_point(source, marker, "target") for marker in markers]
    label = next((one for one in labels if one is not None), None)
    return None if label is None else Target(label, next((one for one in points if one is not None), None), None)


def _record(parts: Sequence[tuple[Source, Row]]) -> SessionRecord | None:
    """What was delivered, where the rows have a status."""
    source, row = parts[0]
    status = held_text(row.get("status"))
    if status is None:
        return None
    durations, impedances = [], []
    for own, one in parts:
        event = own.events.get(one["nibs_event_id"], {})
        lasts = exact_numbers(own, event, "duration")
        durations += [to_si(value, "s") for value in lasts[:1]]
        impedances += _impedances(own, one)
    return SessionRecord(
        status=status,
        durations_s=tuple(durations),
        start=held_text(row.get("timestamp")),
        status_description=held_text(row.get("status_description")),
        subject_feedback=held_text(row.get("subject_feedback")),
        validation=held_text(row.get("stimulus_validation")),
        impedances_ohm=tuple(impedances),
        thresholds=_thresholds(source.sidecar),
    )


def _impedances(source: Source, row: Row) -> list[float]:
    return [to_si(value, "kohm") for value in si_exact(source, row, "contact_impedance")]


def _thresholds(sidecar: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    found = []
    for name, entry in by_id(sidecar.get("IntensitySet"), "IntensityID").items():
        value = entry.get("Value")
        if name in THRESHOLDS and entry.get("Units") == MSO and isinstance(value, int | Decimal):
            found.append((name, to_si(value, "percent")))
    return tuple(found)
