"""`stimplan poses`: show the coil positions of a neuronavigation file, and write them for another navigator."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.flags import as_typed, head_of, tried
from stimplan.commands.output import add_command, show_json, show_lines, write_whole
from stimplan.commands.pose_fields import add_field_parser, field_command
from stimplan.commands.run import edge
from stimplan.errors import InputError, Problem
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.exchange.navigation import NavigationFile, NavigationTarget, WriteOptions
    from stimplan.protocol.magnetic import Handle

# As `stimplan.exchange.navigation.FORMATS`, which loads numpy; a test compares them.
FORMAT_NAMES = ("brainsight", "localite", "localite-lps", "localite-triggers", "softaxic", "visor2", "navinibs",
                "simnibs", "matrix")  # fmt: skip


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`poses show FILE`, `poses convert IN OUT --to FORMAT`, `poses place PROTOCOL OUT --to FORMAT`, `poses field`."""
    text = "coil positions: of neuronavigation files, and of protocols on a head"
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
    place = add_command(kinds, "place", "lay the coil of a protocol on a head and write it for a navigator")
    place.add_argument("protocol", help="id in the library, or a JSON file")
    place.add_argument("out", type=Path, metavar="OUT", help="file to write")
    place.add_argument("--head", default="colin27", help="head model (default: colin27)")
    place.add_argument("--edge-mm", type=edge, metavar="MM", help="of the mesh: mm, or teaching, standard, fine")
    angle = place.add_mutually_exclusive_group()
    angle.add_argument("--handle-deg", type=float, help="handle where the protocol says none: 0 backwards, + left")
    angle.add_argument("--handle-towards", metavar="SITE", help="the same, towards a 10-05 site")
    place.add_argument("--picture", type=Path, metavar="PNG", help="draw the first position")
    add_field_parser(kinds)
    for command in (convert, place):
        command.add_argument("--to", required=True, choices=FORMAT_NAMES, metavar="FORMAT", help=names)
        command.add_argument("--version", type=int, help="of Brainsight's export: 7, 12, 13 or 14 (default: 14)")
        command.add_argument("--coordinate-system", help="of Brainsight's export (default: that of the version)")
        command.add_argument("--image", type=Path, help="NIfTI image the positions belong to, for visor2")
        command.add_argument("--force", action="store_true", help="replace OUT if it is there")
    for command in (show, convert):
        command.add_argument(
            "--from", dest="origin", choices=FORMAT_NAMES, metavar="FORMAT", help="of the file (default: by content)"
        )
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Do what was asked for."""
    commands = {"show": _show, "convert": _convert, "place": _place, "field": field_command}
    return commands[args.what](args, console)


def _show(args: argparse.Namespace, console: Console) -> int:
    from stimplan.exchange.navigation import FORMATS, read_navigation

    found = read_navigation(args.file, format_name=args.origin)
    if args.json:
        show_json(console, _record(found))
        return 0
    title, count = FORMATS[found.format].title, len(found.targets)
    show_lines(console, [f"{args.file}: {title}; coordinates: {found.coordinate_system}; {_positions(count)}"])
    width = max((len(target.name) for target in found.targets), default=0)
    show_lines(console, [_line(target, width) for target in found.targets] or ["no positions"])
    show_lines(console, _asides(found))
    return 0


def _positions(count: int) -> str:
    return f"{count} position{'' if count == 1 else 's'}"


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
                "mep_V": dict(target.mep_V),
                "is_recorded": target.is_recorded,
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
    beside += [f"MEP {channel}: {float(from_si(value, 'uV')):.4g} µV" for channel, value in target.mep_V]
    beside += [target.recorded_at] if target.recorded_at is not None else []
    parts = [f"centre ({center}) mm", f"handle {handle}", f"into the head {inward}", *beside]
    return f"{target.name:{width}}  {'  '.join(parts)}"


def _asides(found: NavigationFile) -> list[str]:
    lines = [f"skipped: {entry.name} ({entry.where}): {entry.why}" for entry in found.skipped]
    return [*lines, *(f"note: {notice}" for notice in found.notices), "x to the right, y to the front, z up"]


def _convert(args: argparse.Namespace, console: Console) -> int:
    from stimplan.exchange.navigation import not_carried, read_navigation

    _refuse_bad(args)
    found = read_navigation(args.source, format_name=args.origin)
    if not found.targets:
        names = ", ".join(entry.name for entry in found.skipped[:5])
        what = f"none of its {len(found.skipped)} entries has a position ({names})"
        raise InputError(Problem("", what, file=str(args.source)))
    content = _text(args, found)
    lost = not_carried(found.targets, args.to)
    write_whole(args.out, content, is_new=not args.force)
    if args.json:
        record = _record(found) | {"written": str(args.out), "to": args.to, "not_carried": list(lost)}
        show_json(console, record)
        return 0
    told = [*(f"not carried: {what}" for what in lost), *_asides(found)[:-1]]
    show_lines(console, [f"{args.out}: {_positions(len(found.targets))} ({args.to})", *told])
    return 0


def _place(args: argparse.Namespace, console: Console) -> int:
    from stimplan.exchange.navigation import NavigationFile, NavigationTarget
    from stimplan.pose_plan import poses_of
    from stimplan.protocol import read_protocol
    from stimplan.terminal import progress_bar

    _refuse_bad(args)
    plan = read_protocol(args.protocol)
    with progress_bar(is_shown=not args.json) as progress:
        head = head_of(args, progress)
    poses = poses_of(plan, head, handle=_handle(args))
    names = [f"{plan.id} {number}" if len(poses) > 1 else plan.id for number in range(1, len(poses) + 1)]
    targets = tuple(NavigationTarget(name, pose) for name, pose in zip(names, poses, strict=True))
    notices = [f"{t.name}: {note}" for t in targets for note in (t.pose.how, *t.pose.notices) if note]
    placed = NavigationFile(args.to, f"of head {head.name}", targets, notices=tuple(notices))
    content = _text(args, placed)
    write_whole(args.out, content, is_new=not args.force)
    if args.picture is not None:
        from stimplan.view.paper import write_png
        from stimplan.view.pose import plot_pose

        write_png(plot_pose(head, poses[0], title=names[0]), args.picture)
    if args.json:
        show_json(console, _record(placed) | {"written": str(args.out), "to": args.to})
        return 0
    show_lines(console, [f"{args.out}: {_positions(len(targets))} ({args.to}), coordinates of head {head.name}"])
    show_lines(console, [*(_line(target, max(map(len, names))) for target in targets), *_asides(placed)])
    return 0


def _handle(args: argparse.Namespace) -> Handle | None:
    from stimplan.protocol.magnetic import Handle
    from stimplan.units import to_si

    if args.handle_towards is not None:
        return Handle(towards=args.handle_towards)
    if args.handle_deg is None:
        return None
    if not abs(args.handle_deg) <= 360:
        raise InputError(Problem("--handle-deg", f"must be within ±360, got {as_typed(args.handle_deg)}"))
    return Handle(from_midline_rad=to_si(args.handle_deg, "deg"))


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
    for option, path in (("OUT", args.out), ("--picture", getattr(args, "picture", None))):
        if path is not None and path.is_dir():
            problems.append(Problem(option, f"{path} is a folder; name a file"))
        elif path is not None and not path.parent.is_dir():
            problems.append(Problem(option, f"there is no folder {path.parent}"))
    if problems:
        raise InputError(problems)


def _text(args: argparse.Namespace, found: NavigationFile) -> str:
    """The positions as the text of the file asked for; faults with their flags."""
    from stimplan.exchange.navigation import navigation_text

    problems: list[Problem] = []
    flags = {"version": "--version", "coordinate system": "--coordinate-system"}
    options = _options(args, found)
    content: str = tried(problems, lambda: navigation_text(found.targets, args.to, options), flags=flags)
    if problems:
        raise InputError(problems)
    return content


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
