"""How good a head model is: its mesh against its labels, the shape of its elements, its thin layers, its currents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.fem.locate import rasterize
from stimplan.head.electric_check import ElectricCheck, electric_check
from stimplan.head.interfaces import Interfaces, interfaces_of, label_contact_m2
from stimplan.head.kept import kept_names, read_kept
from stimplan.head.labelled import LabelVolume, tissue_of
from stimplan.head.levels import GridLevel, distance_m, voxel_sizes_m
from stimplan.head.library import load_head
from stimplan.head.mesher import Progress
from stimplan.head.model import HeadModel
from stimplan.head.nesting import nesting_of
from stimplan.head.shipped import SHIPPED_HEADS, shipped_volume
from stimplan.head.stuffing import quality
from stimplan.head.tissues import TISSUE_LABELS
from stimplan.percentiles import weighted_percentiles

# What the project asks of its own meshes; a finding says where a head misses it.
MOST_VOLUME_DIFFERENCE = 0.03
LEAST_QUALITY = 0.05
LEAST_FIRST_PERCENTILE = 0.25
MOST_RESIDUAL = 1e-6
MOST_IMBALANCE = 0.05
HISTOGRAM_BINS = 20
# Surface distances beyond this many voxels are counted as this.
CLIP_VOXELS = 12

# Layers that must keep two groups of tissues apart, wherever they do so in the labels.
LAYERS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("bone, between scalp and CSF or brain", ("scalp", "eyes", "muscle", "fat", "cartilage"),
     ("csf", "gray_matter", "white_matter")),
    ("CSF, between grey or white matter and bone", ("gray_matter", "white_matter"),
     ("bone", "compact_bone", "spongy_bone")),
)  # fmt: skip


@attrs.frozen
class TissueVolume:
    """Volume of a tissue in the mesh and in its labels, m³; None where there are no labels."""

    name: str
    volume_m3: float
    label_volume_m3: float | None

    @property
    def difference(self) -> float | None:
        """Relative to the labels."""
        return self.volume_m3 / self.label_volume_m3 - 1 if self.label_volume_m3 else None


@attrs.frozen
class SurfaceDistance:
    """How far a surface of the mesh is from that of the labels, m.

    Attributes
    ----------
    surface : str
        Tissue that it bounds, with all that lies in it.
    mean_m, p95_m : float
        From the triangles of the mesh to the faces of the label voxels, weighted by area.
    back_mean_m, back_p95_m : float
        From the faces of the label voxels to the mesh, looked up in the voxels; a fold that the mesh lost shows here.
    """

    surface: str
    mean_m: float
    p95_m: float
    back_mean_m: float
    back_p95_m: float


@attrs.frozen
class Layer:
    """Area over which a layer is missing, m²: in the mesh, and in the labels (None where there are none)."""

    name: str
    mesh_m2: float
    labels_m2: float | None

    @property
    def is_perforated(self) -> bool:
        """Whether the mesh has a hole where the labels have none, or larger holes than the labels."""
        return self.labels_m2 is not None and self.mesh_m2 > self.labels_m2


@attrs.frozen
class ElementShapes:
    """Quality of the tetrahedra, 12 (3V)^(2/3) / sum of squared edges: 1 regular, 0 flat.

    Attributes
    ----------
    worst, first_percentile, median : float
    counts : tuple of int
        Histogram over `HISTOGRAM_BINS` equal bins from 0 to 1.
    edge_median_m, edge_p95_m : float
        Lengths of the edges.
    """

    worst: float
    first_percentile: float
    median: float
    counts: tuple[int, ...]
    edge_median_m: float
    edge_p95_m: float


@attrs.frozen(eq=False)
class HeadQuality:
    """What is known about the quality of a head model.

    Attributes
    ----------
    head : HeadModel
    volume : LabelVolume or None
        The labels it was meshed from; None for a head that came as a mesh.
    tissues : tuple of TissueVolume
    surfaces : tuple of SurfaceDistance
        Empty without labels.
    layers : tuple of Layer
    shapes : ElementShapes
    electric : ElectricCheck
    findings : tuple of str
        What misses the limits; empty where all is well.
    """

    head: HeadModel
    volume: LabelVolume | None
    tissues: tuple[TissueVolume, ...]
    surfaces: tuple[SurfaceDistance, ...]
    layers: tuple[Layer, ...]
    shapes: ElementShapes
    electric: ElectricCheck
    findings: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """Everything but the head itself as plain JSON data."""
        return {
            "head": self.head.name,
            "nodes": len(self.head.nodes_m),
            "tetrahedra": len(self.head.tets),
            "tissues": [{**attrs.asdict(tissue), "difference": tissue.difference} for tissue in self.tissues],
            "surfaces": [attrs.asdict(surface) for surface in self.surfaces],
            "layers": [{**attrs.asdict(layer), "is_perforated": layer.is_perforated} for layer in self.layers],
            "shapes": {**attrs.asdict(self.shapes), "counts": list(self.shapes.counts)},
            "electric": attrs.asdict(self.electric),
            "findings": list(self.findings),
        }


def head_quality(
    head: HeadModel | str | Path, *, volume: LabelVolume | None = None, progress: Progress | None = None
) -> HeadQuality:
    """Examine a head model.

    Parameters
    ----------
    head : HeadModel, str or Path
        A model, or anything `load_head` takes.
    volume : LabelVolume, optional
        The labels it was meshed from. Found by itself for shipped and imported heads without lesions.
    progress : callable, optional
        Called as `progress(stage, fraction)`.

    Returns
    -------
    HeadQuality
        Takes about as long as a first solve on that head.

    Raises
    ------
    HeadError
        There is no such head.
    SolveError
        The electric check did not converge.
    """
    model = head if isinstance(head, HeadModel) else load_head(head, progress=progress)
    volume = labels_of(model) if volume is None else volume
    stages = iter((0.0, 0.3, 0.5, 1.0))

    def tell() -> None:
        if progress is not None:
            progress("examining", next(stages))

    tell()
    interfaces = interfaces_of(model.nodes_m, model.tets, model.tissue)
    voxels = _Voxels.of(volume) if volume is not None else None
    surfaces = _surfaces(model, voxels, interfaces) if voxels is not None else ()
    tell()
    tissues, layers, shapes = _tissues(model, voxels), _layers(model, voxels, interfaces), _shapes(model)
    tell()
    electric = electric_check(model)
    tell()
    findings = _findings(tissues, layers, shapes, electric)
    return HeadQuality(model, volume, tissues, surfaces, layers, shapes, electric, findings)


def labels_of(head: HeadModel) -> LabelVolume | None:
    """The labels that a shipped or imported head was meshed from; None where they are not known to be these."""
    if "lesions" in head.provenance or head.provenance.get("kind") != "label volume":
        return None
    if head.name in SHIPPED_HEADS:
        return shipped_volume(head.name)
    if head.name in kept_names():
        kept = read_kept(head.name)
        return kept.volume if kept.content == head.provenance.get("content_digest") else None
    return None


@attrs.frozen(eq=False)
class _Voxels:
    """A label volume in the numbers of the head, with a voxel of void around it: there the head ends."""

    tissue: NDArray[np.uint8]
    head_from_voxel: NDArray[np.float64]
    sizes_m: NDArray[np.float64]
    numbers: dict[str, int]

    @classmethod
    def of(cls, volume: LabelVolume) -> _Voxels:
        tissue, numbers = tissue_of(volume)
        affine = np.array(volume.head_from_voxel, dtype=np.float64)
        affine[:3, 3] -= affine[:3, :3].sum(axis=1)
        return cls(np.pad(tissue, 1), affine, voxel_sizes_m(affine), numbers)


def _tissues(head: HeadModel, voxels: _Voxels | None) -> tuple[TissueVolume, ...]:
    found_m3 = np.bincount(head.tissue, weights=head.volumes_m3, minlength=256)
    if voxels is None:
        return tuple(TissueVolume(t.name, float(found_m3[t.label]), None) for t in head.tissues)
    labels_m3 = np.bincount(voxels.tissue.ravel(), minlength=256) * float(np.prod(voxels.sizes_m))
    return tuple(
        TissueVolume(name, float(found_m3[number]), float(labels_m3[number])) for name, number in voxels.numbers.items()
    )


def _layers(head: HeadModel, voxels: _Voxels | None, interfaces: Interfaces) -> tuple[Layer, ...]:
    """The layers that a head has, with both groups that they keep apart."""
    names = {tissue.name for tissue in head.tissues}
    areas_m2 = interfaces.areas_m2
    found = []
    for layer, *groups in LAYERS:
        one, other = ([TISSUE_LABELS[name] for name in group if name in names] for group in groups)
        if one and other:
            mesh_m2 = float(areas_m2[interfaces.between(one, other)].sum())
            labels_m2 = None
            if voxels is not None:
                labels_m2 = label_contact_m2(voxels.tissue, voxels.sizes_m, one=one, other=other)
            found.append(Layer(layer, mesh_m2, labels_m2))
    return tuple(found)


def _shapes(head: HeadModel) -> ElementShapes:
    shape = quality(head.nodes_m, head.tets)
    counts, _ = np.histogram(np.clip(shape, 0, 1), bins=HISTOGRAM_BINS, range=(0, 1))
    pairs = np.concatenate([head.tets[:, [i, j]] for i in range(4) for j in range(i)])
    lengths_m = np.linalg.norm(head.nodes_m[pairs[:, 0]] - head.nodes_m[pairs[:, 1]], axis=1)
    edge_median_m, edge_p95_m = np.quantile(lengths_m, (0.5, 0.95))
    first, median = np.quantile(shape, (0.01, 0.5))
    return ElementShapes(
        float(shape.min()), float(first), float(median), tuple(counts.tolist()), float(edge_median_m), float(edge_p95_m)
    )


def _surfaces(head: HeadModel, voxels: _Voxels, interfaces: Interfaces) -> tuple[SurfaceDistance, ...]:
    """Distances of every surface that the mesher made, both ways."""
    nesting = nesting_of(voxels.tissue)
    bounded = [*nesting.shells, *(extra.label for extra in nesting.extras)]
    names = {number: name for name, number in voxels.numbers.items()}
    shape = voxels.tissue.shape
    at = rasterize(head.nodes_m, head.tets, shape=(shape[0], shape[1], shape[2]), affine_m=voxels.head_from_voxel)
    meshed = np.where(at >= 0, head.tissue[at], 0)
    areas_m2, centers_m = interfaces.areas_m2, interfaces.centers_m
    voxel_from_head = np.linalg.inv(voxels.head_from_voxel).astype(np.float64)
    found = []
    for number, region in zip(bounded, nesting.regions, strict=True):
        is_in = np.isin(np.arange(256), list(region))
        around = interfaces.around(region)
        level = _signed(is_in[voxels.tissue], voxels)
        away = np.abs(GridLevel(level, voxel_from_head)(centers_m[around]))
        back = _at_label_faces(is_in[voxels.tissue], _signed(is_in[meshed], voxels))
        found.append(SurfaceDistance(names[number], *_mean_p95(away, areas_m2[around]), *_mean_p95(back)))
    return tuple(found)


def _signed(region: NDArray[np.bool_], voxels: _Voxels) -> NDArray[np.float32]:
    """Signed distance of every voxel's centre to the faces of a region."""
    clip_m = CLIP_VOXELS * float(voxels.sizes_m.mean())
    return distance_m(region, voxels.sizes_m, clip_m) - distance_m(~region, voxels.sizes_m, clip_m)


