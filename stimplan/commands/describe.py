"""`stimplan describe`: a protocol as one paragraph for a clinician, for the person, or for a paper."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import add_command, show_json, show_text
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.describe import Review
    from stimplan.protocol import Protocol

READERS = ("clinician", "patient", "methods")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`describe PROTOCOL --for READER`."""
    parser = add_command(commands, "describe", "say in one paragraph what a protocol is")
    parser.add_argument("protocol", help="id in the library, or a JSON file")
    parser.add_argument("--for", dest="reader", choices=READERS, default="clinician", help="who reads it")
    parser.add_argument("--checklist", action="append", default=[], metavar="NAME",
                        help="with --for methods: core-tms, rates or contes instead of those that fit")  # fmt: skip
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the paragraph; for a paper also what the checklists still ask for."""
    from stimplan.describe import generated_title, missing_lines, not_reported, suggest_id, title_of
    from stimplan.protocol import read_protocol

    protocol = read_protocol(args.protocol)
    text = _text(protocol, args.reader)
    asked = _asked(protocol, args.checklist) if args.reader == "methods" else ()
    if args.json:
        data = {
            "id": protocol.id,
            "for": args.reader,
            "title": title_of(protocol),
            "generated_title": generated_title(protocol),
            "suggested_id": suggest_id(protocol),
            "text": text,
            "not_reported": list(not_reported(protocol)),
            "checklists": [found.record() for found in asked],
            "notice": NOTICE,
        }
        show_json(console, data)
        return 0
    show_text(console, text)
    if asked:
        show_text(console, "\n" + "\n".join(missing_lines(protocol, asked)))
    show_text(console, f"\n{NOTICE}")
    return 0


def _text(protocol: Protocol, reader: str) -> str:
    from stimplan.describe import clinician_text, methods_text, patient_text

    return {"clinician": clinician_text, "patient": patient_text, "methods": methods_text}[reader](protocol)


def _asked(protocol: Protocol, names: list[str]) -> tuple[Review, ...]:
    from stimplan.describe import review, reviews

    return tuple(review(protocol, name) for name in names) if names else reviews(protocol)
