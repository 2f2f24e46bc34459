"""Overlay pictures of the labels on the T1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NAMES = ("white matter", "grey matter", "CSF", "bone", "scalp", "eyes")
COLORS = ("#ffffff", "#d1495b", "#2e86de", "#f4d35e", "#e8a87c", "#4caf50")
# Picture name: axis of the cut, positions in mm.
PICTURES = {
    "axial-upper": (2, (0, 10, 20, 30, 40, 50, 60, 70)),
    "axial-base": (2, (-70, -60, -50, -45, -40, -30, -20, -10)),
    "coronal": (1, (65, 45, 20, 0, -20, -40, -60, -80)),
    "sagittal": (0, (-50, -35, -20, -8, 0, 8, 25, 50)),
}


def draw_overlays(t1: NDArray, labels: NDArray, affine: NDArray, folder: Path) -> None:
    """Write one PNG per entry of `PICTURES`: eight cuts, labels half transparent over the T1."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for name, (axis, positions_mm) in PICTURES.items():
        figure, axes = pyplot.subplots(2, 4, figsize=(12, 6.9), facecolor="black")
        for panel, position in zip(axes.ravel(), positions_mm, strict=True):
            draw_cut(panel, t1, labels, axis=axis, index=int(position - affine[axis, 3]))
            panel.set_title(f"{'xyz'[axis]} = {position} mm", color="white", fontsize=9)
        legend = [matplotlib.patches.Patch(color=c, label=n) for c, n in zip(COLORS, NAMES, strict=True)]
        figure.legend(handles=legend, loc="lower center", ncol=6, fontsize=9, frameon=False, labelcolor="white")
        figure.subplots_adjust(0.005, 0.055, 0.995, 0.955, 0.02, 0.08)
        figure.savefig(folder / f"{name}.png", dpi=58, metadata={"Software": None}, pil_kwargs={"optimize": True})
        pyplot.close(figure)


def draw_cut(panel, t1: NDArray, labels: NDArray, *, axis: int, index: int) -> None:
    """One cut: T1 in grey, labels in colour; right of the picture is right of the head (or front)."""
    from matplotlib.colors import ListedColormap

    cut, over = np.take(t1, index, axis).T, np.take(labels, index, axis).T
    panel.imshow(cut, cmap="gray", vmin=0, vmax=130, origin="lower")
    masked = np.ma.masked_equal(over, 0)
    panel.imshow(masked, cmap=ListedColormap(COLORS), vmin=1, vmax=6, alpha=0.45, origin="lower", interpolation="none")
    panel.axis("off")
