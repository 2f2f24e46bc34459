"""A whole run: protocol and head in, safety report, field and files out.

It reads downhill: check, head, place, solve, check again, measure, write. What differs between electrodes and coils is
in `stimplan.runs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from stimplan.errors import InputError, Problem, SafetyStop
from stimplan.exchange import staged_folder
from stimplan.exchange.fsaverage import AverageSurface, load_average_surface, need_gray_matter
from stimplan.exposure import currents_of, expose, frequencies_Hz
from stimplan.fem.direct import solver_named
from stimplan.head import HeadModel
from stimplan.head.conductivity import BY_USER
from stimplan.head.dispersion import head_at_frequency
from stimplan.head.prepare import HeadChoice, prepared_head
from stimplan.peaks import field_quantities
from stimplan.placement import place
from stimplan.protocol import Protocol, read_protocol
from stimplan.protocol.plan import Simulation
from stimplan.regional import named_regions
from stimplan.report import outputs
from stimplan.roi import check_regions
from stimplan.runs.coil_places import chosen_coil, place_coils
from stimplan.runs.electric import electric_result, simulated_on
from stimplan.runs.magnetic import first_drives, simulate_coils
from stimplan.runs.magnetic_result import coils_on, magnetic_result
from stimplan.runs.notices import with_notices
from stimplan.runs.options import CoilOptions, RunOptions
from stimplan.runs.result import RunResult, in_space_m
from stimplan.safety import SafetyReport, Simulated, check

__all__ = ["CoilOptions", "RunOptions", "RunResult", "in_space_m", "run", "simulated_on"]

Progress = Callable[[str, float], None]


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
        The verdict is stop, or unknown where currents or a person are judged, and `even_if_stopped` was not asked for.
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
    chosen = _beside(protocol, chosen)
    _refuse_what_is_not_simulated(plan, chosen)
    regions = named_regions(chosen.regions)
    early = _checked(plan, chosen, None)
    if plan.magnetic is None or early.verdict == "stop":  # what is unknown of a coil may be known once it is placed
        _stop_if_told(early, chosen)
    with staged_folder(Path(out), replaces=outputs.NAMES) if out is not None else nullcontext() as folder:
        model = _head(head, plan, chosen, tell)
        check_regions(model, regions)
        surface = _surface(model, chosen)
        simulate = _simulated_coils if plan.magnetic is not None else _simulated_electrodes
        result = with_notices(simulate(plan, model, chosen, tell))
        if folder is not None:
            files = outputs.write_outputs(
                result, folder, with_figures=chosen.with_figures, surface=surface, progress=tell
            )
            result = attrs.evolve(result, files=files)
            outputs.write_summary(result, folder)
    tell("done", 1.0)
    return result


def _simulated_electrodes(plan: Protocol, head: HeadModel, chosen: RunOptions, tell: Progress) -> RunResult:
    """Place, check with the places, solve, check with the field, measure."""
    placement = place(plan, head, electrode_model=chosen.electrode_model)
    _stop_if_told(_checked(plan, chosen, simulated_on(placement)), chosen)
    exposure = expose(plan, placement, solver=solver_named(chosen.solver), progress=tell)
    quantities = field_quantities(exposure)
    report = _checked(plan, chosen, simulated_on(placement, quantities))
    _stop_if_told(report, chosen)
    return electric_result(plan, exposure, report, quantities=quantities, options=chosen)


def _simulated_coils(plan: Protocol, head: HeadModel, chosen: RunOptions, tell: Progress) -> RunResult:
    """The same for the coil of each block; an intensity in V/m is a share of the output only once it is solved."""
    is_about_nobody = chosen.subject is None
    placed = place_coils(plan, head, chosen.coil)
    drives = first_drives(placed, chosen.coil)
    early = _checked(plan, chosen, coils_on(placed, drives, chosen.coil))
    _stop_if_told(early, chosen, is_about_nobody=is_about_nobody)
    found = simulate_coils(placed, chosen, progress=tell)
    report = _checked(plan, chosen, coils_on(placed, [block.drive for block in found.blocks], chosen.coil))
    _stop_if_told(report, chosen, is_about_nobody=is_about_nobody)
    return magnetic_result(placed, found, report, options=chosen)


def _beside(protocol: Any, options: RunOptions) -> RunOptions:
    """The options, with the folder of the protocol's file as the one where the coil file it names is looked for."""
    is_name = isinstance(protocol, Path) or (isinstance(protocol, str) and not protocol.lstrip().startswith("{"))
    if options.coil.folder is not None or not is_name or not Path(protocol).is_file():
        return options
    return attrs.evolve(options, coil=attrs.evolve(options.coil, folder=Path(protocol).parent))


def _refuse_what_is_not_simulated(protocol: Protocol, options: RunOptions) -> None:
    """What cannot be solved is said before anything is computed: a coil nobody knows, currents of unknown size."""
    solver_named(options.solver)
    if protocol.magnetic is not None:
        if options.solver != "multigrid":
            raise InputError(Problem("solver", f"{options.solver} is for electrodes; a coil is solved by multigrid"))
        chosen_coil(protocol.magnetic, options.coil)
    if protocol.electric is not None:
        currents_of(protocol.electric)
    if options.conductivities_at_frequency and (protocol.electric is None or not frequencies_Hz(protocol.electric)):
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


def _stop_if_told(report: SafetyReport, options: RunOptions, *, is_about_nobody: bool = False) -> None:
    """Raise the verdict, unless the caller asked to go on in spite of it.

    A published protocol of a coil has no threshold, for that is a person's: while nobody is named, what stays unknown
    stands on the first page and the run goes on.
    """
    raising = ("stop",) if is_about_nobody else ("stop", "unknown")
    if report.verdict in raising and not options.even_if_stopped:
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
