"""Immutable values: arrays that nobody can change behind your back, and a digest of any value.

numpy is imported where an array is made: whoever only reads a protocol and checks it does not wait for it.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


# Metadata of a field that a class got later: where it is None, the digest is that of a value made before.
ADDED_LATER: Mapping[str, Any] = {"added_later": True}


def _are_equal(one: Any, other: Any) -> bool:
    import numpy as np

    return np.array_equal(one, other)


# Arrays compare by content; attrs would otherwise ask numpy for the truth of an array.
array_eq = attrs.cmp_using(eq=_are_equal)


def frozen_array(
    values: ArrayLike,
    *,
    name: str,
    shape: tuple[int | None, ...],
    dtype: DTypeLike = "float64",
    is_finite: bool = True,
) -> NDArray[Any]:
    """Own, read-only copy of an array, checked for shape and finiteness.

    Parameters
    ----------
    values : array_like
    name : str
        What the array is called in the error message.
    shape : tuple of int or None
        Expected shape; None stands for any length.
    dtype : dtype
    is_finite : bool
        Refuse NaN and infinity.

    Raises
    ------
    ValueError
        Wrong shape, or not finite.
    """
    import numpy as np

    array = np.array(values, dtype=dtype, order="C", copy=True)
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=False)
    )
    if not fits:
        wanted = tuple("n" if side is None else side for side in shape)
        raise ValueError(f"{name}: expected shape {wanted}, got {array.shape}")
    if is_finite and array.dtype.kind in "fc" and not np.isfinite(array).all():
        raise ValueError(f"{name}: {int((~np.isfinite(array)).sum())} values are not finite")
    array.setflags(write=False)
    return array


class _FrozenMapping(dict[str, Any]):
    """A dict that refuses every change; still JSON, and still copied and pickled."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("this mapping is part of a frozen value; make a copy with dict(...) and change that")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return _FrozenMapping, (dict(self),)


def frozen_mapping(values: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Own, read-only copy of a mapping, mappings and lists inside it included (lists become tuples)."""
    return _FrozenMapping({key: _frozen(value) for key, value in values.items()})


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return frozen_mapping(value)
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def digest(*parts: Any) -> str:
    """SHA-256 of values, the same in every process and on every machine.

    Understands None, bool, int, float, str, bytes, Path (as its name), sequences, mappings (order does not
    matter), numpy arrays and attrs values. Anything else is refused: a digest that guessed would lie.
    """
    sha = hashlib.sha256()
    for part in parts:
        _feed(sha, part)
    return sha.hexdigest()


def _feed(sha: Any, part: Any) -> None:
    match part:
        case None:
            sha.update(b"n")
        case bool():
            sha.update(b"b1" if part else b"b0")
        case int():
            sha.update(b"i" + str(part).encode())
        case float():
            sha.update(b"f" + struct.pack("<d", part))
        case str() | bytes():
            data = part.encode() if isinstance(part, str) else part
            sha.update(b"s" + struct.pack("<q", len(data)) + data)
        case Path():
            _feed(sha, part.name)
        case Mapping():
            sha.update(b"{")
            for key in sorted(part, key=str):
                _feed(sha, str(key))
                _feed(sha, part[key])
            sha.update(b"}")
        case list() | tuple() | frozenset():
            items = sorted(part, key=str) if isinstance(part, frozenset) else part
            sha.update(b"[")
            for item in items:
                _feed(sha, item)
            sha.update(b"]")
        case _ if attrs.has(type(part)):
            sha.update(type(part).__name__.encode())
            for field in attrs.fields(type(part)):
                value = getattr(part, field.name)
                is_absent = value is None and "added_later" in field.metadata
                if field.eq is not False and not is_absent:
                    _feed(sha, field.name)
                    _feed(sha, value)
        case _:
            _feed_array(sha, part)


def _feed_array(sha: Any, part: Any) -> None:
    np = sys.modules.get("numpy")  # where nobody has imported numpy there are no arrays
    if np is not None and isinstance(part, np.ndarray):
        little = part.astype(part.dtype.newbyteorder("<"), order="C", copy=False)
        sha.update(f"a{little.dtype.str}{part.shape}".encode() + np.ascontiguousarray(little).tobytes())
    elif np is not None and isinstance(part, np.generic):
        _feed(sha, part.item())
    else:
        raise TypeError(f"no digest for {type(part).__name__}")
