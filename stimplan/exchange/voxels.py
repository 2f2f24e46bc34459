"""Which tetrahedron lies at each point of a regular grid: the step between a mesh and a volume or a slice."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.model import HeadModel

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
    if head.mni_from_head is None:
        return head.nodes_m
    return head.nodes_m @ head.mni_from_head[:3, :3].T + head.mni_from_head[:3, 3]


def grid_around(head: HeadModel, spacing_m: float = 1e-3) -> VoxelGrid:
    """Grid that holds the whole head, its voxel centres on whole multiples of the spacing.

    In MNI space it is the common 181 x 217 x 181 template box, grown where the head reaches further.
    """
    nodes_m = space_nodes_m(head)
    low = np.floor(nodes_m.min(axis=0) / spacing_m - 1e-6).astype(int)
    high = np.ceil(nodes_m.max(axis=0) / spacing_m + 1e-6).astype(int)
    if head.mni_from_head is not None:
        box = np.rint(np.array(_MNI_BOX_MM) * 1e-3 / spacing_m).astype(int)
        low, high = np.minimum(low, box[0]), np.maximum(high, box[1])
    shape = tuple(int(side) for side in high - low + 1)
    origin = tuple(float(corner) for corner in low * spacing_m)
    return VoxelGrid(shape, origin, (spacing_m,) * 3, head.mni_from_head is not None)  # type: ignore[arg-type]


def tetrahedron_at(head: HeadModel, grid: VoxelGrid) -> NDArray[np.int32]:
    """Number of the tetrahedron at each voxel centre, -1 outside the head.

    Returns
    -------
    array of grid.shape, int32
        Where a centre lies on a face that two tetrahedra share, the lower number.
    """
    voxel_nodes = (space_nodes_m(head) - np.array(grid.origin_m)) / np.array(grid.spacing_m)
    found = np.full(grid.shape, -1, np.int32)
    _rasterise()(voxel_nodes, head.tets, found)
    return found


def sample_plane(
    head: HeadModel, *, axis: int, position_m: float, spacing_m: float = 0.5e-3
) -> tuple[NDArray[np.int32], tuple[float, float, float, float]]:
    """Tetrahedron numbers on a plane across the head, -1 outside.

    Parameters
    ----------
    axis : {0, 1, 2}
        Axis the plane is normal to: 0 sagittal, 1 coronal, 2 axial.
    position_m : float
        Where the plane cuts that axis, m (MNI where the head has it).

    Returns
    -------
    (rows, columns) int32 array
        Rows run along the last of the two axes in the plane, ready for `imshow(origin="lower")`.
    tuple of 4 floats
        Left, right, bottom, top edges, m.
    """
    whole = grid_around(head, spacing_m)
    shape, origin = list(whole.shape), list(whole.origin_m)
    shape[axis], origin[axis] = 1, float(position_m)
    plane = VoxelGrid(tuple(shape), tuple(origin), whole.spacing_m, whole.is_mni)  # type: ignore[arg-type]
    across, along = (other for other in range(3) if other != axis)
    half = spacing_m / 2
    edges = (
        origin[across] - half,
        origin[across] + (shape[across] - 0.5) * spacing_m,
        origin[along] - half,
        origin[along] + (shape[along] - 0.5) * spacing_m,
    )
    return tetrahedron_at(head, plane).squeeze(axis).T, edges


_COMPILED: dict[str, Any] = {}


def _rasterise() -> Any:
    """The compiled loop over tetrahedra, made on first use: numba takes half a second to import."""
    if "loop" not in _COMPILED:
        from stimplan.exchange._rasterise import rasterise

        _COMPILED["loop"] = rasterise
    return _COMPILED["loop"]
