"""`stimplan check`: a protocol against the safety rules; with a subject the person too, with a ledger the history."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands.output import LEDGER_VARIABLE, PROFILES_HELP, add_command, moment_option, show_json, show_lines
from stimplan.errors import InputError, Problem, SafetyStop

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.ledger.joint import JointReport
    from stimplan.protocol import Protocol
    from stimplan.safety import SafetyReport, SitePolicy


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`check PROTOCOL`."""
    parser = add_command(commands, "check", "compare a protocol with the safety rules; needs no head")
    parser.add_argument("protocol", help="id in the library, or a JSON file")
    parser.add_argument("--subject", type=Path, metavar="FILE", help="subject file: judge the person too")
    parser.add_argument("--ledger", type=Path, metavar="PATH", help="dose ledger: judge the history of --person too "
                        f"(or ${LEDGER_VARIABLE})")  # fmt: skip
    parser.add_argument("--person", metavar="CODE", help="code of the person in the ledger")
    parser.add_argument("--now", metavar="TIME", help="when the session would begin, such as "
                        "2026-03-01T09:30:00+01:00 (default: this moment); for the ledger")  # fmt: skip
    parser.add_argument("--profile", metavar="NAME", help=PROFILES_HELP)
    parser.add_argument("--site-policy", type=Path, metavar="FILE", help="a site's changes to the profile")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Check the protocol, and what else is named; print every finding."""
    from stimplan.protocol import read_protocol
    from stimplan.safety import check, read_site_policy, read_subject
    from stimplan.safety.values import DEFAULT_PROFILE

    ledger = ledger_path(args)
    protocol = read_protocol(args.protocol)
    subject = read_subject(args.subject) if args.subject else None
    policy = read_site_policy(args.site_policy) if args.site_policy else None
    if ledger is not None:
        from stimplan.ledger.joint import refuse_two_people

        refuse_two_people(subject, args.person)
    profile = args.profile or (policy.profile if policy else DEFAULT_PROFILE)
    report = check(protocol, subject=subject, profile=profile, site_policy=policy)
    found = report if ledger is None else _with_history(args, ledger, protocol, report, policy)
    if args.json:
        show_json(console, found.record())
    else:
        show_lines(console, _lines(protocol, found))
    return SafetyStop.exit_code if found.verdict in ("stop", "unknown") else 0


def ledger_path(args: argparse.Namespace) -> Path | None:
    """Which ledger is asked; None where none is.

    Raises
    ------
    InputError
        Ledger, person and moment do not come together.
    """
    if args.person is None:
        if args.ledger is not None:
            raise InputError(Problem("--person", "whose history is it? name the code of the person with the ledger"))
        if args.now is not None:
            raise InputError(Problem("--now", "is the moment the ledger is asked about; name --ledger and --person"))
        return None
    given = args.ledger or os.environ.get(LEDGER_VARIABLE)
    if not given:
        what = f"the history of {args.person!r} is in a ledger; name its file here or in ${LEDGER_VARIABLE}"
        raise InputError(Problem("--ledger", what))
    return Path(given)


def _with_history(
    args: argparse.Namespace, path: Path, protocol: Protocol, report: SafetyReport, policy: SitePolicy | None
) -> JointReport:
    from stimplan.ledger import open_ledger
    from stimplan.ledger.joint import add_history

    now = moment_option(args.now)
    with open_ledger(path) as ledger:
        return add_history(report, ledger, args.person, protocol=protocol, now=now, site_policy=policy)


def _lines(protocol: Protocol, found: Any) -> list[str]:
    """Title, profiles, history, findings, overrides and notice."""
    from stimplan.terminal import notice, show_findings

    others = "; ".join(f"{o.profile}: {o.verdict}, {len(o.differing)} rules differ" for o in found.others)
    lines = [protocol.title or protocol.id, f"Profile {found.profile}. What the others would say: {others}."]
    history, overrides = getattr(found, "history", None), getattr(found, "overrides", ())
    if history is not None:
        lines.append(
            f"History of {history.person} at {history.now.isoformat(timespec='minutes')}: "
            f"{history.sessions_delivered} sessions delivered, {history.sessions_today} on this day."
        )
    lines += show_findings(found)
    lines += ["", *(one.sentence() for one in overrides)] if overrides else []
    return [*lines, "", *notice()]
