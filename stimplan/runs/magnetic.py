"""Stimulation by a coil: each block's coil on the head, how hard it is driven, its field and its numbers.

The field is proportional to dI/dt, so it is solved for 1 A/µs and scaled. Where an intensity cannot be turned into
dI/dt because a fact about the person is missing, nothing typical is put in its place: the field stays that of 1 A/µs,
and the result says which fact is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil import Coil, StandIn
from stimplan.coil.intensity import Known
from stimplan.coil_field import CoilField, CoilPlacement, solve_coils
from stimplan.coil_on_head import coil_placement
from stimplan.errors import InputError
from stimplan.exposure import Exposure, exposure_of
from stimplan.head import HeadModel
from stimplan.head.space import from_mni_m, has_mni
from stimplan.maps import MapMetrics, metrics_of
from stimplan.montage import Point
from stimplan.pose import CoilPose
from stimplan.protocol import Protocol
from stimplan.regional import Measures, measures_of, named_regions
from stimplan.roi import SphereRoi, default_tissue, elements_in
from stimplan.runs.calibration import RADIUS_M, Calibration, calibrate, threshold_rate
from stimplan.runs.coil_places import Chosen, PlacedBlock, PlacedCoils
from stimplan.runs.drive import UNIT_A_PER_S, Drive, drive_of, known_facts, known_for
from stimplan.runs.figures import coil_figures
from stimplan.runs.options import CoilOptions, RunOptions
from stimplan.runs.spread import HandleRange, Spread, handle_range_of, spread_of_all
from stimplan.values import frozen_mapping

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

# A region below a coil, where the protocol's target is no place on this head.
BELOW_RADIUS_M = RADIUS_M
# A target farther than this from the middle of a coil is another block's.
_OWN_TARGET_M = 0.06


@attrs.frozen(eq=False)
class CoilBlock:
    """One block of pulses: where its coil is, how hard it is driven, and its field in numbers.

    Attributes
    ----------
    number : int
        From 1.
    label : str
    pose : CoilPose
    placement : CoilPlacement
        The coil at the pose, at the drive's rate.
    drive : Drive
    is_handle_assumed : bool
    exposure : Exposure
    target : SphereRoi or None
        The protocol's target, where it is a place on this head near this coil.
    maps : tuple of MapMetrics
        |E| in the tissue and at the target.
    below : MapMetrics
        |E| within 10 mm of the place of the tissue nearest to the coil's centre, as its `at_target`.
    below_m : 3-tuple
        That place, head coordinates.
    measures : Measures
    spread : Spread or None
        Of the figures over placements, at the drive's rate; None where it was not asked for.
    handle_range : HandleRange or None
        Over directions of the handle, where it was assumed.
    calibration : Calibration or None
        With the hand area, where it was asked for.
    """

    number: int
    label: str
    pose: CoilPose
    placement: CoilPlacement
    drive: Drive
    is_handle_assumed: bool
    exposure: Exposure
    target: SphereRoi | None
    maps: tuple[MapMetrics, ...]
    below: MapMetrics
    below_m: Point
    measures: Measures
    spread: Spread | None = None
    handle_range: HandleRange | None = None
    calibration: Calibration | None = None

    @property
    def field(self) -> CoilField:
        """Its field."""
        field = self.exposure.field
        assert isinstance(field, CoilField)
        return field


@attrs.frozen(eq=False)
class CoilRun:
    """What a run of stimulation by a coil found.

    Attributes
    ----------
    coil : Coil
    chosen : {"protocol", "run", "stand-in"}
        Named by the protocol; given for the run; or standing in for the one the protocol means.
    blocks : tuple of CoilBlock
        In the order of the protocol.
    stand_in : StandIn or None
        How far a coil that stands in is from the one that is meant.
    """

    coil: Coil
    chosen: Chosen
    blocks: tuple[CoilBlock, ...]
    stand_in: StandIn | None = None


def first_drives(placed: PlacedCoils, options: CoilOptions) -> tuple[Drive, ...]:
    """How hard each coil is driven as far as it is known before anything is solved.

    Raises
    ------
    CoilError
        More than the stimulator gives.
    """
    known = known_facts(placed.coil, options)
    return tuple(
        drive_of(one.block, known, options, where=f"$.stimulation.blocks[{one.number - 1}].intensity")
        for one in placed.blocks
    )


def simulate_coils(placed: PlacedCoils, options: RunOptions, *, progress: Progress) -> CoilRun:
    """Solve the field of each block and measure it.

    Raises
    ------
    CoilError
        A rate above what the stimulator gives, a coil inside the head.
    SolveError
        A field did not converge.
    """
    stated = known_facts(placed.coil, options.coil)
    blocks: list[CoilBlock] = []
    for one, unit in zip(placed.blocks, unit_fields(placed, progress), strict=True):
        known = known_for(one.block, stated, options.coil)
        facts = attrs.evolve(known, field_V_per_m_for_1_A_per_s=_at_target(placed.protocol, one, unit))
        drive = drive_of(one.block, facts, options.coil, where=f"$.stimulation.blocks[{one.number - 1}].intensity")
        placement = coil_placement(placed.coil, pose_m=one.pose, didt_A_per_s=drive.didt_A_per_s, head=placed.head)
        region = target_of(placed.protocol, one, placed.head)
        measured = _measured(one, drive, scaled_field(unit, placement), region=region, options=options)
        twin = next((block for block in blocks if block.pose == one.pose and block.target == region), None)
        if twin is None:
            blocks.append(judged(measured, one, options, known=known, progress=progress))
        else:
            blocks.append(judged_as(measured, twin, known))
    return CoilRun(placed.coil, placed.chosen, tuple(blocks), placed.stand_in)


def judged(
    block: CoilBlock, placed: PlacedBlock, options: RunOptions, *, known: Known, progress: Progress
) -> CoilBlock:
    """A block with how sure its figures are: their spread over placements, and over an unknown handle."""
    below = below_of(block.field.head, block.pose)
    name, region = ("below", below) if block.target is None else ("target", block.target)
    if options.coil.with_spread:
        regions = named_regions(options.regions)
        measure = partial(coil_figures, target=block.target, below=below, regions=regions, along=options.along)
        block = attrs.evolve(block, spread=spread_of_all(block.field, measure, progress=progress))
        if block.is_handle_assumed:
            found = handle_range_of(block.field, region, name=name, progress=progress)
            block = attrs.evolve(block, handle_range=found)
    if options.coil.with_calibration:
        same = attrs.evolve(region, radius_m=RADIUS_M)  # the mean of another volume is no half of a ratio
        spread = block.spread if region == same else None
        distance_m = placed.block.placement.distance_m or 0.0
        one = calibrate(block.field, same, name=name, spread=spread, known=known, distance_m=distance_m)
        block = attrs.evolve(block, calibration=one)
    return block


def judged_as(block: CoilBlock, twin: CoilBlock, known: Known | None = None) -> CoilBlock:
    """A block at the pose of another, whose figures are as sure as its: in proportion to their rates.

    The threshold carried from the hand area is its own, for a threshold of other pulses is none of this block.
    """
    calibration = twin.calibration
    if calibration is not None:
        calibration = attrs.evolve(calibration, threshold_didt_A_per_s=threshold_rate(known))
    factor = block.drive.didt_A_per_s / twin.drive.didt_A_per_s
    return attrs.evolve(
        block,
        spread=None if twin.spread is None else twin.spread.scaled(factor),
        handle_range=None if twin.handle_range is None else twin.handle_range.scaled(factor),
        calibration=calibration,
    )


def unit_fields(placed: PlacedCoils, progress: Progress) -> list[CoilField]:
    """The field of each block for 1 A/µs; blocks at one pose share theirs."""
    different: list[CoilPose] = []
    for one in placed.blocks:
        if one.pose not in different:
            different.append(one.pose)
    placements = [
        coil_placement(placed.coil, pose_m=pose, didt_A_per_s=UNIT_A_PER_S, head=placed.head) for pose in different
    ]
    fields = list(solve_coils(placed.head, placements, progress=progress))
    return [fields[different.index(one.pose)] for one in placed.blocks]


def scaled_field(field: CoilField, placement: CoilPlacement) -> CoilField:
    """The field of the same coil at the same pose, driven at another rate: in proportion to it.

    Raises
    ------
    InputError
        Another coil, pose or mesh.
    """
    before = field.coil_placement
    is_same = before.coil is placement.coil and before.head is placement.head
    if not is_same or not np.array_equal(before.pose_m, placement.pose_m):
        raise InputError("a field is scaled to another rate of the same coil at the same pose only")
    factors = {new / old for new, old in zip(placement.didt_A_per_s, before.didt_A_per_s, strict=True)}
    if len(factors) != 1:
        raise InputError("the rates of a coil's stimulators are not in proportion; solve the field anew")
    factor = factors.pop()
    told: Mapping[str, Any] = {
        **field.provenance,
        "placement_digest": placement.digest,
        "didt_A_per_s": list(placement.didt_A_per_s),
    }
    return attrs.evolve(
        field,
        placement=cast(Any, placement),
        E_V_per_m=factor * field.E_V_per_m,
        potential_V=factor * field.potential_V,
        provenance=frozen_mapping(told),
    )


def target_of(protocol: Protocol, one: PlacedBlock, head: HeadModel) -> SphereRoi | None:
    """The region a block aims at, where it is a place on this head: its own point, or the protocol's target nearby."""
    if not has_mni(head):
        return None
    target, own = protocol.target, one.block.placement.mni_m
    point = own if own is not None else None if target is None else target.mni_m
    if point is None:
        return None
    if own is None and float(np.linalg.norm(from_mni_m(head, point) - one.pose.center_m)) > _OWN_TARGET_M:
        return None
    is_protocols = target is not None and target.mni_m == point and target.radius_m is not None
    radius_m = target.radius_m if is_protocols and target is not None else BELOW_RADIUS_M
    ball = SphereRoi(point, True, radius_m or BELOW_RADIUS_M, default_tissue(head))
    try:
        elements_in(head, ball)
    except InputError:
        if not head.provenance.get("lesions"):
            raise
        return None  # a lesion has taken its place
    return ball


