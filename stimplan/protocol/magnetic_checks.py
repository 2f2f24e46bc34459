"""What a schema cannot say about coils and pulses: timing that computes, intensities, places, poses.

Everything here works on the JSON tree, in file units, with exact decimals; where the schema has already found a value
of the wrong kind, the checks that need it pass it over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import prod
from typing import Any

import attrs

from stimplan.protocol.plausible import plain
from stimplan.protocol.schema_check import Fault, is_integer, is_number
from stimplan.protocol.site_checks import COIL_FORMS, place_faults, site_faults
from stimplan.strict_json import JsonPath

_MOST_PULSES = 100_000  # in one session; the largest published are a few thousand
_LONGEST_SESSION_S = 8 * 3600
_FASTEST_HZ = 100
# Intervals are published rounded (1/18 s as 0.0556 s), so that a train may seem a little longer than its interval.
_ROUNDING = Decimal("1.001")
_POSE_TOLERANCE = 1e-3


@attrs.frozen
class _Level:
    """One level of timing: how long it is, how often it comes, and how it is written in a message; s."""

    count: int
    interval_s: Decimal

    @property
    def length_s(self) -> Decimal:
        return self.count * self.interval_s


def magnetic_faults(stimulation: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault of blocks of pulses that goes beyond the schema."""
    blocks = stimulation.get("blocks")
    if not isinstance(blocks, list):
        return
    for number, block in enumerate(blocks):
        if isinstance(block, dict):
            yield from _block(block, ("stimulation", "blocks", number))
    last = blocks[-1] if blocks else None
    if isinstance(last, dict) and last.get("gap_s") is not None:
        path = ("stimulation", "blocks", len(blocks) - 1, "gap_s")
        yield Fault(path, "nothing follows the last block; leave it out")


