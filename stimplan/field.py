"""Field: the one result type, and how it is solved for a placement on a head."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import Any
from typing import Protocol as Typed

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan import __version__
from stimplan.errors import InputError
from stimplan.fem.assemble import electric_field
from stimplan.fem.contact import solve_contacts
from stimplan.fem.flux import face_flux, weak_flux
from stimplan.fem.locate import Locator
from stimplan.fem.recover import between_nodes, nodal_field, relative_difference
from stimplan.fem.solve import LinearSolver, Progress, System
from stimplan.fem.tensor import current_density
from stimplan.head.model import HeadModel
from stimplan.kept_system import kept_system
from stimplan.placement import Placement
from stimplan.values import digest, frozen_array, frozen_mapping

Array = NDArray[np.float64]


def _vectors(values: ArrayLike) -> Array:
    return frozen_array(values, name="E_V_per_m", shape=(None, 3))


def _potentials(values: ArrayLike) -> Array:
    return frozen_array(values, name="potential", shape=(None,))


@attrs.frozen(eq=False, slots=False)
class Field:
    """Electric field in a head; compares by identity, `digest` compares the content.

    Attributes
    ----------
    head : HeadModel
    placement : Placement or None
        What made the field; None for a field read from elsewhere.
    E_V_per_m : (m, 3) array
        Constant in each tetrahedron of `head`, V/m.
    potential_V : (n,) array
        At the nodes, V; its mean over the head is zero.
    electrode_potential_V : (l,) array
        Of each electrode's metal, V. In the "uniform" model, where the metal is no equipotential, its mean.
    residual : float
        ||b - A x|| / ||b|| of the linear system, computed outside the solver.
    iterations : int or None
        Of the built-in solver.
    provenance : mapping
        Digests of everything the field depends on, as plain JSON data.
    """

    head: HeadModel
    placement: Placement | None
    E_V_per_m: Array = attrs.field(converter=_vectors)
    potential_V: Array = attrs.field(converter=_potentials)
    electrode_potential_V: Array = attrs.field(converter=_potentials)
    residual: float
    iterations: int | None
    provenance: Mapping[str, Any] = attrs.field(converter=frozen_mapping)

    def __attrs_post_init__(self) -> None:
        if len(self.E_V_per_m) != len(self.head.tets) or len(self.potential_V) != len(self.head.nodes_m):
            raise InputError(
                f"a field of {len(self.E_V_per_m)} elements and {len(self.potential_V)} nodes does not belong to a "
                f"head of {len(self.head.tets)} and {len(self.head.nodes_m)}"
            )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of head, field and provenance."""
        return digest(self.head.digest, self.E_V_per_m, self.potential_V, self.electrode_potential_V, self.provenance)

    def _repr_html_(self) -> str:
        from stimplan.notebook import field_html

        return field_html(self)

    @cached_property
    def magnitude_V_per_m(self) -> Array:
        """(m,) |E| of each tetrahedron, V/m."""
        return frozen_array(np.linalg.norm(self.E_V_per_m, axis=1), name="magnitude", shape=(None,))

    @cached_property
    def J_A_per_m2(self) -> Array:
        """(m, 3) current density of each tetrahedron, sigma E, A/m²."""
        return frozen_array(current_density(self.head.conductivity_S_per_m, self.E_V_per_m), name="J", shape=(None, 3))

    @cached_property
    def _nodal(self) -> dict[int, Array]:
        """Recovered field at the nodes of each tissue, by label."""
        return {}

    def recovered_V_per_m(self, tissue: str) -> Array:
        """(n, 3) field recovered at the nodes of one tissue, V/m, smoother and more exact than that of the elements.

        NaN at nodes that do not belong to the tissue.
        """
        label = self.head.tissue_named(tissue).label
        if label not in self._nodal:
            of = self.head.tissue == label
            values = nodal_field(
                self.E_V_per_m[of],
                self.head.tets[of],
                nodes_m=self.head.nodes_m,
                volumes_m3=self.head.volumes_m3[of],
            )
            values.setflags(write=False)
            self._nodal[label] = values
        return self._nodal[label]

    @cached_property
    def recovered_at_centers_V_per_m(self) -> Array:
        """(m, 3) recovered field at the centre of each tetrahedron, V/m."""
        values = np.empty_like(self.E_V_per_m)
        for tissue in self.head.tissues:
            of = self.head.tissue == tissue.label
            values[of] = self.recovered_V_per_m(tissue.name)[self.head.tets[of]].mean(axis=1)
        return frozen_array(values, name="recovered", shape=(None, 3))

    def at(self, points_m: ArrayLike) -> Array:
        """Field at points in the head, (k, 3), V/m: linear between the nodal values of the tissue each lies in.

        Parameters
        ----------
        points_m : (k, 3) array
            Head coordinates, m.

        Raises
        ------
        InputError
            Points outside the head (the message says how many), or anything but (k, 3) numbers.
        """
        points = points_of(points_m)
        tet, barycentric = inside(self.head, points)
        names = {tissue.label: tissue.name for tissue in self.head.tissues}
        return between_nodes(
            self.head.tissue[tet], self.head.tets[tet], barycentric, nodal_of=lambda t: self.recovered_V_per_m(names[t])
        )

    def error_estimate(self, region: str | ArrayLike) -> float:
        """Estimated relative error of the element field, ||E recovered - E|| / ||E recovered||.

        On layered spheres it predicts the true error within a few per cent of it (see tests/test_field.py).

        Parameters
        ----------
        region : str or (m,) bool array
            A tissue, or a mask of tetrahedra.

        Raises
        ------
        InputError
            A mask of another length, or without a tetrahedron.
        """
        of = self.head.in_tissue(region) if isinstance(region, str) else np.asarray(region, dtype=bool)
        if of.shape != self.head.tissue.shape or not of.any():
            raise InputError(
                f"a region is a mask of {len(self.head.tets)} tetrahedra with at least one of them; got {of.shape} "
                f"with {int(of.sum())}"
            )
        recovered = np.zeros((int(of.sum()), 3))
        labels = self.head.tissue[of]
        for tissue in self.head.tissues:
            own = labels == tissue.label
            if own.any():
                recovered[own] = self.recovered_V_per_m(tissue.name)[self.head.tets[of][own]].mean(axis=1)
        element = self.E_V_per_m[of]
        # Without any field there is nothing to be wrong about.
        return relative_difference(recovered, element, self.head.volumes_m3[of]) if recovered.any() else 0.0


