"""Coils: what they are made of, where they are read from, how strong they are driven."""

from stimplan.coil.values import AGrid, Casing, Coil, Dipoles, Segments, Stimulator

__all__ = ["AGrid", "Casing", "Coil", "Dipoles", "Segments", "Stimulator"]
