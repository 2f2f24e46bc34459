"""The program's argument parser: errors in one line, with the nearest known word of the command that was meant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from stimplan.errors import InputError, Problem


class Parser(argparse.ArgumentParser):
    """argparse with the errors of this program: exit code 2, one line, the nearest known word."""

    everything: Callable[[], Parser] | None = None  # makes the parser of all commands, where this has only some
    given: Sequence[str] = ()

    def read(self, args: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments; an error knows what was given."""
        self.given = args
        return self.parse_args(args)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print.

        Raises
        ------
        InputError
            Always.
        """
        wrong = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if wrong:
            known = re.findall(r"[\w-]+", wrong[2])
            message = f"{wrong[1]!r} is not known here; there is {', '.join(known)}{did_you_mean(wrong[1], known)}"
        unknown = re.fullmatch(r"unrecognized arguments: (.*)", message)
        here = _command_of(self, self.given)
        if unknown:
            option = next((one for one in unknown[1].split() if one.startswith("-")), unknown[1].split()[0])
            message += self._unknown(option.split("=")[0], here)
        raise InputError(Problem("", f"{message} (see {here.prog} --help)"))

    def _unknown(self, option: str, here: argparse.ArgumentParser) -> str:
        """What was meant by an option that a command has not: one of its own before one of another command."""
        own, others = options_of(here), options_of(self.everything() if self.everything else self)
        if option in others:
            return " (other commands have it, this one does not)"
        near = did_you_mean(option, own)
        if near:
            return near
        near = did_you_mean(option, others)
        return f"{near[:-1]}, which other commands have?" if near else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"`: what begins with the word, else what looks like it; or ""."""
    from difflib import get_close_matches

    known = list(known)
    if word.startswith("-") and len(word.strip("-")) < 2:
        return ""  # one letter looks like anything
    near = sorted((one for one in known if word and one.startswith(word)), key=len)
    near = near or get_close_matches(word, known, n=1, cutoff=0.6 if word.startswith("-") else 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """Every option string of a parser and of its commands."""
    found: list[str] = []
    for action in parser._actions:
        found += action.option_strings
    for command in commands_of(parser).values():
        found += options_of(command)
    return found


def _command_of(parser: argparse.ArgumentParser, given: Iterable[str]) -> argparse.ArgumentParser:
    """Parser of the command that the arguments name, or of its action."""
    for word in given:
        parser = commands_of(parser).get(word, parser)
    return parser


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
