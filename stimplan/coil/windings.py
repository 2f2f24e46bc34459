"""Windings: turns of wire as numbers, and the dipoles or the pieces of wire that stand for them.

A wing is a flat spiral, taken as circles. One turn is the same outside as a layer of dipoles across its disc, of one
ampere a turn: here Gauss-Legendre rings in the square of the radius, each of evenly spaced dipoles. Or it is a ring of
short straight currents, evenly spaced, whose error falls exponentially with their number. Largest error of dA/dt of the
9-turn figure-8 (radii 28 to 44 mm), relative to its largest value in a plane below it (tests/test_coil_windings.py
holds it to this):

| below | 1 ring | 2 | 4 | 6 | 8 rings | 8 pieces | 16 | 32 | 48 pieces |
|---|---|---|---|---|---|---|---|---|---|
| 10 mm | 330 % | 15 % | 3.0 % | 0.31 % | 0.025 % | 10 % | 0.97 % | 0.014 % | 3e-6 |
| 20 mm | 110 % | 2.5 % | 0.093 % | 2e-5 | 2e-7 | 2.5 % | 0.037 % | 1.4e-7 | 8e-11 |
| 30 mm | 57 % | 0.53 % | 4e-5 | 2e-7 | 6e-10 | 0.62 % | 2e-5 | 2e-10 | 6e-15 |

The other kinds of coil converge as fast (docs/coils.md has the table, made by tools/make_coil_tables.py).

Signs: a positive rate of change of the current makes a figure-8 induce a field along +y under its middle, away from the
handle. A circular coil turns counter-clockwise about z, seen from the head it lies on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.coil.strips import Strip, strip_dipoles, strip_wire
from stimplan.coil.values import Casing, Coil, Dipoles, Element, Segments, Stimulator
from stimplan.errors import CoilError, Problem
from stimplan.montage import Point

Array = NDArray[np.float64]
Kind = Literal["dipoles", "wire"]

# Rings of dipoles in a turn, and pieces of wire in one, where nothing else is asked for.
RINGS, PIECES = 6, 48


def _radii(instance: object, attribute: attrs.Attribute[Any], values: tuple[float, ...]) -> None:
    if not values or not all(0 < value < math.inf for value in values):
        raise CoilError(Problem(attribute.name, f"expected at least one finite radius above 0 m, got {values!r}"))


def _numbers(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


@attrs.frozen
class Fold:
    """A line along y where a winding is bent towards the head; its other side stays flat.

    Attributes
    ----------
    at_m : float
        Distance of the line from the middle of the coil, m.
    angle_rad : float
        By which the winding beyond the line is turned towards the head, rad. Each layer is turned about a line in
        its own plane.
    """

    at_m: float
    angle_rad: float

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.at_m < math.inf or not abs(self.angle_rad) < math.pi / 2:
            found = f"{self.at_m!r} m and {self.angle_rad!r} rad"
            raise CoilError(
                Problem("fold", f"expected a distance of at least 0 m and less than 90 degrees, got {found}")
            )


@attrs.frozen
class Wing:
    """One flat winding, or one bent along a line.

    Attributes
    ----------
    turn_radii_m : tuple of float
        Radius of the middle of the wire of each turn, m.
    center_m : 3-tuple
        Coil coordinates, m.
    axis : 3-tuple
        Unit normal of its plane; a positive current turns counter-clockwise about it.
    layers_m : tuple of float
        Where the layers of wire lie along the axis, m from the centre; each has all turns and an equal
        share of the current (a flat wire of some height is several such layers).
    fold : Fold or None
        Where it is bent; only for wings that are flat in the middle of the coil, with an axis along z.
    """

    turn_radii_m: tuple[float, ...] = attrs.field(converter=_numbers, validator=_radii)
    center_m: Point
    axis: Point = (0.0, 0.0, 1.0)
    layers_m: tuple[float, ...] = attrs.field(default=(0.0,), converter=_numbers)
    fold: Fold | None = None

    def __attrs_post_init__(self) -> None:
        if not self.layers_m or not np.isfinite(self.layers_m).all():
            raise CoilError(Problem("layers_m", f"expected at least one finite height, got {self.layers_m!r}"))
        if not abs(math.hypot(*self.axis) - 1) <= 1e-9:
            raise CoilError(Problem("axis", f"expected a unit vector, got {self.axis!r}"))
        if self.fold is not None and not (self.axis[:2] == (0, 0) and self.center_m[0] * self.axis[2] > 0):
            found = f"{self.axis!r} at {self.center_m!r}"
            raise CoilError(Problem("fold", f"expected an axis along z, away from it on the left wing, got {found}"))


def turn_radii(inner_m: float, outer_m: float, turns: int) -> tuple[float, ...]:
    """Radii of the middle of the wire of evenly spaced turns, between the edges of the winding.

    Parameters
    ----------
    inner_m, outer_m : float
        Inner edge of the innermost and outer edge of the outermost turn, radii, m.
    turns : int
    """
    if not (isinstance(turns, int) and turns >= 1 and 0 <= inner_m < outer_m < math.inf):
        raise CoilError(f"a winding has turns between two radii, got {turns!r} from {inner_m!r} to {outer_m!r} m")
    pitch = (outer_m - inner_m) / turns
    return tuple(inner_m + (number + 0.5) * pitch for number in range(turns))


def circular(turn_radii_m: Sequence[float], *, layers_m: Sequence[float] = (0.0,)) -> tuple[Wing, ...]:
    """One wing about the coil's axis; `layers_m` are negative behind the coil's face."""
    return (Wing(tuple(turn_radii_m), (0.0, 0.0, 0.0), layers_m=tuple(layers_m)),)


def figure_8(
    turn_radii_m: Sequence[float], *, center_m: float, bend_rad: float = 0.0, layers_m: Sequence[float] = (0.0,)
) -> tuple[Wing, ...]:
    """Two wings with opposite currents: a figure-8, a butterfly or a double cone by their angle.

    Parameters
    ----------
    turn_radii_m : sequence of float
    center_m : float
        Distance of each wing's centre from the line where the wings meet, in the plane of the wing, m.
    bend_rad : float
        Angle by which each wing is bent towards the head, rad: 0 for a flat figure-8. The wings are at an angle of
        180 degrees less twice the bend to each other.
    layers_m : sequence of float
        Heights of the layers of wire along z of each wing, m; negative behind the face.
    """
    if not 0 < center_m < math.inf or not abs(bend_rad) < math.pi / 2:
        raise CoilError(f"wings need a centre above 0 m and a bend below 90 degrees, got {center_m!r}, {bend_rad!r}")
    across, up = math.cos(bend_rad), math.sin(bend_rad)
    wings = []
    for side in (1.0, -1.0):
        # The wing's own normal points into the head on both sides; the current runs the other way round on the left.
        normal = np.array([-side * up, 0.0, across])
        center = (side * across * center_m, 0.0, up * center_m)
        x, y, z = side * normal
        heights = tuple(side * height for height in layers_m)
        wings.append(Wing(tuple(turn_radii_m), center, (float(x), float(y), float(z)), heights))
    return tuple(wings)


def butterfly(
    turn_radii_m: Sequence[float], *, center_m: float, wing_angle_rad: float, layers_m: Sequence[float] = (0.0,)
) -> tuple[Wing, ...]:
    """Two wings at an angle to each other, open towards the head: a double cone where they are large and steep.

    Parameters
    ----------
    turn_radii_m : sequence of float
    center_m : float
        As in `figure_8`; less than the outermost radius where the wings overlap.
    wing_angle_rad : float
        Between the wings, rad: pi for a flat figure-8, smaller for wings bent towards the head.
    layers_m : sequence of float
    """
    if not 0 < wing_angle_rad <= math.pi:
        raise CoilError(f"the angle between wings is above 0 and at most 180 degrees, got {wing_angle_rad!r} rad")
    return figure_8(turn_radii_m, center_m=center_m, bend_rad=(math.pi - wing_angle_rad) / 2, layers_m=layers_m)


def folded(
    turn_radii_m: Sequence[float], *, center_m: float, side: int, fold: Fold, layers_m: Sequence[float] = (0.0,)
) -> tuple[Wing, ...]:
    """One wing of a figure-8 that is flat in the middle of the coil and bent beyond a line.

    Parameters
    ----------
    turn_radii_m : sequence of float
    center_m : float
        Distance of the wing's centre from the middle of the coil before it is bent, m.
    side : {1, -1}
        1 for the wing at +x, whose current turns counter-clockwise about z; -1 for the other.
    fold : Fold
    layers_m : sequence of float
        Heights of the layers along the coil's z, m; negative behind the face.
    """
    if side not in (1, -1) or not 0 < center_m < math.inf:
        raise CoilError(f"a wing needs a side of 1 or -1 and a centre above 0 m, got {side!r}, {center_m!r}")
    heights = tuple(side * height for height in layers_m)
    return (Wing(tuple(turn_radii_m), (side * center_m, 0.0, 0.0), (0.0, 0.0, float(side)), heights, fold),)


def wind(
    name: str,
    wings: Sequence[Wing | Strip],
    *,
    source: str,
    kind: Kind = "wire",
    elements: int | None = None,
    **more: Stimulator | Casing | None,
) -> Coil:
    """Make a coil of windings.

    Parameters
    ----------
    name : str
    wings : sequence of Wing or Strip
    source : str
        Where the geometry is from.
    kind : {"wire", "dipoles"}
        Wire needs fewer elements; the closed form in a sphere and `.ccd` files need dipoles.
    elements : int, optional
        Rings of dipoles in a turn (6 if left out), or pieces of wire in one (48): see the head of the module.
    **more
        `stimulator` that drives it, and its `casing`.
    """
    unknown = set(more) - {"stimulator", "casing"}
    if unknown:
        raise CoilError(f"wind takes a stimulator and a casing, not {', '.join(sorted(unknown))}")
    makers: dict[str, tuple[Callable[..., tuple[Array, Array]], Callable[[Array, Array], Element], int, int]] = {
        "dipoles": (_part_dipoles, Dipoles, RINGS, 1),
        "wire": (_part_wire, Segments, PIECES, 3),
    }
    if kind not in makers:
        raise CoilError(f"kind must be one of {', '.join(map(repr, makers))}, got {kind!r}")
    maker, value, default, least = makers[kind]
    count = default if elements is None else elements
    if not (isinstance(count, int) and count >= least):
        raise CoilError(Problem("elements", f"expected a whole number of at least {least}, got {elements!r}"))
    parts = [maker(wing, count) for wing in wings]
    places, vectors = (np.concatenate(one) for one in zip(*parts, strict=True)) if parts else (np.empty((0, 3)),) * 2
    stimulator = cast("Stimulator | None", more.get("stimulator"))
    return Coil(
        name=name,
        elements=(value(places, vectors),),
        source=source,
        casing=cast("Casing | None", more.get("casing")),
        stimulators=() if stimulator is None else (stimulator,),
        provenance={"kind": kind, "elements_per_turn": count, "wings": [attrs.asdict(wing) for wing in wings]},
    )


def _part_dipoles(part: Wing | Strip, rings: int) -> tuple[Array, Array]:
    return strip_dipoles(part, rings) if isinstance(part, Strip) else _turns(_turn_dipoles, part, rings)


def _part_wire(part: Wing | Strip, pieces: int) -> tuple[Array, Array]:
    return strip_wire(part, pieces) if isinstance(part, Strip) else _turns(_turn_wire, part, pieces)


def _turns(turn: Callable[..., tuple[Array, Array]], wing: Wing, count: int) -> tuple[Array, Array]:
    """Elements of all turns of all layers."""
    parts = [turn(wing, radius_m, height_m, count) for height_m in wing.layers_m for radius_m in wing.turn_radii_m]
    places, vectors = (np.concatenate(one) for one in zip(*parts, strict=True))
    return places, vectors


def _frame(wing: Wing, height_m: float) -> tuple[Array, Array, Array, Array]:
    """Centre of a layer, and two axes of its plane with the normal, right-handed."""
    z = np.asarray(wing.axis)
    helper = np.array([0.0, 1.0, 0.0]) if abs(z[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return np.asarray(wing.center_m) + height_m * z, x, np.cross(z, x), z


def _turn_dipoles(wing: Wing, radius_m: float, height_m: float, rings: int) -> tuple[Array, Array]:
    """Dipoles across the disc of one turn: exact for polynomials of degree 4 rings - 2 in the radius."""
    if wing.fold is not None:
        return _folded_turn(_arc_segments, wing, radius_m, height_m, rings)
    center, x, y, z = _frame(wing, height_m)
    area = math.pi * radius_m**2 / len(wing.layers_m)
    if rings == 1:
        return center[None], (area * z)[None]
    nodes, weights = np.polynomial.legendre.leggauss(rings)
    radii, shares = radius_m * np.sqrt((1 + nodes) / 2), weights / 2
    count = 4 * rings
    angles = 2 * np.pi * (np.arange(count) + 0.5) / count
    around = np.cos(angles)[:, None] * x + np.sin(angles)[:, None] * y
    places = center + (radii[:, None, None] * around).reshape(-1, 3)
    return places, np.repeat(shares * area / count, count)[:, None] * z


def _turn_wire(wing: Wing, radius_m: float, height_m: float, pieces: int) -> tuple[Array, Array]:
    """Pieces of one turn, each as long as its arc."""
    if wing.fold is not None:
        return _folded_turn(_arcs, wing, radius_m, height_m, pieces)
    center, x, y, _ = _frame(wing, height_m)
    angles = 2 * np.pi * (np.arange(pieces) + 0.5) / pieces
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    places = center + radius_m * (cosine * x + sine * y)
    return places, (cosine * y - sine * x) * (2 * np.pi * radius_m / pieces / len(wing.layers_m))


def _folded_turn(
    parts: Callable[..., tuple[Array, Array]], wing: Wing, radius_m: float, height_m: float, count: int
) -> tuple[Array, Array]:
    """Elements of a turn on both sides of the wing's fold, in coil coordinates."""
    fold = cast("Fold", wing.fold)
    side = wing.axis[2]
    # Along the wing away from the middle, along y, along the wing's axis.
    flat, vectors = parts(radius_m, fold.at_m - side * wing.center_m[0], count)
    s, y, _ = flat.T
    s = s + side * wing.center_m[0]
    beyond = s > fold.at_m
    cosine, sine = np.where(beyond, math.cos(fold.angle_rad), 1.0), np.where(beyond, math.sin(fold.angle_rad), 0.0)
    over = s - fold.at_m
    places = np.stack([side * (fold.at_m + cosine * over), y, side * height_m + sine * over], axis=1)
    along, across, up = vectors[:, 0], vectors[:, 1], side * vectors[:, 2]
    turned = np.stack([side * (cosine * along - sine * up), across, sine * along + cosine * up], axis=1)
    return places, turned / len(wing.layers_m)


