"""The field of a coil before the charges, in the gauge without a radial part: what a spherical head would make of it.

dA/dt is one of many fields with the same curl. Adding the gradient of any potential to it changes nothing of E, only
how much of E the finite elements must supply as -grad phi, and their error is in proportion to that. Taken is

    A' = A - grad chi,    chi(r) = integral of A . r/|r| from the centre of the head to r,

which has no part along r (the Poincaré gauge). In a conductor of spherical symmetry about that centre no charges are
left: -dA'/dt is the field itself (compare `stimplan.fem.exact_tms`). Elsewhere they are few, and the error of the
recovered field falls by the same share: in a sphere whose centre is missed by 24 mm still to a sixth for a dipole
along the scalp (docs/coils.md).

For a piece of wire dl at r_s, with a = |r_s|, b = |r - r_s|, s = a + b,

    chi = mu0/4pi (dl . r) g,    g = (2/|r|) artanh(|r|/s),

and for a dipole dm, -dA'/dt is the closed form of a sphere. Both are singular on the ray that goes on from the source,
away from the centre: the head must not reach there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.compiled import jit
from stimplan.fem.tms import BATCH, TILE, summed

Array = NDArray[np.float64]


def radial_dipole_potential(
    points_m: ArrayLike,
    positions_m: ArrayLike,
    moments_A_m2: ArrayLike,
    *,
    center_m: ArrayLike,
    is_double: bool = False,
) -> Array:
    """A' of magnetic dipoles; arguments and errors as of `stimplan.fem.tms.dipole_potential`.

    Parameters
    ----------
    center_m : (3,) array
        The point from which "radial" is counted.
    """
    kind = np.float64 if is_double else np.float32
    return summed(_dipoles, points_m, (positions_m, moments_A_m2), dtype=kind, origin_m=center_m)


def radial_segment_potential(
    points_m: ArrayLike, positions_m: ArrayLike, vectors_A_m: ArrayLike, *, center_m: ArrayLike, is_double: bool = False
) -> Array:
    """A' of current elements; arguments and errors as of `stimplan.fem.tms.segment_potential`.

    Parameters
    ----------
    center_m : (3,) array
        The point from which "radial" is counted.
    """
    kind = np.float64 if is_double else np.float32
    return summed(_segments, points_m, (positions_m, vectors_A_m), dtype=kind, origin_m=center_m)


@jit
def _segments(targets, places, sizes, out):  # type: ignore[no-untyped-def]
    one, two, tiny = targets.dtype.type(1.0), targets.dtype.type(2.0), targets.dtype.type(1e-9)
    c3, c5, c7 = targets.dtype.type(1 / 3), targets.dtype.type(1 / 5), targets.dtype.type(1 / 7)
    c9, c11, c13 = targets.dtype.type(1 / 9), targets.dtype.type(1 / 11), targets.dtype.type(1 / 13)
    ax, ay, az = np.empty(TILE, targets.dtype), np.empty(TILE, targets.dtype), np.empty(TILE, targets.dtype)
    high, under = np.empty(TILE, targets.dtype), np.empty(TILE, targets.dtype)
    for first in range(0, targets.shape[1], TILE):
        x, y, z = targets[0, first : first + TILE], targets[1, first : first + TILE], targets[2, first : first + TILE]
        for i in range(x.shape[0]):
            high[i] = np.sqrt(x[i] * x[i] + y[i] * y[i] + z[i] * z[i]) + tiny
            under[i] = np.true_divide(one, high[i])
        for batch in range(0, places.shape[1], BATCH):
            ax[:], ay[:], az[:] = 0, 0, 0
            for k in range(batch, min(batch + BATCH, places.shape[1])):
                px, py, pz = places[0, k], places[1, k], places[2, k]
                lx, ly, lz = sizes[0, k], sizes[1, k], sizes[2, k]
                far = np.sqrt(px * px + py * py + pz * pz)
                for i in range(x.shape[0]):
                    dx, dy, dz = x[i] - px, y[i] - py, z[i] - pz
                    b = np.sqrt(dx * dx + dy * dy + dz * dz)
                    s = far + b
                    rest = s * s - high[i] * high[i]
                    # artanh(r/s), its argument halved twice, then six terms: 5e-7 of it where r/s is 0.95.
                    t = np.true_divide(high[i], s + np.sqrt(rest))
                    t = np.true_divide(t, one + np.sqrt(one - t * t))
                    q = t * t
                    artanh = t * (one + q * (c3 + q * (c5 + q * (c7 + q * (c9 + q * (c11 + q * c13))))))
                    both = np.true_divide(one, b * rest)
                    own = both * rest - two * two * two * artanh * under[i]
                    steep = two * (lx * x[i] + ly * y[i] + lz * z[i]) * both
                    ax[i] += lx * own - steep * px
                    ay[i] += ly * own - steep * py
                    az[i] += lz * own - steep * pz
            # What is left out above is along r, and so is all that must go.
            for i in range(x.shape[0]):
                along = (ax[i] * x[i] + ay[i] * y[i] + az[i] * z[i]) * under[i] * under[i]
                out[first + i, 0] += ax[i] - along * x[i]
                out[first + i, 1] += ay[i] - along * y[i]
                out[first + i, 2] += az[i] - along * z[i]


@jit
def _dipoles(targets, places, sizes, out):  # type: ignore[no-untyped-def]
    one, two = targets.dtype.type(1.0), targets.dtype.type(2.0)
    ex, ey, ez = np.empty(TILE, targets.dtype), np.empty(TILE, targets.dtype), np.empty(TILE, targets.dtype)
    for first in range(0, targets.shape[1], TILE):
        x, y, z = targets[0, first : first + TILE], targets[1, first : first + TILE], targets[2, first : first + TILE]
        for batch in range(0, places.shape[1], BATCH):
            ex[:], ey[:], ez[:] = 0, 0, 0
            for k in range(batch, min(batch + BATCH, places.shape[1])):
                px, py, pz = places[0, k], places[1, k], places[2, k]
                mx, my, mz = sizes[0, k], sizes[1, k], sizes[2, k]
                r2 = px * px + py * py + pz * pz
                r = np.sqrt(r2)
                pm = px * mx + py * my + pz * mz
                for i in range(x.shape[0]):
                    vx, vy, vz = px - x[i], py - y[i], pz - z[i]
                    a2 = vx * vx + vy * vy + vz * vz
                    a = np.sqrt(a2)
                    ar = vx * px + vy * py + vz * pz
                    f = a * (r * a + ar)
                    turn = np.true_divide(ar, a)
                    along = np.true_divide(a2, r) + turn + two * (a + r)
                    across = a + two * r + turn
                    slope = along * pm - across * (x[i] * mx + y[i] * my + z[i] * mz)
                    weight = np.true_divide(one, f * f)
                    ux, uy, uz = f * mx - slope * px, f * my - slope * py, f * mz - slope * pz
                    ex[i] += weight * ux
                    ey[i] += weight * uy
                    ez[i] += weight * uz
            for i in range(x.shape[0]):
                out[first + i, 0] += y[i] * ez[i] - z[i] * ey[i]
                out[first + i, 1] += z[i] * ex[i] - x[i] * ez[i]
                out[first + i, 2] += x[i] * ey[i] - y[i] * ex[i]


def sphere_center(points_m: ArrayLike) -> tuple[Array, float]:
    """Centre and radius, m, of the sphere that fits points best, by linear least squares of |p|² = 2 c . p + const.

    Parameters
    ----------
    points_m : (n, 3) array
        At least four, not in a plane.
    """
    points = np.asarray(points_m, dtype=np.float64)
    middle = points.mean(axis=0)
    rows = np.column_stack([2 * (points - middle), np.ones(len(points))])
    found = np.linalg.lstsq(rows, ((points - middle) ** 2).sum(axis=1), rcond=None)[0]
    return middle + found[:3], float(np.sqrt(max(found[3] + found[:3] @ found[:3], 0.0)))
