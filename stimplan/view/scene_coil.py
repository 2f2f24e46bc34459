"""A coil in a scene: its own winding or dipoles, its case as glass, its handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stimplan.coil.values import AGrid, Coil, Segments
from stimplan.pose import CoilPose
from stimplan.view.pose import COIL, HANDLE, figure_8_outline
from stimplan.view.scene_parts import Label, Layer

if TYPE_CHECKING:
    import pyvista

Array = NDArray[np.float64]

_WIRE_M = 1.2e-3
_CASE_OPACITY = 0.25
# From the coil's centre, at the height of a winding that lies in the case.
_HANDLE_M = (0.020, 0.150)
_HANDLE_RADIUS_M = 7e-3
# Wires of more pieces than this are drawn with three sides instead of six.
_MANY = 3000
# The next piece of the same wire lies straight ahead (cosine) and not much farther than the piece is long.
_AHEAD, _FARTHEST = 0.9, 8.0


def coil_layers(coil: Coil, pose: CoilPose, *, name: str = "") -> tuple[list[Layer], list[Label]]:
    """The layers of a coil at its pose, all of the group "coil".

    Parameters
    ----------
    coil : Coil
        One that is known only as a grid of its potential has no winding to draw: circles of a common size stand for it,
        and its label says so.
    pose : CoilPose
    name : str
        Of the block, for the label.
    """
    stem = f"coil: {name}" if name else "coil"
    bodies = [("winding", COIL, 1.0, _winding(coil, pose)), ("handle", HANDLE, 1.0, _handle(coil, pose))]
    if coil.casing is not None:
        bodies.append(("case", COIL, _CASE_OPACITY, _case(coil, pose)))
    layers = []
    for part, colour, opacity, body in bodies:
        layers.append(
            Layer(id=f"{stem}, {part}", title=f"{coil.name}, {part}", group="coil", colour=colour, opacity=opacity,
                  points_m=body.points, triangles=body.regular_faces, is_cut=False)
        )  # fmt: skip
    words = [name, "handle"] if name else ["handle"]
    if not _has_wires(coil):
        words.append("(outline only: this coil's winding is not known)")
    return layers, [Label("\n".join(words), _handle_ends(coil, pose)[1], HANDLE, "coil")]


def _has_wires(coil: Coil) -> bool:
    return any(not isinstance(element, AGrid) for element in coil.elements)


def _winding(coil: Coil, pose: CoilPose) -> pyvista.PolyData:
    import pyvista

    parts: list[Any] = []
    for element in coil.elements:
        if isinstance(element, AGrid):
            continue
        places = pose.to_head(element.positions_m)
        if isinstance(element, Segments):
            parts.append(_pieces(*_joined(places, element.vectors_m @ pose.matrix_m[:3, :3].T)))
        else:
            ball = pyvista.Icosphere(radius=_WIRE_M, nsub=1)
            parts.append(pyvista.PolyData(places).glyph(geom=ball, scale=False, orient=False, progress_bar=False))
    if not parts:
        parts = [
            pyvista.MultipleLines(pose.to_head(line)).tube(radius=_WIRE_M, n_sides=8) for line in figure_8_outline()
        ]
    return _triangles(pyvista.merge(parts))


def _joined(places: Array, vectors: Array) -> tuple[Array, Array]:
    """Where each drawn piece of wire starts and ends: at the next one of the same wire where that lies straight ahead.

    An element that stands for a third of a conductor is a third as long as its wire; joined, the wire is whole.
    """
    away = np.roll(places, -1, axis=0) - places
    length, far = np.linalg.norm(vectors, axis=1), np.linalg.norm(away, axis=1)
    ahead = np.einsum("ij,ij->i", vectors, away) > _AHEAD * length * far
    is_next = ahead & (far < _FARTHEST * length)
    starts = np.where(is_next[:, None], places, places - vectors / 2)
    return starts, np.where(is_next[:, None], places + away, places + vectors / 2)


def _pieces(starts: Array, ends: Array) -> pyvista.PolyData:
    """Tubes along straight pieces of wire."""
    import pyvista

    count = len(starts)
    lines = np.column_stack([np.full(count, 2), np.arange(count), np.arange(count) + count]).ravel()
    mesh = pyvista.PolyData(np.concatenate([starts, ends]), lines=lines)
    return mesh.tube(radius=_WIRE_M, n_sides=3 if count > _MANY else 6, capping=False)


def _case(coil: Coil, pose: CoilPose) -> pyvista.PolyData:
    import pyvista

    assert coil.casing is not None
    return pyvista.PolyData.from_regular_faces(pose.to_head(coil.casing.points_m), np.array(coil.casing.triangles))


def _handle(coil: Coil, pose: CoilPose) -> pyvista.PolyData:
    import pyvista

    start, end = _handle_ends(coil, pose)
    return _triangles(pyvista.Tube(pointa=start, pointb=end, radius=_HANDLE_RADIUS_M, n_sides=16, capping=True))


def _handle_ends(coil: Coil, pose: CoilPose) -> tuple[Array, Array]:
    way = np.asarray(coil.handle_direction, float)
    near, far = (pose.to_head(length * way + [0, 0, -0.008]) for length in _HANDLE_M)
    return near, far


def _triangles(mesh: Any) -> pyvista.PolyData:
    return mesh.extract_surface(algorithm="dataset_surface").triangulate()