def _half_angles(radius_m: float, line_m: float) -> list[tuple[float, float]]:
    """The two arcs into which a line at x = `line_m` cuts a circle, as angles; one if it misses it."""
    if not abs(line_m) < radius_m:
        return [(-math.pi, math.pi)]
    cut = math.acos(line_m / radius_m)
    return [(-cut, cut), (cut, 2 * math.pi - cut)]


def _arcs(radius_m: float, line_m: float, pieces: int) -> tuple[Array, Array]:
    """Pieces of a circle: on each side of the line at the nodes of Gauss-Legendre, as long as their weights.

    A turn with a bend is smooth on either side of it only; evenly spaced pieces would converge slowly.
    """
    arcs = _half_angles(radius_m, line_m)
    first = max(2, round(pieces * (arcs[0][1] - arcs[0][0]) / (2 * math.pi)))
    counts = [pieces] if len(arcs) == 1 else [min(first, pieces - 2), pieces - min(first, pieces - 2)]
    places, vectors = [], []
    for (start, stop), count in zip(arcs, counts, strict=True):
        angles, weights = _gauss(start, stop, count) if len(arcs) == 2 else _even(count)
        cosine, sine, nothing = np.cos(angles), np.sin(angles), np.zeros(count)
        places.append(radius_m * np.stack([cosine, sine, nothing], axis=1))
        vectors.append(radius_m * weights[:, None] * np.stack([-sine, cosine, nothing], axis=1))
    return np.concatenate(places), np.concatenate(vectors)


