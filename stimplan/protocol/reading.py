"""read_protocol: file, text, mapping or library id -> Protocol, with every problem at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from stimplan import strict_json
from stimplan.errors import Problem, ProtocolError
from stimplan.protocol.consistency import consistency_faults, meant_modality, total_faults
from stimplan.protocol.layout import PROTOCOL
from stimplan.protocol.library import library_ids, library_path
from stimplan.protocol.migration import migrate_tree
from stimplan.protocol.model import Protocol
from stimplan.protocol.schema_check import Fault, is_integer, schema_faults
from stimplan.protocol.schemas import NEWEST_VERSION, known_versions, schema
from stimplan.protocol.writing import dump_protocol
from stimplan.strict_json import Document, JsonPath, show_path


def read_protocol(source: str | Path | Mapping[str, Any]) -> Protocol:
    """Read a protocol strictly.

    Parameters
    ----------
    source : str, Path or mapping
        Id of a protocol of the library (`"select-tdcs"`), path of a JSON file, JSON text (a string that starts with
        `{`), or the same as a mapping.

    Returns
    -------
    Protocol
        In SI, of the newest version; an older file is brought up to it.
        Old site names (T3, T4, T5, T6) are replaced by T7, T8, P7, P8.

    Raises
    ------
    ProtocolError
        `.problems` lists every fault, each with its JSON path: not JSON, NaN, repeated keys, unknown keys, wrong
        types, implausible units, currents that do not sum to zero, unknown sites, overlapping electrodes, …
    """
    return _checked(*_open(source))


def as_protocol(source: Protocol | str | Path | Mapping[str, Any]) -> Protocol:
    """A protocol as it is, or what `read_protocol` makes of an id, a path, JSON or a mapping.

    Raises
    ------
    ProtocolError
        It is none of these, or has faults.
    """
    return source if isinstance(source, Protocol) else read_protocol(source)


def _checked(document: Document, file: str) -> Protocol:
    """The protocol of a document, or all its problems."""
    problems = list(document.problems)
    if document.is_json:
        seen = {problem.where for problem in problems}
        found = [fault for fault in _faults(document.tree) if show_path(fault.path) not in seen]
        problems += [Problem(where=show_path(fault.path), what=fault.what, file=file) for fault in found]
    if problems:
        raise ProtocolError(_in_document_order(problems, document.tree))
    protocol: Protocol = PROTOCOL.read(migrate_tree(document.tree))
    differing = [Problem(where=show_path(one.path), what=one.what, file=file) for one in total_faults(protocol)]
    if differing:
        raise ProtocolError(differing)
    return protocol


def migrate_text(text: str, *, file: str = "") -> str:
    """Text of a protocol file of any known version as a file of the newest one.

    Parameters
    ----------
    text : str
        JSON text; one that is of the newest version already comes back as it is.
    file : str
        Its name, for the problems.

    Raises
    ------
    ProtocolError
        The text is no sound protocol.
    """
    document = strict_json.parse(text, file=file)
    protocol = _checked(document, file)
    return text if document.tree["schema_version"] == NEWEST_VERSION else dump_protocol(protocol)


def _open(source: str | Path | Mapping[str, Any]) -> tuple[Document, str]:
    """The JSON tree of a source, and its file name as the user gave it."""
    if isinstance(source, Mapping):
        return strict_json.from_mapping(source), ""
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return strict_json.parse(source), ""
    if not isinstance(source, str | Path):
        kind = type(source).__name__
        raise ProtocolError(f"cannot read a protocol from a {kind}; expected a library id, a path, JSON or a mapping")
    file = str(source)
    path = _path_of(source)
    if path is None:
        raise ProtocolError(_no_such_protocol(file))
    text, problems = strict_json.read_bytes(path, file=file)
    if problems:
        return Document(tree=None, problems=problems, is_json=False), file
    return strict_json.parse(text, file=file), file


def _path_of(source: str | Path) -> Path | None:
    """Where a name leads: an existing file or folder first, then the library; a Path is always a path."""
    if isinstance(source, Path):
        return source
    try:
        path = Path(source)
        is_there = bool(source) and path.exists()
    except (OSError, ValueError):  # too long, or with a character no path may have
        return None
    if source in library_ids() and not path.is_file():
        return library_path(source)
    if is_there or re.search(r"[/\\]|\.json$", source):
        return path
    return None


def _no_such_protocol(name: str) -> str:
    ids = library_ids()
    near = get_close_matches(name.lower(), ids, n=3, cutoff=0.4)
    hint = (
        f"did you mean {', '.join(map(repr, near))}?" if near else f"the library has {len(ids)}, see stimplan protocols"
    )
    return f"{strict_json.shorten(name)!r} is neither a file nor a protocol of the library; {hint}"


def _faults(tree: Any) -> list[Fault]:
    """Every fault of a tree; where its version is not known, only that."""
    if not isinstance(tree, dict):
        names = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
        return [Fault((), f"expected a protocol as a JSON object {{…}}, got {names.get(type(tree), 'a number')}")]
    version = tree.get("schema_version")
    if not is_integer(version):
        version = NEWEST_VERSION  # its schema says what is wrong with the version
    elif version not in known_versions():
        what = f"file format {version} is not known; this program reads {', '.join(map(str, known_versions()))}"
        return [Fault(("schema_version",), what + ("; a newer stimplan may" if version > NEWEST_VERSION else ""))]
    faults, meant = [], meant_modality(tree)
    if meant is not None:
        what = f"the stimulation described is {meant}, but this says {tree['modality']!r}; write {meant!r}"
        faults, tree = [Fault(("modality",), what)], {**tree, "modality": meant}
    faults += schema_faults(tree, schema(int(version)))
    judged = {fault.path for fault in faults}
    newest = migrate_tree({**tree, "schema_version": version})  # a step leaves every place where it was
    return faults + [fault for fault in consistency_faults(newest) if fault.path not in judged]


def _in_document_order(problems: list[Problem], tree: Any) -> list[Problem]:
    """Problems in the order of the file; what is missing comes at the end of its object."""
    order: dict[str, int] = {}
    _number(tree, (), order)

    def place(problem: Problem) -> tuple[int, int]:
        where = problem.where
        if where in order:
            return order[where], 0
        while where and where not in order:
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return order.get(where + "/end", len(order)), 1

    return sorted(problems, key=place)


def _number(value: Any, path: JsonPath, order: dict[str, int]) -> None:
    where = show_path(path)
    order[where] = len(order)
    if len(path) < 16:
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in children:
            _number(item, (*path, key), order)
    order[where + "/end"] = len(order)
