"""The figures of the lessons, computed from their own protocols on the teaching mesh of the bundled head.

A lesson's text quotes a figure by its name; `tests/test_lessons.py` computes each again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import attrs
import numpy as np
from numpy.typing import NDArray

from stimplan.app.lessons.reading import scene_protocol
from stimplan.fem.assemble import load_vector
from stimplan.fem.interference import modulation_depth
from stimplan.field import Field, solve
from stimplan.head import HeadModel, load_head
from stimplan.placement import place
from stimplan.protocol import Protocol
from stimplan.roi import focality, measure_cortex, patch_roi, weighted_percentiles

INSIDE_SKULL = ("white_matter", "gray_matter", "csf")
# What counts as superficial and as deep in the lesson about interference: distance from the scalp.
SHALLOW_M, DEEP_M = 0.030, 0.055
_PATCH_MM = 20.0


@attrs.frozen(eq=False, slots=False)
class Model:
    """The head of the lessons; fields are solved once.

    Attributes
    ----------
    head : HeadModel
    """

    head: HeadModel

    def field(self, lesson: str, scene: str, *, as_if: Mapping[str, str] | None = None) -> Field:
        """Field of a scene; `as_if` gives tissues the conductivity of another one."""
        # Scenes that differ in their names only share a field.
        plain = attrs.evolve(scene_protocol(lesson, scene), id="lesson", title=None)
        return _field(self, plain, tuple(sorted((as_if or {}).items())))

    def percentile_V_per_m(self, field: Field, percent: float) -> float:
        """Percentile of |E| over the volume of grey matter, V/m."""
        mask = self.head.in_tissue("gray_matter")
        (value,) = weighted_percentiles(field.magnitude_V_per_m[mask], self.head.volumes_m3[mask], [percent])
        return value


@cache
def teaching_model() -> Model:
    """The bundled head on its teaching mesh."""
    return Model(load_head("colin27", edge_mm="teaching"))


@cache
def _field(model: Model, protocol: Protocol, as_if: tuple[tuple[str, str], ...]) -> Field:
    head = model.head
    if as_if:
        sigma = {tissue: head.tissue_named(other).conductivity_S_per_m for tissue, other in as_if}
        head = head.with_conductivities(sigma)
    return solve(head, place(protocol, model.head, electrode_model="complete"))


def current_into_A(field: Field, tissues: tuple[str, ...]) -> float:
    """Current that enters a set of tissues through its surface, A; as much leaves it elsewhere.

    Each node of the surface has its share of the flux by the weak form, integral of J . grad(phi_i) over the set;
    those shares sum to zero. On a layered sphere the entering sum agrees with the closed form within 0.1 %
    (see tests/test_lessons.py).
    """
    head = field.head
    inside = np.zeros(len(head.tets), dtype=bool)
    for name in tissues:
        inside |= head.in_tissue(name)
    shares = load_vector(field.J_A_per_m2[inside], head.nodes_m, head.tets[inside])
    return float(-shares[shares < 0].sum())


def _share(lesson: str, scene: str, as_if: Mapping[str, str] | None = None) -> Callable[[Model], float]:
    """Percent of the current that gets inside the skull."""

    def compute(model: Model) -> float:
        field = model.field(lesson, scene, as_if=as_if)
        into = sum(one.current_A for one in scene_protocol(lesson, scene).electrodes if one.current_A > 0)
        return 100 * current_into_A(field, INSIDE_SKULL) / into

    return compute


def _percentile(
    lesson: str, scene: str, percent: float, as_if: Mapping[str, str] | None = None
) -> Callable[[Model], float]:
    return lambda model: model.percentile_V_per_m(model.field(lesson, scene, as_if=as_if), percent)


def _density(tissue: str) -> Callable[[Model], float]:
    """Mean current density of a tissue, A/m²."""

    def compute(model: Model) -> float:
        field, mask = model.field("csf", "pads"), model.head.in_tissue(tissue)
        sizes, volumes = np.linalg.norm(field.J_A_per_m2[mask], axis=1), model.head.volumes_m3[mask]
        return float(sizes @ volumes / volumes.sum())

    return compute


def _strong_ml(scene: str) -> Callable[[Model], float]:
    """Grey matter above half of its own 99.9th percentile, ml."""
    return lambda model: 1e6 * focality(model.field("ring", scene)).volume_m3


def _under_c3(scene: str, name: str, factor: float = 1.0) -> Callable[[Model], float]:
    """A figure of the cortex within 20 mm below C3."""

    def compute(model: Model) -> float:
        found = measure_cortex(model.field("polarity", scene), patch_roi(site="C3", radius_mm=_PATCH_MM))
        return factor * float(getattr(found, name))

    return compute


def _depths(model: Model) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tetrahedra of the brain near the scalp, and far from it."""
    from scipy.spatial import cKDTree

    head = model.head
    away = cKDTree(head.nodes_m[np.unique(head.scalp)]).query(head.centers_m)[0]
    brain = head.in_tissue("gray_matter") | head.in_tissue("white_matter")
    return brain & (away < SHALLOW_M), brain & (away > DEEP_M)


