"""Protocol x HeadModel -> Placement: where on this scalp each electrode of a montage really lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError, InputError, MontageError, Problem
from stimplan.fem.contact import MODELS, Contact
from stimplan.fem.patch import Coverage, Frame, Outline, cover, frame_at, local_normal, shared_area_m2
from stimplan.fem.surface import cut_triangles, nearest_on_surface
from stimplan.montage import Circle, Electrode, Rectangle, Ring, Shape
from stimplan.protocol.reading import as_protocol
from stimplan.units import text
from stimplan.values import array_eq, digest, frozen_array

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel
    from stimplan.head.tape_sites import Located
    from stimplan.protocol import Protocol

Array = NDArray[np.float64]

FARTHEST_FROM_SCALP_M = 0.020
VERTEX_RADIUS_M = 0.020
# The normal of an electrode is the mean over at least this radius, so that no single triangle decides it.
NORMAL_RADIUS_M = 0.010
# On a smooth scalp a patch covers its nominal area within a per cent; folds add to it. Far less means an edge.
LEAST_COVERED = 0.85
# Two outlines that touch share a few samples of the boundary triangles.
OVERLAP_NOISE = 0.005


def _vector(values: ArrayLike) -> Array:
    return frozen_array(values, name="vector", shape=(3,))


def _numbers(triangles: ArrayLike) -> NDArray[np.int32]:
    return frozen_array(triangles, name="triangles", shape=(None,), dtype=np.int32)


def _areas(area_m2: ArrayLike) -> Array:
    return frozen_array(area_m2, name="area_m2", shape=(None,))


def _weights(weights_m2: ArrayLike) -> Array:
    return frozen_array(weights_m2, name="weights_m2", shape=(None, 3))


def _products(products_m2: ArrayLike) -> Array:
    return frozen_array(products_m2, name="products_m2", shape=(None, 3, 3))


@attrs.frozen
class Patch:
    """One electrode as it lies on a scalp.

    Attributes
    ----------
    electrode : Electrode
    center_m : (3,) array
        On the scalp, head coordinates, m.
    normal : (3,) array
        Outward unit normal of the scalp around the centre.
    up : (3,) array
        Unit tangent along the electrode's height axis, its rotation included.
    triangles : (k,) int array
        Numbers in `HeadModel.scalp` of the triangles covered at least partly.
    area_m2 : (k,) array
        Covered area of each, m².
    weights_m2 : (k, 3) array
        Integral of each corner's hat function over the covered part, m².
    products_m2 : (k, 3, 3) array
        Integrals of the products of two of them, m².
    contact_ohm_m2 : float
        Thickness over conductivity, summed over the layers, ohm m².
    offset_m : float
        Distance from the asked position to the scalp, m.
    how : str
        What was laid out with a tape to find it; "" for a name or a position.
    notices : tuple of str
        Sizes given for it that are not those of the head.
    """

    electrode: Electrode
    center_m: Array = attrs.field(converter=_vector, eq=array_eq)
    normal: Array = attrs.field(converter=_vector, eq=array_eq)
    up: Array = attrs.field(converter=_vector, eq=array_eq)
    triangles: NDArray[np.int32] = attrs.field(converter=_numbers, eq=array_eq)
    area_m2: Array = attrs.field(converter=_areas, eq=array_eq)
    weights_m2: Array = attrs.field(converter=_weights, eq=array_eq)
    products_m2: Array = attrs.field(converter=_products, eq=array_eq)
    contact_ohm_m2: float
    offset_m: float
    how: str = attrs.field(default="", eq=False)
    notices: tuple[str, ...] = attrs.field(default=(), eq=False)

    def contact(self, head: HeadModel) -> Contact:
        """The patch as a boundary condition of the head's mesh."""
        return Contact(
            triangles=head.scalp[self.triangles],
            weights_m2=self.weights_m2,
            products_m2=self.products_m2,
            current_A=self.electrode.current_A,
            impedance_ohm_m2=self.contact_ohm_m2,
        )


