"""Regions of a head: spheres, tissues, masks, labels of an atlas, patches of the cortex; and what lies in them."""

from __future__ import annotations

from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError, InputError, MontageError, Problem
from stimplan.head.masks import VoxelMask, read_mask
from stimplan.head.model import HeadModel
from stimplan.head.space import from_mni_m, has_mni, to_mni_m
from stimplan.montage import Point
from stimplan.roi.atlas import AtlasRoi, inside_label, load_atlas
from stimplan.roi.patch import CorticalPatch, patch_on, tetrahedra_below
from stimplan.units import from_si, text, to_si

Array = NDArray[np.float64]

# A mask of which less than this lies in the head is of another space, another person, or the wrong way round.
LEAST_IN_HEAD = 0.5


@attrs.frozen
class SphereRoi:
    """The part of a tissue within a radius of a point.

    Attributes
    ----------
    center_m : tuple of 3 floats
    is_mni : bool
        Whether the centre is in MNI coordinates; else in the head's own.
    radius_m : float
    tissue : str
    """

    center_m: Point
    is_mni: bool
    radius_m: float
    tissue: str


@attrs.frozen
class TissueRoi:
    """A whole tissue."""

    tissue: str


@attrs.frozen
class MaskRoi:
    """The part of a tissue inside a mask of voxels.

    Attributes
    ----------
    mask : VoxelMask
        With its own affine, in head coordinates or in MNI space.
    tissue : str or None
        None is the default tissue of the head.
    """

    mask: VoxelMask
    tissue: str | None = None


@attrs.frozen
class PatchRoi:
    """A patch of the cortical surface, and the cortex below it.

    Attributes
    ----------
    center_m : tuple of 3 floats or None
        The point of the cortex nearest to it is the patch's middle; None where a site is given.
    is_mni : bool
        Whether the centre is in MNI coordinates; else in the head's own.
    site : str or None
        A site of the head's scalp, projected inwards to the nearest point of the cortex.
    radius_m : float
        Along the surface.
    depth_m : float
        How far down the cortex below it belongs to the region.
    """

    center_m: Point | None
    is_mni: bool
    site: str | None
    radius_m: float
    depth_m: float


Roi = SphereRoi | TissueRoi | MaskRoi | AtlasRoi | PatchRoi
_KINDS = (SphereRoi, TissueRoi, MaskRoi, AtlasRoi, PatchRoi)
# Mean thickness of the human cortex is 2.5 mm, from 1 to 4.5 mm (Fischl & Dale 2000, doi:10.1073/pnas.200033797).
DEFAULT_DEPTH_MM = 2.5
_MOST_KEPT = 32


def sphere_roi(
    *,
    mni_mm: ArrayLike | None = None,
    position_mm: ArrayLike | None = None,
    radius_mm: float,
    tissue: str = "gray_matter",
) -> SphereRoi:
    """A sphere around a point, restricted to one tissue.

    Parameters
    ----------
    mni_mm, position_mm : (3,) array
        Centre in MNI or in head coordinates, mm: give one of them.
    radius_mm : float
    tissue : str

    Raises
    ------
    InputError
        Both centres or none, not three finite numbers, or a radius that is not positive and finite.
    """
    center = _center(mni_mm, position_mm, "a sphere")
    return SphereRoi(center, position_mm is None, _length(radius_mm, "the radius of a sphere"), tissue)


def tissue_roi(name: str) -> TissueRoi:
    """A whole tissue, by name."""
    return TissueRoi(name)


def mask_roi(mask: VoxelMask | str | Path, *, in_mni: bool = False, tissue: str | None = None) -> MaskRoi:
    """The part of a tissue inside a mask.

    Parameters
    ----------
    mask : VoxelMask, str or Path
        A file is NIfTI or MGZ with its own affine, 0 outside and one other value inside.
    in_mni : bool
        The world of the file is MNI space, not that of the head.
    tissue : str, optional
        Grey matter if left out (the innermost tissue of a head without any).

    Raises
    ------
    InputError
        A file that cannot be used, a mask without a voxel.
    """
    if isinstance(mask, VoxelMask):
        return MaskRoi(mask, tissue)
    try:
        return MaskRoi(read_mask(Path(mask), in_mni=in_mni), tissue)
    except HeadError as error:
        raise InputError([attrs.evolve(problem, where="mask") for problem in error.problems]) from None


