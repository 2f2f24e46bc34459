"""Scalp, outer and inner skull of a head as three closed, nested surfaces, as boundary elements need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.errors import HeadError, Problem
from stimplan.exchange.mne.triangles import closed_problems, halved_edges, inside_distance_m, self_contacts
from stimplan.fem.surface import area_vectors, point_normals
from stimplan.head.levels import Region, level_of_region
from stimplan.head.model import HeadModel
from stimplan.values import frozen_array, frozen_mapping

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BRAIN, SKULL, SCALP = "brain", "skull", "scalp"
COMPARTMENTS = (BRAIN, SKULL, SCALP)
SURFACES = ("scalp", "outer skull", "inner skull")
# The standard of MNE: 5,120 triangles to a surface.
DEFAULT_VERTICES = 2562
VERTICES_RANGE = (300, 2600)

_IN_BRAIN = frozenset({"white_matter", "gray_matter", "csf", "blood"})
_IN_SKULL = frozenset({"bone", "compact_bone", "spongy_bone"})

_VOXEL_M = 0.002
# Least room between two of the surfaces: triangles with edges of 10 mm would otherwise touch.
LEAST_GAP_M = 0.003
# Openings up to twice this are closed: foramina, sinuses that open to the nose, the ends of the orbits.
_CLOSING_M = 0.006
# Bone further than this from the brain's compartment (jaw, upper neck) is no skull to three layers.
_FACE_M = 0.015
_SMOOTHING_VOXELS = 1.2
# Part of the vertices that are placed where the surface bends; the others halve the longest edges.
_BY_CURVATURE = 0.5
_RETRIES = (1.0, 0.97, 1.03, 0.94, 1.06, 0.9, 1.1)


def _points(values: ArrayLike) -> Array:
    return frozen_array(values, name="points_m", shape=(None, 3))


def _triangles(values: ArrayLike) -> NDArray[np.int32]:
    return frozen_array(values, name="triangles", shape=(None, 3), dtype=np.int32)


@attrs.frozen(eq=False)
class ClosedSurface:
    """One closed surface.

    Attributes
    ----------
    name : str
    points_m : (p, 3) array
        Head coordinates, m.
    triangles : (k, 3) int array
        Counter-clockwise seen from outside.
    """

    name: str
    points_m: Array = attrs.field(converter=_points)
    triangles: NDArray[np.int32] = attrs.field(converter=_triangles)

    @property
    def volume_m3(self) -> float:
        """Enclosed volume, m³."""
        a, b, c = (self.points_m[self.triangles[:, corner]] for corner in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)

    @property
    def edge_m(self) -> float:
        """Mean length of the edges, m."""
        corners = self.points_m[self.triangles]
        return float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).mean())


@attrs.frozen(eq=False)
class ThreeLayers:
    """A head of three compartments.

    Attributes
    ----------
    surfaces : tuple of 3 ClosedSurface
        Scalp, outer skull, inner skull.
    sigma_S_per_m : mapping of str to float
        Conductivity of "brain", "skull" and "scalp".
    record : mapping
        What was done to get there, as plain JSON data.
    """

    surfaces: tuple[ClosedSurface, ClosedSurface, ClosedSurface]
    sigma_S_per_m: Mapping[str, float] = attrs.field(converter=frozen_mapping)
    record: Mapping[str, object] = attrs.field(factory=dict, converter=frozen_mapping)

    @property
    def inner_skull(self) -> ClosedSurface:
        """The surface that the brain's compartment fills."""
        return self.surfaces[2]


def compartment_of(head: HeadModel) -> dict[str, str]:
    """Compartment of each tissue of a head: "brain", "skull" or "scalp".

    White and grey matter, CSF and blood are brain; every bone is skull; all else is scalp. In a layered sphere the
    outermost layer is the scalp, the next one the skull, the others the brain.

    Raises
    ------
    HeadError
        A head without a brain, a skull or a scalp.
    """
    names = [tissue.name for tissue in sorted(head.tissues, key=lambda t: t.label)]
    if all(name.startswith("layer_") for name in names):
        parts = [BRAIN] * max(len(names) - 2, 0) + [SKULL, SCALP][-len(names) :]
        table = dict(zip(names, parts, strict=True))
    else:
        table = {name: BRAIN if name in _IN_BRAIN else SKULL if name in _IN_SKULL else SCALP for name in names}
    missing = [part for part in COMPARTMENTS if part not in table.values()]
    if missing:
        what = f"head {head.name!r} has no {' and no '.join(missing)}; three layers need brain, skull and scalp"
        raise HeadError(Problem("head", what))
    return table


def csf_of(head: HeadModel) -> str | None:
    """The tissue that is CSF: by name, or the second of four layers of a sphere."""
    if head.has_tissue("csf"):
        return "csf"
    brain = [name for name, part in compartment_of(head).items() if part == "brain"]
    return brain[-1] if len(brain) > 1 and brain[0].startswith("layer_") else None


