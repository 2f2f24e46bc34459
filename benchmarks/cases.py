"""The heads, montages and clocks that the benchmarks share."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import numpy as np

from stimplan.fem.compare import mag, rdm
from stimplan.fem.exact import SphereElectrode, disc_half_angle, layered_sphere
from stimplan.fem.recover import relative_difference
from stimplan.field import Field, current_through
from stimplan.head import HeadModel, sphere_head
from stimplan.montage import Circle, Electrode, Layer, Rectangle

RADII_MM = (78.0, 80.0, 86.0, 92.0)
SIGMA = (0.33, 1.654, 0.01, 0.465)
SPONGE = (Layer("saline_sponge", 0.006),)
# Colin27 with this edge has 429,123 nodes and 2.39 million tetrahedra: the size the project's figures are about.
COLIN27_EDGE_MM = 3.15
RING = {"C3": 2e-3, "C1": -5e-4, "C5": -5e-4, "FC3": -5e-4, "CP3": -5e-4}


def montage(*sites: str) -> SimpleNamespace:
    """Two round electrodes of 20 mm, 1 mA."""
    currents = (1e-3, -1e-3)
    electrodes = [Electrode(s, Circle(0.02), SPONGE, c) for s, c in zip(sites, currents, strict=True)]
    return SimpleNamespace(electrodes=tuple(electrodes), digest="benchmark")


def pads(*sites: str) -> SimpleNamespace:
    """Two sponges of 50 x 70 mm, 2 mA."""
    currents = (2e-3, -2e-3)
    electrodes = [Electrode(s, Rectangle(0.07, 0.05), SPONGE, c) for s, c in zip(sites, currents, strict=True)]
    return SimpleNamespace(electrodes=tuple(electrodes), digest="benchmark")


def sphere(edge_mm: float) -> HeadModel:
    """The four-layer sphere of the published comparisons."""
    return sphere_head(radii_mm=RADII_MM, conductivities_S_per_m=SIGMA, edge_mm=edge_mm)


def timed(function, *arguments, **options):
    """The result and the seconds it took."""
    start = time.perf_counter()
    result = function(*arguments, **options)
    return result, time.perf_counter() - start


def dipoles(head: HeadModel, count: int) -> np.ndarray:
    """Currents between random pairs of scalp nodes."""
    rng, scalp = np.random.default_rng(0), np.unique(head.scalp)
    rhs = np.zeros((len(head.nodes_m), count))
    for column in range(count):
        rhs[rng.choice(scalp, 2, replace=False), column] = 1e-3, -1e-3
    return rhs


def accuracy(field: Field) -> dict[str, float]:
    """Errors in the brain, at the centres of its tetrahedra, against the exact field."""
    brain = field.head.in_tissue("layer_1")
    electrodes = [
        SphereElectrode(tuple(p.center_m), p.electrode.current_A, disc_half_angle(0.01, RADII_MM[-1] * 1e-3))
        for p in field.placement.electrodes
    ]
    radii = np.array(RADII_MM) * 1e-3
    truth = layered_sphere(field.head.centers_m[brain], electrodes, radii_m=radii, conductivities_S_per_m=SIGMA)[1]
    volumes, element = field.head.volumes_m3[brain], field.E_V_per_m[brain]
    recovered = field.recovered_at_centers_V_per_m[brain]
    c3, fp2 = (patch.center_m for patch in field.placement.electrodes)
    half = field.head.centers_m @ (c3 - fp2) > 0
    return {
        "rdm": rdm(element, truth, weights=volumes),
        "mag": mag(element, truth, weights=volumes),
        "rdm_recovered": rdm(recovered, truth, weights=volumes),
        "mag_recovered": mag(recovered, truth, weights=volumes),
        "estimate": field.error_estimate("layer_1"),
        "true": relative_difference(truth, element, volumes),
        "area": max(abs(p.area_m2.sum() / p.electrode.shape.area_m2 - 1) for p in field.placement.electrodes),
        "current": abs(current_through(field, half) / 1e-3 - 1),
    }


def how_busy() -> str:
    """How many processes waited for a core in the last minute, beside the cores there are."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return f"load {load} on {os.cpu_count()} cores"
