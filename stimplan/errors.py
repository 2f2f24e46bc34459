"""Every error the package raises on purpose, in one tree::

    StimplanError                          exit code
      InputError (ValueError)                  2     something the caller gave is wrong
        ProtocolError                          2       .problems: every fault, each with its place
        MontageError                           2
        HeadError                              2
        CoilError                              2
        LedgerError                            2     a record that was not taken, or a dose ledger that is damaged
      ResourceError (LookupError)              2     something the program ships or caches is missing or broken
      SafetyStop                               3     .report: the verdict was stop or unknown
      SolveError (ArithmeticError)             4     a number did not converge, so it does not exist
      MissingExtra (ImportError)               5     an optional dependency is not installed

Errors are data first (`problems`), text second.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from stimplan.safety import SafetyReport


@attrs.frozen
class Problem:
    """One fault in something the user gave.

    Attributes
    ----------
    where : str
        Place of the fault: a JSON path (`$.stimulation.electrodes[1].site`), a file, an option.
    what : str
        What is wrong, what was expected and what to do, as one sentence.
    file : str
        The file's name as the user gave it, or "" where there is none.
    """

    where: str
    what: str
    file: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.where, self.what) if part)


class StimplanError(Exception):
    """Root of everything stimplan raises on purpose."""

    exit_code = 1


class InputError(StimplanError, ValueError):
    """What the caller gave is wrong; `problems` lists every fault found.

    Parameters
    ----------
    problems : str, Problem or sequence of Problem
        A plain string is taken as one problem without a place.
    """

    exit_code = 2

    def __init__(self, problems: str | Problem | Sequence[Problem]) -> None:
        if isinstance(problems, str):
            problems = Problem(where="", what=problems)
        if isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ProtocolError(InputError):
    """A protocol file that cannot be read as one."""


class MontageError(InputError):
    """Electrodes or sites that cannot be placed as asked."""


class HeadError(InputError):
    """A head model that does not exist or cannot be used."""


class CoilError(InputError):
    """A coil that cannot be read or used."""


class LedgerError(InputError):
    """A record that the dose ledger does not take, or a ledger that cannot be read or trusted."""


class ResourceError(StimplanError, LookupError):
    """Something the program ships, or keeps in its cache, is missing or broken."""

    exit_code = 2


class SafetyStop(StimplanError):
    """The safety verdict was stop or unknown; `report` says why."""

    exit_code = 3

    def __init__(self, message: str, report: SafetyReport) -> None:
        self.report = report
        super().__init__(message)


class SolveError(StimplanError, ArithmeticError):
    """A linear system was not solved to its tolerance; the message carries the numbers."""

    exit_code = 4


class MissingExtra(StimplanError, ImportError):
    """An optional dependency is needed and not installed; the message says which extra."""

    exit_code = 5


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say which file or folder an `OSError` is about where it does not, as on a full disk, or names a part of it.

    Parameters
    ----------
    path : str or path
        As the user knows it.
    """
    try:
        yield
    except OSError as error:
        steps = Path(str(error.filename or "")).parts
        is_part = any(one.endswith(".part") or one.startswith(".stimplan-") for one in steps)
        if error.filename is None or is_part:
            error.filename = os.fspath(path)
        raise
