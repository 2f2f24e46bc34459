"""`stimplan migrate`: protocol files of older versions of the format brought up to the newest."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_text, write_whole

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`migrate FILE [--in-place | --out FILE]`."""
    parser = add_command(commands, "migrate", "bring a protocol file up to the newest version of the format")
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON file of any known version")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--in-place", action="store_true", help="replace the file; the old one is kept beside it as .v1")
    where.add_argument("--out", type=Path, help="write a new file")
    parser.add_argument("--force", action="store_true", help="replace --out if it is there already")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the migrated file, or write it."""
    from stimplan import strict_json
    from stimplan.errors import ProtocolError
    from stimplan.protocol import migrate_text

    text, problems = strict_json.read_bytes(args.file, file=str(args.file))
    if problems:
        raise ProtocolError(problems)
    new = migrate_text(text, file=str(args.file))
    old_version, new_version = (int(strict_json.parse(one).tree["schema_version"]) for one in (text, new))
    is_newest = old_version == new_version
    target = args.file if args.in_place else args.out
    if target is not None and not (args.in_place and is_newest):
        if args.in_place:
            write_whole(args.file.with_suffix(f"{args.file.suffix}.v{old_version}"), text, is_new=True)
        write_whole(target, new, is_new=not (args.in_place or args.force))
    if args.json:
        data = {"from_version": old_version, "to_version": new_version, "file": str(target) if target else None}
        show_json(console, data)
    elif target is None:
        console.file.write(new)
    elif is_newest:
        show_text(console, f"{args.file}: is version {new_version} already")
    else:
        show_text(console, f"{target}: version {old_version} brought up to version {new_version}")
    return 0
