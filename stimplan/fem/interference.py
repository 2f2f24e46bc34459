"""Temporal interference: how deeply the sum of fields with different carriers is modulated, exactly.

Along a unit direction n the field of carrier k swings with amplitude a_k = |E_k . n|. With A the sum of the a_k and M
the largest, the envelope of their sum moves, over all relative timings of the carriers, between max(0, 2 M - A) and
A. The modulation depth along n is the difference,

    d(n) = min(A, 2 (A - M)) = min over j of c_j . n,   c_0 = sum_k s_k E_k,   c_j = 2 (c_0 - s_j E_j),

where the signs s_k = ±1 make every s_k E_k . n positive; with any other signs the right side is smaller. So the
largest depth over all directions is the maximum, over the 2^(K-1) sign patterns, of max_n min_j c_j . n, and that is
the distance of the origin from the convex hull of the c_j (duality of norm and support function). Its nearest point
lies on a corner, an edge or a triangle of the hull: these are all tried, and the exact d(n) of each is compared.

Where some carriers are far apart, so that only beats within groups of them are slow enough to matter, each group g has
an envelope of its own with the depth d_g(n), and what is wanted is the largest sum of them over all directions. It is
the same problem: sum_g min_j c_gj . n is the smallest of all sums that take one c_j of each group.

For two carriers this is the closed form of Grossman et al. 2017 (doi:10.1016/j.cell.2017.05.024). Combining pairs
of pairs by that closed form, as is sometimes done for four carriers, is something else, and wrong by up to several
hundred per cent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.compiled import jit
from stimplan.errors import InputError

Array = NDArray[np.float64]

# 2^7 sign patterns and a few hundred candidate directions for each: more carriers than any published montage.
MOST_CARRIERS = 8


def modulation_depth(E_V_per_m: ArrayLike) -> tuple[Array, Array]:
    """Largest modulation depth of the summed fields over all directions.

    Parameters
    ----------
    E_V_per_m : (k, m, 3) array
        Amplitude of the field of each carrier at m places, V/m. Currents of one carrier belong into one field.

    Returns
    -------
    depth_V_per_m : (m,) array
        Peak-to-trough of the envelope: twice the smaller amplitude where two fields are parallel, V/m.
    direction : (m, 3) array
        Unit vector along which it is reached; zero where the depth is.

    Raises
    ------
    InputError
        Fewer than two or more than eight carriers, another shape, or values that are not finite.
    """
    return _deepest(_fields(E_V_per_m))


def summed_modulation_depth(E_V_per_m: ArrayLike, groups: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """Largest sum of the modulation depths of groups of carriers along one direction.

    Parameters
    ----------
    E_V_per_m : (k, m, 3) array
        Amplitude of the field of each carrier, V/m.
    groups : sequence of sequences of int
        Carriers whose beats with each other count, at least two in each, none in two of them. A carrier in no group
        has no part in the result.

    Returns
    -------
    depth_V_per_m : (m,) array
        Sum over the groups of the peak-to-trough of each group's envelope.
    direction : (m, 3) array
        Unit vector along which it is reached; zero where the depth is.

    Raises
    ------
    InputError
        See `modulation_depth`; also groups that are not of that kind.
    """
    fields = _fields(E_V_per_m)
    members = [one for group in groups for one in group]
    is_known = all(0 <= one < len(fields) for one in members) and len(set(members)) == len(members)
    if not is_known or not groups or min(map(len, groups)) < 2:
        raise InputError(f"groups are of two carriers or more, each in one of them, got {[list(g) for g in groups]!r}")
    if len(groups) == 1:
        return _deepest(np.ascontiguousarray(fields[list(groups[0])]))
    starts = np.concatenate([[0], np.cumsum([len(group) for group in groups])])
    return _deepest_sum(np.ascontiguousarray(fields[members]), starts)


def modulation_depth_pair(E_V_per_m: ArrayLike) -> Array:
    """(m,) largest modulation depth of two carriers by the closed form of Grossman et al. 2017, V/m.

    With |E1| >= |E2| and the angle between them not obtuse (a sign of E2 is free): 2 |E2| where |E2| < |E1| cos, else
    2 |E2 x (E1 - E2)| / |E1 - E2|.

    Raises
    ------
    InputError
        Other than two carriers, another shape, or values that are not finite.
    """
    fields = _fields(E_V_per_m)
    if len(fields) != 2:
        raise InputError(f"the closed form is for two carriers, got {len(fields)}; use modulation_depth")
    sizes = np.linalg.norm(fields, axis=2)
    swap = sizes[1] > sizes[0]
    large = np.where(swap[:, None], fields[1], fields[0])
    small = np.where(swap[:, None], fields[0], fields[1])
    dots = np.einsum("md,md->m", large, small)
    small = np.where((dots < 0)[:, None], -small, small)
    difference = large - small
    length = np.linalg.norm(difference, axis=1)
    is_short = np.einsum("md,md->m", small, small) < np.abs(dots)
    with np.errstate(divide="ignore", invalid="ignore"):
        across = 2 * np.linalg.norm(np.cross(small, difference), axis=1) / length
    return np.where(is_short | (length == 0), 2 * np.linalg.norm(small, axis=1), across)


def modulation_depth_along(E_V_per_m: ArrayLike, direction: ArrayLike) -> Array:
    """(m,) modulation depth along given directions, V/m.

    Parameters
    ----------
    E_V_per_m : (k, m, 3) array
    direction : (3,) or (m, 3) array
        Need not have unit length.

    Raises
    ------
    InputError
        See `modulation_depth`; also a direction without length.
    """
    fields = _fields(E_V_per_m)
    towards = np.broadcast_to(np.asarray(direction, dtype=np.float64), fields.shape[1:])
    length = np.linalg.norm(towards, axis=1)
    if not np.all((length > 0) & np.isfinite(length)):
        raise InputError("a direction is three finite numbers, not all zero")
    amplitudes = np.abs(np.einsum("kmd,md->km", fields, towards / length[:, None]))
    total = amplitudes.sum(axis=0)
    return np.minimum(total, 2 * (total - amplitudes.max(axis=0)))


def peak_field(E_V_per_m: ArrayLike) -> Array:
    """(m,) largest |sum of the carriers' fields| that any relative timing gives, V/m: what heats and conducts."""
    return _peak(_fields(E_V_per_m))


