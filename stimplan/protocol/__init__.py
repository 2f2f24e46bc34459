"""Protocols: strict JSON files in, immutable values out."""

from stimplan.montage import Source
from stimplan.protocol.library import ProtocolEntry, list_protocols
from stimplan.protocol.model import Course, Protocol, Target, Waveform
from stimplan.protocol.reading import read_protocol
from stimplan.protocol.schemas import schema
from stimplan.protocol.writing import dump_protocol, protocol_tree

__all__ = [
    "Course",
    "Protocol",
    "ProtocolEntry",
    "Source",
    "Target",
    "Waveform",
    "dump_protocol",
    "list_protocols",
    "protocol_tree",
    "read_protocol",
    "schema",
]
