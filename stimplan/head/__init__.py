"""Head models: what they are, where they come from, and how they are meshed."""

from __future__ import annotations

from stimplan.head.model import HeadModel, Tissue
from stimplan.head.sphere import sphere_head

__all__ = ["HeadModel", "Tissue", "sphere_head"]
