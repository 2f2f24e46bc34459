"""Records as they come in: strict JSON with units in its keys, every fault at once; then rows of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import attrs

from stimplan import strict_json
from stimplan.errors import LedgerError, Problem
from stimplan.ledger import fields
from stimplan.ledger.forms import forms
from stimplan.ledger.linking import Link, rows_of
from stimplan.ledger.store import Ledger, Written, write, writing
from stimplan.strict_json import Document, JsonPath, show_path

SPONTANEOUS = "spontaneous"


@attrs.frozen
class Field:
    """One key of a record: how its value is read, the column it fills, and whether it has to be there."""

    key: str
    read: fields.Reader
    column: str
    is_required: bool = True


def _need(key: str, read: fields.Reader, column: str = "") -> Field:
    return Field(key, read, column or key)


def _may(key: str, read: fields.Reader, column: str = "") -> Field:
    return Field(key, read, column or key, is_required=False)


def _as_it_is(value: Any) -> Any:
    return value


_REFERENCE = fields.choice("rMT", "aMT", "MSO", "1mV", "phosphene")
_CORRECTION = (_may("corrects", fields.row_number), _may("correction_reason", fields.reason))

# The ranges are wide on purpose: they catch mA for A (both ways) and s for min. 20 mA and 4 h as in
# safety/rules/tes.json. 10 µA is below any sham current, and 1 % below any pulse.
KINDS: dict[str, tuple[Field, ...]] = {
    "person": (_need("person", fields.person), _may("note", fields.text), *_CORRECTION),
    "plan": (
        _need("person", fields.person),
        _need("protocol", _as_it_is),
        _need("prescriber", fields.words),
        _may("note", fields.text),
        *_CORRECTION,
    ),
    "planned-session": (
        _need("plan", fields.row_number),
        _need("number", fields.whole(1, 10_000)),
        _need("start", fields.time, "start_utc"),
        *_CORRECTION,
    ),
    "session": (
        _may("person", fields.person),
        _need("plan", fields.row_number),
        _may("planned", fields.row_number),
        _need("start", fields.time, "start_utc"),
        _need("duration_min", fields.number("min", 0, 240), "duration_s"),
        _may("current_mA", fields.number("mA", 0, 20, but_zero_at_least=0.01), "current_A"),
        _may("intensity_percent", fields.number("percent", 0, 300, but_zero_at_least=1), "intensity_fraction"),
        _may("intensity_reference", _REFERENCE),
        _may("pulses", fields.whole(0, 1_000_000)),
        _may("impedances_kohm", fields.impedances, "impedances_ohm"),
        _may("threshold", fields.row_number),
        _may("hearing_protection", fields.flag),
        _need("operator", fields.words),
        _may("aborted", fields.text),
        _may("note", fields.text),
        *_CORRECTION,
    ),
    "threshold": (
        _need("person", fields.person),
        _need("at", fields.time, "at_utc"),
        _need("value_percent", fields.number("percent", 1, 100), "value_fraction"),
        _need("reference", fields.choice("rMT", "aMT", "1mV", "phosphene")),
        _may("method", fields.text),
        _may("muscle", fields.text),
        _may("coil", fields.words),
        _need("operator", fields.words),
        *_CORRECTION,
    ),
    "adverse-events": (
        _need("person", fields.person),
        _may("session", fields.row_number),
        _need("at", fields.time, "at_utc"),
        _need("form", fields.choice(*(form.id for form in forms()), SPONTANEOUS)),
        _need("answers", _as_it_is),
        *_CORRECTION,
    ),
    "resolution": (
        _need("event", fields.row_number),
        _need("at", fields.time, "at_utc"),
        _need("note", fields.text),
        _need("name", fields.words),
        *_CORRECTION,
    ),
    "override": (
        _need("person", fields.person),
        _may("plan", fields.row_number),
        _need("rule_id", fields.rule_id),
        _need("reason", fields.reason),
        _need("name", fields.words),
        _need("role", fields.words),
        _need("at", fields.time, "at_utc"),
        *_CORRECTION,
    ),
    "retraction": (_need("row", fields.row_number), _need("reason", fields.reason)),
}

_ANSWER = (
    _need("item", fields.words),
    _need("severity", fields.whole(1, 4)),
    _may("relation", fields.whole(1, 5)),
    _may("note", fields.text),
)


def append(ledger: Ledger, kind: str, record: str | Mapping[str, Any], *, by: str) -> tuple[Written, ...]:
    """Check one record and write its rows; they are on disk when this returns.

    Parameters
    ----------
    ledger : Ledger
    kind : str
        "person", "plan", "planned-session", "session", "threshold", "adverse-events", "resolution", "override" or
        "retraction".
    record : str or mapping
        JSON text, or the same as a mapping; keys carry their units.
    by : str
        Who writes it down.

    Returns
    -------
    tuple of Written
        One row; a questionnaire has one for each of its items.

    Raises
    ------
    LedgerError
        `.problems` lists every fault of the record; nothing was written. Also where the file cannot be written.
    """
    return append_all(ledger, [(kind, record)], by=by)


def append_all(
    ledger: Ledger, records: list[tuple[str, str | Mapping[str, Any]]], *, by: str, file: str = ""
) -> tuple[Written, ...]:
    """Write several records in one transaction: all of them, or none if one has a fault; see `append`."""
    is_one = len(records) == 1
    written: list[Written] = []
    problems: list[Problem] = []
    try:
        author = fields.words(by)
    except ValueError as error:
        raise LedgerError(Problem("by", f"who writes this down? {error}")) from None
    with writing(ledger):
        for index, (kind, record) in enumerate(records):
            place = file if is_one else ": ".join(part for part in (file, f"record {index + 1}") if part)
            link = Link(ledger.connection, place)
            rows = _rows(link, kind, record)
            if not link.problems:
                written += write(ledger, rows, by=author)
            problems += link.problems
        if problems:
            raise LedgerError(problems)
    return tuple(written)


def _rows(link: Link, kind: str, record: str | Mapping[str, Any]) -> Any:
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        link.fault((), f"there is no record of kind {kind!r}; there is {', '.join(KINDS)}{hint}")
        return []
    document = strict_json.parse(record) if isinstance(record, str) else strict_json.from_mapping(record)
    link.problems += [attrs.evolve(problem, file=link.file) for problem in document.problems]
    values = _values(link, KINDS[kind], document)
    if kind == "adverse-events" and "answers" in values:
        values["answers"] = _answers(link, values["answers"])
    return rows_of(kind, link, values)


def _values(link: Link, known: tuple[Field, ...], document: Document) -> dict[str, Any]:
    if not document.is_json:
        return {}
    if not isinstance(document.tree, dict):
        link.fault((), "expected a record as a JSON object {…}")
        return {}
    return _read(link, (), known, document.tree)


def _read(link: Link, path: JsonPath, known: tuple[Field, ...], tree: Mapping[str, Any]) -> dict[str, Any]:
    """Values by column of the keys that can be read; every other key becomes a problem."""
    values: dict[str, Any] = {}
    seen = {problem.where for problem in link.problems}
    names = [field.key for field in known]
    for key in tree:
        if key not in names:
            near = get_close_matches(key, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(names)}"
            link.fault((*path, key), f"this key is not known here; {hint}")
    for field in known:
        value = tree.get(field.key)
        if value is None:
            if field.is_required:
                link.fault((*path, field.key), "is missing")
            continue
        try:
            if show_path((*path, field.key)) not in seen:
                values[field.column] = field.read(value)
        except ValueError as error:
            link.fault((*path, field.key), str(error))
    return values


def _answers(link: Link, given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not given:
        link.fault(("answers",), 'expected a list of answers, such as [{"item": "headache", "severity": 1}]')
        return []
    found = []
    for index, answer in enumerate(given):
        if isinstance(answer, dict):
            found.append(_read(link, ("answers", index), _ANSWER, answer))
        else:
            link.fault(("answers", index), f"expected an answer as an object, got {fields.show(answer)}")
    return found
