"""Which tetrahedron lies at each point of a regular grid: the step between a mesh and a volume or a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.model import HeadModel
from stimplan.head.space import has_mni, rotations_to_mni, to_mni_m

if TYPE_CHECKING:
    from stimplan.exposure import Exposure
    from stimplan.field import Field

# Voxels whose maps are made in one go: a few hundred megabytes with eight carriers.
_AT_ONCE = 500_000
# The 181 x 217 x 181 grid of 1 mm that MNI templates are commonly resampled to: corners in mm.
_MNI_BOX_MM = ((-90, -126, -72), (90, 90, 108))


@attrs.frozen
class VoxelGrid:
    """A regular grid of points.

    Attributes
    ----------
    shape : tuple of 3 int
    origin_m : tuple of 3 float
        Centre of voxel (0, 0, 0), m, in MNI space where the head has one and in head coordinates elsewhere.
    spacing_m : tuple of 3 float
    is_mni : bool
    """

    shape: tuple[int, int, int]
    origin_m: tuple[float, float, float]
    spacing_m: tuple[float, float, float]
    is_mni: bool

    @property
    def affine_mm(self) -> NDArray[np.float64]:
        """(4, 4) affine from voxel numbers to mm, as NIfTI stores it."""
        affine = np.diag([*(1e3 * np.array(self.spacing_m)), 1.0])
        affine[:3, 3] = 1e3 * np.array(self.origin_m)
        return affine


def space_nodes_m(head: HeadModel) -> NDArray[np.float64]:
    """(n, 3) nodes in MNI space where the head has one, in head coordinates elsewhere, m."""
    return to_mni_m(head, head.nodes_m) if has_mni(head) else head.nodes_m


def grid_around(head: HeadModel, spacing_m: float = 1e-3) -> VoxelGrid:
    """Grid that holds every voxel centre inside the head, on whole multiples of the spacing.

    In MNI space it is the common 181 x 217 x 181 template box, so that volumes of different heads and programs lie
    on the same voxels; it ends at the tip of the nose.
    """
    if has_mni(head):
        low, high = np.rint(np.array(_MNI_BOX_MM) * 1e-3 / spacing_m).astype(int)
    else:
        nodes_m = space_nodes_m(head)
        low = np.ceil(nodes_m.min(axis=0) / spacing_m - 1e-6).astype(int)
        high = np.floor(nodes_m.max(axis=0) / spacing_m + 1e-6).astype(int)
    shape = tuple(int(side) for side in high - low + 1)
    origin = tuple(float(corner) for corner in low * spacing_m)
    return VoxelGrid(shape, origin, (spacing_m,) * 3, has_mni(head))  # type: ignore[arg-type]


def tetrahedron_at(head: HeadModel, grid: VoxelGrid) -> NDArray[np.int32]:
    """Number of the tetrahedron at each voxel centre, -1 outside the head.

    Returns
    -------
    array of grid.shape, int32
        Where a centre lies on a face that two tetrahedra share, the lower number.
    """
    from stimplan.fem.locate import rasterize  # numba takes half a second to import

    affine_m = np.diag([*grid.spacing_m, 1.0])
    affine_m[:3, 3] = grid.origin_m
    return rasterize(space_nodes_m(head), head.tets, shape=grid.shape, affine_m=affine_m)


def field_on(grid: VoxelGrid, field: Field, found: NDArray[np.int32]) -> NDArray[np.float32]:
    """Field at each voxel centre, as `Field.at` gives it: recovered at the nodes, linear within each tetrahedron.

    Parameters
    ----------
    grid : VoxelGrid
    field : Field
    found : array of grid.shape
        From `tetrahedron_at`.

    Returns
    -------
    (x, y, z, 3) float32 array
        V/m along the axes of the grid's space; 0 outside the head.
    """
    from stimplan.exchange._interpolate import interpolate

    head = field.head
    nodal = np.stack([np.nan_to_num(field.recovered_V_per_m(tissue.name)) for tissue in head.tissues])
    if has_mni(head):
        nodal = np.einsum("...ij,t...j->t...i", rotations_to_mni(head, head.nodes_m), nodal)
    rows = np.zeros(256, np.int64)
    rows[[tissue.label for tissue in head.tissues]] = range(len(head.tissues))
    values = np.zeros((*grid.shape, 3), np.float32)
    voxel_nodes = (space_nodes_m(head) - np.array(grid.origin_m)) / np.array(grid.spacing_m)
    interpolate(voxel_nodes, head.tets, rows[head.tissue], nodal, found, values)
    return values


def maps_on(grid: VoxelGrid, exposure: Exposure, found: NDArray[np.int32]) -> dict[str, NDArray[np.float32]]:
    """Every map at each voxel centre, made of the fields there: (x, y, z) arrays by the map's id; 0 outside the head.

    The vectors of the main map, where it has any, are `"vectors"`, (x, y, z, 3) along the axes of the grid's space.

    Parameters
    ----------
    grid : VoxelGrid
    exposure : Exposure
    found : array of grid.shape
        From `tetrahedron_at`.
    """
    inside = np.flatnonzero(found >= 0)
    parts = {name: field_on(grid, field, found).reshape(-1, 3)[inside] for name, field in exposure.fields.items()}
    values = {one.id: np.zeros(found.size, np.float32) for one in exposure.maps}
    if exposure.main.vectors_V_per_m is not None:
        values["vectors"] = np.zeros((found.size, 3), np.float32)
    for first in range(0, len(inside), _AT_ONCE):
        here = slice(first, first + _AT_ONCE)
        maps = exposure.maps_from({name: vectors[here].astype(np.float64) for name, vectors in parts.items()})
        for one in maps:
            values[one.id][inside[here]] = one.values_V_per_m
        if maps[0].vectors_V_per_m is not None:
            values["vectors"][inside[here]] = maps[0].vectors_V_per_m
    return {name: array.reshape(*grid.shape, *array.shape[1:]) for name, array in values.items()}


def volume_names(exposure: Exposure) -> tuple[str, ...]:
    """What each volume of `stacked_volumes` is, in words."""
    main, *others = exposure.maps
    axes = () if main.vectors_V_per_m is None else tuple(f"{main.title}, its component along {one}" for one in "xyz")
    return (main.title, *axes, *(one.title for one in others))


def stacked_volumes(exposure: Exposure, values: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """The maps of `maps_on` as volumes of one file, in the order of `volume_names`."""
    main, *others = exposure.maps
    vectors = [values["vectors"]] if "vectors" in values else []
    return np.concatenate([values[main.id][..., None], *vectors, *(values[one.id][..., None] for one in others)], -1)


def plane_grid(head: HeadModel, *, axis: int, position_m: float, spacing_m: float = 0.5e-3) -> VoxelGrid:
    """Grid one voxel thick across the head, normal to an axis: 0 sagittal, 1 coronal, 2 axial."""
    whole = grid_around(head, spacing_m)
    shape, origin = list(whole.shape), list(whole.origin_m)
    shape[axis], origin[axis] = 1, float(position_m)
    return VoxelGrid(tuple(shape), tuple(origin), whole.spacing_m, whole.is_mni)  # type: ignore[arg-type]
