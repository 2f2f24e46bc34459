"""What can be put right in a tetrahedral mesh without changing the head, each with its count, and what cannot."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError
from stimplan.head.readers.extent import MM_PER_M
from stimplan.head.readers.faces import Faces, find_faces
from stimplan.units import text

# A tetrahedron is flat where six times its volume is less than this part of its longest edge cubed: rounding of the
# coordinates (1e-16) would decide which way round it is.
FLAT = 1e-10
# Some flat ones can be left out, since they hold no current; more are a mesh that was made wrongly.
MOST_FLAT = 1e-4
# A part that hangs on nothing is left out up to this share of the head's volume (4 ml of 4 l).
LARGEST_DETACHED = 1e-3

# Tetrahedra that are worked on at once, so that memory stays bounded.
_PIECE = 1 << 19


@attrs.frozen(eq=False)
class Mesh:
    """Nodes (n, 3) in m, tetrahedra (m, 4), and tissue numbers (m,)."""

    nodes_m: NDArray[np.float64]
    tets: NDArray[np.int32]
    tissue: NDArray[np.uint8]

    def where(self, keep: NDArray[np.bool_]) -> Mesh:
        """Some of the tetrahedra; the nodes stay."""
        return self if keep.all() else Mesh(self.nodes_m, self.tets[keep], self.tissue[keep])


def signed_volumes_m3(nodes_m: NDArray[np.float64], tets: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Volumes (m,), negative where inverted, m³, and the longest of the three edges at the first corner, m."""
    volumes, longest = np.empty(len(tets)), np.empty(len(tets))
    for start in range(0, len(tets), _PIECE):
        own = slice(start, start + _PIECE)
        corners = nodes_m[tets[own]]
        u, v, w = (corners[:, corner] - corners[:, 0] for corner in (1, 2, 3))
        volumes[own] = np.einsum("ij,ij->i", np.cross(u, v), w) / 6
        longest[own] = np.sqrt(np.max([np.einsum("ij,ij->i", e, e) for e in (u, v, w)], axis=0))
    return volumes, longest


def repaired(mesh: Mesh) -> tuple[Mesh, Faces, NDArray[np.float64], dict[str, Any]]:
    """Put a mesh right: collapsed, doubled and flat tetrahedra, orientation, detached parts, unused nodes.

    Returns
    -------
    mesh : Mesh
    faces : Faces
        Of the mesh as it is now.
    volumes_m3 : (m,) array
        All positive.
    record : dict
        How many of what were changed.

    Raises
    ------
    HeadError
        Tetrahedra that overlap, too many flat ones, or a head in several pieces; every fault found at one stage.
    """
    ordered = np.sort(mesh.tets, axis=1)
    is_collapsed = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    del ordered
    mesh = mesh.where(~is_collapsed)
    mesh, faces, doubled = _without_doubles(mesh)
    matched = len(mesh.tets)
    volumes_m3, longest_m = signed_volumes_m3(mesh.nodes_m, mesh.tets)
    is_flat = np.abs(volumes_m3) * 6 <= FLAT * longest_m**3
    flat = int(is_flat.sum())
    if flat == len(mesh.tets):
        raise HeadError("no tetrahedron has a volume: every one names a node twice, or lies in a plane")
    if flat > MOST_FLAT * len(mesh.tets):
        raise HeadError(
            f"{flat} of {len(mesh.tets)} tetrahedra have no volume, the first at "
            f"{_at_mm(mesh, np.flatnonzero(is_flat)[:1])}: the mesh is not usable, make it again"
        )
    mesh, volumes_m3 = mesh.where(~is_flat), volumes_m3[~is_flat]
    mesh, inverted = _oriented(mesh, volumes_m3 < 0)
    volumes_m3 = np.abs(volumes_m3)
    mesh, volumes_m3, detached = _one_piece(mesh, volumes_m3)
    mesh, unused = _without_unused(mesh)
    record = {
        "tetrahedra_collapsed": int(is_collapsed.sum()),
        "tetrahedra_doubled": doubled,
        "tetrahedra_flat": flat,
        "tetrahedra_inverted": inverted,
        "nodes_unused": unused,
        **detached,
    }
    if inverted or len(mesh.tets) != matched:  # else the faces are what they were; nodes do not count in them
        faces = find_faces(mesh.tets)
    return mesh, faces, volumes_m3, record


