"""Options of commands that simulate stimulation by a coil: what the protocol leaves open."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stimplan.commands.flags import MOST_A_PER_US, as_typed, implausible_rate
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from stimplan.protocol.magnetic import Handle
    from stimplan.runs.options import CoilOptions

# As `stimplan.coil.intensity.THRESHOLDS`, which is not loaded for --help; a test compares them.
THRESHOLD_NAMES = ("rMT", "aMT", "1mV", "phosphene")
# As `stimplan.coil.waveforms.SHAPES`; a test compares them.
PULSE_SHAPES = ("monophasic", "biphasic", "half-sine")
_THRESHOLD = "[REFERENCE=]NUMBER"


def add_coil_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a coil to a command."""
    group = parser.add_argument_group("stimulation by a coil")
    group.add_argument("--coil", metavar="COIL", help="coil instead of the protocol's: an id of the catalogue, or a "
                       ".ccd, .tcd or .nii.gz file; without it one of the family stands in for a coil whose windings "
                       "are not known, and the report says so")  # fmt: skip
    angle = group.add_mutually_exclusive_group()
    angle.add_argument("--handle-deg", type=float, metavar="DEG", help="handle where the protocol says none: 0 "
                       "backwards, + left; without it 45 outwards is taken, and said")  # fmt: skip
    angle.add_argument("--handle-towards", metavar="SITE", help="the same, towards a 10-05 site")
    names = ", ".join(THRESHOLD_NAMES)
    group.add_argument("--threshold-mso", action="append", default=[], metavar=_THRESHOLD, help="measured threshold "
                       f"of the person, %% of the stimulator's output: rMT=45 ({names}; rMT if left out); may be "
                       "repeated")  # fmt: skip
    group.add_argument("--threshold-didt", action="append", default=[], metavar=_THRESHOLD, help="the same as the "
                       "dI/dt the stimulator shows, A/µs")  # fmt: skip
    group.add_argument("--threshold-pulse", choices=PULSE_SHAPES, help="pulses these thresholds were measured with; a "
                       "threshold of other pulses than the protocol's is not used")  # fmt: skip
    group.add_argument("--max-didt-a-per-us", type=float, metavar="A_PER_US", help="dI/dt at 100 %% of the output, "
                       "where the coil does not state it")  # fmt: skip
    group.add_argument("--didt-a-per-us", type=float, metavar="A_PER_US", help="assume this dI/dt, whatever the "
                       "protocol's intensity; the report says so")  # fmt: skip
    group.add_argument("--stimulator", metavar="NAME", help="stimulator, where the protocol names none: rules about "
                       "one kind are judged with it")  # fmt: skip
    group.add_argument("--calibrate", action="store_true", help="compare the field at the target with that at the "
                       "hand area, and carry the motor threshold over")  # fmt: skip
    group.add_argument("--no-placement-spread", action="store_true", help="do not solve the 14 moved poses (5 mm, "
                       "10 degrees) that give each figure its spread")  # fmt: skip


def read_coil_options(args: argparse.Namespace, folder: Path | None = None) -> CoilOptions:
    """The options as values in SI.

    Parameters
    ----------
    args : Namespace
    folder : Path, optional
        Of the protocol's file, where the coil file it names is looked for.

    Raises
    ------
    InputError
        Everything that is wrong with them, at once.
    """
    from stimplan.runs.options import CoilOptions
    from stimplan.units import to_si

    problems: list[Problem] = []
    rates = _rates(args, problems)
    shares = _thresholds("--threshold-mso", args.threshold_mso, problems)
    currents = _thresholds("--threshold-didt", args.threshold_didt, problems)
    _check_thresholds(args, shares, currents, problems=problems)
    handle = _handle(args, problems)
    if problems:
        raise InputError(problems)
    return CoilOptions(
        coil=args.coil,
        folder=folder,
        handle=handle,
        thresholds_fraction={name: to_si(value, "percent") for name, value in shares.items()},
        thresholds_didt_A_per_s={name: to_si(value, "A_per_us") for name, value in currents.items()},
        threshold_pulse=args.threshold_pulse,
        max_didt_A_per_s=rates["max_didt_a_per_us"],
        didt_A_per_s=rates["didt_a_per_us"],
        stimulator=args.stimulator,
        with_spread=not args.no_placement_spread,
        with_calibration=args.calibrate,
    )


