"""`stimplan report`: the report of a run again, whole, light enough to mail, or as PDF."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, wrapped, write_whole
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from rich.console import Console

_ENDINGS = {"html": ".html", "light": ".html", "pdf": ".pdf"}


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`report RESULT`."""
    parser = add_command(commands, "report", "the report of a run again: whole, light enough to mail, or as PDF")
    parser.add_argument("result", type=Path, metavar="RESULT", help="folder of a run")
    parser.add_argument("--html", type=Path, metavar="FILE", help="the whole report, made anew by this version")
    parser.add_argument("--light", type=Path, metavar="FILE", help="without 3-D and with small pictures, below 1 MB")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="the same pages on A4; needs the extra 'pdf' or a "
                        "browser")  # fmt: skip
    parser.add_argument("--no-figures", action="store_true", help="leave the pictures and the scene out")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Write each of the files asked for."""
    wanted = {kind: getattr(args, kind) for kind in _ENDINGS if getattr(args, kind) is not None}
    _check_names(wanted)
    from stimplan.exchange.result_record import SUMMARY, read_record
    from stimplan.report.again import Again, light_report, pdf_report, report_again

    again = Again(args.result, read_record(args.result / SUMMARY), with_figures=not args.no_figures)
    makers = {"html": report_again, "light": light_report, "pdf": pdf_report}
    made = {kind: makers[kind](again) for kind in wanted}
    for kind, data in made.items():
        write_whole(wanted[kind], data, is_new=False)
    sizes = {kind: len(data) for kind, data in made.items()}
    if args.json:
        files = {kind: {"file": str(path), "bytes": sizes[kind]} for kind, path in wanted.items()}
        shown = {"result": str(args.result), "verdict": again.record.get("verdict"), "files": files}
        show_json(console, {**shown, "notices": list(again.notices)})
        return 0
    lines = [f"{path}  {sizes[kind] / 1e6:.2f} MB" for kind, path in wanted.items()]
    show_lines(console, [*lines, *(line for notice in again.notices for line in wrapped(notice))])
    return 0


def _check_names(wanted: Mapping[str, Path]) -> None:
    if not wanted:
        raise InputError(Problem("", "say what to write: --html FILE, --light FILE or --pdf FILE"))
    problems = []
    for kind, path in wanted.items():
        if path.suffix.lower() != _ENDINGS[kind]:
            problems.append(Problem(f"--{kind}", f"must end in {_ENDINGS[kind]}, got {str(path)!r}"))
        elif not path.parent.is_dir():
            problems.append(Problem(f"--{kind}", f"there is no folder {str(path.parent)!r}"))
    if len(set(wanted.values())) < len(wanted):
        problems.append(Problem("", "each kind of report needs a file of its own"))
    if problems:
        raise InputError(problems)
