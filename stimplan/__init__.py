"""Plan and simulate noninvasive brain stimulation.

The public names are loaded on first use, so that importing the package costs next to nothing.
Research and educational software, not a medical device.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# public name -> module that defines it
_HOME = {
    "Protocol": "stimplan.protocol",
    "read_protocol": "stimplan.protocol",
    "dump_protocol": "stimplan.protocol",
    "list_protocols": "stimplan.protocol",
    "check": "stimplan.safety",
    "SafetyReport": "stimplan.safety",
    "HeadModel": "stimplan.head",
    "load_head": "stimplan.head",
    "import_head": "stimplan.head",
    "sphere_head": "stimplan.head",
    "place": "stimplan.placement",
    "Placement": "stimplan.placement",
    "solve": "stimplan.field",
    "Field": "stimplan.field",
    "read_coil": "stimplan.coil",
    "coil_placement": "stimplan.coil_on_head",
    "search_poses": "stimplan.coil_search",
    "make_target": "stimplan.coil_search",
    "Goal": "stimplan.coil_search",
    "SearchSpace": "stimplan.coil_search",
    "SearchOptions": "stimplan.coil_search",
    "sphere_roi": "stimplan.roi",
    "measure": "stimplan.roi",
    "run": "stimplan.pipeline",
    "StimplanError": "stimplan.errors",
    "InputError": "stimplan.errors",
    "SafetyStop": "stimplan.errors",
    "SolveError": "stimplan.errors",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - a list, made from the table above


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'stimplan' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
