"""read_protocol: file, text, mapping or library id -> Protocol, with every problem at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import attrs

from stimplan import strict_json
from stimplan.errors import Problem, ProtocolError
from stimplan.montage import Electrode, Point, Source
from stimplan.protocol.consistency import consistency_faults
from stimplan.protocol.library import library_ids, library_path
from stimplan.protocol.model import Course, Protocol, Target, Waveform
from stimplan.protocol.schema_check import Fault, schema_faults
from stimplan.protocol.schemas import NEWEST_VERSION, known_versions, schema
from stimplan.sites import layer_from_file, resolve_site, shape_from_file
from stimplan.strict_json import Document, JsonPath, show_path
from stimplan.units import to_si


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
        In SI. Old site names (T3, T4, T5, T6) are replaced by T7, T8, P7, P8.

    Raises
    ------
    ProtocolError
        `.problems` lists every fault, each with its JSON path: not JSON, NaN, repeated keys, unknown keys, wrong
        types, implausible units, currents that do not sum to zero, unknown sites, overlapping electrodes, …
    """
    document, file = _open(source)
    problems = list(document.problems)
    if document.is_json:
        seen = {problem.where for problem in problems}
        found = [fault for fault in _faults(document.tree) if show_path(fault.path) not in seen]
        problems += [Problem(where=show_path(fault.path), what=fault.what, file=file) for fault in found]
    if problems:
        raise ProtocolError(_in_document_order(problems, document.tree))
    return _build(document.tree)


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
    hint = f"did you mean {', '.join(map(repr, near))}?" if near else f"the library has {', '.join(ids)}"
    return f"{strict_json.shorten(name)!r} is neither a file nor a protocol of the library; {hint}"


def _faults(tree: Any) -> list[Fault]:
    """Every fault of a tree; where its version is not known, only that."""
    if not isinstance(tree, dict):
        names = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
        return [Fault((), f"expected a protocol as a JSON object {{…}}, got {names.get(type(tree), 'a number')}")]
    version = tree.get("schema_version")
    if isinstance(version, int) and not isinstance(version, bool) and version not in known_versions():
        what = f"file format {version} is not known; this program reads {', '.join(map(str, known_versions()))}"
        return [Fault(("schema_version",), what + ("; a newer stimplan may" if version > NEWEST_VERSION else ""))]
    faults = schema_faults(tree, schema())
    judged = {fault.path for fault in faults}
    return faults + [fault for fault in consistency_faults(tree) if fault.path not in judged]


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


def _build(tree: Mapping[str, Any]) -> Protocol:
    """Protocol of a tree without faults."""
    stimulation, course = tree["stimulation"], tree["course"]
    waveform = stimulation["waveform"]
    return Protocol(
        id=tree["id"],
        title=tree["title"],
        modality=tree["modality"],
        electrodes=tuple(_electrode(record) for record in stimulation["electrodes"]),
        waveform=Waveform(
            duration_s=to_si(waveform["duration_min"], "min"),
            ramp_up_s=_optional(waveform["ramp_up_s"], "s"),
            ramp_down_s=_optional(waveform["ramp_down_s"], "s"),
        ),
        course=Course(
            sessions=int(course["sessions"]),
            sessions_per_day=None if course["sessions_per_day"] is None else int(course["sessions_per_day"]),
            min_gap_s=_optional(course["min_gap_h"], "h"),
            schedule=course["schedule"],
        ),
        purpose=tree.get("purpose"),
        indication=tree.get("indication"),
        population=tree.get("population"),
        target=_target(tree.get("target")),
        source=None if tree.get("source") is None else Source(**tree["source"]),
        certainty=tree.get("certainty", {}).items(),
    )


def _optional(value: Any, suffix: str) -> float | None:
    return None if value is None else to_si(value, suffix)


def _electrode(record: Mapping[str, Any]) -> Electrode:
    site = record["site"]
    electrode = Electrode(
        site=resolve_site(site) if isinstance(site, str) else _point(site["position_mm"]),
        shape=shape_from_file(record["shape"]),
        layers=tuple(layer_from_file(layer) for layer in record["layers"]),
        current_A=to_si(record["current_mA"], "mA"),
        product=record.get("product"),
    )
    if "label" not in record:
        return electrode
    return attrs.evolve(electrode, label=record["label"])


def _point(position_mm: list[Any]) -> Point:
    x, y, z = (to_si(value, "mm") for value in position_mm)
    return x, y, z


def _target(record: Mapping[str, Any] | None) -> Target | None:
    if record is None:
        return None
    return Target(
        label=record["label"],
        mni_m=None if record["mni_mm"] is None else _point(record["mni_mm"]),
        radius_m=_optional(record["radius_mm"], "mm"),
    )
