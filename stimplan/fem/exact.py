"""Closed-form potential and field of surface electrodes on concentric layered spheres.

The standard every numerical field here is judged by. In layer k (outer radius R_k, inner radius R_(k-1)) the n-th
Legendre term of the potential is

    f_n(r) = alpha (r / R_k)^n + beta (R_(k-1) / r)^(n+1),

two functions that never exceed 1 there. From the inside out, g = sigma R f'(R) / f(R) is carried across each
interface, where f and sigma f' are continuous:

    beta = alpha s^n q,   q = (sigma n - g) / (sigma (n+1) + g),   s = R_(k-1) / R_k
    g  <-  sigma (n - (n+1) q s^(2n+1)) / (1 + q s^(2n+1)),

which has no large numbers to overflow. At the scalp sigma f' equals the n-th coefficient of the injected density.
Rush & Driscoll 1969 (doi:10.1109/TBME.1969.4502598) give the three-layer case by another route.
"""

# ruff: noqa: PLR0913, PLR0917 - compiled kernels take their arrays by position

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.compiled import jit
from stimplan.errors import InputError, SolveError

Array = NDArray[np.float64]

MAX_TERMS = 4000


@attrs.frozen
class SphereElectrode:
    """An electrode on the outermost sphere.

    Attributes
    ----------
    direction : tuple of 3 floats
        From the centre of the sphere to the centre of the electrode; any length but zero.
    current_A : float
        Into the sphere.
    half_angle_rad : float
        Of the cap it covers with a uniform density; 0 is a point electrode.
    """

    direction: tuple[float, float, float]
    current_A: float
    half_angle_rad: float = 0.0


def disc_half_angle(radius_m: float, sphere_radius_m: float) -> float:
    """Half angle of the cap whose edge is `radius_m` (chord) from its centre; its area is pi radius_m²."""
    return 2 * float(np.arcsin(radius_m / (2 * sphere_radius_m)))


def layered_sphere(
    points_m: ArrayLike,
    electrodes: tuple[SphereElectrode, ...] | list[SphereElectrode],
    *,
    radii_m: ArrayLike,
    conductivities_S_per_m: ArrayLike,
    tolerance: float = 1e-9,
) -> tuple[Array, Array]:
    """Potential and electric field of surface electrodes on concentric spheres.

    Parameters
    ----------
    points_m : (p, 3) array
        Inside the outermost sphere, in coordinates whose origin is the centre. On an interface the inner layer is
        taken.
    electrodes : sequence of SphereElectrode
        Their currents sum to zero.
    radii_m : (k,) array
        Outer radius of each layer, from the inside.
    conductivities_S_per_m : (k,) array
    tolerance : float
        The series ends when ten terms in a row are below this fraction of its largest partial sum.

    Returns
    -------
    potential_V : (p,) array
        Its mean over each sphere is zero.
    E_V_per_m : (p, 3) array

    Raises
    ------
    InputError
        Radii that do not grow, points outside, currents that do not sum to zero.
    SolveError
        The series has not converged after 4000 terms: the point is too close to an electrode.
    """
    points = np.atleast_2d(np.asarray(points_m, dtype=np.float64))
    radii = np.asarray(radii_m, dtype=np.float64)
    sigma = np.asarray(conductivities_S_per_m, dtype=np.float64)
    _check(points, electrodes, radii, sigma)
    distance = np.linalg.norm(points, axis=1)
    layer = np.minimum(np.searchsorted(radii * (1 + 1e-12), distance), len(radii) - 1)
    alpha, beta = _layer_coefficients(radii, sigma, MAX_TERMS)
    inner = np.concatenate([[0.0], radii[:-1]])
    potential, field = np.zeros(len(points)), np.zeros((len(points), 3))
    for electrode in electrodes:
        axis = np.asarray(electrode.direction, dtype=np.float64)
        injected = _injected(electrode, radii[-1], MAX_TERMS)
        n_bad = _sum_series(
            points, layer, axis / np.linalg.norm(axis), (radii, inner), (alpha * injected, beta * injected),
            tolerance, potential, field,
        )  # fmt: skip
        if n_bad:
            raise SolveError(
                f"the series has not converged to {tolerance:g} after {MAX_TERMS} terms at {n_bad} points: "
                "they are too close to an electrode"
            )
    return potential, field


def _check(points: Array, electrodes: object, radii: Array, sigma: Array) -> None:
    if len(radii) != len(sigma) or len(radii) == 0 or np.any(np.diff(radii, prepend=0.0) <= 0):
        raise InputError(f"radii must grow and match the conductivities, got {radii} and {sigma}")
    if not np.all((sigma > 0) & np.isfinite(sigma)):
        raise InputError(f"conductivities must be positive and finite, got {sigma}")
    outside = ~(np.linalg.norm(points, axis=1) <= radii[-1] * (1 + 1e-9))
    if np.any(outside):
        raise InputError(f"{int(outside.sum())} points are outside the sphere")
    currents = np.array([e.current_A for e in electrodes])  # type: ignore[attr-defined]
    if not abs(currents.sum()) <= 1e-9 * np.abs(currents).sum():
        raise InputError(f"the currents must sum to zero, got {currents}")


