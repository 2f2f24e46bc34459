"""What a record has to fit to in the ledger: the people, plans and rows it names. Reads inside the write lock."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from stimplan.errors import Problem, ProtocolError
from stimplan.ledger.chain import predecessors
from stimplan.ledger.forms import ABSENT, OTHER, form_named, forms
from stimplan.ledger.store import Row
from stimplan.ledger.times import from_utc_text, utc_text
from stimplan.strict_json import JsonPath, show_path

Values = dict[str, Any]
_IS_CURRENT = "NOT EXISTS (SELECT 1 FROM chain AS later WHERE later.corrects = {table}.seq)"


@attrs.define
class Link:
    """A record on its way in: the ledger it is compared with, and the problems found so far."""

    connection: sqlite3.Connection
    file: str = ""
    problems: list[Problem] = attrs.field(factory=list)

    def fault(self, path: JsonPath, what: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(show_path(path), what, file=self.file))

    def one(self, query: str, *values: Any) -> Any:
        """First row of a query, or None."""
        return self.connection.execute(query, values).fetchone()

    def row(self, table: str, seq: int, columns: str) -> Any:
        """Columns of one row, or None."""
        return self.one(f'SELECT {columns} FROM "{table}" WHERE seq = ?', seq)

    def is_row(self, key: str, values: Mapping[str, Any], table: str) -> bool:
        """Whether a key names a row of a table that was not replaced; notes the fault."""
        seq = values.get(key)
        if seq is None:
            return False
        found = self.one("SELECT kind FROM chain WHERE seq = ?", seq)
        later = self.one("SELECT seq, kind FROM chain WHERE corrects = ?", seq)
        if found is None:
            self.fault((key,), f"there is no row {seq}")
        elif found[0] != table:
            self.fault((key,), f"row {seq} is of kind {found[0]!r}; expected {table!r}")
        elif later is not None:
            what = "was taken back by" if later[1] == "retraction" else "was replaced by"
            self.fault((key,), f"row {seq} {what} row {later[0]}; name a row that stands")
        else:
            return True
        return False

    def not_later(self, key: str, values: Values, column: str) -> None:
        """Refuse what is said to have happened after this moment."""
        now = utc_text(datetime.now(UTC))
        if column in values and values[column] > now:
            self.fault((key,), f"{values[column]} is in the future; this computer's clock says {now}")

    def person(self, values: Values) -> None:
        """The person must be in the ledger."""
        code = values.get("person")
        if code is not None and not self.one(
            f"SELECT 1 FROM person WHERE person = ? AND {_IS_CURRENT.format(table='person')}", code
        ):
            self.fault(("person",), f"{code!r} is not in this ledger; add the person first")

    def taken(self, table: str, values: Values, columns: tuple[str, ...]) -> int | None:
        """Number of another standing row with the same values in some columns."""
        if not all(column in values for column in columns):
            return None
        where = " AND ".join(f"{column} = ?" for column in columns)
        query = f'SELECT seq FROM "{table}" WHERE {where} AND {_IS_CURRENT.format(table=table)} AND seq IS NOT ?'
        found = self.one(query, *(values[column] for column in columns), values.get("corrects"))
        return None if found is None else int(found[0])


def rows_of(kind: str, link: Link, values: Values) -> list[Row]:
    """Rows of a record; what does not fit is noted in `link.problems`, and the rows then mean nothing."""
    table = {"adverse-events": "adverse_event"}.get(kind, kind.replace("-", "_"))
    if kind != "retraction":
        _correction(link, values, table)
    found = _LINKS[kind](link, values)
    entry = {"corrects": values.get("corrects"), "reason": values.get("correction_reason")}
    if kind == "retraction":
        entry = {"corrects": values.get("row"), "reason": values.get("reason")}
    known = {"corrects", "correction_reason"}
    return [Row(table, {k: v for k, v in one.items() if k not in known}, **entry) for one in found]


def _correction(link: Link, values: Values, table: str) -> None:
    """A correction needs a reason, and stays with the same person or plan."""
    if ("corrects" in values) != ("correction_reason" in values):
        missing = "correction_reason" if "corrects" in values else "corrects"
        link.fault((missing,), "is missing; a correction names the row it corrects, and why")
    if not link.is_row("corrects", values, table):
        return
    same = {"planned_session": "plan", "resolution": "event"}.get(table, "person")
    (before,) = link.row(table, values["corrects"], same)
    if same in values and values[same] != before:
        what = f"row {values['corrects']} is of {same} {before!r}; take it back with a retraction, and add a new one"
        link.fault((same,), what)


def _person(link: Link, values: Values) -> list[Values]:
    seq = link.taken("person", values, ("person",))
    if seq is not None:
        link.fault(("person",), f"{values['person']!r} is in the ledger already, row {seq}")
    return [values]


def _plan(link: Link, values: Values) -> list[Values]:
    link.person(values)
    given = values.pop("protocol", None)
    if given is None:
        return [values]
    from stimplan.protocol import dump_protocol, read_protocol, totals_of

    try:
        protocol = read_protocol(given)
    except ProtocolError as error:
        for one in error.problems:
            link.problems.append(Problem("$.protocol" + one.where.removeprefix("$"), one.what, one.file or link.file))
        return [values]
    totals = totals_of(protocol)
    waveform = protocol.waveform
    derived = {
        "protocol_id": protocol.id,
        "protocol_digest": protocol.digest,
        "protocol_text": dump_protocol(protocol),
        "modality": protocol.modality,
        "nominal_current_A": protocol.total_current_A,
        "nominal_duration_s": waveform.duration_s if waveform else totals.session_duration_s,
        "nominal_charge_C": totals.charge_per_session_C,
        "nominal_pulses": totals.pulses_per_session,
    }
    return [{**values, **derived}]


def _planned_session(link: Link, values: Values) -> list[Values]:
    if link.is_row("plan", values, "plan"):
        (text,) = link.row("plan", values["plan"], "protocol_text")
        sessions = json.loads(text)["course"]["sessions"]
        if values.get("number", 0) > sessions:
            link.fault(("number",), f"the plan has {sessions} sessions")
        seq = link.taken("planned_session", values, ("plan", "number"))
        if seq is not None:
            link.fault(("number",), f"session {values['number']} of this plan is row {seq}; correct that one")
    return [values]


def _session(link: Link, values: Values) -> list[Values]:
    link.not_later("start", values, "start_utc")
    if link.is_row("plan", values, "plan"):
        person, modality, text = link.row("plan", values["plan"], "person, modality, protocol_text")
        if values.setdefault("person", person) != person:
            link.fault(("person",), f"plan {values['plan']} is of {person!r}")
        _session_of_modality(link, values, is_magnetic=modality == "TMS")
        _electrodes(link, values, text)
    seq = link.taken("session", values, ("person", "start_utc"))
    if seq is not None:
        link.fault(("start",), f"this session is in the ledger already, row {seq}; correct that one if it is wrong")
    if link.is_row("planned", values, "planned_session"):
        (plan,) = link.row("planned_session", values["planned"], "plan")
        if "plan" in values and values["plan"] not in successors(link.connection, plan):
            link.fault(("planned",), f"row {values['planned']} is of plan {plan}")
        seq = link.taken("session", values, ("planned",))
        if seq is not None:
            link.fault(("planned",), f"row {seq} is this planned session already")
    if link.is_row("threshold", values, "threshold"):
        person, at = link.row("threshold", values["threshold"], "person, at_utc")
        if person != values.get("person", person):
            link.fault(("threshold",), f"row {values['threshold']} is of another person")
        if at > values.get("start_utc", at):
            link.fault(("threshold",), f"row {values['threshold']} was measured after the session began")
    return [values]


def _session_of_modality(link: Link, values: Values, *, is_magnetic: bool) -> None:
    """Coil and electrodes need different numbers; those of the other are refused rather than ignored."""
    coil = {"intensity_fraction": "intensity_percent", "intensity_reference": "intensity_reference",
            "pulses": "pulses", "hearing_protection": "hearing_protection"}  # fmt: skip
    current = {"current_A": "current_mA"}
    needed, foreign = (coil, current) if is_magnetic else (current, coil)
    if not is_magnetic:
        foreign = {**foreign, "threshold": "threshold"}
    else:
        foreign = {**foreign, "impedances_ohm": "impedances_kohm"}
    what = "magnetic" if is_magnetic else "electric"
    for column, key in needed.items():
        if column not in values and not any(problem.where == show_path((key,)) for problem in link.problems):
            link.fault((key,), f"is missing; the plan is of {what} stimulation")
    for column, key in foreign.items():
        if column in values:
            link.fault((key,), f"does not belong to {what} stimulation, which the plan is of")


def _electrodes(link: Link, values: Values, protocol_text: str) -> None:
    """Impedances are those of electrodes of the plan."""
    sites = [one["site"] for one in json.loads(protocol_text)["stimulation"].get("electrodes", ())]
    if "impedances_ohm" not in values or not all(isinstance(site, str) for site in sites):
        return
    for name in json.loads(values["impedances_ohm"]):
        if name not in sites:
            link.fault(("impedances_kohm", name), f"the plan has no such electrode; it has {', '.join(sites)}")


def _threshold(link: Link, values: Values) -> list[Values]:
    link.person(values)
    link.not_later("at", values, "at_utc")
    seq = link.taken("threshold", values, ("person", "at_utc", "reference"))
    if seq is not None:
        link.fault(("at",), f"this threshold is in the ledger already, row {seq}; correct that one if it is wrong")
    return [values]


def _adverse_events(link: Link, values: Values) -> list[Values]:
    link.person(values)
    link.not_later("at", values, "at_utc")
    if link.is_row("session", values, "session"):
        person, start = link.row("session", values["session"], "person, start_utc")
        if person != values.get("person", person):
            link.fault(("session",), f"row {values['session']} is of another person")
        if from_utc_text(values.get("at_utc", start)) < from_utc_text(start):
            link.fault(("at",), "this is before the session began")
    answers = values.pop("answers", [])
    _complete(link, values, answers)
    rows = [{**values, **answer} for answer in answers]
    for index, row in enumerate(rows):
        _answer(link, index, row)
    return rows


def _complete(link: Link, values: Values, answers: list[Values]) -> None:
    """Every item once; an unanswered item is not an absent one."""
    given = [answer.get("item") for answer in answers]
    form = form_named(values.get("form", ""))
    known = set(form.item_ids) if form else {name for one in forms() for name in one.item_ids}
    for index, item in enumerate(given):
        if item is not None and item not in known:
            link.fault(("answers", index, "item"), f"{item!r} is no item here; there is {', '.join(sorted(known))}")
        elif item is not None and item in given[:index]:
            link.fault(("answers", index, "item"), f"{item!r} is answered twice")
    if "corrects" in values:
        if len(answers) != 1:
            link.fault(("answers",), "a correction is of one answer")
    elif form and (left := [name for name in form.item_ids if name != OTHER and name not in given]):
        link.fault(("answers",), f"not answered: {', '.join(left)}; write severity 1 for what was absent")


def _answer(link: Link, index: int, row: Values) -> None:
    path = ("answers", index)
    severity = row.get("severity")
    if severity is not None and severity > ABSENT and "relation" not in row:
        link.fault((*path, "relation"), "is missing; how far is it related to the stimulation, 1 to 5?")
    if severity == ABSENT and "relation" in row:
        link.fault((*path, "relation"), "what was absent has no relation; leave it out")
    if row.get("item") == OTHER and "note" not in row:
        link.fault((*path, "note"), "is missing; say what it was")
    seq = link.taken("adverse_event", row, ("person", "at_utc", "form", "item"))
    if seq is not None:
        link.fault((*path, "item"), f"this answer is in the ledger already, row {seq}; correct that one if it is wrong")


def _resolution(link: Link, values: Values) -> list[Values]:
    link.not_later("at", values, "at_utc")
    if link.is_row("event", values, "adverse_event"):
        at, severity = link.row("adverse_event", values["event"], "at_utc, severity")
        if severity == ABSENT:
            link.fault(("event",), f"row {values['event']} says that nothing was there")
        if values.get("at_utc", at) < at:
            link.fault(("at",), "this is before the event was reported")
        seq = link.taken("resolution", values, ("event",))
        if seq is not None:
            link.fault(("event",), f"row {seq} resolves it already")
    return [values]


def _override(link: Link, values: Values) -> list[Values]:
    link.person(values)
    link.not_later("at", values, "at_utc")
    if link.is_row("plan", values, "plan"):
        (person,) = link.row("plan", values["plan"], "person")
        if person != values.get("person", person):
            link.fault(("plan",), f"plan {values['plan']} is of {person!r}")
    return [values]


def _retraction(link: Link, values: Values) -> list[Values]:
    seq = values.get("row")
    found = link.one("SELECT kind FROM chain WHERE seq = ?", seq)
    if found is not None and found[0] in ("ledger", "retraction"):
        link.fault(("row",), f"row {seq} is of kind {found[0]!r} and stays")
    elif seq is not None and link.is_row("row", values, found[0] if found else ""):
        rests = [f"row {one} ({table})" for table, one in _resting_on(link, found[0], seq)]
        if rests:
            link.fault(("row",), f"{', '.join(rests[:5])} rests on it; take that back first")
        return [{"row_kind": found[0]}]
    return [{}]


def _resting_on(link: Link, kind: str, seq: int) -> list[tuple[str, int]]:
    """Standing rows that make no sense without this one."""
    found = []
    tables = {"person": ("plan", "session", "threshold", "adverse_event", "override"),
              "plan": ("planned_session", "session")}  # fmt: skip
    for table in tables.get(kind, ()):
        (key,) = link.row(kind, seq, "person" if kind == "person" else "seq")
        marks = (key,) if kind == "person" else tuple(predecessors(link.connection, seq))
        where = f"{kind} IN ({', '.join('?' * len(marks))}) AND {_IS_CURRENT.format(table=table)}"
        found += [(table, one) for (one,) in link.connection.execute(f"SELECT seq FROM {table} WHERE {where}", marks)]
    return found


def successors(connection: sqlite3.Connection, seq: int) -> list[int]:
    """A row and the rows that replaced it, one after the other."""
    found = [seq]
    while later := connection.execute("SELECT seq FROM chain WHERE corrects = ?", (found[-1],)).fetchone():
        found.append(later[0])
    return found


_LINKS: dict[str, Callable[[Link, Values], list[Values]]] = {
    "person": _person,
    "plan": _plan,
    "planned-session": _planned_session,
    "session": _session,
    "threshold": _threshold,
    "adverse-events": _adverse_events,
    "resolution": _resolution,
    "override": _override,
    "retraction": _retraction,
}
