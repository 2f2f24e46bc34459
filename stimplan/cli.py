"""The command line: parse, call the function, show the result."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TextIO

from stimplan import __version__
from stimplan.commands.output import STANDARD_OUTPUT, LazyConsole, add_command
from stimplan.commands.parser import Parser, commands_of
from stimplan.errors import InputError, Problem, SafetyStop, StimplanError, naming
from stimplan.notice import NOTICE, StimplanNotice

_INTERRUPTED = 130
_BROKEN_PIPE = 141
_WIDTH = 120
# Commands with a module of their own, in the order of the help.
_COMMANDS = ("run", "check", "protocols", "describe", "compare", "new", "migrate", "schema", "timeline", "waveform",
             "ledger", "bids", "screen", "signoff", "conductivities", "preview", "leadfield", "crosscheck", "heads",
             "atlases", "measure", "poses", "figure", "view", "report", "app", "search")  # fmt: skip
_EXIT_CODES = (
    "exit codes: 0 fine, 2 bad input, 3 the safety verdict is stop or unknown, 4 a computation did not converge, "
    "5 an optional package is missing"
)


def main() -> NoReturn:
    """Run the program on the arguments of this process and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an old terminal shows ? instead of failing at µ
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite end leaves nothing behind, like Ctrl-C
    if not os.environ.get("STIMPLAN_DEBUG"):
        warnings.simplefilter("ignore")
    code = run(sys.argv[1:])
    try:
        with naming(STANDARD_OUTPUT):
            sys.stdout.flush()
    except BrokenPipeError:
        code = _leave_the_pipe()
    except OSError as error:
        code = _say_error(error, is_json=False, out=sys.stdout, err=sys.stderr)
        _leave_the_pipe()
    sys.exit(code)


