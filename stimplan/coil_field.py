"""Coil x pose x HeadModel -> the electric field a pulse makes in the head. Coils are put on heads by `coil_on_head`.

E = -dA/dt - grad phi, with div(sigma grad phi) = -div(sigma dA/dt): the coil's own field and that of the charges it
leaves where the conductivity changes. The matrix is the one electrodes are solved with.

Of A only the curl matters. In the plain gauge it is what the wires' own law says; in the radial one (see
`stimplan.fem.radial`) it is what leaves the fewest charges in a round head, and the field there is several times as
exact. It is taken wherever the coil and the head allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan import __version__
from stimplan.coil.values import AGrid, Coil, Dipoles
from stimplan.errors import CoilError, InputError, Problem
from stimplan.fem.assemble import electric_field
from stimplan.fem.krylov import threads
from stimplan.fem.radial import radial_dipole_potential, radial_segment_potential
from stimplan.fem.recover import between_nodes, nodal_field
from stimplan.fem.rows import WIDTH
from stimplan.fem.solve import LinearSolver, Progress, solve_system
from stimplan.fem.tms import dipole_potential, element_means, grid_potential, primary_load, segment_potential
from stimplan.field import Field, inside, is_same_mesh, points_of, system_of
from stimplan.head.model import HeadModel
from stimplan.pose import CoilPose
from stimplan.values import digest, frozen_mapping

Array = NDArray[np.float64]

# What sums the potential of dipoles and of wire, in the plain gauge and the radial one.
_DIPOLES: tuple[Callable[..., Array], Callable[..., Array]] = (dipole_potential, radial_dipole_potential)
_SEGMENTS: tuple[Callable[..., Array], Callable[..., Array]] = (segment_potential, radial_segment_potential)


def _pose(values: CoilPose | ArrayLike) -> Array:
    try:
        return values.matrix_m if isinstance(values, CoilPose) else CoilPose(values).matrix_m
    except CoilError as error:
        raise CoilError([Problem("pose_m", problem.what) for problem in error.problems]) from None


@attrs.frozen(eq=False)
class CoilPlacement:
    """A coil at a pose, driven at a rate.

    Attributes
    ----------
    coil : Coil
    pose_m : (4, 4) array
        Head from coil coordinates, m: columns x, y, z, centre; z into the head, the handle at -y.
    didt_A_per_s : tuple of float
        Rate of change of the current in each of the coil's stimulators (one where it names none), A/s. Its sign is
        that of the current in the coil's own sense.
    head : HeadModel
    gauge_center_m : (3,) array or None
        Centre of the radial gauge, m; None in the plain one.
    """

    coil: Coil
    pose_m: Array = attrs.field(converter=_pose)
    didt_A_per_s: tuple[float, ...]
    head: HeadModel
    gauge_center_m: Array | None = None

    @property
    def handle_direction(self) -> Array:
        """(3,) unit vector from the coil's centre towards its handle, head coordinates."""
        return self.pose_m[:3, :3] @ np.asarray(self.coil.handle_direction)

    @property
    def positions_m(self) -> Array:
        """(k, 3) dipoles and segments of the coil in head coordinates, m."""
        return self.coil.positions_m @ self.pose_m[:3, :3].T + self.pose_m[:3, 3]

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides the field."""
        gauge = () if self.gauge_center_m is None else (self.gauge_center_m,)
        return digest(self.head.digest, self.coil.digest, self.pose_m, self.didt_A_per_s, *gauge)

    @property
    def electrodes(self) -> tuple[()]:
        """None: what draws electrodes has none to draw."""
        return ()

    def field_in(
        self, head: HeadModel, *, tolerance: float, solver: LinearSolver | None, progress: Progress | None
    ) -> CoilField:
        """The field it makes; see `solve_coils`."""
        return solve_coil(head, self, tolerance=tolerance, solver=solver, progress=progress)

    def dadt_V_per_m(self, points_m: ArrayLike, *, is_double: bool = False) -> Array:
        """(n, 3) rate of change of the coil's vector potential at points of the head, V/m, in the plain gauge."""
        return self._summed(points_m, None, is_double)

    def primary_V_per_m(self, points_m: ArrayLike, *, is_double: bool = False) -> Array:
        """(n, 3) the same in the gauge of the placement, V/m: E is minus it, less the gradient of the potential."""
        return self._summed(points_m, self.gauge_center_m, is_double)

    def _summed(self, points_m: ArrayLike, center_m: Array | None, is_double: bool) -> Array:
        points = np.asarray(points_m, dtype=np.float64)
        turn, shift = self.pose_m[:3, :3], self.pose_m[:3, 3]
        total = np.zeros(points.shape)
        for element in self.coil.elements:
            rate = self.didt_A_per_s[element.stimulator]
            if rate == 0:
                continue
            if isinstance(element, AGrid):
                voxel_from_head = np.linalg.inv(self.pose_m @ element.coil_from_voxel)
                total += rate * grid_potential(points, element.potential_T_m_per_A, voxel_from_head) @ turn.T
                continue
            places = element.positions_m @ turn.T + shift
            if isinstance(element, Dipoles):
                plain, radial = _DIPOLES
                vectors = rate * element.moments_A_m2_per_A @ turn.T
            else:
                plain, radial = _SEGMENTS
                vectors = rate * element.vectors_m @ turn.T
            if center_m is None:
                total += plain(points, places, vectors, is_double=is_double)
            else:
                total += radial(points, places, vectors, center_m=center_m, is_double=is_double)
        return total


