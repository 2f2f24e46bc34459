"""The result of a run of stimulation by a coil, and what the safety rules learn from it."""

from __future__ import annotations

from collections.abc import Sequence

from stimplan.coil import catalogue_entry
from stimplan.coil.intensity import convert, missing_facts
from stimplan.coil.waveforms import shapes_of
from stimplan.head.space import has_mni
from stimplan.maps import metrics_along
from stimplan.montage import Point
from stimplan.roi import default_tissue
from stimplan.runs.calibration import threshold_rate
from stimplan.runs.coil_places import PlacedCoils
from stimplan.runs.drive import Drive, is_threshold_of_other_pulse, known_facts, known_for
from stimplan.runs.magnetic import CoilRun
from stimplan.runs.options import CoilOptions, RunOptions
from stimplan.runs.result import RunResult, in_space_m
from stimplan.safety import SafetyReport, Simulated
from stimplan.safety.magnetic_quantities import rapid2_type


def coils_on(placed: PlacedCoils, drives: Sequence[Drive], options: CoilOptions) -> Simulated:
    """Coils on a head as the safety rules see them: the middle of each block's coil, and what was left open."""
    head, own = placed.head, dict[str, Point]()
    for one in placed.blocks:
        x, y, z = one.pose.center_m.tolist()
        own[one.label] = (x, y, z)
    mni = {label: in_space_m(head, point) for label, point in own.items()} if has_mni(head) else None
    return Simulated(placed.protocol.digest, head.name, safety_facts(placed, drives, options), own, mni)


def safety_facts(placed: PlacedCoils, drives: Sequence[Drive], options: CoilOptions) -> dict[str, float]:
    """What the rules may ask that the protocol does not say and this run knows.

    `output_fraction_of_block_1` … : share of the stimulator's output, where the intensity became one.
    `threshold_intensity_of_block_1` … : intensity relative to the resting threshold, where the protocol gives it
    otherwise and the run was given the threshold.
    `threshold_measured`: 1 where the run was given the person's threshold of the kind every block refers to.
    `is_h_coil`, `is_figure_8`: family of the coil given for the run. One that stands in changes nothing: what is
    delivered is the protocol's.
    `is_threshold_of_other_pulse_in_block_1` … : 1 where it was measured with pulses of another shape, 0 of the same.
    `is_other_pulse`: 1 where no waveform of the coil file is biphasic, 0 where all are.
    `is_pulse_not_given_in_block_1` … : 1 where none of them has the shape of the block's pulse, 0 where one has.
    `rapid2_type`: 0, 1 or 2 where the stimulator named for the run is a Magstim Rapid², Super Rapid² or Plus.
    """
    facts = pulse_facts(placed, options)
    for number, drive in enumerate(drives, start=1):
        if drive.basis != "unit" and drive.output_fraction is not None:
            facts[f"output_fraction_of_block_{number}"] = drive.output_fraction
    facts |= threshold_facts(placed, drives, options)
    given = {**options.thresholds_fraction, **options.thresholds_didt_A_per_s}
    is_usable = not any(is_threshold_of_other_pulse(one.block, options) for one in placed.blocks)
    if given and is_usable and all(one.block.intensity.reference in given for one in placed.blocks):
        facts["threshold_measured"] = 1.0
    family = family_of(placed)
    if placed.chosen == "run" and family is not None:
        facts |= {"is_h_coil": float(family == "H-coil"), "is_figure_8": float(family in ("figure-8", "butterfly"))}
    kind = None if options.stimulator is None else rapid2_type(options.stimulator)
    return facts if kind is None else {**facts, "rapid2_type": float(kind)}


def threshold_facts(placed: PlacedCoils, drives: Sequence[Drive], options: CoilOptions) -> dict[str, float]:
    """Intensities that are not stated by a motor threshold, as shares of the resting one that the run was given."""
    facts: dict[str, float] = {}
    for one, drive in zip(placed.blocks, drives, strict=True):
        intensity = one.block.intensity
        known = known_for(one.block, known_facts(placed.coil, options), options)
        name, rate = f"threshold_intensity_of_block_{one.number}", threshold_rate(known)
        if intensity.reference in ("rMT", "aMT"):
            continue
        if not missing_facts(intensity, "rMT", known):
            facts[name] = convert(intensity, "rMT", known).value
        elif drive.basis == "protocol" and rate is not None:
            facts[name] = drive.didt_A_per_s / rate
    return facts


def pulse_facts(placed: PlacedCoils, options: CoilOptions) -> dict[str, float]:
    """What the run knows about the shape of pulses: of the threshold, and of the waveforms in the coil's file."""
    facts: dict[str, float] = {}
    given = {**options.thresholds_fraction, **options.thresholds_didt_A_per_s}
    shapes = shapes_of(placed.coil) if placed.chosen != "stand-in" else frozenset()
    for one in placed.blocks:
        differs = is_threshold_of_other_pulse(one.block, options)
        if differs is not None and one.block.intensity.reference in given:
            facts[f"is_threshold_of_other_pulse_in_block_{one.number}"] = float(differs)
        if shapes and one.block.pulse.shape is not None:
            facts[f"is_pulse_not_given_in_block_{one.number}"] = float(one.block.pulse.shape not in shapes)
    if shapes and (shapes == {"biphasic"} or "biphasic" not in shapes):
        facts["is_other_pulse"] = float("biphasic" not in shapes)
    return facts


def family_of(placed: PlacedCoils) -> str | None:
    """Family of the coil that is used, where it is one of the catalogue."""
    entry = placed.coil.provenance.get("catalogue")
    return None if entry is None else catalogue_entry(str(entry)).family


def magnetic_result(placed: PlacedCoils, found: CoilRun, report: SafetyReport, *, options: RunOptions) -> RunResult:
    """The result of a run that has written nothing yet; its numbers are those of the first block."""
    first = found.blocks[0]
    return RunResult(
        protocol=placed.protocol,
        head=placed.head,
        placement=first.placement,
        exposure=first.exposure,
        report=report,
        tissue=default_tissue(placed.head),
        maps=first.maps,
        along=None if options.along is None else metrics_along(first.exposure, options.along, first.target),
        frequencies=(),
        voltages=None,
        measures=first.measures,
        quantities=safety_facts(placed, [block.drive for block in found.blocks], options.coil),
        subject=options.subject,
        coil=found,
    )
