"""The result of an exact solve as the middle of the page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stimplan.app.picture import Disc, Picture, layer
from stimplan.units import text
from stimplan.view.paper import ANODE, CATHODE

if TYPE_CHECKING:
    from stimplan.app.solve_worker import Solved
    from stimplan.view.scene_parts import Layer, Scene

# The sign of a current by the colour its electrode has; a coil's handle has none of them.
_SIGNS = {ANODE: 1.0, CATHODE: -1.0}
# What the page takes for no value.
NO_VALUE = -1e30
# Where the head's own space and MNI space are the same to a millimetre, sites of the template lie on it as well.
_SAME_M = 1e-3


def computed_layers(scene: Scene) -> list[dict[str, Any]]:
    """The surfaces of a scene as the page takes them."""
    return [
        layer(
            one.id,
            one.points_m,
            one.triangles,
            colour=one.colour,
            opacity=one.opacity,
            is_shaded=bool(one.shades),
        )
        for one in scene.layers
    ]


def computed_picture(solved: Solved, shade: int = 0) -> Picture:
    """The field that was computed, with its own error estimate."""
    cortex = cortex_of(solved.scene)
    chosen = cortex.shades[min(shade, len(cortex.shades) - 1)]
    scale = chosen.range
    # Where white matter reaches the surface there is no value, which the page draws grey.
    values = np.nan_to_num(chosen.values, nan=NO_VALUE).astype(np.float32)
    return Picture(
        values=values,
        low=scale.low,
        high=scale.high,
        caption=f"{scale.what}, {scale.unit} ({scale.ends})",
        table=chosen.colours.tobytes(),
        shades=tuple(one.range.what for one in cortex.shades),
        line=_line(solved.record),
        electrodes=_marks(solved.scene),
    )


def cortex_of(scene: Scene) -> Layer:
    """The surface that carries the field."""
    return next(one for one in scene.layers if one.shades)


def is_on_template(scene: Scene) -> bool:
    """Whether sites of the template lie where they should on the head that was solved."""
    matrix = scene.mni_from_scene
    if matrix is None:
        return False
    points = cortex_of(scene).points_m
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    return bool(np.abs(moved - points).max() < _SAME_M)


def _line(record: dict[str, Any]) -> str:
    """Percentiles of the field in the grey matter, and the error estimate that stands beside every figure."""
    found, error = record["field"]["in_tissue"], record["numerics"]["relative_error_estimate"]
    tissue = record["field"]["tissue"].replace("_", " ").replace("gray", "grey")
    said = "not estimated" if error is None else f"{100 * error:.1f} %"
    p95, p99 = (text(found[name], "V_per_m") for name in ("p95_V_per_m", "p99_V_per_m"))
    return f"{tissue}: 95th percentile {p95}, 99th {p99}; estimated error {said}"


def _marks(scene: Scene) -> tuple[Disc, ...]:
    """Names beside electrodes and coil; their bodies are surfaces of the scene."""
    marks = []
    for one in scene.labels:
        x, y, z = (round(1e3 * float(number), 2) for number in one.point_m)
        words = " ".join(one.text.split())
        marks.append(Disc(words, "", (x, y, z), _SIGNS.get(one.colour, 0.0), radius_mm=0.0, words=words))
    return tuple(marks)
