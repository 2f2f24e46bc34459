"""`stimplan signoff`: one page to read and to sign, and a sheet for the person, as HTML and PDF."""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.check import ledger_path
from stimplan.commands.output import LEDGER_VARIABLE, PROFILES_HELP, add_command, moment_option, show_json, show_text
from stimplan.errors import InputError, SafetyStop, naming
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.protocol import Protocol
    from stimplan.safety import Simulated
    from stimplan.signoff import LedgerPart


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`signoff PROTOCOL --out DIR`."""
    parser = add_command(commands, "signoff", "one page to read and to sign, and a sheet for the person; HTML and PDF")
    parser.add_argument("protocol", help="id in the library, or a JSON file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the four files")
    parser.add_argument("--subject", metavar="FILE", help="answers of the person, as JSON")
    parser.add_argument(
        "--ledger", type=Path, metavar="PATH", help=f"dose ledger; needs --person (or ${LEDGER_VARIABLE})"
    )
    parser.add_argument("--person", metavar="CODE", help="code of the person in the ledger")
    parser.add_argument("--now", metavar="TIME", help="moment of the session for the ledger, such as "
                        "2026-03-01T09:30:00+01:00 (default: this moment)")  # fmt: skip
    parser.add_argument("--result", type=Path, metavar="DIR", help="folder of a run of this protocol: its field and "
                        "the places of its electrodes are judged")  # fmt: skip
    parser.add_argument("--profile", metavar="NAME", help=PROFILES_HELP)
    parser.add_argument("--site-policy", metavar="FILE", help="the site's own changes to the profile, as JSON")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Check the protocol, write the four files, say where they are."""
    from stimplan.protocol import read_protocol
    from stimplan.signoff import sheet_record, signoff_record

    args.ledger = ledger_path(args)
    protocol = read_protocol(args.protocol)
    simulated = None if args.result is None else read_result(args.result)
    subject, report = _checked(args, protocol, simulated)
    record = signoff_record(protocol, report, subject=subject, ledger=_history(args, protocol), simulated=simulated)
    sheet = sheet_record(protocol, person=record["person"])
    files = write_files(args.out, _files(record, sheet))
    if args.json:
        show_json(console, {**record, "sheet": sheet, "files": [str(path) for path in files]})
    else:
        counts = ", ".join(f"{name} {count}" for name, count in record["counts"].items())
        show_text(console, f"{record['verdict'].upper()}: {record['verdict_means']} ({counts})\n")
        show_text(console, "\n".join(map(str, files)))
        show_text(console, f"\n{NOTICE}")
    return SafetyStop.exit_code if record["verdict"] in ("stop", "unknown") else 0


def read_result(folder: Path) -> Simulated:
    """What the run in a folder found out, from its `summary.json`.

    Raises
    ------
    InputError
        There is no such file, or it is not the record of a run.
    """
    from stimplan import strict_json
    from stimplan.safety import read_simulated

    path = folder / "summary.json"
    text, problems = strict_json.read_bytes(path, file=str(path))
    document = None if problems else strict_json.parse(text, file=str(path))
    problems = problems if document is None else document.problems
    if document is None or problems:
        raise InputError(problems)
    return read_simulated(document.tree, file=str(path))


def _checked(args: argparse.Namespace, protocol: Protocol, simulated: Simulated | None) -> tuple[Any, Any]:
    """The subject, if one was given, and the check."""
    from stimplan.safety import check, read_site_policy, read_subject
    from stimplan.safety.values import DEFAULT_PROFILE

    subject = read_subject(Path(args.subject)) if args.subject else None
    policy = read_site_policy(Path(args.site_policy)) if args.site_policy else None
    profile = args.profile or (policy.profile if policy else DEFAULT_PROFILE)
    return subject, check(protocol, subject=subject, field=simulated, profile=profile, site_policy=policy)


def _history(args: argparse.Namespace, protocol: Protocol) -> LedgerPart | None:
    from stimplan.ledger import open_ledger
    from stimplan.signoff import ledger_part

    if args.ledger is None:
        return None
    now = moment_option(args.now)
    with open_ledger(args.ledger) as ledger:
        return ledger_part(ledger, args.person, protocol=protocol, now=now)


def _files(record: Mapping[str, Any], sheet: Mapping[str, Any]) -> dict[str, bytes]:
    """Content of each file by its name; the name says whose and of what it is."""
    from stimplan.signoff import render_sheet, render_signoff, sheet_pdf, signoff_pdf

    parts = [record["protocol"]["id"], *([record["person"]] if record["person"] else [])]
    stem = "-".join(re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in parts)
    return {
        f"{stem}-signoff.html": render_signoff(record).encode(),
        f"{stem}-signoff.pdf": signoff_pdf(record),
        f"{stem}-person.html": render_sheet(sheet).encode(),
        f"{stem}-person.pdf": sheet_pdf(sheet),
    }


def write_files(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write files, each whole or not at all, for the user's eyes only: they are about a person's health.

    Raises
    ------
    OSError
        One of them could not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, data in contents.items():
        with naming(folder / name):
            _write_file(folder, name, data)
        written.append(folder / name)
    return written


def _write_file(folder: Path, name: str, data: bytes) -> None:
    handle, part = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(part).replace(folder / name)  # mkstemp made it readable by its owner only
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
