"""The sums over the auxiliary currents at the elements of a coil, for any number of poses.

P (or C) of `stimplan.coil_search.auxiliary` is smooth outside the head: it is summed on a regular lattice wherever an
element of any pose comes by, and taken between the lattice's points by cubic polynomials, 4 x 4 x 4 points each. Each
pose has the gauge it is solved in: the radial one, or the plain one where the head does not allow it.
"""

# ruff: noqa: PLR0913, PLR0917 - compiled kernels take their arrays by position

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil import AGrid, Coil, Dipoles, Segments
from stimplan.coil_gauge import gauge_of
from stimplan.coil_search.auxiliary import Auxiliary
from stimplan.coil_search.kernels import DIPOLES, RADIAL_DIPOLES, RADIAL_WIRE, WIRE, strengths_of
from stimplan.coil_search.tree import BLOCK, Tree, fill_blocks
from stimplan.compiled import jit
from stimplan.fem.krylov import threads
from stimplan.fem.solve import Progress
from stimplan.fem.tms import MU0_OVER_4_PI

Array = NDArray[np.float64]

# Distance of the lattice's points, m.
SPACING_M = 3e-3


@attrs.frozen(eq=False)
class _Lattice:
    """Where the lattice lies: its first point, m, its spacing, m, and the number of blocks along each axis."""

    low_m: Array
    spacing_m: float
    blocks: tuple[int, int, int]


def components_at(
    auxiliary: Auxiliary,
    coil: Coil,
    poses_m: Array,
    *,
    didt_A_per_s: Sequence[float],
    spacing_m: float = SPACING_M,
    progress: Progress | None = None,
) -> Array:
    """Observations of all targets for many poses of a coil.

    Parameters
    ----------
    auxiliary : Auxiliary
    coil : Coil
        Of wire and dipoles; one with a grid of its potential has no elements: see `has_elements`.
    poses_m : (n, 4, 4) array
        Head from coil coordinates, m.
    didt_A_per_s : sequence of float
        Of each stimulator, as in `stimplan.coil_field.CoilPlacement`.
    spacing_m : float
    progress : callable, optional

    Returns
    -------
    (n, c) array
        V/m.
    """
    poses = np.ascontiguousarray(poses_m, dtype=np.float64)
    total = np.zeros((len(poses), auxiliary.currents.shape[2]))
    is_radial = gauge_of(auxiliary.head).allows(poses, coil.positions_m)
    for is_wire in (True, False):
        parts = [one for one in _parts(coil, is_wire=is_wire) if didt_A_per_s[one.stimulator] != 0]
        if not parts:
            continue
        places = np.concatenate([one.positions_m for one in parts])
        vectors = np.concatenate([didt_A_per_s[one.stimulator] * _vectors(one) for one in parts])
        radial, plain = (RADIAL_WIRE, WIRE) if is_wire else (RADIAL_DIPOLES, DIPOLES)
        for kind, of in ((radial, np.flatnonzero(is_radial)), (plain, np.flatnonzero(~is_radial))):
            if not len(of):
                continue
            table, lattice = _table(auxiliary, poses[of], places, kind=kind, spacing_m=spacing_m, progress=progress)
            total[of] -= MU0_OVER_4_PI * _taken(table, lattice, poses[of], places, vectors)
    return total


def has_elements(coil: Coil) -> bool:
    """Whether a coil is made of wire and dipoles alone."""
    return not any(isinstance(element, AGrid) for element in coil.elements)


def _parts(coil: Coil, *, is_wire: bool) -> list[Segments | Dipoles]:
    return [one for one in coil.elements if not isinstance(one, AGrid) and isinstance(one, Segments) == is_wire]


def _vectors(element: Segments | Dipoles) -> Array:
    return element.vectors_m if isinstance(element, Segments) else element.moments_A_m2_per_A


