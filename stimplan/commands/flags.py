"""Flags with numbers: what is wrong with one is told by its name, with the number as it was typed."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from stimplan.coil import Coil
    from stimplan.head import HeadModel


# As protocols have it (`stimplan.protocol.plausible`): stimulators give a few hundred.
MOST_A_PER_US = 500


def folder(given: str) -> Path:
    """A folder to write to; an empty name is a shell variable that is not set, and the current folder is a dot."""
    if not given:
        raise argparse.ArgumentTypeError("is empty; name a folder")
    return Path(given)


def as_typed(value: float) -> str:
    """A number that argparse has read, as it was typed: no digit less, and no .0 that was not there."""
    return repr(value).removesuffix(".0")


def tried(
    problems: list[Problem], make: Callable[[], Any], *, where: str = "", flags: Mapping[str, str] | None = None
) -> Any:
    """What a function makes, or None, its problems noted.

    Parameters
    ----------
    problems : list of Problem
        Where they go.
    make : callable
    where : str
        The place of problems that name none, no file either.
    flags : mapping of str to str, optional
        The flag of a place that the function names in its own words.
    """
    try:
        return make()
    except InputError as error:
        for one in error.problems:
            place = (flags or {}).get(one.where, one.where) or ("" if one.file else where)
            problems.append(attrs.evolve(one, where=place))
        return None


def head_of(args: argparse.Namespace, progress: Any) -> HeadModel:
    """The head of --head with --edge-mm.

    Raises
    ------
    InputError
        Its problems, with these flags.
    """
    from stimplan.head import load_head

    problems: list[Problem] = []
    make = partial(load_head, args.head, edge_mm=args.edge_mm, progress=progress)
    head: HeadModel = tried(problems, make, where="--head", flags={"edge_mm": "--edge-mm"})
    if problems:
        raise InputError(problems)
    return head


def implausible_rate() -> str:
    """What to say about a rate that no stimulator gives."""
    return f"is implausible (at most {MOST_A_PER_US} A/µs); amperes per second? Write amperes per microsecond"


def check_rate(problems: list[Problem], flag: str, *, didt_A_per_s: float, coil: Coil | None) -> None:
    """Note a rate that is none, or more than the stimulators of a coil give."""
    from stimplan.units import exact_text, to_si

    shown = exact_text(didt_A_per_s, "A_per_us")
    if not (math.isfinite(didt_A_per_s) and didt_A_per_s):
        problems.append(Problem(flag, f"dI/dt must be a finite number other than 0, got {shown}"))
        return
    if abs(didt_A_per_s) > to_si(MOST_A_PER_US, "A_per_us"):
        problems.append(Problem(flag, f"{shown} {implausible_rate()}"))
        return
    for stimulator in () if coil is None else coil.stimulators:
        most = stimulator.max_didt_A_per_s
        if most is not None and abs(didt_A_per_s) > most * (1 + 1e-9):
            gives = (
                f"the {exact_text(most, 'A_per_us')} that {stimulator.name or 'the stimulator'} gives with this coil"
            )
            problems.append(Problem(flag, f"{shown} is more than {gives}"))
