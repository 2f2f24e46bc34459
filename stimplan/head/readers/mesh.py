"""Tetrahedral meshes as the table of readers wants them."""

from __future__ import annotations

from pathlib import Path

from stimplan.errors import HeadError, Problem
from stimplan.head.mapping import read_mapping
from stimplan.head.readers.found import ReadHead, ReadOptions


def read_mesh(path: Path, options: ReadOptions) -> ReadHead:
    """Read a tetrahedral mesh; without a mapping the tags of a gmsh mesh are SimNIBS'.

    Raises
    ------
    HeadError
        The file is damaged or no head mesh.
    """
    if path.name.lower().endswith(".msh"):
        from stimplan.head.readers.msh import read_msh

        mapping = read_mapping(options.labels) if options.labels else None
        mesh = read_msh(path)
        return ReadHead(mesh=mesh, mapping=mapping, record={"file": path.name, **mesh.record})
    if options.labels is None:
        what = "which label is which tissue? Name a mapping file (.json), or one of those that are shipped"
        raise HeadError(Problem("--labels", what, file=str(path)))
    from stimplan.head.readers.meshio_files import read_tetrahedra

    mesh = read_tetrahedra(path, dict(read_mapping(options.labels).tissues))
    return ReadHead(mesh=mesh, record={"file": path.name, **mesh.record})
