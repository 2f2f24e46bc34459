"""How hard a coil is driven: a protocol's intensity as dI/dt, as far as the facts about person and stimulator go."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from stimplan.coil import Coil
from stimplan.coil.intensity import Converted, Known, convert, missing_facts, shown
from stimplan.coil_plan import with_rate
from stimplan.errors import CoilError, Problem
from stimplan.protocol import Block
from stimplan.runs.options import CoilOptions
from stimplan.units import text

# What a field is solved for.
UNIT_A_PER_S = 1e6


@attrs.frozen
class Drive:
    """How hard a coil is driven.

    Attributes
    ----------
    didt_A_per_s : float
    basis : {"protocol", "assumed", "unit"}
        Found from the protocol's intensity; given for the run instead of it; or 1 A/µs, because a fact is missing.
    stated : str
        The protocol's intensity in words.
    steps : tuple of str
        Each multiplication that led to dI/dt.
    missing : tuple of str
        Facts without which the intensity is no dI/dt.
    output_fraction : float or None
        Share of the stimulator's output, where it is known.
    """

    didt_A_per_s: float
    basis: Literal["protocol", "assumed", "unit"]
    stated: str
    steps: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    output_fraction: float | None = None

    @property
    def sentence(self) -> str:
        """How hard a coil is driven, in one sentence."""
        rate = text(self.didt_A_per_s, "A_per_s", 4)
        if self.basis == "unit":
            facts = "; ".join(what.removeprefix("missing: ") for what in self.missing)
            return f"The field is given for {rate}, not for {self.stated}: missing is {facts}."
        if self.basis == "assumed":
            return (
                f"The field is given for {rate}, a rate assumed for this simulation; the protocol says {self.stated}."
            )
        return f"{self.stated} is {rate}: {'; '.join(self.steps)}."


def known_facts(coil: Coil, options: CoilOptions) -> Known:
    """What is known about the person and the stimulator."""
    facts = Known(
        options.thresholds_fraction,
        options.max_didt_A_per_s,
        thresholds_didt_A_per_s=options.thresholds_didt_A_per_s,
    )
    return with_rate(facts, coil)


def drive_of(block: Block, known: Known, options: CoilOptions, *, where: str = "") -> Drive:
    """How hard the coil of a block is driven, as far as the facts go.

    Raises
    ------
    CoilError
        More than the stimulator gives.
    """
    intensity = block.intensity
    stated = _stated(intensity)
    if options.didt_A_per_s is not None:
        step = f"assumed for this simulation: {shown(options.didt_A_per_s, 'didt')}"
        return _with_output(Drive(options.didt_A_per_s, "assumed", stated, (step,)), known)
    missing = missing_facts(intensity, "didt", known)
    if missing:
        return Drive(UNIT_A_PER_S, "unit", stated, missing=tuple(problem.what for problem in missing))
    try:
        found: Converted = convert(intensity, "didt", known)
    except CoilError as error:
        raise CoilError([Problem(where, problem.what) for problem in error.problems]) from None
    steps = found.steps or (f"stated: {stated}",)
    return _with_output(Drive(found.value, "protocol", stated, steps), known)


def _stated(intensity: Any) -> str:
    if intensity.didt_A_per_s is not None:
        return shown(intensity.didt_A_per_s, "didt")
    if intensity.field_V_per_m is not None:
        return f"{shown(intensity.field_V_per_m, 'field')} at the target"
    return shown(intensity.value_fraction, intensity.reference)


def _with_output(drive: Drive, known: Known) -> Drive:
    """The drive with its share of the output, where the coil's rate at 100 % is known."""
    if known.max_didt_A_per_s is None:
        return drive
    return attrs.evolve(drive, output_fraction=drive.didt_A_per_s / known.max_didt_A_per_s)
