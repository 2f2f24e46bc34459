"""`stimplan schema`: the JSON Schema of the protocol file, for editors."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`schema [--path] [--format-version N]`."""
    parser = add_command(commands, "schema", "print the JSON Schema of the protocol file, for editors")
    parser.add_argument("--path", action="store_true", help="print where its file is")
    parser.add_argument("--format-version", type=int, metavar="N", help="version of the format (default: the newest)")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the schema, or its path."""
    from stimplan.errors import InputError, Problem
    from stimplan.protocol.schemas import NEWEST_VERSION, known_versions, schema
    from stimplan.resources import data_path

    version = NEWEST_VERSION if args.format_version is None else args.format_version
    if version not in known_versions():
        known = ", ".join(map(str, known_versions()))
        raise InputError(Problem("--format-version", f"{version} is not known; there is {known}"))
    path = data_path("protocols", "schema", f"protocol-{version}.schema.json")
    if args.path and args.json:
        show_json(console, {"path": str(path), "version": version})
    elif args.path:
        show_lines(console, [str(path)])
    else:
        show_json(console, schema(version))
    return 0
