"""Any head as a person wants it: lesions laid over it, conductivities of a set or one by one, tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from stimplan.errors import HeadError, Problem
from stimplan.head.anisotropy import MAPPINGS, with_tensors
from stimplan.head.building import model_of
from stimplan.head.conductivity import with_preset, with_settings
from stimplan.head.importing import ImportOptions, read_as_kept
from stimplan.head.kept import KeptHead, kept_names, read_kept
from stimplan.head.lesion import Lesion, lesioned, own_conductivities, read_lesion, with_lesions
from stimplan.head.library import load_head
from stimplan.head.mesher import Progress
from stimplan.head.model import HeadModel
from stimplan.head.shipped import SHIPPED_HEADS, shipped_volume, with_template_sites
from stimplan.head.space import has_mni, to_mni_m
from stimplan.head.tensor_volume import read_tensor_volume


def _lesions(given: Sequence[Lesion | str]) -> tuple[Lesion, ...]:
    return tuple(read_lesion(one) if isinstance(one, str) else one for one in given)


@attrs.frozen
class HeadChoice:
    """What is asked of a head beyond its name.

    Attributes
    ----------
    edge_mm : float, str or None
        See `load_head`.
    labels, fiducials : str, Path or None
        Of a head that is a file, see `load_head`.
    lesions : tuple of Lesion
        May be given as the command line has them, see `read_lesion`.
    conductivity_preset : str or None
    settings : tuple of (mapping, str)
        Conductivities that go before the set's, S/m by tissue, and who set them; the last one wins.
    dti : str, Path or None
        Diffusion tensors in the space of the head, see `with_tensors`.
    dti_order : str or None
    anisotropy : str
        How diffusion becomes conductivity.
    """

    edge_mm: float | str | None = None
    labels: str | Path | None = None
    fiducials: str | Path | None = None
    lesions: tuple[Lesion, ...] = attrs.field(default=(), converter=_lesions)
    conductivity_preset: str | None = None
    settings: tuple[tuple[Mapping[str, float], str], ...] = ()
    dti: str | Path | None = None
    dti_order: str | None = None
    anisotropy: str = "vn"

    def __attrs_post_init__(self) -> None:
        own_conductivities(self.lesions)  # a material that is not known is said before any mesh is made
        if self.anisotropy not in MAPPINGS:
            what = f"{self.anisotropy!r} is not known; there is {', '.join(MAPPINGS)}"
            raise HeadError(Problem("anisotropy", what))
        if self.dti is None:
            said = {"dti_order": self.dti_order, "anisotropy": None if self.anisotropy == "vn" else self.anisotropy}
            what = "is about diffusion tensors, and no file of them is named (dti)"
            problems = [Problem(name, f"{value!r} {what}") for name, value in said.items() if value is not None]
            if problems:
                raise HeadError(problems)


def prepared_head(
    head: HeadModel | str | Path, choice: HeadChoice | None = None, *, progress: Progress | None = None
) -> HeadModel:
    """A head as it was chosen.

    Parameters
    ----------
    head : HeadModel, str or Path
        A model, or anything `load_head` takes.
    choice : HeadChoice, optional
    progress : callable, optional
        Called as `progress(stage, fraction)`.

    Raises
    ------
    HeadError
        As the functions that are named in `HeadChoice`.
    """
    chosen = choice or HeadChoice()
    # Read before a mesh is made, which takes a minute: what cannot be read is said at once.
    tensors = None if chosen.dti is None else read_tensor_volume(chosen.dti, order=chosen.dti_order)
    if not isinstance(head, HeadModel):
        model = _loaded(head, chosen, progress)
    elif chosen.edge_mm is not None:
        what = "edge_mm is for heads that are made here; this head already has its mesh"
        raise HeadError(Problem("edge_mm", what))
    else:
        model = lesioned(head, chosen.lesions)
        model = with_preset(model, chosen.conductivity_preset) if chosen.conductivity_preset else model
    if chosen.conductivity_preset:
        model = attrs.evolve(model, provenance={**model.provenance, "conductivity_preset": chosen.conductivity_preset})
    for values, source in chosen.settings:
        model = with_settings(model, values, source=source)
    if tensors is not None:
        model = with_tensors(model, tensors, mapping=chosen.anisotropy)
    return model


def load_lesioned(
    name: str | Path,
    lesions: Sequence[Lesion | str],
    *,
    edge_mm: float | str | None = None,
    conductivities: str | None = None,
    progress: Progress | None = None,
) -> HeadModel:
    """Load a head as `load_head` does, with lesions laid over it in their order.

    Parameters
    ----------
    name : str or Path
        See `load_head`.
    lesions : sequence of Lesion or str
        See `read_lesion` for text.
    edge_mm : float or str, optional
        See `load_head`.
    conductivities : str, optional
        Name of a preset.
    progress : callable, optional

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
    choice = HeadChoice(edge_mm=edge_mm, lesions=lesions, conductivity_preset=conductivities)
    return prepared_head(name, choice, progress=progress)


