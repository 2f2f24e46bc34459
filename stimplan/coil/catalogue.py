"""The coils that come with the program: wound from dimensions somebody published, never from another program's file.

Each entry of catalogue.json says where its numbers are from and how sure we are of them:

* `read`: the dimensions stand in a source that was read for the entry;
* `second-hand`: they are the maker's, as commonly cited; the document itself was not read;
* `principle`: the coil shows how its kind works and is no model of a product.

What nobody published is null: no rate at 100 % of the output is guessed, no case is drawn after a photograph. The case
of an entry is our own simple hull around its winding (see `stimplan.coil.hull`).

`representatives` name, for each family of coils, the one that stands in where a protocol names no coil of the
catalogue; `without_windings` are products that protocols name and the catalogue has no source for. See
`stimplan.coil.stand_in`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import attrs

from stimplan.coil.hull import hull
from stimplan.coil.strips import Strip, h_like
from stimplan.coil.values import Coil, Stimulator
from stimplan.coil.windings import Fold, Kind, Wing, butterfly, circular, folded, turn_radii, wind
from stimplan.errors import CoilError
from stimplan.resources import package_path
from stimplan.units import to_si
from stimplan.values import frozen_mapping

Certainty = Literal["read", "second-hand", "principle"]


@attrs.frozen
class CatalogueEntry:
    """A coil of the catalogue.

    Attributes
    ----------
    id, name, family : str
        The family as protocols name it: figure-8, circular, double-cone, butterfly, H-coil.
    manufacturer, model : str or None
        None for a coil that is no product.
    certainty : {"read", "second-hand", "principle"}
        See the head of the module.
    source, caution : str
        Where its numbers are from, and what its user must know ("" where nothing).
    max_didt_A_per_s : float or None
        Rate of the current at 100 % of the output of `stimulator`; None where no source gives it.
    stimulator : str or None
        The stimulator that rate is of.
    didt_source : str
        Of the rate; "" without one.
    named_by : tuple of mappings
        Manufacturer and model, as protocols write them, that are this very coil.
    stands_in_for : tuple of mappings
        Those it may stand in for; who takes it says so, see `stimplan.coil.stand_in`.
    """

    id: str
    name: str
    family: str
    manufacturer: str | None
    model: str | None
    certainty: Certainty
    source: str
    caution: str
    max_didt_A_per_s: float | None
    stimulator: str | None
    didt_source: str
    named_by: tuple[Mapping[str, str], ...]
    stands_in_for: tuple[Mapping[str, str], ...]
    tree: Mapping[str, Any]


@attrs.frozen
class Representative:
    """The coil that stands for its family where nothing nearer is known.

    Attributes
    ----------
    family, coil : str
        As protocols name the family, and an id of the catalogue.
    why : str
        Why this one.
    peers : tuple of str
        Coils of the catalogue with the same kind of field, itself included.
    peers_V_per_m : (low, high) or None
        Largest |E| of the peers for 1 A/µs on the brain of the sphere of `stimplan.coil_depth`, 15 mm below its scalp,
        V/m, in 2 decimals; None where there is but one.
    """

    family: str
    coil: str
    why: str
    peers: tuple[str, ...]
    peers_V_per_m: tuple[float, float] | None


def list_coils() -> tuple[str, ...]:
    """Ids of the catalogue."""
    return tuple(_entries())


def catalogue_entry(name: str) -> CatalogueEntry:
    """What the catalogue knows about a coil.

    Raises
    ------
    CoilError
        There is no such coil.
    """
    if name not in _entries():
        raise CoilError(f"there is no coil {name!r} in the catalogue; it has {', '.join(_entries())}")
    return _entries()[name]


def find_coil(manufacturer: str | None, model: str | None) -> CatalogueEntry | None:
    """The entry that is the very coil a protocol names by its maker and model, or None; see also `stand_ins`."""
    if manufacturer is None or model is None:
        return None
    return next((one for one in _entries().values() if _is_named(one.named_by, manufacturer, model)), None)


def stand_ins(manufacturer: str | None, model: str | None) -> tuple[CatalogueEntry, ...]:
    """Entries that may stand in for a coil a protocol names, for a person to decide on.

    Those of the same kind by the same maker; and, where the maker is not reported, those of that model.
    """
    if model is None:
        return ()
    return tuple(
        one for one in _entries().values() if _is_named((*one.stands_in_for, *one.named_by), manufacturer, model)
    )


def representative(family: str) -> Representative | None:
    """The coil that stands for a family of coils; None for one of which the catalogue has none."""
    found = next((one for one in _tree()["representatives"] if one["family"] == family), None)
    if found is None:
        return None
    ends = found["peers_V_per_m"]
    peers_V_per_m = None if ends is None else (float(ends[0]), float(ends[1]))
    return Representative(found["family"], found["coil"], found["why"], tuple(found["peers"]), peers_V_per_m)


def without_windings(manufacturer: str | None, model: str | None) -> Mapping[str, Any] | None:
    """What is known of a product that protocols name and whose windings the catalogue could not take, or None.

    `windings` says what became of them, `why` what else sets the coil apart ("" where nothing is known); `is_coil` is
    false where what a protocol calls the model is another thing.
    """
    if manufacturer is None or model is None:
        return None
    for one in _tree()["without_windings"]:
        names = tuple({"manufacturer": one["manufacturer"], "model": name} for name in one["models"])
        if _is_named(names, manufacturer, model):
            return frozen_mapping(one)
    return None


def catalogue_coil(
    name: str, *, kind: Kind = "wire", elements: int | None = None, stimulator: Stimulator | None = None
) -> Coil:
    """A coil of the catalogue, wound as dipoles or wire with a number of elements in a turn.

    Parameters
    ----------
    name : str
    kind : {"wire", "dipoles"}
    elements : int, optional
        As in `stimplan.coil.windings.wind`.
    stimulator : Stimulator, optional
        Another one than the entry's: its rate at 100 % of the output is then the limit.

    Raises
    ------
    CoilError
        There is no such coil.
    """
    entry = catalogue_entry(name)
    parts = windings_of(entry)
    size = entry.tree["casing"]
    margin_m, thickness_m = to_si(size["margin_mm"], "mm"), to_si(size["thickness_mm"], "mm")
    coil = wind(
        entry.name,
        parts,
        source=entry.source,
        kind=kind,
        elements=elements,
        stimulator=stimulator or _stimulator(entry),
        casing=hull(parts, margin_m=margin_m, thickness_m=thickness_m),
    )
    facts = {"catalogue": entry.id, "certainty": entry.certainty, "caution": entry.caution}
    return attrs.evolve(coil, provenance={**coil.provenance, **facts})


def windings_of(entry: CatalogueEntry) -> tuple[Wing | Strip, ...]:
    """Wings and strips of an entry."""
    return tuple(part for one in entry.tree["windings"] for part in _winding(one))


def _winding(one: Mapping[str, Any]) -> tuple[Wing | Strip, ...]:
    if "strips" in one:
        lengths = {f"{key}_m": to_si(one[f"{key}_mm"], "mm") for key in ("spacing", "length", "return_height", "gap")}
        return h_like(strips=one["strips"], turns=one["turns"], **lengths)
    if "turn_radii_mm" in one:
        radii = [to_si(radius, "mm") for radius in one["turn_radii_mm"]]
    else:
        inner, outer = to_si(one["inner_radius_mm"], "mm"), to_si(one["outer_radius_mm"], "mm")
        radii = list(turn_radii(inner, outer, one["turns"]))
    layers = [to_si(height, "mm") for height in one["layers_mm"]]
    if "center_mm" not in one:
        return circular(radii, layers_m=layers)
    center = to_si(one["center_mm"], "mm")
    if "fold_at_mm" in one:
        fold = Fold(to_si(one["fold_at_mm"], "mm"), to_si(one["fold_deg"], "deg"))
        return folded(radii, center_m=center, side=one["side"], fold=fold, layers_m=layers)
    angle = to_si(one["wing_angle_deg"], "deg")
    return butterfly(radii, center_m=center, wing_angle_rad=angle, layers_m=layers)


def _stimulator(entry: CatalogueEntry) -> Stimulator | None:
    if entry.max_didt_A_per_s is None:
        return None
    return Stimulator(entry.stimulator or "", entry.manufacturer or "", entry.max_didt_A_per_s)


def _is_named(names: tuple[Mapping[str, str], ...], manufacturer: str | None, model: str) -> bool:
    """Whether one of the names has this model and this maker; any maker where none is stated."""
    maker = None if manufacturer is None else manufacturer.casefold()
    return any(
        one["model"].casefold() == model.casefold() and maker in (None, one["manufacturer"].casefold()) for one in names
    )


@lru_cache(maxsize=1)
def _entries() -> Mapping[str, CatalogueEntry]:
    return {one["id"]: _entry(one) for one in _tree()["coils"]}


@lru_cache(maxsize=1)
def _tree() -> Mapping[str, Any]:
    tree: Mapping[str, Any] = json.loads(package_path("coil", "catalogue.json").read_text(encoding="utf-8"))
    return tree


def _entry(one: Mapping[str, Any]) -> CatalogueEntry:
    rate = one["max_didt_A_per_us"]
    plain = {
        key: one[key] for key in ("id", "name", "family", "manufacturer", "model", "certainty", "source", "caution")
    }
    return CatalogueEntry(
        **plain,
        max_didt_A_per_s=None if rate is None else to_si(rate, "A_per_us"),
        stimulator=one["stimulator"],
        didt_source=one["didt_source"],
        named_by=tuple(frozen_mapping(name) for name in one["named_by"]),
        stands_in_for=tuple(frozen_mapping(name) for name in one["stands_in_for"]),
        tree=frozen_mapping(one),
    )
