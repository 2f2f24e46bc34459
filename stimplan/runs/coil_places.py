"""Which coil a run uses and where it lies: what the protocol leaves open is chosen for the run, or assumed and said."""

from __future__ import annotations

import math
from typing import Literal

import attrs
import numpy as np

from stimplan.coil import Coil, StandIn, read_coil
from stimplan.coil_plan import as_driven, coil_of, stand_in_of
from stimplan.head import HeadModel
from stimplan.pose import CoilPose
from stimplan.pose_plan import poses_of
from stimplan.protocol import Block, MagneticStimulation, Protocol
from stimplan.protocol.magnetic import Handle
from stimplan.runs.options import CoilOptions

Chosen = Literal["protocol", "run", "stand-in"]

# Where no handle is reported: backwards and outwards, as over the motor cortex, where the current across the central
# sulcus excites at the lowest intensity (Mills, Boniface & Schubert 1992, doi:10.1016/0168-5597(92)90096-T).
ASSUMED_HANDLE_RAD = math.radians(45)
# A coil nearer than this to the midline has no side.
_MIDLINE_M = 0.010


@attrs.frozen(eq=False)
class PlacedBlock:
    """A block of a protocol with its pose, before anything is solved."""

    number: int
    block: Block
    pose: CoilPose
    is_handle_assumed: bool

    @property
    def label(self) -> str:
        """Its label, or its number."""
        return self.block.label or f"block {self.number}"


@attrs.frozen(eq=False)
class PlacedCoils:
    """The coil of each block of a protocol on a head, before anything is solved.

    Attributes
    ----------
    protocol : Protocol
    head : HeadModel
    coil : Coil
    chosen : {"protocol", "run", "stand-in"}
    blocks : tuple of PlacedBlock
    stand_in : StandIn or None
        How far the coil is from the one the protocol means, where it stands in for that.
    """

    protocol: Protocol
    head: HeadModel
    coil: Coil
    chosen: Chosen
    blocks: tuple[PlacedBlock, ...]
    stand_in: StandIn | None = None


def chosen_coil(stimulation: MagneticStimulation, options: CoilOptions) -> Coil:
    """The coil of a run: the one given, or the protocol's, or what stands in for that.

    Raises
    ------
    CoilError
        What is missing of it, or wrong with its file.
    """
    if options.coil is None:
        in_place = stand_in_of(stimulation.coil)
        found = coil_of(stimulation.coil, options.folder) if in_place is None else in_place.coil()
    else:
        found = options.coil if isinstance(options.coil, Coil) else read_coil(options.coil)
    return as_driven(found, options.max_didt_A_per_s)


def place_coils(protocol: Protocol, head: HeadModel, options: CoilOptions) -> PlacedCoils:
    """Lay the coil of each block on a head, resting on the scalp where its case is known.

    Raises
    ------
    CoilError
        What is missing of the coil, and places that cannot be, each with its block.
    """
    stimulation = protocol.magnetic
    assert stimulation is not None
    coil = chosen_coil(stimulation, options)
    casing = coil.casing_points_m
    is_open = [_has_no_handle(block) and options.handle is None for block in stimulation.blocks]
    plan, first = protocol, options.handle or Handle(from_midline_rad=0.0)
    if any(is_open):
        seen = poses_of(protocol, head, handle=first)
        filled = [
            _with_handle(block, assumed_handle(pose)) if is_assumed else block
            for block, pose, is_assumed in zip(stimulation.blocks, seen, is_open, strict=True)
        ]
        plan = attrs.evolve(protocol, stimulation=attrs.evolve(stimulation, blocks=tuple(filled)))
    poses = poses_of(plan, head, handle=options.handle, casing_points_m=casing)
    blocks = [
        PlacedBlock(number, block, _told(pose) if is_assumed else pose, is_assumed)
        for number, (block, pose, is_assumed) in enumerate(zip(stimulation.blocks, poses, is_open, strict=True), 1)
    ]
    in_place = stand_in_of(stimulation.coil) if options.coil is None else None
    chosen: Chosen = "run" if options.coil is not None else "protocol" if in_place is None else "stand-in"
    return PlacedCoils(protocol, head, coil, chosen, tuple(blocks), in_place)


def assumed_handle(pose: CoilPose) -> Handle:
    """The handle taken where none is reported: backwards and outwards, straight backwards on the midline."""
    side = 0.0 if abs(pose.center_m[0]) < _MIDLINE_M else -float(np.sign(pose.center_m[0]))
    return Handle(from_midline_rad=side * ASSUMED_HANDLE_RAD)


def _has_no_handle(block: Block) -> bool:
    return block.placement.handle is None and block.placement.pose_m is None


def _with_handle(block: Block, handle: Handle) -> Block:
    return attrs.evolve(block, placement=attrs.evolve(block.placement, handle=handle))


def _told(pose: CoilPose) -> CoilPose:
    told = (
        "ASSUMED HANDLE: the protocol does not say where the handle points; backwards and outwards by 45° (straight "
        "backwards on the midline) was taken for this simulation"
    )
    return attrs.evolve(pose, notices=(*pose.notices, told))
