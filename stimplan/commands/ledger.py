"""`stimplan ledger`: what was planned for and delivered to people, append-only; is today's session within the plan?"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from stimplan.commands.output import (
    LEDGER_VARIABLE,
    add_command,
    moment_option,
    show_json,
    show_lines,
    show_text,
    wrapped,
    write_whole,
)
from stimplan.errors import InputError, LedgerError, Problem, SafetyStop
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.ledger import Entry, History, Ledger
    from stimplan.safety import Finding

_KINDS = ("person", "plan", "planned-session", "session", "threshold", "adverse-events", "resolution", "override",
          "retraction")  # fmt: skip


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`ledger add|show|check|verify|export`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "ledger", help="dose ledger: add, show, check, verify, export", description=__doc__, epilog=NOTICE,
        allow_abbrev=False,
    )  # fmt: skip
    actions = parser.add_subparsers(required=True, metavar="ACTION", title="actions")

    def action(name: str, function: Callable[[argparse.Namespace, Ledger, Console], int], text: str) -> Any:
        added = add_command(actions, name, text)
        added.add_argument("--ledger", type=Path, metavar="PATH", help=f"the ledger's file (or ${LEDGER_VARIABLE})")
        added.set_defaults(action=function, create=False)
        return added

    add = action("add", _add, "write a record; it is on disk when the command returns")
    add.add_argument("kind", choices=_KINDS, help="what is written down; alone it lists the keys of such a record")
    add.add_argument("record", nargs="*", help="JSON file, - for standard input, JSON text, or KEY=VALUE ...")
    add.add_argument("--by", metavar="NAME", help="who writes this down; needed with a record")
    add.add_argument("--create", action="store_true", help="start the ledger where there is none")
    show = action("show", _show, "list the people, or all rows of one")
    show.add_argument("person", nargs="?", help="code of a person")
    check = action("check", _check, "is a session that begins now within the plan?")
    check.add_argument("person", help="code of the person")
    check.add_argument("--protocol", help="library id or JSON file (default: the person's newest plan)")
    check.add_argument("--now", metavar="TIME", help="another moment, such as 2026-03-01T09:30:00+01:00")
    verify = action("verify", _verify, "walk the hash chain and name every row that does not fit")
    verify.add_argument("--head", metavar="HASH", help="hash noted earlier; shows whether rows were cut off since")
    export = action("export", _export, "write all rows as JSON Lines, or as a folder of CSV tables")
    export.add_argument("out", type=Path, nargs="?", help="file or folder (default: JSON Lines to the terminal)")
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
    export.add_argument("--force", action="store_true", help="replace files that are there already")
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Open the ledger and do what was asked."""
    from stimplan.ledger import open_ledger

    if args.action is _add:  # before --create makes a file
        args.records = _records(args.record) if args.record and args.by else _refuse_incomplete(args)
    given = args.ledger or os.environ.get(LEDGER_VARIABLE)
    if not given:
        what = f"which file? name it here or in ${LEDGER_VARIABLE}; there is no default"
        raise LedgerError(Problem("--ledger", what))
    with open_ledger(Path(given), create=args.create) as ledger:
        code: int = args.action(args, ledger, console)
    return code


def _add(args: argparse.Namespace, ledger: Ledger, console: Console) -> int:
    from stimplan.ledger import append_all

    records, file = args.records
    written = append_all(ledger, [(args.kind, record) for record in records], by=args.by, file=file)
    if args.json:
        show_json(console, {"written": [{"row": one.seq, "kind": one.kind, "hash": one.hash} for one in written]})
        return 0
    for one in written:
        show_text(console, f"row {one.seq}  {one.kind}  {one.hash}")
    return 0


def _refuse_incomplete(args: argparse.Namespace) -> NoReturn:
    """Say what is missing of `add`: who, and a record with which keys."""
    from stimplan.ledger.records import KINDS

    problems = [] if args.by else [Problem("--by", "is missing: who writes this down?")]
    if not args.record:
        keys = [[one.key for one in KINDS[args.kind] if one.is_required is needed] for needed in (True, False)]
        needs, may = (", ".join(part) for part in keys)
        what = f"which record? {args.kind} needs {needs}{f'; it may have {may}' if may else ''}"
        problems.append(Problem("record", f"{what}. Give KEY=VALUE ..., or a JSON file"))
    raise LedgerError(problems)


