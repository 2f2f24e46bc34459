"""Four ways to the left DLPFC
===========================

Four ways to the left dorsolateral prefrontal cortex: where each puts the coil, and how far apart they are.
"""

from itertools import combinations
from math import radians

import numpy as np

import stimplan as sp
from stimplan.head.space import to_mni_m
from stimplan.head.ten_five import arcs_of
from stimplan.pose import MniTarget, pose_on_scalp
from stimplan.pose_contact import flat_casing, intersection, rest_on_scalp
from stimplan.protocol.magnetic import Handle
from stimplan.site_forms import AnteriorOf, BeamF3

TARGET = MniTarget((-0.038, 0.044, 0.026))  # Blumberger et al. 2018, doi:10.1016/S0140-6736(18)30295-2
HANDLE = Handle(from_midline_rad=radians(45))
FIGURE_8 = flat_casing([(-0.045, 0, 0.045), (0.045, 0, 0.045)])


def main() -> None:
    head = sp.load_head("colin27", edge_mm="teaching")
    arcs = arcs_of(head)
    ways = {
        "F3": "F3",
        "Beam F3": BeamF3(arcs.sagittal.length_m, arcs.coronal.length_m, arcs.circumference_m),
        "5 cm rule from C3": AnteriorOf("C3", 0.05),
        "MNI target": TARGET,
    }
    poses = {
        name: rest_on_scalp(head, pose_on_scalp(head, where, handle=HANDLE), FIGURE_8) for name, where in ways.items()
    }
    target_m = np.linalg.solve(head.mni_from_head, [*TARGET.mni_m, 1])[:3]
    for name, pose in poses.items():
        mni_mm = 1e3 * to_mni_m(head, pose.center_m)
        print(
            f"{name:18} centre MNI ({', '.join(f'{value:5.1f}' for value in mni_mm)}) mm, the coil's axis passes "
            f"{1e3 * pose.axis_distance_m(target_m):4.1f} mm from the target"
        )
        assert intersection(head, pose, FIGURE_8).depth_m <= 1.01e-4
        assert pose.handle_direction @ [-1, 0, 0] > 0 and pose.handle_direction @ [0, -1, 0] > 0

    apart_mm = {
        (one, other): 1e3 * float(np.linalg.norm(poses[one].center_m - poses[other].center_m))
        for one, other in combinations(poses, 2)
    }
    for (one, other), distance in apart_mm.items():
        print(f"{one} to {other}: {distance:.1f} mm")
    # Measured on this head; another mesh of it may differ by a millimetre or two. The cap and the tape agree, and the
    # 5 cm rule ends far behind them: in 15 of 22 people over the premotor cortex (Herwig et al. 2001,
    # doi:10.1016/S0006-3223(01)01153-2).
    expected_mm = {("F3", "Beam F3"): 5.5, ("F3", "MNI target"): 8.0, ("Beam F3", "MNI target"): 11.0}
    for pair, distance in expected_mm.items():
        assert abs(apart_mm[pair] - distance) < 2, pair
    rule = "5 cm rule from C3"
    assert poses[rule].center_m[1] < min(pose.center_m[1] for name, pose in poses.items() if name != rule) - 0.012
    assert poses["MNI target"].axis_distance_m(target_m) < 0.004 < poses["F3"].axis_distance_m(target_m)


if __name__ == "__main__":
    main()
