"""Where the program's own data lie: the only module that knows.

In a wheel the three data folders are inside the package (`stimplan/_data/protocols` and so on); in a checkout
they are top-level folders beside it.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Literal

from stimplan.errors import ResourceError

_PACKAGE = Path(__file__).resolve().parent

DataFolder = Literal["protocols", "montages", "safety"]


def data_path(folder: DataFolder, *parts: str) -> Path:
    """Path of a shipped data file, or of its folder.

    Raises
    ------
    ResourceError
        It is in neither place: the installation is broken.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        path = root.joinpath(folder, *parts)
        if path.exists():
            return path
    name = "/".join((folder, *parts))
    raise ResourceError(f"{name} is not part of this installation; install stimplan again")


def package_path(*parts: str) -> Path:
    """Path of a file that lies inside the package itself, such as a template or a head volume.

    Raises
    ------
    ResourceError
        It does not exist: the installation is broken.
    """
    path = _PACKAGE.joinpath(*parts)
    if not path.exists():
        raise ResourceError(f"{'/'.join(parts)} is not part of this installation; install stimplan again")
    return path


def require_ordinary(path: Path) -> Path:
    """The path itself, if what is there may be opened: a pipe may have no writer, and a device no end.

    Raises
    ------
    OSError
        There is nothing, or it is a pipe, a socket or a device. A folder is left to whoever opens it.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        what = "this is a pipe or a device, no ordinary file; save its content as a file first"
        raise OSError(errno.EINVAL, what, str(path))
    return path


def cache_path(*parts: str, make: bool = True) -> Path:
    """Path below the user's cache folder; `STIMPLAN_CACHE` names another one. Its parent is made if asked."""
    import platformdirs

    root = Path(os.environ.get("STIMPLAN_CACHE") or platformdirs.user_cache_dir("stimplan", appauthor=False))
    path = root.joinpath(*parts)
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def user_data_path(*parts: str) -> Path:
    """Path below the user's data folder, which nothing cleans up; `STIMPLAN_DATA` names another one."""
    import platformdirs

    root = Path(os.environ.get("STIMPLAN_DATA") or platformdirs.user_data_dir("stimplan", appauthor=False))
    return root.joinpath(*parts)
