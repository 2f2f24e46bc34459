"""Give back what smoothing and a finite lattice take: level sets that keep the volume of their region, place by place.

A smoothed level set loses thin folds, and a lattice that is wider than a fold does not see it: grey matter fills
narrow sulci, and the CSF in them is gone. Here the surface is moved a little, by an amount that varies slowly from
place to place, until the volume that the lattice will enclose equals that of the labels in every neighbourhood. So
the total of every tissue is that of its labels, and what a closed sulcus lost is added to the open ones beside it.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.compiled import jit
from stimplan.head.lattice import Lattice
from stimplan.head.levels import GridLevel, Region, sample, sample_one
from stimplan.head.stuffing import tet_volumes_m3

# The neighbourhood: the standard deviation of the weights, in cells of twice the finest cube.
SMOOTHING_CELLS = 1.5
# The surface moves by no more than this share of the finest cube: it is a correction, not another shape.
MOST_SHARE = 0.5
ROUNDS = 4
# Tetrahedra with a node this near to the surface, in their own spacing, are counted.
NEAR = 2.0


@attrs.frozen(eq=False)
class MovedLevel:
    """A level set and a slowly varying distance by which its surface is moved.

    Attributes
    ----------
    level : GridLevel
    offset_m : (i, j, k) float32 array
        Added to the level set; positive makes the region smaller.
    cell_from_head : (4, 4) array
        Affine from head coordinates, m, to indices of `offset_m`.
    """

    level: GridLevel
    offset_m: NDArray[np.float32]
    cell_from_head: NDArray[np.float64]

    def __call__(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) signed distance at (n, 3) points."""
        return self.level(points_m) + sample(self.offset_m, self.cell_from_head, points_m)


@attrs.frozen(eq=False)
class CountingCells:
    """A coarse grid over a lattice, to count volumes in, and the cell of each tetrahedron.

    Attributes
    ----------
    shape : tuple of int
    cell_from_head : (4, 4) array
        Affine from head coordinates, m, to indices.
    cell : (m,) int array
        Number of the cell that holds the middle of each tetrahedron.
    volumes_m3 : (m,) array
        Of the tetrahedra.
    """

    shape: tuple[int, ...]
    cell_from_head: NDArray[np.float64]
    cell: NDArray[np.int64]
    volumes_m3: NDArray[np.float64]

    def summed(self, values: NDArray[np.float64], tets: NDArray[np.int64]) -> NDArray[np.float64]:
        """(i, j, k) sum of a value of some tetrahedra in each cell."""
        sums = np.bincount(self.cell[tets], weights=values, minlength=int(np.prod(self.shape)))
        return sums.reshape(self.shape)


def counting_cells(lattice: Lattice) -> CountingCells:
    """The grid that `conserving` counts on."""
    cell_m = 2 * float(lattice.spacing_m.min())
    low_m = lattice.nodes_m.min(axis=0)
    shape = tuple(np.ceil((lattice.nodes_m.max(axis=0) - low_m) / cell_m).astype(int) + 1)
    cell_from_head = np.eye(4)
    cell_from_head[:3] /= cell_m
    cell_from_head[:3, 3] = -low_m / cell_m - 0.5
    corners_m = [lattice.nodes_m[lattice.tets[:, corner]] for corner in range(4)]
    volumes_m3 = tet_volumes_m3(lattice.nodes_m, lattice.tets)
    return CountingCells(shape, cell_from_head, _cell_of(sum(corners_m) / 4, cell_from_head, shape), volumes_m3)


