"""The solver against the exact answer on a layered sphere, as a person can run it on their own machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from stimplan.fem.compare import mag, rdm
from stimplan.fem.exact import SphereElectrode, disc_half_angle, layered_sphere
from stimplan.field import Field, solve
from stimplan.head import sphere_head
from stimplan.montage import Circle, Electrode, Layer
from stimplan.placement import place
from stimplan.protocol import Course, DirectWaveform, ElectricStimulation, Protocol

Progress = Callable[[str, float], None]

# Brain, CSF, skull, scalp: the spheres most solvers are compared on, with a CSF of 2 mm.
RADII_MM = (78.0, 80.0, 86.0, 92.0)
SIGMA_S_PER_M = (0.33, 1.654, 0.01, 0.465)
# Most that RDM and |MAG - 1| of the element field in the brain may be, by the edge of the mesh in mm.
LIMITS = {6.0: (0.03, 0.01), 4.0: (0.02, 0.01)}
_DIAMETER_M = 0.02


@attrs.frozen
class SelfTest:
    """One mesh of the sphere against the closed form.

    Attributes
    ----------
    edge_mm : float
    nodes, tetrahedra : int
    rdm : float
        Relative difference measure of the element field in the brain.
    mag : float
        Its magnification; 1 is exact.
    rdm_recovered : float
        RDM of the field recovered at the nodes, which the volumes, the slices and `Field.at` give.
    rdm_limit, mag_limit : float
        Most that `rdm` and |`mag` - 1| may be.
    residual : float
    """

    edge_mm: float
    nodes: int
    tetrahedra: int
    rdm: float
    mag: float
    rdm_recovered: float
    rdm_limit: float
    mag_limit: float
    residual: float

    @property
    def is_ok(self) -> bool:
        """Whether both measures hold; NaN does not."""
        return self.rdm <= self.rdm_limit and abs(self.mag - 1) <= self.mag_limit

    def record(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**attrs.asdict(self), "is_ok": self.is_ok}


def selftest(edges_mm: tuple[float, ...] = tuple(LIMITS), progress: Progress | None = None) -> tuple[SelfTest, ...]:
    """Solve C3 against Fp2 on the layered sphere at each mesh edge and compare with the closed form.

    Parameters
    ----------
    edges_mm : tuple of float
        Keys of `LIMITS`.
    progress : callable, optional
    """
    return tuple(_one(edge_mm, progress) for edge_mm in edges_mm)


def sphere_protocol() -> Protocol:
    """The two round electrodes of the comparison, 1 mA."""
    electrodes = tuple(
        Electrode(site=site, shape=Circle(_DIAMETER_M), layers=(Layer("saline_sponge", 0.005),), current_A=current)
        for site, current in (("C3", 1e-3), ("Fp2", -1e-3))
    )
    return Protocol(
        id="selftest",
        title="Two round electrodes on a layered sphere",
        modality="tDCS",
        stimulation=ElectricStimulation(electrodes, DirectWaveform(duration_s=1.0, ramp_up_s=None, ramp_down_s=None)),
        course=Course(sessions=1, sessions_per_day=None, min_gap_s=None, schedule=None),
    )


def _one(edge_mm: float, progress: Progress | None) -> SelfTest:
    head = sphere_head(radii_mm=RADII_MM, conductivities_S_per_m=SIGMA_S_PER_M, edge_mm=edge_mm, progress=progress)
    field = solve(head, place(sphere_protocol(), head, electrode_model="uniform"), progress=progress)
    brain = head.in_tissue("layer_1")
    truth, volumes = _exact(field, brain), head.volumes_m3[brain]
    rdm_limit, mag_limit = LIMITS[edge_mm]
    return SelfTest(
        edge_mm=edge_mm,
        nodes=len(head.nodes_m),
        tetrahedra=len(head.tets),
        rdm=rdm(field.E_V_per_m[brain], truth, weights=volumes),
        mag=mag(field.E_V_per_m[brain], truth, weights=volumes),
        rdm_recovered=rdm(field.recovered_at_centers_V_per_m[brain], truth, weights=volumes),
        rdm_limit=rdm_limit,
        mag_limit=mag_limit,
        residual=field.residual,
    )


def _exact(field: Field, brain: np.ndarray) -> np.ndarray:
    """Exact field at the centres of the brain's tetrahedra, V/m."""
    assert field.placement is not None
    half_angle = disc_half_angle(_DIAMETER_M / 2, RADII_MM[-1] * 1e-3)
    electrodes = [
        SphereElectrode(tuple(patch.center_m), patch.electrode.current_A, half_angle)
        for patch in field.placement.electrodes
    ]
    return layered_sphere(
        field.head.centers_m[brain],
        electrodes,
        radii_m=np.array(RADII_MM) * 1e-3,
        conductivities_S_per_m=SIGMA_S_PER_M,
    )[1]
