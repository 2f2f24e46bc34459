"""`stimplan atlases`: the labels that regions can be named by."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, wrapped

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`atlases`, or `atlases NAME` for its labels."""
    parser = add_command(commands, "atlases", "list the atlases and their labels, for --roi")
    parser.add_argument("atlas", nargs="?", help="a shipped atlas, or a file: list its labels")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """List the atlases, or the labels of one."""
    from stimplan.roi.atlas import SHIPPED, atlas_record, load_atlas

    if args.atlas is None:
        records = {name: atlas_record(name) for name in SHIPPED}
        if args.json:
            show_json(console, {"atlases": [{"name": name, **record} for name, record in records.items()]})
            return 0
        show_lines(console, [line for name, record in records.items() for line in _atlas(name, record)])
        return 0
    atlas = load_atlas(args.atlas)
    labels = {str(number): name for number, name in atlas.labels.items()}
    if args.json:
        show_json(console, {"name": atlas.name, "title": atlas.title, "labels": labels, **dict(atlas.record)})
        return 0
    width = max(map(len, labels))
    show_lines(console, [atlas.title, *(f"  {number:>{width}}  {name}" for number, name in labels.items())])
    return 0


def _atlas(name: str, record: dict[str, Any]) -> list[str]:
    example = next(iter(record["labels"].values()))
    form = f"ba:{example.removeprefix('BA ')}" if record["alias"] == "ba" else f"atlas:{record['alias']}:{example}"
    return [
        f"{name}: {record['title']}, {len(record['labels'])} labels, such as --roi {form}",
        *wrapped(record["caution"], "  "),
        *wrapped(record["citation"], "  cite    "),
        *wrapped(record["licence"], "  licence "),
    ]
