"""Seconds and memory of coil poses on the template head: one pose, 100 poses, and the spread of a run.

    python benchmarks/tms_poses.py                     the standard head: one pose, 16 poses, a run's spread
    python benchmarks/tms_poses.py --poses 100         100 poses
    python benchmarks/tms_poses.py --edge 3.15         another mesh of it: here 429,123 nodes

Each pose is laid on the scalp with the coil's case, solved and measured in the grey matter and at a target, as
`stimplan poses field` does. With --strict the exit code is 1 if one pose takes more than 3 s or 100 poses (in
proportion) more than 150 s, which is meant for two cores of their own and 430,000 nodes.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import time

from stimplan.coil import read_coil
from stimplan.coil_field import solve_coil
from stimplan.coil_on_head import coil_placement
from stimplan.field import system_of
from stimplan.head import load_head
from stimplan.pose import MniTarget, pose_on_scalp
from stimplan.pose_cloud import moved_poses, placement_design, random_moves
from stimplan.pose_contact import rest_on_scalp
from stimplan.protocol.magnetic import Handle
from stimplan.roi import sphere_roi
from stimplan.runs.pose_table import NamedPose, pose_table
from stimplan.runs.spread import spread_of

COIL, TARGET_MM = "magventure-mc-b70", (-38, 44, 26)
ONE_POSE_S, HUNDRED_POSES_S = 3.0, 150.0


def now() -> tuple[float, float]:
    """Wall clock and processor time: the first is what a person waits, the second does not depend on others' load."""
    return time.perf_counter(), time.process_time()


def seconds(what: str, started: tuple[float, float], note: str = "") -> float:
    took, busy = (after - before for after, before in zip(now(), started, strict=True))
    print(f"  {what:44} {took:8.2f} s, processor {busy:8.2f} s{note}", flush=True)
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", default="standard")
    parser.add_argument("--poses", type=int, default=16)
    parser.add_argument("--strict", action="store_true")
    args = parser.parse_args()
    head, coil = (
        load_head("colin27", edge_mm=float(args.edge) if args.edge[0].isdigit() else args.edge),
        read_coil(COIL),
    )
    print(f"{head.name}, {len(head.nodes_m):,} nodes; {coil.name}, {len(coil.positions_m):,} elements")
    start = now()
    system_of(head)
    seconds("matrix and multigrid, once for a head", start)
    target = MniTarget(tuple(value / 1e3 for value in TARGET_MM))
    pose = pose_on_scalp(head, target, handle=Handle(from_midline_rad=math.radians(45)))
    casing = coil.casing_points_m
    rest_on_scalp(head, pose, casing)  # compiles
    start = now()
    pose = rest_on_scalp(head, pose, casing)
    seconds("the case laid on the scalp", start, f", {len(casing):,} points")
    placement = coil_placement(coil, pose_m=pose, didt_A_per_s=1e6, head=head)
    solve_coil(head, placement)
    start = now()
    field = solve_coil(head, placement)
    one = seconds("one pose", start)
    region = sphere_roi(mni_mm=list(TARGET_MM), radius_mm=10, tissue="gray_matter")
    start = now()
    poses = moved_poses(head, pose, random_moves(args.poses, seed=0), casing_points_m=casing)
    seconds(f"{args.poses} jittered poses laid on the scalp", start)
    named = [NamedPose(f"pose {number}", each) for number, each in enumerate(poses, start=1)]
    start = now()
    pose_table(head, coil, named, regions={"target": region})
    many = seconds(f"{args.poses} poses solved and measured", start)
    start = now()
    spread = spread_of(field, {"tissue": None, "target": region})
    mean = spread.figures["target"]["mean"]
    low, high = (100 * (value / mean.value_V_per_m - 1) for value in (mean.low_V_per_m, mean.high_V_per_m))
    told = f"; mean at the target {low:+.1f} to {high:+.1f} %"
    seconds(f"spread of a run, {len(placement_design())} poses", start, told)
    print(f"  largest resident memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    is_slow = one > ONE_POSE_S or many * 100 / args.poses > HUNDRED_POSES_S
    return int(args.strict and is_slow)


if __name__ == "__main__":
    sys.exit(main())
