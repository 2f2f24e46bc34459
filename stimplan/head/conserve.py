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

from stimplan.head.lattice import Lattice
from stimplan.head.levels import GridLevel, Region, sample
from stimplan.head.mesher import TetMesh
from stimplan.head.shares import inside_share, label_share, region_shares
from stimplan.head.stuffing import any_inside, tet_volumes_m3

# The neighbourhood: the standard deviation of the weights, in cells of twice the finest cube.
SMOOTHING_CELLS = 1.5
# The surface moves by no more than this share of the finest cube: it is a correction, not another shape.
MOST_SHARE = 0.5
STEP_SHARE = 0.25  # of that, in one round
ROUNDS = 5
# Of the last step, which counts in a mesh: the whole of it overshoots where the mesh is coarser than the folds.
LAST_STEP = 0.7
# Where the finest cubes are smaller than so many voxels, labels are looked up at eight points of a tetrahedron, not 64.
FEW_BELOW_VOXELS = 4.0
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
    most_m : float
        The surface is moved by no more than this.
    area_m2 : (i, j, k) array
        Area of the surface around each cell, weighted.
    """

    level: GridLevel
    offset_m: NDArray[np.float32]
    cell_from_head: NDArray[np.float64]
    most_m: float
    area_m2: NDArray[np.float64]

    def __call__(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) signed distance at (n, 3) points."""
        return self.level(points_m) + sample(self.offset_m, self.cell_from_head, points_m)

    def stepped(self, surplus_m3: NDArray[np.float64], area_m2: NDArray[np.float64] | None = None) -> MovedLevel:
        """The surface moved inwards by what was enclosed too much, over its area, both of each cell."""
        area_m2 = self.area_m2 if area_m2 is None else _around(area_m2)
        # Where there is no surface there is nothing to move.
        step_m = _around(surplus_m3) / np.maximum(area_m2, 1e-3 * self.most_m**2)
        # Folds open all at once where they are all alike: in small steps they do not open and close in turn.
        step_m = np.clip(step_m, -STEP_SHARE * self.most_m, STEP_SHARE * self.most_m)
        offset_m = np.clip(self.offset_m + step_m, -self.most_m, self.most_m).astype(np.float32)
        return attrs.evolve(self, offset_m=offset_m, area_m2=area_m2)


def _around(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the neighbourhood of each cell, weighted."""
    from scipy.ndimage import gaussian_filter

    smooth: NDArray[np.float64] = gaussian_filter(values, SMOOTHING_CELLS, mode="constant")
    return smooth


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


def conserving(level: GridLevel, region: Region, *, lattice: Lattice, cells: CountingCells) -> MovedLevel:
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
    finest_m = float(lattice.spacing_m.min())
    value = level(lattice.nodes_m)
    near = np.flatnonzero(any_inside(lattice.tets, np.abs(value) - NEAR * lattice.spacing_m))
    tets, volumes_m3 = lattice.tets[near], cells.volumes_m3[near]
    voxel_from_head = np.linalg.inv(region.head_from_voxel)
    voxel_m = float(np.abs(np.linalg.det(region.head_from_voxel[:3, :3])) ** (1 / 3))
    middles = _FEW_MIDDLES if finest_m < FEW_BELOW_VOXELS * voxel_m else _MIDDLES
    wanted = label_share(lattice.nodes_m, tets, middles, voxel_from_head, region.voxels, region.goes_on)
    nothing = np.zeros(cells.shape)
    moved = MovedLevel(level, nothing.astype(np.float32), cells.cell_from_head, MOST_SHARE * finest_m, nothing)
    for _ in range(ROUNDS):
        shifted = value + sample(moved.offset_m, cells.cell_from_head, lattice.nodes_m)
        grids = level.values_m, level.voxel_from_head, moved.offset_m, cells.cell_from_head
        found, fall_per_m = inside_share(lattice.nodes_m, tets, shifted, 0.1 * finest_m, grids)
        surplus_m3, area_m2 = (cells.summed(volumes_m3 * shares, near) for shares in (found - wanted, fall_per_m))
        moved = moved.stepped(surplus_m3, area_m2)
    return moved


def corrected(
    levels: list[MovedLevel], regions: tuple[frozenset[int], ...], *, mesh: TetMesh, tissue: NDArray[np.uint8],
    head_from_voxel: NDArray[np.float64],
) -> list[MovedLevel]:  # fmt: skip
    """Move the surfaces once more, by what a mesh made with them encloses too much or too little.

    Snapping, and pieces too thin to be kept apart, cost thin folds a little more than the lattice tells.

    Parameters
    ----------
    levels : list of MovedLevel
        The first is the surface of the head; it stays, as there is no mesh beyond it to count in.
    regions : tuple of frozenset of int
        Tissues inside each level set.
    mesh : TetMesh
    tissue : (i, j, k) uint8 array
        The labels.
    head_from_voxel : (4, 4) array
    """
    inside = np.stack([np.isin(np.arange(256), list(region)) for region in regions])
    bits = (inside.astype(np.int64) << np.arange(len(regions))[:, None]).sum(axis=0)
    wanted = region_shares(mesh.nodes_m, mesh.tets, _FEW_MIDDLES, np.linalg.inv(head_from_voxel), tissue, bits)
    volumes_m3 = tet_volumes_m3(mesh.nodes_m, mesh.tets)
    shape, cell_from_head = levels[0].offset_m.shape, levels[0].cell_from_head
    cell = _cell_of(mesh.nodes_m[mesh.tets].mean(axis=1), cell_from_head, shape)
    cells = CountingCells(shape, cell_from_head, cell, volumes_m3)
    everything = np.arange(len(mesh.tets))
    found = list(levels)
    for number in range(1, len(levels)):
        surplus = LAST_STEP * (inside[number][mesh.tissue] - wanted[:, number])
        found[number] = levels[number].stepped(cells.summed(volumes_m3 * surplus, everything))
    return found


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
_FEW_MIDDLES = _middles(np.eye(4), 1)


def _cell_of(
    points_m: NDArray[np.float64], cell_from_head: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Number of the cell that holds each point."""
    index = np.rint(points_m * np.diag(cell_from_head)[:3] + cell_from_head[:3, 3]).astype(np.int64)
    i, j, k = (np.clip(index[:, axis], 0, shape[axis] - 1) for axis in range(3))
    return (i * shape[1] + j) * shape[2] + k
