"""Lattices of tetrahedra, uniform or graded: the raw material the mesher cuts to shape.

Body-centred cubic: cubes, their centres, and tetrahedra between two neighbouring centres and an edge of the square
between them. A graded lattice has cubes of several sizes, each half of the next, from an octree in which neighbours,
also those across an edge or a corner, differ by one step at most (Labelle & Shewchuk 2007, section 3,
doi:10.1145/1276377.1276448). Where a cube meets smaller ones its tetrahedra are halved or quartered; nothing else is
needed for the lattice to conform. Of the four shapes that occur the worst has quality 0.756, the usual one 0.952.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.compiled import jit
from stimplan.errors import HeadError, Problem

# Cubes are at most 2 to this power times the finest.
MAX_LEVEL = 3
# Node numbers must fit 21 bits, three of them a 64-bit key.
MOST_NODES = 2**21
# Of the finest cubes over the whole box, about 1 GB of work space.
MOST_CELLS = 1e8


@attrs.frozen(eq=False)
class Lattice:
    """Tetrahedra that fill a box.

    Attributes
    ----------
    nodes_m : (n, 3) array
    tets : (m, 4) int array
        Positively oriented.
    spacing_m : (n,) array
        Side of the smallest cube that each node belongs to.
    """

    nodes_m: NDArray[np.float64]
    tets: NDArray[np.int64]
    spacing_m: NDArray[np.float64]


@attrs.frozen(eq=False)
class Cells:
    """The finest cubes of a lattice that is to be made.

    Attributes
    ----------
    first : (3,) int array
        Index of the first cube; its lowest corner is at `first * spacing_m`.
    counts : (3,) int array
        Number of cubes along each axis, multiples of the largest cube.
    spacing_m : float
        Side of a cube.
    """

    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    spacing_m: float

    @property
    def centers_m(self) -> NDArray[np.float64]:
        """(n, 3) centres of the cubes, the last axis fastest."""
        return (np.indices(tuple(self.counts)).reshape(3, -1).T + self.first + 0.5) * self.spacing_m


def cells_over(bounds_m: ArrayLike, spacing_m: float) -> Cells:
    """Cubes that cover a box with one of the largest to spare on every side."""
    low, high = np.asarray(bounds_m, dtype=np.float64)
    largest = 2**MAX_LEVEL
    if not np.prod((high - low) / spacing_m) <= MOST_CELLS:
        raise HeadError(
            Problem("edge_mm", f"{1e3 * spacing_m:.3g} mm is too fine for a box this large; use a larger edge")
        )
    first = (np.floor(low / spacing_m / largest).astype(np.int64) - 1) * largest
    last = (np.ceil(high / spacing_m / largest).astype(np.int64) + 1) * largest
    return Cells(first, last - first, spacing_m)


def uniform_lattice(bounds_m: ArrayLike, spacing_m: float) -> Lattice:
    """Fill a box with equal tetrahedra.

    Every tetrahedron has two edges of length `spacing_m` and four of sqrt(3)/2 of it.

    Parameters
    ----------
    bounds_m : (2, 3) array
        Lowest and highest corner of the box, m; the lattice covers it with cubes to spare on every side.
    spacing_m : float
        Side of the cubes, m.
    """
    low, high = np.asarray(bounds_m, dtype=np.float64)
    first = np.floor(low / spacing_m).astype(np.int64) - 2
    counts = np.ceil(high / spacing_m).astype(np.int64) + 2 - first
    return graded_lattice(Cells(first, counts, spacing_m), np.zeros(tuple(counts), dtype=np.uint8))


def graded_lattice(cells: Cells, coarsest: NDArray[np.uint8]) -> Lattice:
    """Fill a box with tetrahedra of several sizes.

    Parameters
    ----------
    cells : Cells
    coarsest : (i, j, k) uint8 array
        For each of the finest cubes, how many doublings are allowed there.

    Returns
    -------
    Lattice
        Conforming; nowhere coarser than allowed, and finer only where its neighbours ask for it.
    """
    level = balanced(coarsest)
    refuse_too_many(int((np.bincount(level.ravel()) / 8.0 ** np.arange(level.max() + 1)).sum()))
    # Corners of cubes, and centres of cubes above the finest, are at whole positions; the other centres are not.
    whole = np.full(tuple(np.array(level.shape) + 1), -1, dtype=np.int32)
    half = np.full(tuple(np.array(level.shape) + 1), -1, dtype=np.int32)
    no_tets, no_nodes = np.zeros((0, 4), dtype=np.int64), np.zeros((0, 4), dtype=np.int32)
    n_tets, n_nodes = _fill(level, (whole, half), _TABLE, _SIDE_MIDDLES, no_tets, no_nodes)
    refuse_too_many(n_nodes)
    whole[:], half[:] = -1, -1
    tets, place = np.empty((n_tets, 4), dtype=np.int64), np.empty((n_nodes, 4), dtype=np.int32)
    _fill(level, (whole, half), _TABLE, _SIDE_MIDDLES, tets, place)
    nodes_m = (place[:, :3] / 2 + cells.first) * cells.spacing_m
    return Lattice(nodes_m, tets, cells.spacing_m * place[:, 3])


def refuse_too_many(n_nodes: int) -> None:
    """Stop before the memory does.

    Raises
    ------
    HeadError
        More nodes than three of them fit into a 64-bit key; such a mesh would need some 15 GB to solve.
    """
    if n_nodes > MOST_NODES:
        raise HeadError(
            Problem("edge_mm", f"the mesh has {n_nodes:,} nodes, more than {MOST_NODES:,}; use a larger edge")
        )


def balanced(coarsest: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Level of the octree's leaf over each of the finest cubes; leaves that touch differ by one level at most.

    A cube of level l may be a leaf, or part of a larger one, if everything in it allows that, and all cubes of
    level l - 1 that touch it may be leaves or parts of larger ones too.
    """
    level = np.zeros(coarsest.shape, dtype=np.uint8)
    allowed = np.ones(coarsest.shape, dtype=bool)  # at the level below, one entry a cube
    wanted = coarsest
    for step in range(1, MAX_LEVEL + 1):
        if any(n % 2 for n in allowed.shape):
            break
        wanted = _over_blocks(wanted, np.minimum)
        padded = np.pad(allowed, 1, constant_values=True)
        around = np.ones(wanted.shape, dtype=bool)
        for i in range(4):
            for j in range(4):
                for k in range(4):
                    near = padded[i::2, j::2, k::2]
                    around &= near[: around.shape[0], : around.shape[1], : around.shape[2]]
        allowed = around & (wanted >= step)
        fine = allowed
        for axis in range(3):
            fine = np.repeat(fine, 2**step, axis=axis)
        level[fine] = step
    return level


