"""Any segmented volume and a mapping of its labels -> LabelVolume, in the usual tissue numbers and nearly RAS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.labelled import LabelVolume
from stimplan.head.mapping import LabelMapping
from stimplan.head.readers.anatomy import anatomy_findings
from stimplan.head.readers.found import Form, ReadHead
from stimplan.head.readers.header import HeaderReport, examine
from stimplan.head.readers.nifti import read_raw, values_of
from stimplan.head.readers.rim import rim_as_scalp
from stimplan.head.tissues import AIR, TISSUE_LABELS
from stimplan.units import text, to_si

_AIR_LABEL = TISSUE_LABELS[AIR]
# Room around the head that is kept, voxels: its surface is a level set, which needs voxels on both sides.
_MARGIN = 4
_LARGEST_LABEL = 65535


def read_label_volume(path: Path, mapping: LabelMapping, *, form: Form | None = None) -> ReadHead:
    """Read a segmented volume.

    Parameters
    ----------
    path : Path
        `.nii`, `.nii.gz`, `.mgz` or `.mgh`.
    mapping : LabelMapping
    form : {"sform", "qform"}, optional
        Which transform to use where the header's two disagree.

    Raises
    ------
    HeadError
        A damaged file, a header that cannot be believed, values that are no labels, labels that the mapping does
        not know, a head that lacks a part or does not look like one.
    """
    raw = read_raw(path)
    header = examine(raw, form=form)
    values, scale = values_of(raw)
    labels = whole_labels(values, str(path))
    notes = [*header.findings]
    if scale is not None:
        notes.append(f"values were scaled by {scale[0]:g} and {scale[1]:+g}, as the header says, before they were read")
    if values.dtype.kind == "f" and scale is None:
        notes.append(f"labels are stored as {values.dtype}; every one is a whole number")
    tissue, counts = to_tissues(labels, mapping, str(path))
    record = {"labels": {str(label): count for label, count in counts.items()}, "mapping": mapping_record(mapping)}
    return finished(tissue, header, notes=notes, record=record, file=str(path), lacking=mapping.incomplete)


def whole_labels(values: NDArray[Any], file: str) -> NDArray[Any]:
    """Values as integer labels.

    Raises
    ------
    HeadError
        Values that are not finite, not whole, negative, or larger than any label.
    """
    if values.dtype.kind == "f":
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise HeadError(Problem("values", f"{bad:,} voxels are NaN or infinite; labels are numbers", file=file))
        whole = np.rint(values)
        # A factor of 32 bits cannot do better; a probability or a grey value is far from it nearly everywhere.
        broken = np.abs(values - whole) > 1e-4
        if broken.any():
            example = float(values[broken].ravel()[0])
            what = (
                f"{int(broken.sum()):,} voxels are not whole numbers, such as {example:.4g}: this is an image, a "
                "probability map, or labels that were interpolated (use nearest neighbour)"
            )
            raise HeadError(Problem("values", what, file=file))
        values = whole
    low, high = values.min(), values.max()
    if low < 0:
        what = f"{int((values < 0).sum()):,} voxels are negative, such as {low:g}; labels are 0 or more"
        raise HeadError(Problem("values", what, file=file))
    if high > _LARGEST_LABEL:
        what = f"the largest value is {high:g}; labels go up to {_LARGEST_LABEL} (is this the image itself?)"
        raise HeadError(Problem("values", what, file=file))
    if high == 0:
        raise HeadError(Problem("values", "every voxel is 0: the volume is empty", file=file))
    return values.astype(np.uint16)


def to_tissues(labels: NDArray[Any], mapping: LabelMapping, file: str) -> tuple[NDArray[np.uint8], dict[int, int]]:
    """Labels as the usual tissue numbers, and the voxels of each label.

    Raises
    ------
    HeadError
        Labels that the mapping does not know, each with its number of voxels.
    """
    counted = np.bincount(labels.ravel())
    counts = {int(label): int(counted[label]) for label in np.flatnonzero(counted)}
    unknown = {label: count for label, count in counts.items() if label and label not in mapping.tissues}
    if unknown:
        shown = ", ".join(f"{label} ({count:,} voxels)" for label, count in list(unknown.items())[:12])
        more = f" and {len(unknown) - 12} more" if len(unknown) > 12 else ""
        what = (
            f"{'label' if len(unknown) == 1 else 'labels'} {shown}{more} not in mapping {mapping.name!r}; name another "
            "with --labels, or write a mapping file that has them"
        )
        raise HeadError(Problem("labels", what, file=file))
    table = np.zeros(_LARGEST_LABEL + 1, dtype=np.uint8)
    for label, tissue in mapping.tissues.items():
        table[label] = TISSUE_LABELS[tissue]
    return table[labels], counts


def finished(
    tissue: NDArray[np.uint8], header: HeaderReport, *, notes: list[str], record: Mapping[str, Any], file: str,
    lacking: str = "",
) -> ReadHead:  # fmt: skip
    """Tissue numbers as a head: turned to run right, front, up, cut to size, and looked at as a head.

    Raises
    ------
    HeadError
        A part of the head is missing, or it does not look like a head.
    """
    tissue, head_from_voxel = _canonical(tissue, header.head_from_voxel)
    tissue, hole_voxels = _air_inside(tissue)
    tissue, head_from_voxel = _cropped(tissue, head_from_voxel)
    tissue, rim = rim_as_scalp(tissue, np.linalg.norm(head_from_voxel[:3, :3], axis=0) / to_si(1, "mm"))
    present = set(np.flatnonzero(np.bincount(tissue.ravel())).tolist()) - {0}
    names = {label: name for name, label in TISSUE_LABELS.items() if label in present}
    volume = LabelVolume(tissue, head_from_voxel, names)
    found = [*notes]
    if hole_voxels:
        hole_m3 = hole_voxels * float(np.prod(header.voxel_mm)) * to_si(1, "mm") ** 3
        found.append(f"{text(hole_m3, 'm3')} inside the head have label 0; taken as air")
    if rim:
        found.append(rim)
    found += anatomy_findings(volume, file=file, lacking=lacking)
    return ReadHead(
        volume=volume,
        findings=tuple(found),
        record={"file": Path(file).name, **record, "header": header_record(header)},
        mni_from_head=np.eye(4) if header.is_mni else None,
    )


def mapping_record(mapping: LabelMapping) -> dict[str, Any]:
    """A mapping as plain JSON data."""
    tissues = {str(label): tissue for label, tissue in sorted(mapping.tissues.items())}
    return {"name": mapping.name, "source": mapping.source, "tissues": tissues}


def header_record(header: HeaderReport) -> dict[str, Any]:
    """A header's report as plain JSON data."""
    return {
        "shape": list(header.shape),
        "voxel_mm": list(header.voxel_mm),
        "axes": header.axes,
        "space": header.space,
        "form": header.form,
    }


