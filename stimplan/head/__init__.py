"""Head models: what they are, where they come from, and how they are meshed."""

from __future__ import annotations

from stimplan.head.importing import HeadImport, ImportOptions, import_head
from stimplan.head.library import HeadEntry, list_heads, load_head
from stimplan.head.model import HeadModel, Tissue
from stimplan.head.sphere import sphere_head

__all__ = [
    "HeadEntry",
    "HeadImport",
    "HeadModel",
    "ImportOptions",
    "Tissue",
    "import_head",
    "list_heads",
    "load_head",
    "sphere_head",
]
