"""A whole run: protocol and head in, safety report, field and files out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from stimplan.errors import InputError, Problem, SafetyStop
from stimplan.exchange import staged_folder
from stimplan.exchange.fsaverage import AverageSurface, load_average_surface, need_gray_matter
from stimplan.exposure import Exposure, currents_of, expose, frequencies_Hz
from stimplan.field import Field
from stimplan.head import HeadModel
from stimplan.head.conductivity import BY_USER
from stimplan.head.dispersion import LOW_HZ, FrequencyJudgement, head_at_frequency, judge_frequencies
from stimplan.head.lesion import Lesion, lesion_notices
from stimplan.head.prepare import HeadChoice, prepared_head
from stimplan.head.space import has_mni, to_mni_m
from stimplan.head.tissues import in_words
from stimplan.maps import Along, MapMetrics, metrics_along, metrics_of
from stimplan.montage import Point
from stimplan.peaks import Voltages, field_quantities, not_judged, voltages
from stimplan.placement import Placement, place
from stimplan.protocol import Protocol, read_protocol
from stimplan.protocol.plan import Simulation
from stimplan.regional import Measures, measures_of, named_regions
from stimplan.report import outputs, run_record
from stimplan.roi import Roi, RoiMetrics, SphereRoi, check_regions, default_tissue, elements_in, sphere_roi
from stimplan.safety import SafetyReport, Simulated, SitePolicy, Subject, check
from stimplan.safety.values import DEFAULT_PROFILE

Progress = Callable[[str, float], None]


@attrs.frozen
class RunOptions:
    """How a run is done; nothing here changes what is delivered to a person.

    Attributes
    ----------
    electrode_model : {"complete", "uniform"}
    edge_mm : float, str or None
        Edge length of the head's mesh, mm, or the name of a preset; None leaves it to the head.
    head_labels, head_fiducials : str, Path or None
        Of a head that is given as a file: which label is which tissue, and the file with its fiducials.
    conductivity_preset : str or None
        Set of conductivities, see `stimplan.head.conductivity`; goes before the protocol's.
    conductivities_S_per_m : mapping of str to float
        Tissues whose conductivity is not that of the set, S/m.
    lesions : sequence of Lesion or str
        Laid over the head in their order; as text in the form of `stimplan.head.lesion.read_lesion`.
    dti, dti_order : str, Path or None
        File of diffusion tensors in the space of the head, and the order of its six numbers; white matter conducts by
        them. See `stimplan.head.tensor_volume`.
    anisotropy : {"vn", "vc", "dir", "tuch", "mc"}
        How diffusion becomes conductivity, see `stimplan.head.anisotropy`.
    conductivities_at_frequency : bool
        Let the conductivities grow to the frequency of the stimulation, by the table of `stimplan.head.dispersion`.
    conductivities_low_Hz : float
        Where they hold as they are; below 1 kHz the table's growth is doubtful.
    along : "normal", (3,) sequence or None
        Also measure the field's component along the outward normal of the cortex, or along a direction in head
        coordinates: for temporal interference the modulation depth along it.
    regions : sequence of region or str
        Measured too, see `stimplan.roi`; as text in the form of `stimplan.roi.read_roi`.
    even_if_stopped : bool
        Simulate although the verdict is stop or unknown; the report says so.
    with_figures : bool
        Draw the pictures.
    surface : str, Path or None
        Write the field on this average surface too: "fsaverage5", or a folder of FreeSurfer's; see
        `stimplan.exchange.fsaverage`.
    subject : Subject or None
        Whom the safety rules judge too; distances from implants are those on the head, once electrodes lie there.
    profile : str
        Policy profile of the safety rules.
    site_policy : SitePolicy or None
        A site's changes to it.
    """

    electrode_model: str = "complete"
    edge_mm: float | str | None = None
    head_labels: str | Path | None = None
    head_fiducials: str | Path | None = None
    conductivity_preset: str | None = None
    conductivities_S_per_m: Mapping[str, float] = attrs.field(factory=dict)
    lesions: Sequence[Lesion | str] = ()
    dti: str | Path | None = None
    dti_order: str | None = None
    anisotropy: str = "vn"
    conductivities_at_frequency: bool = False
    conductivities_low_Hz: float = LOW_HZ
    along: str | Sequence[float] | None = None
    regions: Sequence[Roi | str] = ()
    even_if_stopped: bool = False
    with_figures: bool = True
    surface: str | Path | None = None
    subject: Subject | None = None
    profile: str = DEFAULT_PROFILE
    site_policy: SitePolicy | None = None


@attrs.frozen(eq=False)
class RunResult:
    """Everything a run found.

    Attributes
    ----------
    protocol : Protocol
    head : HeadModel
    placement : Placement
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
    voltages : Voltages
        At the electrodes.
    measures : Measures
        Focality, the field through the cortex, the regions asked for, current density at the electrodes.
    quantities : mapping of str to float
        What the safety rules were told about the field, SI.
    files : mapping of str to str
        SHA-256 of each file written, by name; empty where nothing was written.
    subject : Subject or None
        Whom the report is about.
    """

    protocol: Protocol
    head: HeadModel
    placement: Placement
    exposure: Exposure
    report: SafetyReport
    tissue: str
    maps: tuple[MapMetrics, ...]
    along: Along | None
    frequencies: tuple[FrequencyJudgement, ...]
    voltages: Voltages
    measures: Measures
    quantities: Mapping[str, float]
    files: Mapping[str, str] = attrs.field(factory=dict)
    subject: Subject | None = None

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
        target = self.protocol.target
        if self.target_metrics is not None and target is not None and target.mni_m is not None:
            return target.mni_m
        return in_space_m(self.head, self.metrics.peak_position_m)


def run(
    protocol: Protocol | str | Path | Mapping[str, Any],
    head: HeadModel | str = "colin27",
    *,
    out: str | Path | None = None,
    options: RunOptions | None = None,
    even_if_stopped: bool | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Check a protocol, simulate it on a head and write the report.

    Parameters
    ----------
    protocol : Protocol, str, Path or mapping
        Anything `read_protocol` takes.
    head : HeadModel or str
        Anything `load_head` takes.
    out : str or Path, optional
        Folder for the files; nothing is written without it. All files arrive together at the end, or none.
    options : RunOptions, optional
    even_if_stopped : bool, optional
        Short for the option of that name.
    progress : callable, optional
        Called as `progress(stage, fraction)`.

    Raises
    ------
    SafetyStop
        The verdict is stop or unknown and `even_if_stopped` was not asked for.
    InputError
        Protocol, head, montage or output folder cannot be used.
    SolveError
        The field did not converge.
    """
    chosen = options or RunOptions()
    if even_if_stopped is not None:
        chosen = attrs.evolve(chosen, even_if_stopped=even_if_stopped)
    tell = progress or (lambda stage, fraction: None)

    plan = protocol if isinstance(protocol, Protocol) else read_protocol(protocol)
    _refuse_what_is_not_simulated(plan, chosen)
    regions = named_regions(chosen.regions)
    _stop_if_told(_checked(plan, chosen, None), chosen)
    with staged_folder(Path(out), replaces=outputs.NAMES) if out is not None else nullcontext() as folder:
        model = _head(head, plan, chosen, tell)
        check_regions(model, regions)
        surface = _surface(model, chosen)
        placement = place(plan, model, electrode_model=chosen.electrode_model)
        _stop_if_told(_checked(plan, chosen, simulated_on(placement)), chosen)
        exposure = expose(plan, placement, progress=tell)
        quantities = field_quantities(exposure)
        report = _checked(plan, chosen, simulated_on(placement, quantities))
        _stop_if_told(report, chosen)
        result = _with_notices(_measured(plan, exposure, report, quantities, options=chosen))
        if folder is not None:
            files = outputs.write_outputs(
                result, folder, with_figures=chosen.with_figures, surface=surface, progress=tell
            )
            result = attrs.evolve(result, files=files)
            outputs.write_summary(result, folder)
    tell("done", 1.0)
    return result


