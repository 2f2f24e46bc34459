"""The layered sphere: the head whose exact answer is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.fiducials import COLIN27_M
from stimplan.head.lattice import uniform_lattice
from stimplan.head.mesher import SPACING, Progress, mesh_level_sets, mesher_version, tissue_table
from stimplan.head.model import HeadModel, Tissue
from stimplan.head.stuffing import LevelSet
from stimplan.montage import Point
from stimplan.sites import known_sites
from stimplan.units import to_si

# Coarser than this, in units of the thinnest layer, and a layer may tear (measured: three still holds).
MAX_EDGE_PER_LAYER = 3.0
# A mesh beyond this would need some 15 GB to solve.
MAX_NODES = 2_000_000


def sphere_head(
    *,
    radii_mm: Sequence[float],
    conductivities_S_per_m: Sequence[float],
    edge_mm: float,
    progress: Progress | None = None,
) -> HeadModel:
    """Mesh a sphere of concentric layers, centred at the origin.

    Parameters
    ----------
    radii_mm : sequence of float
        Outer radius of each layer, innermost first, ascending, mm.
    conductivities_S_per_m : sequence of float
        Conductivity of each layer, S/m.
    edge_mm : float
        Edge of the lattice, mm; at most three times the thinnest layer.
    progress : callable, optional
        Called as `progress(stage, fraction)`.

    Returns
    -------
    HeadModel
        Tissues `layer_1`, `layer_2`, … from the inside. `sites_m` and `fiducials_m` are the directions of the 10-05
        sites and of the fiducials of Colin27 about a sphere fitted to the sites, on the outer surface.

    Raises
    ------
    HeadError
        Every fault of the arguments at once.
    """
    problems = _problems(radii_mm, conductivities_S_per_m, edge_mm)
    if problems:
        raise HeadError(problems)
    radii_m = [to_si(float(radius), "mm") for radius in radii_mm]
    edge_m = to_si(float(edge_mm), "mm")
    labels = list(range(len(radii_m), 0, -1))
    mesh = mesh_level_sets(
        [_sphere(radius_m) for radius_m in reversed(radii_m)],
        tissue_table(labels),
        lattice=uniform_lattice([[-radii_m[-1]] * 3, [radii_m[-1]] * 3], SPACING * edge_m),
        progress=progress,
    )
    tissues = tuple(
        Tissue(label, f"layer_{label}", float(value), "set by the user")
        for label, value in enumerate(conductivities_S_per_m, start=1)
    )
    return HeadModel(
        name="sphere",
        nodes_m=mesh.nodes_m,
        tets=mesh.tets,
        tissue=mesh.tissue,
        tissues=tissues,
        sites_m=_on_sphere(known_sites(), radii_m[-1]),
        fiducials_m=_on_sphere(COLIN27_M, radii_m[-1]),
        provenance={
            "kind": "layered sphere",
            "radii_m": radii_m,
            "edge_m": edge_m,
            "mesher_version": mesher_version(),
        },
    )


def _sphere(radius_m: float) -> LevelSet:
    """Exact signed distance to a sphere about the origin."""

    def distance_m(points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sqrt(np.einsum("ij,ij->i", points_m, points_m)) - radius_m

    return distance_m


def _on_sphere(points: Mapping[str, Point], radius_m: float) -> dict[str, Point]:
    """Points of Colin27 by their direction from the centre of the sphere that fits all its 10-05 sites best."""
    positions_m = np.array(list(known_sites().values()))
    # |p|² = 2 c·p + (r² - |c|²): linear in the centre c.
    design = np.column_stack([2 * positions_m, np.ones(len(positions_m))])
    center_m = np.linalg.lstsq(design, (positions_m**2).sum(axis=1), rcond=None)[0][:3]
    arms = np.array(list(points.values())) - center_m
    on_sphere = radius_m * arms / np.linalg.norm(arms, axis=1, keepdims=True)
    return {name: (float(x), float(y), float(z)) for name, (x, y, z) in zip(points, on_sphere, strict=True)}


def _problems(radii_mm: Sequence[float], conductivities: Sequence[float], edge_mm: float) -> list[Problem]:
    """Everything that is wrong with the arguments."""
    found = []
    if not radii_mm:
        found.append(Problem("radii_mm", "expected at least one radius"))
    if len(conductivities) != len(radii_mm):
        found.append(
            Problem("conductivities_S_per_m", f"{len(conductivities)} values for {len(radii_mm)} radii; one each")
        )
    for name, values in (("radii_mm", radii_mm), ("conductivities_S_per_m", conductivities), ("edge_mm", [edge_mm])):
        for index, value in enumerate(values):
            if not (_is_number(value) and 0 < value < math.inf):
                where = name if name == "edge_mm" else f"{name}[{index}]"
                found.append(Problem(where, f"must be a positive, finite number, got {value!r}"))
    if any(problem.where.startswith(("radii", "edge")) for problem in found):
        return found
    layers_mm = np.diff([0.0, *radii_mm])
    for index in np.flatnonzero(~(layers_mm > 0)).tolist():
        found.append(
            Problem(
                f"radii_mm[{index}]",
                f"{radii_mm[index]!r} is not larger than {radii_mm[index - 1]!r} before it; list the innermost first",
            )
        )
    if not found or all(problem.where.startswith("cond") for problem in found):
        found += _edge_problems(float(layers_mm.min()), float(radii_mm[-1]), float(edge_mm))
    return found


def _edge_problems(thinnest_mm: float, radius_mm: float, edge_mm: float) -> list[Problem]:
    """Whether the mesh would tear the thinnest layer, or never fit the memory."""
    if not edge_mm <= MAX_EDGE_PER_LAYER * thinnest_mm:
        return [
            Problem(
                "edge_mm",
                f"{edge_mm:g} mm is too coarse for the thinnest layer of {thinnest_mm:g} mm; "
                f"use {MAX_EDGE_PER_LAYER * thinnest_mm:g} mm or less",
            )
        ]
    # A body-centred cubic lattice has two nodes per cube.
    nodes = 2 * 4 / 3 * math.pi * (radius_mm / edge_mm) ** 3
    if not nodes <= MAX_NODES:
        finest_mm = radius_mm * (8 / 3 * math.pi / MAX_NODES) ** (1 / 3)
        return [Problem("edge_mm", f"{edge_mm:g} mm makes {nodes:.2g} nodes, too many; use {finest_mm:.2g} mm or more")]
    return []


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