def conserving(level: GridLevel, region: Region, lattice: Lattice, cells: CountingCells) -> MovedLevel:
    """Move the surface of a level set so that the lattice encloses the volume of the labels.

    Parameters
    ----------
    level : GridLevel
    region : Region
        What the level set was made from.
    lattice : Lattice
    cells : CountingCells
        Of that lattice.

    Returns
    -------
    MovedLevel
    """
    from scipy.ndimage import gaussian_filter

    finest_m = float(lattice.spacing_m.min())
    value = level(lattice.nodes_m)
    near = np.flatnonzero((np.abs(value) < NEAR * lattice.spacing_m)[lattice.tets].any(axis=1))
    tets, volumes_m3 = lattice.tets[near], cells.volumes_m3[near]
    voxel_from_head = np.linalg.inv(region.head_from_voxel)
    wanted = _label_share(lattice.nodes_m, tets, _MIDDLES, voxel_from_head, region.voxels, region.goes_on)
    offset_m = np.zeros(cells.shape, dtype=np.float32)
    for _ in range(ROUNDS):
        shifted = value + sample(offset_m, cells.cell_from_head, lattice.nodes_m)
        grids = level.values_m, level.voxel_from_head, offset_m, cells.cell_from_head
        found, fall_per_m = _inside_share(lattice.nodes_m, tets, shifted, 0.1 * finest_m, grids)
        surplus_m3, area_m2 = (
            gaussian_filter(cells.summed(volumes_m3 * shares, near), SMOOTHING_CELLS, mode="constant")
            for shares in (found - wanted, fall_per_m)
        )
        step_m = surplus_m3 / np.maximum(area_m2, 1e-3 * finest_m**2)
        offset_m = np.clip(offset_m + step_m, -MOST_SHARE * finest_m, MOST_SHARE * finest_m).astype(np.float32)
    return MovedLevel(level, offset_m, cells.cell_from_head)


