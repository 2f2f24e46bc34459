"""Protocols: strict JSON files in, immutable values out."""

from stimplan.montage import Source
from stimplan.protocol.conditions import Condition, condition_named, conditions, is_kind_of
from stimplan.protocol.electric import (
    DirectWaveform,
    ElectricStimulation,
    InterferenceWaveform,
    Intermittence,
    NoiseWaveform,
    OscillatingWaveform,
    PulsedWaveform,
    SinusoidalWaveform,
    Waveform,
)
from stimplan.protocol.library import ProtocolEntry, list_protocols
from stimplan.protocol.magnetic import (
    Block,
    Coil,
    CoilPlacement,
    Handle,
    Intensity,
    MagneticStimulation,
    Pattern,
    Peripheral,
    Pulse,
    Stimulator,
    Stimulus,
    Threshold,
    Timing,
)
from stimplan.protocol.model import Protocol
from stimplan.protocol.plan import (
    Course,
    Evidence,
    Indication,
    Outcome,
    Phase,
    PublishedTotals,
    Result,
    Sham,
    Step,
    Target,
    Therapy,
)
from stimplan.protocol.reading import as_protocol, migrate_text, read_protocol
from stimplan.protocol.schemas import schema
from stimplan.protocol.totals import Totals, totals_of
from stimplan.protocol.trains import Train, train_of
from stimplan.protocol.writing import dump_protocol, protocol_tree

__all__ = [
    "Block",
    "Coil",
    "CoilPlacement",
    "Condition",
    "Course",
    "DirectWaveform",
    "ElectricStimulation",
    "Evidence",
    "Handle",
    "Indication",
    "Intensity",
    "InterferenceWaveform",
    "Intermittence",
    "MagneticStimulation",
    "NoiseWaveform",
    "OscillatingWaveform",
    "Outcome",
    "Pattern",
    "Peripheral",
    "Phase",
    "Protocol",
    "ProtocolEntry",
    "PublishedTotals",
    "Pulse",
    "PulsedWaveform",
    "Result",
    "Sham",
    "SinusoidalWaveform",
    "Source",
    "Step",
    "Stimulator",
    "Stimulus",
    "Target",
    "Therapy",
    "Threshold",
    "Timing",
    "Totals",
    "Train",
    "Waveform",
    "as_protocol",
    "condition_named",
    "conditions",
    "dump_protocol",
    "is_kind_of",
    "list_protocols",
    "migrate_text",
    "protocol_tree",
    "read_protocol",
    "schema",
    "totals_of",
    "train_of",
]