def _loaded(name: str | Path, choice: HeadChoice, progress: Progress | None) -> HeadModel:
    """A head by name or path with its lesions, in the conductivities of a set."""
    preset = choice.conductivity_preset
    found = _with_labels(name, choice) if choice.lesions else None
    if found is None:
        head = load_head(name, edge_mm=choice.edge_mm, conductivities=preset, labels=choice.labels,
                         fiducials=choice.fiducials, progress=progress)  # fmt: skip
        return _in_preset(lesioned(head, choice.lesions), choice)
    assert found.volume is not None
    own = own_conductivities(choice.lesions)
    to_mni = (lambda points: to_mni_m(_as_space(found), points)) if has_mni(_as_space(found)) else None
    volume, records = with_lesions(found.volume, choice.lesions, to_mni=to_mni)
    is_template = str(name) in SHIPPED_HEADS
    # A template's sites are its own, not measured on its scalp: without MNI space nothing is measured.
    changed = attrs.evolve(found, volume=volume, mni_from_head=None if is_template else found.mni_from_head)
    head = model_of(changed, edge_mm=choice.edge_mm, conductivities=preset, own=own, progress=progress)
    records = [{**one, "tissue_meshed_m3": _meshed_m3(head, one["tissue"])} for one in records]
    head = attrs.evolve(head, provenance={**head.provenance, "lesions": records})
    return with_template_sites(attrs.evolve(head, mni_from_head=found.mni_from_head)) if is_template else head


def _meshed_m3(head: HeadModel, tissue: str) -> float | None:
    """Volume of a tissue in the mesh, m³: a thin plate in a coarse mesh is smaller than its labels; None for air."""
    return float(head.volumes_m3[head.in_tissue(tissue)].sum()) if head.has_tissue(tissue) else None


def _in_preset(head: HeadModel, choice: HeadChoice) -> HeadModel:
    """The set also for a tissue that a lesion brought; a lesion of one's own keeps its conductivity."""
    return with_preset(head, choice.conductivity_preset) if choice.lesions and choice.conductivity_preset else head


def _with_labels(name: str | Path, choice: HeadChoice) -> KeptHead | None:
    """The head's labels with what belongs to them; None where it is a mesh, or is not known."""
    text = str(name)
    if text in SHIPPED_HEADS:
        record = {"source": SHIPPED_HEADS[text].description}
        return KeptHead(text, volume=shipped_volume(text), mni_from_head=np.eye(4), record=record)
    if text in kept_names():
        head = read_kept(text)
    elif Path(name).exists():
        options = ImportOptions(fiducials=choice.fiducials)
        head = read_as_kept(name, Path(name).name.partition(".")[0] or "head", labels=choice.labels, options=options)
    else:
        return None
    return head if head.volume is not None else None


def _as_space(head: KeptHead) -> Any:
    """What a mapping to MNI space needs of a head: its affine and its deformation."""
    return head
