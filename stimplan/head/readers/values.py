"""RawMesh: a tetrahedral head mesh as its file has it, in metres but with the file's own labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError
from stimplan.values import frozen_array, frozen_mapping


def _nodes(nodes_m: ArrayLike) -> NDArray[np.float64]:
    return frozen_array(nodes_m, name="nodes_m", shape=(None, 3))


def _tets(tets: ArrayLike) -> NDArray[np.int32]:
    return frozen_array(tets, name="tets", shape=(None, 4), dtype=np.int32)


def _triangles(triangles: ArrayLike) -> NDArray[np.int32]:
    return frozen_array(triangles, name="triangles", shape=(None, 3), dtype=np.int32)


def _tags(tags: ArrayLike) -> NDArray[np.int32]:
    return frozen_array(tags, name="tags", shape=(None,), dtype=np.int32)


def _names(names: Mapping[int, str]) -> Mapping[int, str]:
    return cast(Mapping[int, str], frozen_mapping(cast(Mapping[str, Any], dict(names))))


def _data(values: Mapping[str, ArrayLike]) -> Mapping[str, NDArray[np.float64]]:
    # A field may hold NaN where it is not defined, such as in air.
    return frozen_mapping(
        {
            key: frozen_array(item, name=key, shape=(None,) * np.ndim(item), is_finite=False)
            for key, item in values.items()
        }
    )


@attrs.frozen(eq=False)
class RawMesh:
    """A mesh as it was read, before anything is repaired, renumbered or named.

    Attributes
    ----------
    nodes_m : (n, 3) array
        Node positions, m.
    tets : (m, 4) int array
        Node numbers of each tetrahedron, from 0; in the order, and with the orientation, of the file.
    tissue : (m,) int array
        The file's label of each tetrahedron.
    triangles : (k, 3) int array or None
        Surface triangles, where the file has any.
    surface_tag : (k,) int array or None
        The file's label of each triangle.
    names : mapping of int to str
        What the labels of the tetrahedra are called: by the file, or else by its convention.
    record : mapping
        Where the mesh came from and everything that was noticed, as plain JSON data.
    node_data, tet_data : mapping of str to array
        Fields that were asked for: (n,) or (n, c) on nodes, (m,) or (m, c) on tetrahedra; NaN where the file has none.
    """

    nodes_m: NDArray[np.float64] = attrs.field(converter=_nodes)
    tets: NDArray[np.int32] = attrs.field(converter=_tets)
    tissue: NDArray[np.int32] = attrs.field(converter=_tags)
    triangles: NDArray[np.int32] | None = attrs.field(default=None, converter=attrs.converters.optional(_triangles))
    surface_tag: NDArray[np.int32] | None = attrs.field(default=None, converter=attrs.converters.optional(_tags))
    names: Mapping[int, str] = attrs.field(factory=dict, converter=_names)
    record: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_mapping)
    node_data: Mapping[str, NDArray[np.float64]] = attrs.field(factory=dict, converter=_data)
    tet_data: Mapping[str, NDArray[np.float64]] = attrs.field(factory=dict, converter=_data)

    def __attrs_post_init__(self) -> None:
        if len(self.tissue) != len(self.tets):
            raise HeadError(f"{len(self.tets)} tetrahedra but {len(self.tissue)} labels")
        if (self.triangles is None) != (self.surface_tag is None):
            raise HeadError("triangles and surface_tag go together: give both or neither")
        if self.triangles is not None and self.surface_tag is not None and len(self.triangles) != len(self.surface_tag):
            raise HeadError(f"{len(self.triangles)} triangles but {len(self.surface_tag)} labels")
        for corners in (self.tets, self.triangles):
            if corners is not None and len(corners) and not 0 <= corners.min() <= corners.max() < len(self.nodes_m):
                raise HeadError(f"node numbers outside 0 to {len(self.nodes_m) - 1}")
        for data, count in ((self.node_data, len(self.nodes_m)), (self.tet_data, len(self.tets))):
            for name, values in data.items():
                if len(values) != count:
                    raise HeadError(f"field {name!r} has {len(values)} rows, expected {count}")
