"""From a volume of tissue labels to a tetrahedral mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.head.levels import GridLevel, bounds_of_region, level_of_region
from stimplan.head.mesher import Extra, Progress, TetMesh, largest_piece, mesh_level_sets, shared_faces, tissue_table
from stimplan.head.stuffing import quality


@attrs.frozen(eq=False)
class LabelVolume:
    """A volume of tissue labels and how its tissues lie in one another.

    Attributes
    ----------
    labels : (i, j, k) uint8 array
        0 is outside of the head, or air.
    head_from_voxel : (4, 4) array
        Affine from voxel indices to head coordinates, m.
    nested : tuple of int
        Labels of the tissues that lie in one another, outermost first.
    extras : tuple of Extra
        Tissues that do not nest; counted as the outermost tissue when the nested regions are made.
    """

    labels: NDArray[np.uint8]
    head_from_voxel: NDArray[np.float64]
    nested: tuple[int, ...]
    extras: tuple[Extra, ...] = ()


def mesh_labels(
    volume: LabelVolume, *, edge_m: float, progress: Progress | None = None
) -> tuple[TetMesh, dict[str, Any]]:
    """Mesh a label volume.

    Parameters
    ----------
    volume : LabelVolume
    edge_m : float
        Edge of the lattice, m.
    progress : callable, optional

    Returns
    -------
    mesh : TetMesh
        One piece: parts that hang on by less than a face are dropped.
    record : dict
        What was dropped, the quality of the tetrahedra and the volume of each label, as plain JSON data.
    """
    levels = _levels(volume, progress)
    mesh = mesh_level_sets(
        levels,
        tissue_table(volume.nested, volume.extras),
        bounds_m=bounds_of_region(volume.labels > 0, volume.head_from_voxel),
        edge_m=edge_m,
        progress=progress,
    )
    mesh, dropped_m3 = largest_piece(mesh)
    shape = quality(mesh.nodes_m, mesh.tets)
    return mesh, {
        "edge_m": edge_m,
        "dropped_islands_m3": dropped_m3,
        "quality_worst": float(shape.min()),
        "quality_first_percentile": float(np.quantile(shape, 0.01)),
        "quality_median": float(np.median(shape)),
    }


def _levels(volume: LabelVolume, progress: Progress | None) -> list[GridLevel]:
    """Level sets of the nested regions, outermost first, then of the others."""
    regions = [volume.labels > 0]
    regions += [np.isin(volume.labels, volume.nested[level:]) for level in range(1, len(volume.nested))]
    regions += [volume.labels == extra.label for extra in volume.extras]
    levels = []
    for index, region in enumerate(regions):
        if progress is not None:
            progress("finding surfaces", index / len(regions))
        # Only the head itself ends with the volume; what is inside is cut open there, not closed.
        levels.append(level_of_region(region, volume.head_from_voxel, goes_on=index > 0))
    return levels


def contact_m2(mesh: TetMesh, one: set[int], other: set[int], *, above_m: float = -np.inf) -> float:
    """Area of the faces where two groups of tissues touch, m²; only faces whose centre is above a height (z)."""
    faces_of = shared_faces(mesh.tets)
    first, second = mesh.tissue[faces_of[:, 0]], mesh.tissue[faces_of[:, 1]]
    touch = (np.isin(first, list(one)) & np.isin(second, list(other))) | (
        np.isin(second, list(one)) & np.isin(first, list(other))
    )
    pairs = faces_of[touch]
    both = np.sort(np.concatenate([mesh.tets[pairs[:, 0]], mesh.tets[pairs[:, 1]]], axis=1), axis=1)
    corners_m = mesh.nodes_m[both[:, :-1][both[:, :-1] == both[:, 1:]].reshape(-1, 3)]
    a, b, c = np.moveaxis(corners_m[corners_m[:, :, 2].mean(axis=1) > above_m], 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2


def label_volumes_m3(mesh: TetMesh, names: Mapping[int, str]) -> dict[str, float]:
    """Meshed volume of each tissue by name, m³."""
    a, b, c, d = (mesh.nodes_m[mesh.tets[:, corner]] for corner in range(4))
    volumes_m3 = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6
    sums = np.bincount(mesh.tissue, weights=volumes_m3, minlength=256)
    return {name: float(sums[label]) for label, name in names.items()}
