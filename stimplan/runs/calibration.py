"""From a motor threshold to the field at another target, on one head with one coil.

The motor threshold is the field a person's hand area needs. The coil is laid over the hand area with the handle 45°
backwards and outwards, and its field there for 1 A/µs is compared with the field at the target for 1 A/µs: the ratio
needs no threshold and no dI/dt. At x % of the threshold the target gets x % of the ratio times the field that the hand
area needs, whatever that is; with the threshold as dI/dt both are V/m.

That the threshold of one person is one field at the cortex whatever the coil was measured with two figure-8 coils in
ten persons: predicted through the simulated field it came out with an error of 1.3 % of the output, by scaling from the
other coil with 6.1 % (doi:10.1002/hbm.70550, abstract read). The hot spot was over the central sulcus, mostly at the
hand knob, in fewer than half of the hemispheres (Ahdab et al. 2016, doi:10.1007/s10548-016-0486-2, abstract read): a
measured position is better.
"""

from __future__ import annotations

import math
from typing import Literal

import attrs

from stimplan.coil import Coil
from stimplan.coil.intensity import Known
from stimplan.coil_field import CoilField
from stimplan.errors import InputError, Problem
from stimplan.head import HeadModel
from stimplan.head.space import has_mni
from stimplan.montage import Point
from stimplan.pose import CoilPose, MniTarget, pose_on_scalp
from stimplan.pose_contact import rest_on_scalp
from stimplan.protocol.magnetic import Handle
from stimplan.roi import Roi, SphereRoi, default_tissue, elements_in
from stimplan.runs.drive import UNIT_A_PER_S
from stimplan.runs.spread import Range, Spread, spread_of, unit_fields_at

Side = Literal["left", "right"]

# Primary motor cortex, mean over studies of (mostly) hand movements, MNI: Mayka et al. 2006; the right is its mirror.
HAND_KNOB_M: dict[str, Point] = {"left": (-0.037, -0.021, 0.058), "right": (0.037, -0.021, 0.058)}
HAND_KNOB_SOURCE = (
    "Mayka MA, Corcos DM, Leurgans SE, Vaillancourt DE. Three-dimensional locations and boundaries of motor and "
    "premotor cortices as defined by functional brain imaging: a meta-analysis. NeuroImage 2006;31:1453-1474, "
    "doi:10.1016/j.neuroimage.2006.02.004 (read in texts that quote it)"
)
CARRIED_SOURCES = (
    "Threshold as one field at the cortex: doi:10.1002/hbm.70550 (root mean square error 1.3 % of the output in ten "
    "persons; abstract read). Hot spot outside the hand knob in more than half of the hemispheres: Ahdab et al. 2016, "
    "doi:10.1007/s10548-016-0486-2 (abstract read)"
)
# The tissue of interest around a place that is averaged, at the hand area and at the target alike.
RADIUS_M = 0.010
_HANDLE_RAD = math.radians(45)
# A coil nearer than this to the midline is measured against the left hand area.
_MIDLINE_M = 0.010


@attrs.frozen(eq=False)
class Calibration:
    """Field at the hand area beside the field at a target, for the same coil at the same rate.

    Attributes
    ----------
    side : {"left", "right"}
    hand_m : 3-tuple
        MNI position of the hand area, m.
    pose : CoilPose
        Of the coil over it.
    hand : Range
        Mean |E| in the hand area for 1 A/µs, with its spread over placements.
    target : Range
        Mean |E| in the target for 1 A/µs, the coil at the target.
    region : str
        `target`, or `below` the coil where the protocol has no target on this head.
    hand_error, target_error : float
        Estimated relative error of the elements' field there.
    threshold_didt_A_per_s : float or None
        The person's resting threshold as a rate of the current, where it is known.
    hand_source, sources : str
        Of the hand area's position, and of what carrying a threshold over is worth.
    """

    side: Side
    hand_m: Point
    pose: CoilPose
    hand: Range
    target: Range
    region: str
    hand_error: float
    target_error: float
    threshold_didt_A_per_s: float | None

    hand_source: str = HAND_KNOB_SOURCE
    sources: str = CARRIED_SOURCES

    @property
    def ratio(self) -> float:
        """Field at the target over field at the hand area, for the same current."""
        return self.target.value_V_per_m / self.hand.value_V_per_m

    @property
    def ratio_low(self) -> float:
        """The least among all pairs of placements."""
        return self.target.low_V_per_m / self.hand.high_V_per_m

    @property
    def ratio_high(self) -> float:
        """The largest among all pairs of placements."""
        return self.target.high_V_per_m / self.hand.low_V_per_m

    @property
    def relative_uncertainty(self) -> float:
        """Placement at both places and the error of both fields, taken as independent: root of the sum of squares."""
        parts = (self.hand.relative_rms, self.target.relative_rms, self.hand_error, self.target_error)
        return math.sqrt(sum(part * part for part in parts))

    @property
    def hand_at_threshold_V_per_m(self) -> float | None:
        """Field in the hand area at 100 % of the resting threshold; None without the threshold."""
        return self._at_threshold(self.hand)

    @property
    def target_at_threshold_V_per_m(self) -> float | None:
        """Field at the target when the output is the resting threshold; None without the threshold."""
        return self._at_threshold(self.target)

    def _at_threshold(self, one: Range) -> float | None:
        if self.threshold_didt_A_per_s is None:
            return None
        return one.value_V_per_m * self.threshold_didt_A_per_s / UNIT_A_PER_S


