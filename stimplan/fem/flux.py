"""Current through the closed surface around a set of tetrahedra, in two ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stimplan.fem.assemble import load_vector
from stimplan.fem.surface import area_vectors

Array = NDArray[np.float64]


def weak_flux(J_A_per_m2: Array, is_inside: NDArray[np.bool_], *, nodes_m: Array, tets: NDArray[np.int32]) -> float:
    """Current out of a set of tetrahedra by the weak form, A.

    The test function w is 1 on the nodes of the set and falls to 0 across the tetrahedra around it:
    I = - integral of J . grad(w). It holds to the residual of the linear system, whatever the mesh.

    Parameters
    ----------
    J_A_per_m2 : (m, 3) array
        Current density of each tetrahedron.
    is_inside : (m,) bool array
    nodes_m : (n, 3) array
    tets : (m, 4) int array
    """
    return -float(load_vector(J_A_per_m2, nodes_m, tets)[np.unique(tets[is_inside])].sum())


def face_flux(J_A_per_m2: Array, is_inside: NDArray[np.bool_], *, nodes_m: Array, tets: NDArray[np.int32]) -> float:
    """Current out of a set of tetrahedra, summed over the faces they share with the others, A.

    On each face the mean of the normal current densities of its two tetrahedra is used. This sees the field that is
    reported, and its discretisation error.
    """
    faces, owners = _faces_between(tets, is_inside)
    vectors = area_vectors(nodes_m, faces)
    return float((vectors * (J_A_per_m2[owners[:, 0]] + J_A_per_m2[owners[:, 1]]) / 2).sum())


def _faces_between(
    tets: NDArray[np.int32], is_inside: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Faces (k, 3) between the set and the rest, oriented out of the set, with the tetrahedra (k, 2) on both sides."""
    is_shared = np.zeros(int(tets.max()) + 1, dtype=bool)
    is_shared[np.intersect1d(tets[is_inside], tets[~is_inside])] = True
    found = []
    for side in (is_inside, ~is_inside):
        numbers = np.flatnonzero(side & (is_shared[tets].sum(axis=1) >= 3))
        corners = tets[numbers]
        faces = np.concatenate(
            [corners[:, [1, 2, 3]], corners[:, [0, 3, 2]], corners[:, [0, 1, 3]], corners[:, [0, 2, 1]]]
        )
        owner = np.tile(numbers, 4)
        is_between = is_shared[faces].all(axis=1)
        found.append((faces[is_between], owner[is_between]))
    (ours, our_owner), (theirs, their_owner) = found
    keys = [np.ascontiguousarray(np.sort(faces, axis=1)).view("i4,i4,i4").ravel() for faces in (ours, theirs)]
    _, i, j = np.intersect1d(keys[0], keys[1], return_indices=True)
    return ours[i], np.stack([our_owner[i], their_owner[j]], axis=1)
