"""Write a head as a gmsh mesh that SimNIBS and gmsh read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.model import HeadModel
from stimplan.head.readers.extent import to_millimetres
from stimplan.head.readers.faces import tissue_surfaces
from stimplan.head.readers.msh_output import Content, Output, write_content
from stimplan.head.readers.tags import conventional_name
from stimplan.head.readers.values import RawMesh

VERSIONS = ("2.2", "4.1")
# What gmsh has for a field: numbers, vectors, tensors.
_COMPONENTS = (1, 3, 9)


def write_msh(
    path: Path | str,
    mesh: HeadModel | RawMesh,
    *,
    version: str = "2.2",
    binary: bool = True,
    fields: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write a head mesh in gmsh's format with SimNIBS' conventions.

    Coordinates are in mm; tetrahedra carry the number of their tissue, surface triangles 1000 plus that number. A
    `HeadModel` gets the surfaces between its tissues and the outer one; a `RawMesh` keeps what it has. Tissues that
    are not called as SimNIBS calls their number are named in $PhysicalNames.

    Parameters
    ----------
    path : Path or str
        Written whole or not at all; a file that is there is replaced.
    mesh : HeadModel or RawMesh
    version : "2.2" or "4.1"
        SimNIBS writes 2.2.
    binary : bool
        Text takes three times the room; numbers are written with 17 digits, which is all of them.
    fields : mapping of str to array, optional
        Fields to write beside the mesh: n or m rows (nodes or tetrahedra), 1, 3 or 9 components. If not given, those
        of a `RawMesh`.

    Raises
    ------
    HeadError
        An unknown version, or a field that does not fit; every fault at once.
    OSError
        The file could not be written completely; nothing is left of it.

    Notes
    -----
    Positions in m that came from a file in mm are written as the same numbers again. Of others one in fifty is off by
    its last bit (1e-17 m), since there are fewer numbers in mm than in m.
    """
    if version not in VERSIONS:
        raise HeadError(Problem("version", f"{version!r} is not written; known are {', '.join(VERSIONS)}"))
    content = _content(mesh, fields)
    with _whole_file(Path(path)) as file:
        write_content(Output(file, is_binary=binary), content, version)


def _content(mesh: HeadModel | RawMesh, fields: Mapping[str, ArrayLike] | None) -> Content:
    if isinstance(mesh, HeadModel):
        triangles, tags = tissue_surfaces(mesh.tets, mesh.tissue)
        names = {tissue.label: tissue.name for tissue in mesh.tissues}
        given = dict(fields or {})
    else:
        none = np.zeros(0, np.int32)
        triangles = none.reshape(0, 3) if mesh.triangles is None else mesh.triangles
        tags = none if mesh.surface_tag is None else mesh.surface_tag
        names = dict(mesh.names)
        given = {**mesh.node_data, **mesh.tet_data} if fields is None else dict(fields)
    on_nodes, on_tets = _sorted_fields(given, len(mesh.nodes_m), len(mesh.tets))
    return Content(
        points_mm=to_millimetres(mesh.nodes_m),
        triangles=triangles,
        triangle_tags=tags,
        tets=mesh.tets,
        tet_tags=mesh.tissue.astype(np.int32),
        names=_own_names(names),
        node_data=on_nodes,
        tet_data=on_tets,
    )


def _own_names(names: Mapping[int, str]) -> dict[int, str]:
    """All names where one of them is not the convention's, else none."""
    return {} if all(name == conventional_name(tag) for tag, name in names.items()) else dict(names)


def _sorted_fields(
    fields: Mapping[str, ArrayLike], n_nodes: int, n_tets: int
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Fields on nodes and on tetrahedra, each (rows, components)."""
    problems: list[Problem] = []
    on_nodes: dict[str, NDArray[np.float64]] = {}
    on_tets: dict[str, NDArray[np.float64]] = {}
    for name, given in fields.items():
        values = np.asarray(given, dtype=np.float64)
        table = values.reshape(len(values), -1) if values.ndim else values.reshape(1, 1)
        where = f"fields[{name!r}]"
        if '"' in name or "\n" in name or not 0 < len(name) <= 127:
            problems.append(Problem(where, "its name has to be 1 to 127 characters without quotes and line ends"))
        elif len(table) not in (n_nodes, n_tets) or values.ndim > 3:
            what = f"has shape {values.shape}; expected {n_nodes} rows (nodes) or {n_tets} (tetrahedra)"
            problems.append(Problem(where, what))
        elif n_nodes == n_tets:
            problems.append(
                Problem(where, f"the mesh has {n_nodes} nodes and as many tetrahedra: nobody can tell which")
            )
        elif table.shape[1] not in _COMPONENTS:
            problems.append(Problem(where, f"has {table.shape[1]} components; gmsh knows 1, 3 and 9"))
        else:
            (on_nodes if len(table) == n_nodes else on_tets)[name] = table
    if problems:
        raise HeadError(problems)
    return on_nodes, on_tets


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file beside the place that takes it when the block ends well, and is removed when it does not."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".part")
    except OSError as error:
        raise HeadError(Problem("", f"cannot be written ({error.strerror}); name another folder", str(path))) from None
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    """What new files may not be; mkstemp makes them for the owner only."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
