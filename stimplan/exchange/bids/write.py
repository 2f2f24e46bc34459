"""write_bids: a protocol, a placement and a session record -> a NIBS-BIDS dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import attrs

from stimplan import __version__
from stimplan.errors import InputError, Problem
from stimplan.exchange.bids.electric import write_electric
from stimplan.exchange.bids.files import add_files
from stimplan.exchange.bids.magnetic import NERVE, with_thresholds, write_magnetic
from stimplan.exchange.bids.model import Entities, SessionRecord
from stimplan.exchange.bids.names import read_name
from stimplan.exchange.bids.sheets import Sheets, cells, present
from stimplan.exchange.bids.tables import Table, cell_parts, held_text, read_table, sidecar_text, table_text
from stimplan.exchange.bids.view import bids_view, is_mni
from stimplan.exchange.bids.vocabulary import (
    BIDS_VERSION,
    COLUMNS,
    DELIMITER,
    LEVELS,
    NIBS_BIDS_TEXT,
    NIBS_TYPES,
    column,
)
from stimplan.protocol import Protocol, dump_protocol

if TYPE_CHECKING:
    from stimplan.placement import Placement

PLANS = "sourcedata/stimplan"
# The validator of BIDS does not know the folder yet and would stop at it.
IGNORED = "**/nibs"


def write_bids(
    protocol: Protocol,
    folder: Path,
    *,
    placement: Placement | None = None,
    record: SessionRecord | None = None,
    entities: Entities | None = None,
    force: bool = False,
) -> tuple[Path, ...]:
    """Write one session of a protocol as NIBS-BIDS, into a new dataset or an existing one.

    The tables hold `bids_view(protocol)`. The protocol file itself is put into `sourcedata/stimplan`, which BIDS
    leaves to its users, so that nothing of the plan is lost; `not_carried` lists what is only there.

    Parameters
    ----------
    protocol : Protocol
    folder : Path
        Root of the dataset.
    placement : Placement, optional
        Where the electrodes lie on a head; their centres and axes are then in the table of positions.
    record : SessionRecord, optional
        What was delivered. Without it the tables hold the plan.
    entities : Entities, optional
        Participant, session, task; `sub-01`, `task-rest` where left out.
    force : bool
        Replace the tables of the same name.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    InputError
        The stimulation cannot be said in NIBS-BIDS, the record does not fit it, or files are there already.
    """
    names = entities or Entities()
    sheets = _all_sheets(protocol, placement)
    if record is not None:
        _add_record(sheets, record)
    texts: dict[str, str] = {}
    stems = []
    for number, one in enumerate(sheets, start=1):
        run = attrs.evolve(names, run=number if len(sheets) > 1 else None)
        stems.append(str(PurePosixPath("nibs", run.stem)))
        texts |= _session_files(one, run, protocol, placement)
    texts[f"{PLANS}/{names.stem}_protocol.json"] = dump_protocol(protocol)
    there = [path.relative_to(folder).as_posix() for path in (folder / names.folder / "nibs").glob(f"{names.stem}_*")]
    there = [name for name in there if _is_of(name, names)]
    taken = sorted({*(name for name in texts if (folder / name).exists()), *there})
    if taken and not force:
        what = "is there already; choose another session, task or folder, or replace it with force"
        raise InputError([Problem("", what, file=name) for name in taken])
    texts |= _shared_files(folder, names, protocol)
    texts |= _scans(folder, names, stems, record)
    add_files(folder, texts, without=sorted(set(there) - set(texts)))
    return tuple(folder / name for name in texts)


def _is_of(name: str, names: Entities) -> bool:
    """Whether a file is a table of this session, task and acquisition, of whatever run."""
    found = dict(read_name(PurePosixPath(name)).entities)
    found.pop("run", None)
    return "_".join(f"{key}-{label}" for key, label in found.items()) == names.stem


def _all_sheets(protocol: Protocol, placement: Placement | None) -> list[Sheets]:
    view = bids_view(protocol, placement=placement)
    if protocol.electric is not None:
        return [write_electric(view, placement)]
    if placement is not None and placement.protocol_digest != protocol.digest:
        raise InputError("the placement belongs to another protocol")
    return write_magnetic(view)


def _session_files(sheets: Sheets, names: Entities, protocol: Protocol, placement: Placement | None) -> dict[str, str]:
    """The tables of one run with their sidecars."""
    base = str(names.folder / "nibs" / names.stem)
    head: dict[str, Any] = {}
    title = held_text(protocol.title, in_cell=False)
    if title is not None:
        head["NIBSDescription"] = title
    head |= {"ConcurrentModalities": ["none"], "IntendedFor": f"bids::{base}_events.tsv", "TaskName": names.task}
    tables = {"nibs": sheets.nibs, "markers": sheets.markers, "events": sheets.events}
    texts = {}
    for kind, rows in tables.items():
        order = _columns(kind, rows)
        notes = sheets.notes if kind == "nibs" else {}
        described = {name: _described(kind, name, rows, notes.get(name, {})) for name in order}
        texts[f"{base}_{kind}.tsv"] = table_text(order, rows)
        texts[f"{base}_{kind}.json"] = sidecar_text(
            {**head, **sheets.sets, **described} if kind == "nibs" else described
        )
    if any(name.endswith(("centre_x", "target_x")) for row in sheets.markers for name in row):
        texts[f"{base}_coordsystem.json"] = sidecar_text(_coordinates(placement))
    return texts


def _columns(kind: str, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Columns that have something to say, in the proposal's order; the layers of a pattern after the waveform."""
    used = {name for row in rows for name in row}
    known = list(COLUMNS[kind])
    layers = sorted(
        (name for name in used if name not in known), key=lambda name: (int(name[7 : name.index("_")]), name)
    )
    place = known.index("intensity_reference") if kind == "nibs" else len(known)
    order = [*known[:place], *layers, *known[place:]]
    return [name for name in order if name in used]


