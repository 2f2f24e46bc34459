"""Everything a run found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from stimplan.coil_field import CoilPlacement
from stimplan.exposure import Exposure
from stimplan.field import Field
from stimplan.head import HeadModel
from stimplan.head.dispersion import FrequencyJudgement
from stimplan.head.space import has_mni, to_mni_m
from stimplan.maps import Along, MapMetrics
from stimplan.montage import Point
from stimplan.peaks import Voltages
from stimplan.placement import Placement
from stimplan.protocol import Protocol
from stimplan.regional import Measures
from stimplan.report import run_record
from stimplan.roi import RoiMetrics
from stimplan.runs.magnetic import CoilBlock, CoilRun
from stimplan.safety import SafetyReport, Subject


def in_space_m(head: HeadModel, point_m: Any) -> Point:
    """A position in MNI space where the head has one, m; unchanged elsewhere."""
    point = np.asarray(point_m, float)
    if has_mni(head):
        point = to_mni_m(head, point)
    return (float(point[0]), float(point[1]), float(point[2]))


@attrs.frozen(eq=False)
class RunResult:
    """Everything a run found.

    Attributes
    ----------
    protocol : Protocol
    head : HeadModel
    placement : Placement or CoilPlacement
    exposure : Exposure
        The fields of the waveform and the maps made of them; `field` is the first, the only one of a direct current.
    report : SafetyReport
        The field's own rules included.
    tissue : str
        Which tissue the numbers are about: grey matter, or the innermost tissue of a head without any.
    maps : tuple of MapMetrics
        Numbers of each map in the tissue, and at the protocol's target where it has a position and the head has MNI
        space. `metrics` and `target_metrics` are those of the first.
    along : Along or None
        Numbers of the component along a direction, where one was asked for.
    frequencies : tuple of FrequencyJudgement
        How well a static field describes each frequency of the waveform.
    voltages : Voltages or None
        At the electrodes; None for a coil.
    measures : Measures
        Focality, the field through the cortex, the regions asked for, current density at the electrodes.
    quantities : mapping of str to float
        What the safety rules were told about the field, SI.
    files : mapping of str to str
        SHA-256 of each file written, by name; empty where nothing was written.
    subject : Subject or None
        Whom the report is about.
    coil : CoilRun or None
        Of stimulation by a coil: the coil, and each of its blocks; the numbers above are those of the first.
    """

    protocol: Protocol
    head: HeadModel
    placement: Placement | CoilPlacement
    exposure: Exposure
    report: SafetyReport
    tissue: str
    maps: tuple[MapMetrics, ...]
    along: Along | None
    frequencies: tuple[FrequencyJudgement, ...]
    voltages: Voltages | None
    measures: Measures
    quantities: Mapping[str, float]
    files: Mapping[str, str] = attrs.field(factory=dict)
    subject: Subject | None = None
    coil: CoilRun | None = None

    @property
    def field(self) -> Field:
        """The first field of the exposure: the only one of a direct current."""
        return self.exposure.field

    @property
    def metrics(self) -> RoiMetrics:
        """Numbers of the map by which this stimulation is judged, in the tissue."""
        return self.maps[0].in_tissue

    @property
    def target_metrics(self) -> RoiMetrics | None:
        """The same at the protocol's target."""
        return self.maps[0].at_target

    def record(self) -> dict[str, Any]:
        """JSON data of the run: exactly what `summary.json` holds."""
        return run_record(self)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Program, packages and how the field was solved."""
        return self.record()["provenance"]

    @property
    def point_of_interest_m(self) -> Point:
        """Where the slices meet: the target, or the peak; MNI where the head has it, m."""
        if self.coil is not None:
            return self.place_of(self.coil.blocks[0])
        target = self.protocol.target
        if self.target_metrics is not None and target is not None and target.mni_m is not None:
            return target.mni_m
        return in_space_m(self.head, self.metrics.peak_position_m)

    def place_of(self, block: CoilBlock) -> Point:
        """Where the slices of a coil's block meet: its target, or the tissue below the coil; MNI where there is one."""
        target = self.protocol.target
        if block.maps[0].at_target is not None and target is not None and target.mni_m is not None:
            return target.mni_m
        return in_space_m(self.head, block.below_m)
