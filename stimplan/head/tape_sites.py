"""Places found with a tape measure, found on the scalp of a head."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import MontageError
from stimplan.head.arcs import Arc, Surface, tape
from stimplan.head.ten_five import HeadArcs, arcs_of
from stimplan.montage import Point
from stimplan.site_forms import HOTSPOT, AnteriorOf, BeamF3, SiteForm, Tape
from stimplan.units import from_si

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel

Array = NDArray[np.float64]

# A tape on a head is not read to better than some per cent; beyond this the sizes are those of another head.
LARGEST_DIFFERENCE = 0.10
# How far the plane of the shortest tape is looked for on both sides of the one through the head's middle.
_TURN_RAD = math.radians(40)


@attrs.frozen
class Located:
    """A place on the scalp of a head.

    Attributes
    ----------
    position_m : 3-tuple
        Head coordinates, m.
    how : str
        What was laid out along which arc, with its lengths.
    notices : tuple of str
        Sizes that differ from the head's own by more than 10 %, each naming both.
    """

    position_m: Point
    how: str
    notices: tuple[str, ...] = ()


def locate(form: SiteForm, head: HeadModel) -> Located:
    """Find a place on a head with its own arcs.

    Where the person's own sizes are given and the head's differ, distances are laid out in proportion: on the
    person's own head that changes nothing, on another it keeps the place.

    Parameters
    ----------
    form : BeamF3, Tape or AnteriorOf
    head : HeadModel
        With fiducials.

    Raises
    ------
    HeadError
        The head's fiducials are not known.
    MontageError
        The place is beyond the end of its arc, or starts at the motor hotspot, which is nowhere on a head model.
    """
    arcs = arcs_of(head)
    match form:
        case BeamF3():
            return _beam_f3(form, arcs, head.name)
        case Tape():
            return _tape(form, arcs, head.name)
        case AnteriorOf():
            return _anterior_of(form, arcs, head)


def shortest_tape(surface: Surface, *, start_m: ArrayLike, end_m: ArrayLike, middle_m: ArrayLike) -> Arc:
    """The shortest of the tapes from one point to another, over all planes through both.

    Parameters
    ----------
    surface : Surface
    start_m, end_m : (3,) array
    middle_m : (3,) array
        Inside the head: the tape runs on the other side of the two.
    """
    from scipy.optimize import minimize_scalar

    start, end = np.asarray(start_m, dtype=np.float64), np.asarray(end_m, dtype=np.float64)
    along = (end - start) / np.linalg.norm(end - start)
    out = start - np.asarray(middle_m, dtype=np.float64)
    out = out - (out @ along) * along
    out, side = out / np.linalg.norm(out), np.cross(along, out / np.linalg.norm(out))

    def over(angle: float) -> Arc:
        via = (start + end) / 2 + math.cos(angle) * out + math.sin(angle) * side
        return tape(surface, start_m=start, via_m=via, end_m=end)

    best = minimize_scalar(
        lambda angle: over(angle).length_m, bounds=(-_TURN_RAD, _TURN_RAD), method="bounded", options={"xatol": 1e-3}
    )
    return over(float(best.x))


def nearest_site(head: HeadModel, position_m: ArrayLike) -> tuple[str, float] | None:
    """Name of the 10-05 site of a head that is nearest to a position, and its distance, m; None where it has none."""
    if not head.sites_m:
        return None
    names = list(head.sites_m)
    away = np.linalg.norm(np.array([head.sites_m[name] for name in names]) - np.asarray(position_m), axis=1)
    best = int(np.argmin(away))
    return names[best], float(away[best])


def _beam_f3(form: BeamF3, arcs: HeadArcs, name: str) -> Located:
    around = arcs.circumference_m / form.circumference_m
    over = (arcs.sagittal.length_m + arcs.coronal.length_m) / (form.nasion_inion_m + form.tragus_m)
    x_m, y_m = form.from_midline_m * around, form.from_vertex_m * over
    vertex, mark = arcs.sagittal.at(0.5), arcs.left.at_distance_m(x_m)
    middle = (arcs.coronal.at(0.0) + arcs.coronal.at(1.0)) / 2
    way = shortest_tape(arcs.surface, start_m=vertex, end_m=mark, middle_m=middle)
    if y_m > way.length_m:
        what = f"{_cm(y_m)} from the vertex is beyond the circumference of head {name!r}, {_cm(way.length_m)}"
        raise MontageError(what)
    sizes = (
        ("nasion to inion", form.nasion_inion_m, arcs.sagittal.length_m),
        ("tragus to tragus", form.tragus_m, arcs.coronal.length_m),
        ("circumference", form.circumference_m, arcs.circumference_m),
    )
    notices = [_difference(what, measured, own, name) for what, measured, own in sizes]
    how = f"{_cm(x_m)} from Fpz to the left around the head, then {_cm(y_m)} from the vertex towards that mark"
    return Located(_on(arcs, way.at_distance_m(y_m)), how, tuple(filter(None, notices)))


def _tape(form: Tape, arcs: HeadArcs, name: str) -> Located:
    around = form.along == "circumference"
    if around:
        half = arcs.left if form.towards == "LPA" else arcs.right
        arc, whole_m = half if form.start == "Fpz" else _reversed(half), arcs.circumference_m
    else:
        arc = arcs.sagittal if form.along == "sagittal" else arcs.coronal
        whole_m = arc.length_m
        if form.start in ("inion", "RPA") or form.towards in ("nasion", "LPA"):
            arc = _reversed(arc)
    scale = 1.0 if form.arc_m is None else whole_m / form.arc_m
    size_m = (form.distance_m or 0.0) * scale
    if form.fraction is not None:  # of the circumference: of twice this half, so that a quarter is over the ear
        size_m = form.fraction * arc.length_m * (2 if around else 1)
    passed_m = size_m + (0.5 * arc.length_m if form.start == "Cz" else 0.0)
    if passed_m > arc.length_m * (1 + 1e-9):  # rounding must not put the end of an arc beyond it
        left_m = arc.length_m - (passed_m - size_m)
        what = f"{_cm(size_m)} from {form.start} is beyond the end of the arc of head {name!r}, {_cm(left_m)}"
        raise MontageError(what)
    notice = _difference(f"{form.along} arc", form.arc_m, whole_m, name) if form.arc_m is not None else None
    how = f"{_cm(size_m)} along the {form.along} arc of {_cm(whole_m)} from {form.start}"
    return Located(_on(arcs, arc.at_distance_m(passed_m)), how, (notice,) if notice else ())


def _anterior_of(form: AnteriorOf, arcs: HeadArcs, head: HeadModel) -> Located:
    if form.site == HOTSPOT:
        what = (
            f"where the motor hotspot of this person lies on head {head.name!r} is not known; to simulate, write the "
            "site it is taken to be, such as 'C3'"
        )
        raise MontageError(what)
    if form.site not in head.sites_m:
        raise MontageError(f"head {head.name!r} has no site {form.site!r}")
    arc = _parasagittal(arcs, np.asarray(head.sites_m[form.site]), head.name)
    passed_m = arc.fraction_at(head.sites_m[form.site]) * arc.length_m - form.distance_m
    if passed_m < 0:
        raise MontageError(f"{form.label} on head {head.name!r} is below its circumference: too far in front")
    how = f"{_cm(form.distance_m)} to the front along the scalp from {form.site}, parallel to the midline"
    return Located(_on(arcs, arc.at_distance_m(passed_m)), how)


def _parasagittal(arcs: HeadArcs, site: Array, name: str) -> Arc:
    """Arc through a site in the plane parallel to the midline's, from the circumference in front to that behind."""
    front, vertex, back = arcs.sagittal.at(0.1), arcs.sagittal.at(0.5), arcs.sagittal.at(0.9)
    normal = np.cross(back - front, vertex - front)
    normal /= np.linalg.norm(normal)
    for half in (arcs.left, arcs.right):
        points = half.points_m
        height = (points - site) @ normal
        crossings = np.flatnonzero((height[:-1] > 0) != (height[1:] > 0))
        if len(crossings) >= 2:
            ends = []
            for number in (crossings[0], crossings[-1]):
                share = height[number] / (height[number] - height[number + 1])
                ends.append(points[number] + share * (points[number + 1] - points[number]))
            return tape(arcs.surface, start_m=ends[0], via_m=site, end_m=ends[1])
    if abs((vertex - site) @ normal) < 1e-3:
        return tape(arcs.surface, start_m=front, via_m=site, end_m=back)
    raise MontageError(f"no arc parallel to the midline runs over head {name!r} through that place: it is too far down")


def _reversed(arc: Arc) -> Arc:
    return Arc(arc.points_m[::-1])


def _on(arcs: HeadArcs, point: Array) -> Point:
    x, y, z = arcs.surface.project(point)
    return float(x), float(y), float(z)


def _difference(what: str, measured_m: float, own_m: float, name: str) -> str | None:
    share = own_m / measured_m - 1
    if not abs(share) > LARGEST_DIFFERENCE:
        return None
    longer = "longer" if share > 0 else "shorter"
    return (
        f"{what} was measured as {_cm(measured_m)} and is {_cm(own_m)} on head {name!r}, {abs(100 * share):.0f} % "
        f"{longer}: is it the head of this person? Distances are laid out in proportion"
    )


def _cm(length_m: float) -> str:
    return f"{float(from_si(round(length_m, 4), 'cm')):.1f} cm"