def _records(given: list[str]) -> tuple[list[Any], str]:
    """The records of the arguments, and the name of their file."""
    from stimplan import strict_json

    first, file = given[0], ""
    if len(given) > 1 or ("=" in first and not first.lstrip().startswith(("{", "["))):
        return [_pairs(given)], ""
    text = first
    if first == "-":
        text = sys.stdin.read()
    elif not first.lstrip().startswith(("{", "[")):
        file = first
        text, problems = strict_json.read_bytes(Path(first), file=file)
        if problems:
            raise LedgerError(problems)
    if not text.lstrip().startswith("["):
        return [text], file
    document = strict_json.parse(text, file=file)
    if document.problems or not document.tree:
        raise LedgerError(document.problems or Problem("", "this is a list without records", file=file))
    return list(document.tree), file


def _pairs(given: Iterable[str]) -> Mapping[str, Any]:
    """`KEY=VALUE` arguments as a record; a value that is JSON is taken as that, everything else as text."""
    from stimplan import strict_json

    record: dict[str, Any] = {}
    problems = []
    for argument in given:
        key, sign, value = argument.partition("=")
        if not sign or not key:
            problems.append(Problem("", f"{argument!r} is not KEY=VALUE, such as person=P-0042"))
        elif key in record:
            problems.append(Problem(key, "is given twice"))
        else:
            document = strict_json.parse(value)
            record[key] = document.tree if document.is_json and not document.problems else value
    if problems:
        raise LedgerError(problems)
    return record


def _show(args: argparse.Namespace, ledger: Ledger, console: Console) -> int:
    import attrs

    from stimplan.ledger import entry_record
    from stimplan.ledger.history import history_of, moment_now
    from stimplan.ledger.look import people_of, rows_of_person

    if args.person is None:
        people = people_of(ledger)
        if args.json:
            show_json(console, {"people": [attrs.asdict(one) for one in people]})
            return 0
        rows = [(one.person, str(one.plans), str(one.sessions), _minute(one.last_session)) for one in people]
        _table(console, ("person", "plans", "sessions", "last session (UTC)"), rows)
        return 0
    history = history_of(ledger, args.person, moment_now())
    entries = rows_of_person(ledger, args.person)
    if args.json:
        data = {"history": history.record(), "rows": [entry_record(entry) for entry in entries]}
        show_json(console, data)
        return 0
    _show_history(console, history)
    replaced = {entry.corrects: entry.seq for entry in entries}
    _table(console, ("row", "kind", "recorded (UTC)", "by", "what"), [_line(entry, replaced) for entry in entries])
    return 0


def _line(entry: Entry, replaced: Mapping[int | None, int]) -> tuple[str, ...]:
    """One row for people; long texts are left out."""
    values = {name: value for name, value in (entry.values or {}).items() if name not in ("person", "protocol_text")}
    what = ", ".join(f"{name} {_short(value)}" for name, value in values.items())
    if entry.corrects is not None:
        what += f" (corrects row {entry.corrects}: {entry.reason})"
    if entry.seq in replaced:
        what = f"[see row {replaced[entry.seq]}] {what}"
    return str(entry.seq), entry.kind, _minute(entry.recorded_utc), entry.recorded_by, what


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:40]


def _minute(utc: str | None) -> str:
    return utc[:16].replace("T", " ") if utc else "-"


def _show_history(console: Console, history: History) -> None:
    lines = [
        f"{history.person}: {history.sessions_delivered} sessions delivered ({history.sessions_aborted} aborted), "
        f"{history.sessions_today} today, {history.sessions_this_week} in seven days",
        f"plan row {history.plan or '-'}: {history.plan_sessions} delivered, {history.planned_sessions} with a date, "
        f"missed: {', '.join(map(str, history.missed_sessions)) or 'none'}",
        f"charge {'not known' if history.charge_C is None else f'{history.charge_C:g} C'}, pulses {history.pulses}, "
        f"unresolved adverse events: {len(history.unresolved_events)}",
    ]
    show_text(console, "\n".join(lines))


def _table(console: Console, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(pad_edge=False, box=None)
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])
    console.print(table)


