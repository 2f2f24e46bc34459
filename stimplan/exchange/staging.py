"""All files or none: results are written to a hidden folder and moved into place at the very end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from stimplan.errors import InputError, Problem, naming


@contextmanager
def staged_folder(out: Path, *, replaces: Sequence[str] = (), last: str = "summary.json") -> Iterator[Path]:
    """Give a staging folder inside `out`; move what was written there into `out` when the block ends.

    Whatever ends the block early (an error, Ctrl-C, a full disk) leaves `out` as it was: nothing is left of a new
    folder, and an older one keeps every file.

    Parameters
    ----------
    out : Path
        Made, with its parents, if it does not exist; refused before anything is computed if it cannot be used.
    replaces : sequence of str
        Names that belong to this program: older ones among them go when the new ones arrive.
    last : str
        The file that is moved last, so that its presence means the folder is complete.

    Raises
    ------
    InputError
        `out` is a file, or cannot be made or written to.
    OSError
        Writing failed on the way.
    """
    made = _make_folder(out)
    for name in replaces:
        if (out / name).is_dir():
            raise InputError(Problem(str(out / name), "is a folder where a result belongs; name another output folder"))
    try:
        staging = Path(tempfile.mkdtemp(prefix=".stimplan-", dir=out))
    except OSError as error:
        _remove_empty(made)
        raise InputError(Problem(str(out), f"cannot be written to ({error.strerror}); name another folder")) from None
    try:
        with naming(out):
            yield staging
            _move_into_place(staging, out, replaces, last)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(made)
        raise
    shutil.rmtree(staging, ignore_errors=True)


def _make_folder(out: Path) -> list[Path]:
    """Make a folder and its missing parents; return those made, innermost first."""
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    made: list[Path] = []
    try:
        for folder in reversed(missing):
            folder.mkdir()
            made.insert(0, folder)
    except OSError as error:
        _remove_empty(made)
        raise InputError(Problem(str(out), f"cannot be made ({error.strerror}); name another folder")) from None
    if not out.is_dir():
        raise InputError(Problem(str(out), "is a file, not a folder; name another folder"))
    return made


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove the folders that are empty, in the order given."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _move_into_place(staging: Path, out: Path, replaces: Sequence[str], last: str) -> None:
    """Move every staged file into `out`; on a failure put everything back."""
    names = sorted((path.name for path in staging.iterdir()), key=lambda name: (name == last, name))
    kept = staging / "replaced"
    kept.mkdir()
    undo: list[tuple[Path, Path]] = []
    try:
        for name in {*names, *replaces}:
            if (out / name).exists() or (out / name).is_symlink():
                _move(out / name, kept / name, undo)
        for name in names:
            _move(staging / name, out / name, undo)
    except BaseException:
        for source, target in reversed(undo):
            if target.exists():
                target.replace(source)
        raise


def _move(source: Path, target: Path, undo: list[tuple[Path, Path]]) -> None:
    undo.append((source, target))
    source.replace(target)
