"""Any head with lesions or skull defects: laid over its labels before it is meshed, over its mesh where it has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from stimplan.head.building import model_of
from stimplan.head.importing import read_as_kept
from stimplan.head.kept import KeptHead, kept_names, read_kept
from stimplan.head.lesion import Lesion, lesioned, own_conductivities, with_lesions
from stimplan.head.library import load_head
from stimplan.head.mesher import Progress
from stimplan.head.model import HeadModel
from stimplan.head.shipped import SHIPPED_HEADS, shipped_volume, with_template_sites
from stimplan.head.space import has_mni, to_mni_m


def load_lesioned(
    name: str | Path,
    lesions: Sequence[Lesion],
    *,
    edge_mm: float | str | None = None,
    conductivities: str | Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> HeadModel:
    """Load a head as `load_head` does, with lesions laid over it in their order.

    Parameters
    ----------
    name : str or Path
        See `load_head`.
    lesions : sequence of Lesion
    edge_mm, conductivities, progress
        See `load_head`.

    Returns
    -------
    HeadModel
        Its provenance has a list `lesions`: region, what it replaced, whether it was there when the head was meshed.
        Its mesh is kept like any other, under the content of its labels.

    Raises
    ------
    HeadError
        As `load_head` and `overlay`; a material that is not known without a conductivity.
    """
    own = own_conductivities(lesions)
    found = _with_labels(name)
    if not lesions or found is None:
        given = {} if edge_mm is None else {"edge_mm": edge_mm}
        head = load_head(name, **given, conductivities=conductivities, progress=progress)  # type: ignore[arg-type]
        return lesioned(head, lesions)
    assert found.volume is not None
    to_mni = (lambda points: to_mni_m(_as_space(found), points)) if has_mni(_as_space(found)) else None
    volume, records = with_lesions(found.volume, lesions, to_mni=to_mni)
    is_template = str(name) in SHIPPED_HEADS
    # A template's sites are its own, not measured on its scalp: without MNI space nothing is measured.
    changed = attrs.evolve(found, volume=volume, mni_from_head=None if is_template else found.mni_from_head)
    head = model_of(changed, edge_mm=edge_mm, conductivities=conductivities, own=own, progress=progress)
    head = attrs.evolve(head, provenance={**head.provenance, "lesions": records})
    return with_template_sites(attrs.evolve(head, mni_from_head=found.mni_from_head)) if is_template else head


def _with_labels(name: str | Path) -> KeptHead | None:
    """The head's labels with what belongs to them; None where it is a mesh, or is not known."""
    text = str(name)
    if text in SHIPPED_HEADS:
        record = {"source": SHIPPED_HEADS[text].description}
        return KeptHead(text, volume=shipped_volume(text), mni_from_head=np.eye(4), record=record)
    if text in kept_names():
        head = read_kept(text)
    elif Path(name).exists():
        head = read_as_kept(name, Path(name).name.partition(".")[0] or "head")
    else:
        return None
    return head if head.volume is not None else None


def _as_space(head: KeptHead) -> Any:
    """What a mapping to MNI space needs of a head: its affine and its deformation."""
    return head