def _check(args: argparse.Namespace, ledger: Ledger, console: Console) -> int:
    from stimplan.ledger import history_of, judge_today, plan_of, plans_of, protocol_of
    from stimplan.ledger.examination import examine
    from stimplan.ledger.look import overrides_today
    from stimplan.protocol import read_protocol
    from stimplan.safety.values import verdict_of

    now = moment_option(args.now)
    plans = plans_of(ledger, args.person)
    not_judged = examine(ledger, args.person)
    if args.protocol is None and not plans:
        raise LedgerError(Problem("--protocol", f"{args.person!r} has no plan in this ledger; name a protocol"))
    protocol = protocol_of(plans[0]) if args.protocol is None else read_protocol(args.protocol)
    plan = plan_of(ledger, args.person, protocol)
    history = history_of(ledger, args.person, now, plan=plan.seq if plan else None)
    findings = judge_today(ledger, args.person, protocol=protocol, now=now, history=history)
    verdict, overrides = verdict_of(findings), overrides_today(ledger, args.person, now)
    if args.json:
        import attrs

        show_json(console, {
            "verdict": verdict, "protocol": protocol.id, "findings": [finding.record() for finding in findings],
            "not_judged": list(not_judged), "overrides": [attrs.asdict(one) for one in overrides],
            "history": history.record(), "notice": NOTICE,
        })  # fmt: skip
    else:
        head = f"{args.person}, {protocol.id}, {now.isoformat(timespec='minutes')}: {verdict.upper()}"
        notes = [*(one.sentence() for one in overrides), *(f"Not judged: {one}" for one in not_judged), "", NOTICE]
        show_lines(console, [head, *_finding_lines(findings), *(line for one in notes for line in wrapped(one))])
    return SafetyStop.exit_code if verdict in ("stop", "unknown") else 0


def _finding_lines(findings: Iterable[Finding]) -> list[str]:
    """Outcome, rule and sentence of every finding, the worst first."""
    order = {"stop": 0, "unknown": 1, "warn": 2, "pass": 3}
    worst_first = sorted(findings, key=lambda finding: order[finding.status])
    words = {"pass": "fits"}
    starts = [f"{words.get(one.status, one.status):8} {one.rule_id:18} " for one in worst_first]
    return [line for start, one in zip(starts, worst_first, strict=True) for line in wrapped(one.message, start)]


def _verify(args: argparse.Namespace, ledger: Ledger, console: Console) -> int:
    from stimplan.describe.words import counted
    from stimplan.ledger import verify

    found = verify(ledger, expected_head=args.head)
    if args.json:
        faults = [{"row": fault.seq, "kind": fault.kind, "what": fault.what} for fault in found.faults]
        show_json(console, {"is_intact": found.is_intact, "rows": found.rows, "head": found.head,
                            "first_faulty_row": found.first_row, "faults": faults})  # fmt: skip
    elif found.is_intact:
        show_text(console, f"{counted(found.rows, 'row')}, every link holds. Head: {found.head}")
        show_text(console, "Note the head elsewhere: verify --head shows later whether rows were cut off.")
    else:
        faulty = counted(len(found.faults), "fault")
        show_text(console, f"{counted(found.rows, 'row')}, {faulty}; the first row that does not fit: "
                           f"{found.first_row or 'none'}")  # fmt: skip
        show_text(console, "\n".join(f"  {fault}" for fault in found.faults))
    return 0 if found.is_intact else InputError.exit_code


def _export(args: argparse.Namespace, ledger: Ledger, console: Console) -> int:
    from stimplan.ledger import export_csv, export_jsonl

    if args.format == "csv":
        if args.out is None:
            raise LedgerError(Problem("out", "CSV has one table for each kind of row; name a folder for them"))
        args.out.mkdir(parents=True, exist_ok=True)
        files = {args.out / f"{kind}.csv": text for kind, text in export_csv(ledger).items()}
    else:
        text = "".join(export_jsonl(ledger))
        if args.out is None:
            console.file.write(text)
            return 0
        files = {args.out: text}
    for path, text in files.items():
        write_whole(path, text, is_new=not args.force)
        path.chmod(0o600)  # health data
    if args.json:
        show_json(console, {"files": [str(path) for path in files]})
    else:
        show_text(console, "\n".join(map(str, files)))
    return 0
