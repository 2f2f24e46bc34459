"""Lesions and holes: a region of the head that is another tissue, laid over it before it is meshed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.conductivity import own_conductivity, tissues_of
from stimplan.head.labelled import LabelVolume
from stimplan.head.masks import Ball, VoxelMask, read_ball, read_mask
from stimplan.head.model import HeadModel, Tissue
from stimplan.head.space import has_mni, to_mni_m
from stimplan.head.tissues import AIR, FIRST_FREE_LABEL, TISSUE_LABELS, in_words
from stimplan.units import text
from stimplan.values import digest

Array = NDArray[np.float64]
ToMni = Callable[[Array], Array]

# A mask file of which less than this lies in the head is of another space; a defect may reach out of the skin.
_LEAST_INSIDE = 0.5
_CORTEX = "gray_matter"
_BONES = ("bone", "compact_bone", "spongy_bone")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@attrs.frozen
class Lesion:
    """A region and what it is made of.

    Attributes
    ----------
    region : str, Path, VoxelMask or Ball
        A mask file (NIfTI: 0 outside, one other value inside), `mni:FILE` for a mask in MNI space, or
        `sphere:mni_mm=X,Y,Z,radius_mm=R` (`center_mm` for head coordinates).
    tissue : str
        A tissue of heads (`csf` for the cavity of a stroke, `scalp` for an open skull defect, `air`), a material
        (`titanium`, `acrylic`, `peek`), or a name of your own, with its conductivity.
    conductivity_S_per_m : float or None
        Of a tissue of your own name.
    within : tuple of str
        Only these tissues are replaced; `bone` stands for every kind of bone. Empty: all.
    """

    region: str | Path | VoxelMask | Ball
    tissue: str
    conductivity_S_per_m: float | None = None
    within: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not _NAME.fullmatch(self.tissue):
            what = f"{self.tissue!r} is no name of a tissue; use small letters, digits and _"
            raise HeadError(Problem("lesion", what))
        value = self.conductivity_S_per_m
        if value is not None and not 0 < value < float("inf"):
            raise HeadError(Problem("lesion", f"the conductivity must be positive and finite, got {value!r} S/m"))
        if value is not None and self.tissue in TISSUE_LABELS:
            what = (
                f"{self.tissue!r} is a tissue of the head; give the lesion a name of its own to give it {value:g} S/m"
            )
            raise HeadError(Problem("lesion", what))

    @property
    def shape(self) -> VoxelMask | Ball:
        """The region, read from its file or its description."""
        return self.region if isinstance(self.region, VoxelMask | Ball) else _region(str(self.region))

    @property
    def key(self) -> str:
        """Digest of everything that changes a mesh: the content of the region, not where its file lies."""
        return digest(self.shape, self.tissue, self.within)


def read_lesion(given: str) -> Lesion:
    """Read `REGION=TISSUE[:S_PER_M][@WITHIN,…]`, as on the command line.

    Raises
    ------
    HeadError
        It is not of that form, or the conductivity is no number.
    """
    region, equals, rest = given.rpartition("=")
    made_of, _, within = rest.partition("@")
    tissue, colon, number = made_of.partition(":")
    if not (equals and region and tissue):
        what = f"{given!r} is not REGION=TISSUE, such as mask.nii.gz=csf or mask.nii.gz=lesion:0.8"
        raise HeadError(Problem("--lesion", what))
    try:
        value = float(number) if colon else None
    except ValueError:
        raise HeadError(Problem("--lesion", f"{number!r} is no conductivity, S/m, in {given!r}")) from None
    return Lesion(region, tissue, value, tuple(part for part in within.split(",") if part))


def _region(given: str) -> VoxelMask | Ball:
    if given.startswith("sphere:"):
        return read_ball(given)
    in_mni = given.startswith("mni:")
    return read_mask(Path(given.removeprefix("mni:")), in_mni=in_mni)


def overlay(
    volume: LabelVolume, mask: VoxelMask | Ball | NDArray[np.bool_], tissue: str, *, within: Sequence[str] = (),
    to_mni: ToMni | None = None,
) -> tuple[LabelVolume, dict[str, Any]]:  # fmt: skip
    """Replace the tissue of a label volume inside a mask.

    Parameters
    ----------
    volume : LabelVolume
    mask : VoxelMask, Ball or (i, j, k) bool array
        An array is on the volume's own grid; anything else is looked up at the centres of its voxels.
    tissue : str
    within : sequence of str
        Only these tissues are replaced; empty: every one. What is outside of the head, or air, stays as it is.
    to_mni : callable, optional
        Head coordinates to MNI, (p, 3) to (p, 3), m; needed for a mask in MNI space.

    Returns
    -------
    volume : LabelVolume
    record : dict
        What was replaced by tissue, what of the mask lies outside of the head, as plain JSON data, m³.

    Raises
    ------
    HeadError
        An empty mask, one that does not meet the head or lies mostly outside of it, or an unknown tissue in `within`.
    """
    labels = np.asarray(volume.labels)
    holes = [label for label, name in volume.tissues.items() if name == AIR]
    is_head = (labels > 0) & ~np.isin(labels, holes)
    region = _on_grid(volume, mask, is_head, to_mni)
    names = _within(within, set(volume.tissues.values()))
    chosen = region & is_head & (np.isin(labels, [n for n, name in volume.tissues.items() if name in names]))
    voxel_m3 = float(abs(np.linalg.det(volume.head_from_voxel[:3, :3])))
    mask_m3 = voxel_m3 * int(region.sum()) if isinstance(mask, np.ndarray) else mask.volume_m3
    counts = np.bincount(labels[chosen].ravel(), minlength=1)
    replaced = {
        name: voxel_m3 * sum(int(counts[n]) for n, one in volume.tissues.items() if one == name and n < len(counts))
        for name in dict.fromkeys(volume.tissues.values())
    }
    record = {
        "tissue": tissue,
        "within": list(within),
        "mask_m3": mask_m3,
        "inside_head_m3": voxel_m3 * int((region & is_head).sum()),
        "replaced_m3": {name: size for name, size in replaced.items() if size > 0},
        "volume_m3": voxel_m3 * int(chosen.sum()),
    }
    _refuse(record, may_stick_out=isinstance(mask, Ball))
    _refuse_all_of_it(within, _of(volume, labels), _of(volume, labels[~chosen]))
    label = _label(volume, tissue)
    edited = labels.astype(np.uint8 if labels.max(initial=0) < 256 else labels.dtype)
    edited[chosen] = label
    return LabelVolume(edited, volume.head_from_voxel, dict(volume.tissues) | {label: tissue}), record


def with_lesions(
    volume: LabelVolume, lesions: Iterable[Lesion], *, to_mni: ToMni | None = None
) -> tuple[LabelVolume, list[dict[str, Any]]]:
    """A label volume with lesions laid over it in their order, and a record of each."""
    records = []
    for lesion in lesions:
        shape = lesion.shape
        volume, record = overlay(volume, shape, lesion.tissue, within=lesion.within, to_mni=to_mni)
        records.append({"region": shape.description, "is_meshed": True, **record})
    return volume, records


def lesioned(head: HeadModel, lesions: Iterable[Lesion]) -> HeadModel:
    """A head that is meshed already, with lesions laid over it tetrahedron by tetrahedron.

    Their surface follows the mesh as it is, in steps of an edge; a head that is made from labels gets a smooth one
    from `load_head(..., lesions=...)`.

    Raises
    ------
    HeadError
        As `overlay`; a tissue without a conductivity; air, which a mesh cannot become.
    """
    for lesion in lesions:
        head = _lesioned(head, lesion)
    return head


def _lesioned(head: HeadModel, lesion: Lesion) -> HeadModel:
    """A meshed head with one lesion."""
    if lesion.tissue == AIR:
        what = "this head is meshed already, and a mesh cannot get a hole; use csf or scalp"
        raise HeadError(Problem("lesion", what))
    shape = lesion.shape
    to_mni = (lambda points: to_mni_m(head, points)) if has_mni(head) else None
    inside = shape.contains(_in_its_space(shape, head.centers_m, to_mni))
    names = _within(lesion.within, {tissue.name for tissue in head.tissues})
    labels = {tissue.name: tissue.label for tissue in head.tissues}
    chosen = inside & np.isin(head.tissue, [labels[name] for name in names])
    sizes = np.bincount(head.tissue[chosen], head.volumes_m3[chosen], 256)
    record = {
        "region": shape.description,
        "is_meshed": False,
        "tissue": lesion.tissue,
        "within": list(lesion.within),
        "mask_m3": shape.volume_m3,
        "inside_head_m3": float(head.volumes_m3[inside].sum()),
        "replaced_m3": {name: float(sizes[label]) for name, label in labels.items() if sizes[label] > 0},
        "volume_m3": float(sizes.sum()),
    }
    _refuse(record, may_stick_out=isinstance(shape, Ball))
    _refuse_all_of_it(lesion.within, _of(head, head.tissue), _of(head, head.tissue[~chosen]))
    tissues = head.tissues if lesion.tissue in labels else (*head.tissues, _tissue(lesion, max(labels.values())))
    changed = head.tissue.copy()
    changed[chosen] = next(one.label for one in tissues if one.name == lesion.tissue)
    left = set(np.unique(changed).tolist())
    records = [*head.provenance.get("lesions", ()), record]
    return attrs.evolve(
        head,
        tissue=changed,
        tissues=tuple(sorted((one for one in tissues if one.label in left), key=lambda one: one.label)),
        provenance={**head.provenance, "lesions": records},
    )


def _tissue(lesion: Lesion, last_label: int) -> Tissue:
    """What a lesion is made of, with the usual label or a free one."""
    label = TISSUE_LABELS.get(lesion.tissue, max(FIRST_FREE_LABEL, last_label + 1))
    own = own_conductivities([lesion])
    return tissues_of({lesion.tissue: label}, own=own)[0]


def own_conductivities(lesions: Iterable[Lesion]) -> dict[str, tuple[float, str]]:
    """Conductivity and source of what no preset knows, by name.

    Raises
    ------
    HeadError
        A lesion of neither a tissue nor a material, without a conductivity.
    """
    found = {one.tissue: own_conductivity(one.tissue, one.conductivity_S_per_m) for one in lesions if one.tissue != AIR}
    return {name: own for name, own in found.items() if own is not None}


def lesion_notices(head: HeadModel) -> tuple[str, ...]:
    """What a reader of a report must know about the lesions of a head, a sentence each."""
    return tuple(
        f"The head has a lesion or defect: {text(one['volume_m3'], 'm3')} of "
        f"{', '.join(map(in_words, one['replaced_m3']))} are {in_words(one['tissue'])} "
        f"({one['region']}). No rule judges what it does to the current."
        for one in head.provenance.get("lesions", ())
    )


def _on_grid(
    volume: LabelVolume, mask: VoxelMask | Ball | NDArray[np.bool_], is_head: NDArray[np.bool_], to_mni: ToMni | None
) -> NDArray[np.bool_]:
    """The mask at the centres of the volume's voxels; where it is looked up, only inside the head."""
    if isinstance(mask, np.ndarray):
        if mask.shape != is_head.shape:
            raise HeadError(Problem("mask", f"expected the volume's shape {is_head.shape}, got {mask.shape}"))
        if not mask.any():
            raise HeadError(Problem("mask", "is empty: no voxel is set"))
        return mask.astype(bool)
    region = np.zeros(is_head.shape, dtype=bool)
    for first in range(len(is_head)):  # slice by slice: the positions of a whole head are hundreds of megabytes
        voxels = np.argwhere(is_head[first])
        if len(voxels):
            full = np.column_stack([np.full(len(voxels), first), voxels])
            points = full @ volume.head_from_voxel[:3, :3].T + volume.head_from_voxel[:3, 3]
            region[first][tuple(voxels.T)] = mask.contains(_in_its_space(mask, points, to_mni))
    return region


