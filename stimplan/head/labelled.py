"""From a volume of tissue labels to a tetrahedral mesh."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.conserve import MovedLevel, conserving, corrected, counting_cells
from stimplan.head.grading import coarsest_levels
from stimplan.head.lattice import Lattice, cells_over, graded_lattice
from stimplan.head.levels import Region, bounds_of_region, level_of_region, voxel_sizes_m
from stimplan.head.mesher import SPACING, Progress, TetMesh, largest_piece, mesh_level_sets, shared_faces, tissue_table
from stimplan.head.nesting import Nesting, nesting_of
from stimplan.head.presets import DEFAULT_PRESET, edge_m_of
from stimplan.head.relax import relaxed
from stimplan.head.stuffing import quality
from stimplan.head.tissues import AIR, numbers_of
from stimplan.values import frozen_mapping

# Level sets made at a time; more would cost memory. Each is the same whatever the others do.
THREADS = 2


@attrs.frozen(eq=False)
class LabelVolume:
    """A volume of tissue labels.

    Attributes
    ----------
    labels : (i, j, k) int array
        0 is outside of the head.
    head_from_voxel : (4, 4) array
        Affine from voxel indices to head coordinates, m; voxels need not be cubes, the axes may be rotated.
    tissues : mapping of int to str
        Name of every label but 0. Several labels may be the same tissue; `air` is a hole and is not meshed.
    """

    labels: NDArray[np.integer]
    head_from_voxel: NDArray[np.float64]
    tissues: Mapping[int, str] = attrs.field(converter=frozen_mapping)


def mesh_labels(
    volume: LabelVolume, *, edge_mm: float | str = DEFAULT_PRESET, progress: Progress | None = None
) -> tuple[TetMesh, dict[str, Any]]:
    """Mesh a label volume.

    Parameters
    ----------
    volume : LabelVolume
    edge_mm : float or str
        A preset ("teaching", "standard", "fine") or the edge in cortex, CSF and skull, mm; see `presets`.
    progress : callable, optional
        Called as `progress(stage, fraction)`.

    Returns
    -------
    mesh : TetMesh
        One piece: parts that hang on by less than a face are dropped. `mesh.tissue` holds the numbers of
        `stimplan.head.tissues`, whatever the labels of the volume were.
    record : dict
        Plain JSON data: number and label volume of each tissue by name, what was dropped, quality.

    Raises
    ------
    HeadError
        Every fault of the volume at once, or an edge out of range.
    """
    edge_m = edge_m_of(edge_mm)
    tissue, numbers = tissue_of(volume)
    nesting = nesting_of(tissue)
    affine = np.asarray(volume.head_from_voxel, dtype=np.float64)
    cells = cells_over(bounds_of_region(tissue > 0, affine), SPACING * edge_m)
    lattice = graded_lattice(cells, coarsest_levels(tissue, affine, cells))
    levels = _levels(tissue, affine, nesting, lattice=lattice, progress=progress)
    table = tissue_table(nesting.shells, nesting.extras)
    mesh = mesh_level_sets(levels, table, lattice=lattice, progress=_as_stage(progress, "fitting volumes"))
    levels = corrected(levels, nesting.regions, mesh=mesh, tissue=tissue, head_from_voxel=affine)
    mesh = mesh_level_sets(levels, table, lattice=lattice, progress=progress)
    mesh, dropped_m3 = largest_piece(mesh)
    mesh = relaxed(mesh)
    shape = quality(mesh.nodes_m, mesh.tets)
    counts = np.bincount(tissue.ravel(), minlength=256)
    voxel_m3 = float(np.prod(voxel_sizes_m(volume.head_from_voxel)))
    return mesh, {
        "edge_mm": edge_mm,
        "edge_m": edge_m,
        "tissues": numbers,
        "label_volumes_m3": {name: float(counts[number]) * voxel_m3 for name, number in numbers.items()},
        "dropped_islands_m3": dropped_m3,
        "quality_worst": float(shape.min()),
        "quality_first_percentile": float(np.quantile(shape, 0.01)),
        "quality_median": float(np.median(shape)),
    }


def _as_stage(progress: Progress | None, stage: str) -> Progress | None:
    """The same progress under another name."""
    return None if progress is None else lambda _, fraction: progress(stage, fraction)


def tissue_of(volume: LabelVolume) -> tuple[NDArray[np.uint8], dict[str, int]]:
    """The standard tissue number of every voxel, 0 where nothing is meshed, and the numbers by name.

    Raises
    ------
    HeadError
        Every fault of the volume at once.
    """
    labels = np.asarray(volume.labels)
    problems = _problems(labels, volume)
    if problems:
        raise HeadError(problems)
    numbers = numbers_of(set(volume.tissues.values()) - {AIR})
    table = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.uint8)
    for label, name in volume.tissues.items():
        if 0 < label < len(table) and name != AIR:
            table[label] = numbers[name]
    tissue = table[labels]
    if not tissue.any():
        raise HeadError(Problem("labels", "no voxel has a tissue; every one is outside of the head or air"))
    present = set(np.flatnonzero(np.bincount(tissue.ravel())).tolist())
    return tissue, {name: number for name, number in numbers.items() if number in present}


def _problems(labels: NDArray[Any], volume: LabelVolume) -> list[Problem]:
    """Everything that is wrong with a label volume."""
    found = []
    affine = np.asarray(volume.head_from_voxel, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or np.linalg.det(affine[:3, :3]) == 0:
        found.append(Problem("head_from_voxel", "expected a (4, 4) affine that can be inverted"))
    else:
        try:
            voxel_sizes_m(affine)
        except ValueError as error:
            found.append(Problem("head_from_voxel", str(error)))
    if labels.ndim != 3 or labels.dtype.kind not in "iu":
        what = f"expected three axes of whole numbers, got {labels.ndim} axes of {labels.dtype}"
        return [*found, Problem("labels", what)]
    if labels.min(initial=0) < 0:
        return [*found, Problem("labels", f"must not be negative, got {labels.min()}")]
    unknown = sorted(set(np.flatnonzero(np.bincount(labels.ravel())).tolist()) - {0, *volume.tissues})
    if unknown:
        known = ", ".join(f"{label} {name}" for label, name in volume.tissues.items())
        found.append(Problem("labels", f"{unknown} are no tissues; known are {known}"))
    return found


def _levels(
    tissue: NDArray[np.uint8],
    head_from_voxel: NDArray[np.float64],
    nesting: Nesting,
    *,
    lattice: Lattice,
    progress: Progress | None,
) -> list[MovedLevel]:
    """Level sets of the shells, outermost first, then of the inclusions; each keeps the volume of its labels."""
    counting = counting_cells(lattice)

    def made(number: int) -> MovedLevel:
        # Only the head itself ends with the volume; what is inside is cut open there, not closed.
        voxels = np.isin(np.arange(256), list(nesting.regions[number]))[tissue]
        region = Region(voxels, head_from_voxel, goes_on=number > 0)
        return conserving(level_of_region(region), region, lattice=lattice, cells=counting)

    levels = []
    with ThreadPoolExecutor(THREADS) as pool:
        for level in pool.map(made, range(len(nesting.regions))):
            if progress is not None:
                progress("finding surfaces", len(levels) / len(nesting.regions))
            levels.append(level)
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
