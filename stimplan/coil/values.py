"""Coil: its magnetic or current elements, its case, and what drives it.

Every coil has one frame, in metres: the origin at the centre of the face that touches the head, z from the coil into
the head, and +y pointing AWAY from the handle, so that the handle lies at -y; x = y × z. Programs that call +y "the
handle's direction" mean the handle's prolongation over the head or, others, the handle itself; here
`Coil.handle_direction` says it in numbers and nothing has to be guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import CoilError, Problem
from stimplan.values import array_eq, digest, frozen_array, frozen_mapping

Array = NDArray[np.float64]

# In the coil's own frame; see the head of the module.
HANDLE_DIRECTION = (0.0, -1.0, 0.0)
INTO_HEAD = (0.0, 0.0, 1.0)


def _vectors(values: ArrayLike, name: str) -> Array:
    try:
        return frozen_array(values, name=name, shape=(None, 3))
    except (TypeError, ValueError) as error:
        raise CoilError(Problem(name, str(error))) from None


def _positions(values: ArrayLike) -> Array:
    return _vectors(values, "positions_m")


def _moments(values: ArrayLike) -> Array:
    return _vectors(values, "moments_A_m2_per_A")


def _lengths(values: ArrayLike) -> Array:
    return _vectors(values, "vectors_m")


def _points(values: ArrayLike) -> Array:
    return _vectors(values, "points_m")


def _optional_positive(instance: object, attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not 0 < value < float("inf"):
        raise CoilError(Problem(attribute.name, f"must be a finite number above 0, got {value!r}"))


def _whole(values: ArrayLike) -> NDArray[np.int32]:
    return frozen_array(values, name="triangles", shape=(None, 3), dtype=np.int32)


def _grid(values: ArrayLike) -> Array:
    return frozen_array(values, name="potential_T_m_per_A", shape=(None, None, None, 3))


def _affine(values: ArrayLike) -> Array:
    return frozen_array(values, name="coil_from_voxel", shape=(4, 4))


def _records(values: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    return tuple(frozen_mapping(value) for value in values)


@attrs.frozen
class Dipoles:
    """Magnetic dipoles, a layer of which across a turn has the field of the turn outside.

    Attributes
    ----------
    positions_m : (k, 3) array
        Coil coordinates, m.
    moments_A_m2_per_A : (k, 3) array
        Magnetic moment for each ampere in the coil, m².
    name : str
    stimulator : int
        Number of the stimulator that drives them, in `Coil.stimulators`.
    """

    positions_m: Array = attrs.field(converter=_positions, eq=array_eq)
    moments_A_m2_per_A: Array = attrs.field(converter=_moments, eq=array_eq)
    name: str = ""
    stimulator: int = 0

    def __attrs_post_init__(self) -> None:
        _same_length(self.positions_m, self.moments_A_m2_per_A, "dipoles")


@attrs.frozen
class Segments:
    """Short pieces of wire, each taken as a current element at one point.

    Attributes
    ----------
    positions_m : (k, 3) array
        Coil coordinates, m.
    vectors_m : (k, 3) array
        Length and direction of the current, m.
    name : str
    stimulator : int
    """

    positions_m: Array = attrs.field(converter=_positions, eq=array_eq)
    vectors_m: Array = attrs.field(converter=_lengths, eq=array_eq)
    name: str = ""
    stimulator: int = 0

    def __attrs_post_init__(self) -> None:
        _same_length(self.positions_m, self.vectors_m, "segments")


@attrs.frozen
class AGrid:
    """Vector potential on a grid, linear in between; it has no value outside.

    Attributes
    ----------
    potential_T_m_per_A : (i, j, k, 3) array
        Vector potential of one ampere (so also dA/dt of 1 A/s, V/m), along the coil's axes.
    coil_from_voxel : (4, 4) array
        From voxel numbers to coil coordinates, m.
    name : str
    stimulator : int
    """

    potential_T_m_per_A: Array = attrs.field(converter=_grid, eq=array_eq)
    coil_from_voxel: Array = attrs.field(converter=_affine, eq=array_eq)
    name: str = ""
    stimulator: int = 0

    def __attrs_post_init__(self) -> None:
        if min(self.potential_T_m_per_A.shape[:3]) < 2:
            raise CoilError(f"a grid needs two samples along each axis, got {self.potential_T_m_per_A.shape[:3]}")
        if not abs(np.linalg.det(self.coil_from_voxel[:3, :3])) > 0:
            raise CoilError("the matrix of a grid cannot be inverted")


Element = Dipoles | Segments | AGrid


@attrs.frozen
class Casing:
    """The coil's case as a closed surface.

    Attributes
    ----------
    points_m : (p, 3) array
        Coil coordinates, m.
    triangles : (t, 3) int array
        Numbers of points.
    """

    points_m: Array = attrs.field(converter=_points, eq=array_eq)
    triangles: NDArray[np.int32] = attrs.field(converter=_whole, eq=array_eq)

    def __attrs_post_init__(self) -> None:
        if not len(self.triangles):
            raise CoilError("a case has at least one triangle")
        if self.triangles.min() < 0 or self.triangles.max() >= len(self.points_m):
            what = f"triangles number points 0 to {len(self.points_m) - 1}, got "
            raise CoilError(what + f"{self.triangles.min()} to {self.triangles.max()}")

    def sampled_m(self, spacing_m: float = 3e-3) -> Array:
        """(k, 3) points over the surface, m, corners included, that leave no gap wider than the spacing.

        What `stimplan.pose_contact` takes: a few large triangles of a flat case would let a head through.
        """
        if not 0 < spacing_m < float("inf"):
            raise CoilError(f"the spacing of points must be a finite number above 0, got {spacing_m!r}")
        corners = self.points_m[self.triangles]
        edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
        parts = np.maximum(np.ceil(edges / spacing_m), 1).astype(int)
        found = [self.points_m]
        for count in np.unique(parts[parts > 1]):
            steps = np.array([(i, j, count - i - j) for i in range(count + 1) for j in range(count + 1 - i)]) / count
            found.append(np.einsum("sc,tcd->tsd", steps, corners[parts == count]).reshape(-1, 3))
        return np.concatenate(found)


@attrs.frozen
class Stimulator:
    """What drives a coil.

    Attributes
    ----------
    name, brand : str
        "" where the file does not say.
    max_didt_A_per_s : float or None
        Rate of change of the coil current at 100 % of the output, at the start of the pulse.
    waveforms : tuple of mappings
        As the file gives them: name, time_s, signal, fit.
    """

    name: str = ""
    brand: str = ""
    max_didt_A_per_s: float | None = attrs.field(default=None, validator=_optional_positive)
    waveforms: tuple[Mapping[str, Any], ...] = attrs.field(default=(), converter=_records)


def _elements(values: Sequence[Element]) -> tuple[Element, ...]:
    return tuple(values)


def _stimulators(values: Sequence[Stimulator]) -> tuple[Stimulator, ...]:
    return tuple(values)


@attrs.frozen(eq=False)
class Coil:
    """A coil in its own frame: z into the head, the handle at -y; see the head of the module.

    Attributes
    ----------
    name : str
    elements : tuple of Dipoles, Segments or AGrid
        Their fields add up.
    source : str
        Where it is from: a file, or the paper its geometry was published in.
    casing : Casing or None
    stimulators : tuple of Stimulator
        What drives the elements; empty where nothing is known.
    provenance : mapping
        Plain JSON data: the file's digest, the parameters of a winding.
    handle_direction : 3-tuple
        Unit vector from the coil's centre towards its handle, coil coordinates.
    """

    name: str
    elements: tuple[Element, ...] = attrs.field(converter=_elements)
    source: str
    casing: Casing | None = None
    stimulators: tuple[Stimulator, ...] = attrs.field(default=(), converter=_stimulators)
    provenance: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    handle_direction: tuple[float, float, float] = HANDLE_DIRECTION

    def __attrs_post_init__(self) -> None:
        problems = []
        if not self.elements:
            problems.append(Problem("elements", "a coil has at least one element"))
        for number, element in enumerate(self.elements):
            if not isinstance(element, AGrid) and not len(element.positions_m):
                problems.append(Problem(f"elements[{number}]", "has no dipole and no segment"))
            last = max(len(self.stimulators) - 1, 0)
            if not 0 <= element.stimulator <= last:
                what = f"stimulator {element.stimulator} does not exist; the last is {last}"
                problems.append(Problem(f"elements[{number}].stimulator", what))
        if problems:
            raise CoilError(problems)

    @property
    def max_didt_A_per_s(self) -> float | None:
        """Rate of change of the current at 100 % of the output, A/s; None where unknown or not the same for all."""
        known = {stimulator.max_didt_A_per_s for stimulator in self.stimulators}
        return known.pop() if len(known) == 1 else None

    @property
    def casing_points_m(self) -> Array | None:
        """(k, 3) points all over its case, m; None where it states none."""
        return None if self.casing is None else self.casing.sampled_m()

    @property
    def positions_m(self) -> Array:
        """(k, 3) positions of all dipoles and segments, coil coordinates, m."""
        found = [element.positions_m for element in self.elements if not isinstance(element, AGrid)]
        return np.concatenate(found) if found else np.empty((0, 3))

    @property
    def moment_A_m2_per_A(self) -> Array:
        """(3,) net magnetic moment of dipoles and segments for each ampere, m²: half the sum of r × dl of a wire."""
        total = np.zeros(3)
        for element in self.elements:
            if isinstance(element, Dipoles):
                total += element.moments_A_m2_per_A.sum(axis=0)
            elif isinstance(element, Segments):
                total += 0.5 * np.cross(element.positions_m, element.vectors_m).sum(axis=0)
        return total

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides the field and the shape."""
        return digest(self.elements, self.casing, self.stimulators, self.handle_direction)


def _same_length(positions: Array, vectors: Array, what: str) -> None:
    if len(positions) != len(vectors):
        raise CoilError(f"{len(positions)} positions but {len(vectors)} vectors of {what}")
