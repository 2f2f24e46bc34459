"""Insert one surface into a tetrahedral mesh: snap nodes onto it, then cut the edges that still cross it.

Isosurface stuffing (Labelle & Shewchuk 2007, doi:10.1145/1276377.1276448) applied to one level set after the
other, as multi-material methods do (Bronson, Levine & Whitaker 2012, doi:10.1109/TVCG.2013.115).
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.compiled import jit

LevelSet = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(n, 3) positions, m -> (n,) signed distance to a surface, m; negative inside."""

# A node moves onto the surface if its nearest crossing lies within this fraction of the edge.
SNAP_FRACTION = 0.3
# A move is undone where it would leave a tetrahedron below this quality (and below what it was).
SNAP_QUALITY = 0.25
# A node already on another surface counts as on this one too when nearer than this fraction of the lattice edge:
# what is between them there (0.5 mm at 4 mm) could only be filled with splinters. Measured on Colin27 with eyes and
# air cavities: 0.05 leaves 36 tetrahedra of quality below 0.05, the worst 0.003; 0.12 leaves none, the worst 0.08.
TOUCH_FRACTION = 0.12

_EDGES = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])


@attrs.frozen(eq=False)
class Stuffed:
    """A mesh while surfaces are being inserted.

    Attributes
    ----------
    nodes_m : (n, 3) array
    tets : (m, 4) int array
    inside : (m,) int array
        Bit k is set where the tetrahedron is inside level set k.
    is_fixed : (n,) bool array
        Nodes that lie on a surface already and must not move any more.
    spacing_m : (n,) array
        Spacing of the lattice at each node.
    """

    nodes_m: NDArray[np.float64]
    tets: NDArray[np.int64]
    inside: NDArray[np.int64]
    is_fixed: NDArray[np.bool_]
    spacing_m: NDArray[np.float64]


def quality(nodes_m: NDArray[np.float64], tets: NDArray[np.integer]) -> NDArray[np.float64]:
    """Shape of tetrahedra: 12 (3 V)^(2/3) / sum of squared edges; 1 regular, 0 flat, negative inverted.

    Mean-ratio measure (Liu & Joe 1994, doi:10.1007/BF01955874).
    """
    a, b, c, d = (nodes_m[tets[:, corner]] for corner in range(4))
    ab, ac, ad = b - a, c - a, d - a
    triple_volume = _triple(ab, ac, ad) / 2
    squares = sum(np.einsum("ij,ij->i", e, e) for e in (ab, ac, ad, ac - ab, ad - ab, ad - ac))
    return 12 * np.sign(triple_volume) * np.abs(triple_volume) ** (2 / 3) / np.maximum(squares, 1e-300)


def tet_volumes_m3(nodes_m: NDArray[np.float64], tets: NDArray[np.integer]) -> NDArray[np.float64]:
    """(m,) volume of tetrahedra, negative where inverted."""
    a, b, c, d = (nodes_m[tets[:, corner]] for corner in range(4))
    return _triple(b - a, c - a, d - a) / 6


