"""Two protocols side by side: dose, derived totals, electrodes or coil, course, evidence, safety verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from stimplan.describe import current, plan_text, pulses
from stimplan.describe.titles import title_of
from stimplan.describe.words import number, rounded, shown, status_text, time_text
from stimplan.protocol import ElectricStimulation, MagneticStimulation, Protocol
from stimplan.protocol.totals import totals_of
from stimplan.protocol.trains import train_of
from stimplan.safety import Finding, check

SECTIONS = ("what for", "dose", "derived", "electrodes", "coil", "course", "evidence", "safety")
Fact = tuple[str, str, str]  # section, name, text


@attrs.frozen
class Row:
    """One fact of both protocols; "" where one of them has nothing to say."""

    section: str
    name: str
    first: str
    second: str

    @property
    def is_different(self) -> bool:
        """Whether the two say different things."""
        return self.first != self.second

    def record(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**attrs.asdict(self), "is_different": self.is_different}


def compare(first: Protocol, second: Protocol) -> tuple[Row, ...]:
    """Every fact of either protocol, in the order of `SECTIONS`."""
    sides = [{(section, name): text for section, name, text in facts(protocol)} for protocol in (first, second)]
    keys = list(dict.fromkeys([*sides[0], *sides[1]]))
    keys.sort(key=lambda key: SECTIONS.index(key[0]))
    rows = [Row(*key, sides[0].get(key, ""), sides[1].get(key, "")) for key in keys]
    return tuple(row for row in rows if row.first or row.second)


def facts(protocol: Protocol) -> Iterator[Fact]:
    """Section, name and text of every fact of a protocol."""
    yield from _purpose(protocol)
    if isinstance(protocol.stimulation, MagneticStimulation):
        yield from _magnetic(protocol, protocol.stimulation)
    else:
        yield from _electric(protocol, protocol.stimulation)
    yield from _course(protocol)
    yield from _evidence(protocol)
    yield from _safety(protocol)


def _purpose(protocol: Protocol) -> Iterator[Fact]:
    yield "what for", "title", title_of(protocol)
    yield "what for", "modality", protocol.modality
    yield "what for", "indication", plan_text.condition_text(protocol)
    yield "what for", "population", protocol.population or ""
    yield "what for", "target", plan_text.target_text(protocol).removeprefix("Target: ")


def _electric(protocol: Protocol, stimulation: ElectricStimulation) -> Iterator[Fact]:
    waveform, totals = stimulation.waveform, totals_of(protocol)
    yield "dose", "current", current.kind_text(waveform)
    yield "dose", "amplitude convention", stimulation.amplitude_convention or ""
    total = protocol.total_current_A
    yield "dose", "current through the head", "not reported" if total is None else rounded(total, "mA")
    yield "dose", "time at the full level", shown(waveform.duration_s, "min")
    for name, value in (("ramp up", waveform.ramp_up_s), ("ramp down", waveform.ramp_down_s)):
        yield "dose", name, "not reported" if value is None else shown(value, "s")
    yield "dose", "pauses", current.pause_text(waveform)
    yield "derived", "session", time_text(totals.session_duration_s)
    derived = (
        ("peak current of an electrode", totals.peak_current_A, "mA"),
        ("largest current density", protocol.max_current_density_A_per_m2, "A_per_m2"),
        ("largest charge density per session", protocol.max_charge_density_C_per_m2, "C_per_m2"),
        ("charge per session", totals.charge_per_session_C, "C"),
        ("charge of the ramps", totals.ramp_charge_C if totals.is_duration_complete else None, "C"),
        ("charge per day", totals.charge_per_day_C, "C"),
        ("charge of the course", totals.charge_per_course_C, "C"),
    )
    for name, value, unit in derived:
        yield "derived", name, "not known" if value is None else rounded(value, unit)
    for count, electrode in enumerate(stimulation.electrodes, 1):
        text = current.electrode_text(stimulation, electrode)
        make = f"{current.shape_text(electrode.shape)}, {current.layers_text(electrode)}"
        yield "electrodes", f"electrode {count}", f"{text}: {make}"


def _magnetic(protocol: Protocol, stimulation: MagneticStimulation) -> Iterator[Fact]:
    totals = totals_of(protocol)
    yield "coil", "coil", pulses.coil_text(stimulation)
    for count, block in enumerate(stimulation.blocks, 1):
        of = f" of block {count}" if len(stimulation.blocks) > 1 else ""
        train = train_of(block)
        yield "dose", f"pattern{of}", pulses.pattern_name(train)
        yield "dose", f"timing{of}", pulses.nesting_text(block.timing)
        yield "dose", f"intensity{of}", pulses.intensity_text(block).removeprefix("intensity ")
        yield "dose", f"nerve{of}", pulses.peripheral_text(block)
        yield "derived", f"train{of}", time_text(train.train_duration_s)
        pause = train.inter_train_interval_s
        yield "derived", f"time between trains{of}", "" if pause is None else time_text(pause)
        yield "coil", f"place{of}", pulses.placement_text(block).removeprefix("coil ")
        yield "coil", f"pulse{of}", pulses.pulse_text(block) or "not reported"
        yield "coil", f"threshold{of}", pulses.threshold_text(block.threshold).removeprefix("threshold ")
    yield "derived", "session", time_text(totals.session_duration_s)
    yield "derived", "pulses per session", number(totals.pulses_per_session or 0)
    yield "derived", "pulses per day", "not known" if totals.pulses_per_day is None else str(totals.pulses_per_day)
    yield "derived", "pulses of the course", number(totals.pulses_per_course or 0)


def _course(protocol: Protocol) -> Iterator[Fact]:
    course, therapy = protocol.course, protocol.therapy
    yield "course", "sessions", str(course.sessions)
    yield "course", "sessions a day, at most", str(course.sessions_per_day or "not reported")
    yield "course", "sessions a week, at most", str(course.sessions_per_week or "")
    yield "course", "least time between starts", "" if course.min_gap_s is None else shown(course.min_gap_s, "h")
    yield "course", "phases", "; ".join(map(plan_text.phase_text, course.phases))
    yield "course", "schedule", course.schedule or ""
    yield "course", "therapy", f"{therapy.name}{f', {therapy.timing}' if therapy.timing else ''}" if therapy else ""
    yield "course", "sham", plan_text.sham_text(protocol.sham).removeprefix("sham: ")
    yield "course", "blinding", protocol.blinding or ""


def _evidence(protocol: Protocol) -> Iterator[Fact]:
    source = protocol.source
    yield "evidence", "evidence", plan_text.evidence_text(protocol.evidence).removeprefix("Evidence: ")
    yield "evidence", "result", plan_text.result_text(protocol.result).removeprefix("Result: ")
    if source is not None:
        yield "evidence", "source", f"{source.doi or source.citation} ({status_text(source.status)})"


def _safety(protocol: Protocol) -> Iterator[Fact]:
    report = check(protocol)
    yield "safety", "verdict", report.verdict
    told: dict[str, list[str]] = {}
    for finding in report.findings:  # a rule may speak of several blocks
        told.setdefault(f"{finding.title} [{finding.rule_id}]", []).append(_finding(finding))
    for name, texts in told.items():
        yield "safety", name, "; ".join(dict.fromkeys(texts))


def _finding(finding: Finding) -> str:
    numbers = f": {finding.value_text}, limit {finding.limit_text}" if finding.value_text and finding.limit_text else ""
    return f"{finding.status}{numbers}"
