"""Named scalp sites, electrode materials and electrode products: the data of the folder `montages/`.

Sites are the 10-05 positions of MNE's montage `colin27_1005` on the Colin27 head, in MNI coordinates; a table of
them is shipped, so that nothing heavy is loaded to check a name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any

from stimplan.errors import MontageError, ResourceError
from stimplan.montage import Circle, ElectrodeProduct, Layer, Material, Point, Rectangle, Ring, Shape, Source
from stimplan.resources import data_path
from stimplan.units import to_si

MONTAGE = "colin27_1005"

# Old 10-20 names -> names of the same places in the 10-10 and 10-05 systems.
ALIASES: Mapping[str, str] = MappingProxyType({"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"})


@cache
def known_sites() -> Mapping[str, Point]:
    """Every 10-05 site of the montage `colin27_1005`, by name.

    Returns
    -------
    mapping of str to 3-tuple
        Positions on the Colin27 head in MNI coordinates (RAS), m. The old names T3, T4, T5, T6 are here too.
    """
    table = _load("colin27_1005.json")["positions_mm"]
    return MappingProxyType({name: _point(position) for name, position in table.items()})


def resolve_site(name: str) -> str:
    """Canonical name of a site: any case is taken, T3, T4, T5, T6 become T7, T8, P7, P8.

    Raises
    ------
    MontageError
        There is no such site; the message names the nearest.
    """
    sites = known_sites()
    key = name.strip().lower()
    canonical = name if name in sites else _by_lower_case().get(key)
    if canonical is None:
        raise MontageError(f"{name!r} is not in montage {MONTAGE!r}{_did_you_mean(key, sites)}")
    return ALIASES.get(canonical, canonical)


@cache
def materials() -> Mapping[str, Material]:
    """Materials between metal and skin, by name, each with its conductivity in S/m and its source."""
    table = _load("materials.json")["materials"]
    return MappingProxyType(
        {
            name: Material(
                name=name,
                title=record["title"],
                conductivity_S_per_m=to_si(record["conductivity_S_per_m"], "S_per_m"),
                source=Source(**record["source"]),
            )
            for name, record in table.items()
        }
    )


@cache
def electrode_products() -> Mapping[str, ElectrodeProduct]:
    """Known electrodes by id, each with its outline, its layers and its source."""
    table = _load("electrodes.json")["products"]
    return MappingProxyType(
        {
            name: ElectrodeProduct(
                id=name,
                title=record["title"],
                shape=shape_from_file(record["shape"]),
                layers=tuple(layer_from_file(layer) for layer in record["layers"]),
                source=Source(**record["source"]),
                certainty=tuple(record["certainty"].items()),
            )
            for name, record in table.items()
        }
    )


@cache
def layouts() -> Mapping[str, tuple[str, ...]]:
    """Sites of the known electrode layouts, by the layout's name."""
    table = _load("layouts.json")["layouts"]
    return MappingProxyType({name: tuple(record["sites"]) for name, record in table.items()})


def layout_sites(name: str) -> tuple[str, ...]:
    """Sites of one layout, such as `10-10`.

    Raises
    ------
    MontageError
        There is no such layout.
    """
    if name not in layouts():
        raise MontageError(f"there is no layout {name!r}; known are {', '.join(layouts())}")
    return layouts()[name]


def shape_from_file(record: Mapping[str, Any]) -> Shape:
    """Shape of a checked file record (lengths in mm, angles in degrees)."""
    match record["type"]:
        case "circle":
            return Circle(diameter_m=to_si(record["diameter_mm"], "mm"))
        case "rectangle":
            return Rectangle(
                width_m=to_si(record["width_mm"], "mm"),
                height_m=to_si(record["height_mm"], "mm"),
                rotation_rad=to_si(record.get("rotation_deg", 0), "deg"),  # a product has no rotation
            )
        case "ring":
            return Ring(
                inner_diameter_m=to_si(record["inner_diameter_mm"], "mm"),
                outer_diameter_m=to_si(record["outer_diameter_mm"], "mm"),
            )
        case other:
            raise ValueError(f"unknown shape {other!r}")


def layer_from_file(record: Mapping[str, Any]) -> Layer:
    """Layer of a checked file record (thickness in mm)."""
    return Layer(material=record["material"], thickness_m=to_si(record["thickness_mm"], "mm"))


def _point(position_mm: list[Decimal]) -> Point:
    x, y, z = (to_si(value, "mm") for value in position_mm)
    return x, y, z


@cache
def _by_lower_case() -> Mapping[str, str]:
    return {name.lower(): name for name in known_sites()}


def _did_you_mean(key: str, sites: Mapping[str, Point]) -> str:
    near = get_close_matches(key, [name.lower() for name in sites], n=1, cutoff=0.5)
    return f"; did you mean {_by_lower_case()[near[0]]!r}?" if near else "; expected a 10-05 name such as 'C3'"


def _load(name: str) -> Any:
    """A shipped table, numbers as Decimal; what it may hold is fixed by `montages/schema/` and tested there."""
    path = data_path("montages", name)
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except ValueError as error:
        raise ResourceError(f"montages/{name} is damaged ({error}); install stimplan again") from error
