"""The preview: the field of any montage of 10-10 sites on the template's cortex, at once, from a shipped lead field.

It needs no mesh and no solver. Points are some ten thousand of the cortex, numbers have half precision, electrodes are
12 mm discs: good to look at and to choose by; a figure for a paper or a person comes from `stimplan run`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import InputError, Problem
from stimplan.percentiles import weighted_percentiles
from stimplan.resources import package_path
from stimplan.sites import resolve_site

Array = NDArray[np.float64]

NOTE = "Preview: template head, 12 mm discs, coarse points, half precision. stimplan run computes the field itself."
_BALANCE = 1e-9


@attrs.frozen(eq=False)
class PreviewTable:
    """The shipped lead field and the surfaces it is drawn on.

    Attributes
    ----------
    names : tuple of str
        Electrodes, by row.
    sites_m : (e, 3) array
        Where they lie on the scalp, MNI, m.
    E_V_per_m_per_A : (e, p, 3) float16 array
        Field of 1 A into each electrode and out of all others in equal parts.
    points_m, triangles, normals, area_m2
        The cortical surface: (p, 3) MNI points, (k, 3) triangles, (p, 3) outward normals, (p,) areas.
    scalp_m, scalp_triangles
        The scalp around it, coarser.
    record : mapping
        Head, digests and measured errors, as plain JSON data.
    """

    names: tuple[str, ...]
    sites_m: Array
    E_V_per_m_per_A: NDArray[np.float16]
    points_m: Array
    triangles: NDArray[np.int32]
    normals: Array
    area_m2: Array
    scalp_m: Array
    scalp_triangles: NDArray[np.int32]
    record: Mapping[str, Any]


@attrs.frozen(eq=False)
class Preview:
    """The field of one montage on the template's cortex.

    Attributes
    ----------
    table : PreviewTable
    currents_A : mapping of str to float
    E_V_per_m : (p, 3) array
    """

    table: PreviewTable
    currents_A: Mapping[str, float]
    E_V_per_m: Array

    @property
    def magnitude_V_per_m(self) -> Array:
        """(p,) |E|, V/m."""
        return np.linalg.norm(self.E_V_per_m, axis=1)

    @property
    def inward_V_per_m(self) -> Array:
        """(p,) component into the cortex, V/m: positive under an anode on a flat stretch."""
        return -np.einsum("pd,pd->p", self.E_V_per_m, self.table.normals)

    def percentile_V_per_m(self, percent: float) -> float:
        """Percentile of |E| over the cortical area, V/m."""
        return weighted_percentiles(self.magnitude_V_per_m, self.table.area_m2, percent)[0]

    def record(self) -> dict[str, Any]:
        """The figures as plain JSON data."""
        size = self.magnitude_V_per_m
        peak = int(np.argmax(size))
        away = np.linalg.norm(self.table.sites_m - self.table.points_m[peak], axis=1)
        return {
            "notice": NOTE,
            "currents_A": dict(self.currents_A),
            "median_V_per_m": self.percentile_V_per_m(50),
            "p95_V_per_m": self.percentile_V_per_m(95),
            "p99_V_per_m": self.percentile_V_per_m(99),
            "peak_V_per_m": float(size[peak]),
            "peak_mni_m": [float(x) for x in self.table.points_m[peak]],
            "peak_nearest_site": self.table.names[int(np.argmin(away))],
            "most_inward_V_per_m": float(self.inward_V_per_m.max()),
            "most_outward_V_per_m": float(-self.inward_V_per_m.min()),
            "relative_error": self.table.record["relative_error"],
            "head_digest": self.table.record["head_digest"],
        }


@cache
def preview_table() -> PreviewTable:
    """The shipped table, read once.

    Raises
    ------
    ResourceError
        It is not part of this installation.
    """
    with np.load(package_path("head", "colin27", "preview.npz"), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return PreviewTable(
        names=tuple(arrays["names"].tolist()),
        sites_m=arrays["sites_m"].astype(float),
        E_V_per_m_per_A=arrays["E_V_per_m_per_A"],
        points_m=arrays["points_m"].astype(float),
        triangles=arrays["triangles"].astype(np.int32),
        normals=arrays["normals"].astype(float),
        area_m2=arrays["area_m2"].astype(float),
        scalp_m=arrays["scalp_m"].astype(float),
        scalp_triangles=arrays["scalp_triangles"].astype(np.int32),
        record=json.loads(str(arrays["record"])),
    )


def preview(currents_A: Mapping[str, float]) -> Preview:
    """The field of a montage of 10-10 sites.

    Parameters
    ----------
    currents_A : mapping of str to float
        Current into the electrode at each site, A.

    Raises
    ------
    InputError
        Every site that the preview does not have (with the nearest), a current that is not finite, currents that are
        all zero or do not sum to zero.
    """
    table = preview_table()
    rows, problems = {}, []
    for site, current in currents_A.items():
        row = _row(site, table.names, problems)
        if not np.isfinite(current):
            problems.append(Problem(site, f"the current must be finite, got {current!r} A"))
        if row is not None:
            if row in rows:
                problems.append(Problem(site, f"{table.names[row]} comes twice; give the sum"))
            rows[row] = float(current)
    size, total = sum(map(abs, rows.values())), sum(rows.values())
    if not problems and not size > 0:
        problems.append(Problem("", "all currents are zero: no current, no field"))
    if not problems and not abs(total) <= _BALANCE * size:
        problems.append(Problem("", f"the currents must sum to zero, they sum to {1e3 * total:g} mA"))
    if problems:
        raise InputError(problems)
    field = np.zeros(table.points_m.shape)
    for row, current in rows.items():
        field += current * table.E_V_per_m_per_A[row].astype(np.float32)
    return Preview(table, {table.names[row]: current for row, current in rows.items()}, field)


def _row(site: str, names: tuple[str, ...], problems: list[Problem]) -> int | None:
    """Row of a site; where there is none, the problem is added."""
    try:
        name = resolve_site(site)
    except InputError as error:
        problems.extend(Problem(site, problem.what) for problem in error.problems)
        return None
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.3)
        problems.append(Problem(site, f"the preview has the 10-10 sites only; the nearest name is {near[0]!r}"
                                if near else "the preview has the 10-10 sites only"))  # fmt: skip
        return None
    return names.index(name)
