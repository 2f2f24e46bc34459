"""`stimplan run`: check a protocol, simulate it on a head, write pictures and a report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.coil_options import add_coil_options, read_coil_options
from stimplan.commands.output import PROFILES_HELP, add_command, show_json, show_lines
from stimplan.errors import InputError, Problem, SafetyStop

# Where conductivities hold as they are; the same as in `stimplan.head.dispersion`, which is not loaded for --help.
LOW_HZ = 1000.0

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.pipeline import RunOptions


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`run PROTOCOL`."""
    parser = add_command(commands, "run", "check a protocol, simulate it on a head, write pictures and a report")
    parser.add_argument("protocol", help="id in the library, or a JSON file")
    parser.add_argument("--head", default="colin27", help="head model: a name of `stimplan heads`, or a file (default: "
                        "colin27)")  # fmt: skip
    parser.add_argument("--labels", metavar="MAPPING", help="of a head given as a file: which label is which tissue")
    parser.add_argument("--fiducials", metavar="FILE", help="of a head given as a file: nasion, inion, LPA and RPA")
    parser.add_argument("--out", help="folder for the results (default: stimplan-<protocol id>)")
    parser.add_argument("--electrode-model", choices=("complete", "uniform"), default="complete")
    parser.add_argument("--solver", choices=("multigrid", "pardiso"), default="multigrid", help="multigrid is built "
                        "in; pardiso is direct, an extra, and needs much memory")  # fmt: skip
    parser.add_argument("--edge-mm", type=edge, metavar="MM", help="edge length of the head's mesh, mm, or the name "
                        "of a preset")  # fmt: skip
    parser.add_argument("--conductivities", metavar="PRESET", help="set of conductivities, see `stimplan "
                        "conductivities` (default: simnibs)")  # fmt: skip
    parser.add_argument("--conductivity", action="append", default=[], metavar="TISSUE=S_PER_M",
                        help="conductivity of one tissue, S/m, whatever the set says; may be repeated")  # fmt: skip
    parser.add_argument("--conductivities-at-frequency", nargs="?", type=float, const=LOW_HZ, metavar="LOW_HZ",
                        help="let the conductivities grow to the stimulation's frequency by a table, from LOW_HZ "
                        f"(default {LOW_HZ:g}; below, the table is doubtful)")  # fmt: skip
    parser.add_argument("--along", metavar="DIRECTION", help="measure the component along 'normal', into the "
                        "cortex (positive under an anode), or along X,Y,Z in head coordinates: for TI the modulation "
                        "depth")  # fmt: skip
    parser.add_argument("--roi", action="append", default=[], metavar="REGION", help="measure a region too: "
                        "sphere:mni_mm=X,Y,Z;radius_mm=R, ba:46, atlas:NAME:LABEL, mask:FILE, mask:mni:FILE or "
                        "patch:site=F3;radius_mm=R; may be repeated")  # fmt: skip
    _add_anatomy(parser)
    add_coil_options(parser)
    parser.add_argument("--subject", metavar="FILE", help="answers of the person, as JSON: judge the person too, with "
                        "distances from implants on this head")  # fmt: skip
    parser.add_argument("--profile", metavar="NAME", help=PROFILES_HELP)
    parser.add_argument("--site-policy", metavar="FILE", help="the site's own changes to the profile, as JSON")
    parser.add_argument("--even-if-stopped", action="store_true", help="simulate although the safety verdict is "
                        "stop or unknown; the report says so")  # fmt: skip
    parser.add_argument("--surface", metavar="SURFACE", help="write the field on the average brain too, as GIFTI: "
                        "fsaverage5, or a folder with FreeSurfer's surfaces")  # fmt: skip
    parser.add_argument("--no-figures", action="store_true", help="draw no pictures")
    return parser


def _add_anatomy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lesion", action="append", default=[], metavar="REGION=TISSUE",
                        help="a mask file (mni:FILE in MNI space) or sphere:mni_mm=X,Y,Z,radius_mm=R, and what it is: "
                        "a tissue, a material such as titanium, or NAME:S_PER_M; @bone replaces bone only; may be "
                        "repeated")  # fmt: skip
    parser.add_argument("--dti", metavar="FILE", help="diffusion tensors in the head's space: white matter conducts "
                        "along its fibres")  # fmt: skip
    parser.add_argument("--dti-order", metavar="ORDER", help="order of the file's six numbers: fsl, mrtrix, nifti or "
                        "nifti-world")  # fmt: skip
    parser.add_argument("--anisotropy", default="vn", metavar="MAPPING", help="from diffusion to conductivity: vn, vc, "
                        "dir, tuch or mc (default: vn)")  # fmt: skip


