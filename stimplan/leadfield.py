"""Lead fields: the field of one ampere into each electrode of a layout, from which any montage is a sum.

Column i is the field of 1 A into electrode i and out of all the others together in equal parts (average reference),
so that the columns sum to zero and a montage whose currents do is their sum, weighted with its currents. Electrodes
are discs with a uniform current density: then the matrix is the same for every montage and the sum is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan import __version__
from stimplan.errors import InputError, Problem
from stimplan.fem.assemble import electric_field
from stimplan.fem.contact import contact_columns
from stimplan.fem.krylov import threads
from stimplan.fem.recover import recovery
from stimplan.fem.rows import WIDTH
from stimplan.fem.solve import Progress, Solution, solve_system
from stimplan.field import Field, system_of
from stimplan.head.cortex import cortex_of
from stimplan.head.model import HeadModel
from stimplan.leadfield_file import Rows, Sink, open_rows, rows_there
from stimplan.montage import Circle, Electrode, Layer
from stimplan.placement import Placement, place
from stimplan.sites import layout_sites
from stimplan.units import text
from stimplan.values import digest

Array = NDArray[np.float64]

DEFAULT_LAYOUT = "10-10"
# Columns of a block: what the solver takes at once, so that a block's bits do not depend on what else is solved.
_BLOCK = WIDTH
# Blocks that are solved side by side at most: each takes 0.25 GB for 430 thousand nodes.
_MOST_BLOCKS = 8
_LAYERS = (Layer("electrode_gel", 0.002),)
_BALANCE = 1e-9


@attrs.frozen(eq=False)
class _Layout:
    """What `place` asks of a protocol."""

    electrodes: tuple[Electrode, ...]
    digest: str


@attrs.frozen(eq=False, slots=False)
class LeadField:
    """Fields of one ampere into each electrode of a layout on a head.

    Attributes
    ----------
    placement : Placement
        All electrodes, in the order of the rows; their currents mean nothing.
    rows : Rows
        Potentials by node, V/A, and fields on the cortex, V/m/A, in memory or in a file.
    """

    placement: Placement
    rows: Rows

    @property
    def head(self) -> HeadModel:
        """The head it was made on."""
        return self.placement.head

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the electrodes, in the order of the rows."""
        return tuple(patch.electrode.label for patch in self.placement.electrodes)

    @cached_property
    def cortex_V_per_m_per_A(self) -> NDArray[np.float32]:
        """(electrodes, p, 3) field at the points of `cortex_of(head)`, single precision."""
        return np.asarray(self.rows.cortex[:])

    def potential_V(self, currents_A: Mapping[str, float]) -> Array:
        """(n,) potential of a montage at the nodes, V; its mean over the head is zero.

        Raises
        ------
        InputError
            See `currents`.
        """
        currents = self.currents(currents_A)
        total = np.zeros(len(self.head.nodes_m))
        for row in np.flatnonzero(currents):
            total += currents[row] * self.rows.potential[row]
        return total

    def on_cortex(self, currents_A: Mapping[str, float]) -> Array:
        """(p, 3) field of a montage at the points of `cortex_of(head)`, recovered in grey matter, V/m.

        Raises
        ------
        InputError
            See `currents`.
        """
        currents = self.currents(currents_A)
        used = np.flatnonzero(currents)
        columns = self.cortex_V_per_m_per_A
        total = np.zeros(columns.shape[1:])
        for row in used:
            total += currents[row] * columns[row]
        return total

    def field(self, currents_A: Mapping[str, float]) -> Field:
        """The whole field of a montage, as `solve` would give it.

        Parameters
        ----------
        currents_A : mapping of str to float
            Current into each electrode by name; those left out have none.

        Raises
        ------
        InputError
            See `currents`.
        """
        currents = self.currents(currents_A)
        potential = self.potential_V(currents_A)
        used = np.flatnonzero(currents)
        patches = tuple(
            attrs.evolve(p, electrode=attrs.evolve(p.electrode, current_A=float(currents[i])))
            for i, p in enumerate(self.placement.electrodes)
            if i in used
        )
        placement = attrs.evolve(self.placement, electrodes=patches)
        contacts = [patch.contact(self.head) for patch in patches]
        areas = np.array([contact.area_m2 for contact in contacts])
        means = contact_columns(contacts, len(potential)).T @ potential / areas
        drops = np.array([c.impedance_ohm_m2 * c.current_A for c in contacts]) / areas
        return Field(
            head=self.head,
            placement=placement,
            E_V_per_m=electric_field(potential, self.head.nodes_m, self.head.tets),
            potential_V=potential,
            electrode_potential_V=means + drops,
            residual=self.rows.residual,
            iterations=None,
            provenance={**self.rows.record, "currents_A": [float(i) for i in currents[used]],
                        "electrodes": [self.names[i] for i in used]},
        )  # fmt: skip

    def currents(self, currents_A: Mapping[str, float]) -> Array:
        """(electrodes,) currents by row, A.

        Raises
        ------
        InputError
            Every name that is not in the layout (with the nearest), currents that are not finite, all zero, or do
            not sum to zero.
        """
        return checked_currents(self.names, currents_A)