def _injected(electrode: SphereElectrode, radius_m: float, n_terms: int) -> Array:
    """Legendre coefficients of the injected density, A/m², for n = 0 … n_terms; the mean (n = 0) is left out."""
    n = np.arange(n_terms + 1)
    point = np.asarray(electrode.current_A * (2 * n + 1) / (4 * np.pi * radius_m**2), dtype=np.float64)
    point[0] = 0.0
    if electrode.half_angle_rad == 0:
        return point
    x = np.cos(electrode.half_angle_rad)
    legendre = _legendre(x, n_terms + 1)
    # (2n+1) integral of P_n over the cap = P_(n-1)(x) - P_(n+1)(x)
    cap = np.zeros(n_terms + 1)
    cap[1:] = (legendre[:-2] - legendre[2:]) / ((2 * n[1:] + 1) * 2 * np.sin(electrode.half_angle_rad / 2) ** 2)
    return point * cap


@jit
def _legendre(x, n_max):  # type: ignore[no-untyped-def]
    values = np.ones(n_max + 1)
    if n_max > 0:
        values[1] = x
    for n in range(1, n_max):
        values[n + 1] = ((2 * n + 1) * x * values[n] - n * values[n - 1]) / (n + 1)
    return values


def _layer_coefficients(radii: Array, sigma: Array, n_terms: int) -> tuple[Array, Array]:
    """(layers, terms) coefficients alpha and beta for an injected density of 1 A/m² in each Legendre term."""
    n = np.arange(n_terms + 1, dtype=np.float64)
    count = len(radii)
    ratio = np.concatenate([[0.0], radii[:-1] / radii[1:]])[:, None]
    low, both = ratio**n, ratio ** (2 * n + 1)
    low[0] = 0.0  # the innermost layer has no inner sphere, 0**0 included
    q = np.zeros((count, n_terms + 1))
    g = sigma[0] * n
    for k in range(1, count):
        q[k] = (sigma[k] * n - g) / (sigma[k] * (n + 1) + g)
        g = sigma[k] * (n - (n + 1) * q[k] * both[k]) / (1 + q[k] * both[k])
    alpha, beta = np.zeros_like(q), np.zeros_like(q)
    value = np.zeros(n_terms + 1)
    value[1:] = radii[-1] / g[1:]  # f at the scalp, from sigma f' = 1
    for k in range(count - 1, -1, -1):
        alpha[k] = value / (1 + q[k] * both[k])
        beta[k] = alpha[k] * low[k] * q[k]
        value = alpha[k] * low[k] * (1 + q[k])
    return alpha, beta


@jit
def _sum_series(points, layer, axis, radii, coefficients, tolerance, potential, field):  # type: ignore[no-untyped-def]
    """Add one electrode's potential and field at every point; return how many points did not converge."""
    outer, inner = radii
    alpha, beta = coefficients
    n_terms = alpha.shape[1] - 1
    n_bad = 0
    for i in range(points.shape[0]):
        k = layer[i]
        r = np.sqrt((points[i] ** 2).sum())
        x = 1.0 if r == 0 else min(1.0, max(-1.0, (points[i] * axis).sum() / r))
        before, p, dp_before, dp = 1.0, x, 0.0, 1.0  # P_0, P_1 and their derivatives
        # (r/R)^n / r and (R'/r)^(n+1) / r
        up, down = 1.0 / outer[k], (inner[k] / r) ** 2 / r if inner[k] > 0 else 0.0
        value, radial, tangential, peak = 0.0, 0.0, 0.0, 0.0
        calm, n = 0, 1
        while n <= n_terms and calm < 10:
            a, b = alpha[k, n] * up, beta[k, n] * down
            term_r = (n * a - (n + 1) * b) * p
            term_t = (a + b) * dp
            value += (a + b) * p * r
            radial += term_r
            tangential += term_t
            # |P_n| and |P_n'| <= n(n+1)/2 have zeros; a bound without them decides when to stop.
            size = n * (abs(a) + abs(b))
            peak = max(peak, abs(radial), abs(tangential))
            calm = calm + 1 if size <= tolerance * peak else 0
            before, p, dp_before, dp = (
                p, ((2 * n + 1) * x * p - n * before) / (n + 1),
                dp, dp_before + (2 * n + 1) * p,
            )  # fmt: skip
            up *= r / outer[k]
            if inner[k] > 0:
                down *= inner[k] / r
            n += 1
        n_bad += calm < 10
        potential[i] += value
        # grad = f' P_n r^ + f / r P_n' (d - x r^), which has no division by the distance from the axis
        for j in range(3):
            unit = axis[j] if r == 0 else points[i, j] / r
            field[i, j] -= radial * unit + tangential * (axis[j] - x * unit)
    return n_bad