@attrs.frozen(eq=False, slots=False)
class Placement:
    """A montage on a head.

    Attributes
    ----------
    head : HeadModel
    electrodes : tuple of Patch
        In the order of the protocol.
    electrode_model : {"complete", "uniform"}
    protocol_digest : str
    notices : tuple of str
        What a reader must know about how electrodes were found: sizes of the person that are not the head's.
    """

    head: HeadModel
    electrodes: tuple[Patch, ...]
    electrode_model: str
    protocol_digest: str
    notices: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides the field."""
        return digest(self.head.digest, self.electrodes, self.electrode_model, self.protocol_digest)

    def _repr_html_(self) -> str:
        from stimplan.notebook import placement_html

        return placement_html(self)


@attrs.frozen(eq=False, slots=False)
class _Scalp:
    """The surface of a head, as arrays."""

    nodes_m: Array
    triangles: NDArray[np.int32]
    is_cut: NDArray[np.bool_]

    @cached_property
    def _bounds(self) -> tuple[Array, float]:
        """(k, 3) centres of the triangles, and the longest edge of them all, m."""
        corners = self.nodes_m[self.triangles]
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max()
        return corners.mean(axis=1), float(longest)

    def around(self, point_m: Array, radius_m: float) -> NDArray[np.int64]:
        """Numbers of the triangles that reach into a ball, and of some around it; of all where there are none."""
        centers, longest = self._bounds
        near = np.flatnonzero(((centers - point_m) ** 2).sum(axis=1) <= (radius_m + 2 * longest) ** 2)
        return near if len(near) else np.arange(len(self.triangles))

    def part(self, numbers: NDArray[np.int64]) -> _Scalp:
        """Some of its triangles."""
        return _Scalp(self.nodes_m, self.triangles[numbers], self.is_cut[numbers])


def place(
    protocol: Protocol | str | Path | Mapping[str, Any], head: HeadModel, *, electrode_model: str = "complete"
) -> Placement:
    """Lay the electrodes of a protocol onto the scalp of a head.

    Parameters
    ----------
    protocol : Protocol, str, Path or mapping
        Anything `read_protocol` takes; its `electrodes` and `digest` are used.
    head : HeadModel
    electrode_model : {"complete", "uniform"}
        How the current enters, see `stimplan.fem.contact`.

    Returns
    -------
    Placement

    Raises
    ------
    InputError
        An unknown electrode model, no such protocol, or one with faults; a head that is none.
    MontageError
        Unknown sites or materials, electrodes more than 20 mm from the scalp, over the edge of the scalp or over
        the plane where the head was cut off, and pairs that overlap: all of them at once, by name.
    """
    if electrode_model not in MODELS:
        raise InputError(f"electrode_model must be one of {', '.join(map(repr, MODELS))}, got {electrode_model!r}")
    plan = as_protocol(protocol) if isinstance(protocol, str | Path | Mapping) else protocol
    if not hasattr(plan, "electrodes"):
        raise InputError(f"cannot place a {type(plan).__name__}; expected a protocol, a library id or a path")
    if not hasattr(head, "nodes_m"):
        raise InputError(f"the head is a {type(head).__name__}, expected a HeadModel; stimplan.load_head makes one")
    if not plan.electrodes:
        what = f"{plan.modality} protocol {plan.id!r} has no electrodes"
        raise InputError(f"{what}; stimplan.coil_plan.plan_coils places a coil")
    scalp = _scalp_of(head)
    problems: list[Problem] = []
    placed: list[tuple[Patch, Coverage]] = []
    for number, electrode in enumerate(plan.electrodes):
        where = f"$.stimulation.electrodes[{number}]"
        try:
            placed.append(_place_one(electrode, head, scalp, where, electrode_model))
        except MontageError as error:
            problems.extend(error.problems)
    problems.extend(_overlaps(placed))
    if problems:
        raise MontageError(problems)
    patches = tuple(patch for patch, _ in placed)
    notices = tuple(dict.fromkeys(notice for patch in patches for notice in patch.notices))
    return Placement(head, patches, electrode_model, plan.digest, notices)


def _scalp_of(head: HeadModel) -> _Scalp:
    return _Scalp(head.nodes_m, head.scalp, cut_triangles(head.nodes_m, head.scalp))


def _place_one(electrode: Electrode, head: HeadModel, scalp: _Scalp, where: str, model: str) -> tuple[Patch, Coverage]:
    """Place one electrode; every problem with it is raised at once."""
    problems: list[Problem] = []
    contact_ohm_m2 = _contact_impedance(electrode, where, model, problems)
    located = _located(electrode, head, where, problems)
    if located is None:
        raise MontageError(problems)
    asked = np.asarray(located.position_m)
    # Every question below is about the neighbourhood; a layout asks it for dozens of electrodes.
    reach = max(NORMAL_RADIUS_M, electrode.shape.outradius_m)
    whole, numbers = scalp, scalp.around(asked, FARTHEST_FROM_SCALP_M + reach)
    scalp = whole.part(numbers)
    seed, center = nearest_on_surface(asked, scalp.nodes_m, scalp.triangles)
    offset = float(np.linalg.norm(asked - center))
    if not offset <= FARTHEST_FROM_SCALP_M:
        offset = float(np.linalg.norm(asked - nearest_on_surface(asked, whole.nodes_m, whole.triangles)[1]))
        what = (
            f"electrode {electrode.label!r} is {text(offset, 'm')} from the scalp of head {head.name!r}, at most "
            f"{text(FARTHEST_FROM_SCALP_M, 'm')} is allowed; is the position in the coordinates of this head?"
        )
        raise MontageError([*problems, Problem(f"{where}.site", what)])
    frame = _frame(electrode.shape, center, seed, head, scalp)
    coverage = cover(
        frame, _outline(electrode.shape), reach_m=electrode.shape.outradius_m, seed=seed,
        nodes_m=scalp.nodes_m, triangles=scalp.triangles,
    )  # fmt: skip
    problems.extend(_edge_problems(electrode, coverage, scalp, where))
    if problems:
        raise MontageError(problems)
    patch = Patch(
        electrode=electrode, center_m=center, normal=frame.normal, up=frame.up,
        triangles=numbers[coverage.triangles], area_m2=coverage.area_m2, weights_m2=coverage.weights_m2,
        products_m2=coverage.products_m2, contact_ohm_m2=contact_ohm_m2, offset_m=offset,
        how=located.how, notices=located.notices,
    )  # fmt: skip
    return patch, attrs.evolve(coverage, triangles=numbers[coverage.triangles])


def _located(electrode: Electrode, head: HeadModel, where: str, problems: list[Problem]) -> Located | None:
    """The place a person asked for, in head coordinates; None where it is not known, which is a problem then."""
    from stimplan.head.tape_sites import Located, locate
    from stimplan.sites import resolve_site

    site = electrode.site
    if isinstance(site, tuple):
        return Located(site, "")
    try:
        if not isinstance(site, str):
            return locate(site, head)
        name = site if site in head.sites_m else resolve_site(site)
        if name in head.sites_m:
            return Located(head.sites_m[name], "")
    except (MontageError, HeadError) as error:
        problems.extend(Problem(f"{where}.site", problem.what) for problem in error.problems)
        return None
    problems.append(Problem(f"{where}.site", f"head {head.name!r} has no site {name!r}; give a position instead"))
    return None


def _contact_impedance(electrode: Electrode, where: str, model: str, problems: list[Problem]) -> float:
    from stimplan.sites import materials

    known, total = materials(), 0.0
    for number, layer in enumerate(electrode.layers):
        if layer.material not in known:
            what = f"material {layer.material!r} is not known; known are {', '.join(known)}"
            problems.append(Problem(f"{where}.layers[{number}].material", what))
        else:
            total += layer.thickness_m / known[layer.material].conductivity_S_per_m
    if model == "complete" and not 0 < total < float("inf") and not problems:
        what = (
            f"the layers of electrode {electrode.label!r} add up to a contact impedance of {total!r} ohm m2; the "
            "complete electrode model needs a positive one"
        )
        problems.append(Problem(f"{where}.layers", what))
    return total


def _frame(shape: Shape, center: Array, seed: int, head: HeadModel, scalp: _Scalp) -> Frame:
    radius = max(NORMAL_RADIUS_M, shape.inradius_m)
    normal = local_normal(center, seed, radius, nodes_m=scalp.nodes_m, triangles=scalp.triangles)
    if "Cz" in head.sites_m:
        vertex = np.asarray(head.sites_m["Cz"])
        towards = vertex - center
    else:
        corners = head.nodes_m[head.scalp[:, 0]]
        vertex = corners[np.argmax(corners[:, 2])]
        towards = np.array([0.0, 0.0, 1.0])
    if np.linalg.norm(vertex - center) <= VERTEX_RADIUS_M:
        towards = np.array([0.0, 1.0, 0.0])
    rotation = shape.rotation_rad if isinstance(shape, Rectangle) else 0.0
    return frame_at(center, normal, towards=towards, rotation_rad=rotation)


def _outline(shape: Shape) -> Outline:
    match shape:
        case Circle():
            return lambda x, y: np.hypot(x, y) <= shape.diameter_m / 2
        case Rectangle():
            return lambda x, y: (np.abs(x) <= shape.width_m / 2) & (np.abs(y) <= shape.height_m / 2)
        case Ring():
            return lambda x, y: (
                (np.hypot(x, y) >= shape.inner_diameter_m / 2) & (np.hypot(x, y) <= shape.outer_diameter_m / 2)
            )


def _edge_problems(electrode: Electrode, coverage: Coverage, scalp: _Scalp, where: str) -> list[Problem]:
    """The electrode hangs over the plane where the head was cut off, or over an edge such as the rim of an ear."""
    if scalp.is_cut[coverage.triangles].any():
        what = f"electrode {electrode.label!r} reaches the plane where the head is cut off; move it up"
        return [Problem(f"{where}.site", what)]
    covered, nominal = float(coverage.area_m2.sum()), electrode.shape.area_m2
    if not covered >= LEAST_COVERED * nominal:
        what = (
            f"electrode {electrode.label!r} touches {text(covered, 'm2')} of scalp and has {text(nominal, 'm2')}: it "
            "hangs over an edge of the scalp; move or turn it"
        )
        return [Problem(f"{where}.site", what)]
    return []


def _overlaps(placed: Sequence[tuple[Patch, Coverage]]) -> list[Problem]:
    """Pairs of electrodes that cover the same skin."""
    problems = []
    for (a, on_a), (b, on_b) in combinations(placed, 2):
        if np.linalg.norm(a.center_m - b.center_m) > a.electrode.shape.outradius_m + b.electrode.shape.outradius_m:
            continue  # no point of either is as far from its centre
        shared = shared_area_m2(on_a, on_b)
        if shared > OVERLAP_NOISE * min(on_a.area_m2.sum(), on_b.area_m2.sum()):
            what = (
                f"electrodes {a.electrode.label!r} and {b.electrode.label!r} overlap by {text(shared, 'm2')}; "
                "move them apart or choose smaller ones"
            )
            problems.append(Problem("$.stimulation.electrodes", what))
    return problems
