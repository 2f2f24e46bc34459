"""Read a gmsh mesh (.msh), such as the head meshes of SimNIBS.

Versions 2.2 and 4.1, text and binary, either byte order, after the description of the format in the reference manual of
gmsh. The conventions are those of SimNIBS: coordinates in mm, a tetrahedron's tag is its tissue, a triangle's is 1000
plus the tissue it bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.readers.extent import METRES_NOTICE, to_metres, unit_of_head
from stimplan.head.readers.msh_blocks import read_element_blocks, read_entities, read_node_blocks
from stimplan.head.readers.msh_data import Data, read_data, values_for
from stimplan.head.readers.msh_elements import Cells, Elements, read_elements, read_nodes
from stimplan.head.readers.msh_format import (
    OTHER_VOLUMES,
    TETRAHEDRON,
    TRIANGLE,
    Header,
    read_header,
    read_names,
)
from stimplan.head.readers.msh_source import Source, open_source
from stimplan.head.readers.tags import conventional_name
from stimplan.head.readers.values import RawMesh

# More sections than this are a damaged file; a mesh has one of each kind and one for every field.
_MAX_SECTIONS = 10_000


@attrs.define(eq=False)
class _Parsed:
    """What was read of a file so far."""

    header: Header
    names: dict[tuple[int, int], str] = attrs.field(factory=dict)
    entities: dict[tuple[int, int], tuple[int, ...]] = attrs.field(factory=dict)
    nodes: tuple[NDArray[np.int32], NDArray[np.float64]] | None = None
    elements: Elements | None = None
    fields: dict[str, list[str]] = attrs.field(factory=lambda: {"NodeData": [], "ElementData": []})
    node_data: dict[str, Data] = attrs.field(factory=dict)
    element_data: dict[str, Data] = attrs.field(factory=dict)
    skipped: list[str] = attrs.field(factory=list)


def is_msh(path: Path) -> bool:
    """Whether a file starts, or is called, as a gmsh mesh."""
    try:
        with path.open("rb") as handle:
            return handle.read(11) == b"$MeshFormat" or path.suffix.lower() == ".msh"
    except OSError:
        return False


def read_msh(path: Path | str, *, fields: Sequence[str] = ()) -> RawMesh:
    """Read a tetrahedral head mesh in gmsh's format.

    Parameters
    ----------
    path : Path or str
    fields : sequence of str, optional
        Fields ($NodeData, $ElementData) to read, by name; the others are listed in the record.

    Returns
    -------
    RawMesh
        Nodes in the order of their numbers, tetrahedra and triangles in that of theirs. A mesh in m is recognised by
        the head's size and noted in `record["notices"]`.

    Raises
    ------
    HeadError
        The file is not such a mesh, is damaged or cut off, or its head has an impossible size; with the place.

    Examples
    --------
    >>> raw = read_msh("m2m_ernie/ernie.msh")  # doctest: +SKIP
    >>> raw.nodes_m.shape, raw.names[1]  # doctest: +SKIP
    ((783117, 3), 'white_matter')
    """
    source = open_source(Path(path))
    parsed = _Parsed(read_header(source))
    for _ in range(_MAX_SECTIONS):
        name = source.open_section()
        if name is None:
            break
        _read_section(source, name, parsed, frozenset(fields))
    else:
        source.fail(f"has more than {_MAX_SECTIONS} sections: the file is damaged")
    return _mesh(source, parsed, fields)


def _read_section(source: Source, name: str, parsed: _Parsed, wanted: frozenset[str]) -> None:
    is_new = parsed.header.version == 4
    match name:
        case "PhysicalNames":
            parsed.names |= read_names(source)
        case "Entities" if is_new:
            parsed.entities |= read_entities(source)
        case "PartitionedEntities":
            source.fail("the mesh is partitioned; open it in gmsh, choose Mesh > Unpartition, and save it again")
        case "Nodes":
            if parsed.nodes is not None:
                source.fail("comes twice: the file is damaged, or two files were joined")
            parsed.nodes = read_node_blocks(source) if is_new else read_nodes(source)
        case "Elements":
            if parsed.nodes is None:
                source.fail("comes before $Nodes; the nodes have to come first")
            if parsed.elements is not None:
                source.fail("comes twice: the file is damaged, or two files were joined")
            parsed.elements = read_element_blocks(source, parsed.entities) if is_new else read_elements(source)
        case "NodeData" | "ElementData":
            title, data = read_data(source, wanted)
            parsed.fields[name].append(title)
            if data is not None:
                (parsed.node_data if name == "NodeData" else parsed.element_data)[title] = data
        case _:
            source.skip_section()
            parsed.skipped.append(f"${name}")


def _mesh(source: Source, parsed: _Parsed, fields: Sequence[str]) -> RawMesh:
    """The mesh, or every reason why it is none."""
    source.section = ""
    if parsed.nodes is None or parsed.elements is None:
        missing = "$Nodes" if parsed.nodes is None else "$Elements"
        source.fail(f"has no {missing}: the file is cut off or is not a mesh")
    unknown = [name for name in fields if name not in (*parsed.node_data, *parsed.element_data)]
    known = [*parsed.fields["NodeData"], *parsed.fields["ElementData"]]
    problems = [f"has no field {name!r}; it has {', '.join(known) or 'none'}" for name in unknown]
    numbers, points, found = _in_order(*parsed.nodes)
    problems += found
    problems += _element_problems(parsed.elements)
    skipped = parsed.elements.skipped()
    tets, triangles = parsed.elements.cells(TETRAHEDRON), parsed.elements.cells(TRIANGLE)
    if not len(tets.numbers):
        problems.append(_no_tetrahedra(len(triangles.numbers)))
    lost = [_renumber(numbers, cells.nodes, what) for cells, what in ((tets, "tetrahedra"), (triangles, "triangles"))]
    problems += [text for text in lost if text]
    unit, wrong_size = ("mm", []) if problems else unit_of_head(points, where="$Nodes")
    if problems or wrong_size:
        raise HeadError(
            [Problem(p.where, p.what, source.name) for p in wrong_size]
            + [Problem("", text, source.name) for text in problems]
        )
    tissue, notices = _tissue_tags(tets)
    if unit == "m":
        notices.append(METRES_NOTICE)
    record = _record(source, parsed, unit) | {"elements_skipped": skipped, "notices": notices}
    return RawMesh(
        to_metres(points, unit),
        tets.nodes,
        tissue,
        triangles.nodes if len(triangles.nodes) else None,
        triangles.tags if len(triangles.nodes) else None,
        names=_names(parsed, tissue),
        record=record,
        node_data={name: values_for(data, numbers) for name, data in parsed.node_data.items()},
        tet_data={name: values_for(data, tets.numbers) for name, data in parsed.element_data.items()},
    )


def _in_order(
    numbers: NDArray[np.int32], points: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64], list[str]]:
    """Nodes in the order of their numbers, and what is wrong with them."""
    problems = []
    if not len(numbers):
        problems.append("$Nodes holds no nodes")
    if (numbers[1:] <= numbers[:-1]).any():
        order = np.argsort(numbers, kind="stable")
        numbers, points = numbers[order], points[order]
        twice = numbers[1:][numbers[1:] == numbers[:-1]]
        if len(twice):
            problems.append(f"{len(twice)} node numbers are used twice, the first is {twice[0]}: the file is damaged")
    if len(numbers) and numbers[0] < 1:
        problems.append(f"node number {numbers[0]}: numbers start at 1")
    is_bad = ~np.isfinite(points).all(axis=1)
    if is_bad.any():
        problems.append(
            f"{int(is_bad.sum())} nodes have coordinates that are not finite, the first is node {numbers[is_bad][0]}"
        )
    return numbers, points, problems


def _element_problems(elements: Elements) -> list[str]:
    return [
        f"holds {count} {OTHER_VOLUMES[kind]}; only four-node tetrahedra are read: save the mesh as first-order "
        "tetrahedra"
        for kind, count in elements.others.items()
        if kind in OTHER_VOLUMES and count
    ]


def _no_tetrahedra(triangles: int) -> str:
    if triangles:
        return f"holds {triangles} triangles but no tetrahedra: it is a surface, and a head has to be a volume mesh"
    return "$Elements holds no tetrahedra"


def _renumber(numbers: NDArray[np.int32], nodes: NDArray[np.int32], what: str) -> str:
    """Turn node numbers into positions from 0, in place; what is wrong if some have no node."""
    size = len(numbers)
    if not size or not nodes.size:
        return ""
    if numbers[0] == 1 and numbers[-1] == size:  # 1 … n, as nearly always
        is_lost = (nodes < 1) | (nodes > size)
        first = int(nodes[is_lost][0]) if is_lost.any() else 0
        nodes -= 1
    else:
        place = np.minimum(np.searchsorted(numbers, nodes), size - 1)
        is_lost = numbers[place] != nodes
        first = int(nodes[is_lost][0]) if is_lost.any() else 0
        nodes[:] = place
    if not is_lost.any():
        return ""
    return (
        f"{int(is_lost.any(axis=1).sum())} {what} name a node that does not exist, the first of these is node {first}; "
        f"node numbers are {numbers[0]} to {numbers[-1]}"
    )


def _tissue_tags(tets: Cells) -> tuple[NDArray[np.int32], list[str]]:
    """The tissue of each tetrahedron: its physical tag, or its elementary tag where no physical one is given at all."""
    if tets.tags.any():
        return tets.tags, []
    return tets.elementary, ["no tetrahedron is in a physical group; the numbers of the volumes are taken for tissues"]


def _names(parsed: _Parsed, tissue: NDArray[np.int32]) -> dict[int, str]:
    """What the tags that occur are called: by the file, or by SimNIBS."""
    return {int(tag): parsed.names.get((3, int(tag))) or conventional_name(int(tag)) for tag in np.unique(tissue)}


def _record(source: Source, parsed: _Parsed, unit: str) -> dict[str, Any]:
    kind = f"binary, {'little' if source.order == '<' else 'big'} endian" if source.is_binary else "text"
    return {
        "kind": "gmsh mesh",
        "file": source.name,
        "format": f"{parsed.header.text}, {kind}",
        "unit": unit,
        "node_fields": parsed.fields["NodeData"],
        "element_fields": parsed.fields["ElementData"],
        "named_by_file": sorted(tag for dimension, tag in parsed.names if dimension == 3),
        "sections_skipped": parsed.skipped,
    }
