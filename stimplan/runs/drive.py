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


def is_threshold_of_other_pulse(block: Block, options: CoilOptions) -> bool | None:
    """Whether the thresholds were measured with pulses of another shape than a block's; None where it is not known."""
    if options.threshold_pulse is None or block.pulse.shape is None:
        return None
    return options.threshold_pulse != block.pulse.shape


def known_for(block: Block, known: Known, options: CoilOptions) -> Known:
    """The facts that hold for a block: without thresholds that were measured with pulses of another shape.

    The threshold depends on the shape of the pulse (doi:10.1055/s-0030-1250946, abstract read; Delvendahl et al. 2014,
    doi:10.1371/journal.pone.0115247), and no factor between two shapes holds for one person.
    """
    if not is_threshold_of_other_pulse(block, options):
        return known
    return attrs.evolve(known, thresholds_fraction={}, thresholds_didt_A_per_s={})


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
    known = known_for(block, known, options)
    missing = missing_facts(intensity, "didt", known)
    if missing:
        said = tuple(problem.what + _of_other_pulse(problem, block, options) for problem in missing)
        return Drive(UNIT_A_PER_S, "unit", stated, missing=said)
    try:
        found: Converted = convert(intensity, "didt", known)
    except CoilError as error:
        raise CoilError([Problem(where, problem.what) for problem in error.problems]) from None
    steps = (found.steps or (f"stated: {stated}",)) + _taken(block, options)
    return _with_output(Drive(found.value, "protocol", stated, steps), known)


def _of_other_pulse(problem: Problem, block: Block, options: CoilOptions) -> str:
    """What to add to a missing threshold that is there, but of other pulses."""
    name = problem.where.removeprefix("thresholds_fraction.")
    is_given = name in {**options.thresholds_fraction, **options.thresholds_didt_A_per_s}
    if not is_given or not is_threshold_of_other_pulse(block, options):
        return ""
    return f" and {block.pulse.shape} pulses (the one given was measured with {options.threshold_pulse} pulses)"


def _taken(block: Block, options: CoilOptions) -> tuple[str, ...]:
    """What is taken for granted about a threshold whose pulses are not given."""
    given = {**options.thresholds_fraction, **options.thresholds_didt_A_per_s}
    if block.intensity.reference not in given or options.threshold_pulse == block.pulse.shape is not None:
        return ()
    return ("the threshold is taken to be of pulses of the same shape",)


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
