"""The auxiliary dipole method: the field of every coil pose at a target from one to three solves.

Reciprocity (Gomez, Dannhauer & Peterchev 2021, doi:10.1016/j.neuroimage.2020.117696), derived here for the very
equations that `stimplan.coil_field` solves, so that the two agree to the tolerance of the solver and not only in the
limit of a fine mesh.

With dA/dt = a at the nodes, the mean of it over an element a_e, and K the stiffness matrix,

    K phi = -B a,      (B a)_i = sum over elements of V_e sigma_e a_e . grad N_i .

The target observes g = sum over nodes k of w_k . E(x_k), with E = -a + the recovered -grad phi. Recovery is linear:
it gives the field at a node as a weighted sum of the elements' -grad phi, so the charges' part of g is
sum c_e . (-grad phi)_e, with c_e the weights of the target carried to the elements. Put a current there instead:

    K psi = f,         f_i = sum over elements of c_e . grad N_i .

Then, K being symmetric,

    -f . phi = -psi . K phi = psi . B a = sum over elements of V_e (sigma grad psi)_e . a_e ,

and with the mean over an element being that of its four nodes,

    g = -sum over nodes of q_n . a(x_n),      q_n = w_n - sum over elements at n of V_e / 4 (sigma grad psi)_e .

q is the auxiliary current: that of a source at the target (w) and the one it drives through the head (-sigma grad
psi), the sources of magnetoencephalography. A coil enters through a alone. A piece of wire dl at r, driven at dI/dt,
has a(x) = mu0/4pi dI/dt dl / |x - r|, a dipole dm/dt has mu0/4pi dm/dt x (x - r) / |x - r|^3; so

    wire:     g = -mu0/4pi sum of dI/dt dl . P(r),     P(r) = sum over n of q_n / |x_n - r|
    dipoles:  g = -mu0/4pi sum of dm/dt . C(r),        C(r) = sum over n of (x_n - r) x q_n / |x_n - r|^3

P and C do not know the coil: they are summed once (`stimplan.coil_search.summing`). All this holds for a in any gauge;
with a in the radial one, other P and C take their place (`stimplan.coil_search.kernels`).
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.coil_field import CoilPlacement
from stimplan.coil_search.target import Target
from stimplan.compiled import jit
from stimplan.fem.assemble import electric_field, load_vector
from stimplan.fem.recover import recovery
from stimplan.fem.solve import LinearSolver, Progress, solve_system
from stimplan.fem.tensor import current_density
from stimplan.field import system_of
from stimplan.head.model import HeadModel
from stimplan.values import frozen_array

Array = NDArray[np.float64]


def _currents(values: ArrayLike) -> Array:
    return frozen_array(values, name="currents", shape=(None, 3, None))


@attrs.frozen(eq=False)
class Auxiliary:
    """The auxiliary currents of targets on a head.

    Attributes
    ----------
    head : HeadModel
    targets : tuple of Target
    currents : (n, 3, c) array
        q at the nodes of the head, the observations of all targets side by side.
    residual : float
        Largest relative residual of the solves.
    """

    head: HeadModel
    targets: tuple[Target, ...]
    currents: Array = attrs.field(converter=_currents)
    residual: float

    def values(self, components: ArrayLike) -> Array:
        """(..., t) value of each target, V/m, from observations (..., c)."""
        observed, found, first = np.asarray(components), [], 0
        for target in self.targets:
            last = first + target.weights.shape[2]
            found.append(target.value(observed[..., first:last]))
            first = last
        return np.stack(found, axis=-1)


def auxiliary_currents(
    head: HeadModel,
    targets: Sequence[Target],
    *,
    tolerance: float = 1e-6,
    solver: LinearSolver | None = None,
    progress: Progress | None = None,
) -> Auxiliary:
    """Solve for the auxiliary currents: one right-hand side for a component, three for a strength.

    Parameters
    ----------
    head : HeadModel
    targets : sequence of Target
    tolerance : float
        Relative residual above which there is no result.
    solver : callable, optional
        Any `(A, b) -> x`.
    progress : callable, optional

    Raises
    ------
    SolveError
        The residual is above the tolerance.
    """
    loads = [column for target in targets for column in _loads(head, target)]
    system = system_of(head, progress)
    rhs = loads[0] if len(loads) == 1 else np.stack(loads, axis=1)
    solution = solve_system(system, rhs, solver=solver, tolerance=tolerance, progress=progress)
    columns = solution.potential_V.reshape(len(head.nodes_m), -1)
    currents = np.zeros((len(head.nodes_m), 3, len(loads)))
    tets, volumes = np.asarray(head.tets), np.asarray(head.volumes_m3)
    for number in range(len(loads)):
        gradient = electric_field(columns[:, number], head.nodes_m, head.tets)
        J = current_density(head.conductivity_S_per_m, gradient)
        currents[:, :, number] = _to_nodes(J, volumes, tets, len(head.nodes_m))
    first = 0
    for target in targets:
        last = first + target.weights.shape[2]
        currents[target.nodes, :, first:last] += target.weights
        first = last
    return Auxiliary(head, tuple(targets), currents, solution.residual)


def exact_components(auxiliary: Auxiliary, placement: CoilPlacement) -> Array:
    """(c,) observations for one pose in its gauge, V/m, with dA/dt summed at every node: no grid in between.

    It serves coils given as a grid of their vector potential, which have no elements to exchange the sums with.
    """
    rate = placement.primary_V_per_m(auxiliary.head.nodes_m)
    return np.asarray(-np.einsum("ndc,nd->c", auxiliary.currents, rate))


def _loads(head: HeadModel, target: Target) -> list[Array]:
    """f of each observation: the target's weights carried through the recovery to the elements."""
    of = np.flatnonzero(head.in_tissue(target.tissue))
    order = np.argsort(target.nodes)
    fit = recovery(head.tets[of], head.nodes_m, head.volumes_m3[of], nodes=target.nodes[order])
    rows = np.repeat(order, np.diff(fit.start))
    elements, index = np.unique(fit.elements, return_inverse=True)
    tets, volumes = head.tets[of[elements]], head.volumes_m3[of[elements]]
    found = []
    for number in range(target.weights.shape[2]):
        carried = np.zeros((len(elements), 3))
        np.add.at(carried, index, fit.weights[:, None] * target.weights[rows, :, number])
        found.append(load_vector(carried / volumes[:, None], head.nodes_m, tets))
    return found


@jit
def _to_nodes(density, volumes, tets, count):  # type: ignore[no-untyped-def]
    """A quarter of volume times density of each element to each of its nodes."""
    out = np.zeros((count, 3))
    for t in range(len(tets)):
        for corner in range(4):
            for d in range(3):
                out[tets[t, corner], d] += 0.25 * volumes[t] * density[t, d]
    return out
