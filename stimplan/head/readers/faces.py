"""Faces of a tetrahedral mesh: which two tetrahedra share one, which lie outside, and the surfaces of the tissues."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError
from stimplan.head.readers.tags import SURFACE_OFFSET

# Corners of the face opposite each corner, seen counter-clockwise from outside of a positively oriented tetrahedron.
_CORNERS = ((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1))

# Three node numbers have to fit one 64-bit key; beyond, solving would take more memory than a workstation has.
MAX_NODES = 2**21 - 1

# Between two tissues SimNIBS gives the face to the one that comes first here (its `reconstruct_unique_surface`); the
# two numbers it leaves out come last but for the scalp.
_FIRST_SURFACE = (1, 2, 9, 3, 4, 8, 7, 6, 10, 11, 12, 5)


@attrs.frozen(eq=False)
class Faces:
    """Faces by number: `face % m` is its tetrahedron, `face // m` the corner opposite.

    Attributes
    ----------
    pairs : (k, 2) int array
        The two faces where two tetrahedra meet.
    outer : (j,) int array
        Faces that belong to one tetrahedron only.
    crowded : (c,) int array
        Faces where three or more tetrahedra meet in one, which cannot be in a mesh.
    """

    pairs: NDArray[np.int64]
    outer: NDArray[np.int64]
    crowded: NDArray[np.int64]


def find_faces(tets: NDArray[np.int32]) -> Faces:
    """Match the faces of (m, 4) tetrahedra.

    Raises
    ------
    HeadError
        More than two million nodes.
    """
    if int(tets.max(initial=0)) >= MAX_NODES:
        raise HeadError(f"more than {MAX_NODES} nodes; make a coarser mesh")
    ordered = np.sort(tets, axis=1).astype(np.int64)
    base = int(tets.max(initial=0)) + 1
    kept = [[corner for corner in range(4) if corner != left_out] for left_out in range(4)]
    m = len(tets)
    # The sorted tetrahedron and the given one leave out different corners: the number of the corner goes along.
    rank = np.argsort(tets, axis=1, kind="stable").astype(np.int8)
    keys = np.empty(4 * m, dtype=np.int64)
    for slot, (i, j, k) in enumerate(kept):
        keys[slot * m : (slot + 1) * m] = (ordered[:, i] * base + ordered[:, j]) * base + ordered[:, k]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    order = rank.T.reshape(-1)[order].astype(np.int64) * m + order % max(m, 1)
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if m else np.zeros(0, np.int64)
    sizes = np.diff(np.append(starts, 4 * m))
    twice = starts[sizes == 2]
    return Faces(
        pairs=np.stack([order[twice], order[twice + 1]], axis=1),
        outer=order[starts[sizes == 1]],
        crowded=order[np.repeat(sizes > 2, sizes)],
    )


def corners_of(tets: NDArray[np.int32], faces: NDArray[np.int64]) -> NDArray[np.int32]:
    """(k, 3) node numbers of faces, oriented out of their tetrahedron."""
    table = np.array(_CORNERS)
    return tets[(faces % len(tets))[:, None], table[faces // len(tets)]]


def tissue_surfaces(
    tets: NDArray[np.int32], tissue: NDArray[np.integer]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Triangles between tissues and on the outside, each once, tagged as SimNIBS does.

    Parameters
    ----------
    tets : (m, 4) array
        Positively oriented.
    tissue : (m,) array

    Returns
    -------
    triangles : (k, 3) array
        Sorted by tag, oriented out of the tissue they are tagged with.
    tags : (k,) array
        1000 + the number of the tissue.
    """
    faces = find_faces(tets)
    m = max(len(tets), 1)
    rank = np.full(int(tissue.max(initial=0)) + 1, len(_FIRST_SURFACE))
    for place, label in enumerate(_FIRST_SURFACE):
        rank[label : label + 1] = place
    rank = rank * len(rank) + np.arange(len(rank))  # labels without a place: the smaller first
    one, other = (tissue[faces.pairs[:, side] % m] for side in (0, 1))
    between = faces.pairs[one != other]
    side = (rank[tissue[between[:, 1] % m]] < rank[tissue[between[:, 0] % m]]).astype(np.int64)
    chosen = np.concatenate([between[np.arange(len(between)), side], faces.outer])
    tags = (SURFACE_OFFSET + tissue[chosen % m].astype(np.int64)).astype(np.int32)
    order = np.lexsort((chosen % m, tags))
    return corners_of(tets, chosen[order]), tags[order]
