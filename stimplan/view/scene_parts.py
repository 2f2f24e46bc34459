"""What a 3-D scene is made of, whoever draws it: surfaces, their colours, words at places.

A `Scene` is plain data. `stimplan.view.scene_html` makes it a page that needs nothing else, `scene_glb` a model for
other programs, `scene_window` a pyvista scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from stimplan.exposure import Exposure, exposure_of
from stimplan.head.model import HeadModel
from stimplan.notice import NOTICE
from stimplan.roi import default_tissue, field_on_cortex, measure_map, weighted_percentiles
from stimplan.values import frozen_array
from stimplan.view.paper import FIELD_CMAP, electrode_text, shown_currents_A, sign_colour
from stimplan.view.scene import VIEWS, brain_surface
from stimplan.view.scene_cut import CutVolume, cut_volume
from stimplan.view.style import BRAIN, DEPTH_CMAP, SKIN, ColourRange, signed_cmap

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

    from stimplan.field import Field
    from stimplan.placement import Placement
    from stimplan.roi import Roi
    from stimplan.runs.result import RunResult
    from stimplan.view.drawable import Drawable

# A finer surface is thinned to so many triangles for the page; the numbers of the report are those of the mesh.
MOST_TRIANGLES = 160_000
_SCALP_OPACITY = 0.22
# Of a coil's blocks so many are in one scene: more would hide each other, and make the page heavy.
MOST_BLOCKS = 4


def _points(values: ArrayLike) -> NDArray[np.float64]:
    return frozen_array(values, name="points", shape=(None, 3))


def _triangles(values: ArrayLike) -> NDArray[np.int64]:
    return frozen_array(values, name="triangles", shape=(None, 3), dtype=np.int64)


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    return frozen_array(values, name="position", shape=(3,))


@attrs.frozen(eq=False)
class Shade:
    """One set of values on a surface and how they are coloured.

    Attributes
    ----------
    range : ColourRange
    values : (p,) array
        At the layer's points, in the unit of the range; NaN where there is none, drawn grey.
    colours : (256, 3) uint8 array
        sRGB, from the low end to the high end.
    """

    range: ColourRange
    values: NDArray[np.float64]
    colours: NDArray[np.uint8]


@attrs.frozen(eq=False)
class Layer:
    """One surface of a scene.

    Attributes
    ----------
    id, title : str
    group : str
        Layers of one group are shown and hidden together: "cortex", "scalp", "electrodes", "coil".
    points_m : (p, 3) array
    triangles : (k, 3) int array
        Oriented outwards.
    colour : str
        "#rrggbb", where no values colour it.
    opacity : float
        0 to 1.
    shades : tuple of Shade
        What can colour it; the first is shown first.
    is_cut : bool
        Whether the cut plane takes a part away.
    """

    id: str
    title: str
    group: str
    points_m: NDArray[np.float64] = attrs.field(converter=_points)
    triangles: NDArray[np.int64] = attrs.field(converter=_triangles)
    colour: str
    opacity: float = 1.0
    shades: tuple[Shade, ...] = ()
    is_cut: bool = True


@attrs.frozen(eq=False)
class Label:
    """Words at a place: an electrode's site and current, the handle of a coil."""

    text: str
    point_m: NDArray[np.float64] = attrs.field(converter=_vector)
    colour: str
    group: str


@attrs.frozen(eq=False)
class Scene:
    """Everything that is shown.

    Attributes
    ----------
    title : str
    layers : tuple of Layer
    labels : tuple of Label
    view : (3,) array
        Direction from the head to the eye at the start.
    caution : str
        Stands above the scene where it is not empty: a verdict that is no pass.
    notice : str
    digest : str
        Of the field that colours it; "" without one.
    mni_from_scene : (4, 4) array or None
        For positions a reader asks about; None where they are given in head coordinates.
    cut : CutVolume or None
        What a cut through the head shows.
    """

    title: str
    layers: tuple[Layer, ...]
    labels: tuple[Label, ...] = ()
    view: NDArray[np.float64] = attrs.field(default=VIEWS["front left"], converter=_vector)
    caution: str = ""
    notice: str = NOTICE
    digest: str = ""
    mni_from_scene: NDArray[np.float64] | None = None
    cut: CutVolume | None = None


def scene_of_run(result: RunResult) -> Scene:
    """The scene of a run: cortex with every map, scalp, electrodes or coil, the verdict where it is no pass."""
    from stimplan.view.drawable import drawable_of

    return scene_of_drawable(drawable_of(result))