def run(args: argparse.Namespace, console: Console) -> int:
    """Run the protocol and print the findings, the field in numbers, and where the files are."""
    from stimplan.protocol import read_protocol
    from stimplan.terminal import notice, progress_bar, show_findings, show_run

    protocol = read_protocol(args.protocol)
    if args.out == "":  # a shell variable that is not set; the current folder is asked for with a dot
        raise InputError(Problem("--out", "is empty; name a folder"))
    out = Path(args.out) if args.out else Path(f"stimplan-{protocol.id}")
    conductivities = read_conductivities(args.conductivity)
    policy = read_policy(args)
    with progress_bar(is_shown=not args.json) as progress:
        from stimplan.pipeline import run as run_pipeline

        chosen = _options(args, conductivities, policy)
        try:
            result = run_pipeline(protocol, args.head, out=out, options=chosen, progress=progress)
        except SafetyStop as stop:
            if not args.json:
                show_lines(console, show_findings(stop.report))
                note = "\nNot simulated. --even-if-stopped simulates all the same and says so in the report."
                show_lines(console, [note])
            raise
    if args.json:
        show_json(console, result.record())
    else:
        show_lines(console, [*show_run(result, out), "", *notice()])
    is_open = result.report.verdict in ("stop", "unknown") and not args.even_if_stopped
    return SafetyStop.exit_code if is_open else 0


def _options(args: argparse.Namespace, conductivities: dict[str, float], policy: dict[str, Any]) -> RunOptions:
    from stimplan.pipeline import RunOptions

    grows = args.conductivities_at_frequency is not None
    return RunOptions(
        electrode_model=args.electrode_model,
        solver=args.solver,
        edge_mm=args.edge_mm,
        head_labels=args.labels,
        head_fiducials=args.fiducials,
        conductivity_preset=args.conductivities,
        conductivities_S_per_m=conductivities,
        lesions=args.lesion,
        dti=args.dti,
        dti_order=args.dti_order,
        anisotropy=args.anisotropy,
        conductivities_at_frequency=grows,
        conductivities_low_Hz=args.conductivities_at_frequency if grows else LOW_HZ,
        along=read_direction(args.along),
        regions=args.roi,
        even_if_stopped=args.even_if_stopped,
        with_figures=not args.no_figures,
        surface=args.surface,
        coil=read_coil_options(args, _folder_of(args.protocol)),
        **policy,
    )


def _folder_of(protocol: str) -> Path | None:
    """Folder of a protocol's file, where the coil file it names is looked for; None for an id of the library."""
    path = Path(protocol)
    return path.parent if path.is_file() else None


def read_policy(args: argparse.Namespace) -> dict[str, Any]:
    """Whom and by which profile the safety rules judge, from `--subject`, `--profile` and `--site-policy`.

    Raises
    ------
    InputError
        A file cannot be used.
    """
    from stimplan.safety import read_site_policy, read_subject
    from stimplan.safety.values import DEFAULT_PROFILE

    policy = read_site_policy(Path(args.site_policy)) if args.site_policy else None
    return {
        "subject": read_subject(Path(args.subject)) if args.subject else None,
        "profile": args.profile or (policy.profile if policy else DEFAULT_PROFILE),
        "site_policy": policy,
    }


def read_conductivities(given: Sequence[str]) -> dict[str, float]:
    """`TISSUE=S_PER_M` arguments as a table; every one that cannot be read is listed.

    Raises
    ------
    InputError
        An argument that is not a tissue, an equals sign and a number.
    """
    table: dict[str, float] = {}
    problems = []
    for argument in given:
        tissue, _, number = argument.partition("=")
        try:
            table[tissue.strip()] = float(number)
        except ValueError:
            problems.append(Problem("--conductivity", f"{argument!r} is not TISSUE=S_PER_M, such as bone=0.01"))
    if problems:
        raise InputError(problems)
    return table


def read_direction(given: str | None) -> str | list[float] | None:
    """`normal`, or X,Y,Z as three numbers.

    Raises
    ------
    InputError
        Neither.
    """
    if given is None or given == "normal":
        return given
    try:
        x, y, z = (float(one) for one in given.split(","))
    except ValueError:
        what = f"{given!r} is neither normal nor three numbers X,Y,Z such as 0,0,1"
        raise InputError(Problem("--along", what)) from None
    return [x, y, z]


def edge(given: str) -> float | str:
    """A number of mm, or a preset's name, which the head knows."""
    try:
        return float(given)
    except ValueError:
        return given
