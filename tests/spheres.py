"""Small spheres, bars and montages that the physics tests share; each is made once."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from types import SimpleNamespace

import numpy as np

from stimplan.fem.exact import SphereElectrode, disc_half_angle, layered_sphere
from stimplan.field import Field, solve
from stimplan.head import HeadModel, sphere_head
from stimplan.montage import Circle, Electrode, Layer
from stimplan.placement import place

RADII_MM = (78.0, 80.0, 86.0, 92.0)
SIGMA = (0.33, 1.654, 0.01, 0.465)
SPONGE = (Layer("saline_sponge", 0.006),)


@cache
def sphere(edge_mm: float = 6.0) -> HeadModel:
    return sphere_head(radii_mm=RADII_MM, conductivities_S_per_m=SIGMA, edge_mm=edge_mm)


@cache
def ball(edge_mm: float = 10.0) -> HeadModel:
    return sphere_head(radii_mm=(80.0,), conductivities_S_per_m=(0.3,), edge_mm=edge_mm)


def disc(site, current_A, diameter_m=0.02, layers=SPONGE):
    return Electrode(site=site, shape=Circle(diameter_m), layers=layers, current_A=current_A)


def montage(*electrodes):
    return SimpleNamespace(electrodes=electrodes, digest="test")


@cache
def c3_fp2(edge_mm: float = 6.0, model: str = "uniform", current_A: float = 1e-3) -> Field:
    head = sphere(edge_mm)
    return solve(head, place(montage(disc("C3", current_A), disc("Fp2", -current_A)), head, electrode_model=model))


def exact_electrodes(field: Field) -> list[SphereElectrode]:
    return [
        SphereElectrode(
            tuple(patch.center_m),
            patch.electrode.current_A,
            disc_half_angle(patch.electrode.shape.diameter_m / 2, RADII_MM[-1] * 1e-3),
        )
        for patch in field.placement.electrodes
    ]


def exact_in_brain(field: Field):
    """Mask of the brain, and the exact field at the centres of its tetrahedra."""
    brain = field.head.in_tissue("layer_1")
    truth = layered_sphere(
        field.head.centers_m[brain],
        exact_electrodes(field),
        radii_m=np.array(RADII_MM) * 1e-3,
        conductivities_S_per_m=SIGMA,
    )[1]
    return brain, truth


def bar(counts=(12, 4, 4), size_m=(0.12, 0.04, 0.04)):
    """Nodes and tetrahedra of a bar along x, six tetrahedra to a cell."""
    axes = [np.linspace(0, size, count + 1) for size, count in zip(size_m, counts, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    steps = np.array([(counts[1] + 1) * (counts[2] + 1), counts[2] + 1, 1])
    first = (np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3) * steps).sum(axis=1)
    tets = []
    for order in permutations(range(3)):
        path = np.concatenate([[0], np.cumsum(steps[list(order)])])
        tets.append(first[:, None] + path)
    return nodes, np.concatenate(tets).astype(np.int32)


def bar_end(nodes, tets, x, *, where=None):
    """Triangles of the bar's end at x whose centres satisfy `where`, with the integrals a full cover has."""
    from stimplan.head.model import _boundary

    faces = _boundary(tets)
    centers = nodes[faces].mean(axis=1)
    chosen = np.isclose(nodes[faces][:, :, 0], x).all(axis=1)
    if where is not None:
        chosen &= where(centers)
    faces = faces[chosen]
    a, b, c = (nodes[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return faces, area[:, None] / 3 * np.ones(3), area[:, None, None] / 12 * (1 + np.eye(3))
