"""The very surfaces of the boundary elements filled with tetrahedra, so that both methods solve the same problem."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.exchange.mne.surfaces import BRAIN, SCALP, SKULL, ClosedSurface, ThreeLayers
from stimplan.exchange.mne.triangles import inside_distance_m
from stimplan.head.lattice import uniform_lattice
from stimplan.head.levels import GridLevel, sample
from stimplan.head.mesher import SPACING, Progress, largest_piece, mesh_level_sets, tissue_table
from stimplan.head.model import HeadModel, Tissue
from stimplan.placement import Placement, place
from stimplan.units import to_si

Array = NDArray[np.float64]

# The layered sphere of this edge has the exact field to 0.5 % deeper than 5 mm below its skull.
EDGE_MM = 6.0
_SPACING_M = 0.0025
_COARSE = 4
# Further from the surface than this the distance need not be exact.
_BAND_M = 0.012


@attrs.frozen(eq=False)
class _Electrodes:
    """What `place` asks of a protocol."""

    electrodes: tuple[object, ...]
    digest: str


def layered_head(
    layers: ThreeLayers, like: HeadModel, *, edge_mm: float = EDGE_MM, progress: Progress | None = None
) -> HeadModel:
    """Mesh the three surfaces; the result has the tissues `layer_1` (brain), `layer_2` (skull) and `layer_3` (scalp).

    Parameters
    ----------
    layers : ThreeLayers
    like : HeadModel
        The head they were drawn from: sites, fiducials and MNI space are its.
    edge_mm : float
        Edge of the lattice, mm.
    progress : callable, optional
    """
    scalp = layers.surfaces[0].points_m
    mesh, _ = largest_piece(
        mesh_level_sets(
            [signed_distance(surface) for surface in layers.surfaces],
            tissue_table([3, 2, 1]),
            lattice=uniform_lattice([scalp.min(axis=0), scalp.max(axis=0)], SPACING * to_si(edge_mm, "mm")),
            progress=progress,
        )
    )
    tissues = tuple(
        Tissue(number, f"layer_{number}", layers.sigma_S_per_m[part], "of the boundary elements")
        for number, part in enumerate((BRAIN, SKULL, SCALP), start=1)
    )
    return HeadModel(
        name=f"{like.name}, three layers",
        nodes_m=mesh.nodes_m,
        tets=mesh.tets,
        tissue=mesh.tissue,
        tissues=tissues,
        mni_from_head=like.mni_from_head,
        sites_m=like.sites_m,
        fiducials_m=like.fiducials_m,
        provenance={"kind": "three layers", "of": like.digest, "edge_m": to_si(edge_mm, "mm"), **layers.record},
    )


def placed_on(head: HeadModel, placement: Placement) -> Placement:
    """The electrodes of a placement on another head, at the same places and with uniform current density.

    Raises
    ------
    MontageError
        The other scalp is too far away, or they overlap there.
    """
    electrodes = tuple(
        attrs.evolve(patch.electrode, site=(float(x), float(y), float(z)), label=patch.electrode.label)
        for patch in placement.electrodes
        for x, y, z in [patch.center_m]
    )
    plan = _Electrodes(electrodes, placement.protocol_digest)
    return place(plan, head, electrode_model="uniform")  # type: ignore[arg-type]


def signed_distance(surface: ClosedSurface) -> GridLevel:
    """Signed distance to a surface on a grid of 2.5 mm, m, negative inside; exact near the surface."""
    margin = 4 * _COARSE * _SPACING_M
    low = surface.points_m.min(axis=0) - margin
    blocks = np.ceil((surface.points_m.max(axis=0) + margin - low) / (_COARSE * _SPACING_M)).astype(int)
    coarse = np.stack(np.meshgrid(*[np.arange(n + 1) for n in blocks], indexing="ij"), axis=-1).reshape(-1, 3)
    far = _distance(surface, low + coarse * (_COARSE * _SPACING_M)).reshape(tuple(blocks + 1))
    shape = tuple(int(n) for n in _COARSE * blocks + 1)
    fine = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float64)
    values = sample(far, np.diag([*[1 / _COARSE] * 3, 1.0]), fine)
    near = np.abs(values) < _BAND_M
    values[near] = _distance(surface, low + fine[near] * _SPACING_M)
    voxel_from_head = np.diag([*[1 / _SPACING_M] * 3, 1.0])
    voxel_from_head[:3, 3] = -low / _SPACING_M
    return GridLevel(values.reshape(shape).astype(np.float32), voxel_from_head)


def _distance(surface: ClosedSurface, points_m: Array) -> Array:
    return -inside_distance_m(points_m, surface.points_m, surface.triangles)
