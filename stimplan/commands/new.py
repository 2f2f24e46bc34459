"""`stimplan new`: a valid protocol file from flags, or from questions on a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_text, write_whole
from stimplan.commands.questions import FLAGS, still_needed
from stimplan.errors import InputError, Problem
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`new --modality … --out FILE`."""
    parser = add_command(commands, "new", "write a new protocol file from flags, or from questions on a terminal")
    for flag in FLAGS:
        # Suppressed, so that an answer that was not given is not there: nothing delivered to a person has a default.
        text = flag.text.replace("%", "%%")  # argparse fills in what stands after a single one
        parser.add_argument(f"--{flag.name}", type=flag.read, help=text, default=argparse.SUPPRESS, metavar="…")
    parser.add_argument("--out", type=Path, help="file to write (default: <id>.json)")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there already")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Ask for what is missing where somebody can answer, check the protocol, write it."""
    from stimplan.commands.drafts import draft
    from stimplan.describe import title_of
    from stimplan.protocol import dump_protocol, read_protocol

    answers = {flag.key: getattr(args, flag.key) for flag in FLAGS if hasattr(args, flag.key)}
    if not args.json and can_ask(console):
        answer_questions(answers, lambda question: console.input(question, markup=False))
    refuse_gaps(answers)
    protocol = read_protocol(draft(answers))
    path = args.out or Path(f"{protocol.id}.json")
    write_whole(path, dump_protocol(protocol), is_new=not args.force)
    if args.json:
        show_json(console, {"id": protocol.id, "title": title_of(protocol), "file": str(path), "notice": NOTICE})
        return 0
    show_text(console, f"{path}: {title_of(protocol)}")
    assumed = [place for place, status in protocol.certainty if status == "assumed"]
    if assumed:
        show_text(console, "assumed, correct in the file where you know better: " + ", ".join(assumed))
    show_text(console, f"stimplan check {path} compares it with the safety rules.\n\n{NOTICE}")
    return 0


def can_ask(console: Console) -> bool:
    """Whether somebody sits at a terminal."""
    return console.is_terminal and sys.stdin.isatty()


def answer_questions(answers: dict[str, Any], ask: Callable[[str], str]) -> None:
    """Ask for every missing answer, again until it can be read.

    Raises
    ------
    InputError
        The input ended.
    """
    while needed := still_needed(answers):
        flag = needed[0]
        hint = ""
        while flag.key not in answers:
            try:
                word = ask(f"{hint}{flag.text}: ").strip()
                if word:
                    answers[flag.key] = flag.read(word)
            except argparse.ArgumentTypeError as error:
                hint = f"{error}. "
            except EOFError:
                raise InputError(Problem(f"--{flag.name}", "the input ended before it was answered")) from None


def refuse_gaps(answers: dict[str, Any]) -> None:
    """Refuse answers that leave something open.

    Raises
    ------
    InputError
        Lists every flag that is missing.
    """
    needed = still_needed(answers)
    if needed:
        raise InputError([Problem(f"--{flag.name}", f"is missing: {flag.text}") for flag in needed])
