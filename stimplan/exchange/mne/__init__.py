"""MNE-Python: its boundary elements as a second method, and lead fields as forward solutions of EEG."""

from stimplan.exchange.mne.bem import BoundaryElements, boundary_elements, reciprocal_field
from stimplan.exchange.mne.crosscheck import Comparison, CrossCheck, cross_check
from stimplan.exchange.mne.forward import cortex_rows, forward_of
from stimplan.exchange.mne.surfaces import ClosedSurface, ThreeLayers, three_layers

__all__ = [
    "BoundaryElements",
    "ClosedSurface",
    "Comparison",
    "CrossCheck",
    "ThreeLayers",
    "boundary_elements",
    "cortex_rows",
    "cross_check",
    "forward_of",
    "reciprocal_field",
    "three_layers",
]