def _at_label_faces(region: NDArray[np.bool_], signed_m: NDArray[np.float32]) -> NDArray[np.float64]:
    """Distances at the middles of the voxel faces that bound a region inside the volume."""
    found = []
    for axis in range(3):
        inside, value = np.moveaxis(region, axis, 0), np.moveaxis(signed_m, axis, 0)
        differs = inside[1:] != inside[:-1]
        found.append(np.abs(value[1:][differs] + value[:-1][differs]) / 2)
    return np.concatenate(found).astype(np.float64)


def _mean_p95(values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> tuple[float, float]:
    """Weighted mean and 95th percentile; 0 of nothing."""
    if not len(values):
        return 0.0, 0.0
    weights = np.ones(len(values)) if weights is None else weights
    (p95,) = weighted_percentiles(values, weights, 95)
    return float((values * weights).sum() / weights.sum()), p95


def _findings(
    tissues: tuple[TissueVolume, ...], layers: tuple[Layer, ...], shapes: ElementShapes, electric: ElectricCheck
) -> tuple[str, ...]:
    """What misses the limits; each comparison says what must hold, so that NaN is found too."""
    found = []
    for tissue in tissues:
        if tissue.difference is not None and not abs(tissue.difference) <= MOST_VOLUME_DIFFERENCE:
            what = f"volume of {tissue.name.replace('_', ' ')} {tissue.difference:+.1%} against the labels"
            found.append(f"{what} (aim ±{MOST_VOLUME_DIFFERENCE:.0%})")
    for layer in layers:
        if layer.is_perforated:
            mesh_cm2, labels_cm2 = layer.mesh_m2 * 1e4, (layer.labels_m2 or 0.0) * 1e4
            found.append(
                f"{layer.name}: missing over {mesh_cm2:.3g} cm² of the mesh, {labels_cm2:.3g} cm² of the labels"
            )
    for name, value, least in (
        ("worst", shapes.worst, LEAST_QUALITY),
        ("first percentile", shapes.first_percentile, LEAST_FIRST_PERCENTILE),
    ):
        if not value >= least:
            found.append(f"quality of the tetrahedra: {name} {value:.3g} (aim at least {least:g})")
    if not electric.residual <= MOST_RESIDUAL:
        found.append(f"residual of the electric check {electric.residual:.2g} (at most {MOST_RESIDUAL:g})")
    if not abs(electric.balance) <= MOST_IMBALANCE:
        found.append(f"the field carries {1 + electric.balance:.1%} of the current ({electric.where})")
    return tuple(found)
