"""`stimplan leadfield`: the field of every electrode of a layout, kept in a file; and a montage from it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines
from stimplan.commands.run import edge
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.leadfield import LeadField


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`leadfield FILE`, with the layout to compute or the montage to ask for."""
    parser = add_command(commands, "leadfield", "compute the field of every site of a layout once; ask it for montages")
    parser.add_argument("file", type=Path, help="HDF5 file (.h5): made if it is not there, gone on with if interrupted")
    parser.add_argument("--head", help="head model (default: colin27)")
    parser.add_argument("--edge-mm", type=edge, metavar="MM", help="of the mesh: mm, or teaching, standard, fine")
    parser.add_argument("--sites", help="layout (10-20, 10-10) or sites with commas (default: 10-10)")
    parser.add_argument("--diameter-mm", type=float, metavar="MM", help="of the round electrodes (default: 12)")
    parser.add_argument("--montage", nargs="+", metavar="SITE:MA", help="measure this montage from it; a file that "
                        "is there says itself which head and which sites it is of")  # fmt: skip
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Make the file, or open it, and answer."""
    from stimplan.commands.preview import montage_currents
    from stimplan.terminal import progress_bar

    _refuse_bad(args)
    currents = montage_currents(args.montage) if args.montage else None
    with progress_bar(is_shown=not args.json) as progress:
        lead = _lead_field(args, currents, progress)
    answer = None if currents is None else _answer(lead, currents)
    summary = {
        "file": str(args.file),
        "head": lead.head.name,
        "electrodes": list(lead.names),
        "residual": lead.rows.residual,
        "size_MB": args.file.stat().st_size / 1e6,
        "montage": answer,
    }
    if args.json:
        show_json(console, summary)
        return 0
    what = f"{len(lead.names)} electrodes on {lead.head.name}"
    lines = [f"{args.file}: {what}, {summary['size_MB']:.0f} MB, residual at most {lead.rows.residual:.1e}"]
    show_lines(console, lines if answer is None else [*lines, _sentence(answer)])
    return 0


def _lead_field(args: argparse.Namespace, currents: dict[str, float] | None, progress: Any) -> LeadField:
    """The lead field of a file that is there, if nothing is said about it but its name; else the one that is asked."""
    from stimplan.head import load_head
    from stimplan.leadfield import checked_currents, compute_lead_field, open_lead_field
    from stimplan.leadfield_file import open_rows
    from stimplan.sites import layout_sites, layouts
    from stimplan.units import to_si

    said = (args.head, args.edge_mm, args.sites, args.diameter_mm)
    if args.montage and args.file.exists() and not any(said):
        record = open_rows(args.file).record
        head = load_head(record["head"], edge_mm=record.get("edge_mm"), progress=progress)
        return open_lead_field(args.file, head)
    sites = args.sites or "10-10"
    if sites not in layouts() and "," not in sites:
        known = ", ".join(layouts())
        raise InputError(
            Problem("--sites", f"{sites!r} is no layout ({known}); or give sites with commas, such as C3,C4,Cz")
        )
    names = layout_sites(sites) if sites in layouts() else [site.strip() for site in sites.split(",")]
    if currents is not None:
        checked_currents(names, currents)  # before minutes are spent on a lead field that cannot answer
    head = load_head(args.head or "colin27", edge_mm=args.edge_mm, progress=progress)
    return compute_lead_field(
        head,
        sites if sites in layouts() else names,
        path=args.file,
        diameter_m=to_si(args.diameter_mm or 12.0, "mm"),
        progress=progress,
    )


def _refuse_bad(args: argparse.Namespace) -> None:
    """Every option that cannot be meant."""
    problems = []
    if args.file.suffix not in (".h5", ".hdf5"):
        problems.append(Problem("FILE", f"must end in .h5, got {args.file.name!r}"))
    if args.diameter_mm is not None and not 4 <= args.diameter_mm <= 40:
        problems.append(Problem("--diameter-mm", f"expected 4 to 40 mm, got {args.diameter_mm:g}"))
    if problems:
        raise InputError(problems)


def _sentence(answer: dict[str, Any]) -> str:
    from stimplan.units import text

    shown = {name: text(answer[f"{name}_V_per_m"], "V_per_m") for name in ("median", "p99", "peak", "most_inward")}
    return (
        f"|E| on the cortex: median {shown['median']}, 99th percentile {shown['p99']}, largest {shown['peak']}; into "
        f"the cortex at most {shown['most_inward']} ({1e3 * answer['seconds']:.0f} ms)"
    )


def _answer(lead: Any, currents: dict[str, float]) -> dict[str, Any]:
    """The field of a montage on the cortex in a few figures, by area."""
    import numpy as np

    from stimplan.head.cortex import cortex_of
    from stimplan.roi import weighted_percentiles

    cortex = cortex_of(lead.head)
    lead.on_cortex(currents)  # the first one reads the file
    start = time.perf_counter()
    field = lead.on_cortex(currents)
    seconds = time.perf_counter() - start
    size = np.linalg.norm(field, axis=1)
    median, p99 = weighted_percentiles(size, cortex.area_m2, [50, 99])
    return {
        "currents_A": currents,
        "median_V_per_m": median,
        "p99_V_per_m": p99,
        "peak_V_per_m": float(size.max()),
        "most_inward_V_per_m": float(-np.einsum("pd,pd->p", field, cortex.normals).min()),
        "seconds": seconds,
    }
