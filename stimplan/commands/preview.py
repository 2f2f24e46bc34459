"""`stimplan preview`: any montage of 10-10 sites on the template's cortex, at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines
from stimplan.errors import InputError, Problem
from stimplan.units import text, to_si

if TYPE_CHECKING:
    from rich.console import Console


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`preview SITE:MILLIAMPERE ...` or `preview PROTOCOL`."""
    parser = add_command(commands, "preview", "see any montage of 10-10 sites on the template at once")
    parser.add_argument("montage", nargs="+", metavar="SITE:MA", help="such as F3:+2 F4:-2; or a protocol's id or file")
    parser.add_argument("--out", type=Path, help="picture to write (.png); without it only the figures are printed")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the figures; draw them where a file is named."""
    from stimplan.preview import NOTE, preview

    if args.out is not None and args.out.suffix.lower() != ".png":
        raise InputError(Problem("--out", f"must end in .png, got {str(args.out)!r}"))
    is_protocol = len(args.montage) == 1 and ":" not in args.montage[0]
    seen = preview(_protocol_currents(args.montage[0]) if is_protocol else montage_currents(args.montage))
    if args.out is not None:
        from stimplan.view.paper import write_png
        from stimplan.view.preview import plot_preview

        write_png(plot_preview(seen), args.out)
    record = seen.record()
    if args.json:
        show_json(console, {**record, "file": None if args.out is None else str(args.out)})
        return 0
    x, y, z = (1e3 * value for value in record["peak_mni_m"])
    currents = ", ".join(f"{name} {1e3 * current:+g} mA" for name, current in record["currents_A"].items())
    show_lines(console, [
        currents,
        f"|E| on the cortex: median {_volts(record['median_V_per_m'])}, "
        f"95th percentile {_volts(record['p95_V_per_m'])}, 99th {_volts(record['p99_V_per_m'])}, "
        f"peak {_volts(record['peak_V_per_m'])}",
        f"Peak near {record['peak_nearest_site']}, MNI {x:.0f} {y:.0f} {z:.0f} mm",
        f"Into the cortex at most {_volts(record['most_inward_V_per_m'])}, out of it "
        f"{_volts(record['most_outward_V_per_m'])}",
        f"Against the computed field these points differ by {100 * record['relative_error']:.1f} % (root mean square).",
        *([] if args.out is None else [f"Picture: {args.out}"]),
        NOTE,
    ])  # fmt: skip
    return 0


def montage_currents(words: Sequence[str]) -> dict[str, float]:
    """Currents by site, A, from words such as `F3:+2` (mA).

    Raises
    ------
    InputError
        Every word that is not SITE:MILLIAMPERE, and sites that come twice.
    """
    table: dict[str, float] = {}
    problems = []
    for word in words:
        site, _, number = word.partition(":")
        try:
            value = to_si(float(number), "mA")
        except ValueError:
            problems.append(Problem(word, "is not SITE:MILLIAMPERE, such as F3:+2"))
            continue
        if site in table:
            problems.append(Problem(word, f"site {site!r} comes twice; give the sum"))
        table[site] = value
    if problems:
        raise InputError(problems)
    return table


def _protocol_currents(name: str) -> dict[str, float]:
    from stimplan.protocol import read_protocol

    protocol = read_protocol(name)
    problems = []
    if not protocol.electrodes or getattr(protocol.waveform, "type", None) != "direct":
        problems.append(Problem(name, f"{protocol.modality}: the preview shows direct currents through electrodes"))
    for electrode in protocol.electrodes:
        if not isinstance(electrode.site, str):
            problems.append(Problem(name, f"electrode {electrode.label!r} is at no named site"))
    if problems:
        raise InputError(problems)
    return {str(electrode.site): electrode.current_A for electrode in protocol.electrodes}


def _volts(value: float) -> str:
    return text(value, "V_per_m")