def below_of(head: HeadModel, pose: CoilPose) -> SphereRoi:
    """The tissue of interest within 10 mm of its point nearest to the coil's centre."""
    tissue = default_tissue(head)
    centers = head.centers_m[head.in_tissue(tissue)]
    x, y, z = map(float, centers[int(np.argmin(np.linalg.norm(centers - pose.center_m, axis=1)))])
    return SphereRoi((x, y, z), False, BELOW_RADIUS_M, tissue)


def _at_target(protocol: Protocol, one: PlacedBlock, unit: CoilField) -> float | None:
    """Mean |E| at a block's target for 1 A/s; None where it has none on this head."""
    if one.block.intensity.field_V_per_m is None:
        return None
    region = target_of(protocol, one, unit.head)
    if region is None:
        return None
    mask = elements_in(unit.head, region)
    volumes = unit.head.volumes_m3[mask]
    return float(unit.magnitude_V_per_m[mask] @ volumes / volumes.sum()) / UNIT_A_PER_S


def _measured(
    one: PlacedBlock, drive: Drive, field: CoilField, *, region: SphereRoi | None, options: RunOptions
) -> CoilBlock:
    exposure = exposure_of(field)
    below = below_of(field.head, one.pose)
    return CoilBlock(
        number=one.number,
        label=one.label,
        pose=one.pose,
        placement=field.coil_placement,
        drive=drive,
        is_handle_assumed=one.is_handle_assumed,
        exposure=exposure,
        target=region,
        maps=metrics_of(exposure, region),
        below=metrics_of(exposure, below)[0],
        below_m=below.center_m,
        measures=measures_of(exposure, named_regions(options.regions)),
    )
