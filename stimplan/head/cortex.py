"""The cortical surface of a head: where grey matter ends outwards, as nodes and triangles of its own mesh."""

from __future__ import annotations

from functools import lru_cache

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError
from stimplan.fem.surface import area_vectors, point_normals
from stimplan.head.model import HeadModel
from stimplan.head.ventricles import faces_ventricle
from stimplan.values import frozen_array

Array = NDArray[np.float64]

# The brain ends here in a head with these tissues; the innermost tissue stands for it in a layered sphere.
_BRAIN = ("white_matter", "gray_matter")


@attrs.frozen(eq=False)
class Cortex:
    """The outer surface of the brain, where grey matter meets what is around it; without the walls of the ventricles.

    Attributes
    ----------
    tissue : str
        Whose side of the surface the field is asked on: grey matter, or the innermost tissue of a sphere.
    nodes : (p,) int array
        Node numbers of the head.
    points_m : (p, 3) array
    triangles : (k, 3) int array
        Into `nodes`, oriented outwards.
    normals : (p, 3) array
        Outward unit normals, mean of the triangles around each point by area.
    area_m2 : (p,) array
        A third of the triangles around each point.
    """

    tissue: str
    nodes: NDArray[np.int64]
    points_m: Array
    triangles: NDArray[np.int32]
    normals: Array
    area_m2: Array


def brain_names(head: HeadModel) -> tuple[str, ...]:
    """The tissues whose outer surface is the cortex: grey and white matter, or the innermost layer of a sphere."""
    if head.has_tissue("gray_matter"):
        return tuple(name for name in _BRAIN if head.has_tissue(name))
    return (min(head.tissues, key=lambda t: t.label).name,)


@lru_cache(maxsize=2)
def cortex_of(head: HeadModel) -> Cortex:
    """The cortical surface of a head; the same object every time for the same head.

    Raises
    ------
    HeadError
        Nothing of the brain's surface belongs to grey matter.
    """
    brain = brain_names(head)
    tissue = brain[-1]
    triangles = head.surface(*brain)
    is_gray = np.zeros(len(head.nodes_m), dtype=bool)
    is_gray[head.tets[head.in_tissue(tissue)]] = True
    # Where white matter reaches the surface (brain stem, ventricles) there is no cortex, and none on deep grey matter
    # that is the wall of a ventricle.
    triangles = triangles[is_gray[triangles].all(axis=1)]
    vectors = area_vectors(head.nodes_m, triangles)
    normals = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(float).tiny)
    triangles = triangles[~faces_ventricle(head, head.nodes_m[triangles].mean(axis=1), normals)]
    if not len(triangles):
        raise HeadError(f"head {head.name!r} has no {tissue} on the surface of its brain")
    nodes, corner = np.unique(triangles, return_inverse=True)
    points = head.nodes_m[nodes]
    faces = corner.reshape(-1, 3).astype(np.int32)
    area = np.zeros(len(points))
    # Two sheets that touch back to back in one point leave it no side; its normal is zero, and no direction is made up.
    np.add.at(area, faces.T.ravel(), np.tile(np.linalg.norm(area_vectors(points, faces), axis=1) / 3, 3))
    return Cortex(
        tissue=tissue,
        nodes=frozen_array(nodes, name="nodes", shape=(None,), dtype=np.int64),
        points_m=frozen_array(points, name="points", shape=(None, 3)),
        triangles=frozen_array(faces, name="triangles", shape=(None, 3), dtype=np.int32),
        normals=frozen_array(point_normals(points, faces), name="normals", shape=(None, 3)),
        area_m2=frozen_array(area, name="area", shape=(None,)),
    )
