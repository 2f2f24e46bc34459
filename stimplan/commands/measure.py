"""`stimplan measure`: regions of a run that is done, and the current that gives them a wanted field."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, wrapped, write_whole
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.protocol import Protocol


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`measure FOLDER --roi REGION`."""
    parser = add_command(commands, "measure", "measure regions in the results of a run")
    parser.add_argument("folder", type=Path, help="folder that `stimplan run` wrote")
    parser.add_argument("--roi", action="append", required=True, metavar="REGION", help="sphere:mni_mm=X,Y,Z;"
                        "radius_mm=R, ba:46, atlas:NAME:LABEL, mask:FILE, mask:mni:FILE, patch:site=F3;radius_mm=R or "
                        "tissue:NAME; may be repeated")  # fmt: skip
    parser.add_argument("--above", type=float, metavar="V_PER_M", help="also the volume above this field")
    parser.add_argument("--equalise-to", type=float, metavar="V_PER_M", help="factor on the current that brings the "
                        "mean of the first region to this field, and the verdict on that current")  # fmt: skip
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the protocol with the scaled current (.json)")
    parser.add_argument("--force", action="store_true", help="replace the file of --write")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure, scale and print."""
    from stimplan.exchange.result_folder import read_result
    from stimplan.report.record import plain
    from stimplan.roi import check_regions, measure_region, read_rois, volume_above_m3
    from stimplan.terminal import show_region

    if args.write is not None and args.equalise_to is None:
        raise InputError(Problem("--write", "writes the scaled protocol; say what to scale to with --equalise-to"))
    regions = list(zip(args.roi, read_rois(args.roi), strict=True))
    result = read_result(args.folder)
    check_regions(result.shown.head, regions)
    measured = [measure_region(result.shown, roi, name) for name, roi in regions]
    above = [None if args.above is None else volume_above_m3(result.shown, args.above, roi) for _, roi in regions]
    scaling = None if args.equalise_to is None else _scaling(args, measured[0].metrics, result.record)
    if args.json:
        found = [{**plain(one), "above_m3": volume} for one, volume in zip(measured, above, strict=True)]
        data = {"folder": str(args.folder), "map": result.record["field"]["map"]["id"], "regions": found}
        show_json(console, {**data, "scaling": scaling, "notices": list(result.notices)})
        return 0
    lines = [str(result.record["field"]["map"]["title"])]
    for one, volume in zip(measured, above, strict=True):
        lines += show_region(one)
        lines += [] if volume is None else [f"  above {args.above:g} V/m: {1e6 * volume:.3g} ml"]
    lines += [] if scaling is None else _scaling_lines(scaling)
    show_lines(console, [*lines, *(line for notice in result.notices for line in wrapped(notice))])
    return 0


def _scaling(args: argparse.Namespace, metrics: Any, record: Mapping[str, Any]) -> dict[str, Any]:
    """The factor, the scaled currents and what the safety rules say about them."""
    from stimplan.protocol import dump_protocol, read_protocol
    from stimplan.roi import CAUTION, equalising_factor, scaled
    from stimplan.safety import check

    protocol = read_protocol({key: value for key, value in record["protocol"].items() if key != "digest"})
    factor = equalising_factor(metrics, args.equalise_to)
    other: Protocol = scaled(protocol, factor)
    if args.write is not None:
        write_whole(args.write, dump_protocol(other), is_new=not args.force)
    report = check(other)
    return {
        "wanted_V_per_m": args.equalise_to,
        "factor": factor,
        "protocol": other.id,
        "currents_A": {electrode.label: electrode.current_A for electrode in other.electrodes},
        "verdict": report.verdict,
        # What cannot be judged makes a verdict a warning, too.
        "reasons": [
            finding.title
            for finding in report.findings
            if finding.status == report.verdict or (report.verdict == "warn" and finding.status == "unknown")
        ],
        "caution": CAUTION,
        "file": None if args.write is None else str(args.write),
    }


def _scaling_lines(scaling: Mapping[str, Any]) -> list[str]:
    from stimplan.units import text

    currents = ", ".join(f"{label} {text(current, 'A', 4)}" for label, current in scaling["currents_A"].items())
    verdict = str(scaling["verdict"])
    reasons = f" ({'; '.join(scaling['reasons'])})" if scaling["reasons"] else ""
    return [
        "",
        f"{scaling['factor']:.4g} times the current brings its mean to {scaling['wanted_V_per_m']:g} V/m: {currents}",
        *wrapped(f"The published rules on that current, without the person: {verdict.upper()}{reasons}"),
        *wrapped(scaling["caution"]),
        *([] if scaling["file"] is None else [f"Protocol: {scaling['file']}"]),
    ]
