"""HeadModel: tetrahedra, tissues and conductivities, whatever the head came from."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError
from stimplan.values import digest, frozen_array, frozen_mapping

if TYPE_CHECKING:
    from stimplan.head.warp import Warp

# Nasion, inion, and the points before the left and the right ear that tape measures start from.
FIDUCIALS = ("Nz", "Iz", "LPA", "RPA")


@attrs.frozen
class Tissue:
    """One tissue of a head.

    Attributes
    ----------
    label : int
        Its number in `HeadModel.tissue`.
    name : str
        `white_matter`, `gray_matter`, `csf`, `bone`, `scalp`, …; `layer_1` … in a sphere, from the inside.
    conductivity_S_per_m : float
    source : str
        Where the conductivity is from, as text with its DOI; "set by the user" where it was overridden.
    """

    label: int
    name: str
    conductivity_S_per_m: float
    source: str


def _nodes(nodes_m: ArrayLike) -> NDArray[np.float64]:
    return frozen_array(nodes_m, name="nodes_m", shape=(None, 3))


def _tets(tets: ArrayLike) -> NDArray[np.int32]:
    return frozen_array(tets, name="tets", shape=(None, 4), dtype=np.int32)


def _labels(tissue: ArrayLike) -> NDArray[np.uint8]:
    return frozen_array(tissue, name="tissue", shape=(None,), dtype=np.uint8)


def _tensors(tensors: ArrayLike) -> NDArray[np.float64]:
    return frozen_array(tensors, name="tensors_S_per_m", shape=(None, 6))


def _affine(matrix: ArrayLike) -> NDArray[np.float64]:
    return frozen_array(matrix, name="mni_from_head", shape=(4, 4))


@attrs.frozen(eq=False, slots=False)
class HeadModel:
    """A head as a conforming tetrahedral mesh; compares by identity, `digest` compares the content.

    Attributes
    ----------
    name : str
    nodes_m : (n, 3) array
        Node positions in the head's own coordinates (RAS: x right, y front, z up), m.
    tets : (m, 4) int array
        Node numbers of each tetrahedron, positively oriented.
    tissue : (m,) array
        Tissue label of each tetrahedron.
    tissues : tuple of Tissue
        Every label that occurs in `tissue`, sorted by label.
    mni_from_head : (4, 4) array or None
        Affine from head coordinates to MNI coordinates, both m; None where the head has no MNI space (a sphere).
    sites_m : mapping of str to 3-tuples
        10-05 sites on this head's scalp, m, in head coordinates.
    fiducials_m : mapping of str to 3-tuples
        Nz, Iz, LPA and RPA on the scalp, m, in head coordinates: all four, or empty where they are not known.
    warp : Warp or None
        Deformation to MNI, where the source has one; it goes before `mni_from_head`, which is then its affine part
        unless the source gives one. See `stimplan.head.space`.
    provenance : mapping
        Where the head came from, as plain JSON data.
    tensors_S_per_m : (m, 6) array or None
        Conductivity tensor of each tetrahedron (xx, yy, zz, xy, xz, yz), S/m; all zero where the conductivity of the
        tissue holds in every direction. See `stimplan.head.anisotropy`.
    """

    name: str
    nodes_m: NDArray[np.float64] = attrs.field(converter=_nodes)
    tets: NDArray[np.int32] = attrs.field(converter=_tets)
    tissue: NDArray[np.uint8] = attrs.field(converter=_labels)
    tissues: tuple[Tissue, ...]
    mni_from_head: NDArray[np.float64] | None = attrs.field(default=None, converter=attrs.converters.optional(_affine))
    sites_m: Mapping[str, tuple[float, float, float]] = attrs.field(factory=dict, converter=frozen_mapping)
    fiducials_m: Mapping[str, tuple[float, float, float]] = attrs.field(factory=dict, converter=frozen_mapping)
    warp: Warp | None = None
    provenance: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    tensors_S_per_m: NDArray[np.float64] | None = attrs.field(
        default=None, converter=attrs.converters.optional(_tensors)
    )

    def __attrs_post_init__(self) -> None:
        known = {tissue.label for tissue in self.tissues}
        found = {int(label) for label in np.unique(self.tissue)}
        if found - known:
            raise HeadError(f"tissue labels {sorted(found - known)} have no tissue; known are {sorted(known)}")
        if len(self.tissue) != len(self.tets):
            raise HeadError(f"{len(self.tets)} tetrahedra but {len(self.tissue)} tissue labels")
        if self.tensors_S_per_m is not None and len(self.tensors_S_per_m) != len(self.tets):
            raise HeadError(f"{len(self.tets)} tetrahedra but {len(self.tensors_S_per_m)} conductivity tensors")
        if self.fiducials_m and set(self.fiducials_m) != set(FIDUCIALS):
            raise HeadError(f"fiducials are {', '.join(FIDUCIALS)}, all four; got {', '.join(self.fiducials_m)}")
        if self.warp is not None and self.mni_from_head is None:
            object.__setattr__(self, "mni_from_head", self.warp.affine)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of mesh, tissues and conductivities."""
        tensors = () if self.tensors_S_per_m is None else (self.tensors_S_per_m,)
        return digest(self.nodes_m, self.tets, self.tissue, self.tissues, *tensors)

    @cached_property
    def sigma_S_per_m(self) -> NDArray[np.float64]:
        """(m,) conductivity of each tetrahedron's tissue, S/m."""
        table = np.full(256, np.nan)
        for tissue in self.tissues:
            table[tissue.label] = tissue.conductivity_S_per_m
        return frozen_array(table[self.tissue], name="sigma", shape=(None,))

    @cached_property
    def conductivity_S_per_m(self) -> NDArray[np.float64]:
        """What the field is solved with: (m,) numbers, or (m, 6) tensors where the head has any, S/m."""
        if self.tensors_S_per_m is None:
            return self.sigma_S_per_m
        isotropic = self.sigma_S_per_m[:, None] * np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
        is_tensor = np.asarray(self.tensors_S_per_m.any(axis=1))
        values = np.where(is_tensor[:, None], self.tensors_S_per_m, isotropic)
        return frozen_array(values, name="conductivity", shape=(None, 6))

    @cached_property
    def volumes_m3(self) -> NDArray[np.float64]:
        """(m,) volume of each tetrahedron, m³."""
        a, b, c, d = (self.nodes_m[self.tets[:, corner]] for corner in range(4))
        return frozen_array(np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6, name="volumes", shape=(None,))

    @cached_property
    def centers_m(self) -> NDArray[np.float64]:
        """(m, 3) centroid of each tetrahedron, m."""
        return frozen_array(self.nodes_m[self.tets].mean(axis=1), name="centers", shape=(None, 3))

    @cached_property
    def scalp(self) -> NDArray[np.int32]:
        """(k, 3) node numbers of the triangles of the outer surface, oriented outwards.

        The walls of air cavities that do not open to the outside are left out: nobody puts an electrode there.
        """
        outer = _largest_piece(_boundary(self.tets))
        return frozen_array(outer, name="scalp", shape=(None, 3), dtype=np.int32)

    def tissue_named(self, name: str) -> Tissue:
        """The tissue of that name.

        Raises
        ------
        HeadError
            This head has no such tissue.
        """
        names = {tissue.name: tissue for tissue in self.tissues}
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise HeadError(f"head {self.name!r} has no tissue {name!r} (it has {', '.join(names)}){hint}")
        return names[name]

    def has_tissue(self, name: str) -> bool:
        """Whether a tissue of that name is in this head."""
        return any(tissue.name == name for tissue in self.tissues)

    def in_tissue(self, name: str) -> NDArray[np.bool_]:
        """(m,) mask of the tetrahedra of one tissue."""
        return self.tissue == self.tissue_named(name).label

    def surface(self, *names: str) -> NDArray[np.int32]:
        """(k, 3) triangles that bound the union of the named tissues, oriented outwards."""
        labels = [self.tissue_named(name).label for name in names]
        return _boundary(self.tets[np.isin(self.tissue, labels)])

    def with_conductivities(self, conductivities_S_per_m: Mapping[str, float]) -> HeadModel:
        """The same head with other conductivities, S/m by tissue name; tensors of a tissue grow in proportion.

        Raises
        ------
        HeadError
            An unknown tissue, or a conductivity that is not positive and finite.
        """
        for name, value in conductivities_S_per_m.items():
            self.tissue_named(name)
            if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value < float("inf"):
                raise HeadError(f"conductivity of {name!r} must be positive and finite, got {value!r} S/m")
        tissues = tuple(
            attrs.evolve(t, conductivity_S_per_m=float(conductivities_S_per_m[t.name]), source="set by the user")
            if t.name in conductivities_S_per_m
            else t
            for t in self.tissues
        )
        return self.with_tissues(tissues)

    def with_tissues(self, tissues: tuple[Tissue, ...]) -> HeadModel:
        """The same head with other conductivities of its tissues; tensors of a tissue grow in proportion."""
        if self.tensors_S_per_m is None:
            return attrs.evolve(self, tissues=tissues)
        growth = np.ones(256)
        for old, new in zip(self.tissues, tissues, strict=True):
            growth[new.label] = new.conductivity_S_per_m / old.conductivity_S_per_m
        tensors = self.tensors_S_per_m * growth[self.tissue][:, None]
        return attrs.evolve(self, tissues=tissues, tensors_S_per_m=tensors)


