"""Protocol -> the field of its coil on the template's cortex at once, as in a round head.

Coil, handle and drive are those a run would take, and are said as it says them; only the head is the preview's own:
the scalp and the cortex of `stimplan.preview`, without a mesh. How good the field is says `stimplan.coil_preview`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil import Coil, StandIn
from stimplan.coil_gauge import HeadGauge, gauge_of_scalp
from stimplan.coil_plan import stand_in_of
from stimplan.coil_preview import template_preview
from stimplan.errors import CoilError, InputError, Problem
from stimplan.head.fiducials import COLIN27_M
from stimplan.montage import Point
from stimplan.percentiles import weighted_percentiles
from stimplan.pose import CoilPose, MniTarget, pose_on_scalp
from stimplan.pose_contact import rest_on_scalp
from stimplan.preview import PreviewTable, preview_table
from stimplan.protocol import Protocol
from stimplan.protocol.magnetic import CoilPlacement, Handle, MagneticStimulation
from stimplan.runs.coil_places import assumed_handle, chosen_coil
from stimplan.runs.drive import Drive, drive_of, known_facts
from stimplan.runs.options import CoilOptions
from stimplan.sites import known_sites
from stimplan.units import text

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel
    from stimplan.protocol.magnetic import Coil as StatedCoil

Array = NDArray[np.float64]

# The case is looked at in squares of this side, one point of its front in each; it is as far from the scalp as with
# all points to 0.3 mm (tested).
_SQUARE_M = 4e-3


@attrs.frozen(eq=False)
class TemplateScalp:
    """What laying a coil needs of a head: the template as the preview has it, in MNI coordinates."""

    name: str
    nodes_m: Array
    scalp: NDArray[np.int32]
    sites_m: Mapping[str, Point]
    fiducials_m: Mapping[str, Point]
    mni_from_head: Array = attrs.field(factory=lambda: np.eye(4))
    warp: None = None


@attrs.frozen(eq=False)
class PreviewedBlock:
    """The coil of one block, or of several at one pose and drive, and its field.

    Attributes
    ----------
    label : str
        Of the block, or its number.
    pose : CoilPose
    is_handle_assumed : bool
    drive : Drive
    E_V_per_m : (p, 3) array or None
        At the points of the table's cortex, at the drive's rate; None where there is no preview, and `why` says why.
    why : str
    """

    label: str
    pose: CoilPose
    is_handle_assumed: bool
    drive: Drive
    E_V_per_m: Array | None
    why: str = ""


@attrs.frozen(eq=False)
class CoilPreview:
    """The fields of a protocol's coil on the template's cortex.

    Attributes
    ----------
    table : PreviewTable
    coil : Coil
    stand_in : StandIn or None
        How far the coil is from the one the protocol means.
    blocks : tuple of PreviewedBlock
        In the order of the protocol.
    """

    table: PreviewTable
    coil: Coil
    stand_in: StandIn | None
    blocks: tuple[PreviewedBlock, ...]


@attrs.frozen(eq=False)
class CoilMap:
    """|E| of one block, with what a picture and a table of it need.

    Attributes
    ----------
    table : PreviewTable
    block : PreviewedBlock
    magnitude_V_per_m : (p,) array
    """

    table: PreviewTable
    block: PreviewedBlock
    magnitude_V_per_m: Array

    @property
    def currents_A(self) -> Mapping[str, float]:
        """None: what draws electrodes has none to draw."""
        return {}

    def percentile_V_per_m(self, percent: float) -> float:
        """Percentile of |E| over the cortical area, V/m."""
        return weighted_percentiles(self.magnitude_V_per_m, self.table.area_m2, percent)[0]

    @property
    def strongest_near(self) -> str:
        """The 10-10 site nearest to the middle of the strongest hundredth of the cortical area."""
        is_top = self.magnitude_V_per_m >= self.percentile_V_per_m(99)
        middle = np.average(self.table.points_m[is_top], axis=0, weights=self.table.area_m2[is_top])
        return self.table.names[int(np.argmin(np.linalg.norm(self.table.sites_m - middle, axis=1)))]

    def record(self) -> dict[str, Any]:
        """The figures as plain JSON data."""
        size, drive = self.magnitude_V_per_m, self.block.drive
        return {
            "label": self.block.label,
            "didt_A_per_s": drive.didt_A_per_s,
            "drive": drive.basis,
            "drive_sentence": drive.sentence,
            "median_V_per_m": self.percentile_V_per_m(50),
            "p95_V_per_m": self.percentile_V_per_m(95),
            "p99_V_per_m": self.percentile_V_per_m(99),
            "peak_V_per_m": float(size.max()),
            "strongest_near_site": self.strongest_near,
            "pose_mni_m": self.block.pose.matrix_m.tolist(),
            "is_handle_assumed": self.block.is_handle_assumed,
            "notices": list(self.block.pose.notices),
        }


def map_of(seen: CoilPreview, number: int = 0) -> CoilMap:
    """|E| of one block, from 0.

    Raises
    ------
    CoilError
        It has no preview; the message says why.
    """
    block = seen.blocks[number]
    if block.E_V_per_m is None:
        raise CoilError(Problem("", block.why))
    return CoilMap(seen.table, block, np.linalg.norm(block.E_V_per_m, axis=1))


def preview_coils(protocol: Protocol, *, folder: Path | None = None) -> CoilPreview:
    """The field of each block of a protocol on the template's cortex, as in a round head.

    Parameters
    ----------
    protocol : Protocol
    folder : Path, optional
        Where the coil file that the protocol names is; without it no file is read.

    Raises
    ------
    CoilError
        No coil in the protocol, or none that is known; a place that depends on the person's own head; a drive above
        what the stimulator gives.
    """
    stimulation = protocol.magnetic
    if stimulation is None:
        raise CoilError(f"protocol {protocol.id!r} has no coil")
    coil, in_place = coil_for(stimulation.coil, folder)
    poses = poses_on_template(stimulation, coil)
    known = known_facts(coil, CoilOptions())
    table, blocks = preview_table(), []
    fields: dict[tuple[bytes, float], tuple[Array | None, str]] = {}
    for number, (block, pose) in enumerate(zip(stimulation.blocks, poses, strict=True)):
        drive = drive_of(block, known, CoilOptions(), where=f"$.stimulation.blocks[{number}].intensity")
        key = (pose.matrix_m.tobytes(), drive.didt_A_per_s)
        if key not in fields:
            fields[key] = _field(coil, pose, drive, table)
        label = block.label or f"block {number + 1}"
        blocks.append(PreviewedBlock(label, pose, block.placement.handle is None, drive, *fields[key]))
    return CoilPreview(table, coil, in_place, tuple(blocks))


def _field(coil: Coil, pose: CoilPose, drive: Drive, table: PreviewTable) -> tuple[Array | None, str]:
    try:
        found = template_preview(
            template_gauge(), coil, pose, didt_A_per_s=drive.didt_A_per_s, points_m=table.points_m
        )  # fmt: skip
    except InputError as error:
        return None, "; ".join(problem.what for problem in error.problems)
    return found, ""


def coil_for(stated: StatedCoil, folder: Path | None = None) -> tuple[Coil, StandIn | None]:
    """The coil of a run of a protocol, and how far it is from the one meant where it stands in for that.

    Raises
    ------
    CoilError
        What is missing of it; it is a file, and there is no folder to read it from.
    """
    if stated.file is None:
        return _known_coil(stated)
    if folder is None:
        what = "the coil is given as a file, which the preview does not read; run the exact solve"
        raise CoilError(Problem("$.stimulation.coil.file", what))
    return _chosen(stated, CoilOptions(folder=folder)), None


@lru_cache(maxsize=16)
def _known_coil(stated: StatedCoil) -> tuple[Coil, StandIn | None]:
    return _chosen(stated, CoilOptions()), stand_in_of(stated)


def _chosen(stated: StatedCoil, options: CoilOptions) -> Coil:
    return chosen_coil(MagneticStimulation(coil=stated, stimulator=None, blocks=()), options)


def poses_on_template(stimulation: MagneticStimulation, coil: Coil | None) -> tuple[CoilPose, ...]:
    """Pose of the coil of each block on the template's scalp.

    Raises
    ------
    CoilError
        As `pose_on_template`, with the block's place in the file.
    """
    poses = []
    for number, block in enumerate(stimulation.blocks):
        try:
            poses.append(pose_on_template(block.placement, coil))
        except CoilError as error:
            where = f"$.stimulation.blocks[{number}].placement"
            raise CoilError([attrs.evolve(one, where=where) for one in error.problems]) from None
    return tuple(poses)


@lru_cache(maxsize=64)
def pose_on_template(place: CoilPlacement, coil: Coil | None) -> CoilPose:
    """Pose of a coil on the template's scalp, the handle as a run takes it.

    Parameters
    ----------
    place : CoilPlacement
    coil : Coil or None
        Its case rests on the scalp; without one its face lies where the protocol says.

    Raises
    ------
    CoilError
        A place that depends on the person's own head, or that cannot be.
    """
    if place.mni_m is None and not isinstance(place.site, str):
        raise CoilError("the coil's place depends on the person's own head; only the exact solve has it")
    face = None if coil is None else front_of(coil)
    if place.handle is not None:
        return _laid(place, place.handle, face)
    assumed = assumed_handle(_laid(place, Handle(from_midline_rad=0.0), None))
    pose = _laid(place, assumed, face)
    angle = text(assumed.from_midline_rad or 0.0, "rad")
    told = f"handle not reported: {angle} from the midline taken"
    return attrs.evolve(pose, notices=(*pose.notices, told))


def _laid(place: CoilPlacement, handle: Handle, face: Array | None) -> CoilPose:
    where = MniTarget(place.mni_m) if place.mni_m is not None else cast("str", place.site)
    head = cast("HeadModel", template_scalp())
    pose = pose_on_scalp(head, where, handle=handle, distance_m=place.distance_m or 0.0)
    return pose if face is None else rest_on_scalp(head, pose, face)


@lru_cache(maxsize=16)
def front_of(coil: Coil) -> Array | None:
    """(k, 3) points of the front of a coil's case, in its own frame, m; None where the case is not known."""
    if coil.casing is None:
        return None
    points = coil.casing.sampled_m(_SQUARE_M)
    points = points[np.argsort(-points[:, 2], kind="stable")]  # z points into the head
    _, first = np.unique(np.floor(points[:, :2] / _SQUARE_M), axis=0, return_index=True)
    return points[first]


@cache
def template_scalp() -> TemplateScalp:
    """The template's scalp of the preview, with its sites."""
    table = preview_table()
    sites = {name: cast(Point, tuple(map(float, at))) for name, at in known_sites().items()}
    sites |= {name: cast(Point, tuple(map(float, at))) for name, at in zip(table.names, table.sites_m, strict=True)}
    return TemplateScalp("colin27", table.scalp_m, table.scalp_triangles, sites, COLIN27_M)


@cache
def template_gauge() -> HeadGauge:
    """The middle of the template as a round head, and where a coil has a preview on it."""
    table = preview_table()
    return gauge_of_scalp(table.scalp_m, middle_m=np.average(table.points_m, axis=0, weights=table.area_m2))