def _middles(corners: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """Centroids of the 8**times pieces of equal volume that a tetrahedron is halved into."""
    if times == 0:
        return corners.mean(axis=0, keepdims=True)
    a, b, c, d = corners
    ab, ac, ad, bc, bd, cd = (a + b) / 2, (a + c) / 2, (a + d) / 2, (b + c) / 2, (b + d) / 2, (c + d) / 2
    pieces = [(a, ab, ac, ad), (b, ab, bc, bd), (c, ac, bc, cd), (d, ad, bd, cd)]
    pieces += [(ab, cd, *pair) for pair in ((ac, bc), (bc, bd), (bd, ad), (ad, ac))]
    return np.concatenate([_middles(np.array(piece), times - 1) for piece in pieces])


# Barycentric coordinates at which the labels inside a tetrahedron are looked up.
_MIDDLES = _middles(np.eye(4), 2)


def _cell_of(
    points_m: NDArray[np.float64], cell_from_head: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Number of the cell that holds each point."""
    index = np.rint(points_m * np.diag(cell_from_head)[:3] + cell_from_head[:3, 3]).astype(np.int64)
    i, j, k = (np.clip(index[:, axis], 0, shape[axis] - 1) for axis in range(3))
    return (i * shape[1] + j) * shape[2] + k


@jit
def _linear_share(a, b, c, d):
    """Share of a tetrahedron where a function that is linear in it, with these values at the corners, is negative."""
    if a > b:
        a, b = b, a
    if c > d:
        c, d = d, c
    if a > c:
        a, c = c, a
    if b > d:
        b, d = d, b
    if b > c:
        b, c = c, b
    if a >= 0:
        return 0.0
    if d <= 0:
        return 1.0
    if b >= 0:
        return a / (a - b) * (a / (a - c)) * (a / (a - d))
    if c <= 0:
        return 1 - d / (d - a) * (d / (d - b)) * (d / (d - c))
    return _two_and_two(a / (a - c), a / (a - d), b / (b - c), b / (b - d))


@jit
def _two_and_two(ac, ad, bc, bd):
    """Share of a tetrahedron on the side of a and b, from the shares of the cut edges on that side: three pieces."""
    return bc * bd + ac * ad * (1 - bd) + ac * (1 - bc) * bd


@jit
def _crossing(nodes_m, value, inner, outer, grids):
    """Where the surface crosses an edge, as a share of the way from its inner end: two secant steps."""
    level, level_from, offset, offset_from = grids
    low, high, f_low, f_high = 0.0, 1.0, value[inner], value[outer]
    at = f_low / (f_low - f_high)
    for _ in range(2):
        x = nodes_m[inner, 0] + at * (nodes_m[outer, 0] - nodes_m[inner, 0])
        y = nodes_m[inner, 1] + at * (nodes_m[outer, 1] - nodes_m[inner, 1])
        z = nodes_m[inner, 2] + at * (nodes_m[outer, 2] - nodes_m[inner, 2])
        f = sample_one(level, level_from, x, y, z) + sample_one(offset, offset_from, x, y, z)
        if f < 0:
            low, f_low = at, f
        else:
            high, f_high = at, f
        if f_high > f_low:
            at = low + (high - low) * (f_low / (f_low - f_high))
    return at


@jit
def _cut_share(nodes_m, value, corners, n_inside, grids):
    """Share of a tetrahedron, inner corners first, that is inside when it is cut where its edges cross the surface."""
    a, b, c, d = corners
    if n_inside == 1:
        share = _crossing(nodes_m, value, a, b, grids) * _crossing(nodes_m, value, a, c, grids)
        return share * _crossing(nodes_m, value, a, d, grids)
    if n_inside == 3:
        share = (1 - _crossing(nodes_m, value, a, d, grids)) * (1 - _crossing(nodes_m, value, b, d, grids))
        return 1 - share * (1 - _crossing(nodes_m, value, c, d, grids))
    return _two_and_two(
        _crossing(nodes_m, value, a, c, grids),
        _crossing(nodes_m, value, a, d, grids),
        _crossing(nodes_m, value, b, c, grids),
        _crossing(nodes_m, value, b, d, grids),
    )


@jit
def _inside_share(nodes_m, tets, value, small_m, grids):
    """Share of each tetrahedron that is inside when its edges are cut, and how fast it falls with the value, 1/m."""
    share, fall = np.empty(len(tets)), np.zeros(len(tets))
    corners = np.empty(4, np.int64)
    for t in range(len(tets)):
        n_inside, n_outside = 0, 0
        for corner in range(4):
            node = tets[t, corner]
            if value[node] < 0:
                corners[n_inside] = node
                n_inside += 1
            else:
                n_outside += 1
                corners[4 - n_outside] = node
        if n_inside in (0, 4):
            share[t] = n_inside / 4
            continue
        share[t] = _cut_share(nodes_m, value, corners, n_inside, grids)
        a, b, c, d = value[corners[0]], value[corners[1]], value[corners[2]], value[corners[3]]
        more = _linear_share(a - small_m, b - small_m, c - small_m, d - small_m)
        less = _linear_share(a + small_m, b + small_m, c + small_m, d + small_m)
        fall[t] = (more - less) / (2 * small_m)
    return share, fall


@jit
def _label_share(nodes_m, tets, middles, affine, region, goes_on):
    """Share of each tetrahedron that voxels of the region fill."""
    share = np.empty(len(tets))
    index, corners = np.empty(3, np.int64), np.empty((4, 3))
    for t in range(len(tets)):
        for corner in range(4):
            x, y, z = nodes_m[tets[t, corner]]
            for axis in range(3):
                corners[corner, axis] = (
                    affine[axis, 0] * x + affine[axis, 1] * y + affine[axis, 2] * z + affine[axis, 3]
                )
        count = 0
        for point in range(len(middles)):
            is_off = False
            for axis in range(3):
                at = 0.5
                for corner in range(4):
                    at += middles[point, corner] * corners[corner, axis]
                index[axis] = int(np.floor(at))
                if index[axis] < 0 or index[axis] >= region.shape[axis]:
                    is_off = True
                    index[axis] = min(max(index[axis], 0), region.shape[axis] - 1)
            if region[index[0], index[1], index[2]] and (goes_on or not is_off):
                count += 1
        share[t] = count / len(middles)
    return share
