"""What a schema cannot say: balance, timing that computes, known names, plausible units, totals that agree.

The checks of the tree work in file units with exact decimals; where the schema has already found a value of the wrong
kind, the checks that need it pass it over. The checks of totals need a protocol that is sound otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from stimplan.protocol.electric_checks import electric_faults
from stimplan.protocol.magnetic_checks import magnetic_faults
from stimplan.protocol.model import WAVEFORM_OF, Protocol
from stimplan.protocol.plan_checks import plan_faults
from stimplan.protocol.plausible import implausible, positions
from stimplan.protocol.schema_check import Fault
from stimplan.protocol.totals import Totals, totals_of
from stimplan.units import from_si

# a key only one kind of stimulation has -> that kind
_TELLING: Mapping[str, str] = {
    "coil": "TMS",
    "blocks": "TMS",
    "carriers_Hz": "temporal-interference",
    "channel": "temporal-interference",
    "offset_mA": "oscillating",
    "phase_deg": "sinusoidal",
    "pulse_width_ms": "pulsed",
    "band_low_Hz": "noise",
    "band_high_Hz": "noise",
    "distribution": "noise",
}
_MODALITY_OF: Mapping[str, str] = {kind or "TMS": modality for modality, kind in reversed(list(WAVEFORM_OF.items()))}


def consistency_faults(tree: Mapping[str, Any]) -> list[Fault]:
    """Every fault of a protocol tree that goes beyond its schema."""
    faults = [*implausible(tree, ()), *positions(tree), *plan_faults(tree)]
    stimulation = tree.get("stimulation")
    if isinstance(stimulation, dict):
        faults.extend(electric_faults(tree, stimulation))
        faults.extend(magnetic_faults(stimulation))
    return faults


def meant_modality(tree: Mapping[str, Any]) -> str | None:
    """The modality a file describes where it names another one, or None.

    Only where all else agrees: the keys of the stimulation, and for currents the waveform's type.
    """
    modality, stimulation = tree.get("modality"), tree.get("stimulation")
    if not isinstance(modality, str) or modality not in WAVEFORM_OF or not isinstance(stimulation, dict):
        return None
    waveform, electrodes = stimulation.get("waveform"), stimulation.get("electrodes")
    first = electrodes[0] if isinstance(electrodes, list) and electrodes else None
    parts = [part for part in (stimulation, waveform, first) if isinstance(part, dict)]
    kinds = {_TELLING[key] for part in parts for key in part if key in _TELLING}
    if "noise" in kinds:
        kinds.discard("oscillating")  # noise may lie on a direct current too
    if len(kinds) > 1:
        return None
    kind = kinds.pop() if kinds else "direct"
    said = waveform.get("type") if isinstance(waveform, dict) else "TMS"
    if kind != said or kind == (WAVEFORM_OF[modality] or "TMS"):
        return None
    return _MODALITY_OF[kind]


def total_faults(protocol: Protocol) -> Iterator[Fault]:
    """Published totals that differ from the derived ones without a note, and gaps shorter than a session."""
    totals, gap_s = totals_of(protocol), protocol.course.min_gap_s
    if gap_s is not None and protocol.course.sessions > 1 and gap_s < totals.session_duration_s:
        gap, length = from_si(gap_s, "min"), round(totals.session_duration_s / 60, 2)
        what = f"a session takes {length} min, longer than {gap:f} min from one start to the next"
        yield Fault(("course", "min_gap_h"), what)
    published = protocol.published_totals
    if published is None or published.note is not None:
        return
    pulses = published.pulses_per_session
    if pulses is not None and pulses != totals.pulses_per_session:
        yield _differs("pulses_per_session", f"{pulses} pulses", _pulse_sum(protocol, totals))
    if published.session_duration_s is not None:
        least, most = _duration_limits_s(protocol, totals)
        minutes = from_si(published.session_duration_s, "min")
        if not _agrees(minutes, least / 60, most / 60):
            yield _differs("session_duration_min", f"{minutes:f} min", _range(least / 60, most / 60, "min"))
    if published.charge_per_session_C is not None and totals.charge_per_session_C is not None:
        charge = from_si(published.charge_per_session_C, "C")
        least = totals.charge_per_session_C
        most = least + (totals.ramp_charge_C or 0.0)
        if not _agrees(charge, least, most):
            yield _differs("charge_per_session_C", f"{charge:f} C", _range(least, most, "C"))


def _differs(key: str, published: str, derived: str) -> Fault:
    what = f"published: {published}, but the fields give {derived}; correct one, or explain it in published_totals.note"
    return Fault(("published_totals", key), what)


def _pulse_sum(protocol: Protocol, totals: Totals) -> str:
    """The product of the counts of every block, written out."""
    terms = []
    for block in protocol.magnetic.blocks if protocol.magnetic else ():
        counts = [block.timing.stimulus.pulses, *(pattern.count for pattern in block.timing.patterns)]
        terms.append(" × ".join(str(count) for count in counts if count > 1) or "1")
    return f"{' + '.join(terms)} = {totals.pulses_per_session}"


def _duration_limits_s(protocol: Protocol, totals: Totals) -> tuple[float, float]:
    """From first to last pulse, or with the last gap; of currents at the full level, or with the ramps."""
    waveform = protocol.waveform
    return (waveform.duration_s if waveform else totals.session_duration_s), totals.session_slot_s


def _agrees(published: Decimal, least: float, most: float) -> bool:
    """Whether a published number lies within limits, give or take half of its last digit."""
    exponent = published.as_tuple().exponent
    half = 0.5 * 10.0 ** (min(exponent, 0) if isinstance(exponent, int) else 0)
    return least - half * (1 + 1e-9) <= float(published) <= most + half * (1 + 1e-9)


def _range(least: float, most: float, unit: str) -> str:
    return f"{least:.4g} {unit}" if f"{least:.4g}" == f"{most:.4g}" else f"{least:.4g} to {most:.4g} {unit}"