def three_conductivities(head: HeadModel) -> dict[str, float]:
    """One conductivity for each compartment, S/m.

    The brain takes that of grey matter (of the innermost layer in a sphere). The skull takes that of its bones in
    series, by volume, since current crosses them one after the other. The scalp takes its own, or that of the tissue
    with the largest volume where there is no scalp.
    """
    table = compartment_of(head)
    volumes = np.bincount(head.tissue, weights=head.volumes_m3, minlength=256)
    sigma = {tissue.name: tissue.conductivity_S_per_m for tissue in head.tissues}
    size = {tissue.name: float(volumes[tissue.label]) for tissue in head.tissues}
    of = {part: [name for name in table if table[name] == part] for part in COMPARTMENTS}
    brain = "gray_matter" if "gray_matter" in sigma else of[BRAIN][0]
    outer = "scalp" if "scalp" in sigma else max(of[SCALP], key=lambda name: size[name])
    series = sum(size[name] for name in of[SKULL]) / sum(size[name] / sigma[name] for name in of[SKULL])
    return {BRAIN: sigma[brain], SKULL: float(series), SCALP: sigma[outer]}


def with_three_conductivities(head: HeadModel, *, keeps: tuple[str, ...] = ()) -> HeadModel:
    """The same mesh with one conductivity for each compartment; tissues in `keeps` keep theirs. No tensors."""
    values = three_conductivities(head)
    own = {name: values[part] for name, part in compartment_of(head).items() if name not in keeps}
    return attrs.evolve(head, tensors_S_per_m=None).with_conductivities(own)


def three_layers(head: HeadModel, *, vertices: int = DEFAULT_VERTICES) -> ThreeLayers:
    """Draw the three surfaces of a head.

    Each is the smoothed boundary of what it encloses on a grid of 2 mm, with its openings closed, reduced to a number
    of vertices. Where two of them would come nearer than 3 mm, the inner one is drawn back.

    Parameters
    ----------
    head : HeadModel
    vertices : int
        Of each surface, about.

    Raises
    ------
    HeadError
        A number of vertices out of range, a head without the three compartments, or one whose surfaces cannot be
        drawn closed, free of contact with themselves and nested.
    """
    low, high = VERTICES_RANGE
    if isinstance(vertices, bool) or not isinstance(vertices, int) or not low <= vertices <= high:
        raise HeadError(Problem("vertices", f"expected {low} to {high} for each surface, got {vertices!r}"))
    labels, affine = _compartment_volume(head)
    masks, moved = _nested_masks(labels)
    surfaces = tuple(_surface(name, mask, affine, vertices) for name, mask in zip(SURFACES, masks, strict=True))
    problems, gaps = nesting_problems(surfaces)
    if problems:
        raise HeadError(problems)
    scalp, outer, inner = surfaces
    record = {
        "vertices": {surface.name: len(surface.points_m) for surface in surfaces},
        "edge_m": {surface.name: surface.edge_m for surface in surfaces},
        "volume_m3": {surface.name: surface.volume_m3 for surface in surfaces},
        "least_distance_m": gaps,
        "changed_m3": moved,
    }
    return ThreeLayers((scalp, outer, inner), three_conductivities(head), record)


def nesting_problems(surfaces: Sequence[ClosedSurface]) -> tuple[list[Problem], dict[str, float]]:
    """What is wrong with nested surfaces, outermost first, and the least distance between each two, m."""
    problems: list[Problem] = []
    gaps: dict[str, float] = {}
    for surface in surfaces:
        problems += [Problem(surface.name, what) for what in closed_problems(surface.points_m, surface.triangles)]
        contacts = self_contacts(surface.points_m, surface.triangles)
        if contacts:
            problems.append(Problem(surface.name, f"{contacts} pairs of its triangles cut each other"))
    if problems:
        return problems, gaps
    for outer, inner in pairwise(surfaces):
        # Both ways: a vertex of the outer one may come nearest to the middle of a triangle of the inner one.
        inwards = inside_distance_m(inner.points_m, outer.points_m, outer.triangles)
        outwards = -inside_distance_m(outer.points_m, inner.points_m, inner.triangles)
        gap = float(min(inwards.min(), outwards.min()))
        gaps[f"{inner.name} to {outer.name}"] = gap
        both = np.concatenate([outer.points_m, inner.points_m])
        triangles = np.concatenate([outer.triangles, inner.triangles + len(outer.points_m)])
        if not gap > 0 or self_contacts(both, triangles):
            problems.append(Problem(inner.name, f"is not wholly inside the {outer.name} ({1e3 * gap:.2f} mm)"))
    return problems, gaps


def _compartment_volume(head: HeadModel) -> tuple[NDArray[np.uint8], Array]:
    """Compartment of each voxel of a grid over the head (0 outside, 1 brain, 2 skull, 3 scalp), and its affine, m."""
    from stimplan.fem.locate import rasterize

    table = np.zeros(256, dtype=np.uint8)
    parts = compartment_of(head)
    for tissue in head.tissues:
        table[tissue.label] = 1 + COMPARTMENTS.index(parts[tissue.name])
    margin = 8
    low = np.floor(head.nodes_m.min(axis=0) / _VOXEL_M) - margin
    shape = np.ceil(head.nodes_m.max(axis=0) / _VOXEL_M) + margin - low
    affine = np.diag([_VOXEL_M, _VOXEL_M, _VOXEL_M, 1.0])
    affine[:3, 3] = low * _VOXEL_M
    nx, ny, nz = (int(side) for side in shape)
    found = rasterize(head.nodes_m, head.tets, shape=(nx, ny, nz), affine_m=affine)
    return np.where(found >= 0, table[head.tissue[found]], 0).astype(np.uint8), affine