def _block(block: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    for key, check in (("timing", _timing), ("intensity", _intensity), ("placement", _placement)):
        part = block.get(key)
        if isinstance(part, dict):
            yield from check(part, (*path, key))
    yield from _output_with_relative(block, path)


def _timing(timing: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    stimulus, patterns = timing.get("stimulus"), timing.get("patterns")
    stimulus = stimulus if isinstance(stimulus, dict) else {}
    yield from _stimulus(stimulus, (*path, "stimulus"))
    if not isinstance(patterns, list):
        return
    levels = [_level(pattern) for pattern in patterns]
    yield from _first_interval(levels, stimulus, (*path, "patterns"))
    for number in range(1, len(levels)):
        yield from _fits(levels[number - 1], levels[number], number, (*path, "patterns"))
    known = [level for level in levels if level is not None]
    if len(known) == len(levels):
        yield from _too_many(known, stimulus, path)


def _level(pattern: Any) -> _Level | None:
    count, interval = (pattern.get("count"), pattern.get("interval_s")) if isinstance(pattern, dict) else (None, None)
    if not is_integer(count) or not is_number(interval) or count < 1 or interval <= 0:
        return None
    return _Level(int(count), Decimal(interval))


def _stimulus(stimulus: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    pulses, intervals, relative = (
        stimulus.get(key) for key in ("pulses", "intervals_ms", "relative_intensities_percent")
    )
    if not is_integer(pulses):
        return
    count = 0 if intervals is None else len(intervals) if isinstance(intervals, list) else None
    if count is not None and count != pulses - 1:
        what = f"{_plural(int(pulses), 'pulse')} have {pulses - 1} times between them, got {count}"
        yield Fault((*path, "intervals_ms"), what)
    if isinstance(relative, list) and relative and len(relative) != pulses:
        what = f"{_plural(int(pulses), 'pulse')} need as many relative intensities, got {len(relative)}"
        yield Fault((*path, "relative_intensities_percent"), what)
    if isinstance(stimulus.get("intensities"), list) and stimulus["intensities"]:
        yield from _own_intensities(stimulus["intensities"], int(pulses), relative, (*path, "intensities"))


def _own_intensities(own: list[Any], pulses: int, relative: Any, path: JsonPath) -> Iterator[Fault]:
    """Intensities of single pulses; null stands for the block's own, so that no number is written twice."""
    if relative is not None:
        yield Fault(path, "give one of relative_intensities_percent and intensities, not both")
    if len(own) != pulses:
        what = f"{_plural(pulses, 'pulse')} need as many intensities, got {len(own)}; null is the block's own"
        yield Fault(path, what)
    elif None not in own:
        yield Fault(path, "no pulse has the intensity of the block; write null for the one that has it")
    elif all(one is None for one in own):
        yield Fault(path, "every pulse has the intensity of the block; leave this out")
    for number, one in enumerate(own):
        if isinstance(one, dict):
            yield from _intensity(one, (*path, number))


def _first_interval(levels: list[_Level | None], stimulus: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    """The stimulus must end before the next one, and pulses cannot come faster than a stimulator charges."""
    first, intervals = levels[0] if levels else None, stimulus.get("intervals_ms") or []
    if first is None:
        return
    if isinstance(intervals, list) and intervals and all(map(is_number, intervals)):
        length_ms = sum(map(Decimal, intervals), Decimal(0))
        if length_ms >= first.interval_s * 1000:
            terms = " + ".join(map(str, intervals))
            sums = f"{terms} ms = {plain(length_ms / 1000)} s"
            what = f"{sums} of a stimulus does not fit into an interval of {plain(first.interval_s)} s"
            yield Fault((*path, 0, "interval_s"), what)
    elif 1 / first.interval_s > _FASTEST_HZ and first.count > 1:
        sums = f"1 / {plain(first.interval_s)} s = {float(1 / first.interval_s):.6g} Hz"
        what = f"{sums} is implausible for pulses (at most {_FASTEST_HZ} Hz); start to start, in seconds"
        yield Fault((*path, 0, "interval_s"), what)


def _fits(inner: _Level | None, outer: _Level | None, number: int, path: JsonPath) -> Iterator[Fault]:
    """An inner pattern that is longer than the interval in which it comes again."""
    if inner is None or outer is None or inner.length_s <= outer.interval_s * _ROUNDING:
        return
    sums = f"{inner.count} × {plain(inner.interval_s)} s = {plain(inner.length_s)} s"
    what = f"{sums} does not fit into an interval of {plain(outer.interval_s)} s"
    thousandth = inner.length_s / 1000
    is_milliseconds = thousandth <= outer.interval_s and 1000 / inner.interval_s <= _FASTEST_HZ
    if is_milliseconds and number == 1 and inner.interval_s >= 1:
        meant = f"milliseconds? {plain(inner.interval_s / 1000)} s would make {plain(thousandth)} s"
        yield Fault((*path, 0, "interval_s"), f"{what}; {meant}")
    else:
        yield Fault((*path, number, "interval_s"), what + "; intervals are from start to start")


def _too_many(levels: list[_Level], stimulus: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    counts = [int(stimulus["pulses"])] if is_integer(stimulus.get("pulses")) else [1]
    counts = [*(count for count in counts if count > 1), *(level.count for level in levels)]
    total = prod(counts)
    if total > _MOST_PULSES:
        largest = max(range(len(levels)), key=lambda k: levels[k].count) if levels else 0
        where = (*path, "patterns", largest, "count") if levels else (*path, "stimulus", "pulses")
        sums = " × ".join(map(str, counts))
        what = f"{sums} = {total} pulses in one session are implausible (at most {_MOST_PULSES})"
        yield Fault(where, what)
    elif levels and levels[-1].count > 1 and levels[-1].length_s > _LONGEST_SESSION_S:
        length = levels[-1].length_s
        sums = f"{levels[-1].count} × {plain(levels[-1].interval_s)} s = {plain(length)} s"
        what = f"{sums} = {float(length / 3600):.3g} h in one session is implausible; milliseconds or minutes?"
        yield Fault((*path, "patterns", len(levels) - 1, "interval_s"), what)


def _intensity(intensity: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    ways = [key for key in ("value_percent", "didt_A_per_us", "field_V_per_m") if key in intensity]
    value, reference = intensity.get("value_percent"), intensity.get("reference")
    if not ways:
        yield Fault((*path, "value_percent"), "missing; expected one of value_percent, didt_A_per_us, field_V_per_m")
    elif len(ways) > 1:
        yield Fault((*path, ways[1]), f"give one of {' and '.join(ways)}, not both")
    if "value_percent" in intensity and "reference" not in intensity:
        what = "missing; expected what 100 % is ('rMT', 'aMT', 'MSO', '1mV', 'phosphene')"
        yield Fault((*path, "reference"), what)
    elif "value_percent" not in intensity and "reference" in intensity and ways:
        yield Fault((*path, "reference"), f"only value_percent has a reference; {ways[0]} is absolute")
    if is_number(value) and value > 0:
        yield from _percent(Decimal(value), reference, (*path, "value_percent"))


def _percent(value: Decimal, reference: Any, path: JsonPath) -> Iterator[Fault]:
    if value <= 3:
        what = f"{plain(value)} % is implausible; a fraction? {plain(value)} would be {plain(value * 100)} %"
        yield Fault(path, what)
    elif reference == "MSO" and value > 100:
        yield Fault(path, f"{plain(value)} % of the stimulator's output; it has at most 100 %")
    elif value > 250:
        yield Fault(path, f"{plain(value)} % is implausible (expected 3 to 250 %)")


def _output_with_relative(block: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    """A pulse of the stimulus that would need more than the stimulator has."""
    intensity, timing = block.get("intensity"), block.get("timing")
    stimulus = timing.get("stimulus") if isinstance(timing, dict) else None
    relative = stimulus.get("relative_intensities_percent") if isinstance(stimulus, dict) else None
    value = intensity.get("value_percent") if isinstance(intensity, dict) else None
    reference = intensity.get("reference") if isinstance(intensity, dict) else None
    if not is_number(value) or value > 100 or reference != "MSO" or not isinstance(relative, list):
        return
    for number, share in enumerate(relative):
        if is_number(share) and Decimal(value) * share > 10_000:
            output = f"{value} % × {share} % = {plain(Decimal(value) * share / 100)} %"
            where = (*path, "timing", "stimulus", "relative_intensities_percent", number)
            yield Fault(where, f"{output} of the stimulator's output; it has at most 100 %")


def _placement(placement: Mapping[str, Any], path: JsonPath) -> Iterator[Fault]:
    ways = [key for key in ("site", "mni_mm", "pose_mm") if key in placement]
    if not ways:
        yield Fault((*path, "site"), "missing; expected one of site, mni_mm, pose_mm")
    elif len(ways) > 1:
        yield Fault((*path, ways[1]), f"give one of {' and '.join(ways)}, not both")
    yield from place_faults(placement.get("site"), (*path, "site"), COIL_FORMS)
    handle = placement.get("handle")
    if isinstance(handle, dict):
        given = sorted(handle.keys() & {"from_midline_deg", "towards"})
        if len(given) != 1:
            what = "give one of from_midline_deg and towards" + (", not both" if given else "; or null for the handle")
            yield Fault((*path, "handle"), what)
        yield from site_faults(handle.get("towards"), (*path, "handle", "towards"))
        if isinstance(handle.get("towards"), str) and handle["towards"] == placement.get("site"):
            yield Fault((*path, "handle", "towards"), f"the coil is at {handle['towards']!r} itself")
    if isinstance(placement.get("pose_mm"), list):
        yield from _pose(placement["pose_mm"], (*path, "pose_mm"))


def _pose(rows: list[Any], path: JsonPath) -> Iterator[Fault]:
    """A matrix that is no rigid motion, or lies in metres."""
    entries = [x for row in rows if isinstance(row, list) and len(row) == 4 for x in row if is_number(x)]
    if len(rows) != 4 or len(entries) != 16:
        return
    matrix = [[float(x) for x in row] for row in rows]
    if matrix[3] != [0.0, 0.0, 0.0, 1.0]:
        yield Fault((*path, 3), "the last row must be [0, 0, 0, 1]; are the columns written as rows?")
        return
    columns = [[matrix[i][k] for i in range(3)] for k in range(3)]
    dots = [[sum(a * b for a, b in zip(u, v, strict=True)) for v in columns] for u in columns]
    misses = [abs(dots[i][k] - (i == k)) for i in range(3) for k in range(3)]
    if not all(miss <= _POSE_TOLERANCE for miss in misses):
        yield Fault(path, f"the first three columns must be perpendicular unit vectors; they miss by {max(misses):.3g}")
    elif _determinant(columns) < 0:
        yield Fault(path, "the axes are left-handed (determinant -1); turn one of them round")
    place = [Decimal(row[3]) for row in rows[:3]]
    if any(abs(x) > 300 for x in place):
        yield Fault(path, f"a centre at {max(map(abs, place))} mm is implausible; micrometres? Write millimetres")
    elif any(place) and all(abs(x) < 1 for x in place):
        yield Fault(path, "the centre is in the middle of the head; metres? Write millimetres")


def _determinant(columns: list[list[float]]) -> float:
    (a, b, c), (d, e, f), (g, h, i) = columns
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
