"""From a mesh as it was read to a head that can be solved on: tissues, repairs, checks, and a record of all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.conductivity import tissues_of
from stimplan.head.model import HeadModel
from stimplan.head.readers.faces import Faces, corners_of
from stimplan.head.readers.labels import tissue_of_tags
from stimplan.head.readers.repair import Mesh, describe, pieces_of, repaired
from stimplan.head.readers.values import RawMesh
from stimplan.head.stuffing import quality
from stimplan.head.tissues import AIR, numbers_of

SCALP = "scalp"
# Islands of scalp, as segmentation leaves them in the nose and the ears, are kept up to this share of all scalp.
LARGEST_SCALP_ISLAND = 0.01
# Below this quality the goal of a good mesh is missed; such tetrahedra are counted, not refused.
POOR_QUALITY = 0.05

_PIECE = 1 << 19


def head_from_raw(
    raw: RawMesh,
    *,
    name: str,
    conductivities_S_per_m: Mapping[str, float] | None = None,
    mapping: Mapping[int, str] | Mapping[str, str] | None = None,
) -> HeadModel:
    """Make a head of a mesh that was read.

    Parameters
    ----------
    raw : RawMesh
    name : str
        What the head is to be called.
    conductivities_S_per_m : mapping of str to float, optional
        Conductivities to use instead of the table's, by tissue, S/m.
    mapping : mapping of tag to tissue, optional
        What the file's tags are; if not given, what the mesh was read with, or else SimNIBS' numbers. `air` is cut out.
        A name that is no standard tissue is allowed where its conductivity is stated.

    Returns
    -------
    HeadModel
        With the standard tissue numbers and positively oriented tetrahedra, without sites and MNI space. `provenance`
        counts every repair and holds volumes and quality.

    Raises
    ------
    HeadError
        Unknown tags, electrodes in the mesh, an empty tissue, a head or a scalp in several pieces, overlapping
        tetrahedra, a surface that is not scalp.
    """
    own = frozenset(conductivities_S_per_m or {})
    given = raw.record.get("mapping") if mapping is None else mapping
    names, notices = tissue_of_tags(raw, given, own)
    file = str(raw.record.get("file", ""))
    try:
        mesh, labels, air = _in_standard_numbers(raw, names)
        mesh, faces, volumes_m3, repairs = repaired(mesh)
        checks = _checked(mesh, faces, volumes_m3, labels)
    except HeadError as error:
        raise HeadError([attrs.evolve(problem, file=file) for problem in error.problems]) from None
    sums = np.bincount(mesh.tissue, weights=volumes_m3, minlength=256)
    present = {tissue: label for tissue, label in labels.items() if sums[label] > 0}
    record = dict(raw.record) | {
        "notices": [*raw.record.get("notices", ()), *notices],
        "tissue_of_tag": {str(tag): tissue for tag, tissue in names.items()},
        "tetrahedra_of_air": air,
        **repairs,
        **checks,
        "volumes_m3": {tissue: float(sums[label]) for tissue, label in present.items()},
        **_quality(mesh),
    }
    return HeadModel(
        name=name,
        nodes_m=mesh.nodes_m,
        tets=mesh.tets,
        tissue=mesh.tissue,
        tissues=tuple(tissues_of(present, conductivities_S_per_m)),
        provenance=record,
    )


def _in_standard_numbers(raw: RawMesh, names: Mapping[int, str]) -> tuple[Mesh, dict[str, int], int]:
    """The mesh with the numbers every head has and without air, the numbers, and how many tetrahedra were air."""
    labels = numbers_of(set(names.values()) - {AIR})
    if SCALP not in labels:
        raise HeadError(
            f"no tetrahedron is {SCALP}, where electrodes sit; the mesh has {', '.join(labels) or 'only air'}"
        )
    tags = np.array(sorted(names))
    numbers = np.array([labels.get(names[tag], 0) for tag in tags.tolist()], dtype=np.uint8)
    tissue = numbers[np.searchsorted(tags, raw.tissue)]
    mesh = Mesh(raw.nodes_m, raw.tets, tissue).where(tissue > 0)
    return mesh, labels, int((tissue == 0).sum())


def _checked(mesh: Mesh, faces: Faces, volumes_m3: NDArray[np.float64], labels: Mapping[str, int]) -> dict[str, Any]:
    """Figures of scalp and outer surface.

    Raises
    ------
    HeadError
        The scalp is in pieces, or the outer surface is mostly something else.
    """
    problems = []
    is_scalp = mesh.tissue == labels[SCALP]
    scalp = mesh.where(is_scalp)
    piece = pieces_of(scalp.tets, len(mesh.nodes_m))
    sizes_m3 = np.bincount(piece, weights=volumes_m3[is_scalp], minlength=1)
    large = int((sizes_m3 > LARGEST_SCALP_ISLAND * sizes_m3.sum()).sum())
    if large > 1:
        problems.append(
            f"the scalp is in {large} pieces: {describe(scalp, piece, sizes_m3)}. It has to be one (is the top of the "
            f"head cut off?); islands of up to {100 * LARGEST_SCALP_ISLAND:g} % of it are kept"
        )
    shares = _outer_shares(mesh, faces)
    outermost, own = int(shares.argmax()), labels[SCALP]
    if outermost != own:
        other = next((tissue for tissue, label in labels.items() if label == outermost), str(outermost))
        problems.append(
            f"{100 * shares[outermost]:.0f} % of the outer surface is {other} and {100 * shares[own]:.0f} % scalp: the "
            "tags are not what they were taken for; state a mapping"
        )
    if problems:
        raise HeadError([Problem("", text) for text in problems])
    return {"scalp_pieces": len(sizes_m3), "scalp_share_of_surface": float(shares[own])}


def _outer_shares(mesh: Mesh, faces: Faces) -> NDArray[np.float64]:
    """(256,) share of each tissue in the area of the outer surface."""
    a, b, c = np.moveaxis(mesh.nodes_m[corners_of(mesh.tets, faces.outer)], 1, 0)
    areas_m2 = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    sums = np.bincount(mesh.tissue[faces.outer % len(mesh.tets)], weights=areas_m2, minlength=256)
    return sums / sums.sum()


def _quality(mesh: Mesh) -> dict[str, Any]:
    """Worst, first percentile, median, and how many are poor."""
    starts = range(0, len(mesh.tets), _PIECE)
    shape = np.concatenate([quality(mesh.nodes_m, mesh.tets[start : start + _PIECE]) for start in starts])
    first, median = np.quantile(shape, (0.01, 0.5))
    return {
        "quality_worst": float(shape.min()),
        "quality_first_percentile": float(first),
        "quality_median": float(median),
        "tetrahedra_poor": int((shape < POOR_QUALITY).sum()),
    }
