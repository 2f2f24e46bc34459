"""Strict JSON: every number exact, every fault with its place, nothing let through in silence.

The standard reader accepts NaN, Infinity and 1e999, and keeps the last of two equal keys. Here numbers become
`Decimal`, and each such fault becomes a `Problem` at its JSON path.
"""

from __future__ import annotations

import json
import math
import numbers
import re
import stat
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from stimplan.errors import Problem

MAX_BYTES = 1_000_000
_MAX_DEPTH = 32
_MAX_DIGITS = 100
_MAX_EXPONENT = 300  # a power of ten beyond it does not fit a double, and would cost minutes as an exact fraction
_BAD_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

JsonPath = tuple[str | int, ...]


@attrs.frozen
class Refused:
    """Stands in the tree where a value could not be taken; `why` is a sentence. It fits no schema type."""

    why: str


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys came more than once."""

    duplicates: tuple[str, ...] = ()


@attrs.frozen
class Document:
    """A JSON tree (dict, list, str, int, Decimal, bool, None) and the faults met while reading it.

    `is_json` is False where the text was no JSON at all; `tree` is then None and the problems say why.
    """

    tree: Any
    problems: tuple[Problem, ...]
    is_json: bool = True


def show_path(path: JsonPath) -> str:
    """Write a path the way messages do, `("a", 1, "b c")` -> `$.a[1]["b c"]`."""
    text = "$"
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", step):
            text += f".{step}"
        else:
            text += f"[{json.dumps(shorten(step), ensure_ascii=False)}]"
    return text


def shorten(text: str, length: int = 60) -> str:
    """Keep the start of a text that is too long for a message."""
    return text if len(text) <= length else text[: length - 1] + "…"


def read_bytes(path: Path, *, file: str) -> tuple[str, tuple[Problem, ...]]:
    """Text of a file, or the one problem that keeps it from being read.

    Parameters
    ----------
    path : Path
    file : str
        The file's name as the user gave it, for the problem.
    """
    what = ""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            what = "this is a folder; expected a JSON file"
        elif not stat.S_ISREG(mode):  # a pipe may have no writer, and a device no end
            what = "this is a pipe or a device, no ordinary file; save its content as a file first"
        else:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
            if len(data) <= MAX_BYTES:
                return _decode(data, file=file)
            what = f"the file has more than {MAX_BYTES} bytes; a protocol has a few thousand"
    except FileNotFoundError:
        what = "there is no such file"
    except PermissionError:
        what = "the file may not be read (permission denied)"
    except ValueError:
        what = "no file can have this name"
    except OSError as error:
        what = f"the file cannot be read: {error.strerror or error}"
    return "", (Problem(where="", what=what, file=file),)


def _decode(data: bytes, *, file: str) -> tuple[str, tuple[Problem, ...]]:
    what = ""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        what = "the file is UTF-16; save it as UTF-8"
    elif data.startswith(b"\xef\xbb\xbf"):
        what = "the file starts with a byte order mark; save it as UTF-8 without one"
    else:
        try:
            return data.decode("utf-8"), ()
        except UnicodeDecodeError as error:
            what = f"byte {error.start} is not UTF-8; save the file as UTF-8"
    return "", (Problem(where="", what=what, file=file),)


def parse(text: str, *, file: str = "", max_characters: int = MAX_BYTES) -> Document:
    """Read JSON text strictly.

    Parameters
    ----------
    text : str
    file : str
        Name for the problems.
    max_characters : int

    Returns
    -------
    Document
    """
    what = ""
    if len(text) > max_characters:
        what = f"the text has {len(text)} characters; at most {max_characters} are read"
    elif not text.strip():
        what = "the file is empty; expected a JSON object"
    else:
        try:
            raw = json.loads(
                text,
                parse_float=_decimal,
                parse_int=_integer,
                parse_constant=lambda name: Refused(f"{name} is not a number of JSON; write a finite number"),
                object_pairs_hook=_object,
            )
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            what = f"not JSON at {place}: {error.msg}"
        except RecursionError:
            what = f"nested more than {_MAX_DEPTH} deep"
        else:
            return Document(tree=raw, problems=_faults(raw, file=file))
    return Document(tree=None, problems=(Problem(where="", what=what, file=file),), is_json=False)


def from_mapping(value: Any) -> Document:
    """Take plain Python data as if it had been read from a file; a float stands for its shortest decimal."""
    try:
        tree = _from_python(value)
    except RecursionError:
        problem = Problem(where="$", what=f"nested more than {_MAX_DEPTH} deep")
        return Document(tree=None, problems=(problem,), is_json=False)
    return Document(tree=tree, problems=_faults(tree, file=""))


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    seen = _Object()
    twice: list[str] = []
    for key, value in pairs:
        if key in seen and key not in twice:
            twice.append(key)
        seen.setdefault(key, value)
    seen.duplicates = tuple(twice)
    return seen


def _decimal(text: str) -> Decimal | Refused:
    if len(text) > _MAX_DIGITS:
        return Refused(f"a number of {len(text)} characters; at most {_MAX_DIGITS} are read")
    exponent = text.lower().partition("e")[2].lstrip("+-").lstrip("0")
    if len(exponent) > 5:
        return Refused(f"{text} is out of range; expected a number between 1e-{_MAX_EXPONENT} and 1e{_MAX_EXPONENT}")
    value = Decimal(text)
    if value and abs(value.adjusted()) > _MAX_EXPONENT:
        return Refused(f"{text} is out of range; expected a number between 1e-{_MAX_EXPONENT} and 1e{_MAX_EXPONENT}")
    return value


def _integer(text: str) -> int | Refused:
    if len(text) > _MAX_DIGITS:
        return Refused(f"a number of {len(text)} characters; at most {_MAX_DIGITS} are read")
    return int(text)


def _from_python(value: Any) -> Any:  # noqa: PLR0911 - a table, one row per type
    if value is None or isinstance(value, str | bool | Refused):
        return value
    if isinstance(value, Mapping):
        return _object([(str(key), _from_python(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        return [_from_python(item) for item in value]
    if isinstance(value, numbers.Integral):
        return _integer(str(int(value)))
    if isinstance(value, Decimal):
        return _decimal(str(value)) if value.is_finite() else Refused(f"{value} is not a finite number")
    if isinstance(value, numbers.Real):
        number = float(value)
        return _decimal(repr(number)) if math.isfinite(number) else Refused(f"{number} is not a finite number")
    return Refused(f"a value of type {type(value).__name__!r} is not JSON data")


def _faults(tree: Any, *, file: str) -> tuple[Problem, ...]:
    """Every refused value and repeated key of a tree, with its path; iterative, so that depth costs nothing."""
    if _is_clean(tree):
        return ()
    found: list[Problem] = []
    stack: list[tuple[JsonPath, Any]] = [((), tree)]
    while stack:
        path, value = stack.pop()
        what = value.why if isinstance(value, Refused) else _bad_text(value) if isinstance(value, str) else ""
        if what:
            found.append(Problem(where=show_path(path), what=what, file=file))
        elif len(path) > _MAX_DEPTH:
            found.append(Problem(where=show_path(path[:4]), what=f"nested more than {_MAX_DEPTH} deep", file=file))
        elif isinstance(value, dict):
            for key in getattr(value, "duplicates", ()):
                what = "this key is here more than once; keep one"
                found.append(Problem(where=show_path((*path, key)), what=what, file=file))
            stack.extend(((*path, key), item) for key, item in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend(((*path, i), value[i]) for i in reversed(range(len(value))))
    return tuple(found)


def _is_clean(tree: Any) -> bool:
    """Whether there is nothing to find: the same questions without the paths, which take most of the time."""
    level, depth = [tree], 0
    while level and depth <= _MAX_DEPTH:
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                if _BAD_CHARACTER.search(value):
                    return False
            elif isinstance(value, dict):
                if getattr(value, "duplicates", ()):
                    return False
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, Refused):
                return False
        level, depth = below, depth + 1
    return not level


def _bad_text(text: str) -> str:
    """Why a text could not be stored or shown, or ""."""
    if re.search("[\ud800-\udfff]", text):
        return "the text holds half of a surrogate pair, which no file can hold; write the character itself"
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text):
        return "the text holds a control character; take it out"
    return ""