def patch_roi(
    *,
    site: str | None = None,
    mni_mm: ArrayLike | None = None,
    position_mm: ArrayLike | None = None,
    radius_mm: float,
    depth_mm: float = DEFAULT_DEPTH_MM,
) -> PatchRoi:
    """A patch of cortex around the point nearest to a site of the scalp or to a position.

    Parameters
    ----------
    site : str, optional
    mni_mm, position_mm : (3,) array, optional
        Give one of the three.
    radius_mm : float
        Distance along the surface.
    depth_mm : float
        What of the tissue belongs to the region; the figures on the surface do not depend on it.

    Raises
    ------
    InputError
        None or several of the three, or numbers that are not positive and finite.
    """
    if sum(given is not None for given in (site, mni_mm, position_mm)) != 1:
        raise InputError("give the middle of a patch as one of site, mni_mm and position_mm")
    center = None if site is not None else _center(mni_mm, position_mm, "a patch")
    radius, depth = _length(radius_mm, "the radius of a patch"), _length(depth_mm, "the depth of a patch")
    return PatchRoi(center, mni_mm is not None, site, radius, depth)


def default_tissue(head: HeadModel) -> str:
    """Grey matter where the head has it, else the innermost tissue (the smallest label)."""
    return "gray_matter" if head.has_tissue("gray_matter") else min(head.tissues, key=lambda t: t.label).name


def tissue_of(head: HeadModel, roi: Roi | None) -> str:
    """The tissue a region is a part of."""
    given = None if roi is None or isinstance(roi, PatchRoi) else roi.tissue
    return given or default_tissue(head)


def elements_in(head: HeadModel, roi: Roi | None = None) -> NDArray[np.bool_]:
    """(m,) mask of the tetrahedra of a region: their centres decide.

    Raises
    ------
    InputError
        An unknown tissue or site, MNI coordinates on a head without them, a mask that lies mostly outside of the
        head, or a region without a tetrahedron.
    """
    if roi is None:
        roi = TissueRoi(default_tissue(head))
    if not isinstance(roi, _KINDS):
        raise InputError(f"a region is made with sphere_roi, tissue_roi, mask_roi, atlas_roi or patch_roi, got {roi!r}")
    # A file that has changed is another atlas.
    key = (roi, load_atlas(roi.atlas) if isinstance(roi, AtlasRoi) else None)
    kept = _kept(head)
    if key not in kept:
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[key] = _elements(head, roi)
    mask: NDArray[np.bool_] = kept[key]
    return mask


@lru_cache(maxsize=2)
def _kept(head: HeadModel) -> dict[Any, Any]:
    """Regions of a head found before: every figure of a region asks for them, and a mesh has millions of elements."""
    return {}


def _elements(head: HeadModel, roi: Roi) -> NDArray[np.bool_]:
    mask = head.in_tissue(tissue_of(head, roi))
    match roi:
        case SphereRoi():
            center = _in_head(head, roi.center_m, is_mni=roi.is_mni)
            mask = mask & (np.linalg.norm(head.centers_m - center, axis=1) <= roi.radius_m)
        case MaskRoi():
            mask = _masked(head, roi, mask)
        case AtlasRoi():
            numbers = np.flatnonzero(mask)
            mask = np.zeros_like(mask)
            mask[numbers[inside_label(roi, _mni(head, head.centers_m[numbers]))]] = True
        case PatchRoi():
            mask = tetrahedra_below(head, cortical_patch(head, roi), roi.depth_m)
    if not mask.any():
        raise InputError(f"{describe(roi)} holds no tetrahedron of head {head.name!r}: {_hint(roi, head)}")
    mask.setflags(write=False)
    return mask


def cortical_patch(head: HeadModel, roi: PatchRoi) -> CorticalPatch:
    """The patch of a region on the cortex of a head.

    Raises
    ------
    InputError
        See `elements_in`.
    """
    kept = _kept(head)
    key = ("patch", roi)
    if key not in kept:
        center = _site(head, roi.site) if roi.center_m is None else _in_head(head, roi.center_m, is_mni=roi.is_mni)
        kept[key] = patch_on(head, center, roi.radius_m)
    patch: CorticalPatch = kept[key]
    return patch


def describe(roi: Roi) -> str:
    """A region in a few words, with its numbers."""
    match roi:
        case SphereRoi():
            place = f"{'MNI' if roi.is_mni else 'head'} {_millimetres(roi.center_m)}"
            return f"sphere of {text(roi.radius_m, 'm')} around {place} in {_words(roi.tissue)}"
        case TissueRoi():
            return _words(roi.tissue)
        case MaskRoi():
            return roi.mask.description
        case AtlasRoi():
            return roi.description
        case PatchRoi():
            middle = roi.site if roi.center_m is None else f"{'MNI' if roi.is_mni else 'head'} "
            place = str(middle) if roi.center_m is None else f"{middle}{_millimetres(roi.center_m)}"
            return f"cortex within {text(roi.radius_m, 'm')} along the surface of {place}"


