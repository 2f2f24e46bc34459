"""A whole run: protocol and head in, safety report, field and files out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from stimplan.errors import InputError, SafetyStop
from stimplan.exchange import staged_folder
from stimplan.exchange.fsaverage import AverageSurface, load_average_surface, need_gray_matter
from stimplan.field import Field, solve
from stimplan.head import HeadModel
from stimplan.head.conductivity import BY_USER
from stimplan.head.cortex import brain_names
from stimplan.head.lesion import Lesion, lesion_notices
from stimplan.head.prepare import HeadChoice, prepared_head
from stimplan.head.space import has_mni, to_mni_m
from stimplan.montage import Point
from stimplan.placement import Placement, place
from stimplan.protocol import Protocol, read_protocol
from stimplan.protocol.plan import Simulation
from stimplan.report import outputs, run_record
from stimplan.roi import RoiMetrics, default_tissue, measure, sphere_roi, weighted_percentiles
from stimplan.safety import SafetyReport, Simulated, SitePolicy, Subject, check
from stimplan.safety.values import DEFAULT_PROFILE

Progress = Callable[[str, float], None]

# Whose field is one field, constant in time but for its ramps.
SIMULATED = ("tDCS", "HD-tDCS")


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
    field : Field
    report : SafetyReport
        The field's own rules included.
    metrics : RoiMetrics
        Of the grey matter, or of the innermost tissue of a head without any.
    tissue : str
        Which tissue `metrics` is about.
    target_metrics : RoiMetrics or None
        Of the protocol's target, where it has a position and the head has MNI space.
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
    field: Field
    report: SafetyReport
    metrics: RoiMetrics
    tissue: str
    target_metrics: RoiMetrics | None
    quantities: Mapping[str, float]
    files: Mapping[str, str] = attrs.field(factory=dict)
    subject: Subject | None = None

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
    _refuse_what_is_not_simulated(plan)
    _stop_if_told(_checked(plan, chosen, None), chosen)
    with staged_folder(Path(out), replaces=outputs.NAMES) if out is not None else nullcontext() as folder:
        model = _head(head, plan, chosen, tell)
        surface = _surface(model, chosen)
        placement = place(plan, model, electrode_model=chosen.electrode_model)
        _stop_if_told(_checked(plan, chosen, simulated_on(placement)), chosen)
        field = solve(model, placement, progress=tell)
        quantities = field_quantities(field)
        report = _checked(plan, chosen, simulated_on(placement, quantities))
        _stop_if_told(report, chosen)
        result = _with_notices(attrs.evolve(_measured(plan, field, report, quantities), subject=chosen.subject))
        if folder is not None:
            files = outputs.write_outputs(
                result, folder, with_figures=chosen.with_figures, surface=surface, progress=tell
            )
            result = attrs.evolve(result, files=files)
            outputs.write_summary(result, folder)
    tell("done", 1.0)
    return result


def field_quantities(field: Field) -> dict[str, float]:
    """What the safety rules may ask about a field: current density in the brain, A/m².

    The brain is white and grey matter, or the innermost tissue of a head without them. The 99.9th percentile, by
    volume, resists the one bad tetrahedron that the maximum belongs to.
    """
    head = field.head
    inside = np.isin(head.tissue, [head.tissue_named(name).label for name in brain_names(head)])
    density, volume = np.linalg.norm(field.J_A_per_m2[inside], axis=1), head.volumes_m3[inside]
    return {
        "brain_current_density_p999_A_per_m2": weighted_percentiles(density, volume, 99.9)[0],
        "brain_current_density_max_A_per_m2": float(density.max()),
    }


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


def _refuse_what_is_not_simulated(protocol: Protocol) -> None:
    if protocol.modality not in SIMULATED:
        raise InputError(
            f"{protocol.modality} cannot be simulated yet, only {' and '.join(SIMULATED)}; `stimplan check` judges it"
        )


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
    return prepared_head(head, choice, progress=progress)


def _surface(head: HeadModel, options: RunOptions) -> AverageSurface | None:
    """The average surface asked for, read before the long work, so that a missing one is said at once."""
    if options.surface is None:
        return None
    need_gray_matter(head)
    return load_average_surface(options.surface)


def _measured(protocol: Protocol, field: Field, report: SafetyReport, quantities: Mapping[str, float]) -> RunResult:
    """The result of a run that has written nothing yet."""
    assert field.placement is not None
    return RunResult(
        protocol=protocol,
        head=field.head,
        placement=field.placement,
        field=field,
        report=report,
        metrics=measure(field),
        tissue=default_tissue(field.head),
        target_metrics=_target_metrics(protocol, field),
        quantities=quantities,
    )


def _with_notices(result: RunResult) -> RunResult:
    """The result, whose report says what no rule judges: the head's lesions, and sizes that are another head's."""
    sentences = lesions = lesion_notices(result.head)
    sentences += result.placement.notices
    target = result.protocol.target
    if lesions and target is not None and target.mni_m is not None and result.target_metrics is None:
        tissue = result.tissue.replace("_", " ")
        sentences += (f"The target, {target.label}, has no {tissue} left in this head: no field is given for it.",)
    return attrs.evolve(result, report=attrs.evolve(result.report, not_judged=(*result.report.not_judged, *sentences)))


def _target_metrics(protocol: Protocol, field: Field) -> RoiMetrics | None:
    """Field at the protocol's target, where it is a place this head knows."""
    target = protocol.target
    if target is None or target.mni_m is None or target.radius_m is None or not has_mni(field.head):
        return None
    ball = sphere_roi(
        mni_mm=[1e3 * x for x in target.mni_m], radius_mm=1e3 * target.radius_m, tissue=default_tissue(field.head)
    )
    try:
        return measure(field, ball)
    except InputError:
        if not field.head.provenance.get("lesions"):
            raise
        return None  # the lesion has taken the target's place, which `_with_notices` says
