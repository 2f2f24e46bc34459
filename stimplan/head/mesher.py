"""Tetrahedral meshes from level sets: a lattice, one surface after the other, and the tissue of every piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.lattice import MOST_NODES, Lattice, refuse_too_many
from stimplan.head.stuffing import LevelSet, Stuffed, any_inside, insert_level
from stimplan.resources import package_path
from stimplan.values import digest

# What decides the mesh that an input gives.
_SOURCES = (
    "conserve.py",
    "grading.py",
    "labelled.py",
    "lattice.py",
    "levels.py",
    "mesher.py",
    "nesting.py",
    "presets.py",
    "relax.py",
    "shares.py",
    "stuffing.py",
    "tissues.py",
)

Progress = Callable[[str, float], None]

# Snapping stretches edges: with this lattice spacing 98 % of the edges are no longer than what was asked for.
SPACING = 0.9


@attrs.frozen
class Extra:
    """A structure that is not nested, such as the eyes.

    Attributes
    ----------
    label : int
        Its tissue label.
    replaces : frozenset of int
        Labels it may replace where its level set is negative.
    """

    label: int
    replaces: frozenset[int]


@attrs.frozen(eq=False)
class TetMesh:
    """A conforming tetrahedral mesh.

    Attributes
    ----------
    nodes_m : (n, 3) array
    tets : (m, 4) int32 array
        Positively oriented.
    tissue : (m,) uint8 array
    """

    nodes_m: NDArray[np.float64]
    tets: NDArray[np.int32]
    tissue: NDArray[np.uint8]


@cache
def mesher_version() -> str:
    """Digest of the mesher's own source, so that no cached mesh outlives a change of the mesher."""
    return digest(*(package_path("head", name).read_bytes() for name in _SOURCES))[:16]


def tissue_table(nested: Sequence[int], extras: Sequence[Extra] = ()) -> NDArray[np.uint8]:
    """Tissue label for every combination of the sides a tetrahedron can be on.

    Parameters
    ----------
    nested : sequence of int
        Label between each nested level set and the next one inside it, outermost first.
    extras : sequence of Extra
        What the level sets after the nested ones stand for; a later one wins over an earlier one.

    Returns
    -------
    (2**n_levels,) uint8 array
        Indexed by the number whose bit k says "inside level set k"; 0 is outside of everything.
    """
    n_levels = len(nested) + len(extras)
    table = np.zeros(2**n_levels, dtype=np.uint8)
    for signs in range(2**n_levels):
        # Being inside counts from the outermost surface inwards; a stray inner bit outside of it does not.
        for level, label in enumerate(nested):
            if not signs >> level & 1:
                break
            table[signs] = label
        for level, extra in enumerate(extras, start=len(nested)):
            if signs >> level & 1 and int(table[signs]) in extra.replaces:
                table[signs] = extra.label
    return table


def mesh_level_sets(
    levels: Sequence[LevelSet],
    tissue_of: NDArray[np.uint8],
    *,
    lattice: Lattice,
    progress: Progress | None = None,
) -> TetMesh:
    """Mesh the regions that level sets bound.

    Parameters
    ----------
    levels : sequence of callable
        Signed distances, m, negative inside: the nested ones first, outermost first, then any others.
    tissue_of : (2**n_levels,) uint8 array
        Tissue by side, see `tissue_table`; 0 is not meshed.
    lattice : Lattice
        Covers everything to be meshed.
    progress : callable, optional
        Called as `progress(stage, fraction)`.

    Returns
    -------
    TetMesh
        Nodes in Morton order, tetrahedra by their lowest node: the same input gives the same bytes.
    """
    if len(tissue_of) != 2 ** len(levels):
        raise ValueError(f"{len(levels)} level sets need {2 ** len(levels)} table entries, got {len(tissue_of)}")
    mesh = _untouched(lattice)
    for bit, level in enumerate(levels):
        if progress is not None:
            progress("meshing", bit / len(levels))
        if bit == 0 and not tissue_of[::2].any():  # nothing is outside the first surface
            mesh = _kept(mesh, any_inside(mesh.tets, level(mesh.nodes_m)))
        mesh = insert_level(mesh, level, bit)
        refuse_too_many(len(mesh.nodes_m))
        may_be_tissue = np.any(tissue_of.reshape(-1, 2 ** (bit + 1)), axis=0)
        mesh = _kept(mesh, may_be_tissue[mesh.inside])
    if progress is not None:
        progress("meshing", 1.0)
    return _ordered(mesh.nodes_m, mesh.tets, tissue_of[mesh.inside], finest_m=float(lattice.spacing_m.min()))


