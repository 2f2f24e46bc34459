"""What the subcommands share: printing through a console, and writing a file whole or not at all."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from stimplan.errors import InputError, LedgerError, Problem, naming
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

LEDGER_VARIABLE = "STIMPLAN_LEDGER"
# Written out here, so that help needs no rules; a test compares them with safety/profiles.json.
PROFILES_HELP = "policy profile: research-ifcn2021 (default), device-label-us or conservative"
STANDARD_OUTPUT = "standard output"
_WIDTH = 120


class LazyConsole:
    """A rich console that is made when its tables, colours or questions are wanted; lines need none."""

    def __init__(self, width: int | None = None) -> None:
        self._width = width

    @property
    def file(self) -> Any:
        """Where results go."""
        return sys.stdout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._console, name)

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        return Console(width=self._width)


def add_command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    """A subcommand's parser, with `--json` and the notice every command has."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=NOTICE, allow_abbrev=False
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")
    return parser


def show_json(console: Console, data: Any) -> None:
    """Strict JSON, never wrapped; ASCII escapes, so that no terminal or pipe can spoil it."""
    with naming(STANDARD_OUTPUT):
        console.file.write(json.dumps(data, indent=2, allow_nan=False) + "\n")


def show_text(console: Console, text: str) -> None:
    """Text wrapped to the console's width; brackets are brackets."""
    console.print(text, markup=False, highlight=False, emoji=False)


def show_lines(console: Console, lines: Sequence[str]) -> None:
    """Lines as they are."""
    with naming(STANDARD_OUTPUT):
        console.file.write("\n".join(lines) + "\n")


def wrapped(text: str, start: str = "") -> list[str]:
    """Lines of a text, those after the first below the end of `start`; an empty line where it is empty."""
    return wrap(text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start)) or [start]


def write_whole(path: Path, content: str | bytes, *, is_new: bool) -> None:
    """Write a file, text as UTF-8, in one step: whoever looks sees the old file or the new one, never half of it.

    Raises
    ------
    InputError
        `is_new` and there is such a file already.
    """
    import tempfile

    if is_new and path.exists():
        raise InputError(Problem(str(path), "is there already; --force replaces it"))
    with naming(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def moment_option(given: str | None) -> datetime:
    """Read the moment that `--now` asks about, in its own zone; now, where it is left out."""
    from stimplan.ledger.history import moment_now
    from stimplan.ledger.times import read_time

    if given is None:
        return moment_now()
    try:
        read_time(given)
    except ValueError as error:
        raise LedgerError(Problem("--now", str(error))) from None
    return datetime.fromisoformat(given)
