"""Where a volume's voxels are: everything its header says, compared with itself and with the size of a head."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.errors import HeadError, Problem
from stimplan.head.readers.found import Form
from stimplan.head.readers.nifti import RawVolume
from stimplan.units import to_si

Array = NDArray[np.float64]

# The two transforms of a header are one if no corner of the volume moves further than half a voxel of 1 mm.
FORM_TOLERANCE_MM = 0.5
VOXEL_RANGE_MM = (0.3, 3.0)
# The least and largest field of view along an axis: a newborn's head is 95 mm wide; a body is no head.
FIELD_OF_VIEW_MM = (80.0, 700.0)
SHEAR_TOLERANCE_DEG = 0.6
ZOOM_TOLERANCE = 0.02
OBLIQUE_DEG = 1.0
_WILDEST = 1e12

_SPACES = {1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI152", 5: "template"}
_UNITS_M = {1: 1.0, 2: to_si(1, "mm"), 3: to_si(Fraction(1, 1000), "mm")}
_UNIT_NAMES = {1: "metres", 2: "millimetres", 3: "micrometres"}


@attrs.frozen(eq=False)
class HeaderReport:
    """Where the voxels of a volume are, and what was found on the way.

    Attributes
    ----------
    shape : tuple of int
    voxel_mm : tuple of float
    head_from_voxel : (4, 4) array
        To the file's own world coordinates (RAS), m.
    axes : str
        Directions in which the voxel axes run, such as "LAS".
    space : str
        What the header calls its world: scanner, aligned, Talairach, MNI152, template.
    form : str
        Which transform was used.
    findings : tuple of str
        What a person should know; nothing here kept the file from being read.
    """

    shape: tuple[int, ...]
    voxel_mm: tuple[float, ...]
    head_from_voxel: Array
    axes: str
    space: str
    form: str
    findings: tuple[str, ...]

    @property
    def is_mni(self) -> bool:
        """Whether the header says that its world is MNI space."""
        return self.space == "MNI152"


def examine(raw: RawVolume, *, form: Form | None = None) -> HeaderReport:
    """Examine a header before anything is believed.

    Parameters
    ----------
    raw : RawVolume
    form : {"sform", "qform"}, optional
        Which transform to use where the header's two disagree.

    Raises
    ------
    HeadError
        Every fault at once: no orientation, two that disagree, sheared or singular axes, voxels or a field of view
        that no head has, a unit that cannot be.
    """
    if raw.kind == "mgh":
        affine, space, used, notes = _mgh_affine(raw)
        unit_m = _UNITS_M[2]
    else:
        affine, space, used, notes = _nifti_affine(raw, form)
        unit_m, unit_notes = _unit(raw)
        notes += unit_notes
    head_from_voxel = affine.copy()
    head_from_voxel[:3] *= unit_m
    problems, found = _geometry(head_from_voxel, raw)
    if problems:
        raise HeadError(problems)
    voxel_m = np.linalg.norm(head_from_voxel[:3, :3], axis=0)
    return HeaderReport(
        shape=raw.shape,
        voxel_mm=tuple(round(float(side) / to_si(1, "mm"), 4) for side in voxel_m),
        head_from_voxel=head_from_voxel,
        axes=axis_names(head_from_voxel),
        space=space,
        form=used,
        findings=(*notes, *found),
    )


def axis_names(affine: Array) -> str:
    """Directions in which the voxel axes run: each axis takes the nearest world axis, no two the same."""
    from nibabel.orientations import aff2axcodes

    return "".join(code or "?" for code in aff2axcodes(affine))


def _nifti_affine(raw: RawVolume, form: Form | None) -> tuple[Array, str, str, list[str]]:
    """The transform to use, in the header's unit; the space it leads to; its name; findings."""
    file, header = str(raw.path), raw.header
    codes = {"sform": int(header["sform_code"]), "qform": int(header["qform_code"])}
    forms = {name: _form(header, name, file) for name, code in codes.items() if code > 0}
    if not forms:
        what = "neither qform nor sform is set: left and right are unknown; write the orientation with the program "
        raise HeadError(Problem("header", what + "that made the file, and check it in a viewer", file=file))
    if form is not None and form not in forms:
        raise HeadError(Problem("header", f"{form} is not set in this file, only {next(iter(forms))}", file=file))
    notes = []
    used: str = form or ("sform" if "sform" in forms else "qform")
    if len(forms) == 2:
        apart = _apart(forms["sform"], forms["qform"], raw.shape)
        apart_mm = apart * (_unit(raw)[0] / to_si(1, "mm"))
        if not apart_mm <= FORM_TOLERANCE_MM:
            what = (
                f"qform ({_space(codes['qform'])}) and sform ({_space(codes['sform'])}) disagree: a corner moves by "
                f"{apart_mm:.4g} mm, {FORM_TOLERANCE_MM:g} mm allowed"
            )
            if form is None:
                what += "; correct the header, or say which is right (--form sform or --form qform)"
                raise HeadError(Problem("header qform/sform", what, file=file))
            notes.append(f"{what}; {form} was asked for")
    return forms[used], _space(codes[used]), used, notes


