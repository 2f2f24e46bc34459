"""Small head meshes in SimNIBS' numbers, and their files, for the tests of the mesh readers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from stimplan.head import sphere_head
from stimplan.head.readers.faces import tissue_surfaces
from stimplan.head.readers.msh_write import write_msh
from stimplan.head.readers.values import RawMesh

# Layers of the sphere from the inside, and what they are called and numbered.
TAGS = (3, 4, 5)
NAMES = {3: "csf", 4: "bone", 5: "scalp"}


@cache
def raw_head(edge_mm: float = 25.0) -> RawMesh:
    """A three-layer sphere of some hundred nodes, as a .msh file in mm holds it."""
    head = sphere_head(radii_mm=(65.0, 80.0, 95.0), conductivities_S_per_m=(1.0, 1.0, 1.0), edge_mm=edge_mm)
    nodes_m = np.round(head.nodes_m * 1e3, 9) / 1e3  # numbers that are mm
    tissue = np.array(TAGS)[head.tissue.astype(int) - 1]
    triangles, tags = tissue_surfaces(head.tets, tissue)
    return RawMesh(nodes_m, head.tets, tissue, triangles, tags, names=NAMES)


@cache
def _bytes(version: str, binary: bool) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.msh"
        write_msh(path, raw_head(), version=version, binary=binary)
        return path.read_bytes()


def msh_bytes(version: str = "2.2", *, binary: bool = False) -> bytes:
    """A sound file."""
    return _bytes(version, binary)


def same_mesh(one: RawMesh, other: RawMesh) -> bool:
    """Whether two meshes are equal to the last bit."""
    names = ("nodes_m", "tets", "tissue", "triangles", "surface_tag")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