def scene_of_drawable(shown: Drawable) -> Scene:
    """The same of a run that was computed now or lies in a folder."""
    from stimplan.describe import title_of

    caution = "" if shown.verdict == "pass" else f"Safety verdict: {shown.verdict}."
    title, roi, roi_name = title_of(shown.protocol), shown.target, shown.target_name
    blocks = shown.blocks[:MOST_BLOCKS]
    if len(blocks) < 2:
        scene = scene_of(shown.exposure, title=title, caution=caution, roi=roi, roi_name=roi_name)
        return attrs.evolve(scene, digest=shown.digest)
    scenes = [
        scene_of(one.exposure, title=title, caution=caution, name=one.label, roi=None if at else roi, roi_name=roi_name)
        for at, one in enumerate(blocks)
    ]
    return attrs.evolve(together(scenes, [one.label for one in blocks]), digest=shown.digest)


def together(scenes: Sequence[Scene], names: Sequence[str]) -> Scene:
    """Scenes of one head as one: every field is a choice of colours, named; every coil is there."""
    first, *others = scenes
    cortices = [next(one for one in scene.layers if one.group == "cortex") for scene in scenes]
    shades = [
        attrs.evolve(shade, range=attrs.evolve(shade.range, what=f"{name}: {shade.range.what}"))
        for name, cortex in zip(names, cortices, strict=True)
        for shade in cortex.shades
    ]
    more = [one for scene in others for one in scene.layers if one.group not in ("cortex", "scalp")]
    layers = [attrs.evolve(one, shades=tuple(shades)) if one is cortices[0] else one for one in first.layers]
    labels = [label for scene in scenes for label in scene.labels]
    return attrs.evolve(first, layers=(*layers, *more), labels=tuple(labels), cut=_cut_together(scenes, cortices))


def _cut_together(scenes: Sequence[Scene], cortices: Sequence[Layer]) -> CutVolume | None:
    """The cut of the first scene with the values of all, by the numbers their shades have in the common scene."""
    if scenes[0].cut is None:
        return None
    values: dict[int, NDArray[np.float64]] = {}
    before = 0
    for scene, cortex in zip(scenes, cortices, strict=True):
        if scene.cut is not None:
            values |= {before + at: field for at, field in scene.cut.values.items()}
        before += len(cortex.shades)
    return attrs.evolve(scenes[0].cut, values=values)


def scene_of(
    shown: Field | Exposure,
    *,
    title: str,
    caution: str = "",
    name: str = "",
    roi: Roi | None = None,
    roi_name: str = "",
) -> Scene:
    """The scene of a field: the cortex coloured by its maps, the scalp, what stimulates, the region asked about.

    Parameters
    ----------
    shown : Field or Exposure
    title : str
    caution : str
        Stands above the scene.
    name : str
        Of the block of pulses, where there are several.
    roi : region, optional
        Its rim on the brain is shown, by the name `roi_name`.
    """
    exposure = exposure_of(shown)
    field = exposure.field
    head, placement = field.head, field.placement
    layers = [cortex_layer(head, shades_of(exposure)), scalp_layer(head)]
    bodies, labels, view = _stimulating(placement, name)
    layers += bodies
    if roi is not None:
        from stimplan.view.scene_target import target_layers

        rim, words = target_layers(head, roi, roi_name)
        layers, labels = [*layers, *rim], [*labels, *words]
    is_affine = head.mni_from_head is not None and head.warp is None
    return Scene(
        title=title,
        layers=tuple(layers),
        labels=tuple(labels),
        view=view,
        caution=caution,
        digest=exposure.digest,
        mni_from_scene=head.mni_from_head if is_affine else None,
        cut=cut_volume(exposure),
    )


def _stimulating(placement: Any, name: str) -> tuple[list[Layer], list[Label], NDArray[np.float64]]:
    """Bodies and labels of electrodes or of a coil, and from where they are seen best."""
    if placement is None:
        return [], [], np.array(VIEWS["front left"])
    if not hasattr(placement, "coil"):
        return *electrode_layers(placement), facing(placement)
    from stimplan.pose import CoilPose
    from stimplan.view.scene_coil import coil_layers

    pose = CoilPose(placement.pose_m)
    return *coil_layers(placement.coil, pose, name=name), np.array([0.0, 0.0, 0.25]) - pose.z


