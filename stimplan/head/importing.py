"""Import somebody's head: read, check, mesh, keep, and say what was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from stimplan.errors import HeadError
from stimplan.head.building import kept_from, model_of
from stimplan.head.fiducials import read_fiducials
from stimplan.head.kept import KeptHead, check_name, keep, name_is_taken, same_name
from stimplan.head.mesher import Progress
from stimplan.head.model import HeadModel
from stimplan.head.presets import edge_m_of
from stimplan.head.readers import ReadOptions, read_head
from stimplan.head.readers.found import Form
from stimplan.head.shipped import SHIPPED_HEADS
from stimplan.values import digest, frozen_mapping


@attrs.frozen
class ImportOptions:
    """How a head is imported.

    Attributes
    ----------
    edge_mm : float, str or None
        Edge of the mesh that is made now, and later where nobody asks for another. None is the usual one.
    form : {"sform", "qform"} or None
        Which transform of a NIfTI header to use where its two disagree.
    fiducials : str, Path or None
        File with nasion, inion and the points before the ears.
    replace : bool
        Replace an imported head of the same name.
    """

    edge_mm: float | str | None = None
    form: Form | None = None
    fiducials: str | Path | None = None
    replace: bool = False


@attrs.frozen
class HeadImport:
    """What an import found.

    Attributes
    ----------
    name : str
    path : Path
        Where the head is kept.
    source : str
        What it was made from.
    findings : tuple of str
        What a person should know.
    summary : mapping
        Reader, header, mapping, tissues with their volumes, mesh and quality, as plain JSON data.
    """

    name: str
    path: Path
    source: str
    findings: tuple[str, ...]
    summary: Mapping[str, Any] = attrs.field(converter=frozen_mapping)

    def record(self) -> dict[str, Any]:
        """JSON data of the import."""
        return {
            "name": self.name,
            "path": str(self.path),
            "source": self.source,
            "findings": list(self.findings),
            **self.summary,
        }


def import_head(
    path: str | Path,
    *,
    name: str,
    labels: str | Path | None = None,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> HeadImport:
    """Import a head: its labels or its mesh are checked, meshed and kept under a name of your own.

    Parameters
    ----------
    path : str or Path
        A segmented volume, a folder of SimNIBS, ROAST or SPM, or a tetrahedral mesh; see `stimplan.head.readers`.
    name : str
        What it is to be called, such as "sub-01".
    labels : str or Path, optional
        Which label is which tissue: a shipped mapping ("simnibs", "roast", "freesurfer", "spm", "brain2mesh") or a
        mapping file, where the kind of file does not tell.
    options : ImportOptions, optional
    progress : callable, optional
        Called as `progress(stage, fraction)`.

    Returns
    -------
    HeadImport

    Raises
    ------
    HeadError
        The name cannot be taken, or the head cannot be read, or is none; nothing is kept then.
    """
    chosen = options or ImportOptions()
    check_name(name, taken=tuple(SHIPPED_HEADS))
    there = same_name(name)
    if there is not None and not (chosen.replace and there == name):
        raise HeadError(name_is_taken(there))
    if chosen.edge_mm is not None:
        edge_m_of(chosen.edge_mm)  # refused before anything is read
    head = read_as_kept(path, name, labels=labels, options=chosen, progress=progress)
    head = attrs.evolve(head, record={**head.record, "edge_mm": chosen.edge_mm})
    model = model_of(head, edge_mm=chosen.edge_mm, progress=progress)
    notes = [] if model.sites_m else [NO_SITES]
    head = attrs.evolve(head, record={**head.record, "findings": [*head.record["findings"], *notes]})
    if progress is not None:
        progress("keeping", 0.0)
    kept = keep(head, replace=chosen.replace)
    return HeadImport(name, kept, str(path), tuple(head.record["findings"]), _summary(head, model))


NO_SITES = (
    "no fiducials and no way to MNI space: sites such as C3 are unknown on this head; import it again with "
    "--fiducials FILE (nasion, inion, LPA, RPA), or place electrodes by coordinates"
)


def read_as_kept(
    path: str | Path, name: str, *, labels: str | Path | None = None, options: ImportOptions | None = None,
    progress: Progress | None = None,
) -> KeptHead:  # fmt: skip
    """Read a head and bring it into the form in which it is kept, without keeping it."""
    chosen = options or ImportOptions()
    if progress is not None:
        progress("reading", 0.0)
    found = read_head(path, ReadOptions(labels=labels, form=chosen.form))
    record: dict[str, Any] = {"source": str(Path(path).absolute()), "source_digest": _source_digest(Path(path))}
    if chosen.fiducials is not None:
        found = attrs.evolve(found, fiducials_m=read_fiducials(chosen.fiducials))
        record["fiducials_source"] = f"given in {Path(chosen.fiducials).name}"
    return kept_from(found, name, record)


def _source_digest(path: Path) -> str | None:
    """SHA-256 of a file; of a folder nothing, since most of it is not read."""
    return digest(path.read_bytes()) if path.is_file() else None


def _summary(head: KeptHead, model: HeadModel) -> dict[str, Any]:
    """Counts, volumes and quality of what was imported."""
    sizes = np.bincount(model.tissue, model.volumes_m3, 256)
    record = model.provenance
    return {
        "read": head.record["read"],
        "nodes": len(model.nodes_m),
        "tetrahedra": len(model.tets),
        "sites": len(model.sites_m),
        "has_mni": model.mni_from_head is not None,
        "fiducials": bool(model.fiducials_m),
        "tissues": [
            {
                "name": tissue.name,
                "volume_m3": float(sizes[tissue.label]),
                "label_volume_m3": record.get("label_volumes_m3", {}).get(tissue.name),
            }
            for tissue in model.tissues
        ],
        "quality": {key: record[key] for key in record if key.startswith("quality_")},
        "digest": model.digest,
    }