def _masked(head: HeadModel, roi: MaskRoi, tissue: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tetrahedra of a tissue in a mask; a mask that is mostly outside of the head is refused with its counts."""
    mask = roi.mask
    if mask.in_mni:
        _need_mni(head)
    points = to_mni_m(head, head.centers_m) if mask.in_mni else head.centers_m
    inside = mask.contains(points)
    in_head_m3, whole_m3 = float(head.volumes_m3[inside].sum()), mask.volume_m3
    voxels = int(mask.is_inside.sum())
    # Volumes in MNI space are those of MNI space; the share only has to tell a mask that fits from one that does not.
    if in_head_m3 < LEAST_IN_HEAD * whole_m3 and whole_m3 > 8 * float(head.volumes_m3.max()):
        what = (
            f"{voxels:,} voxels, {text(whole_m3, 'm3')}, of which {text(in_head_m3, 'm3')} lie in head {head.name!r}: "
            "is it in the coordinates of this head, or in MNI space (mask:mni:FILE)?"
        )
        raise InputError(Problem("mask", what, file=mask.name))
    if not (inside & tissue).any():
        where = _words(tissue_of(head, roi))
        what = (
            f"{voxels:,} voxels, {text(whole_m3, 'm3')}, hold the centres of {int(inside.sum()):,} tetrahedra of head "
            f"{head.name!r}, and none of them is {where}"
        )
        raise InputError(Problem("mask", what, file=mask.name))
    chosen: NDArray[np.bool_] = inside & tissue
    return chosen


def _hint(roi: Roi, head: HeadModel) -> str:
    if isinstance(roi, SphereRoi):
        return f"is its centre in the {roi.tissue}?"
    if isinstance(roi, AtlasRoi):
        return "does the atlas reach this part of the brain, and is the mesh fine enough?"
    return f"the mesh has {len(head.tets):,} tetrahedra; a finer one has more"


def _site(head: HeadModel, name: str | None) -> Array:
    from stimplan.sites import resolve_site

    try:
        known = str(name) if name in head.sites_m else resolve_site(str(name))
    except MontageError as error:
        raise InputError(Problem("site", error.problems[0].what)) from None
    if known not in head.sites_m:
        raise InputError(Problem("site", f"head {head.name!r} has no site {known!r}; give mni_mm or position_mm"))
    return np.asarray(head.sites_m[known])


def _in_head(head: HeadModel, point_m: Point, *, is_mni: bool) -> Array:
    if not is_mni:
        return np.asarray(point_m)
    _need_mni(head)
    return from_mni_m(head, np.asarray(point_m))


def _mni(head: HeadModel, points_m: Array) -> Array:
    _need_mni(head)
    return to_mni_m(head, points_m)


def _need_mni(head: HeadModel) -> None:
    if not has_mni(head):
        what = f"head {head.name!r} has no MNI coordinates; give position_mm instead of mni_mm, and no atlas"
        raise InputError(what)


def _center(mni_mm: ArrayLike | None, position_mm: ArrayLike | None, noun: str) -> Point:
    if (mni_mm is None) == (position_mm is None):
        raise InputError(f"give the centre of {noun} either as mni_mm or as position_mm")
    given = mni_mm if position_mm is None else position_mm
    try:
        center = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        center = np.empty(0)
    if center.shape != (3,) or not np.isfinite(center).all():
        raise InputError(f"the centre of {noun} is three finite numbers, got {given!r}")
    x, y, z = (to_si(float(value), "mm") for value in center)
    return x, y, z


def _length(value_mm: float, noun: str) -> float:
    if not isinstance(value_mm, Real) or isinstance(value_mm, bool) or not 0 < value_mm < float("inf"):
        raise InputError(f"{noun} is positive and finite, got {value_mm!r} mm")
    return to_si(float(value_mm), "mm")


def _millimetres(point_m: Point) -> str:
    return "(" + ", ".join(f"{float(from_si(x, 'mm')):g}".replace("-", "−") for x in point_m) + ") mm"


def _words(name: str) -> str:
    return name.replace("_", " ").replace("gray", "grey")
