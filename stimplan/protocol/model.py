"""Protocol: what is delivered to a person, in SI, and where it was published."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Literal

import attrs

from stimplan.errors import Problem, ProtocolError
from stimplan.montage import Electrode, Point, Source, Status
from stimplan.units import from_si
from stimplan.values import digest

Modality = Literal["tDCS", "HD-tDCS"]


@attrs.frozen
class Waveform:
    """Course of the current within one session of direct current.

    Attributes
    ----------
    duration_s : float
        Time at the full current, s; the ramps come on top.
    ramp_up_s, ramp_down_s : float or None
        Time from zero to the full current and back, s; None where the source does not report it.
    """

    duration_s: float
    ramp_up_s: float | None
    ramp_down_s: float | None


@attrs.frozen
class Course:
    """How often the session is given.

    Attributes
    ----------
    sessions : int
        Sessions in all.
    sessions_per_day : int or None
        Most sessions on one day; None where it is not reported.
    min_gap_s : float or None
        Least time from the start of one session to the start of the next, s; None where it is not reported.
    schedule : str or None
        The schedule in words.
    """

    sessions: int
    sessions_per_day: int | None
    min_gap_s: float | None
    schedule: str | None


@attrs.frozen
class Target:
    """The place in the brain that is meant: a name, and where it is known the ball around an MNI point."""

    label: str
    mni_m: Point | None
    radius_m: float | None


def _sorted_pairs(pairs: Iterable[tuple[str, Status]]) -> tuple[tuple[str, Status], ...]:
    return tuple(sorted(pairs))


# Not slotted, so that the digest is computed once.
@attrs.frozen(slots=False, kw_only=True)
class Protocol:
    """One stimulation protocol.

    Attributes
    ----------
    id, title : str
    modality : {"tDCS", "HD-tDCS"}
    electrodes : tuple of Electrode
        Their currents sum to zero, exactly, as decimal numbers of mA.
    waveform : Waveform
    course : Course
    purpose, indication, population : str or None
        Target and rationale, condition, and who received it, in words.
    target : Target or None
    source : Source or None
    certainty : tuple of (path, status)
        How single values are known, by their path in the file, sorted by path.
    schema_version : int
        Version of the file format the values belong to.

    Raises
    ------
    ProtocolError
        Fewer than two electrodes carry current, or the currents do not sum to zero.
    """

    id: str
    title: str
    modality: Modality
    electrodes: tuple[Electrode, ...]
    waveform: Waveform
    course: Course
    purpose: str | None = None
    indication: str | None = None
    population: str | None = None
    target: Target | None = None
    source: Source | None = None
    certainty: tuple[tuple[str, Status], ...] = attrs.field(default=(), converter=_sorted_pairs)
    schema_version: int = 1

    def __attrs_post_init__(self) -> None:
        currents = [electrode.current_A for electrode in self.electrodes]
        if not all(math.isfinite(current) for current in currents):
            raise ProtocolError(Problem(where="$.stimulation.electrodes", what=f"currents are not finite: {currents}"))
        what = imbalance([from_si(current, "mA") for current in currents])
        if what:
            raise ProtocolError(Problem(where="$.stimulation.electrodes", what=what))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all values, the same in every process."""
        return digest(self)

    @property
    def total_current_A(self) -> float:
        """Current through the head: the sum of the positive currents, A."""
        return math.fsum(electrode.current_A for electrode in self.electrodes if electrode.current_A > 0)

    @property
    def max_electrode_current_A(self) -> float:
        """Largest current of one electrode, A."""
        return max(abs(electrode.current_A) for electrode in self.electrodes)

    @property
    def nominal_charge_C(self) -> float:
        """Charge of one session at the full current, total current × duration, C; ramps not counted."""
        return self.total_current_A * self.waveform.duration_s

    @property
    def total_charge_C(self) -> float:
        """Charge of one session with the linear ramps that are reported, I·(t + t_up/2 + t_down/2), C."""
        ramps_s = (self.waveform.ramp_up_s or 0.0) + (self.waveform.ramp_down_s or 0.0)
        return self.total_current_A * (self.waveform.duration_s + ramps_s / 2)

    @property
    def is_ramp_reported(self) -> bool:
        """Whether both ramps are known; without them `total_charge_C` is a lower bound."""
        return self.waveform.ramp_up_s is not None and self.waveform.ramp_down_s is not None

    def charge_density_C_per_m2(self, electrode: Electrode) -> float:
        """Charge of one session at full current over an electrode's contact area, |I|·t / A, C/m²."""
        return electrode.current_density_A_per_m2 * self.waveform.duration_s

    @property
    def max_charge_density_C_per_m2(self) -> float:
        """Largest charge density of one electrode in one session, C/m²."""
        return max(self.charge_density_C_per_m2(electrode) for electrode in self.electrodes)

    @property
    def max_current_density_A_per_m2(self) -> float:
        """Largest mean current density under one electrode, A/m²."""
        return max(electrode.current_density_A_per_m2 for electrode in self.electrodes)

    def certainty_of(self, path: str) -> Status | None:
        """How the value at a path of the file is known; None where the file says nothing about it."""
        return dict(self.certainty).get(path)


def imbalance(currents_mA: list[Decimal]) -> str:
    """What is wrong with the balance of the currents, as a sentence; "" where nothing is.

    The sum is exact: `Decimal` addition is done here with as many digits as the numbers have.
    """
    if sum(current != 0 for current in currents_mA) < 2:
        count = sum(current != 0 for current in currents_mA)
        return (
            f"at least two electrodes need a current other than 0 mA, {count or 'none'} of {len(currents_mA)} has one"
        )
    total = _exact_sum(currents_mA)
    if total == 0:
        return ""
    terms = " + ".join(_signed(current) for current in currents_mA)
    return f"the currents must sum to zero: {terms} = {_signed(total)} mA"


def _exact_sum(numbers: list[Decimal]) -> Decimal:
    with localcontext() as context:
        context.prec = 2000  # more than the digits between 1e-300 and 1e300, so nothing is rounded
        return sum(numbers, Decimal(0)).normalize()


def _signed(value: Decimal) -> str:
    value = value.normalize()
    return f"{value:+f}" if -9 <= value.adjusted() <= 9 else f"{value:+E}"
