"""Nasion, inion and the points before the ears: read from files, or estimated from the way to MNI space."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from stimplan.errors import HeadError, Problem
from stimplan.head.scalp import nearest_on_surface
from stimplan.montage import Point
from stimplan.resources import require_ordinary
from stimplan.strict_json import parse
from stimplan.units import text, to_si

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel

NAMES = ("Nz", "Iz", "LPA", "RPA")
_ALIASES = {
    "nz": "Nz", "nas": "Nz", "nasion": "Nz",
    "iz": "Iz", "ini": "Iz", "inion": "Iz",
    "lpa": "LPA", "left": "LPA", "left_preauricular": "LPA",
    "rpa": "RPA", "right": "RPA", "right_preauricular": "RPA",
}  # fmt: skip

# The fiducials that the positions of the montage `colin27_1005` were measured from: LPA, RPA, Nz and Iz of the file
# `colin27_1005.elc` in MNE-Python 1.13 (BSD-3-Clause), by R. Oostenveld; Colin27 in MNI coordinates, m.
COLIN27_M: Mapping[str, Point] = MappingProxyType(
    {
        "Nz": (0.0000083, 0.0868110, -0.0399830),
        "Iz": (0.0000045, -0.1185650, -0.0230780),
        "LPA": (-0.0860761, -0.0199897, -0.0479860),
        "RPA": (0.0857939, -0.0200093, -0.0480310),
    }
)
COLIN27_SOURCE = (
    "LPA, RPA, Nz and Iz of the montage file colin27_1005.elc in MNE-Python 1.13 (R. Oostenveld), moved to the scalp"
)
# Fiducials found by mapping a template's are told as this uncertain: two sets of the template's own, those above and
# the ones SimNIBS ships for MNI space (Nz 0, 82.9, -43; Iz 0, -116.2, -30.5; LPA -79.6, -20.6, -48.6; RPA 80.6,
# -20.6, -48.1 mm), differ by 5 to 8 mm, and heads differ from their affine image by as much again.
ESTIMATE_UNCERTAINTY_M = 0.010
# A point that somebody picked on the skin is on the skin.
FARTHEST_FROM_SCALP_M = 0.020
# Numbers in metres that are taken for millimetres put the whole head within this.
_SMALLEST_HEAD_M = 0.001


@attrs.frozen
class Fiducials:
    """The four points, on the scalp of a head.

    Attributes
    ----------
    positions_m : mapping of str to 3-tuples
        Nz, Iz, LPA, RPA in head coordinates, m.
    moved_m : mapping of str to float
        How far each was moved to lie on the scalp, m.
    source : str
    uncertainty_m : float or None
        Of an estimate; None where they were given.
    """

    positions_m: Mapping[str, Point]
    moved_m: Mapping[str, float]
    source: str
    uncertainty_m: float | None = None

    @property
    def record(self) -> dict[str, Any]:
        """What a report says about them, as JSON data."""
        return {
            "positions_m": {name: list(point) for name, point in self.positions_m.items()},
            "moved_to_scalp_m": dict(self.moved_m),
            "source": self.source,
            "uncertainty_m": self.uncertainty_m,
        }


def need_fiducials(head: HeadModel) -> Mapping[str, Point]:
    """The fiducials of a head.

    Raises
    ------
    HeadError
        They are not known.
    """
    if not head.fiducials_m:
        what = (
            f"sites of head {head.name!r} are unknown: give its fiducials (nasion, inion, LPA, RPA), for instance "
            "with --fiducials FILE when it is imported"
        )
        raise HeadError(Problem("fiducials", what))
    return head.fiducials_m


def with_fiducials(head: HeadModel, positions_m: Mapping[str, Point] | None = None, *, source: str = "") -> HeadModel:
    """The same head with its fiducials, and with the 10-05 sites measured from them.

    Parameters
    ----------
    head : HeadModel
    positions_m : mapping of str to (3,) arrays, optional
        Nz, Iz, LPA and RPA in head coordinates, m; estimated from the way to MNI space if not given.
    source : str
        Where given ones are from.

    Returns
    -------
    HeadModel
        `fiducials_m`, `sites_m`, and a record in `provenance["fiducials"]`.

    Raises
    ------
    HeadError
        See `place_fiducials` and `estimate_fiducials`.
    """
    from stimplan.head.ten_five import arcs_of

    found = estimate_fiducials(head) if positions_m is None else place_fiducials(head, positions_m, source=source)
    marked = attrs.evolve(
        head, fiducials_m=found.positions_m, provenance={**head.provenance, "fiducials": found.record}
    )
    return attrs.evolve(marked, sites_m=dict(arcs_of(marked).sites_m))


def place_fiducials(head: HeadModel, positions_m: Mapping[str, Point], *, source: str) -> Fiducials:
    """Move given fiducials to the nearest point of a head's scalp.

    Raises
    ------
    HeadError
        Not the four, more than 20 mm from the scalp, or not where a head has them (nasion in front of inion, LPA to
        the left of RPA).
    """
    if set(positions_m) != set(NAMES):
        raise HeadError(Problem("fiducials", f"expected {', '.join(NAMES)}, got {', '.join(positions_m) or 'none'}"))
    asked = np.array([positions_m[name] for name in NAMES], dtype=np.float64)
    on_scalp, _ = nearest_on_surface(asked, head.nodes_m, head.scalp)
    moved = dict(zip(NAMES, np.linalg.norm(on_scalp - asked, axis=1).tolist(), strict=True))
    problems = [
        Problem(f"fiducials.{name}", f"{text(far, 'm')} from the scalp of head {head.name!r}; is it in mm and in the "
                "coordinates of this head?")
        for name, far in moved.items() if not far <= FARTHEST_FROM_SCALP_M
    ]  # fmt: skip
    places = dict(zip(NAMES, on_scalp, strict=True))
    if not problems and not places["Nz"][1] > places["Iz"][1]:
        problems.append(Problem("fiducials", "Nz is not in front of Iz (y grows to the front); are they exchanged?"))
    if not problems and not places["LPA"][0] < places["RPA"][0]:
        problems.append(Problem("fiducials", "LPA is not left of RPA (x grows to the right); are they exchanged?"))
    if problems:
        raise HeadError(problems)
    positions = {name: (float(x), float(y), float(z)) for name, (x, y, z) in places.items()}
    return Fiducials(MappingProxyType(positions), MappingProxyType(moved), source)


def estimate_fiducials(head: HeadModel) -> Fiducials:
    """Fiducials of the template brought to a head by its way to MNI space, on the head's scalp.

    Raises
    ------
    HeadError
        The head has no MNI space: sites are unknown then; or the mapped points miss the scalp.
    """
    from stimplan.head.space import from_mni_m, has_mni

    if not has_mni(head):
        need_fiducials(attrs.evolve(head, fiducials_m={}))
    mapped = from_mni_m(head, np.array([COLIN27_M[name] for name in NAMES]))
    source = (
        "estimated: the template's fiducials brought here by the way to MNI space and moved to the scalp; uncertain "
        f"by about {text(ESTIMATE_UNCERTAINTY_M, 'm')}, and so are the sites measured from them"
    )
    found = place_fiducials(head, dict(zip(NAMES, map(tuple, mapped.tolist()), strict=True)), source=source)
    return attrs.evolve(found, uncertainty_m=ESTIMATE_UNCERTAINTY_M)


def read_fiducials(path: str | Path) -> Mapping[str, Point]:
    """Read nasion, inion, LPA and RPA from a file, mm in head coordinates.

    Parameters
    ----------
    path : path
        `.json`: `{"Nz": [x, y, z], "Iz": …, "LPA": …, "RPA": …}` in mm, or the same under `fiducials_mm`. `.csv`:
        rows `Fiducial,x,y,z,name` (as in SimNIBS' caps) or `name,x,y,z`, mm. Nasion, inion, left and right are
        taken as names too.

    Returns
    -------
    mapping of str to 3-tuples
        m.

    Raises
    ------
    HeadError
        Every fault of the file at once: missing ones, unknown names, twice the same, no finite numbers, metres.
    """
    path = Path(path)
    file = str(path)
    try:
        content = require_ordinary(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise HeadError(
            Problem("fiducials", f"cannot be read ({getattr(error, 'strerror', None) or error})", file=file)
        ) from error
    rows = _json_rows(content, file) if path.suffix.lower() == ".json" else _csv_rows(content)
    return _checked_rows(rows, file)


def _json_rows(content: str, file: str) -> list[tuple[str, Any]]:
    document = parse(content, file=file)
    if document.problems:
        raise HeadError(document.problems)
    tree = document.tree
    if isinstance(tree, dict) and "fiducials_mm" in tree:
        tree = tree["fiducials_mm"]
    if not isinstance(tree, dict):
        raise HeadError(Problem("$", f"expected an object with the keys {', '.join(NAMES)}", file=file))
    return list(tree.items())


def _csv_rows(content: str) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for row in csv.reader(StringIO(content)):
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#") or cells[:2] == ["name", "x"]:
            continue
        if cells[0] in ("Fiducial", "Electrode", "ReferenceElectrode", "Generic", "CoilPos"):
            if cells[0] == "Fiducial":
                rows.append((cells[-1], cells[1:4]))
        else:
            rows.append((cells[0], cells[1:4]))
    return rows


def _checked_rows(rows: list[tuple[str, Any]], file: str) -> Mapping[str, Point]:
    """The four points, m, or every fault of the rows."""
    problems: list[Problem] = []
    found: dict[str, Point] = {}
    for label, values in rows:
        name = _ALIASES.get(label.strip().lower())
        if name is None:
            problems.append(Problem(label, f"no fiducial; expected {', '.join(NAMES)}", file=file))
            continue
        numbers = _three_numbers(values)
        if name in found:
            problems.append(Problem(label, f"{name} is given twice", file=file))
        elif numbers is None:
            problems.append(Problem(label, f"expected three finite numbers in mm, got {values!r}", file=file))
        else:
            found[name] = numbers
    problems += [Problem(name, "missing", file=file) for name in NAMES if name not in found and not problems]
    if not problems and max(abs(x) for point in found.values() for x in point) < _SMALLEST_HEAD_M:
        problems.append(Problem("fiducials", "all within 1 mm of the origin; metres? Write millimetres", file=file))
    if problems:
        raise HeadError(problems)
    return MappingProxyType({name: found[name] for name in NAMES})


def _three_numbers(values: Any) -> Point | None:
    """Three numbers in mm as a point in m; None where they are not."""
    try:
        x, y, z = (to_si(float(value), "mm") for value in values)
    except (TypeError, ValueError, OverflowError):
        return None
    return (x, y, z) if np.isfinite([x, y, z]).all() else None
