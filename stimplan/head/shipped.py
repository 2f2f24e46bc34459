"""The heads that come with the program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from stimplan.head.cache import MeshKey, cached_mesh
from stimplan.head.conductivity import tissues_of
from stimplan.head.fiducials import COLIN27_M, COLIN27_SOURCE, place_fiducials
from stimplan.head.labelled import LabelVolume, contact_m2, label_volumes_m3, mesh_labels
from stimplan.head.mesher import Progress, TetMesh, mesher_version
from stimplan.head.model import HeadModel
from stimplan.head.presets import DEFAULT_PRESET, edge_m_of
from stimplan.head.scalp import nearest_on_surface
from stimplan.head.tissues import TISSUE_LABELS
from stimplan.resources import package_path
from stimplan.sites import known_sites
from stimplan.units import to_si
from stimplan.values import digest

_OUTER = ("scalp", "eyes", "muscle", "fat")
_INNER = ("white_matter", "gray_matter", "csf")


@attrs.frozen
class Shipped:
    """What the program knows about a shipped head without loading it.

    Attributes
    ----------
    description : str
    folder : tuple of str
        Where in the package its `labels.nii.gz` and `labels.json` (label -> tissue) are.
    """

    description: str
    folder: tuple[str, ...]


SHIPPED_HEADS: Mapping[str, Shipped] = {
    "colin27": Shipped("Colin27, one healthy man averaged over 27 scans, in MNI space", ("head", "colin27")),
}


def shipped_key(name: str, edge_mm: float | str = DEFAULT_PRESET) -> MeshKey:
    """Everything the mesh of a shipped head depends on."""
    folder = SHIPPED_HEADS[name].folder
    tissues = {str(label): tissue for label, tissue in _tissues(name).items()}
    content = digest(package_path(*folder, "labels.nii.gz").read_bytes(), tissues)
    return MeshKey(name, content, edge_m_of(edge_mm), mesher_version())


def shipped_head(
    name: str,
    edge_mm: float | str = DEFAULT_PRESET,
    *,
    conductivities: str | Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> HeadModel:
    """A shipped head, from the cache or meshed now; its sites are those of the template, moved to its scalp."""
    mesh, record = cached_mesh(shipped_key(name, edge_mm), lambda: _made(name, edge_mm, progress))
    present = set(np.unique(mesh.tissue).tolist())
    numbers = {tissue: label for tissue, label in TISSUE_LABELS.items() if label in present}
    head = HeadModel(
        name=name,
        nodes_m=mesh.nodes_m,
        tets=mesh.tets,
        tissue=mesh.tissue,
        tissues=tuple(tissues_of(numbers, conductivities)),
        mni_from_head=np.eye(4),
        provenance=record,
    )
    return with_template_sites(head)


def with_template_sites(head: HeadModel) -> HeadModel:
    """A head made from the template's labels, with the template's own sites and fiducials on its scalp."""
    fiducials = place_fiducials(head, COLIN27_M, source=COLIN27_SOURCE)
    return attrs.evolve(
        head,
        sites_m=_sites_on_scalp(head),
        fiducials_m=fiducials.positions_m,
        provenance={**head.provenance, "fiducials": fiducials.record},
    )


def shipped_volume(name: str) -> LabelVolume:
    """The label volume of a shipped head."""
    import nibabel

    image = nibabel.load(package_path(*SHIPPED_HEADS[name].folder, "labels.nii.gz"))
    head_from_voxel = np.array(image.affine, dtype=np.float64)
    head_from_voxel[:3] *= to_si(1, "mm")
    return LabelVolume(np.asarray(image.dataobj), head_from_voxel, _tissues(name))


def _tissues(name: str) -> dict[int, str]:
    """Tissue of each label of a shipped volume."""
    path = package_path(*SHIPPED_HEADS[name].folder, "labels.json")
    table = json.loads(path.read_text(encoding="utf-8"))
    return {int(label): tissue for label, tissue in table.items()}


def _made(name: str, edge_mm: float | str, progress: Progress | None) -> tuple[TetMesh, dict[str, Any]]:
    """Mesh and record of a shipped label volume."""
    mesh, record = mesh_labels(shipped_volume(name), edge_mm=edge_mm, progress=progress)
    names = {label: tissue for tissue, label in TISSUE_LABELS.items()}
    outer, inner = ({TISSUE_LABELS[tissue] for tissue in group} for group in (_OUTER, _INNER))
    return mesh, {
        **record,
        "kind": "label volume",
        "source": SHIPPED_HEADS[name].description,
        "labels_digest": digest(package_path(*SHIPPED_HEADS[name].folder, "labels.nii.gz").read_bytes()),
        "mesher_version": mesher_version(),
        "volumes_m3": label_volumes_m3(mesh, names),
        # Holes in the bone: none are wanted in the vault; below it nerves and vessels pass.
        "scalp_touches_inside_m2": contact_m2(mesh, outer, inner),
        "scalp_touches_inside_vault_m2": contact_m2(mesh, outer, inner, above_m=0.0),
    }


def _sites_on_scalp(head: HeadModel) -> dict[str, tuple[float, float, float]]:
    """The 10-05 sites, which are positions in MNI space, moved to the nearest point of the scalp."""
    sites = known_sites()
    positions_m = np.array(list(sites.values()))
    on_scalp, _ = nearest_on_surface(positions_m, head.nodes_m, head.scalp)
    return {name: (float(x), float(y), float(z)) for name, (x, y, z) in zip(sites, on_scalp, strict=True)}