def _nested_masks(labels: NDArray[np.uint8]) -> tuple[tuple[Mask, Mask, Mask], dict[str, float]]:
    """What each surface encloses, and how much that changes the compartments, m³."""
    scalp = _solid(_closed(labels > 0))
    depth = _distance_m(scalp)
    brain = labels == 1
    inner = _solid(_closed(brain)) & (depth >= 2 * LEAST_GAP_M)
    near = _distance_m(~inner) <= _FACE_M
    outer = _solid(_closed(inner | ((labels == 2) & near))) | (_distance_m(~inner) <= LEAST_GAP_M)
    outer = _solid(outer & (depth >= LEAST_GAP_M))
    inner = _solid(inner & (_distance_m(outer) >= LEAST_GAP_M))
    voxel_m3 = _VOXEL_M**3
    moved = {
        SCALP: float(np.sum(scalp != (labels > 0))) * voxel_m3,
        SKULL: float(np.sum((outer & ~inner) != (labels == 2))) * voxel_m3,
        BRAIN: float(np.sum(inner != brain)) * voxel_m3,
    }
    return (scalp, outer, inner), moved


def _distance_m(mask: Mask) -> Array:
    """Depth below the boundary of a mask, m; 0 outside of it."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(mask) * _VOXEL_M)


def _closed(mask: Mask) -> Mask:
    grown = _distance_m(~mask) <= _CLOSING_M
    return mask | (_distance_m(grown) > _CLOSING_M)


def _solid(mask: Mask) -> Mask:
    """The largest piece, without its cavities."""
    from scipy.ndimage import binary_fill_holes, label

    pieces, count = label(mask)
    if count > 1:
        mask = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    return np.asarray(binary_fill_holes(mask))


def _surface(name: str, mask: Mask, affine: Array, vertices: int) -> ClosedSurface:
    """Smoothed boundary of a mask with about so many vertices."""
    fine = _contour(name, mask, affine)
    found = fine
    for factor in _RETRIES:
        # Merging edges may fold a surface up; a few vertices more or less fold it elsewhere, or nowhere.
        found = _decimated(fine, round(vertices * factor))
        if not closed_problems(found.points_m, found.triangles) and not self_contacts(found.points_m, found.triangles):
            break
    return _with_volume(found, fine.volume_m3)


def _contour(name: str, mask: Mask, affine: Array) -> ClosedSurface:
    import pyvista
    from scipy.ndimage import gaussian_filter

    level = level_of_region(Region(mask, affine, goes_on=False))
    values = gaussian_filter(level.values_m, _SMOOTHING_VOXELS, mode="nearest")
    grid = pyvista.ImageData(dimensions=values.shape)
    grid.point_data["distance"] = values.ravel(order="F")
    fine = grid.contour([0.0], scalars="distance", method="flying_edges").connectivity("largest").triangulate().clean()
    head_from_grid = np.linalg.inv(level.voxel_from_head)
    points = np.asarray(fine.points, dtype=np.float64) @ head_from_grid[:3, :3].T + head_from_grid[:3, 3]
    return _outwards(ClosedSurface(name, points, fine.regular_faces))


def _decimated(fine: ClosedSurface, vertices: int) -> ClosedSurface:
    """The surface with about so many vertices: too few where it is flat at first, then its long edges are halved."""
    import pyvista

    # A closed surface of n vertices has 2 n - 4 triangles.
    left = (2 * round(_BY_CURVATURE * vertices) - 4) / len(fine.triangles)
    if left >= 1:
        return fine
    mesh = pyvista.PolyData.from_regular_faces(fine.points_m, fine.triangles)
    coarse = mesh.decimate(1 - left, volume_preservation=True).clean()
    points, triangles = np.asarray(coarse.points, dtype=np.float64), np.asarray(coarse.regular_faces)
    n_kept = len(points)
    if n_kept < vertices:
        points, triangles = halved_edges(points, triangles, vertices)
        points[n_kept:] = mesh.find_closest_cell(points[n_kept:], return_closest_point=True)[1]
    return _outwards(ClosedSurface(fine.name, points, triangles))


def _outwards(surface: ClosedSurface) -> ClosedSurface:
    return surface if surface.volume_m3 > 0 else attrs.evolve(surface, triangles=surface.triangles[:, ::-1])


def _with_volume(surface: ClosedSurface, volume_m3: float) -> ClosedSurface:
    """The surface moved along its normals until it holds the volume: flat triangles cut corners off a round head."""
    vectors, normals = (make(surface.points_m, surface.triangles) for make in (area_vectors, point_normals))
    step = (volume_m3 - surface.volume_m3) / np.linalg.norm(vectors, axis=1).sum()
    return attrs.evolve(surface, points_m=surface.points_m + step * normals)
