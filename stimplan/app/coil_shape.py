"""The coil of a protocol on the template: where it lies and where its handle points, drawn at once without a mesh."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.app.picture import Disc, layer, position_mm
from stimplan.errors import CoilError, InputError
from stimplan.fem.patch import local_normal
from stimplan.fem.surface import nearest_on_surface
from stimplan.pose import CoilPose, midline_back, pose_from_axes
from stimplan.preview import preview_table
from stimplan.protocol import Protocol
from stimplan.protocol.magnetic import CoilPlacement, Handle
from stimplan.sites import resolve_site
from stimplan.view.pose import COIL, HANDLE, figure_8_outline

if TYPE_CHECKING:
    from stimplan.head import HeadModel

Array = NDArray[np.float64]

_NORMAL_RADIUS_M = 0.020  # as `stimplan.pose.pose_on_scalp`
_TUBE_M, _GRIP_M = 0.0016, 0.006
_GRIP_FROM_M, _GRIP_TO_M = 0.020, 0.130
_ROUND = 8


@attrs.frozen
class _Template:
    """What the direction of handles needs of a head: its fiducials; those of the template are its axes."""

    fiducials_m: Mapping[str, Any] = attrs.field(factory=dict)


def coil_bodies(protocol: Protocol) -> tuple[list[dict[str, Any]], list[Disc], list[str]]:
    """Surfaces, signs and what is left open, of every place at which the protocol has a coil.

    Returns
    -------
    layers : list of dict
        As `stimplan.app.picture.layer` makes them.
    signs : list of Disc
    open : list of str
        What the protocol does not say, or what cannot be drawn here, in words.
    """
    layers, signs, told = [], [], []
    places = list(dict.fromkeys(block.placement for block in protocol.magnetic.blocks)) if protocol.magnetic else []
    for number, place in enumerate(places):
        try:
            pose = _pose_on_template(place)
        except InputError as error:
            told += [problem.what for problem in error.problems]
            continue
        tubes = [_tube(pose.to_head(line), _TUBE_M, is_closed=True) for line in figure_8_outline()]
        layers.append(_merged(f"coil {number}", tubes, COIL))
        if place.handle is None:
            told.append("the protocol does not say where the handle points, so none is drawn")
            signs.append(_sign("coil", pose.center_m))
            continue
        grip = pose.to_head(np.array([[0, -_GRIP_FROM_M, -0.008], [0, -_GRIP_TO_M, -0.008]]))
        layers.append(_merged(f"handle {number}", [_tube(grip, _GRIP_M, is_closed=False)], HANDLE))
        signs.append(_sign("handle", grip[1]))
    return layers, signs, told


def _pose_on_template(place: CoilPlacement) -> CoilPose:
    """The coil flat on the template's scalp."""
    if place.mni_m is not None:
        asked = np.asarray(place.mni_m, float)
    elif isinstance(place.site, str):
        asked = np.asarray(position_mm(resolve_site(place.site))) / 1e3
    else:
        raise CoilError("the coil's place depends on the person's own head, so it is drawn by the exact solve only")
    table = preview_table()
    seed, on_scalp = nearest_on_surface(asked, table.scalp_m, table.scalp_triangles)
    normal = local_normal(
        on_scalp, seed, _NORMAL_RADIUS_M, nodes_m=table.scalp_m, triangles=table.scalp_triangles
    )  # fmt: skip
    handle = _direction(place.handle or Handle(from_midline_rad=0.0), on_scalp, normal)
    pose = pose_from_axes(on_scalp, inward=-normal, handle=handle)
    matrix = np.array(pose.matrix_m)
    matrix[:3, 3] += (place.distance_m or 0.0) * normal
    return CoilPose(matrix)


def _direction(handle: Handle, center: Array, normal: Array) -> Array:
    """Where the handle points, by the rules of `stimplan.pose`."""
    if handle.towards is not None:
        towards = np.asarray(position_mm(resolve_site(handle.towards))) / 1e3 - center
        return np.asarray(towards - (towards @ normal) * normal)
    back = midline_back(cast("HeadModel", _Template()), normal)
    angle = handle.from_midline_rad or 0.0
    return np.asarray(math.cos(angle) * back + math.sin(angle) * np.cross(back, normal))


def _sign(words: str, at_m: Array) -> Disc:
    x, y, z = (round(1e3 * float(one), 2) for one in at_m)
    return Disc(words, "", (x, y, z), 0.0, radius_mm=0.0, words=words)


def _tube(line_m: Array, radius_m: float, *, is_closed: bool) -> tuple[Array, NDArray[np.int64]]:
    """Points and outward triangles of a round tube along a line; ends are open."""
    along = np.roll(line_m, -1, axis=0) - np.roll(line_m, 1, axis=0) if is_closed else np.gradient(line_m, axis=0)
    if is_closed:
        line_m, along = line_m[:-1], (np.roll(line_m[:-1], -1, axis=0) - np.roll(line_m[:-1], 1, axis=0))
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    least = np.eye(3)[np.argmin(np.abs(along.mean(axis=0)) + np.abs(along).max(axis=0))]
    first = np.cross(along, least)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(along, first)
    turn = 2 * np.pi * np.arange(_ROUND) / _ROUND
    around = np.cos(turn)[None, :, None] * first[:, None] + np.sin(turn)[None, :, None] * second[:, None]
    points = (line_m[:, None] + radius_m * around).reshape(-1, 3)
    rings = len(line_m) if is_closed else len(line_m) - 1
    row, column = np.meshgrid(np.arange(rings), np.arange(_ROUND), indexing="ij")
    here, beside = row * _ROUND + column, row * _ROUND + (column + 1) % _ROUND
    after = (row + 1) % len(line_m)
    there, across = after * _ROUND + column, after * _ROUND + (column + 1) % _ROUND
    return points, np.concatenate([_faces(here, beside, there), _faces(beside, across, there)])


def _faces(*corners: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.column_stack([one.ravel() for one in corners])


def _merged(name: str, parts: list[tuple[Array, NDArray[np.int64]]], colour: str) -> dict[str, Any]:
    starts = np.cumsum([0, *(len(points) for points, _ in parts)])
    triangles = np.concatenate([start + faces for start, (_, faces) in zip(starts, parts, strict=False)])
    return layer(name, np.concatenate([points for points, _ in parts]), triangles, colour=colour)