class FieldSource(Typed):
    """What is on a head and makes a field of its own, other than electrodes: a coil."""

    def field_in(
        self, head: HeadModel, *, tolerance: float, solver: LinearSolver | None, progress: Progress | None
    ) -> Field:
        """Its field in a head of the mesh it was placed on."""
        ...


def solve(
    head: HeadModel,
    placement: Placement | FieldSource,
    *,
    currents_A: ArrayLike | None = None,
    tolerance: float = 1e-6,
    solver: LinearSolver | None = None,
    progress: Progress | None = None,
) -> Field:
    """Solve -div(sigma grad phi) = 0 for the currents of a placement, or the field a coil induces.

    Parameters
    ----------
    head : HeadModel
        The head the electrodes were placed on, or the same mesh with other conductivities.
    placement : Placement or CoilPlacement
    currents_A : (l,) array, optional
        Into each electrode, instead of the protocol's; 0 for one that is only attached. One current source of
        several, or one moment of an alternating current, is asked for in this way.
    tolerance : float
        Relative residual above which there is no result.
    solver : callable, optional
        Any `(A, b) -> x`; by default a multigrid-preconditioned conjugate gradient.
    progress : callable, optional
        Called with a stage and a fraction.

    Returns
    -------
    Field

    Raises
    ------
    InputError
        The placement belongs to another mesh; the currents do not sum to zero, or are not those of one field.
    SolveError
        The residual is above the tolerance, or an electrode does not deliver its current.
    """
    if not isinstance(placement, Placement):  # a coil's
        if not hasattr(placement, "field_in"):
            raise InputError(f"cannot solve for a {type(placement).__name__}; place and coil_placement make placements")
        if currents_A is not None:
            raise InputError("a coil has no electrodes for currents_A; its rate is part of its placement")
        return placement.field_in(head, tolerance=tolerance, solver=solver, progress=progress)
    if placement.head is not head and not is_same_mesh(placement.head, head):
        raise InputError(f"the electrodes were placed on head {placement.head.name!r}, which has another mesh")
    currents = _currents(placement) if currents_A is None else _checked(currents_A, len(placement.electrodes))
    solved = solve_contacts(
        system_of(head, progress),
        [attrs.evolve(p.contact(head), current_A=i) for p, i in zip(placement.electrodes, currents, strict=True)],
        model=placement.electrode_model,
        solver=solver,
        tolerance=tolerance,
        progress=progress,
    )
    potential = solved.solution.potential_V
    return Field(
        head=head,
        placement=placement,
        E_V_per_m=electric_field(potential, head.nodes_m, head.tets),
        potential_V=potential,
        electrode_potential_V=solved.electrode_potential_V,
        residual=solved.solution.residual,
        iterations=solved.solution.iterations,
        provenance=_provenance(head, placement, tolerance=tolerance, solver=solver, currents_A=currents),
    )


