"""`stimplan poses`: show the coil positions of a neuronavigation file, and write them for another navigator."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, write_whole
from stimplan.errors import InputError, Problem
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.exchange.navigation import NavigationFile, NavigationTarget, WriteOptions

# As `stimplan.exchange.navigation.FORMATS`, which loads numpy; a test compares them.
FORMAT_NAMES = ("brainsight", "localite", "localite-lps", "localite-triggers", "softaxic", "visor2", "navinibs",
                "simnibs", "matrix")  # fmt: skip


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`poses show FILE`, `poses convert IN OUT --to FORMAT`."""
    text = "show and convert the coil positions of neuronavigation files"
    parser: argparse.ArgumentParser = commands.add_parser(
        "poses", help=text, description=text, epilog=NOTICE, allow_abbrev=False
    )
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT", title="what to do")
    names = ", ".join(FORMAT_NAMES)
    show = add_command(kinds, "show", "show positions, axes and the side of the handle")
    show.add_argument("file", type=Path, metavar="FILE", help="file of a navigator")
    convert = add_command(kinds, "convert", "write the positions for another navigator")
    convert.add_argument("source", type=Path, metavar="IN", help="file of a navigator")
    convert.add_argument("out", type=Path, metavar="OUT", help="file to write")
    convert.add_argument("--to", required=True, choices=FORMAT_NAMES, metavar="FORMAT", help=names)
    convert.add_argument("--version", type=int, help="of Brainsight's export: 7, 12, 13 or 14 (default: 14)")
    convert.add_argument("--coordinate-system", help="of Brainsight's export (default: that of the version)")
    convert.add_argument("--image", type=Path, help="NIfTI image the positions belong to, for visor2")
    convert.add_argument("--force", action="store_true", help="replace OUT if it is there")
    for command in (show, convert):
        command.add_argument(
            "--from", dest="origin", choices=FORMAT_NAMES, metavar="FORMAT", help="of the file (default: by content)"
        )
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Do what was asked for."""
    return {"show": _show, "convert": _convert}[args.what](args, console)


def _show(args: argparse.Namespace, console: Console) -> int:
    from stimplan.exchange.navigation import FORMATS, read_navigation

    found = read_navigation(args.file, format_name=args.origin)
    if args.json:
        show_json(console, _record(found))
        return 0
    title, count = FORMATS[found.format].title, len(found.targets)
    show_lines(console, [f"{args.file}: {title}; coordinates: {found.coordinate_system}; {count} positions"])
    width = max((len(target.name) for target in found.targets), default=0)
    show_lines(console, [_line(target, width) for target in found.targets] or ["no positions"])
    show_lines(console, _asides(found))
    return 0


def _record(found: NavigationFile) -> dict[str, Any]:
    return {
        "format": found.format,
        "coordinate_system": found.coordinate_system,
        "targets": [
            {
                "name": target.name,
                "matrix_m": [list(map(float, row)) for row in target.pose.matrix_m],
                "handle_direction": list(map(float, target.pose.handle_direction)),
                "didt_A_per_s": target.didt_A_per_s,
                "mso_fraction": target.mso_fraction,
                "recorded_at": target.recorded_at,
                "elapsed_s": target.elapsed_s,
            }
            for target in found.targets
        ],
        "skipped": [{"name": entry.name, "where": entry.where, "why": entry.why} for entry in found.skipped],
        "notices": list(found.notices),
    }


def _line(target: NavigationTarget, width: int) -> str:
    from stimplan.units import from_si, text

    center = ", ".join(f"{float(from_si(round(float(value), 7), 'mm')):.1f}" for value in target.pose.center_m)
    handle, inward = (
        " ".join(f"{value:+.3f}" for value in axis) for axis in (target.pose.handle_direction, target.pose.z)
    )
    beside = [text(target.didt_A_per_s, "A_per_s")] if target.didt_A_per_s is not None else []
    beside += [f"{text(target.mso_fraction, 'fraction')} of the output"] if target.mso_fraction is not None else []
    beside += [target.recorded_at] if target.recorded_at is not None else []
    parts = [f"centre ({center}) mm", f"handle {handle}", f"into the head {inward}", *beside]
    return f"{target.name:{width}}  {'  '.join(parts)}"


def _asides(found: NavigationFile) -> list[str]:
    lines = [f"skipped: {entry.name} ({entry.where}): {entry.why}" for entry in found.skipped]
    return [*lines, *(f"note: {notice}" for notice in found.notices), "x to the right, y to the front, z up"]


def _convert(args: argparse.Namespace, console: Console) -> int:
    from stimplan.exchange.navigation import navigation_text, not_carried, read_navigation

    _refuse_bad(args)
    found = read_navigation(args.source, format_name=args.origin)
    if not found.targets:
        names = ", ".join(entry.name for entry in found.skipped[:5])
        what = f"none of its {len(found.skipped)} entries has a position ({names})"
        raise InputError(Problem("", what, file=str(args.source)))
    content = navigation_text(found.targets, args.to, _options(args, found))
    lost = not_carried(found.targets, args.to)
    write_whole(args.out, content, is_new=not args.force)
    if args.json:
        record = _record(found) | {"written": str(args.out), "to": args.to, "not_carried": list(lost)}
        show_json(console, record)
        return 0
    told = [*(f"not carried: {what}" for what in lost), *_asides(found)[:-1]]
    show_lines(console, [f"{args.out}: {len(found.targets)} positions ({args.to})", *told])
    return 0


def _refuse_bad(args: argparse.Namespace) -> None:
    """Options that mean nothing for the format."""
    problems = [
        Problem(option, f"is for {wanted} only, not for {args.to}")
        for option, value, wanted in (
            ("--version", args.version, "brainsight"),
            ("--coordinate-system", args.coordinate_system, "brainsight"),
            ("--image", args.image, "visor2"),
        )
        if value is not None and args.to != wanted
    ]
    if args.out.is_dir():
        problems.append(Problem("OUT", f"{args.out} is a folder; name a file"))
    elif not args.out.parent.is_dir():
        problems.append(Problem("OUT", f"there is no folder {args.out.parent}"))
    if problems:
        raise InputError(problems)


def _options(args: argparse.Namespace, found: NavigationFile) -> WriteOptions:
    from stimplan.exchange.navigation import WriteOptions
    from stimplan.exchange.navigation.visor2 import image_differences, image_header

    image = found.image
    if args.image is not None:
        image = image_header(args.image)
        differences = [] if found.image is None else image_differences(found.image, image)
        if differences:
            what = f"the positions belong to another image: {'; '.join(differences)}"
            raise InputError(Problem("--image", what))
    return WriteOptions(args.version, args.coordinate_system, image)
