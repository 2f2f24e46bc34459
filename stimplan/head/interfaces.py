"""Where two tissues touch: in a mesh and in a label volume."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.lattice import MOST_NODES
from stimplan.head.nesting import contact_faces

_FACES = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))


@attrs.frozen(eq=False)
class Interfaces:
    """The triangles of a mesh between two tissues, or between a tissue and the outside.

    Attributes
    ----------
    nodes_m : (n, 3) array
        Of the mesh.
    triangles : (k, 3) int array
    sides : (k, 2) uint8 array
        Tissue on either side, the smaller number first; 0 is outside.
    """

    nodes_m: NDArray[np.float64]
    triangles: NDArray[np.int64]
    sides: NDArray[np.uint8]

    @property
    def areas_m2(self) -> NDArray[np.float64]:
        """(k,) areas."""
        a, b, c = (self.nodes_m[self.triangles[:, corner]] for corner in range(3))
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2

    @property
    def centers_m(self) -> NDArray[np.float64]:
        """(k, 3) centroids."""
        return self.nodes_m[self.triangles].mean(axis=1)

    def between(self, one: Iterable[int], other: Iterable[int]) -> NDArray[np.bool_]:
        """(k,) mask of the triangles with a tissue of one group on one side and of the other on the other."""
        first, second = (np.isin(np.arange(256), list(group)) for group in (one, other))
        low, high = self.sides.T
        return (first[low] & second[high]) | (first[high] & second[low])

    def around(self, region: Iterable[int]) -> NDArray[np.bool_]:
        """(k,) mask of the triangles that bound a group of tissues."""
        is_in = np.isin(np.arange(256), list(region))
        return is_in[self.sides[:, 0]] != is_in[self.sides[:, 1]]


def interfaces_of(nodes_m: NDArray[np.float64], tets: NDArray[np.integer], tissue: NDArray[np.uint8]) -> Interfaces:
    """Find the triangles of a mesh where the tissue changes.

    Parameters
    ----------
    nodes_m : (n, 3) array
    tets : (m, 4) int array
    tissue : (m,) uint8 array

    Raises
    ------
    ValueError
        More nodes than three of them fit into a 64-bit key.
    """
    if len(nodes_m) > MOST_NODES:
        raise ValueError(f"{len(nodes_m):,} nodes: more than {MOST_NODES:,} do not fit the 64-bit face key")
    ordered = np.sort(tets, axis=1).astype(np.int64)
    keys = np.concatenate([(ordered[:, i] << 42) | (ordered[:, j] << 21) | ordered[:, k] for i, j, k in _FACES])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    side = tissue[order % len(tets)]
    is_first = np.append(True, keys[1:] != keys[:-1])
    first = np.flatnonzero(is_first)
    has_other = np.append(~is_first[1:], False)[first]
    here = side[first]
    there = np.where(has_other, side[np.minimum(first + 1, len(side) - 1)], 0).astype(np.uint8)
    differs = here != there
    key, sides = keys[first[differs]], np.stack([here, there], axis=1)[differs]
    mask = 2**21 - 1
    triangles = np.stack([key >> 42, key >> 21 & mask, key & mask], axis=1)
    return Interfaces(nodes_m, triangles, np.sort(sides, axis=1))


def label_contact_m2(
    tissue: NDArray[np.uint8], sizes_m: NDArray[np.float64], *, one: Iterable[int], other: Iterable[int]
) -> float:
    """Area of the voxel faces between two groups of tissues, m²; a slanted surface counts up to 1.7 times.

    Parameters
    ----------
    tissue : (i, j, k) uint8 array
    sizes_m : (3,) array
        Sizes of a voxel.
    one, other : iterable of int
    """
    area_m2 = 0.0
    for axis in range(3):
        contact = contact_faces(tissue, axes=(axis,))
        area_m2 += float(contact[np.ix_(list(one), list(other))].sum() * np.prod(np.delete(sizes_m, axis)))
    return area_m2