def _canonical(tissue: NDArray[np.uint8], affine: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The same volume with its axes running right, front and up, as nearly as flips and swaps can."""
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    turns = io_orientation(affine)
    turned = apply_orientation(tissue, turns)
    return np.ascontiguousarray(turned), affine @ inv_ornt_aff(turns, tissue.shape)


def _air_inside(tissue: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Void as air where the head encloses it and as outside elsewhere; and the voxels that were unlabelled inside."""
    from scipy.ndimage import label

    void = np.pad((tissue == 0) | (tissue == _AIR_LABEL), 1, constant_values=True)
    pieces, _ = label(void)
    outside = (pieces == pieces[0, 0, 0])[1:-1, 1:-1, 1:-1]
    void = void[1:-1, 1:-1, 1:-1]
    inside = void & ~outside
    unlabelled = int((inside & (tissue == 0)).sum())
    cleaned = np.where(outside, 0, np.where(inside, _AIR_LABEL, tissue)).astype(np.uint8)
    return cleaned, unlabelled


def _cropped(tissue: NDArray[np.uint8], affine: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Only the head and a margin; where the volume ends at the head, so it does afterwards."""
    picks = []
    for axis in range(3):
        used = np.flatnonzero(tissue.any(axis=tuple({0, 1, 2} - {axis})))
        if not len(used):
            return tissue, affine
        picks.append(slice(max(0, int(used[0]) - _MARGIN), int(used[-1]) + 1 + _MARGIN))
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ [pick.start for pick in picks]
    return np.ascontiguousarray(tissue[tuple(picks)]), moved
