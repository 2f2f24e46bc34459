"""Level sets from label volumes: smooth, sub-voxel boundaries of regions of voxels."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.compiled import jit

# The distance is only needed near the surface; beyond this many voxels (of mean size) it is constant.
CLIP_VOXELS = 6
# Rounds the staircase of the voxels off.
SMOOTHING_VOXELS = 0.8
# Axes further from perpendicular than this (the cosine of their angle) are sheared: distances would be wrong.
MOST_SHEAR = 0.02


@attrs.frozen(eq=False)
class GridLevel:
    """A level set sampled on a regular grid, interpolated trilinearly.

    Attributes
    ----------
    values_m : (i, j, k) float32 array
        Signed distance, m, negative inside.
    voxel_from_head : (4, 4) array
        Affine from head coordinates, m, to indices of `values_m`.
    """

    values_m: NDArray[np.float32]
    voxel_from_head: NDArray[np.float64]

    def __call__(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) signed distance at (n, 3) points; points off the grid take its nearest value."""
        return sample(self.values_m, self.voxel_from_head, np.ascontiguousarray(points_m, dtype=np.float64))


@attrs.frozen(eq=False)
class Region:
    """Some of the voxels of a volume.

    Attributes
    ----------
    voxels : (i, j, k) bool array
    head_from_voxel : (4, 4) array
        Affine from voxel indices to head coordinates, m; rotated or not, but not sheared.
    goes_on : bool
        Whether a region that reaches the edge of the volume goes on beyond it, as the brain stem does below the
        last slice, or ends there, as the head does.
    """

    voxels: NDArray[np.bool_]
    head_from_voxel: NDArray[np.float64]
    goes_on: bool


def level_of_region(region: Region) -> GridLevel:
    """Signed distance to the boundary of a region, clipped and smoothed.

    The distance is that to the faces of the voxels, whatever their sizes. Distance, clipping, smoothing and
    interpolation all keep order: where one region contains another, its level set is nowhere above the other's, so
    nested regions have nested level sets.

    Parameters
    ----------
    region : Region

    Returns
    -------
    GridLevel

    Raises
    ------
    ValueError
        The axes are sheared, or the region is empty.
    """
    from scipy.ndimage import gaussian_filter

    sizes_m = voxel_sizes_m(region.head_from_voxel)
    clip_m = CLIP_VOXELS * float(np.prod(sizes_m) ** (1 / 3))
    reach = np.ceil(clip_m / sizes_m).astype(int)
    padded = np.pad(region.voxels, [(n, n) for n in reach], mode="edge" if region.goes_on else "constant")
    low, high = _box(padded)
    low, high = np.maximum(low - reach, 0), np.minimum(high + reach, padded.shape)
    box = padded[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    values = distance_m(box, sizes_m, clip_m)
    values -= distance_m(~box, sizes_m, clip_m)
    values = gaussian_filter(values, SMOOTHING_VOXELS, mode="nearest")
    voxel_from_head = np.linalg.inv(region.head_from_voxel)
    voxel_from_head[:3, 3] += reach - low
    return GridLevel(values, voxel_from_head)


def voxel_sizes_m(head_from_voxel: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) sizes of a voxel, m.

    Raises
    ------
    ValueError
        The axes are sheared.
    """
    axes = np.asarray(head_from_voxel, dtype=np.float64)[:3, :3]
    sizes_m = np.sqrt((axes**2).sum(axis=0))
    cosines = np.abs((axes / sizes_m).T @ (axes / sizes_m) - np.eye(3))
    if not cosines.max() <= MOST_SHEAR:
        raise ValueError(
            f"the axes of the volume are sheared (cosine of an angle {cosines.max():.2g}); resample it first"
        )
    return sizes_m


def bounds_of_region(region: NDArray[np.bool_], head_from_voxel: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3) lowest and highest corner, m, of the box around a region, with a voxel to spare."""
    low, high = _box(region)
    spans = zip(low - 1, high, strict=True)
    corners = np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1).reshape(-1, 3)
    in_head = corners @ head_from_voxel[:3, :3].T + head_from_voxel[:3, 3]
    return np.stack([in_head.min(axis=0), in_head.max(axis=0)])