def _form(header: Any, name: str, file: str) -> Array:
    read: Callable[[], Any] = header.get_sform if name == "sform" else header.get_qform
    try:
        with np.errstate(all="ignore"):
            affine = np.asarray(read(), dtype=np.float64)
    except Exception as error:  # nibabel: HeaderDataError, ValueError and others, for impossible rotations
        raise HeadError(Problem(f"header {name}", f"cannot be read ({error})", file=file)) from None
    _refuse_wild(affine, f"header {name}", file)
    return affine


def _refuse_wild(affine: Array, where: str, file: str) -> None:
    """Refuse numbers that are not finite, or so large that computing with them would overflow."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise HeadError(Problem(where, "holds numbers that are not finite", file=file))
    if np.abs(affine).max() > _WILDEST:
        raise HeadError(Problem(where, f"holds a number as large as {np.abs(affine).max():.3g}", file=file))


def _mgh_affine(raw: RawVolume) -> tuple[Array, str, str, list[str]]:
    file = str(raw.path)
    if int(raw.header["goodRASFlag"]) < 1:
        raise HeadError(Problem("header", "its orientation is not set (goodRASFlag)", file=file))
    with np.errstate(all="ignore"):
        affine = np.asarray(raw.header.get_affine(), dtype=np.float64)
    _refuse_wild(affine, "header orientation", file)
    return affine, "scanner", "vox2ras", []


def _apart(one: Array, other: Array, shape: tuple[int, ...]) -> float:
    """How far the two put the same corner of the volume apart, at most."""
    corners = np.array(np.meshgrid(*[(0, side - 1) for side in shape[:3]])).reshape(3, -1)
    delta = one - other
    return float(np.linalg.norm(delta[:3, :3] @ corners + delta[:3, 3:], axis=0).max())


def _space(code: int) -> str:
    return _SPACES.get(code, f"code {code}")


def _unit(raw: RawVolume) -> tuple[float, list[str]]:
    """Metres per unit of the header; the unit is believed, the sizes that follow are checked."""
    code = int(raw.header["xyzt_units"]) & 7
    if code == 0:
        return _UNITS_M[2], ["the header names no unit; millimetres were taken, which the voxel size confirms"]
    if code not in _UNITS_M:
        raise HeadError(Problem("header xyzt_units", f"{code} is no unit of length", file=str(raw.path)))
    return _UNITS_M[code], [] if code == 2 else [f"the header is in {_UNIT_NAMES[code]}; converted"]


def _geometry(head_from_voxel: Array, raw: RawVolume) -> tuple[list[Problem], list[str]]:
    """Faults and findings of a transform in metres."""
    file = str(raw.path)
    axes = head_from_voxel[:3, :3]
    sizes_m = np.linalg.norm(axes, axis=0)
    sizes_mm = sizes_m / to_si(1, "mm")
    size_text = "×".join(f"{side:.4g}" for side in sizes_mm)
    if not (sizes_m > 0).all() or abs(np.linalg.det(axes / sizes_m)) < 1e-3:
        return [Problem("header", "the voxel axes lie in one plane: this transform is none", file=file)], []
    problems = []
    low, high = VOXEL_RANGE_MM
    if not ((sizes_mm >= low) & (sizes_mm <= high)).all():
        what = f"voxels of {size_text} mm; expected {low:g} to {high:g} mm{_other_unit(sizes_mm)}"
        problems.append(Problem("header voxel size", what, file=file))
    else:
        view_mm = sizes_mm * raw.shape[:3]
        least, most = FIELD_OF_VIEW_MM
        if not ((view_mm >= least) & (view_mm <= most)).all():
            text = "×".join(f"{side:.0f}" for side in view_mm)
            what = f"a field of view of {text} mm; a head needs {least:g} to {most:g} mm along each axis"
            problems.append(Problem("header field of view", what, file=file))
    shear_deg = _shear_deg(axes / sizes_m)
    if shear_deg > SHEAR_TOLERANCE_DEG:
        what = (
            f"the voxel axes are sheared: {90 - shear_deg:.1f}° between two of them, expected 90°; resample the labels "
            "onto a straight grid (nearest neighbour)"
        )
        problems.append(Problem("header shear", what, file=file))
    problems += _zoom_problems(sizes_m, raw)
    return problems, [*_orientation_findings(axes / sizes_m), *_thick(sizes_mm, size_text)]


def _other_unit(sizes_mm: Array) -> str:
    """The unit that would make these voxels a head's."""
    low, high = VOXEL_RANGE_MM
    for factor, name in ((1e3, "metres"), (1e-3, "micrometres")):
        if ((sizes_mm * factor >= low) & (sizes_mm * factor <= high)).all():
            return f". The numbers look like {name}, but that is not what the header says: correct xyzt_units"
    return ""


