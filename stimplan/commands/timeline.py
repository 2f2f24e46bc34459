"""`stimplan timeline`: one session and the whole course as pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_text

if TYPE_CHECKING:
    from rich.console import Console

FORMATS = ("png", "svg")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`timeline PROTOCOL --out DIR --format png|svg`."""
    parser = add_command(commands, "timeline", "draw one session and the course of a protocol")
    parser.add_argument("protocol", help="id in the library, or a JSON file")
    parser.add_argument("--out", type=Path, help="folder for the pictures (default: stimplan-<protocol id>)")
    parser.add_argument("--format", choices=FORMATS, default="png", help="kind of picture (default: png)")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Draw both pictures and write them together; a course of one session has nothing to draw."""
    from stimplan.exchange.staging import staged_folder
    from stimplan.protocol import read_protocol
    from stimplan.view import plot_course, plot_session
    from stimplan.view.paper import png_bytes, svg_bytes
    from stimplan.waveform import plan_course

    protocol = read_protocol(args.protocol)
    out = args.out or Path(f"stimplan-{protocol.id}")
    plan = plan_course(protocol.course)
    drawings = {"session": plot_session, **({"course": plot_course} if protocol.course.sessions > 1 else {})}
    save = png_bytes if args.format == "png" else svg_bytes
    names = [f"{name}.{args.format}" for name in drawings]
    # An older course in the folder would be another protocol's where this one has none.
    with staged_folder(
        out, replaces=[f"{name}.{args.format}" for name in ("session", "course")], last=names[-1]
    ) as folder:
        for name, draw in zip(names, drawings.values(), strict=True):
            (folder / name).write_bytes(save(draw(protocol)))
    if args.json:
        data = {
            "id": protocol.id,
            "files": [str(out / name) for name in names],
            "course": {
                "sessions": protocol.course.sessions,
                "is_schematic": plan.is_schematic,
                "assumed": list(plan.assumed),
                "days": [{"day": day.day + 1, "sessions": day.sessions} for day in plan.days],
            },
        }
        show_json(console, data)
        return 0
    for name in names:
        show_text(console, str(out / name))
    if protocol.course.sessions == 1:
        show_text(console, "one session: no course to draw")
    elif plan.is_schematic:
        show_text(console, f"the course is schematic: {'; '.join(plan.assumed)}")
    return 0
