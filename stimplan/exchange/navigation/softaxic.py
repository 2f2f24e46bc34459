"""Softaxic's `.stmpx`: XML, one `<fmp>` with one `<fp>` for each stored position of the coil.

The axes are those of `stimplan.pose` turned by a quarter about z: Softaxic's x is the y there, away from the handle,
and its y is -x.
The file does not say in which coordinates it is; it is taken as RAS of the image, in mm, as SimNIBS takes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from xml.sax.saxutils import quoteattr

import numpy as np

from stimplan.exchange.navigation.model import (
    Findings,
    NavigationFile,
    NavigationTarget,
    check_names,
    matrix_text,
    number,
)
from stimplan.exchange.navigation.xml_tree import Element, parse_xml

AXES = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
_KEYS = [[*(f"m{row}{column}" for column in range(3)), "xyz"[row]] for row in range(3)]


def recognises(text: str) -> bool:
    """Whether the text is a file of Softaxic."""
    return text.lstrip().startswith("<") and "<stmp" in text[:2000]


def read_softaxic(text: str, *, file: str) -> NavigationFile:
    """Positions of a file.

    Raises
    ------
    InputError
        Every fault, with its line.
    """
    found, root = Findings(file), parse_xml(text, file=file)
    if root.tag != "stmp":
        found.fault(f"line {root.line}", f"the file holds <{root.tag}>; expected <stmp>")
    for count, point in enumerate(root.all("fmp"), start=1):
        _read_point(point, str(count), found)
    found.notices.append("the file does not state its coordinates; taken as RAS of the image, in mm")
    result: NavigationFile = found.result("softaxic", "not stated")
    return result


def _read_point(point: Element, count: str, found: Findings) -> None:
    name = point.attributes.get("id", "").strip() or count
    coils = [child for child in point.children if child.tag == "fp"]
    if len(coils) != 1:
        return found.fault(f"line {point.line}", f"position {name!r} has {len(coils)} <fp>, expected one")
    where, attributes = f"line {coils[0].line}", coils[0].attributes
    is_fine = True
    matrix: list[list[Decimal]] = []
    for keys in _KEYS:
        matrix.append([])
        for key in keys:
            try:
                matrix[-1].append(number(attributes[key]))
            except KeyError:
                is_fine = False
                found.fault(where, f"position {name!r} lacks {key}")
            except ValueError as error:
                is_fine = False
                found.fault(where, f"position {name!r}, {key}: {error}")
    if is_fine:
        found.take(where, name, matrix, axes=AXES, recorded_at=_moment(attributes.get("ts", "")))
    return None


def _moment(milliseconds: str) -> str | None:
    """Date and time of a count of milliseconds since 1970, UTC."""
    if not milliseconds.isdecimal() or not 0 < int(milliseconds) < 4e12:  # the year 2096
        return None
    seconds, rest = divmod(int(milliseconds), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def write_softaxic(targets: tuple[NavigationTarget, ...]) -> str:
    """Text of a file with what a reader needs; the points on the brain that Softaxic adds are left out."""
    check_names(targets)
    lines = ["<!DOCTYPE stmp>", "<stmp>", ' <fmpm dataset="stimplan">']
    for target in targets:
        rows = matrix_text(target.pose, AXES)
        values = " ".join(
            f'{key}="{value}"'
            for keys, row in zip(_KEYS, rows, strict=True)
            for key, value in zip(keys, row, strict=True)
        )
        lines += [f'  <fmp global="0" id={quoteattr(target.name)}>', f"   <fp {values}/>", "  </fmp>"]
    return "\n".join([*lines, " </fmpm>", "</stmp>"]) + "\n"