def hand_pose(head: HeadModel, coil: Coil, side: Side = "left", *, distance_m: float = 0.0) -> CoilPose:
    """The coil over the hand area, the handle 45° backwards and outwards.

    Raises
    ------
    InputError
        The head has no MNI space.
    CoilError
        The coil cannot be laid there.
    """
    if not has_mni(head):
        raise InputError(Problem("head", f"{head.name!r} has no MNI space, by which the hand area is found"))
    angle = _HANDLE_RAD if side == "left" else -_HANDLE_RAD
    handle = Handle(from_midline_rad=angle)
    pose = pose_on_scalp(head, MniTarget(HAND_KNOB_M[side]), handle=handle, distance_m=distance_m)
    casing = coil.casing_points_m
    return pose if casing is None else rest_on_scalp(head, pose, casing)


def calibrate(
    field: CoilField,
    region: Roi,
    *,
    name: str,
    spread: Spread | None = None,
    known: Known | None = None,
    distance_m: float = 0.0,
) -> Calibration:
    """Carry a motor threshold from the hand area to a target.

    Parameters
    ----------
    field : CoilField
        With the coil at the target; the hand area of its side is taken (the left one on the midline).
    region : region
        The target; a sphere of `RADIUS_M`, as that of the hand area.
    name : str
        `target` or `below`.
    spread : Spread, optional
        Of the field at the target, with that region; it is made where it is not given.
    known : Known, optional
        Thresholds of the person.
    distance_m : float
        From the scalp to the coil over the hand area, m.

    Raises
    ------
    InputError
        The head has no MNI space.
    """
    head, coil = field.head, field.coil_placement.coil
    side: Side = "right" if field.coil_placement.pose_m[0, 3] > _MIDLINE_M else "left"
    over_hand = hand_pose(head, coil, side, distance_m=distance_m)
    hand = SphereRoi(HAND_KNOB_M[side], True, RADIUS_M, default_tissue(head))
    over = next(unit_fields_at(head, coil, [over_hand]))
    hands = spread_of(over, {"hand": hand}).figures["hand"]["mean"]
    targets = spread or spread_of(field, {name: region})
    rate = abs(field.coil_placement.didt_A_per_s[0])
    return Calibration(
        side=side,
        hand_m=HAND_KNOB_M[side],
        pose=over_hand,
        hand=hands,
        target=targets.figures[name]["mean"].scaled(UNIT_A_PER_S / rate),
        region=name,
        hand_error=over.error_estimate(elements_in(head, hand)),
        target_error=field.error_estimate(elements_in(head, region)),
        threshold_didt_A_per_s=threshold_rate(known),
    )


def threshold_rate(known: Known | None) -> float | None:
    """The resting threshold as a rate of the current, A/s; None where a fact is missing."""
    if known is None:
        return None
    if "rMT" in known.thresholds_didt_A_per_s:
        return float(known.thresholds_didt_A_per_s["rMT"])
    share = known.thresholds_fraction.get("rMT")
    if share is None or known.max_didt_A_per_s is None:
        return None
    return float(share * known.max_didt_A_per_s)
