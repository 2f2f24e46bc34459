"""Localite TMS Navigator: XML lists of instrument markers (planned) and trigger markers (recorded with each pulse).

Localite's x points into the head and its y to the handle: x and z change places and y turns round on the way to the
frame of `stimplan.pose`. Positions are in RAS or LPS, as the list says. Pulses while the coil was not tracked have a
matrix of zeros or the identity.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any
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
from stimplan.units import from_si, to_si

AXES = np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
FLIPS = {"RAS": (1, 1, 1), "LPS": (-1, -1, 1)}
_INSTRUMENT, _TRIGGER = "InstrumentMarker", "TriggerMarker"
_UNITS = {"valueA": ("A/us", "A/µs"), "amplitudeA": ("%",)}
_SUFFIX = {"valueA": "A_per_us", "amplitudeA": "percent"}


def recognises(text: str) -> bool:
    """Whether the text is a list of markers of Localite."""
    return text.lstrip().startswith("<") and re.search(r"<\w*MarkerList", text[:2000]) is not None


def read_localite(text: str, *, file: str) -> NavigationFile:
    """Markers of a list of either kind.

    Raises
    ------
    InputError
        Every fault, with its line.
    """
    found, root = Findings(file), parse_xml(text, file=file)
    kind = root.tag.removesuffix("List")
    if kind not in (_INSTRUMENT, _TRIGGER):
        what = f"the file holds <{root.tag}>; expected <InstrumentMarkerList> or <TriggerMarkerList>"
        found.fault(f"line {root.line}", what)
    space = root.attributes.get("coordinateSpace", "")
    if space not in FLIPS:
        what = f"coordinateSpace is {space!r}, expected RAS or LPS; a position cannot be told without it"
        found.fault(f"line {root.line}", what)
    _check_units(root, found)
    for count, marker in enumerate(root.all(kind) if space in FLIPS else (), start=1):
        _read_marker(marker, FLIPS[space], str(count), found)
    name = "localite-triggers" if kind == _TRIGGER else "localite" if space == "RAS" else "localite-lps"
    result: NavigationFile = found.result(name, space)
    return result


def _check_units(root: Element, found: Findings) -> None:
    for described in root.all("responseDescription"):
        key, unit = described.attributes.get("id", ""), described.attributes.get("unit", "")
        if key in _UNITS and unit not in _UNITS[key]:
            found.fault(f"line {described.line}", f"{key} is in {unit!r}, expected {_UNITS[key][0]}")


def _read_marker(marker: Element, flips: tuple[int, int, int], count: str, found: Findings) -> None:
    holder = marker if marker.tag == _TRIGGER else marker.child("Marker")
    where = f"line {marker.line}"
    name = (holder.attributes.get("description", "") if holder else "").strip() or count
    element = holder.child("Matrix4D") if holder else None
    if element is None:
        return found.fault(where, f"marker {name!r} has no <Matrix4D>")
    matrix = _matrix(element, name, found)
    rest = _recorded(marker, name, found) if marker.tag == _TRIGGER else {}
    if matrix is None:
        return None
    turned = [[flip * value for value in row] for flip, row in zip(flips, matrix, strict=False)]
    return found.take(f"line {element.line}", name, [*turned, matrix[3]], axes=AXES, **rest)


def _matrix(element: Element, name: str, found: Findings) -> list[list[Decimal]] | None:
    rows: list[list[Decimal]] = []
    is_fine = True
    for row in range(4):
        rows.append([])
        for column in range(4):
            key = f"data{row}{column}"
            try:
                rows[-1].append(number(element.attributes[key]))
            except KeyError:
                is_fine = False
                found.fault(f"line {element.line}", f"marker {name!r} lacks {key}")
            except ValueError as error:
                is_fine = False
                found.fault(f"line {element.line}", f"marker {name!r}, {key}: {error}")
    return rows if is_fine else None


def _recorded(marker: Element, name: str, found: Findings) -> dict[str, Any]:
    """Rate of change, output and time of a pulse; NaN and 0 stand for a stimulator that said nothing."""
    values: dict[str, float | None] = {"valueA": None, "amplitudeA": None}
    for value in marker.all("Value"):
        key, given = value.attributes.get("key", ""), value.attributes.get("response", "NaN")
        if key in values and given != "NaN":
            try:
                values[key] = to_si(number(given), _SUFFIX[key]) or None
            except ValueError as error:
                found.fault(f"line {value.line}", f"marker {name!r}, {key}: {error}")
    output = values["amplitudeA"]
    if output is not None and not 0 <= output <= 1:
        found.fault(f"line {marker.line}", f"marker {name!r}, amplitudeA: expected 0 to 100 %, got {100 * output:g}")
    elapsed = None
    if "recordingTime" in marker.attributes:
        try:
            elapsed = to_si(number(marker.attributes["recordingTime"]), "ms")
        except ValueError as error:
            found.fault(f"line {marker.line}", f"marker {name!r}, recordingTime: {error}")
    return {"didt_A_per_s": values["valueA"], "mso_fraction": output, "elapsed_s": elapsed}


def write_localite(targets: tuple[NavigationTarget, ...], *, space: str = "RAS", kind: str = "InstrumentMarker") -> str:
    """Text of a list of instrument or trigger markers."""
    check_names(targets)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{kind}List coordinateSpace="{space}">']
    if kind == _TRIGGER:
        lines += [
            '    <ResponseParameters selectedResponseChannel="0">',
            '        <responseDescription id="valueA" name="Value A (di/dt)" unit="A/us"/>',
            '        <responseDescription id="amplitudeA" name="Amplitude A" unit="%"/>',
            "    </ResponseParameters>",
        ]
    for count, target in enumerate(targets):
        lines += _trigger(target, space) if kind == _TRIGGER else _instrument(target, space, count)
    return "\n".join([*lines, f"</{kind}List>"]) + "\n"


def _instrument(target: NavigationTarget, space: str, count: int) -> list[str]:
    marker = f'<Marker additionalInformation="" color="#ff0000" description={quoteattr(target.name)} set="true">'
    return [
        f'    <InstrumentMarker alwaysVisible="false" index="{count}" selected="false">',
        f"        {marker}",
        *_matrix_lines(target, space),
        "        </Marker>",
        "    </InstrumentMarker>",
    ]


def _trigger(target: NavigationTarget, space: str) -> list[str]:
    elapsed = "" if target.elapsed_s is None else f' recordingTime="{from_si(target.elapsed_s, "ms"):f}"'
    lines = [f'    <TriggerMarker color="#ffafaf" description={quoteattr(target.name)}{elapsed} set="true">']
    given = {"valueA": target.didt_A_per_s, "amplitudeA": target.mso_fraction}
    lines.append("        <ResponseValues>")
    for key, value in given.items():
        text = "NaN" if value is None else f"{from_si(value, _SUFFIX[key]):f}"
        lines.append(f'            <Value key="{key}" response="{text}"/>')
    return [*lines, "        </ResponseValues>", *_matrix_lines(target, space), "    </TriggerMarker>"]


def _matrix_lines(target: NavigationTarget, space: str) -> list[str]:
    rows = [*matrix_text(target.pose, AXES, flips=FLIPS[space]), ["0.0", "0.0", "0.0", "1.0"]]
    written = [
        " ".join(f'data{row}{column}="{value}"' for column, value in enumerate(values))
        for row, values in enumerate(rows)
    ]
    indent = "\n" + " " * 16
    return [f"            <Matrix4D {indent.join(written)}/>"]
