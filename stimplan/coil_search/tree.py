"""A treecode for the sums over the auxiliary currents: what is far away is summed through a few points.

A box of sources seen from afar is replaced by sources at a grid of Chebyshev points in it, whose strengths are those
of the polynomials through them: Lagrange interpolation of the kernel, whatever the kernel (Wang, Krasny & Tlupova
2020, doi:10.4208/cicp.OA-2019-0177). The points of a parent take the strengths of its children's points, for the
polynomials of one degree contain their own interpolants, so the tree is made once from its leaves upwards.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil_search.kernels import ROWS, add
from stimplan.compiled import jit

Array = NDArray[np.float64]
Single = NDArray[np.float32]

# Points of the interpolation along each side of a box, sources in a leaf, and the largest ratio of sizes to distance
# at which a box counts as far. Over currents without any order, as in the tests, the sums then are within 1e-4 of the
# exact ones.
_SIDE = 6
_LEAF = 256
_FAR = 0.5
# Points along the side of a block of the lattice that is summed at once: its arrays stay in the nearest cache.
BLOCK = 4


@attrs.frozen(eq=False)
class Tree:
    """Sources sorted into boxes, with the strengths of each box's points.

    Attributes
    ----------
    places : (n, 3) array
        Sources, in the order of the leaves, m.
    strengths : (n, s) array
    first, last : (b,) int arrays
        Sources of each box.
    child : (b, 2) int array
        Its halves; -1 for a leaf.
    middle : (b, 3) array
    radius : (b,) array
        m.
    points : (b, p, 3) array
    carried : (b, p, s) array
        Strengths of the points.
    """

    places: Single
    strengths: Single
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    child: NDArray[np.int64]
    middle: Single
    radius: Single
    points: Single
    carried: Single

    @classmethod
    def of(cls, places_m: Array, strengths: Array) -> Tree:
        """Sort (n, 3) sources with (n, s) strengths into a tree."""
        used = np.flatnonzero(np.abs(strengths).max(axis=1, initial=0.0) > 0)
        order, boxes = _split(places_m, used)
        places, values = np.ascontiguousarray(places_m[order]), np.ascontiguousarray(strengths[order])
        count = len(boxes)
        low, high = np.empty((count, 3)), np.empty((count, 3))
        carried = np.zeros((count, _SIDE**3, values.shape[1]))
        for number in range(count - 1, -1, -1):  # children come after their parents
            first, last, left, right = boxes[number]
            if left < 0:
                low[number], high[number] = places[first:last].min(axis=0), places[first:last].max(axis=0)
                parts = [(places[first:last], values[first:last])]
            else:
                low[number], high[number] = np.minimum(low[left], low[right]), np.maximum(high[left], high[right])
                parts = [(_grid(low[one], high[one]), carried[one]) for one in (left, right)]
            for points, amounts in parts:
                carried[number] += _lagrange(points, low[number], high[number]).T @ amounts
        points = np.stack([_grid(one, other) for one, other in zip(low, high, strict=True)])
        table = np.array(boxes, dtype=np.int64)
        radius = np.linalg.norm(high - low, axis=1) / 2
        singles = (np.ascontiguousarray(one, dtype=np.float32) for one in ((low + high) / 2, radius, points, carried))
        return cls(places.astype(np.float32), values.astype(np.float32), table[:, 0].copy(), table[:, 1].copy(),
                   table[:, 2:].copy(), *singles)  # fmt: skip

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """What the compiled sums take."""
        return (self.places, self.strengths, self.first, self.last, self.child, self.middle, self.radius,
                self.points, self.carried)  # fmt: skip


def _split(places_m: Array, used: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[list[int]]]:
    """Order of the sources, and the boxes (first, last, left, right), parents before their children."""
    order, boxes, waiting = used.copy(), [[0, len(used), -1, -1]], [0]
    while waiting:
        number = waiting.pop()
        first, last = boxes[number][:2]
        if last - first <= _LEAF:
            continue
        own = places_m[order[first:last]]
        axis = int(np.argmax(np.ptp(own, axis=0)))
        half = (last - first) // 2
        order[first:last] = order[first:last][np.argpartition(own[:, axis], half)]
        for side, (start, end) in enumerate(((first, first + half), (first + half, last))):
            boxes[number][2 + side] = len(boxes)
            waiting.append(len(boxes))
            boxes.append([start, end, -1, -1])
    return order, boxes


def _chebyshev() -> Array:
    """Points from -1 to 1, ends included."""
    return np.asarray(-np.cos(np.pi * np.arange(_SIDE) / (_SIDE - 1)))


def _grid(low: Array, high: Array) -> Array:
    """(p, 3) Chebyshev points of a box."""
    axes = [(a + b) / 2 + (b - a) / 2 * _chebyshev() for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _lagrange(points: Array, low: Array, high: Array) -> Array:
    """(k, p) value at points of the polynomial of each Chebyshev point of a box."""
    nodes = _chebyshev()
    size = np.where(high > low, (high - low) / 2, 1.0)
    at = (points - (low + high) / 2) / size
    per_axis = []
    for axis in range(3):
        rows = np.ones((len(points), _SIDE))
        for number in range(_SIDE):
            for other in range(_SIDE):
                if other != number:
                    rows[:, number] *= (at[:, axis] - nodes[other]) / (nodes[number] - nodes[other])
        per_axis.append(rows)
    return np.einsum("ki,kj,kl->kijl", *per_axis).reshape(len(points), -1)


@jit
def _sum_block(targets, tree, kind, out):  # type: ignore[no-untyped-def]
    """Sums at (t, 3) targets that lie close together, into (t, s) double-precision `out`."""
    places, strengths, first, last, child, middle, radius, points, carried = tree
    x, y, z = targets[:, 0].copy(), targets[:, 1].copy(), targets[:, 2].copy()
    count, width = len(x), strengths.shape[1]
    room = np.empty((width, count), np.float32), np.empty((ROWS, count), np.float32)
    room[1][ROWS - 1] = np.sqrt(x * x + y * y + z * z)
    cx, cy, cz = x.mean(), y.mean(), z.mean()
    own = np.float32(0.0)
    for i in range(count):
        own = max(own, np.sqrt((x[i] - cx) ** 2 + (y[i] - cy) ** 2 + (z[i] - cz) ** 2))
    stack = np.empty(128, np.int64)
    stack[0], depth = 0, 1
    while depth > 0:
        depth -= 1
        box = stack[depth]
        away = np.sqrt((middle[box, 0] - cx) ** 2 + (middle[box, 1] - cy) ** 2 + (middle[box, 2] - cz) ** 2)
        is_far = radius[box] < _FAR * (away - own)
        if not is_far and child[box, 0] >= 0:
            stack[depth], stack[depth + 1] = child[box, 0], child[box, 1]
            depth += 2
            continue
        if is_far and last[box] - first[box] > points.shape[1]:
            where, how = points[box], carried[box]
        else:
            where, how = places[first[box] : last[box]], strengths[first[box] : last[box]]
        add(kind, x, y, z, where, how, out, room)


@jit
def fill_blocks(blocks, low, spacing, tree, kind, table):  # type: ignore[no-untyped-def]
    """Sum at the points of some blocks of the lattice; `kind` is one of `stimplan.coil_search.kernels`."""
    targets = np.empty((BLOCK**3, 3), np.float32)
    sums = np.empty((BLOCK**3, table.shape[3]))
    for b in range(len(blocks)):
        row = 0
        for i in range(BLOCK):
            for j in range(BLOCK):
                for k in range(BLOCK):
                    targets[row, 0] = low[0] + spacing * (BLOCK * blocks[b, 0] + i)
                    targets[row, 1] = low[1] + spacing * (BLOCK * blocks[b, 1] + j)
                    targets[row, 2] = low[2] + spacing * (BLOCK * blocks[b, 2] + k)
                    row += 1
        sums[:] = 0
        _sum_block(targets, tree, kind, sums)
        for row in range(BLOCK**3):
            i, j, k = row // BLOCK**2, row // BLOCK % BLOCK, row % BLOCK
            x, y, z = BLOCK * blocks[b, 0] + i, BLOCK * blocks[b, 1] + j, BLOCK * blocks[b, 2] + k
            for c in range(table.shape[3]):
                table[x, y, z, c] = sums[row, c]
