"""The coil of a protocol on the template: where it lies and where its handle points, drawn at once without a mesh."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stimplan.app.picture import Disc, layer
from stimplan.coil import Coil
from stimplan.coil.values import Segments
from stimplan.coil_preview import in_longer_pieces, turns_of
from stimplan.errors import InputError
from stimplan.protocol import MagneticStimulation
from stimplan.runs.preview import coil_for, pose_on_template
from stimplan.view.pose import COIL, HANDLE, figure_8_outline

Array = NDArray[np.float64]

_TUBE_M, _GRIP_M = 0.0012, 0.006
_GRIP_FROM_M, _GRIP_TO_M = 0.020, 0.130
_ROUND = 4
# The cortex below a wing is to be seen through it.
_OPACITY = 0.35
# Pieces of wire that are drawn of a coil: its shape is sent to the page with every turn of it.
_MOST_DRAWN = 900


def coil_bodies(stimulation: MagneticStimulation) -> tuple[list[dict[str, Any]], list[Disc], list[str]]:
    """Surfaces, signs and what is left open, of every place at which a protocol has a coil.

    Returns
    -------
    layers : list of dict
        As `stimplan.app.picture.layer` makes them.
    signs : list of Disc
    open : list of str
        What the protocol does not say, or what cannot be drawn here, in words.
    """
    coil, told = _coil(stimulation)
    layers, signs = [], []
    for number, place in enumerate(dict.fromkeys(block.placement for block in stimulation.blocks)):
        try:
            pose = pose_on_template(place, coil)
        except InputError as error:
            told += [problem.what for problem in error.problems]
            continue
        lines = outlines_of(coil)
        tubes = [_tube(pose.to_head(line), _TUBE_M, is_closed=is_closed) for line, is_closed in lines]
        layers.append(_merged(f"coil {number}", tubes, COIL, opacity=_OPACITY))
        told += pose.notices
        if place.handle is None:
            signs.append(_sign("coil", pose.center_m))
            continue
        grip = pose.to_head(np.array([[0, -_GRIP_FROM_M, -0.008], [0, -_GRIP_TO_M, -0.008]]))
        layers.append(_merged(f"handle {number}", [_tube(grip, _GRIP_M, is_closed=False)], HANDLE))
        signs.append(_sign("handle", grip[1]))
    return layers, signs, list(dict.fromkeys(told))


def _coil(stimulation: MagneticStimulation) -> tuple[Coil | None, list[str]]:
    """The coil, if it is known; why a common figure-8 is drawn in its place, if not."""
    try:
        return coil_for(stimulation.coil)[0], []
    except InputError as error:
        return None, [problem.what for problem in error.problems]


@lru_cache(maxsize=16)
def outlines_of(coil: Coil | None) -> tuple[tuple[Array, bool], ...]:
    """Lines along the wire of a coil in its own frame, m, and whether each closes upon itself.

    A coil without wire is drawn as circles of a common figure-8.
    """
    lines = []
    for element in () if coil is None else in_longer_pieces(coil, _MOST_DRAWN).elements:
        if isinstance(element, Segments):
            turns = turns_of(element)
            lines += [element.positions_m[turns == turn] for turn in range(turns[-1] + 1)]
    found = [_closed(line) for line in lines if len(line) > 1]
    return tuple(found or ((line, True) for line in figure_8_outline()))


def _closed(line: Array) -> tuple[Array, bool]:
    """A line, its start repeated at the end where the two are neighbours."""
    step = np.linalg.norm(np.diff(line, axis=0), axis=1).max()
    is_ring = len(line) > _ROUND and bool(np.linalg.norm(line[-1] - line[0]) < 1.5 * step)
    return (np.concatenate([line, line[:1]]), True) if is_ring else (line, False)


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


def _merged(
    name: str, parts: list[tuple[Array, NDArray[np.int64]]], colour: str, opacity: float = 1.0
) -> dict[str, Any]:
    starts = np.cumsum([0, *(len(points) for points, _ in parts)])
    triangles = np.concatenate([start + faces for start, (_, faces) in zip(starts, parts, strict=False)])
    return layer(name, np.concatenate([points for points, _ in parts]), triangles, colour=colour, opacity=opacity)
