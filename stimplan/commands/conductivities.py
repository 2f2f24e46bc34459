"""`stimplan conductivities`: the presets, with source and spread of each value."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_text

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.head.conductivity import Conductivity, Preset, Reference

_ACCESS = {"read": "read in the source", "secondary": "read in a text that quotes it", "recalled": "from memory"}


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`conductivities [PRESET]`."""
    parser = add_command(commands, "conductivities", "list the conductivities a head may have, with their sources")
    parser.add_argument("preset", nargs="?", help="only this preset")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Print every preset, or one."""
    from stimplan.head.conductivity import DEFAULT_PRESET, PRESETS, read_preset

    presets = [read_preset(name) for name in ([args.preset] if args.preset else PRESETS)]
    if args.json:
        show_json(console, {"default": DEFAULT_PRESET, "presets": [record(preset) for preset in presets]})
        return 0
    for preset in presets:
        _show(preset, console, is_default=preset.name == DEFAULT_PRESET)
    return 0


def record(preset: Preset) -> dict[str, Any]:
    """A preset as JSON data."""
    return {
        "name": preset.name,
        "title": preset.title,
        "tissues": {name: _record(one) for name, one in preset.tissues.items()},
    }


def _record(one: Conductivity) -> dict[str, Any]:
    return {
        "conductivity_S_per_m": one.value_S_per_m,
        "sd_S_per_m": one.sd_S_per_m,
        "range_S_per_m": list(one.range_S_per_m) if one.range_S_per_m else None,
        "source": _reference(one.source),
        "range_source": _reference(one.range_source) if one.range_source else None,
        "note": one.note,
    }


def _reference(source: Reference) -> dict[str, str]:
    return {"citation": source.citation, "doi": source.doi, "access": source.access}


def _show(preset: Preset, console: Console, *, is_default: bool) -> None:
    """One table, then its sources by number."""
    from rich.table import Table
    from rich.text import Text

    sources: list[Reference] = []

    def number(source: Reference | None) -> str:
        if source is None:
            return ""
        if source not in sources:
            sources.append(source)
        return f"[{sources.index(source) + 1}]"

    table = Table(pad_edge=False, expand=False)
    for heading in ("tissue", "S/m", "SD", "range", "source", "note"):
        table.add_column(Text(heading))
    for name, one in preset.tissues.items():
        low_high = f"{one.range_S_per_m[0]:g} to {one.range_S_per_m[1]:g} " if one.range_S_per_m else ""
        spread = f"{one.sd_S_per_m:g}" if one.sd_S_per_m is not None else ""
        cells = (name.replace("_", " "), f"{one.value_S_per_m:g}", spread, low_high + number(one.range_source),
                 number(one.source), one.note)  # fmt: skip
        table.add_row(*[Text(cell) for cell in cells])
    show_text(console, f"{preset.name}{' (the default)' if is_default else ''}: {preset.title}")
    console.print(table)
    for index, source in enumerate(sources, start=1):
        show_text(console, f"  [{index}] {source} ({_ACCESS[source.access]})")
    show_text(console, "")
