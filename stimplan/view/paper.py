"""What every matplotlib figure shares: type, colours, and the way it becomes a PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ANODE = "#c8322b"
CATHODE = "#2a6bb0"
INK = "#222222"
FAINT = "#777777"
# Perceptually uniform and readable in grey print.
FIELD_CMAP = "viridis"

_DPI = 200


def new_figure(width_in: float, height_in: float) -> Figure:
    """Empty figure drawn by Agg, outside pyplot: no global state, nothing to close."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def png_bytes(figure: Figure, *, dpi: int = _DPI) -> bytes:
    """The figure as a PNG, the same bytes every time (no date or version inside)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def write_figure(figure: Figure, path: Path | str, *, dpi: int = _DPI) -> None:
    """Write a figure as PNG or SVG, by the ending of the path; `style.PUBLICATION.dpi` is what journals ask for.

    Rendered views inside an SVG stay pictures of points; lines, letters and colour bars are drawn.

    Raises
    ------
    InputError
        Another ending.
    """
    from stimplan.errors import InputError

    endings = {".png": lambda: png_bytes(figure, dpi=dpi), ".svg": lambda: svg_bytes(figure)}
    ending = Path(path).suffix.lower()
    if ending not in endings:
        raise InputError(f"a figure ends in {' or '.join(endings)}, got {str(path)!r}")
    Path(path).write_bytes(endings[ending]())


def write_png(figure: Figure, path: Path | str) -> None:
    """Write a figure as PNG, 200 dots per inch."""
    Path(path).write_bytes(png_bytes(figure))


def svg_bytes(figure: Figure) -> bytes:
    """The figure as an SVG, the same bytes every time; letters are outlines, so no font is needed to read it."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "stimplan", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def bare(axes: Axes) -> None:
    """Leave only the picture: no ticks and no frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def current_text(current_A: float) -> str:
    """Signed current for a label: `+2 mA`, `−0.5 mA`."""
    from stimplan.units import text

    sign = "+" if current_A > 0 else "−" if current_A < 0 else ""
    return sign + text(abs(current_A), "A")


def shown_currents_A(electrodes: Sequence[Any]) -> list[float]:
    """Current of each electrode at the moment that is drawn, A: when the largest peaks, every carrier at its peak."""
    phases = [getattr(one, "phase_rad", None) or 0.0 for one in electrodes]
    sizes = [abs(one.current_A) for one in electrodes]
    start = phases[sizes.index(max(sizes))] if sizes else 0.0
    currents = [one.current_A * math.cos(phase - start) for one, phase in zip(electrodes, phases, strict=True)]
    return [0.0 if abs(one) < 1e-12 * size else one for one, size in zip(currents, sizes, strict=True)]


def electrode_text(electrode: Any) -> str:
    """Current of an electrode for a label; its phase, the direct current below it and its channel on further lines."""
    lines = [current_text(electrode.current_A)]
    if getattr(electrode, "phase_rad", None) is not None:
        lines = [current_text(electrode.current_A).lstrip("+"), f"phase {math.degrees(electrode.phase_rad):.3g}°"]
    if getattr(electrode, "offset_A", None):
        lines.append(f"on {current_text(electrode.offset_A)}")
    if getattr(electrode, "channel", None) is not None:
        lines.append(f"channel {electrode.channel}")
    return "\n".join(lines)


def sign_colour(current_A: float) -> str:
    """Colour of an electrode: red into the head, blue out of it, grey where no current flows."""
    return ANODE if current_A > 0 else CATHODE if current_A < 0 else FAINT