def checked_currents(names: Sequence[str], currents_A: Mapping[str, float]) -> Array:
    """(electrodes,) currents of a montage in the order of the names, A.

    Raises
    ------
    InputError
        See `LeadField.currents`.
    """
    problems, found = [], np.zeros(len(names))
    for name, current in currents_A.items():
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(names)}"
            problems.append(Problem(name, f"the lead field has no such electrode{hint}"))
        elif not np.isfinite(current):
            problems.append(Problem(name, f"its current must be finite, got {current!r} A"))
        else:
            found[names.index(name)] = current
    size = np.abs(found).sum()
    if not problems and not size > 0:
        problems.append(Problem("montage", "all currents are zero: no current, no field"))
    if not problems and not abs(found.sum()) <= _BALANCE * size:
        what = f"the currents must sum to zero, they sum to {text(float(found.sum()), 'A', 6)}"
        problems.append(Problem("montage", what))
    if problems:
        raise InputError(problems)
    return found


def compute_lead_field(
    head: HeadModel,
    sites: str | Sequence[str] = DEFAULT_LAYOUT,
    *,
    path: str | Path | None = None,
    diameter_m: float = 0.012,
    tolerance: float = 1e-6,
    progress: Progress | None = None,
) -> LeadField:
    """Solve one column for each electrode of a layout.

    Parameters
    ----------
    head : HeadModel
    sites : str or sequence of str
        A layout of `montages/layouts.json`, or names of sites on the head.
    path : str or Path, optional
        HDF5 file to write; column after column goes to the disk, a run that was interrupted goes on where it
        stopped, and the file appears when it is complete. Without it the lead field stays in memory.
    diameter_m : float
        Of the discs, m; 12 mm is the outer size of common high-definition electrodes.
    tolerance : float
        Relative residual above which there is no result.
    progress : callable, optional

    Raises
    ------
    InputError
        An unknown layout, a file that cannot be written, or that holds another lead field.
    MontageError
        Sites the head does not have, and discs that overlap: all of them at once.
    SolveError
        A column did not converge.
    """
    placement = _placed(head, sites, diameter_m)
    record = _record(head, placement, diameter_m, tolerance)
    finished = rows_there(path, record)
    if finished is not None:
        return LeadField(placement, finished)
    sink = Sink(path, record, cortex_of(head))
    # The last column is minus the sum of the others: one solve less, and the columns sum to zero to rounding.
    missing = [start for start in range(0, len(placement.electrodes) - 1, _BLOCK) if not sink.has(start)]
    if missing:
        _fill(sink, placement, missing, tolerance=tolerance, progress=progress)
    rows = sink.complete()
    if progress is not None:
        progress("lead field", 1.0)
    return LeadField(placement, rows)


def _fill(
    sink: Sink, placement: Placement, missing: Sequence[int], *, tolerance: float, progress: Progress | None
) -> None:
    """Solve the blocks that begin at these columns; while the next are solved, the last are sampled and written."""
    head, last = placement.head, len(placement.electrodes) - 1
    system, sample, currents = system_of(head, progress), _cortex_sampler(head), _injected(placement)

    def keep(starts: Sequence[int], solution: Solution) -> None:
        for number, start in enumerate(starts):
            columns = solution.potential_V[:, number * _BLOCK : (number + 1) * _BLOCK]
            sink.add(start, columns.T, cortex=sample(columns), residual=solution.residual)

    at_once = min(threads(), _MOST_BLOCKS)
    with ThreadPoolExecutor(1) as second:
        kept: Future[None] | None = None
        for done in range(0, len(missing), at_once):
            if progress is not None:
                progress("lead field", done / len(missing))
            starts = missing[done : done + at_once]
            columns = np.concatenate([np.arange(start, min(start + _BLOCK, last)) for start in starts])
            solution = solve_system(system, currents(columns), tolerance=tolerance)
            if kept is not None:
                kept.result()
            kept = second.submit(keep, starts, solution)
        if kept is not None:
            kept.result()


