"""MNE-Python: its boundary elements as a second method, and lead fields as forward solutions of EEG."""

from stimplan.exchange.mne.crosscheck import Comparison, CrossCheck, cross_check
from stimplan.exchange.mne.surfaces import ClosedSurface, ThreeLayers, three_layers

__all__ = ["ClosedSurface", "Comparison", "CrossCheck", "ThreeLayers", "cross_check", "three_layers"]
