"""Which tetrahedron a point lies in, for scattered points and for the voxels of an image."""

# ruff: noqa: PLR0913, PLR0917 - compiled kernels take their arrays by position

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.compiled import jit

Array = NDArray[np.float64]

# A point on a face belongs to one of its two tetrahedra whatever rounding says; this is a fraction of a barycentric
# coordinate, far below anything that matters to an interpolated value.
_SLACK = 1e-9


@attrs.frozen(eq=False)
class Locator:
    """Finds the tetrahedron of points; made once for a mesh.

    Attributes
    ----------
    nodes_m : (n, 3) array
    tets : (m, 4) int array
    low_m, side_m, shape :
        Grid of buckets: its first corner, the side of a bucket, their number along each axis.
    start, member : int arrays
        Tetrahedra whose box touches each bucket, as compressed rows.
    """

    nodes_m: Array
    tets: NDArray[np.int32]
    low_m: Array
    side_m: float
    shape: NDArray[np.int64]
    start: NDArray[np.int64]
    member: NDArray[np.int32]

    @classmethod
    def of(cls, nodes_m: Array, tets: NDArray[np.int32]) -> Locator:
        """Sort the tetrahedra of a mesh into buckets."""
        nodes = np.ascontiguousarray(nodes_m, dtype=np.float64)
        cells = np.ascontiguousarray(tets, dtype=np.int32)
        low, high = nodes.min(axis=0), nodes.max(axis=0)
        # About two tetrahedra to a bucket: small enough to test few, large enough that most lie in few.
        side = float((np.prod(high - low) / max(len(cells) / 2, 1)) ** (1 / 3))
        shape = np.maximum(np.ceil((high - low) / side), 1).astype(np.int64)
        return cls(nodes, cells, low, side, shape, *_buckets(nodes, cells, low, side, shape))

    def __call__(self, points_m: ArrayLike) -> tuple[NDArray[np.int64], Array]:
        """Find the tetrahedron of each point.

        Parameters
        ----------
        points_m : (p, 3) array

        Returns
        -------
        tet : (p,) int array
            Number of the tetrahedron; -1 outside the mesh. On a shared face the one the point is deeper in, then the
            first.
        barycentric : (p, 4) array
            Weights of its corners, which sum to 1; NaN outside.
        """
        points = np.ascontiguousarray(np.atleast_2d(np.asarray(points_m, dtype=np.float64)))
        tet = np.full(len(points), -1, dtype=np.int64)
        barycentric = np.full((len(points), 4), np.nan)
        grid, buckets = (self.low_m, self.side_m, self.shape), (self.start, self.member)
        _search(points, self.nodes_m, self.tets, grid, buckets, tet, barycentric)
        return tet, barycentric


def rasterize(
    nodes_m: Array, tets: NDArray[np.int32], *, shape: tuple[int, int, int], affine_m: ArrayLike
) -> NDArray[np.int32]:
    """Find the tetrahedron at the centre of each voxel of an image.

    Parameters
    ----------
    nodes_m : (n, 3) array
    tets : (m, 4) int array
    shape : tuple of 3 ints
    affine_m : (4, 4) array
        From voxel indices to mesh coordinates, m.

    Returns
    -------
    `shape` int32 array
        Number of the tetrahedron; -1 outside. A voxel centre on a shared face goes to the first.
    """
    voxel_from_mesh = np.linalg.inv(np.asarray(affine_m, dtype=np.float64))
    nodes = np.ascontiguousarray(nodes_m @ voxel_from_mesh[:3, :3].T + voxel_from_mesh[:3, 3])
    image = np.full(shape, -1, dtype=np.int32)
    _scan(nodes, np.ascontiguousarray(tets, dtype=np.int32), image)
    return image


@jit
def _inverse(nodes, tet, matrix):  # type: ignore[no-untyped-def]
    """Write the matrix from (point - first corner) to barycentric coordinates 1, 2, 3."""
    a, b, c, d = nodes[tet[0]], nodes[tet[1]], nodes[tet[2]], nodes[tet[3]]
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    matrix[0, 0], matrix[0, 1], matrix[0, 2] = vy * wz - vz * wy, vz * wx - vx * wz, vx * wy - vy * wx
    matrix[1, 0], matrix[1, 1], matrix[1, 2] = wy * uz - wz * uy, wz * ux - wx * uz, wx * uy - wy * ux
    matrix[2, 0], matrix[2, 1], matrix[2, 2] = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    six = ux * matrix[0, 0] + uy * matrix[0, 1] + uz * matrix[0, 2]
    for i in range(3):
        for k in range(3):
            matrix[i, k] /= six