def run(args: Sequence[str], stdout: TextIO | None = None, stderr: TextIO | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    args : sequence of str
        As after the program's name.
    stdout, stderr : text files, optional
        Results go to the first, messages and progress to the second.

    Returns
    -------
    int
        Exit code: 0, 1, 2, 3, 4, 5, or 130 after Ctrl-C.
    """
    out, err = stdout or sys.stdout, stderr or sys.stderr
    is_json = "--json" in args
    try:
        try:
            with redirect_stdout(out), redirect_stderr(err):
                options = _parser(args).read(args)
                return options.command(options)
        except SystemExit as wanted:  # --help and --version
            return int(wanted.code or 0)
        except KeyboardInterrupt:
            print("stimplan: stopped; nothing was left behind", file=err)
            return _INTERRUPTED
        except BrokenPipeError:
            raise
        except Exception as error:
            if os.environ.get("STIMPLAN_DEBUG"):
                traceback.print_exc(file=err)
            return _say_error(error, is_json=is_json, out=out, err=err)
    except BrokenPipeError:
        return _leave_the_pipe()


def _leave_the_pipe() -> int:
    """The reader of our output has gone: say nothing more to it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _BROKEN_PIPE


def _say_error(error: Exception, *, is_json: bool, out: TextIO, err: TextIO) -> int:
    """Say an error in words (stderr) and, where JSON was asked for, as data (stdout)."""
    code, problems = _explained(error)
    for problem in problems:
        print(f"stimplan: {problem}", file=err)
    if is_json:
        data: dict[str, Any] = {
            "error": type(error).__name__,
            "exit_code": code,
            "problems": [{"file": p.file, "where": p.where, "what": p.what} for p in problems],
        }
        if isinstance(error, SafetyStop):
            data["safety"] = error.report.record()
        with suppress(OSError):  # it may be the very place that is full
            _print_json(data, out)
    return code


def _explained(error: Exception) -> tuple[int, tuple[Problem, ...]]:
    """Exit code and problems of an error, one line each."""
    if isinstance(error, InputError):
        return error.exit_code, error.problems
    if isinstance(error, StimplanError):
        return error.exit_code, (Problem("", " ".join(str(error).split())),)
    if isinstance(error, OSError):
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "; make room, or name a folder on another disk" if is_full else ""
        what = f"{error.strerror or type(error).__name__}{remedy}; nothing was left behind"
        return InputError.exit_code, (Problem("", what, file=str(error.filename or "")),)
    if isinstance(error, MemoryError):
        return 1, (Problem("", "not enough memory; try a larger --edge-mm"),)
    text = " ".join(str(error).split())[:200]
    what = f"unexpected {type(error).__name__}: {text}; please report it, with the output of STIMPLAN_DEBUG=1"
    return 1, (Problem("", what),)


def _parser(wanted: Sequence[str] = ()) -> Parser:
    """The program's options, with those of the command wanted, or of all where it names none of them.

    Loading the modules of all commands takes longer than many a command.
    """
    parser = Parser(prog="stimplan", description=f"Plan and simulate noninvasive brain stimulation. {NOTICE}",
                    epilog=_EXIT_CODES, allow_abbrev=False)  # fmt: skip
    parser.add_argument("--version", action="version", version=f"stimplan {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    if wanted and wanted[0] in _COMMANDS:
        parser.everything = _parser
        _add(commands, wanted[0])
        return parser
    for name in _COMMANDS[:2]:
        _add(commands, name)
    _add_own(commands)
    for name in _COMMANDS[2:]:
        _add(commands, name)
    return parser


def command_parsers() -> dict[str, argparse.ArgumentParser]:
    """Every command with its options, for the documentation."""
    return commands_of(_parser())


def _add(commands: Any, name: str) -> None:
    """The options of a command that has a module of its own."""
    module = import_module(f"stimplan.commands.{name}")
    module.add_parser(commands).set_defaults(command=partial(_on_console, module.run))


def _add_own(commands: Any) -> None:
    """The options of the commands of this module."""

    def command(name: str, function: Any, text: str) -> argparse.ArgumentParser:
        added = add_command(commands, name, text)
        added.set_defaults(command=function)
        return added

    validate = command("validate", _validate, "list every fault of protocol files")
    validate.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="JSON file, or folder of them")
    command("doctor", _doctor, "is this machine ready?")
    command("selftest", _selftest, "compare the solver with the exact answer on a layered sphere")


def _on_console(function: Any, options: argparse.Namespace) -> int:
    """Run a subcommand that prints by a console; where nobody watches, with room for its tables."""
    with _notices_told():
        return int(function(options, LazyConsole(width=None if sys.stdout.isatty() else _WIDTH)))


@contextmanager
def _notices_told() -> Iterator[None]:
    """Say notices as plain sentences on stderr; other warnings stay what they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", StimplanNotice)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
            if issubclass(category, StimplanNotice):
                print(f"stimplan: {message}", file=sys.stderr)
            else:
                shown(message, category, *rest, **more)

        warnings.showwarning = show
        yield


def _validate(options: argparse.Namespace) -> int:
    from stimplan.protocol import read_protocol

    results = []
    for path in _protocol_files(options.paths):
        try:
            results.append({"file": str(path), "is_valid": True, "id": read_protocol(path).id, "problems": []})
        except InputError as error:
            problems = [{"where": problem.where, "what": problem.what} for problem in error.problems]
            results.append({"file": str(path), "is_valid": False, "id": None, "problems": problems})
    if options.json:
        _print_json({"files": results})
    for result in () if options.json else results:
        print(f"{result['file']}: {'valid' if result['is_valid'] else 'not valid'}")
        for problem in result["problems"]:
            print(f"  {': '.join(part for part in (problem['where'], problem['what']) if part)}")
    if len(results) > 1 and not options.json:
        valid = sum(bool(result["is_valid"]) for result in results)
        print(f"{len(results)} files, {valid} valid, {len(results) - valid} not valid")
    return 0 if all(result["is_valid"] for result in results) else InputError.exit_code


def _protocol_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and the JSON files of the folders named; of the library only what is a protocol."""
    from stimplan.protocol import list_protocols

    library = [entry.path for entry in list_protocols()]
    files: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if path.resolve() == library[0].parent.resolve():
            inside = library
        if not inside:
            raise InputError(Problem(str(path), "holds no .json file"))
        files += inside
    return files


def _doctor(options: argparse.Namespace) -> int:
    from stimplan.doctor import examine

    checks = examine()
    if options.json:
        _print_json({"checks": [check.record() for check in checks]})
    else:
        print("\n".join(f"{'ok     ' if c.is_ok else 'problem'}  {c.name}: {c.detail}" for c in checks))
    return 0 if all(check.is_ok for check in checks) else InputError.exit_code


def _selftest(options: argparse.Namespace) -> int:
    from stimplan.selftest import selftest
    from stimplan.terminal import progress_bar, show_selftest

    with progress_bar(is_shown=not options.json) as progress:
        results = selftest(progress=progress)
    if options.json:
        _print_json({"spheres": [result.record() for result in results]})
    else:
        print("\n".join(show_selftest(results)))
    return 0 if all(result.is_ok for result in results) else 4


def _print_json(data: Any, out: TextIO | None = None) -> None:
    """Strict JSON; ASCII escapes, so that no terminal or pipe can spoil it."""
    import json

    print(json.dumps(data, indent=2, allow_nan=False), file=out)


if __name__ == "__main__":
    main()
