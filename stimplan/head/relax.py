"""The few worst tetrahedra of a mesh made better by moving their nodes a little."""

from __future__ import annotations

import attrs
import numpy as np

from stimplan.compiled import jit
from stimplan.head.mesher import TetMesh
from stimplan.head.stuffing import quality

# Tetrahedra below this are worked on; a tenth of the median of a graded mesh.
POOR = 0.1
# A node goes no further than this share of the mean edge around it: half a millimetre where edges are 5 mm.
MOST_SHARE = 0.15
SWEEPS = 4
# Along the axes and the diagonals of a cube.
_WAYS = np.array(
    [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if abs(x) + abs(y) + abs(z) in (1, 3)],
    dtype=np.float64,
)
_WAYS /= np.linalg.norm(_WAYS, axis=1, keepdims=True)


def relaxed(mesh: TetMesh) -> TetMesh:
    """Move the nodes of poor tetrahedra, one after the other, to where their worst tetrahedron is best.

    Nothing but positions changes, and no tetrahedron becomes worse than the worst around its node was; nodes on a
    surface move with it by less than its distance from the labels.

    Parameters
    ----------
    mesh : TetMesh

    Returns
    -------
    TetMesh
    """
    nodes_m = mesh.nodes_m.copy()
    for _ in range(SWEEPS):
        shape = quality(nodes_m, mesh.tets)
        poor = np.unique(mesh.tets[shape < POOR])
        if not len(poor):
            break
        number = np.full(len(nodes_m), -1)
        number[poor] = np.arange(len(poor))
        around = np.flatnonzero((number[mesh.tets] >= 0).any(axis=1))
        owner = number[mesh.tets[around]].ravel()
        order = np.argsort(owner, kind="stable")
        order = order[owner[order] >= 0]
        start = np.searchsorted(owner[order], np.arange(len(poor) + 1))
        _sweep(nodes_m, mesh.nodes_m, mesh.tets, (poor, start, np.repeat(around, 4)[order]), _WAYS)
    return attrs.evolve(mesh, nodes_m=nodes_m)


@jit
def _worst(nodes_m, tets, near):
    """Quality of the worst of some tetrahedra, and the mean length of their edges."""
    worst, total = 1.0, 0.0
    for t in near:
        squares = 0.0
        for i in range(4):
            for j in range(i):
                square = 0.0
                for axis in range(3):
                    square += (nodes_m[tets[t, i], axis] - nodes_m[tets[t, j], axis]) ** 2
                squares += square
                total += np.sqrt(square)
        a, b, c, d = nodes_m[tets[t, 0]], nodes_m[tets[t, 1]], nodes_m[tets[t, 2]], nodes_m[tets[t, 3]]
        u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        v0, v1, v2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        triple = (
            (u1 * v2 - u2 * v1) * (d[0] - a[0])
            + (u2 * v0 - u0 * v2) * (d[1] - a[1])
            + (u0 * v1 - u1 * v0) * (d[2] - a[2])
        )
        shape = -1.0 if triple <= 0 else 12 * (triple / 2) ** (2 / 3) / squares
        worst = min(worst, shape)
    return worst, total / (6 * len(near))


@jit
def _sweep(nodes_m, home_m, tets, stars, ways):
    """Try for each node a step along every way, the full one, half and a quarter; the best is kept."""
    poor, start, member = stars
    old, best = np.empty(3), np.empty(3)
    for number in range(len(poor)):
        node = poor[number]
        near = member[start[number] : start[number + 1]]
        worst, edge_m = _worst(nodes_m, tets, near)
        old[:] = nodes_m[node]
        best[:] = old
        for halving in range(3):
            for way in range(len(ways)):
                away = 0.0
                for axis in range(3):
                    nodes_m[node, axis] = old[axis] + ways[way, axis] * MOST_SHARE * edge_m / 2**halving
                    away += (nodes_m[node, axis] - home_m[node, axis]) ** 2
                if away > (MOST_SHARE * edge_m) ** 2 * 1.0001:
                    continue
                shape, _ = _worst(nodes_m, tets, near)
                if shape > worst:
                    worst = shape
                    best[:] = nodes_m[node]
        nodes_m[node] = best
