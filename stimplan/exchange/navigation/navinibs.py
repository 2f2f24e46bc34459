"""NaviNIBS: the parts `…_Targets.json` and `…_Samples.json` of a session, lists of entries with a `key` each.

By the comment at `coilToMRITransf` in NaviNIBS (github.com/PrecisionNeuroLab/NaviNIBS, Targets.py): -y runs along the
handle, -z points down into the head, the origin is the middle of the coil's bottom. So y is that of `stimplan.pose`,
x and z are turned round. Positions are in mm of the MRI.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np

from stimplan.exchange.navigation.json_rows import matrix_of, parse_json
from stimplan.exchange.navigation.model import Findings, NavigationFile, NavigationTarget, check_names, matrix_rows

AXES = np.diag([-1.0, 1.0, -1.0])


def recognises(text: str) -> bool:
    """Whether the text is a list of targets or samples of NaviNIBS."""
    return text.lstrip().startswith("[") and '"key"' in text


def read_navinibs(text: str, *, file: str) -> NavigationFile:
    """Targets or samples of a session.

    Raises
    ------
    InputError
        Every fault, with its path.
    """
    found, tree = Findings(file), parse_json(text, file=file)
    if not isinstance(tree, list):
        what = "expected a list; name the session's part …_Targets.json or …_Samples.json"
        found.fault("$", what)
        tree = []
    for number, entry in enumerate(tree):
        _read_entry(entry, f"$[{number}]", found)
    result: NavigationFile = found.result("navinibs", "MRI")
    return result


def _read_entry(entry: Any, where: str, found: Findings) -> None:
    name = entry.get("key") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name.strip():
        return found.fault(where, "expected an object with a 'key', the name of the target")
    value = entry.get("coilToMRITransf")
    if value is None:
        why = "it has a target and an angle only; NaviNIBS makes the position of the coil with its head model"
        return found.skip(where, name, why if "targetCoord" in entry else "it has no position")
    matrix = matrix_of(value, found, where=f"{where}.coilToMRITransf", name=name)
    moment = entry.get("timestamp")
    if matrix is not None:
        found.take(where, name, matrix, axes=AXES, recorded_at=moment if isinstance(moment, str) else None)
    return None


def write_navinibs(targets: tuple[NavigationTarget, ...]) -> str:
    """Text of a `…_Targets.json`; a name that comes again gets a number, for NaviNIBS wants each once."""
    check_names(targets)
    entries, used, last = [], set(), Counter[str]()
    for target in targets:
        name = target.name
        while name in used:
            last[target.name] += 1
            name = f"{target.name} ({last[target.name] + 1})"
        used.add(name)
        entries.append({"key": name, "coilToMRITransf": matrix_rows(target.pose, AXES)})
    return json.dumps(entries, indent=2, allow_nan=False) + "\n"