def _described(kind: str, name: str, rows: Sequence[Mapping[str, str]], more: Mapping[str, Any]) -> dict[str, Any]:
    """Description of one column: words, unit or format, levels, delimiter."""
    known = column(kind, name)
    assert known is not None
    about: dict[str, Any] = {"LongName": name.replace("_", " ").capitalize(), "Description": known.text}
    if name == next(iter(COLUMNS[kind])):
        about["Description"] += f" ({NIBS_BIDS_TEXT})"
    if known.kind == "number":
        about |= {"Units": known.unit} if known.unit else {"Format": "number"}
    used = {part for row in rows for part in cell_parts(row, name)}
    if name in LEVELS:
        about["Levels"] = {word: NIBS_TYPES.get(word, word) for word in LEVELS[name] if word in used}
    about |= more
    if (any(DELIMITER in row.get(name, "") for row in rows) and known.kind == "number") or _is_list(name, rows):
        about["Delimiter"] = DELIMITER
    return about


def _is_list(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether a column of names or words has several in a cell; texts in words are never split."""
    lists = ("nibs_element_id", "nibs_position_id", "intensity_reference", "intensity_scaling")
    return name in lists and any(DELIMITER in row.get(name, "") for row in rows)


def _coordinates(placement: Placement | None) -> dict[str, Any]:
    """The coordinate system of the positions and targets."""
    axes = "x right, y front, z up"
    if placement is None:
        name, about = (
            "Other",
            f"MNI coordinates ({axes}), mm, as the protocol has them; of which template it does not say",
        )
    elif placement.head.name == "colin27" and is_mni(placement.head):
        name, about = "MNIColin27", f"Coordinates of the Colin27 head (MNI space, {axes}), mm"
    else:
        name, about = "Other", f"Own coordinates of the head model {placement.head.name!r} ({axes}), mm"
    return {"NIBSCoordinateSystem": name, "NIBSCoordinateUnits": "mm", "NIBSCoordinateSystemDescription": about}


def _add_record(sheets: Sequence[Sheets], record: SessionRecord) -> None:
    """What was delivered, into the rows; every reason why it does not fit is listed."""
    rows = [(one, row) for one in sheets for row in one.nibs if not row["nibs_event_id"].endswith(NERVE)]
    elements = sum(len(cell_parts(row, "nibs_element_id")) for _, row in rows)
    problems = list(_record_problems(record, deliveries=len(rows), elements=elements))
    if problems:
        raise InputError(problems)
    impedances = list(record.impedances_ohm)
    told = present(
        {
            "timestamp": record.start,
            "status": held_text(record.status),
            "status_description": held_text(record.status_description),
            "subject_feedback": held_text(record.subject_feedback),
            "stimulus_validation": record.validation,
        }
    )
    for (one, row), lasts in zip(rows, record.durations_s, strict=True):
        row.update(told)
        if impedances:
            own = [impedances.pop(0) for _ in cell_parts(row, "nibs_element_id")]
            row["contact_impedance"] = cells(own, "kohm")
        for event in one.events:
            if event["nibs_event_id"] == row["nibs_event_id"]:
                event["duration"] = cells([lasts], "s")
    for one in sheets:
        with_thresholds(one, record.thresholds)


def _record_problems(record: SessionRecord, *, deliveries: int, elements: int) -> Iterator[Problem]:
    if held_text(record.status) is None:
        yield Problem("record.status", "says nothing; write how the session ended, such as 'completed'")
    if len(record.durations_s) != deliveries:
        yield Problem(
            "record.durations_s", f"expected {deliveries}, one for each delivery, got {len(record.durations_s)}"
        )
    if record.impedances_ohm and len(record.impedances_ohm) != elements:
        what = f"expected {elements}, one for each electrode, got {len(record.impedances_ohm)}"
        yield Problem("record.impedances_ohm", what)
    if record.validation is not None and record.validation not in LEVELS["stimulus_validation"]:
        known = ", ".join(LEVELS["stimulus_validation"])
        yield Problem("record.validation", f"{record.validation!r} is not known; there is {known}")
    try:
        datetime.fromisoformat(record.start or "2000-01-01")
    except ValueError:
        yield Problem("record.start", f"{record.start!r} is no ISO 8601 time, such as 2026-03-01T09:30:00")


def _shared_files(folder: Path, names: Entities, protocol: Protocol) -> dict[str, str]:
    """Files of the whole dataset: made where they are missing, completed where they lack this participant."""
    texts = {}
    if not (folder / "dataset_description.json").exists():
        made_by = {
            "Name": "stimplan",
            "Version": __version__,
            "Description": f"Folders nibs/ follow the {NIBS_BIDS_TEXT}",
        }
        about: dict[str, Any] = {"Name": held_text(protocol.title) or protocol.id, "BIDSVersion": BIDS_VERSION}
        about |= {"DatasetType": "raw", "Authors": []}  # only the people who collect the data know their names
        texts["dataset_description.json"] = sidecar_text({**about, "GeneratedBy": [made_by]})
    if not any(folder.glob("README*")):
        texts["README.md"] = _readme(protocol)
    ignored = _text_of(folder / ".bidsignore")
    if IGNORED not in ignored.splitlines():
        texts[".bidsignore"] = ignored + ("" if ignored.endswith("\n") or not ignored else "\n") + IGNORED + "\n"
    row = {"participant_id": f"sub-{names.subject}"}
    return texts | _with_rows(folder, "participants.tsv", "participant_id", [row])


def _scans(folder: Path, names: Entities, stems: Sequence[str], record: SessionRecord | None) -> dict[str, str]:
    """The tables in the session's list of recordings, which is where an offline stimulation is noted."""
    ses = "" if names.session is None else f"_ses-{names.session}"
    path = str(names.folder / f"sub-{names.subject}{ses}_scans.tsv")
    start = record.start if record is not None and record.start is not None else "n/a"
    rows = [{"filename": f"{stem}_nibs.tsv", "acq_time": start} for stem in stems]

    def is_old(name: str) -> bool:
        return name.startswith("nibs/") and _is_of(name.removeprefix("nibs/"), names)

    return _with_rows(folder, path, "filename", rows, is_old=is_old)


def _with_rows(
    folder: Path, path: str, key: str, rows: Sequence[dict[str, str]], *, is_old: Callable[[str], bool] | None = None
) -> dict[str, str]:
    """A table of the dataset with rows replaced, added and, where they are old, left out; {} where nothing changes."""
    old, faults = read_table(folder / path) if (folder / path).exists() else (Table((), ()), [])
    if faults:
        raise InputError([Problem(f"line {fault.line}", fault.what, file=path) for fault in faults])
    known = {row.get(key): row for row in old.rows}
    merged = {row[key]: {**known.get(row[key], {}), **row} for row in rows}
    left = [row for row in old.rows if row.get(key) in merged or is_old is None or not is_old(row.get(key, ""))]
    columns = list(dict.fromkeys([*old.columns, *(name for row in rows for name in row)]))
    new = [merged.pop(row.get(key, ""), row) for row in left]
    new += merged.values()
    return {} if columns == list(old.columns) and new == list(old.rows) else {path: table_text(columns, new)}


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _readme(protocol: Protocol) -> str:
    return f"""# {protocol.title or protocol.id}

Brain stimulation, planned and written with stimplan {__version__}.

* Folders `nibs/` follow the {NIBS_BIDS_TEXT} (https://github.com/nigelrogasch/nibs-bids).
  It is not part of BIDS yet, so `.bidsignore` keeps the BIDS validator out of them; `stimplan bids check` checks them.
* `{PLANS}/` has the protocol files of stimplan. They also hold what NIBS-BIDS has no words for: the course of
  sessions, the sham arm, the evidence and its source.
* Where no session record was written, the tables hold the plan, and thresholds that were not measured are `n/a`.

This is a research tool, not a medical device.
"""
