"""Deformations between a head and MNI space: values on a grid, and the mapping of points both ways."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError, Problem
from stimplan.units import text
from stimplan.values import frozen_array

Array = NDArray[np.float64]

# A pair of fields that belongs together brings a point back to within a voxel or two.
LARGEST_MEDIAN_ROUND_TRIP_M = 0.003
_ROUND_TRIP_POINTS = 20_000
_INVERSE_STEPS = 50
_INVERSE_TOLERANCE_M = 1e-5


def _affine(matrix: ArrayLike) -> Array:
    return frozen_array(matrix, name="affine", shape=(4, 4))


def _displacement(values: ArrayLike) -> NDArray[np.float32]:
    return frozen_array(values, name="displacement_m", shape=(None, None, None, 3), dtype=np.float32)


def _known(values: ArrayLike) -> NDArray[np.bool_]:
    return frozen_array(values, name="is_known", shape=(None, None, None), dtype=np.bool_)


def apply_affine(matrix: Array, points_m: ArrayLike) -> Array:
    """Points (..., 3) moved by a (4, 4) affine."""
    points = np.asarray(points_m, dtype=np.float64)
    moved: Array = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


@attrs.frozen(eq=False)
class GridMap:
    """A mapping of points, given on a grid: an affine plus a displacement that is interpolated between the voxels.

    Between voxel centres it is trilinear. Where the grid ends or knows nothing, the displacement of the nearest
    known voxel goes on, so that the mapping stays continuous; `covers` tells such points from the others.

    Attributes
    ----------
    displacement_m : (i, j, k, 3) float32 array
        What is added to the affine's result at each voxel centre, m.
    is_known : (i, j, k) bool array
        Voxels whose displacement was given, not continued.
    grid_from_voxel : (4, 4) array
        Voxel numbers to the coordinates of the points that are mapped, m.
    affine : (4, 4) array
        The affine part, m.
    """

    displacement_m: NDArray[np.float32] = attrs.field(converter=_displacement)
    is_known: NDArray[np.bool_] = attrs.field(converter=_known)
    grid_from_voxel: Array = attrs.field(converter=_affine)
    affine: Array = attrs.field(converter=_affine)

    def __attrs_post_init__(self) -> None:
        if self.is_known.shape != self.displacement_m.shape[:3]:
            raise HeadError(f"the mask {self.is_known.shape} and the field {self.displacement_m.shape[:3]} differ")

    def __call__(self, points_m: ArrayLike) -> Array:
        """Map points, (..., 3) to (..., 3), m."""
        from scipy.ndimage import map_coordinates

        points = np.asarray(points_m, dtype=np.float64)
        voxels = self._voxels(points)
        moved = apply_affine(self.affine, points).reshape(-1, 3)
        for axis in range(3):
            moved[:, axis] += map_coordinates(self.displacement_m[..., axis], voxels, order=1, mode="nearest")
        return moved.reshape(points.shape)

    def covers(self, points_m: ArrayLike) -> NDArray[np.bool_]:
        """Whether every voxel around each point is known, (..., 3) to (...)."""
        from scipy.ndimage import map_coordinates

        points = np.asarray(points_m, dtype=np.float64)
        share = map_coordinates(self.is_known.astype(np.float32), self._voxels(points), order=1, mode="constant")
        return (share > 1 - 1e-4).reshape(points.shape[:-1])

    def voxel_centers_m(self) -> Array:
        """(n, 3) centres of the known voxels, m."""
        return apply_affine(self.grid_from_voxel, np.argwhere(self.is_known))

    def _voxels(self, points: Array) -> Array:
        inverse = np.linalg.inv(self.grid_from_voxel).astype(np.float64)
        return apply_affine(inverse, points.reshape(-1, 3)).T


@attrs.frozen(eq=False)
class Warp:
    """A deformation between a head and MNI space.

    Attributes
    ----------
    mni_from_head : GridMap
        On a grid in the head.
    head_from_mni : GridMap or None
        On a grid in MNI space; None where the source gives one direction only: then points are brought back by
        solving `mni_from_head(x) = y`.
    source : str
        Where it is from.
    """

    mni_from_head: GridMap
    head_from_mni: GridMap | None = None
    source: str = ""

    @property
    def affine(self) -> Array:
        """(4, 4) affine part of the way to MNI, m."""
        return self.mni_from_head.affine

    def to_mni_m(self, points_m: ArrayLike) -> Array:
        """Points of the head in MNI space, (..., 3), m."""
        return self.mni_from_head(points_m)

    def from_mni_m(self, points_m: ArrayLike) -> Array:
        """Points of MNI space in the head, (..., 3), m.

        Raises
        ------
        HeadError
            There is no field for this direction and the other one cannot be inverted: it folds space.
        """
        if self.head_from_mni is not None:
            return self.head_from_mni(points_m)
        return inverse_points_m(self.mni_from_head, points_m)

    def covers(self, points_m: ArrayLike) -> NDArray[np.bool_]:
        """Whether the deformation is known at points of the head, (..., 3) to (...)."""
        return self.mni_from_head.covers(points_m)

    def covers_mni(self, points_m: ArrayLike) -> NDArray[np.bool_]:
        """Whether the way back is known at points of MNI space, (..., 3) to (...)."""
        if self.head_from_mni is not None:
            return self.head_from_mni.covers(points_m)
        return self.covers(self.from_mni_m(points_m))

    def round_trip_m(self) -> dict[str, float]:
        """Distance between points of the head and where they come back to, m: median, 95th percentile, largest.

        Points are voxel centres known in both directions, at most 20 000, evenly picked.

        Raises
        ------
        HeadError
            No point can be followed there and back.
        """
        points = self.mni_from_head.voxel_centers_m()
        points = points[:: max(1, len(points) // _ROUND_TRIP_POINTS)]
        there = self.to_mni_m(points)
        kept = self.covers_mni(there)
        if not kept.any():
            raise HeadError(Problem("warp", "no point of the head comes back from MNI space: the fields do not meet"))
        away = np.linalg.norm(self.from_mni_m(there[kept]) - points[kept], axis=1)
        return {
            "points": int(kept.sum()),
            "median_m": float(np.median(away)),
            "p95_m": float(np.percentile(away, 95)),
            "max_m": float(away.max()),
        }


def checked_warp(warp: Warp) -> Warp:
    """The same warp, where its two directions are each other's inverse.

    Raises
    ------
    HeadError
        Points come back elsewhere: median above 3 mm.
    """
    errors = warp.round_trip_m()
    if not errors["median_m"] <= LARGEST_MEDIAN_ROUND_TRIP_M:
        what = (
            f"points that go to MNI space and back land {text(errors['median_m'], 'm')} away (median); at most "
            f"{text(LARGEST_MEDIAN_ROUND_TRIP_M, 'm')} is allowed. Are the two fields of the same person?"
        )
        raise HeadError(Problem("warp", what))
    return warp


def grid_map(
    targets_m: ArrayLike,
    grid_from_voxel: ArrayLike,
    *,
    is_known: ArrayLike | None = None,
    affine: ArrayLike | None = None,
) -> GridMap:
    """Mapping from the point of the other space that each voxel of a grid belongs to.

    Parameters
    ----------
    targets_m : (i, j, k, 3) array
        The other space's point at each voxel centre, m; NaN where it is not known.
    grid_from_voxel : (4, 4) array
        Voxel numbers to coordinates of the grid's own space, m.
    is_known : (i, j, k) array, optional
        Voxels to believe; those without NaN if not given.
    affine : (4, 4) array, optional
        Affine part, m; the one that fits the known voxels best (least squares) if not given.

    Raises
    ------
    HeadError
        Fewer than two voxels on a side, or too few known ones for an affine.
    """
    targets = np.asarray(targets_m, dtype=np.float32)
    known = np.isfinite(targets).all(axis=-1)
    if is_known is not None:
        known &= np.asarray(is_known, dtype=bool)
    if targets.ndim != 4 or targets.shape[-1] != 3 or min(targets.shape[:3]) < 2:
        raise HeadError(Problem("warp", f"expected three numbers at each voxel of a grid, got shape {targets.shape}"))
    if known.sum() < 8:
        raise HeadError(Problem("warp", f"only {int(known.sum())} voxels know where they belong"))
    matrix = np.asarray(grid_from_voxel, dtype=np.float64)
    centers = apply_affine(matrix, np.argwhere(known))
    own = _fitted_affine(centers, targets[known]) if affine is None else np.asarray(affine, dtype=np.float64)
    displacement = np.zeros(targets.shape, dtype=np.float32)
    displacement[known] = targets[known] - apply_affine(own, centers)
    if not known.all():
        displacement = _continued(displacement, np.asarray(known))
    return GridMap(displacement, known, matrix, own)


def inverse_points_m(mapping: GridMap, points_m: ArrayLike) -> Array:
    """Points x with `mapping(x) = y`, by repeated correction with the affine's inverse.

    Raises
    ------
    HeadError
        Some point is still more than 0.01 mm away after 50 rounds: the mapping folds there.
    """
    wanted = np.asarray(points_m, dtype=np.float64)
    back = np.linalg.inv(mapping.affine).astype(np.float64)
    found = apply_affine(back, wanted)
    for _ in range(_INVERSE_STEPS):
        miss = wanted - mapping(found)
        if not np.size(miss) or np.abs(miss).max() <= _INVERSE_TOLERANCE_M:
            return found
        found = found + miss @ back[:3, :3].T
    worst = float(np.linalg.norm(wanted - mapping(found), axis=-1).max())
    if not worst <= _INVERSE_TOLERANCE_M:
        what = f"the deformation cannot be inverted: a point is still {text(worst, 'm')} away; does it fold space?"
        raise HeadError(Problem("warp", what))
    return found


def thinned(mapping: GridMap, spacing_m: float) -> tuple[GridMap, float]:
    """The same mapping on every n-th voxel, n the most that keeps the spacing, and the largest change it makes, m."""
    spacing = np.linalg.norm(mapping.grid_from_voxel[:3, :3], axis=0)
    steps = [int(step) for step in np.maximum(1, np.floor(spacing_m / spacing + 1e-6))]
    if max(steps) == 1:
        return mapping, 0.0
    pick = tuple(slice(None, None, step) for step in steps)
    matrix = mapping.grid_from_voxel @ np.diag([*steps, 1])
    coarse = GridMap(mapping.displacement_m[pick], mapping.is_known[pick], matrix, mapping.affine)
    points = mapping.voxel_centers_m()
    points = points[coarse.covers(points)]
    points = points[:: max(1, len(points) // (10 * _ROUND_TRIP_POINTS))]
    change = np.linalg.norm(coarse(points) - mapping(points), axis=1)
    return coarse, float(change.max(initial=0.0))


def _fitted_affine(points: Array, targets: NDArray[np.float32]) -> Array:
    """Affine that brings the points nearest to their targets, in the least-squares sense."""
    step = max(1, len(points) // 200_000)
    design = np.column_stack([points[::step], np.ones(len(points[::step]))])
    matrix = np.eye(4)
    solution, _, rank, _ = np.linalg.lstsq(design, targets[::step].astype(np.float64), rcond=None)
    if rank < 4:
        raise HeadError(Problem("warp", "the known voxels lie in one plane: no affine fits them"))
    matrix[:3] = solution.T
    return matrix


def _continued(displacement: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The displacement of the nearest known voxel where nothing is known."""
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return displacement[tuple(nearest)]
