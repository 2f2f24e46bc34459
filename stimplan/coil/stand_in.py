"""The coil that stands in for one the catalogue does not have, and how far it is from it, in words.

A protocol of a paper often names a family of coils only, or a product whose windings nobody published. Its field can
still be drawn for a coil of that family, as long as nobody takes the figures for those of the paper's coil: what is
chosen here always comes with the sentence that says so, and without the rate at 100 % of the output, which is another
coil's.
"""

from __future__ import annotations

from typing import Literal

import attrs

from stimplan.coil.catalogue import (
    CatalogueEntry,
    Representative,
    catalogue_entry,
    find_coil,
    list_coils,
    representative,
    stand_ins,
    without_windings,
)
from stimplan.coil.reading import read_coil
from stimplan.coil.values import Coil

Distance = Literal["near model", "no model", "no windings"]


@attrs.frozen
class StandIn:
    """A coil of the catalogue in place of the one a protocol means.

    Attributes
    ----------
    entry : CatalogueEntry
    distance : {"near model", "no model", "no windings"}
        How far it is: the same maker's coil of another name, or one of that model where the maker is not reported; a
        common coil of the family, because no model is reported; one of the family, because the windings of the model
        are not known.
    short : str
        The same in a few words.
    sentence : str
        What stands in for what, and what that means for the figures.
    """

    entry: CatalogueEntry
    distance: Distance
    short: str
    sentence: str

    @property
    def is_near(self) -> bool:
        """Whether its field is about that of the coil that is meant."""
        return self.distance == "near model"

    def coil(self) -> Coil:
        """It, without a rate at 100 % of the output: that is not the rate of the coil it stands in for."""
        return attrs.evolve(read_coil(self.entry.id), stimulators=())


def is_in_catalogue(manufacturer: str | None, model: str | None) -> bool:
    """Whether the coil a protocol names is one of the catalogue, by its id or by its maker and model."""
    return model in list_coils() or find_coil(manufacturer, model) is not None


def stand_in_for(family: str, manufacturer: str | None, model: str | None) -> StandIn | None:
    """The coil that stands in for one that is not in the catalogue, see `is_in_catalogue`.

    The only coil of the same kind by the same maker, or of that model where the maker is not reported; else the only
    coil of the maker in the family; else the one that stands for the family.

    Parameters
    ----------
    family : str
        As protocols name it: figure-8, circular, double-cone, butterfly, H-coil; None stands in for any other.
    manufacturer, model : str or None
        None where they are not reported.
    """
    near = [one for one in stand_ins(manufacturer, model) if one.certainty != "principle"]
    if len(near) == 1:
        return _near(near[0], manufacturer, model)
    common = representative(family)
    if common is None:
        return None
    own = [one for one in map(catalogue_entry, common.peers) if manufacturer and one.manufacturer == manufacturer]
    entry = own[0] if len(own) == 1 else catalogue_entry(common.coil)
    listed = without_windings(manufacturer, model)
    if model is None or (listed is not None and not listed["is_coil"]):
        return _no_model(entry, common, manufacturer)
    if listed is None:
        return _no_windings(entry, common, _named(manufacturer, model), ("are not in the catalogue", ""))
    return _no_windings(entry, common, _named(manufacturer, model), (listed["windings"], listed["why"]))


def _near(entry: CatalogueEntry, manufacturer: str | None, model: str | None) -> StandIn:
    if manufacturer is None:
        short = f"{entry.manufacturer}'s coil of that name; the protocol names no maker"
    else:
        short = "the same maker's coil of another name"
    sentence = (
        f"STAND-IN COIL: the protocol names {_named(manufacturer, model)}, which is not in the catalogue; the field is "
        f"that of “{entry.name}”, {short}. Its figures are those of another coil."
    )
    return StandIn(entry, "near model", short, sentence)


def _no_model(entry: CatalogueEntry, common: Representative, manufacturer: str | None) -> StandIn:
    whose = f" of {manufacturer}" if manufacturer else ""
    sentence = (
        f"STAND-IN COIL: the protocol does not say which {common.family} coil{whose} was used; the field is that of "
        f"“{entry.name}”, a common coil of that family. {_differs(common)}."
    )
    return StandIn(entry, "no model", f"no model is reported; a common {common.family} coil", sentence)


def _no_windings(entry: CatalogueEntry, common: Representative, named: str, known: tuple[str, str]) -> StandIn:
    """`known` says what became of the windings, and what else sets the coil apart ("" for nothing)."""
    fate, apart = known
    sentence = (
        f"STAND-IN COIL: the windings of {named} {fate}; the field is that of “{entry.name}”, a coil of the same "
        f"family ({common.family}). {_differs(common)}{f'; {apart}' if apart else ''}."
    )
    return StandIn(entry, "no windings", f"its windings {fate}; a coil of the same family ({common.family})", sentence)


def _differs(common: Representative) -> str:
    """How far the field may be from that of the coil that is meant; measured where the catalogue has several."""
    start = "That of the coil that was used may differ by tens of per cent"
    if common.peers_V_per_m is None:
        return f"{start} or more, in size and in shape; the catalogue has no second one of its kind to tell by"
    low, high = common.peers_V_per_m
    return (
        f"{start}, in size and in shape: the catalogue's own {len(common.peers)} of this kind make {low:g} to {high:g} "
        "V/m of 1 A/µs 15 mm below the scalp of a sphere"
    )


def _named(manufacturer: str | None, model: str | None) -> str:
    return " ".join(one for one in (manufacturer, f"“{model}”") if one)
