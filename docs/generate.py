"""Pages that are made from the program itself while the site is built: they cannot fall behind it.

Formats from the JSON Schemas, commands from their parsers, rules from `safety/`, sources from `protocols/`. Nothing
here is kept in the repository.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SUFFIX_UNITS = {
    "mA": "mA", "mm": "mm", "cm": "cm", "m": "m", "s": "s", "ms": "ms", "us": "µs", "min": "min", "h": "h",
    "Hz": "Hz", "deg": "°", "percent": "%", "years": "years", "hours": "h", "weeks": "weeks", "kOhm": "kΩ",
    "A_per_us": "A/µs", "V_per_m": "V/m", "S_per_m": "S/m", "C_per_m2": "C/m²", "A_per_m2": "A/m²",
}  # fmt: skip
SCHEMAS = {
    "protocol": ("Protocol files", "protocols/schema", "protocol-*.schema.json"),
    "subject": ("Subject files", "safety/schema", "subject-*.schema.json"),
    "site-policy": ("Site policies", "safety/schema", "site-policy-*.schema.json"),
    "rule": ("Safety rule files", "safety/schema", "rule-*.schema.json"),
}


def write_pages(folder: Path) -> list[Path]:
    """Write every generated page into a folder and return their paths."""
    from stimplan.resources import data_path

    folder.mkdir(parents=True, exist_ok=True)
    pages = {"commands": commands_page(), "rules": rules_page(), "library": library_page()}
    for name, (title, where, pattern) in SCHEMAS.items():
        newest = max(data_path(*where.split("/")).glob(pattern), key=lambda path: int(path.name.split("-")[-1][0]))
        pages[f"format-{name}"] = format_page(title, json.loads(newest.read_text(encoding="utf-8")))
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return [folder / f"{name}.md" for name in pages]


def format_page(title: str, schema: Mapping[str, Any]) -> str:
    """The keys of a file format, a table for each object of the schema."""
    made = (
        "Made from the JSON Schema that checks the files. A key ends in its unit; `null` is allowed where it is named."
    )
    lines = [f"# {title}", "", _escape(schema.get("description", "")), "", made, "", "## The file", ""]
    lines += _table(schema)
    for name, part in sorted(schema.get("$defs", {}).items()):
        lines += ["", f"({_anchor(schema, name)})=", f"## {name}", "", _escape(part.get("description", "")), ""]
        lines += _table(part) if part.get("properties") else [f"Type: {_type(part, schema)}"]
    return "\n".join(lines) + "\n"


def _table(part: Mapping[str, Any], prefix: str = "") -> list[str]:
    rows = list(_rows(part, prefix))
    if not rows:
        return ["Its content depends on other keys."]
    head = ["| key | type | unit | required | what it is |", "|---|---|---|---|---|"]
    return head + [f"| `{key}` | {kind} | {unit} | {required} | {what} |" for key, kind, unit, required, what in rows]


def _rows(part: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str, str]]:
    required = set(part.get("required", ()))
    for key, value in part.get("properties", {}).items():
        name = prefix + key
        what = _escape(value.get("description", ""))
        yield name, _type(value, part), unit_of(key), "yes" if key in required else "", what
        yield from _rows(value, name + ".")
        if isinstance(value.get("items"), dict):
            yield from _rows(value["items"], name + "[].")


def unit_of(key: str) -> str:
    """Unit that the end of a key names, or nothing.

    Examples
    --------
    >>> unit_of("current_mA"), unit_of("didt_A_per_us"), unit_of("title")
    ('mA', 'A/µs', '')
    """
    fits = [suffix for suffix in SUFFIX_UNITS if key.endswith("_" + suffix)]
    return SUFFIX_UNITS[max(fits, key=len)] if fits else ""


def _type(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in value:
        return f"`{value['$ref'].split('/')[-1]}`"
    if "const" in value:
        return f"always `{value['const']}`"
    if "enum" in value:
        return "one of " + ", ".join("`null`" if one is None else f"`{one}`" for one in value["enum"])
    kinds = value.get("type", "any")
    words = ", ".join(f"`{one}`" for one in ([kinds] if isinstance(kinds, str) else kinds))
    low, high = value.get("minimum", value.get("exclusiveMinimum")), value.get("maximum", value.get("exclusiveMaximum"))
    if low is not None or high is not None:
        words += f" {'' if low is None else low}…{'' if high is None else high}"
    if "items" in value and isinstance(value["items"], dict):
        words += f" of {_type(value['items'], schema)}"
    return words


def _anchor(schema: Mapping[str, Any], name: str) -> str:
    return f"{schema.get('$id', schema.get('title', 'format')).replace(':', '-').replace(' ', '-')}-{name}"


def _escape(text: str) -> str:
    """Text that Markdown and its tables show as it is."""
    for sign in ("\\", "|", "*", "_", "<", "[", "$"):
        text = text.replace(sign, "\\" + sign)
    return text


def commands_page() -> str:
    """What each command and each of its actions answers to --help."""
    from stimplan.cli import command_parsers

    os.environ["COLUMNS"] = "100"
    lines = ["# Commands", "", "What each command says with `--help`.", ""]
    for name, parser in command_parsers().items():
        lines += [f"## stimplan {name}", "", *_help(parser)]
    return "\n".join(lines)


def _help(parser: argparse.ArgumentParser) -> Iterator[str]:
    from stimplan.commands.parser import commands_of

    yield from ("```text", parser.format_help().split("Research and educational")[0].rstrip(), "```", "")
    for action in commands_of(parser).values():
        yield from _help(action)


def rules_page() -> str:
    """Every dose rule with its limit, how sure we are of it, and its source."""
    from stimplan.safety import load_rules

    sure = "*read*: read in the source; *secondary*: read in a text that quotes it; *recalled*: to be verified."
    lines = ["# Safety rules", "", f"Dose rules of this version. {sure}", ""]
    lines += ["| rule | what must hold | how much it weighs | source |", "|---|---|---|---|"]
    for rule in load_rules().rules:
        source = _escape(str(rule.citation.text)) + (f", doi:{rule.citation.doi}" if rule.citation.doi else "")
        weight = f"{rule.severity} · {rule.basis.replace('_', ' ')} · {rule.citation.access}"
        lines.append(f"| `{rule.id}` | {_escape(rule.title)} | {weight} | {source} |")
    return "\n".join(lines) + "\n"


def library_page() -> str:
    """Every protocol of the library with its source."""
    from stimplan.protocol import list_protocols, read_protocol

    lines = ["# Library of protocols", "", "| id | modality | what | source |", "|---|---|---|---|"]
    for one in list_protocols():
        protocol = read_protocol(one if isinstance(one, str) else one.id)
        source = protocol.source
        doi = f"[{source.doi}](https://doi.org/{source.doi})" if source and source.doi else ""
        cited = f"{_escape(source.citation)} {doi} ({source.status})" if source else "none"
        lines.append(f"| `{protocol.id}` | {protocol.modality} | {_escape(protocol.title or '')} | {cited} |")
    return "\n".join(lines) + "\n"
