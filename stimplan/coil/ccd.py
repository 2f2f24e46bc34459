"""Coils as a list of magnetic dipoles in text, `.ccd`: metres, A m² for one ampere.

The first line is a comment with `key=value` pairs between semicolons (`dIdtmax` in A/µs, `stimulator`, `brand`,
`coilname`), the second the number of dipoles, then a comment, then one dipole a line: x y z mx my mz. A file of the
same name ending in `.stl`, if there is one, is the case.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stimplan.coil.files import decoded, place_problem, provenance_of, read_raw, write_whole
from stimplan.coil.stl import read_stl
from stimplan.coil.values import Coil, Dipoles, Stimulator
from stimplan.errors import CoilError, Problem
from stimplan.units import from_si, to_si

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# After so many faults in rows the rest are counted, not listed.
_MOST_ROWS = 20


def read_ccd(path: Path) -> Coil:
    """Read a `.ccd` coil file, with the case beside it.

    Raises
    ------
    CoilError
        Everything that is wrong with the file, line by line.
    """
    data = read_raw(path)
    lines = [(number, line.strip()) for number, line in enumerate(decoded(data, path.name).splitlines(), start=1)]
    problems: list[Problem] = []
    header = _header(lines, problems, path.name)
    rows = [(number, line) for number, line in lines if line and not line.startswith("#")]
    table = _table(rows, problems, path.name)
    if not problems:
        problems.extend(_unlikely(table, path.name))
    case = path.with_suffix(".stl")
    try:
        casing = read_stl(case) if case.exists() else None
    except CoilError as error:
        casing = None
        problems.extend(error.problems)
    if problems:
        raise CoilError(problems)
    stimulator = Stimulator(
        name=header.get("stimulator", ""),
        brand=header.get("brand", ""),
        max_didt_A_per_s=to_si(float(header["didtmax"]), "A_per_us") if "didtmax" in header else None,
    )
    return Coil(
        name=header.get("coilname") or path.stem,
        elements=(Dipoles(table[:, :3], table[:, 3:]),),
        source=f"file {path.name}",
        casing=casing,
        stimulators=(stimulator,),
        provenance={**provenance_of(path, data), "format": "ccd", "header": dict(header), **_not_read(path)},
    )


def _not_read(path: Path) -> dict[str, str]:
    """The table of the pulse beside the file, which is left alone: the format does not say its unit of time."""
    table = path.with_suffix(".tsv")
    return {"not_read": f"{table.name}: its unit of time is not stated"} if table.exists() else {}


def write_ccd(coil: Coil, path: Path) -> None:
    """Write a coil of dipoles as `.ccd`; every number comes back to the last bit.

    Raises
    ------
    CoilError
        The format cannot hold the coil: wire, a grid, several stimulators. The case is not part of it.
    """
    problems = [
        Problem(f"elements[{number}]", f"a .ccd file holds dipoles, not {type(element).__name__}; write a .tcd")
        for number, element in enumerate(coil.elements)
        if not isinstance(element, Dipoles)
    ]
    if len(coil.stimulators) > 1:
        problems.append(Problem("stimulators", "a .ccd file holds one stimulator; write a .tcd"))
    texts = [coil.name, *(text for one in coil.stimulators for text in (one.name, one.brand))]
    if any(set(text) & set(";=\r\n") for text in texts):
        problems.append(Problem("name", "names in a .ccd file cannot hold ';', '=' or line breaks"))
    if problems:
        raise CoilError(problems)
    dipoles = [element for element in coil.elements if isinstance(element, Dipoles)]
    table = np.concatenate([np.hstack([one.positions_m, one.moments_A_m2_per_A]) for one in dipoles])
    pairs = [f"coilname={coil.name}"]
    for one in coil.stimulators:
        pairs += [f"stimulator={one.name}"] if one.name else []
        pairs += [f"brand={one.brand}"] if one.brand else []
        if one.max_didt_A_per_s is not None:
            pairs.append(f"dIdtmax={from_si(one.max_didt_A_per_s, 'A_per_us')}")
    lines = [f"# {coil.name} version 1.0;{';'.join(pairs)};", str(len(table)), "# x y z (m) mx my mz (A m2 for 1 A)"]
    lines += [" ".join(repr(float(value)) for value in row) for row in table]
    write_whole(path, ("\n".join(lines) + "\n").encode())


def _header(lines: list[tuple[int, str]], problems: list[Problem], file: str) -> Mapping[str, str]:
    """Pairs of the first line, keys in small letters."""
    if not lines or not lines[0][1].startswith("#"):
        problems.append(Problem("line 1", "expected a comment with the coil's data, '# name version 1.0;...'", file))
        return {}
    found: dict[str, str] = {}
    for part in lines[0][1].split(";"):
        key, equals, value = (text.strip() for text in part.partition("="))
        key = key.lower()
        if not equals:
            continue
        if key in found:
            problems.append(Problem("line 1", f"{key!r} is there twice; keep one", file))
        found[key] = value
    rate = found.get("didtmax")
    if rate is not None and not (_NUMBER.fullmatch(rate) and 0 < float(rate) < math.inf):
        what = f"dIdtmax={rate!r} is not a finite number above 0, A/µs"
        problems.append(Problem("line 1", what, file))
    return found


def _table(rows: list[tuple[int, str]], problems: list[Problem], file: str) -> np.ndarray:
    """(k, 6) dipoles; rows with faults are left out and reported."""
    if not rows or not re.fullmatch(r"\d+", rows[0][1]):
        line = f"line {rows[0][0]}" if rows else "the file"
        problems.append(Problem(line, "expected the number of dipoles, a whole number on a line of its own", file))
        return np.empty((0, 6))
    stated, body = int(rows[0][1]), rows[1:]
    if stated != len(body) or not stated:
        what = f"the file says {stated} dipoles and has {len(body)}; it is cut off or was edited"
        problems.append(Problem(f"line {rows[0][0]}", what, file))
    table, faults = [], []
    for number, line in body:
        words = line.split()
        if len(words) != 6 or not all(_NUMBER.fullmatch(word) and math.isfinite(float(word)) for word in words):
            what = f"expected six finite numbers, x y z mx my mz, got {line[:60]!r}"
            faults.append(Problem(f"line {number}", what, file))
        else:
            table.append([float(word) for word in words])
    problems.extend(faults[:_MOST_ROWS])
    if len(faults) > _MOST_ROWS:
        problems.append(Problem("the file", f"{len(faults) - _MOST_ROWS} more rows are no dipoles", file))
    return np.array(table).reshape(-1, 6)


def _unlikely(table: np.ndarray, file: str) -> list[Problem]:
    what = place_problem(table[:, :3], "metres")
    if not what and not table[:, 3:].any():
        what = "all moments are zero: this coil has no field"
    return [Problem("the file", what, file)] if what else []