def _in_its_space(shape: VoxelMask | Ball, points_m: Array, to_mni: ToMni | None) -> Array:
    """Points of the head in the space of a region."""
    if not shape.in_mni:
        return points_m
    if to_mni is None:
        raise HeadError(Problem("lesion", "the region is in MNI space, and this head has no transform to it"))
    return to_mni(points_m)


def _within(within: Sequence[str], there: set[str]) -> set[str]:
    """Names of the tissues that may be replaced."""
    if not within:
        return there - {AIR}
    wanted = {bone for name in within for bone in (_BONES if name == "bone" else (name,))}
    unknown = [name for name in within if not ({name} if name != "bone" else set(_BONES)) & there]
    if unknown:
        what = f"the head has no {', '.join(unknown)} to replace; it has {', '.join(sorted(there))}"
        raise HeadError(Problem("lesion", what))
    return wanted & there


def _refuse(record: dict[str, Any], *, may_stick_out: bool) -> None:
    """Refuse a region that misses the head, lies mostly outside of it, or replaces nothing."""
    inside, whole = record["inside_head_m3"], record["mask_m3"]
    if inside == 0:
        raise HeadError(Problem("lesion", "the region does not meet the head; is it in the space of this head?"))
    if not may_stick_out and not inside >= _LEAST_INSIDE * whole:
        what = f"only {inside / whole:.0%} of the mask's {text(whole, 'm3')} lies in the head; is it in its space?"
        raise HeadError(Problem("lesion", what))
    if record["volume_m3"] == 0:
        what = f"the region holds none of {', '.join(record['within'])}"
        raise HeadError(Problem("lesion", what if record["within"] else "the region replaces nothing"))


