"""The heads that can be loaded by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from stimplan.errors import HeadError, Problem
from stimplan.head.cache import cached_mesh, mesh_path
from stimplan.head.conductivity import tissues_of
from stimplan.head.labelled import LabelVolume, contact_m2, label_volumes_m3, mesh_labels
from stimplan.head.mesher import Progress, TetMesh, mesher_version
from stimplan.head.model import HeadModel
from stimplan.head.presets import DEFAULT_PRESET, edge_m_of
from stimplan.head.scalp import nearest_on_surface
from stimplan.resources import package_path
from stimplan.sites import known_sites
from stimplan.units import to_si
from stimplan.values import digest

LABELS: Mapping[str, int] = {"white_matter": 1, "gray_matter": 2, "csf": 3, "bone": 4, "scalp": 5, "eyes": 6}


@attrs.frozen
class HeadEntry:
    """One head that `load_head` knows.

    Attributes
    ----------
    name : str
    description : str
    cached : bool
        Whether its mesh at the default edge is on the disk, so that loading takes a second.
    path : Path
        The label volume it is made from.
    """

    name: str
    description: str
    cached: bool
    path: Path


@attrs.frozen
class _Shipped:
    """What the program knows about a head without loading it."""

    description: str
    labels: tuple[str, ...]  # parts of the label volume's path in the package
    read: Callable[[str, float | str, Progress | None], tuple[TetMesh, dict[str, Any]]]


def load_head(
    name: str | Path = "colin27",
    *,
    edge_mm: float | str | None = None,
    conductivities: str | Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> HeadModel:
    """Load a head by name; the first time it is meshed, which takes several seconds, and kept.

    Parameters
    ----------
    name : str
        See `list_heads`.
    edge_mm : float or str, optional
        "teaching", "standard" (if not given) or "fine", or the edge in cortex, CSF and skull, mm; see
        `stimplan.head.presets`.
    conductivities : str or mapping of str to float, optional
        Name of a preset (see `stimplan.head.conductivity`), or conductivities to use instead of the default preset's,
        by tissue, S/m.
    progress : callable, optional
        Called as `progress(stage, fraction)`.

    Returns
    -------
    HeadModel
        `sites_m` are the 10-05 sites moved to the nearest point of the scalp.

    Raises
    ------
    HeadError
        There is no such head (the nearest names are given), or an argument is out of range.
    """
    if str(name) not in _HEADS:
        near = get_close_matches(str(name).lower(), _HEADS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known are {', '.join(_HEADS)}"
        raise HeadError(Problem("head", f"there is no head {str(name)!r}; {hint}"))
    edge_mm = DEFAULT_PRESET if edge_mm is None else edge_mm
    edge_m_of(edge_mm)
    mesh, record = _HEADS[str(name)].read(str(name), edge_mm, progress)
    present = set(np.unique(mesh.tissue).tolist())
    labels = {tissue: label for tissue, label in LABELS.items() if label in present}
    head = HeadModel(
        name=str(name),
        nodes_m=mesh.nodes_m,
        tets=mesh.tets,
        tissue=mesh.tissue,
        tissues=tuple(tissues_of(labels, conductivities)),
        mni_from_head=np.eye(4),
        provenance=record,
    )
    return attrs.evolve(head, sites_m=_sites_on_scalp(head))


def list_heads() -> tuple[HeadEntry, ...]:
    """The heads that `load_head` knows."""
    return tuple(
        HeadEntry(
            name=name,
            description=shipped.description,
            cached=os.path.exists(mesh_path(name, _key(name, DEFAULT_PRESET))),  # noqa: PTH110 - False where the folder is locked
            path=package_path(*shipped.labels),
        )
        for name, shipped in _HEADS.items()
    )


def _key(name: str, edge_mm: float | str) -> str:
    """Digest of everything the mesh depends on."""
    data = package_path(*_HEADS[name].labels).read_bytes()
    return digest(data, mesher_version(), edge_m_of(edge_mm))


def _read_labelled(name: str, edge_mm: float | str, progress: Progress | None) -> tuple[TetMesh, dict[str, Any]]:
    """Mesh of a shipped label volume, from the cache or made now."""
    return cached_mesh(name, _key(name, edge_mm), lambda: _mesh_labelled(name, edge_mm, progress))


def _mesh_labelled(name: str, edge_mm: float | str, progress: Progress | None) -> tuple[TetMesh, dict[str, Any]]:
    import nibabel

    path = package_path(*_HEADS[name].labels)
    image = nibabel.load(path)
    head_from_voxel = np.array(image.affine, dtype=np.float64)
    head_from_voxel[:3] *= to_si(1, "mm")
    names = {label: tissue for tissue, label in LABELS.items()}
    mesh, record = mesh_labels(
        LabelVolume(np.asarray(image.dataobj), head_from_voxel, names), edge_mm=edge_mm, progress=progress
    )
    outer = {LABELS["scalp"], LABELS["eyes"]}
    inner = {LABELS["white_matter"], LABELS["gray_matter"], LABELS["csf"]}
    record |= {
        "kind": "label volume",
        "source": _HEADS[name].description,
        "labels_digest": digest(path.read_bytes()),
        "mesher_version": mesher_version(),
        "volumes_m3": label_volumes_m3(mesh, names),
        # Holes in the bone: none are wanted in the vault; below it nerves and vessels pass.
        "scalp_touches_inside_m2": contact_m2(mesh, outer, inner),
        "scalp_touches_inside_vault_m2": contact_m2(mesh, outer, inner, above_m=0.0),
    }
    return mesh, record


def _sites_on_scalp(head: HeadModel) -> dict[str, tuple[float, float, float]]:
    """The 10-05 sites, which are positions in MNI space, moved to the nearest point of the scalp."""
    sites = known_sites()
    positions_m = np.array(list(sites.values()))
    on_scalp, _ = nearest_on_surface(positions_m, head.nodes_m, head.scalp)
    return {name: (float(x), float(y), float(z)) for name, (x, y, z) in zip(sites, on_scalp, strict=True)}


# The seam for readers of other heads: a name, what it is, and the function that reads it.
_HEADS: Mapping[str, _Shipped] = {
    "colin27": _Shipped(
        description="Colin27, one healthy man averaged over 27 scans, in MNI space",
        labels=("head", "colin27", "labels.nii.gz"),
        read=_read_labelled,
    ),
}
