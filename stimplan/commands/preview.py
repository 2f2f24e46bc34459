"""`stimplan preview`: any montage of 10-10 sites, or the coil of a protocol, on the template's cortex, at once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines, wrapped
from stimplan.errors import InputError, Problem
from stimplan.units import text, to_si

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.coil import Coil
    from stimplan.protocol import Protocol
    from stimplan.runs.preview import CoilMap


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`preview SITE:MILLIAMPERE ...` or `preview PROTOCOL`."""
    parser = add_command(
        commands, "preview", "see a montage of 10-10 sites, or a protocol's coil, on the template at once"
    )
    parser.add_argument("montage", nargs="+", metavar="SITE:MA", help="such as F3:+2 F4:-2; or a protocol's id or file")
    parser.add_argument("--out", type=Path, help="picture to write (.png); without it only the figures are printed")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the figures; draw them where a file is named."""
    if args.out is not None and args.out.suffix.lower() != ".png":
        raise InputError(Problem("--out", f"must end in .png, got {str(args.out)!r}"))
    if len(args.montage) > 1 or ":" in args.montage[0]:
        return _run_currents(montage_currents(args.montage), args, console)
    from stimplan.protocol import read_protocol

    protocol = read_protocol(args.montage[0])
    if protocol.magnetic is not None:
        return _run_coil(protocol, args, console)
    return _run_currents(_protocol_currents(protocol, args.montage[0]), args, console)


def _run_currents(currents_A: dict[str, float], args: argparse.Namespace, console: Console) -> int:
    from stimplan.preview import NOTE, preview

    seen = preview(currents_A)
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


def _run_coil(protocol: Protocol, args: argparse.Namespace, console: Console) -> int:
    """Each block of pulses; the picture is of the first, and of the others with their number before the ending."""
    from stimplan.coil_preview import NOTE
    from stimplan.runs.preview import map_of, preview_coils

    seen = preview_coils(protocol, folder=Path())
    maps = [map_of(seen, number) for number in range(len(seen.blocks))]
    files = [] if args.out is None else _drawn(maps, seen.coil, args.out)
    notice = f"Preview: {NOTE}."
    stand_in = None if seen.stand_in is None else seen.stand_in.sentence
    records = [one.record() for one in maps]
    if args.json:
        told = {"notice": notice, "coil": seen.coil.name, "stand_in": stand_in}
        show_json(console, {**told, "blocks": records, "files": list(map(str, files))})
        return 0
    lines = [f"Coil: {seen.coil.name}", *([] if stand_in is None else [stand_in])]
    for record in records:
        lines += _block_lines(record)
    lines = [*lines, *(f"Picture: {file}" for file in files), notice]
    show_lines(console, [part for line in lines for part in wrapped(line)])
    return 0


def _block_lines(record: Mapping[str, Any]) -> list[str]:
    rate = text(record["didt_A_per_s"], "A_per_s")
    return [
        f"{record['label']}: |E| on the cortex for {rate}: median {_volts(record['median_V_per_m'])}, 95th percentile "
        f"{_volts(record['p95_V_per_m'])}, 99th {_volts(record['p99_V_per_m'])}, strongest near "
        f"{record['strongest_near_site']}",
        record["drive_sentence"],
        *record["notices"],
    ]


def _drawn(maps: Sequence[CoilMap], coil: Coil, out: Path) -> list[Path]:
    """A picture of each block whose pose or drive is its own."""
    from stimplan.view.coil_preview import plot_coil_preview
    from stimplan.view.paper import write_png

    files: dict[int, Path] = {}
    for number, one in enumerate(maps, 1):
        field = id(one.block.E_V_per_m)
        if field not in files:
            files[field] = out if not files else out.with_name(f"{out.stem}-{number}{out.suffix}")
            write_png(plot_coil_preview(one, coil), files[field])
    return list(files.values())


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


def _protocol_currents(protocol: Protocol, name: str) -> dict[str, float]:
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