@attrs.frozen(eq=False, slots=False)
class CoilField(Field):
    """The field of a coil: what `Field` is for electrodes, recovered from the charges' part alone.

    The coil's own part is known exactly at every point; only -grad phi, which the finite elements give, is recovered.
    `potential_V` is phi, in the gauge of the placement.
    """

    @property
    def coil_placement(self) -> CoilPlacement:
        """What made the field."""
        return cast(CoilPlacement, self.placement)

    def recovered_V_per_m(self, tissue: str) -> Array:
        """(n, 3) field at the nodes of one tissue, V/m: -dA/dt as it is, -grad phi recovered; NaN elsewhere."""
        label = self.head.tissue_named(tissue).label
        if label not in self._nodal:
            values = self._charges_V_per_m(tissue).copy()
            nodes = np.flatnonzero(np.isfinite(values[:, 0]))
            values[nodes] -= self.coil_placement.primary_V_per_m(self.head.nodes_m[nodes])
            values.setflags(write=False)
            self._nodal[label] = values
        return self._nodal[label]

    def at(self, points_m: ArrayLike) -> Array:
        """Field at points in the head, (k, 3), V/m: -dA/dt there, and -grad phi linear between its nodal values.

        Raises
        ------
        InputError
            Points outside the head (the message says how many), or anything but (k, 3) numbers.
        """
        points = points_of(points_m)
        tet, barycentric = inside(self.head, points)
        names = {tissue.label: tissue.name for tissue in self.head.tissues}
        secondary = between_nodes(
            self.head.tissue[tet], self.head.tets[tet], barycentric, nodal_of=lambda t: self._charges_V_per_m(names[t])
        )
        return secondary - self.coil_placement.primary_V_per_m(points)

    @cached_property
    def _charges(self) -> dict[str, Array]:
        """Recovered -grad phi at the nodes of each tissue."""
        return {}

    def _charges_V_per_m(self, tissue: str) -> Array:
        """(n, 3) recovered -grad phi at the nodes of one tissue."""
        if tissue not in self._charges:
            of = self.head.in_tissue(tissue)
            secondary = electric_field(self.potential_V, self.head.nodes_m, self.head.tets[of])
            self._charges[tissue] = nodal_field(
                secondary, self.head.tets[of], nodes_m=self.head.nodes_m, volumes_m3=self.head.volumes_m3[of]
            )
        return self._charges[tissue]


