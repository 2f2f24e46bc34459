"""The part of a triangle surface that lies under a flat outline laid onto it, whatever way the triangles run.

A point of the surface is mapped to the plane of the outline by the direction of its projection onto the tangent plane
and by its straight distance from the centre. On a sphere this is Lambert's equal-area projection: the covered area
is the area of the outline. Triangles on the outline are sampled at 256 sub-triangles.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.fem.surface import area_vectors, connected_to

Array = NDArray[np.float64]
Outline = Callable[[Array, Array], NDArray[np.bool_]]

_SUBDIVISIONS = 4


@attrs.frozen(eq=False)
class Frame:
    """Where an outline lies: its centre and three unit vectors, `right` x `up` = `normal` (outwards)."""

    center_m: Array
    right: Array
    up: Array
    normal: Array


@attrs.frozen(eq=False)
class Coverage:
    """What an outline covers.

    Attributes
    ----------
    triangles : (k,) int array
        Numbers of the triangles covered at least partly.
    is_covered : (k, 256) bool array
        Of each sub-triangle.
    weights_m2 : (k, 3) array
        Integral of each corner's hat function over the covered part, m².
    products_m2 : (k, 3, 3) array
        Integrals of the products of two of them, m².
    """

    triangles: NDArray[np.int64]
    is_covered: NDArray[np.bool_]
    weights_m2: Array
    products_m2: Array

    @property
    def area_m2(self) -> Array:
        """(k,) covered area of each triangle, m²."""
        return self.weights_m2.sum(axis=1)


def frame_at(center_m: Array, normal: Array, *, towards: Array, rotation_rad: float) -> Frame:
    """Frame whose `up` points along `towards`, then turned counter-clockwise as seen from outside.

    Parameters
    ----------
    center_m, normal : (3,) arrays
    towards : (3,) array
        A direction; its tangential part counts. Where it has none, +y and then +x take its place.
    rotation_rad : float
    """
    for direction in (towards, np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])):
        tangent = direction - (direction @ normal) * normal
        if np.linalg.norm(tangent) > 1e-6 * np.linalg.norm(direction):
            break
    up = tangent / np.linalg.norm(tangent)
    right = np.cross(up, normal)
    cos, sin = np.cos(rotation_rad), np.sin(rotation_rad)
    return Frame(center_m, cos * right + sin * up, cos * up - sin * right, normal)


def local_normal(center_m: Array, seed: int, radius_m: float, *, nodes_m: Array, triangles: NDArray[np.int32]) -> Array:
    """Unit mean normal of the surface within a radius, leaving out what faces away from the seed triangle."""
    vectors = area_vectors(nodes_m, triangles)
    is_near = np.linalg.norm(nodes_m[triangles].mean(axis=1) - center_m, axis=1) < radius_m
    is_near[seed] = True
    mean = vectors[is_near & (vectors @ vectors[seed] > 0)].sum(axis=0)
    return mean / np.linalg.norm(mean)


def cover(
    frame: Frame, outline: Outline, *, reach_m: float, seed: int, nodes_m: Array, triangles: NDArray[np.int32]
) -> Coverage:
    """Find what an outline covers of the part of the surface that faces it and is connected to its centre.

    Parameters
    ----------
    frame : Frame
    outline : callable
        (x, y) in m along `frame.right` and `frame.up` -> whether inside.
    reach_m : float
        No point of the outline is farther from the centre.
    seed : int
        Number of the triangle the centre lies in.
    nodes_m : (n, 3) array
    triangles : (k, 3) int array
    """
    corners = nodes_m[triangles]
    distance = np.linalg.norm(corners - frame.center_m, axis=2)
    longest = float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max())
    is_candidate = (distance.min(axis=1) < reach_m + longest) & (area_vectors(nodes_m, triangles) @ frame.normal > 0)
    is_candidate[seed] = True
    candidates = np.flatnonzero(is_candidate)
    linked = connected_to(int(np.searchsorted(candidates, seed)), triangles[candidates])
    candidates = candidates[linked]
    samples = np.einsum("sc,kcd->ksd", _subtriangles()[0], nodes_m[triangles[candidates]])
    is_covered = outline(*_flattened(samples, frame))
    touched = is_covered.any(axis=1)
    candidates, is_covered = candidates[touched], is_covered[touched]
    area = np.linalg.norm(area_vectors(nodes_m, triangles[candidates]), axis=1)
    return Coverage(candidates, is_covered, *_integrals(is_covered, area))


def shared_area_m2(a: Coverage, b: Coverage) -> float:
    """Area covered by both, m²."""
    _, in_a, in_b = np.intersect1d(a.triangles, b.triangles, return_indices=True)
    both = (a.is_covered[in_a] & b.is_covered[in_b]).sum(axis=1)
    each = a.area_m2[in_a] / a.is_covered[in_a].sum(axis=1)
    return float((both * each).sum())


def _flattened(points: Array, frame: Frame) -> tuple[Array, Array]:
    """Plane coordinates along right and up of points on the surface."""
    away = points - frame.center_m
    x, y = away @ frame.right, away @ frame.up
    flat = np.maximum(np.hypot(x, y), 1e-300)
    stretch = np.linalg.norm(away, axis=-1) / flat
    return x * stretch, y * stretch


@cache
def _subtriangles() -> tuple[Array, Array]:
    """Barycentric centroids (s, 3) and corners (s, 3, 3) of the equal parts of a triangle."""
    parts = np.eye(3)[None]
    for _ in range(_SUBDIVISIONS):
        a, b, c = parts[:, 0], parts[:, 1], parts[:, 2]
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        parts = np.concatenate([np.stack(quarter, axis=1) for quarter in quarters])
    return parts.mean(axis=1), parts


def _integrals(is_covered: NDArray[np.bool_], area_m2: Array) -> tuple[Array, Array]:
    """Integrals of the hat functions and of their products over the covered parts, exact for each part.

    Over one triangle the integral of f g is area / 12 (sum of f g at its corners + 9 f g at its centroid).
    """
    centroids, corners = _subtriangles()
    products = (np.einsum("spi,spj->sij", corners, corners) + 9 * np.einsum("si,sj->sij", centroids, centroids)) / 12
    part = is_covered * (area_m2 / len(centroids))[:, None]
    return part @ centroids, np.einsum("ks,sij->kij", part, products)
