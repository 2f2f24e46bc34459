"""`stimplan bids`: write, read and check datasets in NIBS-BIDS, the proposed BIDS for brain stimulation."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_lines
from stimplan.errors import InputError
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.exchange.bids import BidsSession
    from stimplan.placement import Placement
    from stimplan.protocol import Protocol


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`bids write PROTOCOL DIR`, `bids read DIR`, `bids check DIR`."""
    text = "write, read and check datasets in NIBS-BIDS v6.3"
    parser: argparse.ArgumentParser = commands.add_parser(
        "bids", help=text, description=text, epilog=NOTICE, allow_abbrev=False
    )
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT", title="what to do")
    write = add_command(kinds, "write", "write a protocol as a session of a dataset")
    write.add_argument("protocol", help="id in the library, or a JSON file")
    write.add_argument("folder", type=Path, metavar="DIR", help="root of the dataset; made if it is not there")
    write.add_argument("--subject", default="01", help="label of the participant (default: 01)")
    write.add_argument("--session", help="label of the session")
    write.add_argument("--task", default="rest", help="label of the task (default: rest)")
    write.add_argument("--acquisition", help="label that tells apart two stimulations of one session")
    write.add_argument("--head", help="head model to place the electrodes on; writes their coordinates and axes")
    write.add_argument("--force", action="store_true", help="replace the tables of this session if they are there")
    read = add_command(kinds, "read", "show the stimulations of a dataset")
    read.add_argument("folder", type=Path, metavar="DIR", help="root of the dataset")
    check = add_command(kinds, "check", "check a dataset against the specification; exit code 2 on errors")
    check.add_argument("folder", type=Path, metavar="DIR", help="root of the dataset")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Do what was asked for."""
    return {"write": _write, "read": _read, "check": _check}[args.what](args, console)


def _write(args: argparse.Namespace, console: Console) -> int:
    from stimplan.exchange.bids import Entities, not_carried, write_bids
    from stimplan.protocol import read_protocol

    protocol = read_protocol(args.protocol)
    names = Entities(args.subject, session=args.session, task=args.task, acquisition=args.acquisition)
    placement = None if args.head is None else _placed(protocol, args.head)
    written = write_bids(protocol, args.folder, placement=placement, entities=names, force=args.force)
    only_in_plan = not_carried(protocol)
    if args.json:
        show_json(console, {"files": [str(path) for path in written], "not_carried": list(only_in_plan)})
        return 0
    show_lines(console, [str(path) for path in written])
    if only_in_plan:
        show_lines(console, ["", f"{len(only_in_plan)} values have no word in NIBS-BIDS and stand in sourcedata only:"])
        show_lines(console, [f"  {path}" for path in only_in_plan])
    return 0


def _placed(protocol: Protocol, head: str) -> Placement:
    from stimplan.head import load_head
    from stimplan.placement import place

    if protocol.electric is None:
        raise InputError("--head places electrodes; the position of a coil is in the protocol")
    return place(protocol, load_head(head))


def _read(args: argparse.Namespace, console: Console) -> int:
    from stimplan.exchange.bids import read_bids

    sessions = read_bids(args.folder)
    if args.json:
        show_json(console, {"sessions": [_record(session) for session in sessions]})
        return 0
    for session in sessions:
        show_lines(console, _lines(session))
    return 0


def _record(session: BidsSession) -> dict[str, Any]:
    view, record = session.view, session.record
    return {
        "name": session.entities.stem,
        "protocol": None if view is None else view.id,
        "technique": None if view is None else view.technique,
        "description": None if view is None else view.description,
        "status": None if record is None else record.status,
        "start": None if record is None else record.start,
        "has_plan": session.protocol is not None,
        "differences": list(session.differences),
        "not_carried": list(session.not_carried),
        "not_understood": [{"file": p.file, "where": p.where, "what": p.what} for p in session.not_understood],
    }


def _lines(session: BidsSession) -> list[str]:
    view, record = session.view, session.record
    what = "not understood" if view is None else f"{view.technique}  {view.id}  {view.description or ''}".rstrip()
    status = "planned, no record of a session" if record is None else f"{record.status} {record.start or ''}".rstrip()
    lines = [f"{session.entities.stem}: {what} ({status})"]
    lines += [f"  {problem}" for problem in session.not_understood]
    lines += [f"  not as planned: {path}" for path in session.differences]
    if session.not_carried:
        lines.append(f"  {len(session.not_carried)} values of the planned protocol have no word in NIBS-BIDS")
    return lines


def _check(args: argparse.Namespace, console: Console) -> int:
    from stimplan.exchange.bids import check_bids

    findings = check_bids(args.folder)
    errors = sum(finding.severity == "error" for finding in findings)
    if args.json:
        data = {"folder": str(args.folder), "errors": errors, "findings": [finding.record() for finding in findings]}
        show_json(console, data)
    else:
        show_lines(console, [f"{finding.severity}: {finding}" for finding in findings])
        show_lines(console, [f"{errors} errors, {len(findings) - errors} warnings (NIBS-BIDS v6.3)"])
    return InputError.exit_code if errors else 0
