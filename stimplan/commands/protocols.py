"""`stimplan protocols`: the library, or what of it fits a condition, a kind, a grade of evidence, words."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, show_text

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.protocol import Protocol


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`protocols [--indication …] [--modality …] [--evidence …] [--text …]`."""
    parser = add_command(commands, "protocols", "list the library of published protocols, or search it")
    parser.add_argument("--indication", metavar="CONDITION", help="such as stroke, or one of its kinds or other names")
    parser.add_argument("--modality", help="such as tDCS or TMS")
    parser.add_argument("--evidence", action="append", default=[], metavar="GRADE",
                        help="A, B, C or none; may be given several times")  # fmt: skip
    parser.add_argument("--text", help="words that must be in the title, the people, the target or the source")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the protocols that fit, one line each."""
    from stimplan.describe.search import Wanted, search_library

    grades = tuple(grade for given in args.evidence for grade in given.split(",") if grade)
    found = search_library(Wanted(args.indication, args.modality, grades, args.text))
    if args.json:
        show_json(console, {"protocols": [_record(protocol) for protocol in found]})
    elif found:
        _show(found, console)
    else:
        show_text(console, "no protocol of the library fits")
    return 0


def _record(protocol: Protocol) -> dict[str, Any]:
    from stimplan.describe import title_of

    evidence, result, source = protocol.evidence, protocol.result, protocol.source
    return {
        "id": protocol.id,
        "title": title_of(protocol),
        "file": f"{protocol.id}.json",
        "modality": protocol.modality,
        "indication": protocol.indication.condition if protocol.indication else None,
        "evidence": evidence.grade if evidence else None,
        "result": result.direction if result else None,
        "sessions": protocol.course.sessions,
        "doi": source.doi if source else None,
        "source_status": source.status if source else None,
    }


def _show(found: tuple[Protocol, ...], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    keys = ("id", "modality", "indication", "evidence", "result", "title")
    rows = [[str(record[key] or "-") for key in keys] for record in map(_record, found)]
    if not console.is_terminal:  # for a file or another program: one line each, nothing folded
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        show_lines(console, ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows])
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("id", "kind", "for", "evidence", "result"):
        table.add_column(heading, no_wrap=heading in ("id", "kind"), overflow="fold")
    table.add_column("title", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
