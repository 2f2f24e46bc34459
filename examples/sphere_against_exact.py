"""A sphere against the exact answer
=================================

Solve two round electrodes on a layered sphere and compare with the closed form: how wrong is the solver?
"""

import numpy as np

import stimplan as sp
from stimplan.fem.compare import mag, rdm
from stimplan.fem.exact import SphereElectrode, disc_half_angle, layered_sphere

RADII_MM = (78, 80, 86, 92)  # brain, CSF, skull, scalp
SIGMA_S_PER_M = (0.33, 1.654, 0.01, 0.465)


def disc(x_mm: float, y_mm: float, z_mm: float, current_mA: float) -> dict:
    """A round electrode of 20 mm as a protocol file writes it."""
    return {
        "site": {"position_mm": [x_mm, y_mm, z_mm]},
        "shape": {"type": "circle", "diameter_mm": 20},
        "layers": [{"material": "saline_sponge", "thickness_mm": 5}],
        "current_mA": current_mA,
    }


def main() -> None:
    protocol = sp.read_protocol(
        {
            "schema_version": 1,
            "id": "two-discs",
            "title": "Two discs at a right angle",
            "modality": "tDCS",
            "stimulation": {
                "electrodes": [disc(92, 0, 0, 1), disc(0, 0, 92, -1)],
                "waveform": {"duration_min": 20, "ramp_up_s": 30, "ramp_down_s": 30},
            },
            "course": {"sessions": 1, "sessions_per_day": 1, "min_gap_h": None, "schedule": None},
        }
    )
    head = sp.sphere_head(radii_mm=RADII_MM, conductivities_S_per_m=SIGMA_S_PER_M, edge_mm=4)
    field = sp.solve(head, sp.place(protocol, head, electrode_model="uniform"))

    brain = head.in_tissue("layer_1")
    points_m, volumes = head.centers_m[brain], head.volumes_m3[brain]
    angle = disc_half_angle(0.010, 0.092)
    _, exact = layered_sphere(
        points_m,
        [SphereElectrode((1, 0, 0), 1e-3, angle), SphereElectrode((0, 0, 1), -1e-3, angle)],
        radii_m=np.array(RADII_MM) / 1e3,
        conductivities_S_per_m=SIGMA_S_PER_M,
    )
    raw, recovered = field.E_V_per_m[brain], field.recovered_at_centers_V_per_m[brain]
    estimate = field.error_estimate("layer_1")
    error_raw, error_recovered = rdm(raw, exact, weights=volumes), rdm(recovered, exact, weights=volumes)
    print(f"{len(head.nodes_m)} nodes, residual {field.residual:.1e}")
    print(f"element field:   RDM {100 * error_raw:.2f} %, MAG {mag(raw, exact, weights=volumes):.4f}")
    print(f"recovered field: RDM {100 * error_recovered:.2f} %, MAG {mag(recovered, exact, weights=volumes):.4f}")
    print(f"estimated error of the element field: {100 * estimate:.2f} %")

    assert error_raw <= 0.02
    assert abs(mag(raw, exact, weights=volumes) - 1) <= 0.005
    assert error_recovered < error_raw / 2
    assert abs(estimate / error_raw - 1) < 0.3


if __name__ == "__main__":
    main()