def _arc_segments(radius_m: float, line_m: float, rings: int) -> tuple[Array, Array]:
    """Dipoles across the two parts into which the line cuts the disc of a turn, `rings` by twice as many in each."""
    places, vectors = [], []
    for start, stop in _half_angles(radius_m, line_m):
        middle = (start + stop) / 2
        # Strips along the line, at angles that crowd towards the rim; in each, dipoles from end to end.
        angles, weights = _gauss(0.0, stop - middle, 2 * rings)
        shares, thirds = np.polynomial.legendre.leggauss(rings)
        half = radius_m * np.sin(angles)
        x = math.cos(middle) * np.repeat(radius_m * np.cos(angles), rings)
        y = (half[:, None] * shares).ravel()
        areas = (half * half * weights)[:, None] * thirds
        places.append(np.stack([x, y, np.zeros_like(x)], axis=1))
        vectors.append(areas.ravel()[:, None] * np.array([0.0, 0.0, 1.0]))
    return np.concatenate(places), np.concatenate(vectors)


def _gauss(start: float, stop: float, count: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on an interval."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (start + stop) / 2 + (stop - start) / 2 * nodes, (stop - start) / 2 * weights


def _even(count: int) -> tuple[Array, Array]:
    """Angles evenly around, and their weights."""
    return 2 * np.pi * (np.arange(count) + 0.5) / count, np.full(count, 2 * np.pi / count)
