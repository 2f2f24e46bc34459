"""`stimplan waveform`: the samples or pulses of one session as a file for a stimulator."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_text
from stimplan.errors import InputError, Problem

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.protocol import Protocol
    from stimplan.waveform import Choices


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`waveform PROTOCOL --rate-hz HZ --out FILE`, and what the protocol leaves open."""
    parser = add_command(commands, "waveform", "write the current of every electrode, or every pulse, of one session")
    parser.add_argument("protocol", help="id in the library, or a JSON file")
    parser.add_argument("--out", type=Path, required=True, help=".csv, .npy or .npz; pulses of a coil: .csv")
    parser.add_argument("--rate-hz", type=float, help="samples per second; needed for a current")
    parser.add_argument("--start-s", type=float, default=0.0, help="begin here (default: 0)")
    parser.add_argument("--stop-s", type=float, help="stop before this (default: the end)")
    parser.add_argument("--seed", type=int, default=0, help="of random noise (default: 0)")
    choices = parser.add_argument_group("what the protocol does not report (never replaces what it does)")
    choices.add_argument("--ramp-s", type=float, help="length of each ramp that is not reported; 0 for a step")
    choices.add_argument("--frequency-hz", type=float, help="the person's own frequency")
    choices.add_argument("--band-hz", type=float, nargs=2, metavar=("LOW", "HIGH"), help="band of a noise")
    choices.add_argument("--distribution", choices=("gaussian", "uniform"), help="distribution of a noise")
    choices.add_argument("--gap-s", type=float, help="from the last pulse of a block to the first of the next")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Write the file and say how much is in it."""
    from stimplan.protocol import read_protocol
    from stimplan.waveform import Choices, write_pulses, write_waveform

    protocol = read_protocol(args.protocol)
    choices = Choices(
        seed=args.seed,
        ramp_s=args.ramp_s,
        frequency_Hz=args.frequency_hz,
        band_Hz=tuple(args.band_hz) if args.band_hz else None,
        distribution=args.distribution,
        gap_s=args.gap_s,
    )
    if protocol.magnetic is not None:
        _refuse_for_pulses(args)
        count, what = write_pulses(args.out, protocol, choices=choices), "pulses"
    else:
        _refuse_unsaid(args, protocol, choices)
        window = (args.start_s, args.stop_s)
        count = write_waveform(args.out, protocol, args.rate_hz, window_s=window, choices=choices)
        what = "samples of each electrode"
    if args.json:
        show_json(console, {"id": protocol.id, "file": str(args.out), "count": count, "of": what})
    else:
        show_text(console, f"{args.out}: {count:,} {what}")
    return 0


def _refuse_for_pulses(args: argparse.Namespace) -> None:
    """Options that mean nothing for a list of pulses."""
    given = {"--rate-hz": args.rate_hz, "--stop-s": args.stop_s, "--start-s": args.start_s or None}
    problems = [
        Problem(name, "is for a current; the pulses of a coil are listed with their times, all of them")
        for name, value in given.items()
        if value is not None
    ]
    if problems:
        raise InputError(problems)


def _refuse_unsaid(args: argparse.Namespace, protocol: Protocol, choices: Choices) -> None:
    """What must be said before a person gets a current: the rate, and the ramps nobody reported.

    A step that nobody asked for is felt; so the file is only made when somebody has said how long the ramps are.
    """
    problems = []
    if args.rate_hz is None:
        problems.append(Problem("--rate-hz", "is needed: how many samples per second does the stimulator take?"))
    waveform = protocol.waveform
    assert waveform is not None
    missing = [way for way in ("up", "down") if getattr(waveform, f"ramp_{way}_s") is None]
    if missing and choices.ramp_s is None:
        what = f"{protocol.id} does not report its ramp {' and '.join(missing)}; say its length, or 0 for a step"
        problems.append(Problem("--ramp-s", what))
    if problems:
        raise InputError(problems)