def _box(region: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First index of a region, and the one after its last, along each axis."""
    along = [np.flatnonzero(region.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    if not along[0].size:
        raise ValueError("the region is empty")
    return np.array([used[0] for used in along]), np.array([used[-1] + 1 for used in along])


def distance_m(region: NDArray[np.bool_], sizes_m: NDArray[np.float64], clip_m: float) -> NDArray[np.float32]:
    """Distance of every voxel's centre to the nearest voxel of a region, m, exact up to `clip_m` and cut there.

    To its faces, not to its centre. The squared distance to a box is a sum over the axes, so it is separable
    (Felzenszwalb & Huttenlocher 2012, doi:10.4086/toc.2012.v008a019); this near to the region a minimum over a few
    shifts is faster than a general transform.

    Parameters
    ----------
    region : (i, j, k) bool array
    sizes_m : (3,) array
        Sizes of a voxel, m.
    clip_m : float
    """
    squared = np.where(region, np.float32(0), np.float32(clip_m**2))
    for axis in range(3):
        steps = np.maximum(np.arange(int(np.ceil(clip_m / sizes_m[axis])) + 1) - 0.5, 0) * sizes_m[axis]
        squared = _lowest_shifted(np.ascontiguousarray(np.moveaxis(squared, axis, 0)), (steps**2).astype(np.float32))
        squared = np.moveaxis(squared, 0, axis)
    return np.sqrt(np.ascontiguousarray(squared))


@jit
def _lowest_shifted(squared, steps):
    """Minimum of the shifted lines along the first axis, each with the square of its shift added."""
    n, rows, columns = squared.shape
    lowest = squared.copy()
    for i in range(n):
        for step in range(1, len(steps)):
            add = steps[step]
            for j in (i - step, i + step):
                if 0 <= j < n:
                    for row in range(rows):
                        for column in range(columns):
                            value = squared[j, row, column] + add
                            lowest[i, row, column] = min(lowest[i, row, column], value)
    return lowest


@jit
def sample_one(values, affine, x, y, z):
    """Trilinear interpolation; off the grid the nearest value. Plain sums: the same bits on every machine."""
    a = affine[0, 0] * x + affine[0, 1] * y + affine[0, 2] * z + affine[0, 3]
    b = affine[1, 0] * x + affine[1, 1] * y + affine[1, 2] * z + affine[1, 3]
    c = affine[2, 0] * x + affine[2, 1] * y + affine[2, 2] * z + affine[2, 3]
    ni, nj, nk = values.shape
    a, b, c = min(max(a, 0.0), ni - 1.0), min(max(b, 0.0), nj - 1.0), min(max(c, 0.0), nk - 1.0)
    i, j, k = min(int(a), ni - 2), min(int(b), nj - 2), min(int(c), nk - 2)
    a, b, c = a - i, b - j, c - k
    near = (values[i, j, k] * (1 - c) + values[i, j, k + 1] * c) * (1 - b)
    near += (values[i, j + 1, k] * (1 - c) + values[i, j + 1, k + 1] * c) * b
    far = (values[i + 1, j, k] * (1 - c) + values[i + 1, j, k + 1] * c) * (1 - b)
    far += (values[i + 1, j + 1, k] * (1 - c) + values[i + 1, j + 1, k + 1] * c) * b
    return near * (1 - a) + far * a


@jit
def sample(values, affine, points):
    """(n,) trilinear interpolation at (n, 3) points; at least two values along each axis."""
    found = np.empty(len(points))
    for number in range(len(points)):
        found[number] = sample_one(values, affine, points[number, 0], points[number, 1], points[number, 2])
    return found
