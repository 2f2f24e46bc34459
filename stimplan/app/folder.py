"""The one folder the app may read and write: names from the page are names in it, never paths out of it."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import attrs

from stimplan.errors import InputError, Problem, naming

# What a file may be called: one part, nothing hidden, no name of a device, nothing a shell or an address would read.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,119}")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}


def _resolved(path: str | Path) -> Path:
    return Path(path).resolve()


@attrs.frozen
class Folder:
    """A folder, resolved once.

    Attributes
    ----------
    root : Path
        Absolute, without symbolic links.
    """

    root: Path = attrs.field(converter=_resolved)

    def __attrs_post_init__(self) -> None:
        if not self.root.is_dir():
            raise InputError(Problem("--folder", f"{self.root} is no folder"))

    def inside(self, name: str) -> Path:
        """Path of a file or folder of this name, directly inside.

        Raises
        ------
        InputError
            The name is none: parts, dots at the start, characters that mean something elsewhere; or what is there is
            a link that leads out.
        """
        bad = "is no name for a file here; letters, digits, blanks, dots, - and _ only"
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.endswith((".", " ")):
            raise InputError(Problem(repr(name)[:80], bad))
        if name.split(".", maxsplit=1)[0].strip().lower() in _DEVICES:
            raise InputError(Problem(repr(name), "is the name of a device; choose another"))
        path = self.root / name
        if path.resolve() != path:
            raise InputError(Problem(name, "is a link that leads out of the folder"))
        return path

    def files(self, suffix: str) -> tuple[str, ...]:
        """Names of the files with this suffix, sorted."""
        return tuple(sorted(one.name for one in self.root.glob(f"*{suffix}") if self._is_ours(one)))

    def _is_ours(self, path: Path) -> bool:
        return bool(_NAME.fullmatch(path.name)) and not path.is_symlink() and path.is_file()

    def write(self, name: str, content: bytes) -> Path:
        """Write a file in one step: whoever looks sees the old file or the new one, never half of it."""
        path = self.inside(name)
        with naming(path):
            handle, part = tempfile.mkstemp(dir=self.root, prefix=".stimplan-", suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                Path(part).chmod(0o644)
                Path(part).replace(path)
            except BaseException:
                Path(part).unlink(missing_ok=True)
                raise
        return path
