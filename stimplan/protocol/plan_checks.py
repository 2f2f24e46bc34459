"""What a schema cannot say about the course and what surrounds the stimulation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from stimplan.protocol.conditions import condition_named, conditions
from stimplan.protocol.plausible import plain
from stimplan.protocol.schema_check import Fault, is_integer, is_number, nearest
from stimplan.protocol.schemas import schema
from stimplan.strict_json import JsonPath


def plan_faults(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault outside the stimulation that goes beyond the schema."""
    yield from _loose_targets(tree)
    yield from _loose_certainty(tree)
    yield from _condition(_part(tree, "indication"))
    yield from _course(_part(tree, "course"))
    yield from _sham(_part(tree, "sham"), tree.get("modality"))
    yield from _evidence(_part(tree, "evidence"))
    yield from _result(_part(tree, "result"))
    yield from _published(_part(tree, "published_totals"), tree.get("modality"))
    outcomes = tree.get("outcomes")
    for number, outcome in enumerate(outcomes if isinstance(outcomes, list) else ()):
        if isinstance(outcome, dict):
            yield from _outcome(outcome, _part(tree, "course").get("sessions"), ("outcomes", number))


def _part(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object of the tree, empty where there is none."""
    part = tree.get(key)
    return part if isinstance(part, dict) else {}


def _loose_targets(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """A ball needs a centre, and a centre a radius."""
    target = tree.get("target")
    if not isinstance(target, dict) or not {"mni_mm", "radius_mm"} <= target.keys():
        return
    if target["mni_mm"] is None and target["radius_mm"] is not None:
        yield Fault(("target", "radius_mm"), "a radius without a centre; give mni_mm or write null")
    if target["mni_mm"] is not None and target["radius_mm"] is None:
        yield Fault(("target", "radius_mm"), "a centre without a radius; give radius_mm or write null for both")


def _loose_certainty(tree: Mapping[str, Any]) -> Iterator[Fault]:
    """Certainty of what no protocol file has; a place that only this file lacks is left in peace.

    People copy a published protocol and change its electrodes; what it says of the old ones must not stop them.
    """
    certainty = tree.get("certainty")
    known = schema()["properties"]
    for place in certainty if isinstance(certainty, dict) else ():
        first = re.fullmatch(r"\$\.([A-Za-z0-9_]+)(\.[A-Za-z0-9_-]+|\[[0-9]+\]|\[\".*\"\])*", place)
        if first is None or first[1] not in known:
            what = f"{place!r} is nothing a protocol has; expected a path such as '$.course.sessions'"
            yield Fault(("certainty", place), what + nearest(place, [f"$.{key}" for key in known]))


def _condition(indication: Mapping[str, Any]) -> Iterator[Fault]:
    name = indication.get("condition")
    if isinstance(name, str) and name.strip() and name not in conditions():
        meant = condition_named(name)
        near = f"; did you mean {meant!r}?" if meant else nearest(name, conditions())
        hint = near or "; protocols/conditions.json lists them, 'other' is one"
        yield Fault(("indication", "condition"), f"{name!r} is no condition this program knows{hint}")


def _course(course: Mapping[str, Any]) -> Iterator[Fault]:
    sessions, per_day, per_week, gap_h = (
        value if is_number(value := course.get(key)) and value > 0 else None
        for key in ("sessions", "sessions_per_day", "sessions_per_week", "min_gap_h")
    )
    if sessions and per_day and per_day > sessions:
        yield Fault(("course", "sessions_per_day"), f"{per_day} a day are more than the {sessions} of the whole course")
    if per_week and per_day and per_week < per_day:
        yield Fault(("course", "sessions_per_week"), f"{per_week} a week are fewer than the {per_day} of one day")
    elif per_week and per_day and per_week > 7 * per_day:
        what = f"{per_week} a week do not fit: 7 days × {per_day} a day = {7 * per_day}"
        yield Fault(("course", "sessions_per_week"), what)
    if per_day and gap_h and (per_day - 1) * gap_h >= 24:
        what = f"{per_day} sessions on a day do not fit: {per_day - 1} gaps × {gap_h} h = {(per_day - 1) * gap_h} h"
        yield Fault(("course", "min_gap_h"), what)
    phases = course.get("phases")
    if isinstance(phases, list) and phases:
        yield from _phases(phases, course, ("course", "phases"))


def _phases(phases: list[Any], course: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    counts = [phase.get("sessions") if isinstance(phase, dict) else None for phase in phases]
    known = [int(count) for count in counts if is_integer(count)]
    if len(known) == len(phases) and is_integer(course.get("sessions")) and sum(known) != course["sessions"]:
        sums = " + ".join(map(str, known))
        what = f"the phases' sessions must sum to the course's {course['sessions']}: {sums} = {sum(known)}"
        yield Fault(path, what)
    for number, phase in enumerate(phases):
        if isinstance(phase, dict):
            yield from _phase(phase, course, (*path, number))


def _phase(phase: Mapping[str, Any], course: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    for key in ("sessions_per_day", "sessions_per_week"):
        mine, most = phase.get(key), course.get(key)
        if is_number(mine) and is_number(most) and mine > most:
            yield Fault((*path, key), f"{mine} are more than the {most} the course has at most")
    sessions, weeks, per_week = (phase.get(key) for key in ("sessions", "weeks", "sessions_per_week"))
    if is_number(sessions) and is_number(weeks) and is_number(per_week):
        room = Decimal(weeks) * Decimal(per_week)
        if sessions > room + Decimal(per_week):  # a phase may begin and end within a week
            what = f"{sessions} sessions do not fit: {weeks} weeks × {per_week} a week = {plain(room)}"
            yield Fault((*path, "sessions"), what)


# kinds of sham that belong to one way of stimulating
_SHAM_OF = {"sham-coil": "TMS", "tilted-coil": "TMS", "fade-in-fade-out": "current"}


def _sham(sham: Mapping[str, Any], modality: Any) -> Iterator[Fault]:
    kind = sham.get("type")
    owner = _SHAM_OF.get(kind) if isinstance(kind, str) else None
    if owner == "TMS" and isinstance(modality, str) and modality != "TMS":
        yield Fault(("sham", "type"), f"{kind!r} belongs to TMS, the protocol is {modality}")
    elif owner == "current" and modality == "TMS":
        yield Fault(("sham", "type"), f"{kind!r} is a sham of currents; a coil has 'sham-coil' or 'tilted-coil'")


def _evidence(evidence: Mapping[str, Any]) -> Iterator[Fault]:
    if evidence.get("grade") in ("A", "B", "C") and "scheme" in evidence and evidence["scheme"] is None:
        yield Fault(("evidence", "scheme"), f"grade {evidence['grade']} needs its scheme, such as 'Lefaucheur 2020'")


def _result(result: Mapping[str, Any]) -> Iterator[Fault]:
    active, total = result.get("n_active"), result.get("n_total")
    if is_number(active) and is_number(total) and active > total:
        yield Fault(("result", "n_active"), f"{active} people with stimulation are more than the {total} in all")
    direction = result.get("direction")
    if isinstance(direction, str) and direction != "not-read" and "summary" in result and result["summary"] is None:
        yield Fault(("result", "summary"), f"a result that is {direction} needs its sentence; or write 'not-read'")


def _published(published: Mapping[str, Any], modality: Any) -> Iterator[Fault]:
    """A total of the other way of stimulating."""
    wrong = "charge_per_session_C" if modality == "TMS" else "pulses_per_session"
    if isinstance(modality, str) and published.get(wrong) is not None:
        yield Fault(("published_totals", wrong), f"leave it out: {modality} has none")


def _outcome(outcome: Mapping[str, Any], sessions: Any, path: JsonPath) -> Iterator[Fault]:
    low, high, times = outcome.get("low"), outcome.get("high"), outcome.get("at_sessions")
    if is_number(low) and is_number(high) and not low < high:
        yield Fault((*path, "low"), f"must be below the highest score, got {low} to {high}")
    for number, time in enumerate(times if isinstance(times, list) else ()):
        if is_number(time) and is_number(sessions) and time > sessions:
            yield Fault((*path, "at_sessions", number), f"session {time} does not come: the course has {sessions}")
