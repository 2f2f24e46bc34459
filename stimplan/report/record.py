"""A run as plain data: what `summary.json` holds, and all the report is made from."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import numpy as np

import stimplan
from stimplan.exchange import volume_names
from stimplan.exchange.result_record import RECORD_VERSION
from stimplan.head.space import has_mni, mapping_notice, rotations_to_mni, to_mni_m
from stimplan.head.tape_sites import nearest_site
from stimplan.notice import NOTICE
from stimplan.protocol import dump_protocol
from stimplan.report.coil_record import coil_record
from stimplan.report.methods import reporting_record
from stimplan.report.plain import plain
from stimplan.roi import RIM_CAUTION, SKULL_CAUTION, SUPPLY_FORMULA

if TYPE_CHECKING:
    from stimplan.head import HeadModel
    from stimplan.peaks import Voltages
    from stimplan.pipeline import RunResult
    from stimplan.placement import Patch, Placement
    from stimplan.regional import Measures

# The packages whose version can change a digit of the result.
_PACKAGES = ("numpy", "scipy", "numba", "pyamg", "mne", "pyvista")


def run_record(result: RunResult) -> dict[str, Any]:
    """Everything about a run as JSON data: SI values with the unit in the key, nothing that differs between reruns.

    Returns
    -------
    dict
        Keys `verdict`, `protocol`, `safety`, `montage` or `coil` (the other is None), `field`, `numerics`, `head`,
        `provenance`, `reporting`, `files`.
    """
    field, fields = result.field, result.exposure.fields
    iterations = [one.iterations for one in fields.values() if one.iterations is not None]
    return {
        "record_version": RECORD_VERSION,
        "notice": NOTICE,
        "verdict": result.report.verdict,
        "is_simulated_despite_verdict": result.report.verdict in ("stop", "unknown"),
        "protocol": {**json.loads(dump_protocol(result.protocol)), "digest": result.protocol.digest},
        "person": {"id": result.subject.id, "digest": result.subject.digest} if result.subject else None,
        "safety": result.report.record(),
        "montage": _montage(result),
        "coil": None if result.coil is None else coil_record(result.coil, result.quantities),
        "field": field_record(result),
        "numerics": {
            "nodes": len(result.head.nodes_m),
            "tetrahedra": len(result.head.tets),
            "residual": max(float(one.residual) for one in fields.values()),
            "iterations": max(iterations) if iterations else None,
            "tolerance": field.provenance["tolerance"],
            "relative_error_estimate": result.metrics.relative_error_estimate,
        },
        "head": head_record(result.head),
        "provenance": provenance_record(field.provenance),
        "reporting": reporting_record(result.protocol),
        "files": dict(result.files),
    }


def _montage(result: RunResult) -> dict[str, Any] | None:
    """The electrodes; None for a coil, whose record has the key `coil` instead."""
    if result.coil is not None:
        return None
    assert result.voltages is not None
    return montage_record(cast("Placement", result.placement), result.voltages, result.measures)


def field_record(result: RunResult) -> dict[str, Any]:
    """The field in numbers: `in_tissue` and `at_target` are those of `map`, `maps` has every map of the waveform."""
    main = result.exposure.main
    return {
        "tissue": result.tissue,
        "map": {"id": main.id, "title": main.title, "symbol": main.symbol, "meaning": main.meaning},
        "in_tissue": plain(result.metrics),
        "at_target": plain(result.target_metrics),
        "maps": plain(result.maps),
        "along": plain(result.along),
        "focality": plain(result.measures.focality),
        "cortex": plain(result.measures.cortex),
        "cortex_note": result.measures.cortex_note,
        "regions": plain(result.measures.regions),
        "frequencies": plain(result.frequencies),
        "brain_current_density": plain(result.quantities) if result.coil is None else {},
        "digest": result.exposure.digest,
        "volumes": list(volume_names(result.exposure)),
        "parts": {
            name: {
                "currents_A": plain(field.provenance.get("currents_A")),
                "residual": float(field.residual),
                "iterations": field.iterations,
                "digest": field.digest,
            }
            for name, field in result.exposure.fields.items()
        },
    }


def montage_record(placement: Placement, voltages: Voltages, measures: Measures) -> dict[str, Any]:
    """Where each electrode came to lie, what it covers, its potential, and the load on the skin and bone below it."""
    return {
        "potential_is": voltages.meaning,
        "supply_V": voltages.supply_V,
        "supply_by_contact": [{"contact_ohm": R, "supply_V": U} for R, U in voltages.with_contact_V.items()],
        "supply_formula": SUPPLY_FORMULA,
        "head_ohm": voltages.head_ohm,
        "rim_caution": RIM_CAUTION,
        "skull_caution": SKULL_CAUTION,
        "electrode_model": placement.electrode_model,
        "notices": list(placement.notices),
        "electrodes": [
            {
                **patch_record(patch, float(potential)),
                "center_mni_m": _in_mni(placement.head, patch),
                "up_mni": _up_in_mni(placement.head, patch),
                "nearest_site": _nearest(placement.head, patch),
                "placed_by": patch.how or None,
                "skin": plain(load),
                "skull": plain(skull),
            }
            for patch, potential, load, skull in zip(
                placement.electrodes, voltages.potential_V, measures.electrodes, measures.skull, strict=True
            )
        ],
    }


def patch_record(patch: Patch, potential_V: float) -> dict[str, Any]:
    """One electrode on the scalp, in SI."""
    electrode = patch.electrode
    area = float(np.sum(patch.area_m2))
    return {
        "label": electrode.label,
        "site": plain(electrode.site),
        "shape": {"kind": type(electrode.shape).__name__.lower(), **plain(electrode.shape)},
        "layers": plain(electrode.layers),
        "current_A": electrode.current_A,
        "area_m2": area,
        "mean_current_density_A_per_m2": electrode.current_A / area,
        "center_m": plain(patch.center_m),
        "up": plain(patch.up),
        "offset_m": float(patch.offset_m),
        "potential_V": plain(potential_V),
    }


def _in_mni(head: HeadModel, patch: Patch) -> Any:
    return plain(to_mni_m(head, patch.center_m)) if has_mni(head) else None


def _up_in_mni(head: HeadModel, patch: Patch) -> Any:
    """Where its height points in MNI space: pictures made of the files lay it down there."""
    if not has_mni(head):
        return None
    return plain(rotations_to_mni(head, patch.center_m).reshape(3, 3) @ patch.up)


def _nearest(head: HeadModel, patch: Patch) -> dict[str, Any] | None:
    """The 10-05 site nearest to where an electrode came to lie."""
    found = nearest_site(head, patch.center_m)
    return None if found is None else {"name": found[0], "distance_m": found[1]}


def head_record(head: HeadModel) -> dict[str, Any]:
    """Which head it was, with the conductivity of each tissue and its source."""
    volumes = np.bincount(head.tissue, head.volumes_m3, 256)
    return {
        "name": head.name,
        "digest": head.digest,
        "has_mni": has_mni(head),
        "mni_by": None if not has_mni(head) else "affine" if head.warp is None else head.warp.source or "deformation",
        "mni_notice": mapping_notice(head, head.nodes_m) if has_mni(head) else None,
        "tissues": [{**plain(tissue), "volume_m3": float(volumes[tissue.label])} for tissue in head.tissues],
        "provenance": plain(head.provenance),
    }


def provenance_record(field_provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What computed it: this program, the packages under it, and how the field was solved."""
    return {
        "stimplan": stimplan.__version__,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "field": plain(field_provenance),
    }


def json_text(record: Any) -> str:
    """Strict JSON, indented, ends in a newline."""
    return json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