def current_through(field: Field, is_inside: ArrayLike, *, method: str = "faces") -> float:
    """Current out of a set of tetrahedra through the faces it shares with the others, A.

    Parameters
    ----------
    field : Field
    is_inside : (m,) bool array
        The set: one half of the head, or a tissue with all it encloses.
    method : {"faces", "weak"}
        "faces" sums the normal current density over the faces: it judges the field that is reported, and is the one
        meant by "the current is right within 1 %". "weak" uses the finite elements' own balance, which holds to the
        residual of the linear system; it counts electrodes on a node of the set as inside.

    Raises
    ------
    InputError
        An unknown method, a mask of another length, or a set without a surface.
    """
    mask = np.asarray(is_inside, dtype=bool)
    if mask.shape != (len(field.head.tets),):
        raise InputError(
            f"is_inside must have one value for each of {len(field.head.tets)} tetrahedra, got {mask.shape}"
        )
    if mask.all() or not mask.any():
        raise InputError("a set of all tetrahedra, or of none, has no surface inside the head")
    methods: dict[str, Callable[..., float]] = {"faces": face_flux, "weak": weak_flux}
    if method not in methods:
        raise InputError(f"method must be one of {', '.join(map(repr, methods))}, got {method!r}")
    return methods[method](field.J_A_per_m2, mask, nodes_m=field.head.nodes_m, tets=field.head.tets)


def system_of(head: HeadModel, progress: Progress | None = None) -> System:
    """Matrix and preconditioner of a head, made once: every montage on the same head object uses them again.

    Those of a large head are kept on disk for the next process, see `stimplan.kept_system`.
    """
    return _system(head, _Quiet(progress))


@attrs.frozen(hash=True)
class _Quiet:
    """A progress callback that plays no part in the cache's key: all of them are equal."""

    progress: Progress | None = attrs.field(eq=False)


# Two heads: one, and the same with other conductivities. A head hashes by identity.
@lru_cache(maxsize=2)
def _system(head: HeadModel, quiet: _Quiet) -> System:
    return kept_system(head, quiet.progress)


@lru_cache(maxsize=2)
def locator_of(head: HeadModel) -> Locator:
    """Finder of the tetrahedra of points, made once for a head."""
    return Locator.of(head.nodes_m, head.tets)


def inside(head: HeadModel, points_m: Array) -> tuple[NDArray[np.int64], Array]:
    """(k,) tetrahedra of points and (k, 4) weights of their corners.

    Raises
    ------
    InputError
        Points outside the head; the message says how many.
    """
    tet, barycentric = locator_of(head)(points_m)
    if np.any(tet < 0):
        raise InputError(f"{int((tet < 0).sum())} of {len(points_m)} points are outside head {head.name!r}")
    return tet, barycentric


def is_same_mesh(a: HeadModel, b: HeadModel) -> bool:
    """Whether two heads have the same nodes and tetrahedra, whatever their conductivities."""
    return np.array_equal(a.tets, b.tets) and np.array_equal(a.nodes_m, b.nodes_m)


def _currents(placement: Placement) -> list[float]:
    """Currents of the protocol, where they are those of one field at one moment.

    Electrodes half a period apart are: one has the opposite sign of the other.
    """
    electrodes = [patch.electrode for patch in placement.electrodes]
    sources = {getattr(electrode, "channel", None) for electrode in electrodes}
    if len(sources) > 1:
        raise InputError(
            f"the electrodes belong to {len(sources)} current sources, and each has a field of its own; solve them one "
            "by one with currents_A, 0 for the electrodes of the others"
        )
    currents = []
    for electrode in electrodes:
        turns = (getattr(electrode, "phase_rad", None) or 0.0) / math.pi
        if not abs(turns - round(turns)) < 1e-9:
            raise InputError(
                f"electrode {electrode.label!r} has a phase of {math.degrees(turns * math.pi):g} degrees, so no one "
                "field has the shape of all moments; solve two moments with currents_A, a quarter of a period apart"
            )
        currents.append(electrode.current_A * (-1) ** (round(turns) % 2))
    return currents


def points_of(points_m: ArrayLike) -> Array:
    """Points as a (k, 3) array; the compiled search reads three numbers of each without asking."""
    try:
        points = np.atleast_2d(np.asarray(points_m, dtype=np.float64))
    except (TypeError, ValueError):
        raise InputError(f"points are (k, 3) numbers, m, got {str(points_m)[:60]!r}") from None
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"points are (k, 3) numbers, m, got an array of shape {points.shape}")
    return points


def _checked(currents_A: ArrayLike, count: int) -> list[float]:
    currents = np.asarray(currents_A, dtype=np.float64)
    if currents.shape != (count,) or not np.isfinite(currents).all():
        raise InputError(f"currents_A must be {count} finite numbers, one for each electrode, got {currents_A!r}")
    return [float(current) for current in currents]


def _provenance(
    head: HeadModel, placement: Placement, *, tolerance: float, solver: LinearSolver | None, currents_A: list[float]
) -> dict[str, Any]:
    name = "multigrid conjugate gradient" if solver is None else getattr(solver, "__qualname__", repr(solver))
    return {
        "stimplan": __version__,
        "head": head.name,
        "head_digest": head.digest,
        "conductivities_S_per_m": {tissue.name: tissue.conductivity_S_per_m for tissue in head.tissues},
        "is_anisotropic": head.tensors_S_per_m is not None,
        "protocol_digest": placement.protocol_digest,
        "placement_digest": placement.digest,
        "electrode_model": placement.electrode_model,
        "currents_A": currents_A,
        "solver": name,
        "tolerance": tolerance,
    }
