"""What the pictures of a run are drawn from, whether it has just been computed or lies in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.exchange.result_exposure import MOST_BLOCKS, RunAgain, read_coil_exposures
from stimplan.exposure import Exposure
from stimplan.montage import Point
from stimplan.pose import handle_angle_rad
from stimplan.protocol import Protocol
from stimplan.roi import SphereRoi
from stimplan.view.scene_target import target_in, target_of_run

if TYPE_CHECKING:
    from stimplan.runs.magnetic import CoilBlock, CoilRun
    from stimplan.runs.result import RunResult


@attrs.frozen(eq=False)
class DrawnBlock:
    """A block of a coil whose field differs from those of the blocks before it.

    Attributes
    ----------
    number : int
        From 1.
    label : str
    exposure : Exposure
        With the coil as the placement of its field; None where the coil of a folder is not known any more.
    cross_m : 3-tuple
        Where its slices meet; MNI where there is one.
    has_normal : bool
        Whether the field through the cortex was measured.
    handle_rad : float
        From the midline as it lies on the run's own head.
    """

    number: int
    label: str
    exposure: Exposure
    cross_m: Point
    has_normal: bool
    handle_rad: float

    @property
    def start(self) -> str:
        """Of its files' names: "" for the first block, `block2_` and so on."""
        return "" if self.number == 1 else f"block{self.number}_"


@attrs.frozen(eq=False)
class Drawable:
    """A run as its pictures need it.

    Attributes
    ----------
    protocol : Protocol
    verdict : str
    exposure : Exposure
    cross_m : 3-tuple
        Where slices meet; MNI where there is one.
    target : SphereRoi or None
        The protocol's target, where the field was measured in it.
    has_normal : bool
        Whether the field through the cortex was measured.
    coil_name : str
        "" for electrodes.
    blocks : tuple of DrawnBlock
        Of a coil; those with a field of their own.
    is_one_block : bool
        Whether the coil has one block only, so that no label is needed.
    digest : str
        Of the field, as the record says it: read from a file it has fewer digits, and another one of its own.
    """

    protocol: Protocol
    verdict: str
    exposure: Exposure
    cross_m: Point
    target: SphereRoi | None
    has_normal: bool
    coil_name: str = ""
    blocks: tuple[DrawnBlock, ...] = ()
    is_one_block: bool = True
    digest: str = ""

    @property
    def target_name(self) -> str:
        """What a picture calls the target; "" without one."""
        return self.protocol.target.label if self.target is not None and self.protocol.target is not None else ""


def drawable_of(result: RunResult) -> Drawable:
    """A run that has just been computed."""
    coil = result.coil
    return Drawable(
        protocol=result.protocol,
        verdict=result.report.verdict,
        exposure=result.exposure,
        cross_m=result.point_of_interest_m,
        target=target_of_run(result),
        has_normal=result.measures.cortex is not None,
        coil_name="" if coil is None else coil.coil.name,
        blocks=() if coil is None else _blocks_of(result, coil),
        is_one_block=coil is None or len(coil.blocks) == 1,
        digest=result.exposure.digest,
    )


def _blocks_of(result: RunResult, coil: CoilRun) -> tuple[DrawnBlock, ...]:
    return tuple(
        DrawnBlock(
            number=one.number, label=one.label, exposure=one.exposure, cross_m=result.place_of(one),
            has_normal=one.measures.cortex is not None, handle_rad=handle_angle_rad(result.head, one.pose),
        )
        for one in different_blocks(coil.blocks[:MOST_BLOCKS])
    )  # fmt: skip


def different_blocks(blocks: Sequence[CoilBlock]) -> list[CoilBlock]:
    """Blocks of a coil whose fields differ, each of these once."""
    first: dict[str, CoilBlock] = {}
    for block in blocks:
        first.setdefault(block.exposure.digest, block)
    return list(first.values())


def drawable_again(run: RunAgain) -> Drawable:
    """A run that lies in a folder.

    Raises
    ------
    InputError
        The field of a later block of a coil is missing or damaged, or the record lacks something.
    """
    record = run.record
    field, coil = record["field"], record["coil"]
    blocks = () if coil is None else _blocks_again(run)
    return Drawable(
        protocol=run.protocol,
        verdict=record["verdict"],
        exposure=run.exposure if coil is None else blocks[0].exposure,
        cross_m=run.point_of_interest_m,
        target=None if field["at_target"] is None else target_in(run.protocol, field["tissue"]),
        has_normal=field["cortex"] is not None,
        coil_name="" if coil is None else coil["name"],
        blocks=blocks,
        is_one_block=coil is None or len(coil["blocks"]) == 1,
        digest=field["digest"],
    )


def _blocks_again(run: RunAgain) -> tuple[DrawnBlock, ...]:
    blocks = run.record["coil"]["blocks"]
    return tuple(
        DrawnBlock(
            number=number, label=block["label"], exposure=exposure, cross_m=_cross_m(run.protocol, block),
            has_normal=block["cortex"] is not None, handle_rad=block["pose"]["handle_from_midline_rad"],
        )
        for number, exposure in read_coil_exposures(run).items()
        for block in [blocks[number - 1]]
    )  # fmt: skip


def _cross_m(protocol: Protocol, block: Any) -> Point:
    """Where the slices of a coil's block meet: its target, or the tissue below the coil."""
    target = protocol.target
    if block["at_target"] is not None and target is not None and target.mni_m is not None:
        return target.mni_m
    x, y, z = block["below_mni_m"] or block["below_m"]
    return (x, y, z)