def simulated_on(placement: Placement, quantities: Mapping[str, float] | None = None) -> Simulated:
    """A placement as the safety rules see it: where each electrode lies, and the numbers of its field."""
    head, patches = placement.head, placement.electrodes
    own: dict[str, Point] = {}
    for patch in patches:
        x, y, z = patch.center_m.tolist()
        own[patch.electrode.label] = (x, y, z)
    mni = {label: in_space_m(head, point) for label, point in own.items()} if has_mni(head) else None
    return Simulated(placement.protocol_digest, head.name, quantities, own, mni)


def in_space_m(head: HeadModel, point_m: Any) -> Point:
    """A position in MNI space where the head has one, m; unchanged elsewhere."""
    point = np.asarray(point_m, float)
    if has_mni(head):
        point = to_mni_m(head, point)
    return (float(point[0]), float(point[1]), float(point[2]))


def _refuse_what_is_not_simulated(protocol: Protocol, options: RunOptions) -> None:
    """What cannot be solved is said before anything is computed: magnetic fields, currents whose size is unknown."""
    if protocol.electric is None:
        raise InputError(f"the field of {protocol.modality} cannot be simulated; `stimplan check` judges it")
    currents_of(protocol.electric)
    if options.conductivities_at_frequency and not frequencies_Hz(protocol.electric):
        what = f"{protocol.id} has no frequency to which the conductivities could grow"
        raise InputError(Problem("conductivities_at_frequency", what))


