"""What the cut of a scene shows: tissues on a grid and the field in the brain, so that a cut head is not hollow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.exposure import Exposure
from stimplan.head.cortex import brain_names
from stimplan.view.style import SKIN

# A voxel of the anatomy, m; the field, which is smooth, has voxels twice as long.
SPACING_M = 1.5e-3
# Maps beyond these are shown on the surface alone, to keep the page small.
MOST_MAPS = 3
_TONES = {
    "white_matter": "#e6e2de", "gray_matter": "#bdb5af", "csf": "#cddbe6", "scalp": SKIN, "skin": SKIN,
    "eyes": "#b9c7d6",
    "bone": "#efe8d3", "skull": "#efe8d3", "compact_bone": "#efe8d3", "spongy_bone": "#dccdaa", "blood": "#b98a86",
    "muscle": "#c9a39a", "air": "#ffffff",
}  # fmt: skip
_OTHER = "#c9c9c9"
# Values are carried so many voxels beyond the brain, so that mixing neighbours at its edge does not darken it.
_CARRIED = 2


@attrs.frozen(eq=False)
class CutVolume:
    """A head on a grid.

    Attributes
    ----------
    labels : (x, y, z) uint8 array
        Tissue of each voxel, 0 outside the head.
    values : mapping of int to (x', y', z') array
        By the number of the shade that it belongs to, in its unit: the field in the brain and a little around it on
        a grid of twice the spacing and the same first voxel; NaN elsewhere.
    origin_m : (3,) array
        Centre of the first voxel.
    spacing_m : float
    colours : mapping of int to (str, bool)
        Of each label, and whether values colour it.
    """

    labels: NDArray[np.uint8]
    values: Mapping[int, NDArray[np.float64]]
    origin_m: NDArray[np.float64]
    spacing_m: float
    colours: Mapping[int, tuple[str, bool]]


def cut_volume(exposure: Exposure, *, spacing_m: float = SPACING_M) -> CutVolume:
    """The tissues and the maps of an exposure on a grid of the head's own coordinates."""
    from stimplan.fem.locate import rasterize

    head = exposure.field.head
    origin = head.nodes_m.min(axis=0)
    size = np.ptp(head.nodes_m, axis=0)

    def found_at(step_m: float) -> NDArray[np.int32]:
        x, y, z = (int(side) for side in np.floor(size / step_m) + 2)
        affine = np.diag([step_m, step_m, step_m, 1.0])
        affine[:3, 3] = origin
        found: NDArray[np.int32] = rasterize(head.nodes_m, head.tets, shape=(x, y, z), affine_m=affine)
        return found

    fine, coarse = found_at(spacing_m), found_at(2 * spacing_m)
    labels = np.where(fine >= 0, head.tissue[fine], 0).astype(np.uint8)
    brain = set(brain_names(head))
    return CutVolume(
        labels=labels,
        values={at: _in_brain(exposure, one.id, coarse) for at, one in enumerate(exposure.maps[:MOST_MAPS])},
        origin_m=origin,
        spacing_m=spacing_m,
        colours={one.label: (_TONES.get(one.name, _OTHER), one.name in brain) for one in head.tissues},
    )


def _in_brain(exposure: Exposure, name: str, found: NDArray[np.int32]) -> NDArray[np.float64]:
    """A map in the brain's voxels, mean of the recovered values of the corners of the tetrahedron there."""
    from scipy.ndimage import distance_transform_edt

    head = exposure.field.head
    values = np.full(found.shape, np.nan)
    for tissue in brain_names(head):
        inside = (found >= 0) & head.in_tissue(tissue)[found]
        values[inside] = exposure.at_nodes(tissue, name)[head.tets[found[inside]]].mean(axis=1)
    is_empty = ~np.isfinite(values)
    if is_empty.all():
        return values
    distance, nearest = distance_transform_edt(is_empty, return_indices=True)
    near = is_empty & (distance <= _CARRIED)
    values[near] = values[tuple(axis[near] for axis in nearest)]
    return values


def cut_data(volume: CutVolume, arrays: dict[str, Any]) -> dict[str, Any]:
    """A volume as JSON data; its arrays are added to those that will be packed, x running fastest."""
    from stimplan.view.scene_pack import values_as_codes

    arrays["cut labels"] = volume.labels.ravel(order="F")
    values = []
    for shade, field in volume.values.items():
        name = f"cut values {shade}"
        arrays[name], low, high = values_as_codes(field.ravel(order="F"))
        values.append({"shade": shade, "array": name, "low": low, "high": high, "shape": list(field.shape)})
    return {
        "labels": "cut labels",
        "shape": list(volume.labels.shape),
        "origin_m": [float(x) for x in volume.origin_m],
        "spacing_m": volume.spacing_m,
        "colours": [[label, colour, is_coloured] for label, (colour, is_coloured) in sorted(volume.colours.items())],
        "values": values,
    }


def cut_from(tree: Mapping[str, Any], arrays: Mapping[str, NDArray[np.int64]]) -> CutVolume:
    """The volume that `cut_data` wrote."""
    from stimplan.view.scene_pack import NO_VALUE

    values = {}
    for one in tree["values"]:
        codes = arrays[one["array"]].astype(np.float64)
        field = one["low"] + codes / (NO_VALUE - 1) * (one["high"] - one["low"])
        field[codes == NO_VALUE] = np.nan
        values[int(one["shade"])] = field.reshape(one["shape"], order="F")
    return CutVolume(
        labels=arrays[tree["labels"]].reshape(tree["shape"], order="F").astype(np.uint8),
        values=values,
        origin_m=np.asarray(tree["origin_m"], float),
        spacing_m=float(tree["spacing_m"]),
        colours={int(label): (colour, bool(is_coloured)) for label, colour, is_coloured in tree["colours"]},
    )
