"""From what was read, or is kept, to a HeadModel: mesh, conductivities, MNI space, fiducials and sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from stimplan.errors import HeadError, Problem
from stimplan.head.cache import MeshKey, cached_mesh
from stimplan.head.conductivity import tissues_of
from stimplan.head.fiducials import with_fiducials
from stimplan.head.kept import KeptHead
from stimplan.head.labelled import contact_m2, label_volumes_m3, mesh_labels
from stimplan.head.mesher import Progress, TetMesh, mesher_version
from stimplan.head.model import HeadModel
from stimplan.head.presets import DEFAULT_PRESET, edge_m_of
from stimplan.head.readers import ReadHead
from stimplan.head.readers.anatomy import BONE, BRAIN
from stimplan.head.space import has_mni
from stimplan.head.tissues import TISSUE_LABELS

_OUTER = ("scalp", "eyes", "muscle", "fat", "cartilage")
_INNER = ("white_matter", "gray_matter", "csf")

Conductivities = str | Mapping[str, float] | None


def kept_from(found: ReadHead, name: str, record: dict[str, Any] | None = None) -> KeptHead:
    """What was read, in the form in which it is kept.

    Raises
    ------
    HeadError
        The mesh cannot be used as a head.
    """
    head = KeptHead(
        name=name,
        volume=found.volume,
        mni_from_head=found.mni_from_head,
        warp=found.warp,
        fiducials_m=dict(found.fiducials_m),
        record={"findings": list(found.findings), "read": _plain(found.record), **(record or {})},
    )
    if found.mesh is None:
        return head
    from stimplan.head.readers.assembly import head_from_raw

    model = head_from_raw(found.mesh, name=name, mapping=found.mapping.tissues if found.mapping else None)
    made = _plain(model.provenance)
    findings = [*head.record["findings"], *_mesh_findings(made, {tissue.name for tissue in model.tissues})]
    return attrs.evolve(
        head,
        mesh=TetMesh(model.nodes_m, model.tets, model.tissue),
        tissues={tissue.name: tissue.label for tissue in model.tissues},
        record={**head.record, "findings": findings, "mesh": made},
    )


def _mesh_findings(record: Mapping[str, Any], tissues: set[str]) -> list[str]:
    """What a person should know about a mesh that was read: repairs, and parts of a head that it lacks."""
    found = [str(notice) for notice in record.get("notices", ())]
    repairs = {
        "tetrahedra_collapsed": "collapsed tetrahedra left out",
        "tetrahedra_doubled": "doubled tetrahedra left out",
        "tetrahedra_flat": "flat tetrahedra left out",
        "tetrahedra_inverted": "inverted tetrahedra turned",
        "detached_parts": "detached parts left out",
        "tetrahedra_poor": "tetrahedra of poor shape",
    }
    found += [f"{record[key]:,} {words}" for key, words in repairs.items() if record.get(key)]
    parts = {"scalp": {"scalp"}, "bone": set(BONE), "csf": {"csf"}, "brain": set(BRAIN)}
    missing = [part for part, names in parts.items() if not tissues & names]
    if missing:
        found.append(f"the mesh has no {' and no '.join(missing)}: a model of something else than a whole head")
    return found


def model_of(
    head: KeptHead, *, edge_mm: float | str | None = None, conductivities: Conductivities = None,
    own: Mapping[str, tuple[float, str]] | None = None, progress: Progress | None = None,
) -> HeadModel:  # fmt: skip
    """A head to compute with.

    Parameters
    ----------
    head : KeptHead
    edge_mm : float or str, optional
        See `stimplan.head.presets`; not for a head that comes with its mesh.
    conductivities : str or mapping of str to float, optional
    own : mapping of str to (float, str), optional
        Conductivity, S/m, and source of what no preset knows: a plate, a lesion.
    progress : callable, optional

    Returns
    -------
    HeadModel
        `sites_m` are measured from the fiducials; empty where there are neither fiducials nor a way to MNI space.
    """
    if head.volume is None and edge_mm is not None:
        what = f"head {head.name!r} comes with its own mesh; edge_mm is for heads that are meshed here"
        raise HeadError(Problem("edge_mm", what))
    mesh, record = _mesh_of(head, usual_edge(head.record) if edge_mm is None else edge_mm, progress)
    numbers = record["tissues"] if head.volume is not None else head.tissues
    present = set(np.unique(mesh.tissue).tolist())
    model = HeadModel(
        name=head.name,
        nodes_m=mesh.nodes_m,
        tets=mesh.tets,
        tissue=mesh.tissue,
        tissues=tuple(tissues_of({k: n for k, n in numbers.items() if n in present}, conductivities, own=own)),
        mni_from_head=head.mni_from_head,
        warp=head.warp,
        provenance=record,
    )
    if progress is not None:
        progress("measuring sites", 0.0)
    return _with_sites(model, head)


def usual_edge(record: Mapping[str, Any]) -> float | str:
    """The edge that a head is meshed with where nobody says another: the one it was imported with."""
    edge_mm: float | str = record.get("edge_mm") or DEFAULT_PRESET
    return edge_mm


def _mesh_of(head: KeptHead, edge_mm: float | str, progress: Progress | None) -> tuple[TetMesh, dict[str, Any]]:
    """Mesh and record; a label volume's from the cache, or made now."""
    about: dict[str, Any] = {
        key: head.record[key] for key in ("source", "source_digest", "read", "findings") if key in head.record
    }
    if head.mesh is not None:
        return head.mesh, {**dict(head.record.get("mesh", {})), "kind": "mesh", **about, "content_digest": head.content}
    key = MeshKey(head.name, head.content, edge_m_of(edge_mm))
    mesh, record = cached_mesh(key, lambda: _made(head, edge_mm, progress))
    return mesh, {**record, **about}


def _made(head: KeptHead, edge_mm: float | str, progress: Progress | None) -> tuple[TetMesh, dict[str, Any]]:
    assert head.volume is not None
    mesh, record = mesh_labels(head.volume, edge_mm=edge_mm, progress=progress)
    names = {number: name for name, number in record["tissues"].items()}
    outer, inner = ({TISSUE_LABELS[name] for name in group} for group in (_OUTER, _INNER))
    return mesh, {
        **record,
        "kind": "label volume",
        "content_digest": head.content,
        "mesher_version": mesher_version(),
        "volumes_m3": label_volumes_m3(mesh, names),
        # Holes in the bone: none are wanted in the vault; below it nerves and vessels pass.
        "scalp_touches_inside_m2": contact_m2(mesh, outer, inner),
    }


def _with_sites(model: HeadModel, head: KeptHead) -> HeadModel:
    """Fiducials and sites: given, or estimated from the way to MNI space, or none and a sentence that says so."""
    if head.fiducials_m:
        source = str(head.record.get("fiducials_source", "given with the head"))
        return with_fiducials(model, head.fiducials_m, source=source)
    if has_mni(model):
        return with_fiducials(model)
    return model


def _plain(value: Any) -> Any:
    """Frozen mappings and tuples as plain JSON data."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
