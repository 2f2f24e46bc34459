"""The current that gives different people the same field at the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import attrs

from stimplan.errors import InputError, Problem
from stimplan.montage import Electrode
from stimplan.protocol import Protocol
from stimplan.roi.metrics import RoiMetrics
from stimplan.units import from_si, to_si

CAUTION = (
    "The factor is on the current: charge, current density and what the person feels grow with it. Check the scaled "
    "protocol before it is used: a limit that held for the published current need not hold for this one."
)
# Finer than any stimulator can be set; the largest current takes what is left, so that the sum stays exactly zero.
_STEP_MA = Decimal("0.000001")
_STATISTICS = ("mean", "median", "p95", "p99", "p999")


def equalising_factor(metrics: RoiMetrics, wanted_V_per_m: float, *, statistic: str = "mean") -> float:
    """Factor on the current that brings the field in a region to a wanted value; see `CAUTION`.

    The field is proportional to the current as long as the tissue conducts linearly and nothing else changes.

    Parameters
    ----------
    metrics : RoiMetrics
        Of the target in this person's head, at the protocol's own current.
    wanted_V_per_m : float
        The same for everybody, such as the mean over a group.
    statistic : {"mean", "median", "p95", "p99", "p999"}
        What is to be equal; the peak of one tetrahedron is not offered.

    Raises
    ------
    InputError
        A wanted field that is not positive and finite, an unknown statistic, or a region without a field.
    """
    if statistic not in _STATISTICS:
        raise InputError(f"statistic must be one of {', '.join(map(repr, _STATISTICS))}, got {statistic!r}")
    if not 0 < wanted_V_per_m < math.inf:
        raise InputError(f"the wanted field is positive and finite, V/m; got {wanted_V_per_m!r}")
    found: float = getattr(metrics, f"{statistic}_V_per_m")
    if not 0 < found < math.inf:
        raise InputError(f"the region has a field of {found!r} V/m: no factor brings it to {wanted_V_per_m:g} V/m")
    return wanted_V_per_m / found


def scaled(protocol: Protocol, factor: float) -> Protocol:
    """The same protocol with all its currents multiplied; `stimplan.check` judges it like any other.

    Currents are rounded to 1 nA as decimal numbers and their sum is kept exactly zero (of each channel, and of the
    offsets, on their own; phasors keep their balance). It gets an id of its own, and what was published about the
    other current (source, result, totals, how each value is known) is left out.

    Raises
    ------
    InputError
        A factor that is not positive and finite, magnetic stimulation, or one so small that a current vanishes.
    """
    if not 0 < factor < math.inf:
        raise InputError(Problem("factor", f"is positive and finite, got {factor!r}"))
    stimulation = protocol.electric
    if stimulation is None:
        raise InputError(Problem("$.modality", f"{protocol.modality} has a coil, and no currents to scale"))
    exact = Decimal(repr(factor))
    is_phasor = stimulation.waveform.type == "sinusoidal"
    currents = _scaled([e.current_A for e in stimulation.electrodes], _groups(stimulation.electrodes), exact, is_phasor)
    offsets = [e.offset_A for e in stimulation.electrodes]
    known = [offset for offset in offsets if offset is not None]
    new_offsets = iter(_scaled(known, [0] * len(known), exact, is_phasor))
    electrodes = tuple(
        attrs.evolve(e, current_A=current, offset_A=None if e.offset_A is None else next(new_offsets))
        for e, current in zip(stimulation.electrodes, currents, strict=True)
    )
    return attrs.evolve(
        protocol,
        id=f"{protocol.id}-scaled",
        title=None,
        stimulation=attrs.evolve(stimulation, electrodes=electrodes),
        source=None,
        certainty=(),
        result=None,
        published_totals=None,
        evidence=None,
    )


def _groups(electrodes: Sequence[Electrode]) -> list[int]:
    """Electrodes whose currents cancel among themselves."""
    return [electrode.channel or 0 for electrode in electrodes]


def _scaled(currents_A: Sequence[float], groups: Sequence[int], factor: Decimal, is_phasor: bool) -> list[float]:
    """Currents times a factor, as decimals of mA that sum to zero in every group; phasors are scaled alike."""
    given = [from_si(current, "mA") for current in currents_A]
    if is_phasor:  # rounding each would disturb a balance that rests on the angles
        return [to_si(current * factor, "mA") for current in given]
    rounded = [(current * factor).quantize(_STEP_MA, ROUND_HALF_EVEN) for current in given]
    for group in set(groups):
        members = [i for i, one in enumerate(groups) if one == group]
        largest = max(members, key=lambda i: abs(rounded[i]))
        rounded[largest] -= sum((rounded[i] for i in members), Decimal(0))
    if any(new == 0 != old for new, old in zip(rounded, given, strict=True)):
        raise InputError(Problem("factor", f"{factor} leaves a current below 1 nA, which is none"))
    return [to_si(current, "mA") for current in rounded]
