"""The field of a coil at once, without a solve: what a round head would have, at the points of a real one.

In a conductor of spherical symmetry about a centre the field of any coil outside is -dA'/dt of
`stimplan.fem.radial`, whatever the conductivities and radii of the layers are (Sarvas 1987,
doi:10.1088/0031-9155/32/1/004, for the magnetic field of a current, and by reciprocity: Heller and van Hulsteyn 1992,
doi:10.1016/S0006-3495(92)81587-4). The centre is that of the sphere which fits the scalp over the brain. It takes a sum
over the coil's wire and no mesh.

Left out is all by which a head differs from that sphere: its outline, the folds of the cortex, the cerebrospinal fluid
in them, air in the sinuses, anisotropy. What that is worth was measured against solved fields on the cortex of Colin27
where they are above half of the strongest one (99.9th percentile): on the teaching mesh five coils at seven sites or
more, and the 70 mm figure-8 at 44 others, at 0 and 10 mm from the scalp; on the standard one (579,000 nodes) six sites.

* |E| differs by 10 to 27 % (root mean square of the relative difference). At nine points of ten it is within 35 %, at
  the lowest sites 38 %; over the forehead (Fp, AF), where it is too strong by a tenth on average, within 45 %.
* The vectors differ by 13 to 39 % (root mean square, in parts of that of the solved ones), at Fpz by 45 %.
* Over the whole cortex the correlation of |E| is 0.91 to 0.98.

So it is good to look at and to move a coil by. A figure for a paper or a person comes from a solve, and so does the
component across the cortex, which is off by 30 to 90 %.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.coil.values import AGrid, Coil, Element, Segments
from stimplan.coil_field import CoilPlacement
from stimplan.coil_gauge import HeadGauge, gauge_of
from stimplan.coil_on_head import coil_placement
from stimplan.errors import CoilError, Problem
from stimplan.units import text

if TYPE_CHECKING:
    from stimplan.head.model import HeadModel
    from stimplan.pose import CoilPose

Array = NDArray[np.float64]

# Measured, see the head of the module: how far |E| is off at nine points of ten near the coil, there and elsewhere.
POINT_ERROR, FOREHEAD_POINT_ERROR = 0.35, 0.45
# Largest root mean square of the relative difference of |E| near the coil.
RMS_ERROR = 0.27
NOTE = "as in a round head, within about 35 % near the coil (45 % over the forehead); solve for the head's own field"
# Wire of more pieces than this is summed in longer ones: |E| on the cortex changes by 0.4 % of the strongest at most.
MOST_PIECES = 1300
# Finite, and no rate of any coil.
_LARGEST_RATE_A_PER_S = 1e12
# The next piece of the same turn lies straight ahead (cosine) and no farther than some lengths of a piece.
_AHEAD, _FARTHEST = 0.9, 8.0


def coil_preview(
    head: HeadModel,
    coil: Coil,
    pose_m: CoilPose | ArrayLike,
    *,
    didt_A_per_s: float,
    points_m: ArrayLike,
) -> Array:
    """The field of a coil at points of a head as if the head were round; see the head of the module for its error.

    Parameters
    ----------
    head : HeadModel
        Only its scalp and the middle of its brain are used.
    coil : Coil
    pose_m : CoilPose or (4, 4) array
        Head from coil coordinates, m.
    didt_A_per_s : float
        Rate of the current in all of the coil's stimulators.
    points_m : (n, 3) array
        Head coordinates, m.

    Returns
    -------
    (n, 3) array
        V/m; without a part along the radius.

    Raises
    ------
    CoilError
        There is no preview: the coil is a grid of its potential, or the head reaches behind it; or the coil cannot be
        there at all, as `stimplan.coil_placement` says.
    """
    placed = coil_placement(coil, pose_m=pose_m, didt_A_per_s=didt_A_per_s, head=head, gauge="plain")
    return round_field(gauge_of(head), placed, points_m)


def template_preview(
    gauge: HeadGauge, coil: Coil, pose_m: CoilPose | ArrayLike, *, didt_A_per_s: float, points_m: ArrayLike
) -> Array:
    """The same for a head of which only the scalp is known; see `coil_preview` and `gauge_of_scalp`.

    Raises
    ------
    CoilError
        As `coil_preview`; a rate that is 0, not finite or above what a stimulator gives.
    """
    rate, most = float(didt_A_per_s), [one.max_didt_A_per_s for one in coil.stimulators]
    limit = min((one for one in most if one is not None), default=math.inf)
    if not 0 < abs(rate) <= min(limit * (1 + 1e-9), _LARGEST_RATE_A_PER_S):
        at_most = "" if limit == math.inf else f", at most the {text(limit, 'A_per_s', 4)} of its stimulator"
        what = f"expected a finite rate other than 0{at_most}; got {text(rate, 'A_per_s', 4)}"
        raise CoilError(Problem("didt_A_per_s", what))
    rates = (rate,) * max(len(coil.stimulators), 1)
    return round_field(gauge, CoilPlacement(coil, pose_m, rates, cast("HeadModel", None)), points_m)


def round_field(gauge: HeadGauge, placed: CoilPlacement, points_m: ArrayLike) -> Array:
    """-dA'/dt of a placement about the centre of a head, V/m.

    Raises
    ------
    CoilError
        There is no preview: `why_none` says why.
    """
    why = why_none(gauge, placed)
    if why:
        raise CoilError(Problem("", why))
    short = attrs.evolve(placed, coil=in_longer_pieces(placed.coil), gauge_center_m=gauge.center_m)
    return -short.primary_V_per_m(points_m)


def why_none(gauge: HeadGauge, placed: CoilPlacement) -> str:
    """Why a placement has no preview; "" where it has one."""
    if any(isinstance(element, AGrid) for element in placed.coil.elements):
        return "no preview of a coil that is given as a grid of its potential; solve it"
    if not gauge.allows(placed.pose_m[None], placed.coil.positions_m)[0]:
        return (
            "no preview here: a part of the head (nose, cheek or neck) reaches behind the coil as seen from the middle "
            "of the head, or the coil lies inside the head; solve it, or move the coil"
        )
    return ""


@lru_cache(maxsize=8)
def in_longer_pieces(coil: Coil, most: int = MOST_PIECES) -> Coil:
    """The coil with its wire in fewer, longer pieces of the same turns, where it has more than `most`.

    Net current and the ends of every turn stay; neighbours are added, at their mean place by length. Dipoles stay.
    """
    count = sum(len(one.positions_m) for one in coil.elements if isinstance(one, Segments))
    if count <= most:
        return coil
    return attrs.evolve(coil, elements=tuple(_longer(element, -(-count // most)) for element in coil.elements))


def turns_of(wire: Segments) -> NDArray[np.int64]:
    """(k,) number of the turn to which each piece of wire belongs: a new one begins where none lies straight ahead."""
    away = np.diff(wire.positions_m, axis=0)
    vectors = wire.vectors_m[:-1]
    length, far = np.linalg.norm(vectors, axis=1), np.linalg.norm(away, axis=1)
    goes_on = (np.einsum("ij,ij->i", vectors, away) > _AHEAD * length * far) & (far < _FARTHEST * length)
    return np.concatenate([[0], np.cumsum(~goes_on)])


def _longer(element: Element, together: int) -> Element:
    if not isinstance(element, Segments):
        return element
    turns = turns_of(element)
    within = np.arange(len(turns)) - np.searchsorted(turns, turns)
    starts = np.flatnonzero(within % together == 0)
    length = np.linalg.norm(element.vectors_m, axis=1)[:, None]
    places = np.add.reduceat(length * element.positions_m, starts) / np.add.reduceat(length, starts)
    return attrs.evolve(element, positions_m=places, vectors_m=np.add.reduceat(element.vectors_m, starts))