def _without_doubles(mesh: Mesh) -> tuple[Mesh, Faces, int]:
    """The mesh without tetrahedra that are there twice, and its faces; overlapping ones are refused."""
    faces = find_faces(mesh.tets)
    if not len(faces.crowded):
        return mesh, faces, 0
    suspects = np.unique(faces.crowded % len(mesh.tets))
    ordered = np.sort(mesh.tets[suspects], axis=1)
    _, first, group = np.unique(ordered, axis=0, return_index=True, return_inverse=True)
    kept = suspects[first]
    differ = int((mesh.tissue[suspects] != mesh.tissue[kept][group.reshape(-1)]).sum())
    if differ:
        raise HeadError(f"{differ} tetrahedra are there twice with different tissues: the mesh is damaged")
    keep = np.ones(len(mesh.tets), dtype=bool)
    keep[np.setdiff1d(suspects, kept)] = False
    cleaned = mesh.where(keep)
    faces = find_faces(cleaned.tets) if len(kept) < len(suspects) else faces
    if len(faces.crowded):
        tets = np.unique(faces.crowded % len(cleaned.tets))
        raise HeadError(
            f"{len(tets)} tetrahedra overlap (more than two share one face), the first at {_at_mm(cleaned, tets[:1])}: "
            "the mesh is not usable, make it again"
        )
    return cleaned, faces, len(suspects) - len(kept)


def _oriented(mesh: Mesh, is_inverted: NDArray[np.bool_]) -> tuple[Mesh, int]:
    """Every tetrahedron positively oriented, and how many were not."""
    if not is_inverted.any():
        return mesh, 0
    tets = mesh.tets.copy()
    tets[is_inverted] = tets[is_inverted][:, [0, 1, 3, 2]]
    return Mesh(mesh.nodes_m, tets, mesh.tissue), int(is_inverted.sum())


def pieces_of(tets: NDArray[np.int32], n_nodes: int) -> NDArray[np.int32]:
    """(m,) number of the part that each tetrahedron belongs to; parts hang together by nodes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = tets[:, [0, 1, 2]].ravel(), tets[:, [1, 2, 3]].ravel()
    links = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(n_nodes, n_nodes))
    _, piece = connected_components(links, directed=False)
    _, own = np.unique(piece[tets[:, 0]], return_inverse=True)
    return own.reshape(-1).astype(np.int32)


def _one_piece(mesh: Mesh, volumes_m3: NDArray[np.float64]) -> tuple[Mesh, NDArray[np.float64], dict[str, Any]]:
    """The largest part; small others are left out, larger ones refused."""
    piece = pieces_of(mesh.tets, len(mesh.nodes_m))
    sizes_m3 = np.bincount(piece, weights=volumes_m3)
    largest = int(sizes_m3.argmax())
    others = np.flatnonzero(np.arange(len(sizes_m3)) != largest)
    big = others[sizes_m3[others] > LARGEST_DETACHED * sizes_m3.sum()]
    if len(big):
        raise HeadError(f"the head is in {1 + len(big)} pieces that share no node: {describe(mesh, piece, sizes_m3)}")
    keep = piece == largest
    left_out = {"detached_parts": len(others), "detached_m3": float(sizes_m3[others].sum())}
    return mesh.where(keep), volumes_m3[keep], left_out


def describe(mesh: Mesh, piece: NDArray[np.int32], sizes_m3: NDArray[Any], *, most: int = 5) -> str:
    """The largest pieces in words: volume and middle of each."""
    order = np.argsort(-sizes_m3, kind="stable")[:most]
    words = [
        f"{text(float(sizes_m3[number]), 'm3', 4)} around {_at_mm(mesh, np.flatnonzero(piece == number))}"
        for number in order
    ]
    more = f" and {len(sizes_m3) - most} more" if len(sizes_m3) > most else ""
    return "; ".join(words) + more


def _at_mm(mesh: Mesh, tets: NDArray[np.int64]) -> str:
    x, y, z = (round(MM_PER_M * float(value)) for value in mesh.nodes_m[mesh.tets[tets]].mean(axis=(0, 1)))
    return f"({x}, {y}, {z}) mm"


def _without_unused(mesh: Mesh) -> tuple[Mesh, int]:
    is_used = np.zeros(len(mesh.nodes_m), dtype=bool)
    is_used[mesh.tets] = True
    if is_used.all():
        return mesh, 0
    number = (np.cumsum(is_used) - 1).astype(np.int32)
    return Mesh(mesh.nodes_m[is_used], number[mesh.tets], mesh.tissue), int((~is_used).sum())
