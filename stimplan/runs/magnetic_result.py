"""The result of a run of stimulation by a coil, and what the safety rules learn from it."""

from __future__ import annotations

from stimplan.head.space import has_mni
from stimplan.maps import metrics_along
from stimplan.montage import Point
from stimplan.roi import default_tissue
from stimplan.runs.magnetic import CoilRun, PlacedCoils
from stimplan.runs.options import RunOptions
from stimplan.runs.result import RunResult, in_space_m
from stimplan.safety import SafetyReport, Simulated


def coils_on(placed: PlacedCoils) -> Simulated:
    """Coils on a head as the safety rules see them: the middle of each block's coil on the scalp."""
    head, own = placed.head, dict[str, Point]()
    for one in placed.blocks:
        x, y, z = one.pose.center_m.tolist()
        own[one.label] = (x, y, z)
    mni = {label: in_space_m(head, point) for label, point in own.items()} if has_mni(head) else None
    return Simulated(placed.protocol.digest, head.name, {}, own, mni)


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
        quantities={},
        subject=options.subject,
        coil=found,
    )