def _shear_deg(directions: Array) -> float:
    """Largest deviation from a right angle between two axes, degrees."""
    cosines = directions.T @ directions
    worst = np.abs(cosines[np.triu_indices(3, 1)]).max()
    return math.degrees(math.asin(min(1.0, float(worst))))


def _zoom_problems(sizes_m: Array, raw: RawVolume) -> list[Problem]:
    """The voxel size is written twice in a NIfTI header: as a number, and in the transform."""
    if raw.kind == "mgh":
        return []
    with np.errstate(all="ignore"):
        stated = np.abs(np.asarray(raw.header["pixdim"][1:4], dtype=np.float64)) * _unit(raw)[0]
        fits = np.abs(stated / sizes_m - 1) <= ZOOM_TOLERANCE
    if fits.all():
        return []
    said, used = ("×".join(f"{side / to_si(1, 'mm'):.4g}" for side in sides) for sides in (stated, sizes_m))
    what = f"voxels of {said} mm by pixdim, of {used} mm by the transform; one of the two is wrong: correct the header"
    return [Problem("header pixdim", what, file=str(raw.path))]


def _orientation_findings(directions: Array) -> list[str]:
    found = []
    if np.linalg.det(directions) < 0:
        found.append(f"stored left-handed ({axis_names(_embedded(directions))}); turned by its transform")
    tilt_deg = math.degrees(math.acos(min(1.0, float(np.abs(directions).max(axis=0).min()))))
    if tilt_deg > OBLIQUE_DEG:
        found.append(f"oblique: the voxel axes are turned by up to {tilt_deg:.1f}° against the world's; kept so")
    return found


def _embedded(directions: Array) -> Array:
    affine = np.eye(4)
    affine[:3, :3] = directions
    return affine


def _thick(sizes_mm: Array, size_text: str) -> list[str]:
    if sizes_mm.max() <= 1.5:
        return []
    return [f"voxels of {size_text} mm are coarse for the skull and the CSF; 1 mm or finer is usual"]
