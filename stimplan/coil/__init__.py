"""Coils: what they are made of, where they are read from, how strong they are driven."""

from stimplan.coil.reading import catalogue_coil, list_coils, read_coil, write_coil
from stimplan.coil.values import AGrid, Casing, Coil, Dipoles, Segments, Stimulator

__all__ = [
    "AGrid",
    "Casing",
    "Coil",
    "Dipoles",
    "Segments",
    "Stimulator",
    "catalogue_coil",
    "list_coils",
    "read_coil",
    "write_coil",
]
