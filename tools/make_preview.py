"""Make stimplan/head/colin27/preview.npz, the lead field that `stimplan preview` shows.

Run it again whenever the template, the mesher or a conductivity changes: python tools/make_preview.py
A test compares the digest it keeps with that of the head of today.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyvista

import stimplan as sp
from stimplan.head.cortex import cortex_of
from stimplan.head.space import to_mni_m
from stimplan.leadfield import LeadField, compute_lead_field

OUT = Path(__file__).resolve().parent.parent / "stimplan" / "head" / "colin27" / "preview.npz"
CORTEX_POINTS, SCALP_POINTS = 10_000, 4_000
CHECKED = ({"F3": 2, "F4": -2}, {"C3": 2, "Fp2": -2}, {"C3": 2, "C1": -0.5, "C5": -0.5, "FC3": -0.5, "CP3": -0.5},
           {"Fz": 1, "Oz": -1})  # fmt: skip


def main() -> None:
    """Compute the columns on the template and keep them at a few points."""
    head = sp.load_head("colin27")
    lead = compute_lead_field(head, progress=lambda stage, fraction: print(f"\r{stage} {fraction:.0%} ", end=""))
    cortex = cortex_of(head)
    surface = reduced(cortex.points_m, cortex.triangles, CORTEX_POINTS)
    nearest = nearest_of(cortex.points_m, surface.points)
    scalp_nodes, corner = np.unique(head.scalp, return_inverse=True)
    scalp = reduced(head.nodes_m[scalp_nodes], corner.reshape(-1, 3), SCALP_POINTS)
    columns = lead.cortex_V_per_m_per_A[:, nearest].astype(np.float16)
    points = cortex.points_m[nearest]
    normals = surface.compute_normals(cell_normals=False, split_vertices=False, consistent_normals=False,
                                      auto_orient_normals=False).point_data["Normals"]  # fmt: skip
    record = {
        "head": head.name,
        "head_digest": head.digest,
        "stimplan": sp.__version__,
        "nodes": len(head.nodes_m),
        "conductivities_S_per_m": {t.name: t.conductivity_S_per_m for t in head.tissues},
        "relative_error": round(error_of(lead, columns, nearest), 4),
    }
    np.savez_compressed(
        OUT, names=np.array(lead.names), E_V_per_m_per_A=columns, points_m=to_mni_m(head, points).astype(np.float32),
        triangles=surface.regular_faces.astype(np.uint16), normals=normals.astype(np.float16),
        area_m2=areas_of(surface).astype(np.float32), record=json.dumps(record, sort_keys=True),
        sites_m=to_mni_m(head, np.array([p.center_m for p in lead.placement.electrodes])).astype(np.float32),
        scalp_m=to_mni_m(head, np.asarray(scalp.points, float)).astype(np.float32),
        scalp_triangles=scalp.regular_faces.astype(np.uint16),
    )  # fmt: skip
    print(f"\n{OUT.name}: {OUT.stat().st_size / 1e6:.2f} MB, {len(points)} points, {record}")


def reduced(points_m: np.ndarray, triangles: np.ndarray, count: int) -> pyvista.PolyData:
    """The surface with about that many points."""
    mesh = pyvista.PolyData.from_regular_faces(1e3 * points_m, triangles)  # the filter works in single precision
    mesh = mesh.decimate(1 - count / len(points_m), volume_preservation=True).clean()
    mesh.points = mesh.points * 1e-3
    return mesh


def nearest_of(points_m: np.ndarray, wanted_m: np.ndarray) -> np.ndarray:
    """Number of the point nearest to each wanted one."""
    from scipy.spatial import cKDTree

    return cKDTree(points_m).query(wanted_m)[1]


def areas_of(surface: pyvista.PolyData) -> np.ndarray:
    """A third of the triangles around each point."""
    faces = surface.regular_faces
    a, b, c = (surface.points[faces[:, corner]].astype(float) for corner in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    total = np.zeros(surface.n_points)
    for corner in range(3):
        np.add.at(total, faces[:, corner], areas / 3)
    return total


def error_of(lead: LeadField, columns: np.ndarray, nearest: np.ndarray) -> float:
    """Largest relative difference to fields that were solved for the montage itself, at the points kept."""
    head, worst = lead.head, 0.0
    cortex = cortex_of(head)
    for montage in CHECKED:
        currents = {name: 1e-3 * value for name, value in montage.items()}
        placement = lead.field(currents).placement
        assert placement is not None
        direct = sp.solve(head, placement).recovered_V_per_m(cortex.tissue)[cortex.nodes[nearest]]
        shown = sum(i * columns[lead.names.index(name)].astype(float) for name, i in currents.items())
        worst = max(worst, float(np.linalg.norm(shown - direct) / np.linalg.norm(direct)))
    return worst


if __name__ == "__main__":
    main()
