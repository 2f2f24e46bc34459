"""Pictures of the way from the T1 to the labels: one per step, four slices, contact sheets of every tenth slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
from colin27_settle import TISSUES
from numpy.typing import NDArray

COLORS = {
    "white_matter": "#ffffff",
    "gray_matter": "#d1495b",
    "csf": "#2e86de",
    "scalp": "#e8a87c",
    "eyes": "#4caf50",
    "compact_bone": "#f4d35e",
    "spongy_bone": "#8a5a00",
    "air": "#7b2cbf",
}
T1_WHITE = 130  # white of the pictures: white matter is 112, fat beyond it looks all the same
PANEL_INCHES, DPI, LARGE_DPI = 3.0, 60, 105  # contact sheets; pictures of a few cuts
PALETTE = 96
FEW = 4
ALPHA = 0.5
LINES = ("#00e5ff", "#ffd60a", "#ff4dd2", "#7cfc00")


Cuts = Sequence[tuple[int, float]]
"""Axis and position in mm."""


@attrs.frozen(eq=False)
class Canvas:
    """The T1 on the labels' grid and where the first voxel lies, mm."""

    t1: NDArray
    first_mm: NDArray[np.float64]

    def index(self, axis: int, position_mm: float) -> int:
        """Slice at a position."""
        return round(position_mm - self.first_mm[axis])


def on_label_grid(t1: NDArray, affine: NDArray, shape: Sequence[int], grown: NDArray) -> Canvas:
    """The T1 with black where only the labels go on."""
    wide = np.zeros(shape, t1.dtype)
    start = np.rint(affine[:3, 3] - grown[:3, 3]).astype(int)
    wide[tuple(slice(a, a + n) for a, n in zip(start, t1.shape, strict=True))] = t1
    return Canvas(wide, grown[:3, 3])


def draw_labels(canvas: Canvas, labels: NDArray, cuts: Cuts, path: Path, *, columns: int) -> None:
    """Contact sheet: labels in colour over the T1; right (or front) of the picture is right (or front) of the head."""
    from matplotlib.colors import to_rgba

    table = np.zeros((256, 4))
    for label, name in TISSUES.items():
        table[label] = to_rgba(COLORS[name], ALPHA)

    def paint(panel, axis: int, index: int) -> None:
        panel.imshow(table[np.take(labels, index, axis).T], origin="lower", interpolation="none")

    _sheet(canvas, cuts, path, paint=paint, columns=columns)


def draw_outlines(canvas: Canvas, masks: Mapping[str, NDArray], cuts: Cuts, path: Path) -> None:
    """One step: the outline of each mask over the T1."""
    colors = dict(zip(masks, LINES, strict=False))

    def paint(panel, axis: int, index: int) -> None:
        for name, mask in masks.items():
            cut = np.take(mask, index, axis).T
            if cut.any() and not cut.all():
                panel.contour(cut, [0.5], colors=[colors[name]], linewidths=0.9)

    _sheet(canvas, cuts, path, paint=paint, columns=len(cuts), title=colors)


def _sheet(canvas: Canvas, cuts: Cuts, path: Path, *, paint, columns: int, title=None) -> None:
    """Panels of cuts, written small: a palette is enough for them."""
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from PIL import Image

    rows = -(-len(cuts) // columns)
    size = (PANEL_INCHES * columns, PANEL_INCHES * 1.08 * rows)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, facecolor="black", squeeze=False)
    for panel in axes.ravel():
        panel.axis("off")
    for panel, (axis, position_mm) in zip(axes.ravel(), cuts, strict=False):
        index = canvas.index(axis, position_mm)
        panel.imshow(np.take(canvas.t1, index, axis).T, cmap="gray", vmin=0, vmax=T1_WHITE, origin="lower")
        paint(panel, axis, index)
        panel.set_title(f"{'xyz'[axis]} = {position_mm:g} mm", color="white", fontsize=8, pad=2)
    for number, (name, color) in enumerate((title or {}).items()):
        figure.text(0.01 + 0.25 * number, 0.005, name, color=color, fontsize=9)
    figure.subplots_adjust(0.005, 0.05 if title else 0.005, 0.995, 0.95, 0.01, 0.08)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI if len(cuts) > FEW else LARGE_DPI, metadata={"Software": None})
    pyplot.close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Maximum coverage keeps the colour of small things, such as the eyes.
    image = Image.open(drawn).convert("RGB")
    image.quantize(PALETTE, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
