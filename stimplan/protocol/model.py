"""Protocol: what is delivered to a person, in SI, and where it was published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal

import attrs

from stimplan.errors import ProtocolError
from stimplan.montage import Electrode, Source, Status
from stimplan.protocol import dose
from stimplan.protocol.electric import ElectricStimulation, Waveform
from stimplan.protocol.magnetic import MagneticStimulation
from stimplan.protocol.plan import (
    Course,
    Evidence,
    Indication,
    Outcome,
    PublishedTotals,
    Result,
    Sham,
    Simulation,
    Step,
    Target,
    Therapy,
)
from stimplan.protocol.schemas import NEWEST_VERSION
from stimplan.values import ADDED_LATER, digest

Modality = Literal["tDCS", "HD-tDCS", "tACS", "tRNS", "otDCS", "tPCS", "TI", "TMS"]
Programme = Literal["cognitive", "developmental", "intensive", "paediatric", "motor", "language"]
Blinding = Literal["none", "single", "double", "triple"]

# modality -> type of its waveform; None for a coil
WAVEFORM_OF: Mapping[str, str | None] = {
    "tDCS": "direct",
    "HD-tDCS": "direct",
    "tACS": "sinusoidal",
    "tRNS": "noise",
    "otDCS": "oscillating",
    "tPCS": "pulsed",
    "TI": "temporal-interference",
    "TMS": None,
}


def _sorted_pairs(pairs: Iterable[tuple[str, Status]]) -> tuple[tuple[str, Status], ...]:
    return tuple(sorted(pairs))


def _sorted_items(pairs: Iterable[tuple[str, str | bool]]) -> tuple[tuple[str, str | bool], ...]:
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


# Not slotted, so that the digest is computed once.
@attrs.frozen(slots=False, kw_only=True)
class Protocol:
    """One stimulation protocol.

    Attributes
    ----------
    id : str
    title : str or None
        None: made from the other fields where it is shown.
    modality : {"tDCS", "HD-tDCS", "tACS", "tRNS", "otDCS", "tPCS", "TI", "TMS"}
    stimulation : ElectricStimulation or MagneticStimulation
        What is delivered in one session.
    course : Course
    indication : Indication or None
    population, purpose : str or None
        Who received it; target and rationale; in words.
    target : Target or None
    sham : Sham or None
    blinding, programme : str or None
    steps, goals, outcomes : tuple
        Conditional steps, goals in words, outcome measures.
    therapy : Therapy or None
    evidence : Evidence or None
    result : Result or None
    published_totals : PublishedTotals or None
    simulation : Simulation or None
        How its field is simulated where nobody says otherwise.
    reporting : tuple of (item, text or bool)
        Items of the reporting checklists, sorted.
    source : Source or None
    certainty : tuple of (path, status)
        How single values are known, by their path in the file, sorted by path.
    schema_version : int
        Version of the file format the values belong to.

    Raises
    ------
    ProtocolError
        The waveform is not that of the modality.
    """

    id: str
    title: str | None
    modality: Modality
    stimulation: ElectricStimulation | MagneticStimulation
    course: Course
    indication: Indication | None = None
    population: str | None = None
    purpose: str | None = None
    target: Target | None = None
    sham: Sham | None = None
    blinding: Blinding | None = None
    steps: tuple[Step, ...] = ()
    therapy: Therapy | None = None
    programme: Programme | None = None
    goals: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    evidence: Evidence | None = None
    result: Result | None = None
    published_totals: PublishedTotals | None = None
    simulation: Simulation | None = attrs.field(default=None, metadata=ADDED_LATER)
    reporting: tuple[tuple[str, str | bool], ...] = attrs.field(default=(), converter=_sorted_items)
    source: Source | None = None
    certainty: tuple[tuple[str, Status], ...] = attrs.field(default=(), converter=_sorted_pairs)
    schema_version: int = NEWEST_VERSION

    def __attrs_post_init__(self) -> None:
        have = self.waveform.type if self.waveform is not None else None
        want = WAVEFORM_OF[self.modality]
        if have != want:
            raise ProtocolError(
                f"{self.modality} has {f'a waveform of type {want!r}' if want else 'a coil'}, "
                f"got {f'a waveform of type {have!r}' if have else 'a coil'}"
            )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all values, the same in every process."""
        return digest(self)

    @property
    def electric(self) -> ElectricStimulation | None:
        """The stimulation where it is electric, else None."""
        return self.stimulation if isinstance(self.stimulation, ElectricStimulation) else None

    @property
    def magnetic(self) -> MagneticStimulation | None:
        """The stimulation where it is magnetic, else None."""
        return self.stimulation if isinstance(self.stimulation, MagneticStimulation) else None

    @property
    def electrodes(self) -> tuple[Electrode, ...]:
        """The electrodes; none for a coil."""
        return self.electric.electrodes if self.electric else ()

    @property
    def waveform(self) -> Waveform | None:
        """Course of the current within a session; None for a coil."""
        return self.electric.waveform if self.electric else None

    @property
    def total_current_A(self) -> float | None:
        """Current through the head, see `dose.total_current_A`; None for a coil and where it is not reported."""
        return dose.total_current_A(self.electric) if self.electric else None

    @property
    def max_electrode_current_A(self) -> float | None:
        """Largest current of one electrode by the amplitude convention, A; None for a coil and without convention."""
        return max((abs(electrode.current_A) for electrode in self._sized_electrodes), default=None)

    @property
    def _sized_electrodes(self) -> tuple[Electrode, ...]:
        """The electrodes, where their currents mean something."""
        return self.electrodes if self.electric and self.electric.is_size_known else ()

    @property
    def nominal_charge_C(self) -> float | None:
        """Charge of one session at the full level, ramps not counted, see `dose.nominal_charge_C`; None for a coil."""
        return dose.nominal_charge_C(self.electric) if self.electric else None

    @property
    def total_charge_C(self) -> float | None:
        """Charge of one session with the linear ramps that are reported, see `dose.total_charge_C`."""
        return dose.total_charge_C(self.electric) if self.electric else None

    @property
    def is_ramp_reported(self) -> bool:
        """Whether both ramps are known; without them `total_charge_C` is a lower bound."""
        waveform = self.waveform
        return waveform is not None and waveform.ramp_up_s is not None and waveform.ramp_down_s is not None

    def charge_density_C_per_m2(self, electrode: Electrode) -> float | None:
        """Charge of one session at the full level over an electrode's contact area, C/m²."""
        return dose.charge_density_C_per_m2(self.electric, electrode) if self.electric else None

    @property
    def max_charge_density_C_per_m2(self) -> float | None:
        """Largest charge density of one electrode in one session, C/m²; None where it cannot be derived."""
        densities = [self.charge_density_C_per_m2(electrode) for electrode in self.electrodes]
        known = [density for density in densities if density is not None]
        return max(known) if known and len(known) == len(densities) else None

    @property
    def max_current_density_A_per_m2(self) -> float | None:
        """Largest mean current density under one electrode by the amplitude convention, A/m²; None without one."""
        return max((electrode.current_density_A_per_m2 for electrode in self._sized_electrodes), default=None)

    def _repr_html_(self) -> str:
        from stimplan.notebook import protocol_html

        return protocol_html(self)

    def certainty_of(self, path: str) -> Status | None:
        """How the value at a path of the file is known; None where the file says nothing about it."""
        return dict(self.certainty).get(path)
