"""Electrodes as boundary conditions on patches of the outer surface; no mesh or matrix is made for them.

A patch gives, for each boundary triangle it covers at least partly, the integrals of the hat functions over the
covered part, and of their products. With c_l the vector of the first kind, B_l the matrix of the second, d_l the
covered area, z_l the contact impedance (ohm m²) and I_l the current of electrode l:

* "uniform": the density I_l / d_l enters everywhere under the electrode:  A u = sum_l c_l I_l / d_l.
* "complete" (complete electrode model, Somersalo, Cheney & Isaacson 1992, doi:10.1137/0152060): the metal has one
  potential V_l and the density (V_l - u) / z_l enters. The weak form
  A u + sum_l (B_l u - c_l V_l) / z_l = 0  with  (d_l V_l - c_l.u) / z_l = I_l
  gives, with V_l = (z_l I_l + c_l.u) / d_l put into the first equation,
  (A + sum_l (B_l - c_l c_l' / d_l) / z_l) u = sum_l c_l I_l / d_l.

Both have the same right-hand side and the same null space (the constants, since B_l 1 = c_l and c_l.1 = d_l), and
for large z the second becomes the first. The added term touches the rows under the electrodes only, so the hierarchy of
A serves every montage: the term is carried down to its coarser grids, which takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from stimplan.errors import InputError, SolveError
from stimplan.fem.multigrid import with_added
from stimplan.fem.rows import times
from stimplan.fem.solve import LinearSolver, Progress, Solution, System, solve_system

Array = NDArray[np.float64]

MODELS = ("uniform", "complete")


@attrs.frozen(eq=False)
class Contact:
    """One electrode's patch and current.

    Attributes
    ----------
    triangles : (k, 3) int array
        Node numbers of the boundary triangles.
    weights_m2 : (k, 3) array
        Integral of each corner's hat function over the covered part, m².
    products_m2 : (k, 3, 3) array
        Integrals of the products of two corners' hat functions over the covered part, m².
    current_A : float
        Into the head.
    impedance_ohm_m2 : float
        Thickness over conductivity, summed over the layers between metal and skin.
    """

    triangles: NDArray[np.int32]
    weights_m2: Array
    products_m2: Array
    current_A: float
    impedance_ohm_m2: float = 0.0

    @property
    def area_m2(self) -> float:
        """Covered area, m²."""
        return float(self.weights_m2.sum())


@attrs.frozen(eq=False)
class ContactSolution:
    """Potential of the head and of its electrodes.

    Attributes
    ----------
    solution : Solution
    electrode_potential_V : (l,) array
        Of the metal; in the "uniform" model, where the metal is no equipotential, its mean over the patch.
    delivered_A : (l,) array
        Current that really enters the head through each electrode's nodes, from A u.
    """

    solution: Solution
    electrode_potential_V: Array
    delivered_A: Array


@attrs.frozen(eq=False)
class ContactOperator:
    """A + sum_l (B_l - c_l c_l' / d_l) / z_l, to be multiplied with `@`."""

    matrix: csr_matrix
    contact: csr_matrix
    means: csr_matrix

    def __matmul__(self, x: Array) -> Array:
        return times(self.matrix, x) + self.contact @ x - self.means @ (self.means.T @ x)

    def to_csr(self) -> csr_matrix:
        """Written out, for a direct solver."""
        return csr_matrix(self.matrix + self.added())

    def added(self) -> csr_matrix:
        """What the electrodes add to the matrix of the head, written out: each becomes a dense block."""
        return csr_matrix(self.contact - self.means @ self.means.T)


def solve_contacts(
    system: System,
    contacts: Sequence[Contact],
    *,
    model: str = "complete",
    solver: LinearSolver | None = None,
    tolerance: float = 1e-6,
    progress: Progress | None = None,
) -> ContactSolution:
    """Solve one montage.

    Parameters
    ----------
    system : System
    contacts : sequence of Contact
        Their currents sum to zero.
    model : {"complete", "uniform"}
    solver : callable, optional
        `(A, b) -> x`, see `stimplan.fem.solve`.
    tolerance : float
        Relative residual above which there is no result.
    progress : callable, optional

    Raises
    ------
    InputError
        An unknown model, an empty patch, a contact impedance that is not positive, currents that do not sum to zero.
    SolveError
        The residual is above the tolerance, or an electrode does not deliver its current.
    """
    _check(contacts, model)
    n = len(system.order)
    weights = contact_columns(contacts, n)
    currents = np.array([c.current_A for c in contacts])
    areas = np.array([c.area_m2 for c in contacts])
    rhs = weights @ (currents / areas)
    operator = None
    if model == "complete":
        operator = _operator(system, contacts, weights, areas)
        if solver is None:  # a metal evens out its patch of skin, which a hierarchy without it learns only slowly
            system = attrs.evolve(system, hierarchy=with_added(system.hierarchy, operator.added()))
    solution = solve_system(system, rhs, operator=operator, solver=solver, tolerance=tolerance, progress=progress)
    u = solution.potential_V
    impedances = np.array([c.impedance_ohm_m2 for c in contacts])
    potentials = (impedances * currents + weights.T @ u) / areas
    delivered = _delivered(system, contacts, u)
    return ContactSolution(solution, potentials, delivered)


def contact_density(contact: Contact, potential_V: Array, electrode_V: float) -> Array:
    """(k,) mean current density over the covered part of each triangle in the "complete" model, A/m²."""
    covered = contact.weights_m2.sum(axis=1)
    mean = (contact.weights_m2 * potential_V[contact.triangles]).sum(axis=1) / covered
    return (electrode_V - mean) / contact.impedance_ohm_m2


def _check(contacts: Sequence[Contact], model: str) -> None:
    if model not in MODELS:
        raise InputError(f"electrode model {model!r} is not known; allowed are {', '.join(map(repr, MODELS))}")
    for number, contact in enumerate(contacts):
        if not contact.area_m2 > 0:
            raise InputError(f"electrode {number} covers no part of the surface")
        if model == "complete" and not 0 < contact.impedance_ohm_m2 < float("inf"):
            raise InputError(
                f"electrode {number} has a contact impedance of {contact.impedance_ohm_m2!r} ohm m2; the complete "
                "electrode model needs a positive one: give its layers, or use the model 'uniform'"
            )


def contact_columns(contacts: Sequence[Contact], n: int) -> csr_matrix:
    """(n, l) matrix with c_l as its columns."""
    rows = np.concatenate([c.triangles.ravel() for c in contacts])
    columns = np.repeat(np.arange(len(contacts)), [c.triangles.size for c in contacts])
    values = np.concatenate([c.weights_m2.ravel() for c in contacts])
    return csr_matrix((values, (rows, columns)), shape=(n, len(contacts)))


def _operator(system: System, contacts: Sequence[Contact], weights: csr_matrix, areas: Array) -> ContactOperator:
    n = len(system.order)
    rows, columns, values = [], [], []
    for contact in contacts:
        corners = system.rank[contact.triangles]
        rows.append(np.repeat(corners, 3, axis=1).ravel())
        columns.append(np.tile(corners, (1, 3)).ravel())
        values.append(contact.products_m2.ravel() / contact.impedance_ohm_m2)
    index = (np.concatenate(rows), np.concatenate(columns))
    contact_matrix = csr_matrix((np.concatenate(values), index), shape=(n, n))
    scale = 1 / np.sqrt(areas * np.array([c.impedance_ohm_m2 for c in contacts]))
    means = weights[system.order].multiply(scale[None, :]).tocsr()
    return ContactOperator(system.matrix, contact_matrix, means)


def _delivered(system: System, contacts: Sequence[Contact], potential_V: Array) -> Array:
    """Current into the head through the nodes of each electrode, checked against what was asked.

    Electrodes that share a node are checked together, and then each is given what it asked for.
    """
    flow = (system.matrix @ potential_V[system.order])[system.rank]
    nodes = [np.unique(c.triangles) for c in contacts]
    share = np.array([[np.intersect1d(a, b).size > 0 for b in nodes] for a in nodes])
    n_groups, group = connected_components(csr_matrix(share), directed=False)
    asked = np.array([c.current_A for c in contacts])
    delivered = asked.copy()
    scale = np.abs(asked).max()
    for g in range(n_groups):
        members = np.flatnonzero(group == g)
        total = float(flow[np.unique(np.concatenate([nodes[m] for m in members]))].sum())
        if not abs(total - asked[members].sum()) <= 1e-3 * scale:
            raise SolveError(
                f"electrodes {members.tolist()} should deliver {asked[members].sum():.6g} A and deliver {total:.6g} A"
            )
        if len(members) == 1:
            delivered[members[0]] = total
    return delivered
