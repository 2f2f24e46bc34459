"""check_bids: the folders `nibs` of a dataset against the NIBS-BIDS proposal.

What the proposal asks with MUST is an error; what it asks with SHOULD, and what only its corrections of 2026-08-24
changed, is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stimplan.errors import InputError, Problem
from stimplan.exchange.bids.check_links import link_findings
from stimplan.exchange.bids.check_places import place_findings
from stimplan.exchange.bids.check_sets import set_findings
from stimplan.exchange.bids.check_tables import table_findings
from stimplan.exchange.bids.findings import BidsFinding, load, load_json, recordings
from stimplan.exchange.bids.model import ENTITIES
from stimplan.exchange.bids.names import nibs_tables, read_name

_ENDINGS = {
    ("nibs", ".tsv"),
    ("nibs", ".json"),
    ("markers", ".tsv"),
    ("markers", ".json"),
    ("events", ".tsv"),
    ("events", ".json"),
    ("coordsystem", ".json"),
}
_PICTURES = (".jpg", ".png", ".tif")


def check_bids(folder: Path) -> tuple[BidsFinding, ...]:
    """Check a dataset against NIBS-BIDS v6.3.

    Parameters
    ----------
    folder : Path
        Root of the dataset.

    Returns
    -------
    tuple of BidsFinding
        Errors first, each with its file, line, column, rule and remedy; empty where there is nothing to say.

    Raises
    ------
    InputError
        There is no such folder.
    """
    if not folder.is_dir():
        raise InputError(Problem("", "is no folder; name the root of a dataset", file=str(folder)))
    found: list[BidsFinding] = [*_dataset(folder), *_names(folder), *_companions(folder)]
    for recording in recordings(folder, nibs_tables(folder), found):
        found += table_findings(recording.nibs)
        found += set_findings(recording)
        found += place_findings(recording)
        found += link_findings(recording)
    unique = list(dict.fromkeys(found))
    return tuple(sorted(unique, key=lambda one: (one.severity != "error", one.file, one.line or 0)))


def _dataset(folder: Path) -> Iterator[BidsFinding]:
    """The root: a description with a name and a version, and something to check."""
    name = "dataset_description.json"
    if not (folder / name).exists():
        yield BidsFinding("dataset", "error", name, None, None, "is missing", "add it with Name and BIDSVersion")
    else:
        found: list[BidsFinding] = []
        tree = load_json(folder, folder / name, found)
        yield from found
        for key in ("Name", "BIDSVersion"):
            if not found and not isinstance(tree.get(key), str):
                yield BidsFinding("dataset", "error", name, None, key, "is missing", "BIDS requires it, as text")
    if not nibs_tables(folder):
        what = "no sub-*/[ses-*/]nibs/*_nibs.tsv"
        yield BidsFinding("dataset", "error", ".", None, None, what, "name the root of a dataset with a folder nibs")


def _names(folder: Path) -> Iterator[BidsFinding]:
    """Names in the folders nibs: known suffixes, entities in order, the same labels as the folders."""
    for path in sorted([*folder.glob("sub-*/nibs/*"), *folder.glob("sub-*/ses-*/nibs/*")]):
        if path.name.startswith("."):
            continue
        what = _name_fault(path)
        if what:
            file = path.relative_to(folder).as_posix()
            form = "sub-<label>[_ses-<label>]_task-<label>[_acq-<label>][_run-<index>]_<nibs|markers|events|…>"
            yield BidsFinding("file-name", "error", file, None, None, what, f"name it {form}")


def _name_fault(path: Path) -> str:
    name = read_name(path)
    is_ours = (name.suffix, name.extension) in _ENDINGS
    is_extra = name.suffix == "headshape" or (name.suffix == "photo" and name.extension in _PICTURES)
    if not is_ours and not is_extra:
        return f"{name.suffix + name.extension!r} is no ending of a file in nibs"
    return _entity_fault(path, name.entities)


def _entity_fault(path: Path, entities: tuple[tuple[str, str], ...]) -> str:
    keys = [key for key, _ in entities]
    if "stimsys" in keys:
        return "the entity stimsys was given up with v6.3 for the column nibs_type"
    unknown = [key for key in keys if key not in ENTITIES]
    if unknown:
        return f"{unknown[0]!r} is no entity of these files"
    labels = dict(entities)
    if keys != sorted(set(keys), key=ENTITIES.index) or not {"sub", "task"} <= set(labels):
        return f"the entities should come as {', '.join(ENTITIES)}, each once; sub and task are required"
    wrong = [label for label in labels.values() if not re.fullmatch(r"[0-9A-Za-z+]+", label)]
    if wrong:
        return f"the label {wrong[0]!r} is not made of letters and digits"
    folders = {part.partition("-")[0]: part.partition("-")[2] for part in path.parent.parts[-3:-1] if "-" in part}
    have = {key: label for key, label in labels.items() if key in ("sub", "ses")}
    want = {key: label for key, label in folders.items() if key in ("sub", "ses")}
    return "" if have == want else f"{have} does not fit its folder, {want}"


def _companions(folder: Path) -> Iterator[BidsFinding]:
    """Tables of positions and timelines that no *_nibs.tsv goes with, and tables without a sidecar."""
    folders = sorted([*folder.glob("sub-*/nibs"), *folder.glob("sub-*/ses-*/nibs")])
    for path in [path for one in folders for path in sorted(one.glob("*.tsv"))]:
        name = read_name(path)
        if name.suffix not in ("nibs", "markers", "events"):
            continue
        loaded = load(folder, path, kind=name.suffix, found=[])
        if not loaded.sidecar_file:
            remedy = f"add {path.stem}.json with the units and the meaning of the columns"
            yield loaded.error("sidecar", "has no sidecar", remedy)
        owners = [one for one in path.parent.glob("*_nibs.tsv") if set(name.entities) <= set(read_name(one).entities)]
        if name.suffix != "nibs" and not owners:
            yield loaded.error("companion", "no *_nibs.tsv goes with it", "add the table of the stimulation parameters")
