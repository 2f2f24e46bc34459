"""`stimplan compare`: two protocols side by side, differences marked."""

from __future__ import annotations

import argparse
from itertools import groupby
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_text
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`compare A B`."""
    parser = add_command(commands, "compare", "show two protocols side by side")
    parser.add_argument("first", help="id in the library, or a JSON file")
    parser.add_argument("second", help="id in the library, or a JSON file")
    parser.add_argument("--differences", action="store_true", help="leave out what both say alike")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the table; a star and bold letters mark what differs."""
    from rich.table import Table
    from rich.text import Text

    from stimplan.describe.compare import compare
    from stimplan.protocol import read_protocol

    first, second = read_protocol(args.first), read_protocol(args.second)
    rows = [row for row in compare(first, second) if row.is_different or not args.differences]
    if args.json:
        data = {"first": first.id, "second": second.id, "rows": [row.record() for row in rows], "notice": NOTICE}
        show_json(console, data)
        return 0
    table = Table(pad_edge=False, expand=False)
    for heading, share in (("", 1), (first.id, 2), (second.id, 2)):
        table.add_column(Text(heading), ratio=share, overflow="fold")
    for section, group in groupby(rows, key=lambda row: row.section):
        table.add_section()
        table.add_row(Text(section.upper(), style="bold"))
        for row in group:
            style = "bold" if row.is_different else ""
            cells = (("* " if row.is_different else "  ") + row.name, row.first or "-", row.second or "-")
            table.add_row(*[Text(cell, style=style) for cell in cells])
    console.print(table)
    alike = sum(not row.is_different for row in rows)
    show_text(console, f"* differs: {len(rows) - alike} of {len(rows)} lines")
    show_text(console, f"\n{NOTICE}")
    return 0