def _boundary(tets: NDArray[np.int32]) -> NDArray[np.int32]:
    """Triangles that belong to exactly one of the tetrahedra, oriented outwards."""
    faces = np.concatenate([tets[:, [1, 2, 3]], tets[:, [0, 3, 2]], tets[:, [0, 1, 3]], tets[:, [0, 2, 1]]])
    ordered = np.sort(faces, axis=1).astype(np.int64)
    base = int(tets.max(initial=0)) + 1
    # Node numbers below 2^21 (two million) pack into one 64-bit key; above, numpy's row-wise unique is used.
    if base < 2**21:
        keys = (ordered[:, 0] * base + ordered[:, 1]) * base + ordered[:, 2]
        _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    else:
        _, first, counts = np.unique(ordered, axis=0, return_index=True, return_counts=True)
    return faces[np.sort(first[counts == 1])]


def _largest_piece(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """The triangles of the largest part that hangs together by nodes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(triangles):
        return triangles
    rows, columns = triangles[:, [0, 1]].ravel(), triangles[:, [1, 2]].ravel()
    size = int(triangles.max()) + 1
    links = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size, size))
    _, piece = connected_components(links, directed=False)
    pieces = piece[triangles[:, 0]]
    return triangles[pieces == np.bincount(pieces).argmax()]