def shades_of(exposure: Exposure) -> tuple[NDArray[np.int64], tuple[Shade, ...]]:
    """Every map of an exposure on the surface of the brain, the main one first.

    Returns
    -------
    triangles : (k, 3) int array
        Into the head's nodes.
    shades : tuple of Shade
        Values at all of the head's nodes. For a direct current the component through the cortex is one of them.
    """
    head = exposure.field.head
    tissue = default_tissue(head)
    ends = f"to the 99.9th percentile of {tissue.replace('_', ' ').replace('gray', 'grey')}"
    found = []
    for one in exposure.maps:
        high = measure_map(head, one.values_V_per_m).p999_V_per_m or 1e-12
        cmap = DEPTH_CMAP if one.id == "envelope" else FIELD_CMAP
        found.append(_shade(ColourRange(0.0, high, one.title, "V/m", ends), exposure.at_nodes(tissue, one.id), cmap))
    if exposure.main.id == "magnitude":
        surface = field_on_cortex(exposure.field)
        inward = np.full(len(head.nodes_m), np.nan)
        inward[surface.cortex.nodes] = surface.inward_V_per_m
        (limit,) = weighted_percentiles(np.abs(surface.inward_V_per_m), surface.cortex.area_m2, 99.9)
        limit = limit or 1e-12
        ends = "out of the cortex (−), into it (+); to the 99.9th percentile of its size"
        found.append(_shade(ColourRange(-limit, limit, "Through the cortex", "V/m", ends), inward, signed_cmap()))
    return np.asarray(brain_surface(head), np.int64), tuple(found)


def _shade(what: ColourRange, values: NDArray[np.floating[Any]], cmap: str | Colormap) -> Shade:
    return Shade(what, np.asarray(values, np.float64), colour_table(cmap))


def colour_table(cmap: str | Colormap) -> NDArray[np.uint8]:
    """(256, 3) sRGB colours of a colour map, from its low end to its high end."""
    import matplotlib

    chosen = matplotlib.colormaps[cmap] if isinstance(cmap, str) else cmap
    table: NDArray[np.uint8] = np.rint(255 * chosen(np.linspace(0, 1, 256))[:, :3]).astype(np.uint8)
    return table


def cortex_layer(head: HeadModel, coloured: tuple[NDArray[np.int64], tuple[Shade, ...]] | None = None) -> Layer:
    """The surface of the brain, coloured by values at the head's nodes where there are any.

    Parameters
    ----------
    head : HeadModel
    coloured : (triangles, shades), optional
        As `shades_of` gives them.
    """
    triangles, shades = (np.asarray(brain_surface(head), np.int64), ()) if coloured is None else coloured
    return _layer_of(head, triangles, shades, id="cortex", title="Cortex", group="cortex", colour=BRAIN)


def scalp_layer(head: HeadModel, opacity: float = _SCALP_OPACITY) -> Layer:
    """The skin, seen through."""
    triangles = np.asarray(head.scalp, np.int64)
    return _layer_of(head, triangles, (), id="scalp", title="Scalp", group="scalp", colour=SKIN, opacity=opacity)


def _layer_of(head: HeadModel, triangles: NDArray[np.int64], shades: tuple[Shade, ...], **more: Any) -> Layer:
    nodes, local = np.unique(triangles, return_inverse=True)
    points, faces = head.nodes_m[nodes], local.reshape(-1, 3)
    values = [one.values[nodes] for one in shades]
    if len(faces) > MOST_TRIANGLES:
        points, faces, values = _thinned(points, faces, values)
    kept = tuple(attrs.evolve(one, values=own) for one, own in zip(shades, values, strict=True))
    return Layer(points_m=points, triangles=faces, shades=kept, **more)


def _thinned(points_m: Any, triangles: Any, values: list[Any]) -> tuple[Any, Any, list[Any]]:
    """A surface of fewer triangles, each of its points with the values of the nearest old one."""
    import pyvista
    from scipy.spatial import cKDTree

    share = 1 - MOST_TRIANGLES / len(triangles)
    fewer = pyvista.PolyData.from_regular_faces(np.array(points_m), np.array(triangles)).decimate_pro(
        share, preserve_topology=True
    )
    _, nearest = cKDTree(points_m).query(fewer.points)
    return np.asarray(fewer.points, float), fewer.regular_faces, [one[nearest] for one in values]


def electrode_layers(placement: Placement) -> tuple[list[Layer], list[Label]]:
    """The body of each electrode in the colour of its current's sign, and its site and current."""
    from stimplan.view.pads import pad_mesh

    layers, labels = [], []
    currents = shown_currents_A([patch.electrode for patch in placement.electrodes])
    for patch, current in zip(placement.electrodes, currents, strict=True):
        body, electrode, colour = pad_mesh(placement.head, patch), patch.electrode, sign_colour(current)
        layers.append(
            Layer(
                id=f"electrode: {electrode.label}", title=electrode.label, group="electrodes", colour=colour,
                points_m=body.points, triangles=body.regular_faces, is_cut=False,
            )
        )  # fmt: skip
        words = f"{electrode.label}\n{electrode_text(electrode)}"
        labels.append(Label(words, patch.center_m + 0.012 * patch.normal, colour, "electrodes"))
    return layers, labels


def facing(placement: Placement) -> NDArray[np.float64]:
    """Direction from which the electrodes are seen best: the first of the two of the montage's picture."""
    from stimplan.view.montage import best_views

    return np.asarray(VIEWS[best_views(placement)[0]], float)