def _triple(u: NDArray[np.float64], v: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Triple product (u x v) . w row by row; six times the volume of the tetrahedron they span."""
    x = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
    y = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
    z = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    return x * w[:, 0] + y * w[:, 1] + z * w[:, 2]


def insert_level(mesh: Stuffed, level: LevelSet, bit: int) -> Stuffed:
    """Make the zero surface of a level set a union of faces of the mesh.

    Parameters
    ----------
    mesh : Stuffed
    level : callable
    bit : int
        Which bit of `inside` the level set sets.

    Returns
    -------
    Stuffed
        Conforming, positively oriented; no edge crosses the surface any more.
    """
    value = level(mesh.nodes_m)
    value[mesh.is_fixed & (np.abs(value) < TOUCH_FRACTION * mesh.spacing_m)] = 0.0
    ends = _crossing_edges(mesh.tets, value)
    points = _crossing_points(level, mesh.nodes_m, value, ends)
    nodes_m, is_moved = _snap(mesh, value, ends, points)
    value[is_moved] = 0.0
    still = value[ends[:, 0]] * value[ends[:, 1]] < 0
    stuffed = attrs.evolve(
        mesh,
        nodes_m=np.concatenate([nodes_m, points[still]]),
        inside=mesh.inside | (_is_inside_though_flat(level, nodes_m, mesh.tets, value).astype(np.int64) << bit),
        is_fixed=np.concatenate([mesh.is_fixed | is_moved | (value == 0), np.ones(int(still.sum()), dtype=bool)]),
        spacing_m=np.concatenate([mesh.spacing_m, mesh.spacing_m[ends[still]].min(axis=1)]),
    )
    return _cut(stuffed, value, ends[still], bit)


_CUT = 3


@jit
def _sides(tets, value):
    """(m,) 1 where a node of the tetrahedron is inside, plus 2 where one is outside."""
    sides = np.zeros(len(tets), np.int8)
    for t in range(len(tets)):
        for corner in range(4):
            at = value[tets[t, corner]]
            if at < 0:
                sides[t] |= 1
            elif at > 0:
                sides[t] |= 2
    return sides


def any_inside(tets: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(m,) tetrahedra with a node where the value is negative."""
    is_inside: NDArray[np.bool_] = _sides(tets, value) & 1 > 0
    return is_inside


def _is_inside_though_flat(
    level: LevelSet, nodes_m: NDArray[np.float64], tets: NDArray[np.int64], value: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(m,) tetrahedra with all four nodes on the surface whose middle is inside; their nodes cannot tell."""
    is_inside = np.zeros(len(tets), dtype=bool)
    flat = np.flatnonzero(_sides(tets, value) == 0)
    is_inside[flat] = level(nodes_m[tets[flat]].mean(axis=1)) < 0
    return is_inside


def _crossing_edges(tets: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.int64]:
    """(k, 2) edges whose ends lie on opposite sides, lower node first, in ascending order."""
    active = tets[_sides(tets, value) == _CUT]
    one, other = active[:, _EDGES[:, 0]].ravel(), active[:, _EDGES[:, 1]].ravel()
    is_cut = value[one] * value[other] < 0
    one, other = one[is_cut], other[is_cut]
    keys = np.unique(np.minimum(one, other) * len(value) + np.maximum(one, other))
    return np.stack([keys // len(value), keys % len(value)], axis=1)


def _crossing_points(
    level: LevelSet, nodes_m: NDArray[np.float64], value: NDArray[np.float64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(k, 3) where each edge meets the surface: false position with the Illinois correction, six steps."""
    start, stop = nodes_m[ends[:, 0]], nodes_m[ends[:, 1]]
    low, high = np.zeros(len(ends)), np.ones(len(ends))
    f_low, f_high = value[ends[:, 0]].copy(), value[ends[:, 1]].copy()
    for _ in range(6):
        t = low + (high - low) * (f_low / (f_low - f_high))
        f = level(start + t[:, None] * (stop - start))
        is_low = np.sign(f) == np.sign(f_low)
        f_high = np.where(is_low, f_high / 2, f)
        f_low = np.where(is_low, f, f_low / 2)
        low, high = np.where(is_low, t, low), np.where(is_low, high, t)
    # A crossing in the outermost thousandth would make a node that is the end in all but name.
    return start + np.clip(t, 1e-3, 1 - 1e-3)[:, None] * (stop - start)


def _snap(
    mesh: Stuffed, value: NDArray[np.float64], ends: NDArray[np.int64], points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Move free nodes onto their nearest crossing where that is close and no tetrahedron suffers."""
    length = np.linalg.norm(mesh.nodes_m[ends[:, 1]] - mesh.nodes_m[ends[:, 0]], axis=1)
    node = ends.T.ravel()
    way = np.linalg.norm(np.concatenate([points, points]) - mesh.nodes_m[node], axis=1)
    near = (way < SNAP_FRACTION * np.concatenate([length, length])) & ~mesh.is_fixed[node]
    edge = np.flatnonzero(near)
    edge = edge[np.lexsort((edge, way[edge], node[edge]))]
    movers, first = np.unique(node[edge], return_index=True)
    edge = edge[first]

    distance = np.zeros(len(value))
    distance[movers] = way[edge]
    nodes_m = mesh.nodes_m.copy()
    nodes_m[movers] = points[edge % len(ends)]
    touched = mesh.tets[_sides(mesh.tets, distance) > 0]
    before = quality(mesh.nodes_m, touched)
    while len(touched):
        after = quality(nodes_m, touched)
        bad = touched[(after < SNAP_QUALITY) & (after < before)]
        if not len(bad):
            break
        # The longest move of each spoiled tetrahedron goes first; the others may be harmless without it.
        undo = np.unique(bad[np.arange(len(bad)), distance[bad].argmax(axis=1)])
        nodes_m[undo] = mesh.nodes_m[undo]
        distance[undo] = 0.0
        keep = np.isin(touched, undo).any(axis=1) | (after < SNAP_QUALITY)
        touched, before = touched[keep], before[keep]
    return nodes_m, distance > 0


def _cut(mesh: Stuffed, value: NDArray[np.float64], ends: NDArray[np.int64], bit: int) -> Stuffed:
    """Split every tetrahedron that the surface crosses; the nodes on the cuts are in the mesh already."""
    sides = _sides(mesh.tets, value)
    is_cut = sides == _CUT
    whole = mesh.inside[~is_cut] | ((sides[~is_cut] & 1).astype(np.int64) << bit)
    tets, parent = mesh.tets[is_cut], mesh.inside[is_cut]
    sign = np.sign(value[tets]).astype(np.int8)

    # Canonical order: the smaller side first, then the nodes on the surface, then the larger side, and by
    # node number within each. Diagonals that start at the smallest node number are then always the same ones.
    is_flipped = (sign < 0).sum(axis=1) > (sign > 0).sum(axis=1)
    sign = np.where(is_flipped[:, None], -sign, sign)
    order = np.argsort(sign.astype(np.int64) * (len(value) + 1) + tets, axis=1)
    tets = np.take_along_axis(tets, order, axis=1)
    n_first, n_on = (sign < 0).sum(axis=1), (sign == 0).sum(axis=1)

    keys = ends[:, 0] * len(value) + ends[:, 1]
    new_tets, new_inside = [mesh.tets[~is_cut]], [whole]
    for case in ((1, 0), (1, 1), (1, 2), (2, 0)):
        chosen = (n_first == case[0]) & (n_on == case[1])
        corners = _Corners(tets[chosen], keys, len(value))
        for piece, is_first in _TEMPLATES[case](corners, mesh.nodes_m):
            new_tets.append(_oriented(mesh.nodes_m, piece))
            is_inside = is_flipped[chosen] != is_first
            new_inside.append(parent[chosen] | (is_inside.astype(np.int64) << bit))
    return attrs.evolve(mesh, tets=np.concatenate(new_tets), inside=np.concatenate(new_inside))


class _Corners:
    """The nodes of tetrahedra in canonical order, `on[i]`, and of the cuts of their edges, `cut(i, j)`."""

    def __init__(self, tets: NDArray[np.int64], keys: NDArray[np.int64], n_nodes: int) -> None:
        self.on = tets.T
        self._keys = keys
        self._n_nodes = n_nodes

    def cut(self, i: int, j: int) -> NDArray[np.int64]:
        low, high = np.minimum(self.on[i], self.on[j]), np.maximum(self.on[i], self.on[j])
        return self._n_nodes + np.searchsorted(self._keys, low * self._n_nodes + high)


Pieces = list[tuple[NDArray[np.int64], bool]]
"""Tetrahedra, and whether they are on the side that comes first in canonical order."""


def _one_and_three(at: _Corners, _: NDArray[np.float64]) -> Pieces:
    """A corner is cut off: one tetrahedron and a prism, whose diagonals start at its lowest node."""
    a, b, c, d = at.on
    p, q, r = at.cut(0, 1), at.cut(0, 2), at.cut(0, 3)
    rest = [(b, p, q, r), (b, q, r, c), (b, c, d, r)]
    return [(np.stack((a, p, q, r), axis=1), True), *((np.stack(x, axis=1), False) for x in rest)]


def _one_on_two(at: _Corners, _: NDArray[np.float64]) -> Pieces:
    """A corner is cut off through a node: one tetrahedron and a pyramid on a quadrilateral."""
    a, z, b, c = at.on
    p, q = at.cut(0, 2), at.cut(0, 3)
    rest = [(z, b, p, q), (z, b, q, c)]
    return [(np.stack((a, p, q, z), axis=1), True), *((np.stack(x, axis=1), False) for x in rest)]


def _one_on_on_one(at: _Corners, _: NDArray[np.float64]) -> Pieces:
    """Two nodes are on the surface: two tetrahedra."""
    a, y, z, b = at.on
    p = at.cut(0, 3)
    return [(np.stack((a, y, z, p), axis=1), True), (np.stack((p, y, z, b), axis=1), False)]


def _two_and_two(at: _Corners, nodes_m: NDArray[np.float64]) -> Pieces:
    """Two prisms that share a quadrilateral; its diagonal is nobody else's business: the shorter one."""
    a, b, c, d = at.on
    ac, ad, bc, bd = at.cut(0, 2), at.cut(0, 3), at.cut(1, 2), at.cut(1, 3)
    is_ac_bd = np.linalg.norm(nodes_m[ac] - nodes_m[bd], axis=1) <= np.linalg.norm(nodes_m[ad] - nodes_m[bc], axis=1)
    s, t = np.where(is_ac_bd, ac, ad), np.where(is_ac_bd, bd, bc)
    u, v = np.where(is_ac_bd, ad, ac), np.where(is_ac_bd, bc, bd)
    # s-t is the diagonal, u and v the other two corners; all of the quadrilateral seen from a, then from c.
    first = [(a, s, t, u), (a, s, t, v), (a, b, bc, bd)]
    second = [(c, s, t, u), (c, s, t, v), (c, d, ad, bd)]
    return [(np.stack(x, axis=1), True) for x in first] + [(np.stack(x, axis=1), False) for x in second]


_TEMPLATES = {(1, 0): _one_and_three, (1, 1): _one_on_two, (1, 2): _one_on_on_one, (2, 0): _two_and_two}


def _oriented(nodes_m: NDArray[np.float64], tets: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same tetrahedra with positive volume."""
    a, b, c, d = (nodes_m[tets[:, corner]] for corner in range(4))
    is_inverted = _triple(b - a, c - a, d - a) < 0
    return np.where(is_inverted[:, None], tets[:, [1, 0, 2, 3]], tets)
