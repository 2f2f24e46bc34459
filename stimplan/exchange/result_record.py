"""The record of a run, `summary.json`: read so that whatever is missing is named, with the command that makes it.

A folder may be cut off in the middle, be of another version, or lose a file on its way to somebody else. What was
computed is in `field.vtu` and the record; everything else can be drawn again from those two.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import stimplan
from stimplan.errors import InputError, Problem
from stimplan.protocol.library import library_ids

SUMMARY = "summary.json"
RECORD_VERSION = 1


class RecordPart(dict[str, Any]):
    """A mapping of the record; a key that it does not hold is an `InputError` that names its place and the way out."""

    def __init__(self, values: Mapping[str, Any], place: str, folder: Path, whole: Mapping[str, Any]) -> None:
        super().__init__({key: _watched(one, f"{place}.{key}", folder, whole) for key, one in values.items()})
        self._place, self._folder, self._whole = place, folder, whole

    def __missing__(self, key: str) -> Any:
        by = _part(_part(self._whole, "provenance"), "stimplan")
        writer = f"stimplan {by}" if isinstance(by, str) else "a program that does not say which"
        what = (
            f"is not in this record, which {writer} wrote (this is stimplan {stimplan.__version__}): it is of another "
            f"version or was changed; {how_again(self._folder, self._whole)}"
        )
        raise InputError(Problem(f"{self._place}.{key}", what, file=str(self._folder / SUMMARY)))


def read_record(path: Path) -> RecordPart:
    """Read the record of a run, `summary.json`.

    Raises
    ------
    InputError
        It is missing, cut off, of another format, or no record.
    """
    folder = path.parent
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(Problem("", _why_unread(path, error), file=str(path))) from None
    except (ValueError, RecursionError) as error:
        what = f"is no JSON ({error}): cut off or damaged; {how_again(folder)}"
        raise InputError(Problem("", what, file=str(path))) from None
    if not isinstance(tree, dict):
        raise InputError(Problem("", "is not the record of a run", file=str(path)))
    number = tree.get("record_version", RECORD_VERSION)
    if number != RECORD_VERSION:
        newer = isinstance(number, int) and number > RECORD_VERSION
        way = "use a newer stimplan" if newer else how_again(folder, tree)
        what = f"is {number!r}, and stimplan {stimplan.__version__} reads records of version {RECORD_VERSION}; {way}"
        raise InputError(Problem("$.record_version", what, file=str(path)))
    return RecordPart(tree, "$", folder, tree)


def check_as_written(folder: Path, record: Mapping[str, Any], name: str) -> None:
    """Refuse a file whose bytes are not those that the run wrote.

    Nothing is said of a file that the record does not list.

    Raises
    ------
    InputError
        The file is missing, cannot be read, or has another SHA-256 than the record says.
    """
    path, files = folder / name, record.get("files")
    expected = files.get(name) if isinstance(files, Mapping) else None
    if not path.is_file():
        raise InputError(Problem("", f"is not there; {how_again(folder, record)}", file=str(path)))
    if expected is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        what = (
            f"is not as the run wrote it (SHA-256 {found[:16]}, {SUMMARY} says {str(expected)[:16]}): damaged, cut "
            f"off, changed or of another run; {how_again(folder, record)}"
        )
        raise InputError(Problem("", what, file=str(path)))


def how_again(folder: Path, record: Mapping[str, Any] | None = None) -> str:
    """The command that makes a folder again, as far as its record can be read."""
    return f"make it again: {command_again(folder, record)}, with the options it was made with"


def command_again(folder: Path, record: Mapping[str, Any] | None = None) -> str:
    """`stimplan run …`: the protocol's id where it is one of the library, the head, and the mesh's edge."""
    protocol, head = _part(record, "protocol"), _part(record, "head")
    name, edge = _part(protocol, "id"), _part(_part(head, "provenance"), "edge_mm")
    words = ["stimplan", "run", str(name) if name in library_ids() else "PROTOCOL"]
    if isinstance(_part(head, "name"), str):
        words += ["--head", head["name"]]
    if isinstance(edge, int | float | str):
        words += ["--edge-mm", str(edge)]
    if _part(record, "verdict") in ("stop", "unknown"):
        words.append("--even-if-stopped")
    return shlex.join([*words, "--out", str(folder)])


def _part(tree: Any, key: str) -> Any:
    return tree.get(key) if isinstance(tree, Mapping) else None


def _watched(value: Any, place: str, folder: Path, whole: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return RecordPart(value, place, folder, whole)
    if isinstance(value, list):
        return [_watched(one, f"{place}[{number}]", folder, whole) for number, one in enumerate(value)]
    return value


def _why_unread(path: Path, error: OSError) -> str:
    """Why there is no record: a folder that lacks only this file was cut off, for it is the last that a run writes."""
    reason = error.strerror or "cannot be read"
    others = [name for name in ("field.vtu", "field.nii.gz", "report.html") if (path.parent / name).is_file()]
    if isinstance(error, FileNotFoundError) and others:
        return (
            f"is not there although {', '.join(others)} {'are' if len(others) > 1 else 'is'}: the record is the last "
            f"file that a run writes, and this one was not finished or not copied whole; {how_again(path.parent)}"
        )
    return f"{reason}; name the folder of a finished run"
