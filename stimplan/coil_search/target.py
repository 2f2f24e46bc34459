"""What a coil is to reach, as weights on the recovered field at nodes of the head.

Every target is one linear observation, or three of them: sums over nodes of one tissue of weight times recovered field.
A point has the four nodes of its tetrahedron, a region all of its nodes by volume, a normal component the nodes of the
cortex by area. What is linear in the field can be asked of every coil pose at once (`stimplan.coil_search.auxiliary`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import InputError, MontageError, Problem
from stimplan.fem.patch import local_normal
from stimplan.fem.surface import nearest_on_surface
from stimplan.field import Field, locator_of
from stimplan.head.cortex import cortex_of
from stimplan.head.model import HeadModel
from stimplan.head.space import from_mni_m
from stimplan.pose import NORMAL_RADIUS_M
from stimplan.roi import PatchRoi, Roi, cortical_patch, default_tissue, describe, elements_in, read_roi, tissue_of
from stimplan.units import text, to_si
from stimplan.values import frozen_array

Array = NDArray[np.float64]
Direction = str | Sequence[float]

FORMS = "a 10-05 site, mni:X,Y,Z or head:X,Y,Z in mm, or a region such as sphere:mni_mm=X,Y,Z;radius_mm=R"
DIRECTIONS = "strength, normal, wall or X,Y,Z"
# A point farther from the grey matter than this is not in this brain; the cortex lies 10 to 25 mm below the scalp.
FARTHEST_M, FARTHEST_BELOW_SITE_M = 0.015, 0.040
# A wall of a sulcus: its normal runs along the scalp rather than across it.
_LEAST_ALONG = 0.5


def _weights(values: ArrayLike) -> Array:
    return frozen_array(values, name="weights", shape=(None, 3, None))


def _nodes(values: ArrayLike) -> NDArray[np.int64]:
    return frozen_array(values, name="nodes", shape=(None,), dtype=np.int64)


@attrs.frozen(eq=False)
class Target:
    """What is observed of a field, and what of it is to be large.

    Attributes
    ----------
    name : str
        As it was asked for.
    description : str
        In words: exactly the number that is maximised.
    tissue : str
        Whose side of an interface the field is taken on.
    center_m : (3,) array
        Head coordinates, m.
    nodes : (k,) int array
    weights : (k, 3, d) array
        Observation j is the sum over nodes of `weights[:, :, j]` times the recovered field there. d is 1 for a
        component, and its value counts with its sign; d is 3 for the strength, the length of the vector of all three.
    notices : tuple of str
    """

    name: str
    description: str
    tissue: str
    center_m: Array
    nodes: NDArray[np.int64] = attrs.field(converter=_nodes)
    weights: Array = attrs.field(converter=_weights)
    notices: tuple[str, ...] = ()

    @property
    def is_strength(self) -> bool:
        """Whether the value is the length of a vector, which has no sign."""
        return self.weights.shape[2] == 3

    def value(self, components: ArrayLike) -> Array:
        """(...) value in V/m of observations (..., d)."""
        observed = np.asarray(components, dtype=np.float64)
        return np.asarray(np.linalg.norm(observed, axis=-1) if self.is_strength else observed[..., 0])


def observed_V_per_m(field: Field, target: Target) -> Array:
    """(d,) observations of a field that was solved: what the auxiliary dipole method gives without solving it."""
    found = field.recovered_V_per_m(target.tissue)[target.nodes]
    return np.asarray(np.einsum("kdj,kd->j", target.weights, found))


def make_target(head: HeadModel, where: str | Roi, *, direction: Direction = "strength") -> Target:
    """A target on a head.

    Parameters
    ----------
    head : HeadModel
    where : str or region
        A 10-05 site (the cortex nearest to it), `mni:X,Y,Z` or `head:X,Y,Z` in mm (that point of the grey matter, or
        the cortex nearest to it), or a region of `stimplan.roi` or its text form (the mean over it).
    direction : str or 3 numbers
        `strength`: the length of the (mean) field vector. `normal`: the component into the cortex, along its inward
        normal, in a region the mean over its part of the cortex by area. `wall`: the component along the part of that
        normal that runs along the scalp, into the wall of the sulcus at the target. Three numbers: the component
        along that direction in head coordinates.

    Raises
    ------
    InputError
        Everything that is wrong with it.
    """
    problems: list[Problem] = []
    along: Array | str = "strength"
    try:
        along = _direction(direction)
    except InputError as error:
        problems += error.problems
    try:
        middle, observe = _place(head, where)
    except InputError as error:
        problems += [attrs.evolve(p, where=p.where.replace("--roi", "target") or "target") for p in error.problems]
    if problems:
        raise InputError(problems)
    return observe(along, name=where if isinstance(where, str) else describe(where), middle=middle)


def _direction(given: Direction) -> Array | str:
    if isinstance(given, str) and given in ("strength", "normal", "wall"):
        return given
    try:
        values = given.split(",") if isinstance(given, str) else given
        vector = np.array([float(one) for one in values])
    except (TypeError, ValueError):
        vector = np.empty(0)
    size = float(np.linalg.norm(vector))
    if vector.shape != (3,) or not 0 < size < np.inf:
        raise InputError(Problem("direction", f"{given!r} is no direction; expected {DIRECTIONS}"))
    return vector / size


def _place(head: HeadModel, where: str | Roi):  # type: ignore[no-untyped-def]
    """The middle of a target, and the function that makes it for a direction."""
    if not isinstance(where, str):
        return _region(head, where)
    kind, colon, body = where.strip().partition(":")
    if kind in ("mni", "head") and colon:
        point = _numbers(body, where)
        place = from_mni_m(head, point) if kind == "mni" else point
        return place, partial(_at_point, head, most_m=FARTHEST_M)
    if colon:
        return _region(head, read_roi(where))
    return _site(head, where.strip()), partial(_at_point, head, most_m=FARTHEST_BELOW_SITE_M)


def _numbers(body: str, where: str) -> Array:
    try:
        values = np.array([to_si(float(one), "mm") for one in body.split(",")])
    except (ValueError, OverflowError):
        values = np.empty(0)
    if values.shape != (3,) or not np.isfinite(values).all():
        raise InputError(Problem("target", f"{where!r} is not three finite numbers, mm; expected {FORMS}"))
    return values


def _site(head: HeadModel, name: str) -> Array:
    from stimplan.sites import resolve_site

    try:
        known = name if name in head.sites_m else resolve_site(name)
    except MontageError as error:
        raise InputError(Problem("target", f"{error.problems[0].what}; expected {FORMS}")) from None
    if known not in head.sites_m:
        raise InputError(Problem("target", f"head {head.name!r} has no site {known!r}; give a position"))
    return np.asarray(head.sites_m[known])


def _region(head: HeadModel, roi: Roi):  # type: ignore[no-untyped-def]
    of = elements_in(head, roi)
    volumes = head.volumes_m3[of]
    middle = volumes @ head.centers_m[of] / volumes.sum()
    return middle, partial(_over_region, head, roi)


def _over_region(head: HeadModel, roi: Roi, along: Array | str, *, name: str, middle: Array) -> Target:
    if isinstance(along, str) and along == "normal":
        return _normal_over(head, roi, name=name, middle=middle)
    of = elements_in(head, roi)
    share = np.bincount(head.tets[of].ravel(), np.repeat(head.volumes_m3[of] / 4, 4), minlength=len(head.nodes_m))
    nodes = np.flatnonzero(share)
    axes, said = _observed(head, middle, along, f"mean over {describe(roi)}")
    weights = (share[nodes] / share.sum())[:, None, None] * axes
    return Target(name, said, tissue_of(head, roi), middle, nodes, weights)


def _normal_over(head: HeadModel, roi: Roi, *, name: str, middle: Array) -> Target:
    """As `stimplan.roi.measure_cortex` has it: the mean by area of the component along the inward normals."""
    cortex = cortex_of(head)
    if isinstance(roi, PatchRoi):
        area = cortical_patch(head, roi).weights_m2
    else:
        belongs = np.zeros(len(head.nodes_m), dtype=bool)
        belongs[head.tets[elements_in(head, roi)]] = True
        area = np.where(belongs[cortex.nodes], cortex.area_m2, 0.0)
    used = np.flatnonzero(area)
    if not len(used):
        raise InputError(Problem("direction", f"nothing of {describe(roi)} is on the cortex; it has no normal there"))
    weights = -cortex.normals[used] * (area[used] / area[used].sum())[:, None]
    what = f"component into the cortex, mean over {text(float(area.sum()), 'm2')} of it in {describe(roi)}"
    return Target(name, what, cortex.tissue, middle, cortex.nodes[used], weights[:, :, None])


def _at_point(head: HeadModel, along: Array | str, *, name: str, middle: Array, most_m: float) -> Target:
    tissue, notices = default_tissue(head), []
    tet, shares = locator_of(head)(middle[None])
    if tet[0] >= 0 and head.tissue[tet[0]] == head.tissue_named(tissue).label:
        nodes, share, place = head.tets[tet[0]], shares[0], middle
    else:
        nodes, share, place = _on_cortex(head, middle)
        away = float(np.linalg.norm(place - middle))
        if not away <= most_m:
            what = f"{name!r} is {text(away, 'm')} from the cortex of head {head.name!r}, at most {text(most_m, 'm')}"
            raise InputError(Problem("target", f"{what} is allowed; is it in the coordinates meant?"))
        notices = [f"{name} is not in {_words(tissue)}: taken at the cortex nearest to it, {text(away, 'm')} away"]
    axes, said = _observed(head, place, along, f"at {_shown(place)} mm")
    return Target(name, said, tissue, place, np.asarray(nodes), share[:, None, None] * axes, tuple(notices))


def _on_cortex(head: HeadModel, point: Array) -> tuple[NDArray[np.int64], Array, Array]:
    """The point of the cortex nearest to a position: nodes of its triangle, their shares, and the point."""
    cortex = cortex_of(head)
    seed, place = nearest_on_surface(point, np.asarray(cortex.points_m), np.asarray(cortex.triangles))
    corners = cortex.triangles[seed]
    edges = cortex.points_m[corners[1:]] - cortex.points_m[corners[0]]
    second, third = np.linalg.lstsq(edges.T, place - cortex.points_m[corners[0]], rcond=None)[0]
    return cortex.nodes[corners], np.array([1 - second - third, second, third]), place


def _observed(head: HeadModel, middle: Array, along: Array | str, what: str) -> tuple[Array, str]:
    """(3, d) directions that are observed, and the words for it."""
    if isinstance(along, str) and along == "strength":
        mean = "vector, " if what.startswith("mean") else ""
        return np.eye(3), f"|E|, length of the field {mean}{what}"
    vector = _inward(head, middle, along) if isinstance(along, str) else along
    words = {"normal": "into the cortex, ", "wall": "into the wall of the sulcus, "}
    said = words[along] if isinstance(along, str) else ""
    return vector[:, None], f"component {said}along ({', '.join(f'{one:.3f}' for one in vector)}), {what}"


def _inward(head: HeadModel, middle: Array, along: str) -> Array:
    """Inward normal of the cortex nearest to a point; of a wall its part along the scalp."""
    cortex = cortex_of(head)
    nodes, share, _ = _on_cortex(head, middle)
    inward = -share @ cortex.normals[np.searchsorted(cortex.nodes, nodes)]
    inward /= np.linalg.norm(inward)
    if along == "normal":
        return np.asarray(inward)
    seed, on_scalp = nearest_on_surface(middle, head.nodes_m, head.scalp)
    scalp = local_normal(on_scalp, seed, NORMAL_RADIUS_M, nodes_m=head.nodes_m, triangles=head.scalp)
    across = inward - (inward @ scalp) * scalp
    size = float(np.linalg.norm(across))
    if not size >= _LEAST_ALONG:
        angle = np.degrees(np.arcsin(min(size, 1.0)))
        what = (
            f"the cortex at the target lies under the scalp ({angle:.0f}° between their normals), it is no wall of a "
        )
        raise InputError(Problem("direction", f"{what}sulcus; ask for normal, strength or X,Y,Z"))
    return np.asarray(across / size)


def _shown(point_m: Array) -> str:
    return f"({', '.join(text(round(float(value), 4), 'm', 4).removesuffix(' mm') for value in point_m)})"


def _words(name: str) -> str:
    from stimplan.head.tissues import in_words

    return in_words(name)
