"""Read a coil from a file by its ending, or from the catalogue by its id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from stimplan.coil.a_field import read_a_field
from stimplan.coil.catalogue import catalogue_coil, list_coils
from stimplan.coil.ccd import read_ccd, write_ccd
from stimplan.coil.tcd import read_tcd, write_tcd
from stimplan.coil.values import Coil
from stimplan.errors import CoilError, Problem

_READERS: Mapping[str, Callable[[Path], Coil]] = {
    ".ccd": read_ccd,
    ".tcd": read_tcd,
    ".nii": read_a_field,
    ".nii.gz": read_a_field,
}
_WRITERS: Mapping[str, Callable[[Coil, Path], None]] = {".ccd": write_ccd, ".tcd": write_tcd}


def read_coil(name_or_path: str | Path, *, deformations: Sequence[float] | None = None) -> Coil:
    """Read a coil.

    Parameters
    ----------
    name_or_path : str or Path
        A file ending in .ccd, .tcd, .nii or .nii.gz, or an id of the catalogue (see `list_coils`).
    deformations : sequence of float, optional
        Of a .tcd coil with parts that move: the value of each of its ranges, mm or degrees; by default the initial.

    Raises
    ------
    CoilError
        No such coil, or everything that is wrong with the file at once.
    """
    text = str(name_or_path)
    if deformations is not None:
        if not text.lower().endswith(".tcd"):
            raise CoilError(Problem("deformations", f"only a .tcd coil has parts that move, got {text!r}"))
        return read_tcd(Path(name_or_path), deformations=deformations)
    if text in list_coils() and not isinstance(name_or_path, Path):
        return catalogue_coil(text)
    reader = _by_ending(text, _READERS)
    if reader is None:
        near = get_close_matches(text, list_coils(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        what = f"expected a file ending in {', '.join(_READERS)} or a coil of the catalogue ({', '.join(list_coils())})"
        raise CoilError(Problem("", f"{what}, got {text!r}{hint}"))
    return reader(Path(name_or_path))


def write_coil(coil: Coil, path: str | Path) -> None:
    """Write a coil as .ccd (dipoles only) or .tcd, by the ending of the path.

    Raises
    ------
    CoilError
        Another ending, or a coil the format cannot hold.
    """
    writer = _by_ending(str(path), _WRITERS)
    if writer is None:
        raise CoilError(Problem("", f"coils are written as {' or '.join(_WRITERS)}, got {str(path)!r}"))
    writer(coil, Path(path))


def _by_ending(text: str, table: Mapping[str, Callable[..., Any]]) -> Callable[..., Any] | None:
    return next((function for ending, function in table.items() if text.lower().endswith(ending)), None)