def _injected(placement: Placement) -> Callable[[NDArray[np.int64]], Array]:
    """From the numbers of some columns the currents into each node, (n, k): only these are ever written out."""
    contacts = [patch.contact(placement.head) for patch in placement.electrodes]
    areas = np.array([contact.area_m2 for contact in contacts])
    weights = contact_columns(contacts, len(placement.head.nodes_m)).tocsc()
    mean = weights @ (1 / areas) / len(areas)

    def currents(columns: NDArray[np.int64]) -> Array:
        return np.asarray(weights[:, columns].toarray() / areas[columns] - mean[:, None])

    return currents


def open_lead_field(path: str | Path, head: HeadModel) -> LeadField:
    """Open a lead field that was written for this head.

    Raises
    ------
    InputError
        There is no such file, it is damaged or incomplete, or it belongs to another head or other conductivities.
    """
    rows = open_rows(Path(path))
    if rows.record["head_digest"] != head.digest:
        made_for = f"{rows.record['head']!r} with digest {rows.record['head_digest'][:12]}"
        what = f"was made for head {made_for}, this head {head.name!r} has {head.digest[:12]}"
        raise InputError(Problem(str(path), f"{what}: another mesh or other conductivities; make it again"))
    if rows.record.get("cortex_digest") != digest(cortex_of(head).nodes):
        what = "was made by another version of the program, with other points on the cortex; make it again"
        raise InputError(Problem(str(path), what))
    placement = _placed(head, rows.record["electrodes"], rows.record["diameter_m"])
    return LeadField(placement, rows)


def _placed(head: HeadModel, sites: str | Sequence[str], diameter_m: float) -> Placement:
    names = layout_sites(sites) if isinstance(sites, str) else tuple(sites)
    if len(names) < 2:
        raise InputError(Problem("sites", f"a lead field needs at least two of them, got {', '.join(names) or 'none'}"))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError([Problem("sites", f"{name!r} comes more than once") for name in twice])
    electrodes = tuple(Electrode(site=name, shape=Circle(diameter_m), layers=_LAYERS, current_A=1.0) for name in names)
    return place(_Layout(electrodes, digest(names, diameter_m)), head, electrode_model="uniform")  # type: ignore[arg-type]


def _record(head: HeadModel, placement: Placement, diameter_m: float, tolerance: float) -> dict[str, Any]:
    return {
        "stimplan": __version__,
        "kind": "lead field, average reference, 1 A",
        "head": head.name,
        "head_digest": head.digest,
        "cortex_digest": digest(cortex_of(head).nodes),
        "edge_mm": head.provenance.get("edge_mm"),
        "conductivities_S_per_m": {tissue.name: tissue.conductivity_S_per_m for tissue in head.tissues},
        "electrodes": [patch.electrode.label for patch in placement.electrodes],
        "diameter_m": diameter_m,
        "electrode_model": placement.electrode_model,
        "tolerance": tolerance,
    }


def _cortex_sampler(head: HeadModel) -> Callable[[Array], NDArray[np.float32]]:
    """From the potentials of some columns, (n, k), the recovered fields at the points of the cortex, (k, p, 3)."""
    cortex = cortex_of(head)
    inside = head.in_tissue(cortex.tissue)
    # A patch reaches as far as the elements around the nodes of the elements around a node.
    near = inside & _touching(head, head.tets[inside & _touching(head, cortex.nodes)])
    tets = head.tets[near]
    fit = recovery(tets, head.nodes_m, head.volumes_m3[near], nodes=cortex.nodes)

    def sample(potential_V: Array) -> NDArray[np.float32]:
        columns = [fit(electric_field(column, head.nodes_m, tets)) for column in potential_V.T]
        return np.array(columns, dtype=np.float32)

    return sample


def _touching(head: HeadModel, nodes: NDArray[np.integer]) -> NDArray[np.bool_]:
    """(m,) mask of the tetrahedra that have one of the nodes."""
    is_near = np.zeros(len(head.nodes_m), dtype=bool)
    is_near[nodes] = True
    return np.asarray(is_near[head.tets].any(axis=1))
