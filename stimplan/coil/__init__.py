"""Coils: what they are made of, where they are read from, how strong they are driven."""

from stimplan.coil.catalogue import CatalogueEntry, catalogue_coil, catalogue_entry, find_coil, list_coils, stand_ins
from stimplan.coil.reading import read_coil, write_coil
from stimplan.coil.stand_in import StandIn, is_in_catalogue, stand_in_for
from stimplan.coil.values import AGrid, Casing, Coil, Dipoles, Segments, Stimulator

__all__ = [
    "AGrid",
    "Casing",
    "CatalogueEntry",
    "Coil",
    "Dipoles",
    "Segments",
    "StandIn",
    "Stimulator",
    "catalogue_coil",
    "catalogue_entry",
    "find_coil",
    "is_in_catalogue",
    "list_coils",
    "read_coil",
    "stand_in_for",
    "stand_ins",
    "write_coil",
]
