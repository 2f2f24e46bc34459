"""Add files to a dataset: all of them or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from stimplan.errors import InputError, Problem, naming


def add_files(folder: Path, texts: Mapping[str, str], *, without: Iterable[str] = ()) -> None:
    """Write files into a folder, replacing those of the same name; whatever goes wrong, the folder stays as it was.

    Parameters
    ----------
    folder : Path
        Made, with its parents, where it does not exist.
    texts : mapping
        Path from the folder, with `/` -> text, which is written as UTF-8 with plain newlines.
    without : iterable of str
        Files that go when the new ones come.

    Raises
    ------
    InputError
        The folder cannot be made or written to.
    """
    made: list[Path] = []
    try:
        _make(folder, made)
        staging = Path(tempfile.mkdtemp(prefix=".stimplan-", dir=folder))
    except OSError as error:
        _remove_empty(made)
        what = f"cannot be made or written to ({error.strerror}); name another folder"
        raise InputError(Problem(str(folder), what)) from None
    undo: list[tuple[Path, Path | None]] = []
    try:
        for number, name in enumerate(texts):
            with naming(folder / name):
                (staging / f"new-{number}").write_text(texts[name], encoding="utf-8", newline="\n")
        for number, name in enumerate(texts):
            target = folder / name
            _make(target.parent, made)
            kept = staging / f"old-{number}" if target.exists() else None
            if kept is not None:
                shutil.copy2(target, kept)
            undo.append((target, kept))
            (staging / f"new-{number}").replace(target)
        for number, name in enumerate(without):
            undo.append((folder / name, staging / f"gone-{number}"))
            (folder / name).replace(staging / f"gone-{number}")
    except BaseException:
        for target, kept in reversed(undo):
            if kept is not None and kept.exists():
                kept.replace(target)
            elif kept is None:
                target.unlink(missing_ok=True)
        shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(made)
        raise
    shutil.rmtree(staging, ignore_errors=True)


def _make(folder: Path, made: list[Path]) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir()
        made.insert(0, one)
    if not folder.is_dir():
        raise NotADirectoryError(20, "there is a file of this name", str(folder))


def _remove_empty(made: list[Path]) -> None:
    for one in made:
        with suppress(OSError):
            one.rmdir()