def solve_coil(
    head: HeadModel,
    placement: CoilPlacement,
    *,
    tolerance: float = 1e-6,
    solver: LinearSolver | None = None,
    progress: Progress | None = None,
) -> CoilField:
    """Solve the field of one coil; see `solve_coils`."""
    return next(solve_coils(head, [placement], tolerance=tolerance, solver=solver, progress=progress))


def solve_coils(
    head: HeadModel,
    placements: Sequence[CoilPlacement],
    *,
    tolerance: float = 1e-6,
    solver: LinearSolver | None = None,
    progress: Progress | None = None,
) -> Iterator[CoilField]:
    """Solve the fields of many poses, some at a time: a grid, a cloud of jittered poses, a motor map.

    Parameters
    ----------
    head : HeadModel
        The head the coils were placed on, or the same mesh with other conductivities.
    placements : sequence of CoilPlacement
    tolerance : float
        Relative residual above which there is no result.
    solver : callable, optional
        Any `(A, b) -> x`.
    progress : callable, optional
        Called with a stage and a fraction.

    Yields
    ------
    CoilField
        In the order of the placements. Hundreds of fields fill the memory: keep what is needed of each.

    Raises
    ------
    InputError
        A coil was placed on another mesh.
    SolveError
        A residual is above the tolerance; the batch has no result then.
    """
    for placement in placements:
        if placement.head is not head and not is_same_mesh(placement.head, head):
            raise InputError(f"the coil was placed on head {placement.head.name!r}, which has another mesh")
    system, step = system_of(head, progress), WIDTH * threads()
    for start in range(0, len(placements), step):
        batch = placements[start : start + step]
        # The nodal values take a sixth of the memory of the elements' ones, which are made twice instead of kept.
        nodal = [one.primary_V_per_m(head.nodes_m) for one in batch]
        loads = [_load(head, dadt) for dadt in nodal]
        rhs = loads[0] if len(loads) == 1 else np.stack(loads, axis=1)
        solution = solve_system(
            system, rhs, solver=solver, tolerance=tolerance, progress=progress if len(placements) == 1 else None
        )
        potentials = solution.potential_V.reshape(len(head.nodes_m), -1).T
        for placement, dadt, potential in zip(batch, nodal, potentials, strict=True):
            yield CoilField(
                head=head,
                placement=cast(Any, placement),
                E_V_per_m=electric_field(potential, head.nodes_m, head.tets) - element_means(dadt, head.tets),
                potential_V=potential,
                electrode_potential_V=np.empty(0),
                residual=solution.residual,
                iterations=solution.iterations,
                provenance=_provenance(head, placement, tolerance=tolerance, solver=solver),
            )
        if progress is not None:
            progress("solve", min(start + step, len(placements)) / len(placements))


def _load(head: HeadModel, dadt: Array) -> Array:
    """Right-hand side for dA/dt at the nodes."""
    means = element_means(dadt, head.tets)
    return primary_load(means, head.nodes_m, head.tets, sigma_S_per_m=head.conductivity_S_per_m)


def _provenance(
    head: HeadModel, placement: CoilPlacement, *, tolerance: float, solver: LinearSolver | None
) -> Mapping[str, Any]:
    name = "multigrid conjugate gradient" if solver is None else getattr(solver, "__qualname__", repr(solver))
    return frozen_mapping(
        {
            "stimplan": __version__,
            "head": head.name,
            "head_digest": head.digest,
            "conductivities_S_per_m": {tissue.name: tissue.conductivity_S_per_m for tissue in head.tissues},
            "is_anisotropic": head.tensors_S_per_m is not None,
            "placement_digest": placement.digest,
            "coil": placement.coil.name,
            "coil_source": placement.coil.source,
            "coil_digest": placement.coil.digest,
            "pose_m": placement.pose_m.tolist(),
            "didt_A_per_s": list(placement.didt_A_per_s),
            "gauge": "plain" if placement.gauge_center_m is None else "radial",
            "solver": name,
            "tolerance": tolerance,
        }
    )
