"""`stimplan crosscheck`: one montage by two methods, finite elements and MNE's boundary elements."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, wrapped
from stimplan.commands.run import edge
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.exchange.mne import CrossCheck

_NOTES = (
    "RDM: difference of shape, 0 for none; MAG: ratio of sizes; r: correlation of |E| and of the component into the "
    "cortex; p99: ratio of the 99th percentiles of |E|. All by area of the cortex.",
    "Boundary elements know brain, skull and scalp. Where their difference from finite elements of the same surfaces "
    "is small, two independent methods agree on the physics; the lines with CSF are what three layers leave out, and "
    "no finer surface brings it back.",
)


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`crosscheck PROTOCOL`."""
    parser = add_command(commands, "crosscheck", "compute a montage by a second method, MNE's boundary elements, too")
    parser.add_argument("protocol", help="id in the library, or a JSON file")
    parser.add_argument("--head", default="colin27", help="head model (default: colin27)")
    parser.add_argument("--edge-mm", type=edge, metavar="MM", help="of the mesh: mm, or teaching, standard, fine")
    parser.add_argument("--vertices", type=int, metavar="N", help="of each of the three surfaces (default: 2562)")
    parser.add_argument("--out", type=Path, help="picture to write (.png)")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Compute, print the table, draw it where a file is named."""
    if args.out is not None and args.out.suffix.lower() != ".png":
        raise InputError(Problem("--out", f"must end in .png, got {str(args.out)!r}"))
    if args.out is not None and not args.out.parent.is_dir():
        raise InputError(Problem("--out", f"there is no folder {str(args.out.parent)!r}"))
    from stimplan.protocol import read_protocol
    from stimplan.terminal import progress_bar

    protocol = read_protocol(args.protocol)
    from stimplan.exchange.mne import cross_check
    from stimplan.head import load_head

    sizes = {} if args.vertices is None else {"vertices": args.vertices}
    with progress_bar(is_shown=not args.json) as progress:
        head = load_head(args.head, edge_mm=args.edge_mm, progress=progress)
        found = cross_check(protocol, head, **sizes, progress=progress)
    if args.out is not None:
        from stimplan.view.crosscheck import plot_cross_check
        from stimplan.view.paper import write_png

        write_png(plot_cross_check(found), args.out)
    if args.json:
        show_json(console, {**found.as_json(), "file": None if args.out is None else str(args.out)})
        return 0
    show_lines(console, [*_lines(found), *([] if args.out is None else ["", f"Picture: {args.out}"])])
    return 0


def _lines(found: CrossCheck) -> list[str]:
    record = found.record
    surfaces, points = record["surfaces"], record["points"]
    vertices = ", ".join(f"{name} {count}" for name, count in surfaces["vertices"].items())
    sigma = ", ".join(f"{name} {value:.3g}" for name, value in record["sigma_S_per_m"].items())
    csf = "" if record["csf_S_per_m"] is None else f"; CSF, where it has its own, {record['csf_S_per_m']:.3g}"
    lines = [
        *wrapped(
            f"{found.protocol_id} on {found.head.name}, {record['nodes']} nodes; surfaces for boundary elements with "
            f"so many vertices: {vertices}. S/m in three layers: {sigma}{csf}."
        ),
        *wrapped(
            f"Compared at {points['compared']} points of the cortex, of which {points['moved_inwards']} nearer than "
            f"{1e3 * record['least_depth_m']:g} mm to the skull were moved inwards to that depth (boundary elements "
            f"cannot say more); {points['left_out']} were left out."
        ),
        "",
        f"{'field':26} {'against':26} {'RDM':>6} {'MAG':>6} {'r |E|':>6} {'r in':>6} {'p99':>6}  what differs",
    ]
    for one in found.comparisons:
        numbers = (one.rdm, one.mag, one.correlation, one.correlation_normal, one.p99_ratio)
        start = f"{one.field:26} {one.reference:26} " + " ".join(f"{number:6.3f}" for number in numbers) + "  "
        lines += wrapped(one.differs, start)
    return [*lines, "", *(line for note in _NOTES for line in wrapped(note))]