def _table(
    auxiliary: Auxiliary, poses: Array, places: Array, *, kind: int, spacing_m: float, progress: Progress | None
) -> tuple[NDArray[np.float32], _Lattice]:
    """Sums on the blocks of a lattice that any element of any pose needs; zero elsewhere."""
    tree, origin = _tree_of(auxiliary, kind)
    low, high = _box(poses, places)
    side = BLOCK * spacing_m
    low, high = low - 2 * spacing_m, high + 2 * spacing_m
    blocks = np.maximum(np.ceil((high - low) / side + 1e-9), 1).astype(int)
    lattice = _Lattice(low, spacing_m, (int(blocks[0]), int(blocks[1]), int(blocks[2])))
    needed = np.zeros(lattice.blocks, dtype=np.bool_)
    _mark(poses, places, lattice.low_m, spacing_m, needed)
    table = np.zeros((*(BLOCK * np.array(lattice.blocks)), tree.strengths.shape[1]), dtype=np.float32)
    chosen, arrays = np.argwhere(needed), tree.arrays()
    step = max(len(chosen) // (8 * threads()), 1)
    parts = [chosen[start : start + step] for start in range(0, len(chosen), step)]
    with ThreadPoolExecutor(max_workers=threads()) as pool:
        jobs = [pool.submit(fill_blocks, one, lattice.low_m - origin, spacing_m, arrays, kind, table) for one in parts]
        for number, job in enumerate(jobs, start=1):
            job.result()
            if progress is not None:
                progress("sum the auxiliary currents", number / len(jobs))
    return table, lattice


@lru_cache(maxsize=2)
def _tree_of(auxiliary: Auxiliary, kind: int) -> tuple[Tree, Array]:
    """The currents as a tree, and the point it counts from; made once: an Auxiliary hashes by identity."""
    origin = gauge_of(auxiliary.head).center_m if kind in (RADIAL_WIRE, RADIAL_DIPOLES) else np.zeros(3)
    places = np.asarray(auxiliary.head.nodes_m) - origin
    return Tree.of(places, strengths_of(kind, np.asarray(auxiliary.currents), places)), origin


def _box(poses: Array, places: Array) -> tuple[Array, Array]:
    """Corners of a box around all elements in all poses: that of the turned corners of the coil's own box."""
    ends = np.stack([places.min(axis=0), places.max(axis=0)])
    corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
    found = np.einsum("pij,ej->pei", poses[:, :3, :3], corners) + poses[:, None, :3, 3]
    return found.min(axis=(0, 1)), found.max(axis=(0, 1))


def _taken(table: NDArray[np.float32], lattice: _Lattice, poses: Array, places: Array, vectors: Array) -> Array:
    """Sum over the elements of vector times what the table has at their place, pose by pose."""
    out = np.zeros((len(poses), table.shape[3] // 3))
    step = max(len(poses) // (8 * threads()), 1)
    with ThreadPoolExecutor(max_workers=threads()) as pool:
        jobs = [
            pool.submit(_interpolate, table, lattice.low_m, lattice.spacing_m, poses[s : s + step], places, vectors,
                        out[s : s + step])
            for s in range(0, len(poses), step)
        ]  # fmt: skip
        for job in jobs:
            job.result()
    return out


@jit
def _mark(poses, places, low, spacing, needed):  # type: ignore[no-untyped-def]
    """Mark the blocks that hold one of the 64 points around an element."""
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for p in range(len(poses)):
        pose = poses[p]
        for e in range(len(places)):
            for d in range(3):
                r = pose[d, 3]
                for k in range(3):
                    r += pose[d, k] * places[e, k]
                at = int(np.floor((r - low[d]) / spacing))
                first[d], last[d] = (at - 1) // BLOCK, (at + 2) // BLOCK
            for i in range(first[0], last[0] + 1):
                for j in range(first[1], last[1] + 1):
                    for k in range(first[2], last[2] + 1):
                        needed[i, j, k] = True


@jit
def _cubic(share, weights):  # type: ignore[no-untyped-def]
    """Weights of the points at -1, 0, 1, 2 for the cubic through them, at 0 to 1."""
    a, b, c, d = share + 1.0, share, share - 1.0, share - 2.0
    weights[0], weights[1] = -b * c * d / 6.0, a * c * d / 2.0
    weights[2], weights[3] = -a * b * d / 2.0, a * b * c / 6.0


@jit
def _interpolate(table, low, spacing, poses, places, vectors, out):  # type: ignore[no-untyped-def]
    """Sum over a coil's elements of vector times the sums there; the four points along z lie side by side in memory."""
    width = table.shape[3]
    lines = table.reshape(table.shape[0], table.shape[1], table.shape[2] * width)
    first, turned, weights = np.empty(3, np.int64), np.empty(3), np.empty((3, 4))
    along = np.empty(4 * width, np.float32)
    for p in range(len(poses)):
        pose = poses[p]
        for e in range(len(places)):
            for d in range(3):
                r, turned[d] = pose[d, 3], 0.0
                for k in range(3):
                    r += pose[d, k] * places[e, k]
                    turned[d] += pose[d, k] * vectors[e, k]
                at = (r - low[d]) / spacing
                first[d] = int(np.floor(at))
                _cubic(at - first[d], weights[d])
            along[:] = 0
            start = (first[2] - 1) * width
            for i in range(4):
                for j in range(4):
                    w = np.float32(weights[0, i] * weights[1, j])
                    line = lines[first[0] + i - 1, first[1] + j - 1, start : start + 4 * width]
                    for n in range(4 * width):
                        along[n] += w * line[n]
            for k in range(4):
                w = weights[2, k]
                for c in range(width // 3):
                    x = k * width + 3 * c
                    out[p, c] += w * (turned[0] * along[x] + turned[1] * along[x + 1] + turned[2] * along[x + 2])