def rms_field(E_V_per_m: ArrayLike) -> Array:
    """(m,) root of the mean square of the summed carriers, sqrt(sum |E_k|² / 2), V/m."""
    fields = _fields(E_V_per_m)
    return np.sqrt(np.einsum("kmd,kmd->m", fields, fields) / 2)


def _fields(E_V_per_m: ArrayLike) -> Array:
    fields = np.ascontiguousarray(E_V_per_m, dtype=np.float64)
    if fields.ndim != 3 or fields.shape[2] != 3 or not 2 <= len(fields) <= MOST_CARRIERS:
        raise InputError(f"fields of 2 to {MOST_CARRIERS} carriers are a (k, m, 3) array, got shape {fields.shape}")
    if not np.isfinite(fields).all():
        raise InputError("the field of a carrier is not finite everywhere")
    return fields


@jit
def _depth(fields, m, x, y, z):  # type: ignore[no-untyped-def]
    """Modulation depth at place m along the direction (x, y, z), which has any length but zero."""
    total, largest = 0.0, 0.0
    for k in range(fields.shape[0]):
        amplitude = abs(fields[k, m, 0] * x + fields[k, m, 1] * y + fields[k, m, 2] * z)
        total += amplitude
        largest = max(largest, amplitude)
    return min(total, 2 * (total - largest)) / np.sqrt(x * x + y * y + z * z)


@jit
def _corners(fields, m, pattern, c):  # type: ignore[no-untyped-def]
    """Write the vectors c_0 ... c_K of one sign pattern into c; the square of the shortest is returned."""
    count = fields.shape[0]
    c[0, :] = 0.0
    for k in range(count):
        sign = -1.0 if (pattern >> k) & 1 else 1.0
        for d in range(3):
            c[k + 1, d] = sign * fields[k, m, d]
            c[0, d] += sign * fields[k, m, d]
    shortest = c[0, 0] ** 2 + c[0, 1] ** 2 + c[0, 2] ** 2
    for k in range(1, count + 1):
        for d in range(3):
            c[k, d] = 2 * (c[0, d] - c[k, d])
        shortest = min(shortest, c[k, 0] ** 2 + c[k, 1] ** 2 + c[k, 2] ** 2)
    return shortest


@jit
def _on_line(a, b, point):  # type: ignore[no-untyped-def]
    """Write the point of the line through a and b nearest to the origin; the segment's squared distance is returned."""
    over, under = 0.0, 0.0
    for d in range(3):
        over += a[d] * (a[d] - b[d])
        under += (a[d] - b[d]) ** 2
    t = over / under if under > 0 else 0.0
    inside, square = min(max(t, 0.0), 1.0), 0.0
    for d in range(3):
        point[d] = a[d] + t * (b[d] - a[d])
        square += (a[d] + inside * (b[d] - a[d])) ** 2
    return square


@jit
def _on_plane(a, b, c, point):  # type: ignore[no-untyped-def]
    """Write a normal of the plane through a, b and c: the direction of its nearest point to the origin."""
    u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    v0, v1, v2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    point[0], point[1], point[2] = u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0


@jit
def _deepest(fields):  # type: ignore[no-untyped-def]
    count, places = fields.shape[0], fields.shape[1]
    depth, direction = np.zeros(places), np.zeros((places, 3))
    c, point = np.empty((count + 1, 3)), np.empty(3)
    for m in range(places):
        for pattern in range(2 ** (count - 1)):
            # The hull is no farther away than its nearest corner or edge: most patterns cannot be the deepest.
            nearest = _corners(fields, m, pattern, c)
            if nearest <= depth[m] ** 2:
                continue
            for i in range(count + 1):
                point[:] = c[i]
                _keep_deeper(fields, m, point, depth, direction)
                for j in range(i):
                    nearest = min(nearest, _on_line(c[i], c[j], point))
                    _keep_deeper(fields, m, point, depth, direction)
            if nearest <= depth[m] ** 2:
                continue
            for i in range(2, count + 1):
                for j in range(1, i):
                    for l in range(j):  # noqa: E741
                        _on_plane(c[i], c[j], c[l], point)
                        _keep_deeper(fields, m, point, depth, direction)
    return depth, direction


