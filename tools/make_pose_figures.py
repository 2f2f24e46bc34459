"""Draw the figures of docs/poses.md: how handle angles count, a coil with its axes, and a session that was made up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from stimplan.coil import read_coil
from stimplan.coil_search import make_target
from stimplan.coil_search.candidates import casing_points
from stimplan.head import load_head
from stimplan.pose import CoilPose, MniTarget, pose_on_scalp
from stimplan.pose_cloud import moved_poses, random_moves
from stimplan.protocol.magnetic import Handle
from stimplan.runs.calibration import HAND_KNOB_M
from stimplan.runs.pose_table import NamedPose, pose_table
from stimplan.view.paper import INK, new_figure, write_png
from stimplan.view.pose import plot_pose, scene_pose
from stimplan.view.pose_map import PoseValues, plot_pose_map
from stimplan.view.scene import VIEWS, shoot, show_shot

OUT = Path(__file__).resolve().parent.parent / "docs" / "poses"
ANGLES_DEG = (0, 45, 90, -45)


def main() -> None:
    OUT.mkdir(exist_ok=True)
    head = load_head("colin27", edge_mm="teaching")
    poses = [at(head, "C3", angle) for angle in ANGLES_DEG] + [at(head, "C4", -45)]
    titles = [f"C3, {angle:+d}°".replace("+0", "0").replace("-", "−") for angle in ANGLES_DEG] + ["C4, −45°"]
    figure = new_figure(9.0, 2.3)
    figure.text(0.01, 0.93, "angle of the handle from the midline", fontsize=9, weight="bold", color=INK)
    for column, (pose, title) in enumerate(zip(poses, titles, strict=True)):
        axes = figure.add_axes((column / 5, 0.02, 0.2, 0.78))
        plotter = scene_pose(head, pose)
        show_shot(
            axes, shoot(plotter, VIEWS["top"], points_m=head.nodes_m, half_height=0.19), title=title, letters_at=0.86
        )
        plotter.close()
    write_png(figure, OUT / "handle-angles.png")
    write_png(plot_pose(head, poses[1], title="C3, handle 45° from the midline"), OUT / "c3.png")
    draw_session()


def draw_session() -> None:
    """Forty poses around the hand knob; responses made up from the field there, to show what the map looks like."""
    head, coil = load_head("colin27", edge_mm="standard"), read_coil("magventure-cool-b65")
    x, y, z = (1e3 * value for value in HAND_KNOB_M["left"])
    target = make_target(head, f"sphere:mni_mm={x:g},{y:g},{z:g};radius_mm=10")
    base = pose_on_scalp(head, MniTarget(HAND_KNOB_M["left"]), handle=Handle(math.radians(45)), distance_m=0.004)
    moves = random_moves(39, seed=4, shift_m=0.028, turn_rad=math.radians(40))
    poses = [base, *moved_poses(head, base, moves, casing_points_m=casing_points(coil))]
    given = [NamedPose(f"pulse {number}", pose, 80e6) for number, pose in enumerate(poses, start=1)]
    field = pose_table(head, coil, given, target=target).columns["target_V_per_m"]
    noise = np.random.default_rng(0).lognormal(0.0, 0.35, len(field))
    middle = float(np.quantile(field, 0.75))
    responses = 30 + 1500 * noise / (1 + np.exp(-(field - middle) / (0.08 * middle)))
    figure = plot_pose_map(
        head,
        np.array([pose.matrix_m for pose in poses]),
        [PoseValues("response of the muscle (made up)", "MEP, channel 1, µV", responses),
         PoseValues("field at the target", "field at the target, V/m", field)],
        title="MagVenture Cool-B65 figure-8: 40 poses on colin27",
        subtitle="target: mean field vector within 10 mm of the hand knob; the responses are made up from the field",
        target_m=target.center_m,
    )  # fmt: skip
    write_png(figure, OUT / "session.png")


def at(head, site: str, angle_deg: float) -> CoilPose:
    return pose_on_scalp(head, site, handle=Handle(from_midline_rad=math.radians(angle_deg)), distance_m=0.004)


if __name__ == "__main__":
    main()
