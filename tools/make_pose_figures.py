"""Draw the figures of docs/poses.md: how handle angles count, and a coil with its axes."""

from __future__ import annotations

import math
from pathlib import Path

from stimplan.head import load_head
from stimplan.pose import CoilPose, pose_on_scalp
from stimplan.protocol.magnetic import Handle
from stimplan.view.paper import INK, new_figure, write_png
from stimplan.view.pose import plot_pose, scene_pose
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


def at(head, site: str, angle_deg: float) -> CoilPose:
    return pose_on_scalp(head, site, handle=Handle(from_midline_rad=math.radians(angle_deg)), distance_m=0.004)


if __name__ == "__main__":
    main()
