"""What the middle of the page shows of a plan: plain data, made without a window."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.app.plan import Plan
from stimplan.errors import InputError
from stimplan.preview import Preview, preview, preview_table
from stimplan.protocol import Protocol
from stimplan.sites import known_sites, resolve_site
from stimplan.units import from_si

Quantity = Literal["magnitude", "inward"]

# Above this percentile of the area lie the numbers of single points; they take the last colour.
_PERCENT = 99.9
_LEAST_V_PER_M = 1e-6
_CENTER_MM = (0.0, -18.0, 8.0)


@attrs.frozen
class Disc:
    """An electrode as it is drawn.

    Attributes
    ----------
    label : str
    site : str
        Name of its site; "" where it has none.
    at_mm : 3 floats
        MNI, mm.
    current_mA : float
    """

    label: str
    site: str
    at_mm: tuple[float, float, float]
    current_mA: float

    def record(self) -> dict[str, Any]:
        """As the page takes it."""
        sign = "anode" if self.current_mA > 0 else "cathode" if self.current_mA < 0 else "idle"
        text = f"{self.label} {self.current_mA:+.4g} mA" if self.current_mA else f"{self.label} 0 mA"
        return {"label": self.label, "site": self.site, "at": list(self.at_mm), "sign": sign, "text": text}


@attrs.frozen(eq=False)
class Picture:
    """The field on the cortex and what it is of.

    Attributes
    ----------
    values : (p,) array or None
        By point of the cortex, V/m; None where there is no preview, and `why` says why.
    most_V_per_m : float
        Upper end of the values, without the largest 0.1 % of the area.
    numbers : mapping
        The preview's figures, see `Preview.record`.
    electrodes : tuple of Disc
    why : str
    """

    values: NDArray[np.float32] | None
    most_V_per_m: float
    numbers: Mapping[str, Any]
    electrodes: tuple[Disc, ...]
    why: str = ""


def picture_of(plan: Plan, quantity: Quantity = "magnitude") -> Picture:
    """The picture of a plan; one that has no preview still shows its electrodes, and says why there is no field."""
    discs, problems = _discs(plan.protocol)
    try:
        seen = preview(plan.currents_A)
    except InputError as error:
        why = "; ".join(str(one) for one in error.problems)
        return Picture(None, 0.0, {}, discs, why)
    values, most = _values(seen, quantity)
    return Picture(values, max(most, _LEAST_V_PER_M), seen.record(), discs, "; ".join(problems))


def _values(seen: Preview, quantity: Quantity) -> tuple[NDArray[np.float32], float]:
    """Values by point, and the size that all but a thousandth of the area stay below."""
    if quantity == "magnitude":
        return seen.magnitude_V_per_m.astype(np.float32), seen.percentile_V_per_m(_PERCENT)
    inward = seen.inward_V_per_m
    order = np.argsort(np.abs(inward))
    covered = np.cumsum(seen.table.area_m2[order])
    most = float(np.abs(inward)[order][np.searchsorted(covered, _PERCENT / 100 * covered[-1])])
    return inward.astype(np.float32), most


def _discs(protocol: Protocol) -> tuple[tuple[Disc, ...], list[str]]:
    """Where the electrodes lie on the template; those that are at no named site are said instead."""
    discs, problems = [], []
    for electrode in protocol.electrodes:
        if not isinstance(electrode.site, str):
            problems.append(f"{electrode.label} is at no named site and is not drawn")
            continue
        site = resolve_site(electrode.site)
        at_mm = position_mm(site)
        discs.append(Disc(electrode.label, site, at_mm, float(from_si(electrode.current_A, "mA"))))
    return tuple(discs), problems


def position_mm(site: str) -> tuple[float, float, float]:
    """Where a site lies on the template's scalp, MNI, mm: the preview's own place, or the montage's."""
    table = preview_table()
    where = table.sites_m[table.names.index(site)] if site in table.names else known_sites()[site]
    x, y, z = (round(1e3 * float(one), 2) for one in where)
    return (x, y, z)


def sites() -> list[dict[str, Any]]:
    """The sites that can be picked, as the page takes them."""
    return [{"name": name, "at": list(position_mm(name))} for name in preview_table().names]


def surfaces() -> dict[str, dict[str, Any]]:
    """Cortex and scalp as the page takes them; lengths in mm."""
    table = preview_table()
    scalp_normals = _point_normals(table.scalp_m, table.scalp_triangles)
    return {
        "cortex": surface(table.points_m, table.triangles, table.normals),
        "scalp": surface(table.scalp_m, table.scalp_triangles, scalp_normals),
    }


def surface(points_m: NDArray[Any], triangles: NDArray[Any], normals: NDArray[Any]) -> dict[str, Any]:
    """One surface as vtk.js takes it: points in mm, triangles each after the number of its corners, point normals."""
    faces = np.column_stack([np.full(len(triangles), 3), triangles])
    return {
        "points": packed(1e3 * points_m, "float32"),
        "polys": packed(faces, "uint32"),
        "normals": packed(normals, "float32"),
    }


def packed(values: Any, dtype: str) -> dict[str, str]:
    """Numbers as the page's view takes them: their type, and their bytes as base64."""
    flat = np.ascontiguousarray(values, dtype=np.dtype(dtype).newbyteorder("<")).tobytes()
    return {"dtype": dtype, "bvals": base64.b64encode(flat).decode()}


def _point_normals(points: NDArray[Any], triangles: NDArray[Any]) -> NDArray[np.float64]:
    """Unit normals at the points, those of the triangles around weighed by their areas."""
    corners = points[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.zeros(points.shape)
    for corner in range(3):
        np.add.at(summed, triangles[:, corner], across)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-30)


def camera(towards: Sequence[float], *, half_height_mm: float = 130.0) -> dict[str, Any]:
    """A camera in parallel projection that looks at the middle of the head from a direction; up stays up."""
    direction = np.asarray(towards, float) / np.linalg.norm(towards)
    up = np.array([0.0, 0.0, 1.0]) - direction[2] * direction
    up /= np.linalg.norm(up)
    return {
        "focalPoint": list(_CENTER_MM),
        "position": [float(c + 1000 * d) for c, d in zip(_CENTER_MM, direction, strict=True)],
        "viewUp": [float(one) for one in up],
        "parallelProjection": 1,
        "parallelScale": half_height_mm,
        "centerOfRotation": list(_CENTER_MM),
    }
