"""The tissues a head can have, and their numbers inside every head model."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# SimNIBS' numbers, so that its users find them again; `air` is a hole in the head and never meshed.
TISSUE_LABELS: Mapping[str, int] = MappingProxyType(
    {
        "white_matter": 1,
        "gray_matter": 2,
        "csf": 3,
        "bone": 4,
        "scalp": 5,
        "eyes": 6,
        "compact_bone": 7,
        "spongy_bone": 8,
        "blood": 9,
        "muscle": 10,
        "cartilage": 11,
        "fat": 12,
        "air": 20,
    }
)
AIR = "air"
# A tissue by any other name (a plate, a lesion with its own conductivity) gets a number from here on.
FIRST_FREE_LABEL = 30


def in_words(name: str) -> str:
    """Name of a tissue for people: `gray_matter` -> `grey matter`, `csf` -> `CSF`."""
    return "CSF" if name == "csf" else name.replace("_", " ").replace("gray", "grey")


def numbers_of(names: set[str]) -> dict[str, int]:
    """Number of each tissue inside a head model; names that are not standard are numbered in alphabetical order.

    Parameters
    ----------
    names : set of str

    Returns
    -------
    dict of str to int
        Sorted by number.
    """
    own = sorted(names - set(TISSUE_LABELS))
    numbers = {name: TISSUE_LABELS[name] for name in names & set(TISSUE_LABELS)}
    numbers |= {name: FIRST_FREE_LABEL + index for index, name in enumerate(own)}
    return dict(sorted(numbers.items(), key=lambda item: item[1]))
