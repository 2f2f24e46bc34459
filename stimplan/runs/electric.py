"""Stimulation by electrodes: the fields of the waveform and their numbers."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from stimplan.errors import InputError
from stimplan.exposure import Exposure, frequencies_Hz
from stimplan.head import HeadModel
from stimplan.head.dispersion import judge_frequencies
from stimplan.head.space import has_mni
from stimplan.maps import metrics_along, metrics_of
from stimplan.montage import Point
from stimplan.peaks import not_judged, voltages
from stimplan.placement import Placement
from stimplan.protocol import Protocol
from stimplan.regional import measures_of, named_regions
from stimplan.roi import SphereRoi, default_tissue, elements_in, sphere_roi
from stimplan.runs.options import RunOptions
from stimplan.runs.result import RunResult, in_space_m
from stimplan.safety import SafetyReport, Simulated


def simulated_on(placement: Placement, quantities: Mapping[str, float] | None = None) -> Simulated:
    """A placement as the safety rules see it: where each electrode lies, and the numbers of its field."""
    head, patches = placement.head, placement.electrodes
    own: dict[str, Point] = {}
    for patch in patches:
        x, y, z = patch.center_m.tolist()
        own[patch.electrode.label] = (x, y, z)
    mni = {label: in_space_m(head, point) for label, point in own.items()} if has_mni(head) else None
    return Simulated(placement.protocol_digest, head.name, quantities, own, mni)


def electric_result(
    protocol: Protocol,
    exposure: Exposure,
    report: SafetyReport,
    *,
    quantities: Mapping[str, float],
    options: RunOptions,
) -> RunResult:
    """The result of a run that has written nothing yet."""
    head, placement = exposure.field.head, exposure.field.placement
    assert placement is not None and protocol.electric is not None
    target = _target(protocol, head)
    return RunResult(
        protocol=protocol,
        head=head,
        placement=placement,
        exposure=exposure,
        report=attrs.evolve(report, not_judged=(*report.not_judged, *not_judged(exposure, quantities))),
        tissue=default_tissue(head),
        maps=metrics_of(exposure, target),
        along=None if options.along is None else metrics_along(exposure, options.along, target),
        frequencies=judge_frequencies(head, frequencies_Hz(protocol.electric)),
        voltages=voltages(exposure),
        measures=measures_of(exposure, named_regions(options.regions)),
        quantities=quantities,
        subject=options.subject,
    )


def _target(protocol: Protocol, head: HeadModel) -> SphereRoi | None:
    """The protocol's target as a region, where it is a place this head knows."""
    target = protocol.target
    if target is None or target.mni_m is None or target.radius_m is None or not has_mni(head):
        return None
    ball = sphere_roi(
        mni_mm=[1e3 * x for x in target.mni_m], radius_mm=1e3 * target.radius_m, tissue=default_tissue(head)
    )
    try:
        elements_in(head, ball)
    except InputError:
        if not head.provenance.get("lesions"):
            raise
        return None  # the lesion has taken the target's place, which the report's notices say
    return ball