def _over_blocks(values: NDArray[np.uint8], operation: np.ufunc) -> NDArray[np.uint8]:
    """An operation over blocks of 2 x 2 x 2."""
    for axis in range(3):
        along = np.moveaxis(values, axis, 0)
        values = np.moveaxis(operation(along[::2], along[1::2]), 0, axis)
    return values


# Tetrahedra are tabulated by the doubled positions of their corners from the lowest corner of a cube, in its sides:
# its own centre is (1, 1, 1), its corners are 0 or 2, the centre of an equal neighbour is at 3 or -1.
_CORNERS_IN_TURN = ((0, 0), (2, 0), (2, 2), (0, 2))


def _placed(axis: int, along: int, others: tuple[int, int]) -> tuple[int, int, int]:
    """A position by its coordinate along an axis and those along the two after it."""
    position = [0, 0, 0]
    position[axis], position[(axis + 1) % 3], position[(axis + 2) % 3] = along, *others
    return position[0], position[1], position[2]


def _between_equals(axis: int) -> list[list[tuple[int, int, int]]]:
    """Around the square towards an equal cube: for each of its sides the whole tetrahedron, then its two halves."""
    found = []
    for turn in range(4):
        one, other = (_CORNERS_IN_TURN[(turn + step) % 4] for step in (0, 1))
        middle = (one[0] + other[0]) // 2, (one[1] + other[1]) // 2
        for p, q in ((one, other), (one, middle), (middle, other)):
            found.append([(1, 1, 1), _placed(axis, 3, (1, 1)), _placed(axis, 2, p), _placed(axis, 2, q)])
    return found


def _towards_larger(axis: int, is_up: int, place: tuple[int, int]) -> list[list[tuple[int, int, int]]]:
    """On both sides of the square towards a cube of twice the size; `place` is that of its middle in the square.

    The square is split along the diagonal through that middle, as the larger cube's splitting has it too.
    """
    plane, center = (2, 4) if is_up else (0, -2)
    far = 2 - place[0], 2 - place[1]
    found = []
    for third in ((far[0], place[1]), (place[0], far[1])):
        triangle = [_placed(axis, plane, at) for at in (place, third, far)]
        found += [[(1, 1, 1), *triangle], [_placed(axis, center, place), *triangle]]
    return found


