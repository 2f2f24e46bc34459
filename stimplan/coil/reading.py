"""Read a coil from a file by its ending, or from the catalogue by its id."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from stimplan.coil.a_field import read_a_field
from stimplan.coil.ccd import read_ccd, write_ccd
from stimplan.coil.tcd import read_tcd, write_tcd
from stimplan.coil.values import Coil
from stimplan.coil.windings import Kind, circular, figure_8, turn_radii, wind
from stimplan.errors import CoilError, Problem
from stimplan.resources import package_path
from stimplan.units import to_si

_READERS: Mapping[str, Callable[[Path], Coil]] = {
    ".ccd": read_ccd,
    ".tcd": read_tcd,
    ".nii": read_a_field,
    ".nii.gz": read_a_field,
}
_WRITERS: Mapping[str, Callable[[Coil, Path], None]] = {".ccd": write_ccd, ".tcd": write_tcd}


def read_coil(name_or_path: str | Path) -> Coil:
    """Read a coil.

    Parameters
    ----------
    name_or_path : str or Path
        A file ending in .ccd, .tcd, .nii or .nii.gz, or an id of the catalogue (see `list_coils`).

    Raises
    ------
    CoilError
        No such coil, or everything that is wrong with the file at once.
    """
    text = str(name_or_path)
    if text in _catalogue() and not isinstance(name_or_path, Path):
        return catalogue_coil(text)
    reader = _by_ending(text, _READERS)
    if reader is None:
        near = get_close_matches(text, _catalogue(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        what = f"expected a file ending in {', '.join(_READERS)} or a coil of the catalogue ({', '.join(_catalogue())})"
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


def list_coils() -> tuple[str, ...]:
    """Ids of the catalogue."""
    return tuple(_catalogue())


def catalogue_coil(name: str, *, kind: Kind = "wire", elements: int | None = None) -> Coil:
    """A coil of the catalogue, wound as dipoles or wire with a number of elements in a turn.

    Raises
    ------
    CoilError
        There is no such coil.
    """
    if name not in _catalogue():
        raise CoilError(f"there is no coil {name!r} in the catalogue; it has {', '.join(_catalogue())}")
    one = _catalogue()[name]
    if "turn_radii_mm" in one:
        radii = [to_si(radius, "mm") for radius in one["turn_radii_mm"]]
    else:
        inner, outer = to_si(one["inner_radius_mm"], "mm"), to_si(one["outer_radius_mm"], "mm")
        radii = list(turn_radii(inner, outer, one["turns"]))
    layers = [to_si(height, "mm") for height in one["layers_mm"]]
    if one["family"] == "circular":
        wings = circular(radii, layers_m=layers)
    else:
        center, bend = to_si(one["center_mm"], "mm"), to_si(one["bend_deg"], "deg")
        wings = figure_8(radii, center_m=center, bend_rad=bend, layers_m=layers)
    return wind(one["name"], wings, source=one["source"], kind=kind, elements=elements)


@lru_cache(maxsize=1)
def _catalogue() -> Mapping[str, Mapping[str, Any]]:
    tree = json.loads(package_path("coil", "catalogue.json").read_text(encoding="utf-8"))
    return {one["id"]: one for one in tree["coils"]}


def _by_ending(text: str, table: Mapping[str, Callable[..., Any]]) -> Callable[..., Any] | None:
    return next((function for ending, function in table.items() if text.lower().endswith(ending)), None)
