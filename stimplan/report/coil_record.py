"""A coil and its blocks as plain data: the part of the record that stimulation by a coil has in place of a montage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stimplan.coil.catalogue import representative
from stimplan.coil.intensity import stimulator_of
from stimplan.head.space import has_mni, to_mni_m
from stimplan.head.tape_sites import nearest_site
from stimplan.pose import handle_angle_rad
from stimplan.report.plain import plain

if TYPE_CHECKING:
    from stimplan.coil import StandIn
    from stimplan.head import HeadModel
    from stimplan.pose import CoilPose
    from stimplan.runs.calibration import Calibration
    from stimplan.runs.drive import Drive
    from stimplan.runs.magnetic import CoilBlock, CoilRun


def coil_record(found: CoilRun, safety_facts: Mapping[str, float]) -> dict[str, Any]:
    """The coil, where it comes from, and every block with its pose, its drive and its field in numbers."""
    coil = found.coil
    return {
        "name": coil.name,
        "source": coil.source,
        "digest": coil.digest,
        "catalogue": coil.provenance.get("catalogue"),
        "chosen": found.chosen,
        "stand_in": None if found.stand_in is None else stand_in_record(found.stand_in),
        "certainty": coil.provenance.get("certainty"),
        "caution": coil.provenance.get("caution") or None,
        "max_didt_A_per_s": coil.max_didt_A_per_s,
        "stimulator": stimulator_of(coil) or None,
        "elements": len(coil.positions_m),
        "safety_facts": dict(safety_facts),
        "blocks": [block_record(block) for block in found.blocks],
    }


def stand_in_record(found: StandIn) -> dict[str, Any]:
    """What stands in for the protocol's coil, how far it is from that, and why this one."""
    common = representative(found.entry.family)
    why = common.why if common is not None and common.coil == found.entry.id and not found.is_near else ""
    return {
        "coil": found.entry.id,
        "distance": found.distance,
        "short": found.short,
        "sentence": found.sentence,
        "why": why,
    }


def block_record(block: CoilBlock) -> dict[str, Any]:
    """One block."""
    head, main = block.field.head, block.maps[0]
    return {
        "number": block.number,
        "label": block.label,
        "pose": pose_record(head, block.pose, is_assumed=block.is_handle_assumed),
        "drive": drive_record(block.drive),
        "coil_to_tissue_m": float(np.linalg.norm(np.subtract(block.below_m, block.pose.center_m))),
        "in_tissue": plain(main.in_tissue),
        "at_target": plain(main.at_target),
        "below": plain(block.below.at_target),
        "below_m": plain(block.below_m),
        "below_mni_m": plain(to_mni_m(head, block.below_m)) if has_mni(head) else None,
        "focality": plain(block.measures.focality),
        "cortex": plain(block.measures.cortex),
        "regions": plain(block.measures.regions),
        "spread": plain(block.spread),
        "handle_range": plain(block.handle_range),
        "calibration": None if block.calibration is None else calibration_record(block.calibration),
        "residual": float(block.field.residual),
        "iterations": block.field.iterations,
        "digest": block.exposure.digest,
    }


def calibration_record(found: Calibration) -> dict[str, Any]:
    """The field at the hand area beside that at the target, and the threshold carried over."""
    head_from_coil = found.pose.matrix_m
    derived = ("ratio", "ratio_low", "ratio_high", "relative_uncertainty", "hand_at_threshold_V_per_m",
               "target_at_threshold_V_per_m")  # fmt: skip
    return {
        "side": found.side,
        "hand_mni_m": plain(found.hand_m),
        "head_from_coil_m": plain(head_from_coil),
        "hand_for_1_A_per_us": plain(found.hand),
        "target_for_1_A_per_us": plain(found.target),
        "region": found.region,
        "hand_error": found.hand_error,
        "target_error": found.target_error,
        "threshold_didt_A_per_s": found.threshold_didt_A_per_s,
        **{name: plain(getattr(found, name)) for name in derived},
        "hand_source": found.hand_source,
        "sources": found.sources,
    }


def pose_record(head: HeadModel, pose: CoilPose, *, is_assumed: bool) -> dict[str, Any]:
    """Where a coil is and where its handle points."""
    site = nearest_site(head, pose.center_m)
    return {
        "head_from_coil_m": plain(pose.matrix_m),
        "center_m": plain(pose.center_m),
        "center_mni_m": plain(to_mni_m(head, pose.center_m)) if has_mni(head) else None,
        "nearest_site": None if site is None else {"name": site[0], "distance_m": site[1]},
        "handle_direction": plain(pose.handle_direction),
        "handle_from_midline_rad": handle_angle_rad(head, pose),
        "is_handle_assumed": is_assumed,
        "how": pose.how or None,
        "notices": list(pose.notices),
    }


def drive_record(drive: Drive) -> dict[str, Any]:
    """How hard a coil is driven, and the steps or the missing facts."""
    return {**plain(drive), "sentence": drive.sentence}
