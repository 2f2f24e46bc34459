"""The region asked about, in a scene: its rim on the brain, or a ball of glass where it lies below the surface."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from stimplan.head.model import HeadModel
from stimplan.protocol import Protocol
from stimplan.roi import Roi, SphereRoi, elements_in, sphere_roi
from stimplan.view.outline import outline_on_brain
from stimplan.view.scene_parts import Label, Layer
from stimplan.view.style import ROI

if TYPE_CHECKING:
    from stimplan.runs.result import RunResult

_LINE_M = 0.9e-3
_GLASS = 0.45
_LETTERS = 34


def target_of_run(result: RunResult) -> SphereRoi | None:
    """The protocol's target as a region, where the run measured the field in it."""
    return None if result.target_metrics is None else target_in(result.protocol, result.tissue)


def target_in(protocol: Protocol, tissue: str) -> SphereRoi | None:
    """The protocol's target as a region of a tissue; None where it has no place or no size."""
    target = protocol.target
    if target is None or target.mni_m is None or target.radius_m is None:
        return None
    x, y, z = (1e3 * one for one in target.mni_m)
    return sphere_roi(mni_mm=(x, y, z), radius_mm=1e3 * target.radius_m, tissue=tissue)


def target_layers(head: HeadModel, roi: Roi, name: str) -> tuple[list[Layer], list[Label]]:
    """A region as a layer of the group "target", and its name where its middle is.

    Raises
    ------
    InputError
        The region holds nothing of this head.
    """
    import pyvista

    inside = elements_in(head, roi)
    middle = np.average(head.centers_m[inside], axis=0, weights=head.volumes_m3[inside])
    lines = outline_on_brain(head, roi)
    mesh: Any
    if lines.n_cells:
        mesh, opacity = lines.tube(radius=_LINE_M, n_sides=6), 1.0
    else:
        radius = float((3 * head.volumes_m3[inside].sum() / (4 * np.pi)) ** (1 / 3))
        mesh, opacity = pyvista.Sphere(radius=radius, center=middle), _GLASS
    mesh = mesh.extract_surface(algorithm="dataset_surface").triangulate()
    layer = Layer(
        id="target", title=name, group="target", colour=ROI, opacity=opacity, points_m=mesh.points,
        triangles=mesh.regular_faces, is_cut=False,
    )  # fmt: skip
    words = textwrap.shorten(name, _LETTERS, placeholder=" …") or "target"
    return [layer], [Label(words, middle, ROI, "target")]
