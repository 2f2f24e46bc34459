"""Which tissue a label of somebody else's segmentation is: small JSON files, some of them shipped.

```json
{"schema_version": 1, "title": "our lab's labels", "source": "where that is written",
 "tissues": {"1": "white_matter", "2": "gray_matter", "3": "csf", "4": "bone", "5": "scalp", "10-19": "air"}}
```

Label 0 is outside of the head unless the file says otherwise. `air` is a hole: never meshed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import attrs

from stimplan import strict_json
from stimplan.errors import HeadError, Problem
from stimplan.head.tissues import TISSUE_LABELS
from stimplan.resources import package_path
from stimplan.values import frozen_mapping

_LARGEST_LABEL = 65535
_KEYS = ("schema_version", "title", "source", "incomplete", "tissues")


def _by_label(tissues: Mapping[int, str]) -> Mapping[int, str]:
    frozen: Any = frozen_mapping
    by_label: Mapping[int, str] = frozen(tissues)
    return by_label


@attrs.frozen
class LabelMapping:
    """What each label of a segmentation is.

    Attributes
    ----------
    name : str
        Of the shipped mapping, or of the file.
    title, source : str
        What it is for, and where the numbers are written.
    tissues : mapping of int to str
        Tissue of each label; `air` where nothing conducts.
    incomplete : str
        What to do where such a file lacks a part of the head; may be empty.
    """

    name: str
    title: str
    source: str
    tissues: Mapping[int, str] = attrs.field(converter=_by_label)
    incomplete: str = ""


def list_mappings() -> tuple[LabelMapping, ...]:
    """The mappings that are shipped, by name."""
    return tuple(read_mapping(path.stem) for path in sorted(package_path("head", "mappings").glob("*.json")))


def read_mapping(name_or_path: str | Path) -> LabelMapping:
    """Read a mapping: the name of a shipped one, or a JSON file.

    Raises
    ------
    HeadError
        Every fault of the file at once, with its place; unknown tissues with the nearest known.
    """
    shipped = {path.stem: path for path in package_path("head", "mappings").glob("*.json")}
    given = str(name_or_path)
    path = shipped.get(given) or Path(given)
    if given not in shipped and path.suffix.lower() != ".json":
        near = get_close_matches(given.lower(), shipped, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        known = ", ".join(sorted(shipped))
        what = f"there is no mapping of labels {given!r}{hint} (there is {known}, or name a .json file)"
        raise HeadError(Problem("--labels", what))
    text, problems = strict_json.read_bytes(path, file=given)
    if problems:
        raise HeadError(problems)
    document = strict_json.parse(text, file=given)
    found = list(document.problems)
    if document.is_json:
        found += _shape_problems(document.tree, given)
    if found:
        raise HeadError(found)
    return _mapping(document.tree, name=path.stem, file=given)


def _shape_problems(tree: Any, file: str) -> list[Problem]:
    """Missing keys, unknown keys and keys of the wrong kind."""
    if not isinstance(tree, dict):
        return [Problem("$", "expected an object with title, source and tissues", file=file)]
    if tree and all(_labels(key) for key in tree):  # the table alone
        what = (
            'the labels belong under "tissues": {"schema_version": 1, "title": "what it is", "source": "where it is '
            'from", "tissues": {"1": "white_matter", …}}'
        )
        return [Problem("$", what, file=file)]
    found = []
    for key in tree:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(_KEYS)}"
            found.append(Problem(strict_json.show_path((key,)), f"unknown key{hint}", file=file))
    if tree.get("schema_version") != 1:
        found.append(Problem("$.schema_version", f"expected 1, got {tree.get('schema_version')!r}", file=file))
    for key in ("title", "source", "incomplete"):
        value = tree.get(key, "" if key == "incomplete" else None)
        if not isinstance(value, str) or (key != "incomplete" and not value.strip()):
            found.append(Problem(f"$.{key}", "expected a text that is not empty", file=file))
    if not isinstance(tree.get("tissues"), dict) or not tree.get("tissues"):
        what = 'expected an object from label to tissue, such as {"1": "white_matter"}'
        found.append(Problem("$.tissues", what, file=file))
    return found


def _mapping(tree: Mapping[str, Any], *, name: str, file: str) -> LabelMapping:
    """The mapping of a tree whose shape is right."""
    tissues: dict[int, str] = {}
    problems = []
    for key, tissue in tree["tissues"].items():
        where = strict_json.show_path(("tissues", key))
        labels = _labels(key)
        if labels is None:
            what = f"expected a label such as 7, or labels such as 10-19, from 0 to {_LARGEST_LABEL}"
            problems.append(Problem(where, what, file=file))
            continue
        if tissue not in TISSUE_LABELS:
            problems.append(Problem(where, _unknown_tissue(tissue), file=file))
            continue
        twice = sorted(set(labels) & set(tissues))
        if twice:
            problems.append(Problem(where, f"label {twice[0]} is in another line too; keep one", file=file))
        tissues |= dict.fromkeys(labels, tissue)
    if problems:
        raise HeadError(problems)
    return LabelMapping(name, tree["title"], tree["source"], tissues, tree.get("incomplete", ""))


def _labels(key: str) -> range | None:
    """`7` or `10-19` as numbers, or None."""
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", key, flags=re.ASCII)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return range(first, last + 1) if first <= last <= _LARGEST_LABEL else None


def _unknown_tissue(tissue: Any) -> str:
    if not isinstance(tissue, str):
        return "expected the name of a tissue"
    near = get_close_matches(re.sub(r"[\s-]+", "_", tissue.strip().lower()), TISSUE_LABELS, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{strict_json.shorten(tissue)!r} is no tissue{hint} (known are {', '.join(TISSUE_LABELS)})"
