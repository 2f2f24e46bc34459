"""Four rules for the DLPFC, and the best pose
===========================================

What four ways to the left dorsolateral prefrontal cortex give a target there, beside the best of a search.
"""

import sys
from math import degrees, radians
from pathlib import Path

import numpy as np

import stimplan as sp
from stimplan.coil_search import Goal, SearchOptions, SearchSpace, make_target, search_poses, values_at
from stimplan.head.ten_five import arcs_of
from stimplan.pose import MniTarget, pose_on_scalp
from stimplan.protocol.magnetic import Handle
from stimplan.site_forms import AnteriorOf, BeamF3

MNI_MM = (-38, 44, 26)  # Blumberger et al. 2018, doi:10.1016/S0140-6736(18)30295-2
HANDLE = Handle(from_midline_rad=radians(45))  # backwards and to the left, as these protocols have it
HAIR_M = 0.004
RATE_A_PER_S = 70e6


def main(picture: Path | None = None) -> None:
    head, coil = sp.load_head("colin27", edge_mm="teaching"), sp.read_coil("magstim-70mm-figure8")
    arcs = arcs_of(head)
    ways = {
        "F3": "F3",
        "Beam F3": BeamF3(arcs.sagittal.length_m, arcs.coronal.length_m, arcs.circumference_m),
        "5 cm rule from C3": AnteriorOf("C3", 0.05),
        "MNI target": MniTarget(tuple(value / 1e3 for value in MNI_MM)),
    }
    poses = {name: pose_on_scalp(head, where, handle=HANDLE, distance_m=HAIR_M) for name, where in ways.items()}

    goal = Goal(make_target(head, f"mni:{','.join(map(str, MNI_MM))}"))
    options = SearchOptions(SearchSpace(distance_m=HAIR_M), top_k=1, didt_A_per_s=RATE_A_PER_S)
    found = search_poses(head, coil, [goal], options=options)
    best = found.best[0]
    poses["best of the search"] = best.pose
    around = values_at(found, list(poses.values()))

    print(f"{goal.target.description}, {RATE_A_PER_S / 1e6:g} A/µs, {HAIR_M * 1e3:g} mm of hair")
    for name, (value, low, high) in zip(poses, around, strict=True):
        print(f"{name:18} {value:5.1f} V/m ({low:.1f} to {high:.1f} within 5 mm and 10°), {value / around[-1, 0]:4.0%}")
    print(f"The best has its handle at {degrees(best.angle_rad):.0f}° from the midline, the others at 45°.")

    share = dict(zip(poses, around[:, 0] / around[-1, 0], strict=True))
    assert np.all(around[:, 1] <= around[:, 0]) and np.all(around[:, 0] <= around[:, 2])
    assert share["best of the search"] >= max(share.values())
    assert share["MNI target"] > share["F3"] > share["5 cm rule from C3"]
    if picture is not None:
        from stimplan.view.coil_search import plot_poses
        from stimplan.view.paper import write_png

        write_png(plot_poses(found, poses, around), picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].endswith(".png") else None)