def _checked(protocol: Protocol, options: RunOptions, simulated: Simulated | None) -> SafetyReport:
    """The check; a person whose distances wait for the placement is judged with it, everybody else at once."""
    subject = options.subject
    waits = simulated is None and subject is not None and subject.has_positions
    return check(
        protocol,
        field=simulated,
        subject=None if waits else subject,
        profile=options.profile,
        site_policy=options.site_policy,
    )


def _stop_if_told(report: SafetyReport, options: RunOptions) -> None:
    """Raise the verdict, unless the caller asked to go on in spite of it."""
    if report.verdict in ("stop", "unknown") and not options.even_if_stopped:
        reasons = [finding.title for finding in report.findings if finding.status == report.verdict]
        raise SafetyStop(f"the safety verdict is {report.verdict}: {'; '.join(reasons) or 'no rule applies'}", report)


def _head(head: HeadModel | str, plan: Protocol, options: RunOptions, progress: Progress | None) -> HeadModel:
    """The head asked for, with lesions, conductivities and tensors; an option goes before the protocol."""
    simulation = plan.simulation or Simulation()
    choice = HeadChoice(
        edge_mm=options.edge_mm,
        labels=options.head_labels,
        fiducials=options.head_fiducials,
        lesions=options.lesions,
        conductivity_preset=options.conductivity_preset or simulation.conductivity_preset,
        settings=(
            (dict(simulation.conductivities_S_per_m), f"set in protocol {plan.id}"),
            (options.conductivities_S_per_m, BY_USER),
        ),
        dti=options.dti,
        dti_order=options.dti_order,
        anisotropy=options.anisotropy,
    )
    model = prepared_head(head, choice, progress=progress)
    if not options.conductivities_at_frequency or plan.electric is None:
        return model
    # One head serves all of a waveform's frequencies: the middle of a band, or of carriers that differ by hertz.
    middle_Hz = float(np.mean(frequencies_Hz(plan.electric)))
    return head_at_frequency(model, middle_Hz, low_Hz=options.conductivities_low_Hz)


def _surface(head: HeadModel, options: RunOptions) -> AverageSurface | None:
    """The average surface asked for, read before the long work, so that a missing one is said at once."""
    if options.surface is None:
        return None
    need_gray_matter(head)
    return load_average_surface(options.surface)


def _measured(
    protocol: Protocol,
    exposure: Exposure,
    report: SafetyReport,
    quantities: Mapping[str, float],
    *,
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


def _with_notices(result: RunResult) -> RunResult:
    """The result, whose report says what no rule judges: the head's lesions, and sizes that are another head's."""
    sentences = lesion_notices(result.head) + result.placement.notices
    target = result.protocol.target
    if target is not None and target.mni_m is not None and result.target_metrics is None:
        sentences += (f"The target, {target.label}, {_why_no_target(result)}: no field is given for it.",)
    return attrs.evolve(result, report=attrs.evolve(result.report, not_judged=(*result.report.not_judged, *sentences)))


def _why_no_target(result: RunResult) -> str:
    """Why nothing was measured at a target that has a position."""
    if not has_mni(result.head):
        return "is a place in MNI space, to which this head has no way"
    return f"has no {in_words(result.tissue)} left in this head"


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
        return None  # the lesion has taken the target's place, which `_with_notices` says
    return ball
