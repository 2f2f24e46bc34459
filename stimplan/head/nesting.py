"""How the tissues of a label volume lie in one another, found from the volume itself.

Some tissues are shells, one within the other: scalp, bone, CSF, grey matter, white matter. The boundary of "this
shell and everything inside it" is one level set, so a thin shell is bounded by two different level sets and cannot
tear however coarse the mesh is. Whatever else there is (eyes, marrow, muscle, blood, a plate) is an inclusion of the
shell that it touches most. The inclusions of one shell form a chain of their own, so that no gap opens between two
that touch.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.mesher import Extra
from stimplan.head.tissues import TISSUE_LABELS

# Outermost first; where a head has several kinds of bone, the first that it has is the shell.
_SHELLS = (("scalp",), ("bone", "compact_bone", "spongy_bone"), ("csf",), ("gray_matter",), ("white_matter",))


@attrs.frozen
class Nesting:
    """Shells, inclusions, and the regions that they bound.

    Attributes
    ----------
    shells : tuple of int
        Tissues that lie in one another, outermost first.
    extras : tuple of Extra
        Inclusions, each with what it replaces.
    regions : tuple of frozenset of int
        Tissues inside each level set: one a shell, then one an inclusion.
    """

    shells: tuple[int, ...]
    extras: tuple[Extra, ...]
    regions: tuple[frozenset[int], ...]


def nesting_of(tissue: NDArray[np.uint8]) -> Nesting:
    """Find shells and inclusions of a volume.

    Parameters
    ----------
    tissue : (i, j, k) uint8 array
        Tissue numbers; 0 is void.

    Returns
    -------
    Nesting
    """
    contact = contact_faces(tissue)
    counts = np.bincount(tissue.ravel(), minlength=256)
    present = [int(number) for number in np.flatnonzero(counts) if number]
    shells = tuple(
        next(TISSUE_LABELS[name] for name in names if TISSUE_LABELS[name] in present)
        for names in _SHELLS
        if any(TISSUE_LABELS[name] in present for name in names)
    )
    shells = shells or (max(present, key=lambda number: (counts[number], -number)),)
    parents = _parents(contact, shells, [number for number in present if number not in shells])
    extras, inner = [], []
    for shell in shells:
        chain = sorted((n for n, p in parents.items() if p == shell), key=lambda n: (-counts[n], n))
        for place, number in enumerate(chain):
            extras.append(Extra(number, frozenset({chain[place - 1] if place else shell})))
            inner.append(frozenset(chain[place:]))
    outer = [
        frozenset({*shells[level:], *(n for n, p in parents.items() if p in shells[level:])})
        for level in range(len(shells))
    ]
    return Nesting(shells, tuple(extras), (*outer, *inner))


def _parents(contact: NDArray[np.int64], shells: tuple[int, ...], others: list[int]) -> dict[int, int]:
    """Shell that holds each inclusion: the one it touches most, itself or through other inclusions."""
    parents: dict[int, int] = {}
    waiting = list(others)
    while waiting:
        touching = {
            number: {
                shell: contact[number, [shell, *(n for n, p in parents.items() if p == shell)]].sum()
                for shell in shells
            }
            for number in waiting
        }
        placed = {
            number: max(shells, key=lambda shell: (area[shell], -shells.index(shell)))
            for number, area in touching.items()
            if any(area.values())
        }
        # What touches nothing but the void is taken as lying in the outermost shell.
        placed = placed or dict.fromkeys(waiting, shells[0])
        parents |= placed
        waiting = [number for number in waiting if number not in placed]
    return parents


def contact_faces(tissue: NDArray[np.uint8], axes: tuple[int, ...] = (0, 1, 2)) -> NDArray[np.int64]:
    """(256, 256) number of voxel faces between every two tissues across some axes, symmetric; the diagonal is 0."""
    contact = np.zeros(256 * 256, dtype=np.int64)
    for axis in axes:
        along = np.moveaxis(tissue, axis, 0)
        differs = along[1:] != along[:-1]
        pairs = along[1:][differs].astype(np.int64) * 256 + along[:-1][differs]
        contact += np.bincount(pairs, minlength=256 * 256)
    square = contact.reshape(256, 256)
    return square + square.T