@jit
def _weights(matrix, x, y, z):  # type: ignore[no-untyped-def]
    """Barycentric coordinates of an offset from the first corner."""
    b1 = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z
    b2 = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z
    b3 = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z
    return 1.0 - b1 - b2 - b3, b1, b2, b3


@jit
def _span(nodes, tet, low, side, shape, first, last):  # type: ignore[no-untyped-def]
    """Range of buckets a tetrahedron's box touches."""
    for k in range(3):
        least, most = nodes[tet[0], k], nodes[tet[0], k]
        for corner in range(1, 4):
            least, most = min(least, nodes[tet[corner], k]), max(most, nodes[tet[corner], k])
        first[k] = min(max(int((least - low[k]) / side), 0), shape[k] - 1)
        last[k] = min(max(int((most - low[k]) / side), 0), shape[k] - 1)


@jit
def _buckets(nodes, tets, low, side, shape):  # type: ignore[no-untyped-def]
    """Tetrahedra of each bucket, as compressed rows: the first pass counts, the second fills."""
    first, last = np.zeros(3, np.int64), np.zeros(3, np.int64)
    start = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    free = np.zeros(0, np.int64)
    member = np.empty(0, np.int32)
    for is_second in range(2):
        if is_second:
            start = np.cumsum(start)
            free = start.copy()
            member = np.empty(start[-1], np.int32)
        for t in range(tets.shape[0]):
            _span(nodes, tets[t], low, side, shape, first, last)
            for i in range(first[0], last[0] + 1):
                for j in range(first[1], last[1] + 1):
                    for k in range(first[2], last[2] + 1):
                        bucket = (i * shape[1] + j) * shape[2] + k
                        if is_second:
                            member[free[bucket]] = t
                            free[bucket] += 1
                        else:
                            start[bucket + 1] += 1
    return start, member


@jit
def _search(points, nodes, tets, grid, buckets, found, barycentric):  # type: ignore[no-untyped-def]
    low, side, shape = grid
    start, member = buckets
    matrix = np.empty((3, 3))
    for p in range(points.shape[0]):
        bucket = 0
        is_outside = False
        for k in range(3):
            at = int(np.floor((points[p, k] - low[k]) / side))
            if at == shape[k] or at == -1:  # on the far face, or a rounding below the near one
                at = min(max(at, 0), shape[k] - 1)
            if at < 0 or at > shape[k]:
                is_outside = True
                break
            bucket = bucket * shape[k] + at
        if is_outside:
            continue
        best = -_SLACK
        for at in range(start[bucket], start[bucket + 1]):
            t = member[at]
            _inverse(nodes, tets[t], matrix)
            a = nodes[tets[t, 0]]
            b0, b1, b2, b3 = _weights(matrix, points[p, 0] - a[0], points[p, 1] - a[1], points[p, 2] - a[2])
            least = min(b0, b1, b2, b3)
            if least > best:
                best = least
                found[p] = t
                barycentric[p, 0], barycentric[p, 1], barycentric[p, 2], barycentric[p, 3] = b0, b1, b2, b3


@jit
def _scan(nodes, tets, image):  # type: ignore[no-untyped-def]
    """Mark the voxel centres (integer coordinates) inside each tetrahedron."""
    matrix = np.empty((3, 3))
    first, last = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for t in range(tets.shape[0]):
        for k in range(3):
            least, most = nodes[tets[t, 0], k], nodes[tets[t, 0], k]
            for corner in range(1, 4):
                least, most = min(least, nodes[tets[t, corner], k]), max(most, nodes[tets[t, corner], k])
            first[k], last[k] = max(int(np.ceil(least)), 0), min(int(np.floor(most)), image.shape[k] - 1)
        if first[0] > last[0] or first[1] > last[1] or first[2] > last[2]:
            continue
        _inverse(nodes, tets[t], matrix)
        a = nodes[tets[t, 0]]
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                for k in range(first[2], last[2] + 1):
                    b0, b1, b2, b3 = _weights(matrix, i - a[0], j - a[1], k - a[2])
                    if min(b0, b1, b2, b3) >= -_SLACK and image[i, j, k] < 0:
                        image[i, j, k] = t
