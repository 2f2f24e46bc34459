"""What one source of the auxiliary current adds to the sums at points outside the head, for wire and for dipoles.

In the plain gauge these are P and C of `stimplan.coil_search.auxiliary`. In the radial gauge about the origin, with
x_n the place of a source, p the point, b = |x_n - p|, s = |p| + b, r = |x_n|, and q_t the part of q across x_n,

    wire:     P'(p) = sum of q_t (1/b - g) - x_n (2 / (b (s² - r²))) p . q_t,      g = (2/r) artanh(r/s),
    dipoles:  C'(p) = sum of (F m - (m . p) grad F) / F²,  m = q x x_n:  the field of Sarvas 1987
              (doi:10.1088/0031-9155/32/1/004) for a current dipole in a sphere;

they take q_t and m for strengths (`strengths_of`).
"""

# ruff: noqa: PLR0913, PLR0917 - compiled kernels take their arrays by position

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stimplan.compiled import jit

Array = NDArray[np.float64]

# Which sums: of wire or dipoles, in the plain gauge or the radial one.
WIRE, DIPOLES, RADIAL_WIRE, RADIAL_DIPOLES = 0, 1, 2, 3
# Rows of room a tile of targets needs beside its sums; the last is the targets' distance from the origin.
ROWS = 4


def strengths_of(kind: int, currents: Array, places_m: Array) -> Array:
    """(n, 3 c) strengths the sums of a kind take, for (n, 3, c) auxiliary currents at (n, 3) places from the origin."""
    q = currents.transpose(0, 2, 1)
    if kind == RADIAL_WIRE:
        square = np.maximum((places_m**2).sum(axis=1), 1e-30)
        along = np.einsum("ncd,nd->nc", q, places_m) / square[:, None]
        q = q - along[:, :, None] * places_m[:, None]
    elif kind == RADIAL_DIPOLES:
        q = np.cross(q, places_m[:, None])
    return np.ascontiguousarray(q).reshape(len(q), -1)


@jit
def add(kind, x, y, z, places, strengths, out, room):  # type: ignore[no-untyped-def]
    """Add the sums of a kind over some sources at up to a tile of targets; strengths are x, y, z by observation."""
    sums, rows = room
    sums[:] = 0
    if kind == WIRE:
        _wire(x, y, z, places, strengths, sums, rows)
    elif kind == DIPOLES:
        _dipoles(x, y, z, places, strengths, sums, rows)
    elif kind == RADIAL_WIRE:
        _radial_wire(x, y, z, places, strengths, sums, rows)
    else:
        _radial_dipoles(x, y, z, places, strengths, sums, rows)
    for c in range(strengths.shape[1]):
        for i in range(len(x)):
            out[i, c] += sums[c, i]


@jit
def _wire(x, y, z, places, strengths, sums, rows):  # type: ignore[no-untyped-def]
    """q / |x_n - p|."""
    one = np.float32(1.0)
    weight = rows[0]
    for k in range(places.shape[0]):
        px, py, pz = places[k, 0], places[k, 1], places[k, 2]
        for i in range(len(x)):
            dx, dy, dz = px - x[i], py - y[i], pz - z[i]
            weight[i] = np.true_divide(one, np.sqrt(dx * dx + dy * dy + dz * dz))
        for c in range(strengths.shape[1]):
            q = strengths[k, c]
            for i in range(len(x)):
                sums[c, i] += q * weight[i]


@jit
def _dipoles(x, y, z, places, strengths, sums, rows):  # type: ignore[no-untyped-def]
    """(x_n - p) x q / |x_n - p|^3."""
    one = np.float32(1.0)
    for k in range(places.shape[0]):
        px, py, pz = places[k, 0], places[k, 1], places[k, 2]
        for i in range(len(x)):
            dx, dy, dz = px - x[i], py - y[i], pz - z[i]
            square = dx * dx + dy * dy + dz * dz
            weight = np.true_divide(one, square * np.sqrt(square))
            rows[0, i], rows[1, i], rows[2, i] = dx * weight, dy * weight, dz * weight
        for c in range(0, strengths.shape[1], 3):
            qx, qy, qz = strengths[k, c], strengths[k, c + 1], strengths[k, c + 2]
            for i in range(len(x)):
                sums[c, i] += rows[1, i] * qz - rows[2, i] * qy
                sums[c + 1, i] += rows[2, i] * qx - rows[0, i] * qz
                sums[c + 2, i] += rows[0, i] * qy - rows[1, i] * qx


