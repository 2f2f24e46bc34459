"""Coils of strips: wire that runs along the head in one direction and returns far from it.

So are H-coils built (Roth, Zangen & Hallett 2002, doi:10.1097/00004691-200208000-00008): many strips side by side on
the scalp carry their currents the same way, and the return paths are kept away from the head, so that little of the
field is cancelled with depth. A strip here is a closed turn in a plane through the centre of the head, taken as a
sphere: an arc along the scalp, an arc farther out, and two straight pieces between them. Nodes of Gauss and Legendre on
each side, and on the surface between the arcs for dipoles, so that the error falls exponentially with their number.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import CoilError, Problem

Array = NDArray[np.float64]

# A pole of the head's sphere and beyond: strips of more than this half angle are no strips.
_WIDEST_RAD = math.radians(85)


@attrs.frozen
class Strip:
    """One closed turn: along the head and back, farther out.

    The head is a sphere whose top touches the coil's face at its origin, so that its centre lies on +z. A positive
    current runs along -y near the head; the field it induces while it grows is along +y there, away from the handle.

    Attributes
    ----------
    near_m, far_m : float
        Distance of the two arcs from the centre of the head, m.
    half_angle_rad : float
        Half of the angle that the arcs span, seen from the centre of the head.
    tilt_rad : float
        Angle of the strip's plane with the y-z plane, about y: 0 in the middle, positive towards +x.
    head_radius_m : float
    turns : float
        Wires side by side in the strip.
    """

    near_m: float
    far_m: float
    half_angle_rad: float
    tilt_rad: float
    head_radius_m: float
    turns: float = 1.0

    def __attrs_post_init__(self) -> None:
        problems = []
        if not 0 < self.head_radius_m < self.near_m < self.far_m < math.inf:
            what = f"{self.head_radius_m!r}, {self.near_m!r}, {self.far_m!r}"
            problems.append(Problem("near_m", f"expected 0 < head_radius_m < near_m < far_m, got {what}"))
        if not 0 < self.half_angle_rad <= _WIDEST_RAD:
            what = f"expected a half angle above 0 and up to 85 degrees, got {self.half_angle_rad!r} rad"
            problems.append(Problem("half_angle_rad", what))
        if not abs(self.tilt_rad) <= math.pi / 2:
            problems.append(Problem("tilt_rad", f"expected at most 90 degrees either way, got {self.tilt_rad!r} rad"))
        if not 0 < self.turns < math.inf:
            problems.append(Problem("turns", f"expected a finite number above 0, got {self.turns!r}"))
        if problems:
            raise CoilError(problems)


def h_like(
    *,
    strips: int,
    spacing_m: float,
    length_m: float,
    return_height_m: float,
    head_radius_m: float = 0.085,
    **about: Any,
) -> tuple[Strip, ...]:
    """Strips side by side over a spherical head, with return paths above it: the principle of H-coils.

    Parameters
    ----------
    strips : int
        How many.
    spacing_m : float
        Between neighbours, along the head, m.
    length_m : float
        Of each strip, along the head, m.
    return_height_m : float
        Of the return paths above the strips, m.
    head_radius_m : float
    **about
        `gap_m`, of the strips' wire from the scalp (5 mm if left out), and `turns` of each strip (1).

    Raises
    ------
    CoilError
        Numbers that make no strip.
    """
    gap_m, turns = about.pop("gap_m", 0.005), about.pop("turns", 1.0)
    if about:
        raise CoilError(f"unknown: {', '.join(about)}; known are gap_m and turns")
    if not (isinstance(strips, int) and strips >= 1 and spacing_m > 0):
        raise CoilError(f"expected one strip or more, at a spacing above 0 m, got {strips!r} at {spacing_m!r} m")
    near_m = head_radius_m + gap_m
    tilts = (np.arange(strips) - (strips - 1) / 2) * spacing_m / near_m
    return tuple(
        Strip(near_m, near_m + return_height_m, length_m / near_m / 2, float(tilt), head_radius_m, turns)
        for tilt in tilts
    )


def strip_wire(strip: Strip, pieces: int) -> tuple[Array, Array]:
    """(k, 3) places and (k, 3) vectors of pieces of wire of a strip: half of them near the head, a quarter far."""
    near, far, side = max(pieces // 2, 2), max(pieces // 4, 2), max(pieces // 8, 1)
    half, low, high = strip.half_angle_rad, strip.near_m, strip.far_m
    sides = [
        _arc(strip, low, (half, -half), near),
        _rise(strip, -half, (low, high), side),
        _arc(strip, high, (-half, half), far),
        _rise(strip, half, (high, low), side),
    ]
    places, vectors = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    return places, vectors * strip.turns


def strip_dipoles(strip: Strip, rings: int) -> tuple[Array, Array]:
    """(k, 3) places and (k, 3) moments of dipoles over the surface between the arcs: `rings` out, four times along."""
    nodes, weights = np.polynomial.legendre.leggauss(rings)
    along, shares = np.polynomial.legendre.leggauss(4 * rings)
    middle, reach = (strip.near_m + strip.far_m) / 2, (strip.far_m - strip.near_m) / 2
    radii, angles = middle + reach * nodes, strip.half_angle_rad * along
    areas = (weights * reach * radii)[:, None] * (shares * strip.half_angle_rad)
    places = _points(strip, radii[:, None], angles)
    # The turn goes along -y near the head, below the surface, and back above it: counter-clockwise about this normal.
    normal = np.cross([0.0, -1.0, 0.0], -_axes(strip)[2])
    return places.reshape(-1, 3), (strip.turns * areas).reshape(-1, 1) * normal


def _axes(strip: Strip) -> tuple[Array, Array, Array]:
    """Normal of the strip's plane, y, and the direction from its middle to the centre of the head."""
    sine, cosine = math.sin(strip.tilt_rad), math.cos(strip.tilt_rad)
    return np.array([cosine, 0.0, sine]), np.array([0.0, 1.0, 0.0]), np.array([-sine, 0.0, cosine])


def _points(strip: Strip, radii: Any, angles: Any) -> Array:
    """Points at distances from the head's centre and angles from the strip's middle, positive towards +y."""
    _, y, z = _axes(strip)
    radii, angles = np.broadcast_arrays(np.asarray(radii, dtype=np.float64), np.asarray(angles, dtype=np.float64))
    center = np.array([0.0, 0.0, strip.head_radius_m])
    return center + radii[..., None] * (np.sin(angles)[..., None] * y - np.cos(angles)[..., None] * z)


def _arc(strip: Strip, radius: float, ends: tuple[float, float], count: int) -> tuple[Array, Array]:
    start, end = ends
    nodes, weights = np.polynomial.legendre.leggauss(count)
    _, y, z = _axes(strip)
    angles = (start + end) / 2 + (end - start) / 2 * nodes
    tangents = np.cos(angles)[:, None] * y + np.sin(angles)[:, None] * z
    return _points(strip, radius, angles), (weights * radius * (end - start) / 2)[:, None] * tangents


def _rise(strip: Strip, angle: float, ends: tuple[float, float], count: int) -> tuple[Array, Array]:
    start, end = ends
    nodes, weights = np.polynomial.legendre.leggauss(count)
    radii = (start + end) / 2 + (end - start) / 2 * nodes
    outward = _points(strip, 1.0, angle) - _points(strip, 0.0, angle)
    return _points(strip, radii, angle), (weights * (end - start) / 2)[:, None] * outward