def _rates(args: argparse.Namespace, problems: list[Problem]) -> dict[str, float | None]:
    """The rates by the name of their option, A/s; what is wrong with them goes to the problems."""
    from stimplan.units import to_si

    rates: dict[str, float | None] = {}
    for option in ("max_didt_a_per_us", "didt_a_per_us"):
        value = getattr(args, option)
        if value is not None and not 0 < value < float("inf"):
            problems.append(Problem(_flag(option), f"must be a finite number above 0, got {as_typed(value)}"))
        elif value is not None and value > MOST_A_PER_US:
            problems.append(Problem(_flag(option), f"{as_typed(value)} A/µs {implausible_rate()}"))
        else:
            rates[option] = None if value is None else to_si(value, "A_per_us")
    return rates


def _check_thresholds(
    args: argparse.Namespace, shares: dict[str, float], currents: dict[str, float], *, problems: list[Problem]
) -> None:
    """What thresholds, in per cent and in A/µs, and the options that belong to them cannot be."""
    for name, share in shares.items():
        if not 0 < share <= 100:
            problems.append(
                Problem("--threshold-mso", f"must be above 0 and at most 100 %, got {name}={as_typed(share)}")
            )
    for name, current in currents.items():
        if current > MOST_A_PER_US:
            problems.append(Problem("--threshold-didt", f"{name}={as_typed(current)} A/µs {implausible_rate()}"))
    if args.threshold_pulse is not None and not shares and not currents:
        what = "says with which pulses a threshold was measured; give the threshold too, such as --threshold-mso rMT=45"
        problems.append(Problem("--threshold-pulse", what))
    if args.stimulator is not None and not args.stimulator.strip():
        problems.append(Problem("--stimulator", "is empty; name the stimulator, or leave the flag out"))
    for name in shares.keys() & currents.keys():
        what = f"{name} is given by --threshold-mso too; leave one of the two out"
        problems.append(Problem("--threshold-didt", what))


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")


def _thresholds(option: str, given: Sequence[str], problems: list[Problem]) -> dict[str, float]:
    """`REFERENCE=NUMBER` arguments as a table; what cannot be read goes to the problems."""
    found: dict[str, float] = {}
    for argument in given:
        name, is_named, number = argument.rpartition("=")
        name = name.strip() if is_named else "rMT"
        try:
            value = float(number)
        except ValueError:
            problems.append(Problem(option, f"{argument!r} is no number, expected such as rMT=45"))
            continue
        if name not in THRESHOLD_NAMES:
            problems.append(Problem(option, f"there is no threshold {name!r}; known are {', '.join(THRESHOLD_NAMES)}"))
        elif name in found:
            problems.append(Problem(option, f"{name} is given twice"))
        elif not 0 < value < float("inf"):
            problems.append(Problem(option, f"{name} must be a finite number above 0, got {as_typed(value)}"))
        else:
            found[name] = value
    return found


def _handle(args: argparse.Namespace, problems: list[Problem]) -> Handle | None:
    from stimplan.protocol.magnetic import Handle
    from stimplan.units import to_si

    if args.handle_towards is not None:
        return Handle(towards=args.handle_towards)
    if args.handle_deg is None:
        return None
    if not abs(args.handle_deg) <= 360:
        problems.append(Problem("--handle-deg", f"must be within ±360, got {as_typed(args.handle_deg)}"))
        return None
    return Handle(from_midline_rad=to_si(args.handle_deg, "deg"))
