"""Which share of a tetrahedron a level set encloses, or the voxels of a region fill."""

from __future__ import annotations

import numpy as np

from stimplan.compiled import jit
from stimplan.head.levels import sample_one


@jit
def _linear_share(a, b, c, d):
    """Share of a tetrahedron where a function that is linear in it, with these values at the corners, is negative."""
    if a > b:
        a, b = b, a
    if c > d:
        c, d = d, c
    if a > c:
        a, c = c, a
    if b > d:
        b, d = d, b
    if b > c:
        b, c = c, b
    if a >= 0:
        return 0.0
    if d <= 0:
        return 1.0
    if b >= 0:
        return a / (a - b) * (a / (a - c)) * (a / (a - d))
    if c <= 0:
        return 1 - d / (d - a) * (d / (d - b)) * (d / (d - c))
    return _two_and_two(a / (a - c), a / (a - d), b / (b - c), b / (b - d))


@jit
def _two_and_two(ac, ad, bc, bd):
    """Share of a tetrahedron on the side of a and b, from the shares of the cut edges on that side: three pieces."""
    return bc * bd + ac * ad * (1 - bd) + ac * (1 - bc) * bd


@jit
def _crossing(nodes_m, value, inner, outer, grids):
    """Where the surface crosses an edge, as a share of the way from its inner end: two secant steps."""
    level, level_from, offset, offset_from = grids
    low, high, f_low, f_high = 0.0, 1.0, value[inner], value[outer]
    at = f_low / (f_low - f_high)
    for _ in range(2):
        x = nodes_m[inner, 0] + at * (nodes_m[outer, 0] - nodes_m[inner, 0])
        y = nodes_m[inner, 1] + at * (nodes_m[outer, 1] - nodes_m[inner, 1])
        z = nodes_m[inner, 2] + at * (nodes_m[outer, 2] - nodes_m[inner, 2])
        f = sample_one(level, level_from, x, y, z) + sample_one(offset, offset_from, x, y, z)
        if f < 0:
            low, f_low = at, f
        else:
            high, f_high = at, f
        if f_high > f_low:
            at = low + (high - low) * (f_low / (f_low - f_high))
    return at


@jit
def _cut_share(nodes_m, value, corners, n_inside, grids):
    """Share of a tetrahedron, inner corners first, that is inside when it is cut where its edges cross the surface."""
    a, b, c, d = corners
    if n_inside == 1:
        share = _crossing(nodes_m, value, a, b, grids) * _crossing(nodes_m, value, a, c, grids)
        return share * _crossing(nodes_m, value, a, d, grids)
    if n_inside == 3:
        share = (1 - _crossing(nodes_m, value, a, d, grids)) * (1 - _crossing(nodes_m, value, b, d, grids))
        return 1 - share * (1 - _crossing(nodes_m, value, c, d, grids))
    return _two_and_two(
        _crossing(nodes_m, value, a, c, grids),
        _crossing(nodes_m, value, a, d, grids),
        _crossing(nodes_m, value, b, c, grids),
        _crossing(nodes_m, value, b, d, grids),
    )


@jit
def inside_share(nodes_m, tets, value, small_m, grids):
    """Share of each tetrahedron that is inside when its edges are cut, and how fast it falls with the value, 1/m."""
    share, fall = np.empty(len(tets)), np.zeros(len(tets))
    corners = np.empty(4, np.int64)
    for t in range(len(tets)):
        n_inside, n_outside = 0, 0
        for corner in range(4):
            node = tets[t, corner]
            if value[node] < 0:
                corners[n_inside] = node
                n_inside += 1
            else:
                n_outside += 1
                corners[4 - n_outside] = node
        if n_inside in (0, 4):
            share[t] = n_inside / 4
            continue
        share[t] = _cut_share(nodes_m, value, corners, n_inside, grids)
        a, b, c, d = value[corners[0]], value[corners[1]], value[corners[2]], value[corners[3]]
        more = _linear_share(a - small_m, b - small_m, c - small_m, d - small_m)
        less = _linear_share(a + small_m, b + small_m, c + small_m, d + small_m)
        fall[t] = (more - less) / (2 * small_m)
    return share, fall


@jit
def label_share(nodes_m, tets, middles, affine, region, goes_on):
    """Share of each tetrahedron that voxels of the region fill."""
    share = np.empty(len(tets))
    index, corners = np.empty(3, np.int64), np.empty((4, 3))
    for t in range(len(tets)):
        for corner in range(4):
            x, y, z = nodes_m[tets[t, corner]]
            for axis in range(3):
                corners[corner, axis] = (
                    affine[axis, 0] * x + affine[axis, 1] * y + affine[axis, 2] * z + affine[axis, 3]
                )
        count = 0
        for point in range(len(middles)):
            is_off = False
            for axis in range(3):
                at = 0.5
                for corner in range(4):
                    at += middles[point, corner] * corners[corner, axis]
                index[axis] = int(np.floor(at))
                if index[axis] < 0 or index[axis] >= region.shape[axis]:
                    is_off = True
                    index[axis] = min(max(index[axis], 0), region.shape[axis] - 1)
            if region[index[0], index[1], index[2]] and (goes_on or not is_off):
                count += 1
        share[t] = count / len(middles)
    return share


@jit
def region_shares(nodes_m, tets, middles, affine, tissue, bits):
    """(m, n) share of each tetrahedron that each of n regions fills; bit k of `bits[tissue]`: it is in region k."""
    n_regions = 0
    while bits.max() >> n_regions:
        n_regions += 1
    shares = np.zeros((len(tets), n_regions), np.float32)
    index, corners = np.empty(3, np.int64), np.empty((4, 3))
    for t in range(len(tets)):
        for corner in range(4):
            x, y, z = nodes_m[tets[t, corner]]
            for axis in range(3):
                corners[corner, axis] = (
                    affine[axis, 0] * x + affine[axis, 1] * y + affine[axis, 2] * z + affine[axis, 3]
                )
        for point in range(len(middles)):
            for axis in range(3):
                at = 0.5
                for corner in range(4):
                    at += middles[point, corner] * corners[corner, axis]
                index[axis] = min(max(int(np.floor(at)), 0), tissue.shape[axis] - 1)
            inside = bits[tissue[index[0], index[1], index[2]]]
            for region in range(n_regions):
                if inside >> region & 1:
                    shares[t, region] += 1 / len(middles)
    return shares
