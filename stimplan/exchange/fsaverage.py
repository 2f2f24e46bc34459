"""The field on the surfaces of the average brain fsaverage, as GIFTI, for group work.

The surfaces are not shipped: their licence is FreeSurfer's. They are read from the package nilearn, where that is
installed (`pip install stimplan[surface]`; it carries fsaverage5, 10,242 vertices to a hemisphere), or from a folder
of FreeSurfer's (`lh.white`, `lh.pial`, …), such as `fsaverage/surf`.

fsaverage lies in MNI305. The way to MNI152 is FreeSurfer's affine (https://surfer.nmr.mgh.harvard.edu/fswiki/
CoordinateSystems, use case 8a: `mni152.register.dat`); an affine is good to some millimetres (Wu et al. 2018,
doi:10.1002/hbm.24213), and so is what is read at a vertex: these maps are for groups, not for a sulcus of one person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError, InputError, MissingExtra, Problem
from stimplan.exposure import Exposure, exposure_of
from stimplan.head.cortex import cortex_of
from stimplan.head.space import apply_affine, from_mni_m, has_mni
from stimplan.units import from_si, to_si
from stimplan.values import frozen_array

if TYPE_CHECKING:
    from stimplan.field import Field
    from stimplan.head.model import HeadModel

Array = NDArray[np.float64]

FSAVERAGE5 = "fsaverage5"
HEMISPHERES = ("lh", "rh")
# MNI305 to MNI152, mm; the source is at the top of this file.
MNI152_FROM_MNI305_MM = np.array(
    [
        [0.9975, -0.0073, 0.0176, -0.0429],
        [0.0146, 1.0009, -0.0024, 1.5496],
        [-0.0130, -0.0093, 0.9971, 1.1840],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
# A vertex with no grey matter of the head this near has no value: half the distance between two gyri.
FARTHEST_M = 0.010
_NILEARN = {"lh": "left", "rh": "right"}


def _points(values: ArrayLike) -> Array:
    return frozen_array(values, name="mni305_m", shape=(None, 3))


def _triangles(values: ArrayLike) -> NDArray[np.int32]:
    return frozen_array(values, name="triangles", shape=(None, 3), dtype=np.int32)


@attrs.frozen(eq=False)
class AverageSurface:
    """The surface half-way through the average cortex, both hemispheres.

    Attributes
    ----------
    name : str
        `fsaverage5`, or the folder it was read from.
    mni305_m : mapping of str to (n, 3) arrays
        Vertices by hemisphere, `lh` and `rh`, m.
    triangles : mapping of str to (k, 3) int arrays
    """

    name: str
    mni305_m: Mapping[str, Array]
    triangles: Mapping[str, NDArray[np.int32]]

    def mni_m(self, hemisphere: str) -> Array:
        """(n, 3) vertices in MNI152, m."""
        matrix = MNI152_FROM_MNI305_MM.copy()
        matrix[:3, 3] *= to_si(1, "mm")
        return apply_affine(matrix, self.mni305_m[hemisphere])


@attrs.frozen(eq=False)
class SurfaceField:
    """A field on one hemisphere of the average surface.

    Attributes
    ----------
    magnitude_V_per_m : (n,) array
        |E| in the head's grey matter nearest to each vertex, or the main map of another waveform (a peak, an RMS, a
        modulation depth); NaN where none is within 10 mm.
    normal_V_per_m : (n,) array
        Component along the inward normal of the head's own cortical surface nearest to there: positive where the
        field of a direct current goes into the cortex, as under an anode; else the main map of that component.
    distance_m : (n,) array
        From the vertex, brought to the head, to where the field was read.
    """

    magnitude_V_per_m: Array
    normal_V_per_m: Array
    distance_m: Array


def load_average_surface(source: str | Path = FSAVERAGE5) -> AverageSurface:
    """Read the average surface: half-way between the white and the pial one.

    Parameters
    ----------
    source : {"fsaverage5"} or path
        A path is a folder with FreeSurfer's `lh.white`, `lh.pial`, `rh.white` and `rh.pial`.

    Raises
    ------
    MissingExtra
        nilearn, which carries fsaverage5, is not installed.
    InputError
        No such folder, a file is missing or damaged, or the two surfaces of a hemisphere do not belong together.
    """
    points, triangles = {}, {}
    for side in HEMISPHERES:
        (white, faces), (pial, other) = (_read_surface(source, side, which) for which in ("white", "pial"))
        if white.shape != pial.shape or not np.array_equal(faces, other):
            raise InputError(f"{source}: the white and the pial surface of {side} have different vertices")
        points[side] = _points((white + pial) / 2 * to_si(1, "mm"))
        triangles[side] = _triangles(faces)
    name = FSAVERAGE5 if source == FSAVERAGE5 else str(source)
    return AverageSurface(name, MappingProxyType(points), MappingProxyType(triangles))


def need_gray_matter(head: HeadModel) -> None:
    """Refuse a head that the average surface cannot be brought to.

    Raises
    ------
    InputError
        The head has no MNI space.
    HeadError
        The head has no grey matter.
    """
    if not has_mni(head):
        raise InputError(f"head {head.name!r} has no MNI coordinates, so the average brain cannot be brought to it")
    if not head.has_tissue("gray_matter"):
        raise HeadError(f"head {head.name!r} has no gray_matter to read the field in")


def sample_on_surface(shown: Field | Exposure, surface: AverageSurface) -> dict[str, SurfaceField]:
    """The field in the head's grey matter nearest to each vertex of the average surface.

    Parameters
    ----------
    shown : Field or Exposure
    surface : AverageSurface

    Returns
    -------
    dict of str to SurfaceField
        By hemisphere. The field is the one recovered at the nodes of grey matter: interpolated where a vertex lies
        within it, that of the nearest node elsewhere.

    Raises
    ------
    InputError, HeadError
        See `need_gray_matter`.
    """
    exposure = exposure_of(shown)
    head = exposure.field.head
    need_gray_matter(head)
    found = {}
    for side in HEMISPHERES:
        points = from_mni_m(head, surface.mni_m(side))
        vectors, places = _in_gray_matter(exposure, points)
        away = np.linalg.norm(places - points, axis=1)
        inward = _inward(head, places)
        has_normal = inward.any(axis=1)
        normal = np.full(len(points), math.nan)
        at_normal = {name: one[has_normal] for name, one in vectors.items()}
        normal[has_normal] = exposure.along(inward[has_normal], at_normal)
        magnitude = exposure.maps_from(vectors)[0].values_V_per_m.copy()
        is_far = away > FARTHEST_M
        magnitude[is_far] = normal[is_far] = math.nan
        found[side] = SurfaceField(magnitude, normal, away)
    return found


def surface_names(surface_name: str = FSAVERAGE5) -> tuple[str, ...]:
    """Names of the files that `write_surfaces` writes."""
    stem = FSAVERAGE5 if surface_name == FSAVERAGE5 else "fsaverage"
    return tuple(f"field_{stem}_{side}.func.gii" for side in HEMISPHERES)


def write_surfaces(folder: Path, shown: Field | Exposure, surface: AverageSurface) -> dict[str, dict[str, Any]]:
    """Write one GIFTI file for each hemisphere: |E| or the main map, its normal component, the distance it was read at.

    Returns
    -------
    dict
        By file name: vertices, vertices without a value, median and largest distance, m.
    """
    record = {}
    exposure = exposure_of(shown)
    sampled = sample_on_surface(exposure, surface)
    for name, side in zip(surface_names(surface.name), HEMISPHERES, strict=True):
        values = sampled[side]
        (folder / name).write_bytes(_gifti(values, side, surface.name, exposure).to_bytes())
        has_value = np.isfinite(values.magnitude_V_per_m)
        record[name] = {
            "vertices": len(has_value),
            "without_value": int((~has_value).sum()),
            "median_distance_m": float(np.median(values.distance_m)),
            "largest_distance_m": float(values.distance_m.max()),
        }
    return record


def _read_surface(source: str | Path, side: str, which: str) -> tuple[Array, NDArray[np.int32]]:
    """Vertices in mm and triangles of one surface."""
    import nibabel

    path = (
        _nilearn_folder() / f"{which}_{_NILEARN[side]}.gii.gz"
        if source == FSAVERAGE5
        else Path(source, f"{side}.{which}")
    )
    try:
        if source != FSAVERAGE5:
            points, faces = nibabel.freesurfer.read_geometry(path)
        else:
            points, faces = nibabel.load(path).agg_data(("pointset", "triangle"))
    except (OSError, EOFError, ValueError, TypeError) as error:
        what = f"cannot be read as a surface of the average brain ({getattr(error, 'strerror', None) or error})"
        raise InputError(Problem("surface", what, file=str(path))) from error
    return np.asarray(points, dtype=np.float64), np.asarray(faces, dtype=np.int32)


def _nilearn_folder() -> Path:
    """Where nilearn keeps fsaverage5; nilearn itself is not loaded."""
    spec = find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise MissingExtra(
            "the average surface fsaverage5 comes with the package nilearn: pip install stimplan[surface], or name a "
            "folder with FreeSurfer's own fsaverage/surf"
        )
    return Path(spec.origin).parent / "datasets" / "data" / FSAVERAGE5


def _in_gray_matter(exposure: Exposure, points: Array) -> tuple[dict[str, Array], Array]:
    """Fields of all parts in grey matter nearest to points, (p, 3) each, and where that is, (p, 3)."""
    from scipy.spatial import cKDTree

    from stimplan.fem.locate import Locator

    head = exposure.field.head
    gray = head.tets[head.in_tissue("gray_matter")]
    tet, weights = Locator.of(head.nodes_m, gray)(points)
    nodes = np.unique(gray)
    nearest = nodes[cKDTree(head.nodes_m[nodes]).query(points)[1]]
    within = tet >= 0
    places = head.nodes_m[nearest].copy()
    places[within] = points[within]
    parts = {}
    for name, field in exposure.fields.items():
        nodal = field.recovered_V_per_m("gray_matter")
        parts[name] = nodal[nearest]
        parts[name][within] = np.einsum("pc,pcd->pd", weights[within], nodal[gray[tet[within]]])
    return parts, places


def _inward(head: HeadModel, places: Array) -> Array:
    """(p, 3) inward normal of the head's cortical surface nearest to each place."""
    from scipy.spatial import cKDTree

    cortex = cortex_of(head)
    return -cortex.normals[cKDTree(cortex.points_m).query(places)[1]]


def _gifti(values: SurfaceField, side: str, surface_name: str, exposure: Exposure) -> Any:
    from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiMetaData

    about = {
        "AnatomicalStructurePrimary": {"lh": "CortexLeft", "rh": "CortexRight"}[side],
        "Description": f"stimplan {exposure.digest[:16]} on {Path(surface_name).name}; NaN: no grey matter within "
        f"{from_si(FARTHEST_M, 'mm'):f} mm; normal component positive into the cortex",
        "Head": exposure.field.head.name,
    }
    main = exposure.main
    along = "E_normal_V_per_m" if main.id == "magnitude" else main.array_name.replace("_V_per_m", "_normal_V_per_m")
    columns = {
        main.array_name: values.magnitude_V_per_m,
        along: values.normal_V_per_m,
        "distance_m": values.distance_m,
    }
    arrays = [
        GiftiDataArray(column.astype(np.float32), intent="NIFTI_INTENT_NONE", meta=GiftiMetaData({"Name": name}))
        for name, column in columns.items()
    ]
    return GiftiImage(meta=GiftiMetaData(about), darrays=arrays)
