"""Current density in the skull below each electrode.

A tetrahedron of bone lies below an electrode where the nearest point of the scalp does, and below its rim where that
point is within 4 mm of the rim. The skin has smoothed the current before it enters the bone, so these figures settle as
the mesh becomes finer, other than those in the skin; `SKULL_CAUTION` says what was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.field import Field
from stimplan.head.model import HeadModel
from stimplan.head.scalp import nearest_on_surface
from stimplan.percentiles import weighted_percentiles
from stimplan.placement import Patch
from stimplan.roi.electrodes import RIM_M, placed, rim_m, triangle_areas_m2

Array = NDArray[np.float64]

_BONES = ("bone", "compact_bone", "spongy_bone")
# Bone is looked for within this distance of the scalp: as thick as skin, fat and muscle become over the skull.
_REACH_M = 0.04
# Layered sphere 78/80/86/92 mm, discs of 20 and 50 mm, against the series: see tests/test_skull.py.
SKULL_CAUTION = (
    "On a layered sphere the mean and the 99.9th percentile in the bone below an electrode, or below its rim, came "
    "within 4 % of the exact ones on a mesh of 6 mm and within 3 % on one of 4 mm; the thickness of skin and bone in "
    "the head, and the conductivities of the two, matter more."
)


@attrs.frozen
class SkullLoad:
    """Size of the current density in the bone below one electrode.

    Attributes
    ----------
    label : str
        Of the electrode.
    mean_A_per_m2, p999_A_per_m2, max_A_per_m2 : float
        Of |J| in the bone below the electrode, by volume.
    rim_p999_A_per_m2, rim_max_A_per_m2 : float
        Of |J| in the bone below its rim, 4 mm to both sides.
    max_tissue : str
        The bone that the largest of them all lies in.
    max_depth_m : float
        How far below the scalp.
    n_below, n_rim : int
        Tetrahedra.
    """

    label: str
    mean_A_per_m2: float
    p999_A_per_m2: float
    max_A_per_m2: float
    rim_p999_A_per_m2: float
    rim_max_A_per_m2: float
    max_tissue: str
    max_depth_m: float
    n_below: int
    n_rim: int


def bone_names(head: HeadModel) -> tuple[str, ...]:
    """The tissues that are skull: those named as bone; in a layered sphere of three shells or more, the second."""
    named = tuple(tissue.name for tissue in head.tissues if tissue.name in _BONES)
    if named or head.provenance.get("kind") != "layered sphere" or len(head.tissues) < 3:
        return named
    return (sorted(head.tissues, key=lambda tissue: tissue.label)[-2].name,)


def skull_loads(
    shown: Field | Mapping[str, Field], size: Callable[[Mapping[str, Array]], Array] | None = None
) -> tuple[SkullLoad | None, ...]:
    """Current density in the bone below each electrode of a field, in the order of its placement.

    Parameters
    ----------
    shown : Field or mapping of str to Field
        The parts of a waveform by name.
    size : callable, optional
        Largest size of vectors that swing as those parts do, {name: (k, 3)} -> (k,); the length, for one field.

    Returns
    -------
    tuple of SkullLoad or None
        None for an electrode with no bone below it, as on a cheek, and where the head has no tissue that is bone.

    Raises
    ------
    InputError
        The field was not made by electrodes.
    """
    parts = {"": shown} if isinstance(shown, Field) else dict(shown)
    field = next(iter(parts.values()))
    of = size or (lambda vectors: np.linalg.norm(next(iter(vectors.values())), axis=1))
    labels = [field.head.tissue_named(name).label for name in bone_names(field.head)]
    bone = np.flatnonzero(np.isin(field.head.tissue, labels))
    return tuple(_load(parts, patch, of, bone=bone) for patch in placed(field).electrodes)


def _load(
    parts: Mapping[str, Field], patch: Patch, size: Callable[[Mapping[str, Array]], Array], *, bone: NDArray[np.int64]
) -> SkullLoad | None:
    head = next(iter(parts.values())).head
    rim = rim_m(head.nodes_m, head.scalp[patch.triangles], patch.area_m2)
    reach = np.linalg.norm(rim - patch.center_m, axis=1).max() + RIM_M + _REACH_M
    near = bone[np.linalg.norm(head.centers_m[bone] - patch.center_m, axis=1) <= reach]
    below, at_rim, depth = _where(head, patch, near, rim_m=rim)
    if not (below.any() and at_rim.any()):
        return None
    volumes = head.volumes_m3[near]
    density = size({name: part.J_A_per_m2[near] for name, part in parts.items()})
    either = np.flatnonzero(below | at_rim)
    top = either[int(np.argmax(density[either]))]
    mean = float(density[below] @ volumes[below] / volumes[below].sum())
    return SkullLoad(
        label=patch.electrode.label,
        mean_A_per_m2=mean,
        p999_A_per_m2=weighted_percentiles(density[below], volumes[below], 99.9)[0],
        max_A_per_m2=float(density[below].max()),
        rim_p999_A_per_m2=weighted_percentiles(density[at_rim], volumes[at_rim], 99.9)[0],
        rim_max_A_per_m2=float(density[at_rim].max()),
        max_tissue=next(tissue.name for tissue in head.tissues if tissue.label == head.tissue[near[top]]),
        max_depth_m=float(depth[top]),
        n_below=int(below.sum()),
        n_rim=int(at_rim.sum()),
    )


def _where(
    head: HeadModel, patch: Patch, near: NDArray[np.int64], *, rim_m: Array
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Array]:
    """Which tetrahedra lie below the electrode, which below its rim, and how far below the scalp each does."""
    from scipy.spatial import cKDTree

    centers = head.centers_m[near]
    if not len(near):
        return np.zeros(0, dtype=bool), np.zeros(0, dtype=bool), np.zeros(0)
    foot, triangle = nearest_on_surface(centers, head.nodes_m, head.scalp)
    depth = np.linalg.norm(foot - centers, axis=1)
    # A triangle counts as covered where the outline covers more than half of it.
    covered = patch.area_m2 > 0.5 * triangle_areas_m2(head.nodes_m, head.scalp[patch.triangles])
    is_shallow = depth <= _REACH_M
    below = np.isin(triangle, patch.triangles[covered]) & is_shallow
    at_rim = (cKDTree(rim_m).query(foot)[0] <= RIM_M) & is_shallow
    return below, at_rim, depth