def _untouched(lattice: Lattice) -> Stuffed:
    """The lattice before the first surface."""
    inside, is_fixed = np.zeros(len(lattice.tets), dtype=np.int64), np.zeros(len(lattice.nodes_m), dtype=bool)
    return Stuffed(lattice.nodes_m, lattice.tets, inside, is_fixed, lattice.spacing_m)


def _kept(mesh: Stuffed, keep: NDArray[np.bool_]) -> Stuffed:
    """Some of the tetrahedra, and only the nodes they use, in the same order."""
    tets, is_used = _renumbered(mesh.tets[keep], len(mesh.nodes_m))
    return Stuffed(mesh.nodes_m[is_used], tets, mesh.inside[keep], mesh.is_fixed[is_used], mesh.spacing_m[is_used])


def _renumbered(tets: NDArray[Any], n_nodes: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Tetrahedra with the unused nodes left out of the count, and which nodes are used."""
    is_used = np.zeros(n_nodes, dtype=bool)
    is_used[tets] = True
    return (np.cumsum(is_used) - 1)[tets].astype(tets.dtype), is_used


def largest_piece(mesh: TetMesh) -> tuple[TetMesh, float]:
    """The largest part of a mesh that hangs together by faces, and the volume of the rest, m³."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    owner = shared_faces(mesh.tets)
    links = coo_array((np.ones(len(owner), dtype=np.int8), owner.T), shape=(len(mesh.tets), len(mesh.tets)))
    _, piece = connected_components(links, directed=False)
    a, b, c, d = (mesh.nodes_m[mesh.tets[:, corner]] for corner in range(4))
    volumes_m3 = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6
    by_piece = np.bincount(piece, weights=volumes_m3)
    keep = piece == by_piece.argmax()
    tets, is_used = _renumbered(mesh.tets[keep], len(mesh.nodes_m))
    kept = TetMesh(mesh.nodes_m[is_used], tets, mesh.tissue[keep])
    return kept, float(by_piece.sum() - by_piece.max())


def shared_faces(tets: NDArray[np.integer]) -> NDArray[np.int64]:
    """(k, 2) pairs of tetrahedra that share a face."""
    ordered = np.sort(tets, axis=1).astype(np.int64)
    base = int(tets.max(initial=0)) + 1
    if base > MOST_NODES:
        raise ValueError(f"{base:,} nodes: more than {MOST_NODES:,} do not fit the 64-bit face key")
    keys = np.concatenate([(ordered[:, i] * base + ordered[:, j]) * base + ordered[:, k] for i, j, k in _FACES])
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order[:-1]] == keys[order[1:]])
    return np.stack([order[same], order[same + 1]], axis=1) % len(tets)


_FACES = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))


def _ordered(
    nodes_m: NDArray[np.float64], tets: NDArray[np.int64], tissue: NDArray[np.uint8], *, finest_m: float
) -> TetMesh:
    """Neighbours in space become neighbours in memory, which makes every product with the matrix faster."""
    cell = ((nodes_m - nodes_m.min(axis=0)) * (4 / finest_m)).astype(np.uint64)
    order = np.argsort(_spread(cell[:, 0]) | _spread(cell[:, 1]) << 1 | _spread(cell[:, 2]) << 2, kind="stable")
    number = np.empty(len(order), dtype=np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    by_node = np.argsort(number[tets].min(axis=1), kind="stable")
    return TetMesh(nodes_m[order], number[tets[by_node]], tissue[by_node])


def _spread(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Put two zero bits between the bits of a 21-bit number (Morton order)."""
    value = value & np.uint64(0x1FFFFF)
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        value = (value | value << np.uint64(shift)) & np.uint64(mask)
    return value