def _turned(tets: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same tetrahedra with positive volume."""
    edges = tets[:, 1:] - tets[:, :1]
    is_inverted = np.linalg.det(edges) < 0
    turned = tets.copy()
    turned[is_inverted] = tets[is_inverted][:, [1, 0, 2, 3]]
    return turned


# 12 rows an axis: 3 for each side of the square; then, for axis, direction and place, 4 rows.
_EQUAL = [tet for axis in range(3) for tet in _between_equals(axis)]
_LARGER = [
    tet
    for axis in range(3)
    for is_up in range(2)
    for place in ((0, 0), (0, 2), (2, 0), (2, 2))
    for tet in _towards_larger(axis, is_up, place)
]
_TABLE = _turned(np.array(_EQUAL + _LARGER, dtype=np.int64))
# The middle of each side of the squares, 4 an axis.
_SIDE_MIDDLES = np.array(_EQUAL, dtype=np.int64)[1::3, 3]


@jit
def _is_split(level, x, y, z, own):
    """Whether a leaf smaller than `own` touches a point of the finest grid."""
    nx, ny, nz = level.shape
    for i in (x - 1, x):
        for j in (y - 1, y):
            for k in (z - 1, z):
                if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz and level[i, j, k] < own:
                    return True
    return False


@jit
def _rows_of_face(level, origin, axis, is_up, middles, rows):
    """Which rows of the table a face of a cube needs; how many they are."""
    i, j, k = origin
    own = level[i, j, k]
    side = 1 << own
    step = side if is_up else -1
    x, y, z = i + step * (axis == 0), j + step * (axis == 1), k + step * (axis == 2)
    if not (0 <= x < level.shape[0] and 0 <= y < level.shape[1] and 0 <= z < level.shape[2]):
        return 0
    beyond = level[x, y, z]
    count = 0
    if beyond == own and is_up:
        for turn in range(4):
            row = 12 * axis + 3 * turn
            mx, my, mz = middles[4 * axis + turn]
            at = i + mx * side // 2, j + my * side // 2, k + mz * side // 2
            if own > 0 and _is_split(level, at[0], at[1], at[2], own):
                rows[count], rows[count + 1] = row + 1, row + 2
                count += 2
            else:
                rows[count] = row
                count += 1
    elif beyond > own:
        # The larger square's middle is at the high end of this one where this cube is the first of two.
        one, other = origin[(axis + 1) % 3] // side % 2 == 0, origin[(axis + 2) % 3] // side % 2 == 0
        for number in range(4):
            rows[number] = 36 + 4 * (4 * (2 * axis + is_up) + 2 * one + other) + number
        count = 4
    return count


@jit
def _fill(level, grids, table, middles, tets, place):
    """Number of tetrahedra and nodes; written where there is room for them, which must be all or none."""
    whole, half = grids
    n_tets, n_nodes = 0, 0
    rows = np.empty(8, np.int64)
    for i in range(level.shape[0]):
        for j in range(level.shape[1]):
            for k in range(level.shape[2]):
                side = 1 << level[i, j, k]
                if i % side or j % side or k % side:
                    continue
                for face in range(6):
                    n_rows = _rows_of_face(level, (i, j, k), face // 2, face % 2, middles, rows)
                    for row in rows[:n_rows]:
                        # Halves and what borders on a larger cube belong to the smaller of the sizes that meet.
                        own = side // 2 if row < 36 and row % 3 else side
                        for corner in range(4):
                            x = 2 * i + side * table[row, corner, 0]
                            y = 2 * j + side * table[row, corner, 1]
                            z = 2 * k + side * table[row, corner, 2]
                            grid = half if x % 2 else whole
                            number = grid[x // 2, y // 2, z // 2]
                            if number < 0:
                                number = n_nodes
                                grid[x // 2, y // 2, z // 2] = number
                                n_nodes += 1
                                if len(place):
                                    place[number] = (x, y, z, own)
                            elif len(place) and own < place[number, 3]:
                                place[number, 3] = own
                            if len(tets):
                                tets[n_tets, corner] = number
                        n_tets += 1
    return n_tets, n_nodes