@jit
def _radial_wire(x, y, z, places, strengths, sums, rows):  # type: ignore[no-untyped-def]
    """q_t (1/b - g) - x_n (2 / (b (s² - r²))) p . q_t."""
    one, two, eight, tiny = np.float32(1.0), np.float32(2.0), np.float32(8.0), np.float32(1e-9)
    c3, c5, c7 = np.float32(1 / 3), np.float32(1 / 5), np.float32(1 / 7)
    c9, c11, c13 = np.float32(1 / 9), np.float32(1 / 11), np.float32(1 / 13)
    far = rows[ROWS - 1]
    for k in range(places.shape[0]):
        px, py, pz = places[k, 0], places[k, 1], places[k, 2]
        r = np.sqrt(px * px + py * py + pz * pz) + tiny
        square, under = r * r, eight / r
        for i in range(len(x)):
            dx, dy, dz = px - x[i], py - y[i], pz - z[i]
            b = np.sqrt(dx * dx + dy * dy + dz * dz)
            s = far[i] + b
            rest = s * s - square
            # artanh(r/s) as in `stimplan.fem.radial`: its argument halved twice, then six terms.
            t = np.true_divide(r, s + np.sqrt(rest))
            t = np.true_divide(t, one + np.sqrt(one - t * t))
            u = t * t
            artanh = t * (one + u * (c3 + u * (c5 + u * (c7 + u * (c9 + u * (c11 + u * c13))))))
            both = np.true_divide(one, b * rest)
            rows[0, i], rows[1, i] = both * rest - under * artanh, two * both
        for c in range(0, strengths.shape[1], 3):
            qx, qy, qz = strengths[k, c], strengths[k, c + 1], strengths[k, c + 2]
            for i in range(len(x)):
                steep = rows[1, i] * (x[i] * qx + y[i] * qy + z[i] * qz)
                sums[c, i] += rows[0, i] * qx - steep * px
                sums[c + 1, i] += rows[0, i] * qy - steep * py
                sums[c + 2, i] += rows[0, i] * qz - steep * pz


@jit
def _radial_dipoles(x, y, z, places, strengths, sums, rows):  # type: ignore[no-untyped-def]
    """(F m - (m . p) grad F) / F², with grad F = along p - across x_n."""
    one, two = np.float32(1.0), np.float32(2.0)
    far = rows[ROWS - 1]
    for k in range(places.shape[0]):
        px, py, pz = places[k, 0], places[k, 1], places[k, 2]
        for i in range(len(x)):
            vx, vy, vz, r = x[i] - px, y[i] - py, z[i] - pz, far[i]
            square = vx * vx + vy * vy + vz * vz
            a = np.sqrt(square)
            ar = vx * x[i] + vy * y[i] + vz * z[i]
            f, turn = a * (r * a + ar), np.true_divide(ar, a)
            weight = np.true_divide(one, f * f)
            rows[0, i] = weight * f
            rows[1, i] = weight * (np.true_divide(square, r) + turn + two * (a + r))
            rows[2, i] = weight * (a + two * r + turn)
        for c in range(0, strengths.shape[1], 3):
            mx, my, mz = strengths[k, c], strengths[k, c + 1], strengths[k, c + 2]
            for i in range(len(x)):
                mp = x[i] * mx + y[i] * my + z[i] * mz
                toward, back = mp * rows[1, i], mp * rows[2, i]
                sums[c, i] += rows[0, i] * mx - toward * x[i] + back * px
                sums[c + 1, i] += rows[0, i] * my - toward * y[i] + back * py
                sums[c + 2, i] += rows[0, i] * mz - toward * z[i] + back * pz