@cache
def _pairs(model: Model) -> NDArray[np.float64]:
    """(2, m, 3) field of each pair of the interference, V/m."""
    protocol = scene_protocol("interference", "both")
    placement = place(protocol, model.head, electrode_model="complete")
    fields = [
        solve(
            model.head,
            placement,
            currents_A=[one.current_A if one.channel == channel else 0.0 for one in protocol.electrodes],
        )
        for channel in (1, 2)
    ]
    return np.stack([field.E_V_per_m for field in fields])


def _envelope(is_deep: bool, percent: float) -> Callable[[Model], float]:
    """Percentile of the modulation depth, peak to trough, V/m."""

    def compute(model: Model) -> float:
        mask = _depths(model)[is_deep]
        depth = modulation_depth(_pairs(model)[:, mask])[0]
        return weighted_percentiles(depth, model.head.volumes_m3[mask], [percent])[0]

    return compute


def _carrier(is_deep: bool, percent: float) -> Callable[[Model], float]:
    """Percentile of the left pair's own field, V/m."""

    def compute(model: Model) -> float:
        mask = _depths(model)[is_deep]
        sizes = np.linalg.norm(_pairs(model)[0, mask], axis=1)
        return weighted_percentiles(sizes, model.head.volumes_m3[mask], [percent])[0]

    return compute


_BONE_AS_SCALP = {"compact_bone": "scalp", "spongy_bone": "scalp"}
_CSF_AS_GREY = {"csf": "gray_matter"}

# lesson -> name of a figure -> how it is computed
FIGURES: Mapping[str, Mapping[str, Callable[[Model], float]]] = MappingProxyType(
    {
        "skin": {
            "far": _share("skin", "far"),
            "near": _share("skin", "near"),
            "bone_as_scalp": _share("skin", "far", _BONE_AS_SCALP),
        },
        "csf": {
            "median": _percentile("csf", "pads", 50),
            "median_without": _percentile("csf", "pads", 50, _CSF_AS_GREY),
            "strong": _percentile("csf", "pads", 99.9),
            "strong_without": _percentile("csf", "pads", 99.9, _CSF_AS_GREY),
            "density_csf": _density("csf"),
            "density_grey": _density("gray_matter"),
        },
        "ring": {
            "pads_volume": _strong_ml("pads"),
            "ring_volume": _strong_ml("ring"),
            "pads_strong": _percentile("ring", "pads", 99.9),
            "ring_strong": _percentile("ring", "ring", 99.9),
            "pads_median": _percentile("ring", "pads", 50),
            "ring_median": _percentile("ring", "ring", 50),
            "pads_share": _share("ring", "pads"),
            "ring_share": _share("ring", "ring"),
        },
        "polarity": {
            "inward_anode": _under_c3("anode", "share_in", 100),
            "inward_cathode": _under_c3("cathode", "share_in", 100),
            "normal_anode": _under_c3("anode", "mean_inward_normal_V_per_m"),
            "normal_cathode": _under_c3("cathode", "mean_inward_normal_V_per_m"),
            "size_anode": _under_c3("anode", "mean_V_per_m"),
            "size_cathode": _under_c3("cathode", "mean_V_per_m"),
            "along": _under_c3("anode", "mean_tangential_V_per_m"),
        },
        "distance": {
            f"{what}_{scene}": compute
            for scene in ("c1", "cz", "c4", "t8")
            for what, compute in (
                ("share", _share("distance", scene)),
                ("strong", _percentile("distance", scene, 99.9)),
                ("median", _percentile("distance", scene, 50)),
            )
        },
        "interference": {
            "envelope_deep": _envelope(True, 50),
            "envelope_shallow": _envelope(False, 50),
            "envelope_deep_most": _envelope(True, 99.9),
            "carrier_deep": _carrier(True, 99),
            "carrier_shallow": _carrier(False, 99),
        },
    }
)


def compute_figure(lesson: str, name: str, model: Model | None = None) -> float:
    """One figure of a lesson, computed now.

    Raises
    ------
    KeyError
        There is no such lesson or figure.
    """
    return FIGURES[lesson][name](model or teaching_model())
