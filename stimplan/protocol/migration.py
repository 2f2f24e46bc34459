"""Older versions of the protocol file brought up to the newest, one step at a time.

A step takes a tree of one version, sound or not, and gives one of the next; it moves and adds, and invents nothing.
What is wrong in the old tree stays wrong in the new one, at the same path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stimplan.protocol.conditions import condition_named
from stimplan.protocol.schemas import NEWEST_VERSION


def migrate_tree(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a tree of any known version to the newest; the tree itself is left as it is."""
    new = dict(tree)
    version = int(new["schema_version"])
    while version < NEWEST_VERSION:
        new = _STEPS[version](new)
        version += 1
    return new


def _from_1(tree: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew direct current only and an indication in free words."""
    new = {**tree, "schema_version": 2}
    stimulation = tree.get("stimulation")
    waveform = stimulation.get("waveform") if isinstance(stimulation, dict) else None
    if isinstance(stimulation, dict) and isinstance(waveform, dict):
        new["stimulation"] = {**stimulation, "waveform": {"type": "direct", **waveform}}
    words = tree.get("indication")
    if isinstance(words, str):
        new["indication"] = {"condition": condition_named(words) or "other", "note": words}
    return new


# version -> the step to the next
_STEPS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