def _of(head: LabelVolume | HeadModel, labels: NDArray[np.integer]) -> set[str]:
    """Names of the tissues that are among labels."""
    names = dict(head.tissues) if isinstance(head, LabelVolume) else {one.label: one.name for one in head.tissues}
    return {names[label] for label in np.unique(labels).tolist() if label in names}


def _refuse_all_of_it(within: Sequence[str], before: set[str], after: set[str]) -> None:
    """Refuse a region that takes all grey matter, unless that was asked by its name: then its size is a slip."""
    if _CORTEX in before - after and _CORTEX not in within:
        what = "the region takes all of the grey matter; is its size in mm, and is the mask that of a lesion?"
        raise HeadError(Problem("lesion", what))


def _label(volume: LabelVolume, tissue: str) -> int:
    """The label of a tissue in a volume, or a free one."""
    for label, name in volume.tissues.items():
        if name == tissue:
            return label
    wanted = TISSUE_LABELS.get(tissue, FIRST_FREE_LABEL)
    taken = {0, *volume.tissues, *np.unique(volume.labels).tolist()}
    free = [label for label in (wanted, *range(FIRST_FREE_LABEL, 256)) if label not in taken]
    if not free:
        raise HeadError(Problem("lesion", "the volume has no label left for another tissue"))
    return free[0]
