"""The JSON Schemas of the protocol file, one for each version of its format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from stimplan.resources import data_path

_FILES = {1: "protocol-1.schema.json", 2: "protocol-2.schema.json"}
NEWEST_VERSION = max(_FILES)


@cache
def schema(version: int = NEWEST_VERSION) -> Mapping[str, Any]:
    """JSON Schema of a version of the protocol file."""
    text = data_path("protocols", "schema", _FILES[version]).read_text(encoding="utf-8")
    return dict(json.loads(text))


def known_versions() -> tuple[int, ...]:
    """Versions of the file format this program reads, oldest first."""
    return tuple(sorted(_FILES))
