"""`stimplan screen`: the questions of a screening form, asked on a terminal, listed, or taken from a file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stimplan.commands import screen_person
from stimplan.commands.output import add_command, show_json, show_text, write_whole
from stimplan.errors import InputError, Problem
from stimplan.notice import NOTICE

if TYPE_CHECKING:
    from rich.console import Console

    from stimplan.safety import Subject
    from stimplan.safety.screening_rules import Form

_WORDS = {"y": "yes", "yes": "yes", "n": "no", "no": "no", "?": "unknown", "unknown": "unknown", "": "unknown"}


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """`screen --form tass|tes`."""
    parser = add_command(commands, "screen", "list or ask the questions of a screening form, and write a subject file")
    parser.add_argument("--form", required=True, choices=("tass", "tes"), help="tass: before TMS; tes: before current")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="JSON file with the answers by item number")
    parser.add_argument("--subject", type=Path, metavar="FILE", help="subject file to add the answers to")
    parser.add_argument("--id", help="pseudonym of a new subject; never a name")
    parser.add_argument("--out", type=Path, metavar="FILE", help="subject file to write (default: subject-<id>.json)")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there already")
    screen_person.add_arguments(parser)
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Take the answers from a file or a person and write a subject file; where there is neither, list the questions."""
    from stimplan.commands.new import can_ask
    from stimplan.safety.screening_rules import load_forms

    form = load_forms()[args.form]
    person = screen_person.given(args)
    asks = args.answers is None and not args.json and can_ask(console)
    if args.answers is None and not asks and not person:
        _list(form, args, console)
        return 0
    before = _before(args)
    if args.answers is not None:
        answers = _from_file(args.answers)
    elif asks:

        def ask(question: str) -> str:
            return console.input(question, markup=False)

        answers = ask_items(form, ask)
        person |= screen_person.ask_person(before | person, ask)
    else:
        answers = {}
    return _write(args, form, _subject(before, form, answers, person), console)


def _write(args: argparse.Namespace, form: Form, subject: Subject, console: Console) -> int:
    """Write the subject file and say what is still unknown."""
    from stimplan.safety import dump_subject

    path = args.out or Path(f"subject-{subject.id}.json")
    text = dump_subject(subject)
    write_whole(path, text, is_new=not args.force)
    unanswered = [one.item for one in form.items if subject.answer_to(form.id, one.item).answer == "unknown"]
    unknown = screen_person.still_unknown(json.loads(text))
    if args.json:
        data = {"id": subject.id, "file": str(path), "unanswered": unanswered, "unknown": unknown, "notice": NOTICE}
        show_json(console, data)
        return 0
    show_text(console, f"{path}: {len(form.items) - len(unanswered)} of {len(form.items)} items answered.")
    if unanswered or unknown:
        show_text(console, f"Still unknown: {', '.join([*(f'item {item}' for item in unanswered), *unknown])}.")
    if unknown:
        show_text(console, "The form does not ask these: answer them with options (stimplan screen --help).")
    show_text(console, f"stimplan check PROTOCOL --subject {path} judges what is there.\n\n{NOTICE}")
    return 0


def ask_items(form: Form, ask: Callable[[str], str]) -> dict[str, Any]:
    """Ask every item; an empty answer is unknown, a yes is followed by a question about it.

    Raises
    ------
    InputError
        The input ended.
    """
    answers: dict[str, Any] = {}
    try:
        for item in form.items:
            word = ask(f"{item.item}. {item.text} [yes/no/?]: ").strip().lower()
            while word not in _WORDS:
                word = ask(f"{word!r} is not an answer; yes, no or ? for unknown: ").strip().lower()
            answers[item.item] = _WORDS[word]
            if _WORDS[word] == "yes":
                detail = ask(f"   {item.hint or 'what is known about it'}: ").strip()
                answers[item.item] = {"answer": "yes", "detail": detail} if detail else "yes"
    except EOFError:
        raise InputError(Problem("", f"the input ended after {len(answers)} of {len(form.items)} items")) from None
    return answers


def _from_file(path: Path) -> dict[str, Any]:
    from stimplan import strict_json

    text, problems = strict_json.read_bytes(path, file=str(path))
    document = None if problems else strict_json.parse(text, file=str(path))
    if document is not None:
        problems = document.problems
    if problems or document is None:
        raise InputError(problems)
    if not isinstance(document.tree, dict):
        raise InputError(Problem("$", 'expected an object such as {"1": "no", "2": "yes"}', file=str(path)))
    return document.tree


def _before(args: argparse.Namespace) -> dict[str, Any]:
    """The tree of the subject file to add to, or that of a new subject."""
    from stimplan.ledger.fields import person as pseudonym
    from stimplan.safety import dump_subject, read_subject

    if args.subject is None:
        if not args.id:
            raise InputError(Problem("--id", "is missing: a pseudonym for the person, never a name"))
        try:
            return {"schema_version": 1, "id": pseudonym(args.id)}  # as strict as the ledger, which it may go into
        except ValueError as error:
            raise InputError(Problem("--id", str(error))) from None
    before = read_subject(args.subject)
    if args.id not in (None, before.id):
        raise InputError(Problem("--id", f"{args.id!r} is not the subject of {args.subject} ({before.id!r})"))
    tree: dict[str, Any] = json.loads(dump_subject(before))
    return tree


def _subject(before: dict[str, Any], form: Form, answers: dict[str, Any], person: dict[str, Any]) -> Subject:
    """The subject with these answers instead of earlier ones to the same form and the same questions."""
    from stimplan.safety import read_subject

    forms = dict(before.get("answers", {}))
    if answers:
        forms[form.id] = answers
    return read_subject({**before, "answers": forms, **person})


def _list(form: Form, args: argparse.Namespace, console: Console) -> None:
    if args.json:
        items = [
            {"item": one.item, "text": one.text, "rule": one.id, "access": one.citation.access} for one in form.items
        ]
        show_json(console, {"form": form.id, "title": form.title, "items": items, "notice": NOTICE})
        return
    show_text(console, form.title)
    for one in form.items:
        show_text(console, f"{one.item:>3}  {one.text}")
    show_text(console, f"\nWording: ours, from memory or second hand; each item names its source.\n\n{NOTICE}")