@jit
def _keep_deeper(fields, m, point, depth, direction):  # type: ignore[no-untyped-def]
    """Keep a candidate direction if the depth along it is the largest so far."""
    length = np.sqrt(point[0] ** 2 + point[1] ** 2 + point[2] ** 2)
    if length == 0.0:
        return
    found = _depth(fields, m, point[0] / length, point[1] / length, point[2] / length)
    if found > depth[m]:
        depth[m] = found
        for d in range(3):
            direction[m, d] = point[d] / length


@jit
def _depth_sum(fields, starts, m, direction):  # type: ignore[no-untyped-def]
    """Sum of the groups' modulation depths at place m along a direction of any length but zero."""
    found, length = 0.0, 0.0
    for d in range(3):
        length += direction[d] ** 2
    for g in range(len(starts) - 1):
        total, largest = 0.0, 0.0
        for k in range(starts[g], starts[g + 1]):
            amplitude = 0.0
            for d in range(3):
                amplitude += fields[k, m, d] * direction[d]
            total += abs(amplitude)
            largest = max(largest, abs(amplitude))
        found += min(total, 2 * (total - largest))
    return found / np.sqrt(length)


@jit
def _sums(fields, starts, m, pattern, c):  # type: ignore[no-untyped-def]
    """Write all sums of one corner of each group into c for one sign pattern, and return how many there are.

    Of a group of two only the corners 1 and 2 are taken: corner 0 lies between them.
    """
    count = 1
    c[0, :] = 0.0
    for g in range(len(starts) - 1):
        first, size = starts[g], starts[g + 1] - starts[g]
        corner = np.zeros((size + 1, 3))
        for k in range(size):
            sign = -1.0 if (pattern >> (first + k)) & 1 else 1.0
            for d in range(3):
                corner[k + 1, d] = sign * fields[first + k, m, d]
                corner[0, d] += corner[k + 1, d]
        for k in range(1, size + 1):
            for d in range(3):
                corner[k, d] = 2 * (corner[0, d] - corner[k, d])
        used = corner[1:] if size == 2 else corner
        for j in range(len(used) - 1, -1, -1):  # the first of them last: it takes the place of what is added to
            for i in range(count):
                for d in range(3):
                    c[j * count + i, d] = c[i, d] + used[j, d]
        count *= len(used)
    return count


@jit
def _deepest_sum(fields, starts):  # type: ignore[no-untyped-def]
    places, most = fields.shape[1], 1
    for g in range(len(starts) - 1):
        size = starts[g + 1] - starts[g]
        most *= size if size == 2 else size + 1
    depth, direction = np.zeros(places), np.zeros((places, 3))
    c, point = np.empty((most, 3)), np.empty(3)
    for m in range(places):
        for pattern in range(2 ** (fields.shape[0] - 1)):
            count, nearest = _sums(fields, starts, m, pattern, c), np.inf
            for i in range(count):
                nearest = min(nearest, c[i, 0] ** 2 + c[i, 1] ** 2 + c[i, 2] ** 2)
            if nearest <= depth[m] ** 2:
                continue
            for i in range(count):
                point[:] = c[i]
                _keep_deeper_sum(fields, starts, m, point, (depth, direction))
                for j in range(i):
                    nearest = min(nearest, _on_line(c[i], c[j], point))
                    _keep_deeper_sum(fields, starts, m, point, (depth, direction))
            if nearest <= depth[m] ** 2:
                continue
            for i in range(2, count):
                for j in range(1, i):
                    for l in range(j):  # noqa: E741
                        _on_plane(c[i], c[j], c[l], point)
                        _keep_deeper_sum(fields, starts, m, point, (depth, direction))
    return depth, direction


@jit
def _keep_deeper_sum(fields, starts, m, point, best):  # type: ignore[no-untyped-def]
    """Keep a candidate direction if the sum of depths along it is the largest so far."""
    length = np.sqrt(point[0] ** 2 + point[1] ** 2 + point[2] ** 2)
    if length == 0.0:
        return
    found = _depth_sum(fields, starts, m, point)
    if found > best[0][m]:
        best[0][m] = found
        for d in range(3):
            best[1][m, d] = point[d] / length


@jit
def _peak(fields):  # type: ignore[no-untyped-def]
    count, places = fields.shape[0], fields.shape[1]
    largest = np.zeros(places)
    for m in range(places):
        for pattern in range(2 ** (count - 1)):
            x, y, z = 0.0, 0.0, 0.0
            for k in range(count):
                sign = -1.0 if (pattern >> k) & 1 else 1.0
                x += sign * fields[k, m, 0]
                y += sign * fields[k, m, 1]
                z += sign * fields[k, m, 2]
            largest[m] = max(largest[m], np.sqrt(x * x + y * y + z * z))
    return largest
