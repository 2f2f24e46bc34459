"""Pads against a ring
===================

Two pads against a 4x1 ring over the motor cortex: per mA alike at the target, and the ring is far more focal.
"""

import stimplan as sp

M1_MM = (-37, -25, 62)  # hand area of the left motor cortex


def main() -> None:
    head = sp.load_head("colin27")
    volumes_ml = {}
    for name in ("m1-so", "hd-4x1-m1"):
        protocol = sp.read_protocol(name)
        field = sp.solve(head, sp.place(protocol, head))
        # Per mA, so that the montages can be compared whatever dose their paper gave.
        per_mA = 1e3 * protocol.total_current_A
        cortex = sp.measure(field)
        target = sp.measure(field, sp.sphere_roi(mni_mm=M1_MM, radius_mm=10))
        gray = head.in_tissue("gray_matter")
        strong = field.magnitude_V_per_m[gray] > cortex.p999_V_per_m / 2
        volumes_ml[name] = 1e6 * head.volumes_m3[gray][strong].sum()
        print(
            f"{name:10s} per mA: cortex 99.9th percentile {cortex.p999_V_per_m / per_mA:.3f} V/m, "
            f"target mean {target.mean_V_per_m / per_mA:.3f} V/m, "
            f"{volumes_ml[name]:.0f} ml above half of the 99.9th percentile"
        )
        assert field.residual <= 1e-6
        assert 0.05 < cortex.p999_V_per_m / per_mA < 0.5

    assert volumes_ml["hd-4x1-m1"] < volumes_ml["m1-so"] / 3


if __name__ == "__main__":
    main()
