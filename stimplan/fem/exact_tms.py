"""The closed form of the field that a magnetic dipole outside a spherical conductor induces inside it.

Whatever the conductivity of its layers, no current flows radially in a conductor of spherical symmetry, and the field
inside is the same as in a homogeneous sphere (Heller & van Hulsteyn 1992, doi:10.1016/S0006-3495(92)81587-4). Its value
follows by reciprocity from the magnetic field of a current dipole in the sphere (Sarvas 1987,
doi:10.1088/0031-9155/32/1/004): E(r0) . Q = - (dm/dt) . B(r; r0, Q).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.compiled import jit
from stimplan.errors import InputError
from stimplan.fem.tms import MU0_OVER_4_PI

Array = NDArray[np.float64]


def sphere_field(
    points_m: ArrayLike, positions_m: ArrayLike, moments_rate_A_m2_per_s: ArrayLike, *, radius_m: float
) -> Array:
    """Electric field induced in a sphere about the origin by magnetic dipoles outside it.

    Parameters
    ----------
    points_m : (n, 3) array
        Inside the sphere, m.
    positions_m : (k, 3) array
        Of the dipoles, outside the sphere, m.
    moments_rate_A_m2_per_s : (k, 3) array
        Rate of change of their moments, A m²/s: moment per ampere times dI/dt.
    radius_m : float
        Outer radius of the conductor; it decides only which places are allowed.

    Returns
    -------
    (n, 3) array
        V/m; without a radial component.

    Raises
    ------
    InputError
        A point outside the sphere, or a dipole inside it.

    Notes
    -----
    With a = r - r0, F = a (r a + r² - r0 . r) and its gradient with respect to r,
    E = -mu0/4pi / F² [F r0 x m' - (grad F . m') r0 x r], where m' = dm/dt.
    """
    points, places, rates = (
        np.ascontiguousarray(np.atleast_2d(np.asarray(one, dtype=np.float64)))
        for one in (points_m, positions_m, moments_rate_A_m2_per_s)
    )
    if places.shape != rates.shape or points.shape[1] != 3 or places.shape[1] != 3:
        raise InputError(
            f"expected (n, 3) points and (k, 3) dipoles, got {points.shape}, {places.shape}, {rates.shape}"
        )
    far = float(np.linalg.norm(points, axis=1).max(initial=0.0))
    near = float(np.linalg.norm(places, axis=1).min(initial=np.inf))
    if not far <= radius_m * (1 + 1e-9):
        raise InputError(f"a point is {far:.6g} m from the centre of a sphere of {radius_m:.6g} m")
    if not near > radius_m:
        raise InputError(f"a dipole is {near:.6g} m from the centre of a sphere of {radius_m:.6g} m: not outside")
    return _induced(points, places, rates)


def ellipsoid_field(points_m: ArrayLike, b_rate_T_per_s: ArrayLike, *, semi_axes_m: ArrayLike) -> Array:
    """Field that a uniform, growing magnetic field induces in an ellipsoid, or in layers of ellipsoids of one shape.

    Parameters
    ----------
    points_m : (n, 3) array
        From the centre, along the axes.
    b_rate_T_per_s : (3,) array
        dB/dt.
    semi_axes_m : (3,) array
        Or anything in proportion to them: only their ratios count.

    Returns
    -------
    (n, 3) array
        V/m.

    Notes
    -----
    With semi-axes a, b, c and dB/dt = B' along the third, E = B' / (a² + b²) (a² y, -b² x, 0): its curl is -B', it has
    no divergence, and on every ellipsoid (x/a)² + (y/b)² + (z/c)² = const its normal component, in proportion to
    E . (x/a², y/b², z/c²), is zero, so that no charges are left on any of them and their conductivities do not matter.
    The three axes add up.
    """
    points, rate, square = (np.asarray(one, dtype=np.float64) for one in (points_m, b_rate_T_per_s, semi_axes_m))
    square, field = square**2, np.zeros(points.shape)
    for along in range(3):
        first, second = (along + 1) % 3, (along + 2) % 3
        share = rate[along] / (square[first] + square[second])
        field[:, first] += share * square[first] * points[:, second]
        field[:, second] -= share * square[second] * points[:, first]
    return field


@jit
def _induced(points, places, rates):  # type: ignore[no-untyped-def]
    field = np.zeros((points.shape[0], 3))
    for i in range(points.shape[0]):
        ox, oy, oz = points[i]
        for k in range(places.shape[0]):
            rx, ry, rz = places[k]
            mx, my, mz = rates[k]
            ax, ay, az = rx - ox, ry - oy, rz - oz
            r2 = rx * rx + ry * ry + rz * rz
            a2 = ax * ax + ay * ay + az * az
            r, a = np.sqrt(r2), np.sqrt(a2)
            ar = ax * rx + ay * ry + az * rz
            f = a * (r * a + ar)  # r² - r0 . r = a . r
            along = a2 / r + ar / a + 2 * a + 2 * r
            across = a + 2 * r + ar / a
            slope = along * (rx * mx + ry * my + rz * mz) - across * (ox * mx + oy * my + oz * mz)
            # r0 x (F m' - slope r)
            vx, vy, vz = f * mx - slope * rx, f * my - slope * ry, f * mz - slope * rz
            weight = -MU0_OVER_4_PI / (f * f)
            field[i, 0] += weight * (oy * vz - oz * vy)
            field[i, 1] += weight * (oz * vx - ox * vz)
            field[i, 2] += weight * (ox * vy - oy * vx)
    return field
